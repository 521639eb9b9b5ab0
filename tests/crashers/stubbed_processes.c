// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What else there is beside the thread that crashes: children of every kind, threads that the
 * kernel made, and processes that share the memory.
 */
#include "stubbed.h"
#include "inquest-stub.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef STATIC
#pragma weak inquest_dump_now
#endif

extern char **environ;

static void tell_child(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, __WALL) != child)
		fail("waitpid");
	printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status));
	fflush(stdout);
}

/* --- children ------------------------------------------------------------------------------ */

/* As library calls know nothing of it, what they remember of the process is the parent's. */
static void mode_raw_clone(void)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!child)
		crash();
	tell_child(child);
	exit(0);
}

static int crash_in_child(void *unused)
{
	(void)unused;
	crash();
	return 0;
}

static pid_t start_sibling(int (*run)(void *), int flags)
{
	enum { STACK = 65536 };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child = clone(run, stack + STACK, flags, NULL);

	if (child < 0)
		fail("clone");
	return child;
}

/* A process that shares our memory and nothing else crashes; so do we, afterwards. */
static void mode_clone_vm(void)
{
	tell_child(start_sibling(crash_in_child, CLONE_VM | SIGCHLD));
	crash();
}

/* The child is a program of its own, with a stub of its own. */
static void mode_spawn(void)
{
	char program[] = "/proc/self/exe", mode[] = "plain";
	char *argv[] = {program, mode, NULL};
	pid_t child;

	if (posix_spawn(&child, program, NULL, NULL, argv, environ))
		fail("posix_spawn");
	tell_child(child);
	exit(0);
}

/* A program without a file. */
static void mode_memfd(void)
{
	char mode[] = "plain", name[] = "memfd", buffer[65536];
	char *argv[] = {name, mode, NULL};
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create("nowhere", 0);
	ssize_t size;

	while ((size = read(from, buffer, sizeof(buffer))) > 0) {
		if (write(to, buffer, (size_t)size) != size)
			fail("memfd");
	}
	fexecve(to, argv, environ);
	fail("fexecve");
}

/* --- threads in odd states ----------------------------------------------------------------- */

static void *wait_in_vfork(void *unused)
{
	pid_t child = vfork();

	if (!child) {
		const struct timespec some = {.tv_sec = 2, .tv_nsec = 500000000};

		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		syscall(SYS_nanosleep, &some, NULL);
		_exit(0);
	}
	return unused;
}

/* The thread sleeps in the kernel and answers nobody until its child is gone. */
static void mode_vfork_waiter(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_in_vfork, NULL);
	usleep(50000);
	crash();
}

/* Threads of the process that never run its code: one polls a ring, one waits in a read. */
static void mode_io_uring(void)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 10000};
	int pipes[2], ring = (int)syscall(SYS_io_uring_setup, 8, &params);
	struct io_uring_sqe *entries;
	unsigned char *area;
	static char byte;

	if (ring < 0 || pipe(pipes))
		fail("io_uring");
	area = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned),
		    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED, ring, IORING_OFF_SQES);
	if (area == MAP_FAILED || entries == MAP_FAILED)
		fail("io_uring");
	entries[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = pipes[0],
		.addr = (size_t)&byte,
		.len = 1,
	};
	*(unsigned *)(void *)(area + params.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(void *)(area + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, ring, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	usleep(50000);
	crash();
}

static int change_mappings(void *unused)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		char *place = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		mprotect(place + 4096, 4096, PROT_NONE);
		munmap(place, 65536);
	}
	return unused != NULL;
}

/* Another process changes the mappings that we have in common, while they are read: nobody stops
 * it. It ends when we are gone. */
static void mode_sibling_maps(void)
{
	for (int i = 0; i < 2; i++)
		start_sibling(change_mappings, CLONE_VM | CLONE_FILES);
	usleep(10000);
	crash();
}

/* --- a dump without a crash, and then one -------------------------------------------------- */

static void *dump_again_and_again(void *unused)
{
	for (;;)
		inquest_dump_now();
	return unused;
}

static void mode_dump_and_crash(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, dump_again_and_again, NULL);
	usleep((useconds_t)atoi(argument));
	crash();
}

const struct mode process_modes[] = {
	{"raw-clone", mode_raw_clone},
	{"clone-vm", mode_clone_vm},
	{"spawn", mode_spawn},
	{"memfd", mode_memfd},
	{"vfork-waiter", mode_vfork_waiter},
	{"io-uring", mode_io_uring},
	{"sibling-maps", mode_sibling_maps},
	{"dump-and-crash", mode_dump_and_crash},
	{NULL, NULL},
};
