/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The header and program headers of an ELF core, as sorted segments with what of them the file
 * holds.
 */
#ifndef INQ_TARGET_CORE_SEGMENTS_H
#define INQ_TARGET_CORE_SEGMENTS_H

#include "support/error.h"
#include "target/machine.h"
#include "target/target.h"

#include <stddef.h>
#include <stdint.h>

struct inq_file;

enum {
	INQ_CORE_SEGMENTS_MAX = 1 << 22,
	INQ_CORE_NOTES_MAX = 64, /* PT_NOTE segments that are read; the kernel writes one */
};

/* A PT_LOAD. */
struct inq_core_segment {
	uint64_t base, size; /* in memory */
	uint64_t offset;     /* in the file */
	uint64_t have; /* bytes that the file holds, from the start on; the others are not in the
			  core */
	uint32_t protection; /* enum inq_protection */
};

struct inq_core_note_segment {
	uint64_t offset, size, align;
};

struct inq_core_layout {
	enum inq_machine machine;
	unsigned pointer_size;
	struct inq_core_segment *segments; /* owned; by base, disjoint */
	size_t count;
	struct inq_core_note_segment notes[INQ_CORE_NOTES_MAX];
	size_t note_count;

	/* What is wrong with it. */
	uint64_t headers;	  /* program headers that the file says it has */
	uint64_t headers_missing; /* of them beyond the file's end, or beyond INQ_CORE_SEGMENTS_MAX
				   */
	uint64_t overlapping;	  /* segments cut or left out because another lies there */
	uint64_t cut_segments;	  /* segments whose bytes run past the end of the file */
	uint64_t cut_bytes;	  /* their bytes that are not there */
	uint64_t whole_size;	  /* bytes the file would have if it were whole */
	uint64_t notes_left_out;  /* more PT_NOTE than are read */
};

/**
 * Read the layout.
 *
 * @file  borrowed for the call
 * @ret   owned by the caller: inq_core_layout_done(); untouched on failure
 *
 * INQ_UNSUPPORTED: an ELF file of another type, byte order or machine (says which). INQ_BAD_DATA:
 * the header is cut off or makes no sense. INQ_NO_MEMORY, INQ_OS. Program headers beyond the file's
 * end are counted.
 */
enum inq_status inq_core_layout_read(struct inq_file *file, struct inq_core_layout *ret,
				     struct inq_error *err);
void inq_core_layout_done(struct inq_core_layout *layout); /* accepts NULL and a zeroed one */

/* The segment that holds the address, or the count. */
size_t inq_core_segment_at(const struct inq_core_layout *layout, uint64_t address);

#endif
