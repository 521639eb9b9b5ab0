/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ask a dump everything, and touch every byte of the answers: for tests of hostile files, and for
 * the fuzzer. */
#ifndef TESTS_DUMP_WALK_H
#define TESTS_DUMP_WALK_H

#include <stddef.h>
#include <stdint.h>

/* Open bytes as a minidump and walk over all of it. Returns a sum over what was seen, so that
 * nothing is optimised away; *ret_opened says whether it was a dump at all. */
uint64_t dump_walk(const void *bytes, size_t size, int *ret_opened);

#endif
