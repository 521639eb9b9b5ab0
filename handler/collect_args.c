/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/collect_args.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

enum option { PID, RECORD, EVENT, DUMP, DIRECTORY, HELP, VERSION, OPTION_COUNT };

/* short form (value is the next argument), long form (value behind '='), takes a value */
static const struct {
	const char *brief, *full;
	bool value;
} table[OPTION_COUNT] = {
	[PID] = {"-p", "--pid", true},
	[RECORD] = {"-j", "--record", true},
	[EVENT] = {"-e", "--event", true},
	[DUMP] = {NULL, "--dump", true},
	[DIRECTORY] = {NULL, "--directory", true},
	[HELP] = {"-h", "--help", false},
	[VERSION] = {"-V", "--version", false},
};

/* Digits only, no sign or blanks; 0x allowed for base 16. */
static bool number(const char *text, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (base == 16 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!*text)
		return false;
	for (; *text; text++) {
		const char *digits = "0123456789abcdef";
		char c = *text >= 'A' && *text <= 'F' ? (char)(*text + ('a' - 'A')) : *text;
		const char *digit = memchr(digits, c, base);

		if (!digit || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(digit - digits), &value))
			return false;
	}
	*ret = value;
	return value <= max;
}

/* Which option an argument is, and its value if that stands in the same argument. */
static enum option match(const char *argument, const char **ret_value)
{
	*ret_value = NULL;
	for (int i = 0; i < OPTION_COUNT; i++) {
		size_t length = strlen(table[i].full);

		if (table[i].brief && strcmp(argument, table[i].brief) == 0)
			return (enum option)i;
		if (strncmp(argument, table[i].full, length) != 0)
			continue;
		if (argument[length] == '=')
			*ret_value = argument + length + 1;
		if (argument[length] == '=' || argument[length] == '\0')
			return (enum option)i;
	}
	return OPTION_COUNT;
}

static bool take(enum option option, const char *value, struct inq_collect_args *args)
{
	uint64_t n = 0;
	bool good = true;

	switch (option) {
	case PID:
		good = number(value, 10, INT_MAX, &n) && n > 0;
		args->pid = (uint32_t)n;
		break;
	case RECORD:
		good = number(value, 16, UINT64_MAX, &n) && n > 0;
		args->record = n;
		break;
	case EVENT:
		good = number(value, 10, INT_MAX, &n);
		args->event = (int)n;
		break;
	case DUMP:
		args->dump = value;
		break;
	case DIRECTORY:
		good = value[0] == '/';
		args->directory = value;
		break;
	case HELP:
		args->help = true;
		break;
	case VERSION:
		args->version = true;
		break;
	case OPTION_COUNT:
		break;
	}
	return good;
}

enum inq_status inq_collect_args_parse(int argc, char *const argv[], struct inq_collect_args *ret,
				       struct inq_error *err)
{
	struct inq_collect_args args = {.event = -1, .dump = "m"};
	unsigned seen = 0;

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value;
		enum option option = match(name, &value);

		if (option == OPTION_COUNT)
			return inq_fail(err, INQ_USAGE, "'%s' is not an option, see --help", name);
		if (seen & 1u << option)
			return inq_fail(err, INQ_USAGE, "'%s' is given twice", table[option].full);
		seen |= 1u << option;
		if (table[option].value && !value)
			value = i + 1 < argc ? argv[++i] : NULL;
		if (table[option].value && !value)
			return inq_fail(err, INQ_USAGE, "'%s' needs a value", name);
		if (!take(option, value ? value : "", &args))
			return inq_fail(err, INQ_USAGE, "%s: '%s' is not one", table[option].full + 2, value);
	}
	if (!args.help && !args.version && (!args.pid || !args.record))
		return inq_fail(err, INQ_USAGE, "'%s' is missing, see --help",
				table[args.pid ? RECORD : PID].brief);
	*ret = args;
	return INQ_OK;
}
