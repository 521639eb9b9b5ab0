/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Linux's words for how a process died: signals and what si_code says of them.
 *
 * Numbers are those of x86, ARM and most others (asm-generic/siginfo.h); constants, never NULL
 * where said.
 */
#ifndef INQ_ENGINE_SIGNALS_H
#define INQ_ENGINE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

struct inq_signal {
	uint32_t number;
	const char *name; /* "SIGSEGV" */
	const char *text; /* "segmentation fault" */
	bool has_address; /* si_addr tells where */
};

struct inq_signal_code {
	uint32_t signal; /* 0: any */
	int32_t code;
	const char *name; /* "SEGV_MAPERR" */
	const char *text; /* "address not mapped to object" */
};

/* NULL for numbers that are no signal of Linux's. Real-time signals have one row each side of none:
 * NULL. */
const struct inq_signal *inq_signal_find(uint32_t number);
const struct inq_signal_code *inq_signal_code_find(uint32_t signal, int32_t code);

#endif
