/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * libinquest: look into minidumps and ELF cores of Linux processes.
 *
 *     struct inquest_error error;
 *     struct inquest *dump;
 *     if (inquest_open("app.dmp", NULL, NULL, &dump, &error) != INQUEST_OK)
 *             errx(1, "%s", error.text);
 *     for (size_t i = 0; inquest_frame(dump, INQUEST_EXCEPTION, i, &frame, &error) == INQUEST_OK;
 * i++) printf("%s!%s+0x%lx\n", frame.module, frame.symbol, frame.offset); inquest_close(dump);
 *
 * The calls follow the debugger engine of Windows where it has the same thing: OpenDumpFile,
 * GetNumberDumpFiles, GetDumpFile, Request(READ_USER_MINIDUMP_STREAM). Nothing here prints, exits,
 * changes signal handlers or runs anything. Files are hostile: every call ends with a status.
 * Strings are raw, as the dump has them; escape them before they reach a terminal. They belong to
 * the dump and live until inquest_close(), unless a call says otherwise. One dump is used by one
 * thread at a time.
 */
#ifndef INQUEST_H
#define INQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define INQUEST_API __attribute__((visibility("default")))
#else
#define INQUEST_API
#endif

enum inquest_status {
	INQUEST_OK = 0,
	INQUEST_ABSENT,	  /* not there, and nothing is wrong; also past the last of something */
	INQUEST_BAD_DATA, /* damaged input */
	INQUEST_FAULT,	  /* an address could not be read */
	INQUEST_DENIED,
	INQUEST_LIMIT,
	INQUEST_UNSUPPORTED,
	INQUEST_NO_MEMORY,
	INQUEST_OS,
	INQUEST_USAGE,
};

struct inquest_error {
	enum inquest_status status;
	int os_errno;
	char text[512];
};

struct inquest;

/* "0.1.0" */
INQUEST_API const char *inquest_version(void);

/**
 * OpenDumpFile: a minidump or an ELF core, by its content, plain or zstd-compressed.
 *
 * @symbol_path, @image_path  folders, colons between; NULL: the system's places
 * @ret                       owned by the caller: inquest_close(); untouched on failure
 */
INQUEST_API enum inquest_status inquest_open(const char *path, const char *symbol_path,
					     const char *image_path, struct inquest **ret,
					     struct inquest_error *error);
INQUEST_API void inquest_close(struct inquest *dump);

/* GetNumberDumpFiles, GetDumpFile: the files that the dump consists of; one so far. */
INQUEST_API size_t inquest_dump_file_count(const struct inquest *dump);
INQUEST_API enum inquest_status inquest_dump_file(const struct inquest *dump, size_t index,
						  const char **ret_path, const char **ret_kind,
						  struct inquest_error *error);

/**
 * Request(READ_USER_MINIDUMP_STREAM): up to `size` bytes at `offset` of the first stream of that
 * type (Microsoft's MINIDUMP_STREAM_TYPE and its extensions).
 *
 * @to        may be NULL with size 0, to ask for the size only
 * @ret_size  size of the whole stream
 *
 * INQUEST_UNSUPPORTED: not a minidump. INQUEST_ABSENT: no such stream.
 */
INQUEST_API enum inquest_status inquest_read_stream(struct inquest *dump, uint32_t type,
						    uint64_t offset, void *to, size_t size,
						    uint64_t *ret_size,
						    struct inquest_error *error);

struct inquest_event {
	uint32_t pid, tid;
	uint32_t signal;       /* exception code on other systems than Linux */
	int32_t code;	       /* si_code */
	const char *name;      /* "SIGSEGV" */
	const char *code_name; /* "SEGV_MAPERR" */
	const char *code_text; /* "address not mapped to object" */
	bool has_address;
	uint64_t address;
	uint64_t pc;
};
INQUEST_API enum inquest_status inquest_event(struct inquest *dump, struct inquest_event *ret,
					      struct inquest_error *error);

struct inquest_module {
	uint64_t base, size;
	const char *name; /* "libc.so.6" */
	const char *path;
	const uint8_t *build_id;
	size_t build_id_size;
};
INQUEST_API size_t inquest_module_count(struct inquest *dump);
INQUEST_API enum inquest_status inquest_module(struct inquest *dump, size_t index,
					       struct inquest_module *ret,
					       struct inquest_error *error);

struct inquest_thread {
	uint32_t tid;
	const char *name;
	bool crashed;
};
INQUEST_API size_t inquest_thread_count(struct inquest *dump);
INQUEST_API enum inquest_status inquest_thread(struct inquest *dump, size_t index,
					       struct inquest_thread *ret,
					       struct inquest_error *error);

enum { INQUEST_EXCEPTION = -1 }; /* in place of a thread's index: the exception's context */

struct inquest_frame {
	uint64_t pc, sp, cfa;
	const char *trust;  /* "context", "cfi", "signal", "fp", "scan" */
	const char *module; /* "" outside all */
	uint64_t module_offset;
	const char *symbol; /* "" unknown */
	uint64_t offset;    /* from the symbol */
	const char *file;   /* "" unknown */
	uint32_t line;
	bool inlined; /* inlined into the next one */
};
/* Lines of the stack, innermost first; INQUEST_ABSENT past the last. */
INQUEST_API enum inquest_status inquest_frame(struct inquest *dump, long thread, size_t index,
					      struct inquest_frame *ret,
					      struct inquest_error *error);

struct inquest_analysis {
	const char *cause;	 /* "null-pointer-read"; the words stay the same from version to version */
	const char *explanation; /* a sentence or two */
	const char *message;	 /* what was said before an abort; "" nothing */
	const char *bucket;	 /* "NULL_POINTER_READ_SIGSEGV_app!main": the same for the same crash */
	uint64_t hash;		 /* of the bucket and the first names of the stack */
	bool has_blame;
	size_t blamed; /* index for inquest_frame(dump, INQUEST_EXCEPTION, ...) */
};
/* !analyze: why it died. The strings live until the next call of it, or inquest_close(). */
INQUEST_API enum inquest_status inquest_analyze(struct inquest *dump, struct inquest_analysis *ret,
						struct inquest_error *error);

/* A register of a thread by name ("rip", "eax"). */
INQUEST_API enum inquest_status inquest_register(struct inquest *dump, long thread,
						 const char *name, uint64_t *ret,
						 struct inquest_error *error);

/* All bytes or INQUEST_FAULT; from the dump, else from the image file where it cannot have been
 * changed. */
INQUEST_API enum inquest_status inquest_read(struct inquest *dump, uint64_t address, void *to,
					     size_t size, struct inquest_error *error);

/* "module!name+0x12" into a place of the caller's; INQUEST_ABSENT: nothing known. */
INQUEST_API enum inquest_status inquest_describe(struct inquest *dump, uint64_t address, char *to,
						 size_t capacity, struct inquest_error *error);

/* An expression in WinDbg's MASM syntax, over the exception's registers. */
INQUEST_API enum inquest_status inquest_evaluate(struct inquest *dump, const char *expression,
						 uint64_t *ret, struct inquest_error *error);

#ifdef __cplusplus
}
#endif
#endif
