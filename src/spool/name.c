/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/rules.h"
#include "spool/spool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_SERIAL = 99 };

static const char SUFFIX[] = ".dmp";
static const char STAMP[] = "dddddddd" "T" "dddddd" "Z"; /* d: a digit */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-';
}

void inq_spool_program(const char *raw, size_t size, char to[INQ_SPOOL_PROGRAM + 1])
{
	size_t length = 0;

	while (length < size && length < INQ_SPOOL_PROGRAM && raw[length]) {
		to[length] = is_plain(raw[length]) ? raw[length] : '_';
		length++;
	}
	/* A name that looks like an option would surprise the shell's users. */
	if (length && to[0] == '-')
		to[0] = '_';
	if (!length) {
		memcpy(to, "unknown", sizeof("unknown"));
		return;
	}
	to[length] = '\0';
}

void inq_spool_name_format(const struct inq_spool_name *name, char to[INQ_SPOOL_NAME])
{
	time_t seconds = name->time;
	char serial[8] = "";
	struct tm tm;

	/* Years beyond 9999 do not fit the stamp; no clock that is right has one. */
	if (seconds < 0 || seconds > 253402300799 || !gmtime_r(&seconds, &tm)) {
		seconds = 0;
		gmtime_r(&seconds, &tm);
	}
	if (name->serial)
		snprintf(serial, sizeof(serial), "-%u", name->serial % (MAX_SERIAL + 1));
	snprintf(to, INQ_SPOOL_NAME, "%.*s.%u.%04u%02u%02uT%02u%02u%02uZ%s%s", INQ_SPOOL_PROGRAM,
		 name->program, name->pid, (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
		 (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
		 (unsigned)tm.tm_sec % 100u, serial, SUFFIX);
}

/* Decimal digits without leading zeros; NULL where there are none or too many, else what follows. */
static const char *take_number(const char *at, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	const char *start = at;

	for (; is_digit(*at); at++) {
		value = value * 10 + (uint64_t)(*at - '0');
		if (value > max)
			return NULL;
	}
	if (at == start || (start[0] == '0' && at - start > 1))
		return NULL;
	*ret = value;
	return at;
}

static int two(const char *at)
{
	return (at[0] - '0') * 10 + (at[1] - '0');
}

static const char *take_stamp(const char *at, int64_t *ret)
{
	struct tm tm = {0}, again;
	time_t seconds;

	for (size_t i = 0; i < sizeof(STAMP) - 1; i++) {
		if (STAMP[i] == 'd' ? !is_digit(at[i]) : at[i] != STAMP[i])
			return NULL;
	}
	tm.tm_year = two(at) * 100 + two(at + 2) - 1900;
	tm.tm_mon = two(at + 4) - 1;
	tm.tm_mday = two(at + 6);
	tm.tm_hour = two(at + 9);
	tm.tm_min = two(at + 11);
	tm.tm_sec = two(at + 13);
	again = tm;
	seconds = timegm(&again);
	/* timegm() accepts the 31st of February; we never wrote it. */
	if (seconds < 0 || again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday ||
	    again.tm_hour != tm.tm_hour || again.tm_min != tm.tm_min || again.tm_sec != tm.tm_sec)
		return NULL;
	*ret = seconds;
	return at + sizeof(STAMP) - 1;
}

bool inq_spool_name_parse(const char *text, struct inq_spool_name *ret)
{
	struct inq_spool_name name = {0};
	size_t length = 0;
	uint64_t number;
	const char *at;

	while (is_plain(text[length]))
		length++;
	if (!length || length > INQ_SPOOL_PROGRAM || text[0] == '-' || text[length] != '.')
		return false;
	memcpy(name.program, text, length);
	at = take_number(text + length + 1, UINT32_MAX, &number);
	if (!at || *at != '.')
		return false;
	name.pid = (uint32_t)number;
	at = take_stamp(at + 1, &name.time);
	if (at && *at == '-') {
		at = take_number(at + 1, MAX_SERIAL, &number);
		name.serial = at ? (unsigned)number : 0;
		if (!name.serial)
			return false;
	}
	if (!at || strcmp(at, SUFFIX))
		return false;
	*ret = name;
	return true;
}

int inq_spool_name_compare(const struct inq_spool_name *a, const struct inq_spool_name *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->serial != b->serial)
		return a->serial < b->serial ? -1 : 1;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

void inq_spool_account_name(const struct inq_spool_account *account, char to[INQ_SPOOL_DIRECTORY])
{
	snprintf(to, INQ_SPOOL_DIRECTORY, account->root_only && account->uid ? "%u-root" : "%u", account->uid);
}

bool inq_spool_account_parse(const char *text, struct inq_spool_account *ret)
{
	uint64_t uid;
	const char *at = take_number(text, UINT32_MAX, &uid);

	if (!at || (*at && strcmp(at, "-root")) || (!uid && *at))
		return false;
	*ret = (struct inq_spool_account){.uid = (uint32_t)uid, .root_only = *at || !uid};
	return true;
}
