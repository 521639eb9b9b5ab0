/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The dynamic loader's list of modules, walked in a target's memory: program headers -> PT_DYNAMIC
 * -> DT_DEBUG
 * -> r_debug -> link_map. All of it may be overwritten: the walk is bounded, ends at a cycle, and
 * gives what it found until then.
 */
#ifndef INQ_TARGET_LINK_MAP_H
#define INQ_TARGET_LINK_MAP_H

#include "support/error.h"
#include "target/target.h"

#include <stdint.h>

enum {
	INQ_LINKS_MAX = 16384,	      /* modules */
	INQ_LINK_NAME_MAX = 4096,     /* bytes of a name */
	INQ_LINK_NAMES_MAX = 4 << 20, /* bytes of all names */
};

struct inq_link_list {
	struct inq_link_map map; /* map.links and their names are owned by the list */
	struct inq_link *links;
	char *names;
};

/**
 * Walk. Memory comes from inq_target_read(); words are of pointer_size (4 or 8) bytes,
 * little-endian.
 *
 * @phdr, @phnum  AT_PHDR and AT_PHNUM of the process
 *
 * INQ_ABSENT: no PT_DYNAMIC, no DT_DEBUG, or the loader has not filled it in (a static program, a
 * crash before the loader was ready). INQ_FAULT: the headers, the dynamic section or r_debug could
 * not be read. INQ_BAD_DATA: they make no sense. INQ_NO_MEMORY.
 */
enum inq_status inq_link_list_walk(struct inq_target *target, uint64_t phdr, uint64_t phnum,
				   unsigned pointer_size, struct inq_link_list *ret,
				   struct inq_error *err);
void inq_link_list_done(struct inq_link_list *list); /* accepts NULL and a zeroed one */

#endif
