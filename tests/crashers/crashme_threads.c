// SPDX-License-Identifier: GPL-3.0-or-later
/* crashme's modes with several threads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crashme.h"

enum { MANY = 1000 };

static int silent_pipe[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_t main_thread;

/* Wait until thread number `tid` of this process sleeps, so that every run has the same frames. */
static void until_asleep(int expected)
{
	for (int tries = 0; tries < 2000; tries++) {
		int asleep = 0;
		char path[64], line[512];

		for (int tid = getpid(); tid < getpid() + 64 && asleep < expected; tid++) {
			char *state;
			ssize_t n;
			int fd;

			snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			n = read(fd, line, sizeof(line) - 1);
			close(fd);
			if (n <= 0)
				continue;
			line[n] = '\0';
			state = strrchr(line, ')');
			if (state && state[1] == ' ' && state[2] == 'S')
				asleep++;
		}
		if (asleep >= expected)
			return;
		usleep(1000);
	}
}

FRAME static void waiter_inner(void)
{
	pthread_mutex_lock(&lock);
	pthread_cond_wait(&never, &lock);
	after++;
}

static void *waiter(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter_inner();
	after++;
	return unused;
}

FRAME static void reader_inner(void)
{
	char byte;

	if (read(silent_pipe[0], &byte, 1) == 1)
		after++;
	after++;
}

static void *reader(void *unused)
{
	pthread_setname_np(pthread_self(), "reader");
	reader_inner();
	after++;
	return unused;
}

FRAME static void crasher_inner(int depth)
{
	if (depth)
		crasher_inner(depth - 1);
	else
		read_null();
	after++;
}

static void *crasher(void *unused)
{
	pthread_setname_np(pthread_self(), "crasher");
	until_asleep(3);
	crasher_inner(5);
	after++;
	return unused;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		abort();
	return thread;
}

void mode_threads(void)
{
	if (pipe(silent_pipe))
		abort();
	start(waiter);
	start(reader);
	pthread_join(start(crasher), NULL);
	after++;
}

static void *crash_after_leader(void *unused)
{
	pthread_join(main_thread, NULL);
	read_null_below(2);
	after++;
	return unused;
}

void mode_leader_exited(void)
{
	main_thread = pthread_self();
	start(crash_after_leader);
	pthread_exit(NULL);
}

static void *park(void *unused)
{
	pause();
	after++;
	return unused;
}

static void *crash_slowly(void *unused)
{
	usleep(300000); /* the others are on their way to pause() */
	read_null_below(2);
	after++;
	return unused;
}

void mode_many_threads(void)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < MANY - 2; i++)
		if (pthread_create(&thread, &small, park, NULL))
			abort();
	pthread_join(start(crash_slowly), NULL);
}

static pthread_barrier_t together;

static void *crash_together(void *unused)
{
	pthread_barrier_wait(&together);
	read_null_below(1);
	after++;
	return unused;
}

void mode_two_crash(void)
{
	pthread_barrier_init(&together, NULL, 2);
	start(crash_together);
	pthread_join(start(crash_together), NULL);
	after++;
}
