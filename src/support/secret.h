/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Memory whose contents must reach no disk: not swapped, not in a core, gone when it is freed.
 *
 * What a crashed process left passes through ours on its way to the filter. A file is the filter's business; this is
 * about the roads that nobody takes on purpose. Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_SECRET_H
#define INQ_SUPPORT_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Zeroed pages of its own: not in cores (MADV_DONTDUMP), zero in a child (MADV_WIPEONFORK), and locked when they are
 * touched, as far as RLIMIT_MEMLOCK goes. A limit that is used up is no failure: without privilege there is nothing
 * better.
 *
 * @size  bytes; the same is given to inq_secret_free(), which accepts NULL; then it is nobody's
 *
 * NULL: no memory.
 */
void *inq_secret_alloc(size_t size);
void inq_secret_free(void *memory, size_t size);

/**
 * The same for all that this process has and will have, if it may raise RLIMIT_MEMLOCK (CAP_SYS_RESOURCE) or has no
 * such limit; takes some 60 us. Children do not inherit it (mlockall(2)); the limit they do.
 *
 * False: nothing is locked.
 */
bool inq_secret_lock_all(void);

#endif
