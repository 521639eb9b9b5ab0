/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The spool's side of inquest-collect: a child that is root and touches nothing but the spool, so that the
 * collector itself can be the crashed process's user, for good, before it looks at anything.
 *
 * It knows whose account it is from the kernel (the real user id of who started us) and takes only three things
 * over its socket: open, publish, give up. It never sees the process, the record or the dump's contents. Its
 * ids are all root's, so that the user cannot signal it; when the collector is gone, it gives the file up. The user may
 * stop the collector, though: at the deadlines of the configuration and 5 s more the keeper ends both.
 *
 * What the user may take of the spool by it: the account's limits, and as much again as INQ_SPOOL_PLACES dumps that are
 * being written can hold.
 */
#ifndef INQ_HANDLER_KEEPER_H
#define INQ_HANDLER_KEEPER_H

#include "spool/config.h"
#include "spool/spool.h"
#include "support/error.h"

#include <stdint.h>
#include <sys/types.h>

struct inq_keeper {
	int channel; /* -1: none */
	pid_t pid;
};

/* Start it; the caller must still be root. INQ_OS. */
enum inq_status inq_keeper_start(const struct inq_config *config, struct inq_keeper *ret, struct inq_error *err);

/* A file in the account of the caller's real user; the descriptor is the caller's, -1 on failure and `err`. INQ_LIMIT:
 * INQ_SPOOL_PLACES dumps of the account are being written. */
int inq_keeper_open(const struct inq_keeper *keeper, uint64_t expected, struct inq_error *err);

/* Give the file its name. The descriptor may be closed before. INQ_LIMIT: it does not fit into the account. */
enum inq_status inq_keeper_publish(const struct inq_keeper *keeper, const struct inq_spool_name *name,
				   char ret_name[INQ_SPOOL_NAME], struct inq_error *err);

/* Have the holder of the memory (snapshot.h), the caller and the keeper leave the process's control groups, so that a
 * kill of those does not lose the dump. Once. INQ_ABSENT: there is none to leave. INQ_DENIED, INQ_OS: group.h. */
enum inq_status inq_keeper_leave(const struct inq_keeper *keeper, pid_t holder, struct inq_error *err);

/* End it; a file that has no name is gone with it, and so is a holder that has left its groups. */
void inq_keeper_stop(struct inq_keeper *keeper);

#endif
