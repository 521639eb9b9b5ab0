/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_core.h"

#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

static void put(struct inq_buffer *to, uint64_t value, unsigned size)
{
	inq_buffer_append(to, &value, size);
}

void build_note(struct inq_buffer *to, const char *name, uint32_t type, const void *data,
		size_t size)
{
	static const uint8_t zeroes[4];

	put(to, strlen(name) + 1, 4);
	put(to, size, 4);
	put(to, type, 4);
	inq_buffer_append(to, name, strlen(name) + 1);
	inq_buffer_append(to, zeroes, -to->size & 3);
	inq_buffer_append(to, data, size);
	inq_buffer_append(to, zeroes, -to->size & 3);
}

void build_thread(struct inq_buffer *to, uint32_t tid, uint16_t signal, uint64_t pc, uint64_t sp)
{
	struct elf_prstatus status = {.pr_pid = (int)tid, .pr_cursig = (short)signal};
	struct user_fpregs_struct fp = {.mxcsr = 0x1f80};
	struct user_regs_struct regs = {
		.rip = pc, .rsp = sp, .rbp = sp + 16, .fs_base = 0x7000 + tid};

	_Static_assert(sizeof(status.pr_reg) == sizeof(regs), "x86-64's registers");
	status.pr_utime.tv_sec = 1;
	status.pr_utime.tv_usec = 5;
	memcpy(status.pr_reg, &regs, sizeof(regs));
	build_note(to, "CORE", NT_PRSTATUS, &status, sizeof(status));
	build_note(to, "CORE", NT_FPREGSET, &fp, sizeof(fp));
}

void build_process(struct inq_buffer *to, uint32_t pid, const char *name, const char *arguments)
{
	struct elf_prpsinfo info = {
		.pr_pid = (int)pid, .pr_ppid = 2, .pr_uid = 1000, .pr_gid = 1001};

	strncpy(info.pr_fname, name, sizeof(info.pr_fname) - 1);
	strncpy(info.pr_psargs, arguments, sizeof(info.pr_psargs) - 1);
	build_note(to, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

void build_siginfo(struct inq_buffer *to, int signal, int code, uint64_t address)
{
	uint8_t info[128] = {0};

	memcpy(info, &signal, 4);
	memcpy(info + 8, &code, 4);
	memcpy(info + 16, &address, 8);
	build_note(to, "CORE", NT_SIGINFO, info, sizeof(info));
}

void build_files(struct inq_buffer *to, const struct built_file *files, size_t really,
		 uint64_t count)
{
	struct inq_buffer note = {0};

	put(&note, count, 8);
	put(&note, 4096, 8);
	for (size_t i = 0; i < really; i++) {
		put(&note, files[i].start, 8);
		put(&note, files[i].end, 8);
		put(&note, files[i].page_offset, 8);
	}
	for (size_t i = 0; i < really; i++)
		inq_buffer_append(&note, files[i].name, strlen(files[i].name) + 1);
	build_note(to, "CORE", NT_FILE, note.data, note.size);
	inq_buffer_done(&note);
}

static void put_header(struct inq_buffer *to, const struct core_spec *spec, uint64_t phnum,
		       uint64_t shoff)
{
	unsigned word = spec->word;
	uint8_t ident[EI_NIDENT] = {
		0x7f, 'E', 'L', 'F', word == 8 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT};
	bool extended = spec->extended || phnum >= PN_XNUM;

	inq_buffer_append(to, ident, sizeof(ident));
	put(to, spec->type, 2);
	put(to, spec->machine, 2);
	put(to, EV_CURRENT, 4);
	put(to, 0, word);
	put(to, word == 8 ? 64 : 52, word);
	put(to, extended ? shoff : 0, word);
	put(to, 0, 4);
	put(to, word == 8 ? 64 : 52, 2);
	put(to, word == 8 ? 56 : 32, 2);
	put(to, extended ? PN_XNUM : phnum, 2);
	put(to, word == 8 ? 64 : 40, 2);
	put(to, extended ? 1 : 0, 2);
	put(to, 0, 2);
}

static void put_program_header(struct inq_buffer *to, unsigned word, uint32_t type, uint64_t offset,
			       const struct built_segment *segment)
{
	put(to, type, 4);
	if (word == 8)
		put(to, segment->flags, 4);
	put(to, offset, word);
	put(to, segment->base, word);
	put(to, 0, word);
	put(to, segment->have, word);
	put(to, segment->size, word);
	if (word == 4)
		put(to, segment->flags, 4);
	put(to, 1, word);
}

void build_core(const struct core_spec *spec, struct inq_buffer *to)
{
	uint64_t phnum = spec->segment_count + (spec->notes ? 1 : 0);
	uint64_t phsize = spec->word == 8 ? 56 : 32, ehsize = spec->word == 8 ? 64 : 52;
	uint64_t notes_at = ehsize + phnum * phsize;
	uint64_t section_at = notes_at + (spec->notes ? spec->notes->size : 0);
	uint64_t at = section_at + 64;

	put_header(to, spec, phnum, section_at);
	if (spec->notes) {
		struct built_segment notes = {.have = spec->notes->size};

		put_program_header(to, spec->word, PT_NOTE, notes_at, &notes);
	}
	for (size_t i = 0; i < spec->segment_count; i++) {
		put_program_header(to, spec->word, PT_LOAD, at, &spec->segments[i]);
		at += spec->segments[i].have;
	}
	if (spec->notes)
		inq_buffer_append(to, spec->notes->data, spec->notes->size);
	/* Section 0, used or not: sh_info has the number of program headers. */
	for (unsigned i = 0; i < 64; i++)
		put(to, 0, 1);
	memcpy(to->data + section_at +
		       (spec->word == 8 ? offsetof(Elf64_Shdr, sh_info)
					: offsetof(Elf32_Shdr, sh_info)),
	       &(uint32_t){(uint32_t)phnum}, 4);
	for (size_t i = 0; i < spec->segment_count; i++) {
		uint8_t *place = inq_buffer_extend(to, (size_t)spec->segments[i].have);

		if (!spec->segments[i].have)
			continue;
		if (spec->segments[i].bytes)
			memcpy(place, spec->segments[i].bytes, (size_t)spec->segments[i].have);
		else
			memset(place, spec->segments[i].fill, (size_t)spec->segments[i].have);
	}
}
