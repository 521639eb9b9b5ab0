/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * File descriptors of a process, out of the bytes of /proc/PID/fd, fdinfo and net.
 *
 * The link says what it leads to, fdinfo the position, the flags and what is particular to the kind
 * (proc(5)), the tables of the process's network namespace the ends of a socket. A table that was
 * cut or a descriptor that was closed meanwhile leaves facts out, never a descriptor.
 */
#ifndef INQ_TARGET_HANDLES_H
#define INQ_TARGET_HANDLES_H

#include "support/buffer.h"
#include "support/error.h"
#include "target/proc_files.h"
#include "target/target.h"

struct inq_handle_list {
	struct inq_handle *items; /* by number; texts are owned by the list */
	size_t count;
	struct inq_buffer texts;
};

/**
 * @files  sorted; borrowed only during the call
 * @event  an event descriptor that the process has only for the talk with us, left out; 0 none
 * @ret    owned by the caller: inq_handles_done(); untouched on failure
 *
 * INQ_ABSENT: not a single descriptor was listed. INQ_NO_MEMORY.
 */
enum inq_status inq_handles_make(const struct inq_proc_files *files, uint32_t event, struct inq_handle_list *ret,
				 struct inq_error *err);
void inq_handles_done(struct inq_handle_list *list); /* accepts NULL and a zeroed one */

/* handles_sockets.c: the lines of all tables by their inodes, borrowing the files' bytes; and one socket: its name
 * ("tcp 10.0.0.1:80 -> 10.0.0.2:4711 ESTABLISHED") and details are appended to the buffers, which stay as they are
 * for one that no table has. */
void inq_sockets_index(const struct inq_proc_files *files, struct inq_buffer *ret);
void inq_sockets_tell(const struct inq_buffer *index, uint64_t inode, struct inq_buffer *name,
		      struct inq_buffer *details);

/* handles_ends.c: who has a pipe or unix socket open, of the process itself and of others, borrowing the files' bytes;
 * those of one inode, as lines of details ("peer: process 4711 (cat), descriptor 5"), the descriptors of its own only
 * for sockets; and the inode of a unix socket's peer, 0 if it is not known. */
void inq_ends_index(const struct inq_proc_files *files, struct inq_buffer *ret);
void inq_ends_tell(const struct inq_buffer *index, bool is_socket, uint64_t inode, struct inq_buffer *details);
uint64_t inq_ends_peer(const struct inq_proc_files *files, uint64_t inode);

#endif
