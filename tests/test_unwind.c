/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames in a world made by hand: memory, code and images hold exactly what a test puts there. */
#include "support/file.h"
#include "symbols/image.h"
#include "target/target.h"
#include "unwind/unwind.h"

#include "elf_writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static struct world world;

static enum inq_status read_world(struct inq_target *self, uint64_t address, void *to, size_t size,
				  size_t *ret_done, struct inq_error *err)
{
	const struct {
		uint64_t base;
		const uint8_t *data;
		size_t size;
	} RANGES[] = {
		{CODE, world.code, world.code_unreadable ? 0 : CODE_SIZE},
		{STACK, world.stack, STACK_SIZE},
		{OTHER, world.other, STACK_SIZE},
	};

	(void)self;
	for (size_t i = 0; i < sizeof(RANGES) / sizeof(RANGES[0]); i++) {
		if (address < RANGES[i].base || address - RANGES[i].base >= RANGES[i].size)
			continue;
		size_t left = RANGES[i].size - (size_t)(address - RANGES[i].base);

		*ret_done = size < left ? size : left;
		memcpy(to, RANGES[i].data + (address - RANGES[i].base), *ret_done);
		return INQ_OK;
	}
	return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
}

static enum inq_status ranges_of_world(struct inq_target *self, const struct inq_range **ret, size_t *ret_count,
				       struct inq_error *err)
{
	static const struct inq_range RANGES[] = {{CODE, CODE_SIZE}, {OTHER, STACK_SIZE}, {STACK, STACK_SIZE}};

	(void)self;
	(void)err;
	*ret = RANGES;
	*ret_count = 3;
	return INQ_OK;
}

static enum inq_status module_of_world(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	(void)user;
	if (!world.image || address < MODULE || address - MODULE >= ELF_WRITER_SIZE)
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){world.image, MODULE, ELF_WRITER_SIZE, MODULE};
	return INQ_OK;
}

static bool is_code(void *user, uint64_t address)
{
	(void)user;
	return (address >= CODE && address - CODE < CODE_SIZE) ||
	       (world.image && address >= MODULE && address - MODULE < ELF_WRITER_SIZE);
}

static void note_slot(void *user, uint64_t address, unsigned size, int dwarf)
{
	(void)user;
	if (!size)
		return;
	cr_assert_lt(world.slot_count, MAX_SLOTS);
	world.slots[world.slot_count] = address;
	world.slot_columns[world.slot_count++] = dwarf;
}

static void note_use(void *user, int dwarf)
{
	(void)user;
	world.used |= 1ull << dwarf;
}

static void note_step(void *user)
{
	(void)user;
	world.step_count++;
}

static void set(int dwarf, uint64_t value)
{
	const struct inq_register *reg = inq_register_from_dwarf(world.context.machine, dwarf);

	cr_assert_not_null(reg, "register %d", dwarf);
	cr_assert(inq_context_set(&world.context, reg, value));
}

static void begin(enum inq_machine machine)
{
	static const struct inq_target_ops OPS = {.kind = "world", .read = read_world, .memory = ranges_of_world};

	world.target = (struct inq_target){.ops = &OPS, .name = "world"};
	memset(world.code, 0x90, sizeof(world.code));
	inq_context_init(machine, &world.context);
}

static void walk(size_t limit)
{
	struct inq_unwind_source source = {.target = &world.target, .module = module_of_world, .is_code = is_code,
					   .slot = note_slot, .use = note_use, .step = note_step,
					   .call_only = world.call_only};
	struct inq_error err = {0};

	cr_assert_eq(inq_unwinder_new(&source, &world.unwinder, &err), INQ_OK);
	cr_assert_eq(inq_unwind(world.unwinder, &world.context, limit, &world.frames, &err), INQ_OK, "%s", err.text);
	cr_assert_geq(world.frames.count, 1);
}

static void end(void)
{
	inq_frames_done(&world.frames);
	inq_unwinder_free(world.unwinder);
	inq_image_free(world.image);
}

TestSuite(unwind, .fini = end, .timeout = 10);

static void store(uint64_t address, uint64_t value, unsigned size)
{
	uint8_t *place = address >= STACK ? world.stack + (address - STACK)
					  : address >= OTHER ? world.other + (address - OTHER)
							     : world.code + (address - CODE);

	memcpy(place, &value, size);
}

static void store64(uint64_t address, uint64_t value)
{
	store(address, value, 8);
}

/* A direct call that ends at the address. */
static uint64_t call_before(uint64_t return_address, uint64_t target)
{
	uint32_t distance = (uint32_t)(target - return_address);

	store(return_address - 5, 0xe8, 1);
	store(return_address - 4, distance, 4);
	return return_address;
}

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

/* --- frame pointers --------------------------------------------------------------------------------------------- */

/* main called f (with a pointer, so that nothing else confirms it), f called g, which crashed. */
static void write_chain(void)
{
	begin(INQ_MACHINE_AMD64);
	store(CODE + 0x100 - 2, 0xd0ff, 2); /* call *%rax */
	store(CODE + 0x200 - 3, 0xd4ff41, 3); /* call *%r12 */
	set(RIP, CODE + 0x300);
	set(RSP, STACK + 0x100);
	set(RBP, STACK + 0x140);
	store64(STACK + 0x140, STACK + 0x180);
	store64(STACK + 0x148, CODE + 0x100);
	store64(STACK + 0x180, STACK + 0x1c0);
	store64(STACK + 0x188, CODE + 0x200);
	store64(STACK + 0x1c0, 0);
	store64(STACK + 0x1c8, 0);
}

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
		end();
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
		end();
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
		end();
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
			end();
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
		end();
		memset(&world, 0, sizeof(world));
	}
}

/* --- signal frames -------------------------------------------------------------------------------------------------- */

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
		end();
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
		end();
		memset(&world, 0, sizeof(world));
	}
}

/* --- call frame information ----------------------------------------------------------------------------------------- */

enum { HDR = 0x2000, EH_FRAME = 0x2800, FUNCTION = 0x1000, FUNCTION_SIZE = 0x100 };

static void put_le(uint64_t at, uint64_t value, unsigned size)
{
	elf_put(&world.elf, at, &value, size);
}

/* .eh_frame at EH_FRAME: a CIE (CFA = rsp + 8, ra at CFA - 8), one FDE with the program. Returns the FDE's vaddr. */
static uint64_t put_eh_frame(uint64_t at, bool debug_frame, const void *program, size_t size)
{
	static const uint8_t CIE[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1};
	uint64_t fde = at + 8 + sizeof(CIE);

	put_le(at, sizeof(CIE) + 4, 4);
	put_le(at + 4, debug_frame ? UINT32_MAX : 0, 4);
	elf_put(&world.elf, at + 8, CIE, sizeof(CIE));
	put_le(fde, 4 + 17 + size, 4);
	put_le(fde + 4, debug_frame ? 0 : fde + 4 - at, 4);
	put_le(fde + 8, FUNCTION, 8);
	put_le(fde + 16, FUNCTION_SIZE, 8);
	put_le(fde + 24, 0, 1);
	elf_put(&world.elf, fde + 25, program, size);
	put_le(fde + 25 + size, 0, 4);
	return fde;
}

static void open_image(void)
{
	struct inq_error err = {0};
	struct inq_file *file;

	elf_finish(&world.elf);
	cr_assert_eq(inq_file_open_bytes(world.elf.data, world.elf.size, "image", &file, &err), INQ_OK);
	cr_assert_eq(inq_image_open_file(file, &world.image, &err), INQ_OK, "%s", err.text);
}

/* An image with a usual header (pcrel, udata4, datarel sdata4) of one entry, and a thread in the function. */
static void write_cfi(const void *program, size_t size)
{
	uint64_t fde;

	begin(INQ_MACHINE_AMD64);
	memset(world.elf.data + FUNCTION, 0x90, FUNCTION_SIZE);
	elf_segment(&world.elf, PT_LOAD, PF_R | PF_X, 0, 0x4000);
	elf_segment(&world.elf, PT_GNU_EH_FRAME, PF_R, HDR, 20);
	fde = put_eh_frame(EH_FRAME, false, program, size);
	put_le(HDR, 0x3b031b01, 4);
	put_le(HDR + 4, EH_FRAME - (HDR + 4), 4);
	put_le(HDR + 8, 1, 4);
	put_le(HDR + 12, (uint32_t)(FUNCTION - HDR), 4);
	put_le(HDR + 16, fde - HDR, 4);
	put_le(0x3fff, 0, 1);
	store(CODE + 0x100 - 2, 0xd0ff, 2);
	set(RIP, MODULE + FUNCTION + 0x20);
	set(RSP, STACK + 0x100);
	store64(STACK + 0x100, CODE + 0x100);
}

#define CFI(...) write_cfi((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

Test(unwind, finds_the_row_by_the_search_table)
{
	CFI(0x0e, 0x20, 0x83, 3); /* CFA = rsp + 32, rbx at CFA - 24 */
	open_image();
	store64(STACK + 0x118, CODE + 0x100);
	store64(STACK + 0x108, 0xbbb);
	set(R12, 0xccc);
	set(RAX, 0xaaa);
	walk(2);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_CFI);
	cr_expect_eq(world.frames.frames[0].cfa, STACK + 0x120);
	cr_expect_eq(world.frames.frames[0].return_slot, STACK + 0x118);
	cr_expect_eq(world.frames.frames[1].sp, STACK + 0x120);
	cr_expect_eq(world.frames.frames[1].registers.value[RBX], 0xbbb);
	cr_expect_eq(world.frames.frames[1].registers.value[R12], 0xccc);
	cr_expect_eq(world.frames.frames[1].registers.valid >> RAX & 1, 0);
}

Test(unwind, reads_search_tables_of_every_encoding)
{
	static const uint8_t ENCODINGS[] = {0x3b, 0x3c, 0x1b, 0x1c, 0x00, 0x03, 0x04, 0x0b, 0x0c};

	for (size_t i = 0; i < sizeof(ENCODINGS); i++) {
		uint8_t encoding = ENCODINGS[i];
		unsigned size = (encoding & 7) == 3 ? 4 : 8;
		uint64_t fde = EH_FRAME + 8 + 14;

		CFI(0x00);
		world.elf.segments[1].p_filesz = world.elf.segments[1].p_memsz = 12 + 2 * size;
		put_le(HDR + 3, encoding, 1);
		for (unsigned k = 0; k < 2; k++) {
			uint64_t value = k ? fde : FUNCTION, place = HDR + 12 + k * size;

			if ((encoding & 0x70) == 0x30)
				value -= HDR;
			if ((encoding & 0x70) == 0x10)
				value -= place;
			put_le(place, value, size);
		}
		open_image();
		walk(2);
		cr_expect_eq(world.frames.frames[1].trust, INQ_TRUST_CFI, "encoding 0x%02x", encoding);
		EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_CFI);
		end();
		memset(&world, 0, sizeof(world));
	}
}

Test(unwind, a_search_table_that_lies_is_not_believed)
{
	for (int lie = 0; lie < 5; lie++) {
		CFI(0x00);
		switch (lie) {
		case 0: put_le(HDR + 8, 0x10000000, 4); break;     /* a count that runs past the segment */
		case 1: put_le(HDR + 16, 0x7ffffff0, 4); break;    /* an FDE outside the image */
		case 2: put_le(HDR + 16, EH_FRAME - HDR, 4); break; /* a CIE for an FDE */
		case 3: put_le(HDR, 2, 1); break;                  /* a version that nobody knows */
		case 4: put_le(HDR + 3, 0x01, 1); break;           /* entries of no fixed size */
		}
		elf_section(&world.elf, ".eh_frame", SHT_PROGBITS, SHF_ALLOC, EH_FRAME, 0x100);
		open_image();
		walk(2);
		EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_CFI);
		end();
		memset(&world, 0, sizeof(world));
	}
}

Test(unwind, reads_debug_frame_where_there_is_no_eh_frame)
{
	begin(INQ_MACHINE_AMD64);
	elf_segment(&world.elf, PT_LOAD, PF_R | PF_X, 0, 0x4000);
	put_eh_frame(0x5000, true, "\x0e\x10", 2);
	elf_section(&world.elf, ".debug_frame", SHT_PROGBITS, 0, 0x5000, world.elf.size - 4 - 0x5000);
	open_image();
	store(CODE + 0x100 - 2, 0xd0ff, 2);
	set(RIP, MODULE + FUNCTION + 0x20);
	set(RSP, STACK + 0x100);
	store64(STACK + 0x108, CODE + 0x100);
	walk(2);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_CFI);
}

Test(unwind, an_undefined_return_address_is_the_end)
{
	CFI(0x07, 16);
	open_image();
	walk(100);
	EXPECT_STOP(1, INQ_STOP_END);
}

Test(unwind, cfi_that_needs_missing_memory_says_which)
{
	CFI(0x00);
	open_image();
	set(RSP, 0x66660000);
	walk(100);
	EXPECT_STOP(1, INQ_STOP_NO_MEMORY);
	cr_expect_eq(world.frames.stopped_at, 0x66660000);

	end();
	memset(&world, 0, sizeof(world));
	CFI(0x0f, 11, 0x0e, 0, 0, 0, 0x44, 0, 0, 0, 0, 0x06, 0x96); /* CFA = *0x44000000 */
	open_image();
	walk(100);
	EXPECT_STOP(1, INQ_STOP_NO_MEMORY);
	cr_expect_eq(world.frames.stopped_at, 0x44000000);
}

Test(unwind, cfi_without_its_register_gives_way_to_a_scan)
{
	CFI(0x0d, 30);
	open_image();
	walk(2);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_SCAN);
}

Test(unwind, hostile_cfi_goes_nowhere)
{
	/* The CFA is rsp, and rsp - 8: the stack would never end. The return address is the function again. */
	static const uint8_t OFFSETS[] = {0, 0x78};

	for (size_t i = 0; i < sizeof(OFFSETS); i++) {
		CFI(0x13, (uint8_t)(i ? 1 : 0), 0x0f, 2, 0x77, OFFSETS[i], 0x16, 16, 9, 0x0e, 0x40, 0x10, 0x50, 0, 0, 0, 0,
		    0);
		open_image();
		walk(100000);
		EXPECT_STOP(1, INQ_STOP_CYCLE);
		end();
		memset(&world, 0, sizeof(world));
	}
}

Test(unwind, cfi_may_lead_to_another_stack_once)
{
	/* CFA = *rsp, the return address is this function again: a coroutine's way, and a way to loop. */
	CFI(0x0f, 3, 0x77, 0, 0x06, 0x16, 16, 9, 0x0e, 0x40, 0x10, 0x50, 0, 0, 0, 0, 0);
	open_image();
	store64(STACK + 0x100, OTHER + 0x100);
	store64(OTHER + 0x100, STACK + 0x200);
	store64(STACK + 0x200, OTHER + 0x200);
	store64(OTHER + 0x200, STACK + 0x180);
	walk(100000);
	/* down (entered), up, down to a place above what was walked there (entered), up into what was walked */
	cr_expect_eq(world.frames.stop, INQ_STOP_CYCLE, "%s", inq_stop_text(world.frames.stop));
	cr_expect_leq(world.frames.count, 6);
	cr_expect_geq(world.frames.count, 3);
}

Test(unwind, an_endless_expression_costs_a_budget)
{
	CFI(0x0f, 3, 0x2f, 0xfd, 0xff); /* skip -3 */
	open_image();
	walk(100000);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_SCAN);
}

/* Every word of the stack points behind a call, every call goes to another address of a function whose program is as
 * long as the image allows: the dearest that a scan can be shown. */
Test(unwind, a_hostile_stack_costs_bounded_time)
{
	enum { TEXT = 0x1000, CALLS = 0x1200, CALL_COUNT = 400 };
	static uint8_t program[4000];
	clock_t began = clock();

	write_cfi(program, sizeof(program));
	for (uint32_t i = 0; i < CALL_COUNT; i++) {
		uint32_t at = CALLS + 5 * i, distance = TEXT + i % FUNCTION_SIZE - (at + 5);

		put_le(at, 0xe8, 1);
		put_le(at + 1, distance, 4);
	}
	open_image();
	for (uint32_t i = 0; i < STACK_SIZE / 8; i++)
		store64(STACK + 8 * i, MODULE + CALLS + 5 * (i % CALL_COUNT + 1));
	set(RIP, MODULE + CALLS + 5 * CALL_COUNT + 8);
	set(RSP, STACK);
	walk(100000);
	cr_expect_neq(world.frames.stop, INQ_STOP_LIMIT);
	cr_expect_lt((double)(clock() - began) / CLOCKS_PER_SEC, 2.0);
}

Test(unwind, a_signal_frame_by_cfi_is_exact)
{
	static const uint8_t CIE[] = {1, 'z', 'R', 'S', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 16, 0x90, 2, 0, 0};
	uint64_t fde = EH_FRAME + 8 + sizeof(CIE);

	CFI(0x00);
	put_le(EH_FRAME, sizeof(CIE) + 4, 4);
	elf_put(&world.elf, EH_FRAME + 8, CIE, sizeof(CIE));
	put_le(fde, 4 + 17, 4);
	put_le(fde + 4, fde + 4 - EH_FRAME, 4);
	put_le(fde + 8, FUNCTION, 8);
	put_le(fde + 16, FUNCTION_SIZE, 8);
	put_le(fde + 24, 0, 1);
	put_le(HDR + 16, fde - HDR, 4);
	open_image();
	walk(2);
	EXPECT_FRAME(1, CODE + 0x100, INQ_TRUST_SIGNAL);
	cr_expect(world.frames.frames[0].signal);
	cr_expect_eq(world.frames.frames[1].lookup_pc, CODE + 0x100, "it was interrupted there");
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

Test(unwind, a_frame_is_a_context_again)
{
	struct inq_context context;
	uint64_t value = 1;

	CFI(0x0e, 0x20, 0x83, 3);
	open_image();
	store64(STACK + 0x118, CODE + 0x100);
	store64(STACK + 0x108, 0xbbb);
	set(RAX, 0xaaa);
	walk(2);
	inq_frame_context(&world.frames.frames[1], INQ_MACHINE_AMD64, &context);
	cr_expect_eq(inq_context_pc(&context), CODE + 0x100);
	cr_expect_eq(inq_context_sp(&context), STACK + 0x120);
	cr_assert(inq_context_get(&context, inq_register_find(INQ_MACHINE_AMD64, "rbx", NULL, NULL), &value));
	cr_expect_eq(value, 0xbbb);
	cr_assert(inq_context_get(&context, inq_register_find(INQ_MACHINE_AMD64, "rax", NULL, NULL), &value));
	cr_expect_eq(value, 0, "unknown ones are zero");
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
