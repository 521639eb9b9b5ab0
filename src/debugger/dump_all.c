/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/dump_all.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND = 5000 };

/* ".dump" and the arguments, without the word /a (not inside quotes). */
static bool make_command(const char *arguments, char to[COMMAND])
{
	size_t at = (size_t)snprintf(to, COMMAND, ".dump ");
	bool quoted = false;

	if (strlen(arguments) + at >= COMMAND)
		return false;
	for (const char *from = arguments; *from; from++) {
		bool starts = from == arguments || isspace((unsigned char)from[-1]);

		quoted ^= *from == '"';
		if (!quoted && starts && strncmp(from, "/a", 2) == 0 && (!from[2] || isspace((unsigned char)from[2])))
			from++;
		else
			to[at++] = *from;
	}
	to[at] = '\0';
	return true;
}

/* A process of memory: threads of the kernel have no executable. One whose link may not be read is another's. */
static bool is_wanted(const char *pid)
{
	char path[300], link[8];

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	return readlink(path, link, sizeof(link)) >= 0;
}

static bool dump_one(char *pid, char *command)
{
	char *arguments[] = {(char[]){"inquest"}, (char[]){"-p"}, pid, (char[]){"-c"}, command, NULL};
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; fd <= 2; fd++)
			dup2(null, fd);
		execv("/proc/self/exe", arguments);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum inq_status dump_all(const char *arguments, struct dump_all *ret, struct inq_error *err)
{
	struct dump_all all = {0};
	char command[COMMAND];
	struct dirent *entry;
	DIR *list;

	if (!make_command(arguments, command))
		return inq_fail(err, INQ_LIMIT, "/a: the command is too long");
	list = opendir("/proc");
	if (!list)
		return inq_fail_os(err, "'/proc'");
	while ((entry = readdir(list))) {
		unsigned long pid = strtoul(entry->d_name, NULL, 10);

		if (!isdigit((unsigned char)entry->d_name[0]) || pid == (unsigned long)getpid() ||
		    pid == (unsigned long)getppid() || !is_wanted(entry->d_name))
			continue;
		if (dump_one(entry->d_name, command))
			all.written++;
		else
			all.refused++;
	}
	closedir(list);
	*ret = all;
	return all.written ? INQ_OK : inq_fail(err, INQ_ABSENT, "/a: not a single process could be dumped");
}
