/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/symtab.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Symbols that are not names of places: how ARM and AArch64 mark code, Thumb and data. */
#define IS_MAPPING_MACHINE(machine) ((machine) == EM_ARM || (machine) == EM_AARCH64)

enum {
	MAX_NAME = 64 << 10,   /* bytes of one name */
	MAX_STEPS = 4096,      /* entries looked at for one that covers an address */
	CHUNK_SYMBOLS = 8192,
};

struct inq_symtab {
	struct inq_object *object; /* borrowed */
	struct inq_section *section, *strings;
	struct inq_symtab_entry *entries;
	size_t count;
	char *name; /* MAX_NAME + 1 bytes, for one name out of the file */
};

/* --- which symbols -------------------------------------------------------------------------------- */

/* Functions win over data, data over labels; then global over weak over local; then what has a size. */
static uint8_t rank_of(unsigned type, unsigned bind, uint64_t size)
{
	unsigned kind = type == STT_FUNC || type == STT_GNU_IFUNC ? 2 : type == STT_NOTYPE ? 0 : 1;
	unsigned scope = bind == STB_GLOBAL || bind == STB_GNU_UNIQUE ? 2 : bind == STB_WEAK ? 1 : 0;

	return (uint8_t)(kind << 3 | scope << 1 | (size != 0));
}

static bool is_place(unsigned type, unsigned section_index)
{
	if (section_index == SHN_UNDEF || section_index == SHN_ABS || section_index == SHN_COMMON)
		return false;
	return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE || type == STT_GNU_IFUNC;
}

static bool parse_symbol(const struct inq_symtab *table, struct inq_cursor *cursor,
			 struct inq_symtab_entry *ret)
{
	unsigned index, type;
	bool is_64 = inq_object_is_64(table->object);
	uint16_t machine = inq_object_machine(table->object);

	memset(ret, 0, sizeof(*ret));
	ret->name = inq_cursor_u32(cursor);
	if (!is_64) {
		ret->value = inq_cursor_u32(cursor);
		ret->size = inq_cursor_u32(cursor);
	}
	ret->info = inq_cursor_u8(cursor);
	ret->visibility = inq_cursor_u8(cursor) & 3;
	index = inq_cursor_u16(cursor);
	if (is_64) {
		ret->value = inq_cursor_u64(cursor);
		ret->size = inq_cursor_u64(cursor);
	}
	type = ELF64_ST_TYPE(ret->info);
	if (!is_place(type, index) || ret->name == 0)
		return false;
	if (machine == EM_ARM && type == STT_FUNC)
		ret->value &= ~(uint64_t)1;
	ret->rank = rank_of(type, ELF64_ST_BIND(ret->info), ret->size);
	ret->exported = ELF64_ST_BIND(ret->info) != STB_LOCAL &&
			(ret->visibility == STV_DEFAULT || ret->visibility == STV_PROTECTED);
	return true;
}

/* ARM's "$a", "$t", "$d", "$x" have no type and are local: only then is the name looked at. */
static bool is_mapping_symbol(struct inq_symtab *table, const struct inq_symtab_entry *entry)
{
	size_t size;

	return IS_MAPPING_MACHINE(inq_object_machine(table->object)) && entry->info == 0 && entry->size == 0 &&
	       inq_symtab_name(table, entry, &size)[0] == '$';
}

/* --- order ---------------------------------------------------------------------------------------- */

static bool radix_sort(struct inq_symtab_entry **entries, size_t count)
{
	enum { BITS = 11, BUCKETS = 1 << BITS };
	struct inq_symtab_entry *from = *entries, *to;
	size_t *place;
	uint64_t all_or = 0, all_and = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		all_or |= from[i].value;
		all_and &= from[i].value;
	}
	if (all_or == all_and)
		return true;
	to = malloc(count * sizeof(*to));
	place = malloc(BUCKETS * sizeof(*place));
	for (unsigned shift = 0; to && place && shift < 64; shift += BITS) {
		size_t at = 0;

		if (!((all_or ^ all_and) >> shift & (BUCKETS - 1)))
			continue;
		memset(place, 0, BUCKETS * sizeof(*place));
		for (size_t i = 0; i < count; i++)
			place[from[i].value >> shift & (BUCKETS - 1)]++;
		for (size_t i = 0; i < BUCKETS; i++) {
			size_t n = place[i];

			place[i] = at;
			at += n;
		}
		for (size_t i = 0; i < count; i++)
			to[place[from[i].value >> shift & (BUCKETS - 1)]++] = from[i];
		*entries = to;
		to = from;
		from = *entries;
	}

	bool done = to && place;

	free(to);
	free(place);
	return done;
}

static uint64_t end_of(const struct inq_symtab_entry *entry)
{
	return entry->size > UINT64_MAX - entry->value ? UINT64_MAX : entry->value + entry->size;
}

static void set_reach(struct inq_symtab *table)
{
	uint64_t reach = 0;

	for (size_t i = 0; i < table->count; i++) {
		uint64_t end = end_of(&table->entries[i]);

		reach = end > reach ? end : reach;
		table->entries[i].reach = reach;
	}
}

/* --- reading -------------------------------------------------------------------------------------- */

static enum inq_status read_chunk(struct inq_symtab *table, uint64_t first, size_t count, uint8_t *chunk,
				  struct inq_error *err)
{
	size_t size = inq_object_is_64(table->object) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct inq_symtab_entry entry;
	enum inq_status status = inq_object_read(table->object, table->section->offset + first * size, chunk,
						 count * size, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "symbol table");

	struct inq_cursor cursor = inq_object_cursor(table->object, (struct inq_bytes){chunk, count * size},
						     "symbol table");

	for (size_t i = 0; i < count; i++) {
		if (parse_symbol(table, &cursor, &entry) && !is_mapping_symbol(table, &entry))
			table->entries[table->count++] = entry;
	}
	return INQ_OK;
}

static enum inq_status read_all(struct inq_symtab *table, struct inq_error *err)
{
	size_t size = inq_object_is_64(table->object) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	uint64_t count = table->section->size / size;
	uint8_t *chunk = malloc(CHUNK_SYMBOLS * sizeof(Elf64_Sym));
	enum inq_status status = INQ_OK;

	/* The file bounds the memory: a symbol has 16 or 24 bytes there and 32 here. */
	if (table->section->size > inq_object_size(table->object))
		status = inq_fail(err, INQ_BAD_DATA, "'%s': section %s runs past the file",
				  inq_object_name(table->object), table->section->name);
	else
		table->entries = malloc((size_t)(count + 1) * sizeof(*table->entries));
	if (status == INQ_OK && (!chunk || !table->entries))
		status = inq_fail(err, INQ_NO_MEMORY, "symbol table");
	for (uint64_t at = 0; status == INQ_OK && at < count; at += CHUNK_SYMBOLS) {
		size_t some = count - at < CHUNK_SYMBOLS ? (size_t)(count - at) : CHUNK_SYMBOLS;

		status = read_chunk(table, at, some, chunk, err);
	}
	free(chunk);
	if (status == INQ_OK && !radix_sort(&table->entries, table->count))
		status = inq_fail(err, INQ_NO_MEMORY, "symbol table");
	if (status == INQ_OK)
		set_reach(table);
	return status;
}

static struct inq_section *section_of_type(struct inq_object *object, uint32_t type)
{
	for (size_t i = 1; i < inq_object_section_count(object); i++) {
		struct inq_section *section = inq_object_section_at(object, i);

		if (section->type == type && section->size >= sizeof(Elf32_Sym))
			return section;
	}
	return NULL;
}

enum inq_status inq_symtab_new(struct inq_object *object, struct inq_symtab **ret, struct inq_error *err)
{
	struct inq_section *section = section_of_type(object, SHT_SYMTAB);
	struct inq_symtab *table;
	enum inq_status status;

	if (!section)
		section = section_of_type(object, SHT_DYNSYM);
	if (!section)
		return inq_fail(err, INQ_ABSENT, "'%s': no symbols", inq_object_name(object));
	table = calloc(1, sizeof(*table));
	if (table)
		table->name = malloc(MAX_NAME + 1);
	if (!table || !table->name) {
		inq_symtab_free(table);
		return inq_fail(err, INQ_NO_MEMORY, "symbol table");
	}
	table->object = object;
	table->section = section;
	table->strings = inq_object_section_at(object, section->link);
	if (!table->strings || table->strings->type != SHT_STRTAB)
		status = inq_fail(err, INQ_BAD_DATA, "'%s': section %s: no string table", inq_object_name(object),
				  section->name);
	else
		status = read_all(table, err);
	if (status != INQ_OK) {
		inq_symtab_free(table);
		return status;
	}
	*ret = table;
	return INQ_OK;
}

void inq_symtab_free(struct inq_symtab *table)
{
	if (!table)
		return;
	free(table->entries);
	free(table->name);
	free(table);
}

bool inq_symtab_is_full(const struct inq_symtab *table)
{
	return table->section->type == SHT_SYMTAB;
}

/* --- questions ------------------------------------------------------------------------------------ */

/* The loaded section that holds the address; a file without section headers is one section. */
static void section_around(struct inq_object *object, uint64_t vaddr, uint64_t *ret_low, uint64_t *ret_high)
{
	*ret_low = 0;
	*ret_high = UINT64_MAX;
	for (size_t i = 1; i < inq_object_section_count(object); i++) {
		const struct inq_section *section = inq_object_section_at(object, i);

		/* .tbss takes no room: its addresses belong to what follows it. */
		if ((section->flags & SHF_ALLOC) && !(section->flags & SHF_TLS) && vaddr >= section->address &&
		    vaddr - section->address < section->size) {
			*ret_low = section->address;
			*ret_high = section->address + section->size;
			return;
		}
	}
}

/* How many entries begin at or below the address. */
static size_t count_below(const struct inq_symtab *table, uint64_t vaddr)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->entries[middle].value <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_better(const struct inq_symtab_entry *entry, const struct inq_symtab_entry *best, uint64_t vaddr)
{
	bool covers = end_of(entry) > vaddr, best_covers;

	if (!best)
		return true;
	best_covers = end_of(best) > vaddr;
	if (covers != best_covers)
		return covers;
	if (entry->value != best->value)
		return entry->value > best->value;
	return entry->rank != best->rank ? entry->rank > best->rank : entry->size > best->size;
}

const struct inq_symtab_entry *inq_symtab_at(const struct inq_symtab *table, uint64_t vaddr)
{
	const struct inq_symtab_entry *best = NULL;
	uint64_t low, high;

	section_around(table->object, vaddr, &low, &high);
	for (size_t i = count_below(table, vaddr), steps = 0; i-- > 0 && steps < MAX_STEPS; steps++) {
		const struct inq_symtab_entry *entry = &table->entries[i];

		if (entry->value < low)
			break;
		if (best && entry->value != best->value && (end_of(best) > vaddr || entry->reach <= vaddr))
			break;
		if (is_better(entry, best, vaddr))
			best = entry;
	}
	return best;
}

const struct inq_symtab_entry *inq_symtab_entries(const struct inq_symtab *table, size_t *ret_count)
{
	*ret_count = table->count;
	return table->entries;
}

/* --- names ---------------------------------------------------------------------------------------- */

enum inq_status inq_symtab_load_names(struct inq_symtab *table, struct inq_error *err)
{
	struct inq_bytes bytes;

	return inq_object_load(table->object, table->strings, &bytes, err);
}

/* Out of the file in steps: most names are short, and the table may have 100 MB. */
static const char *read_name(struct inq_symtab *table, uint32_t offset, size_t *ret_size)
{
	uint64_t left = table->strings->size > offset ? table->strings->size - offset : 0;
	size_t have = 0;

	while (have < MAX_NAME && have < left) {
		size_t step = have ? MAX_NAME - have : 128;
		const char *end;

		step = left - have < step ? (size_t)(left - have) : step;
		if (inq_object_read(table->object, table->strings->offset + offset + have, table->name + have, step,
				    NULL) != INQ_OK)
			break;
		end = memchr(table->name + have, '\0', step);
		have += step;
		if (end) {
			*ret_size = (size_t)(end - table->name);
			return table->name;
		}
	}
	*ret_size = have;
	table->name[have] = '\0';
	return table->name;
}

const char *inq_symtab_name(struct inq_symtab *table, const struct inq_symtab_entry *entry, size_t *ret_size)
{
	const char *name, *version;
	size_t size;

	if (table->strings->data) {
		if (entry->name >= table->strings->unpacked_size) {
			*ret_size = 0;
			return "";
		}
		name = (const char *)table->strings->data + entry->name;
		size = strnlen(name, MAX_NAME);
	} else {
		name = read_name(table, entry->name, &size);
	}
	version = size > 1 ? memchr(name + 1, '@', size - 1) : NULL;
	if (version || name[size] != '\0') {
		size = version ? (size_t)(version - name) : size;
		memcpy(table->name, name, size);
		table->name[size] = '\0';
		name = table->name;
	}
	*ret_size = size;
	return name;
}
