/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader's list of objects, as Breakpad writes it. */
#include "minidump/dump.h"

#include <string.h>

/* The head of both widths. */
struct head {
	uint32_t map_rva;
	uint32_t count;
	size_t size;  /* of the head */
	size_t entry; /* of a link map */
};

static unsigned word_of(struct inq_dump *dump)
{
	static const uint16_t narrow[] = {MD_ARCH_X86, MD_ARCH_ARM,   MD_ARCH_MIPS, MD_ARCH_PPC,
					  MD_ARCH_SHX, MD_ARCH_SPARC, MD_ARCH_RISCV};
	const struct inq_dump_system *system;

	if (inq_dump_system(dump, &system, NULL) != INQ_OK)
		return 8;
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
		if (system->raw.architecture == narrow[i])
			return 4;
	}
	return 8;
}

static enum inq_status read_head(struct inq_dump *dump, struct inq_dump_stream *stream,
				 struct inq_dump_dso_debug *debug, struct head *head,
				 struct inq_error *err)
{
	struct md_dso_debug64 wide;
	struct md_dso_debug32 narrow;
	enum inq_status status;

	head->size = debug->word == 4 ? sizeof(narrow) : sizeof(wide);
	head->entry =
		debug->word == 4 ? sizeof(struct md_link_map32) : sizeof(struct md_link_map64);
	if (stream->present < head->size)
		return inq_fail(err, INQ_BAD_DATA, "0x%x bytes, at least 0x%zx wanted",
				stream->present, head->size);
	if (debug->word == 4) {
		status = inq_dump_load(dump, stream->rva, &narrow, sizeof(narrow),
				       inq_layout_dso_debug32, err);
		wide = (struct md_dso_debug64){narrow.version, narrow.map_rva, narrow.dso_count, 0,
					       narrow.brk,     narrow.ldbase,  narrow.dynamic};
	} else {
		status = inq_dump_load(dump, stream->rva, &wide, sizeof(wide),
				       inq_layout_dso_debug64, err);
	}
	if (status != INQ_OK)
		return status;
	head->map_rva = wide.map_rva;
	head->count = wide.dso_count;
	debug->version = wide.version;
	debug->brk = wide.brk;
	debug->ldbase = wide.ldbase;
	debug->dynamic = wide.dynamic;
	debug->dynamic_place =
		(struct inq_dump_place){stream->rva + head->size, stream->present - head->size};
	return INQ_OK;
}

static enum inq_status read_link_map(struct inq_dump *dump, struct inq_dump_stream *stream,
				     uint64_t at, unsigned word, struct inq_dump_dso *dso,
				     struct inq_error *err)
{
	struct md_link_map64 wide;
	struct md_link_map32 narrow;
	enum inq_status status;

	if (word == 4) {
		status = inq_dump_load(dump, at, &narrow, sizeof(narrow), inq_layout_link_map32,
				       err);
		wide = (struct md_link_map64){narrow.address, narrow.name_rva, 0, narrow.dynamic};
	} else {
		status = inq_dump_load(dump, at, &wide, sizeof(wide), inq_layout_link_map64, err);
	}
	if (status != INQ_OK)
		return status;
	dso->address = wide.address;
	dso->dynamic = wide.dynamic;
	return inq_dump_name(dump, stream, wide.name_rva, &dso->name, err);
}

static enum inq_status parse_dso_debug(struct inq_dump *dump, struct inq_dump_stream *stream,
				       const void **ret, struct inq_error *err)
{
	struct inq_dump_dso_debug *debug = inq_dump_alloc(dump, 1, sizeof(*debug));
	uint64_t left = dump->header.file_size;
	struct inq_dump_dso *items;
	struct head head = {0};
	enum inq_status status;

	if (!debug)
		return inq_dump_no_room(dump, err);
	debug->word = word_of(dump);
	status = read_head(dump, stream, debug, &head, err);
	if (status != INQ_OK)
		return status;
	if (head.count > MD_MAX_DSOS)
		return inq_fail(err, INQ_LIMIT, "%u objects, at most %d", head.count, MD_MAX_DSOS);
	left = head.map_rva < left ? left - head.map_rva : 0;
	debug->count = head.count;
	if (left / head.entry < head.count) {
		debug->count = (size_t)(left / head.entry);
		debug->lost = head.count - debug->count;
		inq_dump_note(dump, stream, "%zu of %u objects at 0x%x are beyond the file's end",
			      debug->lost, head.count, head.map_rva);
	}
	items = inq_dump_alloc(dump, debug->count, sizeof(*items));
	if (!items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < debug->count; i++) {
		status = read_link_map(dump, stream, head.map_rva + i * head.entry, debug->word,
				       &items[i], err);
		if (status != INQ_OK)
			return status;
	}
	debug->items = items;
	*ret = debug;
	return INQ_OK;
}

enum inq_status inq_dump_dso_debug(struct inq_dump *dump, const struct inq_dump_dso_debug **ret,
				   struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_DSO_DEBUG, MD_STREAM_LINUX_DSO_DEBUG, parse_dso_debug,
			       (const void **)ret, err);
}
