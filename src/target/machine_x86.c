/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x86. CONTEXT: winnt.h, 716 bytes. DWARF numbers: psABI for i386, table 2.14. Linux' order: struct user_regs_struct of i386.
 */
#include "minidump/context.h"
#include "target/machine_tables.h"

#include <elf.h>

enum {
	CONTEXT_SIZE = 716,
	FSAVE = 0x1c,        /* FLOATING_SAVE_AREA: seven words and 80 bytes of registers, as FSAVE writes */
	FSAVE_SIZE = 108,
	EXTENDED = 0xcc,     /* the FXSAVE image */
	FXSAVE_SIZE = 512,
};

#define GENERAL(name, offset, dwarf) {name, offset, 4, INQ_REG_GENERAL, dwarf}
#define SEGMENT(name, offset, dwarf) {name, offset, 2, INQ_REG_SEGMENT, dwarf}
#define DEBUG(name, offset)          {name, offset, 4, INQ_REG_DEBUG, -1}
#define FLOAT(n)  {"st" #n, FSAVE + 28 + 10 * n, 10, INQ_REG_FLOAT, 11 + n}
#define VECTOR(n) {"xmm" #n, EXTENDED + 160 + 16 * n, 16, INQ_REG_VECTOR, 21 + n}

static const struct inq_register registers[] = {
	GENERAL("eax", 0xb0, 0), GENERAL("ebx", 0xa4, 3), GENERAL("ecx", 0xac, 1), GENERAL("edx", 0xa8, 2),
	GENERAL("esi", 0xa0, 6), GENERAL("edi", 0x9c, 7), GENERAL("eip", 0xb8, 8),
	GENERAL("esp", 0xc4, 4), GENERAL("ebp", 0xb4, 5), GENERAL("efl", 0xc0, 9),
	SEGMENT("cs", 0xbc, 41), SEGMENT("ss", 0xc8, 42), SEGMENT("ds", 0x98, 43),
	SEGMENT("es", 0x94, 40), SEGMENT("fs", 0x90, 44), SEGMENT("gs", 0x8c, 45),
	DEBUG("dr0", 0x04), DEBUG("dr1", 0x08), DEBUG("dr2", 0x0c), DEBUG("dr3", 0x10),
	DEBUG("dr6", 0x14), DEBUG("dr7", 0x18),
	{"fpcw", FSAVE, 2, INQ_REG_FLOAT, 37}, {"fpsw", FSAVE + 4, 2, INQ_REG_FLOAT, 38},
	{"fptw", FSAVE + 8, 2, INQ_REG_FLOAT, -1}, {"mxcsr", EXTENDED + 24, 4, INQ_REG_CONTROL, 39},
	FLOAT(0), FLOAT(1), FLOAT(2), FLOAT(3), FLOAT(4), FLOAT(5), FLOAT(6), FLOAT(7),
	VECTOR(0), VECTOR(1), VECTOR(2), VECTOR(3), VECTOR(4), VECTOR(5), VECTOR(6), VECTOR(7),
};

#define LEGACY(letter) \
	{letter "x", "e" letter "x", 0, 2}, {letter "l", "e" letter "x", 0, 1}, {letter "h", "e" letter "x", 8, 1}
#define MMX(n) {"mm" #n, "st" #n, 0, 8}

static const struct inq_register_alias aliases[] = {
	LEGACY("a"), LEGACY("b"), LEGACY("c"), LEGACY("d"),
	{"si", "esi", 0, 2}, {"di", "edi", 0, 2}, {"bp", "ebp", 0, 2}, {"sp", "esp", 0, 2},
	{"ip", "eip", 0, 2}, {"pc", "eip", 0, 0}, {"fp", "ebp", 0, 0},
	{"eflags", "efl", 0, 0}, {"fl", "efl", 0, 2},
	MMX(0), MMX(1), MMX(2), MMX(3), MMX(4), MMX(5), MMX(6), MMX(7),
	{"$retreg", "eax", 0, 0},
};

/* user_regs_struct, word by word: where each goes in the CONTEXT; 0: nowhere (orig_eax). */
static const uint8_t user_regs[] = {
	0xa4, 0xac, 0xa8, 0xa0, 0x9c, 0xb4, 0xb0, /* ebx ecx edx esi edi ebp eax */
	0x98, 0x94, 0x90, 0x8c, 0,                /* ds es fs gs orig_eax */
	0xb8, 0xbc, 0xc0, 0xc4, 0xc8,             /* eip cs efl esp ss */
};

/* The FSAVE part out of an FXSAVE image: control words apart, registers 10 bytes of each 16. */
static void fsave_from_fxsave(uint8_t *to, const uint8_t *fx)
{
	uint16_t tags = 0;

	/* The abridged tags say valid or empty for each physical register. FSAVE's two bits: 3 is empty. "Valid"
	 * (0) is written for all others: zero and special would need a look at the number, and no reader cares. */
	for (unsigned i = 0; i < 8; i++)
		if (!(fx[4] >> i & 1))
			tags |= (uint16_t)(3 << (2 * i));
	inq_put32(to, 0, 0xffff0000u | inq_get16(fx, 0));
	inq_put32(to, 4, 0xffff0000u | inq_get16(fx, 2));
	inq_put32(to, 8, 0xffff0000u | tags);
	inq_put32(to, 12, inq_get32(fx, 8));
	inq_put32(to, 16, inq_get16(fx, 12) | (uint32_t)inq_get16(fx, 6) << 16);
	inq_put32(to, 20, inq_get32(fx, 16));
	inq_put32(to, 24, 0xffff0000u | inq_get16(fx, 20));
	for (unsigned i = 0; i < 8; i++)
		memcpy(to + 28 + 10 * i, fx + 32 + 16 * i, 10);
}

static bool from_prstatus(const void *regs, size_t regs_size, const void *fp, size_t fp_size,
			  struct inq_context *ret, uint64_t *ret_tls)
{
	uint32_t flags = MD_CONTEXT_X86 | MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_INTEGER | MD_CONTEXT_X86_SEGMENTS;

	if (regs_size != sizeof(user_regs) * 4)
		return false;
	for (size_t i = 0; i < sizeof(user_regs); i++)
		if (user_regs[i])
			inq_put32(ret->raw, user_regs[i], inq_get32(regs, 4 * i));
	/* Segment registers are 16 bits; the kernel leaves what it likes in the upper half. */
	for (const uint8_t *at = (const uint8_t[]){0x8c, 0x90, 0x94, 0x98, 0xbc, 0xc8, 0}; *at; at++)
		inq_put32(ret->raw, *at, inq_get16(ret->raw, *at));
	if (fp && fp_size >= FXSAVE_SIZE) {
		memcpy(ret->raw + EXTENDED, fp, FXSAVE_SIZE);
		fsave_from_fxsave(ret->raw + FSAVE, fp);
		flags |= MD_CONTEXT_X86_FLOATING_POINT | MD_CONTEXT_X86_EXTENDED_REGISTERS;
	} else if (fp && fp_size == FSAVE_SIZE) {
		memcpy(ret->raw + FSAVE, fp, FSAVE_SIZE);
		flags |= MD_CONTEXT_X86_FLOATING_POINT;
	}
	inq_put32(ret->raw, 0, flags);
	*ret_tls = 0; /* the base of gs lies in the GDT, which no note holds */
	return true;
}

const struct inq_machine_table inq_machine_x86 = {
	.info = {
		.name = "x86",
		.effective = "x86",
		.elf_machine = EM_386,
		.md_processor = 0,
		.pointer_size = 4,
		.instruction_align = 1,
		.context_size = CONTEXT_SIZE,
		.dwarf_count = 9,
		.dwarf_pc = 8,
		.dwarf_sp = 4,
		.dwarf_fp = 5,
		.dwarf_return = 8,
		.registers = registers,
		.register_count = sizeof(registers) / sizeof(*registers),
	},
	.aliases = aliases,
	.alias_count = sizeof(aliases) / sizeof(*aliases),
	.machine_flag = MD_CONTEXT_X86,
	.class_flags = {
		[INQ_REG_GENERAL] = MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_INTEGER,
		[INQ_REG_SEGMENT] = MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_SEGMENTS,
		[INQ_REG_DEBUG] = MD_CONTEXT_X86_DEBUG_REGISTERS,
		[INQ_REG_FLOAT] = MD_CONTEXT_X86_FLOATING_POINT,
		[INQ_REG_VECTOR] = MD_CONTEXT_X86_EXTENDED_REGISTERS,
		[INQ_REG_CONTROL] = MD_CONTEXT_X86_EXTENDED_REGISTERS,
	},
	.from_prstatus = from_prstatus,
};
