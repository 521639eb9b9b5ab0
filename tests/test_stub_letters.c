/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the stub takes for letters at a program's start is what the parser takes at its crash: the
 * stub links nothing and has a list of its own.
 */
#include "config.h"

#include "capture/options.h"
#include "handler/inquest-stub.h"

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int (*install)(const struct inquest_options *options);

static void open_stub(void)
{
	void *stub = dlopen("./libinquest-stub.so", RTLD_NOW);

	cr_assert_not_null(stub, "%s", dlerror());
	*(void **)(void *)&install = dlsym(stub, "inquest_install");
	cr_assert_not_null(install);
}

TestSuite(stub_letters, .init = open_stub, .timeout = 60);

/* 0, or the errno that the stub answers; in a process of its own, since it installs once. */
static int asked_of_stub(const char *text)
{
	const struct inquest_options options = {.version = INQUEST_STUB_VERSION, .dump = text};
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(-install(&options));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "'%s' killed it", text);
	return WEXITSTATUS(status);
}

static void agree(const char *text)
{
	struct inq_dump_options options;
	struct inq_error err = {0};
	bool parsed = inq_dump_options_parse(text, &options, &err) == INQ_OK;

	cr_expect_eq(asked_of_stub(text), parsed ? 0 : EINVAL,
		     "'%s': the stub %s what the parser %s%s%s", text, parsed ? "refuses" : "takes",
		     parsed ? "takes" : "refuses", parsed ? "" : ": ", err.text);
}

Test(stub_letters, are_the_parsers_alone_and_in_pairs)
{
	size_t count;
	const struct inq_dump_option *table = inq_dump_options_table(&count);

	for (size_t i = 0; i < count; i++) {
		agree((const char[]){'m', table[i].letter, '\0'});
		for (size_t j = 0; j < count; j++)
			agree((const char[]){'m', table[i].letter, table[j].letter, '\0'});
	}
}

Test(stub_letters, refuse_every_other_character)
{
	for (int c = 1; c < 128; c++) {
		/* A comma begins what is the stub's own. */
		if (c != ',')
			agree((const char[]){'m', (char)c, '\0'});
	}
	agree("M");
	agree("F");
	agree("mrRx");
}

Test(stub_letters, are_followed_by_one_option_or_none)
{
	static const struct {
		const char *text;
		int answer;
	} rows[] = {
		{"m,snapshot", 0},
		{"ma,no-snapshot", 0},
		{"debug", 0},
		{"", 0},
		{"m,", EINVAL},
		{"m,bogus", EINVAL},
		{"m,snapshots", EINVAL},
		{"m,snapshot,", EINVAL},
		{"m,snapshot,no-snapshot", EINVAL},
		{"m,snapshot,snapshot", EINVAL},
		{"debug,snapshot", EINVAL},
		{"debugm", EINVAL},
		{",snapshot", EINVAL},
		{"m snapshot", EINVAL},
		{"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm", EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(asked_of_stub(rows[i].text), rows[i].answer, "'%s'", rows[i].text);
}
