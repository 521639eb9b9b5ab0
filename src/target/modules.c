/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/modules.h"

#include "support/cursor.h"
#include "target/link_map.h"
#include "target/target.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	NOTES_MAX = 4096, /* bytes of one PT_NOTE that are looked at */
	HEADERS_READ_MAX = INQ_MODULE_HEADERS_MAX * sizeof(Elf64_Phdr),
};

/* What an image's headers say about it. */
struct image {
	uint64_t size; /* from its first PT_LOAD's page to its last one's end; 0 none */
	uint8_t id_size;
	uint8_t id[INQ_BUILD_ID_MAX];
};

/* One image being looked at: its first page, and how many reads are left. */
struct look {
	struct inq_target *target;
	uint64_t base;
	uint8_t page[PAGE];
	size_t have;
	unsigned reads;
	unsigned word;
};

struct list {
	struct inq_module *modules;
	size_t count, capacity;
};

/* --- the image's headers -------------------------------------------------------------------------
 */

static size_t read_some(struct look *look, uint64_t address, void *to, size_t size)
{
	size_t done = 0;

	if (!look->reads)
		return 0;
	look->reads--;
	return inq_target_read(look->target, address, to, size, &done, NULL) == INQ_OK ? done : 0;
}

/* Bytes at an offset of the image's first bytes in memory: out of the page at hand, or read into
 * `extra`. */
static const uint8_t *bytes_at(struct look *look, uint64_t at, size_t size, uint8_t *extra,
			       size_t *ret_have)
{
	if (at < look->have && (size <= look->have - at)) {
		*ret_have = size;
		return look->page + at;
	}
	*ret_have = read_some(look, look->base + at, extra, size);
	return extra;
}

/* A PT_NOTE's bytes: the first NT_GNU_BUILD_ID in them. */
static bool build_id_in(const uint8_t *data, size_t size, struct image *image)
{
	struct inq_cursor cursor = inq_cursor_make(data, size, 0, "notes");

	while (inq_cursor_left(&cursor) >= 12) {
		uint32_t name_size = inq_cursor_u32(&cursor);
		uint32_t id_size = inq_cursor_u32(&cursor);
		uint32_t type = inq_cursor_u32(&cursor);
		const uint8_t *name =
			inq_cursor_bytes(&cursor, ((size_t)name_size + 3) & ~(size_t)3);
		const uint8_t *id = inq_cursor_bytes(&cursor, id_size);

		if (cursor.bad)
			return false;
		if (type == NT_GNU_BUILD_ID && name_size == 4 && !memcmp(name, "GNU", 4) &&
		    id_size) {
			image->id_size =
				id_size < INQ_BUILD_ID_MAX ? (uint8_t)id_size : INQ_BUILD_ID_MAX;
			memcpy(image->id, id, image->id_size);
			return true;
		}
		inq_cursor_skip(&cursor, -(size_t)id_size & 3);
	}
	return false;
}

struct header {
	uint32_t type;
	uint64_t offset, vaddr, memory;
};

static struct header header_at(const uint8_t *headers, size_t index, unsigned word)
{
	size_t entry = word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	struct inq_cursor cursor =
		inq_cursor_make(headers + index * entry, entry, 0, "program header");
	struct header header = {.type = inq_cursor_u32(&cursor)};

	if (word == 8)
		inq_cursor_u32(&cursor); /* p_flags; at the end in 32-bit files */
	header.offset = inq_cursor_word(&cursor, word);
	header.vaddr = inq_cursor_word(&cursor, word);
	inq_cursor_word(&cursor, word); /* p_paddr */
	inq_cursor_word(&cursor, word); /* p_filesz */
	header.memory = inq_cursor_word(&cursor, word);
	return header;
}

static bool is_elf(struct look *look)
{
	const uint8_t *page = look->page;

	if (look->have < sizeof(Elf32_Ehdr) || memcmp(page, ELFMAG, SELFMAG) ||
	    page[EI_DATA] != ELFDATA2LSB)
		return false;
	look->word = page[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	return page[EI_CLASS] == ELFCLASS32 ||
	       (page[EI_CLASS] == ELFCLASS64 && look->have >= sizeof(Elf64_Ehdr));
}

/* Where the image ends, and its build-id. */
static void read_headers(struct look *look, struct image *ret)
{
	struct inq_cursor cursor = inq_cursor_make(look->page, look->have, 0, "ELF header");
	size_t entry = look->word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t offset, size, first = UINT64_MAX, end = 0;
	uint8_t extra[HEADERS_READ_MAX], note[NOTES_MAX];
	const uint8_t *headers;
	size_t count, have = 0;

	inq_cursor_seek(&cursor, look->word == 8 ? 32 : 28);
	offset = inq_cursor_word(&cursor, look->word);
	inq_cursor_seek(&cursor, look->word == 8 ? 54 : 42);
	if (inq_cursor_u16(&cursor) != entry)
		return;
	count = inq_cursor_u16(&cursor);
	if (count > INQ_MODULE_HEADERS_MAX)
		count = INQ_MODULE_HEADERS_MAX;
	headers = bytes_at(look, offset, count * entry, extra, &have);
	count = have / entry;
	for (size_t i = 0; i < count; i++) {
		struct header header = header_at(headers, i, look->word);

		if (header.type != PT_LOAD || header.memory > UINT64_MAX - header.vaddr)
			continue;
		if (header.vaddr < first)
			first = header.vaddr;
		if (header.vaddr + header.memory > end)
			end = header.vaddr + header.memory;
	}
	if (first >= end)
		return;
	first &= ~(uint64_t)(PAGE - 1);
	size = end - first > UINT64_MAX - PAGE ? UINT64_MAX - PAGE : end - first;
	ret->size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	for (size_t i = 0; i < count && !ret->id_size; i++) {
		struct header header = header_at(headers, i, look->word);
		const uint8_t *data;

		if (header.type != PT_NOTE || header.vaddr < first)
			continue;
		size = header.memory < NOTES_MAX ? header.memory : NOTES_MAX;
		data = bytes_at(look, header.vaddr - first, (size_t)size, note, &have);
		build_id_in(data, have, ret);
	}
}

/* --- from mappings -------------------------------------------------------------------------------
 */

static bool same_file(const struct inq_region *a, const struct inq_region *b)
{
	return a->inode == b->inode && a->device_major == b->device_major &&
	       a->device_minor == b->device_minor &&
	       (a->name == b->name || !strcmp(a->name, b->name));
}

static bool is_file(const struct inq_region *region)
{
	return region->name[0] == '/' && !(region->flags & INQ_REGION_FREE);
}

static bool ends_in_so(const char *name)
{
	const char *so = strstr(name, ".so");

	for (; so; so = strstr(so + 1, ".so"))
		if (so[3] == '\0' || so[3] == '.')
			return true;
	return false;
}

/*
 * The run of regions that may belong to the image which begins at regions[first]: its own file's at
 * rising offsets, and what lies between and behind them without a name (.bss, gaps made of
 * PROT_NONE). Returns the index after the last region of the file itself.
 */
static size_t run_of(const struct inq_module_source *source, size_t first, bool *ret_code)
{
	const struct inq_region *regions = source->regions;
	size_t end = first + 1;

	*ret_code = regions[first].protection & INQ_PROT_EXEC;
	for (size_t i = first + 1; i < source->region_count; i++) {
		if (is_file(&regions[i])) {
			if (!same_file(&regions[first], &regions[i]) ||
			    regions[i].file_offset <= regions[first].file_offset)
				break;
			*ret_code |= regions[i].protection & INQ_PROT_EXEC;
			end = i + 1;
		} else if (regions[i].name[0] && regions[i].name[0] != '[') {
			break;
		}
	}
	return end;
}

/* How far the image goes: as its headers say, as far as that is mapped without another's in
 * between. */
static uint64_t size_of(const struct inq_module_source *source, size_t first, size_t end,
			uint64_t said)
{
	const struct inq_region *regions = source->regions;
	uint64_t base = regions[first].base;
	uint64_t size = regions[end - 1].base + regions[end - 1].size - base;

	for (size_t i = end; i < source->region_count && said > size; i++) {
		const struct inq_region *region = &regions[i];

		if (region->base - base != size || region->name[0])
			break; /* .bss follows at once */
		size = region->base + region->size - base < said
			       ? region->base + region->size - base
			       : said;
	}
	return size;
}

static struct inq_module *add(struct list *list)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		void *grown = realloc(list->modules, capacity * sizeof(*list->modules));

		if (!grown)
			return NULL;
		list->modules = grown;
		list->capacity = capacity;
	}
	memset(&list->modules[list->count], 0, sizeof(*list->modules));
	return &list->modules[list->count++];
}

static void take_id(struct inq_module *module, const struct image *image)
{
	if (!image->id_size)
		return;
	module->debug_kind = INQ_DEBUG_BUILD_ID;
	module->id_size = image->id_size;
	memcpy(module->id, image->id, image->id_size);
}

static bool holds(const struct inq_module *module, uint64_t address)
{
	return address && address - module->base < module->size;
}

/* The image that begins at regions[first]. False: no memory. */
static bool from_run(const struct inq_module_source *source, size_t first, size_t end,
		     struct list *list)
{
	const struct inq_region *region = &source->regions[first];
	struct look look = {
		.target = source->target, .base = region->base, .reads = INQ_MODULE_READS};
	struct image image = {0};
	struct inq_module *module;

	if (!(region->flags & INQ_REGION_NO_DUMP) && (region->protection & INQ_PROT_READ))
		look.have = read_some(&look, region->base, look.page,
				      region->size < PAGE ? (size_t)region->size : PAGE);
	if (look.have && !is_elf(&look))
		return true;
	if (look.have)
		read_headers(&look, &image);
	module = add(list);
	if (!module)
		return false;
	module->base = region->base;
	module->size = size_of(source, first, end, image.size);
	module->path = region->name;
	module->debug_file = "";
	module->deleted = region->flags & INQ_REGION_DELETED;
	module->main = holds(module, source->program_headers) || holds(module, source->entry);
	take_id(module, &image);
	return true;
}

static enum inq_status from_regions(const struct inq_module_source *source, struct list *list,
				    struct inq_error *err)
{
	const struct inq_region *regions = source->regions;

	for (size_t i = 0, end; i < source->region_count; i = end) {
		bool code = false;

		end = i + 1;
		if (!is_file(&regions[i]))
			continue;
		end = run_of(source, i, &code);
		if (!code && !ends_in_so(regions[i].name))
			continue;
		if (list->count == INQ_MODULES_MAX)
			return inq_fail(err, INQ_LIMIT, "more than %d modules", INQ_MODULES_MAX);
		if (!from_run(source, i, end, list))
			return inq_fail(err, INQ_NO_MEMORY, "no memory for the list of modules");
	}
	return INQ_OK;
}

/* --- images that no region names -----------------------------------------------------------------
 */

static bool known(const struct list *list, uint64_t address)
{
	for (size_t i = 0; i < list->count; i++)
		if (address - list->modules[i].base < list->modules[i].size)
			return true;
	return false;
}

/* An image whose header lies at `base`, under a name from elsewhere. False: no memory. */
static bool from_address(const struct inq_module_source *source, uint64_t base, const char *name,
			 bool main, struct list *list)
{
	struct look look = {.target = source->target, .base = base, .reads = INQ_MODULE_READS};
	struct image image = {0};
	struct inq_module *module;

	if (list->count == INQ_MODULES_MAX)
		return true;
	look.have = read_some(&look, base, look.page, PAGE);
	if (!is_elf(&look))
		return true;
	read_headers(&look, &image);
	if (!image.size || image.size > UINT64_MAX - base)
		return true;
	module = add(list);
	if (!module)
		return false;
	module->base = base;
	module->size = image.size;
	module->path = name;
	module->debug_file = "";
	module->main = main;
	take_id(module, &image);
	return true;
}

/* Without names of mappings (a core without NT_FILE), the kernel and the loader still say where
 * images are. */
static bool from_elsewhere(const struct inq_module_source *source, struct list *list)
{
	const struct inq_link_map *links = source->links;
	uint64_t vdso = source->vdso;
	size_t named = list->count;

	for (size_t i = 0; !vdso && i < source->region_count; i++)
		if (!strcmp(source->regions[i].name, "[vdso]"))
			vdso = source->regions[i].base;
	if (vdso && !known(list, vdso) && !from_address(source, vdso, INQ_VDSO_NAME, false, list))
		return false;
	if (source->program_headers && !known(list, source->program_headers) &&
	    !from_address(source, source->program_headers & ~(uint64_t)(PAGE - 1),
			  source->executable ? source->executable : "", true, list))
		return false;
	/* The loader's list is walked for each link: only a list that the mappings told nothing
	 * about is long. */
	for (size_t i = 0; links && i < links->count && i < (named ? 1024 : INQ_LINKS_MAX); i++) {
		const struct inq_link *link = &links->links[i];

		if (!link->address || link->address & (PAGE - 1) || !link->name[0] ||
		    known(list, link->address) || (link->dynamic && known(list, link->dynamic)))
			continue;
		if (!from_address(source, link->address, link->name, false, list))
			return false;
	}
	return true;
}

static int by_base(const void *left, const void *right)
{
	const struct inq_module *a = left, *b = right;

	return a->base < b->base ? -1 : a->base > b->base;
}

/* Sorted, and each cut where the next begins. */
static void tidy(struct list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->modules, list->count, sizeof(*list->modules), by_base);
	for (size_t i = 0; i < list->count; i++) {
		struct inq_module *last = kept ? &list->modules[kept - 1] : NULL;

		if (last && last->base == list->modules[i].base)
			continue;
		if (last && list->modules[i].base - last->base < last->size)
			last->size = list->modules[i].base - last->base;
		list->modules[kept++] = list->modules[i];
	}
	list->count = kept;
}

enum inq_status inq_modules_make(const struct inq_module_source *source,
				 struct inq_module_list *ret, struct inq_error *err)
{
	struct list list = {0};
	enum inq_status status = from_regions(source, &list, err);

	if (status == INQ_OK && !from_elsewhere(source, &list))
		status = inq_fail(err, INQ_NO_MEMORY, "no memory for the list of modules");
	if (status != INQ_OK) {
		free(list.modules);
		return status;
	}
	tidy(&list);
	*ret = (struct inq_module_list){.modules = list.modules, .count = list.count};
	return INQ_OK;
}

void inq_modules_done(struct inq_module_list *list)
{
	if (!list)
		return;
	free(list->modules);
	memset(list, 0, sizeof(*list));
}
