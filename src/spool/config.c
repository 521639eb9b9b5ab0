/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD(field) offsetof(struct inq_config, field)
#define KIB (1ull << 10)
#define GIB (1ull << 30)
#define TIB (1ull << 40)

/*
 * name, type, field, default, min, max, help
 *
 * The defaults are text, read by the same parser as the file, so that what is written beside a key in
 * inquest.conf is what holds without it.
 */
static const struct inq_config_key keys[] = {
	{"dump", INQ_CONFIG_TYPE_LETTERS, FIELD(dump), "m", 0, 0,
	 "What a dump contains: the letters of .dump, see inquest(1). m alone is threads, stacks and modules;\n"
	 "mrR filters stack memory and file names."},
	{"strict", INQ_CONFIG_TYPE_SWITCH, FIELD(strict), "no", 0, 0,
	 "Whether a filtered dump (r) whose stacks cannot be walked to the same frames as before is thrown away.\n"
	 "Without it the dump says which threads differ."},
	{"spool", INQ_CONFIG_TYPE_PATH, FIELD(spool), INQ_SPOOLDIR, 0, 0,
	 "Where dumps are kept. Every level must belong to root and not be writable by anyone else."},
	{"max-count", INQ_CONFIG_TYPE_NUMBER, FIELD(max_count), "100", 0, 100000,
	 "How many dumps one user may have; the user's oldest goes first. 0 keeps none."},
	{"max-bytes", INQ_CONFIG_TYPE_SIZE, FIELD(max_bytes), "1G", 0, 1024 * TIB,
	 "How many bytes the dumps of one user may take."},
	{"max-dump", INQ_CONFIG_TYPE_SIZE, FIELD(max_dump), "256M", 64 * KIB, 1024 * TIB,
	 "How many bytes one dump may take; a larger one is replaced by a minimal one."},
	{"keep-free", INQ_CONFIG_TYPE_SIZE, FIELD(keep_free), "1G", 0, 1024 * TIB,
	 "Space that dumps leave free on the file system: this much, or the share of it below, whichever is less."},
	{"keep-free-percent", INQ_CONFIG_TYPE_NUMBER, FIELD(keep_free_percent), "5", 0, 100,
	 "The share, in percent."},
	{"hold-deadline", INQ_CONFIG_TYPE_NUMBER, FIELD(hold_deadline), "5", 1, 300,
	 "Seconds after which a dying process is let go, whatever was read of it."},
	{"write-deadline", INQ_CONFIG_TYPE_NUMBER, FIELD(write_deadline), "60", 1, 3600,
	 "Seconds after which a dump that is not written yet is replaced by a minimal one."},
	{"worker-uid", INQ_CONFIG_TYPE_NUMBER, FIELD(worker_uid), "65534", 1, UINT32_MAX - 1,
	 "User and group as which the confined worker reads what the process left. Never root; best ones that own\n"
	 "no file and run nothing else."},
	{"worker-gid", INQ_CONFIG_TYPE_NUMBER, FIELD(worker_gid), "65534", 1, UINT32_MAX - 1, NULL},
	{"pipe-limit", INQ_CONFIG_TYPE_NUMBER, FIELD(pipe_limit), "64", 1, 100000,
	 "How many processes may be dumped at the same time; the kernel drops the dumps of others and says so in its\n"
	 "log. Takes effect at the next inquest-register enable."},
	{"honour-core-limit", INQ_CONFIG_TYPE_SWITCH, FIELD(honour_core_limit), "no", 0, 0,
	 "Whether ulimit -c 0, which most systems set for everyone, also means no dump. A minidump is no core file."},
};

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

const struct inq_config_key *inq_config_keys(size_t *ret_count)
{
	*ret_count = KEY_COUNT;
	return keys;
}

/* --- one value ------------------------------------------------------------------------------------ */

struct text {
	const char *at;
	size_t size;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct text trim(const char *at, size_t size)
{
	while (size && is_blank(*at)) {
		at++;
		size--;
	}
	while (size && is_blank(at[size - 1]))
		size--;
	return (struct text){at, size};
}

static bool equals(struct text text, const char *word)
{
	return text.size == strlen(word) && !memcmp(text.at, word, text.size);
}

/* Decimal digits, then at most one unit. */
static bool parse_number(struct text text, const char *units, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < text.size && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value))
			return false;
	}
	if (!i)
		return false;
	if (i + 1 == text.size && text.at[i]) {
		const char *unit = strchr(units, text.at[i]);
		unsigned shift;

		if (!unit)
			return false;
		shift = 10 * (unsigned)(unit - units + 1);
		if (value > UINT64_MAX >> shift)
			return false;
		value <<= shift;
		i++;
	}
	*ret = value;
	return i == text.size;
}

static bool parse_letters(struct text text, char to[INQ_CONFIG_LETTERS])
{
	if (text.size >= INQ_CONFIG_LETTERS)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	memcpy(to, text.at, text.size);
	to[text.size] = '\0';
	return true;
}

/* Absolute, no empty component but a last one, no "." and "..", and nothing that a terminal would act upon. */
static bool parse_path(struct text text, char to[INQ_CONFIG_PATH])
{
	size_t start = 1;

	if (text.size < 2 || text.size >= INQ_CONFIG_PATH || text.at[0] != '/')
		return false;
	for (size_t i = 1; i <= text.size; i++) {
		size_t length = i - start;

		if (i < text.size && (text.at[i] < ' ' || text.at[i] == 0x7f))
			return false;
		if (i < text.size && text.at[i] != '/')
			continue;
		if (!length || (length == 1 && text.at[start] == '.') ||
		    (length == 2 && text.at[start] == '.' && text.at[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	memcpy(to, text.at, text.size);
	to[text.size] = '\0';
	return true;
}

static bool set_value(const struct inq_config_key *key, struct text value, struct inq_config *config)
{
	void *field = (char *)config + key->offset;
	uint64_t number;

	switch (key->type) {
	case INQ_CONFIG_TYPE_LETTERS:
		return parse_letters(value, field);
	case INQ_CONFIG_TYPE_PATH:
		return parse_path(value, field);
	case INQ_CONFIG_TYPE_SWITCH:
		*(bool *)field = equals(value, "yes");
		return *(bool *)field || equals(value, "no");
	case INQ_CONFIG_TYPE_NUMBER:
	case INQ_CONFIG_TYPE_SIZE:
		if (!parse_number(value, key->type == INQ_CONFIG_TYPE_SIZE ? "KMGT" : "", &number) ||
		    number < key->min || number > key->max)
			return false;
		*(uint64_t *)field = number;
		return true;
	}
	return false;
}

/* The words for a value that was refused. */
static const char *expected(const struct inq_config_key *key, char to[96])
{
	switch (key->type) {
	case INQ_CONFIG_TYPE_LETTERS:
		return "letters wanted";
	case INQ_CONFIG_TYPE_PATH:
		return "an absolute path without '.' and '..' wanted";
	case INQ_CONFIG_TYPE_SWITCH:
		return "yes or no wanted";
	case INQ_CONFIG_TYPE_NUMBER:
	case INQ_CONFIG_TYPE_SIZE:
		snprintf(to, 96, "a %s from %llu to %llu wanted",
			 key->type == INQ_CONFIG_TYPE_SIZE ? "size (K, M, G, T)" : "number",
			 (unsigned long long)key->min, (unsigned long long)key->max);
	}
	return to;
}

static const struct inq_config_key *find_key(struct text name)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (equals(name, keys[i].name))
			return &keys[i];
	}
	return NULL;
}

void inq_config_defaults(struct inq_config *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < KEY_COUNT; i++)
		set_value(&keys[i], (struct text){keys[i].standard, strlen(keys[i].standard)}, ret);
}

/* --- the file ------------------------------------------------------------------------------------- */

/* The key and the value of a line, without comment and blanks; false for a line that says nothing. */
static bool split(const char *line, size_t size, struct text *ret_key, struct text *ret_value, bool *ret_assigns)
{
	const char *comment = memchr(line, '#', size);
	const char *equal;

	if (comment)
		size = (size_t)(comment - line);
	equal = memchr(line, '=', size);
	*ret_assigns = equal != NULL;
	if (!equal) {
		*ret_key = trim(line, size);
		return ret_key->size != 0;
	}
	*ret_key = trim(line, (size_t)(equal - line));
	*ret_value = trim(equal + 1, size - (size_t)(equal - line) - 1);
	return true;
}

/* Enough of a hostile word for a message: printable ASCII only. */
static const char *shown(struct text text, char to[33])
{
	size_t size = text.size < 32 ? text.size : 32;

	for (size_t i = 0; i < size; i++)
		to[i] = text.at[i] > ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	to[size] = '\0';
	return to;
}

static enum inq_status parse_line(const char *line, size_t size, struct inq_config *config, struct inq_error *err)
{
	struct text name = {0}, value = {0};
	const struct inq_config_key *key;
	struct inq_config changed = *config;
	char word[33], wanted[96];
	bool assigns;

	if (!split(line, size, &name, &value, &assigns))
		return INQ_OK;
	if (!assigns)
		return inq_fail(err, INQ_BAD_DATA, "'%s': no '='", shown(name, word));
	key = find_key(name);
	if (!key)
		return inq_fail(err, INQ_BAD_DATA, "'%s' is not a key", shown(name, word));
	if (!set_value(key, value, &changed))
		return inq_fail(err, INQ_BAD_DATA, "%s = '%s': %s", key->name, shown(value, word),
				expected(key, wanted));
	*config = changed;
	return INQ_OK;
}

/* A policy that cannot be known is the strictest one. */
static void make_strict(struct inq_config *config)
{
	size_t size = strlen(config->dump);

	for (const char *letter = "rR"; *letter; letter++) {
		if (strchr(config->dump, *letter))
			continue;
		if (size + 1 >= sizeof(config->dump)) {
			memcpy(config->dump, "mrR", sizeof("mrR"));
			return;
		}
		config->dump[size++] = *letter;
		config->dump[size] = '\0';
	}
}

enum inq_status inq_config_parse(const char *text, size_t size, const char *name, struct inq_config *config,
				 struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	unsigned number = 0;
	size_t at = 0;

	while (at < size) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		enum inq_status bad;

		number++;
		bad = parse_line(text + at, length, config, status == INQ_OK ? err : NULL);
		if (bad != INQ_OK && status == INQ_OK)
			status = inq_prepend(err, bad, "'%s': line %u", name, number);
		at += length + 1;
	}
	if (status != INQ_OK)
		make_strict(config);
	return status;
}

/* What must hold before a byte of the file is believed, asked of the descriptor. */
static enum inq_status check_file(int fd, const char *path, struct inq_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return inq_fail_os(err, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': not a regular file", path);
	if (st.st_uid != 0)
		return inq_fail(err, INQ_DENIED, "'%s': belongs to user %u, not to root", path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return inq_fail(err, INQ_DENIED, "'%s': writable by others than root", path);
	if (st.st_size > INQ_CONFIG_MAX)
		return inq_fail(err, INQ_LIMIT, "'%s': %lld bytes, at most %d", path, (long long)st.st_size,
				INQ_CONFIG_MAX);
	return INQ_OK;
}

static enum inq_status read_all(int fd, const char *path, char *to, size_t capacity, size_t *ret_size,
				struct inq_error *err)
{
	size_t size = 0;

	while (size < capacity) {
		ssize_t done = read(fd, to + size, capacity - size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return inq_fail_os(err, "'%s'", path);
		if (!done)
			break;
		size += (size_t)done;
	}
	*ret_size = size;
	return INQ_OK;
}

/* INQ_ABSENT where there is no file. */
static enum inq_status read_file(const char *path, char *to, size_t *ret_size, struct inq_error *err)
{
	enum inq_status status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return inq_fail(err, INQ_ABSENT, "'%s': not there", path);
	if (fd < 0 && errno == ELOOP)
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': a symbolic link", path);
	if (fd < 0)
		return inq_fail_os(err, "'%s'", path);
	status = check_file(fd, path, err);
	if (status == INQ_OK)
		status = read_all(fd, path, to, INQ_CONFIG_MAX, ret_size, err);
	close(fd);
	return status;
}

enum inq_status inq_config_load(const char *path, struct inq_config *ret, struct inq_error *err)
{
	char text[INQ_CONFIG_MAX];
	enum inq_status status;
	size_t size = 0;

	inq_config_defaults(ret);
	status = read_file(path, text, &size, err);
	if (status == INQ_ABSENT)
		return INQ_OK;
	if (status != INQ_OK) {
		make_strict(ret);
		return status;
	}
	return inq_config_parse(text, size, path, ret, err);
}

/* --- writing it ----------------------------------------------------------------------------------- */

static void comment(struct inq_buffer *to, const char *help)
{
	inq_buffer_puts(to, "\n# ");
	for (; *help; help++) {
		inq_buffer_append(to, help, 1);
		if (*help == '\n')
			inq_buffer_puts(to, "# ");
	}
	inq_buffer_puts(to, "\n");
}

void inq_config_example(struct inq_buffer *to)
{
	inq_buffer_puts(to, "# Settings of inquest; see inquest.conf(5). This file must belong to root and be writable by\n"
			    "# no one else. Each line below shows the default, which holds until the line is changed.\n");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (keys[i].help)
			comment(to, keys[i].help);
		inq_buffer_printf(to, "#%s = %s\t# default: %s\n", keys[i].name, keys[i].standard,
				  keys[i].standard);
	}
}

/* Does this line set the key, or show its default in a comment? */
static bool line_is_of(const char *line, size_t size, const struct inq_config_key *key)
{
	struct text name = {0}, value;
	bool assigns;

	return split(line, size, &name, &value, &assigns) && assigns && equals(name, key->name);
}

static bool line_shows(const char *line, size_t size, const struct inq_config_key *key)
{
	return size && line[0] == '#' && line_is_of(line + 1, size - 1, key);
}

static void put_line(struct inq_buffer *to, const struct inq_config_key *key, const char *value)
{
	inq_buffer_printf(to, "%s = %s\t# default: %s\n", key->name, value, key->standard);
}

/* The text with the key set once: in its first line, else in the place of its commented default, else at the end. */
static void edit(const char *text, size_t size, const struct inq_config_key *key, const char *value,
		 struct inq_buffer *to)
{
	bool set = false, shown_only = true, done = false;
	size_t at, length;

	for (at = 0; at < size; at += length + 1) {
		const char *end = memchr(text + at, '\n', size - at);

		length = end ? (size_t)(end - text) - at : size - at;
		set |= line_is_of(text + at, length, key);
	}
	shown_only = !set;
	for (at = 0; at < size; at += length + 1) {
		const char *end = memchr(text + at, '\n', size - at);
		bool mine;

		length = end ? (size_t)(end - text) - at : size - at;
		mine = shown_only ? line_shows(text + at, length, key) : line_is_of(text + at, length, key);
		if (mine && !done)
			put_line(to, key, value);
		else if (!mine || shown_only) {
			inq_buffer_append(to, text + at, length);
			inq_buffer_puts(to, "\n");
		}
		done |= mine;
	}
	if (!done)
		put_line(to, key, value);
}

static enum inq_status write_text(int fd, const char *path, const struct inq_buffer *text, struct inq_error *err)
{
	size_t at = 0;

	while (at < text->size) {
		ssize_t done = write(fd, text->data + at, text->size - at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return inq_fail_os(err, "'%s'", path);
		at += (size_t)done;
	}
	if (fchmod(fd, 0644) || fsync(fd))
		return inq_fail_os(err, "'%s'", path);
	return INQ_OK;
}

static enum inq_status replace_file(const char *path, const struct inq_buffer *text, struct inq_error *err)
{
	char temporary[INQ_CONFIG_PATH + 16];
	enum inq_status status;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return inq_fail(err, INQ_LIMIT, "'%s': the path is too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return inq_fail_os(err, "'%s'", temporary);
	status = write_text(fd, path, text, err);
	close(fd);
	if (status == INQ_OK && rename(temporary, path))
		status = inq_fail_os(err, "'%s'", path);
	if (status != INQ_OK)
		unlink(temporary);
	return status;
}

enum inq_status inq_config_set(const char *path, const char *name, const char *value, struct inq_error *err)
{
	const struct inq_config_key *key = find_key((struct text){name, strlen(name)});
	struct inq_buffer edited = {0};
	struct inq_config scratch;
	char text[INQ_CONFIG_MAX], wanted[96];
	size_t size = 0;
	enum inq_status status;

	if (!key)
		return inq_fail(err, INQ_USAGE, "'%s' is not a key of '%s'", name, path);
	inq_config_defaults(&scratch);
	if (!set_value(key, (struct text){value, strlen(value)}, &scratch))
		return inq_fail(err, INQ_USAGE, "%s = '%s': %s", name, value, expected(key, wanted));
	status = read_file(path, text, &size, err);
	if (status == INQ_ABSENT) {
		inq_config_example(&edited);
		size = edited.size < sizeof(text) ? edited.size : 0;
		memcpy(text, inq_buffer_text(&edited), size);
		inq_buffer_done(&edited);
		status = INQ_OK;
	}
	if (status != INQ_OK)
		return status;
	edit(text, size, key, value, &edited);
	status = inq_buffer_ok(&edited) ? replace_file(path, &edited, err)
					: inq_fail(err, INQ_NO_MEMORY, "no memory");
	inq_buffer_done(&edited);
	return status;
}
