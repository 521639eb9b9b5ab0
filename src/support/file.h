/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A file that is only read, at any offset, whether it is plain or compressed with zstd.
 *
 * Plain files are read through a small cache of blocks (never mapped: a file that is truncated while we
 * read it must not kill us). A zstd file with a seek table (the seekable format of zstd's contrib, skippable
 * frame 0x184D2A5E, footer magic 0x8F92EAB1) is decompressed frame by frame on demand; one without a table
 * is decompressed once into an unlinked temporary file, up to INQ_FILE_MAX_UNPACKED.
 *
 * One reader at a time. Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_FILE_H
#define INQ_SUPPORT_FILE_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INQ_FILE_MAX_UNPACKED (64ull << 30) /* bytes of a compressed file without a seek table */

struct inq_file;

/**
 * Open a path, or take over a descriptor.
 *
 * @path  what to open; O_NOCTTY|O_NONBLOCK|O_CLOEXEC, must be a regular file
 * @fd    open for reading, owned by the file from here on, also on failure
 * @name  how messages call it; copied
 * @ret   new file, owned by the caller: inq_file_close()
 *
 * INQ_ABSENT: no such path. INQ_UNSUPPORTED: not a regular file. INQ_BAD_DATA: damaged compression.
 */
enum inq_status inq_file_open(const char *path, struct inq_file **ret, struct inq_error *err);
enum inq_status inq_file_open_fd(int fd, const char *name, struct inq_file **ret, struct inq_error *err);

/* The same over bytes in memory, borrowed until close (tests, fuzzing). */
enum inq_status inq_file_open_bytes(const void *bytes, size_t size, const char *name, struct inq_file **ret,
				    struct inq_error *err);
void inq_file_close(struct inq_file *file);

const char *inq_file_name(const struct inq_file *file);
uint64_t inq_file_size(const struct inq_file *file); /* uncompressed bytes */
uint64_t inq_file_time(const struct inq_file *file); /* last written, seconds since 1970; 0 unknown (bytes in memory) */
uint64_t inq_file_stored_size(const struct inq_file *file); /* bytes as it was opened, compressed or not */
bool inq_file_is_compressed(const struct inq_file *file);

/**
 * Read up to `size` bytes at `offset`.
 *
 * @ret_done  bytes read; less than `size` only at the end of the file or where it is damaged
 *
 * INQ_OK also for a short read. INQ_OS, INQ_BAD_DATA: nothing could be read there.
 */
enum inq_status inq_file_read(struct inq_file *file, uint64_t offset, void *to, size_t size,
			      size_t *ret_done, struct inq_error *err);

/* All of it or INQ_BAD_DATA "'name': ends at 0x..., 0x... bytes wanted at 0x...". */
enum inq_status inq_file_read_all(struct inq_file *file, uint64_t offset, void *to, size_t size,
				  struct inq_error *err);

#endif
