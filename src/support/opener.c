/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/opener.h"

#include "support/finder.h"

#include <stdbool.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static bool has_dot_dot(const char *path)
{
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += strspn(part, "/");
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
			return true;
	}
	return false;
}

static int join(const char *root, const char *path, char *ret_real, enum inq_status *ret_status,
		struct inq_error *err)
{
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	if (snprintf(ret_real, PATH_MAX, "%.*s/%s", (int)length, root, path + strspn(path, "/")) >= PATH_MAX)
		return refuse(inq_fail(err, INQ_ABSENT, "'%s': name too long", root), ret_status);
	return 0;
}

/* Where a descriptor leads. Links in a root that were resolved inside of it must not be resolved again
 * outside when the file is opened a second time. */
static int real_path(int fd, char *ret_real)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, ret_real, PATH_MAX - 1);
	if (length <= 0 || ret_real[0] != '/')
		return -1;
	ret_real[length] = '\0';
	return 0;
}

/* openat2 is Linux 5.6; O_PATH opens nothing, so that devices and pipes are not woken. */
static int open_direct_below(void *user, const char *root, const char *path, char *ret_real,
			     enum inq_status *ret_status, struct inq_error *err)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int dir, fd, saved;

	if (join(root, path, ret_real, ret_status, err) < 0)
		return -1;
	if (is_kernel_tree(ret_real))
		return open_direct(user, ret_real, ret_status, err);
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return refuse(inq_fail(err, INQ_ABSENT, "'%s': no such folder", root), ret_status);
	fd = (int)syscall(SYS_openat2, dir, path + strspn(path, "/"), &how, sizeof(how));
	saved = errno;
	close(dir);
	if (fd < 0 && saved != ENOSYS && saved != EPERM)
		return refuse(inq_fail(err, INQ_ABSENT, "'%s': no such file", ret_real), ret_status);
	if (fd >= 0) {
		bool known = real_path(fd, ret_real) == 0;

		close(fd);
		if (!known)
			return refuse(inq_fail(err, INQ_ABSENT, "'%s%s': no path to it", root, path), ret_status);
	}
	return open_direct(user, ret_real, ret_status, err);
}

struct inq_opener inq_opener_direct(void)
{
	return (struct inq_opener){.open = open_direct, .open_below = open_direct_below};
}

int inq_open_below(const struct inq_opener *opener, const char *root, const char *path, char *ret_real,
		   enum inq_status *ret_status, struct inq_error *err)
{
	struct inq_opener direct = inq_opener_direct();

	if (!opener || !opener->open)
		opener = &direct;
	if (has_dot_dot(path))
		return refuse(inq_fail(err, INQ_UNSUPPORTED, "'%s': not opened: leads out of its folder", path),
			      ret_status);
	if (opener->open_below)
		return opener->open_below(opener->user, root, path, ret_real, ret_status, err);
	if (join(root, path, ret_real, ret_status, err) < 0)
		return -1;
	return opener->open(opener->user, ret_real, ret_status, err);
}

int inq_open(const struct inq_opener *opener, const char *path, enum inq_status *ret_status,
	     struct inq_error *err)
{
	if (!opener || !opener->open)
		return open_direct(NULL, path, ret_status, err);
	return opener->open(opener->user, path, ret_status, err);
}

size_t inq_open_find(const struct inq_opener *opener, const char *name, bool deep, char *to, size_t size)
{
	struct inq_finder *finder;
	size_t used;

	if (opener && opener->find)
		return opener->find(opener->user, name, deep, to, size);
	if ((opener && opener->open && opener->open != open_direct) || inq_finder_new("", &finder, NULL) != INQ_OK)
		return 0;
	used = inq_finder_find(finder, name, deep, to, size);
	inq_finder_free(finder);
	return used;
}
