/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHF_COMPRESSED (gABI, "Section Compression") and GNU's older .zdebug form, with a bound on what comes out. */
#include "symbols/image_private.h"

#include <elf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2 /* glibc 2.37 */
#endif

static bool unpack_zlib(const uint8_t *packed, size_t packed_size, uint8_t *to, size_t size)
{
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed, .next_out = to};
	int result;

	if (packed_size > UINT_MAX || size > UINT_MAX || inflateInit(&stream) != Z_OK)
		return false;
	stream.avail_in = (uInt)packed_size;
	stream.avail_out = (uInt)size;
	result = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return result == Z_STREAM_END && stream.total_out == size;
}

static bool unpack_zstd(const uint8_t *packed, size_t packed_size, uint8_t *to, size_t size)
{
	return ZSTD_decompress(to, size, packed, packed_size) == size;
}

/* The header before the packed bytes: which method, and how much it says will come out. */
static bool parse_header(const struct inq_image *image, struct inq_cursor *cursor, bool gnu,
			 uint32_t *ret_method, uint64_t *ret_size)
{
	if (gnu) {
		const uint8_t *magic = inq_cursor_bytes(cursor, 4);

		if (!magic || memcmp(magic, "ZLIB", 4))
			return false;
		cursor->swap = true; /* the size is big-endian */
		*ret_method = ELFCOMPRESS_ZLIB;
		*ret_size = inq_cursor_u64(cursor);
		return !cursor->bad;
	}
	*ret_method = inq_cursor_u32(cursor);
	if (image->is_64)
		inq_cursor_skip(cursor, 4);
	*ret_size = inq_cursor_word(cursor, image->is_64 ? 8 : 4);
	inq_cursor_skip(cursor, image->is_64 ? 8 : 4); /* ch_addralign */
	return !cursor->bad;
}

enum inq_status image_unpack(const struct inq_image *image, const char *name, const uint8_t *packed,
			     size_t packed_size, bool gnu, uint64_t limit, uint8_t **ret, size_t *ret_size,
			     struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(packed, packed_size, 0, name);
	uint32_t method = 0;
	uint64_t size = 0;
	uint8_t *data;
	bool done;

	if (!parse_header(image, &cursor, gnu, &method, &size))
		return inq_fail(err, INQ_BAD_DATA, "section %s: damaged compression header", name);
	if (method != ELFCOMPRESS_ZLIB && method != ELFCOMPRESS_ZSTD)
		return inq_fail(err, INQ_UNSUPPORTED, "section %s: compression method %u", name, method);
	if (limit > IMAGE_MAX_BYTES)
		limit = IMAGE_MAX_BYTES;
	if (size > limit)
		return inq_fail(err, INQ_LIMIT, "section %s: unpacks to 0x%llx bytes, at most 0x%llx", name,
				(unsigned long long)size, (unsigned long long)limit);
	data = malloc(size ? (size_t)size : 1);
	if (!data)
		return inq_fail(err, INQ_NO_MEMORY, "section %s: no memory", name);
	done = method == ELFCOMPRESS_ZLIB
		       ? unpack_zlib(packed + cursor.at, packed_size - cursor.at, data, (size_t)size)
		       : unpack_zstd(packed + cursor.at, packed_size - cursor.at, data, (size_t)size);
	if (!done) {
		free(data);
		return inq_fail(err, INQ_BAD_DATA, "section %s: does not unpack to the 0x%llx bytes it promises",
				name, (unsigned long long)size);
	}
	*ret = data;
	*ret_size = (size_t)size;
	return INQ_OK;
}
