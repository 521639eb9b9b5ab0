/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A dying process as a target: the kernel holds it, and a privileged program has opened what is
 * needed.
 *
 * Privilege falls in stages. The privileged part acquires and interprets nothing: it fills a struct
 * inq_dying_source with open descriptors, texts as the kernel gave them, and numbers that the
 * kernel attested in the arguments of inquest-core. Then it confines itself, and only then calls
 * inq_target_open_dying(), which takes all of this apart. Nothing here opens a file: the system
 * calls used are read, pread, fstat and what malloc needs.
 *
 * From the pipe come the ELF header, the program headers and the notes (registers of every thread,
 * siginfo); memory is read with pread on /proc/PID/mem, which is authorized when it is opened and
 * works after privileges are gone. What the kernel would leave out of a core it says by program
 * headers whose file size is 0; together with coredump_filter that tells a region that must not be
 * read (VM_DONTDUMP, VM_IO, memfd_secret) from one that the filter alone leaves out. Where it
 * cannot be told, VmFlags of smaps decide, read only then since it walks page tables; without smaps
 * such a region is not read. VM_WIPEONFORK keeps nothing out of the kernel's cores, so program
 * headers do not tell it: whoever asks for more memory than stacks and code says so in `wants`
 * (INQ_PROC_FLAGS), and then smaps is read for every mapping; without it only stacks and code are.
 *
 * Every piece may be missing or damaged: the target opens with what is there, and warnings say the
 * rest.
 */
#ifndef INQ_TARGET_DYING_H
#define INQ_TARGET_DYING_H

#include "support/error.h"
#include "target/proc_files.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits on what a crashed process can make us hold. */
enum {
	INQ_DYING_MAX_SEGMENTS = 1 << 20, /* program headers; usually at most 65,531 */
	INQ_DYING_MAX_THREADS = 200000,   /* notes and listed threads; 1,300 bytes each */
	INQ_DYING_MAX_NOTE = 16 << 20,    /* bytes of one note that is kept (NT_FILE) */
	INQ_DYING_MAX_TEXT = 32 << 20,    /* bytes of one lazily read text */
	INQ_DYING_MAX_CPUINFO = 8 << 10,  /* bytes of cpuinfo that are shown; whole processors */
};

/* Texts of /proc/PID (or /proc/PID/task/TID where the leader is gone), as they were read. */
enum inq_dying_text {
	INQ_DYING_MAPS,
	INQ_DYING_AUXV,            /* binary */
	INQ_DYING_CMDLINE,
	INQ_DYING_ENVIRON,
	INQ_DYING_STATUS,
	INQ_DYING_STAT,            /* times; of the process, not of a task */
	INQ_DYING_LIMITS,
	INQ_DYING_CGROUP,
	INQ_DYING_COREDUMP_FILTER, /* "00000033\n" */
	INQ_DYING_UPTIME,          /* /proc/uptime: turns stat's start time into a date */
	INQ_DYING_MOUNTS,          /* mountinfo, where a mapping may be of a file system that is a program */
	INQ_DYING_TEXT_COUNT,
};

struct utsname;

struct inq_dying_bytes {
	const char *data; /* borrowed; NULL: could not be read */
	size_t size;      /* bytes, not counting a NUL behind them, which need not be there */
	bool cut;         /* there was more than the reader kept */
};

/* One thread as /proc/PID/task lists it, crashed thread included, in any order. */
struct inq_dying_thread {
	uint32_t tid;    /* in the initial PID namespace */
	uint32_t ns_tid; /* in its own (status: NSpid's last); 0: paired by order of creation */
	char comm[16];   /* raw bytes of task/TID/comm, NUL for the newline; "" unknown */
};

/* A thread that was stopped, not piped: its registers by ptrace (target/stop.h). */
struct inq_dying_stopped {
	uint32_t tid;
	bool has_context;
	uint64_t tls;
	struct inq_context context;
	const uint8_t *xstate; /* PTRACE_GETREGSET's NT_X86_XSTATE; NULL where it was not asked for */
	size_t xstate_size;
};

/* All borrowed: descriptors and memory stay the caller's and must outlive the target. */
struct inq_dying_source {
	int core_fd;       /* the pipe with the core, nothing read from it yet; -1 none */
	int mem_fd;        /* /proc/PID/mem; -1 none */
	int smaps_fd;      /* /proc/PID/smaps, nothing read yet; -1 none */
	int cpuinfo_fd;    /* /proc/cpuinfo; -1 none */
	int os_release_fd; /* /etc/os-release; -1 none */
	int pagemap_fd;    /* /proc/PID/pagemap, so that untouched memory need not be read; -1 none */
	/* Where those two are a copy's, which has no page tables for files: the process's own, where there are texts[]
	 * of mounts; 0 none. */
	int own_mem_fd, own_pagemap_fd;
	uint32_t wants;    /* enum inq_proc_want: what was asked for beyond the plain dump */
	const struct inq_proc_file *files; /* and what came of it; sorted, inq_proc_files_sort() */
	size_t file_count;
	struct inq_dying_bytes texts[INQ_DYING_TEXT_COUNT];
	const struct inq_dying_thread *threads;
	size_t thread_count;
	/* Where there is no pipe (core_fd -1): the registers of threads that were stopped, the crashed one among
	 * them or not, and the stub's record, which has the crash's registers and signal (0: none). */
	const struct inq_dying_stopped *stopped;
	size_t stopped_count;
	uint64_t record;
	uint32_t event; /* its descriptor for the talk with us, none of the program's own: not shown; 0 none */
	bool living; /* it is not dying: "live process" */
	const struct utsname *kernel; /* uname(2); NULL unknown */
	const char *executable;       /* where /proc/PID/exe leads, raw, " (deleted)" included;
				       * NULL unknown */

	/* What the kernel said in the arguments. Ids are those of the initial namespaces. */
	uint32_t pid, tid;    /* %P, %I; 0 unknown */
	uint32_t ns_tid; /* %i: the crashed thread in its own PID namespace, as the notes have it; 0
			    unknown */
	uint32_t uid, gid;    /* %u, %g; UINT32_MAX unknown */
	uint32_t signal;      /* %s; 0 unknown */
	int dumpable;         /* %d; -1 unknown */
	uint64_t dump_time;   /* %t: seconds since 1970 */
	const char *hostname; /* %h; NULL unknown */
};

/**
 * Take a dying process apart: reads header, program headers and notes off the pipe, nothing of its
 * memory.
 *
 * @source  see there; the structure itself is copied
 * @ret     new target, owned by the caller: inq_target_free(), which closes nothing
 *
 * INQ_NO_MEMORY; INQ_BAD_DATA: neither the pipe nor /proc told of a single thread. A pipe that ends
 * early, is not an ELF core, or is of another machine is a warning of the target, not a failure.
 *
 * Threads come with the crashed one first (the order of the notes), then those that only /proc
 * lists. Time is bounded by the pipe: the caller has an alarm.
 */
enum inq_status inq_target_open_dying(const struct inq_dying_source *source,
				      struct inq_target **ret, struct inq_error *err);

/**
 * No more reads from the process: called when it is let go. Reads of memory fail from here on
 * (INQ_FAULT); everything else stays usable. Accepts targets of other kinds, where it does nothing.
 */
void inq_target_dying_release(struct inq_target *target);

#endif
