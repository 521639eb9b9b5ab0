/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dump_builder.h"
#include "support/file.h"
#include "target/minidump_modules.h"
#include "target/minidump_regions.h"
#include "target/status_text.h"
#include "target/target.h"

#include "minidump/reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct inq_target *opened(struct builder *builder)
{
	struct inq_file *file;
	struct inq_target *target = NULL;
	struct inq_error err = {0};

	builder_finish(builder);
	cr_assert_eq(
		inq_file_open_bytes(builder->bytes.data, builder->bytes.size, "a.dmp", &file, &err),
		INQ_OK);
	cr_assert_eq(inq_target_open(file, &target, &err), INQ_OK, "%s", err.text);
	return target;
}

static void ask_all(struct inq_target *target)
{
	const struct inq_system *system;
	const struct inq_process *process;
	const struct inq_thread *threads;
	const struct inq_module *modules;
	const struct inq_region *regions;
	const struct inq_range *ranges;
	const struct inq_exception *exception;
	const struct inq_link_map *links;
	struct inq_context context;
	const char *text;
	uint8_t byte;
	size_t count = 0, size;

	(void)inq_target_system(target, &system, NULL);
	(void)inq_target_process(target, &process, NULL);
	if (inq_target_threads(target, &threads, &count, NULL) == INQ_OK)
		for (size_t i = 0; i < count; i++)
			(void)inq_target_context(target, i, &context, NULL);
	(void)inq_target_modules(target, &modules, &count, NULL);
	if (inq_target_regions(target, &regions, &count, NULL) == INQ_OK)
		for (size_t i = 1; i < count; i++)
			cr_assert_geq(regions[i].base - regions[i - 1].base, regions[i - 1].size);
	if (inq_target_memory(target, &ranges, &count, NULL) == INQ_OK)
		for (size_t i = 0; i < count; i++)
			cr_assert_eq(inq_target_read_all(target, ranges[i].base, &byte, 1, NULL),
				     INQ_OK);
	(void)inq_target_exception(target, &exception, NULL);
	(void)inq_target_exception_context(target, &context, NULL);
	(void)inq_target_link_map(target, &links, NULL);
	for (int kind = 0; kind < INQ_TEXT_COUNT; kind++)
		(void)inq_target_text(target, (enum inq_text_kind)kind, &text, &size, NULL);
	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		cr_assert(text[0]);
}

static const struct {
	enum inq_machine machine;
	enum inq_os os;
} expected[FLAVOURS] = {
	[X86_WINDOWS] = {INQ_MACHINE_X86, INQ_OS_WINDOWS},
	[AMD64_LINUX] = {INQ_MACHINE_AMD64, INQ_OS_LINUX},
	[AMD64_WINDOWS] = {INQ_MACHINE_AMD64, INQ_OS_WINDOWS},
	[ARM_ANDROID] = {INQ_MACHINE_ARM, INQ_OS_ANDROID},
	[ARM64_MACOS] = {INQ_MACHINE_ARM64, INQ_OS_MACOS},
	[ARM64_OLD_IOS] = {INQ_MACHINE_ARM64, INQ_OS_OTHER},
};

/* Four processors, five systems, both byte orders: the same questions, the same answers. */
Test(minidump_target, answers_alike_whoever_wrote_the_dump)
{
	for (int i = 0; i < 2 * FLAVOURS; i++) {
		enum flavour flavour = (enum flavour)(i / 2);
		struct builder builder;
		struct inq_target *target;
		const struct inq_system *system;
		const struct inq_thread *threads;
		const struct inq_exception *exception;
		const struct inq_module *modules;
		const struct inq_region *regions;
		struct inq_context context, at_exception;
		uint8_t bytes[WHOLE_STACK_SIZE + 1];
		size_t count = 0, done = 0;

		build_whole(&builder, flavour, i % 2);
		target = opened(&builder);
		cr_assert_str_eq(target->ops->kind, "minidump");
		cr_assert_eq(inq_target_system(target, &system, NULL), INQ_OK);
		cr_assert_eq(system->machine, expected[flavour].machine, "%s",
			     flavour_facts[flavour].name);
		cr_assert_eq(system->os, expected[flavour].os, "%s", flavour_facts[flavour].name);
		cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
		cr_assert_eq(count, 1);
		cr_assert_eq(threads[0].tid, WHOLE_THREAD);
		cr_assert(threads[0].crashed);
		cr_assert(threads[0].has_context);
		cr_assert_eq(threads[0].stack_base, WHOLE_STACK);
		cr_assert_eq(threads[0].stack_size, WHOLE_STACK_SIZE);
		cr_assert(threads[0].name[0]);
		cr_assert_eq(inq_target_context(target, 0, &context, NULL), INQ_OK);
		cr_assert_eq(inq_context_pc(&context), WHOLE_PC, "%s", flavour_facts[flavour].name);
		cr_assert_eq(inq_context_sp(&context), WHOLE_SP, "%s", flavour_facts[flavour].name);
		cr_assert_eq(context.machine, expected[flavour].machine);
		cr_assert_eq(inq_target_context(target, 1, &context, NULL), INQ_ABSENT);
		cr_assert_eq(inq_target_exception(target, &exception, NULL), INQ_OK);
		cr_assert_eq(exception->tid, WHOLE_THREAD);
		cr_assert_eq(inq_target_exception_context(target, &at_exception, NULL), INQ_OK);
		cr_assert_eq(inq_context_pc(&at_exception), WHOLE_PC);
		cr_assert_eq(inq_target_modules(target, &modules, &count, NULL), INQ_OK);
		cr_assert_not_null(inq_module_at(modules, count, WHOLE_PC));
		cr_assert(inq_module_at(modules, count, WHOLE_PC)->main);
		cr_assert_eq(
			inq_target_read(target, WHOLE_STACK, bytes, sizeof(bytes), &done, NULL),
			INQ_OK);
		cr_assert_eq(done, WHOLE_STACK_SIZE);
		cr_assert_eq(inq_target_read(target, 0x10, bytes, 1, &done, NULL), INQ_FAULT);
		cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
		cr_assert_not_null(inq_region_at(regions, count, WHOLE_PC));
		ask_all(target);
		inq_target_free(target);
		builder_done(&builder);
	}
}

Test(minidump_target, survives_being_cut_at_every_byte)
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		struct builder builder;
		size_t count = 0;

		build_whole(&builder, (enum flavour)flavour, false);
		builder_finish(&builder);
		for (size_t size = 0; size < builder.bytes.size; size += 3) {
			struct inq_file *file;
			struct inq_target *target = NULL;
			struct inq_error err = {0};
			void *copy = malloc(size ? size : 1);

			memcpy(copy, builder.bytes.data, size);
			cr_assert_eq(inq_file_open_bytes(copy, size, "a.dmp", &file, &err), INQ_OK);
			if (inq_target_open(file, &target, &err) == INQ_OK) {
				count++;
				ask_all(target);
				inq_target_free(target);
			} else {
				cr_assert(err.status == INQ_BAD_DATA ||
					  err.status == INQ_UNSUPPORTED);
				cr_assert_not_null(strstr(err.text, "'a.dmp'"), "%s", err.text);
				cr_assert_null(target);
			}
			free(copy);
		}
		cr_assert_gt(count, 0);
		builder_done(&builder);
	}
}

static void put_text(struct builder *builder, uint32_t type, const char *text, size_t size)
{
	begin_stream(builder, type);
	put_bytes(builder, text, size);
	end_stream(builder);
}

Test(minidump_target, takes_linux_facts_out_of_linux_texts)
{
	static const char status[] =
		"Name:\tmy "
		"prog\nTgid:\t44\nPid:\t45\nPPid:\t7\nUid:\t1000\t0\t0\t0\nGid:\t9\t0\t0\t0\n";
	static const char maps[] = "00400000-00402000 r-xp 00000000 08:02 9 /bin/prog\nnonsense\n"
				   "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n";
	static const char release[] = "DISTRIB_ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
	struct builder builder;
	struct inq_target *target;
	const struct inq_process *process;
	const struct inq_region *regions;
	const struct inq_system *system;
	const char *text;
	size_t count;
	bool warned = false;

	builder_init(&builder, false, 8);
	begin_stream(&builder, MD_STREAM_SYSTEM_INFO);
	put16(&builder, MD_ARCH_AMD64);
	put_zeroes(&builder, 18);
	put32(&builder, MD_PLATFORM_LINUX);
	put_zeroes(&builder, 32);
	end_stream(&builder);
	put_text(&builder, MD_STREAM_LINUX_PROC_STATUS, status, sizeof(status) - 1);
	put_text(&builder, MD_STREAM_LINUX_CMD_LINE, "prog\0-x\0a b\0", 12);
	put_text(&builder, MD_STREAM_LINUX_MAPS, maps, sizeof(maps) - 1);
	put_text(&builder, MD_STREAM_LINUX_LSB_RELEASE, release, sizeof(release) - 1);
	target = opened(&builder);
	cr_assert_eq(inq_target_process(target, &process, NULL), INQ_OK);
	cr_assert_eq(process->pid, 44);
	cr_assert_eq(process->ppid, 7);
	cr_assert_eq(process->uid, 1000);
	cr_assert_eq(process->gid, 9);
	cr_assert_str_eq(process->program, "my prog");
	cr_assert_str_eq(process->arguments, "prog -x a b");
	cr_assert_eq(inq_target_system(target, &system, NULL), INQ_OK);
	cr_assert_str_eq(system->distribution, "Debian GNU/Linux 12");
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert_str_eq(regions[0].name, "/bin/prog");
	cr_assert_eq(inq_target_text(target, INQ_TEXT_CMDLINE, &text, &count, NULL), INQ_OK);
	cr_assert_eq(count, 12);
	cr_assert_eq(inq_target_text(target, INQ_TEXT_ENVIRON, &text, &count, NULL), INQ_ABSENT);
	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		warned |= strstr(text, "maps: 1 lines make no sense, the first is line 2") != NULL;
	cr_assert(warned);
	inq_target_free(target);
	builder_done(&builder);
}

/* --- regions -------------------------------------------------------------------------------------
 */

Test(minidump_regions, come_out_of_memory_information)
{
	static const struct md_memory_info items[] = {
		{.base = 0x3000,
		 .size = 0x1000,
		 .state = MD_MEM_COMMIT,
		 .protection = MD_PAGE_EXECUTE_READ,
		 .type = MD_MEM_IMAGE},
		{.base = 0, .size = 0x1000, .state = MD_MEM_FREE, .protection = MD_PAGE_NOACCESS},
		{.base = 0x1000,
		 .size = 0x1000,
		 .state = MD_MEM_COMMIT,
		 .protection = MD_PAGE_READWRITE | MD_PAGE_GUARD,
		 .type = MD_MEM_PRIVATE},
		{.base = 0x1800,
		 .size = 0x1000,
		 .state = MD_MEM_COMMIT,
		 .protection = MD_PAGE_READONLY},
		{.base = 0x2000, .size = 0x1000, .state = MD_MEM_RESERVE},
		{.base = 0x8000,
		 .size = UINT64_MAX,
		 .state = MD_MEM_COMMIT,
		 .protection = MD_PAGE_READONLY,
		 .type = MD_MEM_MAPPED},
		{.base = 0x4000, .size = 0},
	};
	struct inq_dump_memory_infos infos = {.count = sizeof(items) / sizeof(*items),
					      .items = items};
	struct inq_region *regions;
	size_t count;

	cr_assert_eq(inq_regions_from_infos(&infos, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, 5, "without the empty one, and the one over another");
	cr_assert_eq(regions[0].flags, INQ_REGION_FREE);
	cr_assert_eq(regions[1].protection, INQ_PROT_READ | INQ_PROT_WRITE);
	cr_assert_eq(regions[1].flags, INQ_REGION_GUARD | INQ_REGION_ANONYMOUS);
	cr_assert_eq(regions[2].protection, 0);
	cr_assert_eq(regions[2].flags, INQ_REGION_RESERVED);
	cr_assert_eq(regions[3].protection, INQ_PROT_READ | INQ_PROT_EXEC);
	cr_assert_eq(regions[3].flags, INQ_REGION_IMAGE);
	cr_assert_eq(regions[4].base + (regions[4].size - 1), UINT64_MAX,
		     "cut at the end of the address space");
	free(regions);
}

Test(minidump_regions, come_out_of_modules_and_memory_without_it)
{
	static const struct inq_module modules[] = {
		{.base = 0x2000, .size = 0x2000, .path = "/lib/a.so"},
		{.base = 0x2000, .size = 0x9000, .path = "/lib/old.so", .unloaded = true},
	};
	static const struct inq_range ranges[] = {{0x1000, 0x4000}, {UINT64_MAX - 0xfff, 0x1000}};
	struct inq_region *regions;
	size_t count;

	cr_assert_eq(inq_regions_from_memory(modules, 2, ranges, 2, &regions, &count, NULL),
		     INQ_OK);
	cr_assert_eq(count, 4);
	cr_assert_eq(regions[0].base, 0x1000);
	cr_assert_eq(regions[0].size, 0x1000);
	cr_assert_eq(regions[0].protection, INQ_PROT_READ | INQ_PROT_WRITE);
	cr_assert_str_eq(regions[1].name, "/lib/a.so");
	cr_assert(regions[1].protection & INQ_PROT_EXEC);
	cr_assert_eq(regions[2].base, 0x4000);
	cr_assert_eq(regions[2].size, 0x1000);
	cr_assert_eq(regions[3].size, 0x1000);
	free(regions);
}

Test(minidump_modules, go_as_far_as_their_file_is_mapped)
{
	static const struct inq_region regions[] = {
		{.base = 0x1000, .size = 0x1000, .name = "/lib/a.so"},
		{.base = 0x2000, .size = 0x3000, .file_offset = 0x1000, .name = "/lib/a.so"},
		{.base = 0x5000, .size = 0x1000, .name = "/lib/a.so"}, /* once more, at offset 0 */
		{.base = 0x6000, .size = 0x1000, .name = ""},
	};
	struct inq_module modules[] = {{.base = 0x1000, .size = 0x600},
				       {.base = 0x6000, .size = 1}};

	inq_minidump_modules_widen(modules, 2, regions, 4);
	cr_assert_eq(modules[0].size, 0x4000);
	cr_assert_eq(modules[1].size, 1, "memory without a name says nothing");
}

/* --- texts ---------------------------------------------------------------------------------------
 */

Test(status_text, finds_whole_keys_only)
{
	static const char text[] = "TracerPid:\t5\nPid:\t6\nBig:\t99999999999\nEmpty:\nNone: x";
	uint32_t number = 77;
	const char *value;
	size_t size;

	cr_assert(inq_status_number(text, sizeof(text) - 1, "Pid", &number));
	cr_assert_eq(number, 6);
	cr_assert_not(inq_status_number(text, sizeof(text) - 1, "Big", &number), "does not fit");
	cr_assert_not(inq_status_number(text, sizeof(text) - 1, "Empty", &number));
	cr_assert_not(inq_status_number(text, sizeof(text) - 1, "None", &number));
	cr_assert_not(inq_status_number(text, sizeof(text) - 1, "Uid", &number));
	cr_assert_eq(number, 6);
	cr_assert(inq_status_value(text, sizeof(text) - 1, "None", &value, &size));
	cr_assert_eq(size, 1);
	cr_assert_not(inq_status_value("Pid", 3, "Pid", &value, &size), "cut");
}

Test(status_text, takes_a_kernels_release)
{
	uint32_t major = 0, minor = 0, build = 0;

	cr_assert(inq_kernel_release("Linux 6.1.25-amd64 #1 SMP x86_64", &major, &minor, &build));
	cr_assert(major == 6 && minor == 1 && build == 25);
	cr_assert(inq_kernel_release("6.18", &major, &minor, &build));
	cr_assert(major == 6 && minor == 18 && build == 0);
	cr_assert_not(inq_kernel_release("Service Pack 1", &major, &minor, &build));
	cr_assert_not(inq_kernel_release("", &major, &minor, &build));
	cr_assert_not(inq_kernel_release("7", &major, &minor, &build));
	cr_assert_eq(major, 6);
}

/* --- opening by content --------------------------------------------------------------------------
 */

Test(open, says_what_a_file_is_that_is_neither)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *words;
	} files[] = {
		{"", 0, "an empty file"},
		{"PAGEDU64xxxxxxxx", 16, "a kernel dump of 64-bit Windows"},
		{"KDUMP   xxxxxxxx", 16, "a kernel dump (makedumpfile)"},
		{"MZxx", 4, "a Windows program"},
		{"hello world\n", 12, "a text file"},
		{"\1\2\3\4", 4, "a file of an unknown kind"},
		{"\037\213xx", 4, "compressed with gzip; decompress it first"},
		{"MSCFxxxx", 8, "a cabinet file"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct inq_file *file;
		struct inq_target *target = NULL;
		struct inq_error err = {0};

		cr_assert_eq(inq_file_open_bytes(files[i].bytes, files[i].size, "x", &file, NULL),
			     INQ_OK);
		cr_assert_eq(inq_target_open(file, &target, &err), INQ_UNSUPPORTED, "%s",
			     files[i].words);
		cr_assert_not_null(strstr(err.text, files[i].words), "%s", err.text);
		cr_assert_not_null(
			strstr(err.text, "'x': neither a minidump nor an ELF core, but "));
		cr_assert_null(target);
	}
	cr_assert_eq(inq_target_open_file("/nowhere/at/all", &(struct inq_target *){NULL}, NULL),
		     INQ_ABSENT);
	cr_assert_eq(inq_target_open_file("/", &(struct inq_target *){NULL}, NULL),
		     INQ_UNSUPPORTED);
}
