/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The one way in which files that a dump, an ELF file or a user names are opened for reading.
 *
 * The debugger parses hostile files in a confined process that may not open anything itself; its opener
 * asks the process outside. Programs that are not confined use the direct opener. The rules are the same:
 * O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC, a regular file, never below /proc, /sys or /dev (what a dump names
 * there is not a file), size at most INQ_OPEN_MAX.
 */
#ifndef INQ_SUPPORT_OPENER_H
#define INQ_SUPPORT_OPENER_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INQ_OPEN_MAX (1ull << 43) /* bytes */

struct inq_opener {
	/* A descriptor that the caller owns, or -1 and *ret_status: INQ_ABSENT (no such file), INQ_DENIED,
	 * INQ_UNSUPPORTED (not a regular file, a place that is never opened). */
	int (*open)(void *user, const char *path, enum inq_status *ret_status, struct inq_error *err);
	/* The same for a path that a dump names, below a root that the user named: links and ".." never lead
	 * out of the root (openat2's RESOLVE_IN_ROOT). `ret_real` is the path to open again later, PATH_MAX
	 * bytes. NULL: root and path are joined and opened. */
	int (*open_below)(void *user, const char *root, const char *path, char *ret_real,
			  enum inq_status *ret_status, struct inq_error *err);
	/* Paths of files of a name, as inq_finder_find(). NULL: this process looks for them. */
	size_t (*find)(void *user, const char *name, bool deep, char *to, size_t size);
	void *user;
};

/* Opens in this process. */
struct inq_opener inq_opener_direct(void);

/* Through the opener; NULL means direct. */
int inq_open(const struct inq_opener *opener, const char *path, enum inq_status *ret_status,
	     struct inq_error *err);

/* `path` (absolute or not, no component "..": INQ_UNSUPPORTED) below `root`. */
int inq_open_below(const struct inq_opener *opener, const char *root, const char *path, char *ret_real,
		   enum inq_status *ret_status, struct inq_error *err);

/* Where files of the name lie on this machine, through the opener; see support/finder.h. */
size_t inq_open_find(const struct inq_opener *opener, const char *name, bool deep, char *to, size_t size);

#endif
