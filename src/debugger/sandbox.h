/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The confinement of the process that parses: no way back.
 *
 * No new privileges; nobody's ids where it ran as root; no inherited descriptors but those named;
 * Landlock with no rights at all, where the kernel has it; limits on data, CPU time, core and
 * descriptors; and a system call filter that lets through what computing, reading open descriptors,
 * the terminal and asking the broker need, and answers EPERM to everything else: open, socket,
 * execve, ptrace, kill, clone, executable memory.
 */
#ifndef INQ_DEBUGGER_SANDBOX_H
#define INQ_DEBUGGER_SANDBOX_H

#include "support/error.h"

#include <stddef.h>

enum {
	SANDBOX_NOBODY = 65534, /* user and group of what root runs confined */
	SANDBOX_DATA = 64 << 20, /* bytes beyond what the program has at its start; the broker adds
				    for files */
	SANDBOX_CPU = 3600,	 /* seconds */
	SANDBOX_UNPACKED = 1 << 30, /* bytes of a file that it writes: what it unpacks without a
				       seek table, in memory */
	SANDBOX_FILES = 1024,	    /* descriptors: image and debug file of every module */
};

/**
 * @keep, @count  descriptors that stay open, besides 0, 1 and 2; in rising order
 *
 * INQ_UNSUPPORTED: the kernel has no seccomp filters. INQ_OS. After a failure the process must not
 * go on.
 */
enum inq_status sandbox_enter(const int *keep, size_t count, struct inq_error *err);

#endif
