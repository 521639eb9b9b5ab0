/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is handed to the thread is in the file afterwards, zeroes are holes, and failures are told. */
#include "config.h"

#include "support/behind.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 3 * INQ_BEHIND_CHUNKS + 1, ODD = 4096 + 77 };

static int nameless(void)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

/* Every third chunk is zero but for its last byte. */
static void fill(uint8_t *to, unsigned round)
{
	for (size_t i = 0; i < INQ_SINK_CHUNK; i++)
		to[i] = round % 3 == 2 ? 0 : (uint8_t)(i * 31 + i / 4096 + round);
	to[INQ_SINK_CHUNK - 1] = (uint8_t)(round + 1);
}

static void write_all(struct inq_behind *behind)
{
	struct inq_sink *sink = inq_behind_sink(behind);
	struct inq_error err;
	uint8_t *chunk = NULL;

	cr_assert_eq(sink->hand(sink, 0, 0, &chunk, &err), INQ_OK);
	cr_assert_eq((uintptr_t)chunk % INQ_SINK_PAGE, 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		fill(chunk, i);
		cr_assert_eq(sink->hand(sink, (uint64_t)i * INQ_SINK_CHUNK, INQ_SINK_CHUNK, &chunk, &err), INQ_OK);
	}
	memset(chunk, 0x42, ODD);
	cr_assert_eq(sink->hand(sink, (uint64_t)ROUNDS * INQ_SINK_CHUNK, ODD, &chunk, &err), INQ_OK);
	/* Comes after all that was handed over, though it lies before. */
	cr_assert_eq(sink->write(sink, 5, "late", 4, &err), INQ_OK);
	cr_assert_eq(inq_behind_finish(behind, &err), INQ_OK);
}

static void check(int fd)
{
	uint8_t *wanted = malloc(INQ_SINK_CHUNK), *found = malloc(INQ_SINK_CHUNK);
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	cr_expect_eq(st.st_size, (off_t)ROUNDS * INQ_SINK_CHUNK + ODD);
	cr_expect_lt(st.st_blocks * 512, st.st_size - (ROUNDS / 3 - 1) * INQ_SINK_CHUNK, "zeroes are holes");
	for (unsigned i = 0; i < ROUNDS; i++) {
		fill(wanted, i);
		if (i == 0)
			memcpy(wanted + 5, "late", 4);
		cr_assert_eq(pread(fd, found, INQ_SINK_CHUNK, (off_t)i * INQ_SINK_CHUNK), INQ_SINK_CHUNK);
		cr_expect_eq(memcmp(wanted, found, INQ_SINK_CHUNK), 0, "chunk %u", i);
	}
	free(wanted);
	free(found);
}

Test(behind, writes_what_is_handed_over_and_leaves_zeroes_out)
{
	struct inq_behind *behind;
	struct inq_error err;
	int fd = nameless();

	cr_assert_eq(inq_behind_new(fd, true, &behind, &err), INQ_OK, "%s", err.text);
	write_all(behind);
	inq_behind_free(behind);
	check(fd);
}

Test(behind, writes_without_a_thread_where_none_can_be_had)
{
	const struct rlimit none = {0, 0};
	struct inq_behind *behind;
	struct inq_error err;
	int fd = nameless();

	if (geteuid() == 0 && setresuid(65534, 65534, 65534))
		cr_skip_test("cannot become another user");
	cr_assert_eq(setrlimit(RLIMIT_NPROC, &none), 0);
	cr_assert_eq(inq_behind_new(fd, true, &behind, &err), INQ_OK, "%s", err.text);
	write_all(behind);
	inq_behind_free(behind);
	check(fd);
}

Test(behind, writes_without_a_thread_where_none_is_wanted)
{
	struct inq_behind *behind;
	struct inq_error err;
	int fd = nameless();

	cr_assert_eq(inq_behind_new(-1, false, &behind, &err), INQ_OK, "%s", err.text);
	inq_behind_use(behind, fd);
	write_all(behind);
	inq_behind_free(behind);
	check(fd);
}

/* Somewhere on the way, and again at the end; nothing is written after it. */
static void fails(int fd, int with)
{
	struct inq_behind *behind;
	struct inq_sink *sink;
	struct inq_error err = {0};
	enum inq_status status = INQ_OK;
	uint8_t *chunk = NULL;

	cr_assert_eq(inq_behind_new(fd, true, &behind, &err), INQ_OK);
	sink = inq_behind_sink(behind);
	sink->hand(sink, 0, 0, &chunk, &err);
	for (unsigned i = 0; status == INQ_OK && i < ROUNDS; i++) {
		memset(chunk, 1, INQ_SINK_CHUNK);
		status = sink->hand(sink, (uint64_t)i * INQ_SINK_CHUNK, INQ_SINK_CHUNK, &chunk, &err);
	}
	cr_expect_eq(status, INQ_OS);
	cr_expect_eq(err.os_errno, with);
	err = (struct inq_error){0};
	cr_expect_eq(inq_behind_finish(behind, &err), INQ_OS);
	cr_expect_eq(err.os_errno, with);
	cr_expect_eq(sink->write(sink, 0, "MDMP", 4, &err), INQ_OS, "no signature after a failure");
	inq_behind_free(behind);
}

Test(behind, says_that_the_disk_is_full)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	cr_assert_geq(full, 0);
	fails(full, ENOSPC);
	close(full);
}

Test(behind, says_that_the_file_may_not_grow_and_signals_nobody)
{
	const struct rlimit limit = {2500000, 2500000};
	char head[4];
	int fd = nameless();

	/* The thread blocks SIGXFSZ; the caller's disposition is to die of it. */
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fails(fd, EFBIG);
	cr_expect_eq(pread(fd, head, 4, 0), 4);
	cr_expect_neq(memcmp(head, "MDMP", 4), 0);
	close(fd);
}
