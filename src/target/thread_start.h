/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The function that a thread was started with.
 *
 * The kernel does not keep it. The GNU C library does, in the thread's struct pthread
 * (start_routine), and tells debuggers where that is: libthread_db reads it by the description
 * _thread_db_pthread_start_routine in the library's own symbol table (glibc, nptl_db/structs.def;
 * since 2.2), and so does this, in the process's memory. The main thread began at the program's
 * entry point (AT_ENTRY).
 */
#ifndef INQ_TARGET_THREAD_START_H
#define INQ_TARGET_THREAD_START_H

#include "target/proc_files.h"
#include "target/target.h"

/**
 * Set start_address of those threads of which it can be known; the others keep 0.
 *
 * @target   regions, link map, auxiliary vector and memory are asked for
 * @files    task/TID/status, for thread ids of another namespace; may be empty
 * @threads  with tid and tls
 *
 * Unknown: other C libraries, static programs, threads made without the library (its struct pthread
 * has another id), a function that is in no executable mapping.
 */
void inq_thread_starts(struct inq_target *target, const struct inq_proc_files *files,
		       struct inq_thread *threads, size_t count);

#endif
