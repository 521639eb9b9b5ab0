/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Modules, made out of what is mapped and of the first page of each image in memory.
 *
 * A module begins where a file's first bytes are mapped and they are an ELF header; its program
 * headers say how far it goes, the mappings how far to believe them. The build-id comes out of
 * memory too, so that a file that was deleted or replaced while it ran is named rightly. One read
 * for a module, two where the note lies beyond its first page, three where the program headers do
 * as well: a dying process is held while this happens. Files that are mapped without being
 * executable are looked at only if their name says ".so": a page of data may be on a file system
 * that hangs.
 */
#ifndef INQ_TARGET_MODULES_H
#define INQ_TARGET_MODULES_H

#include "support/error.h"

#include <stddef.h>
#include <stdint.h>

struct inq_link_map;
struct inq_module;
struct inq_region;
struct inq_target;

enum {
	INQ_MODULES_MAX = 65536,
	INQ_MODULE_HEADERS_MAX = 1024, /* program headers of one module */
	INQ_MODULE_READS = 3,	       /* of memory, for one module */
};

#define INQ_VDSO_NAME "linux-vdso.so.1"

struct inq_module_source {
	struct inq_target *target;	  /* only inq_target_read() is called */
	const struct inq_region *regions; /* sorted by base */
	size_t region_count;
	uint64_t vdso;		  /* AT_SYSINFO_EHDR, 0 unknown: then the region "[vdso]" */
	uint64_t program_headers; /* AT_PHDR of the executable, 0 unknown */
	uint64_t entry;		  /* AT_ENTRY, 0 unknown */
	const char *executable;	  /* path of the program if known, else NULL */
	const struct inq_link_map
		*links; /* what the loader lists; finds images that no region names. NULL: none */
};

struct inq_module_list {
	struct inq_module *modules; /* sorted by base, not overlapping */
	size_t count;
};

/**
 * Make the list. Paths are borrowed from the regions, the links or the source's executable.
 *
 * INQ_OK with no module at all where nothing is mapped. An image whose header cannot be read is in
 * the list without build-id if an executable mapping of it is there. INQ_LIMIT, INQ_NO_MEMORY. Not
 * async-signal-safe.
 */
enum inq_status inq_modules_make(const struct inq_module_source *source,
				 struct inq_module_list *ret, struct inq_error *err);
void inq_modules_done(struct inq_module_list *list); /* accepts NULL and a zeroed one */

#endif
