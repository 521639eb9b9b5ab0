/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/collect_args.h"

#include <criterion/criterion.h>
#include <string.h>

static enum inq_status parse(struct inq_collect_args *ret, struct inq_error *err, const char *const *words)
{
	char *argv[16] = {(char *)"inquest-collect"};
	int argc = 1;

	for (; *words; words++)
		argv[argc++] = (char *)*words;
	return inq_collect_args_parse(argc, argv, ret, err);
}

#define PARSE(ret, err, ...) parse((ret), (err), (const char *const[]){__VA_ARGS__, NULL})

Test(collect_args, takes_what_aedebug_gives)
{
	struct inq_collect_args args;

	cr_assert_eq(PARSE(&args, NULL, "-p", "4711", "-e", "5", "-j", "0x7ffe12345678"), INQ_OK);
	cr_assert_eq(args.pid, 4711u);
	cr_assert_eq(args.event, 5);
	cr_assert_eq(args.record, 0x7ffe12345678u);
	cr_assert_str_eq(args.dump, "m");
	cr_assert_null(args.directory);
}

Test(collect_args, takes_long_forms_with_their_values)
{
	struct inq_collect_args args;

	cr_assert_eq(PARSE(&args, NULL, "--pid=1", "--record", "ff", "--dump=mrR,snapshot", "--directory=/var/tmp"),
		     INQ_OK);
	cr_assert_eq(args.record, 0xffu);
	cr_assert_eq(args.event, -1);
	cr_assert_str_eq(args.dump, "mrR,snapshot");
	cr_assert_str_eq(args.directory, "/var/tmp");
}

Test(collect_args, refuses_what_is_off_and_leaves_the_output_alone)
{
	static const struct {
		const char *words[6];
		const char *message;
	} cases[] = {
		{{"-j", "1"}, "'-p' is missing, see --help"},
		{{"-p", "1"}, "'-j' is missing, see --help"},
		{{"-p", "0", "-j", "1"}, "pid: '0' is not one"},
		{{"-p", "-1", "-j", "1"}, "pid: '-1' is not one"},
		{{"-p", "2147483648", "-j", "1"}, "pid: '2147483648' is not one"},
		{{"-p", "1", "-j", "10000000000000000"}, "record: '10000000000000000' is not one"},
		{{"-p", "1", "-j", "0x"}, "record: '0x' is not one"},
		{{"-p", "1", "-j", " 1"}, "record: ' 1' is not one"},
		{{"-p", "1", "-p", "1"}, "'--pid' is given twice"},
		{{"-p", "1", "-j"}, "'-j' needs a value"},
		{{"-p", "1", "-j", "1", "--directory=tmp"}, "directory: 'tmp' is not one"},
		{{"-p", "1", "-j", "1", "root"}, "'root' is not an option, see --help"},
		{{"-p", "1", "-j", "1", "--pidx=3"}, "'--pidx=3' is not an option, see --help"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inq_collect_args args, before;
		struct inq_error err = {0};

		memset(&args, 0x5a, sizeof(args));
		before = args;
		cr_expect_eq(parse(&args, &err, cases[i].words), INQ_USAGE, "case %zu", i);
		cr_expect_str_eq(err.text, cases[i].message);
		cr_expect_eq(memcmp(&args, &before, sizeof(args)), 0, "case %zu touched its output", i);
	}
}
