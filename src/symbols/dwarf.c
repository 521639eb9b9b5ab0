/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf.h"

#include "symbols/dwarf_functions.h"
#include "symbols/dwarf_index.h"
#include "symbols/dwarf_split.h"

#include <stdlib.h>

struct inq_dwarf {
	struct inq_names *names; /* borrowed */
	struct inq_dwarf_file *file;
	struct inq_dwarf_index *index;
	struct inq_dwarf_split *split;
};

enum inq_status inq_dwarf_new(struct inq_object *object, struct inq_search *search, const char *image,
			      struct inq_names *names, struct inq_dwarf **ret, struct inq_error *err)
{
	struct inq_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	struct inq_dwarf_file *alt = NULL;
	enum inq_status status = INQ_OK;

	if (dwarf)
		dwarf->split = inq_dwarf_split_new(object, search, image);
	if (!dwarf || !dwarf->split)
		status = inq_fail(err, INQ_NO_MEMORY, "'%s'", inq_object_name(object));
	else
		dwarf->names = names;
	if (status == INQ_OK)
		status = inq_dwarf_file_open(object, INQ_DWARF_PLAIN, NULL, 0, &dwarf->file, err);
	/* Before any string is asked for: dwz moves the units' names too. */
	if (status == INQ_OK && inq_dwarf_split_alt(dwarf->split, &alt, NULL) == INQ_OK)
		inq_dwarf_file_set_alt(dwarf->file, alt);
	if (status == INQ_OK)
		status = inq_dwarf_index_new(dwarf->file, names, &dwarf->index, err);
	if (status != INQ_OK) {
		inq_dwarf_free(dwarf);
		return status;
	}
	*ret = dwarf;
	return INQ_OK;
}

void inq_dwarf_free(struct inq_dwarf *dwarf)
{
	if (!dwarf)
		return;
	inq_dwarf_index_free(dwarf->index);
	inq_dwarf_file_close(dwarf->file);
	inq_dwarf_split_free(dwarf->split);
	free(dwarf);
}

/* The row for the address; a skeleton's lines are in the file itself, not in the .dwo. */
static bool line_at(struct inq_unit *unit, uint64_t vaddr, struct inq_line *ret)
{
	if (!unit->lines_tried) {
		unit->lines_tried = true;
		if (unit->has_lines)
			(void)inq_lines_new(unit->main, unit->lines_offset, unit->comp_dir, &unit->lines, NULL);
	}
	return unit->lines && inq_lines_at(unit->lines, vaddr, ret, NULL) == INQ_OK;
}

static void set_place(struct inq_dwarf *dwarf, const struct inq_unit *unit, uint32_t file, uint32_t line,
		      uint32_t column, struct inq_source *ret)
{
	ret->line = line;
	ret->column = column;
	ret->file = unit->lines ? inq_lines_path(unit->lines, file, dwarf->names) : NULL;
}

/* Levels come outermost first; an inlined function's place is the line, its caller's is where it was
 * called. */
static size_t chain(struct inq_dwarf *dwarf, const struct inq_unit *unit, const struct inq_level *levels,
		    size_t count, const struct inq_line *line, struct inq_source *ret)
{
	if (count == 0) {
		ret[0] = (struct inq_source){0};
		set_place(dwarf, unit, line->file, line->line, line->column, &ret[0]);
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct inq_level *level = &levels[count - 1 - i];
		const struct inq_level *inner = i ? &levels[count - i] : NULL;

		ret[i] = (struct inq_source){
			.function = level->name, .low_pc = level->low_pc, .inlined = i + 1 < count};
		if (inner)
			set_place(dwarf, unit, inner->call_file, inner->call_line, inner->call_column, &ret[i]);
		else if (line)
			set_place(dwarf, unit, line->file, line->line, line->column, &ret[i]);
	}
	return count;
}

enum inq_status inq_dwarf_source(struct inq_dwarf *dwarf, uint64_t vaddr, struct inq_source ret[INQ_SOURCE_MAX],
				 size_t *ret_count, struct inq_error *err)
{
	struct inq_level levels[INQ_SOURCE_MAX];
	struct inq_dwarf_clock clock;
	struct inq_line line;
	struct inq_unit *unit;
	size_t count = 0;
	bool has_line;
	enum inq_status status;

	inq_dwarf_clock_start(&clock);
	status = inq_dwarf_index_at(dwarf->index, vaddr, &clock, &unit, err);
	if (status != INQ_OK)
		return status;
	/* Without its split file a unit still has lines. */
	(void)inq_dwarf_split_follow(dwarf->split, unit, NULL);
	has_line = line_at(unit, vaddr, &line);
	status = inq_functions_at(unit, vaddr, dwarf->names, &clock, levels, INQ_SOURCE_MAX, &count, err);
	if (count == 0 && !has_line)
		return status != INQ_OK ? status :
					  inq_fail(err, INQ_ABSENT, "no line for 0x%llx", (unsigned long long)vaddr);
	*ret_count = chain(dwarf, unit, levels, count, has_line ? &line : NULL, ret);
	return INQ_OK;
}
