/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/opener.h"

#include <stdbool.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Trees whose "files" are devices or the kernel's answers; reading them can block or act. */
static const char *const never[] = {"/proc", "/sys", "/dev"};

static int refuse(enum inq_status status, enum inq_status *ret_status)
{
	*ret_status = status;
	return -1;
}

/* Where the descriptor really leads, links resolved, must not be in one of those trees either. */
static bool is_kernel_tree(const char *path)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		size_t length = strlen(never[i]);

		if (strncmp(path, never[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

static int open_direct(void *user, const char *path, enum inq_status *ret_status, struct inq_error *err)
{
	struct stat st;
	int fd;

	(void)user;
	if (is_kernel_tree(path))
		return refuse(inq_fail(err, INQ_UNSUPPORTED, "'%s': not opened: a place of the kernel's", path),
			      ret_status);
	/* First a look that opens nothing: opening a device can already act. */
	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP)
			return refuse(inq_fail(err, INQ_ABSENT, "'%s': no such file", path), ret_status);
		return refuse(inq_fail_os(err, "'%s'", path), ret_status);
	}
	if (!S_ISREG(st.st_mode))
		return refuse(inq_fail(err, INQ_UNSUPPORTED, "'%s': not a regular file", path), ret_status);
	fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return refuse(inq_fail_os(err, "'%s'", path), ret_status);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return refuse(inq_fail(err, INQ_UNSUPPORTED, "'%s': not a regular file", path), ret_status);
	}
	if ((uint64_t)st.st_size > INQ_OPEN_MAX) {
		close(fd);
		return refuse(inq_fail(err, INQ_LIMIT, "'%s': %lld bytes, too large", path, (long long)st.st_size),
			      ret_status);
	}
	*ret_status = INQ_OK;
	return fd;
}

struct inq_opener inq_opener_direct(void)
{
	return (struct inq_opener){.open = open_direct};
}

int inq_open(const struct inq_opener *opener, const char *path, enum inq_status *ret_status,
	     struct inq_error *err)
{
	if (!opener || !opener->open)
		return open_direct(NULL, path, ret_status, err);
	return opener->open(opener->user, path, ret_status, err);
}
