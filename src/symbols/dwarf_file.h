/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One file with DWARF in it, opened with libdwarf over our own view of its sections.
 *
 * libdwarf gets the sections from us, unpacked and within limits, and only those that DIEs are made of; it
 * opens nothing itself. A unit of a DWARF package (.dwp) is a view too: its own pieces of the package's
 * sections, so that it looks like the .dwo that it came from. Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_FILE_H
#define INQ_SYMBOLS_DWARF_FILE_H

#include "symbols/dwarf_compat.h"
#include "symbols/object.h"

struct inq_dwarf_file;

enum inq_dwarf_kind { INQ_DWARF_PLAIN, INQ_DWARF_SPLIT };

/* What of a file a unit is made of, by DW_SECT_* of DWARF 5; size 0: nothing of it. */
struct inq_dwarf_piece {
	const char *section; /* ".debug_info.dwo" */
	uint64_t offset, size;
};

enum { INQ_DWARF_MAX_PIECES = 8 };

/**
 * @object  borrowed, must outlive the file
 * @kind    INQ_DWARF_SPLIT: the sections whose names end in ".dwo"
 * @pieces  for a unit of a package: the parts of sections that are its own; other sections are whole. NULL
 *
 * INQ_ABSENT: no .debug_info.
 */
enum inq_status inq_dwarf_file_open(struct inq_object *object, enum inq_dwarf_kind kind,
				    const struct inq_dwarf_piece *pieces, size_t piece_count,
				    struct inq_dwarf_file **ret, struct inq_error *err);
void inq_dwarf_file_close(struct inq_dwarf_file *file);

Dwarf_Debug inq_dwarf_file_dbg(struct inq_dwarf_file *file);
struct inq_object *inq_dwarf_file_object(struct inq_dwarf_file *file);
enum inq_dwarf_kind inq_dwarf_file_kind(const struct inq_dwarf_file *file);

/* A section as this view has it, by its plain name (".debug_line", also for ".debug_line.dwo"). INQ_ABSENT. */
enum inq_status inq_dwarf_file_section(struct inq_dwarf_file *file, const char *name, struct inq_bytes *ret,
				       struct inq_error *err);

/* The file whose strings and DIEs DW_FORM_*_sup and _alt mean (dwz); borrowed, must outlive this one. */
void inq_dwarf_file_set_alt(struct inq_dwarf_file *file, struct inq_dwarf_file *alt);
struct inq_dwarf_file *inq_dwarf_file_alt(struct inq_dwarf_file *file);

/* What libdwarf said, as INQ_BAD_DATA with the file's name; the error is freed. */
enum inq_status inq_dwarf_fail(struct inq_dwarf_file *file, Dwarf_Error error, uint64_t offset,
			       struct inq_error *err);

/* The head of one unit. */
struct inq_dwarf_head {
	uint64_t offset, next;   /* in .debug_info */
	uint64_t die;            /* offset of the unit's DIE */
	uint64_t abbrev;         /* offset in .debug_abbrev */
	uint64_t dwo_id;         /* of skeleton and split units of DWARF 5, else 0 */
	uint16_t version;
	uint8_t type;            /* DW_UT_*; DW_UT_compile before DWARF 5 */
	uint8_t address_size, offset_size;
};

/* The unit at `offset` of .debug_info. INQ_ABSENT: at the end. INQ_BAD_DATA. INQ_UNSUPPORTED: a version that
 * we don't know; offset and next are set and one can go on. */
enum inq_status inq_dwarf_head_at(struct inq_dwarf_file *file, uint64_t offset, struct inq_dwarf_head *ret,
				  struct inq_error *err);

#endif
