/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the dying target share. See dying.h for the contract. */
#ifndef INQ_TARGET_DYING_PRIVATE_H
#define INQ_TARGET_DYING_PRIVATE_H

#include "support/buffer.h"
#include "target/dying.h"
#include "target/dying_core.h"
#include "target/handles.h"
#include "target/jit.h"
#include "target/told.h"
#include "target/link_map.h"
#include "target/modules.h"
#include "target/proc_facts.h"
#include "target/proc_maps.h"

#include <sys/utsname.h>

struct inq_touched;

/* What was made at most once, and how that went. */
struct inq_dying_once {
	bool done;
	enum inq_status status;
};

/* A text that is read from a descriptor when asked for. */
struct inq_dying_lazy {
	struct inq_dying_once once;
	struct inq_buffer bytes;
};

struct inq_dying {
	struct inq_target target;
	struct inq_target_ops ops;
	struct inq_dying_source source;
	char name[48];
	struct inq_dying_core core;
	bool released, vanished;

	struct inq_thread *threads; /* notes' threads first, then those that only /proc lists */
	size_t thread_count;

	struct inq_dying_once maps_once;
	struct inq_maps maps;
	struct inq_core_files files; /* where maps is empty: names of regions borrowed from it */
	bool smaps_used;
	struct inq_range *readable;
	size_t readable_count;

	struct inq_dying_once modules_once;
	struct inq_module_list modules;
	struct inq_dying_once links_once;
	struct inq_link_list links;
	struct inq_dying_lazy cpuinfo, os_release;
	struct inq_buffer release;     /* os-release in lsb-release's words */
	struct inq_buffer version;     /* free text of the system */
	struct inq_buffer distribution;
	struct inq_buffer executable;
	struct inq_buffer arguments;
	struct inq_dying_once system_once, process_once, exception_once;
	struct inq_system system;
	struct inq_process process;
	struct inq_exception exception;
	struct inq_buffer warnings;    /* NUL-separated */

	struct inq_touched *touched;
	bool has_slow;                 /* some regions are INQ_REGION_MAY_HANG */
	struct inq_touched *slow_touched;

	struct inq_dying_once handles_once, token_once, counters_once;
	struct inq_handle_list handles;
	struct inq_token_made token;
	struct inq_counters counters;
	struct inq_buffer kernel;      /* text of letter k */

	bool has_jit;                  /* the stub's record was read */
	struct inq_jit jit;
	struct inq_dying_once told_once;
	struct inq_told told;
};

/* Say something to the person who opens the dump. */
void inq_dying_warn(struct inq_dying *dying, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* dying_threads.c: the thread list; called once at the opening. */
enum inq_status inq_dying_threads_make(struct inq_dying *dying, struct inq_error *err);

/* dying_stopped.c: threads that were stopped instead of piped, as if the pipe had told of them; the stub's record;
 * and what that has to tell, read while the process is still there. */
enum inq_status inq_dying_stopped_make(struct inq_dying *dying, struct inq_error *err);
void inq_dying_record_read(struct inq_dying *dying);
enum inq_status inq_dying_told_make(struct inq_dying *dying, struct inq_error *err);

/* dying_regions.c: regions and what may be read. */
enum inq_status inq_dying_regions_make(struct inq_dying *dying, struct inq_error *err);

/* dying_extent.c: an operation of the target. */
uint64_t inq_dying_extent(struct inq_target *target, uint64_t address, uint64_t size, bool *ret_zero);
enum inq_status inq_dying_unmodified(struct inq_target *target, uint64_t address, uint64_t size,
				     struct inq_error *err);

/* dying_wanted.c: operations of the target, but for the first and the last. */
void inq_dying_thread_facts(struct inq_dying *dying);
/* Last: asks the finished target itself. */
void inq_dying_thread_starts(struct inq_dying *dying);
enum inq_status inq_dying_handles(struct inq_target *target, const struct inq_handle **ret, size_t *ret_count,
				  struct inq_error *err);
enum inq_status inq_dying_token(struct inq_target *target, const struct inq_token **ret, struct inq_error *err);
enum inq_status inq_dying_counters(struct inq_target *target, const struct inq_counters **ret, struct inq_error *err);
enum inq_status inq_dying_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				 struct inq_error *err);
enum inq_status inq_dying_kernel_text(struct inq_dying *dying, const char **ret, size_t *ret_size);
void inq_dying_wanted_done(struct inq_dying *dying);

/* Whole text of a descriptor, at most `limit` bytes; INQ_ABSENT if it cannot be read. */
enum inq_status inq_dying_slurp(int fd, size_t limit, struct inq_buffer *ret);

/* auxv of /proc, else of the notes. NULL and 0 if there is none. */
const void *inq_dying_auxv(const struct inq_dying *dying, size_t *ret_size);

/* dying_slow.c: mark the regions that may hang; called once the mappings are known. */
void inq_dying_slow_make(struct inq_dying *dying);
/* How much of `size` readable bytes may be read now, and from which /proc/PID/mem; 0: nothing. */
size_t inq_dying_slow_clip(struct inq_dying *dying, uint64_t address, size_t size, int *ret_mem);

#endif
