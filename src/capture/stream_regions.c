/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MemoryInfoList: with F the whole address space, gaps included; else the mappings that memory of
 * the dump is from, since readers ask it for protections, and Breakpad's minidump_dump counts a
 * missing list as an error.
 */
#include "config.h"

#include "capture/run.h"

#include <string.h>

#define USER_SPACE_END 0x7ffffffff000ull /* TASK_SIZE_MAX of x86-64 with 4 levels of page tables */

/* By read, write, execute bits. Private writable memory is what Windows calls write-copy only if a
 * file is below. */
static uint32_t protection_of(const struct inq_region *region)
{
	static const uint32_t pages[8] = {
		[0] = MD_PAGE_NOACCESS,
		[INQ_PROT_READ] = MD_PAGE_READONLY,
		[INQ_PROT_WRITE] = MD_PAGE_READWRITE,
		[INQ_PROT_READ | INQ_PROT_WRITE] = MD_PAGE_READWRITE,
		[INQ_PROT_EXEC] = MD_PAGE_EXECUTE,
		[INQ_PROT_READ | INQ_PROT_EXEC] = MD_PAGE_EXECUTE_READ,
		[INQ_PROT_WRITE | INQ_PROT_EXEC] = MD_PAGE_EXECUTE_READWRITE,
		[INQ_PROT_READ | INQ_PROT_WRITE | INQ_PROT_EXEC] = MD_PAGE_EXECUTE_READWRITE,
	};

	return pages[region->protection & 7] |
	       (region->flags & INQ_REGION_GUARD ? (uint32_t)MD_PAGE_GUARD : 0);
}

static uint32_t type_of(const struct inq_region *region)
{
	if (region->flags & INQ_REGION_IMAGE)
		return MD_MEM_IMAGE;
	/* A core does not say the inodes of files. */
	return region->inode || region->name[0] == '/' || region->flags & INQ_REGION_SHARED ? MD_MEM_MAPPED : MD_MEM_PRIVATE;
}

static void put_region(struct inq_buffer *list, const struct inq_region *region)
{
	struct md_memory_info info = {
		.base = region->base,
		.allocation_base = region->base,
		.allocation_protection = protection_of(region),
		.size = region->size,
		.state = region->protection ? MD_MEM_COMMIT : MD_MEM_RESERVE,
		.protection = protection_of(region),
		.type = type_of(region),
	};

	inq_buffer_append(list, &info, sizeof(info));
}

static void put_gap(struct inq_buffer *list, uint64_t base, uint64_t end)
{
	struct md_memory_info info = {
		.base = base,
		.size = end - base,
		.state = MD_MEM_FREE,
		.protection = MD_PAGE_NOACCESS,
	};

	if (end > base)
		inq_buffer_append(list, &info, sizeof(info));
}

static void put_all(struct inq_buffer *list, const struct inq_region *regions, size_t count)
{
	uint64_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (regions[i].flags & INQ_REGION_FREE)
			continue;
		put_gap(list, at, regions[i].base);
		put_region(list, &regions[i]);
		at = regions[i].base + regions[i].size;
	}
	put_gap(list, at, USER_SPACE_END);
}

static void put_planned(struct inq_buffer *list, const struct inq_region *regions, size_t count,
			const struct inq_plan *plan)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		while (at < plan->count &&
		       plan->ranges[at].base + plan->ranges[at].size <= regions[i].base)
			at++;
		if (at < plan->count && plan->ranges[at].base < regions[i].base + regions[i].size)
			put_region(list, &regions[i]);
	}
}

INQ_STREAM_WRITER(inq_write_memory_info)
{
	const struct inq_region *regions;
	size_t count;
	enum inq_status status = inq_target_regions(run->target, &regions, &count, err);
	struct md_memory_info_list head = {sizeof(head), sizeof(struct md_memory_info), 0};
	struct inq_buffer list = {0};

	(void)argument;
	if (status != INQ_OK)
		return status;
	inq_buffer_append(&list, &head, sizeof(head));
	if (run->options->letters & INQ_DUMP_F)
		put_all(&list, regions, count);
	else
		put_planned(&list, regions, count, &run->plan);
	head.count = (list.size - sizeof(head)) / sizeof(struct md_memory_info);
	if (inq_buffer_ok(&list))
		memcpy(list.data, &head, sizeof(head));
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &list, 8));
	return INQ_OK;
}
