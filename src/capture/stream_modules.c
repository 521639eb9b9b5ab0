/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ModuleList and LinuxDsoDebug. */
#include "config.h"

#include "capture/run.h"

#include <string.h>

/* A record of 'BpEL' and the build-id; INQ_NO_PIECE for a module without one. */
static inq_piece add_codeview(struct inq_run *run, const struct inq_module *module)
{
	struct md_codeview_elf head = {.signature = MD_CODEVIEW_ELF};
	struct inq_buffer record = {0};

	if (module->debug_kind != INQ_DEBUG_BUILD_ID || module->id_size == 0)
		return INQ_NO_PIECE;
	inq_buffer_append(&record, &head, sizeof(head));
	inq_buffer_append(&record, module->id, module->id_size);
	return inq_writer_add(run->writer, &record, 4);
}

static void put_module(const struct inq_module *module, struct inq_buffer *list)
{
	struct md_module entry = {
		.base = module->base,
		.size = (uint32_t)(module->size < UINT32_MAX ? module->size : UINT32_MAX),
		.checksum = module->checksum,
		.time = module->timestamp,
	};

	inq_buffer_append(list, &entry, sizeof(entry));
}

/* Breakpad and lldb take the first module for the program. */
static size_t main_index(const struct inq_run *run)
{
	for (size_t i = 0; i < run->module_count; i++) {
		if (run->modules[i].main)
			return i;
	}
	return 0;
}

/* The module at a place of the written list: the program, then the others as they lie. */
static const struct inq_module *module_at(const struct inq_run *run, size_t first, size_t place)
{
	if (place == 0)
		return &run->modules[first];
	return &run->modules[place <= first ? place - 1 : place];
}

INQ_STREAM_WRITER(inq_write_modules)
{
	struct md_list head = {.count = (uint32_t)run->module_count};
	size_t first = main_index(run);
	struct inq_buffer list = {0};
	inq_piece piece;

	(void)argument;
	if (run->module_count == 0)
		return inq_target_modules(run->target, &run->modules, &run->module_count, err);
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < run->module_count; i++)
		put_module(module_at(run, first, i), &list);
	piece = inq_writer_add(run->writer, &list, 8);
	for (size_t i = 0; i < run->module_count; i++) {
		const struct inq_module *module = module_at(run, first, i);
		size_t at = sizeof(head) + i * sizeof(struct md_module);

		inq_writer_point(run->writer, piece, at + offsetof(struct md_module, name_rva),
				 INQ_POINT_RVA, inq_writer_add_string(run->writer, module->path));
		inq_writer_point(run->writer, piece, at + offsetof(struct md_module, codeview),
				 INQ_POINT_LOCATION, add_codeview(run, module));
	}
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}

INQ_STREAM_WRITER(inq_write_dso_debug)
{
	const struct inq_link_map *links = run->links;
	struct md_dso_debug64 head = {0};
	struct inq_buffer stream = {0}, list = {0};
	inq_piece piece, map;

	(void)argument;
	(void)err;
	if (!links)
		return INQ_ABSENT;
	head.version = links->version;
	head.dso_count = (uint32_t)links->count;
	head.brk = links->brk;
	head.ldbase = links->loader_base;
	head.dynamic = links->dynamic;
	inq_buffer_append(&stream, &head, sizeof(head));
	inq_buffer_append(&stream, run->dynamic.data, run->dynamic.size);
	for (size_t i = 0; i < links->count; i++) {
		struct md_link_map64 entry = {
			.address = links->links[i].address,
			.dynamic = links->links[i].dynamic,
		};

		inq_buffer_append(&list, &entry, sizeof(entry));
	}
	piece = inq_writer_add(run->writer, &stream, 8);
	map = inq_writer_add(run->writer, &list, 8);
	inq_writer_point(run->writer, piece, offsetof(struct md_dso_debug64, map_rva),
			 INQ_POINT_RVA, map);
	for (size_t i = 0; i < links->count; i++)
		inq_writer_point(
			run->writer, map,
			i * sizeof(struct md_link_map64) + offsetof(struct md_link_map64, name_rva),
			INQ_POINT_RVA, inq_writer_add_string(run->writer, links->links[i].name));
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}
