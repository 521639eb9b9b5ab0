/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_split.h"

#include "support/opener.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PACKAGE_UNITS = 1 << 20, MAX_COLUMNS = 8 };

/* A .dwo, or one unit of a .dwp; the alternate file. */
struct opened {
	struct inq_object *object; /* owned; NULL: the package's */
	struct inq_dwarf_file *file;
};

struct inq_dwarf_split {
	struct inq_object *object; /* borrowed */
	struct inq_search *search; /* borrowed; NULL */
	const char *image;         /* borrowed */
	struct opened *files;
	size_t count, capacity;
	struct inq_object *package;
	bool package_tried, alt_tried;
	struct inq_dwarf_file *alt; /* one of files */
};

struct inq_dwarf_split *inq_dwarf_split_new(struct inq_object *object, struct inq_search *search,
					    const char *image)
{
	struct inq_dwarf_split *split = calloc(1, sizeof(*split));

	if (split) {
		split->object = object;
		split->search = search;
		split->image = image;
	}
	return split;
}

void inq_dwarf_split_free(struct inq_dwarf_split *split)
{
	if (!split)
		return;
	for (size_t i = 0; i < split->count; i++) {
		inq_dwarf_file_close(split->files[i].file);
		inq_object_free(split->files[i].object);
	}
	inq_object_free(split->package);
	free(split->files);
	free(split);
}

static bool keep(struct inq_dwarf_split *split, struct inq_object *object, struct inq_dwarf_file *file)
{
	if (split->count == split->capacity) {
		size_t more = split->capacity ? split->capacity * 2 : 8;
		struct opened *files = more <= INQ_DWARF_MAX_SPLIT_FILES ?
					       realloc(split->files, more * sizeof(*files)) : NULL;

		if (!files)
			return false;
		split->files = files;
		split->capacity = more;
	}
	split->files[split->count++] = (struct opened){object, file};
	return true;
}

static struct inq_object *open_object(struct inq_dwarf_split *split, const char *path)
{
	struct inq_object *object = NULL;
	enum inq_status status;
	int fd = path[0] == '/' ? inq_open(inq_search_opener(split->search), path, &status, NULL) : -1;

	if (fd < 0 || inq_object_open_fd(fd, path, &object, NULL) != INQ_OK)
		return NULL;
	return object;
}

/* --- .dwo ----------------------------------------------------------------------------------------- */

/* DWARF 4 has the id in the unit's root DIE. */
static uint64_t id_of(struct inq_dwarf_file *file, const struct inq_dwarf_head *head)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(file);
	Dwarf_Die die;
	uint64_t id = head->dwo_id;

	if (id || head->version >= 5)
		return id;
	die = inq_die_at(file, head->die);
	if (!die)
		return 0;
	(void)inq_die_number(dbg, die, DW_AT_GNU_dwo_id, &id);
	dwarf_dealloc_die(die);
	return id;
}

static bool find_unit(struct inq_dwarf_file *file, struct inq_unit *unit)
{
	struct inq_dwarf_head head;

	for (uint64_t offset = 0, n = 0; n < INQ_DWARF_MAX_SPLIT_FILES; offset = head.next, n++) {
		enum inq_status status = inq_dwarf_head_at(file, offset, &head, NULL);

		if (status != INQ_OK && status != INQ_UNSUPPORTED)
			return false;
		if (status == INQ_OK && head.address_size == unit->head.address_size &&
		    id_of(file, &head) == unit->dwo_id) {
			unit->file = file;
			unit->die_head = head;
			return true;
		}
	}
	return false;
}

static bool follow_dwo(struct inq_dwarf_split *split, struct inq_unit *unit, const char *path)
{
	struct inq_object *object = open_object(split, path);
	struct inq_dwarf_file *file = NULL;

	if (!object)
		return false;
	if (inq_dwarf_file_open(object, INQ_DWARF_SPLIT, NULL, 0, &file, NULL) != INQ_OK) {
		inq_object_free(object);
		return false;
	}
	if (find_unit(file, unit) && keep(split, object, file))
		return true;
	unit->file = unit->main;
	unit->die_head = unit->head;
	inq_dwarf_file_close(file);
	inq_object_free(object);
	return false;
}

/* The folder of a path with its slash, as a length. */
static int folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

static bool follow_names(struct inq_dwarf_split *split, struct inq_unit *unit)
{
	char path[PATH_MAX];
	const char *name = unit->dwo_name;
	const char *base = name + folder_of(name);

	if (snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' || !unit->comp_dir ? "" : unit->comp_dir,
		     name[0] == '/' || !unit->comp_dir ? "" : "/", name) < (int)sizeof(path) &&
	    follow_dwo(split, unit, path))
		return true;
	/* Moved together with the program. */
	return snprintf(path, sizeof(path), "%.*s%s", folder_of(split->image), split->image, base) <
		       (int)sizeof(path) &&
	       follow_dwo(split, unit, path);
}

/* --- .dwp ----------------------------------------------------------------------------------------- */

static struct inq_object *package_of(struct inq_dwarf_split *split)
{
	const char *const places[] = {split->image, inq_object_name(split->object)};
	char path[PATH_MAX];

	if (split->package_tried)
		return split->package;
	split->package_tried = true;
	for (size_t i = 0; i < 2 && !split->package; i++) {
		if (snprintf(path, sizeof(path), "%s.dwp", places[i]) < (int)sizeof(path))
			split->package = open_object(split, path);
	}
	return split->package;
}

/* What the numbers of an index's columns stand for: GNU's version 2, and DWARF 5. */
static const char *column_name(unsigned version, uint32_t id)
{
	static const char *const names_2[] = {
		[1] = ".debug_info.dwo", [3] = ".debug_abbrev.dwo", [4] = ".debug_line.dwo",
		[6] = ".debug_str_offsets.dwo",
	};
	static const char *const names_5[] = {
		[1] = ".debug_info.dwo", [3] = ".debug_abbrev.dwo", [4] = ".debug_line.dwo",
		[6] = ".debug_str_offsets.dwo", [8] = ".debug_rnglists.dwo",
	};

	if (version == 5)
		return id < sizeof(names_5) / sizeof(names_5[0]) ? names_5[id] : NULL;
	return id < sizeof(names_2) / sizeof(names_2[0]) ? names_2[id] : NULL;
}

struct cu_index {
	unsigned version;
	uint32_t columns, units, slots;
	size_t hashes, rows, names, offsets, sizes; /* where each table begins */
};

static bool parse_index_head(struct inq_cursor *cursor, struct cu_index *ret)
{
	uint64_t at;

	ret->version = inq_cursor_u16(cursor); /* version 2 is a 32-bit number */
	inq_cursor_skip(cursor, 2);
	ret->columns = inq_cursor_u32(cursor);
	ret->units = inq_cursor_u32(cursor);
	ret->slots = inq_cursor_u32(cursor);
	if (cursor->bad || (ret->version != 2 && ret->version != 5) || ret->columns > MAX_COLUMNS ||
	    ret->units > MAX_PACKAGE_UNITS || ret->slots > 4 * MAX_PACKAGE_UNITS)
		return false;
	at = cursor->at;
	ret->hashes = (size_t)at;
	ret->rows = (size_t)(at += 8ull * ret->slots);
	ret->names = (size_t)(at += 4ull * ret->slots);
	ret->offsets = (size_t)(at += 4ull * ret->columns);
	ret->sizes = (size_t)(at += 4ull * ret->columns * ret->units);
	return at + 4ull * ret->columns * ret->units <= cursor->size;
}

static uint32_t row_of(struct inq_cursor cursor, const struct cu_index *index, uint64_t id)
{
	uint32_t row;

	inq_cursor_seek(&cursor, index->hashes);
	for (uint32_t i = 0; i < index->slots; i++) {
		if (inq_cursor_u64(&cursor) != id)
			continue;
		inq_cursor_seek(&cursor, index->rows + 4ull * i);
		row = inq_cursor_u32(&cursor);
		if (row)
			return row <= index->units ? row : 0;
		inq_cursor_seek(&cursor, index->hashes + 8ull * (i + 1));
	}
	return 0;
}

static uint32_t cell(struct inq_cursor cursor, size_t at)
{
	inq_cursor_seek(&cursor, at);
	return inq_cursor_u32(&cursor);
}

static size_t pieces_of(struct inq_object *package, uint64_t id, struct inq_dwarf_piece *ret)
{
	struct inq_bytes bytes;
	struct cu_index index = {0};
	size_t count = 0;
	uint32_t row;

	if (inq_object_load(package, inq_object_section(package, ".debug_cu_index"), &bytes, NULL) != INQ_OK)
		return 0;

	struct inq_cursor cursor = inq_object_cursor(package, bytes, "section .debug_cu_index");

	if (!parse_index_head(&cursor, &index))
		return 0;
	row = row_of(cursor, &index, id);
	for (uint32_t i = 0; row && i < index.columns && count < INQ_DWARF_MAX_PIECES; i++) {
		const char *name = column_name(index.version, cell(cursor, index.names + 4ull * i));
		size_t at = 4 * ((size_t)(row - 1) * index.columns + i);

		if (name)
			ret[count++] = (struct inq_dwarf_piece){
				name, cell(cursor, index.offsets + at), cell(cursor, index.sizes + at)};
	}
	return count;
}

static bool follow_package(struct inq_dwarf_split *split, struct inq_unit *unit)
{
	struct inq_dwarf_piece pieces[INQ_DWARF_MAX_PIECES];
	struct inq_object *package = package_of(split);
	struct inq_dwarf_file *file = NULL;
	size_t count = package ? pieces_of(package, unit->dwo_id, pieces) : 0;

	if (!count || inq_dwarf_file_open(package, INQ_DWARF_SPLIT, pieces, count, &file, NULL) != INQ_OK)
		return false;
	if (find_unit(file, unit) && keep(split, NULL, file))
		return true;
	unit->file = unit->main;
	unit->die_head = unit->head;
	inq_dwarf_file_close(file);
	return false;
}

enum inq_status inq_dwarf_split_follow(struct inq_dwarf_split *split, struct inq_unit *unit,
				       struct inq_error *err)
{
	if (!unit->dwo_name || !unit->dwo_id)
		return INQ_OK;
	if (!unit->is_split_known) {
		unit->is_split_known = true;
		if (split->search && !follow_package(split, unit))
			(void)follow_names(split, unit);
	}
	if (unit->file == unit->main)
		return inq_fail(err, INQ_ABSENT, "'%s': not found", unit->dwo_name);
	return INQ_OK;
}

/* --- dwz ------------------------------------------------------------------------------------------ */

static bool has_id(struct inq_object *object, const uint8_t *id, size_t size)
{
	uint8_t found[INQ_BUILD_ID_MAX];
	size_t found_size;

	return inq_object_build_id(object, found, &found_size, NULL) == INQ_OK && found_size == size &&
	       memcmp(found, id, size) == 0;
}

static struct inq_object *open_alt(struct inq_dwarf_split *split, const char *path, const uint8_t *id, size_t size)
{
	const char *name = inq_object_name(split->object);
	struct inq_wanted wanted = {.path = "", .build_id = id, .build_id_size = size};
	char joined[PATH_MAX], *found = NULL;
	enum inq_match match;
	struct inq_object *object;

	if (snprintf(joined, sizeof(joined), "%.*s%s", path[0] == '/' ? 0 : folder_of(name), name, path) >=
	    (int)sizeof(joined))
		return NULL;
	object = open_object(split, joined);
	if (object && has_id(object, id, size))
		return object;
	inq_object_free(object);
	if (inq_search_debug(split->search, &wanted, "", NULL, 0, &found, &match, NULL) != INQ_OK)
		return NULL;
	object = open_object(split, found);
	free(found);
	return object;
}

enum inq_status inq_dwarf_split_alt(struct inq_dwarf_split *split, struct inq_dwarf_file **ret,
				    struct inq_error *err)
{
	char path[INQ_LINK_NAME_MAX];
	uint8_t id[INQ_BUILD_ID_MAX];
	size_t size;
	struct inq_object *object;
	struct inq_dwarf_file *file = NULL;
	enum inq_status status;

	if (split->alt || split->alt_tried || !split->search) {
		*ret = split->alt;
		return split->alt ? INQ_OK : inq_fail(err, INQ_ABSENT, "no shared debug file");
	}
	split->alt_tried = true;
	status = inq_object_altlink(split->object, path, id, &size, err);
	if (status != INQ_OK)
		return status;
	object = open_alt(split, path, id, size);
	if (!object)
		return inq_fail(err, INQ_ABSENT, "'%s': not found", path);
	status = inq_dwarf_file_open(object, INQ_DWARF_PLAIN, NULL, 0, &file, err);
	if (status == INQ_OK && !keep(split, object, file))
		status = inq_fail(err, INQ_NO_MEMORY, "'%s'", path);
	if (status != INQ_OK) {
		inq_dwarf_file_close(file);
		inq_object_free(object);
		return status;
	}
	split->alt = file;
	*ret = file;
	return INQ_OK;
}
