/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the program itself wished to say, in the form that the readers of others know: Crashpad's simple annotations.
 * The veil has dropped what was not said to be safe, where letter r asks for that.
 */
#include "config.h"

#include "capture/run.h"

INQ_STREAM_WRITER(inq_write_annotations)
{
	struct md_crashpad_info info = {.version = 1};
	const struct inq_annotation *annotations;
	struct inq_buffer list = {0};
	uint32_t shown;
	size_t count;
	inq_piece pairs, piece;
	enum inq_status status = inq_target_annotations(run->target, &annotations, &count, err);

	(void)argument;
	if (status != INQ_OK)
		return status;
	if (!count)
		return INQ_ABSENT;
	shown = (uint32_t)count;
	inq_buffer_append(&list, &shown, sizeof(shown));
	inq_buffer_extend(&list, count * sizeof(struct md_crashpad_pair));
	pairs = inq_writer_add(run->writer, &list, 4);
	for (size_t i = 0, at = sizeof(shown); i < count; i++, at += sizeof(struct md_crashpad_pair)) {
		inq_writer_point(run->writer, pairs, at, INQ_POINT_RVA,
				 inq_writer_add_utf8(run->writer, annotations[i].key));
		inq_writer_point(run->writer, pairs, at + sizeof(uint32_t), INQ_POINT_RVA,
				 inq_writer_add_utf8(run->writer, annotations[i].value));
	}
	piece = inq_writer_add_copy(run->writer, &info, sizeof(info), 8);
	inq_writer_point(run->writer, piece, offsetof(struct md_crashpad_info, simple_annotations),
			 INQ_POINT_LOCATION, pairs);
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}
