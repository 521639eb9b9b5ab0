/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What kind of thing a number is that stood in a register: said instead of the number where a filter
 * took it away, and beside it where a crash is explained.
 */
#ifndef INQ_TARGET_VALUE_H
#define INQ_TARGET_VALUE_H

#include "target/target.h"

/* The numbers are the file's (minidump/inquest.h). */
enum inq_value_class {
	INQ_VALUE_UNKNOWN = 0,   /* the register was not known */
	INQ_VALUE_SHOWN,         /* the value itself is there */
	INQ_VALUE_NULL,
	INQ_VALUE_SMALL,         /* below 4096, or above -4096 */
	INQ_VALUE_STACK,
	INQ_VALUE_HEAP,
	INQ_VALUE_CODE,
	INQ_VALUE_DATA,          /* a file's mapping, writable or not */
	INQ_VALUE_MAPPED,        /* some other mapping */
	INQ_VALUE_UNMAPPED,      /* could be an address, and nothing is there */
	INQ_VALUE_NON_CANONICAL, /* can be no address */
	INQ_VALUE_FREED,         /* what allocators fill freed memory with: e5e5e5e5..., 6b6b... */
	INQ_VALUE_COUNT,
};

/**
 * @region    what is mapped there, or NULL
 * @on_stack  it lies on some thread's stack
 *
 * Never UNKNOWN nor SHOWN. Signal-safe.
 */
enum inq_value_class inq_value_class(uint64_t value, const struct inq_region *region, bool on_stack);

/* "null", "freed"; NULL for UNKNOWN, SHOWN and numbers that are no class. */
const char *inq_value_word(uint8_t class);

#endif
