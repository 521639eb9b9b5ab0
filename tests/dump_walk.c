/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dump_walk.h"

#include "minidump/reader.h"

#include <stdlib.h>
#include <string.h>

static uint64_t text(const char *string)
{
	return string ? strlen(string) : 0;
}

static uint64_t walk_streams(struct inq_dump *dump)
{
	struct inq_dump_bytes bytes;
	size_t count;
	const struct inq_dump_stream *streams = inq_dump_streams(dump, &count);
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		sum += text(streams[i].name) + text(streams[i].problem);
		if (!streams[i].duplicate &&
		    inq_dump_stream_bytes(dump, streams[i].type, &bytes, NULL) == INQ_OK)
			sum += bytes.size ? bytes.data[bytes.size - 1] : bytes.data[0];
	}
	return sum;
}

static uint64_t walk_threads(struct inq_dump *dump)
{
	const struct inq_dump_threads *threads;
	const struct inq_dump_thread_names *names;
	const struct inq_dump_thread_infos *infos;
	const struct inq_dump_exception *exception;
	struct inq_dump_context context;
	uint64_t sum = 0;

	if (inq_dump_threads(dump, &threads, NULL) == INQ_OK) {
		for (size_t i = 0; i < threads->count; i++) {
			if (inq_dump_context(dump, threads->items[i].context, &context, NULL) ==
			    INQ_OK)
				sum += context.kind + context.x86.context_flags;
		}
	}
	if (inq_dump_thread_names(dump, &names, NULL) == INQ_OK) {
		for (size_t i = 0; i < names->count; i++)
			sum += names->items[i].thread_id + text(names->items[i].name);
	}
	if (inq_dump_thread_infos(dump, &infos, NULL) == INQ_OK) {
		for (size_t i = 0; i < infos->count; i++)
			sum += infos->items[i].affinity;
	}
	if (inq_dump_exception(dump, &exception, NULL) == INQ_OK) {
		sum += exception->raw.parameters[exception->raw.parameter_count %
						 MD_EXCEPTION_PARAMETERS];
		if (inq_dump_context(dump, exception->context, &context, NULL) == INQ_OK)
			sum += context.kind;
	}
	return sum;
}

static uint64_t walk_modules(struct inq_dump *dump)
{
	const struct inq_dump_modules *modules;
	const struct inq_dump_unloaded *unloaded;
	uint64_t sum = 0;

	if (inq_dump_modules(dump, &modules, NULL) == INQ_OK) {
		for (size_t i = 0; i < modules->count; i++) {
			const struct inq_dump_module *module = &modules->items[i];

			sum += text(module->name) + text(module->pdb_name) + module->age;
			for (size_t b = 0; b < module->build_id_size; b++)
				sum += module->build_id[b];
		}
	}
	if (inq_dump_unloaded(dump, &unloaded, NULL) == INQ_OK) {
		for (size_t i = 0; i < unloaded->count; i++)
			sum += text(unloaded->items[i].name);
	}
	return sum;
}

/* Ranges must be what the contract says, whatever the file said. */
static uint64_t walk_memory(struct inq_dump *dump)
{
	const struct inq_dump_header *header = inq_dump_header(dump);
	const struct inq_dump_memory *memory;
	const struct inq_dump_memory_infos *infos;
	uint8_t room[64];
	uint64_t sum = 0;
	size_t done;

	if (inq_dump_memory(dump, &memory, NULL) == INQ_OK) {
		for (size_t i = 0; i < memory->count; i++) {
			const struct inq_dump_range *range = &memory->items[i];

			if (range->size == 0 || range->offset > header->file_size ||
			    range->size > header->file_size - range->offset)
				abort();
			if (i > 0 && (range[-1].address >= range->address ||
				      range->address - range[-1].address < range[-1].size))
				abort();
			if (inq_dump_find_memory(dump, range->address) != range)
				abort();
			if (inq_dump_read_memory(dump, range->address + range->size - 1, room,
						 sizeof(room), &done, NULL) == INQ_OK)
				sum += room[0] + done;
		}
	}
	if (inq_dump_memory_infos(dump, &infos, NULL) == INQ_OK) {
		for (size_t i = 0; i < infos->count; i++)
			sum += infos->items[i].type;
	}
	return sum;
}

static uint64_t walk_handles(struct inq_dump *dump)
{
	const struct inq_dump_handles *handles;
	uint64_t sum = 0;

	if (inq_dump_handles(dump, &handles, NULL) != INQ_OK)
		return 0;
	for (size_t i = 0; i < handles->count; i++) {
		sum += text(handles->items[i].type_name) + text(handles->items[i].object_name);
		for (size_t k = 0; k < handles->items[i].info_count; k++)
			sum += handles->items[i].infos[k].place.size;
	}
	return sum;
}

static uint64_t walk_rest(struct inq_dump *dump)
{
	const struct inq_dump_system *system;
	const struct inq_dump_misc *misc;
	const struct inq_dump_dso_debug *dso;
	const struct inq_dump_crashpad *crashpad;
	const struct inq_dump_breakpad *breakpad;
	const struct inq_dump_assertion *assertion;
	const char *comment;
	uint64_t sum = 0;

	if (inq_dump_system(dump, &system, NULL) == INQ_OK)
		sum += text(system->csd) + text(system->vendor);
	if (inq_dump_misc(dump, &misc, NULL) == INQ_OK)
		sum += text(misc->build_string) + text(misc->standard_name) +
		       misc->raw.process_cookie;
	if (inq_dump_comment(dump, &comment, NULL) == INQ_OK)
		sum += text(comment);
	if (inq_dump_dso_debug(dump, &dso, NULL) == INQ_OK) {
		for (size_t i = 0; i < dso->count; i++)
			sum += text(dso->items[i].name);
	}
	if (inq_dump_crashpad(dump, &crashpad, NULL) == INQ_OK) {
		for (size_t i = 0; i < crashpad->count; i++)
			sum += text(crashpad->items[i].name) +
			       (uint8_t)crashpad->items[i].value[crashpad->items[i].value_size];
	}
	if (inq_dump_breakpad(dump, &breakpad, NULL) == INQ_OK)
		sum += breakpad->raw.validity;
	if (inq_dump_assertion(dump, &assertion, NULL) == INQ_OK)
		sum += text(assertion->expression) + text(assertion->function) +
		       text(assertion->file);
	return sum;
}

uint64_t dump_walk(const void *bytes, size_t size, int *ret_opened)
{
	struct inq_file *file = NULL;
	struct inq_dump *dump = NULL;
	uint64_t sum = 0;

	*ret_opened = 0;
	if (inq_file_open_bytes(bytes, size, "walk", &file, NULL) != INQ_OK)
		return 0;
	if (inq_dump_open(file, &dump, NULL) == INQ_OK) {
		*ret_opened = 1;
		sum = walk_threads(dump) + walk_modules(dump) + walk_memory(dump) +
		      walk_handles(dump) + walk_rest(dump) + walk_streams(dump);
	}
	inq_dump_close(dump);
	inq_file_close(file);
	return sum;
}
