/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the program itself wished to say, in the form that the readers of others know: Crashpad's simple annotations.
 *
 * Under a veil (letter r) only what was said to hold no secret stays.
 */
#include "config.h"

#include "capture/run.h"

#include <string.h>

static bool is_shown(const struct inq_run *run, const struct inq_annotation *annotation)
{
	return annotation->safe || !(run->options->letters & INQ_DUMP_r);
}

INQ_STREAM_WRITER(inq_write_annotations)
{
	struct md_crashpad_info info = {.version = 1};
	const struct inq_annotation *annotations;
	struct inq_buffer list = {0};
	uint32_t shown = 0;
	size_t count;
	inq_piece pairs, piece;
	enum inq_status status = inq_target_annotations(run->target, &annotations, &count, err);

	(void)argument;
	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < count; i++)
		shown += is_shown(run, &annotations[i]);
	if (!shown)
		return INQ_ABSENT;
	inq_buffer_append(&list, &shown, sizeof(shown));
	inq_buffer_extend(&list, shown * sizeof(struct md_crashpad_pair));
	pairs = inq_writer_add(run->writer, &list, 4);
	for (size_t i = 0, at = sizeof(shown); i < count; i++) {
		if (!is_shown(run, &annotations[i]))
			continue;
		inq_writer_point(run->writer, pairs, at, INQ_POINT_RVA,
				 inq_writer_add_utf8(run->writer, annotations[i].key));
		inq_writer_point(run->writer, pairs, at + sizeof(uint32_t), INQ_POINT_RVA,
				 inq_writer_add_utf8(run->writer, annotations[i].value));
		at += sizeof(struct md_crashpad_pair);
	}
	piece = inq_writer_add_copy(run->writer, &info, sizeof(info), 8);
	inq_writer_point(run->writer, piece, offsetof(struct md_crashpad_info, simple_annotations),
			 INQ_POINT_LOCATION, pairs);
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}
