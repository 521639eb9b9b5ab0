/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The program from outside: run it, and look at what it said.
 */
#ifndef TESTS_PROGRAM_RUNNER_H
#define TESTS_PROGRAM_RUNNER_H

#include "support/buffer.h"

extern char folder[64];                    /* where it runs; the test's to make */
extern char program[4096];                 /* its path; the test's to fill in */
extern struct inq_buffer said, complained; /* of the last run, NUL-terminated */

/* Exit status; death by a signal, or no answer in 30 s, fails the test. `input` comes on standard input; NULL: nothing. */
int run_argv(const char *input, const char *const *argv);

/* Fail the test, showing all that was said, unless the part is in it. */
void says(const char *part);
void complains(const char *part);

#endif
