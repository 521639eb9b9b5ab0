/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One unit of DWARF and the attributes of its DIEs: addresses, numbers, texts, ranges, with the bases that a
 * unit gives them, wherever its DIEs lie (in the file itself, a .dwo, a .dwp).
 *
 * Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_UNIT_H
#define INQ_SYMBOLS_DWARF_UNIT_H

#include "symbols/dwarf_file.h"
#include "symbols/dwarf_lines.h"
#include "symbols/names.h"

/* Limits on the work for one question: entries of one abbreviation table, references followed for one
 * name, ranges of one DIE, CPU time. */
#define INQ_DWARF_MAX_ABBREVS (1u << 16)
#define INQ_DWARF_MAX_ABBREV_PAIRS (1u << 19)
#define INQ_DWARF_MAX_HOPS 16u
#define INQ_DWARF_MAX_RANGES (1u << 20)
#define INQ_DWARF_MAX_CPU_MS 1500u

/* The clock of one question. */
struct inq_dwarf_clock {
	uint64_t started; /* CPU time of this thread, ns */
	unsigned ticks;
	bool over;
};

void inq_dwarf_clock_start(struct inq_dwarf_clock *clock);
/* Counts a step; true if the question has taken too long. */
bool inq_dwarf_clock_over(struct inq_dwarf_clock *clock);

/* [low, high) of code. */
struct inq_dwarf_range {
	uint64_t low, high;
};

struct inq_function {
	struct inq_dwarf_range range;
	uint64_t die; /* offset in the unit's file */
};

struct inq_unit {
	struct inq_dwarf_file *main;     /* where the line program and the addresses are; borrowed */
	struct inq_dwarf_head head;      /* in main */
	struct inq_dwarf_file *file;     /* where the DIEs are; == main if not split; borrowed */
	struct inq_dwarf_head die_head;  /* in file */
	bool is_read, is_bad;            /* of what its root DIE says */
	bool is_split_known;             /* the split file was looked for */
	bool has_lines;
	bool has_base;
	uint64_t lines_offset;
	uint64_t base;                   /* DW_AT_low_pc: what range lists are relative to */
	uint64_t address_base, range_lists_base, gnu_ranges_base;
	uint64_t dwo_id;
	const char *comp_dir, *dwo_name; /* kept in the module's names; NULL */
	struct inq_lines *lines;         /* owned, made when first needed */
	bool lines_tried;
	struct inq_function *functions;  /* owned, made when first needed */
	size_t function_count;
	bool functions_tried, nested_tried;
};

/* Read the root DIE. INQ_BAD_DATA with section and offset; the unit is then bad for good. */
enum inq_status inq_unit_read(struct inq_unit *unit, struct inq_names *names, struct inq_error *err);
void inq_unit_done(struct inq_unit *unit);

/* The DIE at an offset of a file, for dwarf_dealloc_die(); NULL. */
Dwarf_Die inq_die_at(struct inq_dwarf_file *file, uint64_t offset);
Dwarf_Half inq_die_tag(Dwarf_Die die); /* 0 damaged */

/* Attributes; false: not there, or not of that class, or damaged. */
bool inq_die_number(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret);
const char *inq_die_text(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute); /* libdwarf's or NULL */

/* A reference; *ret_alt: into the dwz file. */
bool inq_die_reference(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_offset,
		       bool *ret_alt);

/* Each non-empty range of a DIE of the unit until `each` returns false. True if it has any attribute that
 * says where it is. */
bool inq_die_ranges(const struct inq_unit *unit, struct inq_dwarf_file *file, Dwarf_Die die,
		    bool (*each)(void *user, struct inq_dwarf_range range), void *user);

#endif
