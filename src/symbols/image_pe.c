/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PE images (Microsoft, "PE Format": headers, section table, data directories, debug directory). Their vaddrs are
 * the format's RVAs: they begin at 0, and sections are segments.
 */
#include "symbols/image_private.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	DOS_HEADER = 64,
	DOS_NEW_HEADER = 0x3c,    /* e_lfanew */
	COFF_HEADER = 24,         /* with the signature before it */
	OPTIONAL_MAX = 112 + 16 * 8,
	SECTION_HEADER = 40,
	FILE_SECTOR = 512,        /* the loader rounds PointerToRawData down to it */
	PE_MAGIC_32 = 0x10b,
	PE_MAGIC_64 = 0x20b,
	DIRECTORY_EXCEPTION = 3,
	DIRECTORY_DEBUG = 6,
	DEBUG_ENTRY = 28,
	DEBUG_ENTRIES_MAX = 64,
	DEBUG_CODEVIEW = 2,
	SECTION_EXECUTE = 0x20000000,
	SECTION_READ = 0x40000000,
};
#define SECTION_WRITE 0x80000000u
#define NEW_HEADER_MAX (1u << 20) /* a DOS program before it is a few hundred bytes */

/* What the format calls the machines that we know. */
static const struct {
	uint16_t pe, elf;
} MACHINES[] = {
	{0x8664, EM_X86_64},
	{0x014c, EM_386},
	{0xaa64, EM_AARCH64},
	{0x01c4, EM_ARM},
};

static uint16_t elf_machine(uint16_t pe)
{
	for (size_t i = 0; i < sizeof(MACHINES) / sizeof(MACHINES[0]); i++)
		if (MACHINES[i].pe == pe)
			return MACHINES[i].elf;
	return EM_NONE;
}

/* --- sections ------------------------------------------------------------------------------------------ */

static uint32_t protection(uint32_t characteristics)
{
	return (characteristics & SECTION_EXECUTE ? PF_X : 0) | (characteristics & SECTION_READ ? PF_R : 0) |
	       (characteristics & SECTION_WRITE ? PF_W : 0);
}

static struct image_segment parse_section(struct inq_cursor *cursor)
{
	struct image_segment segment = {.type = PT_LOAD};
	uint32_t raw_size, virtual_size, offset;

	inq_cursor_skip(cursor, 8); /* Name */
	virtual_size = inq_cursor_u32(cursor);
	segment.vaddr = inq_cursor_u32(cursor);
	raw_size = inq_cursor_u32(cursor);
	offset = inq_cursor_u32(cursor);
	inq_cursor_skip(cursor, 12); /* relocations and lines of object files */
	segment.flags = protection(inq_cursor_u32(cursor));
	segment.memory_size = virtual_size ? virtual_size : raw_size;
	segment.offset = offset & ~(uint32_t)(FILE_SECTOR - 1);
	segment.file_size = !offset ? 0 : raw_size < segment.memory_size ? raw_size : segment.memory_size;
	return segment;
}

/* The headers are mapped, too: the first segment. */
static enum inq_status read_sections(struct inq_image *image, uint64_t at, uint16_t count, uint32_t header_size,
				     struct inq_error *err)
{
	size_t bytes = (size_t)count * SECTION_HEADER;
	struct inq_cursor cursor;
	enum inq_status status;
	uint8_t *raw = malloc(bytes ? bytes : 1);

	image->segments = calloc(count + 1u, sizeof(*image->segments));
	if (!raw || !image->segments) {
		free(raw);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %u sections", count);
	}
	status = image_read_raw(image, at, raw, bytes, err);
	if (status != INQ_OK) {
		free(raw);
		return inq_prepend(err, status, "%u section headers", count);
	}
	image->segments[0] = (struct image_segment){
		.type = PT_LOAD, .flags = PF_R, .file_size = header_size, .memory_size = header_size,
	};
	cursor = inq_cursor_make(raw, bytes, at, "section headers");
	for (uint16_t i = 0; i < count; i++)
		image->segments[i + 1] = parse_section(&cursor);
	image->segment_count = count + 1u;
	free(raw);
	return INQ_OK;
}

/* --- what identifies it -------------------------------------------------------------------------------- */

/* "RSDS", the GUID, the age; the name of the file follows. */
static bool read_codeview(struct inq_image *image, uint32_t rva, struct inq_image_pe *pe)
{
	uint8_t raw[4 + INQ_PDB_ID];
	size_t have = 0;

	while (have < sizeof(raw)) {
		size_t done = 0;

		if (inq_image_read(image, rva + have, raw + have, sizeof(raw) - have, &done, NULL) != INQ_OK || !done)
			return false;
		have += done;
	}
	if (memcmp(raw, "RSDS", 4))
		return false;
	memcpy(pe->pdb_id, raw + 4, INQ_PDB_ID);
	pe->has_pdb_id = true;
	return true;
}

static void read_debug(struct inq_image *image, uint32_t rva, uint32_t size)
{
	uint32_t count = size / DEBUG_ENTRY;

	for (uint32_t i = 0; i < count && i < DEBUG_ENTRIES_MAX; i++) {
		uint8_t raw[DEBUG_ENTRY];
		size_t done = 0;
		struct inq_cursor cursor;
		uint32_t type;

		if (inq_image_read(image, rva + (uint64_t)i * DEBUG_ENTRY, raw, sizeof(raw), &done, NULL) != INQ_OK ||
		    done < sizeof(raw))
			return;
		cursor = inq_cursor_make(raw, sizeof(raw), rva, "debug directory");
		inq_cursor_skip(&cursor, 12); /* Characteristics, TimeDateStamp, versions */
		type = inq_cursor_u32(&cursor);
		inq_cursor_skip(&cursor, 4); /* SizeOfData */
		if (type == DEBUG_CODEVIEW && read_codeview(image, inq_cursor_u32(&cursor), &image->pe))
			return;
	}
}

/* --- headers ------------------------------------------------------------------------------------------- */

/* The optional header's part that we need; `at` its place, `size` its bytes in the file. */
static enum inq_status read_optional(struct inq_image *image, uint64_t at, uint16_t size, uint32_t *ret_headers,
				     uint32_t ret_debug[2], struct inq_error *err)
{
	uint8_t raw[OPTIONAL_MAX];
	size_t have = size < sizeof(raw) ? size : sizeof(raw);
	struct inq_cursor cursor;
	uint32_t directories;
	enum inq_status status = image_read_raw(image, at, raw, have, err);
	uint16_t magic;

	if (status != INQ_OK)
		return inq_prepend(err, status, "optional header");
	cursor = inq_cursor_make(raw, have, at, "optional header");
	magic = inq_cursor_u16(&cursor);
	if (magic != PE_MAGIC_32 && magic != PE_MAGIC_64)
		return inq_fail(err, INQ_BAD_DATA, "optional header: magic 0x%x is none", magic);
	image->is_64 = magic == PE_MAGIC_64;
	inq_cursor_seek(&cursor, 16);
	image->entry = inq_cursor_u32(&cursor);
	inq_cursor_seek(&cursor, 56);
	image->pe.size = inq_cursor_u32(&cursor);
	*ret_headers = inq_cursor_u32(&cursor);
	inq_cursor_seek(&cursor, image->is_64 ? 108 : 92);
	directories = inq_cursor_u32(&cursor);
	if (inq_cursor_status(&cursor, err) != INQ_OK)
		return INQ_BAD_DATA;
	/* Fewer directories than are asked for, or a header that ends before them: there are none. */
	for (uint32_t i = 0; i < directories && i <= DIRECTORY_DEBUG && inq_cursor_left(&cursor) >= 8; i++) {
		uint32_t rva = inq_cursor_u32(&cursor), bytes = inq_cursor_u32(&cursor);

		if (i == DIRECTORY_EXCEPTION) {
			image->pe.functions = rva;
			image->pe.functions_size = bytes;
		} else if (i == DIRECTORY_DEBUG) {
			ret_debug[0] = rva;
			ret_debug[1] = bytes;
		}
	}
	return INQ_OK;
}

enum inq_status image_read_pe(struct inq_image *image, struct inq_error *err)
{
	uint8_t raw[DOS_HEADER];
	uint32_t at, header_size = 0, debug[2] = {0, 0};
	uint16_t sections, optional, machine;
	struct inq_cursor cursor;
	enum inq_status status = image_read_raw(image, 0, raw, DOS_HEADER, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "DOS header");
	cursor = inq_cursor_make(raw, sizeof(raw), 0, "DOS header");
	inq_cursor_seek(&cursor, DOS_NEW_HEADER);
	at = inq_cursor_u32(&cursor);
	if (at < 4 || at > NEW_HEADER_MAX || image_read_raw(image, at, raw, COFF_HEADER, NULL) != INQ_OK ||
	    memcmp(raw, "PE\0\0", 4))
		return inq_fail(err, INQ_UNSUPPORTED, "a DOS program, not a PE image");
	cursor = inq_cursor_make(raw, COFF_HEADER, at, "PE header");
	inq_cursor_skip(&cursor, 4);
	machine = inq_cursor_u16(&cursor);
	sections = inq_cursor_u16(&cursor);
	image->pe.timestamp = inq_cursor_u32(&cursor);
	inq_cursor_skip(&cursor, 8); /* symbol table */
	optional = inq_cursor_u16(&cursor);
	image->machine = elf_machine(machine);
	if (image->machine == EM_NONE)
		return inq_fail(err, INQ_UNSUPPORTED, "a PE image for machine 0x%x", machine);
	image->is_pe = true;
	status = read_optional(image, at + COFF_HEADER, optional, &header_size, debug, err);
	if (status == INQ_OK)
		status = read_sections(image, (uint64_t)at + COFF_HEADER + optional, sections, header_size, err);
	if (status != INQ_OK)
		return status;
	image->end = image->pe.size;
	read_debug(image, debug[0], debug[1]);
	return INQ_OK;
}

enum inq_status inq_image_pe(const struct inq_image *image, const struct inq_image_pe **ret, struct inq_error *err)
{
	if (!image->is_pe)
		return inq_fail(err, INQ_ABSENT, "not a PE image");
	*ret = &image->pe;
	return INQ_OK;
}
