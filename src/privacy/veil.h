/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The veil: a target as a stated policy lets it be seen.
 *
 * It is the only thing that capture accepts. A dump can therefore not be written from a target that
 * nobody stated a policy for, and no writer can leak what it was never shown. The zeroed policy is
 * the strictest one; showing everything must be said.
 */
#ifndef INQ_PRIVACY_VEIL_H
#define INQ_PRIVACY_VEIL_H

#include "support/error.h"

struct inq_target;
struct inq_veil;

/* Stack and store memory (letter r). */
enum inq_veil_stack {
	INQ_VEIL_STACK_FRAMES_ONLY = 0, /* only what an unwinder reads survives; all else is zero */
	INQ_VEIL_STACK_WHOLE,
};

/* Names of files (letter R). */
enum inq_veil_names {
	INQ_VEIL_NAMES_BARE = 0, /* without folders, wherever a file is named */
	INQ_VEIL_NAMES_FULL,
};

struct inq_veil_policy {
	enum inq_veil_stack stack;
	enum inq_veil_names names;
};

/**
 * Hang a veil before a target.
 *
 * @target  borrowed; must outlive the veil
 * @policy  NULL means the strictest
 * @ret     new veil, owned by the caller: inq_veil_free(), which leaves the target alone
 *
 * INQ_UNSUPPORTED: a filter that this version cannot apply; it says which letter and what to do.
 * There is no partial veil: no veil, no dump. INQ_NO_MEMORY.
 */
enum inq_status inq_veil_new(struct inq_target *target, const struct inq_veil_policy *policy,
			     struct inq_veil **ret, struct inq_error *err);
void inq_veil_free(struct inq_veil *veil); /* accepts NULL */

/* What may be seen: a target to ask everything of. Borrowed from the veil. */
struct inq_target *inq_veil_target(struct inq_veil *veil);

/* As stated. */
const struct inq_veil_policy *inq_veil_policy(const struct inq_veil *veil);

#endif
