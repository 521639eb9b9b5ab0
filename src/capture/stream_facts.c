/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ThreadInfoList, UnloadedModuleList, SystemMemoryInfo, ProcessVmCounters and Token. */
#include "config.h"

#include "capture/run.h"
#include "minidump/inquest.h"
#include "target/token_text.h"

#include <string.h>

#define FILETIME_1970 116444736000000000ull /* 100 ns from 1601 to 1970 */
#define FILETIME_SECOND 10000000ull

enum { STILL_ACTIVE = 259, PAGE = 4096 };

/* A dump without times, and a core for its leader, know nothing of what the entry would say. */
static bool is_known(const struct inq_thread *thread)
{
	return thread->has_times || thread->create_time || thread->user_us || thread->kernel_us ||
	       thread->start_address || thread->affinity || thread->exited || thread->has_exit_status;
}

static struct md_thread_info thread_info(const struct inq_thread *thread)
{
	return (struct md_thread_info){
		.thread_id = thread->tid,
		.dump_flags = (thread->exited ? MD_THREAD_INFO_EXITED_THREAD : 0u) |
			      (thread->has_context ? 0u : MD_THREAD_INFO_INVALID_CONTEXT) |
			      (is_known(thread) ? 0u : MD_THREAD_INFO_INVALID_INFO),
		.exit_status = thread->has_exit_status ? thread->exit_status : STILL_ACTIVE,
		.create_time = thread->create_time ? FILETIME_1970 + thread->create_time * FILETIME_SECOND : 0,
		.kernel_time = thread->kernel_us * 10,
		.user_time = thread->user_us * 10,
		.start_address = thread->start_address,
		.affinity = thread->affinity,
	};
}

INQ_STREAM_WRITER(inq_write_thread_infos)
{
	struct md_thread_info_list head = {sizeof(head), sizeof(struct md_thread_info), (uint32_t)run->thread_count};
	struct inq_buffer list = {0};

	(void)argument;
	(void)err;
	if (!run->thread_count)
		return INQ_ABSENT;
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < run->thread_count; i++) {
		struct md_thread_info info = thread_info(&run->threads[i]);

		inq_buffer_append(&list, &info, sizeof(info));
	}
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &list, 8));
	return INQ_OK;
}

/* Empty, not absent, where nobody kept count. */
INQ_STREAM_WRITER(inq_write_unloaded)
{
	const struct inq_module *modules = NULL;
	size_t count = 0;
	enum inq_status status = inq_target_unloaded(run->target, &modules, &count, err);
	struct md_unloaded_module_list head = {sizeof(head), sizeof(struct md_unloaded_module), 0};
	struct inq_buffer list = {0};
	inq_piece piece;

	(void)argument;
	if (status != INQ_OK && status != INQ_ABSENT)
		return status;
	head.count = status == INQ_OK ? (uint32_t)count : 0;
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < head.count; i++) {
		struct md_unloaded_module entry = {
			.base = modules[i].base,
			.size = (uint32_t)(modules[i].size < UINT32_MAX ? modules[i].size : UINT32_MAX),
			.checksum = modules[i].checksum,
			.time = modules[i].timestamp,
		};

		inq_buffer_append(&list, &entry, sizeof(entry));
	}
	piece = inq_writer_add(run->writer, &list, 8);
	for (size_t i = 0; i < head.count; i++)
		inq_writer_point(run->writer, piece,
				 sizeof(head) + i * sizeof(struct md_unloaded_module) +
					 offsetof(struct md_unloaded_module, name_rva),
				 INQ_POINT_RVA, inq_writer_add_string(run->writer, modules[i].path));
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}

static void add_processors(const struct inq_run *run, struct inq_buffer *text)
{
	for (size_t i = 0; run->options->letters & INQ_DUMP_t && i < run->thread_count; i++) {
		const struct inq_thread *thread = &run->threads[i];

		if (thread->processors)
			inq_buffer_printf(text, "processors %u %.*s\n", thread->tid, (int)thread->processors_size,
					  thread->processors);
	}
}

static void add_build_ids(const struct inq_run *run, struct inq_buffer *text)
{
	const struct inq_module *modules;
	size_t count;

	if (!(run->options->letters & INQ_DUMP_u) ||
	    inq_target_unloaded(run->target, &modules, &count, NULL) != INQ_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		if (modules[i].debug_kind != INQ_DEBUG_BUILD_ID)
			continue;
		inq_buffer_printf(text, "unloaded %llx %llx ", (unsigned long long)modules[i].base,
				  (unsigned long long)modules[i].size);
		for (size_t n = 0; n < modules[i].id_size; n++)
			inq_buffer_printf(text, "%02x", modules[i].id[n]);
		inq_buffer_append(text, "\n", 1);
	}
}

INQ_STREAM_WRITER(inq_write_details)
{
	struct inq_buffer text = {0};

	(void)argument;
	(void)err;
	add_processors(run, &text);
	add_build_ids(run, &text);
	if (!text.size && inq_buffer_ok(&text))
		return INQ_ABSENT;
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &text, 1));
	return INQ_OK;
}

/* --- memory of the machine and of the process ------------------------------------------------------- */

static uint64_t known(uint64_t value)
{
	return value == UINT64_MAX ? 0 : value;
}

static uint32_t pages(uint64_t bytes)
{
	uint64_t count = known(bytes) / PAGE;

	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

INQ_STREAM_WRITER(inq_write_system_memory)
{
	const struct inq_counters *counters;
	const struct inq_system *system;
	enum inq_status status = inq_target_counters(run->target, &counters, err);
	struct md_system_memory_info info = {.revision = 1};

	(void)argument;
	if (status != INQ_OK)
		return status;
	if (!counters->has_machine)
		return INQ_ABSENT;
	info.basic.page_size = PAGE;
	info.basic.physical_pages = pages(counters->machine_total);
	info.basic.highest_physical_page = info.basic.physical_pages;
	info.basic.allocation_granularity = PAGE;
	if (inq_target_system(run->target, &system, NULL) == INQ_OK) {
		info.basic.processors = system->processors;
		if (system->page_size)
			info.basic.allocation_granularity = system->page_size;
	}
	info.file_cache.current_size = known(counters->machine_cached);
	info.basic_performance.available = pages(counters->machine_available);
	info.basic_performance.committed = pages(counters->machine_committed);
	info.basic_performance.commit_limit = pages(counters->machine_commit_limit);
	info.performance.available_pages = pages(counters->machine_available);
	info.performance.committed_pages = pages(counters->machine_committed);
	info.performance.commit_limit = pages(counters->machine_commit_limit);
	inq_writer_stream_copy(run->writer, type, &info, MD_SYSTEM_MEMORY_INFO_SIZE_1);
	return INQ_OK;
}

INQ_STREAM_WRITER(inq_write_vm_counters)
{
	const struct inq_counters *counters;
	enum inq_status status = inq_target_counters(run->target, &counters, err);
	struct md_vm_counters_2 info = {.revision = 2};
	uint64_t faults;

	(void)argument;
	if (status != INQ_OK)
		return status;
	if (!counters->has_process)
		return INQ_ABSENT;
	faults = known(counters->minor_faults) + known(counters->major_faults);
	info.flags = MD_VM_COUNTERS | MD_VM_COUNTERS_VIRTUAL_SIZE | MD_VM_COUNTERS_EX | MD_VM_COUNTERS_EX2;
	info.page_faults = faults < UINT32_MAX ? (uint32_t)faults : UINT32_MAX;
	info.peak_working_set = known(counters->resident_peak);
	info.working_set = known(counters->resident);
	info.pagefile = known(counters->swapped);
	info.peak_virtual_size = known(counters->virtual_peak);
	info.virtual_size = known(counters->virtual_size);
	info.private_usage = known(counters->resident_anonymous) + known(counters->swapped);
	info.private_working_set = known(counters->resident_anonymous);
	info.shared_commit = known(counters->resident_shared);
	inq_writer_stream_copy(run->writer, type, &info, sizeof(info));
	return INQ_OK;
}

INQ_STREAM_WRITER(inq_write_token)
{
	const struct inq_token *token;
	enum inq_status status = inq_target_token(run->target, &token, err);
	struct md_token_list list = {
		.count = 1, .header_size = sizeof(list), .entry_header_size = sizeof(struct md_token)};
	struct md_token entry = {0};
	struct inq_buffer text = {0}, bytes = {0};

	(void)argument;
	if (status != INQ_OK)
		return status;
	inq_token_write(token, &text);
	if (!inq_buffer_ok(&text)) {
		inq_buffer_done(&text);
		return inq_fail(err, INQ_NO_MEMORY, "out of memory");
	}
	entry.size = (uint32_t)(sizeof(entry) + text.size);
	entry.id = token->pid;
	list.size = (uint32_t)(sizeof(list) + entry.size);
	inq_buffer_append(&bytes, &list, sizeof(list));
	inq_buffer_append(&bytes, &entry, sizeof(entry));
	inq_buffer_append(&bytes, text.data, text.size);
	inq_buffer_done(&text);
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &bytes, 8));
	return INQ_OK;
}
