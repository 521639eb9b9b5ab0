/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The way down: from root to a process that can read and write what it has open, and nothing else.
 *
 * In this order, each step checked and read back, no way up afterwards:
 *
 *     descriptors     all closed but those that are named
 *     bounding set    empty; securebits so that ids never mean capabilities again
 *     groups, gid, uid   none, then real, effective, saved and fs
 *     capabilities    none, in any set
 *     no_new_privs    so that no program ever gives them back
 *     Landlock        no file system access at all, where the kernel has it
 *     threads         those that the caller starts now; they are what it is, and there is no other after the next step
 *     limits          no processes, no core, files no larger than a dump may be, memory and time bounded
 *     seccomp         all threads: the system calls of handler/confine_calls.h; any other one kills the process
 *
 * Not async-signal-safe only because of the error's words.
 */
#ifndef INQ_HANDLER_CONFINE_H
#define INQ_HANDLER_CONFINE_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { INQ_CONFINE_MAX_KEEP = 32 };

struct inq_confinement {
	uid_t uid;
	gid_t gid;
	bool own_ids;         /* uid and gid are the caller's, who has no privilege: ids, groups and the bounding set
				 stay, all else is done; they may be 0 (group 0, root of a user namespace) */
	const int *keep;      /* descriptors that stay open; -1 among them is ignored */
	size_t keep_count;    /* at most INQ_CONFINE_MAX_KEEP */
	uint64_t max_file;    /* bytes that a file may grow to */
	uint64_t max_memory;  /* bytes of address space */
	uint64_t max_seconds; /* of processor time */
	pid_t parent;         /* die with it */
	void (*start)(void *user); /* starts threads, which must be past their first system calls on return; NULL none */
	void *user;
};

/* INQ_USAGE: root, or too many descriptors to keep. INQ_OS, INQ_DENIED: a step failed, or its effect could not be
 * read back. The caller must exit then: some steps may have been taken. */
enum inq_status inq_confine(const struct inq_confinement *confinement, struct inq_error *err);

#endif
