/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/frames_by_hand.h"

enum {
	SINGLE_SEGMENT = 1 << 5,
	SIZE_OF_1 = 0 << 6, /* with SINGLE_SEGMENT: the size is one byte */
	SIZE_OF_4 = 2 << 6,
	BLOCK_MAX = 128 << 10,
	BLOCK_RAW = 0,
	BLOCK_RLE = 1,
};

static size_t put(uint8_t *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
	return bytes;
}

static size_t put_header(uint8_t *to, size_t size)
{
	size_t at = put(to, 0xFD2FB528u, 4);

	at += put(to + at, SINGLE_SEGMENT | (size < 256 ? SIZE_OF_1 : SIZE_OF_4), 1);
	return at + put(to + at, size, size < 256 ? 1 : 4);
}

static size_t put_block(uint8_t *to, unsigned kind, size_t size, int last)
{
	return put(to, (uint64_t)size << 3 | kind << 1 | (last != 0), 3);
}

size_t inq_by_hand_zeroes(uint8_t frame[INQ_BY_HAND_ZEROES], size_t size)
{
	size_t at = put_header(frame, size);

	while (size) {
		size_t part = size < BLOCK_MAX ? size : BLOCK_MAX;

		size -= part;
		at += put_block(frame + at, BLOCK_RLE, part, !size);
		frame[at++] = 0;
	}
	return at;
}

size_t inq_by_hand_stored(uint8_t frame[INQ_BY_HAND_STORED], size_t size)
{
	size_t at = put_header(frame, size);

	return at + put_block(frame + at, BLOCK_RAW, size, 1);
}
