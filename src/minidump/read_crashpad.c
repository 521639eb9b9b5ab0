/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <string.h>

enum { ANNOTATION_STRING = 1 };

/* Annotations as they are found, of the process and of all modules. */
struct found {
	struct inq_dump_stream *stream;
	struct inq_buffer items; /* struct inq_dump_annotation[] */
	size_t lost;
};

static size_t found_count(const struct found *found)
{
	return found->items.size / sizeof(struct inq_dump_annotation);
}

/* The strings of one annotation; one that is damaged is lost, alone. name_rva 0: an entry of a list
 * has none. */
static enum inq_status add(struct inq_dump *dump, struct found *found, uint32_t module_index,
			   uint16_t type, uint32_t name_rva, uint32_t value_rva,
			   struct inq_error *err)
{
	struct inq_dump_annotation annotation = {
		.module_index = module_index, .type = type, .name = ""};
	struct inq_error inner = {0};
	enum inq_status status = INQ_OK;

	if (name_rva)
		status = inq_dump_string(dump, name_rva, UTF8, &annotation.name, NULL, &inner);
	if (status == INQ_OK)
		status = inq_dump_string(dump, value_rva, UTF8, &annotation.value,
					 &annotation.value_size, &inner);
	if (status == INQ_BAD_DATA) {
		found->lost++;
		inq_dump_note(dump, found->stream, "an annotation: %s", inner.text);
		return INQ_OK;
	}
	if (status != INQ_OK) {
		*err = inner;
		return status;
	}
	if (found_count(found) >= MD_MAX_ANNOTATIONS)
		return inq_fail(err, INQ_LIMIT, "more than %d annotations", MD_MAX_ANNOTATIONS);
	inq_buffer_append(&found->items, &annotation, sizeof(annotation));
	return inq_buffer_ok(&found->items) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "no memory");
}

/* One entry of a list at `at`. */
typedef enum inq_status (*add_entry)(struct inq_dump *dump, struct found *found,
				     uint32_t module_index, uint64_t at, struct inq_error *err);

static enum inq_status add_pair(struct inq_dump *dump, struct found *found, uint32_t module_index,
				uint64_t at, struct inq_error *err)
{
	struct md_crashpad_pair raw;
	enum inq_status status = inq_dump_load(dump, at, &raw, sizeof(raw), inq_layout_words, err);

	if (status != INQ_OK)
		return status;
	return add(dump, found, module_index, ANNOTATION_STRING, raw.key_rva, raw.value_rva, err);
}

static enum inq_status add_string(struct inq_dump *dump, struct found *found, uint32_t module_index,
				  uint64_t at, struct inq_error *err)
{
	uint32_t rva;
	enum inq_status status = inq_dump_load(dump, at, &rva, sizeof(rva), inq_layout_words, err);

	return status == INQ_OK ? add(dump, found, module_index, ANNOTATION_STRING, 0, rva, err)
				: status;
}

static enum inq_status add_object(struct inq_dump *dump, struct found *found, uint32_t module_index,
				  uint64_t at, struct inq_error *err)
{
	struct md_crashpad_annotation raw;
	enum inq_status status =
		inq_dump_load(dump, at, &raw, sizeof(raw), inq_layout_crashpad_annotation, err);

	if (status != INQ_OK)
		return status;
	return add(dump, found, module_index, raw.type, raw.name_rva, raw.value_rva, err);
}

/* A list that is damaged as a whole is lost, alone. */
static enum inq_status add_list(struct inq_dump *dump, struct found *found, uint32_t module_index,
				struct md_location location, size_t entry, add_entry each,
				struct inq_error *err)
{
	struct inq_dump_list list;
	enum inq_status status = inq_dump_inner_list(dump, location, entry, MD_MAX_ANNOTATIONS,
						     "annotations", &list, err);

	if (status == INQ_BAD_DATA) {
		found->lost++;
		inq_dump_note(dump, found->stream, "annotations at 0x%x: %s", location.rva,
			      err->text);
		return INQ_OK;
	}
	if (status == INQ_OK)
		found->lost += list.lost;
	for (size_t i = 0; status == INQ_OK && i < list.count; i++)
		status = each(dump, found, module_index, inq_dump_entry(&list, i), err);
	return status;
}

static enum inq_status add_module(struct inq_dump *dump, struct found *found,
				  const struct md_crashpad_module_link *link, struct inq_error *err)
{
	struct md_crashpad_module raw = {0};
	size_t size = link->location.size < sizeof(raw) ? link->location.size : sizeof(raw);
	struct inq_error inner = {0};
	enum inq_status status = INQ_BAD_DATA;

	if (size >= MD_CRASHPAD_MODULE_SIZE_1) {
		size = size < sizeof(raw) ? MD_CRASHPAD_MODULE_SIZE_1 : size;
		status = inq_dump_load(dump, link->location.rva, &raw, size, inq_layout_words,
				       &inner);
	} else {
		inq_fail(&inner, status, "0x%x bytes", link->location.size);
	}
	if (status == INQ_BAD_DATA) {
		found->lost++;
		inq_dump_note(dump, found->stream, "module %u: %s", link->module_index, inner.text);
		return INQ_OK;
	}
	if (status != INQ_OK) {
		*err = inner;
		return status;
	}
	status = add_list(dump, found, link->module_index, raw.list_annotations, sizeof(uint32_t),
			  add_string, err);
	if (status == INQ_OK)
		status = add_list(dump, found, link->module_index, raw.simple_annotations,
				  sizeof(struct md_crashpad_pair), add_pair, err);
	if (status == INQ_OK)
		status = add_list(dump, found, link->module_index, raw.annotation_objects,
				  sizeof(struct md_crashpad_annotation), add_object, err);
	return status;
}

static enum inq_status add_modules(struct inq_dump *dump, struct found *found,
				   struct md_location location, struct inq_error *err)
{
	struct inq_dump_list list;
	enum inq_status status =
		inq_dump_inner_list(dump, location, sizeof(struct md_crashpad_module_link),
				    MD_MAX_MODULES, "modules", &list, err);

	if (status == INQ_BAD_DATA) {
		found->lost++;
		inq_dump_note(dump, found->stream, "modules at 0x%x: %s", location.rva, err->text);
		return INQ_OK;
	}
	if (status == INQ_OK)
		found->lost += list.lost;
	for (size_t i = 0; status == INQ_OK && i < list.count; i++) {
		struct md_crashpad_module_link link;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &link, sizeof(link),
				       inq_layout_words, err);
		if (status == INQ_OK)
			status = add_module(dump, found, &link, err);
	}
	return status;
}

static enum inq_status keep(struct inq_dump *dump, struct found *found,
			    struct inq_dump_crashpad *crashpad, struct inq_error *err)
{
	struct inq_dump_annotation *items =
		inq_dump_alloc(dump, found_count(found), sizeof(*items));

	if (!items)
		return inq_dump_no_room(dump, err);
	if (found->items.size)
		memcpy(items, found->items.data, found->items.size);
	crashpad->items = items;
	crashpad->count = found_count(found);
	crashpad->lost = found->lost;
	return INQ_OK;
}

static enum inq_status parse_crashpad(struct inq_dump *dump, struct inq_dump_stream *stream,
				      const void **ret, struct inq_error *err)
{
	struct inq_dump_crashpad *crashpad = inq_dump_alloc(dump, 1, sizeof(*crashpad));
	struct found found = {.stream = stream};
	struct md_crashpad_info raw = {0};
	size_t size = stream->present < sizeof(raw) ? MD_CRASHPAD_INFO_SIZE_1 : sizeof(raw);
	enum inq_status status;

	if (!crashpad)
		return inq_dump_no_room(dump, err);
	if (stream->present < MD_CRASHPAD_INFO_SIZE_1)
		return inq_fail(err, INQ_BAD_DATA, "0x%x bytes, at least 0x%x wanted",
				stream->present, MD_CRASHPAD_INFO_SIZE_1);
	status = inq_dump_load(dump, stream->rva, &raw, size, inq_layout_crashpad, err);
	if (status != INQ_OK)
		return status;
	crashpad->version = raw.version;
	crashpad->report_id = raw.report_id;
	crashpad->client_id = raw.client_id;
	crashpad->address_mask = raw.address_mask;
	status = add_list(dump, &found, UINT32_MAX, raw.simple_annotations,
			  sizeof(struct md_crashpad_pair), add_pair, err);
	if (status == INQ_OK)
		status = add_modules(dump, &found, raw.module_list, err);
	if (status == INQ_OK)
		status = keep(dump, &found, crashpad, err);
	inq_buffer_done(&found.items);
	if (status == INQ_OK)
		*ret = crashpad;
	return status;
}

enum inq_status inq_dump_crashpad(struct inq_dump *dump, const struct inq_dump_crashpad **ret,
				  struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_CRASHPAD, MD_STREAM_CRASHPAD_INFO, parse_crashpad,
			       (const void **)ret, err);
}
