/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The collector's (or the debugger's) side of the talk with a thread that waits in the stub: the record's command word, written into
 * the process's memory, and the event that wakes it.
 *
 * The process may be hostile: what is read from it is a number to be checked, and nobody waits longer than the
 * deadline.
 */
#ifndef INQ_TARGET_WAITING_H
#define INQ_TARGET_WAITING_H

#include "support/error.h"
#include "target/record.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct inq_waiting {
	int memory;       /* /proc/PID/mem, open for reading and writing with the user's own right to it */
	uint64_t record;
	int event;        /* eventfd, -1 none: the thread looks by itself every millisecond */
	bool is_stub;     /* our record, not a bare JIT_DEBUG_INFO, which understands only the event */
	uint32_t version; /* of the record */
	uint32_t reason;  /* enum inq_record_reason */
	uint32_t tid;     /* of the waiting thread */
	uint64_t tls;     /* its thread pointer, 0 unknown */
	bool told;        /* it has its last command */
};

/* Look at the record. INQ_FAULT: not readable. INQ_BAD_DATA: not one. @event is not believed to be an eventfd. */
enum inq_status inq_waiting_open(int memory, uint64_t record, int event, struct inq_waiting *ret,
				 struct inq_error *err);

/* The last word: go on dying (or living), with an errno for status (0: the dump is in hand). Once; false if it
 * could not be said. */
bool inq_waiting_dismiss(struct inq_waiting *waiting, int status);

/* Have the child made that keeps the memory, INQ_COMMAND_SNAPSHOT or INQ_COMMAND_HOLD (record.h). Its pid, as the
 * process says; 0 and `err` if none came in time. */
pid_t inq_waiting_snapshot(struct inq_waiting *waiting, enum inq_record_command how, unsigned deadline_ms,
			   struct inq_error *err);

#endif
