/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <string.h>

static enum inq_status read_threads(struct inq_dump *dump, struct inq_dump_stream *stream,
				    size_t entry, const void **ret, struct inq_error *err)
{
	struct inq_dump_threads *threads = inq_dump_alloc(dump, 1, sizeof(*threads));
	struct inq_dump_thread *items;
	struct inq_dump_list list;
	enum inq_status status =
		inq_dump_plain_list(dump, stream, entry, MD_MAX_THREADS, "threads", &list, err);

	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!threads || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		struct md_thread raw;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &raw, sizeof(raw),
				       inq_layout_thread, err);
		if (status != INQ_OK)
			return status;
		items[i] = (struct inq_dump_thread){
			.id = raw.id,
			.suspend_count = raw.suspend_count,
			.priority_class = raw.priority_class,
			.priority = raw.priority,
			.teb = raw.teb,
			.stack_address = raw.stack.address,
			.stack = inq_dump_place_of(raw.stack.location),
			.context = inq_dump_place_of(raw.context),
		};
	}
	*threads = (struct inq_dump_threads){list.count, list.lost, items};
	*ret = threads;
	return INQ_OK;
}

static enum inq_status parse_threads(struct inq_dump *dump, struct inq_dump_stream *stream,
				     const void **ret, struct inq_error *err)
{
	return read_threads(dump, stream, sizeof(struct md_thread), ret, err);
}

static enum inq_status parse_threads_ex(struct inq_dump *dump, struct inq_dump_stream *stream,
					const void **ret, struct inq_error *err)
{
	return read_threads(dump, stream, sizeof(struct md_thread_ex), ret, err);
}

enum inq_status inq_dump_threads(struct inq_dump *dump, const struct inq_dump_threads **ret,
				 struct inq_error *err)
{
	if (!inq_dump_stream_of(dump, MD_STREAM_THREAD_LIST) &&
	    inq_dump_stream_of(dump, MD_STREAM_THREAD_EX_LIST))
		return inq_dump_answer(dump, ASK_THREADS_EX, MD_STREAM_THREAD_EX_LIST,
				       parse_threads_ex, (const void **)ret, err);
	return inq_dump_answer(dump, ASK_THREADS, MD_STREAM_THREAD_LIST, parse_threads,
			       (const void **)ret, err);
}

static enum inq_status parse_names(struct inq_dump *dump, struct inq_dump_stream *stream,
				   const void **ret, struct inq_error *err)
{
	struct inq_dump_thread_names *names = inq_dump_alloc(dump, 1, sizeof(*names));
	struct inq_dump_thread_name *items;
	struct inq_dump_list list;
	enum inq_status status = inq_dump_plain_list(dump, stream, sizeof(struct md_thread_name),
						     MD_MAX_THREADS, "thread names", &list, err);

	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!names || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		struct md_thread_name raw;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &raw, sizeof(raw),
				       inq_layout_thread_name, err);
		if (status == INQ_OK)
			status = inq_dump_name(dump, stream, raw.name_rva, &items[i].name, err);
		if (status != INQ_OK)
			return status;
		items[i].thread_id = raw.thread_id;
	}
	*names = (struct inq_dump_thread_names){list.count, list.lost, items};
	*ret = names;
	return INQ_OK;
}

enum inq_status inq_dump_thread_names(struct inq_dump *dump,
				      const struct inq_dump_thread_names **ret,
				      struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_THREAD_NAMES, MD_STREAM_THREAD_NAMES, parse_names,
			       (const void **)ret, err);
}

static enum inq_status parse_infos(struct inq_dump *dump, struct inq_dump_stream *stream,
				   const void **ret, struct inq_error *err)
{
	struct inq_dump_thread_infos *infos = inq_dump_alloc(dump, 1, sizeof(*infos));
	struct md_thread_info_list head;
	struct md_thread_info *items;
	struct inq_dump_list list;
	enum inq_status status =
		inq_dump_load(dump, stream->rva, &head, sizeof(head), inq_layout_words, err);

	if (status == INQ_OK)
		status = inq_dump_sized_list(dump, stream, head.header_size, head.entry_size,
					     head.count, sizeof(head), sizeof(*items),
					     MD_MAX_THREADS, "thread infos", &list, err);
	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!infos || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		status = inq_dump_load(dump, inq_dump_entry(&list, i), &items[i], sizeof(*items),
				       inq_layout_thread_info, err);
		if (status != INQ_OK)
			return status;
	}
	*infos = (struct inq_dump_thread_infos){list.count, list.lost, items};
	*ret = infos;
	return INQ_OK;
}

enum inq_status inq_dump_thread_infos(struct inq_dump *dump,
				      const struct inq_dump_thread_infos **ret,
				      struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_THREAD_INFOS, MD_STREAM_THREAD_INFO_LIST, parse_infos,
			       (const void **)ret, err);
}
