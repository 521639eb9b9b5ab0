/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames behind signal handlers, and other stacks. */
#include "unwind_world.h"

#include <stdlib.h>
#include <string.h>

Test(unwind, every_machines_trampoline_gives_every_register)
{
	static const struct {
		enum inq_machine machine;
		uint8_t code[9], size;
		unsigned pointer_at, first, word; /* where uc's pointer is, where the registers are, bytes of one */
		struct { uint8_t dwarf, index; } saved[3];
		uint8_t pc_index, sp_index, pc, sp;
	} CASES[] = {
		{INQ_MACHINE_AMD64, {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 15, 5}, 9, 0, 40, 8, {{RBX, 11}, {RAX, 13}, {R12, 4}}, 16, 15,
		 RIP, RSP},
		{INQ_MACHINE_X86, {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, 8, 0, 4, 4, {{3, 8}, {0, 11}, {6, 5}}, 14, 7, 8, 4},
		{INQ_MACHINE_X86, {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}, 7, 8, 20, 4, {{3, 8}, {0, 11}, {6, 5}}, 14, 7, 8, 4},
		{INQ_MACHINE_ARM64, {0x68, 0x11, 0x80, 0xd2, 1, 0, 0, 0xd4}, 8, 0, 312, 8, {{0, 0}, {19, 19}, {30, 30}}, 32, 31,
		 32, 31},
		{INQ_MACHINE_ARM, {0x77, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef}, 8, 0, 32, 4, {{0, 0}, {4, 4}, {14, 14}}, 15, 13, 15, 13},
		{INQ_MACHINE_ARM, {0xad, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef}, 8, 0, 160, 4, {{0, 0}, {4, 4}, {14, 14}}, 15, 13, 15,
		 13},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		uint64_t at = STACK + 0x100 + CASES[i].first;

		begin(CASES[i].machine);
		memcpy(world.code + 0x700, CASES[i].code, CASES[i].size);
		set(CASES[i].pc, CODE + 0x700);
		set(CASES[i].sp, STACK + 0x100);
		if (CASES[i].pointer_at) {
			store(STACK + 0x100 + CASES[i].pointer_at, STACK + 0x200, 4);
			at = STACK + 0x200 + CASES[i].first;
		}
		for (unsigned k = 0; k < 3; k++)
			store(at + CASES[i].saved[k].index * CASES[i].word, 0x1000 + k, CASES[i].word);
		store(at + CASES[i].pc_index * CASES[i].word, CODE + 0x900, CASES[i].word);
		store(at + CASES[i].sp_index * CASES[i].word, STACK + 0x2000, CASES[i].word);
		walk(2);
		EXPECT_FRAME(1, CODE + 0x900, INQ_TRUST_SIGNAL);
		cr_expect(world.frames.frames[0].signal, "case %zu", i);
		cr_expect_eq(world.frames.frames[1].sp, STACK + 0x2000, "case %zu", i);
		cr_expect_eq(world.frames.frames[1].lookup_pc, CODE + 0x900, "interrupted, not returned to");
		for (unsigned k = 0; k < 3; k++)
			cr_expect_eq(world.frames.frames[1].registers.value[CASES[i].saved[k].dwarf], 0x1000 + k,
				     "case %zu, register %u", i, CASES[i].saved[k].dwarf);
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

/* A trampoline at `at` on one stack that says it interrupted another trampoline at `sp`. */
static void signal_frame(uint64_t at, uint64_t sp)
{
	store64(at + 40 + 15 * 8, sp);
	store64(at + 40 + 16 * 8, CODE + 0x700);
}

Test(unwind, each_stack_is_entered_once)
{
	static const uint8_t TRAMPOLINE[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 15, 5};

	begin(INQ_MACHINE_AMD64);
	memcpy(world.code + 0x700, TRAMPOLINE, sizeof(TRAMPOLINE));
	set(RIP, CODE + 0x700);
	set(RSP, STACK + 0x1000);
	signal_frame(STACK + 0x1000, OTHER + 0x100); /* down to another stack: allowed */
	signal_frame(OTHER + 0x100, STACK + 0x2000);  /* up again: allowed */
	signal_frame(STACK + 0x2000, OTHER + 0x100); /* and there again: not */
	walk(100000);
	EXPECT_STOP(3, INQ_STOP_CYCLE);
	EXPECT_FRAME(1, CODE + 0x700, INQ_TRUST_SIGNAL);
	cr_expect_eq(world.frames.stopped_at, OTHER + 0x100);
}

Test(unwind, a_signal_frame_cannot_go_on_for_ever)
{
	static const uint8_t TRAMPOLINE[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 15, 5};

	begin(INQ_MACHINE_AMD64);
	memcpy(world.code + 0x700, TRAMPOLINE, sizeof(TRAMPOLINE));
	set(RIP, CODE + 0x700);
	set(RSP, STACK + 0x100);
	signal_frame(STACK + 0x100, STACK + 0x100);
	walk(100000);
	EXPECT_STOP(1, INQ_STOP_CYCLE);
}
