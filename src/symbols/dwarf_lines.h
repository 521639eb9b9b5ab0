/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Line programs of DWARF 2 to 5.
 *
 * Our own reader, not libdwarf's: that keeps every row (150 bytes of memory for each byte of a hostile
 * program), this one keeps none. A program is run to the end for one address: linear in its size. Not
 * async-signal-safe.
 */
#ifndef INQ_SYMBOLS_DWARF_LINES_H
#define INQ_SYMBOLS_DWARF_LINES_H

#include "symbols/dwarf_file.h"
#include "symbols/names.h"

#define INQ_LINES_MAX_FILES (1u << 20)

struct inq_lines;

struct inq_line {
	uint64_t address;
	uint32_t file, line, column;
};

/**
 * The program at `offset` of .debug_line.
 *
 * @file      borrowed, must outlive *ret; so must `comp_dir` (NULL: not known)
 *
 * INQ_ABSENT: no such section. INQ_BAD_DATA, INQ_LIMIT, INQ_UNSUPPORTED (another version).
 */
enum inq_status inq_lines_new(struct inq_dwarf_file *file, uint64_t offset, const char *comp_dir,
			      struct inq_lines **ret, struct inq_error *err);
void inq_lines_free(struct inq_lines *lines);

/* The row that holds for the address. INQ_ABSENT: none. */
enum inq_status inq_lines_at(struct inq_lines *lines, uint64_t vaddr, struct inq_line *ret,
			     struct inq_error *err);

/* A file's path, by its number in the program's version, joined with its folder; kept in `names`. NULL. */
const char *inq_lines_path(const struct inq_lines *lines, uint32_t file, struct inq_names *names);

#endif
