/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a crashed process without the stub wished for: INQUEST= in its environment, honoured by the kernel's helper.
 *
 * A wish for privacy (r, R) always counts. A wish for memory counts as far as the administrator's letters go: asking
 * for less gives less, asking for more gives no more. Runs confined: the environment is the process's own making.
 */
#ifndef INQ_HANDLER_WISHES_H
#define INQ_HANDLER_WISHES_H

#include "capture/options.h"

#include <stdbool.h>
#include <stddef.h>

enum { INQ_WISHES_TEXT = 40 };

/**
 * The letters to write a dump by.
 *
 * @allowed      the configuration's letters
 * @environment  NUL-separated, as the kernel gives it, not terminated; may be NULL
 *
 * Without INQUEST, with "0" or with letters that are none: the allowed ones, unchanged. Where privacy and memory cannot
 * go together, memory gives way.
 */
void inq_wishes(const char *allowed, const char *environment, size_t size, char ret[INQ_WISHES_TEXT]);

/* The same letters without those that bring all memory (a, A, f, w), what else these stand for kept; false if there is
 * none of them. */
bool inq_wishes_without_memory(const struct inq_dump_options *options, char ret[INQ_WISHES_TEXT]);

#endif
