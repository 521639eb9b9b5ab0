/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Linux texts, the comment, and how the dump came about. */
#include "config.h"

#include "capture/run.h"
#include "minidump/inquest.h"
#include "support/text.h"

#include <stdio.h>
#include <string.h>

enum { LATE_ROOM = 256 }; /* bytes: a line of 100 characters and a NUL */

INQ_STREAM_WRITER(inq_write_text)
{
	const char *text;
	size_t size;
	enum inq_status status =
		inq_target_text(run->target, (enum inq_text_kind)argument, &text, &size, err);

	if (status != INQ_OK)
		return status;
	inq_writer_stream_copy(run->writer, type, text, size);
	return INQ_OK;
}

static void say_warnings(struct inq_run *run)
{
	const char *text;

	for (size_t i = 0; inq_target_warning(run->target, i, &text) == INQ_OK; i++)
		inq_run_say(run, true, "%s", text);
}

/* What the dump that this one is made of said, which stays true; "" and 0 if nothing. */
static const char *earlier_comment(struct inq_run *run, size_t *ret_size)
{
	const char *text = "";
	size_t size = 0;

	if (inq_target_text(run->target, INQ_TEXT_COMMENT, &text, &size, NULL) != INQ_OK)
		size = 0;
	size = strnlen(text, size);
	while (size && text[size - 1] == '\n')
		size--;
	*ret_size = size;
	return text;
}

INQ_STREAM_WRITER(inq_write_comment_a)
{
	const char *text = run->hooks->comment;
	struct inq_buffer bytes = {0};
	size_t size = text ? strlen(text) : 0;

	(void)argument;
	(void)err;
	if (!text)
		text = earlier_comment(run, &size);
	if (!size)
		return INQ_ABSENT;
	inq_buffer_append(&bytes, text, size);
	inq_buffer_append(&bytes, "", 1);
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &bytes, 1));
	return INQ_OK;
}

static void say_what_is_cut(struct inq_run *run)
{
	if (run->plan.cut_stacks)
		inq_run_say(run, false,
			    "stacks of %zu threads are longer than is kept: the innermost %d KiB "
			    "and the "
			    "outermost %d KiB are here",
			    run->plan.cut_stacks, INQ_PLAN_STACK_NEAR >> 10,
			    INQ_PLAN_STACK_FAR >> 10);
	if (run->plan.empty_stacks)
		inq_run_say(run, false,
			    "%zu threads have no stack here: their stack pointers lead nowhere",
			    run->plan.empty_stacks);
	if (run->plan.cut_pointers)
		inq_run_say(run, false,
			    "stacks of %zu threads were searched for pointers only in their innermost %d KiB",
			    run->plan.cut_pointers, INQ_PLAN_NEAR_SCAN >> 10);
}

static void say_missing(const struct inq_run *run, struct inq_buffer *to)
{
	inq_buffer_printf(to, "%llu bytes of memory could not be read, the first at 0x%llx\n",
			  (unsigned long long)run->missing, (unsigned long long)run->first_missing);
}

/* Where memory is read while it is written, what was missing is known at the end: there is room for one line. */
static size_t produce_comment(void *context, uint64_t address, uint64_t offset, void *to, size_t size)
{
	struct inq_run *run = context;
	struct inq_buffer line = {0}, wide = {0};
	uint8_t *room = run->late_comment.data + run->late_comment.size - LATE_ROOM;

	(void)address;
	if (run->missing && offset == 0) {
		say_missing(run, &line);
		inq_text_to_utf16(&wide, (const char *)line.data, line.size);
		if (inq_buffer_ok(&wide) && wide.size < LATE_ROOM)
			memcpy(room, wide.data, wide.size);
		inq_buffer_done(&line);
		inq_buffer_done(&wide);
	}
	memcpy(to, run->late_comment.data + offset, size);
	return size;
}

INQ_STREAM_WRITER(inq_write_comment)
{
	const char *own = run->hooks->comment ? run->hooks->comment : "";
	struct inq_buffer text = {0};
	size_t size;
	const char *earlier = earlier_comment(run, &size);

	(void)argument;
	(void)err;
	inq_text_to_utf16(&text, own, strlen(own));
	if (*own && size)
		inq_text_to_utf16(&text, "\n", 1);
	inq_text_to_utf16(&text, earlier, size);
	say_what_is_cut(run);
	say_warnings(run);
	if (run->hooks->remark)
		inq_run_say(run, false, "%s", run->hooks->remark);
	if (run->arena && run->missing)
		say_missing(run, &run->comment);
	if (run->comment.size == 0 && !text.size && run->arena)
		return INQ_ABSENT;
	if (run->comment.size && text.size)
		inq_text_to_utf16(&text, "\n", 1);
	inq_text_to_utf16(&text, (const char *)run->comment.data, run->comment.size);
	inq_buffer_extend(&text, run->arena ? sizeof(uint16_t) : LATE_ROOM);
	if (run->arena || !inq_buffer_ok(&text)) {
		inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &text, 8));
		return INQ_OK;
	}
	run->late_comment = text;
	inq_writer_stream(run->writer, type,
			  inq_writer_add_memory(run->writer, INQ_MEMORY_UNLISTED, 0, text.size, produce_comment, run));
	return INQ_OK;
}

static void fill(struct inq_run *run, struct md_inquest_info *info)
{
	const struct inq_exception *exception;
	const struct inq_process *process;

	*info = (struct md_inquest_info){
		.size = sizeof(*info),
		.flags = (run->held_us ? MD_INQUEST_HELD_KNOWN : 0u) |
			 (run->incomplete ? MD_INQUEST_INCOMPLETE : 0u),
		.held_us = run->held_us,
		.memory_wanted = run->plan.bytes,
		.memory_missing = run->missing,
		.threads = (uint32_t)run->thread_count,
		.empty_stacks = (uint32_t)run->plan.empty_stacks,
		.cut_stacks = (uint32_t)run->plan.cut_stacks,
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
	};
	if (inq_target_process(run->target, &process, NULL) == INQ_OK) {
		info->dump_time = process->dump_time;
		info->uid = process->uid;
		info->gid = process->gid;
		info->ppid = process->ppid;
	}
	if (inq_target_exception(run->target, &exception, NULL) == INQ_OK && exception->has_siginfo) {
		_Static_assert(sizeof(info->siginfo) == sizeof(exception->siginfo), "siginfo_t is 128 bytes");
		info->flags |= MD_INQUEST_SIGINFO;
		memcpy(info->siginfo, exception->siginfo, sizeof(info->siginfo));
	}
	snprintf(info->options, sizeof(info->options), "%s",
		 run->options->text[0] ? run->options->text : "m");
	snprintf(info->writer, sizeof(info->writer), "%s", PACKAGE_STRING);
}

/*
 * Made while it is written, behind all memory of the process: then the last of it has been read,
 * the process can go, and how long it was held is known.
 */
static size_t produce(void *context, uint64_t address, uint64_t offset, void *to, size_t size)
{
	struct inq_run *run = context;
	struct md_inquest_info info;

	(void)address;
	inq_run_release(run);
	run->incomplete |= run->missing != 0;
	fill(run, &info);
	if (offset + size > sizeof(info))
		return 0;
	memcpy(to, (const uint8_t *)&info + offset, size);
	return size;
}

INQ_STREAM_WRITER(inq_write_inquest)
{
	(void)argument;
	(void)err;
	inq_writer_stream(run->writer, type,
			  inq_writer_add_memory(run->writer, INQ_MEMORY_UNLISTED, 0,
						sizeof(struct md_inquest_info), produce, run));
	return INQ_OK;
}
