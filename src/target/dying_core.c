/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/dying_core.h"

#include "support/cursor.h"
#include "target/dying.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PIPE_CHUNK = 64 << 10,	     /* a pipe's default capacity */
	NOTE_NAME_MAX = 32,	     /* bytes; the kernel's are "CORE" and "LINUX" */
	THREAD_NOTES_MAX = 64 << 10, /* bytes of notes kept of one thread but the first, until its
					CONTEXT is made */
};

struct pipe {
	int fd;
	size_t at, filled;
	uint64_t position; /* bytes taken, from the start of the core */
	bool ended;
	uint8_t bytes[PIPE_CHUNK];
};

struct walk {
	struct pipe pipe;
	struct inq_dying_core *core;
	struct inq_buffer thread; /* kept notes of the thread that is being read */
	bool has_thread;
	bool xstates; /* are kept */
	bool no_memory;
};

static void problem(struct inq_dying_core *core, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first problem is the one that explains the others. */
static void problem(struct inq_dying_core *core, const char *format, ...)
{
	va_list args;

	if (core->problem[0])
		return;
	va_start(args, format);
	vsnprintf(core->problem, sizeof(core->problem), format, args);
	va_end(args);
}

static bool pipe_fill(struct pipe *pipe)
{
	ssize_t got;

	if (pipe->ended)
		return false;
	do
		got = read(pipe->fd, pipe->bytes, sizeof(pipe->bytes));
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		pipe->ended = true;
		return false;
	}
	pipe->at = 0;
	pipe->filled = (size_t)got;
	return true;
}

/* Take `size` bytes; `to` may be NULL to skip them. False if the pipe ends before. */
static bool pipe_take(struct pipe *pipe, void *to, uint64_t size)
{
	uint8_t *place = to;

	while (size) {
		size_t part = pipe->filled - pipe->at;

		if (part == 0) {
			if (!pipe_fill(pipe))
				return false;
			continue;
		}
		if (part > size)
			part = (size_t)size;
		if (place) {
			memcpy(place, pipe->bytes + pipe->at, part);
			place += part;
		}
		pipe->at += part;
		pipe->position += part;
		size -= part;
	}
	return true;
}

/* What of the ELF header counts. */
struct header {
	bool is_64;
	uint64_t phdr_offset;
	uint32_t phdr_size, phdr_count;
};

static bool read_header(struct walk *walk, struct header *ret)
{
	struct inq_dying_core *core = walk->core;
	uint8_t bytes[sizeof(Elf64_Ehdr)];
	struct inq_cursor cursor;
	uint16_t type, machine;

	if (!pipe_take(&walk->pipe, bytes, EI_NIDENT)) {
		problem(core, "the kernel wrote no core: the process was killed while it died");
		return false;
	}
	ret->is_64 = bytes[EI_CLASS] == ELFCLASS64;
	if (memcmp(bytes, ELFMAG, SELFMAG) != 0 || bytes[EI_DATA] != ELFDATA2LSB ||
	    (!ret->is_64 && bytes[EI_CLASS] != ELFCLASS32)) {
		problem(core, "what the kernel wrote is not a little-endian ELF core");
		return false;
	}
	size_t size = ret->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (!pipe_take(&walk->pipe, bytes + EI_NIDENT, size - EI_NIDENT)) {
		problem(core, "the core ends in its ELF header");
		return false;
	}
	cursor = inq_cursor_make(bytes, size, 0, "ELF header");
	inq_cursor_seek(&cursor, EI_NIDENT);
	type = inq_cursor_u16(&cursor);
	machine = inq_cursor_u16(&cursor);
	inq_cursor_skip(&cursor, 4);
	unsigned word = ret->is_64 ? 8 : 4;
	inq_cursor_word(&cursor, word); /* e_entry */
	ret->phdr_offset = inq_cursor_word(&cursor, word);
	inq_cursor_word(&cursor, word); /* e_shoff: behind the memory, which never comes */
	inq_cursor_skip(&cursor, 4 + 2);
	ret->phdr_size = inq_cursor_u16(&cursor);
	ret->phdr_count = inq_cursor_u16(&cursor);
	core->machine = inq_machine_from_elf(machine, ret->is_64);
	core->pointer_size = word;
	core->notes.machine = core->machine;
	core->notes.pointer_size = word;
	if (type != ET_CORE ||
	    ret->phdr_size != (ret->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
	    ret->phdr_offset < size) {
		problem(core, "the core's ELF header makes no sense");
		return false;
	}
	return true;
}

struct phdr {
	uint32_t type, flags;
	uint64_t offset, address, file_size, size;
};

static bool read_phdr(struct walk *walk, const struct header *header, struct phdr *ret)
{
	uint8_t bytes[sizeof(Elf64_Phdr)];
	unsigned word = header->is_64 ? 8 : 4;
	struct inq_cursor cursor;

	if (!pipe_take(&walk->pipe, bytes, header->phdr_size)) {
		problem(walk->core, "the core ends in its program headers");
		return false;
	}
	cursor = inq_cursor_make(bytes, header->phdr_size, 0, "program header");
	ret->type = inq_cursor_u32(&cursor);
	if (header->is_64)
		ret->flags = inq_cursor_u32(&cursor);
	ret->offset = inq_cursor_word(&cursor, word);
	ret->address = inq_cursor_word(&cursor, word);
	inq_cursor_word(&cursor, word); /* p_paddr */
	ret->file_size = inq_cursor_word(&cursor, word);
	ret->size = inq_cursor_word(&cursor, word);
	if (!header->is_64)
		ret->flags = inq_cursor_u32(&cursor);
	return true;
}

static void keep_segment(struct walk *walk, const struct phdr *phdr)
{
	struct inq_dying_segment segment = {
		.base = phdr->address,
		.size = phdr->size,
		.file_size = phdr->file_size,
		.flags = phdr->flags,
	};

	inq_buffer_append(&walk->core->segments, &segment, sizeof(segment));
	walk->no_memory |= !inq_buffer_ok(&walk->core->segments);
}

/* All program headers; ret_notes gets the PT_NOTE, whose type is PT_NULL if there is none. */
static bool read_phdrs(struct walk *walk, const struct header *header, struct phdr *ret_notes)
{
	uint64_t count = header->phdr_count;
	struct phdr phdr;

	*ret_notes = (struct phdr){.type = PT_NULL};
	if (!pipe_take(&walk->pipe, NULL, header->phdr_offset - walk->pipe.position)) {
		problem(walk->core, "the core ends before its program headers");
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!read_phdr(walk, header, &phdr))
			return false;
		/*
		 * 65,535 or more program headers: the true count is in a section header behind the
		 * memory, which never comes. But the kernel puts PT_NOTE first and its bytes right
		 * behind the headers (elf_core_dump() in fs/binfmt_elf.c).
		 */
		if (i == 0 && count == PN_XNUM && phdr.type == PT_NOTE &&
		    phdr.offset > header->phdr_offset)
			count = (phdr.offset - header->phdr_offset) / header->phdr_size;
		if (count > INQ_DYING_MAX_SEGMENTS) {
			problem(walk->core, "%llu program headers, at most %d",
				(unsigned long long)count, INQ_DYING_MAX_SEGMENTS);
			return false;
		}
		if (phdr.type == PT_LOAD)
			keep_segment(walk, &phdr);
		else if (phdr.type == PT_NOTE && ret_notes->type == PT_NULL)
			*ret_notes = phdr;
	}
	return true;
}

static bool note_is_kept(const struct walk *walk, uint32_t type)
{
	switch (type) {
	case NT_X86_XSTATE:
		return walk->xstates;
	case NT_PRSTATUS:
	case NT_PRFPREG:
	case NT_PRPSINFO:
	case NT_AUXV:
	case NT_SIGINFO:
	case NT_FILE:
	case NT_PRXFPREG:
	case NT_ARM_TLS:
	case NT_ARM_VFP:
		return true;
	default:
		return false;
	}
}

void inq_dying_core_keep_xstate(struct inq_dying_core *core, struct inq_dying_registers *registers, const void *bytes,
				size_t size)
{
	if (!bytes || !size || core->xstates.size + size > INQ_DYING_XSTATES)
		return;
	registers->xstate = core->xstates.size;
	inq_buffer_append(&core->xstates, bytes, size);
	registers->xstate_size = inq_buffer_ok(&core->xstates) ? size : 0;
}

static void append_registers(struct walk *walk, const struct inq_core_notes *notes)
{
	const struct inq_core_thread *thread = &notes->threads[0];
	struct inq_dying_core *core = walk->core;
	struct inq_dying_registers *registers;
	struct inq_context context;

	registers = inq_buffer_extend(&core->threads, sizeof(*registers));
	if (!registers) {
		walk->no_memory = true;
		return;
	}
	registers->tid = thread->tid;
	registers->user_us = thread->user_us;
	registers->kernel_us = thread->kernel_us;
	if (!inq_core_thread_context(core->machine, thread, &context, &registers->tls))
		return;
	registers->has_context = true;
	inq_dying_core_keep_xstate(core, registers, thread->xstate.data, thread->xstate.size);
	core->context_size = context.size;
	memcpy(registers->raw, context.raw, context.size);
}

/* All notes of a thread are there: make its CONTEXT. The first thread's notes stay, the process's
 * are among them. */
static void finish_thread(struct walk *walk)
{
	struct inq_dying_core *core = walk->core;
	bool is_first = core->threads.size == 0;
	struct inq_core_notes notes = {.machine = core->machine,
				       .pointer_size = core->pointer_size};

	if (!walk->has_thread)
		return;
	walk->has_thread = false;
	if (!inq_buffer_ok(&walk->thread) ||
	    inq_core_notes_parse(walk->thread.data, walk->thread.size, 4, &notes, NULL) ==
		    INQ_NO_MEMORY)
		walk->no_memory = true;
	else if (notes.thread_count)
		append_registers(walk, &notes);
	if (is_first && notes.thread_count) {
		core->first = walk->thread;
		core->notes = notes;
		walk->thread = (struct inq_buffer){0};
	} else {
		inq_core_notes_done(&notes);
		walk->thread.size = 0;
	}
}

/* One note, its header taken. False where nothing sensible can follow. */
static bool read_note(struct walk *walk, const Elf64_Nhdr *head, uint64_t left)
{
	struct inq_dying_core *core = walk->core;
	uint64_t name = ((uint64_t)head->n_namesz + 3) & ~3ull;
	uint64_t desc = ((uint64_t)head->n_descsz + 3) & ~3ull;

	if (name > NOTE_NAME_MAX || name + desc > left) {
		problem(core, "the core's notes make no sense at offset 0x%llx",
			(unsigned long long)walk->pipe.position);
		return false;
	}
	if (head->n_type == NT_PRSTATUS) {
		finish_thread(walk);
		if (inq_dying_core_thread_count(core) >= INQ_DYING_MAX_THREADS) {
			problem(core, "more than %d threads", INQ_DYING_MAX_THREADS);
			return false;
		}
		walk->has_thread = true;
	}
	size_t limit = core->threads.size ? THREAD_NOTES_MAX : INQ_DYING_MAX_NOTE;
	if (!note_is_kept(walk, head->n_type) || walk->thread.size + sizeof(*head) + name + desc > limit)
		return pipe_take(&walk->pipe, NULL, name + desc);

	size_t before = walk->thread.size;
	uint8_t *place = inq_buffer_extend(&walk->thread, (size_t)(sizeof(*head) + name + desc));
	if (!place) {
		walk->no_memory = true;
		return false;
	}
	memcpy(place, head, sizeof(*head));
	if (!pipe_take(&walk->pipe, place + sizeof(*head), name + desc)) {
		walk->thread.size = before; /* half a note is none */
		return false;
	}
	return true;
}

static void read_notes(struct walk *walk, const struct phdr *notes)
{
	struct inq_dying_core *core = walk->core;
	uint64_t left = notes->file_size;
	Elf64_Nhdr head;

	if (notes->offset < walk->pipe.position ||
	    !pipe_take(&walk->pipe, NULL, notes->offset - walk->pipe.position)) {
		problem(core, "the core ends before its notes");
		core->notes_lost = left;
		return;
	}
	while (left >= sizeof(head) && !walk->no_memory) {
		uint64_t start = walk->pipe.position;

		if (!pipe_take(&walk->pipe, &head, sizeof(head)) ||
		    !read_note(walk, &head, left - sizeof(head)))
			break;
		left -= walk->pipe.position - start;
	}
	finish_thread(walk);
	if (left >= sizeof(head) && walk->pipe.ended)
		problem(core, "the core ends in its notes: the process was killed while it died");
	core->notes_lost = left < sizeof(head) ? 0 : left;
}

enum inq_status inq_dying_core_read(int fd, bool xstates, struct inq_dying_core *ret, struct inq_error *err)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	struct header header;
	struct phdr notes;
	bool no_memory = true;

	if (!walk)
		return inq_fail(err, INQ_NO_MEMORY, "core: out of memory");
	walk->core = ret;
	walk->xstates = xstates;
	walk->pipe.fd = fd;
	walk->pipe.ended = fd < 0;
	if (read_header(walk, &header) && read_phdrs(walk, &header, &notes)) {
		if (notes.type == PT_NOTE)
			read_notes(walk, &notes);
		else
			problem(ret, "the core has no notes");
	}
	no_memory = walk->no_memory;
	inq_buffer_done(&walk->thread);
	free(walk);
	return no_memory ? inq_fail(err, INQ_NO_MEMORY, "core: out of memory") : INQ_OK;
}

void inq_dying_core_done(struct inq_dying_core *core)
{
	inq_core_notes_done(&core->notes);
	inq_buffer_done(&core->first);
	inq_buffer_done(&core->segments);
	inq_buffer_done(&core->threads);
	inq_buffer_done(&core->xstates);
}

size_t inq_dying_core_segment_count(const struct inq_dying_core *core)
{
	return core->segments.size / sizeof(struct inq_dying_segment);
}

size_t inq_dying_core_thread_count(const struct inq_dying_core *core)
{
	return core->threads.size / sizeof(struct inq_dying_registers);
}

const struct inq_dying_registers *inq_dying_core_thread(const struct inq_dying_core *core,
							size_t index)
{
	return (const struct inq_dying_registers *)core->threads.data + index;
}
