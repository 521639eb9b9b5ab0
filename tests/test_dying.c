/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core_builder.h"
#include "target/dying.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE 0x400000ull
#define HEAP 0x500000ull
#define SECRET 0x600000ull
#define NOTHING 0x700000ull
#define MEMFD 0x800000ull
#define DEVICE 0x900000ull
#define STACK 0x7ffc00000000ull
#define PAGE 4096ull

static const char maps[] = "00400000-00401000 r--p 00000000 08:01 7 /bin/x\n"
			   "00401000-00402000 r-xp 00001000 08:01 7 /bin/x\n"
			   "00402000-00403000 r--p 00002000 08:01 7 /bin/x\n"
			   "00500000-00501000 rw-p 00000000 00:00 0 [heap]\n"
			   "00600000-00601000 rw-p 00000000 00:00 0 \n"
			   "00700000-00701000 ---p 00000000 00:00 0 \n"
			   "00800000-00801000 rw-s 00000000 00:01 9 /secretmem (deleted)\n"
			   "00900000-00901000 r-xp 00001000 00:06 9 /dev/strange\n"
			   "7ffc00000000-7ffc00004000 rw-p 00000000 00:00 0 [stack]\n";

static struct core_builder core;
static struct inq_dying_source source;
static struct inq_target *target;
static struct inq_error err;

static struct inq_dying_bytes bytes_of(const char *text)
{
	return (struct inq_dying_bytes){text, strlen(text), false};
}

static void start(void)
{
	source = (struct inq_dying_source){
		.core_fd = -1, .smaps_fd = -1, .cpuinfo_fd = -1, .os_release_fd = -1, .pagemap_fd = -1,
		.pid = 100, .tid = 100, .ns_tid = 100, .uid = 1000, .gid = 1000, .signal = SIGSEGV,
		.dump_time = 1000000,
	};
	source.texts[INQ_DYING_MAPS] = bytes_of(maps);
	source.texts[INQ_DYING_COREDUMP_FILTER] = bytes_of("00000033\n");
	/* A sparse file is as good as /proc/PID/mem: pread at an address. */
	source.mem_fd = memfd_create("mem", MFD_CLOEXEC);
	cr_assert_geq(source.mem_fd, 0);
	cr_assert_eq(pwrite(source.mem_fd, "stack!", 6, (off_t)STACK), 6);
	cr_assert_eq(ftruncate(source.mem_fd, (off_t)(STACK + 4 * PAGE)), 0);
	core_segment(&core, CODE, PAGE, PAGE, PF_R);
	core_segment(&core, CODE + PAGE, PAGE, 0, PF_R | PF_X);
	core_segment(&core, CODE + 2 * PAGE, PAGE, 0, PF_R);
	core_segment(&core, HEAP, PAGE, PAGE, PF_R | PF_W);
	core_segment(&core, SECRET, PAGE, 0, PF_R | PF_W);
	core_segment(&core, NOTHING, PAGE, 0, 0);
	core_segment(&core, MEMFD, PAGE, PAGE, PF_R | PF_W);
	core_segment(&core, DEVICE, PAGE, 0, PF_R | PF_X);
	core_segment(&core, STACK, 4 * PAGE, 4 * PAGE, PF_R | PF_W);
}

static void end(void)
{
	inq_target_free(target);
	target = NULL;
}

TestSuite(dying, .init = start, .fini = end);

static void crashed_thread(void)
{
	core_thread(&core, 100, CODE + PAGE + 16, STACK + PAGE, 0x7f11);
	core_siginfo(&core, SIGSEGV, SEGV_MAPERR, 0xbad0);
}

static enum inq_status open_cut(size_t size, const struct inq_buffer *bytes)
{
	enum inq_status status;

	source.core_fd = core_file(bytes, size);
	status = inq_target_open_dying(&source, &target, &err);
	close(source.core_fd);
	return status;
}

static void open_all(void)
{
	struct inq_buffer bytes = {0};

	core_finish(&core, &bytes);
	cr_assert_eq(open_cut(bytes.size, &bytes), INQ_OK, "%s", err.text);
	inq_buffer_done(&bytes);
}

static const char *warning(size_t index)
{
	const char *text = NULL;

	return inq_target_warning(target, index, &text) == INQ_OK ? text : NULL;
}

static bool can_read(uint64_t address)
{
	uint8_t byte;
	size_t done = 0;

	return inq_target_read(target, address, &byte, 1, &done, NULL) == INQ_OK && done == 1;
}

static uint32_t flags_at(uint64_t address)
{
	const struct inq_region *regions, *region;
	size_t count;

	cr_assert_eq(inq_target_regions(target, &regions, &count, &err), INQ_OK, "%s", err.text);
	region = inq_region_at(regions, count, address);
	cr_assert_not_null(region);
	return region->flags;
}

Test(dying, reads_threads_registers_and_the_signal_off_the_pipe)
{
	const struct inq_thread *threads;
	const struct inq_exception *exception;
	struct inq_context context;
	size_t count;

	crashed_thread();
	core_thread(&core, 101, CODE + PAGE + 32, STACK + 2 * PAGE, 0x7f22);
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert(threads[0].crashed && !threads[1].crashed);
	cr_assert_eq(threads[1].tid, 101);
	cr_assert_eq(threads[0].tls, 0x7f11);
	cr_assert_eq(inq_target_context(target, 1, &context, &err), INQ_OK);
	cr_assert_eq(inq_context_pc(&context), CODE + PAGE + 32);
	cr_assert_eq(inq_context_sp(&context), STACK + 2 * PAGE);
	cr_assert_eq(inq_target_exception(target, &exception, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(exception->tid, 100);
	cr_assert_eq(exception->code, SIGSEGV);
	cr_assert_eq(exception->flags, SEGV_MAPERR);
	cr_assert_eq(exception->address, 0xbad0);
	cr_assert_null(warning(0));
}

Test(dying, leaves_out_threads_that_have_exited)
{
	const struct inq_dying_thread listed[] = {{100, 0, "first"}, {102, 0, "third"}};
	const struct inq_thread *threads;
	size_t count;

	source.threads = listed;
	source.thread_count = 2;
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 1);
	cr_assert_str_eq(threads[0].name, "first");
}

Test(dying, lists_threads_that_only_proc_knows_where_notes_are_missing)
{
	const struct inq_dying_thread listed[] = {{100, 0, "first"}, {102, 0, "third"}};
	struct inq_buffer bytes = {0};
	const struct inq_thread *threads;
	struct inq_context context;
	size_t count;

	source.threads = listed;
	source.thread_count = 2;
	crashed_thread();
	core_thread(&core, 102, CODE + PAGE + 32, STACK + 2 * PAGE, 0x7f22);
	core_finish(&core, &bytes);
	cr_assert_eq(open_cut(64 + 56 * 10 + 700, &bytes), INQ_OK, "%s", err.text);
	inq_buffer_done(&bytes);
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert_eq(threads[1].tid, 102);
	cr_assert_str_eq(threads[1].name, "third");
	cr_assert(!threads[1].has_context);
	cr_assert_eq(inq_target_context(target, 1, &context, &err), INQ_ABSENT);
	cr_assert_str_eq(err.text, "thread 1 has no registers");
}

Test(dying, pairs_threads_of_a_pid_namespace_by_order_of_creation)
{
	const struct inq_dying_thread listed[] = {{103, 0, "c"}, {100, 0, "a"}, {102, 0, "b"}};
	const struct inq_exception *exception;
	const struct inq_thread *threads;
	size_t count;

	source.threads = listed;
	source.thread_count = 3;
	source.ns_tid = 1;
	core_thread(&core, 1, CODE, STACK, 0);
	core_siginfo(&core, SIGSEGV, SEGV_MAPERR, 0);
	core_thread(&core, 9, CODE, STACK, 0);
	core_thread(&core, 8, CODE, STACK, 0);
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 3);
	cr_assert(threads[0].tid == 100 && !strcmp(threads[0].name, "a"));
	cr_assert(threads[1].tid == 103 && !strcmp(threads[1].name, "c"));
	cr_assert(threads[2].tid == 102 && !strcmp(threads[2].name, "b"));
	cr_assert_eq(inq_target_exception(target, &exception, &err), INQ_OK);
	cr_assert_eq(exception->tid, 100);
}

Test(dying, pairs_by_the_namespaces_own_numbers_where_they_are_listed)
{
	const struct inq_dying_thread listed[] = {{100, 5, "a"}, {102, 2, "b"}};
	const struct inq_thread *threads;
	size_t count;

	source.threads = listed;
	source.thread_count = 2;
	core_thread(&core, 5, CODE, STACK, 0);
	core_thread(&core, 2, CODE, STACK, 0);
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert(threads[0].tid == 100 && !strcmp(threads[0].name, "a"));
	cr_assert(threads[1].tid == 102 && !strcmp(threads[1].name, "b"));
}

Test(dying, gives_no_name_rather_than_a_wrong_one)
{
	/* Four listed, two in the notes: the order of creation tells nothing. */
	const struct inq_dying_thread listed[] = {
		{100, 0, "a"}, {102, 0, "b"}, {103, 0, "c"}, {104, 0, "d"}};
	const struct inq_thread *threads;
	size_t count;

	source.threads = listed;
	source.thread_count = 4;
	core_thread(&core, 5, CODE, STACK, 0);
	core_thread(&core, 7, CODE, STACK, 0);
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 2);
	cr_assert(threads[0].tid == 5 && !threads[0].name[0]);
	cr_assert(threads[1].tid == 7 && !threads[1].name[0]);
}

Test(dying, a_pipe_that_ends_anywhere_still_gives_the_crashed_thread)
{
	struct inq_buffer bytes = {0};

	crashed_thread();
	core_thread(&core, 101, CODE, STACK, 0);
	core_finish(&core, &bytes);
	for (size_t size = 0; size < bytes.size; size++) {
		const struct inq_thread *threads;
		size_t count;

		cr_assert_eq(open_cut(size, &bytes), INQ_OK, "%zu bytes: %s", size, err.text);
		cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
		cr_assert_geq(count, 1, "%zu bytes", size);
		cr_assert_eq(threads[0].tid, 100, "%zu bytes", size);
		cr_assert_not_null(warning(0), "%zu bytes", size);
		inq_target_free(target);
		target = NULL;
	}
	inq_buffer_done(&bytes);
}

Test(dying, refuses_when_nobody_knows_a_thread)
{
	struct inq_buffer nothing = {0};

	source.tid = 0;
	cr_assert_eq(open_cut(0, &nothing), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "process 100: no thread is known");
	cr_assert_null(target);
}

Test(dying, says_that_a_pipe_holds_no_core)
{
	struct inq_buffer bytes = {0};

	inq_buffer_puts(
		&bytes,
		"#!/bin/sh\necho this is no core but long enough to be taken for a header\n");
	cr_assert_eq(open_cut(bytes.size, &bytes), INQ_OK, "%s", err.text);
	cr_assert_str_eq(warning(0), "what the kernel wrote is not a little-endian ELF core");
	inq_buffer_done(&bytes);
}

Test(dying, keeps_what_came_before_a_note_that_lies)
{
	const uint32_t lie[3] = {0xffffffff, 16, 1};
	const struct inq_thread *threads;
	size_t count;

	crashed_thread();
	inq_buffer_append(&core.notes, lie, sizeof(lie));
	inq_buffer_extend(&core.notes, 64);
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 1);
	cr_assert(threads[0].has_context);
	cr_assert_not_null(strstr(warning(0), "notes make no sense at offset 0x"), "%s",
			   warning(0));
}

Test(dying, takes_the_next_thread_for_the_first_where_the_first_makes_no_sense)
{
	const struct inq_thread *threads;
	const struct inq_exception *exception;
	size_t count;

	core_note(&core, NT_PRSTATUS, "nobody's", 8);
	memcpy(core.notes.data + sizeof(Elf64_Nhdr), "ODD!", 4); /* whose note it is */
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 1);
	cr_assert_eq(threads[0].tid, 100);
	cr_assert_eq(inq_target_exception(target, &exception, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(exception->address, 0xbad0);
}

Test(dying, counts_more_program_headers_than_the_elf_header_can)
{
	const struct inq_region *regions;
	size_t count;

	for (uint32_t i = 0; i < 70000; i++)
		core_segment(&core, 0x10000000000 + i * 2 * PAGE, PAGE, PAGE, PF_R | PF_W);
	source.texts[INQ_DYING_MAPS] = (struct inq_dying_bytes){0};
	/* Ascending, as the kernel has them. */
	memmove(core.segments.data, core.segments.data + 9 * sizeof(Elf64_Phdr),
		70000 * sizeof(Elf64_Phdr));
	core.segments.size = 70000 * sizeof(Elf64_Phdr);
	core.segment_count = 70000;
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_regions(target, &regions, &count, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(count, 70000);
	cr_assert_eq(regions[69999].base, 0x10000000000 + 69999 * 2 * PAGE);
}

/* Write a core of many threads into a pipe, as the kernel does. */
static pid_t feed(int fd, uint32_t threads)
{
	pid_t child = fork();

	if (child)
		return child;
	crashed_thread();
	for (uint32_t i = 1; i < threads; i++)
		core_thread(&core, 100 + i, CODE + i, STACK + i, i);
	struct inq_buffer bytes = {0};
	core_finish(&core, &bytes);
	for (size_t at = 0; at < bytes.size;) {
		ssize_t put = write(fd, bytes.data + at, bytes.size - at);

		if (put <= 0)
			_exit(1);
		at += (size_t)put;
	}
	_exit(0);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

Test(dying, keeps_little_of_ten_thousand_threads)
{
	const struct inq_thread *threads;
	struct inq_context context;
	int ends[2], status;
	long before = peak_kib();
	size_t count;
	pid_t child;

	cr_assert_eq(pipe(ends), 0);
	child = feed(ends[1], 10000);
	close(ends[1]);
	source.core_fd = ends[0];
	cr_assert_eq(inq_target_open_dying(&source, &target, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0, "everything up to the end of the notes was taken");
	cr_assert_null(warning(0));
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 10000);
	cr_assert_eq(inq_target_context(target, 9999, &context, &err), INQ_OK);
	cr_assert_eq(inq_context_pc(&context), CODE + 9999);
#ifndef __SANITIZE_ADDRESS__
	cr_assert_lt(peak_kib() - before, 40 << 10,
		     "36 MB of notes went by, 13 MB of contexts stay");
#endif
	(void)before;
}

Test(dying, reads_what_the_kernel_would_dump_and_unwritten_code)
{
	char text[6];

	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_read_all(target, STACK, text, sizeof(text), &err), INQ_OK, "%s",
		     err.text);
	cr_assert_eq(memcmp(text, "stack!", 6), 0);
	cr_assert(can_read(CODE), "the page of the ELF header");
	cr_assert(can_read(CODE + PAGE), "code that the filter leaves out");
	cr_assert(can_read(HEAP));
}

Test(dying, never_reads_what_must_not_be_dumped)
{
	uint8_t byte;
	size_t done = 99;

	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_read(target, SECRET, &byte, 1, &done, &err), INQ_FAULT);
	cr_assert_eq(done, 99, "untouched");
	cr_assert_str_eq(err.text, "0x600000: not mapped, or not to be read");
	cr_assert(flags_at(SECRET) & INQ_REGION_NO_DUMP, "VM_DONTDUMP");
	cr_assert(!can_read(MEMFD) && flags_at(MEMFD) & INQ_REGION_NO_DUMP, "memfd_secret");
	cr_assert(!can_read(NOTHING), "no access");
	cr_assert(!can_read(DEVICE), "a device");
	cr_assert(!can_read(CODE + 2 * PAGE), "a file's data, perhaps kept out of cores");
	cr_assert(!(flags_at(STACK) & INQ_REGION_NO_DUMP));
}

Test(dying, does_not_cross_from_readable_memory_into_what_must_not_be_dumped)
{
	uint8_t bytes[2 * 4096];
	size_t done;

	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_read(target, CODE + PAGE, bytes, sizeof(bytes), &done, &err),
		     INQ_OK);
	cr_assert_eq(done, PAGE);
}

static int smaps_file(const char *text)
{
	struct inq_buffer bytes = {0};
	int fd;

	inq_buffer_puts(&bytes, text);
	fd = core_file(&bytes, bytes.size);
	inq_buffer_done(&bytes);
	return fd;
}

/* With filter 0 every segment is empty. */
static void filter_nothing(void)
{
	source.texts[INQ_DYING_COREDUMP_FILTER] = bytes_of("00000000\n");
	for (uint32_t i = 0; i < core.segment_count; i++)
		((Elf64_Phdr *)core.segments.data)[i].p_filesz = 0;
}

Test(dying, asks_smaps_where_the_filter_leaves_stacks_out)
{
	source.smaps_fd = smaps_file(
		"00500000-00501000 rw-p 00000000 00:00 0 [heap]\nRss: 4 kB\nVmFlags: rd wr dd \n"
		"7ffc00000000-7ffc00004000 rw-p 00000000 00:00 0 [stack]\nRss: 4 kB\n"
		"VmFlags: rd wr mr mw me gd ac \n");
	filter_nothing();
	crashed_thread();
	open_all();
	cr_assert(can_read(STACK));
	cr_assert(!can_read(HEAP) && flags_at(HEAP) & INQ_REGION_NO_DUMP);
	cr_assert(!can_read(SECRET), "smaps does not know it");
	cr_assert(!can_read(MEMFD));
	close(source.smaps_fd);
}

Test(dying, reads_no_stack_that_nobody_allows)
{
	filter_nothing();
	crashed_thread();
	open_all();
	cr_assert(!can_read(STACK));
	cr_assert_not_null(strstr(warning(0), "stacks are missing"), "%s", warning(0));
}

Test(dying, does_not_read_smaps_when_the_program_headers_tell)
{
	source.smaps_fd = smaps_file(
		"7ffc00000000-7ffc00004000 rw-p 00000000 00:00 0 [stack]\nVmFlags: dd \n");
	crashed_thread();
	open_all();
	cr_assert(can_read(STACK));
	cr_assert_eq(lseek(source.smaps_fd, 0, SEEK_CUR), 0);
	close(source.smaps_fd);
}

Test(dying, says_once_that_the_process_is_gone)
{
	uint8_t byte;
	size_t done;

	cr_assert_eq(ftruncate(source.mem_fd, 0),
		     0); /* /proc/PID/mem of a gone process reads as empty */
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_read(target, STACK, &byte, 1, &done, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "0x7ffc00000000: the process is gone");
	cr_assert(!can_read(HEAP));
	cr_assert_str_eq(warning(0), "memory is missing: the process was gone before it was read");
	cr_assert_null(warning(1));
}

Test(dying, reads_nothing_after_release)
{
	crashed_thread();
	open_all();
	cr_assert(can_read(STACK));
	inq_target_dying_release(target);
	cr_assert(!can_read(STACK));
	inq_target_dying_release(NULL);
}

Test(dying, takes_numbers_from_behind_the_name_only)
{
	const struct inq_process *process;
	char stat[] =
		"100 (a) R 1 (x) S 77 100 100 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 1 0 9900 1 2\n";

	source.texts[INQ_DYING_STAT] = bytes_of(stat);
	source.texts[INQ_DYING_UPTIME] = bytes_of("1000.50 1.00\n");
	source.texts[INQ_DYING_CMDLINE] = (struct inq_dying_bytes){"./x\0-v\0", 7, false};
	source.executable = "/bin/x (deleted)";
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_process(target, &process, &err), INQ_OK);
	cr_assert_eq(process->pid, 100);
	cr_assert_eq(process->ppid, 77);
	cr_assert_eq(process->user_us, 2500000);
	cr_assert_eq(process->kernel_us, 500000);
	cr_assert_eq(process->create_time, 1000000 - 1000 + 99);
	cr_assert_str_eq(process->executable, "/bin/x");
	cr_assert_str_eq(process->arguments, "./x -v");
}

Test(dying, falls_back_on_the_kernels_arguments_for_the_signal)
{
	const struct inq_exception *exception;

	source.signal = SIGSYS;
	open_all(); /* no thread in the notes */
	cr_assert_eq(inq_target_exception(target, &exception, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(exception->code, SIGSYS);
	cr_assert_eq(exception->tid, 100);
}

Test(dying, lists_mappings_of_the_core_where_proc_has_none)
{
	/* NT_FILE: count, page size, (start, end, page offset), names. */
	struct {
		uint64_t head[2], file[3];
		char name[8];
	} files = {{1, PAGE}, {CODE, CODE + 3 * PAGE, 0}, "/bin/x"};
	const struct inq_region *regions;
	size_t count;

	source.texts[INQ_DYING_MAPS] = (struct inq_dying_bytes){0};
	crashed_thread();
	core_note(&core, NT_FILE, &files, sizeof(files));
	open_all();
	cr_assert_eq(inq_target_regions(target, &regions, &count, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(count, 9);
	cr_assert_str_eq(regions[1].name, "/bin/x");
	cr_assert_eq(regions[1].file_offset, PAGE);
	cr_assert_eq(regions[1].protection, INQ_PROT_READ | INQ_PROT_EXEC);
	cr_assert(can_read(STACK));
	cr_assert(!can_read(SECRET));
	cr_assert_str_eq(warning(0), "the list of mappings is the core's: /proc had none");
}

Test(dying, shows_whole_processors_and_counts_all)
{
	struct inq_buffer text = {0};
	const struct inq_system *system;
	const char *shown;
	size_t size;

	for (int i = 0; i < 64; i++)
		inq_buffer_printf(&text, "processor\t: %d\nvendor_id\t: X\nflags\t\t: %0300d\n\n",
				  i, 1);
	source.cpuinfo_fd = core_file(&text, text.size);
	inq_buffer_done(&text);
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_system(target, &system, &err), INQ_OK);
	cr_assert_eq(system->processors, 64);
	cr_assert_eq(inq_target_text(target, INQ_TEXT_CPUINFO, &shown, &size, &err), INQ_OK);
	cr_assert_leq(size, INQ_DYING_MAX_CPUINFO);
	cr_assert_gt(size, INQ_DYING_MAX_CPUINFO / 2);
	cr_assert_eq(memcmp(shown + size - 2, "\n\n", 2), 0);
	close(source.cpuinfo_fd);
}

Test(dying, turns_os_release_into_lsb_releases_words)
{
	const struct inq_system *system;
	const char *text;
	size_t size;

	source.os_release_fd =
		smaps_file("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n"
			   "VERSION_CODENAME=bookworm\nID=debian\n");
	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_text(target, INQ_TEXT_RELEASE, &text, &size, &err), INQ_OK, "%s",
		     err.text);
	cr_assert_eq(size, strlen(text));
	cr_assert_str_eq(text, "DISTRIB_ID=debian\nDISTRIB_RELEASE=12\nDISTRIB_CODENAME=bookworm\n"
			       "DISTRIB_DESCRIPTION=\"Debian GNU/Linux 12 (bookworm)\"\n");
	cr_assert_eq(inq_target_system(target, &system, &err), INQ_OK);
	cr_assert_str_eq(system->distribution, "Debian GNU/Linux 12 (bookworm)");
	close(source.os_release_fd);
}

Test(dying, says_which_texts_were_not_acquired)
{
	const char *text;
	size_t size;

	crashed_thread();
	open_all();
	cr_assert_eq(inq_target_text(target, INQ_TEXT_ENVIRON, &text, &size, &err), INQ_ABSENT);
	cr_assert_eq(inq_target_text(target, INQ_TEXT_CPUINFO, &text, &size, &err), INQ_ABSENT);
	cr_assert_eq(inq_target_text(target, INQ_TEXT_MAPS, &text, &size, &err), INQ_OK);
	cr_assert_eq(size, strlen(maps));
}
