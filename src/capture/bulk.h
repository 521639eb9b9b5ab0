/* SPDX-License-Identifier: GPL-3.0-or-later */
/** The sink of a large dump: by a thread of its own, or compressed by several. */
#ifndef INQ_CAPTURE_BULK_H
#define INQ_CAPTURE_BULK_H

#include "support/error.h"

#include <stdbool.h>

struct inq_behind;
struct inq_frames_writer;
struct inq_sink;

/* Zeroed at first; inq_bulk_done(). */
struct inq_bulk {
	struct inq_behind *behind;         /* one of them */
	struct inq_frames_writer *frames;
	bool borrowed; /* behind is the caller's */
};

/**
 * @fd        an empty regular file, borrowed
 * @compress  as frames_writer.h
 * @behind    NULL, or one that was made before and is used if nothing is compressed
 * @ret_sink  lives until inq_bulk_done()
 *
 * INQ_NO_MEMORY.
 */
enum inq_status inq_bulk_open(struct inq_bulk *bulk, int fd, bool compress, struct inq_behind *behind,
			      struct inq_sink **ret_sink, struct inq_error *err);

/* All that was written is in the file. Fails as the first write that did. */
enum inq_status inq_bulk_finish(struct inq_bulk *bulk, struct inq_error *err);

void inq_bulk_done(struct inq_bulk *bulk);

#endif
