/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Frames from registers and memory.
 *
 * For each frame the best method that applies is taken: call frame information (.eh_frame by its header's
 * search table, else .debug_frame), a PE image's unwind data (.pdata and .xdata of x86-64, all codes and both
 * versions), the kernel's signal frame, the vdso's own CFI; then the frame pointer;
 * then a scan of the stack for return addresses that follow a call instruction. Each frame says which it was.
 * Unwinding stops by rules only (enum inq_stop), and the stack pointer strictly increases but across signal
 * frames that switched stacks, where each stack may be entered once.
 *
 * Uses no libbfd and no libdwarf: a confined collector unwinds too. Not async-signal-safe (allocation).
 */
#ifndef INQ_UNWIND_UNWIND_H
#define INQ_UNWIND_UNWIND_H

#include "support/error.h"
#include "target/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_image;
struct inq_target;

/* How a frame was found, best first. */
enum inq_trust {
	INQ_TRUST_CONTEXT, /* the registers of the thread or of the exception */
	INQ_TRUST_CFI,
	INQ_TRUST_PE,      /* unwind data of a PE image, as exact as CFI */
	INQ_TRUST_SIGNAL,  /* out of a signal frame: exact */
	INQ_TRUST_CALL,    /* the call had only just happened: its return address was still on top of the stack, or
			      in the link register (call through a bad pointer, first or last instruction) */
	INQ_TRUST_FP,      /* frame pointer chain */
	INQ_TRUST_SCAN,    /* a word on the stack that follows a call */
};

enum inq_stop {
	INQ_STOP_END,       /* the outermost frame: CFI says so (undefined return address), pc 0, thread start */
	INQ_STOP_LIMIT,     /* as many frames as asked for */
	INQ_STOP_NO_MEMORY, /* stack memory that would be needed is not there; stopped_at says where */
	INQ_STOP_CYCLE,     /* the stack pointer did not increase */
	INQ_STOP_LOST,      /* no method applies any more */
};

enum { INQ_UNWIND_REGISTERS = 40 }; /* DWARF numbers tracked; x86-64 needs 17, ARM64 33 */

/* The frame's registers by DWARF number; those with their bit in `valid` are known. */
struct inq_frame_registers {
	uint64_t value[INQ_UNWIND_REGISTERS];
	uint64_t valid;
};

struct inq_frame {
	uint64_t pc;          /* innermost: the instruction; others: the return address */
	uint64_t lookup_pc;   /* what to look up: pc, or pc - 1 where pc is a return address */
	uint64_t cfa;         /* canonical frame address, 0 unknown */
	uint64_t sp, fp;      /* in this frame */
	uint64_t return_slot; /* where this frame's return address lies (the caller's pc), 0 unknown */
	enum inq_trust trust;
	bool signal;          /* this frame is a signal trampoline; its caller was interrupted */
	struct inq_frame_registers registers;
};

struct inq_frames {
	struct inq_frame *frames; /* innermost first */
	size_t count;
	enum inq_stop stop;
	uint64_t stopped_at;      /* address, see enum inq_stop */
};

/* An image that code was loaded from, and where. */
struct inq_unwind_module {
	struct inq_image *image; /* borrowed; NULL: none could be found, only the range is known */
	uint64_t base, size;     /* in the process */
	uint64_t bias;           /* process address - image vaddr */
};

/* What the unwinder asks. All borrowed for the life of the unwinder. */
struct inq_unwind_source {
	struct inq_target *target;
	/* The module that holds the address; INQ_ABSENT outside all. */
	enum inq_status (*module)(void *user, uint64_t address, struct inq_unwind_module *ret);
	/* Whether code may lie at the address (mapped executable), as far as known; NULL: modules decide. */
	bool (*is_code)(void *user, uint64_t address);
	/*
	 * Optional, privacy's ground truth. slot(): a stack slot was read, for the caller's register `dwarf` (-1: only
	 * to find something out); size 0: the caller's register is known and does not come from memory. use(): the
	 * value that the frame has in a register decided where its caller is. step(): the caller was found; what was
	 * told of its registers since the last step is so, registers that nothing was told of stayed.
	 */
	void (*slot)(void *user, uint64_t address, unsigned size, int dwarf);
	void (*use)(void *user, int dwarf);
	void (*step)(void *user);
	/* Believe a return address that only its place speaks for if a call was read before it, not if that code
	 * could not be read. */
	bool call_only;
	void *user;
};

struct inq_unwinder; /* keeps parsed tables between calls */

enum inq_status inq_unwinder_new(const struct inq_unwind_source *source, struct inq_unwinder **ret,
				 struct inq_error *err);
void inq_unwinder_free(struct inq_unwinder *unwinder);

/* Read memory through another target from now on (borrowed), nothing of it kept from the last one. Tables and what
 * was read of images stay. */
void inq_unwinder_look_at(struct inq_unwinder *unwinder, struct inq_target *target);

/* Memory as the last walk saw it, all of it or false: a stack that was walked is not asked for again. */
bool inq_unwinder_read(struct inq_unwinder *unwinder, uint64_t address, void *to, size_t size);

/**
 * Walk from a context outward.
 *
 * @limit  frames at most (>= 1)
 * @ret    frames; at least the innermost one. Owned by the caller: inq_frames_done()
 *
 * INQ_UNSUPPORTED: no table for the context's machine (x86-64, x86 and ARM64 have CFI, frame pointers and scan;
 * ARM the same, but its usual tables, .ARM.exidx, are not read). INQ_NO_MEMORY. Anything hostile ends the walk
 * with a stop reason: operations, scanned words and stacks entered are bounded, so that a walk costs at most about
 * half a second whatever it is shown.
 */
enum inq_status inq_unwind(struct inq_unwinder *unwinder, const struct inq_context *context, size_t limit,
			   struct inq_frames *ret, struct inq_error *err);
void inq_frames_done(struct inq_frames *frames);

const char *inq_trust_name(enum inq_trust trust); /* "cfi", "fp", "scan", ... */
const char *inq_stop_text(enum inq_stop stop);    /* in words */

/* A frame's registers as a CONTEXT again (unknown ones are zero), for `.frame /r` and disassembly. */
void inq_frame_context(const struct inq_frame *frame, enum inq_machine machine, struct inq_context *ret);

#endif
