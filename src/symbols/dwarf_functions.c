/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/dwarf_functions.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_FUNCTIONS = 1 << 20 };

/* --- walking -------------------------------------------------------------------------------------- */

/* The first child, or the next sibling; the DIE that one comes from is freed by next_of(). */
static Dwarf_Die child_of(Dwarf_Debug dbg, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Die child = NULL;
	int result = dwarf_child(die, &child, &error);

	if (result == DW_DLV_ERROR)
		dwarf_dealloc_error(dbg, error);
	return result == DW_DLV_OK ? child : NULL;
}

static Dwarf_Die next_of(Dwarf_Debug dbg, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Die next = NULL;
	int result = dwarf_siblingof_b(dbg, die, true, &next, &error);

	if (result == DW_DLV_ERROR)
		dwarf_dealloc_error(dbg, error);
	dwarf_dealloc_die(die);
	return result == DW_DLV_OK ? next : NULL;
}

static uint64_t offset_of(Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;

	return dwarf_dieoffset(die, &offset, &error) == DW_DLV_OK ? offset : 0;
}

/* --- the functions of a unit ---------------------------------------------------------------------- */

struct gathering {
	struct inq_unit *unit;
	struct inq_dwarf_clock *clock;
	bool nested; /* look into functions for functions too */
	uint64_t die;
	size_t capacity;
	bool failed;
};

static bool add_function(void *user, struct inq_dwarf_range range)
{
	struct gathering *gathering = user;
	struct inq_unit *unit = gathering->unit;

	if (unit->function_count == gathering->capacity) {
		size_t more = gathering->capacity ? gathering->capacity * 2 : 64;
		struct inq_function *functions =
			more <= MAX_FUNCTIONS ? realloc(unit->functions, more * sizeof(*functions)) : NULL;

		if (!functions) {
			gathering->failed = true;
			return false;
		}
		unit->functions = functions;
		gathering->capacity = more;
	}
	unit->functions[unit->function_count++] = (struct inq_function){range, gathering->die};
	return true;
}

/* Where functions can be: C++ and Rust have them below namespaces and types. */
static bool holds_functions(const struct gathering *gathering, Dwarf_Half tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_interface_type:
		return true;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		return gathering->nested;
	default:
		return false;
	}
}

static void gather(struct gathering *gathering, Dwarf_Die parent, unsigned depth)
{
	struct inq_unit *unit = gathering->unit;
	Dwarf_Debug dbg = inq_dwarf_file_dbg(unit->file);
	Dwarf_Die die = child_of(dbg, parent);

	for (; die; die = next_of(dbg, die)) {
		Dwarf_Half tag = inq_die_tag(die);

		if (gathering->failed || inq_dwarf_clock_over(gathering->clock)) {
			dwarf_dealloc_die(die);
			return;
		}
		if (tag == DW_TAG_subprogram) {
			gathering->die = offset_of(die);
			(void)inq_die_ranges(unit, unit->file, die, add_function, gathering);
		}
		if (depth < MAX_DEPTH && holds_functions(gathering, tag))
			gather(gathering, die, depth + 1);
	}
}

static void gather_unit(struct inq_unit *unit, struct inq_dwarf_clock *clock, bool nested)
{
	struct gathering gathering = {.unit = unit, .clock = clock, .nested = nested};
	Dwarf_Die root = inq_die_at(unit->file, unit->die_head.die);

	free(unit->functions);
	unit->functions = NULL;
	unit->function_count = 0;
	if (!root)
		return;
	gather(&gathering, root, 0);
	dwarf_dealloc_die(root);
}

/* The smallest range that has the address: a nested function may lie inside of its parent's. */
static const struct inq_function *search(const struct inq_unit *unit, uint64_t vaddr)
{
	const struct inq_function *best = NULL;

	for (size_t i = 0; i < unit->function_count; i++) {
		const struct inq_function *function = &unit->functions[i];
		const struct inq_dwarf_range *range = &function->range;

		if (vaddr >= range->low && vaddr < range->high &&
		    (!best || range->high - range->low < best->range.high - best->range.low))
			best = function;
	}
	return best;
}

static const struct inq_function *function_at(struct inq_unit *unit, uint64_t vaddr,
					      struct inq_dwarf_clock *clock)
{
	const struct inq_function *found;

	if (!unit->functions_tried) {
		unit->functions_tried = true;
		gather_unit(unit, clock, false);
	}
	found = search(unit, vaddr);
	if (found || unit->nested_tried || clock->over)
		return found;
	/* GNU C's nested functions, and what a compiler puts into a function: rare, so asked last. */
	unit->nested_tried = true;
	gather_unit(unit, clock, true);
	return search(unit, vaddr);
}

/* --- names ---------------------------------------------------------------------------------------- */

static const char *linkage_of(Dwarf_Debug dbg, Dwarf_Die die)
{
	const char *name = inq_die_text(dbg, die, DW_AT_linkage_name);

	return name ? name : inq_die_text(dbg, die, DW_AT_MIPS_linkage_name);
}

/* The DIE that this one is an instance or the definition of; frees the one given. */
static Dwarf_Die origin_of(struct inq_dwarf_file **file, Dwarf_Die die)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(*file);
	uint64_t offset;
	bool is_alt = false;
	bool found = inq_die_reference(dbg, die, DW_AT_abstract_origin, &offset, &is_alt) ||
		     inq_die_reference(dbg, die, DW_AT_specification, &offset, &is_alt);

	dwarf_dealloc_die(die);
	if (!found)
		return NULL;
	if (is_alt)
		*file = inq_dwarf_file_alt(*file);
	return *file ? inq_die_at(*file, offset) : NULL;
}

/* The linkage name wherever it stands, else the nearest plain one. Frees the DIE. */
static const char *name_of(struct inq_dwarf_file *file, Dwarf_Die die, struct inq_names *names)
{
	const char *plain = NULL;

	for (unsigned hops = 0; die && hops < INQ_DWARF_MAX_HOPS; hops++) {
		Dwarf_Debug dbg = inq_dwarf_file_dbg(file);
		const char *linkage = linkage_of(dbg, die);

		if (linkage) {
			const char *kept = inq_names_demangled(names, linkage);

			dwarf_dealloc_die(die);
			return kept;
		}
		if (!plain) {
			const char *text = inq_die_text(dbg, die, DW_AT_name);

			plain = text ? inq_names_keep(names, text, strlen(text)) : NULL;
		}
		die = origin_of(&file, die);
	}
	if (die)
		dwarf_dealloc_die(die);
	return plain;
}

/* --- what was inlined ----------------------------------------------------------------------------- */

struct holding {
	uint64_t vaddr;
	bool holds;
	uint64_t low;
};

static bool is_held(void *user, struct inq_dwarf_range range)
{
	struct holding *holding = user;

	if (holding->vaddr < range.low || holding->vaddr >= range.high)
		return true;
	holding->holds = true;
	holding->low = range.low;
	return false;
}

/* A block or an inlined function among the children that has the address. The parent is freed. */
static Dwarf_Die inner_of(struct inq_unit *unit, Dwarf_Die parent, uint64_t vaddr, struct inq_dwarf_clock *clock,
			  struct holding *ret)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(unit->file);
	Dwarf_Die die = child_of(dbg, parent);

	dwarf_dealloc_die(parent);
	for (; die; die = next_of(dbg, die)) {
		Dwarf_Half tag = inq_die_tag(die);

		if (inq_dwarf_clock_over(clock)) {
			dwarf_dealloc_die(die);
			return NULL;
		}
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
			continue;
		*ret = (struct holding){.vaddr = vaddr};
		(void)inq_die_ranges(unit, unit->file, die, is_held, ret);
		if (ret->holds)
			return die;
	}
	return NULL;
}

static uint32_t small_number(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute)
{
	uint64_t number;

	return inq_die_number(dbg, die, attribute, &number) && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static struct inq_level level_of(struct inq_unit *unit, uint64_t offset, uint64_t low, struct inq_names *names)
{
	Dwarf_Debug dbg = inq_dwarf_file_dbg(unit->file);
	struct inq_level level = {.low_pc = low};
	Dwarf_Die die = inq_die_at(unit->file, offset);

	if (!die)
		return level;
	level.call_file = small_number(dbg, die, DW_AT_call_file);
	level.call_line = small_number(dbg, die, DW_AT_call_line);
	level.call_column = small_number(dbg, die, DW_AT_call_column);
	level.name = name_of(unit->file, die, names);
	return level;
}

enum inq_status inq_functions_at(struct inq_unit *unit, uint64_t vaddr, struct inq_names *names,
				 struct inq_dwarf_clock *clock, struct inq_level *ret, size_t max,
				 size_t *ret_count, struct inq_error *err)
{
	const struct inq_function *function = function_at(unit, vaddr, clock);
	struct holding holding;
	Dwarf_Die die;

	*ret_count = 0;
	if (function && max) {
		ret[(*ret_count)++] = level_of(unit, function->die, function->range.low, names);
		die = inq_die_at(unit->file, function->die);
		for (unsigned depth = 0; die && depth < 4 * MAX_DEPTH && *ret_count < max; depth++) {
			die = inner_of(unit, die, vaddr, clock, &holding);
			if (die && inq_die_tag(die) == DW_TAG_inlined_subroutine)
				ret[(*ret_count)++] = level_of(unit, offset_of(die), holding.low, names);
		}
		if (die)
			dwarf_dealloc_die(die);
	}
	if (clock->over)
		return inq_fail(err, INQ_LIMIT, "'%s': section .debug_info: unit at 0x%llx takes too long to read",
				inq_object_name(inq_dwarf_file_object(unit->file)),
				(unsigned long long)unit->die_head.offset);
	return INQ_OK;
}
