/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: what people type, and what is refused with which words. */
#include "engine/expression.h"

#include <criterion/criterion.h>

#include <string.h>

/* --- a small world of names ------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t value;
} names[] = {{"rip", 0x401000}, {"eax", 0x55}, {"$ip", 0x401000}, {".", 0x401000}, {"$t1", 0x77}};

static const struct {
	const char *module, *name;
	uint64_t value;
} symbols[] = {
	{"app", "main", 0x401136},
	{"libc.so.6", "abort", 0x7f0000001000},
	{"libstdc++.so.6", "std::terminate", 0x7f0000002000},
	{"app", "ns::box<int, char>::get", 0x402000},
	{"app", "operator<<", 0x403000},
	{"app", "f.part.0", 0x404000},
	{"app", "strange name(int)", 0x405000},
	{"app", "add", 0x406000},
};

static enum inq_status name_value(void *user, const char *name, uint64_t *ret,
				  struct inq_error *err)
{
	(void)user;
	if (strcmp(name, "$ra") == 0)
		return inq_fail(err, INQ_FAULT, "'$ra': this is the outermost frame");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*ret = names[i].value;
			return INQ_OK;
		}
	}
	return INQ_ABSENT;
}

static enum inq_status symbol_value(void *user, const char *module, const char *name, uint64_t *ret,
				    struct inq_error *err)
{
	(void)user, (void)err;
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		if ((!module || strcmp(symbols[i].module, module) == 0) &&
		    strcmp(symbols[i].name, name) == 0) {
			*ret = symbols[i].value;
			return INQ_OK;
		}
	}
	return INQ_ABSENT;
}

static bool module_value(void *user, const char *name, uint64_t *ret)
{
	(void)user;
	*ret = 0x400000;
	return strcmp(name, "app") == 0 || strcmp(name, "libc.so.6") == 0 ||
	       strcmp(name, "libstdc++.so.6") == 0;
}

/* Memory at 0x1000: 11 22 33 44 55 66 77 88 */
static enum inq_status read_value(void *user, uint64_t address, void *to, size_t size,
				  struct inq_error *err)
{
	static const uint8_t bytes[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};

	(void)user;
	if (address < 0x1000 || address + size > 0x1008)
		return inq_fail(err, INQ_FAULT, "0x%llx: not in the dump",
				(unsigned long long)address);
	memcpy(to, bytes + (address - 0x1000), size);
	return INQ_OK;
}

static const struct inq_expression_source world = {
	.name = name_value,
	.symbol = symbol_value,
	.module = module_value,
	.read = read_value,
	.pointer_size = 8,
};

static void is(const char *text, uint64_t expected)
{
	struct inq_error err = {0};
	uint64_t value = 0;
	enum inq_status status = inq_expression_evaluate(&world, text, NULL, &value, &err);

	cr_expect_eq(status, INQ_OK, "'%s': %s", text, err.text);
	cr_expect_eq(value, expected, "'%s' is %#llx, not %#llx", text, (unsigned long long)value,
		     (unsigned long long)expected);
}

static void is_refused(const char *text, enum inq_status expected, const char *words)
{
	struct inq_error err = {0};
	uint64_t value = 4711;
	enum inq_status status = inq_expression_evaluate(&world, text, NULL, &value, &err);

	cr_expect_eq(status, expected, "'%s': %s (%s)", text, inq_status_name(status), err.text);
	cr_expect(strstr(err.text, words), "'%s': '%s' lacks '%s'", text, err.text, words);
	cr_expect_eq(value, 4711u, "'%s' moved its output", text);
}

/* --- numbers ---------------------------------------------------------------------- */

Test(expression, reads_numbers_as_hexadecimal)
{
	is("10", 16);
	is("0x10", 16);
	is("10h", 16);
	is("dead", 0xdead);
	is("add", 0xadd);
	is("00007ff6`3d3c1000", 0x7ff63d3c1000);
	is("ffffffff`ffffffff", UINT64_MAX);
}

Test(expression, reads_prefixed_numbers_in_their_base)
{
	is("0n10", 10);
	is("0t17", 15);
	is("0y101", 5);
	is("0x1F", 31);
}

Test(expression, refuses_numbers_that_do_not_fit)
{
	is_refused("10000000000000000", INQ_USAGE, "more than 64 bits");
	is_refused("0n99999999999999999999", INQ_USAGE, "more than 64 bits");
}

/* --- operators -------------------------------------------------------------------- */

Test(expression, binds_operators_as_MASM_does)
{
	is("2+3*4", 14);
	is("(2+3)*4", 20);
	is("10-3-2", 11);
	is("1<<4+1", 32);
	is("ff & f0 | 1", 0xf1);
	is("1 | 2 ^ 2", 1);
	is("5 mod 3", 2);
	is("5%3", 2);
	is("-1 >>> 4", UINT64_MAX);
	is("-1 >> 0n60", 15);
	is("1 << 0n64", 0);
	is("1==1", 1);
	is("1=2", 0);
	is("1!=2", 1);
	is("2<=2", 1);
	is("2>3", 0);
	is("1 and 3", 1);
	is("1 or 2", 3);
	is("3 xor 1", 2);
	is("not 0", 1);
	is("not 5", 0);
	is("-1", UINT64_MAX);
	is("+5", 5);
	is("hi(12345678)", 0x1234);
	is("low(12345678)", 0x5678);
}

Test(expression, refuses_division_by_zero)
{
	is_refused("1/0", INQ_USAGE, "division by zero");
	is_refused("1 mod 0", INQ_USAGE, "division by zero");
}

Test(expression, reads_memory)
{
	is("by(1000)", 0x11);
	is("wo(1000)", 0x2211);
	is("dwo(1000)", 0x44332211);
	is("qwo(1000)", 0x8877665544332211);
	is("poi(1000)", 0x8877665544332211);
	is("poi 1000", 0x8877665544332211);
	is("by(1000+by(1000)-10)", 0x22);
	is_refused("poi(2000)", INQ_FAULT, "0x2000: not in the dump");
}

Test(expression, reads_pointers_of_the_targets_size)
{
	struct inq_expression_source narrow = world;
	uint64_t value = 0;

	narrow.pointer_size = 4;
	cr_assert_eq(inq_expression_evaluate(&narrow, "poi(1000)", NULL, &value, NULL), INQ_OK);
	cr_expect_eq(value, 0x44332211u);
}

/* --- names ------------------------------------------------------------------------ */

Test(expression, knows_registers_with_and_without_the_sign)
{
	is("rip", 0x401000);
	is("@rip+4", 0x401004);
	is("@eax", 0x55);
	is("$ip", 0x401000);
	is("@$t1", 0x77);
	is(".", 0x401000);
	is(".+5", 0x401005);
	is_refused("@$ra", INQ_FAULT, "outermost");
}

Test(expression, prefers_a_number_unless_the_sign_says_name)
{
	is("add", 0xadd);
	is("@add", 0x406000);
	is("app!add", 0x406000);
}

Test(expression, knows_symbols)
{
	is("app!main", 0x401136);
	is("main", 0x401136);
	is("app!main+0x10", 0x401146);
	is("libc.so.6!abort", 0x7f0000001000);
	is("libstdc++.so.6!std::terminate", 0x7f0000002000);
	is("app!ns::box<int, char>::get+2", 0x402002);
	is("app!operator<<", 0x403000);
	is("app!f.part.0", 0x404000);
	is("@!\"app!strange name(int)\"", 0x405000);
	is("app", 0x400000);
	is("libc.so.6+10", 0x400010);
	is_refused("nobody!main", INQ_ABSENT, "'nobody': no such module");
	is_refused("app!nothing", INQ_ABSENT, "'app!nothing': no such register, symbol or module");
	is_refused("wrong", INQ_ABSENT, "'wrong': no such");
	is_refused("app!", INQ_USAGE, "name is missing");
}

/* --- ends ------------------------------------------------------------------------- */

Test(expression, ends_where_another_begins)
{
	const char *text = "rip rip+10", *end = NULL;
	uint64_t value = 0;

	cr_assert_eq(inq_expression_evaluate(&world, text, &end, &value, NULL), INQ_OK);
	cr_expect_eq(value, 0x401000u);
	cr_expect_str_eq(end, " rip+10");
	cr_assert_eq(inq_expression_evaluate(&world, "rip L10", &end, &value, NULL), INQ_OK);
	cr_expect_str_eq(end, " L10");
}

Test(expression, refuses_what_is_none)
{
	is_refused("", INQ_USAGE, "an operand is missing");
	is_refused("1+", INQ_USAGE, "an operand is missing at its end");
	is_refused("(1", INQ_USAGE, "')' is missing");
	is_refused("1)", INQ_USAGE, "does not belong");
	is_refused("1 2", INQ_USAGE, "does not belong");
	is_refused("@", INQ_USAGE, "a name is missing");
	is_refused("@@c++(1)", INQ_USAGE, "C++");
	is_refused("@!\"app!x", INQ_USAGE, "quote");
	is_refused("*", INQ_USAGE, "an operand is missing");
}

Test(expression, bounds_depth_and_length)
{
	char deep[4096], name[INQ_EXPRESSION_NAME + 16];

	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	is_refused(deep, INQ_LIMIT, "levels");
	memset(deep, '-', sizeof(deep) - 1);
	is_refused(deep, INQ_LIMIT, "levels");
	memset(name, 'z', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	is_refused(name, INQ_LIMIT, "a name of");
}
