/* SPDX-License-Identifier: GPL-3.0-or-later */
/** The directory of streams of a minidump that is a target, for those who look at the file itself (.dumpdebug). */
#ifndef INQ_TARGET_MINIDUMP_STREAMS_H
#define INQ_TARGET_MINIDUMP_STREAMS_H

#include "minidump/reader.h"
#include "target/target.h"

/* Borrowed from the target. INQ_UNSUPPORTED: the target is no minidump. */
enum inq_status inq_minidump_streams(struct inq_target *target, const struct inq_dump_stream **ret, size_t *ret_count,
				     struct inq_error *err);

#endif
