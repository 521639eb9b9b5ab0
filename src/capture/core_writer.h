/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The full user-mode dump of Linux: an ELF core, made of any target that has memory and threads.
 *
 * Written as the kernel writes one (fs/binfmt_elf.c): the crashed thread first with the process's notes behind it
 * (NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE), for each thread NT_PRSTATUS, NT_FPREGSET and, where asked for and
 * there, NT_X86_XSTATE; a PT_LOAD for each mapping, whose bytes are in the file as far as the target has them.
 * What no note of the kernel's could say is in one of our own (target/core_facts.h). Zeroes are holes. The ELF header
 * comes last, so that half a core is never taken for one.
 *
 * x86-64 only. Opens nothing; memory is read in pieces of 1 MiB.
 */
#ifndef INQ_CAPTURE_CORE_WRITER_H
#define INQ_CAPTURE_CORE_WRITER_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_buffer;
struct inq_sink;
struct inq_veil;

struct inq_core_report {
	uint64_t file_size;     /* bytes, holes included */
	uint64_t memory_bytes;  /* of the process, in the core */
	uint64_t missing_bytes; /* that could not be read, and are zero */
	size_t threads;
	size_t threads_left_out; /* whose registers nobody has */
	size_t segments;
};

/**
 * @veil      borrowed; a core has no room for what a filter leaves, so only one that shows everything
 * @extended  NT_X86_XSTATE too (/fy)
 * @facts     a minidump without memory of the same target, for that note; borrowed. NULL: no such note
 * @sink      of nothing yet; has `hand`; borrowed
 * @ret       may be NULL
 *
 * INQ_UNSUPPORTED: another processor; a veil that filters. INQ_ABSENT: no thread has registers, or there is no
 * memory. INQ_OS: writing failed (errno kept). INQ_NO_MEMORY.
 */
enum inq_status inq_core_write(struct inq_veil *veil, bool extended, const struct inq_buffer *facts,
			       struct inq_sink *sink, struct inq_core_report *ret, struct inq_error *err);

#endif
