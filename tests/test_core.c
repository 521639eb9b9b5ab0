/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_core.h"
#include "support/file.h"
#include "target/target.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CODE 0x400000ull
#define STACK 0x7ffd00000000ull

static const struct built_segment two_segments[] = {
	{.base = CODE, .size = 0x3000, .have = 0x1000, .flags = PF_R | PF_X, .fill = 0x90},
	{.base = STACK, .size = 0x2000, .have = 0x2000, .flags = PF_R | PF_W, .fill = 0x55},
};

/* A core of two threads that died of SIGSEGV at 0x10. */
static void usual_notes(struct inq_buffer *notes)
{
	build_thread(notes, 71, SIGSEGV, CODE + 0x10, STACK + 0x1000);
	build_process(notes, 70, "prog", "prog a b");
	build_siginfo(notes, SIGSEGV, 1, 0x10);
	build_files(notes,
		    (const struct built_file[]){{CODE, CODE + 0x3000, 0, "/bin/prog (deleted)"}}, 1,
		    1);
	build_thread(notes, 70, SIGSEGV, CODE + 0x20, STACK + 0x1800);
}

static struct core_spec usual_spec(const struct inq_buffer *notes)
{
	return (struct core_spec){
		.word = 8,
		.machine = EM_X86_64,
		.type = ET_CORE,
		.segments = two_segments,
		.segment_count = 2,
		.notes = notes,
	};
}

static enum inq_status open_bytes(const void *bytes, size_t size, struct inq_target **ret,
				  struct inq_error *err)
{
	struct inq_file *file;

	*err = (struct inq_error){0};
	cr_assert_eq(inq_file_open_bytes(bytes, size, "a.core", &file, err), INQ_OK);
	return inq_target_open_core(file, ret, err);
}

static struct inq_target *opened(const struct inq_buffer *core)
{
	struct inq_target *target = NULL;
	struct inq_error err;

	cr_assert_eq(open_bytes(core->data, core->size, &target, &err), INQ_OK, "%s", err.text);
	return target;
}

static bool warns(struct inq_target *target, const char *words)
{
	const char *text;

	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		if (strstr(text, words))
			return true;
	return false;
}

/* Ask everything; hostile files must answer or refuse, never crash. */
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
	uint8_t bytes[64];
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
		for (size_t i = 0; i < count; i++) {
			cr_assert(ranges[i].size);
			cr_assert_eq(inq_target_read(target, ranges[i].base, bytes, sizeof(bytes),
						     &size, NULL),
				     INQ_OK);
		}
	(void)inq_target_exception(target, &exception, NULL);
	(void)inq_target_exception_context(target, &context, NULL);
	(void)inq_target_link_map(target, &links, NULL);
	for (int kind = 0; kind < INQ_TEXT_COUNT; kind++)
		(void)inq_target_text(target, (enum inq_text_kind)kind, &text, &size, NULL);
	for (size_t i = 0; inq_target_warning(target, i, &text) == INQ_OK; i++)
		cr_assert(text[0]);
}

/* --- what is there -------------------------------------------------------------------------------
 */

Test(core, tells_the_crash)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_exception *exception;
	const struct inq_process *process;
	const struct inq_thread *threads;
	const struct inq_system *system;
	struct inq_context context;
	struct inq_target *target;
	size_t count;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_system(target, &system, NULL), INQ_OK);
	cr_assert_eq(system->machine, INQ_MACHINE_AMD64);
	cr_assert_eq(system->os, INQ_OS_LINUX);
	cr_assert_eq(inq_target_exception(target, &exception, NULL), INQ_OK);
	cr_assert_eq(exception->tid, 71);
	cr_assert_eq(exception->code, SIGSEGV);
	cr_assert_eq(exception->flags, 1);
	cr_assert_eq(exception->address, 0x10);
	cr_assert(exception->has_siginfo);
	cr_assert_eq(inq_target_process(target, &process, NULL), INQ_OK);
	cr_assert_eq(process->pid, 70);
	cr_assert_eq(process->ppid, 2);
	cr_assert_eq(process->uid, 1000);
	cr_assert_eq(process->gid, 1001);
	cr_assert_str_eq(process->program, "prog");
	cr_assert_str_eq(process->arguments, "prog a b");
	cr_assert_eq(process->user_us, 1000005, "the leader has the times of all");
	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert_eq(threads[0].tid, 71);
	cr_assert(threads[0].crashed);
	cr_assert_eq(threads[0].tls, 0x7000 + 71);
	cr_assert_eq(threads[0].stack_base, STACK);
	cr_assert_eq(threads[0].stack_size, 0x2000);
	cr_assert_eq(threads[0].user_us, 1000005);
	cr_assert_not(threads[1].crashed);
	cr_assert_eq(inq_target_context(target, 1, &context, NULL), INQ_OK);
	cr_assert_eq(inq_context_pc(&context), CODE + 0x20);
	cr_assert_eq(inq_target_context(target, 2, &context, NULL), INQ_ABSENT);
	cr_assert_eq(inq_target_exception_context(target, &context, NULL), INQ_ABSENT);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, reads_what_it_has_and_says_what_it_lacks)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	const struct inq_range *ranges;
	struct inq_error err = {0};
	struct inq_target *target;
	uint8_t got[64];
	size_t count, done = 4711;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_read(target, CODE + 0xff0, got, 64, &done, NULL), INQ_OK);
	cr_assert_eq(done, 16);
	cr_assert_eq(got[15], 0x90);
	cr_assert_eq(inq_target_read(target, CODE + 0x1000, got, 64, &done, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "0x401000: not in the core");
	cr_assert_eq(done, 16, "untouched");
	cr_assert_eq(inq_target_read(target, 0x10, got, 64, &done, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "0x10: not mapped");
	cr_assert_eq(inq_target_read_all(target, CODE + 0xff0, got, 64, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "0x401000: not in the core");
	cr_assert_eq(inq_target_read(target, UINT64_MAX, got, 64, &done, &err), INQ_FAULT);
	cr_assert_eq(inq_target_memory(target, &ranges, &count, NULL), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert_eq(ranges[0].base, CODE);
	cr_assert_eq(ranges[0].size, 0x1000);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert_eq(regions[0].size, 0x3000);
	cr_assert_eq(regions[0].protection, INQ_PROT_READ | INQ_PROT_EXEC);
	cr_assert_str_eq(regions[0].name, "/bin/prog");
	cr_assert(regions[0].flags & INQ_REGION_DELETED);
	cr_assert(regions[1].flags & INQ_REGION_ANONYMOUS);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, reads_neighbouring_segments_as_one)
{
	static const struct built_segment segments[] = {
		{.base = 0x1000, .size = 0x1000, .have = 0x1000, .flags = PF_R, .fill = 1},
		{.base = 0x2000, .size = 0x1000, .have = 0x1000, .flags = PF_R, .fill = 2},
		{.base = UINT64_MAX - 0xfff,
		 .size = 0x1000,
		 .have = 0x1000,
		 .flags = PF_R,
		 .fill = 3},
	};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target;
	uint8_t got[0x30];
	size_t done;

	spec.segments = segments;
	spec.segment_count = 3;
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_read(target, 0x1ff0, got, sizeof(got), &done, NULL), INQ_OK);
	cr_assert_eq(done, sizeof(got));
	cr_assert_eq(got[15], 1);
	cr_assert_eq(got[16], 2);
	cr_assert_eq(inq_target_read(target, UINT64_MAX - 7, got, sizeof(got), &done, NULL),
		     INQ_OK);
	cr_assert_eq(done, 8, "the address space ends");
	cr_assert(warns(target, "no thread: the core has no registers"));
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&bytes);
}

Test(core, gives_the_instruction_pointer_where_a_signal_was_sent)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_exception *exception;
	struct inq_target *target;

	build_thread(&notes, 70, SIGABRT, CODE + 0x10, STACK + 0x1000);
	build_siginfo(&notes, SIGABRT, -6, 0x1234567800000046);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_exception(target, &exception, NULL), INQ_OK);
	cr_assert_eq(exception->code, SIGABRT);
	cr_assert_eq((int32_t)exception->flags, -6);
	cr_assert_eq(exception->address, CODE + 0x10);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, of_a_live_process_has_no_exception)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_exception *exception;
	const struct inq_thread *threads;
	struct inq_error err = {0};
	struct inq_target *target;
	size_t count;

	build_thread(&notes, 70, 0, CODE, STACK);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_exception(target, &exception, &err), INQ_ABSENT);
	cr_assert_str_eq(err.text, "no signal: taken of a live process");
	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_not(threads[0].crashed);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

/* --- large ones ----------------------------------------------------------------------------------
 */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(core, opens_70000_segments_and_1000_threads_fast)
{
	enum { SEGMENTS = 70000, THREADS = 1000 };
	struct built_segment *segments = calloc(SEGMENTS, sizeof(*segments));
	struct built_file *files = calloc(SEGMENTS, sizeof(*files));
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	const struct inq_thread *threads;
	const struct inq_module *modules;
	struct inq_target *target;
	uint8_t byte;
	size_t count;
	double begin;

	for (size_t i = 0; i < SEGMENTS; i++) {
		segments[i] = (struct built_segment){.base = 0x10000000 + i * 0x2000,
						     .size = 0x1000,
						     .have = 1,
						     .flags = PF_R,
						     .fill = (uint8_t)i};
		files[i] = (struct built_file){segments[i].base, segments[i].base + 0x1000, i,
					       "/data/many"};
	}
	for (uint32_t i = 0; i < THREADS; i++)
		build_thread(&notes, 100 + i, SIGSEGV, 0x10000000, 0x10000000 + i * 0x2000);
	build_files(&notes, files, SEGMENTS, SEGMENTS);
	spec.segments = segments;
	spec.segment_count = SEGMENTS;
	build_core(&spec, &bytes);
	begin = seconds();
	target = opened(&bytes);
	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(count, THREADS);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, SEGMENTS);
	cr_assert_str_eq(regions[SEGMENTS - 1].name, "/data/many");
	cr_assert_eq(inq_target_modules(target, &modules, &count, NULL), INQ_OK);
	for (size_t i = 0; i < SEGMENTS; i += 7) {
		cr_assert_eq(inq_target_read_all(target, segments[i].base, &byte, 1, NULL), INQ_OK);
		cr_assert_eq(byte, (uint8_t)i);
	}
	cr_assert_lt(seconds() - begin, 1.0);
	cr_assert_not(warns(target, ""));
	inq_target_free(target);
	free(segments);
	free(files);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, takes_the_number_of_headers_from_section_0)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	struct inq_target *target = NULL;
	struct inq_error err;
	size_t count;

	usual_notes(&notes);
	spec.extended = true;
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, 2);
	inq_target_free(target);
	/* Section 0 beyond the end. */
	memset(bytes.data + offsetof(Elf64_Ehdr, e_shoff), 0x7f, 7);
	target = NULL;
	cr_assert_eq(open_bytes(bytes.data, bytes.size, &target, &err), INQ_BAD_DATA);
	cr_assert_not_null(
		strstr(err.text, "'a.core': more than 65534 program headers, counted in section 0"),
		"%s", err.text);
	cr_assert_null(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

/* --- refusals ------------------------------------------------------------------------------------
 */

static void refuses(const struct inq_buffer *good, size_t at, uint8_t value, enum inq_status status,
		    const char *words)
{
	struct inq_buffer bad = {0};
	struct inq_target *target = NULL;
	struct inq_error err;

	inq_buffer_append(&bad, good->data, good->size);
	bad.data[at] = value;
	cr_assert_eq(open_bytes(bad.data, bad.size, &target, &err), status, "%s: %s", words,
		     err.text);
	cr_assert_not_null(strstr(err.text, words), "%s", err.text);
	cr_assert_not_null(strstr(err.text, "'a.core': "), "%s", err.text);
	cr_assert_null(target);
	inq_buffer_done(&bad);
}

Test(core, refuses_other_files_with_words)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);

	usual_notes(&notes);
	build_core(&spec, &bytes);
	refuses(&bytes, 0, 'X', INQ_UNSUPPORTED, "not an ELF file");
	refuses(&bytes, EI_DATA, ELFDATA2MSB, INQ_UNSUPPORTED, "big-endian");
	refuses(&bytes, EI_DATA, 7, INQ_BAD_DATA, "byte order 7");
	refuses(&bytes, EI_CLASS, 9, INQ_BAD_DATA, "class 9");
	refuses(&bytes, 16, ET_EXEC, INQ_UNSUPPORTED, "not a core, but a program");
	refuses(&bytes, 16, ET_DYN, INQ_UNSUPPORTED, "not a core, but a program or shared library");
	refuses(&bytes, 16, ET_REL, INQ_UNSUPPORTED, "not a core, but an object file");
	refuses(&bytes, 18, EM_SPARCV9, INQ_UNSUPPORTED, "64-bit machine 43 that is not known");
	refuses(&bytes, 54, 55, INQ_BAD_DATA, "program headers of 55 bytes");
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, opens_or_refuses_wherever_it_is_cut)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	size_t opened_count = 0;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	for (size_t size = 0; size < bytes.size; size += size < 4096 ? 1 : 257) {
		uint8_t *copy = malloc(size + 1);
		struct inq_target *target = NULL;
		struct inq_error err;
		enum inq_status status;

		memcpy(copy, bytes.data, size);
		copy = realloc(copy, size ? size : 1); /* so that a sanitizer sees a read past it */
		status = open_bytes(copy, size, &target, &err);
		if (size < sizeof(Elf64_Ehdr)) {
			cr_assert(status == INQ_BAD_DATA || status == INQ_UNSUPPORTED, "%zu: %s",
				  size, err.text);
		} else if (status == INQ_OK) {
			const char *text;

			opened_count++;
			cr_assert_eq(inq_target_warning(target, 0, &text), INQ_OK,
				     "%zu: it is cut and says nothing", size);
			ask_all(target);
			inq_target_free(target);
		} else {
			cr_assert_eq(status, INQ_BAD_DATA, "%zu: %s", size, err.text);
			cr_assert_str_eq(err.text,
					 "'a.core': a core without a thread and without memory");
		}
		free(copy);
	}
	cr_assert_gt(opened_count, 1000);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, says_how_much_a_truncated_one_lacks)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target = NULL;
	struct inq_error err;
	uint8_t byte;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	cr_assert_eq(open_bytes(bytes.data, bytes.size - 0x800, &target, &err), INQ_OK);
	cr_assert(warns(target,
			"the core is truncated: 2048 bytes of memory in 1 segments are missing"));
	cr_assert_eq(inq_target_read_all(target, STACK + 0x17ff, &byte, 1, NULL), INQ_OK);
	cr_assert_eq(inq_target_read_all(target, STACK + 0x1800, &byte, 1, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "0x7ffd00001800: not in the core");
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, counts_headers_that_the_file_does_not_have)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	memcpy(bytes.data + offsetof(Elf64_Ehdr, e_phnum), &(uint16_t){60000}, 2);
	target = opened(&bytes);
	cr_assert(warns(target, "of 60000 program headers are not in the file"));
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

/* --- lies ----------------------------------------------------------------------------------------
 */

Test(core, cuts_segments_that_overlap)
{
	static const struct built_segment segments[] = {
		{.base = 0x3000, .size = 0x1000, .have = 0x1000, .fill = 3},
		{.base = 0x1000, .size = 0x2800, .have = 0x2800, .fill = 1},
		{.base = 0x1800, .size = 0x100, .have = 0x100, .fill = 2},
		{.base = 0x7000, .size = UINT64_MAX, .have = 0x10, .fill = 4},
	};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target;
	uint8_t got[4];

	usual_notes(&notes);
	spec.segments = segments;
	spec.segment_count = 4;
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert(warns(target, "2 segments overlap others"));
	cr_assert_eq(inq_target_read_all(target, 0x1800, got, 4, NULL), INQ_OK);
	cr_assert_eq(got[0], 1);
	cr_assert_eq(inq_target_read_all(target, 0x37fe, got, 4, NULL), INQ_OK);
	cr_assert_eq(got[1], 1);
	cr_assert_eq(got[2], 3);
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

/* Found by fuzzing: a segment that was cut begins behind the next one. */
Test(core, cuts_segments_that_lie_in_one_which_was_cut)
{
	static const struct built_segment segments[] = {
		{.base = 0x1000, .size = 0x5000, .have = 0x5000, .fill = 1},
		{.base = 0x2000, .size = 0x8000, .have = 0x8000, .fill = 2},
		{.base = 0x3000, .size = 0x1000, .have = 0x1000, .fill = 3},
		{.base = 0x4000, .size = 0x7000, .have = 0x7000, .fill = 4},
	};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target;
	uint8_t got;

	usual_notes(&notes);
	spec.segments = segments;
	spec.segment_count = 4;
	build_core(&spec, &bytes);
	target = opened(&bytes);
	for (uint64_t address = 0x1000; address < 0xb000; address += 0x800) {
		cr_assert_eq(inq_target_read_all(target, address, &got, 1, NULL), INQ_OK);
		cr_assert_eq(got,
			     address < 0x6000	? 1
			     : address < 0xa000 ? 2
						: 4,
			     "0x%llx", (unsigned long long)address);
	}
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, keeps_the_notes_before_one_that_runs_past_the_end)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_thread *threads;
	struct inq_target *target;
	size_t count;

	build_thread(&notes, 70, SIGSEGV, CODE, STACK);
	build_note(&notes, "CORE", NT_AUXV, "0123456", 8);
	memset(notes.data + notes.size - 8 - 8 - 8, 0x7f, 4); /* its size */
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert(warns(target, "runs past the end of the notes"));
	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(count, 1);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, believes_of_the_file_list_only_what_is_there)
{
	static const struct built_file files[] = {
		{CODE + 0x2000, CODE + 0x3000, 2, "/unsorted"},
		{CODE, CODE + 0x1000, 0, "/first"},
		{CODE, CODE + 0x2000, 0, "/overlaps"},
		{9, 5, 0, "/backwards"},
	};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	struct inq_target *target;
	size_t count;

	build_thread(&notes, 70, SIGSEGV, CODE, STACK);
	build_files(&notes, files, 4, 4);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_str_eq(inq_region_at(regions, count, CODE)->name, "/first");
	cr_assert(warns(target, "2 mapped files (NT_FILE) are empty or overlap"));
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);

	build_thread(&notes, 70, SIGSEGV, CODE, STACK);
	build_files(&notes, files, 4, UINT64_MAX / 3);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert(warns(target, "the list of mapped files (NT_FILE) ends early"));
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, makes_regions_of_files_that_no_segment_covers)
{
	static const struct built_file files[] = {{CODE - 0x1000, CODE + 0x5000, 0, "/bin/prog"}};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	struct inq_target *target;
	size_t count;

	build_thread(&notes, 70, SIGSEGV, CODE, STACK);
	build_files(&notes, files, 1, 1);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(count, 4, "before, the segment, behind, and the stack");
	cr_assert_eq(regions[0].base, CODE - 0x1000);
	cr_assert_eq(regions[0].size, 0x1000);
	cr_assert_eq(regions[1].file_offset, 0x1000);
	cr_assert_eq(regions[2].base, CODE + 0x3000);
	cr_assert_eq(regions[2].size, 0x2000);
	cr_assert_eq(regions[2].file_offset, 0x4000);
	cr_assert_eq(regions[2].protection, INQ_PROT_READ, "one piece: data");
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, takes_files_in_several_pieces_for_images_where_no_segment_tells)
{
	static const struct built_file files[] = {{0x10000, 0x11000, 0, "/bin/prog"},
						  {0x11000, 0x12000, 1, "/bin/prog"},
						  {0x20000, 0x21000, 0, "/data"}};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_region *regions;
	const struct inq_module *modules;
	struct inq_target *target;
	size_t count;

	build_thread(&notes, 70, SIGSEGV, CODE, STACK);
	build_files(&notes, files, 3, 3);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_regions(target, &regions, &count, NULL), INQ_OK);
	cr_assert_eq(inq_region_at(regions, count, 0x11000)->protection,
		     INQ_PROT_READ | INQ_PROT_EXEC);
	cr_assert_eq(inq_region_at(regions, count, 0x20000)->protection, INQ_PROT_READ);
	cr_assert_eq(inq_target_modules(target, &modules, &count, NULL), INQ_OK);
	cr_assert_eq(count, 1);
	cr_assert_str_eq(modules[0].path, "/bin/prog");
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, tells_of_threads_whose_registers_are_of_no_known_size)
{
	uint8_t status[200] = {0};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_context context;
	struct inq_error err = {0};
	struct inq_target *target;

	status[32] = 9; /* pr_pid */
	build_note(&notes, "CORE", NT_PRSTATUS, status, sizeof(status));
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert(warns(target, "1 of 1 threads have no registers"));
	cr_assert_eq(inq_target_context(target, 0, &context, &err), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "thread 9: registers of 80 bytes");
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, opens_32_bit_ones)
{
	static const struct built_segment segments[] = {
		{.base = 0xfffff000,
		 .size = 0x1000,
		 .have = 0x1000,
		 .flags = PF_R | PF_X,
		 .fill = 7},
	};
	uint8_t status[144] = {0};
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	const struct inq_thread *threads;
	struct inq_context context;
	struct inq_target *target;
	size_t count;

	status[12] = SIGBUS;
	status[24] = 33;				 /* pr_pid */
	memcpy(status + 72 + 48, "\x10\xf0\xff\xff", 4); /* eip */
	build_note(&notes, "CORE", NT_PRSTATUS, status, sizeof(status));
	spec.word = 4;
	spec.machine = EM_386;
	spec.segments = segments;
	spec.segment_count = 1;
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(threads[0].tid, 33);
	cr_assert_eq(inq_target_context(target, 0, &context, NULL), INQ_OK);
	cr_assert_eq(context.machine, INQ_MACHINE_X86);
	cr_assert_eq(inq_context_pc(&context), 0xfffff010);
	ask_all(target);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

Test(core, survives_every_flipped_byte_of_its_headers_and_notes)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	size_t headers;

	usual_notes(&notes);
	build_core(&spec, &bytes);
	headers = bytes.size - 0x3000;
	for (size_t at = 0; at < headers; at++) {
		uint8_t before = bytes.data[at];
		static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};

		for (size_t i = 0; i < sizeof(values); i++) {
			struct inq_target *target = NULL;
			struct inq_error err;

			bytes.data[at] = values[i];
			if (open_bytes(bytes.data, bytes.size, &target, &err) == INQ_OK) {
				ask_all(target);
				inq_target_free(target);
			} else {
				cr_assert(err.text[0]);
			}
		}
		bytes.data[at] = before;
	}
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}

/* A name is the core's, and hostile: it makes no line of its own. */
Test(core, has_a_text_of_maps_with_a_line_for_each_mapping)
{
	struct inq_buffer notes = {0}, bytes = {0};
	struct core_spec spec = usual_spec(&notes);
	struct inq_target *target;
	const char *text;
	size_t size;

	build_thread(&notes, 71, SIGSEGV, CODE + 0x10, STACK + 0x1000);
	build_files(&notes,
		    (const struct built_file[]){{CODE, CODE + 0x3000, 0, "/a\n00001000-00002000 rwxp (deleted)"}}, 1, 1);
	build_core(&spec, &bytes);
	target = opened(&bytes);
	cr_assert_eq(inq_target_text(target, INQ_TEXT_MAPS, &text, &size, NULL), INQ_OK);
	cr_expect_eq(size, strlen("00400000-00403000 r-xp 00000000 00:00 0                                  "
				  "/a\\01200001000-00002000 rwxp (deleted)\n"
				  "7ffd00000000-7ffd00002000 rw-p 00000000 00:00 0\n"));
	cr_expect_eq(memcmp(text, "00400000-00403000 r-xp 00000000 00:00 0                                  /a\\0120000", 80),
		     0, "%.*s", (int)size, text);
	inq_target_free(target);
	inq_buffer_done(&notes);
	inq_buffer_done(&bytes);
}
