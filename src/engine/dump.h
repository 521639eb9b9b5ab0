/* SPDX-License-Identifier: GPL-3.0-or-later */
/** Writing a dump of a session's target: `.dump`. */
#ifndef INQ_ENGINE_DUMP_H
#define INQ_ENGINE_DUMP_H

#include "capture/dump_command.h"
#include "engine/session.h"

struct inq_dump_result {
	uint64_t file_size, memory_bytes, missing_bytes; /* missing: of a core; a minidump's comment counts them */
	size_t threads;
	size_t threads_left_out; /* of a core: those without registers */
	unsigned streams;        /* of a minidump */
	bool incomplete;         /* the dump's comment says what is missing */
	size_t lost_threads;     /* of a filtered dump: threads with other frames than before */
};

/**
 * Write what the command says of the session's target.
 *
 * @remark         our own words for the comment, beside the command's; NULL none
 * @held_since_ns  CLOCK_MONOTONIC when a live process was stopped, 0: it is none
 * @fd             an empty file open for reading and writing; neither synced nor named here
 *
 * A dump of a dump has what the command asks for as far as the target has it, and never more. As inq_capture() and
 * inq_core_write(); INQ_FAULT, INQ_BAD_DATA, INQ_USAGE: what /j and /x... point at is not what they say.
 */
enum inq_status inq_session_write_dump(struct inq_session *session, const struct inq_dump_command *command,
				       const char *remark, uint64_t held_since_ns, int fd,
				       struct inq_dump_result *ret, struct inq_error *err);

#endif
