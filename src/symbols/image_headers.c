/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ELF header, program headers and section headers (gABI chapters 4 and 5; 0-extensions: gABI 4, e_shnum). */
#include "symbols/image_private.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Machines that the project has a table of. */
static bool known_machine(uint16_t machine)
{
	return machine == EM_X86_64 || machine == EM_386 || machine == EM_AARCH64 || machine == EM_ARM;
}

/* Sizes on disk of the two classes. */
struct class_sizes {
	uint16_t header, segment, section;
};
static const struct class_sizes SIZES[2] = {
	{sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), sizeof(Elf32_Shdr)},
	{sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), sizeof(Elf64_Shdr)},
};

static struct image_section parse_section(struct inq_cursor *cursor, bool is_64)
{
	unsigned word = is_64 ? 8 : 4;
	struct image_section section = {0};

	section.name = inq_cursor_u32(cursor);
	section.type = inq_cursor_u32(cursor);
	section.flags = inq_cursor_word(cursor, word);
	section.vaddr = inq_cursor_word(cursor, word);
	section.offset = inq_cursor_word(cursor, word);
	section.size = inq_cursor_word(cursor, word);
	section.link = inq_cursor_u32(cursor);
	section.info = inq_cursor_u32(cursor);
	inq_cursor_skip(cursor, 2 * word); /* sh_addralign, sh_entsize */
	return section;
}

static struct image_segment parse_segment(struct inq_cursor *cursor, bool is_64)
{
	unsigned word = is_64 ? 8 : 4;
	struct image_segment segment = {0};

	segment.type = inq_cursor_u32(cursor);
	if (is_64)
		segment.flags = inq_cursor_u32(cursor);
	segment.offset = inq_cursor_word(cursor, word);
	segment.vaddr = inq_cursor_word(cursor, word);
	inq_cursor_skip(cursor, word); /* p_paddr */
	segment.file_size = inq_cursor_word(cursor, word);
	segment.memory_size = inq_cursor_word(cursor, word);
	if (!is_64)
		segment.flags = inq_cursor_u32(cursor);
	inq_cursor_skip(cursor, word); /* p_align */
	return segment;
}

/* Section header 0 holds what does not fit into the ELF header; only files have it. */
static enum inq_status extended_counts(struct inq_image *image, uint16_t e_phnum, uint32_t *ret_segments,
				       struct inq_error *err)
{
	uint8_t raw[sizeof(Elf64_Shdr)];
	uint16_t size = SIZES[image->is_64].section;
	bool wanted = e_phnum == PN_XNUM || image->section_names == SHN_XINDEX ||
		      (image->section_count == 0 && image->section_offset != 0);
	struct inq_cursor cursor;
	struct image_section zero;
	enum inq_status status;

	if (!wanted || !image->file)
		return INQ_OK;
	if (image->section_offset == 0 || image->section_entry != size)
		return inq_fail(err, INQ_BAD_DATA, "header counts are in section header 0, which is not there");
	status = image_read_raw(image, image->section_offset, raw, size, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "section header 0");
	cursor = inq_cursor_make(raw, size, image->section_offset, "section header 0");
	zero = parse_section(&cursor, image->is_64);
	if (image->section_count == 0)
		image->section_count = zero.size > UINT32_MAX ? UINT32_MAX : (uint32_t)zero.size;
	if (image->section_names == SHN_XINDEX)
		image->section_names = zero.link;
	if (e_phnum == PN_XNUM)
		*ret_segments = zero.info;
	return INQ_OK;
}

/* The lowest and the highest byte that the loader maps. */
static enum inq_status find_extent(struct inq_image *image, struct inq_error *err)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < image->segment_count; i++) {
		struct image_segment *segment = &image->segments[i];

		if (segment->type != PT_LOAD)
			continue;
		if (segment->vaddr > UINT64_MAX - segment->memory_size)
			return inq_fail(err, INQ_BAD_DATA, "program header %zu wraps around", i);
		if (segment->file_size > segment->memory_size)
			segment->file_size = segment->memory_size;
		if (segment->vaddr < low)
			low = segment->vaddr;
		if (segment->vaddr + segment->memory_size > high)
			high = segment->vaddr + segment->memory_size;
	}
	image->start = low == UINT64_MAX ? 0 : low & ~(uint64_t)(IMAGE_PAGE - 1);
	image->end = high;
	return INQ_OK;
}

static enum inq_status read_segments(struct inq_image *image, uint64_t offset, uint32_t count,
				     struct inq_error *err)
{
	size_t entry = SIZES[image->is_64].segment, bytes = entry * count;
	struct inq_cursor cursor;
	enum inq_status status;
	uint8_t *raw;

	if (count > IMAGE_MAX_SEGMENTS)
		return inq_fail(err, INQ_LIMIT, "%u program headers, at most %d", count, IMAGE_MAX_SEGMENTS);
	if (count == 0)
		return INQ_OK;
	if (image->file && (offset > inq_file_size(image->file) || bytes > inq_file_size(image->file) - offset))
		return inq_fail(err, INQ_BAD_DATA, "%u program headers at 0x%llx run past the file", count,
				(unsigned long long)offset);
	raw = malloc(bytes);
	image->segments = calloc(count, sizeof(*image->segments));
	if (!raw || !image->segments) {
		free(raw);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %u program headers", count);
	}
	status = image_read_raw(image, offset, raw, bytes, err);
	if (status != INQ_OK) {
		free(raw);
		return inq_prepend(err, status, "program headers");
	}
	cursor = inq_cursor_make(raw, bytes, offset, "program headers");
	for (uint32_t i = 0; i < count; i++)
		image->segments[i] = parse_segment(&cursor, image->is_64);
	image->segment_count = count;
	free(raw);
	return find_extent(image, err);
}

static enum inq_status check_ident(const uint8_t ident[EI_NIDENT], struct inq_error *err)
{
	if (memcmp(ident, ELFMAG, SELFMAG))
		return inq_fail(err, INQ_UNSUPPORTED, "not an ELF image");
	if (ident[EI_DATA] == ELFDATA2MSB)
		return inq_fail(err, INQ_UNSUPPORTED, "a big-endian ELF image");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return inq_fail(err, INQ_BAD_DATA, "ELF byte order %u is none", ident[EI_DATA]);
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return inq_fail(err, INQ_BAD_DATA, "ELF class %u is none", ident[EI_CLASS]);
	return INQ_OK;
}

enum inq_status image_read_headers(struct inq_image *image, struct inq_error *err)
{
	uint8_t raw[sizeof(Elf64_Ehdr)] = {0};
	struct inq_cursor cursor;
	uint32_t segments;
	uint16_t segment_entry, e_phnum;
	uint64_t segment_offset;
	enum inq_status status = image_read_raw(image, 0, raw, EI_NIDENT, err);

	if (status == INQ_BAD_DATA)
		return inq_fail(err, INQ_UNSUPPORTED, "not an ELF image");
	if (status == INQ_OK && raw[0] == 'M' && raw[1] == 'Z')
		return image_read_pe(image, err);
	if (status != INQ_OK || (status = check_ident(raw, err)) != INQ_OK)
		return status;
	image->is_64 = raw[EI_CLASS] == ELFCLASS64;
	status = image_read_raw(image, 0, raw, SIZES[image->is_64].header, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "ELF header");

	unsigned word = image->is_64 ? 8 : 4;

	cursor = inq_cursor_make(raw, sizeof(raw), 0, "ELF header");
	inq_cursor_skip(&cursor, EI_NIDENT);
	image->type = inq_cursor_u16(&cursor);
	image->machine = inq_cursor_u16(&cursor);
	inq_cursor_skip(&cursor, 4); /* e_version */
	image->entry = inq_cursor_word(&cursor, word);
	segment_offset = inq_cursor_word(&cursor, word);
	image->section_offset = inq_cursor_word(&cursor, word);
	inq_cursor_skip(&cursor, 4 + 2); /* e_flags, e_ehsize */
	segment_entry = inq_cursor_u16(&cursor);
	segments = e_phnum = inq_cursor_u16(&cursor);
	image->section_entry = inq_cursor_u16(&cursor);
	image->section_count = inq_cursor_u16(&cursor);
	image->section_names = inq_cursor_u16(&cursor);

	if (!known_machine(image->machine))
		return inq_fail(err, INQ_UNSUPPORTED, "an ELF image for machine %u", image->machine);
	if (segments && segment_entry != SIZES[image->is_64].segment)
		return inq_fail(err, INQ_BAD_DATA, "program headers of %u bytes", segment_entry);
	status = extended_counts(image, e_phnum, &segments, err);
	if (status != INQ_OK)
		return status;
	return read_segments(image, segment_offset, segments, err);
}

static enum inq_status read_names(struct inq_image *image, struct inq_error *err)
{
	const struct image_section *section;
	uint64_t file_size = inq_file_size(image->file);
	enum inq_status status;
	uint8_t *data;

	if (image->section_names == SHN_UNDEF || image->section_names >= image->section_count)
		return inq_fail(err, INQ_BAD_DATA, "section names: section %u of %u", image->section_names,
				image->section_count);
	section = &image->sections[image->section_names];
	if (section->type == SHT_NOBITS || section->offset > file_size ||
	    section->size > file_size - section->offset || section->size > IMAGE_MAX_BYTES || !section->size)
		return inq_fail(err, INQ_BAD_DATA, "section names run past the file");
	data = malloc((size_t)section->size);
	if (!data)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for section names");
	status = image_read_raw(image, section->offset, data, (size_t)section->size, err);
	if (status != INQ_OK) {
		free(data);
		return inq_prepend(err, status, "section names");
	}
	return image_keep(image, "<names>", data, (size_t)section->size, 0, &image->names, err);
}

enum inq_status image_read_sections(struct inq_image *image, struct inq_error *err)
{
	size_t entry = SIZES[image->is_64].section, bytes = entry * image->section_count;
	struct inq_cursor cursor;
	enum inq_status status;
	uint8_t *raw;

	if (!image->file || image->section_offset == 0 || image->section_count == 0)
		return inq_fail(err, INQ_ABSENT, "no section headers");
	if (image->sections_tried)
		return image->names.data ? INQ_OK : inq_fail(err, INQ_BAD_DATA, "section headers are damaged");
	image->sections_tried = true;
	if (image->section_entry != entry)
		return inq_fail(err, INQ_BAD_DATA, "section headers of %u bytes", image->section_entry);
	if (image->section_count > IMAGE_MAX_SECTIONS)
		return inq_fail(err, INQ_LIMIT, "%u section headers, at most %d", image->section_count,
				IMAGE_MAX_SECTIONS);
	if (image->section_offset > inq_file_size(image->file) ||
	    bytes > inq_file_size(image->file) - image->section_offset)
		return inq_fail(err, INQ_BAD_DATA, "%u section headers at 0x%llx run past the file",
				image->section_count, (unsigned long long)image->section_offset);
	raw = malloc(bytes);
	image->sections = calloc(image->section_count, sizeof(*image->sections));
	if (!raw || !image->sections) {
		free(raw);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %u section headers", image->section_count);
	}
	status = image_read_raw(image, image->section_offset, raw, bytes, err);
	if (status != INQ_OK) {
		free(raw);
		return inq_prepend(err, status, "section headers");
	}
	cursor = inq_cursor_make(raw, bytes, image->section_offset, "section headers");
	for (uint32_t i = 0; i < image->section_count; i++)
		image->sections[i] = parse_section(&cursor, image->is_64);
	free(raw);
	return read_names(image, err);
}

const struct image_section *image_find_section(const struct inq_image *image, const char *name)
{
	size_t size = strlen(name) + 1;

	if (!image->names.data || !image->sections)
		return NULL;
	for (uint32_t i = 0; i < image->section_count; i++) {
		uint32_t at = image->sections[i].name;

		if (at < image->names.size && image->names.size - at >= size &&
		    !memcmp(image->names.data + at, name, size))
			return &image->sections[i];
	}
	return NULL;
}
