/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Text from outside: made safe to show, and turned between UTF-8 and the UTF-16 of Windows' formats.
 *
 * Not async-signal-safe (allocation).
 */
#ifndef INQ_SUPPORT_TEXT_H
#define INQ_SUPPORT_TEXT_H

#include "support/buffer.h"

/* Append `size` bytes of hostile text as it may be shown on a terminal: C0 and C1 controls, DEL, invalid
 * UTF-8, bidirectional and other format controls (U+200B..F, U+2028..2E, U+2060..69, U+FEFF) become \xHH
 * or \u{HHHH}; a backslash stays as it is. */
void inq_text_escape(struct inq_buffer *to, const char *text, size_t size);

/* The same into a fixed place, cut with "..." if too long; always NUL-terminated. Returns `to`. */
const char *inq_text_escape_to(char *to, size_t capacity, const char *text);

/* UTF-8 to UTF-16LE without a terminator; invalid bytes become U+FFFD. */
void inq_text_to_utf16(struct inq_buffer *to, const char *text, size_t size);

/* UTF-16 (byte order by swap) to UTF-8; lone surrogates become U+FFFD. `units` is a count of 16-bit units. */
void inq_text_from_utf16(struct inq_buffer *to, const void *bytes, size_t units, bool swap);

#endif
