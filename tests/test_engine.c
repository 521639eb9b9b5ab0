/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions: over a target made of constants, and over one that says that this test program is its
 * module. */
#include "config.h"

#include "engine/session.h"
#include "engine/signals.h"
#include "showcase_target.h"

#include <criterion/criterion.h>

#include <link.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* --- ourselves as a module -------------------------------------------------------- */

/* What the dump lacks, and the image file has: code and constants, but not what the program could
 * have changed. */
int landmark(int x);
__attribute__((noinline)) int landmark(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3;
}
static const char constant[] = "bytes that nobody could have written";
static volatile int variable = 4711;

struct own_target {
	struct inq_target target;
	struct inq_module module;
	char path[PATH_MAX];
};

static int find_base(struct dl_phdr_info *info, size_t size, void *user)
{
	struct inq_module *module = user;

	(void)size;
	module->base = UINT64_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uint64_t end = start + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		module->base = start < module->base ? start & ~4095ull : module->base;
		module->size =
			end - module->base > module->size ? end - module->base : module->size;
	}
	return 1; /* the program is the first */
}

static enum inq_status own_modules(struct inq_target *self, const struct inq_module **ret,
				   size_t *ret_count, struct inq_error *err)
{
	(void)err;
	*ret = &((struct own_target *)self)->module;
	*ret_count = 1;
	return INQ_OK;
}

static enum inq_status own_system(struct inq_target *self, const struct inq_system **ret,
				  struct inq_error *err)
{
	static const struct inq_system system = {.machine = INQ_MACHINE_AMD64,
						 .os = INQ_OS_LINUX,
						 .version = "",
						 .distribution = ""};

	(void)self, (void)err;
	*ret = &system;
	return INQ_OK;
}

static enum inq_status own_read(struct inq_target *self, uint64_t address, void *to, size_t size,
				size_t *ret_done, struct inq_error *err)
{
	(void)self, (void)to, (void)size;
	*ret_done = 0;
	return inq_fail(err, INQ_FAULT, "0x%llx: not in the dump", (unsigned long long)address);
}

static void own_free(struct inq_target *self)
{
	free(self);
}

static const struct inq_target_ops own_ops = {.kind = "own",
					      .modules = own_modules,
					      .system = own_system,
					      .read = own_read,
					      .free = own_free};

static struct inq_session *open_own(void)
{
	struct own_target *own = calloc(1, sizeof(*own));
	struct inq_session *session = NULL;

	own->target.ops = &own_ops;
	own->target.name = "own";
	dl_iterate_phdr(find_base, &own->module);
	cr_assert_gt(readlink("/proc/self/exe", own->path, sizeof(own->path) - 1), 0);
	own->module.path = own->path;
	own->module.debug_file = "";
	own->module.main = true;
	cr_assert_eq(inq_session_new(&own->target, NULL, &session, NULL), INQ_OK);
	return session;
}

Test(session, reads_what_the_dump_lacks_from_the_image)
{
	struct inq_session *session = open_own();
	enum inq_bytes_from from = INQ_FROM_DUMP;
	char bytes[sizeof(constant)] = "";
	size_t done = 0;

	cr_assert_eq(inq_session_read(session, (uint64_t)(uintptr_t)constant, bytes, sizeof(bytes),
				      &done, &from, NULL),
		     INQ_OK);
	cr_expect_eq(done, sizeof(bytes));
	cr_expect_str_eq(bytes, constant);
	/* The target knows no build-id, so nobody can say that the file is the right one. */
	cr_expect_eq(from, INQ_FROM_UNVERIFIED);
	cr_assert_eq(inq_session_read_all(session, (uint64_t)(uintptr_t)landmark, bytes, 16, NULL),
		     INQ_OK);
	cr_expect_eq(memcmp(bytes, (const void *)(uintptr_t)landmark, 16), 0);
	inq_session_free(session);
}

Test(session, does_not_invent_what_the_program_could_write)
{
	struct inq_session *session = open_own();
	struct inq_error err = {0};
	uint8_t bytes[4] = {1, 2, 3, 4};
	size_t done = 99;

	cr_expect_eq(variable, 4711);
	cr_expect_eq(inq_session_read(session, (uint64_t)(uintptr_t)&variable, bytes, 4, &done,
				      NULL, &err),
		     INQ_FAULT);
	cr_expect(strstr(err.text, "not in the dump"), "%s", err.text);
	cr_expect_eq(inq_session_read(session, 1, bytes, 4, &done, NULL, &err), INQ_FAULT);
	cr_expect_eq(memcmp(bytes, (uint8_t[]){1, 2, 3, 4}, 4), 0);
	inq_session_free(session);
}

Test(session, names_addresses_and_finds_names)
{
	struct inq_session *session = open_own();
	uint64_t address = (uint64_t)(uintptr_t)landmark, value = 0;
	const struct inq_module *module;
	struct inq_place place;
	char text[256];
	size_t count;

	inq_session_place(session, address + 2, &place);
	cr_assert_not_null(place.symbol);
	cr_expect_str_eq(place.symbol, "landmark");
	cr_expect_eq(place.offset, 2u);
	cr_expect_eq(place.symbol_address, address);
	module = inq_session_modules(session, &count);
	snprintf(text, sizeof(text), "%s!landmark+1", inq_session_module_name(session, module));
	cr_assert_eq(inq_session_evaluate(session, text, NULL, &value, NULL), INQ_OK);
	cr_expect_eq(value, address + 1);
	cr_assert_eq(inq_session_evaluate(session, "landmark", NULL, &value, NULL), INQ_OK);
	cr_expect_eq(value, address);
	cr_assert_eq(inq_session_evaluate(session, "@$exentry", NULL, &value, NULL), INQ_OK);
	cr_expect_eq(value, (uint64_t)getauxval(AT_ENTRY));
	cr_expect_eq(inq_session_evaluate(session, "no_such_symbol_here", NULL, &value, NULL),
		     INQ_ABSENT);
	inq_session_place(session, 1, &place);
	cr_expect_null(place.module);
	cr_expect_str_eq(place.module_name, "");
	inq_session_free(session);
}

Test(session, forgets_files_at_reload)
{
	struct inq_session *session = open_own();
	struct inq_module_files files;
	size_t count;
	const struct inq_module *module = inq_session_modules(session, &count);

	inq_session_module_files(session, module, false, &files);
	cr_expect_not(files.tried, "nothing is looked for before it is needed");
	inq_session_module_files(session, module, true, &files);
	cr_expect(files.tried);
	cr_expect_str_eq(files.image_path, module->path);
	inq_session_reload(session);
	inq_session_module_files(session, module, false, &files);
	cr_expect_not(files.tried);
	cr_assert_eq(inq_session_set_paths(session, "/nowhere", "/nowhere", NULL), INQ_OK);
	inq_session_module_files(session, module, true, &files);
	cr_expect_str_eq(inq_search_symbol_path(inq_session_search(session)), "/nowhere");
	inq_session_free(session);
}

/* --- what is current -------------------------------------------------------------- */

Test(session, begins_at_the_crashed_thread_and_goes_where_it_is_told)
{
	struct inq_session *session = NULL;
	struct inq_error err = {0};
	uint64_t value = 0;

	cr_assert_eq(inq_session_new(showcase_target_new(), NULL, &session, NULL), INQ_OK);
	cr_expect_eq(inq_session_thread(session), 1);
	cr_expect_eq(inq_session_scope(session), INQ_SCOPE_THREAD);
	cr_assert_eq(inq_session_set_thread(session, 0, NULL), INQ_OK);
	cr_assert_eq(inq_session_evaluate(session, "$tid", NULL, &value, NULL), INQ_OK);
	cr_expect_eq(value, 0x1a2bu);
	cr_expect_eq(inq_session_set_thread(session, 2, &err), INQ_USAGE);
	cr_expect_str_eq(err.text, "there is no thread 2; the dump has 2");
	cr_expect_eq(inq_session_thread(session), 0, "a refusal moves nothing");
	cr_assert_eq(inq_session_use_exception(session, NULL), INQ_OK);
	cr_expect_eq(inq_session_thread(session), 1);
	cr_expect_eq(inq_session_scope(session), INQ_SCOPE_EXCEPTION);
	cr_expect_eq(inq_session_use_record(session, 0, NULL), INQ_FAULT);
	cr_expect_eq(inq_session_use_record(session, FAKE_MEMORY, &err), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "not a ucontext_t"), "%s", err.text);
	cr_expect_eq(inq_session_scope(session), INQ_SCOPE_EXCEPTION, "a refusal moves nothing");
	inq_session_use_thread(session);
	cr_expect_eq(inq_session_scope(session), INQ_SCOPE_THREAD);
	cr_expect_eq(inq_session_set_frame(session, 1000, &err), INQ_USAGE);
	cr_expect_eq(inq_session_frame(session), 0u);
	inq_session_free(session);
}

Test(session, has_no_thread_where_the_dump_has_none)
{
	struct inq_session *session = NULL;
	struct inq_context context;
	struct inq_event event = {.code = 7};
	struct inq_stack stack;

	cr_assert_eq(inq_session_new(showcase_target_empty(), NULL, &session, NULL), INQ_OK);
	cr_expect_eq(inq_session_thread(session), INQ_NO_THREAD);
	cr_expect_eq(inq_session_context(session, &context, NULL), INQ_ABSENT);
	cr_expect_eq(inq_session_use_exception(session, NULL), INQ_ABSENT);
	cr_expect_eq(inq_session_stack(session, INQ_NO_THREAD, 0, &stack, NULL), INQ_ABSENT);
	cr_expect_eq(inq_session_event(session, &event, NULL), INQ_ABSENT);
	cr_expect_eq(event.code, 7u, "untouched");
	inq_session_free(session);
}

Test(session, finds_modules_by_both_names)
{
	struct inq_session *session = NULL;
	size_t count;
	const struct inq_module *modules;

	cr_assert_eq(inq_session_new(showcase_target_new(), NULL, &session, NULL), INQ_OK);
	modules = inq_session_modules(session, &count);
	cr_assert_eq(count, 2u);
	cr_expect_eq(inq_session_module_find(session, "app"), &modules[0]);
	cr_expect_eq(inq_session_module_find(session, "APP"), &modules[0]);
	cr_expect_eq(inq_session_module_find(session, "lib__52_c_ZXZpbA___"), &modules[1],
		     "as WinDbg would write it: '%s'",
		     inq_session_module_name(session, &modules[1]));
	cr_expect_null(inq_session_module_find(session, "ap"));
	inq_session_free(session);
}

Test(session, refuses_a_file_that_is_no_dump)
{
	struct inq_session *session = NULL;
	struct inq_error err = {0};

	cr_expect_eq(inq_session_open("/bin/sh", NULL, &session, &err), INQ_UNSUPPORTED, "%s",
		     err.text);
	cr_expect_eq(inq_session_open("/nowhere/at/all", NULL, &session, &err), INQ_ABSENT);
	cr_expect(strstr(err.text, "/nowhere/at/all"), "%s", err.text);
	cr_expect_null(session);
}

/* --- signals ---------------------------------------------------------------------- */

Test(signals, have_linuxs_words)
{
	for (uint32_t number = 1; number <= 31; number++) {
		const struct inq_signal *signal = inq_signal_find(number);

		cr_assert_not_null(signal, "%u", number);
		/* The C library's own table of names is the judge; 29 has two names, and it knows
		 * the other. */
		cr_expect_str_eq(signal->name + 3, number == 29 ? "IO" : sigabbrev_np((int)number));
	}
	cr_expect_null(inq_signal_find(0));
	cr_expect_null(inq_signal_find(32));
	cr_expect_str_eq(inq_signal_code_find(11, 1)->name, "SEGV_MAPERR");
	cr_expect_str_eq(inq_signal_code_find(11, 1)->text, "address not mapped to object");
	cr_expect_str_eq(inq_signal_code_find(8, 1)->name, "FPE_INTDIV");
	cr_expect_str_eq(inq_signal_code_find(6, -6)->name, "SI_TKILL");
	cr_expect_str_eq(inq_signal_code_find(11, 0x80)->name, "SI_KERNEL");
	cr_expect_null(inq_signal_code_find(11, 99));
}
