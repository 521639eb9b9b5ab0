/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/core_writer.h"

#include "privacy/veil.h"
#include "support/buffer.h"
#include "support/sink.h"
#include "target/core_facts.h"
#include "target/target.h"
#include "target/xstate.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	CHUNK = INQ_SINK_CHUNK,
	AHEAD_MAX = 1 << 30, /* bytes of untouched memory that are asked for at once */
	FXSAVE_AT = 0x100, /* FltSave in Windows' CONTEXT of AMD64 */
	FXSAVE_SIZE = 512,
};

struct writer {
	struct inq_target *target;
	struct inq_sink *sink;
	bool extended;
	const struct inq_buffer *facts; /* NULL: none */
	struct inq_buffer notes;
	struct inq_buffer headers; /* Elf64_Phdr[], PT_NOTE first */
	uint8_t *chunk; /* the sink's */
	struct inq_core_report report;
};

/* --- writing ---------------------------------------------------------------------------------------------- */

static enum inq_status put(const struct writer *writer, const void *bytes, size_t size, uint64_t offset,
			   struct inq_error *err)
{
	enum inq_status status = writer->sink->write(writer->sink, offset, bytes, size, err);

	return status == INQ_OK ? status : inq_prepend(err, status, "core");
}

/* --- notes -------------------------------------------------------------------------------------------------- */

static void add_note(struct writer *writer, uint32_t type, const char *owner, const void *bytes, size_t size)
{
	const Elf64_Nhdr header = {.n_namesz = (uint32_t)strlen(owner) + 1, .n_descsz = (uint32_t)size, .n_type = type};
	static const char padding[4];

	inq_buffer_append(&writer->notes, &header, sizeof(header));
	inq_buffer_append(&writer->notes, owner, header.n_namesz);
	inq_buffer_append(&writer->notes, padding, -header.n_namesz & 3);
	inq_buffer_append(&writer->notes, bytes, size);
	inq_buffer_append(&writer->notes, padding, -size & 3);
}

/* CONTEXT's name of each of the kernel's registers, in the order of struct user_regs_struct; NULL: a CONTEXT has no
 * such register. */
static const char *const registers[] = {
	"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
	"rdi", NULL /* orig_rax */, "rip", "cs", "efl", "rsp", "ss", NULL, NULL, "ds", "es", "fs", "gs",
};
_Static_assert(sizeof(registers) / sizeof(registers[0]) == sizeof(struct user_regs_struct) / 8, "user_regs_struct");

static void take_registers(const struct inq_context *context, uint64_t tls, struct user_regs_struct *ret)
{
	unsigned long long *words = (void *)ret;

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		const struct inq_register *reg =
			registers[i] ? inq_register_find(context->machine, registers[i], NULL, NULL) : NULL;
		uint64_t value = 0;

		if (reg)
			inq_context_get(context, reg, &value);
		words[i] = value;
	}
	/* Not in a system call that a debugger might restart. */
	ret->orig_rax = UINT64_MAX;
	ret->fs_base = tls;
}

static struct timeval time_of(uint64_t us)
{
	return (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
}

static void add_thread(struct writer *writer, const struct inq_thread *thread, const struct inq_context *context,
		       const struct inq_process *process, int signal)
{
	struct elf_prstatus status = {
		.pr_pid = (pid_t)thread->tid,
		.pr_cursig = (short)signal,
		.pr_info.si_signo = signal,
		.pr_ppid = process ? (pid_t)process->ppid : 0,
		.pr_fpvalid = 1,
	};
	struct timeval user = time_of(thread->user_us), kernel = time_of(thread->kernel_us);

	memcpy(&status.pr_utime, &user, sizeof(user));
	memcpy(&status.pr_stime, &kernel, sizeof(kernel));
	take_registers(context, thread->tls, (struct user_regs_struct *)(void *)&status.pr_reg);
	add_note(writer, NT_PRSTATUS, "CORE", &status, sizeof(status));
	writer->report.threads++;
}

static void add_floats(struct writer *writer, const struct inq_context *context, size_t index)
{
	struct inq_buffer area = {0};
	struct inq_xstate xstate;

	if (context->size >= FXSAVE_AT + FXSAVE_SIZE)
		add_note(writer, NT_FPREGSET, "CORE", context->raw + FXSAVE_AT, FXSAVE_SIZE);
	if (!writer->extended || inq_target_xstate(writer->target, index, &xstate, NULL) != INQ_OK)
		return;
	inq_xstate_to_intel(&xstate, &area);
	if (inq_buffer_ok(&area))
		add_note(writer, NT_X86_XSTATE, "LINUX", area.data, area.size);
	inq_buffer_done(&area);
}

static void add_process(struct writer *writer, const struct inq_process *process)
{
	struct elf_prpsinfo info = {.pr_sname = 'R', .pr_pid = (pid_t)process->pid, .pr_ppid = (pid_t)process->ppid};

	if (process->uid != UINT32_MAX)
		info.pr_uid = process->uid;
	if (process->gid != UINT32_MAX)
		info.pr_gid = process->gid;
	strncpy(info.pr_fname, process->program, sizeof(info.pr_fname) - 1);
	strncpy(info.pr_psargs, process->arguments, sizeof(info.pr_psargs) - 1);
	add_note(writer, NT_PRPSINFO, "CORE", &info, sizeof(info));
}

static void put_word(struct inq_buffer *to, uint64_t word)
{
	inq_buffer_append(to, &word, sizeof(word));
}

static bool is_file(const struct inq_region *region)
{
	return region->name[0] == '/' && !(region->flags & INQ_REGION_FREE);
}

/* NT_FILE: count, page size, (start, end, offset in pages) of each, then the names. */
static void add_files(struct writer *writer, const struct inq_region *regions, size_t count)
{
	struct inq_buffer note = {0};
	uint64_t files = 0;

	for (size_t i = 0; i < count; i++)
		files += is_file(&regions[i]);
	if (!files)
		return;
	put_word(&note, files);
	put_word(&note, PAGE);
	for (size_t i = 0; i < count; i++) {
		if (!is_file(&regions[i]))
			continue;
		put_word(&note, regions[i].base);
		put_word(&note, regions[i].base + regions[i].size);
		put_word(&note, regions[i].file_offset / PAGE);
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_file(&regions[i]))
			continue;
		inq_buffer_puts(&note, regions[i].name);
		if (regions[i].flags & INQ_REGION_DELETED)
			inq_buffer_puts(&note, " (deleted)");
		inq_buffer_append(&note, "", 1);
	}
	if (inq_buffer_ok(&note))
		add_note(writer, NT_FILE, "CORE", note.data, note.size);
	inq_buffer_done(&note);
}

/* What is the process's, behind the first thread. */
static void add_common(struct writer *writer, const struct inq_process *process, const struct inq_exception *exception)
{
	const struct inq_region *regions;
	const char *auxv;
	size_t count;

	if (process)
		add_process(writer, process);
	if (exception && exception->has_siginfo)
		add_note(writer, NT_SIGINFO, "CORE", exception->siginfo, sizeof(exception->siginfo));
	if (inq_target_text(writer->target, INQ_TEXT_AUXV, &auxv, &count, NULL) == INQ_OK)
		add_note(writer, NT_AUXV, "CORE", auxv, count);
	if (inq_target_regions(writer->target, &regions, &count, NULL) == INQ_OK)
		add_files(writer, regions, count);
}

/* The registers that belong into a core: of the exception's thread, the exception's. */
static bool context_of(struct writer *writer, const struct inq_thread *thread, size_t index,
		       const struct inq_exception *exception, struct inq_context *ret)
{
	if (exception && exception->tid == thread->tid &&
	    inq_target_exception_context(writer->target, ret, NULL) == INQ_OK)
		return true;
	return inq_target_context(writer->target, index, ret, NULL) == INQ_OK;
}

static enum inq_status make_notes(struct writer *writer, struct inq_error *err)
{
	const struct inq_exception *exception;
	const struct inq_process *process;
	const struct inq_thread *threads;
	size_t count;
	enum inq_status status = inq_target_threads(writer->target, &threads, &count, err);

	if (status != INQ_OK)
		return status;
	if (inq_target_exception(writer->target, &exception, NULL) != INQ_OK)
		exception = NULL;
	if (inq_target_process(writer->target, &process, NULL) != INQ_OK)
		process = NULL;
	/* The crashed one first: that is how a core says which it is. */
	for (int first = 1; first >= 0; first--) {
		for (size_t i = 0; i < count; i++) {
			bool crashed = exception && threads[i].tid == exception->tid;
			struct inq_context context = {0};
			bool leads = !writer->report.threads;

			if (crashed != first)
				continue;
			if (!context_of(writer, &threads[i], i, exception, &context)) {
				writer->report.threads_left_out++;
				continue;
			}
			if (context.machine != INQ_MACHINE_AMD64)
				return inq_fail(err, INQ_UNSUPPORTED, "a core is written for x86-64 only");
			add_thread(writer, &threads[i], &context, process, crashed ? (int)exception->code : 0);
			if (leads)
				add_common(writer, process, exception);
			add_floats(writer, &context, i);
		}
	}
	if (!writer->report.threads)
		return inq_fail(err, INQ_ABSENT, "no thread's registers are known, and a core without them opens nowhere");
	if (writer->facts)
		add_note(writer, INQ_CORE_FACTS_TYPE, INQ_CORE_FACTS_OWNER, writer->facts->data, writer->facts->size);
	return inq_buffer_ok(&writer->notes) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "notes: no memory");
}

/* --- segments ---------------------------------------------------------------------------------------------- */

static void add_segment(struct writer *writer, uint64_t base, uint64_t size, bool have, uint32_t protection)
{
	const Elf64_Phdr header = {
		.p_type = PT_LOAD,
		.p_flags = (protection & INQ_PROT_READ ? PF_R : 0u) | (protection & INQ_PROT_WRITE ? PF_W : 0u) |
			   (protection & INQ_PROT_EXEC ? PF_X : 0u),
		.p_vaddr = base,
		.p_filesz = have ? size : 0,
		.p_memsz = size,
		.p_align = PAGE,
	};

	if (!size)
		return;
	inq_buffer_append(&writer->headers, &header, sizeof(header));
	writer->report.segments++;
	writer->report.memory_bytes += have ? size : 0;
}

/* One mapping: what the target has of it, and between that what it has not. *at moves over ranges that end before. */
static void add_region(struct writer *writer, const struct inq_region *region, const struct inq_range *ranges,
		       size_t count, size_t *at)
{
	uint64_t from = region->base, end = region->base + region->size;

	while (*at < count && ranges[*at].base + ranges[*at].size <= from)
		(*at)++;
	for (size_t i = *at; i < count && ranges[i].base < end; i++) {
		uint64_t start = ranges[i].base > from ? ranges[i].base : from;
		uint64_t stop = ranges[i].base + ranges[i].size < end ? ranges[i].base + ranges[i].size : end;

		add_segment(writer, from, start - from, false, region->protection);
		add_segment(writer, start, stop - start, true, region->protection);
		from = stop;
	}
	add_segment(writer, from, end - from, false, region->protection);
}

static enum inq_status make_segments(struct writer *writer, struct inq_error *err)
{
	const Elf64_Phdr note = {.p_type = PT_NOTE};
	const struct inq_region *regions;
	const struct inq_range *ranges;
	size_t region_count, count, at = 0;
	enum inq_status status = inq_target_memory(writer->target, &ranges, &count, err);

	if (status != INQ_OK)
		return status;
	if (!count)
		return inq_fail(err, INQ_ABSENT, "there is no memory to write");
	inq_buffer_append(&writer->headers, &note, sizeof(note));
	if (inq_target_regions(writer->target, &regions, &region_count, NULL) == INQ_OK && region_count) {
		for (size_t i = 0; i < region_count; i++) {
			if (!(regions[i].flags & INQ_REGION_FREE))
				add_region(writer, &regions[i], ranges, count, &at);
		}
	} else {
		for (size_t i = 0; i < count; i++)
			add_segment(writer, ranges[i].base, ranges[i].size, true, INQ_PROT_READ | INQ_PROT_WRITE);
	}
	return inq_buffer_ok(&writer->headers) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "segments: no memory");
}

static uint64_t round_up(uint64_t value)
{
	return (value + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* Offsets: header, program headers, the section that counts them, notes, then memory from a page's start on. */
static uint64_t place(struct writer *writer)
{
	Elf64_Phdr *headers = (void *)writer->headers.data;
	size_t count = writer->headers.size / sizeof(*headers);
	uint64_t at = sizeof(Elf64_Ehdr) + writer->headers.size + (count >= PN_XNUM ? sizeof(Elf64_Shdr) : 0);

	headers[0].p_offset = at;
	headers[0].p_filesz = writer->notes.size;
	headers[0].p_align = 4;
	at = round_up(at + writer->notes.size);
	for (size_t i = 1; i < count; i++) {
		headers[i].p_offset = at;
		at += round_up(headers[i].p_filesz);
	}
	return at;
}

/* --- memory -------------------------------------------------------------------------------------------------- */

static enum inq_status copy_segment(struct writer *writer, const Elf64_Phdr *segment, struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	uint64_t ahead = CHUNK;

	for (uint64_t at = 0; status == INQ_OK && at < segment->p_filesz;) {
		uint64_t address = segment->p_vaddr + at, left = segment->p_filesz - at;
		bool zero = false;
		/* Never far ahead of what is read next: asking costs time for each page, too. */
		uint64_t known = inq_target_extent(writer->target, address, left < ahead ? left : ahead, &zero);
		size_t size = left < CHUNK ? (size_t)left : CHUNK, done = 0;

		if (known && zero) {
			at += known < left ? known : left;
			ahead = ahead < AHEAD_MAX ? 2 * ahead : AHEAD_MAX;
			continue;
		}
		ahead = CHUNK;
		if (known && known < size)
			size = (size_t)known;
		if (inq_target_read(writer->target, address, writer->chunk, size, &done, NULL) != INQ_OK || !done) {
			/* To the next page. */
			done = PAGE - (size_t)(address % PAGE);
			done = done < left ? done : (size_t)left;
			writer->report.missing_bytes += done;
		} else {
			status = writer->sink->hand(writer->sink, segment->p_offset + at, done, &writer->chunk, err);
		}
		at += done;
	}
	return status;
}

/* The bytes that make it a core, which come last. */
static Elf64_Ehdr signature_of(const struct writer *writer)
{
	size_t count = writer->headers.size / sizeof(Elf64_Phdr);
	bool many = count >= PN_XNUM;

	return (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = many ? sizeof(Elf64_Ehdr) + writer->headers.size : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (uint16_t)count,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};
}

/* All before memory, in the order of the file; a place for the signature. */
static enum inq_status write_front(struct writer *writer, const Elf64_Ehdr *signature, struct inq_error *err)
{
	const Elf64_Phdr *headers = (const void *)writer->headers.data;
	const Elf64_Shdr counter = {.sh_info = (uint32_t)(writer->headers.size / sizeof(*headers))};
	enum inq_status status = INQ_OK;

	if (writer->sink->reserve)
		status = writer->sink->reserve(writer->sink, 0, sizeof(*signature), err);
	if (status == INQ_OK)
		status = put(writer, writer->headers.data, writer->headers.size, signature->e_phoff, err);
	if (status == INQ_OK && signature->e_shoff)
		status = put(writer, &counter, sizeof(counter), signature->e_shoff, err);
	return status == INQ_OK ? put(writer, writer->notes.data, writer->notes.size, headers[0].p_offset, err)
				: status;
}

static enum inq_status write_memory(struct writer *writer, struct inq_error *err)
{
	const Elf64_Phdr *headers = (const void *)writer->headers.data;
	enum inq_status status = writer->sink->hand(writer->sink, 0, 0, &writer->chunk, err);

	for (size_t i = 1; status == INQ_OK && i < writer->headers.size / sizeof(*headers); i++)
		status = copy_segment(writer, &headers[i], err);
	return status == INQ_OK ? writer->sink->set_size(writer->sink, writer->report.file_size, err) : status;
}

static enum inq_status write_core(struct writer *writer, struct inq_error *err)
{
	Elf64_Ehdr signature;
	enum inq_status status = make_notes(writer, err);

	if (status == INQ_OK)
		status = make_segments(writer, err);
	if (status != INQ_OK)
		return status;
	writer->report.file_size = place(writer);
	signature = signature_of(writer);
	status = write_front(writer, &signature, err);
	if (status == INQ_OK)
		status = write_memory(writer, err);
	return status == INQ_OK ? put(writer, &signature, sizeof(signature), 0, err) : status;
}

enum inq_status inq_core_write(struct inq_veil *veil, bool extended, const struct inq_buffer *facts,
			       struct inq_sink *sink, struct inq_core_report *ret, struct inq_error *err)
{
	const struct inq_veil_policy *policy = inq_veil_policy(veil);
	struct writer writer = {
		.target = inq_veil_target(veil), .sink = sink, .extended = extended, .facts = facts};
	enum inq_status status;

	if (policy->stack != INQ_VEIL_STACK_WHOLE || policy->names != INQ_VEIL_NAMES_FULL)
		return inq_fail(err, INQ_UNSUPPORTED, "a core holds all memory and all names: nothing can be filtered");
	status = write_core(&writer, err);
	if (status == INQ_OK && ret)
		*ret = writer.report;
	inq_buffer_done(&writer.notes);
	inq_buffer_done(&writer.headers);
	return status;
}
