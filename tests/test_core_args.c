/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/core_args.h"

#include <criterion/criterion.h>
#include <string.h>

enum { COUNT = 11 };

static void good(const char *argv[COUNT + 2])
{
	static const char *const row[COUNT] = {
		"inquest-core", "P=4711", "I=4712", "i=3", "u=1000", "g=1001", "d=1", "s=11", "t=1795264543",
		"c=18446744073709551615", "F=3",
	};

	memcpy(argv, row, sizeof(row));
	argv[COUNT] = NULL;
	argv[COUNT + 1] = NULL;
}

/* argv of a main() is not constant. */
static void parse(int argc, const char *const argv[], struct inq_core_args *ret)
{
	inq_core_args_parse(argc, (char *const *)argv, ret);
}

Test(arguments, are_taken_by_position)
{
	const char *argv[COUNT + 2];
	struct inq_core_args args;

	good(argv);
	parse(COUNT, argv, &args);
	cr_assert(args.complete);
	cr_expect_eq(args.pid, 4711);
	cr_expect_eq(args.tid, 4712);
	cr_expect_eq(args.ns_tid, 3);
	cr_expect_eq(args.uid, 1000);
	cr_expect_eq(args.gid, 1001);
	cr_expect_eq(args.dumpable, 1);
	cr_expect_eq(args.signal, 11);
	cr_expect_eq(args.time, 1795264543);
	cr_expect_eq(args.core_limit, UINT64_MAX);
	cr_expect_eq(args.pidfd, 3);
}

Test(arguments, are_complete_without_a_pidfd)
{
	const char *argv[COUNT + 2];
	struct inq_core_args args;

	good(argv);
	parse(COUNT - 1, argv, &args);
	cr_expect(args.complete);
	cr_expect_not(args.known & INQ_CORE_ARG_BIT(10));
	argv[10] = "F=";
	parse(COUNT, argv, &args);
	cr_expect(args.complete);
	cr_expect_not(args.known & INQ_CORE_ARG_BIT(10));
}

/* Each malformed form in each place: no field gets a value, and where the owner depends on it, root. */
Test(arguments, fail_closed_when_one_is_malformed)
{
	static const char *const forms[] = {
		"", "=", "X", "%P", "X=", "X=-1", "X=+1", "X= 1", "X=1 ", "X=3abc", "X=0x1", "X=abc", "X=\n1",
		"X=99999999999999999999999", "--owner=1000", "-F9", "$(id)", "Y=1", "1000",
	};

	for (int position = 1; position < COUNT; position++) {
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
			const char *argv[COUNT + 2];
			char text[64];
			struct inq_core_args args;
			bool needed = position == 1 || position == 2 || (position >= 4 && position <= 6);

			good(argv);
			strncpy(text, forms[i], sizeof(text) - 1);
			text[sizeof(text) - 1] = '\0';
			if (text[0] == 'X')
				text[0] = argv[position][0];
			argv[position] = text;
			parse(COUNT, argv, &args);
			cr_expect_not(args.known & INQ_CORE_ARG_BIT(position), "%d '%s'", position, text);
			cr_expect_eq(args.complete, !needed, "%d '%s'", position, text);
		}
	}
}

Test(arguments, fail_closed_when_values_are_not_the_kernels)
{
	static const struct {
		int position;
		const char *text;
	} rows[] = {
		{1, "P=0"}, {1, "P=2147483648"}, {2, "I=0"}, {4, "u=4294967295"}, {5, "g=4294967295"},
		{6, "d=3"}, {7, "s=65"}, {10, "F=4294967295"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *argv[COUNT + 2];
		struct inq_core_args args;

		good(argv);
		argv[rows[i].position] = rows[i].text;
		parse(COUNT, argv, &args);
		cr_expect_not(args.complete, "%s", rows[i].text);
	}
}

Test(arguments, fail_closed_when_there_are_more_or_fewer)
{
	const char *argv[COUNT + 2];
	struct inq_core_args args;

	good(argv);
	for (int count = 0; count < COUNT - 1; count++) {
		parse(count, argv, &args);
		cr_expect_not(args.complete, "%d", count);
	}
	argv[COUNT] = "u=0";
	parse(COUNT + 1, argv, &args);
	cr_expect_not(args.complete);
}

Test(pattern, names_every_argument_in_its_place)
{
	char pattern[INQ_CORE_PATTERN_MAX + 1];

	cr_assert(inq_core_pattern("/usr/libexec/inquest/inquest-core", true, pattern));
	cr_assert_str_eq(pattern, "|/usr/libexec/inquest/inquest-core P=%P I=%I i=%i u=%u g=%g d=%d s=%s t=%t c=%c F=%F");
	cr_assert(inq_core_pattern("/usr/libexec/inquest/inquest-core", false, pattern));
	cr_assert_str_eq(pattern, "|/usr/libexec/inquest/inquest-core P=%P I=%I i=%i u=%u g=%g d=%d s=%s t=%t c=%c");
}

Test(pattern, is_refused_when_the_kernel_could_not_take_it)
{
	char pattern[INQ_CORE_PATTERN_MAX + 1], path[200];
	size_t longest = 0;

	cr_expect_not(inq_core_pattern("inquest-core", true, pattern));
	cr_expect_not(inq_core_pattern("/opt/my tools/inquest-core", true, pattern));
	cr_expect_not(inq_core_pattern("/opt/100%/inquest-core", true, pattern));
	for (size_t size = 2; size < sizeof(path) - 1; size++) {
		memset(path, 'a', size);
		path[0] = '/';
		path[size] = '\0';
		if (!inq_core_pattern(path, true, pattern))
			break;
		cr_expect_leq(strlen(pattern), INQ_CORE_PATTERN_MAX);
		longest = size;
	}
	cr_assert_eq(longest, INQ_CORE_PATTERN_MAX - 1 - 10 * strlen(" P=%P"), "the last one fills it to the brim");
}
