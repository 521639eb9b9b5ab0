/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The only way in which the debugger says anything.
 *
 * Names, paths, comments and command lines in a dump are written by whoever crashed: shown raw they
 * could move the cursor, set the clipboard or lie about what is on the screen. So out_print()
 * formats by itself: whatever comes through %s or %c is escaped (inq_text_escape(), new lines
 * included), always; only the format, a constant of ours, is not. There is no way to write raw
 * text.
 *
 * With JSON on, a command fills an object instead; strings in it are escaped the same way.
 */
#ifndef INQ_DEBUGGER_OUTPUT_H
#define INQ_DEBUGGER_OUTPUT_H

#include "support/buffer.h"
#include "support/error.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

struct out {
	int fd;			/* where it goes; -1: only kept */
	struct inq_buffer text; /* not yet written */
	json_t *json;		/* the current command's object, or NULL: text is wanted */
	const char *list_name;	/* of the list in that object; NULL: none */
	struct inq_buffer list;
	bool failed;		   /* the reader went away */
	volatile int *interrupted; /* set by SIGINT; NULL: cannot be */
};

void out_init(struct out *out, int fd);
void out_done(struct out *out);

/* printf with flags, width, precision, h l ll z, and d i u x X c s % *. Widths count columns of
 * what is shown. */
void out_print(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write what was kept. */
void out_flush(struct out *out);

/* True if the command should end early: the reader is gone or Ctrl-C was pressed. */
bool out_stop(const struct out *out);

/* "00007f12`3456789a", as WinDbg writes 64-bit numbers; 8 digits where pointers have 4 bytes. */
enum { ADDRESS_TEXT = 24 };
const char *address_text(char to[ADDRESS_TEXT], uint64_t address, unsigned pointer_size);

/* --- JSON ------------------------------------------------------------------------- */

/* Values for json_object_set_new(): escaped text (null for NULL), and "0x..." for addresses (JSON's
 * numbers lose the low bits of 64-bit ones in most readers). */
json_t *json_text(const char *text);
json_t *json_lines(const char *text, size_t size); /* an array, a line each, up to a NUL; null for NULL */
json_t *json_address(uint64_t address);

/* Append the object as text; takes the reference. `open`: without its last brace. */
void json_append(struct inq_buffer *to, json_t *object, bool open);

/* One more element of the current command's list, which stands in its object under `name`. A
 * command has at most one list. It is kept as text: a tree of a hundred thousand frames would take
 * hundreds of megabytes. */
void out_json_list(struct out *out, const char *name); /* empty so far */
void out_json_add(struct out *out, const char *name, json_t *object);
/* Begin an element whose text the caller appends to what is returned, before the next one begins.
 */
struct inq_buffer *out_json_element(struct out *out, const char *name);

/* One line with the object; takes the reference. */
void out_json_line(struct out *out, json_t *object);

#endif
