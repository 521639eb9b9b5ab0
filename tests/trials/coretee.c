// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * coretee PID ARGS...: let the kernel's own core and our dump come from one and the same crash.
 *
 * The trials put it into core_pattern in the helper's place. It passes the core on to `helper`,
 * which lies in its own folder and gets ARGS, the pidfd on fd 3 and closed fds 1 and 2 as from the
 * kernel, and keeps the whole core as core.PID beside it, sparse. The helper closes its pipe when
 * it has enough; the crashed process stays until the last byte is here, so that both see the same
 * memory. Last comes status.PID: the helper's wait status and its peak memory in KiB; it is also
 * the tee's sign that all is written.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, CHUNK = 16 * PAGE };

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

static ssize_t read_chunk(int fd, char *bytes)
{
	size_t have = 0;

	while (have < CHUNK) {
		ssize_t n = read(fd, bytes + have, CHUNK - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static int all_zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* Pages of zeros become holes, or node's core would fill the disk. */
static int save(int fd, const char *bytes, size_t n)
{
	for (size_t at = 0; at < n; at += PAGE) {
		size_t part = n - at < PAGE ? n - at : PAGE;

		if (part == PAGE && all_zero(bytes + at)) {
			if (lseek(fd, PAGE, SEEK_CUR) < 0)
				return -1;
		} else if (write_all(fd, bytes + at, part)) {
			return -1;
		}
	}
	return 0;
}

static void fill_standard_fds(void)
{
	while (open("/dev/null", O_RDWR) < 2)
		;
}

static pid_t start_helper(const char *path, char **argv, const int *feed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(feed[0], STDIN_FILENO);
	signal(SIGPIPE, SIG_DFL);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	execve(path, argv, (char *[]){NULL});
	_exit(127);
}

int main(int argc, char **argv)
{
	static char chunk[CHUNK];
	char folder[4096], helper[4200], core_path[4200], status_path[4200], temporary[4300],
		word[64];
	const char *slash = argc >= 2 ? strrchr(argv[0], '/') : NULL;
	int feed[2], core, fd, status = -1, alive = 1;
	struct rusage usage = {0};
	ssize_t n;
	pid_t pid;

	if (!slash || (size_t)(slash - argv[0]) >= sizeof(folder))
		return 2;
	memcpy(folder, argv[0], (size_t)(slash - argv[0]));
	folder[slash - argv[0]] = '\0';
	snprintf(helper, sizeof(helper), "%s/helper", folder);
	snprintf(core_path, sizeof(core_path), "%s/core.%s", folder, argv[1]);
	snprintf(status_path, sizeof(status_path), "%s/status.%s", folder, argv[1]);
	snprintf(temporary, sizeof(temporary), "%s.part", status_path);

	/* fds 1 and 2 come closed; fd 3 is the pidfd and stays where the helper will look for it */
	fill_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	core = open(core_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (core < 0 || pipe2(feed, O_CLOEXEC))
		return 3;
	argv[1] = argv[0];
	pid = start_helper(helper, argv + 1, feed);
	close(feed[0]);

	while ((n = read_chunk(STDIN_FILENO, chunk)) > 0) {
		if (alive && write_all(feed[1], chunk, (size_t)n)) {
			alive = 0;
			close(feed[1]);
		}
		if (save(core, chunk, (size_t)n))
			break;
	}
	if (alive)
		close(feed[1]);
	if (ftruncate(core, lseek(core, 0, SEEK_CUR)))
		return 3;
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;

	n = snprintf(word, sizeof(word), "%d %ld\n", status, usage.ru_maxrss);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write_all(fd, word, (size_t)n) || close(fd))
		return 3;
	return rename(temporary, status_path) ? 3 : 0;
}
