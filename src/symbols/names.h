/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Strings that live as long as their module, each kept once; and demangled names.
 *
 * Asking the same question a thousand times must not grow the memory a thousand times. Not
 * async-signal-safe.
 */
#ifndef INQ_SYMBOLS_NAMES_H
#define INQ_SYMBOLS_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* What is longer is not demangled, and how deep the demangler may go. */
#define INQ_DEMANGLE_MAX_IN (8u << 10)
#define INQ_DEMANGLE_MAX_OUT (64u << 10)

struct inq_names {
	char **slots; /* open addressing; NULL empty */
	size_t count, capacity;
};

/* A zeroed structure is empty; done accepts NULL. */
void inq_names_done(struct inq_names *names);

/* The kept copy of `size` bytes (NUL-terminated by us), or NULL without memory. */
const char *inq_names_keep(struct inq_names *names, const char *text, size_t size);

/* Kept, demangled without parameters where it is mangled, else as it is. */
const char *inq_names_demangled(struct inq_names *names, const char *linkage);

#endif
