/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What can go wrong, and the words for it.
 *
 * Every function that can fail returns an enum inq_status and takes, last, the caller's error record. The
 * finder writes what and where; each layer above prepends its own words, so that a message reads from the
 * outside in: 'a.dmp': thread list: 70000 threads, at most 65536. Only a main() prints.
 *
 * The record has a fixed size and nothing here allocates: errors work without memory. A NULL record is
 * allowed everywhere and means that the caller does not want the words.
 */
#ifndef INQ_SUPPORT_ERROR_H
#define INQ_SUPPORT_ERROR_H

#include <stdarg.h>

enum inq_status {
	INQ_OK = 0,
	INQ_ABSENT,      /* not there, and nothing is wrong; never used for damaged data */
	INQ_BAD_DATA,    /* damaged or hostile input */
	INQ_FAULT,       /* an address of the target could not be read */
	INQ_DENIED,      /* permission */
	INQ_LIMIT,       /* larger than a named limit */
	INQ_UNSUPPORTED, /* understood, but not something that we do */
	INQ_NO_MEMORY,
	INQ_OS,          /* a system call failed; os_errno says how */
	INQ_USAGE,       /* the caller's words are off (arguments, commands, expressions) */
};

enum { INQ_ERROR_TEXT = 512 };

struct inq_error {
	enum inq_status status;
	int os_errno; /* errno of the failed call for INQ_OS, else 0 */
	char text[INQ_ERROR_TEXT];
};

/* Set the record and return the status, so that a finder can write: return inq_fail(err, ...);
 * Text that does not fit is cut with "..." at its end. Async-signal-unsafe (vsnprintf). */
enum inq_status inq_fail(struct inq_error *err, enum inq_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: keeps errno, appends ": " and its words. EACCES and EPERM become
 * INQ_DENIED, ENOMEM INQ_NO_MEMORY, all else INQ_OS. */
enum inq_status inq_fail_os(struct inq_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Put "format: " before what the record says, and return the record's status. */
enum inq_status inq_prepend(struct inq_error *err, enum inq_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "bad data", "absent", ...; a constant. */
const char *inq_status_name(enum inq_status status);

#endif
