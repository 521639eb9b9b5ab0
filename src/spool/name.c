/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/rules.h"
#include "spool/spool.h"

#include <stdio.h>
#include <string.h>

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

/* --- the calendar ----------------------------------------------------------------------------------
 *
 * UTC needs no time zone, but gmtime(3) and timegm(3) of glibc read /etc/localtime before they say so; a
 * privileged program opens no such file. Proleptic Gregorian calendar, counted from 1 March of year 0 so that the
 * leap day is the last of its year (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */

enum {
	DAY = 86400,              /* seconds */
	ERA = 146097,             /* days of 400 years */
	FIRST_OF_EPOCH = 719468,  /* days from 1 March 0 to 1 January 1970 */
};

static const int64_t LAST_SECOND = 253402300799; /* of year 9999 */

static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	int64_t shifted = year - (month <= 2), era = shifted / 400, of_era = shifted % 400;
	int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - FIRST_OF_EPOCH;
}

static void date_from_days(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t since = days + FIRST_OF_EPOCH, era = since / ERA, of_era = since % ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA - 1)) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*ret_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned)(year + era * 400 + (*ret_month <= 2));
}

void inq_spool_name_format(const struct inq_spool_name *name, char to[INQ_SPOOL_NAME])
{
	/* Years beyond 9999 do not fit the stamp; no clock that is right has one. */
	int64_t seconds = name->time < 0 || name->time > LAST_SECOND ? 0 : name->time;
	unsigned of_day = (unsigned)(seconds % DAY), year, month, day;
	char serial[8] = "";

	date_from_days(seconds / DAY, &year, &month, &day);
	if (name->serial)
		snprintf(serial, sizeof(serial), "-%u", name->serial % (MAX_SERIAL + 1));
	snprintf(to, INQ_SPOOL_NAME, "%.*s.%u.%04u%02u%02uT%02u%02u%02uZ%s%s", INQ_SPOOL_PROGRAM, name->program,
		 name->pid, year % 10000, month % 100, day % 100, of_day / 3600 % 100, of_day / 60 % 60, of_day % 60,
		 serial, SUFFIX);
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

static unsigned two(const char *at)
{
	return (unsigned)((at[0] - '0') * 10 + (at[1] - '0'));
}

static const char *take_stamp(const char *at, int64_t *ret)
{
	unsigned year, month, day, again[3];
	int64_t days;

	for (size_t i = 0; i < sizeof(STAMP) - 1; i++) {
		if (STAMP[i] == 'd' ? !is_digit(at[i]) : at[i] != STAMP[i])
			return NULL;
	}
	year = two(at) * 100 + two(at + 2);
	month = two(at + 4);
	day = two(at + 6);
	if (year < 1970 || !month || month > 12 || !day || two(at + 9) > 23 || two(at + 11) > 59 || two(at + 13) > 59)
		return NULL;
	/* The 31st of February comes back as another day; we never wrote it. */
	days = days_from_date(year, month, day);
	date_from_days(days, &again[0], &again[1], &again[2]);
	if (again[0] != year || again[1] != month || again[2] != day)
		return NULL;
	*ret = days * DAY + two(at + 9) * 3600 + two(at + 11) * 60 + two(at + 13);
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
