/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is compressed is what the reader reads, whatever the number of threads. */
#include "config.h"

#include "support/file.h"
#include "support/frames_writer.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int file_of(size_t size, uint8_t **ret)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);
	uint8_t *bytes = malloc(size + 1);
	uint32_t state = 12345;

	for (size_t i = 0; i < size; i++) {
		state = state * 1103515245 + 12345;
		/* Half of it noise, half of it zeroes. */
		bytes[i] = i / 65536 % 2 ? 0 : (uint8_t)(state >> 16);
	}
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	*ret = bytes;
	return fd;
}

static void round_trip(size_t size, unsigned threads)
{
	uint8_t *bytes, *back = malloc(size + 1);
	int plain = file_of(size, &bytes), packed = memfd_create("packed", MFD_CLOEXEC);
	struct inq_file *file;
	struct inq_error err;
	size_t done;

	cr_assert_eq(inq_frames_compress(plain, packed, threads, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_file_open_fd(packed, "packed", &file, &err), INQ_OK, "%s", err.text);
	cr_expect(inq_file_is_compressed(file));
	cr_expect_eq(inq_file_size(file), size, "%zu bytes: %llu", size, (unsigned long long)inq_file_size(file));
	cr_assert_eq(inq_file_read(file, 0, back, size, &done, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(done, size);
	cr_expect_eq(memcmp(bytes, back, size), 0, "%zu bytes with %u threads differ", size, threads);
	if (size > 100)
		cr_expect_eq(inq_file_read_all(file, size - 77, back, 77, &err), INQ_OK);
	cr_expect_eq(memcmp(bytes + (size > 100 ? size - 77 : 0), back, size > 100 ? 77 : size), 0);
	inq_file_close(file);
	close(plain);
	free(bytes);
	free(back);
}

Test(frames_writer, writes_what_is_read_back)
{
	static const size_t sizes[] = {1, 4096, INQ_FRAME_SIZE - 1, INQ_FRAME_SIZE, INQ_FRAME_SIZE + 1,
				       7 * INQ_FRAME_SIZE + 12345};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		round_trip(sizes[i], 1);
		round_trip(sizes[i], 4);
		round_trip(sizes[i], 0);
	}
}

Test(frames_writer, says_that_the_disk_is_full)
{
	struct inq_error err;
	uint8_t *bytes;
	int plain = file_of(3 * INQ_FRAME_SIZE, &bytes), full = open("/dev/full", O_RDWR);

	cr_assert_geq(full, 0);
	cr_expect_eq(inq_frames_compress(plain, full, 2, &err), INQ_OS);
	cr_expect_eq(err.os_errno, ENOSPC);
	cr_expect_not_null(strstr(err.text, "No space left"), "%s", err.text);
	close(plain);
	close(full);
	free(bytes);
}
