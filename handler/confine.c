/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/confine.h"
#include "handler/inherited.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#ifdef HAVE_LINUX_LANDLOCK_H
#include <linux/landlock.h>
#endif
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct sock_filter filter[] = {
#include "handler/confine_filter.inc"
};

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int close_others(const struct inq_confinement *confinement)
{
	int keep[INQ_CONFINE_MAX_KEEP];
	unsigned next = 0;

	for (size_t i = 0; i < confinement->keep_count; i++)
		keep[i] = confinement->keep[i];
	qsort(keep, confinement->keep_count, sizeof(int), by_number);
	for (size_t i = 0; i < confinement->keep_count; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < next)
			continue;
		if (keep[i] && inq_inherited_close_range(next, (unsigned)keep[i] - 1))
			return -1;
		next = (unsigned)keep[i] + 1;
	}
	return inq_inherited_close_range(next, ~0u);
}

/* Needs CAP_SETPCAP, hence first. Ends with EINVAL past the last capability that the kernel knows. */
static int close_the_way_up(void)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return errno == EINVAL && cap ? prctl(PR_SET_SECUREBITS,
							      SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
								      SECBIT_KEEP_CAPS_LOCKED |
								      SECBIT_NO_CAP_AMBIENT_RAISE |
								      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
							      0, 0, 0)
						      : -1;
	}
	return -1;
}

static int drop_ids(const struct inq_confinement *confinement)
{
	if (setgroups(0, NULL))
		return -1;
	if (setresgid(confinement->gid, confinement->gid, confinement->gid))
		return -1;
	return setresuid(confinement->uid, confinement->uid, confinement->uid);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}, {0}};

	return (int)syscall(SYS_capset, &header, none);
}

/* Whoever dropped nothing notices here. */
static int is_down(const struct inq_confinement *confinement)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) || getresgid(&gids[0], &gids[1], &gids[2]))
		return 0;
	for (int i = 0; i < 3; i++) {
		if (uids[i] != confinement->uid || gids[i] != confinement->gid)
			return 0;
	}
	if ((!confinement->own_ids && getgroups(0, NULL)) || syscall(SYS_capget, &header, caps))
		return 0;
	for (int i = 0; i < 2; i++) {
		if (caps[i].effective | caps[i].permitted | caps[i].inheritable)
			return 0;
	}
	/* The proof of the pudding. */
	/* Root of a user namespace that maps nobody else, and users in group 0, stay what they are. */
	return (confinement->uid == 0 || setresuid(0, 0, 0)) && (confinement->gid == 0 || setresgid(0, 0, 0)) &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static int set_limits(const struct inq_confinement *confinement)
{
	const struct {
		int resource;
		rlim_t limit;
	} rows[] = {
		{RLIMIT_CORE, 1}, /* of exactly 1 byte: the kernel never pipes such a core, see core(5) */
		{RLIMIT_NPROC, 0},
		{RLIMIT_MEMLOCK, confinement->max_memory}, /* what is locked stays so, and grows */
		{RLIMIT_MSGQUEUE, 0},
		{RLIMIT_NOFILE, 64},
		{RLIMIT_FSIZE, confinement->max_file},
		{RLIMIT_AS, confinement->max_memory},
		{RLIMIT_CPU, confinement->max_seconds},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rlimit limit;

		/* Never up: what was lower already stays so. */
		if (getrlimit(rows[i].resource, &limit))
			return -1;
		if (limit.rlim_max > rows[i].limit)
			limit.rlim_max = rows[i].limit;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(rows[i].resource, &limit))
			return -1;
	}
	return 0;
}

/* Deny every access that this kernel's Landlock can deny. Without Landlock seccomp alone stands. */
static int deny_files(void)
{
#if defined(HAVE_LINUX_LANDLOCK_H) && defined(SYS_landlock_create_ruleset)
	/* Rights by ABI version: 13 in the first, one more in 2 (REFER), 3 (TRUNCATE) and 5 (IOCTL_DEV). */
	static const unsigned char rights[] = {0, 13, 14, 15, 15, 16};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = {0};
	int ruleset, failed;

	if (abi < 1)
		return 0;
	attr.handled_access_fs = (1ull << rights[abi < 5 ? abi : 5]) - 1;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return -1;
	failed = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return failed;
#else
	return 0;
#endif
}

static int filter_calls(bool threads)
{
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), (struct sock_filter *)filter};

	if (!threads)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	/* Linux 3.17. Above 0: the id of a thread that could not be made to follow. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ? -1 : 0;
}

enum inq_status inq_confine(const struct inq_confinement *confinement, struct inq_error *err)
{
	if ((!confinement->own_ids && (!confinement->uid || !confinement->gid)) ||
	    confinement->keep_count > INQ_CONFINE_MAX_KEEP)
		return inq_fail(err, INQ_USAGE, "confine: not to user %u, group %u", confinement->uid,
				confinement->gid);
	if (close_others(confinement))
		return inq_fail_os(err, "confine: descriptors");
	if (!confinement->own_ids && close_the_way_up())
		return inq_fail_os(err, "confine: bounding set");
	if (!confinement->own_ids && drop_ids(confinement))
		return inq_fail_os(err, "confine: ids");
	if (drop_capabilities())
		return inq_fail_os(err, "confine: capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return inq_fail_os(err, "confine: no_new_privs");
	if (!is_down(confinement))
		return inq_fail(err, INQ_DENIED, "confine: privileges are still there");
	/* Both are undone by a change of ids. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return inq_fail_os(err, "confine: dumpable");
	if (getppid() != confinement->parent)
		return inq_fail(err, INQ_DENIED, "confine: the parent is gone");
	if (deny_files())
		return inq_fail_os(err, "confine: Landlock");
	if (confinement->start)
		confinement->start(confinement->user);
	if (set_limits(confinement))
		return inq_fail_os(err, "confine: limits");
	if (filter_calls(confinement->start))
		return inq_fail_os(err, "confine: seccomp");
	return INQ_OK;
}
