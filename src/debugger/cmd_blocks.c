/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* !peb !teb: the process's and a thread's block, as Linux has them */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* AT_*, name, is it an address or a mask (shown hexadecimal) */
static const struct {
	uint64_t type;
	const char *name;
	bool hexadecimal;
} auxv_names[] = {
	{AT_PHDR, "AT_PHDR", true},	{AT_PHENT, "AT_PHENT", false},	 {AT_PHNUM, "AT_PHNUM", false},
	{AT_PAGESZ, "AT_PAGESZ", false}, {AT_BASE, "AT_BASE", true},	 {AT_FLAGS, "AT_FLAGS", true},
	{AT_ENTRY, "AT_ENTRY", true},	{AT_UID, "AT_UID", false},	 {AT_EUID, "AT_EUID", false},
	{AT_GID, "AT_GID", false},	{AT_EGID, "AT_EGID", false},	 {AT_PLATFORM, "AT_PLATFORM", true},
	{AT_HWCAP, "AT_HWCAP", true},	{AT_CLKTCK, "AT_CLKTCK", false}, {AT_SECURE, "AT_SECURE", false},
	{AT_RANDOM, "AT_RANDOM", true}, {AT_HWCAP2, "AT_HWCAP2", true},	 {AT_EXECFN, "AT_EXECFN", true},
	{AT_SYSINFO_EHDR, "AT_SYSINFO_EHDR", true}, {27, "AT_RSEQ_FEATURE_SIZE", false}, {28, "AT_RSEQ_ALIGN", false},
	{29, "AT_HWCAP3", true}, {30, "AT_HWCAP4", true}, {AT_MINSIGSTKSZ, "AT_MINSIGSTKSZ", false},
};

static void show_auxv(struct debugger *debugger)
{
	unsigned width = inq_session_pointer_size(debugger->session);
	struct out *out = &debugger->out;
	const char *text;
	size_t size;

	if (inq_target_text(inq_session_target(debugger->session), INQ_TEXT_AUXV, &text, &size, NULL) != INQ_OK)
		return;
	out_print(out, "Auxiliary vector:\n");
	for (size_t at = 0; at + 2 * width <= size && !out_stop(out); at += 2 * width) {
		uint64_t type = 0, value = 0;
		const char *name = NULL;
		bool hexadecimal = true;

		memcpy(&type, text + at, width);
		memcpy(&value, text + at + width, width);
		if (type == AT_NULL)
			break;
		for (size_t i = 0; i < sizeof(auxv_names) / sizeof(auxv_names[0]); i++) {
			if (auxv_names[i].type == type) {
				name = auxv_names[i].name;
				hexadecimal = auxv_names[i].hexadecimal;
			}
		}
		if (name)
			out_print(out, "    %-16s ", name);
		else
			out_print(out, "    %-16llu ", (unsigned long long)type);
		if (hexadecimal)
			out_print(out, "%s\n", ADDRESS(debugger, value));
		else
			out_print(out, "%llu\n", (unsigned long long)value);
	}
}

/* Texts that end in NULs, one on a line. */
static void show_strings(struct debugger *debugger, enum inq_text_kind kind, const char *title)
{
	struct out *out = &debugger->out;
	const char *text;
	size_t size;

	if (inq_target_text(inq_session_target(debugger->session), kind, &text, &size, NULL) != INQ_OK)
		return;
	out_print(out, "%s:\n", title);
	for (size_t at = 0; at < size && !out_stop(out);) {
		size_t length = strnlen(text + at, size - at);

		out_print(out, "    %.*s\n", (int)length, text + at);
		at += length + 1;
	}
}

static void show_links(struct debugger *debugger)
{
	struct out *out = &debugger->out;
	const struct inq_link_map *map;

	if (inq_target_link_map(inq_session_target(debugger->session), &map, NULL) != INQ_OK)
		return;
	out_print(out, "Loader's list (r_debug version %u, breakpoint %s, loader at %s):\n", map->version,
		  ADDRESS(debugger, map->brk), ADDRESS(debugger, map->loader_base));
	out_print(out, "    %-17s %-17s name\n", "base", "dynamic");
	for (size_t i = 0; i < map->count && !out_stop(out); i++)
		out_print(out, "    %s %s %s\n", ADDRESS(debugger, map->links[i].address),
			  ADDRESS(debugger, map->links[i].dynamic), map->links[i].name);
}

/* The same for programs. */
static json_t *json_auxv(struct debugger *debugger)
{
	unsigned width = inq_session_pointer_size(debugger->session);
	json_t *array = json_array();
	const char *text;
	size_t size;

	if (inq_target_text(inq_session_target(debugger->session), INQ_TEXT_AUXV, &text, &size, NULL) != INQ_OK)
		size = 0;
	for (size_t at = 0; at + 2 * width <= size; at += 2 * width) {
		uint64_t type = 0, value = 0;
		const char *name = NULL;
		json_t *object;

		memcpy(&type, text + at, width);
		memcpy(&value, text + at + width, width);
		if (type == AT_NULL)
			break;
		for (size_t i = 0; i < sizeof(auxv_names) / sizeof(auxv_names[0]); i++)
			name = auxv_names[i].type == type ? auxv_names[i].name : name;
		object = json_object();
		json_object_set_new(object, "type", json_integer((json_int_t)type));
		json_object_set_new(object, "name", json_text(name));
		json_object_set_new(object, "value", json_address(value));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_strings(struct debugger *debugger, enum inq_text_kind kind)
{
	json_t *array = json_array();
	const char *text;
	size_t size;

	if (inq_target_text(inq_session_target(debugger->session), kind, &text, &size, NULL) != INQ_OK)
		size = 0;
	for (size_t at = 0; at < size;) {
		size_t length = strnlen(text + at, size - at);
		char *copy = strndup(text + at, length);

		json_array_append_new(array, json_text(copy));
		free(copy);
		at += length + 1;
	}
	return array;
}

static json_t *json_links(struct debugger *debugger)
{
	const struct inq_link_map *map;
	json_t *array = json_array();

	if (inq_target_link_map(inq_session_target(debugger->session), &map, NULL) != INQ_OK)
		return array;
	for (size_t i = 0; i < map->count; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "base", json_address(map->links[i].address));
		json_object_set_new(object, "dynamic", json_address(map->links[i].dynamic));
		json_object_set_new(object, "name", json_text(map->links[i].name));
		json_array_append_new(array, object);
	}
	return array;
}

static void list_process(struct debugger *debugger, const struct inq_process *process)
{
	json_t *object = debugger->out.json;

	json_object_set_new(object, "pid", json_integer(process->pid));
	json_object_set_new(object, "ppid", json_integer(process->ppid));
	json_object_set_new(object, "executable", json_text(process->executable));
	json_object_set_new(object, "arguments", json_strings(debugger, INQ_TEXT_CMDLINE));
	json_object_set_new(object, "auxv", json_auxv(debugger));
	json_object_set_new(object, "links", json_links(debugger));
	json_object_set_new(object, "environment", json_strings(debugger, INQ_TEXT_ENVIRON));
}

enum inq_status command_peb(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	const struct inq_process *process;
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK)
		status = inq_target_process(inq_session_target(debugger->session), &process, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		list_process(debugger, process);
		return INQ_OK;
	}
	out_print(&debugger->out, "Process %x (%u), parent %u\nImage: '%s'\n", process->pid, process->pid,
		  process->ppid, process->executable);
	show_strings(debugger, INQ_TEXT_CMDLINE, "Arguments");
	show_auxv(debugger);
	show_links(debugger);
	show_strings(debugger, INQ_TEXT_ENVIRON, "Environment");
	return INQ_OK;
}

/* struct pthread begins with tcbhead_t (glibc, sysdeps/x86_64/nptl/tls.h): tcb, dtv, self; stack_guard and
 * pointer_guard are nobody's business. */
static const char *const fields[] = {"tcb", "dtv", "self"};

/* The mapping that the thread stands in; where none is known, what of the stack is there. */
static void stack_of(struct debugger *debugger, long index, const struct inq_thread *thread, uint64_t *ret_from,
		     uint64_t *ret_to)
{
	struct inq_target *target = inq_session_target(debugger->session);
	const struct inq_region *regions, *region = NULL;
	struct inq_context context;
	size_t count;

	if (inq_target_regions(target, &regions, &count, NULL) == INQ_OK &&
	    inq_target_context(target, (size_t)index, &context, NULL) == INQ_OK)
		region = inq_region_at(regions, count, inq_context_sp(&context));
	if (region && region->flags & INQ_REGION_FREE)
		region = NULL;
	*ret_from = region ? region->base : thread->stack_base;
	*ret_to = region ? region->base + region->size : thread->stack_base + thread->stack_size;
}

static void list_thread(struct debugger *debugger, long index, const struct inq_thread *thread)
{
	json_t *object = debugger->out.json;
	uint64_t from, to;

	stack_of(debugger, index, thread, &from, &to);
	json_object_set_new(object, "tid", json_integer(thread->tid));
	json_object_set_new(object, "name", json_text(thread->name));
	json_object_set_new(object, "teb", json_address(thread->tls));
	json_object_set_new(object, "stack_from", to > from ? json_address(from) : json_null());
	json_object_set_new(object, "stack_to",
			    to > from ? json_address(to) : json_null());
	for (unsigned i = 0; i < 3 && inq_session_machine(debugger->session) == INQ_MACHINE_AMD64; i++) {
		uint64_t value;
		bool there = inq_target_read_all(inq_session_target(debugger->session), thread->tls + 8 * i, &value,
						 sizeof(value), NULL) == INQ_OK;

		json_object_set_new(object, fields[i], there ? json_address(value) : json_null());
	}
}

static void show_tcb(struct debugger *debugger, uint64_t base)
{
	struct out *out = &debugger->out;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t value;

		if (inq_target_read_all(inq_session_target(debugger->session), base + 8 * i, &value, sizeof(value),
					NULL) != INQ_OK) {
			out_print(out, "    (not in the dump; the letter p brings it)\n");
			return;
		}
		out_print(out, "    %-22s %s\n", fields[i], ADDRESS(debugger, value));
	}
}

enum inq_status command_teb(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	long index = call->thread >= 0 ? call->thread : inq_session_thread(debugger->session);
	enum inq_status status = no_more(call->args, err);
	struct out *out = &debugger->out;
	const struct inq_thread *threads, *thread;
	uint64_t from, to;
	size_t count;

	if (status != INQ_OK)
		return status;
	threads = inq_session_threads(debugger->session, &count);
	if (index < 0 || (size_t)index >= count)
		return inq_fail(err, INQ_ABSENT, "there is no thread");
	thread = &threads[index];
	if (!thread->tls)
		return inq_fail(err, INQ_ABSENT, "the thread pointer of thread %ld is not known", index);
	if (out->json) {
		list_thread(debugger, index, thread);
		return INQ_OK;
	}
	out_print(out, "TCB at %s\n    %-22s %x (%u) \"%s\"\n", ADDRESS(debugger, thread->tls), "thread", thread->tid,
		  thread->tid, thread->name);
	stack_of(debugger, index, thread, &from, &to);
	if (to > from) {
		out_print(out, "    %-22s %s\n", "stack from", ADDRESS(debugger, from));
		out_print(out, "    %-22s %s\n", "stack to", ADDRESS(debugger, to));
	}
	if (inq_session_machine(debugger->session) == INQ_MACHINE_AMD64)
		show_tcb(debugger, thread->tls);
	return INQ_OK;
}
