/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who a thread runs as, asked by pidfd: what it tells, and of whom it refuses to tell. */
#include <config.h>

#include "handler/thread_ids.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void number(pid_t tid, char to[16])
{
	snprintf(to, 16, "%d", tid);
}

static bool ask(pid_t pid, pid_t tid, struct inq_thread_ids *ret)
{
	char text[16];

	number(tid, text);
	return inq_thread_ids_ask((uint32_t)pid, text, ret);
}

static void skip_where_the_kernel_does_not_tell(void)
{
	struct inq_thread_ids ids;

	if (!ask(getpid(), getpid(), &ids))
		cr_skip_test("PIDFD_GET_INFO is Linux 6.13 and later");
}

static void check_refused(pid_t pid, pid_t tid)
{
	struct inq_thread_ids ids, before;

	memset(&before, 0xa5, sizeof(before));
	ids = before;
	cr_assert(!ask(pid, tid, &ids));
	cr_assert_eq(memcmp(&ids, &before, sizeof(ids)), 0, "set although it failed");
}

Test(thread_ids, are_the_same_as_the_thread_itself_is_told)
{
	uid_t uids[3];
	gid_t gids[3];
	struct inq_thread_ids ids;

	skip_where_the_kernel_does_not_tell();
	cr_assert(ask(getpid(), getpid(), &ids));
	cr_assert(!getresuid(&uids[0], &uids[1], &uids[2]) && !getresgid(&gids[0], &gids[1], &gids[2]));
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(ids.uids[i], uids[i]);
		cr_assert_eq(ids.gids[i], gids[i]);
	}
	cr_assert_eq(ids.uids[3], uids[1]);
	cr_assert_eq(ids.gids[3], gids[1]);
}

struct other {
	int ready[2], leave[2];
	pid_t tid;
};

/* The system calls themselves: the C library would change all threads. */
static void *become_other(void *user)
{
	struct other *other = user;
	char byte = 0;

	other->tid = (pid_t)syscall(SYS_gettid);
	syscall(SYS_setresgid, 1001, 1002, 1003);
	syscall(SYS_setresuid, 2001, 2002, 2003);
	if (write(other->ready[1], &byte, 1) == 1 && read(other->leave[0], &byte, 1) < 0)
		return user;
	return NULL;
}

Test(thread_ids, of_one_thread_are_not_those_of_its_process)
{
	struct other other;
	struct inq_thread_ids ids;
	pthread_t thread;
	char byte;

	skip_where_the_kernel_does_not_tell();
	if (getuid())
		cr_skip_test("needs root");
	cr_assert(!pipe(other.ready) && !pipe(other.leave));
	cr_assert(!pthread_create(&thread, NULL, become_other, &other));
	cr_assert_eq(read(other.ready[0], &byte, 1), 1);
	cr_assert(ask(getpid(), other.tid, &ids));
	cr_assert(ids.uids[0] == 2001 && ids.uids[1] == 2002 && ids.uids[2] == 2003 && ids.uids[3] == 2002);
	cr_assert(ids.gids[0] == 1001 && ids.gids[1] == 1002 && ids.gids[2] == 1003 && ids.gids[3] == 1002);
	cr_assert(ask(getpid(), getpid(), &ids));
	cr_assert_eq(ids.uids[0], 0);
	close(other.leave[1]);
	pthread_join(thread, NULL);
}

Test(thread_ids, are_refused_for_a_thread_of_another_process)
{
	check_refused(getpid(), getppid());
	check_refused(getppid(), getpid());
}

Test(thread_ids, are_refused_for_a_thread_that_is_gone)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	check_refused(child, child);
}

Test(thread_ids, are_refused_for_what_is_no_thread)
{
	struct inq_thread_ids ids;

	cr_assert(!inq_thread_ids_ask((uint32_t)getpid(), "", &ids));
	cr_assert(!inq_thread_ids_ask((uint32_t)getpid(), "0", &ids));
	cr_assert(!inq_thread_ids_ask((uint32_t)getpid(), "self", &ids));
	cr_assert(!inq_thread_ids_ask((uint32_t)getpid(), "99999999999999999999", &ids));
}
