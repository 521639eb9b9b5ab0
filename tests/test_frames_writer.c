/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is compressed is what the reader reads, whatever the number of threads and the order of the writes. */
#include "config.h"

#include "support/file.h"
#include "support/frames_by_hand.h"
#include "support/frames_writer.h"

#include <criterion/criterion.h>

#include <zstd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Half of it noise, half of it zeroes. */
static uint8_t *bytes_of(size_t size)
{
	uint8_t *bytes = malloc(size + 1);
	uint32_t state = 12345;

	for (size_t i = 0; i < size; i++) {
		state = state * 1103515245 + 12345;
		bytes[i] = i / 65536 % 2 ? 0 : (uint8_t)(state >> 16);
	}
	return bytes;
}

static int nameless(void)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static void give(struct inq_sink *sink, const uint8_t *bytes, size_t from, size_t to)
{
	struct inq_error err;
	uint8_t *chunk = NULL;

	cr_assert_eq(sink->hand(sink, 0, 0, &chunk, &err), INQ_OK);
	for (size_t at = from, part; at < to; at += part) {
		part = to - at < INQ_SINK_CHUNK ? to - at : INQ_SINK_CHUNK;
		memcpy(chunk, bytes + at, part);
		cr_assert_eq(sink->hand(sink, at, part, &chunk, &err), INQ_OK, "%s", err.text);
	}
}

static void expect(int packed, const uint8_t *bytes, size_t size)
{
	uint8_t *back = malloc(size + 1);
	struct inq_file *file;
	struct inq_error err;
	size_t done;

	cr_assert_eq(inq_file_open_fd(packed, "packed", &file, &err), INQ_OK, "%s", err.text);
	cr_expect(inq_file_is_compressed(file));
	cr_expect_eq(inq_file_size(file), size, "%zu bytes: %llu", size, (unsigned long long)inq_file_size(file));
	cr_assert_eq(inq_file_read(file, 0, back, size, &done, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(done, size);
	cr_expect_eq(memcmp(bytes, back, size), 0, "%zu bytes differ", size);
	if (size > 100)
		cr_expect_eq(inq_file_read_all(file, size - 77, back, 77, &err), INQ_OK);
	cr_expect_eq(memcmp(bytes + (size > 100 ? size - 77 : 0), back, size > 100 ? 77 : size), 0);
	inq_file_close(file);
	free(back);
}

static void round_trip(size_t size, unsigned threads)
{
	uint8_t *bytes = bytes_of(size);
	struct inq_frames_writer *writer;
	struct inq_error err;
	int packed = nameless();

	cr_assert_eq(inq_frames_writer_new(packed, threads, &writer, &err), INQ_OK, "%s", err.text);
	give(inq_frames_writer_sink(writer), bytes, 0, size);
	cr_assert_eq(inq_frames_writer_finish(writer, &err), INQ_OK, "%s", err.text);
	inq_frames_writer_free(writer);
	expect(packed, bytes, size);
	free(bytes);
}

Test(frames_writer, writes_what_is_read_back)
{
	static const size_t sizes[] = {1, 4096, INQ_FRAME_SIZE - 1, INQ_FRAME_SIZE, INQ_FRAME_SIZE + 1,
				       27 * INQ_FRAME_SIZE + 12345};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		round_trip(sizes[i], 1);
		round_trip(sizes[i], 4);
		round_trip(sizes[i], 0);
	}
}

/* As a dump is written: a place for the signature, structures, a place for what is known at the end, memory with much
 * left out, and then what was left open. */
Test(frames_writer, changes_what_was_reserved_and_fills_what_was_left_out)
{
	enum { LATE = 9000, AT = 70000, FROM = 100000, TO = 3 << 20, GAP = 41 << 20, END = GAP + 4242, SIZE = END + (3 << 20) };
	uint8_t *bytes = calloc(1, SIZE), *some = bytes_of(SIZE), found[12];
	struct inq_frames_writer *writer;
	struct inq_error err;
	struct inq_sink *sink;
	struct stat st;
	int packed = nameless();

	memcpy(bytes + 4, some + 4, AT - 4);
	memcpy(bytes + FROM, some + FROM, TO - FROM);
	memcpy(bytes + GAP, some + GAP, END - GAP);
	cr_assert_eq(inq_frames_writer_new(packed, 2, &writer, &err), INQ_OK);
	sink = inq_frames_writer_sink(writer);
	cr_assert_eq(sink->reserve(sink, 0, 4, &err), INQ_OK);
	cr_assert_eq(sink->write(sink, 4, bytes + 4, AT - 4, &err), INQ_OK);
	cr_assert_eq(sink->reserve(sink, AT, LATE, &err), INQ_OK);
	give(sink, bytes, FROM, TO);
	give(sink, bytes, GAP, END);
	cr_assert_eq(sink->set_size(sink, SIZE, &err), INQ_OK);
	/* Over the border of two of its frames. */
	memset(bytes + AT + 100, 'x', LATE - 200);
	cr_assert_eq(sink->write(sink, AT + 100, bytes + AT + 100, LATE - 200, &err), INQ_OK, "%s", err.text);
	memcpy(bytes, "MDMP", 4);
	cr_assert_eq(sink->write(sink, 0, bytes, 4, &err), INQ_OK);
	cr_assert_eq(inq_frames_writer_finish(writer, &err), INQ_OK);
	inq_frames_writer_free(writer);
	/* Its beginning can be told from outside. */
	cr_assert_eq(pread(packed, found, 4, INQ_FRAMES_HEAD), 4);
	cr_expect_eq(memcmp(found, "MDMP", 4), 0);
	cr_assert_eq(fstat(packed, &st), 0);
	cr_expect_lt(st.st_size, 2 << 20, "%lld bytes", (long long)st.st_size);
	expect(packed, bytes, SIZE);
	free(bytes);
	free(some);
}

Test(frames_writer, refuses_late_bytes_that_have_no_place)
{
	uint8_t *bytes = bytes_of(10000);
	struct inq_frames_writer *writer;
	struct inq_error err = {0};
	struct inq_sink *sink;

	cr_assert_eq(inq_frames_writer_new(nameless(), 1, &writer, &err), INQ_OK);
	sink = inq_frames_writer_sink(writer);
	cr_assert_eq(sink->reserve(sink, 0, 64, &err), INQ_OK);
	give(sink, bytes, 64, 10000);
	cr_expect_eq(sink->write(sink, 60, bytes, 8, &err), INQ_USAGE);
	cr_expect_str_eq(err.text, "0x40: written late, and no place was kept for it");
	cr_expect_eq(inq_frames_writer_finish(writer, &err), INQ_USAGE, "it sticks");
	inq_frames_writer_free(writer);
	free(bytes);
}

Test(frames_writer, says_that_the_disk_is_full)
{
	struct inq_frames_writer *writer;
	struct inq_error err = {0};
	struct inq_sink *sink;
	uint8_t *chunk = NULL;
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	enum inq_status status = INQ_OK;

	cr_assert_geq(full, 0);
	cr_assert_eq(inq_frames_writer_new(full, 2, &writer, &err), INQ_OK);
	sink = inq_frames_writer_sink(writer);
	sink->hand(sink, 0, 0, &chunk, &err);
	for (uint64_t i = 0; status == INQ_OK && i < 100; i++) {
		memset(chunk, 1, INQ_SINK_CHUNK);
		status = sink->hand(sink, i * INQ_SINK_CHUNK, INQ_SINK_CHUNK, &chunk, &err);
	}
	cr_expect_eq(status, INQ_OS);
	cr_expect_eq(inq_frames_writer_finish(writer, &err), INQ_OS);
	cr_expect_eq(err.os_errno, ENOSPC);
	cr_expect_not_null(strstr(err.text, "No space left"), "%s", err.text);
	inq_frames_writer_free(writer);
	close(full);
}

/* zstd itself is the judge. */
Test(frames_by_hand, are_what_zstd_unpacks)
{
	static const size_t zeroes[] = {1, 255, 256, 4096, 128 << 10, (128 << 10) + 1, INQ_BY_HAND_MAX - 1, INQ_BY_HAND_MAX};
	uint8_t *back = malloc(INQ_BY_HAND_MAX), frame[INQ_BY_HAND_STORED];
	size_t head;

	for (size_t i = 0; i < sizeof(zeroes) / sizeof(zeroes[0]); i++) {
		size_t stored = inq_by_hand_zeroes(frame, zeroes[i]);

		cr_expect_leq(stored, (size_t)INQ_BY_HAND_ZEROES);
		memset(back, 1, zeroes[i]);
		cr_expect_eq(ZSTD_decompress(back, INQ_BY_HAND_MAX, frame, stored), zeroes[i], "%zu", zeroes[i]);
		cr_expect(inq_sink_is_zero(back, zeroes[i]));
	}
	for (size_t size = 1; size <= INQ_BY_HAND_BYTES; size += size < 300 ? 1 : 511) {
		head = inq_by_hand_stored(frame, size);
		cr_expect(size > 255 || head == INQ_FRAMES_HEAD);
		memset(frame + head, 'y', size);
		cr_expect_eq(ZSTD_decompress(back, INQ_BY_HAND_MAX, frame, head + size), size, "%zu", size);
		cr_expect(back[0] == 'y' && back[size - 1] == 'y');
	}
	free(back);
}
