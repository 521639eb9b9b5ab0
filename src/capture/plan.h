/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The memory plan: which bytes of the target a dump wants.
 *
 * A list of range sources (stacks, code at instruction pointers, the vdso, the loader's list), each adding
 * what it wants; then cut to what can be read, sorted, merged so that no byte is wanted twice. Nothing of the
 * target's memory is read here but return addresses and the loader's list.
 */
#ifndef INQ_CAPTURE_PLAN_H
#define INQ_CAPTURE_PLAN_H

#include "capture/options.h"
#include "support/error.h"
#include "target/target.h"

#include <stddef.h>
#include <stdint.h>

enum {
	INQ_PLAN_CODE_SPAN = 256,             /* bytes of code on each side of an instruction pointer */
	INQ_PLAN_STACK_NEAR = 1 << 20,        /* bytes of a stack kept from the stack pointer on */
	INQ_PLAN_STACK_FAR = 64 << 10,        /* and from its outer end, where it is longer than that */
	INQ_PLAN_TOTAL = 256 << 20,           /* bytes of all stacks together; later threads get less */
	INQ_PLAN_STACK_LEAST = 4 << 10,       /* bytes of a stack where the total is used up */
	INQ_PLAN_GUARD_REACH = 1 << 20,       /* how far below a stack an overflowed stack pointer may be */
	INQ_PLAN_LINKS = 4096,                /* entries of the loader's list whose memory is kept */
};

/* The stack of threads[i]; size 0: the stack pointer leads nowhere. */
struct inq_plan_stack {
	uint64_t base, size; /* as the thread list has it: the first kept run, from the live end on */
};

struct inq_plan {
	struct inq_range *ranges; /* sorted by base, not overlapping, not empty */
	size_t count;
	uint64_t bytes;           /* in all ranges */
	struct inq_plan_stack *stacks; /* one for each thread of the target, same order */
	size_t stack_count;
	size_t cut_stacks;        /* stacks that were longer than a limit */
	size_t empty_stacks;      /* threads whose stack pointer leads nowhere */
};

/**
 * Plan the memory of a dump.
 *
 * @ret  zeroed or done; owned by the caller afterwards: inq_plan_done()
 *
 * INQ_NO_MEMORY. A target without threads, regions or exception gives a smaller plan, never a failure.
 */
enum inq_status inq_plan_make(struct inq_target *target, const struct inq_dump_options *options,
			      struct inq_plan *ret, struct inq_error *err);
void inq_plan_done(struct inq_plan *plan); /* accepts NULL and a zeroed plan */

#endif
