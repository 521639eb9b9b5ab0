/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Every thread of a process stopped at once, their registers taken, and all of them let go again as they were.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT (Linux 3.4): no signal is sent, group-stops and pending signals stay what
 * they were. A system call that a stop ends with EINTR, as epoll_wait(2) and semop(2) do, waits on when its thread is
 * let go (with its whole timeout again): the program never sees that it was stopped. The list of threads is read again until a pass finds no new one: a stopped thread cannot make
 * another. A thread that is traced by somebody else, sits in an uninterruptible sleep, or exits meanwhile never
 * holds us up: it is kept in the list with what could be learnt, until the deadline at most.
 *
 * One caller at a time; the calling thread becomes the tracer and must be the one that resumes. Not
 * async-signal-safe.
 */
#ifndef INQ_TARGET_STOP_H
#define INQ_TARGET_STOP_H

#include "support/error.h"
#include "target/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INQ_STOP_MAX_THREADS = 200000 };

struct inq_stopped_thread {
	uint32_t tid;
	bool seized;             /* we trace it */
	bool stopped;            /* and it has stopped */
	bool ended;              /* only while the list is made: it is left out */
	bool has_context;        /* exact registers */
	bool approximate;        /* only instruction and stack pointer, out of /proc (not ours to trace) */
	bool group_stop;         /* a signal had stopped it before (SIGSTOP and its kin), and it stays so */
	int pending_signal;      /* a signal that was on its way when it stopped; given back on resume */
	uint32_t tracer;         /* pid of the competing tracer, 0 none */
	uint64_t tls;            /* thread pointer */
	char comm[16];           /* by inq_stop_names() */
	struct inq_context context;
};

struct inq_stopped {
	uint32_t pid;
	struct inq_stopped_thread *threads;
	size_t count, capacity;
	bool ascending;          /* threads are sorted by tid */
	size_t not_stopped;      /* threads that had not stopped by the deadline */
};

/**
 * Stop the threads of a process.
 *
 * @task_fd      descriptor of its /proc/PID/task
 * @spare        a thread that is left running (the one that waits for us in its handler), 0 none
 * @deadline_ms  from now on
 * @ret          owned by the caller, inq_stop_done(); holds what was stopped also on failure, so that resuming
 *               is always right
 *
 * INQ_DENIED: not a single thread may be traced. INQ_ABSENT: the process is gone. INQ_NO_MEMORY, INQ_LIMIT.
 * Threads that could not be stopped are no failure.
 */
enum inq_status inq_stop_threads(uint32_t pid, int task_fd, uint32_t spare, unsigned deadline_ms,
				 struct inq_stopped *ret, struct inq_error *err);

/* Read the names of all threads, which takes as long as stopping them. */
void inq_stop_names(struct inq_stopped *stopped, int task_fd);

/* The process is about to be killed: see its threads off as they end, without letting one of them run another
 * instruction. Looks once at least; false if some have not
 * ended by the deadline. */
bool inq_stop_bury(struct inq_stopped *stopped, unsigned deadline_ms);

/* Let all go, each with the signal that was on its way to it. May be called twice. */
void inq_stop_resume(struct inq_stopped *stopped);
void inq_stop_done(struct inq_stopped *stopped);

/* The registers of one stopped thread; false if it is gone. */
bool inq_stop_registers(uint32_t tid, struct inq_context *ret, uint64_t *ret_tls);


/* Its extended registers as NT_X86_XSTATE has them, at most `capacity` bytes; 0 if there are none. */
size_t inq_stop_xstate(uint32_t tid, void *to, size_t capacity);

#endif
