/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/run.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

static struct inq_kept *kept_of(const struct inq_run *run, size_t *ret_count)
{
	*ret_count = run->kept.size / sizeof(struct inq_kept);
	return (struct inq_kept *)run->kept.data;
}

static void keep(struct inq_run *run, uint64_t base, uint64_t size, const uint8_t *bytes, bool near)
{
	struct inq_kept kept = {base, size, bytes, near, INQ_NO_PIECE};

	if (size)
		inq_buffer_append(&run->kept, &kept, sizeof(kept));
}

static void miss(struct inq_run *run, uint64_t address, uint64_t size)
{
	if (!run->missing)
		run->first_missing = address;
	run->missing += size;
}

enum inq_status inq_run_check_memory(const struct inq_run *run, struct inq_error *err)
{
	if (!run->missing || !(run->options->letters & INQ_DUMP_a))
		return INQ_OK;
	return inq_fail(err, INQ_FAULT,
			"0x%llx: memory cannot be read, and 'a' asks for all of it; 'A' leaves out what "
			"cannot be read",
			(unsigned long long)run->first_missing);
}

/*
 * Read a range of the plan to `to`. Pages that cannot be read are left out: guard pages that are no
 * mapping of their own (MADV_GUARD_INSTALL), files that were truncated under their mapping.
 */
static void read_range(struct inq_run *run, const struct inq_range *range, bool near, uint8_t *to)
{
	uint64_t at = range->base, end = range->base + range->size, start = at;

	while (at < end) {
		size_t done = 0;

		if (inq_target_read(run->target, at, to + (at - range->base), end - at, &done,
				    NULL) == INQ_OK &&
		    done) {
			at += done;
			continue;
		}
		keep(run, start, at - start, to + (start - range->base), near);
		start = (at | (PAGE - 1)) + 1;
		if (start > end || start < at)
			start = end;
		miss(run, at, start - at);
		at = start;
	}
	keep(run, start, at - start, to + (start - range->base), near);
}

static bool fits_budget(const struct inq_run *run)
{
	uint64_t budget =
		INQ_CAPTURE_BUDGET + (uint64_t)run->thread_count * INQ_CAPTURE_BUDGET_THREAD;

	if (budget > INQ_CAPTURE_BUDGET_MOST)
		budget = INQ_CAPTURE_BUDGET_MOST;
	return run->plan.bytes && run->plan.bytes <= budget;
}

enum inq_status inq_run_gather(struct inq_run *run, struct inq_error *err)
{
	uint8_t *to = NULL;

	if (fits_budget(run))
		run->arena = to = malloc(run->plan.bytes);
	for (size_t i = 0; i < run->plan.count; i++) {
		const struct inq_range *range = &run->plan.ranges[i];

		/* Too much to hold, or no memory to hold it: read while it is written. */
		if (!to) {
			keep(run, range->base, range->size, NULL, run->plan.near[i]);
			continue;
		}
		read_range(run, range, run->plan.near[i], to);
		to += range->size;
	}
	if (!inq_buffer_ok(&run->kept))
		return inq_fail(err, INQ_NO_MEMORY, "memory: out of memory");
	return inq_run_check_memory(run, err);
}

/* An inq_memory_source. It fills holes with zeroes itself, since their number goes into a stream
 * behind them. */
static size_t source(void *context, uint64_t address, uint64_t offset, void *to, size_t size)
{
	struct inq_run *run = context;
	uint8_t *place = to;
	size_t at = 0;

	(void)offset; /* the address counts from there already */

	while (at < size) {
		size_t done = 0;

		if (inq_target_read(run->target, address + at, place + at, size - at, &done,
				    NULL) == INQ_OK &&
		    done) {
			at += done;
			continue;
		}
		/* To the next page, zeroes until then. */
		done = PAGE - (size_t)((address + at) % PAGE);
		if (done > size - at)
			done = size - at;
		memset(place + at, 0, done);
		miss(run, address + at, done);
		at += done;
	}
	return size;
}

/* An inq_extent_source. */
static uint64_t extents(void *context, uint64_t address, uint64_t size, bool *ret_zero)
{
	struct inq_run *run = context;

	return inq_target_extent(run->target, address, size, ret_zero);
}

static void add(struct inq_run *run, struct inq_kept *kept)
{
	enum inq_memory_list list = run->plan.wide ? INQ_MEMORY_LISTED64 : INQ_MEMORY_LISTED;

	kept->piece = kept->bytes ? inq_writer_add_memory_bytes(run->writer, list, kept->base,
								kept->bytes, kept->size)
				  : inq_writer_add_memory(run->writer, list, kept->base, kept->size,
							  source, run);
	/* Stacks are in both lists: not every reader knows the long one. */
	if (run->plan.wide && kept->near)
		inq_writer_list_memory(run->writer, kept->piece);
}

/* What is near the threads first: offsets of 32 bits can point at it however much follows. */
void inq_run_add_memory(struct inq_run *run)
{
	size_t count;
	struct inq_kept *kept = kept_of(run, &count);

	inq_writer_set_extents(run->writer, extents);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			if (kept[i].near == (pass == 0))
				add(run, &kept[i]);
		}
	}
}

inq_piece inq_run_stack_piece(const struct inq_run *run, const struct inq_plan_stack *stack)
{
	size_t low = 0, high, count;
	const struct inq_kept *kept = kept_of(run, &count);

	/* The first that ends behind the start: unread pages are missing. */
	for (high = count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (kept[middle].base + kept[middle].size - 1 < stack->base)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count ||
	    (kept[low].base > stack->base && kept[low].base - stack->base >= stack->size))
		return INQ_NO_PIECE;
	return kept[low].piece;
}

INQ_STREAM_WRITER(inq_write_memory)
{
	(void)type; /* the writer of the file makes the list */
	(void)argument;
	(void)err;
	inq_run_add_memory(run);
	return INQ_OK;
}
