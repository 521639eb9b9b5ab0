/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Names, lines and inline frames of one module, from its image and its debug information.
 *
 * Names come from the symbol tables (.symtab, else .dynsym, and .gnu_debugdata's where there is one), inlined
 * functions from DWARF 2 to 5 through libdwarf, lines by our own reader: in the image itself, in a separate
 * file found by build-id or .gnu_debuglink, split (.dwo, .dwp), compressed, shared through dwz
 * (.gnu_debugaltlink). C++ and Rust names are demangled. All of it is made when first asked for, and only the
 * units that an address needs are read: opening a large program must cost nothing.
 *
 * Addresses are the image's own vaddrs. Strings belong to the module. Never async-signal-safe, never
 * privileged: files are hostile.
 */
#ifndef INQ_SYMBOLS_SYMBOLS_H
#define INQ_SYMBOLS_SYMBOLS_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_opener;
struct inq_symbols;
struct inq_search;

/* --- where files are looked for ------------------------------------------------------------------ */

/* What is known of a module; anything may be empty. */
struct inq_wanted {
	const char *path;       /* as the process had it */
	const uint8_t *build_id;
	size_t build_id_size;   /* 0: not known; then a file found by path is taken as unverified */
	/* A PE image of Windows: the path has backslashes, and these identify it. Either that is known (not 0) must
	 * be the file's. */
	bool windows;
	const uint8_t *pdb_id;  /* GUID and age, as an RSDS record has them */
	size_t pdb_id_size;
	uint32_t timestamp, image_size;
};

/* How sure we are that the file is the module's. BUILD_ID: by what identifies it, a PE image's record too. */
enum inq_match { INQ_MATCH_NONE, INQ_MATCH_UNVERIFIED, INQ_MATCH_BUILD_ID };

/**
 * The search: roots that the user set, then the system's. A path that stands in a dump is joined only to a
 * root that the user or the configuration named (the default: "/" for -i unset means the path itself, regular
 * files only, opened without following it into /proc or devices), never trusted. Colon- or
 * semicolon-separated lists.
 *
 * @symbol_path  directories with debug files: DIR/.build-id/xx/yyyy.debug, DIR/name.debug, DIR/path.debug
 * @image_path   directories with images: DIR/path, DIR/name, DIR/.build-id/xx/yyyy; of Windows' images DIR/name, in
 *               small letters too, and the layout of symbol servers, DIR/name/TIMESTAMPsize/name
 * @opener       all files are opened through it (a confined debugger cannot open any itself); copied; NULL:
 *               directly
 */
enum inq_status inq_search_new(const char *symbol_path, const char *image_path,
			       const struct inq_opener *opener, struct inq_search **ret,
			       struct inq_error *err);
const struct inq_opener *inq_search_opener(const struct inq_search *search);
void inq_search_free(struct inq_search *search);
const char *inq_search_symbol_path(const struct inq_search *search);
const char *inq_search_image_path(const struct inq_search *search);

/* Paths found, owned by the caller (free()). INQ_ABSENT with all places tried in the words. */
enum inq_status inq_search_image(struct inq_search *search, const struct inq_wanted *wanted, char **ret_path,
				 enum inq_match *ret_match, struct inq_error *err);
/* @debuglink  name and CRC out of the image's .gnu_debuglink, or NULL */
enum inq_status inq_search_debug(struct inq_search *search, const struct inq_wanted *wanted,
				 const char *image_path, const char *debuglink, uint32_t debuglink_crc,
				 char **ret_path, enum inq_match *ret_match, struct inq_error *err);

/* --- one module's symbols ------------------------------------------------------------------------- */

/* Over an image file that inq_search_image() found; finds debug files itself, lazily. */
enum inq_status inq_symbols_open(const char *image_path, struct inq_search *search,
				 const struct inq_wanted *wanted, struct inq_symbols **ret, struct inq_error *err);
/* Over the bytes of an image that exists only in memory (the vdso): copied. */
enum inq_status inq_symbols_open_bytes(const void *bytes, size_t size, const char *name,
				       struct inq_symbols **ret, struct inq_error *err);
void inq_symbols_free(struct inq_symbols *symbols);

enum inq_symbol_level { INQ_SYMBOLS_NONE, INQ_SYMBOLS_EXPORTS, INQ_SYMBOLS_TABLE, INQ_SYMBOLS_DWARF };
enum inq_symbol_level inq_symbols_level(struct inq_symbols *symbols);
const char *inq_symbols_debug_path(struct inq_symbols *symbols); /* file that DWARF comes from, "" none */

struct inq_symbol {
	const char *name;       /* demangled, without parameters: inq_demangle(linkage, true) has them */
	const char *linkage;    /* as in the table */
	uint64_t vaddr, size;   /* size 0: unknown */
	bool function, exported;
};

/* The nearest symbol at or below the address, inside its section; INQ_ABSENT: none. One that covers the
 * address wins over one that ends before it (then vaddr + size <= address: only the table's nearest);
 * functions win over data, global over weak over local, longer over shorter. Stubs are "printf@plt". */
enum inq_status inq_symbols_at(struct inq_symbols *symbols, uint64_t vaddr, struct inq_symbol *ret,
			       struct inq_error *err);
/* By exact linkage or demangled name. */
enum inq_status inq_symbols_find(struct inq_symbols *symbols, const char *name, struct inq_symbol *ret,
				 struct inq_error *err);
/* Each symbol whose demangled or linkage name matches the shell pattern, by address; stops when `each`
 * returns false. */
enum inq_status inq_symbols_match(struct inq_symbols *symbols, const char *pattern,
				  bool (*each)(void *user, const struct inq_symbol *symbol), void *user,
				  struct inq_error *err);

/* One level of source at an address: the innermost first when functions were inlined. */
struct inq_source {
	const char *function;   /* demangled, no parameters; NULL unknown */
	const char *file;       /* as the compiler had it, joined with its directories; NULL unknown */
	uint32_t line, column;  /* 0 unknown */
	bool inlined;           /* this function was inlined into the next entry */
	uint64_t low_pc;        /* vaddr of the function or inlined block, 0 unknown */
};

enum { INQ_SOURCE_MAX = 64 };

/* The chain of functions at the address: [0] innermost inlined ... [n-1] the real function. INQ_ABSENT: no
 * line information. Strings belong to symbols. */
enum inq_status inq_symbols_source(struct inq_symbols *symbols, uint64_t vaddr,
				   struct inq_source ret[INQ_SOURCE_MAX], size_t *ret_count,
				   struct inq_error *err);

/* Demangle C++ or Rust; NULL if it is neither. Bounded in depth and size. free() it. With or without
 * parameters. */
char *inq_demangle(const char *linkage, bool parameters);

/* --- disassembly (libopcodes) ---------------------------------------------------------------------- */

struct inq_disassembler;

struct inq_instruction {
	unsigned size;          /* bytes */
	char text[160];         /* "mov     rax,qword ptr [rbp-8]": Intel syntax, the mnemonic in 8 columns, numbers
				 * as 2F8h, addresses as 00000000`00401136 */
	bool is_call, is_jump, is_conditional, is_return;
	uint64_t target;        /* of a direct call or jump, or a rip-relative operand; 0 none */
};

/* elf_machine: EM_X86_64, EM_386, EM_AARCH64, EM_ARM. INQ_UNSUPPORTED: libopcodes was built without it. */
enum inq_status inq_disassembler_new(uint16_t elf_machine, struct inq_disassembler **ret, struct inq_error *err);
void inq_disassembler_free(struct inq_disassembler *disassembler);

/* One instruction out of `size` bytes that lie at `address`. INQ_BAD_DATA: no instruction (one byte "???"). */
enum inq_status inq_disassemble(struct inq_disassembler *disassembler, uint64_t address, const uint8_t *bytes,
				size_t size, struct inq_instruction *ret, struct inq_error *err);

#endif
