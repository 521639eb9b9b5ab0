/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kind of thing was in the registers that a filter emptied. */
#include "config.h"

#include "capture/run.h"
#include "minidump/inquest.h"
#include "privacy/veil.h"

#include <string.h>

_Static_assert((int)INQ_VALUE_FREED == (int)MD_INQUEST_FREED &&
		       (int)INQ_VALUE_COUNT == (int)MD_INQUEST_CLASSES &&
		       (int)INQ_VALUE_STACK == (int)MD_INQUEST_STACK &&
		       (int)INQ_VEIL_CLASSES == (int)MD_INQUEST_REGISTERS,
	       "the veil's classes are the file's");

INQ_STREAM_WRITER(inq_write_classes)
{
	const struct inq_veil_classes *classes;
	struct md_inquest_classes head = {
		.size = sizeof(head),
		.row_size = sizeof(struct md_inquest_class_row),
	};
	struct inq_buffer stream = {0};
	size_t count;
	enum inq_status status =
		inq_veil_classes(run->veil, &classes, &count, &head.fault, err);

	(void)argument;
	if (status != INQ_OK)
		return status;
	head.count = (uint32_t)count;
	inq_buffer_append(&stream, &head, sizeof(head));
	for (size_t i = 0; i < count; i++) {
		struct md_inquest_class_row row = {.thread_id = classes[i].tid};

		memcpy(row.of, classes[i].of, sizeof(row.of));
		inq_buffer_append(&stream, &row, sizeof(row));
	}
	inq_writer_stream(run->writer, type, inq_writer_add(run->writer, &stream, 8));
	return INQ_OK;
}
