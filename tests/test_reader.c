/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dump_builder.h"
#include "dump_walk.h"
#include "minidump/dump.h"
#include "minidump/reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* What is open in a test. */
struct opened {
	struct inq_file *file;
	struct inq_dump *dump;
	struct inq_error err;
};

static enum inq_status try_open(struct opened *opened, const void *bytes, size_t size)
{
	*opened = (struct opened){0};
	cr_assert_eq(inq_file_open_bytes(bytes, size, "a.dmp", &opened->file, &opened->err),
		     INQ_OK);
	return inq_dump_open(opened->file, &opened->dump, &opened->err);
}

static void open_built(struct opened *opened, struct builder *builder)
{
	builder_finish(builder);
	cr_assert_eq(try_open(opened, builder->bytes.data, builder->bytes.size), INQ_OK, "%s",
		     opened->err.text);
}

static void close_all(struct opened *opened, struct builder *builder)
{
	inq_dump_close(opened->dump);
	inq_file_close(opened->file);
	builder_done(builder);
}

/* --- structures ---------------------------------------------------------------------- */

Test(layout, covers_each_structure_exactly)
{
	const struct {
		const char *layout;
		size_t size;
	} cases[] = {
		{inq_layout_thread, sizeof(struct md_thread)},
		{inq_layout_thread_name, sizeof(struct md_thread_name)},
		{inq_layout_thread_info, sizeof(struct md_thread_info)},
		{inq_layout_module, sizeof(struct md_module)},
		{inq_layout_unloaded, sizeof(struct md_unloaded_module)},
		{inq_layout_exception, sizeof(struct md_exception_stream)},
		{inq_layout_system, offsetof(struct md_system_info, cpu)},
		{inq_layout_cpu_x86, sizeof(union md_cpu_info)},
		{inq_layout_cpu_other, sizeof(union md_cpu_info)},
		{inq_layout_misc, sizeof(struct md_misc_info)},
		{inq_layout_memory, sizeof(struct md_memory)},
		{inq_layout_memory64_list, sizeof(struct md_memory64_list)},
		{inq_layout_memory64, sizeof(struct md_memory64)},
		{inq_layout_memory_info_list, sizeof(struct md_memory_info_list)},
		{inq_layout_memory_info, sizeof(struct md_memory_info)},
		{inq_layout_handle, sizeof(struct md_handle)},
		{inq_layout_assertion, sizeof(struct md_assertion_info)},
		{inq_layout_dso_debug32, sizeof(struct md_dso_debug32)},
		{inq_layout_dso_debug64, sizeof(struct md_dso_debug64)},
		{inq_layout_link_map32, sizeof(struct md_link_map32)},
		{inq_layout_link_map64, sizeof(struct md_link_map64)},
		{inq_layout_crashpad, sizeof(struct md_crashpad_info)},
		{inq_layout_crashpad_annotation, sizeof(struct md_crashpad_annotation)},
		{inq_layout_guid_age, sizeof(struct md_codeview_pdb70)},
		{inq_layout_context_x86, sizeof(struct md_context_x86)},
		{inq_layout_context_amd64, sizeof(struct md_context_amd64)},
		{inq_layout_context_arm, sizeof(struct md_context_arm)},
		{inq_layout_context_arm_windows, sizeof(struct md_context_arm_windows)},
		{inq_layout_context_arm64, sizeof(struct md_context_arm64)},
		{inq_layout_context_arm64_old, sizeof(struct md_context_arm64_old)},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(inq_layout_size(cases[i].layout), cases[i].size,
			     "'%s' has %zu bytes, not %zu", cases[i].layout,
			     inq_layout_size(cases[i].layout), cases[i].size);
}

/* --- whole dumps --------------------------------------------------------------------- */

static void check_system(struct opened *o, const struct flavour_facts *facts)
{
	const struct inq_dump_system *system = NULL;

	cr_assert_eq(inq_dump_system(o->dump, &system, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(system->raw.architecture, facts->architecture);
	cr_assert_eq(system->raw.platform, facts->platform);
	cr_assert_eq(system->raw.processors, 8);
	cr_assert_eq(system->raw.build, 19045);
	cr_assert_eq(system->raw.suite_mask, 0x100);
	cr_assert_str_eq(system->csd, "5.10.0 test");
	if (facts->architecture == MD_ARCH_X86 || facts->platform == MD_PLATFORM_LINUX)
		cr_assert_str_eq(system->vendor, "GenuineIntel");
	else
		cr_assert_str_eq(system->vendor, "");
}

static void check_context(struct opened *o, const struct flavour_facts *facts,
			  struct inq_dump_place place)
{
	struct inq_dump_context context;
	uint64_t pc = 0, sp = 0;

	cr_assert_eq(inq_dump_context(o->dump, place, &context, &o->err), INQ_OK, "%s",
		     o->err.text);
	switch (context.kind) {
	case INQ_CONTEXT_X86:
		pc = context.x86.eip, sp = context.x86.esp;
		break;
	case INQ_CONTEXT_AMD64:
		pc = context.amd64.rip, sp = context.amd64.rsp;
		break;
	case INQ_CONTEXT_ARM:
		pc = context.arm.r[15], sp = context.arm.r[13];
		break;
	case INQ_CONTEXT_ARM64:
		pc = context.arm64.pc, sp = context.arm64.sp;
		break;
	}
	cr_assert_eq(pc, WHOLE_PC);
	cr_assert_eq(sp, WHOLE_SP);
	cr_assert_eq(context.extended.size, 0);
	cr_assert_eq(place.size, facts->context_size);
}

static void check_threads(struct opened *o, const struct flavour_facts *facts)
{
	const struct inq_dump_threads *threads = NULL;
	const struct inq_dump_thread_names *names = NULL;
	const struct inq_dump_exception *exception = NULL;

	cr_assert_eq(inq_dump_threads(o->dump, &threads, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(threads->count, 1);
	cr_assert_eq(threads->lost, 0);
	cr_assert_eq(threads->items[0].id, WHOLE_THREAD);
	cr_assert_eq(threads->items[0].suspend_count, 2);
	cr_assert_eq(threads->items[0].teb, 0x7ffd1000);
	cr_assert_eq(threads->items[0].stack_address, WHOLE_STACK);
	check_context(o, facts, threads->items[0].context);
	cr_assert_eq(inq_dump_thread_names(o->dump, &names, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(names->items[0].thread_id, WHOLE_THREAD);
	cr_assert_str_eq(names->items[0].name, "worker");
	cr_assert_eq(inq_dump_exception(o->dump, &exception, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(exception->thread_id, WHOLE_THREAD);
	cr_assert_eq(exception->raw.code, 11);
	cr_assert_eq(exception->raw.address, 0xdeadbeef);
	cr_assert_eq(exception->raw.parameters[1], 0x101);
	cr_assert_eq(exception->raw.parameters[2], 0, "beyond the count");
	check_context(o, facts, exception->context);
}

static void check_modules(struct opened *o, const struct flavour_facts *facts, bool big)
{
	static const uint8_t guid[2][16] = {
		{0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
		 0xff, 0x01},
		{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
		 0xff, 0x01},
	};
	const struct inq_dump_modules *modules = NULL;
	const struct inq_dump_module *module;

	cr_assert_eq(inq_dump_modules(o->dump, &modules, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(modules->count, 1);
	module = &modules->items[0];
	cr_assert_eq(module->base, 0x400000);
	cr_assert_eq(module->size, 0x5000);
	cr_assert_str_eq(module->name, "/opt/app");
	cr_assert_eq(module->version.file_version_low, 3 << 16 | 4);
	if (facts->platform == MD_PLATFORM_WIN32_NT || facts->platform == MD_PLATFORM_MACOS) {
		cr_assert_eq(module->codeview_kind, INQ_CODEVIEW_PDB70);
		cr_assert_eq(module->guid.data1, 0x11223344);
		cr_assert_eq(module->guid.data3, 0x7788);
		cr_assert_eq(module->age, 3);
		cr_assert_str_eq(module->pdb_name, "app.pdb");
		cr_assert_arr_eq(module->build_id, guid[big], 16);
		return;
	}
	cr_assert_eq(module->codeview_kind, INQ_CODEVIEW_ELF);
	cr_assert_eq(module->build_id_size, 20);
	cr_assert_eq(module->build_id[19], 19);
	cr_assert_str_eq(module->pdb_name, "");
}

static void check_memory(struct opened *o)
{
	const struct inq_dump_memory *memory = NULL;
	uint8_t room[WHOLE_CODE_SIZE];
	size_t done = 0;

	cr_assert_eq(inq_dump_memory(o->dump, &memory, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(memory->count, 2, "the stack is in the list and in its thread, but once here");
	cr_assert_eq(memory->items[0].address, WHOLE_CODE);
	cr_assert_eq(memory->items[1].address, WHOLE_STACK);
	cr_assert_eq(
		inq_dump_read_memory(o->dump, WHOLE_CODE + 5, room, sizeof(room), &done, &o->err),
		INQ_OK);
	cr_assert_eq(done, WHOLE_CODE_SIZE - 5);
	cr_assert_eq(room[0], 0x85);
	done = 99;
	cr_assert_eq(inq_dump_read_memory(o->dump, WHOLE_CODE - 1, room, 4, &done, &o->err),
		     INQ_FAULT);
	cr_assert_str_eq(o->err.text, "'a.dmp': no memory at 0x4011ff");
	cr_assert_eq(done, 99);
}

Test(reader, reads_every_processor_system_and_byte_order)
{
	for (int big = 0; big < 2; big++) {
		for (int flavour = 0; flavour < FLAVOURS; flavour++) {
			struct builder builder;
			struct opened o;

			build_whole(&builder, (enum flavour)flavour, big);
			open_built(&o, &builder);
			cr_assert_eq(inq_dump_header(o.dump)->swapped, big);
			cr_assert_eq(inq_dump_header(o.dump)->time, 0x5f000000);
			cr_assert_eq(inq_dump_header(o.dump)->flags, MD_WITH_HANDLE_DATA);
			cr_assert_not(inq_dump_header(o.dump)->truncated);
			check_system(&o, &flavour_facts[flavour]);
			check_threads(&o, &flavour_facts[flavour]);
			check_modules(&o, &flavour_facts[flavour], big);
			check_memory(&o);
			close_all(&o, &builder);
		}
	}
}

Test(reader, lists_streams_that_it_does_not_know)
{
	struct builder builder;
	struct opened o;
	struct inq_dump_bytes bytes = {0};
	const struct inq_dump_stream *streams;
	size_t count;

	build_whole(&builder, AMD64_LINUX, false);
	open_built(&o, &builder);
	streams = inq_dump_streams(o.dump, &count);
	cr_assert_eq(count, 7);
	cr_assert_str_eq(streams[0].name, "SystemInfo");
	cr_assert_eq(streams[6].type, 0xabcd1234);
	cr_assert_str_eq(streams[6].name, "unknown");
	cr_assert_eq(streams[6].size, 9);
	cr_assert_eq(streams[6].status, INQ_OK);
	cr_assert_eq(inq_dump_stream_bytes(o.dump, 0xabcd1234, &bytes, &o.err), INQ_OK);
	cr_assert_str_eq((const char *)bytes.data, "who knows");
	close_all(&o, &builder);
}

Test(reader, tells_what_is_absent_from_what_is_damaged)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_threads *threads = (void *)&builder;
	const struct inq_dump_handles *handles = (void *)&builder;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_THREAD_LIST);
	put16(&builder, 1);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_handles(o.dump, &handles, &o.err), INQ_ABSENT);
	cr_assert_str_eq(o.err.text, "'a.dmp': no handle data");
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_BAD_DATA);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': thread list at 0x2c: 0x2 bytes, too short for its count");
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_BAD_DATA, "asked again");
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': thread list at 0x2c: 0x2 bytes, too short for its count");
	cr_assert_eq((void *)threads, (void *)&builder);
	cr_assert_eq((void *)handles, (void *)&builder);
	cr_assert_eq(inq_dump_find_stream(o.dump, MD_STREAM_THREAD_LIST)->status, INQ_BAD_DATA);
	cr_assert_str_eq(inq_dump_find_stream(o.dump, MD_STREAM_THREAD_LIST)->problem,
			 "0x2 bytes, too short for its count");
	close_all(&o, &builder);
}

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

/* --- contexts ------------------------------------------------------------------------ */

Test(reader, refuses_contexts_that_are_too_short_or_of_another_processor)
{
	struct builder builder;
	struct opened o;
	struct inq_dump_context context;
	struct inq_dump_place place = {0};

	build_whole(&builder, AMD64_LINUX, false);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_ABSENT);
	place = (struct inq_dump_place){.offset = 0x40, .size = 255};
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_BAD_DATA);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': context at 0x40: 0xff bytes, at least 0x100 wanted");
	place = (struct inq_dump_place){.offset = 0x20, .size = 1232};
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_BAD_DATA);
	cr_assert(strstr(o.err.text, "are of no processor that the dump is of"), "%s", o.err.text);
	place = (struct inq_dump_place){.offset = UINT32_MAX, .size = 1232};
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_BAD_DATA);
	close_all(&o, &builder);
}

/* LLDB's end behind the vector registers (0x2d0 bytes); the shortest end behind rip. */
Test(reader, takes_contexts_that_end_early_and_says_what_they_lack)
{
	const struct flavour_facts *facts = &flavour_facts[AMD64_LINUX];
	struct builder builder;
	struct opened o;
	struct inq_dump_context context;
	const struct inq_dump_threads *threads;
	struct inq_dump_place place;
	uint64_t pc;

	build_whole(&builder, AMD64_LINUX, false);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_OK);
	place = threads->items[0].context;
	place.size = 0x2d0;
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_OK, "%s", o.err.text);
	memcpy(&pc, (const uint8_t *)&context.amd64 + facts->pc_at, sizeof(pc));
	cr_assert_eq(pc, WHOLE_PC);
	cr_assert_eq(context.amd64.context_flags, facts->context_flags);
	cr_assert_eq(context.extended.size, 0);
	cr_assert_eq(context.amd64.debug_control, 0);
	place.size = 0x100;
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(context.amd64.rip, WHOLE_PC);
	cr_assert_eq(context.amd64.context_flags, facts->context_flags & ~MD_CONTEXT_X86_FLOATING_POINT);
	close_all(&o, &builder);
}

Test(reader, says_which_processors_contexts_it_does_not_know)
{
	struct builder builder;
	struct opened o;
	struct inq_dump_context context;
	struct inq_dump_place place = {.offset = 0x20, .size = 100};

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_SYSTEM_INFO);
	put16(&builder, MD_ARCH_MIPS);
	put_zeroes(&builder, 54);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_UNSUPPORTED);
	cr_assert_str_eq(o.err.text, "'a.dmp': context at 0x20: contexts of MIPS (1)");
	close_all(&o, &builder);
}

Test(reader, knows_a_context_by_its_flags_where_the_system_is_not_told)
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		struct builder builder;
		struct opened o;

		build_whole(&builder, (enum flavour)flavour, false);
		builder.streams[0].type = 0x7777;
		open_built(&o, &builder);
		check_threads(&o, &flavour_facts[flavour]);
		close_all(&o, &builder);
	}
}

Test(reader, hands_out_what_follows_a_context)
{
	struct builder builder;
	struct opened o;
	struct inq_dump_context context;
	struct inq_dump_place place;
	const struct inq_dump_threads *threads = NULL;

	build_whole(&builder, AMD64_LINUX, false);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_threads(o.dump, &threads, &o.err), INQ_OK);
	place = threads->items[0].context;
	place.size += 32;
	cr_assert_eq(inq_dump_context(o.dump, place, &context, &o.err), INQ_OK);
	cr_assert_eq(context.extended.offset, place.offset + 1232);
	cr_assert_eq(context.extended.size, 32);
	close_all(&o, &builder);
}

Test(reader, turns_windows_arm_contexts_into_breakpads)
{
	struct builder builder;
	struct opened o;
	struct inq_dump_context context;
	uint32_t at;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_SYSTEM_INFO);
	put16(&builder, MD_ARCH_ARM);
	put_zeroes(&builder, 54);
	end_stream(&builder);
	at = builder_at(&builder);
	put32(&builder, 0x4020000f); /* with Windows' bit that is Breakpad's ARM */
	for (uint32_t i = 0; i < 16; i++)
		put32(&builder, 0x1000 + i);
	put32(&builder, 0x60000010);
	put_zeroes(&builder, 416 - 72);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_context(o.dump, (struct inq_dump_place){at, 416}, &context, &o.err),
		     INQ_OK);
	cr_assert_eq(context.kind, INQ_CONTEXT_ARM);
	cr_assert_eq(context.arm.r[15], 0x100f);
	cr_assert_eq(context.arm.cpsr, 0x60000010);
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

/* --- memory -------------------------------------------------------------------------- */

struct want {
	uint64_t address, size, offset;
};

static void memory_is(struct opened *o, const struct want *wanted, size_t count)
{
	const struct inq_dump_memory *memory = NULL;

	cr_assert_eq(inq_dump_memory(o->dump, &memory, &o->err), INQ_OK, "%s", o->err.text);
	cr_assert_eq(memory->count, count, "%zu ranges", memory->count);
	for (size_t i = 0; i < count; i++) {
		cr_assert_eq(memory->items[i].address, wanted[i].address, "range %zu", i);
		cr_assert_eq(memory->items[i].size, wanted[i].size, "range %zu", i);
		cr_assert_eq(memory->items[i].offset, wanted[i].offset, "range %zu", i);
	}
}

static void put_range(struct builder *builder, uint64_t address, uint32_t size, uint32_t rva)
{
	put64(builder, address);
	put_location(builder, size, rva);
}

Test(reader, resolves_overlapping_memory_by_the_order_of_the_list)
{
	struct builder builder;
	struct opened o;
	static const struct want wanted[] = {
		{0x1000, 0x8, 0x50},  {0x1008, 0x10, 0x60}, {0x1018, 0x8, 0x68},
		{0x1020, 0x10, 0x80}, {0x9000, 4, 0x90},
	};

	builder_init(&builder, false, 1);
	put_zeroes(&builder, 0x100 - builder_at(&builder));
	begin_stream(&builder, MD_STREAM_MEMORY_LIST);
	put32(&builder, 5);
	put_range(&builder, 0x9000, 4, 0x90);
	put_range(&builder, 0x1008, 0x10, 0x60);
	put_range(&builder, 0x1000, 0x20, 0x50);
	put_range(&builder, 0x1010, 0x20, 0x70);
	put_range(&builder, 0x9000, 4, 0x20);
	end_stream(&builder);
	open_built(&o, &builder);
	memory_is(&o, wanted, sizeof(wanted) / sizeof(wanted[0]));
	close_all(&o, &builder);
}

Test(reader, leaves_out_memory_that_cannot_be)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_memory *memory = NULL;
	static const struct want wanted[] = {
		{0x1000, 8, 0x40}, {0x6000, 0x10, 0xf0}, {0xfffffffffffffff8, 8, 0x50}};

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_MEMORY_LIST);
	put32(&builder, 7);
	put_range(&builder, 0x1000, 8, 0x40);
	put_range(&builder, 0x2000, 0, 0x40);             /* empty: no loss */
	put_range(&builder, 0x3000, 8, 4);                /* inside the header */
	put_range(&builder, 0x4000, 8, 0xfffffff0);       /* beyond the file */
	put_range(&builder, 0xfffffffffffffff9, 8, 0x50); /* wraps around */
	put_range(&builder, 0x6000, 0xffffffff, 0xf0);    /* across the file's end */
	put_range(&builder, 0xfffffffffffffff8, 8, 0x50); /* ends where the address space does */
	end_stream(&builder);
	put_zeroes(&builder, 0x100 - builder_at(&builder));
	open_built(&o, &builder);
	memory_is(&o, wanted, 3);
	cr_assert_eq(inq_dump_memory(o.dump, &memory, &o.err), INQ_OK);
	cr_assert_eq(memory->lost, 4);
	cr_assert_eq(memory->lost_bytes, 8 + 8 + 8 + 0xffffffffull - 0x10);
	close_all(&o, &builder);
}

Test(reader, prefers_memory64_to_the_list_and_that_to_stacks)
{
	struct builder builder;
	struct opened o;
	uint32_t base;
	static const struct want wanted[] = {
		{0x1000, 8, 0x100}, {0x1008, 8, 0x68}, {0x1010, 8, 0x80}, {0x8000, 8, 0x108}};

	builder_init(&builder, false, 3);
	put_zeroes(&builder, 0x88 - builder_at(&builder));
	begin_stream(&builder, MD_STREAM_THREAD_LIST);
	put32(&builder, 1);
	put_zeroes(&builder, 24);
	put_range(&builder, 0x1000, 0x18, 0x70);
	put_location(&builder, 0, 0);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_MEMORY_LIST);
	put32(&builder, 1);
	put_range(&builder, 0x1000, 0x10, 0x60);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_MEMORY64_LIST);
	put64(&builder, 2);
	base = builder_at(&builder);
	put64(&builder, 0);
	put64(&builder, 0x1000);
	put64(&builder, 8);
	put64(&builder, 0x8000);
	put64(&builder, 8);
	end_stream(&builder);
	cr_assert_leq(builder_at(&builder), 0x100);
	put_zeroes(&builder, 0x110 - builder_at(&builder));
	patch64(&builder, base, 0x100);
	open_built(&o, &builder);
	memory_is(&o, wanted, 4);
	close_all(&o, &builder);
}

static void memory64_of(struct builder *builder, uint64_t count, uint64_t base, uint64_t size0)
{
	builder_init(builder, false, 1);
	begin_stream(builder, MD_STREAM_MEMORY64_LIST);
	put64(builder, count);
	put64(builder, base);
	put64(builder, 0x1000);
	put64(builder, size0);
	put64(builder, 0x2000);
	put64(builder, 0x10);
	end_stream(builder);
	put_zeroes(builder, 0x40);
}

Test(reader, bounds_memory64_by_the_file)
{
	static const struct {
		uint64_t count, base, size0;
		enum inq_status status;
		size_t ranges;
		const char *words;
	} cases[] = {
		{2, 0x70, 0x10, INQ_OK, 2, NULL},
		{2, 0x70, 0xffff0000, INQ_OK, 1, NULL},
		{2, 0x70, UINT64_MAX, INQ_OK, 0,
		 NULL}, /* wraps around, and so does the next place */
		{2, UINT64_MAX - 4, 0x10, INQ_OK, 0, NULL},
		{2, 0, 0x10, INQ_OK, 0, NULL}, /* both inside the header */
		{3, 0x70, 0x10, INQ_BAD_DATA, 0,
		 "3 memory ranges of 0x10 bytes do not fit into 0x30 bytes"},
		{UINT64_MAX, 0x70, 0x10, INQ_BAD_DATA, 0, "18446744073709551615 memory ranges"},
		{0x1000000000000002, 0x70, 0x10, INQ_BAD_DATA, 0,
		 "do not fit"}, /* times 16 is 32 in 64 bits */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_memory *memory = NULL;

		memory64_of(&builder, cases[i].count, cases[i].base, cases[i].size0);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_memory(o.dump, &memory, &o.err), cases[i].status, "case %zu",
			     i);
		if (cases[i].status == INQ_OK)
			cr_assert_eq(memory->count, cases[i].ranges, "case %zu: %zu", i,
				     memory->count);
		else
			cr_assert(strstr(o.err.text, cases[i].words), "%s", o.err.text);
		close_all(&o, &builder);
	}
}

Test(reader, reads_across_adjacent_ranges_and_stops_at_a_gap)
{
	struct builder builder;
	struct opened o;
	uint8_t room[0x30];
	size_t done = 0;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_MEMORY_LIST);
	put32(&builder, 3);
	put_range(&builder, 0x1008, 8, 0x80);
	put_range(&builder, 0x1000, 8, 0x88);
	put_range(&builder, 0x1020, 8, 0x80);
	end_stream(&builder);
	put_zeroes(&builder, 0x80 - builder_at(&builder));
	put_bytes(&builder, "ABCDEFGHabcdefgh", 16);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_read_memory(o.dump, 0x1004, room, sizeof(room), &done, &o.err),
		     INQ_OK);
	cr_assert_eq(done, 12);
	cr_assert_eq(memcmp(room, "efghABCDEFGH", 12), 0);
	cr_assert_eq(inq_dump_read_memory(o.dump, 0x1000, room, 0, &done, &o.err), INQ_OK);
	cr_assert_eq(done, 0);
	close_all(&o, &builder);
}

Test(reader, says_that_a_dump_has_no_memory)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_memory *memory = NULL;

	builder_init(&builder, false, 0);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_memory(o.dump, &memory, &o.err), INQ_ABSENT);
	cr_assert_str_eq(o.err.text, "'a.dmp': no memory list");
	cr_assert_null(inq_dump_find_memory(o.dump, 0x1000));
	close_all(&o, &builder);
}

static void put_regions(struct builder *builder, uint32_t header, uint32_t entry, uint64_t count,
			size_t written)
{
	builder_init(builder, false, 1);
	begin_stream(builder, MD_STREAM_MEMORY_INFO_LIST);
	put32(builder, header);
	put32(builder, entry);
	put64(builder, count);
	put_zeroes(builder, header > 16 && header < 64 ? header - 16 : 0);
	for (size_t i = 0; i < written; i++) {
		put64(builder, 0x1000 * (i + 1));
		put64(builder, 0x1000);
		put32(builder, MD_PAGE_READONLY);
		put32(builder, 0);
		put64(builder, 0x1000);
		put32(builder, MD_MEM_COMMIT);
		put32(builder, MD_PAGE_EXECUTE_READ);
		put32(builder, MD_MEM_IMAGE);
		put32(builder, 0);
		put_zeroes(builder, entry > 48 && entry < 64 ? entry - 48 : 0);
	}
	end_stream(builder);
}

Test(reader, accepts_larger_heads_and_entries_than_its_own)
{
	static const uint32_t sizes[][2] = {{16, 48}, {16, 56}, {24, 48}};

	for (size_t i = 0; i < 3; i++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_memory_infos *infos = NULL;

		put_regions(&builder, sizes[i][0], sizes[i][1], 2, 2);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_memory_infos(o.dump, &infos, &o.err), INQ_OK, "%s",
			     o.err.text);
		cr_assert_eq(infos->count, 2);
		cr_assert_eq(infos->items[1].base, 0x2000);
		cr_assert_eq(infos->items[1].protection, MD_PAGE_EXECUTE_READ);
		close_all(&o, &builder);
	}
}

Test(reader, refuses_sized_lists_that_lie)
{
	static const struct {
		uint32_t header, entry;
		uint64_t count;
		const char *words;
	} cases[] = {
		{15, 48, 2, "a header of 0xf bytes, at least 0x10"},
		{16, 47, 2, "entries of 0x2f bytes, at least 0x30"},
		{16, 0, 2, "entries of 0x0 bytes, at least 0x30"},
		{0xffffffff, 48, 2, "2 regions of 0x30 bytes do not fit into 0x70 bytes"},
		{16, 48, 3, "3 regions of 0x30 bytes do not fit into 0x70 bytes"},
		{16, 48, UINT64_MAX / 48 + 1, "do not fit into 0x70 bytes"},
		{16, 0xffffffff, UINT64_MAX, "do not fit into 0x70 bytes"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_memory_infos *infos = NULL;

		put_regions(&builder, 16, 48, 2, 2);
		patch32(&builder, builder.streams[0].rva, cases[i].header);
		patch32(&builder, builder.streams[0].rva + 4, cases[i].entry);
		patch64(&builder, builder.streams[0].rva + 8, cases[i].count);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_memory_infos(o.dump, &infos, &o.err), INQ_BAD_DATA);
		cr_assert(strstr(o.err.text, cases[i].words), "%s", o.err.text);
		cr_assert(strncmp(o.err.text, "'a.dmp': memory info list at 0x2c: ", 35) == 0, "%s",
			  o.err.text);
		close_all(&o, &builder);
	}
}

/* --- handles, infos, unloaded modules ------------------------------------------------ */

Test(reader, reads_both_versions_of_handles)
{
	for (uint32_t entry = MD_HANDLE_SIZE_1; entry <= MD_HANDLE_SIZE_2; entry += 8) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_handles *handles = NULL;
		uint32_t type, name, info;

		builder_init(&builder, false, 1);
		type = put_string(&builder, "File");
		name = put_string(&builder, "/tmp/x");
		info = builder_at(&builder);
		put32(&builder, 0);
		put32(&builder, MD_OBJECT_INFO_EVENT_1);
		put32(&builder, 4);
		put32(&builder, 0x55);
		begin_stream(&builder, MD_STREAM_HANDLE_DATA);
		put32(&builder, 16);
		put32(&builder, entry);
		put32(&builder, 1);
		put32(&builder, 0);
		put64(&builder, 7);
		put32(&builder, type);
		put32(&builder, name);
		put32(&builder, 1);
		put32(&builder, 2);
		put32(&builder, 3);
		put32(&builder, 4);
		if (entry == MD_HANDLE_SIZE_2) {
			put32(&builder, info);
			put32(&builder, 0);
		}
		end_stream(&builder);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_handles(o.dump, &handles, &o.err), INQ_OK, "%s", o.err.text);
		cr_assert_eq(handles->items[0].handle, 7);
		cr_assert_str_eq(handles->items[0].type_name, "File");
		cr_assert_str_eq(handles->items[0].object_name, "/tmp/x");
		cr_assert_eq(handles->items[0].pointer_count, 4);
		cr_assert_eq(handles->items[0].info_count, entry == MD_HANDLE_SIZE_2);
		if (entry == MD_HANDLE_SIZE_2) {
			cr_assert_eq(handles->items[0].infos[0].type, MD_OBJECT_INFO_EVENT_1);
			cr_assert_eq(handles->items[0].infos[0].place.offset, info + 12);
		}
		close_all(&o, &builder);
	}
}

Test(reader, ends_a_cycle_of_object_informations)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_handles *handles = NULL;
	uint32_t info;

	builder_init(&builder, false, 1);
	info = builder_at(&builder);
	put32(&builder, info);
	put32(&builder, 1);
	put32(&builder, 0);
	begin_stream(&builder, MD_STREAM_HANDLE_DATA);
	put32(&builder, 16);
	put32(&builder, 40);
	put32(&builder, 1);
	put32(&builder, 0);
	put_zeroes(&builder, 32);
	put32(&builder, info);
	put32(&builder, 0);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_handles(o.dump, &handles, &o.err), INQ_OK);
	cr_assert_eq(handles->items[0].info_count, MD_MAX_OBJECT_INFOS);
	cr_assert_str_eq(inq_dump_find_stream(o.dump, MD_STREAM_HANDLE_DATA)->problem,
			 "object information: more than 64 in a chain");
	close_all(&o, &builder);
}

Test(reader, reads_thread_infos_and_unloaded_modules)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_thread_infos *infos = NULL;
	const struct inq_dump_unloaded *unloaded = NULL;
	uint32_t name;

	builder_init(&builder, true, 2);
	name = put_string(&builder, "gone.so");
	begin_stream(&builder, MD_STREAM_THREAD_INFO_LIST);
	put32(&builder, 12);
	put32(&builder, 64);
	put32(&builder, 1);
	put32(&builder, 5);
	put32(&builder, MD_THREAD_INFO_ERROR_THREAD);
	put32(&builder, 0);
	put32(&builder, 259);
	for (uint64_t i = 0; i < 6; i++)
		put64(&builder, i);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_UNLOADED_MODULE_LIST);
	put32(&builder, 12);
	put32(&builder, 24);
	put32(&builder, 1);
	put64(&builder, 0x7f0000000000);
	put32(&builder, 0x2000);
	put32(&builder, 1);
	put32(&builder, 2);
	put32(&builder, name);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_thread_infos(o.dump, &infos, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(infos->items[0].thread_id, 5);
	cr_assert_eq(infos->items[0].exit_status, 259);
	cr_assert_eq(infos->items[0].affinity, 5);
	cr_assert_eq(inq_dump_unloaded(o.dump, &unloaded, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(unloaded->items[0].base, 0x7f0000000000);
	cr_assert_str_eq(unloaded->items[0].name, "gone.so");
	close_all(&o, &builder);
}

/* --- misc info, comments, Linux, Crashpad, Breakpad ---------------------------------- */

Test(reader, reads_every_version_of_misc_info)
{
	static const uint32_t sizes[] = {24, 44, 232, 832, 1364};

	for (size_t i = 0; i < 5; i++) {
		struct builder builder;
		struct opened o;
		const struct inq_dump_misc *misc = NULL;
		uint32_t at;

		builder_init(&builder, false, 1);
		begin_stream(&builder, MD_STREAM_MISC_INFO);
		at = builder_at(&builder);
		put_zeroes(&builder, sizes[i]);
		patch32(&builder, at, sizes[i]);
		patch32(&builder, at + 4,
			MD_MISC_PROCESS_ID | MD_MISC_BUILD_STRING | MD_MISC_TIME_ZONE);
		patch32(&builder, at + 8, 4711);
		patch32(&builder, at + 12, 99); /* create time, not valid by the flags */
		if (sizes[i] > 64)
			builder.bytes.data[at + 64] = 'U'; /* the time zone's standard name */
		if (sizes[i] > 300)
			builder.bytes.data[at + 232] = 'B';
		end_stream(&builder);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_misc(o.dump, &misc, &o.err), INQ_OK, "%s", o.err.text);
		cr_assert_eq(misc->raw.size, sizes[i]);
		cr_assert_eq(misc->raw.process_id, 4711);
		cr_assert_eq(misc->raw.process_create_time, 0);
		cr_assert_str_eq(misc->standard_name, sizes[i] > 64 ? "U" : "");
		cr_assert_str_eq(misc->build_string, sizes[i] > 300 ? "B" : "");
		close_all(&o, &builder);
	}
}

Test(reader, refuses_misc_info_that_is_too_short)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_misc *misc = NULL;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_MISC_INFO);
	put_zeroes(&builder, 23);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_misc(o.dump, &misc, &o.err), INQ_BAD_DATA);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': misc info at 0x2c: 0x17 bytes, at least 0x18 wanted");
	close_all(&o, &builder);
}

Test(reader, prefers_the_wide_comment)
{
	struct builder builder;
	struct opened o;
	const char *comment = NULL;

	builder_init(&builder, true, 2);
	begin_stream(&builder, MD_STREAM_COMMENT_A);
	put_bytes(&builder, "narrow", 6);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_COMMENT_W);
	put16(&builder, 'w');
	put16(&builder, 0xfc);
	put16(&builder, 0);
	put16(&builder, 'x');
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_comment(o.dump, &comment, &o.err), INQ_OK);
	cr_assert_str_eq(comment, "w\xc3\xbc");
	close_all(&o, &builder);
}

Test(reader, reads_the_loaders_objects_of_both_widths)
{
	static const enum flavour flavours[] = {AMD64_LINUX, ARM_ANDROID};

	for (size_t i = 0; i < 2; i++) {
		bool wide = flavours[i] == AMD64_LINUX;
		struct builder builder;
		struct opened o;
		const struct inq_dump_dso_debug *debug = NULL;
		uint32_t name, map;

		builder_init(&builder, false, 2);
		name = put_string(&builder, "libc.so.6");
		map = builder_at(&builder);
		if (wide)
			put64(&builder, 0x7f01);
		else
			put32(&builder, 0x7f01);
		put32(&builder, name);
		if (wide) {
			put32(&builder, 0);
			put64(&builder, 0x7f02);
		} else {
			put32(&builder, 0x7f02);
		}
		begin_stream(&builder, MD_STREAM_SYSTEM_INFO);
		put16(&builder, flavour_facts[flavours[i]].architecture);
		put_zeroes(&builder, 54);
		end_stream(&builder);
		begin_stream(&builder, MD_STREAM_LINUX_DSO_DEBUG);
		put32(&builder, 1);
		put32(&builder, map);
		put32(&builder, 1);
		if (wide)
			put32(&builder, 0);
		for (uint64_t k = 1; k <= 3; k++) {
			if (wide)
				put64(&builder, k);
			else
				put32(&builder, (uint32_t)k);
		}
		put_zeroes(&builder, 16);
		end_stream(&builder);
		open_built(&o, &builder);
		cr_assert_eq(inq_dump_dso_debug(o.dump, &debug, &o.err), INQ_OK, "%s", o.err.text);
		cr_assert_eq(debug->word, wide ? 8 : 4);
		cr_assert_eq(debug->dynamic, 3);
		cr_assert_eq(debug->dynamic_place.size, 16);
		cr_assert_eq(debug->count, 1);
		cr_assert_eq(debug->items[0].address, 0x7f01);
		cr_assert_eq(debug->items[0].dynamic, 0x7f02);
		cr_assert_str_eq(debug->items[0].name, "libc.so.6");
		close_all(&o, &builder);
	}
}

Test(reader, counts_the_loaders_objects_that_the_file_does_not_have)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_dso_debug *debug = NULL;

	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_LINUX_DSO_DEBUG);
	put32(&builder, 1);
	put32(&builder, 0xffffff00);
	put32(&builder, MD_MAX_DSOS);
	put_zeroes(&builder, 28);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_dso_debug(o.dump, &debug, &o.err), INQ_OK);
	cr_assert_eq(debug->count, 0);
	cr_assert_eq(debug->lost, MD_MAX_DSOS);
	close_all(&o, &builder);
	builder_init(&builder, false, 1);
	begin_stream(&builder, MD_STREAM_LINUX_DSO_DEBUG);
	put32(&builder, 1);
	put32(&builder, 0);
	put32(&builder, MD_MAX_DSOS + 1);
	put_zeroes(&builder, 28);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_dso_debug(o.dump, &debug, &o.err), INQ_LIMIT);
	cr_assert_str_eq(o.err.text,
			 "'a.dmp': linux dso debug at 0x2c: 65537 objects, at most 65536");
	close_all(&o, &builder);
}

Test(reader, reads_crashpads_annotations)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_crashpad *crashpad = NULL;
	uint32_t key, value, simple, list, objects, module, modules;

	builder_init(&builder, false, 1);
	key = put_utf8(&builder, "version");
	value = put_utf8(&builder, "1.2");
	simple = builder_at(&builder);
	put32(&builder, 2);
	put32(&builder, key);
	put32(&builder, value);
	put32(&builder, key);
	put32(&builder, 0xfffffff0); /* damaged: lost alone */
	list = builder_at(&builder);
	put32(&builder, 1);
	put32(&builder, value);
	objects = builder_at(&builder);
	put32(&builder, 1);
	put32(&builder, key);
	put16(&builder, 0x8001);
	put16(&builder, 0);
	put32(&builder, value);
	module = builder_at(&builder);
	put32(&builder, 1);
	put_location(&builder, 8, list);
	put_location(&builder, 0, 0);
	put_location(&builder, 16, objects);
	modules = builder_at(&builder);
	put32(&builder, 1);
	put32(&builder, 5);
	put_location(&builder, 28, module);
	begin_stream(&builder, MD_STREAM_CRASHPAD_INFO);
	put32(&builder, 1);
	put32(&builder, 0xaabbccdd);
	put_zeroes(&builder, 28);
	put_location(&builder, 20, simple);
	put_location(&builder, 16, modules);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_crashpad(o.dump, &crashpad, &o.err), INQ_OK, "%s", o.err.text);
	cr_assert_eq(crashpad->report_id.data1, 0xaabbccdd);
	cr_assert_eq(crashpad->count, 3);
	cr_assert_eq(crashpad->lost, 1);
	cr_assert_eq(crashpad->items[0].module_index, UINT32_MAX);
	cr_assert_str_eq(crashpad->items[0].name, "version");
	cr_assert_str_eq(crashpad->items[0].value, "1.2");
	cr_assert_eq(crashpad->items[1].module_index, 5);
	cr_assert_str_eq(crashpad->items[1].name, "");
	cr_assert_eq(crashpad->items[2].type, 0x8001);
	cr_assert_eq(crashpad->items[2].value_size, 3);
	close_all(&o, &builder);
}

Test(reader, reads_breakpads_own_streams)
{
	struct builder builder;
	struct opened o;
	const struct inq_dump_breakpad *info = NULL;
	const struct inq_dump_assertion *assertion = NULL;

	builder_init(&builder, true, 2);
	begin_stream(&builder, MD_STREAM_BREAKPAD_INFO);
	put32(&builder, 3);
	put32(&builder, 10);
	put32(&builder, 11);
	end_stream(&builder);
	begin_stream(&builder, MD_STREAM_ASSERTION_INFO);
	put16(&builder, 'x');
	put_zeroes(&builder, 254);
	for (int i = 0; i < 128; i++)
		put16(&builder, 'f'); /* no NUL */
	put_zeroes(&builder, 256);
	put32(&builder, 42);
	put32(&builder, 2);
	end_stream(&builder);
	open_built(&o, &builder);
	cr_assert_eq(inq_dump_breakpad(o.dump, &info, &o.err), INQ_OK);
	cr_assert_eq(info->raw.requesting_thread_id, 11);
	cr_assert_eq(inq_dump_assertion(o.dump, &assertion, &o.err), INQ_OK);
	cr_assert_str_eq(assertion->expression, "x");
	cr_assert_eq(strlen(assertion->function), 128);
	cr_assert_str_eq(assertion->file, "");
	cr_assert_eq(assertion->line, 42);
	close_all(&o, &builder);
}

/* --- everything that can be broken --------------------------------------------------- */

Test(reader, survives_truncation_at_every_byte)
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		struct builder builder;
		int opened, opens = 0;

		build_whole(&builder, (enum flavour)flavour, flavour % 2);
		for (size_t size = 0; size <= builder.bytes.size; size++) {
			/* Its own allocation, so that a sanitizer sees a read behind the end. */
			uint8_t *bytes = malloc(size ? size : 1);

			memcpy(bytes, builder.bytes.data, size);
			dump_walk(bytes, size, &opened);
			opens += opened;
			cr_assert_eq(opened, size >= 44, "%zu bytes", size);
			free(bytes);
		}
		cr_assert_gt(opens, 1000);
		builder_done(&builder);
	}
}

Test(reader, survives_every_flipped_bit_of_headers_and_lists)
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		struct builder builder;
		int opened;

		build_whole(&builder, (enum flavour)flavour, flavour % 2);
		for (size_t at = 0; at < builder.bytes.size; at++) {
			/* The contexts' registers and the memory mean nothing to the reader. */
			bool contents = at >= 116 + 400 &&
					at < 116 + 192 + flavour_facts[flavour].context_size;

			for (int bit = 0; bit < 8 && !contents; bit++) {
				builder.bytes.data[at] ^= (uint8_t)(1 << bit);
				dump_walk(builder.bytes.data, builder.bytes.size, &opened);
				builder.bytes.data[at] ^= (uint8_t)(1 << bit);
			}
		}
		dump_walk(builder.bytes.data, builder.bytes.size, &opened);
		cr_assert(opened);
		builder_done(&builder);
	}
}

Test(reader, survives_every_edge_value_in_every_word)
{
	static const uint32_t edges[] = {0,          1,          3,          31,
					 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	struct builder builder;
	int opened;

	build_whole(&builder, AMD64_LINUX, false);
	for (uint32_t at = 0; at + 4 <= builder.bytes.size; at += 4) {
		uint8_t saved[4];

		memcpy(saved, builder.bytes.data + at, 4);
		for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
			patch32(&builder, at, edges[i]);
			dump_walk(builder.bytes.data, builder.bytes.size, &opened);
		}
		memcpy(builder.bytes.data + at, saved, 4);
	}
	dump_walk(builder.bytes.data, builder.bytes.size, &opened);
	cr_assert(opened);
	builder_done(&builder);
}
