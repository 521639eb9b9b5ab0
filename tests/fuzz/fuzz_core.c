/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer: bytes as a core (or a minidump: whatever inq_target_open() takes them for), asked
 * everything. */
#include "support/file.h"
#include "target/target.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct inq_target *target)
{
	const struct inq_system *system;
	const struct inq_process *process;
	const struct inq_thread *threads;
	const struct inq_module *modules;
	const struct inq_region *regions;
	const struct inq_range *ranges;
	const struct inq_exception *exception;
	const struct inq_link_map *links;
	struct inq_context context;
	const char *text;
	uint8_t bytes[256];
	size_t count = 0, size;

	(void)inq_target_system(target, &system, NULL);
	(void)inq_target_process(target, &process, NULL);
	(void)inq_target_modules(target, &modules, &count, NULL);
	(void)inq_target_exception(target, &exception, NULL);
	(void)inq_target_exception_context(target, &context, NULL);
	(void)inq_target_link_map(target, &links, NULL);
	if (inq_target_threads(target, &threads, &count, NULL) == INQ_OK)
		for (size_t i = 0; i < count; i++)
			(void)inq_target_context(target, i, &context, NULL);
	/* Regions and ranges are promised sorted and disjoint, and ranges readable from their first
	 * byte. */
	if (inq_target_regions(target, &regions, &count, NULL) == INQ_OK)
		for (size_t i = 1; i < count; i++)
			if (regions[i].base - regions[i - 1].base < regions[i - 1].size ||
			    regions[i].base <= regions[i - 1].base)
				__builtin_trap();
	if (inq_target_memory(target, &ranges, &count, NULL) == INQ_OK)
		for (size_t i = 0; i < count; i++) {
			if (i && (ranges[i].base <= ranges[i - 1].base ||
				  ranges[i].base - ranges[i - 1].base < ranges[i - 1].size))
				__builtin_trap();
			if (inq_target_read(target, ranges[i].base, bytes, sizeof(bytes), &size,
					    NULL) != INQ_OK)
				__builtin_trap();
		}
	for (int kind = 0; kind < INQ_TEXT_COUNT; kind++)
		(void)inq_target_text(target, (enum inq_text_kind)kind, &text, &size, NULL);
	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		if (!text[0])
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inq_file *file;
	struct inq_target *target;

	if (inq_file_open_bytes(data, size, "fuzz", &file, NULL) != INQ_OK)
		return 0;
	if (inq_target_open(file, &target, NULL) != INQ_OK)
		return 0;
	ask(target);
	inq_target_free(target);
	return 0;
}
