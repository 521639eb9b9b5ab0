/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/text.h"

#include <stdbool.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd };

/* The first and last of each run of code points that could steer a terminal or hide what is shown.
 */
static const uint32_t steering[][2] = {
	{0x00, 0x1f},     /* C0 */
	{0x7f, 0x9f},     /* DEL, C1 */
	{0x061c, 0x061c}, /* Arabic letter mark: bidirectional */
	{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2069},
	{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, /* interlinear annotation */
};

static bool steers(uint32_t point)
{
	for (size_t i = 0; i < sizeof(steering) / sizeof(steering[0]); i++) {
		if (point >= steering[i][0] && point <= steering[i][1])
			return true;
	}
	return false;
}

/* Decode one code point; returns how many bytes it takes, 0 if they are not well-formed UTF-8
 * (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t decode(const uint8_t *bytes, size_t left, uint32_t *ret_point)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	uint32_t point;

	for (size_t more = 0; more < 4; more++) {
		if ((bytes[0] & forms[more].mask) != forms[more].lead)
			continue;
		if (more >= left)
			return 0;
		point = (uint32_t)(bytes[0] & (uint8_t)~forms[more].mask);
		for (size_t i = 1; i <= more; i++) {
			if ((bytes[i] & 0xc0) != 0x80)
				return 0;
			point = point << 6 | (bytes[i] & 0x3f);
		}
		if (point < forms[more].least || point > 0x10ffff ||
		    (point >= 0xd800 && point <= 0xdfff))
			return 0;
		*ret_point = point;
		return more + 1;
	}
	return 0;
}

/* Write how one code point or one bad byte is shown into `to` (at least 12 bytes); returns how long
 * that is. */
static size_t show(char *to, const uint8_t *bytes, size_t *ret_taken, size_t left)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t point = bytes[0];
	size_t taken = decode(bytes, left, &point);
	size_t at = 0;

	*ret_taken = taken ? taken : 1;
	if (taken && !steers(point)) {
		memcpy(to, bytes, taken);
		return taken;
	}
	to[at++] = '\\';
	if (point <= 0xff) {
		to[at++] = 'x';
		to[at++] = digits[point >> 4];
		to[at++] = digits[point & 15];
		return at;
	}
	to[at++] = 'u';
	to[at++] = '{';
	for (int shift = 12; shift >= 0; shift -= 4)
		to[at++] = digits[point >> shift & 15];
	to[at++] = '}';
	return at;
}

void inq_text_escape(struct inq_buffer *to, const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	char shown[12];
	size_t taken;

	for (size_t at = 0; at < size; at += taken) {
		size_t length = show(shown, bytes + at, &taken, size - at);

		inq_buffer_append(to, shown, length);
	}
}

const char *inq_text_escape_to(char *to, size_t capacity, const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t size = strlen(text), filled = 0, fits = 0, at = 0, taken;
	char shown[12];

	if (capacity == 0)
		return to;
	while (at < size) {
		size_t length = show(shown, bytes + at, &taken, size - at);

		if (filled + length >= capacity)
			break;
		memcpy(to + filled, shown, length);
		filled += length;
		at += taken;
		if (filled + 3 < capacity)
			fits = filled;
	}
	if (at < size) {
		/* Cut after a whole character, with room for the dots; a very small place has room
		 * for dots only. */
		filled = fits;
		for (int i = 0; i < 3 && filled + 1 < capacity; i++)
			to[filled++] = '.';
	}
	to[filled] = '\0';
	return to;
}

static void put_unit(struct inq_buffer *to, uint32_t unit)
{
	const uint8_t bytes[2] = {(uint8_t)unit, (uint8_t)(unit >> 8)};

	inq_buffer_append(to, bytes, sizeof(bytes));
}

void inq_text_to_utf16(struct inq_buffer *to, const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t at = 0; at < size;) {
		uint32_t point = REPLACEMENT;
		size_t taken = decode(bytes + at, size - at, &point);

		at += taken ? taken : 1;
		if (point < 0x10000) {
			put_unit(to, point);
			continue;
		}
		put_unit(to, 0xd800 + ((point - 0x10000) >> 10));
		put_unit(to, 0xdc00 + ((point - 0x10000) & 0x3ff));
	}
}

static void put_utf8(struct inq_buffer *to, uint32_t point)
{
	uint8_t bytes[4];
	size_t size = 0;

	if (point < 0x80) {
		bytes[size++] = (uint8_t)point;
	} else if (point < 0x800) {
		bytes[size++] = (uint8_t)(0xc0 | point >> 6);
	} else if (point < 0x10000) {
		bytes[size++] = (uint8_t)(0xe0 | point >> 12);
		bytes[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	} else {
		bytes[size++] = (uint8_t)(0xf0 | point >> 18);
		bytes[size++] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
		bytes[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	}
	if (point >= 0x80)
		bytes[size++] = (uint8_t)(0x80 | (point & 0x3f));
	inq_buffer_append(to, bytes, size);
}

static uint32_t unit_at(const uint8_t *bytes, size_t index, bool swap)
{
	uint16_t unit;

	memcpy(&unit, bytes + index * 2, sizeof(unit));
	return swap ? __builtin_bswap16(unit) : unit;
}

void inq_text_from_utf16(struct inq_buffer *to, const void *bytes, size_t units, bool swap)
{
	for (size_t i = 0; i < units; i++) {
		uint32_t unit = unit_at(bytes, i, swap);
		uint32_t next = i + 1 < units ? unit_at(bytes, i + 1, swap) : 0;

		if (unit < 0xd800 || unit > 0xdfff) {
			put_utf8(to, unit);
		} else if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
			put_utf8(to, 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00));
			i++;
		} else {
			put_utf8(to, REPLACEMENT);
		}
	}
}
