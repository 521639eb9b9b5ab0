/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/value.h"

#include <string.h>

enum { SMALL = 4096 };

/* One byte all over, as allocators and debuggers fill what was freed or never used. */
static bool is_freed_pattern(uint64_t value)
{
	static const uint8_t fills[] = {0x5a, 0x6b, 0xa5, 0xab, 0xcc, 0xcd, 0xdd, 0xe5, 0xfd, 0xfe};
	uint8_t fill = (uint8_t)value;

	if ((uint32_t)value == 0xdeadbeef || (uint32_t)value == 0xfeeefeee)
		return true;
	/* Near it too: a field of a freed structure. */
	if (value >> 16 != fill * 0x010101010101ull)
		fill = (uint8_t)(value >> 56);
	return value >> 16 == fill * 0x010101010101ull && memchr(fills, fill, sizeof(fills));
}

enum inq_value_class inq_value_class(uint64_t value, const struct inq_region *region, bool on_stack)
{
	if (!value)
		return INQ_VALUE_NULL;
	if (value < SMALL || value > (uint64_t)-SMALL)
		return INQ_VALUE_SMALL;
	if (is_freed_pattern(value))
		return INQ_VALUE_FREED;
	if ((uint64_t)((int64_t)(value << 16) >> 16) != value)
		return INQ_VALUE_NON_CANONICAL;
	if (!region)
		return INQ_VALUE_UNMAPPED;
	if (region->flags & INQ_REGION_STACK || on_stack)
		return INQ_VALUE_STACK;
	if (region->protection & INQ_PROT_EXEC)
		return INQ_VALUE_CODE;
	if (region->inode || region->flags & INQ_REGION_IMAGE)
		return INQ_VALUE_DATA;
	if (region->protection & INQ_PROT_WRITE)
		return INQ_VALUE_HEAP;
	return INQ_VALUE_MAPPED;
}

const char *inq_value_word(uint8_t class)
{
	static const char *const words[INQ_VALUE_COUNT] = {
		[INQ_VALUE_NULL] = "null", [INQ_VALUE_SMALL] = "small", [INQ_VALUE_STACK] = "stack",
		[INQ_VALUE_HEAP] = "heap", [INQ_VALUE_CODE] = "code", [INQ_VALUE_DATA] = "data",
		[INQ_VALUE_MAPPED] = "mapped", [INQ_VALUE_UNMAPPED] = "unmapped",
		[INQ_VALUE_NON_CANONICAL] = "noncanonical", [INQ_VALUE_FREED] = "freed",
	};

	return class < INQ_VALUE_COUNT ? words[class] : NULL;
}
