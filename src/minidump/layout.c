/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Field widths of the structures of format.h and context.h; a test holds them against the
 * structures' sizes. */
const char inq_layout_thread[] = "4*4 8 8 4*2 4*2";
const char inq_layout_thread_name[] = "4 8";
const char inq_layout_thread_info[] = "4*4 8*6";
const char inq_layout_module[] = "8 4*4 4*13 4*2 4*2 8*2";
const char inq_layout_unloaded[] = "8 4*4";
const char inq_layout_exception[] = "4*2 4*2 8*2 4*2 8*15 4*2";
const char inq_layout_system[] = "2*3 1*2 4*5 2*2"; /* then the processor's */
const char inq_layout_cpu_x86[] = "4*6";
const char inq_layout_cpu_other[] = "8*2 1*8";
const char inq_layout_misc[] = "4*15 4 2*32 2*8 4 2*32 2*8 4 2*260 2*40 4*2 8 4*128 4";
const char inq_layout_memory[] = "8 4*2";
const char inq_layout_memory64_list[] = "8*2";
const char inq_layout_memory64[] = "8*2";
const char inq_layout_memory_info_list[] = "4*2 8";
const char inq_layout_memory_info[] = "8*2 4*2 8 4*4";
const char inq_layout_handle[] = "8 4*8";
const char inq_layout_words[] = "4*64"; /* whatever has 32-bit fields only */
const char inq_layout_assertion[] = "2*384 4*2";
const char inq_layout_dso_debug32[] = "4*6";
const char inq_layout_dso_debug64[] = "4*4 8*3";
const char inq_layout_link_map32[] = "4*3";
const char inq_layout_link_map64[] = "8 4*2 8";
const char inq_layout_crashpad[] = "4 4 2*2 1*8 4 2*2 1*8 4*4 4 8";
const char inq_layout_crashpad_annotation[] = "4 2*2 4";
const char inq_layout_guid_age[] = "4 4 2*2 1*8 4";
const char inq_layout_context_x86[] = "4*7 4*7 1*80 4 4*4 4*6 4*6 1*512";
const char inq_layout_context_amd64[] =
	"8*6 4*2 2*6 4 8*6 8*16 8 2*2 1*2 2 4 2*2 4 2*2 4*2 8*48 1*96 8*52 8 8*5";
const char inq_layout_context_arm[] = "4*18 8*33 4*8";
const char inq_layout_context_arm_windows[] = "4*20 8*32 4*20";
const char inq_layout_context_arm64[] = "4*2 8*33 8*64 4*2 4*8 8*8 4*2 8*2";
const char inq_layout_context_arm64_old[] = "8*34 4*3 8*64";

/* Take the next field off a layout; false at its end. */
static bool next_field(const char **layout, size_t *ret_width, size_t *ret_count)
{
	const char *at = *layout;
	char *end;

	while (*at == ' ')
		at++;
	if (!isdigit((unsigned char)*at))
		return false;
	*ret_width = (size_t)(*at++ - '0');
	*ret_count = 1;
	if (*at == '*') {
		*ret_count = strtoul(at + 1, &end, 10);
		at = end;
	}
	*layout = at;
	return true;
}

size_t inq_layout_size(const char *layout)
{
	size_t width, count, size = 0;

	while (next_field(&layout, &width, &count))
		size += width * count;
	return size;
}

static void swap_field(uint8_t *bytes, size_t width)
{
	for (size_t i = 0; i < width / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[width - 1 - i];
		bytes[width - 1 - i] = byte;
	}
}

static void swap(uint8_t *bytes, size_t size, const char *layout)
{
	size_t width, count, at = 0;

	while (next_field(&layout, &width, &count)) {
		for (size_t i = 0; i < count && at + width <= size; i++, at += width)
			swap_field(bytes + at, width);
	}
}

enum inq_status inq_dump_load(struct inq_dump *dump, uint64_t offset, void *to, size_t size,
			      const char *layout, struct inq_error *err)
{
	size_t done = 0;
	enum inq_status status = inq_file_read(dump->file, offset, to, size, &done, err);

	if (status != INQ_OK)
		return status;
	if (done != size)
		return inq_fail(err, INQ_BAD_DATA,
				"0x%zx bytes wanted at 0x%llx, the file ends at 0x%llx", size,
				(unsigned long long)offset,
				(unsigned long long)dump->header.file_size);
	if (dump->header.swapped)
		swap(to, size, layout);
	return INQ_OK;
}
