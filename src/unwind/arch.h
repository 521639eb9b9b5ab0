/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What unwinding needs to know of a processor: one row each, in arch.c; the instruction patterns in
 * arch_x86.c and arch_arm.c.
 *
 * Pure functions over bytes; async-signal-safe.
 */
#ifndef INQ_UNWIND_ARCH_H
#define INQ_UNWIND_ARCH_H

#include "target/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ARCH_MAX_CALL = 8,   /* bytes of the longest call instruction that is looked for */
	ARCH_MAX_CODE = 32,  /* bytes around the instruction pointer that are looked at: half before, half from it */
	ARCH_MAX_TRAMPOLINE = 9,
};

/* A signal trampoline: the code that a handler returns to, and where the kernel put the registers. */
struct arch_trampoline {
	uint8_t size;
	uint8_t bytes[ARCH_MAX_TRAMPOLINE];
	uint8_t pointer;     /* not 0: the registers are not behind sp but behind what sp + pointer points at */
	uint16_t offset;     /* of the registers from there */
};

/* Where a register is in the kernel's sigcontext, from its first register, in words of the pointer's size. */
struct arch_saved {
	uint8_t dwarf, word;
};

/* Bytes of a call before a return address. */
struct arch_call {
	bool direct;
	uint64_t target; /* if direct */
};

struct arch {
	enum inq_machine machine;
	uint8_t pointer;      /* bytes */
	int8_t pc, sp, fp;    /* DWARF numbers */
	int8_t link;          /* register that a call leaves the return address in, -1: it is on the stack */
	uint8_t columns;      /* DWARF numbers below are tracked */
	bool has_cfi;
	bool thumb;           /* bit 0 of a return address is no part of it */
	uint16_t elf_machine;
	uint64_t preserved;   /* bits: registers that a call leaves alone (psABI) */
	uint64_t address_mask; /* user space addresses have no other bits; pointer authentication uses those */

	/* True if a call instruction ends at the end of the `size` bytes before a return address. */
	bool (*is_call)(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret);
	/* The return address of a function that has no CFI, from where in the function we are: offset from sp, or
	 * -1 if the code does not tell. `code` is at the instruction, `before` bytes before it are readable. */
	int (*return_offset)(const uint8_t *code, size_t size, size_t before);

	const struct arch_trampoline *trampolines;
	uint8_t trampoline_count;
	const struct arch_saved *saved;
	uint8_t saved_count;
};

/* NULL: not a machine that we unwind. */
const struct arch *arch_of(enum inq_machine machine);

bool arch_x86_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret);
bool arch_arm_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret);
bool arch_arm64_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret);
int arch_amd64_return_offset(const uint8_t *code, size_t size, size_t before);
int arch_x86_return_offset(const uint8_t *code, size_t size, size_t before);

#endif
