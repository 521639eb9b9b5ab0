/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * tests/fixtures/pe-walk.exe, run one instruction at a time: who really called is known at each of them.
 *
 * The program's code needs no Windows. It is laid out in memory as its headers say, a child calls its entry by its
 * own calling convention, and the parent steps, with a stack of the calls beside it. x86-64 only.
 */
#ifndef TESTS_PE_PROGRAM_H
#define TESTS_PE_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum { PE_DEPTH = 64, PE_KEPT = 8 };

/* Registers that a call leaves alone there: rbx, rbp, rsi, rdi, r12 to r15; as the caller had them when it called. */
struct pe_caller {
	uint64_t pc, sp; /* after the return */
	uint64_t kept[PE_KEPT];
};

struct pe_program {
	uint8_t *base; /* where it lies, here and in the child */
	uint32_t size;
	pid_t child;
	int memory;    /* the child's /proc/PID/mem */
	struct user_regs_struct registers;
	struct pe_caller callers[PE_DEPTH]; /* outermost first; [0] is who called the entry, no part of it */
	unsigned depth;
	unsigned long steps;
};

/* False: the file is not there or nobody may be traced here; `why` says which. */
bool pe_program_start(struct pe_program *program, const char *path, const char **why);

/* To the next instruction of the program. False: its entry has returned. */
bool pe_program_step(struct pe_program *program);
void pe_program_end(struct pe_program *program);

/* pe_caller's order as the registers are now. */
void pe_program_kept(const struct user_regs_struct *registers, uint64_t ret[PE_KEPT]);

#endif
