/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The symbol table of one ELF file, by address and by name.
 *
 * Read in one pass and sorted by a radix sort: 110,000 symbols of node take about 5 ms, where libbfd's
 * canonical form of the same table takes ten times that and 100 MB. Names stay in the file until they
 * are asked for. Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_SYMTAB_H
#define INQ_SYMBOLS_SYMTAB_H

#include "symbols/object.h"

struct inq_symtab;

struct inq_symtab_entry {
	uint64_t value, size;  /* the Thumb bit of ARM's functions is taken off */
	uint64_t reach;        /* the largest end of this and all earlier entries */
	uint32_t name;         /* offset in the string table */
	uint8_t info, visibility; /* st_info, st_other & 3 */
	uint8_t rank;          /* higher is preferred at the same address */
	bool exported;
};

/* From .symtab, or from .dynsym in a file that has only that. The object is borrowed
 * and must outlive the table. INQ_ABSENT: no symbols. INQ_BAD_DATA, INQ_LIMIT, INQ_NO_MEMORY. */
enum inq_status inq_symtab_new(struct inq_object *object, struct inq_symtab **ret, struct inq_error *err);
void inq_symtab_free(struct inq_symtab *table);

/* True if it came from .symtab, false if from .dynsym. */
bool inq_symtab_is_full(const struct inq_symtab *table);

/* The nearest entry at or below vaddr in the same section; one that covers the address wins over one that
 * does not. NULL: none. */
const struct inq_symtab_entry *inq_symtab_at(const struct inq_symtab *table, uint64_t vaddr);

/* All of them, by address. */
const struct inq_symtab_entry *inq_symtab_entries(const struct inq_symtab *table, size_t *ret_count);

/* The name as it stands in the file up to its version ("memcpy@@GLIBC_2.14" is "memcpy"), in the table's
 * own place: valid until the next call. "" if it lies outside. inq_symtab_load_names() before calling it
 * for many. */
const char *inq_symtab_name(struct inq_symtab *table, const struct inq_symtab_entry *entry, size_t *ret_size);
enum inq_status inq_symtab_load_names(struct inq_symtab *table, struct inq_error *err);

#endif
