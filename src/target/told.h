/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a program with the stub in it has told of itself: annotations, and which modules it unloaded. They lie in the
 * stub's record, in the program's memory.
 *
 * A crash that the stub caught gives the record's address. Of any other process, and of a core, it is found by a note
 * of the stub's image (record.h).
 */
#ifndef INQ_TARGET_TOLD_H
#define INQ_TARGET_TOLD_H

#include "support/error.h"
#include "target/jit.h"
#include "target/target.h"

#include <stddef.h>

struct inq_told {
	struct inq_annotation *annotations; /* texts are owned by this structure, as are those of the modules */
	size_t annotation_count;
	struct inq_module *unloaded; /* oldest first */
	size_t unloaded_count;
	struct inq_record_annotation *annotation_texts;
	struct inq_record_unloaded *unloaded_texts;
};

/**
 * Find the record by the stub's note: in the program itself, where it was linked statically, and in
 * libinquest-stub.so. Of *ret only `extended` and `record` are set.
 *
 * INQ_ABSENT: no stub, one that was never installed, or its memory is not there.
 */
enum inq_status inq_told_find(struct inq_target *target, struct inq_jit *ret, struct inq_error *err);

/**
 * Read all that it tells.
 *
 * @jit  with `extended`
 * @ret  zeroed or done; inq_told_done(), also after a failure
 *
 * INQ_NO_MEMORY. What cannot be read is left out.
 */
enum inq_status inq_told_make(struct inq_target *target, const struct inq_jit *jit, struct inq_told *ret,
			      struct inq_error *err);
void inq_told_done(struct inq_told *told); /* accepts NULL and a zeroed one */

#endif
