/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The compressed form under inq_file: zstd, with or without the table of the seekable format.
 *
 * Format: zstd's contrib/seekable_format: frames, then a skippable frame of entries (compressed
 * size, unpacked size, checksum where flagged), then a footer of 9 bytes. Nothing of the table is
 * believed before it adds up. Messages name no file; the caller prepends it. Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_FRAMES_H
#define INQ_SUPPORT_FRAMES_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stored bytes: of a descriptor (borrowed), or in memory where fd is -1 (borrowed). */
struct inq_raw {
	int fd;
	const uint8_t *bytes;
	uint64_t size;
};

/* Read up to `size` bytes; fewer only at the end. INQ_OS. */
enum inq_status inq_raw_read(const struct inq_raw *raw, uint64_t offset, void *to, size_t size,
			     size_t *ret_done, struct inq_error *err);

/* Do the first bytes begin a zstd frame or a skippable one? */
bool inq_frames_begin(const struct inq_raw *raw);

struct inq_frames;

/* Read the seek table. INQ_ABSENT: there is none, or its frames are larger than INQ_FRAME_MAX:
 * unpack instead. INQ_BAD_DATA: it doesn't add up. */
#define INQ_FRAME_MAX (8u * 1024 * 1024)
enum inq_status inq_frames_open(const struct inq_raw *raw, struct inq_frames **ret,
				struct inq_error *err);
void inq_frames_free(struct inq_frames *frames);

uint64_t inq_frames_size(const struct inq_frames *frames); /* unpacked bytes */
size_t inq_frames_largest(
	const struct inq_frames *frames); /* unpacked bytes of the largest frame, at least 1 */

/* The frame that holds an offset below inq_frames_size(), and what it covers. */
size_t inq_frames_find(const struct inq_frames *frames, uint64_t offset, uint64_t *ret_start,
		       size_t *ret_size);

/* Unpack a whole frame. INQ_BAD_DATA: damaged, or not as long as the table says. */
enum inq_status inq_frames_read(struct inq_frames *frames, const struct inq_raw *raw, size_t frame,
				void *to, struct inq_error *err);

/* Unpack everything into a nameless file (TMPDIR, else /var/tmp, else /tmp). A file that just ends
 * early is taken as far as it goes; one whose bytes are damaged is INQ_BAD_DATA. INQ_LIMIT: more
 * than `limit` bytes, or a window of more than 32 MiB. */
enum inq_status inq_frames_unpack(const struct inq_raw *raw, uint64_t limit, int *ret_fd,
				  uint64_t *ret_size, struct inq_error *err);

#endif
