/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is at the other ends of a process's pipes and unix sockets: numbers from the kernel
 * (sock_diag(7)) and links of other processes' descriptors, for which the process need not stand
 * still.
 */
#include "config.h"

#include "target/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PEERS_MS = 20,	    /* for the kernel's answers about unix sockets */
	LINES_MAX = 4096,   /* descriptors of other processes that are told */
	WANTED_MAX = 65536, /* inodes that are looked for */
	ANSWER = 32 << 10,  /* bytes of a netlink message, at most */
	CHECK_EVERY = 64,   /* links between two looks at the clock */
};

/* A pipe or a socket, by what its links say. */
struct wanted_end {
	uint64_t inode;
	bool is_socket;
};

struct search {
	struct inq_buffer wanted; /* struct wanted_end[], sorted: what others may have */
	struct inq_buffer ends;	  /* the text that comes of it */
	uint64_t deadline_ns;
	const struct inq_ends_options *options;
	size_t lines, looked;
	bool cut;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *left, const void *right)
{
	const struct wanted_end *a = left, *b = right;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->is_socket - b->is_socket;
}

static bool has(const struct inq_buffer *ends, struct wanted_end end)
{
	return ends->size &&
	       bsearch(&end, ends->data, ends->size / sizeof(end), sizeof(end), compare);
}

static void add(struct inq_buffer *ends, struct wanted_end end)
{
	if (ends->size / sizeof(end) < WANTED_MAX)
		inq_buffer_append(ends, &end, sizeof(end));
}

static void sort(struct inq_buffer *ends)
{
	if (inq_buffer_ok(ends) && ends->size)
		qsort(ends->data, ends->size / sizeof(struct wanted_end), sizeof(struct wanted_end),
		      compare);
}

/* "pipe:[123]" or "socket:[123]"; false for all else. */
static bool parse_link(const char *text, size_t size, struct wanted_end *ret)
{
	static const char *const heads[] = {"pipe:[", "socket:["};

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(heads[i]);

		if (size <= length || memcmp(text, heads[i], length) != 0)
			continue;
		*ret = (struct wanted_end){.is_socket = i == 1};
		for (text += length, size -= length; size && *text >= '0' && *text <= '9';
		     text++, size--)
			ret->inode = ret->inode * 10 + (uint64_t)(*text - '0');
		return ret->inode != 0;
	}
	return false;
}

/* Its own sockets, or its own pipes. */
static void take_own(const struct inq_gathered *gathered, bool sockets, struct inq_buffer *ret)
{
	struct wanted_end end;

	for (size_t i = 0; i < gathered->wanted_count; i++) {
		const struct inq_proc_file *file = &gathered->wanted[i];

		if (strncmp(file->name, "fd/", 3) == 0 &&
		    parse_link(file->data, file->size, &end) && end.is_socket == sockets)
			add(ret, end);
	}
}

/* --- unix sockets -------------------------------------------------------------------------- */

/* sock_diag answers for the network namespace that it is asked in. */
static bool is_same_network(int files)
{
	char ours[64], theirs[64];
	ssize_t size = readlink("/proc/self/ns/net", ours, sizeof(ours));

	return size > 0 && readlinkat(files, "ns/net", theirs, sizeof(theirs)) == size &&
	       memcmp(ours, theirs, (size_t)size) == 0;
}

static bool ask(int netlink)
{
	const struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_UNIX,
			 .udiag_states = UINT32_MAX,
			 .udiag_show = UDIAG_SHOW_PEER},
	};
	const struct timeval patience = {.tv_usec = 100000};

	setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return send(netlink, &request, sizeof(request), 0) == sizeof(request);
}

/* What is asked about, and the answers. */
struct peers {
	struct inq_buffer own; /* struct wanted_end[], sorted */
	struct inq_buffer text;
	uint64_t deadline_ns;
};

static void take_peer(struct peers *peers, const struct nlmsghdr *message)
{
	const struct unix_diag_msg *socket = NLMSG_DATA(message);
	size_t at = NLMSG_ALIGN(sizeof(*socket)), size;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)) ||
	    !has(&peers->own, (struct wanted_end){.inode = socket->udiag_ino, .is_socket = true}))
		return;
	size = message->nlmsg_len - NLMSG_HDRLEN;
	while (at + sizeof(struct nlattr) <= size) {
		const struct nlattr *attribute = (const void *)((const char *)socket + at);

		if (attribute->nla_len < sizeof(*attribute) || at + attribute->nla_len > size)
			return;
		if (attribute->nla_type == UNIX_DIAG_PEER &&
		    attribute->nla_len == sizeof(*attribute) + 4) {
			uint32_t peer;

			memcpy(&peer, attribute + 1, sizeof(peer));
			inq_buffer_printf(&peers->text, "%u %u\n", socket->udiag_ino, peer);
		}
		at += NLA_ALIGN(attribute->nla_len);
	}
}

/* One datagram of messages; false behind the last. */
static bool take_answer(struct peers *peers, const char *bytes, size_t size)
{
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= size;) {
		const struct nlmsghdr *message = (const void *)(bytes + at);

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > size - at ||
		    message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return false;
		if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			take_peer(peers, message);
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	return size > 0;
}

static void ask_for_peers(struct peers *peers)
{
	int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	char *answer = malloc(ANSWER);
	ssize_t size = -1;

	if (netlink >= 0 && answer && ask(netlink)) {
		do
			size = recv(netlink, answer, ANSWER, 0);
		while (size > 0 && take_answer(peers, answer, (size_t)size) &&
		       now_ns() < peers->deadline_ns);
	}
	free(answer);
	if (netlink >= 0)
		close(netlink);
}

void inq_gather_peers(int process, int files, struct inq_gathered *ret)
{
	struct peers peers = {.deadline_ns = now_ns() + PEERS_MS * 1000000ull};

	if (process < 0 || !(ret->source.wants & INQ_PROC_HANDLES))
		return;
	take_own(ret, true, &peers.own);
	sort(&peers.own);
	if (peers.own.size && is_same_network(files))
		ask_for_peers(&peers);
	if (peers.text.size && inq_buffer_ok(&peers.text))
		inq_gathered_add(ret, "peers", peers.text.data, peers.text.size, false);
	inq_buffer_done(&peers.own);
	inq_buffer_done(&peers.text);
}

/* --- other processes ----------------------------------------------------------------------- */

/* "pipe:[123] PID DESCRIPTOR rw NAME" */
static void tell(struct search *search, int process, const char *pid, int descriptors,
		 const char *number, const char *link, size_t size)
{
	char name[20] = "";
	ssize_t length = inq_gather_small(process, "comm", name, sizeof(name) - 1);
	struct stat st = {0};

	/* The link's own permissions are how it was opened (proc(5)). */
	fstatat(descriptors, number, &st, AT_SYMLINK_NOFOLLOW);
	name[length > 0 ? length : 0] = '\0';
	for (char *at = name; *at; at++)
		*at = *at == '\n' ? (at[1] ? '?' : '\0') : *at;
	inq_buffer_printf(&search->ends, "%.*s %s %s %s%s %s\n", (int)size, link, pid, number,
			  st.st_mode & S_IRUSR ? "r" : "", st.st_mode & S_IWUSR ? "w" : "", name);
	search->lines++;
}

/* False when the time is over. */
static bool look_at_descriptor(struct search *search, int process, const char *pid, int descriptors,
			       const char *number)
{
	struct wanted_end end;
	char link[64];
	ssize_t size;

	if (search->lines >= LINES_MAX ||
	    (++search->looked % CHECK_EVERY == 0 && now_ns() >= search->deadline_ns))
		search->cut = true;
	if (search->cut)
		return false;
	size = readlinkat(descriptors, number, link, sizeof(link));
	if (size > 0 && (size_t)size < sizeof(link) && parse_link(link, (size_t)size, &end) &&
	    has(&search->wanted, end))
		tell(search, process, pid, descriptors, number, link, (size_t)size);
	return true;
}

static void look_at_process(struct search *search, int proc, const char *pid)
{
	_Alignas(struct dirent64) char buffer[4096];
	int process = inq_gather_open(proc, pid, O_RDONLY | O_DIRECTORY);
	int descriptors = inq_gather_open(process, "fd", O_RDONLY | O_DIRECTORY);
	struct stat st;
	ssize_t size;
	bool more = descriptors >= 0 && fstat(process, &st) == 0 &&
		    (!search->options->one_owner || st.st_uid == search->options->owner);

	while (more && (size = getdents64(descriptors, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; more && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			if (entry->d_name[0] != '.')
				more = look_at_descriptor(search, process, pid, descriptors,
							  entry->d_name);
			at += entry->d_reclen;
		}
	}
	if (descriptors >= 0)
		close(descriptors);
	if (process >= 0)
		close(process);
}

static void look_at_all(struct search *search)
{
	_Alignas(struct dirent64) char buffer[8192];
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t size;

	while (proc >= 0 && !search->cut && (size = getdents64(proc, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; !search->cut && at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			unsigned long pid = strtoul(entry->d_name, NULL, 10);

			if (pid && pid != (unsigned long)getpid() &&
			    pid != search->options->skip[0] && pid != search->options->skip[1])
				look_at_process(search, proc, entry->d_name);
			at += entry->d_reclen;
		}
	}
	if (proc >= 0)
		close(proc);
}

/* The second numbers of inq_gather_peers()'s lines. */
static void take_peers(const struct inq_gathered *gathered, struct inq_buffer *ret)
{
	const struct inq_proc_files files = {gathered->source.files, gathered->source.file_count};
	const struct inq_proc_file *file = inq_proc_files_find(&files, "peers");
	const char *at = file ? file->data : NULL, *end = file ? file->data + file->size : NULL;

	while (at && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)),
			   *blank = memchr(at, ' ', (size_t)(end - at));

		if (!newline || !blank)
			break;
		add(ret,
		    (struct wanted_end){.inode = strtoull(blank + 1, NULL, 10), .is_socket = true});
		at = newline + 1;
	}
}

void inq_gather_ends(const struct inq_ends_options *options, struct inq_gathered *ret)
{
	struct search search = {
		.deadline_ns = now_ns() + (uint64_t)options->deadline_ms * 1000000,
		.options = options,
	};

	if (!(ret->source.wants & INQ_PROC_HANDLES))
		return;
	take_own(ret, false, &search.wanted);
	take_peers(ret, &search.wanted);
	sort(&search.wanted);
	if (search.wanted.size)
		look_at_all(&search);
	if ((search.ends.size || search.cut) && inq_buffer_ok(&search.ends))
		inq_gathered_add(ret, "ends",
				 search.ends.size ? (const void *)search.ends.data : "",
				 search.ends.size, search.cut);
	inq_buffer_done(&search.wanted);
	inq_buffer_done(&search.ends);
}
