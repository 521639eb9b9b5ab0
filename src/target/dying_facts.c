/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/dying_facts.h"

#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

enum { TICK_US = 10000 }; /* USER_HZ is 100 on every Linux that we run on */

/* A decimal number at *text; moves *text behind it. Stops before it overflows. */
static uint64_t number(const char **text, const char *end)
{
	uint64_t value = 0;

	while (*text < end && **text >= '0' && **text <= '9') {
		if (__builtin_mul_overflow(value, 10ull, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			return UINT64_MAX;
		(*text)++;
	}
	return value;
}

static uint64_t ticks_to_us(uint64_t ticks)
{
	uint64_t us;

	return __builtin_mul_overflow(ticks, (uint64_t)TICK_US, &us) ? 0 : us;
}

/* Field n of stat, counted as proc(5) does; field 3 is the first behind the name. Negative ones are
 * 0. */
static uint64_t stat_field(const char *text, const char *end, unsigned field)
{
	for (unsigned at = 3; at < field; at++) {
		const char *blank = memchr(text, ' ', (size_t)(end - text));

		if (!blank)
			return 0;
		text = blank + 1;
	}
	return number(&text, end);
}

struct inq_stat_facts inq_stat_facts(const struct inq_dying_bytes *stat)
{
	struct inq_stat_facts facts = {0};
	const char *end = stat->data ? stat->data + stat->size : NULL;
	const char *name_end = stat->data ? memrchr(stat->data, ')', stat->size) : NULL;

	if (!name_end || end - name_end < 3)
		return facts;
	name_end += 2;
	facts.ppid = (uint32_t)stat_field(name_end, end, 4);
	facts.user_us = ticks_to_us(stat_field(name_end, end, 14));
	facts.kernel_us = ticks_to_us(stat_field(name_end, end, 15));
	facts.start_us = ticks_to_us(stat_field(name_end, end, 22));
	facts.valid = true;
	return facts;
}

uint64_t inq_create_time(const struct inq_dying_bytes *uptime, uint64_t now,
			 const struct inq_stat_facts *stat)
{
	const char *text = uptime->data;
	uint64_t up;

	if (!text || !stat->valid || !now)
		return 0;
	up = number(&text, uptime->data + uptime->size);
	if (up > now)
		return 0;
	return now - up + stat->start_us / 1000000;
}

bool inq_filter_parse(const struct inq_dying_bytes *text, uint32_t *ret)
{
	uint32_t value = 0;
	size_t digits = 0;

	for (; text->data && digits < text->size && digits < 8; digits++) {
		char c = text->data[digits];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			break;
		value = value << 4 | digit;
	}
	if (digits == 0)
		return false;
	*ret = value;
	return true;
}

/* The line that begins at `text`, without its newline; moves *text to the next one. */
static size_t take_line(const char **text, const char *end)
{
	const char *start = *text;
	const char *newline = memchr(start, '\n', (size_t)(end - start));

	*text = newline ? newline + 1 : end;
	return (size_t)((newline ? newline : end) - start);
}

static bool line_is(const char *line, size_t size, const char *start)
{
	size_t length = strlen(start);

	return size >= length && memcmp(line, start, length) == 0;
}

uint32_t inq_cpuinfo_count(const char *text, size_t size)
{
	const char *end = text + size;
	uint32_t count = 0;

	while (text < end) {
		const char *line = text;

		count += line_is(line, take_line(&text, end), "processor\t");
	}
	return count;
}

size_t inq_cpuinfo_cut(const char *text, size_t size, size_t limit)
{
	const char *end = text + size, *at = text;
	size_t cut = 0;

	if (size <= limit)
		return size;
	while (at < end) {
		size_t line = take_line(&at, end);

		if ((size_t)(at - text) > limit)
			break;
		if (line == 0)
			cut = (size_t)(at - text);
	}
	return cut ? cut : limit;
}

bool inq_os_release_value(const char *text, size_t size, const char *key, struct inq_buffer *ret)
{
	const char *end = text + size;
	size_t key_size = strlen(key);

	while (text < end) {
		const char *line = text;
		size_t length = take_line(&text, end);

		if (!line_is(line, length, key) || length <= key_size || line[key_size] != '=')
			continue;
		line += key_size + 1;
		length -= key_size + 1;
		if (length >= 2 && (line[0] == '"' || line[0] == '\'') &&
		    line[length - 1] == line[0]) {
			line++;
			length -= 2;
		}
		inq_buffer_append(ret, line, length);
		return true;
	}
	return false;
}

void inq_os_release_convert(const char *text, size_t size, struct inq_buffer *ret)
{
	/* lsb-release's key, os-release's, and how lsb-release writes the value */
	static const struct {
		const char *to, *from, *quote;
	} keys[] = {
		{"DISTRIB_ID", "ID", ""},
		{"DISTRIB_RELEASE", "VERSION_ID", ""},
		{"DISTRIB_CODENAME", "VERSION_CODENAME", ""},
		{"DISTRIB_DESCRIPTION", "PRETTY_NAME", "\""},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct inq_buffer value = {0};

		if (inq_os_release_value(text, size, keys[i].from, &value)) {
			inq_buffer_printf(ret, "%s=%s", keys[i].to, keys[i].quote);
			inq_buffer_append(ret, value.data, value.size);
			inq_buffer_printf(ret, "%s\n", keys[i].quote);
		}
		inq_buffer_done(&value);
	}
}

void inq_cpu_facts(struct inq_system *ret)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned eax, ebx, ecx, edx;
	unsigned family, model;

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
		return;
	memcpy(ret->cpu_vendor, &ebx, 4);
	memcpy(ret->cpu_vendor + 4, &edx, 4);
	memcpy(ret->cpu_vendor + 8, &ecx, 4);
	ret->cpu_vendor[12] = '\0';
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return;
	ret->cpu_signature = eax;
	ret->cpu_features = edx;
	/* The extended fields count as Intel's CPUID page says. */
	family = eax >> 8 & 0xf;
	model = eax >> 4 & 0xf;
	if (family == 6 || family == 15)
		model |= (eax >> 16 & 0xf) << 4;
	if (family == 15)
		family += eax >> 20 & 0xff;
	ret->processor_level = (uint16_t)family;
	ret->processor_revision = (uint16_t)(model << 8 | (eax & 0xf));
#else
	(void)ret;
#endif
}

void inq_release_numbers(const char *release, uint32_t *ret_major, uint32_t *ret_minor,
			 uint32_t *ret_build)
{
	uint32_t *places[] = {ret_major, ret_minor, ret_build};
	const char *end = release + strlen(release);

	for (size_t i = 0; i < 3; i++) {
		*places[i] = (uint32_t)number(&release, end);
		if (release == end || *release != '.')
			return;
		release++;
	}
}
