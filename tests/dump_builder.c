/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dump_builder.h"

#include <stdlib.h>
#include <string.h>

const struct flavour_facts flavour_facts[FLAVOURS] = {
	[X86_WINDOWS] = {"x86 Windows", MD_ARCH_X86, MD_PLATFORM_WIN32_NT, 716, 0x1003f, 184, 196,
			 4},
	[AMD64_LINUX] = {"AMD64 Linux", MD_ARCH_AMD64, MD_PLATFORM_LINUX, 1232, 0x10000b, 248, 152,
			 8},
	[AMD64_WINDOWS] = {"AMD64 Windows", MD_ARCH_AMD64, MD_PLATFORM_WIN32_NT, 1232, 0x10001f,
			   248, 152, 8},
	[ARM_ANDROID] = {"ARM Android", MD_ARCH_ARM, MD_PLATFORM_ANDROID, 368, 0x40000006, 64, 56,
			 4},
	[ARM64_MACOS] = {"ARM64 macOS", MD_ARCH_ARM64, MD_PLATFORM_MACOS, 912, 0x400007, 264, 256,
			 8},
	[ARM64_OLD_IOS] = {"old ARM64 iOS", MD_ARCH_ARM64_OLD, MD_PLATFORM_IOS, 796, 0x80000006,
			   264, 256, 8},
};

void builder_init(struct builder *builder, bool big, uint32_t streams)
{
	*builder = (struct builder){.big = big};
	put_zeroes(builder, sizeof(struct md_header) + streams * sizeof(struct md_directory));
	builder->count = 0;
	patch32(builder, 8, streams);
}

void builder_done(struct builder *builder)
{
	inq_buffer_done(&builder->bytes);
}

uint32_t builder_at(const struct builder *builder)
{
	return (uint32_t)builder->bytes.size;
}

static void encode(const struct builder *builder, uint8_t *to, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		to[builder->big ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static void put(struct builder *builder, uint64_t value, unsigned width)
{
	encode(builder, inq_buffer_extend(&builder->bytes, width), value, width);
}

void put8(struct builder *builder, uint8_t value)
{
	put(builder, value, 1);
}

void put16(struct builder *builder, uint16_t value)
{
	put(builder, value, 2);
}

void put32(struct builder *builder, uint32_t value)
{
	put(builder, value, 4);
}

void put64(struct builder *builder, uint64_t value)
{
	put(builder, value, 8);
}

void put_zeroes(struct builder *builder, size_t count)
{
	inq_buffer_extend(&builder->bytes, count);
}

void put_bytes(struct builder *builder, const void *bytes, size_t size)
{
	inq_buffer_append(&builder->bytes, bytes, size);
}

void patch32(struct builder *builder, uint32_t at, uint32_t value)
{
	encode(builder, builder->bytes.data + at, value, 4);
}

void patch64(struct builder *builder, uint32_t at, uint64_t value)
{
	encode(builder, builder->bytes.data + at, value, 8);
}

void put_location(struct builder *builder, uint32_t size, uint32_t rva)
{
	put32(builder, size);
	put32(builder, rva);
}

uint32_t put_string(struct builder *builder, const char *text)
{
	uint32_t at = builder_at(builder);

	put32(builder, (uint32_t)strlen(text) * 2);
	for (; *text; text++)
		put16(builder, (uint8_t)*text);
	put16(builder, 0);
	return at;
}

uint32_t put_utf8(struct builder *builder, const char *text)
{
	uint32_t at = builder_at(builder);

	put32(builder, (uint32_t)strlen(text));
	put_bytes(builder, text, strlen(text) + 1);
	return at;
}

void begin_stream(struct builder *builder, uint32_t type)
{
	put_zeroes(builder, (4 - builder->bytes.size % 4) % 4);
	builder->streams[builder->count].type = type;
	builder->streams[builder->count].rva = builder_at(builder);
}

void end_stream(struct builder *builder)
{
	builder->streams[builder->count].size =
		builder_at(builder) - builder->streams[builder->count].rva;
	builder->count++;
}

void builder_finish(struct builder *builder)
{
	patch32(builder, 0, MD_SIGNATURE);
	patch32(builder, 4, 0x12340000 | MD_VERSION);
	patch32(builder, 12, sizeof(struct md_header));
	patch32(builder, 20, 0x5f000000);
	patch64(builder, 24, MD_WITH_HANDLE_DATA);
	for (uint32_t i = 0; i < builder->count; i++) {
		uint32_t at = sizeof(struct md_header) + i * sizeof(struct md_directory);

		patch32(builder, at, builder->streams[i].type);
		patch32(builder, at + 4, builder->streams[i].size);
		patch32(builder, at + 8, builder->streams[i].rva);
	}
}

/* --- a whole dump -------------------------------------------------------------------- */

static uint32_t put_context(struct builder *builder, const struct flavour_facts *facts)
{
	uint32_t at = builder_at(builder);

	put_zeroes(builder, facts->context_size);
	if (facts->architecture == MD_ARCH_AMD64)
		patch32(builder, at + 48, facts->context_flags);
	else if (facts->architecture == MD_ARCH_ARM64_OLD)
		patch64(builder, at, facts->context_flags);
	else
		patch32(builder, at, facts->context_flags);
	if (facts->word == 8) {
		patch64(builder, at + facts->pc_at, WHOLE_PC);
		patch64(builder, at + facts->sp_at, WHOLE_SP);
	} else {
		patch32(builder, at + facts->pc_at, WHOLE_PC);
		patch32(builder, at + facts->sp_at, WHOLE_SP);
	}
	return at;
}

static uint32_t put_codeview(struct builder *builder, const struct flavour_facts *facts,
			     uint32_t *ret_size)
{
	uint32_t at = builder_at(builder);

	if (facts->platform == MD_PLATFORM_WIN32_NT || facts->platform == MD_PLATFORM_MACOS) {
		put32(builder, MD_CODEVIEW_PDB70);
		put32(builder, 0x11223344);
		put16(builder, 0x5566);
		put16(builder, 0x7788);
		put_bytes(builder, "\x99\xaa\xbb\xcc\xdd\xee\xff\x01", 8);
		put32(builder, 3);
		put_bytes(builder, "app.pdb", 8);
	} else {
		put32(builder, MD_CODEVIEW_ELF);
		for (uint8_t i = 0; i < 20; i++)
			put8(builder, i);
	}
	*ret_size = builder_at(builder) - at;
	return at;
}

static void put_system(struct builder *builder, const struct flavour_facts *facts)
{
	uint32_t csd = put_string(builder, "5.10.0 test");

	begin_stream(builder, MD_STREAM_SYSTEM_INFO);
	put16(builder, facts->architecture);
	put16(builder, 6);
	put16(builder, 0x9e0a);
	put8(builder, 8);
	put8(builder, 1);
	put32(builder, 10);
	put32(builder, 1);
	put32(builder, 19045);
	put32(builder, facts->platform);
	put32(builder, csd);
	put16(builder, 0x100);
	put16(builder, 0);
	put32(builder, 0x756e6547); /* "Genu" */
	put32(builder, 0x49656e69); /* "ineI" */
	put32(builder, 0x6c65746e); /* "ntel" */
	put32(builder, 0x906ea);
	put32(builder, 0xbfebfbff);
	put32(builder, 0);
	end_stream(builder);
}

static void put_thread(struct builder *builder, uint32_t stack, uint32_t context,
		       uint32_t context_size)
{
	begin_stream(builder, MD_STREAM_THREAD_LIST);
	put32(builder, 1);
	put32(builder, WHOLE_THREAD);
	put32(builder, 2);
	put32(builder, 3);
	put32(builder, 4);
	put64(builder, 0x7ffd1000);
	put64(builder, WHOLE_STACK);
	put_location(builder, WHOLE_STACK_SIZE, stack);
	put_location(builder, context_size, context);
	end_stream(builder);
}

static void put_module(struct builder *builder, const struct flavour_facts *facts)
{
	uint32_t size, codeview = put_codeview(builder, facts, &size),
		       name = put_string(builder, "/opt/app");

	begin_stream(builder, MD_STREAM_MODULE_LIST);
	put32(builder, 1);
	put64(builder, 0x400000);
	put32(builder, 0x5000);
	put32(builder, 0xc0ffee);
	put32(builder, 0x5e000000);
	put32(builder, name);
	put32(builder, MD_VERSION_INFO_SIGNATURE);
	put32(builder, 0x10000);
	put32(builder, 1 << 16 | 2);
	put32(builder, 3 << 16 | 4);
	put_zeroes(builder, 9 * 4);
	put_location(builder, size, codeview);
	put_location(builder, 0, 0);
	put64(builder, 0);
	put64(builder, 0);
	end_stream(builder);
}

static void put_exception(struct builder *builder, uint32_t context, uint32_t context_size)
{
	begin_stream(builder, MD_STREAM_EXCEPTION);
	put32(builder, WHOLE_THREAD);
	put32(builder, 0);
	put32(builder, 11);
	put32(builder, 1);
	put64(builder, 0);
	put64(builder, 0xdeadbeef);
	put32(builder, 2);
	put32(builder, 0);
	for (uint64_t i = 0; i < 15; i++)
		put64(builder, 0x100 + i);
	put_location(builder, context_size, context);
	end_stream(builder);
}

static void put_memory(struct builder *builder, uint32_t stack, uint32_t code)
{
	begin_stream(builder, MD_STREAM_MEMORY_LIST);
	put32(builder, 2);
	put64(builder, WHOLE_STACK);
	put_location(builder, WHOLE_STACK_SIZE, stack);
	put64(builder, WHOLE_CODE);
	put_location(builder, WHOLE_CODE_SIZE, code);
	end_stream(builder);
}

static void put_names(struct builder *builder)
{
	uint32_t name = put_string(builder, "worker");

	begin_stream(builder, MD_STREAM_THREAD_NAMES);
	put32(builder, 1);
	put32(builder, WHOLE_THREAD);
	put64(builder, name);
	end_stream(builder);
}

void build_whole(struct builder *builder, enum flavour flavour, bool big)
{
	const struct flavour_facts *facts = &flavour_facts[flavour];
	uint32_t stack, code, context;

	builder_init(builder, big, 7);
	stack = builder_at(builder);
	for (uint8_t i = 0; i < WHOLE_STACK_SIZE; i++)
		put8(builder, i);
	code = builder_at(builder);
	for (uint8_t i = 0; i < WHOLE_CODE_SIZE; i++)
		put8(builder, (uint8_t)(0x80 + i));
	context = put_context(builder, facts);
	put_system(builder, facts);
	put_thread(builder, stack, context, facts->context_size);
	put_module(builder, facts);
	put_exception(builder, context, facts->context_size);
	put_memory(builder, stack, code);
	put_names(builder);
	begin_stream(builder, 0xabcd1234);
	put_bytes(builder, "who knows", 9);
	end_stream(builder);
	builder_finish(builder);
}
