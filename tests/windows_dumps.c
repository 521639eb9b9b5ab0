/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows-dumps IMAGE FOLDER EVERY: Windows dumps of tests/fixtures/pe-walk.exe while it runs, for the trials.
 *
 * One at every EVERYth new instruction, in FOLDER: 12ab.dmp, named by the instruction's place in the image, and
 * 12ab.truth, a line for each frame from the innermost: its place and its stack pointer, in hexadecimal.
 * 12ab-memory.dmp has the image in its memory as well. Written by tests/dump_builder, from the specification.
 */
#include "dump_builder.h"
#include "pe_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STACK_KEPT = 4096 + 0xa0000, /* bytes from rsp on: the program's largest frame and some */
	CONTEXT_SIZE = 1232,
	CONTEXT_FLAGS = 0x10001b,    /* AMD64, control, integer, segments, debug */
	TID = 4711,
};

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* CONTEXT of winnt.h. */
static uint32_t put_context(struct builder *builder, const struct user_regs_struct *r)
{
	const uint64_t general[] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
				    r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};
	uint32_t at = builder_at(builder);

	put_zeroes(builder, CONTEXT_SIZE);
	patch32(builder, at + 48, CONTEXT_FLAGS);
	patch32(builder, at + 56, 0x33);
	patch32(builder, at + 68, (uint32_t)r->eflags);
	for (unsigned i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		patch64(builder, at + 120 + 8 * i, general[i]);
	return at;
}

static void put_system(struct builder *builder)
{
	uint32_t csd = put_string(builder, "");

	begin_stream(builder, MD_STREAM_SYSTEM_INFO);
	put16(builder, MD_ARCH_AMD64);
	put16(builder, 6);
	put16(builder, 0x9e0a);
	put8(builder, 4);
	put8(builder, 1);
	put32(builder, 10);
	put32(builder, 0);
	put32(builder, 19045);
	put32(builder, MD_PLATFORM_WIN32_NT);
	put32(builder, csd);
	put_zeroes(builder, 4);
	put_bytes(builder, "GenuineIntel", 12);
	put32(builder, 0x906ea);
	put32(builder, 0xbfebfbff);
	put32(builder, 0);
	end_stream(builder);
}

/* TimeDateStamp, SizeOfImage and the RSDS record as the image has them. */
static void put_module(struct builder *builder, const struct pe_program *program)
{
	const uint8_t *header = program->base + word(program->base + 0x3c);
	const uint8_t *debug = program->base + word(header + 24 + 112 + 8 * 6);
	uint32_t size = word(debug + 16), codeview = builder_at(builder), name;

	put_bytes(builder, program->base + word(debug + 20), size);
	put_zeroes(builder, (4 - size % 4) % 4);
	name = put_string(builder, "C:\\Program Files\\Walker\\PE-Walk.exe");
	begin_stream(builder, MD_STREAM_MODULE_LIST);
	put32(builder, 1);
	put64(builder, (uint64_t)program->base);
	put32(builder, program->size);
	put32(builder, 0);
	put32(builder, word(header + 8));
	put32(builder, name);
	put_zeroes(builder, 52);
	put_location(builder, size, codeview);
	put_location(builder, 0, 0);
	put_zeroes(builder, 16);
	end_stream(builder);
}

static void put_thread(struct builder *builder, uint64_t base, uint32_t size, uint32_t stack, uint32_t context)
{
	begin_stream(builder, MD_STREAM_THREAD_LIST);
	put32(builder, 1);
	put32(builder, TID);
	put_zeroes(builder, 12);
	put64(builder, 0);
	put64(builder, base);
	put_location(builder, size, stack);
	put_location(builder, CONTEXT_SIZE, context);
	end_stream(builder);
}

static void put_exception(struct builder *builder, uint64_t address, uint32_t context)
{
	begin_stream(builder, MD_STREAM_EXCEPTION);
	put32(builder, TID);
	put32(builder, 0);
	put32(builder, 0x80000003); /* STATUS_BREAKPOINT */
	put32(builder, 0);
	put64(builder, 0);
	put64(builder, address);
	put_zeroes(builder, 8 + 15 * 8);
	put_location(builder, CONTEXT_SIZE, context);
	end_stream(builder);
}

static void build(struct builder *builder, const struct pe_program *program, const uint8_t *stack, uint32_t size,
		  bool with_image)
{
	uint64_t base = program->registers.rsp;
	uint32_t stack_at, image_at, context;

	builder_init(builder, false, 5);
	stack_at = builder_at(builder);
	put_bytes(builder, stack, size);
	image_at = builder_at(builder);
	if (with_image)
		put_bytes(builder, program->base, program->size);
	context = put_context(builder, &program->registers);
	put_system(builder);
	put_thread(builder, base, size, stack_at, context);
	put_module(builder, program);
	put_exception(builder, program->registers.rip, context);
	begin_stream(builder, MD_STREAM_MEMORY_LIST);
	put32(builder, with_image ? 2 : 1);
	put64(builder, base);
	put_location(builder, size, stack_at);
	if (with_image) {
		put64(builder, (uint64_t)program->base);
		put_location(builder, program->size, image_at);
	}
	end_stream(builder);
	builder_finish(builder);
}

static FILE *create(const char *folder, uint64_t place, const char *suffix)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%04lx%s", folder, (unsigned long)place, suffix);
	file = fopen(path, "we");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void write_dump(const struct pe_program *program, const char *folder, const uint8_t *stack, uint32_t size,
		       bool with_image)
{
	struct builder builder;
	FILE *file = create(folder, program->registers.rip - (uint64_t)program->base,
			    with_image ? "-memory.dmp" : ".dmp");

	build(&builder, program, stack, size, with_image);
	fwrite(builder.bytes.data, 1, builder.bytes.size, file);
	fclose(file);
	builder_done(&builder);
}

static void write_truth(const struct pe_program *program, const char *folder)
{
	uint64_t base = (uint64_t)program->base;
	FILE *file = create(folder, program->registers.rip - base, ".truth");

	fprintf(file, "%lx %lx\n", (unsigned long)(program->registers.rip - base),
		(unsigned long)program->registers.rsp);
	for (unsigned i = program->depth; i-- > 1;)
		fprintf(file, "%lx %lx\n", (unsigned long)(program->callers[i].pc - base),
			(unsigned long)program->callers[i].sp);
	fclose(file);
}

/* The stack ends where the program's entry was called: what lies above is none of Windows'. A return address of 0
 * stands there, as for a thread's first function. */
static void write_all(const struct pe_program *program, const char *folder)
{
	uint64_t end = program->callers[0].sp;
	uint32_t size = end - program->registers.rsp < STACK_KEPT ? (uint32_t)(end - program->registers.rsp)
								   : STACK_KEPT;
	uint8_t *stack = calloc(1, size);

	if (!stack || pread(program->memory, stack, size, (off_t)program->registers.rsp) < 0)
		exit(1);
	if (size >= 8 && end == program->registers.rsp + size)
		memset(stack + size - 8, 0, 8);
	write_dump(program, folder, stack, size, false);
	write_dump(program, folder, stack, size, true);
	write_truth(program, folder);
	free(stack);
}

int main(int argc, char *argv[])
{
	struct pe_program program;
	const char *why;
	bool *seen;
	unsigned long fresh = 0, every = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (!every) {
		fprintf(stderr, "windows-dumps: IMAGE FOLDER EVERY\n");
		return 2;
	}
	if (!pe_program_start(&program, argv[1], &why)) {
		fprintf(stderr, "windows-dumps: %s\n", why);
		pe_program_end(&program);
		return 77;
	}
	seen = calloc(program.size, sizeof(*seen));
	do {
		uint64_t place = program.registers.rip - (uint64_t)program.base;

		if (seen && !seen[place]) {
			seen[place] = true;
			if (fresh++ % every == 0)
				write_all(&program, argv[2]);
		}
	} while (pe_program_step(&program));
	free(seen);
	pe_program_end(&program);
	return 0;
}
