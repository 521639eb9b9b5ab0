/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/minimal.h"

#include "minidump/format.h"
#include "minidump/writer.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

enum { COMMENT_MAX = 640 };

static enum inq_status store(struct inq_sink *sink, uint64_t offset, const void *bytes, size_t size,
			     struct inq_error *err)
{
	struct inq_minimal *to = sink->context;

	if (offset > sizeof(to->bytes) || size > sizeof(to->bytes) - offset)
		return inq_fail(err, INQ_LIMIT, "minimal dump: over %d bytes", INQ_MINIMAL_MAX);
	memcpy(to->bytes + offset, bytes, size);
	return INQ_OK;
}

static void add_system(struct inq_writer *writer)
{
	struct md_system_info info = {.architecture = MD_ARCH_AMD64, .platform = MD_PLATFORM_LINUX};
	char version[400] = "Linux";
	struct utsname name;
	inq_piece piece;

	if (!uname(&name)) {
		snprintf(version, sizeof(version), "%s %s %s %s", name.sysname, name.release, name.version,
			 name.machine);
	}
	piece = inq_writer_add_copy(writer, &info, sizeof(info), 8);
	inq_writer_point(writer, piece, offsetof(struct md_system_info, csd_rva), INQ_POINT_RVA,
			 inq_writer_add_string(writer, version));
	inq_writer_stream(writer, MD_STREAM_SYSTEM_INFO, piece);
}

static void add_facts(struct inq_writer *writer, const struct inq_core_args *args)
{
	const struct md_misc_info misc = {
		.size = MD_MISC_INFO_SIZE_2,
		.flags = MD_MISC_PROCESS_ID,
		.process_id = (uint32_t)args->pid,
	};
	const struct md_exception_stream exception = {
		.thread_id = (uint32_t)args->tid,
		.exception.code = (uint32_t)args->signal,
	};
	const uint32_t no_threads = 0;

	inq_writer_stream_copy(writer, MD_STREAM_MISC_INFO, &misc, misc.size);
	inq_writer_stream_copy(writer, MD_STREAM_EXCEPTION, &exception, sizeof(exception));
	inq_writer_stream_copy(writer, MD_STREAM_THREAD_LIST, &no_threads, sizeof(no_threads));
}

enum inq_status inq_minimal_make(const struct inq_core_args *args, const char *why, struct inq_minimal *ret,
				 struct inq_error *err)
{
	char comment[COMMENT_MAX] = "";
	struct inq_writer *writer;
	struct inq_sink sink = {.write = store, .fd = -1, .context = ret};
	uint64_t size = 0;
	enum inq_status status = inq_writer_new(&writer, err);

	if (status != INQ_OK)
		return status;
	memset(ret, 0, sizeof(*ret));
	snprintf(comment, sizeof(comment), "a minimal dump: %s", why);
	inq_writer_set_time(writer, (uint32_t)args->time);
	add_system(writer);
	add_facts(writer, args);
	/* The whole array: it keeps the file above 1 KiB, whatever the reason is. */
	inq_writer_stream_copy(writer, MD_STREAM_COMMENT_A, comment, sizeof(comment));
	status = inq_writer_plan(writer, &size, err);
	if (status == INQ_OK && size > sizeof(ret->bytes))
		status = inq_fail(err, INQ_LIMIT, "minimal dump: %llu bytes", (unsigned long long)size);
	if (status == INQ_OK)
		status = inq_writer_write(writer, &sink, err);
	if (status == INQ_OK)
		ret->size = size;
	inq_writer_free(writer);
	return status;
}
