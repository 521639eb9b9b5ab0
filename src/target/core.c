/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ELF core as a target. Opening reads the headers and the notes; what follows from them is made
 * when first asked for. Memory is read from the file where the core has it, and nowhere else: what
 * the kernel left out (unwritten pages of files) is not in the core.
 */
#include "target/target.h"

#include "support/file.h"
#include "target/auxv.h"
#include "target/core_facts.h"
#include "target/core_private.h"
#include "target/link_map.h"
#include "target/modules.h"
#include "target/warnings.h"
#include "target/xstate.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	NEAR_STACK =
		64 *
		1024, /* a stack pointer that ran over its guard is this close below its stack */
};
#define NOTES_BYTES_MAX (512ull << 20)
_Static_assert(sizeof(((struct inq_core_notes *)0)->program) <= INQ_THREAD_NAME, "a thread's name has room for it");

/* Run `make` once, and answer the same ever after. */
enum inq_status inq_core_once(struct core *core, struct core_made *made,
			    enum inq_status (*make)(struct core *, struct inq_error *),
			    struct inq_error *err)
{
	if (!made->tried) {
		made->tried = true;
		made->status = make(core, &made->err);
		if (made->status != INQ_ABSENT)
			inq_warn_error(&core->warnings, &made->err);
	}
	if (made->status != INQ_OK && err)
		*err = made->err;
	return made->status;
}

static uint64_t auxv(const struct core *core, uint64_t type)
{
	uint64_t value = 0;

	inq_auxv_find(core->notes.auxv.data, core->notes.auxv.size, core->layout.pointer_size, type,
		      &value);
	return value;
}

/* --- memory --------------------------------------------------------------------------------------
 */

/* Why a byte is not there. */
static enum inq_status not_there(const struct core *core, uint64_t address, struct inq_error *err)
{
	size_t at = inq_core_segment_at(&core->layout, address);

	if (at == core->layout.count)
		return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
	return inq_fail(err, INQ_FAULT, "0x%llx: not in the core", (unsigned long long)address);
}

static enum inq_status core_read(struct inq_target *self, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	struct core *core = core_of(self);
	const struct inq_core_layout *layout = &core->layout;
	size_t have = 0;

	/* Segments that lie side by side read as one. */
	for (size_t i = inq_core_segment_at(layout, address); i < layout->count && have < size;
	     i++) {
		const struct inq_core_segment *segment = &layout->segments[i];
		uint64_t within = address + have - segment->base;
		size_t some, done = 0;

		if (address + have < segment->base || within >= segment->have)
			break;
		some = segment->have - within < size - have ? (size_t)(segment->have - within)
							    : size - have;
		if (inq_file_read(core->file, segment->offset + within, (char *)to + have, some,
				  &done, NULL) != INQ_OK)
			break;
		have += done;
		if (done < some || within + done < segment->size)
			break;
	}
	*ret_done = have;
	return have ? INQ_OK : not_there(core, address, err);
}

static enum inq_status make_ranges(struct core *core, struct inq_error *err)
{
	const struct inq_core_layout *layout = &core->layout;

	core->ranges = malloc((layout->count + 1) * sizeof(*core->ranges));
	if (!core->ranges)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu ranges", layout->count);
	for (size_t i = 0; i < layout->count; i++) {
		const struct inq_core_segment *segment = &layout->segments[i];
		struct inq_range *last =
			core->range_count ? &core->ranges[core->range_count - 1] : NULL;

		if (!segment->have)
			continue;
		if (last && last->base + last->size == segment->base)
			last->size += segment->have;
		else
			core->ranges[core->range_count++] =
				(struct inq_range){.base = segment->base, .size = segment->have};
	}
	return INQ_OK;
}

static enum inq_status core_memory(struct inq_target *self, const struct inq_range **ret,
				   size_t *ret_count, struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status = inq_core_once(core, &core->ranges_made, make_ranges, err);

	if (status != INQ_OK)
		return status;
	*ret = core->ranges;
	*ret_count = core->range_count;
	return INQ_OK;
}

static enum inq_status make_regions(struct core *core, struct inq_error *err)
{
	struct inq_core_places places = {.vdso = auxv(core, AT_SYSINFO_EHDR),
					 .stack = auxv(core, AT_RANDOM)};
	struct inq_error why = {0};

	inq_core_files_parse(core->notes.files, core->layout.pointer_size, &core->files, &why);
	inq_warn_error(&core->warnings, &why);
	if (core->files.truncated)
		inq_warn(&core->warnings,
			 "the list of mapped files (NT_FILE) ends early: %zu files are there",
			 core->files.count);
	if (core->files.left_out)
		inq_warn(&core->warnings,
			 "%zu mapped files (NT_FILE) are empty or overlap: left out",
			 core->files.left_out);
	return inq_core_regions_make(&core->layout, &core->files, &places, &core->regions,
				     &core->region_count, err);
}

static enum inq_status core_regions(struct inq_target *self, const struct inq_region **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_regions(core->facts, ret, ret_count, NULL) == INQ_OK && *ret_count)
		return INQ_OK;
	status = inq_core_once(core, &core->regions_made, make_regions, err);
	if (status != INQ_OK)
		return status;
	*ret = core->regions;
	*ret_count = core->region_count;
	return INQ_OK;
}

/* --- modules -------------------------------------------------------------------------------------
 */

static enum inq_status make_links(struct core *core, struct inq_error *err)
{
	enum inq_status status =
		inq_link_list_walk(&core->target, auxv(core, AT_PHDR), auxv(core, AT_PHNUM),
				   core->layout.pointer_size, &core->links, err);

	/* A core that lacks the pages is as normal as a static program. */
	return status == INQ_FAULT
		       ? inq_fail(err, INQ_ABSENT, "the loader's list is not in the core")
		       : status;
}

static enum inq_status core_link_map(struct inq_target *self, const struct inq_link_map **ret,
				     struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status = inq_core_once(core, &core->links_made, make_links, err);

	if (status == INQ_OK)
		*ret = &core->links.map;
	return status;
}

static const char *executable(struct core *core)
{
	uint64_t address = auxv(core, AT_EXECFN);

	if (!core->executable[0] && address)
		(void)inq_target_read_string(&core->target, address, core->executable,
					     sizeof(core->executable), NULL);
	return core->executable;
}

static enum inq_status make_modules(struct core *core, struct inq_error *err)
{
	struct inq_module_source source = {
		.target = &core->target,
		.vdso = auxv(core, AT_SYSINFO_EHDR),
		.program_headers = auxv(core, AT_PHDR),
		.entry = auxv(core, AT_ENTRY),
		.executable = executable(core),
	};
	enum inq_status status =
		core_regions(&core->target, &source.regions, &source.region_count, err);

	if (status != INQ_OK)
		return status;
	(void)core_link_map(&core->target, &source.links, NULL);
	return inq_modules_make(&source, &core->modules, err);
}

static enum inq_status core_modules(struct inq_target *self, const struct inq_module **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_modules(core->facts, ret, ret_count, NULL) == INQ_OK && *ret_count)
		return INQ_OK;
	status = inq_core_once(core, &core->modules_made, make_modules, err);
	if (status != INQ_OK)
		return status;
	*ret = core->modules.modules;
	*ret_count = core->modules.count;
	return INQ_OK;
}

/* --- threads -------------------------------------------------------------------------------------
 */

static bool crashed(const struct core *core)
{
	struct inq_exception exception;

	return inq_core_exception(&core->notes, 0, &exception, NULL) == INQ_OK;
}

static void find_stack(const struct core *core, uint64_t sp, struct inq_thread *thread)
{
	const struct inq_core_layout *layout = &core->layout;
	size_t at = inq_core_segment_at(layout, sp);

	/* Below its stack: in the guard, or where nothing is mapped. */
	if (at == layout->count || !layout->segments[at].have)
		at = inq_core_segment_at(layout, sp + NEAR_STACK);
	if (at == layout->count || !layout->segments[at].have)
		return;
	thread->stack_base = layout->segments[at].base;
	thread->stack_size = layout->segments[at].have;
}

static enum inq_status make_threads(struct core *core, struct inq_error *err)
{
	const struct inq_core_notes *notes = &core->notes;
	bool died = crashed(core);
	size_t without = 0;

	core->threads = calloc(notes->thread_count + 1, sizeof(*core->threads));
	if (!core->threads)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu threads",
				notes->thread_count);
	for (size_t i = 0; i < notes->thread_count; i++) {
		const struct inq_core_thread *from = &notes->threads[i];
		struct inq_thread *thread = &core->threads[i];
		struct inq_context context;

		thread->tid = from->tid;
		thread->crashed = died && i == 0;
		/* The process's name is its leader's; those of the others are in no note. */
		if (from->tid == notes->pid)
			memcpy(thread->name, notes->program, sizeof(notes->program));
		/* The kernel gives the leader the times of the whole process. */
		if (from->tid != notes->pid || notes->thread_count == 1) {
			thread->user_us = from->user_us;
			thread->kernel_us = from->kernel_us;
		}
		thread->has_context =
			inq_core_thread_context(core->layout.machine, from, &context, &thread->tls);
		if (thread->has_context)
			find_stack(core, inq_context_sp(&context), thread);
		else
			without++;
	}
	inq_core_facts_threads(core->facts, core->threads, notes->thread_count);
	if (without)
		inq_warn(&core->warnings,
			 "%zu of %zu threads have no registers that this machine could have",
			 without, notes->thread_count);
	return INQ_OK;
}

static enum inq_status core_threads(struct inq_target *self, const struct inq_thread **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status = inq_core_once(core, &core->threads_made, make_threads, err);

	if (status != INQ_OK)
		return status;
	*ret = core->threads;
	*ret_count = core->notes.thread_count;
	return INQ_OK;
}

static enum inq_status core_context(struct inq_target *self, size_t index, struct inq_context *ret,
				    struct inq_error *err)
{
	struct core *core = core_of(self);

	if (index >= core->notes.thread_count)
		return inq_fail(err, INQ_ABSENT, "no thread %zu", index);
	if (!inq_core_thread_context(core->layout.machine, &core->notes.threads[index], ret, NULL))
		return inq_fail(err, INQ_BAD_DATA, "thread %u: registers of %zu bytes",
				core->notes.threads[index].tid,
				core->notes.threads[index].registers.size);
	return INQ_OK;
}

static enum inq_status core_xstate(struct inq_target *self, size_t index, struct inq_xstate *ret,
				   struct inq_error *err)
{
	struct core *core = core_of(self);
	const struct inq_note *note;

	if (index >= core->notes.thread_count || !core->notes.threads[index].xstate.data)
		return inq_fail(err, INQ_ABSENT, "thread %zu has no extended registers", index);
	note = &core->notes.threads[index].xstate;
	if (!inq_xstate_read(note->data, note->size, ret))
		return inq_fail(err, INQ_BAD_DATA, "thread %u: extended registers of %zu bytes",
				core->notes.threads[index].tid, note->size);
	return INQ_OK;
}

static enum inq_status core_exception(struct inq_target *self, const struct inq_exception **ret,
				      struct inq_error *err)
{
	struct core *core = core_of(self);
	struct inq_context context;
	uint64_t pc = 0;
	enum inq_status status;

	if (core_context(self, 0, &context, NULL) == INQ_OK)
		pc = inq_context_pc(&context);
	status = inq_core_exception(&core->notes, pc, &core->exception, err);
	if (status == INQ_OK)
		*ret = &core->exception;
	return status;
}

/* --- process and system --------------------------------------------------------------------------
 */

static enum inq_status make_process(struct core *core, struct inq_error *err)
{
	const struct inq_core_notes *notes = &core->notes;
	const struct inq_module *modules;
	size_t count = 0;
	struct inq_process *process = &core->process;

	(void)err;
	*process = (struct inq_process){
		.pid = notes->pid,
		.ppid = notes->ppid,
		.uid = notes->has_process ? notes->uid : UINT32_MAX,
		.gid = notes->has_process ? notes->gid : UINT32_MAX,
		.program = notes->program,
		.executable = executable(core),
		.arguments = notes->arguments,
		.dump_time = inq_file_time(core->file),
	};
	if (core_modules(&core->target, &modules, &count, NULL) == INQ_OK)
		for (size_t i = 0; i < count; i++)
			if (modules[i].main && modules[i].path[0])
				process->executable = modules[i].path;
	for (size_t i = 0; i < notes->thread_count; i++) {
		if (notes->threads[i].tid != notes->pid)
			continue;
		process->user_us = notes->threads[i].user_us;
		process->kernel_us = notes->threads[i].kernel_us;
	}
	return INQ_OK;
}

static enum inq_status core_process(struct inq_target *self, const struct inq_process **ret,
				    struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_process(core->facts, ret, NULL) == INQ_OK)
		return INQ_OK;
	status = inq_core_once(core, &core->process_made, make_process, err);
	if (status == INQ_OK)
		*ret = &core->process;
	return status;
}

/* The vdso tells the kernel's version: a note "Linux" of type 0 with LINUX_VERSION_CODE in its
 * first page. */
static void kernel_version(struct core *core)
{
	static const uint8_t head[] = {6, 0, 0,	  0,   4,   0,	 0,   0, 0, 0,
				       0, 0, 'L', 'i', 'n', 'u', 'x', 0, 0, 0};
	uint64_t vdso = auxv(core, AT_SYSINFO_EHDR);
	uint8_t page[4096];
	size_t done = 0;
	uint32_t code;

	if (!vdso ||
	    inq_target_read(&core->target, vdso, page, sizeof(page), &done, NULL) != INQ_OK)
		return;
	for (size_t at = 0; at + sizeof(head) + sizeof(code) <= done; at += 4) {
		if (memcmp(page + at, head, sizeof(head)))
			continue;
		memcpy(&code, page + at + sizeof(head), sizeof(code));
		core->system.major = code >> 16;
		core->system.minor = code >> 8 & 0xff;
		core->system.build = code & 0xff;
		return;
	}
}

static enum inq_status make_system(struct core *core, struct inq_error *err)
{
	struct inq_system *system = &core->system;
	bool x86 = core->layout.machine == INQ_MACHINE_AMD64 ||
		   core->layout.machine == INQ_MACHINE_X86;

	(void)err;
	*system = (struct inq_system){
		.machine = core->layout.machine,
		.os = INQ_OS_LINUX,
		.version = "",
		.distribution = "",
		.page_size = (uint32_t)auxv(core, AT_PAGESZ),
	};
	if (x86)
		system->cpu_features = (uint32_t)auxv(core, AT_HWCAP); /* CPUID 1 edx there */
	kernel_version(core);
	return INQ_OK;
}

static enum inq_status core_system(struct inq_target *self, const struct inq_system **ret,
				   struct inq_error *err)
{
	struct core *core = core_of(self);
	enum inq_status status;

	if (core->facts && inq_target_system(core->facts, ret, NULL) == INQ_OK)
		return INQ_OK;
	status = inq_core_once(core, &core->system_made, make_system, err);
	if (status == INQ_OK)
		*ret = &core->system;
	return status;
}

static enum inq_status core_warning(struct inq_target *self, size_t index, const char **ret)
{
	struct core *core = core_of(self);

	/* What is found only when the parts are made belongs to the answer. */
	(void)inq_core_once(core, &core->threads_made, make_threads, NULL);
	(void)inq_core_once(core, &core->modules_made, make_modules, NULL);
	return inq_warnings_get(&core->warnings, index, ret);
}

/* --- opening -------------------------------------------------------------------------------------
 */

static void core_free(struct inq_target *self)
{
	struct core *core = core_of(self);

	inq_target_free(core->facts);
	for (size_t i = 0; i < INQ_CORE_NOTES_MAX; i++)
		free(core->note_bytes[i]);
	free(core->threads);
	free(core->ranges);
	free(core->regions);
	inq_core_files_done(&core->files);
	inq_told_done(&core->told);
	inq_buffer_done(&core->arguments);
	inq_buffer_done(&core->environment);
	inq_buffer_done(&core->maps);
	inq_link_list_done(&core->links);
	inq_modules_done(&core->modules);
	inq_core_notes_done(&core->notes);
	inq_core_layout_done(&core->layout);
	inq_warnings_done(&core->warnings);
	inq_file_close(core->file);
	free(core);
}

static const struct inq_target_ops core_ops = {
	.kind = "ELF core",
	.system = core_system,
	.process = core_process,
	.threads = core_threads,
	.context = core_context,
	.modules = core_modules,
	.regions = core_regions,
	.memory = core_memory,
	.read = core_read,
	.xstate = core_xstate,
	.exception = core_exception,
	.text = inq_core_text,
	.link_map = core_link_map,
	.unloaded = inq_core_unloaded,
	.annotations = inq_core_annotations,
	.handles = inq_core_handles,
	.token = inq_core_token,
	.counters = inq_core_counters,
	.warning = core_warning,
	.free = core_free,
};

/* One PT_NOTE, as far as the file holds it; *budget is what may still be read of all of them. */
static enum inq_status read_notes(struct core *core, size_t index, uint64_t *budget,
				  struct inq_error *err)
{
	const struct inq_core_note_segment *segment = &core->layout.notes[index];
	uint64_t file_size = inq_file_size(core->file);
	uint64_t size = segment->offset < file_size ? file_size - segment->offset : 0;
	size_t done = 0;
	enum inq_status status;

	size = segment->size < size ? segment->size : size;
	size = size < *budget ? size : *budget;
	*budget -= size;
	if (size < segment->size)
		inq_warn(&core->warnings, "the notes are cut: %llu of %llu bytes are there",
			 (unsigned long long)size, (unsigned long long)segment->size);
	if (!size)
		return INQ_OK;
	core->note_bytes[index] = malloc((size_t)size);
	if (!core->note_bytes[index])
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %llu bytes of notes",
				(unsigned long long)size);
	status = inq_file_read(core->file, segment->offset, core->note_bytes[index], (size_t)size,
			       &done, err);
	if (status == INQ_NO_MEMORY)
		return status;
	if (done < size)
		inq_warn(&core->warnings, "the notes are damaged from byte %zu on", done);
	status = inq_core_notes_parse(core->note_bytes[index], done, segment->align, &core->notes,
				      err);
	if (core->notes.damaged)
		inq_warn(&core->warnings, "the note at 0x%llx runs past the end of the notes",
			 (unsigned long long)(segment->offset + core->notes.damaged_at));
	core->notes.damaged = false;
	return status;
}

static void warn_of_layout(struct core *core)
{
	const struct inq_core_layout *layout = &core->layout;
	unsigned long long size = inq_file_size(core->file);

	if (layout->headers_missing)
		inq_warn(&core->warnings, "%llu of %llu program headers are not in the file",
			 (unsigned long long)layout->headers_missing,
			 (unsigned long long)layout->headers);
	if (layout->cut_bytes)
		inq_warn(&core->warnings,
			 "the core is truncated: %llu bytes of memory in %llu segments are missing "
			 "(the file has %llu of %llu bytes)",
			 (unsigned long long)layout->cut_bytes,
			 (unsigned long long)layout->cut_segments, size,
			 (unsigned long long)layout->whole_size);
	if (layout->overlapping)
		inq_warn(&core->warnings, "%llu segments overlap others: cut or left out",
			 (unsigned long long)layout->overlapping);
	if (layout->notes_left_out)
		inq_warn(&core->warnings, "%llu of the note segments are not read",
			 (unsigned long long)layout->notes_left_out);
}

static enum inq_status load(struct core *core, struct inq_error *err)
{
	uint64_t budget = inq_file_size(core->file) < NOTES_BYTES_MAX ? inq_file_size(core->file)
								      : NOTES_BYTES_MAX;
	enum inq_status status = inq_core_layout_read(core->file, &core->layout, err);
	struct inq_error why = {0};

	if (status != INQ_OK)
		return status;
	warn_of_layout(core);
	core->notes.machine = core->layout.machine;
	core->notes.pointer_size = core->layout.pointer_size;
	for (size_t i = 0; i < core->layout.note_count && status == INQ_OK; i++)
		status = read_notes(core, i, &budget, err);
	if (status != INQ_OK)
		return status;
	status = inq_core_facts_open(core->notes.facts, &core->facts, &why);
	if (status == INQ_NO_MEMORY)
		return inq_prepend(err, status, "%s", why.text);
	if (status != INQ_OK && status != INQ_ABSENT)
		inq_warn_error(&core->warnings, &why);
	if (!core->notes.thread_count && !core->layout.count)
		return inq_fail(err, INQ_BAD_DATA, "a core without a thread and without memory");
	if (!core->notes.thread_count)
		inq_warn(&core->warnings, "no thread: the core has no registers (NT_PRSTATUS)");
	return INQ_OK;
}

enum inq_status inq_target_open_core(struct inq_file *file, struct inq_target **ret,
				     struct inq_error *err)
{
	struct core *core = calloc(1, sizeof(*core));
	enum inq_status status;

	if (!core) {
		inq_file_close(file);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for a core");
	}
	core->file = file;
	core->target.ops = &core_ops;
	core->target.name = inq_file_name(file);
	status = load(core, err);
	if (status != INQ_OK) {
		inq_prepend(err, status, "'%s'", inq_file_name(file));
		inq_target_free(&core->target);
		return status;
	}
	*ret = &core->target;
	return INQ_OK;
}
