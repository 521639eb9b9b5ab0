/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/registration.h"

#include "support/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the lock --------------------------------------------------------------------------------------- */

static enum inq_status lock(int *ret_fd, struct inq_error *err)
{
	int fd;

	if (mkdir(INQ_STATEDIR, 0755) && errno != EEXIST)
		return inq_fail_os(err, "'%s'", INQ_STATEDIR);
	fd = open(INQ_REGISTER_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return inq_fail_os(err, "'%s'", INQ_REGISTER_LOCK);
	while (flock(fd, LOCK_EX)) {
		if (errno != EINTR) {
			enum inq_status status = inq_fail_os(err, "'%s'", INQ_REGISTER_LOCK);

			close(fd);
			return status;
		}
	}
	*ret_fd = fd;
	return INQ_OK;
}

/* --- files ------------------------------------------------------------------------------------------ */

static enum inq_status fill(int fd, const char *path, const char *text, mode_t mode, struct inq_error *err)
{
	size_t size = strlen(text);

	if (write(fd, text, size) != (ssize_t)size || fchmod(fd, mode) || fsync(fd))
		return inq_fail_os(err, "'%s'", path);
	return INQ_OK;
}

/* The old file or the new one, never half of it. */
static enum inq_status put_file(const char *path, const char *text, mode_t mode, struct inq_error *err)
{
	char temporary[PATH_MAX];
	enum inq_status status;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return inq_fail_os(err, "'%s'", temporary);
	status = fill(fd, path, text, mode, err);
	close(fd);
	if (status == INQ_OK && rename(temporary, path))
		status = inq_fail_os(err, "'%s'", path);
	if (status != INQ_OK)
		unlink(temporary);
	return status;
}

static enum inq_status put_sysctl(const char *pattern, uint64_t pipe_limit, struct inq_error *err)
{
	char text[512];

	if (mkdir("/etc/sysctl.d", 0755) && errno != EEXIST)
		return inq_fail_os(err, "'/etc/sysctl.d'");
	snprintf(text, sizeof(text),
		 "# Written by inquest-register enable, removed by inquest-register disable.\n"
		 "kernel.core_pipe_limit = %llu\nkernel.core_pattern = %s\n",
		 (unsigned long long)pipe_limit, pattern);
	return put_file(INQ_SYSCTL_FILE, text, 0644, err);
}

/* --- what was there before ------------------------------------------------------------------------- */

/* The limit, a blank, and the pattern to the end of the line: a pattern has no newline, but anything else. */
static enum inq_status remember(const struct inq_kernel_settings *settings, struct inq_error *err)
{
	char text[256];

	snprintf(text, sizeof(text), "%llu %s\n", (unsigned long long)settings->pipe_limit, settings->pattern);
	return put_file(INQ_REGISTER_STATE, text, 0600, err);
}

/* What disable brings back; without a memory the kernel's own defaults. */
static void recall(struct inq_kernel_settings *ret)
{
	char text[256] = "", *pattern;
	struct stat st;
	int fd = open(INQ_REGISTER_STATE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t size = -1;

	*ret = (struct inq_kernel_settings){.pattern = "core"};
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_uid && !(st.st_mode & 022))
		size = read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	ret->pipe_limit = strtoull(text, &pattern, 10);
	if (*pattern == ' ' && strlen(pattern + 1) <= INQ_CORE_PATTERN_MAX)
		memcpy(ret->pattern, pattern + 1, strlen(pattern + 1) + 1);
}

/* A program that is gone since, or that is inquest-core itself, is not put back: core files are. */
static void mend(struct inq_kernel_settings *settings)
{
	char program[INQ_CORE_PATTERN_MAX + 1];

	inq_pattern_program(settings->pattern, program);
	if ((program[0] && access(program, X_OK)) || inq_pattern_owner(settings->pattern) == INQ_PATTERN_INQUEST)
		*settings = (struct inq_kernel_settings){.pattern = "core"};
}

/* --- enable and disable ----------------------------------------------------------------------------- */

/* The pattern for this installation. A kernel that does not know %F expands it to nothing; it is left out only
 * where the path is so long that there is no room for it. */
static enum inq_status make_pattern(char to[INQ_CORE_PATTERN_MAX + 1], struct inq_error *err)
{
	char helper[PATH_MAX];
	enum inq_status status;

	if (!realpath(INQ_HELPER, helper))
		return inq_fail_os(err, "'%s'", INQ_HELPER);
	status = inq_helper_check(helper, err);
	if (status != INQ_OK)
		return status;
	if (inq_core_pattern(helper, true, to) || inq_core_pattern(helper, false, to))
		return INQ_OK;
	return inq_fail(err, INQ_LIMIT, "'%s': the kernel takes patterns of at most %d bytes, without blanks in the path",
			helper, INQ_CORE_PATTERN_MAX);
}

static enum inq_status enable(const char *pattern, uint64_t pipe_limit, enum inq_pattern_owner *ret_replaced,
			      struct inq_error *err)
{
	struct inq_kernel_settings before;
	enum inq_status status = inq_kernel_settings_read(&before, err);

	if (status != INQ_OK)
		return status;
	*ret_replaced = inq_pattern_owner(before.pattern);
	if (*ret_replaced != INQ_PATTERN_INQUEST)
		status = remember(&before, err);
	if (status == INQ_OK)
		status = inq_kernel_settings_write(pattern, pipe_limit, err);
	if (status != INQ_OK)
		return status;
	status = put_sysctl(pattern, pipe_limit, err);
	/* Half of it is not enabled: what was there before comes back. */
	if (status != INQ_OK)
		inq_kernel_settings_write(before.pattern, before.pipe_limit, NULL);
	return status;
}

enum inq_status inq_register_enable(uint64_t pipe_limit, enum inq_pattern_owner *ret_replaced, struct inq_error *err)
{
	char pattern[INQ_CORE_PATTERN_MAX + 1];
	enum inq_status status = inq_namespaces_check(err);
	int fd = -1;

	if (status == INQ_OK)
		status = make_pattern(pattern, err);
	if (status == INQ_OK)
		status = lock(&fd, err);
	if (status != INQ_OK)
		return status;
	status = enable(pattern, pipe_limit, ret_replaced, err);
	close(fd);
	return status;
}

static enum inq_status disable(enum inq_pattern_owner *ret_left, struct inq_error *err)
{
	struct inq_kernel_settings now, before;
	enum inq_status status = inq_kernel_settings_read(&now, err);

	if (status != INQ_OK)
		return status;
	*ret_left = inq_pattern_owner(now.pattern);
	if (*ret_left == INQ_PATTERN_INQUEST) {
		recall(&before);
		mend(&before);
		status = inq_kernel_settings_write(before.pattern, before.pipe_limit, err);
		if (status != INQ_OK)
			return status;
		*ret_left = inq_pattern_owner(before.pattern);
	}
	if (unlink(INQ_SYSCTL_FILE) && errno != ENOENT)
		return inq_fail_os(err, "'%s'", INQ_SYSCTL_FILE);
	if (unlink(INQ_REGISTER_STATE) && errno != ENOENT)
		return inq_fail_os(err, "'%s'", INQ_REGISTER_STATE);
	return INQ_OK;
}

enum inq_status inq_register_disable(enum inq_pattern_owner *ret_left, struct inq_error *err)
{
	enum inq_status status = inq_namespaces_check(err);
	int fd = -1;

	if (status == INQ_OK)
		status = lock(&fd, err);
	if (status != INQ_OK)
		return status;
	status = disable(ret_left, err);
	close(fd);
	return status;
}

bool inq_register_survives_reboot(void)
{
	return !access(INQ_SYSCTL_FILE, R_OK);
}
