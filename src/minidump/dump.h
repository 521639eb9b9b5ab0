/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the reader's files share: the open dump, its bounded memory, and how structures and lists
 * are fetched.
 *
 * Private to this room. Messages of what is called here begin without the file's name;
 * inq_dump_answer() prepends it.
 */
#ifndef INQ_MINIDUMP_DUMP_H
#define INQ_MINIDUMP_DUMP_H

#include "minidump/reader.h"
#include "support/buffer.h"

/* The questions that are answered once. */
enum inq_dump_question {
	ASK_SYSTEM,
	ASK_MISC,
	ASK_THREADS,
	ASK_THREADS_EX,
	ASK_THREAD_NAMES,
	ASK_THREAD_INFOS,
	ASK_EXCEPTION,
	ASK_MODULES,
	ASK_UNLOADED,
	ASK_MEMORY,
	ASK_MEMORY_INFOS,
	ASK_HANDLES,
	ASK_COMMENT_A,
	ASK_COMMENT_W,
	ASK_DSO_DEBUG,
	ASK_CRASHPAD,
	ASK_BREAKPAD,
	ASK_ASSERTION,
	ASK_COUNT,
};

struct inq_dump_answer {
	bool known;
	enum inq_status status;
	const void *value;
	const char *words; /* for a status that isn't INQ_OK */
};

enum { STRING_CACHE = 64 };

struct inq_dump {
	struct inq_file *file; /* borrowed */
	struct inq_dump_header header;
	struct inq_dump_stream *streams;
	size_t stream_count;
	const struct inq_dump_bytes **raw; /* of each stream, NULL until asked for */
	struct inq_dump_answer answers[ASK_COUNT];
	struct arena_chunk *arena;
	uint64_t used;             /* bytes of the arena and of temporary memory */
	uint64_t budget;           /* what `used` may be */
	bool refused;              /* for the budget, not for want of memory */
	struct inq_buffer scratch; /* bytes of the string that is being read */
	struct {
		uint64_t key; /* rva << 1 | is it UTF-8; 0: empty */
		const char *text;
		size_t size;
	} strings[STRING_CACHE]; /* direct-mapped: writers share names, hostile ones repeat them */
	const struct inq_dump_range *last_range;
};

/* --- memory: lives as long as the dump ----------------------------------------------- */

/* Zeroed memory of the dump, or NULL: no memory, or over the budget. */
void *inq_dump_alloc(struct inq_dump *dump, size_t count, size_t size);

/* The words for that NULL. INQ_NO_MEMORY or INQ_LIMIT. */
enum inq_status inq_dump_no_room(const struct inq_dump *dump, struct inq_error *err);

/* Memory for the time of a parse, within the same budget. `size` bytes both times. */
void *inq_dump_borrow(struct inq_dump *dump, size_t count, size_t size);
void inq_dump_give_back(struct inq_dump *dump, void *memory, size_t count, size_t size);

/* --- structures ---------------------------------------------------------------------- */

/**
 * Read a structure and turn it into our byte order.
 *
 * @layout  its fields in order, each the digit of its width in bytes, "*n" behind it for n of them:
 * "4*4 8 2*3". Shorter than `size`: the rest are bytes.
 */
enum inq_status inq_dump_load(struct inq_dump *dump, uint64_t offset, void *to, size_t size,
			      const char *layout, struct inq_error *err);

/* Bytes that a layout covers (for the tests). */
size_t inq_layout_size(const char *layout);

extern const char inq_layout_thread[], inq_layout_thread_name[], inq_layout_thread_info[],
	inq_layout_module[], inq_layout_unloaded[], inq_layout_exception[], inq_layout_system[],
	inq_layout_cpu_x86[], inq_layout_cpu_other[], inq_layout_misc[], inq_layout_memory[],
	inq_layout_memory64_list[], inq_layout_memory64[], inq_layout_memory_info_list[],
	inq_layout_memory_info[], inq_layout_handle[], inq_layout_words[], inq_layout_assertion[],
	inq_layout_dso_debug32[], inq_layout_dso_debug64[], inq_layout_link_map32[],
	inq_layout_link_map64[], inq_layout_crashpad[], inq_layout_crashpad_annotation[],
	inq_layout_guid_age[], inq_layout_context_x86[], inq_layout_context_amd64[],
	inq_layout_context_arm[], inq_layout_context_arm_windows[], inq_layout_context_arm64[],
	inq_layout_context_arm64_old[];

/* --- strings ------------------------------------------------------------------------- */

enum inq_dump_coding { UTF16, UTF8 };

/* A string with its length in front, as UTF-8 of the dump. *ret_size may be NULL. INQ_BAD_DATA:
 * beyond the file, longer than MD_MAX_STRING, an odd size of UTF-16. */
enum inq_status inq_dump_string(struct inq_dump *dump, uint64_t rva, enum inq_dump_coding coding,
				const char **ret, size_t *ret_size, struct inq_error *err);

/* The same for a name that may be missing or damaged: "" then, with a note at the stream. Fails for
 * want of memory. */
enum inq_status inq_dump_name(struct inq_dump *dump, struct inq_dump_stream *stream, uint64_t rva,
			      const char **ret, struct inq_error *err);

/* UTF-16 in our byte order, up to `units` or the first NUL, as UTF-8 of the dump; NULL without
 * memory. */
const char *inq_dump_text(struct inq_dump *dump, const void *utf16, size_t units);

/* --- streams and lists --------------------------------------------------------------- */

typedef enum inq_status (*inq_dump_parser)(struct inq_dump *dump, struct inq_dump_stream *stream,
					   const void **ret, struct inq_error *err);

/* Answer a question from the stream of a type, once. `stream_type` 0: the parser needs none. */
enum inq_status inq_dump_answer(struct inq_dump *dump, enum inq_dump_question question,
				uint32_t stream_type, inq_dump_parser parse, const void **ret,
				struct inq_error *err);

struct inq_dump_stream *inq_dump_stream_of(const struct inq_dump *dump, uint32_t type);

/* Mark a stream as damaged, in addition to what its accessor returns; the first note stays. */
void inq_dump_note(struct inq_dump *dump, struct inq_dump_stream *stream, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Where the entries of a list are, all of them inside the file. */
struct inq_dump_list {
	uint64_t offset; /* of the first */
	uint64_t stride; /* bytes */
	size_t count;
	size_t lost; /* cut off by the file's end */
};

/* A list behind a 32-bit count, which some writers pad to 64. `what`: "threads". Notes what is lost
 * at the stream. */
enum inq_status inq_dump_plain_list(struct inq_dump *dump, struct inq_dump_stream *stream,
				    size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err);

/* The same inside a place that is no stream (Crashpad's). An empty place is an empty list. */
enum inq_status inq_dump_inner_list(struct inq_dump *dump, struct md_location location,
				    size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err);

/* A list that states the size of its header and of its entries, at least `entry`. */
enum inq_status inq_dump_sized_list(struct inq_dump *dump, struct inq_dump_stream *stream,
				    uint32_t header_size, uint32_t entry_size, uint64_t count,
				    size_t header, size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err);

static inline uint64_t inq_dump_entry(const struct inq_dump_list *list, size_t index)
{
	return list->offset + index * list->stride;
}

static inline struct inq_dump_place inq_dump_place_of(struct md_location location)
{
	return (struct inq_dump_place){.offset = location.rva, .size = location.size};
}

#endif
