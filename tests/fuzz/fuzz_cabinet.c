/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A CAB from a stranger: unpacked into memory, whatever it says. */
#include "config.h"

#include "debugger/cabinet.h"
#include "support/frames.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct inq_raw raw = {.fd = -1, .bytes = data, .size = size};
	char name[CABINET_NAME];
	uint64_t unpacked;
	int to = memfd_create("fuzz", MFD_CLOEXEC);

	if (to < 0)
		return 0;
	cabinet_unpack(&raw, to, name, &unpacked, NULL);
	close(to);
	return 0;
}
