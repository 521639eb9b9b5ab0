/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/auxv.h"
#include "target/dying_facts.h"
#include "target/dying_private.h"
#include "target/touched.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct inq_dying *self(struct inq_target *target)
{
	return (struct inq_dying *)target; /* `target` is its first member */
}

void inq_dying_warn(struct inq_dying *dying, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	inq_buffer_append(&dying->warnings, text, strlen(text) + 1);
}

const void *inq_dying_auxv(const struct inq_dying *dying, size_t *ret_size)
{
	const struct inq_dying_bytes *text = &dying->source.texts[INQ_DYING_AUXV];

	if (text->data && text->size) {
		*ret_size = text->size;
		return text->data;
	}
	*ret_size = dying->core.notes.auxv.size;
	return dying->core.notes.auxv.data;
}

static uint64_t auxv_value(const struct inq_dying *dying, uint64_t type)
{
	size_t size;
	const void *auxv = inq_dying_auxv(dying, &size);
	uint64_t value;

	if (!auxv ||
	    !inq_auxv_find(auxv, size, dying->core.pointer_size == 4 ? 4 : 8, type, &value))
		return 0;
	return value;
}

enum inq_status inq_dying_slurp(int fd, size_t limit, struct inq_buffer *ret)
{
	if (fd < 0)
		return INQ_ABSENT;
	while (ret->size < limit) {
		size_t room = limit - ret->size < 16384 ? limit - ret->size : 16384;
		ssize_t got;

		if (!inq_buffer_reserve(ret, room))
			return INQ_NO_MEMORY;
		got = read(fd, ret->data + ret->size, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		ret->size += (size_t)got;
	}
	return ret->size ? INQ_OK : INQ_ABSENT;
}

static enum inq_status lazy_text(struct inq_dying_lazy *lazy, int fd)
{
	if (!lazy->once.done) {
		lazy->once.done = true;
		lazy->once.status = inq_dying_slurp(fd, INQ_DYING_MAX_TEXT, &lazy->bytes);
	}
	return lazy->once.status;
}

/* --- memory ---------------------------------------------------------------------------------- */

static enum inq_status dying_read(struct inq_target *target, uint64_t address, void *to,
				  size_t size, size_t *ret_done, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	enum inq_status status = inq_dying_regions_make(dying, err);
	size_t wanted, done = 0;
	int memory;

	*ret_done = 0;
	if (status != INQ_OK)
		return status;
	if (dying->released || dying->vanished || dying->source.mem_fd < 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: the process is gone",
				(unsigned long long)address);
	wanted = inq_ranges_hold(dying->readable, dying->readable_count, address, size);
	if (wanted == 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: not mapped, or not to be read",
				(unsigned long long)address);
	wanted = inq_dying_slow_clip(dying, address, wanted, &memory);
	if (wanted == 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: not in memory, and its file system may not answer",
				(unsigned long long)address);
	while (done < wanted) {
		ssize_t got = pread(memory, (uint8_t *)to + done, wanted - done,
				    (off_t)(address + done));

		if (got < 0 && errno == EINTR)
			continue;
		/* No error but nothing: the address space itself is gone (mem_rw() in
		 * fs/proc/base.c). */
		if (got == 0 && done == 0 && !dying->vanished) {
			dying->vanished = true;
			inq_dying_warn(
				dying,
				"memory is missing: the process was gone before it was read");
		}
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	*ret_done = done;
	if (done)
		return INQ_OK;
	return inq_fail(err, INQ_FAULT, "0x%llx: %s", (unsigned long long)address,
			dying->vanished ? "the process is gone" : strerror(errno));
}

/* A private, read-only part of a file of which a part nearby is code: a module's constants. Data that a program
 * mapped and wants out of its cores is not next to code of the same file. */
static bool is_of_an_image(const struct inq_dying *dying, const struct inq_region *region)
{
	enum { NEAR = 4 }; /* mappings on each side; images have four or five */
	const struct inq_region *regions = dying->maps.regions;
	size_t at = (size_t)(region - regions), low = at > NEAR ? at - NEAR : 0;

	if (region->protection & INQ_PROT_WRITE || region->flags & (INQ_REGION_SHARED | INQ_REGION_NO_DUMP) ||
	    !(region->protection & INQ_PROT_READ) || !region->inode || region->name[0] != '/')
		return false;
	for (size_t i = low; i < dying->maps.count && i <= at + NEAR; i++) {
		if (regions[i].protection & INQ_PROT_EXEC && regions[i].inode == region->inode &&
		    regions[i].device_major == region->device_major &&
		    regions[i].device_minor == region->device_minor)
			return true;
	}
	return false;
}

static enum inq_status dying_read_tables(struct inq_target *target, uint64_t address, void *to, size_t size,
					 size_t *ret_done, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	const struct inq_region *region;
	ssize_t got;
	int memory;

	if (dying_read(target, address, to, size, ret_done, err) == INQ_OK)
		return INQ_OK;
	region = inq_region_at(dying->maps.regions, dying->maps.count, address);
	if (dying->released || dying->source.mem_fd < 0 || !region || !is_of_an_image(dying, region))
		return INQ_FAULT;
	if (size > region->base + region->size - address)
		size = (size_t)(region->base + region->size - address);
	size = inq_dying_slow_clip(dying, address, size, &memory);
	if (!size)
		return INQ_FAULT;
	do
		got = pread(memory, to, size, (off_t)address);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return INQ_FAULT;
	*ret_done = (size_t)got;
	return INQ_OK;
}

static enum inq_status dying_memory(struct inq_target *target, const struct inq_range **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	enum inq_status status = inq_dying_regions_make(dying, err);

	if (status != INQ_OK)
		return status;
	*ret = dying->readable;
	*ret_count = dying->readable_count;
	return INQ_OK;
}

static enum inq_status dying_regions(struct inq_target *target, const struct inq_region **ret,
				     size_t *ret_count, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	enum inq_status status = inq_dying_regions_make(dying, err);

	if (status != INQ_OK)
		return status;
	if (dying->maps.count == 0)
		return inq_fail(err, INQ_ABSENT, "no list of mappings");
	*ret = dying->maps.regions;
	*ret_count = dying->maps.count;
	return INQ_OK;
}

/* --- threads --------------------------------------------------------------------------------- */

static enum inq_status dying_threads(struct inq_target *target, const struct inq_thread **ret,
				     size_t *ret_count, struct inq_error *err)
{
	(void)err;
	*ret = self(target)->threads;
	*ret_count = self(target)->thread_count;
	return INQ_OK;
}

static enum inq_status dying_context(struct inq_target *target, size_t index,
				     struct inq_context *ret, struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	if (index >= dying->thread_count || !dying->threads[index].has_context)
		return inq_fail(err, INQ_ABSENT, "thread %zu has no registers", index);
	ret->machine = dying->core.machine;
	ret->size = dying->core.context_size;
	memcpy(ret->raw, inq_dying_core_thread(&dying->core, index)->raw, sizeof(ret->raw));
	return INQ_OK;
}

/* --- exception ------------------------------------------------------------------------------- */

static enum inq_status make_exception(struct inq_dying *dying, struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status;
	uint64_t pc = 0;

	if (dying->has_jit) {
		dying->exception = dying->jit.exception;
		return INQ_OK;
	}
	if (dying_context(&dying->target, 0, &context, NULL) == INQ_OK)
		pc = inq_context_pc(&context);
	status = inq_core_exception(&dying->core.notes, pc, &dying->exception, err);
	if (status == INQ_ABSENT && dying->source.signal) {
		/* Notes lost: the kernel's argument still says which signal it was. */
		dying->exception =
			(struct inq_exception){.code = dying->source.signal, .address = pc};
		status = INQ_OK;
	}
	if (status == INQ_OK)
		dying->exception.tid = dying->threads[0].tid;
	return status;
}

static enum inq_status dying_exception(struct inq_target *target, const struct inq_exception **ret,
				       struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	if (!dying->exception_once.done) {
		dying->exception_once.done = true;
		dying->exception_once.status = make_exception(dying, err);
	}
	if (dying->exception_once.status != INQ_OK)
		return inq_fail(err, dying->exception_once.status, "no signal is known");
	*ret = &dying->exception;
	return INQ_OK;
}

static enum inq_status dying_exception_context(struct inq_target *target, struct inq_context *ret,
					       struct inq_error *err)
{
	return dying_context(target, 0, ret, err);
}

/* --- modules --------------------------------------------------------------------------------- */

static enum inq_status dying_link_map(struct inq_target *target, const struct inq_link_map **ret,
				      struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	if (!dying->links_once.done) {
		dying->links_once.done = true;
		dying->links_once.status = inq_link_list_walk(target, auxv_value(dying, AT_PHDR),
							      auxv_value(dying, AT_PHNUM),
							      dying->core.pointer_size == 4 ? 4 : 8,
							      &dying->links, err);
	}
	if (dying->links_once.status != INQ_OK)
		return inq_fail(err, dying->links_once.status, "no loader's list of modules");
	*ret = &dying->links.map;
	return INQ_OK;
}

static const char DELETED[] = " (deleted)";

/* The path without what the kernel appends to the name of a file that is gone. */
static const char *executable_path(struct inq_dying *dying)
{
	const char *path = dying->source.executable;
	size_t size = path ? strlen(path) : 0, tail = sizeof(DELETED) - 1;

	if (dying->executable.data || !path)
		return inq_buffer_text(&dying->executable);
	if (size > tail && memcmp(path + size - tail, DELETED, tail) == 0)
		size -= tail;
	inq_buffer_append(&dying->executable, path, size);
	return inq_buffer_text(&dying->executable);
}

static enum inq_status make_modules(struct inq_dying *dying, struct inq_error *err)
{
	const struct inq_link_map *links = NULL;
	const char *executable = executable_path(dying);
	struct inq_module_source source = {
		.target = &dying->target,
		.vdso = auxv_value(dying, AT_SYSINFO_EHDR),
		.program_headers = auxv_value(dying, AT_PHDR),
		.entry = auxv_value(dying, AT_ENTRY),
		.executable = executable[0] ? executable : NULL,
	};
	enum inq_status status = inq_dying_regions_make(dying, err);

	if (status != INQ_OK)
		return status;
	source.regions = dying->maps.regions;
	source.region_count = dying->maps.count;
	if (dying_link_map(&dying->target, &links, NULL) == INQ_OK)
		source.links = links;
	return inq_modules_make(&source, &dying->modules, err);
}

static enum inq_status dying_modules(struct inq_target *target, const struct inq_module **ret,
				     size_t *ret_count, struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	if (!dying->modules_once.done) {
		dying->modules_once.done = true;
		dying->modules_once.status = make_modules(dying, err);
	}
	if (dying->modules_once.status != INQ_OK)
		return inq_fail(err, dying->modules_once.status,
				"the list of modules could not be made");
	*ret = dying->modules.modules;
	*ret_count = dying->modules.count;
	return INQ_OK;
}

/* --- system and process ---------------------------------------------------------------------- */

static void make_system(struct inq_dying *dying)
{
	const struct utsname *kernel = dying->source.kernel;
	struct inq_system *system = &dying->system;

	system->machine = dying->core.machine;
	system->os = INQ_OS_LINUX;
	system->version = system->distribution = "";
	inq_cpu_facts(system);
	system->page_size = (uint32_t)auxv_value(dying, AT_PAGESZ);
	if (lazy_text(&dying->cpuinfo, dying->source.cpuinfo_fd) == INQ_OK)
		system->processors = inq_cpuinfo_count((const char *)dying->cpuinfo.bytes.data,
						       dying->cpuinfo.bytes.size);
	if (kernel) {
		inq_release_numbers(kernel->release, &system->major, &system->minor,
				    &system->build);
		inq_buffer_printf(&dying->version, "%s %s %s %s", kernel->sysname, kernel->release,
				  kernel->version, kernel->machine);
		system->version = inq_buffer_text(&dying->version);
	}
	if (lazy_text(&dying->os_release, dying->source.os_release_fd) == INQ_OK &&
	    inq_os_release_value((const char *)dying->os_release.bytes.data,
				 dying->os_release.bytes.size, "PRETTY_NAME", &dying->distribution))
		system->distribution = inq_buffer_text(&dying->distribution);
}

static enum inq_status dying_system(struct inq_target *target, const struct inq_system **ret,
				    struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	(void)err;
	if (!dying->system_once.done)
		make_system(dying);
	dying->system_once.done = true;
	*ret = &dying->system;
	return INQ_OK;
}

/* What the process was called with, as one would type it: arguments end in NUL. */
static const char *arguments_text(struct inq_dying *dying)
{
	const struct inq_dying_bytes *text = &dying->source.texts[INQ_DYING_CMDLINE];
	size_t size = text->data ? text->size : 0;

	while (size && text->data[size - 1] == '\0')
		size--;
	inq_buffer_append(&dying->arguments, text->data, size);
	for (size_t i = 0; i < dying->arguments.size; i++) {
		if (dying->arguments.data[i] == '\0')
			dying->arguments.data[i] = ' ';
	}
	return inq_buffer_text(&dying->arguments);
}

/* The leader's name is the process's; its thread may have another one. */
static const char *program_name(const struct inq_dying *dying)
{
	for (size_t i = 0; i < dying->thread_count; i++) {
		if (dying->threads[i].tid == dying->source.pid && dying->threads[i].name[0])
			return dying->threads[i].name;
	}
	return dying->core.notes.has_process ? dying->core.notes.program : "";
}

static void make_process(struct inq_dying *dying)
{
	const struct inq_dying_source *source = &dying->source;
	struct inq_stat_facts stat = inq_stat_facts(&source->texts[INQ_DYING_STAT]);

	dying->process = (struct inq_process){
		.pid = source->pid ? source->pid : dying->core.notes.pid,
		.ppid = stat.ppid,
		.uid = source->uid,
		.gid = source->gid,
		.program = program_name(dying),
		.executable = executable_path(dying),
		.arguments = arguments_text(dying),
		.create_time =
			inq_create_time(&source->texts[INQ_DYING_UPTIME], source->dump_time, &stat),
		.user_us = stat.user_us,
		.kernel_us = stat.kernel_us,
		.dump_time = source->dump_time,
	};
}

static enum inq_status dying_process(struct inq_target *target, const struct inq_process **ret,
				     struct inq_error *err)
{
	struct inq_dying *dying = self(target);

	(void)err;
	if (!dying->process_once.done)
		make_process(dying);
	dying->process_once.done = true;
	*ret = &dying->process;
	return INQ_OK;
}

/* --- texts ----------------------------------------------------------------------------------- */

static enum inq_status release_text(struct inq_dying *dying, const char **ret, size_t *ret_size)
{
	if (lazy_text(&dying->os_release, dying->source.os_release_fd) != INQ_OK)
		return INQ_ABSENT;
	if (!dying->release.data)
		inq_os_release_convert((const char *)dying->os_release.bytes.data,
				       dying->os_release.bytes.size, &dying->release);
	*ret = inq_buffer_text(&dying->release);
	*ret_size = dying->release.size;
	return dying->release.size ? INQ_OK : INQ_ABSENT;
}

static enum inq_status cpuinfo_text(struct inq_dying *dying, const char **ret, size_t *ret_size)
{
	if (lazy_text(&dying->cpuinfo, dying->source.cpuinfo_fd) != INQ_OK)
		return INQ_ABSENT;
	*ret = (const char *)dying->cpuinfo.bytes.data;
	*ret_size = inq_cpuinfo_cut(*ret, dying->cpuinfo.bytes.size, INQ_DYING_MAX_CPUINFO);
	return INQ_OK;
}

static enum inq_status dying_text(struct inq_target *target, enum inq_text_kind kind,
				  const char **ret, size_t *ret_size, struct inq_error *err)
{
	static const int raw[INQ_TEXT_COUNT] = {
		[INQ_TEXT_STATUS] = INQ_DYING_STATUS + 1,
		[INQ_TEXT_CMDLINE] = INQ_DYING_CMDLINE + 1,
		[INQ_TEXT_ENVIRON] = INQ_DYING_ENVIRON + 1,
		[INQ_TEXT_MAPS] = INQ_DYING_MAPS + 1,
		[INQ_TEXT_LIMITS] = INQ_DYING_LIMITS + 1,
	};
	struct inq_dying *dying = self(target);
	enum inq_status status = INQ_ABSENT;

	if (kind == INQ_TEXT_CPUINFO)
		status = cpuinfo_text(dying, ret, ret_size);
	else if (kind == INQ_TEXT_RELEASE)
		status = release_text(dying, ret, ret_size);
	else if (kind == INQ_TEXT_KERNEL)
		status = inq_dying_kernel_text(dying, ret, ret_size);
	else if (kind == INQ_TEXT_AUXV) {
		size_t size;
		const void *auxv = inq_dying_auxv(dying, &size);

		if (auxv && size) {
			*ret = auxv;
			*ret_size = size;
			status = INQ_OK;
		}
	} else if ((unsigned)kind < INQ_TEXT_COUNT && raw[kind]) {
		const struct inq_dying_bytes *text = &dying->source.texts[raw[kind] - 1];

		if (text->data && text->size) {
			*ret = text->data;
			*ret_size = text->size;
			status = INQ_OK;
		}
	}
	return status == INQ_OK ? INQ_OK : inq_fail(err, status, "not acquired");
}

/* --- what the program told ----------------------------------------------------------------------- */

static enum inq_status dying_unloaded(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				      struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	enum inq_status status = inq_dying_told_make(dying, err);

	if (status != INQ_OK)
		return status;
	*ret = dying->told.unloaded;
	*ret_count = dying->told.unloaded_count;
	return INQ_OK;
}

static enum inq_status dying_annotations(struct inq_target *target, const struct inq_annotation **ret,
					 size_t *ret_count, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	enum inq_status status = inq_dying_told_make(dying, err);

	if (status != INQ_OK)
		return status;
	*ret = dying->told.annotations;
	*ret_count = dying->told.annotation_count;
	return INQ_OK;
}

static enum inq_status dying_warning(struct inq_target *target, size_t index, const char **ret)
{
	const struct inq_buffer *warnings = &self(target)->warnings;
	size_t at = 0;

	while (at < warnings->size && index > 0) {
		at += strlen((const char *)warnings->data + at) + 1;
		index--;
	}
	if (at >= warnings->size)
		return INQ_ABSENT;
	*ret = (const char *)warnings->data + at;
	return INQ_OK;
}

/* --- life ------------------------------------------------------------------------------------ */

static void dying_free(struct inq_target *target)
{
	struct inq_dying *dying = self(target);

	inq_modules_done(&dying->modules);
	inq_link_list_done(&dying->links);
	inq_maps_done(&dying->maps);
	inq_core_files_done(&dying->files);
	inq_dying_core_done(&dying->core);
	free(dying->threads);
	free(dying->readable);
	inq_touched_free(dying->touched);
	inq_touched_free(dying->slow_touched);
	inq_dying_wanted_done(dying);
	inq_told_done(&dying->told);
	struct inq_buffer *buffers[] = {
		&dying->cpuinfo.bytes, &dying->os_release.bytes, &dying->release, &dying->version,
		&dying->distribution, &dying->executable, &dying->arguments, &dying->warnings,
	};
	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
		inq_buffer_done(buffers[i]);
	free(dying);
}

static const struct inq_target_ops dying_ops = {
	.kind = "dying process",
	.system = dying_system,
	.process = dying_process,
	.threads = dying_threads,
	.context = dying_context,
	.modules = dying_modules,
	.regions = dying_regions,
	.memory = dying_memory,
	.read = dying_read,
	.read_tables = dying_read_tables,
	.unmodified = inq_dying_unmodified,
	.exception = dying_exception,
	.exception_context = dying_exception_context,
	.text = dying_text,
	.link_map = dying_link_map,
	.unloaded = dying_unloaded,
	.annotations = dying_annotations,
	.handles = inq_dying_handles,
	.token = inq_dying_token,
	.counters = inq_dying_counters,
	.xstate = inq_dying_xstate,
	.extent = inq_dying_extent,
	.warning = dying_warning,
	.free = dying_free,
};

enum inq_status inq_target_open_dying(const struct inq_dying_source *source,
				      struct inq_target **ret, struct inq_error *err)
{
	struct inq_dying *dying = calloc(1, sizeof(*dying));
	enum inq_status status;

	if (!dying)
		return inq_fail(err, INQ_NO_MEMORY, "dying process: out of memory");
	dying->source = *source;
	snprintf(dying->name, sizeof(dying->name), "process %u", (unsigned)source->pid);
	/* A live process that was stopped answers as a dying one does; only its name differs. */
	dying->ops = dying_ops;
	if (source->living)
		dying->ops.kind = "live process";
	dying->target = (struct inq_target){.ops = &dying->ops, .name = dying->name};
	if (source->stopped)
		status = inq_dying_stopped_make(dying, err);
	else
		status = inq_dying_core_read(source->core_fd, source->wants & INQ_PROC_XSTATE, &dying->core, err);
	if (status == INQ_OK)
		status = inq_dying_threads_make(dying, err);
	if (status != INQ_OK) {
		dying_free(&dying->target);
		return status;
	}
	inq_dying_thread_facts(dying);
	if (dying->core.problem[0])
		inq_dying_warn(dying, "%s", dying->core.problem);
	if (source->record)
		inq_dying_record_read(dying);
	/* What else the stub tells as well, while there is memory to read it from. */
	(void)inq_dying_told_make(dying, NULL);
	inq_dying_thread_starts(dying);
	*ret = &dying->target;
	return INQ_OK;
}

void inq_target_dying_release(struct inq_target *target)
{
	if (target && target->ops->free == dying_free)
		self(target)->released = true;
}
