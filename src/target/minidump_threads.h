/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The threads of a minidump: ThreadList with what ThreadNames, ThreadInfoList and the exception
 * add.
 */
#ifndef INQ_TARGET_MINIDUMP_THREADS_H
#define INQ_TARGET_MINIDUMP_THREADS_H

#include "minidump/reader.h"
#include "support/error.h"
#include "target/target.h"

#include <stddef.h>

/* In the dump's order. `ret` is freed with free(). As inq_dump_threads() else. */
enum inq_status inq_minidump_threads(struct inq_dump *dump, struct inq_thread **ret,
				     size_t *ret_count, struct inq_error *err);

/* A context as the target's. As inq_dump_context() else. */
enum inq_status inq_minidump_context(struct inq_dump *dump, struct inq_dump_place place,
				     struct inq_context *ret, struct inq_error *err);

#endif
