/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/registration.h"

#include "spool/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
#define CORE_PIPE_LIMIT "/proc/sys/kernel/core_pipe_limit"
#define SUID_DUMPABLE "/proc/sys/fs/suid_dumpable"

/* --- the files of /proc/sys ------------------------------------------------------------------------- */

static enum inq_status read_setting(const char *path, char *to, size_t size, struct inq_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, to, size - 1);
	enum inq_status status = got < 0 ? inq_fail_os(err, "'%s'", path) : INQ_OK;

	if (fd >= 0)
		close(fd);
	if (status != INQ_OK)
		return status;
	to[got] = '\0';
	if (got && to[got - 1] == '\n')
		to[got - 1] = '\0';
	return INQ_OK;
}

static enum inq_status read_number(const char *path, uint64_t *ret, struct inq_error *err)
{
	char text[32], *end;
	enum inq_status status = read_setting(path, text, sizeof(text), err);

	if (status != INQ_OK)
		return status;
	*ret = strtoull(text, &end, 10);
	return *end || end == text ? inq_fail(err, INQ_BAD_DATA, "'%s': not a number", path) : INQ_OK;
}

/* One write: the kernel takes each write(2) as the whole value. */
static enum inq_status write_setting(const char *path, const char *value, struct inq_error *err)
{
	char line[INQ_CORE_PATTERN_MAX + 3];
	int size = snprintf(line, sizeof(line), "%s\n", value);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	enum inq_status status = INQ_OK;

	if (fd < 0 || write(fd, line, (size_t)size) != size)
		status = inq_fail_os(err, "'%s'", path);
	if (fd >= 0)
		close(fd);
	return status;
}

enum inq_status inq_kernel_settings_read(struct inq_kernel_settings *ret, struct inq_error *err)
{
	struct inq_kernel_settings settings = {0};
	enum inq_status status = read_setting(CORE_PATTERN, settings.pattern, sizeof(settings.pattern), err);

	if (status == INQ_OK)
		status = read_number(CORE_PIPE_LIMIT, &settings.pipe_limit, err);
	if (status == INQ_OK)
		status = read_number(SUID_DUMPABLE, &settings.suid_dumpable, err);
	if (status == INQ_OK)
		*ret = settings;
	return status;
}

static enum inq_status write_both(const char *pattern, uint64_t pipe_limit, struct inq_error *err)
{
	char number[24];
	enum inq_status status;

	snprintf(number, sizeof(number), "%llu", (unsigned long long)pipe_limit);
	/* The limit first: with a limit of 0 the kernel would not wait for the helper. */
	status = write_setting(CORE_PIPE_LIMIT, number, err);
	return status == INQ_OK ? write_setting(CORE_PATTERN, pattern, err) : status;
}

enum inq_status inq_kernel_settings_write(const char *pattern, uint64_t pipe_limit, struct inq_error *err)
{
	struct inq_kernel_settings before, after = {0};
	enum inq_status status = inq_kernel_settings_read(&before, err);

	if (status != INQ_OK)
		return status;
	status = write_both(pattern, pipe_limit, err);
	if (status == INQ_OK)
		status = inq_kernel_settings_read(&after, err);
	if (status == INQ_OK && (strcmp(after.pattern, pattern) || after.pipe_limit != pipe_limit))
		status = inq_fail(err, INQ_UNSUPPORTED, "the kernel did not take the core pattern '%s'", pattern);
	if (status != INQ_OK)
		write_both(before.pattern, before.pipe_limit, NULL);
	return status;
}

/* --- whose pattern ---------------------------------------------------------------------------------- */

/* last component of the program, who it is, how it is called */
static const struct {
	const char *program;
	enum inq_pattern_owner owner;
	const char *name;
} owners[] = {
	{NULL, INQ_PATTERN_FILE, "core files"},
	{NULL, INQ_PATTERN_NOBODY, "nobody"},
	{"inquest-core", INQ_PATTERN_INQUEST, "inquest"},
	{"systemd-coredump", INQ_PATTERN_SYSTEMD, "systemd-coredump"},
	{"apport", INQ_PATTERN_APPORT, "apport"},
	{"abrt-hook-ccpp", INQ_PATTERN_ABRT, "abrt"},
	{NULL, INQ_PATTERN_OTHER, "another program"},
	{NULL, INQ_PATTERN_SOCKET, "a crash server"},
};

void inq_pattern_program(const char *pattern, char to[INQ_CORE_PATTERN_MAX + 1])
{
	size_t length = 0;

	if (pattern[0] == '|') {
		pattern += 1 + strspn(pattern + 1, " ");
		length = strcspn(pattern, " ");
	}
	if (length > INQ_CORE_PATTERN_MAX)
		length = INQ_CORE_PATTERN_MAX;
	memcpy(to, pattern, length);
	to[length] = '\0';
}

enum inq_pattern_owner inq_pattern_owner(const char *pattern)
{
	char program[INQ_CORE_PATTERN_MAX + 1];
	const char *last;

	if (!pattern[0])
		return INQ_PATTERN_NOBODY;
	if (pattern[0] == '@')
		return INQ_PATTERN_SOCKET;
	if (pattern[0] != '|')
		return INQ_PATTERN_FILE;
	inq_pattern_program(pattern, program);
	last = strrchr(program, '/');
	for (size_t i = 0; last && i < sizeof(owners) / sizeof(owners[0]); i++) {
		if (owners[i].program && !strcmp(last + 1, owners[i].program))
			return owners[i].owner;
	}
	return INQ_PATTERN_OTHER;
}

const char *inq_pattern_owner_name(enum inq_pattern_owner owner)
{
	return owners[owner].name;
}

/* --- may we ----------------------------------------------------------------------------------------- */

static enum inq_status check_program(int directory, const char *path, struct inq_error *err)
{
	struct stat st;

	if (fstatat(directory, strrchr(path, '/') + 1, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? inq_fail(err, INQ_ABSENT, "'%s': not there", path)
				       : inq_fail_os(err, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not a regular file", path);
	if (st.st_uid || st.st_mode & (S_IWGRP | S_IWOTH))
		return inq_fail(err, INQ_DENIED, "'%s': someone else than root can change it", path);
	if (!(st.st_mode & S_IXUSR))
		return inq_fail(err, INQ_DENIED, "'%s': not executable", path);
	return INQ_OK;
}

enum inq_status inq_helper_check(const char *path, struct inq_error *err)
{
	char directory[INQ_CONFIG_PATH];
	const char *last = strrchr(path, '/');
	enum inq_status status;
	int fd;

	if (path[0] != '/' || last == path || (size_t)(last - path) >= sizeof(directory))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not an absolute path that the kernel could use", path);
	memcpy(directory, path, (size_t)(last - path));
	directory[last - path] = '\0';
	fd = inq_spool_walk(directory, O_PATH, false, &status, err);
	if (fd < 0)
		return status;
	status = check_program(fd, path, err);
	close(fd);
	return status;
}

/* name, number of the first one: include/linux/proc_ns.h, unchanged since 3.8 */
static const struct {
	const char *name;
	ino_t number;
} initial[] = {
	{"user", 0xeffffffd},
	{"pid", 0xeffffffc},
};

/* Two files of /proc that must read the same; false also if one cannot be read. */
static bool same_text(const char *path, const char *other)
{
	FILE *left = fopen(path, "re"), *right = fopen(other, "re");
	bool same = left && right;
	int c = 0;

	while (same && c != EOF) {
		c = getc(left);
		same = c == getc(right);
	}
	same = same && !ferror(left) && !ferror(right);
	if (left)
		fclose(left);
	if (right)
		fclose(right);
	return same;
}

/* The mount namespace has no fixed number on most kernels. Mounts have ids that no two share, and are listed from
 * the reader's root directory on: who sees what process 1 sees is in its namespace and in its root. Unlike the
 * link /proc/1/ns/mnt this needs no right to trace process 1. */
enum inq_status inq_namespaces_check(struct inq_error *err)
{
	struct stat ours;
	char path[64];

	for (size_t i = 0; i < sizeof(initial) / sizeof(initial[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", initial[i].name);
		if (stat(path, &ours))
			return inq_fail_os(err, "'%s'", path);
		if (ours.st_ino != initial[i].number)
			return inq_fail(err, INQ_DENIED,
					"in another %s namespace: crash handling is the whole machine's, set it outside",
					initial[i].name);
	}
	if (!same_text("/proc/self/mountinfo", "/proc/1/mountinfo"))
		return inq_fail(err, INQ_DENIED, "in another mount namespace or root directory than process 1: "
						 "crash handling is the whole machine's, set it outside");
	return INQ_OK;
}

/* linux/pidfd.h of 6.16, which the build machine may not have. */
struct pidfd_info_2 {
	uint64_t mask, cgroupid;
	uint32_t ids[12];
	uint32_t coredump_mask, padding;
};

bool inq_kernel_has_coredump_pidfd(void)
{
	const uint64_t coredump = 1 << 4; /* PIDFD_INFO_COREDUMP, which came together with %F */
	struct pidfd_info_2 info = {.mask = coredump};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	bool has;

	if (fd < 0)
		return false;
	/* PIDFD_GET_INFO: the size of the structure is part of the number. */
	has = !ioctl(fd, _IOWR(0xff, 11, struct pidfd_info_2), &info) && info.mask & coredump;
	close(fd);
	return has;
}
