/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/object.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* gABI 2022: not in every <elf.h>. */
#define COMPRESS_ZLIB 1
#define COMPRESS_ZSTD 2

struct inq_object {
	int fd; /* -1: over memory */
	uint8_t *memory;
	uint64_t size;
	char *name;
	bool is_64, swap;
	uint16_t machine;
	uint64_t program_offset;
	uint32_t program_count, program_size;
	struct inq_section *sections;
	size_t section_count;
	char *section_names;
	uint64_t budget; /* bytes that may still be unpacked */
};

/* --- raw bytes ------------------------------------------------------------------------------------ */

enum inq_status inq_object_read(struct inq_object *object, uint64_t offset, void *to, size_t size,
				struct inq_error *err)
{
	if (offset > object->size || size > object->size - offset)
		return inq_fail(err, INQ_BAD_DATA, "'%s': %zu bytes wanted at 0x%llx, the file has 0x%llx", object->name,
				size, (unsigned long long)offset, (unsigned long long)object->size);
	if (object->fd < 0) {
		memcpy(to, object->memory + offset, size);
		return INQ_OK;
	}
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(object->fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return inq_fail_os(err, "'%s': reading at 0x%llx", object->name,
					   (unsigned long long)(offset + done));
		if (n == 0)
			return inq_fail(err, INQ_BAD_DATA, "'%s': ends at 0x%llx", object->name,
					(unsigned long long)(offset + done));
		done += (size_t)n;
	}
	return INQ_OK;
}

struct inq_cursor inq_object_cursor(const struct inq_object *object, struct inq_bytes bytes, const char *what)
{
	struct inq_cursor cursor = inq_cursor_make(bytes.data, bytes.size, 0, what);

	cursor.swap = object->swap;
	return cursor;
}

static enum inq_status in_object(const struct inq_object *object, enum inq_status status, struct inq_error *err)
{
	return status == INQ_OK ? INQ_OK : inq_prepend(err, status, "'%s'", object->name);
}

/* --- headers -------------------------------------------------------------------------------------- */

struct header {
	uint64_t section_offset;
	uint32_t section_size, section_count, names_index;
};

static enum inq_status read_header(struct inq_object *object, struct header *ret, struct inq_error *err)
{
	uint8_t bytes[sizeof(Elf64_Ehdr)] = {0};
	size_t have = object->size < sizeof(bytes) ? (size_t)object->size : sizeof(bytes);
	enum inq_status status = inq_object_read(object, 0, bytes, have, err);
	unsigned word;

	if (status != INQ_OK)
		return status;
	if (have < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not an ELF file", object->name);
	object->is_64 = bytes[EI_CLASS] == ELFCLASS64;
	object->swap = bytes[EI_DATA] == ELFDATA2MSB; /* we run on little-endian machines only */
	if ((!object->is_64 && bytes[EI_CLASS] != ELFCLASS32) ||
	    (!object->swap && bytes[EI_DATA] != ELFDATA2LSB))
		return inq_fail(err, INQ_BAD_DATA, "'%s': ELF class %u, byte order %u", object->name, bytes[EI_CLASS],
				bytes[EI_DATA]);
	word = object->is_64 ? 8 : 4;

	struct inq_cursor cursor = inq_object_cursor(object, (struct inq_bytes){bytes, have}, "ELF header");

	inq_cursor_seek(&cursor, EI_NIDENT + 2); /* e_type */
	object->machine = inq_cursor_u16(&cursor);
	inq_cursor_skip(&cursor, 4 + word); /* e_version, e_entry */
	object->program_offset = inq_cursor_word(&cursor, word);
	ret->section_offset = inq_cursor_word(&cursor, word);
	inq_cursor_skip(&cursor, 4 + 2); /* e_flags, e_ehsize */
	object->program_size = inq_cursor_u16(&cursor);
	object->program_count = inq_cursor_u16(&cursor);
	ret->section_size = inq_cursor_u16(&cursor);
	ret->section_count = inq_cursor_u16(&cursor);
	ret->names_index = inq_cursor_u16(&cursor);
	return in_object(object, inq_cursor_status(&cursor, err), err);
}

static void parse_section(struct inq_cursor *cursor, bool is_64, struct inq_section *ret, uint32_t *ret_name)
{
	unsigned word = is_64 ? 8 : 4;

	*ret_name = inq_cursor_u32(cursor);
	ret->type = inq_cursor_u32(cursor);
	ret->flags = inq_cursor_word(cursor, word);
	ret->address = inq_cursor_word(cursor, word);
	ret->offset = inq_cursor_word(cursor, word);
	ret->size = inq_cursor_word(cursor, word);
	ret->link = inq_cursor_u32(cursor);
	ret->info = inq_cursor_u32(cursor);
	inq_cursor_skip(cursor, word); /* sh_addralign */
	ret->entry_size = inq_cursor_word(cursor, word);
	ret->unpacked_size = ret->size;
}

/* Section counts and the names' index that do not fit the header are in section 0. */
static enum inq_status read_section_zero(struct inq_object *object, struct header *header,
					 struct inq_error *err)
{
	uint8_t bytes[sizeof(Elf64_Shdr)];
	size_t size = object->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	struct inq_section zero = {0};
	uint32_t name;

	if (header->section_offset == 0)
		return INQ_OK;
	if (header->section_size != size)
		return inq_fail(err, INQ_BAD_DATA, "'%s': section headers of %u bytes", object->name,
				header->section_size);

	enum inq_status status = inq_object_read(object, header->section_offset, bytes, size, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "section headers");

	struct inq_cursor cursor = inq_object_cursor(object, (struct inq_bytes){bytes, size}, "section header");

	parse_section(&cursor, object->is_64, &zero, &name);
	if (header->section_count == 0) {
		if (zero.size > INQ_OBJECT_MAX_SECTIONS)
			return inq_fail(err, INQ_LIMIT, "'%s': %llu sections, at most %u", object->name,
					(unsigned long long)zero.size, INQ_OBJECT_MAX_SECTIONS);
		header->section_count = (uint32_t)zero.size;
	}
	if (header->names_index == SHN_XINDEX)
		header->names_index = zero.link;
	if (object->program_count == PN_XNUM)
		object->program_count = zero.info;
	return INQ_OK;
}

static enum inq_status read_names(struct inq_object *object, const struct inq_section *section,
				  struct inq_error *err)
{
	uint64_t size = section ? section->size : 0;
	enum inq_status status = INQ_OK;

	if (size > INQ_OBJECT_MAX_NAMES)
		return inq_fail(err, INQ_LIMIT, "'%s': section names of %llu bytes, at most %u", object->name,
				(unsigned long long)size, INQ_OBJECT_MAX_NAMES);
	object->section_names = calloc(1, (size_t)size + 1);
	if (!object->section_names)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': section names", object->name);
	if (size)
		status = inq_object_read(object, section->offset, object->section_names, (size_t)size, err);
	return status == INQ_OK ? INQ_OK : inq_prepend(err, status, "section names");
}

/* SHF_COMPRESSED begins with an Elf_Chdr; GNU's older ".zdebug_x" with "ZLIB" and a big-endian size. */
static void look_at_packing(struct inq_object *object, struct inq_section *section)
{
	uint8_t bytes[sizeof(Elf64_Chdr)];
	size_t header = object->is_64 ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
	bool gnu = strncmp(section->name, ".zdebug_", 8) == 0;

	if (section->type == SHT_NOBITS || (!gnu && !(section->flags & SHF_COMPRESSED)))
		return;
	if (gnu)
		header = 12;
	section->packing = INQ_PACKED_UNKNOWN;
	if (section->size < header || inq_object_read(object, section->offset, bytes, header, NULL) != INQ_OK)
		return;

	struct inq_cursor cursor = inq_object_cursor(object, (struct inq_bytes){bytes, header}, "packed section");

	section->packed_header = (unsigned)header;
	if (gnu) {
		if (memcmp(bytes, "ZLIB", 4) != 0)
			return;
		cursor.swap = true;
		inq_cursor_skip(&cursor, 4);
		section->unpacked_size = inq_cursor_u64(&cursor);
		section->packing = INQ_PACKED_ZLIB;
		return;
	}

	uint32_t kind = inq_cursor_u32(&cursor);

	inq_cursor_skip(&cursor, object->is_64 ? 4 : 0);
	section->unpacked_size = inq_cursor_word(&cursor, object->is_64 ? 8 : 4);
	if (kind == COMPRESS_ZLIB)
		section->packing = INQ_PACKED_ZLIB;
	else if (kind == COMPRESS_ZSTD)
		section->packing = INQ_PACKED_ZSTD;
}

static void name_sections(struct inq_object *object, const uint32_t *names, size_t names_size)
{
	for (size_t i = 0; i < object->section_count; i++) {
		struct inq_section *section = &object->sections[i];
		char *name = object->section_names + (names[i] < names_size ? names[i] : names_size);

		section->name = name;
		look_at_packing(object, section);
		/* ".zdebug_info" becomes ".debug_info": the name is ours to write on, and a second section
		 * that shares its tail does no worse than being called what it is. */
		if (section->packing != INQ_PACKED_NOT && strncmp(name, ".zdebug_", 8) == 0) {
			name[1] = '.';
			section->name = name + 1;
		}
	}
}

static enum inq_status read_sections(struct inq_object *object, const struct header *header,
				     struct inq_error *err)
{
	size_t size = object->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	uint64_t total = (uint64_t)header->section_count * size;
	struct inq_section *names_section;

	if (header->section_offset == 0 || header->section_count == 0)
		return read_names(object, NULL, err);
	if (header->section_count > INQ_OBJECT_MAX_SECTIONS)
		return inq_fail(err, INQ_LIMIT, "'%s': %u sections, at most %u", object->name, header->section_count,
				INQ_OBJECT_MAX_SECTIONS);
	if (header->section_offset > object->size || total > object->size - header->section_offset)
		return inq_fail(err, INQ_BAD_DATA, "'%s': %u section headers at 0x%llx run past the file",
				object->name, header->section_count, (unsigned long long)header->section_offset);

	uint8_t *bytes = malloc((size_t)total);
	uint32_t *names = calloc(header->section_count, sizeof(*names));
	enum inq_status status = INQ_OK;

	object->sections = calloc(header->section_count, sizeof(*object->sections));
	if (!bytes || !names || !object->sections)
		status = inq_fail(err, INQ_NO_MEMORY, "'%s': section headers", object->name);
	if (status == INQ_OK)
		status = inq_object_read(object, header->section_offset, bytes, (size_t)total, err);
	if (status == INQ_OK) {
		struct inq_cursor cursor =
			inq_object_cursor(object, (struct inq_bytes){bytes, (size_t)total}, "section headers");

		object->section_count = header->section_count;
		for (size_t i = 0; i < object->section_count; i++)
			parse_section(&cursor, object->is_64, &object->sections[i], &names[i]);
		names_section = header->names_index < object->section_count ?
					&object->sections[header->names_index] : NULL;
		if (names_section && names_section->type == SHT_NOBITS)
			names_section = NULL;
		status = read_names(object, names_section, err);
		if (status == INQ_OK)
			name_sections(object, names, names_section ? (size_t)names_section->size : 0);
	}
	free(bytes);
	free(names);
	return status;
}

static enum inq_status open_object(struct inq_object *object, const char *name, struct inq_object **ret,
				   struct inq_error *err)
{
	struct header header = {0};
	enum inq_status status = INQ_OK;

	object->name = strdup(name);
	if (!object->name)
		status = inq_fail(err, INQ_NO_MEMORY, "'%s'", name);
	object->budget = object->size > UINT64_MAX / 4 ? UINT64_MAX :
			 object->size * INQ_OBJECT_UNPACK_FACTOR + INQ_OBJECT_UNPACK_EXTRA;
	if (status == INQ_OK)
		status = read_header(object, &header, err);
	if (status == INQ_OK)
		status = read_section_zero(object, &header, err);
	if (status == INQ_OK)
		status = read_sections(object, &header, err);
	if (status != INQ_OK) {
		inq_object_free(object);
		return status;
	}
	*ret = object;
	return INQ_OK;
}

enum inq_status inq_object_open_fd(int fd, const char *name, struct inq_object **ret, struct inq_error *err)
{
	struct inq_object *object = calloc(1, sizeof(*object));
	struct stat st;

	if (!object || fstat(fd, &st) < 0) {
		enum inq_status status = object ? inq_fail_os(err, "'%s'", name) :
						  inq_fail(err, INQ_NO_MEMORY, "'%s'", name);

		close(fd);
		free(object);
		return status;
	}
	object->fd = fd;
	object->size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	return open_object(object, name, ret, err);
}

enum inq_status inq_object_open_bytes(const void *bytes, size_t size, const char *name,
				      struct inq_object **ret, struct inq_error *err)
{
	struct inq_object *object = calloc(1, sizeof(*object));

	if (object)
		object->memory = malloc(size ? size : 1);
	if (!object || !object->memory) {
		free(object);
		return inq_fail(err, INQ_NO_MEMORY, "'%s'", name);
	}
	memcpy(object->memory, bytes, size);
	object->fd = -1;
	object->size = size;
	return open_object(object, name, ret, err);
}

void inq_object_free(struct inq_object *object)
{
	if (!object)
		return;
	for (size_t i = 0; i < object->section_count; i++)
		free(object->sections[i].data);
	free(object->sections);
	free(object->section_names);
	free(object->memory);
	free(object->name);
	if (object->fd >= 0)
		close(object->fd);
	free(object);
}

/* --- what it is ----------------------------------------------------------------------------------- */

const char *inq_object_name(const struct inq_object *object)
{
	return object->name;
}

uint64_t inq_object_size(const struct inq_object *object)
{
	return object->size;
}

bool inq_object_is_64(const struct inq_object *object)
{
	return object->is_64;
}

bool inq_object_is_swapped(const struct inq_object *object)
{
	return object->swap;
}

uint16_t inq_object_machine(const struct inq_object *object)
{
	return object->machine;
}

size_t inq_object_section_count(const struct inq_object *object)
{
	return object->section_count;
}

struct inq_section *inq_object_section_at(struct inq_object *object, size_t index)
{
	return index < object->section_count ? &object->sections[index] : NULL;
}

struct inq_section *inq_object_section(struct inq_object *object, const char *name)
{
	for (size_t i = 1; i < object->section_count; i++) {
		struct inq_section *section = &object->sections[i];

		if (section->type != SHT_NOBITS && section->type != SHT_NULL && strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

/* --- contents ------------------------------------------------------------------------------------- */

static bool inflate_all(const uint8_t *from, size_t from_size, uint8_t *to, size_t to_size)
{
	z_stream stream = {0};
	int result = Z_OK;

	if (inflateInit(&stream) != Z_OK)
		return false;
	stream.next_in = (Bytef *)(uintptr_t)from;
	stream.next_out = to;
	/* zlib counts in unsigned int. */
	while (result == Z_OK && (from_size || to_size)) {
		uInt in = from_size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)from_size;
		uInt out = to_size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)to_size;

		stream.avail_in = in;
		stream.avail_out = out;
		result = inflate(&stream, Z_NO_FLUSH);
		from_size -= in - stream.avail_in;
		to_size -= out - stream.avail_out;
		if (in == stream.avail_in && out == stream.avail_out)
			break;
	}
	inflateEnd(&stream);
	return to_size == 0;
}

static bool unpack(const struct inq_section *section, const uint8_t *from, uint8_t *to)
{
	const uint8_t *data = from + section->packed_header;
	size_t size = (size_t)section->size - section->packed_header;
	size_t to_size = (size_t)section->unpacked_size;

	switch (section->packing) {
	case INQ_PACKED_ZLIB:
		return inflate_all(data, size, to, to_size);
	case INQ_PACKED_ZSTD:
		return ZSTD_decompress(to, to_size, data, size) == to_size;
	case INQ_PACKED_NOT:
	case INQ_PACKED_UNKNOWN:
		break;
	}
	return false;
}

enum { HUGE_PAGE = 2 << 20 }; /* bytes; x86-64's, a multiple of most others' */

/* Room for a section; free() it. Sections of many megabytes are filled from end to end at once: in huge pages that
 * takes a five-hundredth of the page faults, a sixth of the time that a stack of python3 takes. */
static uint8_t *section_room(size_t size)
{
	size_t rounded = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	uint8_t *room;

	if (size < HUGE_PAGE || rounded < size)
		return malloc(size ? size : 1);
	room = aligned_alloc(HUGE_PAGE, rounded);
	if (room)
		madvise(room, rounded, MADV_HUGEPAGE); /* a wish; where it is not granted nothing is lost */
	return room;
}

static enum inq_status load_packed(struct inq_object *object, struct inq_section *section, uint8_t *to,
				   struct inq_error *err)
{
	uint8_t *packed = section_room((size_t)section->size);
	enum inq_status status;

	if (!packed)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': section %s", object->name, section->name);
	status = inq_object_read(object, section->offset, packed, (size_t)section->size, err);
	if (status == INQ_OK && !unpack(section, packed, to))
		status = inq_fail(err, INQ_BAD_DATA, "'%s': section %s at 0x%llx: damaged compression", object->name,
				  section->name, (unsigned long long)section->offset);
	free(packed);
	return status;
}

enum inq_status inq_object_load(struct inq_object *object, struct inq_section *section, struct inq_bytes *ret,
				struct inq_error *err)
{
	enum inq_status status;

	if (!section || section->type == SHT_NOBITS || section->type == SHT_NULL)
		return inq_fail(err, INQ_ABSENT, "'%s': no such section", object->name);
	if (section->data) {
		*ret = (struct inq_bytes){section->data, (size_t)section->unpacked_size};
		return INQ_OK;
	}
	if (section->offset > object->size || section->size > object->size - section->offset)
		return inq_fail(err, INQ_BAD_DATA, "'%s': section %s, 0x%llx bytes at 0x%llx, runs past the file",
				object->name, section->name, (unsigned long long)section->size,
				(unsigned long long)section->offset);
	if (section->packing == INQ_PACKED_UNKNOWN)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': section %s: unknown compression", object->name,
				section->name);
	if (section->unpacked_size > object->budget)
		return inq_fail(err, INQ_LIMIT, "'%s': section %s unpacks to 0x%llx bytes, 0x%llx are left of the limit",
				object->name, section->name, (unsigned long long)section->unpacked_size,
				(unsigned long long)object->budget);

	/* One byte more, zero: strings at the end of a string section end. */
	uint8_t *data = section_room((size_t)section->unpacked_size + 1);

	if (!data)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': section %s", object->name, section->name);
	data[section->unpacked_size] = 0;
	status = section->packing == INQ_PACKED_NOT ?
			 inq_object_read(object, section->offset, data, (size_t)section->size, err) :
			 load_packed(object, section, data, err);
	if (status != INQ_OK) {
		free(data);
		return status;
	}
	object->budget -= section->unpacked_size;
	section->data = data;
	*ret = (struct inq_bytes){data, (size_t)section->unpacked_size};
	return INQ_OK;
}

/* --- notes and links ------------------------------------------------------------------------------ */

static bool find_build_id(struct inq_cursor cursor, uint8_t *ret, size_t *ret_size)
{
	while (inq_cursor_left(&cursor) >= 12) {
		uint32_t name_size = inq_cursor_u32(&cursor);
		uint32_t size = inq_cursor_u32(&cursor);
		uint32_t type = inq_cursor_u32(&cursor);
		const uint8_t *name, *data;

		if (name_size > cursor.size || size > cursor.size)
			return false;
		name = inq_cursor_bytes(&cursor, name_size);
		inq_cursor_skip(&cursor, -name_size & 3u);
		data = inq_cursor_bytes(&cursor, size);
		if (cursor.bad)
			return false;
		if (type == NT_GNU_BUILD_ID && name_size == 4 && memcmp(name, "GNU", 4) == 0) {
			if (size == 0 || size > INQ_BUILD_ID_MAX)
				return false;
			memcpy(ret, data, size);
			*ret_size = size;
			return true;
		}
		if ((-size & 3u) > inq_cursor_left(&cursor))
			return false;
		inq_cursor_skip(&cursor, -size & 3u);
	}
	return false;
}

static bool build_id_at(struct inq_object *object, uint64_t offset, uint64_t size, uint8_t *ret,
			size_t *ret_size)
{
	uint8_t *bytes;
	bool found;

	if (size == 0 || size > INQ_OBJECT_MAX_NOTES)
		return false;
	bytes = malloc((size_t)size);
	found = bytes && inq_object_read(object, offset, bytes, (size_t)size, NULL) == INQ_OK &&
		find_build_id(inq_object_cursor(object, (struct inq_bytes){bytes, (size_t)size}, "notes"), ret,
			      ret_size);
	free(bytes);
	return found;
}

/* A program header's offset and size, if it is a note. */
static bool note_segment(struct inq_object *object, uint32_t index, uint64_t *ret_offset, uint64_t *ret_size)
{
	uint8_t bytes[sizeof(Elf64_Phdr)];
	size_t size = object->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	unsigned word = object->is_64 ? 8 : 4;

	if (object->program_size != size || object->program_offset > object->size ||
	    inq_object_read(object, object->program_offset + (uint64_t)index * size, bytes, size, NULL) != INQ_OK)
		return false;

	struct inq_cursor cursor = inq_object_cursor(object, (struct inq_bytes){bytes, size}, "program header");
	uint32_t type = inq_cursor_u32(&cursor);

	if (object->is_64)
		inq_cursor_skip(&cursor, 4); /* p_flags */
	*ret_offset = inq_cursor_word(&cursor, word);
	inq_cursor_skip(&cursor, 2 * (size_t)word);
	*ret_size = inq_cursor_word(&cursor, word);
	return type == PT_NOTE;
}

enum inq_status inq_object_build_id(struct inq_object *object, uint8_t ret[INQ_BUILD_ID_MAX], size_t *ret_size,
				    struct inq_error *err)
{
	uint64_t offset, size;

	for (size_t i = 1; i < object->section_count; i++) {
		const struct inq_section *section = &object->sections[i];

		if (section->type == SHT_NOTE && build_id_at(object, section->offset, section->size, ret, ret_size))
			return INQ_OK;
	}
	/* Separate debug files keep program headers whose bytes are elsewhere: only without sections. */
	for (uint32_t i = 0; object->section_count == 0 && i < object->program_count && i < 64; i++) {
		if (note_segment(object, i, &offset, &size) && build_id_at(object, offset, size, ret, ret_size))
			return INQ_OK;
	}
	return inq_fail(err, INQ_ABSENT, "'%s': no build-id", object->name);
}

/* The NUL-terminated name that both link sections begin with. */
static enum inq_status link_name(struct inq_object *object, const char *section_name, char *ret,
				 struct inq_bytes *ret_bytes, size_t *ret_after, struct inq_error *err)
{
	enum inq_status status =
		inq_object_load(object, inq_object_section(object, section_name), ret_bytes, err);
	size_t length;

	if (status != INQ_OK)
		return status;
	length = strnlen((const char *)ret_bytes->data, ret_bytes->size);
	if (length == ret_bytes->size || length >= INQ_LINK_NAME_MAX || length == 0)
		return inq_fail(err, INQ_BAD_DATA, "'%s': section %s: no name in it", object->name, section_name);
	memcpy(ret, ret_bytes->data, length + 1);
	*ret_after = length + 1;
	return INQ_OK;
}

enum inq_status inq_object_debuglink(struct inq_object *object, char ret_name[INQ_LINK_NAME_MAX],
				     uint32_t *ret_crc, struct inq_error *err)
{
	struct inq_bytes bytes;
	size_t after;
	enum inq_status status = link_name(object, ".gnu_debuglink", ret_name, &bytes, &after, err);

	if (status != INQ_OK)
		return status;
	if (strchr(ret_name, '/') || strcmp(ret_name, "..") == 0 || strcmp(ret_name, ".") == 0)
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .gnu_debuglink: a path, not a name", object->name);

	struct inq_cursor cursor = inq_object_cursor(object, bytes, ".gnu_debuglink");

	inq_cursor_seek(&cursor, (after + 3) & ~(size_t)3);
	*ret_crc = inq_cursor_u32(&cursor);
	return in_object(object, inq_cursor_status(&cursor, err), err);
}

enum inq_status inq_object_altlink(struct inq_object *object, char ret_path[INQ_LINK_NAME_MAX],
				   uint8_t ret_id[INQ_BUILD_ID_MAX], size_t *ret_id_size,
				   struct inq_error *err)
{
	struct inq_bytes bytes;
	size_t after;
	enum inq_status status = link_name(object, ".gnu_debugaltlink", ret_path, &bytes, &after, err);

	if (status != INQ_OK)
		return status;
	if (bytes.size - after == 0 || bytes.size - after > INQ_BUILD_ID_MAX)
		return inq_fail(err, INQ_BAD_DATA, "'%s': section .gnu_debugaltlink: build-id of %zu bytes",
				object->name, bytes.size - after);
	*ret_id_size = bytes.size - after;
	memcpy(ret_id, bytes.data + after, *ret_id_size);
	return INQ_OK;
}

enum inq_status inq_object_crc(struct inq_object *object, uint32_t *ret, struct inq_error *err)
{
	enum { CHUNK = 1 << 18 };
	uint8_t *chunk = malloc(CHUNK);
	uLong crc = crc32(0, NULL, 0);
	enum inq_status status = INQ_OK;

	if (!chunk)
		return inq_fail(err, INQ_NO_MEMORY, "'%s'", object->name);
	for (uint64_t at = 0; at < object->size && status == INQ_OK;) {
		size_t size = object->size - at < CHUNK ? (size_t)(object->size - at) : CHUNK;

		status = inq_object_read(object, at, chunk, size, err);
		if (status == INQ_OK)
			crc = crc32(crc, chunk, (uInt)size);
		at += size;
	}
	free(chunk);
	if (status == INQ_OK)
		*ret = (uint32_t)crc;
	return status;
}
