/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/buffer.h"
#include "support/cursor.h"
#include "support/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, reads_from_the_outside_in)
{
	struct inq_error err;

	cr_assert_eq(inq_fail(&err, INQ_LIMIT, "%d threads, at most %d", 70000, 65536), INQ_LIMIT);
	cr_assert_eq(inq_prepend(&err, INQ_LIMIT, "thread list"), INQ_LIMIT);
	cr_assert_eq(inq_prepend(&err, INQ_LIMIT, "'%s'", "a.dmp"), INQ_LIMIT);
	cr_assert_str_eq(err.text, "'a.dmp': thread list: 70000 threads, at most 65536");
	cr_assert_eq(err.status, INQ_LIMIT);
}

Test(error, keeps_errno_and_tells_denied_apart)
{
	static const struct {
		int number;
		enum inq_status status;
	} cases[] = {{EACCES, INQ_DENIED}, {EPERM, INQ_DENIED}, {ENOMEM, INQ_NO_MEMORY}, {ENOSPC, INQ_OS}};
	struct inq_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		errno = cases[i].number;
		cr_assert_eq(inq_fail_os(&err, "write"), cases[i].status);
		cr_assert_eq(err.os_errno, cases[i].number);
		cr_assert_eq(strncmp(err.text, "write: ", 7), 0);
		cr_assert_str_eq(err.text + 7, strerror(cases[i].number));
	}
}

Test(error, cuts_long_words_with_dots)
{
	struct inq_error err;
	char text[2 * INQ_ERROR_TEXT];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	inq_fail(&err, INQ_USAGE, "%s", text);
	cr_assert_eq(strlen(err.text), INQ_ERROR_TEXT - 1);
	cr_assert_str_eq(err.text + INQ_ERROR_TEXT - 4, "...");
	inq_prepend(&err, INQ_USAGE, "outside");
	cr_assert_eq(strncmp(err.text, "outside: xxx", 12), 0);
	cr_assert_str_eq(err.text + INQ_ERROR_TEXT - 4, "...");
}

Test(error, needs_no_record)
{
	errno = EIO;
	cr_assert_eq(inq_fail(NULL, INQ_ABSENT, "x"), INQ_ABSENT);
	cr_assert_eq(inq_fail_os(NULL, "x"), INQ_OS);
	cr_assert_eq(inq_prepend(NULL, INQ_FAULT, "x"), INQ_FAULT);
}

Test(error, names_every_status)
{
	for (int status = INQ_OK; status <= INQ_USAGE; status++)
		cr_assert_str_neq(inq_status_name((enum inq_status)status), "unknown status");
	cr_assert_str_eq(inq_status_name((enum inq_status)99), "unknown status");
}

Test(buffer, grows_and_keeps_what_was_put)
{
	struct inq_buffer buffer;

	inq_buffer_init(&buffer);
	cr_assert_str_eq(inq_buffer_text(&buffer), "");
	for (int i = 0; i < 1000; i++)
		inq_buffer_printf(&buffer, "%03d,", i);
	inq_buffer_puts(&buffer, "end");
	cr_assert_eq(buffer.size, 4003);
	cr_assert_eq(memcmp(buffer.data + 999 * 4, "999,end", 8), 0);
	memset(inq_buffer_extend(&buffer, 8), 0xff, 8);
	cr_assert_eq(*(uint8_t *)inq_buffer_extend(&buffer, 1), 0);
	cr_assert(inq_buffer_ok(&buffer));
	inq_buffer_done(&buffer);
	cr_assert_null(buffer.data);
	inq_buffer_done(NULL);
	inq_buffer_init(NULL);
}

Test(buffer, fails_for_good_when_there_is_no_memory)
{
	struct inq_buffer buffer = {0};

	inq_buffer_puts(&buffer, "kept");
	cr_assert_not(inq_buffer_reserve(&buffer, SIZE_MAX - 2));
	cr_assert_not(inq_buffer_ok(&buffer));
	inq_buffer_puts(&buffer, "lost");
	cr_assert_null(inq_buffer_extend(&buffer, 1));
	cr_assert_eq(buffer.size, 4);
	inq_buffer_done(&buffer);
	cr_assert(inq_buffer_ok(&buffer));
}

Test(cursor, reads_numbers_of_either_byte_order)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0, "x");

	cr_assert_eq(inq_cursor_u8(&cursor), 1);
	cr_assert_eq(inq_cursor_u16(&cursor), 0x0302);
	cr_assert_eq(inq_cursor_u32(&cursor), 0x07060504u);
	cr_assert_eq(inq_cursor_u64(&cursor), 0x0f0e0d0c0b0a0908ull);
	cr_assert_eq(inq_cursor_left(&cursor), 0);
	inq_cursor_seek(&cursor, 0);
	cursor.swap = true;
	cr_assert_eq(inq_cursor_u16(&cursor), 0x0102);
	cr_assert_eq(inq_cursor_word(&cursor, 4), 0x03040506u);
	cr_assert_eq(inq_cursor_word(&cursor, 8), 0x0708090a0b0c0d0eull);
	cr_assert_eq(inq_cursor_status(&cursor, NULL), INQ_OK);
}

Test(cursor, is_bad_for_good_where_the_first_read_failed)
{
	const uint8_t bytes[6] = {1, 1, 1, 1, 1, 1};
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0x100, "'a.dmp'");
	uint8_t copy[4] = {9, 9, 9, 9};
	struct inq_error err;

	inq_cursor_skip(&cursor, 3);
	cr_assert_eq(inq_cursor_u32(&cursor), 0);
	cr_assert_eq(inq_cursor_u8(&cursor), 0);
	cr_assert_not(inq_cursor_copy(&cursor, copy, sizeof(copy)));
	cr_assert_eq(copy[3], 0);
	cr_assert_null(inq_cursor_bytes(&cursor, 0));
	inq_cursor_seek(&cursor, 0);
	cr_assert_eq(inq_cursor_left(&cursor), 0);
	cr_assert_eq(inq_cursor_status(&cursor, &err), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "'a.dmp': ends early at 0x103");
}

Test(cursor, reads_leb128_of_at_most_ten_bytes)
{
	const uint8_t bytes[] = {0xe5, 0x8e, 0x26, 0x7f, 0x80, 0x7f};
	const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	const uint8_t longer[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0, "x");

	cr_assert_eq(inq_cursor_uleb(&cursor), 624485);
	cr_assert_eq(inq_cursor_sleb(&cursor), -1);
	cr_assert_eq(inq_cursor_sleb(&cursor), -128);
	cursor = inq_cursor_make(most, sizeof(most), 0, "x");
	cr_assert_eq(inq_cursor_uleb(&cursor), UINT64_MAX);
	cr_assert_not(cursor.bad);
	cursor = inq_cursor_make(longer, sizeof(longer), 0, "x");
	cr_assert_eq(inq_cursor_uleb(&cursor), 0);
	cr_assert(cursor.bad);
	cursor = inq_cursor_make(longer, 3, 0, "x");
	cr_assert_eq(inq_cursor_sleb(&cursor), 0);
	cr_assert(cursor.bad);
}

Test(cursor, finds_strings_that_end_inside_only)
{
	struct inq_cursor cursor = inq_cursor_make("ab\0\0cd", 6, 0, "x");

	cr_assert_str_eq(inq_cursor_string(&cursor), "ab");
	cr_assert_str_eq(inq_cursor_string(&cursor), "");
	cr_assert_not(cursor.bad);
	cr_assert_str_eq(inq_cursor_string(&cursor), "");
	cr_assert(cursor.bad);
	cr_assert_eq(cursor.bad_at, 4);
}

Test(cursor, refuses_to_seek_beyond_its_end)
{
	struct inq_cursor cursor = inq_cursor_make("abcd", 4, 0, "x");

	inq_cursor_seek(&cursor, 4);
	cr_assert_not(cursor.bad);
	inq_cursor_seek(&cursor, 5);
	cr_assert(cursor.bad);
}
