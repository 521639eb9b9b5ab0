/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which line of a stack is to blame, and by what name the same crash is found again. */
#ifndef INQ_ENGINE_BLAME_H
#define INQ_ENGINE_BLAME_H

#include "engine/analyze.h"

/* What a function on the stack says of how a process came to abort. */
struct inq_machinery {
	const char *name;   /* whole, or up to '*' */
	const char *cause;  /* NULL: says nothing */
	const char *reason; /* a sentence */
};

/* The row that explains the abort: of the outermost function of the machinery, since __assert_fail
 * calls abort and not the other way round. NULL: none does. */
const struct inq_machinery *inq_blame_machinery(const struct inq_stack *stack);

/* The line to blame, or stack->count where there is none. */
size_t inq_blame_line(const struct inq_stack *stack);

/* After how many lines the innermost part of the stack repeats itself; 0: it does not. */
size_t inq_blame_recursion(const struct inq_stack *stack);

/* Fill bucket and hash from all other fields. */
void inq_blame_bucket(struct inq_analysis *analysis);

#endif
