/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The memory plan: which bytes of the target a dump wants.
 *
 * A list of range sources (stacks, interrupted stacks, code at instruction pointers, the vdso, and
 * one for each letter that brings memory), each adding what it wants; then cut to what can be read,
 * sorted, merged so that no byte is wanted twice. Little of the target's memory is read here:
 * return addresses, a thread's own pointer, signal frames; program headers for c and d, the
 * loader's list for p, the innermost part of stacks for i.
 */
#ifndef INQ_CAPTURE_PLAN_H
#define INQ_CAPTURE_PLAN_H

#include "capture/options.h"
#include "support/error.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_PLAN_CODE_SPAN = 256,         /* bytes of code on each side of an instruction pointer */
	INQ_PLAN_VDSO = 64 << 10,         /* bytes of it at most; it has two pages */
	INQ_PLAN_STACK_NEAR = 1 << 20,    /* bytes of a stack kept from its pointer on */
	INQ_PLAN_STACK_FAR = 64 << 10,    /* and before its outer end, where it is longer */
	INQ_PLAN_STACK_PLAIN = 64 << 10,  /* longer than this: ask the TCB for the end */
	INQ_PLAN_TCB = 4 << 10,           /* bytes kept from the thread pointer on (pthread) */
	INQ_PLAN_STACKS_TOTAL = 64 << 20, /* bytes of all stacks; the threads after that get */
	INQ_PLAN_STACK_LEAST = 4 << 10,   /* this many each */
	INQ_PLAN_GUARD_REACH = 1 << 20,   /* how far below a stack an overflowed pointer may be */
	INQ_PLAN_SIGNAL_SCAN = 64 << 10,  /* bytes of the crashed stack searched for frames */
	INQ_PLAN_SIGNAL_THREADS = 64,     /* threads beside the crashed one that are looked at so */
	INQ_PLAN_SIGNAL_DEPTH = 4,        /* signal frames that switched stacks, nested */
	/* i: secondary memory */
	INQ_PLAN_NEAR_BEFORE = 128,       /* bytes kept before what a pointer points at, */
	INQ_PLAN_NEAR_AFTER = 896,        /* and from there on: 1 KiB for each pointer */
	INQ_PLAN_NEAR_SCAN = 256 << 10,   /* bytes of one stack searched for pointers */
	INQ_PLAN_NEAR_TOTAL = 64 << 20,   /* bytes of all such regions before they are merged; the */
					  /* crashed thread comes first */
	/* p: process and thread blocks */
	INQ_PLAN_ARGUMENTS = 4 << 20,     /* bytes of arguments and environment at most */
	INQ_PLAN_LINK = 1280,             /* bytes of each struct link_map: glibc's own fields too */
	INQ_PLAN_THREAD_BLOCK = 2560,     /* bytes from the thread pointer on: struct pthread */
	INQ_PLAN_TLS = 1 << 20,           /* bytes of static TLS at most, for each thread */
	INQ_PLAN_DTV = 1024,              /* entries of a thread's vector of TLS blocks */
};

#define INQ_PLAN_LIST32 (1ull << 30) /* more bytes than this go into Memory64List */

/* The stack of threads[i]: where its part near the stack pointer lies; size 0: the stack pointer
 * leads nowhere. */
struct inq_plan_stack {
	uint64_t base, size;
};

struct inq_plan {
	struct inq_range *ranges; /* sorted by base, not overlapping, not empty */
	uint8_t *near;            /* of each range: 1 for stacks, code near them and the vdso, */
				  /* which come first in the file */
	size_t count;
	uint64_t bytes;           /* in all ranges */
	bool wide;                /* for Memory64List: f, w, or too much for offsets of 32 bits */
	size_t cut_pointers;      /* threads whose stacks were not searched for pointers to their end */
	struct inq_plan_stack *stacks; /* one for each thread of the target, same order */
	size_t stack_count;
	size_t cut_stacks;        /* stacks that were longer than a limit */
	size_t empty_stacks;      /* threads whose stack pointer leads nowhere */
};

/**
 * Plan the memory of a dump.
 *
 * @walked  stacks that are known to hold frames (a veil's), also those that interrupted or switched
 *          ones led to: wanted beside what is found here; NULL and 0: none
 * @ret  zeroed or done; owned by the caller afterwards: inq_plan_done()
 *
 * INQ_NO_MEMORY. A target without threads, regions or exception gives a smaller plan, never a
 * failure.
 */
enum inq_status inq_plan_make(struct inq_target *target, const struct inq_dump_options *options,
			      const struct inq_range *walked, size_t walked_count,
			      struct inq_plan *ret, struct inq_error *err);
void inq_plan_done(struct inq_plan *plan); /* accepts NULL and a zeroed plan */

#endif
