/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plants random secrets everywhere that a process keeps anything, then crashes at depth.
 *
 * usage: secretful CASE[+wait] LIST; without arguments: the names of the cases. Every run has secrets of its own, told
 * in the file LIST (see secretful.h). The program runs itself again first, so that arguments and environment are
 * secrets too. With "+wait" it goes to the same depth and waits there.
 */
#include "secretful.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

int list = -1;
next last = load_and_fault;

void note(const char *where, const char *kind, const void *bytes, size_t size, const void *place)
{
	const uint8_t *byte = bytes;

	dprintf(list, "%s ", kind);
	for (size_t i = 0; i < size; i++)
		dprintf(list, "%02x", byte[i]);
	dprintf(list, " %llx %s\n", (unsigned long long)(uintptr_t)place, where);
}

static void get_random(void *to, size_t size)
{
	if (getrandom(to, size, 0) != (ssize_t)size)
		_exit(3);
}

uint64_t random_below(uint64_t bound)
{
	uint64_t value;

	get_random(&value, sizeof(value));
	return value % bound;
}

/* No zeroes: what is looked for must not be there by itself. */
void fill(const char *where, void *to, size_t size)
{
	uint8_t *byte = to;

	get_random(to, size);
	for (size_t i = 0; i < size; i++)
		byte[i] = (uint8_t)(byte[i] % 255 + 1);
	note(where, size < 4 ? "here" : "bytes", to, size, to);
}

void fill_text(const char *where, char *to, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t random[LONGEST];

	get_random(random, size);
	for (size_t i = 0; i < size; i++)
		to[i] = letters[random[i] % 64];
	to[size] = '\0';
	note(where, size < 4 ? "here" : "text", to, size, to);
}

void fill_wide(const char *where, uint16_t *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint16_t)(0x4e00 + random_below(20000));
	to[size] = 0;
	note(where, "wide", to, 2 * size, to);
}

void fill_some(const char *where, void *room)
{
	uint8_t *to = (uint8_t *)room + random_below(16);
	size_t size = SHORTEST + random_below(LONGEST - SHORTEST + 1);

	switch (random_below(4)) {
	case 0:
		fill_text(where, (char *)to, size - 1 < 4 ? 4 : size - 1);
		break;
	case 1:
		to = (uint8_t *)(((uintptr_t)to + 1) & ~(uintptr_t)1);
		fill_wide(where, (uint16_t *)(void *)to, size / 2 < 3 ? 2 : size / 2 - 1);
		break;
	default:
		fill(where, to, size);
	}
}

/* --- arguments and environment --------------------------------------------------------------------------- */

static void run_again(char *argv[])
{
	char argument[33], value[33], variable[48], wide[64];

	fill_text("argument", argument, 32);
	fill_text("environment", value, 32);
	snprintf(variable, sizeof(variable), "SECRET=%s", value);
	putenv(variable);
	fill("environment, binary", value, 32);
	value[32] = '\0';
	snprintf(wide, sizeof(wide), "BINARY=%s", value);
	putenv(wide);
	fcntl(list, F_SETFD, 0);
	snprintf(value, sizeof(value), "%d", list);
	setenv("SECRETFUL_LIST", value, 1);
	execl("/proc/self/exe", argv[0], argv[1], "-", argument, (char *)NULL);
	_exit(3);
}

/* What a program makes of its command line to be seen in ps, and what it calls itself. */
static void rename_oneself(char *argv[])
{
	size_t room = strlen(argv[0]);
	char name[16];

	if (room >= 8)
		fill_text("process title", argv[0], room < 32 ? room : 32);
	fill_text("program name", name, sizeof(name) - 1);
	prctl(PR_SET_NAME, name);
}

/* Only root of a machine that allows it has a name of its own. */
static void name_host(void)
{
	char name[33];

	if (unshare(CLONE_NEWUTS))
		return;
	fill_text("host", name, 32);
	if (sethostname(name, 32))
		dprintf(list, "# the host keeps its name: %s\n", strerror(errno));
}

static void reach_last(void)
{
	last();
}

static const struct {
	const char *name;
	next crash;
} cases[] = {
	{"fault", reach_last},
	{"leaf", load_and_fault_leaf},
	{"wild", load_and_follow},
	{"bare", crash_bare},
	{"tail", tail},
	{"spilled", crash_spilled},
	{"smashed", crash_smashed},
	{"noreturn", crash_noreturn},
	{"varargs", crash_varargs},
	{"qsort", crash_qsort},
	{"signal", crash_signal},
	{"signal-stack", crash_signal_stack},
	{"nested-signals", crash_nested_signals},
	{"jit", crash_jit},
	{"coroutine", crash_coroutine},
	{"queued", crash_queued},
	{"abort", abort},
	{"at-exit", crash_at_exit},
	{"thread", crash_thread},
	{"leaderless", crash_leaderless},
	{"aligned", crash_aligned},
#ifdef WITH_CXX
	{"catch", crash_in_catch},
	{"unwinding", crash_unwinding},
	{"uncaught", crash_uncaught},
#endif
};

static next find(const char *name)
{
	size_t length = strcspn(name, "+");

	if (!strcmp(name + length, "+wait"))
		last = load_and_wait;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strlen(cases[i].name) == length && !memcmp(name, cases[i].name, length))
			return cases[i].crash;
	}
	return NULL;
}

int main(int argc, char *argv[])
{
	const char *inherited = getenv("SECRETFUL_LIST");
	next crash = argc > 2 ? find(argv[1]) : NULL;

	if (!crash) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return argc > 1 ? 2 : 0;
	}
	if (!inherited) {
		list = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		run_again(argv);
	}
	list = atoi(inherited);
	fcntl(list, F_SETFD, FD_CLOEXEC);
	note("auxv's random bytes", "bytes", (const void *)getauxval(AT_RANDOM), 16, (void *)getauxval(AT_RANDOM));
	rename_oneself(argv);
	name_host();
	plant_places();
	fill_registers();
	start_threads();
	dead(20);
	locals(4, crash);
	return 4;
}
