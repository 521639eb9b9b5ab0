/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ARM64. CONTEXT: winnt.h, 912 bytes, which Breakpad took over. DWARF numbers: DWARF for the Arm 64-bit Architecture, table 1; 32 is the pc.
 */
#include "minidump/context.h"
#include "target/machine_tables.h"

#include <elf.h>

enum {
	CONTEXT_SIZE = 912,
	CPSR = 4,
	IREGS = 8,                  /* x0-x28, fp, lr, sp, pc */
	IREGS_SIZE = 33 * 8,
	VREGS = 0x110,
	VREGS_SIZE = 32 * 16,
	FPCR = 0x310,
	FPSR = 0x314,

	USER_REGS_SIZE = 34 * 8,    /* x0-x30, sp, pc, pstate */
	USER_FP_SIZE = 32 * 16 + 8, /* v0-v31, fpsr, fpcr */
};

#define GENERAL(n) {"x" #n, IREGS + 8 * n, 8, INQ_REG_GENERAL, n}
#define VECTOR(n) {"v" #n, VREGS + 16 * n, 16, INQ_REG_VECTOR, 64 + n}
#define EACH_32(_) \
	_(0), _(1), _(2), _(3), _(4), _(5), _(6), _(7), _(8), _(9), _(10), _(11), _(12), _(13), _(14), _(15), \
	_(16), _(17), _(18), _(19), _(20), _(21), _(22), _(23), _(24), _(25), _(26), _(27), _(28), _(29), \
	_(30), _(31)

static const struct inq_register registers[] = {
	GENERAL(0), GENERAL(1), GENERAL(2), GENERAL(3), GENERAL(4), GENERAL(5), GENERAL(6), GENERAL(7),
	GENERAL(8), GENERAL(9), GENERAL(10), GENERAL(11), GENERAL(12), GENERAL(13), GENERAL(14), GENERAL(15),
	GENERAL(16), GENERAL(17), GENERAL(18), GENERAL(19), GENERAL(20), GENERAL(21), GENERAL(22),
	GENERAL(23), GENERAL(24), GENERAL(25), GENERAL(26), GENERAL(27), GENERAL(28),
	{"fp", IREGS + 8 * 29, 8, INQ_REG_GENERAL, 29},
	{"lr", IREGS + 8 * 30, 8, INQ_REG_GENERAL, 30},
	{"sp", IREGS + 8 * 31, 8, INQ_REG_GENERAL, 31},
	{"pc", IREGS + 8 * 32, 8, INQ_REG_GENERAL, 32},
	{"cpsr", CPSR, 4, INQ_REG_GENERAL, -1},
	{"fpcr", FPCR, 4, INQ_REG_CONTROL, -1}, {"fpsr", FPSR, 4, INQ_REG_CONTROL, -1},
	EACH_32(VECTOR),
};

#define LOW_X(n) {"w" #n, "x" #n, 0, 4}
#define LOW_V(n) {"d" #n, "v" #n, 0, 8}, {"s" #n, "v" #n, 0, 4}, {"q" #n, "v" #n, 0, 0}

static const struct inq_register_alias aliases[] = {
	{"x29", "fp", 0, 0}, {"x30", "lr", 0, 0}, {"w29", "fp", 0, 4}, {"w30", "lr", 0, 4},
	{"ip0", "x16", 0, 0}, {"ip1", "x17", 0, 0}, {"wsp", "sp", 0, 4}, {"pstate", "cpsr", 0, 0},
	{"$retreg", "x0", 0, 0},
	LOW_X(0), LOW_X(1), LOW_X(2), LOW_X(3), LOW_X(4), LOW_X(5), LOW_X(6), LOW_X(7), LOW_X(8), LOW_X(9),
	LOW_X(10), LOW_X(11), LOW_X(12), LOW_X(13), LOW_X(14), LOW_X(15), LOW_X(16), LOW_X(17), LOW_X(18),
	LOW_X(19), LOW_X(20), LOW_X(21), LOW_X(22), LOW_X(23), LOW_X(24), LOW_X(25), LOW_X(26), LOW_X(27),
	LOW_X(28),
	EACH_32(LOW_V),
};

static bool from_prstatus(const void *regs, size_t regs_size, const void *fp, size_t fp_size,
			  struct inq_context *ret, uint64_t *ret_tls)
{
	uint32_t flags = MD_CONTEXT_ARM64 | MD_CONTEXT_ARM64_CONTROL | MD_CONTEXT_ARM64_INTEGER;

	if (regs_size != USER_REGS_SIZE)
		return false;
	memcpy(ret->raw + IREGS, regs, IREGS_SIZE);
	inq_put32(ret->raw, CPSR, inq_get32(regs, IREGS_SIZE));
	if (fp && fp_size >= USER_FP_SIZE) {
		memcpy(ret->raw + VREGS, fp, VREGS_SIZE);
		inq_put32(ret->raw, FPSR, inq_get32(fp, VREGS_SIZE));
		inq_put32(ret->raw, FPCR, inq_get32(fp, VREGS_SIZE + 4));
		flags |= MD_CONTEXT_ARM64_FLOATING_POINT;
	}
	inq_put32(ret->raw, 0, flags);
	*ret_tls = 0; /* in a note of its own, NT_ARM_TLS */
	return true;
}

const struct inq_machine_table inq_machine_arm64 = {
	.info = {
		.name = "ARM64",
		.effective = "arm64",
		.elf_machine = EM_AARCH64,
		.md_processor = 12,
		.pointer_size = 8,
		.instruction_align = 4,
		.context_size = CONTEXT_SIZE,
		.dwarf_count = 33,
		.dwarf_pc = 32,
		.dwarf_sp = 31,
		.dwarf_fp = 29,
		.dwarf_return = 30,
		.registers = registers,
		.register_count = sizeof(registers) / sizeof(*registers),
	},
	.aliases = aliases,
	.alias_count = sizeof(aliases) / sizeof(*aliases),
	.machine_flag = MD_CONTEXT_ARM64,
	.class_flags = {
		[INQ_REG_GENERAL] = MD_CONTEXT_ARM64_CONTROL | MD_CONTEXT_ARM64_INTEGER,
		[INQ_REG_VECTOR] = MD_CONTEXT_ARM64_FLOATING_POINT,
		[INQ_REG_CONTROL] = MD_CONTEXT_ARM64_FLOATING_POINT,
	},
	.from_prstatus = from_prstatus,
};
