/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The public library: sessions in clothes that need not change when the rooms do. */
#include "config.h"

#include "engine/analyze.h"
#include "engine/inquest.h"
#include "engine/session.h"
#include "minidump/reader.h"
#include "support/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two have the same numbers, and their records the same shape, so that words pass without
 * copying. */
#define SAME(name) _Static_assert((int)INQUEST_##name == (int)INQ_##name, #name)
SAME(OK);
SAME(ABSENT);
SAME(BAD_DATA);
SAME(FAULT);
SAME(DENIED);
SAME(LIMIT);
SAME(UNSUPPORTED);
SAME(NO_MEMORY);
SAME(OS);
SAME(USAGE);
_Static_assert(sizeof(struct inquest_error) == sizeof(struct inq_error), "error records");

struct inquest {
	struct inq_session *session;
	char *path;
	/* The stack that inquest_frame() walks, kept from call to call. */
	bool has_stack;
	long stack_thread;
	struct inq_stack stack;
	struct inq_analysis analysis; /* the last one */
	/* The file again, for inquest_read_stream(); made when first asked for. */
	struct inq_file *file;
	struct inq_dump *dump;
};

static enum inquest_status answer(enum inq_status status, const struct inq_error *from,
				  struct inquest_error *to)
{
	if (status != INQ_OK && to) {
		to->status = (enum inquest_status)status;
		to->os_errno = from->os_errno;
		memcpy(to->text, from->text, sizeof(to->text));
	}
	return (enum inquest_status)status;
}

static enum inquest_status past_the_last(const char *what, size_t index,
					 struct inquest_error *error)
{
	struct inq_error err = {0};

	return answer(inq_fail(&err, INQ_ABSENT, "there is no %s %zu", what, index), &err, error);
}

const char *inquest_version(void)
{
	return PACKAGE_VERSION;
}

enum inquest_status inquest_open(const char *path, const char *symbol_path, const char *image_path,
				 struct inquest **ret, struct inquest_error *error)
{
	struct inq_session_options options = {.symbol_path = symbol_path, .image_path = image_path};
	struct inquest *dump = calloc(1, sizeof(*dump));
	struct inq_error err = {0};
	enum inq_status status = INQ_NO_MEMORY;

	if (dump)
		dump->path = strdup(path);
	if (!dump || !dump->path)
		inq_fail(&err, INQ_NO_MEMORY, "'%s': no memory", path);
	else
		status = inq_session_open(path, &options, &dump->session, &err);
	if (status != INQ_OK) {
		inquest_close(dump);
		return answer(status, &err, error);
	}
	*ret = dump;
	return INQUEST_OK;
}

void inquest_close(struct inquest *dump)
{
	if (!dump)
		return;
	inq_stack_done(&dump->stack);
	inq_analysis_done(&dump->analysis);
	inq_dump_close(dump->dump);
	inq_file_close(dump->file);
	inq_session_free(dump->session);
	free(dump->path);
	free(dump);
}

size_t inquest_dump_file_count(const struct inquest *dump)
{
	(void)dump;
	return 1;
}

enum inquest_status inquest_dump_file(const struct inquest *dump, size_t index,
				      const char **ret_path, const char **ret_kind,
				      struct inquest_error *error)
{
	if (index > 0)
		return past_the_last("dump file", index, error);
	*ret_path = dump->path;
	*ret_kind = inq_session_target(dump->session)->ops->kind;
	return INQUEST_OK;
}

/* --- streams ---------------------------------------------------------------------- */

static enum inq_status need_dump(struct inquest *dump, struct inq_error *err)
{
	unsigned char head[4];
	enum inq_status status = INQ_OK;

	if (dump->dump)
		return INQ_OK;
	if (!dump->file)
		status = inq_file_open(dump->path, &dump->file, err);
	if (status == INQ_OK)
		status = inq_file_read_all(dump->file, 0, head, sizeof(head), err);
	if (status != INQ_OK)
		return status;
	if (!inq_dump_is_minidump(head, sizeof(head)))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not a minidump: it has no streams",
				dump->path);
	return inq_dump_open(dump->file, &dump->dump, err);
}

enum inquest_status inquest_read_stream(struct inquest *dump, uint32_t type, uint64_t offset,
					void *to, size_t size, uint64_t *ret_size,
					struct inquest_error *error)
{
	const struct inq_dump_stream *stream;
	struct inq_error err = {0};
	enum inq_status status = need_dump(dump, &err);
	uint64_t left;

	if (status != INQ_OK)
		return answer(status, &err, error);
	stream = inq_dump_find_stream(dump->dump, type);
	if (!stream)
		return answer(
			inq_fail(&err, INQ_ABSENT, "'%s': no stream of type %u", dump->path, type),
			&err, error);
	left = offset < stream->present ? stream->present - offset : 0;
	if (size > left)
		size = (size_t)left;
	if (size)
		status = inq_dump_read(dump->dump, stream->rva + offset, to, size, &err);
	if (status == INQ_OK && ret_size)
		*ret_size = stream->present;
	return answer(status, &err, error);
}

/* --- facts ------------------------------------------------------------------------ */

enum inquest_status inquest_event(struct inquest *dump, struct inquest_event *ret,
				  struct inquest_error *error)
{
	struct inq_error err = {0};
	struct inq_event event;
	enum inq_status status = inq_session_event(dump->session, &event, &err);

	if (status == INQ_OK && !event.is_exception)
		status = inq_fail(&err, INQ_ABSENT, "the dump has no exception");
	if (status == INQ_OK)
		*ret = (struct inquest_event){
			.pid = event.pid,
			.tid = event.tid,
			.signal = event.code,
			.code = event.sub_code,
			.name = event.name,
			.code_name = event.code_name,
			.code_text = event.code_text,
			.has_address = event.has_address,
			.address = event.address,
			.pc = event.pc,
		};
	return answer(status, &err, error);
}

size_t inquest_module_count(struct inquest *dump)
{
	size_t count;

	inq_session_modules(dump->session, &count);
	return count;
}

enum inquest_status inquest_module(struct inquest *dump, size_t index, struct inquest_module *ret,
				   struct inquest_error *error)
{
	size_t count;
	const struct inq_module *modules = inq_session_modules(dump->session, &count);

	if (index >= count)
		return past_the_last("module", index, error);
	*ret = (struct inquest_module){
		.base = modules[index].base,
		.size = modules[index].size,
		.name = inq_session_module_name(dump->session, &modules[index]),
		.path = modules[index].path,
	};
	if (modules[index].debug_kind == INQ_DEBUG_BUILD_ID) {
		ret->build_id = modules[index].id;
		ret->build_id_size = modules[index].id_size;
	}
	return INQUEST_OK;
}

size_t inquest_thread_count(struct inquest *dump)
{
	size_t count;

	inq_session_threads(dump->session, &count);
	return count;
}

enum inquest_status inquest_thread(struct inquest *dump, size_t index, struct inquest_thread *ret,
				   struct inquest_error *error)
{
	size_t count;
	const struct inq_thread *threads = inq_session_threads(dump->session, &count);

	if (index >= count)
		return past_the_last("thread", index, error);
	*ret = (struct inquest_thread){
		.tid = threads[index].tid,
		.name = threads[index].name,
		.crashed = threads[index].crashed,
	};
	return INQUEST_OK;
}

/* --- registers and frames --------------------------------------------------------- */

/* Make a thread, or the exception, current: what the session's calls look at. */
static enum inq_status choose(struct inquest *dump, long thread, struct inq_error *err)
{
	if (thread == INQUEST_EXCEPTION)
		return inq_session_use_exception(dump->session, err);
	if (thread < 0)
		return inq_fail(err, INQ_USAGE, "%ld is not a thread", thread);
	return inq_session_set_thread(dump->session, (size_t)thread, err);
}

static enum inq_status need_stack(struct inquest *dump, long thread, struct inq_error *err)
{
	struct inq_stack stack;
	enum inq_status status;

	if (dump->has_stack && dump->stack_thread == thread)
		return INQ_OK;
	status = choose(dump, thread, err);
	if (status == INQ_OK)
		status = inq_session_stack(dump->session, INQ_NO_THREAD, 0, &stack, err);
	if (status != INQ_OK)
		return status;
	inq_stack_done(&dump->stack);
	dump->stack = stack;
	dump->stack_thread = thread;
	dump->has_stack = true;
	return INQ_OK;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

enum inquest_status inquest_frame(struct inquest *dump, long thread, size_t index,
				  struct inquest_frame *ret, struct inquest_error *error)
{
	const struct inq_frame *frame;
	const struct inq_call *call;
	struct inq_error err = {0};
	enum inq_status status = need_stack(dump, thread, &err);

	if (status != INQ_OK)
		return answer(status, &err, error);
	if (index >= dump->stack.count)
		return past_the_last("frame", index, error);
	call = &dump->stack.calls[index];
	frame = &dump->stack.frames.frames[call->physical];
	*ret = (struct inquest_frame){
		.pc = frame->pc,
		.sp = frame->sp,
		.cfa = frame->cfa,
		.trust = inq_trust_name(frame->trust),
		.module = call->place.module_name,
		.module_offset = call->place.module_offset,
		.symbol = or_empty(call->place.symbol),
		.offset = call->place.offset,
		.file = or_empty(call->file),
		.line = call->line,
		.inlined = call->inlined,
	};
	return INQUEST_OK;
}

enum inquest_status inquest_register(struct inquest *dump, long thread, const char *name,
				     uint64_t *ret, struct inquest_error *error)
{
	struct inq_error err = {0};
	enum inq_status status = choose(dump, thread, &err);

	if (status == INQ_OK &&
	    !inq_register_find(inq_session_machine(dump->session), name, NULL, NULL))
		status = inq_fail(&err, INQ_USAGE, "'%s' is not a register", name);
	if (status == INQ_OK)
		status = inq_session_evaluate(dump->session, name, NULL, ret, &err);
	return answer(status, &err, error);
}

enum inquest_status inquest_read(struct inquest *dump, uint64_t address, void *to, size_t size,
				 struct inquest_error *error)
{
	struct inq_error err = {0};

	return answer(inq_session_read_all(dump->session, address, to, size, &err), &err, error);
}

enum inquest_status inquest_describe(struct inquest *dump, uint64_t address, char *to,
				     size_t capacity, struct inquest_error *error)
{
	struct inq_error err = {0};
	struct inq_place place;

	inq_session_place(dump->session, address, &place);
	if (!place.module)
		return answer(inq_fail(&err, INQ_ABSENT, "0x%llx is in no module",
				       (unsigned long long)address),
			      &err, error);
	if (!place.symbol)
		snprintf(to, capacity, "%s+0x%llx", place.module_name,
			 (unsigned long long)place.module_offset);
	else if (place.offset)
		snprintf(to, capacity, "%s!%s+0x%llx", place.module_name, place.symbol,
			 (unsigned long long)place.offset);
	else
		snprintf(to, capacity, "%s!%s", place.module_name, place.symbol);
	return INQUEST_OK;
}

enum inquest_status inquest_evaluate(struct inquest *dump, const char *expression, uint64_t *ret,
				     struct inquest_error *error)
{
	struct inq_error err = {0};

	/* A dump without an exception is looked at through its first thread. */
	inq_session_use_exception(dump->session, NULL);
	return answer(inq_session_evaluate(dump->session, expression, NULL, ret, &err), &err,
		      error);
}

enum inquest_status inquest_analyze(struct inquest *dump, struct inquest_analysis *ret,
				    struct inquest_error *error)
{
	struct inq_analysis *found = &dump->analysis;
	struct inq_error err = {0};
	enum inq_status status;

	inq_analysis_done(found);
	status = inq_session_analyze(dump->session, found, &err);
	if (status == INQ_OK)
		*ret = (struct inquest_analysis){
			.cause = found->cause,
			.explanation = found->explanation,
			.message = or_empty(found->message),
			.bucket = found->bucket,
			.hash = found->hash,
			.has_blame = found->blamed < found->stack.count,
			.blamed = found->blamed,
		};
	return answer(status, &err, error);
}
