/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/run.h"
#include "minidump/inquest.h"

#include <string.h>

static const struct inq_stream_row table[] = {
#define STREAM(type, name, letters, privacy, writer, argument) \
	{MD_STREAM_##type, name, letters, INQ_PRIVACY_##privacy, writer, argument},
#include "capture/streams.def"
#undef STREAM
};

const struct inq_stream_row *inq_stream_table(size_t *ret_count)
{
	*ret_count = sizeof(table) / sizeof(table[0]);
	return table;
}

/* What the second file of /mk has: enough to open it, and the threads that it tells of. */
static const uint32_t kernels_own[] = {
	MD_STREAM_SYSTEM_INFO,	   MD_STREAM_MISC_INFO,		MD_STREAM_THREAD_LIST, MD_STREAM_THREAD_NAMES,
	MD_STREAM_INQUEST_KERNEL,  MD_STREAM_LINUX_PROC_STATUS, MD_STREAM_COMMENT_W,   MD_STREAM_COMMENT_A,
	MD_STREAM_INQUEST_INFO,
};

static bool is_of_part(uint32_t type, enum inq_dump_part part)
{
	if (part == INQ_DUMP_BUT_KERNEL)
		return type != MD_STREAM_INQUEST_KERNEL;
	if (part == INQ_DUMP_FACTS)
		return type != MD_STREAM_MEMORY_LIST && type != MD_STREAM_EXCEPTION;
	for (size_t i = 0; part == INQ_DUMP_KERNEL_ALONE && i < sizeof(kernels_own) / sizeof(kernels_own[0]); i++) {
		if (kernels_own[i] == type)
			return true;
	}
	return part == INQ_DUMP_WHOLE;
}

static bool is_asked_for(const struct inq_stream_row *row, const struct inq_dump_options *options)
{
	size_t count;
	const struct inq_dump_option *letters = inq_dump_options_table(&count);

	if (!is_of_part(row->type, options->part))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (options->letters & letters[i].bit && strchr(row->letters, letters[i].letter))
			return true;
	}
	return row->letters[0] == '\0';
}

void inq_run_streams(struct inq_run *run)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct inq_stream_row *row = &table[i];
		struct inq_error err = {0};
		enum inq_status status;

		if (!is_asked_for(row, run->options))
			continue;
		status = row->write(run, row->type, row->argument, &err);
		if (status == INQ_OK)
			run->streams++;
		if (status == INQ_OK || status == INQ_ABSENT)
			continue;
		run->failed_streams++;
		inq_run_say(run, true, "%s is missing: %s", row->name, err.text);
	}
}
