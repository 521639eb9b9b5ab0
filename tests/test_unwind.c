/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames by frame pointers, by the code itself and by scanning; and the interface. */
#include "unwind_world.h"

#include <stdlib.h>
#include <string.h>

/* --- frame pointers --------------------------------------------------------------------------------------------- */

Test(unwind, follows_frame_pointers_to_the_outermost_frame)
{
	write_chain();
	walk(100);
	EXPECT_STOP(3, INQ_STOP_END);
	EXPECT_FRAME(0, CODE + 0x300, INQ_TRUST_CONTEXT);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_FP);
	EXPECT_FRAME(2, CODE + 0x200, INQ_TRUST_FP);
	cr_expect_eq(world.frames.frames[0].lookup_pc, CODE + 0x300);
	cr_expect_eq(world.frames.frames[1].lookup_pc, CODE + 0x0ff);
	cr_expect_eq(world.frames.frames[1].sp, STACK + 0x150);
	cr_expect_eq(world.frames.frames[1].fp, STACK + 0x180);
	cr_expect_eq(world.frames.frames[0].return_slot, STACK + 0x148);
}

Test(unwind, stops_at_the_limit_and_says_so)
{
	write_chain();
	walk(2);
	EXPECT_STOP(2, INQ_STOP_LIMIT);
	cr_expect_eq(world.frames.stopped_at, CODE + 0x200);
}

Test(unwind, reports_the_slots_that_frames_came_from)
{
	write_chain();
	walk(2);
	bool found_return = false, found_fp = false;

	for (unsigned i = 0; i < world.slot_count; i++) {
		found_return |= world.slots[i] == STACK + 0x148 && world.slot_columns[i] == RIP;
		found_fp |= world.slots[i] == STACK + 0x140 && world.slot_columns[i] == RBP;
	}
	cr_expect(found_return);
	cr_expect(found_fp);
}

Test(unwind, reports_which_registers_decided_and_each_step)
{
	write_chain();
	walk(2);
	cr_expect(world.used >> RBP & 1);
	cr_expect_eq(world.used & ~(1ull << RBP), 0);
	cr_expect_eq(world.step_count, 2, "the caller beyond the limit was found as well");
}

Test(unwind, believes_only_calls_that_were_read_if_asked_to)
{
	write_chain();
	world.code_unreadable = world.call_only = true;
	walk(100);
	cr_expect_eq(world.frames.count, 1);
	cr_expect_eq(world.used, 0);
}

Test(unwind, goes_on_with_another_target_and_the_same_tables)
{
	static const struct inq_target_ops OPS = {.kind = "empty"};
	struct inq_target empty = {.ops = &OPS, .name = "empty"};
	struct inq_frames frames = {0};

	write_chain();
	walk(100);
	inq_unwinder_look_at(world.unwinder, &empty);
	cr_assert_eq(inq_unwind(world.unwinder, &world.context, 100, &frames, NULL), INQ_OK);
	cr_expect_eq(frames.count, 1);
	inq_frames_done(&frames);
	inq_unwinder_look_at(world.unwinder, &world.target);
	cr_assert_eq(inq_unwind(world.unwinder, &world.context, 100, &frames, NULL), INQ_OK);
	cr_expect_eq(frames.count, world.frames.count);
	inq_frames_done(&frames);
}

Test(unwind, believes_no_frame_pointer_that_is_implausible)
{
	static const uint64_t WRONG[] = {STACK + 0x141, STACK + 0xf8, STACK + STACK_SIZE - 8, STACK + STACK_SIZE, OTHER,
					 0, UINT64_MAX - 7, CODE};

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		write_chain();
		set(RBP, WRONG[i]);
		walk(100);
		EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_SCAN);
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

Test(unwind, believes_no_return_address_that_follows_no_call)
{
	write_chain();
	store64(STACK + 0x148, CODE + 0x108);
	walk(100);
	EXPECT_FRAME(1, CODE + 0x200, INQ_TRUST_SCAN);
}

Test(unwind, takes_a_return_address_in_code_that_nobody_can_read)
{
	write_chain();
	world.code_unreadable = true;
	walk(100);
	EXPECT_STOP(3, INQ_STOP_END);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_FP);
}

Test(unwind, a_function_without_frame_pointer_does_not_hide_its_caller)
{
	write_chain();
	/* main at 0x200 called h directly, which pushed something and left rbp alone: f's caller, f, h. */
	set(RIP, CODE + 0x310);
	store64(STACK + 0x108, call_before(CODE + 0x280, CODE + 0x308));
	walk(100);
	EXPECT_STOP(4, INQ_STOP_END);
	EXPECT_FRAME(1, CODE + 0x280, INQ_TRUST_SCAN);
	EXPECT_FRAME(2, CODE + 0x100, INQ_TRUST_FP);
	EXPECT_FRAME(3, CODE + 0x200, INQ_TRUST_FP);
}

Test(unwind, a_cyclic_chain_ends)
{
	write_chain();
	store64(STACK + 0x180, STACK + 0x140);
	store64(STACK + 0x188, CODE + 0x100);
	walk(100000);
	cr_expect_leq(world.frames.count, 10);
	for (size_t i = 1; i < world.frames.count; i++)
		cr_expect_gt(world.frames.frames[i].sp, world.frames.frames[i - 1].sp);
}

/* --- fresh calls ------------------------------------------------------------------------------------------------- */

Test(unwind, a_call_through_null_returns_to_the_caller)
{
	static const uint64_t BAD[] = {0, 0x4141414141414141, STACK + 0x40};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		write_chain();
		set(RIP, BAD[i]);
		set(R12, 77);
		set(RAX, 78);
		store64(STACK + 0x100, call_before(CODE + 0x280, 0x1234));
		walk(100);
		EXPECT_FRAME(0, BAD[i], INQ_TRUST_CONTEXT);
		EXPECT_FRAME(1, CODE + 0x280, INQ_TRUST_CALL);
		EXPECT_FRAME(2, CODE + 0x100, INQ_TRUST_FP);
		cr_expect_eq(world.frames.frames[1].registers.value[R12], 77, "survives the call");
		cr_expect_eq(world.frames.frames[1].registers.valid >> RAX & 1, 0, "is lost");
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

Test(unwind, a_jump_to_nowhere_finds_only_what_follows_a_call)
{
	write_chain();
	set(RIP, 0);
	store64(STACK + 0x100, CODE + 0x280); /* no call before */
	walk(100);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_FP);
}

Test(unwind, the_code_tells_the_return_address_at_entry_and_exit)
{
	static const struct {
		uint8_t before[6], code[10];
		unsigned offset; /* of the return address from rsp */
	} CASES[] = {
		{{0x90}, {0x55, 0x48, 0x89, 0xe5}, 0},                         /* push %rbp; mov %rsp,%rbp */
		{{0x90}, {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5}, 0}, /* endbr64 before */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x55}, {0x48, 0x89, 0xe5}, 8}, /* behind the push */
		{{0x90}, {0xc3}, 0},
		{{0x90}, {0xf3, 0xc3}, 0},
		{{0x90}, {0x5d, 0xc3}, 8},                                     /* pop %rbp; ret */
		{{0x90}, {0xff, 0x25, 1, 2, 3, 4}, 0},                         /* a linkage table's jump */
		{{0x90}, {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 1, 2, 3}, 0},
		{{0x90}, {0x68, 1, 0, 0, 0, 0xe9}, 0},
		{{0x90, 0x68, 1, 0, 0, 0}, {0xe9, 1, 2, 3, 4}, 8},
		{{0x90}, {0xff, 0x35, 1, 2, 3, 4, 0xff, 0x25}, 8},             /* its first entry */
		{{0xff, 0x35, 1, 2, 3, 4}, {0xff, 0x25, 1, 2, 3, 4}, 16},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		write_chain();
		memset(world.code + 0x300 - 8, 0x90, 32);
		memcpy(world.code + 0x300 - sizeof(CASES[i].before), CASES[i].before, sizeof(CASES[i].before));
		memcpy(world.code + 0x300, CASES[i].code, sizeof(CASES[i].code));
		store(CODE + 0x280 - 2, 0xd3ff, 2); /* call *%rbx */
		store64(STACK + 0x100 + CASES[i].offset, CODE + 0x280);
		walk(100);
		EXPECT_FRAME(1, CODE + 0x280, INQ_TRUST_CALL);
		cr_expect_eq(world.frames.frames[1].sp, STACK + 0x108 + CASES[i].offset, "case %zu", i);
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

/* --- scanning ------------------------------------------------------------------------------------------------------ */

Test(unwind, a_scan_knows_every_form_of_call)
{
	static const struct {
		uint8_t bytes[8];
		uint8_t size;
	} CALLS[] = {
		{{0xff, 0xd0}, 2}, {{0xff, 0x10}, 2}, {{0xff, 0x50, 0x10}, 3}, {{0xff, 0x14, 0x24}, 3},
		{{0xff, 0x54, 0x24, 8}, 4}, {{0xff, 0x15, 1, 2, 3, 4}, 6}, {{0xff, 0x90, 1, 2, 3, 4}, 6},
		{{0xff, 0x94, 0x24, 1, 2, 3, 4}, 7}, {{0x41, 0xff, 0xd4}, 3}, {{0xff, 0x14, 0xc5, 1, 2, 3, 4}, 7},
	}, OTHERS[] = {
		{{0xff, 0xe0}, 2}, {{0xff, 0x30}, 2}, {{0xe9, 1, 2, 0, 0}, 5}, {{0x90}, 1}, {{0xff, 0xc0}, 2},
	};

	for (int good = 0; good < 2; good++)
		for (size_t i = 0; i < (good ? sizeof(CALLS) / sizeof(CALLS[0]) : sizeof(OTHERS) / sizeof(OTHERS[0]));
		     i++) {
			const uint8_t *bytes = good ? CALLS[i].bytes : OTHERS[i].bytes;
			size_t size = good ? CALLS[i].size : OTHERS[i].size;

			begin(INQ_MACHINE_AMD64);
			set(RIP, CODE + 0x300);
			set(RSP, STACK + 0x100);
			memcpy(world.code + 0x800 - size, bytes, size);
			store64(STACK + 0x180, CODE + 0x800);
			walk(2);
			cr_expect_eq(world.frames.count, good ? 2 : 1, "%d, case %zu", good, i);
			if (good)
				EXPECT_FRAME(1, CODE + 0x800, INQ_TRUST_SCAN);
			world_end();
			memset(&world, 0, sizeof(world));
		}
}

Test(unwind, a_scan_that_finds_nothing_says_where_the_stack_ended)
{
	begin(INQ_MACHINE_AMD64);
	set(RIP, CODE + 0x300);
	set(RSP, STACK + 0x100);
	walk(100);
	EXPECT_STOP(1, INQ_STOP_NO_MEMORY);
	cr_expect_eq(world.frames.stopped_at, STACK + STACK_SIZE);
}

Test(unwind, a_stack_pointer_to_nowhere_leaves_one_frame)
{
	static const uint64_t NOWHERE[] = {0, 1, 0x1234567, UINT64_MAX, UINT64_MAX - 7, 0x8000000000000000};

	for (size_t i = 0; i < sizeof(NOWHERE) / sizeof(NOWHERE[0]); i++) {
		begin(INQ_MACHINE_AMD64);
		set(RIP, CODE + 0x300);
		set(RSP, NOWHERE[i]);
		walk(100);
		cr_expect_eq(world.frames.count, 1);
		cr_expect(world.frames.stop == INQ_STOP_NO_MEMORY || world.frames.stop == INQ_STOP_LOST);
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

/* --- ARM64 ---------------------------------------------------------------------------------------------------------- */

Test(unwind, arm64_strips_pointer_authentication_and_starts_at_the_link_register)
{
	begin(INQ_MACHINE_ARM64);
	store(CODE + 0x400 - 4, 0x94000100, 4); /* bl */
	store(CODE + 0x500 - 4, 0xd63f0100, 4); /* blr x8 */
	set(32, CODE + 0x2000);
	set(31, STACK + 0x100);
	set(29, STACK + 0x140);
	set(30, CODE + 0x400);
	store64(STACK + 0x140, 0);
	store64(STACK + 0x148, 0x003a000000000000ull | (CODE + 0x500));
	store64(STACK + 0x150, 0);
	walk(3);
	EXPECT_FRAME(1, CODE + 0x400, INQ_TRUST_CALL);
	EXPECT_FRAME(2, CODE + 0x500, INQ_TRUST_FP);
}

Test(unwind, arm64_does_not_believe_a_stale_link_register)
{
	begin(INQ_MACHINE_ARM64);
	store(CODE + 0x400 - 4, 0x94000100, 4);
	store(CODE + 0x500 - 4, 0xd63f0100, 4);
	set(32, CODE + 0x410); /* behind the call that set x30 */
	set(31, STACK + 0x100);
	set(29, STACK + 0x140);
	set(30, CODE + 0x400);
	store64(STACK + 0x148, CODE + 0x500);
	walk(3);
	EXPECT_FRAME(1, CODE + 0x500, INQ_TRUST_FP);
}

Test(unwind, arm_follows_the_records_of_gcc_and_of_clang)
{
	for (int gcc = 0; gcc < 2; gcc++) {
		begin(INQ_MACHINE_ARM);
		store(CODE + 0x400 - 4, 0xeb000100, 4); /* bl */
		set(15, CODE + 0x2000);
		set(13, STACK + 0x100);
		set(11, STACK + 0x140);
		store(STACK + 0x140 + (gcc ? 0 : 4), CODE + 0x400, 4);
		store(STACK + 0x140 - (gcc ? 4 : 0), STACK + 0x180, 4);
		walk(2);
		EXPECT_FRAME(1, CODE + 0x400, INQ_TRUST_FP);
		cr_expect_eq(world.frames.frames[1].fp, STACK + 0x180);
		world_end();
		memset(&world, 0, sizeof(world));
	}
}

/* --- the interface ------------------------------------------------------------------------------------------------- */

Test(unwind, refuses_a_machine_without_a_table)
{
	struct inq_frames frames = {.count = 4711};
	struct inq_error err = {0};

	begin(INQ_MACHINE_AMD64);
	walk(1);
	world.context.machine = INQ_MACHINE_UNKNOWN;
	cr_expect_eq(inq_unwind(world.unwinder, &world.context, 10, &frames, &err), INQ_UNSUPPORTED);
	cr_expect_str_eq(err.text, "no unwinder for this processor");
	cr_expect_eq(frames.count, 4711);
}

Test(unwind, has_words_for_every_trust_and_stop)
{
	for (int i = INQ_TRUST_CONTEXT; i <= INQ_TRUST_SCAN; i++)
		cr_expect_str_neq(inq_trust_name((enum inq_trust)i), "?");
	for (int i = INQ_STOP_END; i <= INQ_STOP_LOST; i++)
		cr_expect_str_neq(inq_stop_text((enum inq_stop)i), "?");
	cr_expect_str_eq(inq_trust_name((enum inq_trust)99), "?");
	cr_expect_str_eq(inq_stop_text((enum inq_stop)99), "?");
}
