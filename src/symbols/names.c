/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "symbols/names.h"

#include "symbols/symbols.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *text, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

void inq_names_done(struct inq_names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->capacity; i++)
		free(names->slots[i]);
	free(names->slots);
	memset(names, 0, sizeof(*names));
}

static char **place_of(char **slots, size_t capacity, const char *text, size_t size)
{
	size_t at = hash_of(text, size) & (capacity - 1);

	while (slots[at] && (strncmp(slots[at], text, size) != 0 || slots[at][size] != '\0'))
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static int grow(struct inq_names *names)
{
	size_t capacity = names->capacity ? names->capacity * 2 : 64;
	char **slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return -1;
	for (size_t i = 0; i < names->capacity; i++) {
		if (names->slots[i])
			*place_of(slots, capacity, names->slots[i], strlen(names->slots[i])) = names->slots[i];
	}
	free(names->slots);
	names->slots = slots;
	names->capacity = capacity;
	return 0;
}

const char *inq_names_keep(struct inq_names *names, const char *text, size_t size)
{
	char **place;

	size = strnlen(text, size);
	if (names->count * 2 >= names->capacity && grow(names) < 0)
		return NULL;
	place = place_of(names->slots, names->capacity, text, size);
	if (*place)
		return *place;
	*place = strndup(text, size);
	if (*place)
		names->count++;
	return *place;
}

const char *inq_names_demangled(struct inq_names *names, const char *linkage)
{
	char *plain = inq_demangle(linkage, false);
	const char *kept;

	if (!plain)
		return inq_names_keep(names, linkage, strlen(linkage));
	kept = inq_names_keep(names, plain, strlen(plain));
	free(plain);
	return kept;
}

/* --- demangling ----------------------------------------------------------------------------------- */

/* A name of a few hundred bytes that refers to itself again and again unfolds into more text than there is
 * memory, and libiberty has no limit for that. Its callback form keeps nothing on the heap, so that we may
 * leave it by a long jump when it has said enough. Its depth is limited to 2048 unless told otherwise. */
struct output {
	char *text;
	size_t size, capacity;
	jmp_buf enough;
};

static void receive(const char *text, size_t size, void *user)
{
	struct output *output = user;

	if (size > INQ_DEMANGLE_MAX_OUT - output->size)
		longjmp(output->enough, 1);
	if (output->size + size + 1 > output->capacity) {
		size_t capacity = (output->size + size + 1) * 2;
		char *more = realloc(output->text, capacity);

		if (!more)
			longjmp(output->enough, 1);
		output->text = more;
		output->capacity = capacity;
	}
	memcpy(output->text + output->size, text, size);
	output->size += size;
	output->text[output->size] = '\0';
}

/* Rust's legacy names are C++ names whose last part is "h" and 16 digits; the C++ demangler would show it. */
static int is_legacy_rust(const char *linkage, size_t length)
{
	return length > 20 && linkage[length - 1] == 'E' && strncmp(linkage + length - 20, "17h", 3) == 0 &&
	       strspn(linkage + length - 17, "0123456789abcdef") == 16;
}

static int demangle(const char *linkage, size_t length, int options, struct output *output)
{
	if (setjmp(output->enough))
		return 0;
	if ((strncmp(linkage, "_R", 2) == 0 || is_legacy_rust(linkage, length)) &&
	    rust_demangle_callback(linkage, options, receive, output))
		return 1;
	output->size = 0;
	return strncmp(linkage, "_Z", 2) == 0 &&
	       cplus_demangle_v3_callback(linkage, options, receive, output);
}

char *inq_demangle(const char *linkage, bool parameters)
{
	int options = DMGL_ANSI | (parameters ? DMGL_PARAMS : 0);
	size_t length = strnlen(linkage, INQ_DEMANGLE_MAX_IN + 1);
	struct output output = {0};

	if (length > INQ_DEMANGLE_MAX_IN || linkage[0] != '_')
		return NULL;
	if (demangle(linkage, length, options, &output) && output.size)
		return output.text;
	free(output.text);
	return NULL;
}
