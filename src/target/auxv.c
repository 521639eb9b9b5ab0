/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/auxv.h"

#include "support/cursor.h"

#include <elf.h>

bool inq_auxv_find(const void *auxv, size_t size, unsigned pointer_size, uint64_t type,
		   uint64_t *ret)
{
	struct inq_cursor cursor = inq_cursor_make(auxv, auxv ? size : 0, 0, "auxv");

	while (inq_cursor_left(&cursor) >= 2 * pointer_size) {
		uint64_t key = inq_cursor_word(&cursor, pointer_size);
		uint64_t value = inq_cursor_word(&cursor, pointer_size);

		if (key == type) {
			*ret = value;
			return true;
		}
		if (key == AT_NULL)
			break;
	}
	return false;
}
