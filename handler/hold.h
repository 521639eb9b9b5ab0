/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Points at which a privileged program stops for the security tests.
 *
 * In a build with --enable-test-hooks a program that comes to INQ_HOLD(point) looks for the file
 * /run/inquest-test/hold.<point> (the directory must belong to root and be 0700) and, if it is there, raises
 * SIGSTOP; SIGCONT lets it go on. The files are looked up once, at the start. In all other builds the macro is
 * nothing. The deadlines go on while held.
 */
#ifndef INQ_HANDLER_HOLD_H
#define INQ_HANDLER_HOLD_H

/* name, process that stops there, what has just happened */
#define INQ_HOLD_POINTS(POINT)                                                             \
	POINT(start, "core", "stdio is fixed, nothing was read")                            \
	POINT(arguments, "core", "the arguments were parsed")                               \
	POINT(identity, "core", "the pidfd and /proc/PID were opened and verified")         \
	POINT(read, "core", "the ids of all threads were read")                             \
	POINT(verified, "core", "the target was verified again, the owner is not decided")  \
	POINT(decided, "core", "the owner is decided")                                      \
	POINT(created, "core", "the spool file exists, without a name")                     \
	POINT(written, "core", "the worker has finished, the file has no name yet")         \
	POINT(published, "core", "the dump has its name")                                   \
	POINT(worker, "worker", "forked, not confined yet")                                 \
	POINT(confined, "worker", "confined, nothing was parsed")                           \
	POINT(gathered, "worker", "everything was read, the process is not released yet")   \
	POINT(released, "worker", "the process was released, nothing is written")

enum inq_hold_point {
#define INQ_HOLD_ENUM(name, process, meaning) INQ_HOLD_##name,
	INQ_HOLD_POINTS(INQ_HOLD_ENUM)
#undef INQ_HOLD_ENUM
	INQ_HOLD_COUNT
};

#ifdef INQ_TEST_HOOKS
/* Look up which points are wanted. */
void inq_hold_init(void);
void inq_hold(enum inq_hold_point point);
#define INQ_HOLD(point) inq_hold(INQ_HOLD_##point)
#else
#define inq_hold_init() ((void)0)
#define INQ_HOLD(point) ((void)0)
#endif

#endif
