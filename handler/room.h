/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Whether the machine could bear a crashed process's memory beside that of its successor.
 *
 * Its supervisor starts the next one while the memory of the last is still being written. Nothing is asked of the
 * kernel for the memory that is kept, but what the next one takes comes on top: where there is no room for as much
 * again, somebody would be killed for it, and the process is dumped before it dies instead. Not async-signal-safe.
 */
#ifndef INQ_HANDLER_ROOM_H
#define INQ_HANDLER_ROOM_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a process: what a successor would take, and what it would have the kernel promise. */
struct inq_room_need {
	uint64_t resident;  /* that is no file's */
	uint64_t committed; /* private and writable */
};

/* By the text of its /proc/PID/statm; zeroes where it makes no sense. */
struct inq_room_need inq_room_need_of(const char *statm);

/* INQ_LIMIT: there is no room; says how much there is. @overcommit is vm.overcommit_memory's text. */
enum inq_status inq_room_on_machine(const struct inq_room_need *need, const char *meminfo, const char *overcommit,
				    struct inq_error *err);

/* Whether its memory would be more than a dump may have bytes. @files /proc/PID. */
bool inq_room_exceeds(int files, uint64_t bytes);

/**
 * The machine as it is, and the control groups of the process with their memory limits.
 *
 * @files   /proc/PID
 * @cgroup  text of its cgroup file
 *
 * INQ_LIMIT: no room. What cannot be read has room.
 */
enum inq_status inq_room_beside(int files, const char *cgroup, size_t cgroup_size, struct inq_error *err);

#endif
