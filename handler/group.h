/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Control groups of a process: where they are, whether their memory limits leave room, and how to leave one that a
 * supervisor may kill.
 *
 * Files are looked for at the mount points of our own mount namespace, and believed only if the kernel says that they
 * are a control group's. cgroups(7), Documentation/admin-guide/cgroup-v2.rst. Not async-signal-safe.
 */
#ifndef INQ_HANDLER_GROUP_H
#define INQ_HANDLER_GROUP_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	INQ_GROUP_PATH = 1024,
	INQ_GROUP_LEVELS = 64, /* more of them are not looked at */
};

enum inq_group_kind {
	INQ_GROUP_UNIFIED, /* version 2 */
	INQ_GROUP_MEMORY,  /* version 1: the controller of memory */
	INQ_GROUP_SYSTEMD, /* version 1: name=systemd, by which systemd knows (and kills) a service's processes */
	INQ_GROUP_KINDS,
};

struct inq_group {
	int mount;                  /* the hierarchy's root, as mounted here; a directory, -1 none */
	char path[INQ_GROUP_PATH];  /* below it, "" for the root itself */
};

/**
 * Find one.
 *
 * @text  of /proc/PID/cgroup
 * @ret   closed by inq_group_done(); mount is -1 on failure
 *
 * INQ_ABSENT: no such hierarchy, or it is not mounted here, or the process is outside of what is mounted.
 */
enum inq_status inq_group_find(enum inq_group_kind kind, const char *text, size_t size, struct inq_group *ret,
			       struct inq_error *err);
void inq_group_done(struct inq_group *group);

/* Whether a process is in a group that can be left: of version 2, or systemd's. @text as above. */
bool inq_group_is_within(const char *text, size_t size);

/* The part that takes texts apart, for tests: where a hierarchy is mounted by a /proc/self/mountinfo, and where the
 * process is in it. INQ_ABSENT. */
enum inq_status inq_group_parse(enum inq_group_kind kind, const char *text, size_t size, const char *mountinfo,
				char ret_mount[INQ_GROUP_PATH], char ret_path[INQ_GROUP_PATH], struct inq_error *err);

/**
 * Whether there is room in the group, and in all that it is within, for so many more bytes of memory: what a limit
 * leaves, pages of files counted in that the kernel would drop.
 *
 * INQ_LIMIT: no; names the group. INQ_OK also where there is no limit, or none that can be read.
 */
enum inq_status inq_group_has_room(enum inq_group_kind kind, const struct inq_group *group, uint64_t bytes,
				   struct inq_error *err);

/**
 * As root: put what goes on after a crash into groups of our own, `inquest/collect` and `inquest/PID` below the root, so
 * that nobody's kill of the process's group meets it.
 *
 * The holder (a child of the process, which runs the program's code) is frozen there, so that no program gets out of its
 * limits by crashing. It must wholly be user `uid`'s.
 *
 * @holder      pid of the memory's holder
 * @collector   pid of the collector; goes with it, and so does the calling process
 *
 * INQ_ABSENT: not within a group. INQ_DENIED: the holder is not that user's. INQ_OS.
 */
enum inq_status inq_group_leave(const struct inq_group *group, pid_t holder, pid_t collector,
				uid_t uid, struct inq_error *err);

/* Kill what is left in the holder's group, and remove it. */
void inq_group_end(const struct inq_group *group, pid_t holder);

#endif
