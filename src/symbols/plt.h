/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Names of the stubs in a procedure linkage table: "printf@plt".
 *
 * Made by libbfd out of the dynamic symbols and relocations; it gets the file through us and opens nothing.
 * Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_PLT_H
#define INQ_SYMBOLS_PLT_H

#include "symbols/object.h"

struct inq_plt;

struct inq_plt_entry {
	uint64_t value;
	const char *name; /* without "@plt" */
};

/* True if the address is in a section of stubs: asked first, since making the names reads all dynamic
 * symbols. */
bool inq_plt_holds(struct inq_object *object, uint64_t vaddr, uint64_t *ret_end);

/* Borrows the object. INQ_ABSENT: no stubs. INQ_BAD_DATA: libbfd does not take the file. */
enum inq_status inq_plt_new(struct inq_object *object, struct inq_plt **ret, struct inq_error *err);
void inq_plt_free(struct inq_plt *plt);

/* The stub that the address is in, or NULL. */
const struct inq_plt_entry *inq_plt_at(const struct inq_plt *plt, uint64_t vaddr);
const struct inq_plt_entry *inq_plt_entries(const struct inq_plt *plt, size_t *ret_count);

#endif
