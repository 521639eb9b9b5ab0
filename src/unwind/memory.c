/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

static bool read_from(struct memory *memory, struct inq_image *space, uint64_t address, void *to, size_t size,
		      size_t *ret_done)
{
	enum inq_status status = space ? inq_image_read(space, address, to, size, ret_done, NULL)
				       : inq_target_read(memory->target, address, to, size, ret_done, NULL);

	return status == INQ_OK && *ret_done > 0 && *ret_done <= size;
}

/* As much of [page + from, page's end) as there is in one go. */
static bool fill(struct memory *memory, struct memory_page *page, unsigned from)
{
	size_t done = 0;

	page->low = page->high = 0;
	if (!read_from(memory, page->space, page->base + from, page->data + from, MEMORY_PAGE - from, &done))
		return false;
	page->low = (uint16_t)from;
	page->high = (uint16_t)(from + done);
	return true;
}

/* At least one byte at the address, out of the page that holds it. */
static struct memory_page *find_page(struct memory *memory, struct inq_image *space, uint64_t address)
{
	uint64_t base = address & ~(uint64_t)(MEMORY_PAGE - 1);
	unsigned from = (unsigned)(address - base);
	size_t slot = (size_t)((base / MEMORY_PAGE) ^ ((uintptr_t)space >> 6)) & (MEMORY_PAGES - 1);
	struct memory_page *page = memory->pages[slot];

	if (page && page->space == space && page->base == base && from >= page->low && from < page->high)
		return page;
	if (!page)
		page = memory->pages[slot] = malloc(sizeof(*page));
	if (!page)
		return NULL;
	page->space = space;
	page->base = base;
	/* Dumps begin and end inside pages: if the page's start is missing, the bytes asked for may still be there. */
	if (fill(memory, page, 0) && from < page->high)
		return page;
	if (from && fill(memory, page, from))
		return page;
	page->low = page->high = 0;
	return NULL;
}

bool memory_read(struct memory *memory, struct inq_image *space, uint64_t address, void *to, size_t size)
{
	uint8_t *place = to;

	if (address + size < address)
		return false;
	while (size) {
		struct memory_page *page = find_page(memory, space, address);
		size_t from, part;

		if (!page)
			return false;
		from = (size_t)(address - page->base);
		part = page->high - from;
		if (part > size)
			part = size;
		memcpy(place, page->data + from, part);
		place += part;
		address += part;
		size -= part;
	}
	return true;
}

void memory_forget(struct memory *memory)
{
	for (size_t i = 0; i < MEMORY_PAGES; i++) {
		struct memory_page *page = memory->pages[i];

		if (page && !page->space)
			page->low = page->high = 0;
	}
}

void memory_done(struct memory *memory)
{
	for (size_t i = 0; i < MEMORY_PAGES; i++)
		free(memory->pages[i]);
	memset(memory, 0, sizeof(*memory));
}
