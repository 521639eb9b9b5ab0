/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/capture.h"
#include "capture/plan.h"
#include "fake_target.h"
#include "minidump/inquest.h"
#include "privacy/veil.h"
#include "support/file.h"
#include "support/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CODE 0x400000ull
#define STACK 0x7f0000000000ull
#define STACK_SIZE (4ull * FAKE_PAGE)

static const struct inq_veil_policy everything = {INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_FULL};

static struct fake_target fake;
static struct inq_veil *veil;
static struct inq_dump_options options;
static struct inq_capture_report report;
static struct inq_error err;
static int fd;
static struct inq_buffer file;

static void start(void)
{
	fake_init(&fake);
	fake_region(&fake, CODE, 4 * FAKE_PAGE, "r-x", "/bin/fake");
	fake_region(&fake, STACK, STACK_SIZE, "rw-", "[stack]");
	fake_thread(&fake, 11, CODE + 0x1000, STACK + 0x1000);
	fake_poke(&fake, STACK + 0x1000, 0x1122334455667788);
	strcpy(fake.threads[0].name, "first");
	fake.exception =
		(struct inq_exception){.tid = 11, .code = SIGSEGV, .flags = 1, .address = 0xbad0};
	fake.exception_context = fake.contexts[0];
	cr_assert_eq(inq_veil_new(&fake.target, &everything, &veil, &err), INQ_OK, "%s", err.text);
	fd = memfd_create("dump", MFD_CLOEXEC);
	cr_assert_geq(fd, 0);
}

static void end(void)
{
	inq_veil_free(veil);
	inq_buffer_done(&file);
	close(fd);
}

TestSuite(capture, .init = start, .fini = end);

/* --- reading what was written, by offsets alone ---------------------------------------------- */

static void slurp(void)
{
	struct stat facts;

	cr_assert_eq(fstat(fd, &facts), 0);
	cr_assert_not_null(inq_buffer_extend(&file, (size_t)facts.st_size + 1));
	file.size--;
	cr_assert_eq(pread(fd, file.data, file.size, 0), (ssize_t)file.size);
}

static const void *at(uint64_t offset, size_t size)
{
	cr_assert_leq(offset, file.size);
	cr_assert_leq(size, file.size - offset);
	return file.data + offset;
}

static bool find(uint32_t type, struct md_location *ret)
{
	struct md_header header;
	struct md_directory entry;

	memcpy(&header, at(0, sizeof(header)), sizeof(header));
	cr_assert_eq(header.signature, MD_SIGNATURE);
	for (uint32_t i = 0; i < header.stream_count; i++) {
		memcpy(&entry, at(header.directory_rva + i * sizeof(entry), sizeof(entry)),
		       sizeof(entry));
		if (entry.type != type)
			continue;
		at(entry.location.rva, entry.location.size);
		*ret = entry.location;
		return true;
	}
	return false;
}

static struct md_location stream(uint32_t type)
{
	struct md_location location = {0};

	cr_assert(find(type, &location), "stream 0x%x is missing", type);
	return location;
}

static struct md_thread thread_at(uint32_t index)
{
	struct md_location list = stream(MD_STREAM_THREAD_LIST);
	struct md_thread thread;

	memcpy(&thread, at(list.rva + 4 + index * sizeof(thread), sizeof(thread)), sizeof(thread));
	return thread;
}

static struct md_memory memory_at(uint32_t index)
{
	struct md_location list = stream(MD_STREAM_MEMORY_LIST);
	struct md_memory memory;

	memcpy(&memory, at(list.rva + 4 + index * sizeof(memory), sizeof(memory)), sizeof(memory));
	return memory;
}

static uint32_t count_of(uint32_t type)
{
	uint32_t count;

	memcpy(&count, at(stream(type).rva, 4), 4);
	return count;
}

static struct md_inquest_info info(void)
{
	struct md_inquest_info found;

	memcpy(&found, at(stream(MD_STREAM_INQUEST_INFO).rva, sizeof(found)), sizeof(found));
	cr_assert_eq(found.size, sizeof(found));
	return found;
}

static bool comment_says(const char *words)
{
	struct md_location location;
	struct inq_buffer text = {0};
	bool says;

	if (!find(MD_STREAM_COMMENT_W, &location))
		return false;
	inq_text_from_utf16(&text, at(location.rva, location.size), location.size / 2, false);
	says = strstr(inq_buffer_text(&text), words);
	inq_buffer_done(&text);
	return says;
}

static void capture(const struct inq_capture_hooks *hooks)
{
	cr_assert_eq(inq_capture(veil, &options, fd, hooks, &report, &err), INQ_OK, "%s", err.text);
	slurp();
}

/* --- hooks ----------------------------------------------------------------------------------- */

struct witness {
	unsigned calls;
	off_t size_then; /* of the file when the process was let go */
};

static void released(void *user)
{
	struct witness *witness = user;
	struct stat facts = {0};

	fstat(fd, &facts);
	witness->calls++;
	witness->size_then = facts.st_size;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- what is in a dump ----------------------------------------------------------------------- */

Test(capture, writes_threads_with_their_registers_and_stacks)
{
	struct md_context_amd64 context;
	struct md_thread thread;
	uint64_t word;

	capture(NULL);
	cr_assert_eq(count_of(MD_STREAM_THREAD_LIST), 1);
	thread = thread_at(0);
	cr_assert_eq(thread.id, 11);
	cr_assert_eq(thread.context.size, sizeof(context));
	memcpy(&context, at(thread.context.rva, sizeof(context)), sizeof(context));
	cr_assert_eq(context.rip, CODE + 0x1000);
	cr_assert_eq(thread.stack.address, STACK + 0x1000 - 128);
	cr_assert_eq(thread.stack.location.size, STACK_SIZE - 0x1000 + 128);
	memcpy(&word, at(thread.stack.location.rva + 128, 8), 8);
	cr_assert_eq(word, 0x1122334455667788);
	cr_assert_eq(report.threads, 1);
	cr_assert_eq(report.failed_streams, 0);
	cr_assert_eq(report.file_size, file.size);
	cr_assert(!report.incomplete);
}

Test(capture, has_the_streams_of_its_letters_and_no_others)
{
	struct md_location location;

	fake.texts[INQ_TEXT_MAPS] = "maps!";
	capture(NULL);
	cr_assert_eq(memcmp(at(stream(MD_STREAM_LINUX_MAPS).rva, 5), "maps!", 5), 0);
	cr_assert_eq(stream(MD_STREAM_LINUX_MAPS).size, 5);
	cr_assert(find(MD_STREAM_SYSTEM_INFO, &location) && find(MD_STREAM_MISC_INFO, &location));
	cr_assert(!find(MD_STREAM_LINUX_ENVIRON, &location), "the target has none");
	cr_assert(!find(MD_STREAM_COMMENT_W, &location), "nothing to say");
	cr_assert_str_eq(info().options, "m");
}

Test(capture, writes_system_and_process)
{
	struct md_system_info system;
	struct md_misc_info misc;

	fake.texts[INQ_TEXT_CPUINFO] = "processor\t: 0\ncpu MHz\t\t: 2899.998\n";
	fake.process.create_time = 77;
	fake.process.user_us = 3999999;
	capture(NULL);
	memcpy(&system, at(stream(MD_STREAM_SYSTEM_INFO).rva, sizeof(system)), sizeof(system));
	cr_assert_eq(system.architecture, MD_ARCH_AMD64);
	cr_assert_eq(system.platform, MD_PLATFORM_LINUX);
	cr_assert_eq(system.processors, 255, "300 do not fit");
	memcpy(&misc, at(stream(MD_STREAM_MISC_INFO).rva, MD_MISC_INFO_SIZE_5),
	       MD_MISC_INFO_SIZE_5);
	cr_assert_eq(misc.size, MD_MISC_INFO_SIZE_5);
	cr_assert_eq(misc.process_id, 4711);
	cr_assert_eq(misc.process_create_time, 77);
	cr_assert_eq(misc.process_user_time, 3);
	cr_assert_eq(misc.processor_max_mhz, 2899);
}

Test(capture, lets_the_exception_share_its_threads_context)
{
	struct md_exception_stream exception;

	capture(NULL);
	memcpy(&exception, at(stream(MD_STREAM_EXCEPTION).rva, sizeof(exception)),
	       sizeof(exception));
	cr_assert_eq(exception.thread_id, 11);
	cr_assert_eq(exception.exception.code, SIGSEGV);
	cr_assert_eq(exception.exception.flags, 1);
	cr_assert_eq(exception.exception.address, 0xbad0);
	cr_assert_eq(exception.exception.parameter_count, 0);
	cr_assert_eq(exception.context.rva, thread_at(0).context.rva);
}

Test(capture, names_who_sent_the_signal)
{
	struct md_exception_stream exception;
	siginfo_t sent = {.si_signo = SIGSEGV, .si_code = SI_USER};

	sent.si_pid = 99;
	sent.si_uid = 1000;
	memcpy(fake.exception.siginfo, &sent, sizeof(sent));
	fake.exception.has_siginfo = true;
	fake.exception.flags = (uint32_t)SI_USER;
	capture(NULL);
	memcpy(&exception, at(stream(MD_STREAM_EXCEPTION).rva, sizeof(exception)),
	       sizeof(exception));
	cr_assert_eq(exception.exception.parameter_count, 3);
	cr_assert_eq(exception.exception.parameters[0], (uint32_t)SI_USER);
	cr_assert_eq(exception.exception.parameters[1], 99);
	cr_assert_eq(exception.exception.parameters[2], 1000);
}

Test(capture, puts_the_program_first_and_its_build_id_beside_it)
{
	struct md_location list;
	struct md_module module;

	fake.module_count = 3;
	fake.modules[0] = (struct inq_module){.base = 0x1000, .size = 1, .path = "/lib/a"};
	fake.modules[1] =
		(struct inq_module){.base = 0x2000, .size = 2, .path = "/bin/main", .main = true};
	fake.modules[1].debug_kind = INQ_DEBUG_BUILD_ID;
	fake.modules[1].id_size = 3;
	memcpy(fake.modules[1].id, "\xab\xcd\xef", 3);
	fake.modules[2] = (struct inq_module){.base = 0x3000, .size = 1ull << 33, .path = "/lib/b"};
	capture(NULL);
	list = stream(MD_STREAM_MODULE_LIST);
	cr_assert_eq(count_of(MD_STREAM_MODULE_LIST), 3);
	memcpy(&module, at(list.rva + 4, sizeof(module)), sizeof(module));
	cr_assert_eq(module.base, 0x2000);
	cr_assert_eq(module.codeview.size, 7);
	cr_assert_eq(memcmp(at(module.codeview.rva, 7), "LEpB\xab\xcd\xef", 7), 0);
	memcpy(&module, at(list.rva + 4 + sizeof(module), sizeof(module)), sizeof(module));
	cr_assert_eq(module.base, 0x1000);
	cr_assert_eq(module.codeview.size, 0);
	memcpy(&module, at(list.rva + 4 + 2 * sizeof(module), sizeof(module)), sizeof(module));
	cr_assert_eq(module.base, 0x3000);
	cr_assert_eq(module.size, UINT32_MAX, "what does not fit");
}

Test(capture, gives_a_thread_without_registers_a_context_that_says_so)
{
	struct md_context_amd64 context;
	struct md_thread thread;

	fake_thread(&fake, 12, 1, 1);
	fake.threads[1].has_context = false;
	capture(NULL);
	thread = thread_at(1);
	cr_assert_eq(thread.context.size, sizeof(context));
	memcpy(&context, at(thread.context.rva, sizeof(context)), sizeof(context));
	cr_assert_eq(context.context_flags, MD_CONTEXT_AMD64);
	cr_assert_eq(thread.stack.location.size, 0);
	cr_assert(comment_says("1 threads have no stack here"));
}

Test(capture, describes_the_whole_address_space_with_F)
{
	struct md_memory_info_list head;
	struct md_memory_info entry;
	struct md_location list;
	uint64_t next = 0;

	fake_region(&fake, 0x7f1000000000, FAKE_PAGE, "---", "")->flags = INQ_REGION_NO_DUMP;
	cr_assert_eq(inq_dump_options_parse("mF", &options, &err), INQ_OK, "%s", err.text);
	capture(NULL);
	list = stream(MD_STREAM_MEMORY_INFO_LIST);
	memcpy(&head, at(list.rva, sizeof(head)), sizeof(head));
	cr_assert_eq(head.count, 7, "three mappings and the gaps around them");
	for (uint64_t i = 0; i < head.count; i++) {
		memcpy(&entry, at(list.rva + sizeof(head) + i * sizeof(entry), sizeof(entry)),
		       sizeof(entry));
		cr_assert_eq(entry.base, next);
		next = entry.base + entry.size;
	}
	cr_assert_eq(next, 0x7ffffffff000);
	cr_assert_str_eq(info().options, "mF");
}

/* --- letting the process go ------------------------------------------------------------------ */

Test(capture, lets_the_process_go_before_a_byte_is_written)
{
	struct witness witness = {.size_then = -1};
	struct inq_capture_hooks hooks = {.released = released, .user = &witness, .held_since_ns = now_ns() - 5000000};

	capture(&hooks);
	cr_assert_eq(witness.calls, 1);
	cr_assert_eq(witness.size_then, 0);
	cr_assert_geq(report.held_us, 5000);
	cr_assert_eq(info().held_us, report.held_us);
	cr_assert(info().flags & MD_INQUEST_HELD_KNOWN);
}

/* Stacks of more than the budget, each of which is kept in full. */
static void large_stacks(size_t count)
{
	const uint64_t size = 1ull << 20;

	for (size_t i = 0; i < count; i++) {
		uint64_t base = STACK + ((uint64_t)i + 1) * 4 * size;

		fake_region(&fake, base, size, "rw-", "");
		fake_thread(&fake, 100 + (uint32_t)i, CODE, base + 128);
		fake_poke(&fake, base + size - 8, 0xc0ffee00 + i);
	}
}

Test(capture, writes_large_memory_while_the_process_waits)
{
	struct witness witness = {0};
	struct inq_capture_hooks hooks = {.released = released, .user = &witness, .held_since_ns = now_ns()};

	large_stacks(6);
	capture(&hooks);
	cr_assert_eq(witness.calls, 1);
	cr_assert_gt(witness.size_then, INQ_CAPTURE_BUDGET);
	for (uint32_t i = 0; i < 6; i++) {
		struct md_thread thread = thread_at(i + 1);
		uint64_t word;

		cr_assert_eq(thread.stack.location.size, 1 << 20);
		memcpy(&word, at(thread.stack.location.rva + (1 << 20) - 8, 8), 8);
		cr_assert_eq(word, 0xc0ffee00 + i, "the end of stack %u", i);
	}
	cr_assert_eq(info().held_us, report.held_us);
	cr_assert_eq(info().memory_missing, 0);
}

Test(capture, tells_whoever_opens_the_dump_how_long_the_process_was_held)
{
	struct inq_capture_hooks hooks = {.held_since_ns = now_ns() - 5000000};
	const struct inq_process *process;
	struct inq_target *dump;
	struct inq_file *bytes;

	capture(&hooks);
	cr_assert_eq(inq_file_open_bytes(file.data, file.size, "a dump", &bytes, &err), INQ_OK);
	cr_assert_eq(inq_target_open_minidump(bytes, &dump, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_target_process(dump, &process, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(process->held_us, report.held_us);
	cr_assert_eq(process->pid, 4711);
	inq_target_free(dump);
}

static void compresses_the_same(void)
{
	struct inq_capture_hooks hooks = {.compress = true};
	int packed = memfd_create("packed", MFD_CLOEXEC);
	struct inq_file *unpacked;
	uint8_t *bytes;

	capture(NULL);
	cr_assert_eq(inq_capture(veil, &options, packed, &hooks, &report, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_file_open_fd(packed, "packed", &unpacked, &err), INQ_OK, "%s", err.text);
	cr_assert(inq_file_is_compressed(unpacked));
	cr_assert_eq(inq_file_size(unpacked), file.size);
	cr_assert_eq(report.file_size, file.size);
	bytes = malloc(file.size);
	cr_assert_eq(inq_file_read_all(unpacked, 0, bytes, file.size, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(memcmp(bytes, file.data, file.size), 0);
	free(bytes);
	inq_file_close(unpacked);
}

Test(capture, compresses_what_else_it_would_write)
{
	compresses_the_same();
}

Test(capture, compresses_what_else_it_would_write_while_it_reads)
{
	large_stacks(6);
	compresses_the_same();
}

Test(capture, lets_the_process_go_when_the_disk_is_full)
{
	struct witness witness = {0};
	struct inq_capture_hooks hooks = {.released = released, .user = &witness};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	cr_assert_geq(full, 0);
	cr_assert_eq(inq_capture(veil, &options, full, &hooks, &report, &err), INQ_OS);
	cr_assert_eq(err.os_errno, ENOSPC);
	cr_assert_eq(witness.calls, 1);
	close(full);
}

Test(capture, leaves_no_signature_when_a_write_fails)
{
	struct witness witness = {0};
	struct inq_capture_hooks hooks = {.released = released, .user = &witness};

	large_stacks(6);
	close(fd);
	fd = memfd_create("dump", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	memset(&report, 0x5a, sizeof(report));
	cr_assert_neq(inq_capture(veil, &options, fd, &hooks, &report, &err), INQ_OK);
	cr_assert_eq(witness.calls, 1);
	cr_assert_eq(report.streams, 0x5a5a5a5a, "untouched");
	slurp();
	cr_assert_neq(memcmp(file.data, "MDMP", 4), 0);
}

/* --- what goes wrong ------------------------------------------------------------------------- */

Test(capture, goes_on_without_a_stream_that_fails)
{
	struct md_location location;

	fake.modules_damaged = true;
	capture(NULL);
	cr_assert_eq(report.failed_streams, 1);
	cr_assert(report.incomplete);
	cr_assert(!find(MD_STREAM_MODULE_LIST, &location));
	cr_assert(comment_says("ModuleList is missing: the list is torn"));
	cr_assert(info().flags & MD_INQUEST_INCOMPLETE);
	cr_assert_eq(count_of(MD_STREAM_THREAD_LIST), 1);
}

Test(capture, of_a_process_that_is_gone_keeps_the_registers)
{
	fake.gone = true;
	fake.warning = "the target's own words";
	capture(NULL);
	cr_assert(report.incomplete);
	cr_assert_eq(report.memory_bytes, 0);
	cr_assert_eq(count_of(MD_STREAM_MEMORY_LIST), 0);
	cr_assert_eq(thread_at(0).context.size, sizeof(struct md_context_amd64));
	cr_assert(comment_says("bytes of memory could not be read"));
	cr_assert(comment_says("the target's own words"));
	cr_assert_eq(info().memory_missing, info().memory_wanted);
}

Test(capture, leaves_pages_out_that_cannot_be_read)
{
	struct md_thread thread;

	/* A guard page that is no mapping of its own: the stack pointer is in it. */
	fake_region(&fake, 0x7f1000000000, FAKE_PAGE, "rw-", "");
	fake.holes[fake.region_count - 1] = true;
	fake_region(&fake, 0x7f1000001000, FAKE_PAGE, "rw-", "");
	fake_thread(&fake, 12, CODE, 0x7f1000000800);
	fake_thread(&fake, 13, CODE, 0x7f1000001800);
	capture(NULL);
	thread = thread_at(1);
	cr_assert_eq(thread.stack.location.size, 0, "nothing of it could be read");
	thread = thread_at(2);
	cr_assert_eq(thread.stack.address, 0x7f1000001800 - 128);
	cr_assert(report.incomplete);
	cr_assert_eq(info().memory_missing, 0x800 + 128);
}

Test(capture, gives_overlapping_stacks_one_place)
{
	fake_thread(&fake, 12, CODE, STACK + 0x2000);
	capture(NULL);
	cr_assert_eq(thread_at(0).stack.location.rva, thread_at(1).stack.location.rva);
	cr_assert_eq(thread_at(1).stack.address, STACK + 0x1000 - 128);
	cr_assert_eq(memory_at(2).address, STACK + 0x1000 - 128, "behind two pieces of code");
	cr_assert_eq(count_of(MD_STREAM_MEMORY_LIST), 3);
}

Test(capture, says_what_the_caller_remarks)
{
	struct inq_capture_hooks hooks = {.remark = "held \xe2\x82\xac"};

	capture(&hooks);
	cr_assert(comment_says("held \xe2\x82\xac"));
	cr_assert(!report.incomplete);
}

Test(capture, of_a_target_that_knows_nothing_is_a_dump)
{
	fake_init(&fake);
	capture(NULL);
	cr_assert_eq(count_of(MD_STREAM_MEMORY_LIST), 0);
	cr_assert_eq(report.threads, 0);
}

/* --- the veil -------------------------------------------------------------------------------- */

Test(capture, refuses_a_veil_that_shows_more_than_the_letters_allow)
{
	struct witness witness = {0};
	struct inq_capture_hooks hooks = {.released = released, .user = &witness};

	options.letters = INQ_DUMP_r;
	cr_assert_eq(inq_capture(veil, &options, fd, &hooks, &report, &err), INQ_USAGE);
	cr_assert_str_eq(err.text, "dump: 'r' asks for filtered stacks, the veil shows them whole");
	options.letters = INQ_DUMP_R;
	cr_assert_eq(inq_capture(veil, &options, fd, NULL, &report, &err), INQ_USAGE);
	cr_assert_str_eq(err.text, "dump: 'R' asks for bare names, the veil shows folders");
	cr_assert_eq(witness.calls, 1, "the process is let go all the same");
	slurp();
	cr_assert_eq(file.size, 0);
}

Test(veil, takes_a_damaged_policy_for_the_strict_one)
{
	const struct inq_veil_policy policies[] = {
		{0},
		{INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_BARE},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_FULL},
		{(enum inq_veil_stack)7, (enum inq_veil_names)7},
	};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct inq_veil *other = NULL;

		cr_assert_eq(inq_veil_new(&fake.target, &policies[i], &other, &err), INQ_OK);
		cr_expect_eq(inq_veil_policy(other)->stack, i == 1 ? INQ_VEIL_STACK_WHOLE
								   : INQ_VEIL_STACK_FRAMES_ONLY);
		cr_expect_eq(inq_veil_policy(other)->names, i == 2 ? INQ_VEIL_NAMES_FULL
								   : INQ_VEIL_NAMES_BARE);
		cr_expect_neq(inq_veil_target(other), &fake.target);
		inq_veil_free(other);
	}
}

Test(veil, takes_no_policy_for_the_strictest)
{
	struct inq_veil *other = NULL;

	cr_assert_eq(inq_veil_new(&fake.target, NULL, &other, &err), INQ_OK);
	cr_expect_eq(inq_veil_policy(other)->stack, INQ_VEIL_STACK_FRAMES_ONLY);
	cr_expect_eq(inq_veil_policy(other)->names, INQ_VEIL_NAMES_BARE);
	inq_veil_free(other);
	inq_veil_free(NULL);
}
