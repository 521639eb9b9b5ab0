/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that sees how long it stands still. Usage: pausing MIB THREADS
 *
 * Touches MIB of memory, starts THREADS that sleep, prints "ready", then looks at the clock all the time. At each
 * SIGUSR1 it prints the longest gap since the last one, in microseconds.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	uint64_t last, longest = 0;
	pthread_attr_t attributes;
	char *memory = malloc(size + 1);

	if (!memory)
		return 1;
	memset(memory, 0x5a, size + 1);
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
