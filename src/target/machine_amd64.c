/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AMD64. CONTEXT: winnt.h, 1232 bytes. DWARF numbers: System V psABI for x86-64, figure 3.36. Linux' register
 * orders: <sys/user.h> struct user_regs_struct, <sys/ucontext.h> gregset_t.
 */
#include "minidump/context.h"
#include "target/machine_tables.h"

#include <elf.h>

enum {
	CONTEXT_SIZE = 1232,
	FLAGS = 0x30,
	MXCSR = 0x34,
	FXSAVE = 0x100, /* XMM_SAVE_AREA32 is the FXSAVE image */
	FXSAVE_SIZE = 512,
	FXSAVE_MXCSR = 24, /* in the image */
};

#define GENERAL(name, offset, dwarf) {name, offset, 8, INQ_REG_GENERAL, dwarf}
#define SEGMENT(name, offset, dwarf) {name, offset, 2, INQ_REG_SEGMENT, dwarf}
#define DEBUG(name, offset)          {name, offset, 8, INQ_REG_DEBUG, -1}
#define FLOAT(n)  {"st" #n, FXSAVE + 32 + 16 * n, 10, INQ_REG_FLOAT, 33 + n}
#define VECTOR(n) {"xmm" #n, FXSAVE + 160 + 16 * n, 16, INQ_REG_VECTOR, 17 + n}

static const struct inq_register registers[] = {
	GENERAL("rax", 0x78, 0), GENERAL("rbx", 0x90, 3), GENERAL("rcx", 0x80, 2), GENERAL("rdx", 0x88, 1),
	GENERAL("rsi", 0xa8, 4), GENERAL("rdi", 0xb0, 5), GENERAL("rip", 0xf8, 16),
	GENERAL("rsp", 0x98, 7), GENERAL("rbp", 0xa0, 6),
	GENERAL("r8", 0xb8, 8), GENERAL("r9", 0xc0, 9), GENERAL("r10", 0xc8, 10), GENERAL("r11", 0xd0, 11),
	GENERAL("r12", 0xd8, 12), GENERAL("r13", 0xe0, 13), GENERAL("r14", 0xe8, 14), GENERAL("r15", 0xf0, 15),
	{"efl", 0x44, 4, INQ_REG_GENERAL, 49},
	SEGMENT("cs", 0x38, 51), SEGMENT("ss", 0x42, 52), SEGMENT("ds", 0x3a, 53),
	SEGMENT("es", 0x3c, 50), SEGMENT("fs", 0x3e, 54), SEGMENT("gs", 0x40, 55),
	DEBUG("dr0", 0x48), DEBUG("dr1", 0x50), DEBUG("dr2", 0x58), DEBUG("dr3", 0x60),
	DEBUG("dr6", 0x68), DEBUG("dr7", 0x70),
	{"fpcw", FXSAVE, 2, INQ_REG_CONTROL, 65}, {"fpsw", FXSAVE + 2, 2, INQ_REG_CONTROL, 66},
	{"fptw", FXSAVE + 4, 1, INQ_REG_CONTROL, -1}, {"mxcsr", MXCSR, 4, INQ_REG_CONTROL, 64},
	FLOAT(0), FLOAT(1), FLOAT(2), FLOAT(3), FLOAT(4), FLOAT(5), FLOAT(6), FLOAT(7),
	VECTOR(0), VECTOR(1), VECTOR(2), VECTOR(3), VECTOR(4), VECTOR(5), VECTOR(6), VECTOR(7),
	VECTOR(8), VECTOR(9), VECTOR(10), VECTOR(11), VECTOR(12), VECTOR(13), VECTOR(14), VECTOR(15),
};

#define LEGACY(letter) \
	{"e" letter "x", "r" letter "x", 0, 4}, {letter "x", "r" letter "x", 0, 2}, \
	{letter "l", "r" letter "x", 0, 1}, {letter "h", "r" letter "x", 8, 1}
#define POINTER(name) {"e" name, "r" name, 0, 4}, {name, "r" name, 0, 2}, {name "l", "r" name, 0, 1}
#define NUMBERED(n) {n "d", n, 0, 4}, {n "w", n, 0, 2}, {n "b", n, 0, 1}
#define MMX(n) {"mm" #n, "st" #n, 0, 8}

static const struct inq_register_alias aliases[] = {
	LEGACY("a"), LEGACY("b"), LEGACY("c"), LEGACY("d"),
	POINTER("si"), POINTER("di"), POINTER("bp"), POINTER("sp"),
	{"eip", "rip", 0, 4}, {"ip", "rip", 0, 2}, {"pc", "rip", 0, 0}, {"fp", "rbp", 0, 0},
	NUMBERED("r8"), NUMBERED("r9"), NUMBERED("r10"), NUMBERED("r11"),
	NUMBERED("r12"), NUMBERED("r13"), NUMBERED("r14"), NUMBERED("r15"),
	{"rflags", "efl", 0, 0}, {"eflags", "efl", 0, 0}, {"fl", "efl", 0, 2},
	MMX(0), MMX(1), MMX(2), MMX(3), MMX(4), MMX(5), MMX(6), MMX(7),
	{"$retreg", "rax", 0, 0}, {"$retreg64", "rax", 0, 0},
};

/* Where Linux keeps a register, and where the CONTEXT does. Offsets in bytes. */
struct move {
	uint16_t from, to;
	uint8_t size;
};

static const struct move user_regs[] = {
	{0, 0xf0, 8}, {8, 0xe8, 8}, {16, 0xe0, 8}, {24, 0xd8, 8},     /* r15 r14 r13 r12 */
	{32, 0xa0, 8}, {40, 0x90, 8}, {48, 0xd0, 8}, {56, 0xc8, 8},   /* rbp rbx r11 r10 */
	{64, 0xc0, 8}, {72, 0xb8, 8}, {80, 0x78, 8}, {88, 0x80, 8},   /* r9 r8 rax rcx */
	{96, 0x88, 8}, {104, 0xa8, 8}, {112, 0xb0, 8},                /* rdx rsi rdi; orig_rax has no place */
	{128, 0xf8, 8}, {136, 0x38, 2}, {144, 0x44, 4},               /* rip cs eflags */
	{152, 0x98, 8}, {160, 0x42, 2},                               /* rsp ss; 168 fs_base, 176 gs_base */
	{184, 0x3a, 2}, {192, 0x3c, 2}, {200, 0x3e, 2}, {208, 0x40, 2}, /* ds es fs gs */
};
enum { USER_REGS_SIZE = 27 * 8, USER_FS_BASE = 168 };

static const struct move gregs[] = {
	{0, 0xb8, 8}, {8, 0xc0, 8}, {16, 0xc8, 8}, {24, 0xd0, 8},     /* r8 r9 r10 r11 */
	{32, 0xd8, 8}, {40, 0xe0, 8}, {48, 0xe8, 8}, {56, 0xf0, 8},   /* r12 r13 r14 r15 */
	{64, 0xb0, 8}, {72, 0xa8, 8}, {80, 0xa0, 8}, {88, 0x90, 8},   /* rdi rsi rbp rbx */
	{96, 0x88, 8}, {104, 0x78, 8}, {112, 0x80, 8}, {120, 0x98, 8}, /* rdx rax rcx rsp */
	{128, 0xf8, 8}, {136, 0x44, 4},                               /* rip eflags */
	{144, 0x38, 2}, {146, 0x40, 2}, {148, 0x3e, 2}, {150, 0x42, 2}, /* cs gs fs ss */
};
enum { GREGS_SIZE = 23 * 8 };

static void move_all(const struct move *moves, size_t count, const void *from, struct inq_context *to)
{
	for (size_t i = 0; i < count; i++)
		memcpy(to->raw + moves[i].to, (const uint8_t *)from + moves[i].from, moves[i].size);
}

/* ContextFlags, and the FXSAVE image where there is one. A longer image is an XSAVE area, which begins so. */
static void finish(struct inq_context *context, const void *fp, size_t fp_size)
{
	uint32_t flags = MD_CONTEXT_AMD64 | MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_INTEGER |
			 MD_CONTEXT_X86_SEGMENTS;

	if (fp && fp_size >= FXSAVE_SIZE) {
		memcpy(context->raw + FXSAVE, fp, FXSAVE_SIZE);
		memcpy(context->raw + MXCSR, (const uint8_t *)fp + FXSAVE_MXCSR, 4);
		flags |= MD_CONTEXT_X86_FLOATING_POINT;
	}
	inq_put32(context->raw, FLAGS, flags);
}

static bool from_prstatus(const void *regs, size_t regs_size, const void *fp, size_t fp_size,
			  struct inq_context *ret, uint64_t *ret_tls)
{
	if (regs_size != USER_REGS_SIZE)
		return false;
	move_all(user_regs, sizeof(user_regs) / sizeof(*user_regs), regs, ret);
	finish(ret, fp, fp_size);
	*ret_tls = inq_get64(regs, USER_FS_BASE);
	return true;
}

static bool from_mcontext(const void *mcontext, size_t size, const void *fp, size_t fp_size,
			  struct inq_context *ret)
{
	if (size < GREGS_SIZE)
		return false;
	move_all(gregs, sizeof(gregs) / sizeof(*gregs), mcontext, ret);
	finish(ret, fp, fp_size);
	return true;
}

const struct inq_machine_table inq_machine_amd64 = {
	.info = {
		.name = "x86-64",
		.effective = "x64",
		.elf_machine = EM_X86_64,
		.md_processor = 9,
		.pointer_size = 8,
		.instruction_align = 1,
		.context_size = CONTEXT_SIZE,
		.dwarf_count = 17,
		.dwarf_pc = 16,
		.dwarf_sp = 7,
		.dwarf_fp = 6,
		.dwarf_return = 16,
		.red_zone = 128,
		.registers = registers,
		.register_count = sizeof(registers) / sizeof(*registers),
	},
	.aliases = aliases,
	.alias_count = sizeof(aliases) / sizeof(*aliases),
	.flags_offset = FLAGS,
	.machine_flag = MD_CONTEXT_AMD64,
	.class_flags = {
		[INQ_REG_GENERAL] = MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_INTEGER,
		[INQ_REG_SEGMENT] = MD_CONTEXT_X86_CONTROL | MD_CONTEXT_X86_SEGMENTS,
		[INQ_REG_DEBUG] = MD_CONTEXT_X86_DEBUG_REGISTERS,
		[INQ_REG_FLOAT] = MD_CONTEXT_X86_FLOATING_POINT,
		[INQ_REG_VECTOR] = MD_CONTEXT_X86_FLOATING_POINT,
		[INQ_REG_CONTROL] = MD_CONTEXT_X86_FLOATING_POINT,
	},
	.from_prstatus = from_prstatus,
	.from_mcontext = from_mcontext,
};
