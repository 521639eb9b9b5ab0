/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/handles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the link's text begins with (fs/proc/fd.c, anon_inode names of the kernel 6.18 and before), and the kind.
 * What begins with a '/' is told by its mode. */
static const struct {
	const char *prefix;
	enum inq_handle_kind kind;
} links[] = {
	{"socket:[", INQ_HANDLE_SOCKET},
	{"pipe:[", INQ_HANDLE_PIPE},
	{"/memfd:", INQ_HANDLE_MEMFD},
	{"/secretmem", INQ_HANDLE_MEMFD},
	{"anon_inode:[eventfd]", INQ_HANDLE_EVENTFD},
	{"anon_inode:[eventpoll]", INQ_HANDLE_EPOLL},
	{"anon_inode:[timerfd]", INQ_HANDLE_TIMERFD},
	{"anon_inode:[signalfd]", INQ_HANDLE_SIGNALFD},
	{"anon_inode:inotify", INQ_HANDLE_INOTIFY},
	{"anon_inode:[fanotify]", INQ_HANDLE_FANOTIFY},
	{"anon_inode:[pidfd]", INQ_HANDLE_PIDFD},
	{"pidfd:[", INQ_HANDLE_PIDFD},
	{"anon_inode:[io_uring]", INQ_HANDLE_IO_URING},
	{"anon_inode:[userfaultfd]", INQ_HANDLE_USERFAULTFD},
	{"anon_inode:bpf", INQ_HANDLE_BPF},
	{"anon_inode:[perf_event]", INQ_HANDLE_PERF},
	{"cgroup:[", INQ_HANDLE_NAMESPACE},
	{"ipc:[", INQ_HANDLE_NAMESPACE},
	{"mnt:[", INQ_HANDLE_NAMESPACE},
	{"net:[", INQ_HANDLE_NAMESPACE},
	{"pid:[", INQ_HANDLE_NAMESPACE},
	{"time:[", INQ_HANDLE_NAMESPACE},
	{"user:[", INQ_HANDLE_NAMESPACE},
	{"uts:[", INQ_HANDLE_NAMESPACE},
};

static const char DELETED[] = " (deleted)";

struct making {
	const struct inq_proc_files *files;
	struct inq_buffer items; /* struct inq_handle[]: texts are offsets until the end */
	struct inq_buffer texts;
	struct inq_buffer sockets; /* of inq_sockets_index() */
	struct inq_buffer ends;    /* of inq_ends_index() */
};

/* Offset of a text that was copied. */
static const char *keep(struct making *making, const void *text, size_t size)
{
	size_t at = making->texts.size;

	inq_buffer_append(&making->texts, text, size);
	inq_buffer_append(&making->texts, "", 1);
	return (const char *)(uintptr_t)at;
}

static bool begins(const struct inq_proc_file *file, const char *with)
{
	return file->size >= strlen(with) && memcmp(file->data, with, strlen(with)) == 0;
}

/* The number behind "key:" at the start of a line; false if there is no such line. */
static bool number_of(const struct inq_proc_file *file, const char *key, unsigned base, uint64_t *ret)
{
	const char *at = file ? file->data : NULL, *end = file ? file->data + file->size : NULL;
	size_t length = strlen(key);
	uint64_t value = 0;

	while (at && at < end && ((size_t)(end - at) <= length || memcmp(at, key, length) || at[length] != ':')) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at || at >= end)
		return false;
	for (at += length + 1; at < end && (*at == ' ' || *at == '\t'); at++)
		;
	if (at == end || *at < '0' || *at > '9')
		return false;
	for (; at < end && *at >= '0' && *at < (char)('0' + base); at++)
		value = value * base + (uint64_t)(*at - '0');
	*ret = value;
	return true;
}

static enum inq_handle_kind kind_of_mode(uint64_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return INQ_HANDLE_DIRECTORY;
	case S_IFCHR:
	case S_IFBLK:
		return INQ_HANDLE_DEVICE;
	case S_IFIFO:
		return INQ_HANDLE_PIPE;
	case S_IFSOCK:
		return INQ_HANDLE_SOCKET;
	default:
		return INQ_HANDLE_FILE;
	}
}

static enum inq_handle_kind kind_of(const struct inq_proc_file *link, const struct inq_proc_file *facts)
{
	uint64_t mode;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (begins(link, links[i].prefix))
			return links[i].kind;
	}
	if (!begins(link, "/"))
		return INQ_HANDLE_OTHER;
	if (number_of(facts, "mode", 8, &mode))
		return kind_of_mode(mode);
	return begins(link, "/dev/") && !begins(link, "/dev/shm/") ? INQ_HANDLE_DEVICE : INQ_HANDLE_FILE;
}

/* A line of fdinfo that every kind has, and that is told elsewhere. */
static bool is_common(const char *line, size_t size)
{
	static const char *const common[] = {"pos:", "flags:", "mnt_id:", "ino:"};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (size >= strlen(common[i]) && memcmp(line, common[i], strlen(common[i])) == 0)
			return true;
	}
	return size == 0;
}

/* "eventfd-count:                3" becomes "eventfd-count: 3". */
static void append_line(struct inq_buffer *to, const char *line, size_t size)
{
	bool blank = false;

	for (size_t i = 0; i < size; i++) {
		if (line[i] == ' ' || line[i] == '\t') {
			blank = true;
			continue;
		}
		if (blank)
			inq_buffer_append(to, " ", 1);
		blank = false;
		inq_buffer_append(to, &line[i], 1);
	}
	inq_buffer_append(to, "\n", 1);
}

static void append_particulars(struct inq_buffer *to, const struct inq_proc_file *info)
{
	const char *at = info ? info->data : NULL, *end = info ? info->data + info->size : NULL;

	while (at && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t size = newline ? (size_t)(newline - at) : (size_t)(end - at);

		if (!is_common(at, size))
			append_line(to, at, size);
		at = newline ? newline + 1 : end;
	}
}

/* "socket:[123]": what is between the brackets; 0 without. */
static uint64_t bracketed(const struct inq_proc_file *link)
{
	const char *at = memchr(link->data, '[', link->size), *end = link->data + link->size;
	uint64_t value = 0;

	for (at = at ? at + 1 : end; at < end && *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

static void name_unbound(struct making *making, uint64_t number, struct inq_buffer *name, struct inq_buffer *details)
{
	const struct inq_proc_file *protocol = inq_proc_files_numbered(making->files, "protocol", number, NULL);

	if (!protocol)
		return;
	inq_buffer_printf(name, "%.*s UNBOUND", (int)protocol->size, protocol->data);
	inq_buffer_printf(details, "protocol: %.*s\nstate: UNBOUND\n", (int)protocol->size, protocol->data);
}

static void take_name(struct making *making, const struct inq_proc_file *link, struct inq_handle *handle,
		      struct inq_buffer *details)
{
	struct inq_buffer name = {0};
	size_t size = link->size, tail = sizeof(DELETED) - 1;

	if (handle->kind == INQ_HANDLE_SOCKET)
		inq_sockets_tell(&making->sockets, handle->inode, &name, details);
	if (link->data[0] == '/' && size > tail && memcmp(link->data + size - tail, DELETED, tail) == 0) {
		handle->deleted = true;
		size -= tail;
	}
	if (handle->kind == INQ_HANDLE_SOCKET && !name.size)
		name_unbound(making, handle->number, &name, details);
	handle->name = name.size ? keep(making, name.data, name.size) : keep(making, link->data, size);
	inq_buffer_done(&name);
}

/* The text behind "local: " of a socket's details; NULL without. */
static const char *local_of(const struct inq_buffer *details, size_t *ret_size)
{
	const char *text = inq_buffer_text(details), *at = strstr(text, "local: ");

	*ret_size = at ? strcspn(at + 7, "\n") : 0;
	return at ? at + 7 : NULL;
}

/* A unix socket's peer: its inode, where it is bound, and who has it. */
static void take_peer(struct making *making, uint64_t inode, struct inq_buffer *details)
{
	uint64_t peer = inq_ends_peer(making->files, inode);
	struct inq_buffer name = {0}, others = {0};
	const char *path;
	size_t size;

	if (!peer)
		return;
	inq_buffer_printf(details, "peer inode: %llu\n", (unsigned long long)peer);
	inq_sockets_tell(&making->sockets, peer, &name, &others);
	path = local_of(&others, &size);
	if (path)
		inq_buffer_printf(details, "remote: %.*s\n", (int)size, path);
	inq_ends_tell(&making->ends, true, peer, details);
	inq_buffer_done(&name);
	inq_buffer_done(&others);
}

static void take_facts(const struct inq_proc_file *facts, struct inq_handle *handle, struct inq_buffer *details)
{
	uint64_t size;

	if (!handle->inode)
		number_of(facts, "ino", 10, &handle->inode);
	if ((handle->kind == INQ_HANDLE_FILE || handle->kind == INQ_HANDLE_MEMFD) &&
	    number_of(facts, "size", 10, &size))
		inq_buffer_printf(details, "size: %llu\n", (unsigned long long)size);
	if (handle->kind == INQ_HANDLE_DEVICE && facts) {
		const char *at = memmem(facts->data, facts->size, "rdev:\t", 6);
		const char *end = facts->data + facts->size;
		const char *newline = at ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		if (newline)
			inq_buffer_printf(details, "device: %.*s\n", (int)(newline - at - 6), at + 6);
	}
}

static void add(struct making *making, uint64_t number, const struct inq_proc_file *link)
{
	const struct inq_proc_file *info = inq_proc_files_numbered(making->files, "fdinfo", number, NULL);
	const struct inq_proc_file *facts = inq_proc_files_numbered(making->files, "stat", number, NULL);
	struct inq_buffer details = {0};
	struct inq_handle handle = {.number = number, .flags = INQ_HANDLE_NO_FLAGS, .kind = kind_of(link, facts)};
	uint64_t value;

	if (number_of(info, "flags", 8, &value))
		handle.flags = (int64_t)value;
	if (number_of(info, "mnt_id", 10, &value))
		handle.mount = (uint32_t)value;
	number_of(info, "pos", 10, &handle.position);
	if (!number_of(info, "ino", 10, &handle.inode) && link->data[0] != '/')
		handle.inode = bracketed(link);
	take_facts(facts, &handle, &details);
	if (handle.kind == INQ_HANDLE_SOCKET && bracketed(link))
		handle.inode = bracketed(link);
	take_name(making, link, &handle, &details);
	if (handle.kind == INQ_HANDLE_SOCKET)
		take_peer(making, handle.inode, &details);
	else if (handle.kind == INQ_HANDLE_PIPE)
		inq_ends_tell(&making->ends, false, handle.inode, &details);
	append_particulars(&details, info);
	handle.details = keep(making, details.data, details.size);
	inq_buffer_done(&details);
	inq_buffer_append(&making->items, &handle, sizeof(handle));
}

/* --- both ends of a pipe ----------------------------------------------------------------------------- */

static int by_inode(const void *left, const void *right)
{
	const struct inq_handle *const *a = left, *const *b = right;

	if ((*a)->inode != (*b)->inode)
		return (*a)->inode < (*b)->inode ? -1 : 1;
	return (*a)->number < (*b)->number ? -1 : (*a)->number > (*b)->number;
}

/* Descriptors of one pipe are neighbours: each gets the numbers of the others, and which end it is. */
static void tell_ends(struct making *making, struct inq_handle **group, size_t count)
{
	static const char *const ends[] = {"read", "write", "both", "?"};

	for (size_t i = 0; i < count; i++) {
		struct inq_buffer details = {0};
		const char *before = (const char *)making->texts.data + (uintptr_t)group[i]->details;

		if (group[i]->flags >= 0)
			inq_buffer_printf(&details, "end: %s\n", ends[group[i]->flags & 3]);
		for (size_t n = 0; n < count && n < 64; n++) {
			if (n != i)
				inq_buffer_printf(&details, "shared with: %llu (%s end)\n",
						  (unsigned long long)group[n]->number,
						  group[n]->flags >= 0 ? ends[group[n]->flags & 3] : "?");
		}
		inq_buffer_append(&details, before, strlen(before));
		group[i]->details = keep(making, details.data, details.size);
		inq_buffer_done(&details);
	}
}

static void pair_pipes(struct making *making)
{
	struct inq_handle *items = (void *)making->items.data;
	size_t count = making->items.size / sizeof(*items), pipes = 0;
	struct inq_handle **sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted || !inq_buffer_ok(&making->texts)) {
		free(sorted);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (items[i].kind == INQ_HANDLE_PIPE && items[i].inode)
			sorted[pipes++] = &items[i];
	}
	qsort(sorted, pipes, sizeof(*sorted), by_inode);
	for (size_t i = 0, next; i < pipes; i = next) {
		for (next = i + 1; next < pipes && sorted[next]->inode == sorted[i]->inode; next++)
			;
		tell_ends(making, sorted + i, next - i);
	}
	free(sorted);
}

/* --- the list ------------------------------------------------------------------------------------------ */

static enum inq_status publish(struct making *making, struct inq_handle_list *ret, struct inq_error *err)
{
	struct inq_handle *items = (void *)making->items.data;
	size_t count = making->items.size / sizeof(*items);

	if (!inq_buffer_ok(&making->items) || !inq_buffer_ok(&making->texts)) {
		inq_buffer_done(&making->items);
		inq_buffer_done(&making->texts);
		return inq_fail(err, INQ_NO_MEMORY, "descriptors: out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		const char *texts = (const char *)making->texts.data;

		items[i].type = inq_handle_kind_name(items[i].kind);
		items[i].name = texts + (uintptr_t)items[i].name;
		items[i].details = texts + (uintptr_t)items[i].details;
	}
	*ret = (struct inq_handle_list){.items = items, .count = count, .texts = making->texts};
	return INQ_OK;
}

enum inq_status inq_handles_make(const struct inq_proc_files *files, uint32_t event, struct inq_handle_list *ret,
				 struct inq_error *err)
{
	struct making making = {.files = files};

	inq_sockets_index(files, &making.sockets);
	inq_ends_index(files, &making.ends);
	for (size_t i = inq_proc_files_first(files, "fd/"); i < files->count; i++) {
		const struct inq_proc_file *link = &files->items[i];
		uint64_t number;

		if (strncmp(link->name, "fd/", 3) != 0)
			break;
		number = strtoull(link->name + 3, NULL, 10);
		if (link->size && !(event && number == event && begins(link, "anon_inode:[eventfd]")))
			add(&making, number, link);
	}
	inq_buffer_done(&making.sockets);
	inq_buffer_done(&making.ends);
	if (!making.items.size) {
		inq_buffer_done(&making.texts);
		return inq_fail(err, INQ_ABSENT, "no descriptors were listed");
	}
	pair_pipes(&making);
	return publish(&making, ret, err);
}

void inq_handles_done(struct inq_handle_list *list)
{
	if (!list)
		return;
	free(list->items);
	inq_buffer_done(&list->texts);
	*list = (struct inq_handle_list){0};
}
