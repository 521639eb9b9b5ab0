/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A growing run of bytes.
 *
 * Failure is sticky: after an allocation failed, further appends do nothing and inq_buffer_ok() says no, so
 * that a writer checks once at its end. The data is NUL-terminated after inq_buffer_printf() and
 * inq_buffer_puts() (the NUL is not counted in size). Not async-signal-safe.
 */
#ifndef INQ_SUPPORT_BUFFER_H
#define INQ_SUPPORT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_buffer {
	uint8_t *data; /* owned; NULL while empty */
	size_t size;
	size_t capacity;
	bool failed;
};

/* A zeroed structure is an empty buffer; done frees and zeroes it. Both accept NULL. */
void inq_buffer_init(struct inq_buffer *buffer);
void inq_buffer_done(struct inq_buffer *buffer);

bool inq_buffer_ok(const struct inq_buffer *buffer);

/* Make room for `more` further bytes; false if there is no memory. */
bool inq_buffer_reserve(struct inq_buffer *buffer, size_t more);

/* Append; the last returns the place of `size` zeroed bytes (valid until the next append), or NULL. */
void inq_buffer_append(struct inq_buffer *buffer, const void *bytes, size_t size);
void inq_buffer_puts(struct inq_buffer *buffer, const char *text);
void inq_buffer_printf(struct inq_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void *inq_buffer_extend(struct inq_buffer *buffer, size_t size);

/* The text so far, never NULL. Borrowed. */
const char *inq_buffer_text(const struct inq_buffer *buffer);

#endif
