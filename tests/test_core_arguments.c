/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arguments and environment on a stack as the kernel lays it out, and on stacks that programs have written over. */
#include "config.h"

#include "target/core_arguments.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>

#define STACK 0x7ffd00000000ull

enum { SIZE = 16384, STRINGS = SIZE - 4096, RANDOM = STRINGS - 64, AUXV = RANDOM - 256 };

/* A target that has one stack, and what lies where in it. */
struct stack {
	struct inq_target target;
	uint64_t from; /* memory below is not there */
	uint64_t bytes[SIZE / 8];
	uint64_t auxv[8];
	char *next; /* string */
};

static enum inq_status read_stack(struct inq_target *self, uint64_t address, void *to, size_t size, size_t *ret_done,
				  struct inq_error *err)
{
	struct stack *stack = (struct stack *)self;

	*ret_done = 0;
	if (address < stack->from || address >= STACK + SIZE)
		return inq_fail(err, INQ_FAULT, "not there");
	*ret_done = STACK + SIZE - address < size ? (size_t)(STACK + SIZE - address) : size;
	memcpy(to, (char *)stack->bytes + (address - STACK), *ret_done);
	return INQ_OK;
}

static uint64_t put_string(struct stack *stack, const char *text)
{
	uint64_t at = STACK + (uint64_t)(stack->next - (char *)stack->bytes);

	memcpy(stack->next, text, strlen(text) + 1);
	stack->next += strlen(text) + 1;
	return at;
}

/* Two arguments, two variables. */
static void make(struct stack *stack)
{
	static const struct inq_target_ops ops = {.kind = "stack", .read = read_stack};
	static const char *const strings[] = {"prog", "an argument", "A=1", "B=two"};
	uint64_t pointers[4], *at = &stack->bytes[AUXV / 8];

	*stack = (struct stack){.target.ops = &ops, .from = STACK, .next = (char *)stack->bytes + STRINGS};
	for (size_t i = 0; i < 4; i++)
		pointers[i] = put_string(stack, strings[i]);
	memcpy(stack->auxv,
	       (uint64_t[8]){AT_PAGESZ, 4096, AT_RANDOM, STACK + RANDOM, AT_EXECFN, put_string(stack, "./prog"), AT_NULL, 0},
	       sizeof(stack->auxv));
	memcpy(at, stack->auxv, sizeof(stack->auxv));
	*--at = 0;
	*--at = pointers[3];
	*--at = pointers[2];
	*--at = 0;
	*--at = pointers[1];
	*--at = pointers[0];
	*--at = 2;
}

static enum inq_status ask(struct stack *stack, struct inq_buffer *arguments, struct inq_buffer *environment)
{
	const struct inq_note auxv = {(const uint8_t *)stack->auxv, sizeof(stack->auxv)};

	*arguments = *environment = (struct inq_buffer){0};
	return inq_core_arguments_find(&stack->target, auxv, 8, arguments, environment, NULL);
}

static void expect(struct stack *stack)
{
	struct inq_buffer arguments, environment;

	cr_assert_eq(ask(stack, &arguments, &environment), INQ_OK);
	cr_expect_eq(arguments.size, sizeof("prog\0an argument"));
	cr_expect(!memcmp(arguments.data, "prog\0an argument", arguments.size));
	cr_expect_eq(environment.size, sizeof("A=1\0B=two"));
	cr_expect(!memcmp(environment.data, "A=1\0B=two", environment.size));
	inq_buffer_done(&arguments);
	inq_buffer_done(&environment);
}

static void expect_absent(struct stack *stack, const char *why)
{
	struct inq_buffer arguments, environment;

	cr_expect_eq(ask(stack, &arguments, &environment), INQ_ABSENT, "%s", why);
	inq_buffer_done(&arguments);
	inq_buffer_done(&environment);
}

Test(core_arguments, are_found_where_the_kernel_put_them)
{
	struct stack stack;

	make(&stack);
	expect(&stack);
}

/* unsetenv() moves the later pointers and leaves a NULL more at the end; the strings stay. */
Test(core_arguments, are_found_after_the_environment_was_changed)
{
	struct stack stack;

	make(&stack);
	stack.bytes[AUXV / 8 - 2] = 0;
	expect(&stack);
	make(&stack);
	stack.bytes[AUXV / 8 - 3] = 0x5555000;
	expect(&stack);
}

Test(core_arguments, are_absent_where_the_stack_does_not_say)
{
	struct stack stack;

	make(&stack);
	stack.bytes[AUXV / 8] = 77;
	expect_absent(&stack, "another vector than the note's");
	make(&stack);
	stack.bytes[AUXV / 8 - 7] = 3;
	expect_absent(&stack, "a number that is not theirs");
	make(&stack);
	stack.bytes[AUXV / 8 - 6] = STACK - 4096;
	expect_absent(&stack, "an argument outside of the stack");
	make(&stack);
	stack.bytes[AUXV / 8 - 5] = STACK + STRINGS - 8;
	expect_absent(&stack, "arguments in no order");
	make(&stack);
	stack.from = STACK + AUXV - 16;
	expect_absent(&stack, "a stack that ends before");
	make(&stack);
	memset((char *)stack.bytes + AUXV - 4096, 0x41, 4096);
	expect_absent(&stack, "pointers without an end");
	make(&stack);
	stack.auxv[3] = 8;
	expect_absent(&stack, "AT_RANDOM nowhere");
}
