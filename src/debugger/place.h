/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Where a dump is put: a file without a name until it is complete.
 *
 * It is made nameless in the folder that it will lie in (O_TMPFILE; where the file system has none, under a hidden
 * name that goes with the process's failure), written by whoever has the descriptor, and gets its name when all is
 * there: nobody ever sees half a dump. Only what begins as a dump does is given a name, so that a process that a
 * hostile file took over cannot write start-up scripts. Not async-signal-safe.
 */
#ifndef INQ_DEBUGGER_PLACE_H
#define INQ_DEBUGGER_PLACE_H

#include "debugger/package.h"
#include "support/error.h"

#include <limits.h>
#include <stdbool.h>

struct place {
	bool open;
	bool overwrite;
	int directory, file;
	char path[PATH_MAX];       /* as asked for */
	char name[NAME_MAX + 1];   /* its last part */
	char hidden[NAME_MAX + 1]; /* of the file meanwhile; "" none */
	struct package package;    /* what goes into the CAB beside it */
};

/* Which of the two files of one .dump command. */
enum place_slot {
	PLACE_DUMP,
	PLACE_KERNEL, /* of /mk "file" */
	PLACE_SLOTS,
};

/* What the finished file is, or what is done to it. */
enum place_form {
	PLACE_PLAIN = 0,
	PLACE_COMPRESSED = 1, /* it was written as zstd with a seek table */
	PLACE_CABINET = 2,    /* in a CAB, called there as here but for the ending; the dump itself is not kept */
};

/**
 * Make the file; ret->file is for reading and writing, and stays the place's.
 *
 * @overwrite  a file of that name will be replaced, when the dump is complete
 *
 * INQ_USAGE: a file of that name is there (says what /o does), or the path ends in no name. INQ_ABSENT: no such
 * folder. INQ_DENIED. INQ_UNSUPPORTED: the name is a folder, or no regular file.
 */
enum inq_status place_open(const char *path, bool overwrite, struct place *ret, struct inq_error *err);

/**
 * Put a file beside the dump, where it will be in a CAB: package_add().
 *
 * @fd  owned from here on, also on failure
 *
 * INQ_USAGE: no dump is being written.
 */
enum inq_status place_add(struct place *place, int fd, const char *path, char ret_name[CABINET_NAME],
			  struct inq_error *err);
/* package_note() */
enum inq_status place_note(struct place *place, const char *line, struct inq_error *err);

/* Give it its name and close it. INQ_BAD_DATA: it is no dump. On failure nothing is left behind. INQ_UNSUPPORTED:
 * built without what the form needs. */
enum inq_status place_publish(struct place *place, enum place_form form, struct inq_error *err);

/* Leave nothing behind; accepts one that is not open. */
void place_drop(struct place *place);

#endif
