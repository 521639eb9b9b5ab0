/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Where dumps are kept, who may see them, and how many there may be.
 *
 *     dumps/                 root 0711          nobody but root lists who has crashed
 *     dumps/1000/            root 0750 + ACL    user 1000 may list and enter it, and write nothing
 *     dumps/1000/python3.4711.20261121T123543Z.dmp    1000 0600
 *     dumps/1000-root/       root 0700          what user 1000 set off, but only root may read
 *     dumps/1000/.places     root 0600          locks: how many dumps of this user are being written
 *     dumps/.reserve         root 0600          space for a last word when the disk is full
 *
 * A directory is an account: limits count within it and eviction stays in it, so that no user's crashes push
 * out another's dumps, and no flood of them pushes out what root should see. The account is the *real* user id
 * that the kernel gave; whether the dump goes to the `-root` side is decided by handler/authority.h, once. The
 * directories belong to root, so no user can add, rename or delete an entry; the reading right of the user is
 * an ACL entry, because a group would let the group's other members in. On a file system without ACLs the
 * directory is 0711: the user opens a dump by its name and cannot list.
 *
 * Every level from "/" on is opened with O_NOFOLLOW and must belong to root and not be writable by group or
 * others; all checks are made on descriptors. A dump is born without a name (O_TMPFILE; where the file system
 * has none, under a random one that no listing shows), and gets its name only when it is complete and synced.
 *
 * Of what an attacker controls only the program's name gets into a file name, reduced to [A-Za-z0-9_+-] and
 * INQ_SPOOL_PROGRAM bytes; pid and time come from the kernel.
 *
 * The part up to the listing allocates nothing. Not async-signal-safe.
 */
#ifndef INQ_SPOOL_SPOOL_H
#define INQ_SPOOL_SPOOL_H

#include "spool/config.h"
#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_SPOOL_PROGRAM = 32,    /* bytes of the program's part of a name */
	INQ_SPOOL_NAME = 96,       /* bytes of a name, NUL included */
	INQ_SPOOL_RESERVE = 16384, /* bytes of the reserve file, and so of a last word */
	INQ_SPOOL_SCAN = 1 << 20,  /* entries of one directory that are looked at */
	INQ_SPOOL_PLACES = 32,     /* dumps of one account that inquest-collect writes at a time */
};

/* --- names ------------------------------------------------------------------------------------- */

struct inq_spool_name {
	char program[INQ_SPOOL_PROGRAM + 1];
	uint32_t pid;
	int64_t time;     /* seconds since 1970 */
	unsigned serial;  /* 0, or 1 to 99 where the same program, pid and second came before */
};

/* Reduce raw bytes of a program's name; at most `size` bytes, up to a NUL. Nothing left: "unknown". */
void inq_spool_program(const char *raw, size_t size, char to[INQ_SPOOL_PROGRAM + 1]);

/* "python3.4711.20261121T123543Z.dmp", or "...Z-1.dmp" for a serial; always fits. */
void inq_spool_name_format(const struct inq_spool_name *name, char to[INQ_SPOOL_NAME]);

/* The inverse; false for anything that format() would not have written. */
bool inq_spool_name_parse(const char *text, struct inq_spool_name *ret);

/* --- writing (root) ---------------------------------------------------------------------------- */

struct inq_spool {
	int fd; /* the verified root directory, -1 when closed */
};

/* Whose account a dump is in, and who owns the file. */
struct inq_spool_account {
	uint32_t uid, gid; /* real ids of the crashed process, as the kernel gave them */
	bool root_only;    /* the file belongs to root, in the `-root` directory */
};

/**
 * Open the spool; prepare makes what is missing of its last level, the mode and the reserve first.
 *
 * @path  absolute
 *
 * INQ_ABSENT: no such directory. INQ_DENIED: "'/var/lib': writable by others", the first level that is not
 * safe. INQ_UNSUPPORTED: a level is not a directory (a symbolic link too). INQ_OS.
 */
enum inq_status inq_spool_open(const char *path, struct inq_spool *ret, struct inq_error *err);
enum inq_status inq_spool_prepare(const char *path, struct inq_spool *ret, struct inq_error *err);
void inq_spool_close(struct inq_spool *spool);

/* A dump that is being written. */
struct inq_spool_file {
	int fd;         /* read and write, mode 0600 root until published; -1: none */
	int directory;  /* the account's */
	char temporary[INQ_SPOOL_NAME]; /* its name on file systems without O_TMPFILE, else "" */
};

/**
 * Make an unnamed, empty file in an account; takes some 50 microseconds, since a process is held meanwhile.
 *
 * INQ_DENIED: the account's directory is not safe. INQ_OS with os_errno ENOSPC, EDQUOT, EROFS, EIO: no file can be
 * made; nothing is left behind.
 */
enum inq_status inq_spool_create(const struct inq_spool *spool, const struct inq_spool_account *account,
				 struct inq_spool_file *ret, struct inq_error *err);

/**
 * Make room for what will be written into it.
 *
 * @expected  bytes; they are reserved (fallocate), so that the disk cannot fill while the dump is half written
 *
 * The account's oldest dumps are removed first, until count, bytes and the free space to keep allow for
 * `expected` bytes more. INQ_LIMIT: they do not, even so (or `expected` is over max_dump). INQ_OS. The file stays
 * the caller's to abandon.
 */
enum inq_status inq_spool_reserve(const struct inq_spool_file *file, const struct inq_config *config,
				  uint64_t expected, struct inq_error *err);

/**
 * Once it is written: keep to the account's limits with this dump among them. Its oldest dumps are removed first.
 *
 * INQ_LIMIT: the file is over max_dump, or the account cannot hold it even so. INQ_OS. The file stays the caller's to
 * abandon.
 */
enum inq_status inq_spool_settle(const struct inq_spool_file *file, const struct inq_config *config,
				 struct inq_error *err);

/**
 * Take one of the account's INQ_SPOOL_PLACES, so that what is not counted yet, since it has no name, is bounded as well.
 *
 * @ret_fd  the place, until it is closed or its process ends; the caller's to close
 *
 * The locks are on a file that only root may open, and each account has its own: whoever fills all places keeps nobody
 * out but himself. INQ_LIMIT: all are taken. INQ_OS.
 */
enum inq_status inq_spool_enter(const struct inq_spool_file *file, int *ret_fd, struct inq_error *err);

/* The only one of the account that settles and publishes, until the place is closed: else several would each find room
 * for one. Waits a second at most, since no lock is worth a hang. */
void inq_spool_alone(int place);

/**
 * Sync the file, give it to its owner, and then its name. The serial is chosen so that the name is new.
 *
 * What was reserved beyond the file's size is given back.
 *
 * @ret_name   the name that it got
 *
 * On failure the file is abandoned: nothing is left under any name. INQ_OS, INQ_LIMIT (100 names taken).
 */
enum inq_status inq_spool_publish(struct inq_spool_file *file, const struct inq_spool_account *account,
				  const struct inq_spool_name *name, char ret_name[INQ_SPOOL_NAME],
				  struct inq_error *err);

/* Drop the file and its space. Accepts one that is already closed. */
void inq_spool_abandon(struct inq_spool_file *file);

/**
 * Keep a last word (a minimal dump of at most INQ_SPOOL_RESERVE bytes) where create or publish had no space:
 * it is written over the reserve file, whose blocks and inode exist already, and that gets the name. One is
 * made again when a later dump succeeds.
 *
 * INQ_ABSENT: the reserve is used up, or another process is using it. INQ_OS.
 */
enum inq_status inq_spool_last_word(const struct inq_spool *spool, const struct inq_spool_account *account,
				    const void *bytes, size_t size, const struct inq_spool_name *name,
				    char ret_name[INQ_SPOOL_NAME], struct inq_error *err);

/* Make the reserve if it is not there; failing is no error of the caller's. */
void inq_spool_refill(const struct inq_spool *spool);

/* --- listing ----------------------------------------------------------------------------------- */

struct inq_spool_entry {
	char *path;                  /* the whole path */
	const char *file;            /* its last component, within path */
	struct inq_spool_name name;
	uint32_t uid;                /* the account */
	bool root_only;
	uint64_t size;               /* bytes */
};

/* An entry that is not a dump, and why: "symbolic link", "2 links", "owned by 1001"... */
struct inq_spool_skipped {
	char *path;
	const char *reason;          /* constant */
};

struct inq_spool_list {
	struct inq_spool_entry *entries; /* newest first */
	size_t count;
	struct inq_spool_skipped *skipped;
	size_t skipped_count;
};

/**
 * What the viewer may read: everything for root (uid 0), else the viewer's own account. Entries count only if
 * they are regular files with one link, owned by whom they should be, with a name that we would have written.
 * Temporary files and the reserve are passed over in silence.
 *
 * @ret  owned by the caller: inq_spool_list_free()
 *
 * INQ_OK with no entries where the viewer has no account. INQ_ABSENT: no spool. INQ_DENIED: the spool is not
 * safe, or this viewer's account cannot be listed (no ACLs). INQ_NO_MEMORY, INQ_OS.
 */
enum inq_status inq_spool_list(const char *path, uint32_t viewer, struct inq_spool_list **ret,
			       struct inq_error *err);
void inq_spool_list_free(struct inq_spool_list *list);

/**
 * The one entry that is meant: "last" is the newest, else a prefix of the file's name; a prefix that is a
 * whole program name prefers the newest dump of that program. NULL and words in `err` where none matches
 * (INQ_ABSENT) or several do (INQ_USAGE, naming two).
 */
const struct inq_spool_entry *inq_spool_find(const struct inq_spool_list *list, const char *wanted,
					     struct inq_error *err);

/* Open an entry for reading, and check again on the descriptor what the listing checked. -1 and `err`. */
int inq_spool_entry_open(const struct inq_spool_entry *entry, struct inq_error *err);

#endif
