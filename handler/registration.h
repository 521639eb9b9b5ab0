/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Who handles crashes: kernel.core_pattern, kernel.core_pipe_limit, and what makes them survive a reboot.
 *
 * The kernel accepts patterns that it cannot use, so every value is read back after it was written, and what was
 * there before is put back if anything fails on the way. What was there before us is remembered in a root-only
 * file and comes back with disable. One caller at a time: a lock on a root-only file.
 */
#ifndef INQ_HANDLER_REGISTRATION_H
#define INQ_HANDLER_REGISTRATION_H

#include "handler/core_args.h"
#include "support/error.h"

#include <stdbool.h>
#include <stdint.h>

#define INQ_HELPER INQ_HANDLERDIR "/inquest-core"
#define INQ_SYSCTL_FILE "/etc/sysctl.d/90-inquest.conf"
#define INQ_REGISTER_STATE INQ_STATEDIR "/register.state"
#define INQ_REGISTER_LOCK INQ_STATEDIR "/register.lock"

/* The kernel's settings as they are. */
struct inq_kernel_settings {
	char pattern[INQ_CORE_PATTERN_MAX + 2]; /* without the newline */
	uint64_t pipe_limit;
	uint64_t suid_dumpable;
};

enum inq_status inq_kernel_settings_read(struct inq_kernel_settings *ret, struct inq_error *err);

/* Set pattern and limit and read them back; on failure what was there is put back as far as that is possible. */
enum inq_status inq_kernel_settings_write(const char *pattern, uint64_t pipe_limit, struct inq_error *err);

/* Who a pattern hands crashes to. */
enum inq_pattern_owner {
	INQ_PATTERN_FILE,    /* a core file */
	INQ_PATTERN_NOBODY,  /* empty */
	INQ_PATTERN_INQUEST, /* a program called inquest-core */
	INQ_PATTERN_SYSTEMD,
	INQ_PATTERN_APPORT,
	INQ_PATTERN_ABRT,
	INQ_PATTERN_OTHER,   /* some other program */
	INQ_PATTERN_SOCKET,  /* a server behind a socket (Linux 6.16 and later) */
};

enum inq_pattern_owner inq_pattern_owner(const char *pattern);
const char *inq_pattern_owner_name(enum inq_pattern_owner owner); /* "systemd-coredump"; a constant */

/* The program that a pattern starts: "/usr/lib/x" of "|/usr/lib/x %P"; "" if it starts none. */
void inq_pattern_program(const char *pattern, char to[INQ_CORE_PATTERN_MAX + 1]);

/**
 * May the kernel be told to run this program? It must be a regular file, executable, root's, with nothing on the
 * way to it that anyone but root can change.
 *
 * INQ_ABSENT, INQ_DENIED, INQ_UNSUPPORTED, each with words.
 */
enum inq_status inq_helper_check(const char *path, struct inq_error *err);

/* Are we where these settings mean the whole machine? INQ_DENIED "in another pid namespace", ... */
enum inq_status inq_namespaces_check(struct inq_error *err);

/* Does this kernel hand out pidfds of crashed processes (%F)? Asked of the kernel, not of its version. */
bool inq_kernel_has_coredump_pidfd(void);

/* The three things that are done, under the lock. enable: @pipe_limit of the configuration; @ret_replaced is who
 * was there before, inquest itself where nothing changed. disable: @ret_left says who handles crashes now; if
 * that is not inquest any more when disable is called, the pattern is left as it is. */
enum inq_status inq_register_enable(uint64_t pipe_limit, enum inq_pattern_owner *ret_replaced, struct inq_error *err);
enum inq_status inq_register_disable(enum inq_pattern_owner *ret_left, struct inq_error *err);

/* Is the file there that brings the pattern back at the next boot? */
bool inq_register_survives_reboot(void);

#endif
