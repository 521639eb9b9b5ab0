/* SPDX-License-Identifier: GPL-3.0-or-later */
/* !token !vm !kernel: whom the process is, its memory in numbers, the kernel's side of its threads
 */
#include "config.h"

#include "debugger/commands.h"
#include "debugger/show.h"
#include "support/buffer.h"
#include "target/token_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines of text from outside, one by one; the kernel parts columns by tabs. */
static void show_lines(struct out *out, const char *text, size_t size)
{
	for (const char *at = text, *end = text + size; at < end && !out_stop(out);) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)),
			   *stop = newline ? newline : end;

		while (at < stop) {
			const char *tab = memchr(at, '\t', (size_t)(stop - at));

			out_print(out, "%.*s%s", (int)((tab ? tab : stop) - at), at,
				  tab ? " " : "");
			at = tab ? tab + 1 : stop;
		}
		out_print(out, "\n");
		at = newline ? newline + 1 : end;
	}
}

/* --- !token ---------------------------------------------------------------------------- */

enum inq_status command_token(struct debugger *debugger, const struct invocation *call,
			      struct inq_error *err)
{
	const struct inq_token *token;
	struct inq_buffer text = {0};
	struct out *out = &debugger->out;
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK)
		status = inq_target_token(inq_session_target(debugger->session), &token, err);
	if (status == INQ_ABSENT)
		return inq_fail(err, status,
				"no token is known (the letters h and p bring it into a dump)");
	if (status != INQ_OK)
		return status;
	inq_token_write(token, &text);
	if (!inq_buffer_ok(&text))
		status = inq_fail(err, INQ_NO_MEMORY, "no memory");
	else if (out->json)
		json_object_set_new(out->json, "token",
				    json_lines(inq_buffer_text(&text), text.size));
	else
		show_lines(out, inq_buffer_text(&text), text.size);
	inq_buffer_done(&text);
	return status;
}

/* --- !vm ---------------------------------------------------------------------------------- */

/* as shown, key in JSON, what; bytes but for faults */
#define COUNTER(text, field)                                                                       \
	{                                                                                          \
		text, #field, offsetof(struct inq_counters, field)                                 \
	}
static const struct counter_row {
	const char *text, *key;
	size_t place;
} counter_rows[] = {
	COUNTER("virtual size", virtual_size),
	COUNTER("  at its peak", virtual_peak),
	COUNTER("resident", resident),
	COUNTER("  at its peak", resident_peak),
	COUNTER("  anonymous", resident_anonymous),
	COUNTER("  of files", resident_file),
	COUNTER("  shared", resident_shared),
	COUNTER("private, mapped", data),
	COUNTER("main stack", stack),
	COUNTER("page tables", page_tables),
	COUNTER("swapped", swapped),
	COUNTER("locked", locked),
	COUNTER("pinned", pinned),
	COUNTER("minor faults", minor_faults),
	COUNTER("major faults", major_faults),
	COUNTER("machine: total", machine_total),
	COUNTER("machine: free", machine_free),
	COUNTER("machine: available", machine_available),
	COUNTER("machine: cached", machine_cached),
	COUNTER("machine: buffers", machine_buffers),
	COUNTER("machine: swap", machine_swap_total),
	COUNTER("machine: swap free", machine_swap_free),
	COUNTER("machine: committed", machine_committed),
	COUNTER("machine: may commit", machine_commit_limit),
};

enum inq_status command_vm(struct debugger *debugger, const struct invocation *call,
			   struct inq_error *err)
{
	const struct inq_counters *counters;
	struct out *out = &debugger->out;
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK)
		status = inq_target_counters(inq_session_target(debugger->session), &counters, err);
	if (status == INQ_ABSENT)
		return inq_fail(err, status,
				"no counters are known (the letter F brings them into a dump)");
	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < sizeof(counter_rows) / sizeof(counter_rows[0]); i++) {
		const struct counter_row *row = &counter_rows[i];
		bool number = strstr(row->key, "faults") != NULL;
		uint64_t value;

		memcpy(&value, (const char *)counters + row->place, sizeof(value));
		if (value == UINT64_MAX)
			continue;
		if (out->json)
			json_object_set_new(out->json, row->key, json_integer((json_int_t)value));
		else if (number)
			out_print(out, "%-20s %12llu\n", row->text, (unsigned long long)value);
		else
			out_print(out, "%-20s %12llu KiB\n", row->text,
				  (unsigned long long)value / 1024);
	}
	return INQ_OK;
}

/* --- !kernel --------------------------------------------------------------------------------- */

/* Sections begin with a line "[task/4711/stack]" or "[kmsg]". What is shown of them: */
struct kernel_choice {
	uint32_t tid; /* 0: of all threads, without the log */
	bool log;
};

/* Only such a line at a line's start begins one: what the kernel logged may look like anything. */
static bool is_head(const char *at, const char *end)
{
	static const char *const heads[] = {"[task/", "[kmsg]\n"};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(heads[i]);

		if ((size_t)(end - at) >= size && memcmp(at, heads[i], size) == 0)
			return true;
	}
	return false;
}

static bool is_chosen(const char *head, const struct kernel_choice *choice)
{
	if (head[1] == 'k')
		return choice->log;
	return !choice->log && (!choice->tid || strtoul(head + 6, NULL, 10) == choice->tid);
}

static size_t show_sections(struct out *out, const char *text, size_t size,
			    const struct kernel_choice *choice)
{
	const char *at = text, *end = text + size;
	size_t shown = 0;

	while (at < end && !out_stop(out)) {
		const char *next = at;
		bool chosen = is_chosen(at, choice), log = at[1] == 'k';

		/* The log is the last section: nothing in it begins another. */
		do {
			next = memchr(next, '\n', (size_t)(end - next));
			next = next ? next + 1 : end;
		} while (next < end && (log || !is_head(next, end)));
		if (chosen)
			show_lines(out, at, (size_t)(next - at));
		shown += chosen;
		at = next;
	}
	return shown;
}

enum inq_status command_kernel(struct debugger *debugger, const struct invocation *call,
			       struct inq_error *err)
{
	struct kernel_choice choice = {.log = strcmp(call->args, "log") == 0};
	const char *at = choice.log ? "" : call->args, *text = NULL;
	struct out *out = &debugger->out;
	enum inq_status status = INQ_OK;
	uint64_t tid = 0;
	size_t size = 0;

	if (*at)
		status = take_value(debugger, &at, &tid, err);
	if (status == INQ_OK)
		status = no_more(at, err);
	if (status == INQ_OK && tid > UINT32_MAX)
		status =
			inq_fail(err, INQ_USAGE, "0x%llx is no thread id", (unsigned long long)tid);
	if (status != INQ_OK)
		return status;
	status = inq_target_text(inq_session_target(debugger->session), INQ_TEXT_KERNEL, &text,
				 &size, err);
	if (status == INQ_ABSENT)
		return inq_fail(
			err, status,
			"the kernel's side is not known (the letter k brings it into a dump)");
	if (status != INQ_OK)
		return status;
	if (out->json) {
		json_object_set_new(out->json, "kernel", json_lines(text, size));
		return INQ_OK;
	}
	choice.tid = (uint32_t)tid;
	if (!size || !is_head(text, text + size))
		return inq_fail(err, INQ_BAD_DATA,
				"the kernel's side does not begin with a section");
	if (!show_sections(out, text, size, &choice))
		return choice.log ? inq_fail(err, INQ_ABSENT, "the kernel's log was not to be read")
				  : inq_fail(err, INQ_ABSENT, "there is nothing of thread 0x%llx",
					     (unsigned long long)tid);
	return INQ_OK;
}
