/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which pages are there, as the kernel says it of this process, and as words in a file say it. */
#include "config.h"

#include "target/touched.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64, HUGE_PAGES = 1 << 22 /* 16 GiB */ };

/* Written, only read, never touched: by the last digit of the page's number. */
static bool is_written(size_t page) { return page % 10 < 3; }
static bool is_read(size_t page) { return page % 10 == 5; }

static char *map(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(memory, MAP_FAILED);
	madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

static void expect_runs(struct inq_touched *touched, uint64_t base, bool read_is_there)
{
	for (size_t page = 0; page < PAGES;) {
		size_t alike = 1;
		bool wanted = is_written(page) || (read_is_there && is_read(page)), there = !wanted;
		uint64_t run;

		while (page + alike < PAGES &&
		       (is_written(page + alike) || (read_is_there && is_read(page + alike))) == wanted)
			alike++;
		/* From the middle of a page, too. */
		run = inq_touched_run(touched, base + page * PAGE + 100, (PAGES - page) * PAGE - 100, &there);
		cr_expect_eq(there, wanted, "page %zu", page);
		cr_expect_eq(run, alike * PAGE - 100, "page %zu: %llu bytes", page, (unsigned long long)run);
		page += alike;
	}
}

Test(touched, tells_what_was_written_from_what_was_not)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct inq_touched *touched = inq_touched_new(fd);
	volatile char *memory = map(PAGES);
	uint64_t words[PAGES], sum = 0;
	bool there = false;
	int copy;

	for (size_t page = 0; page < PAGES; page++) {
		if (is_written(page))
			memory[page * PAGE] = 1;
		else if (is_read(page))
			sum += (uint64_t)memory[page * PAGE];
	}
	cr_assert_eq(sum, 0);
	cr_assert_geq(fd, 0);
	/* Where the kernel has no PAGEMAP_SCAN, a page that was read counts as there. */
	inq_touched_run(touched, (uintptr_t)memory + 5 * PAGE, PAGE, &there);
	expect_runs(touched, (uintptr_t)memory, there);
	inq_touched_free(touched);

	/* The same by its words. */
	cr_assert_eq(pread(fd, words, sizeof(words), (off_t)((uintptr_t)memory / PAGE * 8)), sizeof(words));
	copy = memfd_create("pagemap", MFD_CLOEXEC);
	cr_assert_eq(pwrite(copy, words, sizeof(words), (off_t)((uintptr_t)memory / PAGE * 8)), sizeof(words));
	touched = inq_touched_new(copy);
	expect_runs(touched, (uintptr_t)memory, true);
	inq_touched_free(touched);
	close(copy);
	close(fd);
}

Test(touched, passes_over_what_nobody_touched_and_goes_on_behind_it)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct inq_touched *touched = inq_touched_new(fd);
	char *memory = map(HUGE_PAGES);
	uint64_t base = (uintptr_t)memory, at = 0;
	bool there = true;

	/* More runs than one answer of the kernel holds. */
	for (size_t i = 0; i < 3000; i++)
		memory[(HUGE_PAGES - 6000 + 2 * i) * (size_t)PAGE] = 1;
	at = inq_touched_run(touched, base, (uint64_t)HUGE_PAGES * PAGE, &there);
	while (!there && at < (uint64_t)(HUGE_PAGES - 6000) * PAGE)
		at += inq_touched_run(touched, base + at, (uint64_t)HUGE_PAGES * PAGE - at, &there);
	cr_expect_eq(at, (uint64_t)(HUGE_PAGES - 6000) * PAGE);
	for (size_t i = 0; i < 6000; i++) {
		cr_expect_eq(inq_touched_run(touched, base + at, (uint64_t)HUGE_PAGES * PAGE - at, &there), PAGE, "%zu", i);
		cr_expect_eq(there, i % 2 == 0, "%zu", i);
		at += PAGE;
	}
	inq_touched_free(touched);
	close(fd);
}

Test(touched, says_that_it_cannot_know)
{
	int empty = memfd_create("pagemap", MFD_CLOEXEC);
	struct inq_touched *touched = inq_touched_new(empty);
	bool there = true;

	cr_expect_eq(inq_touched_run(touched, 0x10000, PAGE, &there), 0);
	inq_touched_free(touched);
	touched = inq_touched_new(-1);
	cr_expect_eq(inq_touched_run(touched, 0x10000, PAGE, &there), 0);
	inq_touched_free(touched);
	close(empty);
}
