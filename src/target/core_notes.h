/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The notes of an ELF core, taken apart: used for cores on disk and for the notes that the kernel
 * pipes to its helper when a process dies.
 *
 * The kernel writes the thread that died first, each thread's NT_PRSTATUS before its other notes,
 * and the notes of the process (NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE) among the first
 * thread's. gdb's gcore has another order of the same; only "a thread's notes follow its
 * NT_PRSTATUS" is relied on. Everything may lie.
 */
#ifndef INQ_TARGET_CORE_NOTES_H
#define INQ_TARGET_CORE_NOTES_H

#include "support/error.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_CORE_THREADS_MAX = 1 << 20,
	INQ_CORE_FILES_MAX = 1 << 22, /* entries of NT_FILE */
};

/* A borrowed run of the note bytes; NULL and 0 if the note is not there. */
struct inq_note {
	const uint8_t *data;
	size_t size;
};

struct inq_core_thread {
	uint32_t tid, ppid;
	uint16_t signal; /* pr_cursig: what the process died of, in each thread */
	uint64_t user_us, kernel_us;
	struct inq_note registers; /* pr_reg */
	struct inq_note fp;	   /* NT_PRFPREG */
	struct inq_note fxsave;	   /* NT_PRXFPREG (i386 only: fp is the old FSAVE form) */
	struct inq_note xstate;	   /* NT_X86_XSTATE */
	struct inq_note siginfo;   /* NT_SIGINFO */
	struct inq_note tls;	   /* NT_ARM_TLS */
	struct inq_note vfp;	   /* NT_ARM_VFP (ARM) */
};

struct inq_core_notes {
	enum inq_machine machine;
	unsigned pointer_size;
	struct inq_core_thread *threads; /* owned; in the order of the notes: the dead one first */
	size_t thread_count;
	struct inq_note auxv;
	struct inq_note files; /* NT_FILE, for inq_core_files_parse() */
	struct inq_note facts; /* inquest's own, for inq_core_facts_open() */
	bool has_process;      /* NT_PRPSINFO was there */
	uint32_t pid, ppid, uid, gid;
	char program[17];    /* pr_fname: comm, 15 bytes at most */
	char arguments[81];  /* pr_psargs, cut at 80 bytes */
	size_t other;	     /* notes of types that are not used */
	bool damaged;	     /* a note ran past its end; what came before it is kept */
	uint64_t damaged_at; /* offset of that note in the bytes */
};

/**
 * Take the bytes of a PT_NOTE segment apart.
 *
 * @bytes  borrowed by *ret until inq_core_notes_done()
 * @align  p_align of the segment (4 or 8; others are taken for 4)
 *
 * INQ_OK also for damaged notes (see `damaged`) and for none. INQ_LIMIT: too many threads.
 * INQ_NO_MEMORY. Call it again with the next PT_NOTE's bytes to add to *ret (zeroed at first, but
 * for machine and pointer_size).
 */
enum inq_status inq_core_notes_parse(const void *bytes, size_t size, uint64_t align,
				     struct inq_core_notes *ret, struct inq_error *err);
void inq_core_notes_done(struct inq_core_notes *notes); /* accepts NULL and a zeroed one */

/* Registers of a thread as a CONTEXT; false if its notes are not of the machine's size. */
bool inq_core_thread_context(enum inq_machine machine, const struct inq_core_thread *thread,
			     struct inq_context *ret, uint64_t *ret_tls);

/* The exception that the notes tell: the first thread's siginfo, else its signal. INQ_ABSENT: no
 * signal (a core of a live process). `pc` is the first thread's, for signals without an address. */
enum inq_status inq_core_exception(const struct inq_core_notes *notes, uint64_t pc,
				   struct inq_exception *ret, struct inq_error *err);

/* One entry of NT_FILE. */
struct inq_core_file {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* bytes in the file */
	const char *name;    /* without " (deleted)"; "" if the strings ended early */
	bool deleted;
};

struct inq_core_files {
	struct inq_core_file
		*files; /* owned; sorted by start, those that overlap or are empty left out */
	size_t count;
	char *names; /* owned; neighbours of the same file share one name */
	size_t left_out;
	bool truncated; /* the note says more entries than it has room for */
};

/* INQ_ABSENT: no note. INQ_BAD_DATA: not even its header. INQ_NO_MEMORY. */
enum inq_status inq_core_files_parse(struct inq_note note, unsigned pointer_size,
				     struct inq_core_files *ret, struct inq_error *err);
void inq_core_files_done(struct inq_core_files *files);

#endif
