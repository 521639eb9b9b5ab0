/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The front part of an x86-64 ELF core as the kernel pipes it, made of what a test says. Segments,
 * then threads (the notes of the process go with the first), then core_finish().
 */
#ifndef TESTS_CORE_BUILDER_H
#define TESTS_CORE_BUILDER_H

#include "support/buffer.h"

#include <stdint.h>

struct core_builder {
	struct inq_buffer segments, notes;
	uint32_t segment_count;
	uint32_t thread_count;
};

void core_segment(struct core_builder *core, uint64_t base, uint64_t size, uint64_t file_size,
		  uint32_t flags);
void core_note(struct core_builder *core, uint32_t type, const void *bytes, size_t size);

/* NT_PRSTATUS, NT_PRFPREG and an NT_X86_XSTATE of 2.7 KiB; the first thread gets a siginfo of
 * `signal` at `address`. */
void core_thread(struct core_builder *core, uint32_t tid, uint64_t pc, uint64_t sp,
		 uint64_t fs_base);
void core_siginfo(struct core_builder *core, int signal, int code, uint64_t address);

/* The bytes: header, program headers (with PN_XNUM where the kernel has it), notes. */
void core_finish(struct core_builder *core, struct inq_buffer *ret);

/* An unlinked file that holds these bytes, at offset 0. */
int core_file(const struct inq_buffer *bytes, size_t size);

#endif
