/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/group.h"
#include "handler/authority.h"
#include "handler/thread_ids.h"
#include "target/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
	MOUNTS_MAX = 1 << 20,  /* bytes of mountinfo */
	NUMBER_TEXT = 64,
	STAT_TEXT = 8192,      /* memory.stat, status */
	REMOVE_MS = 2000,      /* a group is busy until the last of its processes has given its memory back */
	STALE_S = 60,          /* an empty group this old is nobody's any more */
};

static const char OURS[] = "inquest", COLLECT[] = "inquest/collect";

/* How a kind is told in /proc/PID/cgroup ("ID:CONTROLLERS:PATH") and /proc/self/mountinfo ("... - TYPE SOURCE OPTIONS"),
 * and its files of memory. A limit of version 1 that is none is a number near the largest. */
static const struct kind {
	const char *type, *controller;
	long magic;
	const char *limit, *usage, *cache;
} kinds[INQ_GROUP_KINDS] = {
	[INQ_GROUP_UNIFIED] = {"cgroup2", "", CGROUP2_SUPER_MAGIC, "memory.max", "memory.current", "\ninactive_file "},
	[INQ_GROUP_MEMORY] = {"cgroup", "memory", CGROUP_SUPER_MAGIC, "memory.limit_in_bytes", "memory.usage_in_bytes",
			      "\ntotal_inactive_file "},
	[INQ_GROUP_SYSTEMD] = {"cgroup", "name=systemd", CGROUP_SUPER_MAGIC, NULL, NULL, NULL},
};

/* --- where it is ----------------------------------------------------------------------------------- */

/* Whether a list of words with commas between them holds one. */
static bool has_word(const char *list, size_t size, const char *word)
{
	size_t length = strlen(word);

	while (size) {
		const char *comma = memchr(list, ',', size);
		size_t used = comma ? (size_t)(comma - list) : size;

		if (used == length && !memcmp(list, word, length))
			return true;
		list += comma ? used + 1 : used;
		size -= comma ? used + 1 : used;
	}
	return false;
}

/* The process's path in the hierarchy: a line "ID:CONTROLLERS:PATH". */
static bool find_path(const struct kind *kind, const char *text, size_t size, char to[INQ_GROUP_PATH])
{
	for (const char *end = text + size, *line = text; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)), *stop = newline ? newline : end;
		const char *first = memchr(line, ':', (size_t)(stop - line));
		const char *second = first ? memchr(first + 1, ':', (size_t)(stop - first - 1)) : NULL;

		line = newline ? newline + 1 : end;
		if (!second || second[1] != '/' || (size_t)(stop - second) > INQ_GROUP_PATH)
			continue;
		if (kind->controller[0] ? !has_word(first + 1, (size_t)(second - first - 1), kind->controller)
					: second != first + 1)
			continue;
		memcpy(to, second + 1, (size_t)(stop - second - 1));
		to[stop - second - 1] = '\0';
		return true;
	}
	return false;
}

/* "ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS... - TYPE SOURCE SUPER": the latter of several, which hides the others. */
static bool find_mount(const struct kind *kind, const char *mountinfo, char root[INQ_GROUP_PATH],
		       char place[INQ_GROUP_PATH])
{
	bool found = false;

	for (const char *line = mountinfo; *line;) {
		const char *end = strchrnul(line, '\n'), *dash = memmem(line, (size_t)(end - line), " - ", 3);
		char one[INQ_GROUP_PATH], two[INQ_GROUP_PATH], type[16], super[256];

		if (dash && sscanf(line, "%*s %*s %*s %1023s %1023s", one, two) == 2 &&
		    sscanf(dash, " - %15s %*s %255s", type, super) == 2 && strcmp(type, kind->type) == 0 &&
		    (!kind->controller[0] || has_word(super, strlen(super), kind->controller))) {
			memcpy(root, one, sizeof(one));
			memcpy(place, two, sizeof(two));
			found = true;
		}
		line = *end ? end + 1 : end;
	}
	return found;
}

enum inq_status inq_group_parse(enum inq_group_kind kind, const char *text, size_t size, const char *mountinfo,
				char ret_mount[INQ_GROUP_PATH], char ret_path[INQ_GROUP_PATH], struct inq_error *err)
{
	char path[INQ_GROUP_PATH], root[INQ_GROUP_PATH], place[INQ_GROUP_PATH];
	const char *below = path;
	size_t length;

	if (!find_path(&kinds[kind], text, size, path) || !find_mount(&kinds[kind], mountinfo, root, place))
		return inq_fail(err, INQ_ABSENT, "no hierarchy of control groups of this kind");
	/* A container sees its own part of it, and a process outside of that as "/../...". */
	length = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(path, root, length) || (path[length] && path[length] != '/') || strstr(path, "/.."))
		return inq_fail(err, INQ_ABSENT, "control group '%s': not below what is mounted here", path);
	for (below = path + length; *below == '/';)
		below++;
	memmove(ret_path, below, strlen(below) + 1);
	memcpy(ret_mount, place, sizeof(place));
	return INQ_OK;
}

enum inq_status inq_group_find(enum inq_group_kind kind, const char *text, size_t size, struct inq_group *ret,
			       struct inq_error *err)
{
	struct inq_buffer mountinfo = {0};
	char place[INQ_GROUP_PATH];
	enum inq_status status = INQ_ABSENT;
	struct statfs fs;
	bool cut;

	ret->mount = -1;
	if (!text || !inq_gather_text(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &mountinfo, &cut) ||
	    !inq_buffer_text(&mountinfo))
		inq_fail(err, INQ_ABSENT, "no list of mounts");
	else
		status = inq_group_parse(kind, text, size, (const char *)mountinfo.data, place, ret->path, err);
	inq_buffer_done(&mountinfo);
	if (status)
		return status;
	ret->mount = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->mount >= 0 && !fstatfs(ret->mount, &fs) && fs.f_type == kinds[kind].magic)
		return INQ_OK;
	inq_group_done(ret);
	return inq_fail(err, INQ_ABSENT, "'%s': no control groups are mounted here", place);
}

void inq_group_done(struct inq_group *group)
{
	if (group->mount >= 0)
		close(group->mount);
	group->mount = -1;
}

bool inq_group_is_within(const char *text, size_t size)
{
	static const enum inq_group_kind left[] = {INQ_GROUP_UNIFIED, INQ_GROUP_SYSTEMD};

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		struct inq_group group;

		if (inq_group_find(left[i], text, size, &group, NULL))
			continue;
		inq_group_done(&group);
		if (group.path[0])
			return true;
	}
	return false;
}

/* --- room ------------------------------------------------------------------------------------------ */

/* A number in a file of the group; false: none ("max"), or not to be read. */
static bool read_number(int directory, const char *name, uint64_t *ret)
{
	char text[NUMBER_TEXT], *end;
	ssize_t size = inq_gather_small(directory, name, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	*ret = strtoull(text, &end, 10);
	return end != text;
}

static uint64_t droppable(int directory, const char *key)
{
	char text[STAT_TEXT];
	const char *at;
	ssize_t size = inq_gather_small(directory, "memory.stat", text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static enum inq_status level_has_room(const struct kind *kind, int directory, const char *path, uint64_t bytes,
				      struct inq_error *err)
{
	uint64_t limit, usage, cache;

	if (!read_number(directory, kind->limit, &limit) || !read_number(directory, kind->usage, &usage))
		return INQ_OK;
	cache = droppable(directory, kind->cache);
	usage -= cache < usage ? cache : usage;
	if (usage <= limit && limit - usage >= bytes)
		return INQ_OK;
	return inq_fail(err, INQ_LIMIT, "control group '/%s' has %llu MiB left of %llu", path,
			(unsigned long long)(usage < limit ? limit - usage : 0) >> 20, (unsigned long long)limit >> 20);
}

enum inq_status inq_group_has_room(enum inq_group_kind kind, const struct inq_group *group, uint64_t bytes,
				   struct inq_error *err)
{
	char path[INQ_GROUP_PATH];
	enum inq_status status = INQ_OK;

	if (!kinds[kind].limit)
		return INQ_OK;
	memcpy(path, group->path, sizeof(path));
	for (int level = 0; !status && level < INQ_GROUP_LEVELS && path[0]; level++) {
		int directory = openat(group->mount, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(path, '/');

		if (directory >= 0) {
			status = level_has_room(&kinds[kind], directory, path, bytes, err);
			close(directory);
		}
		*(slash ? slash : path) = '\0';
	}
	return status;
}

/* --- leaving --------------------------------------------------------------------------------------- */

static bool put(int mount, const char *group, const char *name, const char *text)
{
	char path[NUMBER_TEXT];
	int fd;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = openat(mount, path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool put_process(int mount, const char *group, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return put(mount, group, "cgroup.procs", text);
}

static bool make(int mount, const char *group)
{
	return !mkdirat(mount, group, 0755) || errno == EEXIST;
}

static void name_group(pid_t holder, char to[NUMBER_TEXT])
{
	snprintf(to, NUMBER_TEXT, "%s/%d", OURS, (int)holder);
}

/* All its ids, by the kernel. */
static bool is_users(pid_t pid, uid_t uid)
{
	struct inq_thread_ids ids;
	char number[16], path[32], text[STAT_TEXT];
	ssize_t size;

	snprintf(number, sizeof(number), "%d", (int)pid);
	if (!inq_thread_ids_ask((uint32_t)pid, number, &ids)) {
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
		size = inq_gather_small(AT_FDCWD, path, text, sizeof(text));
		if (size <= 0 || !inq_authority_status_ids(text, (size_t)size, ids.uids, ids.gids))
			return false;
	}
	for (int i = 0; i < 4; i++) {
		if (ids.uids[i] != uid)
			return false;
	}
	return true;
}

/* Left behind by one that was killed: empty, and not made just now. */
static void sweep(int mount)
{
	char buffer[4096] __attribute__((aligned(8)));
	int directory = openat(mount, OURS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t size;

	while (directory >= 0 && (size = getdents64(directory, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			struct stat st;

			if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
			    !fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			    time(NULL) - st.st_mtime > STALE_S)
				unlinkat(directory, entry->d_name, AT_REMOVEDIR);
			at += entry->d_reclen;
		}
	}
	if (directory >= 0)
		close(directory);
}

/* Its number stays the holder's as long as the holder lives: asked before and after. */
static enum inq_status freeze_away(int mount, pid_t holder, uid_t uid, struct inq_error *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, holder, 0);
	enum inq_status status = INQ_OK;
	char group[NUMBER_TEXT];

	name_group(holder, group);
	if (pidfd < 0 || !is_users(holder, uid))
		status = inq_fail(err, INQ_DENIED, "process %d is not user %u's", (int)holder, uid);
	else if (!make(mount, group))
		status = inq_fail_os(err, "control group '/%s'", group);
	/* Version 1 freezes elsewhere, and has no limits here. */
	if (!status && !put(mount, group, "cgroup.freeze", "1") && errno != ENOENT)
		status = inq_fail_os(err, "control group '/%s': freeze", group);
	if (!status && !put_process(mount, group, holder))
		status = inq_fail_os(err, "control group '/%s': process %d", group, (int)holder);
	if (!status && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) && errno == ESRCH) {
		put(mount, group, "cgroup.freeze", "0");
		status = inq_fail(err, INQ_DENIED, "process %d ended meanwhile", (int)holder);
	}
	if (pidfd >= 0)
		close(pidfd);
	return status;
}

enum inq_status inq_group_leave(const struct inq_group *group, pid_t holder, pid_t collector,
				uid_t uid, struct inq_error *err)
{
	enum inq_status status;

	if (!group->path[0])
		return inq_fail(err, INQ_ABSENT, "not within a control group");
	if (!make(group->mount, OURS) || !make(group->mount, COLLECT))
		return inq_fail_os(err, "control group '/%s'", COLLECT);
	sweep(group->mount);
	status = freeze_away(group->mount, holder, uid, err);
	if (!status && (!put_process(group->mount, COLLECT, collector) || !put_process(group->mount, COLLECT, getpid())))
		status = inq_fail_os(err, "control group '/%s'", COLLECT);
	return status;
}

void inq_group_end(const struct inq_group *group, pid_t holder)
{
	const struct timespec slice = {.tv_nsec = 5000000};
	char name[NUMBER_TEXT];

	name_group(holder, name);
	put(group->mount, name, "cgroup.kill", "1");
	for (int waited = 0; waited < REMOVE_MS && unlinkat(group->mount, name, AT_REMOVEDIR) && errno == EBUSY; waited += 5)
		nanosleep(&slice, NULL);
}
