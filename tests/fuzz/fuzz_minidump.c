/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every accessor of the minidump reader on any bytes. The walk itself checks what the reader
 *promises of memory ranges. Compressed inputs are left out: what libFuzzer would find there is how
 *large zeroes unpack.
 *
 *	make_minidump_seeds corpus && fuzz_minidump -max_len=65536 corpus
 */
#include "dump_walk.h"

#include "minidump/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	int opened;

	if (inq_dump_is_minidump(bytes, size))
		dump_walk(bytes, size, &opened);
	return 0;
}
