/* SPDX-License-Identifier: GPL-3.0-or-later */
/* k and its kin, .frame */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <string.h>

/* Lines that a person is shown who did not say how many (WinDbg's .kframes): a stack overflow has a
 * hundred thousand. JSON has them all. */
enum { DEFAULT_LINES = 256 };

/* What each letter after k adds. */
struct style {
	bool arguments;	 /* kb, kv: words at the frame's arguments */
	bool trust;	 /* kv: how each frame was found */
	bool parameters; /* kp: the types of parameters, as the name has them */
};

static struct style style_of(const char *name)
{
	return (struct style){
		.arguments = strchr(name, 'b') || strchr(name, 'v'),
		.trust = strchr(name, 'v') != NULL,
		.parameters = strchr(name, 'p') || strchr(name, 'P'),
	};
}

/* The caller's instruction, or 0 at the outermost frame. */
static uint64_t return_address(const struct inq_stack *stack, size_t physical)
{
	return physical + 1 < stack->frames.count ? stack->frames.frames[physical + 1].pc : 0;
}

/* WinDbg's four words: above the return address, where the x64 calling convention of Windows homes
 * arguments; here they are whatever lies there, on 32-bit x86 the arguments. */
static void show_arguments(struct debugger *debugger, const struct inq_frame *frame)
{
	unsigned size = inq_session_pointer_size(debugger->session);
	struct inq_target *target = inq_session_target(debugger->session);

	out_print(&debugger->out, ": ");
	for (unsigned i = 0; i < 4; i++) {
		uint64_t word;

		if (frame->cfa &&
		    inq_target_read_pointer(target, frame->cfa + i * size, &word, NULL) == INQ_OK)
			out_print(&debugger->out, "%s ", ADDRESS(debugger, word));
		else
			out_print(&debugger->out, "%.*s ", size == 4 ? 8 : 17, "????????`????????");
	}
	out_print(&debugger->out, ": ");
}

static const char *weak_trust(enum inq_trust trust)
{
	return trust == INQ_TRUST_FP || trust == INQ_TRUST_SCAN ? inq_trust_name(trust) : NULL;
}

static void show_line(struct debugger *debugger, const struct inq_stack *stack, size_t index,
		      const struct style *style)
{
	const struct inq_call *call = &stack->calls[index];
	const struct inq_frame *frame = &stack->frames.frames[call->physical];
	bool narrow = inq_session_pointer_size(debugger->session) == 4;
	struct out *out = &debugger->out;
	const char *trust = style->trust ? inq_trust_name(frame->trust) : weak_trust(frame->trust);

	if (call->inlined) {
		out_print(out, "%02zx %-*s %-*s     ", index, narrow ? 8 : 17, "(Inline Function)",
			  narrow ? 8 : 17, narrow ? "--------" : "--------`--------");
	} else {
		out_print(out, "%02zx %s %s     ", index, ADDRESS(debugger, frame->sp),
			  ADDRESS(debugger, return_address(stack, call->physical)));
		if (style->arguments)
			show_arguments(debugger, frame);
	}
	show_call(debugger, call, style->parameters, debugger->lines);
	if (trust && !call->inlined)
		out_print(out, " (%s)", trust);
	out_print(out, "\n");
}

static void show_stop(struct debugger *debugger, const struct inq_stack *stack, bool asked_limit)
{
	const struct inq_frames *frames = &stack->frames;
	struct out *out = &debugger->out;

	if (frames->stop == INQ_STOP_END || (frames->stop == INQ_STOP_LIMIT && asked_limit))
		return;
	if (frames->stop == INQ_STOP_LIMIT) {
		out_print(out, "   (there are more frames; k %x shows more of them)\n",
			  DEFAULT_LINES * 16);
		return;
	}
	out_print(out, "   (the stack goes no further: %s", inq_stop_text(frames->stop));
	if (frames->stop == INQ_STOP_NO_MEMORY)
		out_print(out, ", 0x%llx", (unsigned long long)frames->stopped_at);
	out_print(out, ")\n");
}

/* --- JSON ------------------------------------------------------------------------- */

static json_t *json_call(const struct inq_stack *stack, size_t index)
{
	const struct inq_call *call = &stack->calls[index];
	const struct inq_frame *frame = &stack->frames.frames[call->physical];
	json_t *object = json_object();

	json_object_set_new(object, "index", json_integer((json_int_t)index));
	json_object_set_new(object, "physical", json_integer((json_int_t)call->physical));
	json_object_set_new(object, "pc", json_address(frame->pc));
	json_object_set_new(object, "sp", json_address(frame->sp));
	json_object_set_new(object, "cfa", frame->cfa ? json_address(frame->cfa) : json_null());
	json_object_set_new(object, "trust", json_text(inq_trust_name(frame->trust)));
	json_object_set_new(object, "signal_frame", json_boolean(frame->signal));
	json_object_set_new(object, "inline", json_boolean(call->inlined));
	json_place(object, &call->place);
	json_object_set_new(object, "file", json_text(call->file));
	json_object_set_new(object, "line", call->line ? json_integer(call->line) : json_null());
	return object;
}

static json_t *json_thread(struct debugger *debugger, long thread)
{
	long shown = thread < 0 ? inq_session_thread(debugger->session) : thread;
	size_t count;
	const struct inq_thread *threads = inq_session_threads(debugger->session, &count);
	json_t *object = json_object();

	if (shown >= 0 && (size_t)shown < count) {
		json_object_set_new(object, "index", json_integer(shown));
		json_object_set_new(object, "tid", json_integer(threads[shown].tid));
		json_object_set_new(object, "name", json_text(threads[shown].name));
		json_object_set_new(object, "crashed", json_boolean(threads[shown].crashed));
	}
	return object;
}

/* One thread's element, frame by frame: "{thread..., "stop": ..., "frames": [...]}". */
static void json_stack(struct debugger *debugger, long thread, size_t limit)
{
	json_t *object = json_thread(debugger, thread);
	struct inq_error err = {0};
	struct inq_stack stack = {0};
	struct inq_buffer *text = out_json_element(&debugger->out, "threads");

	if (inq_session_stack(debugger->session, thread, limit, &stack, &err) == INQ_OK)
		json_object_set_new(object, "stop", json_text(inq_stop_text(stack.frames.stop)));
	else
		json_object_set_new(object, "problem", json_text(err.text));
	json_append(text, object, true);
	inq_buffer_puts(text, ",\"frames\":[");
	for (size_t i = 0; i < stack.count && !out_stop(&debugger->out); i++) {
		if (i)
			inq_buffer_append(text, ",", 1);
		json_append(text, json_call(&stack, i), false);
	}
	inq_buffer_puts(text, "]}");
	inq_stack_done(&stack);
}

/* --- commands --------------------------------------------------------------------- */

enum inq_status show_stack(struct debugger *debugger, const char *name, long thread, size_t limit,
			   struct inq_error *err)
{
	struct style style = style_of(name);
	bool narrow = inq_session_pointer_size(debugger->session) == 4;
	struct inq_stack stack;
	enum inq_status status;

	if (debugger->out.json) {
		json_stack(debugger, thread, limit);
		return INQ_OK;
	}
	status = inq_session_stack(debugger->session, thread, limit ? limit : DEFAULT_LINES, &stack,
				   err);
	if (status != INQ_OK)
		return status;
	out_print(&debugger->out, " # %-*s %-*s %sCall Site\n", narrow ? 8 : 17, "Child-SP",
		  narrow ? 12 : 21, "RetAddr",
		  !style.arguments ? ""
		  : narrow	   ? ": Words at the caller's stack          : "
				   : ": Words at the caller's stack                     "
				     "                        : ");
	for (size_t i = 0; i < stack.count && !out_stop(&debugger->out); i++)
		show_line(debugger, &stack, i, &style);
	show_stop(debugger, &stack, limit != 0);
	inq_stack_done(&stack);
	return INQ_OK;
}

enum inq_status command_k(struct debugger *debugger, const struct invocation *call,
			  struct inq_error *err)
{
	const char *at = call->args;
	uint64_t limit = 0;
	enum inq_status status = INQ_OK;

	if (*at)
		status = take_value(debugger, &at, &limit, err);
	if (status == INQ_OK)
		status = no_more(at, err);
	if (status != INQ_OK)
		return status;
	if (*call->args && !limit)
		return inq_fail(err, INQ_USAGE, "0 frames asked for");
	return show_stack(debugger, call->name, call->thread, limit, err);
}

static enum inq_status show_frame(struct debugger *debugger, bool registers, struct inq_error *err)
{
	struct inq_context context = {0};
	const struct inq_stack *stack;
	size_t index = inq_session_frame(debugger->session);
	enum inq_status status = inq_session_current_stack(debugger->session, &stack, err);

	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "frame", json_call(stack, index));
	} else if (index < stack->count) {
		struct style style = {0};

		show_line(debugger, stack, index, &style);
	}
	if (!registers)
		return INQ_OK;
	status = inq_session_frame_context(debugger->session, &context, err);
	if (status == INQ_OK)
		show_registers(debugger, &context);
	return status;
}

enum inq_status command_frame(struct debugger *debugger, const struct invocation *call,
			      struct inq_error *err)
{
	const char *at = call->args;
	enum inq_status status = INQ_OK;
	bool registers = false;
	uint64_t index;

	if (strncmp(at, "/r", 2) == 0 && (at[2] == ' ' || !at[2])) {
		registers = true;
		at = skip_spaces(at + 2);
	}
	if (*at) {
		status = take_value(debugger, &at, &index, err);
		if (status == INQ_OK)
			status = no_more(at, err);
		if (status == INQ_OK)
			status = inq_session_set_frame(debugger->session, index, err);
	}
	return status == INQ_OK ? show_frame(debugger, registers, err) : status;
}
