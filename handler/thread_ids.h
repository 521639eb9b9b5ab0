/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Who a thread runs as, asked of the kernel by a pidfd of the thread.
 *
 * A third of what /proc/PID/task/TID/status costs, for every thread of a process that waits; and it leaves no inode
 * of /proc behind, which the kernel would have to take down when the thread ends. PIDFD_THREAD is Linux 6.9 and
 * later, PIDFD_GET_INFO 6.13 and later. Not async-signal-safe (strtoul).
 */
#ifndef INQ_HANDLER_THREAD_IDS_H
#define INQ_HANDLER_THREAD_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* Real, effective, saved and fs ids, as our user namespace has them. */
struct inq_thread_ids {
	uint32_t uids[4], gids[4];
};

/**
 * Ask for the ids of one thread.
 *
 * @pid  the process that the thread must belong to
 * @tid  decimal, as task/ lists it
 * @ret  set on success only
 *
 * False: this kernel does not tell, there is no such thread any more, or it is one of another process (also where
 * /proc is of another pid namespace than ours): status must be read instead. A thread's number names it only as
 * long as its process was not reaped: to be shown after the last call (inq_identity_still()).
 */
bool inq_thread_ids_ask(uint32_t pid, const char *tid, struct inq_thread_ids *ret);

#endif
