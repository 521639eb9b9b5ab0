/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/minidump_threads.h"
#include "target/minidump_details.h"

#include <stdlib.h>
#include <string.h>

#define FILETIME_1970 116444736000000000ull /* 100 ns from 1601 to 1970 */
#define FILETIME_SECOND 10000000ull

enum { STILL_ACTIVE = 259 };

_Static_assert(sizeof(struct md_context_amd64) <= INQ_CONTEXT_MAX, "a context fits");

enum inq_status inq_minidump_context(struct inq_dump *dump, struct inq_dump_place place,
				     struct inq_context *ret, struct inq_error *err)
{
	static const struct {
		enum inq_machine machine;
		uint32_t size;
	} kinds[] = {
		[INQ_CONTEXT_X86] = {INQ_MACHINE_X86, sizeof(struct md_context_x86)},
		[INQ_CONTEXT_AMD64] = {INQ_MACHINE_AMD64, sizeof(struct md_context_amd64)},
		[INQ_CONTEXT_ARM] = {INQ_MACHINE_ARM, sizeof(struct md_context_arm)},
		[INQ_CONTEXT_ARM64] = {INQ_MACHINE_ARM64, sizeof(struct md_context_arm64)},
	};
	struct inq_dump_context context;
	enum inq_status status = inq_dump_context(dump, place, &context, err);

	if (status != INQ_OK)
		return status;
	memset(ret, 0, sizeof(*ret));
	ret->machine = kinds[context.kind].machine;
	ret->size = kinds[context.kind].size;
	memcpy(ret->raw, &context.x86, ret->size); /* all members of the union begin there */
	return INQ_OK;
}

/* Threads by their id, for the streams that name them in another order. */
struct index {
	uint32_t tid;
	uint32_t at;
};

static int by_tid(const void *left, const void *right)
{
	const struct index *a = left, *b = right;

	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

static struct inq_thread *find(struct inq_thread *threads, const struct index *index, size_t count,
			       uint32_t tid)
{
	struct index key = {.tid = tid};
	const struct index *hit = bsearch(&key, index, count, sizeof(*index), by_tid);

	return hit ? &threads[hit->at] : NULL;
}

static void add_names(struct inq_dump *dump, struct inq_thread *threads, const struct index *index,
		      size_t count)
{
	const struct inq_dump_thread_names *names;

	if (inq_dump_thread_names(dump, &names, NULL) != INQ_OK)
		return;
	for (size_t i = 0; i < names->count; i++) {
		struct inq_thread *thread = find(threads, index, count, names->items[i].thread_id);
		size_t size = strlen(names->items[i].name);

		if (!thread)
			continue;
		size = size < sizeof(thread->name) ? size : sizeof(thread->name) - 1;
		memcpy(thread->name, names->items[i].name, size);
		thread->name[size] = '\0';
	}
}

static void add_times(struct inq_dump *dump, struct inq_thread *threads, const struct index *index,
		      size_t count)
{
	const struct inq_dump_thread_infos *infos;

	if (inq_dump_thread_infos(dump, &infos, NULL) != INQ_OK)
		return;
	for (size_t i = 0; i < infos->count; i++) {
		const struct md_thread_info *info = &infos->items[i];
		struct inq_thread *thread = find(threads, index, count, info->thread_id);

		if (!thread || (info->dump_flags & MD_THREAD_INFO_INVALID_INFO))
			continue;
		if (info->create_time > FILETIME_1970)
			thread->create_time = (info->create_time - FILETIME_1970) / FILETIME_SECOND;
		thread->user_us = info->user_time / 10;
		thread->kernel_us = info->kernel_time / 10;
		thread->start_address = info->start_address;
		thread->affinity = info->affinity;
		thread->has_times = true;
		thread->exited = info->dump_flags & MD_THREAD_INFO_EXITED_THREAD;
		thread->has_exit_status = info->exit_status != STILL_ACTIVE;
		thread->exit_status = thread->has_exit_status ? info->exit_status : 0;
	}
}

/* Where the dump has the stack as a part of all memory, the thread's own entry is empty. */
static void find_stack(struct inq_dump *dump, struct inq_dump_place context,
		       struct inq_thread *thread)
{
	const struct inq_dump_range *range;
	struct inq_context registers;

	if (inq_minidump_context(dump, context, &registers, NULL) != INQ_OK)
		return;
	range = inq_dump_find_memory(dump, inq_context_sp(&registers));
	if (!range)
		return;
	thread->stack_base = range->address;
	thread->stack_size = range->size;
}

enum inq_status inq_minidump_threads(struct inq_dump *dump, struct inq_thread **ret,
				     size_t *ret_count, struct inq_error *err)
{
	const struct inq_dump_threads *list;
	const struct inq_dump_exception *exception;
	struct inq_thread *threads;
	struct index *index;
	enum inq_status status = inq_dump_threads(dump, &list, err);

	if (status != INQ_OK)
		return status;
	threads = calloc(list->count + 1, sizeof(*threads));
	index = calloc(list->count + 1, sizeof(*index));
	if (!threads || !index) {
		free(threads);
		free(index);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu threads", list->count);
	}
	if (inq_dump_exception(dump, &exception, NULL) != INQ_OK)
		exception = NULL;
	for (size_t i = 0; i < list->count; i++) {
		const struct inq_dump_thread *from = &list->items[i];

		threads[i] = (struct inq_thread){
			.tid = from->id,
			.has_context = from->context.size != 0,
			.crashed = exception && exception->thread_id == from->id,
			.tls = from->teb,
			.stack_base = from->stack.size ? from->stack_address : 0,
			.stack_size = from->stack.size,
			.suspend_count = from->suspend_count,
			.priority_class = from->priority_class,
			.priority = from->priority,
		};
		if (!from->stack.size)
			find_stack(dump, from->context, &threads[i]);
		index[i] = (struct index){.tid = from->id, .at = (uint32_t)i};
	}
	qsort(index, list->count, sizeof(*index), by_tid);
	add_names(dump, threads, index, list->count);
	add_times(dump, threads, index, list->count);
	inq_minidump_details_threads(dump, threads, list->count);
	free(index);
	*ret = threads;
	*ret_count = list->count;
	return INQ_OK;
}
