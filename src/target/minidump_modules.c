/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/minidump_modules.h"
#include "target/minidump_details.h"

#include "minidump/reader.h"

#include <stdlib.h>
#include <string.h>

static void take_bytes(struct inq_module *module, enum inq_debug_kind kind, const void *bytes,
		       size_t size)
{
	module->debug_kind = kind;
	module->id_size = size < INQ_BUILD_ID_MAX ? (uint8_t)size : INQ_BUILD_ID_MAX;
	memcpy(module->id, bytes, module->id_size);
}

/* RSDS: the GUID as stored and the age, which together name a PDB. Writers for macOS put the Mach-O
 * UUID there, number by number, so that it reads as the UUID's text. */
static void take_pdb70(struct inq_module *module, const struct inq_dump_module *from,
		       enum inq_os os)
{
	static const struct md_guid none;
	struct MD_PACKED {
		struct md_guid guid;
		uint32_t age;
	} id = {from->guid, from->age};

	if (!memcmp(&from->guid, &none, sizeof(none)))
		return;
	if (os != INQ_OS_MACOS) {
		take_bytes(module, INQ_DEBUG_PDB70, &id, sizeof(id));
		return;
	}
	id.guid.data1 = __builtin_bswap32(id.guid.data1);
	id.guid.data2 = __builtin_bswap16(id.guid.data2);
	id.guid.data3 = __builtin_bswap16(id.guid.data3);
	take_bytes(module, INQ_DEBUG_UUID, &id.guid, sizeof(id.guid));
}

static void take_debug(struct inq_module *module, const struct inq_dump_module *from,
		       enum inq_os os)
{
	struct MD_PACKED {
		uint32_t time, age;
	} pdb20 = {from->pdb_time, from->age};

	module->debug_file = from->pdb_name ? from->pdb_name : "";
	switch (from->codeview_kind) {
	case INQ_CODEVIEW_ELF:
		if (from->build_id_size)
			take_bytes(module, INQ_DEBUG_BUILD_ID, from->build_id, from->build_id_size);
		break;
	case INQ_CODEVIEW_PDB70:
		take_pdb70(module, from, os);
		break;
	case INQ_CODEVIEW_PDB20:
		take_bytes(module, INQ_DEBUG_PDB20, &pdb20, sizeof(pdb20));
		break;
	default:
		break;
	}
}

static bool ends_in_deleted(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t size = strlen(path);

	return size > sizeof(suffix) - 1 && !strcmp(path + size - (sizeof(suffix) - 1), suffix);
}

static struct inq_module loaded(const struct inq_dump_module *from, enum inq_os os)
{
	struct inq_module module = {
		.base = from->base,
		.size = from->size,
		.path = from->name,
		.debug_file = "",
		.checksum = from->checksum,
		.timestamp = from->time,
		.deleted = ends_in_deleted(from->name),
	};

	if (from->version.signature == MD_VERSION_INFO_SIGNATURE) {
		module.file_version = (uint64_t)from->version.file_version_high << 32 |
				      from->version.file_version_low;
		module.product_version = (uint64_t)from->version.product_version_high << 32 |
					 from->version.product_version_low;
	}
	take_debug(&module, from, os);
	return module;
}

/* By base; of two at the same place the loaded one last, where a search by address ends. */
static int by_base(const void *left, const void *right)
{
	const struct inq_module *a = left, *b = right;

	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	return (int)b->unloaded - (int)a->unloaded;
}

enum inq_status inq_minidump_modules(struct inq_dump *dump, enum inq_os os, struct inq_module **ret,
				     size_t *ret_count, struct inq_error *err)
{
	const struct inq_dump_modules *modules = NULL;
	const struct inq_dump_unloaded *unloaded = NULL;
	struct inq_module *made;
	size_t count = 0;
	enum inq_status status = inq_dump_modules(dump, &modules, err);

	if (inq_dump_unloaded(dump, &unloaded, NULL) != INQ_OK)
		unloaded = NULL;
	if (status != INQ_OK) {
		modules = NULL;
		if (!unloaded)
			return status;
	}
	made = malloc(((modules ? modules->count : 0) + (unloaded ? unloaded->count : 0) + 1) *
		      sizeof(*made));
	if (!made)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for the list of modules");
	for (size_t i = 0; modules && i < modules->count; i++) {
		made[count] = loaded(&modules->items[i], os);
		made[count++].main = i == 0; /* every writer puts the program first */
	}
	for (size_t i = 0; unloaded && i < unloaded->count; i++)
		made[count++] = (struct inq_module){
			.base = unloaded->items[i].base,
			.size = unloaded->items[i].size,
			.path = unloaded->items[i].name,
			.debug_file = "",
			.checksum = unloaded->items[i].checksum,
			.timestamp = unloaded->items[i].time,
			.unloaded = true,
		};
	/* Before they are sorted: its lines are in the order of the list. */
	inq_minidump_details_modules(dump, made, count);
	qsort(made, count, sizeof(*made), by_base);
	*ret = made;
	*ret_count = count;
	return INQ_OK;
}

void inq_minidump_modules_widen(struct inq_module *modules, size_t count,
				const struct inq_region *regions, size_t region_count)
{
	for (size_t i = 0; i < count; i++) {
		struct inq_module *module = &modules[i];
		const struct inq_region *region =
			inq_region_at(regions, region_count, module->base);
		const struct inq_region *first = region;

		if (!region || module->unloaded || !region->name[0] || region->base != module->base)
			continue;
		for (; region < regions + region_count; region++) {
			uint64_t size = region->base - module->base + region->size;

			if (strcmp(region->name, first->name) != 0 || region->inode != first->inode)
				break;
			if (region != first && region->file_offset <= first->file_offset)
				break; /* mapped a second time */
			if (size > module->size)
				module->size = size;
		}
	}
}
