/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .ecxr .cxr .exr .lastevent */
#include "debugger/commands.h"
#include "debugger/show.h"
#include "engine/signals.h"

#include <string.h>

static enum inq_status show_scope(struct debugger *debugger, struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status = inq_session_context(debugger->session, &context, err);

	if (status == INQ_OK)
		show_registers(debugger, &context);
	return status;
}

enum inq_status command_ecxr(struct debugger *debugger, const struct invocation *call,
			     struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);
	struct inq_event event;

	if (status == INQ_OK)
		status = inq_session_use_exception(debugger->session, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json && inq_session_event(debugger->session, &event, NULL) == INQ_OK)
		json_object_set_new(debugger->out.json, "event", json_event(debugger, &event));
	return show_scope(debugger, err);
}

enum inq_status command_cxr(struct debugger *debugger, const struct invocation *call,
			    struct inq_error *err)
{
	const char *at = call->args;
	enum inq_status status = INQ_OK;
	uint64_t address;

	if (!*at) {
		inq_session_use_thread(debugger->session);
		return show_scope(debugger, err);
	}
	status = take_value(debugger, &at, &address, err);
	if (status == INQ_OK)
		status = no_more(at, err);
	if (status == INQ_OK)
		status = inq_session_use_record(debugger->session, address, err);
	return status == INQ_OK ? show_scope(debugger, err) : status;
}

/* --- .exr ------------------------------------------------------------------------- */

static void show_field(struct out *out, const char *name, uint32_t value, const char *word,
		       const char *text)
{
	out_print(out, "%16s: %08x", name, value);
	if (*word)
		out_print(out, " (%s: %s)", word, text);
	out_print(out, "\n");
}

static void show_record(struct debugger *debugger, const struct inq_event *event, uint64_t where)
{
	struct out *out = &debugger->out;
	struct inq_place place;

	inq_session_place(debugger->session, where, &place);
	out_print(out, "ExceptionAddress: %s (", ADDRESS(debugger, where));
	show_place(out, &place, where);
	out_print(out, ")\n");
	show_field(out, "ExceptionCode", event->code, event->name, event->text);
	show_field(out, "ExceptionFlags", (uint32_t)event->sub_code, event->code_name,
		   event->code_text);
	if (event->has_address)
		out_print(out, "%16s: %s\n", "si_addr", ADDRESS(debugger, event->address));
	if (event->has_sender)
		out_print(out, "%16s: process %u, user %u\n", "sent by", event->sender_pid,
			  event->sender_uid);
}

static enum inq_status show_last_record(struct debugger *debugger, struct inq_error *err)
{
	const struct inq_exception *exception;
	struct inq_event event;
	enum inq_status status =
		inq_target_exception(inq_session_target(debugger->session), &exception, err);

	if (status == INQ_ABSENT)
		return inq_fail(err, INQ_ABSENT,
				"the dump has no exception: nothing had died when it was taken");
	if (status == INQ_OK)
		status = inq_session_event(debugger->session, &event, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "event", json_event(debugger, &event));
		return INQ_OK;
	}
	show_record(debugger, &event, event.pc);
	out_print(&debugger->out, "%16s: %u\n", "NumberParameters", exception->parameter_count);
	for (uint32_t i = 0; i < exception->parameter_count && i < INQ_EXCEPTION_PARAMETERS; i++)
		out_print(&debugger->out, "   Parameter[%u]: %016llx\n", i,
			  (unsigned long long)exception->parameters[i]);
	return INQ_OK;
}

/* A siginfo_t in the dump's memory: si_signo, si_errno, si_code, and si_addr of a fault (64-bit
 * layout). */
static enum inq_status show_siginfo(struct debugger *debugger, uint64_t address,
				    struct inq_error *err)
{
	struct inq_event event = {
		.is_exception = true, .name = "", .text = "", .code_name = "", .code_text = ""};
	const struct inq_signal *signal;
	const struct inq_signal_code *code;
	uint8_t raw[24];
	enum inq_status status =
		inq_session_read_all(debugger->session, address, raw, sizeof(raw), err);

	if (status != INQ_OK)
		return status;
	memcpy(&event.code, raw, 4);
	memcpy(&event.sub_code, raw + 8, 4);
	memcpy(&event.address, raw + 16, 8);
	signal = inq_signal_find(event.code);
	if (!signal)
		return inq_fail(err, INQ_BAD_DATA, "0x%llx: not a siginfo_t (its signal is %u)",
				(unsigned long long)address, event.code);
	event.name = signal->name;
	event.text = signal->text;
	event.has_address = signal->has_address && event.sub_code > 0;
	code = inq_signal_code_find(event.code, event.sub_code);
	if (code) {
		event.code_name = code->name;
		event.code_text = code->text;
	}
	if (debugger->out.json)
		json_object_set_new(debugger->out.json, "event", json_event(debugger, &event));
	else
		show_record(debugger, &event, event.has_address ? event.address : 0);
	return INQ_OK;
}

enum inq_status command_exr(struct debugger *debugger, const struct invocation *call,
			    struct inq_error *err)
{
	const char *at = call->args;
	enum inq_status status;
	uint64_t address;

	if (!*at)
		return inq_fail(err, INQ_USAGE, "which record? -1 is the dump's own");
	status = take_value(debugger, &at, &address, err);
	if (status == INQ_OK)
		status = no_more(at, err);
	if (status != INQ_OK)
		return status;
	return address == UINT64_MAX ? show_last_record(debugger, err)
				     : show_siginfo(debugger, address, err);
}

enum inq_status command_lastevent(struct debugger *debugger, const struct invocation *call,
				  struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);
	const struct inq_process *process;
	struct inq_event event;
	char when[TIME_TEXT];

	if (status == INQ_OK)
		status = inq_session_event(debugger->session, &event, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "event", json_event(debugger, &event));
		return INQ_OK;
	}
	out_print(&debugger->out, "Last event: ");
	show_event(debugger, &event);
	if (inq_target_process(inq_session_target(debugger->session), &process, NULL) == INQ_OK &&
	    process->dump_time)
		out_print(&debugger->out, "  dump time: %s\n", time_text(when, process->dump_time));
	return INQ_OK;
}
