/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .dump .detach */
#include "debugger/broker.h"
#include "debugger/commands.h"
#include "debugger/show.h"
#include "engine/dump.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- .dump /? ---------------------------------------------------------------------- */

static void show_help(struct out *out)
{
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);
	const struct inq_dump_option *letters;

	out_print(out, ".dump [options] FILE\n\n");
	for (size_t i = 0; i < count; i++) {
		char word[64];

		if (!rows[i].help)
			continue;
		snprintf(word, sizeof(word), rows[i].takes == INQ_TAKES_LETTERS ? "%s[%s]" : "%s %s", rows[i].name,
			 rows[i].argument);
		out_print(out, "  %-16s %s\n", word, rows[i].help);
	}
	letters = inq_dump_options_table(&count);
	out_print(out, "\nLetters behind /m, in any order:\n\n");
	for (size_t i = 0; i < count; i++)
		out_print(out, "  %c                %s%s\n", letters[i].letter, letters[i].help,
			  letters[i].built ? "" : " (not in this version)");
	out_print(out, "\n/m alone: modules, threads, their stacks and the code around them.\n");
}

/* --- .dump ------------------------------------------------------------------------- */

static enum inq_status evaluate(void *user, const char **at, uint64_t *ret, struct inq_error *err)
{
	enum { WORD = 512 };
	char word[WORD];
	const char *rest = word;
	size_t size = 0;
	int depth = 0;
	enum inq_status status;

	/* An expression ends at a blank outside parentheses here: " /o" is an option, not a division. */
	for (; (*at)[size] && (depth > 0 || !strchr(" \t", (*at)[size])); size++) {
		if (size + 1 >= sizeof(word))
			return inq_fail(err, INQ_LIMIT, "an expression of more than %d bytes", WORD - 1);
		depth += ((*at)[size] == '(') - ((*at)[size] == ')');
	}
	memcpy(word, *at, size);
	word[size] = '\0';
	status = take_value(user, &rest, ret, err);
	if (status == INQ_OK)
		status = no_more(rest, err);
	if (status == INQ_OK)
		*at += size;
	return status;
}

static uint32_t target_pid(struct debugger *debugger)
{
	const struct inq_process *process;

	return inq_target_process(inq_session_target(debugger->session), &process, NULL) == INQ_OK
		       ? process->pid
		       : 0;
}

static bool is_core(const struct inq_dump_command *command)
{
	return command->switches & (INQ_SWITCH_FULL | INQ_SWITCH_FULL_EXTENDED);
}

static enum place_form form_of(const struct inq_dump_command *command)
{
	return (command->switches & INQ_SWITCH_COMPRESS ? PLACE_COMPRESSED : 0) |
	       (command->switches & (INQ_SWITCH_CABINET | INQ_SWITCH_CABINET_ALL) ? PLACE_CABINET : 0);
}

static void show_result(struct debugger *debugger, const struct inq_dump_command *command,
			const char *path, const struct inq_dump_result *result)
{
	struct out *out = &debugger->out;

	if (out->json) {
		json_object_set_new(out->json, "file", json_text(path));
		json_object_set_new(out->json, "form", json_text(is_core(command) ? "core" : "minidump"));
		json_object_set_new(out->json, "size", json_integer((json_int_t)result->file_size));
		json_object_set_new(out->json, "memory", json_integer((json_int_t)result->memory_bytes));
		json_object_set_new(out->json, "missing", json_integer((json_int_t)result->missing_bytes));
		json_object_set_new(out->json, "threads", json_integer((json_int_t)result->threads));
		json_object_set_new(out->json, "incomplete", json_boolean(result->incomplete));
		return;
	}
	out_print(out, "Creating %s - %s\n", path,
		  is_core(command) ? "full user dump (ELF core)" : "mini user dump");
	out_print(out, "%llu bytes: %zu thread%s, %llu bytes of memory\n",
		  (unsigned long long)result->file_size, result->threads, result->threads == 1 ? "" : "s",
		  (unsigned long long)result->memory_bytes);
	if (result->missing_bytes)
		out_print(out, "%llu bytes could not be read and are zero\n",
			  (unsigned long long)result->missing_bytes);
	if (result->threads_left_out)
		out_print(out, "%zu threads without registers are not in it\n", result->threads_left_out);
	if (result->lost_threads)
		out_print(out, "The filter changed the frames of %zu threads; the dump's comment names them\n",
			  result->lost_threads);
	if (result->incomplete)
		out_print(out, "Something asked for is missing; the dump's comment says what (vertarget)\n");
	out_print(out, "Dump successfully written\n");
}

static enum inq_status write_dump(struct debugger *debugger, const struct inq_dump_command *command,
				  const char *path, struct inq_dump_result *ret, struct inq_error *err)
{
	enum inq_status status;
	int fd = broker_create(debugger->broker, path, command->switches & INQ_SWITCH_OVERWRITE, &status, err);

	if (fd < 0)
		return status;
	status = inq_session_write_dump(debugger->session, command, debugger->live_remark,
					debugger->live ? debugger->held_since_ns : 0, fd, ret, err);
	close(fd);
	if (status != INQ_OK) {
		broker_discard(debugger->broker);
		return inq_prepend(err, status, "'%s'", path);
	}
	return broker_publish(debugger->broker, form_of(command), err);
}

static enum inq_status write_all(struct debugger *debugger, const char *arguments, struct inq_error *err)
{
	struct dump_all all;
	enum inq_status status;

	if (debugger->session)
		return inq_fail(err, INQ_USAGE, "/a dumps all processes: start inquest without -z and -p for it");
	if (!debugger->broker)
		return inq_fail(err, INQ_UNSUPPORTED, "no files can be written here");
	status = broker_dump_all(debugger->broker, arguments, &all, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "written", json_integer((json_int_t)all.written));
		json_object_set_new(debugger->out.json, "refused", json_integer((json_int_t)all.refused));
	} else {
		out_print(&debugger->out, "%zu dumps written; %zu processes could not be dumped\n", all.written,
			  all.refused);
	}
	return INQ_OK;
}

enum inq_status command_dump(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	struct inq_dump_command command;
	struct inq_dump_result result = {0};
	char path[DUMP_PATH];
	enum inq_status status =
		inq_dump_command_parse(call->args, debugger->session ? evaluate : NULL, debugger, &command, err);

	if (status != INQ_OK)
		return status;
	if (command.switches & INQ_SWITCH_HELP) {
		show_help(&debugger->out);
		return INQ_OK;
	}
	if (form_of(&command) & PLACE_CABINET)
		return inq_fail(err, INQ_UNSUPPORTED,
				"/b is not in this version: no CAB can be written; --compress makes a dump smaller");
	if (command.kernel_file[0])
		return inq_fail(err, INQ_UNSUPPORTED,
				"/mk: the kernel's side goes into the dump itself; leave '%s' out",
				command.kernel_file);
	if (command.switches & INQ_SWITCH_ALL)
		return write_all(debugger, call->args, err);
	if (!debugger->session)
		return inq_fail(err, INQ_ABSENT, "nothing is open to be dumped; -p PID or -z FILE");
	if (!debugger->broker)
		return inq_fail(err, INQ_UNSUPPORTED, "no files can be written here");
	status = inq_dump_command_name(&command, target_pid(debugger), path, sizeof(path), err);
	if (status == INQ_OK)
		status = write_dump(debugger, &command, path, &result, err);
	if (status == INQ_OK)
		show_result(debugger, &command, path, &result);
	return status;
}

enum inq_status command_detach(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK && !debugger->live)
		status = inq_fail(err, INQ_ABSENT, "no running process is being looked at");
	if (status == INQ_OK)
		status = broker_detach(debugger->broker, err);
	if (status != INQ_OK)
		return status;
	inq_session_free(debugger->session);
	debugger->session = NULL;
	debugger->live = false;
	if (!debugger->json)
		out_print(&debugger->out, "Detached: the process goes on\n");
	return INQ_OK;
}
