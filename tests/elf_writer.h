/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A small writer of ELF images for tests: file offsets are vaddrs, segments and sections are added in any
 * order, and whoever wants a lie patches the bytes afterwards.
 */
#ifndef TESTS_ELF_WRITER_H
#define TESTS_ELF_WRITER_H

#include <criterion/criterion.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ELF_WRITER_SIZE = 1 << 16, ELF_WRITER_MAX = 16 };

struct elf_writer {
	bool is_32;
	uint16_t machine;
	uint8_t data[ELF_WRITER_SIZE];
	size_t size; /* of the file */
	Elf64_Phdr segments[ELF_WRITER_MAX];
	Elf64_Shdr sections[ELF_WRITER_MAX];
	unsigned segment_count, section_count;
	char names[256];
	uint32_t names_size;
};

/* Bytes at an offset; the file grows to hold them. */
static inline void elf_put(struct elf_writer *elf, uint64_t at, const void *bytes, size_t size)
{
	cr_assert_leq(at + size, sizeof(elf->data));
	memcpy(elf->data + at, bytes, size);
	if (elf->size < at + size)
		elf->size = at + size;
}

static inline void elf_segment(struct elf_writer *elf, uint32_t type, uint32_t flags, uint64_t at, uint64_t size)
{
	elf->segments[elf->segment_count++] = (Elf64_Phdr){.p_type = type, .p_flags = flags, .p_offset = at,
							   .p_vaddr = at, .p_filesz = size, .p_memsz = size};
}

static inline void elf_section(struct elf_writer *elf, const char *name, uint32_t type, uint64_t flags,
			       uint64_t at, uint64_t size)
{
	if (elf->section_count == 0) {
		elf->section_count = 1;
		elf->names_size = 1;
	}
	elf->sections[elf->section_count++] = (Elf64_Shdr){.sh_name = elf->names_size, .sh_type = type,
							   .sh_flags = flags, .sh_addr = at, .sh_offset = at,
							   .sh_size = size};
	memcpy(elf->names + elf->names_size, name, strlen(name) + 1);
	elf->names_size += (uint32_t)strlen(name) + 1;
}

static inline void elf_narrow_segment(struct elf_writer *elf, unsigned i)
{
	const Elf64_Phdr *wide = &elf->segments[i];
	Elf32_Phdr narrow = {wide->p_type, (Elf32_Off)wide->p_offset, (Elf32_Addr)wide->p_vaddr, 0,
			     (Elf32_Word)wide->p_filesz, (Elf32_Word)wide->p_memsz, wide->p_flags, 0};

	elf_put(elf, sizeof(Elf32_Ehdr) + i * sizeof(narrow), &narrow, sizeof(narrow));
}

/* Write the headers; section headers and their names go behind everything. */
static inline void elf_finish(struct elf_writer *elf)
{
	Elf64_Ehdr wide = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1}, .e_type = ET_DYN,
			   .e_version = 1, .e_phoff = sizeof(wide), .e_ehsize = sizeof(wide),
			   .e_phentsize = sizeof(Elf64_Phdr), .e_shentsize = sizeof(Elf64_Shdr)};
	Elf32_Ehdr narrow = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1}, .e_type = ET_DYN,
			     .e_version = 1, .e_phoff = sizeof(narrow), .e_ehsize = sizeof(narrow),
			     .e_phentsize = sizeof(Elf32_Phdr), .e_shentsize = sizeof(Elf32_Shdr)};

	wide.e_machine = elf->machine ? elf->machine : EM_X86_64;
	wide.e_entry = 0x1000;
	wide.e_phnum = (uint16_t)elf->segment_count;
	if (elf->section_count && !elf->is_32) {
		uint64_t names_at = elf->size;

		elf_section(elf, ".shstrtab", SHT_STRTAB, 0, names_at, 0);
		elf->sections[elf->section_count - 1].sh_size = elf->names_size;
		elf_put(elf, names_at, elf->names, elf->names_size);
		wide.e_shoff = elf->size = (elf->size + 7) & ~(size_t)7;
		wide.e_shnum = (uint16_t)elf->section_count;
		wide.e_shstrndx = (uint16_t)(elf->section_count - 1);
		elf_put(elf, wide.e_shoff, elf->sections, elf->section_count * sizeof(elf->sections[0]));
	}
	if (!elf->is_32) {
		elf_put(elf, 0, &wide, sizeof(wide));
		elf_put(elf, sizeof(wide), elf->segments, elf->segment_count * sizeof(elf->segments[0]));
		return;
	}
	narrow.e_machine = elf->machine ? elf->machine : EM_386;
	narrow.e_entry = 0x1000;
	narrow.e_phnum = (uint16_t)elf->segment_count;
	elf_put(elf, 0, &narrow, sizeof(narrow));
	for (unsigned i = 0; i < elf->segment_count; i++)
		elf_narrow_segment(elf, i);
}

#endif
