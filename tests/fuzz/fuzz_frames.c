/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Seek tables and frames of any bytes: what a table claims is what its frames give, or a status.
 * Unpacking without a table is held to 1 MiB.
 */
#include "support/frames.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_frames(struct inq_frames *frames, const struct inq_raw *raw)
{
	uint64_t at = 0, total = inq_frames_size(frames), start;
	size_t size, frame, largest = inq_frames_largest(frames);
	uint8_t *room = malloc(largest);

	for (unsigned reads = 0; room && at < total && reads < 16; reads++) {
		frame = inq_frames_find(frames, at, &start, &size);
		if (start > at || at - start >= size || size > largest)
			abort();
		inq_frames_read(frames, raw, frame, room, NULL);
		at = start + size;
	}
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct inq_raw raw = {.fd = -1, .bytes = bytes, .size = size};
	struct inq_frames *frames = NULL;
	uint64_t unpacked = 0;
	int fd = -1;

	if (inq_frames_open(&raw, &frames, NULL) == INQ_OK) {
		read_frames(frames, &raw);
		inq_frames_free(frames);
	}
	if (inq_frames_begin(&raw) &&
	    inq_frames_unpack(&raw, 1 << 20, &fd, &unpacked, NULL) == INQ_OK) {
		if (unpacked > 1 << 20)
			abort();
		close(fd);
	}
	return 0;
}
