/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/bulk.h"
#include "capture/run.h"
#include "privacy/veil.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DYNAMIC_MAX = 64 }; /* entries of the dynamic section that are kept */

void inq_run_say(struct inq_run *run, bool incomplete, const char *format, ...)
{
	char line[INQ_ERROR_TEXT + 128];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* Errors quote: names of the target's, of files on this machine. */
	inq_buffer_printf(&run->comment, "%s\n", inq_veil_words(run->veil, line));
	run->incomplete |= incomplete;
}

void inq_run_release(struct inq_run *run)
{
	struct timespec now;

	if (run->is_released)
		return;
	run->is_released = true;
	if (run->hooks->released)
		run->hooks->released(run->hooks->user);
	if (!run->hooks->held_since_ns)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	run->held_us = ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
			run->hooks->held_since_ns) /
		       1000;
}

/* The program's dynamic section up to its end mark, for LinuxDsoDebug. */
static void read_dynamic(struct inq_run *run)
{
	Elf64_Dyn entries[DYNAMIC_MAX];
	size_t done = 0, count;

	inq_target_read(run->target, run->links->dynamic, entries, sizeof(entries), &done, NULL);
	for (count = 0; count < done / sizeof(entries[0]); count++) {
		if (entries[count].d_tag == DT_NULL) {
			count++;
			break;
		}
	}
	inq_buffer_append(&run->dynamic, entries, count * sizeof(entries[0]));
}

/* A dump's list has the unloaded ones in it. */
static void take_loaded(struct inq_run *run, const struct inq_module *modules, size_t count)
{
	size_t unloaded = 0;

	for (size_t i = 0; i < count; i++)
		unloaded += modules[i].unloaded;
	run->modules = modules;
	run->module_count = count;
	if (!unloaded)
		return;
	run->module_count = 0;
	run->modules = run->loaded = calloc(count, sizeof(*run->loaded));
	for (size_t i = 0; run->loaded && i < count; i++) {
		if (!modules[i].unloaded)
			run->loaded[run->module_count++] = modules[i];
	}
}

/* Everything for which the process must still be there. What cannot be had is missing in its
 * stream, later. */
static enum inq_status gather(struct inq_run *run, struct inq_error *err)
{
	const struct inq_module *modules;
	const struct inq_range *walked;
	size_t module_count, walked_count;
	/* First: what a filter keeps of memory is known only then. */
	enum inq_status status = inq_veil_prepare(run->veil, err);

	if (status == INQ_OK)
		status = inq_run_prove(run, -1, err);
	if (status != INQ_OK)
		return status;
	inq_target_threads(run->target, &run->threads, &run->thread_count, NULL);
	if (inq_target_modules(run->target, &modules, &module_count, NULL) == INQ_OK)
		take_loaded(run, modules, module_count);
	if (inq_target_link_map(run->target, &run->links, NULL) == INQ_OK)
		read_dynamic(run);
	inq_veil_stacks(run->veil, &walked, &walked_count);
	status = inq_plan_make(run->target, run->options, walked, walked_count, &run->plan, err);
	if (status == INQ_OK)
		status = inq_run_gather(run, err);
	return status;
}

/* What the letters are in the header: letters, bit of enum md_type. */
static uint64_t header_flags(const struct inq_dump_options *options)
{
	static const struct {
		uint32_t letters;
		uint64_t flag;
	} flags[] = {
		{INQ_DUMP_d, MD_WITH_DATA_SEGS},
		{INQ_DUMP_f, MD_WITH_FULL_MEMORY},
		{INQ_DUMP_h, MD_WITH_HANDLE_DATA},
		{INQ_DUMP_u, MD_WITH_UNLOADED_MODULES},
		{INQ_DUMP_r, MD_FILTER_MEMORY},
		{INQ_DUMP_R, MD_FILTER_MODULE_PATHS},
		{INQ_DUMP_i, MD_WITH_INDIRECTLY_REFERENCED_MEMORY},
		{INQ_DUMP_p, MD_WITH_PROCESS_THREAD_DATA},
		{INQ_DUMP_w, MD_WITH_PRIVATE_READ_WRITE_MEMORY},
		{INQ_DUMP_F, MD_WITH_FULL_MEMORY_INFO},
		{INQ_DUMP_t, MD_WITH_THREAD_INFO},
		{INQ_DUMP_c, MD_WITH_CODE_SEGS},
		{INQ_DUMP_A, MD_IGNORE_INACCESSIBLE_MEMORY},
		{INQ_DUMP_y, MD_WITH_AVX_XSTATE_CONTEXT},
	};
	uint64_t result = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		result |= options->letters & flags[i].letters ? flags[i].flag : 0;
	return result;
}

/* A sink that stops as soon as memory is missing of which all was asked for. */
static enum inq_status write_checked(struct inq_sink *sink, uint64_t offset, const void *bytes,
				     size_t size, struct inq_error *err)
{
	struct inq_run *run = sink->context;
	enum inq_status status = inq_run_check_memory(run, err);

	return status == INQ_OK ? run->sink->write(run->sink, offset, bytes, size, err) : status;
}

static enum inq_status hand_checked(struct inq_sink *sink, uint64_t offset, size_t size, uint8_t **chunk,
				    struct inq_error *err)
{
	struct inq_run *run = sink->context;
	enum inq_status status = inq_run_check_memory(run, err);

	return status == INQ_OK ? run->sink->hand(run->sink, offset, size, chunk, err) : status;
}

static enum inq_status reserve_through(struct inq_sink *sink, uint64_t offset, size_t size, struct inq_error *err)
{
	struct inq_run *run = sink->context;

	return run->sink->reserve(run->sink, offset, size, err);
}

static enum inq_status set_size_through(struct inq_sink *sink, uint64_t size, struct inq_error *err)
{
	struct inq_run *run = sink->context;

	return run->sink->set_size(run->sink, size, err);
}

/* What is read while it is written, is written by a thread of its own; what is compressed, by several. */
static enum inq_status write_through(struct inq_run *run, int fd, struct inq_error *err)
{
	struct inq_sink checked = {.write = write_checked, .context = run, .sparse = true};
	struct inq_bulk bulk = {0};
	struct inq_sink plain;
	enum inq_status status;

	if ((run->arena || !run->plan.bytes) && !run->hooks->compress) {
		run->sink = inq_sink_fd(&plain, fd);
		return inq_writer_write(run->writer, &checked, err);
	}
	status = inq_bulk_open(&bulk, fd, run->hooks->compress, run->hooks->behind, &run->sink, err);
	if (status == INQ_OK) {
		checked.hand = hand_checked;
		checked.reserve = run->sink->reserve ? reserve_through : NULL;
		checked.set_size = set_size_through;
		status = inq_writer_write(run->writer, &checked, err);
	}
	if (status == INQ_OK)
		status = inq_bulk_finish(&bulk, err);
	inq_bulk_done(&bulk);
	return status;
}

static enum inq_status write_file(struct inq_run *run, int fd, uint64_t *ret_size,
				  struct inq_error *err)
{
	const struct inq_process *process;
	enum inq_status status = inq_writer_new(&run->writer, err);

	if (status != INQ_OK)
		return status;
	if (inq_target_process(run->target, &process, NULL) == INQ_OK)
		inq_writer_set_time(run->writer, (uint32_t)process->dump_time);
	inq_writer_set_flags(run->writer, header_flags(run->options));
	inq_run_streams(run);
	status = inq_writer_plan(run->writer, ret_size, err);
	return status == INQ_OK ? write_through(run, fd, err) : status;
}

static void report(const struct inq_run *run, uint64_t file_size, struct inq_capture_report *ret)
{
	*ret = (struct inq_capture_report){
		.held_us = run->held_us,
		.file_size = file_size,
		.memory_bytes = run->plan.bytes - run->missing,
		.memory_ranges = run->kept.size / sizeof(struct inq_kept),
		.threads = run->thread_count,
		.modules = run->module_count,
		.streams = run->streams,
		.failed_streams = run->failed_streams,
		.incomplete = run->incomplete,
		.lost_threads = run->lost_threads,
		.proven = run->proven,
	};
}

static void done(struct inq_run *run)
{
	inq_run_release(run); /* on every road */
	inq_writer_free(run->writer);
	inq_plan_done(&run->plan);
	inq_buffer_done(&run->kept);
	inq_buffer_done(&run->dynamic);
	inq_buffer_done(&run->comment);
	inq_buffer_done(&run->late_comment);
	free(run->contexts);
	free(run->loaded);
	free(run->arena);
}

/* The veil may be stricter than the letters, never looser. */
static enum inq_status check_veil(struct inq_veil *veil, const struct inq_dump_options *options,
				  struct inq_error *err)
{
	struct inq_veil_policy asked = inq_dump_options_policy(options);
	const struct inq_veil_policy *stated = inq_veil_policy(veil);

	if (asked.stack == INQ_VEIL_STACK_FRAMES_ONLY && stated->stack != asked.stack)
		return inq_fail(err, INQ_USAGE,
				"dump: 'r' asks for filtered stacks, the veil shows them whole");
	if (asked.names == INQ_VEIL_NAMES_BARE && stated->names != asked.names)
		return inq_fail(err, INQ_USAGE,
				"dump: 'R' asks for bare names, the veil shows folders");
	return INQ_OK;
}

enum inq_status inq_capture(struct inq_veil *veil, const struct inq_dump_options *options,
			    int out_fd, const struct inq_capture_hooks *hooks,
			    struct inq_capture_report *ret, struct inq_error *err)
{
	static const struct inq_dump_options plain = {.text = "m"};
	static const struct inq_capture_hooks none = {0};
	struct inq_run run = {
		.veil = veil,
		.target = inq_veil_target(veil),
		.options = options ? options : &plain,
		.hooks = hooks ? hooks : &none,
	};
	uint64_t file_size = 0;
	enum inq_status status = check_veil(veil, run.options, err);

	if (status == INQ_OK)
		status = gather(&run, err);
	if (status == INQ_OK && run.arena)
		inq_run_release(&run);
	if (status == INQ_OK)
		status = write_file(&run, out_fd, &file_size, err);
	if (status == INQ_OK)
		status = inq_run_prove(&run, out_fd, err);
	if (status == INQ_OK && ret)
		report(&run, file_size, ret);
	done(&run);
	return status;
}
