/* SPDX-License-Identifier: GPL-3.0-or-later */
/** `.dump /ba`: what a stranger needs beside the dump goes into its CAB. */
#ifndef INQ_DEBUGGER_PACK_MODULES_H
#define INQ_DEBUGGER_PACK_MODULES_H

#include "debugger/command.h"

struct pack_count {
	size_t images, debug_files; /* in the CAB */
	size_t missing;		    /* modules whose image was not found, or did not fit */
};

/**
 * Put image and debug file of every module into the CAB of the dump that is being written, and a
 * text that says of each where it is from and what its build-id is.
 *
 * @bare  name no folders (the letter R)
 *
 * A file that cannot be had is said in the text and is no failure. INQ_OS: the process that opens
 * files is gone.
 */
enum inq_status pack_modules(struct debugger *debugger, bool bare, struct pack_count *ret,
			     struct inq_error *err);

#endif
