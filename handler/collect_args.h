/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The arguments of inquest-collect: `-p PID -j RECORD -e FD [--dump=LETTERS] [--directory=DIR]`, as AeDebug
 * gives them to a just-in-time debugger on Windows.
 *
 * They come from a process that may be hostile. Nothing in them decides who may do what: the target is the
 * parent as the kernel names it, and -p only has to agree with that. Async-signal-safe, no allocation.
 */
#ifndef INQ_HANDLER_COLLECT_ARGS_H
#define INQ_HANDLER_COLLECT_ARGS_H

#include "support/error.h"

#include <stdbool.h>
#include <stdint.h>

struct inq_collect_args {
	uint32_t pid;
	uint64_t record;        /* address of the JIT_DEBUG_INFO in the target */
	int event;              /* eventfd to signal, -1 none */
	const char *dump;       /* letters and options as in INQUEST; borrowed from argv; "m" if not given */
	const char *directory;  /* absolute; NULL: the spool */
	bool help, version;
};

/**
 * INQ_USAGE with words naming the argument: missing -p or -j, not a number, out of range, unknown, or given
 * twice. `ret` is untouched then.
 */
enum inq_status inq_collect_args_parse(int argc, char *const argv[], struct inq_collect_args *ret,
				       struct inq_error *err);

#endif
