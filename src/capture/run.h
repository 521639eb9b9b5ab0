/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One capture while it runs: what its parts share. See capture.h for the contract. */
#ifndef INQ_CAPTURE_RUN_H
#define INQ_CAPTURE_RUN_H

#include "capture/capture.h"
#include "capture/plan.h"
#include "minidump/writer.h"
#include "support/buffer.h"
#include "target/target.h"

#include <stdbool.h>

/* A run of the process's memory that goes into the dump. */
struct inq_kept {
	uint64_t base, size;
	const uint8_t *bytes; /* read already, or NULL: read while it is written */
	bool near;            /* as in the plan */
	inq_piece piece;
};

struct inq_run {
	struct inq_veil *veil;
	struct inq_target *target; /* what the veil shows */
	const struct inq_dump_options *options;
	const struct inq_capture_hooks *hooks; /* never NULL */
	struct inq_writer *writer;
	struct inq_sink *sink; /* the file */
	struct inq_plan plan;

	uint8_t *arena;          /* memory read before the process was let go */
	struct inq_buffer kept;  /* struct inq_kept[], sorted by base */
	uint64_t missing;        /* bytes of the plan that could not be read */
	uint64_t first_missing;  /* address of the first of them */

	bool is_released;
	uint64_t held_us;        /* 0 unknown */

	/* What more than one stream needs; NULL and 0 where the target has none. */
	const struct inq_thread *threads;
	size_t thread_count;
	inq_piece *contexts;     /* of each thread */
	const struct inq_module *modules; /* loaded ones */
	struct inq_module *loaded;        /* owned, where the target's list has others too */
	size_t module_count;
	const struct inq_link_map *links;
	struct inq_buffer dynamic; /* the program's dynamic section, read while it waited */

	struct inq_buffer comment; /* lines, UTF-8 */
	struct inq_buffer late_comment; /* the stream, with room for what is known at the end */
	unsigned streams, failed_streams;
	size_t lost_threads;       /* whose frames are not found again behind the filter */
	bool proven;               /* the file holds what may be seen, read back */
	bool incomplete;
};

/* Add a line to the dump's comment; `incomplete` says that something asked for is missing. */
void inq_run_say(struct inq_run *run, bool incomplete, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * proof.c: what is filtered must give the same frames and be in the file as it may be seen.
 *
 * @fd  the finished file; -1: before there is one, only the frames
 * INQ_BAD_DATA: the file holds something else (always a failure), or, with hooks->strict, frames
 * differ or the file cannot be read back.
 */
enum inq_status inq_run_prove(struct inq_run *run, int fd, struct inq_error *err);

/* Let the process go, once; the first call sets held_us. */
void inq_run_release(struct inq_run *run);

/* memory.c: read the plan into memory (NULL bytes where it is more than the budget), then enter it
 * into the dump. */
enum inq_status inq_run_gather(struct inq_run *run, struct inq_error *err);
void inq_run_add_memory(struct inq_run *run);
/* INQ_FAULT: memory was missing, and the letters ask for all of it. */
enum inq_status inq_run_check_memory(const struct inq_run *run, struct inq_error *err);
/* The piece where a thread's stack begins, or INQ_NO_PIECE. Stacks that overlap share one. */
inq_piece inq_run_stack_piece(const struct inq_run *run, const struct inq_plan_stack *stack);

/**
 * A stream's writer.
 *
 * @argument  the row's own
 * INQ_ABSENT: the target has nothing for it, the dump does without. Anything else but INQ_OK: said
 * in the comment, the other streams go on.
 */
typedef enum inq_status (*inq_stream_writer)(struct inq_run *run, uint32_t type, int argument,
					     struct inq_error *err);

/* What a stream can give away. */
enum inq_privacy {
	INQ_PRIVACY_MACHINE, /* the machine and numbers of the process */
	INQ_PRIVACY_NAMES,   /* names of files */
	INQ_PRIVACY_MEMORY,  /* registers and memory */
	INQ_PRIVACY_USER,    /* what its user told it: arguments, environment */
};

struct inq_stream_row {
	uint32_t type;
	const char *name;
	const char *letters; /* any of them asks for it; "" is always there */
	enum inq_privacy privacy;
	inq_stream_writer write;
	int argument;
};

/* The table, in the order of writing. */
const struct inq_stream_row *inq_stream_table(size_t *ret_count);

/* Write all streams that the options ask for. */
void inq_run_streams(struct inq_run *run);

#define INQ_STREAM_WRITER(name)                                                                    \
	enum inq_status name(struct inq_run *run, uint32_t type, int argument,                     \
			     struct inq_error *err)

INQ_STREAM_WRITER(inq_write_system);
INQ_STREAM_WRITER(inq_write_misc);
INQ_STREAM_WRITER(inq_write_threads);
INQ_STREAM_WRITER(inq_write_thread_names);
INQ_STREAM_WRITER(inq_write_modules);
INQ_STREAM_WRITER(inq_write_exception);
INQ_STREAM_WRITER(inq_write_memory);
INQ_STREAM_WRITER(inq_write_memory_info);
INQ_STREAM_WRITER(inq_write_text);
INQ_STREAM_WRITER(inq_write_dso_debug);
INQ_STREAM_WRITER(inq_write_handles);
INQ_STREAM_WRITER(inq_write_thread_infos);
INQ_STREAM_WRITER(inq_write_unloaded);
INQ_STREAM_WRITER(inq_write_details);
INQ_STREAM_WRITER(inq_write_system_memory);
INQ_STREAM_WRITER(inq_write_vm_counters);
INQ_STREAM_WRITER(inq_write_token);
INQ_STREAM_WRITER(inq_write_annotations);
INQ_STREAM_WRITER(inq_write_comment_a);
INQ_STREAM_WRITER(inq_write_comment);
INQ_STREAM_WRITER(inq_write_classes);
INQ_STREAM_WRITER(inq_write_inquest);

#endif
