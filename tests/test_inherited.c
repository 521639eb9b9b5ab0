/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "handler/inherited.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is done here is done to the whole process: in a child, which tells by its exit status how far it came. */
#define IN_CHILD(...)                                                       \
	do {                                                                \
		int status_;                                                \
		pid_t child_ = fork();                                      \
		if (!child_) {                                              \
			__VA_ARGS__;                                        \
			_exit(0);                                           \
		}                                                           \
		cr_assert_eq(waitpid(child_, &status_, 0), child_);         \
		cr_assert(WIFEXITED(status_), "signal %d", WTERMSIG(status_)); \
		cr_assert_eq(WEXITSTATUS(status_), 0, "condition %d does not hold", WEXITSTATUS(status_)); \
	} while (0)

/* A place in the list of things that must hold; 0 is success. */
#define MUST(number, condition) ((condition) ? (void)0 : _exit(number))

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

Test(inherited, gives_each_missing_standard_descriptor_a_null_device)
{
	for (unsigned closed = 0; closed < 8; closed++) {
		IN_CHILD({
			struct stat null;

			MUST(1, !stat("/dev/null", &null));
			for (int fd = 0; fd < 3; fd++) {
				if (closed & 1u << fd)
					close(fd);
			}
			MUST(2, inq_inherited_stdio() == 0);
			for (int fd = 0; fd < 3; fd++) {
				struct stat st;

				MUST(3, !fstat(fd, &st));
				if (closed & 1u << fd)
					MUST(4, st.st_rdev == null.st_rdev);
			}
		});
	}
}

Test(inherited, says_when_no_descriptor_can_be_had)
{
	IN_CHILD({
		const struct rlimit none = {0, 0};

		close(1);
		MUST(1, !setrlimit(RLIMIT_NOFILE, &none));
		MUST(2, inq_inherited_stdio() == -1);
	});
}

Test(inherited, closes_all_others_however_many_there_are)
{
	for (int keep = -1; keep < 40; keep++) {
		IN_CHILD({
			inq_inherited_stdio();
			while (dup(0) >= 0 && fcntl(700, F_GETFD) < 0)
				;
			inq_inherited_close(keep);
			MUST(1, open_descriptors() == (keep > 2 ? 4 : 3));
			MUST(2, keep < 0 || fcntl(keep, F_GETFD) >= 0);
		});
	}
}

Test(inherited, puts_back_what_a_hostile_caller_left)
{
	IN_CHILD({
		const struct itimerval soon = {.it_value.tv_sec = 100};
		const struct sched_param usual = {0};
		const struct rlimit tiny = {4096, RLIM_INFINITY};
		struct itimerval timer;
		struct rlimit limit;
		sigset_t set;
		char here[8];

		MUST(16, !setenv("GCONV_PATH", "/tmp", 1));
		sigfillset(&set);
		sigprocmask(SIG_SETMASK, &set, NULL);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		umask(0);
		setitimer(ITIMER_REAL, &soon, NULL);
		setitimer(ITIMER_PROF, &soon, NULL);
		setrlimit(RLIMIT_FSIZE, &tiny);
		setrlimit(RLIMIT_DATA, &tiny);
		sched_setscheduler(0, SCHED_BATCH, &usual);

		inq_inherited_reset(false);
		sigprocmask(SIG_SETMASK, NULL, &set);
		for (int number = 1; number < NSIG; number++)
			MUST(1, sigismember(&set, number) <= 0);
		MUST(2, signal(SIGCHLD, SIG_DFL) == SIG_DFL);
		MUST(3, signal(SIGTERM, SIG_DFL) == SIG_DFL);
		MUST(4, signal(SIGPIPE, SIG_DFL) == SIG_IGN);
		MUST(5, umask(0) == 077);
		MUST(6, !getitimer(ITIMER_REAL, &timer) && !timer.it_value.tv_sec && !timer.it_value.tv_usec);
		MUST(7, !getitimer(ITIMER_PROF, &timer) && !timer.it_value.tv_sec && !timer.it_value.tv_usec);
		MUST(8, !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur == RLIM_INFINITY);
		MUST(9, !getrlimit(RLIMIT_DATA, &limit) && limit.rlim_cur == RLIM_INFINITY);
		MUST(10, !getrlimit(RLIMIT_CORE, &limit) && limit.rlim_cur == 1 && limit.rlim_max == 1);
		MUST(11, sched_getscheduler(0) == SCHED_OTHER);
		MUST(12, !getenv("GCONV_PATH") && !getenv("PATH"));
		MUST(13, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
		MUST(14, getcwd(here, sizeof(here)) && !strcmp(here, "/"));
		MUST(15, getsid(0) == getpid());
	});
}

Test(inherited, leaves_the_session_where_a_person_is_at_the_terminal)
{
	IN_CHILD({
		pid_t before = getsid(0);

		inq_inherited_reset(true);
		MUST(1, getsid(0) == before);
	});
}

Test(inherited, gives_an_idle_process_the_usual_share_of_the_disk)
{
	if (geteuid())
		cr_skip_test("needs root: an idle process of a user may not raise itself");
	IN_CHILD({
		const struct sched_param usual = {0};

		sched_setscheduler(0, SCHED_IDLE, &usual);
		syscall(SYS_ioprio_set, 1, 0, 3 << 13);
		inq_inherited_reset(false);
		MUST(1, sched_getscheduler(0) == SCHED_OTHER);
		MUST(2, syscall(SYS_ioprio_get, 1, 0) >> 13 != 3);
	});
}
