/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the writing and the listing side of the spool agree on; and the walk down a path that only root can change,
 * which inquest-register takes to its helper too.
 */
#ifndef INQ_SPOOL_RULES_H
#define INQ_SPOOL_RULES_H

#include "spool/spool.h"

#include <sys/stat.h>

enum { INQ_SPOOL_DIRECTORY = 24 }; /* bytes of an account's directory name, NUL included */

#define INQ_SPOOL_RESERVE_NAME ".reserve"
#define INQ_SPOOL_PLACES_NAME ".places"
#define INQ_SPOOL_TEMPORARY ".new-" /* and 32 hexadecimal digits */

/* Open an absolute path level by level, none of them a link, each root's and writable by root alone. A viewer
 * who may not list the last level passes flags with O_PATH. -1 and `err`. */
int inq_spool_walk(const char *path, int flags, bool make_last, enum inq_status *ret_status,
		   struct inq_error *err);

/* The rule for one directory; `what` names it in the message. */
enum inq_status inq_spool_check_directory(int fd, const char *what, struct inq_error *err);

/* "1000" or "1000-root", and back. Root's own account has one side only: "0". */
void inq_spool_account_name(const struct inq_spool_account *account, char to[INQ_SPOOL_DIRECTORY]);
bool inq_spool_account_parse(const char *text, struct inq_spool_account *ret);

/* Why a directory entry of an account is no dump, or NULL if it is one. */
const char *inq_spool_refuse(const struct stat *st, const struct inq_spool_account *account);

/* Which of two dumps is older: <0, 0, >0. */
int inq_spool_name_compare(const struct inq_spool_name *a, const struct inq_spool_name *b);

#endif
