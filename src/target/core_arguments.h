/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Arguments and environment of a process out of the memory that a core has of its main stack: where the kernel put
 * them (create_elf_tables() in fs/binfmt_elf.c), and as /proc/PID/cmdline and environ have them.
 *
 * The notes of a core have the first 80 bytes of the arguments and nothing of the environment.
 */
#ifndef INQ_TARGET_CORE_ARGUMENTS_H
#define INQ_TARGET_CORE_ARGUMENTS_H

#include "support/buffer.h"
#include "support/error.h"
#include "target/core_notes.h"
#include "target/target.h"

enum { INQ_CORE_ARGUMENTS_MAX = 4 << 20 /* bytes of each; the kernel allows 2 MiB at a usual stack */ };

/**
 * @auxv  of the core's note; it is also on the stack, which is how the place is found
 * @word  bytes of a pointer
 * @ret_arguments, @ret_environment  empty; NUL-terminated strings one after the other; inq_buffer_done()
 *
 * INQ_ABSENT: the stack is not in the core, or the program has written over what would tell. INQ_NO_MEMORY.
 */
enum inq_status inq_core_arguments_find(struct inq_target *target, struct inq_note auxv, unsigned word,
					struct inq_buffer *ret_arguments, struct inq_buffer *ret_environment,
					struct inq_error *err);

#endif
