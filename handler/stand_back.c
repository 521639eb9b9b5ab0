/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/stand_back.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char COLLECTOR[] = INQ_HANDLERDIR "/inquest-collect";
static const char NAME[] = "inquest-collect"; /* 15 bytes: all that a name may have */

enum { TEXT = 1024, FIELD_EXIT_CODE = 52 /* proc(5) */ };

static bool read_text(int directory, const char *name, char to[TEXT])
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t size = fd < 0 ? -1 : read(fd, to, TEXT - 1);

	if (fd >= 0)
		close(fd);
	to[size > 0 ? size : 0] = '\0';
	return size > 0;
}

/* "PID (NAME) STATE ...": what stands behind the name, which may hold anything but is closed by the last ')'. */
static bool ended_well(char *stat)
{
	char *at = strrchr(stat, ')');

	if (!at || at[1] != ' ' || at[2] != 'Z')
		return false;
	for (int field = 2; at && field < FIELD_EXIT_CODE; field++)
		at = strchr(at + 1, ' ');
	return at && strtoul(at + 1, NULL, 10) == 0;
}

static bool has_dump(unsigned long child)
{
	char path[32], text[TEXT], link[sizeof(COLLECTOR) + 1];
	ssize_t size;
	bool has = false;
	int proc;

	snprintf(path, sizeof(path), "/proc/%lu", child);
	proc = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (proc < 0)
		return false;
	if (read_text(proc, "comm", text) && strncmp(text, NAME, strlen(NAME)) == 0) {
		size = readlinkat(proc, "exe", link, sizeof(link));
		has = size == (ssize_t)sizeof(COLLECTOR) - 1 && memcmp(link, COLLECTOR, (size_t)size) == 0;
		if (!has && read_text(proc, "stat", text))
			has = ended_well(text);
	}
	close(proc);
	return has;
}

bool inq_stand_back(int proc, uint32_t tid)
{
	char path[40], text[TEXT], *at = text, *end;

	snprintf(path, sizeof(path), "task/%u/children", tid);
	if (proc < 0 || !read_text(proc, path, text))
		return false;
	for (;;) {
		unsigned long child = strtoul(at, &end, 10);

		if (end == at)
			return false;
		if (has_dump(child))
			return true;
		at = end;
	}
}
