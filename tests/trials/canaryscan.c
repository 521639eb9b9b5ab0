/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of secretful's secrets are in a file: four bytes of one in a row, as they are, reversed, as UTF-16, as UTF-8,
 * or in hexadecimal; of some all eight bytes (see tests/crashers/secretful.h for the list's form).
 *
 * usage: canaryscan LIST FILE [CONTROL...]
 *
 * What betrays nothing is told apart in two ways. A window that is also in a CONTROL, a file made while there were
 * other secrets, is not counted. And beside each list of secrets DECOYS lists of decoys are looked for: the same kinds
 * and sizes, made here, and never in any process. What is found of them is found by chance.
 *
 * A line for the first place of each: "found SECRET LENGTH OFFSET FORM", SECRET counted from 0, LENGTH the bytes in a row. The last
 * line: "windows N decoys LISTS by length FOUR FIVE MORE", how often decoys were found, all lists together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DECOYS = 8,
	LONGEST = 128,        /* bytes of a secret */
	FORM = 4 * LONGEST,   /* bytes of a form of it */
	SIEVE_BITS = 1 << 22,
	FORMS = 6,
};

static const char *const form_names[FORMS] = {"as it is", "reversed", "UTF-16", "UTF-8", "hexadecimal", "a number"};

struct form {
	uint8_t *bytes;
	unsigned size, width; /* bytes that betray it */
	unsigned set, secret, kind; /* set 0: the secrets */
};

struct window {
	uint64_t bytes;
	uint32_t form, at; /* form UINT32_MAX: free */
	uint8_t width;
	bool chance, seen;
};

struct run {
	uint32_t form;
	uint64_t start; /* where the form's first byte would be */
	uint64_t at;    /* where the match begins */
	unsigned length;
};

struct scan {
	struct form *forms;
	size_t form_count, form_room;
	struct window *table;
	size_t window_count, table_size; /* a power of two */
	uint8_t sieve[2][SIEVE_BITS / 8];
	struct run *runs;
	size_t run_count, run_room;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "canaryscan: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *grow(void *array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 256;
	array = realloc(array, *room * size);
	if (!array)
		die("memory");
	return array;
}

/* --- forms -------------------------------------------------------------------------------------------------- */

static void add_form(struct scan *scan, unsigned set, unsigned secret, unsigned kind, const uint8_t *bytes, size_t size,
		     unsigned width)
{
	struct form *form;

	if (size < width)
		return;
	scan->forms = grow(scan->forms, &scan->form_room, scan->form_count, sizeof(*scan->forms));
	form = &scan->forms[scan->form_count++];
	*form = (struct form){malloc(size), (unsigned)size, width, set, secret, kind};
	if (!form->bytes)
		die("memory");
	memcpy(form->bytes, bytes, size);
}

static size_t to_hex(const uint8_t *from, size_t size, uint8_t *to)
{
	for (size_t i = 0; i < size; i++) {
		to[2 * i] = (uint8_t)"0123456789abcdef"[from[i] >> 4];
		to[2 * i + 1] = (uint8_t)"0123456789abcdef"[from[i] & 15];
	}
	return 2 * size;
}

/* All units are between 0x800 and 0xffff. */
static size_t to_utf8(const uint8_t *from, size_t size, uint8_t *to)
{
	size_t done = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		unsigned unit = from[i] | (unsigned)from[i + 1] << 8;

		to[done++] = (uint8_t)(0xe0 | unit >> 12);
		to[done++] = (uint8_t)(0x80 | (unit >> 6 & 63));
		to[done++] = (uint8_t)(0x80 | (unit & 63));
	}
	return done;
}

static void add_secret(struct scan *scan, unsigned set, unsigned secret, const char *kind, const uint8_t *bytes,
		       size_t size)
{
	uint8_t reversed[LONGEST], other[FORM];

	if (!strcmp(kind, "here"))
		return;
	if (!strcmp(kind, "word")) {
		add_form(scan, set, secret, 0, bytes, size, 8);
		return;
	}
	for (size_t i = 0; i < size; i++)
		reversed[i] = bytes[size - 1 - i];
	add_form(scan, set, secret, 0, bytes, size, 4);
	if (!strcmp(kind, "wide")) {
		add_form(scan, set, secret, 3, other, to_utf8(bytes, size, other), 4);
		return;
	}
	add_form(scan, set, secret, 1, reversed, size, 4);
	for (size_t i = 0; i < size; i++) {
		other[2 * i] = bytes[i];
		other[2 * i + 1] = 0;
	}
	add_form(scan, set, secret, 2, other, 2 * size, 8);
	if (strcmp(kind, "bytes"))
		return;
	add_form(scan, set, secret, 4, other, to_hex(bytes, size, other), 8);
	add_form(scan, set, secret, 5, other, to_hex(reversed, size, other), 8);
}

/* As secretful makes them. */
static void make_decoy(const char *kind, uint8_t *to, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (getrandom(to, size, 0) != (ssize_t)size)
		die("random bytes");
	for (size_t i = 0; i < size; i++) {
		if (!strcmp(kind, "text"))
			to[i] = (uint8_t)letters[to[i] % 64];
		else if (!strcmp(kind, "bytes"))
			to[i] = (uint8_t)(to[i] % 255 + 1);
	}
	for (size_t i = 0; !strcmp(kind, "wide") && i + 1 < size; i += 2) {
		unsigned unit = 0x4e00 + (to[i] | (unsigned)to[i + 1] << 8) % 20000;

		to[i] = (uint8_t)unit;
		to[i + 1] = (uint8_t)(unit >> 8);
	}
}

static void add_line(struct scan *scan, unsigned secret, const char *kind, const char *hex)
{
	uint8_t bytes[LONGEST], decoy[LONGEST];
	size_t size = strlen(hex) / 2;

	if (size > LONGEST) {
		errno = EINVAL;
		die("a secret of the list is too long");
	}
	for (size_t i = 0; i < size; i++)
		sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
	add_secret(scan, 0, secret, kind, bytes, size);
	/* Words are made of addresses; there is no like of them by chance. */
	for (unsigned set = 1; set <= DECOYS && strcmp(kind, "word"); set++) {
		make_decoy(kind, decoy, size);
		add_secret(scan, set, secret, kind, decoy, size);
	}
}

static void read_list(struct scan *scan, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, kind[16], hex[2 * LONGEST + 1];
	unsigned secret = 0;
	size_t room = 0;

	if (!file)
		die(path);
	while (getline(&line, &room, file) > 0) {
		if (line[0] != '#' && sscanf(line, "%15s %256s", kind, hex) == 2)
			add_line(scan, secret++, kind, hex);
	}
	free(line);
	fclose(file);
}

/* --- windows ------------------------------------------------------------------------------------------------ */

static uint64_t load(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	memcpy(&value, bytes, width);
	return value;
}

static uint64_t hash(uint64_t value, unsigned width)
{
	return (value ^ width) * 0x9e3779b97f4a7c15u >> 20;
}

static void make_table(struct scan *scan)
{
	size_t wanted = 0;

	for (size_t i = 0; i < scan->form_count; i++)
		wanted += scan->forms[i].size - scan->forms[i].width + 1;
	for (scan->table_size = 1024; scan->table_size < 2 * wanted;)
		scan->table_size *= 2;
	scan->table = malloc(scan->table_size * sizeof(*scan->table));
	if (!scan->table)
		die("memory");
	memset(scan->table, 0xff, scan->table_size * sizeof(*scan->table));
	for (uint32_t i = 0; i < scan->form_count; i++) {
		const struct form *form = &scan->forms[i];

		for (uint32_t at = 0; at + form->width <= form->size; at++) {
			uint64_t value = load(form->bytes + at, form->width), key = hash(value, form->width);
			size_t place = key & (scan->table_size - 1);

			while (scan->table[place].form != UINT32_MAX)
				place = (place + 1) & (scan->table_size - 1);
			scan->table[place] = (struct window){value, i, at, (uint8_t)form->width, false, false};
			key &= SIEVE_BITS - 1;
			scan->sieve[form->width == 8][key / 8] |= (uint8_t)(1u << key % 8);
			scan->window_count += !form->set;
		}
	}
}

typedef void (*on_hit)(struct scan *scan, struct window *window, const uint8_t *data, uint64_t size, uint64_t at);

static void look_up(struct scan *scan, const uint8_t *data, uint64_t size, uint64_t at, unsigned width, on_hit hit)
{
	uint64_t value = load(data + at, width), key = hash(value, width), bit = key & (SIEVE_BITS - 1);

	if (!(scan->sieve[width == 8][bit / 8] >> bit % 8 & 1))
		return;
	for (size_t place = key & (scan->table_size - 1); scan->table[place].form != UINT32_MAX;
	     place = (place + 1) & (scan->table_size - 1)) {
		if (scan->table[place].bytes == value && scan->table[place].width == width)
			hit(scan, &scan->table[place], data, size, at);
	}
}

static void search(struct scan *scan, const uint8_t *data, uint64_t size, on_hit hit)
{
	for (uint64_t at = 0; at + 4 <= size; at++) {
		/* Most of a disk, and of a filtered dump. */
		while (at + 16 <= size && !load(data + at, 8) && !load(data + at + 8, 8))
			at += 8;
		look_up(scan, data, size, at, 4, hit);
		if (at + 8 <= size)
			look_up(scan, data, size, at, 8, hit);
	}
}

static void mark_chance(struct scan *scan, struct window *window, const uint8_t *data, uint64_t size, uint64_t at)
{
	(void)scan;
	(void)data;
	(void)size;
	(void)at;
	window->chance = true;
}

/* The bytes in a row around a window, each row and each window once: disks hold copies of what they hold. */
static void record(struct scan *scan, struct window *window, const uint8_t *data, uint64_t size, uint64_t at)
{
	const struct form *form = &scan->forms[window->form];
	uint64_t start = at - window->at; /* wraps where the form would begin before the file */
	unsigned low = window->at, high = window->at + window->width;
	struct run *run;

	if (window->chance || window->seen)
		return;
	window->seen = true;
	for (size_t i = scan->run_count; i-- && scan->run_count - i < 64;) {
		run = &scan->runs[i];
		if (run->form == window->form && run->start == start && at < run->at + run->length)
			return;
	}
	while (low && start + low && data[start + low - 1] == form->bytes[low - 1])
		low--;
	while (high < form->size && start + high < size && data[start + high] == form->bytes[high])
		high++;
	scan->runs = grow(scan->runs, &scan->run_room, scan->run_count, sizeof(*scan->runs));
	scan->runs[scan->run_count++] = (struct run){window->form, start, start + low, high - low};
}

static void search_file(struct scan *scan, const char *path, on_hit hit)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	if (st.st_size) {
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			die(path);
		search(scan, data, (uint64_t)st.st_size, hit);
		munmap(data, (size_t)st.st_size);
	}
	close(fd);
}

/* --- what is said ------------------------------------------------------------------------------------------- */

static int tell(const struct scan *scan)
{
	unsigned decoys[3] = {0};
	bool found = false;

	for (size_t i = 0; i < scan->run_count; i++) {
		const struct run *run = &scan->runs[i];
		const struct form *form = &scan->forms[run->form];
		/* In bytes of the secret. */
		unsigned length = form->width == 8 && form->kind ? run->length / 2 : run->length;

		if (form->set) {
			decoys[length <= 4 ? 0 : length == 5 ? 1 : 2]++;
			continue;
		}
		found = true;
		printf("found %u %u %" PRIu64 " %s\n", form->secret, length, run->at, form_names[form->kind]);
	}
	printf("windows %zu decoys %d by length %u %u %u\n", scan->window_count, DECOYS, decoys[0], decoys[1], decoys[2]);
	return found;
}

int main(int argc, char *argv[])
{
	static struct scan scan;

	if (argc < 3) {
		fprintf(stderr, "usage: canaryscan LIST FILE [CONTROL...]\n");
		return 2;
	}
	read_list(&scan, argv[1]);
	make_table(&scan);
	for (int i = 3; i < argc; i++)
		search_file(&scan, argv[i], mark_chance);
	search_file(&scan, argv[2], record);
	return tell(&scan);
}
