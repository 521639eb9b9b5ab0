/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_lines.h"

#include "support/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FORMATS = 16, MAX_OPERANDS = 255 };

struct entry {
	const char *name; /* borrowed from a section */
	uint32_t folder;
};

struct table {
	struct entry *entries;
	size_t count, capacity;
};

struct inq_lines {
	struct inq_dwarf_file *file; /* borrowed */
	const char *comp_dir;        /* borrowed */
	uint64_t offset;
	uint16_t version;
	uint8_t offset_size, address_size;
	uint8_t min_length, max_operations, line_range, opcode_base;
	int8_t line_base;
	uint8_t operands[MAX_OPERANDS + 1];
	struct table folders, files;
	struct inq_bytes section;
	size_t program, end; /* offsets in the section */
};

/* --- the header ----------------------------------------------------------------------------------- */

static bool add(struct table *table, const char *name, uint64_t folder)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity ? table->capacity * 2 : 16;
		struct entry *more = table->count < INQ_LINES_MAX_FILES ?
					     realloc(table->entries, capacity * sizeof(*more)) : NULL;

		if (!more)
			return false;
		table->entries = more;
		table->capacity = capacity;
	}
	table->entries[table->count++] = (struct entry){name, folder > UINT32_MAX ? 0 : (uint32_t)folder};
	return true;
}

/* DWARF 2 to 4: strings in the header; folder 0 and file 0 are not written down. */
static bool parse_tables_2(struct inq_lines *lines, struct inq_cursor *cursor)
{
	const char *name;

	if (!add(&lines->folders, lines->comp_dir, 0) || !add(&lines->files, NULL, 0))
		return false;
	while (*(name = inq_cursor_string(cursor)) && !cursor->bad) {
		if (!add(&lines->folders, name, 0))
			return false;
	}
	while (*(name = inq_cursor_string(cursor)) && !cursor->bad) {
		uint64_t folder = inq_cursor_uleb(cursor);

		(void)inq_cursor_uleb(cursor); /* time */
		(void)inq_cursor_uleb(cursor); /* length */
		if (!add(&lines->files, name, folder))
			return false;
	}
	return !cursor->bad;
}

static const char *string_in(struct inq_lines *lines, const char *section, uint64_t offset)
{
	struct inq_bytes bytes;

	if (inq_dwarf_file_section(lines->file, section, &bytes, NULL) != INQ_OK || offset >= bytes.size ||
	    !memchr(bytes.data + offset, '\0', bytes.size - (size_t)offset))
		return NULL;
	return (const char *)bytes.data + offset;
}

static const char *alt_string(struct inq_lines *lines, uint64_t offset)
{
	struct inq_dwarf_file *file = lines->file, *alt = inq_dwarf_file_alt(file);
	const char *string;

	if (!alt)
		return NULL;
	lines->file = alt;
	string = string_in(lines, ".debug_str", offset);
	lines->file = file;
	return string;
}

/* One field of DWARF 5's tables: a string or a number, or skipped. False: a form that cannot be skipped. */
static bool parse_field(struct inq_lines *lines, struct inq_cursor *cursor, uint64_t form, const char **ret_text,
			uint64_t *ret_number)
{
	switch (form) {
	case DW_FORM_string:
		*ret_text = inq_cursor_string(cursor);
		return true;
	case DW_FORM_line_strp:
		*ret_text = string_in(lines, ".debug_line_str", inq_cursor_word(cursor, lines->offset_size));
		return true;
	case DW_FORM_strp:
		*ret_text = string_in(lines, ".debug_str", inq_cursor_word(cursor, lines->offset_size));
		return true;
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		*ret_text = alt_string(lines, inq_cursor_word(cursor, lines->offset_size));
		return true;
	case DW_FORM_udata:
		*ret_number = inq_cursor_uleb(cursor);
		return true;
	case DW_FORM_data1:
		*ret_number = inq_cursor_u8(cursor);
		return true;
	case DW_FORM_data2:
		*ret_number = inq_cursor_u16(cursor);
		return true;
	case DW_FORM_data4:
		*ret_number = inq_cursor_u32(cursor);
		return true;
	case DW_FORM_data8:
		*ret_number = inq_cursor_u64(cursor);
		return true;
	case DW_FORM_data16:
		inq_cursor_skip(cursor, 16);
		return true;
	case DW_FORM_block:
		inq_cursor_skip(cursor, (size_t)inq_cursor_uleb(cursor));
		return true;
	default:
		return false;
	}
}

static bool parse_table_5(struct inq_lines *lines, struct inq_cursor *cursor, struct table *table)
{
	struct { uint64_t content, form; } formats[MAX_FORMATS];
	unsigned format_count = inq_cursor_u8(cursor);
	uint64_t count;

	if (format_count > MAX_FORMATS)
		return false;
	for (unsigned i = 0; i < format_count; i++) {
		formats[i].content = inq_cursor_uleb(cursor);
		formats[i].form = inq_cursor_uleb(cursor);
	}
	count = inq_cursor_uleb(cursor);
	if (format_count == 0 && count)
		return false;
	for (uint64_t i = 0; i < count && !cursor->bad; i++) {
		const char *name = NULL;
		uint64_t folder = 0;

		for (unsigned k = 0; k < format_count; k++) {
			const char *text = NULL;
			uint64_t number = 0;

			if (!parse_field(lines, cursor, formats[k].form, &text, &number))
				return false;
			if (formats[k].content == DW_LNCT_path)
				name = text;
			else if (formats[k].content == DW_LNCT_directory_index)
				folder = number;
		}
		if (!add(table, name, folder))
			return false;
	}
	return !cursor->bad;
}

static bool parse_header(struct inq_lines *lines, struct inq_cursor *cursor)
{
	uint64_t length = inq_cursor_u32(cursor), header_length;

	lines->offset_size = 4;
	if (length == 0xffffffff) {
		lines->offset_size = 8;
		length = inq_cursor_u64(cursor);
	}
	if (cursor->bad || length > inq_cursor_left(cursor))
		return false;
	lines->end = cursor->at + (size_t)length;
	cursor->size = lines->end;
	lines->version = inq_cursor_u16(cursor);
	if (lines->version < 2 || lines->version > 5)
		return false;
	lines->address_size = inq_object_is_64(inq_dwarf_file_object(lines->file)) ? 8 : 4;
	if (lines->version == 5) {
		lines->address_size = inq_cursor_u8(cursor);
		inq_cursor_skip(cursor, 1); /* size of a segment selector */
	}
	header_length = inq_cursor_word(cursor, lines->offset_size);
	if (cursor->bad || header_length > inq_cursor_left(cursor))
		return false;
	lines->program = cursor->at + (size_t)header_length;
	lines->min_length = inq_cursor_u8(cursor);
	lines->max_operations = lines->version >= 4 ? inq_cursor_u8(cursor) : 1;
	inq_cursor_skip(cursor, 1); /* default_is_stmt: every row counts for us */
	lines->line_base = (int8_t)inq_cursor_u8(cursor);
	lines->line_range = inq_cursor_u8(cursor);
	lines->opcode_base = inq_cursor_u8(cursor);
	for (unsigned i = 1; i < lines->opcode_base; i++)
		lines->operands[i] = inq_cursor_u8(cursor);
	if (cursor->bad || lines->line_range == 0 || lines->opcode_base == 0 ||
	    (lines->address_size != 4 && lines->address_size != 8))
		return false;
	if (lines->version == 5)
		return parse_table_5(lines, cursor, &lines->folders) &&
		       parse_table_5(lines, cursor, &lines->files);
	return parse_tables_2(lines, cursor);
}

enum inq_status inq_lines_new(struct inq_dwarf_file *file, uint64_t offset, const char *comp_dir,
			      struct inq_lines **ret, struct inq_error *err)
{
	struct inq_object *object = inq_dwarf_file_object(file);
	struct inq_lines *lines = calloc(1, sizeof(*lines));
	enum inq_status status;

	if (!lines)
		return inq_fail(err, INQ_NO_MEMORY, "line program");
	lines->file = file;
	lines->comp_dir = comp_dir;
	lines->offset = offset;
	status = inq_dwarf_file_section(file, ".debug_line", &lines->section, err);
	if (status != INQ_OK) {
		free(lines);
		return status;
	}

	struct inq_cursor cursor = inq_object_cursor(object, lines->section, "section .debug_line");

	if (offset >= lines->section.size)
		inq_cursor_fail(&cursor);
	else
		inq_cursor_seek(&cursor, (size_t)offset);
	if (!parse_header(lines, &cursor)) {
		inq_lines_free(lines);
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .debug_line at 0x%llx: damaged header",
				inq_object_name(object), (unsigned long long)offset);
	}
	*ret = lines;
	return INQ_OK;
}

void inq_lines_free(struct inq_lines *lines)
{
	if (!lines)
		return;
	free(lines->folders.entries);
	free(lines->files.entries);
	free(lines);
}

/* --- the machine ---------------------------------------------------------------------------------- */

struct machine {
	const struct inq_lines *lines;
	uint64_t wanted;
	uint64_t address, start; /* start: of the sequence */
	uint32_t operation;      /* op_index of VLIW machines */
	struct inq_line row;     /* the registers that we keep */
	struct inq_line last;    /* the last row of this sequence */
	bool has_last;
	struct inq_line found;
	bool has_found, found_in_dead;
};

static void reset(struct machine *machine)
{
	machine->address = 0;
	machine->operation = 0;
	machine->has_last = false;
	machine->row = (struct inq_line){.file = 1, .line = 1};
}

/* Functions that the linker threw away stand at address 0 (or 1, or all ones): a live one wins. */
static bool is_dead(uint64_t start)
{
	return start <= 1 || start >= (uint64_t)-2;
}

static void emit(struct machine *machine)
{
	const struct inq_line *last = &machine->last;

	machine->row.address = machine->address;
	if (!machine->has_last)
		machine->start = machine->address;
	if (machine->has_last && machine->wanted >= last->address && machine->wanted < machine->address &&
	    (!machine->has_found || machine->found_in_dead)) {
		machine->found = *last;
		machine->has_found = true;
		machine->found_in_dead = is_dead(machine->start);
	}
	machine->last = machine->row;
	machine->has_last = true;
}

static void advance(struct machine *machine, uint64_t operations)
{
	const struct inq_lines *lines = machine->lines;

	if (lines->max_operations <= 1) {
		machine->address += operations * lines->min_length;
		return;
	}
	operations += machine->operation;
	machine->address += operations / lines->max_operations * lines->min_length;
	machine->operation = (uint32_t)(operations % lines->max_operations);
}

static void extended(struct machine *machine, struct inq_cursor *cursor)
{
	uint64_t length = inq_cursor_uleb(cursor);
	size_t next;
	uint8_t code;

	if (length == 0 || length > inq_cursor_left(cursor))
		return;
	next = cursor->at + (size_t)length;
	code = inq_cursor_u8(cursor);
	if (code == DW_LNE_end_sequence) {
		emit(machine);
		reset(machine);
	} else if (code == DW_LNE_set_address && (length == 5 || length == 9)) {
		machine->address = inq_cursor_word(cursor, (unsigned)length - 1);
		machine->operation = 0;
	}
	inq_cursor_seek(cursor, next);
}

static void standard(struct machine *machine, struct inq_cursor *cursor, uint8_t code)
{
	const struct inq_lines *lines = machine->lines;

	switch (code) {
	case DW_LNS_copy:
		emit(machine);
		break;
	case DW_LNS_advance_pc:
		advance(machine, inq_cursor_uleb(cursor));
		break;
	case DW_LNS_advance_line:
		machine->row.line += (uint32_t)inq_cursor_sleb(cursor);
		break;
	case DW_LNS_set_file:
		machine->row.file = (uint32_t)inq_cursor_uleb(cursor);
		break;
	case DW_LNS_set_column:
		machine->row.column = (uint32_t)inq_cursor_uleb(cursor);
		break;
	case DW_LNS_const_add_pc:
		advance(machine, (255u - lines->opcode_base) / lines->line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		machine->address += inq_cursor_u16(cursor);
		machine->operation = 0;
		break;
	default: /* known ones that we need not, and unknown ones: skip what they take */
		for (unsigned i = 0; i < lines->operands[code]; i++)
			(void)inq_cursor_uleb(cursor);
		break;
	}
}

static void special(struct machine *machine, uint8_t code)
{
	const struct inq_lines *lines = machine->lines;
	unsigned adjusted = (unsigned)code - lines->opcode_base;

	advance(machine, adjusted / lines->line_range);
	machine->row.line += (uint32_t)(lines->line_base + (int)(adjusted % lines->line_range));
	emit(machine);
}

enum inq_status inq_lines_at(struct inq_lines *lines, uint64_t vaddr, struct inq_line *ret,
			     struct inq_error *err)
{
	struct machine machine = {.lines = lines, .wanted = vaddr};
	struct inq_cursor cursor =
		inq_object_cursor(inq_dwarf_file_object(lines->file), lines->section, "section .debug_line");

	cursor.size = lines->end;
	inq_cursor_seek(&cursor, lines->program);
	reset(&machine);
	while (inq_cursor_left(&cursor) && (!machine.has_found || machine.found_in_dead)) {
		uint8_t code = inq_cursor_u8(&cursor);

		if (code == 0)
			extended(&machine, &cursor);
		else if (code < lines->opcode_base)
			standard(&machine, &cursor, code);
		else
			special(&machine, code);
	}
	if (!machine.has_found)
		return inq_fail(err, INQ_ABSENT, "no line at 0x%llx", (unsigned long long)vaddr);
	*ret = machine.found;
	return INQ_OK;
}

/* --- paths ---------------------------------------------------------------------------------------- */

static void append(struct inq_buffer *path, const char *part)
{
	if (!part || !*part)
		return;
	if (*part == '/')
		path->size = 0;
	else if (path->size && path->data[path->size - 1] != '/')
		inq_buffer_puts(path, "/");
	inq_buffer_puts(path, part);
}

const char *inq_lines_path(const struct inq_lines *lines, uint32_t file, struct inq_names *names)
{
	struct inq_buffer path = {0};
	const struct entry *entry;
	const char *kept = NULL;

	if (file >= lines->files.count || !lines->files.entries[file].name)
		return NULL;
	entry = &lines->files.entries[file];
	/* Folder 0 is the compilation's own: written down in DWARF 5, put there by us before. */
	append(&path, lines->comp_dir);
	if (entry->folder < lines->folders.count && (entry->folder || !lines->comp_dir))
		append(&path, lines->folders.entries[entry->folder].name);
	append(&path, entry->name);
	if (inq_buffer_ok(&path))
		kept = inq_names_keep(names, inq_buffer_text(&path), path.size);
	inq_buffer_done(&path);
	return kept;
}
