/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One ELF or PE image, from a file or from the memory of a process, as far as unwinding and identification need
 * it: program headers, sections where there are any, the build-id, the unwind tables.
 *
 * Small on purpose: no libbfd, no libdwarf, so that a confined collector may use it. It trusts nothing.
 * Addresses called "vaddr" are the image's own (as in its program headers; a PE image's are its RVAs, its sections
 * count as PT_LOADs); bias is what to add to get the address in the process. Not async-signal-safe (allocation).
 */
#ifndef INQ_SYMBOLS_IMAGE_H
#define INQ_SYMBOLS_IMAGE_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_file;
struct inq_image;

enum { INQ_PDB_ID = 20 }; /* a GUID as it is stored (16 bytes) and the age (4) */

/* What only PE images have. */
struct inq_image_pe {
	uint32_t timestamp, size;    /* TimeDateStamp and SizeOfImage: what symbol servers file an image under */
	uint32_t functions;          /* RVA of the exception directory, */
	uint32_t functions_size;     /* bytes; 0: none */
	bool has_pdb_id;
	uint8_t pdb_id[INQ_PDB_ID];  /* of the RSDS record */
};

/* Where bytes come from: by file offset, or by address for a memory image. Short reads as in
 * inq_target_read(): at least one byte and INQ_OK, or a failure. */
struct inq_image_reader {
	enum inq_status (*read)(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				struct inq_error *err);
	void *user; /* borrowed, must outlive the image */
};

/* A piece of the image, copied out of it and owned by it until inq_image_free(). */
struct inq_image_bytes {
	const uint8_t *data;
	size_t size;
	uint64_t vaddr; /* 0 for sections that are not loaded */
};

/**
 * Open a file (taken over, also on failure; also compressed) or an image in memory that begins at `base`.
 *
 * INQ_UNSUPPORTED: neither ELF nor PE (or not of a machine that we know). INQ_BAD_DATA: damaged headers. INQ_FAULT: the
 * header's page could not be read.
 */
enum inq_status inq_image_open_file(struct inq_file *file, struct inq_image **ret, struct inq_error *err);
enum inq_status inq_image_open_memory(struct inq_image_reader reader, uint64_t base, struct inq_image **ret,
				      struct inq_error *err);
void inq_image_free(struct inq_image *image);

bool inq_image_is_memory(const struct inq_image *image);
bool inq_image_is_64(const struct inq_image *image);
uint16_t inq_image_elf_machine(const struct inq_image *image); /* of a PE image: ELF's number for its machine */
/* INQ_ABSENT: an ELF image. Borrowed. */
enum inq_status inq_image_pe(const struct inq_image *image, const struct inq_image_pe **ret, struct inq_error *err);
uint64_t inq_image_entry(const struct inq_image *image); /* vaddr */

/* vaddr of the byte at file offset 0 (the first PT_LOAD's, rounded down to its page), and of the end of the
 * last PT_LOAD. bias = module's base - inq_image_start(). */
uint64_t inq_image_start(const struct inq_image *image);
uint64_t inq_image_end(const struct inq_image *image);

/* True if an executable PT_LOAD holds the vaddr. */
bool inq_image_is_code(const struct inq_image *image, uint64_t vaddr);

/* PF_R | PF_W | PF_X of the PT_LOAD that holds the vaddr, 0 outside all: only what a program cannot write
 * may be read from the file in place of a dump's missing bytes. */
uint32_t inq_image_protection(const struct inq_image *image, uint64_t vaddr);

/* GNU build-id note; INQ_ABSENT if it has none. `ret` borrowed. */
enum inq_status inq_image_build_id(struct inq_image *image, const uint8_t **ret, size_t *ret_size,
				   struct inq_error *err);

/* DT_SONAME; INQ_ABSENT if it has none. */
enum inq_status inq_image_soname(struct inq_image *image, const char **ret, struct inq_error *err);

/* A section by name, decompressed if SHF_COMPRESSED (zlib, zstd) or .zdebug; file images only. INQ_ABSENT: none,
 * or NOBITS. INQ_LIMIT: it would unpack to more than three times the file and 48 MiB, or more than 1 GiB. */
enum inq_status inq_image_section(struct inq_image *image, const char *name, struct inq_image_bytes *ret,
				  struct inq_error *err);

/* PT_GNU_EH_FRAME's segment, and the .eh_frame that it points at (to the end of its PT_LOAD, or by section). */
enum inq_status inq_image_eh_frame_hdr(struct inq_image *image, struct inq_image_bytes *ret,
				       struct inq_error *err);
enum inq_status inq_image_eh_frame(struct inq_image *image, struct inq_image_bytes *ret, struct inq_error *err);
/* Where PT_GNU_EH_FRAME's segment lies (vaddr, bytes), with nothing copied: tables of large programs are better
 * searched where they are. INQ_ABSENT: none. */
enum inq_status inq_image_eh_frame_hdr_place(const struct inq_image *image, uint64_t *ret_vaddr,
					     uint64_t *ret_size, struct inq_error *err);
enum inq_status inq_image_debug_frame(struct inq_image *image, struct inq_image_bytes *ret,
				      struct inq_error *err);

/* Bytes of a PT_LOAD by vaddr (what the loader would have put there; zero-fill included). Short as read. */
enum inq_status inq_image_read(struct inq_image *image, uint64_t vaddr, void *to, size_t size,
			       size_t *ret_done, struct inq_error *err);

#endif
