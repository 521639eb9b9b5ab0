/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structures, whole dumps of every kind, contexts, and everything that can be broken in them. */
#include "dump_walk.h"
#include "minidump/dump.h"
#include "opened_dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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
