/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a target has to say about its file to the person who opens it: sentences, in the order
 * found.
 */
#ifndef INQ_TARGET_WARNINGS_H
#define INQ_TARGET_WARNINGS_H

#include "support/error.h"

#include <stddef.h>

enum { INQ_WARNINGS_MAX = 64 };

struct inq_warnings {
	char *texts[INQ_WARNINGS_MAX]; /* owned */
	size_t count;
};

/* Add one; beyond INQ_WARNINGS_MAX, and without memory, it is dropped: a warning never fails
 * anything. */
void inq_warn(struct inq_warnings *warnings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What an operation reported, unless it is only absent. */
void inq_warn_error(struct inq_warnings *warnings, const struct inq_error *err);

/* For the target's operation: INQ_ABSENT past the last. */
enum inq_status inq_warnings_get(const struct inq_warnings *warnings, size_t index,
				 const char **ret);
void inq_warnings_done(struct inq_warnings *warnings);

#endif
