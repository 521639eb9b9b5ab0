/* SPDX-License-Identifier: MIT */
/**
 * What the stub's parts share: one block of static storage, touched by whoever crashes.
 *
 * Two kinds of code live in the stub. What runs at a signal (stub_crash.c, stub_launch.c, stub_die.c) uses
 * this block and system calls, nothing else. What runs at ordinary times (stub_load.c, stub_threads.c,
 * stub_modules.c) may ask the C library for a few named things, all weak.
 */
#ifndef INQ_HANDLER_STUB_H
#define INQ_HANDLER_STUB_H

#include "target/record.h"
#include "handler/stub_raw.h"

#include <signal.h>
#include <ucontext.h>

enum {
	STUB_SIGNALS = 7,
	STUB_DUMP_MAX = 48,        /* the value of INQUEST, NUL included */
	STUB_DIRECTORY_MAX = 1024, /* the value of INQUEST_DIR, NUL included */
	STUB_CHILD_STACK = 8192,   /* of the child that execs the collector */
	STUB_DEADLINE_MS = 5000,
	STUB_DEADLINE_MAX_MS = 30000,
};

/* The kernel's own struct sigaction (x86-64), not the C library's. */
struct stub_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

struct stub_state {
	struct inq_record record;
	uint32_t owner;          /* tid of the thread whose dump is being taken; a futex; 0: nobody's */
	uint32_t crashing;       /* somebody crashes, or waits for the owner to be done: no dumps without a crash now */
	uint32_t installed;
	uint32_t child_running;  /* nonzero until the child has exec'd or died; the kernel clears it (CLEARTID) */
	int32_t child_error;     /* errno of a failed exec */
	uint32_t deadline_ms;
	uint32_t annotation_lock;
	uint32_t returns;        /* in a row, of a handler that was there before us... */
	uint64_t returned_to;    /* ...to these registers, as a checksum */
	size_t stack_size;       /* of an alternate stack, without its guard */
	char dump[STUB_DUMP_MAX];
	char directory[STUB_DIRECTORY_MAX];
	struct stub_sigaction earlier[STUB_SIGNALS];
	struct inq_record_annotation annotations[INQ_RECORD_ANNOTATIONS];
	struct inq_record_unloaded unloaded[INQ_RECORD_UNLOADED];
	_Alignas(16) uint8_t child_stack[STUB_CHILD_STACK];
};

#define STUB_HIDDEN __attribute__((visibility("hidden")))
#define STUB_PUBLIC __attribute__((visibility("default")))

extern STUB_HIDDEN struct stub_state stub;

/* Which signals, in the order of stub.earlier. */
extern STUB_HIDDEN const uint8_t stub_signals[STUB_SIGNALS];

/* The handler as the kernel enters it, and how it leaves. */
STUB_HIDDEN void stub_enter(int signal, siginfo_t *info, void *context);
STUB_HIDDEN void stub_restore(void) __asm__("__restore_rt");

/* Arm and disarm one signal; negated errno. */
STUB_HIDDEN long stub_arm(unsigned index);
STUB_HIDDEN void stub_disarm(unsigned index);

/**
 * Have a dump taken of the calling process; returns when the collector has said what is to be done, died, or
 * the deadline has passed. The record must be filled.
 *
 * 0: taken. Negated errno: not.
 */
STUB_HIDDEN int stub_collect(uint32_t tid);

/* Where the kernel came back from a clone() that a filter answered by a trap. */
extern STUB_HIDDEN const char stub_clone_end[];

/* Let the process die of this signal, as it would have without us: returns, and the caller returns from the
 * handler, where the signal is waiting; does not return if that could not be arranged. */
STUB_HIDDEN void stub_die(int signal, siginfo_t *info, ucontext_t *context);

/* Give the calling thread its alternate stack; negated errno. */
STUB_HIDDEN long stub_thread_stack(void);

#endif
