/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processors. Signal frames are the kernel's ABI: arch/<arch>/include/uapi/asm/sigcontext.h, ucontext.h. */
#include "unwind/arch.h"

#include <elf.h>

#define BITS(low, high) ((~0ull >> (63 - (high))) & (~0ull << (low)))

/* struct sigcontext_64: r8..r15, di, si, bp, bx, dx, ax, cx, sp, ip. In struct ucontext after flags, link, stack. */
static const struct arch_trampoline AMD64_TRAMPOLINES[] = {
	{9, {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}, 0, 40}, /* mov $15,%rax; syscall */
	{7, {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05}, 0, 40},             /* mov $15,%eax; syscall */
};
static const struct arch_saved AMD64_SAVED[] = {
	{8, 0}, {9, 1}, {10, 2}, {11, 3}, {12, 4}, {13, 5}, {14, 6}, {15, 7}, {5, 8}, {4, 9}, {6, 10}, {3, 11},
	{1, 12}, {0, 13}, {2, 14}, {7, 15}, {16, 16},
};

/* struct sigcontext_32: gs fs es ds, di si bp sp bx dx cx ax, trapno err, ip. A sigreturn frame has it after the
 * signal number, an rt frame in the ucontext that its third word points at. */
static const struct arch_trampoline X86_TRAMPOLINES[] = {
	{8, {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, 0, 4}, /* pop %eax; mov $119,%eax; int $0x80 */
	{7, {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}, 8, 20},      /* mov $173,%eax; int $0x80 */
};
static const struct arch_saved X86_SAVED[] = {
	{7, 4}, {6, 5}, {5, 6}, {4, 7}, {3, 8}, {2, 9}, {1, 10}, {0, 11}, {8, 14},
};

/* rt_sigframe: siginfo (128), ucontext: 176 bytes, then fault_address, regs[31], sp, pc. */
static const struct arch_trampoline ARM64_TRAMPOLINES[] = {
	{8, {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4}, 0, 128 + 176 + 8}, /* mov x8,#139; svc #0 */
};
#define X(n) {n, n}
static const struct arch_saved ARM64_SAVED[] = {
	X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15),
	X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26), X(27), X(28), X(29), X(30),
	X(31), X(32),
};

/* ucontext: 20 bytes, then trap_no, error_code, oldmask, r0..r15; an rt frame has siginfo (128) before it. */
static const struct arch_trampoline ARM_TRAMPOLINES[] = {
	{8, {0x77, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef}, 0, 20 + 12},          /* mov r7,#119; svc 0 */
	{8, {0xad, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef}, 0, 128 + 20 + 12},    /* mov r7,#173; svc 0 */
	{4, {0x77, 0x27, 0x00, 0xdf}, 0, 20 + 12},                         /* thumb: movs r7,#119; svc 0 */
	{4, {0xad, 0x27, 0x00, 0xdf}, 0, 128 + 20 + 12},
};
static const struct arch_saved ARM_SAVED[] = {
	X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15),
};
#undef X

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

static const struct arch ARCHES[] = {
	{
		.machine = INQ_MACHINE_AMD64, .elf_machine = EM_X86_64, .pointer = 8,
		.pc = 16, .sp = 7, .fp = 6, .link = -1, .columns = 17, .has_cfi = true,
		.preserved = 1ull << 3 | 1ull << 6 | 1ull << 7 | BITS(12, 15), /* rbx rbp rsp r12-r15 */
		.address_mask = UINT64_MAX,
		.is_call = arch_x86_is_call, .return_offset = arch_amd64_return_offset,
		.trampolines = AMD64_TRAMPOLINES, .trampoline_count = COUNT(AMD64_TRAMPOLINES),
		.saved = AMD64_SAVED, .saved_count = COUNT(AMD64_SAVED),
	},
	{
		.machine = INQ_MACHINE_X86, .elf_machine = EM_386, .pointer = 4,
		.pc = 8, .sp = 4, .fp = 5, .link = -1, .columns = 9, .has_cfi = true,
		.preserved = BITS(3, 7), /* ebx esp ebp esi edi */
		.address_mask = UINT32_MAX,
		.is_call = arch_x86_is_call, .return_offset = arch_x86_return_offset,
		.trampolines = X86_TRAMPOLINES, .trampoline_count = COUNT(X86_TRAMPOLINES),
		.saved = X86_SAVED, .saved_count = COUNT(X86_SAVED),
	},
	{
		.machine = INQ_MACHINE_ARM64, .elf_machine = EM_AARCH64, .pointer = 8,
		.pc = 32, .sp = 31, .fp = 29, .link = 30, .columns = 33, .has_cfi = true,
		.preserved = BITS(19, 29) | 1ull << 31, /* x19-x28 fp sp */
		.address_mask = BITS(0, 47),
		.is_call = arch_arm64_is_call,
		.trampolines = ARM64_TRAMPOLINES, .trampoline_count = COUNT(ARM64_TRAMPOLINES),
		.saved = ARM64_SAVED, .saved_count = COUNT(ARM64_SAVED),
	},
	{
		.machine = INQ_MACHINE_ARM, .elf_machine = EM_ARM, .pointer = 4,
		.pc = 15, .sp = 13, .fp = 11, .link = 14, .columns = 16, .has_cfi = true, .thumb = true,
		.preserved = BITS(4, 11) | 1ull << 13, /* r4-r11 sp */
		.address_mask = UINT32_MAX,
		.is_call = arch_arm_is_call,
		.trampolines = ARM_TRAMPOLINES, .trampoline_count = COUNT(ARM_TRAMPOLINES),
		.saved = ARM_SAVED, .saved_count = COUNT(ARM_SAVED),
	},
};

const struct arch *arch_of(enum inq_machine machine)
{
	for (size_t i = 0; i < sizeof(ARCHES) / sizeof(ARCHES[0]); i++)
		if (ARCHES[i].machine == machine)
			return &ARCHES[i];
	return NULL;
}
