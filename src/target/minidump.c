/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A minidump as a target: every question is answered from the streams, whoever wrote them. The
 * reader decodes; here is decided which stream answers what.
 */
#include "target/target.h"

#include "minidump/inquest.h"
#include "minidump/reader.h"
#include "support/buffer.h"
#include "support/file.h"
#include "target/auxv.h"
#include "target/minidump_facts.h"
#include "target/minidump_modules.h"
#include "target/minidump_regions.h"
#include "target/minidump_streams.h"
#include "target/minidump_threads.h"
#include "target/proc_maps.h"
#include "target/status_text.h"
#include "target/warnings.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Something that is made once. */
struct made {
	bool tried;
	enum inq_status status;
	struct inq_error err;
};

struct mini {
	struct inq_target target;
	struct inq_file *file; /* owned; outlives the dump */
	struct inq_dump *dump; /* owned */
	struct inq_system system;
	struct inq_process process;
	struct inq_exception exception;
	struct inq_thread *threads;
	size_t thread_count;
	struct inq_module *modules;
	size_t module_count;
	struct inq_range *ranges;
	size_t range_count;
	struct inq_maps maps; /* regions point into it where it is there */
	struct inq_region *regions;
	size_t region_count;
	struct inq_link *links;
	struct inq_link_map link_map;
	struct inq_buffer arguments, distribution, name;
	struct inq_minidump_facts facts;
	struct inq_module *unloaded; /* those of `modules` that are */
	size_t unloaded_count;
	struct inq_annotation *annotations;
	struct inq_warnings warnings;
	bool warned, maps_tried;
	struct made system_made, process_made, threads_made, modules_made, ranges_made,
		regions_made, links_made;
};

static struct mini *mini_of(struct inq_target *self)
{
	return (struct mini *)self; /* target is its first member */
}

/* Run `make` once, and answer the same ever after. */
static enum inq_status once(struct mini *mini, struct made *made,
			    enum inq_status (*make)(struct mini *, struct inq_error *),
			    struct inq_error *err)
{
	if (!made->tried) {
		made->tried = true;
		made->status = make(mini, &made->err);
	}
	if (made->status != INQ_OK && err)
		*err = made->err;
	return made->status;
}

/* --- texts ---------------------------------------------------------------------------------------
 */

static const uint32_t stream_of_text[INQ_TEXT_COUNT] = {
	[INQ_TEXT_CPUINFO] = MD_STREAM_LINUX_CPU_INFO,
	[INQ_TEXT_STATUS] = MD_STREAM_LINUX_PROC_STATUS,
	[INQ_TEXT_RELEASE] = MD_STREAM_LINUX_LSB_RELEASE,
	[INQ_TEXT_CMDLINE] = MD_STREAM_LINUX_CMD_LINE,
	[INQ_TEXT_ENVIRON] = MD_STREAM_LINUX_ENVIRON,
	[INQ_TEXT_AUXV] = MD_STREAM_LINUX_AUXV,
	[INQ_TEXT_MAPS] = MD_STREAM_LINUX_MAPS,
	[INQ_TEXT_KERNEL] = MD_STREAM_INQUEST_KERNEL,
};

static enum inq_status mini_text(struct inq_target *self, enum inq_text_kind kind, const char **ret,
				 size_t *ret_size, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	struct inq_dump_bytes bytes;
	const char *comment;
	enum inq_status status;

	if (kind == INQ_TEXT_COMMENT) {
		status = inq_dump_comment(mini->dump, &comment, err);
		if (status == INQ_OK) {
			*ret = comment;
			*ret_size = strlen(comment);
		}
		return status;
	}
	if ((unsigned)kind >= INQ_TEXT_COUNT || !stream_of_text[kind])
		return inq_fail(err, INQ_ABSENT, "a minidump has no stream for that");
	status = inq_dump_stream_bytes(mini->dump, stream_of_text[kind], &bytes, err);
	if (status != INQ_OK)
		return status;
	*ret = (const char *)bytes.data;
	*ret_size = bytes.size;
	return INQ_OK;
}

/* The same, "" where it is not there. */
static const char *text_of(struct mini *mini, enum inq_text_kind kind, size_t *ret_size)
{
	const char *text = "";

	*ret_size = 0;
	(void)mini_text(&mini->target, kind, &text, ret_size, NULL);
	return text;
}

/* --- system --------------------------------------------------------------------------------------
 */

static const struct {
	uint32_t platform;
	enum inq_os os;
} systems[] = {
	{MD_PLATFORM_LINUX, INQ_OS_LINUX},	{MD_PLATFORM_ANDROID, INQ_OS_ANDROID},
	{MD_PLATFORM_WIN32_NT, INQ_OS_WINDOWS}, {MD_PLATFORM_WIN32_WINDOWS, INQ_OS_WINDOWS},
	{MD_PLATFORM_WIN32S, INQ_OS_WINDOWS},	{MD_PLATFORM_MACOS, INQ_OS_MACOS},
};

static enum inq_os os_of(uint32_t platform)
{
	for (size_t i = 0; i < sizeof(systems) / sizeof(*systems); i++)
		if (systems[i].platform == platform)
			return systems[i].os;
	return INQ_OS_OTHER;
}

/* Without SystemInfo: the contexts say what machine it was, the Linux streams that it was Linux. */
static void guess_system(struct mini *mini)
{
	const struct inq_dump_threads *threads;
	struct inq_context context;
	size_t size;

	if (inq_dump_threads(mini->dump, &threads, NULL) == INQ_OK)
		for (size_t i = 0; i < threads->count && !mini->system.machine; i++)
			if (inq_minidump_context(mini->dump, threads->items[i].context, &context,
						 NULL) == INQ_OK)
				mini->system.machine = context.machine;
	text_of(mini, INQ_TEXT_STATUS, &size);
	if (size)
		mini->system.os = INQ_OS_LINUX;
}

static void linux_system(struct mini *mini)
{
	struct inq_system *system = &mini->system;
	static const char *const keys[] = {"PRETTY_NAME", "DISTRIB_DESCRIPTION"};
	const struct inq_machine_info *info = inq_machine_info(system->machine);
	const char *text, *value;
	size_t size, length;
	uint64_t page = 0;

	/* The free text is the kernel's own; LLDB leaves what was in its memory in the numbers. */
	if (!inq_kernel_release(system->version, &system->major, &system->minor, &system->build) &&
	    system->major > 255)
		system->major = system->minor = system->build = 0;
	text = text_of(mini, INQ_TEXT_RELEASE, &size);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !mini->distribution.size; i++)
		if (inq_status_value(text, size, keys[i], &value, &length)) {
			inq_buffer_append(&mini->distribution, value, length);
			inq_buffer_append(&mini->distribution, "", 1);
		}
	if (inq_buffer_ok(&mini->distribution) && mini->distribution.size)
		system->distribution = (const char *)mini->distribution.data;
	text = text_of(mini, INQ_TEXT_AUXV, &size);
	if (info && inq_auxv_find(text, size, info->pointer_size, AT_PAGESZ, &page))
		system->page_size = (uint32_t)page;
}

static enum inq_status make_system(struct mini *mini, struct inq_error *err)
{
	const struct inq_dump_system *from;
	struct inq_system *system = &mini->system;
	enum inq_status status = inq_dump_system(mini->dump, &from, err);

	*system = (struct inq_system){.version = "", .distribution = ""};
	if (status == INQ_OK) {
		system->machine = inq_machine_from_minidump(from->raw.architecture);
		system->os = os_of(from->raw.platform);
		system->processor_level = from->raw.level;
		system->processor_revision = from->raw.revision;
		system->processors = from->raw.processors;
		system->major = from->raw.major;
		system->minor = from->raw.minor;
		system->build = from->raw.build;
		system->version = from->csd;
		memcpy(system->cpu_vendor, from->vendor, sizeof(system->cpu_vendor));
		system->cpu_vendor[sizeof(system->cpu_vendor) - 1] = '\0';
		if (from->vendor[0]) {
			system->cpu_signature = from->raw.cpu.x86.version;
			system->cpu_features = from->raw.cpu.x86.features;
		}
	} else {
		guess_system(mini);
		if (!system->machine)
			return status;
	}
	if (system->machine == INQ_MACHINE_X86 || system->machine == INQ_MACHINE_AMD64)
		system->page_size = 4096;
	if (system->os == INQ_OS_LINUX || system->os == INQ_OS_ANDROID)
		linux_system(mini);
	return INQ_OK;
}

static enum inq_status mini_system(struct inq_target *self, const struct inq_system **ret,
				   struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->system_made, make_system, err);

	if (status == INQ_OK)
		*ret = &mini->system;
	return status;
}

static enum inq_os os(struct mini *mini)
{
	return once(mini, &mini->system_made, make_system, NULL) == INQ_OK ? mini->system.os
									   : INQ_OS_UNKNOWN;
}

/* --- modules and memory --------------------------------------------------------------------------
 */

static bool parse_maps(struct mini *mini)
{
	struct inq_error why = {0};
	size_t size;
	const char *maps = text_of(mini, INQ_TEXT_MAPS, &size);

	if (!mini->maps_tried && size) {
		inq_maps_parse(maps, size, &mini->maps, &why);
		inq_warn_error(&mini->warnings, &why);
	}
	mini->maps_tried = true;
	return mini->maps.count != 0;
}

static enum inq_status make_modules(struct mini *mini, struct inq_error *err)
{
	enum inq_status status = inq_minidump_modules(mini->dump, os(mini), &mini->modules,
						      &mini->module_count, err);

	if (status == INQ_OK && parse_maps(mini))
		inq_minidump_modules_widen(mini->modules, mini->module_count, mini->maps.regions,
					   mini->maps.count);
	return status;
}

static enum inq_status mini_modules(struct inq_target *self, const struct inq_module **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->modules_made, make_modules, err);

	if (status == INQ_OK) {
		*ret = mini->modules;
		*ret_count = mini->module_count;
	}
	return status;
}

static enum inq_status make_ranges(struct mini *mini, struct inq_error *err)
{
	const struct inq_dump_memory *memory;
	enum inq_status status = inq_dump_memory(mini->dump, &memory, err);

	if (status != INQ_OK)
		return status;
	mini->ranges = malloc((memory->count + 1) * sizeof(*mini->ranges));
	if (!mini->ranges)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu ranges", memory->count);
	for (size_t i = 0; i < memory->count; i++) {
		const struct inq_dump_range *range = &memory->items[i];
		struct inq_range *last =
			mini->range_count ? &mini->ranges[mini->range_count - 1] : NULL;

		if (last && last->base + last->size == range->address)
			last->size += range->size;
		else
			mini->ranges[mini->range_count++] =
				(struct inq_range){.base = range->address, .size = range->size};
	}
	return INQ_OK;
}

static enum inq_status mini_memory(struct inq_target *self, const struct inq_range **ret,
				   size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->ranges_made, make_ranges, err);

	if (status == INQ_OK) {
		*ret = mini->ranges;
		*ret_count = mini->range_count;
	}
	return status;
}

static enum inq_status mini_read(struct inq_target *self, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = inq_dump_read_memory(mini->dump, address, to, size, ret_done, err);

	if (status == INQ_OK || status == INQ_FAULT)
		return status;
	return inq_fail(err, INQ_FAULT, "0x%llx: not in the dump", (unsigned long long)address);
}

static enum inq_status make_regions(struct mini *mini, struct inq_error *err)
{
	const struct inq_dump_memory_infos *infos;

	if (parse_maps(mini)) {
		mini->regions = mini->maps.regions;
		mini->region_count = mini->maps.count;
		return INQ_OK;
	}
	if (inq_dump_memory_infos(mini->dump, &infos, NULL) == INQ_OK && infos->count)
		return inq_regions_from_infos(infos, &mini->regions, &mini->region_count, err);
	(void)once(mini, &mini->modules_made, make_modules, NULL);
	(void)once(mini, &mini->ranges_made, make_ranges, NULL);
	if (!mini->module_count && !mini->range_count)
		return inq_fail(err, INQ_ABSENT, "the dump tells nothing of memory");
	return inq_regions_from_memory(mini->modules, mini->module_count, mini->ranges,
				       mini->range_count, &mini->regions, &mini->region_count, err);
}

static enum inq_status mini_regions(struct inq_target *self, const struct inq_region **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->regions_made, make_regions, err);

	if (status == INQ_OK) {
		*ret = mini->regions;
		*ret_count = mini->region_count;
	}
	return status;
}

static enum inq_status make_links(struct mini *mini, struct inq_error *err)
{
	const struct inq_dump_dso_debug *debug;
	enum inq_status status = inq_dump_dso_debug(mini->dump, &debug, err);

	if (status != INQ_OK)
		return status;
	mini->links = calloc(debug->count + 1, sizeof(*mini->links));
	if (!mini->links)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu links", debug->count);
	for (size_t i = 0; i < debug->count; i++)
		mini->links[i] = (struct inq_link){
			.address = debug->items[i].address,
			.dynamic = debug->items[i].dynamic,
			.name = debug->items[i].name,
		};
	mini->link_map = (struct inq_link_map){
		.version = debug->version,
		.brk = debug->brk,
		.loader_base = debug->ldbase,
		.dynamic = debug->dynamic,
		.links = mini->links,
		.count = debug->count,
	};
	return INQ_OK;
}

static enum inq_status mini_link_map(struct inq_target *self, const struct inq_link_map **ret,
				     struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->links_made, make_links, err);

	if (status == INQ_OK)
		*ret = &mini->link_map;
	return status;
}

/* --- threads and exception -----------------------------------------------------------------------
 */

static enum inq_status make_threads(struct mini *mini, struct inq_error *err)
{
	return inq_minidump_threads(mini->dump, &mini->threads, &mini->thread_count, err);
}

static enum inq_status mini_threads(struct inq_target *self, const struct inq_thread **ret,
				    size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->threads_made, make_threads, err);

	if (status == INQ_OK) {
		*ret = mini->threads;
		*ret_count = mini->thread_count;
	}
	return status;
}

static enum inq_status mini_context(struct inq_target *self, size_t index, struct inq_context *ret,
				    struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_threads *threads;
	enum inq_status status = inq_dump_threads(mini->dump, &threads, err);

	if (status != INQ_OK)
		return status;
	if (index >= threads->count)
		return inq_fail(err, INQ_ABSENT, "no thread %zu", index);
	return inq_minidump_context(mini->dump, threads->items[index].context, ret, err);
}

/* How our own dumps came about; an older one is shorter and the rest of it reads as zero. false: another's dump. */
static bool read_inquest(struct mini *mini, struct md_inquest_info *ret)
{
	struct inq_dump_bytes bytes;

	*ret = (struct md_inquest_info){0};
	if (inq_dump_stream_bytes(mini->dump, MD_STREAM_INQUEST_INFO, &bytes, NULL) != INQ_OK)
		return false;
	memcpy(ret, bytes.data, bytes.size < sizeof(*ret) ? bytes.size : sizeof(*ret));
	return true;
}

/* The kernel's own words, where our dump has them and they are of this signal. */
static void add_siginfo(struct mini *mini, struct inq_exception *exception)
{
	struct md_inquest_info info;
	uint32_t numbers[3]; /* si_signo, si_errno, si_code */

	if (!read_inquest(mini, &info) || !(info.flags & MD_INQUEST_SIGINFO))
		return;
	memcpy(numbers, info.siginfo, sizeof(numbers));
	exception->has_siginfo = numbers[0] == exception->code && numbers[2] == exception->flags;
	if (exception->has_siginfo)
		memcpy(exception->siginfo, info.siginfo, sizeof(exception->siginfo));
}

static enum inq_status mini_exception(struct inq_target *self, const struct inq_exception **ret,
				      struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_exception *from;
	struct inq_exception *exception = &mini->exception;
	enum inq_status status = inq_dump_exception(mini->dump, &from, err);

	if (status != INQ_OK)
		return status;
	if (from->raw.code == MD_EXCEPTION_LINUX_DUMP_REQUESTED && os(mini) != INQ_OS_WINDOWS)
		return inq_fail(err, INQ_ABSENT, "no exception: the dump was asked for");
	*exception = (struct inq_exception){
		.tid = from->thread_id,
		.code = from->raw.code,
		.flags = from->raw.flags,
		.address = from->raw.address,
		.record = from->raw.record,
		.parameter_count = from->raw.parameter_count,
	};
	_Static_assert(sizeof(exception->parameters) == sizeof(from->raw.parameters),
		       "same parameters");
	memcpy(exception->parameters, from->raw.parameters, sizeof(exception->parameters));
	add_siginfo(mini, exception);
	*ret = exception;
	return INQ_OK;
}

static enum inq_status mini_exception_context(struct inq_target *self, struct inq_context *ret,
					      struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_exception *exception;
	enum inq_status status = inq_dump_exception(mini->dump, &exception, err);

	return status == INQ_OK ? inq_minidump_context(mini->dump, exception->context, ret, err)
				: status;
}

/* --- process -------------------------------------------------------------------------------------
 */

static void process_from_misc(struct mini *mini, struct inq_process *process)
{
	const struct inq_dump_misc *misc;

	if (inq_dump_misc(mini->dump, &misc, NULL) != INQ_OK)
		return;
	if (misc->raw.flags & MD_MISC_PROCESS_ID)
		process->pid = misc->raw.process_id;
	if (misc->raw.flags & MD_MISC_PROCESS_TIMES) {
		process->create_time = misc->raw.process_create_time;
		process->user_us = misc->raw.process_user_time * 1000000ull;
		process->kernel_us = misc->raw.process_kernel_time * 1000000ull;
	}
}

static void process_from_linux(struct mini *mini, struct inq_process *process)
{
	size_t size, length;
	const char *text = text_of(mini, INQ_TEXT_STATUS, &size), *name;

	if (!process->pid)
		inq_status_number(text, size, "Tgid", &process->pid);
	inq_status_number(text, size, "PPid", &process->ppid);
	inq_status_number(text, size, "Uid", &process->uid);
	inq_status_number(text, size, "Gid", &process->gid);
	if (inq_status_value(text, size, "Name", &name, &length)) {
		inq_buffer_append(&mini->name, name, length);
		inq_buffer_append(&mini->name, "", 1);
		if (inq_buffer_ok(&mini->name))
			process->program = (const char *)mini->name.data;
	}
	text = text_of(mini, INQ_TEXT_CMDLINE, &size);
	inq_command_line(&mini->arguments, text, size);
	if (size && inq_buffer_ok(&mini->arguments))
		process->arguments = (const char *)mini->arguments.data;
}

static void process_from_inquest(struct mini *mini, struct inq_process *process)
{
	struct md_inquest_info info;

	if (!read_inquest(mini, &info))
		return;
	/* Where no text of status says so. */
	if (process->uid == UINT32_MAX && info.writer[0]) {
		process->uid = info.uid;
		process->gid = info.gid;
	}
	if (!process->ppid)
		process->ppid = info.ppid;
	if (info.flags & MD_INQUEST_HELD_KNOWN)
		process->held_us = info.held_us;
	if (info.dump_time)
		process->dump_time = info.dump_time;
}

static enum inq_status make_process(struct mini *mini, struct inq_error *err)
{
	struct inq_process *process = &mini->process;

	(void)err;
	*process = (struct inq_process){
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
		.program = "",
		.executable = "",
		.arguments = "",
		.dump_time = inq_dump_header(mini->dump)->time,
	};
	process_from_misc(mini, process);
	process_from_linux(mini, process);
	process_from_inquest(mini, process);
	(void)once(mini, &mini->modules_made, make_modules, NULL);
	for (size_t i = 0; i < mini->module_count; i++)
		if (mini->modules[i].main)
			process->executable = mini->modules[i].path;
	if (!process->program[0]) {
		/* Windows' paths have backslashes. */
		const char *slash = strrchr(process->executable, '/');
		const char *backslash = strrchr(process->executable, '\\');

		process->program = slash && slash > backslash ? slash + 1
				   : backslash		      ? backslash + 1
							      : process->executable;
	}
	return INQ_OK;
}

static enum inq_status mini_process(struct inq_target *self, const struct inq_process **ret,
				    struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	enum inq_status status = once(mini, &mini->process_made, make_process, err);

	if (status == INQ_OK)
		*ret = &mini->process;
	return status;
}

/* --- warnings ------------------------------------------------------------------------------------
 */

static void warn_lost(struct mini *mini, const char *what, size_t count, size_t lost)
{
	if (lost)
		inq_warn(&mini->warnings, "%s: %zu of %zu are missing or damaged", what, lost,
			 count + lost);
}

/* Ask each stream that a question may need, so that the reader has found what is wrong with it. */
static void look_at_all(struct mini *mini)
{
	const struct inq_dump_threads *threads;
	const struct inq_dump_modules *modules;
	const struct inq_dump_unloaded *unloaded;
	const struct inq_dump_memory *memory;
	const struct inq_dump_memory_infos *infos;
	const struct inq_dump_thread_names *names;
	const struct inq_dump_thread_infos *times;
	const struct inq_dump_dso_debug *dsos;
	const struct inq_dump_exception *exception;
	const struct inq_dump_handles *handles;
	const struct inq_dump_misc *misc;
	const struct inq_dump_system *system;

	(void)inq_dump_system(mini->dump, &system, NULL);
	(void)inq_dump_misc(mini->dump, &misc, NULL);
	(void)inq_dump_exception(mini->dump, &exception, NULL);
	if (inq_dump_threads(mini->dump, &threads, NULL) == INQ_OK)
		warn_lost(mini, "thread list", threads->count, threads->lost);
	if (inq_dump_modules(mini->dump, &modules, NULL) == INQ_OK)
		warn_lost(mini, "module list", modules->count, modules->lost);
	if (inq_dump_unloaded(mini->dump, &unloaded, NULL) == INQ_OK)
		warn_lost(mini, "list of unloaded modules", unloaded->count, unloaded->lost);
	if (inq_dump_memory_infos(mini->dump, &infos, NULL) == INQ_OK)
		warn_lost(mini, "list of memory regions", infos->count, infos->lost);
	if (inq_dump_thread_names(mini->dump, &names, NULL) == INQ_OK)
		warn_lost(mini, "thread names", names->count, names->lost);
	if (inq_dump_thread_infos(mini->dump, &times, NULL) == INQ_OK)
		warn_lost(mini, "thread times", times->count, times->lost);
	if (inq_dump_dso_debug(mini->dump, &dsos, NULL) == INQ_OK)
		warn_lost(mini, "the loader's list", dsos->count, dsos->lost);
	if (inq_dump_handles(mini->dump, &handles, NULL) == INQ_OK)
		warn_lost(mini, "handles", handles->count, handles->lost);
	if (inq_dump_memory(mini->dump, &memory, NULL) == INQ_OK && memory->lost)
		inq_warn(&mini->warnings, "memory: %zu ranges, %llu bytes, are missing or damaged",
			 memory->lost, (unsigned long long)memory->lost_bytes);
}

static enum inq_status mini_warning(struct inq_target *self, size_t index, const char **ret)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_stream *streams;
	size_t count = 0;

	if (!mini->warned) {
		mini->warned = true;
		if (inq_dump_header(mini->dump)->truncated)
			inq_warn(&mini->warnings, "the file is truncated: it ends at %llu bytes",
				 (unsigned long long)inq_dump_header(mini->dump)->file_size);
		look_at_all(mini);
		(void)once(mini, &mini->regions_made, make_regions, NULL);
		if (mini->maps.bad_lines)
			inq_warn(&mini->warnings,
				 "maps: %zu lines make no sense, the first is line %zu",
				 mini->maps.bad_lines, mini->maps.first_bad);
		streams = inq_dump_streams(mini->dump, &count);
		for (size_t i = 0; i < count; i++)
			if (streams[i].problem)
				inq_warn(&mini->warnings, "%s stream: %s", streams[i].name,
					 streams[i].problem);
	}
	return inq_warnings_get(&mini->warnings, index, ret);
}

/* --- what letters ask for --------------------------------------------------------------------------
 */

static enum inq_status mini_handles(struct inq_target *self, const struct inq_handle **ret,
				    size_t *ret_count, struct inq_error *err)
{
	return inq_minidump_handles(mini_of(self)->dump, &mini_of(self)->facts, ret, ret_count,
				    err);
}

static enum inq_status mini_token(struct inq_target *self, const struct inq_token **ret,
				  struct inq_error *err)
{
	return inq_minidump_token(mini_of(self)->dump, &mini_of(self)->facts, ret, err);
}

static enum inq_status mini_counters(struct inq_target *self, const struct inq_counters **ret,
				     struct inq_error *err)
{
	return inq_minidump_counters(mini_of(self)->dump, &mini_of(self)->facts, ret, err);
}

static enum inq_status mini_xstate(struct inq_target *self, size_t index, struct inq_xstate *ret,
				   struct inq_error *err)
{
	return inq_minidump_xstate(mini_of(self)->dump, &mini_of(self)->facts, index, ret, err);
}

/* The list of modules has them among the others. */
static enum inq_status mini_unloaded(struct inq_target *self, const struct inq_module **ret,
				     size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_unloaded *list;
	enum inq_status status = inq_dump_unloaded(mini->dump, &list, err);

	if (status == INQ_OK)
		status = once(mini, &mini->modules_made, make_modules, err);
	if (status != INQ_OK)
		return status;
	if (!mini->unloaded)
		mini->unloaded = calloc(mini->module_count + 1, sizeof(*mini->unloaded));
	if (!mini->unloaded)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for unloaded modules");
	mini->unloaded_count = 0;
	for (size_t i = 0; i < mini->module_count; i++) {
		if (mini->modules[i].unloaded)
			mini->unloaded[mini->unloaded_count++] = mini->modules[i];
	}
	*ret = mini->unloaded;
	*ret_count = mini->unloaded_count;
	return INQ_OK;
}

/* Crashpad's simple annotations; what its modules say of themselves stays with them. */
static enum inq_status mini_annotations(struct inq_target *self, const struct inq_annotation **ret,
					size_t *ret_count, struct inq_error *err)
{
	struct mini *mini = mini_of(self);
	const struct inq_dump_crashpad *info;
	enum inq_status status = inq_dump_crashpad(mini->dump, &info, err);
	size_t count = 0;

	if (status != INQ_OK)
		return status;
	if (!mini->annotations)
		mini->annotations = calloc(info->count + 1, sizeof(*mini->annotations));
	if (!mini->annotations)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for annotations");
	for (size_t i = 0; i < info->count; i++) {
		if (info->items[i].module_index == UINT32_MAX && info->items[i].name[0])
			mini->annotations[count++] = (struct inq_annotation){
				.key = info->items[i].name,
				.value = info->items[i].value,
			};
	}
	*ret = mini->annotations;
	*ret_count = count;
	return INQ_OK;
}

/* --- opening -------------------------------------------------------------------------------------
 */

static void mini_free(struct inq_target *self)
{
	struct mini *mini = mini_of(self);

	if (mini->regions != mini->maps.regions)
		free(mini->regions);
	inq_maps_done(&mini->maps);
	free(mini->threads);
	free(mini->modules);
	free(mini->ranges);
	free(mini->links);
	free(mini->unloaded);
	free(mini->annotations);
	inq_minidump_facts_done(&mini->facts);
	inq_buffer_done(&mini->arguments);
	inq_buffer_done(&mini->distribution);
	inq_buffer_done(&mini->name);
	inq_warnings_done(&mini->warnings);
	if (mini->dump)
		inq_dump_close(mini->dump);
	inq_file_close(mini->file);
	free(mini);
}

/* Rows are in the order of the thread list; longer ones are of a later version. */
static enum inq_status mini_classes(struct inq_target *target, size_t index, uint8_t ret[INQ_CLASSES],
				    uint8_t *ret_fault, struct inq_error *err)
{
	struct mini *mini = (struct mini *)target;
	struct md_inquest_classes head;
	struct inq_dump_bytes bytes;
	enum inq_status status = inq_dump_stream_bytes(mini->dump, MD_STREAM_INQUEST_CLASSES, &bytes, err);
	uint64_t at;

	_Static_assert((int)INQ_CLASSES == (int)MD_INQUEST_REGISTERS, "the file's rows are the target's");
	if (status != INQ_OK)
		return status;
	if (bytes.size < sizeof(head))
		return inq_fail(err, INQ_BAD_DATA, "classes of registers: the stream ends early");
	memcpy(&head, bytes.data, sizeof(head));
	at = head.size + (uint64_t)index * head.row_size;
	if (index >= head.count || head.row_size < sizeof(struct md_inquest_class_row) || at > bytes.size ||
	    bytes.size - at < sizeof(struct md_inquest_class_row))
		return inq_fail(err, INQ_BAD_DATA, "classes of registers: no row of thread %zu", index);
	memcpy(ret, bytes.data + at + offsetof(struct md_inquest_class_row, of), INQ_CLASSES);
	*ret_fault = head.fault;
	return INQ_OK;
}

static const struct inq_target_ops mini_ops = {
	.kind = "minidump",
	.system = mini_system,
	.process = mini_process,
	.threads = mini_threads,
	.context = mini_context,
	.modules = mini_modules,
	.regions = mini_regions,
	.memory = mini_memory,
	.read = mini_read,
	.exception = mini_exception,
	.exception_context = mini_exception_context,
	.text = mini_text,
	.link_map = mini_link_map,
	.unloaded = mini_unloaded,
	.annotations = mini_annotations,
	.handles = mini_handles,
	.token = mini_token,
	.counters = mini_counters,
	.classes = mini_classes,
	.xstate = mini_xstate,
	.warning = mini_warning,
	.free = mini_free,
};

enum inq_status inq_minidump_streams(struct inq_target *target, const struct inq_dump_stream **ret, size_t *ret_count,
				     struct inq_error *err)
{
	if (target->ops != &mini_ops)
		return inq_fail(err, INQ_UNSUPPORTED, "%s is no minidump, but a %s", target->name,
				target->ops->kind);
	*ret = inq_dump_streams(mini_of(target)->dump, ret_count);
	return INQ_OK;
}

enum inq_status inq_target_open_minidump(struct inq_file *file, struct inq_target **ret,
					 struct inq_error *err)
{
	struct mini *mini = calloc(1, sizeof(*mini));
	enum inq_status status;

	if (!mini) {
		inq_file_close(file);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for a minidump");
	}
	mini->file = file;
	mini->target.ops = &mini_ops;
	mini->target.name = inq_file_name(file);
	status = inq_dump_open(file, &mini->dump, err);
	if (status != INQ_OK) {
		mini->dump = NULL;
		inq_target_free(&mini->target);
		return status;
	}
	*ret = &mini->target;
	return INQ_OK;
}
