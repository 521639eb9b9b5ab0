/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of image.h's implementation share. */
#ifndef INQ_SYMBOLS_IMAGE_PRIVATE_H
#define INQ_SYMBOLS_IMAGE_PRIVATE_H

#include "support/cursor.h"
#include "support/error.h"
#include "support/file.h"
#include "symbols/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMAGE_MAX_SEGMENTS = 65536,
	IMAGE_MAX_SECTIONS = 1 << 18, /* -ffunction-sections never reaches a linked file; debug files have ~40 */
	IMAGE_MAX_NOTES = 1 << 20,    /* bytes of one PT_NOTE or note section */
	IMAGE_MAX_DYNAMIC = 1 << 16,  /* bytes of PT_DYNAMIC */
	IMAGE_MAX_BUILD_ID = 64,      /* bytes; SHA-1 has 20 */
	IMAGE_MAX_SONAME = 4096,
	IMAGE_PAGE = 4096,            /* the kernel maps PT_LOAD at this granularity at least */
};

#define IMAGE_MAX_BYTES (1ull << 30)  /* one copied section */
#define IMAGE_MAX_MEMORY_BYTES (64ull << 20) /* the same where no file's size vouches for it */
#define IMAGE_SLACK_BYTES (48ull << 20) /* a section may unpack to three times the file and this */

/* Program and section headers in one form for both classes. */
struct image_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, file_size, memory_size;
};

struct image_section {
	uint32_t name, type;
	uint64_t flags, vaddr, offset, size;
	uint32_t link, info;
};

/* A copy that image.h lent out, kept until the image is freed. */
struct image_copy {
	struct image_copy *next;
	char *name; /* which one: a section's name, or a name in <> */
	struct inq_image_bytes bytes;
	uint8_t *data;
};

struct inq_image {
	struct inq_file *file; /* owned; NULL: in memory */
	struct inq_image_reader reader;
	uint64_t base;         /* in memory: where the header is */
	char name[64];         /* for messages */

	bool is_64, is_pe;
	struct inq_image_pe pe;
	uint16_t machine, type;
	uint64_t entry;
	uint64_t section_offset; /* e_shoff */
	uint32_t section_count, section_names;
	uint16_t section_entry;

	struct image_segment *segments;
	size_t segment_count;
	uint64_t start, end;

	struct image_section *sections; /* read when first asked for */
	bool sections_tried;
	struct inq_image_bytes names;

	struct image_copy *copies;
	uint8_t build_id[IMAGE_MAX_BUILD_ID];
	size_t build_id_size;
	bool build_id_tried;
	char *soname;
	bool soname_tried;
};

/* Raw bytes: of the file by offset, or of the memory by offset from the header (only true for the first
 * segment, where the header lies). All of them or a failure. */
enum inq_status image_read_raw(struct inq_image *image, uint64_t offset, void *to, size_t size,
			       struct inq_error *err);

/* Parse the ELF header and the program headers. */
enum inq_status image_read_headers(struct inq_image *image, struct inq_error *err);

/* The same of an image that begins with "MZ". */
enum inq_status image_read_pe(struct inq_image *image, struct inq_error *err);

/* Section headers; INQ_ABSENT: a memory image, or none. */
enum inq_status image_read_sections(struct inq_image *image, struct inq_error *err);
/* The first of that name, NULL: none. After image_read_sections(). */
const struct image_section *image_find_section(const struct inq_image *image, const char *name);

const struct image_segment *image_find_segment(const struct inq_image *image, uint32_t type);
/* The PT_LOAD that holds the vaddr (memory size counts), NULL: none. */
const struct image_segment *image_segment_at(const struct inq_image *image, uint64_t vaddr);

/* Keep bytes (taken over) under a name, and find them again. */
enum inq_status image_keep(struct inq_image *image, const char *name, uint8_t *data, size_t size,
			   uint64_t vaddr, struct inq_image_bytes *ret, struct inq_error *err);
bool image_kept(const struct inq_image *image, const char *name, struct inq_image_bytes *ret);

/* Copy `size` bytes of PT_LOADs at vaddr; short at the end of what can be read, at least one. */
enum inq_status image_copy_vaddr(struct inq_image *image, const char *name, uint64_t vaddr, uint64_t size,
				 struct inq_image_bytes *ret, struct inq_error *err);

/* Unpack a section that begins with an Elf_Chdr (or with "ZLIB", GNU's older form) into new memory of
 * *ret_size bytes. INQ_LIMIT: more than `limit`. INQ_UNSUPPORTED: neither zlib nor zstd. */
enum inq_status image_unpack(const struct inq_image *image, const char *name, const uint8_t *packed,
			     size_t packed_size, bool gnu, uint64_t limit, uint8_t **ret, size_t *ret_size,
			     struct inq_error *err);

#endif
