/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The auxiliary vector: what the kernel told the process at its start.
 */
#ifndef INQ_TARGET_AUXV_H
#define INQ_TARGET_AUXV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of the first entry of `type` (AT_*); false if there is none before AT_NULL or the end.
 * Words of pointer_size (4 or 8) bytes, little-endian. Async-signal-safe. */
bool inq_auxv_find(const void *auxv, size_t size, unsigned pointer_size, uint64_t type,
		   uint64_t *ret);

#endif
