/* SPDX-License-Identifier: GPL-3.0-or-later */
/* !analyze */
#include "debugger/commands.h"
#include "debugger/show.h"
#include "engine/analyze.h"

#include <string.h>

enum { STACK_LINES = 32, WIDTH = 96 };

static const struct inq_call *blamed_call(const struct inq_analysis *found)
{
	return found->blamed < found->stack.count ? &found->stack.calls[found->blamed] : NULL;
}

/* --- text ------------------------------------------------------------------------- */

static void heading(struct out *out, const char *title)
{
	static const char stars[] =
		"*******************************************************************************";

	out_print(out, "%s\n*%*s*\n*%24s%-53s*\n*%*s*\n%s\n\n", stars, 77, "", "", title, 77, "",
		  stars);
}

static void field(struct out *out, const char *name, const char *text)
{
	if (text && *text)
		out_print(out, "%s:  %s\n", name, text);
}

/* The sentences, broken between words. */
static void show_explanation(struct out *out, const char *text)
{
	while (*text) {
		size_t length = strlen(text), end = length;

		if (length > WIDTH) {
			for (end = WIDTH; end && text[end] != ' '; end--)
				;
			if (!end)
				end = WIDTH;
		}
		out_print(out, "    %.*s\n", (int)end, text);
		text += end;
		text += *text == ' ';
	}
}

static void show_blame(struct debugger *debugger, const struct inq_analysis *found)
{
	const struct inq_call *call = blamed_call(found);
	struct out *out = &debugger->out;
	struct inq_place place;

	if (!call)
		return;
	place = call->place;
	out_print(out, "SYMBOL_NAME:  ");
	show_place(out, &place, call->pc);
	out_print(out, "\n");
	field(out, "MODULE_NAME", place.module_name);
	field(out, "IMAGE_NAME", place.module ? place.module->path : NULL);
	if (place.module && place.module->debug_kind == INQ_DEBUG_BUILD_ID) {
		out_print(out, "IMAGE_BUILD_ID:  ");
		for (unsigned i = 0; i < place.module->id_size; i++)
			out_print(out, "%02x", place.module->id[i]);
		out_print(out, "\n");
	}
	if (call->file && call->line)
		out_print(out, "FAULTING_SOURCE:  %s @ %u\n", call->file, call->line);
}

static void show_bucket(struct out *out, const struct inq_analysis *found)
{
	field(out, "FAILURE_BUCKET_ID", found->bucket);
	out_print(out, "FAILURE_ID_HASH:  %016llx\n", (unsigned long long)found->hash);
}

static void show_access(struct debugger *debugger, const struct inq_analysis *found)
{
	static const char *const names[] = {[INQ_ACCESS_NONE] = "FAULT_ADDRESS",
					    [INQ_ACCESS_READ] = "READ_ADDRESS",
					    [INQ_ACCESS_WRITE] = "WRITE_ADDRESS",
					    [INQ_ACCESS_EXECUTE] = "EXECUTE_ADDRESS"};

	if (found->has_address)
		out_print(&debugger->out, "%s:  %s %s\n", names[found->access],
			  ADDRESS(debugger, found->address),
			  found->region && found->region->name ? found->region->name : "");
}

static void show_verbose(struct debugger *debugger, const struct inq_analysis *found)
{
	const struct invocation last_record = {
		.name = ".exr", .args = "-1", .thread = INQ_NO_THREAD};
	struct inq_session *session = debugger->session;
	struct out *out = &debugger->out;
	struct inq_context context = {0};
	const struct inq_process *process;
	struct inq_error ignored = {0};

	if (found->event.is_exception) {
		out_print(out, "\nEXCEPTION_RECORD:  (.exr -1)\n");
		command_exr(debugger, &last_record, &ignored);
	}
	if (inq_target_process(inq_session_target(session), &process, NULL) == INQ_OK)
		field(out, "\nPROCESS_NAME", process->program);
	out_print(out, "FAULTING_THREAD:  %x\n", found->event.tid);
	show_access(debugger, found);
	if (inq_session_context(session, &context, NULL) == INQ_OK) {
		out_print(out, "\nCONTEXT:  (.ecxr)\n");
		show_registers(debugger, &context);
	}
	out_print(out, "\nSTACK_TEXT:\n");
	show_stack(debugger, "k", INQ_NO_THREAD, STACK_LINES, &ignored);
	out_print(out, "\nSTACK_COMMAND:  %sk\n", found->event.is_exception ? ".ecxr; " : "");
}

static void show_analysis(struct debugger *debugger, const struct inq_analysis *found, bool verbose)
{
	struct out *out = &debugger->out;

	heading(out, "Exception Analysis");
	field(out, "CAUSE", found->cause);
	show_explanation(out, found->explanation);
	field(out, "ABORT_MESSAGE", found->message);
	if (found->has_instruction && found->event.is_exception && !found->event.has_sender)
		field(out, "FAULTING_INSTRUCTION", found->instruction.text);
	show_blame(debugger, found);
	show_bucket(out, found);
	if (verbose)
		show_verbose(debugger, found);
}

/* --- JSON ------------------------------------------------------------------------- */

static json_t *json_blame(const struct inq_analysis *found)
{
	const struct inq_call *call = blamed_call(found);
	json_t *object = json_object();

	if (!call) {
		json_decref(object);
		return json_null();
	}
	json_object_set_new(object, "index", json_integer((json_int_t)found->blamed));
	json_place(object, &call->place);
	json_object_set_new(object, "file", json_text(call->file));
	json_object_set_new(object, "line", call->line ? json_integer(call->line) : json_null());
	return object;
}

static void json_analysis(struct debugger *debugger, const struct inq_analysis *found)
{
	json_t *object = json_object();

	json_object_set_new(object, "cause", json_text(found->cause));
	json_object_set_new(object, "explanation", json_text(found->explanation));
	json_object_set_new(object, "message", json_text(found->message));
	json_object_set_new(object, "event", json_event(debugger, &found->event));
	json_object_set_new(object, "access", json_text(inq_access_name(found->access)));
	json_object_set_new(object, "address",
			    found->has_address ? json_address(found->address) : json_null());
	json_object_set_new(object, "region",
			    json_text(found->region ? found->region->name : NULL));
	json_object_set_new(object, "instruction",
			    json_text(found->has_instruction ? found->instruction.text : NULL));
	json_object_set_new(object, "pointer",
			    json_text(found->has_operand && found->operand.base
					      ? found->operand.base->name
					      : NULL));
	json_object_set_new(object, "pointer_class", json_text(inq_value_word(found->base_class)));
	json_object_set_new(object, "recursion", json_integer((json_int_t)found->recursion));
	json_object_set_new(object, "blamed", json_blame(found));
	json_object_set_new(object, "bucket", json_text(found->bucket));
	json_object_set_new(object, "hash", json_address(found->hash));
	json_object_set_new(debugger->out.json, "analysis", object);
}

enum inq_status command_analyze(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	struct inq_analysis found;
	const char *at = call->args;
	bool verbose = strncmp(at, "-v", 2) == 0;
	enum inq_status status = no_more(verbose ? at + 2 : at, err);

	if (status == INQ_OK)
		status = inq_session_analyze(debugger->session, &found, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_analysis(debugger, &found);
		if (verbose)
			status = show_stack(debugger, "k", INQ_NO_THREAD, STACK_LINES, err);
	} else {
		show_analysis(debugger, &found, verbose);
	}
	inq_analysis_done(&found);
	return status;
}
