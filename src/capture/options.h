/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What a dump contains: the letters of `.dump /m`, read from one table.
 *
 * The same parser serves `.dump /mrR`, `--dump=mrR`, `dump = mrR` in the configuration and
 * INQUEST=mrR. Letters are case-sensitive, in any order, repeated ones count once. Rows of the
 * table that this version cannot write yet are refused in words, never ignored: a dump has what was
 * asked for, or there is none.
 */
#ifndef INQ_CAPTURE_OPTIONS_H
#define INQ_CAPTURE_OPTIONS_H

#include "privacy/veil.h"
#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit for each letter. */
enum inq_dump_letter {
	INQ_DUMP_a = 1 << 0,
	INQ_DUMP_c = 1 << 1,
	INQ_DUMP_d = 1 << 2,
	INQ_DUMP_f = 1 << 3,
	INQ_DUMP_h = 1 << 4,
	INQ_DUMP_i = 1 << 5,
	INQ_DUMP_k = 1 << 6,
	INQ_DUMP_p = 1 << 7,
	INQ_DUMP_r = 1 << 8,
	INQ_DUMP_t = 1 << 9,
	INQ_DUMP_u = 1 << 10,
	INQ_DUMP_w = 1 << 11,
	INQ_DUMP_y = 1 << 12,
	INQ_DUMP_A = 1 << 13,
	INQ_DUMP_F = 1 << 14,
	INQ_DUMP_R = 1 << 15,
};

/* Which of two files: with a second one, the kernel's side is in that and nowhere else. Or what an ELF core carries
 * along, since no other note of it could say that. */
enum inq_dump_part {
	INQ_DUMP_WHOLE = 0,
	INQ_DUMP_BUT_KERNEL,
	INQ_DUMP_KERNEL_ALONE, /* the threads, without memory, and the kernel's side of them */
	INQ_DUMP_FACTS,        /* all but memory and the exception */
};

enum { INQ_DUMP_TEXT = 24 };

/* Zeroed, this is plain `m` without a stated text. */
struct inq_dump_options {
	uint32_t letters; /* enum inq_dump_letter; a and A are kept beside what they stand for */
	char text[INQ_DUMP_TEXT]; /* canonical: "m", "mhr", letters in the order of the table */
	enum inq_dump_part part;
};

struct inq_dump_option {
	char letter;
	uint32_t bit;       /* enum inq_dump_letter */
	uint32_t implies;   /* letters that it stands for */
	uint32_t conflicts; /* letters that cannot be asked for with it */
	const char *why;    /* why they conflict; NULL without conflicts */
	bool built;         /* this version writes it */
	const char *help;   /* one line */
};

/* The table, for help and completion. */
const struct inq_dump_option *inq_dump_options_table(size_t *ret_count);

/**
 * Read a combination of letters.
 *
 * @text  "m" and letters ("m", "mrR"), an optional '/' before it; "" and NULL mean "m"
 * @ret   untouched on failure
 *
 * INQ_USAGE: no such letter (it is named, with those that exist), or letters that contradict each
 * other. INQ_UNSUPPORTED: a letter that this version does not write, with what to do instead.
 */
enum inq_status inq_dump_options_parse(const char *text, struct inq_dump_options *ret,
				       struct inq_error *err);

/**
 * The same where nobody can be asked again, as with the settings of a crash handler: of letters that contradict each
 * other the others go, and both privacy letters stand, whichever was asked for: a policy that contradicts itself is the
 * strictest. What a letter stands for goes by itself.
 *
 * @ret_dropped  the letters that went, in the order of the table, "" none
 *
 * INQ_USAGE: no such letter, or a contradiction that no privacy letter decides. INQ_UNSUPPORTED as above.
 */
enum inq_status inq_dump_options_settle(const char *text, struct inq_dump_options *ret,
					char ret_dropped[INQ_DUMP_TEXT], struct inq_error *err);

/* What the letters need of /proc beyond the plain dump, for struct inq_dying_source's `wants`: enum
 * inq_proc_want. */
uint32_t inq_dump_options_wants(const struct inq_dump_options *options);

/* The veil that the letters ask for: r and R close it, without them everything is stated to be
 * shown. */
struct inq_veil_policy inq_dump_options_policy(const struct inq_dump_options *options);

#endif
