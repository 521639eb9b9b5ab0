/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that sees how long it stands still. Usage: pausing MIB THREADS [MIB_ZERO [MIB_UNTOUCHED]]
 *
 * Fills MIB of memory with what a heap may look like, writes zeroes to some, leaves some as it is, starts THREADS that
 * sleep, prints "ready", then looks at the clock ten thousand times a second (not all the time: the kernel stops a
 * real-time thread that never sleeps for 50 ms of each second); without threads it only sleeps. At each SIGUSR1 it
 * prints the longest gap since the last one, in microseconds.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void ask(int number)
{
	(void)number;
	asked = 1;
}

static void *wait_here(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Pointers into 16 MiB, small numbers, some noise: zstd makes about half of it. */
static void fill(uint64_t *words, size_t count)
{
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < count; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		words[i] = i % 4 == 0 ? state : i % 4 == 3 ? state & 0xff : 0x7f1234000000 | (state & 0xfffff0);
	}
}

static size_t mib(int argc, char **argv, int index)
{
	return argc > index ? strtoul(argv[index], NULL, 10) << 20 : 0;
}

int main(int argc, char **argv)
{
	size_t size = mib(argc, argv, 1), zero = mib(argc, argv, 3), untouched = mib(argc, argv, 4);
	long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	const struct timespec look = {.tv_nsec = 100000};
	uint64_t last, longest = 0;
	pthread_attr_t attributes;
	char *memory = mmap(NULL, size + zero + untouched + 1, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	fill((uint64_t *)(void *)memory, size / sizeof(uint64_t));
	memset(memory + size, 0, zero);
	signal(SIGUSR1, ask);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	for (long i = 0; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, wait_here, NULL))
			return 1;
	}
	puts("ready");
	fflush(stdout);
	last = now_ns();
	for (;;) {
		uint64_t now = now_ns();

		if (now - last > longest)
			longest = now - last;
		if (!threads && !asked)
			pause();
		else
			nanosleep(&look, NULL);
		if (asked) {
			asked = 0;
			printf("%llu\n", (unsigned long long)longest / 1000);
			fflush(stdout);
			longest = 0;
			now = now_ns();
		}
		last = now;
	}
}
