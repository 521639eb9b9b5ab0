/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers, directories, counts and names that lie. */
#include "minidump/dump.h"
#include "opened_dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* --- hostile headers ----------------------------------------------------------------- */

static void refuses_header(struct builder *builder, enum inq_status status, const char *words)
{
	struct opened o;

	cr_assert_eq(try_open(&o, builder->bytes.data, builder->bytes.size), status);
	cr_assert_str_eq(o.err.text, words);
	cr_assert_null(o.dump);
	inq_file_close(o.file);
}

Test(reader, refuses_what_is_no_minidump)
{
	struct builder builder;

	builder_init(&builder, false, 0);
	builder_finish(&builder);
	builder.bytes.size = 31;
	refuses_header(&builder, INQ_BAD_DATA, "'a.dmp': not a minidump: 0x1f bytes are no header");
	builder.bytes.size = 32;
	patch32(&builder, 4, 0x1234);
	refuses_header(&builder, INQ_BAD_DATA, "'a.dmp': not a minidump: version 0x1234");
	patch32(&builder, 0, 0x464c457f);
	refuses_header(&builder, INQ_BAD_DATA, "'a.dmp': not a minidump: signature 0x464c457f");
	cr_assert(inq_dump_is_minidump("MDMP", 4));
	cr_assert(inq_dump_is_minidump("PMDM", 4));
	cr_assert_not(inq_dump_is_minidump("MDM", 3));
	cr_assert_not(inq_dump_is_minidump("\177ELF", 4));
	builder_done(&builder);
}

Test(reader, refuses_a_directory_that_cannot_be_one)
{
	struct builder builder;

	builder_init(&builder, false, 2);
	builder_finish(&builder);
	patch32(&builder, 12, 16);
	refuses_header(&builder, INQ_BAD_DATA, "'a.dmp': directory at 0x10, inside the header");
	patch32(&builder, 12, 0xfffffffc);
	refuses_header(&builder, INQ_BAD_DATA,
		       "'a.dmp': directory at 0xfffffffc, beyond the file's end at 0x38");
	patch32(&builder, 8, 0xffffffff);
	refuses_header(&builder, INQ_LIMIT, "'a.dmp': 4294967295 streams, at most 4096");
	patch32(&builder, 8, MD_MAX_STREAMS + 1);
	refuses_header(&builder, INQ_LIMIT, "'a.dmp': 4097 streams, at most 4096");
	builder_done(&builder);
}

Test(reader, opens_a_dump_of_as_many_streams_as_may_be)
{
	struct builder builder;
	struct opened o;
	size_t count;

	builder_init(&builder, false, MD_MAX_STREAMS);
	builder_finish(&builder);
	for (uint32_t i = 0; i < MD_MAX_STREAMS; i++)
		patch32(&builder, 32 + i * 12, 0x10000 + i);
	cr_assert_eq(try_open(&o, builder.bytes.data, builder.bytes.size), INQ_OK);
	inq_dump_streams(o.dump, &count);
	cr_assert_eq(count, MD_MAX_STREAMS);
	close_all(&o, &builder);
}

Test(reader, reads_what_is_left_of_a_truncated_directory)
{
	struct builder builder;
	struct opened o;
	size_t count;

	builder_init(&builder, false, 2);
	begin_stream(&builder, MD_STREAM_COMMENT_A);
	end_stream(&builder);
	builder_finish(&builder);
	builder.bytes.size = 32 + 12 + 5;
	cr_assert_eq(try_open(&o, builder.bytes.data, builder.bytes.size), INQ_OK);
	cr_assert(inq_dump_header(o.dump)->truncated);
	inq_dump_streams(o.dump, &count);
	cr_assert_eq(count, 1);
	close_all(&o, &builder);
}

/* --- hostile streams ----------------------------------------------------------------- */

Test(reader, refuses_a_stream_that_lies_inside_the_header)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_modules *modules = NULL;
	struct inq_dump_bytes bytes;

	builder_init(&builder, false, 1);
	builder.count = 1;
	builder.streams[0].type = MD_STREAM_MODULE_LIST;
	builder.streams[0].rva = 4;
	builder.streams[0].size = 16;
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_modules(o.dump, &modules, &o.err), INQ_BAD_DATA);
	cr_assert_str_eq(o.err.text, "'a.dmp': module list at 0x4: inside the header");
	cr_assert_eq(inq_dump_stream_bytes(o.dump, MD_STREAM_MODULE_LIST, &bytes, &o.err),
		     INQ_BAD_DATA);
	cr_assert_eq(inq_dump_find_stream(o.dump, MD_STREAM_MODULE_LIST)->status, INQ_BAD_DATA);
	close_all(&o, &builder);
}

Test(reader, refuses_a_stream_beyond_the_end_and_cuts_one_across_it)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_modules *modules = NULL;
	struct inq_dump_bytes bytes = {0};
	uint32_t at;

	builder_init(&builder, false, 2);
	at = builder_at(&builder);
	put_bytes(&builder, "maps", 4);
	builder.count = 2;
	builder.streams[0].type = MD_STREAM_MODULE_LIST;
	builder.streams[0].rva = 0xfffffff0;
	builder.streams[0].size = 0xffffffff;
	builder.streams[1].type = MD_STREAM_LINUX_MAPS;
	builder.streams[1].rva = at;
	builder.streams[1].size = 0xffffffff;
	open_built(&o, &builder);
	cr_assert(inq_dump_header(o.dump)->truncated);
	cr_assert_eq(inq_dump_modules(o.dump, &modules, &o.err), INQ_BAD_DATA);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': module list at 0xfffffff0: beyond the file's end at 0x3c");
	cr_assert_eq(inq_dump_stream_bytes(o.dump, MD_STREAM_LINUX_MAPS, &bytes, &o.err), INQ_OK);
	cr_assert_str_eq((const char *)bytes.data, "maps");
	cr_assert_eq(bytes.lost, 0xfffffffbu);
	cr_assert_str_eq(inq_dump_find_stream(o.dump, MD_STREAM_LINUX_MAPS)->problem,
			 "0x4 of 0xffffffff bytes are in the file");
	close_all(&o, &builder);
}

Test(reader, takes_the_first_of_duplicated_streams)
{
	struct builder builder;
	struct opened o;
	const char *comment = NULL;
	const struct inq_dump_stream *streams;
	size_t count;

	builder_init(&builder, false, 2);
	begin_stream(&builder, MD_STREAM_COMMENT_A);
	put_bytes(&builder, "first", 6);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_COMMENT_A);
	put_bytes(&builder, "second", 7);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_comment(o.dump, &comment, &o.err), INQ_OK);
	cr_assert_str_eq(comment, "first");
	streams = inq_dump_streams(o.dump, &count);
	cr_assert_not(streams[0].duplicate);
	cr_assert(streams[1].duplicate);
	close_all(&o, &builder);
}

static void put_threads(struct builder *builder, uint32_t announced, uint32_t written, bool padded)
{
	begin_stream(builder, MD_STREAM_THREAD_LIST);
	put32(builder, announced);
	if (padded)
		put32(builder, 0xcccccccc);
	for (uint32_t i = 0; i < written; i++) {
		put32(builder, 100 + i);
		put_zeroes(builder, sizeof(struct md_thread) - 4);
	}
	end_stream(builder);
}

Test(reader, accepts_lists_with_and_without_padding)
{
	for (int padded = 0; padded < 2; padded++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_threads *threads = NULL;

		builder_init(&builder, false, 1);
		put_threads(&builder, 3, 3, padded);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_OK, "%s", o.err.text);
		cr_assert_eq(threads->count, 3);
		cr_assert_eq(threads->items[2].id, 102);
		close_all(&o, &builder);
	}
}

Test(reader, refuses_a_count_that_lies)
{
	static const struct {
		uint32_t announced;
		const char *words;
	} cases[] = {
		{4, "'a.dmp': thread list at 0x2c: 4 threads of 0x30 bytes do not fit into 0x94 "
		    "bytes"},
		{0xffffffff, "'a.dmp': thread list at 0x2c: 4294967295 threads of 0x30 bytes do "
			     "not fit into 0x94 bytes"},
		/* count * 48 is small in 32 bits */
		{0x55555556, "'a.dmp': thread list at 0x2c: 1431655766 threads of 0x30 bytes do "
			     "not fit into 0x94 bytes"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_threads *threads = NULL;

		builder_init(&builder, false, 1);
		put_threads(&builder, cases[i].announced, 3, false);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_BAD_DATA);
		cr_assert_str_eq(o.err.text, cases[i].words);
		cr_assert_null(threads);
		close_all(&o, &builder);
	}
}

Test(reader, refuses_more_threads_than_its_limit)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_threads *threads = NULL;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_THREAD_LIST);
	put32(&builder, MD_MAX_THREADS + 1);
	end_stream(&builder);
	builder.streams[0].size = 0xffffffff; /* it would fit, were the file longer */
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_LIMIT);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': thread list at 0x2c: 1048577 threads, at most 1048576");
	close_all(&o, &builder);
}

typedef enum inq_status (*ask)(struct inq_dump *dump, size_t *ret_lost, struct inq_error *err);

#define ASK(noun)                                                                                  \
	static enum inq_status ask_##noun(struct inq_dump *dump, size_t *ret_lost,                 \
					  struct inq_error *err)                                   \
	{                                                                                          \
		const struct inq_dump_##noun *list = NULL;                                         \
		enum inq_status status = inq_dump_##noun(dump, &list, err);                        \
                                                                                                   \
		*ret_lost = list ? list->lost : 0;                                                 \
		return status;                                                                     \
	}

ASK(threads)
ASK(thread_names)
ASK(thread_infos)
ASK(modules)
ASK(unloaded)
ASK(memory)
ASK(memory_infos)
ASK(handles)

/* Every list at its limit and one beyond. The stream claims all the room that it needs; the file
 * ends behind its head, so that at the limit everything is lost and nothing is wrong with the
 * count. */
Test(reader, accepts_each_list_at_its_limit_and_none_beyond)
{
	static const struct {
		uint32_t type, header, entry;
		unsigned count_at, count_size;
		uint64_t limit;
		ask ask;
	} cases[] = {
		{MD_STREAM_THREAD_LIST, 0, 0, 0, 4, MD_MAX_THREADS, ask_threads},
		{MD_STREAM_THREAD_EX_LIST, 0, 0, 0, 4, MD_MAX_THREADS, ask_threads},
		{MD_STREAM_THREAD_NAMES, 0, 0, 0, 4, MD_MAX_THREADS, ask_thread_names},
		{MD_STREAM_THREAD_INFO_LIST, 12, 64, 8, 4, MD_MAX_THREADS, ask_thread_infos},
		{MD_STREAM_MODULE_LIST, 0, 0, 0, 4, MD_MAX_MODULES, ask_modules},
		{MD_STREAM_UNLOADED_MODULE_LIST, 12, 24, 8, 4, MD_MAX_UNLOADED_MODULES,
		 ask_unloaded},
		{MD_STREAM_MEMORY_LIST, 0, 0, 0, 4, MD_MAX_MEMORY_RANGES, ask_memory},
		{MD_STREAM_MEMORY64_LIST, 0, 0, 0, 8, MD_MAX_MEMORY_RANGES, ask_memory},
		{MD_STREAM_MEMORY_INFO_LIST, 16, 48, 8, 8, MD_MAX_MEMORY_INFOS, ask_memory_infos},
		{MD_STREAM_HANDLE_DATA, 16, 40, 8, 4, MD_MAX_HANDLES, ask_handles},
	};

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool beyond = i % 2;
		uint64_t count = cases[i / 2].limit + beyond;
		struct builder builder;
		struct opened o;
		size_t lost = 0;
		uint32_t at;

		builder_init(&builder, false, 1);
		begin_stream(&builder, cases[i / 2].type);
		at = builder_at(&builder);
		put_zeroes(&builder, 16);
		patch32(&builder, at, cases[i / 2].header);
		patch32(&builder, at + 4, cases[i / 2].entry);
		if (cases[i / 2].count_size == 8)
			patch64(&builder, at + cases[i / 2].count_at, count);
		else
			patch32(&builder, at + cases[i / 2].count_at, (uint32_t)count);
		end_stream(&builder);
		builder.streams[0].size = 0xffffffff;
		open_built(&o, &builder);
		cr_assert_eq(cases[i / 2].ask(o.dump, &lost, &o.err), beyond ? INQ_LIMIT : INQ_OK,
			     "case %zu: %s", i, o.err.text);
		/* One small entry may fit into the 16 bytes. */
		cr_assert(beyond ? lost == 0 : lost == count || lost == count - 1, "case %zu: %zu",
			  i, lost);
		cr_assert(!beyond || strstr(o.err.text, ", at most "), "%s", o.err.text);
		close_all(&o, &builder);
	}
}

Test(reader, keeps_the_threads_before_the_files_end)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_threads *threads = NULL;

	builder_init(&builder, false, 1);
	put_threads(&builder, 5, 5, false);
	builder_finish(&builder);
	builder.bytes.size -= 2 * sizeof(struct md_thread) + 1;
	cr_assert_eq(try_open(&o, builder.bytes.data, builder.bytes.size), INQ_OK);
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(threads->count, 2);
	cr_assert_eq(threads->lost, 3);
	cr_assert_eq(inq_dump_find_stream(o.dump, MD_STREAM_THREAD_LIST)->status, INQ_BAD_DATA);
	close_all(&o, &builder);
}

Test(reader, reads_ten_thousand_threads_and_65536_regions)
{
	enum { THREADS = 10000, REGIONS = 65536 };
	struct builder builder;
	struct opened o;
	const struct inq_dump_threads *threads = NULL;
	const struct inq_dump_memory_infos *infos = NULL;

	builder_init(&builder, false, 2);
	put_threads(&builder, THREADS, THREADS, false);
	begin_stream(&builder, MD_STREAM_MEMORY_INFO_LIST);
	put32(&builder, 16);
	put32(&builder, 48);
	put64(&builder, REGIONS);
	for (uint64_t i = 0; i < REGIONS; i++) {
		put64(&builder, i << 12);
		put_zeroes(&builder, 40);
	}
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(threads->items[THREADS - 1].id, 100 + THREADS - 1);
	cr_assert_eq(inq_dump_memory_infos(o.dump, &infos, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(infos->count, REGIONS);
	cr_assert_eq(infos->items[REGIONS - 1].base, (uint64_t)(REGIONS - 1) << 12);
	close_all(&o, &builder);
}

/* --- modules ------------------------------------------------------------------------- */

static void put_bare_module(struct builder *builder, uint32_t name, uint32_t codeview_size,
			    uint32_t codeview)
{
	put64(builder, 0x10000);
	put32(builder, 0x1000);
	put32(builder, 0);
	put32(builder, 0);
	put32(builder, name);
	put_zeroes(builder, 52);
	put_location(builder, codeview_size, codeview);
	put_zeroes(builder, 24);
}

Test(reader, keeps_modules_whose_name_or_record_is_damaged)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_modules *modules = NULL;
	uint32_t pdb20, unknown, brief;

	builder_init(&builder, false, 1);
	pdb20 = builder_at(&builder);
	put32(&builder, MD_CODEVIEW_PDB20);
	put32(&builder, 0);
	put32(&builder, 0x3b000000);
	put32(&builder, 9);
	put_bytes(&builder, "old.pdb", 7); /* no NUL */
	unknown = builder_at(&builder);
	put32(&builder, MD_CODEVIEW_CV50);
	put32(&builder, 0);
	brief = builder_at(&builder);
	put32(&builder, MD_CODEVIEW_PDB70);
	put32(&builder, 0);
	begin_stream(&builder, MD_STREAM_MODULE_LIST);
	put32(&builder, 7);
	put_bare_module(&builder, 0xfffffff0, pdb20 + 0, pdb20);
	put_bare_module(&builder, 0, 23, pdb20);
	put_bare_module(&builder, 0, 8, unknown);
	put_bare_module(&builder, 0, 8, brief);
	put_bare_module(&builder, 0, 0xffffffff, brief);
	put_bare_module(&builder, 0, 3, brief);
	put_bare_module(&builder, 0, 100, 0xfffffff0);
	end_stream(&builder);
	patch32(&builder, builder.streams[0].rva + 4 + 76, 0); /* the first has no record */
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_modules(o.dump, &modules, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(modules->count, 7);
	cr_assert_str_eq(modules->items[0].name, "");
	cr_assert_eq(modules->items[0].codeview_kind, INQ_CODEVIEW_NONE);
	cr_assert_eq(modules->items[1].codeview_kind, INQ_CODEVIEW_PDB20);
	cr_assert_eq(modules->items[1].pdb_time, 0x3b000000);
	cr_assert_eq(modules->items[1].age, 9);
	cr_assert_str_eq(modules->items[1].pdb_name, "old.pdb");
	cr_assert_eq(modules->items[2].codeview_kind, INQ_CODEVIEW_UNKNOWN);
	for (size_t i = 3; i < 7; i++) {
		cr_assert_eq(modules->items[i].codeview_kind, INQ_CODEVIEW_DAMAGED, "%zu", i);
		cr_assert_null(modules->items[i].build_id);
	}
	cr_assert_str_eq(inq_dump_find_stream(o.dump, MD_STREAM_MODULE_LIST)->problem,
			 "a name: string: 0x4 bytes wanted at 0xfffffff0, the file ends at 0x34c");
	close_all(&o, &builder);
}

Test(reader, refuses_strings_of_a_mad_size)
{
	static const uint32_t sizes[] = {3, MD_MAX_STRING + 2, 0xfffffffe, 0xffffffff};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct builder builder;
		struct opened o;
		const char *text = (const char *)&o;
		uint32_t at;

		builder_init(&builder, false, 1);
		at = put_string(&builder, "abcdef");
		patch32(&builder, at, sizes[i]);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_string(o.dump, at, UTF16, &text, NULL, &o.err), INQ_BAD_DATA);
		cr_assert_eq(text, (const char *)&o);
		close_all(&o, &builder);
	}
}

Test(reader, bounds_the_memory_that_aliased_strings_can_take)
{
	enum { MODULES = 2000, LENGTH = 500 * 1000 };
	struct builder builder;
	struct opened o;
	const struct inq_dump_modules *modules = NULL;
	uint32_t names[MODULES];

	builder_init(&builder, false, 1);
	/* Strings that share their bytes: each begins 4 bytes after the one before, and all are
	 * long. */
	for (size_t i = 0; i < MODULES; i++) {
		names[i] = builder_at(&builder);
		put32(&builder, LENGTH);
	}
	put_zeroes(&builder, LENGTH + 16);
	begin_stream(&builder, MD_STREAM_MODULE_LIST);
	put32(&builder, MODULES);
	for (size_t i = 0; i < MODULES; i++)
		put_bare_module(&builder, names[i], 0, 0);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_modules(o.dump, &modules, &o.err), INQ_LIMIT);
	cr_assert(strstr(o.err.text, "it needs more than the 0x"), "%s", o.err.text);
	cr_assert_null(modules);
	close_all(&o, &builder);
}

Test(reader, bounds_its_memory_by_what_a_compressed_file_takes_on_disk)
{
	enum { REGIONS = 800000 }; /* 38 MiB of zeroes, a few KiB compressed */
	struct builder builder;
	struct opened o;
	struct inq_buffer packed = {0};
	const struct inq_dump_memory_infos *infos = NULL;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_MEMORY_INFO_LIST);
	put32(&builder, 16);
	put32(&builder, 48);
	put64(&builder, REGIONS);
	put_zeroes(&builder, (size_t)REGIONS * 48);
	end_stream(&builder);
	builder_finish(&builder);
	inq_buffer_extend(&packed, ZSTD_compressBound(builder.bytes.size));
	packed.size = ZSTD_compress(packed.data, packed.size, builder.bytes.data,
				    builder.bytes.size, 1);
	cr_assert_eq(try_open(&o, packed.data, packed.size), INQ_OK, "%s", o.err.text);
	cr_assert_eq(inq_dump_memory_infos(o.dump, &infos, &o.err), INQ_LIMIT);
	inq_buffer_done(&packed);
	inq_dump_close(o.dump);
	inq_file_close(o.file);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_memory_infos(o.dump, &infos, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(infos->count, REGIONS);
	close_all(&o, &builder);
}
