/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * `.dump [options] FILE`: the options around the letters, read from one table.
 *
 * The letters behind /m are options.h's. Here is what else the command knows: the kind of dump, the name, the
 * comment, which exception it tells of, and the package. Every refusal names the option and says what to do; nothing
 * is ever ignored. Whether a file is there already is for who opens it to say.
 */
#ifndef INQ_CAPTURE_DUMP_COMMAND_H
#define INQ_CAPTURE_DUMP_COMMAND_H

#include "capture/options.h"
#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit for each option that the table knows. */
enum inq_dump_switch {
	INQ_SWITCH_MINI = 1 << 0,        /* /m... */
	INQ_SWITCH_FULL = 1 << 1,        /* /f: an ELF core */
	INQ_SWITCH_FULL_EXTENDED = 1 << 2, /* /fy */
	INQ_SWITCH_ALL = 1 << 3,         /* /a */
	INQ_SWITCH_CABINET = 1 << 4,     /* /b */
	INQ_SWITCH_CABINET_ALL = 1 << 5, /* /ba */
	INQ_SWITCH_COMMENT = 1 << 6,     /* /c */
	INQ_SWITCH_RECORD = 1 << 7,      /* /j */
	INQ_SWITCH_KERNEL = 1 << 8,      /* /k */
	INQ_SWITCH_KERNEL_ACTIVE = 1 << 9, /* /ka */
	INQ_SWITCH_OVERWRITE = 1 << 10,  /* /o */
	INQ_SWITCH_UNIQUE = 1 << 11,     /* /u */
	INQ_SWITCH_CONTEXT = 1 << 12,    /* /xc */
	INQ_SWITCH_EXCEPTION = 1 << 13,  /* /xr */
	INQ_SWITCH_POINTERS = 1 << 14,   /* /xp */
	INQ_SWITCH_THREAD = 1 << 15,     /* /xt */
	INQ_SWITCH_COMPRESS = 1 << 16,   /* --compress */
	INQ_SWITCH_HELP = 1 << 17,       /* /? */
	INQ_SWITCH_STRICT = 1 << 18,     /* --strict */
};

enum { INQ_DUMP_COMMENT = 4096, INQ_DUMP_FILE = 4096 };

struct inq_dump_command {
	uint32_t switches;               /* enum inq_dump_switch */
	struct inq_dump_options letters; /* of a minidump */
	char comment[INQ_DUMP_COMMENT];  /* UTF-8, "" none */
	char kernel_file[INQ_DUMP_FILE]; /* of the letter k: its own file, "" none */
	char file[INQ_DUMP_FILE];        /* as typed, without what /u adds */
	uint64_t record, context, exception, pointers; /* addresses in the target */
	uint32_t thread;
};

enum inq_switch_takes { INQ_TAKES_NOTHING, INQ_TAKES_LETTERS, INQ_TAKES_TEXT, INQ_TAKES_ADDRESS };

struct inq_switch_row {
	const char *name;     /* "/xc", "--compress" */
	uint32_t bit;         /* enum inq_dump_switch */
	enum inq_switch_takes takes;
	uint32_t conflicts;   /* switches that cannot stand beside it */
	uint32_t needs;       /* one of these must */
	const char *why;      /* why they conflict, or why it needs them; NULL without either */
	const char *argument; /* for the help: "ADDR", "\"comment\""; "" none */
	const char *help;     /* one line */
};
const struct inq_switch_row *inq_dump_switches(size_t *ret_count);

/* A number out of the text at *at (an expression, in the debugger); moves *at behind it. */
typedef enum inq_status inq_dump_evaluate(void *user, const char **at, uint64_t *ret, struct inq_error *err);

/**
 * Read what stands behind `.dump`.
 *
 * @evaluate  reads addresses and thread ids; NULL: hexadecimal numbers
 * @ret       untouched on failure
 *
 * Without /m or /f it is /m. Text in quotes may hold blanks; a quote in quotes is written \". With /? nothing else is
 * asked for. INQ_USAGE: an unknown option, a missing value, no file, options that contradict each other, /a without
 * /u. INQ_UNSUPPORTED: kernel memory (this is a process), or a letter that is not built.
 */
enum inq_status inq_dump_command_parse(const char *text, inq_dump_evaluate *evaluate, void *user,
				       struct inq_dump_command *ret, struct inq_error *err);

/* The name of the dump: with date, time and pid before its ending, as /u wants it ("x.dmp" ->
 * "x_2026-11-21_13-45-02-123_1a2b.dmp"), and with the ending of a CAB, as /b does ("x.dmp" -> "x.cab"); else as it is.
 * INQ_LIMIT: too long. */
enum inq_status inq_dump_command_name(const struct inq_dump_command *command, uint32_t pid, char *to,
				      size_t capacity, struct inq_error *err);
/* The same for the second file of /mk "file", which /b leaves alone. INQ_ABSENT: none was asked for. */
enum inq_status inq_dump_command_kernel_name(const struct inq_dump_command *command, uint32_t pid, char *to,
					     size_t capacity, struct inq_error *err);

#endif
