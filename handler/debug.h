/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * INQUEST=debug: the collector becomes the debugger, for the person at the crashed process's terminal.
 *
 * Only as the process's own user, with nothing kept of any privilege, and only where somebody can be expected to
 * look: the process has a controlling terminal and is in its foreground. The program is INQ_BINDIR/inquest and nothing
 * that an environment names; of the environment only TERM is passed on, if it is a word.
 */
#ifndef INQ_HANDLER_DEBUG_H
#define INQ_HANDLER_DEBUG_H

#include <stdint.h>

/**
 * Become the debugger of the process that waits for us. Returns only if that cannot be; then nothing has changed.
 *
 * @files   /proc/PID of it
 * @record  of its JIT_DEBUG_INFO; @event its eventfd, -1 none
 */
void inq_debug_start(int files, uint32_t pid, uint64_t record, int event);

#endif
