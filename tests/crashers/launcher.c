// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * launcher MODE ...: programs that start inquest-collect themselves, with records of their own, and want more of it than
 * it should give.
 *
 *   time COLLECTOR ROUNDS THREADS MAPS     how long it takes to its hold point, in a process of that size
 *   race COLLECTOR ROUNDS VICTIM MALLORY DIRECTORY
 *                                          as root: mallory's processes that end while their collectors start, below a
 *                                          process of the victim's to which those collectors then belong
 *   becomes COLLECTOR DIRECTORY GUARD FILE with the collector at work, runs a set-user-ID program
 *   guard FILE                             that program: has the file in its memory
 *   bait WORD COLLECTOR DIRECTORY          has the word in its memory, and a record; with "-" no collector. Hands its
 *                                          environment down
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "target/record.h"

enum { ROUNDS_MAX = 100000, SECRET = 64 };

static struct inq_record record;
static siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};
static ucontext_t context;
static char *nothing[] = {NULL}, **handed_down = nothing; /* the collector's environment */

static int fail(const char *what)
{
	perror(what);
	exit(3);
}

/* As the stub would fill it, for this thread, here. */
static void fill_record(void)
{
	getcontext(&context);
	context.uc_mcontext.gregs[REG_CSGSFS] = 0x33;
	record = (struct inq_record){
		.jit = {
			.size = sizeof(record.jit),
			.architecture = 9,
			.thread_id = (uint32_t)syscall(SYS_gettid),
			.exception_address = (uint64_t)context.uc_mcontext.gregs[REG_RIP],
			.exception_record = (uint64_t)&info,
			.context_record = (uint64_t)&context,
		},
		.magic = INQ_RECORD_MAGIC,
		.version = INQ_RECORD_VERSION,
		.size = sizeof(record),
		.pid = (uint32_t)getpid(),
		.signal = SIGSEGV,
	};
}

/* Nothing but exec: also in a child that shares the memory. */
static void run_collector(const char *collector, pid_t pid, const char *directory)
{
	char p[12], j[20], d[512];
	char *argv[] = {(char *)collector, "-p", p, "-j", j, "--dump=ma,no-snapshot", directory ? d : NULL, NULL};

	snprintf(p, sizeof(p), "%d", (int)pid);
	snprintf(j, sizeof(j), "%lx", (unsigned long)&record);
	if (directory)
		snprintf(d, sizeof(d), "--directory=%s", directory);
	execve(collector, argv, handed_down);
	_exit(126);
}

/* --- time ------------------------------------------------------------------------------------------ */

static void *sleep_long(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int by_size(const void *a, const void *b)
{
	return *(const long *)a < *(const long *)b ? -1 : 1;
}

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void grow(int threads, int maps)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int made = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	while (made < threads && pthread_create(&thread, &attributes, sleep_long, NULL) == 0)
		made++;
	for (int i = 0; i < maps; i++) {
		if (mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		    MAP_FAILED)
			break;
	}
	printf("threads %d ", made);
}

static long used_us(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 + usage->ru_utime.tv_usec +
	       usage->ru_stime.tv_usec;
}

/* The collector stops itself at its hold point; that is when its time is taken, and then it is ended. By the clock, and
 * by the processor's time that it used, which is the same on a busy machine. */
static int mode_time(char **argv)
{
	int rounds = atoi(argv[1]);
	long *took = calloc((size_t)rounds, sizeof(*took)), *used = calloc((size_t)rounds, sizeof(*used));

	grow(atoi(argv[2]), atoi(argv[3]));
	fill_record();
	for (int i = 0; i < rounds; i++) {
		struct rusage usage;
		int status;
		pid_t child;

		took[i] = now_us();
		child = vfork();
		if (!child)
			run_collector(argv[0], getppid(), NULL);
		if (child < 0 || waitpid(child, &status, WUNTRACED) != child)
			fail("collector");
		took[i] = now_us() - took[i];
		if (!WIFSTOPPED(status)) {
			fprintf(stderr, "launcher: the collector did not stop: %x\n", status);
			return 3;
		}
		kill(child, SIGKILL);
		wait4(child, &status, 0, &usage);
		used[i] = used_us(&usage);
	}
	qsort(took, (size_t)rounds, sizeof(*took), by_size);
	qsort(used, (size_t)rounds, sizeof(*used), by_size);
	printf("median %ld p99 %ld used %ld\n", took[rounds / 2], took[rounds * 99 / 100], used[rounds * 99 / 100]);
	return 0;
}

/* --- race ------------------------------------------------------------------------------------------ */

static void become(const char *id)
{
	unsigned number = (unsigned)atoi(id);

	if (setgroups(0, NULL) || setresgid(number, number, number) || setresuid(number, number, number) ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		fail("becoming a user");
}

static void wait_us(long us)
{
	long end = now_us() + us;

	while (now_us() < end)
		;
}

/* mallory's: each round a child whose child is the collector; or, by CLONE_PARENT, one whose parent is the victim's
 * process from the start. What -p says is in turn the victim's, the parent's, and the first process's id. */
static void run_races(const char *collector, int rounds, const char *directory)
{
	pid_t victim = getppid();

	for (int i = 0; i < rounds; i++) {
		pid_t parent;

		if (i % 4 == 3) {
			parent = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
			if (!parent)
				run_collector(collector, victim, directory);
			continue;
		}
		parent = fork();
		if (!parent) {
			pid_t self = getpid();

			fill_record();
			if (!fork())
				run_collector(collector, i % 4 == 0 ? victim : i % 4 == 1 ? self : 1, directory);
			wait_us(rand() % 400);
			_exit(0);
		}
		waitpid(parent, NULL, 0);
	}
	_exit(0);
}

/* The victim's process: an heir to orphans, with a secret that it has only from here on. */
static int mode_race(char **argv)
{
	volatile char secret[SECRET];
	int ended[4] = {0}, status;
	pid_t mallory;

	fill_record();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	mallory = fork();
	if (!mallory) {
		become(argv[3]);
		run_races(argv[0], atoi(argv[1]), argv[4]);
	}
	become(argv[2]);
	for (int i = 0; i < SECRET; i++)
		secret[i] = "VICTIMS-SECRET-"[i % 15];
	for (;;) {
		pid_t child = waitpid(-1, &status, 0);

		if (child < 0)
			break;
		if (child != mallory)
			ended[!WIFEXITED(status) ? 3 : WEXITSTATUS(status) > 2 ? 2 : WEXITSTATUS(status)]++;
	}
	printf("pid %d dumped %d refused %d misused %d killed %d secret %c\n", (int)getpid(), ended[0], ended[1], ended[2],
	       ended[3], secret[5]);
	return 0;
}

/* --- becomes, guard, bait --------------------------------------------------------------------------------- */

static void do_nothing(int signal)
{
	(void)signal;
}

static int mode_becomes(char **argv)
{
	sigset_t set;
	int number;

	/* Not lost if it comes before it is waited for. */
	signal(SIGUSR1, do_nothing);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fill_record();
	if (!vfork())
		run_collector(argv[0], getppid(), argv[1]);
	sigwait(&set, &number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	execl(argv[2], argv[2], "guard", argv[3], NULL);
	return fail("guard");
}

static int mode_guard(char **argv)
{
	char on_stack[4096];
	char *on_heap = malloc(sizeof(on_stack));
	int fd = open(argv[0], O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, on_stack, sizeof(on_stack));

	if (size <= 0)
		return fail(argv[0]);
	memcpy(on_heap, on_stack, (size_t)size);
	close(fd);
	puts("guarding");
	fflush(stdout);
	sleep(30);
	return on_heap[0] == on_stack[0] ? 0 : 3;
}

static int mode_bait(char **argv)
{
	handed_down = environ;
	fill_record();
	if (strcmp(argv[1], "-") != 0 && !vfork())
		run_collector(argv[1], getppid(), argv[2]);
	sleep(30);
	return 0;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(char **argv);
	} modes[] = {
		{"time", 4, mode_time}, {"race", 5, mode_race}, {"becomes", 4, mode_becomes}, {"guard", 1, mode_guard},
		{"bait", 3, mode_bait},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0 && argc >= modes[i].arguments + 2)
			return modes[i].run(argv + 2);
	}
	fputs("usage: launcher time|race|becomes|guard|bait ...\n", stderr);
	return 2;
}
