/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .echo .time .help .lines q */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <string.h>
#include <time.h>

enum inq_status command_echo(struct debugger *debugger, const struct invocation *call,
			     struct inq_error *err)
{
	const char *text = call->args;
	size_t length = strlen(text);

	(void)err;
	/* Quotes around the whole let it hold a ';'; they are not shown. */
	if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
		out_print(&debugger->out, "%.*s\n", (int)length - 2, text + 1);
	else
		out_print(&debugger->out, "%s\n", text);
	return INQ_OK;
}

enum inq_status command_time(struct debugger *debugger, const struct invocation *call,
			     struct inq_error *err)
{
	const struct inq_process *process;
	struct out *out = &debugger->out;
	char when[TIME_TEXT];
	enum inq_status status = no_more(call->args, err);

	if (status != INQ_OK)
		return status;
	out_print(out, "Now:             %s\n", time_text(when, (uint64_t)time(NULL)));
	if (inq_target_process(inq_session_target(debugger->session), &process, NULL) != INQ_OK)
		return INQ_OK;
	if (process->dump_time)
		out_print(out, "Dump taken:      %s\n", time_text(when, process->dump_time));
	if (process->create_time)
		out_print(out, "Process started: %s\n", time_text(when, process->create_time));
	out_print(out, "Kernel time:     %llu.%06llu s\nUser time:       %llu.%06llu s\n",
		  (unsigned long long)process->kernel_us / 1000000,
		  (unsigned long long)process->kernel_us % 1000000,
		  (unsigned long long)process->user_us / 1000000,
		  (unsigned long long)process->user_us % 1000000);
	return INQ_OK;
}

/* "k kb kn" becomes "k, kb, kn". */
static void show_names(struct out *out, const char *names)
{
	for (; *names; names++)
		out_print(out, "%s", *names == ' ' ? ", " : (char[]){*names, '\0'});
}

static void show_all(struct out *out)
{
	for (size_t i = 0; i < command_count; i++) {
		size_t width = strlen(commands[i].names);

		out_print(out, "  %s %-*s  %s\n", commands[i].names,
			  width < 27 ? 27 - (int)width : 0, commands[i].syntax,
			  commands[i].summary);
	}
	out_print(out, "\n.help COMMAND tells more. Numbers are hexadecimal; 0n10 is decimal. "
		       "Commands are parted\n"
		       "by ';', and '*' begins a comment.\n");
}

enum inq_status command_help(struct debugger *debugger, const struct invocation *call,
			     struct inq_error *err)
{
	const struct command *command;
	struct out *out = &debugger->out;
	char name[COMMAND_NAME];
	const char *rest;

	if (!*call->args) {
		show_all(out);
		return INQ_OK;
	}
	command = command_find(call->args, name, &rest);
	if (!command || *rest)
		return inq_fail(err, INQ_USAGE, "'%s': no such command; .help lists them",
				call->args);
	show_names(out, command->names);
	out_print(out, " %s\n    %s\n", command->syntax, command->summary);
	/* The table's text is ours, but goes the same way as all text: line by line. */
	for (const char *line = command->help; *line;) {
		size_t length = strcspn(line, "\n");

		out_print(out, "    %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
	return INQ_OK;
}

enum inq_status command_lines(struct debugger *debugger, const struct invocation *call,
			      struct inq_error *err)
{
	const char *args = call->args;

	if (!*args)
		debugger->lines = !debugger->lines;
	else if (strcmp(args, "-e") == 0)
		debugger->lines = true;
	else if (strcmp(args, "-d") == 0)
		debugger->lines = false;
	else
		return inq_fail(err, INQ_USAGE, "'%s': not understood", args);
	out_print(&debugger->out, "Line number information will %sbe shown\n",
		  debugger->lines ? "" : "not ");
	return INQ_OK;
}

enum inq_status command_quit(struct debugger *debugger, const struct invocation *call,
			     struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);

	debugger->quit = status == INQ_OK;
	return status;
}
