/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A sink that writes to a file behind the caller's back: while one thread fills a chunk (reading a process's memory),
 * another writes those before it. Both cost about the same, so that the two together take half of the time.
 *
 * Whole pages of zeroes are left out. Where no thread can be started the chunks are written at once, by the caller.
 * The thread allocates nothing, opens nothing and blocks all signals; from inq_behind_new()'s return until
 * inq_behind_free() it calls pwrite and futex alone, which suits a process confined by seccomp. Not
 * async-signal-safe.
 */
#ifndef INQ_SUPPORT_BEHIND_H
#define INQ_SUPPORT_BEHIND_H

#include "support/error.h"
#include "support/sink.h"

enum { INQ_BEHIND_CHUNKS = 5 }; /* INQ_SINK_CHUNK bytes each: one is filled, one written, the others even it out */

struct inq_behind;

/**
 * @fd   open for writing; borrowed until free; or -1: inq_behind_use() comes before anything is written
 * @thread  start one; else the caller writes
 * @ret  owned by the caller: inq_behind_free()
 *
 * INQ_NO_MEMORY.
 */
enum inq_status inq_behind_new(int fd, bool thread, struct inq_behind **ret, struct inq_error *err);

void inq_behind_use(struct inq_behind *behind, int fd);

/* Waits until what was handed over is written or has failed. Accepts NULL. */
void inq_behind_free(struct inq_behind *behind);

/* Lives as long. A write waits for all chunks before it, and tells their failure. */
struct inq_sink *inq_behind_sink(struct inq_behind *behind);

/* Wait until everything is written. Fails as the first write that did. */
enum inq_status inq_behind_finish(struct inq_behind *behind, struct inq_error *err);

#endif
