/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/stop.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PASSES_MAX = 64,         /* a process that makes threads faster than we list them is given up on */
	WAIT_SLICE_US = 100,
	BURY_SLICE_US = 20,
	SMALL_FILE = 4096,
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A small file below task/TID, NUL-terminated; -1 and "" if it is gone. */
static ssize_t read_small(int task_fd, uint32_t tid, const char *name, char to[SMALL_FILE])
{
	char path[64];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%u/%s", tid, name);
	to[0] = '\0';
	fd = openat(task_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size = read(fd, to, SMALL_FILE - 1);
	close(fd);
	to[size > 0 ? size : 0] = '\0';
	return size;
}

/* comm ends at its last newline; a name may hold newlines itself. */
static void take_comm(int task_fd, struct inq_stopped_thread *thread)
{
	char text[SMALL_FILE];
	ssize_t size = read_small(task_fd, thread->tid, "comm", text);

	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size > 0)
		memcpy(thread->comm, text, (size_t)size < 15 ? (size_t)size : 15);
}

/* Why a thread may not be traced, by its status: it has ended and waits to be forgotten, or somebody else traces it.
 * The lines stand after the name, whose newlines the kernel escapes. */
static void take_refusal(int task_fd, struct inq_stopped_thread *thread)
{
	char text[SMALL_FILE];
	const char *line;

	if (read_small(task_fd, thread->tid, "status", text) <= 0) {
		thread->ended = true;
		return;
	}
	line = strstr(text, "\nState:\t");
	thread->ended = line && (line[8] == 'Z' || line[8] == 'X');
	line = strstr(text, "\nTracerPid:\t");
	thread->tracer = line ? (uint32_t)strtoul(line + 12, NULL, 10) : 0;
}

/* "NR ARG0..ARG5 SP PC" or "running": where a thread that is not ours to trace waits. */
static void take_approximate(int task_fd, struct inq_stopped_thread *thread)
{
	const struct inq_register *pc, *sp;
	char text[SMALL_FILE];
	unsigned long long sp_value, pc_value;
	char *last, *before;

	if (read_small(task_fd, thread->tid, "syscall", text) <= 0)
		return;
	last = strrchr(text, ' ');
	if (!last)
		return;
	*last = '\0';
	before = strrchr(text, ' ');
	if (!before)
		return;
	pc_value = strtoull(last + 1, NULL, 16);
	sp_value = strtoull(before + 1, NULL, 16);
	inq_context_init(INQ_MACHINE_AMD64, &thread->context);
	pc = inq_register_find(INQ_MACHINE_AMD64, "rip", NULL, NULL);
	sp = inq_register_find(INQ_MACHINE_AMD64, "rsp", NULL, NULL);
	thread->approximate = inq_context_set(&thread->context, pc, pc_value) &&
			      inq_context_set(&thread->context, sp, sp_value);
}

/* The kernel lists threads in the order of their making: ascending until ids wrap around. While they do, the
 * array is sorted and the search short. */
static bool is_known(const struct inq_stopped *stopped, uint32_t tid)
{
	size_t low = 0, high = stopped->count;

	if (!stopped->count)
		return false;
	if (!stopped->ascending) {
		for (size_t i = 0; i < stopped->count; i++) {
			if (stopped->threads[i].tid == tid)
				return true;
		}
		return false;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (stopped->threads[middle].tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < stopped->count && stopped->threads[low].tid == tid;
}

static struct inq_stopped_thread *add(struct inq_stopped *stopped, uint32_t tid)
{
	struct inq_stopped_thread *thread;

	if (stopped->count == stopped->capacity) {
		size_t capacity = stopped->capacity ? stopped->capacity * 2 : 16;
		void *threads = reallocarray(stopped->threads, capacity, sizeof(*thread));

		if (!threads)
			return NULL;
		stopped->threads = threads;
		stopped->capacity = capacity;
	}
	if (stopped->count && stopped->threads[stopped->count - 1].tid > tid)
		stopped->ascending = false;
	thread = &stopped->threads[stopped->count++];
	*thread = (struct inq_stopped_thread){.tid = tid};
	return thread;
}

static void seize(struct inq_stopped_thread *thread, int task_fd)
{
	if (ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) == 0) {
		thread->seized = true;
		ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	} else {
		take_refusal(task_fd, thread);
	}
}

/* One look at the list: threads not seen before are seized. The number of new ones, or -1. */
static long pass(struct inq_stopped *stopped, DIR *list, int task_fd, uint32_t spare, struct inq_error *err)
{
	struct dirent *entry;
	long fresh = 0;

	rewinddir(list);
	while ((entry = readdir(list))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		struct inq_stopped_thread *thread;

		if (tid == 0 || is_known(stopped, tid))
			continue;
		if (stopped->count >= INQ_STOP_MAX_THREADS) {
			inq_fail(err, INQ_LIMIT, "process %u: more than %d threads", stopped->pid,
				 INQ_STOP_MAX_THREADS);
			return -1;
		}
		thread = add(stopped, tid);
		if (!thread) {
			inq_fail(err, INQ_NO_MEMORY, "process %u: no memory for its threads", stopped->pid);
			return -1;
		}
		fresh++;
		if (tid != spare)
			seize(thread, task_fd);
	}
	return fresh;
}

/* What a wait status says of a thread that we trace. */
static void note_status(struct inq_stopped_thread *thread, int status)
{
	if (!WIFSTOPPED(status)) {
		thread->seized = false;
		thread->ended = true;
		return;
	}
	thread->stopped = true;
	/* A stop by PTRACE_INTERRUPT or a group-stop is an event; anything else is a signal on its way. */
	if (status >> 16 == 0)
		thread->pending_signal = WSTOPSIG(status);
	else if (status >> 16 == PTRACE_EVENT_STOP)
		thread->group_stop = WSTOPSIG(status) != SIGTRAP;
}

static bool wait_one(struct inq_stopped_thread *thread)
{
	int status;
	pid_t result = waitpid((pid_t)thread->tid, &status, __WALL | WNOHANG);

	if (result == (pid_t)thread->tid)
		note_status(thread, status);
	else if (result < 0 && errno == ECHILD)
		note_status(thread, 0);
	return thread->stopped || !thread->seized;
}

/* Until all that we seized have stopped, or the deadline. The rest are in a sleep that nothing interrupts. */
static void wait_all(struct inq_stopped *stopped, size_t from, uint64_t end)
{
	size_t left;

	do {
		left = 0;
		for (size_t i = from; i < stopped->count; i++) {
			struct inq_stopped_thread *thread = &stopped->threads[i];

			if (thread->seized && !thread->stopped && !wait_one(thread))
				left++;
		}
		if (left)
			usleep(WAIT_SLICE_US);
	} while (left && now_ms() < end);
	stopped->not_stopped += left;
}

bool inq_stop_registers(uint32_t tid, struct inq_context *ret, uint64_t *ret_tls)
{
	struct user_regs_struct regs;
	struct user_fpregs_struct fp;
	struct iovec regs_vector = {&regs, sizeof(regs)}, fp_vector = {&fp, sizeof(fp)};
	bool has_fp;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)NT_PRSTATUS, &regs_vector) < 0)
		return false;
	has_fp = ptrace(PTRACE_GETREGSET, tid, (void *)(long)NT_PRFPREG, &fp_vector) == 0;
	return inq_context_from_prstatus(INQ_MACHINE_AMD64, &regs, regs_vector.iov_len, has_fp ? &fp : NULL,
					 has_fp ? fp_vector.iov_len : 0, ret, ret_tls);
}

size_t inq_stop_xstate(uint32_t tid, void *to, size_t capacity)
{
	struct iovec vector = {to, capacity};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)NT_X86_XSTATE, &vector) < 0)
		return 0;
	return vector.iov_len;
}

/*
 * Most calls that wait are restarted by the kernel after a stop. These give EINTR instead (signal(7)), to whoever
 * stops them, unless they took something already. Connecting and closing are not among them: they cannot be done twice.
 */
static bool is_restartable(uint64_t call)
{
	static const uint16_t calls[] = {
		SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait,
		SYS_io_getevents, SYS_io_pgetevents, SYS_io_uring_enter, SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg,
		SYS_recvmmsg, SYS_accept, SYS_accept4, SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i] == call)
			return true;
	}
	return false;
}

static bool is_cut_short(const struct user_regs_struct *registers)
{
	/* orig_rax is none where a thread did not come by a system call. */
	return (int64_t)registers->rax == -EINTR && is_restartable(registers->orig_rax);
}

/*
 * At once, so that it holds also if we die before we let the thread go. Not where a signal is on its way, which would
 * have ended the call just so. One that comes later and has a handler still ends it with EINTR; without one the kernel
 * restarts it (ERESTARTNOHAND in arch/x86/kernel/signal.c).
 */
static void let_wait_on(const struct inq_stopped_thread *thread)
{
	enum { RESTART_NO_HANDLER = 514 };
	const struct inq_register *rax = inq_register_find(INQ_MACHINE_AMD64, "rax", NULL, NULL);
	struct user_regs_struct registers;
	uint64_t value;

	if (thread->pending_signal || thread->group_stop || !inq_context_get(&thread->context, rax, &value) ||
	    (int64_t)value != -EINTR || ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers) ||
	    !is_cut_short(&registers))
		return;
	registers.rax = (uint64_t)-RESTART_NO_HANDLER;
	ptrace(PTRACE_SETREGS, thread->tid, NULL, &registers);
}

/* A thread that has ended has neither registers nor stack: a main thread that called pthread_exit() stays in the
 * list as long as the others live. */
static void forget_ended(struct inq_stopped *stopped)
{
	size_t kept = 0;

	for (size_t i = 0; i < stopped->count; i++) {
		if (!stopped->threads[i].ended)
			stopped->threads[kept++] = stopped->threads[i];
	}
	stopped->count = kept;
}

static void take(struct inq_stopped *stopped, int task_fd)
{
	for (size_t i = 0; i < stopped->count; i++) {
		struct inq_stopped_thread *thread = &stopped->threads[i];

		if (thread->stopped)
			thread->has_context = inq_stop_registers(thread->tid, &thread->context, &thread->tls);
		if (thread->has_context)
			let_wait_on(thread);
		else
			take_approximate(task_fd, thread);
	}
}

enum inq_status inq_stop_threads(uint32_t pid, int task_fd, uint32_t spare, unsigned deadline_ms,
				 struct inq_stopped *ret, struct inq_error *err)
{
	uint64_t end = now_ms() + deadline_ms;
	enum inq_status status = INQ_OK;
	int copy;
	DIR *list;

	*ret = (struct inq_stopped){.pid = pid, .ascending = true};
	copy = openat(task_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = copy < 0 ? NULL : fdopendir(copy);
	if (!list) {
		if (copy >= 0)
			close(copy);
		return errno == ENOENT || errno == ESRCH ? inq_fail(err, INQ_ABSENT, "process %u: gone", pid)
							  : inq_fail_os(err, "process %u: its threads", pid);
	}
	for (int i = 0; i < PASSES_MAX; i++) {
		size_t before = ret->count;
		long fresh = pass(ret, list, task_fd, spare, err);

		if (fresh < 0)
			status = err ? err->status : INQ_NO_MEMORY;
		if (fresh <= 0)
			break;
		wait_all(ret, before, end);
	}
	closedir(list);
	if (status)
		return status;
	forget_ended(ret);
	if (ret->count == 0)
		return inq_fail(err, INQ_ABSENT, "process %u: gone", pid);
	take(ret, task_fd);
	for (size_t i = 0; i < ret->count; i++) {
		if (ret->threads[i].seized || ret->threads[i].tid == spare)
			return INQ_OK;
	}
	return inq_fail(err, INQ_DENIED, "process %u: may not be traced%s", pid,
			ret->threads[0].tracer ? ": another tracer has it" : "");
}

void inq_stop_names(struct inq_stopped *stopped, int task_fd)
{
	for (size_t i = 0; i < stopped->count; i++)
		take_comm(task_fd, &stopped->threads[i]);
}

static void resume_one(struct inq_stopped_thread *thread)
{
	/* One that was killed meanwhile waits for its tracer to see it; its parent hears of the death only then. */
	if (thread->seized && ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(long)thread->pending_signal))
		waitpid((pid_t)thread->tid, NULL, __WALL | WNOHANG);
	thread->seized = false;
	thread->stopped = false;
}

void inq_stop_resume(struct inq_stopped *stopped)
{
	for (size_t i = 0; i < stopped->count; i++)
		resume_one(&stopped->threads[i]);
}

/* A thread that is traced and has ended is there until its tracer has seen it, and its process's parent hears of the
 * death only then. */
static bool is_buried(struct inq_stopped_thread *thread)
{
	int status;
	pid_t result = waitpid((pid_t)thread->tid, &status, __WALL | WNOHANG);

	if (result < 0 || (result > 0 && !WIFSTOPPED(status)))
		thread->seized = false;
	return !thread->seized;
}

bool inq_stop_bury(struct inq_stopped *stopped, unsigned deadline_ms)
{
	uint64_t end = now_ms() + deadline_ms;
	size_t left;

	do {
		left = 0;
		for (size_t i = 0; i < stopped->count; i++) {
			struct inq_stopped_thread *thread = &stopped->threads[i];

			left += thread->seized && !is_buried(thread);
		}
		if (!left)
			return true;
		/* The more there are, the longer it takes, and the less they need us in their way. */
		usleep(BURY_SLICE_US * (1 + (useconds_t)left / 16));
	} while (now_ms() < end);
	return false;
}

void inq_stop_done(struct inq_stopped *stopped)
{
	if (!stopped)
		return;
	free(stopped->threads);
	*stopped = (struct inq_stopped){0};
}
