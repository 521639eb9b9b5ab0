/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other ends of pipes and unix sockets: of the process itself by its own links, of others by
 * gather_ends.c's. */
#include "config.h"

#include "target/handles.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 64 }; /* ends that are told of one pipe or socket */

/* A descriptor at a pipe or socket. */
struct end {
	uint64_t inode;
	bool is_socket, own;
	uint64_t number;  /* the descriptor, of its own */
	const char *line; /* of others: "PID DESCRIPTOR MODE NAME" */
	size_t size;
};

static int compare(const void *left, const void *right)
{
	const struct end *a = left, *b = right;

	if (a->is_socket != b->is_socket)
		return a->is_socket - b->is_socket;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->own != b->own)
		return b->own - a->own;
	return a->own ? (a->number > b->number) - (a->number < b->number)
		      : (a->line > b->line) - (a->line < b->line);
}

static uint64_t take_number(const char **at, const char *end)
{
	uint64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
		value = value * 10 + (uint64_t)(**at - '0');
	return value;
}

/* "pipe:[123]" and what follows; false if it is neither pipe nor socket. */
static bool take_link(const char **at, const char *end, struct end *ret)
{
	static const char *const heads[] = {"pipe:[", "socket:["};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(heads[i]);

		if ((size_t)(end - *at) <= size || memcmp(*at, heads[i], size) != 0)
			continue;
		*at += size;
		ret->is_socket = i == 1;
		ret->inode = take_number(at, end);
		if (*at < end && **at == ']')
			(*at)++;
		return ret->inode != 0;
	}
	return false;
}

static void index_own(const struct inq_proc_files *files, struct inq_buffer *ret)
{
	for (size_t i = inq_proc_files_first(files, "fd/"); i < files->count; i++) {
		const struct inq_proc_file *file = &files->items[i];
		struct end end = {.own = true, .number = strtoull(file->name + 3, NULL, 10)};
		const char *at = file->data;

		if (strncmp(file->name, "fd/", 3) != 0)
			break;
		if (take_link(&at, file->data + file->size, &end))
			inq_buffer_append(ret, &end, sizeof(end));
	}
}

static void index_others(const struct inq_proc_file *file, struct inq_buffer *ret)
{
	const char *at = file->data, *end = file->data + file->size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)),
			   *stop = newline ? newline : end;
		struct end found = {0};

		if (take_link(&at, stop, &found) && at < stop && *at == ' ') {
			found.line = at + 1;
			found.size = (size_t)(stop - at - 1);
			inq_buffer_append(ret, &found, sizeof(found));
		}
		at = newline ? newline + 1 : end;
	}
}

void inq_ends_index(const struct inq_proc_files *files, struct inq_buffer *ret)
{
	const struct inq_proc_file *others = inq_proc_files_find(files, "ends");

	index_own(files, ret);
	if (others)
		index_others(others, ret);
	if (inq_buffer_ok(ret) && ret->size)
		qsort(ret->data, ret->size / sizeof(struct end), sizeof(struct end), compare);
}

/* "4711 5 r cat" becomes "process 4711 (cat), descriptor 5 (read end)". */
static void tell_other(const char *key, const struct end *end, struct inq_buffer *details)
{
	const char *at = end->line, *stop = end->line + end->size;
	uint64_t pid = take_number(&at, stop), number;
	bool reads = false, writes = false;

	at += at < stop;
	number = take_number(&at, stop);
	for (at += at < stop; at < stop && *at != ' '; at++) {
		reads |= *at == 'r';
		writes |= *at == 'w';
	}
	at += at < stop;
	inq_buffer_printf(details, "%s: process %llu (%.*s), descriptor %llu", key,
			  (unsigned long long)pid, (int)(stop - at), at,
			  (unsigned long long)number);
	if (!end->is_socket && reads != writes)
		inq_buffer_printf(details, " (%s end)", reads ? "read" : "write");
	inq_buffer_append(details, "\n", 1);
}

/* The first of one pipe's or socket's, in the sorted index; `count` if none. */
static size_t first_of(const struct inq_buffer *index, bool is_socket, uint64_t inode, size_t count)
{
	const struct end wanted = {.inode = inode, .is_socket = is_socket, .own = true};
	const struct end *ends = (const void *)index->data;
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&ends[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void inq_ends_tell(const struct inq_buffer *index, bool is_socket, uint64_t inode,
		   struct inq_buffer *details)
{
	const struct end *ends = (const void *)index->data;
	size_t count = index->size / sizeof(*ends), told = 0;

	for (size_t i = first_of(index, is_socket, inode, count); i < count && told < TOLD_MAX;
	     i++, told++) {
		if (ends[i].is_socket != is_socket || ends[i].inode != inode)
			break;
		if (!ends[i].own)
			tell_other(is_socket ? "peer" : "shared with", &ends[i], details);
		else if (is_socket)
			inq_buffer_printf(details, "peer: descriptor %llu\n",
					  (unsigned long long)ends[i].number);
		/* Pipes' own ends are told where both are at hand: handles.c. */
	}
}

uint64_t inq_ends_peer(const struct inq_proc_files *files, uint64_t inode)
{
	const struct inq_proc_file *file = inq_proc_files_find(files, "peers");
	const char *at = file ? file->data : NULL, *end = file ? file->data + file->size : NULL;

	while (at && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		uint64_t own = take_number(&at, end);

		at += at < end;
		if (own == inode)
			return take_number(&at, end);
		at = newline ? newline + 1 : end;
	}
	return 0;
}
