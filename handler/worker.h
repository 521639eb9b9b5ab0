/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The child of inquest-core: takes all bytes while it is root, confines itself, takes them apart and writes.
 *
 * It talks to its parent over a socket of packets: sends struct inq_worker_message, and gets one packet with the
 * dump's descriptor (SCM_RIGHTS) and one that lets it write. The parent believes nothing of what it says but that it was said: order, sizes
 * and words are those of a process that may have been taken over by what it read.
 */
#ifndef INQ_HANDLER_WORKER_H
#define INQ_HANDLER_WORKER_H

#include "capture/options.h"
#include "handler/acquire.h"
#include "handler/core_args.h"
#include "spool/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In this order; FAILED may come instead of any. */
enum inq_worker_word {
	INQ_WORKER_ACQUIRED = 1, /* the last file of /proc was read; value: threads */
	INQ_WORKER_LONG,         /* not always, before the next: memory is written while the process waits for it */
	INQ_WORKER_RELEASED,     /* its end of the core's pipe is closed */
	INQ_WORKER_DONE,         /* the dump is written; value: bytes */
	INQ_WORKER_FAILED,       /* and ends; words say why */
};

enum { INQ_WORKER_WORDS = 256 };

struct inq_worker_message {
	uint32_t word;   /* enum inq_worker_word */
	uint32_t status; /* enum inq_status of FAILED; threads that a filter changed the frames of, of DONE */
	uint64_t value;
	char words[INQ_WORKER_WORDS]; /* NUL-terminated */
};

struct inq_worker_job {
	const struct inq_core_args *args;
	const struct inq_config *config;
	const struct inq_identity *identity;
	const char *remark;       /* for the dump's comment, or NULL */
	uint64_t held_since_ns;   /* CLOCK_MONOTONIC */
	int core;                 /* the pipe; -1: the process was stopped by us instead (inquest-collect) */
	const struct inq_dying_stopped *stopped;
	size_t stopped_count;
	const struct inq_gathered *gathered; /* what was read already, by a parent that has no privilege; NULL: nothing */
	uint64_t record;          /* address of the stub's record, 0 none */
	int event;                /* descriptor of the stub's event in the process, -1 none */
	const char *letters;      /* instead of the configuration's; NULL: those */
	int memory, smaps, pagemap; /* where memory is read instead of the process itself (a copy of it); -1: there */
	bool own_ids;             /* the ids stay as they are: we have no privilege to give away */
	int channel;
	pid_t parent;
};

/* What it reads of the process first, by identity, args and core alone: for a parent that has no privilege, and lets the
 * process go before there is a worker. @options NULL: only what every dump needs. */
void inq_worker_acquire(const struct inq_worker_job *job, const struct inq_dump_options *options,
			struct inq_gathered *ret);

_Noreturn void inq_worker_run(const struct inq_worker_job *job);

/* The parent's side: give the dump's descriptor; and, when the process was released and room was made, let the
 * worker write. 0, or -1 and errno. */
int inq_worker_give(int channel, int fd);
int inq_worker_go(int channel);

#endif
