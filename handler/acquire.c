/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/acquire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STATUS_MAX = 16384, /* bytes of a status file: names and numbers, but Groups: can be long */
	FILES_MAX = 4 << 20, /* bytes of cmdline and environ that are kept; the kernel allows 2 MiB at a usual stack */
	FIELD_STARTTIME = 22, /* proc(5), in clock ticks since boot */
};

static int open_at(int directory, const char *name, int flags)
{
	return directory == -1 ? -1 : openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
}

/* Up to `size` bytes of a small file. -1 on failure. */
static ssize_t read_small(int directory, const char *name, char *to, size_t size)
{
	int fd = open_at(directory, name, O_RDONLY);
	size_t at = 0;
	ssize_t done = -1;

	if (fd < 0)
		return -1;
	while (at < size) {
		done = read(fd, to + at, size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		at += (size_t)done;
	}
	close(fd);
	return done < 0 ? -1 : (ssize_t)at;
}

/* --- identity ------------------------------------------------------------------------------------- */

/* "Pid:" of a pidfd's fdinfo, in our pid namespace: -1 when the process is gone, 0 when it is not in ours. */
static long pidfd_pid(int pidfd)
{
	char path[64], text[1024];
	const char *line;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	size = read_small(AT_FDCWD, path, text, sizeof(text) - 1);
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
	ssize_t size = read_small(directory, name, text, sizeof(text) - 1);

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
	task = open_at(identity->proc, name, O_PATH | O_DIRECTORY);
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
	int tasks = open_at(proc, "task", O_RDONLY | O_DIRECTORY), found = -1;
	ssize_t size;

	while (found < 0 && (size = getdents64(tasks, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; found < 0 && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			char name[32], link[8];

			snprintf(name, sizeof(name), "%.16s/exe", entry->d_name);
			if (entry->d_name[0] != '.' && readlinkat(tasks, name, link, sizeof(link)) >= 0)
				found = open_at(tasks, entry->d_name, O_PATH | O_DIRECTORY);
			at += entry->d_reclen;
		}
	}
	if (tasks >= 0)
		close(tasks);
	return found;
}

void inq_identity_of_parent(struct inq_identity *ret)
{
	pid_t parent = getppid();
	char path[32], link[8];

	*ret = (struct inq_identity){.pidfd = -1, .proc = -1, .files = -1, .pid = (uint32_t)parent};
	if (parent <= 1)
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

/* --- who owns it ---------------------------------------------------------------------------------- */

/* Call `each` for every thread; false if the directory could not be read to its end, or `each` said so. */
static bool for_each_thread(const struct inq_identity *identity, bool (*each)(int tasks, const char *tid, void *user),
			    void *user)
{
	_Alignas(struct dirent64) char buffer[8192];
	int tasks = open_at(identity->proc, "task", O_RDONLY | O_DIRECTORY);
	bool good = tasks >= 0;
	size_t count = 0;
	ssize_t size = 0;

	while (good && (size = getdents64(tasks, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; good && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			if (entry->d_name[0] != '.')
				good = ++count <= INQ_DYING_MAX_THREADS && each(tasks, entry->d_name, user);
			at += entry->d_reclen;
		}
	}
	if (tasks >= 0)
		close(tasks);
	return good && !size && count;
}

static bool check_thread(int tasks, const char *tid, void *user)
{
	struct inq_authority_facts *facts = user;
	uint32_t uids[4], gids[4];
	char path[32], text[STATUS_MAX];
	ssize_t size;

	snprintf(path, sizeof(path), "%.16s/status", tid);
	size = read_small(tasks, path, text, sizeof(text));
	if (size <= 0 || !inq_authority_status_ids(text, (size_t)size, uids, gids))
		return false;
	for (int i = 0; i < 4; i++)
		facts->ids_equal &= uids[i] == facts->uid && gids[i] == facts->gid;
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
	char auxv[4096];
	ssize_t size;

	if (identity->proc < 0)
		return;
	facts->ids_equal = true;
	facts->threads = for_each_thread(identity, check_thread, facts);
	size = read_small(identity->files, "auxv", auxv, sizeof(auxv));
	facts->auxv = size > 0 && inq_authority_auxv_secure(auxv, (size_t)size, &facts->secure);
	facts->same_userns = same_user_namespace(identity->files);
}

/* --- bytes ---------------------------------------------------------------------------------------- */

/* text, name, of the process and never of one thread, most bytes */
static const struct {
	enum inq_dying_text kind;
	const char *name;
	bool process;
	size_t limit;
} texts[] = {
	{INQ_DYING_MAPS, "maps", false, INQ_DYING_MAX_TEXT},
	{INQ_DYING_AUXV, "auxv", false, 4096},
	{INQ_DYING_CMDLINE, "cmdline", false, FILES_MAX},
	{INQ_DYING_ENVIRON, "environ", false, FILES_MAX},
	{INQ_DYING_STATUS, "status", false, 65536},
	{INQ_DYING_STAT, "stat", true, 4096},
	{INQ_DYING_LIMITS, "limits", false, 16384},
	{INQ_DYING_CGROUP, "cgroup", false, 65536},
	{INQ_DYING_COREDUMP_FILTER, "coredump_filter", true, 64},
};

static bool read_text(int directory, const char *name, size_t limit, struct inq_buffer *to, bool *ret_cut)
{
	int fd = open_at(directory, name, O_RDONLY);
	bool good = fd >= 0;

	while (good && to->size < limit) {
		size_t room = limit - to->size < 16384 ? limit - to->size : 16384;
		ssize_t done;

		good = inq_buffer_reserve(to, room);
		if (!good)
			break;
		done = read(fd, to->data + to->size, room);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			good = !done;
			break;
		}
		to->size += (size_t)done;
	}
	*ret_cut = good && to->size == limit;
	if (fd >= 0)
		close(fd);
	return good;
}

static void acquire_text(int directory, const char *name, size_t limit, enum inq_dying_text kind,
			 struct inq_acquired *ret)
{
	struct inq_buffer *text = &ret->texts[kind];
	struct inq_dying_bytes *bytes = &ret->source.texts[kind];

	if (read_text(directory, name, limit, text, &bytes->cut) && text->size) {
		bytes->data = inq_buffer_text(text);
		bytes->size = text->size;
	}
}

struct threads {
	struct inq_acquired *to;
	size_t room;
};

static bool acquire_thread(int tasks, const char *tid, void *user)
{
	struct threads *threads = user;
	struct inq_acquired *to = threads->to;
	struct inq_dying_thread *thread;
	char path[32];
	ssize_t size;

	if (to->source.thread_count == threads->room) {
		size_t room = threads->room ? 4 * threads->room : 64;
		void *grown = reallocarray(to->threads, room, sizeof(*to->threads));

		if (!grown)
			return false;
		to->threads = grown;
		threads->room = room;
	}
	thread = &to->threads[to->source.thread_count++];
	*thread = (struct inq_dying_thread){.tid = (uint32_t)strtoul(tid, NULL, 10)};
	snprintf(path, sizeof(path), "%.16s/comm", tid);
	size = read_small(tasks, path, thread->comm, sizeof(thread->comm));
	/* The kernel ends it with a newline; a newline before that is the program's own. */
	if (size > 0)
		thread->comm[thread->comm[size - 1] == '\n' ? size - 1 : size < 16 ? size : 15] = '\0';
	return true;
}

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
		 struct inq_acquired *ret)
{
	struct threads threads = {ret, 0};
	ssize_t size;

	memset(ret, 0, sizeof(*ret));
	set_numbers(args, &ret->source);
	ret->source.core_fd = core_fd;
	if (!uname(&ret->kernel))
		ret->source.kernel = &ret->kernel;
	ret->source.mem_fd = open_at(identity->files, "mem", O_RDONLY);
	ret->source.smaps_fd = open_at(identity->files, "smaps", O_RDONLY);
	ret->source.cpuinfo_fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	/* Ours: what lies in the process's root is its own making. */
	ret->source.os_release_fd = open("/etc/os-release", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	acquire_text(AT_FDCWD, "/proc/uptime", 256, INQ_DYING_UPTIME, ret);
	if (identity->proc < 0)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		acquire_text(texts[i].process ? identity->proc : identity->files, texts[i].name, texts[i].limit,
			     texts[i].kind, ret);
	for_each_thread(identity, acquire_thread, &threads);
	ret->source.threads = ret->threads;
	size = readlinkat(identity->files, "exe", ret->executable, sizeof(ret->executable) - 1);
	if (size > 0)
		ret->source.executable = ret->executable;
}
