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

enum inq_status inq_regions_from_infos(const struct inq_dump_memory_infos *infos,
				       struct inq_region **ret, size_t *ret_count,
				       struct inq_error *err)
{
	struct inq_region *regions = malloc((infos->count + 1) * sizeof(*regions));
	size_t count = 0;

	if (!regions)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu regions", infos->count);
	for (size_t i = 0; i < infos->count; i++) {
		const struct md_memory_info *info = &infos->items[i];
		bool committed = info->state & MD_MEM_COMMIT;

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
	size_t count = 0, first = 0;

	if (!regions)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu regions",
				module_count + range_count);
	for (size_t i = 0; i < module_count; i++)
		if (!modules[i].unloaded && modules[i].size)
			regions[count++] = (struct inq_region){
				.base = modules[i].base,
				.size = modules[i].size,
				.protection = INQ_PROT_READ | INQ_PROT_EXEC,
				.flags = INQ_REGION_IMAGE,
				.name = modules[i].path,
			};
	module_count = tidy(regions, count);
	count = module_count;
	for (size_t i = 0; i < range_count; i++) {
		uint64_t at = ranges[i].base, last = at + (ranges[i].size - 1);

		while (first < module_count && regions[first].base + (regions[first].size - 1) < at)
			first++;
		for (size_t m = first;; m++) {
			uint64_t module = m < module_count ? regions[m].base : UINT64_MAX;
			bool cut = m < module_count && module <= last;
			uint64_t stop = cut ? module : last + 1; /* may be 2^64 as 0 */

			if (!cut || module > at)
				regions[count++] = (struct inq_region){
					.base = at,
					.size = stop - at,
					.protection = INQ_PROT_READ | INQ_PROT_WRITE,
					.flags = INQ_REGION_ANONYMOUS,
					.name = "",
				};
			if (!cut || module + (regions[m].size - 1) >= last)
				break;
			at = module + regions[m].size;
		}
	}
	*ret_count = tidy(regions, count);
	*ret = regions;
	return INQ_OK;
}
