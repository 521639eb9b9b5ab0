/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * secretful: plants random secrets everywhere that a process keeps anything, and tells a list where.
 *
 * A line of the list: KIND HEX ADDRESS WHERE. ADDRESS is where the secret lay when it was planted (0: it has none,
 * or moved on). KIND says what of it betrays it, and how it was made, so that others can be made like it:
 *
 *   bytes  any four bytes in a row; each was 1 to 255
 *   text   any four bytes in a row; each was one of the 64 letters of fill_text()
 *   wide   any four bytes in a row; UTF-16 of 20,000 Chinese signs
 *   word   all eight bytes: a value that looks like something else
 *   here   all of it, at its address: too short or too common to be looked for elsewhere
 */
#ifndef SECRETFUL_H
#define SECRETFUL_H

#include <stddef.h>
#include <stdint.h>

#define DEEP __attribute__((noinline, noclone))
#define KEEP(p) __asm__ volatile("" ::"r"(p) : "memory")

enum { LONGEST = 64, SHORTEST = 3 };

typedef void (*next)(void);

#ifdef __cplusplus
extern "C" {
#endif

/* secretful.c */
extern int list;  /* the descriptor of the list */
extern next last; /* what roads lead to: load_and_fault, or load_and_wait */
void note(const char *where, const char *kind, const void *bytes, size_t size, const void *place);
void fill(const char *where, void *to, size_t size);
/* size signs and a NUL */
void fill_text(const char *where, char *to, size_t size);
/* size units and a NUL */
void fill_wide(const char *where, uint16_t *to, size_t size);
/* 3 to 64 bytes somewhere in a room of at least 80; all else of it is left as it is. */
void fill_some(const char *where, void *room);
uint64_t random_below(uint64_t bound);

/* secretful_registers.c: values in every register that the processor has, then what the name says. */
void fill_registers(void);
void load_and_fault(void);      /* a frame with CFI, its rbp a secret */
void load_and_fault_leaf(void); /* no frame, the red zone full */
void load_and_fault_bare(void); /* no CFI */
void load_and_follow(void);     /* a secret as if it were an address */
void load_and_wait(void);       /* for ever, in a system call */
void load_and_trap(void);       /* ud2, and returns if a handler skips it */
void tail(void);                /* secrets below the stack, then a jump to load_and_fault */
void spilled(next then);        /* secrets in slots and in the registers that `then` has to save */
void bare_with_frame(next then);
void bare_without_frame(next then);

/* secretful_places.c: everything but stacks and registers. */
void plant_places(void);
void start_threads(void);

/* secretful_stacks.c, secretful_cxx.cc */
void dead(int depth);
void locals(int depth, next then);
void crash_varargs(void);
void crash_qsort(void);
void crash_signal(void);
void crash_signal_stack(void);
void crash_nested_signals(void);
void crash_jit(void);
void crash_coroutine(void);
void crash_noreturn(void);
void crash_bare(void);
void crash_spilled(void);
void crash_smashed(void);
void crash_queued(void);
void crash_at_exit(void);
void crash_thread(void);
void crash_leaderless(void);
void crash_aligned(void);
void crash_in_catch(void);
void crash_unwinding(void);
void crash_uncaught(void);

#ifdef __cplusplus
}
#endif
#endif
