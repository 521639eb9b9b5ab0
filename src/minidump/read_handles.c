/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <string.h>

/* Follow the chain of what is known about one object. A cycle ends at the limit, with a note. */
static enum inq_status read_infos(struct inq_dump *dump, struct inq_dump_stream *stream,
				  uint32_t rva, struct inq_dump_handle *handle,
				  struct inq_error *err)
{
	struct inq_dump_object_info found[MD_MAX_OBJECT_INFOS], *kept;
	struct inq_error inner;
	size_t count = 0;

	while (rva) {
		struct md_object_info raw;
		enum inq_status status =
			inq_dump_load(dump, rva, &raw, sizeof(raw), inq_layout_words, &inner);

		if (status != INQ_OK && status != INQ_BAD_DATA) {
			*err = inner;
			return status;
		}
		if (status == INQ_OK && count == MD_MAX_OBJECT_INFOS)
			status = inq_fail(&inner, INQ_BAD_DATA, "more than %d in a chain",
					  MD_MAX_OBJECT_INFOS);
		else if (status == INQ_OK && rva + sizeof(raw) + raw.size > dump->header.file_size)
			status = inq_fail(&inner, INQ_BAD_DATA,
					  "0x%x bytes at 0x%x, beyond the file's end", raw.size,
					  rva);
		if (status != INQ_OK) {
			inq_dump_note(dump, stream, "object information: %s", inner.text);
			break;
		}
		found[count].type = raw.type;
		found[count++].place = (struct inq_dump_place){rva + sizeof(raw), raw.size};
		rva = raw.next_rva;
	}
	if (count == 0)
		return INQ_OK;
	kept = inq_dump_alloc(dump, count, sizeof(*kept));
	if (!kept)
		return inq_dump_no_room(dump, err);
	memcpy(kept, found, count * sizeof(*kept));
	handle->infos = kept;
	handle->info_count = count;
	return INQ_OK;
}

static enum inq_status read_handle(struct inq_dump *dump, struct inq_dump_stream *stream,
				   uint64_t at, size_t size, struct inq_dump_handle *handle,
				   struct inq_error *err)
{
	struct md_handle raw = {0};
	enum inq_status status = inq_dump_load(dump, at, &raw, size, inq_layout_handle, err);

	if (status == INQ_OK)
		status = inq_dump_name(dump, stream, raw.type_name_rva, &handle->type_name, err);
	if (status == INQ_OK)
		status =
			inq_dump_name(dump, stream, raw.object_name_rva, &handle->object_name, err);
	if (status != INQ_OK)
		return status;
	handle->handle = raw.handle;
	handle->attributes = raw.attributes;
	handle->granted_access = raw.granted_access;
	handle->handle_count = raw.handle_count;
	handle->pointer_count = raw.pointer_count;
	return read_infos(dump, stream, raw.object_info_rva, handle, err);
}

static enum inq_status parse_handles(struct inq_dump *dump, struct inq_dump_stream *stream,
				     const void **ret, struct inq_error *err)
{
	struct inq_dump_handles *handles = inq_dump_alloc(dump, 1, sizeof(*handles));
	struct md_handle_list head;
	struct inq_dump_handle *items;
	struct inq_dump_list list;
	size_t size;
	enum inq_status status =
		inq_dump_load(dump, stream->rva, &head, sizeof(head), inq_layout_words, err);

	if (status == INQ_OK)
		status = inq_dump_sized_list(dump, stream, head.header_size, head.entry_size,
					     head.count, sizeof(head), MD_HANDLE_SIZE_1,
					     MD_MAX_HANDLES, "handles", &list, err);
	if (status != INQ_OK)
		return status;
	size = head.entry_size < MD_HANDLE_SIZE_2 ? MD_HANDLE_SIZE_1 : MD_HANDLE_SIZE_2;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!handles || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		status = read_handle(dump, stream, inq_dump_entry(&list, i), size, &items[i], err);
		if (status != INQ_OK)
			return status;
	}
	*handles = (struct inq_dump_handles){list.count, list.lost, items};
	*ret = handles;
	return INQ_OK;
}

enum inq_status inq_dump_handles(struct inq_dump *dump, const struct inq_dump_handles **ret,
				 struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_HANDLES, MD_STREAM_HANDLE_DATA, parse_handles,
			       (const void **)ret, err);
}
