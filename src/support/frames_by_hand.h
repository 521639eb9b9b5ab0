/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * zstd frames that need no compressor: of zeroes, and of bytes that are stored as they are, to be changed in place.
 *
 * RFC 8878, sections 3.1.1.1 (frame header: one segment, so that the content's size is the window's) and 3.1.1.2
 * (blocks: RLE, raw). No checksum. Async-signal-safe.
 */
#ifndef INQ_SUPPORT_FRAMES_BY_HAND_H
#define INQ_SUPPORT_FRAMES_BY_HAND_H

#include <stddef.h>
#include <stdint.h>

enum {
	INQ_BY_HAND_MAX = 8 << 20,                  /* zeroes in a frame, at most: INQ_FRAME_MAX */
	INQ_BY_HAND_ZEROES = 9 + 4 * (8 << 20 >> 17), /* bytes of such a frame, at most */
	INQ_BY_HAND_BYTES = 4096,                   /* bytes in a stored frame, at most */
	INQ_BY_HAND_STORED = 9 + 3 + INQ_BY_HAND_BYTES,
};

/* Write a frame of `size` zeroes (1 to INQ_BY_HAND_MAX), return its length. */
size_t inq_by_hand_zeroes(uint8_t frame[INQ_BY_HAND_ZEROES], size_t size);

/* Write what comes before `size` bytes (1 to INQ_BY_HAND_BYTES) that are stored as they are, return its length; the
 * frame ends with the last of them. For fewer than 256 bytes it is INQ_FRAMES_HEAD. */
size_t inq_by_hand_stored(uint8_t frame[INQ_BY_HAND_STORED], size_t size);

#endif
