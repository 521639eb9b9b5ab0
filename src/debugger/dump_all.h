/* SPDX-License-Identifier: GPL-3.0-or-later */
/** `.dump /a`: one dump of every process that the caller may dump, each by a run of this program of its own. */
#ifndef INQ_DEBUGGER_DUMP_ALL_H
#define INQ_DEBUGGER_DUMP_ALL_H

#include "support/error.h"

#include <stddef.h>

struct dump_all {
	size_t written;
	size_t refused; /* another user's, gone meanwhile, or no place for the dump */
};

/**
 * @arguments  what stands behind .dump, /a and /u in it
 * @ret        what came of it
 *
 * Threads of the kernel, this program and its parent are left out. INQ_OS: /proc cannot be listed. INQ_ABSENT: not a
 * single process could be dumped. Runs in the process that is not confined.
 */
enum inq_status dump_all(const char *arguments, struct dump_all *ret, struct inq_error *err);

#endif
