/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <string.h>

/* --- CodeView records ---------------------------------------------------------------- */

/* The rest of a record from `from` on, kept with a NUL behind it. */
static enum inq_status tail(struct inq_dump *dump, struct inq_dump_place place, size_t from,
			    const void **ret, struct inq_error *err)
{
	size_t size = (size_t)place.size - from;
	uint8_t *bytes = inq_dump_alloc(dump, size + 1, 1);
	enum inq_status status;

	if (!bytes)
		return inq_dump_no_room(dump, err);
	status = inq_dump_load(dump, place.offset + from, bytes, size, "", err);
	if (status == INQ_OK)
		*ret = bytes;
	return status;
}

/* On Linux and macOS writers that know no BpEL put the build-id or UUID into the GUID, as it lies
 * in the file. */
static enum inq_status pdb70(struct inq_dump *dump, struct inq_dump_module *module,
			     struct inq_error *err)
{
	struct md_codeview_pdb70 raw;
	const void *name = NULL;
	uint8_t *id = inq_dump_alloc(dump, 1, sizeof(raw.guid));
	enum inq_status status = inq_dump_load(dump, module->codeview.offset, &raw, sizeof(raw),
					       inq_layout_guid_age, err);

	if (!id)
		return inq_dump_no_room(dump, err);
	if (status == INQ_OK)
		status = inq_dump_load(
			dump, module->codeview.offset + offsetof(struct md_codeview_pdb70, guid),
			id, sizeof(raw.guid), "", err);
	if (status == INQ_OK)
		status = tail(dump, module->codeview, sizeof(raw), &name, err);
	if (status != INQ_OK)
		return status;
	module->guid = raw.guid;
	module->age = raw.age;
	module->pdb_name = name;
	module->build_id = id;
	module->build_id_size = sizeof(raw.guid);
	return INQ_OK;
}

static enum inq_status pdb20(struct inq_dump *dump, struct inq_dump_module *module,
			     struct inq_error *err)
{
	struct md_codeview_pdb20 raw;
	const void *name = NULL;
	enum inq_status status = inq_dump_load(dump, module->codeview.offset, &raw, sizeof(raw),
					       inq_layout_words, err);

	if (status == INQ_OK)
		status = tail(dump, module->codeview, sizeof(raw), &name, err);
	if (status != INQ_OK)
		return status;
	module->pdb_time = raw.time;
	module->age = raw.age;
	module->pdb_name = name;
	return INQ_OK;
}

static enum inq_status elf(struct inq_dump *dump, struct inq_dump_module *module,
			   struct inq_error *err)
{
	const void *id = NULL;
	enum inq_status status =
		tail(dump, module->codeview, sizeof(struct md_codeview_elf), &id, err);

	if (status != INQ_OK)
		return status;
	module->build_id = id;
	module->build_id_size = (size_t)module->codeview.size - sizeof(struct md_codeview_elf);
	return INQ_OK;
}

static const struct record {
	uint32_t signature;
	uint32_t least; /* bytes */
	enum inq_dump_codeview_kind kind;
	enum inq_status (*read)(struct inq_dump *dump, struct inq_dump_module *module,
				struct inq_error *err);
} records[] = {
	{MD_CODEVIEW_ELF, sizeof(struct md_codeview_elf), INQ_CODEVIEW_ELF, elf},
	{MD_CODEVIEW_PDB70, sizeof(struct md_codeview_pdb70), INQ_CODEVIEW_PDB70, pdb70},
	{MD_CODEVIEW_PDB20, sizeof(struct md_codeview_pdb20), INQ_CODEVIEW_PDB20, pdb20},
};

static enum inq_status read_record(struct inq_dump *dump, struct inq_dump_module *module,
				   struct inq_error *err)
{
	uint32_t signature;
	enum inq_status status;

	if (module->codeview.size > MD_MAX_CODEVIEW)
		return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes, at most 0x%x",
				(unsigned long long)module->codeview.size, MD_MAX_CODEVIEW);
	if (module->codeview.size < sizeof(signature))
		return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes",
				(unsigned long long)module->codeview.size);
	status = inq_dump_load(dump, module->codeview.offset, &signature, sizeof(signature),
			       inq_layout_words, err);
	if (status != INQ_OK)
		return status;
	module->codeview_kind = INQ_CODEVIEW_UNKNOWN;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		if (records[i].signature != signature)
			continue;
		module->codeview_kind = records[i].kind;
		if (module->codeview.size < records[i].least)
			return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes, at least 0x%x wanted",
					(unsigned long long)module->codeview.size,
					records[i].least);
		return records[i].read(dump, module, err);
	}
	return INQ_OK;
}

/* A damaged record costs the module its identity and nothing else. */
static enum inq_status read_codeview(struct inq_dump *dump, struct inq_dump_stream *stream,
				     struct inq_dump_module *module, struct inq_error *err)
{
	struct inq_error inner;
	enum inq_status status;

	module->pdb_name = "";
	if (module->codeview.size == 0)
		return INQ_OK;
	status = read_record(dump, module, &inner);
	if (status == INQ_OK)
		return INQ_OK;
	module->pdb_name = "";
	module->codeview_kind = INQ_CODEVIEW_DAMAGED;
	if (status != INQ_BAD_DATA) {
		*err = inner;
		return status;
	}
	inq_dump_note(dump, stream, "CodeView record at 0x%llx: %s",
		      (unsigned long long)module->codeview.offset, inner.text);
	return INQ_OK;
}

/* --- modules ------------------------------------------------------------------------- */

static enum inq_status read_module(struct inq_dump *dump, struct inq_dump_stream *stream,
				   uint64_t at, struct inq_dump_module *module,
				   struct inq_error *err)
{
	struct md_module raw;
	enum inq_status status = inq_dump_load(dump, at, &raw, sizeof(raw), inq_layout_module, err);

	if (status != INQ_OK)
		return status;
	module->base = raw.base;
	module->size = raw.size;
	module->checksum = raw.checksum;
	module->time = raw.time;
	module->codeview = inq_dump_place_of(raw.codeview);
	if (raw.version.signature == MD_VERSION_INFO_SIGNATURE)
		module->version = raw.version;
	status = inq_dump_name(dump, stream, raw.name_rva, &module->name, err);
	return status == INQ_OK ? read_codeview(dump, stream, module, err) : status;
}

static enum inq_status parse_modules(struct inq_dump *dump, struct inq_dump_stream *stream,
				     const void **ret, struct inq_error *err)
{
	struct inq_dump_modules *modules = inq_dump_alloc(dump, 1, sizeof(*modules));
	struct inq_dump_module *items;
	struct inq_dump_list list;
	enum inq_status status = inq_dump_plain_list(dump, stream, sizeof(struct md_module),
						     MD_MAX_MODULES, "modules", &list, err);

	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!modules || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		status = read_module(dump, stream, inq_dump_entry(&list, i), &items[i], err);
		if (status != INQ_OK)
			return status;
	}
	*modules = (struct inq_dump_modules){list.count, list.lost, items};
	*ret = modules;
	return INQ_OK;
}

enum inq_status inq_dump_modules(struct inq_dump *dump, const struct inq_dump_modules **ret,
				 struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_MODULES, MD_STREAM_MODULE_LIST, parse_modules,
			       (const void **)ret, err);
}

/* --- unloaded modules ---------------------------------------------------------------- */

static enum inq_status parse_unloaded(struct inq_dump *dump, struct inq_dump_stream *stream,
				      const void **ret, struct inq_error *err)
{
	struct inq_dump_unloaded *modules = inq_dump_alloc(dump, 1, sizeof(*modules));
	struct md_unloaded_module_list head;
	struct inq_dump_unloaded_module *items;
	struct inq_dump_list list;
	enum inq_status status =
		inq_dump_load(dump, stream->rva, &head, sizeof(head), inq_layout_words, err);

	if (status == INQ_OK)
		status = inq_dump_sized_list(
			dump, stream, head.header_size, head.entry_size, head.count, sizeof(head),
			sizeof(struct md_unloaded_module), MD_MAX_UNLOADED_MODULES,
			"unloaded modules", &list, err);
	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!modules || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		struct md_unloaded_module raw;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &raw, sizeof(raw),
				       inq_layout_unloaded, err);
		if (status == INQ_OK)
			status = inq_dump_name(dump, stream, raw.name_rva, &items[i].name, err);
		if (status != INQ_OK)
			return status;
		items[i].base = raw.base;
		items[i].size = raw.size;
		items[i].checksum = raw.checksum;
		items[i].time = raw.time;
	}
	*modules = (struct inq_dump_unloaded){list.count, list.lost, items};
	*ret = modules;
	return INQ_OK;
}

enum inq_status inq_dump_unloaded(struct inq_dump *dump, const struct inq_dump_unloaded **ret,
				  struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_UNLOADED, MD_STREAM_UNLOADED_MODULE_LIST, parse_unloaded,
			       (const void **)ret, err);
}
