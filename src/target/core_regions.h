/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The memory map of a process, as its core tells: the segments, named after the mapped files.
 */
#ifndef INQ_TARGET_CORE_REGIONS_H
#define INQ_TARGET_CORE_REGIONS_H

#include "support/error.h"
#include "target/core_notes.h"
#include "target/core_segments.h"

#include <stddef.h>
#include <stdint.h>

struct inq_core_places {
	uint64_t vdso;	/* AT_SYSINFO_EHDR; 0 unknown */
	uint64_t stack; /* an address on the main stack (AT_RANDOM); 0 unknown */
};

/**
 * Make the regions. Mapped files that no segment covers (gdb's gcore leaves them out) become
 * regions that can be read, and executed if the file is mapped in several pieces as images are:
 * what is left out was never written to.
 *
 * @ret  sorted by base, disjoint; freed with free(). Names are borrowed from `files`, or constants.
 *
 * INQ_NO_MEMORY.
 */
enum inq_status inq_core_regions_make(const struct inq_core_layout *layout,
				      const struct inq_core_files *files,
				      const struct inq_core_places *places, struct inq_region **ret,
				      size_t *ret_count, struct inq_error *err);

#endif
