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

static bool is_asked_for(const struct inq_stream_row *row, const struct inq_dump_options *options)
{
	size_t count;
	const struct inq_dump_option *letters = inq_dump_options_table(&count);

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
