/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of crashme share: a mode is a name, a function that does not return, and what it does.
 */
#ifndef CRASHME_H
#define CRASHME_H

/* A function that keeps a frame of its own, in every build. */
#define FRAME __attribute__((noinline, noclone))

struct mode {
	const char *name;
	void (*run)(void);
	const char *what;
};

extern volatile int after;        /* written behind calls, so that they are calls and not jumps */
extern void *volatile nothing;    /* null, unknown to the compiler */

void read_null(void);
void read_null_below(int depth);

/* crashme_threads.c */
void mode_threads(void);
void mode_leader_exited(void);
void mode_many_threads(void);
void mode_two_crash(void);

#define THREAD_MODES \
	{ "threads",		mode_threads,		"four threads, each in a place of its own; the last one crashes" }, \
	{ "leader-exited",	mode_leader_exited,	"the main thread is gone when a worker crashes" }, \
	{ "many-threads",	mode_many_threads,	"1,000 threads, one crashes" }, \
	{ "two-crash",		mode_two_crash,		"two threads crash at once" },

/* crashme_identity.c */
void set_vma_name(const char *name);
void mode_mixed_ids(void);
void mode_undumpable(void);
void mode_drop(void);
void mode_keep_saved(void);
void mode_wait(void);
void mode_many_maps(void);
void mode_touch(void);

#define IDENTITY_MODES \
	{ "mixed-ids",		mode_mixed_ids,		"as root: one thread alone becomes user 65534" }, \
	{ "undumpable",		mode_undumpable,	"crash with PR_SET_DUMPABLE 0" }, \
	{ "drop",		mode_drop,		"as setuid program: give the privilege back, then crash" }, \
	{ "keep-saved",		mode_keep_saved,	"as setuid program: keep it in the saved id, then crash" }, \
	{ "wait",		mode_wait,		"wait for a signal from outside" }, \
	{ "many-maps",		mode_many_maps,		"60,000 mappings" }, \
	{ "touch",		mode_touch,		"touch $TOUCH_MIB MiB, start $TOUCH_THREADS threads, then crash" },

#endif
