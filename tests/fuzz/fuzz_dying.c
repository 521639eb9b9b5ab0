/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A dying process of any bytes, all the way into a dump. Input: a byte of coredump_filter, 16 bits
 * that say how long the text is that stands for maps, stat, smaps and the rest, the text, then what
 * comes through the pipe. Memory is the input again at low addresses, zeroes elsewhere.
 */
#include "config.h"

#include "capture/capture.h"
#include "privacy/veil.h"
#include "target/dying.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void dump(struct inq_target *target)
{
	static const struct inq_veil_policy everything = {INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_FULL};
	const struct inq_dump_options options = {INQ_DUMP_F, "mF"};
	struct inq_capture_report report;
	struct inq_error err;
	struct inq_veil *veil;
	int out = memfd_create("dump", MFD_CLOEXEC);

	if (out < 0 || inq_veil_new(target, &everything, &veil, &err) != INQ_OK)
		abort();
	/* Nothing that a process does may keep its dump from being written. */
	if (inq_capture(veil, &options, out, NULL, &report, &err) != INQ_OK) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	inq_veil_free(veil);
	close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct inq_dying_source source = {
		.cpuinfo_fd = -1,
		.os_release_fd = -1, .pagemap_fd = -1,
		.pid = 1,
		.tid = 1,
		.signal = 11,
		.dump_time = 1000000,
	};
	struct inq_target *target;
	char filter[9];
	size_t text;

	if (size < 3)
		return 0;
	snprintf(filter, sizeof(filter), "%08x", bytes[0]);
	text = bytes[1] | (size_t)bytes[2] << 8;
	bytes += 3;
	size -= 3;
	if (text > size)
		text = size;
	for (unsigned i = 0; i < INQ_DYING_TEXT_COUNT; i++)
		source.texts[i] = (struct inq_dying_bytes){(const char *)bytes, text, false};
	source.texts[INQ_DYING_COREDUMP_FILTER] = (struct inq_dying_bytes){filter, 8, false};
	source.core_fd = file_of(bytes + text, size - text);
	source.smaps_fd = file_of(bytes, text);
	source.mem_fd = file_of(bytes, size);
	if (ftruncate(source.mem_fd, INT64_MAX) != 0)
		abort();
	if (inq_target_open_dying(&source, &target, NULL) != INQ_OK)
		abort();
	dump(target);
	inq_target_free(target);
	close(source.core_fd);
	close(source.smaps_fd);
	close(source.mem_fd);
	return 0;
}
