/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The public library, as a program of somebody else's uses it. */
#include "engine/inquest.h"
#include "made_core.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BASE = 0x400000, PC = 0x400100, SP = 0x7ffd00000100, STACK = 0x7ffd00000000 };

static char path[] = "/tmp/inquest-api.XXXXXX";
static struct inquest *dump;
static struct inquest_error error;

/* mov rax,[rdi+18h] with rdi 0, in a program without a file. */
static void setup(void)
{
	static const uint8_t code[] = {0x48, 0x8b, 0x47, 0x18, 0xc3};
	static const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
	};
	static uint8_t image[4096];
	static const struct built_segment segments[] = {
		{.base = BASE, .size = 4096, .have = 4096, .bytes = image, .flags = PF_R | PF_X},
		{.base = STACK, .size = 4096, .have = 4096, .flags = PF_R | PF_W},
	};
	static const struct built_file file = {BASE, BASE + 4096, 0, "/nowhere/app"};
	struct inq_buffer notes = {0}, core = {0};
	struct core_spec spec = {.word = 8,
				 .machine = EM_X86_64,
				 .type = ET_CORE,
				 .segments = segments,
				 .segment_count = 2,
				 .notes = &notes};
	int fd = mkstemp(path);

	memcpy(image, &header, sizeof(header));
	memcpy(image + (PC - BASE), code, sizeof(code));
	build_thread(&notes, 77, 11, PC, SP);
	build_process(&notes, 77, "app", "app --now");
	build_siginfo(&notes, 11, 1, 0x18);
	build_files(&notes, &file, 1, 1);
	build_core(&spec, &core);
	cr_assert_eq(write(fd, core.data, core.size), (ssize_t)core.size);
	close(fd);
	inq_buffer_done(&notes);
	inq_buffer_done(&core);
	cr_assert_eq(inquest_open(path, NULL, NULL, &dump, &error), INQUEST_OK, "%s", error.text);
}

static void teardown(void)
{
	inquest_close(dump);
	unlink(path);
}

TestSuite(api, .init = setup, .fini = teardown);

Test(api, tells_the_file_and_what_it_is)
{
	const char *name, *kind;

	cr_assert_eq(inquest_dump_file_count(dump), 1);
	cr_assert_eq(inquest_dump_file(dump, 0, &name, &kind, &error), INQUEST_OK);
	cr_assert_str_eq(name, path);
	cr_assert_str_eq(kind, "ELF core");
	cr_assert_eq(inquest_dump_file(dump, 1, &name, &kind, &error), INQUEST_ABSENT);
	cr_assert(*inquest_version());
}

Test(api, tells_how_it_died)
{
	struct inquest_event event;

	cr_assert_eq(inquest_event(dump, &event, &error), INQUEST_OK);
	cr_assert_eq(event.signal, 11);
	cr_assert_str_eq(event.name, "SIGSEGV");
	cr_assert_str_eq(event.code_name, "SEGV_MAPERR");
	cr_assert(event.has_address);
	cr_assert_eq(event.address, 0x18);
	cr_assert_eq(event.pc, PC);
}

Test(api, tells_why_it_died)
{
	struct inquest_analysis analysis;
	struct inquest_frame frame;

	cr_assert_eq(inquest_analyze(dump, &analysis, &error), INQUEST_OK, "%s", error.text);
	cr_expect_str_eq(analysis.cause, "null-pointer-read");
	cr_expect(strstr(analysis.explanation, "0x18"), "%s", analysis.explanation);
	cr_expect_str_eq(analysis.message, "");
	cr_expect_str_eq(analysis.bucket, "NULL_POINTER_READ_SIGSEGV_app+0x100");
	cr_assert(analysis.has_blame);
	cr_assert_eq(inquest_frame(dump, INQUEST_EXCEPTION, analysis.blamed, &frame, &error),
		     INQUEST_OK);
	cr_expect_eq(frame.pc, PC);
	cr_expect_str_eq(frame.module, "app");
	cr_expect_str_eq(frame.trust, "context");
}

Test(api, tells_threads_modules_registers_and_memory)
{
	struct inquest_thread thread;
	struct inquest_module module;
	uint8_t bytes[4];
	uint64_t value;
	char text[64];

	cr_assert_eq(inquest_thread_count(dump), 1);
	cr_assert_eq(inquest_thread(dump, 0, &thread, &error), INQUEST_OK);
	cr_expect_eq(thread.tid, 77);
	cr_expect(thread.crashed);
	cr_assert_eq(inquest_thread(dump, 1, &thread, &error), INQUEST_ABSENT);

	cr_assert_eq(inquest_module_count(dump), 1);
	cr_assert_eq(inquest_module(dump, 0, &module, &error), INQUEST_OK);
	cr_expect_eq(module.base, BASE);
	cr_expect_str_eq(module.path, "/nowhere/app");
	cr_assert_eq(inquest_module(dump, 1, &module, &error), INQUEST_ABSENT);

	cr_assert_eq(inquest_register(dump, 0, "rsp", &value, &error), INQUEST_OK);
	cr_expect_eq(value, SP);
	cr_assert_neq(inquest_register(dump, 0, "nonsense", &value, &error), INQUEST_OK);

	cr_assert_eq(inquest_read(dump, PC, bytes, 4, &error), INQUEST_OK);
	cr_expect_eq(memcmp(bytes, (uint8_t[]){0x48, 0x8b, 0x47, 0x18}, 4), 0);
	cr_assert_eq(inquest_read(dump, 0x18, bytes, 4, &error), INQUEST_FAULT);
	cr_expect(*error.text);

	cr_assert_eq(inquest_describe(dump, PC + 4, text, sizeof(text), &error), INQUEST_OK);
	cr_expect_str_eq(text, "app+0x104");
	cr_assert_eq(inquest_evaluate(dump, "@rsp+10", &value, &error), INQUEST_OK);
	cr_expect_eq(value, SP + 0x10);
}

Test(api, has_no_streams_of_a_core)
{
	uint64_t size;

	cr_assert_eq(inquest_read_stream(dump, 3, 0, NULL, 0, &size, &error), INQUEST_UNSUPPORTED);
}

Test(api_refusals, name_the_file_and_leave_the_result_alone)
{
	struct inquest *none = NULL;

	cr_assert_eq(inquest_open("/nowhere/at-all.dmp", NULL, NULL, &none, &error), INQUEST_ABSENT,
		     "%d %s", error.status, error.text);
	cr_assert(strstr(error.text, "/nowhere/at-all.dmp"), "%s", error.text);
	cr_assert_null(none);
	cr_assert_eq(inquest_open("/etc/passwd", NULL, NULL, &none, &error), INQUEST_UNSUPPORTED,
		     "%d %s", error.status, error.text);
	cr_assert_null(none);
	inquest_close(NULL);
}
