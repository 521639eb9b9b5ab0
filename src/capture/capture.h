/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * From a target behind its veil to a finished minidump.
 *
 * The road: plan which memory is wanted, read it, let the process go, write. The process waits only
 * for the first two. Memory up to a budget is read into ours and the process let go before a byte
 * is written; more than that goes straight into the file while the process still waits. A stream
 * that fails never ruins the others: what failed and why is said in the dump's comment. The dump's
 * signature is written very last, so that half a dump is never taken for one.
 *
 * Works confined: read, pread, pwrite or write, fstat, lseek, clock_gettime and what malloc needs.
 * Opens nothing. Starts a thread only for memory over the budget, and only if it is not given one.
 */
#ifndef INQ_CAPTURE_CAPTURE_H
#define INQ_CAPTURE_CAPTURE_H

#include "capture/options.h"
#include "support/error.h"

#include <stddef.h>
#include <stdint.h>

struct inq_behind;
struct inq_veil;

enum {
	INQ_CAPTURE_BUDGET = 4 << 20, /* bytes of memory held before the process is let go, */
	INQ_CAPTURE_BUDGET_THREAD = 8 << 10, /* and for each of its threads, */
	INQ_CAPTURE_BUDGET_MOST = 16 << 20,  /* and together */
};

/* All optional. */
struct inq_capture_hooks {
	/* No more memory of the process is needed: let it go (close the pipe). Called once, on
	 * every road, also when the capture fails. What the target answers from memory was asked
	 * before. */
	void (*released)(void *user);
	void *user;
	uint64_t held_since_ns; /* CLOCK_MONOTONIC when the process began to wait; 0 unknown */
	const char *remark;     /* the caller's own words for the comment (UTF-8), or NULL */
	const char *comment;    /* the user's, of /c (UTF-8), or NULL: first in CommentStreamW, and alone in A */
	struct inq_behind *behind; /* what is read while it is written goes through it; NULL: one is made for it, which
				      starts a thread */
	bool compress;          /* zstd frames with a seek table, by several threads; not confined by a filter that
				   knows no threads */
	bool strict;            /* a filtered dump whose frames are not those of before is a failure */
};

/* What came of it, for a log. */
struct inq_capture_report {
	uint64_t held_us;        /* as in the dump; 0 unknown */
	uint64_t file_size;      /* bytes */
	uint64_t memory_bytes;   /* of the process, in the dump */
	size_t memory_ranges;
	size_t threads, modules;
	unsigned streams;        /* written */
	unsigned failed_streams; /* not written though asked for; the comment names them */
	bool incomplete;         /* something is missing; the comment says what */
	size_t lost_threads;     /* r: threads with other frames than before; the comment names them */
	bool proven;             /* r: the file was read back and holds what may be seen, no more */
};

/**
 * Write a minidump.
 *
 * @veil     borrowed; the policy that it states must be at least as strict as the letters ask
 * @options  NULL means plain `m`
 * @out_fd   an empty regular file open for writing (and reading: what r filtered is read back),
 *           borrowed; neither synced nor named here
 * @hooks    may be NULL
 * @ret      may be NULL; filled on success
 *
 * INQ_BAD_DATA: what was written is not what may be seen, or (strict) the filter changed frames.
 * INQ_USAGE: the veil shows more than the letters allow. INQ_OS: a write failed (errno kept; the
 * file holds no signature). INQ_NO_MEMORY. A process that vanished meanwhile is no failure: the
 * dump is incomplete.
 */
enum inq_status inq_capture(struct inq_veil *veil, const struct inq_dump_options *options,
			    int out_fd, const struct inq_capture_hooks *hooks,
			    struct inq_capture_report *ret, struct inq_error *err);

#endif
