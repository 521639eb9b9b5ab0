/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The memory map of a process, as its minidump tells: Linux' maps, or MemoryInfoList, or what
 * follows from the modules and the memory at hand.
 */
#ifndef INQ_TARGET_MINIDUMP_REGIONS_H
#define INQ_TARGET_MINIDUMP_REGIONS_H

#include "support/error.h"
#include "target/target.h"

#include <stddef.h>

struct inq_dump_memory_infos;

/* MEMORY_BASIC_INFORMATION as regions, gaps (MEM_FREE) included. `ret` is freed with free(); sorted
 * by base, disjoint: of two that overlap the first counts. INQ_NO_MEMORY. */
enum inq_status inq_regions_from_infos(const struct inq_dump_memory_infos *infos,
				       struct inq_region **ret, size_t *ret_count,
				       struct inq_error *err);

/* Without either: modules can be read and executed, other memory at hand can be read and written.
 */
enum inq_status inq_regions_from_memory(const struct inq_module *modules, size_t module_count,
					const struct inq_range *ranges, size_t range_count,
					struct inq_region **ret, size_t *ret_count,
					struct inq_error *err);

#endif
