/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The front part of a core, as the kernel pipes it: ELF header, program headers, notes. Nothing of
 * the memory behind them is read.
 *
 * The notes of a process with 10,000 threads are 40 MB; they go by in pieces, and of each thread
 * only its CONTEXT stays.
 */
#ifndef INQ_TARGET_DYING_CORE_H
#define INQ_TARGET_DYING_CORE_H

#include "support/buffer.h"
#include "support/error.h"
#include "target/core_notes.h"
#include "target/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INQ_DYING_XSTATES = 64 << 20 };

/* A PT_LOAD: one mapping, and how much of it the kernel would dump. */
struct inq_dying_segment {
	uint64_t base, size; /* bytes in memory */
	uint64_t file_size;  /* bytes in the core; 0: left out */
	uint32_t flags;      /* PF_* */
};

struct inq_dying_registers {
	uint32_t tid; /* in the process's own PID namespace */
	bool has_context;
	uint64_t tls;
	uint64_t user_us, kernel_us;
	size_t xstate, xstate_size; /* where in `xstates`; size 0: none kept */
	uint8_t raw[INQ_CONTEXT_MAX];
};

struct inq_dying_core {
	enum inq_machine machine;
	unsigned pointer_size;      /* 4 or 8; 0 if not even the header was there */
	struct inq_buffer
		segments; /* struct inq_dying_segment[], in the kernel's order: by address */
	struct inq_buffer threads;  /* struct inq_dying_registers[], the crashed one first */
	struct inq_buffer xstates;  /* NT_X86_XSTATE of the threads, where they are asked for */
	uint32_t context_size;      /* bytes valid in each raw */
	struct inq_buffer
		first; /* the first thread's notes and the process's, borrowed by `notes` */
	struct inq_core_notes notes; /* made of `first` */
	uint64_t notes_lost;        /* bytes of notes that never came */
	char problem[160];          /* what is damaged or missing, in words; "" if nothing */
};

/**
 * Read from the pipe up to the end of the notes.
 *
 * @fd       borrowed, -1 allowed
 * @xstates  keep extended registers, at most INQ_DYING_XSTATES bytes of them; the threads after that have none
 * @ret  zeroed; owned by the caller: inq_dying_core_done(), also on failure
 *
 * INQ_NO_MEMORY only; whatever else goes wrong is `problem`, and what came before it is kept.
 */
enum inq_status inq_dying_core_read(int fd, bool xstates, struct inq_dying_core *ret, struct inq_error *err);
void inq_dying_core_done(struct inq_dying_core *core);

/* Keep a thread's extended registers; nothing happens for none, or past the limit. */
void inq_dying_core_keep_xstate(struct inq_dying_core *core, struct inq_dying_registers *registers, const void *bytes,
				size_t size);

size_t inq_dying_core_segment_count(const struct inq_dying_core *core);
size_t inq_dying_core_thread_count(const struct inq_dying_core *core);
const struct inq_dying_registers *inq_dying_core_thread(const struct inq_dying_core *core,
							size_t index);

#endif
