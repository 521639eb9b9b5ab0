/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	FILES_MAX = 1 << 20,     /* files in all */
	BYTES_MAX = 128 << 20,   /* bytes in all */
	SMALL_MAX = 64 << 10,    /* bytes of one file, but for the tables: */
	TABLE_MAX = 16 << 20,    /* bytes of one table of sockets */
	DESCRIPTORS_MAX = 65536, /* descriptors that are described */
	KERNEL_THREADS_MAX = 4096, /* threads whose kernel side is taken */
	LOG_MAX = 64 << 10,      /* bytes of the kernel's log, its end */
	LOG_READ_ALL = 3,        /* SYSLOG_ACTION_READ_ALL, syslog(2) */
};

struct wanted {
	struct inq_gathered *to;
	int files;          /* directory that names are relative to */
	size_t capacity;
	uint64_t bytes;
	bool has_socket;
	size_t count;       /* of what is being enumerated */
	uint32_t wants;
};

/* Names and bytes lie in one allocation for each file. */
static bool make_file(const char *name, const void *data, size_t size, bool cut, struct inq_proc_file *ret)
{
	size_t name_size = strlen(name) + 1;
	char *place = malloc(name_size + size + 1);

	if (!place)
		return false;
	memcpy(place, name, name_size);
	memcpy(place + name_size, data, size);
	*ret = (struct inq_proc_file){.name = place, .data = place + name_size, .size = size, .cut = cut};
	return true;
}

static bool add(struct wanted *wanted, const char *name, const void *data, size_t size, bool cut)
{
	struct inq_gathered *to = wanted->to;

	if (to->wanted_count >= FILES_MAX || wanted->bytes + size > BYTES_MAX)
		return false;
	if (to->wanted_count == wanted->capacity) {
		size_t capacity = wanted->capacity ? 2 * wanted->capacity : 64;
		void *grown = reallocarray(to->wanted, capacity, sizeof(*to->wanted));

		if (!grown)
			return false;
		to->wanted = grown;
		wanted->capacity = capacity;
	}
	if (!make_file(name, data, size, cut, &to->wanted[to->wanted_count]))
		return false;
	wanted->bytes += size;
	to->wanted_count++;
	return true;
}

bool inq_gathered_add(struct inq_gathered *gathered, const char *name, const void *data, size_t size, bool cut)
{
	void *grown = reallocarray(gathered->wanted, gathered->wanted_count + 1, sizeof(*gathered->wanted));

	if (!grown)
		return false;
	gathered->wanted = grown;
	gathered->source.files = grown;
	if (!make_file(name, data, size, cut, &gathered->wanted[gathered->wanted_count]))
		return false;
	gathered->source.file_count = ++gathered->wanted_count;
	inq_proc_files_sort(gathered->wanted, gathered->wanted_count);
	return true;
}

static void add_file(struct wanted *wanted, int directory, const char *path, const char *name, size_t limit)
{
	char *buffer = malloc(limit);
	ssize_t size = buffer ? inq_gather_small(directory, path, buffer, limit) : -1;

	if (size > 0)
		add(wanted, name, buffer, (size_t)size, (size_t)size == limit);
	free(buffer);
}

static void add_link(struct wanted *wanted, int directory, const char *path, const char *name)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(directory, path, target, sizeof(target));

	if (size > 0)
		add(wanted, name, target, (size_t)size, (size_t)size == sizeof(target));
}

/* Call `each` for the entries of a directory until it says false. */
static void each_entry(struct wanted *wanted, const char *name,
		       bool (*each)(struct wanted *wanted, int directory, const char *entry))
{
	_Alignas(struct dirent64) char buffer[8192];
	int directory = inq_gather_open(wanted->files, name, O_RDONLY | O_DIRECTORY);
	ssize_t size;
	bool more = directory >= 0;

	while (more && (size = getdents64(directory, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; more && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			if (entry->d_name[0] != '.')
				more = each(wanted, directory, entry->d_name);
			at += entry->d_reclen;
		}
	}
	if (directory >= 0)
		close(directory);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

/* What kind of file, as the kernel has it at hand: a server of a file system that died is not asked. */
static void add_facts(struct wanted *wanted, int directory, const char *number)
{
	char name[48], text[160];
	struct statx facts;
	int size;

	if (statx(directory, number, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_SIZE | STATX_NLINK, &facts))
		return;
	snprintf(name, sizeof(name), "stat/%.16s", number);
	size = snprintf(text, sizeof(text), "mode:\t%o\nino:\t%llu\nsize:\t%llu\nlinks:\t%u\nrdev:\t%u:%u\ndev:\t%u:%u\n",
			facts.stx_mode, (unsigned long long)facts.stx_ino, (unsigned long long)facts.stx_size,
			facts.stx_nlink, facts.stx_rdev_major, facts.stx_rdev_minor, facts.stx_dev_major,
			facts.stx_dev_minor);
	add(wanted, name, text, (size_t)size, false);
}

/* A socket that is in no table, since it is not bound, still has a protocol. */
static void add_protocol(struct wanted *wanted, int directory, const char *number)
{
	char path[64], name[48], protocol[32];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.16s", directory, number);
	size = getxattr(path, "system.sockprotoname", protocol, sizeof(protocol));
	snprintf(name, sizeof(name), "protocol/%.16s", number);
	if (size > 0)
		add(wanted, name, protocol, strnlen(protocol, (size_t)size), false);
}

static bool add_descriptor(struct wanted *wanted, int directory, const char *number)
{
	char name[48], path[48], head[8] = "";

	if (++wanted->count > DESCRIPTORS_MAX)
		return false;
	snprintf(name, sizeof(name), "fd/%.16s", number);
	add_link(wanted, directory, number, name);
	if (readlinkat(directory, number, head, 7) == 7 && !strcmp(head, "socket:")) {
		wanted->has_socket = true;
		add_protocol(wanted, directory, number);
	}
	add_facts(wanted, directory, number);
	snprintf(path, sizeof(path), "fdinfo/%.16s", number);
	add_file(wanted, wanted->files, path, path, SMALL_MAX);
	return true;
}

/* The tables are of the process's own network namespace, and large where there are many sockets. */
static void gather_handles(struct wanted *wanted)
{
	static const char *const tables[] = {
		"net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/udplite", "net/udplite6", "net/raw",
		"net/raw6", "net/icmp", "net/icmp6", "net/unix", "net/netlink", "net/packet",
	};

	each_entry(wanted, "fd", add_descriptor);
	for (size_t i = 0; wanted->has_socket && i < sizeof(tables) / sizeof(tables[0]); i++)
		add_file(wanted, wanted->files, tables[i], tables[i], TABLE_MAX);
}

/* --- threads, token, counters, kernel ------------------------------------------------------------- */

static bool add_thread(int tasks, const char *tid, void *user)
{
	static const struct {
		const char *name;
		uint32_t wants;
	} files[] = {
		{"stat", INQ_PROC_THREADS},   {"status", INQ_PROC_THREADS | INQ_PROC_KERNEL},
		{"stack", INQ_PROC_KERNEL},   {"wchan", INQ_PROC_KERNEL},
		{"syscall", INQ_PROC_KERNEL}, {"sched", INQ_PROC_KERNEL},
		{"cgroup", INQ_PROC_KERNEL},  {"schedstat", INQ_PROC_KERNEL},
	};
	struct wanted *wanted = user;
	uint32_t wants = wanted->wants;

	if (++wanted->count > KERNEL_THREADS_MAX)
		wants &= ~(uint32_t)INQ_PROC_KERNEL;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[48], name[48];

		if (!(files[i].wants & wants))
			continue;
		snprintf(path, sizeof(path), "%.16s/%s", tid, files[i].name);
		snprintf(name, sizeof(name), "task/%.32s", path);
		add_file(wanted, tasks, path, name, SMALL_MAX);
	}
	return true;
}

static bool add_namespace(struct wanted *wanted, int directory, const char *entry)
{
	char name[48];

	snprintf(name, sizeof(name), "ns/%.32s", entry);
	add_link(wanted, directory, entry, name);
	return true;
}

static void gather_log(struct wanted *wanted)
{
	char *text = malloc(LOG_MAX);
	int size = text ? klogctl(LOG_READ_ALL, text, LOG_MAX) : -1;

	if (size > 0)
		add(wanted, "kmsg", text, (size_t)size, size == LOG_MAX);
	free(text);
}

void inq_gather_wanted(int process, int files, uint32_t wants, struct inq_gathered *ret)
{
	struct wanted wanted = {.to = ret, .files = files, .wants = wants};

	ret->source.wants = wants;
	if (wants & INQ_PROC_COUNTERS)
		add_file(&wanted, AT_FDCWD, "/proc/meminfo", "/proc/meminfo", SMALL_MAX);
	if (wants & INQ_PROC_KERNEL)
		gather_log(&wanted);
	if (process >= 0 && wants & INQ_PROC_HANDLES)
		gather_handles(&wanted);
	wanted.count = 0;
	if (process >= 0 && wants & (INQ_PROC_THREADS | INQ_PROC_KERNEL))
		inq_gather_each_thread(process, add_thread, &wanted);
	if (process >= 0 && wants & INQ_PROC_TOKEN) {
		add_file(&wanted, files, "attr/current", "attr/current", SMALL_MAX);
		each_entry(&wanted, "ns", add_namespace);
	}
	inq_proc_files_sort(ret->wanted, ret->wanted_count);
	ret->source.files = ret->wanted;
	ret->source.file_count = ret->wanted_count;
}

void inq_gathered_wanted_done(struct inq_gathered *gathered)
{
	for (size_t i = 0; i < gathered->wanted_count; i++) {
		char *place;

		/* The name begins the allocation. */
		memcpy(&place, &gathered->wanted[i].name, sizeof(place));
		free(place);
	}
	free(gathered->wanted);
}
