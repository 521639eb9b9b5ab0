/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/dying_facts.h"
#include "target/dying_private.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Bits of coredump_filter, core(5). */
enum {
	FILTER_ANON_PRIVATE = 1 << 0,
	FILTER_ANON_SHARED = 1 << 1,
	FILTER_MAPPED_PRIVATE = 1 << 2,
	FILTER_MAPPED_SHARED = 1 << 3,
	FILTER_ELF_HEADERS = 1 << 4,
	FILTER_DEFAULT = 0x33,
};

enum verdict {
	MAY_READ,
	NO_DUMP, /* the kernel would not put it into a core, whatever the filter */
	UNKNOWN, /* only smaps can tell */
	LEFT_OUT, /* the kernel would not, for a flag or since nobody ever touched it: smaps knows which */
};

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_device(const char *name)
{
	return starts(name, "/dev/") && !starts(name, "/dev/shm/") &&
	       strcmp(name, "/dev/zero") != 0;
}

/*
 * A mapping of which the kernel would write nothing: vma_dump_size() in fs/coredump.c, read
 * backwards. VM_DONTDUMP and VM_IO come before the filter's bits, so where the filter would have
 * let the mapping through, they are the reason.
 */
static enum verdict judge_left_out(const struct inq_region *region, uint32_t filter)
{
	bool shared = region->flags & INQ_REGION_SHARED;
	bool is_file = region->name[0] == '/';

	if (is_device(region->name) || starts(region->name, "/anon_hugepage") ||
	    starts(region->name, "/SYSV"))
		return UNKNOWN;
	if (shared)
		return filter & FILTER_ANON_SHARED && filter & FILTER_MAPPED_SHARED ? LEFT_OUT
										    : UNKNOWN;
	/* Never written or not to be dumped: either way there is nothing in it that a dump may
	 * hold. */
	if (!is_file)
		return filter & FILTER_ANON_PRIVATE ? LEFT_OUT : UNKNOWN;
	if (filter & FILTER_MAPPED_PRIVATE)
		return LEFT_OUT;
	/*
	 * Code that nobody wrote to: its bytes are the file's, and the default filter leaves it
	 * out. Data of files stay unread, since a file may be mapped with MADV_DONTDUMP to keep it
	 * out of cores. Code at offset 0 begins with an ELF header, which the kernel would have
	 * written if it may.
	 */
	if (!(region->protection & INQ_PROT_EXEC))
		return UNKNOWN;
	return region->file_offset || !(filter & FILTER_ELF_HEADERS) ? MAY_READ : LEFT_OUT;
}

static enum verdict judge(const struct inq_region *region, const struct inq_dying_segment *segment,
			  uint32_t filter)
{
	if (region->flags & INQ_REGION_NO_DUMP)
		return NO_DUMP;
	/* memfd_secret(2) is out of the kernel's own reach; vvar is a mapping of page frames. */
	if (starts(region->name, "/secretmem") || starts(region->name, "[vvar"))
		return NO_DUMP;
	if (strcmp(region->name, "[vdso]") == 0)
		return MAY_READ;
	if (!segment)
		return UNKNOWN;
	return segment->file_size ? MAY_READ : judge_left_out(region, filter);
}

/* The segment that holds the address; *at moves forward only (both lists are sorted). */
static const struct inq_dying_segment *segment_at(const struct inq_dying_core *core, size_t *at,
						  uint64_t address)
{
	const struct inq_dying_segment *segments = (const void *)core->segments.data;
	size_t count = inq_dying_core_segment_count(core);

	while (*at < count && segments[*at].base + segments[*at].size <= address)
		(*at)++;
	return *at < count && segments[*at].base <= address ? &segments[*at] : NULL;
}

/* Judge every region; *ret_unknown_stack tells that some thread's stack is among those that only
 * smaps can tell. */
static void judge_all(struct inq_dying *dying, uint8_t *verdicts, bool *ret_unknown_stack)
{
	uint32_t filter = FILTER_DEFAULT;
	size_t at = 0;

	inq_filter_parse(&dying->source.texts[INQ_DYING_COREDUMP_FILTER], &filter);
	for (size_t i = 0; i < dying->maps.count; i++) {
		struct inq_region *region = &dying->maps.regions[i];

		verdicts[i] =
			(uint8_t)judge(region, segment_at(&dying->core, &at, region->base), filter);
		if (verdicts[i] == NO_DUMP || verdicts[i] == LEFT_OUT)
			region->flags |= INQ_REGION_NO_DUMP;
	}
	*ret_unknown_stack = false;
	for (size_t i = 0; i < inq_dying_core_thread_count(&dying->core); i++) {
		const struct inq_dying_registers *thread = inq_dying_core_thread(&dying->core, i);
		struct inq_context context = {.machine = dying->core.machine,
					      .size = dying->core.context_size};
		const struct inq_region *region;

		memcpy(context.raw, thread->raw, sizeof(context.raw));
		region = inq_region_at(dying->maps.regions, dying->maps.count,
				       inq_context_sp(&context));
		if (region && verdicts[region - dying->maps.regions] == UNKNOWN)
			*ret_unknown_stack = true;
	}
}

/* What the program headers allow may still be MADV_WIPEONFORK memory, which holds keys. */
static void keep_stacks_only(struct inq_dying *dying, uint8_t *verdicts)
{
	const struct inq_region *regions = dying->maps.regions;

	for (size_t i = 0; i < dying->maps.count; i++) {
		if (verdicts[i] == MAY_READ && regions[i].protection & INQ_PROT_WRITE)
			verdicts[i] = UNKNOWN;
	}
	for (size_t i = 0; i < inq_dying_core_thread_count(&dying->core); i++) {
		struct inq_context context = {.machine = dying->core.machine,
					      .size = dying->core.context_size};
		const struct inq_region *region;

		memcpy(context.raw, inq_dying_core_thread(&dying->core, i)->raw, sizeof(context.raw));
		region = inq_region_at(regions, dying->maps.count, inq_context_sp(&context));
		if (region && verdicts[region - regions] == UNKNOWN)
			verdicts[region - regions] = MAY_READ;
	}
}

/* VmFlags say what the program headers could not. Regions that smaps does not know stay unread. */
static void ask_smaps(struct inq_dying *dying, uint8_t *verdicts)
{
	struct inq_buffer text = {0};
	struct inq_maps smaps = {0};

	if (inq_dying_slurp(dying->source.smaps_fd, INQ_DYING_MAX_TEXT, &text) == INQ_OK &&
	    inq_maps_parse((const char *)text.data, text.size, &smaps, NULL) == INQ_OK) {
		for (size_t i = 0; i < dying->maps.count; i++) {
			struct inq_region *region = &dying->maps.regions[i];
			const struct inq_region *told =
				inq_region_at(smaps.regions, smaps.count, region->base);

			if (!told)
				continue;
			if (told->flags & INQ_REGION_NO_DUMP)
				verdicts[i] = NO_DUMP;
			else if (verdicts[i] == UNKNOWN ||
				 (verdicts[i] == LEFT_OUT && dying->source.wants & INQ_PROC_FLAGS)) {
				verdicts[i] = MAY_READ;
				region->flags &= ~(uint32_t)INQ_REGION_NO_DUMP;
			}
			region->flags |= told->flags & INQ_REGION_NO_DUMP;
		}
		dying->smaps_used = true;
	} else if (dying->source.wants & INQ_PROC_FLAGS) {
		inq_dying_warn(dying, "only stacks and code are here: smaps, which tells what "
				      "memory must not be read, is not there");
		keep_stacks_only(dying, verdicts);
	} else {
		inq_dying_warn(dying, "stacks are missing: the process's coredump_filter leaves "
				      "them out, and smaps, "
				      "which tells whether they may be read, is not there");
	}
	inq_maps_done(&smaps);
	inq_buffer_done(&text);
}

/* Readable neighbours become one range. */
static enum inq_status collect_readable(struct inq_dying *dying, const uint8_t *verdicts,
					struct inq_error *err)
{
	struct inq_range *ranges = calloc(dying->maps.count + 1, sizeof(*ranges));
	size_t count = 0;

	if (!ranges)
		return inq_fail(err, INQ_NO_MEMORY, "memory: out of memory");
	for (size_t i = 0; i < dying->maps.count; i++) {
		const struct inq_region *region = &dying->maps.regions[i];

		if (verdicts[i] != MAY_READ || !region->protection || region->size == 0 ||
		    strcmp(region->name, "[vsyscall]") == 0)
			continue;
		if (count && ranges[count - 1].base + ranges[count - 1].size == region->base)
			ranges[count - 1].size += region->size;
		else
			ranges[count++] = (struct inq_range){region->base, region->size};
	}
	dying->readable = ranges;
	dying->readable_count = count;
	return INQ_OK;
}

static uint32_t segment_protection(uint32_t flags)
{
	return (flags & PF_R ? INQ_PROT_READ : 0u) | (flags & PF_W ? INQ_PROT_WRITE : 0u) |
	       (flags & PF_X ? INQ_PROT_EXEC : 0u);
}

static void name_from_files(const struct inq_core_files *files, struct inq_region *region)
{
	size_t low = 0, high = files->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (files->files[middle].end <= region->base)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < files->count && files->files[low].start <= region->base) {
		region->name = files->files[low].name;
		region->file_offset =
			files->files[low].offset + (region->base - files->files[low].start);
	}
}

/* /proc told nothing (the leader is gone, or it was asked too late): the core's own list of
 * mappings. */
static enum inq_status regions_from_core(struct inq_dying *dying, struct inq_error *err)
{
	const struct inq_dying_segment *segments = (const void *)dying->core.segments.data;
	size_t count = inq_dying_core_segment_count(&dying->core);

	/* A text without one good line leaves memory behind, and its count of bad ones. */
	free(dying->maps.regions);
	free(dying->maps.strings);
	dying->maps.strings = NULL;
	if (dying->core.pointer_size) /* else not even the header came */
		inq_core_files_parse(dying->core.notes.files, dying->core.pointer_size,
				     &dying->files, NULL);
	dying->maps.regions = calloc(count + 1, sizeof(*dying->maps.regions));
	if (!dying->maps.regions)
		return inq_fail(err, INQ_NO_MEMORY, "regions: out of memory");
	for (size_t i = 0; i < count; i++) {
		struct inq_region *region = &dying->maps.regions[dying->maps.count];
		uint64_t end;

		if (__builtin_add_overflow(segments[i].base, segments[i].size, &end) ||
		    !segments[i].size ||
		    (dying->maps.count && segments[i].base < region[-1].base + region[-1].size))
			continue;
		*region = (struct inq_region){
			.base = segments[i].base,
			.size = segments[i].size,
			.protection = segment_protection(segments[i].flags),
			.name = "",
		};
		name_from_files(&dying->files, region);
		if (!region->name[0])
			region->flags |= INQ_REGION_ANONYMOUS;
		dying->maps.count++;
	}
	inq_dying_warn(dying, "the list of mappings is the core's: /proc had none");
	return INQ_OK;
}

enum inq_status inq_dying_regions_make(struct inq_dying *dying, struct inq_error *err)
{
	const struct inq_dying_bytes *text = &dying->source.texts[INQ_DYING_MAPS];
	enum inq_status status = INQ_OK;
	uint8_t *verdicts;
	bool ask;

	if (dying->maps_once.done)
		return dying->maps_once.status;
	dying->maps_once.done = true;
	if (text->data && text->size)
		status = inq_maps_parse(text->data, text->size, &dying->maps, err);
	if (status == INQ_OK && dying->maps.count == 0)
		status = regions_from_core(dying, err);
	if (status == INQ_OK && (verdicts = calloc(dying->maps.count + 1, 1))) {
		inq_dying_slow_make(dying);
		judge_all(dying, verdicts, &ask);
		/* Without program headers nothing else can tell. */
		if (ask || dying->source.stopped || dying->source.wants & INQ_PROC_FLAGS)
			ask_smaps(dying, verdicts);
		status = collect_readable(dying, verdicts, err);
		free(verdicts);
	} else if (status == INQ_OK) {
		status = inq_fail(err, INQ_NO_MEMORY, "regions: out of memory");
	}
	if (text->cut)
		inq_dying_warn(dying, "the list of mappings is cut after %zu bytes", text->size);
	if (dying->maps.bad_lines)
		inq_dying_warn(
			dying,
			"%zu lines of the list of mappings make no sense, the first is line %zu",
			dying->maps.bad_lines, dying->maps.first_bad);
	return dying->maps_once.status = status;
}
