/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/expression.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct parser {
	const struct inq_expression_source *source;
	const char *text; /* where it began, for messages */
	const char *at;
	struct inq_error *err;
	unsigned depth;
};

static enum inq_status expression(struct parser *p, unsigned level, uint64_t *ret);

static enum inq_status fail_at(struct parser *p, const char *what)
{
	if (!*p->at)
		return inq_fail(p->err, INQ_USAGE, "'%s': %s at its end", p->text, what);
	return inq_fail(p->err, INQ_USAGE, "'%s': %s at '%.20s'", p->text, what, p->at);
}

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
	return is_name_start(c) || isdigit((unsigned char)c);
}

/* --- numbers ---------------------------------------------------------------------- */

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* prefix letter after 0, its radix */
static const struct {
	char letter;
	unsigned radix;
} prefixes[] = {{'x', 16}, {'n', 10}, {'t', 8}, {'y', 2}};

/**
 * A run of digits; false if the text does not begin with a number, or goes on like a name. *ret_big
 * is set for one that has more than 64 bits.
 */
static bool number(const char **at, uint64_t *ret, bool *ret_big)
{
	const char *c = *at;
	unsigned radix = 16;
	uint64_t value = 0;
	size_t digits = 0;

	*ret_big = false;
	for (size_t i = 0; c[0] == '0' && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if ((c[1] | 0x20) == prefixes[i].letter &&
		    digit_value(c[2]) < (int)prefixes[i].radix) {
			radix = prefixes[i].radix;
			c += 2;
			break;
		}
	}
	for (; digit_value(*c) < (int)radix || (*c == '`' && digits); c++) {
		if (*c == '`')
			continue;
		if (__builtin_mul_overflow(value, radix, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit_value(*c), &value))
			*ret_big = true;
		digits++;
	}
	if (digits && (*c == 'h' || *c == 'H') && radix == 16)
		c++;
	if (!digits || is_name(*c) || (*c == '!' && c[1] != '='))
		return false;
	*at = c;
	*ret = value;
	return true;
}

/* --- names ------------------------------------------------------------------------ */

static enum inq_status take_name(struct parser *p, const char *from, size_t length,
				 char to[INQ_EXPRESSION_NAME])
{
	if (length >= INQ_EXPRESSION_NAME)
		return inq_fail(p->err, INQ_LIMIT, "a name of %zu bytes, at most %d", length,
				INQ_EXPRESSION_NAME - 1);
	memcpy(to, from, length);
	to[length] = '\0';
	return INQ_OK;
}

/* The length of "<...>" with its inner ones, 0 if it does not close. */
static size_t template_length(const char *at)
{
	int open = 0;

	for (size_t i = 0; at[i] && at[i] != '\n'; i++) {
		if (at[i] == '<')
			open++;
		else if (at[i] == '>' && --open == 0)
			return i + 1;
	}
	return 0;
}

/* operator names whose characters are not a name's; longest first */
static const char *const cxx_operators[] = {
	"<<=", ">>=", "->*", "<=>", "()", "[]", "<<", ">>", "<=", ">=", "==", "!=", "&&",
	"||",  "++",  "--",  "->",  "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<",
	">",   "+",   "-",   "*",   "/",  "%",	"^",  "&",  "|",  "~",	"!",  "=",  ",",
};

static size_t cxx_operator_length(const char *at, size_t so_far)
{
	if (so_far < 8 || strncmp(at + so_far - 8, "operator", 8) != 0 ||
	    (so_far > 8 && is_name(at[so_far - 9])))
		return 0;
	for (size_t i = 0; i < sizeof(cxx_operators) / sizeof(cxx_operators[0]); i++) {
		size_t length = strlen(cxx_operators[i]);

		if (strncmp(at + so_far, cxx_operators[i], length) == 0)
			return length;
	}
	return 0;
}

/* How far a symbol's name goes: "a::b<c, d>::~e", "operator<<", "f.part.0", "{closure#0}",
 * "x@GLIBC_2.2". */
static size_t symbol_length(const char *at)
{
	size_t n = 0, more;

	while (at[n]) {
		if (is_name(at[n]))
			n++;
		else if (n && (more = cxx_operator_length(at, n)) != 0)
			n += more;
		else if (strncmp(at + n, "::", 2) == 0)
			n += at[n + 2] == '~' ? 3 : 2;
		else if (at[n] == '<' && (n == 0 || is_name(at[n - 1]) || at[n - 1] == ':') &&
			 (more = template_length(at + n)) != 0)
			n += more;
		else if ((at[n] == '.' || at[n] == '@') && is_name(at[n + 1]) && n)
			n++;
		else if (at[n] == '{' && strchr(at + n, '}'))
			n += (size_t)(strchr(at + n, '}') - (at + n)) + 1;
		else
			break;
	}
	return n;
}

/* How far a module's name goes if a '!' ends it and something has that name; 0 otherwise. */
static size_t module_length(struct parser *p, const char *at)
{
	char name[INQ_EXPRESSION_NAME];
	uint64_t base;
	size_t n = 0;

	while (at[n] && (is_name(at[n]) || strchr(".-+@[]", at[n])))
		n++;
	/* "1!=2" is a comparison unless a module is really called 1. */
	if (!n || at[n] != '!' || n >= sizeof(name) || !p->source->module)
		return 0;
	memcpy(name, at, n);
	name[n] = '\0';
	return p->source->module(p->source->user, name, &base) ? n : 0;
}

static enum inq_status symbol_value(struct parser *p, const char *module, const char *name,
				    uint64_t *ret)
{
	enum inq_status status = INQ_ABSENT;

	if (p->source->symbol)
		status = p->source->symbol(p->source->user, module, name, ret, p->err);
	if (status == INQ_ABSENT)
		return inq_fail(p->err, INQ_ABSENT, "'%s%s%s': no such register, symbol or module",
				module ? module : "", module ? "!" : "", name);
	return status;
}

/* @!"module!name" */
static enum inq_status quoted_name(struct parser *p, uint64_t *ret)
{
	char text[INQ_EXPRESSION_NAME];
	const char *end = strchr(p->at + 3, '"');
	char *bang;

	if (!end)
		return fail_at(p, "a quote that does not end");
	if (take_name(p, p->at + 3, (size_t)(end - p->at - 3), text) != INQ_OK)
		return INQ_LIMIT;
	p->at = end + 1;
	bang = strchr(text, '!');
	if (bang)
		*bang++ = '\0';
	return symbol_value(p, bang ? text : NULL, bang ? bang : text, ret);
}

static enum inq_status qualified_name(struct parser *p, size_t module, uint64_t *ret)
{
	char name[INQ_EXPRESSION_NAME], module_name[INQ_EXPRESSION_NAME];
	const char *symbol = p->at + module + 1;
	size_t length = symbol_length(symbol);

	if (!length)
		return fail_at(p, "a symbol's name is missing after '!'");
	if (take_name(p, p->at, module, module_name) != INQ_OK ||
	    take_name(p, symbol, length, name) != INQ_OK)
		return INQ_LIMIT;
	p->at = symbol + length;
	return symbol_value(p, module_name, name, ret);
}

/* The plain part of a name as register, pseudo-register or module; else as long as a symbol's can
 * be. */
static enum inq_status plain_name(struct parser *p, uint64_t *ret)
{
	char name[INQ_EXPRESSION_NAME];
	enum inq_status status = INQ_ABSENT;
	size_t length = 0, whole = symbol_length(p->at);

	while (is_name(p->at[length]))
		length++;
	if (length != whole && p->at[length] == '!')
		whole = length;
	if (p->at[length] == '!' && p->at[length + 1] != '=') {
		if (take_name(p, p->at, length, name) != INQ_OK)
			return INQ_LIMIT;
		return inq_fail(p->err, INQ_ABSENT, "'%s': no such module", name);
	}
	if (take_name(p, p->at, length, name) != INQ_OK)
		return INQ_LIMIT;
	if (length == whole && p->source->name)
		status = p->source->name(p->source->user, name, ret, p->err);
	if (status == INQ_ABSENT && length == whole && p->source->module &&
	    p->source->module(p->source->user, name, ret))
		status = INQ_OK;
	if (status != INQ_ABSENT) {
		p->at += length;
		return status;
	}
	if (take_name(p, p->at, whole, name) != INQ_OK)
		return INQ_LIMIT;
	status = symbol_value(p, NULL, name, ret);
	/* "a<b" with a symbol called a: not a template after all. */
	if (status == INQ_ABSENT && length < whole && length) {
		if (take_name(p, p->at, length, name) != INQ_OK)
			return INQ_LIMIT;
		whole = length;
		status = p->source->name ? p->source->name(p->source->user, name, ret, p->err)
					 : INQ_ABSENT;
		if (status == INQ_ABSENT)
			status = symbol_value(p, NULL, name, ret);
	}
	if (status == INQ_OK)
		p->at += whole;
	return status;
}

/* A module without '!' whose name is not one word: "libc.so.6+0x10" wants the longest that is one.
 */
static bool dotted_module(struct parser *p, uint64_t *ret)
{
	char name[INQ_EXPRESSION_NAME];
	size_t n = 0;

	if (!p->source->module)
		return false;
	while (n < sizeof(name) - 1 && p->at[n] && (is_name(p->at[n]) || strchr(".-+[]", p->at[n])))
		n++;
	for (; n > 0; n--) {
		memcpy(name, p->at, n);
		name[n] = '\0';
		/* A single word is left to the other rules; only an odd name is this one's. */
		if (!strpbrk(name, ".-+["))
			return false;
		if (p->source->module(p->source->user, name, ret)) {
			p->at += n;
			return true;
		}
	}
	return false;
}

/* --- operands --------------------------------------------------------------------- */

/* word, bytes read (0: none, the pointer's size: 255), what it does to the value */
enum unary { UNARY_READ, UNARY_HIGH, UNARY_LOW, UNARY_NOT };
static const struct {
	const char *word;
	enum unary kind;
	unsigned bytes; /* 0: a pointer */
} unaries[] = {
	{"poi", UNARY_READ, 0}, {"by", UNARY_READ, 1},	{"wo", UNARY_READ, 2},
	{"dwo", UNARY_READ, 4}, {"qwo", UNARY_READ, 8}, {"hi", UNARY_HIGH, 0},
	{"low", UNARY_LOW, 0},	{"not", UNARY_NOT, 0},
};

static enum inq_status read_value(struct parser *p, uint64_t address, unsigned bytes, uint64_t *ret)
{
	uint8_t raw[8] = {0};
	enum inq_status status;

	if (!bytes)
		bytes = p->source->pointer_size ? p->source->pointer_size : 8;
	if (!p->source->read)
		return inq_fail(p->err, INQ_FAULT, "0x%llx: no memory to read",
				(unsigned long long)address);
	status = p->source->read(p->source->user, address, raw, bytes, p->err);
	if (status != INQ_OK)
		return status;
	*ret = 0;
	for (unsigned i = bytes; i-- > 0;)
		*ret = *ret << 8 | raw[i];
	return INQ_OK;
}

static enum inq_status apply_unary(struct parser *p, size_t row, uint64_t value, uint64_t *ret)
{
	switch (unaries[row].kind) {
	case UNARY_READ:
		return read_value(p, value, unaries[row].bytes, ret);
	case UNARY_HIGH:
		*ret = value >> 16 & 0xffff;
		return INQ_OK;
	case UNARY_LOW:
		*ret = value & 0xffff;
		return INQ_OK;
	case UNARY_NOT:
		*ret = !value;
		return INQ_OK;
	}
	return INQ_USAGE;
}

static enum inq_status operand(struct parser *p, uint64_t *ret);

/* "poi(...)", "poi rsp", "not 1"; false if the text is none of these words. */
static bool word_operator(struct parser *p, uint64_t *ret, enum inq_status *ret_status)
{
	for (size_t i = 0; i < sizeof(unaries) / sizeof(unaries[0]); i++) {
		size_t length = strlen(unaries[i].word);
		uint64_t value;

		if (strncasecmp(p->at, unaries[i].word, length) != 0 ||
		    (p->at[length] != '(' && p->at[length] != ' '))
			continue;
		p->at += length;
		*ret_status = operand(p, &value);
		if (*ret_status == INQ_OK)
			*ret_status = apply_unary(p, i, value, ret);
		return true;
	}
	return false;
}

static enum inq_status parenthesis(struct parser *p, uint64_t *ret)
{
	enum inq_status status;

	p->at++;
	status = expression(p, 0, ret);
	if (status != INQ_OK)
		return status;
	p->at = skip_blanks(p->at);
	if (*p->at != ')')
		return fail_at(p, "')' is missing");
	p->at++;
	return INQ_OK;
}

static enum inq_status sign(struct parser *p, uint64_t *ret)
{
	char c = *p->at++;
	enum inq_status status = operand(p, ret);

	if (status == INQ_OK && c == '-')
		*ret = -*ret;
	return status;
}

static enum inq_status at_name(struct parser *p, uint64_t *ret)
{
	size_t module;

	if (p->at[1] == '@')
		return fail_at(p, "C++ expressions are not understood; MASM syntax is");
	if (p->at[1] == '!' && p->at[2] == '"')
		return quoted_name(p, ret);
	p->at++;
	module = module_length(p, p->at);
	if (module)
		return qualified_name(p, module, ret);
	if (!is_name_start(*p->at))
		return fail_at(p, "a name is missing after '@'");
	return plain_name(p, ret);
}

static enum inq_status simple_operand(struct parser *p, uint64_t *ret)
{
	enum inq_status status;
	size_t module;
	bool big;

	if (*p->at == '(')
		return parenthesis(p, ret);
	if (*p->at == '+' || *p->at == '-')
		return sign(p, ret);
	if (*p->at == '@')
		return at_name(p, ret);
	module = module_length(p, p->at);
	if (module)
		return qualified_name(p, module, ret);
	if (number(&p->at, ret, &big))
		return big ? inq_fail(p->err, INQ_USAGE, "'%s': a number of more than 64 bits",
				      p->text)
			   : INQ_OK;
	if (word_operator(p, ret, &status))
		return status;
	if (*p->at == '.' && !is_name(p->at[1])) {
		p->at++;
		return p->source->name
			       ? p->source->name(p->source->user, ".", ret, p->err)
			       : inq_fail(p->err, INQ_ABSENT, "'.': no current instruction");
	}
	if (dotted_module(p, ret))
		return INQ_OK;
	if (is_name_start(*p->at))
		return plain_name(p, ret);
	return fail_at(p,
		       isdigit((unsigned char)*p->at) ? "not a number" : "an operand is missing");
}

static enum inq_status operand(struct parser *p, uint64_t *ret)
{
	enum inq_status status;

	p->at = skip_blanks(p->at);
	if (++p->depth > INQ_EXPRESSION_DEPTH)
		return inq_fail(p->err, INQ_LIMIT, "more than %d levels inside each other",
				INQ_EXPRESSION_DEPTH);
	status = simple_operand(p, ret);
	p->depth--;
	return status;
}

/* --- binary operators ------------------------------------------------------------- */

enum binary {
	OR,
	XOR,
	AND,
	EQ,
	NE,
	LE,
	GE,
	LT,
	GT,
	SHL,
	SAR,
	SHR,
	ADD,
	SUB,
	MUL,
	DIV,
	MOD,
};

/* spelling, what it does, how tightly it binds; longer spellings before their beginnings */
static const struct {
	const char *spelling;
	enum binary kind;
	unsigned level;
} binaries[] = {
	{"|", OR, 0},	 {"or", OR, 0},	  {"^", XOR, 1},   {"xor", XOR, 1}, {"&", AND, 2},
	{"and", AND, 2}, {"==", EQ, 3},	  {"=", EQ, 3},	   {"!=", NE, 3},   {"<=", LE, 3},
	{">=", GE, 3},	 {"<<", SHL, 4},  {">>>", SAR, 4}, {">>", SHR, 4},  {"<", LT, 3},
	{">", GT, 3},	 {"+", ADD, 5},	  {"-", SUB, 5},   {"*", MUL, 6},   {"/", DIV, 6},
	{"%", MOD, 6},	 {"mod", MOD, 6},
};
enum { LEVELS = 7 };

static long find_binary(const char *at)
{
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++) {
		size_t length = strlen(binaries[i].spelling);

		if (strncasecmp(at, binaries[i].spelling, length) != 0)
			continue;
		if (isalpha((unsigned char)*at) && is_name(at[length]))
			continue;
		return (long)i;
	}
	return -1;
}

static enum inq_status apply_binary(struct parser *p, enum binary kind, uint64_t a, uint64_t b,
				    uint64_t *ret)
{
	switch (kind) {
	case OR:
		*ret = a | b;
		break;
	case XOR:
		*ret = a ^ b;
		break;
	case AND:
		*ret = a & b;
		break;
	case EQ:
		*ret = a == b;
		break;
	case NE:
		*ret = a != b;
		break;
	case LE:
		*ret = a <= b;
		break;
	case GE:
		*ret = a >= b;
		break;
	case LT:
		*ret = a < b;
		break;
	case GT:
		*ret = a > b;
		break;
	/* Shifts by the width or more: nothing is left (C leaves them undefined). */
	case SHL:
		*ret = b < 64 ? a << b : 0;
		break;
	case SHR:
		*ret = b < 64 ? a >> b : 0;
		break;
	case SAR:
		*ret = (uint64_t)((int64_t)a >> (b < 64 ? b : 63));
		break;
	case ADD:
		*ret = a + b;
		break;
	case SUB:
		*ret = a - b;
		break;
	case MUL:
		*ret = a * b;
		break;
	case DIV:
	case MOD:
		if (!b)
			return inq_fail(p->err, INQ_USAGE, "'%s': division by zero", p->text);
		*ret = kind == DIV ? a / b : a % b;
		break;
	}
	return INQ_OK;
}

static enum inq_status expression(struct parser *p, unsigned level, uint64_t *ret)
{
	enum inq_status status;

	if (level == LEVELS)
		return operand(p, ret);
	status = expression(p, level + 1, ret);
	while (status == INQ_OK) {
		const char *next = skip_blanks(p->at);
		long row = find_binary(next);
		uint64_t right;

		if (row < 0 || binaries[row].level != level)
			break;
		p->at = next + strlen(binaries[row].spelling);
		status = expression(p, level + 1, &right);
		if (status == INQ_OK)
			status = apply_binary(p, binaries[row].kind, *ret, right, ret);
	}
	return status;
}

enum inq_status inq_expression_evaluate(const struct inq_expression_source *source,
					const char *text, const char **ret_end, uint64_t *ret,
					struct inq_error *err)
{
	struct parser p = {.source = source, .text = text, .at = text, .err = err};
	uint64_t value = 0;
	enum inq_status status = expression(&p, 0, &value);

	if (status != INQ_OK)
		return status;
	if (!ret_end && *skip_blanks(p.at)) {
		p.at = skip_blanks(p.at);
		return fail_at(&p, "something that does not belong to it");
	}
	if (ret_end)
		*ret_end = p.at;
	*ret = value;
	return INQ_OK;
}
