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
		{"/mwr x", INQ_USAGE, "'r' and 'w' contradict each other: it brings memory that 'r' cannot filter"},
		{"/mkr x", INQ_USAGE, "'r' and 'k' contradict each other"},
		{"/maA x", INQ_USAGE, "'a' and 'A' contradict each other: one stops at memory that cannot be read"},
		{"/m\x01 x", INQ_USAGE, "'\\x01' is no letter of a dump"},
		{"/M x", INQ_USAGE, "'/M' is no option of .dump"},
		{"/F x", INQ_USAGE, "'/F' is no option of .dump"},
		{"/fz x", INQ_USAGE, "'/fz' is no option of .dump"},
		{"/bb x", INQ_USAGE, "'/bb' is no option of .dump"},
		{"/mk \"x\" x", INQ_USAGE, "/mk: 'x' is the dump's own name; the second file needs another"},
		{"/mk \"k", INQ_USAGE, "the closing \" is missing"},
		{"/mk \"k x", INQ_USAGE, "the closing \" is missing"},
		{"/mk \"\" x", INQ_USAGE, "/mk: nothing follows"},
		{"/a /u /xc 10 x", INQ_USAGE, "/a and /xc contradict each other"},
		{"/a /u /xp 10 x", INQ_USAGE, "/a and /xp contradict each other"},
		{"/a /u /xc 10 /xt 5 x", INQ_USAGE, "/a and /xc contradict each other"},
		{"/ba --compress x", INQ_USAGE, "/ba and --compress contradict each other"},
		{"/f --strict x", INQ_USAGE, "--strict and /f contradict each other: a core is never filtered"},
		{"/fy --strict x", INQ_USAGE, "--strict and /fy contradict each other"},
		{"/j 10000000000000000 x", INQ_USAGE, "/j: '10000000000000000 x' is no number"},
		{"/j -1 x", INQ_USAGE, "/j: '-1 x' is no number"},
		{"/u /k x", INQ_UNSUPPORTED, "kernel memory needs a kernel target"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(rows[i].text, rows[i].status, rows[i].words);
}

/* A row with a needed or contradicting option has a row above for each pair. */
Test(dump_command, refuses_every_pair_that_the_table_says_contradicts)
{
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			char line[256];
			const char *needed = rows[j].bit == INQ_SWITCH_THREAD ? "/xc 1 " : "";
			struct inq_dump_command command;
			struct inq_error err = {0};

			if (!(rows[i].conflicts & rows[j].bit))
				continue;
			snprintf(line, sizeof(line), "%s %s %s%s %s /u x", rows[i].name,
				 rows[i].takes == INQ_TAKES_ADDRESS ? "10" : "", needed, rows[j].name,
				 rows[j].takes == INQ_TAKES_ADDRESS ? "10" : "");
			cr_expect_eq(inq_dump_command_parse(line, NULL, NULL, &command, &err), INQ_USAGE, "%s", line);
			cr_expect(strstr(err.text, "contradict each other: ") && strstr(err.text, rows[i].why), "%s: %s",
				  line, err.text);
		}
	}
}

Test(dump_command, takes_a_second_file_only_where_one_is_named_before_the_dumps)
{
	struct inq_dump_command command = parsed("/mk \"kernel side.dmp\" x.dmp");
	struct inq_error err;
	char name[64] = "before";

	cr_expect_str_eq(command.kernel_file, "kernel side.dmp");
	cr_expect_str_eq(command.file, "x.dmp");
	cr_assert_eq(inq_dump_command_kernel_name(&command, 1, name, sizeof(name), &err), INQ_OK);
	cr_expect_str_eq(name, "kernel side.dmp");
	command = parsed("/mk \"x.dmp\"");
	cr_expect_str_eq(command.kernel_file, "");
	cr_expect_str_eq(command.file, "x.dmp");
	cr_expect_eq(inq_dump_command_kernel_name(&command, 1, name, sizeof(name), &err), INQ_ABSENT);
	cr_expect_str_eq(name, "kernel side.dmp");
	/* Without k what stands in quotes is the dump. */
	command = parsed("/mh \"x.dmp\" /o");
	cr_expect_str_eq(command.file, "x.dmp");
}

Test(dump_command, gives_a_cab_its_ending)
{
	static const struct {
		const char *typed, *name;
	} rows[] = {
		{"/b x.dmp", "x.cab"},	   {"/b x.cab", "x.cab"},	  {"/b x", "x.cab"},	   {"/b d.dmp/x", "d.dmp/x.cab"},
		{"/ba /f x.core", "x.cab"}, {"/b x.y", "x.y.cab"}, {"/b x.DMP", "x.cab"}, {"/b d/.dmp", "d/.dmp.cab"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_dump_command command = parsed(rows[i].typed);
		struct inq_error err;
		char name[64];

		cr_assert_eq(inq_dump_command_name(&command, 1, name, sizeof(name), &err), INQ_OK);
		cr_expect_str_eq(name, rows[i].name, "%s: %s", rows[i].typed, name);
	}
}

/* "/c \"comment\"" as the manual's source has it. */
static void manual_word(const struct inq_switch_row *row, char to[128])
{
	size_t at = 0;
	char plain[64];

	snprintf(plain, sizeof(plain), row->takes == INQ_TAKES_LETTERS ? "%s[%s]" : *row->argument ? "%s %s" : "%s%s",
		 row->name, row->argument);
	for (const char *from = plain; *from; from++) {
		if (*from == '"')
			to[at++] = '"';
		if (*from == '-')
			to[at++] = '\\';
		to[at++] = *from;
	}
	to[at] = '\0';
}

Test(dump_command, is_what_the_manual_says)
{
	static char page[64 << 10];
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);
	FILE *file = fopen(MAN_PAGE, "r");
	char *at;

	if (!file)
		cr_skip("the manual's source is not here");
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	at = strstr(page, ".\\\" options begin\n");
	cr_assert_not_null(at);
	at = strchr(at, '\n') + 1;
	for (size_t i = 0; i < count; i++) {
		char head[256], word[128];

		if (!rows[i].help)
			continue;
		manual_word(&rows[i], word);
		snprintf(head, sizeof(head), ".TP\n.B \"%s\"\n%s", word, rows[i].help);
		cr_assert_eq(strncmp(at, head, strlen(head)), 0, "expected '%s' at '%.80s'", head, at);
		at = strstr(at + strlen(head), i + 1 < count ? "\n.TP\n" : "\n.\\\" options end");
		cr_assert_not_null(at, "behind %s", rows[i].name);
		at++;
	}
	cr_assert_eq(strncmp(at, ".\\\" options end", 15), 0, "'%.40s'", at);
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
