/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sections by name and the unwind tables, copied out of the image. */
#include "symbols/image_private.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

static enum inq_status copy_section(struct inq_image *image, const char *name,
				    const struct image_section *section, bool gnu, struct inq_image_bytes *ret,
				    struct inq_error *err)
{
	uint64_t file_size = inq_file_size(image->file);
	uint64_t limit = file_size > IMAGE_MAX_BYTES / 3 ? IMAGE_MAX_BYTES : 3 * file_size + IMAGE_SLACK_BYTES;
	size_t size = (size_t)section->size, unpacked_size;
	uint8_t *data, *unpacked;
	enum inq_status status;

	if (section->offset > file_size || section->size > file_size - section->offset)
		return inq_fail(err, INQ_BAD_DATA, "section %s: 0x%llx bytes at 0x%llx run past the file", name,
				(unsigned long long)section->size, (unsigned long long)section->offset);
	if (section->size > IMAGE_MAX_BYTES)
		return inq_fail(err, INQ_LIMIT, "section %s: 0x%llx bytes, at most 0x%llx", name,
				(unsigned long long)section->size, IMAGE_MAX_BYTES);
	data = malloc(size ? size : 1);
	if (!data)
		return inq_fail(err, INQ_NO_MEMORY, "section %s: no memory", name);
	status = image_read_raw(image, section->offset, data, size, err);
	if (status != INQ_OK) {
		free(data);
		return inq_prepend(err, status, "section %s", name);
	}
	if (!(section->flags & SHF_COMPRESSED) && !gnu)
		return image_keep(image, name, data, size, section->vaddr, ret, err);
	status = image_unpack(image, name, data, size, gnu, limit, &unpacked, &unpacked_size, err);
	free(data);
	if (status != INQ_OK)
		return status;
	return image_keep(image, name, unpacked, unpacked_size, section->vaddr, ret, err);
}

/* .debug_x as .zdebug_x, which binutils wrote before SHF_COMPRESSED. */
static const struct image_section *find_gnu_compressed(const struct inq_image *image, const char *name)
{
	static const char PREFIX[] = ".debug_";
	char other[64] = ".z";
	size_t size = strlen(name);

	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) || size + 2 > sizeof(other))
		return NULL;
	memcpy(other + 2, name + 1, size);
	return image_find_section(image, other);
}

enum inq_status inq_image_section(struct inq_image *image, const char *name, struct inq_image_bytes *ret,
				  struct inq_error *err)
{
	const struct image_section *section;
	enum inq_status status;
	bool gnu = false;

	if (image_kept(image, name, ret))
		return INQ_OK;
	status = image_read_sections(image, err);
	if (status != INQ_OK)
		return status;
	section = image_find_section(image, name);
	if (!section) {
		section = find_gnu_compressed(image, name);
		gnu = section;
	}
	if (!section || section->type == SHT_NOBITS)
		return inq_fail(err, INQ_ABSENT, "no section %s", name);
	return copy_section(image, name, section, gnu, ret, err);
}

enum inq_status inq_image_eh_frame_hdr_place(const struct inq_image *image, uint64_t *ret_vaddr,
					     uint64_t *ret_size, struct inq_error *err)
{
	const struct image_segment *segment = image_find_segment(image, PT_GNU_EH_FRAME);

	if (!segment || segment->memory_size == 0)
		return inq_fail(err, INQ_ABSENT, "no PT_GNU_EH_FRAME");
	*ret_vaddr = segment->vaddr;
	*ret_size = segment->memory_size;
	return INQ_OK;
}

enum inq_status inq_image_eh_frame_hdr(struct inq_image *image, struct inq_image_bytes *ret,
				       struct inq_error *err)
{
	uint64_t vaddr = 0, size = 0;
	enum inq_status status;

	if (image_kept(image, "<eh_frame_hdr>", ret))
		return INQ_OK;
	status = inq_image_eh_frame_hdr_place(image, &vaddr, &size, err);
	if (status != INQ_OK)
		return status;
	return image_copy_vaddr(image, "<eh_frame_hdr>", vaddr, size, ret, err);
}

/* eh_frame_ptr of .eh_frame_hdr (LSB 5, 10.6.2). Only the encodings that linkers write there. */
static bool eh_frame_pointer(struct inq_image *image, uint64_t *ret)
{
	uint64_t vaddr = 0, size = 0;
	uint8_t raw[12] = {0};
	size_t done = 0;

	if (inq_image_eh_frame_hdr_place(image, &vaddr, &size, NULL) != INQ_OK ||
	    inq_image_read(image, vaddr, raw, sizeof(raw), &done, NULL) != INQ_OK || done < 8 || raw[0] != 1)
		return false;

	struct inq_cursor cursor = inq_cursor_make(raw + 4, done - 4, vaddr + 4, ".eh_frame_hdr");

	switch (raw[1]) {
	case 0x1b: /* pcrel sdata4 */
		*ret = vaddr + 4 + (uint64_t)(int64_t)(int32_t)inq_cursor_u32(&cursor);
		break;
	case 0x1c: /* pcrel sdata8 */
	case 0x14:
		*ret = vaddr + 4 + inq_cursor_u64(&cursor);
		break;
	case 0x03: /* absolute udata4 */
		*ret = inq_cursor_u32(&cursor);
		break;
	case 0x04:
	case 0x00:
		*ret = inq_cursor_word(&cursor, image->is_64 || raw[1] == 0x04 ? 8 : 4);
		break;
	default:
		return false;
	}
	return !cursor.bad;
}

enum inq_status inq_image_eh_frame(struct inq_image *image, struct inq_image_bytes *ret, struct inq_error *err)
{
	const struct image_segment *segment;
	enum inq_status status;
	uint64_t vaddr = 0;

	if (image->file) {
		status = inq_image_section(image, ".eh_frame", ret, err);
		if (status == INQ_OK)
			return INQ_OK;
	}
	if (image_kept(image, "<eh_frame>", ret))
		return INQ_OK;
	if (!eh_frame_pointer(image, &vaddr) || !(segment = image_segment_at(image, vaddr)))
		return inq_fail(err, INQ_ABSENT, "no .eh_frame");
	return image_copy_vaddr(image, "<eh_frame>", vaddr, segment->memory_size - (vaddr - segment->vaddr), ret,
				err);
}

enum inq_status inq_image_debug_frame(struct inq_image *image, struct inq_image_bytes *ret,
				      struct inq_error *err)
{
	return inq_image_section(image, ".debug_frame", ret, err);
}
