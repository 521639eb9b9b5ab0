/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/session_private.h"

#include "support/file.h"

#include <stdlib.h>
#include <string.h>

static long crashed_thread(const struct inq_session *session)
{
	for (size_t i = 0; i < session->thread_count; i++) {
		if (session->threads[i].crashed)
			return (long)i;
	}
	return session->thread_count ? 0 : INQ_NO_THREAD;
}

/* What a target cannot tell stays empty: a dump with one damaged stream is still looked at. */
static void ask_target(struct inq_session *session)
{
	const struct inq_system *system;
	struct inq_context context;

	if (inq_target_threads(session->target, &session->threads, &session->thread_count, NULL) !=
	    INQ_OK)
		session->thread_count = 0;
	if (inq_target_modules(session->target, &session->modules, &session->module_count, NULL) !=
	    INQ_OK)
		session->module_count = 0;
	if (inq_target_system(session->target, &system, NULL) == INQ_OK)
		session->machine = system->machine;
	if (session->machine == INQ_MACHINE_UNKNOWN && session->thread_count &&
	    inq_target_context(session->target, 0, &context, NULL) == INQ_OK)
		session->machine = context.machine;
	session->info = inq_machine_info(session->machine);
	session->thread = crashed_thread(session);
}

enum inq_status inq_session_new(struct inq_target *target,
				const struct inq_session_options *options, struct inq_session **ret,
				struct inq_error *err)
{
	struct inq_session *session = calloc(1, sizeof(*session));
	enum inq_status status;

	if (!session) {
		inq_target_free(target);
		return inq_fail(err, INQ_NO_MEMORY, "session: no memory");
	}
	session->target = target;
	if (options)
		session->opener = options->opener;
	status = inq_search_new(
		options ? options->symbol_path : NULL, options ? options->image_path : NULL,
		session->opener.open ? &session->opener : NULL, &session->search, err);
	if (status == INQ_OK) {
		ask_target(session);
		session->slots = calloc(session->module_count + 1, sizeof(*session->slots));
		if (!session->slots)
			status = inq_fail(err, INQ_NO_MEMORY, "session: no memory for %zu modules",
					  session->module_count);
	}
	if (status != INQ_OK) {
		inq_session_free(session);
		return status;
	}
	*ret = session;
	return INQ_OK;
}

enum inq_status inq_session_open(const char *path, const struct inq_session_options *options,
				 struct inq_session **ret, struct inq_error *err)
{
	struct inq_target *target;
	struct inq_file *file;
	enum inq_status status;
	int fd = inq_open(options ? &options->opener : NULL, path, &status, err);

	if (fd < 0)
		return status;
	status = inq_file_open_fd(fd, path, &file, err);
	if (status == INQ_OK)
		status = inq_target_open(file, &target, err);
	return status == INQ_OK ? inq_session_new(target, options, ret, err) : status;
}

void inq_session_free(struct inq_session *session)
{
	if (!session)
		return;
	session_forget_unwinder(session);
	inq_disassembler_free(session->disassembler);
	for (size_t i = 0; session->slots && i < session->module_count; i++)
		session_slot_done(&session->slots[i]);
	free(session->slots);
	inq_search_free(session->search);
	inq_target_free(session->target);
	free(session);
}

struct inq_target *inq_session_target(struct inq_session *session)
{
	return session->target;
}

struct inq_search *inq_session_search(struct inq_session *session)
{
	return session->search;
}

enum inq_machine inq_session_machine(struct inq_session *session)
{
	return session->machine;
}

unsigned inq_session_pointer_size(struct inq_session *session)
{
	return session->info ? session->info->pointer_size : 8;
}

enum inq_status inq_session_set_paths(struct inq_session *session, const char *symbol_path,
				      const char *image_path, struct inq_error *err)
{
	struct inq_search *search;
	enum inq_status status;

	status = inq_search_new(symbol_path ? symbol_path : inq_search_symbol_path(session->search),
				image_path ? image_path : inq_search_image_path(session->search),
				session->opener.open ? &session->opener : NULL, &search, err);
	if (status != INQ_OK)
		return status;
	inq_session_reload(session);
	inq_search_free(session->search);
	session->search = search;
	return INQ_OK;
}

void inq_session_reload(struct inq_session *session)
{
	session_forget_unwinder(session);
	for (size_t i = 0; i < session->module_count; i++) {
		session_slot_done(&session->slots[i]);
		memset(&session->slots[i], 0, sizeof(session->slots[i]));
	}
}

/* --- threads and scopes ----------------------------------------------------------- */

const struct inq_thread *inq_session_threads(struct inq_session *session, size_t *ret_count)
{
	*ret_count = session->thread_count;
	return session->threads;
}

long inq_session_thread(const struct inq_session *session)
{
	return session->thread;
}

enum inq_scope inq_session_scope(const struct inq_session *session)
{
	return session->scope;
}

static void enter_scope(struct inq_session *session, enum inq_scope scope)
{
	session_forget_stack(session);
	session->scope = scope;
	session->frame = 0;
}

enum inq_status inq_session_set_thread(struct inq_session *session, size_t index,
				       struct inq_error *err)
{
	if (index >= session->thread_count)
		return inq_fail(err, INQ_USAGE, "there is no thread %zu; the dump has %zu", index,
				session->thread_count);
	session->thread = (long)index;
	enter_scope(session, INQ_SCOPE_THREAD);
	return INQ_OK;
}

static long thread_of(const struct inq_session *session, uint32_t tid)
{
	for (size_t i = 0; i < session->thread_count; i++) {
		if (session->threads[i].tid == tid)
			return (long)i;
	}
	return INQ_NO_THREAD;
}

/* The exception's registers: its own, else its thread's. */
static enum inq_status exception_context(struct inq_session *session, struct inq_context *ret,
					 struct inq_error *err)
{
	const struct inq_exception *exception;
	enum inq_status status = inq_target_exception(session->target, &exception, err);
	long thread;

	if (status != INQ_OK)
		return status;
	if (inq_target_exception_context(session->target, ret, NULL) == INQ_OK)
		return INQ_OK;
	thread = thread_of(session, exception->tid);
	if (thread < 0)
		return inq_fail(err, INQ_ABSENT,
				"no registers: the exception's thread %u is not in the dump",
				exception->tid);
	return inq_target_context(session->target, (size_t)thread, ret, err);
}

enum inq_status inq_session_use_exception(struct inq_session *session, struct inq_error *err)
{
	const struct inq_exception *exception;
	struct inq_context context;
	enum inq_status status = inq_target_exception(session->target, &exception, err);
	long thread;

	if (status == INQ_ABSENT)
		return inq_fail(err, INQ_ABSENT,
				"the dump has no exception: nothing had died when it was taken");
	if (status != INQ_OK)
		return status;
	status = exception_context(session, &context, err);
	if (status != INQ_OK)
		return status;
	thread = thread_of(session, exception->tid);
	if (thread >= 0)
		session->thread = thread;
	enter_scope(session, INQ_SCOPE_EXCEPTION);
	return INQ_OK;
}

enum {
	UCONTEXT_MCONTEXT = 40, /* uc_mcontext in x86-64's ucontext_t (glibc and kernel) */
	MCONTEXT_SIZE = 192,	/* 23 registers and the pointer to the FXSAVE image */
	MCONTEXT_FPSTATE = 184,
	MCONTEXT_CS = 18 * 8, /* csgsfs: cs is the lowest 16 bits */
	FXSAVE_SIZE = 512,
};

static enum inq_status read_ucontext(struct inq_session *session, uint64_t address,
				     struct inq_context *ret, struct inq_error *err)
{
	uint8_t mcontext[MCONTEXT_SIZE], fp[FXSAVE_SIZE];
	uint64_t fpstate;
	uint16_t cs;
	enum inq_status status;
	bool has_fp;

	if (session->machine != INQ_MACHINE_AMD64)
		return inq_fail(err, INQ_UNSUPPORTED,
				"context records are understood on x86-64 only");
	status = inq_target_read_all(session->target, address + UCONTEXT_MCONTEXT, mcontext,
				     sizeof(mcontext), err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "context record at 0x%llx",
				   (unsigned long long)address);
	memcpy(&cs, mcontext + MCONTEXT_CS, sizeof(cs));
	/* User mode's code segments: 64-bit, and 32-bit code in a 64-bit process. */
	if (cs != 0x33 && cs != 0x23)
		return inq_fail(err, INQ_BAD_DATA,
				"0x%llx: not a ucontext_t (its cs is 0x%x, not 0x33)",
				(unsigned long long)address, cs);
	memcpy(&fpstate, mcontext + MCONTEXT_FPSTATE, sizeof(fpstate));
	has_fp = fpstate &&
		 inq_target_read_all(session->target, fpstate, fp, sizeof(fp), NULL) == INQ_OK;
	if (!inq_context_from_mcontext(session->machine, mcontext, sizeof(mcontext),
				       has_fp ? fp : NULL, has_fp ? sizeof(fp) : 0, ret))
		return inq_fail(err, INQ_BAD_DATA, "0x%llx: not a ucontext_t",
				(unsigned long long)address);
	return INQ_OK;
}

enum inq_status inq_session_use_record(struct inq_session *session, uint64_t address,
				       struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status = read_ucontext(session, address, &context, err);

	if (status != INQ_OK)
		return status;
	session->record = context;
	enter_scope(session, INQ_SCOPE_RECORD);
	return INQ_OK;
}

void inq_session_use_thread(struct inq_session *session)
{
	enter_scope(session, INQ_SCOPE_THREAD);
}

enum inq_status inq_session_context(struct inq_session *session, struct inq_context *ret,
				    struct inq_error *err)
{
	switch (session->scope) {
	case INQ_SCOPE_EXCEPTION:
		return exception_context(session, ret, err);
	case INQ_SCOPE_RECORD:
		*ret = session->record;
		return INQ_OK;
	case INQ_SCOPE_THREAD:
		break;
	}
	if (session->thread < 0)
		return inq_fail(err, INQ_ABSENT, "the dump has no threads");
	return inq_target_context(session->target, (size_t)session->thread, ret, err);
}

const struct inq_module *inq_session_modules(struct inq_session *session, size_t *ret_count)
{
	*ret_count = session->module_count;
	return session->modules;
}

const struct inq_region *inq_session_regions(struct inq_session *session, size_t *ret_count)
{
	const struct inq_region *regions = NULL;

	if (inq_target_regions(session->target, &regions, ret_count, NULL) != INQ_OK)
		*ret_count = 0;
	return regions;
}

uint64_t inq_session_user_register(const struct inq_session *session, unsigned index)
{
	return index < INQ_USER_REGISTERS ? session->user[index] : 0;
}

void inq_session_set_user_register(struct inq_session *session, unsigned index, uint64_t value)
{
	if (index < INQ_USER_REGISTERS)
		session->user[index] = value;
}
