/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ThreadList, ThreadNames and Exception. */
#include "config.h"

#include "capture/run.h"
#include "target/xstate.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/*
 * A thread without registers gets a context that says so by its flags: readers want one for every
 * thread, and drop the dump or crash without it.
 */
static void no_registers(struct inq_run *run, struct inq_context *ret)
{
	const struct inq_system *system;
	const struct inq_machine_info *machine = NULL;

	memset(ret, 0, sizeof(*ret));
	if (inq_target_system(run->target, &system, NULL) == INQ_OK)
		machine = inq_machine_info(system->machine);
	ret->size = machine ? machine->context_size : 0;
	if (machine && machine->md_processor == MD_ARCH_AMD64)
		((struct md_context_amd64 *)ret->raw)->context_flags = MD_CONTEXT_AMD64;
	else if (machine && machine->md_processor == MD_ARCH_X86)
		((struct md_context_x86 *)ret->raw)->context_flags = MD_CONTEXT_X86;
}

/* A CONTEXT with its XSTATE part, where the thread has one. */
static inq_piece add_extended(struct inq_run *run, size_t index, const struct inq_context *context)
{
	struct inq_buffer bytes = {0};
	struct inq_xstate xstate;

	inq_buffer_append(&bytes, context->raw, context->size);
	if (context->machine == INQ_MACHINE_AMD64 && context->size == INQ_XSTATE_CONTEXT_EX &&
	    inq_target_xstate(run->target, index, &xstate, NULL) == INQ_OK && inq_buffer_ok(&bytes)) {
		((struct md_context_amd64 *)(void *)bytes.data)->context_flags |= MD_CONTEXT_X86_XSTATE;
		inq_xstate_to_windows(&xstate, &bytes);
	}
	return inq_writer_add(run->writer, &bytes, 16);
}

static inq_piece add_context(struct inq_run *run, size_t index)
{
	struct inq_context context = {0};

	if (inq_target_context(run->target, index, &context, NULL) != INQ_OK)
		no_registers(run, &context);
	if (context.size == 0)
		return INQ_NO_PIECE;
	if (run->options->letters & INQ_DUMP_y)
		return add_extended(run, index, &context);
	return inq_writer_add_copy(run->writer, context.raw, context.size, 16);
}

INQ_STREAM_WRITER(inq_write_threads)
{
	struct md_list head = {.count = (uint32_t)run->thread_count};
	struct inq_buffer list = {0};
	inq_piece piece;

	(void)argument;
	if (run->thread_count == 0)
		return INQ_ABSENT;
	run->contexts = calloc(run->thread_count, sizeof(*run->contexts));
	if (!run->contexts)
		return inq_fail(err, INQ_NO_MEMORY, "out of memory");
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < run->thread_count; i++) {
		struct md_thread thread = {
			.id = run->threads[i].tid,
			.suspend_count = run->threads[i].suspend_count,
			.priority_class = run->threads[i].priority_class,
			.priority = run->threads[i].priority,
			.teb = run->threads[i].tls,
			.stack.address = run->plan.stacks[i].base,
		};

		inq_buffer_append(&list, &thread, sizeof(thread));
	}
	piece = inq_writer_add(run->writer, &list, 8);
	for (size_t i = 0; i < run->thread_count; i++) {
		size_t at = sizeof(head) + i * sizeof(struct md_thread);
		const struct inq_plan_stack *stack = &run->plan.stacks[i];

		run->contexts[i] = add_context(run, i);
		inq_writer_point(run->writer, piece, at + offsetof(struct md_thread, context),
				 INQ_POINT_LOCATION, run->contexts[i]);
		if (stack->size)
			inq_writer_point(run->writer, piece, at + offsetof(struct md_thread, stack),
					 INQ_POINT_MEMORY, inq_run_stack_piece(run, stack));
	}
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}

INQ_STREAM_WRITER(inq_write_thread_names)
{
	struct md_list head = {0};
	struct inq_buffer list = {0};
	inq_piece piece;

	(void)argument;
	(void)err;
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < run->thread_count; i++) {
		struct md_thread_name name = {.thread_id = run->threads[i].tid};

		if (!run->threads[i].name[0])
			continue;
		inq_buffer_append(&list, &name, sizeof(name));
		head.count++;
	}
	if (!head.count) {
		inq_buffer_done(&list);
		return INQ_ABSENT;
	}
	if (inq_buffer_ok(&list))
		memcpy(list.data, &head, sizeof(head));
	piece = inq_writer_add(run->writer, &list, 8);
	for (size_t i = 0, at = sizeof(head); i < run->thread_count; i++) {
		if (!run->threads[i].name[0])
			continue;
		inq_writer_point(run->writer, piece, at + offsetof(struct md_thread_name, name_rva),
				 INQ_POINT_RVA64,
				 inq_writer_add_string(run->writer, run->threads[i].name));
		at += sizeof(struct md_thread_name);
	}
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}

/* Who sent the signal: si_code, si_pid and si_uid, where somebody did. The siginfo_t layout is the
 * kernel's for both word sizes up to here: three words, then padding to 16 on 64-bit. */
static uint32_t sender_parameters(const struct inq_exception *exception, uint64_t *to)
{
	siginfo_t info;

	_Static_assert(sizeof(info) == sizeof(exception->siginfo), "siginfo_t is 128 bytes");
	if (!exception->has_siginfo || (int32_t)exception->flags > 0)
		return 0;
	memcpy(&info, exception->siginfo, sizeof(info));
	to[0] = (uint32_t)info.si_code;
	to[1] = (uint32_t)info.si_pid;
	to[2] = (uint32_t)info.si_uid;
	return 3;
}

static inq_piece exception_context(struct inq_run *run, const struct inq_exception *exception)
{
	struct inq_context context = {0}, own = {0};

	for (size_t i = 0; i < run->thread_count; i++) {
		if (run->threads[i].tid != exception->tid || !run->contexts)
			continue;
		if (inq_target_exception_context(run->target, &context, NULL) != INQ_OK)
			return run->contexts[i];
		if (inq_target_context(run->target, i, &own, NULL) == INQ_OK &&
		    own.size == context.size && memcmp(own.raw, context.raw, own.size) == 0)
			return run->contexts[i]; /* one place for both */
		return inq_writer_add_copy(run->writer, context.raw, context.size, 16);
	}
	if (inq_target_exception_context(run->target, &context, NULL) != INQ_OK)
		return INQ_NO_PIECE;
	return inq_writer_add_copy(run->writer, context.raw, context.size, 16);
}

INQ_STREAM_WRITER(inq_write_exception)
{
	const struct inq_exception *exception;
	struct md_exception_stream stream = {0};
	enum inq_status status = inq_target_exception(run->target, &exception, err);
	inq_piece piece;

	(void)argument;
	if (status != INQ_OK)
		return status;
	stream.thread_id = exception->tid;
	stream.exception.code = exception->code;
	stream.exception.flags = exception->flags;
	stream.exception.record = exception->record;
	stream.exception.address = exception->address;
	stream.exception.parameter_count = exception->parameter_count;
	memcpy(stream.exception.parameters, exception->parameters, sizeof(exception->parameters));
	if (stream.exception.parameter_count == 0) {
		uint64_t sender[MD_EXCEPTION_PARAMETERS] = {0};

		stream.exception.parameter_count = sender_parameters(exception, sender);
		memcpy(stream.exception.parameters, sender, sizeof(sender));
	}
	piece = inq_writer_add_copy(run->writer, &stream, sizeof(stream), 8);
	inq_writer_point(run->writer, piece, offsetof(struct md_exception_stream, context),
			 INQ_POINT_LOCATION, exception_context(run, exception));
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}
