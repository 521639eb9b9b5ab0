/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How it died, in words. */
#include "engine/session_private.h"
#include "engine/signals.h"

#include <string.h>

enum {
	SI_USER_CODE = 0,
	SI_TKILL_CODE = -6,
	SIGINFO_PID = 16, /* si_pid and si_uid in a 64-bit process's siginfo_t */
	SIGINFO_UID = 20,
};

static bool is_linux(struct inq_session *session)
{
	const struct inq_system *system;

	if (inq_target_system(session->target, &system, NULL) != INQ_OK)
		return true; /* an ELF core without a word about its system */
	return system->os == INQ_OS_LINUX || system->os == INQ_OS_ANDROID ||
	       system->os == INQ_OS_UNKNOWN;
}

/* NTSTATUS codes of dumps written on Windows: the ones that crashes have. */
static const struct {
	uint32_t code;
	const char *name, *text;
} statuses[] = {
	{0x80000001, "STATUS_GUARD_PAGE_VIOLATION", "guard page violation"},
	{0x80000002, "STATUS_DATATYPE_MISALIGNMENT", "datatype misalignment"},
	{0x80000003, "STATUS_BREAKPOINT", "break instruction exception"},
	{0x80000004, "STATUS_SINGLE_STEP", "single step exception"},
	{0xc0000005, "STATUS_ACCESS_VIOLATION", "access violation"},
	{0xc0000006, "STATUS_IN_PAGE_ERROR", "in page I/O error"},
	{0xc000001d, "STATUS_ILLEGAL_INSTRUCTION", "illegal instruction"},
	{0xc0000094, "STATUS_INTEGER_DIVIDE_BY_ZERO", "integer divide by zero"},
	{0xc0000096, "STATUS_PRIVILEGED_INSTRUCTION", "privileged instruction"},
	{0xc00000fd, "STATUS_STACK_OVERFLOW", "stack overflow"},
	{0xc0000374, "STATUS_HEAP_CORRUPTION", "heap corruption"},
	{0xc0000409, "STATUS_STACK_BUFFER_OVERRUN", "stack buffer overrun, or fail fast"},
	{0xe06d7363, "C++ exception", "C++ exception"},
};

static void name_linux(const struct inq_exception *exception, struct inq_event *event)
{
	const struct inq_signal *signal = inq_signal_find(exception->code);
	const struct inq_signal_code *code = inq_signal_code_find(exception->code, event->sub_code);
	bool sent = event->sub_code <= 0;

	if (signal) {
		event->name = signal->name;
		event->text = signal->text;
		/* si_addr of a signal that somebody sent, or of a general protection fault, is no
		 * address. */
		event->has_address = signal->has_address && !sent && event->sub_code != 0x80;
	}
	if (code) {
		event->code_name = code->name;
		event->code_text = code->text;
	}
	if (exception->has_siginfo &&
	    (event->sub_code == SI_USER_CODE || event->sub_code == SI_TKILL_CODE)) {
		memcpy(&event->sender_pid, exception->siginfo + SIGINFO_PID, 4);
		memcpy(&event->sender_uid, exception->siginfo + SIGINFO_UID, 4);
		event->has_sender = event->sender_pid != 0;
	}
}

static void name_other(const struct inq_exception *exception, struct inq_event *event)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].code == exception->code) {
			event->name = statuses[i].name;
			event->text = statuses[i].text;
		}
	}
}

static void describe_exception(struct inq_session *session, const struct inq_exception *exception,
			       struct inq_event *event)
{
	struct inq_context context = {0};

	event->is_exception = true;
	event->tid = exception->tid;
	event->code = exception->code;
	event->sub_code = (int32_t)exception->flags;
	event->address = exception->address;
	if (is_linux(session))
		name_linux(exception, event);
	else
		name_other(exception, event);
	if (inq_target_exception_context(session->target, &context, NULL) == INQ_OK) {
		event->pc = inq_context_pc(&context);
		return;
	}
	for (size_t i = 0; i < session->thread_count; i++) {
		if (session->threads[i].tid == exception->tid &&
		    inq_target_context(session->target, i, &context, NULL) == INQ_OK)
			event->pc = inq_context_pc(&context);
	}
}

enum inq_status inq_session_event(struct inq_session *session, struct inq_event *ret,
				  struct inq_error *err)
{
	struct inq_event event = {.name = "", .text = "", .code_name = "", .code_text = ""};
	const struct inq_exception *exception;
	const struct inq_process *process;
	struct inq_context context = {0};
	enum inq_status status = inq_target_exception(session->target, &exception, err);

	if (inq_target_process(session->target, &process, NULL) == INQ_OK)
		event.pid = process->pid;
	if (status == INQ_OK) {
		describe_exception(session, exception, &event);
	} else if (status != INQ_ABSENT) {
		return status;
	} else if (session->thread < 0) {
		return inq_fail(err, INQ_ABSENT, "the dump has neither an exception nor threads");
	} else {
		event.tid = session->threads[session->thread].tid;
		if (inq_target_context(session->target, (size_t)session->thread, &context, NULL) ==
		    INQ_OK)
			event.pc = inq_context_pc(&context);
	}
	*ret = event;
	return INQ_OK;
}
