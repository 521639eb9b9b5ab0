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

/* name, processes that stop there (collect: inquest-collect, as which the keeper and the worker run as well), what has
 * just happened */
#define INQ_HOLD_POINTS(POINT)                                                                     \
	POINT(start, "core, collect", "stdio is fixed, nothing was read")                           \
	POINT(arguments, "core, collect", "the arguments were parsed")                              \
	POINT(identity, "core, collect", "the pidfd and /proc/PID were opened and verified")        \
	POINT(keeper, "keeper", "root's in all ids, nothing was asked of it")                       \
	POINT(user, "collect", "became the user, looked at nothing of the process")                 \
	POINT(opened, "collect", "the process's memory is open, the record was looked at")          \
	POINT(stopped, "collect", "the process's threads are stopped")                              \
	POINT(read, "core", "the ids of all threads were read")                                     \
	POINT(verified, "core", "the target was verified again, the owner is not decided")          \
	POINT(decided, "core, collect", "the owner is decided")                                     \
	POINT(kept, "keeper", "made the spool file, did not hand it over")                          \
	POINT(created, "core, collect", "the spool file exists, without a name")                    \
	POINT(worker, "worker", "forked, not confined yet")                                         \
	POINT(confined, "worker", "confined, nothing was parsed")                                   \
	POINT(gathered, "worker", "everything was read, the process is not released yet")           \
	POINT(dismissed, "collect", "its threads run again, and the process was told to die")       \
	POINT(released, "worker", "the process was released, nothing is written")                   \
	POINT(written, "core, collect", "the worker has finished, the file has no name yet")        \
	POINT(named, "keeper", "the dump has its name, and nobody was told")                        \
	POINT(published, "core, collect", "the dump has its name")

enum inq_hold_point {
#define INQ_HOLD_ENUM(name, process, meaning) INQ_HOLD_##name,
	INQ_HOLD_POINTS(INQ_HOLD_ENUM)
#undef INQ_HOLD_ENUM
	INQ_HOLD_COUNT
};
_Static_assert(INQ_HOLD_COUNT <= 32, "a bit each");

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
