/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MOUNTS_MAX = 1 << 20,
	FILES_MAX = 4 << 20, /* bytes of cmdline and environ that are kept; the kernel allows 2 MiB at a usual stack */
};

int inq_gather_open(int directory, const char *name, int flags)
{
	return directory == -1 ? -1 : openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
}

ssize_t inq_gather_small(int directory, const char *name, char *to, size_t size)
{
	int fd = inq_gather_open(directory, name, O_RDONLY);
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

bool inq_gather_each_thread(int process, bool (*each)(int tasks, const char *tid, void *user), void *user)
{
	_Alignas(struct dirent64) char buffer[8192];
	int tasks = inq_gather_open(process, "task", O_RDONLY | O_DIRECTORY);
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

bool inq_gather_text(int directory, const char *name, size_t limit, struct inq_buffer *to, bool *ret_cut)
{
	int fd = inq_gather_open(directory, name, O_RDONLY);
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

static void gather_text(int directory, const char *name, size_t limit, enum inq_dying_text kind,
			 struct inq_gathered *ret)
{
	struct inq_buffer *text = &ret->texts[kind];
	struct inq_dying_bytes *bytes = &ret->source.texts[kind];

	if (inq_gather_text(directory, name, limit, text, &bytes->cut) && text->size) {
		bytes->data = inq_buffer_text(text);
		bytes->size = text->size;
	}
}

/* Mappings of files on devices that are none, as FUSE's: a container's list of mounts is long, and most need it not. */
static bool has_virtual_files(const struct inq_dying_bytes *maps)
{
	const char *at = maps->data, *end = at ? at + maps->size : NULL;

	while (at && at < end && (at = memmem(at, (size_t)(end - at), " 00:", 4))) {
		const char *inode = memchr(at + 4, ' ', (size_t)(end - at - 4));

		if (inode && inode + 1 < end && inode[1] >= '1' && inode[1] <= '9')
			return true;
		at += 4;
	}
	return false;
}

struct threads {
	struct inq_gathered *to;
	size_t room;
};

/* In one piece: the kernel makes the text of such a file whole and hands out as much as there is room for
 * (seq_read_iter() in fs/seq_file.c), so nothing is asked for a second time, for every thread of a process that waits. */
static void gather_name(int tasks, const char *tid, char comm[static 16])
{
	char path[32];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%.16s/comm", tid);
	fd = inq_gather_open(tasks, path, O_RDONLY);
	if (fd < 0)
		return;
	do
		size = read(fd, comm, 16);
	while (size < 0 && errno == EINTR);
	close(fd);
	/* The kernel ends it with a newline; a newline before that is the program's own. */
	if (size > 0)
		comm[comm[size - 1] == '\n' ? size - 1 : size < 16 ? size : 15] = '\0';
}

static bool gather_thread(int tasks, const char *tid, void *user)
{
	struct threads *threads = user;
	struct inq_gathered *to = threads->to;
	struct inq_dying_thread *thread;

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
	gather_name(tasks, tid, thread->comm);
	return true;
}

void inq_gather_but_threads(int process, int files, struct inq_gathered *ret)
{
	ssize_t size;

	memset(ret, 0, sizeof(*ret));
	ret->source.core_fd = -1;
	ret->source.uid = ret->source.gid = UINT32_MAX;
	ret->source.dumpable = -1;
	if (!uname(&ret->kernel))
		ret->source.kernel = &ret->kernel;
	ret->source.mem_fd = inq_gather_open(files, "mem", O_RDONLY);
	ret->source.smaps_fd = inq_gather_open(files, "smaps", O_RDONLY);
	ret->source.pagemap_fd = inq_gather_open(files, "pagemap", O_RDONLY);
	ret->source.cpuinfo_fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	/* Ours: what lies in the process's root is its own making. */
	ret->source.os_release_fd = open("/etc/os-release", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	gather_text(AT_FDCWD, "/proc/uptime", 256, INQ_DYING_UPTIME, ret);
	if (process < 0)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		gather_text(texts[i].process ? process : files, texts[i].name, texts[i].limit, texts[i].kind, ret);
	if (has_virtual_files(&ret->source.texts[INQ_DYING_MAPS]))
		gather_text(files, "mountinfo", MOUNTS_MAX, INQ_DYING_MOUNTS, ret);
	size = readlinkat(files, "exe", ret->executable, sizeof(ret->executable) - 1);
	if (size > 0)
		ret->source.executable = ret->executable;
}

void inq_gather(int process, int files, struct inq_gathered *ret)
{
	struct threads threads = {ret, 0};

	inq_gather_but_threads(process, files, ret);
	if (process >= 0)
		inq_gather_each_thread(process, gather_thread, &threads);
	ret->source.threads = ret->threads;
}

size_t inq_source_descriptors(const struct inq_dying_source *source, int to[INQ_SOURCE_DESCRIPTORS])
{
	const int descriptors[INQ_SOURCE_DESCRIPTORS] = {
		source->core_fd, source->mem_fd, source->smaps_fd, source->cpuinfo_fd, source->os_release_fd,
		source->pagemap_fd, source->own_mem_fd ? source->own_mem_fd : -1,
		source->own_pagemap_fd ? source->own_pagemap_fd : -1,
	};
	size_t count = 0;

	for (size_t i = 0; i < INQ_SOURCE_DESCRIPTORS; i++) {
		if (descriptors[i] >= 0)
			to[count++] = descriptors[i];
	}
	return count;
}

void inq_gathered_done(struct inq_gathered *gathered)
{
	int descriptors[INQ_SOURCE_DESCRIPTORS];
	size_t count = inq_source_descriptors(&gathered->source, descriptors);

	for (size_t i = 0; i < count; i++)
		close(descriptors[i]);
	for (size_t i = 0; i < INQ_DYING_TEXT_COUNT; i++)
		inq_buffer_done(&gathered->texts[i]);
	free(gathered->threads);
	inq_gathered_wanted_done(gathered);
}
