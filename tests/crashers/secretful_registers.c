/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets in registers, by hand: no compiler keeps a value where it is told to. */
#include "secretful.h"

#include <stdio.h>

/* What is loaded. Assembler knows them by name. */
uint64_t general[15] __attribute__((visibility("hidden")));
_Alignas(64) uint8_t vectors[32][64] __attribute__((visibility("hidden")));
uint64_t masks[8] __attribute__((visibility("hidden")));
uint8_t x87[8][10] __attribute__((visibility("hidden")));
uint64_t slots[16] __attribute__((visibility("hidden")));
uint64_t wild __attribute__((visibility("hidden")));
unsigned char wide_registers __attribute__((visibility("hidden"))); /* bytes: 16, 32, 64 */

#define X87(n) "	fldt x87+10*" #n "(%rip)\n"
#define XMM(n) "	movdqu vectors+64*" #n "(%rip), %xmm" #n "\n"
#define YMM(n) "	vmovdqu vectors+64*" #n "(%rip), %ymm" #n "\n"
#define ZMM(n) "	vmovdqu64 vectors+64*" #n "(%rip), %zmm" #n "\n"
#define MASK(n) "	kmovq masks+8*" #n "(%rip), %k" #n "\n"
#define ALL8(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define ALL16(M) ALL8(M) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define ALL32(M) ALL16(M) M(16) M(17) M(18) M(19) M(20) M(21) M(22) M(23) M(24) M(25) M(26) M(27) M(28) M(29) M(30) M(31)

/* As wide as the processor has them. */
#define VECTORS \
	"	fninit\n" ALL8(X87) \
	"	cmpb $32, wide_registers(%rip)\n	ja 3f\n	je 2f\n" ALL16(XMM) "	jmp 4f\n" \
	"2:\n" ALL16(YMM) "	jmp 4f\n" \
	"3:\n" ALL32(ZMM) ALL8(MASK) \
	"4:\n"
#define GENERAL \
	"	mov general+0(%rip), %rbx\n	mov general+8(%rip), %rcx\n	mov general+16(%rip), %rdx\n" \
	"	mov general+24(%rip), %rsi\n	mov general+32(%rip), %rdi\n	mov general+40(%rip), %r8\n" \
	"	mov general+48(%rip), %r9\n	mov general+56(%rip), %r10\n	mov general+64(%rip), %r11\n" \
	"	mov general+72(%rip), %r12\n	mov general+80(%rip), %r13\n	mov general+88(%rip), %r14\n" \
	"	mov general+96(%rip), %r15\n"
#define RED_ZONE \
	"	mov %rbx, -8(%rsp)\n	mov %rcx, -64(%rsp)\n	mov %rdx, -79(%rsp)\n	movdqu %xmm1, -112(%rsp)\n" \
	"	mov %rsi, -128(%rsp)\n"
#define FAULT "	xor %eax, %eax\n	mov 0x18(%rax), %rax\n	ud2\n"

#define FUNCTION(name, cfi, body) \
	__asm__(".text\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ":\n" \
		cfi body ".size " #name ", . - " #name "\n")
#define WITH_CFI(name, body) FUNCTION(name, "	.cfi_startproc\n", body "	.cfi_endproc\n")
#define PUSH(reg) "	push %" reg "\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %" reg ", 0\n"
#define POP(reg) "	pop %" reg "\n	.cfi_adjust_cfa_offset -8\n	.cfi_restore %" reg "\n"

WITH_CFI(load_and_fault, PUSH("rbp") "	mov general+104(%rip), %rbp\n" VECTORS GENERAL RED_ZONE FAULT);
WITH_CFI(load_and_fault_leaf, VECTORS GENERAL RED_ZONE FAULT);
FUNCTION(load_and_fault_bare, "", VECTORS GENERAL RED_ZONE FAULT);
WITH_CFI(load_and_follow, VECTORS GENERAL RED_ZONE "	mov wild(%rip), %rax\n	mov (%rax), %rax\n	ud2\n");
WITH_CFI(load_and_wait, VECTORS GENERAL RED_ZONE "1:	mov $34, %eax\n	syscall\n	jmp 1b\n");
WITH_CFI(load_and_trap, PUSH("rbx") PUSH("rbp") PUSH("r12") PUSH("r13") PUSH("r14") PUSH("r15")
	 "	mov general+104(%rip), %rbp\n" VECTORS GENERAL "	mov general+112(%rip), %rax\n	ud2\n"
	 POP("r15") POP("r14") POP("r13") POP("r12") POP("rbp") POP("rbx") "	ret\n");

/* A frame that is over: what it left lies below the stack when the next function runs in its place. */
WITH_CFI(tail, "	sub $136, %rsp\n	.cfi_adjust_cfa_offset 136\n"
	 "	mov general+0(%rip), %rax\n	mov %rax, 8(%rsp)\n	mov %rax, 61(%rsp)\n"
	 "	movdqu vectors(%rip), %xmm0\n	movdqu %xmm0, 96(%rsp)\n"
	 "	add $136, %rsp\n	.cfi_adjust_cfa_offset -136\n	jmp load_and_fault\n");

#define SLOT(n) "	mov slots+8*" #n "(%rip), %rax\n	mov %rax, 16*" #n "+3(%rsp)\n"
#define SAVED \
	"	mov slots+64(%rip), %rbx\n	mov slots+72(%rip), %r12\n	mov slots+80(%rip), %r13\n" \
	"	mov slots+88(%rip), %r14\n	mov slots+96(%rip), %r15\n"

WITH_CFI(spilled, PUSH("rbx") PUSH("rbp") PUSH("r12") PUSH("r13") PUSH("r14") PUSH("r15")
	 "	sub $136, %rsp\n	.cfi_adjust_cfa_offset 136\n" ALL8(SLOT) SAVED
	 "	mov slots+104(%rip), %rbp\n	call *%rdi\n	ud2\n");
FUNCTION(bare_with_frame, "",
	 "	push %rbp\n	mov %rsp, %rbp\n	sub $144, %rsp\n" ALL8(SLOT) SAVED "	call *%rdi\n	ud2\n");
FUNCTION(bare_without_frame, "", "	sub $136, %rsp\n" ALL8(SLOT) SAVED "	call *%rdi\n	ud2\n");

static void fill_numbers(void)
{
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned byte = 0; byte < 8; byte++)
			x87[i][byte] = (uint8_t)(1 + random_below(255));
		x87[i][9] = 0x3f; /* a number, so that loading it traps nowhere */
		x87[i][8] = 0xff;
		x87[i][7] |= 0x80;
		note("x87 register", "bytes", x87[i], 8, NULL);
	}
}

/* Some look like something else: an unwinder that judges by value would keep those. */
static void fill_general(void)
{
	uint64_t code = (uint64_t)(uintptr_t)&load_and_fault_bare + 7, stack = (uint64_t)(uintptr_t)&code + 40;

	for (unsigned i = 0; i < 15; i++)
		fill("register", &general[i], sizeof(general[i]));
	general[9] = code;
	general[10] = stack;
	general[11] = 1000 + random_below(3000);
	note("register, like code", "word", &code, 8, NULL);
	note("register, like a stack", "word", &stack, 8, NULL);
	note("register, a small number", "here", &general[11], 8, NULL);
	for (unsigned i = 0; i < 16; i++)
		fill(i < 8 ? "spilled" : "saved register", &slots[i], sizeof(slots[i]));
}

void fill_registers(void)
{
	wide_registers = __builtin_cpu_supports("avx512bw") ? 64 : __builtin_cpu_supports("avx2") ? 32 : 16;
	dprintf(list, "# vector registers of %u bytes\n", wide_registers);
	fill_general();
	for (unsigned i = 0; i < (wide_registers == 64 ? 32 : 16); i++)
		fill("vector register", vectors[i], wide_registers);
	for (unsigned i = 0; i < 8; i++)
		fill("mask register", &masks[i], sizeof(masks[i]));
	fill_numbers();
	/* Canonical or not, and never mapped: nothing below the stack's lowest place is that high. */
	fill("followed", &wild, sizeof(wild));
	if (random_below(2)) {
		wild = (wild & 0x00003fffffffffff) | 0x0000200000000000;
		note("followed", "word", &wild, sizeof(wild), NULL);
	}
}
