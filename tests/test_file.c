/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/buffer.h"
#include "support/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { SIZE = 700 * 1000 + 13, FRAME = 40 * 1000 };

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + at / 251 + at / 65536 * 7);
}

static uint8_t *content(void)
{
	uint8_t *bytes = malloc(SIZE);

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = pattern(i);
	return bytes;
}

static void put32(struct inq_buffer *to, uint32_t value)
{
	inq_buffer_append(to, &value, sizeof(value));
}

static void put_frame(struct inq_buffer *to, const uint8_t *bytes, size_t size)
{
	size_t bound = ZSTD_compressBound(size);
	uint8_t *room = malloc(bound);
	size_t got = ZSTD_compress(room, bound, bytes, size, 1);

	inq_buffer_append(to, room, got);
	free(room);
}

static void put_table(struct inq_buffer *to, const struct inq_buffer *entries, uint32_t count,
		      uint8_t descriptor)
{
	put32(to, 0x184d2a5e);
	put32(to, (uint32_t)entries->size + 9);
	inq_buffer_append(to, entries->data, entries->size);
	put32(to, count);
	inq_buffer_append(to, &descriptor, 1);
	put32(to, 0x8f92eab1);
}

/* A seekable file of the content in frames, with an empty one in their middle. `lie` is added to
 * what the table says about the unpacked size of the third frame. */
static void put_seekable(struct inq_buffer *to, uint32_t lie, bool checked)
{
	uint8_t *bytes = content();
	struct inq_buffer entries = {0};
	uint32_t count = 0;

	for (size_t at = 0; at < SIZE; count++) {
		size_t before = to->size, size = SIZE - at < FRAME ? SIZE - at : FRAME;

		if (count == 5)
			size = 0;
		put_frame(to, bytes + at, size);
		put32(&entries, (uint32_t)(to->size - before));
		put32(&entries, (uint32_t)size + (count == 2 ? lie : 0));
		if (checked)
			put32(&entries, 0);
		at += size;
	}
	put_table(to, &entries, count, checked ? 0x80 : 0);
	inq_buffer_done(&entries);
	free(bytes);
}

static int file_of(const void *bytes, size_t size)
{
	char path[] = "/tmp/inq-test-file-XXXXXX";
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	unlink(path);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

/* Small reads all over the file, large ones, and ones across its end. */
static void reads_the_content(struct inq_file *file)
{
	uint8_t *room = malloc(SIZE + 10);
	struct inq_error err;
	size_t done = 0;

	cr_assert_eq(inq_file_size(file), SIZE);
	for (size_t at = 0, step = 1; at < SIZE; step = step * 5 % 65521 + 1, at += step) {
		size_t wanted = at % 3 == 0 ? 8 : 3;
		uint64_t from = at % 2 ? at : SIZE - 1 - at;
		size_t left = SIZE - from < wanted ? SIZE - from : wanted;

		cr_assert_eq(inq_file_read(file, from, room, wanted, &done, &err), INQ_OK, "%s",
			     err.text);
		cr_assert_eq(done, left);
		for (size_t i = 0; i < done; i++)
			cr_assert_eq(room[i], pattern(from + i));
	}
	cr_assert_eq(inq_file_read(file, 0, room, SIZE + 10, &done, &err), INQ_OK);
	cr_assert_eq(done, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		cr_assert_eq(room[i], pattern(i));
	cr_assert_eq(inq_file_read(file, SIZE, room, 1, &done, &err), INQ_OK);
	cr_assert_eq(done, 0);
	cr_assert_eq(inq_file_read(file, UINT64_MAX, room, 8, &done, &err), INQ_OK);
	cr_assert_eq(done, 0);
	cr_assert_eq(inq_file_read_all(file, SIZE - 8, room, 8, &err), INQ_OK);
	free(room);
}

Test(file, reads_a_plain_file_in_any_order)
{
	uint8_t *bytes = content();
	struct inq_file *file = NULL;
	struct inq_error err;

	cr_assert_eq(inq_file_open_fd(file_of(bytes, SIZE), "a.bin", &file, &err), INQ_OK);
	cr_assert_not(inq_file_is_compressed(file));
	cr_assert_str_eq(inq_file_name(file), "a.bin");
	reads_the_content(file);
	inq_file_close(file);
	cr_assert_eq(inq_file_open_bytes(bytes, SIZE, "bytes", &file, &err), INQ_OK);
	reads_the_content(file);
	inq_file_close(file);
	free(bytes);
}

Test(file, reads_all_or_says_where_the_file_ends)
{
	struct inq_file *file = NULL;
	struct inq_error err;
	char room[8];

	cr_assert_eq(inq_file_open_fd(file_of("0123456789", 10), "a.bin", &file, &err), INQ_OK);
	cr_assert_eq(inq_file_read_all(file, 4, room, 8, &err), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "'a.bin': ends at 0xa, 0x8 bytes wanted at 0x4");
	cr_assert_eq(inq_file_read_all(file, 0x100, room, 8, &err), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "'a.bin': ends at 0xa, 0x8 bytes wanted at 0x100");
	inq_file_close(file);
}

Test(file, survives_a_file_that_is_truncated_under_it)
{
	uint8_t *bytes = content();
	int fd = file_of(bytes, SIZE);
	struct inq_file *file = NULL;
	struct inq_error err;
	size_t done = 99;

	cr_assert_eq(inq_file_open_fd(dup(fd), "a.bin", &file, &err), INQ_OK);
	cr_assert_eq(ftruncate(fd, 100), 0);
	cr_assert_eq(inq_file_read(file, 96, bytes, 8, &done, &err), INQ_OK);
	cr_assert_eq(done, 4);
	cr_assert_eq(inq_file_read(file, 400000, bytes, 8, &done, &err), INQ_OK);
	cr_assert_eq(done, 0);
	inq_file_close(file);
	close(fd);
	free(bytes);
}

Test(file, tells_absent_from_denied_from_no_regular_file)
{
	struct inq_file *file = (struct inq_file *)&errno;
	struct inq_error err;

	cr_assert_eq(inq_file_open("/nowhere/a.dmp", &file, &err), INQ_ABSENT);
	cr_assert_str_eq(err.text, "'/nowhere/a.dmp': no such file");
	cr_assert_eq(inq_file_open("/dev/null", &file, &err), INQ_UNSUPPORTED);
	cr_assert_str_eq(err.text, "'/dev/null': not a regular file");
	cr_assert_eq(inq_file_open("/tmp", &file, &err), INQ_UNSUPPORTED);
	cr_assert_eq(inq_file_open_fd(-1, "x", &file, &err), INQ_OS);
	cr_assert_eq(err.os_errno, EBADF);
	cr_assert_eq(file, (struct inq_file *)&errno);
}

Test(file, does_not_wait_for_a_fifo)
{
	char folder[] = "/tmp/inq-test-fifo-XXXXXX", path[64];
	struct inq_file *file = NULL;
	struct inq_error err;

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fifo", folder);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(inq_file_open(path, &file, &err), INQ_UNSUPPORTED);
	unlink(path);
	rmdir(folder);
}

Test(file, reads_a_seekable_zstd_file_by_frames)
{
	for (int checked = 0; checked < 2; checked++) {
		struct inq_buffer bytes = {0};
		struct inq_file *file = NULL;
		struct inq_error err;

		put_seekable(&bytes, 0, checked);
		cr_assert_eq(inq_file_open_bytes(bytes.data, bytes.size, "a.zst", &file, &err),
			     INQ_OK, "%s", err.text);
		cr_assert(inq_file_is_compressed(file));
		cr_assert_eq(inq_file_stored_size(file), bytes.size);
		reads_the_content(file);
		inq_file_close(file);
		cr_assert_eq(
			inq_file_open_fd(file_of(bytes.data, bytes.size), "a.zst", &file, &err),
			INQ_OK);
		reads_the_content(file);
		inq_file_close(file);
		inq_buffer_done(&bytes);
	}
}

Test(file, unpacks_a_zstd_file_without_a_table)
{
	uint8_t *bytes = content();
	struct inq_buffer packed = {0};
	struct inq_file *file = NULL;
	struct inq_error err;

	put_frame(&packed, bytes, 300000);
	put_frame(&packed, bytes + 300000, SIZE - 300000);
	cr_assert_eq(inq_file_open_fd(file_of(packed.data, packed.size), "a.zst", &file, &err),
		     INQ_OK, "%s", err.text);
	cr_assert(inq_file_is_compressed(file));
	cr_assert_eq(inq_file_stored_size(file), packed.size);
	reads_the_content(file);
	inq_file_close(file);
	inq_buffer_done(&packed);
	free(bytes);
}

Test(file, unpacks_as_much_of_a_truncated_zstd_file_as_there_is)
{
	struct inq_buffer bytes = {0};
	struct inq_file *file = NULL;
	struct inq_error err;
	uint8_t byte;

	put_seekable(&bytes, 0, false);
	cr_assert_eq(inq_file_open_bytes(bytes.data, bytes.size / 2, "a.zst", &file, &err), INQ_OK,
		     "%s", err.text);
	cr_assert_gt(inq_file_size(file), SIZE / 4);
	cr_assert_lt(inq_file_size(file), SIZE);
	cr_assert_eq(inq_file_read_all(file, inq_file_size(file) - 1, &byte, 1, &err), INQ_OK);
	cr_assert_eq(byte, pattern(inq_file_size(file) - 1));
	inq_file_close(file);
	inq_buffer_done(&bytes);
}

Test(file, refuses_damaged_compression)
{
	struct inq_buffer packed = {0};
	struct inq_file *file = NULL;
	struct inq_error err;
	uint8_t *bytes = content();

	put_frame(&packed, bytes, SIZE);
	memset(packed.data + packed.size / 2, 0xff, 64);
	cr_assert_eq(inq_file_open_bytes(packed.data, packed.size, "a.zst", &file, &err),
		     INQ_BAD_DATA);
	cr_assert(strncmp(err.text, "'a.zst': compressed data at 0x", 30) == 0, "%s", err.text);
	cr_assert_null(file);
	inq_buffer_done(&packed);
	free(bytes);
}

Test(file, keeps_other_frames_readable_beside_a_damaged_one)
{
	struct inq_buffer bytes = {0};
	struct inq_file *file = NULL;
	struct inq_error err;
	uint8_t room[8];
	size_t done;

	put_seekable(&bytes, 0, false);
	memset(bytes.data + 10, 0xff, 20);
	cr_assert_eq(inq_file_open_bytes(bytes.data, bytes.size, "a.zst", &file, &err), INQ_OK);
	cr_assert_eq(inq_file_read(file, 100, room, 8, &done, &err), INQ_BAD_DATA);
	cr_assert(strncmp(err.text, "'a.zst': compressed frame at 0x0: ", 34) == 0, "%s", err.text);
	cr_assert_eq(inq_file_read_all(file, FRAME, room, 8, &err), INQ_OK);
	cr_assert_eq(room[0], pattern(FRAME));
	inq_file_close(file);
	inq_buffer_done(&bytes);
}

static void refuses_table(const struct inq_buffer *bytes, const char *words)
{
	struct inq_file *file = NULL;
	struct inq_error err;

	cr_assert_eq(inq_file_open_bytes(bytes->data, bytes->size, "a.zst", &file, &err),
		     INQ_BAD_DATA);
	cr_assert(strstr(err.text, words), "%s", err.text);
	cr_assert_null(file);
}

Test(file, refuses_a_seek_table_that_does_not_add_up)
{
	struct inq_buffer bytes = {0};
	size_t footer;

	put_seekable(&bytes, 0, false);
	footer = bytes.size - 9;
	bytes.data[footer]++;
	refuses_table(&bytes, "seek table: no frame of 0x");
	bytes.data[footer]--;
	memset(bytes.data + footer, 0xff, 4);
	refuses_table(&bytes, "seek table: 4294967295 frames, more than the file can hold");
	bytes.data[footer] = 19;
	memset(bytes.data + footer + 1, 0, 3);
	bytes.data[footer + 4] = 0x7c;
	refuses_table(&bytes, "seek table: reserved bits 0x7c are set");
	bytes.data[footer + 4] = 0;
	bytes.data[footer - 19 * 8] -= 1; /* the first frame's stored size */
	refuses_table(&bytes, "seek table: its frames end at 0x");
	memset(bytes.data + footer - 19 * 8, 0xff, 4);
	refuses_table(&bytes, "seek table: frame 0 runs past 0x");
	inq_buffer_done(&bytes);
}

Test(file, refuses_a_frame_that_is_not_as_long_as_the_table_says)
{
	struct inq_buffer bytes = {0};
	struct inq_file *file = NULL;
	struct inq_error err;
	uint8_t room[8];
	size_t done;

	put_seekable(&bytes, 1, false);
	cr_assert_eq(inq_file_open_bytes(bytes.data, bytes.size, "a.zst", &file, &err), INQ_OK);
	cr_assert_eq(inq_file_read(file, 2 * FRAME + 5, room, 8, &done, &err), INQ_BAD_DATA);
	cr_assert(strstr(err.text, "40000 bytes, the seek table says 40001"), "%s", err.text);
	inq_file_close(file);
	inq_buffer_done(&bytes);
}

Test(file, unpacks_when_the_frames_are_too_large_to_be_cached)
{
	size_t size = 9 * 1024 * 1024;
	uint8_t *zeroes = calloc(1, size), room[8];
	struct inq_buffer bytes = {0}, entries = {0};
	struct inq_file *file = NULL;
	struct inq_error err;

	zeroes[size - 1] = 7;
	put_frame(&bytes, zeroes, size);
	put32(&entries, (uint32_t)bytes.size);
	put32(&entries, (uint32_t)size);
	put_table(&bytes, &entries, 1, 0);
	cr_assert_eq(inq_file_open_bytes(bytes.data, bytes.size, "a.zst", &file, &err), INQ_OK,
		     "%s", err.text);
	cr_assert_eq(inq_file_size(file), size);
	cr_assert_eq(inq_file_read_all(file, size - 8, room, 8, &err), INQ_OK);
	cr_assert_eq(room[7], 7);
	inq_file_close(file);
	inq_buffer_done(&bytes);
	inq_buffer_done(&entries);
	free(zeroes);
}

Test(file, opens_a_file_of_no_bytes)
{
	struct inq_file *file = NULL;
	struct inq_error err;
	size_t done = 1;
	char byte;

	cr_assert_eq(inq_file_open_fd(file_of("", 0), "empty", &file, &err), INQ_OK);
	cr_assert_eq(inq_file_size(file), 0);
	cr_assert_eq(inq_file_read(file, 0, &byte, 1, &done, &err), INQ_OK);
	cr_assert_eq(done, 0);
	inq_file_close(file);
	inq_file_close(NULL);
}
