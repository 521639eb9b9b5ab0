/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "symbols/minidebug.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LZMA
#include <lzma.h>

static enum inq_status unpack(struct inq_object *image, struct inq_bytes packed, uint8_t *to, size_t size,
			      size_t *ret_size, struct inq_error *err)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret result = lzma_stream_decoder(&stream, INQ_MINIDEBUG_MAX, 0);

	if (result == LZMA_OK) {
		stream.next_in = packed.data;
		stream.avail_in = packed.size;
		stream.next_out = to;
		stream.avail_out = size;
		result = lzma_code(&stream, LZMA_FINISH);
		*ret_size = size - stream.avail_out;
	}
	lzma_end(&stream);
	if (result == LZMA_STREAM_END)
		return INQ_OK;
	return inq_fail(err, result == LZMA_MEMLIMIT_ERROR || result == LZMA_OK ? INQ_LIMIT : INQ_BAD_DATA,
			"'%s': section .gnu_debugdata: damaged or too large", inq_object_name(image));
}

enum inq_status inq_minidebug_open(struct inq_object *image, struct inq_object **ret, struct inq_error *err)
{
	struct inq_bytes packed;
	enum inq_status status =
		inq_object_load(image, inq_object_section(image, ".gnu_debugdata"), &packed, err);
	size_t size = 0, limit;
	uint8_t *data;

	if (status != INQ_OK)
		return status;
	/* xz packs symbol tables to about a fifth. */
	limit = packed.size > INQ_MINIDEBUG_MAX / 32 ? (size_t)INQ_MINIDEBUG_MAX : packed.size * 32;
	data = malloc(limit + 1);
	if (!data)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': section .gnu_debugdata", inq_object_name(image));
	status = unpack(image, packed, data, limit, &size, err);
	if (status == INQ_OK)
		status = inq_object_open_bytes(data, size, inq_object_name(image), ret, err);
	free(data);
	return status;
}

#else

enum inq_status inq_minidebug_open(struct inq_object *image, struct inq_object **ret, struct inq_error *err)
{
	(void)ret;
	if (!inq_object_section(image, ".gnu_debugdata"))
		return inq_fail(err, INQ_ABSENT, "'%s': no .gnu_debugdata", inq_object_name(image));
	return inq_fail(err, INQ_UNSUPPORTED, "'%s': section .gnu_debugdata: built without liblzma",
			inq_object_name(image));
}

#endif
