/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * /proc/PID/maps and its like in dumps, as regions.
 *
 * The text is hostile: names hold any byte (the kernel writes newlines as \012), end in "
 * (deleted)" or not, are missing; numbers lie; lines are cut. A line that makes no sense, or that
 * lies below the one before it, is counted and left out; the others stay. 65,000 lines take a few
 * milliseconds and two allocations.
 */
#ifndef INQ_TARGET_PROC_MAPS_H
#define INQ_TARGET_PROC_MAPS_H

#include "support/error.h"

#include <stddef.h>
#include <stdint.h>

struct inq_region;

enum {
	INQ_MAPS_MAX = 1 << 20
}; /* regions; vm.max_map_count is 65,530, 2^20 where games are played */

struct inq_maps {
	struct inq_region
		*regions; /* sorted by base, not overlapping; names point into `strings` */
	size_t count;
	char *strings;
	size_t bad_lines; /* left out because they were damaged */
	size_t first_bad; /* number of the first of them, from 1; 0 if there is none */
};

/**
 * Parse the text of maps (smaps too: its other lines are skipped; VmFlags' dd, io, pf and wf set
 * INQ_REGION_NO_DUMP).
 *
 * @text  `size` bytes, need not be NUL-terminated; not kept
 * @ret   owned by the caller: inq_maps_done(); also for no regions at all
 *
 * Names: \\012 is turned back into a newline, " (deleted)" becomes INQ_REGION_DELETED. "[stack]"
 * and "[heap]" set their flags. INQ_LIMIT: more than INQ_MAPS_MAX lines. INQ_NO_MEMORY. Not
 * async-signal-safe.
 */
enum inq_status inq_maps_parse(const char *text, size_t size, struct inq_maps *ret,
			       struct inq_error *err);
void inq_maps_done(struct inq_maps *maps); /* accepts NULL and a zeroed one */

#endif
