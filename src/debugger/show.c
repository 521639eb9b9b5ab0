/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/show.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- arguments -------------------------------------------------------------------- */

const char *skip_spaces(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

enum inq_status take_value(struct debugger *debugger, const char **at, uint64_t *ret,
			   struct inq_error *err)
{
	const char *end;
	enum inq_status status = inq_session_evaluate(debugger->session, *at, &end, ret, err);

	if (status == INQ_OK)
		*at = skip_spaces(end);
	return status;
}

enum inq_status no_more(const char *at, struct inq_error *err)
{
	at = skip_spaces(at);
	return *at ? inq_fail(err, INQ_USAGE, "'%s': not understood", at) : INQ_OK;
}

bool take_word(const char **at, char *to, size_t capacity)
{
	const char *start = skip_spaces(*at), *end;
	bool quoted = *start == '"';

	start += quoted;
	for (end = start; *end && (quoted ? *end != '"' : !isspace((unsigned char)*end)); end++)
		;
	if (end == start || (size_t)(end - start) >= capacity)
		return false;
	memcpy(to, start, (size_t)(end - start));
	to[end - start] = '\0';
	*at = skip_spaces(end + (quoted && *end == '"'));
	return true;
}

/* --- places ----------------------------------------------------------------------- */

static void show_offset(struct out *out, uint64_t offset)
{
	if (offset)
		out_print(out, "+0x%llx", (unsigned long long)offset);
}

void show_place(struct out *out, const struct inq_place *place, uint64_t address)
{
	if (place->symbol) {
		out_print(out, "%s!%s", place->module_name, place->symbol);
		show_offset(out, place->offset);
	} else if (place->module) {
		out_print(out, "%s+0x%llx", place->module_name,
			  (unsigned long long)place->module_offset);
	} else {
		out_print(out, "0x%llx", (unsigned long long)address);
	}
}

void show_call(struct debugger *debugger, const struct inq_call *call, bool parameters, bool lines)
{
	struct inq_place place = call->place;
	char *full = parameters && place.linkage ? inq_demangle(place.linkage, true) : NULL;

	if (full)
		place.symbol = full;
	show_place(&debugger->out, &place, call->pc);
	free(full);
	if (lines && call->file && call->line)
		out_print(&debugger->out, " [%s @ %u]", call->file, call->line);
}

void json_place(json_t *object, const struct inq_place *place)
{
	json_object_set_new(object, "module",
			    place->module ? json_text(place->module_name) : json_null());
	json_object_set_new(object, "module_offset",
			    place->module ? json_address(place->module_offset) : json_null());
	json_object_set_new(object, "symbol", json_text(place->symbol));
	json_object_set_new(object, "offset",
			    place->symbol ? json_address(place->offset) : json_null());
}

/* --- instructions ----------------------------------------------------------------- */

void show_instruction_line(struct debugger *debugger, uint64_t address,
			   const struct inq_instruction *instruction, const uint8_t *bytes)
{
	struct out *out = &debugger->out;
	struct inq_place place;

	out_print(out, "%s ", ADDRESS(debugger, address));
	for (unsigned i = 0; i < instruction->size; i++)
		out_print(out, "%02x", bytes[i]);
	for (unsigned i = instruction->size; i < 7; i++)
		out_print(out, "  ");
	out_print(out, "  %s", instruction->text);
	if (instruction->target) {
		inq_session_place(debugger->session, instruction->target, &place);
		if (place.module) {
			out_print(out, " (");
			show_place(out, &place, instruction->target);
			out_print(out, ")");
		}
	}
	out_print(out, "\n");
}

void show_instruction(struct debugger *debugger, uint64_t address)
{
	struct out *out = &debugger->out;
	struct inq_instruction instruction;
	uint8_t bytes[INQ_INSTRUCTION_MAX];
	struct inq_error err = {0};
	struct inq_place place;

	inq_session_place(debugger->session, address, &place);
	show_place(out, &place, address);
	out_print(out, ":\n");
	if (inq_session_instruction(debugger->session, address, &instruction, bytes, &err) == INQ_OK)
		show_instruction_line(debugger, address, &instruction, bytes);
	else
		out_print(out, "%s ??              ???  (%s)\n", ADDRESS(debugger, address),
			  err.text);
}

/* --- events ----------------------------------------------------------------------- */

static void show_code(struct out *out, const struct inq_event *event)
{
	if (*event->code_name)
		out_print(out, "%s: %s", event->code_name, event->code_text);
	else
		out_print(out, "code %d", event->sub_code);
	if (event->has_sender)
		out_print(out, ", by process %u of user %u", event->sender_pid, event->sender_uid);
}

void show_event(struct debugger *debugger, const struct inq_event *event)
{
	struct out *out = &debugger->out;

	out_print(out, "(%x.%x): ", event->pid, event->tid);
	if (!event->is_exception) {
		out_print(out, "no exception: a dump of a process that was alive\n");
		return;
	}
	if (*event->name)
		out_print(out, "Signal %s (", event->name);
	else
		out_print(out, "Exception %08x (", event->code);
	show_code(out, event);
	out_print(out, ")");
	if (event->has_address)
		out_print(out, " at 0x%llx", (unsigned long long)event->address);
	out_print(out, "\n");
}

json_t *json_event(struct debugger *debugger, const struct inq_event *event)
{
	json_t *object = json_object();
	struct inq_place place;

	json_object_set_new(object, "exception", json_boolean(event->is_exception));
	json_object_set_new(object, "pid", json_integer(event->pid));
	json_object_set_new(object, "tid", json_integer(event->tid));
	if (event->is_exception) {
		json_object_set_new(object, "signal", json_integer(event->code));
		json_object_set_new(object, "name", json_text(event->name));
		json_object_set_new(object, "text", json_text(event->text));
		json_object_set_new(object, "code", json_integer(event->sub_code));
		json_object_set_new(object, "code_name", json_text(event->code_name));
		json_object_set_new(object, "code_text", json_text(event->code_text));
		json_object_set_new(object, "address",
				    event->has_address ? json_address(event->address)
						       : json_null());
	}
	if (event->has_sender) {
		json_object_set_new(object, "sender_pid", json_integer(event->sender_pid));
		json_object_set_new(object, "sender_uid", json_integer(event->sender_uid));
	}
	json_object_set_new(object, "pc", json_address(event->pc));
	inq_session_place(debugger->session, event->pc, &place);
	json_place(object, &place);
	return object;
}

const char *time_text(char to[TIME_TEXT], uint64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm parts;

	if (!gmtime_r(&when, &parts) || !strftime(to, TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &parts))
		memcpy(to, "?", 2);
	return to;
}

/* --- after opening ---------------------------------------------------------------- */

static void show_what_died(struct debugger *debugger, const struct inq_event *event)
{
	const struct inq_process *process = NULL;
	struct out *out = &debugger->out;
	char when[TIME_TEXT];
	size_t count;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count);

	if (inq_target_process(inq_session_target(debugger->session), &process, NULL) != INQ_OK)
		process = NULL;
	out_print(out, "%s", process && *process->program ? process->program : "the process");
	out_print(out, " (pid %u", event->pid);
	if (process && process->uid != UINT32_MAX)
		out_print(out, ", user %u", process->uid);
	out_print(out, ")");
	if (event->is_exception) {
		out_print(out, " died of %s", *event->name ? event->name : "an exception");
		if (*event->text)
			out_print(out, " (%s)", event->text);
		out_print(out, " in thread %u", event->tid);
		for (size_t i = 0; i < count; i++) {
			if (threads[i].tid == event->tid && threads[i].name[0])
				out_print(out, " \"%s\"", threads[i].name);
		}
	} else {
		out_print(out, " was alive");
	}
	if (process && process->dump_time)
		out_print(out, ", %s", time_text(when, process->dump_time));
	out_print(out, "\n");
}

static void show_warnings(struct debugger *debugger)
{
	const char *warning;

	for (size_t i = 0;
	     inq_target_warning(inq_session_target(debugger->session), i, &warning) == INQ_OK; i++)
		out_print(&debugger->out, "*** %s\n", warning);
}

void show_opening(struct debugger *debugger, const char *path)
{
	struct inq_target *target = inq_session_target(debugger->session);
	struct out *out = &debugger->out;
	struct inq_event event;
	struct inq_error err = {0};
	size_t threads, modules;

	inq_session_threads(debugger->session, &threads);
	inq_session_modules(debugger->session, &modules);
	out_print(out, "%s: %s, %zu thread%s, %zu module%s\n", path, target->ops->kind, threads,
		  threads == 1 ? "" : "s", modules, modules == 1 ? "" : "s");
	show_warnings(debugger);
	out_print(out, "\n");
	if (inq_session_event(debugger->session, &event, &err) != INQ_OK) {
		out_print(out, "%s\nType 'lm' for the modules, '.help' for all commands.\n",
			  err.text);
		return;
	}
	show_what_died(debugger, &event);
	show_event(debugger, &event);
	if (event.pc)
		show_instruction(debugger, event.pc);
	if (event.is_exception)
		out_print(out, "Type '.ecxr; k' for the stack of the crash, '~*k' for all threads, "
			       "'.help' for "
			       "all commands.\n");
	else
		out_print(out, "Type 'k' for the stack, '~*k' for all threads, '.help' for all "
			       "commands.\n");
}
