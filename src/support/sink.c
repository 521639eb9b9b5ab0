/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/sink.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static enum inq_status write_fd(struct inq_sink *sink, uint64_t offset, const void *bytes,
				size_t size, struct inq_error *err)
{
	while (size) {
		ssize_t put = pwrite(sink->fd, bytes, size, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = ENOSPC; /* POSIX leaves open what it means; never loop on it */
		if (put <= 0)
			return inq_fail_os(err, "write at 0x%llx", (unsigned long long)offset);
		bytes = (const uint8_t *)bytes + put;
		offset += (uint64_t)put;
		size -= (size_t)put;
	}
	return INQ_OK;
}

struct inq_sink *inq_sink_fd(struct inq_sink *sink, int fd)
{
	*sink = (struct inq_sink){.write = write_fd, .fd = fd};
	return sink;
}

bool inq_sink_is_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

size_t inq_sink_run(const uint8_t *bytes, size_t size, uint64_t offset, bool *ret_zero)
{
	size_t at = 0;

	while (at < size) {
		size_t part = INQ_SINK_PAGE - (size_t)((offset + at) % INQ_SINK_PAGE);
		bool zero;

		if (part > size - at)
			part = size - at;
		zero = part == INQ_SINK_PAGE && inq_sink_is_zero(bytes + at, part);
		if (at == 0)
			*ret_zero = zero;
		else if (zero != *ret_zero)
			break;
		at += part;
	}
	return at;
}
