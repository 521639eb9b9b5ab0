/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What DIEs are made of; the rest is read by us, since libdwarf keeps every row of a hostile table. */
static const char *const shown[] = {
	".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr",
};

enum { SHOWN_COUNT = sizeof(shown) / sizeof(shown[0]), MAX_SECTION_NAME = 48 };

struct inq_dwarf_file {
	struct inq_object *object; /* borrowed */
	enum inq_dwarf_kind kind;
	struct inq_dwarf_piece pieces[INQ_DWARF_MAX_PIECES];
	uint8_t *piece_data[INQ_DWARF_MAX_PIECES]; /* owned; what was read of packages */
	size_t piece_count;
	char names[SHOWN_COUNT][MAX_SECTION_NAME];
	inq_dwarf_access access; /* libdwarf keeps a pointer to it */
	Dwarf_Debug dbg;
	struct inq_dwarf_file *alt; /* borrowed */
};

/* --- our view of the sections --------------------------------------------------------------------- */

static const char *full_name(const struct inq_dwarf_file *file, const char *name, char *to)
{
	snprintf(to, MAX_SECTION_NAME, "%s%s", name, file->kind == INQ_DWARF_SPLIT ? ".dwo" : "");
	return to;
}

static const struct inq_dwarf_piece *piece_of(const struct inq_dwarf_file *file, const char *full)
{
	for (size_t i = 0; i < file->piece_count; i++) {
		if (strcmp(file->pieces[i].section, full) == 0)
			return &file->pieces[i];
	}
	return NULL;
}

/* Only the piece is read where the section is not packed: packages have gigabytes. */
static enum inq_status load_piece(struct inq_dwarf_file *file, const struct inq_dwarf_piece *piece,
				  struct inq_section *section, struct inq_bytes *ret, struct inq_error *err)
{
	uint8_t **data = &file->piece_data[piece - file->pieces];
	struct inq_bytes whole;
	enum inq_status status;

	if (piece->offset > section->unpacked_size || piece->size > section->unpacked_size - piece->offset)
		return inq_fail(err, INQ_BAD_DATA, "'%s': a unit's part of %s runs past the section",
				inq_object_name(file->object), section->name);
	if (section->packing != INQ_PACKED_NOT) {
		status = inq_object_load(file->object, section, &whole, err);
		if (status == INQ_OK)
			*ret = (struct inq_bytes){whole.data + piece->offset, (size_t)piece->size};
		return status;
	}
	if (!*data) {
		/* Checked before memory is asked for: what lies outside of the file is not read. */
		uint64_t end = section->offset + piece->offset + piece->size;

		if (end < section->offset || end > inq_object_size(file->object))
			return inq_fail(err, INQ_BAD_DATA, "'%s': section %s runs past the file",
					inq_object_name(file->object), section->name);
		*data = calloc(1, (size_t)piece->size + 1);
		if (!*data)
			return inq_fail(err, INQ_NO_MEMORY, "section %s", section->name);
		status = inq_object_read(file->object, section->offset + piece->offset, *data,
					 (size_t)piece->size, err);
		if (status != INQ_OK) {
			free(*data);
			*data = NULL;
			return status;
		}
	}
	*ret = (struct inq_bytes){*data, (size_t)piece->size};
	return INQ_OK;
}

enum inq_status inq_dwarf_file_section(struct inq_dwarf_file *file, const char *name, struct inq_bytes *ret,
				       struct inq_error *err)
{
	char full[MAX_SECTION_NAME];
	const struct inq_dwarf_piece *piece = piece_of(file, full_name(file, name, full));
	struct inq_section *section = inq_object_section(file->object, full);

	if (piece && section)
		return load_piece(file, piece, section, ret, err);
	return inq_object_load(file->object, section, ret, err);
}

/* --- libdwarf's view: section 0 is ELF's empty one, then those in `shown` -------------------------- */

static int get_info(struct inq_dwarf_file *file, uint64_t index, inq_dwarf_section *ret)
{
	const struct inq_dwarf_piece *piece;
	struct inq_section *section;

	memset(ret, 0, sizeof(*ret));
	ret->INQ_DWARF_FIELD(name) = "";
	if (index > SHOWN_COUNT)
		return DW_DLV_NO_ENTRY;
	if (index == 0)
		return DW_DLV_OK;
	full_name(file, shown[index - 1], file->names[index - 1]);
	section = inq_object_section(file->object, file->names[index - 1]);
	if (!section)
		return DW_DLV_OK;
	piece = piece_of(file, file->names[index - 1]);
	ret->INQ_DWARF_FIELD(name) = file->names[index - 1];
	ret->INQ_DWARF_FIELD(type) = 1; /* SHT_PROGBITS */
	ret->INQ_DWARF_FIELD(size) = piece ? piece->size : section->unpacked_size;
	return DW_DLV_OK;
}

static int load(struct inq_dwarf_file *file, uint64_t index, Dwarf_Small **ret, int *error)
{
	struct inq_bytes bytes;

	if (index == 0 || index > SHOWN_COUNT)
		return DW_DLV_NO_ENTRY;
	switch (inq_dwarf_file_section(file, shown[index - 1], &bytes, NULL)) {
	case INQ_OK:
		*ret = (Dwarf_Small *)(uintptr_t)bytes.data;
		return DW_DLV_OK;
	case INQ_ABSENT:
		return DW_DLV_NO_ENTRY;
	default:
		*error = DW_DLE_IOF;
		return DW_DLV_ERROR;
	}
}

static int get_info_half(void *user, Dwarf_Half index, inq_dwarf_section *ret, int *error)
{
	(void)error;
	return get_info(user, index, ret);
}

static int load_half(void *user, Dwarf_Half index, Dwarf_Small **ret, int *error)
{
	return load(user, index, ret, error);
}

static inq_dwarf_byte_order get_byte_order(void *user)
{
	const struct inq_dwarf_file *file = user;

	return inq_object_is_swapped(file->object) ? INQ_DWARF_BIG : INQ_DWARF_LITTLE;
}

static Dwarf_Small get_length_size(void *user)
{
	(void)user;
	return 4; /* DWARF's offsets; units that have 64-bit ones say so */
}

static Dwarf_Small get_pointer_size(void *user)
{
	const struct inq_dwarf_file *file = user;

	return inq_object_is_64(file->object) ? 8 : 4;
}

static Dwarf_Unsigned get_count(void *user)
{
	(void)user;
	return SHOWN_COUNT + 1;
}

#ifdef HAVE_LIBDWARF_0
static int get_info_whole(void *user, Dwarf_Unsigned index, inq_dwarf_section *ret, int *error)
{
	(void)error;
	return get_info(user, index, ret);
}

static int load_whole(void *user, Dwarf_Unsigned index, Dwarf_Small **ret, int *error)
{
	return load(user, index, ret, error);
}

/* Unpacked sections may be larger than the file; libdwarf takes sizes beyond it for damage. */
static Dwarf_Unsigned get_file_size(void *user)
{
	(void)user;
	return (Dwarf_Unsigned)1 << 62;
}
#else
#define get_info_whole get_info_half
#define load_whole load_half
#endif

static const inq_dwarf_methods methods = {
	.INQ_DWARF_METHOD(get_section_info) = INQ_DWARF_PICK(get_section_info, get_info_half, get_info_whole),
	.INQ_DWARF_METHOD(get_byte_order) = get_byte_order,
	.INQ_DWARF_METHOD(get_length_size) = get_length_size,
	.INQ_DWARF_METHOD(get_pointer_size) = get_pointer_size,
	.INQ_DWARF_METHOD(get_section_count) = get_count,
	.INQ_DWARF_METHOD(load_section) = INQ_DWARF_PICK(load_section, load_half, load_whole),
#ifdef HAVE_LIBDWARF_0
	.om_get_filesize = get_file_size,
#endif
};

/* --- opening -------------------------------------------------------------------------------------- */

enum inq_status inq_dwarf_file_open(struct inq_object *object, enum inq_dwarf_kind kind,
				    const struct inq_dwarf_piece *pieces, size_t piece_count,
				    struct inq_dwarf_file **ret, struct inq_error *err)
{
	struct inq_dwarf_file *file = calloc(1, sizeof(*file));
	Dwarf_Error error = NULL;
	enum inq_status status;
	int result;

	if (!file)
		return inq_fail(err, INQ_NO_MEMORY, "'%s'", inq_object_name(object));
	file->object = object;
	file->kind = kind;
	file->piece_count = piece_count < INQ_DWARF_MAX_PIECES ? piece_count : INQ_DWARF_MAX_PIECES;
	if (file->piece_count)
		memcpy(file->pieces, pieces, file->piece_count * sizeof(*pieces));
	file->access = (inq_dwarf_access)INQ_DWARF_ACCESS(file, &methods);
	if (!inq_object_section(object, kind == INQ_DWARF_SPLIT ? ".debug_info.dwo" : ".debug_info")) {
		free(file);
		return inq_fail(err, INQ_ABSENT, "'%s': no debug information", inq_object_name(object));
	}
	result = dwarf_object_init_b(&file->access, NULL, NULL,
				     kind == INQ_DWARF_SPLIT ? DW_GROUPNUMBER_DWO : DW_GROUPNUMBER_BASE,
				     &file->dbg, &error);
	if (result != DW_DLV_OK) {
		if (result == DW_DLV_ERROR)
			status = inq_fail(err, INQ_BAD_DATA, "'%s': debug information: %s",
					  inq_object_name(object), dwarf_errmsg(error));
		else
			status = inq_fail(err, INQ_ABSENT, "'%s': no debug information", inq_object_name(object));
		if (error)
			dwarf_dealloc_error(NULL, error);
		file->dbg = NULL;
		inq_dwarf_file_close(file);
		return status;
	}
	*ret = file;
	return INQ_OK;
}

void inq_dwarf_file_close(struct inq_dwarf_file *file)
{
	if (!file)
		return;
	if (file->dbg)
		inq_dwarf_close(file->dbg);
	for (size_t i = 0; i < INQ_DWARF_MAX_PIECES; i++)
		free(file->piece_data[i]);
	free(file);
}

Dwarf_Debug inq_dwarf_file_dbg(struct inq_dwarf_file *file)
{
	return file->dbg;
}

struct inq_object *inq_dwarf_file_object(struct inq_dwarf_file *file)
{
	return file->object;
}

enum inq_dwarf_kind inq_dwarf_file_kind(const struct inq_dwarf_file *file)
{
	return file->kind;
}

void inq_dwarf_file_set_alt(struct inq_dwarf_file *file, struct inq_dwarf_file *alt)
{
	Dwarf_Error error = NULL;

	file->alt = alt;
	if (dwarf_set_tied_dbg(file->dbg, alt->dbg, &error) == DW_DLV_ERROR)
		dwarf_dealloc_error(file->dbg, error);
}

struct inq_dwarf_file *inq_dwarf_file_alt(struct inq_dwarf_file *file)
{
	return file->alt;
}

enum inq_status inq_dwarf_fail(struct inq_dwarf_file *file, Dwarf_Error error, uint64_t offset,
			       struct inq_error *err)
{
	enum inq_status status =
		inq_fail(err, INQ_BAD_DATA, "'%s': section .debug_info at 0x%llx: %s", inq_object_name(file->object),
			 (unsigned long long)offset, error ? dwarf_errmsg(error) : "damaged");

	if (error)
		dwarf_dealloc_error(file->dbg, error);
	return status;
}

/* --- heads of units ------------------------------------------------------------------------------- */

static void parse_head_5(struct inq_cursor *cursor, struct inq_dwarf_head *head)
{
	head->type = inq_cursor_u8(cursor);
	head->address_size = inq_cursor_u8(cursor);
	head->abbrev = inq_cursor_word(cursor, head->offset_size);
	switch (head->type) {
	case DW_UT_skeleton:
	case DW_UT_split_compile:
		head->dwo_id = inq_cursor_u64(cursor);
		break;
	case DW_UT_type:
	case DW_UT_split_type:
		inq_cursor_skip(cursor, 8 + (size_t)head->offset_size);
		break;
	default:
		break;
	}
}

enum inq_status inq_dwarf_head_at(struct inq_dwarf_file *file, uint64_t offset, struct inq_dwarf_head *ret,
				  struct inq_error *err)
{
	struct inq_dwarf_head head = {.offset = offset, .offset_size = 4, .type = DW_UT_compile};
	struct inq_bytes bytes;
	enum inq_status status = inq_dwarf_file_section(file, ".debug_info", &bytes, err);
	uint64_t length;

	/* INQ_UNSUPPORTED is for a unit that one can step over; a section that cannot be read is none. */
	if (status != INQ_OK)
		return status == INQ_UNSUPPORTED ? INQ_BAD_DATA : status;
	if (offset >= bytes.size)
		return inq_fail(err, INQ_ABSENT, "no further unit");

	struct inq_cursor cursor = inq_object_cursor(file->object, bytes, "section .debug_info");

	inq_cursor_seek(&cursor, (size_t)offset);
	length = inq_cursor_u32(&cursor);
	if (length == 0xffffffff) {
		head.offset_size = 8;
		length = inq_cursor_u64(&cursor);
	}
	if (cursor.bad || length > inq_cursor_left(&cursor))
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .debug_info: unit at 0x%llx runs past it",
				inq_object_name(file->object), (unsigned long long)offset);
	head.next = cursor.at + length;
	head.version = inq_cursor_u16(&cursor);
	*ret = head;
	if (head.version < 2 || head.version > 5)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': unit at 0x%llx has DWARF %u",
				inq_object_name(file->object), (unsigned long long)offset, head.version);
	if (head.version == 5) {
		parse_head_5(&cursor, &head);
	} else {
		head.abbrev = inq_cursor_word(&cursor, head.offset_size);
		head.address_size = inq_cursor_u8(&cursor);
	}
	head.die = cursor.at;
	if (cursor.bad || head.die > head.next || (head.address_size != 4 && head.address_size != 8))
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .debug_info: damaged unit at 0x%llx",
				inq_object_name(file->object), (unsigned long long)offset);
	*ret = head;
	return INQ_OK;
}
