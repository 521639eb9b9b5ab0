/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/core_notes.h"

#include "target/core_facts.h"

#include "support/cursor.h"

#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/*
 * struct elf_prstatus and elf_prpsinfo (include/linux/elfcore.h), by the size of a word. The
 * registers come last but for pr_fpvalid, which takes one word with its padding.
 */
static const struct {
	uint16_t pid, ppid, user, system, registers,
		after; /* offsets in prstatus; bytes after the registers */
} prstatus_of[] = {
	{24, 28, 40, 48, 72, 4},
	{32, 36, 48, 64, 112, 8},
};

static const struct {
	uint16_t size, uid, id_size, pid,
		name; /* pr_gid follows pr_uid, pr_ppid pr_pid, pr_psargs pr_fname */
} prpsinfo_of[] = {
	{124, 8, 2, 12, 28}, /* i386, ARM: 16-bit ids */
	{128, 8, 4, 16, 32}, /* other 32-bit machines */
	{136, 16, 4, 24, 40},
};
enum { COMM = 16, PSARGS = 80 };

static struct inq_note note_of(const uint8_t *data, size_t size)
{
	return (struct inq_note){.data = data, .size = size};
}

static struct inq_cursor cursor_at(const uint8_t *data, size_t size, size_t at)
{
	struct inq_cursor cursor = inq_cursor_make(data, size, 0, "note");

	inq_cursor_seek(&cursor, at);
	return cursor;
}

/* struct timeval of the target's words, in microseconds. */
static uint64_t timeval(const uint8_t *data, size_t size, size_t at, unsigned word)
{
	struct inq_cursor cursor = cursor_at(data, size, at);
	uint64_t seconds = inq_cursor_word(&cursor, word);
	uint64_t us = inq_cursor_word(&cursor, word);

	return seconds > UINT64_MAX / 2000000 || us >= 1000000 ? 0 : seconds * 1000000 + us;
}

static enum inq_status add_thread(struct inq_core_notes *notes, const uint8_t *data, size_t size,
				  struct inq_error *err)
{
	unsigned word = notes->pointer_size;
	size_t layout = word == 8;
	size_t registers = prstatus_of[layout].registers, after = prstatus_of[layout].after;
	struct inq_core_thread *thread;
	struct inq_cursor cursor;

	if (notes->thread_count == INQ_CORE_THREADS_MAX)
		return inq_fail(err, INQ_LIMIT, "more than %d threads", INQ_CORE_THREADS_MAX);
	/* Capacity is the next power of two: grow when the count is one. */
	if (!(notes->thread_count & (notes->thread_count - 1))) {
		size_t capacity = notes->thread_count ? 2 * notes->thread_count : 1;
		void *grown = realloc(notes->threads, capacity * sizeof(*notes->threads));

		if (!grown)
			return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu threads", capacity);
		notes->threads = grown;
	}
	thread = &notes->threads[notes->thread_count++];
	memset(thread, 0, sizeof(*thread));
	cursor = cursor_at(data, size, 12);
	thread->signal = inq_cursor_u16(&cursor);
	cursor = cursor_at(data, size, prstatus_of[layout].pid);
	thread->tid = inq_cursor_u32(&cursor);
	thread->ppid = inq_cursor_u32(&cursor);
	thread->user_us = timeval(data, size, prstatus_of[layout].user, word);
	thread->kernel_us = timeval(data, size, prstatus_of[layout].system, word);
	if (size > registers + after)
		thread->registers = note_of(data + registers, size - registers - after);
	return INQ_OK;
}

static void take_process(struct inq_core_notes *notes, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < sizeof(prpsinfo_of) / sizeof(*prpsinfo_of); i++) {
		struct inq_cursor cursor = cursor_at(data, size, prpsinfo_of[i].uid);
		bool small = prpsinfo_of[i].id_size == 2;

		if (prpsinfo_of[i].size != size)
			continue;
		notes->uid = small ? inq_cursor_u16(&cursor) : inq_cursor_u32(&cursor);
		notes->gid = small ? inq_cursor_u16(&cursor) : inq_cursor_u32(&cursor);
		inq_cursor_seek(&cursor, prpsinfo_of[i].pid);
		notes->pid = inq_cursor_u32(&cursor);
		notes->ppid = inq_cursor_u32(&cursor);
		inq_cursor_seek(&cursor, prpsinfo_of[i].name);
		inq_cursor_copy(&cursor, notes->program, COMM);
		inq_cursor_copy(&cursor, notes->arguments, PSARGS);
		notes->has_process = true;
		/* The kernel turns each NUL between arguments into a blank, the last one too. */
		for (size_t n = strlen(notes->arguments); n && notes->arguments[n - 1] == ' '; n--)
			notes->arguments[n - 1] = '\0';
		return;
	}
}

/* Notes of the process, and those of the thread whose NT_PRSTATUS came last: type, and where it is
 * kept. */
static struct inq_note *place_of(struct inq_core_notes *notes, uint32_t type)
{
	struct inq_core_thread *thread =
		notes->thread_count ? &notes->threads[notes->thread_count - 1] : NULL;

	switch (type) {
	case NT_AUXV:
		return &notes->auxv;
	case NT_FILE:
		return &notes->files;
	case NT_FPREGSET:
		return thread ? &thread->fp : NULL;
	case NT_PRXFPREG:
		return thread ? &thread->fxsave : NULL;
	case NT_X86_XSTATE:
		return thread ? &thread->xstate : NULL;
	case NT_SIGINFO:
		return thread ? &thread->siginfo : NULL;
	case NT_ARM_TLS:
		return thread ? &thread->tls : NULL;
	case NT_ARM_VFP:
		return thread ? &thread->vfp : NULL;
	default:
		return NULL;
	}
}

static enum inq_status take(struct inq_core_notes *notes, uint32_t type, const uint8_t *data,
			    size_t size, struct inq_error *err)
{
	struct inq_note *place;

	if (type == NT_PRSTATUS)
		return add_thread(notes, data, size, err);
	if (type == NT_PRPSINFO) {
		if (!notes->has_process)
			take_process(notes, data, size);
		return INQ_OK;
	}
	place = place_of(notes, type);
	if (!place)
		notes->other++;
	else if (!place->data)
		*place = note_of(data, size);
	return INQ_OK;
}

static bool is_core_name(const uint8_t *name, size_t size)
{
	return (size >= 4 && size <= 5 && !memcmp(name, "CORE", 4)) ||
	       (size >= 5 && size <= 6 && !memcmp(name, "LINUX", 5));
}

enum inq_status inq_core_notes_parse(const void *bytes, size_t size, uint64_t align,
				     struct inq_core_notes *ret, struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(bytes, size, 0, "notes");
	size_t mask = align == 8 ? 7 : 3;

	/* Fewer bytes than a note's head at the end are padding. */
	while (inq_cursor_left(&cursor) >= 12) {
		size_t start = cursor.at;
		uint32_t name_size = inq_cursor_u32(&cursor);
		uint32_t data_size = inq_cursor_u32(&cursor);
		uint32_t type = inq_cursor_u32(&cursor);
		const uint8_t *name = inq_cursor_bytes(&cursor, name_size);
		const uint8_t *data;
		enum inq_status status;

		if (!cursor.bad)
			inq_cursor_skip(&cursor, -cursor.at & mask);
		data = inq_cursor_bytes(&cursor, data_size);
		if (cursor.bad) {
			ret->damaged = true;
			ret->damaged_at = start;
			break;
		}
		if (name_size == 0 && data_size == 0 && type == 0)
			continue; /* zeroes, where a file has a hole */
		if (type == INQ_CORE_FACTS_TYPE && name_size == sizeof(INQ_CORE_FACTS_OWNER) &&
		    !memcmp(name, INQ_CORE_FACTS_OWNER, name_size)) {
			ret->facts = note_of(data, data_size);
		} else if (!is_core_name(name, name_size)) {
			ret->other++;
		} else {
			status = take(ret, type, data, data_size, err);
			if (status != INQ_OK)
				return inq_prepend(err, status, "notes");
		}
		if (inq_cursor_left(&cursor) >= (-cursor.at & mask))
			inq_cursor_skip(&cursor, -cursor.at & mask);
	}
	return INQ_OK;
}

void inq_core_notes_done(struct inq_core_notes *notes)
{
	if (!notes)
		return;
	free(notes->threads);
	memset(notes, 0, sizeof(*notes));
}

bool inq_core_thread_context(enum inq_machine machine, const struct inq_core_thread *thread,
			     struct inq_context *ret, uint64_t *ret_tls)
{
	const struct inq_note *fp = &thread->fp;
	uint64_t tls = 0;

	if (thread->fxsave.data)
		fp = &thread->fxsave;
	else if (thread->vfp.data)
		fp = &thread->vfp;
	else if (!fp->data && thread->xstate.data)
		fp = &thread->xstate; /* XSAVE's area begins with FXSAVE's */
	if (!inq_context_from_prstatus(machine, thread->registers.data, thread->registers.size,
				       fp->data, fp->size, ret, &tls))
		return false;
	if (thread->tls.size >= 4)
		memcpy(&tls, thread->tls.data, thread->tls.size >= 8 ? 8 : 4);
	if (ret_tls)
		*ret_tls = tls;
	return true;
}

/* Whether the signal carries si_addr: those that the kernel raised for a fault. */
static bool has_address(int signal, int32_t code)
{
	if (code <= 0) /* SI_USER, SI_TKILL, ...: somebody sent it */
		return false;
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
	       signal == SIGTRAP || signal == SIGSYS;
}

enum inq_status inq_core_exception(const struct inq_core_notes *notes, uint64_t pc,
				   struct inq_exception *ret, struct inq_error *err)
{
	const struct inq_core_thread *thread = notes->threads;
	struct inq_exception exception = {.address = pc};
	struct inq_cursor cursor;
	uint32_t signal = 0;

	if (!notes->thread_count)
		return inq_fail(err, INQ_ABSENT, "no thread, so no exception");
	exception.tid = thread->tid;
	cursor = inq_cursor_make(thread->siginfo.data, thread->siginfo.size, 0, "siginfo");
	if (thread->siginfo.size >= 16) {
		size_t size = thread->siginfo.size;

		signal = inq_cursor_u32(&cursor);
		inq_cursor_u32(&cursor); /* si_errno */
		exception.flags = inq_cursor_u32(&cursor);
		exception.has_siginfo = signal != 0;
		memcpy(exception.siginfo, thread->siginfo.data,
		       size < sizeof(exception.siginfo) ? size : sizeof(exception.siginfo));
		/* The union begins at a pointer's alignment. */
		inq_cursor_seek(&cursor, notes->pointer_size == 8 ? 16 : 12);
		if (has_address((int)signal, (int32_t)exception.flags))
			exception.address = inq_cursor_word(&cursor, notes->pointer_size);
	}
	exception.code = signal ? signal : thread->signal;
	if (!exception.code)
		return inq_fail(err, INQ_ABSENT, "no signal: taken of a live process");
	if (!signal) {
		exception.flags = 0;
		exception.address = pc;
	}
	*ret = exception;
	return INQ_OK;
}

/* --- NT_FILE -------------------------------------------------------------------------------------
 */

static int by_start(const void *left, const void *right)
{
	const struct inq_core_file *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Sorted, and without those that are empty or lie in the one before. */
static void tidy(struct inq_core_files *files)
{
	size_t kept = 0;

	for (size_t i = 1; i < files->count; i++) {
		if (files->files[i].start < files->files[i - 1].start) {
			qsort(files->files, files->count, sizeof(*files->files), by_start);
			break;
		}
	}
	for (size_t i = 0; i < files->count; i++) {
		const struct inq_core_file *file = &files->files[i];

		if (file->end <= file->start || (kept && file->start < files->files[kept - 1].end))
			files->left_out++;
		else
			files->files[kept++] = *file;
	}
	files->count = kept;
}

/* The next name, at *to; shared with the file before where it is the same. */
static void take_name(struct inq_cursor *names, struct inq_core_file *file,
		      const struct inq_core_file *before, char **to)
{
	static const char suffix[] = " (deleted)";
	const char *name = inq_cursor_string(names); /* "" once they have ended */
	size_t size = strlen(name);

	if (size > sizeof(suffix) - 1 && !strcmp(name + size - (sizeof(suffix) - 1), suffix)) {
		file->deleted = true;
		size -= sizeof(suffix) - 1;
	}
	if (before && !strncmp(before->name, name, size) && before->name[size] == '\0') {
		file->name = before->name;
		return;
	}
	memcpy(*to, name, size);
	(*to)[size] = '\0';
	file->name = *to;
	*to += size + 1;
}

/* count, page size, then count x (start, end, offset in pages), then count names (fs/binfmt_elf.c,
 * fill_files_note). */
enum inq_status inq_core_files_parse(struct inq_note note, unsigned pointer_size,
				     struct inq_core_files *ret, struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(note.data, note.size, 0, "NT_FILE"), names;
	struct inq_core_files files = {0};
	uint64_t count = inq_cursor_word(&cursor, pointer_size);
	uint64_t page = inq_cursor_word(&cursor, pointer_size);
	uint64_t room = inq_cursor_left(&cursor) / (3 * pointer_size);
	char *to;

	if (!note.data)
		return inq_fail(err, INQ_ABSENT, "no list of mapped files (NT_FILE)");
	if (cursor.bad)
		return inq_cursor_status(&cursor, err);
	if (count > room || count > INQ_CORE_FILES_MAX) {
		files.truncated = true;
		count = room < INQ_CORE_FILES_MAX ? room : INQ_CORE_FILES_MAX;
	}
	files.files = calloc(count + 1, sizeof(*files.files));
	/* Each name takes at most what it takes in the note; missing ones share one "". */
	files.names = malloc(note.size + 1);
	if (!files.files || !files.names) {
		inq_core_files_done(&files);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %llu mapped files",
				(unsigned long long)count);
	}
	names = cursor;
	to = files.names;
	inq_cursor_skip(&names, (size_t)count * 3 * pointer_size);
	for (uint64_t i = 0; i < count; i++) {
		struct inq_core_file *file = &files.files[files.count++];

		file->start = inq_cursor_word(&cursor, pointer_size);
		file->end = inq_cursor_word(&cursor, pointer_size);
		if (__builtin_mul_overflow(inq_cursor_word(&cursor, pointer_size), page,
					   &file->offset))
			file->offset = 0;
		take_name(&names, file, files.count > 1 ? file - 1 : NULL, &to);
	}
	files.truncated |= names.bad;
	tidy(&files);
	*ret = files;
	return INQ_OK;
}

void inq_core_files_done(struct inq_core_files *files)
{
	if (!files)
		return;
	free(files->files);
	free(files->names);
	memset(files, 0, sizeof(*files));
}
