/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program itself, from outside: exit codes, words, where it reads and writes, and what it does
 * not touch. */
#include "config.h"

#include "made_core.h"
#include "program_runner.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 24 };

static char core_path[96];

/* --- running ---------------------------------------------------------------------- */

#define RUN(input, ...) run_argv(input, (const char *const[]){program, __VA_ARGS__, NULL})

/* --- a core ----------------------------------------------------------------------- */

/* Modules whose names are traps: devices, other processes' memory, a pipe, ways out of a folder,
 * escapes. */
static char fifo[96];
static const struct {
	uint64_t start;
	const char *name;
} traps[] = {
	{0x400000, "/dev/zero"},
	{0x500000, "/proc/self/mem"},
	{0x600000, fifo},
	{0x700000, "//evil/share"},
	{0x800000, "../../../../etc/shadow"},
	{0x900000, "/etc/passwd"},
	{0xa00000, "/opt/\033]52;c;ZXZpbA==\a\xe2\x80\xae\x9b.so"},
};
enum { TRAPS = sizeof(traps) / sizeof(traps[0]) };

static void write_core(void)
{
	struct built_segment segments[TRAPS + 1] = {
		{0x7fff00000000, 0x2000, 0x2000, NULL, PF_R | PF_W, 0x11}};
	struct built_file files[TRAPS];
	struct inq_buffer notes = {0}, core = {0};
	struct core_spec spec = {.word = 8,
				 .machine = EM_X86_64,
				 .type = ET_CORE,
				 .segments = segments,
				 .segment_count = TRAPS + 1,
				 .notes = &notes};
	/* An ELF header in each first page: that is how modules are known from other mapped files.
	 */
	static uint8_t header[4096] = {0x7f,
				       'E',
				       'L',
				       'F',
				       2,
				       1,
				       1,
				       [16] = ET_DYN,
				       [18] = EM_X86_64,
				       [20] = 1,
				       [32] = 64,
				       [52] = 64,
				       [54] = 56,
				       [56] = 1,
				       [64] = PT_LOAD,
				       [68] = PF_R | PF_X,
				       [97] = 0x10,
				       [105] = 0x10};
	FILE *file;

	for (size_t i = 0; i < TRAPS; i++) {
		files[i] = (struct built_file){traps[i].start, traps[i].start + 0x1000, 0,
					       traps[i].name};
		segments[i + 1] = (struct built_segment){traps[i].start, 0x1000,      0x1000,
							 header,	 PF_R | PF_X, 0};
	}
	/* Segments by address, as the kernel writes them. */
	struct built_segment stack = segments[0];

	memmove(segments, segments + 1, sizeof(segments[0]) * TRAPS);
	segments[TRAPS] = stack;
	build_thread(&notes, 4711, 11, 0x400010, 0x7fff00000100);
	build_process(&notes, 4711, "evil\033]0;title\a", "evil --arg\n0:000> forged");
	build_siginfo(&notes, 11, 1, 0x10);
	build_files(&notes, files, TRAPS, TRAPS);
	build_core(&spec, &core);
	file = fopen(core_path, "we");
	cr_assert(file && fwrite(core.data, 1, core.size, file) == core.size && fclose(file) == 0);
	inq_buffer_done(&core);
	inq_buffer_done(&notes);
}

static void setup(void)
{
	const char *built = getenv("INQUEST");

	cr_assert_not_null(realpath(built ? built : "./inquest", program),
			   "the program is not built");
	snprintf(folder, sizeof(folder), "/tmp/inquest-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(core_path, sizeof(core_path), "%s/core", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	setenv("HOME", folder, 1);
	unsetenv("XDG_STATE_HOME");
	write_core();
}

static void teardown(void)
{
	const char *const argv[] = {"rm", "-rf", folder, NULL};

	run_argv(NULL, argv);
	inq_buffer_done(&said);
	inq_buffer_done(&complained);
}

TestSuite(inquest, .init = setup, .fini = teardown);

/* --- what it says ----------------------------------------------------------------- */

Test(inquest, opens_a_core_by_its_content_and_says_what_died)
{
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", "q"), 0, "%s", inq_buffer_text(&complained));
	says("ELF core, 1 thread, ");
	says("(pid 4711");
	says("died of SIGSEGV (segmentation fault) in thread 4711");
	says("(1267.1267): Signal SIGSEGV (SEGV_MAPERR: address not mapped to object) at 0x10\n");
	says("Type '.ecxr; k' for the stack of the crash");
	cr_expect_str_eq(inq_buffer_text(&complained), "");
}

Test(inquest, reads_commands_from_standard_input)
{
	cr_expect_eq(RUN("r rip\n? 1+1\n", "-z", core_path), 0);
	says("rip=0000000000400010\n");
	says("Evaluate expression: 2 = ");
	cr_expect_eq(RUN("q\n.echo too late\n", "-z", core_path), 0);
	cr_expect_not(strstr(inq_buffer_text(&said), "too late"));
	cr_expect_eq(RUN(".echo not read\n", "-z", core_path, "-c", ".echo done"), 0);
	cr_expect_not(strstr(inq_buffer_text(&said), "not read"),
		      "-c without a terminal reads no input");
}

Test(inquest, ends_with_the_status_of_what_failed)
{
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", "? poi(0)"), 1);
	complains("?: 0x0: ");
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", "bogus"), 2);
	complains("'bogus' is not a command");
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", "r nosuch; .echo after"), 2);
	complains("usage: r ");
	says("after\n");
}

Test(inquest, refuses_misuse)
{
	cr_expect_eq(RUN(NULL, "--bogus"), 2);
	complains("there is no option '--bogus'");
	cr_expect_eq(RUN(NULL, "-z"), 2);
	complains("a value is missing after '-z'");
	cr_expect_eq(RUN(NULL, "core"), 2);
	complains("opened with -z): 'core'");
	cr_expect_eq(RUN("k\n", "--json"), 2);
	complains("which dump?");
	cr_expect_eq(RUN(NULL, "list", "-c", "k"), 2);
	complains("list takes only --json");
	cr_expect_eq(RUN(NULL, "list", "more"), 2);
}

Test(inquest, refuses_what_is_no_dump)
{
	cr_expect_eq(RUN(NULL, "-z", "/nowhere/at/all"), 1);
	complains("/nowhere/at/all");
	cr_expect_eq(RUN(NULL, "-z", "/etc/passwd"), 1);
	complains("'/etc/passwd': not opened");
	cr_expect_eq(RUN(NULL, "-z", "/bin/sh"), 1);
	complains("not a core");
	cr_expect_eq(RUN(NULL, "-z", fifo), 1);
	complains("not a regular file");
	cr_expect_eq(RUN(NULL, "-z", "/dev/zero"), 1);
	cr_expect_eq(RUN(NULL, "-z", "\033]0;x\a"), 1);
	cr_expect_not(strchr(inq_buffer_text(&complained), '\033'),
		      "an escape in a name was shown");
	complains("\\x1b]0;x\\x07");
}

Test(inquest, helps)
{
	cr_expect_eq(RUN(NULL, "--version"), 0);
	says("inquest " PACKAGE_VERSION "\n");
	cr_expect_eq(RUN(NULL, "--help"), 0);
	says("usage: inquest -z FILE");
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", ".help"), 0);
	says(".ecxr");
}

Test(inquest, answers_in_JSON)
{
	json_t *object;
	json_t *frame;

	cr_assert_eq(RUN(NULL, "--json", "-z", core_path, "-c", "~*k"), 0);
	object = json_loads(inq_buffer_text(&said), 0, NULL);
	cr_assert(object, "%s", inq_buffer_text(&said));
	frame = json_array_get(
		json_object_get(json_array_get(json_object_get(object, "threads"), 0), "frames"),
		0);
	cr_expect_str_eq(json_string_value(json_object_get(frame, "pc")), "0x400010");
	cr_expect_str_eq(json_string_value(json_object_get(frame, "trust")), "context");
	json_decref(object);
	cr_expect_eq(RUN(NULL, "--json", "-z", "/etc/passwd", "-c", "k"), 1);
	object = json_loads(inq_buffer_text(&said), 0, NULL);
	cr_assert(object);
	cr_expect_str_eq(json_string_value(json_object_get(object, "status")), "unsupported");
	json_decref(object);
}

/* --- what it does not do ---------------------------------------------------------- */

Test(inquest, shows_nothing_that_steers_a_terminal)
{
	cr_expect_eq(RUN(NULL, "-z", core_path, "-c", "|; vertarget; lm; lmv; k; ~; !address"), 0);
	for (const char *at = inq_buffer_text(&said); *at; at++)
		cr_assert((unsigned char)*at >= 0x20 || *at == '\n', "\\x%02x was shown", *at);
	says("\\x1b]52;c;ZXZpbA==\\x07");
	cr_expect_not(strstr(inq_buffer_text(&said), "\xe2\x80\xae"));
	cr_expect_not(strstr(inq_buffer_text(&said), "\x9b"));
	cr_expect_not(strstr(inq_buffer_text(&said), "\n0:000> forged"));
}

Test(inquest, does_not_open_what_a_dump_names)
{
	static const char *const never[] = {
		"\"/dev/zero\"", "\"/proc/self/mem\"", "fifo\"",	   "evil/share\"",
		"etc/shadow\"",	 "\"dev/zero\"",       "\"proc/self/mem\""};
	char trace[96], log[1 << 16];
	const char *const argv[] = {"strace",
				    "-f",
				    "-o",
				    trace,
				    "-e",
				    "trace=open,openat,openat2",
				    program,
				    "-z",
				    core_path,
				    "-c",
				    "lmv; ~*k; x *!main; db 400000; .reload /f",
				    NULL};
	const char *const probe[] = {"strace", "-V", NULL};
	ssize_t size;
	int fd;

	snprintf(trace, sizeof(trace), "%s/trace", folder);
	if (run_argv(NULL, probe) != 0)
		cr_skip_test("strace is not here");
	run_argv(NULL, argv);
	fd = open(trace, O_RDONLY | O_CLOEXEC);
	size = read(fd, log, sizeof(log) - 1);
	close(fd);
	if (size <= 0)
		cr_skip_test("strace may not trace here");
	log[size] = '\0';
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		for (char *line = strstr(log, never[i]); line; line = strstr(line + 1, never[i])) {
			size_t length = strcspn(line, "\n");

			cr_expect(memmem(line, length, "= -1", 4), "opened: %.*s", (int)length,
				  line);
		}
	}
}

Test(inquest, executes_and_loads_nothing_that_lies_about)
{
	static const char *const plants[] = {".gdbinit",    ".lldbinit",    ".inquestrc", ".editrc",
					     ".inquest",    "inquest.conf", "less",	  "more",
					     "core-gdb.py", "addr2line"};
	char marker[96], path[160];
	struct stat st;

	snprintf(marker, sizeof(marker), "%s/marker", folder);
	for (size_t i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", folder, plants[i]);
		file = fopen(path, "we");
		cr_assert(file);
		fprintf(file, "#!/bin/sh\ntouch %s\n!touch %s\nshell touch %s\n", marker, marker,
			marker);
		fclose(file);
		chmod(path, 0755);
	}
	snprintf(path, sizeof(path), "touch %s", marker);
	setenv("PAGER", path, 1);
	setenv("EDITOR", path, 1);
	setenv("LESSOPEN", path, 1);
	setenv("PATH", folder, 1);
	cr_expect_eq(
		RUN("!touch marker\n.shell touch marker\n", "-z", core_path, "-c", "k; lm; .help"),
		0);
	cr_expect_eq(RUN("!touch marker\n.shell touch marker\n", "-z", core_path), 2);
	setenv("PATH", "/usr/bin:/bin", 1);
	cr_expect_neq(stat(marker, &st), 0, "something that lay about was executed");
}
