/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a core of inquest's own carries beside what every core has, so that a dump that was turned into a core and
 * back has lost nothing: a note of the owner "INQUEST", type 0x496e0001, whose bytes are a minidump without memory and
 * without the exception. Other readers skip it.
 *
 * Memory, registers and the exception are always the core's. Names, times and places of threads are added to its
 * threads; modules, regions, descriptors, texts and all else are taken from here where they are here.
 */
#ifndef INQ_TARGET_CORE_FACTS_H
#define INQ_TARGET_CORE_FACTS_H

#include "support/error.h"
#include "target/core_notes.h"
#include "target/target.h"

#include <stddef.h>

#define INQ_CORE_FACTS_OWNER "INQUEST"
/* The type is none of the kernel's, since BFD takes every owner that it does not know for the kernel. */
enum { INQ_CORE_FACTS_TYPE = 0x496e0001, INQ_CORE_FACTS_MAX = 256 << 20 /* bytes that are written */ };

/**
 * @note  borrowed by *ret
 * @ret   a minidump target, owned by the caller: inq_target_free(); untouched on failure
 *
 * INQ_ABSENT: no such note. INQ_BAD_DATA, INQ_UNSUPPORTED: not a minidump. INQ_NO_MEMORY.
 */
enum inq_status inq_core_facts_open(struct inq_note note, struct inq_target **ret, struct inq_error *err);

/* Add to each thread what the one with its id is known by. Accepts NULL facts. */
void inq_core_facts_threads(struct inq_target *facts, struct inq_thread *threads, size_t count);

#endif
