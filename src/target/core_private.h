/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ELF core while it is open: what core.c and core_texts.c share. See core.c for how it is filled. */
#ifndef INQ_TARGET_CORE_PRIVATE_H
#define INQ_TARGET_CORE_PRIVATE_H

#include "support/buffer.h"
#include "target/core_notes.h"
#include "target/core_regions.h"
#include "target/core_segments.h"
#include "target/link_map.h"
#include "target/modules.h"
#include "target/target.h"
#include "target/told.h"
#include "target/warnings.h"

#include <stdbool.h>

struct inq_file;

enum { EXECUTABLE_MAX = 4096 };

/* Something that is made once. */
struct core_made {
	bool tried;
	enum inq_status status;
	struct inq_error err;
};

struct core {
	struct inq_target target;
	struct inq_file *file; /* owned */
	struct inq_core_layout layout;
	struct inq_core_notes notes;
	struct inq_target *facts; /* of inquest's own note; NULL: none */
	uint8_t *note_bytes[INQ_CORE_NOTES_MAX]; /* what notes point into */
	struct inq_warnings warnings;
	struct inq_system system;
	struct inq_process process;
	struct inq_exception exception;
	struct inq_thread *threads;
	struct inq_range *ranges;
	size_t range_count;
	struct inq_core_files files;
	struct inq_region *regions;
	size_t region_count;
	struct inq_link_list links;
	struct inq_module_list modules;
	char executable[EXECUTABLE_MAX];
	struct inq_buffer arguments, environment; /* NUL-terminated strings */
	struct inq_buffer maps;
	struct inq_told told;
	struct core_made told_made, arguments_made, maps_made, system_made, process_made, threads_made, ranges_made, regions_made, links_made,
		modules_made;
};

static inline struct core *core_of(struct inq_target *self)
{
	return (struct core *)self; /* target is its first member */
}

/* Run `make` once, and answer the same ever after. */
enum inq_status inq_core_once(struct core *core, struct core_made *made,
			      enum inq_status (*make)(struct core *, struct inq_error *), struct inq_error *err);

/* core_texts.c: texts, and what only a core of inquest's own, or memory of the stub, has. As struct inq_target_ops. */
enum inq_status inq_core_text(struct inq_target *self, enum inq_text_kind kind, const char **ret, size_t *ret_size,
			      struct inq_error *err);
enum inq_status inq_core_unloaded(struct inq_target *self, const struct inq_module **ret, size_t *ret_count,
				  struct inq_error *err);
enum inq_status inq_core_annotations(struct inq_target *self, const struct inq_annotation **ret, size_t *ret_count,
				     struct inq_error *err);
enum inq_status inq_core_handles(struct inq_target *self, const struct inq_handle **ret, size_t *ret_count,
				 struct inq_error *err);
enum inq_status inq_core_token(struct inq_target *self, const struct inq_token **ret, struct inq_error *err);
enum inq_status inq_core_counters(struct inq_target *self, const struct inq_counters **ret, struct inq_error *err);

#endif
