/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What files are called inside of a CAB. */
#include "debugger/cabinet.h"

#include <string.h>

/* Bytes of the UTF-8 character that begins here, 0 if none does; only what is shortest and no surrogate. */
static size_t character(const unsigned char *at)
{
	static const struct {
		unsigned char mask, lead;
		size_t size;
		uint32_t least;
	} forms[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t value = at[0] & (unsigned char)~forms[i].mask;

		if ((at[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t n = 1; n < forms[i].size; n++) {
			if ((at[n] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (at[n] & 0x3f);
		}
		return value >= forms[i].least && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff)
			       ? forms[i].size
			       : 0;
	}
	return 0;
}

/* What no file system of any receiver minds. */
static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\\/:*?\"<>|", c);
}

void cabinet_safe_name(const char *path, char to[CABINET_NAME])
{
	const char *slash = strrchr(path, '/');
	const unsigned char *from = (const unsigned char *)(slash ? slash + 1 : path);
	size_t at = 0;

	while (*from && at + 5 < CABINET_NAME) {
		size_t size = *from < 0x80 ? 0 : character(from);

		if (size) {
			memcpy(to + at, from, size);
			at += size;
			from += size;
			continue;
		}
		to[at] = is_plain(*from) ? (char)*from : '_';
		if (at == 0 && (*from == '.' || *from == '-'))
			to[at] = '_';
		at++;
		from++;
	}
	if (!at)
		to[at++] = '_';
	to[at] = '\0';
}
