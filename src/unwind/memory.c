/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind/walk.h"

#include "support/secret.h"

#include <string.h>

static bool read_from(struct memory *memory, struct inq_image *space, uint64_t address, void *to, size_t size,
		      size_t *ret_done)
{
	enum inq_status status = space ? inq_image_read(space, address, to, size, ret_done, NULL)
				       : inq_target_read(memory->target, address, to, size, ret_done, NULL);

	return status == INQ_OK && *ret_done > 0 && *ret_done <= size;
}

/* As much of [page + from, page's end) as there is in one go. */
static bool fill(struct memory *memory, struct memory_page *page, uint8_t *data, unsigned from)
{
	size_t done = 0;

	page->low = page->high = 0;
	if (!read_from(memory, page->space, page->base + from, data + from, MEMORY_PAGE - from, &done))
		return false;
	page->low = (uint16_t)from;
	page->high = (uint16_t)(from + done);
	return true;
}

/* At least one byte at the address, out of the page that holds it. */
static struct memory_page *find_page(struct memory *memory, struct inq_image *space, uint64_t address,
				     uint8_t **ret_data)
{
	uint64_t base = address & ~(uint64_t)(MEMORY_PAGE - 1);
	unsigned from = (unsigned)(address - base);
	size_t slot = (size_t)((base / MEMORY_PAGE) ^ ((uintptr_t)space >> 6)) & (MEMORY_PAGES - 1);
	struct memory_page *page = &memory->pages[slot];

	if (!memory->data)
		memory->data = inq_secret_alloc(MEMORY_PAGES * sizeof(*memory->data));
	if (!memory->data)
		return NULL;
	*ret_data = memory->data[slot];
	if (page->space == space && page->base == base && from >= page->low && from < page->high)
		return page;
	page->space = space;
	page->base = base;
	/* Dumps begin and end inside pages: if the page's start is missing, the bytes asked for may still be there. */
	if (fill(memory, page, *ret_data, 0) && from < page->high)
		return page;
	if (from && fill(memory, page, *ret_data, from))
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
		uint8_t *data;
		struct memory_page *page = find_page(memory, space, address, &data);
		size_t from, part;

		if (!page)
			return false;
		from = (size_t)(address - page->base);
		part = page->high - from;
		if (part > size)
			part = size;
		memcpy(place, data + from, part);
		place += part;
		address += part;
		size -= part;
	}
	return true;
}

void memory_forget(struct memory *memory)
{
	for (size_t i = 0; i < MEMORY_PAGES; i++) {
		if (!memory->pages[i].space)
			memory->pages[i].low = memory->pages[i].high = 0;
	}
}

void memory_done(struct memory *memory)
{
	inq_secret_free(memory->data, MEMORY_PAGES * sizeof(*memory->data));
	memset(memory, 0, sizeof(*memory));
}
