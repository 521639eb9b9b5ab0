/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The veil against a naive reference, and each fact behind it. */
#include "config.h"

#include "fake_target.h"
#include "minidump/context.h"
#include "privacy/veil_private.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 0x10000, SIZE = 0x3000 };

static struct fake_target fake;
static struct inq_veil *veil;
static struct inq_error err;

static void setup(void)
{
	fake_init(&fake);
}

static void cleanup(void)
{
	inq_veil_free(veil);
	veil = NULL;
}

TestSuite(veil, .init = setup, .fini = cleanup);

static void hang(enum inq_veil_stack stack, enum inq_veil_names names)
{
	const struct inq_veil_policy policy = {stack, names};

	cr_assert_eq(inq_veil_new(&fake.target, &policy, &veil, &err), INQ_OK, "%s", err.text);
}

/* --- memory ------------------------------------------------------------------------------------ */

static struct inq_region plain_region = {.base = BASE, .size = SIZE, .protection = INQ_PROT_READ | INQ_PROT_WRITE,
					 .name = ""};
static struct inq_range plain_range = {BASE, SIZE};
static uint8_t reference[SIZE];

/* Words as a walk would have kept them, and what a reader of single bytes makes of them. */
static void keep_words(unsigned seed, unsigned count)
{
	hang(INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE);
	veil->prepared = true;
	veil->regions = &plain_region;
	veil->memory = &plain_range;
	veil->region_count = veil->memory_count = 1;
	memset(reference, 0, sizeof(reference));
	srandom(seed);
	for (unsigned i = 0; i < count; i++) {
		struct kept_word word = {
			/* Eight bytes of each sixteen: words of one walk do not overlap. */
			.address = BASE + 16 * ((uint64_t)random() % (SIZE / 16)),
			.size = random() % 2 ? 8 : 4,
		};
		bool known = false;

		for (size_t j = 0; j < veil->words.size / sizeof(word); j++)
			known |= ((struct kept_word *)veil->words.data)[j].address / 16 == word.address / 16;
		if (known)
			continue;
		word.address += i % 3; /* not aligned either */
		word.value = (uint64_t)random() << 33 ^ (uint64_t)random() << 3 ^ 0x8000000000000081u;
		memcpy(reference + (word.address - BASE), &word.value, word.size);
		inq_buffer_append(&veil->words, &word, sizeof(word));
	}
	veil_sort_words(veil);
}

static void expect_same(uint64_t address, size_t size)
{
	uint8_t found[256 + 2];
	size_t at = 0;

	memset(found, 0xee, sizeof(found));
	while (at < size) {
		size_t done = 0;

		cr_assert_eq(inq_target_read(&veil->shown, address + at, found + 1 + at, size - at, &done, &err),
			     INQ_OK, "%s", err.text);
		cr_assert(done > 0 && done <= size - at);
		at += done;
	}
	cr_assert_eq(memcmp(found + 1, reference + (address - BASE), size), 0, "0x%llx, %zu bytes",
		     (unsigned long long)address, size);
	cr_assert_eq(found[0], 0xee);
	cr_assert_eq(found[size + 1], 0xee);
}

Test(veil, reads_as_the_naive_reference_at_every_offset_and_size)
{
	keep_words(1, 500);
	for (unsigned offset = 0; offset < 16; offset++) {
		for (size_t size = 0; size <= 64; size++) {
			expect_same(BASE + offset, size);
			expect_same(BASE + 0x1000 - 32 + offset, size);
			expect_same(BASE + SIZE - size - offset, size);
		}
	}
}

Test(veil, reads_as_the_naive_reference_at_random)
{
	for (unsigned seed = 2; seed < 12; seed++) {
		keep_words(seed, (unsigned)random() % 900);
		for (unsigned i = 0; i < 100000; i++) {
			size_t size = (size_t)random() % 257;

			expect_same(BASE + (uint64_t)random() % (SIZE - size + 1), size);
		}
		cleanup();
	}
}

/* One word, at every place in and around memory of every size and start: what is there of it, byte by byte. */
static void expect_part_of_a_word(uint64_t base, size_t size, uint64_t at)
{
	struct inq_range range = {base, size};
	struct kept_word word = {at, 0x8877665544332211, 8};
	uint8_t found[96], wanted[96] = {0};
	size_t done = 0;

	veil->memory = &range;
	veil->words.size = 0;
	inq_buffer_append(&veil->words, &word, sizeof(word));
	for (size_t i = 0; i < size; i++) {
		if (base + i - at < 8)
			wanted[i] = (uint8_t)(word.value >> 8 * (base + i - at));
	}
	memset(found, 0xee, sizeof(found));
	cr_assert_eq(inq_target_read(&veil->shown, base, found, sizeof(found), &done, &err), INQ_OK);
	cr_assert_eq(done, size);
	cr_assert_eq(memcmp(found, wanted, size), 0, "0x%llx, %zu bytes, word at 0x%llx", (unsigned long long)base,
		     size, (unsigned long long)at);
	cr_assert_eq(found[size], 0xee);
}

Test(veil, cuts_words_where_memory_begins_and_ends)
{
	keep_words(1, 0);
	for (uint64_t offset = 0; offset < 16; offset++) {
		for (size_t size = 1; size <= 64; size++) {
			for (uint64_t at = BASE + offset - 8; at <= BASE + offset + size; at++)
				expect_part_of_a_word(BASE + offset, size, at);
		}
	}
}

/* Two mappings, and memory that is cut elsewhere than they are: a read ends where either does, a word does not. */
Test(veil, shows_a_word_across_mappings_and_pieces_of_memory)
{
	struct inq_region halves[] = {plain_region, plain_region};
	struct inq_range pieces[3];

	for (uint64_t cut = BASE + 0x1000; cut < BASE + 0x1010; cut++) {
		keep_words(3, 700);
		halves[0].size = cut - BASE;
		halves[1].base = cut;
		halves[1].size = BASE + SIZE - cut;
		pieces[0] = (struct inq_range){BASE, cut - 3 - BASE};
		pieces[1] = (struct inq_range){cut - 3, 7};
		pieces[2] = (struct inq_range){cut + 4, BASE + SIZE - cut - 4};
		veil->regions = halves;
		veil->region_count = 2;
		veil->memory = pieces;
		veil->memory_count = 3;
		for (uint64_t start = cut - 24; start < cut + 16; start++) {
			for (size_t size = 0; size <= 64; size++)
				expect_same(start, size);
		}
		cleanup();
	}
}

/* Frames of two walks over one stack keep the same words, or parts of them. */
Test(veil, shows_words_that_overlap_as_what_is_there)
{
	const uint64_t value = 0x8877665544332211;

	for (uint64_t second = BASE; second < BASE + 16; second++) {
		struct kept_word words[] = {{BASE + 4, value, 8}, {second, 0, 4}, {second, 0, 8}};

		keep_words(1, 0);
		/* As the process's memory has them: all are of the same bytes. */
		memset(reference, 0, 32);
		memcpy(reference + 4, &value, 8);
		for (unsigned i = 1; i < 3; i++) {
			memcpy(&words[i].value, reference + (second - BASE), words[i].size);
			inq_buffer_append(&veil->words, &words[i], sizeof(words[i]));
		}
		inq_buffer_append(&veil->words, &words[0], sizeof(words[0]));
		veil_sort_words(veil);
		expect_same(BASE, 32);
		cleanup();
	}
}

Test(veil, ends_where_memory_ends_and_faults_behind)
{
	uint8_t found[64];
	size_t done = 7;

	keep_words(1, 10);
	cr_assert_eq(inq_target_read(&veil->shown, BASE + SIZE - 3, found, sizeof(found), &done, &err), INQ_OK);
	cr_expect_eq(done, 3);
	cr_assert_eq(inq_target_read(&veil->shown, BASE + SIZE, found, sizeof(found), &done, &err), INQ_FAULT);
	cr_assert_eq(inq_target_read(&veil->shown, BASE - 1, found, sizeof(found), &done, &err), INQ_FAULT);
}

Test(veil, reads_up_to_the_end_of_the_address_space)
{
	struct inq_range last = {UINT64_MAX - 15, 15};
	struct kept_word word = {UINT64_MAX - 8, 0x1122334455667788, 8};
	uint8_t found[32];
	size_t done;

	keep_words(1, 0);
	veil->region_count = 0;
	veil->memory = &last;
	inq_buffer_append(&veil->words, &word, sizeof(word));
	cr_assert_eq(inq_target_read(&veil->shown, UINT64_MAX - 15, found, sizeof(found), &done, &err), INQ_OK);
	cr_expect_eq(done, 15);
	cr_expect_eq(memcmp(found + 7, &word.value, 8), 0);
}

Test(veil, does_not_even_read_what_it_hides)
{
	uint8_t found[64];
	size_t done;
	unsigned before;

	keep_words(1, 10);
	before = (unsigned)fake.reads;
	cr_assert_eq(inq_target_read(&veil->shown, BASE, found, sizeof(found), &done, &err), INQ_OK);
	cr_expect_eq(fake.reads, before);
}

/* A plain dump of Windows' has no mappings. */
Test(veil, has_no_memory_of_modules_where_mappings_are_not_known)
{
	struct inq_module module = {.base = BASE + 0x1000, .size = 0x1000, .path = "C:\\a.dll"};
	const struct inq_range *ranges;
	uint8_t found[64];
	size_t count, done = 0;

	keep_words(1, 10);
	veil->region_count = 0;
	veil->modules = &module;
	veil->module_count = 1;
	cr_expect_eq(inq_target_read(&veil->shown, BASE + 0x1000, found, 1, &done, &err), INQ_FAULT);
	cr_expect_eq(inq_target_read(&veil->shown, BASE + 0x1fff, found, 1, &done, &err), INQ_FAULT);
	cr_assert_eq(inq_target_read(&veil->shown, BASE + 0xff0, found, sizeof(found), &done, &err), INQ_OK);
	cr_expect_eq(done, 16, "it ends where the module begins");
	cr_expect_eq(inq_target_read(&veil->shown, BASE + 0x2000, found, 1, &done, &err), INQ_OK);
	cr_assert_eq(inq_target_memory(&veil->shown, &ranges, &count, &err), INQ_OK);
	cr_assert_eq(count, 2);
	cr_expect_eq(ranges[0].base + ranges[0].size, BASE + 0x1000);
	cr_expect_eq(ranges[1].base, BASE + 0x2000);
	veil->module_count = 0;
}

/* --- registers ---------------------------------------------------------------------------------- */

Test(veil, leaves_of_a_context_only_what_is_kept)
{
	struct inq_context raw = {.machine = INQ_MACHINE_AMD64, .size = sizeof(struct md_context_amd64)}, shown;
	const struct inq_machine_info *info = inq_machine_info(INQ_MACHINE_AMD64);
	size_t survivors = 0;
	uint64_t value;

	memset(raw.raw, 0xa7, sizeof(raw.raw));
	veil_scrub_context(&raw, 1ull << 6, &shown);
	for (size_t i = 0; i < info->register_count; i++) {
		const struct inq_register *reg = &info->registers[i];
		bool kept = !strcmp(reg->name, "rip") || !strcmp(reg->name, "rsp") || !strcmp(reg->name, "rbp") ||
			    !strcmp(reg->name, "efl") || !strcmp(reg->name, "cs") || !strcmp(reg->name, "ss");

		if (reg->size > 8)
			continue;
		memcpy(&value, shown.raw + reg->offset, 8);
		cr_expect_eq(shown.raw[reg->offset] == 0xa7, kept, "%s", reg->name);
	}
	for (size_t i = 0; i < sizeof(shown.raw); i++)
		survivors += shown.raw[i] == 0xa7;
	cr_expect_eq(survivors, 8 + 8 + 8 + 4 + 2 + 2, "nor a byte that has no name");
}

Test(veil, says_what_kind_of_thing_a_value_was)
{
	static struct inq_region regions[] = {
		{.base = 0x10000, .size = 0x1000, .protection = INQ_PROT_READ | INQ_PROT_EXEC, .name = "/a", .inode = 1},
		{.base = 0x11000, .size = 0x1000, .protection = INQ_PROT_READ, .name = "/a", .inode = 1},
		{.base = 0x20000, .size = 0x1000, .protection = INQ_PROT_READ | INQ_PROT_WRITE, .name = ""},
		{.base = 0x30000, .size = 0x1000, .protection = INQ_PROT_READ | INQ_PROT_WRITE, .name = "[stack]",
		 .flags = INQ_REGION_STACK},
	};
	static const struct { uint64_t value; enum inq_value_class class; } rows[] = {
		{0, INQ_VALUE_NULL}, {0x18, INQ_VALUE_SMALL}, {UINT64_MAX, INQ_VALUE_SMALL},
		{0x10008, INQ_VALUE_CODE}, {0x11008, INQ_VALUE_DATA}, {0x20008, INQ_VALUE_HEAP},
		{0x30008, INQ_VALUE_STACK}, {0x40008, INQ_VALUE_UNMAPPED},
		{0x4141414141414141, INQ_VALUE_NON_CANONICAL}, {0xe5e5e5e5e5e5e5e5, INQ_VALUE_FREED},
		{0x6b6b6b6b6b6b6b83, INQ_VALUE_FREED}, {0x5a5a5a5a5a5a5a5a, INQ_VALUE_FREED},
	};

	keep_words(1, 0);
	veil->regions = regions;
	veil->region_count = 4;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(veil_class_of(veil, rows[i].value), rows[i].class, "0x%llx",
			     (unsigned long long)rows[i].value);
}

/* --- names and texts ------------------------------------------------------------------------------ */

Test(veil, cuts_every_path_to_its_last_part)
{
	static const char *const rows[][2] = {
		{"/usr/bin/cat", "cat"}, {"PATH=/home/anna/bin:/usr/bin", "PATH=bin:bin"}, {"/home/anna/", ""},
		{"--file=/home/anna/x.txt,/tmp/y z", "--file=x.txt,y z"}, {"no path", "no path"}, {"", ""},
		{"C:\\Users\\anna\\a.pdb", "C:a.pdb"}, {"\"/a/b\"", "\"b\""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_buffer to = {0};

		veil_bare_paths(&to, rows[i][0], strlen(rows[i][0]));
		inq_buffer_append(&to, "", 1);
		cr_expect_str_eq((const char *)to.data, rows[i][1]);
		inq_buffer_done(&to);
	}
}

static const char *text_of(enum inq_text_kind kind, size_t *ret_size)
{
	const char *text = NULL;

	return inq_target_text(inq_veil_target(veil), kind, &text, ret_size, &err) == INQ_OK ? text : NULL;
}

Test(veil, drops_environment_and_comments_and_shows_the_program_alone)
{
	size_t size;

	fake.texts[INQ_TEXT_ENVIRON] = "SECRET=hunter2";
	fake.texts[INQ_TEXT_COMMENT] = "hunter2";
	fake.texts[INQ_TEXT_CMDLINE] = "prog --password=hunter2";
	fake.texts[INQ_TEXT_STATUS] = "Name:\thunter2\nUmask:\t0022\nhunter2:\t7\n";
	fake.process.executable = "/home/anna/prog";
	fake.process.program = "hunter2";
	fake.module_count = 0;
	hang(INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE);
	cr_expect_null(text_of(INQ_TEXT_ENVIRON, &size));
	cr_expect_null(text_of(INQ_TEXT_COMMENT, &size));
	cr_expect_str_eq(text_of(INQ_TEXT_CMDLINE, &size), "prog");
	cr_expect_str_eq(text_of(INQ_TEXT_STATUS, &size), "Name:\tprog\nUmask:\t0022\n");
}

Test(veil, under_R_alone_keeps_texts_without_folders)
{
	size_t size;

	fake.texts[INQ_TEXT_ENVIRON] = "HOME=/home/anna SHELL=/bin/sh";
	hang(INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_BARE);
	cr_expect_str_eq(text_of(INQ_TEXT_ENVIRON, &size), "HOME=anna SHELL=sh");
}

Test(veil, shows_only_names_of_threads_that_are_known)
{
	hang(INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE);
	cr_expect_str_eq(veil_thread_name(veil, "gmain"), "gmain");
	cr_expect_str_eq(veil_thread_name(veil, "pool-hunter2"), "pool-");
	cr_expect_str_eq(veil_thread_name(veil, "hunter2"), "");
}

Test(veil, says_its_words_without_quotes_and_folders)
{
	static const struct {
		enum inq_veil_stack stack;
		enum inq_veil_names names;
		const char *text, *said;
	} rows[] = {
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "/home/anna/a.dmp: 'hunter2' is gone", "a.dmp: '' is gone"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_FULL, "/home/a.dmp: 'hunter2' is gone", "/home/a.dmp: '' is gone"},
		{INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_BARE, "/home/a.dmp: 'hunter2' is gone", "a.dmp: 'hunter2' is gone"},
		{INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_FULL, "/home/a.dmp: 'hunter2'", "/home/a.dmp: 'hunter2'"},
		/* Apostrophes are none, and quoted text may hold them. */
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "a process's 'hunter2' of 3", "a process's '' of 3"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "a 'hun' ter' 2' of 3", "a '' of 3"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "'a' or 'hunter2' of 3", "'' of 3"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "cut off: 'hunter2", "cut off: ''"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "a process's own", "a process's own"},
		{INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE, "", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hang(rows[i].stack, rows[i].names);
		cr_expect_str_eq(inq_veil_words(veil, rows[i].text), rows[i].said, "%s: '%s'", rows[i].text,
				 inq_veil_words(veil, rows[i].text));
		cleanup();
	}
}

Test(veil, shows_only_names_of_mappings_that_the_kernel_or_a_module_gave)
{
	static const struct {
		const char *name, *filtered, *bare;
	} rows[] = {
		{"[heap]", "[heap]", "[heap]"}, {"[stack]", "[stack]", "[stack]"}, {"[vdso]", "[vdso]", "[vdso]"},
		{"[anon:hunter2]", "", "[anon:hunter2]"}, {"/memfd:hunter2", "", "memfd:hunter2"},
		{"/SYSV00001234", "", "SYSV00001234"}, {"/dev/shm/hunter2", "", "hunter2"},
		{"/home/anna/hunter2.odt", "", "hunter2.odt"}, {"", "", ""},
		{"/opt/x/lib.so", "lib.so", "lib.so"}, /* as the module at its place is called */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_region region = {.base = BASE, .size = SIZE, .protection = INQ_PROT_READ,
					    .name = rows[i].name};
		const struct inq_module module = {.base = BASE, .size = SIZE, .path = "/opt/x/lib.so"};

		keep_words(1, 0);
		veil->modules = &module;
		veil->module_count = 1;
		cr_expect_str_eq(veil_region_name(veil, &region), rows[i].filtered, "%s", rows[i].name);
		veil->policy.stack = INQ_VEIL_STACK_WHOLE;
		cr_expect_str_eq(veil_region_name(veil, &region), rows[i].bare, "%s", rows[i].name);
		veil->module_count = 0;
		cleanup();
	}
}

/* --- the exception -------------------------------------------------------------------------------- */

Test(veil, keeps_a_fault_address_back_unless_it_is_no_secret)
{
	static const struct { uint64_t address; bool shown; } rows[] = {
		{0, true}, {0x18, true}, {UINT64_MAX - 7, true}, {0x4142434445464748, false}, {0x7e0000001234, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct inq_exception *exception;
		siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};

		fake_init(&fake);
		info.si_addr = (void *)(uintptr_t)rows[i].address;
		fake.exception = (struct inq_exception){.tid = 7, .code = SIGSEGV, .has_siginfo = true,
							.address = rows[i].address, .parameter_count = 2,
							.parameters = {rows[i].address, rows[i].address}};
		memcpy(fake.exception.siginfo, &info, sizeof(info));
		hang(INQ_VEIL_STACK_FRAMES_ONLY, INQ_VEIL_NAMES_BARE);
		cr_assert_eq(inq_target_exception(inq_veil_target(veil), &exception, &err), INQ_OK);
		cr_expect_eq(exception->address, rows[i].shown ? rows[i].address : INQ_VEIL_WITHHELD);
		cr_expect_eq(exception->parameter_count, 0);
		cr_expect_eq(exception->parameters[0], 0);
		if (rows[i].address > 0x1000)
			cr_expect_null(memmem(exception->siginfo, 128, &rows[i].address, 8));
		cleanup();
	}
}
