/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/output.h"

#include "support/text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_AT = 1 << 16, SPEC_MAX = 32 };

void out_init(struct out *out, int fd)
{
	*out = (struct out){.fd = fd};
}

void out_done(struct out *out)
{
	out_flush(out);
	inq_buffer_done(&out->text);
	inq_buffer_done(&out->list);
	json_decref(out->json);
	out->json = NULL;
}

/* --- one conversion of a format --------------------------------------------------- */

struct conversion {
	bool left, zero, plus, blank, alternate, has_precision;
	int width, precision;
	int longs; /* -2 hh, -1 h, 0 int, 1 l, 2 ll, 3 z */
	char type;
};

static int take_number(const char **at, va_list *values)
{
	int number = 0;

	if (**at == '*') {
		(*at)++;
		return va_arg(*values, int);
	}
	while (**at >= '0' && **at <= '9')
		number = number * 10 + (*(*at)++ - '0');
	return number;
}

static struct conversion take_conversion(const char **at, va_list *values)
{
	struct conversion c = {0};

	for (;; (*at)++) {
		if (**at == '-')
			c.left = true;
		else if (**at == '0')
			c.zero = true;
		else if (**at == '+')
			c.plus = true;
		else if (**at == ' ')
			c.blank = true;
		else if (**at == '#')
			c.alternate = true;
		else
			break;
	}
	c.width = take_number(at, values);
	if (**at == '.') {
		(*at)++;
		c.has_precision = true;
		c.precision = take_number(at, values);
	}
	for (; **at == 'l' || **at == 'h' || **at == 'z'; (*at)++)
		c.longs = **at == 'z' ? 3 : c.longs + (**at == 'l' ? 1 : -1);
	c.type = *(*at)++;
	return c;
}

static size_t columns(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static void put_padded(struct inq_buffer *to, const struct conversion *c, const char *text,
		       size_t size)
{
	size_t shown = columns(text, size);
	size_t pad = c->width > 0 && (size_t)c->width > shown ? (size_t)c->width - shown : 0;

	for (size_t i = 0; !c->left && i < pad; i++)
		inq_buffer_append(to, " ", 1);
	inq_buffer_append(to, text, size);
	for (size_t i = 0; c->left && i < pad; i++)
		inq_buffer_append(to, " ", 1);
}

/* The one place where text from outside becomes output. */
static void put_text(struct inq_buffer *to, const struct conversion *c, const char *text,
		     size_t size)
{
	struct inq_buffer safe = {0};

	inq_text_escape(&safe, text, size);
	put_padded(to, c, inq_buffer_text(&safe), safe.size);
	inq_buffer_done(&safe);
}

static void put_string(struct inq_buffer *to, const struct conversion *c, const char *text)
{
	if (!text)
		text = "(null)";
	put_text(to, c, text,
		 c->has_precision && c->precision >= 0 ? strnlen(text, (size_t)c->precision)
						       : strlen(text));
}

static unsigned long long take_integer(const struct conversion *c, va_list *values)
{
	bool is_signed = c->type == 'd' || c->type == 'i';

	switch (c->longs) {
	case 1:
		return is_signed ? (unsigned long long)va_arg(*values, long)
				 : va_arg(*values, unsigned long);
	case 2:
		return va_arg(*values, unsigned long long);
	case 3:
		return va_arg(*values, size_t);
	default:
		return is_signed ? (unsigned long long)va_arg(*values, int)
				 : va_arg(*values, unsigned);
	}
}

static void put_integer(struct inq_buffer *to, const struct conversion *c, unsigned long long value)
{
	char digits[SPEC_MAX], spec[SPEC_MAX];
	struct conversion pad = {.left = c->left, .width = c->width};
	int length;

	if (c->zero && !c->left && !c->has_precision) {
		snprintf(spec, sizeof(spec), "%%%s%s0%dll%c",
			 c->plus    ? "+"
			 : c->blank ? " "
				    : "",
			 c->alternate ? "#" : "", c->width < 24 ? c->width : 24, c->type);
	} else if (c->has_precision) {
		snprintf(spec, sizeof(spec), "%%%s.%dll%c", c->alternate ? "#" : "",
			 c->precision < 24 ? c->precision : 24, c->type);
	} else {
		snprintf(spec, sizeof(spec), "%%%s%sll%c",
			 c->plus    ? "+"
			 : c->blank ? " "
				    : "",
			 c->alternate ? "#" : "", c->type);
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	length = snprintf(digits, sizeof(digits), spec, value);
#pragma GCC diagnostic pop
	put_padded(to, &pad, digits, length > 0 ? (size_t)length : 0);
}

void out_print(struct out *out, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	for (const char *at = format; *at;) {
		const char *percent = strchrnul(at, '%');
		struct conversion c;
		char character;

		inq_buffer_append(&out->text, at, (size_t)(percent - at));
		if (!*percent)
			break;
		at = percent + 1;
		c = take_conversion(&at, &values);
		switch (c.type) {
		case 's':
			put_string(&out->text, &c, va_arg(values, const char *));
			break;
		case 'c':
			character = (char)va_arg(values, int);
			put_text(&out->text, &c, &character, 1);
			break;
		case '%':
			inq_buffer_append(&out->text, "%", 1);
			break;
		default:
			put_integer(&out->text, &c, take_integer(&c, &values));
			break;
		}
	}
	va_end(values);
	if (out->fd >= 0 && !out->json && out->text.size >= FLUSH_AT)
		out_flush(out);
}

void out_flush(struct out *out)
{
	size_t done = 0;

	while (out->fd >= 0 && !out->failed && done < out->text.size) {
		ssize_t now = write(out->fd, out->text.data + done, out->text.size - done);

		if (now > 0) {
			done += (size_t)now;
		} else if (now < 0 && errno == EAGAIN) {
			struct pollfd ready = {.fd = out->fd, .events = POLLOUT};

			poll(&ready, 1, -1);
		} else if (now < 0 && errno != EINTR) {
			out->failed = true;
		}
	}
	if (out->fd >= 0)
		out->text.size = 0;
}

bool out_stop(const struct out *out)
{
	return out->failed || (out->interrupted && *out->interrupted);
}

const char *address_text(char to[ADDRESS_TEXT], uint64_t address, unsigned pointer_size)
{
	if (pointer_size == 4 && address <= UINT32_MAX)
		snprintf(to, ADDRESS_TEXT, "%08x", (unsigned)address);
	else
		snprintf(to, ADDRESS_TEXT, "%08x`%08x", (unsigned)(address >> 32),
			 (unsigned)address);
	return to;
}

/* --- JSON ------------------------------------------------------------------------- */

static json_t *text_of(const char *text, size_t size)
{
	struct inq_buffer safe = {0};
	json_t *value;

	inq_text_escape(&safe, text, size);
	value = json_stringn(inq_buffer_text(&safe), safe.size);
	inq_buffer_done(&safe);
	return value ? value : json_null();
}

json_t *json_text(const char *text)
{
	return text ? text_of(text, strlen(text)) : json_null();
}

json_t *json_lines(const char *text, size_t size)
{
	json_t *lines = text ? json_array() : json_null();

	for (const char *at = text, *end = text + size; text && at < end && *at;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;

		json_array_append_new(lines, text_of(at, strnlen(at, (size_t)(stop - at))));
		at = newline ? newline + 1 : end;
	}
	return lines;
}

json_t *json_address(uint64_t address)
{
	char text[ADDRESS_TEXT];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)address);
	return json_string(text);
}

static int append_json(const char *bytes, size_t size, void *user)
{
	inq_buffer_append(user, bytes, size);
	return 0;
}

void json_append(struct inq_buffer *to, json_t *object, bool open)
{
	json_dump_callback(object, append_json, to, JSON_COMPACT);
	if (open && to->size)
		to->size--;
	json_decref(object);
}

void out_json_list(struct out *out, const char *name)
{
	out->list_name = name;
}

struct inq_buffer *out_json_element(struct out *out, const char *name)
{
	if (out->list.size)
		inq_buffer_append(&out->list, ",", 1);
	out->list_name = name;
	return &out->list;
}

void out_json_add(struct out *out, const char *name, json_t *object)
{
	json_append(out_json_element(out, name), object, false);
}

/* The list becomes what is written next; it may be too large to be copied. */
static void move_list(struct out *out)
{
	if (out->fd < 0) {
		inq_buffer_append(&out->text, out->list.data, out->list.size);
		return;
	}
	out_flush(out);
	inq_buffer_done(&out->text);
	out->text = out->list;
	inq_buffer_init(&out->list);
	out_flush(out);
}

void out_json_line(struct out *out, json_t *object)
{
	bool members = json_object_size(object) > 0;

	json_append(&out->text, object, out->list_name != NULL);
	if (out->list_name) {
		inq_buffer_printf(&out->text, "%s\"%s\":[", members ? "," : "", out->list_name);
		move_list(out);
		inq_buffer_puts(&out->text, "]}");
	}
	inq_buffer_append(&out->text, "\n", 1);
	inq_buffer_done(&out->list);
	out->list_name = NULL;
	out_flush(out);
}
