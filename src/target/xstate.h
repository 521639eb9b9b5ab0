/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The extended registers of x86: an XSAVE area taken apart, and Microsoft's form of it.
 *
 * NT_X86_XSTATE (core notes, PTRACE_GETREGSET) is an XSAVE area in the standard form with XCR0 at offset 464. Where
 * the components lie depends on the processor (CPUID leaf 0xd): Intel and AMD differ from AVX-512 on. The form is
 * told by XCR0 and the area's size, as debuggers of cores of other machines have to.
 */
#ifndef INQ_TARGET_XSTATE_H
#define INQ_TARGET_XSTATE_H

#include "support/buffer.h"
#include "target/target.h"

#include <stdbool.h>

enum {
	INQ_XSTATE_LEGACY = 512,  /* bytes of the FXSAVE image */
	INQ_XSTATE_HEADER = 64,
	INQ_XSTATE_XCR0 = 464,    /* in the area, as the kernel hands it over */
	/* Microsoft's: CONTEXT, CONTEXT_EX behind it, the XSAVE header 0x40 bytes behind that. */
	INQ_XSTATE_CONTEXT_EX = 1232,
	INQ_XSTATE_AREA = 1296,   /* of the XSAVE header; components as far behind it as behind the real one */
};

/* False if the bytes are no such area. @bytes is borrowed by *ret. */
bool inq_xstate_read(const uint8_t *bytes, size_t size, struct inq_xstate *ret);

/* Append the same area as Intel's processors lay it out: what every debugger of cores knows. AMD's form of AVX-512 is
 * shorter, and gdb before 14 takes it for a section that is too small; others guess by the size. */
void inq_xstate_to_intel(const struct inq_xstate *xstate, struct inq_buffer *ret);

/* Append CONTEXT_EX, padding, XSAVE header and components: what follows the CONTEXT of 1232 bytes. */
void inq_xstate_to_windows(const struct inq_xstate *xstate, struct inq_buffer *ret);
/* Back: an XSAVE area whose FXSAVE image is the CONTEXT's. @extended is what follows the CONTEXT; features as
 * XSTATE_CONFIG_FEATURE_MSC_INFO tells, offsets from the CONTEXT's start. False if it makes no sense. */
bool inq_xstate_from_windows(const struct inq_context *context, const uint8_t *extended, size_t size,
			     uint64_t enabled, struct inq_buffer *ret);

#endif
