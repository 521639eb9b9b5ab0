/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .dump's options: what is understood, and each refusal with its words. */
#include "config.h"

#include "capture/dump_command.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

static struct inq_dump_command parsed(const char *text)
{
	struct inq_dump_command command;
	struct inq_error err = {0};

	cr_assert_eq(inq_dump_command_parse(text, NULL, NULL, &command, &err), INQ_OK, "'%s': %s", text, err.text);
	return command;
}

static void refuses(const char *text, enum inq_status status, const char *words)
{
	struct inq_dump_command command, before;
	struct inq_error err = {0};

	memset(&command, 0x5a, sizeof(command));
	before = command;
	cr_expect_eq(inq_dump_command_parse(text, NULL, NULL, &command, &err), status, "'%s': %s", text, err.text);
	cr_expect_not_null(strstr(err.text, words), "'%s' says '%s', without '%s'", text, err.text, words);
	cr_expect_eq(memcmp(&command, &before, sizeof(command)), 0, "'%s' moved its output", text);
}

Test(dump_command, is_a_plain_minidump_without_options)
{
	struct inq_dump_command command = parsed("x.dmp");

	cr_expect_str_eq(command.file, "x.dmp");
	cr_expect_str_eq(command.letters.text, "m");
	cr_expect_eq(command.switches, 0);
}

Test(dump_command, takes_a_path_for_a_path)
{
	cr_expect_str_eq(parsed("/tmp/x.dmp").file, "/tmp/x.dmp");
	cr_expect_str_eq(parsed("/m /tmp/x.dmp").file, "/tmp/x.dmp");
	cr_expect_str_eq(parsed("/x.dmp").file, "/x.dmp");
	cr_expect_str_eq(parsed("  \"a name.dmp\"  ").file, "a name.dmp");
	cr_expect_str_eq(parsed("x.dmp /o").file, "x.dmp");
}

Test(dump_command, takes_every_option_of_the_table_alone)
{
	static const uint32_t refused = INQ_SWITCH_ALL | INQ_SWITCH_KERNEL | INQ_SWITCH_KERNEL_ACTIVE | INQ_SWITCH_THREAD;
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);

	for (size_t i = 0; i < count; i++) {
		char line[64];

		if (rows[i].bit & refused)
			continue;
		snprintf(line, sizeof(line), "%s%s x.dmp", rows[i].name,
			 rows[i].takes == INQ_TAKES_TEXT	   ? " \"why\""
			 : rows[i].takes == INQ_TAKES_ADDRESS ? " 1234"
							      : "");
		cr_expect_eq(parsed(line).switches, rows[i].bit, "%s", line);
	}
}

Test(dump_command, reads_values)
{
	struct inq_dump_command command = parsed("/mF /c \"a \\\"b\\\" c\" /xc 7ffd1000 /xr 7ffd2000 /xt 1a2b /u /o x.dmp");

	cr_expect_str_eq(command.comment, "a \"b\" c");
	cr_expect_eq(command.context, 0x7ffd1000);
	cr_expect_eq(command.exception, 0x7ffd2000);
	cr_expect_eq(command.thread, 0x1a2b);
	cr_expect_str_eq(command.letters.text, "mF");
	cr_expect_eq(parsed("/j 10 x").record, 0x10);
	cr_expect_eq(parsed("/xp 20 x").pointers, 0x20);
}

Test(dump_command, shows_its_help_without_a_file)
{
	cr_expect_eq(parsed("/?").switches, INQ_SWITCH_HELP);
	cr_expect_eq(parsed("/m /?").switches, INQ_SWITCH_HELP | INQ_SWITCH_MINI);
}

Test(dump_command, refuses_in_words)
{
	static const struct {
		const char *text;
		enum inq_status status;
		const char *words;
	} rows[] = {
		{"", INQ_USAGE, "which file? .dump /? shows the options"},
		{"/m", INQ_USAGE, "which file?"},
		{"/z x", INQ_USAGE, "'/z' is no option of .dump; .dump /? lists them"},
		{"--bogus x", INQ_USAGE, "'--bogus' is no option"},
		{"/mq x", INQ_USAGE, "'q' is no letter of a dump"},
		{"/m /m x", INQ_USAGE, "/m is there twice"},
		{"/o /o x", INQ_USAGE, "/o is there twice"},
		{"/m /f x", INQ_USAGE, "/m and /f contradict each other: a dump is of one kind"},
		{"/fy /m x", INQ_USAGE, "/m and /fy contradict each other"},
		{"/f /fy x", INQ_USAGE, "/f and /fy contradict each other"},
		{"/a x", INQ_USAGE, "/a requires /u: every dump needs a name of its own"},
		{"/a /u /j 10 x", INQ_USAGE, "/a and /j contradict each other"},
		{"/b /ba x", INQ_USAGE, "/b and /ba contradict each other"},
		{"/b --compress x", INQ_USAGE, "/b and --compress contradict each other"},
		{"/k x", INQ_UNSUPPORTED, "/k: kernel memory needs a kernel target, and this is a process"},
		{"/ka x", INQ_UNSUPPORTED, "/ka: kernel memory needs a kernel target"},
		{"/c", INQ_USAGE, "/c: nothing follows"},
		{"/c \"open x", INQ_USAGE, "/c: the closing \" is missing"},
		{"/j", INQ_USAGE, "/j: ADDR is missing"},
		{"/xc /xr 10 x", INQ_USAGE, "/xc: ADDR is missing"},
		{"/j zz x", INQ_USAGE, "/j: 'zz x' is no number"},
		{"/j 10 /xc 20 x", INQ_USAGE, "/j and /xc contradict each other"},
		{"/xp 10 /xr 20 x", INQ_USAGE, "/xp and /xr contradict each other"},
		{"/xt 10 x", INQ_USAGE, "/xt requires /xc: a thread alone is no exception"},
		{"/xc 1 /xt 100000000 x", INQ_USAGE, "is no thread id"},
		{"x y", INQ_USAGE, "one file only"},
		{"/mwr x", INQ_USAGE, "contradict each other"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(rows[i].text, rows[i].status, rows[i].words);
}

Test(dump_command, puts_date_time_and_pid_before_the_ending)
{
	struct inq_dump_command command = parsed("/u dir.d/x.dmp");
	struct inq_error err;
	char name[256], rest[64];
	int year, month, day, hour, minute, second, milli;

	cr_assert_eq(inq_dump_command_name(&command, 0x1a2b, name, sizeof(name), &err), INQ_OK);
	cr_assert_eq(sscanf(name, "dir.d/x_%d-%d-%d_%d-%d-%d-%d_%63s", &year, &month, &day, &hour, &minute, &second,
			    &milli, rest),
		     8, "%s", name);
	cr_expect_str_eq(rest, "1a2b.dmp");
	command = parsed("/u dir.d/x");
	cr_assert_eq(inq_dump_command_name(&command, 1, name, sizeof(name), &err), INQ_OK);
	cr_expect_eq(strncmp(name, "dir.d/x_2", 9), 0, "%s", name);
	command = parsed("x.dmp");
	cr_assert_eq(inq_dump_command_name(&command, 1, name, sizeof(name), &err), INQ_OK);
	cr_expect_str_eq(name, "x.dmp");
	cr_expect_eq(inq_dump_command_name(&command, 1, name, 3, &err), INQ_LIMIT);
}
