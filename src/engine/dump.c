/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/dump.h"

#include "capture/bulk.h"
#include "capture/capture.h"
#include "capture/core_writer.h"
#include "privacy/veil.h"
#include "support/buffer.h"
#include "target/core_facts.h"
#include "target/jit.h"
#include "target/override.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXCEPTIONS = INQ_SWITCH_RECORD | INQ_SWITCH_CONTEXT | INQ_SWITCH_EXCEPTION | INQ_SWITCH_POINTERS };

static uint32_t current_tid(struct inq_session *session)
{
	size_t count;
	const struct inq_thread *threads = inq_session_threads(session, &count);
	long index = inq_session_thread(session);

	return index >= 0 && (size_t)index < count ? threads[index].tid : 0;
}

static enum inq_status from_record(struct inq_target *target, uint64_t address, struct inq_override *ret,
				   struct inq_error *err)
{
	struct inq_jit jit;
	enum inq_status status = inq_jit_read(target, address, &jit, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "/j");
	ret->exception = jit.exception;
	ret->context = jit.context;
	ret->has_context = true;
	return INQ_OK;
}

/* /xc, /xr, or the two that /xp points at; 0 is none. */
static enum inq_status from_pieces(struct inq_session *session, uint64_t exception, uint64_t context,
				   struct inq_override *ret, struct inq_error *err)
{
	struct inq_target *target = inq_session_target(session);
	enum inq_status status = INQ_OK;

	if (context)
		status = inq_jit_read_context(target, context, &ret->context, NULL, err);
	else
		inq_session_context(session, &ret->context, NULL);
	ret->has_context = context != 0;
	if (status == INQ_OK && exception)
		status = inq_jit_read_exception(target, exception, inq_context_pc(&ret->context), &ret->exception, err);
	else if (status == INQ_OK)
		/* Registers alone: a stop there, as a debugger's breakpoint would be. */
		ret->exception = (struct inq_exception){
			.code = SIGTRAP, .flags = TRAP_BRKPT, .address = inq_context_pc(&ret->context)};
	return status;
}

static enum inq_status from_pointers(struct inq_session *session, uint64_t address, struct inq_override *ret,
				     struct inq_error *err)
{
	uint64_t pair[2];
	enum inq_status status = inq_target_read_all(inq_session_target(session), address, pair, sizeof(pair), err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "/xp");
	if (!pair[0] || !pair[1])
		return inq_fail(err, INQ_BAD_DATA, "/xp: at 0x%llx are no two pointers", (unsigned long long)address);
	return from_pieces(session, pair[0], pair[1], ret, err);
}

/* The target as the command wants it seen; *ret_made is to be freed. */
static enum inq_status override(struct inq_session *session, const struct inq_dump_command *command,
				struct inq_target **ret_made, struct inq_error *err)
{
	struct inq_override what = {0};
	enum inq_status status;

	*ret_made = NULL;
	if (!(command->switches & EXCEPTIONS))
		return INQ_OK;
	if (command->switches & INQ_SWITCH_RECORD)
		status = from_record(inq_session_target(session), command->record, &what, err);
	else if (command->switches & INQ_SWITCH_POINTERS)
		status = from_pointers(session, command->pointers, &what, err);
	else
		status = from_pieces(session, command->exception, command->context, &what, err);
	if (status != INQ_OK)
		return status;
	if (command->switches & INQ_SWITCH_THREAD)
		what.exception.tid = command->thread;
	else if (!what.exception.tid)
		what.exception.tid = current_tid(session);
	return inq_target_override(inq_session_target(session), &what, ret_made, err);
}

/* What a core could not say otherwise: a minidump, made in memory, since nobody could make a second file here. Not in
 * the core's own file: one that was emptied is written to the disk at once when it is closed (ext4 takes it for a
 * file that is being replaced), which cost more than all the rest. Without memory for it the core is written all the
 * same. */
static enum inq_status take_facts(struct inq_veil *veil, const struct inq_capture_hooks *hooks, struct inq_buffer *ret,
				  struct inq_error *err)
{
	const struct inq_dump_options options = {
		.letters = INQ_DUMP_F | INQ_DUMP_h | INQ_DUMP_k | INQ_DUMP_t | INQ_DUMP_u,
		.text = "mFhktu",
		.part = INQ_DUMP_FACTS,
	};
	struct inq_capture_report report;
	int fd = memfd_create("facts", MFD_CLOEXEC);
	enum inq_status status;

	if (fd < 0)
		return INQ_OK;
	status = inq_capture(veil, &options, fd, hooks, &report, err);
	if (status == INQ_OK && report.file_size <= INQ_CORE_FACTS_MAX &&
	    inq_buffer_extend(ret, (size_t)report.file_size) &&
	    pread(fd, ret->data, ret->size, 0) != (ssize_t)ret->size)
		status = inq_fail_os(err, "core");
	close(fd);
	return status;
}

static enum inq_status write_core(struct inq_veil *veil, const struct inq_dump_command *command,
				  const struct inq_capture_hooks *hooks, int fd, struct inq_dump_result *ret,
				  struct inq_error *err)
{
	struct inq_core_report report;
	struct inq_bulk bulk = {0};
	struct inq_sink *sink = NULL;
	struct inq_buffer facts = {0};
	enum inq_status status = take_facts(veil, hooks, &facts, err);

	if (status == INQ_OK)
		status = inq_bulk_open(&bulk, fd, command->switches & INQ_SWITCH_COMPRESS, NULL, &sink, err);
	if (status == INQ_OK)
		status = inq_core_write(veil, command->switches & INQ_SWITCH_FULL_EXTENDED,
					facts.size && inq_buffer_ok(&facts) ? &facts : NULL, sink, &report, err);
	if (status == INQ_OK)
		status = inq_bulk_finish(&bulk, err);
	inq_bulk_done(&bulk);
	inq_buffer_done(&facts);
	if (status == INQ_OK)
		*ret = (struct inq_dump_result){
			.file_size = report.file_size,
			.memory_bytes = report.memory_bytes,
			.missing_bytes = report.missing_bytes,
			.threads = report.threads,
			.threads_left_out = report.threads_left_out,
		};
	return status;
}

static enum inq_status write_mini(struct inq_veil *veil, const struct inq_dump_command *command,
				  const struct inq_capture_hooks *hooks, int fd, struct inq_dump_result *ret,
				  struct inq_error *err)
{
	struct inq_capture_report report;
	enum inq_status status = inq_capture(veil, &command->letters, fd, hooks, &report, err);

	if (status == INQ_OK)
		*ret = (struct inq_dump_result){
			.file_size = report.file_size,
			.memory_bytes = report.memory_bytes,
			.threads = report.threads,
			.streams = report.streams,
			.incomplete = report.incomplete,
			.lost_threads = report.lost_threads,
		};
	return status;
}

/* A filter walks stacks by the images that the session has found. */
static enum inq_status find_image(void *user, const struct inq_module *module, struct inq_image **ret,
				  uint64_t *ret_bias)
{
	struct inq_session *session = user;
	size_t count = 0;
	const struct inq_module *modules = inq_session_modules(session, &count);
	const struct inq_module *own = inq_module_at(modules, count, module->base);

	return own ? inq_session_image(session, own, ret, ret_bias, NULL) : INQ_ABSENT;
}

enum inq_status inq_session_write_dump(struct inq_session *session, const struct inq_dump_command *command,
				       const char *remark, uint64_t held_since_ns, int fd,
				       struct inq_dump_result *ret, struct inq_error *err)
{
	bool full = command->switches & (INQ_SWITCH_FULL | INQ_SWITCH_FULL_EXTENDED);
	const struct inq_dump_options plain = {.text = "m"};
	struct inq_veil_policy policy = inq_dump_options_policy(full ? &plain : &command->letters);
	struct inq_target *made;
	struct inq_veil *veil;
	enum inq_status status = override(session, command, &made, err);

	if (status != INQ_OK)
		return status;
	status = inq_veil_new(made ? made : inq_session_target(session), &policy, &veil, err);
	if (status == INQ_OK) {
		const struct inq_veil_images images = {find_image, session};
		const struct inq_capture_hooks hooks = {
			.held_since_ns = held_since_ns,
			.remark = remark,
			.comment = command->comment[0] ? command->comment : NULL,
			.compress = !full && command->switches & INQ_SWITCH_COMPRESS,
			.strict = command->switches & INQ_SWITCH_STRICT,
		};

		inq_veil_set_images(veil, &images);
		status = (full ? write_core : write_mini)(veil, command, &hooks, fd, ret, err);
		inq_veil_free(veil);
	}
	inq_target_free(made);
	return status;
}
