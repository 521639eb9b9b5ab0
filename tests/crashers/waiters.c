/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Threads that wait, each in a system call of its own that nobody ends: for what a debugger that stops a process and lets
 * it go may disturb.
 *
 *     waiters [THREADS]     as many more that only wait
 *     waiters vfork         the main thread waits for a child of vfork(2)
 *
 * Prints "ready", then obeys its standard input: "report" prints a line of JSON, {"name of the call": returned}, of those
 * that returned although nothing happened, and what errno was; "end".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct timespec hour = {3600, 0};
static const struct timeval hour_of_sockets = {3600, 0};
static int empty[2], pair[2], timed[2], queue, semaphores, lock, word;
static aio_context_t aio;
static sigset_t usr2;

static long wait_read(void)
{
	char byte;

	return read(empty[0], &byte, 1);
}

static long wait_recv(void)
{
	char byte;

	return recv(pair[0], &byte, 1, 0);
}

static long wait_recv_timed(void)
{
	char byte;

	return recv(timed[0], &byte, 1, 0);
}

static long wait_accept(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un_any {
		sa_family_t family;
	} any = {AF_UNIX};

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1))
		return 1;
	return accept(fd, NULL, NULL);
}

static long wait_epoll(void)
{
	int fd = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(fd, EPOLL_CTL_ADD, empty[0], &event);
	return epoll_wait(fd, &event, 1, -1);
}

static long wait_epoll_timed(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_create1(0), &event, 1, 3600000);
}

static long wait_epoll_masked(void)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(epoll_create1(0), &event, 1, -1, &none);
}

static long wait_poll(void)
{
	struct pollfd one = {.fd = empty[0], .events = POLLIN};

	return poll(&one, 1, 3600000);
}

static long wait_select(void)
{
	struct timeval timeout = {3600, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(empty[0], &set);
	return select(empty[0] + 1, &set, NULL, NULL, &timeout);
}

static long wait_nanosleep(void)
{
	return nanosleep(&hour, NULL);
}

static long wait_until(void)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 3600;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long wait_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long wait_futex_timed(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &hour, NULL, 0);
}

static long wait_semop(void)
{
	struct sembuf down = {.sem_op = -1};

	return semop(semaphores, &down, 1);
}

static long wait_message(void)
{
	struct {
		long type;
		char text[8];
	} message;

	return msgrcv(queue, &message, sizeof(message.text), 0, 0);
}

static long wait_signal(void)
{
	return sigtimedwait(&usr2, NULL, &hour);
}

static long wait_suspended(void)
{
	return sigsuspend(&usr2);
}

static long wait_paused(void)
{
	return pause();
}

static long wait_inotify(void)
{
	char event[4096];
	int fd = inotify_init1(0);

	return read(fd, event, sizeof(event));
}

static long wait_eventfd(void)
{
	uint64_t count;

	return read(eventfd(0, 0), &count, sizeof(count));
}

static long wait_timerfd(void)
{
	const struct itimerspec later = {.it_value.tv_sec = 3600};
	uint64_t count;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	timerfd_settime(fd, 0, &later, NULL);
	return read(fd, &count, sizeof(count));
}

static long wait_signalfd(void)
{
	struct signalfd_siginfo info;

	return read(signalfd(-1, &usr2, 0), &info, sizeof(info));
}

static long wait_lock(void)
{
	return flock(lock, LOCK_EX);
}

static long wait_aio(void)
{
	struct io_event event;

	return syscall(SYS_io_getevents, aio, 1, 1, &event, NULL);
}

static long wait_child(void)
{
	return waitpid(-1, NULL, 0);
}

/* name, call, how often it returned, errno of the last time */
static struct waiter {
	const char *name;
	long (*call)(void);
	volatile int returned, error;
} waiters[] = {
	{"read", wait_read, 0, 0},
	{"recv", wait_recv, 0, 0},
	{"recv-timed", wait_recv_timed, 0, 0},
	{"accept", wait_accept, 0, 0},
	{"epoll", wait_epoll, 0, 0},
	{"epoll-timed", wait_epoll_timed, 0, 0},
	{"epoll-masked", wait_epoll_masked, 0, 0},
	{"poll", wait_poll, 0, 0},
	{"select", wait_select, 0, 0},
	{"nanosleep", wait_nanosleep, 0, 0},
	{"clock-nanosleep", wait_until, 0, 0},
	{"futex", wait_futex, 0, 0},
	{"futex-timed", wait_futex_timed, 0, 0},
	{"semop", wait_semop, 0, 0},
	{"msgrcv", wait_message, 0, 0},
	{"sigtimedwait", wait_signal, 0, 0},
	{"sigsuspend", wait_suspended, 0, 0},
	{"pause", wait_paused, 0, 0},
	{"inotify", wait_inotify, 0, 0},
	{"eventfd", wait_eventfd, 0, 0},
	{"timerfd", wait_timerfd, 0, 0},
	{"signalfd", wait_signalfd, 0, 0},
	{"flock", wait_lock, 0, 0},
	{"io_getevents", wait_aio, 0, 0},
	{"wait", wait_child, 0, 0},
};
enum { WAITERS = sizeof(waiters) / sizeof(waiters[0]) };

static void *run(void *argument)
{
	struct waiter *waiter = argument;
	long result;

	prctl(PR_SET_NAME, waiter->name);
	for (;;) {
		result = waiter->call();
		waiter->error = result < 0 ? errno : 0;
		waiter->returned++;
		usleep(100000); /* one that cannot wait here at all does not spin */
	}
	return NULL;
}

static void *idle(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* What the calls wait for; a child that holds the lock and lives as long as we do. */
static void prepare(void)
{
	char path[] = "/tmp/waiters-XXXXXX";
	pid_t parent = getpid();

	if (pipe(empty) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || socketpair(AF_UNIX, SOCK_STREAM, 0, timed))
		_exit(3);
	setsockopt(timed[0], SOL_SOCKET, SO_RCVTIMEO, &hour_of_sockets, sizeof(hour_of_sockets));
	queue = msgget(IPC_PRIVATE, 0600);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	syscall(SYS_io_setup, 8, &aio);
	lock = mkstemp(path);
	if (!fork()) {
		int other = open(path, O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		flock(other, LOCK_EX);
		unlink(path);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	while (access(path, F_OK) == 0)
		usleep(1000);
}

static void put_aside(void)
{
	msgctl(queue, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
}

static void report(void)
{
	const char *comma = "";
	struct itimerval left;

	printf("{");
	if (getitimer(ITIMER_REAL, &left) || left.it_value.tv_sec < 3000) {
		printf("\"timer\": \"%ld s left\"", (long)left.it_value.tv_sec);
		comma = ", ";
	}
	for (size_t i = 0; i < WAITERS; i++) {
		if (!waiters[i].returned)
			continue;
		printf("%s\"%s\": \"%d times, %s\"", comma, waiters[i].name, waiters[i].returned,
		       strerror(waiters[i].error));
		comma = ", ";
	}
	printf("}\n");
	fflush(stdout);
}

static void be_vfork_parent(void)
{
	printf("ready\n");
	fflush(stdout);
	if (!vfork()) {
		const struct timespec some = {30, 0};

		syscall(SYS_nanosleep, &some, NULL);
		_exit(0);
	}
}

int main(int argc, char **argv)
{
	const struct itimerval later = {.it_value.tv_sec = 3600};
	pthread_attr_t small;
	pthread_t thread;
	char line[32];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc > 1 && !strcmp(argv[1], "vfork")) {
		be_vfork_parent();
		return 0;
	}
	/* Pending and blocked, and a timer that runs. */
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	raise(SIGUSR1);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	signal(SIGTRAP, SIG_IGN);
	setitimer(ITIMER_REAL, &later, NULL);
	prepare();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (size_t i = 0; i < WAITERS; i++)
		pthread_create(&thread, &small, run, &waiters[i]);
	for (long i = argc > 1 ? strtol(argv[1], NULL, 10) : 0; i > 0; i--)
		pthread_create(&thread, &small, idle, NULL);
	usleep(100000);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n"))
		report();
	put_aside();
	return 0;
}
