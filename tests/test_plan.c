/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/plan.h"
#include "fake_target.h"

#include <criterion/criterion.h>
#include <string.h>

#define CODE 0x400000ull
#define GUARD 0x7f0000000000ull
#define STACK (GUARD + FAKE_PAGE)
#define STACK_SIZE (16ull * FAKE_PAGE)
#define STACK_END (STACK + STACK_SIZE)
#define RED_ZONE 128

static struct fake_target fake;
static struct inq_plan plan;

static void start(void)
{
	fake_init(&fake);
	fake_region(&fake, CODE, 4 * FAKE_PAGE, "r-x", "/bin/fake");
	fake_region(&fake, GUARD, FAKE_PAGE, "---", "");
	fake_region(&fake, STACK, STACK_SIZE, "rw-", "");
	memset(&plan, 0, sizeof(plan));
}

static void end(void)
{
	inq_plan_done(&plan);
}

static void make(void)
{
	struct inq_dump_options options = {0};
	struct inq_error err = {0};

	cr_assert_eq(inq_plan_make(&fake.target, &options, NULL, 0, &plan, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(plan.stack_count, fake.thread_count);
	for (size_t i = 0; i < plan.count; i++) {
		cr_assert_gt(plan.ranges[i].size, 0);
		if (i)
			cr_assert_geq(plan.ranges[i].base,
				      plan.ranges[i - 1].base + plan.ranges[i - 1].size);
	}
}

static bool has(uint64_t base, uint64_t range_end)
{
	for (size_t i = 0; i < plan.count; i++) {
		if (plan.ranges[i].base == base && plan.ranges[i].size == range_end - base)
			return true;
	}
	return false;
}

TestSuite(plan, .init = start, .fini = end);

Test(plan, keeps_a_stack_from_the_red_zone_to_its_end)
{
	fake_thread(&fake, 1, CODE + 0x800, STACK + 0x1000);
	make();
	cr_assert_eq(plan.count, 2);
	cr_assert(has(STACK + 0x1000 - RED_ZONE, STACK_END));
	cr_assert(has(CODE + 0x800 - INQ_PLAN_CODE_SPAN, CODE + 0x800 + INQ_PLAN_CODE_SPAN));
	cr_assert_eq(plan.stacks[0].base, STACK + 0x1000 - RED_ZONE);
	cr_assert_eq(plan.bytes, STACK_SIZE - 0x1000 + RED_ZONE + 2 * INQ_PLAN_CODE_SPAN);
	cr_assert_eq(plan.empty_stacks, 0);
}

Test(plan, clips_the_red_zone_to_the_mapping)
{
	fake_thread(&fake, 1, CODE, STACK + 8);
	make();
	cr_assert(has(STACK, STACK_END));
}

Test(plan, takes_the_whole_stack_when_its_pointer_lies_in_the_guard_page)
{
	fake_thread(&fake, 1, CODE, GUARD + 0xff8);
	make();
	cr_assert(has(STACK, STACK_END));
	cr_assert_eq(plan.stacks[0].base, STACK);
}

Test(plan, takes_the_main_stack_when_its_pointer_lies_in_the_gap_below_it)
{
	fake_region(&fake, 0x7ffc00000000, STACK_SIZE, "rw-", "[stack]");
	fake_thread(&fake, 1, CODE, 0x7ffc00000000 - INQ_PLAN_GUARD_REACH);
	make();
	cr_assert(has(0x7ffc00000000, 0x7ffc00000000 + STACK_SIZE));
}

Test(plan, takes_no_stack_when_its_pointer_lies_farther_below)
{
	fake_region(&fake, 0x7ffc00000000, STACK_SIZE, "rw-", "[stack]");
	fake_thread(&fake, 1, CODE, 0x7ffc00000000 - INQ_PLAN_GUARD_REACH - 8);
	make();
	cr_assert_eq(plan.stacks[0].size, 0);
	cr_assert_eq(plan.empty_stacks, 1);
}

Test(plan, does_not_take_a_file_above_the_guard_for_a_stack)
{
	fake_region(&fake, 0x7ffc00000000, STACK_SIZE, "rw-", "/tmp/data")->inode = 7;
	fake_thread(&fake, 1, CODE, 0x7ffc00000000 - 64);
	make();
	cr_assert_eq(plan.stacks[0].size, 0);
}

Test(plan, keeps_threads_whose_stack_pointer_leads_nowhere)
{
	const uint64_t nowhere[] = {0, 1, 0x123456789abcdef1, UINT64_MAX, CODE + 16, STACK_END};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		fake_thread(&fake, (uint32_t)i + 1, CODE + 0x1000, nowhere[i]);
	make();
	cr_assert_eq(plan.empty_stacks, 6);
	cr_assert_eq(plan.count, 1, "only code");
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(plan.stacks[i].size, 0, "thread %zu", i);
}

Test(plan, keeps_an_odd_stack_pointer_that_leads_into_a_stack)
{
	fake_thread(&fake, 1, CODE, STACK + 0x2003);
	make();
	cr_assert(has((STACK + 0x2003 - RED_ZONE) & ~7ull, STACK_END));
}

Test(plan, merges_stacks_that_overlap)
{
	fake_thread(&fake, 1, CODE, STACK + 0x4000);
	fake_thread(&fake, 2, CODE, STACK + 0x1000);
	make();
	cr_assert(has(STACK + 0x1000 - RED_ZONE, STACK_END));
	cr_assert_eq(plan.stacks[0].base, STACK + 0x4000 - RED_ZONE);
	cr_assert_eq(plan.count, 2);
}

Test(plan, clips_code_to_its_mapping)
{
	fake_thread(&fake, 1, CODE, 0);
	fake_thread(&fake, 2, CODE + 4 * FAKE_PAGE - 1, 0);
	make();
	cr_assert(has(CODE, CODE + INQ_PLAN_CODE_SPAN));
	cr_assert(has(CODE + 4 * FAKE_PAGE - 1 - INQ_PLAN_CODE_SPAN, CODE + 4 * FAKE_PAGE));
}

Test(plan, takes_no_code_where_there_is_none)
{
	const uint64_t nowhere[] = {0,		UINT64_MAX, CODE - 1, CODE + 4 * FAKE_PAGE,
				    STACK + 64, GUARD};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		fake_thread(&fake, (uint32_t)i + 1, nowhere[i], 0);
	make();
	cr_assert_eq(plan.count, 0);
}

Test(plan, takes_the_callers_code_after_a_jump_to_nowhere)
{
	fake_thread(&fake, 1, 0, STACK + 0x1000);
	fake_poke(&fake, STACK + 0x1000, CODE + 0x1000);
	make();
	cr_assert(has(CODE + 0x1000 - INQ_PLAN_CODE_SPAN, CODE + 0x1000 + INQ_PLAN_CODE_SPAN));
}

Test(plan, takes_code_at_the_exception_too)
{
	fake_thread(&fake, 1, CODE + 0x1000, STACK + 0x1000);
	fake_thread(&fake, 2, CODE + 0x3000, STACK + 0x3000);
	fake.exception_context = fake.contexts[1];
	fake.thread_count = 1;
	make();
	cr_assert(has(CODE + 0x3000 - INQ_PLAN_CODE_SPAN, CODE + 0x3000 + INQ_PLAN_CODE_SPAN));
}

Test(plan, cuts_a_huge_stack_to_both_its_ends)
{
	const uint64_t base = 0x7ff000000000, size = 1ull << 30;

	fake_region(&fake, base, size, "rw-", "");
	fake_thread(&fake, 1, CODE, base + 0x10000);
	make();
	cr_assert(has(base + 0x10000 - RED_ZONE, base + 0x10000 - RED_ZONE + INQ_PLAN_STACK_NEAR));
	cr_assert(has(base + size - INQ_PLAN_STACK_FAR, base + size));
	cr_assert_eq(plan.cut_stacks, 1);
	cr_assert_eq(plan.stacks[0].size, INQ_PLAN_STACK_NEAR);
}

Test(plan, ends_a_stack_behind_its_thread_control_block)
{
	const uint64_t base = 0x7ff000000000, tls = base + 0x20000;

	fake_region(&fake, base, 1ull << 30, "rw-", "");
	fake_thread(&fake, 1, CODE, base + 0x10000);
	fake.threads[0].tls = tls;
	fake_poke(&fake, tls + 16, tls);
	make();
	cr_assert(has(base + 0x10000 - RED_ZONE, tls + INQ_PLAN_TCB));
	cr_assert_eq(plan.cut_stacks, 0);
}

Test(plan, does_not_believe_a_thread_pointer_that_nothing_confirms)
{
	const uint64_t base = 0x7ff000000000;

	fake_region(&fake, base, 1ull << 30, "rw-", "");
	fake_thread(&fake, 1, CODE, base + 0x10000);
	fake.threads[0].tls = base + 0x20000;
	make();
	cr_assert_eq(plan.cut_stacks, 1);
	cr_assert(has(base + 0x10000 - RED_ZONE, base + 0x10000 - RED_ZONE + INQ_PLAN_STACK_NEAR));
}

Test(plan, gives_later_threads_the_least_when_the_total_is_used_up)
{
	const uint64_t size = 2ull << 30, base = 0x7ff000000000,
		       each = INQ_PLAN_STACK_NEAR + INQ_PLAN_STACK_FAR;
	const size_t full = (INQ_PLAN_STACKS_TOTAL + each - 1) / each;

	cr_assert_lt(full, FAKE_MAX);
	fake_region(&fake, base, size, "rw-", "");
	for (uint32_t i = 0; i < FAKE_MAX; i++)
		fake_thread(&fake, i + 1, CODE, base + 0x10000 + i * (4ull << 20));
	make();
	cr_assert_eq(plan.cut_stacks, FAKE_MAX);
	for (size_t i = 0; i < FAKE_MAX; i++)
		cr_assert_eq(plan.stacks[i].size,
			     i < full ? INQ_PLAN_STACK_NEAR : INQ_PLAN_STACK_LEAST, "%zu", i);
}

Test(plan, leaves_out_what_must_not_be_read)
{
	fake_region(&fake, 0x7ff000000000, STACK_SIZE, "rw-", "")->flags = INQ_REGION_NO_DUMP;
	fake.memory_count--;
	fake_thread(&fake, 1, CODE, 0x7ff000001000);
	make();
	cr_assert_eq(plan.stacks[0].size, 0);
	cr_assert_eq(plan.count, 1);
}

Test(plan, takes_the_vdso_whole)
{
	fake_region(&fake, 0x7ffd00000000, 2 * FAKE_PAGE, "r-x", "[vdso]");
	fake_thread(&fake, 1, CODE, 0);
	make();
	cr_assert(has(0x7ffd00000000, 0x7ffd00000000 + 2 * FAKE_PAGE));
}

Test(plan, believes_no_endless_vdso)
{
	fake_region(&fake, 0x7ffd00000000, 1ull << 40, "r-x", "[vdso]");
	fake_thread(&fake, 1, CODE, 0);
	make();
	cr_assert(has(0x7ffd00000000, 0x7ffd00000000 + INQ_PLAN_VDSO));
}

Test(plan, follows_a_signal_frame_to_the_stack_that_it_interrupted)
{
	const uint64_t alternate = 0x600000, frame = alternate + 0x3000;

	/* Ascending order: below the stack of the fixture, above its code. */
	fake_init(&fake);
	fake_region(&fake, CODE, 4 * FAKE_PAGE, "r-x", "/bin/fake");
	fake_region(&fake, alternate, 8 * FAKE_PAGE, "rw-", "");
	fake_region(&fake, STACK, STACK_SIZE, "rw-", "");
	fake_thread(&fake, 1, CODE, alternate + 0x2000);
	fake_poke(&fake, frame + 2 * 8, alternate); /* uc_stack */
	fake_poke(&fake, frame + 4 * 8, 8 * FAKE_PAGE);
	fake_poke(&fake, frame + 20 * 8, STACK + 0x2000); /* rsp and rip that were interrupted */
	fake_poke(&fake, frame + 21 * 8, CODE + 0x2000);
	make();
	cr_assert(has(STACK + 0x2000 - RED_ZONE, STACK_END));
	cr_assert(has(CODE + 0x2000 - INQ_PLAN_CODE_SPAN, CODE + 0x2000 + INQ_PLAN_CODE_SPAN));
	cr_assert(has(alternate + 0x2000 - RED_ZONE, alternate + 8 * FAKE_PAGE));
}

Test(plan, of_a_target_that_knows_nothing_is_empty)
{
	fake_init(&fake);
	make();
	cr_assert_eq(plan.count, 0);
	cr_assert_eq(plan.bytes, 0);
}
