/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The writing side of frames.h: a sink that turns what it is given into zstd frames with a seek table, by several
 * threads, while it is given.
 *
 * A frame for each chunk, in the order of the file. Zeroes, given or left out, become frames of some bytes that nobody
 * compresses. What is to be written late, at a place that is passed already, is stored in a frame as it is, so that it
 * can be changed there: the beginning of a dump, its signature. Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_FRAMES_WRITER_H
#define INQ_SUPPORT_FRAMES_WRITER_H

#include "support/error.h"
#include "support/sink.h"

enum {
	INQ_FRAME_SIZE = INQ_SINK_CHUNK, /* unpacked bytes of a frame: what one read of a page unpacks */
	INQ_FRAMES_THREADS = 8,   /* at most; about 5 MiB each */
	INQ_FRAMES_HEAD = 9,      /* stored bytes before the first that was given, where that was reserved */
};

struct inq_frames_writer;

/**
 * @fd       an empty file open for writing; borrowed until free
 * @threads  0: as many as there are processors; where fewer can be started, fewer
 * @ret      owned by the caller: inq_frames_writer_free()
 *
 * INQ_NO_MEMORY.
 */
enum inq_status inq_frames_writer_new(int fd, unsigned threads, struct inq_frames_writer **ret, struct inq_error *err);

/* Ends the threads; without finish, what is in the file is not complete. Accepts NULL. */
void inq_frames_writer_free(struct inq_frames_writer *writer);

/* Lives as long; with `hand` and `reserve`. A write behind the end is appended. Failures stick: INQ_OS as the file
 * does; INQ_USAGE: a write where nothing was reserved; INQ_LIMIT: more frames than a seek table holds (2^27). */
struct inq_sink *inq_frames_writer_sink(struct inq_frames_writer *writer);

/* Write the rest and the seek table: the file is complete, the sink is closed. Fails as the first write that did. */
enum inq_status inq_frames_writer_finish(struct inq_frames_writer *writer, struct inq_error *err);

#endif
