/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A session: one target looked at, with what "current" means in it: thread, context, frame.
 *
 * It joins the rooms below: modules get their images and symbols here, found when first needed and
 * never before; stacks get names, lines and inlined functions; bytes that a small dump lacks come
 * from the image file where the program could not have changed them, and who asks is told. Nothing
 * here prints. All text that it hands out is raw, as the target has it: whoever shows it escapes
 * it.
 *
 * Strings and arrays belong to the session unless said otherwise. One thread at a time.
 */
#ifndef INQ_ENGINE_SESSION_H
#define INQ_ENGINE_SESSION_H

#include "support/error.h"
#include "support/opener.h"
#include "symbols/symbols.h"
#include "target/target.h"
#include "unwind/unwind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_session;

/* --- opening ---------------------------------------------------------------------- */

struct inq_session_options {
	const char *symbol_path; /* NULL: the system's places only */
	const char *image_path;
	struct inq_opener opener; /* {0}: files are opened directly */
};

/**
 * Open a file by its content, or take a target over.
 *
 * @target  owned by the session from here on, also on failure
 * @ret     new session, owned by the caller: inq_session_free()
 *
 * Fails as inq_target_open_file(). The current thread is the crashed one, else the first; a target
 * without any thread is fine.
 */
enum inq_status inq_session_open(const char *path, const struct inq_session_options *options,
				 struct inq_session **ret, struct inq_error *err);
enum inq_status inq_session_new(struct inq_target *target,
				const struct inq_session_options *options, struct inq_session **ret,
				struct inq_error *err);
void inq_session_free(struct inq_session *session);

struct inq_target *inq_session_target(struct inq_session *session);
struct inq_search *inq_session_search(struct inq_session *session);
enum inq_machine inq_session_machine(struct inq_session *session);
unsigned inq_session_pointer_size(struct inq_session *session); /* bytes */

/* New places for symbols and images (NULL: as before); forgets everything that was found. */
enum inq_status inq_session_set_paths(struct inq_session *session, const char *symbol_path,
				      const char *image_path, struct inq_error *err);
void inq_session_reload(struct inq_session *session);

/* --- threads, contexts, frames ---------------------------------------------------- */

/* Never fails: a target that cannot tell has none. */
const struct inq_thread *inq_session_threads(struct inq_session *session, size_t *ret_count);

enum { INQ_NO_THREAD = -1 };

/* Index of the current thread in inq_session_threads(), INQ_NO_THREAD if there is none. */
long inq_session_thread(const struct inq_session *session);
/* INQ_USAGE: no such index. Goes back to the thread's own context and frame 0. */
enum inq_status inq_session_set_thread(struct inq_session *session, size_t index,
				       struct inq_error *err);

enum inq_scope {
	INQ_SCOPE_THREAD,    /* the thread's registers */
	INQ_SCOPE_EXCEPTION, /* .ecxr: the registers of the exception */
	INQ_SCOPE_RECORD,    /* .cxr ADDR: registers that somebody pointed at */
};

enum inq_scope inq_session_scope(const struct inq_session *session);
/* .ecxr: the exception's thread and context. INQ_ABSENT: the dump has no exception. */
enum inq_status inq_session_use_exception(struct inq_session *session, struct inq_error *err);
/* .cxr ADDR: a ucontext_t (Linux) in the target's memory. INQ_BAD_DATA: does not look like one. */
enum inq_status inq_session_use_record(struct inq_session *session, uint64_t address,
				       struct inq_error *err);
/* .cxr: back to the thread's. */
void inq_session_use_thread(struct inq_session *session);

/* Registers of the current scope. INQ_ABSENT: the thread has none. */
enum inq_status inq_session_context(struct inq_session *session, struct inq_context *ret,
				    struct inq_error *err);
/* The same in the current frame: unwound ones, where the frame is not the innermost. */
enum inq_status inq_session_frame_context(struct inq_session *session, struct inq_context *ret,
					  struct inq_error *err);

/* What lies at an address. */
struct inq_place {
	const struct inq_module *module; /* NULL: outside all */
	const char *module_name;	 /* "libc.so.6"; "" */
	uint64_t module_offset;		 /* address - module->base */
	const char *symbol;		 /* demangled; NULL: none */
	const char *linkage;	 /* as in the symbol table; NULL: none, or an inlined function's */
	uint64_t symbol_address; /* in the process */
	uint64_t offset;	 /* address - symbol_address */
	uint64_t symbol_size;	 /* bytes, 0 unknown */
};

/* One line of a stack: a frame, or a function inlined into the one below it. */
struct inq_call {
	size_t physical;	/* index into frames */
	bool inlined;		/* has no frame of its own */
	uint64_t pc;		/* the frame's */
	struct inq_place place; /* of lookup_pc's function; symbol is the inlined function's for
				   inlined ones */
	const char *file;	/* NULL unknown */
	uint32_t line, column;	/* 0 unknown */
};

struct inq_stack {
	struct inq_call *calls; /* innermost first */
	size_t count;
	struct inq_frames frames; /* as the unwinder gave them */
};

enum { INQ_STACK_LIMIT = 65536 }; /* frames, at most; a stack overflow has that many */

/**
 * The stack of a thread's context, or of the current scope (`thread` INQ_NO_THREAD).
 *
 * @limit  lines at most; 0: INQ_STACK_LIMIT
 * @ret    owned by the caller: inq_stack_done(); its strings belong to the session
 *
 * INQ_ABSENT: no registers. INQ_UNSUPPORTED: no unwinder for the machine.
 */
enum inq_status inq_session_stack(struct inq_session *session, long thread, size_t limit,
				  struct inq_stack *ret, struct inq_error *err);
void inq_stack_done(struct inq_stack *stack);

/* The current scope's stack, kept until the scope changes; borrowed. Fails as above. */
enum inq_status inq_session_current_stack(struct inq_session *session, const struct inq_stack **ret,
					  struct inq_error *err);

/* Line of the stack that `.frame` chose; 0 at first. INQ_USAGE: the stack has fewer. */
size_t inq_session_frame(const struct inq_session *session);
enum inq_status inq_session_set_frame(struct inq_session *session, size_t index,
				      struct inq_error *err);

/* --- modules and names ------------------------------------------------------------ */

const struct inq_module *inq_session_modules(struct inq_session *session, size_t *ret_count);
const struct inq_region *inq_session_regions(struct inq_session *session, size_t *ret_count);

/* The name that stands before '!': the path's last part ("libc.so.6"), or "module_<base>" without
 * one. */
const char *inq_session_module_name(struct inq_session *session, const struct inq_module *module);

/* By that name, or as WinDbg would write it (extension dropped, other characters '_': "libc_so");
 * NULL. */
const struct inq_module *inq_session_module_find(struct inq_session *session, const char *name);

/* What is known of a module's files so far; `force` looks for them now (lm does not, lmv does). */
struct inq_module_files {
	bool tried;
	const char *image_path; /* "" none found */
	const char *why;	/* words, where none was found; "" */
	enum inq_match match;
	const char *debug_path; /* "" none */
	enum inq_symbol_level level;
};
void inq_session_module_files(struct inq_session *session, const struct inq_module *module,
			      bool force, struct inq_module_files *ret);

/* Where code of the module is loaded relative to the image's own addresses; INQ_ABSENT without an
 * image. */
enum inq_status inq_session_image(struct inq_session *session, const struct inq_module *module,
				  struct inq_image **ret, uint64_t *ret_bias,
				  struct inq_error *err);
/* INQ_ABSENT: no image, or one without names. */
enum inq_status inq_session_symbols(struct inq_session *session, const struct inq_module *module,
				    struct inq_symbols **ret, uint64_t *ret_bias,
				    struct inq_error *err);

/* Always fills *ret, with what there is. A symbol that ends before the address does not name it:
 * code of a stripped program would get the name of whatever exported function happens to stand
 * before it. */
void inq_session_place(struct inq_session *session, uint64_t address, struct inq_place *ret);
/* The same with the nearest symbol, wherever that ends: what `ln` shows. */
void inq_session_nearest(struct inq_session *session, uint64_t address, struct inq_place *ret);
/* The chain of inlined functions and lines; INQ_ABSENT. low_pc is a process address here. */
enum inq_status inq_session_source(struct inq_session *session, uint64_t address,
				   struct inq_source ret[INQ_SOURCE_MAX], size_t *ret_count,
				   struct inq_error *err);

/* --- memory ----------------------------------------------------------------------- */

enum inq_bytes_from {
	INQ_FROM_DUMP,
	INQ_FROM_IMAGE,	     /* the image file, whose build-id is the module's */
	INQ_FROM_UNVERIFIED, /* an image file found by its path only */
};

/**
 * Read up to `size` bytes: the dump's, else the image file's where its segment is not writable.
 *
 * @ret_done  bytes read, at least one; all of one origin
 * @ret_from  may be NULL
 *
 * INQ_FAULT: nothing there.
 */
enum inq_status inq_session_read(struct inq_session *session, uint64_t address, void *to,
				 size_t size, size_t *ret_done, enum inq_bytes_from *ret_from,
				 struct inq_error *err);
enum inq_status inq_session_read_all(struct inq_session *session, uint64_t address, void *to,
				     size_t size, struct inq_error *err);
const char *
inq_bytes_from_name(enum inq_bytes_from from); /* "dump", "image", "image (unverified)" */

/* --- instructions ----------------------------------------------------------------- */

enum { INQ_INSTRUCTION_MAX = 16 }; /* bytes */

/**
 * Disassemble what lies at the address; *ret_bytes gets the instruction's bytes. What is no
 * instruction is one byte "???".
 *
 * INQ_FAULT: not readable. INQ_UNSUPPORTED: no disassembler for this machine.
 */
enum inq_status inq_session_instruction(struct inq_session *session, uint64_t address,
					struct inq_instruction *ret,
					uint8_t ret_bytes[INQ_INSTRUCTION_MAX],
					struct inq_error *err);

/* Memory that an instruction names: base + index * scale + displacement. */
struct inq_memory_operand {
	const struct inq_register *base, *index; /* NULL: none */
	unsigned scale;
	int64_t displacement; /* an absolute address where there is neither base nor index */
	unsigned bytes;	      /* 0 unknown */
	bool written;	      /* else only read */
	bool segment;	      /* relative to fs or gs */
};

/* Operands in memory, as the instruction writes them; those of lea and nop touch nothing and are
 * left out, and so is what push, call and ret do to the stack. x86 only: 0 elsewhere. */
enum { INQ_OPERANDS_MAX = 4 };
size_t inq_instruction_operands(const struct inq_instruction *instruction, enum inq_machine machine,
				struct inq_memory_operand ret[INQ_OPERANDS_MAX]);

/* False: relative to fs or gs, or the context lacks a register. */
bool inq_memory_operand_address(const struct inq_memory_operand *operand,
				const struct inq_context *context, uint64_t *ret);

/* --- expressions ------------------------------------------------------------------ */

/* See expression.h; registers are those of the current frame. */
enum inq_status inq_session_evaluate(struct inq_session *session, const char *text,
				     const char **ret_end, uint64_t *ret, struct inq_error *err);

/* User pseudo-registers $t0 to $t19. */
enum { INQ_USER_REGISTERS = 20 };
uint64_t inq_session_user_register(const struct inq_session *session, unsigned index);
void inq_session_set_user_register(struct inq_session *session, unsigned index, uint64_t value);

/* --- how it died ------------------------------------------------------------------ */

struct inq_event {
	bool is_exception;     /* false: nothing died, the dump was taken of a running process */
	uint32_t pid, tid;     /* 0 unknown */
	uint32_t code;	       /* signal number on Linux */
	int32_t sub_code;      /* si_code */
	const char *name;      /* "SIGSEGV", an NTSTATUS's name; "" unknown */
	const char *text;      /* "segmentation fault" */
	const char *code_name; /* "SEGV_MAPERR"; "" unknown */
	const char *code_text; /* "address not mapped to object"; "" */
	bool has_address;      /* address says what was accessed */
	uint64_t address;
	bool has_sender; /* sent by kill() or its kin */
	uint32_t sender_pid, sender_uid;
	uint64_t pc; /* 0 unknown */
};
/* INQ_ABSENT without any thread and exception. */
enum inq_status inq_session_event(struct inq_session *session, struct inq_event *ret,
				  struct inq_error *err);

#endif
