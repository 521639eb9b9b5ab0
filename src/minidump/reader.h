/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A minidump, opened for reading. Trusts nothing that the file says.
 *
 * Opening reads the header and the directory only. Each stream is parsed at the first question
 * about it, and what was parsed belongs to the dump and lives until inq_dump_close(). Numbers are
 * in our byte order, also where the file's is the other one; text is UTF-8 (hostile: escape before
 * showing).
 *
 * Every accessor answers the same way:
 *   INQ_OK        *ret is set. A list that the file's end cuts off holds the entries that are
 *                 there, and `lost` counts the others.
 *   INQ_ABSENT    the dump has no such stream; nothing is wrong.
 *   INQ_BAD_DATA  the stream is there and damaged: "'a.dmp': thread list at 0x1f0: ...".
 *   INQ_LIMIT     more than the MD_MAX_* of format.h, or more memory than the dump may use.
 *   INQ_OS, INQ_NO_MEMORY  as usual.
 * *ret moves on INQ_OK only, other streams stay usable, and the answer is remembered: asking again
 * costs nothing.
 *
 * Of a stream type that occurs twice, the first counts and the others are listed as duplicates
 * (Breakpad and LLVM refuse the whole file). All of a dump's memory is bounded by 2 x the file's
 * size, as it is stored, also where it is compressed, + 32 MiB. One thread at a time. Not
 * async-signal-safe.
 */
#ifndef INQ_MINIDUMP_READER_H
#define INQ_MINIDUMP_READER_H

#include "minidump/format.h"
#include "support/error.h"
#include "support/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_dump;

/**
 * Open a minidump.
 *
 * @file  borrowed; must outlive the dump
 * @ret   new dump, owned by the caller: inq_dump_close()
 *
 * INQ_BAD_DATA: not a minidump, or its header or whole directory is beyond the file's end.
 * INQ_LIMIT: more than MD_MAX_STREAMS.
 */
enum inq_status inq_dump_open(struct inq_file *file, struct inq_dump **ret, struct inq_error *err);
void inq_dump_close(struct inq_dump *dump);

/* Do these first bytes of a file begin a minidump (of either byte order)? */
bool inq_dump_is_minidump(const void *bytes, size_t size);

struct inq_dump_header {
	uint32_t version;   /* all 32 bits */
	uint32_t time;      /* seconds since 1970 */
	uint64_t flags;     /* enum md_type */
	uint64_t file_size; /* bytes */
	bool swapped;       /* the file has the other byte order */
	bool truncated;     /* the directory or a stream runs past the file's end */
};
const struct inq_dump_header *inq_dump_header(const struct inq_dump *dump);

/* --- the directory ------------------------------------------------------------------- */

struct inq_dump_stream {
	uint32_t type;          /* enum md_stream_type, or anything */
	uint32_t rva;
	uint32_t size;          /* as the directory says, bytes */
	uint32_t present;       /* bytes of it inside the file */
	bool duplicate;         /* an earlier entry has the same type; this one is not read */
	enum inq_status status; /* INQ_BAD_DATA: cut off, in the header, or found damaged later */
	const char *name;       /* "ThreadList", or "unknown" */
	const char *problem;    /* words for it, without the file's name; NULL where INQ_OK */
};

/* Every entry of the directory in its order, unused ones left out. Borrowed; `problem` and `status`
 * may change as streams are parsed. */
const struct inq_dump_stream *inq_dump_streams(const struct inq_dump *dump, size_t *ret_count);

/* The entry that counts for a type, or NULL. */
const struct inq_dump_stream *inq_dump_find_stream(const struct inq_dump *dump, uint32_t type);

/* The bytes of a stream as they lie in the file, for text streams (/proc/PID/maps ...) and for
 * types that have no accessor. What is cut off by the file's end is left out. INQ_LIMIT: more than
 * MD_MAX_RAW_STREAM. */
struct inq_dump_bytes {
	const uint8_t *data; /* never NULL; a NUL that is not counted follows */
	size_t size;
	size_t lost; /* bytes beyond the file's end */
};
enum inq_status inq_dump_stream_bytes(struct inq_dump *dump, uint32_t type,
				      struct inq_dump_bytes *ret, struct inq_error *err);

/* A place in the file. size 0: nothing there. */
struct inq_dump_place {
	uint64_t offset;
	uint64_t size; /* bytes */
};

/* Bytes of a place, all or INQ_BAD_DATA. */
enum inq_status inq_dump_read(struct inq_dump *dump, uint64_t offset, void *to, size_t size,
			      struct inq_error *err);

/* --- system and process -------------------------------------------------------------- */

struct inq_dump_system {
	struct md_system_info raw; /* csd_rva means nothing any more */
	const char *csd;           /* service pack; on Linux `uname -srvmo`; "" if none */
	char vendor[13]; /* "GenuineIntel" where the processor information is x86's, else "" */
};
enum inq_status inq_dump_system(struct inq_dump *dump, const struct inq_dump_system **ret,
				struct inq_error *err);

struct inq_dump_misc {
	struct md_misc_info raw;   /* size as in the file; what is beyond or invalid is zero */
	const char *standard_name; /* of the time zone; these four are "" if not present */
	const char *daylight_name;
	const char *build_string;
	const char *debug_build_string;
};
enum inq_status inq_dump_misc(struct inq_dump *dump, const struct inq_dump_misc **ret,
			      struct inq_error *err);

/* --- threads ------------------------------------------------------------------------- */

struct inq_dump_thread {
	uint32_t id;
	uint32_t suspend_count;
	uint32_t priority_class;
	uint32_t priority;
	uint64_t teb;           /* thread pointer on Linux */
	uint64_t stack_address; /* in the target */
	struct inq_dump_place stack;
	struct inq_dump_place context;
};
struct inq_dump_threads {
	size_t count;
	size_t lost;
	const struct inq_dump_thread *items; /* in the file's order */
};
/* From ThreadList, or from ThreadExList where only that is there. */
enum inq_status inq_dump_threads(struct inq_dump *dump, const struct inq_dump_threads **ret,
				 struct inq_error *err);

enum inq_dump_context_kind {
	INQ_CONTEXT_X86,
	INQ_CONTEXT_AMD64,
	INQ_CONTEXT_ARM,
	INQ_CONTEXT_ARM64,
};
struct inq_dump_context {
	enum inq_dump_context_kind kind;
	struct inq_dump_place extended; /* what follows the structure (XSTATE), size 0 if nothing */
	union {
		struct md_context_x86 x86;
		struct md_context_amd64 amd64;
		struct md_context_arm arm;     /* also from Windows' 416 bytes */
		struct md_context_arm64 arm64; /* also from Breakpad's old 796 bytes */
	};
};

/* Decode a thread's or the exception's context. By its flags, and the system's architecture where
 * flags are in doubt. INQ_ABSENT: an empty place. INQ_BAD_DATA: shorter than its structure.
 * INQ_UNSUPPORTED: another processor. */
enum inq_status inq_dump_context(struct inq_dump *dump, struct inq_dump_place place,
				 struct inq_dump_context *ret, struct inq_error *err);

struct inq_dump_thread_names {
	size_t count;
	size_t lost;
	const struct inq_dump_thread_name {
		uint32_t thread_id;
		const char *name;
	} *items;
};
enum inq_status inq_dump_thread_names(struct inq_dump *dump,
				      const struct inq_dump_thread_names **ret,
				      struct inq_error *err);

struct inq_dump_thread_infos {
	size_t count;
	size_t lost;
	const struct md_thread_info *items;
};
enum inq_status inq_dump_thread_infos(struct inq_dump *dump,
				      const struct inq_dump_thread_infos **ret,
				      struct inq_error *err);

/* --- exception ----------------------------------------------------------------------- */

struct inq_dump_exception {
	uint32_t thread_id;
	struct md_exception raw; /* at most MD_EXCEPTION_PARAMETERS; unused ones are zero */
	struct inq_dump_place context;
};
enum inq_status inq_dump_exception(struct inq_dump *dump, const struct inq_dump_exception **ret,
				   struct inq_error *err);

/* --- modules ------------------------------------------------------------------------- */

enum inq_dump_codeview_kind {
	INQ_CODEVIEW_NONE,
	INQ_CODEVIEW_PDB70,   /* guid, age, pdb_name */
	INQ_CODEVIEW_PDB20,   /* pdb_time, age, pdb_name */
	INQ_CODEVIEW_ELF,     /* build_id */
	INQ_CODEVIEW_UNKNOWN, /* some other record */
	INQ_CODEVIEW_DAMAGED, /* its place is beyond the file, or it is too short for its kind */
};
struct inq_dump_module {
	uint64_t base;
	uint64_t size; /* bytes in memory */
	uint32_t checksum;
	uint32_t time;                  /* link time, seconds since 1970 */
	const char *name;               /* path; "" if it could not be read */
	struct md_version_info version; /* signature 0: none */
	enum inq_dump_codeview_kind codeview_kind;
	struct inq_dump_place codeview;
	uint32_t age;
	uint32_t pdb_time; /* seconds since 1970 */
	struct md_guid guid;
	const char *pdb_name; /* "" if none */
	const uint8_t *build_id; /* of a PDB70 record the GUID's bytes; NULL if none */
	size_t build_id_size; /* bytes */
};
struct inq_dump_modules {
	size_t count;
	size_t lost;
	const struct inq_dump_module *items; /* in the file's order, the program itself first */
};
/* A module whose name or CodeView record is damaged stays in the list, with that said. */
enum inq_status inq_dump_modules(struct inq_dump *dump, const struct inq_dump_modules **ret,
				 struct inq_error *err);

struct inq_dump_unloaded {
	size_t count;
	size_t lost;
	const struct inq_dump_unloaded_module {
		uint64_t base;
		uint64_t size; /* bytes */
		uint32_t checksum;
		uint32_t time;
		const char *name;
	} *items;
};
enum inq_status inq_dump_unloaded(struct inq_dump *dump, const struct inq_dump_unloaded **ret,
				  struct inq_error *err);

/* --- memory -------------------------------------------------------------------------- */

struct inq_dump_range {
	uint64_t address; /* in the target */
	uint64_t size; /* bytes, never 0; address + size does not overflow, but may be 2^64 as 0 */
	uint64_t offset; /* in the file; all of it is there */
};
struct inq_dump_memory {
	size_t count;
	size_t lost; /* ranges left out or cut: beyond the file, in its header, wrapping around */
	uint64_t lost_bytes;                /* of them */
	const struct inq_dump_range *items; /* by address, disjoint */
};
/* All memory of the dump: Memory64List, MemoryList, then the threads' stacks. Where they overlap,
 * the one named first in this order counts, and in a list the earlier entry. INQ_ABSENT: none of
 * them is there. */
enum inq_status inq_dump_memory(struct inq_dump *dump, const struct inq_dump_memory **ret,
				struct inq_error *err);

/* The range that holds an address, or NULL; logarithmic, and at once if it is the one of the last
 * question. */
const struct inq_dump_range *inq_dump_find_memory(struct inq_dump *dump, uint64_t address);

/* Read the target's memory, across adjacent ranges. *ret_done: bytes read, less than size where the
 * dump has no more. INQ_FAULT: not even the first byte is in the dump. */
enum inq_status inq_dump_read_memory(struct inq_dump *dump, uint64_t address, void *to, size_t size,
				     size_t *ret_done, struct inq_error *err);

struct inq_dump_memory_infos {
	size_t count;
	size_t lost;
	const struct md_memory_info *items; /* in the file's order */
};
enum inq_status inq_dump_memory_infos(struct inq_dump *dump,
				      const struct inq_dump_memory_infos **ret,
				      struct inq_error *err);

/* --- handles ------------------------------------------------------------------------- */

struct inq_dump_object_info {
	uint32_t type; /* enum md_object_info_type */
	struct inq_dump_place place;
};
struct inq_dump_handle {
	uint64_t handle;
	const char *type_name;   /* "" if none */
	const char *object_name; /* "" if none */
	uint32_t attributes;
	uint32_t granted_access;
	uint32_t handle_count;
	uint32_t pointer_count;
	size_t info_count;
	const struct inq_dump_object_info *infos; /* second version only */
};
struct inq_dump_handles {
	size_t count;
	size_t lost;
	const struct inq_dump_handle *items;
};
enum inq_status inq_dump_handles(struct inq_dump *dump, const struct inq_dump_handles **ret,
				 struct inq_error *err);

/* --- comments, Linux, Crashpad ------------------------------------------------------- */

/* CommentStreamW, or else CommentStreamA, up to its first NUL. */
enum inq_status inq_dump_comment(struct inq_dump *dump, const char **ret, struct inq_error *err);

struct inq_dump_dso_debug {
	uint32_t version;
	unsigned word; /* bytes of an address of the target: 4 or 8 */
	uint64_t brk;
	uint64_t ldbase;
	uint64_t dynamic;
	struct inq_dump_place dynamic_place; /* the program's dynamic section; size 0 if none */
	size_t count;
	size_t lost;
	const struct inq_dump_dso {
		uint64_t address; /* l_addr */
		uint64_t dynamic; /* l_ld */
		const char *name;
	} *items;
};
enum inq_status inq_dump_dso_debug(struct inq_dump *dump, const struct inq_dump_dso_debug **ret,
				   struct inq_error *err);

struct inq_dump_annotation {
	uint32_t module_index; /* into the module list; UINT32_MAX: of the process */
	uint16_t type;         /* of annotation objects; 1, string, for the others */
	const char *name;      /* "" for an entry of a list */
	const char *value;     /* NUL follows; may hold any bytes where type isn't 1 */
	size_t value_size;     /* bytes */
};
struct inq_dump_crashpad {
	uint32_t version;
	struct md_guid report_id;
	struct md_guid client_id;
	uint64_t address_mask; /* 0: not said */
	size_t count;
	size_t lost;
	const struct inq_dump_annotation *items; /* the process's first, then by module */
};
enum inq_status inq_dump_crashpad(struct inq_dump *dump, const struct inq_dump_crashpad **ret,
				  struct inq_error *err);

struct inq_dump_breakpad {
	struct md_breakpad_info raw;
};
enum inq_status inq_dump_breakpad(struct inq_dump *dump, const struct inq_dump_breakpad **ret,
				  struct inq_error *err);

struct inq_dump_assertion {
	const char *expression;
	const char *function;
	const char *file;
	uint32_t line;
	uint32_t type;
};
enum inq_status inq_dump_assertion(struct inq_dump *dump, const struct inq_dump_assertion **ret,
				   struct inq_error *err);

#endif
