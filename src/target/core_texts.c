/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of an ELF core, and what only a core of inquest's own, or the stub in the program, tells. */
#include "config.h"

#include "target/core_arguments.h"
#include "target/core_facts.h"
#include "target/core_private.h"

#include <string.h>

enum { NAME_COLUMN = 73 /* of /proc/PID/maps */ };

static enum inq_status make_arguments(struct core *core, struct inq_error *err)
{
	return inq_core_arguments_find(&core->target, core->notes.auxv, core->layout.pointer_size, &core->arguments,
				       &core->environment, err);
}

/* As the kernel writes a name there (mangle_path() in fs/seq_file.c): the end of a line is none. */
static void append_name(struct inq_buffer *to, const char *name)
{
	for (const char *stop; *name; name = stop + (*stop == '\n')) {
		stop = name + strcspn(name, "\n");
		inq_buffer_append(to, name, (size_t)(stop - name));
		if (*stop)
			inq_buffer_puts(to, "\\012");
	}
}

/* As /proc/PID/maps would be, of what the core says: neither devices nor inodes, nor whether most of it is shared. */
static enum inq_status make_maps(struct core *core, struct inq_error *err)
{
	const struct inq_region *regions;
	size_t count;
	enum inq_status status = inq_target_regions(&core->target, &regions, &count, err);

	for (size_t i = 0; status == INQ_OK && i < count; i++) {
		const struct inq_region *region = &regions[i];
		size_t start = core->maps.size, width;

		inq_buffer_printf(&core->maps, "%08llx-%08llx %c%c%c%c %08llx 00:00 0",
				  (unsigned long long)region->base, (unsigned long long)(region->base + region->size),
				  region->protection & INQ_PROT_READ ? 'r' : '-',
				  region->protection & INQ_PROT_WRITE ? 'w' : '-',
				  region->protection & INQ_PROT_EXEC ? 'x' : '-',
				  region->flags & INQ_REGION_SHARED ? 's' : 'p',
				  (unsigned long long)region->file_offset);
		width = core->maps.size - start;
		if (*region->name)
			inq_buffer_printf(&core->maps, "%*s", width < NAME_COLUMN ? (int)(NAME_COLUMN - width) : 1, "");
		append_name(&core->maps, region->name);
		inq_buffer_puts(&core->maps, region->flags & INQ_REGION_DELETED ? " (deleted)\n" : "\n");
	}
	if (status == INQ_OK && !core->maps.size)
		return inq_fail(err, INQ_ABSENT, "a core without mappings");
	return status == INQ_OK && !inq_buffer_ok(&core->maps) ? inq_fail(err, INQ_NO_MEMORY, "maps: no memory") : status;
}

enum inq_status inq_core_text(struct inq_target *self, enum inq_text_kind kind, const char **ret,
				 size_t *ret_size, struct inq_error *err)
{
	struct core *core = core_of(self);

	if (kind != INQ_TEXT_AUXV && core->facts &&
	    inq_target_text(core->facts, kind, ret, ret_size, NULL) == INQ_OK)
		return INQ_OK;
	if (kind == INQ_TEXT_AUXV && core->notes.auxv.data) {
		*ret = (const char *)core->notes.auxv.data;
		*ret_size = core->notes.auxv.size;
		return INQ_OK;
	}
	if (kind == INQ_TEXT_MAPS && inq_core_once(core, &core->maps_made, make_maps, err) == INQ_OK) {
		*ret = (const char *)core->maps.data;
		*ret_size = core->maps.size;
		return INQ_OK;
	}
	if ((kind == INQ_TEXT_CMDLINE || kind == INQ_TEXT_ENVIRON) &&
	    inq_core_once(core, &core->arguments_made, make_arguments, err) == INQ_OK) {
		const struct inq_buffer *text = kind == INQ_TEXT_CMDLINE ? &core->arguments : &core->environment;

		*ret = (const char *)text->data;
		*ret_size = text->size;
		if (text->size)
			return INQ_OK;
	}
	return inq_fail(err, INQ_ABSENT, "a core has no such text");
}

/* --- what only a core of inquest's own has --------------------------------------------------------
 */

#define FROM_FACTS(ask, self, err, ...)                                                             \
	(core_of(self)->facts ? ask(core_of(self)->facts, __VA_ARGS__)                              \
			      : inq_fail(err, INQ_ABSENT, "a core does not say that"))

static enum inq_status make_told(struct core *core, struct inq_error *err)
{
	struct inq_jit jit = {0};
	enum inq_status status = inq_told_find(&core->target, &jit, err);

	return status == INQ_OK ? inq_told_make(&core->target, &jit, &core->told, err) : status;
}

/* In its memory, where the stub was in it. */
enum inq_status inq_core_unloaded(struct inq_target *self, const struct inq_module **ret, size_t *ret_count,
				     struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_unloaded(core->facts, ret, ret_count, NULL) == INQ_OK)
		return INQ_OK;
	status = inq_core_once(core, &core->told_made, make_told, err);
	if (status != INQ_OK)
		return status;
	*ret = core->told.unloaded;
	*ret_count = core->told.unloaded_count;
	return INQ_OK;
}

enum inq_status inq_core_annotations(struct inq_target *self, const struct inq_annotation **ret, size_t *ret_count,
					struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_annotations(core->facts, ret, ret_count, NULL) == INQ_OK)
		return INQ_OK;
	status = inq_core_once(core, &core->told_made, make_told, err);
	if (status != INQ_OK)
		return status;
	*ret = core->told.annotations;
	*ret_count = core->told.annotation_count;
	return INQ_OK;
}

enum inq_status inq_core_handles(struct inq_target *self, const struct inq_handle **ret, size_t *ret_count,
				    struct inq_error *err)
{
	return FROM_FACTS(inq_target_handles, self, err, ret, ret_count, err);
}

enum inq_status inq_core_token(struct inq_target *self, const struct inq_token **ret, struct inq_error *err)
{
	return FROM_FACTS(inq_target_token, self, err, ret, err);
}

enum inq_status inq_core_counters(struct inq_target *self, const struct inq_counters **ret, struct inq_error *err)
{
	return FROM_FACTS(inq_target_counters, self, err, ret, err);
}
