/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each stream holds, and what is refused in it. */
#include "opened_dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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
