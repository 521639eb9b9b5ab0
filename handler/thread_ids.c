/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/thread_ids.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/pidfd.h, in its first form (PIDFD_INFO_SIZE_VER0, Linux 6.13), which every later kernel takes: the headers of
 * the machine that builds may be older than the kernel that runs. */
struct pidfd_info {
	uint64_t mask; /* what is asked for; on return, what was told */
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_info) == 64, "PIDFD_INFO_SIZE_VER0");

enum {
	INFO_PID = 1 << 0,
	INFO_CREDS = 1 << 1,
	THREAD = O_EXCL, /* PIDFD_THREAD */
};

static const unsigned long GET_INFO = _IOWR(0xff, 11, struct pidfd_info);

bool inq_thread_ids_ask(uint32_t pid, const char *tid, struct inq_thread_ids *ret)
{
	struct pidfd_info info = {.mask = INFO_PID | INFO_CREDS};
	unsigned long number = strtoul(tid, NULL, 10);
	int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)number, THREAD), failed;

	if (pidfd < 0)
		return false;
	failed = ioctl(pidfd, GET_INFO, &info);
	close(pidfd);
	if (failed || (info.mask & (INFO_PID | INFO_CREDS)) != (INFO_PID | INFO_CREDS) || info.pid != number ||
	    info.tgid != pid)
		return false;
	*ret = (struct inq_thread_ids){
		.uids = {info.ruid, info.euid, info.suid, info.fsuid},
		.gids = {info.rgid, info.egid, info.sgid, info.fsgid},
	};
	return true;
}
