/* SPDX-License-Identifier: GPL-3.0-or-later */
/* System, process, exception, and what else is one structure. */
#include "minidump/dump.h"

#include <string.h>

static enum inq_status too_short(const struct inq_dump_stream *stream, size_t wanted,
				 struct inq_error *err)
{
	return inq_fail(err, INQ_BAD_DATA, "0x%x bytes, at least 0x%zx wanted", stream->present,
			wanted);
}

/* --- system -------------------------------------------------------------------------- */

static bool has_x86_cpu_info(const struct md_system_info *raw)
{
	return raw->architecture == MD_ARCH_X86 || raw->architecture == MD_ARCH_X86_WIN64 ||
	       (raw->architecture == MD_ARCH_AMD64 && raw->platform >= MD_PLATFORM_UNIX);
}

static const char *cpu_layout(const struct md_system_info *raw)
{
	bool words = has_x86_cpu_info(raw) || raw->architecture == MD_ARCH_ARM;

	return words ? inq_layout_cpu_x86 : inq_layout_cpu_other;
}

static void read_vendor(struct inq_dump_system *system)
{
	if (!has_x86_cpu_info(&system->raw))
		return;
	/* The text lies in the registers' bytes from the lowest up, and our byte order is that. */
	memcpy(system->vendor, system->raw.cpu.x86.vendor, sizeof(system->raw.cpu.x86.vendor));
	for (size_t i = 0; i + 1 < sizeof(system->vendor); i++) {
		if (system->vendor[i] < ' ' || system->vendor[i] > '~')
			system->vendor[i] = '\0';
	}
}

static enum inq_status parse_system(struct inq_dump *dump, struct inq_dump_stream *stream,
				    const void **ret, struct inq_error *err)
{
	struct inq_dump_system *system = inq_dump_alloc(dump, 1, sizeof(*system));
	size_t cpu_at = offsetof(struct md_system_info, cpu);
	enum inq_status status;

	if (!system)
		return inq_dump_no_room(dump, err);
	if (stream->present < sizeof(system->raw))
		return too_short(stream, sizeof(system->raw), err);
	status = inq_dump_load(dump, stream->rva, &system->raw, cpu_at, inq_layout_system, err);
	if (status == INQ_OK)
		status = inq_dump_load(dump, stream->rva + cpu_at, &system->raw.cpu,
				       sizeof(system->raw.cpu), cpu_layout(&system->raw), err);
	if (status == INQ_OK)
		status = inq_dump_name(dump, stream, system->raw.csd_rva, &system->csd, err);
	if (status != INQ_OK)
		return status;
	system->raw.csd_rva = 0;
	read_vendor(system);
	*ret = system;
	return INQ_OK;
}

enum inq_status inq_dump_system(struct inq_dump *dump, const struct inq_dump_system **ret,
				struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_SYSTEM, MD_STREAM_SYSTEM_INFO, parse_system,
			       (const void **)ret, err);
}

/* --- misc ---------------------------------------------------------------------------- */

/* What flags make valid; the rest is zeroed, so that nobody shows a writer's garbage. */
static const struct {
	uint32_t flag;
	uint16_t from, to; /* offsets */
} misc_parts[] = {
	{MD_MISC_PROCESS_ID, 8, 12},
	{MD_MISC_PROCESS_TIMES, 12, 24},
	{MD_MISC_PROCESSOR_POWER, 24, 44},
	{MD_MISC_PROCESS_INTEGRITY, 44, 48},
	{MD_MISC_PROCESS_EXECUTE_FLAGS, 48, 52},
	{MD_MISC_PROTECTED_PROCESS, 52, 56},
	{MD_MISC_TIME_ZONE, 56, 232},
	{MD_MISC_BUILD_STRING, 232, 832},
	{MD_MISC_PROCESS_COOKIE, 1360, 1364},
};

static void clear_invalid(struct md_misc_info *raw)
{
	for (size_t i = 0; i < sizeof(misc_parts) / sizeof(misc_parts[0]); i++) {
		if (!(raw->flags & misc_parts[i].flag))
			memset((uint8_t *)raw + misc_parts[i].from, 0,
			       (size_t)(misc_parts[i].to - misc_parts[i].from));
	}
}

static enum inq_status misc_texts(struct inq_dump *dump, struct inq_dump_misc *misc,
				  struct inq_error *err)
{
	struct md_misc_info *raw = &misc->raw;

	misc->standard_name = inq_dump_text(dump, raw->time_zone.standard_name, 32);
	misc->daylight_name = inq_dump_text(dump, raw->time_zone.daylight_name, 32);
	misc->build_string = inq_dump_text(dump, raw->build_string, 260);
	misc->debug_build_string = inq_dump_text(dump, raw->debug_build_string, 40);
	if (!misc->standard_name || !misc->daylight_name || !misc->build_string ||
	    !misc->debug_build_string)
		return inq_dump_no_room(dump, err);
	return INQ_OK;
}

static enum inq_status parse_misc(struct inq_dump *dump, struct inq_dump_stream *stream,
				  const void **ret, struct inq_error *err)
{
	struct inq_dump_misc *misc = inq_dump_alloc(dump, 1, sizeof(*misc));
	size_t size = stream->present < sizeof(misc->raw) ? stream->present : sizeof(misc->raw);
	enum inq_status status;

	if (!misc)
		return inq_dump_no_room(dump, err);
	if (size < MD_MISC_INFO_SIZE_1)
		return too_short(stream, MD_MISC_INFO_SIZE_1, err);
	status = inq_dump_load(dump, stream->rva, &misc->raw, size, inq_layout_misc, err);
	if (status != INQ_OK)
		return status;
	if (misc->raw.size < MD_MISC_INFO_SIZE_1)
		return inq_fail(err, INQ_BAD_DATA, "says that it has 0x%x bytes", misc->raw.size);
	if (misc->raw.size < size) {
		memset((uint8_t *)&misc->raw + misc->raw.size, 0, size - misc->raw.size);
		size = misc->raw.size;
	}
	misc->raw.size = (uint32_t)size;
	clear_invalid(&misc->raw);
	status = misc_texts(dump, misc, err);
	if (status == INQ_OK)
		*ret = misc;
	return status;
}

enum inq_status inq_dump_misc(struct inq_dump *dump, const struct inq_dump_misc **ret,
			      struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_MISC, MD_STREAM_MISC_INFO, parse_misc, (const void **)ret,
			       err);
}

/* --- exception ----------------------------------------------------------------------- */

static enum inq_status parse_exception(struct inq_dump *dump, struct inq_dump_stream *stream,
				       const void **ret, struct inq_error *err)
{
	struct inq_dump_exception *exception = inq_dump_alloc(dump, 1, sizeof(*exception));
	struct md_exception_stream raw;
	enum inq_status status;

	if (!exception)
		return inq_dump_no_room(dump, err);
	if (stream->present < sizeof(raw))
		return too_short(stream, sizeof(raw), err);
	status = inq_dump_load(dump, stream->rva, &raw, sizeof(raw), inq_layout_exception, err);
	if (status != INQ_OK)
		return status;
	exception->thread_id = raw.thread_id;
	exception->raw = raw.exception;
	exception->context = inq_dump_place_of(raw.context);
	if (raw.exception.parameter_count > MD_EXCEPTION_PARAMETERS) {
		inq_dump_note(dump, stream, "%u parameters, at most %d",
			      raw.exception.parameter_count, MD_EXCEPTION_PARAMETERS);
		exception->raw.parameter_count = MD_EXCEPTION_PARAMETERS;
	}
	for (size_t i = exception->raw.parameter_count; i < MD_EXCEPTION_PARAMETERS; i++)
		exception->raw.parameters[i] = 0;
	*ret = exception;
	return INQ_OK;
}

enum inq_status inq_dump_exception(struct inq_dump *dump, const struct inq_dump_exception **ret,
				   struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_EXCEPTION, MD_STREAM_EXCEPTION, parse_exception,
			       (const void **)ret, err);
}

/* --- comments ------------------------------------------------------------------------ */

static enum inq_status parse_comment_a(struct inq_dump *dump, struct inq_dump_stream *stream,
				       const void **ret, struct inq_error *err)
{
	size_t size = stream->present < MD_MAX_STRING ? stream->present : MD_MAX_STRING;
	char *text = inq_dump_alloc(dump, size + 1, 1);
	enum inq_status status;

	if (!text)
		return inq_dump_no_room(dump, err);
	status = inq_dump_load(dump, stream->rva, text, size, "", err);
	if (status == INQ_OK)
		*ret = text;
	return status;
}

static enum inq_status parse_comment_w(struct inq_dump *dump, struct inq_dump_stream *stream,
				       const void **ret, struct inq_error *err)
{
	size_t units = (stream->present < MD_MAX_STRING ? stream->present : MD_MAX_STRING) / 2;
	uint8_t *bytes = inq_dump_borrow(dump, units, 2);
	enum inq_status status;

	if (!bytes)
		return inq_dump_no_room(dump, err);
	/* A layout counts to some number only; nothing but 16-bit units is here. */
	status = inq_dump_load(dump, stream->rva, bytes, units * 2, "2*1048576", err);
	if (status == INQ_OK) {
		*ret = inq_dump_text(dump, bytes, units);
		if (!*ret)
			status = inq_dump_no_room(dump, err);
	}
	inq_dump_give_back(dump, bytes, units, 2);
	return status;
}

enum inq_status inq_dump_comment(struct inq_dump *dump, const char **ret, struct inq_error *err)
{
	enum inq_status status = inq_dump_answer(dump, ASK_COMMENT_W, MD_STREAM_COMMENT_W,
						 parse_comment_w, (const void **)ret, err);

	if (status == INQ_OK || !inq_dump_stream_of(dump, MD_STREAM_COMMENT_A))
		return status;
	return inq_dump_answer(dump, ASK_COMMENT_A, MD_STREAM_COMMENT_A, parse_comment_a,
			       (const void **)ret, err);
}

/* --- Breakpad ------------------------------------------------------------------------ */

static enum inq_status parse_breakpad(struct inq_dump *dump, struct inq_dump_stream *stream,
				      const void **ret, struct inq_error *err)
{
	struct inq_dump_breakpad *info = inq_dump_alloc(dump, 1, sizeof(*info));
	enum inq_status status;

	if (!info)
		return inq_dump_no_room(dump, err);
	if (stream->present < sizeof(info->raw))
		return too_short(stream, sizeof(info->raw), err);
	status = inq_dump_load(dump, stream->rva, &info->raw, sizeof(info->raw), inq_layout_words,
			       err);
	if (status == INQ_OK)
		*ret = info;
	return status;
}

enum inq_status inq_dump_breakpad(struct inq_dump *dump, const struct inq_dump_breakpad **ret,
				  struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_BREAKPAD, MD_STREAM_BREAKPAD_INFO, parse_breakpad,
			       (const void **)ret, err);
}

static enum inq_status parse_assertion(struct inq_dump *dump, struct inq_dump_stream *stream,
				       const void **ret, struct inq_error *err)
{
	struct inq_dump_assertion *assertion = inq_dump_alloc(dump, 1, sizeof(*assertion));
	struct md_assertion_info raw;
	enum inq_status status;

	if (!assertion)
		return inq_dump_no_room(dump, err);
	if (stream->present < sizeof(raw))
		return too_short(stream, sizeof(raw), err);
	status = inq_dump_load(dump, stream->rva, &raw, sizeof(raw), inq_layout_assertion, err);
	if (status != INQ_OK)
		return status;
	assertion->expression = inq_dump_text(dump, raw.expression, 128);
	assertion->function = inq_dump_text(dump, raw.function, 128);
	assertion->file = inq_dump_text(dump, raw.file, 128);
	assertion->line = raw.line;
	assertion->type = raw.type;
	if (!assertion->expression || !assertion->function || !assertion->file)
		return inq_dump_no_room(dump, err);
	*ret = assertion;
	return INQ_OK;
}

enum inq_status inq_dump_assertion(struct inq_dump *dump, const struct inq_dump_assertion **ret,
				   struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_ASSERTION, MD_STREAM_ASSERTION_INFO, parse_assertion,
			       (const void **)ret, err);
}
