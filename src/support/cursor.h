/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One bounded way to take bytes from outside apart.
 *
 * A cursor walks over a borrowed run of bytes that begins at `origin` of something (a file, a section, the
 * target's memory). Reads beyond the end return zero and make the cursor bad, for good, at the offset of
 * the first failure; a parser checks once where it matters. Little- or big-endian by `swap`. No allocation;
 * async-signal-safe.
 */
#ifndef INQ_SUPPORT_CURSOR_H
#define INQ_SUPPORT_CURSOR_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_cursor {
	const uint8_t *data; /* borrowed */
	size_t size;
	size_t at;
	uint64_t origin;  /* what data[0] is at, for messages and for addresses */
	uint64_t bad_at;  /* origin-based place of the first failed read */
	const char *what; /* for messages: 'a.dmp', ".eh_frame"; borrowed */
	bool swap;        /* the bytes have the other byte order */
	bool bad;
};

struct inq_cursor inq_cursor_make(const void *data, size_t size, uint64_t origin, const char *what);

uint8_t inq_cursor_u8(struct inq_cursor *cursor);
uint16_t inq_cursor_u16(struct inq_cursor *cursor);
uint32_t inq_cursor_u32(struct inq_cursor *cursor);
uint64_t inq_cursor_u64(struct inq_cursor *cursor);

/* An address or length of 4 or 8 bytes. */
uint64_t inq_cursor_word(struct inq_cursor *cursor, unsigned size);

/* LEB128, at most 10 bytes; longer or overflowing ones make the cursor bad. */
uint64_t inq_cursor_uleb(struct inq_cursor *cursor);
int64_t inq_cursor_sleb(struct inq_cursor *cursor);

/* A NUL-terminated string inside the bytes, or "" and bad. Borrowed from the data. */
const char *inq_cursor_string(struct inq_cursor *cursor);

/* `size` raw bytes, borrowed, or NULL and bad. */
const void *inq_cursor_bytes(struct inq_cursor *cursor, size_t size);

/* Copy `size` bytes; on failure the destination is zeroed and false returned. */
bool inq_cursor_copy(struct inq_cursor *cursor, void *to, size_t size);

void inq_cursor_skip(struct inq_cursor *cursor, size_t size);

/* Go to an offset from the start (not origin-based). */
void inq_cursor_seek(struct inq_cursor *cursor, size_t at);

size_t inq_cursor_left(const struct inq_cursor *cursor);
void inq_cursor_fail(struct inq_cursor *cursor);

/* INQ_OK, or INQ_BAD_DATA with "<what>: ends early at 0x<offset>". */
enum inq_status inq_cursor_status(const struct inq_cursor *cursor, struct inq_error *err);

#endif
