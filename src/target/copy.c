/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/copy.h"

#include "target/auxv.h"
#include "target/gather.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)

enum {
	VDSO_SIZE = 8192,      /* bytes of it that are looked through */
	STOPS_MAX = 32,        /* stops on the way of one call; a SIGSTOP meanwhile makes two more */
	DEADLINE_S = 10,       /* copying the page tables of 1 TiB takes less */
	SPINS = 2000,          /* waits without sleeping: most calls take some microseconds */
	CODE_64 = 0x33,        /* cs of 64-bit code */
	SYSCALL_STOP = SIGTRAP | 0x80,
	DESCRIPTORS_MAX = 1 << 20,
};

/* A thread that runs system calls for us. */
struct remote {
	pid_t tid;
	uint64_t gate;         /* address of a `syscall` instruction */
	struct user_regs_struct saved;
};

/* --- stops ------------------------------------------------------------------------------------------ */

static bool wait_for(pid_t tid, int *ret_status)
{
	time_t end = time(NULL) + DEADLINE_S;

	for (unsigned i = 0;; i++) {
		pid_t result = waitpid(tid, ret_status, __WALL | WNOHANG);

		if (result == tid)
			return true;
		if (result < 0 && errno != EINTR)
			return false;
		if (i < SPINS)
			sched_yield();
		else if (time(NULL) > end)
			return false;
		else
			usleep(50);
	}
}

/*
 * Run one call, from a stop to the stop behind it. PTRACE_SYSCALL, not PTRACE_SINGLESTEP: the trap of a step is a
 * forced SIGTRAP, which makes the kernel forget the program's own disposition where that is blocked or ignored
 * (force_sig_info_to_task() in kernel/signal.c). *ret_child is set by a call that made one.
 */
static bool call(const struct remote *remote, long number, uint64_t a, uint64_t b, uint64_t c, int64_t *ret,
		 unsigned long *ret_child)
{
	struct user_regs_struct registers = remote->saved;
	bool entered = false;
	int deliver = 0, status;

	registers.rip = remote->gate;
	registers.rax = (uint64_t)number;
	registers.orig_rax = UINT64_MAX; /* no system call to be restarted on the way out */
	registers.rdi = a;
	registers.rsi = b;
	registers.rdx = c;
	registers.r10 = registers.r8 = registers.r9 = 0;
	if (ptrace(PTRACE_SETREGS, remote->tid, NULL, &registers))
		return false;
	for (int i = 0; i < STOPS_MAX; i++) {
		if (ptrace(PTRACE_SYSCALL, remote->tid, NULL, (void *)(long)deliver) ||
		    !wait_for(remote->tid, &status) || !WIFSTOPPED(status))
			return false;
		deliver = 0;
		if (WSTOPSIG(status) == SYSCALL_STOP && entered)
			break;
		if (WSTOPSIG(status) == SYSCALL_STOP)
			entered = true;
		else if (status >> 16 == PTRACE_EVENT_CLONE && ret_child)
			ptrace(PTRACE_GETEVENTMSG, remote->tid, NULL, ret_child);
		else if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP)
			deliver = SIGSTOP; /* the only one that cannot be blocked and does not kill */
		else if (status >> 16 == 0)
			return false; /* the gate is none: a fault */
	}
	if (ptrace(PTRACE_GETREGS, remote->tid, NULL, &registers))
		return false;
	*ret = (int64_t)registers.rax;
	return true;
}

/* --- the thread that is borrowed ------------------------------------------------------------------------ */

/* Calls that wait with a signal mask of their own, which PTRACE_SETSIGMASK would end. */
static bool has_own_mask(uint64_t number)
{
	static const uint64_t calls[] = {SYS_rt_sigsuspend, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait, SYS_epoll_pwait2};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i] == number)
			return true;
	}
	return false;
}

static bool is_gate(int memory, uint64_t address)
{
	uint8_t code[2];

	return pread(memory, code, sizeof(code), (off_t)address) == sizeof(code) && code[0] == 0x0f && code[1] == 0x05;
}

static uint64_t gate_in_vdso(int memory, const void *auxv, size_t auxv_size)
{
	uint8_t code[VDSO_SIZE];
	uint64_t base;
	ssize_t size;

	if (!auxv || !inq_auxv_find(auxv, auxv_size, 8, AT_SYSINFO_EHDR, &base))
		return 0;
	size = pread(memory, code, sizeof(code), (off_t)base);
	for (ssize_t i = 0; i + 1 < size; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return base + (uint64_t)i;
	}
	return 0;
}

/* A thread at a plain stop, nothing on its way to it; best one that has no mask of its own at the moment. */
static bool choose(const struct inq_stopped *stopped, int memory, const void *auxv, size_t auxv_size,
		   struct remote *ret)
{
	bool found = false;

	for (size_t i = 0; i < stopped->count; i++) {
		const struct inq_stopped_thread *thread = &stopped->threads[i];
		struct remote remote = {.tid = (pid_t)thread->tid};
		bool best;

		if (!thread->stopped || thread->pending_signal || thread->group_stop ||
		    ptrace(PTRACE_GETREGS, remote.tid, NULL, &remote.saved) || remote.saved.cs != CODE_64)
			continue;
		if ((int64_t)remote.saved.orig_rax >= 0 && is_gate(memory, remote.saved.rip - 2))
			remote.gate = remote.saved.rip - 2;
		else
			remote.gate = gate_in_vdso(memory, auxv, auxv_size);
		if (!remote.gate)
			continue;
		best = !has_own_mask(remote.saved.orig_rax);
		if (best || !found)
			*ret = remote;
		found = true;
		if (best)
			break;
	}
	return found;
}

/* Back to a stop on the way to user mode, where a system call that was interrupted is restarted, with the registers
 * that it had; the kernel restarts it only there. */
static bool give_back(const struct remote *remote)
{
	int status;

	for (int i = 0; i < STOPS_MAX; i++) {
		ptrace(PTRACE_INTERRUPT, remote->tid, NULL, NULL);
		if (ptrace(PTRACE_CONT, remote->tid, NULL, NULL) || !wait_for(remote->tid, &status) ||
		    !WIFSTOPPED(status))
			return false;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return ptrace(PTRACE_SETREGS, remote->tid, NULL, &remote->saved) == 0;
	}
	return false;
}

/* --- the copy -------------------------------------------------------------------------------------------- */

/* Kernels before 5.9 have no close_range(). */
static void close_all(const struct remote *copy)
{
	int64_t result = 0;

	if (!call(copy, SYS_close_range, 0, UINT_MAX, 0, &result, NULL) || result != -ENOSYS)
		return;
	for (uint64_t fd = 0, missing = 0; fd < DESCRIPTORS_MAX && missing < 4096; fd++) {
		if (!call(copy, SYS_close, fd, 0, 0, &result, NULL))
			return;
		missing = result ? missing + 1 : 0;
	}
}

static void finish(pid_t tid)
{
	int status;

	kill(tid, SIGKILL);
	while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status))
		;
}

/* Its first stop, and what it inherited: the options that make the kernel kill it with us. */
static bool adopt(pid_t tid)
{
	int status;

	return wait_for(tid, &status) && WIFSTOPPED(status) &&
	       ptrace(PTRACE_SETOPTIONS, tid, NULL,
		      (void *)(long)(PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == 0;
}

/* In the child that shares the memory: the copy, which is then nobody's child of the process. */
static pid_t copy_from(const struct remote *owner, pid_t child, int64_t *ret_result)
{
	struct remote middle = *owner, copy = *owner;
	unsigned long made = 0;

	middle.tid = child;
	if (!call(&middle, SYS_clone, 0, 0, 0, ret_result, &made) || *ret_result < 0)
		made = 0;
	copy.tid = (pid_t)made;
	if (made && adopt(copy.tid))
		close_all(&copy);
	finish(child);
	return (pid_t)made;
}

/*
 * Orphans of its descendants become its children, who are reported to it at their end: the copy would be one of them.
 * No file of /proc says so. The answer is a word in memory: below the red zone of a stack whose threads all stand
 * still, where it is put back.
 */
static bool adopts_orphans(const struct remote *owner)
{
	uint64_t address = (owner->saved.rsp - 256) & ~7ull;
	int64_t result = -1;
	long before, answer = 0;

	errno = 0;
	before = ptrace(PTRACE_PEEKDATA, owner->tid, (void *)address, NULL);
	if (errno || !call(owner, SYS_prctl, PR_GET_CHILD_SUBREAPER, address, 0, &result, NULL) || result)
		return false;
	answer = ptrace(PTRACE_PEEKDATA, owner->tid, (void *)address, NULL);
	ptrace(PTRACE_POKEDATA, owner->tid, (void *)address, (void *)before);
	return (int32_t)answer != 0;
}

static enum inq_status make(const struct remote *owner, struct inq_copy *ret, struct inq_error *err)
{
	unsigned long child = 0;
	int64_t result = -ESRCH, own_number, reaped;
	pid_t copy = 0;
	bool ran;

	if (adopts_orphans(owner))
		return inq_fail(err, INQ_UNSUPPORTED,
				"no copy: the process adopts orphans, and would see the copy end (PR_SET_CHILD_SUBREAPER)");
	/* CLONE_FILES: descriptors are copied once, not twice. No exit signal: nobody is told of its end. */
	ran = call(owner, SYS_clone, CLONE_VM | CLONE_FILES | CLONE_FS, 0, 0, &own_number, &child);
	if (!ran)
		return inq_fail(err, INQ_ABSENT, "copy: the process died, or answered no call");
	if (own_number >= 0 && child) {
		if (adopt((pid_t)child))
			copy = copy_from(owner, (pid_t)child, &result);
		else
			finish((pid_t)child);
		call(owner, SYS_wait4, (uint64_t)own_number, 0, __WALL, &reaped, NULL);
	} else {
		result = own_number;
	}
	if (!copy) {
		errno = (int)-result;
		return inq_fail_os(err, "copy: the process could not be copied");
	}
	ret->pid = copy;
	return INQ_OK;
}

/* A line of status: "Seccomp:\t2", the last number of "NSpid:\t4711 1". */
static long status_number(const char *status, const char *line)
{
	const char *at = status ? strstr(status, line) : NULL, *end;

	if (!at)
		return -1;
	at += strlen(line);
	for (end = at + strcspn(at, "\n"); end > at && end[-1] != '\t' && end[-1] != ' '; end--)
		;
	return strtol(end, NULL, 10);
}

static const char *why_not(const struct inq_stopped *stopped, const char *status)
{
	if (status_number(status, "\nSeccomp:\t") > 0)
		return "its system call filter might take the copying for an attack";
	if (status_number(status, "\nNSpid:\t") == 1)
		return "it is the first of its PID namespace, which adopts all orphans";
	if (stopped->not_stopped)
		return "some of its threads did not stop";
	for (size_t i = 0; i < stopped->count; i++) {
		if (stopped->threads[i].group_stop)
			return "a signal has stopped it already";
		if (stopped->threads[i].tracer)
			return "another tracer has some of its threads";
	}
	return NULL;
}

enum inq_status inq_copy_make(struct inq_stopped *stopped, int memory, const char *status, const void *auxv,
			      size_t auxv_size, struct inq_copy *ret, struct inq_error *err)
{
	const char *why = why_not(stopped, status);
	struct remote owner;
	sigset_t ours, all;
	uint64_t mask, blocked = UINT64_MAX;
	enum inq_status result;

	if (why)
		return inq_fail(err, INQ_UNSUPPORTED, "no copy of process %u: %s", stopped->pid, why);
	if (!choose(stopped, memory, auxv, auxv_size, &owner))
		return inq_fail(err, INQ_UNSUPPORTED, "no copy of process %u: none of its threads can make one",
				stopped->pid);
	/* Nothing may end us while the thread stands where it never was. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &ours);
	if (ptrace(PTRACE_GETSIGMASK, owner.tid, (void *)sizeof(mask), &mask) ||
	    ptrace(PTRACE_SETSIGMASK, owner.tid, (void *)sizeof(blocked), &blocked)) {
		result = inq_fail_os(err, "copy: signal mask of thread %d", (int)owner.tid);
	} else {
		ptrace(PTRACE_SETOPTIONS, owner.tid, NULL, (void *)(long)(PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD));
		result = make(&owner, ret, err);
		give_back(&owner);
		ptrace(PTRACE_SETOPTIONS, owner.tid, NULL, NULL);
		ptrace(PTRACE_SETSIGMASK, owner.tid, (void *)sizeof(mask), &mask);
	}
	sigprocmask(SIG_SETMASK, &ours, NULL);
	return result;
}

#else

enum inq_status inq_copy_make(struct inq_stopped *stopped, int memory, const char *status, const void *auxv,
			      size_t auxv_size, struct inq_copy *ret, struct inq_error *err)
{
	(void)memory, (void)status, (void)auxv, (void)auxv_size, (void)ret;
	return inq_fail(err, INQ_UNSUPPORTED, "no copy of process %u: not on this processor", stopped->pid);
}

#endif

/* Bytes of memory that is no file's, by a text of /proc/PID/maps. All of a line but the name is the kernel's, and a name
 * cannot hold the end of a line ("start-end perms offset device inode name"). */
static uint64_t anonymous_bytes(const char *text, size_t size)
{
	const char *end = text + size;
	uint64_t bytes = 0;

	for (const char *next; text < end; text = next) {
		unsigned long long first, last, inode;

		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next + 1 : end;
		if (next[-1] == '\n' && sscanf(text, "%llx-%llx %*s %*s %*s %llu", &first, &last, &inode) == 3 && !inode)
			bytes += last - first;
	}
	return bytes;
}

bool inq_copy_is_whole(const char *maps, size_t size, pid_t copy)
{
	struct inq_buffer text = {0};
	char path[32];
	bool cut, whole;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)copy);
	whole = inq_gather_text(AT_FDCWD, path, INQ_DYING_MAX_TEXT, &text, &cut) && inq_buffer_text(&text) &&
		anonymous_bytes((const char *)text.data, text.size) >= anonymous_bytes(maps, size);
	inq_buffer_done(&text);
	return whole;
}

void inq_copy_end(struct inq_copy *copy)
{
	int status;

	if (copy->pid <= 0)
		return;
	kill(copy->pid, SIGKILL);
	while (waitpid(copy->pid, &status, __WALL) == copy->pid && WIFSTOPPED(status))
		;
	copy->pid = 0;
}
