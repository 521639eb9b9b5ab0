/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dumps of a running process, of dumps and of cores, by the program from outside: what is written, what is refused
 * with which exit code, and that all forms tell the same. gdb is the judge of cores where it is installed.
 */
#include "config.h"

#include "program_runner.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, MARKED = 1 << 20 };

static pid_t victim;
static volatile int *shared; /* threads that wait */
static uint64_t *marked;     /* private memory, a pattern */

/* --- running ---------------------------------------------------------------------- */

#define INQUEST(...) run_argv(NULL, (const char *const[]){program, __VA_ARGS__, NULL})

/* --- what is looked at ------------------------------------------------------------ */

static void *wait_here(void *unused)
{
	if (unused)
		prctl(PR_SET_NAME, unused);
	__atomic_add_fetch(shared, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

static _Noreturn void be_victim(void)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < MARKED / sizeof(*marked); i++)
		marked[i] = 0xabad1dea00000000 + i;
	for (int i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, wait_here, (void *)(uintptr_t) "waiter 1");
	wait_here(NULL);
	_exit(0);
}

static void begin(void)
{
	char here[2048];

	snprintf(folder, sizeof(folder), "/tmp/inquest-dumping-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_not_null(getcwd(here, sizeof(here)));
	snprintf(program, sizeof(program), "%s/inquest", here);
	cr_assert_eq(access(program, X_OK), 0, "%s is not built", program);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	marked = mmap(NULL, MARKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	victim = fork();
	if (!victim)
		be_victim();
	while (*shared < THREADS)
		usleep(1000);
	usleep(20000); /* into their system calls */
}

static void end(void)
{
	char command_path[320];
	struct dirent *entry;
	DIR *list = opendir(folder);

	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	while ((entry = readdir(list))) {
		snprintf(command_path, sizeof(command_path), "%s/%s", folder, entry->d_name);
		unlink(command_path);
	}
	closedir(list);
	rmdir(folder);
}

TestSuite(dumping, .init = begin, .fini = end, .timeout = 120);

static const char *pid_text(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", victim);
	return text;
}

static int dump_live(const char *command)
{
	return INQUEST("-p", pid_text(), "-c", command);
}

static bool exists(const char *name, struct stat *ret)
{
	char path[320];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, ret ? ret : &st) == 0;
}

/* Names in the folder, hidden ones too. */
static size_t count_files(void)
{
	DIR *list = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(list)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(list);
	return count;
}

/* --- refusals --------------------------------------------------------------------- */

Test(dumping, refuses_in_words_and_leaves_nothing_behind)
{
	static const struct {
		const char *command;
		int code;
		const char *words;
	} rows[] = {
		{".dump", 2, "which file?"},
		{".dump /a /m x.dmp", 2, "/a requires /u"},
		{".dump /k x.dmp", 1, "kernel memory needs a kernel target"},
		{".dump /a /u /m x.dmp", 2, "/a dumps all processes: start inquest without"},
		{".dump /b /ba x.dmp", 2, "/b and /ba contradict each other"},
		{".dump /b --compress x.dmp", 2, "/b and --compress contradict each other"},
		{".dump /b none/x.dmp", 1, "'none': no such folder"},
		{".dump /mk \"x.dmp\" x.dmp", 2, "'x.dmp' is the dump's own name; the second file needs another"},
		{".dump /mk \"none/k.dmp\" x.dmp", 1, "'none': no such folder"},
		{".dump /mk \"k.dmp\" /xc 10 x.dmp", 1, "context record"},
		{".dump /mkr x.dmp", 2, "'r' and 'k' contradict each other"},
		{".dump /f --strict x.core", 2, "--strict and /f contradict each other"},
		{".dump /m /f x.dmp", 2, "contradict each other"},
		{".dump /mq x.dmp", 2, "'q' is no letter of a dump"},
		{".dump /m none/x.dmp", 1, "'none': no such folder"},
		{".dump /m ./", 2, "names no file"},
		{".dump /m /j 10 x.dmp", 1, "record at 0x10"},
		{".dump /m /xc 10 x.dmp", 1, "context record"},
		{".dump /m /xr 10 x.dmp", 1, "siginfo"},
		{".dump /m /xp 10 x.dmp", 1, "/xp"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(dump_live(rows[i].command), rows[i].code, "%s: %s", rows[i].command,
			     inq_buffer_text(&complained));
		complains(rows[i].words);
		cr_expect_eq(count_files(), 0, "'%s' left a file", rows[i].command);
	}
}

Test(dumping, leaves_a_file_that_is_there_alone_without_o)
{
	struct stat first, second;

	cr_assert_eq(dump_live(".dump /m x.dmp"), 0, "%s", inq_buffer_text(&complained));
	says("Dump successfully written");
	cr_assert(exists("x.dmp", &first));
	cr_expect_eq(first.st_mode & 0777, 0600);
	cr_expect_eq(dump_live(".dump /m x.dmp"), 2);
	complains("'x.dmp' is there already; /o overwrites it");
	cr_assert(exists("x.dmp", &second));
	cr_expect_eq(first.st_ino, second.st_ino);
	cr_expect_eq(dump_live(".dump /m /o x.dmp"), 0);
	cr_assert(exists("x.dmp", &second));
	cr_expect_neq(first.st_ino, second.st_ino);
	cr_expect_eq(count_files(), 1);
}

/* What is compared: registers and stack of every thread, their names, and memory. */
static char *facts_of(const char *option, const char *target)
{
	char commands[256];
	const char *start;

	snprintf(commands, sizeof(commands), ".echo BEGIN; ~; ~0 r; ~1 r; ~2 r; dq %llx L100; ~0 k; ~1 k; ~2 k",
		 (unsigned long long)(uintptr_t)marked);
	cr_assert_eq(INQUEST(option, target, "-c", commands), 0, "%s: %s", target, inq_buffer_text(&complained));
	start = strstr(inq_buffer_text(&said), "BEGIN");
	cr_assert_not_null(start);
	cr_expect_not_null(strstr(start, "abad1dea`000000ff"), "%s has no marks:\n%s", target, start);
	return strdup(start);
}

/* --- packages ----------------------------------------------------------------------- */

static void skip_without_cab(void)
{
	char probe[96];

	if (dump_live(".dump /b probe.cab") == 0) {
		snprintf(probe, sizeof(probe), "%s/probe.cab", folder);
		unlink(probe);
		return;
	}
	complains("/b: built without libgcab");
	cr_expect_eq(count_files(), 0);
	cr_skip_test("built without libgcab, and said so");
}

static int cabextract(const char *option, const char *cab)
{
	if (access("/usr/bin/cabextract", X_OK) != 0)
		cr_skip_test("cabextract is not installed");
	return run_argv(NULL, (const char *const[]){"/usr/bin/cabextract", option, cab, NULL});
}

Test(dumping, packages_a_dump_in_a_cab_and_keeps_only_that)
{
	char *expected, *got;

	skip_without_cab();
	cr_assert_eq(dump_live(".dump /mf /b x.dmp"), 0, "%s", inq_buffer_text(&complained));
	says("Creating x.cab - mini user dump, in a CAB");
	cr_expect(exists("x.cab", NULL) && !exists("x.dmp", NULL));
	cr_expect_eq(cabextract("-t", "x.cab"), 0);
	says("  x.dmp  OK");
	/* What is in it is the dump, read here and by the other's unpacking. */
	expected = facts_of("-p", pid_text());
	got = facts_of("-z", "x.cab");
	cr_expect_str_eq(got, expected);
	free(got);
	cr_assert_eq(cabextract("-q", "x.cab"), 0);
	got = facts_of("-z", "x.dmp");
	cr_expect_str_eq(got, expected);
	free(got);
	free(expected);
	cr_expect_eq(dump_live(".dump /f /b y"), 0);
	cr_expect_eq(cabextract("-t", "y.cab"), 0);
	says("  y.core  OK");
	cr_expect_eq(INQUEST("-z", "y.cab", "-c", "~"), 0, "%s", inq_buffer_text(&complained));
	/* Opening left nothing behind. */
	cr_expect_eq(count_files(), 3);
}

Test(dumping, packages_images_and_their_origin_with_ba)
{
	struct stat packed, image;

	skip_without_cab();
	cr_assert_eq(dump_live(".dump /m /ba /o probe.cab"), 0, "%s", inq_buffer_text(&complained));
	says("debug files beside it");
	cr_expect_eq(cabextract("-q", "probe.cab"), 0);
	cr_assert(exists("test_dumping", &packed) || exists("lt-test_dumping", &packed));
	cr_assert_eq(stat("/proc/self/exe", &image), 0);
	cr_expect_eq(packed.st_size, image.st_size);
	cr_assert(exists("inquest.txt", NULL) && exists("libc.so.6", NULL));
	cr_assert_eq(run_argv(NULL, (const char *const[]){"/bin/cat", "inquest.txt", NULL}), 0);
	says("/libc.so.6\n  build-id    ");
	says("  image       libc.so.6 (of /");
	/* Without folders where they are not to be told. */
	cr_assert_eq(dump_live(".dump /mR /ba /o probe.cab"), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(cabextract("-q", "probe.cab"), 0);
	cr_assert_eq(run_argv(NULL, (const char *const[]){"/bin/cat", "inquest.txt", NULL}), 0);
	says("\nlibc.so.6\n  build-id    ");
	cr_expect_null(strchr(strstr(inq_buffer_text(&said), "\nlibc.so.6"), '/'), "%s", inq_buffer_text(&said));
}

/* The dump fits and its CAB does not: nothing is left of either. */
Test(dumping, leaves_nothing_of_a_cab_for_which_the_disk_is_too_small)
{
	char path[96], size[32];
	struct stat st;
	DIR *list;
	int names = 0;

	skip_without_cab();
	cr_assert_eq(dump_live(".dump /mf x.dmp"), 0);
	cr_assert(exists("x.dmp", &st));
	snprintf(path, sizeof(path), "%s/full", folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(size, sizeof(size), "size=%lld", (long long)st.st_blocks * 512 + (64 << 10));
	if (mount("none", path, "tmpfs", 0, size) != 0) {
		rmdir(path);
		cr_skip_test("no file system can be mounted here");
	}
	cr_expect_eq(dump_live(".dump /mf full/x.dmp"), 0, "%s", inq_buffer_text(&complained));
	snprintf(path, sizeof(path), "%s/full/x.dmp", folder);
	unlink(path);
	cr_expect_eq(dump_live(".dump /mf /b full/x.dmp"), 1);
	complains("CAB: writing: No space left on device");
	snprintf(path, sizeof(path), "%s/full", folder);
	list = opendir(path);
	for (struct dirent *entry; (entry = readdir(list));)
		names += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	closedir(list);
	cr_expect_eq(names, 0);
	cr_expect_eq(umount(path), 0);
	rmdir(path);
}

Test(dumping, puts_the_kernels_side_into_a_second_file)
{
	cr_assert_eq(dump_live(".dump /mk \"k.dmp\" x.dmp"), 0, "%s", inq_buffer_text(&complained));
	says("Creating x.dmp - mini user dump\nCreating k.dmp - the kernel's side of its threads\n");
	cr_assert_eq(INQUEST("-z", "x.dmp", "-c", ".dumpdebug"), 0);
	cr_expect_null(strstr(inq_buffer_text(&said), "InquestKernel"));
	cr_assert_eq(INQUEST("-z", "k.dmp", "-c", ".dumpdebug"), 0, "%s", inq_buffer_text(&complained));
	says("InquestKernel");
	says("  3 threads");
	says("  0 bytes of memory");
	/* Neither name is taken over, and a second try leaves both as they were. */
	cr_expect_eq(dump_live(".dump /mk \"k.dmp\" y.dmp"), 2);
	complains("'k.dmp' is there already; /o overwrites it");
	cr_expect_eq(count_files(), 2);
	/* One file where only one is named. */
	cr_assert_eq(dump_live(".dump /mk \"one.dmp\""), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(INQUEST("-z", "one.dmp", "-c", ".dumpdebug"), 0);
	says("InquestKernel");
	says("ModuleList");
}

Test(dumping, needs_somebody_to_look_at)
{
	cr_expect_eq(INQUEST("-p", "2147483646", "-c", "k"), 1);
	complains("there is no process 2147483646");
	cr_expect_eq(INQUEST("-p", "x", "-c", "k"), 2);
	complains("-p: no process id: 'x'");
	cr_expect_eq(INQUEST("-p", pid_text(), "-z", "x"), 2);
	complains("one target at a time");
	cr_expect_eq(INQUEST("-c", ".dump /m x.dmp"), 1);
	complains("nothing is open to be dumped");
	cr_expect_eq(INQUEST("-c", ".detach"), 1);
	complains("no running process is being looked at");
}

/* --- what is written -------------------------------------------------------------- */

Test(dumping, tells_the_same_in_every_form)
{
	static const struct {
		const char *from, *command, *to;
	} steps[] = {
		{NULL, ".dump /mf full.dmp", "full.dmp"},
		{NULL, ".dump /f live.core", "live.core"},
		{"full.dmp", ".dump /f mini.core", "mini.core"},
		{"live.core", ".dump /mw core.dmp", "core.dmp"},
		{"mini.core", ".dump /mf again.dmp", "again.dmp"},
		{"full.dmp", ".dump /mw smaller.dmp", "smaller.dmp"},
		{"full.dmp", ".dump /mf --compress packed.dmp", "packed.dmp"},
		{"packed.dmp", ".dump /f --compress packed.core", "packed.core"},
	};
	char *expected = facts_of("-p", pid_text());

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *got;

		cr_assert_eq(steps[i].from ? INQUEST("-z", steps[i].from, "-c", steps[i].command)
					   : dump_live(steps[i].command),
			     0, "%s: %s", steps[i].command, inq_buffer_text(&complained));
		got = facts_of("-z", steps[i].to);
		cr_expect_str_eq(got, expected, "%s differs:\n%s\n--- expected\n%s", steps[i].to, got, expected);
		free(got);
	}
	cr_expect_eq(count_files(), 8);
	free(expected);
}

Test(dumping, keeps_comment_and_exception_that_are_given)
{
	struct stat st;

	cr_assert_eq(dump_live(".dump /m /c \"seen by \\\"us\\\"\" x.dmp"), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(INQUEST("-z", "x.dmp", "-c", "vertarget"), 0);
	says("seen by \"us\"");
	cr_assert(exists("x.dmp", &st));
	/* An address is an expression; what follows a blank is the next option. */
	cr_expect_eq(dump_live(".dump /xc (rsp + 8) /o x.dmp"), 1);
	cr_expect(strstr(inq_buffer_text(&complained), "context record") ||
			  strstr(inq_buffer_text(&complained), "mcontext"),
		  "%s", inq_buffer_text(&complained));
}

Test(dumping, keeps_names_and_comment_in_a_core)
{
	cr_assert_eq(dump_live(".dump /f /c \"of a core\" x.core"), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(INQUEST("-z", "x.core", "-c", "vertarget; ~1 k"), 0);
	says("of a core");
	/* A dump of that, and a core again: nothing is lost on the way. */
	cr_assert_eq(INQUEST("-z", "x.core", "-c", ".dump /mf y.dmp"), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(INQUEST("-z", "y.dmp", "-c", "vertarget; ~"), 0);
	says("waiter 1");
	says("of a core");
	cr_assert_eq(INQUEST("-z", "y.dmp", "-c", ".dump /f z.core"), 0, "%s", inq_buffer_text(&complained));
	cr_assert_eq(INQUEST("-z", "z.core", "-c", "vertarget; ~"), 0);
	says("waiter 1");
	says("of a core");
}

Test(dumping, does_not_disturb_what_it_dumps)
{
	char path[64], text[4096] = "";
	int fd;

	cr_assert_eq(dump_live(".dump /mf x.dmp; .dump /m y.dmp"), 0);
	cr_assert_eq(INQUEST("-p", pid_text(), "--no-snapshot", "-c", ".dump /mf z.dmp"), 0);
	snprintf(path, sizeof(path), "/proc/%d/status", victim);
	/* It runs for a moment, to go on waiting. */
	for (int i = 0; i < 200 && !strstr(text, "State:\tS"); i++) {
		fd = open(path, O_RDONLY);
		(void)!read(fd, text, sizeof(text) - 1);
		close(fd);
		usleep(10000);
	}
	cr_expect(strstr(text, "State:\tS"), "%s", text);
	cr_expect(strstr(text, "TracerPid:\t0"));
	cr_expect(strstr(text, "SigPnd:\t0000000000000000"));
	cr_expect_eq(*shared, THREADS, "a system call was not restarted");
}

Test(dumping, lets_gdb_read_the_core)
{
	char expression[64];

	if (access("/usr/bin/gdb", X_OK) != 0)
		cr_skip_test("gdb is not installed");
	cr_assert_eq(dump_live(".dump /f x.core"), 0, "%s", inq_buffer_text(&complained));
	snprintf(expression, sizeof(expression), "x/gx %p", (void *)(marked + 5));
	cr_assert_eq(run_argv(NULL, (const char *const[]){"/usr/bin/gdb", "-nx", "-batch", "-ex", "info threads", "-ex",
							  expression, "-c", "x.core", NULL}),
		     0);
	says("0xabad1dea00000005");
	says("  3    ");
	cr_expect_null(strstr(inq_buffer_text(&complained), "warning: core"), "%s", inq_buffer_text(&complained));
}
