/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A copy-on-write copy of a stopped process: its memory as it is at this moment, while it goes on itself.
 *
 * One of its threads is made to run three system calls at a `syscall` instruction that is there already (the C
 * library's, where the thread waits, or the vdso's); nothing is left in its memory, and its registers and signal
 * mask are put back before it is let go. It makes a child that shares its memory; the child makes the copy, so that
 * the copy is not the process's child when the child has ended and the process has reaped it: no zombie, no
 * SIGCHLD, nothing for its own wait() to find. The copy never runs a single instruction of the program: it closes
 * its descriptors (which would keep sockets and locks alive) and stays stopped until it is killed. The kernel kills
 * it if we die.
 *
 * Not of a process with a system call filter (it could kill the process for a call that it never made), of one that
 * is stopped by a signal (it stands still anyway), of the first one of a PID namespace (the copy would become its
 * child), of one that adopts orphans (PR_SET_CHILD_SUBREAPER: asked of it by one more call), of 32-bit code, or without a thread that stands at a plain stop. Ranges that the program keeps from
 * children (MADV_DONTFORK) are missing in the copy (inq_copy_is_whole()), and MADV_WIPEONFORK's are zero.
 *
 * The caller must be the tracer that stopped the threads. Not async-signal-safe.
 */
#ifndef INQ_TARGET_COPY_H
#define INQ_TARGET_COPY_H

#include "support/error.h"
#include "target/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inq_copy {
	pid_t pid;   /* 0 none */
};

/**
 * @stopped  the process's threads, all stopped; unchanged as they will be when they go on
 * @memory   its /proc/PID/mem
 * @status, @auxv  texts of /proc/PID; the first NUL-terminated
 * @ret      inq_copy_end(); untouched on failure
 *
 * INQ_UNSUPPORTED: one of the cases above, in words. INQ_OS: the process could not be copied (no memory to promise,
 * too many processes). INQ_ABSENT: it died meanwhile.
 */
enum inq_status inq_copy_make(struct inq_stopped *stopped, int memory, const char *status, const void *auxv,
			      size_t auxv_size, struct inq_copy *ret, struct inq_error *err);

/* Whether a copy has all memory of its original that is no file's, by the original's /proc/PID/maps: a program may keep
 * ranges from its children (MADV_DONTFORK). false too where the copy's list cannot be read. */
bool inq_copy_is_whole(const char *maps, size_t size, pid_t copy);

/* Kill it and wait until it is gone. Accepts one that was never made; may be called twice. */
void inq_copy_end(struct inq_copy *copy);

#endif
