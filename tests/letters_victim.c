/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE 1 /* as the command line of the crashing programs has it */
#include "letters_victim.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static char data_text[2 * VICTIM_PAGE] = "data text";

static void *sleeper(void *argument)
{
	for (;;)
		pause();
	return argument;
}

/* Sleeps with a known value in ymm5: a system call does not lose it, but a library call may. */
static void *spinner(void *argument)
{
	struct victim *victim = argument;
	static const uint64_t value[4] = {0x2222222222222222, 0x2222222222222222, 0x1111111111111111,
					  0x1111111111111111};

	victim->spinner = (pid_t)syscall(SYS_gettid);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vmovdqu (%0), %%ymm5\n\tmovl $2, (%1)\n1:\tmovl %2, %%eax\n\tsyscall\n\tjmp 1b"
				 :
				 : "r"(value), "r"(&victim->ready), "i"(SYS_pause)
				 : "rax", "rcx", "r11", "memory");
#endif
	(void)value;
	victim->spinner = 0;
	victim->ready = 2;
	return sleeper(NULL);
}

static void *page(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_memory(struct victim *victim, int with_truncated)
{
	char *heap = malloc(3 * VICTIM_PAGE), *sparse = page(VICTIM_SPARSE), *secret = page(VICTIM_PAGE);
	char *key = page(VICTIM_PAGE);

	heap += 2 * VICTIM_PAGE; /* stale pointers to its start are on the stack */
	strcpy(heap, "heap text");
	victim->heap = (uint64_t)heap;
	victim->data = (uint64_t)data_text;
	victim->code = (uint64_t)qsort; /* far from what any thread runs */
	strcpy(sparse + VICTIM_SPARSE - VICTIM_PAGE, "end");
	victim->untouched = (uint64_t)sparse;
	strcpy(secret, "secret");
	madvise(secret, VICTIM_PAGE, MADV_DONTDUMP);
	victim->no_dump = (uint64_t)secret;
	strcpy(key, "key");
	madvise(key, VICTIM_PAGE, MADV_WIPEONFORK);
	victim->wiped = (uint64_t)key;
	if (with_truncated) {
		int fd = memfd_create("short", MFD_CLOEXEC);

		if (ftruncate(fd, 2 * VICTIM_PAGE))
			_exit(1);
		victim->truncated = (uint64_t)mmap(NULL, 2 * VICTIM_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
		if (ftruncate(fd, VICTIM_PAGE))
			_exit(1);
		victim->truncated += VICTIM_PAGE;
		close(fd);
	}
}

static void make_sockets(struct victim *victim)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	victim->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(victim->listener, (struct sockaddr *)&address, size) || listen(victim->listener, 1) ||
	    getsockname(victim->listener, (struct sockaddr *)&address, &size))
		_exit(1);
	victim->port = ntohs(address.sin_port);
	victim->client = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(victim->client, (struct sockaddr *)&address, size))
		_exit(1);
	victim->server = accept(victim->listener, NULL, NULL);
	victim->local = socket(AF_UNIX, SOCK_DGRAM, 0);
}

static void make_descriptors(struct victim *victim)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (pipe2(victim->pipe, O_CLOEXEC))
		_exit(1);
	victim->event = eventfd(7, 0);
	victim->epoll = epoll_create1(0);
	epoll_ctl(victim->epoll, EPOLL_CTL_ADD, victim->pipe[0], &event);
	victim->timer = timerfd_create(CLOCK_MONOTONIC, 0);
	victim->inotify = inotify_init1(0);
	inotify_add_watch(victim->inotify, "/", IN_CREATE);
	victim->memory = memfd_create("letters", 0);
	victim->file = open("/proc/self/exe", O_RDONLY);
	lseek(victim->file, 123, SEEK_SET);
	victim->directory = open("/", O_RDONLY | O_DIRECTORY);
	victim->device = open("/dev/null", O_RDWR | O_NONBLOCK);
	make_sockets(victim);
}

char *victim_fill(struct victim *victim, int with_truncated)
{
	char *only_pointer = page(16 * VICTIM_PAGE);
	pthread_t thread;

	strcpy(only_pointer + 8 * VICTIM_PAGE, "secondary text");
	only_pointer += 8 * VICTIM_PAGE;
	victim->secondary = (uint64_t)only_pointer;
	make_memory(victim, with_truncated);
	make_descriptors(victim);
	victim->thread_pointer = (uint64_t)pthread_self();
	pthread_create(&thread, NULL, sleeper, NULL);
	pthread_create(&thread, NULL, spinner, victim);
	while (victim->ready != 2)
		usleep(1000);
	return only_pointer;
}

static _Noreturn void live(struct victim *victim, int with_truncated)
{
	char *volatile only_pointer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	only_pointer = victim_fill(victim, with_truncated);
	(void)only_pointer;
	victim->ready = 1;
	for (;;)
		pause();
}

struct victim *victim_start(int with_truncated_mapping)
{
	struct victim *victim = mmap(NULL, sizeof(*victim), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid)
		live(victim, with_truncated_mapping);
	victim->pid = pid;
	while (victim->ready != 1)
		usleep(1000);
	return victim;
}

void victim_end(struct victim *victim)
{
	kill(victim->pid, SIGKILL);
	waitpid(victim->pid, NULL, 0);
	munmap(victim, sizeof(*victim));
}
