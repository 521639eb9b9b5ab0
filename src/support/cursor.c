/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/cursor.h"

#include <string.h>

struct inq_cursor inq_cursor_make(const void *data, size_t size, uint64_t origin, const char *what)
{
	return (struct inq_cursor){.data = data, .size = size, .origin = origin, .what = what};
}

void inq_cursor_fail(struct inq_cursor *cursor)
{
	if (cursor->bad)
		return;
	cursor->bad = true;
	cursor->bad_at = cursor->origin + cursor->at;
}

size_t inq_cursor_left(const struct inq_cursor *cursor)
{
	return cursor->bad ? 0 : cursor->size - cursor->at;
}

const void *inq_cursor_bytes(struct inq_cursor *cursor, size_t size)
{
	const uint8_t *place;

	if (size > inq_cursor_left(cursor)) {
		inq_cursor_fail(cursor);
		return NULL;
	}
	if (cursor->bad)
		return NULL;
	place = cursor->data + cursor->at;
	cursor->at += size;
	return place;
}

bool inq_cursor_copy(struct inq_cursor *cursor, void *to, size_t size)
{
	const void *from = inq_cursor_bytes(cursor, size);

	if (size == 0)
		return !cursor->bad;
	if (!from) {
		memset(to, 0, size);
		return false;
	}
	memcpy(to, from, size);
	return true;
}

void inq_cursor_skip(struct inq_cursor *cursor, size_t size)
{
	(void)inq_cursor_bytes(cursor, size);
}

void inq_cursor_seek(struct inq_cursor *cursor, size_t at)
{
	if (cursor->bad)
		return;
	if (at > cursor->size)
		inq_cursor_fail(cursor);
	else
		cursor->at = at;
}

uint8_t inq_cursor_u8(struct inq_cursor *cursor)
{
	uint8_t value;

	inq_cursor_copy(cursor, &value, sizeof(value));
	return value;
}

uint16_t inq_cursor_u16(struct inq_cursor *cursor)
{
	uint16_t value;

	inq_cursor_copy(cursor, &value, sizeof(value));
	return cursor->swap ? __builtin_bswap16(value) : value;
}

uint32_t inq_cursor_u32(struct inq_cursor *cursor)
{
	uint32_t value;

	inq_cursor_copy(cursor, &value, sizeof(value));
	return cursor->swap ? __builtin_bswap32(value) : value;
}

uint64_t inq_cursor_u64(struct inq_cursor *cursor)
{
	uint64_t value;

	inq_cursor_copy(cursor, &value, sizeof(value));
	return cursor->swap ? __builtin_bswap64(value) : value;
}

uint64_t inq_cursor_word(struct inq_cursor *cursor, unsigned size)
{
	return size == 4 ? inq_cursor_u32(cursor) : inq_cursor_u64(cursor);
}

/* Shared by both kinds: the raw bits, how many there are, and whether the last group has its sign bit set. */
static uint64_t leb(struct inq_cursor *cursor, unsigned *ret_bits, bool *ret_negative)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		if (shift >= 70) {
			inq_cursor_fail(cursor);
			return 0;
		}
		byte = inq_cursor_u8(cursor);
		if (cursor->bad)
			return 0;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	*ret_bits = shift;
	*ret_negative = byte & 0x40;
	return value;
}

uint64_t inq_cursor_uleb(struct inq_cursor *cursor)
{
	unsigned bits;
	bool negative;

	return leb(cursor, &bits, &negative);
}

int64_t inq_cursor_sleb(struct inq_cursor *cursor)
{
	unsigned bits = 0;
	bool negative = false;
	uint64_t value = leb(cursor, &bits, &negative);

	if (negative && bits < 64)
		value |= UINT64_MAX << bits;
	return (int64_t)value;
}

const char *inq_cursor_string(struct inq_cursor *cursor)
{
	size_t left = inq_cursor_left(cursor);
	const char *start = (const char *)cursor->data + cursor->at;
	const void *end;

	if (cursor->bad)
		return "";
	end = left ? memchr(start, '\0', left) : NULL;
	if (!end) {
		inq_cursor_fail(cursor);
		return "";
	}
	cursor->at += (size_t)((const char *)end - start) + 1;
	return start;
}

enum inq_status inq_cursor_status(const struct inq_cursor *cursor, struct inq_error *err)
{
	if (!cursor->bad)
		return INQ_OK;
	return inq_fail(err, INQ_BAD_DATA, "%s: ends early at 0x%llx",
			cursor->what ? cursor->what : "data", (unsigned long long)cursor->bad_at);
}
