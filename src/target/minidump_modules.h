/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The modules of a minidump, loaded and unloaded ones in one list.
 */
#ifndef INQ_TARGET_MINIDUMP_MODULES_H
#define INQ_TARGET_MINIDUMP_MODULES_H

#include "support/error.h"
#include "target/target.h"

#include <stddef.h>

struct inq_dump;

/* By base; where they overlap, as the dump has them (unloaded ones lie where others are now). `ret`
 * is freed with free(), its strings are the dump's. INQ_ABSENT: neither list is there. Else as
 * inq_dump_modules(). */
enum inq_status inq_minidump_modules(struct inq_dump *dump, enum inq_os os, struct inq_module **ret,
				     size_t *ret_count, struct inq_error *err);

/* LLDB gives a module the size of its first segment: let each go as far as its file is mapped
 * without another's in between, and .bss behind it is left out. Regions sorted by base. */
void inq_minidump_modules_widen(struct inq_module *modules, size_t count,
				const struct inq_region *regions, size_t region_count);

#endif
