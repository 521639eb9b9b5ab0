/* SPDX-License-Identifier: MIT */
/**
 * inquest's signal-time stub: what a program may call when it links libinquest-stub itself.
 *
 * Nothing here is needed to be covered: the library, linked or preloaded, arms itself at load if the
 * environment says so (INQUEST=m and its letters, see inquest-stub(7)). These calls are for programs that
 * want to decide themselves, to add annotations, or to take a dump without a crash.
 *
 * The library asks nothing of the C library at the moment of a crash: raw system calls, static storage, no
 * locks. It is ignored in programs that run with raised privilege (AT_SECURE).
 */
#ifndef INQUEST_STUB_H
#define INQUEST_STUB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INQUEST_STUB_VERSION 1

/* Sizes include the final NUL; longer texts are refused, never cut. */
#define INQUEST_ANNOTATIONS 64
#define INQUEST_ANNOTATION_KEY 32
#define INQUEST_ANNOTATION_VALUE 224

/* inquest_annotate() flags: this value holds no secret and may stay in a scrubbed dump (letter r). */
#define INQUEST_SAFE 1u

struct inquest_options {
	unsigned version;      /* INQUEST_STUB_VERSION */
	const char *dump;      /* as in INQUEST: "m", "mrR", "ma,snapshot"; NULL: "m" */
	const char *directory; /* absolute, the user's own; NULL: the machine's spool */
	unsigned deadline_ms;  /* how long a crash may wait for its dump; 0: 5000; at most 30000 */
};

/**
 * Arm the stub: handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS, alternate stacks
 * for this thread and every thread created from now on. Handlers installed before are chained.
 *
 * Returns 0, or a negated errno: -EINVAL (options, letters), -EALREADY, -EPERM (AT_SECURE), -ENOMEM. Call
 * from one thread; not from a signal handler. `options` may be NULL and is copied.
 */
int inquest_install(const struct inquest_options *options);

/**
 * Disarm: put back the earlier handlers where ours are still in place. Returns 0 or -ENOENT.
 */
int inquest_uninstall(void);

/**
 * Take a dump of the calling process now; it goes on running as it was.
 *
 * Returns 0 when the dump is complete, or a negated errno: -ENOENT (not installed), -EBUSY (a dump is being
 * taken), -ETIMEDOUT, -EIO (the collector said no). Async-signal-safe.
 */
int inquest_dump_now(void);

/**
 * Keep a note that dumps will show: `key` of up to 31 bytes [A-Za-z0-9_.-], `value` of up to 223 bytes; NULL
 * removes the key.
 *
 * Stored in fixed storage that a ruined heap does not touch. Returns 0, or -EINVAL, -ENOSPC (64 keys), -ENOENT
 * (removing what is not there). Async-signal-safe; a concurrent crash sees the old or the new value, whole.
 */
int inquest_annotate(const char *key, const char *value, unsigned flags);

#ifdef __cplusplus
}
#endif
#endif
