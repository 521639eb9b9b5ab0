/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The files that a module's DWARF was spread over: .dwo, .dwp, and dwz's shared one.
 *
 * Their names come out of hostile files: each is opened through the search's opener, must be a regular ELF
 * file, and must have the id that the module asks for. Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_SPLIT_H
#define INQ_SYMBOLS_DWARF_SPLIT_H

#include "symbols/dwarf_unit.h"
#include "symbols/symbols.h"

struct inq_dwarf_split;

#define INQ_DWARF_MAX_SPLIT_FILES 4096u

/* Borrows all. @object: the file with the skeletons; @image: path of the image ("" unknown). */
struct inq_dwarf_split *inq_dwarf_split_new(struct inq_object *object, struct inq_search *search,
					    const char *image);
void inq_dwarf_split_free(struct inq_dwarf_split *split);

/* If the unit is a skeleton, point its file and die_head at its DIEs. INQ_OK also if it is none. INQ_ABSENT:
 * it is one, and its file was not found. */
enum inq_status inq_dwarf_split_follow(struct inq_dwarf_split *split, struct inq_unit *unit,
				       struct inq_error *err);

/* The file that .gnu_debugaltlink names. INQ_ABSENT: no link, or not found. Owned by split. */
enum inq_status inq_dwarf_split_alt(struct inq_dwarf_split *split, struct inq_dwarf_file **ret,
				    struct inq_error *err);

#endif
