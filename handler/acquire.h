/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What needs privilege: showing which process crashed, and opening and reading its /proc files.
 *
 * A process id alone names nobody, since ids are used again. The identity is shown before anything is read:
 *
 *  - by the pidfd that the kernel opened for us (%F, Linux 6.16): the directory /proc/PID is opened first, then
 *    the pidfd is asked for its process id; if it is PID, the directory is the pidfd's process;
 *  - else by age: the process held its id when the kernel started us, so a process that has the id later and is
 *    another one started after us. One that started before us (in clock ticks, strictly) is the one that crashed;
 *    of one that started within the same tick it cannot be shown, and the dump goes to root.
 *
 * All files are opened through that directory, which never shows a successor (ESRCH once the process is gone).
 * Bytes are taken as they are, up to limits; nothing is interpreted here but the ids that the kernel prints.
 * Not async-signal-safe (allocation).
 */
#ifndef INQ_HANDLER_ACQUIRE_H
#define INQ_HANDLER_ACQUIRE_H

#include "handler/authority.h"
#include "handler/core_args.h"
#include "spool/spool.h"
#include "target/gather.h"

#include <stdbool.h>

/* Which process it is. Descriptors are -1 where there is none. */
struct inq_identity {
	int pidfd;      /* borrowed: the kernel's */
	int proc;       /* /proc/PID */
	int files;      /* /proc/PID, or task/TID where the main thread has already ended */
	uint32_t pid;
	bool shown;
};

/* Open and show. Never fails: what is not shown has descriptors of -1, so that nothing of it is read. */
void inq_identity_open(const struct inq_core_args *args, struct inq_identity *ret);

/* The same for a process that is our parent: its id is the kernel's word, asked before and after it was opened.
 * Takes no arguments' word for it. `shown` only if it was our parent all the time. */
void inq_identity_of_parent(struct inq_identity *ret);

/* Whether we are in no namespace of processes of its own: the first process of that is nobody's program, but who is left
 * with orphans. */
bool inq_identity_in_first_namespace(void);

/* Is it still that process, and has it not been reaped? */
bool inq_identity_still(const struct inq_identity *identity);

/* What to call the dump: the name of the file that ran. Not comm, which a program makes of what it likes and which
 * may be a secret; names lie on the disk too. */
void inq_identity_program(const struct inq_identity *identity, char to[INQ_SPOOL_PROGRAM + 1]);

/* Until it has ended, where there is a pidfd; its parent may not have seen it yet. false: not by the deadline. */
bool inq_identity_wait(const struct inq_identity *identity, int deadline_ms);

/* Fill in what /proc says of who owns the process: threads, ids_equal, auxv, secure, same_userns. Compares with
 * facts->uid and gid. Takes about 5 us for a thread, 15 us where status must be read (before Linux 6.13). */
void inq_identity_facts(const struct inq_identity *identity, struct inq_authority_facts *facts);

/* Read and open. Pieces that cannot be had are missing in the source, and that is all. @core_fd is the pipe. */
void inq_acquire(const struct inq_identity *identity, const struct inq_core_args *args, int core_fd,
		 struct inq_gathered *ret);

#endif
