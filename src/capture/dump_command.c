/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/dump_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONTEXTS (INQ_SWITCH_CONTEXT | INQ_SWITCH_EXCEPTION)
#define CABINETS (INQ_SWITCH_CABINET | INQ_SWITCH_CABINET_ALL)
#define KERNELS (INQ_SWITCH_KERNEL | INQ_SWITCH_KERNEL_ACTIVE)

static const char two_kinds[] = "a dump is of one kind";
static const char two_contexts[] = "each says which exception the dump tells of";

/*
 * name       as typed; /m and /f take what stands behind them without a blank
 * bit        its place in inq_dump_command.switches
 * takes      what follows
 * conflicts, why  one row of a pair is enough
 * needs, why      one of these must be there too
 * argument, help  for .dump /? and the man page
 */
static const struct inq_switch_row table[] = {
	{"/m", INQ_SWITCH_MINI, INQ_TAKES_LETTERS, INQ_SWITCH_FULL | INQ_SWITCH_FULL_EXTENDED, 0, two_kinds, "letters",
	 "a minidump of what the letters say (the default)"},
	{"/f", INQ_SWITCH_FULL, INQ_TAKES_NOTHING, INQ_SWITCH_FULL_EXTENDED, 0, two_kinds, "",
	 "the full dump of a process, which on Linux is an ELF core: all memory, all registers"},
	{"/fy", INQ_SWITCH_FULL_EXTENDED, INQ_TAKES_NOTHING, 0, 0, NULL, "", "the same with extended registers (AVX)"},
	{"/a", INQ_SWITCH_ALL, INQ_TAKES_NOTHING, INQ_SWITCH_RECORD | CONTEXTS | INQ_SWITCH_POINTERS | INQ_SWITCH_THREAD, 0,
	 "it names one process's memory, and /a dumps many", "",
	 "one dump of every process that you may dump; requires /u"},
	{"/a", INQ_SWITCH_ALL, INQ_TAKES_NOTHING, 0, INQ_SWITCH_UNIQUE, "every dump needs a name of its own", "", NULL},
	{"/b", INQ_SWITCH_CABINET, INQ_TAKES_NOTHING, INQ_SWITCH_CABINET_ALL | INQ_SWITCH_COMPRESS, 0,
	 "the package is of one form", "", "package the dump in a CAB, and keep only that"},
	{"/ba", INQ_SWITCH_CABINET_ALL, INQ_TAKES_NOTHING, INQ_SWITCH_COMPRESS, 0, "the package is of one form", "",
	 "the same with images and debug files"},
	{"/c", INQ_SWITCH_COMMENT, INQ_TAKES_TEXT, 0, 0, NULL, "\"comment\"", "your words, kept in the dump"},
	{"/j", INQ_SWITCH_RECORD, INQ_TAKES_ADDRESS,
	 CONTEXTS | INQ_SWITCH_POINTERS | INQ_SWITCH_THREAD, 0, two_contexts, "ADDR",
	 "a JIT_DEBUG_INFO gives exception, context and thread"},
	{"/k", INQ_SWITCH_KERNEL, INQ_TAKES_NOTHING, 0, 0, NULL, "", "kernel memory; needs a kernel target"},
	{"/ka", INQ_SWITCH_KERNEL_ACTIVE, INQ_TAKES_NOTHING, 0, 0, NULL, "",
	 "kernel and active user memory; needs a kernel target"},
	{"/o", INQ_SWITCH_OVERWRITE, INQ_TAKES_NOTHING, 0, 0, NULL, "", "overwrite a file that is there"},
	{"/u", INQ_SWITCH_UNIQUE, INQ_TAKES_NOTHING, 0, 0, NULL, "", "append date, time and pid to the name"},
	{"/xc", INQ_SWITCH_CONTEXT, INQ_TAKES_ADDRESS, 0, 0, NULL, "ADDR", "a ucontext_t: the exception's registers"},
	{"/xr", INQ_SWITCH_EXCEPTION, INQ_TAKES_ADDRESS, 0, 0, NULL, "ADDR", "a siginfo_t: the exception"},
	{"/xp", INQ_SWITCH_POINTERS, INQ_TAKES_ADDRESS, CONTEXTS, 0, two_contexts, "ADDR",
	 "two pointers: to a siginfo_t and to a ucontext_t"},
	{"/xt", INQ_SWITCH_THREAD, INQ_TAKES_ADDRESS, 0, CONTEXTS | INQ_SWITCH_POINTERS,
	 "a thread alone is no exception", "TID", "the exception's thread"},
	{"--compress", INQ_SWITCH_COMPRESS, INQ_TAKES_NOTHING, 0, 0, NULL, "",
	 "compress (zstd with a seek table; inquest opens it as it is)"},
	{"--strict", INQ_SWITCH_STRICT, INQ_TAKES_NOTHING, INQ_SWITCH_FULL | INQ_SWITCH_FULL_EXTENDED, 0,
	 "a core is never filtered", "",
	 "no file if the filter (/mr) changed a thread's frames"},
	{"/?", INQ_SWITCH_HELP, INQ_TAKES_NOTHING, 0, 0, NULL, "", "this help"},
};

enum { COUNT = sizeof(table) / sizeof(table[0]), WORD_MAX = 64 };

const struct inq_switch_row *inq_dump_switches(size_t *ret_count)
{
	*ret_count = COUNT;
	return table;
}

/* --- words ---------------------------------------------------------------------------------------------- */

static const char *skip(const char *at)
{
	return at + strspn(at, " \t");
}

/* A word, or what stands between quotes. */
static enum inq_status take_text(const char **at, const char *what, char *to, size_t capacity, struct inq_error *err)
{
	bool quoted = **at == '"';
	size_t size = 0;

	*at += quoted;
	for (; **at && (quoted ? **at != '"' : !strchr(" \t", **at)); (*at)++) {
		if (quoted && (*at)[0] == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\'))
			(*at)++;
		if (size + 1 >= capacity)
			return inq_fail(err, INQ_LIMIT, "%s: more than %zu bytes", what, capacity - 1);
		to[size++] = **at;
	}
	if (quoted && **at != '"')
		return inq_fail(err, INQ_USAGE, "%s: the closing \" is missing", what);
	*at = skip(*at + quoted);
	to[size] = '\0';
	return size ? INQ_OK : inq_fail(err, INQ_USAGE, "%s: nothing follows", what);
}

/* Does nothing follow what stands in quotes? Then it is the dump's own name: /mk "file" alone names no second one. */
static bool is_last(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		at += at[0] == '\\' && at[1];
	return !*at || !*skip(at + 1);
}

static enum inq_status take_hexadecimal(const char **at, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*at, &end, 16);
	if (end == *at || errno || **at == '-')
		return INQ_USAGE;
	*at = end;
	return INQ_OK;
}

/* --- one option ------------------------------------------------------------------------------------------- */

/* What belongs to the row lies in its own field. */
static void set_address(struct inq_dump_command *command, uint32_t bit, uint64_t value)
{
	switch (bit) {
	case INQ_SWITCH_RECORD: command->record = value; break;
	case INQ_SWITCH_CONTEXT: command->context = value; break;
	case INQ_SWITCH_EXCEPTION: command->exception = value; break;
	case INQ_SWITCH_POINTERS: command->pointers = value; break;
	case INQ_SWITCH_THREAD: command->thread = (uint32_t)value; break;
	default: break;
	}
}

/* The longest name that the word is: "/xc" exactly, "/mrR" by its beginning. */
static const struct inq_switch_row *find(const char *word)
{
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = strlen(table[i].name);

		if (strcmp(word, table[i].name) == 0 ||
		    (table[i].takes == INQ_TAKES_LETTERS && strncmp(word, table[i].name, size) == 0))
			return &table[i];
	}
	return NULL;
}

static enum inq_status take_value(const struct inq_switch_row *row, const char *word, const char **at,
				  inq_dump_evaluate *evaluate, void *user, struct inq_dump_command *command,
				  struct inq_error *err)
{
	enum inq_status status;
	uint64_t value;

	if (row->takes == INQ_TAKES_TEXT)
		return take_text(at, row->name, command->comment, sizeof(command->comment), err);
	if (row->takes == INQ_TAKES_LETTERS) {
		status = inq_dump_options_parse(word, &command->letters, err);
		/* A second file, where one is named in quotes right behind the letters: /mk "file". */
		if (status == INQ_OK && strchr(word + 2, 'k') && **at == '"' && !is_last(*at))
			status = take_text(at, "/mk", command->kernel_file, sizeof(command->kernel_file), err);
		return status;
	}
	if (row->takes != INQ_TAKES_ADDRESS)
		return INQ_OK;
	if (!**at || **at == '/')
		return inq_fail(err, INQ_USAGE, "%s: %s is missing", row->name, row->argument);
	status = evaluate ? evaluate(user, at, &value, err) : take_hexadecimal(at, &value);
	if (status != INQ_OK)
		return evaluate ? inq_prepend(err, status, "%s", row->name)
				: inq_fail(err, status, "%s: '%s' is no number", row->name, *at);
	if (row->bit == INQ_SWITCH_THREAD && value > UINT32_MAX)
		return inq_fail(err, INQ_USAGE, "%s: 0x%llx is no thread id", row->name, (unsigned long long)value);
	set_address(command, row->bit, value);
	*at = skip(*at);
	return INQ_OK;
}

static enum inq_status take_switch(const char **at, inq_dump_evaluate *evaluate, void *user,
				   struct inq_dump_command *command, struct inq_error *err)
{
	const struct inq_switch_row *row;
	size_t size = strcspn(*at, " \t");
	char word[WORD_MAX];

	if (size >= sizeof(word))
		return inq_fail(err, INQ_USAGE, "'%.*s...' is no option of .dump", WORD_MAX - 8, *at);
	memcpy(word, *at, size);
	word[size] = '\0';
	row = find(word);
	if (!row)
		return inq_fail(err, INQ_USAGE, "'%s' is no option of .dump; .dump /? lists them", word);
	if (command->switches & row->bit)
		return inq_fail(err, INQ_USAGE, "%s is there twice", row->name);
	command->switches |= row->bit;
	*at = skip(*at + size);
	return take_value(row, word, at, evaluate, user, command, err);
}

/* --- all of them --------------------------------------------------------------------------------------------- */

static const char *first_of(uint32_t switches)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (switches & table[i].bit)
			return table[i].name;
	}
	return "";
}

static enum inq_status check(const struct inq_dump_command *command, struct inq_error *err)
{
	if (command->switches & KERNELS)
		return inq_fail(err, INQ_UNSUPPORTED,
				"%s: kernel memory needs a kernel target, and this is a process; the letter k (/mk) has "
				"the kernel's side of its threads",
				first_of(command->switches & KERNELS));
	for (size_t i = 0; i < COUNT; i++) {
		const struct inq_switch_row *row = &table[i];

		if (!(command->switches & row->bit))
			continue;
		if (row->conflicts & command->switches)
			return inq_fail(err, INQ_USAGE, "%s and %s contradict each other: %s", row->name,
					first_of(row->conflicts & command->switches), row->why);
		if (row->needs && !(row->needs & command->switches))
			return inq_fail(err, INQ_USAGE, "%s requires %s: %s", row->name, first_of(row->needs),
					row->why);
	}
	if (!command->file[0])
		return inq_fail(err, INQ_USAGE, "which file? .dump /? shows the options");
	if (strcmp(command->file, command->kernel_file) == 0)
		return inq_fail(err, INQ_USAGE, "/mk: '%s' is the dump's own name; the second file needs another",
				command->kernel_file);
	return INQ_OK;
}

enum inq_status inq_dump_command_parse(const char *text, inq_dump_evaluate *evaluate, void *user,
				       struct inq_dump_command *ret, struct inq_error *err)
{
	struct inq_dump_command command = {.letters = {.text = "m"}};
	enum inq_status status = INQ_OK;
	const char *at = skip(text);

	/* A path begins with '/' too: it is the last word, and none of the options' names. */
	while (status == INQ_OK && *at && !(command.switches & INQ_SWITCH_HELP)) {
		size_t size = strcspn(at, " \t");
		bool last = !*skip(at + size);
		bool is_switch = (*at == '/' && !memchr(at + 1, '/', size - 1) && (!last || size <= 4)) ||
				 strncmp(at, "--", 2) == 0;

		if (is_switch)
			status = take_switch(&at, evaluate, user, &command, err);
		else if (command.file[0])
			status = inq_fail(err, INQ_USAGE, "'%s': one file only", at);
		else
			status = take_text(&at, "the file's name", command.file, sizeof(command.file), err);
	}
	if (status == INQ_OK && !(command.switches & INQ_SWITCH_HELP))
		status = check(&command, err);
	if (status == INQ_OK)
		*ret = command;
	return status;
}

/* --- names --------------------------------------------------------------------------------------------------- */

/* "x.cab" of "x.dmp", "x.core", "x.cab" and "x". */
static enum inq_status to_cabinet(const char *file, char to[INQ_DUMP_FILE], struct inq_error *err)
{
	static const char *const endings[] = {".cab", ".dmp", ".mdmp", ".core"};
	size_t size = strlen(file);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t tail = strlen(endings[i]);

		if (size > tail && file[size - tail - 1] != '/' && strcasecmp(file + size - tail, endings[i]) == 0) {
			size -= tail;
			break;
		}
	}
	if (size + 5 > INQ_DUMP_FILE)
		return inq_fail(err, INQ_LIMIT, "the file's name: more than %d bytes", INQ_DUMP_FILE - 1);
	snprintf(to, INQ_DUMP_FILE, "%.*s.cab", (int)size, file);
	return INQ_OK;
}

/* "x_DATE_TIME_PID.dmp" of "x.dmp", where it is to be unique. */
static enum inq_status to_unique(const char *file, bool unique, uint32_t pid, char *to, size_t capacity,
				 struct inq_error *err)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file, *dot = strrchr(name, '.');
	size_t stem = dot && dot != name ? (size_t)(dot - file) : strlen(file);
	struct timespec now;
	struct tm when;
	int length;

	if (!unique) {
		length = snprintf(to, capacity, "%s", file);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &when);
		length = snprintf(to, capacity, "%.*s_%04d-%02d-%02d_%02d-%02d-%02d-%03d_%x%s", (int)stem, file,
				  when.tm_year + 1900, when.tm_mon + 1, when.tm_mday, when.tm_hour, when.tm_min,
				  when.tm_sec, (int)(now.tv_nsec / 1000000), pid, file + stem);
	}
	return length >= 0 && (size_t)length < capacity
		       ? INQ_OK
		       : inq_fail(err, INQ_LIMIT, "the file's name: more than %zu bytes", capacity - 1);
}

enum inq_status inq_dump_command_name(const struct inq_dump_command *command, uint32_t pid, char *to,
				      size_t capacity, struct inq_error *err)
{
	bool unique = command->switches & INQ_SWITCH_UNIQUE;
	char cabinet[INQ_DUMP_FILE];
	enum inq_status status;

	if (!(command->switches & CABINETS))
		return to_unique(command->file, unique, pid, to, capacity, err);
	status = to_cabinet(command->file, cabinet, err);
	return status == INQ_OK ? to_unique(cabinet, unique, pid, to, capacity, err) : status;
}

enum inq_status inq_dump_command_kernel_name(const struct inq_dump_command *command, uint32_t pid, char *to,
					     size_t capacity, struct inq_error *err)
{
	if (!command->kernel_file[0])
		return inq_fail(err, INQ_ABSENT, "no second file was asked for");
	return to_unique(command->kernel_file, command->switches & INQ_SWITCH_UNIQUE, pid, to, capacity, err);
}
