/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* REG_RIP */
#include "minidump/context.h"
#include "target/core_notes.h"
#include "target/machine.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/ucontext.h>
#include <sys/user.h>

static const enum inq_machine machines[] = {INQ_MACHINE_X86, INQ_MACHINE_AMD64, INQ_MACHINE_ARM,
					    INQ_MACHINE_ARM64};

/* --- tables --------------------------------------------------------------------------------------
 */

Test(machine, keeps_every_register_inside_its_context)
{
	for (size_t m = 0; m < sizeof(machines) / sizeof(*machines); m++) {
		const struct inq_machine_info *info = inq_machine_info(machines[m]);

		for (size_t i = 0; i < info->register_count; i++) {
			const struct inq_register *reg = &info->registers[i];

			cr_assert_leq(reg->offset + reg->size, info->context_size, "%s", reg->name);
			cr_assert_leq(info->context_size, INQ_CONTEXT_MAX);
			for (size_t j = 0; j < i; j++) {
				const struct inq_register *other = &info->registers[j];

				cr_assert(reg->offset >= other->offset + other->size ||
						  other->offset >= reg->offset + reg->size,
					  "%s: %s lies over %s", info->name, reg->name,
					  other->name);
				cr_assert(reg->dwarf == -1 || reg->dwarf != other->dwarf,
					  "%s: %s and %s", info->name, reg->name, other->name);
				cr_assert_str_neq(reg->name, other->name);
			}
		}
	}
}

Test(machine, has_roles_for_every_machine)
{
	for (size_t m = 0; m < sizeof(machines) / sizeof(*machines); m++) {
		const struct inq_machine_info *info = inq_machine_info(machines[m]);

		cr_assert_not_null(inq_register_from_dwarf(machines[m], info->dwarf_pc));
		cr_assert_not_null(inq_register_from_dwarf(machines[m], info->dwarf_sp));
		cr_assert_not_null(inq_register_from_dwarf(machines[m], info->dwarf_fp));
		for (int i = 0; i < info->dwarf_count; i++)
			cr_assert_not_null(inq_register_from_dwarf(machines[m], i), "%s: %d",
					   info->name, i);
	}
	cr_assert_null(inq_machine_info(INQ_MACHINE_UNKNOWN));
	cr_assert_null(inq_machine_info((enum inq_machine)77));
	cr_assert_null(inq_register_from_dwarf(INQ_MACHINE_AMD64, -1));
}

Test(machine, is_found_by_its_numbers)
{
	cr_assert_eq(inq_machine_from_elf(EM_X86_64, true), INQ_MACHINE_AMD64);
	cr_assert_eq(inq_machine_from_elf(EM_X86_64, false), INQ_MACHINE_UNKNOWN,
		     "x32 is another ABI");
	cr_assert_eq(inq_machine_from_elf(EM_386, false), INQ_MACHINE_X86);
	cr_assert_eq(inq_machine_from_elf(EM_AARCH64, true), INQ_MACHINE_ARM64);
	cr_assert_eq(inq_machine_from_elf(EM_ARM, false), INQ_MACHINE_ARM);
	cr_assert_eq(inq_machine_from_elf(EM_MIPS, false), INQ_MACHINE_UNKNOWN);
	cr_assert_eq(inq_machine_from_minidump(9), INQ_MACHINE_AMD64);
	cr_assert_eq(inq_machine_from_minidump(0), INQ_MACHINE_X86);
	cr_assert_eq(inq_machine_from_minidump(5), INQ_MACHINE_ARM);
	cr_assert_eq(inq_machine_from_minidump(12), INQ_MACHINE_ARM64);
	cr_assert_eq(inq_machine_from_minidump(0x8003), INQ_MACHINE_ARM64);
	cr_assert_eq(inq_machine_from_minidump(6), INQ_MACHINE_UNKNOWN);
}

#define AT(machine, name, structure, field)                                                        \
	do {                                                                                       \
		const struct inq_register *reg_ = inq_register_find(machine, name, NULL, NULL);    \
		cr_assert_not_null(reg_, "%s", name);                                              \
		cr_assert_eq(reg_->offset, offsetof(struct structure, field), "%s", name);         \
	} while (0)

/* The minidump room wrote its structures from Microsoft's and Breakpad's headers on its own. */
Test(machine, agrees_with_the_format_about_places)
{
	AT(INQ_MACHINE_AMD64, "rax", md_context_amd64, rax);
	AT(INQ_MACHINE_AMD64, "rbx", md_context_amd64, rbx);
	AT(INQ_MACHINE_AMD64, "rcx", md_context_amd64, rcx);
	AT(INQ_MACHINE_AMD64, "rdx", md_context_amd64, rdx);
	AT(INQ_MACHINE_AMD64, "rsi", md_context_amd64, rsi);
	AT(INQ_MACHINE_AMD64, "rdi", md_context_amd64, rdi);
	AT(INQ_MACHINE_AMD64, "rsp", md_context_amd64, rsp);
	AT(INQ_MACHINE_AMD64, "rbp", md_context_amd64, rbp);
	AT(INQ_MACHINE_AMD64, "r8", md_context_amd64, r8);
	AT(INQ_MACHINE_AMD64, "r15", md_context_amd64, r15);
	AT(INQ_MACHINE_AMD64, "rip", md_context_amd64, rip);
	AT(INQ_MACHINE_AMD64, "efl", md_context_amd64, eflags);
	AT(INQ_MACHINE_AMD64, "cs", md_context_amd64, cs);
	AT(INQ_MACHINE_AMD64, "ss", md_context_amd64, ss);
	AT(INQ_MACHINE_AMD64, "gs", md_context_amd64, gs);
	AT(INQ_MACHINE_AMD64, "dr7", md_context_amd64, dr7);
	AT(INQ_MACHINE_AMD64, "mxcsr", md_context_amd64, mxcsr);
	AT(INQ_MACHINE_AMD64, "st7", md_context_amd64, fxsave.st[7]);
	AT(INQ_MACHINE_AMD64, "xmm15", md_context_amd64, fxsave.xmm[15]);
	AT(INQ_MACHINE_X86, "eip", md_context_x86, eip);
	AT(INQ_MACHINE_X86, "esp", md_context_x86, esp);
	AT(INQ_MACHINE_X86, "ebp", md_context_x86, ebp);
	AT(INQ_MACHINE_X86, "eax", md_context_x86, eax);
	AT(INQ_MACHINE_X86, "edi", md_context_x86, edi);
	AT(INQ_MACHINE_X86, "ss", md_context_x86, ss);
	AT(INQ_MACHINE_X86, "st0", md_context_x86, fp_st);
	AT(INQ_MACHINE_ARM64, "x0", md_context_arm64, x[0]);
	AT(INQ_MACHINE_ARM64, "v0", md_context_arm64, v[0]);
	AT(INQ_MACHINE_ARM64, "pc", md_context_arm64, pc);
	AT(INQ_MACHINE_ARM64, "sp", md_context_arm64, sp);
	AT(INQ_MACHINE_ARM64, "cpsr", md_context_arm64, cpsr);
	AT(INQ_MACHINE_ARM64, "fpsr", md_context_arm64, fpsr);
	AT(INQ_MACHINE_ARM, "r0", md_context_arm, r[0]);
	AT(INQ_MACHINE_ARM, "pc", md_context_arm, r[15]);
	AT(INQ_MACHINE_ARM, "cpsr", md_context_arm, cpsr);
	AT(INQ_MACHINE_ARM, "d31", md_context_arm, d[31]);
	cr_assert_eq(inq_machine_info(INQ_MACHINE_AMD64)->context_size,
		     sizeof(struct md_context_amd64));
	cr_assert_eq(inq_machine_info(INQ_MACHINE_X86)->context_size,
		     sizeof(struct md_context_x86));
	cr_assert_eq(inq_machine_info(INQ_MACHINE_ARM)->context_size,
		     sizeof(struct md_context_arm));
	cr_assert_eq(inq_machine_info(INQ_MACHINE_ARM64)->context_size,
		     sizeof(struct md_context_arm64));
}

static void part(enum inq_machine machine, const char *name, const char *of, unsigned shift,
		 unsigned size)
{
	unsigned got_shift = 99, got_size = 99;
	const struct inq_register *reg = inq_register_find(machine, name, &got_shift, &got_size);

	cr_assert_not_null(reg, "%s", name);
	cr_assert_str_eq(reg->name, of);
	cr_assert_eq(got_shift, shift, "%s", name);
	cr_assert_eq(got_size, size, "%s", name);
}

Test(machine, finds_registers_and_their_parts_by_name)
{
	part(INQ_MACHINE_AMD64, "rax", "rax", 0, 8);
	part(INQ_MACHINE_AMD64, "RaX", "rax", 0, 8);
	part(INQ_MACHINE_AMD64, "eax", "rax", 0, 4);
	part(INQ_MACHINE_AMD64, "ah", "rax", 8, 1);
	part(INQ_MACHINE_AMD64, "al", "rax", 0, 1);
	part(INQ_MACHINE_AMD64, "spl", "rsp", 0, 1);
	part(INQ_MACHINE_AMD64, "r10w", "r10", 0, 2);
	part(INQ_MACHINE_AMD64, "eflags", "efl", 0, 4);
	part(INQ_MACHINE_AMD64, "$ip", "rip", 0, 8);
	part(INQ_MACHINE_AMD64, "$csp", "rsp", 0, 8);
	part(INQ_MACHINE_AMD64, "$retreg", "rax", 0, 8);
	part(INQ_MACHINE_X86, "ch", "ecx", 8, 1);
	part(INQ_MACHINE_X86, "$ip", "eip", 0, 4);
	part(INQ_MACHINE_ARM, "r13", "sp", 0, 4);
	part(INQ_MACHINE_ARM64, "w3", "x3", 0, 4);
	part(INQ_MACHINE_ARM64, "x29", "fp", 0, 8);
	part(INQ_MACHINE_ARM64, "d9", "v9", 0, 8);
	cr_assert_null(inq_register_find(INQ_MACHINE_AMD64, "r16", NULL, NULL));
	cr_assert_null(inq_register_find(INQ_MACHINE_AMD64, "", NULL, NULL));
	cr_assert_null(inq_register_find(INQ_MACHINE_UNKNOWN, "rax", NULL, NULL));
}

/* Every alias of every machine names a register that there is. */
Test(machine, has_no_alias_of_nothing)
{
	static const char *const names[] = {"eax", "r8d", "r15b", "mm7",
					    "fl",  "pc",  "fp",	  "rflags"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_assert_not_null(inq_register_find(INQ_MACHINE_AMD64, names[i], NULL, NULL), "%s",
				   names[i]);
}

/* --- values --------------------------------------------------------------------------------------
 */

Test(context, gives_what_was_set_and_refuses_what_its_flags_lack)
{
	struct inq_context context = {.machine = INQ_MACHINE_AMD64,
				      .size = sizeof(struct md_context_amd64)};
	const struct inq_register *rip = inq_register_find(INQ_MACHINE_AMD64, "rip", NULL, NULL);
	const struct inq_register *xmm = inq_register_find(INQ_MACHINE_AMD64, "xmm0", NULL, NULL);
	const struct inq_register *dr7 = inq_register_find(INQ_MACHINE_AMD64, "dr7", NULL, NULL);
	uint32_t flags = MD_CONTEXT_AMD64 | MD_CONTEXT_X86_CONTROL;
	uint64_t value = 7;

	cr_assert(inq_context_set(&context, rip, 0x1122334455667788));
	cr_assert_not(inq_context_get(&context, rip, &value), "no flag says that it is valid");
	cr_assert_eq(value, 0);
	memcpy(context.raw + offsetof(struct md_context_amd64, context_flags), &flags,
	       sizeof(flags));
	cr_assert(inq_context_get(&context, rip, &value));
	cr_assert_eq(value, 0x1122334455667788);
	cr_assert_eq(inq_context_pc(&context), value);
	cr_assert_not(inq_context_get(&context, xmm, &value), "16 bytes");
	cr_assert_not(inq_context_get(&context, dr7, &value));
	context.size = 64; /* cut before rip */
	cr_assert_not(inq_context_get(&context, rip, &value));
	cr_assert_not(inq_context_set(&context, rip, 1));
	context.size = UINT32_MAX;
	cr_assert_not(inq_context_get(&context, rip, &value));
	context = (struct inq_context){0};
	cr_assert_eq(inq_context_pc(&context), 0);
	cr_assert_eq(inq_context_sp(&context), 0);
}

static uint64_t value_of(const struct inq_context *context, const char *name)
{
	const struct inq_register *reg = inq_register_find(context->machine, name, NULL, NULL);
	uint64_t value;

	cr_assert_not_null(reg, "%s", name);
	cr_assert(inq_context_get(context, reg, &value), "%s", name);
	return value;
}

Test(context, is_made_of_linux_registers_on_amd64)
{
	struct user_regs_struct regs = {
		.r15 = 15,
		.r14 = 14,
		.r13 = 13,
		.r12 = 12,
		.rbp = 0xb9,
		.rbx = 0xbb,
		.r11 = 11,
		.r10 = 10,
		.r9 = 9,
		.r8 = 8,
		.rax = 0xaa,
		.rcx = 0xcc,
		.rdx = 0xdd,
		.rsi = 0x51,
		.rdi = 0xd1,
		.orig_rax = 99,
		.rip = 0x401000,
		.cs = 0x33,
		.eflags = 0x10246,
		.rsp = 0x7ffe0000,
		.ss = 0x2b,
		.fs_base = 0x7f0000001740,
		.gs_base = 3,
		.ds = 4,
		.es = 5,
		.fs = 6,
		.gs = 7,
	};
	struct user_fpregs_struct fp = {.mxcsr = 0x1f80, .cwd = 0x37f};
	struct inq_context context;
	uint64_t tls = 0, value;

	fp.xmm_space[60] = 0xabcd; /* xmm15 */
	cr_assert(inq_context_from_prstatus(INQ_MACHINE_AMD64, &regs, sizeof(regs), &fp, sizeof(fp),
					    &context, &tls));
	cr_assert_eq(context.size, 1232);
	cr_assert_eq(tls, 0x7f0000001740);
	cr_assert_eq(value_of(&context, "rip"), 0x401000);
	cr_assert_eq(value_of(&context, "rsp"), 0x7ffe0000);
	cr_assert_eq(value_of(&context, "rbp"), 0xb9);
	cr_assert_eq(value_of(&context, "rax"), 0xaa);
	cr_assert_eq(value_of(&context, "rbx"), 0xbb);
	cr_assert_eq(value_of(&context, "rcx"), 0xcc);
	cr_assert_eq(value_of(&context, "rdx"), 0xdd);
	cr_assert_eq(value_of(&context, "rsi"), 0x51);
	cr_assert_eq(value_of(&context, "rdi"), 0xd1);
	for (unsigned i = 8; i < 16; i++) {
		char name[4] = {'r', (char)(i < 10 ? '0' + i : '1'),
				(char)(i < 10 ? 0 : '0' + i - 10)};

		cr_assert_eq(value_of(&context, name), i);
	}
	cr_assert_eq(value_of(&context, "efl"), 0x10246);
	cr_assert_eq(value_of(&context, "cs"), 0x33);
	cr_assert_eq(value_of(&context, "ss"), 0x2b);
	cr_assert_eq(value_of(&context, "ds"), 4);
	cr_assert_eq(value_of(&context, "es"), 5);
	cr_assert_eq(value_of(&context, "fs"), 6);
	cr_assert_eq(value_of(&context, "gs"), 7);
	cr_assert_eq(value_of(&context, "mxcsr"), 0x1f80);
	cr_assert_eq(value_of(&context, "fpcw"), 0x37f);
	/* The FXSAVE image is taken whole. */
	cr_assert_arr_eq(context.raw + 0x100, &fp, sizeof(fp));
	memcpy(&value, context.raw + 0x30, 4);
	cr_assert_eq((uint32_t)value, 0x10000f,
		     "AMD64, control, integer, segments, floating point");
}

Test(context, of_linux_registers_refuses_another_size_and_keeps_its_output)
{
	uint8_t regs[512] = {0};
	struct inq_context context = {.size = 4711};
	uint64_t tls = 4711;

	for (size_t m = 0; m < sizeof(machines) / sizeof(*machines); m++) {
		size_t right = 0;

		for (size_t size = 0; size <= sizeof(regs); size++) {
			struct inq_context made;

			right += inq_context_from_prstatus(machines[m], regs, size, NULL, 0, &made,
							   NULL);
		}
		cr_assert_eq(right, 1, "one size is right");
	}
	cr_assert_not(
		inq_context_from_prstatus(INQ_MACHINE_AMD64, regs, 100, NULL, 0, &context, &tls));
	cr_assert_not(
		inq_context_from_prstatus(INQ_MACHINE_AMD64, NULL, 216, NULL, 0, &context, &tls));
	cr_assert_not(
		inq_context_from_prstatus(INQ_MACHINE_UNKNOWN, regs, 216, NULL, 0, &context, &tls));
	cr_assert_eq(context.size, 4711);
	cr_assert_eq(tls, 4711);
}

Test(context, without_floating_point_says_so)
{
	uint8_t regs[216] = {0};
	struct inq_context context;
	uint64_t value;

	cr_assert(inq_context_from_prstatus(INQ_MACHINE_AMD64, regs, sizeof(regs), regs, 100,
					    &context, NULL));
	cr_assert_not(inq_context_get(
		&context, inq_register_find(INQ_MACHINE_AMD64, "mxcsr", NULL, NULL), &value));
}

Test(context, is_made_of_linux_registers_on_x86)
{
	uint32_t regs[17];
	uint8_t fx[512] = {0};
	struct inq_context context;

	for (unsigned i = 0; i < 17; i++)
		regs[i] = 0xabc00000 + i;
	fx[4] = 0x80; /* abridged tags: only physical register 7 holds something */
	fx[0] = 0x7f;
	fx[24] = 0x80;	   /* mxcsr */
	fx[32 + 9] = 0x3f; /* st0's last byte */
	cr_assert(inq_context_from_prstatus(INQ_MACHINE_X86, regs, sizeof(regs), fx, sizeof(fx),
					    &context, NULL));
	cr_assert_eq(context.size, 716);
	cr_assert_eq(value_of(&context, "ebx"), 0xabc00000);
	cr_assert_eq(value_of(&context, "eax"), 0xabc00006);
	cr_assert_eq(value_of(&context, "eip"), 0xabc0000c);
	cr_assert_eq(value_of(&context, "esp"), 0xabc0000f);
	cr_assert_eq(value_of(&context, "ss"), 0x10, "16 bits");
	cr_assert_eq(value_of(&context, "mxcsr"), 0x80);
	cr_assert_eq(value_of(&context, "fpcw"), 0x7f);
	cr_assert_eq(value_of(&context, "fptw"), 0x3fff, "two bits a register: seven are empty");
	cr_assert_eq(context.raw[0x1c + 28 + 9], 0x3f);
}

Test(context, is_made_of_linux_registers_on_arm)
{
	uint32_t regs[18];
	uint8_t vfp[260] = {0};
	struct inq_context context;

	for (unsigned i = 0; i < 18; i++)
		regs[i] = 100 + i;
	vfp[8 * 31] = 0x31;
	vfp[256] = 0x77;
	cr_assert(inq_context_from_prstatus(INQ_MACHINE_ARM, regs, sizeof(regs), vfp, sizeof(vfp),
					    &context, NULL));
	cr_assert_eq(value_of(&context, "r0"), 100);
	cr_assert_eq(inq_context_sp(&context), 113);
	cr_assert_eq(value_of(&context, "lr"), 114);
	cr_assert_eq(inq_context_pc(&context), 115);
	cr_assert_eq(value_of(&context, "cpsr"), 116);
	cr_assert_eq(value_of(&context, "d31"), 0x31);
	cr_assert_eq(value_of(&context, "fpscr"), 0x77);
}

Test(context, is_made_of_linux_registers_on_arm64)
{
	uint64_t regs[34];
	uint8_t fp[528] = {0};
	struct inq_context context;

	for (unsigned i = 0; i < 34; i++)
		regs[i] = 1000 + i;
	fp[16 * 31] = 0x31;
	fp[512] = 1; /* fpsr */
	fp[516] = 2; /* fpcr */
	cr_assert(inq_context_from_prstatus(INQ_MACHINE_ARM64, regs, sizeof(regs), fp, sizeof(fp),
					    &context, NULL));
	cr_assert_eq(value_of(&context, "x0"), 1000);
	cr_assert_eq(inq_context_fp(&context), 1029);
	cr_assert_eq(value_of(&context, "lr"), 1030);
	cr_assert_eq(inq_context_sp(&context), 1031);
	cr_assert_eq(inq_context_pc(&context), 1032);
	cr_assert_eq(value_of(&context, "cpsr"), 1033);
	cr_assert_eq(value_of(&context, "fpsr"), 1);
	cr_assert_eq(value_of(&context, "fpcr"), 2);
	cr_assert_eq(context.raw[0x110 + 16 * 31], 0x31);
}

/* --- a signal's context --------------------------------------------------------------------------
 */

static ucontext_t signal_context;
static struct _libc_fpstate signal_fp;

static void keep(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	signal_context = *(ucontext_t *)context;
	signal_fp = *((ucontext_t *)context)->uc_mcontext.fpregs;
}

Test(context, is_made_of_what_the_kernel_gives_a_signal_handler)
{
	struct sigaction action = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
	const mcontext_t *mcontext = &signal_context.uc_mcontext;
	struct inq_context context;

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	cr_assert(inq_context_from_mcontext(INQ_MACHINE_AMD64, mcontext, sizeof(*mcontext),
					    &signal_fp, 512, &context));
	cr_assert_eq(inq_context_pc(&context), (uint64_t)mcontext->gregs[REG_RIP]);
	cr_assert_eq(inq_context_sp(&context), (uint64_t)mcontext->gregs[REG_RSP]);
	cr_assert_eq(inq_context_fp(&context), (uint64_t)mcontext->gregs[REG_RBP]);
	cr_assert_eq(value_of(&context, "rax"), (uint64_t)mcontext->gregs[REG_RAX]);
	cr_assert_eq(value_of(&context, "rdx"), (uint64_t)mcontext->gregs[REG_RDX]);
	cr_assert_eq(value_of(&context, "r12"), (uint64_t)mcontext->gregs[REG_R12]);
	cr_assert_eq(value_of(&context, "efl"), (uint64_t)(uint32_t)mcontext->gregs[REG_EFL]);
	cr_assert_eq(value_of(&context, "cs"), 0x33);
	cr_assert_eq(value_of(&context, "ss"), 0x2b);
	cr_assert_eq(value_of(&context, "mxcsr"), signal_fp.mxcsr);
	cr_assert_not(
		inq_context_from_mcontext(INQ_MACHINE_AMD64, mcontext, 100, NULL, 0, &context));
	cr_assert_not(inq_context_from_mcontext(INQ_MACHINE_ARM, mcontext, sizeof(*mcontext), NULL,
						0, &context));
}
