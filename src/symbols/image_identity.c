/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the image is: its build-id note and its soname. */
#include "symbols/image_private.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Notes are padded to 4 bytes, or to 8 in segments that say so; the build-id's lies in one of either kind, and
 * its own name and data sizes are such that both paddings agree up to it. */
static bool find_build_id(const uint8_t *notes, size_t size, size_t align, struct inq_image *image)
{
	struct inq_cursor cursor = inq_cursor_make(notes, size, 0, "notes");

	while (inq_cursor_left(&cursor) >= sizeof(Elf64_Nhdr)) {
		uint32_t name_size = inq_cursor_u32(&cursor), data_size = inq_cursor_u32(&cursor);
		uint32_t type = inq_cursor_u32(&cursor);
		const uint8_t *name = inq_cursor_bytes(&cursor, name_size);
		const uint8_t *data;

		inq_cursor_skip(&cursor, -cursor.at & (align - 1));
		data = inq_cursor_bytes(&cursor, data_size);
		if (!name || !data)
			return false;
		if (type == NT_GNU_BUILD_ID && name_size == 4 && !memcmp(name, "GNU", 4) && data_size > 0 &&
		    data_size <= IMAGE_MAX_BUILD_ID) {
			memcpy(image->build_id, data, data_size);
			image->build_id_size = data_size;
			return true;
		}
		size_t padding = -cursor.at & (align - 1);

		if (padding > inq_cursor_left(&cursor))
			return false;
		inq_cursor_skip(&cursor, padding);
	}
	return false;
}

static bool build_id_in_segment(struct inq_image *image, const struct image_segment *segment)
{
	uint64_t size = image->file ? segment->file_size : segment->memory_size;
	uint64_t at = image->file ? segment->offset : segment->vaddr - image->start;
	uint8_t *notes;
	bool found = false;

	if (size == 0 || size > IMAGE_MAX_NOTES)
		return false;
	notes = malloc((size_t)size);
	if (notes && image_read_raw(image, at, notes, (size_t)size, NULL) == INQ_OK)
		found = find_build_id(notes, (size_t)size, 4, image) ||
			find_build_id(notes, (size_t)size, 8, image);
	free(notes);
	return found;
}

enum inq_status inq_image_build_id(struct inq_image *image, const uint8_t **ret, size_t *ret_size,
				   struct inq_error *err)
{
	struct inq_image_bytes section;

	if (!image->build_id_tried) {
		image->build_id_tried = true;
		for (size_t i = 0; i < image->segment_count && !image->build_id_size; i++)
			if (image->segments[i].type == PT_NOTE)
				build_id_in_segment(image, &image->segments[i]);
		/* Debug files keep the section where the segment's bytes are gone. */
		if (!image->build_id_size &&
		    inq_image_section(image, ".note.gnu.build-id", &section, NULL) == INQ_OK)
			find_build_id(section.data, section.size, 4, image);
	}
	if (!image->build_id_size)
		return inq_fail(err, INQ_ABSENT, "no build-id");
	*ret = image->build_id;
	*ret_size = image->build_id_size;
	return INQ_OK;
}

/* DT_STRTAB and DT_SONAME. */
static bool dynamic_entries(struct inq_image *image, uint64_t *ret_strings, uint64_t *ret_soname)
{
	const struct image_segment *segment = image_find_segment(image, PT_DYNAMIC);
	unsigned word = image->is_64 ? 8 : 4;
	struct inq_image_bytes bytes;
	struct inq_cursor cursor;
	unsigned found = 0;

	if (!segment || segment->memory_size == 0 || segment->memory_size > IMAGE_MAX_DYNAMIC)
		return false;
	if (!image_kept(image, "<dynamic>", &bytes) &&
	    image_copy_vaddr(image, "<dynamic>", segment->vaddr, segment->memory_size, &bytes, NULL) != INQ_OK)
		return false;
	cursor = inq_cursor_make(bytes.data, bytes.size, bytes.vaddr, "dynamic section");
	while (inq_cursor_left(&cursor) >= 2 * word) {
		uint64_t tag = inq_cursor_word(&cursor, word), value = inq_cursor_word(&cursor, word);

		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB) {
			*ret_strings = value;
			found |= 1;
		} else if (tag == DT_SONAME) {
			*ret_soname = value;
			found |= 2;
		}
	}
	return found == 3;
}

static char *read_soname(struct inq_image *image)
{
	char name[IMAGE_MAX_SONAME];
	uint64_t strings = 0, soname = 0;
	size_t done = 0;

	if (!dynamic_entries(image, &strings, &soname))
		return NULL;
	/* The loader of glibc relocates DT_STRTAB in place. */
	if (!image->file && !image_segment_at(image, strings + soname))
		strings -= image->base - image->start;
	if (inq_image_read(image, strings + soname, name, sizeof(name), &done, NULL) != INQ_OK ||
	    done > sizeof(name) || !memchr(name, '\0', done) || !name[0])
		return NULL;
	return strdup(name);
}

enum inq_status inq_image_soname(struct inq_image *image, const char **ret, struct inq_error *err)
{
	if (!image->soname_tried) {
		image->soname_tried = true;
		image->soname = read_soname(image);
	}
	if (!image->soname)
		return inq_fail(err, INQ_ABSENT, "no soname");
	*ret = image->soname;
	return INQ_OK;
}
