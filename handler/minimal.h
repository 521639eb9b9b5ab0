/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The last word: a minidump of what the kernel said, for when nothing else could be written.
 *
 * SystemInfo, MiscInfo with the process id, Exception with signal and thread, an empty thread list, and a comment
 * that says why there is no more. At most INQ_MINIMAL_MAX bytes; at least 1 KiB, so that it is not lost among
 * empty files. Needs a few kilobytes of memory.
 */
#ifndef INQ_HANDLER_MINIMAL_H
#define INQ_HANDLER_MINIMAL_H

#include "handler/core_args.h"
#include "support/error.h"

#include <stddef.h>
#include <stdint.h>

enum { INQ_MINIMAL_MAX = 4096 };

struct inq_minimal {
	uint8_t bytes[INQ_MINIMAL_MAX];
	size_t size;
};

/* @why  UTF-8, cut where it does not fit. INQ_NO_MEMORY, INQ_LIMIT. */
enum inq_status inq_minimal_make(const struct inq_core_args *args, const char *why, struct inq_minimal *ret,
				 struct inq_error *err);

#endif
