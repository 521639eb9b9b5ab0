/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/bulk.h"

#include "support/behind.h"
#include "support/frames_writer.h"

enum inq_status inq_bulk_open(struct inq_bulk *bulk, int fd, bool compress, struct inq_behind *behind,
			      struct inq_sink **ret_sink, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	if (compress) {
		status = inq_frames_writer_new(fd, 0, &bulk->frames, err);
	} else if (behind) {
		bulk->behind = behind;
		bulk->borrowed = true;
		inq_behind_use(behind, fd);
	} else {
		status = inq_behind_new(fd, true, &bulk->behind, err);
	}
	if (status == INQ_OK)
		*ret_sink = compress ? inq_frames_writer_sink(bulk->frames) : inq_behind_sink(bulk->behind);
	return status;
}

enum inq_status inq_bulk_finish(struct inq_bulk *bulk, struct inq_error *err)
{
	return bulk->frames ? inq_frames_writer_finish(bulk->frames, err) : inq_behind_finish(bulk->behind, err);
}

void inq_bulk_done(struct inq_bulk *bulk)
{
	inq_frames_writer_free(bulk->frames);
	if (!bulk->borrowed)
		inq_behind_free(bulk->behind);
	*bulk = (struct inq_bulk){0};
}
