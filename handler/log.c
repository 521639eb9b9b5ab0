/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Has a second gone by since the last line? Without a spool, which is what most lines are about, the mark is in /run:
 * root's own as well, and empty after the next start. */
static bool may_speak(int spool)
{
	struct stat st;
	int fd;
	bool may;

	fd = openat(spool, spool < 0 ? "/run/inquest.logged" : ".logged",
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return true;
	/* A new file has its mode's sticky bit clear: the first line is always said. */
	may = fstat(fd, &st) || !(st.st_mode & S_ISVTX) || time(NULL) != st.st_mtime;
	if (may) {
		fchmod(fd, 0600 | S_ISVTX);
		futimens(fd, NULL);
	}
	close(fd);
	return may;
}

void inq_log(int spool, uint64_t pid, const char *format, ...)
{
	char line[700];
	va_list args;
	int fd, at;

	if (!may_speak(spool))
		return;
	fd = open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	at = snprintf(line, sizeof(line), "<4>inquest-core: process %llu: ", (unsigned long long)pid);
	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - (size_t)at - 1, format, args);
	va_end(args);
	for (char *c = line; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	/* One write is one record; a full log drops it. */
	if (write(fd, line, strlen(line)) < 0) {
		close(fd);
		return;
	}
	close(fd);
}
