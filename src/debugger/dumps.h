/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Which dump a person means: a file, "last", or the beginning of a name in the spool.
 *
 * Looks at directories and opens files, so it runs outside the confined process.
 */
#ifndef INQ_DEBUGGER_DUMPS_H
#define INQ_DEBUGGER_DUMPS_H

#include "spool/spool.h"
#include "support/error.h"

enum { DUMP_PATH = 4096 }; /* bytes of a path, NUL included */

/**
 * Open the dump that `name` means: "last" is the newest of the spool; else a file of that path;
 * else the spool's by the beginning of its name.
 *
 * Returns a descriptor that the caller owns and the path in `ret_path`, or -1: INQ_ABSENT: neither.
 * INQ_USAGE: the beginning of several names. Else as inq_open().
 */
int dumps_open(const char *name, char ret_path[DUMP_PATH], enum inq_status *ret_status,
	       struct inq_error *err);

/* What the caller may see of the spool that the configuration names; as inq_spool_list(). */
enum inq_status dumps_list(struct inq_spool_list **ret, struct inq_error *err);

#endif
