/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A world made by hand to unwind in: memory, code and images hold exactly what a test puts there. There is one,
 * zeroed for each test.
 */
#ifndef TESTS_UNWIND_WORLD_H
#define TESTS_UNWIND_WORLD_H

#include "symbols/image.h"
#include "target/target.h"
#include "unwind/unwind.h"

#include "elf_writer.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>

enum { CODE_SIZE = 0x4000, STACK_SIZE = 0x4000, MAX_SLOTS = 64 };
#define CODE 0x400000ull
#define MODULE 0x500000ull
#define STACK 0x7ffd0000ull  /* within 32 bits, for all machines */
#define OTHER 0x10000000ull  /* a second stack, lower */

struct world {
	struct inq_target target;
	uint8_t code[CODE_SIZE], stack[STACK_SIZE], other[STACK_SIZE];
	bool code_unreadable;
	struct elf_writer elf;
	struct inq_image *image;
	struct inq_unwinder *unwinder;
	struct inq_context context;
	struct inq_frames frames;
	uint64_t slots[MAX_SLOTS];
	int slot_columns[MAX_SLOTS];
	unsigned slot_count;
	unsigned step_count;
	uint64_t used; /* bits of registers, by use() */
	bool call_only;
};

extern struct world world;

void begin(enum inq_machine machine); /* code of nothing but nop, registers of zeroes */
void set(int dwarf, uint64_t value);  /* a register, by its DWARF number */
void store(uint64_t address, uint64_t value, unsigned size);
void store64(uint64_t address, uint64_t value);
uint64_t call_before(uint64_t return_address, uint64_t target); /* a direct call that ends at the address, which it returns */
void write_chain(void); /* three functions by frame pointers */

void walk(size_t limit); /* into world.frames; failure fails the test */
void world_end(void);    /* is called after each test */

#define EXPECT_FRAME(i, expected_pc, expected_trust) do { \
	cr_assert_gt(world.frames.count, (size_t)(i)); \
	cr_expect_eq(world.frames.frames[i].pc, expected_pc, "frame %d: pc 0x%lx", i, \
		     (unsigned long)world.frames.frames[i].pc); \
	cr_expect_eq(world.frames.frames[i].trust, expected_trust, "frame %d: %s", i, \
		     inq_trust_name(world.frames.frames[i].trust)); \
} while (0)

#define EXPECT_STOP(frames_, stop_) do { \
	cr_expect_eq(world.frames.count, (size_t)(frames_), "%zu frames", world.frames.count); \
	cr_expect_eq(world.frames.stop, stop_, "%s", inq_stop_text(world.frames.stop)); \
} while (0)

enum { RAX = 0, RBX = 3, RBP = 6, RSP = 7, R12 = 12, RIP = 16 };

#endif
