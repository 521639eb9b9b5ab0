/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The unwind data of PE images for x86-64: .pdata's RUNTIME_FUNCTIONs and the UNWIND_INFO that each leads to.
 *
 * Microsoft, "x64 exception handling" (versions 1 and, for epilogues, 2 of the structure). Pure functions over
 * bytes that a hostile image may hold: counts are bounded by the format itself, what runs past the bytes is
 * INQ_BAD_DATA. Registers are Windows' numbers, 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 r8, ...
 * Async-signal-safe.
 */
#ifndef INQ_UNWIND_PE_H
#define INQ_UNWIND_PE_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PE_FUNCTION_SIZE = 12,                     /* bytes of a RUNTIME_FUNCTION */
	PE_INFO_MAX = 4 + 2 * 256 + PE_FUNCTION_SIZE, /* of an UNWIND_INFO without its handler's data */
	PE_INFO_HEAD = 4,                          /* of what tells its size */
	PE_CODES_MAX = 255,
	PE_CHAIN_MAX = 32,                         /* infos of one function; the system's own limit */
	PE_EPILOGUE_MAX = 48,                      /* bytes of code that are looked at */
	PE_EPILOGUE_STEPS = 24,
	PE_RSP = 4,
};

/* RVAs; `end` exclusive. `info` odd: of another RUNTIME_FUNCTION, whose info this one's is. */
struct pe_function {
	uint32_t begin, end, info;
};
struct pe_function pe_parse_function(const uint8_t bytes[PE_FUNCTION_SIZE]);

/* What undoes one step of a prologue. Saved vector registers are left out: nobody's frame depends on them. */
enum pe_operation {
	PE_PUSH,          /* reg was pushed */
	PE_ALLOCATE,      /* `amount` bytes of stack */
	PE_SET_FRAME,     /* the frame register was set */
	PE_SAVE,          /* reg was stored at `amount` from the frame's base */
	PE_MACHINE_FRAME, /* the processor pushed rip, cs, eflags, rsp, ss; `amount` bytes of error code below */
};

struct pe_code {
	uint8_t after;    /* the step is done when this many bytes of the function have run */
	uint8_t operation, reg;
	uint32_t amount;
};

struct pe_info {
	uint8_t version, prologue; /* prologue: bytes */
	uint8_t frame_register;    /* 0: none */
	uint32_t frame_offset;     /* from rsp to where it points, bytes */
	unsigned count;
	struct pe_code codes[PE_CODES_MAX]; /* in the order in which they are undone */
	bool chained;
	struct pe_function chain;  /* the function of which this is a part, if chained */
	/* Version 2: where epilogues are, by bytes before the function's end; each is epilogue_size long. */
	uint8_t epilogue_size;
	unsigned epilogue_count;
	uint16_t epilogues[PE_CODES_MAX];
};

/* Bytes of an UNWIND_INFO, at most PE_INFO_MAX; its handler's data is no part of it. */
size_t pe_info_size(const uint8_t head[PE_INFO_HEAD]);

/* INQ_UNSUPPORTED: a version or an operation that x86-64 has not. INQ_BAD_DATA: runs past the bytes. */
enum inq_status pe_parse_info(const uint8_t *bytes, size_t size, struct pe_info *ret, struct inq_error *err);

/* One step of an epilogue's rest. */
enum pe_epilogue_kind {
	PE_ADD,   /* rsp += amount */
	PE_LEA,   /* rsp = frame register + amount */
	PE_POP,   /* reg */
	PE_LEAVE, /* the function is left: its return address is on top of the stack */
};

struct pe_epilogue_step {
	enum pe_epilogue_kind kind;
	uint8_t reg;
	int32_t amount;
};

struct pe_epilogue {
	unsigned count;
	struct pe_epilogue_step steps[PE_EPILOGUE_STEPS]; /* the last is PE_LEAVE */
	bool jumps;       /* left by a direct jump, which may stay in the function: */
	uint32_t target;  /* RVA */
};

/**
 * Read code as the rest of an epilogue in the form that the ABI prescribes: rsp is raised at most once, then
 * registers are popped, then the function returns or jumps away.
 *
 * @rva             of code[0]
 * @frame_register  0: none
 *
 * False: it is not one, or the bytes end before it does.
 */
bool pe_read_epilogue(const uint8_t *code, size_t size, uint32_t rva, uint8_t frame_register,
		      struct pe_epilogue *ret);

/* The same by a version 2 info, `into` bytes after the epilogue's start: pops mirror the prologue's pushes. */
void pe_mirror_epilogue(const struct pe_info *info, uint32_t into, struct pe_epilogue *ret);

#endif
