/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/status_text.h"

#include <string.h>

bool inq_status_value(const char *text, size_t size, const char *key, const char **ret,
		      size_t *ret_size)
{
	const char *end = text + size;
	size_t length = strlen(key);

	for (const char *at = text, *stop; at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		if ((size_t)(stop - at) <= length || memcmp(at, key, length) ||
		    (at[length] != ':' && at[length] != '='))
			continue;
		at += length + 1;
		while (at < stop && (*at == ' ' || *at == '\t' || *at == '"'))
			at++;
		while (stop > at && (stop[-1] == ' ' || stop[-1] == '"' || stop[-1] == '\r'))
			stop--;
		*ret = at;
		*ret_size = (size_t)(stop - at);
		return true;
	}
	return false;
}

static bool number(const char **at, const char *end, uint32_t *ret)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		value = value * 10 + (uint64_t)(**at - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return *at > start;
}

bool inq_status_number(const char *text, size_t size, const char *key, uint32_t *ret)
{
	const char *at;
	uint32_t value;

	if (!inq_status_value(text, size, key, &at, &size) || !number(&at, at + size, &value))
		return false;
	*ret = value;
	return true;
}

void inq_command_line(struct inq_buffer *to, const char *text, size_t size)
{
	while (size && text[size - 1] == '\0')
		size--;
	inq_buffer_append(to, text, size);
	for (size_t i = 0; i < size && !to->failed; i++)
		if (to->data[to->size - size + i] == '\0')
			to->data[to->size - size + i] = ' ';
	inq_buffer_append(to, "", 1);
}

bool inq_kernel_release(const char *text, uint32_t *ret_major, uint32_t *ret_minor,
			uint32_t *ret_build)
{
	const char *end = text + strlen(text);
	uint32_t numbers[3] = {0};

	if (!strncmp(text, "Linux ", 6))
		text += 6;
	for (unsigned i = 0; i < 3; i++) {
		if (!number(&text, end, &numbers[i])) {
			if (i < 2)
				return false;
			break;
		}
		if (text < end && *text == '.')
			text++;
		else if (i == 0)
			return false;
		else
			break;
	}
	*ret_major = numbers[0];
	*ret_minor = numbers[1];
	*ret_build = numbers[2];
	return true;
}
