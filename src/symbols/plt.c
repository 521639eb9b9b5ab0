/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/plt.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STUBS = 1 << 20 };

/* A slot of the global offset table and the symbol whose address goes there. */
struct slot {
	uint64_t address;
	uint32_t symbol;
};

struct inq_plt {
	struct inq_object *object;    /* borrowed */
	struct inq_plt_entry *entries; /* by address */
	size_t count, capacity;
	struct slot *slots; /* by address; only while the entries are made */
	size_t slot_count;
	struct inq_bytes symbols, strings;
};

/* --- slots, out of the relocations ---------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct slot *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/* x86-64 has RELA, i386 REL; GLOB_DAT and JUMP_SLOT have the same numbers on both. */
static bool add_slots(struct inq_plt *plt, const struct inq_section *section, struct inq_bytes bytes)
{
	bool is_64 = inq_object_is_64(plt->object), has_addend = section->type == SHT_RELA;
	unsigned word = is_64 ? 8 : 4;
	size_t size = word * (has_addend ? 3u : 2u), count = bytes.size / size;
	struct inq_cursor cursor = inq_object_cursor(plt->object, bytes, section->name);
	struct slot *more = count < MAX_STUBS - plt->slot_count ?
				    realloc(plt->slots, (plt->slot_count + count + 1) * sizeof(*more)) : NULL;

	if (!more)
		return false;
	plt->slots = more;
	for (size_t i = 0; i < count; i++) {
		uint64_t address = inq_cursor_word(&cursor, word);
		uint64_t info = inq_cursor_word(&cursor, word);
		uint32_t type = is_64 ? ELF64_R_TYPE(info) : ELF32_R_TYPE(info);

		inq_cursor_skip(&cursor, has_addend ? word : 0);
		if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT)
			plt->slots[plt->slot_count++] =
				(struct slot){address, (uint32_t)(is_64 ? ELF64_R_SYM(info) : ELF32_R_SYM(info))};
	}
	return true;
}

static bool read_slots(struct inq_plt *plt)
{
	struct inq_bytes bytes;

	for (size_t i = 1; i < inq_object_section_count(plt->object); i++) {
		struct inq_section *section = inq_object_section_at(plt->object, i);
		struct inq_section *symbols = inq_object_section_at(plt->object, section->link);
		struct inq_section *strings = symbols ? inq_object_section_at(plt->object, symbols->link) : NULL;

		if ((section->type != SHT_RELA && section->type != SHT_REL) || !strings ||
		    symbols->type != SHT_DYNSYM)
			continue;
		if (inq_object_load(plt->object, section, &bytes, NULL) != INQ_OK ||
		    inq_object_load(plt->object, symbols, &plt->symbols, NULL) != INQ_OK ||
		    inq_object_load(plt->object, strings, &plt->strings, NULL) != INQ_OK ||
		    !add_slots(plt, section, bytes))
			return false;
	}
	if (plt->slot_count)
		qsort(plt->slots, plt->slot_count, sizeof(*plt->slots), by_address);
	return plt->slot_count != 0;
}

/* --- stubs, out of the code ----------------------------------------------------------------------- */

static bool add_stub(struct inq_plt *plt, uint64_t value, uint64_t slot_address)
{
	size_t size = inq_object_is_64(plt->object) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct slot key = {.address = slot_address};
	const struct slot *slot = bsearch(&key, plt->slots, plt->slot_count, sizeof(key), by_address);
	struct inq_cursor cursor = inq_object_cursor(plt->object, plt->symbols, "dynamic symbols");

	if (!slot || slot->symbol >= plt->symbols.size / size)
		return true;
	inq_cursor_seek(&cursor, slot->symbol * size);
	if (plt->count == plt->capacity) {
		size_t capacity = plt->capacity ? plt->capacity * 2 : 64;
		struct inq_plt_entry *more = capacity <= MAX_STUBS ?
						     realloc(plt->entries, capacity * sizeof(*more)) : NULL;

		if (!more)
			return false;
		plt->entries = more;
		plt->capacity = capacity;
	}
	plt->entries[plt->count++] = (struct inq_plt_entry){value, inq_cursor_u32(&cursor)};
	return true;
}

/* The slot that "jmp *slot" at `at` goes through: ff 25, relative to the next instruction or absolute; ff
 * a3, relative to the table that %ebx holds. */
static bool slot_of(const struct inq_plt *plt, const struct inq_section *section, struct inq_bytes code,
		    size_t at, uint64_t table, uint64_t *ret)
{
	struct inq_cursor cursor = inq_object_cursor(plt->object, code, section->name);
	uint8_t mode;

	inq_cursor_seek(&cursor, at);
	if (inq_cursor_u8(&cursor) != 0xff)
		return false;
	mode = inq_cursor_u8(&cursor);

	int32_t displacement = (int32_t)inq_cursor_u32(&cursor);

	if (cursor.bad || (mode != 0x25 && (mode != 0xa3 || inq_object_is_64(plt->object))))
		return false;
	if (inq_object_is_64(plt->object))
		*ret = section->address + at + 6 + (uint64_t)(int64_t)displacement;
	else
		*ret = (uint32_t)displacement + (mode == 0xa3 ? (uint32_t)table : 0);
	return true;
}

/* Stubs have 16 bytes, in .plt.got without landing pads 8; the jump comes first or after a landing pad or a
 * "bnd". What lies before the jump belongs to it. */
static bool add_stubs(struct inq_plt *plt, const struct inq_section *section, struct inq_bytes code, uint64_t table)
{
	uint64_t slot;

	for (size_t at = 0; at + 6 <= code.size; at++) {
		if (code.data[at] != 0xff || !slot_of(plt, section, code, at, table, &slot))
			continue;
		if (!add_stub(plt, section->address + (at & ~(size_t)7), slot))
			return false;
		at += 5;
	}
	return true;
}

bool inq_plt_holds(struct inq_object *object, uint64_t vaddr, uint64_t *ret_end)
{
	for (size_t i = 1; i < inq_object_section_count(object); i++) {
		const struct inq_section *section = inq_object_section_at(object, i);

		if ((section->flags & SHF_EXECINSTR) && strncmp(section->name, ".plt", 4) == 0 &&
		    vaddr >= section->address && vaddr - section->address < section->size) {
			*ret_end = section->address + section->size;
			return true;
		}
	}
	return false;
}

/* --- life ----------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const struct inq_plt_entry *left = a, *right = b;

	return left->value < right->value ? -1 : left->value > right->value;
}

static bool read_stubs(struct inq_plt *plt)
{
	const struct inq_section *got = inq_object_section(plt->object, ".got.plt");
	struct inq_bytes code;
	uint64_t end;

	for (size_t i = 1; i < inq_object_section_count(plt->object); i++) {
		struct inq_section *section = inq_object_section_at(plt->object, i);

		if (!inq_plt_holds(plt->object, section->address, &end) ||
		    strncmp(section->name, ".plt", 4) != 0)
			continue;
		if (inq_object_load(plt->object, section, &code, NULL) != INQ_OK ||
		    !add_stubs(plt, section, code, got ? got->address : 0))
			return false;
	}
	if (plt->count)
		qsort(plt->entries, plt->count, sizeof(*plt->entries), by_value);
	return plt->count != 0;
}

enum inq_status inq_plt_new(struct inq_object *object, struct inq_plt **ret, struct inq_error *err)
{
	uint16_t machine = inq_object_machine(object);
	struct inq_plt *plt;
	bool found;

	if (machine != EM_X86_64 && machine != EM_386)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': stubs of another machine", inq_object_name(object));
	plt = calloc(1, sizeof(*plt));
	if (!plt)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': stubs", inq_object_name(object));
	plt->object = object;
	found = read_slots(plt) && read_stubs(plt);
	free(plt->slots);
	plt->slots = NULL;
	if (!found) {
		inq_plt_free(plt);
		return inq_fail(err, INQ_ABSENT, "'%s': no stubs", inq_object_name(object));
	}
	*ret = plt;
	return INQ_OK;
}

void inq_plt_free(struct inq_plt *plt)
{
	if (!plt)
		return;
	free(plt->entries);
	free(plt->slots);
	free(plt);
}

const struct inq_plt_entry *inq_plt_at(const struct inq_plt *plt, uint64_t vaddr)
{
	const struct inq_plt_entry *best = NULL;

	for (size_t i = 0; i < plt->count && plt->entries[i].value <= vaddr; i++)
		best = &plt->entries[i];
	return best && vaddr - best->value < 16 ? best : NULL;
}

const char *inq_plt_name(const struct inq_plt *plt, const struct inq_plt_entry *entry)
{
	/* Loaded sections end in a zero that is not theirs. */
	return entry->name < plt->strings.size ? (const char *)plt->strings.data + entry->name : "";
}
