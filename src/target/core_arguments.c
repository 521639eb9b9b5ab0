/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the stack's outer end inwards lie: the program's name (AT_EXECFN), the strings of the environment, those of the
 * arguments, some bytes among which are AT_RANDOM's, the auxiliary vector, a NULL, pointers to the environment, a NULL,
 * pointers to the arguments, their number.
 */
#include "config.h"

#include "target/core_arguments.h"

#include "target/auxv.h"

#include <elf.h>
#include <string.h>

enum {
	NEAR_RANDOM = 4096, /* the auxiliary vector ends this close before AT_RANDOM's bytes */
	POINTERS_MAX = 1 << 20,
	BLOCK = 512,        /* words that are read at once */
};

/* Words before an address, the nearest first. */
struct words {
	struct inq_target *target;
	uint64_t at; /* of the one that was given last */
	unsigned size;
	size_t left, count; /* of `block`; how many were given */
	uint8_t block[BLOCK * 8];
};

/* false: no more can be read, or too many were. */
static bool before(struct words *words, uint64_t *ret)
{
	if (words->count == POINTERS_MAX || words->at < words->size)
		return false;
	for (size_t some = BLOCK; !words->left && some; some /= 2) {
		uint64_t bytes = (uint64_t)some * words->size;

		if (words->at >= bytes && inq_target_read_all(words->target, words->at - bytes, words->block,
							      (size_t)bytes, NULL) == INQ_OK)
			words->left = some;
	}
	if (!words->left)
		return false;
	words->left--;
	words->count++;
	words->at -= words->size;
	*ret = 0;
	memcpy(ret, words->block + words->left * words->size, words->size);
	return true;
}

/* Where the auxiliary vector lies on the stack; 0 if it is not found. */
static uint64_t find_auxv(struct inq_target *target, struct inq_note auxv, unsigned word)
{
	uint8_t near[NEAR_RANDOM];
	uint64_t random;

	if (!inq_auxv_find(auxv.data, auxv.size, word, AT_RANDOM, &random) || random < sizeof(near) ||
	    auxv.size < 4 * word ||
	    inq_target_read_all(target, random - sizeof(near), near, sizeof(near), NULL) != INQ_OK)
		return 0;
	random -= sizeof(near);
	for (size_t at = -random % word; at + 4 * word <= sizeof(near); at += word) {
		if (!memcmp(near + at, auxv.data, 4 * word))
			return random + at;
	}
	return 0;
}

/* The first and the last argument's pointer: those before the environment's, whose number stands before them. */
static bool find_pointers(struct words *words, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t value = 0, count = 0;

	/* unsetenv() leaves more than one NULL behind. */
	while (before(words, &value) && !value)
		;
	while (value && before(words, &value))
		;
	if (value || !before(words, &value))
		return false;
	for (*ret_last = *ret_first = value; value > POINTERS_MAX; count++) {
		*ret_first = value;
		if (!before(words, &value))
			return false;
	}
	return count && value == count;
}

static enum inq_status take(struct inq_target *target, uint64_t start, uint64_t end, struct inq_buffer *to,
			    struct inq_error *err)
{
	uint64_t size = end - start;

	if (end < start || size > INQ_CORE_ARGUMENTS_MAX)
		return inq_fail(err, INQ_ABSENT, "the strings are not where they must be");
	if (!size)
		return INQ_OK;
	if (!inq_buffer_extend(to, (size_t)size))
		return inq_fail(err, INQ_NO_MEMORY, "arguments: no memory");
	return inq_target_read_all(target, start, to->data, (size_t)size, NULL) == INQ_OK
		       ? INQ_OK
		       : inq_fail(err, INQ_ABSENT, "the strings are not in the core");
}

/* Behind the NUL of the string at the address; 0 if it has none. */
static uint64_t end_of(struct inq_target *target, uint64_t address, uint64_t limit)
{
	char bytes[256];

	while (address < limit) {
		size_t size = limit - address < sizeof(bytes) ? (size_t)(limit - address) : sizeof(bytes);
		const char *nul;

		if (inq_target_read_all(target, address, bytes, size, NULL) != INQ_OK)
			return 0;
		nul = memchr(bytes, 0, size);
		if (nul)
			return address + (uint64_t)(nul - bytes) + 1;
		address += size;
	}
	return 0;
}

enum inq_status inq_core_arguments_find(struct inq_target *target, struct inq_note auxv, unsigned word,
					struct inq_buffer *ret_arguments, struct inq_buffer *ret_environment,
					struct inq_error *err)
{
	struct words words = {.target = target, .size = word};
	uint64_t first, last, name, end;
	enum inq_status status;

	words.at = find_auxv(target, auxv, word);
	if (!words.at || !inq_auxv_find(auxv.data, auxv.size, word, AT_EXECFN, &name) ||
	    !find_pointers(&words, &first, &last) || first > last || last >= name)
		return inq_fail(err, INQ_ABSENT, "the arguments are not in the core");
	end = end_of(target, last, name);
	if (!end)
		return inq_fail(err, INQ_ABSENT, "the last argument has no end");
	status = take(target, first, end, ret_arguments, err);
	return status == INQ_OK ? take(target, end, name, ret_environment, err) : status;
}
