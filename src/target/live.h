/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A running process as a target: stopped, looked at, let go as it was.
 *
 * Two halves, since who may trace a process should not take apart what the process wrote. The first stops it, takes
 * registers, opens and reads its /proc files (struct inq_live; ptrace rights needed; interprets nothing). The second
 * makes a target of that (inq_target_open_live), possibly in a confined child of the first, which inherits the
 * bytes and descriptors.
 *
 * With a copy (target/copy.h) the process goes on at once, and what is looked at is the copy: a moment, whole. Where
 * no copy can be made the process stays stopped until it is let go, and the remark says why. It is never killed and
 * never written to; signal masks, group-stops and signals on their way stay what they were.
 *
 * The thread that opens is the tracer and must be the one that lets go. Not async-signal-safe.
 */
#ifndef INQ_TARGET_LIVE_H
#define INQ_TARGET_LIVE_H

#include "support/error.h"
#include "target/dying.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdint.h>

struct inq_live;

struct inq_live_options {
	bool copy;             /* look at a copy, let the process go on */
	uint32_t wants;        /* enum inq_proc_want: what is read of /proc beyond the plain dump, while it stands
				* still; INQ_PROC_FLAGS always is */
	uint64_t record;       /* of the thread that waits in the stub (target/record.h), 0 none */
	uint32_t event;        /* and the descriptor by which it is told to go on, 0 none */
	unsigned deadline_ms;  /* for its threads to stop; 0: 2,000 */
};

/**
 * Stop a process and gather what a target is made of.
 *
 * @options  NULL: no copy, no record
 * @ret      inq_live_free()
 *
 * INQ_ABSENT: no such process, or it has died. INQ_DENIED: the user may not trace it (says what decides that).
 * INQ_UNSUPPORTED: a kernel thread, the debugger itself. Threads that could not be stopped in time are no failure;
 * the remark says so.
 */
enum inq_status inq_live_open(uint32_t pid, const struct inq_live_options *options, struct inq_live **ret,
			      struct inq_error *err);

/* What was gathered; borrowed. */
const struct inq_dying_source *inq_live_source(const struct inq_live *live);

/* Words for the dump's comment and for the person: why there is no copy, which threads did not stop. NULL: none. */
const char *inq_live_remark(const struct inq_live *live);

/* Its memory, open for writing too, for the talk with a thread that waits in the stub; -1 none. Borrowed. */
int inq_live_memory(const struct inq_live *live);

/* It is a copy that is looked at; the process itself goes on. */
bool inq_live_is_copy(const struct inq_live *live);

/* CLOCK_MONOTONIC when it began to stand still, ns; and for how long it did, us (0: it still does). */
uint64_t inq_live_held_since(const struct inq_live *live);
uint64_t inq_live_held_us(const struct inq_live *live);

/* Let the process go on as it was. May be called twice; memory of a copy stays readable. */
void inq_live_resume(struct inq_live *live);

/* In a child that inherited it, for whom the process stays what it is: closes and frees only. */
void inq_live_forget(struct inq_live *live);

/* Let it go, end the copy, close and free. Accepts NULL. */
void inq_live_free(struct inq_live *live);

/**
 * The second half: the target, of kind "live process". Opens nothing.
 *
 * @source  of inq_live_source(), must outlive the target
 *
 * As inq_target_open_dying(). There is no exception unless a record was given.
 */
enum inq_status inq_target_open_live(const struct inq_dying_source *source, struct inq_target **ret,
				     struct inq_error *err);

#endif
