/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets in /proc/PID/net: one table for each protocol, found by inode. */
#include "config.h"

#include "target/handles.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 24, ADDRESS_TEXT = 64 };

struct field {
	const char *text;
	size_t size;
};

/* Fields of one line, divided by blanks; the last takes the rest of the line. */
static size_t split(const char *line, size_t size, struct field fields[FIELDS_MAX])
{
	size_t at = 0, count = 0;

	while (count < FIELDS_MAX) {
		while (at < size && line[at] == ' ')
			at++;
		if (at == size)
			break;
		fields[count].text = line + at;
		while (at < size && line[at] != ' ')
			at++;
		fields[count].size = (size_t)(line + at - fields[count].text);
		count++;
	}
	return count;
}

static uint64_t number(struct field field, unsigned base)
{
	char text[24] = "";

	memcpy(text, field.text, field.size < sizeof(text) - 1 ? field.size : sizeof(text) - 1);
	return strtoull(text, NULL, (int)base);
}

/* --- inet: "sl local remote st queues tm retransmits uid timeout inode ..." -------------------------- */

/* "0100007F:1F90": words of the address as the processor has them, port in network order's digits. */
static void address_text(struct field field, char to[ADDRESS_TEXT])
{
	size_t digits = field.size > 5 ? field.size - 5 : 0;
	unsigned port = digits ? (unsigned)number((struct field){field.text + digits + 1, 4}, 16) : 0;
	uint32_t words[4] = {0};
	char text[INET6_ADDRSTRLEN] = "?";

	if (digits != 8 && digits != 32)
		digits = 0;
	for (size_t i = 0; i < digits / 8; i++)
		words[i] = (uint32_t)number((struct field){field.text + 8 * i, 8}, 16);
	if (digits)
		inet_ntop(digits == 8 ? AF_INET : AF_INET6, words, text, sizeof(text));
	snprintf(to, ADDRESS_TEXT, digits == 32 ? "[%s]:%u" : "%s:%u", text, port);
}

static const char *tcp_state(uint64_t state)
{
	/* include/net/tcp_states.h, from 1 on */
	static const char *const names[] = {
		"?",	      "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
		"CLOSE",      "CLOSE_WAIT",  "LAST_ACK",   "LISTEN",   "CLOSING",   "NEW_SYN_RECV",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : names[0];
}

static void inet_line(const char *protocol, const struct field *fields, struct inq_buffer *name,
		      struct inq_buffer *details)
{
	char local[ADDRESS_TEXT], remote[ADDRESS_TEXT];
	bool is_stream = strncmp(protocol, "tcp", 3) == 0;
	uint64_t state = number(fields[3], 16);
	bool has_remote = fields[2].size > 4 && memcmp(fields[2].text + fields[2].size - 4, "0000", 4) != 0;
	const char *words = is_stream ? tcp_state(state) : state == 1 ? "ESTABLISHED" : "UNCONNECTED";

	address_text(fields[1], local);
	address_text(fields[2], remote);
	inq_buffer_printf(name, "%s %s%s%s %s", protocol, local, has_remote ? " -> " : "", has_remote ? remote : "",
			  words);
	inq_buffer_printf(details, "family: %s\nprotocol: %s\nstate: %s\nlocal: %s\n",
			  fields[1].size > 16 ? "inet6" : "inet", protocol, words, local);
	if (has_remote)
		inq_buffer_printf(details, "remote: %s\n", remote);
	inq_buffer_printf(details, "queues: %.*s\n", (int)fields[4].size, fields[4].text);
}

/* --- the others ----------------------------------------------------------------------------------------- */

static const char *socket_type(uint64_t type)
{
	static const char *const names[] = {"?", "stream", "dgram", "raw", "rdm", "seqpacket"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : names[0];
}

/* "Num RefCount Protocol Flags Type St Inode Path": the flag 0x10000 is that it listens; St as enum socket_state. */
static void unix_line(const char *protocol, const struct field *fields, struct inq_buffer *name,
		      struct inq_buffer *details)
{
	static const char *const states[] = {"FREE", "UNCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING"};
	uint64_t flags = number(fields[3], 16), state = number(fields[5], 16);
	const char *words = flags & 0x10000 ? "LISTEN" : state < 5 ? states[state] : "?";
	const char *type = socket_type(number(fields[4], 16));

	inq_buffer_printf(name, "%s %s", protocol, type);
	inq_buffer_printf(details, "family: unix\ntype: %s\nstate: %s\n", type, words);
	if (fields[7].text) {
		inq_buffer_printf(name, " %.*s", (int)fields[7].size, fields[7].text);
		inq_buffer_printf(details, "local: %.*s\n", (int)fields[7].size, fields[7].text);
	}
	inq_buffer_printf(name, " %s", words);
}

/* "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode" */
static void netlink_line(const char *protocol, const struct field *fields, struct inq_buffer *name,
			 struct inq_buffer *details)
{
	inq_buffer_printf(name, "%s protocol %.*s port %.*s", protocol, (int)fields[1].size, fields[1].text,
			  (int)fields[2].size, fields[2].text);
	inq_buffer_printf(details, "family: netlink\nprotocol: %.*s\nlocal: %.*s\ngroups: %.*s\n",
			  (int)fields[1].size, fields[1].text, (int)fields[2].size, fields[2].text,
			  (int)fields[3].size, fields[3].text);
}

/* "sk RefCnt Type Proto Iface R Rmem User Inode" */
static void packet_line(const char *protocol, const struct field *fields, struct inq_buffer *name,
			struct inq_buffer *details)
{
	const char *type = socket_type(number(fields[2], 10));

	inq_buffer_printf(name, "%s %s protocol 0x%.*s interface %.*s", protocol, type, (int)fields[3].size,
			  fields[3].text, (int)fields[4].size, fields[4].text);
	inq_buffer_printf(details, "family: packet\ntype: %s\nprotocol: 0x%.*s\ninterface: %.*s\n", type,
			  (int)fields[3].size, fields[3].text, (int)fields[4].size, fields[4].text);
}

/* file, what it is called, which field is the inode, how many fields a line has at least, who tells of it */
static const struct {
	const char *file, *protocol;
	unsigned inode, fields;
	void (*tell)(const char *protocol, const struct field *fields, struct inq_buffer *name,
		     struct inq_buffer *details);
} tables[] = {
	{"net/tcp", "tcp", 9, 10, inet_line},
	{"net/tcp6", "tcp6", 9, 10, inet_line},
	{"net/udp", "udp", 9, 10, inet_line},
	{"net/udp6", "udp6", 9, 10, inet_line},
	{"net/udplite", "udplite", 9, 10, inet_line},
	{"net/udplite6", "udplite6", 9, 10, inet_line},
	{"net/raw", "raw", 9, 10, inet_line},
	{"net/raw6", "raw6", 9, 10, inet_line},
	{"net/icmp", "icmp", 9, 10, inet_line},
	{"net/icmp6", "icmp6", 9, 10, inet_line},
	{"net/unix", "unix", 6, 7, unix_line},
	{"net/netlink", "netlink", 9, 10, netlink_line},
	{"net/packet", "packet", 8, 9, packet_line},
};

/* A line of a table. A server has thousands of sockets, and so have the tables: each line is looked at once. */
struct line {
	uint64_t inode;
	size_t row;
	const char *text;
	size_t size;
};

static int by_inode(const void *left, const void *right)
{
	const struct line *a = left, *b = right;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static void index_table(const struct inq_proc_file *file, size_t row, struct inq_buffer *ret)
{
	const char *at = file->data, *end = file->data + file->size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct field fields[FIELDS_MAX] = {{0}};
		struct line line = {.row = row, .text = at};

		line.size = newline ? (size_t)(newline - at) : (size_t)(end - at);
		/* The last line of a table that was cut may end in the middle of its inode. */
		if ((newline || !file->cut) && split(at, line.size, fields) >= tables[row].fields) {
			line.inode = number(fields[tables[row].inode], 10);
			if (line.inode)
				inq_buffer_append(ret, &line, sizeof(line));
		}
		at = newline ? newline + 1 : end;
	}
}

void inq_sockets_index(const struct inq_proc_files *files, struct inq_buffer *ret)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct inq_proc_file *file = inq_proc_files_find(files, tables[i].file);

		if (file)
			index_table(file, i, ret);
	}
	if (inq_buffer_ok(ret) && ret->size)
		qsort(ret->data, ret->size / sizeof(struct line), sizeof(struct line), by_inode);
}

void inq_sockets_tell(const struct inq_buffer *index, uint64_t inode, struct inq_buffer *name,
		      struct inq_buffer *details)
{
	struct field fields[FIELDS_MAX] = {{0}};
	struct line wanted = {.inode = inode};
	const struct line *line = index->size ? bsearch(&wanted, index->data, index->size / sizeof(wanted),
							sizeof(wanted), by_inode)
					      : NULL;

	if (!line)
		return;
	split(line->text, line->size, fields);
	tables[line->row].tell(tables[line->row].protocol, fields, name, details);
}
