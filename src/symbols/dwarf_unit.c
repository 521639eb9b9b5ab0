/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the clock ------------------------------------------------------------------------------------ */

static uint64_t cpu_time(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void inq_dwarf_clock_start(struct inq_dwarf_clock *clock)
{
	*clock = (struct inq_dwarf_clock){.started = cpu_time()};
}

bool inq_dwarf_clock_over(struct inq_dwarf_clock *clock)
{
	/* Asking the time costs a system call: every 64 DIEs. */
	if (!clock->over && ++clock->ticks % 64 == 0)
		clock->over = cpu_time() - clock->started > INQ_DWARF_MAX_CPU_MS * 1000000ull;
	return clock->over;
}

/* --- attributes ----------------------------------------------------------------------------------- */

Dwarf_Die inq_die_at(struct inq_dwarf_file *file, uint64_t offset)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(file);
	Dwarf_Error error = NULL;
	Dwarf_Die die = NULL;
	int result = dwarf_offdie_b(dbg, offset, true, &die, &error);

	if (result == DW_DLV_ERROR)
		dwarf_dealloc_error(dbg, error);
	return result == DW_DLV_OK ? die : NULL;
}

Dwarf_Half inq_die_tag(Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Half tag = 0;

	return dwarf_tag(die, &tag, &error) == DW_DLV_OK ? tag : 0;
}

static Dwarf_Attribute attribute_of(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, Dwarf_Half *ret_form)
{
	Dwarf_Error error = NULL;
	Dwarf_Attribute attr = NULL;
	int result = dwarf_attr(die, attribute, &attr, &error);

	if (result == DW_DLV_OK)
		result = dwarf_whatform(attr, ret_form, &error);
	if (result == DW_DLV_OK)
		return attr;
	if (result == DW_DLV_ERROR)
		dwarf_dealloc_error(dbg, error);
	if (attr)
		dwarf_dealloc_attribute(attr);
	return NULL;
}

static bool number_of(Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t *ret)
{
	Dwarf_Error error = NULL;
	Dwarf_Unsigned number = 0;
	Dwarf_Signed signed_number = 0;
	Dwarf_Off offset = 0;

	if (dwarf_formudata(attr, &number, &error) == DW_DLV_OK) {
		*ret = number;
		return true;
	}
	if (error)
		dwarf_dealloc_error(dbg, error);
	error = NULL;
	if (dwarf_global_formref(attr, &offset, &error) == DW_DLV_OK) {
		*ret = offset;
		return true;
	}
	if (error)
		dwarf_dealloc_error(dbg, error);
	error = NULL;
	if (dwarf_formsdata(attr, &signed_number, &error) == DW_DLV_OK) {
		*ret = (uint64_t)signed_number;
		return true;
	}
	if (error)
		dwarf_dealloc_error(dbg, error);
	return false;
}

bool inq_die_number(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret)
{
	Dwarf_Half form;
	Dwarf_Attribute attr = attribute_of(dbg, die, attribute, &form);
	bool found = attr && number_of(dbg, attr, ret);

	if (attr)
		dwarf_dealloc_attribute(attr);
	return found;
}

const char *inq_die_text(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute)
{
	Dwarf_Error error = NULL;
	Dwarf_Half form;
	Dwarf_Attribute attr = attribute_of(dbg, die, attribute, &form);
	char *text = NULL;

	if (attr && dwarf_formstring(attr, &text, &error) != DW_DLV_OK)
		text = NULL;
	if (error)
		dwarf_dealloc_error(dbg, error);
	if (attr)
		dwarf_dealloc_attribute(attr);
	return text;
}

bool inq_die_reference(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_offset,
		       bool *ret_alt)
{
	Dwarf_Error error = NULL;
	Dwarf_Half form = 0;
	Dwarf_Attribute attr = attribute_of(dbg, die, attribute, &form);
	Dwarf_Off offset = 0;
	bool found;

	if (!attr)
		return false;
	*ret_alt = form == DW_FORM_GNU_ref_alt || form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8;
	/* A signature leads to a type; functions have none. */
	found = form != DW_FORM_ref_sig8 && dwarf_global_formref(attr, &offset, &error) == DW_DLV_OK;
	*ret_offset = offset;
	if (error)
		dwarf_dealloc_error(dbg, error);
	dwarf_dealloc_attribute(attr);
	return found;
}

/* --- addresses ------------------------------------------------------------------------------------ */

static bool read_word(struct inq_dwarf_file *file, const char *section, uint64_t at, unsigned size,
		      uint64_t *ret)
{
	struct inq_bytes bytes;

	if (inq_dwarf_file_section(file, section, &bytes, NULL) != INQ_OK || at >= bytes.size)
		return false;

	struct inq_cursor cursor = inq_object_cursor(inq_dwarf_file_object(file), bytes, section);

	inq_cursor_seek(&cursor, (size_t)at);
	*ret = inq_cursor_word(&cursor, size);
	return !cursor.bad;
}

static bool indexed_address(const struct inq_unit *unit, uint64_t index, uint64_t *ret)
{
	unsigned size = unit->head.address_size;

	if (index > UINT32_MAX)
		return false;
	return read_word(unit->main, ".debug_addr", unit->address_base + index * size, size, ret);
}

static bool is_indexed(Dwarf_Half form)
{
	switch (form) {
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index:
		return true;
	default:
		return false;
	}
}

/* *ret_is_offset: a constant, for DW_AT_high_pc an offset from the low one. */
static bool address_of(const struct inq_unit *unit, Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute,
		       uint64_t *ret, bool *ret_is_offset)
{
	Dwarf_Error error = NULL;
	Dwarf_Half form = 0;
	Dwarf_Attribute attr = attribute_of(dbg, die, attribute, &form);
	bool found;

	if (!attr)
		return false;
	*ret_is_offset = false;
	if (is_indexed(form)) {
		Dwarf_Unsigned index = 0;

		found = dwarf_get_debug_addr_index(attr, &index, &error) == DW_DLV_OK &&
			indexed_address(unit, index, ret);
	} else if (form == DW_FORM_addr) {
		Dwarf_Addr address = 0;

		found = dwarf_formaddr(attr, &address, &error) == DW_DLV_OK;
		*ret = address;
	} else {
		*ret_is_offset = true;
		found = number_of(dbg, attr, ret);
	}
	if (error)
		dwarf_dealloc_error(dbg, error);
	dwarf_dealloc_attribute(attr);
	return found;
}

/* --- ranges --------------------------------------------------------------------------------------- */

struct walk {
	const struct inq_unit *unit;
	uint64_t base;
	bool (*each)(void *user, struct inq_dwarf_range range);
	void *user;
};

/* A base of "nowhere" marks what the linker threw away. */
static bool give(struct walk *walk, uint64_t low, uint64_t high)
{
	if (low >= high)
		return true;
	return walk->each(walk->user, (struct inq_dwarf_range){low, high});
}

/* .debug_ranges, DWARF 3 and 4: pairs relative to the base; the largest address sets a new base. */
static void walk_ranges_3(struct walk *walk, struct inq_cursor *cursor)
{
	unsigned size = walk->unit->head.address_size;
	uint64_t largest = size == 8 ? UINT64_MAX : UINT32_MAX;

	for (unsigned i = 0; i < INQ_DWARF_MAX_RANGES && !cursor->bad; i++) {
		uint64_t low = inq_cursor_word(cursor, size);
		uint64_t high = inq_cursor_word(cursor, size);

		if (cursor->bad || (low == 0 && high == 0))
			return;
		if (low == largest)
			walk->base = high;
		else if (!give(walk, walk->base + low, walk->base + high))
			return;
	}
}

/* One entry of .debug_rnglists; false: the end. */
static bool walk_entry_5(struct walk *walk, struct inq_cursor *cursor)
{
	unsigned size = walk->unit->head.address_size;
	uint64_t low = 0, high = 0;

	switch (inq_cursor_u8(cursor)) {
	case DW_RLE_base_addressx:
		return indexed_address(walk->unit, inq_cursor_uleb(cursor), &walk->base);
	case DW_RLE_startx_endx:
		if (!indexed_address(walk->unit, inq_cursor_uleb(cursor), &low) ||
		    !indexed_address(walk->unit, inq_cursor_uleb(cursor), &high))
			return false;
		return give(walk, low, high);
	case DW_RLE_startx_length:
		if (!indexed_address(walk->unit, inq_cursor_uleb(cursor), &low))
			return false;
		high = low + inq_cursor_uleb(cursor);
		return give(walk, low, high);
	case DW_RLE_offset_pair:
		low = walk->base + inq_cursor_uleb(cursor);
		high = walk->base + inq_cursor_uleb(cursor);
		return give(walk, low, high);
	case DW_RLE_base_address:
		walk->base = inq_cursor_word(cursor, size);
		return true;
	case DW_RLE_start_end:
		low = inq_cursor_word(cursor, size);
		high = inq_cursor_word(cursor, size);
		return give(walk, low, high);
	case DW_RLE_start_length:
		low = inq_cursor_word(cursor, size);
		high = low + inq_cursor_uleb(cursor);
		return give(walk, low, high);
	default:
		return false;
	}
}

static void walk_ranges_5(struct walk *walk, struct inq_cursor *cursor)
{
	for (unsigned i = 0; i < INQ_DWARF_MAX_RANGES && !cursor->bad; i++) {
		if (!walk_entry_5(walk, cursor))
			return;
	}
}

/* DW_FORM_rnglistx: what the index stands for. Versions of libdwarf differ in what they say of it. */
static bool list_offset(const struct inq_unit *unit, struct inq_dwarf_file *file, Dwarf_Die die,
			Dwarf_Attribute attr, uint64_t *ret)
{
	Dwarf_Error error = NULL;
	Dwarf_Off at = 0;
	struct inq_bytes bytes;
	unsigned size = unit->die_head.offset_size;
	uint64_t base = unit->range_lists_base;

	if (dwarf_attr_offset(die, attr, &at, &error) != DW_DLV_OK) {
		if (error)
			dwarf_dealloc_error(inq_dwarf_file_dbg(file), error);
		return false;
	}
	if (inq_dwarf_file_section(file, ".debug_info", &bytes, NULL) != INQ_OK || at >= bytes.size)
		return false;

	struct inq_cursor cursor =
		inq_object_cursor(inq_dwarf_file_object(file), bytes, "section .debug_info");

	inq_cursor_seek(&cursor, at);

	uint64_t index = inq_cursor_uleb(&cursor);

	/* A split file's one table follows its header. */
	if (inq_dwarf_file_kind(file) == INQ_DWARF_SPLIT)
		base = size == 8 ? 20 : 12;
	if (cursor.bad || index > UINT32_MAX ||
	    !read_word(file, ".debug_rnglists", base + index * size, size, ret))
		return false;
	*ret += base;
	return true;
}

static bool walk_list(struct walk *walk, struct inq_dwarf_file *file, Dwarf_Die die)
{
	const struct inq_unit *unit = walk->unit;
	Dwarf_Debug dbg = inq_dwarf_file_dbg(file);
	bool is_5 = unit->die_head.version >= 5;
	bool is_split = inq_dwarf_file_kind(file) == INQ_DWARF_SPLIT;
	Dwarf_Half form = 0;
	Dwarf_Attribute attr = attribute_of(dbg, die, DW_AT_ranges, &form);
	uint64_t offset = 0;
	struct inq_bytes bytes;
	bool known;

	if (!attr)
		return false;
	known = form == DW_FORM_rnglistx ? list_offset(unit, file, die, attr, &offset) :
					   number_of(dbg, attr, &offset);
	dwarf_dealloc_attribute(attr);
	if (!known)
		return true;
	if (!is_5 && is_split) {
		offset += unit->gnu_ranges_base;
		file = unit->main; /* GNU's split DWARF 4 leaves them there */
	}
	if (inq_dwarf_file_section(file, is_5 ? ".debug_rnglists" : ".debug_ranges", &bytes, NULL) != INQ_OK ||
	    offset >= bytes.size)
		return true;

	struct inq_cursor cursor = inq_object_cursor(inq_dwarf_file_object(file), bytes, "ranges");

	inq_cursor_seek(&cursor, (size_t)offset);
	if (is_5)
		walk_ranges_5(walk, &cursor);
	else
		walk_ranges_3(walk, &cursor);
	return true;
}

bool inq_die_ranges(const struct inq_unit *unit, struct inq_dwarf_file *file, Dwarf_Die die,
		    bool (*each)(void *user, struct inq_dwarf_range range), void *user)
{
	struct walk walk = {.unit = unit, .base = unit->base, .each = each, .user = user};
	Dwarf_Debug dbg = inq_dwarf_file_dbg(file);
	uint64_t low, high;
	bool is_offset;

	if (address_of(unit, dbg, die, DW_AT_high_pc, &high, &is_offset)) {
		bool low_is_offset;

		if (!address_of(unit, dbg, die, DW_AT_low_pc, &low, &low_is_offset) || low_is_offset)
			return true;
		give(&walk, low, is_offset ? low + high : high);
		return true;
	}
	return walk_list(&walk, file, die);
}

/* --- the root DIE --------------------------------------------------------------------------------- */

/* libdwarf makes 15 bytes of memory from each of an abbreviation table: too large a table is not shown
 * to it. */
static bool is_sane_table(struct inq_dwarf_file *file, uint64_t offset)
{
	struct inq_bytes bytes;
	unsigned pairs = 0;

	if (inq_dwarf_file_section(file, ".debug_abbrev", &bytes, NULL) != INQ_OK || offset >= bytes.size)
		return false;

	struct inq_cursor cursor = inq_object_cursor(inq_dwarf_file_object(file), bytes, ".debug_abbrev");

	inq_cursor_seek(&cursor, (size_t)offset);
	for (unsigned i = 0; i < INQ_DWARF_MAX_ABBREVS; i++) {
		uint64_t name, form;

		if (inq_cursor_uleb(&cursor) == 0)
			return !cursor.bad;
		(void)inq_cursor_uleb(&cursor); /* tag */
		inq_cursor_skip(&cursor, 1);    /* children */
		do {
			name = inq_cursor_uleb(&cursor);
			form = inq_cursor_uleb(&cursor);
			if (form == DW_FORM_implicit_const)
				(void)inq_cursor_sleb(&cursor);
			if (++pairs > INQ_DWARF_MAX_ABBREV_PAIRS)
				return false;
		} while (!cursor.bad && (name || form));
	}
	return false;
}

static const char *kept_text(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, struct inq_names *names)
{
	const char *text = inq_die_text(dbg, die, attribute);

	return text ? inq_names_keep(names, text, strlen(text)) : NULL;
}

static void read_root(struct inq_unit *unit, Dwarf_Die die, struct inq_names *names)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(unit->main);
	bool is_offset;

	unit->has_lines = inq_die_number(dbg, die, DW_AT_stmt_list, &unit->lines_offset);
	unit->comp_dir = kept_text(dbg, die, DW_AT_comp_dir, names);
	unit->dwo_name = kept_text(dbg, die, DW_AT_dwo_name, names);
	if (!unit->dwo_name)
		unit->dwo_name = kept_text(dbg, die, DW_AT_GNU_dwo_name, names);
	unit->dwo_id = unit->head.dwo_id;
	if (!unit->dwo_id)
		(void)inq_die_number(dbg, die, DW_AT_GNU_dwo_id, &unit->dwo_id);
	/* The bases first: DW_AT_low_pc may be an index. */
	if (!inq_die_number(dbg, die, DW_AT_addr_base, &unit->address_base))
		(void)inq_die_number(dbg, die, DW_AT_GNU_addr_base, &unit->address_base);
	(void)inq_die_number(dbg, die, DW_AT_rnglists_base, &unit->range_lists_base);
	(void)inq_die_number(dbg, die, DW_AT_GNU_ranges_base, &unit->gnu_ranges_base);
	unit->has_base = address_of(unit, dbg, die, DW_AT_low_pc, &unit->base, &is_offset);
}

enum inq_status inq_unit_read(struct inq_unit *unit, struct inq_names *names, struct inq_error *err)
{
	Dwarf_Die die;

	if (unit->is_read && !unit->is_bad)
		return INQ_OK;
	unit->is_read = true;
	unit->is_bad = true;
	if (!is_sane_table(unit->main, unit->head.abbrev))
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .debug_abbrev at 0x%llx: damaged or too large",
				inq_object_name(inq_dwarf_file_object(unit->main)),
				(unsigned long long)unit->head.abbrev);
	die = inq_die_at(unit->main, unit->head.die);
	if (!die)
		return inq_dwarf_fail(unit->main, NULL, unit->head.die, err);
	read_root(unit, die, names);
	dwarf_dealloc_die(die);
	unit->is_bad = false;
	return INQ_OK;
}

void inq_unit_done(struct inq_unit *unit)
{
	inq_lines_free(unit->lines);
	free(unit->functions);
}
