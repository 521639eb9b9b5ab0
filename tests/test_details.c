/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts that Microsoft's lists have no field for, on their way through a dump; and where threads
 * began. */
#include "config.h"

#include "fake_target.h"

#include "capture/capture.h"
#include "minidump/inquest.h"
#include "privacy/veil.h"
#include "support/file.h"
#include "target/live.h"
#include "target/proc_facts.h"
#include "target/proc_files.h"
#include "target/xstate.h"

#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

/* --- through a dump ------------------------------------------------------------------------ */

static struct fake_target fake;
static struct inq_target_ops ops;
static struct inq_module unloaded[3];

static enum inq_status tell_unloaded(struct inq_target *self, const struct inq_module **ret,
				     size_t *ret_count, struct inq_error *err)
{
	(void)self;
	(void)err;
	*ret = unloaded;
	*ret_count = 3;
	return INQ_OK;
}

/* Three threads, the second on processors beyond 63; three modules at one place, the second without
 * a build-id. */
static void make_target(void)
{
	static const uint8_t ids[2][4] = {{0xde, 0xad, 0xbe, 0xef}, {1, 2, 3, 0xff}};

	fake_init(&fake);
	fake_region(&fake, 0x400000, 4 * FAKE_PAGE, "r-x", "/bin/fake");
	fake_region(&fake, 0x7000000, 4 * FAKE_PAGE, "rw-", "[stack]");
	for (uint32_t i = 0; i < 3; i++)
		fake_thread(&fake, 11 + i, 0x401000, 0x7001000);
	fake.threads[1].processors = "1,64-1023\n";
	fake.threads[1].processors_size = 9;
	fake.threads[1].affinity = 2;
	for (int i = 0; i < 3; i++)
		unloaded[i] = (struct inq_module){.base = 0x5000000,
						  .size = 0x3000,
						  .path = "plugin.so",
						  .debug_file = "",
						  .unloaded = true};
	for (int i = 0; i < 2; i++) {
		unloaded[2 * i].debug_kind = INQ_DEBUG_BUILD_ID;
		unloaded[2 * i].id_size = 4;
		memcpy(unloaded[2 * i].id, ids[i], 4);
	}
	ops = *fake.target.ops;
	ops.unloaded = tell_unloaded;
	fake.target.ops = &ops;
}

static struct inq_target *through_a_dump(struct inq_target *target, const char *letters)
{
	const struct inq_veil_policy everything = {.stack = INQ_VEIL_STACK_WHOLE,
						   .names = INQ_VEIL_NAMES_FULL};
	struct inq_dump_options options;
	struct inq_target *read;
	struct inq_veil *veil;
	struct inq_file *file;
	struct inq_error err;
	int fd = memfd_create("dump", MFD_CLOEXEC);

	cr_assert_eq(inq_dump_options_parse(letters, &options, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_veil_new(target, &everything, &veil, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_capture(veil, &options, fd, NULL, NULL, &err), INQ_OK, "%s", err.text);
	inq_veil_free(veil);
	cr_assert_eq(inq_file_open_fd(fd, "dump", &file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_target_open(file, &read, &err), INQ_OK, "%s", err.text);
	return read;
}

static void expect_processors(struct inq_target *target, const char *expected)
{
	const struct inq_thread *threads;
	size_t count;

	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(count, 3);
	for (size_t i = 0; i < count; i++) {
		if (i != 1 || !expected) {
			cr_expect_null(threads[i].processors);
			continue;
		}
		cr_assert_not_null(threads[i].processors);
		cr_expect_eq(threads[i].processors_size, strlen(expected));
		cr_expect_eq(memcmp(threads[i].processors, expected, strlen(expected)), 0);
	}
}

Test(details, carry_processors_beyond_63_and_build_ids_of_what_was_unloaded)
{
	struct inq_target *first, *second;
	const struct inq_module *modules;
	size_t count;

	make_target();
	first = through_a_dump(&fake.target, "mtu");
	second = through_a_dump(first, "mtu"); /* and a dump of that dump */
	expect_processors(second, "1,64-1023");
	cr_assert_eq(inq_target_unloaded(second, &modules, &count, NULL), INQ_OK);
	cr_assert_eq(count, 3);
	for (size_t i = 0, with = 0; i < 3; i++) {
		with += modules[i].id_size != 0;
		cr_expect(modules[i].id_size == 0 || modules[i].id_size == 4);
		cr_expect(i < 2 || with == 2, "two of three have a build-id");
	}
	inq_target_free(second);
	inq_target_free(first);
}

Test(details, come_only_with_their_letters)
{
	static const char *const letters[] = {"m", "mu", "mt"};

	make_target();
	for (size_t i = 0; i < 3; i++) {
		struct inq_target *read = through_a_dump(&fake.target, letters[i]);
		const struct inq_module *modules;
		size_t count;

		expect_processors(read, i == 2 ? "1,64-1023" : NULL);
		if (inq_target_unloaded(read, &modules, &count, NULL) == INQ_OK)
			cr_expect(i == 1 || count == 0, "%s", letters[i]);
		inq_target_free(read);
	}
}

Test(details, of_affinity_are_the_kernels_own_words)
{
	static const struct {
		const char *status;
		uint64_t affinity;
		const char *processors;
	} rows[] = {
		{"Cpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 3, NULL},
		{"Cpus_allowed:\tffffffff,ffffffff\nCpus_allowed_list:\t0-63\n", UINT64_MAX, NULL},
		{"Cpus_allowed:\t1,00000000,00000001\nCpus_allowed_list:\t0,64\n", 1, "0,64"},
		{"Cpus_allowed:\t2,00000000,00000000\nCpus_allowed_list:\t65\n", 0, "65"},
		{"Cpus_allowed:\tff,ffffffff,ffffffff,ffffffff\nCpus_allowed_list:\t0-103",
		 UINT64_MAX, "0-103"},
		{"Cpus_allowed_list:\t\n", 0, NULL},
		{"Cpus_allowed_list:\tx-y,z\n", 0, NULL},
		{"", 0, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_proc_file file = {.name = "task/7/status",
					     .data = rows[i].status,
					     .size = strlen(rows[i].status)};
		struct inq_thread thread = {.tid = 7};

		inq_thread_facts(&(struct inq_proc_files){&file, 1}, 0, &thread, 1);
		cr_expect_eq(thread.affinity, rows[i].affinity, "%zu: %llx", i,
			     (unsigned long long)thread.affinity);
		cr_expect_eq(!thread.processors, !rows[i].processors, "%zu", i);
		if (thread.processors && rows[i].processors)
			cr_expect(thread.processors_size == strlen(rows[i].processors) &&
					  memcmp(thread.processors, rows[i].processors,
						 thread.processors_size) == 0,
				  "%zu", i);
	}
}

/* --- where threads began ------------------------------------------------------------------- */

static volatile int *ready;

static void *first_worker(void *unused)
{
	__atomic_add_fetch(ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return unused;
}

static int second_worker(void *unused)
{
	first_worker(unused);
	return 0;
}

static int by_hand(void *unused)
{
	__atomic_add_fetch(ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		syscall(SYS_pause);
	(void)unused;
	return 0;
}

static _Noreturn void be_watched(void)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t first;
	thrd_t second;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_create(&first, NULL, first_worker, NULL);
	thrd_create(&second, second_worker, NULL);
	/* A thread that the C library knows nothing of: it has its maker's thread pointer. */
	clone(by_hand, stack + 65536,
	      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	      NULL);
	for (;;)
		pause();
}

static size_t threads_from(const struct inq_thread *threads, size_t count, uint64_t address)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += threads[i].start_address == address;
	return found;
}

Test(details, tell_where_threads_began, .timeout = 60)
{
#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("a sanitizer starts every thread by a function of its own");
#endif
	const struct inq_live_options options = {.wants = INQ_PROC_THREADS};
	const struct inq_thread *threads;
	struct inq_target *target, *dump;
	struct inq_live *live;
	struct inq_error err;
	size_t count;
	pid_t pid;

	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (!pid)
		be_watched();
	for (int i = 0; *ready < 3 && i < 5000; i++)
		usleep(1000);
	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_target_open_live(inq_live_source(live), &target, &err), INQ_OK, "%s",
		     err.text);
	dump = through_a_dump(target, "mt");
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(inq_target_threads(i ? dump : target, &threads, &count, NULL), INQ_OK);
		cr_assert_eq(count, 4);
		/* A fork has its parent's addresses. */
		cr_expect_eq(threads_from(threads, count, (uint64_t)(uintptr_t)first_worker), 1);
		cr_expect_eq(threads_from(threads, count, (uint64_t)(uintptr_t)second_worker), 1);
		cr_expect_eq(threads_from(threads, count, 0), 1,
			     "nobody knows where the one made by hand began");
		for (size_t n = 0; n < count; n++)
			cr_expect(threads[n].tid != (uint32_t)pid || threads[n].start_address != 0,
				  "the program's entry");
	}
	inq_target_free(dump);
	inq_target_free(target);
	inq_live_free(live);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- extended registers of processors that are not here ------------------------------------ */

enum { AMX_AREA = 11008, TILES = 2816, TILE_BYTES = 8192, AVX_AREA = 832, PKRU_AMD = 2440 };

/* An XSAVE area in the standard form with a byte for each component at its place. */
static uint8_t *make_area(size_t size, uint64_t enabled, uint64_t present)
{
	uint8_t *area = calloc(1, size);

	for (size_t i = 0; i < 464; i++)
		area[i] = (uint8_t)(i + 1);
	memcpy(area + 464, &enabled, 8);
	memcpy(area + 512, &present, 8);
	for (size_t i = 576; i < size; i++)
		area[i] = (uint8_t)(i >> 5 ^ i);
	return area;
}

static void expect_there_and_back(size_t size, uint64_t enabled, uint64_t present)
{
	uint8_t *area = make_area(size, enabled, present);
	struct inq_buffer windows = {0}, back = {0};
	struct inq_context context = {.machine = INQ_MACHINE_AMD64, .size = 1232};
	struct inq_xstate xstate, again;

	cr_assert(inq_xstate_read(area, size, &xstate), "%zu", size);
	inq_xstate_to_windows(&xstate, &windows);
	memcpy(context.raw + 0x100, area, 512);
	cr_assert(inq_xstate_from_windows(&context, windows.data, windows.size, enabled, &back),
		  "%zu", size);
	cr_assert_eq(back.size, size);
	cr_assert(inq_xstate_read(back.data, back.size, &again));
	cr_expect_eq(again.present, present & enabled);
	cr_expect_eq(memcmp(back.data + 576, area + 576, size - 576), 0, "components of %zu bytes",
		     size);
	cr_expect_eq(memcmp(xstate.features, again.features, sizeof(xstate.features)), 0);
	inq_buffer_done(&windows);
	inq_buffer_done(&back);
	free(area);
}

/* Sapphire Rapids: x87, SSE, AVX, AVX-512, PKRU, AMX. */
static const uint64_t WITH_AMX = 0x602e7;

Test(xstate, keeps_the_tiles_of_amx)
{
	uint8_t *area = make_area(AMX_AREA, WITH_AMX, WITH_AMX);
	struct inq_xstate xstate;

	cr_assert(inq_xstate_read(area, AMX_AREA, &xstate));
	cr_expect_eq(xstate.features[17].offset, 2752);
	cr_expect_eq(xstate.features[17].size, 64);
	cr_expect_eq(xstate.features[18].offset, TILES);
	cr_expect_eq(xstate.features[18].size, TILE_BYTES);
	free(area);
	expect_there_and_back(AMX_AREA, WITH_AMX, WITH_AMX);
	/* Tiles that were never used: present tells. */
	expect_there_and_back(AMX_AREA, WITH_AMX, 7);
}

Test(xstate, goes_there_and_back_in_every_form)
{
	expect_there_and_back(576, 3, 3);
	expect_there_and_back(AVX_AREA, 7, 7);
	expect_there_and_back(2696, 0x2e7, 0xe7);      /* Intel's AVX-512 and PKRU */
	expect_there_and_back(PKRU_AMD, 0x2e7, 0x207); /* AMD's */
}

/* AMD's form becomes Intel's: of a size that debuggers know, with every component where they look
 * for it. */
Test(xstate, of_a_core_is_laid_out_as_intels)
{
	static const struct {
		size_t size, expected;
		uint64_t enabled;
	} rows[] = {
		{576, 576, 3},
		{832, 832, 7},
		{2432, 2688, 0xe7},
		{2440, 2696, 0x2e7},
		{2688, 2688, 0xe7},
		{2696, 2696, 0x2e7},
		{AMX_AREA, AMX_AREA, WITH_AMX},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *area = make_area(rows[i].size, rows[i].enabled, rows[i].enabled);
		struct inq_buffer intel = {0};
		struct inq_xstate before, after;

		cr_assert(inq_xstate_read(area, rows[i].size, &before), "%zu", rows[i].size);
		inq_xstate_to_intel(&before, &intel);
		cr_assert_eq(intel.size, rows[i].expected, "%zu: %zu", rows[i].size, intel.size);
		cr_assert(inq_xstate_read(intel.data, intel.size, &after));
		cr_expect_eq(after.present, before.present);
		cr_expect_eq(after.enabled, before.enabled);
		for (size_t n = 2; n < INQ_XSTATE_FEATURES; n++) {
			cr_expect_eq(after.features[n].size, before.features[n].size,
				     "%zu: component %zu", rows[i].size, n);
			cr_expect_eq(memcmp(after.bytes + after.features[n].offset,
					    before.bytes + before.features[n].offset,
					    after.features[n].size),
				     0, "%zu: component %zu", rows[i].size, n);
		}
		inq_buffer_done(&intel);
		free(area);
	}
}

Test(xstate, refuses_areas_that_are_none)
{
	uint8_t *area = make_area(INQ_XSTATE_MAX + 64, WITH_AMX, 3);
	struct inq_xstate xstate = {.size = 42};

	cr_expect_not(inq_xstate_read(area, 575, &xstate), "shorter than header and legacy part");
	cr_expect_not(inq_xstate_read(area, INQ_XSTATE_MAX + 1, &xstate),
		      "longer than any processor's");
	area[464] = 1;
	cr_expect_not(inq_xstate_read(area, AMX_AREA, &xstate), "SSE is always enabled");
	area[464] = 3;
	area[527] = 0x80;
	cr_expect_not(inq_xstate_read(area, AMX_AREA, &xstate), "compacted");
	cr_expect_not(inq_xstate_read(NULL, AMX_AREA, &xstate));
	free(area);
}

/* AMX enabled and the area cut before the tiles: no component lies outside. */
Test(xstate, names_no_component_that_is_not_all_there)
{
	uint8_t *area = make_area(AMX_AREA, WITH_AMX, WITH_AMX);

	for (size_t size = 576; size <= AMX_AREA; size += 8) {
		struct inq_xstate xstate;

		cr_assert(inq_xstate_read(area, size, &xstate));
		for (size_t i = 2; i < INQ_XSTATE_FEATURES; i++)
			cr_assert_leq(xstate.features[i].offset + xstate.features[i].size, size,
				      "%zu of %zu", i, size);
	}
	free(area);
}
