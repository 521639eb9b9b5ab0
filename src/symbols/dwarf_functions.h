/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The functions of a unit that an address is in: the real one, and those that were inlined into it.
 *
 * Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_FUNCTIONS_H
#define INQ_SYMBOLS_DWARF_FUNCTIONS_H

#include "symbols/dwarf_unit.h"

/* One level. */
struct inq_level {
	const char *name;      /* demangled, kept; NULL unknown */
	uint64_t low_pc;       /* of the range that holds the address */
	uint32_t call_file, call_line, call_column; /* where it was inlined; 0 for the real function */
};

/* Outermost (the real function) first. 0 levels: the unit has no function there. INQ_LIMIT: the clock ran
 * out; the levels found so far are there. */
enum inq_status inq_functions_at(struct inq_unit *unit, uint64_t vaddr, struct inq_names *names,
				 struct inq_dwarf_clock *clock, struct inq_level *ret, size_t max,
				 size_t *ret_count, struct inq_error *err);

#endif
