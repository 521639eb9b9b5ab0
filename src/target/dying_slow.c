/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of a file system that is a program (FUSE): reading a page of them that is not in memory asks that program, and
 * where it does not answer, whoever reads sleeps so deep that not even SIGKILL wakes him (a remote fault is not killable:
 * get_user_pages_remote() without `locked` in mm/gup.c). So only pages that are in the process's own page tables are
 * read. A copy-on-write copy has no page tables for files: the process itself is asked, while it goes on.
 */
#include "config.h"

#include "target/dying_private.h"
#include "target/touched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device {
	uint32_t major, minor;
};

/* "36 35 0:98 /root /mnt rw,noatime master:1 - fuse.sshfs source rw": proc(5), /proc/PID/mountinfo. */
static bool is_fuse(const char *line, size_t size, struct device *ret)
{
	const char *dash = memmem(line, size, " - ", 3);
	unsigned major, minor;
	char head[64];

	if (!dash || (size_t)(line + size - dash) < 7 || memcmp(dash + 3, "fuse", 4) != 0 || !strchr(" .b", dash[7]))
		return false;
	snprintf(head, sizeof(head), "%.*s", size < sizeof(head) ? (int)size : (int)sizeof(head) - 1, line);
	if (sscanf(head, "%*u %*u %u:%u", &major, &minor) != 2)
		return false;
	*ret = (struct device){major, minor};
	return true;
}

static bool is_on(const struct inq_region *region, const struct device *device)
{
	return region->name[0] == '/' && region->inode && region->device_major == device->major &&
	       region->device_minor == device->minor;
}

void inq_dying_slow_make(struct inq_dying *dying)
{
	const struct inq_dying_bytes *text = &dying->source.texts[INQ_DYING_MOUNTS];
	const char *line = text->data, *end = line ? line + text->size : NULL;

	while (line && line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		struct device device;

		next = next ? next + 1 : end;
		for (size_t i = 0; is_fuse(line, (size_t)(next - line), &device) && i < dying->maps.count; i++) {
			if (!is_on(&dying->maps.regions[i], &device))
				continue;
			dying->maps.regions[i].flags |= INQ_REGION_MAY_HANG;
			dying->has_slow = true;
		}
		line = next;
	}
	if (dying->has_slow)
		inq_dying_warn(dying, "of files in a file system that is a program (FUSE) is here only what the process had "
				      "in memory: the program may not answer");
}

size_t inq_dying_slow_clip(struct inq_dying *dying, uint64_t address, size_t size, int *ret_mem)
{
	const struct inq_region *region;
	bool there = false;
	int pagemap = dying->source.own_pagemap_fd > 0 ? dying->source.own_pagemap_fd : dying->source.pagemap_fd;
	uint64_t run;

	*ret_mem = dying->source.mem_fd;
	if (!dying->has_slow)
		return size;
	region = inq_region_at(dying->maps.regions, dying->maps.count, address);
	if (!region)
		return size;
	if (size > region->base + region->size - address)
		size = (size_t)(region->base + region->size - address);
	if (!(region->flags & INQ_REGION_MAY_HANG))
		return size;
	if (pagemap < 0)
		return 0;
	if (!dying->slow_touched)
		dying->slow_touched = inq_touched_new(pagemap);
	if (!dying->slow_touched)
		return 0;
	if (dying->source.own_mem_fd > 0)
		*ret_mem = dying->source.own_mem_fd;
	/* It goes on: what was there a moment ago need not be. */
	inq_touched_forget(dying->slow_touched);
	run = inq_touched_run(dying->slow_touched, address, size, &there);
	return there ? (size_t)run : 0;
}
