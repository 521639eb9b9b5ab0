/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * One ELF file as the symbol readers see it: its sections by name, unpacked when asked for, and the notes
 * and links that lead to other files.
 *
 * Everything that libbfd and libdwarf get to see comes through here, so that the limits stand in one place:
 * sections are read, never mapped (a file that shrinks while we read it must not kill us), and all that is
 * unpacked from one file is at most INQ_OBJECT_UNPACK_FACTOR times its size plus INQ_OBJECT_UNPACK_EXTRA.
 * 32 and 64 bits, both byte orders. Not async-signal-safe.
 */
#ifndef INQ_SYMBOLS_OBJECT_H
#define INQ_SYMBOLS_OBJECT_H

#include "support/cursor.h"
#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INQ_OBJECT_MAX_SECTIONS (1u << 17)
#define INQ_OBJECT_MAX_NAMES (16u << 20)          /* bytes of section names */
#define INQ_OBJECT_UNPACK_FACTOR 2u               /* times the file's size, ... */
#define INQ_OBJECT_UNPACK_EXTRA (48ull << 20)     /* ... plus this: bytes of all loaded sections */
#define INQ_OBJECT_MAX_NOTES (1u << 20)           /* bytes of one note section or segment */

enum { INQ_BUILD_ID_MAX = 64, INQ_LINK_NAME_MAX = 4096 };

struct inq_object;

enum inq_packing { INQ_PACKED_NOT, INQ_PACKED_ZLIB, INQ_PACKED_ZSTD, INQ_PACKED_UNKNOWN };

/* All as in the section header, byte order undone; owned by the object. */
struct inq_section {
	const char *name;       /* ".debug_info" also for ".zdebug_info" */
	uint32_t type, link, info;
	uint64_t flags, address, offset, size, entry_size;
	enum inq_packing packing;
	unsigned packed_header; /* bytes before the packed data */
	uint64_t unpacked_size; /* as the header claims; == size where nothing is packed */
	uint8_t *data;          /* NULL until inq_object_load() */
};

struct inq_bytes {
	const uint8_t *data; /* borrowed */
	size_t size;
};

/**
 * Over a descriptor (taken over, also on failure) or over bytes (copied).
 *
 * @name  for messages; copied
 *
 * INQ_UNSUPPORTED: no ELF magic. INQ_BAD_DATA: headers that lie outside of the file. INQ_LIMIT.
 */
enum inq_status inq_object_open_fd(int fd, const char *name, struct inq_object **ret, struct inq_error *err);
enum inq_status inq_object_open_bytes(const void *bytes, size_t size, const char *name,
				      struct inq_object **ret, struct inq_error *err);
void inq_object_free(struct inq_object *object);

const char *inq_object_name(const struct inq_object *object);
uint64_t inq_object_size(const struct inq_object *object); /* bytes of the file */
bool inq_object_is_64(const struct inq_object *object);
bool inq_object_is_swapped(const struct inq_object *object); /* not this machine's byte order */
uint16_t inq_object_machine(const struct inq_object *object);

size_t inq_object_section_count(const struct inq_object *object); /* [0] is ELF's empty one */
struct inq_section *inq_object_section_at(struct inq_object *object, size_t index);

/* The first with the name and with contents, or NULL. */
struct inq_section *inq_object_section(struct inq_object *object, const char *name);

/* The section's bytes, unpacked; they live as long as the object. INQ_ABSENT: section NULL or without
 * contents. INQ_BAD_DATA: outside of the file, damaged packing. INQ_LIMIT: more than may be unpacked. */
enum inq_status inq_object_load(struct inq_object *object, struct inq_section *section, struct inq_bytes *ret,
				struct inq_error *err);

/* Exactly `size` bytes at a file offset, or INQ_BAD_DATA. */
enum inq_status inq_object_read(struct inq_object *object, uint64_t offset, void *to, size_t size,
				struct inq_error *err);

/* A cursor over loaded bytes in the object's byte order. */
struct inq_cursor inq_object_cursor(const struct inq_object *object, struct inq_bytes bytes,
				    const char *what);

/* GNU build-id out of the note sections, else the note segments. INQ_ABSENT: none. */
enum inq_status inq_object_build_id(struct inq_object *object, uint8_t ret[INQ_BUILD_ID_MAX], size_t *ret_size,
				    struct inq_error *err);

/* .gnu_debuglink: a file name without folders, and the CRC of the file that it means. INQ_ABSENT: none;
 * INQ_BAD_DATA: a name with a slash in it. */
enum inq_status inq_object_debuglink(struct inq_object *object, char ret_name[INQ_LINK_NAME_MAX],
				     uint32_t *ret_crc, struct inq_error *err);

/* .gnu_debugaltlink: the path of the file that dwz moved shared parts to, and its build-id. */
enum inq_status inq_object_altlink(struct inq_object *object, char ret_path[INQ_LINK_NAME_MAX],
				   uint8_t ret_id[INQ_BUILD_ID_MAX], size_t *ret_id_size,
				   struct inq_error *err);

/* The CRC-32 of the whole file, as .gnu_debuglink has it: reads all of it. */
enum inq_status inq_object_crc(struct inq_object *object, uint32_t *ret, struct inq_error *err);

#endif
