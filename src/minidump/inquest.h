/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The stream that inquest adds to the format: how a dump came about.
 *
 * Nothing that another reader needs is in it. A reader takes the first `size` bytes that it knows;
 * later versions only append. Definitions only; usable anywhere.
 */
#ifndef INQ_MINIDUMP_INQUEST_H
#define INQ_MINIDUMP_INQUEST_H

#include "minidump/format.h"

#define MD_STREAM_INQUEST_INFO 0x496e0001u /* "In" */

/* For md_inquest_info.flags. */
enum {
	MD_INQUEST_HELD_KNOWN = 1, /* held_us is valid */
	MD_INQUEST_INCOMPLETE =
		2, /* something that was asked for is missing; the comment says what */
};

struct MD_PACKED md_inquest_info {
	uint32_t size;  /* bytes of this structure as it was written */
	uint32_t flags; /* MD_INQUEST_* */
	uint64_t held_us;        /* how long the process had to wait for us, microseconds */
	uint64_t dump_time;      /* seconds since 1970; the header's has 32 bits */
	uint64_t memory_wanted;  /* bytes of the process that were planned */
	uint64_t memory_missing; /* bytes of these that could not be read */
	uint32_t threads;
	uint32_t empty_stacks;   /* threads whose stack pointer leads nowhere */
	uint32_t cut_stacks;     /* threads whose stack was longer than is kept */
	uint32_t uid;            /* of the process, real; UINT32_MAX unknown */
	uint32_t gid;
	uint32_t ppid;           /* 0 unknown */
	char options[24];        /* "m", "mF": what was asked for; NUL-terminated */
	char writer[24];         /* "inquest 0.1.0"; NUL-terminated */
};
MD_ASSERT_SIZE(md_inquest_info, 112);
MD_ASSERT_AT(md_inquest_info, options, 64);

#endif
