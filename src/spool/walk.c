/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/rules.h"
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum inq_status inq_spool_check_directory(int fd, const char *what, struct inq_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return inq_fail_os(err, "'%s'", what);
	if (!S_ISDIR(st.st_mode))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not a directory", what);
	if (st.st_uid)
		return inq_fail(err, INQ_DENIED, "'%s': belongs to user %u, not to root", what, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return inq_fail(err, INQ_DENIED, "'%s': writable by others than root", what);
	return INQ_OK;
}

/* Next component of a path; false at the end. */
static bool next_component(const char **at, char to[INQ_CONFIG_PATH])
{
	size_t length;

	while (**at == '/')
		(*at)++;
	length = strcspn(*at, "/");
	if (!length || length >= INQ_CONFIG_PATH)
		return false;
	memcpy(to, *at, length);
	to[length] = '\0';
	*at += length;
	return true;
}

static bool is_last(const char *at)
{
	return !at[strspn(at, "/")];
}

static enum inq_status say_open(const char *seen, struct inq_error *err)
{
	if (errno == ENOENT)
		return inq_fail(err, INQ_ABSENT, "'%s': no such directory", seen);
	/* O_DIRECTORY | O_NOFOLLOW on a link is ENOTDIR, on some file systems ELOOP. */
	if (errno == ELOOP || errno == ENOTDIR)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': a symbolic link or not a directory", seen);
	return inq_fail_os(err, "'%s'", seen);
}

int inq_spool_walk(const char *path, int flags, bool make_last, enum inq_status *ret_status,
		   struct inq_error *err)
{
	char component[INQ_CONFIG_PATH], seen[INQ_CONFIG_PATH] = "/";
	const char *at = path;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	*ret_status = fd < 0 ? inq_fail_os(err, "'/'") : inq_spool_check_directory(fd, seen, err);
	while (*ret_status == INQ_OK && next_component(&at, component)) {
		bool last = is_last(at);
		int next;

		memcpy(seen, path, (size_t)(at - path));
		seen[at - path] = '\0';
		if (last && make_last && mkdirat(fd, component, 0711) && errno != EEXIST)
			*ret_status = inq_fail_os(err, "'%s'", seen);
		if (*ret_status != INQ_OK)
			break;
		next = openat(fd, component, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (last ? flags : O_PATH));
		if (next < 0) {
			*ret_status = say_open(seen, err);
			break;
		}
		close(fd);
		fd = next;
		*ret_status = inq_spool_check_directory(fd, seen, err);
	}
	if (*ret_status == INQ_OK)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

const char *inq_spool_refuse(const struct stat *st, const struct inq_spool_account *account)
{
	if (S_ISLNK(st->st_mode))
		return "a symbolic link";
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_nlink != 1)
		return "has other names";
	if (st->st_uid != (account->root_only ? 0 : account->uid))
		return "owned by someone else";
	if (!st->st_size)
		return "empty";
	if (st->st_size > (off_t)1 << 43)
		return "too large";
	return NULL;
}
