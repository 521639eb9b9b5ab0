/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * ELF cores made in memory, right or wrong in one chosen way.
 */
#ifndef INQ_TESTS_MADE_CORE_H
#define INQ_TESTS_MADE_CORE_H

#include "support/buffer.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

struct built_segment {
	uint64_t base, size; /* in memory */
	uint64_t have;	     /* bytes in the file, filled with `fill`, or `bytes` */
	const void *bytes;
	uint32_t flags; /* PF_* */
	uint8_t fill;
};

struct core_spec {
	unsigned word; /* 4 or 8 */
	uint16_t machine, type;
	const struct built_segment *segments;
	size_t segment_count;
	const struct inq_buffer *notes;
	bool extended; /* PN_XNUM, whatever the number is */
};

/* Append the core to `to`. 4 KiB headers' room at least: program headers, notes, then the segments'
 * bytes. */
void build_core(const struct core_spec *spec, struct inq_buffer *to);

void build_note(struct inq_buffer *to, const char *name, uint32_t type, const void *data,
		size_t size);

/* NT_PRSTATUS and NT_FPREGSET of x86-64. */
void build_thread(struct inq_buffer *to, uint32_t tid, uint16_t signal, uint64_t pc, uint64_t sp);
void build_process(struct inq_buffer *to, uint32_t pid, const char *name, const char *arguments);
void build_siginfo(struct inq_buffer *to, int signal, int code, uint64_t address);

struct built_file {
	uint64_t start, end, page_offset;
	const char *name;
};
/* NT_FILE of 64-bit words; `count` is what it claims. */
void build_files(struct inq_buffer *to, const struct built_file *files, size_t really,
		 uint64_t count);

#endif
