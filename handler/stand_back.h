/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Has the stub's collector taken the dump of this crash already, or has it in hand?
 *
 * The collector is a child of the thread that crashed; the kernel lists a thread's children
 * (/proc/PID/task/TID/children, CONFIG_PROC_CHILDREN). One that still runs inquest-collect from where we are
 * installed and has not renamed itself to say that it failed has the dump; one that has ended has it if it ended
 * well. A process can only make us believe this about itself, and so only do without a dump of its own.
 *
 * Not async-signal-safe.
 */
#ifndef INQ_HANDLER_STAND_BACK_H
#define INQ_HANDLER_STAND_BACK_H

#include <stdbool.h>
#include <stdint.h>

/* @proc  descriptor of /proc/PID, shown to be the process that crashed; -1: false. @tid the thread. */
bool inq_stand_back(int proc, uint32_t tid);

#endif
