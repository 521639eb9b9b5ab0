/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Writing a minidump: plan sizes, then offsets, then write; memory last, the signature very last.
 *
 * The caller adds pieces (streams, strings, contexts, CodeView records, memory) in any order and
 * says which field of which piece points at which other piece; the writer decides where everything
 * lies. Nothing is written before inq_writer_write(), so that any failure until then leaves no
 * file, and a file that has no signature is no dump. The writer makes the header, the directory,
 * MemoryList (also an empty one) and, where it is used, Memory64List itself.
 *
 *     struct inq_writer *writer;
 *     inq_writer_new(&writer, err);
 *     inq_piece list = inq_writer_add(writer, &threads, 4);
 *     inq_piece stack = inq_writer_add_memory(writer, INQ_MEMORY_LISTED, address, source);
 *     inq_writer_point(writer, list, offset, INQ_POINT_LOCATION, stack);
 *     inq_writer_stream(writer, MD_STREAM_THREAD_LIST, list);
 *     inq_writer_plan(writer, &size, err);
 *     inq_writer_write(writer, inq_sink_fd(&sink, fd), err);
 *
 * Failure of the functions that add is sticky and told by inq_writer_plan(): a caller checks once.
 * From plan on nothing is allocated, and inq_writer_write() calls nothing but the sink and the
 * memory sources: for inq_sink_fd() that is pwrite(2) alone, which suits a process confined by
 * seccomp. No stdio. Not async-signal-safe.
 */
#ifndef INQ_MINIDUMP_WRITER_H
#define INQ_MINIDUMP_WRITER_H

#include "minidump/format.h"
#include "support/buffer.h"
#include "support/error.h"
#include "support/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_writer;

/* A piece of the file, or INQ_NO_PIECE after a failure (accepted everywhere, does nothing). */
typedef uint32_t inq_piece;
#define INQ_NO_PIECE UINT32_MAX

enum inq_status inq_writer_new(struct inq_writer **ret, struct inq_error *err);
void inq_writer_free(struct inq_writer *writer);

/* Header fields: seconds since 1970 (default 0), enum md_type (default 0). */
void inq_writer_set_time(struct inq_writer *writer, uint32_t time);
void inq_writer_set_flags(struct inq_writer *writer, uint64_t flags);

/* --- pieces -------------------------------------------------------------------------- */

/* Take over a buffer's bytes (the buffer is empty afterwards, also on failure), at a multiple of
 * `align` (1 to 64). */
inq_piece inq_writer_add(struct inq_writer *writer, struct inq_buffer *bytes, unsigned align);

/* The same with a copy. */
inq_piece inq_writer_add_copy(struct inq_writer *writer, const void *bytes, size_t size,
			      unsigned align);

/* A MINIDUMP_STRING of UTF-8 text, turned into UTF-16; and Crashpad's, which stays UTF-8. Equal
 * texts share a piece. */
inq_piece inq_writer_add_string(struct inq_writer *writer, const char *text);
inq_piece inq_writer_add_utf8(struct inq_writer *writer, const char *text);

/* What a field that points at a piece holds. */
enum inq_point {
	INQ_POINT_RVA,      /* uint32_t rva */
	INQ_POINT_RVA64,    /* uint64_t rva */
	INQ_POINT_LOCATION, /* struct md_location: size and rva */
	INQ_POINT_MEMORY,   /* struct md_memory: address, size and rva of memory */
};

/* Let the field at `offset` of a piece point at `to`. The field is inside the piece, else the
 * failure sticks. Pointing at INQ_NO_PIECE leaves the field as it is. A piece beyond 4 GiB that an
 * RVA of 32 bits points at is INQ_LIMIT in plan. */
void inq_writer_point(struct inq_writer *writer, inq_piece from, size_t offset, enum inq_point how,
		      inq_piece to);

/* Enter a piece into the directory, in the order of these calls. */
void inq_writer_stream(struct inq_writer *writer, uint32_t type, inq_piece piece);

/* The same for bytes that need no pointers, at a multiple of 8. */
void inq_writer_stream_copy(struct inq_writer *writer, uint32_t type, const void *bytes,
			    size_t size);

/* --- memory -------------------------------------------------------------------------- */

/**
 * Produce memory while it is written.
 *
 * @context  the source's own
 * @address  of the first byte wanted, in the target
 * @offset   the same from the start of the range, bytes
 * @to       place for `size` bytes, at most INQ_WRITER_CHUNK
 *
 * Returns how many bytes it produced. After fewer than `size` it is asked again from the next page
 * (4096 bytes) on; what is missing becomes zero in the file and is counted by inq_writer_missing():
 * the plan of a file cannot change any more when memory vanishes.
 */
typedef size_t (*inq_memory_source)(void *context, uint64_t address, uint64_t offset, void *to,
				    size_t size);

enum { INQ_WRITER_CHUNK = INQ_SINK_CHUNK };

/* How many of `size` bytes of a range from the address on are alike: zero without being asked for
 * (*ret_zero), or to be produced. At least one. For memory that nobody ever touched: neither read
 * nor, where the sink is sparse, written. */
typedef uint64_t (*inq_extent_source)(void *context, uint64_t address, uint64_t size,
				      bool *ret_zero);

/* Ask this about all memory that is added with a source from now on; NULL: all is produced. */
void inq_writer_set_extents(struct inq_writer *writer, inq_extent_source extents);

enum inq_memory_list {
	INQ_MEMORY_LISTED,   /* in MemoryList; INQ_POINT_* may point at it */
	INQ_MEMORY_LISTED64, /* in Memory64List, at the file's end, in the order of these calls */
	INQ_MEMORY_UNLISTED, /* in neither; INQ_POINT_* may point at it; a source of it is asked last of all, */
			     /* when all other memory is written */
};

/* Memory of the target by a source (context borrowed until write is over), or by bytes (borrowed as
 * long, or copied). Memory of no bytes is dropped: INQ_NO_PIECE. */
inq_piece inq_writer_add_memory(struct inq_writer *writer, enum inq_memory_list list,
				uint64_t address, uint64_t size, inq_memory_source source,
				void *context);
inq_piece inq_writer_add_memory_bytes(struct inq_writer *writer, enum inq_memory_list list,
				      uint64_t address, const void *bytes, size_t size);
inq_piece inq_writer_add_memory_copy(struct inq_writer *writer, enum inq_memory_list list,
				     uint64_t address, const void *bytes, size_t size);

/* Enter memory that is already there into MemoryList, as a stack that is both in its thread and in
 * the list. */
void inq_writer_list_memory(struct inq_writer *writer, inq_piece memory);

/* --- plan and write ------------------------------------------------------------------ */

/**
 * Decide where everything lies; no piece may be added afterwards.
 *
 * @ret_size  bytes of the file, for fallocate(2) and quotas; may be NULL
 *
 * INQ_NO_MEMORY, INQ_LIMIT (a part that only 32 bits can point at lies beyond 4 GiB; too many
 * pieces), INQ_USAGE (a field outside its piece, an alignment that is none): the first failure
 * since new.
 */
enum inq_status inq_writer_plan(struct inq_writer *writer, uint64_t *ret_size,
				struct inq_error *err);

/* Write all of it, the signature last. After inq_writer_plan() only, else INQ_USAGE. Fails as the
 * sink does. */
enum inq_status inq_writer_write(struct inq_writer *writer, struct inq_sink *sink,
				 struct inq_error *err);

/* Bytes of memory that sources could not produce, after write. */
uint64_t inq_writer_missing(const struct inq_writer *writer);

#endif
