/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/stop.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPINNERS = 6 };

/* Shared with the child: how often each of its threads went round. */
static volatile unsigned long *turns;

static void *spin(void *which)
{
	for (;;)
		turns[(size_t)which]++;
	return NULL;
}

static void child_of_threads(void)
{
	pthread_t thread;

	for (size_t i = 0; i < SPINNERS; i++)
		pthread_create(&thread, NULL, spin, (void *)i);
	prctl(PR_SET_NAME, "leader");
	for (;;)
		pause();
}

static pid_t start(void (*body)(void))
{
	pid_t pid;

	turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		_exit(0);
	}
	return pid;
}

static int task_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static char state_of(pid_t pid, uint32_t tid)
{
	char path[64], text[512] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%u/stat", (int)pid, tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void wait_for_threads(void)
{
	for (int i = 0; i < 2000; i++) {
		size_t running = 0;

		for (size_t t = 0; t < SPINNERS; t++)
			running += turns[t] > 0;
		if (running == SPINNERS)
			return;
		usleep(1000);
	}
	cr_assert_fail("the child's threads did not start");
}

Test(stop, stops_all_threads_takes_their_registers_and_lets_them_go)
{
	pid_t pid = start(child_of_threads);
	int task = task_of(pid);
	struct inq_stopped stopped;
	unsigned long before[SPINNERS];

	wait_for_threads();
	cr_assert_eq(inq_stop_threads((uint32_t)pid, task, 0, 2000, &stopped, NULL), INQ_OK);
	inq_stop_names(&stopped, task);
	cr_assert_eq(stopped.count, (size_t)SPINNERS + 1);
	cr_assert_eq(stopped.not_stopped, 0u);
	for (size_t i = 0; i < stopped.count; i++) {
		cr_expect(stopped.threads[i].has_context);
		cr_expect_eq(state_of(pid, stopped.threads[i].tid), 't');
		cr_expect_neq(inq_context_pc(&stopped.threads[i].context), 0u);
		cr_expect_neq(stopped.threads[i].tls, 0u);
	}
	cr_expect_str_eq(stopped.threads[0].comm, "leader");
	memcpy(before, (void *)turns, sizeof(before));
	usleep(20000);
	cr_expect_eq(memcmp(before, (void *)turns, sizeof(before)), 0, "a stopped thread went on");
	inq_stop_resume(&stopped);
	for (size_t i = 0; i < SPINNERS; i++) {
		/* On a busy machine a thread waits for its turn. */
		for (int waited = 0; waited < 5000 && turns[i] == before[i]; waited++)
			usleep(1000);
		cr_expect_gt(turns[i], before[i], "thread %zu was not resumed", i);
	}
	inq_stop_done(&stopped);
	close(task);
	finish(pid);
}

Test(stop, sees_threads_off_that_are_killed_and_lets_none_of_them_run)
{
	pid_t pid = start(child_of_threads);
	int task = task_of(pid);
	struct inq_stopped stopped;
	unsigned long before[SPINNERS];

	wait_for_threads();
	cr_assert_eq(inq_stop_threads((uint32_t)pid, task, 0, 2000, &stopped, NULL), INQ_OK);
	memcpy(before, (void *)turns, sizeof(before));
	cr_expect_not(inq_stop_bury(&stopped, 20), "nobody has killed it yet");
	cr_expect_eq(state_of(pid, (uint32_t)pid), 't');
	kill(pid, SIGKILL);
	cr_expect(inq_stop_bury(&stopped, 5000));
	cr_expect_eq(memcmp(before, (void *)turns, sizeof(before)), 0, "a thread ran before it died");
	for (size_t i = 0; i < stopped.count; i++)
		cr_expect_eq(state_of(pid, stopped.threads[i].tid), 0, "thread %zu is still there", i);
	cr_expect(inq_stop_bury(&stopped, 0), "and once more");
	inq_stop_done(&stopped);
	close(task);
}

Test(stop, leaves_a_process_that_was_stopped_stopped)
{
	pid_t pid = start(child_of_threads);
	int task = task_of(pid), status;
	struct inq_stopped stopped;

	wait_for_threads();
	kill(pid, SIGSTOP);
	cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	cr_assert_eq(inq_stop_threads((uint32_t)pid, task, 0, 2000, &stopped, NULL), INQ_OK);
	cr_expect_eq(stopped.not_stopped, 0u);
	cr_expect(stopped.threads[0].has_context);
	inq_stop_resume(&stopped);
	usleep(20000);
	cr_expect_eq(state_of(pid, (uint32_t)pid), 'T', "the group-stop was lost");
	inq_stop_done(&stopped);
	close(task);
	finish(pid);
}

static void child_that_is_traced(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (;;)
		pause();
}

Test(stop, names_the_tracer_that_has_it_and_takes_where_it_waits)
{
	pid_t pid = start(child_that_is_traced);
	int status, result;
	pid_t stranger;

	cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	usleep(20000);
	stranger = fork();
	if (stranger == 0) {
		struct inq_stopped stopped;
		struct inq_error err = {0};
		int task = task_of(pid);
		bool good;

		good = inq_stop_threads((uint32_t)pid, task, 0, 500, &stopped, &err) == INQ_DENIED &&
		       stopped.count == 1 && stopped.threads[0].tracer == (uint32_t)getppid() &&
		       stopped.threads[0].approximate && inq_context_pc(&stopped.threads[0].context) != 0 &&
		       strstr(err.text, "another tracer has it");
		if (!good)
			dprintf(2, "count %zu tracer %u approximate %d pc %llx '%s'\n", stopped.count,
				stopped.threads[0].tracer, stopped.threads[0].approximate,
				(unsigned long long)inq_context_pc(&stopped.threads[0].context), err.text);
		_exit(good ? 0 : 1);
	}
	cr_assert_eq(waitpid(stranger, &result, 0), stranger);
	cr_expect(WIFEXITED(result) && WEXITSTATUS(result) == 0);
	finish(pid);
}

static void child_in_vfork(void)
{
	/* The parent waits, uninterruptibly in part, until the child execs or exits. */
	if (vfork() == 0) {
		struct timespec long_time = {.tv_sec = 5};

		syscall(SYS_nanosleep, &long_time, NULL);
		_exit(0);
	}
	for (;;)
		pause();
}

Test(stop, does_not_wait_for_a_thread_that_nothing_interrupts)
{
	pid_t pid = start(child_in_vfork);
	struct inq_stopped stopped;
	int task = task_of(pid);

	usleep(100000);
	inq_stop_threads((uint32_t)pid, task, 0, 200, &stopped, NULL);
	cr_expect_eq(stopped.count, 1u);
	/* Newer kernels let a vfork parent be stopped; either way we are back within the deadline. */
	cr_expect(stopped.threads[0].stopped || stopped.not_stopped == 1);
	inq_stop_resume(&stopped);
	inq_stop_done(&stopped);
	close(task);
	finish(pid);
}

Test(stop, says_that_a_process_is_gone)
{
	pid_t pid = start(child_of_threads);
	int task = task_of(pid);
	struct inq_stopped stopped;
	struct inq_error err = {0};

	finish(pid);
	cr_assert_eq(inq_stop_threads((uint32_t)pid, task, 0, 200, &stopped, &err), INQ_ABSENT);
	cr_expect(strstr(err.text, "gone"));
	inq_stop_done(&stopped);
	close(task);
}
