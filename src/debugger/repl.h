/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Where commands come from: a person at a terminal, or lines on standard input.
 */
#ifndef INQ_DEBUGGER_REPL_H
#define INQ_DEBUGGER_REPL_H

#include "debugger/command.h"

struct repl; /* the terminal's line editor and its history */

/* Prepare line editing while files may still be opened (terminal description, history); NULL where
 * standard input or output is no terminal. *ret_history is a descriptor to keep open, or -1. */
struct repl *repl_new(struct debugger *debugger, int *ret_history);
void repl_free(struct repl *repl);

/* Read and run commands until q or the end of input; with `repl` NULL from standard input. The
 * status is that of the last command that failed. */
enum inq_status repl_run(struct repl *repl, struct debugger *debugger);

#endif
