/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/options.h"

#include "target/proc_files.h"

#include <string.h>

enum {
	EVERYTHING = INQ_DUMP_f | INQ_DUMP_F | INQ_DUMP_h | INQ_DUMP_u | INQ_DUMP_t,
	UNFILTERED = INQ_DUMP_a | INQ_DUMP_A | INQ_DUMP_f | INQ_DUMP_w | INQ_DUMP_d | INQ_DUMP_i |
		     INQ_DUMP_k | INQ_DUMP_p | INQ_DUMP_c,
	PRIVACY = INQ_DUMP_r | INQ_DUMP_R,
};

static const char twice[] = "one stops at memory that cannot be read, the other goes on";
static const char leaks[] = "it brings memory that 'r' cannot filter";

/*
 * letter   what is asked for
 * bit      its place in inq_dump_options.letters
 * implies  letters that it stands for
 * conflicts, why  letters that make no sense beside it; one row of a pair is enough
 * built    this version writes it
 * help     one line, for --help, completion and refusals
 */
static const struct inq_dump_option table[] = {
	{'a', INQ_DUMP_a, EVERYTHING, INQ_DUMP_A, twice, true,
	 "everything (fFhut); unreadable memory is an error"},
	{'A', INQ_DUMP_A, EVERYTHING, 0, NULL, true, "everything, as far as it can be read"},
	{'c', INQ_DUMP_c, 0, 0, NULL, true, "code sections of modules"},
	{'d', INQ_DUMP_d, 0, 0, NULL, true, "data sections of modules"},
	{'f', INQ_DUMP_f, 0, 0, NULL, true, "full memory"},
	{'F', INQ_DUMP_F, 0, 0, NULL, true, "the whole address space described"},
	{'h', INQ_DUMP_h, 0, 0, NULL, true, "file descriptors"},
	{'i', INQ_DUMP_i, 0, 0, NULL, true, "memory that stacks and registers point at"},
	{'k', INQ_DUMP_k, 0, 0, NULL, true, "a second dump, of the kernel's side of the threads"},
	{'p', INQ_DUMP_p, 0, 0, NULL, true, "process and thread blocks"},
	{'r', INQ_DUMP_r, 0, UNFILTERED, leaks, true, "filter stack and store memory"},
	{'R', INQ_DUMP_R, 0, 0, NULL, true, "filter folders out of names of files"},
	{'t', INQ_DUMP_t, 0, 0, NULL, true, "times of threads"},
	{'u', INQ_DUMP_u, 0, 0, NULL, true, "unloaded modules"},
	{'w', INQ_DUMP_w, 0, 0, NULL, true, "private pages that can be written"},
	{'y', INQ_DUMP_y, 0, 0, NULL, true, "AVX registers"},
};

enum { COUNT = sizeof(table) / sizeof(table[0]) };
_Static_assert(COUNT + 2 <= INQ_DUMP_TEXT, "'m', every letter once and a NUL fit");

const struct inq_dump_option *inq_dump_options_table(size_t *ret_count)
{
	*ret_count = COUNT;
	return table;
}

static const struct inq_dump_option *find(char letter)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (table[i].letter == letter)
			return &table[i];
	}
	return NULL;
}

static enum inq_status refuse_letter(char letter, struct inq_error *err)
{
	char known[COUNT * 2 + 1];

	for (size_t i = 0; i < COUNT; i++) {
		known[i * 2] = table[i].letter;
		known[i * 2 + 1] = ' ';
	}
	known[sizeof(known) - 2] = '\0';
	if (letter > ' ' && letter < 0x7f)
		return inq_fail(err, INQ_USAGE,
				"'%c' is no letter of a dump; after m come any of %s", letter,
				known);
	return inq_fail(err, INQ_USAGE, "'\\x%02x' is no letter of a dump; after m come any of %s",
			(unsigned char)letter, known);
}

static enum inq_status check(uint32_t letters, struct inq_error *err)
{
	for (size_t i = 0; i < COUNT; i++) {
		const struct inq_dump_option *row = &table[i];

		if (!(letters & row->bit))
			continue;
		for (size_t j = 0; j < COUNT; j++) {
			if (row->conflicts & letters & table[j].bit)
				return inq_fail(err, INQ_USAGE,
						"'%c' and '%c' contradict each other: %s",
						row->letter, table[j].letter, row->why);
		}
	}
	for (size_t i = 0; i < COUNT; i++) {
		if (letters & table[i].bit && !table[i].built)
			return inq_fail(err, INQ_UNSUPPORTED,
					"'%c' (%s) is not in this version, and a dump without it "
					"would not be what was asked for; leave the letter out",
					table[i].letter, table[i].help);
	}
	return INQ_OK;
}

static void spell(uint32_t letters, const char *before, char ret[INQ_DUMP_TEXT])
{
	size_t at = 0;

	while (*before)
		ret[at++] = *before++;
	for (size_t i = 0; i < COUNT; i++) {
		if (letters & table[i].bit)
			ret[at++] = table[i].letter;
	}
	ret[at] = '\0';
}

static uint32_t with_implied(uint32_t letters)
{
	uint32_t all = letters;

	for (size_t i = 0; i < COUNT; i++) {
		if (letters & table[i].bit)
			all |= table[i].implies;
	}
	return all;
}

static enum inq_status read_letters(const char *text, uint32_t *ret, struct inq_error *err)
{
	uint32_t letters = 0;

	text = text ? text : "";
	if (text[0] == '/')
		text++;
	if (text[0] && text[0] != 'm')
		return inq_fail(err, INQ_USAGE,
				"what a dump contains begins with 'm', as in 'm' or 'mF'");
	for (text += text[0] == 'm'; *text; text++) {
		const struct inq_dump_option *row = find(*text);

		if (!row)
			return refuse_letter(*text, err);
		letters |= row->bit;
	}
	*ret = letters;
	return INQ_OK;
}

/* The text is as asked for, before the letters that others stand for. */
static enum inq_status take(uint32_t letters, struct inq_dump_options *ret, struct inq_error *err)
{
	struct inq_dump_options options = {.letters = with_implied(letters)};
	enum inq_status status = check(letters, err);

	if (status != INQ_OK)
		return status;
	spell(letters, "m", options.text);
	*ret = options;
	return INQ_OK;
}

enum inq_status inq_dump_options_parse(const char *text, struct inq_dump_options *ret,
				       struct inq_error *err)
{
	uint32_t letters = 0;
	enum inq_status status = read_letters(text, &letters, err);

	return status == INQ_OK ? take(letters, ret, err) : status;
}

enum inq_status inq_dump_options_settle(const char *text, struct inq_dump_options *ret,
					char ret_dropped[INQ_DUMP_TEXT], struct inq_error *err)
{
	uint32_t letters = 0, conflicts = 0;
	enum inq_status status = read_letters(text, &letters, err);

	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < COUNT; i++) {
		if (letters & table[i].bit & PRIVACY)
			conflicts |= table[i].conflicts;
	}
	/* 'a' goes, and what it stands for beside memory stays; who contradicts himself gets both filters. */
	status = take(letters & conflicts ? (with_implied(letters) & ~conflicts) | PRIVACY : letters, ret, err);
	if (status == INQ_OK)
		spell(letters & conflicts, "", ret_dropped);
	return status;
}

uint32_t inq_dump_options_wants(const struct inq_dump_options *options)
{
	/* letters, enum inq_proc_want */
	static const struct {
		uint32_t letters, wants;
	} rows[] = {
		{INQ_DUMP_h, INQ_PROC_HANDLES},
		{INQ_DUMP_t, INQ_PROC_THREADS},
		{INQ_DUMP_h | INQ_DUMP_p, INQ_PROC_TOKEN},
		{INQ_DUMP_F, INQ_PROC_COUNTERS},
		{INQ_DUMP_k, INQ_PROC_KERNEL},
		{INQ_DUMP_y, INQ_PROC_XSTATE},
		{INQ_DUMP_f | INQ_DUMP_w | INQ_DUMP_d | INQ_DUMP_i | INQ_DUMP_p, INQ_PROC_FLAGS},
	};
	uint32_t wants = 0;

	for (size_t i = 0; options && i < sizeof(rows) / sizeof(rows[0]); i++)
		wants |= options->letters & rows[i].letters ? rows[i].wants : 0;
	return wants;
}

struct inq_veil_policy inq_dump_options_policy(const struct inq_dump_options *options)
{
	uint32_t letters = options ? options->letters : 0;

	return (struct inq_veil_policy){
		.stack = letters & INQ_DUMP_r ? INQ_VEIL_STACK_FRAMES_ONLY : INQ_VEIL_STACK_WHOLE,
		.names = letters & INQ_DUMP_R ? INQ_VEIL_NAMES_BARE : INQ_VEIL_NAMES_FULL,
	};
}
