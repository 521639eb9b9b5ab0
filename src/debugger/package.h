/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What lies beside the dump in a CAB: images, debug files, and a text that says where all of it is
 * from.
 *
 * Collected by the process that opens files, while the dump is being written; nothing of it is
 * parsed. Not async-signal-safe.
 */
#ifndef INQ_DEBUGGER_PACKAGE_H
#define INQ_DEBUGGER_PACKAGE_H

#include "debugger/cabinet.h"
#include "support/buffer.h"

enum {
	PACKAGE_FILES = 1024,	 /* at most; further ones are refused */
	PACKAGE_NOTES = 1 << 20, /* bytes of the text, at most */
};

/* A zeroed structure is empty. */
struct package {
	struct cabinet_entry *entries;
	size_t count, capacity;
	uint64_t size;		 /* bytes of all entries */
	struct inq_buffer notes; /* lines */
};

/**
 * Add a file.
 *
 * @fd        open for reading; owned from here on, also on failure
 * @path      where it is from: its last part, made safe, and different from every other, is what it
 * is called inside
 * @ret_name  that name
 *
 * Of a file that is in already, the name that it has. INQ_LIMIT: too many files, or more bytes than
 * a CAB holds with `others`.
 */
enum inq_status package_add(struct package *package, int fd, const char *path, uint64_t others,
			    char ret_name[CABINET_NAME], struct inq_error *err);

/* Add a line to the text. INQ_LIMIT. */
enum inq_status package_note(struct package *package, const char *line, struct inq_error *err);

/**
 * Write the CAB: the dump first, then the text if there is any ("inquest.txt"), then the files.
 *
 * @dump, @name  the finished dump, and what it is called inside
 * @to           as of cabinet_write()
 */
enum inq_status package_write(const struct package *package, int dump, const char *name, int to,
			      struct inq_error *err);

void package_done(struct package *package); /* closes and frees; leaves an empty one */

#endif
