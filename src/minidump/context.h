/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Thread contexts as minidumps hold them: x86, AMD64, ARM, ARM64.
 *
 * Sources: winnt.h's CONTEXT of each processor (Microsoft), minidump_cpu_*.h (Breakpad, where ARM
 * and the old ARM64 form come from). Nothing is padded that is not named. Which processor it is
 * lies in the high bits of context_flags, which registers are valid in the low ones.
 */
#ifndef INQ_MINIDUMP_CONTEXT_H
#define INQ_MINIDUMP_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#define MD_PACKED __attribute__((packed))
#define MD_ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " has the size of the format")
#define MD_ASSERT_AT(type, field, at) \
	_Static_assert(offsetof(struct type, field) == (at), \
		       #type "." #field " lies where the format says")

/* Which processor a context is of. ARM's and ARM64_OLD's are Breakpad's numbers. */
#define MD_CONTEXT_X86 0x00010000u
#define MD_CONTEXT_AMD64 0x00100000u
#define MD_CONTEXT_ARM_WINDOWS 0x00200000u
#define MD_CONTEXT_ARM64 0x00400000u
#define MD_CONTEXT_ARM 0x40000000u
#define MD_CONTEXT_ARM64_OLD 0x80000000u

/* Which parts of a context are valid, x86 and AMD64 (or'ed with the processor). */
#define MD_CONTEXT_X86_CONTROL 0x01u
#define MD_CONTEXT_X86_INTEGER 0x02u
#define MD_CONTEXT_X86_SEGMENTS 0x04u
#define MD_CONTEXT_X86_FLOATING_POINT 0x08u
#define MD_CONTEXT_X86_DEBUG_REGISTERS 0x10u
#define MD_CONTEXT_X86_EXTENDED_REGISTERS 0x20u
#define MD_CONTEXT_X86_XSTATE 0x40u
#define MD_CONTEXT_X86_FULL (MD_CONTEXT_X86 | 0x07u)
#define MD_CONTEXT_AMD64_FULL (MD_CONTEXT_AMD64 | 0x0bu)
#define MD_CONTEXT_AMD64_ALL (MD_CONTEXT_AMD64 | 0x1fu)

/* The same for ARM64, and (integer and floating point only) Breakpad's ARM. */
#define MD_CONTEXT_ARM64_CONTROL 0x01u
#define MD_CONTEXT_ARM64_INTEGER 0x02u
#define MD_CONTEXT_ARM64_FLOATING_POINT 0x04u
#define MD_CONTEXT_ARM64_DEBUG 0x08u
#define MD_CONTEXT_ARM64_FULL (MD_CONTEXT_ARM64 | 0x07u)
#define MD_CONTEXT_ARM_INTEGER 0x02u
#define MD_CONTEXT_ARM_FLOATING_POINT 0x04u
#define MD_CONTEXT_ARM_FULL (MD_CONTEXT_ARM | 0x06u)

/* 128 bits of a vector register. */
struct MD_PACKED md_u128 {
	uint64_t low;
	uint64_t high;
};

/* XMM_SAVE_AREA32: what FXSAVE writes in 64-bit mode. */
struct MD_PACKED md_fxsave {
	uint16_t control_word;
	uint16_t status_word;
	uint8_t tag_word; /* abridged: one bit a register */
	uint8_t reserved1;
	uint16_t error_opcode;
	uint32_t error_offset; /* low half of the last instruction's address */
	uint16_t error_selector;
	uint16_t reserved2;
	uint32_t data_offset;
	uint16_t data_selector;
	uint16_t reserved3;
	uint32_t mxcsr;
	uint32_t mxcsr_mask;
	struct md_u128 st[8]; /* x87 or MMX registers, 80 bits each */
	struct md_u128 xmm[16];
	uint8_t reserved4[96];
};
MD_ASSERT_SIZE(md_fxsave, 512);
MD_ASSERT_AT(md_fxsave, xmm, 160);

/* CONTEXT of AMD64; an XSTATE part may follow it. */
struct MD_PACKED md_context_amd64 {
	uint64_t home[6];       /* P1Home..P6Home: scratch for parameters */
	uint32_t context_flags; /* MD_CONTEXT_AMD64 | parts */
	uint32_t mxcsr;
	uint16_t cs; /* control */
	uint16_t ds; /* segments: ds, es, fs, gs */
	uint16_t es;
	uint16_t fs;
	uint16_t gs;
	uint16_t ss; /* control: ss, eflags */
	uint32_t eflags;
	uint64_t dr0; /* debug registers: dr0..dr7 */
	uint64_t dr1;
	uint64_t dr2;
	uint64_t dr3;
	uint64_t dr6;
	uint64_t dr7;
	uint64_t rax; /* integer: all but rsp and rip */
	uint64_t rcx;
	uint64_t rdx;
	uint64_t rbx;
	uint64_t rsp; /* control */
	uint64_t rbp;
	uint64_t rsi;
	uint64_t rdi;
	uint64_t r8;
	uint64_t r9;
	uint64_t r10;
	uint64_t r11;
	uint64_t r12;
	uint64_t r13;
	uint64_t r14;
	uint64_t r15;
	uint64_t rip;             /* control */
	struct md_fxsave fxsave;  /* floating point */
	struct md_u128 vector[26]; /* unused by Windows' and Breakpad's writers */
	uint64_t vector_control;
	uint64_t debug_control; /* debug registers, to the end */
	uint64_t last_branch_to_rip;
	uint64_t last_branch_from_rip;
	uint64_t last_exception_to_rip;
	uint64_t last_exception_from_rip;
};
MD_ASSERT_SIZE(md_context_amd64, 1232);
MD_ASSERT_AT(md_context_amd64, context_flags, 48);
MD_ASSERT_AT(md_context_amd64, rax, 120);
MD_ASSERT_AT(md_context_amd64, rip, 248);
MD_ASSERT_AT(md_context_amd64, fxsave, 256);
MD_ASSERT_AT(md_context_amd64, vector_control, 1184);

/* CONTEXT of x86. */
struct MD_PACKED md_context_x86 {
	uint32_t context_flags; /* MD_CONTEXT_X86 | parts */
	uint32_t dr0;           /* debug registers: dr0..dr7 */
	uint32_t dr1;
	uint32_t dr2;
	uint32_t dr3;
	uint32_t dr6;
	uint32_t dr7;
	uint32_t fp_control_word; /* floating point: FLOATING_SAVE_AREA, as FNSAVE writes it */
	uint32_t fp_status_word;
	uint32_t fp_tag_word;
	uint32_t fp_error_offset;
	uint32_t fp_error_selector;
	uint32_t fp_data_offset;
	uint32_t fp_data_selector;
	uint8_t fp_st[80]; /* eight registers of 80 bits */
	uint32_t fp_cr0_npx_state;
	uint32_t gs; /* segments: gs, fs, es, ds */
	uint32_t fs;
	uint32_t es;
	uint32_t ds;
	uint32_t edi; /* integer: edi..eax */
	uint32_t esi;
	uint32_t ebx;
	uint32_t edx;
	uint32_t ecx;
	uint32_t eax;
	uint32_t ebp; /* control: ebp..ss */
	uint32_t eip;
	uint32_t cs;
	uint32_t eflags;
	uint32_t esp;
	uint32_t ss;
	uint8_t extended[512]; /* extended registers: as FXSAVE writes them in 32-bit mode */
};
MD_ASSERT_SIZE(md_context_x86, 716);
MD_ASSERT_AT(md_context_x86, gs, 140);
MD_ASSERT_AT(md_context_x86, eip, 184);
MD_ASSERT_AT(md_context_x86, extended, 204);

/* Breakpad's ARM context. r[13] is sp, r[14] lr, r[15] pc. */
struct MD_PACKED md_context_arm {
	uint32_t context_flags; /* MD_CONTEXT_ARM | parts */
	uint32_t r[16];
	uint32_t cpsr;
	uint64_t fpscr;
	uint64_t d[32];
	uint32_t extra[8]; /* miscellaneous control words */
};
MD_ASSERT_SIZE(md_context_arm, 368);
MD_ASSERT_AT(md_context_arm, cpsr, 68);
MD_ASSERT_AT(md_context_arm, d, 80);

/* Microsoft's CONTEXT of 32-bit ARM. */
struct MD_PACKED md_context_arm_windows {
	uint32_t context_flags; /* MD_CONTEXT_ARM_WINDOWS | parts */
	uint32_t r[16];
	uint32_t cpsr;
	uint32_t fpscr;
	uint32_t padding;
	uint64_t d[32]; /* or 16 of 128 bits */
	uint32_t bvr[8]; /* breakpoint values and controls */
	uint32_t bcr[8];
	uint32_t wvr[1]; /* watchpoint value and control */
	uint32_t wcr[1];
	uint32_t padding2[2];
};
MD_ASSERT_SIZE(md_context_arm_windows, 416);
MD_ASSERT_AT(md_context_arm_windows, d, 80);

/* Microsoft's CONTEXT of ARM64, which Breakpad and Crashpad write too. x[29] is fp, x[30] lr. */
struct MD_PACKED md_context_arm64 {
	uint32_t context_flags; /* MD_CONTEXT_ARM64 | parts */
	uint32_t cpsr;
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	struct md_u128 v[32];
	uint32_t fpcr;
	uint32_t fpsr;
	uint32_t bcr[8]; /* breakpoint controls and values */
	uint64_t bvr[8];
	uint32_t wcr[2]; /* watchpoint controls and values */
	uint64_t wvr[2];
};
MD_ASSERT_SIZE(md_context_arm64, 912);
MD_ASSERT_AT(md_context_arm64, sp, 256);
MD_ASSERT_AT(md_context_arm64, pc, 264);
MD_ASSERT_AT(md_context_arm64, v, 272);
MD_ASSERT_AT(md_context_arm64, bcr, 792);

/* Breakpad's ARM64 context before 2018. */
struct MD_PACKED md_context_arm64_old {
	uint64_t context_flags; /* MD_CONTEXT_ARM64_OLD | parts */
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	uint32_t cpsr;
	uint32_t fpsr;
	uint32_t fpcr;
	struct md_u128 v[32];
};
MD_ASSERT_SIZE(md_context_arm64_old, 796);
MD_ASSERT_AT(md_context_arm64_old, cpsr, 272);
MD_ASSERT_AT(md_context_arm64_old, v, 284);

#endif
