/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "debugger/list.h"

#include "debugger/show.h"

#include <stdio.h>
#include <string.h>

/* What a line says; text is the session's, the size of the fields is what a reader sees at most. */
struct summary {
	char when[TIME_TEXT];
	char who[64];
	char signal[32];
	char program[64];
	char where[256];
	char problem[INQ_ERROR_TEXT]; /* "" none */
};

static void set(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void name_signal(const struct inq_event *event, struct summary *summary)
{
	if (!event->is_exception)
		set(summary->signal, sizeof(summary->signal), "-");
	else if (*event->name)
		set(summary->signal, sizeof(summary->signal), event->name);
	else
		snprintf(summary->signal, sizeof(summary->signal), "%#x", event->code);
}

/* Module and offset only: names would need the module's symbols, for each of a thousand dumps. */
static void name_place(struct inq_session *session, uint64_t pc, struct summary *summary)
{
	size_t count;
	const struct inq_module *modules = inq_session_modules(session, &count);
	const struct inq_module *module = inq_module_at(modules, count, pc);

	if (module)
		snprintf(summary->where, sizeof(summary->where), "%.200s+0x%llx",
			 inq_session_module_name(session, module),
			 (unsigned long long)(pc - module->base));
	else
		snprintf(summary->where, sizeof(summary->where), "0x%llx", (unsigned long long)pc);
}

static void summarize(struct debugger *debugger, const struct inq_spool_entry *entry,
		      struct summary *summary)
{
	struct inq_session *session;
	const struct inq_process *process;
	struct inq_error err = {0};
	struct inq_event event;

	memset(summary, 0, sizeof(*summary));
	time_text(summary->when, (uint64_t)entry->name.time);
	snprintf(summary->who, sizeof(summary->who), "%u%s", entry->uid,
		 entry->root_only ? " (root only)" : "");
	set(summary->program, sizeof(summary->program), entry->name.program);
	set(summary->signal, sizeof(summary->signal), "?");
	set(summary->where, sizeof(summary->where), "?");
	if (inq_session_open(entry->path, &debugger->options, &session, &err) != INQ_OK) {
		set(summary->problem, sizeof(summary->problem), err.text);
		return;
	}
	if (inq_target_process(inq_session_target(session), &process, NULL) == INQ_OK &&
	    *process->program)
		set(summary->program, sizeof(summary->program), process->program);
	if (inq_session_event(session, &event, &err) == INQ_OK) {
		name_signal(&event, summary);
		name_place(session, event.pc, summary);
	} else {
		set(summary->problem, sizeof(summary->problem), err.text);
	}
	inq_session_free(session);
}

static json_t *json_entry(const struct inq_spool_entry *entry, const struct summary *summary)
{
	json_t *object = json_object();

	json_object_set_new(object, "file", json_text(entry->path));
	json_object_set_new(object, "time", json_integer((json_int_t)entry->name.time));
	json_object_set_new(object, "uid", json_integer(entry->uid));
	json_object_set_new(object, "root_only", json_boolean(entry->root_only));
	json_object_set_new(object, "pid", json_integer(entry->name.pid));
	json_object_set_new(object, "signal", json_text(summary->signal));
	json_object_set_new(object, "program", json_text(summary->program));
	json_object_set_new(object, "where", json_text(summary->where));
	json_object_set_new(object, "size", json_integer((json_int_t)entry->size));
	if (*summary->problem)
		json_object_set_new(object, "problem", json_text(summary->problem));
	return object;
}

static void show_entry(struct out *out, const struct inq_spool_entry *entry,
		       const struct summary *summary, bool aligned)
{
	if (aligned)
		out_print(out, "%-23s  %-8s  %-8s  %-16s  %-32s  %6llu KiB  %s", summary->when,
			  summary->who, summary->signal, summary->program, summary->where,
			  (unsigned long long)(entry->size + 1023) / 1024, entry->file);
	else
		out_print(out, "%s\t%s\t%s\t%s\t%s\t%llu\t%s", summary->when, summary->who,
			  summary->signal, summary->program, summary->where,
			  (unsigned long long)entry->size, entry->path);
	if (*summary->problem)
		out_print(out, "%s%s", aligned ? "  " : "\t", summary->problem);
	out_print(out, "\n");
}

enum inq_status list_dumps(struct debugger *debugger, const struct inq_spool_list *list,
			   bool aligned)
{
	json_t *array = debugger->json ? json_array() : NULL, *object;
	struct out *out = &debugger->out;
	struct summary summary;

	if (aligned && !array && list->count)
		out_print(out, "%-23s  %-8s  %-8s  %-16s  %-32s  %10s  %s\n", "WHEN", "WHO",
			  "SIGNAL", "PROGRAM", "WHERE", "SIZE", "NAME");
	for (size_t i = 0; i < list->count && !out_stop(out); i++) {
		summarize(debugger, &list->entries[i], &summary);
		if (array)
			json_array_append_new(array, json_entry(&list->entries[i], &summary));
		else
			show_entry(out, &list->entries[i], &summary, aligned);
	}
	for (size_t i = 0; i < list->skipped_count; i++)
		out_print(&debugger->errors, "inquest: '%s': not a dump of ours: %s\n",
			  list->skipped[i].path, list->skipped[i].reason);
	if (array) {
		object = json_object();
		json_object_set_new(object, "dumps", array);
		out_json_line(out, object);
	} else if (aligned && !list->count) {
		out_print(out, "no dumps\n");
	}
	out_flush(out);
	return INQ_OK;
}
