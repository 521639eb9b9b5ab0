/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/touched.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	WORDS = 16384, /* 64 MiB of memory at a time */
	RUNS = 1024,
};

/* The words: bit 63 says that the page is there, bit 62 that it is swapped out. */
#define WORD_THERE (3ull << 62)

/* include/uapi/linux/fs.h of Linux 6.7 */
enum { SCAN_PRESENT = 1 << 3, SCAN_SWAPPED = 1 << 4, SCAN_ZERO = 1 << 5 };

struct scan_run {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, runs, run_count, max_pages;
	uint64_t inverted, all_of, any_of, return_mask;
};
_Static_assert(sizeof(struct scan) == (INQ_TOUCHED_SCAN >> 16 & 0x3fff), "as the ioctl's number says");

struct inq_touched {
	int fd;
	bool no_scan;
	uint64_t from, to; /* bytes that `runs` tell of */
	size_t count, last;
	union {
		struct scan_run runs[RUNS];
		uint64_t words[WORDS];
	};
};

struct inq_touched *inq_touched_new(int fd)
{
	struct inq_touched *touched = calloc(1, sizeof(*touched));

	if (touched)
		touched->fd = fd;
	return touched;
}

void inq_touched_free(struct inq_touched *touched)
{
	free(touched);
}

void inq_touched_forget(struct inq_touched *touched)
{
	touched->to = 0;
}

/* --- runs --------------------------------------------------------------------------------------------------- */

/* Pages that are there; a page of zeroes is given for what was only read, and nobody wrote to it. */
static bool scan(struct inq_touched *touched, uint64_t start, uint64_t end)
{
	struct scan ask = {
		.size = sizeof(ask),
		.start = start,
		.end = end,
		.runs = (uint64_t)(uintptr_t)touched->runs,
		.run_count = RUNS,
		.inverted = SCAN_ZERO,
		.all_of = SCAN_ZERO,
		.any_of = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int count = ioctl(touched->fd, INQ_TOUCHED_SCAN, &ask);

	if (count < 0 || ask.walk_end <= start || count > RUNS) {
		touched->no_scan = true;
		touched->to = 0;
		return false;
	}
	touched->from = start;
	touched->to = ask.walk_end;
	touched->count = (size_t)count;
	touched->last = 0;
	return true;
}

static uint64_t scanned(struct inq_touched *touched, uint64_t address, uint64_t end, bool *ret_there)
{
	const struct scan_run *runs = touched->runs;
	size_t i = touched->last < touched->count && runs[touched->last].start <= address ? touched->last : 0;
	uint64_t until = touched->to < end ? touched->to : end;

	while (i < touched->count && runs[i].end <= address)
		i++;
	touched->last = i;
	*ret_there = i < touched->count && runs[i].start <= address;
	if (*ret_there) {
		/* Pages in memory and swapped ones are runs of their own. */
		uint64_t last = runs[i].end;

		while (++i < touched->count && runs[i].start == last)
			last = runs[i].end;
		return (last < until ? last : until) - address;
	}
	return (i < touched->count && runs[i].start < until ? runs[i].start : until) - address;
}

/* --- words -------------------------------------------------------------------------------------------------- */

static bool read_words(struct inq_touched *touched, uint64_t address)
{
	uint64_t page = address / PAGE;
	ssize_t got;

	if (address >= touched->from && address < touched->to)
		return true;
	do
		got = pread(touched->fd, touched->words, sizeof(touched->words), (off_t)(page * 8));
	while (got < 0 && errno == EINTR);
	touched->from = page * PAGE;
	touched->to = touched->from + (got > 0 ? (uint64_t)got / 8 * PAGE : 0);
	return address < touched->to;
}

static uint64_t counted(struct inq_touched *touched, uint64_t address, uint64_t end, bool *ret_there)
{
	uint64_t at;

	for (at = address; at < end; at = (at | (PAGE - 1)) + 1) {
		bool there;

		if (!read_words(touched, at))
			break;
		there = touched->words[(at - touched->from) / PAGE] & WORD_THERE;
		if (at == address)
			*ret_there = there;
		else if (there != *ret_there)
			break;
	}
	return at < end ? at - address : end - address;
}

uint64_t inq_touched_run(struct inq_touched *touched, uint64_t address, uint64_t size, bool *ret_there)
{
	uint64_t end = address + size, first = address & ~(uint64_t)(PAGE - 1), last = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	if (!touched->no_scan &&
	    ((address >= touched->from && address < touched->to) || scan(touched, first, last)))
		return scanned(touched, address, end, ret_there);
	return counted(touched, address, end, ret_there);
}
