/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames by call frame information, true and hostile. */
#include "unwind_world.h"

#include "support/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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
		world_end();
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
		world_end();
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

	world_end();
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
		world_end();
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
