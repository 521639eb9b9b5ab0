/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that has something for every letter of .dump, and rests: what is read of it twice is the same twice.
 *
 *     plenty [unreadable] [orphan]    prints one line of JSON (where things are), then obeys lines of its standard input:
 *                            "crash" (main thread), "crash-thread", "busy" (from now on), "end"
 *
 * `unreadable`: with a page of a mapping that lies behind the end of its file. `orphan`: with a page that is kept from
 * children.
 */
#include "letters_victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = VICTIM_PAGE };

/* Where glibc 2.35 and later keep the struct rseq of a thread, from its thread pointer on. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));

static int *volatile nowhere = (int *)0x1230;
static int orders[2]; /* to the thread that crashes when told */
static volatile int burnt, ready_threads;
static char relocated[PAGE] = "relocated";
static char *const volatile relro = relocated;
static __thread char of_thread[64] = "tls text";

/* --- threads ---------------------------------------------------------------------------- */

static __attribute__((noinline)) void store_nowhere(void)
{
	*nowhere = 1;
}

static void *obedient(void *unused)
{
	char order;

	prctl(PR_SET_NAME, "obedient");
	of_thread[0] = 'T';
	__atomic_add_fetch(&ready_threads, 1, __ATOMIC_SEQ_CST);
	while (read(orders[0], &order, 1) == 1)
		store_nowhere();
	return unused;
}

/* 60 ms of CPU time in user mode, on the first processor alone, then rest. */
static void *burner(void *unused)
{
	struct timespec now = {0};
	cpu_set_t first;

	prctl(PR_SET_NAME, "burner \xc3\xa4");
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	while (now.tv_nsec < 60000000) {
		for (int i = 0; i < 200000; i++)
			burnt++;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	}
	__atomic_add_fetch(&ready_threads, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return unused;
}

static void *busy(void *unused)
{
	for (;;)
		burnt++;
	return unused;
}

/* --- memory ------------------------------------------------------------------------------ */

static char *map(size_t size, int protection, int flags, int fd)
{
	char *at = mmap(NULL, size, protection, flags, fd, 0);

	if (at == MAP_FAILED)
		_exit(3);
	return at;
}

/* Kinds of memory that the victim of the unit tests lacks. */
static void make_regions(bool with_orphan)
{
	char *jit = map(2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *shared = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	char *guarded = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *orphan = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *mixed = map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *written = map(PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memset(jit, 0xc3, PAGE);
	strcpy(shared, "shared text");
	strcpy(guarded, "before the guard");
	mprotect(guarded + PAGE, PAGE, PROT_NONE);
	strcpy(orphan, "not for children");
	if (with_orphan)
		madvise(orphan, PAGE, MADV_DONTFORK);
	for (int i = 0; i < 64; i += 3)
		memset(mixed + i * PAGE, i + 1, PAGE);
	strcpy(written, "for writing alone");
}

/* --- descriptors --------------------------------------------------------------------------- */

static int unix_listener(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "plenty-%d", (int)getpid());
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 3))
		_exit(3);
	return fd;
}

static void deleted_file(void)
{
	char path[] = "/tmp/plenty-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "deleted", 7) != 7)
		_exit(3);
	fcntl(fd, F_SETFL, O_APPEND);
	unlink(path);
	strcpy(map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd), "DELETED");
}

static void make_descriptors(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	struct itimerspec hour = {.it_value.tv_sec = 3600, .it_interval.tv_sec = 60};
	int pair[2], fd;
	sigset_t usr2;

	deleted_file();
	unix_listener();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		_exit(3);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (fd >= 0)
		bind(fd, (struct sockaddr *)&address, sizeof(address));
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	signalfd(-1, &usr2, SFD_NONBLOCK);
	fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	timerfd_settime(fd, 0, &hour, NULL);
	syscall(SYS_pidfd_open, getpid(), 0);
	open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	open("/", O_PATH);
	open("/dev/zero", O_WRONLY);
	dup2(open("/proc/self/exe", O_RDONLY), 200);
}

/* --- what it says and does --------------------------------------------------------------------- */

static void unload(const char *self)
{
	char path[4096];
	const char *slash = strrchr(self, '/');
	void *handle;

	snprintf(path, sizeof(path), "%.*splugin.so", slash ? (int)(slash + 1 - self) : 0, self);
	handle = dlopen(path, RTLD_NOW);
	if (handle)
		dlclose(handle);
}

static void tell(const struct victim *victim)
{
	printf("{\"pid\": %d, \"heap\": %llu, \"data\": %llu, \"code\": %llu, \"secondary\": %llu, \"untouched\": %llu, "
	       "\"no_dump\": %llu, \"wiped\": %llu, \"truncated\": %llu, \"thread_pointer\": %llu, \"ymm\": %d, "
	       "\"tls\": %llu, \"rseq\": %lld}\n",
	       (int)getpid(), (unsigned long long)victim->heap, (unsigned long long)victim->data,
	       (unsigned long long)victim->code, (unsigned long long)victim->secondary,
	       (unsigned long long)victim->untouched, (unsigned long long)victim->no_dump,
	       (unsigned long long)victim->wiped, (unsigned long long)victim->truncated,
	       (unsigned long long)victim->thread_pointer, (int)victim->spinner,
	       (unsigned long long)(uintptr_t)of_thread, (long long)(&__rseq_offset ? __rseq_offset : 0));
	fflush(stdout);
}

/* Reads without stdio, whose buffers would be one more thing that changes. */
static _Noreturn void obey(void)
{
	pthread_t thread;
	char line[32];

	for (;;) {
		ssize_t size = read(STDIN_FILENO, line, sizeof(line) - 1);

		line[size > 0 ? size : 0] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (size <= 0 || !strcmp(line, "end"))
			_exit(0);
		if (!strcmp(line, "crash"))
			store_nowhere();
		if (!strcmp(line, "crash-thread") && write(orders[1], "!", 1) != 1)
			_exit(3);
		if (!strcmp(line, "busy"))
			pthread_create(&thread, NULL, busy, NULL);
	}
}

static bool has(char **argv, const char *word)
{
	while (*argv && strcmp(*argv, word))
		argv++;
	return *argv;
}

int main(int argc, char **argv)
{
	static struct victim victim;
	char *volatile only_pointer = victim_fill(&victim, has(argv, "unreadable"));
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "plenty");
	(void)argc;
	make_regions(has(argv, "orphan"));
	make_descriptors();
	unload(argv[0]);
	if (!relro || pipe(orders))
		_exit(3);
	pthread_create(&thread, NULL, obedient, NULL);
	pthread_create(&thread, NULL, burner, NULL);
	while (ready_threads < 2)
		usleep(1000);
	usleep(20000); /* all threads rest now */
	tell(&victim);
	(void)only_pointer;
	obey();
}
