/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What depends on the processor: one table for each, in machine_<name>.c.
 *
 * A thread's registers are everywhere the minidump CONTEXT of that processor, byte for byte (Microsoft's
 * layout for x86, AMD64 and ARM64, Breakpad's for ARM): the one form that all targets can give and the writer
 * needs. Nobody outside the tables knows an offset in it; registers are asked for by role, by name, or by
 * their DWARF number.
 */
#ifndef INQ_TARGET_MACHINE_H
#define INQ_TARGET_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inq_machine {
	INQ_MACHINE_UNKNOWN = 0,
	INQ_MACHINE_X86,
	INQ_MACHINE_AMD64,
	INQ_MACHINE_ARM,
	INQ_MACHINE_ARM64,
};

enum {
	INQ_CONTEXT_MAX = 1232, /* the largest fixed CONTEXT, AMD64's */
};

/* A thread's registers. A zeroed one is of no machine. */
struct inq_context {
	enum inq_machine machine;
	uint32_t size; /* bytes that are valid in raw */
	_Alignas(16) uint8_t raw[INQ_CONTEXT_MAX];
};

enum inq_register_class {
	INQ_REG_GENERAL,  /* integer registers, instruction pointer and flags */
	INQ_REG_SEGMENT,
	INQ_REG_DEBUG,
	INQ_REG_FLOAT,    /* x87, 10 bytes of 16 */
	INQ_REG_VECTOR,
	INQ_REG_CONTROL,  /* mxcsr, fpcr, ... */
};

struct inq_register {
	const char *name;   /* as WinDbg writes it: "rax", "efl", "xmm0" */
	uint16_t offset;    /* in raw */
	uint8_t size;       /* bytes */
	uint8_t class;      /* enum inq_register_class */
	int16_t dwarf;      /* DWARF number (psABI), or -1 */
};

struct inq_machine_info {
	const char *name;          /* "x86-64" */
	const char *effective;     /* WinDbg's ".effmach" word: "x64" */
	uint16_t elf_machine;      /* EM_* */
	uint16_t md_processor;     /* PROCESSOR_ARCHITECTURE_* */
	uint8_t pointer_size;      /* bytes */
	uint8_t instruction_align; /* bytes */
	uint16_t context_size;     /* bytes of the fixed CONTEXT */
	uint16_t dwarf_count;      /* DWARF numbers below this are tracked by CFI */
	int16_t dwarf_pc, dwarf_sp, dwarf_fp, dwarf_return; /* dwarf_return: link register or the CIE's column */
	uint16_t red_zone;         /* bytes below the stack pointer that a leaf may use */
	const struct inq_register *registers;
	size_t register_count;
};

/* NULL for a machine that we have no table of. */
const struct inq_machine_info *inq_machine_info(enum inq_machine machine);
enum inq_machine inq_machine_from_elf(uint16_t em, bool is_64);
enum inq_machine inq_machine_from_minidump(uint16_t processor_architecture);

/* By name (also sub-registers and aliases: "eax", "al", "$ip", "$csp", "$retreg"), case-insensitively; NULL if
 * there is none. ret_shift/ret_size tell which part of the register is meant (bits, bytes); may be NULL. */
const struct inq_register *inq_register_find(enum inq_machine machine, const char *name, unsigned *ret_shift,
					     unsigned *ret_size);
const struct inq_register *inq_register_from_dwarf(enum inq_machine machine, int dwarf);

/* A CONTEXT whose general registers are there and zero; all zero for a machine that we have no table of. */
void inq_context_init(enum inq_machine machine, struct inq_context *ret);

/* Integer registers of up to 8 bytes; 0 and false if the context lacks it. */
bool inq_context_get(const struct inq_context *context, const struct inq_register *reg, uint64_t *ret);
bool inq_context_set(struct inq_context *context, const struct inq_register *reg, uint64_t value);

/* By role; 0 if there is none. */
uint64_t inq_context_pc(const struct inq_context *context);
uint64_t inq_context_sp(const struct inq_context *context);
uint64_t inq_context_fp(const struct inq_context *context);

/**
 * Make a CONTEXT of what Linux has: NT_PRSTATUS' registers (struct user_regs_struct and its kin) and, if
 * there, NT_PRFPREG (the FXSAVE image on x86).
 *
 * @regs  `regs_size` bytes as in the note's pr_reg; @fp may be NULL
 *
 * False if a size is not that machine's. ret_tls gets the thread pointer (fs_base on AMD64), 0 if unknown.
 */
bool inq_context_from_prstatus(enum inq_machine machine, const void *regs, size_t regs_size, const void *fp,
			       size_t fp_size, struct inq_context *ret, uint64_t *ret_tls);

/* The same of a ucontext_t's mcontext (a signal frame's or a record's). `size` bytes from the start of
 * uc_mcontext; @fp is the FXSAVE image that it points at, or NULL. AMD64 only so far. */
bool inq_context_from_mcontext(enum inq_machine machine, const void *mcontext, size_t size, const void *fp,
			       size_t fp_size, struct inq_context *ret);

#endif
