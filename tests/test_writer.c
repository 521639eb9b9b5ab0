/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/reader.h"
#include "minidump/writer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A sink into memory that can be told to fail. */
struct room {
	struct inq_sink sink;
	uint8_t *bytes;
	size_t size; /* furthest byte written */
	size_t capacity;
	size_t writes;
	size_t fail_at;   /* which write fails, from 1; 0 none */
	bool signed_last; /* the last write was the signature */
};

static enum inq_status room_write(struct inq_sink *sink, uint64_t offset, const void *bytes,
				  size_t size, struct inq_error *err)
{
	struct room *room = sink->context;

	if (++room->writes == room->fail_at) {
		errno = ENOSPC;
		return inq_fail_os(err, "write at 0x%llx", (unsigned long long)offset);
	}
	cr_assert_leq(offset + size, room->capacity);
	memcpy(room->bytes + offset, bytes, size);
	if (offset + size > room->size)
		room->size = offset + size;
	room->signed_last = offset == 0 && size == 4;
	return INQ_OK;
}

static void room_init(struct room *room, size_t capacity)
{
	*room = (struct room){
		.sink = {.write = room_write}, .capacity = capacity, .bytes = malloc(capacity)};
	room->sink.context = room;
	memset(room->bytes, 0xee, capacity);
}

static uint8_t pattern(uint64_t address)
{
	return (uint8_t)(address * 13 + (address >> 12));
}

/* Memory with a hole: the page at `hole` cannot be read. */
struct memory {
	uint64_t hole;
	size_t calls;
	size_t largest;
};

static size_t produce(void *context, uint64_t address, uint64_t offset, void *to, size_t size)
{
	struct memory *memory = context;

	(void)offset;
	memory->calls++;
	if (size > memory->largest)
		memory->largest = size;
	for (size_t i = 0; i < size; i++) {
		if (memory->hole && (address + i) / 4096 == memory->hole / 4096)
			return i;
		((uint8_t *)to)[i] = pattern(address + i);
	}
	return size;
}

/* One thread with name, stack and context; a module; memory by all three ways. */
static void fill(struct inq_writer *writer, struct memory *memory, bool memory64)
{
	struct md_context_amd64 context = {
		.context_flags = MD_CONTEXT_AMD64_FULL, .rip = 0x1234, .rsp = 0x7fff0010};
	struct {
		struct md_list head;
		struct md_thread thread;
	} __attribute__((packed)) threads = {{1}, {.id = 7, .teb = 0x7f00}};
	struct {
		struct md_list head;
		struct md_module module;
	} __attribute__((packed)) modules = {{1}, {.base = 0x400000, .size = 0x1000}};
	struct {
		struct md_list head;
		struct md_thread_name name;
	} __attribute__((packed)) names = {{1}, {.thread_id = 7}};
	struct md_system_info system = {
		.architecture = MD_ARCH_AMD64, .platform = MD_PLATFORM_LINUX, .processors = 4};
	const uint8_t build_id[24] = {0x4c, 0x45, 0x70, 0x42, 1, 2, 3};
	inq_piece piece;

	piece = inq_writer_add_copy(writer, &system, sizeof(system), 8);
	inq_writer_point(writer, piece, offsetof(struct md_system_info, csd_rva), INQ_POINT_RVA,
			 inq_writer_add_string(writer, "Linux gr\xc3\xbc\xc3\x9f"));
	inq_writer_stream(writer, MD_STREAM_SYSTEM_INFO, piece);
	piece = inq_writer_add_copy(writer, &threads, sizeof(threads), 8);
	inq_writer_point(writer, piece, 4 + offsetof(struct md_thread, context), INQ_POINT_LOCATION,
			 inq_writer_add_copy(writer, &context, sizeof(context), 16));
	inq_writer_point(writer, piece, 4 + offsetof(struct md_thread, stack), INQ_POINT_MEMORY,
			 inq_writer_add_memory(writer,
					       memory64 ? INQ_MEMORY_UNLISTED : INQ_MEMORY_LISTED,
					       0x7fff0000, 0x2345, produce, memory));
	inq_writer_stream(writer, MD_STREAM_THREAD_LIST, piece);
	piece = inq_writer_add_copy(writer, &modules, sizeof(modules), 8);
	inq_writer_point(writer, piece, 4 + offsetof(struct md_module, name_rva), INQ_POINT_RVA,
			 inq_writer_add_string(writer, "/bin/app"));
	inq_writer_point(writer, piece, 4 + offsetof(struct md_module, codeview),
			 INQ_POINT_LOCATION,
			 inq_writer_add_copy(writer, build_id, sizeof(build_id), 4));
	inq_writer_stream(writer, MD_STREAM_MODULE_LIST, piece);
	piece = inq_writer_add_copy(writer, &names, sizeof(names), 8);
	inq_writer_point(writer, piece, 4 + offsetof(struct md_thread_name, name_rva),
			 INQ_POINT_RVA64, inq_writer_add_string(writer, "main"));
	inq_writer_stream(writer, MD_STREAM_THREAD_NAMES, piece);
	inq_writer_stream_copy(writer, MD_STREAM_LINUX_MAPS, "maps\n", 5);
	inq_writer_add_memory(writer, memory64 ? INQ_MEMORY_LISTED64 : INQ_MEMORY_LISTED,
			      0x10000000, 2700001, produce, memory);
	inq_writer_add_memory_copy(writer, memory64 ? INQ_MEMORY_LISTED64 : INQ_MEMORY_LISTED,
				   0x5000, "code!", 5);
}

static void checks_out(const struct room *room, bool memory64, uint64_t hole)
{
	struct inq_file *file = NULL;
	struct inq_dump *dump = NULL;
	struct inq_error err = {0};
	const struct inq_dump_system *system = NULL;
	const struct inq_dump_threads *threads = NULL;
	const struct inq_dump_thread_names *names = NULL;
	const struct inq_dump_modules *modules = NULL;
	const struct inq_dump_memory *memory = NULL;
	struct inq_dump_context context;
	uint8_t byte;
	size_t done;

	cr_assert_eq(inq_file_open_bytes(room->bytes, room->size, "out", &file, &err), INQ_OK);
	cr_assert_eq(inq_dump_open(file, &dump, &err), INQ_OK, "%s", err.text);
	cr_assert_not(inq_dump_header(dump)->truncated);
	cr_assert_eq(inq_dump_header(dump)->time, 0x60000000);
	cr_assert_eq(inq_dump_header(dump)->flags, MD_WITH_HANDLE_DATA);
	cr_assert_eq(inq_dump_system(dump, &system, &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(system->csd, "Linux gr\xc3\xbc\xc3\x9f");
	cr_assert_eq(inq_dump_threads(dump, &threads, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_dump_context(dump, threads->items[0].context, &context, &err), INQ_OK,
		     "%s", err.text);
	cr_assert_eq(context.amd64.rip, 0x1234);
	cr_assert_eq(threads->items[0].context.offset % 16, 0);
	cr_assert_eq(threads->items[0].stack_address, 0x7fff0000);
	cr_assert_eq(threads->items[0].stack.size, 0x2345);
	cr_assert_eq(inq_dump_thread_names(dump, &names, &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(names->items[0].name, "main");
	cr_assert_eq(inq_dump_modules(dump, &modules, &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(modules->items[0].name, "/bin/app");
	cr_assert_eq(modules->items[0].build_id_size, 20);
	cr_assert_eq(modules->items[0].build_id[2], 3);
	cr_assert_eq(inq_dump_memory(dump, &memory, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(memory->count, 3);
	cr_assert_eq(memory->lost, 0);
	cr_assert_eq(inq_dump_find_stream(dump, MD_STREAM_MEMORY64_LIST) != NULL, memory64);
	cr_assert_not_null(inq_dump_find_stream(dump, MD_STREAM_MEMORY_LIST));
	for (uint64_t at = 0x10000000; at < 0x10000000 + 2700001; at += 97) {
		cr_assert_eq(inq_dump_read_memory(dump, at, &byte, 1, &done, &err), INQ_OK);
		cr_assert_eq(byte, hole && at / 4096 == hole / 4096 ? 0 : pattern(at), "0x%llx",
			     (unsigned long long)at);
	}
	inq_dump_close(dump);
	inq_file_close(file);
}

static struct inq_writer *writer_of(struct memory *memory, bool memory64, uint64_t *ret_size)
{
	struct inq_writer *writer = NULL;
	struct inq_error err;

	cr_assert_eq(inq_writer_new(&writer, &err), INQ_OK);
	inq_writer_set_time(writer, 0x60000000);
	inq_writer_set_flags(writer, MD_WITH_HANDLE_DATA);
	fill(writer, memory, memory64);
	cr_assert_eq(inq_writer_plan(writer, ret_size, &err), INQ_OK, "%s", err.text);
	return writer;
}

Test(writer, writes_what_the_reader_reads)
{
	for (int memory64 = 0; memory64 < 2; memory64++) {
		struct memory memory = {0};
		struct inq_error err;
		struct room room;
		uint64_t size;
		struct inq_writer *writer = writer_of(&memory, memory64, &size);

		room_init(&room, size);
		cr_assert_eq(inq_writer_write(writer, &room.sink, &err), INQ_OK, "%s", err.text);
		cr_assert_eq(room.size, size, "as large as planned");
		cr_assert(room.signed_last);
		cr_assert_eq(inq_writer_missing(writer), 0);
		cr_assert_leq(memory.largest, INQ_WRITER_CHUNK);
		checks_out(&room, memory64, 0);
		inq_writer_free(writer);
		free(room.bytes);
	}
}

Test(writer, is_no_dump_until_the_signature_is_written)
{
	struct memory memory = {0};
	struct inq_error err;
	struct room room;
	uint64_t size;
	struct inq_writer *writer = writer_of(&memory, false, &size);
	size_t writes;

	room_init(&room, size);
	cr_assert_eq(inq_writer_write(writer, &room.sink, &err), INQ_OK);
	writes = room.writes;
	cr_assert_gt(writes, 3);
	for (size_t fail = 1; fail <= writes; fail++) {
		memset(room.bytes, 0xee, size);
		room.size = room.writes = 0;
		room.fail_at = fail;
		cr_assert_eq(inq_writer_write(writer, &room.sink, &err), INQ_OS);
		cr_assert_eq(err.os_errno, ENOSPC);
		cr_assert(strstr(err.text, "No space left on device"), "%s", err.text);
		cr_assert_not(inq_dump_is_minidump(room.bytes, 4), "write %zu", fail);
	}
	inq_writer_free(writer);
	free(room.bytes);
}

Test(writer, counts_memory_that_vanished_and_goes_on_behind_it)
{
	struct memory memory = {.hole = 0x10003000};
	struct inq_error err;
	struct room room;
	uint64_t size;
	struct inq_writer *writer = writer_of(&memory, true, &size);

	room_init(&room, size);
	cr_assert_eq(inq_writer_write(writer, &room.sink, &err), INQ_OK);
	cr_assert_eq(inq_writer_missing(writer), 4096);
	checks_out(&room, true, memory.hole);
	inq_writer_free(writer);
	free(room.bytes);
}

Test(writer, writes_to_a_descriptor_and_says_when_the_disk_is_full)
{
	struct memory memory = {0};
	struct inq_error err;
	struct inq_sink sink;
	struct rlimit limit = {300000, 300000};
	struct room room;
	char path[] = "/tmp/inq-test-writer-XXXXXX";
	uint64_t size;
	struct inq_writer *writer = writer_of(&memory, false, &size);
	int fd = mkstemp(path);

	unlink(path);
	cr_assert_eq(inq_writer_write(writer, inq_sink_fd(&sink, fd), &err), INQ_OK, "%s",
		     err.text);
	room_init(&room, size);
	cr_assert_eq(pread(fd, room.bytes, size, 0), (ssize_t)size);
	room.size = size;
	checks_out(&room, false, 0);
	/* A write across the limit is cut short first, and refused then. */
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(inq_writer_write(writer, inq_sink_fd(&sink, fd), &err), INQ_OS);
	cr_assert_str_eq(err.text, "write at 0x493e0: File too large");
	cr_assert_eq(pread(fd, room.bytes, 4, 0), 4);
	cr_assert_not(inq_dump_is_minidump(room.bytes, 4));
	close(fd);
	cr_assert_eq(inq_writer_write(writer, inq_sink_fd(&sink, -1), &err), INQ_OS);
	cr_assert_eq(err.os_errno, EBADF);
	inq_writer_free(writer);
	free(room.bytes);
}

Test(writer, shares_equal_strings)
{
	struct inq_writer *writer = NULL;
	inq_piece first[200];
	char text[24];

	cr_assert_eq(inq_writer_new(&writer, NULL), INQ_OK);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++) {
			inq_piece piece;

			snprintf(text, sizeof(text), "name %d", i);
			piece = inq_writer_add_string(writer, text);
			if (round == 0)
				first[i] = piece;
			else
				cr_assert_eq(piece, first[i]);
		}
	}
	cr_assert_neq(first[0], first[1]);
	cr_assert_neq(inq_writer_add_utf8(writer, "name 0"), first[0]);
	inq_writer_free(writer);
}

Test(writer, writes_an_empty_dump)
{
	struct inq_writer *writer = NULL;
	struct inq_error err;
	struct room room;
	uint64_t size = 0;

	cr_assert_eq(inq_writer_new(&writer, &err), INQ_OK);
	cr_assert_eq(inq_writer_plan(writer, &size, &err), INQ_OK);
	cr_assert_eq(size, 32 + 12 + 4 + 4,
		     "header, directory of the memory list, padding, its count");
	room_init(&room, size);
	cr_assert_eq(inq_writer_write(writer, &room.sink, &err), INQ_OK);
	cr_assert_eq(room.size, size);
	inq_writer_free(writer);
	free(room.bytes);
	inq_writer_free(NULL);
}

static void refuses(struct inq_writer *writer, enum inq_status status, const char *words)
{
	struct inq_error err = {0};
	uint64_t size = 99;

	cr_assert_eq(inq_writer_plan(writer, &size, &err), status);
	cr_assert_str_eq(err.text, words);
	cr_assert_eq(size, 99);
	cr_assert_eq(inq_writer_write(writer, NULL, &err), INQ_USAGE);
	cr_assert_str_eq(err.text, "minidump: written without a plan");
	inq_writer_free(writer);
}

static struct inq_writer *fresh(void)
{
	struct inq_writer *writer = NULL;

	cr_assert_eq(inq_writer_new(&writer, NULL), INQ_OK);
	return writer;
}

Test(writer, refuses_fields_outside_their_piece)
{
	struct inq_writer *writer = fresh();
	inq_piece piece = inq_writer_add_copy(writer, "12345678", 8, 4);

	inq_writer_point(writer, piece, 0, INQ_POINT_LOCATION, piece);
	inq_writer_point(writer, piece, 4, INQ_POINT_RVA, piece);
	inq_writer_point(writer, piece, 1, INQ_POINT_LOCATION, piece);
	inq_writer_point(writer, piece, SIZE_MAX, INQ_POINT_RVA, piece);
	refuses(writer, INQ_USAGE, "minidump: a field at 0x1 of a piece of 0x8 bytes");
}

Test(writer, refuses_what_is_no_alignment)
{
	static const unsigned bad[] = {0, 3, 128};

	for (size_t i = 0; i < 3; i++) {
		struct inq_writer *writer = fresh();
		char words[64];

		cr_assert_eq(inq_writer_add_copy(writer, "x", 1, bad[i]), INQ_NO_PIECE);
		snprintf(words, sizeof(words), "minidump: %u is no alignment", bad[i]);
		refuses(writer, INQ_USAGE, words);
	}
}

Test(writer, refuses_what_32_bits_cannot_point_at)
{
	struct inq_writer *writer = fresh();
	struct memory memory = {0};

	inq_writer_add_memory(writer, INQ_MEMORY_LISTED, 0x1000, 3ull << 30, produce, &memory);
	inq_writer_add_memory(writer, INQ_MEMORY_LISTED, 0x1000, 3ull << 30, produce, &memory);
	inq_writer_add_memory(writer, INQ_MEMORY_LISTED, 0x1000, 16, produce, &memory);
	refuses(writer, INQ_LIMIT,
		"minidump: 0x10 bytes at 0x180000070 of the file, but 32 bits must point at them");
}

Test(writer, places_more_than_4_gib_of_memory64)
{
	struct inq_writer *writer = fresh();
	struct memory memory = {0};
	struct inq_error err;
	uint64_t size = 0;

	for (int i = 0; i < 4; i++)
		inq_writer_add_memory(writer, INQ_MEMORY_LISTED64, (uint64_t)i << 40, 3ull << 30,
				      produce, &memory);
	cr_assert_eq(inq_writer_plan(writer, &size, &err), INQ_OK, "%s", err.text);
	cr_assert_geq(size, 12ull << 30);
	cr_assert_leq(size, (12ull << 30) + 4096, "memory begins at a page of the file");
	cr_assert_eq(memory.calls, 0, "nothing is read before it is written");
	inq_writer_free(writer);
}

Test(writer, refuses_pieces_after_the_plan)
{
	struct inq_writer *writer = fresh();

	cr_assert_eq(inq_writer_plan(writer, NULL, NULL), INQ_OK);
	cr_assert_eq(inq_writer_add_copy(writer, "x", 1, 1), INQ_NO_PIECE);
	refuses(writer, INQ_USAGE, "minidump: something was added after the plan");
}

Test(writer, drops_memory_of_no_bytes)
{
	struct inq_writer *writer = fresh();

	cr_assert_eq(inq_writer_add_memory(writer, INQ_MEMORY_LISTED, 1, 0, produce, NULL),
		     INQ_NO_PIECE);
	cr_assert_eq(inq_writer_add_memory_copy(writer, INQ_MEMORY_LISTED64, 1, "", 0),
		     INQ_NO_PIECE);
	cr_assert_eq(inq_writer_plan(writer, NULL, NULL), INQ_OK);
	inq_writer_free(writer);
}
