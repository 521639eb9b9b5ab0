/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory by the region: all of it (f), what is private and can be written (w), modules' segments (c, d). */
#include "config.h"

#include "capture/plan_private.h"

#include "support/cursor.h"

#include <elf.h>
#include <string.h>

enum { PAGE = 4096, PHDRS_MAX = 64, PHDR32 = 32, PHDR64 = 56 };

/* Everything that can be read; what must not be is not in the target's list. */
void inq_plan_full(struct inq_planner *planner)
{
	for (size_t i = 0; i < planner->memory_count; i++)
		inq_plan_want(planner, planner->memory[i].base,
			      planner->memory[i].base + planner->memory[i].size);
}

void inq_plan_private(struct inq_planner *planner)
{
	const uint32_t not_these = INQ_REGION_SHARED | INQ_REGION_FREE | INQ_REGION_NO_DUMP;

	for (size_t i = 0; i < planner->region_count; i++) {
		const struct inq_region *region = &planner->regions[i];

		if (region->protection & INQ_PROT_WRITE && !(region->flags & not_these))
			inq_plan_want(planner, region->base, region->base + region->size);
	}
}

struct headers {
	bool is_64;
	uint64_t offset; /* of the program headers */
	uint32_t size, count;
};

static bool read_headers(struct inq_planner *planner, uint64_t base, struct headers *ret)
{
	uint8_t raw[sizeof(Elf64_Ehdr)] = {0};
	struct inq_cursor cursor = inq_cursor_make(raw, sizeof(raw), base, "ELF header");

	if (inq_target_read_all(planner->target, base, raw, sizeof(raw), NULL) != INQ_OK ||
	    memcmp(raw, ELFMAG, SELFMAG) != 0 || raw[EI_DATA] != ELFDATA2LSB)
		return false;
	ret->is_64 = raw[EI_CLASS] == ELFCLASS64;
	inq_cursor_seek(&cursor, ret->is_64 ? 32 : 28);
	ret->offset = inq_cursor_word(&cursor, ret->is_64 ? 8 : 4);
	inq_cursor_seek(&cursor, ret->is_64 ? 54 : 42);
	ret->size = inq_cursor_u16(&cursor);
	ret->count = inq_cursor_u16(&cursor);
	return ret->size == (ret->is_64 ? PHDR64 : PHDR32) && ret->count <= PHDRS_MAX;
}

static void read_phdr(struct inq_cursor *cursor, bool is_64, Elf64_Phdr *ret)
{
	unsigned word = is_64 ? 8 : 4;

	ret->p_type = inq_cursor_u32(cursor);
	if (is_64)
		ret->p_flags = inq_cursor_u32(cursor);
	ret->p_offset = inq_cursor_word(cursor, word);
	ret->p_vaddr = inq_cursor_word(cursor, word);
	ret->p_paddr = inq_cursor_word(cursor, word);
	ret->p_filesz = inq_cursor_word(cursor, word);
	ret->p_memsz = inq_cursor_word(cursor, word);
	if (!is_64)
		ret->p_flags = inq_cursor_u32(cursor);
	ret->p_align = inq_cursor_word(cursor, word);
}

void inq_plan_each_phdr(struct inq_planner *planner, const struct inq_module *module, inq_plan_phdr each, void *user)
{
	uint8_t raw[PHDRS_MAX * PHDR64] = {0};
	Elf64_Phdr phdrs[PHDRS_MAX];
	struct inq_cursor cursor = inq_cursor_make(raw, sizeof(raw), 0, "program headers");
	struct headers headers;
	uint64_t bias = 0;
	bool has_bias = false;

	if (!read_headers(planner, module->base, &headers) ||
	    inq_target_read_all(planner->target, module->base + headers.offset, raw,
				headers.count * headers.size, NULL) != INQ_OK)
		return;
	for (uint32_t i = 0; i < headers.count; i++) {
		read_phdr(&cursor, headers.is_64, &phdrs[i]);
		/* The header is mapped by the segment of offset 0, at the module's base. */
		if (!has_bias && phdrs[i].p_type == PT_LOAD && phdrs[i].p_offset == 0) {
			bias = module->base - phdrs[i].p_vaddr;
			has_bias = true;
		}
	}
	for (uint32_t i = 0; has_bias && i < headers.count; i++)
		each(planner, phdrs[i].p_type, phdrs[i].p_flags, phdrs[i].p_vaddr + bias, phdrs[i].p_memsz,
		     phdrs[i].p_align, user);
}

static bool is_wanted(const struct inq_planner *planner, bool writable, bool executable)
{
	return (writable && planner->letters & INQ_DUMP_d) ||
	       (executable && planner->letters & INQ_DUMP_c);
}

/* A writable segment is wanted as the program has it: what the loader made read-only afterwards (relro) and .bss
 * belong to it. */
static void want_segment(struct inq_planner *planner, uint32_t type, uint32_t flags, uint64_t address, uint64_t size,
			 uint64_t align, void *user)
{
	uint64_t end;

	(void)align;
	(void)user;
	if (type == PT_LOAD && is_wanted(planner, flags & PF_W, flags & PF_X) &&
	    !__builtin_add_overflow(address, size, &end))
		inq_plan_want(planner, address, end);
}

/* Anonymous memory behind .bss that the kernel made one mapping with it is not the module's any more. */
static uint64_t end_of(const struct inq_region *region, const struct inq_module *module)
{
	uint64_t end = region->base + region->size, last = (module->base + module->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	return last > region->base && last < end ? last : end;
}

/* By the program headers, and by the protection of what is mapped of a module, where headers cannot be read or a
 * program changed its own protections. */
void inq_plan_segments(struct inq_planner *planner)
{
	const struct inq_module *modules;
	size_t count;

	if (inq_target_modules(planner->target, &modules, &count, NULL) != INQ_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!modules[i].unloaded)
			inq_plan_each_phdr(planner, &modules[i], want_segment, NULL);
	}
	for (size_t i = 0; i < planner->region_count; i++) {
		const struct inq_region *region = &planner->regions[i];
		const struct inq_module *module = inq_module_at(modules, count, region->base);

		if (module && !module->unloaded &&
		    is_wanted(planner, region->protection & INQ_PROT_WRITE, region->protection & INQ_PROT_EXEC))
			inq_plan_want(planner, region->base, end_of(region, module));
	}
}
