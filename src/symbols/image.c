/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/image_private.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum inq_status image_open(struct inq_image *image, struct inq_image **ret, struct inq_error *err)
{
	enum inq_status status = image_read_headers(image, err);

	if (status != INQ_OK) {
		inq_prepend(err, status, "%s", image->file ? inq_file_name(image->file) : image->name);
		inq_image_free(image);
		return status;
	}
	*ret = image;
	return INQ_OK;
}

enum inq_status inq_image_open_file(struct inq_file *file, struct inq_image **ret, struct inq_error *err)
{
	struct inq_image *image = calloc(1, sizeof(*image));

	if (!image) {
		inq_file_close(file);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for an image");
	}
	image->file = file;
	return image_open(image, ret, err);
}

enum inq_status inq_image_open_memory(struct inq_image_reader reader, uint64_t base, struct inq_image **ret,
				      struct inq_error *err)
{
	struct inq_image *image = calloc(1, sizeof(*image));

	if (!image)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for an image");
	image->reader = reader;
	image->base = base;
	snprintf(image->name, sizeof(image->name), "image at 0x%llx", (unsigned long long)base);
	return image_open(image, ret, err);
}

void inq_image_free(struct inq_image *image)
{
	if (!image)
		return;
	while (image->copies) {
		struct image_copy *copy = image->copies;

		image->copies = copy->next;
		free(copy->name);
		free(copy->data);
		free(copy);
	}
	free(image->segments);
	free(image->sections);
	free(image->soname);
	inq_file_close(image->file);
	free(image);
}

bool inq_image_is_memory(const struct inq_image *image)
{
	return !image->file;
}

bool inq_image_is_64(const struct inq_image *image)
{
	return image->is_64;
}

uint16_t inq_image_elf_machine(const struct inq_image *image)
{
	return image->machine;
}

uint64_t inq_image_entry(const struct inq_image *image)
{
	return image->entry;
}

uint64_t inq_image_start(const struct inq_image *image)
{
	return image->start;
}

uint64_t inq_image_end(const struct inq_image *image)
{
	return image->end;
}

const struct image_segment *image_find_segment(const struct inq_image *image, uint32_t type)
{
	for (size_t i = 0; i < image->segment_count; i++)
		if (image->segments[i].type == type)
			return &image->segments[i];
	return NULL;
}

const struct image_segment *image_segment_at(const struct inq_image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (segment->type == PT_LOAD && vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr < segment->memory_size)
			return segment;
	}
	return NULL;
}

bool inq_image_is_code(const struct inq_image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (segment->type == PT_LOAD && (segment->flags & PF_X) && vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr < segment->memory_size)
			return true;
	}
	return false;
}

uint32_t inq_image_protection(const struct inq_image *image, uint64_t vaddr)
{
	const struct image_segment *segment = image_segment_at(image, vaddr);

	return segment ? segment->flags & (PF_R | PF_W | PF_X) : 0;
}

enum inq_status image_read_raw(struct inq_image *image, uint64_t offset, void *to, size_t size,
			       struct inq_error *err)
{
	uint8_t *place = to;

	if (image->file)
		return inq_file_read_all(image->file, offset, to, size, err);
	while (size) {
		size_t done = 0;
		enum inq_status status =
			image->reader.read(image->reader.user, image->base + offset, place, size, &done, err);

		if (status != INQ_OK)
			return status;
		if (done == 0 || done > size)
			return inq_fail(err, INQ_FAULT, "0x%llx: could not be read",
					(unsigned long long)(image->base + offset));
		place += done;
		offset += done;
		size -= done;
	}
	return INQ_OK;
}

enum inq_status inq_image_read(struct inq_image *image, uint64_t vaddr, void *to, size_t size, size_t *ret_done,
			       struct inq_error *err)
{
	const struct image_segment *segment = image_segment_at(image, vaddr);
	uint64_t into, left;

	if (!segment)
		return inq_fail(err, INQ_FAULT, "0x%llx: outside the image", (unsigned long long)vaddr);
	into = vaddr - segment->vaddr;
	left = segment->memory_size - into;
	if (size > left)
		size = (size_t)left;
	if (size == 0) {
		*ret_done = 0;
		return INQ_OK;
	}
	if (!image->file)
		return image->reader.read(image->reader.user, image->base - image->start + vaddr, to, size,
					  ret_done, err);
	if (into >= segment->file_size) {
		memset(to, 0, size);
		*ret_done = size;
		return INQ_OK;
	}
	if (size > segment->file_size - into)
		size = (size_t)(segment->file_size - into);
	size_t done = 0;
	enum inq_status status = inq_file_read(image->file, segment->offset + into, to, size, &done, err);

	if (status == INQ_OK && done == 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: the file ends before it", (unsigned long long)vaddr);
	if (status == INQ_OK)
		*ret_done = done;
	return status;
}

bool image_kept(const struct inq_image *image, const char *name, struct inq_image_bytes *ret)
{
	for (const struct image_copy *copy = image->copies; copy; copy = copy->next) {
		if (strcmp(copy->name, name))
			continue;
		*ret = copy->bytes;
		return true;
	}
	return false;
}

enum inq_status image_keep(struct inq_image *image, const char *name, uint8_t *data, size_t size,
			   uint64_t vaddr, struct inq_image_bytes *ret, struct inq_error *err)
{
	struct image_copy *copy = calloc(1, sizeof(*copy));

	if (copy)
		copy->name = strdup(name);
	if (!copy || !copy->name) {
		free(copy);
		free(data);
		return inq_fail(err, INQ_NO_MEMORY, "%s: no memory", name);
	}
	copy->data = data;
	copy->bytes = (struct inq_image_bytes){.data = data, .size = size, .vaddr = vaddr};
	copy->next = image->copies;
	image->copies = copy;
	*ret = copy->bytes;
	return INQ_OK;
}

enum inq_status image_copy_vaddr(struct inq_image *image, const char *name, uint64_t vaddr, uint64_t size,
				 struct inq_image_bytes *ret, struct inq_error *err)
{
	enum { FIRST = 1 << 16 };
	const struct image_segment *segment = image_segment_at(image, vaddr);
	uint64_t limit = image->file ? IMAGE_MAX_BYTES : IMAGE_MAX_MEMORY_BYTES, left;
	uint8_t *data = NULL;
	size_t have = 0, room = 0;
	enum inq_status status = INQ_OK;

	/* Nothing that is worth a copy lies in zero-fill, which costs a hostile file nothing. */
	left = !segment ? 0 : (image->file ? segment->file_size : segment->memory_size);
	left = !segment || vaddr - segment->vaddr >= left ? 0 : left - (vaddr - segment->vaddr);
	if (size > left)
		size = left;
	if (size > limit)
		return inq_fail(err, INQ_LIMIT, "%s: 0x%llx bytes, at most 0x%llx", name,
				(unsigned long long)size, (unsigned long long)limit);
	/* Grows with what can really be read: a header's word for the size is no reason to allocate it. */
	while (have < size) {
		size_t done = 0;

		if (have == room) {
			size_t bigger = room ? room * 2 : FIRST;
			uint8_t *grown;

			if (bigger > size)
				bigger = (size_t)size;
			grown = realloc(data, bigger);
			if (!grown) {
				free(data);
				return inq_fail(err, INQ_NO_MEMORY, "%s: no memory", name);
			}
			data = grown;
			room = bigger;
		}
		status = inq_image_read(image, vaddr + have, data + have, room - have, &done, err);
		if (status != INQ_OK || done == 0)
			break;
		have += done;
	}
	if (have == 0) {
		free(data);
		return status != INQ_OK ? inq_prepend(err, status, "%s", name)
					: inq_fail(err, INQ_BAD_DATA, "%s: empty", name);
	}
	return image_keep(image, name, data, have, vaddr, ret, err);
}
