/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Breakpad's own streams.
 *
 * A part of minidump/format.h, which says where it is from; whoever needs it includes that.
 */
#ifndef INQ_MINIDUMP_FORMAT_BREAKPAD_H
#define INQ_MINIDUMP_FORMAT_BREAKPAD_H

#include "minidump/format.h"

enum {
	MD_BREAKPAD_DUMP_THREAD_VALID = 1,
	MD_BREAKPAD_REQUESTING_THREAD_VALID = 2,
};

struct MD_PACKED md_breakpad_info {
	uint32_t validity;       /* MD_BREAKPAD_* */
	uint32_t dump_thread_id; /* thread that wrote the dump */
	uint32_t requesting_thread_id; /* thread that asked for it */
};
MD_ASSERT_SIZE(md_breakpad_info, 12);

struct MD_PACKED md_assertion_info {
	uint16_t expression[128]; /* UTF-16, NUL-terminated */
	uint16_t function[128];
	uint16_t file[128];
	uint32_t line;
	uint32_t type; /* 0 unknown, 1 invalid parameter, 2 pure virtual call */
};
MD_ASSERT_SIZE(md_assertion_info, 776);

/* The loader's r_debug of a 32-bit process; its dynamic section follows to the stream's end. */
struct MD_PACKED md_dso_debug32 {
	uint32_t version;
	uint32_t map_rva; /* struct md_link_map32[dso_count] */
	uint32_t dso_count;
	uint32_t brk;
	uint32_t ldbase;
	uint32_t dynamic;
};
MD_ASSERT_SIZE(md_dso_debug32, 24);

struct MD_PACKED md_link_map32 {
	uint32_t address;  /* l_addr */
	uint32_t name_rva; /* struct md_string, UTF-16 */
	uint32_t dynamic;  /* l_ld */
};
MD_ASSERT_SIZE(md_link_map32, 12);

/* The same of a 64-bit process, with the padding that the compiler of Breakpad's writer left. */
struct MD_PACKED md_dso_debug64 {
	uint32_t version;
	uint32_t map_rva; /* struct md_link_map64[dso_count] */
	uint32_t dso_count;
	uint32_t reserved;
	uint64_t brk;
	uint64_t ldbase;
	uint64_t dynamic;
};
MD_ASSERT_SIZE(md_dso_debug64, 40);

struct MD_PACKED md_link_map64 {
	uint64_t address;  /* l_addr */
	uint32_t name_rva; /* struct md_string, UTF-16 */
	uint32_t reserved;
	uint64_t dynamic; /* l_ld */
};
MD_ASSERT_SIZE(md_link_map64, 24);

#endif
