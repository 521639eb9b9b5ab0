/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the administrator decided: $(sysconfdir)/inquest.conf.
 *
 * Lines of `key = value`, '#' begins a comment, blanks around both are ignored; no sections, no includes, no
 * interpolation. One table holds every key with its type, default, range and help; the parser, the file that
 * is installed and inquest.conf(5)'s coverage test are read from it.
 *
 * The file counts only if it is a regular file of at most INQ_CONFIG_MAX bytes, owned by root and not
 * writable by anyone else; all this is asked of the descriptor that is then read. A missing file means the
 * defaults. A file that may not count, or that has a line which is not understood, is a policy that cannot be
 * known: its good lines hold, the rest has its defaults, and the dump letters get `rR` added, so that a typo
 * never writes more than was meant.
 *
 * No allocation, except inq_config_example() and inq_config_set(). Not async-signal-safe.
 */
#ifndef INQ_SPOOL_CONFIG_H
#define INQ_SPOOL_CONFIG_H

#include "support/buffer.h"
#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_CONFIG_MAX = 64 * 1024, /* bytes of the file */
	INQ_CONFIG_LETTERS = 24,    /* bytes of a value of dump letters, NUL included */
	INQ_CONFIG_PATH = 256,      /* bytes of a path, NUL included */
};

#define INQ_CONFIG_FILE INQ_SYSCONFDIR "/inquest.conf"

struct inq_config {
	char dump[INQ_CONFIG_LETTERS];    /* letters after .dump /m; "" is a plain minidump */
	bool strict;                      /* no filtered dump without proof that it has the same frames */
	char spool[INQ_CONFIG_PATH];      /* where dumps are kept */
	uint64_t max_count;               /* dumps that one user may have, 0: none is written */
	uint64_t max_bytes;               /* bytes that they may take */
	uint64_t max_dump;                /* bytes of one dump */
	uint64_t keep_free;               /* bytes that stay free on the file system... */
	uint64_t keep_free_percent;       /* ...or this share of it, whichever is less */
	uint64_t hold_deadline;           /* seconds that a dying process may be held */
	uint64_t write_deadline;          /* seconds until a dump is written, or given up */
	uint64_t worker_uid, worker_gid;  /* who reads and writes what the process left */
	uint64_t pipe_limit;              /* kernel.core_pipe_limit */
	bool honour_core_limit;           /* no dump for a process whose RLIMIT_CORE is 0 */
};

enum inq_config_type {
	INQ_CONFIG_TYPE_LETTERS, /* a run of A-Z a-z, may be empty */
	INQ_CONFIG_TYPE_PATH,    /* absolute, no "." or ".." component */
	INQ_CONFIG_TYPE_NUMBER,  /* decimal */
	INQ_CONFIG_TYPE_SIZE,    /* decimal, and K, M, G or T for powers of 1024 */
	INQ_CONFIG_TYPE_SWITCH,  /* yes or no */
};

struct inq_config_key {
	const char *name;
	enum inq_config_type type;
	size_t offset;            /* into struct inq_config */
	const char *standard;     /* the default, as it would be written in the file */
	uint64_t min, max;        /* of NUMBER and SIZE, inclusive */
	const char *help;         /* sentences, at most 100 columns a line */
};

/* The table, in the order of the installed file. */
const struct inq_config_key *inq_config_keys(size_t *ret_count);

void inq_config_defaults(struct inq_config *ret);

/**
 * Take in the text of a file, line by line, over what `config` holds.
 *
 * @name  what messages call it
 *
 * INQ_BAD_DATA: "'name': line 3: 'keep-fre' is not a key", the first such line; the good lines were taken all
 * the same, and `rR` was added to the dump letters. A key that comes twice: the last one holds.
 */
enum inq_status inq_config_parse(const char *text, size_t size, const char *name, struct inq_config *config,
				 struct inq_error *err);

/**
 * Read the file. `ret` is always usable, whatever the status.
 *
 * INQ_OK also for a missing file. INQ_DENIED: owner or mode. INQ_UNSUPPORTED: not a regular file. INQ_LIMIT:
 * too large. INQ_BAD_DATA: as above. INQ_OS.
 */
enum inq_status inq_config_load(const char *path, struct inq_config *ret, struct inq_error *err);

/* The file as it is installed: every key, its help, and its default written beside it in a comment. */
void inq_config_example(struct inq_buffer *to);

/**
 * Write one key's value into the file, and leave every other line as it is; the file is replaced by rename,
 * so that a reader sees the old or the new one. A file that does not exist is made.
 *
 * INQ_USAGE: no such key, or a value that it may not have (nothing is written). INQ_DENIED, INQ_OS.
 */
enum inq_status inq_config_set(const char *path, const char *key, const char *value, struct inq_error *err);

#endif
