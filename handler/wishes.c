/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/wishes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const uint32_t PRIVACY = INQ_DUMP_r | INQ_DUMP_R;

/* The value of INQUEST up to its first comma, what stands behind being the stub's; false if there is none. */
static bool wish(const char *environment, size_t size, char to[INQ_WISHES_TEXT])
{
	static const char name[] = "INQUEST=";
	const char *end = environment + size;

	for (const char *at = environment; at && at < end;) {
		size_t length = strnlen(at, (size_t)(end - at));

		if (length >= sizeof(name) - 1 && memcmp(at, name, sizeof(name) - 1) == 0) {
			const char *value = at + sizeof(name) - 1;
			const char *comma = memchr(value, ',', (size_t)(at + length - value));
			size_t used = (size_t)((comma ? comma : at + length) - value);

			if (used >= INQ_WISHES_TEXT || used == 0 || value[0] != 'm')
				return false;
			memcpy(to, value, used);
			to[used] = '\0';
			return true;
		}
		at += length + 1;
	}
	return false;
}

static void spell(uint32_t letters, char to[INQ_WISHES_TEXT])
{
	size_t count, at = 0;
	const struct inq_dump_option *table = inq_dump_options_table(&count);

	to[at++] = 'm';
	for (size_t i = 0; i < count && at < INQ_WISHES_TEXT - 1; i++) {
		if (letters & table[i].bit)
			to[at++] = table[i].letter;
	}
	to[at] = '\0';
}

void inq_wishes(const char *allowed, const char *environment, size_t size, char ret[INQ_WISHES_TEXT])
{
	struct inq_dump_options most, wished, both;
	char text[INQ_WISHES_TEXT];

	snprintf(ret, INQ_WISHES_TEXT, "%s", allowed);
	if (!wish(environment, size, text) || inq_dump_options_parse(allowed, &most, NULL) != INQ_OK ||
	    inq_dump_options_parse(text, &wished, NULL) != INQ_OK)
		return;
	spell((wished.letters & most.letters) | ((wished.letters | most.letters) & PRIVACY), ret);
	if (inq_dump_options_parse(ret, &both, NULL) != INQ_OK)
		spell((wished.letters | most.letters) & PRIVACY, ret);
}

bool inq_wishes_without_memory(const struct inq_dump_options *options, char ret[INQ_WISHES_TEXT])
{
	static const uint32_t memory = INQ_DUMP_a | INQ_DUMP_A | INQ_DUMP_f | INQ_DUMP_w;

	spell(options->letters & ~memory, ret);
	return options->letters & memory;
}
