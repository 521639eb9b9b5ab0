/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a program that others start inherits, and must not rest on: descriptors, environment, limits, masks,
 * dispositions, timers, priorities, directory. The first thing that a privileged main() does.
 *
 * Async-signal-safe, no allocation.
 */
#ifndef INQ_HANDLER_INHERITED_H
#define INQ_HANDLER_INHERITED_H

#include <stdbool.h>

/* Descriptors 0, 1 and 2 exist, so that no file that is opened later becomes standard output. -1 on failure. */
int inq_inherited_stdio(void);

/* No other descriptor but @keep (-1: none): the caller may have used up all that there are. */
void inq_inherited_close(int keep);

/* The rest; errors are ignored where there is no privilege to mend what was inherited. Also: a session of our own
 * (unless the terminal is wanted: @keep_session),
 * not dumpable, no core. */
void inq_inherited_reset(bool keep_session);

#endif
