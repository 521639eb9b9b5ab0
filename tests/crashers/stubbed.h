/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of stubbed share: a mode is a name and a function that does not return, or returns when there is
 * nothing left to do.
 */
#ifndef STUBBED_H
#define STUBBED_H

#include <signal.h>

/* A function that keeps a frame of its own, in every build. */
#define FRAME __attribute__((noinline, noclone))

struct mode {
	const char *name;
	void (*run)(void);
};

extern volatile int after;      /* written behind calls, so that they are calls and not jumps */
extern const char *argument;    /* the word behind the mode, or "" */

FRAME void crash(void);                 /* reads through a null pointer */
FRAME int overflow(int depth);          /* no end but that of the stack */
__attribute__((noreturn)) int fail(const char *what);
void say(const char *text);             /* a line, at once */
void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags);
void install_ours(void);                /* the stub, behind what is there already */
void filter_calls(const char *rule);    /* ACTION:NR,NR...: these system calls are answered by ACTION */

/* Each ends with a row without a name. */
extern const struct mode ruin_modes[], process_modes[], memory_modes[];

#endif
