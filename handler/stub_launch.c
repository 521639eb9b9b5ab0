/* SPDX-License-Identifier: MIT */
/*
 * Starting the collector and doing what it says.
 *
 * Never fork(): a child that shares our memory, on a stack of its own, that does nothing but exec. It works at
 * the memory limit and copies no page table. CLONE_CHILD_CLEARTID tells when it has exec'd or died without
 * the unbounded wait of vfork.
 */
#include "handler/stub.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

enum {
	SLICE_MS = 20,          /* how often the collector's life is looked at */
	BLIND_SLICE_US = 1000,  /* how often the command is looked at where no event descriptor could be had */
	CHILD_LIFE_S = 600,     /* a snapshot that nobody ends */
	CHILD_SLICE_MS = 10,    /* how often it looks whether it is needed */
	CHILD_CLOSE_MAX = 65536,
	DEBUG_MS = 7 * 24 * 3600 * 1000, /* how long a person may look; ends at once with the debugger */
	REAP_MS = 60000,        /* how long a dump without a crash may take to be written */
};

static const char collector[] = INQ_HANDLERDIR "/inquest-collect";

struct launch {
	const char *arguments[12];
	char pid[12], record[20], event[12], dump[STUB_DUMP_MAX + 8], directory[STUB_DIRECTORY_MAX + 16];
	const char *environment[1];
	int event_fd;
	long child;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	raw2(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Digits of a number in a base, most significant first; returns the text's start, at the end of the place. */
static char *digits(char *end, uint64_t value, unsigned base)
{
	*--end = '\0';
	do {
		*--end = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	return end;
}

static char *joined(char *to, const char *first, const char *second)
{
	size_t length = raw_length(first);

	raw_copy(to, first, length);
	raw_copy(to + length, second, raw_length(second) + 1);
	return to;
}

static void make_arguments(struct launch *launch)
{
	const char **next = launch->arguments;
	char *record = digits(launch->record + sizeof(launch->record), (uint64_t)&stub.record, 16);

	*next++ = collector;
	*next++ = "-p";
	*next++ = digits(launch->pid + sizeof(launch->pid), stub.record.pid, 10);
	*next++ = "-j";
	*next++ = record;
	if (launch->event_fd >= 0) {
		*next++ = "-e";
		*next++ = digits(launch->event + sizeof(launch->event), (uint64_t)launch->event_fd, 10);
	}
	*next++ = joined(launch->dump, "--dump=", stub.dump);
	if (stub.directory[0])
		*next++ = joined(launch->directory, "--directory=", stub.directory);
	*next = NULL;
	launch->environment[0] = NULL;
}

/* In the child, on its own stack, in our memory: nothing but system calls. */
__attribute__((noreturn)) static void child_main(struct launch *launch)
{
	uint64_t none = 0;

	raw4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, 8);
	stub.child_error = (int32_t)-raw3(SYS_execve, collector, launch->arguments, launch->environment);
	for (;;)
		raw1(SYS_exit, 127);
}

/* @flags: CLONE_VM, or 0 for a child with a copy of the memory. */
__attribute__((noinline)) static long start_child(struct launch *launch, long flags, void (*begin)(struct launch *))
{
	uint8_t *top = stub.child_stack + sizeof(stub.child_stack);
	long result;
	register long r10 __asm__("r10") = (long)&stub.child_running; /* child_tid */
	register long r8 __asm__("r8") = 0;
	register void *r12 __asm__("r12") = begin;

	__atomic_store_n(&stub.child_running, 1, __ATOMIC_RELEASE);
	/* In the child the call returns on a fresh stack: straight into `begin`. No exit signal: the program's
	 * SIGCHLD handler has nothing to do with this child. */
	__asm__ volatile("syscall\n"
			 ".globl stub_clone_end\n"
			 ".hidden stub_clone_end\n"
			 "stub_clone_end:\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "xor %%ebp, %%ebp\n"
			 "mov %[launch], %%rdi\n"
			 "call *%%r12\n"
			 "1:\n"
			 : "=a"(result)
			 : "a"((long)SYS_clone), "D"(flags | CLONE_UNTRACED | CLONE_CHILD_CLEARTID),
			   "S"(top), "d"(0l), "r"(r10), "r"(r8), "r"(r12), [launch] "b"(launch)
			 : "rcx", "r11", "memory");
	if (raw_failed(result))
		stub.child_running = 0;
	return result;
}

/* True while the collector is there. It may have been reaped by another thread: then it is gone as well. */
static bool lives(long child)
{
	siginfo_t info;
	long result;

	info.si_pid = 0;
	result = raw6(SYS_waitid, P_PID, child, (long)&info, WEXITED | WNOHANG | WNOWAIT | __WALL, 0, 0);
	return result == 0 && info.si_pid == 0;
}

/* Until the child has exec'd, or failed to. */
static bool exec_done(struct launch *launch, uint64_t end)
{
	while (__atomic_load_n(&stub.child_running, __ATOMIC_ACQUIRE)) {
		struct timespec slice = {.tv_nsec = SLICE_MS * 1000000l};

		/* The kernel wakes it as a shared futex. */
		raw4(SYS_futex, &stub.child_running, FUTEX_WAIT, 1, &slice);
		if (now_ms() > end)
			return false;
	}
	return stub.child_error == 0 && lives(launch->child);
}

/* The next command, or INQ_COMMAND_DIE when the collector is gone or the deadline has passed. */
static uint32_t next_command(struct launch *launch, uint32_t seen, uint64_t end)
{
	for (;;) {
		struct pollfd event = {.fd = launch->event_fd, .events = POLLIN};
		struct timespec slice = {.tv_nsec = BLIND_SLICE_US * 1000l};
		uint32_t command = __atomic_load_n(&stub.record.command, __ATOMIC_ACQUIRE);
		uint64_t count;

		if (command != seen)
			return command;
		/* Its last word may have come between the look at it and its end. */
		if (now_ms() > end || !lives(launch->child))
			return __atomic_load_n(&stub.record.command, __ATOMIC_ACQUIRE) != seen
				       ? stub.record.command
				       : INQ_COMMAND_DIE;
		if (launch->event_fd < 0)
			raw2(SYS_nanosleep, &slice, 0);
		else if (raw3(SYS_poll, &event, 1, SLICE_MS) > 0)
			raw3(SYS_read, launch->event_fd, &count, sizeof(count));
	}
}

/* The child that has the memory as it is now, and nothing else. It gives up descriptors (sockets and locks with
 * them), then the session, by which the collector sees that it has, and the working directory, and ends with its
 * collector. */
__attribute__((noreturn)) static void keep_memory(struct launch *launch)
{
	long collector_pid = launch->child;

	/* A filter may not know the call, which is newer than many; a listening socket must not stay. */
	if (raw_failed(raw3(SYS_close_range, 0, ~0u, 0))) {
		for (int fd = 0; fd < CHILD_CLOSE_MAX; fd++)
			raw1(SYS_close, fd);
	}
	raw0(SYS_setsid);
	raw1(SYS_chdir, "/");
	raw2(SYS_prctl, PR_SET_NAME, "inquest-memory");
	for (int i = 0; i < CHILD_LIFE_S * 1000 / CHILD_SLICE_MS; i++) {
		struct timespec slice = {.tv_nsec = CHILD_SLICE_MS * 1000000l};

		if (__atomic_load_n(&stub.record.command, __ATOMIC_ACQUIRE) == INQ_COMMAND_END ||
		    raw2(SYS_kill, collector_pid, 0) == -ESRCH)
			break;
		raw2(SYS_nanosleep, &slice, 0);
	}
	for (;;)
		raw1(SYS_exit_group, 0);
}

/* Descriptors are closed here and now, not by the child in its own time: no socket of ours outlives us. In a table of
 * our own, since somebody else may share this one and go on. */
static long hold(struct launch *launch)
{
	unsigned event = (unsigned)launch->event_fd;
	long result = raw3(SYS_close_range, event + 1, ~0u, CLOSE_RANGE_UNSHARE);

	if (!raw_failed(result) && event)
		result = raw3(SYS_close_range, 0, event - 1, CLOSE_RANGE_UNSHARE);
	return raw_failed(result) ? result : start_child(launch, CLONE_VM, keep_memory);
}

/* Wait for the collector and obey it. */
static int serve(struct launch *launch, uint64_t end)
{
	uint32_t command = INQ_COMMAND_WAIT;
	long result;

	for (;;) {
		command = next_command(launch, command, end);
		if (command == INQ_COMMAND_SNAPSHOT)
			result = start_child(launch, 0, keep_memory);
		else if (command == INQ_COMMAND_HOLD)
			result = hold(launch);
		else
			break;
		__atomic_store_n(&stub.record.snapshot, (int32_t)result, __ATOMIC_RELEASE);
	}
	if (__atomic_load_n(&stub.record.command, __ATOMIC_ACQUIRE) != command)
		return now_ms() > end ? -ETIMEDOUT : -EIO;
	return -(int)stub.record.status;
}

/* The process goes on: no zombie stays behind and nobody may trace it. The collector ends by itself once the dump is
 * written; somebody may have stopped it, so no wait is without end. */
static void clean_up(long child)
{
	uint64_t end = now_ms() + REAP_MS;
	struct timespec slice = {.tv_nsec = BLIND_SLICE_US * 1000l};

	raw6(SYS_prctl, PR_SET_PTRACER, 0, 0, 0, 0, 0);
	while (raw4(SYS_wait4, child, 0, WNOHANG | __WALL, 0) == 0 && now_ms() < end)
		raw2(SYS_nanosleep, &slice, 0);
}

int stub_collect(uint32_t tid)
{
	struct launch launch;
	uint64_t end = now_ms() + (raw_equal(stub.dump, "debug") ? DEBUG_MS : stub.deadline_ms);
	int result = -EIO;

	(void)tid;
	launch.event_fd = (int)raw2(SYS_eventfd2, 0, 0);
	make_arguments(&launch);
	stub.child_error = 0;
	launch.child = start_child(&launch, CLONE_VM, child_main);
	if (raw_failed(launch.child)) {
		result = (int)launch.child;
	} else {
		/* Yama lets only ancestors trace: name the one process that may. Not for a signal that somebody else
		 * sent (a fault has si_code > 0): no stranger gets us opened. EINVAL without Yama. */
		const siginfo_t *info = (const siginfo_t *)stub.record.jit.exception_record;

		if (info->si_code > 0 || info->si_pid == (pid_t)stub.record.pid || stub.record.reason)
			raw6(SYS_prctl, PR_SET_PTRACER, launch.child, 0, 0, 0, 0);
		if (exec_done(&launch, end))
			result = serve(&launch, end);
		else
			result = stub.child_error ? -stub.child_error : -ETIMEDOUT;
		/* One that somebody stopped still holds our other threads, and a thread that is traced is not buried. */
		if (result == -ETIMEDOUT)
			raw2(SYS_kill, launch.child, SIGKILL);
	}
	if (launch.event_fd >= 0)
		raw1(SYS_close, launch.event_fd);
	if (stub.record.reason == INQ_REASON_ON_DEMAND && !raw_failed(launch.child))
		clean_up(launch.child);
	return result;
}
