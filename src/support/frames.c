/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/frames.h"

#include "support/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
	FOOTER = 9,           /* frame count, descriptor, magic */
	SKIPPABLE_HEADER = 8, /* magic, size */
	ENTRY = 8,
	ENTRY_CHECKED = 12,
	UNPACK_CHUNK = 128 * 1024,
	WINDOW_LOG_MAX = 25, /* 32 MiB; zstd's levels up to 19 use 8 MiB */
};

#define MAGIC_FRAME 0xfd2fb528u
#define MAGIC_SKIPPABLE 0x184d2a50u /* to ...5f */
#define MAGIC_TABLE 0x184d2a5eu
#define MAGIC_FOOTER 0x8f92eab1u

struct frame {
	uint64_t stored;   /* offset in the stored bytes */
	uint64_t unpacked; /* offset in the unpacked bytes */
};

struct inq_frames {
	ZSTD_DCtx *zstd;
	uint8_t *packed;      /* room for the largest stored frame */
	struct frame *frames; /* count + 1: the last is the end of all */
	size_t count;
	size_t largest;
	size_t largest_stored;
};

enum inq_status inq_raw_read(const struct inq_raw *raw, uint64_t offset, void *to, size_t size,
			     size_t *ret_done, struct inq_error *err)
{
	size_t done = 0;

	if (offset >= raw->size)
		size = 0;
	else if (size > raw->size - offset)
		size = (size_t)(raw->size - offset);
	if (raw->fd < 0) {
		if (size)
			memcpy(to, raw->bytes + offset, size);
		*ret_done = size;
		return INQ_OK;
	}
	while (done < size) {
		ssize_t got =
			pread(raw->fd, (uint8_t *)to + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && done == 0)
			return inq_fail_os(err, "read at 0x%llx", (unsigned long long)offset);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	*ret_done = done;
	return INQ_OK;
}

/* All of it, or bad data. */
static enum inq_status read_exactly(const struct inq_raw *raw, uint64_t offset, void *to,
				    size_t size, struct inq_error *err)
{
	size_t done = 0;
	enum inq_status status = inq_raw_read(raw, offset, to, size, &done, err);

	if (status == INQ_OK && done != size)
		return inq_fail(err, INQ_BAD_DATA, "ends at 0x%llx",
				(unsigned long long)(offset + done));
	return status;
}

bool inq_frames_begin(const struct inq_raw *raw)
{
	uint8_t bytes[4] = {0};
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0, NULL);
	uint32_t magic;

	if (read_exactly(raw, 0, bytes, sizeof(bytes), NULL) != INQ_OK)
		return false;
	magic = inq_cursor_u32(&cursor);
	return magic == MAGIC_FRAME || (magic & ~0xfu) == MAGIC_SKIPPABLE;
}

void inq_frames_free(struct inq_frames *frames)
{
	if (!frames)
		return;
	ZSTD_freeDCtx(frames->zstd);
	free(frames->packed);
	free(frames->frames);
	free(frames);
}

uint64_t inq_frames_size(const struct inq_frames *frames)
{
	return frames->frames[frames->count].unpacked;
}

size_t inq_frames_largest(const struct inq_frames *frames)
{
	return frames->largest ? frames->largest : 1;
}

/* Where the table lies, from the footer. */
struct table {
	uint64_t at; /* of the skippable frame */
	size_t count;
	size_t entry; /* bytes of one */
};

static enum inq_status find_table(const struct inq_raw *raw, struct table *ret,
				  struct inq_error *err)
{
	uint8_t bytes[FOOTER] = {0};
	struct inq_cursor cursor =
		inq_cursor_make(bytes, sizeof(bytes), raw->size - FOOTER, "seek table");
	uint8_t header[SKIPPABLE_HEADER] = {0};
	struct inq_cursor head = inq_cursor_make(header, sizeof(header), 0, "seek table");
	enum inq_status status;
	uint64_t size;
	uint8_t descriptor;

	if (raw->size < FOOTER + SKIPPABLE_HEADER)
		return INQ_ABSENT;
	status = read_exactly(raw, raw->size - FOOTER, bytes, sizeof(bytes), err);
	if (status != INQ_OK)
		return status;
	ret->count = inq_cursor_u32(&cursor);
	descriptor = inq_cursor_u8(&cursor);
	if (inq_cursor_u32(&cursor) != MAGIC_FOOTER)
		return INQ_ABSENT;
	if (descriptor & 0x7c)
		return inq_fail(err, INQ_BAD_DATA, "seek table: reserved bits 0x%x are set",
				descriptor & 0x7cu);
	ret->entry = descriptor & 0x80 ? ENTRY_CHECKED : ENTRY;
	size = (uint64_t)ret->count * ret->entry + FOOTER;
	if (size + SKIPPABLE_HEADER > raw->size)
		return inq_fail(err, INQ_BAD_DATA,
				"seek table: %zu frames, more than the file can hold", ret->count);
	ret->at = raw->size - size - SKIPPABLE_HEADER;
	status = read_exactly(raw, ret->at, header, sizeof(header), err);
	if (status != INQ_OK)
		return status;
	if (inq_cursor_u32(&head) != MAGIC_TABLE || inq_cursor_u32(&head) != size)
		return inq_fail(err, INQ_BAD_DATA, "seek table: no frame of 0x%llx bytes at 0x%llx",
				(unsigned long long)size, (unsigned long long)ret->at);
	return INQ_OK;
}

/* Add the entries up; they must end where the table begins. INQ_ABSENT: a frame that is too large
 * to be cached. */
static enum inq_status add_up(struct inq_frames *frames, const struct table *table,
			      const uint8_t *entries, struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(entries, table->count * table->entry,
						   table->at + SKIPPABLE_HEADER, "seek table");
	struct frame at = {0, 0};

	for (size_t i = 0; i < table->count; i++) {
		uint32_t stored = inq_cursor_u32(&cursor), unpacked = inq_cursor_u32(&cursor);

		inq_cursor_skip(&cursor, table->entry - ENTRY);
		frames->frames[i] = at;
		if (unpacked > INQ_FRAME_MAX)
			return INQ_ABSENT;
		if (stored > table->at - at.stored)
			return inq_fail(err, INQ_BAD_DATA, "seek table: frame %zu runs past 0x%llx",
					i, (unsigned long long)table->at);
		at.stored += stored;
		at.unpacked += unpacked;
		if (unpacked > frames->largest)
			frames->largest = unpacked;
		if (unpacked && stored > frames->largest_stored)
			frames->largest_stored = stored;
	}
	frames->frames[table->count] = at;
	frames->count = table->count;
	if (at.stored != table->at)
		return inq_fail(err, INQ_BAD_DATA,
				"seek table: its frames end at 0x%llx, not at 0x%llx",
				(unsigned long long)at.stored, (unsigned long long)table->at);
	/* What a frame of that size can be compressed to at most: a larger one holds something
	 * else. */
	if (frames->largest_stored > ZSTD_compressBound(INQ_FRAME_MAX))
		return inq_fail(err, INQ_BAD_DATA, "seek table: a frame of %zu stored bytes",
				frames->largest_stored);
	return INQ_OK;
}

static enum inq_status build(struct inq_frames *frames, const struct inq_raw *raw,
			     struct inq_error *err)
{
	struct table table = {0};
	enum inq_status status = find_table(raw, &table, err);
	uint8_t *entries;

	if (status != INQ_OK)
		return status;
	entries = malloc(table.count * table.entry + 1);
	frames->frames = calloc(table.count + 1, sizeof(*frames->frames));
	frames->zstd = ZSTD_createDCtx();
	if (!entries || !frames->frames || !frames->zstd) {
		free(entries);
		return inq_fail(err, INQ_NO_MEMORY, "seek table: no memory");
	}
	status = read_exactly(raw, table.at + SKIPPABLE_HEADER, entries, table.count * table.entry,
			      err);
	if (status == INQ_OK)
		status = add_up(frames, &table, entries, err);
	free(entries);
	if (status != INQ_OK)
		return status;
	frames->packed = malloc(frames->largest_stored + 1);
	return frames->packed ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "seek table: no memory");
}

enum inq_status inq_frames_open(const struct inq_raw *raw, struct inq_frames **ret,
				struct inq_error *err)
{
	struct inq_frames *frames = calloc(1, sizeof(*frames));
	enum inq_status status;

	if (!frames)
		return inq_fail(err, INQ_NO_MEMORY, "seek table: no memory");
	status = build(frames, raw, err);
	if (status != INQ_OK) {
		inq_frames_free(frames);
		return status;
	}
	*ret = frames;
	return INQ_OK;
}

size_t inq_frames_find(const struct inq_frames *frames, uint64_t offset, uint64_t *ret_start,
		       size_t *ret_size)
{
	size_t low = 0, high = frames->count;

	/* The last frame that begins at or before the offset; empty ones begin there too, and lie
	 * before it. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (frames->frames[middle].unpacked <= offset)
			low = middle;
		else
			high = middle;
	}
	*ret_start = frames->frames[low].unpacked;
	*ret_size = (size_t)(frames->frames[low + 1].unpacked - *ret_start);
	return low;
}

enum inq_status inq_frames_read(struct inq_frames *frames, const struct inq_raw *raw, size_t frame,
				void *to, struct inq_error *err)
{
	const struct frame *at = &frames->frames[frame];
	size_t stored = (size_t)(at[1].stored - at[0].stored),
	       unpacked = (size_t)(at[1].unpacked - at[0].unpacked);
	enum inq_status status = read_exactly(raw, at->stored, frames->packed, stored, err);
	size_t got;

	if (status != INQ_OK)
		return status;
	got = ZSTD_decompressDCtx(frames->zstd, to, unpacked, frames->packed, stored);
	if (ZSTD_isError(got))
		return inq_fail(err, INQ_BAD_DATA, "compressed frame at 0x%llx: %s",
				(unsigned long long)at->stored, ZSTD_getErrorName(got));
	if (got != unpacked)
		return inq_fail(err, INQ_BAD_DATA,
				"compressed frame at 0x%llx: %zu bytes, the seek table says %zu",
				(unsigned long long)at->stored, got, unpacked);
	return INQ_OK;
}

/* --- without a table ----------------------------------------------------------------- */

static int open_nameless(struct inq_error *err)
{
	const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int fd = folders[i] ? open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

		if (fd >= 0)
			return fd;
		/* A confined process may open nothing; memory will do, up to its limit on files. */
		fd = errno == EPERM ? memfd_create("unpacked", MFD_CLOEXEC) : -1;
		if (fd >= 0)
			return fd;
	}
	inq_fail_os(err, "no folder for a temporary file (TMPDIR, /var/tmp, /tmp)");
	return -1;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static enum inq_status write_out(int fd, uint64_t offset, const uint8_t *bytes, size_t size,
				 struct inq_error *err)
{
	/* Runs of zeroes become holes: full dumps are full of them, and a bomb of zeroes costs no
	 * disk. */
	if (is_zero(bytes, size))
		return INQ_OK;
	while (size) {
		ssize_t put = pwrite(fd, bytes, size, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return inq_fail_os(err, "unpacking into a temporary file");
		bytes += put;
		offset += (uint64_t)put;
		size -= (size_t)put;
	}
	return INQ_OK;
}

static enum inq_status zstd_failed(size_t code, uint64_t at, struct inq_error *err)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
		return inq_fail(
			err, INQ_LIMIT,
			"compressed with a window of more than 32 MiB; unpack it with zstd -d");
	return inq_fail(err, INQ_BAD_DATA, "compressed data at 0x%llx: %s", (unsigned long long)at,
			ZSTD_getErrorName(code));
}

/* Everything that one chunk of input unpacks to. */
static enum inq_status unpack_chunk(ZSTD_DCtx *zstd, ZSTD_inBuffer *in, uint64_t in_at,
				    uint8_t *room, int fd, uint64_t limit, uint64_t *size,
				    struct inq_error *err)
{
	ZSTD_outBuffer out;

	do {
		out = (ZSTD_outBuffer){room, UNPACK_CHUNK, 0};
		size_t code = ZSTD_decompressStream(zstd, &out, in);
		enum inq_status status;

		if (ZSTD_isError(code))
			return zstd_failed(code, in_at + in->pos, err);
		if (out.pos > limit - *size)
			return inq_fail(err, INQ_LIMIT, "unpacks to more than %llu GiB",
					(unsigned long long)(limit >> 30));
		status = write_out(fd, *size, room, out.pos, err);
		if (status != INQ_OK)
			return status;
		*size += out.pos;
	} while (in->pos < in->size || out.pos == out.size);
	return INQ_OK;
}

static enum inq_status unpack_all(ZSTD_DCtx *zstd, const struct inq_raw *raw, uint8_t *room, int fd,
				  uint64_t limit, uint64_t *size, struct inq_error *err)
{
	for (uint64_t at = 0; at < raw->size;) {
		ZSTD_inBuffer in = {room + UNPACK_CHUNK, 0, 0};
		enum inq_status status =
			inq_raw_read(raw, at, room + UNPACK_CHUNK, UNPACK_CHUNK, &in.size, err);

		if (status != INQ_OK || in.size == 0)
			return status;
		status = unpack_chunk(zstd, &in, at, room, fd, limit, size, err);
		if (status != INQ_OK)
			return status;
		at += in.size;
	}
	return INQ_OK;
}

enum inq_status inq_frames_unpack(const struct inq_raw *raw, uint64_t limit, int *ret_fd,
				  uint64_t *ret_size, struct inq_error *err)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	uint8_t *room = malloc(2 * UNPACK_CHUNK);
	enum inq_status status = INQ_NO_MEMORY;
	uint64_t size = 0;
	int fd = -1;

	if (!zstd || !room) {
		inq_fail(err, status, "no memory to unpack");
	} else if ((fd = open_nameless(err)) < 0) {
		status = err ? err->status : INQ_OS;
	} else {
		ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
		status = unpack_all(zstd, raw, room, fd, limit, &size, err);
		if (status == INQ_OK && ftruncate(fd, (off_t)size) != 0)
			status = inq_fail_os(err, "unpacking into a temporary file");
	}
	ZSTD_freeDCtx(zstd);
	free(room);
	if (status != INQ_OK) {
		if (fd >= 0)
			close(fd);
		return status;
	}
	*ret_fd = fd;
	*ret_size = size;
	return INQ_OK;
}
