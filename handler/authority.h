/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Who may read the dump of a process: its user, or only root.
 *
 * Decided once, from facts that the kernel attests, after the last read of /proc was verified, and never
 * again. The user only if every single fact says so; a fact that is missing speaks for root. There is no fact
 * that speaks for the user on its own: not suid_dumpable=1, and not the owner of a /proc file.
 * Async-signal-safe, no allocation.
 */
#ifndef INQ_HANDLER_AUTHORITY_H
#define INQ_HANDLER_AUTHORITY_H

#include "handler/core_args.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known when the decision is made. Zeroed: nothing is, and only root may read. */
struct inq_authority_facts {
	bool arguments;      /* the kernel's arguments were complete and well formed */
	bool identity;       /* the /proc directory is the process that crashed, shown before the first read... */
	bool still;          /* ...and after the last */
	uint64_t dumpable;   /* %d */
	uint32_t uid, gid;   /* %u, %g */
	bool threads;        /* the ids of every thread were read... */
	bool ids_equal;      /* ...and real, effective, saved and fs ids of all of them are uid and gid */
	bool auxv;           /* AT_SECURE was found in the auxiliary vector... */
	bool secure;         /* ...and is not 0 */
	bool same_userns;    /* the process is in our user namespace */
};

struct inq_authority {
	bool root_only;
	const char *reason;  /* a constant, for the log and the dump's comment: "its user", "setuid or setgid"... */
};

struct inq_authority inq_authority_decide(const struct inq_authority_facts *facts);

/* Four ids each from the Uid: and Gid: lines of a /proc/PID/status; false if one is missing or malformed.
 * The last such line counts: a thread's name comes before them, and nothing of the process after. */
bool inq_authority_status_ids(const char *text, size_t size, uint32_t ret_uids[4], uint32_t ret_gids[4]);

/* AT_SECURE of a raw auxiliary vector (64-bit words); false if it has none before its end. */
bool inq_authority_auxv_secure(const void *auxv, size_t size, bool *ret_secure);

#endif
