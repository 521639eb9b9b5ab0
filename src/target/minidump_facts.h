/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a minidump has beyond the plain one: descriptors, token, memory counters, extended registers. Of dumps of
 * Windows too, as far as the streams are the same.
 */
#ifndef INQ_TARGET_MINIDUMP_FACTS_H
#define INQ_TARGET_MINIDUMP_FACTS_H

#include "minidump/reader.h"
#include "support/buffer.h"
#include "support/error.h"
#include "target/handles.h"
#include "target/proc_facts.h"
#include "target/target.h"

struct inq_minidump_facts {
	bool handles_made, token_made, counters_made, xstates_made;
	enum inq_status handles_status, token_status;
	struct inq_handle_list handles; /* items and details are owned, names are the dump's */
	struct inq_token_made token;
	struct inq_counters counters;
	struct inq_buffer *xstates;     /* one for each thread, made when asked for */
	size_t xstate_count;
};

/* As the operations of struct inq_target_ops. INQ_ABSENT: no such stream. */
enum inq_status inq_minidump_handles(struct inq_dump *dump, struct inq_minidump_facts *facts,
				     const struct inq_handle **ret, size_t *ret_count, struct inq_error *err);
enum inq_status inq_minidump_token(struct inq_dump *dump, struct inq_minidump_facts *facts,
				   const struct inq_token **ret, struct inq_error *err);
enum inq_status inq_minidump_counters(struct inq_dump *dump, struct inq_minidump_facts *facts,
				      const struct inq_counters **ret, struct inq_error *err);
enum inq_status inq_minidump_xstate(struct inq_dump *dump, struct inq_minidump_facts *facts, size_t index,
				    struct inq_xstate *ret, struct inq_error *err);
void inq_minidump_facts_done(struct inq_minidump_facts *facts);

#endif
