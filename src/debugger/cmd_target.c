/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vertarget, |, .opendump */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <string.h>

static const char *os_name(enum inq_os os)
{
	static const char *const names[] = {
		[INQ_OS_UNKNOWN] = "unknown system",
		[INQ_OS_LINUX] = "Linux",
		[INQ_OS_ANDROID] = "Android",
		[INQ_OS_WINDOWS] = "Windows",
		[INQ_OS_MACOS] = "macOS",
		[INQ_OS_OTHER] = "other system",
	};

	return names[os];
}

static void json_system(json_t *object, const struct inq_system *system,
			const struct inq_process *process)
{
	const struct inq_machine_info *info = system ? inq_machine_info(system->machine) : NULL;

	json_object_set_new(object, "machine", json_text(info ? info->name : NULL));
	if (system) {
		json_object_set_new(object, "os", json_text(os_name(system->os)));
		json_object_set_new(object, "version", json_text(system->version));
		json_object_set_new(object, "distribution", json_text(system->distribution));
		json_object_set_new(object, "processors", json_integer(system->processors));
		json_object_set_new(object, "cpu_vendor", json_text(system->cpu_vendor));
	}
	if (process) {
		json_object_set_new(object, "pid", json_integer(process->pid));
		json_object_set_new(object, "program", json_text(process->program));
		json_object_set_new(object, "executable", json_text(process->executable));
		json_object_set_new(object, "arguments", json_text(process->arguments));
		json_object_set_new(object, "create_time",
				    json_integer((json_int_t)process->create_time));
		json_object_set_new(object, "dump_time",
				    json_integer((json_int_t)process->dump_time));
		json_object_set_new(object, "held_us", json_integer((json_int_t)process->held_us));
	}
}

static void show_system(struct debugger *debugger, const struct inq_system *system)
{
	const struct inq_machine_info *info = inq_machine_info(system->machine);
	struct out *out = &debugger->out;

	out_print(out, "%s", os_name(system->os));
	if (system->major)
		out_print(out, " %u.%u.%u", system->major, system->minor, system->build);
	out_print(out, " %s", info ? info->effective : "on an unknown machine");
	if (system->processors)
		out_print(out, " MP (%u procs)", system->processors);
	if (system->cpu_vendor[0])
		out_print(out, ", %s family %u model %u stepping %u", system->cpu_vendor,
			  system->processor_level, system->processor_revision >> 8,
			  system->processor_revision & 0xff);
	out_print(out, "\n");
	if (*system->version)
		out_print(out, "System:      %s\n", system->version);
	if (*system->distribution)
		out_print(out, "Product:     %s\n", system->distribution);
}

static void show_uptime(struct out *out, const char *what, uint64_t seconds)
{
	out_print(out, "%s%llu days %llu:%02llu:%02llu\n", what,
		  (unsigned long long)seconds / 86400, (unsigned long long)seconds / 3600 % 24,
		  (unsigned long long)seconds / 60 % 60, (unsigned long long)seconds % 60);
}

static void show_process(struct debugger *debugger, const struct inq_process *process)
{
	struct out *out = &debugger->out;
	char when[TIME_TEXT];

	if (*process->executable)
		out_print(out, "Program:     %s\n", process->executable);
	if (*process->arguments)
		out_print(out, "Command:     %s\n", process->arguments);
	if (process->dump_time)
		out_print(out, "Dump taken:  %s\n", time_text(when, process->dump_time));
	if (process->create_time && process->dump_time >= process->create_time)
		show_uptime(out, "Process up:  ", process->dump_time - process->create_time);
	if (process->user_us || process->kernel_us)
		out_print(out, "CPU time:    kernel %llu ms, user %llu ms\n",
			  (unsigned long long)process->kernel_us / 1000,
			  (unsigned long long)process->user_us / 1000);
	if (process->held_us)
		out_print(out, "Held for:    %llu.%03llu ms by the collector\n",
			  (unsigned long long)process->held_us / 1000,
			  (unsigned long long)process->held_us % 1000);
}

/* Its lines below each other. */
static void show_comment(struct out *out, const char *text, size_t size)
{
	for (const char *at = text, *end = text + size; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;

		out_print(out, "%-12s %.*s\n", at == text ? "Comment:" : "", (int)(stop - at), at);
		at = newline ? newline + 1 : end;
	}
}

enum inq_status command_vertarget(struct debugger *debugger, const struct invocation *call,
				  struct inq_error *err)
{
	struct inq_target *target = inq_session_target(debugger->session);
	const struct inq_system *system = NULL;
	const struct inq_process *process = NULL;
	const char *comment;
	size_t size;

	if (no_more(call->args, err) != INQ_OK)
		return INQ_USAGE;
	if (inq_target_system(target, &system, NULL) != INQ_OK)
		system = NULL;
	if (inq_target_process(target, &process, NULL) != INQ_OK)
		process = NULL;
	if (debugger->out.json) {
		json_system(debugger->out.json, system, process);
		return INQ_OK;
	}
	out_print(&debugger->out, "%s (%s)\n", target->name, target->ops->kind);
	if (system)
		show_system(debugger, system);
	if (process)
		show_process(debugger, process);
	if (inq_target_text(target, INQ_TEXT_COMMENT, &comment, &size, NULL) == INQ_OK)
		show_comment(&debugger->out, comment, strnlen(comment, size < 4096 ? size : 4096));
	return INQ_OK;
}

enum inq_status command_process(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	const struct inq_process *process;
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK)
		status = inq_target_process(inq_session_target(debugger->session), &process, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json)
		json_system(debugger->out.json, NULL, process);
	else
		out_print(&debugger->out, ".  0  id: %x (%u)  examine  name: %s\n", process->pid,
			  process->pid,
			  *process->executable ? process->executable : process->program);
	return INQ_OK;
}

enum inq_status command_opendump(struct debugger *debugger, const struct invocation *call,
				 struct inq_error *err)
{
	const char *at = call->args;
	char name[4096];

	if (!take_word(&at, name, sizeof(name)))
		return inq_fail(
			err, INQ_USAGE,
			"which file? (\"last\" and the beginning of a name look in the spool)");
	if (no_more(at, err) != INQ_OK)
		return INQ_USAGE;
	return debugger->open(debugger, name, err);
}
