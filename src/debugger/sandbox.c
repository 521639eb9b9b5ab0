/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/sandbox.h"

#include "target/touched.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_LINUX_LANDLOCK_H
#include <linux/landlock.h>
#endif

/* --- system calls ----------------------------------------------------------------- */

/* Allowed whatever their arguments are. */
static const int plain_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(dup),
	SCMP_SYS(ftruncate),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock2),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(memfd_create),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(getpgrp),
	SCMP_SYS(fadvise64),
};

/* The thread that writes a dump: what glibc asks for, exactly; never another process, never another namespace. */
#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* call, argument, mask (0: the whole), value: allowed where (argument & mask) == value */
static const struct guarded {
	int call;
	unsigned argument;
	uint64_t mask, value;
} guarded_calls[] = {
	/* No executable memory. */
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	/* fstat() of an open descriptor, as the C library makes it. */
	{SCMP_SYS(newfstatat), 3, 0, AT_EMPTY_PATH},
	/* getrlimit() only. */
	{SCMP_SYS(prlimit64), 2, 0, 0},
	{SCMP_SYS(fcntl), 1, 0, F_GETFL},
	{SCMP_SYS(fcntl), 1, 0, F_SETFL},
	{SCMP_SYS(fcntl), 1, 0, F_GETFD},
	{SCMP_SYS(fcntl), 1, 0, F_SETFD},
	{SCMP_SYS(fcntl), 1, 0, F_DUPFD_CLOEXEC},
	/* The terminal's modes and size; never TIOCSTI, which would type for the user. */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCSETS},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCSETSW},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCSETSF},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCGWINSZ},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, INQ_TOUCHED_SCAN},
	{SCMP_SYS(prctl), 0, 0, PR_SET_VMA},
	{SCMP_SYS(clone), 0, 0, THREAD_FLAGS},
};

static int add_rules(scmp_filter_ctx filter)
{
	int failed = 0;

	for (size_t i = 0; !failed && i < sizeof(plain_calls) / sizeof(plain_calls[0]); i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);
	for (size_t i = 0; !failed && i < sizeof(guarded_calls) / sizeof(guarded_calls[0]); i++) {
		const struct guarded *row = &guarded_calls[i];
		struct scmp_arg_cmp check =
			row->mask
				? SCMP_CMP(row->argument, SCMP_CMP_MASKED_EQ, row->mask, row->value)
				: SCMP_CMP(row->argument, SCMP_CMP_EQ, row->value);

		failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, row->call, 1, &check);
	}
	/* Its flags are in memory, where a filter cannot look; glibc takes clone() then. */
	if (!failed)
		failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return failed;
}

static enum inq_status filter_calls(struct inq_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int failed;

	if (!filter)
		return inq_fail(err, INQ_NO_MEMORY, "system call filter: no memory");
	failed = add_rules(filter);
	if (!failed)
		failed = seccomp_load(filter);
	seccomp_release(filter);
	if (!failed)
		return INQ_OK;
	errno = -failed;
	if (failed == -EINVAL || failed == -ENOSYS || failed == -EOPNOTSUPP)
		return inq_fail(err, INQ_UNSUPPORTED, "this kernel has no system call filters");
	return inq_fail_os(err, "system call filter");
}

/* --- everything else -------------------------------------------------------------- */

/* No right to any file. An older kernel has no Landlock; the filter above it stands alone there. */
static void deny_files(void)
{
#ifdef HAVE_LINUX_LANDLOCK_H
	/* What version 1 (Linux 5.13) knows: all 13 file system rights. */
	struct landlock_ruleset_attr rules = {.handled_access_fs = (1ull << 13) - 1};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0)
		return;
	syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
#endif
}

static void close_others(const int *keep, size_t count)
{
	unsigned from = 3;

	for (size_t i = 0; i < count; i++) {
		if ((unsigned)keep[i] > from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, UINT_MAX, 0);
}

#if !defined(__SANITIZE_ADDRESS__)
/* Private writable bytes of this process: /proc/self/statm's "data", in pages. */
static uint64_t data_now(void)
{
	unsigned long long size, resident, shared, text, library, data = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu %llu %llu %llu %llu", &size, &resident, &shared, &text,
		   &library, &data) != 6)
		data = 0;
	fclose(file);
	return data * (uint64_t)sysconf(_SC_PAGESIZE);
}
#endif

static bool limit(int resource, rlim_t soft, bool hard)
{
	struct rlimit old, wanted;

	if (getrlimit(resource, &old) < 0)
		return false;
	wanted = old;
	if (wanted.rlim_cur == RLIM_INFINITY || wanted.rlim_cur > soft)
		wanted.rlim_cur = soft;
	if (hard)
		wanted.rlim_max = wanted.rlim_cur;
	return setrlimit(resource, &wanted) == 0;
}

static enum inq_status set_limits(struct inq_error *err)
{
	bool done = limit(RLIMIT_CORE, 0, true) && limit(RLIMIT_CPU, SANDBOX_CPU, true) &&
		    limit(RLIMIT_NOFILE, SANDBOX_FILES, true) &&
		    limit(RLIMIT_FSIZE, SANDBOX_UNPACKED, false);

	/* AddressSanitizer reserves terabytes of shadow, which count as data. The hard limit stays:
	 * it is the broker that raises the soft one, and the filter that keeps this process from
	 * doing so. */
#if !defined(__SANITIZE_ADDRESS__)
	done = done && limit(RLIMIT_DATA, data_now() + SANDBOX_DATA, false);
#endif
	return done ? INQ_OK : inq_fail_os(err, "limits");
}

/* Root parses nothing: whatever happens in here happens as nobody. */
static enum inq_status drop_root(struct inq_error *err)
{
	if (geteuid() != 0)
		return INQ_OK;
	/* In a container nobody may not exist as an id (EINVAL); the filter holds all the same. */
	if ((setgroups(0, NULL) < 0 ||
	     setresgid(SANDBOX_NOBODY, SANDBOX_NOBODY, SANDBOX_NOBODY) < 0 ||
	     setresuid(SANDBOX_NOBODY, SANDBOX_NOBODY, SANDBOX_NOBODY) < 0) &&
	    errno != EINVAL && errno != EPERM)
		return inq_fail_os(err, "becoming nobody");
	return INQ_OK;
}

enum inq_status sandbox_enter(const int *keep, size_t count, struct inq_error *err)
{
	enum inq_status status;

	close_others(keep, count);
	signal(SIGXFSZ, SIG_IGN);
	status = set_limits(err);
	if (status == INQ_OK)
		status = drop_root(err);
	/* A crash while it holds what others' stacks held leaves no core, whatever core_pattern says (for a pipe
	 * RLIMIT_CORE counts for nothing); after drop_root(), which would undo it, as the next. */
	if (status == INQ_OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		status = inq_fail_os(err, "dumpable");
	/* Without its broker it is of no use. */
	if (status == INQ_OK && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		status = inq_fail_os(err, "parent death signal");
	if (status == INQ_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		status = inq_fail_os(err, "no_new_privs");
	if (status != INQ_OK)
		return inq_prepend(err, status, "confinement");
	deny_files();
	status = filter_calls(err);
	return status == INQ_OK ? INQ_OK : inq_prepend(err, status, "confinement");
}
