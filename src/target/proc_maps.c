/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line of maps (fs/proc/task_mmu.c, show_map_vma()):
 *
 *   00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon (deleted)
 *
 * Fields are divided by one blank, the name is padded to a column. In smaps, each is followed by
 * lines "Key:   value" of which only VmFlags is of use.
 */
#include "target/proc_maps.h"

#include "target/target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "00400000-00401000 r-xp 00000000 08:02 0" and no shorter: addresses have eight digits at least.
 */
enum { SHORTEST = 39 };

struct parser {
	struct inq_maps *maps;
	char *names;	      /* free place for names, inside maps->strings */
	bool names_of_region; /* the last line was a region's: VmFlags belong to it */
};

static bool digits(const char **at, const char *end, unsigned base, uint64_t *ret)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; *at < end; (*at)++) {
		unsigned digit = (unsigned char)**at - '0';

		if (digit > 9) {
			digit = ((unsigned char)**at | 0x20) - 'a';
			if (digit > 5 || base == 10)
				break;
			digit += 10;
		}
		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return *at > start;
}

static bool eat(const char **at, const char *end, char c)
{
	if (*at >= end || **at != c)
		return false;
	(*at)++;
	return true;
}

static bool permissions(const char **at, const char *end, struct inq_region *region)
{
	const char *p = *at;

	if (end - p < 4 || (p[3] != 'p' && p[3] != 's'))
		return false;
	for (unsigned i = 0; i < 3; i++) {
		if (p[i] == "rwx"[i])
			region->protection |= 1u << i;
		else if (p[i] != '-')
			return false;
	}
	if (p[3] == 's')
		region->flags |= INQ_REGION_SHARED;
	if (!region->protection)
		region->flags |= INQ_REGION_RESERVED;
	*at += 4;
	return true;
}

/* Copy the name to where names are kept: the kernel writes a newline as \012 (and nothing else so).
 */
static const char *take_name(struct parser *parser, const char *name, const char *end)
{
	char *to = parser->names;
	const char *start = to;

	while (name < end) {
		if (end - name >= 4 && !memcmp(name, "\\012", 4)) {
			*to++ = '\n';
			name += 4;
		} else {
			*to++ = *name++;
		}
	}
	*to++ = '\0';
	parser->names = to;
	return start;
}

static void flags_of_name(struct inq_region *region)
{
	const char *name = region->name;

	if (!name[0] || !strncmp(name, "[anon", 5))
		region->flags |= INQ_REGION_ANONYMOUS;
	else if (!strcmp(name, "[heap]"))
		region->flags |= INQ_REGION_HEAP | INQ_REGION_ANONYMOUS;
	else if (!strncmp(name, "[stack", 6))
		region->flags |= INQ_REGION_STACK | INQ_REGION_ANONYMOUS;
	else if (!strncmp(name, "[vvar", 5) || !strcmp(name, "[vsyscall]"))
		/* Special pages: /proc/PID/mem does not read them, and the kernel's own cores leave
		 * them out. */
		region->flags |= INQ_REGION_NO_DUMP;
}

static bool region_line(struct parser *parser, const char *at, const char *end,
			struct inq_region *ret)
{
	static const char deleted[] = " (deleted)";
	const char *start = at;
	struct inq_region region = {0};
	uint64_t limit = 0, major = 0, minor = 0;

	if (!digits(&at, end, 16, &region.base) || !eat(&at, end, '-') ||
	    !digits(&at, end, 16, &limit) || !eat(&at, end, ' ') ||
	    !permissions(&at, end, &region) || !eat(&at, end, ' ') ||
	    !digits(&at, end, 16, &region.file_offset) || !eat(&at, end, ' ') ||
	    !digits(&at, end, 16, &major) || !eat(&at, end, ':') || !digits(&at, end, 16, &minor) ||
	    !eat(&at, end, ' ') || !digits(&at, end, 10, &region.inode))
		return false;
	if (end - start < SHORTEST || limit <= region.base || major > UINT32_MAX ||
	    minor > UINT32_MAX || (at < end && *at != ' '))
		return false;
	while (at < end && *at == ' ')
		at++;
	region.size = limit - region.base;
	region.device_major = (uint32_t)major;
	region.device_minor = (uint32_t)minor;
	if ((size_t)(end - at) > sizeof(deleted) - 1 &&
	    !memcmp(end - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1)) {
		region.flags |= INQ_REGION_DELETED;
		end -= sizeof(deleted) - 1;
	}
	region.name = take_name(parser, at, end);
	flags_of_name(&region);
	*ret = region;
	return true;
}

/* "VmFlags: rd wr mr mw me ac sd": dd is MADV_DONTDUMP, wf MADV_WIPEONFORK (keys), io device memory, pf pages without a struct
 * page. */
static void vm_flags(const char *at, const char *end, struct inq_region *region)
{
	for (; end - at >= 2; at++) {
		if (at[-1] != ' ' || (end - at > 2 && at[2] != ' '))
			continue;
		if (!memcmp(at, "dd", 2) || !memcmp(at, "io", 2) || !memcmp(at, "pf", 2) ||
		    !memcmp(at, "wf", 2))
			region->flags |= INQ_REGION_NO_DUMP;
	}
}

/* smaps' other lines: a word and a colon before any blank; a region's has a dash there. */
static bool smaps_line(const char *at, const char *end)
{
	const char *blank = memchr(at, ' ', (size_t)(end - at));
	const char *colon = memchr(at, ':', (size_t)((blank ? blank : end) - at));

	return colon && colon > at && *at >= 'A' && *at <= 'Z';
}

static void line(struct parser *parser, const char *at, const char *end, size_t number)
{
	struct inq_maps *maps = parser->maps;
	struct inq_region *last = maps->count ? &maps->regions[maps->count - 1] : NULL;
	struct inq_region region;
	char *names = parser->names;

	if (smaps_line(at, end)) {
		if (last && parser->names_of_region && end - at > 9 && !memcmp(at, "VmFlags: ", 9))
			vm_flags(at + 9, end, last);
		return;
	}
	parser->names_of_region = region_line(parser, at, end, &region) &&
				  (!last || region.base - last->base >= last->size) &&
				  (!last || region.base > last->base);
	if (parser->names_of_region) {
		maps->regions[maps->count++] = region;
		return;
	}
	parser->names = names;
	maps->bad_lines++;
	if (!maps->first_bad)
		maps->first_bad = number;
}

enum inq_status inq_maps_parse(const char *text, size_t size, struct inq_maps *ret,
			       struct inq_error *err)
{
	struct inq_maps maps = {0};
	struct parser parser = {.maps = &maps};
	const char *end = text + size;
	size_t lines = 0, number = 0;

	/* Only what is long enough for a region gets memory, so that a file of newlines costs
	 * nothing. */
	for (const char *at = text, *stop; at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		lines += stop - at >= SHORTEST;
	}
	if (lines > INQ_MAPS_MAX)
		return inq_fail(err, INQ_LIMIT, "maps: %zu lines, at most %d", lines, INQ_MAPS_MAX);
	/* A name is never longer than its line, and its NUL takes the newline's place. */
	maps.strings = malloc(size + 1);
	maps.regions = malloc((lines + 1) * sizeof(*maps.regions));
	if (!maps.strings || !maps.regions) {
		inq_maps_done(&maps);
		return inq_fail(err, INQ_NO_MEMORY, "maps: no memory for %zu lines", lines);
	}
	parser.names = maps.strings;
	for (const char *at = text; at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		if (stop > at)
			line(&parser, at, stop, number + 1);
		at = stop + 1;
	}
	*ret = maps;
	return INQ_OK;
}

void inq_maps_done(struct inq_maps *maps)
{
	if (!maps)
		return;
	free(maps->regions);
	free(maps->strings);
	memset(maps, 0, sizeof(*maps));
}
