/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Everything of /proc/PID that a dump is made of, as bytes and descriptors: what the privileged part of a
 * collector and the broker of a live debugger read, before anything is interpreted.
 *
 * All files are opened through directories that the caller opened and showed to be the right process's; a
 * directory of /proc never shows a successor (ESRCH once the process is gone). Bytes are taken as they are, up to
 * limits. Not async-signal-safe (allocation).
 */
#ifndef INQ_TARGET_GATHER_H
#define INQ_TARGET_GATHER_H

#include "support/buffer.h"
#include "target/dying.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/utsname.h>

struct inq_gathered {
	struct inq_dying_source source; /* points into what follows */
	struct inq_buffer texts[INQ_DYING_TEXT_COUNT];
	struct inq_dying_thread *threads;
	struct utsname kernel;
	char executable[4097];
	struct inq_proc_file *wanted; /* what inq_gather_wanted() read, sorted */
	size_t wanted_count;
};

/**
 * Read and open; pieces that cannot be had are missing in the source, and that is all.
 *
 * @process  /proc/PID, or -1: nothing but what is the machine's
 * @files    the same, or task/TID where the main thread has already ended
 * @ret      zeroed by this; the numbers of the source (ids, signal, time) are the caller's to fill in
 */
void inq_gather(int process, int files, struct inq_gathered *ret);

/* The same without the list of threads, which the caller has from stopping them (target/stop.h). */
void inq_gather_but_threads(int process, int files, struct inq_gathered *ret);

/**
 * Read what letters ask for beyond the plain dump, into the source's `files` and `wants`.
 *
 * @wants  enum inq_proc_want
 * @ret    of inq_gather(); once
 *
 * Limits: 65,536 descriptors, 16 MiB of a table of sockets, 128 MiB in all; what is beyond is missing. Never waits
 * for a server of a file system (AT_STATX_DONT_SYNC).
 */
void inq_gather_wanted(int process, int files, uint32_t wants, struct inq_gathered *ret);

struct inq_ends_options {
	unsigned deadline_ms; /* other processes are looked at for no longer than this */
	uint32_t skip[2];     /* processes that are not looked at: itself, a copy of it; 0 none */
	bool one_owner;       /* only processes of `owner`: who asks may see more than who will read */
	uid_t owner;
};

/**
 * Ask the kernel for the peers of its unix sockets, behind inq_gather_wanted(): a file "peers", of lines
 * "INODE PEER'S INODE". While the process is there: a socket that is closed has no peer.
 *
 * Nothing without INQ_PROC_HANDLES, and nothing of another network namespace than the caller's.
 */
void inq_gather_peers(int process, int files, struct inq_gathered *ret);

/**
 * Look who else has its pipes, and the peers of its sockets: a file "ends", of lines "LINK PID DESCRIPTOR MODE NAME"
 * (cut: the time was over). The process may run meanwhile, or be gone.
 */
void inq_gather_ends(const struct inq_ends_options *options, struct inq_gathered *ret);

/* Add a file to those that were read; false without memory. Keeps them sorted. */
bool inq_gathered_add(struct inq_gathered *gathered, const char *name, const void *data, size_t size, bool cut);
void inq_gathered_wanted_done(struct inq_gathered *gathered); /* part of inq_gathered_done() */

/* The descriptors of a source, those that are open: what a confined process has to keep. */
enum { INQ_SOURCE_DESCRIPTORS = 8 };
size_t inq_source_descriptors(const struct inq_dying_source *source, int to[INQ_SOURCE_DESCRIPTORS]);

/* Closes and frees all that it holds. */
void inq_gathered_done(struct inq_gathered *gathered);

/* For one file: open below a directory (-1: fails), never a link's target or a terminal; and up to `size` bytes of a
 * small one, -1 on failure. */
int inq_gather_open(int directory, const char *name, int flags);
ssize_t inq_gather_small(int directory, const char *name, char *to, size_t size);

/* A text whose size is not known before, behind what `to` holds: at most `limit` bytes, *ret_cut where there were more.
 * false: it cannot be read, or no memory; `to` may hold a part. */
bool inq_gather_text(int directory, const char *name, size_t limit, struct inq_buffer *to, bool *ret_cut);

/* Call `each` for every thread; false if the directory could not be read to its end, or `each` said so. */
bool inq_gather_each_thread(int process, bool (*each)(int tasks, const char *tid, void *user), void *user);

#endif
