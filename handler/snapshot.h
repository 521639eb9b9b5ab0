/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A crashed process's memory, kept when the process itself dies: what lets it die first and be dumped after.
 *
 * The thread that waits in the stub makes a child, in one of two ways:
 *
 *  - held: the child shares the memory (CLONE_VM). Nothing is copied and nothing has to be freed when the process
 *    dies, so that its death takes as long with 4 GiB as with none, and no memory is asked for. Since Linux 5.16
 *    a process that dies of a signal no longer takes others with it that share its memory (kernel commit
 *    0258b5fd7c71). Not where somebody else goes on in the same memory: a parent behind vfork(), or the process
 *    itself behind inquest_dump_now(), which is left as it is.
 *  - copied: a copy-on-write child. Not of a process that keeps memory from its children (MADV_DONTFORK).
 *
 * No socket is taken any more when the process is gone: a copy has closed its descriptors when this returns, and a
 * process that is held has closed its own, so what they tell must have been gathered. What the process says of its
 * child is not believed: it must be that by the kernel's word.
 * Not async-signal-safe.
 */
#ifndef INQ_HANDLER_SNAPSHOT_H
#define INQ_HANDLER_SNAPSHOT_H

#include "handler/acquire.h"
#include "support/error.h"
#include "target/dying.h"
#include "target/stop.h"
#include "target/waiting.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct inq_snapshot_word {
	uint64_t address; /* 0: none */
	uint32_t value;
};

struct inq_snapshot {
	pid_t pid;        /* 0: there is none */
	int pidfd;
	bool held;        /* else copied */
	int proc, smaps;  /* the child's: /proc/PID, and its smaps; -1 none */
	int memory, pagemap; /* of a copy (memory for writing too); -1: the process's own descriptors go on to be good */
	struct inq_snapshot_word *words;
	size_t word_count;
};

void inq_snapshot_init(struct inq_snapshot *snapshot);

/* Whether all that is left behind would be killed with the process: it is the first of its PID namespace (a container's),
 * or, unless that is @insisted, its parent is, which ends when its program does. */
bool inq_snapshot_would_be_lost(const struct inq_identity *identity, bool insisted);

/* Whether it can be held; else only copied. */
bool inq_snapshot_may_hold(const struct inq_identity *identity, const struct inq_waiting *waiting);

/**
 * Have it made.
 *
 * @maps      the process's /proc/PID/maps, for a copy
 * @ret       of inq_snapshot_init(); inq_snapshot_end(). `pid` stays 0 where none was made
 *
 * INQ_OS: the process could not make the child (limits) or did not answer. INQ_DENIED: the child is not the process's.
 * INQ_UNSUPPORTED: a copy would lack memory, or the record is a foreign one.
 */
enum inq_status inq_snapshot_make(const struct inq_identity *identity, struct inq_waiting *waiting, bool hold,
				  const struct inq_dying_bytes *maps, struct inq_snapshot *ret, struct inq_error *err);

/**
 * A thread that ends writes to held memory: where the C library keeps its id, the kernel puts 0 (set_tid_address(2)).
 * Remember those words while the threads are stopped, and put them back when they have ended.
 *
 * Without memory for the words, or where there are none, the zeroes stay.
 */
void inq_snapshot_remember(struct inq_snapshot *snapshot, const struct inq_waiting *waiting,
			   const struct inq_stopped *stopped);
void inq_snapshot_restore(const struct inq_snapshot *snapshot, const struct inq_waiting *waiting);

/* Give the memory up. The child is asked to end, by a word in its memory, so that who adopts orphans sees a good end;
 * one that does not is killed. Accepts one that was never made. */
void inq_snapshot_end(struct inq_snapshot *snapshot, const struct inq_waiting *waiting);

#endif
