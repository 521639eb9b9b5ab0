/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unwind data of PE images: taken apart byte by byte, and judged by a program that runs. */
#include "support/file.h"
#include "symbols/image.h"
#include "target/target.h"
#include "unwind/pe.h"
#include "unwind/unwind.h"

#include "pe_program.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- unwind infos --------------------------------------------------------------------------------- */

static struct pe_info info;
static struct inq_error err;

static enum inq_status parse(const uint8_t *bytes, size_t size)
{
	return pe_parse_info(bytes, size, &info, &err);
}

#define PARSE(...) parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define EXPECT_CODE(i, after_, operation_, reg_, amount_) do { \
	cr_expect_eq(info.codes[i].after, after_, "code %d: after %u", i, info.codes[i].after); \
	cr_expect_eq(info.codes[i].operation, operation_, "code %d: operation %u", i, info.codes[i].operation); \
	cr_expect_eq(info.codes[i].reg, reg_, "code %d: register %u", i, info.codes[i].reg); \
	cr_expect_eq(info.codes[i].amount, (uint32_t)(amount_), "code %d: %u bytes", i, info.codes[i].amount); \
} while (0)

Test(pe_info, reads_each_code_of_version_1)
{
	cr_assert_eq(PARSE(0x01, 0x20, 16, 0x35,
			   0x20, 0x03,                         /* SET_FPREG */
			   0x1c, 0x42,                         /* ALLOC_SMALL 40 */
			   0x18, 0x01, 0x46, 0x02,             /* ALLOC_LARGE 0x246 * 8 */
			   0x14, 0x11, 0x00, 0x00, 0x09, 0x00, /* ALLOC_LARGE 0x90000 */
			   0x10, 0x64, 0x07, 0x00,             /* SAVE_NONVOL rsi, 0x38 */
			   0x0c, 0x75, 0x00, 0x00, 0x0a, 0x00, /* SAVE_NONVOL_FAR rdi, 0xa0000 */
			   0x08, 0x68, 0x02, 0x00,             /* SAVE_XMM128 */
			   0x04, 0xc0,                         /* PUSH_NONVOL r12 */
			   0x00, 0x1a),                        /* PUSH_MACHFRAME with an error code */
		     INQ_OK, "%s", err.text);
	cr_expect_eq(info.count, 8);
	cr_expect_eq(info.prologue, 0x20);
	cr_expect_eq(info.frame_register, 5);
	cr_expect_eq(info.frame_offset, 0x30);
	cr_expect_not(info.chained);
	EXPECT_CODE(0, 0x20, PE_SET_FRAME, 0, 0);
	EXPECT_CODE(1, 0x1c, PE_ALLOCATE, 4, 40);
	EXPECT_CODE(2, 0x18, PE_ALLOCATE, 0, 0x246 * 8);
	EXPECT_CODE(3, 0x14, PE_ALLOCATE, 1, 0x90000);
	EXPECT_CODE(4, 0x10, PE_SAVE, 6, 0x38);
	EXPECT_CODE(5, 0x0c, PE_SAVE, 7, 0xa0000);
	EXPECT_CODE(6, 0x04, PE_PUSH, 12, 0);
	EXPECT_CODE(7, 0x00, PE_MACHINE_FRAME, 1, 8);
}

Test(pe_info, reads_a_chain_behind_an_odd_number_of_slots)
{
	cr_assert_eq(PARSE(0x21, 0x05, 1, 0, 0x05, 0x30, 0xee, 0xee, /* filled up to an even number */
			   0x10, 0, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 0, 0), INQ_OK, "%s", err.text);
	cr_expect(info.chained);
	cr_expect_eq(info.chain.begin, 0x10);
	cr_expect_eq(info.chain.end, 0x20);
	cr_expect_eq(info.chain.info, 0x30);
}

Test(pe_info, reads_the_epilogues_of_version_2)
{
	cr_assert_eq(PARSE(0x02, 0x0a, 5, 0, 0x08, 0x16, 0x34, 0x26, 0x00, 0x06, 0x06, 0x42, 0x02, 0xd0), INQ_OK, "%s",
		     err.text);
	cr_expect_eq(info.epilogue_size, 8);
	cr_expect_eq(info.epilogue_count, 2);
	cr_expect_eq(info.epilogues[0], 8, "at the function's end");
	cr_expect_eq(info.epilogues[1], 0x234);
	cr_expect_eq(info.count, 2);
	EXPECT_CODE(0, 0x06, PE_ALLOCATE, 4, 40);
	EXPECT_CODE(1, 0x02, PE_PUSH, 13, 0);
}

Test(pe_info, refuses_what_is_none)
{
	cr_expect_eq(PARSE(0x03, 0, 0, 0), INQ_UNSUPPORTED);
	cr_expect_str_eq(err.text, "unwind info of version 3");
	cr_expect_eq(PARSE(0x01, 4, 1, 0, 0x04, 0x0f), INQ_UNSUPPORTED);
	cr_expect_str_eq(err.text, "unwind code 0x0f");
	cr_expect_eq(PARSE(0x01, 4, 1, 0, 0x04, 0x21, 0, 0, 0, 0), INQ_UNSUPPORTED, "ALLOC_LARGE of a third kind");
	cr_expect_eq(PARSE(0x01, 4, 1, 0, 0x04, 0x11, 0, 0, 0, 0), INQ_BAD_DATA);
	cr_expect_str_eq(err.text, "unwind code 0x11 runs past the others");
	cr_expect_eq(PARSE(0x01, 4, 2, 0, 0x04, 0x42), INQ_BAD_DATA, "fewer bytes than slots");
	cr_expect_eq(PARSE(0x21, 0, 0, 0, 1, 2, 3), INQ_BAD_DATA, "a chain that is cut off");
	cr_expect_eq(PARSE(0x01, 4), INQ_BAD_DATA);
}

/* Every version byte, number of slots and code, cut at every length: a status, no more codes than there are slots. */
Test(pe_info, bounds_whatever_it_is_given, .timeout = 30)
{
	uint8_t bytes[64];

	for (unsigned head = 0; head < 256; head++) {
		for (unsigned code = 0; code < 256; code++) {
			for (size_t size = 0; size <= sizeof(bytes); size += 3) {
				memset(bytes, (int)code, sizeof(bytes));
				bytes[0] = (uint8_t)head;
				if (parse(bytes, size) == INQ_OK)
					cr_assert_leq(info.count + info.epilogue_count, bytes[2]);
			}
		}
	}
}

/* --- epilogues -------------------------------------------------------------------------------------- */

static struct pe_epilogue epilogue;

#define READ(frame, ...) pe_read_epilogue((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), \
					  0x1000, frame, &epilogue)

Test(pe_epilogue, reads_the_forms_that_the_abi_allows)
{
	cr_expect(READ(0, 0xc3));
	cr_expect(READ(0, 0xc2, 0x08, 0x00));
	cr_expect(READ(0, 0xf3, 0xc3));
	cr_expect(READ(0, 0xff, 0x25, 1, 2, 3, 4));
	cr_expect(READ(0, 0x48, 0xff, 0xe0));
	cr_expect_not(epilogue.jumps);
	cr_expect(READ(0, 0xeb, 0xfe));
	cr_expect(epilogue.jumps);
	cr_expect_eq(epilogue.target, 0x1000);
	cr_expect(READ(0, 0x48, 0x83, 0xc4, 0x28, 0x41, 0x5f, 0x5b, 0xe9, 0x00, 0x01, 0x00, 0x00));
	cr_expect_eq(epilogue.count, 4);
	cr_expect_eq(epilogue.steps[0].amount, 0x28);
	cr_expect_eq(epilogue.steps[1].reg, 15);
	cr_expect_eq(epilogue.steps[2].reg, 3);
	cr_expect_eq(epilogue.target, 0x110c);
	cr_expect(READ(5, 0x48, 0x8d, 0x65, 0xf0, 0x5d, 0xc3));
	cr_expect_eq(epilogue.steps[0].kind, PE_LEA);
	cr_expect_eq(epilogue.steps[0].amount, -16);
	cr_expect(READ(12, 0x49, 0x8d, 0xa4, 0x24, 0, 1, 0, 0, 0xc3));
	cr_expect_eq(epilogue.steps[0].reg, 12);
	cr_expect_eq(epilogue.steps[0].amount, 0x100);
}

Test(pe_epilogue, refuses_what_only_looks_like_one)
{
	cr_expect_not(READ(0, 0x90));
	cr_expect_not(READ(0, 0xff, 0xe0), "jmp rax without REX.W is a switch's");
	cr_expect_not(READ(0, 0x48, 0x8d, 0x65, 0xf0, 0xc3), "no frame register");
	cr_expect_not(READ(3, 0x48, 0x8d, 0x65, 0xf0, 0xc3), "another one");
	cr_expect_not(READ(0, 0x5b, 0x48, 0x83, 0xc4, 0x28, 0xc3), "pops come after");
	cr_expect_not(READ(0, 0x48, 0x81, 0xc4, 0x28, 0x00), "cut off");
	cr_expect_not(READ(0, 0x41), "cut off");
	cr_expect_not(READ(0, 0x5b), "no end");
	cr_expect_not(pe_read_epilogue(NULL, 0, 0, 0, &epilogue));
}

/* --- a world: one function of a made image, one stack ----------------------------------------------------- */

#define IMAGE 0x140000000ull
#define STACK 0x7ff000000000ull
enum { IMAGE_SIZE = 0x4000, STACK_SIZE = 0x1000, TEXT = 0x1000, DATA = 0x2000, PDATA = 0x3000 };

static struct {
	struct inq_target target;
	uint8_t image[IMAGE_SIZE], stack[STACK_SIZE];
	struct inq_image *opened;
	struct inq_unwinder *unwinder;
	struct inq_context context;
	struct inq_frames frames;
	uint64_t used;
} world;

static enum inq_status read_world(struct inq_target *self, uint64_t address, void *to, size_t size, size_t *ret_done,
				  struct inq_error *error)
{
	const uint8_t *from = address - IMAGE < IMAGE_SIZE ? world.image + (address - IMAGE)
			      : address - STACK < STACK_SIZE ? world.stack + (address - STACK) : NULL;
	size_t left = address - IMAGE < IMAGE_SIZE ? IMAGE_SIZE - (size_t)(address - IMAGE)
						   : STACK_SIZE - (size_t)(address - STACK);

	(void)self;
	if (!from)
		return inq_fail(error, INQ_FAULT, "not there");
	*ret_done = size < left ? size : left;
	memcpy(to, from, *ret_done);
	return INQ_OK;
}

static enum inq_status read_image(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				  struct inq_error *error)
{
	return read_world(user, at, to, size, ret_done, error);
}

static void put(uint32_t at, uint64_t value, unsigned size)
{
	memcpy(world.image + at, &value, size);
}

static void put_section(unsigned index, uint32_t rva, uint32_t size, uint32_t characteristics)
{
	uint32_t at = 0x80 + 24 + 240 + 40 * index;

	put(at + 8, size, 4);
	put(at + 12, rva, 4);
	put(at + 16, size, 4);
	put(at + 20, rva, 4);
	put(at + 36, characteristics, 4);
}

/* A PE32+ image with .text, .xdata at DATA and .pdata, in memory. */
static void make_image(unsigned functions)
{
	memcpy(world.image, "MZ", 2);
	put(0x3c, 0x80, 4);
	memcpy(world.image + 0x80, "PE\0\0", 4);
	put(0x84, 0x8664, 2);
	put(0x86, 3, 2);
	put(0x88, 0x12345678, 4);
	put(0x94, 240, 2);
	put(0x98, 0x20b, 2);
	put(0x98 + 56, IMAGE_SIZE, 4);
	put(0x98 + 60, 0x400, 4);
	put(0x98 + 108, 16, 4);
	put(0x98 + 112 + 8 * 3, PDATA, 4);
	put(0x98 + 112 + 8 * 3 + 4, functions * PE_FUNCTION_SIZE, 4);
	put_section(0, TEXT, 0x1000, 0x60000020);
	put_section(1, DATA, 0x1000, 0x40000040);
	put_section(2, PDATA, 0x1000, 0x40000040);
	memset(world.image + TEXT, 0x90, 0x1000);
}

static void put_function(unsigned index, uint32_t begin, uint32_t end, uint32_t unwind)
{
	put(PDATA + 12 * index, begin, 4);
	put(PDATA + 12 * index + 4, end, 4);
	put(PDATA + 12 * index + 8, unwind, 4);
}

static void put_stack(uint32_t at, uint64_t value)
{
	memcpy(world.stack + at, &value, sizeof(value));
}

static enum inq_status module_of_world(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	(void)user;
	if (address - IMAGE >= IMAGE_SIZE)
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){world.opened, IMAGE, IMAGE_SIZE, IMAGE};
	return INQ_OK;
}

static void note_use(void *user, int dwarf)
{
	(void)user;
	world.used |= 1ull << dwarf;
}

static void walk(uint64_t rip, uint64_t rsp, uint64_t rbp, size_t limit)
{
	static const struct inq_target_ops OPS = {.kind = "world", .read = read_world};
	struct inq_unwind_source source = {.target = &world.target, .module = module_of_world, .use = note_use};
	const uint64_t values[][2] = {{16, rip}, {7, rsp}, {6, rbp}};

	world.target = (struct inq_target){.ops = &OPS, .name = "world"};
	cr_assert_eq(inq_image_open_memory((struct inq_image_reader){read_image, &world.target}, IMAGE, &world.opened,
					   &err), INQ_OK, "%s", err.text);
	inq_context_init(INQ_MACHINE_AMD64, &world.context);
	for (size_t i = 0; i < 3; i++)
		inq_context_set(&world.context, inq_register_from_dwarf(INQ_MACHINE_AMD64, (int)values[i][0]),
				values[i][1]);
	cr_assert_eq(inq_unwinder_new(&source, &world.unwinder, &err), INQ_OK);
	cr_assert_eq(inq_unwind(world.unwinder, &world.context, limit, &world.frames, &err), INQ_OK, "%s", err.text);
}

static void end_world(void)
{
	inq_frames_done(&world.frames);
	inq_unwinder_free(world.unwinder);
	inq_image_free(world.opened);
}

TestSuite(pe_unwind, .fini = end_world, .timeout = 10);

/* The processor interrupted one function, which goes on behind a frame that it pushed; a handler's frame is over it. */
Test(pe_unwind, crosses_a_frame_that_the_processor_pushed)
{
	static const uint8_t HANDLER[] = {0x01, 4, 2, 0, 0x04, 0x32, 0x00, 0x1a}, BODY[] = {0x01, 1, 1, 0, 0x01, 0x30};

	make_image(2);
	put_function(0, TEXT, TEXT + 0x100, DATA);
	put_function(1, TEXT + 0x100, TEXT + 0x200, DATA + 0x100);
	memcpy(world.image + DATA, HANDLER, sizeof(HANDLER));
	memcpy(world.image + DATA + 0x100, BODY, sizeof(BODY));
	put_stack(0x120, 0xe);                    /* error code, behind 0x20 bytes of the handler's own */
	put_stack(0x128, IMAGE + TEXT + 0x180);   /* rip */
	put_stack(0x140, STACK + 0x200);          /* rsp */
	put_stack(0x200, 0x1234);                 /* rbx */
	put_stack(0x208, 0);                      /* who called: nobody */
	walk(IMAGE + TEXT + 0x80, STACK + 0x100, 0, 10);
	cr_assert_eq(world.frames.count, 2);
	cr_expect_eq(world.frames.frames[1].pc, IMAGE + TEXT + 0x180);
	cr_expect_eq(world.frames.frames[1].lookup_pc, IMAGE + TEXT + 0x180, "no return address");
	cr_expect_eq(world.frames.frames[1].sp, STACK + 0x200);
	cr_expect_eq(world.frames.frames[1].trust, INQ_TRUST_SIGNAL);
	cr_expect(world.frames.frames[0].signal);
	cr_expect_eq(world.frames.frames[0].return_slot, STACK + 0x128);
	cr_expect_eq(world.frames.stop, INQ_STOP_END);
}

/* An entry may lead to another entry, whose info it shares. */
Test(pe_unwind, follows_an_indirect_entry)
{
	static const uint8_t BODY[] = {0x01, 4, 1, 0, 0x04, 0x32};

	make_image(2);
	put_function(0, TEXT, TEXT + 0x100, DATA);
	put_function(1, TEXT + 0x100, TEXT + 0x200, PDATA + 1);
	memcpy(world.image + DATA, BODY, sizeof(BODY));
	put_stack(0x120, IMAGE + TEXT + 0x50);
	walk(IMAGE + TEXT + 0x180, STACK + 0x100, 0, 2);
	cr_assert_eq(world.frames.count, 2);
	cr_expect_eq(world.frames.frames[1].pc, IMAGE + TEXT + 0x50);
	cr_expect_eq(world.frames.frames[1].trust, INQ_TRUST_PE);
	cr_expect_str_eq(inq_trust_name(world.frames.frames[1].trust), "pdata");
}

/* A chain that leads back to itself, and a table that is larger than the image, end the walk with words. */
Test(pe_unwind, ends_at_a_chain_without_end)
{
	static const uint8_t LOOP[] = {0x21, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x11, 0, 0, 0, 0x20, 0, 0};

	make_image(1);
	put_function(0, TEXT, TEXT + 0x100, DATA);
	memcpy(world.image + DATA, LOOP, sizeof(LOOP));
	walk(IMAGE + TEXT + 0x80, STACK + 0x100, 0, 10);
	cr_expect_eq(world.frames.count, 1);
	cr_expect_neq(world.frames.stop, INQ_STOP_END);
}

Test(pe_unwind, ends_at_a_table_that_is_not_there)
{
	make_image(1 << 20);
	walk(IMAGE + TEXT + 0x80, STACK + 0x100, 0, 10);
	cr_expect_eq(world.frames.count, 1);
}

Test(pe_unwind, says_where_stack_is_missing)
{
	static const uint8_t BODY[] = {0x01, 4, 2, 0, 0x04, 0x01, 0x00, 0x10};

	make_image(1);
	put_function(0, TEXT, TEXT + 0x100, DATA);
	memcpy(world.image + DATA, BODY, sizeof(BODY));
	walk(IMAGE + TEXT + 0x80, STACK + 0x100, 0, 10);
	cr_expect_eq(world.frames.count, 1);
	cr_expect_eq(world.frames.stop, INQ_STOP_NO_MEMORY);
	cr_expect_eq(world.frames.stopped_at, STACK + 0x100 + 0x8000);
}

/* Every frame of the program's own is computed from rsp alone, unless the function has a frame register. */
Test(pe_unwind, tells_that_a_frame_register_was_used)
{
	static const uint8_t BODY[] = {0x01, 8, 3, 0x25, 0x08, 0x03, 0x05, 0x32, 0x01, 0x50};

	make_image(1);
	put_function(0, TEXT, TEXT + 0x100, DATA);
	memcpy(world.image + DATA, BODY, sizeof(BODY));
	put_stack(0x320, 0xbbbb); /* rbp */
	put_stack(0x328, IMAGE + TEXT + 0x50);
	walk(IMAGE + TEXT + 0x80, STACK + 0x100, STACK + 0x320, 2);
	cr_assert_eq(world.frames.count, 2);
	cr_expect_eq(world.frames.frames[1].sp, STACK + 0x330);
	cr_expect_eq(world.frames.frames[1].fp, 0xbbbb);
	cr_expect(world.used >> 6 & 1);
}

/* --- a program that runs ------------------------------------------------------------------------------------ */

static struct pe_program program;

static enum inq_status read_program(struct inq_target *self, uint64_t address, void *to, size_t size,
				    size_t *ret_done, struct inq_error *error)
{
	ssize_t got = pread(program.memory, to, size, (off_t)address);

	(void)self;
	if (got <= 0)
		return inq_fail(error, INQ_FAULT, "not mapped");
	*ret_done = (size_t)got;
	return INQ_OK;
}

static enum inq_status read_program_image(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
					  struct inq_error *error)
{
	return read_program(user, at, to, size, ret_done, error);
}

static enum inq_status module_of_program(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	struct inq_image *image = user;
	uint64_t base = (uint64_t)program.base;

	if (address - base >= program.size)
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){image, base, program.size, base};
	return INQ_OK;
}

static const int KEPT[PE_KEPT] = {3, 6, 4, 5, 12, 13, 14, 15}; /* DWARF's numbers */

static void expect_callers(const struct inq_frames *frames)
{
	uint64_t here = program.registers.rip - (uint64_t)program.base;

	cr_assert_eq(frames->count, program.depth + 1, "at 0x%lx: %zu frames of %u: %s", (unsigned long)here,
		     frames->count, program.depth + 1, inq_stop_text(frames->stop));
	for (size_t i = 1; i < frames->count; i++) {
		const struct inq_frame *frame = &frames->frames[i];
		const struct pe_caller *caller = &program.callers[program.depth - i];

		cr_assert_eq(frame->pc, caller->pc, "at 0x%lx: caller %zu is at 0x%lx, not at 0x%lx",
			     (unsigned long)here, i, (unsigned long)(caller->pc - (uint64_t)program.base),
			     (unsigned long)(frame->pc - (uint64_t)program.base));
		cr_assert_eq(frame->sp, caller->sp, "at 0x%lx: caller %zu's stack is at 0x%lx, not at 0x%lx",
			     (unsigned long)here, i, (unsigned long)caller->sp, (unsigned long)frame->sp);
		cr_assert_eq(frame->trust, INQ_TRUST_PE, "at 0x%lx: %s", (unsigned long)here,
			     inq_trust_name(frame->trust));
		for (unsigned k = 0; k < PE_KEPT; k++)
			cr_assert_eq(frame->registers.value[KEPT[k]], caller->kept[k],
				     "at 0x%lx: caller %zu's register %d", (unsigned long)here, i, KEPT[k]);
	}
}

static void set(struct inq_context *context, int dwarf, uint64_t value)
{
	inq_context_set(context, inq_register_from_dwarf(INQ_MACHINE_AMD64, dwarf), value);
}

/* At each instruction of the program: the callers and their registers are those that called. */
static void expect_truth(struct inq_image *image)
{
	static const struct inq_target_ops OPS = {.kind = "program", .read = read_program};
	struct inq_target target = {.ops = &OPS, .name = "program"};
	struct inq_unwind_source source = {.target = &target, .module = module_of_program, .user = image};

	do {
		struct inq_unwinder *unwinder;
		struct inq_frames frames = {0};
		struct inq_context context;
		uint64_t kept[PE_KEPT];

		inq_context_init(INQ_MACHINE_AMD64, &context);
		pe_program_kept(&program.registers, kept);
		for (unsigned k = 0; k < PE_KEPT; k++)
			set(&context, KEPT[k], kept[k]);
		set(&context, 16, program.registers.rip);
		set(&context, 7, program.registers.rsp);
		cr_assert_eq(inq_unwinder_new(&source, &unwinder, &err), INQ_OK);
		cr_assert_eq(inq_unwind(unwinder, &context, program.depth + 1, &frames, &err), INQ_OK, "%s", err.text);
		expect_callers(&frames);
		inq_frames_done(&frames);
		inq_unwinder_free(unwinder);
	} while (pe_program_step(&program));
}

static void start(void)
{
	const char *why;

	if (!pe_program_start(&program, FIXTURES "/pe-walk.exe", &why)) {
		pe_program_end(&program);
		cr_skip("%s", why);
	}
}

Test(pe_program, has_the_callers_that_called_by_the_images_file, .timeout = 60)
{
	struct inq_image *image;
	struct inq_file *file;

	start();
	cr_assert_eq(inq_file_open(FIXTURES "/pe-walk.exe", &file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_image_open_file(file, &image, &err), INQ_OK, "%s", err.text);
	expect_truth(image);
	cr_expect_gt(program.steps, 1000, "%lu steps", program.steps);
	inq_image_free(image);
	pe_program_end(&program);
}

Test(pe_program, has_the_callers_that_called_by_the_image_in_memory, .timeout = 60)
{
	struct inq_image *image;

	start();
	cr_assert_eq(inq_image_open_memory((struct inq_image_reader){read_program_image, NULL},
					   (uint64_t)program.base, &image, &err), INQ_OK, "%s", err.text);
	expect_truth(image);
	cr_expect_gt(program.steps, 1000, "%lu steps", program.steps);
	inq_image_free(image);
	pe_program_end(&program);
}
