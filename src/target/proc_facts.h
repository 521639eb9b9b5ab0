/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the texts of /proc say beyond the plain dump: times of threads, who the process is to the kernel, memory
 * counters, the kernel's side. Used by targets that have the texts, whoever read them.
 *
 * All texts are borrowed, need no NUL, and may lie; what is missing stays unknown.
 */
#ifndef INQ_TARGET_PROC_FACTS_H
#define INQ_TARGET_PROC_FACTS_H

#include "support/buffer.h"
#include "support/error.h"
#include "target/proc_files.h"
#include "target/target.h"

/* Times, affinity and exit status of threads out of task/TID/stat and status. @boot is when the machine started,
 * seconds since 1970; 0: no times of creation. */
void inq_thread_facts(const struct inq_proc_files *files, uint64_t boot, struct inq_thread *threads, size_t count);

struct inq_token_made {
	struct inq_token token; /* texts and groups are owned by this */
	uint32_t *groups;
	struct inq_buffer texts;
};

/* Out of status, cgroup, attr/current and ns. INQ_ABSENT: not even ids are there. INQ_NO_MEMORY. */
enum inq_status inq_token_make(const char *status, size_t status_size, const char *cgroup, size_t cgroup_size,
			       const struct inq_proc_files *files, struct inq_token_made *ret, struct inq_error *err);
void inq_token_done(struct inq_token_made *made); /* accepts NULL and a zeroed one */

/* Out of status, stat (page faults) and /proc/meminfo; any may be NULL. */
void inq_counters_make(const char *status, size_t status_size, const char *stat, size_t stat_size,
		       const char *meminfo, size_t meminfo_size, struct inq_counters *ret);

/* The files of INQ_PROC_KERNEL as one text, in sections "[task/4711/stack]". Nothing if there are none. */
void inq_kernel_text(const struct inq_proc_files *files, struct inq_buffer *ret);

#endif
