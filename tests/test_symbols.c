/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, lines and inlined functions of programs that the build compiled, with nm and addr2line as judges. */
#include "config.h"

#include "support/buffer.h"
#include "support/opener.h"
#include "symbols/object.h"
#include "symbols/symbols.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURE(name) "tests/fixtures/inlined-" name

extern char **environ;

/* --- tools ---------------------------------------------------------------------------------------- */

/* What a tool writes; false: there is no such tool, or it failed. */
static bool run(struct inq_buffer *output, const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	char chunk[4096];
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	cr_assert(pipe(pipes) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	status = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	while (status == 0 && (n = read(pipes[0], chunk, sizeof(chunk))) > 0)
		inq_buffer_append(output, chunk, (size_t)n);
	close(pipes[0]);
	if (status != 0)
		return false;
	inq_buffer_puts(output, "");
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static struct inq_symbols *open_fixture(const char *name, struct inq_search **ret_search)
{
	char path[PATH_MAX];
	struct inq_wanted wanted = {.path = path};
	struct inq_symbols *symbols = NULL;
	struct inq_error err;
	enum inq_match match;
	char *found = NULL;

	cr_assert(realpath(name, path) != NULL, "%s: not built", name);
	cr_assert(inq_search_new(NULL, NULL, NULL, ret_search, &err) == INQ_OK);
	cr_assert(inq_search_image(*ret_search, &wanted, &found, &match, &err) == INQ_OK, "%s", err.text);
	cr_assert(inq_symbols_open(found, *ret_search, NULL, &symbols, &err) == INQ_OK, "%s", err.text);
	free(found);
	return symbols;
}

static void put_chain(struct inq_buffer *to, struct inq_symbols *symbols, uint64_t vaddr)
{
	struct inq_source source[INQ_SOURCE_MAX];
	size_t count = 0;
	struct inq_error err;

	if (inq_symbols_source(symbols, vaddr, source, &count, &err) != INQ_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		const char *slash = source[i].file ? strrchr(source[i].file, '/') : NULL;

		inq_buffer_printf(to, "%s %s:%u\n", source[i].function ? source[i].function : "??",
				  slash ? slash + 1 : "??", source[i].line);
	}
}

/* addr2line's pairs of lines in our form: "(discriminator 2)" goes, folders go, no line is line 0. */
static void put_judged(struct inq_buffer *to, char *text)
{
	char *save = NULL, *function;

	for (function = strtok_r(text, "\n", &save); function; function = strtok_r(NULL, "\n", &save)) {
		char *place = strtok_r(NULL, "\n", &save);
		char *slash = place ? strrchr(place, '/') : NULL;
		char *colon = slash ? strchr(slash, ':') : NULL;

		cr_assert(colon != NULL, "addr2line said '%s'", place ? place : "nothing");
		inq_buffer_printf(to, "%s %.*s:%lu\n", function, (int)(colon - slash - 1), slash + 1,
				  strtoul(colon + 1, NULL, 10));
	}
}

/* --- chains --------------------------------------------------------------------------------------- */

static void same_as_addr2line(const char *fixture)
{
	struct inq_search *search;
	struct inq_symbols *symbols = open_fixture(fixture, &search);
	struct inq_symbol outer;
	struct inq_error err;
	size_t deepest = 0;

	cr_assert(inq_symbols_level(symbols) == INQ_SYMBOLS_DWARF);
	cr_assert(inq_symbols_find(symbols, "outer", &outer, &err) == INQ_OK, "%s", err.text);
	cr_assert(outer.size > 16);
	for (uint64_t at = outer.vaddr; at < outer.vaddr + outer.size; at++) {
		struct inq_buffer said = {0}, ours = {0}, theirs = {0};
		struct inq_source source[INQ_SOURCE_MAX];
		size_t count = 0;
		char address[32];
		const char *const argv[] = {"addr2line", "-e", fixture, "-f", "-i", address, NULL};

		snprintf(address, sizeof(address), "0x%llx", (unsigned long long)at);
		if (!run(&said, argv))
			cr_skip_test("no addr2line here");
		put_chain(&ours, symbols, at);
		put_judged(&theirs, (char *)said.data);
		cr_assert(strcmp(inq_buffer_text(&ours), inq_buffer_text(&theirs)) == 0,
			  "%s at %s\nours:\n%stheirs:\n%s", fixture, address, inq_buffer_text(&ours),
			  inq_buffer_text(&theirs));
		if (inq_symbols_source(symbols, at, source, &count, NULL) == INQ_OK && count > deepest)
			deepest = count;
		inq_buffer_done(&said);
		inq_buffer_done(&ours);
		inq_buffer_done(&theirs);
	}
	cr_assert(deepest == 3, "innermost, middle and outer: %zu levels", deepest);
	inq_symbols_free(symbols);
	inq_search_free(search);
}

Test(source, has_the_same_chain_as_addr2line_for_dwarf_2) { same_as_addr2line(FIXTURE("dwarf2")); }
Test(source, has_the_same_chain_as_addr2line_for_dwarf_3) { same_as_addr2line(FIXTURE("dwarf3")); }
Test(source, has_the_same_chain_as_addr2line_for_dwarf_4) { same_as_addr2line(FIXTURE("dwarf4")); }
Test(source, has_the_same_chain_as_addr2line_for_dwarf_5) { same_as_addr2line(FIXTURE("dwarf5")); }

/* addr2line has holes for these; the code is the same, so the chains must be those of the plain program. */
static void same_as(const char *fixture, const char *plain)
{
	struct inq_search *searches[2];
	struct inq_symbols *symbols[2] = {open_fixture(fixture, &searches[0]), open_fixture(plain, &searches[1])};
	struct inq_symbol outer[2];
	struct inq_error err;

	for (size_t i = 0; i < 2; i++)
		cr_assert(inq_symbols_find(symbols[i], "outer", &outer[i], &err) == INQ_OK, "%s", err.text);
	cr_assert(outer[0].size == outer[1].size);
	for (uint64_t offset = 0; offset < outer[0].size; offset++) {
		struct inq_buffer ours = {0}, theirs = {0};

		put_chain(&ours, symbols[0], outer[0].vaddr + offset);
		put_chain(&theirs, symbols[1], outer[1].vaddr + offset);
		cr_assert(theirs.size > 0);
		cr_assert(strcmp(inq_buffer_text(&ours), inq_buffer_text(&theirs)) == 0,
			  "%s at outer+0x%llx\nit:\n%splain:\n%s", fixture, (unsigned long long)offset,
			  inq_buffer_text(&ours), inq_buffer_text(&theirs));
		inq_buffer_done(&ours);
		inq_buffer_done(&theirs);
	}
	for (size_t i = 0; i < 2; i++) {
		inq_symbols_free(symbols[i]);
		inq_search_free(searches[i]);
	}
}

Test(source, reads_split_dwarf_4) { same_as(FIXTURE("split4"), FIXTURE("dwarf4")); }
Test(source, reads_split_dwarf_5) { same_as(FIXTURE("split5"), FIXTURE("dwarf5")); }
Test(source, reads_sections_packed_with_zlib) { same_as(FIXTURE("gz"), FIXTURE("dwarf5")); }
Test(source, reads_sections_packed_the_old_way) { same_as(FIXTURE("zdebug"), FIXTURE("dwarf5")); }
Test(source, finds_the_file_that_debuglink_names) { same_as(FIXTURE("stripped"), FIXTURE("dwarf5")); }

Test(source, is_absent_where_no_unit_is)
{
	struct inq_search *search;
	struct inq_symbols *symbols = open_fixture(FIXTURE("dwarf5"), &search);
	struct inq_source source[INQ_SOURCE_MAX];
	struct inq_error err;
	size_t count = 77;

	cr_assert(inq_symbols_source(symbols, 1, source, &count, &err) == INQ_ABSENT);
	cr_assert(count == 77);
	cr_assert(strstr(err.text, "0x1") != NULL, "%s", err.text);
	inq_symbols_free(symbols);
	inq_search_free(search);
}

/* --- names ---------------------------------------------------------------------------------------- */

Test(names, are_those_of_nm)
{
	const char *const argv[] = {"nm", "--defined-only", FIXTURE("dwarf5"), NULL};
	struct inq_search *search;
	struct inq_symbols *symbols = open_fixture(FIXTURE("dwarf5"), &search);
	struct inq_buffer said = {0};
	unsigned functions = 0;
	char *save = NULL;

	if (!run(&said, argv))
		cr_skip_test("no nm here");
	for (char *line = strtok_r((char *)said.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long value;
		char kind, name[256];
		struct inq_symbol symbol;
		struct inq_error err;

		if (sscanf(line, "%llx %c %255s", &value, &kind, name) != 3 || (kind != 'T' && kind != 't'))
			continue;
		cr_assert(inq_symbols_find(symbols, name, &symbol, &err) == INQ_OK, "%s", err.text);
		cr_assert(symbol.vaddr == value, "%s", line);
		cr_assert(inq_symbols_at(symbols, value, &symbol, &err) == INQ_OK, "%s", err.text);
		cr_assert(symbol.vaddr == value, "%s: %s", line, symbol.name);
		functions++;
	}
	cr_assert(functions >= 5);
	inq_buffer_done(&said);
	inq_symbols_free(symbols);
	inq_search_free(search);
}

static bool count_each(void *user, const struct inq_symbol *symbol)
{
	cr_assert(strncmp(symbol->name, "out", 3) == 0, "%s", symbol->name);
	return ++*(unsigned *)user < 1;
}

Test(names, match_a_pattern_and_stop_when_told)
{
	struct inq_search *search;
	struct inq_symbols *symbols = open_fixture(FIXTURE("dwarf5"), &search);
	struct inq_symbol symbol = {.size = 77};
	struct inq_error err;
	unsigned seen = 0;

	cr_assert(inq_symbols_match(symbols, "out*", count_each, &seen, &err) == INQ_OK);
	cr_assert(seen == 1);
	cr_assert(inq_symbols_find(symbols, "no_such_name", &symbol, &err) == INQ_ABSENT);
	cr_assert(symbol.size == 77);
	cr_assert(strstr(err.text, "no_such_name") != NULL);
	inq_symbols_free(symbols);
	inq_search_free(search);
}

Test(names, of_stubs_end_in_plt)
{
	struct inq_search *search;
	struct inq_symbols *symbols = open_fixture(FIXTURE("dwarf5"), &search);
	bool found = false;

	/* Wherever the linker put them: somewhere below the first function. */
	for (uint64_t at = 0x1000; at < 0x1200 && !found; at += 8) {
		struct inq_symbol symbol;

		found = inq_symbols_at(symbols, at, &symbol, NULL) == INQ_OK && strcmp(symbol.name, "printf@plt") == 0;
	}
	cr_assert(found);
	inq_symbols_free(symbols);
	inq_search_free(search);
}

/* --- demangling ----------------------------------------------------------------------------------- */

Test(demangler, knows_cxx_and_both_kinds_of_rust)
{
	static const struct { const char *linkage, *plain, *full; } names[] = {
		{"_ZN6shapes3BoxIiE3getEi", "shapes::Box<int>::get", "shapes::Box<int>::get(int)"},
		{"_ZdlPv", "operator delete", "operator delete(void*)"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write", "core::fmt::write"},
		{"_RNvCs1234_7mycrate3foo", "mycrate::foo", "mycrate::foo"},
		{"printf", NULL, NULL},
		{"", NULL, NULL},
		{"_ZNotReally", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *plain = inq_demangle(names[i].linkage, false), *full = inq_demangle(names[i].linkage, true);

		cr_assert(names[i].plain ? plain && strcmp(plain, names[i].plain) == 0 : !plain, "%s: %s",
			  names[i].linkage, plain ? plain : "nothing");
		cr_assert(names[i].full ? full && strcmp(full, names[i].full) == 0 : !full, "%s: %s",
			  names[i].linkage, full ? full : "nothing");
		free(plain);
		free(full);
	}
}

/* R69: a megabyte of nested templates, and a short name that doubles itself forty times. */
Test(demangler, refuses_names_that_explode, .timeout = 5)
{
	enum { SIZE = 1 << 20 };
	char *deep = malloc(SIZE + 1);
	struct inq_buffer doubling = {0};

	for (size_t i = 0; i + 3 <= SIZE; i += 3)
		memcpy(deep + i, "N1A", 3);
	memcpy(deep, "_ZN", 3);
	deep[SIZE] = '\0';
	cr_assert(inq_demangle(deep, true) == NULL);
	deep[8000] = '\0';
	free(inq_demangle(deep, true)); /* below the limit: only that it ends */
	free(deep);
	inq_buffer_puts(&doubling, "_Z1fI1AE");
	for (char code = '0'; code < '9'; code++)
		inq_buffer_printf(&doubling, "1BIS%c_S%c_S%c_S%c_S%c_S%c_S%c_S%c_E", code, code, code, code, code,
				  code, code, code);
	char *text = inq_demangle(inq_buffer_text(&doubling), true);

	cr_assert(!text || strlen(text) <= 64 << 10);
	free(text);
	inq_buffer_done(&doubling);
}

/* --- the search ----------------------------------------------------------------------------------- */

Test(search, never_takes_what_is_no_program)
{
	static const char *const paths[] = {"/dev/zero", "//evil/share", "../../../../etc/shadow", "/proc/self/mem",
					    "/proc/self/exe", "/etc/passwd", "/..", "", "/tmp"};
	struct inq_search *search;
	struct inq_error err;

	cr_assert(inq_search_new(NULL, NULL, NULL, &search, &err) == INQ_OK);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct inq_wanted wanted = {.path = paths[i]};
		enum inq_match match = INQ_MATCH_BUILD_ID;
		char *found = NULL;

		cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT, "%s", paths[i]);
		cr_assert(found == NULL);
		cr_assert(strstr(err.text, "no image found") != NULL, "%s", err.text);
	}
	inq_search_free(search);
}

Test(search, does_not_follow_a_link_out_of_its_root)
{
	char root[] = "/tmp/inq-root-XXXXXX", path[64];
	struct inq_wanted wanted = {.path = "/bin/sh"};
	struct inq_search *search;
	struct inq_error err;
	enum inq_match match;
	char *found = NULL;

	cr_assert(mkdtemp(root) != NULL);
	snprintf(path, sizeof(path), "%s/bin", root);
	cr_assert(symlink("/bin", path) == 0); /* inside of the root it leads to itself */
	cr_assert(inq_search_new(NULL, root, NULL, &search, &err) == INQ_OK);
	cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT);
	cr_assert(found == NULL);
	inq_search_free(search);
	unlink(path);
	rmdir(root);
}

Test(search, refuses_a_file_with_another_build_id)
{
	static const uint8_t other[20] = {1, 2, 3};
	char path[PATH_MAX], *found = NULL;
	struct inq_wanted wanted = {.path = path, .build_id = other, .build_id_size = sizeof(other)};
	struct inq_search *search;
	struct inq_error err;
	enum inq_match match;

	cr_assert(realpath(FIXTURE("dwarf5"), path) != NULL);
	cr_assert(inq_search_new(NULL, NULL, NULL, &search, &err) == INQ_OK);
	cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT);
	wanted.build_id_size = 0;
	cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_OK);
	cr_assert(match == INQ_MATCH_UNVERIFIED);
	free(found);
	inq_search_free(search);
}

/* A machine that has two files of the name: where they lie, and what was asked. */
struct machine {
	char paths[2][PATH_MAX];
	unsigned asked, deep;
};

static size_t find_on_machine(void *user, const char *name, bool deep, char *to, size_t size)
{
	struct machine *machine = user;
	size_t used = 0;

	machine->asked++;
	machine->deep += deep;
	if (strcmp(name, "program") != 0 || !deep)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(machine->paths[i]) + 1;

		cr_assert_leq(used + length, size);
		memcpy(to + used, machine->paths[i], length);
		used += length;
	}
	return used;
}

static enum inq_status open_on_machine(struct machine *machine, const struct inq_wanted *wanted, char **ret_path,
				       enum inq_match *ret_match, struct inq_error *err)
{
	struct inq_opener opener = inq_opener_direct();
	struct inq_search *search;
	enum inq_status status;

	opener.find = find_on_machine;
	opener.user = machine;
	machine->asked = machine->deep = 0;
	cr_assert(inq_search_new(NULL, NULL, &opener, &search, err) == INQ_OK);
	status = inq_search_image(search, wanted, ret_path, ret_match, err);
	inq_search_free(search);
	return status;
}

Test(search, finds_a_bare_name_by_its_build_id_alone)
{
	uint8_t id[INQ_BUILD_ID_MAX];
	struct machine machine;
	struct inq_wanted wanted = {.path = "program", .build_id = id};
	struct inq_object *object;
	struct inq_error err;
	enum inq_match match = INQ_MATCH_NONE;
	char *found = NULL;
	int fd;

	cr_assert(realpath(FIXTURE("dwarf4"), machine.paths[0]) != NULL);
	cr_assert(realpath(FIXTURE("dwarf5"), machine.paths[1]) != NULL);
	fd = open(machine.paths[1], O_RDONLY | O_CLOEXEC);
	cr_assert(inq_object_open_fd(fd, "dwarf5", &object, &err) == INQ_OK);
	cr_assert(inq_object_build_id(object, id, &wanted.build_id_size, &err) == INQ_OK);
	inq_object_free(object);
	cr_assert(open_on_machine(&machine, &wanted, &found, &match, &err) == INQ_OK, "%s", err.text);
	cr_expect_str_eq(found, machine.paths[1], "the second has the build-id");
	cr_expect_eq(match, INQ_MATCH_BUILD_ID);
	cr_expect_eq(machine.asked, 2);
	cr_expect_eq(machine.deep, 1, "where files usually are comes first");
	free(found);
	found = NULL;
	/* One that had a folder is not looked for everywhere; one without a build-id nowhere. */
	wanted.path = "/not/there/program";
	cr_expect(open_on_machine(&machine, &wanted, &found, &match, &err) == INQ_ABSENT);
	cr_expect_eq(machine.deep, 0);
	wanted.path = "linux-vdso.so.1";
	cr_expect(open_on_machine(&machine, &wanted, &found, &match, &err) == INQ_ABSENT);
	cr_expect_eq(machine.asked, 0, "no file has it");
	wanted.path = "program";
	id[0] ^= 1;
	cr_expect(open_on_machine(&machine, &wanted, &found, &match, &err) == INQ_ABSENT);
	wanted.build_id_size = 0;
	cr_expect(open_on_machine(&machine, &wanted, &found, &match, &err) == INQ_ABSENT);
	cr_expect_eq(machine.asked, 0);
	cr_expect_null(found);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[1 << 16];
	FILE *in = fopen(from, "rbe"), *out = fopen(to, "wbe");
	size_t size;

	cr_assert(in && out);
	size = fread(bytes, 1, sizeof(bytes), in);
	cr_assert(size > 0 && fwrite(bytes, 1, size, out) == size);
	fclose(in);
	fclose(out);
}

/* What pe-walk.exe says of itself, see test_image_pe.c. */
Test(search, finds_windows_images_by_name_in_any_case_and_by_stamp)
{
	char root[] = "/tmp/inq-store-XXXXXX", store[PATH_MAX], inside[PATH_MAX + 32];
	struct inq_wanted wanted = {.path = "C:\\Program Files\\PE-Walk.EXE", .windows = true, .timestamp = 0x5eed0001,
				    .image_size = 0x5000};
	static const uint8_t other[20] = {1};
	struct inq_search *search;
	struct inq_error err;
	enum inq_match match = INQ_MATCH_NONE;
	char *found = NULL;

	cr_assert(inq_search_new(NULL, FIXTURES, NULL, &search, &err) == INQ_OK);
	cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_OK, "%s", err.text);
	cr_expect(strstr(found, "/pe-walk.exe") != NULL);
	cr_expect_eq(match, INQ_MATCH_BUILD_ID);
	free(found);
	found = NULL;
	wanted.timestamp++;
	cr_expect(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT, "another stamp");
	wanted.timestamp--;
	wanted.pdb_id = other;
	wanted.pdb_id_size = sizeof(other);
	cr_expect(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT, "another PDB");
	wanted.pdb_id_size = 0;
	wanted.path = "C:\\..";
	cr_expect(inq_search_image(search, &wanted, &found, &match, &err) == INQ_ABSENT);
	inq_search_free(search);

	/* A symbol server's store: name/STAMPsize/name. */
	wanted.path = "pe-walk.exe";
	cr_assert(mkdtemp(root) != NULL);
	snprintf(store, sizeof(store), "%s/pe-walk.exe", root);
	cr_assert(mkdir(store, 0700) == 0);
	snprintf(inside, sizeof(inside), "%s/5EED00015000", store);
	cr_assert(mkdir(inside, 0700) == 0);
	snprintf(inside, sizeof(inside), "%s/5EED00015000/pe-walk.exe", store);
	copy_file(FIXTURES "/pe-walk.exe", inside);
	cr_assert(inq_search_new(NULL, root, NULL, &search, &err) == INQ_OK);
	cr_assert(inq_search_image(search, &wanted, &found, &match, &err) == INQ_OK, "%s", err.text);
	cr_expect_eq(match, INQ_MATCH_BUILD_ID);
	free(found);
	inq_search_free(search);
	unlink(inside);
	snprintf(inside, sizeof(inside), "%s/5EED00015000", store);
	rmdir(inside);
	rmdir(store);
	rmdir(root);
}

/* --- damage --------------------------------------------------------------------------------------- */

static uint8_t *read_fixture(const char *name, size_t *ret_size)
{
	FILE *file = fopen(name, "rb");
	uint8_t *bytes = malloc(1 << 20);

	cr_assert(file && bytes);
	*ret_size = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

static void ask_everything(const void *bytes, size_t size)
{
	struct inq_symbols *symbols;
	struct inq_symbol symbol;
	struct inq_source source[INQ_SOURCE_MAX];
	size_t count;

	if (inq_symbols_open_bytes(bytes, size, "damaged", &symbols, NULL) != INQ_OK)
		return;
	for (uint64_t at = 0x1000; at < 0x1200; at += 7) {
		(void)inq_symbols_at(symbols, at, &symbol, NULL);
		(void)inq_symbols_source(symbols, at, source, &count, NULL);
	}
	(void)inq_symbols_find(symbols, "outer", &symbol, NULL);
	inq_symbols_free(symbols);
}

/* The place of the header that says how large .debug_info is when unpacked. */
static Elf64_Chdr *packed_header(uint8_t *bytes, const char *section)
{
	const Elf64_Ehdr *header = (const void *)bytes;
	const Elf64_Shdr *sections = (const void *)(bytes + header->e_shoff);
	const char *names = (const char *)bytes + sections[header->e_shstrndx].sh_offset;

	for (unsigned i = 0; i < header->e_shnum; i++) {
		if (strcmp(names + sections[i].sh_name, section) == 0 && (sections[i].sh_flags & SHF_COMPRESSED))
			return (void *)(bytes + sections[i].sh_offset);
	}
	cr_assert_fail("no packed %s", section);
	return NULL;
}

static enum inq_status source_of(const void *bytes, size_t size, struct inq_error *err)
{
	struct inq_symbols *symbols;
	struct inq_symbol outer;
	struct inq_source source[INQ_SOURCE_MAX];
	size_t count;
	enum inq_status status;

	cr_assert(inq_symbols_open_bytes(bytes, size, "bomb", &symbols, err) == INQ_OK, "%s", err->text);
	cr_assert(inq_symbols_find(symbols, "outer", &outer, err) == INQ_OK, "%s", err->text);
	status = inq_symbols_source(symbols, outer.vaddr, source, &count, err);
	inq_symbols_free(symbols);
	return status;
}

Test(damage, of_packing_is_named_and_bombs_are_not_unpacked)
{
	size_t size;
	uint8_t *bytes = read_fixture(FIXTURE("gz"), &size);
	Elf64_Chdr *packed = packed_header(bytes, ".debug_info");
	uint64_t honest = packed->ch_size;
	struct inq_error err;

	cr_assert(source_of(bytes, size, &err) == INQ_OK, "%s", err.text);
	packed->ch_size = 1ull << 40;
	cr_assert(source_of(bytes, size, &err) != INQ_OK);
	packed->ch_size = honest + 1; /* a stream that ends early */
	cr_assert(source_of(bytes, size, &err) != INQ_OK);
	cr_assert(strstr(err.text, "bomb") != NULL, "%s", err.text);
	packed->ch_size = honest;
	packed->ch_type = 99;
	cr_assert(source_of(bytes, size, &err) != INQ_OK);
	free(bytes);
}

Test(damage, ends_in_an_answer_wherever_bytes_are_wrong, .timeout = 60)
{
	size_t size;
	uint8_t *bytes = read_fixture(FIXTURE("dwarf5"), &size), *copy = malloc(size);
	uint64_t random = 88172645463325252u;

	for (unsigned i = 0; i < 400; i++) {
		memcpy(copy, bytes, size);
		for (unsigned k = 0; k < 6; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[random % size] = (uint8_t)(random >> 40);
		}
		ask_everything(copy, size);
	}
	free(copy);
	free(bytes);
}

Test(damage, ends_in_an_answer_wherever_the_file_ends, .timeout = 60)
{
	size_t size;
	uint8_t *bytes = read_fixture(FIXTURE("gz"), &size);

	for (size_t end = 0; end < size; end += end < 4096 ? 1 : 61) {
		uint8_t *cut = malloc(end + 1); /* its own, so that AddressSanitizer sees a step too far */

		memcpy(cut, bytes, end);
		ask_everything(cut, end);
		free(cut);
	}
	free(bytes);
}

/* --- disassembly ---------------------------------------------------------------------------------- */

Test(disassembler, writes_as_the_debuggers_users_know_it)
{
	static const struct {
		uint8_t bytes[12];
		unsigned size;
		const char *text;
		uint64_t target;
		char flow; /* 'c'all, 'j'ump, 'i'f, 'r'eturn */
	} rows[] = {
		{{0x48, 0x8b, 0x45, 0xf8}, 4, "mov     rax,qword ptr [rbp-8]", 0, 0},
		{{0x48, 0x8d, 0x7c, 0x24, 0x28}, 5, "lea     rdi,[rsp+28h]", 0, 0},
		{{0x8b, 0x05, 0xe4, 0x2f, 0, 0}, 6, "mov     eax,dword ptr [00000000`00403fea]", 0x403fea, 0},
		{{0xe8, 0x31, 0x01, 0, 0}, 5, "call    00000000`00401136", 0x401136, 'c'},
		{{0x75, 0x0e}, 2, "jne     00000000`00401010", 0x401010, 'i'},
		{{0xf2, 0xff, 0xe0}, 3, "bnd jmp rax", 0, 'j'},
		{{0xf3, 0x48, 0xab}, 3, "rep stos qword ptr es:[rdi],rax", 0, 0},
		{{0xf0, 0x0f, 0xb1, 0x87, 0xa0, 0, 0, 0}, 8, "lock cmpxchg dword ptr [rdi+0A0h],eax", 0, 0},
		{{0xc3}, 1, "ret", 0, 'r'},
		{{0x0f, 0x0b}, 2, "ud2", 0, 0},
	};
	struct inq_disassembler *disassembler;
	struct inq_instruction instruction;
	struct inq_error err;

	cr_assert(inq_disassembler_new(62, &disassembler, &err) == INQ_OK, "%s", err.text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert(inq_disassemble(disassembler, 0x401000, rows[i].bytes, sizeof(rows[i].bytes), &instruction,
					  &err) == INQ_OK, "%s", rows[i].text);
		cr_assert(instruction.size == rows[i].size, "%s", instruction.text);
		cr_assert(strcmp(instruction.text, rows[i].text) == 0, "'%s' is not '%s'", instruction.text,
			  rows[i].text);
		cr_assert(instruction.target == rows[i].target, "%s", rows[i].text);
		cr_assert(instruction.is_call == (rows[i].flow == 'c'), "%s", rows[i].text);
		cr_assert(instruction.is_jump == (rows[i].flow == 'j' || rows[i].flow == 'i'), "%s", rows[i].text);
		cr_assert(instruction.is_conditional == (rows[i].flow == 'i'), "%s", rows[i].text);
		cr_assert(instruction.is_return == (rows[i].flow == 'r'), "%s", rows[i].text);
	}
	inq_disassembler_free(disassembler);
}

Test(disassembler, says_what_is_no_instruction)
{
	static const uint8_t bad = 0x06, half[] = {0x48, 0x8b};
	struct inq_disassembler *disassembler;
	struct inq_instruction instruction;
	struct inq_error err;

	cr_assert(inq_disassembler_new(62, &disassembler, &err) == INQ_OK);
	cr_assert(inq_disassemble(disassembler, 0x401000, &bad, 1, &instruction, &err) == INQ_BAD_DATA);
	cr_assert(instruction.size == 1 && strcmp(instruction.text, "???") == 0);
	cr_assert(inq_disassemble(disassembler, 0x401000, half, sizeof(half), &instruction, &err) == INQ_BAD_DATA);
	cr_assert(inq_disassemble(disassembler, 0x401000, half, 0, &instruction, &err) == INQ_BAD_DATA);
	cr_assert(strstr(err.text, "0x401000") != NULL);
	inq_disassembler_free(disassembler);
	cr_assert(inq_disassembler_new(0xffff, &disassembler, &err) == INQ_UNSUPPORTED);
}
