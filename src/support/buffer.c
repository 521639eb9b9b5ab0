/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inq_buffer_init(struct inq_buffer *buffer)
{
	if (buffer)
		*buffer = (struct inq_buffer){0};
}

void inq_buffer_done(struct inq_buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->data);
	*buffer = (struct inq_buffer){0};
}

bool inq_buffer_ok(const struct inq_buffer *buffer)
{
	return !buffer->failed;
}

bool inq_buffer_reserve(struct inq_buffer *buffer, size_t more)
{
	size_t wanted, capacity;
	uint8_t *data;

	if (buffer->failed)
		return false;
	/* One byte more than asked for: room for a NUL behind text. */
	if (__builtin_add_overflow(buffer->size, more, &wanted) ||
	    __builtin_add_overflow(wanted, (size_t)1, &wanted)) {
		buffer->failed = true;
		return false;
	}
	if (wanted <= buffer->capacity)
		return true;
	capacity = buffer->capacity ? buffer->capacity : 64;
	while (capacity < wanted) {
		if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
			capacity = wanted;
	}
	data = realloc(buffer->data, capacity);
	if (!data) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void inq_buffer_append(struct inq_buffer *buffer, const void *bytes, size_t size)
{
	if (!inq_buffer_reserve(buffer, size) || size == 0)
		return;
	memcpy(buffer->data + buffer->size, bytes, size);
	buffer->size += size;
}

void *inq_buffer_extend(struct inq_buffer *buffer, size_t size)
{
	void *place;

	if (!inq_buffer_reserve(buffer, size))
		return NULL;
	place = buffer->data + buffer->size;
	memset(place, 0, size);
	buffer->size += size;
	return place;
}

void inq_buffer_puts(struct inq_buffer *buffer, const char *text)
{
	inq_buffer_append(buffer, text, strlen(text));
	if (!buffer->failed && buffer->data)
		buffer->data[buffer->size] = '\0';
}

void inq_buffer_printf(struct inq_buffer *buffer, const char *format, ...)
{
	va_list args;
	int wanted;

	va_start(args, format);
	wanted = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (wanted < 0 || !inq_buffer_reserve(buffer, (size_t)wanted))
		return;
	va_start(args, format);
	vsnprintf((char *)buffer->data + buffer->size, (size_t)wanted + 1, format, args);
	va_end(args);
	buffer->size += (size_t)wanted;
}

const char *inq_buffer_text(const struct inq_buffer *buffer)
{
	if (!buffer->data || buffer->size == 0 || buffer->size >= buffer->capacity)
		return "";
	buffer->data[buffer->size] = '\0';
	return (const char *)buffer->data;
}
