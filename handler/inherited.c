/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { CLOSE_MAX = 1 << 20 };

int inq_inherited_close_range(unsigned first, unsigned last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS)
		return -1;
	/* Linux before 5.9 */
	for (unsigned fd = first; fd <= last && fd < CLOSE_MAX; fd++)
		close((int)fd);
	return 0;
}

int inq_inherited_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	}
	return 0;
}

void inq_inherited_close(int keep)
{
	unsigned next = 3;

	if (keep > 2) {
		inq_inherited_close_range(next, (unsigned)keep - 1);
		next = (unsigned)keep + 1;
	}
	inq_inherited_close_range(next, ~0u);
}

/* As high as we may: with privilege without limit, else up to the hard one. */
static void raise_limits(void)
{
	static const int limits[] = {RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_DATA, RLIMIT_CPU, RLIMIT_STACK, RLIMIT_NPROC,
				     RLIMIT_NOFILE};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

		if (limits[i] == RLIMIT_NOFILE)
			limit = (struct rlimit){4096, 4096};
		if (!setrlimit(limits[i], &limit) || getrlimit(limits[i], &limit))
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(limits[i], &limit);
	}
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The usual share of the processor and of the disk: what holds a place in the spool must not starve there. */
static void reset_priorities(void)
{
	const struct sched_param usual = {0};

	sched_setscheduler(0, SCHED_OTHER, &usual);
	setpriority(PRIO_PROCESS, 0, 0);
	syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0);
}

static void reset_timers(void)
{
	static const struct itimerval never;

	alarm(0);
	setitimer(ITIMER_REAL, &never, NULL);
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	setitimer(ITIMER_PROF, &never, NULL);
}

void inq_inherited_reset(bool keep_session)
{
	/* Of exactly 1 byte: the kernel never pipes such a core, so that a crash in here starts no second helper. */
	const struct rlimit never = {1, 1};

	/* Signals first: a timer of the caller's may fire at once. */
	reset_timers();
	reset_signals();
	umask(077);
	clearenv();
	raise_limits();
	setrlimit(RLIMIT_CORE, &never);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	reset_priorities();
	if (!keep_session)
		setsid();
	if (chdir("/"))
		_exit(1);
}

void inq_inherited_offer_memory(int proc)
{
	static const char most[] = "1000";
	int fd = openat(proc, proc == AT_FDCWD ? "/proc/self/oom_score_adj" : "oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, most, sizeof(most) - 1);
	close(fd);
}
