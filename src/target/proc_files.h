/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Files of /proc as bytes: what a privileged program read and interpreted nothing of.
 *
 * One list for whatever a letter asks for beyond the plain dump. Names are relative to /proc/PID:
 * "fd/3" (a link: where it leads), "fdinfo/3", "task/4711/stat", "net/tcp", "attr/current",
 * "ns/net" (a link); and "/proc/meminfo" for those of the machine. A name that is not in the list
 * could not be read. Everything in the bytes is the process's or the kernel's, and may lie.
 */
#ifndef INQ_TARGET_PROC_FILES_H
#define INQ_TARGET_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is read beyond the plain dump, by what asks for it. */
enum inq_proc_want {
	INQ_PROC_HANDLES = 1, /* h: fd, fdinfo, net */
	INQ_PROC_THREADS = 2, /* t: task/TID/stat and status */
	INQ_PROC_TOKEN = 4,   /* attr/current, ns */
	INQ_PROC_COUNTERS = 8, /* /proc/meminfo */
	INQ_PROC_KERNEL = 16, /* k: task/TID/stack, wchan, syscall, sched, cgroup; the kernel's log */
	INQ_PROC_FLAGS = 32,  /* VmFlags of every mapping must be known before it is read (f, w) */
	INQ_PROC_XSTATE = 64, /* y: extended registers */
};

struct inq_proc_file {
	const char *name; /* NUL-terminated */
	const char *data; /* borrowed; no NUL behind it */
	size_t size;
	bool cut;         /* there was more */
};

/* Borrowed; in any order, names are unique. */
struct inq_proc_files {
	const struct inq_proc_file *items;
	size_t count;
};

/* Sort a list so that the others can search it: by name, numbers in names by their value. */
void inq_proc_files_sort(struct inq_proc_file *items, size_t count);

/* By name in a sorted list; NULL if it is not there. */
const struct inq_proc_file *inq_proc_files_find(const struct inq_proc_files *files,
						const char *name);
/* The file "directory/NUMBER" or "directory/NUMBER/name" (name NULL for the former). */
const struct inq_proc_file *inq_proc_files_numbered(const struct inq_proc_files *files,
						    const char *directory, uint64_t number,
						    const char *name);
/* Index of the first one whose name begins so, in a sorted list; they lie together. `count` if none. */
size_t inq_proc_files_first(const struct inq_proc_files *files, const char *prefix);

#endif
