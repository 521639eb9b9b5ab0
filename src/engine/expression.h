/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Expressions in the MASM syntax of WinDbg: what a person types where a number is wanted.
 *
 * Numbers are hexadecimal unless prefixed: 0x, 0n decimal, 0t octal, 0y binary, a trailing h, and a
 * backtick anywhere in them. Operators from the tightest: unary + - not hi low by wo dwo qwo poi; *
 * / % mod;
 * + -; << >> >>>; = == != < > <= >=; and &; xor ^; or |. All arithmetic is on 64 bits, unsigned but
 * for unary minus and >>>. Names are tried as number, register, pseudo-register, module, symbol;
 * `@` before one means register or symbol, never a number. `module!name` where either part holds
 * characters that look like operators (libc.so.6, operator<<, f<int>) is taken as far as it names
 * something, or quoted: @!"m!f(int)".
 *
 * Knows nothing of targets: what names mean it asks. Bounded recursion; no allocation.
 */
#ifndef INQ_ENGINE_EXPRESSION_H
#define INQ_ENGINE_EXPRESSION_H

#include "support/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INQ_EXPRESSION_DEPTH = 64,  /* parentheses and unary operators inside each other */
	INQ_EXPRESSION_NAME = 1024, /* bytes of one name */
};

/* What the words of an expression mean. Each may be NULL (nothing of that kind). */
struct inq_expression_source {
	/* "rax", "$ip", "$tid", "." (without the @); INQ_ABSENT: no such name. Any other failure
	 * ends the evaluation with its words ("$exentry": no image...). */
	enum inq_status (*name)(void *user, const char *name, uint64_t *ret, struct inq_error *err);
	/* A symbol, qualified or not: module NULL means any. INQ_ABSENT: none. */
	enum inq_status (*symbol)(void *user, const char *module, const char *name, uint64_t *ret,
				  struct inq_error *err);
	/* The start of a module; also asked for what stands before a '!'. */
	bool (*module)(void *user, const char *name, uint64_t *ret);
	enum inq_status (*read)(void *user, uint64_t address, void *to, size_t size,
				struct inq_error *err);
	void *user;
	unsigned pointer_size; /* bytes that poi() reads: 4 or 8 */
};

/**
 * Evaluate the expression that the text begins with. After a complete operand, white space ends it
 * unless a binary operator follows: "rsp rsp+10" is two expressions.
 *
 * @ret_end  first byte that is not part of it; NULL: the whole text must be one expression
 *
 * INQ_USAGE: not an expression; the words say where and what. INQ_FAULT: poi() and its kin of
 * memory that is not there. INQ_ABSENT: a name that nothing has.
 */
enum inq_status inq_expression_evaluate(const struct inq_expression_source *source,
					const char *text, const char **ret_end, uint64_t *ret,
					struct inq_error *err);

#endif
