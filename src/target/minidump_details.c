/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/minidump_details.h"

#include "minidump/inquest.h"

#include <stdlib.h>
#include <string.h>

struct line {
	const char *at, *end;
};

static bool next_line(const char **at, const char *end, struct line *ret)
{
	const char *newline;

	if (*at >= end)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	*ret = (struct line){*at, newline ? newline : end};
	*at = newline ? newline + 1 : end;
	return true;
}

static bool begins(struct line *line, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(line->end - line->at) < size || memcmp(line->at, word, size) != 0)
		return false;
	line->at += size;
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* A number and the blank behind it; false if there is none, or it has no end. */
static bool take_number(struct line *line, int base, uint64_t *ret)
{
	const char *start = line->at;

	*ret = 0;
	for (; line->at < line->end && digit(*line->at) < base; line->at++)
		*ret = *ret * (uint64_t)base + (uint64_t)digit(*line->at);
	if (line->at == start || line->at - start > 16 || line->at == line->end || *line->at != ' ')
		return false;
	line->at++;
	return true;
}

static bool open_stream(struct inq_dump *dump, const char **ret_at, const char **ret_end)
{
	struct inq_dump_bytes bytes;

	if (inq_dump_stream_bytes(dump, MD_STREAM_INQUEST_DETAILS, &bytes, NULL) != INQ_OK)
		return false;
	*ret_at = (const char *)bytes.data;
	*ret_end = *ret_at + bytes.size;
	return true;
}

/* Lines are in the order of the threads, and so is the search: each goes on where the last one
 * ended. */
void inq_minidump_details_threads(struct inq_dump *dump, struct inq_thread *threads, size_t count)
{
	const char *at, *end;
	struct line line;
	size_t next = 0;

	if (!open_stream(dump, &at, &end))
		return;
	while (next_line(&at, end, &line)) {
		uint64_t tid;
		size_t i;

		if (!begins(&line, "processors ") || !take_number(&line, 10, &tid))
			continue;
		for (i = next; i < count && threads[i].tid != tid; i++)
			;
		if (i == count)
			continue;
		threads[i].processors = line.at;
		threads[i].processors_size = (size_t)(line.end - line.at);
		next = i + 1;
	}
}

static void take_id(struct line *line, struct inq_module *module)
{
	size_t size = (size_t)(line->end - line->at) / 2;

	if (!size || size > INQ_BUILD_ID_MAX)
		return;
	for (size_t i = 0; i < size; i++) {
		int high = digit(line->at[2 * i]), low = digit(line->at[2 * i + 1]);

		if (high > 15 || low > 15)
			return;
		module->id[i] = (uint8_t)(high << 4 | low);
	}
	module->id_size = (uint8_t)size;
	module->debug_kind = INQ_DEBUG_BUILD_ID;
}

void inq_minidump_details_modules(struct inq_dump *dump, struct inq_module *modules, size_t count)
{
	const char *at, *end;
	struct line line;

	if (!open_stream(dump, &at, &end))
		return;
	while (next_line(&at, end, &line)) {
		uint64_t base, size;

		if (!begins(&line, "unloaded ") || !take_number(&line, 16, &base) ||
		    !take_number(&line, 16, &size))
			continue;
		/* One place may have been several modules': each line is of the first that has none
		 * yet. */
		for (size_t i = 0; i < count; i++) {
			if (modules[i].unloaded && modules[i].base == base &&
			    modules[i].size == size && !modules[i].id_size) {
				take_id(&line, &modules[i]);
				break;
			}
		}
	}
}
