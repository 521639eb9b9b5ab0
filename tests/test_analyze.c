/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an instruction touches, what kind of thing a number is, whom a stack blames, and the whole of it on a
 * target of constants. */
#include "engine/analyze.h"
#include "engine/blame.h"
#include "showcase_target.h"

#include <criterion/criterion.h>

#include <elf.h>
#include <stdio.h>
#include <string.h>

/* --- operands --------------------------------------------------------------------- */

static struct inq_instruction decode(const char *hex)
{
	struct inq_disassembler *disassembler;
	struct inq_instruction instruction = {0};
	uint8_t bytes[INQ_INSTRUCTION_MAX] = {0};
	size_t size = 0;
	struct inq_error err;

	for (unsigned byte; sscanf(hex + 2 * size, "%2x", &byte) == 1; size++)
		bytes[size] = (uint8_t)byte;
	cr_assert_eq(inq_disassembler_new(EM_X86_64, &disassembler, &err), INQ_OK);
	cr_assert_eq(inq_disassemble(disassembler, 0x401000, bytes, size, &instruction, &err), INQ_OK,
		     "%s", hex);
	inq_disassembler_free(disassembler);
	return instruction;
}

/* bytes, operands in memory, of the first: base, index, scale, displacement, size, written, segment */
static const struct {
	const char *bytes, *what;
	size_t count;
	const char *base, *index;
	unsigned scale;
	int64_t displacement;
	unsigned size;
	bool written, segment;
} instructions[] = {
	{"488b4718", "mov rax,[rdi+18h]", 1, "rdi", NULL, 0, 0x18, 8, false, false},
	{"8907", "mov [rdi],eax", 1, "rdi", NULL, 0, 0, 4, true, false},
	{"488b44b5f8", "mov rax,[rbp+rsi*4-8]", 1, "rbp", "rsi", 4, -8, 8, false, false},
	{"833f00", "cmp dword ptr [rdi],0", 1, "rdi", NULL, 0, 0, 4, false, false},
	{"f60701", "test byte ptr [rdi],1", 1, "rdi", NULL, 0, 0, 1, false, false},
	{"830701", "add dword ptr [rdi],1", 1, "rdi", NULL, 0, 0, 4, true, false},
	{"f00fb10f", "lock cmpxchg [rdi],ecx", 1, "rdi", NULL, 0, 0, 4, true, false},
	{"ff5710", "call [rdi+10h]", 1, "rdi", NULL, 0, 0x10, 8, false, false},
	{"ff30", "push [rax]", 1, "rax", NULL, 0, 0, 8, false, false},
	{"f73f", "idiv dword ptr [rdi]", 1, "rdi", NULL, 0, 0, 4, false, false},
	{"0f1107", "movups [rdi],xmm0", 1, "rdi", NULL, 0, 0, 16, true, false},
	{"8b042500000000", "mov eax,ds:0", 1, NULL, NULL, 0, 0, 4, false, false},
	{"64488b042528000000", "mov rax,fs:28h", 1, NULL, NULL, 0, 0x28, 8, false, true},
	{"f348a5", "rep movs", 2, "rdi", NULL, 0, 0, 8, true, false},
	{"488d4718", "lea rax,[rdi+18h]", 0, NULL, NULL, 0, 0, 0, false, false},
	{"0f1f4000", "nop [rax]", 0, NULL, NULL, 0, 0, 0, false, false},
	{"c3", "ret", 0, NULL, NULL, 0, 0, 0, false, false},
	{"ffd0", "call rax", 0, NULL, NULL, 0, 0, 0, false, false},
};

static const char *name_of(const struct inq_register *reg)
{
	return reg ? reg->name : "";
}

Test(instruction, names_the_memory_that_it_touches)
{
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		const char *what = instructions[i].what;
		struct inq_memory_operand found[INQ_OPERANDS_MAX];
		struct inq_instruction instruction;
		size_t count;

		instruction = decode(instructions[i].bytes);
		count = inq_instruction_operands(&instruction, INQ_MACHINE_AMD64, found);
		cr_expect_eq(count, instructions[i].count, "%s: %zu operands in '%s'", what, count,
			     instruction.text);
		if (!count || !instructions[i].count)
			continue;
		cr_expect_str_eq(name_of(found[0].base),
				 instructions[i].base ? instructions[i].base : "", "%s", what);
		cr_expect_str_eq(name_of(found[0].index),
				 instructions[i].index ? instructions[i].index : "", "%s", what);
		cr_expect_eq(found[0].scale, instructions[i].scale, "%s", what);
		cr_expect_eq(found[0].displacement, instructions[i].displacement, "%s", what);
		cr_expect_eq(found[0].bytes, instructions[i].size, "%s: %u", what, found[0].bytes);
		cr_expect_eq(found[0].written, instructions[i].written, "%s", what);
		cr_expect_eq(found[0].segment, instructions[i].segment, "%s", what);
	}
}

Test(instruction, has_no_operands_on_machines_whose_words_are_not_understood)
{
	struct inq_instruction instruction = {.text = "ldr     x0, [x1]"};
	struct inq_memory_operand found[INQ_OPERANDS_MAX];

	cr_assert_eq(inq_instruction_operands(&instruction, INQ_MACHINE_ARM64, found), 0);
}

/* --- classes ---------------------------------------------------------------------- */

Test(value, has_a_class_by_its_look_and_by_what_is_mapped_there)
{
	static const struct inq_region heap = {.protection = INQ_PROT_READ | INQ_PROT_WRITE};
	static const struct inq_region code = {.protection = INQ_PROT_READ | INQ_PROT_EXEC};
	static const struct inq_region file = {.protection = INQ_PROT_READ, .inode = 1};
	static const struct {
		uint64_t value;
		const struct inq_region *region;
		bool on_stack;
		const char *word;
	} rows[] = {
		{0, NULL, false, "null"},
		{0xfff, NULL, false, "small"},
		{UINT64_MAX, NULL, false, "small"},
		{0x6b6b6b6b6b6b6b6b, NULL, false, "freed"},
		{0xe5e5e5e5e5e5e5f5, NULL, false, "freed"},
		{0xdead000000001000, NULL, false, "noncanonical"},
		{0x7f0000000000, NULL, false, "unmapped"},
		{0x7f0000000000, &heap, false, "heap"},
		{0x7f0000000000, &heap, true, "stack"},
		{0x7f0000000000, &code, false, "code"},
		{0x7f0000000000, &file, false, "data"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_str_eq(inq_value_word((uint8_t)inq_value_class(rows[i].value, rows[i].region,
									  rows[i].on_stack)),
				 rows[i].word, "0x%llx", (unsigned long long)rows[i].value);
	cr_assert_null(inq_value_word(INQ_VALUE_SHOWN));
	cr_assert_null(inq_value_word(255));
}

/* --- blame ------------------------------------------------------------------------ */

static const struct inq_module app, libc;

static struct inq_call line(const struct inq_module *module, const char *symbol)
{
	const char *name = module == &app ? "app" : "libc.so.6";

	return (struct inq_call){
		.place = {.module = module, .module_name = module ? name : "", .symbol = symbol}};
}

Test(blame, goes_past_machinery_and_system_libraries)
{
	struct inq_call calls[] = {line(&libc, "__pthread_kill_implementation"), line(&libc, "raise"),
				   line(&libc, "abort"), line(&libc, "__assert_fail"),
				   line(&app, "check"), line(&app, "main")};
	struct inq_stack stack = {.calls = calls, .count = 6};

	cr_assert_eq(inq_blame_line(&stack), 4);
	cr_assert_str_eq(inq_blame_machinery(&stack)->cause, "assertion-failed");
}

Test(blame, takes_a_library_where_there_is_nobody_else)
{
	struct inq_call calls[] = {line(NULL, NULL), line(&libc, "strlen"), line(&libc, "start_thread")};
	struct inq_stack stack = {.calls = calls, .count = 3};

	cr_assert_eq(inq_blame_line(&stack), 1);
	stack.count = 1;
	cr_assert_eq(inq_blame_line(&stack), 1, "nobody");
}

Test(blame, does_not_take_a_function_of_the_program_for_machinery_by_the_start_of_its_name)
{
	struct inq_call calls[] = {line(&libc, "abort"), line(&app, "abort_transaction"),
				   line(&app, "raise_prices")};
	struct inq_stack stack = {.calls = calls, .count = 3};

	cr_assert_eq(inq_blame_line(&stack), 1);
	cr_assert_str_eq(inq_blame_machinery(&stack)->cause, "abort");
}

Test(blame, finds_recursion_through_several_functions_and_none_in_a_straight_stack)
{
	struct inq_call calls[64];
	struct inq_stack stack = {.calls = calls, .count = 64};

	for (size_t i = 0; i < 64; i++)
		calls[i] = line(&app, i % 2 ? "even" : "odd");
	calls[0] = line(&libc, "malloc");
	cr_assert_eq(inq_blame_recursion(&stack), 2);
	stack.count = 8;
	cr_assert_eq(inq_blame_recursion(&stack), 0, "too few to say so");
	stack.count = 64;
	for (size_t i = 0; i < 64; i++) {
		static char names[64][4];

		snprintf(names[i], sizeof(names[i]), "f%zu", i);
		calls[i] = line(&app, names[i]);
	}
	cr_assert_eq(inq_blame_recursion(&stack), 0);
}

/* --- the whole -------------------------------------------------------------------- */

Test(analysis, of_constants_says_what_they_say)
{
	struct inq_session *session;
	struct inq_analysis found, again;
	struct inq_error err;

	cr_assert_eq(inq_session_new(showcase_target_new(), NULL, &session, &err), INQ_OK);
	cr_assert_eq(inq_session_analyze(session, &found, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(inq_session_scope(session), INQ_SCOPE_EXCEPTION);
	cr_expect(*found.cause);
	cr_expect(*found.explanation);
	cr_expect(strstr(found.bucket, found.event.name), "%s", found.bucket);
	cr_assert_eq(inq_session_analyze(session, &again, &err), INQ_OK);
	cr_expect_eq(found.hash, again.hash);
	inq_analysis_done(&found);
	inq_analysis_done(&again);
	inq_session_free(session);
}

Test(analysis, of_a_target_without_threads_is_absent)
{
	struct inq_session *session;
	struct inq_analysis found;
	struct inq_error err;

	cr_assert_eq(inq_session_new(showcase_target_empty(), NULL, &session, &err), INQ_OK);
	cr_assert_eq(inq_session_analyze(session, &found, &err), INQ_ABSENT);
	inq_session_free(session);
}
