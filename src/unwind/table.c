/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From an address to its row of CFI: .eh_frame by its header's search table, read where it is; .eh_frame as a
 * whole where there is no such table or it lies; .debug_frame last.
 */
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

/* --- modules -------------------------------------------------------------------------------------------- */

static bool holds(const struct inq_unwind_module *module, uint64_t address)
{
	return address >= module->base && address - module->base < module->size;
}

struct table *table_at(struct inq_unwinder *unwinder, uint64_t address)
{
	struct inq_unwind_module module = {0};
	struct table *table;

	if (unwinder->recent && holds(&unwinder->recent->module, address))
		return unwinder->recent;
	for (table = unwinder->tables; table; table = table->next)
		if (holds(&table->module, address))
			return unwinder->recent = table;
	if (!unwinder->source.module ||
	    unwinder->source.module(unwinder->source.user, address, &module) != INQ_OK || !holds(&module, address))
		return NULL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->module = module;
	table->next = unwinder->tables;
	return unwinder->tables = unwinder->recent = table;
}

/* --- entries that were read out of an image -------------------------------------------------------------- */

static void forget_entries(struct inq_unwinder *unwinder)
{
	for (size_t i = 0; i < ENTRY_BUCKETS; i++)
		while (unwinder->entries[i]) {
			struct kept_entry *entry = unwinder->entries[i];

			unwinder->entries[i] = entry->next;
			free(entry);
		}
	unwinder->entries_size = 0;
	if (unwinder->rows)
		memset(unwinder->rows, 0, ROW_CACHE * sizeof(*unwinder->rows));
}

/* The entry of .eh_frame at the vaddr as a section of its own. */
static bool read_entry_bytes(struct inq_unwinder *unwinder, struct table *table, uint64_t at,
			     struct cfi_section *ret)
{
	size_t bucket = (size_t)(at ^ at >> 8 ^ (uintptr_t)table >> 6) & (ENTRY_BUCKETS - 1);
	struct inq_image *image = table->module.image;
	struct kept_entry *entry = unwinder->entries[bucket];
	uint64_t length = 0, head = 4;
	uint32_t short_length = 0;

	while (entry && (entry->table != table || entry->at != at))
		entry = entry->next;
	if (!entry) {
		if (!memory_read(&unwinder->memory, image, at, &short_length, sizeof(short_length)))
			return false;
		length = short_length;
		if (short_length == UINT32_MAX) {
			if (!memory_read(&unwinder->memory, image, at + 4, &length, sizeof(length)))
				return false;
			head = 12;
		}
		if (length == 0 || length > CFI_MAX_ENTRY)
			return false;
		entry = malloc(sizeof(*entry) + (size_t)(head + length));
		if (!entry)
			return false;
		entry->table = table;
		entry->at = at;
		entry->size = (size_t)(head + length);
		if (!memory_read(&unwinder->memory, image, at, entry->data, entry->size)) {
			free(entry);
			return false;
		}
		entry->next = unwinder->entries[bucket];
		unwinder->entries[bucket] = entry;
		unwinder->entries_size += sizeof(*entry) + entry->size;
	}
	*ret = (struct cfi_section){.data = entry->data, .size = entry->size, .vaddr = at,
				    .address_size = table->address_size};
	return true;
}

/* --- .eh_frame_hdr ---------------------------------------------------------------------------------------- */

/* LSB 5, 10.6.2: version, three encodings, eh_frame_ptr, fde_count, table. */
static void read_header(struct inq_unwinder *unwinder, struct table *table)
{
	struct table_header *header = &table->header;
	struct cfi_bases bases = {.address_size = table->address_size};
	uint64_t vaddr = 0, size = 0, eh_frame, count = 0;
	uint8_t raw[4 + 2 * 10 + 8];
	size_t want = sizeof(raw);
	struct inq_cursor cursor;

	if (inq_image_eh_frame_hdr_place(table->module.image, &vaddr, &size, NULL) != INQ_OK)
		return;
	if (want > size)
		want = (size_t)size;
	if (want < 4 || !memory_read(&unwinder->memory, table->module.image, vaddr, raw, want) || raw[0] != 1)
		return;
	bases.data = vaddr;
	cursor = inq_cursor_make(raw, want, vaddr, ".eh_frame_hdr");
	inq_cursor_skip(&cursor, 4);
	if (!cfi_read_pointer(&cursor, raw[1] & ~CFI_PE_INDIRECT, &bases, &eh_frame) || raw[2] == CFI_PE_OMIT ||
	    !cfi_read_pointer(&cursor, raw[2], &bases, &count) || raw[3] == CFI_PE_OMIT)
		return;
	header->encoding = raw[3] & (uint8_t)~CFI_PE_INDIRECT;
	header->entry_size = 2 * cfi_pointer_size(header->encoding, table->address_size);
	header->vaddr = vaddr;
	header->table = vaddr + cursor.at;
	if (header->entry_size == 0 || cursor.at > size)
		return;
	/* A count that runs past the segment: the linear index tells the truth. */
	header->count = count;
	header->usable = count > 0 && count <= (size - cursor.at) / header->entry_size;
}

static bool header_entry(struct inq_unwinder *unwinder, struct table *table, uint64_t index, uint64_t *ret_start,
			 uint64_t *ret_fde)
{
	const struct table_header *header = &table->header;
	struct cfi_bases bases = {.data = header->vaddr, .address_size = table->address_size};
	uint64_t at = header->table + index * header->entry_size;
	uint8_t raw[16];
	struct inq_cursor cursor;

	if (!memory_read(&unwinder->memory, table->module.image, at, raw, header->entry_size))
		return false;
	cursor = inq_cursor_make(raw, header->entry_size, at, ".eh_frame_hdr");
	return cfi_read_pointer(&cursor, header->encoding, &bases, ret_start) &&
	       cfi_read_pointer(&cursor, header->encoding, &bases, ret_fde);
}

/* The FDE of the last entry that begins at or below the vaddr. */
static bool search_header(struct inq_unwinder *unwinder, struct table *table, uint64_t vaddr, uint64_t *ret_fde)
{
	uint64_t low = 0, high = table->header.count, start, fde;
	bool found = false;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!header_entry(unwinder, table, middle, &start, &fde))
			return false;
		if (start <= vaddr) {
			*ret_fde = fde;
			found = true;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return found;
}

/* --- a section as a whole ------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct index_entry *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

static bool add_index_entry(struct table_index *index, size_t *room, struct index_entry entry)
{
	if (index->count == *room) {
		size_t bigger = *room ? *room * 2 : 64;
		struct index_entry *grown = realloc(index->entries, bigger * sizeof(*grown));

		if (!grown)
			return false;
		index->entries = grown;
		*room = bigger;
	}
	index->entries[index->count++] = entry;
	return true;
}

/* Each FDE of the section; a damaged entry is skipped, a damaged length ends the scan. */
static void build_index(struct table_index *index)
{
	uint64_t at = index->section.vaddr, end = at + index->section.size, cie_at = 0;
	struct cfi_entry entry, cie_entry;
	struct cfi_cie cie;
	struct cfi_fde fde;
	bool have_cie = false;
	size_t room = 0;

	while (at < end && cfi_read_entry(&index->section, at, &entry, NULL) == INQ_OK) {
		at = entry.next;
		/* Objects without .eh_frame's terminator at the end may have one in the middle. */
		if (entry.terminator || entry.is_cie)
			continue;
		if (!have_cie || cie_at != entry.cie) {
			cie_at = entry.cie;
			have_cie = cfi_read_entry(&index->section, cie_at, &cie_entry, NULL) == INQ_OK &&
				   cfi_parse_cie(&index->section, &cie_entry, &cie, NULL) == INQ_OK;
		}
		if (!have_cie || cfi_parse_fde(&index->section, &entry, &cie, &fde, NULL) != INQ_OK ||
		    fde.size == 0 || fde.start == 0 || fde.start + fde.size < fde.start)
			continue;
		if (!add_index_entry(index, &room,
				     (struct index_entry){fde.start, fde.start + fde.size, entry.at}))
			break;
	}
	if (index->count)
		qsort(index->entries, index->count, sizeof(*index->entries), by_start);
}

static struct table_index *index_of(struct table *table, bool debug_frame)
{
	struct table_index *index = debug_frame ? &table->debug_frame : &table->eh_frame;
	struct inq_image_bytes bytes;

	if (index->tried)
		return index;
	index->tried = true;
	if ((debug_frame ? inq_image_debug_frame(table->module.image, &bytes, NULL)
			 : inq_image_eh_frame(table->module.image, &bytes, NULL)) != INQ_OK)
		return index;
	index->section = (struct cfi_section){
		.data = bytes.data,
		.size = bytes.size,
		.vaddr = debug_frame ? 0 : bytes.vaddr,
		.debug_frame = debug_frame,
		.address_size = table->address_size,
	};
	build_index(index);
	return index;
}

static bool search_index(const struct table_index *index, uint64_t vaddr, uint64_t *ret_fde)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->entries[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || vaddr >= index->entries[low - 1].end)
		return false;
	*ret_fde = index->entries[low - 1].fde;
	return true;
}

/* --- rows -------------------------------------------------------------------------------------------------- */

struct found {
	struct cfi_section section;
	struct cfi_cie cie;
	struct cfi_fde fde;
};

/* INQ_ABSENT: the FDE is fine but does not cover the vaddr. */
static enum inq_status parse_found(const struct cfi_section *fde_section, const struct cfi_section *cie_section,
				   const struct cfi_entry *entry, uint64_t vaddr, struct found *ret)
{
	struct cfi_entry cie_entry;
	enum inq_status status = cfi_read_entry(cie_section, entry->cie, &cie_entry, NULL);

	if (status == INQ_OK)
		status = cfi_parse_cie(cie_section, &cie_entry, &ret->cie, NULL);
	if (status == INQ_OK)
		status = cfi_parse_fde(fde_section, entry, &ret->cie, &ret->fde, NULL);
	if (status != INQ_OK)
		return status;
	ret->section = *fde_section;
	return vaddr >= ret->fde.start && vaddr - ret->fde.start < ret->fde.size ? INQ_OK : INQ_ABSENT;
}

static enum inq_status find_by_header(struct inq_unwinder *unwinder, struct table *table, uint64_t vaddr,
				      struct found *ret)
{
	struct cfi_section fde, cie;
	struct cfi_entry entry;
	uint64_t at = 0;

	if (!search_header(unwinder, table, vaddr, &at))
		return INQ_ABSENT;
	if (!read_entry_bytes(unwinder, table, at, &fde) || cfi_read_entry(&fde, at, &entry, NULL) != INQ_OK ||
	    entry.is_cie || entry.terminator || !read_entry_bytes(unwinder, table, entry.cie, &cie))
		return INQ_BAD_DATA;
	return parse_found(&fde, &cie, &entry, vaddr, ret);
}

static enum inq_status find_by_index(struct table *table, bool debug_frame, uint64_t vaddr, struct found *ret)
{
	const struct table_index *index = index_of(table, debug_frame);
	struct cfi_entry entry;
	uint64_t at = 0;

	if (!search_index(index, vaddr, &at))
		return INQ_ABSENT;
	if (cfi_read_entry(&index->section, at, &entry, NULL) != INQ_OK)
		return INQ_BAD_DATA;
	return parse_found(&index->section, &index->section, &entry, vaddr, ret);
}

static enum inq_status find_fde(struct inq_unwinder *unwinder, struct table *table, uint64_t vaddr,
				struct found *ret)
{
	enum inq_status status = INQ_ABSENT;

	if (!table->prepared) {
		table->prepared = true;
		table->address_size = inq_image_is_64(table->module.image) ? 8 : 4;
		read_header(unwinder, table);
	}
	if (table->header.usable)
		status = find_by_header(unwinder, table, vaddr, ret);
	if (status == INQ_BAD_DATA || !table->header.usable)
		status = find_by_index(table, false, vaddr, ret);
	if (status != INQ_OK)
		status = find_by_index(table, true, vaddr, ret);
	return status;
}

enum inq_status table_row(struct inq_unwinder *unwinder, const struct arch *arch, uint64_t address,
			  uint64_t *budget, const struct cfi_row **ret, uint64_t *ret_end)
{
	struct table *table = table_at(unwinder, address);
	struct row_slot *slot;
	struct found found;
	uint64_t vaddr;

	if (!table || !table->module.image ||
	    inq_image_elf_machine(table->module.image) != arch->elf_machine)
		return INQ_ABSENT;
	vaddr = address - table->module.bias;
	if (unwinder->entries_size > ENTRY_MAX_KEPT)
		forget_entries(unwinder);
	if (!unwinder->rows)
		unwinder->rows = calloc(ROW_CACHE, sizeof(*unwinder->rows));
	if (!unwinder->rows)
		return INQ_NO_MEMORY;
	slot = &unwinder->rows[(vaddr ^ vaddr >> 7 ^ (uintptr_t)table >> 6) & (ROW_CACHE - 1)];
	if (slot->table != table || slot->vaddr != vaddr) {
		if (*budget < WALK_ROW_COST)
			return INQ_LIMIT;
		*budget -= WALK_ROW_COST;
		slot->table = table;
		slot->vaddr = vaddr;
		slot->found = false;
		if (find_fde(unwinder, table, vaddr, &found) == INQ_OK) {
			enum inq_status status = cfi_run(&found.section, &found.cie, &found.fde, vaddr,
							 arch->machine == INQ_MACHINE_ARM64, budget, &slot->row,
							 NULL);

			slot->found = status == INQ_OK;
			slot->end = found.fde.start + found.fde.size;
			if (status == INQ_LIMIT)
				slot->table = NULL; /* another walk has a budget of its own */
		}
	}
	if (!slot->found)
		return INQ_ABSENT;
	*ret = &slot->row;
	*ret_end = slot->end + table->module.bias;
	return INQ_OK;
}

void tables_free(struct inq_unwinder *unwinder)
{
	forget_entries(unwinder);
	free(unwinder->rows);
	while (unwinder->tables) {
		struct table *table = unwinder->tables;

		unwinder->tables = table->next;
		free(table->eh_frame.entries);
		free(table->debug_frame.entries);
		free(table);
	}
}
