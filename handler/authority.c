/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/authority.h"

#include <elf.h>
#include <string.h>

struct inq_authority inq_authority_decide(const struct inq_authority_facts *facts)
{
	/* Each row speaks for root; in the order in which they are worth telling. */
	const struct {
		bool root;
		const char *reason;
	} rows[] = {
		{!facts->arguments, "the kernel's arguments are not complete"},
		{!facts->identity, "it could not be shown which process this is"},
		{!facts->still, "the process was gone before it was read"},
		{facts->dumpable != 1, "the kernel says that only root may read it (suid_dumpable)"},
		{!facts->threads, "the ids of its threads could not be read"},
		{!facts->ids_equal, "its user or group ids differ"},
		{!facts->auxv, "its auxiliary vector could not be read"},
		{facts->secure, "it was started setuid, setgid or with capabilities"},
		{!facts->same_userns, "it is in another user namespace"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].root)
			return (struct inq_authority){true, rows[i].reason};
	}
	return (struct inq_authority){false, "its user"};
}

/* The start of the last line that begins with `key`, behind the key; NULL if there is none. From the end, line by
 * line: done for every thread of a process that waits. */
static const char *last_line(const char *text, size_t size, const char *key)
{
	size_t length = strlen(key), end = size;

	for (;;) {
		const char *newline = memrchr(text, '\n', end);
		const char *line = newline ? newline + 1 : text;

		if ((size_t)(text + size - line) >= length && !memcmp(line, key, length))
			return line + length;
		if (!newline)
			return NULL;
		end = (size_t)(newline - text);
	}
}

/* Exactly four decimal numbers with a tab before each, then a newline. */
static bool four_ids(const char *at, const char *end, uint32_t ret[4])
{
	for (int i = 0; i < 4; i++) {
		uint64_t value = 0;
		const char *start;

		if (at == end || *at++ != '\t')
			return false;
		for (start = at; at < end && *at >= '0' && *at <= '9'; at++) {
			value = value * 10 + (uint64_t)(*at - '0');
			if (value > UINT32_MAX)
				return false;
		}
		if (at == start)
			return false;
		ret[i] = (uint32_t)value;
	}
	return at < end && *at == '\n';
}

bool inq_authority_status_ids(const char *text, size_t size, uint32_t ret_uids[4], uint32_t ret_gids[4])
{
	const char *uid = last_line(text, size, "Uid:");
	const char *gid = last_line(text, size, "Gid:");
	uint32_t uids[4], gids[4];

	if (!uid || !gid || !four_ids(uid, text + size, uids) || !four_ids(gid, text + size, gids))
		return false;
	memcpy(ret_uids, uids, sizeof(uids));
	memcpy(ret_gids, gids, sizeof(gids));
	return true;
}

bool inq_authority_auxv_secure(const void *auxv, size_t size, bool *ret_secure)
{
	const unsigned char *at = auxv;
	uint64_t pair[2];

	for (; size >= sizeof(pair); at += sizeof(pair), size -= sizeof(pair)) {
		memcpy(pair, at, sizeof(pair));
		if (pair[0] == AT_NULL)
			return false;
		if (pair[0] == AT_SECURE) {
			*ret_secure = pair[1] != 0;
			return true;
		}
	}
	return false;
}
