/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which memory of a dying process was never touched. Of private memory that is no file's, a page that is neither in
 * memory nor swapped out reads as zeroes. It must not be read: that would give the process a page for each of them, and
 * one that a userfaultfd is responsible for would never come.
 */
#include "config.h"

#include "target/dying_private.h"
#include "target/touched.h"

#include <string.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* Words of /proc/PID/pagemap. */
#define PAGE_PRESENT (3ull << 62)
#define PAGE_IN_MEMORY (1ull << 63)
#define PAGE_OF_FILE (1ull << 61) /* a file's page, or shared memory's: no copy of the process's own */

/* Shared memory and files have their pages elsewhere. */
static bool can_be_untouched(const struct inq_region *region)
{
	return region && !(region->flags & INQ_REGION_SHARED) && region->inode == 0 && region->name[0] != '/' &&
	       strncmp(region->name, "[v", 2) != 0;
}

uint64_t inq_dying_extent(struct inq_target *target, uint64_t address, uint64_t size, bool *ret_zero)
{
	struct inq_dying *dying = (struct inq_dying *)target;
	const struct inq_region *region;
	uint64_t left, run;
	bool there = true;

	*ret_zero = false;
	if (dying->source.pagemap_fd < 0 || dying->released || inq_dying_regions_make(dying, NULL) != INQ_OK)
		return size;
	region = inq_region_at(dying->maps.regions, dying->maps.count, address);
	if (!region)
		return size;
	left = region->size - (address - region->base);
	if (left > size)
		left = size;
	if (!can_be_untouched(region))
		return left;
	if (!dying->touched)
		dying->touched = inq_touched_new(dying->source.pagemap_fd);
	if (!dying->touched)
		return left;
	run = inq_touched_run(dying->touched, address, left, &there);
	*ret_zero = run && !there;
	return run ? run : left;
}

/* A page of a private mapping that the process has written to is its own copy. One that is not there yet is still
 * the file's; one that is swapped out is a copy. */
enum inq_status inq_dying_unmodified(struct inq_target *target, uint64_t address, uint64_t size,
				     struct inq_error *err)
{
	struct inq_dying *dying = (struct inq_dying *)target;

	if (dying->source.pagemap_fd < 0 || dying->released)
		return inq_fail(err, INQ_ABSENT, "no list of changed pages");
	for (uint64_t page = address / PAGE; page <= (address + (size ? size - 1 : 0)) / PAGE; page++) {
		uint64_t entry;

		if (pread(dying->source.pagemap_fd, &entry, sizeof(entry), (off_t)(page * 8)) != sizeof(entry))
			return inq_fail(err, INQ_ABSENT, "0x%llx: not in the list of changed pages",
					(unsigned long long)(page * PAGE));
		if (entry & PAGE_PRESENT && (entry & (PAGE_IN_MEMORY | PAGE_OF_FILE)) !=
						    (PAGE_IN_MEMORY | PAGE_OF_FILE))
			return inq_fail(err, INQ_BAD_DATA, "0x%llx: changed by the process",
					(unsigned long long)(page * PAGE));
	}
	return INQ_OK;
}
