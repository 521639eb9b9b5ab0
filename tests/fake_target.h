/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A target made of what a test says: regions, threads and their registers, a few bytes of memory.
 *
 * Memory of readable regions is zero but for what fake_poke() put there; FAKE_HOLE regions are
 * listed as readable and fail when they are read. Limits are small and asserted.
 */
#ifndef TESTS_FAKE_TARGET_H
#define TESTS_FAKE_TARGET_H

#include "target/target.h"

enum { FAKE_MAX = 128, FAKE_PAGE = 4096 };

struct fake_target {
	struct inq_target target; /* first */
	struct inq_region regions[FAKE_MAX];
	bool holes[FAKE_MAX];
	struct inq_range memory[FAKE_MAX];
	size_t region_count, memory_count;
	struct inq_thread threads[FAKE_MAX];
	struct inq_context contexts[FAKE_MAX];
	size_t thread_count;
	struct fake_word {
		uint64_t address, value;
	} words[FAKE_MAX];
	size_t word_count;
	struct inq_exception exception;	      /* tid 0: none */
	struct inq_context exception_context; /* size 0: none */
	struct inq_module modules[FAKE_MAX];
	size_t module_count;
	bool modules_damaged;
	struct inq_process process;
	struct inq_system system;
	const char *texts[INQ_TEXT_COUNT];
	const char *warning;
	unsigned reads; /* calls of read */
	bool gone;	/* every read fails */
};

void fake_init(struct fake_target *fake);

/* In ascending order. protection: "r-x"; "---" makes memory that is not readable. */
struct inq_region *fake_region(struct fake_target *fake, uint64_t base, uint64_t size,
			       const char *protection, const char *name);

/* A thread with these registers; returns its index. */
size_t fake_thread(struct fake_target *fake, uint32_t tid, uint64_t pc, uint64_t sp);
void fake_poke(struct fake_target *fake, uint64_t address, uint64_t value);

#endif
