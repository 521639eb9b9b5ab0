/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/minidump_regions.h"

#include "minidump/reader.h"

#include <stdlib.h>

/* PAGE_*: what each of the eight basic protections allows. */
static uint32_t protection_of(uint32_t page)
{
	switch (page & MD_PAGE_ACCESS_MASK) {
	case MD_PAGE_READONLY:
		return INQ_PROT_READ;
	case MD_PAGE_READWRITE:
	case MD_PAGE_WRITECOPY:
		return INQ_PROT_READ | INQ_PROT_WRITE;
	case MD_PAGE_EXECUTE:
		return INQ_PROT_EXEC;
	case MD_PAGE_EXECUTE_READ:
		return INQ_PROT_READ | INQ_PROT_EXEC;
	case MD_PAGE_EXECUTE_READWRITE:
	case MD_PAGE_EXECUTE_WRITECOPY:
		return INQ_PROT_READ | INQ_PROT_WRITE | INQ_PROT_EXEC;
	default:
		return 0;
	}
}

static uint32_t flags_of(const struct md_memory_info *info)
{
	uint32_t flags = 0;

	if (info->state & MD_MEM_FREE)
		return INQ_REGION_FREE;
	if ((info->state & MD_MEM_RESERVE) || !protection_of(info->protection))
		flags |= INQ_REGION_RESERVED;
	if (info->protection & MD_PAGE_GUARD)
		flags |= INQ_REGION_GUARD;
	if (info->type & MD_MEM_IMAGE)
		flags |= INQ_REGION_IMAGE;
	if (info->type & MD_MEM_MAPPED)
		flags |= INQ_REGION_SHARED;
	if (info->type & MD_MEM_PRIVATE)
		flags |= INQ_REGION_ANONYMOUS;
	return flags;
}

static int by_base(const void *left, const void *right)
{
	const struct inq_region *a = left, *b = right;

	return a->base < b->base ? -1 : a->base > b->base;
}

/* Sorted and disjoint; what wraps around is cut at the end of the address space. */
static size_t tidy(struct inq_region *regions, size_t count)
{
	size_t kept = 0;

	qsort(regions, count, sizeof(*regions), by_base);
	for (size_t i = 0; i < count; i++) {
		struct inq_region *region = &regions[i];

		if (region->size - 1 > UINT64_MAX - region->base)
			region->size = UINT64_MAX - region->base + 1;
		if (kept && region->base - regions[kept - 1].base < regions[kept - 1].size)
			continue;
		regions[kept++] = *region;
	}
	return kept;
}

/* Append what of the piece none of the first `known` regions covers: at most one part more than it meets of
 * them. Pieces come in ascending order; *first is where the next one goes on. */
static size_t put_around(struct inq_region *regions, size_t known, size_t *first, size_t count,
			 struct inq_region piece)
{
	uint64_t at = piece.base, last = at + (piece.size - 1);

	while (*first < known && regions[*first].base + (regions[*first].size - 1) < at)
		(*first)++;
	for (size_t i = *first;; i++) {
		uint64_t base = i < known ? regions[i].base : UINT64_MAX;
		bool cut = i < known && base <= last;
		uint64_t stop = cut ? base : last + 1; /* may be 2^64 as 0 */

		if (!cut || base > at) {
			piece.base = at;
			piece.size = stop - at;
			regions[count++] = piece;
		}
		if (!cut || base + (regions[i].size - 1) >= last)
			return count;
		at = base + regions[i].size;
	}
}

/* The modules as regions that can be read and executed. */
static size_t put_modules(struct inq_region *regions, const struct inq_module *modules, size_t count)
{
	size_t put = 0;

	for (size_t i = 0; i < count; i++)
		if (!modules[i].unloaded && modules[i].size)
			regions[put++] = (struct inq_region){
				.base = modules[i].base,
				.size = modules[i].size,
				.protection = INQ_PROT_READ | INQ_PROT_EXEC,
				.flags = INQ_REGION_IMAGE,
				.name = modules[i].path,
			};
	return tidy(regions, put);
}

/* Regions of the list; true if it tells of gaps too, and so of the whole address space. */
static bool put_infos(struct inq_region *regions, const struct inq_dump_memory_infos *infos,
		      size_t *ret_count)
{
	bool whole = false;
	size_t count = 0;

	for (size_t i = 0; i < infos->count; i++) {
		const struct md_memory_info *info = &infos->items[i];
		bool committed = info->state & MD_MEM_COMMIT;

		whole |= (info->state & MD_MEM_FREE) != 0;
		if (info->size)
			regions[count++] = (struct inq_region){
				.base = info->base,
				.size = info->size,
				.protection = committed ? protection_of(info->protection) : 0,
				.flags = flags_of(info),
				.name = "",
			};
	}
	*ret_count = tidy(regions, count);
	return whole;
}

enum inq_status inq_regions_from_infos(const struct inq_dump_memory_infos *infos,
				       const struct inq_module *modules, size_t module_count,
				       struct inq_region **ret, size_t *ret_count,
				       struct inq_error *err)
{
	/* Each module is cut by the regions in it, each region cuts at most one. */
	struct inq_region *regions =
		malloc((2 * infos->count + 2 * module_count + 1) * sizeof(*regions));
	size_t known, count, first = 0;

	if (!regions)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu regions", infos->count);
	if (!put_infos(regions, infos, &known)) {
		struct inq_region *images = regions + 2 * infos->count + module_count;

		count = known;
		module_count = put_modules(images, modules, module_count);
		for (size_t i = 0; i < module_count; i++)
			count = put_around(regions, known, &first, count, images[i]);
		known = tidy(regions, count);
	}
	*ret_count = known;
	*ret = regions;
	return INQ_OK;
}

enum inq_status inq_regions_from_memory(const struct inq_module *modules, size_t module_count,
					const struct inq_range *ranges, size_t range_count,
					struct inq_region **ret, size_t *ret_count,
					struct inq_error *err)
{
	/* A range is cut by each module that lies in it: at most one piece more than there are
	 * modules. */
	struct inq_region *regions =
		malloc((2 * module_count + range_count + 1) * sizeof(*regions));
	size_t count, first = 0;

	if (!regions)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu regions",
				module_count + range_count);
	count = module_count = put_modules(regions, modules, module_count);
	for (size_t i = 0; i < range_count; i++)
		count = put_around(regions, module_count, &first, count,
				   (struct inq_region){
					   .base = ranges[i].base,
					   .size = ranges[i].size,
					   .protection = INQ_PROT_READ | INQ_PROT_WRITE,
					   .flags = INQ_REGION_ANONYMOUS,
					   .name = "",
				   });
	*ret_count = tidy(regions, count);
	*ret = regions;
	return INQ_OK;
}
