// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * stubbed MODE [ARGUMENT]: what a program may do to the stub that is in it, and then it dies, or does not.
 *
 * Built twice: for the preloaded library, whose functions are asked for weakly, and static with the archive.
 * Modes that install the stub themselves do so behind handlers of their own; they are run without INQUEST.
 */
#include <arpa/inet.h>
#include <asm/prctl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inquest-stub.h"
#include "stubbed.h"

#ifndef STATIC
#pragma weak inquest_install
#pragma weak inquest_dump_now
#pragma weak inquest_annotate
#endif

volatile int after;
static void *volatile nothing;
const char *argument = "";

void crash(void)
{
	after += *(volatile int *)nothing;
	after++;
}

static void *crash_in_thread(void *unused)
{
	crash();
	return unused;
}

int fail(const char *what)
{
	perror(what);
	exit(3);
}

void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

/* --- handlers before and after the stub's --------------------------------------------------------- */

static volatile int called;
static volatile char *page;

void install_ours(void)
{
	const struct inquest_options options = {
		.version = INQUEST_STUB_VERSION,
		.directory = getenv("INQUEST_DIR"),
	};
	int error = inquest_install(&options);

	if (error) {
		fprintf(stderr, "stubbed: inquest_install: %s\n", strerror(-error));
		exit(3);
	}
}

void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	if (sigaction(signal, &action, NULL))
		fail("sigaction");
}

static void only_count(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	called++;
}

static void mend_page(int signal, siginfo_t *info, void *context)
{
	only_count(signal, info, context);
	mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
}

static void back_to_default(int number, siginfo_t *info, void *context)
{
	only_count(number, info, context);
	signal(number, SIG_DFL);
}

static void crash_itself(int signal, siginfo_t *info, void *context)
{
	only_count(signal, info, context);
	crash();
}

/* A write barrier, as collectors have: 3,000 faults at one instruction are ordinary work. */
static void mode_mended(void)
{
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handle(SIGSEGV, mend_page, 0);
	install_ours();
	for (int i = 0; i < 3000; i++) {
		mprotect((void *)page, 4096, PROT_READ);
		page[0] = 1;
	}
	raise(SIGSEGV);
	printf("called %d\n", called);
	fflush(stdout);
	crash();
}

static void mode_before_resets(void)
{
	handle(SIGSEGV, back_to_default, 0);
	install_ours();
	crash();
}

static void mode_before_once(void)
{
	handle(SIGSEGV, only_count, (int)SA_RESETHAND);
	install_ours();
	crash();
}

static void mode_before_aborts(void)
{
	handle(SIGABRT, only_count, 0);
	install_ours();
	abort();
}

static void mode_before_crashes(void)
{
	handle(SIGSEGV, crash_itself, 0);
	install_ours();
	crash();
}

static void mode_before_spins(void)
{
	handle(SIGSEGV, only_count, 0);
	install_ours();
	crash();
}

static struct sigaction theirs;

static void call_theirs(int signal, siginfo_t *info, void *context)
{
	only_count(signal, info, context);
	theirs.sa_sigaction(signal, info, context);
}

static void mode_after_chains(void)
{
	struct sigaction action = {.sa_sigaction = call_theirs, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (sigaction(SIGSEGV, &action, &theirs))
		fail("sigaction");
	crash();
}

/* signal() gives a handler back and forgets that it wants a siginfo. */
static void mode_forgets_siginfo(void)
{
	void (*was)(int) = signal(SIGSEGV, SIG_DFL);

	signal(SIGSEGV, was);
	crash();
}

static void at_exit(void)
{
	crash();
}

static void mode_at_exit(void)
{
	atexit(at_exit);
	exit(0);
}

/* --- ruined processes ------------------------------------------------------------------------------- */

static void *sleep_long(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* glibc finds the ruined heap while it holds the arena's lock, and aborts there. */
static void mode_malloc_lock(void)
{
	pthread_t thread;
	size_t *block;

	pthread_create(&thread, NULL, sleep_long, NULL);
	block = malloc(24);
	for (size_t *volatile at = block + 3; at < block + 4096 / sizeof(*at); at++)
		*at = 0x4141414141414141;
	after += malloc(100000) != NULL;
	crash();
}

static void mode_no_thread_pointer(void)
{
	syscall(SYS_arch_prctl, ARCH_SET_FS, 0);
	*(volatile int *)0 = 1;
}

static void mode_flags(void)
{
	/* Alignment checks on, strings backwards, and an unaligned stack. */
	__asm__ volatile("sub $4, %%rsp\n pushf\n orq $0x40400, (%%rsp)\n popf\n ud2" ::: "memory");
}

int overflow(int depth)
{
	volatile char room[256];

	room[0] = (char)depth;
	if (depth >= 0)
		after += overflow(depth + 1);
	return room[0] + after;
}

/* An alternate stack of the program's own, as small as it may be; the stub has to do with it. */
static void mode_small_altstack(void)
{
	stack_t stack = {.ss_size = 16384};

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	after += overflow(0);
}

static void mode_all_descriptors(void)
{
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	crash();
}

static void mode_close(void)
{
	for (const char *digit = argument; *digit; digit++)
		close(*digit - '0');
	crash();
}

/* Answered by an errno, a trap, or death. */
void filter_calls(const char *rule)
{
	struct sock_filter filter[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog program = {1, filter};
	unsigned action = SECCOMP_RET_ERRNO | (unsigned)atoi(rule);
	const char *at = strchr(rule, ':');

	if (strncmp(rule, "trap", 4) == 0)
		action = SECCOMP_RET_TRAP;
	else if (strncmp(rule, "kill", 4) == 0)
		action = SECCOMP_RET_KILL_PROCESS;
	for (; at && program.len < 60; at = strchr(at + 1, ',')) {
		filter[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								       (unsigned)atoi(at + 1), 0, 1);
		filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("seccomp");
}

static void mode_seccomp(void)
{
	filter_calls(argument);
	crash();
}

static void mode_sleep(void)
{
	say("ready");
	for (;;)
		pause();
}

/* The same, closed to other processes of its user; and under a filter. */
static void mode_sleep_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	mode_sleep();
}

static void mode_sleep_seccomp(void)
{
	filter_calls(argument);
	mode_sleep();
}

/* --- other threads and processes -------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *crash_together(void *unused)
{
	pthread_barrier_wait(&barrier);
	crash();
	return unused;
}

static void mode_many_crash(void)
{
	int count = atoi(argument);
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, (unsigned)count);
	for (int i = 0; i < count; i++)
		pthread_create(&thread, NULL, crash_together, NULL);
	sleep_long(NULL);
}

static void mode_threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int made = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	while (made < atoi(argument) && pthread_create(&thread, &attributes, sleep_long, NULL) == 0)
		made++;
	printf("%d\n", made);
	fflush(stdout);
	crash();
}

static void *make_threads(void *unused)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (;;)
		pthread_create(&thread, &attributes, (void *(*)(void *))(void (*)(void))getpid, NULL);
	return unused;
}

/* Threads come and go while the crashed one is looked at. */
static void mode_churn(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, make_threads, NULL);
	usleep(20000);
	crash();
}

static void *reap_all(void *unused)
{
	for (;;) {
		if (waitpid(-1, NULL, __WALL) < 0)
			sched_yield();
	}
	return unused;
}

static void mode_reaper(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, reap_all, NULL);
	usleep(2000);
	crash();
}

static void mode_ignores_children(void)
{
	signal(SIGCHLD, SIG_IGN);
	crash();
}

/* The child shares the memory, the stub's too; what it used up must be there for the parent. */
static void mode_vfork(void)
{
	int status;
	pid_t child = vfork();

	if (!child) {
		crash();
		_exit(1);
	}
	waitpid(child, &status, 0);
	printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	fflush(stdout);
	crash();
}

static void mode_fork(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		crash();
	waitpid(child, &status, 0);
	printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	exit(0);
}

static void mode_leader_gone(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, crash_in_thread, NULL);
	pthread_exit(NULL);
}

/* --- what the header offers --------------------------------------------------------------------------- */

static long resident_kib(void)
{
	char line[128];
	long found = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &found);
	fclose(f);
	return found;
}

static int first_free(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

/* A dump without a crash, again and again: nothing may grow, nothing may be changed. */
static void mode_dump_now(void)
{
	sigset_t before, now;
	int count = atoi(argument), bad = 0, fd;
	long kib = 0;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	fd = first_free();
	for (int i = 0; i < count; i++) {
		int error;

		errno = 4711;
		error = inquest_dump_now();
		if (error || errno != 4711) {
			fprintf(stderr, "dump %d: %d, errno %d\n", i, error, errno);
			bad++;
		}
		if (i == count / 10)
			kib = resident_kib();
	}
	sigprocmask(SIG_SETMASK, NULL, &now);
	printf("bad %d fds %d mask %d zombies %d grown %ld dumpable %d\n", bad, first_free() - fd,
	       memcmp(&now, &before, 8) != 0, waitpid(-1, NULL, WNOHANG | __WALL) != -1, resident_kib() - kib,
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	exit(0);
}

static void mode_annotate(void)
{
	char key[32];

	inquest_annotate("request", "GET /secret-in-annotation", 0);
	inquest_annotate("build", "4711-safe-annotation", INQUEST_SAFE);
	inquest_annotate("gone", "not-there-any-more", 0);
	inquest_annotate("gone", NULL, 0);
	for (int i = 2; i < INQUEST_ANNOTATIONS; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		if (inquest_annotate(key, "value", 0))
			fail("annotate");
	}
	if (inquest_annotate("one-too-many", "", 0) != -ENOSPC || inquest_annotate("bad key", "", 0) != -EINVAL ||
	    inquest_annotate("gone", NULL, 0) != -ENOENT)
		fail("annotate refuses");
	crash();
}

#ifdef STATIC
static void mode_unload(void)
{
	exit(3);
}
static void mode_load_and_unload(void)
{
	exit(3);
}
#else
/* A plugin that is gone when its function is called. */
static void mode_unload(void)
{
	void *library = dlopen(argument, RTLD_NOW);
	void (*function)(void);

	if (!library)
		fail(dlerror());
	function = (void (*)(void))dlsym(library, "plugin_entry");
	dlclose(library);
	function();
	after++;
}

static void mode_load_and_unload(void)
{
	void *library = dlopen(argument, RTLD_NOW);

	if (!library)
		fail(dlerror());
	dlclose(library);
	crash();
}
#endif

/* Two counts a mebibyte apart, made one after the other for ever: at any one moment they are the same, or the first is
 * one ahead. */
static void *count_apart(void *pair)
{
	volatile size_t *first = pair, *last = first + (1 << 20) / sizeof(*first);

	for (;;) {
		*first = *first + 1;
		*last = *last + 1;
	}
	return NULL;
}

/* PORT MIB COUNTERS: a server with some memory, and threads that never rest, whose counts lie behind it, 2 MiB each;
 * "crash" kills it, anything else is answered with what it is. */
static void mode_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *mib = strchr(argument, ' '), *counters = mib ? strchr(mib + 1, ' ') : NULL;
	size_t size = (size_t)atoi(mib ? mib : "0") << 20;
	int threads = counters ? atoi(counters) : 0;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char *memory = mmap(NULL, size + ((size_t)threads << 21) + 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < threads; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, count_apart, memory + size + ((size_t)i << 21));
	}
	for (size_t at = 0; at < size; at += 4096)
		*(size_t *)(void *)(memory + at) = at ^ 0x5a5a5a5a;
	address.sin_port = htons((uint16_t)atoi(argument));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 64))
		fail("listen");
	for (;;) {
		char request[64] = "";
		int client = accept(listener, NULL, NULL);

		if (client < 0 || recv(client, request, sizeof(request) - 1, 0) < 0)
			fail("serve");
		if (strncmp(request, "crash", 5) == 0)
			crash();
		dprintf(client, "pid %d memory %p\n", getpid(), (void *)memory);
		close(client);
	}
}

static const struct mode modes[] = {
	{"plain", crash},
	{"mended", mode_mended},
	{"before-resets", mode_before_resets},
	{"before-once", mode_before_once},
	{"before-aborts", mode_before_aborts},
	{"before-crashes", mode_before_crashes},
	{"before-spins", mode_before_spins},
	{"after-chains", mode_after_chains},
	{"forgets-siginfo", mode_forgets_siginfo},
	{"at-exit", mode_at_exit},
	{"malloc-lock", mode_malloc_lock},
	{"no-thread-pointer", mode_no_thread_pointer},
	{"flags", mode_flags},
	{"small-altstack", mode_small_altstack},
	{"all-descriptors", mode_all_descriptors},
	{"close", mode_close},
	{"seccomp", mode_seccomp},
	{"sleep", mode_sleep},
	{"sleep-undumpable", mode_sleep_undumpable},
	{"sleep-seccomp", mode_sleep_seccomp},
	{"many-crash", mode_many_crash},
	{"threads", mode_threads},
	{"churn", mode_churn},
	{"reaper", mode_reaper},
	{"ignores-children", mode_ignores_children},
	{"vfork", mode_vfork},
	{"fork", mode_fork},
	{"leader-gone", mode_leader_gone},
	{"dump-now", mode_dump_now},
	{"annotate", mode_annotate},
	{"unload", mode_unload},
	{"load-and-unload", mode_load_and_unload},
	{"server", mode_server},
	{NULL, NULL},
};

static void run(const struct mode *mode, const char *name)
{
	for (; mode->name; mode++) {
		if (strcmp(name, mode->name) == 0)
			mode->run();
	}
}

int main(int argc, char *argv[])
{
	static const struct mode *const tables[] = {modes, ruin_modes, process_modes, memory_modes};

	if (argc > 2)
		argument = argv[2];
	for (size_t i = 0; argc > 1 && i < sizeof(tables) / sizeof(tables[0]); i++)
		run(tables[i], argv[1]);
	fputs("usage: stubbed MODE [ARGUMENT]\n", stderr);
	return 3;
}
