/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form is [MS-CAB] 2.2 and, for the blocks, [MS-MCI]: "CK" and a deflate stream whose window is
 * the block before. */
#include "config.h"

#include "debugger/cabinet.h"

#include "support/cursor.h"
#include "support/file.h"
#include "support/frames.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
	HEADER = 36,
	FOLDER = 8,
	ENTRY = 16,	       /* CFFILE without its name */
	DATA = 8,	       /* CFDATA without its bytes */
	BLOCK = 32768,	       /* bytes unpacked, at most */
	PACKED = BLOCK + 6144, /* bytes packed, at most ([MS-CAB] 2.2) */
	NAME = 256,	       /* with its NUL */
	HAS_PREVIOUS = 1,
	HAS_NEXT = 2,
	HAS_RESERVE = 4,
	METHOD = 15,
	STORED = 0,
	MSZIP = 1,
	CONTINUED = 0xfffd, /* folder numbers from here on: the file is in another CAB, too */
};

struct cabinet {
	const struct inq_raw *raw;
	uint64_t size; /* bytes that the header tells of, of those that are there */
	uint32_t files_at, folders_at;
	unsigned folders, files;
	unsigned folder_reserve, data_reserve;
};

struct member {
	char name[NAME];
	uint32_t size, offset; /* in the unpacked folder */
	unsigned folder;
};

/* A folder on its way through the blocks. */
struct unpacking {
	const struct cabinet *cabinet;
	uint64_t at;   /* of the next CFDATA */
	unsigned left; /* blocks */
	unsigned method;
	z_stream stream;
	uint8_t packed[PACKED], plain[2][BLOCK];
	unsigned now; /* which of the two is the last block's */
	size_t size;  /* bytes of the last block */
};

static enum inq_status load(const struct inq_raw *raw, uint64_t offset, void *to, size_t size,
			    struct inq_error *err)
{
	size_t done = 0;
	enum inq_status status = inq_raw_read(raw, offset, to, size, &done, err);

	if (status == INQ_OK && done < size)
		status = inq_fail(
			err, INQ_BAD_DATA, "CAB: ends at 0x%llx, %zu bytes wanted at 0x%llx",
			(unsigned long long)(offset + done), size, (unsigned long long)offset);
	return status;
}

bool cabinet_begins(const void *head, size_t size)
{
	return size >= 4 && memcmp(head, "MSCF", 4) == 0;
}

/* --- the tables ---------------------------------------------------------------------------- */

/* Two names behind the header for each neighbour that a set of CABs has. */
static enum inq_status skip_neighbours(const struct inq_raw *raw, unsigned flags, uint64_t *at,
				       struct inq_error *err)
{
	int names = (flags & HAS_PREVIOUS ? 2 : 0) + (flags & HAS_NEXT ? 2 : 0);

	for (; names; names--) {
		char name[NAME];
		size_t done = 0;
		enum inq_status status = inq_raw_read(raw, *at, name, sizeof(name), &done, err);

		if (status != INQ_OK)
			return status;
		if (!memchr(name, 0, done))
			return inq_fail(err, INQ_BAD_DATA,
					"CAB: the name of a neighbour does not end");
		*at += strlen(name) + 1;
	}
	return INQ_OK;
}

static enum inq_status read_header(const struct inq_raw *raw, struct cabinet *ret,
				   struct inq_error *err)
{
	uint8_t bytes[HEADER], reserve[4] = {0};
	uint64_t at = HEADER;
	enum inq_status status = load(raw, 0, bytes, sizeof(bytes), err);
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0, "CAB");
	unsigned flags, header_reserve;

	if (status != INQ_OK)
		return status;
	if (!cabinet_begins(bytes, sizeof(bytes)))
		return inq_fail(err, INQ_UNSUPPORTED, "no CAB");
	*ret = (struct cabinet){.raw = raw};
	inq_cursor_seek(&cursor, 8);
	ret->size = inq_cursor_u32(&cursor);
	inq_cursor_seek(&cursor, 16);
	ret->files_at = inq_cursor_u32(&cursor);
	inq_cursor_seek(&cursor, 26);
	ret->folders = inq_cursor_u16(&cursor);
	ret->files = inq_cursor_u16(&cursor);
	flags = inq_cursor_u16(&cursor);
	if (flags & HAS_RESERVE) {
		status = load(raw, at, reserve, sizeof(reserve), err);
		at += sizeof(reserve);
	}
	if (status != INQ_OK)
		return status;
	header_reserve = reserve[0] | (unsigned)reserve[1] << 8;
	ret->folder_reserve = reserve[2];
	ret->data_reserve = reserve[3];
	at += header_reserve;
	status = skip_neighbours(raw, flags, &at, err);
	ret->folders_at = (uint32_t)at;
	return status;
}

static bool is_called_like_a_dump(const char *name)
{
	static const char *const endings[] = {".dmp", ".mdmp", ".hdmp", ".core"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (strcasecmp(dot, endings[i]) == 0)
			return true;
	}
	return false;
}

static enum inq_status find_dump(const struct cabinet *cabinet, struct member *ret,
				 struct inq_error *err)
{
	uint64_t at = cabinet->files_at;

	for (unsigned i = 0; i < cabinet->files; i++) {
		uint8_t bytes[ENTRY];
		struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), at, "CAB");
		size_t done = 0;
		enum inq_status status = load(cabinet->raw, at, bytes, sizeof(bytes), err);

		if (status == INQ_OK)
			status = inq_raw_read(cabinet->raw, at + ENTRY, ret->name,
					      sizeof(ret->name), &done, err);
		if (status != INQ_OK)
			return status;
		if (!memchr(ret->name, 0, done))
			return inq_fail(err, INQ_BAD_DATA, "CAB: the name of file %u does not end",
					i);
		ret->size = inq_cursor_u32(&cursor);
		ret->offset = inq_cursor_u32(&cursor);
		ret->folder = inq_cursor_u16(&cursor);
		if (is_called_like_a_dump(ret->name))
			return INQ_OK;
		at += ENTRY + strlen(ret->name) + 1;
	}
	return inq_fail(err, INQ_ABSENT,
			"CAB: none of its %u files is called like a dump (.dmp, .core)",
			cabinet->files);
}

static enum inq_status begin_folder(const struct cabinet *cabinet, const struct member *member,
				    struct unpacking *ret, struct inq_error *err)
{
	uint8_t bytes[FOLDER];
	struct inq_cursor cursor = inq_cursor_make(bytes, sizeof(bytes), 0, "CAB");
	unsigned method;
	enum inq_status status;

	if (member->folder >= CONTINUED)
		return inq_fail(err, INQ_UNSUPPORTED,
				"CAB: the dump goes on in another CAB; cabextract unpacks it");
	if (member->folder >= cabinet->folders)
		return inq_fail(err, INQ_BAD_DATA, "CAB: the dump is in folder %u of %u",
				member->folder, cabinet->folders);
	status = load(cabinet->raw,
		      cabinet->folders_at +
			      (uint64_t)member->folder * (FOLDER + cabinet->folder_reserve),
		      bytes, sizeof(bytes), err);
	if (status != INQ_OK)
		return status;
	ret->cabinet = cabinet;
	ret->at = inq_cursor_u32(&cursor);
	ret->left = inq_cursor_u16(&cursor);
	method = inq_cursor_u16(&cursor);
	ret->method = method & METHOD;
	if (ret->method != STORED && ret->method != MSZIP)
		return inq_fail(err, INQ_UNSUPPORTED, "CAB: packed with %s; cabextract unpacks it",
				ret->method == 2   ? "Quantum"
				: ret->method == 3 ? "LZX"
						   : "an unknown method");
	if (ret->method == MSZIP && inflateInit2(&ret->stream, -MAX_WBITS) != Z_OK)
		return inq_fail(err, INQ_NO_MEMORY, "CAB: no memory");
	return INQ_OK;
}

/* --- one block ----------------------------------------------------------------------------- */

/* [MS-CAB] 3.1: words exclusive-ored; the one to three bytes that are left, the first one highest.
 */
static uint32_t checksum(const uint8_t *bytes, size_t size, uint32_t sum)
{
	uint32_t rest = 0;

	for (; size >= 4; size -= 4, bytes += 4)
		sum ^= bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		       (uint32_t)bytes[3] << 24;
	for (; size; size--)
		rest = rest << 8 | *bytes++;
	return sum ^ rest;
}

static enum inq_status inflate_block(struct unpacking *unpacking, size_t packed, size_t plain,
				     struct inq_error *err)
{
	z_stream *stream = &unpacking->stream;
	const uint8_t *before = unpacking->plain[unpacking->now];
	int result;

	if (packed < 2 || memcmp(unpacking->packed, "CK", 2) != 0)
		return inq_fail(err, INQ_BAD_DATA, "CAB: the block before 0x%llx is no MSZIP",
				(unsigned long long)unpacking->at);
	unpacking->now ^= 1;
	inflateReset(stream);
	if (unpacking->size)
		inflateSetDictionary(stream, before, (uInt)unpacking->size);
	stream->next_in = unpacking->packed + 2;
	stream->avail_in = (uInt)(packed - 2);
	stream->next_out = unpacking->plain[unpacking->now];
	stream->avail_out = BLOCK;
	result = inflate(stream, Z_FINISH);
	if (result != Z_STREAM_END || stream->avail_out != BLOCK - plain)
		return inq_fail(err, INQ_BAD_DATA, "CAB: the block before 0x%llx is damaged",
				(unsigned long long)unpacking->at);
	return INQ_OK;
}

static enum inq_status next_block(struct unpacking *unpacking, struct inq_error *err)
{
	const struct cabinet *cabinet = unpacking->cabinet;
	uint8_t head[DATA];
	struct inq_cursor cursor = inq_cursor_make(head, sizeof(head), unpacking->at, "CAB");
	enum inq_status status;
	uint32_t sum;
	size_t packed, plain;

	if (!unpacking->left)
		return inq_fail(err, INQ_BAD_DATA, "CAB: its blocks end before the dump does");
	unpacking->left--;
	status = load(cabinet->raw, unpacking->at, head, sizeof(head), err);
	if (status != INQ_OK)
		return status;
	sum = inq_cursor_u32(&cursor);
	packed = inq_cursor_u16(&cursor);
	plain = inq_cursor_u16(&cursor);
	/* No bytes unpacked: the block goes on in the next CAB of a set. */
	if (!packed || packed > PACKED || !plain || plain > BLOCK ||
	    (unpacking->method == STORED && plain != packed))
		return inq_fail(err, INQ_BAD_DATA, "CAB: a block of %zu bytes, %zu unpacked",
				packed, plain);
	status = load(cabinet->raw, unpacking->at + DATA + cabinet->data_reserve, unpacking->packed,
		      packed, err);
	if (status != INQ_OK)
		return status;
	/* The reserved bytes count, too; nobody has any in a CAB of dumps. */
	if (sum && !cabinet->data_reserve &&
	    checksum(head + 4, 4, checksum(unpacking->packed, packed, 0)) != sum)
		return inq_fail(err, INQ_BAD_DATA,
				"CAB: the block at 0x%llx does not have its checksum",
				(unsigned long long)unpacking->at);
	unpacking->at += DATA + cabinet->data_reserve + packed;
	if (unpacking->method == MSZIP) {
		status = inflate_block(unpacking, packed, plain, err);
	} else {
		unpacking->now = 0;
		memcpy(unpacking->plain[0], unpacking->packed, plain);
	}
	unpacking->size = plain;
	return status;
}

/* --- the dump ------------------------------------------------------------------------------ */

static enum inq_status put(int to, const uint8_t *bytes, size_t size, uint64_t offset,
			   struct inq_error *err)
{
	if (!size || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0))
		return INQ_OK;
	for (size_t at = 0; at < size;) {
		ssize_t done = pwrite(to, bytes + at, size - at, (off_t)(offset + at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return inq_fail_os(err, "CAB: unpacking its dump");
		at += (size_t)done;
	}
	return INQ_OK;
}

static enum inq_status copy_member(struct unpacking *unpacking, const struct member *member, int to,
				   struct inq_error *err)
{
	uint64_t start = member->offset, end = start + member->size, at = 0;
	enum inq_status status = INQ_OK;

	while (status == INQ_OK && at < end) {
		status = next_block(unpacking, err);
		if (status == INQ_OK && at + unpacking->size > start) {
			size_t skip = at < start ? (size_t)(start - at) : 0;
			size_t stop =
				at + unpacking->size < end ? unpacking->size : (size_t)(end - at);

			status = put(to, unpacking->plain[unpacking->now] + skip, stop - skip,
				     at + skip - start, err);
		}
		at += unpacking->size;
	}
	if (status == INQ_OK && ftruncate(to, (off_t)member->size) < 0)
		status = inq_fail_os(err, "CAB: unpacking its dump");
	return status;
}

enum inq_status cabinet_unpack(const struct inq_raw *raw, int to, char ret_name[CABINET_NAME],
			       uint64_t *ret_size, struct inq_error *err)
{
	struct unpacking *unpacking = calloc(1, sizeof(*unpacking));
	struct cabinet cabinet;
	struct member member;
	enum inq_status status;

	if (!unpacking)
		return inq_fail(err, INQ_NO_MEMORY, "CAB: no memory");
	status = read_header(raw, &cabinet, err);
	if (status == INQ_OK)
		status = find_dump(&cabinet, &member, err);
	if (status == INQ_OK)
		status = begin_folder(&cabinet, &member, unpacking, err);
	if (status == INQ_OK)
		status = copy_member(unpacking, &member, to, err);
	inflateEnd(&unpacking->stream);
	free(unpacking);
	if (status != INQ_OK)
		return status;
	snprintf(ret_name, CABINET_NAME, "%.*s", CABINET_NAME - 1, member.name);
	*ret_size = member.size;
	return INQ_OK;
}

enum inq_status cabinet_open(int fd, const char *name, struct inq_file **ret, struct inq_error *err)
{
	struct inq_raw raw = {.fd = fd};
	char inside[CABINET_NAME], called[2 * CABINET_NAME + 256];
	enum inq_status status = INQ_OK;
	struct stat st;
	uint64_t size;
	int memory = memfd_create("inquest-cab", MFD_CLOEXEC);

	if (memory < 0 || fstat(fd, &st) < 0)
		status = inq_fail_os(err, "CAB");
	if (status == INQ_OK) {
		raw.size = (uint64_t)st.st_size;
		status = cabinet_unpack(&raw, memory, inside, &size, err);
	}
	close(fd);
	if (status != INQ_OK) {
		if (memory >= 0)
			close(memory);
		return inq_prepend(err, status, "'%s'", name);
	}
	snprintf(called, sizeof(called), "%s: %s", name, inside);
	return inq_file_open_fd(memory, called, ret, err);
}
