/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The veil: a target as a stated policy lets it be seen.
 *
 * It is the only thing that capture accepts. A dump can therefore not be written from a target that
 * nobody stated a policy for, and no writer can leak what it was never shown. The zeroed policy is
 * the strictest one; showing everything must be said.
 *
 * Filtering is by liveness, not by look: every thread is walked first, in the process's own unwind
 * tables, and a word of memory or a register survives only if a frame was found by it: return
 * addresses that point into code, and what an outer frame's address is computed from, if it points
 * into the thread's own stack. All other memory reads as zeroes; the file keeps its size. What is
 * shown of each fact of a target is said beside the function that shows it (veil_facts.c,
 * veil_names.c, veil_texts.c).
 */
#ifndef INQ_PRIVACY_VEIL_H
#define INQ_PRIVACY_VEIL_H

#include "support/error.h"
#include "target/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_image;
struct inq_module;
struct inq_range;
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

enum {
	INQ_VEIL_FRAMES = 32768,    /* walked of one thread: 1 MiB of stack in the smallest frames */
	INQ_VEIL_NEAR_NULL = 65536, /* addresses this near to 0 (or to 2^64) are no secret */
};

/* The fault address where it would tell a secret, and a return address that points at no code. Never a
 * valid one, and not null. */
#define INQ_VEIL_WITHHELD UINT64_MAX

/**
 * Hang a veil before a target.
 *
 * @target  borrowed; must outlive the veil
 * @policy  NULL means the strictest; a value that is none of the enumeration's means the strict one
 * @ret     new veil, owned by the caller: inq_veil_free(), which leaves the target alone
 *
 * There is no partial veil: no veil, no dump. INQ_NO_MEMORY.
 */
enum inq_status inq_veil_new(struct inq_target *target, const struct inq_veil_policy *policy,
			     struct inq_veil **ret, struct inq_error *err);
void inq_veil_free(struct inq_veil *veil); /* accepts NULL */

/* What may be seen: a target to ask everything of. Borrowed from the veil. */
struct inq_target *inq_veil_target(struct inq_veil *veil);

/* As it is applied. */
const struct inq_veil_policy *inq_veil_policy(const struct inq_veil *veil);

/**
 * Where the images of modules are found, for unwinding: a debugger has files, a dying process's
 * images are in its memory (the default).
 *
 * find: an image that lives as long as the veil, and what to add to its vaddrs; INQ_ABSENT: the
 * module's memory is tried then.
 */
struct inq_veil_images {
	enum inq_status (*find)(void *user, const struct inq_module *module,
				struct inq_image **ret, uint64_t *ret_bias);
	void *user;
};
/* Before anything is asked. */
void inq_veil_set_images(struct inq_veil *veil, const struct inq_veil_images *images);

/**
 * Walk all threads, and walk them again from what the veil shows of them. Everything that needs the
 * target's own memory for it is read now, and never again; the first question that depends on it
 * does the same by itself. Nothing where the policy shows stacks whole.
 *
 * INQ_NO_MEMORY. A thread that cannot be walked shows its instruction and stack pointer.
 */
enum inq_status inq_veil_prepare(struct inq_veil *veil, struct inq_error *err);

/* The runs of stack that frames were found on, sorted by base, not overlapping: what of memory is
 * worth writing. Also those that an interrupted signal handler's stack led to. Empty where the
 * policy shows stacks whole. Borrowed. */
void inq_veil_stacks(struct inq_veil *veil, const struct inq_range **ret, size_t *ret_count);

/**
 * Prove a written dump against the veil: contexts, and every word that frames are found by, must
 * be there as they were shown, with nothing else in the stacks beside them.
 *
 * @written  the dump, opened as a target; NULL: only what was found when the veil was prepared
 * @ret_bad  threads whose frames are not those that they had before, or whose words differ
 *
 * The words for each thread that differs are warnings of the veil's target when it was the walk,
 * and in `err` when it was the file (INQ_BAD_DATA). INQ_OK with *ret_bad 0: proven.
 */
enum inq_status inq_veil_verify(struct inq_veil *veil, struct inq_target *written, size_t *ret_bad,
				struct inq_error *err);

/* Words of ours about the target, as they may be written: quotes are the target's, or the user's, and empty under r;
 * no folders under R. Borrowed from the veil, or `text` itself; "" without memory. */
const char *inq_veil_words(struct inq_veil *veil, const char *text);

/* --- what is said instead of a value --------------------------------------------------------- */

enum { INQ_VEIL_CLASSES = 40 }; /* registers by DWARF number */

struct inq_veil_classes {
	uint32_t tid;
	uint8_t of[INQ_VEIL_CLASSES]; /* enum inq_value_class */
};

/* One for each thread of the target in its order, then one for the exception's context if there is
 * one of its own (tid: the exception's). *ret_fault: the fault address's, UNKNOWN without one.
 * INQ_ABSENT where the policy shows stacks whole. Borrowed. */
enum inq_status inq_veil_classes(struct inq_veil *veil, const struct inq_veil_classes **ret,
				 size_t *ret_count, uint8_t *ret_fault, struct inq_error *err);

#endif
