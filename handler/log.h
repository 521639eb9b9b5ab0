/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One line in the kernel's log where something went wrong; a dump that was written needs none.
 *
 * The kernel's log because it never blocks and is no process that could be the one that crashes. The lines hold
 * numbers, our own paths and our own words: nothing of the crashed process. At most two for each crash, and at
 * most one in a second for all crashes together, by the time of a root-only file in the spool or, without one, in /run.
 */
#ifndef INQ_HANDLER_LOG_H
#define INQ_HANDLER_LOG_H

#include <stdint.h>

/* @spool  directory for the file that remembers the last line, or -1: /run. */
void inq_log(int spool, uint64_t pid, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
