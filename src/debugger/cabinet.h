/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * CAB packages ([MS-CAB]), as `.dump /b` makes them and as WinDbg's users send them: written by
 * libgcab, read here.
 *
 * Reading is of bytes from strangers and happens in the confined process: bounded, by pread, one
 * folder of MSZIP (or stored) blocks, each block's checksum verified. Writing is of files that were
 * opened before, under names that are bare and safe to unpack anywhere. Not async-signal-safe.
 */
#ifndef INQ_DEBUGGER_CABINET_H
#define INQ_DEBUGGER_CABINET_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_file;
struct inq_raw;

/* Bytes, unpacked and all together: a folder has at most 65,535 blocks of 32 KiB, and libgcab
 * writes one folder. */
#define CABINET_MOST (65535ull * 32768)

enum { CABINET_NAME = 200 }; /* of a file inside, with its NUL; [MS-CAB] allows 256 */

struct cabinet_entry {
	const char *name; /* of cabinet_safe_name() */
	int fd;		  /* read from its start, borrowed; -1: the bytes */
	const void *bytes;
	size_t size; /* of either */
};

/* Can CABs be written (was it built with libgcab)? INQ_UNSUPPORTED says what to do. */
enum inq_status cabinet_writable(struct inq_error *err);

/**
 * Write a CAB of the entries into an empty file.
 *
 * @to  a regular file, open for reading and writing; borrowed. On failure it holds anything.
 *
 * INQ_LIMIT: more than CABINET_MOST bytes. INQ_OS: errno kept where libgcab tells it (disk full).
 * INQ_UNSUPPORTED: built without libgcab.
 */
enum inq_status cabinet_write(const struct cabinet_entry *entries, size_t count, int to,
			      struct inq_error *err);

/* The last part of a path as it may be called inside: no folders, drives, controls, invalid UTF-8,
 * leading '.' or '-'; never empty. */
void cabinet_safe_name(const char *path, char to[CABINET_NAME]);

/* Do these bytes begin a CAB? */
bool cabinet_begins(const void *head, size_t size);

/**
 * Unpack the dump of a CAB: the first file in it that is called like one (.dmp, .mdmp, .hdmp,
 * .core).
 *
 * @raw       borrowed
 * @to        an empty regular file, open for writing; blocks of zeroes become holes
 * @ret_name  what it is called inside, raw bytes
 * @ret_size  bytes
 *
 * INQ_ABSENT: there is none. INQ_BAD_DATA: damaged. INQ_UNSUPPORTED: packed with LZX or Quantum, or
 * the dump goes on in another CAB (cabextract unpacks those). INQ_OS: the file could not be
 * written.
 */
enum inq_status cabinet_unpack(const struct inq_raw *raw, int to, char ret_name[CABINET_NAME],
			       uint64_t *ret_size, struct inq_error *err);

/**
 * Open the dump of a CAB: unpacked into memory that goes with the file.
 *
 * @fd    the CAB; owned from here on, also on failure
 * @name  how messages call it
 * @ret   owned by the caller: inq_file_close(); its name is "NAME: FILE"
 *
 * As cabinet_unpack().
 */
enum inq_status cabinet_open(int fd, const char *name, struct inq_file **ret,
			     struct inq_error *err);

#endif
