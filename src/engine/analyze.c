/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/analyze_private.h"
#include "engine/blame.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 };

bool facts_signal(const struct facts *facts, uint32_t signal)
{
	return facts->found->event.is_exception && facts->found->event.code == signal;
}

bool facts_fault(const struct facts *facts)
{
	return facts_signal(facts, SIGSEGV) || facts_signal(facts, SIGBUS) ||
	       facts_signal(facts, ACCESS_VIOLATION);
}

const struct inq_region *facts_region(const struct facts *facts, uint64_t address)
{
	return inq_region_at(facts->regions, facts->region_count, address);
}

const char *inq_access_name(enum inq_access access)
{
	static const char *const names[] = {[INQ_ACCESS_NONE] = "",
					    [INQ_ACCESS_READ] = "read",
					    [INQ_ACCESS_WRITE] = "write",
					    [INQ_ACCESS_EXECUTE] = "execute"};

	return names[access];
}

/* glibc keeps what it or assert() printed before abort(): __abort_msg points at a size and the
 * text. */
static char *abort_message(struct inq_session *session)
{
	struct inq_error ignored = {0};
	char text[MESSAGE_MAX];
	uint64_t at;
	size_t size;

	if (inq_session_evaluate(session, "poi(libc.so.6!__abort_msg)", NULL, &at, &ignored) !=
		    INQ_OK ||
	    !at ||
	    inq_session_read(session, at + 4, text, sizeof(text), &size, NULL, NULL) != INQ_OK)
		return NULL;
	size = strnlen(text, size);
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	return size ? strndup(text, size) : NULL;
}

static void ask_session(struct facts *facts)
{
	struct inq_session *session = facts->session;
	long thread = inq_session_thread(session);

	facts->has_context = inq_session_context(session, &facts->context, NULL) == INQ_OK;
	if (facts->has_context) {
		facts->pc = inq_context_pc(&facts->context);
		facts->sp = inq_context_sp(&facts->context);
	}
	facts->filtered = thread >= 0 &&
			  inq_target_classes(inq_session_target(session), (size_t)thread,
					     facts->classes, &facts->fault_class, NULL) == INQ_OK;
	facts->regions = inq_session_regions(session, &facts->region_count);
}

enum inq_status inq_session_analyze(struct inq_session *session, struct inq_analysis *ret,
				    struct inq_error *err)
{
	static const struct inq_exception none;
	struct facts facts = {.session = session, .found = ret};
	const struct inq_exception *exception = &none;
	enum inq_status status;

	memset(ret, 0, sizeof(*ret));
	status = inq_session_event(session, &ret->event, err);
	if (status != INQ_OK)
		return status;
	if (ret->event.is_exception) {
		status = inq_session_use_exception(session, err);
		if (status == INQ_OK)
			status = inq_target_exception(inq_session_target(session), &exception, err);
		if (status != INQ_OK)
			return status;
	}
	ask_session(&facts);
	if (inq_session_stack(session, INQ_NO_THREAD, INQ_ANALYZED_LINES, &ret->stack, err) ==
	    INQ_NO_MEMORY)
		return INQ_NO_MEMORY;
	ret->recursion = inq_blame_recursion(&ret->stack);
	ret->blamed = inq_blame_line(&ret->stack);
	analyze_access(&facts, exception);
	analyze_cause(&facts);
	if (facts_signal(&facts, SIGABRT))
		ret->message = abort_message(session);
	inq_blame_bucket(ret);
	return INQ_OK;
}

void inq_analysis_done(struct inq_analysis *analysis)
{
	inq_stack_done(&analysis->stack);
	free(analysis->message);
	memset(analysis, 0, sizeof(*analysis));
}
