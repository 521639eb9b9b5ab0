/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the veil share. See veil.h for the contract. */
#ifndef INQ_PRIVACY_VEIL_PRIVATE_H
#define INQ_PRIVACY_VEIL_PRIVATE_H

#include "privacy/veil.h"
#include "support/buffer.h"
#include "target/target.h"
#include "unwind/unwind.h"

enum { PAGE = 4096, NOTES_MAX = 32 };

/* A word of memory that survives. */
struct kept_word {
	uint64_t address, value;
	uint32_t size; /* bytes, at most 8 */
};

/* A frame as it must be found again. */
struct proof {
	uint64_t pc, cfa, sp;
	bool withheld; /* its pc was no code, and is not shown */
};

/* One context that was walked: a thread's, or (the last) the exception's. */
struct walked {
	bool has_context;
	uint32_t tid;
	uint64_t kept_registers; /* bits by DWARF number, beside pc and sp */
	struct proof *frames;
	size_t frame_count;
	enum inq_stop stop;
	bool differs;            /* the second walk found other frames */
};

/* The image of a module, opened when a frame is in it. */
struct image_slot {
	bool tried, owned;
	struct inq_image *image;
	uint64_t bias;
};

struct inq_veil {
	struct inq_target shown; /* first: its operations get this structure */
	struct inq_target *inner;
	struct inq_veil_policy policy;
	struct inq_veil_images images;

	bool prepared;
	enum inq_status prepared_status;
	const struct inq_module *modules; /* the inner target's, as are regions and memory */
	size_t module_count;
	const struct inq_region *regions;
	size_t region_count;
	const struct inq_range *memory;
	size_t memory_count;
	struct image_slot *slots;
	struct inq_unwinder *unwinder;
	struct trace *trace; /* while the first walk runs */

	struct walked *walked;
	size_t walked_count;
	struct inq_veil_classes *classes;
	uint8_t fault_class;
	struct inq_buffer words;  /* struct kept_word[], sorted by address, each once */
	struct inq_buffer ranges; /* struct inq_range[]: what is there to be read */
	struct inq_buffer stacks; /* struct inq_range[], sorted */
	struct inq_buffer notes;  /* NUL-separated */
	size_t note_count;
	struct { uint64_t page; bool known, shown; } code; /* the page that was asked for last */

	/* Copies with names and values replaced; made when asked for. */
	bool made_process, made_exception;
	struct inq_process process;
	struct inq_exception exception;
	struct inq_thread *threads;
	struct inq_module *shown_modules, *unloaded;
	struct inq_region *shown_regions;
	struct inq_handle *handles;
	struct inq_token token;
	struct inq_annotation *annotations;
	size_t annotation_count;
	struct inq_link_map links;
	struct inq_link *link_array;
	struct inq_buffer texts[INQ_TEXT_COUNT];
	struct inq_buffer strings; /* char *[]: owned */
};

static inline struct inq_veil *veil_of(struct inq_target *target)
{
	return (struct inq_veil *)target;
}

static inline bool veil_filters(const struct inq_veil *veil)
{
	return veil->policy.stack != INQ_VEIL_STACK_WHOLE;
}

static inline bool veil_bares(const struct inq_veil *veil)
{
	return veil->policy.names != INQ_VEIL_NAMES_FULL;
}

/* Say something to whoever opens the dump; after NOTES_MAX only the count is kept. */
void veil_note(struct inq_veil *veil, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* veil_walk.c: walks, kept words and registers; called once by inq_veil_prepare(). */
enum inq_status veil_walk_all(struct inq_veil *veil, struct inq_error *err);
/* veil_proof.c: the second walk. */
enum inq_status veil_walk_again(struct inq_veil *veil, struct inq_error *err);
/* The inner context of walked[index]: a thread's, or the exception's. */
enum inq_status veil_raw_context(struct inq_veil *veil, size_t index, struct inq_context *ret);
bool veil_is_code(const struct inq_veil *veil, uint64_t address);
const struct inq_region *veil_region(const struct inq_veil *veil, uint64_t address);

/* veil_context.c: what of a context survives, and the classes of what does not. */
void veil_scrub_context(const struct inq_context *raw, uint64_t kept, struct inq_context *ret);
void veil_classify_context(const struct inq_veil *veil, const struct inq_context *raw, uint64_t kept,
			   struct inq_veil_classes *ret);
uint8_t veil_class_of(const struct inq_veil *veil, uint64_t value);

/* veil_memory.c */
enum inq_status veil_read(struct inq_target *target, uint64_t address, void *to, size_t size,
			  size_t *ret_done, struct inq_error *err);
/* Whether the mapping is a module's code, and not writable. */
bool veil_may_hold_code(const struct inq_veil *veil, const struct inq_region *region);
/* How many of `size` bytes from the address on are alike: not there at all, not even as zeroes (*ret_absent), or
 * shown as they may be. At least one. */
uint64_t veil_alike(const struct inq_veil *veil, uint64_t address, uint64_t size, bool *ret_absent);
void veil_sort_words(struct inq_veil *veil);

/* veil_names.c: names of files, and which of them are shown. All strings live as long as the veil;
 * "" without memory. */
const char *veil_base_name(const char *path);
const char *veil_keep_string(struct inq_veil *veil, const char *text, size_t size);
const char *veil_module_name(struct inq_veil *veil, const char *path);
const char *veil_region_name(struct inq_veil *veil, const struct inq_region *region);
const char *veil_thread_name(struct inq_veil *veil, const char *name);
const char *veil_program_path(struct inq_veil *veil);
/* Append text with each path in it cut to its last part. */
void veil_bare_paths(struct inq_buffer *to, const char *text, size_t size);

/* veil_texts.c */
enum inq_status veil_text(struct inq_target *target, enum inq_text_kind kind, const char **ret,
			  size_t *ret_size, struct inq_error *err);

/* veil_facts.c: the operations beside reading and texts. */
extern const struct inq_target_ops veil_ops;

#endif
