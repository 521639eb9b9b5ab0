/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The writing side of frames.h: a file turned into zstd frames of equal size with a seek table, by several threads.
 */
#ifndef INQ_SUPPORT_FRAMES_WRITER_H
#define INQ_SUPPORT_FRAMES_WRITER_H

#include "support/error.h"

enum {
	INQ_FRAME_SIZE = 1 << 20,   /* unpacked bytes of a frame: what one read of a page unpacks */
	INQ_FRAMES_THREADS = 16,    /* at most; about 3 MiB each */
};

/**
 * Compress.
 *
 * @from     a regular file, from its beginning to its end; read with pread; borrowed
 * @to       an empty regular file, written from its beginning; borrowed
 * @threads  0: as many as there are processors
 *
 * Holes and zeroes cost a few bytes. INQ_OS: reading or writing failed (errno kept). INQ_LIMIT: more frames than a
 * seek table holds (2^32 of them). INQ_NO_MEMORY. Not async-signal-safe; starts threads and ends them.
 */
enum inq_status inq_frames_compress(int from, int to, unsigned threads, struct inq_error *err);

#endif
