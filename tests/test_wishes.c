/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/wishes.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *wished(const char *allowed, const char *environment, size_t size)
{
	static char text[INQ_WISHES_TEXT];

	inq_wishes(allowed, environment, size, text);
	return text;
}

#define WISHED(allowed, environment) wished(allowed, environment, sizeof(environment) - 1)

Test(wishes, without_a_wish_the_configuration_decides)
{
	cr_expect_str_eq(wished("mh", NULL, 0), "mh");
	cr_expect_str_eq(WISHED("mh", "HOME=/\0PATH=/bin\0"), "mh");
	cr_expect_str_eq(WISHED("mh", "INQUEST=0\0"), "mh");
	cr_expect_str_eq(WISHED("mh", "INQUEST=\0"), "mh");
	cr_expect_str_eq(WISHED("mh", "INQUEST=mq\0"), "mh");
	cr_expect_str_eq(WISHED("mh", "XINQUEST=m\0INQUESTS=m\0"), "mh");
	cr_expect_str_eq(WISHED("mh", "INQUEST=mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\0"), "mh");
}

Test(wishes, less_is_given)
{
	cr_expect_str_eq(WISHED("mh", "A=1\0INQUEST=m\0"), "m");
	cr_expect_str_eq(WISHED("mhu", "INQUEST=mu,snapshot\0"), "mu");
}

Test(wishes, more_is_not_given)
{
	cr_expect_str_eq(WISHED("m", "INQUEST=mf\0"), "m");
	cr_expect_str_eq(WISHED("mh", "INQUEST=mhf\0"), "mh");
}

Test(wishes, privacy_is_always_given)
{
	cr_expect_str_eq(WISHED("m", "INQUEST=mr\0"), "mr");
	cr_expect(strchr(WISHED("mR", "INQUEST=mr\0"), 'R'), "the administrator's privacy stays");
	cr_expect(strchr(WISHED("mr", "INQUEST=m\0"), 'r'), "the administrator's privacy stays");
}

Test(wishes, an_environment_that_is_cut_is_read_to_its_end)
{
	cr_expect_str_eq(wished("mh", "INQUEST=m", 9), "m");
	cr_expect_str_eq(wished("mh", "INQUEST", 7), "mh");
}

static const char *without_memory(const char *letters, bool expected)
{
	static char text[INQ_WISHES_TEXT];
	struct inq_dump_options options;

	cr_assert_eq(inq_dump_options_parse(letters, &options, NULL), INQ_OK, "%s", letters);
	cr_expect_eq(inq_wishes_without_memory(&options, text), expected, "%s", letters);
	return text;
}

Test(wishes, are_smaller_without_memory_and_keep_the_rest)
{
	struct inq_dump_options kept;

	cr_expect_str_eq(without_memory("m", false), "m");
	cr_expect_str_eq(without_memory("mf", true), "m");
	cr_expect_str_eq(without_memory("mw", true), "m");
	cr_expect_str_eq(without_memory("mrR", false), "mrR");
	cr_assert_eq(inq_dump_options_parse(without_memory("ma", true), &kept, NULL), INQ_OK);
	cr_expect_eq(kept.letters, INQ_DUMP_F | INQ_DUMP_h | INQ_DUMP_u | INQ_DUMP_t);
}
