/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The commands: one table, read by dispatch, .help, completion, the man page's test and the
 * coverage test.
 */
#ifndef INQ_DEBUGGER_COMMAND_H
#define INQ_DEBUGGER_COMMAND_H

#include "debugger/output.h"
#include "engine/session.h"

#include <stdbool.h>
#include <stddef.h>

struct broker;

/* What the commands work on, and what they remember between each other. */
struct debugger {
	struct out out;
	struct out errors; /* what went wrong; with JSON it stands in the command's object */
	struct inq_session *session; /* NULL: nothing is open */
	struct inq_session_options options;
	char *symbol_path, *image_path; /* owned; what options points at */
	bool json;
	bool quit;
	bool lines;			       /* k shows source lines (.lines) */
	uint64_t next_dump;		       /* where d goes on */
	uint64_t next_code;		       /* where u goes on */
	const char *dump_style;		       /* name of the last d command, for `d` */
	bool live;                   /* the target is a running process */
	const char *live_remark;     /* what could not be done for it, or NULL */
	uint64_t held_since_ns;      /* when it was stopped, CLOCK_MONOTONIC */
	struct broker *broker;       /* makes files, lets the process go; NULL: cannot be done */
	/* .opendump: opens a path as -z does, with its last and prefixes; set by main. */
	enum inq_status (*open)(struct debugger *debugger, const char *name, struct inq_error *err);
};

/* What a command is asked. `name` is as typed ("kb"), `args` the rest without leading blanks. */
struct invocation {
	const char *name;
	const char *args;
	long thread; /* of ~N, or INQ_NO_THREAD: the current one */
};

enum command_needs {
	NEEDS_NOTHING,
	NEEDS_SESSION,
};

struct command {
	const char *names;   /* blanks between: "k kb kn kv kp" */
	const char *syntax;  /* of the arguments: "[N]" */
	const char *summary; /* one line, lower case */
	const char *help;    /* further lines; "" none */
	enum command_needs needs;
	/* INQ_USAGE makes the words end with the command's syntax. Output before a failure stays.
	 */
	enum inq_status (*run)(struct debugger *debugger, const struct invocation *call,
			       struct inq_error *err);
};

extern const struct command commands[];
extern const size_t command_count;

/* The row that the text's first word means, or NULL; the word is in `name` either way, what follows
 * it (leading blanks dropped) at *ret_args. */
enum { COMMAND_NAME = 32 };
const struct command *command_find(const char *line, char name[COMMAND_NAME],
				   const char **ret_args);

/**
 * Run one line: commands with ';' between them. Says itself what went wrong.
 *
 * The status is that of the last command that failed, INQ_OK if none did.
 */
enum inq_status debugger_run(struct debugger *debugger, const char *line);

#endif
