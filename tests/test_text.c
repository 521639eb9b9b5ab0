/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void escapes_to(const char *text, size_t size, const char *wanted)
{
	struct inq_buffer buffer = {0};

	inq_text_escape(&buffer, text, size);
	cr_assert_str_eq(inq_buffer_text(&buffer), wanted);
	inq_buffer_done(&buffer);
}

Test(text, shows_ordinary_text_as_it_is)
{
	escapes_to("", 0, "");
	escapes_to("a\\b c~", 6, "a\\b c~");
	escapes_to("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	escapes_to("\xe6\xbc\xa2\xf0\x9f\x98\x80", 7, "\xe6\xbc\xa2\xf0\x9f\x98\x80");
}

Test(text, escapes_what_steers_a_terminal)
{
	escapes_to("\x1b]52;c;x\x07", 9, "\\x1b]52;c;x\\x07");
	escapes_to("a\0b", 3, "a\\x00b");
	escapes_to("\x7f\n\t", 3, "\\x7f\\x0a\\x09");
	escapes_to("\xc2\x9b", 2, "\\x9b"); /* C1: CSI */
	escapes_to("\xe2\x80\xae"
		   "txt",
		   6, "\\u{202e}txt");
	escapes_to("\xef\xbb\xbf", 3, "\\u{feff}");
}

Test(text, escapes_every_code_point_of_the_contract)
{
	static const uint32_t runs[][2] = {{0, 0x1f},        {0x7f, 0x9f},     {0x200b, 0x200f},
					   {0x2028, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff}};

	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++) {
		for (uint32_t point = runs[r][0]; point <= runs[r][1]; point++) {
			uint16_t unit = (uint16_t)point;
			struct inq_buffer utf8 = {0}, shown = {0};

			inq_text_from_utf16(&utf8, &unit, 1, false);
			inq_text_escape(&shown, (char *)utf8.data, utf8.size);
			cr_assert_eq(inq_buffer_text(&shown)[0], '\\', "U+%04x is shown raw",
				     point);
			inq_buffer_done(&utf8);
			inq_buffer_done(&shown);
		}
	}
}

Test(text, escapes_each_byte_that_is_not_utf8)
{
	escapes_to("\xff", 1, "\\xff");
	escapes_to("\xc0\xaf", 2, "\\xc0\\xaf");                   /* overlong */
	escapes_to("\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf");          /* overlong */
	escapes_to("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");          /* surrogate */
	escapes_to("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	escapes_to("\xe2\x82", 2, "\\xe2\\x82");                   /* cut off */
	escapes_to("\xc3"
		   "a",
		   2,
		   "\\xc3"
		   "a");
}

Test(text, cuts_into_a_fixed_place_with_dots)
{
	char place[8];

	cr_assert_str_eq(inq_text_escape_to(place, sizeof(place), "seven.."), "seven..");
	cr_assert_str_eq(inq_text_escape_to(place, sizeof(place), "eight..."), "eigh...");
	cr_assert_str_eq(inq_text_escape_to(place, sizeof(place), "\x1b\x1b"), "\\x1b...");
	cr_assert_str_eq(inq_text_escape_to(place, sizeof(place),
					    "abc\xc3\xbc"
					    "def"),
			 "abc...");
	cr_assert_str_eq(inq_text_escape_to(place, 3, "abcdef"), "..");
	cr_assert_str_eq(inq_text_escape_to(place, 1, "abcdef"), "");
}

static void utf16_is(const char *text, size_t size, const char *wanted, size_t wanted_size)
{
	struct inq_buffer buffer = {0};

	inq_text_to_utf16(&buffer, text, size);
	cr_assert_eq(buffer.size, wanted_size);
	cr_assert(wanted_size == 0 || memcmp(buffer.data, wanted, wanted_size) == 0);
	inq_buffer_done(&buffer);
}

Test(text, turns_utf8_into_utf16)
{
	utf16_is("", 0, "", 0);
	utf16_is("a\xc3\xbc", 3, "a\0\xfc\0", 4);
	utf16_is("\xf0\x9f\x98\x80", 4, "\x3d\xd8\x00\xde", 4);
	utf16_is("\xff", 1, "\xfd\xff", 2);
}

Test(text, turns_utf16_into_utf8_in_both_byte_orders)
{
	struct inq_buffer buffer = {0};

	inq_text_from_utf16(&buffer, "a\0\xfc\0\x3d\xd8\x00\xde", 4, false);
	cr_assert_str_eq(inq_buffer_text(&buffer), "a\xc3\xbc\xf0\x9f\x98\x80");
	inq_buffer_done(&buffer);
	inq_text_from_utf16(&buffer, "\0a\0\xfc", 2, true);
	cr_assert_str_eq(inq_buffer_text(&buffer), "a\xc3\xbc");
	inq_buffer_done(&buffer);
}

Test(text, replaces_lone_surrogates)
{
	struct inq_buffer buffer = {0};

	inq_text_from_utf16(&buffer,
			    "\x3d\xd8"
			    "a\0\x00\xde\x3d\xd8",
			    4, false);
	cr_assert_str_eq(inq_buffer_text(&buffer), "\xef\xbf\xbd"
						   "a\xef\xbf\xbd\xef\xbf\xbd");
	inq_buffer_done(&buffer);
}

Test(text, round_trips_every_code_point)
{
	for (uint32_t point = 1; point <= 0x10ffff; point += point < 0x3000 ? 1 : 61) {
		uint16_t units[2] = {(uint16_t)point, 0};
		size_t count = 1;
		struct inq_buffer utf8 = {0}, utf16 = {0};

		if (point >= 0xd800 && point < 0xe000)
			continue;
		if (point > 0xffff) {
			units[0] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
			units[1] = (uint16_t)(0xdc00 + ((point - 0x10000) & 0x3ff));
			count = 2;
		}
		inq_text_from_utf16(&utf8, units, count, false);
		inq_text_to_utf16(&utf16, (char *)utf8.data, utf8.size);
		cr_assert_eq(utf16.size, count * 2, "U+%04x", point);
		cr_assert_arr_eq(utf16.data, units, count * 2, "U+%04x", point);
		inq_buffer_done(&utf8);
		inq_buffer_done(&utf16);
	}
}
