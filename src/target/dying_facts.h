/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the texts of /proc say about a process and its machine.
 *
 * They are half hostile: a program chooses its name, and a name may hold ")", blanks, newlines.
 * Numbers are looked for only where a name cannot reach. What is missing stays 0 or "".
 */
#ifndef INQ_TARGET_DYING_FACTS_H
#define INQ_TARGET_DYING_FACTS_H

#include "support/buffer.h"
#include "target/dying.h"
#include "target/target.h"

/* Fields of /proc/PID/stat, which follow the last ')'. */
struct inq_stat_facts {
	uint32_t ppid;
	uint64_t user_us, kernel_us;
	uint64_t start_us; /* after boot */
	bool valid;
};
struct inq_stat_facts inq_stat_facts(const struct inq_dying_bytes *stat);

/* Seconds since 1970 at which the process was created, by uptime and the time of the dump; 0
 * unknown. */
uint64_t inq_create_time(const struct inq_dying_bytes *uptime, uint64_t now,
			 const struct inq_stat_facts *stat);

/* coredump_filter; false if it cannot be read. */
bool inq_filter_parse(const struct inq_dying_bytes *text, uint32_t *ret);

/* /proc/cpuinfo: how many processors, and where to cut so that at most `limit` bytes of whole
 * processors stay. */
uint32_t inq_cpuinfo_count(const char *text, size_t size);
size_t inq_cpuinfo_cut(const char *text, size_t size, size_t limit);

/* os-release in lsb-release's words (DISTRIB_ID and its kin), as Breakpad's readers expect them. */
void inq_os_release_convert(const char *text, size_t size, struct inq_buffer *ret);

/* The value of a key of os-release, quotes taken off; false if it is not there. */
bool inq_os_release_value(const char *text, size_t size, const char *key, struct inq_buffer *ret);

/* The processor that we run on, which is the crashed process's too (x86: by CPUID). */
void inq_cpu_facts(struct inq_system *ret);

/* "6.18.44-x" into its numbers. */
void inq_release_numbers(const char *release, uint32_t *ret_major, uint32_t *ret_minor,
			 uint32_t *ret_build);

#endif
