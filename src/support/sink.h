/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Where the bytes of a dump go: a file, a file that a thread writes, compressed frames, memory.
 *
 * Two ways in. `write` stores bytes of the caller's at an offset, in any order. `hand` is for the bulk: the caller
 * fills a chunk that is the sink's and gives it back, and goes on with the next one while the first is on its way.
 * Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_SINK_H
#define INQ_SUPPORT_SINK_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_SINK_CHUNK = 1 << 20, /* bytes of a chunk that is handed over */
	INQ_SINK_PAGE = 4096,     /* what is zero and left out, is so in whole pages of the file */
};

struct inq_sink {
	/* Store all of them at the offset (bytes from the start), behind all that was handed over before, or fail
	 * with words. They are the caller's again on return. Only while the chunk, if there is one, is empty. */
	enum inq_status (*write)(struct inq_sink *sink, uint64_t offset, const void *bytes,
				 size_t size, struct inq_error *err);
	/* May be NULL. Take *chunk (of which `size` bytes, at least 1, belong at the offset) and give an empty one of
	 * INQ_SINK_CHUNK bytes, at a page's start, in its place; a *chunk of NULL asks for the first, with size 0.
	 * Offsets only grow. Chunks are the sink's, which frees them. The failure of an earlier chunk may be told
	 * here or by a later call. */
	enum inq_status (*hand)(struct inq_sink *sink, uint64_t offset, size_t size, uint8_t **chunk,
				struct inq_error *err);
	/* May be NULL: nothing needs to be said. Otherwise what lies before the end of what was given so far may be
	 * written only if it was reserved when its turn came. `size` bytes, zero until then. */
	enum inq_status (*reserve)(struct inq_sink *sink, uint64_t offset, size_t size, struct inq_error *err);
	/* There where `hand` is: when all was given, how many bytes that is: what was left out may lie at the end. */
	enum inq_status (*set_size)(struct inq_sink *sink, uint64_t size, struct inq_error *err);
	int fd;
	void *context;
	bool sparse; /* what is never written reads as zero: pages of zeroes are left out */
};

/* Fill in a sink that writes to a file descriptor (borrowed) by pwrite: short writes go on, EINTR
 * is tried again. INQ_OS "write at 0x...: No space left on device". Returns `sink`. */
struct inq_sink *inq_sink_fd(struct inq_sink *sink, int fd);

/* Whether all of `size` bytes are zero; 0 bytes are. */
bool inq_sink_is_zero(const uint8_t *bytes, size_t size);

/* How many of `size` bytes that belong at the offset are alike from the first on: whole pages of zeroes (*ret_zero),
 * or all else up to the next one. At least 1 for a size of at least 1. */
size_t inq_sink_run(const uint8_t *bytes, size_t size, uint64_t offset, bool *ret_zero);

#endif
