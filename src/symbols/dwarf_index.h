/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Which unit an address belongs to.
 */
#ifndef INQ_SYMBOLS_DWARF_INDEX_H
#define INQ_SYMBOLS_DWARF_INDEX_H

#include "symbols/dwarf_unit.h"

struct inq_dwarf_index;

/* All units of a file, by their heads; ranges as they are asked for. Borrows file and names. */
enum inq_status inq_dwarf_index_new(struct inq_dwarf_file *file, struct inq_names *names,
				    struct inq_dwarf_index **ret, struct inq_error *err);
void inq_dwarf_index_free(struct inq_dwarf_index *index);

/* The unit, root DIE read. INQ_ABSENT: none has the address. INQ_LIMIT: the clock ran out. */
enum inq_status inq_dwarf_index_at(struct inq_dwarf_index *index, uint64_t vaddr, struct inq_dwarf_clock *clock,
				   struct inq_unit **ret, struct inq_error *err);

#endif
