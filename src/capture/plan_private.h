/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of a memory plan share. See plan.h for the contract. */
#ifndef INQ_CAPTURE_PLAN_PRIVATE_H
#define INQ_CAPTURE_PLAN_PRIVATE_H

#include "capture/plan.h"
#include "support/buffer.h"

struct inq_planner {
	struct inq_target *target;
	uint32_t letters;
	const struct inq_region *regions;
	size_t region_count;
	const struct inq_range *memory; /* what can be read */
	size_t memory_count;
	const struct inq_thread *threads;
	size_t thread_count;
	struct inq_buffer *wanted; /* struct inq_range[]: near or far, what sources add to now */
	struct inq_plan *plan;
	uint64_t stack_bytes;
	const struct inq_range *walked;
	size_t walked_count;
};

/* Want [base, end), readable or not, twice or not. Nothing if end is not above base. */
void inq_plan_want(struct inq_planner *planner, uint64_t base, uint64_t end);
bool inq_plan_readable(const struct inq_planner *planner, uint64_t address);
const struct inq_region *inq_plan_region(const struct inq_planner *planner, uint64_t address);

/* plan_bulk.c: letters f, w, d, c; plan_blocks.c: p; plan_pointers.c: i, after the stacks are planned. */
void inq_plan_full(struct inq_planner *planner);
void inq_plan_private(struct inq_planner *planner);
void inq_plan_segments(struct inq_planner *planner);
void inq_plan_blocks(struct inq_planner *planner);
void inq_plan_pointers(struct inq_planner *planner);

/* Call for every program header of a module that has ELF headers in memory; the header is in the 64-bit form, its
 * address already biased. */
typedef void (*inq_plan_phdr)(struct inq_planner *planner, uint32_t type, uint32_t flags, uint64_t address,
			      uint64_t size, uint64_t align, void *user);
void inq_plan_each_phdr(struct inq_planner *planner, const struct inq_module *module, inq_plan_phdr each, void *user);

#endif
