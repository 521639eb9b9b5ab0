/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* !handle .dumpdebug .jdinfo: what a dump has beside threads, modules and memory */
#include "debugger/commands.h"
#include "debugger/show.h"
#include "engine/signals.h"
#include "target/jit.h"
#include "target/minidump_streams.h"

#include <stdlib.h>
#include <string.h>

/* --- !handle ------------------------------------------------------------------------- */

/* O_* of open(2) on Linux, whatever machine this runs on. */
static const struct {
	int64_t bits;
	const char *name;
} open_flags[] = {
	{0x400, "append"},     {0x800, "nonblock"}, {0x2000, "async"},	{0x4000, "direct"},
	{0x10000, "directory"}, {0x40000, "noatime"}, {0x80000, "cloexec"}, {0x101000, "sync"},
	{0x200000, "path"},
};

static void flags_text(int64_t flags, char to[128])
{
	static const char *const access[] = {"read", "write", "read-write", "no access"};
	size_t at;

	if (flags == INQ_HANDLE_NO_FLAGS) {
		snprintf(to, 128, "unknown");
		return;
	}
	at = (size_t)snprintf(to, 128, "%s", access[flags & 3]);
	for (size_t i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
		if ((flags & open_flags[i].bits) == open_flags[i].bits && at < 100)
			at += (size_t)snprintf(to + at, 128 - at, " %s", open_flags[i].name);
	}
}

static void show_handle(struct out *out, const struct inq_handle *handle, bool verbose)
{
	char flags[128];

	out_print(out, "Handle %llx\n", (unsigned long long)handle->number);
	out_print(out, "  Type         %s\n", handle->type);
	if (!verbose)
		return;
	flags_text(handle->flags, flags);
	out_print(out, "  Access       %s\n", flags);
	if (*handle->name)
		out_print(out, "  Name         %s%s\n", handle->name, handle->deleted ? " (deleted)" : "");
	if (handle->position)
		out_print(out, "  Position     %llu\n", (unsigned long long)handle->position);
	for (const char *line = handle->details; *line;) {
		size_t size = strcspn(line, "\n");

		out_print(out, "  %.*s\n", (int)size, line);
		line += size + (line[size] == '\n');
	}
}

static void json_handle(json_t *array, const struct inq_handle *handle)
{
	json_t *object = json_object();

	json_object_set_new(object, "handle", json_integer((json_int_t)handle->number));
	json_object_set_new(object, "type", json_text(handle->type));
	json_object_set_new(object, "name", json_text(handle->name));
	json_object_set_new(object, "flags", json_integer(handle->flags));
	json_object_set_new(object, "position", json_integer((json_int_t)handle->position));
	json_object_set_new(object, "details", json_lines(handle->details, strlen(handle->details)));
	json_array_append_new(array, object);
}

/* How many there are of each type, the most frequent types as they first come. */
static void count_types(struct out *out, const struct inq_handle *handles, size_t count)
{
	out_print(out, "%zu Handles\nType                  Count\n", count);
	for (size_t i = 0; i < count && !out_stop(out); i++) {
		size_t same = 0;
		bool first = true;

		for (size_t j = 0; j < count; j++) {
			if (strcmp(handles[j].type, handles[i].type) == 0) {
				first &= j >= i;
				same++;
			}
		}
		if (first)
			out_print(out, "%-20s %6zu\n", handles[i].type, same);
	}
}

/* [-a | HANDLE] [FLAGS [TYPE]]: 0 is a descriptor as any other here, so all of them have a word of their own. */
enum inq_status command_handle(struct debugger *debugger, const struct invocation *call,
			       struct inq_error *err)
{
	struct out *out = &debugger->out;
	const struct inq_handle *handles;
	uint64_t number = 0, verbose = 0;
	bool one = *call->args != '\0' && strncmp(call->args, "-a", 2) != 0, found = false;
	const char *at = one ? call->args : skip_spaces(call->args + (*call->args ? 2 : 0));
	json_t *array = out->json ? json_array() : NULL;
	char type[32] = "";
	size_t count;
	enum inq_status status = INQ_OK;

	if (one)
		status = take_value(debugger, &at, &number, err);
	if (status == INQ_OK && *at)
		status = take_value(debugger, &at, &verbose, err);
	if (status == INQ_OK && *at && !take_word(&at, type, sizeof(type)))
		status = inq_fail(err, INQ_USAGE, "'%s': not a type", at);
	if (status == INQ_OK)
		status = no_more(at, err);
	if (status == INQ_OK)
		status = inq_target_handles(inq_session_target(debugger->session), &handles, &count, err);
	if (status == INQ_ABSENT)
		inq_fail(err, status, "no descriptors are known (the letter h brings them into a dump)");
	if (array)
		json_object_set_new(out->json, "handles", array);
	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < count && !out_stop(out); i++) {
		if ((one && handles[i].number != number) || (*type && strcmp(type, handles[i].type) != 0))
			continue;
		found = true;
		if (array)
			json_handle(array, &handles[i]);
		else
			show_handle(out, &handles[i], one || verbose);
	}
	if (one && !found)
		return inq_fail(err, INQ_ABSENT, "there is no descriptor %llu", (unsigned long long)number);
	if (!one && !array && !*type)
		count_types(out, handles, count);
	return INQ_OK;
}

/* --- !runaway, .ttime ------------------------------------------------------------------ */

static void show_time(struct out *out, uint64_t us)
{
	uint64_t seconds = us / 1000000;

	out_print(out, "%llu days %llu:%02llu:%02llu.%03llu", (unsigned long long)seconds / 86400,
		  (unsigned long long)seconds / 3600 % 24, (unsigned long long)seconds / 60 % 60,
		  (unsigned long long)seconds % 60, (unsigned long long)us / 1000 % 1000);
}

struct thread_time {
	size_t index;
	uint64_t us;
};

static int compare_times(const void *a, const void *b)
{
	const struct thread_time *left = a, *right = b;

	return left->us != right->us ? (left->us < right->us) - (left->us > right->us)
				     : (left->index > right->index) - (left->index < right->index);
}

static bool any_times(const struct inq_thread *threads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (threads[i].has_times || threads[i].user_us || threads[i].kernel_us)
			return true;
	}
	return false;
}

/* For programs: what is known of one thread's times, in microseconds; what is unknown is null. */
static json_t *json_times(const struct inq_thread *thread, size_t index)
{
	json_t *object = json_object();

	json_object_set_new(object, "index", json_integer((json_int_t)index));
	json_object_set_new(object, "tid", json_integer(thread->tid));
	json_object_set_new(object, "create_time",
			    thread->create_time ? json_integer((json_int_t)thread->create_time) : json_null());
	json_object_set_new(object, "user_us", any_times(thread, 1) ? json_integer((json_int_t)thread->user_us) : json_null());
	json_object_set_new(object, "kernel_us",
			    any_times(thread, 1) ? json_integer((json_int_t)thread->kernel_us) : json_null());
	json_object_set_new(object, "start_address",
			    thread->start_address ? json_address(thread->start_address) : json_null());
	json_object_set_new(object, "affinity", thread->affinity ? json_address(thread->affinity) : json_null());
	json_object_set_new(object, "exited", json_boolean(thread->exited));
	return object;
}

/* One list of !runaway, the most expensive thread first. */
static enum inq_status show_times(struct debugger *debugger, const char *title, bool user, struct inq_error *err)
{
	size_t count;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count);
	struct thread_time *times = calloc(count + 1, sizeof(*times));
	struct out *out = &debugger->out;

	if (!times)
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	for (size_t i = 0; i < count; i++)
		times[i] = (struct thread_time){i, user ? threads[i].user_us : threads[i].kernel_us};
	qsort(times, count, sizeof(*times), compare_times);
	out_print(out, " %s Mode Time\n  Thread       Time\n", title);
	for (size_t i = 0; i < count && !out_stop(out); i++) {
		out_print(out, "  %3zu:%-8x ", times[i].index, threads[times[i].index].tid);
		show_time(out, times[i].us);
		out_print(out, "\n");
	}
	free(times);
	return INQ_OK;
}

enum inq_status command_runaway(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	const char *at = call->args;
	uint64_t flags = 1;
	size_t count;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count);
	enum inq_status status = *at ? take_value(debugger, &at, &flags, err) : INQ_OK;

	if (status == INQ_OK)
		status = no_more(at, err);
	if (status != INQ_OK)
		return status;
	if (!any_times(threads, count))
		return inq_fail(err, INQ_ABSENT, "no times of threads are known (the letter t brings them into a dump)");
	if (debugger->out.json) {
		out_json_list(&debugger->out, "threads");
		for (size_t i = 0; i < count && !out_stop(&debugger->out); i++)
			out_json_add(&debugger->out, "threads", json_times(&threads[i], i));
		return INQ_OK;
	}
	if (flags & 1)
		status = show_times(debugger, "User", true, err);
	if (status == INQ_OK && flags & 2)
		status = show_times(debugger, "Kernel", false, err);
	return status;
}

static void show_start(struct debugger *debugger, uint64_t address)
{
	struct inq_place place;

	if (!address)
		return;
	inq_session_place(debugger->session, address, &place);
	out_print(&debugger->out, "Started: %s (", ADDRESS(debugger, address));
	show_place(&debugger->out, &place, address);
	out_print(&debugger->out, ")\n");
}

enum inq_status command_ttime(struct debugger *debugger, const struct invocation *call,
			      struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);
	long index = call->thread >= 0 ? call->thread : inq_session_thread(debugger->session);
	struct out *out = &debugger->out;
	char when[TIME_TEXT];
	size_t count;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count), *thread;

	if (status != INQ_OK)
		return status;
	if (index < 0 || (size_t)index >= count)
		return inq_fail(err, INQ_ABSENT, "there is no thread");
	thread = &threads[index];
	if (!any_times(thread, 1))
		return inq_fail(err, INQ_ABSENT, "no times of this thread are known (the letter t brings them into a dump)");
	if (out->json) {
		json_object_set_new(out->json, "thread", json_times(thread, (size_t)index));
		return INQ_OK;
	}
	if (thread->create_time)
		out_print(out, "Created: %s\n", time_text(when, thread->create_time));
	show_start(debugger, thread->start_address);
	if (thread->processors)
		out_print(out, "Affinity: processors %.*s\n", (int)thread->processors_size, thread->processors);
	else if (thread->affinity)
		out_print(out, "Affinity: %llx\n", (unsigned long long)thread->affinity);
	out_print(out, "Kernel:  ");
	show_time(out, thread->kernel_us);
	out_print(out, "\nUser:    ");
	show_time(out, thread->user_us);
	out_print(out, "\n");
	return INQ_OK;
}

/* --- .dumpdebug -------------------------------------------------------------------------- */

static void show_stream(struct out *out, size_t index, const struct inq_dump_stream *stream)
{
	out_print(out, "Stream %zu: type %s (%u), size %08x, RVA %08x\n", index, stream->name, stream->type,
		  stream->size, stream->rva);
	if (stream->duplicate)
		out_print(out, "  (not read: an earlier one has the same type)\n");
	if (stream->problem)
		out_print(out, "  %s\n", stream->problem);
}

static json_t *json_stream(const struct inq_dump_stream *stream)
{
	json_t *object = json_object();

	json_object_set_new(object, "type", json_integer(stream->type));
	json_object_set_new(object, "name", json_text(stream->name));
	json_object_set_new(object, "size", json_integer(stream->size));
	json_object_set_new(object, "rva", json_address(stream->rva));
	json_object_set_new(object, "duplicate", json_boolean(stream->duplicate));
	json_object_set_new(object, "problem", json_text(stream->problem));
	return object;
}

/* Streams, warnings, comment: for programs. */
static void list_streams(struct debugger *debugger, const struct inq_dump_stream *streams, size_t count)
{
	struct inq_target *target = inq_session_target(debugger->session);
	json_t *warnings = json_array();
	struct out *out = &debugger->out;
	const char *text = NULL;
	size_t size = 0;

	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		json_array_append_new(warnings, json_text(text));
	json_object_set_new(out->json, "warnings", warnings);
	text = NULL;
	if (inq_target_text(target, INQ_TEXT_COMMENT, &text, &size, NULL) != INQ_OK)
		text = NULL;
	json_object_set_new(out->json, "comment", json_lines(text, size));
	out_json_list(out, "streams");
	for (size_t i = 0; i < count && !out_stop(out); i++)
		out_json_add(out, "streams", json_stream(&streams[i]));
}

static void show_counts(struct debugger *debugger)
{
	struct inq_target *target = inq_session_target(debugger->session);
	const struct inq_range *ranges;
	const struct inq_handle *handles;
	const struct inq_module *unloaded;
	size_t threads, modules, count;
	struct out *out = &debugger->out;
	uint64_t bytes = 0;

	inq_session_threads(debugger->session, &threads);
	inq_session_modules(debugger->session, &modules);
	out_print(out, "\n  %zu threads, %zu modules", threads, modules);
	if (inq_target_unloaded(target, &unloaded, &count, NULL) == INQ_OK)
		out_print(out, ", %zu unloaded", count);
	if (inq_target_handles(target, &handles, &count, NULL) == INQ_OK)
		out_print(out, ", %zu handles", count);
	if (inq_target_memory(target, &ranges, &count, NULL) == INQ_OK) {
		for (size_t i = 0; i < count; i++)
			bytes += ranges[i].size;
		out_print(out, "\n  %llu bytes of memory in %zu ranges", (unsigned long long)bytes, count);
	}
	out_print(out, "\n");
}

enum inq_status command_dumpdebug(struct debugger *debugger, const struct invocation *call,
				  struct inq_error *err)
{
	struct inq_target *target = inq_session_target(debugger->session);
	const struct inq_dump_stream *streams;
	struct out *out = &debugger->out;
	const char *text;
	size_t count;
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK)
		status = inq_minidump_streams(target, &streams, &count, err);
	if (status != INQ_OK)
		return status;
	if (out->json) {
		list_streams(debugger, streams, count);
		return INQ_OK;
	}
	out_print(out, "----- Minidump of %s: %zu streams\n", target->name, count);
	/* What is asked first is parsed first, and damage is known then. */
	for (size_t i = 0; i < count && !out_stop(out); i++)
		show_stream(out, i, &streams[i]);
	show_counts(debugger);
	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		out_print(out, "  %s\n", text);
	if (inq_target_text(target, INQ_TEXT_COMMENT, &text, &count, NULL) != INQ_OK)
		return INQ_OK;
	out_print(out, "\nComment:\n");
	for (const char *line = text, *end = text + count; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		stop = stop ? stop : end;
		out_print(out, "  %.*s\n", (int)(stop - line), line);
		line = stop + 1;
	}
	return INQ_OK;
}

/* --- .jdinfo ------------------------------------------------------------------------------ */

enum inq_status command_jdinfo(struct debugger *debugger, const struct invocation *call,
			       struct inq_error *err)
{
	const char *at = call->args;
	struct out *out = &debugger->out;
	struct inq_jit jit;
	uint64_t address;
	enum inq_status status = *at ? take_value(debugger, &at, &address, err)
				     : inq_fail(err, INQ_USAGE, "the address of a JIT_DEBUG_INFO is missing");

	if (status == INQ_OK)
		status = no_more(at, err);
	if (status == INQ_OK)
		status = inq_jit_read(inq_session_target(debugger->session), address, &jit, err);
	if (status == INQ_OK)
		status = inq_session_use_record(debugger->session, jit.info.context_record, err);
	if (status != INQ_OK)
		return status;
	if (out->json) {
		json_object_set_new(out->json, "tid", json_integer(jit.info.thread_id));
		json_object_set_new(out->json, "signal", json_integer(jit.exception.code));
		json_object_set_new(out->json, "code", json_integer((int32_t)jit.exception.flags));
		json_object_set_new(out->json, "address", json_address(jit.exception.address));
		json_object_set_new(out->json, "exception_record", json_address(jit.info.exception_record));
		json_object_set_new(out->json, "context_record", json_address(jit.info.context_record));
		show_registers(debugger, &jit.context);
		return INQ_OK;
	}
	out_print(out, "----- Exception occurred on thread %x (%u)\n", jit.info.thread_id, jit.info.thread_id);
	out_print(out, "\n----- Exception record at %s: signal %u, code %d, address %s\n",
		  ADDRESS(debugger, jit.info.exception_record), jit.exception.code, (int32_t)jit.exception.flags,
		  ADDRESS(debugger, jit.exception.address));
	out_print(out, "\n----- Context record at %s:\n", ADDRESS(debugger, jit.info.context_record));
	show_registers(debugger, &jit.context);
	return INQ_OK;
}
