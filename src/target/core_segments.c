/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/core_segments.h"

#include "support/cursor.h"
#include "support/file.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* The ELF header, as far as it matters here. */
struct header {
	unsigned word;
	enum inq_machine machine;
	uint64_t phoff, shoff;
	uint64_t phnum;
};

static const char *type_name(uint16_t type)
{
	switch (type) {
	case ET_REL:
		return "an object file";
	case ET_EXEC:
		return "a program";
	case ET_DYN:
		return "a program or shared library";
	default:
		return "an ELF file of an unknown type";
	}
}

/* More than 65,534 program headers: their number stands in section 0's sh_info (gABI, e_phnum). */
static enum inq_status extended_count(struct inq_file *file, struct header *header,
				      struct inq_error *err)
{
	uint8_t raw[sizeof(Elf64_Shdr)] = {0};
	size_t size = header->word == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	size_t at =
		header->word == 8 ? offsetof(Elf64_Shdr, sh_info) : offsetof(Elf32_Shdr, sh_info);
	struct inq_cursor cursor = inq_cursor_make(raw, size, header->shoff, "section 0");
	enum inq_status status = inq_file_read_all(file, header->shoff, raw, size, err);

	if (status != INQ_OK)
		return inq_prepend(err, status,
				   "more than 65534 program headers, counted in section 0");
	inq_cursor_seek(&cursor, at);
	header->phnum = inq_cursor_u32(&cursor);
	return INQ_OK;
}

static enum inq_status read_header(struct inq_file *file, struct header *ret, struct inq_error *err)
{
	uint8_t raw[sizeof(Elf64_Ehdr)] = {0};
	struct inq_cursor cursor;
	uint16_t type, machine, entry;
	size_t done = 0;
	enum inq_status status = inq_file_read(file, 0, raw, sizeof(raw), &done, err);

	if (status != INQ_OK)
		return status;
	if (done < EI_NIDENT || memcmp(raw, ELFMAG, SELFMAG))
		return inq_fail(err, INQ_UNSUPPORTED, "not an ELF file");
	if (raw[EI_DATA] == ELFDATA2MSB)
		return inq_fail(err, INQ_UNSUPPORTED,
				"a big-endian ELF file; only little-endian machines are known");
	if (raw[EI_DATA] != ELFDATA2LSB ||
	    (raw[EI_CLASS] != ELFCLASS32 && raw[EI_CLASS] != ELFCLASS64))
		return inq_fail(err, INQ_BAD_DATA,
				"ELF header: class %u, byte order %u: neither is known",
				raw[EI_CLASS], raw[EI_DATA]);
	ret->word = raw[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	cursor = inq_cursor_make(raw,
				 ret->word == 8		     ? done
				 : done < sizeof(Elf32_Ehdr) ? done
							     : sizeof(Elf32_Ehdr),
				 0, "ELF header");
	inq_cursor_seek(&cursor, EI_NIDENT);
	type = inq_cursor_u16(&cursor);
	machine = inq_cursor_u16(&cursor);
	inq_cursor_u32(&cursor);	     /* e_version */
	inq_cursor_word(&cursor, ret->word); /* e_entry */
	ret->phoff = inq_cursor_word(&cursor, ret->word);
	ret->shoff = inq_cursor_word(&cursor, ret->word);
	inq_cursor_u32(&cursor); /* e_flags */
	inq_cursor_u16(&cursor); /* e_ehsize */
	entry = inq_cursor_u16(&cursor);
	ret->phnum = inq_cursor_u16(&cursor);
	inq_cursor_skip(&cursor, 6); /* e_shentsize, e_shnum, e_shstrndx: the header is whole */
	if (cursor.bad)
		return inq_cursor_status(&cursor, err);
	if (type != ET_CORE)
		return inq_fail(err, INQ_UNSUPPORTED, "not a core, but %s", type_name(type));
	ret->machine = inq_machine_from_elf(machine, ret->word == 8);
	if (ret->machine == INQ_MACHINE_UNKNOWN)
		return inq_fail(err, INQ_UNSUPPORTED,
				"a core of a %u-bit machine %u that is not known", 8 * ret->word,
				machine);
	if (ret->phnum && entry != (ret->word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return inq_fail(err, INQ_BAD_DATA, "program headers of %u bytes each", entry);
	return ret->phnum == PN_XNUM ? extended_count(file, ret, err) : INQ_OK;
}

static uint32_t protection_of(uint32_t flags)
{
	return (flags & PF_R ? INQ_PROT_READ : 0) | (flags & PF_W ? INQ_PROT_WRITE : 0) |
	       (flags & PF_X ? INQ_PROT_EXEC : 0);
}

/* One program header into the layout; room for its segment is there. */
static void take(struct inq_core_layout *layout, struct inq_cursor *cursor, uint64_t file_size)
{
	unsigned word = layout->pointer_size;
	struct inq_core_segment segment = {0};
	uint32_t type = inq_cursor_u32(cursor), flags = word == 8 ? inq_cursor_u32(cursor) : 0;
	uint64_t stored, align, there;

	segment.offset = inq_cursor_word(cursor, word);
	segment.base = inq_cursor_word(cursor, word);
	inq_cursor_word(cursor, word); /* p_paddr */
	stored = inq_cursor_word(cursor, word);
	segment.size = inq_cursor_word(cursor, word);
	if (word == 4)
		flags = inq_cursor_u32(cursor);
	align = inq_cursor_word(cursor, word);
	there = segment.offset < file_size ? file_size - segment.offset : 0;
	if (type != PT_NOTE && type != PT_LOAD)
		return;
	if (stored &&
	    (segment.offset > UINT64_MAX - stored || segment.offset + stored > layout->whole_size))
		layout->whole_size =
			segment.offset > UINT64_MAX - stored ? UINT64_MAX : segment.offset + stored;
	if (type == PT_NOTE) {
		if (layout->note_count == INQ_CORE_NOTES_MAX)
			layout->notes_left_out++;
		else
			layout->notes[layout->note_count++] = (struct inq_core_note_segment){
				.offset = segment.offset,
				.size = stored,
				.align = align,
			};
		return;
	}
	if (!segment.size)
		return;
	/* The last byte of the address space is the last that a segment can hold. */
	if (segment.size - 1 > UINT64_MAX - segment.base)
		segment.size = UINT64_MAX - segment.base + 1;
	segment.have = stored < segment.size ? stored : segment.size;
	if (segment.have > there) {
		layout->cut_segments++;
		layout->cut_bytes += segment.have - there;
		segment.have = there;
	}
	segment.protection = protection_of(flags);
	layout->segments[layout->count++] = segment;
}

static int by_base(const void *left, const void *right)
{
	const struct inq_core_segment *a = left, *b = right;

	return a->base < b->base ? -1 : a->base > b->base;
}

/* Sorted and disjoint: where two overlap, the earlier address wins, and the other keeps what lies
 * behind. */
static void tidy(struct inq_core_layout *layout)
{
	struct inq_core_segment *segments = layout->segments;
	size_t kept = 0;

	for (size_t i = 1; i < layout->count; i++) {
		if (segments[i].base < segments[i - 1].base) {
			qsort(segments, layout->count, sizeof(*segments), by_base);
			break;
		}
	}
	for (size_t i = 0; i < layout->count; i++) {
		struct inq_core_segment segment = segments[i];
		const struct inq_core_segment *last = kept ? &segments[kept - 1] : NULL;
		uint64_t end = last ? last->base + (last->size - 1) : 0; /* its last byte */

		/* The one kept last may have been cut itself, and begin behind this one. */
		if (last && segment.base <= end) {
			uint64_t cut = end - segment.base + 1; /* 0 is 2^64: all of it */

			layout->overlapping++;
			if (!cut || cut >= segment.size)
				continue;
			segment.base += cut;
			segment.offset += cut;
			segment.size -= cut;
			segment.have -= cut < segment.have ? cut : segment.have;
		}
		segments[kept++] = segment;
	}
	layout->count = kept;
}

static enum inq_status read_segments(struct inq_file *file, const struct header *header,
				     struct inq_core_layout *layout, struct inq_error *err)
{
	enum { AT_ONCE = 512 };
	uint8_t raw[AT_ONCE * sizeof(Elf64_Phdr)];
	size_t entry = header->word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t size = inq_file_size(file);
	uint64_t there = header->phoff < size ? (size - header->phoff) / entry : 0;
	uint64_t count = header->phnum;

	if (count > there)
		count = there;
	if (count > INQ_CORE_SEGMENTS_MAX)
		count = INQ_CORE_SEGMENTS_MAX;
	layout->headers = header->phnum;
	layout->headers_missing = header->phnum - count;
	layout->segments = malloc((size_t)(count + 1) * sizeof(*layout->segments));
	if (!layout->segments)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %llu segments",
				(unsigned long long)count);
	for (uint64_t i = 0; i < count; i += AT_ONCE) {
		size_t some = count - i < AT_ONCE ? (size_t)(count - i) : AT_ONCE, done = 0;
		struct inq_cursor cursor;
		enum inq_status status = inq_file_read(file, header->phoff + i * entry, raw,
						       some * entry, &done, err);

		cursor = inq_cursor_make(raw, done, 0, "program headers");
		while (inq_cursor_left(&cursor) >= entry)
			take(layout, &cursor, size);
		if (status != INQ_OK || done < some * entry) {
			/* Damaged compression: the table goes on where nothing can be read. */
			layout->headers_missing = header->phnum - (i + done / entry);
			break;
		}
	}
	tidy(layout);
	return INQ_OK;
}

enum inq_status inq_core_layout_read(struct inq_file *file, struct inq_core_layout *ret,
				     struct inq_error *err)
{
	struct header header = {0};
	struct inq_core_layout *layout;
	enum inq_status status = read_header(file, &header, err);

	if (status != INQ_OK)
		return status;
	layout = calloc(1, sizeof(*layout));
	if (!layout)
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	layout->machine = header.machine;
	layout->pointer_size = header.word;
	status = read_segments(file, &header, layout, err);
	if (status == INQ_OK)
		*ret = *layout;
	else
		inq_core_layout_done(layout);
	free(layout);
	return status;
}

void inq_core_layout_done(struct inq_core_layout *layout)
{
	if (!layout)
		return;
	free(layout->segments);
	memset(layout, 0, sizeof(*layout));
}

size_t inq_core_segment_at(const struct inq_core_layout *layout, uint64_t address)
{
	size_t low = 0, high = layout->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (layout->segments[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - layout->segments[low - 1].base >= layout->segments[low - 1].size)
		return layout->count;
	return low - 1;
}
