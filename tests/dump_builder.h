/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Small dumps for tests, of any processor, system and byte order, written byte by byte and not by
 * our writer: what is proven with them is proven of the format.
 *
 * Streams are appended to one buffer; every put_* writes in the dump's byte order. Places that are
 * known only later are patched.
 */
#ifndef TESTS_DUMP_BUILDER_H
#define TESTS_DUMP_BUILDER_H

#include "minidump/format.h"
#include "support/buffer.h"

#include <stdbool.h>

enum { BUILDER_STREAMS = 32 };

struct builder {
	struct inq_buffer bytes;
	bool big; /* big-endian */
	uint32_t count;
	struct {
		uint32_t type, rva, size;
	} streams[BUILDER_STREAMS];
};

/* Room for the header and a directory of `streams` entries; unused ones stay of type 0. */
void builder_init(struct builder *builder, bool big, uint32_t streams);
void builder_done(struct builder *builder);

uint32_t builder_at(const struct builder *builder); /* the next byte's offset */
void put8(struct builder *builder, uint8_t value);
void put16(struct builder *builder, uint16_t value);
void put32(struct builder *builder, uint32_t value);
void put64(struct builder *builder, uint64_t value);
void put_zeroes(struct builder *builder, size_t count);
void put_bytes(struct builder *builder, const void *bytes, size_t size);
void patch32(struct builder *builder, uint32_t at, uint32_t value);
void patch64(struct builder *builder, uint32_t at, uint64_t value);
void put_location(struct builder *builder, uint32_t size, uint32_t rva);

/* A MINIDUMP_STRING of ASCII, or of UTF-8 as Crashpad has it; returns its RVA. */
uint32_t put_string(struct builder *builder, const char *text);
uint32_t put_utf8(struct builder *builder, const char *text);

/* Begin a stream at the next multiple of 4; what is put until the end is its content, unless `size`
 * says else. */
void begin_stream(struct builder *builder, uint32_t type);
void end_stream(struct builder *builder);

/* Write header and directory; afterwards bytes.data is a dump. */
void builder_finish(struct builder *builder);

/* A dump with one thread of id 77, its context, a module, an exception, memory and names. */
enum flavour {
	X86_WINDOWS,
	AMD64_LINUX,
	AMD64_WINDOWS,
	ARM_ANDROID,
	ARM64_MACOS,
	ARM64_OLD_IOS,
	FLAVOURS
};
void build_whole(struct builder *builder, enum flavour flavour, bool big);

/* What build_whole() writes, by flavour. */
struct flavour_facts {
	const char *name;
	uint16_t architecture;
	uint32_t platform;
	uint32_t context_size;
	uint32_t context_flags;
	uint32_t pc_at, sp_at; /* in the context */
	unsigned word;         /* bytes of an address */
};
extern const struct flavour_facts flavour_facts[FLAVOURS];

enum {
	WHOLE_PC = 0x401234,
	WHOLE_SP = 0x7fff0010,
	WHOLE_STACK = 0x7fff0000,
	WHOLE_STACK_SIZE = 64,
	WHOLE_CODE = 0x401200,
	WHOLE_CODE_SIZE = 128,
	WHOLE_THREAD = 77,
};

#endif
