/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What inquest adds to the format: the stream that says how a dump came about, the kernel's side of
 * the threads, what Linux knows of a descriptor, and of whom a process is.
 *
 * Nothing that another reader needs is in it. A reader takes the first `size` bytes that it knows;
 * later versions only append. Definitions only; usable anywhere.
 */
#ifndef INQ_MINIDUMP_INQUEST_H
#define INQ_MINIDUMP_INQUEST_H

#include "minidump/format.h"

#define MD_STREAM_INQUEST_INFO 0x496e0001u /* "In" */

/* UTF-8 text in sections "[task/4711/stack]", "[task/4711/syscall]", ..., "[kmsg]": the files of
 * /proc/PID as they were, then the end of the kernel's log. */
#define MD_STREAM_INQUEST_KERNEL 0x496e0003u

/* UTF-8 lines of what Microsoft's lists have no field for:
 *   "processors TID LIST"          decimal; LIST as in /proc/PID/status ("0-3,64-127"), of threads that
 *                                  may run on processors beyond 63, in the order of the thread list
 *   "unloaded BASE SIZE BUILD-ID"  hexadecimal, of unloaded modules, in the order of their list
 * A reader skips lines that it does not know. */
#define MD_STREAM_INQUEST_DETAILS 0x496e0004u

/* A type of md_object_info: struct md_inquest_handle, then UTF-8 lines "key: value" to its end. */
#define MD_OBJECT_INFO_INQUEST 0x496e0001u

/* For md_inquest_handle.flags. */
enum {
	MD_INQUEST_HANDLE_OPEN_FLAGS = 1, /* open_flags is valid */
	MD_INQUEST_HANDLE_DELETED = 2,    /* the file had no name any more */
};

struct MD_PACKED md_inquest_handle {
	uint32_t size;       /* bytes of this structure as it was written */
	uint32_t flags;      /* MD_INQUEST_HANDLE_* */
	uint64_t position;   /* bytes */
	uint64_t inode;      /* 0 unknown */
	uint64_t open_flags; /* O_* of Linux on the dump's processor */
	uint32_t mount;      /* mount id, 0 unknown */
	uint32_t reserved;
};
MD_ASSERT_SIZE(md_inquest_handle, 40);

/*
 * The bytes behind md_token in a TokenStream of Linux: UTF-8 lines as in /proc/PID/status (Pid, Uid,
 * Gid, Groups, CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Seccomp, Seccomp_filters), then
 * "Namespace:<tab>net 4026531840" for each, "Label:<tab>..." and "Cgroup:<tab>0::/..." for each line of
 * it. The first line is:
 */
#define MD_INQUEST_TOKEN_HEAD "Token:\tLinux 1\n"

/* For md_inquest_info.flags. */
enum {
	MD_INQUEST_HELD_KNOWN = 1, /* held_us is valid */
	MD_INQUEST_INCOMPLETE =
		2, /* something that was asked for is missing; the comment says what */
	MD_INQUEST_SIGINFO = 4,   /* siginfo is valid */
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
	uint8_t siginfo[128];    /* the kernel's siginfo_t, of which Exception has no room for all */
};
MD_ASSERT_SIZE(md_inquest_info, 240);
MD_ASSERT_AT(md_inquest_info, options, 64);
MD_ASSERT_AT(md_inquest_info, siginfo, 112);

/*
 * What registers held that a filter (letter r) set to zero: never the value, only what kind of thing
 * it was. A head, then `count` rows of `row_size` bytes: a thread's id, then a byte (md_inquest_class)
 * for each register by its DWARF number. Rows are in the order of the thread list; one more at the
 * end is of the exception's own registers, if it has some (its thread's id again).
 */
#define MD_STREAM_INQUEST_CLASSES 0x496e0002u

enum md_inquest_class {
	MD_INQUEST_UNKNOWN = 0,       /* the register was not known */
	MD_INQUEST_SHOWN = 1,         /* its value is in the dump */
	MD_INQUEST_NULL = 2,
	MD_INQUEST_SMALL = 3,         /* nearer to 0 than 4096, either side */
	MD_INQUEST_STACK = 4,
	MD_INQUEST_HEAP = 5,          /* anonymous memory that can be written */
	MD_INQUEST_CODE = 6,
	MD_INQUEST_DATA = 7,          /* a file's mapping */
	MD_INQUEST_MAPPED = 8,
	MD_INQUEST_UNMAPPED = 9,      /* could be an address; nothing is there */
	MD_INQUEST_NON_CANONICAL = 10,
	MD_INQUEST_FREED = 11,        /* what allocators fill freed memory with */
	MD_INQUEST_CLASSES = 12,
};

enum { MD_INQUEST_REGISTERS = 40 };

struct MD_PACKED md_inquest_classes {
	uint32_t size;     /* bytes of this head */
	uint32_t row_size; /* bytes of a row: 4 + registers */
	uint32_t count;    /* rows */
	uint8_t fault;     /* md_inquest_class of the address of the fault */
	uint8_t reserved[3];
};
MD_ASSERT_SIZE(md_inquest_classes, 16);

struct MD_PACKED md_inquest_class_row {
	uint32_t thread_id;
	uint8_t of[MD_INQUEST_REGISTERS];
};
MD_ASSERT_SIZE(md_inquest_class_row, 44);

#endif
