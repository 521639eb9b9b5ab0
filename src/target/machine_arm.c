/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ARM. CONTEXT: Breakpad's minidump_cpu_arm.h, 368 bytes; Windows' (416 bytes) has the same places up to its
 * debug registers. DWARF numbers: DWARF for the ARM Architecture, table 1.
 */
#include "minidump/context.h"
#include "target/machine_tables.h"

#include <elf.h>

enum {
	CONTEXT_SIZE = 368,
	IREGS = 4,
	CPSR = 0x44,
	FPSCR = 0x48,
	VFP = 0x50,
	USER_REGS = 18,                  /* r0-r15, cpsr, orig_r0 */
	USER_VFP_SIZE = 32 * 8 + 4,      /* NT_ARM_VFP: d0-d31, fpscr */
};

#define GENERAL(n) {"r" #n, IREGS + 4 * n, 4, INQ_REG_GENERAL, n}
#define VECTOR(n) {"d" #n, VFP + 8 * n, 8, INQ_REG_VECTOR, 256 + n}

static const struct inq_register registers[] = {
	GENERAL(0), GENERAL(1), GENERAL(2), GENERAL(3), GENERAL(4), GENERAL(5), GENERAL(6), GENERAL(7),
	GENERAL(8), GENERAL(9), GENERAL(10), GENERAL(11), GENERAL(12),
	{"sp", IREGS + 4 * 13, 4, INQ_REG_GENERAL, 13},
	{"lr", IREGS + 4 * 14, 4, INQ_REG_GENERAL, 14},
	{"pc", IREGS + 4 * 15, 4, INQ_REG_GENERAL, 15},
	{"psr", CPSR, 4, INQ_REG_GENERAL, 128},
	{"fpscr", FPSCR, 4, INQ_REG_CONTROL, -1},
	VECTOR(0), VECTOR(1), VECTOR(2), VECTOR(3), VECTOR(4), VECTOR(5), VECTOR(6), VECTOR(7),
	VECTOR(8), VECTOR(9), VECTOR(10), VECTOR(11), VECTOR(12), VECTOR(13), VECTOR(14), VECTOR(15),
	VECTOR(16), VECTOR(17), VECTOR(18), VECTOR(19), VECTOR(20), VECTOR(21), VECTOR(22), VECTOR(23),
	VECTOR(24), VECTOR(25), VECTOR(26), VECTOR(27), VECTOR(28), VECTOR(29), VECTOR(30), VECTOR(31),
};

static const struct inq_register_alias aliases[] = {
	{"r13", "sp", 0, 0}, {"r14", "lr", 0, 0}, {"r15", "pc", 0, 0},
	{"fp", "r11", 0, 0}, {"ip", "r12", 0, 0}, {"cpsr", "psr", 0, 0},
	{"$retreg", "r0", 0, 0},
};

static bool from_prstatus(const void *regs, size_t regs_size, const void *fp, size_t fp_size,
			  struct inq_context *ret, uint64_t *ret_tls)
{
	uint32_t flags = MD_CONTEXT_ARM | MD_CONTEXT_ARM64_CONTROL | MD_CONTEXT_ARM64_INTEGER;

	if (regs_size != USER_REGS * 4)
		return false;
	memcpy(ret->raw + IREGS, regs, 17 * 4); /* r0-r15 and cpsr, in the same order */
	if (fp && fp_size >= USER_VFP_SIZE) {
		memcpy(ret->raw + VFP, fp, 32 * 8);
		inq_put64(ret->raw, FPSCR, inq_get32(fp, 32 * 8));
		flags |= MD_CONTEXT_ARM64_FLOATING_POINT;
	}
	inq_put32(ret->raw, 0, flags);
	*ret_tls = 0;
	return true;
}

const struct inq_machine_table inq_machine_arm = {
	.info = {
		.name = "ARM",
		.effective = "arm",
		.elf_machine = EM_ARM,
		.md_processor = 5,
		.pointer_size = 4,
		.instruction_align = 2,
		.context_size = CONTEXT_SIZE,
		.dwarf_count = 16,
		.dwarf_pc = 15,
		.dwarf_sp = 13,
		.dwarf_fp = 11,
		.dwarf_return = 14,
		.registers = registers,
		.register_count = sizeof(registers) / sizeof(*registers),
	},
	.aliases = aliases,
	.alias_count = sizeof(aliases) / sizeof(*aliases),
	.machine_flag = MD_CONTEXT_ARM,
	.class_flags = {
		[INQ_REG_GENERAL] = MD_CONTEXT_ARM64_CONTROL | MD_CONTEXT_ARM64_INTEGER,
		[INQ_REG_VECTOR] = MD_CONTEXT_ARM64_FLOATING_POINT,
		[INQ_REG_CONTROL] = MD_CONTEXT_ARM64_FLOATING_POINT,
	},
	.from_prstatus = from_prstatus,
};
