/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_index.h"

#include "symbols/dwarf.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 4096 }; /* overlapping ranges looked at for one address */

struct range {
	uint64_t low, high;
	uint64_t reach; /* the largest end of this and all earlier ones */
	uint32_t unit;
};

struct inq_dwarf_index {
	struct inq_dwarf_file *file; /* borrowed */
	struct inq_names *names;     /* borrowed */
	struct inq_unit *units;
	size_t unit_count;
	bool *mentioned;             /* by .debug_aranges */
	struct range *ranges;
	size_t range_count, range_capacity;
	size_t walked;               /* units whose root DIE was asked for its ranges */
	uint32_t current;            /* unit that ranges are being added for */
	bool failed;                 /* no memory, or too many ranges */
};

/* --- units ---------------------------------------------------------------------------------------- */

static bool add_unit(struct inq_dwarf_index *index, const struct inq_dwarf_head *head, size_t *capacity)
{
	if (index->unit_count == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 64;
		struct inq_unit *units =
			index->unit_count < INQ_DWARF_MAX_UNITS ?
				realloc(index->units, more * sizeof(*units)) : NULL;

		if (!units)
			return false;
		index->units = units;
		*capacity = more;
	}
	index->units[index->unit_count++] = (struct inq_unit){
		.main = index->file, .file = index->file, .head = *head, .die_head = *head};
	return true;
}

/* A damaged head ends the list, and what came before it is still good. */
static enum inq_status read_heads(struct inq_dwarf_index *index, struct inq_error *err)
{
	struct inq_dwarf_head head;
	uint64_t offset = 0;
	size_t capacity = 0;

	for (;;) {
		enum inq_status status = inq_dwarf_head_at(index->file, offset, &head, err);

		if (status == INQ_ABSENT || (status == INQ_BAD_DATA && index->unit_count))
			return INQ_OK;
		if (status != INQ_OK && status != INQ_UNSUPPORTED)
			return status;
		if (status == INQ_OK && (head.type == DW_UT_compile || head.type == DW_UT_skeleton) &&
		    !add_unit(index, &head, &capacity))
			return inq_fail(err, INQ_LIMIT, "'%s': more than %u units",
					inq_object_name(inq_dwarf_file_object(index->file)), INQ_DWARF_MAX_UNITS);
		offset = head.next;
	}
}

static size_t unit_at(const struct inq_dwarf_index *index, uint64_t offset)
{
	size_t low = 0, high = index->unit_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->units[middle].head.offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->unit_count && index->units[low].head.offset == offset ? low : SIZE_MAX;
}

/* --- ranges --------------------------------------------------------------------------------------- */

static bool add_range(void *user, struct inq_dwarf_range range)
{
	struct inq_dwarf_index *index = user;

	/* Thrown away by the linker. */
	if (range.low == 0)
		return true;
	if (index->range_count == index->range_capacity) {
		size_t more = index->range_capacity ? index->range_capacity * 2 : 256;
		struct range *ranges = more <= 4 * (size_t)INQ_DWARF_MAX_RANGES ?
					       realloc(index->ranges, more * sizeof(*ranges)) : NULL;

		if (!ranges) {
			index->failed = true;
			return false;
		}
		index->ranges = ranges;
		index->range_capacity = more;
	}
	index->ranges[index->range_count++] =
		(struct range){.low = range.low, .high = range.high, .unit = index->current};
	return true;
}

static int by_low(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	return left->low < right->low ? -1 : left->low > right->low;
}

static void sort_ranges(struct inq_dwarf_index *index)
{
	uint64_t reach = 0;

	if (index->range_count)
		qsort(index->ranges, index->range_count, sizeof(*index->ranges), by_low);
	for (size_t i = 0; i < index->range_count; i++) {
		reach = index->ranges[i].high > reach ? index->ranges[i].high : reach;
		index->ranges[i].reach = reach;
	}
}

/* One set of .debug_aranges: a head, then pairs of address and length, aligned to a pair, until (0, 0). */
static bool parse_set(struct inq_dwarf_index *index, struct inq_cursor *all)
{
	size_t start = all->at, end, skip;
	unsigned offset_size = 4, size;
	uint64_t length = inq_cursor_u32(all), offset;
	struct inq_cursor set;
	size_t unit;

	if (length == 0xffffffff) {
		offset_size = 8;
		length = inq_cursor_u64(all);
	}
	if (all->bad || length > inq_cursor_left(all))
		return false;
	end = all->at + (size_t)length;
	set = *all;
	set.size = end;
	inq_cursor_seek(all, end);
	if (inq_cursor_u16(&set) != 2)
		return true;
	offset = inq_cursor_word(&set, offset_size);
	size = inq_cursor_u8(&set);
	inq_cursor_skip(&set, 1); /* size of a segment selector */
	unit = unit_at(index, offset);
	if (set.bad || (size != 4 && size != 8) || unit == SIZE_MAX)
		return true;
	skip = (set.at - start) % (2 * size);
	inq_cursor_skip(&set, skip ? 2 * size - skip : 0);
	index->mentioned[unit] = true;
	index->current = (uint32_t)unit;
	while (inq_cursor_left(&set) >= 2 * size) {
		uint64_t low = inq_cursor_word(&set, size);
		uint64_t bytes = inq_cursor_word(&set, size);

		if (low == 0 && bytes == 0)
			break;
		if (bytes && low + bytes > low && !add_range(index, (struct inq_dwarf_range){low, low + bytes}))
			return false;
	}
	return true;
}

static void read_aranges(struct inq_dwarf_index *index)
{
	struct inq_bytes bytes;

	if (inq_dwarf_file_section(index->file, ".debug_aranges", &bytes, NULL) != INQ_OK)
		return;

	struct inq_cursor cursor =
		inq_object_cursor(inq_dwarf_file_object(index->file), bytes, "section .debug_aranges");

	while (inq_cursor_left(&cursor) && parse_set(index, &cursor))
		;
	sort_ranges(index);
}

/* The units that .debug_aranges does not have (clang and Rust write none): once, all of them. */
static bool walk_roots(struct inq_dwarf_index *index, struct inq_dwarf_clock *clock)
{
	bool any = false;

	for (; index->walked < index->unit_count && !index->failed; index->walked++) {
		struct inq_unit *unit = &index->units[index->walked];
		Dwarf_Die die;

		if (inq_dwarf_clock_over(clock))
			break;
		if (index->mentioned[index->walked] || inq_unit_read(unit, index->names, NULL) != INQ_OK)
			continue;
		die = inq_die_at(index->file, unit->head.die);
		if (!die)
			continue;
		index->current = (uint32_t)index->walked;
		(void)inq_die_ranges(unit, index->file, die, add_range, index);
		dwarf_dealloc_die(die);
		any = true;
	}
	if (any)
		sort_ranges(index);
	return any;
}

static const struct range *find(const struct inq_dwarf_index *index, uint64_t vaddr)
{
	size_t low = 0, high = index->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->ranges[middle].low <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low, steps = 0; i-- > 0 && steps < MAX_STEPS && index->ranges[i].reach > vaddr; steps++) {
		if (index->ranges[i].high > vaddr)
			return &index->ranges[i];
	}
	return NULL;
}

enum inq_status inq_dwarf_index_at(struct inq_dwarf_index *index, uint64_t vaddr, struct inq_dwarf_clock *clock,
				   struct inq_unit **ret, struct inq_error *err)
{
	const struct range *range = find(index, vaddr);
	struct inq_unit *unit;
	enum inq_status status;

	if (!range && index->walked < index->unit_count && walk_roots(index, clock))
		range = find(index, vaddr);
	if (!range && clock->over)
		return inq_fail(err, INQ_LIMIT, "'%s': looking for the unit took too long",
				inq_object_name(inq_dwarf_file_object(index->file)));
	if (!range)
		return inq_fail(err, INQ_ABSENT, "no unit has 0x%llx", (unsigned long long)vaddr);
	unit = &index->units[range->unit];
	status = inq_unit_read(unit, index->names, err);
	if (status == INQ_OK)
		*ret = unit;
	return status;
}

/* --- life ----------------------------------------------------------------------------------------- */

enum inq_status inq_dwarf_index_new(struct inq_dwarf_file *file, struct inq_names *names,
				    struct inq_dwarf_index **ret, struct inq_error *err)
{
	struct inq_dwarf_index *index = calloc(1, sizeof(*index));
	enum inq_status status;

	if (!index)
		return inq_fail(err, INQ_NO_MEMORY, "index of units");
	index->file = file;
	index->names = names;
	status = read_heads(index, err);
	if (status == INQ_OK) {
		index->mentioned = calloc(index->unit_count + 1, sizeof(*index->mentioned));
		if (!index->mentioned)
			status = inq_fail(err, INQ_NO_MEMORY, "index of units");
	}
	if (status != INQ_OK) {
		inq_dwarf_index_free(index);
		return status;
	}
	read_aranges(index);
	*ret = index;
	return INQ_OK;
}

void inq_dwarf_index_free(struct inq_dwarf_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->unit_count; i++)
		inq_unit_done(&index->units[i]);
	free(index->units);
	free(index->mentioned);
	free(index->ranges);
	free(index);
}
