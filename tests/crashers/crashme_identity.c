// SPDX-License-Identifier: GPL-3.0-or-later
/* crashme's modes about who the process is, and how big. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "crashme.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { NOBODY = 65534 };

/* A mapping with a name of the caller's choice, where the kernel lets one give such names. */
void set_vma_name(const char *name)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, 4096, name);
}

static void *become_nobody_alone(void *unused)
{
	/* The raw call changes one thread; the C library's would change all. */
	if (syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY))
		abort();
	prctl(PR_SET_DUMPABLE, 1);
	read_null_below(1);
	return unused;
}

void mode_mixed_ids(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, become_nobody_alone, NULL))
		abort();
	pthread_join(thread, NULL);
}

void mode_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	read_null_below(1);
}

void mode_drop(void)
{
	if (setresgid(getgid(), getgid(), getgid()) || setresuid(getuid(), getuid(), getuid()))
		abort();
	read_null_below(1);
}

void mode_keep_saved(void)
{
	if (seteuid(getuid()))
		abort();
	prctl(PR_SET_DUMPABLE, 1);
	read_null_below(1);
}

void mode_wait(void)
{
	if (write(STDOUT_FILENO, "waiting\n", 8) != 8)
		_exit(3);
	for (;;)
		pause();
}

void mode_many_maps(void)
{
	/* Neighbours with unlike protections stay mappings of their own. */
	enum { PAGES = 60000 };
	char *area = mmap(NULL, PAGES * 4096ul, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		abort();
	for (size_t i = 0; i < PAGES; i += 2)
		if (mprotect(area + i * 4096, 4096, PROT_READ | PROT_WRITE))
			break;
	read_null_below(1);
}

static void *park(void *unused)
{
	pause();
	return unused;
}

static unsigned long number_from(const char *variable)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : 0;
}

/*
 * For the benchmark: small pages, since they are what costs. The moment of the crash goes to
 * standard output as the monotonic clock's nanoseconds, so that the parent need not guess it.
 * With $TOUCH_STAY it stays there, for somebody to look at it before it dies.
 */
void mode_touch(void)
{
	size_t bytes = number_from("TOUCH_MIB") << 20;
	unsigned long threads = number_from("TOUCH_THREADS");
	struct timespec now;
	pthread_attr_t small;
	pthread_t thread;

	if (bytes) {
		char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		if (area == MAP_FAILED)
			abort();
		madvise(area, bytes, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < bytes; i += 4096)
			area[i] = (char)(i >> 12) | 1;
	}
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (unsigned long i = 0; i < threads; i++)
		if (pthread_create(&thread, &small, park, NULL))
			abort();
	if (threads)
		usleep(200000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	dprintf(STDOUT_FILENO, "%lld\n", now.tv_sec * 1000000000ll + now.tv_nsec);
	if (number_from("TOUCH_STAY"))
		pause();
	read_null_below(1);
}
