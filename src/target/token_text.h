/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A token as text, the form that dumps carry behind Microsoft's header (minidump/inquest.h), and back.
 */
#ifndef INQ_TARGET_TOKEN_TEXT_H
#define INQ_TARGET_TOKEN_TEXT_H

#include "support/buffer.h"
#include "target/proc_facts.h"

void inq_token_write(const struct inq_token *token, struct inq_buffer *ret);

/* Unknown lines are skipped, missing ones are unknown facts. INQ_UNSUPPORTED: not this text. INQ_NO_MEMORY. @ret is
 * the caller's, inq_token_done(). */
enum inq_status inq_token_parse(const char *text, size_t size, struct inq_token_made *ret, struct inq_error *err);

#endif
