/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/acquire.h"
#include "handler/thread_ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STATUS_MAX = 16384, /* bytes of a status file: names and numbers, but Groups: can be long */
	FIELD_STARTTIME = 22, /* proc(5), in clock ticks since boot */
};

/* --- identity ------------------------------------------------------------------------------------- */

/* "Pid:" of a pidfd's fdinfo, in our pid namespace: -1 when the process is gone, 0 when it is not in ours. */
static long pidfd_pid(int pidfd)
{
	char path[64], text[1024];
	const char *line;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	size = inq_gather_small(AT_FDCWD, path, text, sizeof(text) - 1);
	if (size <= 0)
		return -1;
	text[size] = '\0';
	line = strstr(text, "\nPid:\t");
	return line ? strtol(line + 6, NULL, 10) : -1;
}

/* When a process started, in clock ticks since boot; 0 unknown. The name before it may hold anything but is
 * closed by the last ')' of the line. */
static uint64_t start_time(int directory, const char *name)
{
	char text[1024], *at;
	ssize_t size = inq_gather_small(directory, name, text, sizeof(text) - 1);

	if (size <= 0)
		return 0;
	text[size] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < FIELD_STARTTIME; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool is_older_than_we(int proc)
{
	uint64_t theirs = start_time(proc, "stat"), ours = start_time(AT_FDCWD, "/proc/self/stat");

	return theirs && theirs < ours;
}

/* The main thread may have ended while others go on; then most of /proc/PID is empty (proc(5)) and only the
 * directory of the crashed thread shows the process. */
static int open_files(const struct inq_identity *identity, const struct inq_core_args *args)
{
	char name[32], link[8];
	int task;

	if (readlinkat(identity->proc, "exe", link, sizeof(link)) >= 0)
		return identity->proc;
	snprintf(name, sizeof(name), "task/%llu", (unsigned long long)args->tid);
	task = inq_gather_open(identity->proc, name, O_PATH | O_DIRECTORY);
	return task < 0 ? identity->proc : task;
}

void inq_identity_open(const struct inq_core_args *args, struct inq_identity *ret)
{
	char path[32];

	*ret = (struct inq_identity){.pidfd = -1, .proc = -1, .files = -1, .pid = (uint32_t)args->pid};
	if (!args->pid)
		return;
	/* The kernel hands out descriptor 3 and nothing else. */
	if (args->known & INQ_CORE_ARG_BIT(10) && args->pidfd == 3)
		ret->pidfd = 3;
	snprintf(path, sizeof(path), "/proc/%u", ret->pid);
	ret->proc = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->proc < 0)
		return;
	ret->shown = ret->pidfd >= 0 ? pidfd_pid(ret->pidfd) == (long)ret->pid : is_older_than_we(ret->proc);
	/* With a pidfd that says otherwise the directory is a stranger's. Without one it most likely is not: it is
	 * read, for root alone. */
	if (!ret->shown && ret->pidfd >= 0) {
		close(ret->proc);
		ret->proc = -1;
		return;
	}
	ret->files = open_files(ret, args);
}

/* The first thread that still has the process's memory. */
static int living_thread(int proc)
{
	_Alignas(struct dirent64) char buffer[4096];
	int tasks = inq_gather_open(proc, "task", O_RDONLY | O_DIRECTORY), found = -1;
	ssize_t size;

	while (found < 0 && (size = getdents64(tasks, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; found < 0 && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			char name[32], link[8];

			snprintf(name, sizeof(name), "%.16s/exe", entry->d_name);
			if (entry->d_name[0] != '.' && readlinkat(tasks, name, link, sizeof(link)) >= 0)
				found = inq_gather_open(tasks, entry->d_name, O_PATH | O_DIRECTORY);
			at += entry->d_reclen;
		}
	}
	if (tasks >= 0)
		close(tasks);
	return found;
}

bool inq_identity_in_first_namespace(void)
{
	const ino_t first = 0xeffffffc; /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
	struct stat st;

	return stat("/proc/self/ns/pid", &st) != 0 || st.st_ino == first;
}

void inq_identity_of_parent(struct inq_identity *ret)
{
	pid_t parent = getppid();
	char path[32], link[8];

	*ret = (struct inq_identity){.pidfd = -1, .proc = -1, .files = -1, .pid = (uint32_t)parent};
	if (parent < 1 || (parent == 1 && inq_identity_in_first_namespace()))
		return;
	ret->pidfd = (int)syscall(SYS_pidfd_open, parent, 0);
	snprintf(path, sizeof(path), "/proc/%d", (int)parent);
	ret->proc = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Still our parent: neither number was used again in between. */
	ret->shown = ret->proc >= 0 && getppid() == parent;
	if (!ret->shown)
		return;
	ret->files = readlinkat(ret->proc, "exe", link, sizeof(link)) >= 0 ? ret->proc : living_thread(ret->proc);
	if (ret->files < 0)
		ret->files = ret->proc;
}

bool inq_identity_still(const struct inq_identity *identity)
{
	if (identity->proc < 0)
		return false;
	if (identity->pidfd >= 0)
		return pidfd_pid(identity->pidfd) == (long)identity->pid;
	return start_time(identity->proc, "stat") != 0;
}

void inq_identity_program(const struct inq_identity *identity, char to[INQ_SPOOL_PROGRAM + 1])
{
	static const char memory[] = "/memfd:", gone[] = " (deleted)";
	const size_t gone_size = sizeof(gone) - 1;
	char path[PATH_MAX];
	ssize_t size = identity->files < 0 ? -1 : readlinkat(identity->files, "exe", path, sizeof(path) - 1);
	const char *name;

	path[size > 0 ? size : 0] = '\0';
	if (size > (ssize_t)gone_size && strcmp(path + size - gone_size, gone) == 0)
		path[size - (ssize_t)gone_size] = '\0';
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	/* A file without a place is called what the program liked as well. */
	if (strncmp(path, memory, sizeof(memory) - 1) == 0)
		name = "memfd";
	inq_spool_program(name, strlen(name), to);
}

bool inq_identity_wait(const struct inq_identity *identity, int deadline_ms)
{
	struct pollfd end = {.fd = identity->pidfd, .events = POLLIN};

	return identity->pidfd >= 0 && poll(&end, 1, deadline_ms) > 0;
}

/* --- who owns it ---------------------------------------------------------------------------------- */

struct check {
	struct inq_authority_facts *facts;
	uint32_t pid;
	bool untold; /* this kernel tells no ids but in text */
};

static bool check_thread(int tasks, const char *tid, void *user)
{
	struct check *check = user;
	struct inq_thread_ids ids;
	char path[32], text[STATUS_MAX];
	ssize_t size;

	if (check->untold || !inq_thread_ids_ask(check->pid, tid, &ids)) {
		check->untold = true;
		snprintf(path, sizeof(path), "%.16s/status", tid);
		size = inq_gather_small(tasks, path, text, sizeof(text));
		if (size <= 0 || !inq_authority_status_ids(text, (size_t)size, ids.uids, ids.gids))
			return false;
	}
	for (int i = 0; i < 4; i++)
		check->facts->ids_equal &= ids.uids[i] == check->facts->uid && ids.gids[i] == check->facts->gid;
	return true;
}

static bool same_user_namespace(int files)
{
	struct stat ours, theirs;

	return !stat("/proc/self/ns/user", &ours) && !fstatat(files, "ns/user", &theirs, 0) &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

void inq_identity_facts(const struct inq_identity *identity, struct inq_authority_facts *facts)
{
	struct check check = {.facts = facts, .pid = identity->pid};
	char auxv[4096];
	ssize_t size;

	if (identity->proc < 0)
		return;
	facts->ids_equal = true;
	facts->threads = inq_gather_each_thread(identity->proc, check_thread, &check);
	size = inq_gather_small(identity->files, "auxv", auxv, sizeof(auxv));
	facts->auxv = size > 0 && inq_authority_auxv_secure(auxv, (size_t)size, &facts->secure);
	facts->same_userns = same_user_namespace(identity->files);
}

/* --- bytes ---------------------------------------------------------------------------------------- */

static void set_numbers(const struct inq_core_args *args, struct inq_dying_source *source)
{
#define KNOWN(field, position, otherwise) \
	(args->known & INQ_CORE_ARG_BIT(position) ? (uint32_t)args->field : (otherwise))
	source->pid = KNOWN(pid, 1, 0);
	source->tid = KNOWN(tid, 2, 0);
	source->ns_tid = KNOWN(ns_tid, 3, 0);
	source->uid = KNOWN(uid, 4, UINT32_MAX);
	source->gid = KNOWN(gid, 5, UINT32_MAX);
	source->dumpable = (int)KNOWN(dumpable, 6, (uint32_t)-1);
	source->signal = KNOWN(signal, 7, 0);
	source->dump_time = args->time;
#undef KNOWN
}

void inq_acquire(const struct inq_identity *identity, const struct inq_core_args *args, int core_fd,
		 struct inq_gathered *ret)
{
	inq_gather(identity->proc, identity->files, ret);
	set_numbers(args, &ret->source);
	ret->source.core_fd = core_fd;
}
