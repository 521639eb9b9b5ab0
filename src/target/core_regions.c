/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/core_regions.h"

#include "target/target.h"

#include <stdlib.h>
#include <string.h>

#define VSYSCALL 0xffffffffff600000ull /* x86-64's gate page has its place there since ever */

struct making {
	const struct inq_core_layout *layout;
	const struct inq_core_files *files;
	const struct inq_core_places *places;
	struct inq_region *regions;
	size_t count;
};

static bool inside(const struct inq_region *region, uint64_t address)
{
	return address && address - region->base < region->size;
}

/* A core does not say whether a mapping is shared; the kernel gives some names to shared memory only
 * (shmem_zero_setup() in mm/shmem.c, newseg() in ipc/shm.c). */
static bool is_shared(const char *name)
{
	return !strcmp(name, "/dev/zero") || !strncmp(name, "/SYSV", 5);
}

static void name_it(struct making *making, struct inq_region *region,
		    const struct inq_core_file *file)
{
	if (!region->protection)
		region->flags |= INQ_REGION_RESERVED;
	if (file) {
		region->name = file->name;
		region->file_offset = file->offset + (region->base - file->start);
		region->flags |= file->deleted ? INQ_REGION_DELETED : 0;
		if (is_shared(file->name))
			region->flags |= INQ_REGION_SHARED;
		return;
	}
	region->name = "";
	region->flags |= INQ_REGION_ANONYMOUS;
	if (inside(region, making->places->vdso)) {
		region->name = "[vdso]";
		region->flags &= ~(uint32_t)INQ_REGION_ANONYMOUS;
	} else if (region->base == VSYSCALL) {
		region->name = "[vsyscall]";
		region->flags = INQ_REGION_NO_DUMP;
	} else if (inside(region, making->places->stack)) {
		region->name = "[stack]";
		region->flags |= INQ_REGION_STACK;
	}
}

/* Images are mapped in several pieces that follow each other, data files in one. Neighbours share
 * their names. */
static bool is_image(const struct inq_core_files *files, const struct inq_core_file *file)
{
	size_t at = (size_t)(file - files->files);

	return (at && files->files[at - 1].name == file->name) ||
	       (at + 1 < files->count && files->files[at + 1].name == file->name);
}

/* The parts of a file's mapping that no segment covers; *next is the first segment that may. */
static void uncovered(struct making *making, const struct inq_core_file *file, size_t *next)
{
	const struct inq_core_layout *layout = making->layout;
	uint64_t at = file->start;

	while (*next < layout->count &&
	       layout->segments[*next].base + (layout->segments[*next].size - 1) < file->start)
		(*next)++;
	for (size_t i = *next; at < file->end; i++) {
		uint64_t base = i < layout->count ? layout->segments[i].base : UINT64_MAX;
		uint64_t end = base < file->end ? base : file->end;

		if (at < end) {
			struct inq_region *region = &making->regions[making->count++];

			*region = (struct inq_region){
				.base = at,
				.size = end - at,
				.protection = INQ_PROT_READ |
					      (is_image(making->files, file) ? INQ_PROT_EXEC : 0),
			};
			name_it(making, region, file);
		}
		if (base >= file->end)
			break;
		if (base + (layout->segments[i].size - 1) >= file->end - 1)
			break;
		at = base + layout->segments[i].size;
		*next = i;
	}
}

static int by_base(const void *left, const void *right)
{
	const struct inq_region *a = left, *b = right;

	return a->base < b->base ? -1 : a->base > b->base;
}

enum inq_status inq_core_regions_make(const struct inq_core_layout *layout,
				      const struct inq_core_files *files,
				      const struct inq_core_places *places, struct inq_region **ret,
				      size_t *ret_count, struct inq_error *err)
{
	struct making making = {.layout = layout, .files = files, .places = places};
	size_t file = 0, next = 0;

	/* Each segment is one; each file has at most one piece before each segment, and one behind.
	 */
	making.regions = malloc((2 * layout->count + files->count + 1) * sizeof(*making.regions));
	if (!making.regions)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu regions", layout->count);
	for (size_t i = 0; i < layout->count; i++) {
		const struct inq_core_segment *segment = &layout->segments[i];
		const struct inq_core_file *holder = NULL;

		while (file < files->count && files->files[file].end <= segment->base)
			file++;
		if (file < files->count && files->files[file].start <= segment->base)
			holder = &files->files[file];
		making.regions[making.count] = (struct inq_region){
			.base = segment->base,
			.size = segment->size,
			.protection = segment->protection,
		};
		name_it(&making, &making.regions[making.count++], holder);
	}
	for (size_t i = 0; i < files->count; i++)
		uncovered(&making, &files->files[i], &next);
	qsort(making.regions, making.count, sizeof(*making.regions), by_base);
	*ret = making.regions;
	*ret_count = making.count;
	return INQ_OK;
}
