/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A live process as a target: what is seen, and that the process never notices. */
#include "config.h"

#include "target/live.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Shared with the process that is looked at. */
struct shared {
	volatile uint64_t counter;       /* of a thread that never sleeps in the kernel */
	volatile uint64_t sleeps;        /* of one that does, in slices of a millisecond */
	volatile int ready, go_on, failures;
	volatile int interruptions;      /* of a call that nobody ends */
	volatile uint64_t longest_gap_ns;
	volatile uint64_t marker;
};

static struct shared *shared;
static volatile uint64_t private_word = 0x1122334455667788;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *spin(void *unused)
{
	(void)unused;
	for (;;)
		shared->counter++;
	return NULL;
}

static void *nap(void *unused)
{
	(void)unused;
	for (;;) {
		const struct timespec slice = {0, 1000000};

		/* A restart that goes wrong shows as an error that nobody asked for. */
		if (nanosleep(&slice, NULL))
			shared->failures++;
		shared->sleeps++;
	}
	return NULL;
}

static void *wait_forever(void *pipe_end)
{
	char byte;

	if (read((int)(intptr_t)pipe_end, &byte, 1) != 1 || byte != 'x')
		shared->failures++;
	shared->marker++;
	return NULL;
}

static void *wait_in_poll(void *unused)
{
	sigset_t none;

	(void)unused;
	sigemptyset(&none);
	for (;;) {
		const struct timespec slice = {0, 3000000};

		if (ppoll(NULL, 0, &slice, &none) && errno != EINTR)
			shared->failures++;
	}
	return NULL;
}

/* The kernel ends this call with EINTR where a thread is stopped (signal(7)): not where we stop it. */
static void *wait_in_epoll(void *unused)
{
	struct epoll_event event;

	(void)unused;
	for (int fd = epoll_create1(0);;) {
		epoll_wait(fd, &event, 1, -1);
		shared->interruptions++;
	}
	return NULL;
}

static int pipe_to_child[2];
static char *kept_from_children; /* a page, or NULL */

/* Threads in several states; the main one waits in the kernel with SIGUSR1 blocked and pending. */
static _Noreturn void victim(void)
{
	pthread_t thread;
	sigset_t usr1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kept_from_children && madvise(kept_from_children, 4096, MADV_DONTFORK))
		_exit(1);
	signal(SIGTRAP, SIG_IGN); /* a forced trap would undo this */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	pthread_create(&thread, NULL, spin, NULL);
	pthread_create(&thread, NULL, nap, NULL);
	pthread_create(&thread, NULL, wait_in_poll, NULL);
	pthread_create(&thread, NULL, wait_in_epoll, NULL);
	pthread_create(&thread, NULL, wait_forever, (void *)(intptr_t)pipe_to_child[0]);
	shared->ready = 1;
	for (;;) {
		struct timespec slice = {0, 2000000};
		struct sigaction trap;
		sigset_t pending, mask;

		if (nanosleep(&slice, NULL))
			shared->failures++;
		sigpending(&pending);
		sigprocmask(SIG_BLOCK, NULL, &mask);
		sigaction(SIGTRAP, NULL, &trap);
		if (!sigismember(&pending, SIGUSR1) || !sigismember(&mask, SIGUSR1) || trap.sa_handler != SIG_IGN ||
		    sigismember(&mask, SIGUSR2))
			shared->failures++;
		/* No child that it never made. */
		if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD)
			shared->failures++;
		shared->go_on++;
	}
}

static pid_t start(void)
{
	pid_t pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(shared, MAP_FAILED);
	cr_assert_eq(pipe(pipe_to_child), 0);
	pid = fork();
	if (pid == 0)
		victim();
	while (!shared->ready || shared->go_on < 3 || shared->sleeps < 3)
		usleep(1000);
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* It goes on, all of it, and has noticed nothing. */
static void expect_unharmed(pid_t pid)
{
	uint64_t counter = shared->counter, sleeps = shared->sleeps;
	int rounds = shared->go_on;
	uint64_t end = now_ns() + 5000000000;

	while (now_ns() < end &&
	       (shared->counter == counter || shared->sleeps < sleeps + 3 || shared->go_on < rounds + 3))
		usleep(1000);
	cr_expect_gt(shared->counter, counter, "the spinning thread stands");
	cr_expect_gt(shared->sleeps, sleeps + 2, "the sleeping thread stands");
	cr_expect_gt(shared->go_on, rounds + 2, "the main thread stands");
	cr_expect_eq(shared->failures, 0, "%d failures inside", shared->failures);
	cr_expect_eq(shared->interruptions, 0, "a call returned %d times", shared->interruptions);
	cr_expect_eq(waitpid(pid, NULL, WNOHANG), 0, "it has ended");
	cr_expect_eq(write(pipe_to_child[1], "x", 1), 1);
	for (end = now_ns() + 5000000000; now_ns() < end && !shared->marker;)
		usleep(1000);
	cr_expect_eq(shared->marker, 1, "the thread that reads a pipe was disturbed");
}

static bool has_children(pid_t pid)
{
	char path[64], text[256];
	int fd;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY);
	size = read(fd, text, sizeof(text));
	close(fd);
	return size > 0;
}

static struct inq_target *target_of(struct inq_live *live)
{
	struct inq_target *target;
	struct inq_error err;

	cr_assert_eq(inq_target_open_live(inq_live_source(live), &target, &err), INQ_OK, "%s", err.text);
	return target;
}

static void expect_all_seen(struct inq_target *target, pid_t pid)
{
	const struct inq_thread *threads;
	const struct inq_module *modules;
	const struct inq_process *process;
	const struct inq_exception *exception;
	struct inq_context context;
	struct inq_error err;
	uint64_t word = 0;
	size_t count;

	cr_expect_str_eq(target->ops->kind, "live process");
	cr_assert_eq(inq_target_threads(target, &threads, &count, &err), INQ_OK);
	cr_assert_eq(count, 6, "%zu threads", count);
	for (size_t i = 0; i < count; i++) {
		cr_expect_eq(inq_target_context(target, i, &context, &err), INQ_OK, "%s", err.text);
		cr_expect_neq(inq_context_sp(&context), 0);
		cr_expect_not(threads[i].crashed);
	}
	cr_assert_eq(inq_target_modules(target, &modules, &count, &err), INQ_OK, "%s", err.text);
	cr_expect_gt(count, 2);
	cr_assert_eq(inq_target_process(target, &process, &err), INQ_OK);
	cr_expect_eq(process->pid, (uint32_t)pid);
	cr_expect_eq(process->uid, getuid());
	cr_assert_eq(inq_target_read_all(target, (uint64_t)(uintptr_t)&private_word, &word, sizeof(word), &err), INQ_OK,
		     "%s", err.text);
	cr_expect_eq(word, 0x1122334455667788);
	cr_expect_eq(inq_target_exception(target, &exception, &err), INQ_ABSENT);
}

Test(live, is_looked_at_and_goes_on, .timeout = 60)
{
	struct inq_live *live;
	struct inq_target *target;
	struct inq_error err;
	pid_t pid = start();
	uint64_t counter;

	cr_assert_eq(inq_live_open((uint32_t)pid, NULL, &live, &err), INQ_OK, "%s", err.text);
	cr_expect_null(inq_live_remark(live));
	cr_expect_not(inq_live_is_copy(live));
	counter = shared->counter;
	usleep(20000);
	cr_expect_eq(shared->counter, counter, "it ran while it was looked at");
	target = target_of(live);
	expect_all_seen(target, pid);
	inq_target_free(target);
	inq_live_free(live);
	expect_unharmed(pid);
	finish(pid);
}

Test(live, goes_on_while_its_copy_is_looked_at, .timeout = 60)
{
	const struct inq_live_options options = {.copy = true};
	struct inq_live *live;
	struct inq_target *target;
	struct inq_error err;
	pid_t pid = start();

	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_assert(inq_live_is_copy(live), "%s", inq_live_remark(live));
	cr_expect_null(inq_live_remark(live));
	cr_expect_not(has_children(pid), "the copy is its child");
	expect_unharmed(pid);
	target = target_of(live);
	expect_all_seen(target, pid);
	inq_target_free(target);
	inq_live_free(live);
	cr_expect_not(has_children(pid));
	finish(pid);
}

/* The copy would lack what the program keeps from its children: then the process stands still instead. */
Test(live, is_not_copied_where_a_copy_would_lack_memory, .timeout = 60)
{
	const struct inq_live_options options = {.copy = true};
	char *kept = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte;
	struct inq_live *live;
	struct inq_target *target;
	struct inq_error err;
	pid_t pid;

	kept[0] = 'k';
	pid = start();
	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_expect(inq_live_is_copy(live));
	inq_live_free(live);
	finish(pid);
	kept_from_children = kept;
	pid = start();
	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_expect_not(inq_live_is_copy(live));
	cr_assert_not_null(inq_live_remark(live));
	cr_expect_not_null(strstr(inq_live_remark(live), "MADV_DONTFORK"), "%s", inq_live_remark(live));
	target = target_of(live);
	cr_assert_eq(inq_target_read_all(target, (uint64_t)kept, &byte, 1, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(byte, 'k');
	inq_target_free(target);
	inq_live_free(live);
	expect_unharmed(pid);
	finish(pid);
	kept_from_children = NULL;
}

Test(live, is_unharmed_by_many_copies, .timeout = 120)
{
	const struct inq_live_options options = {.copy = true};
	struct inq_error err;
	pid_t pid = start();

	for (int i = 0; i < 100; i++) {
		struct inq_live *live;

		cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
		cr_assert(inq_live_is_copy(live), "%s", inq_live_remark(live));
		inq_live_free(live);
	}
	expect_unharmed(pid);
	finish(pid);
}

/* State letter of /proc/PID/stat. */
static char state_of(pid_t pid)
{
	char path[48], text[256] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return strrchr(text, ')')[2];
}

Test(live, stays_stopped_if_a_signal_had_stopped_it, .timeout = 60)
{
	const struct inq_live_options options = {.copy = true};
	struct inq_live *live;
	struct inq_error err;
	pid_t pid = start();
	uint64_t counter;

	kill(pid, SIGSTOP);
	while (state_of(pid) != 'T')
		usleep(1000);
	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_expect_not(inq_live_is_copy(live));
	cr_expect_not_null(strstr(inq_live_remark(live), "stopped it already"));
	inq_live_free(live);
	usleep(50000);
	counter = shared->counter;
	usleep(20000);
	cr_expect_eq(shared->counter, counter, "it was continued");
	cr_expect_eq(state_of(pid), 'T');
	kill(pid, SIGCONT);
	usleep(20000);
	shared->interruptions = 0; /* SIGSTOP's own */
	expect_unharmed(pid);
	finish(pid);
}

Test(live, leaves_the_copys_descriptors_closed, .timeout = 60)
{
	const struct inq_live_options options = {.copy = true};
	struct inq_live *live;
	struct inq_error err;
	int pair[2];
	pid_t pid;
	char byte;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = start();
	close(pair[1]);
	cr_assert_eq(inq_live_open((uint32_t)pid, &options, &live, &err), INQ_OK, "%s", err.text);
	cr_assert(inq_live_is_copy(live));
	finish(pid);
	/* With the process gone nothing holds the other end. */
	cr_expect_eq(recv(pair[0], &byte, 1, MSG_DONTWAIT), 0, "the copy keeps a socket open");
	inq_live_free(live);
}

Test(live, survives_the_death_of_what_it_looks_at, .timeout = 60)
{
	struct inq_live *live;
	struct inq_target *target;
	struct inq_error err;
	pid_t pid = start();
	uint64_t word;
	const struct inq_module *modules;
	size_t count;

	cr_assert_eq(inq_live_open((uint32_t)pid, NULL, &live, &err), INQ_OK, "%s", err.text);
	target = target_of(live);
	cr_assert_eq(inq_target_modules(target, &modules, &count, &err), INQ_OK);
	kill(pid, SIGKILL);
	usleep(100000);
	cr_expect_eq(inq_target_read_all(target, (uint64_t)(uintptr_t)&private_word, &word, sizeof(word), &err),
		     INQ_FAULT);
	cr_expect_not_null(strstr(err.text, "the process is gone"), "%s", err.text);
	inq_target_free(target);
	inq_live_free(live);
	waitpid(pid, NULL, 0);
}

Test(live, refuses_what_is_no_process, .timeout = 60)
{
	struct inq_live *live = (void *)1;
	struct inq_error err;

	cr_expect_eq(inq_live_open(0x7ffffff0, NULL, &live, &err), INQ_ABSENT);
	cr_expect_str_eq(err.text, "there is no process 2147483632");
	cr_expect_eq(inq_live_open((uint32_t)getpid(), NULL, &live, &err), INQ_UNSUPPORTED);
	cr_expect_not_null(strstr(err.text, "is this debugger"));
	cr_expect_eq(live, (void *)1);
}

Test(live, refuses_a_process_that_has_died, .timeout = 60)
{
	struct inq_live *live;
	struct inq_error err;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	while (state_of(pid) != 'Z')
		usleep(1000);
	cr_expect_eq(inq_live_open((uint32_t)pid, NULL, &live, &err), INQ_ABSENT);
	cr_expect_not_null(strstr(err.text, "has died already"), "%s", err.text);
	waitpid(pid, NULL, 0);
}

Test(live, refuses_another_users_process, .timeout = 60)
{
	struct inq_error err;
	struct inq_live *live;
	int status;
	pid_t pid, looker;

	if (geteuid() != 0)
		cr_skip_test("needs root to become another user");
	pid = start();
	looker = fork();
	if (!looker) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(9);
		_exit(inq_live_open((uint32_t)pid, NULL, &live, &err) == INQ_DENIED &&
				      strstr(err.text, "may not be traced")
			      ? 0
			      : 1);
	}
	waitpid(looker, &status, 0);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 0);
	expect_unharmed(pid);
	finish(pid);
}
