/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/minidump_facts.h"

#include "minidump/inquest.h"
#include "target/minidump_threads.h"
#include "target/token_text.h"
#include "target/xstate.h"

#include <stdlib.h>
#include <string.h>

enum { DETAILS_MAX = 64 << 10 };

/* --- handles -------------------------------------------------------------------------------------------- */

/* Our object information, if the handle has one; its lines are appended to `texts`. */
static void take_info(struct inq_dump *dump, const struct inq_dump_handle *from, struct inq_handle *to,
		      struct inq_buffer *texts)
{
	struct md_inquest_handle info;
	size_t details;
	uint8_t *place;

	for (size_t i = 0; i < from->info_count; i++) {
		const struct inq_dump_place *at = &from->infos[i].place;

		if (from->infos[i].type != MD_OBJECT_INFO_INQUEST || at->size < sizeof(info) ||
		    inq_dump_read(dump, at->offset, &info, sizeof(info), NULL) != INQ_OK || info.size < sizeof(info) ||
		    info.size > at->size)
			continue;
		to->flags = info.flags & MD_INQUEST_HANDLE_OPEN_FLAGS ? (int64_t)info.open_flags : INQ_HANDLE_NO_FLAGS;
		to->deleted = info.flags & MD_INQUEST_HANDLE_DELETED;
		to->position = info.position;
		to->inode = info.inode;
		to->mount = info.mount;
		details = (size_t)(at->size - info.size < DETAILS_MAX ? at->size - info.size : DETAILS_MAX);
		place = details ? inq_buffer_extend(texts, details) : NULL;
		if (place && inq_dump_read(dump, at->offset + info.size, place, details, NULL) != INQ_OK)
			texts->size -= details;
		return;
	}
}

static enum inq_status make_handles(struct inq_dump *dump, struct inq_minidump_facts *facts, struct inq_error *err)
{
	const struct inq_dump_handles *from;
	struct inq_handle_list *list = &facts->handles;
	enum inq_status status = inq_dump_handles(dump, &from, err);

	if (status != INQ_OK)
		return status;
	list->items = calloc(from->count + 1, sizeof(*list->items));
	if (!list->items)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu handles", from->count);
	for (size_t i = 0; i < from->count; i++) {
		size_t at = list->texts.size;

		list->items[i] = (struct inq_handle){
			.number = from->items[i].handle,
			.kind = inq_handle_kind_of(from->items[i].type_name),
			.type = from->items[i].type_name,
			.name = from->items[i].object_name,
			.flags = INQ_HANDLE_NO_FLAGS,
		};
		take_info(dump, &from->items[i], &list->items[i], &list->texts);
		inq_buffer_append(&list->texts, "", 1);
		list->items[i].details = (const char *)(uintptr_t)at;
	}
	if (!inq_buffer_ok(&list->texts))
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu handles", from->count);
	for (size_t i = 0; i < from->count; i++)
		list->items[i].details = (const char *)list->texts.data + (uintptr_t)list->items[i].details;
	list->count = from->count;
	return INQ_OK;
}

enum inq_status inq_minidump_handles(struct inq_dump *dump, struct inq_minidump_facts *facts,
				     const struct inq_handle **ret, size_t *ret_count, struct inq_error *err)
{
	struct inq_error ignored;

	if (!facts->handles_made) {
		facts->handles_made = true;
		facts->handles_status = make_handles(dump, facts, err ? err : &ignored);
	}
	if (facts->handles_status != INQ_OK)
		return inq_fail(err, facts->handles_status, "the dump has no list of handles that can be read");
	*ret = facts->handles.items;
	*ret_count = facts->handles.count;
	return INQ_OK;
}

/* --- token ---------------------------------------------------------------------------------------------- */

/* The first entry that is Linux'. */
static enum inq_status make_token(struct inq_dump *dump, struct inq_minidump_facts *facts, struct inq_error *err)
{
	struct inq_dump_bytes bytes;
	struct md_token_list list;
	struct md_token entry;
	enum inq_status status = inq_dump_stream_bytes(dump, MD_STREAM_TOKEN, &bytes, err);
	size_t at;

	if (status != INQ_OK)
		return status;
	if (bytes.size < sizeof(list))
		return inq_fail(err, INQ_BAD_DATA, "token: %zu bytes", bytes.size);
	memcpy(&list, bytes.data, sizeof(list));
	at = list.header_size;
	for (uint32_t i = 0; i < list.count && i < MD_MAX_THREADS; i++) {
		if (at > bytes.size || bytes.size - at < sizeof(entry))
			break;
		memcpy(&entry, bytes.data + at, sizeof(entry));
		if (entry.size < sizeof(entry) || entry.size > bytes.size - at)
			break;
		status = inq_token_parse((const char *)bytes.data + at + sizeof(entry), entry.size - sizeof(entry),
					 &facts->token, err);
		if (status != INQ_UNSUPPORTED)
			return status;
		at += entry.size;
	}
	return inq_fail(err, INQ_UNSUPPORTED, "token: none of Linux");
}

enum inq_status inq_minidump_token(struct inq_dump *dump, struct inq_minidump_facts *facts,
				   const struct inq_token **ret, struct inq_error *err)
{
	struct inq_error why = {0};

	if (!facts->token_made) {
		facts->token_made = true;
		facts->token_status = make_token(dump, facts, &why);
	}
	if (facts->token_status != INQ_OK)
		return inq_fail(err, facts->token_status, "the dump has no token that can be read");
	*ret = &facts->token.token;
	return INQ_OK;
}

/* --- counters ------------------------------------------------------------------------------------------- */

static void process_counters(struct inq_dump *dump, struct inq_counters *to)
{
	struct inq_dump_bytes bytes;
	struct md_vm_counters_2 raw;

	if (inq_dump_stream_bytes(dump, MD_STREAM_PROCESS_VM_COUNTERS, &bytes, NULL) != INQ_OK ||
	    bytes.size < sizeof(raw))
		return;
	memcpy(&raw, bytes.data, sizeof(raw));
	if (raw.revision != 2)
		return;
	to->has_process = true;
	to->resident = raw.working_set;
	to->resident_peak = raw.peak_working_set;
	to->swapped = raw.pagefile;
	to->minor_faults = raw.page_faults;
	if (raw.flags & MD_VM_COUNTERS_VIRTUAL_SIZE) {
		to->virtual_size = raw.virtual_size;
		to->virtual_peak = raw.peak_virtual_size;
	}
	if (raw.flags & MD_VM_COUNTERS_EX2) {
		to->resident_anonymous = raw.private_working_set;
		to->resident_shared = raw.shared_commit;
	}
}

static void machine_counters(struct inq_dump *dump, struct inq_counters *to)
{
	struct inq_dump_bytes bytes;
	struct md_system_memory_info raw = {0};
	uint64_t page;

	if (inq_dump_stream_bytes(dump, MD_STREAM_SYSTEM_MEMORY_INFO, &bytes, NULL) != INQ_OK ||
	    bytes.size < MD_SYSTEM_MEMORY_INFO_SIZE_1)
		return;
	memcpy(&raw, bytes.data, bytes.size < sizeof(raw) ? bytes.size : sizeof(raw));
	page = raw.basic.page_size;
	if ((raw.revision != 1 && raw.revision != 2) || !page)
		return;
	to->has_machine = true;
	to->machine_total = raw.basic.physical_pages * page;
	to->machine_available = raw.performance.available_pages * page;
	to->machine_cached = raw.file_cache.current_size;
	to->machine_committed = raw.performance.committed_pages * page;
	to->machine_commit_limit = raw.performance.commit_limit * page;
}

/* Linux' own text has more of it, where it is there. */
enum inq_status inq_minidump_counters(struct inq_dump *dump, struct inq_minidump_facts *facts,
				      const struct inq_counters **ret, struct inq_error *err)
{
	struct inq_dump_bytes status = {0};
	struct inq_counters text;

	if (!facts->counters_made) {
		inq_dump_stream_bytes(dump, MD_STREAM_LINUX_PROC_STATUS, &status, NULL);
		inq_counters_make((const char *)status.data, status.size, NULL, 0, NULL, 0, &text);
		facts->counters = text;
		process_counters(dump, &facts->counters);
		machine_counters(dump, &facts->counters);
		if (text.has_process) {
			text.minor_faults = facts->counters.minor_faults;
			memcpy(&facts->counters, &text, offsetof(struct inq_counters, machine_total));
			facts->counters.has_machine = facts->counters.machine_total != UINT64_MAX;
		}
	}
	facts->counters_made = true;
	if (!facts->counters.has_process && !facts->counters.has_machine)
		return inq_fail(err, INQ_ABSENT, "the dump has no memory counters");
	*ret = &facts->counters;
	return INQ_OK;
}

/* --- extended registers ----------------------------------------------------------------------------------- */

static enum inq_status make_xstate(struct inq_dump *dump, struct inq_dump_place place, struct inq_buffer *ret,
				   struct inq_error *err)
{
	const struct inq_dump_misc *misc;
	struct inq_dump_context raw;
	struct inq_context context;
	uint8_t extended[INQ_XSTATE_MAX];
	enum inq_status status = inq_dump_context(dump, place, &raw, err);

	if (status == INQ_OK)
		status = inq_minidump_context(dump, place, &context, err);
	if (status != INQ_OK)
		return status;
	if (!raw.extended.size || raw.kind != INQ_CONTEXT_AMD64 || inq_dump_misc(dump, &misc, NULL) != INQ_OK ||
	    !misc->raw.xstate.features)
		return inq_fail(err, INQ_ABSENT, "no extended registers");
	if (raw.extended.size > sizeof(extended))
		return inq_fail(err, INQ_LIMIT, "extended registers of 0x%llx bytes",
				(unsigned long long)raw.extended.size);
	status = inq_dump_read(dump, raw.extended.offset, extended, (size_t)raw.extended.size, err);
	if (status != INQ_OK)
		return status;
	if (!inq_xstate_from_windows(&context, extended, (size_t)raw.extended.size, misc->raw.xstate.features, ret))
		return inq_fail(err, INQ_BAD_DATA, "extended registers make no sense");
	return INQ_OK;
}

enum inq_status inq_minidump_xstate(struct inq_dump *dump, struct inq_minidump_facts *facts, size_t index,
				    struct inq_xstate *ret, struct inq_error *err)
{
	const struct inq_dump_threads *threads;
	enum inq_status status = inq_dump_threads(dump, &threads, err);

	if (status != INQ_OK)
		return status;
	if (!facts->xstates) {
		facts->xstates = calloc(threads->count + 1, sizeof(*facts->xstates));
		facts->xstate_count = facts->xstates ? threads->count : 0;
	}
	if (index >= facts->xstate_count)
		return inq_fail(err, INQ_ABSENT, "no thread %zu", index);
	if (!facts->xstates[index].size)
		status = make_xstate(dump, threads->items[index].context, &facts->xstates[index], err);
	if (status != INQ_OK)
		return status;
	if (!inq_xstate_read(facts->xstates[index].data, facts->xstates[index].size, ret))
		return inq_fail(err, INQ_BAD_DATA, "extended registers make no sense");
	return INQ_OK;
}

void inq_minidump_facts_done(struct inq_minidump_facts *facts)
{
	inq_handles_done(&facts->handles);
	inq_token_done(&facts->token);
	for (size_t i = 0; i < facts->xstate_count; i++)
		inq_buffer_done(&facts->xstates[i]);
	free(facts->xstates);
}
