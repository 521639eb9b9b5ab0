/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/options.h"

#include <criterion/criterion.h>
#include <string.h>

static enum inq_status parse(const char *text, struct inq_dump_options *ret, struct inq_error *err)
{
	memset(ret, 0x5a, sizeof(*ret));
	memset(err, 0, sizeof(*err));
	return inq_dump_options_parse(text, ret, err);
}

static bool is_untouched(const struct inq_dump_options *options)
{
	struct inq_dump_options before;

	memset(&before, 0x5a, sizeof(before));
	return memcmp(options, &before, sizeof(before)) == 0;
}

Test(options, nothing_and_m_and_slash_m_are_the_plain_dump)
{
	const char *const texts[] = {NULL, "", "m", "/m", "/"};
	struct inq_dump_options options;
	struct inq_error err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(parse(texts[i], &options, &err), INQ_OK, "%s", err.text);
		cr_assert_eq(options.letters, 0);
		cr_assert_str_eq(options.text, "m");
	}
}

Test(options, a_letter_twice_counts_once)
{
	struct inq_dump_options options;
	struct inq_error err;

	cr_assert_eq(parse("mFF", &options, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(options.letters, INQ_DUMP_F);
	cr_assert_str_eq(options.text, "mF");
}

Test(options, every_letter_is_written_or_refused_by_its_name)
{
	size_t count;
	const struct inq_dump_option *table = inq_dump_options_table(&count);

	cr_assert_eq(count, 16);
	for (size_t i = 0; i < count; i++) {
		char text[] = {'m', table[i].letter, '\0'},
		     quoted[] = {'\'', table[i].letter, '\'', '\0'};
		struct inq_dump_options options;
		struct inq_error err;
		enum inq_status status = parse(text, &options, &err);

		if (table[i].built) {
			cr_assert_eq(status, INQ_OK, "%s", err.text);
			cr_assert_str_eq(options.text, text);
			continue;
		}
		cr_assert_eq(status, INQ_UNSUPPORTED, "%s", text);
		cr_assert(strstr(err.text, quoted), "%s", err.text);
		cr_assert(strstr(err.text, "leave the letter out"), "%s", err.text);
		cr_assert(is_untouched(&options));
	}
}

Test(options, refuses_what_is_no_letter_and_names_those_that_are)
{
	/* Every byte that is not in the table. */
	for (unsigned byte = 1; byte < 256; byte++) {
		char text[] = {'m', (char)byte, '\0'};
		struct inq_dump_options options;
		struct inq_error err;

		if (strchr("acdfhikprtuwyAFR", (char)byte))
			continue;
		cr_assert_eq(parse(text, &options, &err), INQ_USAGE, "byte 0x%02x", byte);
		cr_assert(strstr(err.text, "a A c d f F h i k p r R t u w y"), "%s", err.text);
		cr_assert(!strpbrk(err.text, "\x1b\n\x7f"), "byte 0x%02x is shown raw", byte);
		cr_assert(is_untouched(&options));
	}
}

Test(options, refuses_words_that_do_not_begin_with_m)
{
	struct inq_dump_options options;
	struct inq_error err;

	cr_assert_eq(parse("F", &options, &err), INQ_USAGE);
	cr_assert_str_eq(err.text, "what a dump contains begins with 'm', as in 'm' or 'mF'");
	cr_assert(is_untouched(&options));
}

Test(options, refuses_contradictions_before_what_is_not_built)
{
	const struct { const char *text, *words;
	} cases[] = {
		{"maA", "'a' and 'A' contradict each other: one stops at memory that cannot be "
			"read, the other goes on"},
		{"mAa", "'a' and 'A' contradict each other: one stops at memory that cannot be "
			"read, the other goes on"},
		{"mwr",
		 "'r' and 'w' contradict each other: it brings memory that 'r' cannot filter"},
		{"mrf",
		 "'r' and 'f' contradict each other: it brings memory that 'r' cannot filter"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inq_dump_options options;
		struct inq_error err;

		cr_assert_eq(parse(cases[i].text, &options, &err), INQ_USAGE, "%s", cases[i].text);
		cr_assert_str_eq(err.text, cases[i].words);
		cr_assert(is_untouched(&options));
	}
}

Test(options, settles_contradictions_for_the_filter)
{
	const struct {
		const char *text, *settled, *dropped;
	} cases[] = {
		{"m", "m", ""}, {"mF", "mF", ""}, {"mrR", "mrR", ""}, {"mfw", "mfw", ""}, {"mR", "mR", ""},
		{"mfrR", "mrR", "f"}, {"mwrR", "mrR", "w"}, {"mdipcrR", "mrR", "cdip"}, {"mfR", "mfR", ""},
		{"marR", "mFhrRtu", "a"}, {"mAhr", "mFhrRtu", "A"}, {"maAr", "mFhrRtu", "aA"}, {"mwFhrty", "mFhrRty", "w"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inq_dump_options options;
		char dropped[INQ_DUMP_TEXT] = "?";
		struct inq_error err;

		cr_assert_eq(inq_dump_options_settle(cases[i].text, &options, dropped, &err), INQ_OK, "%s: %s",
			     cases[i].text, err.text);
		cr_expect_str_eq(options.text, cases[i].settled, "%s", cases[i].text);
		cr_expect_str_eq(dropped, cases[i].dropped, "%s", cases[i].text);
	}
}

/* Every pair of letters beside r: what comes out is what parsing what came out gives, and r is in it. */
Test(options, settles_only_to_what_can_be_asked_for)
{
	size_t count;
	const struct inq_dump_option *table = inq_dump_options_table(&count);

	for (size_t i = 0; i < count * count; i++) {
		struct inq_dump_options options = {0}, again;
		char text[] = {'m', 'r', table[i / count].letter, table[i % count].letter, '\0'};
		char dropped[INQ_DUMP_TEXT];

		cr_assert_eq(inq_dump_options_settle(text, &options, dropped, NULL), INQ_OK, "%s", text);
		cr_expect(options.letters & INQ_DUMP_r, "%s", text);
		cr_assert_eq(inq_dump_options_parse(options.text, &again, NULL), INQ_OK, "%s: %s", text, options.text);
		cr_expect_eq(again.letters, options.letters, "%s", text);
	}
}

Test(options, refuses_to_settle_what_no_filter_decides)
{
	struct inq_dump_options options;
	char dropped[INQ_DUMP_TEXT] = "?";
	struct inq_error err;

	memset(&options, 0x5a, sizeof(options));
	cr_assert_eq(inq_dump_options_settle("maA", &options, dropped, &err), INQ_USAGE);
	cr_assert_eq(inq_dump_options_settle("mz", &options, dropped, &err), INQ_USAGE);
	cr_assert(is_untouched(&options));
	cr_expect_str_eq(dropped, "?");
}

Test(options, the_letters_close_the_veil)
{
	struct inq_dump_options options = {0};

	cr_assert_eq(inq_dump_options_policy(NULL).stack, INQ_VEIL_STACK_WHOLE);
	cr_assert_eq(inq_dump_options_policy(&options).names, INQ_VEIL_NAMES_FULL);
	options.letters = INQ_DUMP_r;
	cr_assert_eq(inq_dump_options_policy(&options).stack, INQ_VEIL_STACK_FRAMES_ONLY);
	cr_assert_eq(inq_dump_options_policy(&options).names, INQ_VEIL_NAMES_FULL);
	options.letters = INQ_DUMP_R;
	cr_assert_eq(inq_dump_options_policy(&options).stack, INQ_VEIL_STACK_WHOLE);
	cr_assert_eq(inq_dump_options_policy(&options).names, INQ_VEIL_NAMES_BARE);
}
