/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a program that others start inherits, and must not rest on: descriptors, environment, limits, masks,
 * dispositions, timers, priorities, directory. The first thing that a privileged main() does, be it started by the
 * kernel, which leaves 1 and 2 closed and all else in order, or by a user, who may leave anything in any state.
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

/* All from @first to @last, both inclusive; none if they are the wrong way round. -1 and errno, where the kernel has
 * close_range(2) and refuses it. */
int inq_inherited_close_range(unsigned first, unsigned last);

/* The rest; errors are ignored where there is no privilege to mend what was inherited. Also: a session of our own
 * (unless the terminal is wanted: @keep_session), not dumpable, no core. */
void inq_inherited_reset(bool keep_session);

/**
 * Be the first to go when memory runs out, in the whole machine or in a control group: rather the dump is lost than the
 * process killed whose dump it was to be. Whoever may signal a process may offer it so.
 *
 * @proc  its folder below /proc, or AT_FDCWD for the caller's own; before it is made non-dumpable, after which the file
 *        is root's.
 *
 * Nothing happens where it cannot be written.
 */
void inq_inherited_offer_memory(int proc);

#endif
