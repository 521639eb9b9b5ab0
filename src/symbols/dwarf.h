/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Lines and inlined functions of one module, out of its DWARF.
 *
 * An address leads to its unit by .debug_aranges, or, for the units that this does not mention, by the
 * ranges of their root DIEs; only that unit's DIEs and line program are then read. Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_H
#define INQ_SYMBOLS_DWARF_H

#include "symbols/names.h"
#include "symbols/object.h"
#include "symbols/symbols.h"

struct inq_dwarf;

#define INQ_DWARF_MAX_UNITS (1u << 20)

/**
 * @object  the file with .debug_info; borrowed, must outlive *ret, as must all others
 * @search  leads to dwz and split files; NULL: none are looked for
 * @image   path of the image, for its .dwp
 * @names   where strings are kept
 *
 * INQ_ABSENT: no debug information.
 */
enum inq_status inq_dwarf_new(struct inq_object *object, struct inq_search *search, const char *image,
			      struct inq_names *names, struct inq_dwarf **ret, struct inq_error *err);
void inq_dwarf_free(struct inq_dwarf *dwarf);

/* As inq_symbols_source(). */
enum inq_status inq_dwarf_source(struct inq_dwarf *dwarf, uint64_t vaddr, struct inq_source ret[INQ_SOURCE_MAX],
				 size_t *ret_count, struct inq_error *err);

#endif
