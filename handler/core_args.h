/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The arguments that the kernel gives inquest-core, by position, and the pattern that makes it do so.
 *
 * Each argument is a fixed letter, '=' and the value of one specifier of core(5). The kernel splits the
 * pattern before it expands (5.3 and later), so no value can add an argument; a value never decides what an
 * argument means, and what looks like an option is a value that is not a number. Numbers are decimal digits
 * only, without sign or blanks. A pattern that has more or fewer arguments than this table was not written by
 * inquest-register and is not complete, except that the last one may be missing (kernels without %F).
 * Async-signal-safe.
 */
#ifndef INQ_HANDLER_CORE_ARGS_H
#define INQ_HANDLER_CORE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* position, letter, specifier, field, whether the dump goes to root without it */
#define INQ_CORE_ARGS(ARG)                 \
	ARG(1, 'P', "%P", pid, true)        \
	ARG(2, 'I', "%I", tid, true)        \
	ARG(3, 'i', "%i", ns_tid, false)    \
	ARG(4, 'u', "%u", uid, true)        \
	ARG(5, 'g', "%g", gid, true)        \
	ARG(6, 'd', "%d", dumpable, true)   \
	ARG(7, 's', "%s", signal, false)    \
	ARG(8, 't', "%t", time, false)      \
	ARG(9, 'c', "%c", core_limit, false)\
	ARG(10, 'F', "%F", pidfd, false)

enum { INQ_CORE_PATTERN_MAX = 127 }; /* bytes, without the NUL */

struct inq_core_args {
	uint64_t pid, tid;      /* in the initial pid namespace; tid is the crashing thread's */
	uint64_t ns_tid;        /* the same thread in its own pid namespace */
	uint64_t uid, gid;      /* real, in the initial user namespace */
	uint64_t dumpable;      /* 0, 1, 2 */
	uint64_t signal;
	uint64_t time;          /* seconds since 1970 */
	uint64_t core_limit;    /* bytes, UINT64_MAX unlimited */
	uint64_t pidfd;         /* descriptor */
	uint32_t known;         /* bit of each position that was well formed */
	bool complete;          /* everything without which a dump goes to root was */
};

#define INQ_CORE_ARG_BIT(position) (1u << (position))

/* What argv holds; fields that are missing or malformed are 0 and their bit is clear. Never fails. */
void inq_core_args_parse(int argc, char *const argv[], struct inq_core_args *ret);

/* "|/usr/libexec/inquest/inquest-core P=%P ..."; with_pidfd: the kernel knows %F. False if it is over
 * INQ_CORE_PATTERN_MAX or `helper` has a blank or '%' in it. */
bool inq_core_pattern(const char *helper, bool with_pidfd, char to[INQ_CORE_PATTERN_MAX + 1]);

#endif
