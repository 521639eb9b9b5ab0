/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Where files of a name lie on this machine: programs and libraries that a dump names without folders.
 *
 * Looked for where they usually are: the loader's folders (ld.so.conf(5) and those that it always takes), $PATH and
 * the folders of programs; then, only if asked to look deep, in all folders below /usr/lib, /usr/local, /opt and
 * their like, and below homes, as many as can be listed in a second, once. What is found is a file of that name and nothing more: whoever takes it must
 * know it by its build-id. Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_FINDER_H
#define INQ_SUPPORT_FINDER_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	INQ_FINDER_FOLDERS = 65536, /* that are listed, at most */
	INQ_FINDER_DEPTH = 12,      /* of them below their root */
	INQ_FINDER_MS = 1000,       /* milliseconds that listing them takes, at most */
	INQ_FINDER_CONFIGS = 64,    /* files of ld.so.conf */
	INQ_FINDER_CONFIG = 65536,  /* bytes of one */
};

struct inq_finder;

/* @root  put before every folder, "" for this machine; with another one $PATH is not asked */
enum inq_status inq_finder_new(const char *root, struct inq_finder **ret, struct inq_error *err);
void inq_finder_free(struct inq_finder *finder); /* accepts NULL */

/**
 * Paths of files of the name, each ended by NUL, the likeliest first; folders that are the same by links once.
 *
 * @name  without folders; with a slash, "." and "..": none
 * @deep  false: only where they usually are. true: only the other folders
 * @to    at most `size` bytes; whole paths only
 *
 * Returns the bytes used, 0: none.
 */
size_t inq_finder_find(struct inq_finder *finder, const char *name, bool deep, char *to, size_t size);

#endif
