/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ~ in all its forms */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <stdlib.h>
#include <string.h>

static void show_thread(struct debugger *debugger, size_t index)
{
	size_t count;
	const struct inq_thread *thread = &inq_session_threads(debugger->session, &count)[index];
	const struct inq_process *process;
	struct out *out = &debugger->out;
	uint32_t pid = 0;

	if (inq_target_process(inq_session_target(debugger->session), &process, NULL) == INQ_OK)
		pid = process->pid;
	out_print(out, "%c%3zu  Id: %x.%x (%u)",
		  (long)index == inq_session_thread(debugger->session) ? '.'
		  : thread->crashed				       ? '#'
								       : ' ',
		  index, pid, thread->tid, thread->tid);
	if (thread->tls)
		out_print(out, " Teb: %s", ADDRESS(debugger, thread->tls));
	if (thread->name[0])
		out_print(out, " \"%s\"", thread->name);
	if (thread->crashed)
		out_print(out, "  <- crashed");
	if (!thread->has_context)
		out_print(out, "  (no registers)");
	out_print(out, "\n");
}

static json_t *json_thread(struct debugger *debugger, size_t index)
{
	size_t count;
	const struct inq_thread *thread = &inq_session_threads(debugger->session, &count)[index];
	json_t *object = json_object();

	json_object_set_new(object, "index", json_integer((json_int_t)index));
	json_object_set_new(object, "tid", json_integer(thread->tid));
	json_object_set_new(object, "name", json_text(thread->name));
	json_object_set_new(object, "crashed", json_boolean(thread->crashed));
	json_object_set_new(object, "current",
			    json_boolean((long)index == inq_session_thread(debugger->session)));
	json_object_set_new(object, "tls", json_address(thread->tls));
	return object;
}

static enum inq_status list_threads(struct debugger *debugger, size_t from, size_t to,
				    struct inq_error *err)
{
	bool json = debugger->out.json != NULL;

	(void)err;
	if (json)
		out_json_list(&debugger->out, "threads");
	for (size_t i = from; i < to && !out_stop(&debugger->out); i++) {
		if (json)
			out_json_add(&debugger->out, "threads", json_thread(debugger, i));
		else
			show_thread(debugger, i);
	}
	return INQ_OK;
}

/* "N s": the thread becomes the current one, and is shown as r shows it. */
static enum inq_status switch_thread(struct debugger *debugger, size_t index, struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status = inq_session_set_thread(debugger->session, index, err);

	if (status != INQ_OK || debugger->out.json)
		return status;
	status = inq_session_context(debugger->session, &context, err);
	if (status == INQ_OK)
		show_registers(debugger, &context);
	return status;
}

/* Any command for some threads: each is made current for it, and then the one that was is so again.
 */
static enum inq_status run_for(struct debugger *debugger, size_t from, size_t to, const char *line,
			       struct inq_error *err)
{
	char name[COMMAND_NAME];
	struct invocation call = {.name = name, .thread = INQ_NO_THREAD};
	const struct command *command = command_find(line, name, &call.args);
	enum inq_status worst = INQ_OK;

	if (!command || command->run == command_threads)
		return inq_fail(err, INQ_USAGE, "'%s' is not a command for threads", line);
	for (size_t i = from; i < to && !out_stop(&debugger->out); i++) {
		enum inq_status status;
		struct inq_error problem = {0};

		if (!debugger->out.json && to - from > 1) {
			out_print(&debugger->out, "\n");
			show_thread(debugger, i);
		}
		call.thread = (long)i;
		status = command->run(debugger, &call, &problem);
		if (status == INQ_OK)
			continue;
		if (to - from > 1 && status != INQ_USAGE && !debugger->out.json)
			out_print(&debugger->out, "%s\n", problem.text);
		worst = status;
		*err = problem;
		if (status == INQ_USAGE)
			break;
	}
	/* One thread without registers among many is shown above and fails nothing. */
	return to - from > 1 && worst != INQ_USAGE ? INQ_OK : worst;
}

/* k looks at call->thread itself; other commands look at the current one. */
static enum inq_status run_with_current(struct debugger *debugger, size_t from, size_t to,
					const char *line, struct inq_error *err)
{
	long before = inq_session_thread(debugger->session);
	enum inq_status worst = INQ_OK;

	if (*line == 'k')
		return run_for(debugger, from, to, line, err);
	for (size_t i = from; i < to && worst != INQ_USAGE; i++) {
		enum inq_status status = inq_session_set_thread(debugger->session, i, err);

		if (status == INQ_OK)
			status = run_for(debugger, i, i + 1, line, err);
		if (status != INQ_OK)
			worst = status;
	}
	if (before >= 0)
		inq_session_set_thread(debugger->session, (size_t)before, NULL);
	return worst;
}

/* "*", ".", "#", a decimal index (as WinDbg), or nothing; false: something else. */
static bool take_threads(struct debugger *debugger, const char **at, size_t *from, size_t *to,
			 bool *one, struct inq_error *err)
{
	size_t count, index;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count);
	char *end;

	*from = 0;
	*to = count;
	*one = **at != '*' && **at != '\0';
	if (**at == '*') {
		(*at)++;
		return true;
	}
	if (!**at)
		return true;
	if (**at == '.' || **at == '#') {
		long current = inq_session_thread(debugger->session);

		for (index = 0; index < count; index++) {
			if (**at == '.' ? (long)index == current : threads[index].crashed)
				break;
		}
		(*at)++;
	} else {
		index = strtoul(*at, &end, 10);
		if (end == *at) {
			inq_fail(err, INQ_USAGE, "'%s': not a thread", *at);
			return false;
		}
		*at = end;
	}
	if (index >= count) {
		inq_fail(err, INQ_USAGE, "there is no such thread; the dump has %zu", count);
		return false;
	}
	*from = index;
	*to = index + 1;
	return true;
}

enum inq_status command_threads(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	const char *at = call->args;
	size_t from, to;
	bool one;

	if (!take_threads(debugger, &at, &from, &to, &one, err))
		return INQ_USAGE;
	at = skip_spaces(at);
	if (!*at)
		return list_threads(debugger, from, to, err);
	if (one && strcmp(at, "s") == 0)
		return switch_thread(debugger, from, err);
	if (*at == 'e' && at[1] == ' ')
		at = skip_spaces(at + 1);
	return run_with_current(debugger, from, to, at, err);
}
