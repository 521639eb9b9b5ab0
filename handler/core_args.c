/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/core_args.h"

#include <string.h>

#define COUNT_ROW(position, letter, specifier, field, needed) +1
#define NEEDED_ROW(position, letter, specifier, field, needed) | ((needed) ? INQ_CORE_ARG_BIT(position) : 0)

enum {
	ARGUMENTS = 0 INQ_CORE_ARGS(COUNT_ROW),
	NEEDED = 0 INQ_CORE_ARGS(NEEDED_ROW),
};

/* Digits and nothing else, all of the string. */
static bool parse_digits(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

static void take(char *const argv[], int position, char letter, uint64_t *field, uint32_t *known)
{
	const char *text = argv[position];

	if (text[0] == letter && text[1] == '=' && parse_digits(text + 2, field))
		*known |= INQ_CORE_ARG_BIT(position);
}

void inq_core_args_parse(int argc, char *const argv[], struct inq_core_args *ret)
{
	memset(ret, 0, sizeof(*ret));
#define TAKE_ROW(position, letter, specifier, field, needed) \
	if (position < argc)                                 \
		take(argv, position, letter, &ret->field, &ret->known);
	INQ_CORE_ARGS(TAKE_ROW)
#undef TAKE_ROW
	/* What does not fit the kernel's own type is no answer of the kernel's. */
	if (ret->pid > INT32_MAX || !ret->pid || ret->tid > INT32_MAX || !ret->tid || ret->ns_tid > INT32_MAX ||
	    ret->uid >= UINT32_MAX || ret->gid >= UINT32_MAX || ret->dumpable > 2 || ret->signal > 64 ||
	    ret->pidfd > INT32_MAX)
		ret->known = 0;
	ret->complete = (argc == ARGUMENTS + 1 || argc == ARGUMENTS) && (ret->known & NEEDED) == NEEDED;
}

/* Append and return the new length, or -1 once it does not fit. */
static int put(char *to, int at, const char *text)
{
	size_t size = strlen(text);

	if (at < 0 || (size_t)at + size > INQ_CORE_PATTERN_MAX)
		return -1;
	memcpy(to + at, text, size + 1);
	return at + (int)size;
}

bool inq_core_pattern(const char *helper, bool with_pidfd, char to[INQ_CORE_PATTERN_MAX + 1])
{
	int at;

	if (helper[0] != '/' || helper[strcspn(helper, " \t\n%\"'\\")])
		return false;
	at = put(to, put(to, 0, "|"), helper);
#define PUT_ROW(position, letter, specifier, field, needed)                              \
	if (with_pidfd || position != ARGUMENTS) {                                      \
		const char prefix[] = {' ', letter, '=', '\0'};                         \
		at = put(to, put(to, at, prefix), specifier);                            \
	}
	INQ_CORE_ARGS(PUT_ROW)
#undef PUT_ROW
	return at > 0;
}
