/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/told.h"

#include "support/cursor.h"
#include "target/auxv.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 64, NOTES_MAX = 4096 };

/* --- where it is ------------------------------------------------------------------------------------------ */

/* In the bytes of a PT_NOTE at the address: the record's address, 0 without the note. */
static uint64_t record_in(const uint8_t *notes, size_t size, uint64_t address)
{
	struct inq_cursor cursor = inq_cursor_make(notes, size, 0, "notes");

	while (inq_cursor_left(&cursor) >= 12) {
		uint32_t name_size = inq_cursor_u32(&cursor), data_size = inq_cursor_u32(&cursor);
		uint32_t type = inq_cursor_u32(&cursor);
		const uint8_t *name = inq_cursor_bytes(&cursor, ((size_t)name_size + 3) & ~(size_t)3);
		size_t at = cursor.at;
		const uint8_t *data = inq_cursor_bytes(&cursor, data_size);
		int32_t distance;

		if (cursor.bad)
			return 0;
		if (type == INQ_RECORD_NOTE && name_size == sizeof(INQ_RECORD_NOTE_OWNER) &&
		    !memcmp(name, INQ_RECORD_NOTE_OWNER, name_size) && data_size == sizeof(distance)) {
			memcpy(&distance, data, sizeof(distance));
			return address + at + (uint64_t)(int64_t)distance;
		}
		inq_cursor_skip(&cursor, -(size_t)data_size & 3);
	}
	return 0;
}

static bool is_record(struct inq_target *target, uint64_t address, struct inq_record *ret)
{
	return inq_target_read_all(target, address, ret, sizeof(*ret), NULL) == INQ_OK &&
	       ret->magic == INQ_RECORD_MAGIC && ret->version == INQ_RECORD_VERSION && ret->size == sizeof(*ret);
}

/* By program headers in memory. `base` is where the image lies; NULL: to be told by PT_PHDR, or 0. */
static bool find_by_headers(struct inq_target *target, uint64_t at, uint64_t count, const uint64_t *base,
			    struct inq_record *ret)
{
	Elf64_Phdr headers[HEADERS_MAX];
	uint64_t bias = 0;

	count = count < HEADERS_MAX ? count : HEADERS_MAX;
	if (inq_target_read_all(target, at, headers, (size_t)count * sizeof(headers[0]), NULL) != INQ_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (base && headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
			bias = *base - headers[i].p_vaddr;
		else if (!base && headers[i].p_type == PT_PHDR)
			bias = at - headers[i].p_vaddr;
	}
	for (size_t i = 0; i < count; i++) {
		size_t size = headers[i].p_memsz < NOTES_MAX ? (size_t)headers[i].p_memsz : NOTES_MAX;
		uint64_t address = headers[i].p_vaddr + bias;
		uint8_t notes[NOTES_MAX];

		if (headers[i].p_type == PT_NOTE && inq_target_read_all(target, address, notes, size, NULL) == INQ_OK &&
		    is_record(target, record_in(notes, size, address), ret))
			return true;
	}
	return false;
}

static bool find_in_program(struct inq_target *target, struct inq_record *ret)
{
	uint64_t at, count;
	const char *auxv;
	size_t size;

	return inq_target_text(target, INQ_TEXT_AUXV, &auxv, &size, NULL) == INQ_OK &&
	       inq_auxv_find(auxv, size, 8, AT_PHDR, &at) && inq_auxv_find(auxv, size, 8, AT_PHNUM, &count) &&
	       find_by_headers(target, at, count, NULL, ret);
}

static bool is_stub(const struct inq_region *region)
{
	const char *slash = strrchr(region->name, '/');

	return slash && !region->file_offset && !strncmp(slash + 1, "libinquest-stub.so", 18);
}

static bool find_in_library(struct inq_target *target, struct inq_record *ret)
{
	const struct inq_region *regions;
	size_t count;

	if (inq_target_regions(target, &regions, &count, NULL) != INQ_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		Elf64_Ehdr header;

		if (is_stub(&regions[i]) &&
		    inq_target_read_all(target, regions[i].base, &header, sizeof(header), NULL) == INQ_OK &&
		    !memcmp(header.e_ident, ELFMAG, SELFMAG) && header.e_phentsize == sizeof(Elf64_Phdr) &&
		    find_by_headers(target, regions[i].base + header.e_phoff, header.e_phnum, &regions[i].base, ret))
			return true;
	}
	return false;
}

enum inq_status inq_told_find(struct inq_target *target, struct inq_jit *ret, struct inq_error *err)
{
	const struct inq_system *system;
	struct inq_record record;

	if (inq_target_system(target, &system, NULL) != INQ_OK || system->machine != INQ_MACHINE_AMD64 ||
	    !(find_in_library(target, &record) || find_in_program(target, &record)))
		return inq_fail(err, INQ_ABSENT, "no record of the stub");
	ret->extended = true;
	ret->record = record;
	return INQ_OK;
}

/* --- what it says ------------------------------------------------------------------------------------------- */

static enum inq_status make_annotations(struct inq_target *target, const struct inq_jit *jit, struct inq_told *told)
{
	size_t capacity = INQ_RECORD_ANNOTATIONS;

	told->annotation_texts = calloc(capacity, sizeof(*told->annotation_texts));
	told->annotations = calloc(capacity, sizeof(*told->annotations));
	if (!told->annotation_texts || !told->annotations)
		return INQ_NO_MEMORY;
	for (size_t i = 0; i < capacity; i++) {
		struct inq_record_annotation *text = &told->annotation_texts[told->annotation_count];

		if (inq_jit_annotation(target, jit, i, text, NULL) != INQ_OK)
			continue;
		told->annotations[told->annotation_count++] = (struct inq_annotation){
			.key = text->key,
			.value = text->value,
			.safe = text->flags & INQ_RECORD_SAFE,
		};
	}
	return INQ_OK;
}

static enum inq_status make_unloaded(struct inq_target *target, const struct inq_jit *jit, struct inq_told *told)
{
	size_t capacity = INQ_RECORD_UNLOADED;

	told->unloaded_texts = calloc(capacity, sizeof(*told->unloaded_texts));
	told->unloaded = calloc(capacity, sizeof(*told->unloaded));
	if (!told->unloaded_texts || !told->unloaded)
		return INQ_NO_MEMORY;
	for (size_t i = 0; i < capacity; i++) {
		struct inq_record_unloaded *text = &told->unloaded_texts[told->unloaded_count];
		struct inq_module *module = &told->unloaded[told->unloaded_count];

		if (inq_jit_unloaded(target, jit, i, text, NULL) != INQ_OK)
			continue;
		told->unloaded_count++;
		*module = (struct inq_module){
			.base = text->base,
			.size = text->size,
			.path = text->name,
			.debug_file = "",
			.debug_kind = text->build_id_size ? INQ_DEBUG_BUILD_ID : INQ_DEBUG_NONE,
			.id_size = (uint8_t)text->build_id_size,
			.unloaded = true,
		};
		memcpy(module->id, text->build_id, text->build_id_size);
	}
	return INQ_OK;
}

enum inq_status inq_told_make(struct inq_target *target, const struct inq_jit *jit, struct inq_told *ret,
			      struct inq_error *err)
{
	enum inq_status status = make_annotations(target, jit, ret);

	if (status == INQ_OK)
		status = make_unloaded(target, jit, ret);
	return status == INQ_OK ? INQ_OK : inq_fail(err, status, "annotations: out of memory");
}

void inq_told_done(struct inq_told *told)
{
	if (!told)
		return;
	free(told->annotation_texts);
	free(told->annotations);
	free(told->unloaded_texts);
	free(told->unloaded);
	*told = (struct inq_told){0};
}
