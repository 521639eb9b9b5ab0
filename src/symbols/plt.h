/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Names of the stubs in a procedure linkage table: "printf@plt".
 *
 * A stub jumps through a slot of the offset table, and a dynamic relocation says whose address the slot
 * gets. Our own reader: libbfd's bfd_get_synthetic_symtab() does the same, but prints its warnings about
 * damaged files on standard error whatever handler it was given (binutils 2.40). x86-64 and i386. Not
 * async-signal-safe.
 */
#ifndef INQ_SYMBOLS_PLT_H
#define INQ_SYMBOLS_PLT_H

#include "symbols/object.h"

struct inq_plt;

struct inq_plt_entry {
	uint64_t value;
	uint32_t name; /* offset in the string table of the dynamic symbols */
};

/* True if the address is in a section of stubs: asked first, since making the names reads all dynamic
 * symbols. */
bool inq_plt_holds(struct inq_object *object, uint64_t vaddr, uint64_t *ret_end);

/* Borrows the object. INQ_ABSENT: no stubs. INQ_UNSUPPORTED: another machine. */
enum inq_status inq_plt_new(struct inq_object *object, struct inq_plt **ret, struct inq_error *err);
void inq_plt_free(struct inq_plt *plt);

/* The stub that the address is in, or NULL. */
const struct inq_plt_entry *inq_plt_at(const struct inq_plt *plt, uint64_t vaddr);

/* Its name without "@plt", owned by the object; "" outside. */
const char *inq_plt_name(const struct inq_plt *plt, const struct inq_plt_entry *entry);

#endif
