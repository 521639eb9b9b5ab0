/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DWARF expressions (DWARF 5, 2.5.1 and 7.7.1) as far as 6.4.2 allows them in call frame information. */
#include "unwind/cfi.h"

enum {
	OP_ADDR = 0x03, OP_DEREF = 0x06, OP_CONST1U = 0x08, OP_CONST1S, OP_CONST2U, OP_CONST2S, OP_CONST4U,
	OP_CONST4S, OP_CONST8U, OP_CONST8S, OP_CONSTU, OP_CONSTS, OP_DUP, OP_DROP, OP_OVER, OP_PICK, OP_SWAP,
	OP_ROT, OP_XDEREF, OP_ABS, OP_AND, OP_DIV, OP_MINUS, OP_MOD, OP_MUL, OP_NEG, OP_NOT, OP_OR, OP_PLUS,
	OP_PLUS_UCONST, OP_SHL, OP_SHR, OP_SHRA, OP_XOR, OP_BRA, OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT, OP_NE,
	OP_SKIP, OP_LIT0 = 0x30, OP_REG0 = 0x50, OP_BREG0 = 0x70, OP_REGX = 0x90, OP_BREGX = 0x92,
	OP_DEREF_SIZE = 0x94, OP_NOP = 0x96,
};
_Static_assert(OP_SKIP == 0x2f && OP_ROT == 0x17 && OP_PLUS_UCONST == 0x23, "DWARF 5, table 7.9");

struct evaluation {
	const struct cfi_machine *machine;
	struct inq_cursor cursor;
	uint64_t stack[CFI_MAX_STACK];
	unsigned depth;
	enum inq_status status;
	uint64_t bad; /* with INQ_FAULT */
	struct inq_error *err;
};

static void stop(struct evaluation *run, enum inq_status status, const char *words)
{
	if (run->status == INQ_OK)
		run->status = inq_fail(run->err, status, "expression: %s", words);
}

/* Values are as wide as addresses. */
static uint64_t truncate(const struct evaluation *run, uint64_t value)
{
	return run->machine->address_size == 4 ? (uint32_t)value : value;
}

static int64_t as_signed(const struct evaluation *run, uint64_t value)
{
	return run->machine->address_size == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

static void push(struct evaluation *run, uint64_t value)
{
	if (run->depth == CFI_MAX_STACK)
		stop(run, INQ_LIMIT, "too many values");
	else
		run->stack[run->depth++] = truncate(run, value);
}

static uint64_t pop(struct evaluation *run)
{
	if (run->depth == 0) {
		stop(run, INQ_BAD_DATA, "nothing on the stack");
		return 0;
	}
	return run->stack[--run->depth];
}

/* The value `index` below the top, 0 the top. */
static uint64_t peek(struct evaluation *run, unsigned index)
{
	if (index >= run->depth) {
		stop(run, INQ_BAD_DATA, "nothing on the stack");
		return 0;
	}
	return run->stack[run->depth - 1 - index];
}

static uint64_t read_register(struct evaluation *run, uint64_t column)
{
	const struct inq_frame_registers *registers = run->machine->registers;

	if (column >= INQ_UNWIND_REGISTERS || !(registers->valid >> column & 1)) {
		stop(run, INQ_ABSENT, "a register is not known");
		return 0;
	}
	if (run->machine->used)
		*run->machine->used |= 1ull << column;
	return registers->value[column];
}

static void dereference(struct evaluation *run, unsigned size)
{
	uint64_t address = pop(run), value = 0;

	if (run->status != INQ_OK)
		return;
	if (size == 0 || size > run->machine->address_size) {
		stop(run, INQ_BAD_DATA, "a value of no size");
		return;
	}
	/* Targets are little-endian. */
	if (!run->machine->read(run->machine->user, address, &value, size)) {
		run->bad = address;
		stop(run, INQ_FAULT, "memory is not there");
		return;
	}
	push(run, value);
}

static void jump(struct evaluation *run, int16_t distance)
{
	int64_t to = (int64_t)run->cursor.at + distance;

	if (to < 0)
		stop(run, INQ_BAD_DATA, "a jump out of it");
	else
		inq_cursor_seek(&run->cursor, (size_t)to);
}

static void binary(struct evaluation *run, uint8_t op)
{
	uint64_t b = pop(run), a = pop(run);
	int64_t sa = as_signed(run, a), sb = as_signed(run, b);
	unsigned bits = run->machine->address_size * 8;

	switch (op) {
	case OP_AND: push(run, a & b); return;
	case OP_OR: push(run, a | b); return;
	case OP_XOR: push(run, a ^ b); return;
	case OP_PLUS: push(run, a + b); return;
	case OP_MINUS: push(run, a - b); return;
	case OP_MUL: push(run, a * b); return;
	case OP_SHL: push(run, b < bits ? a << b : 0); return;
	case OP_SHR: push(run, b < bits ? a >> b : 0); return;
	case OP_SHRA: push(run, (uint64_t)(sa >> (b < bits ? b : bits - 1))); return;
	case OP_EQ: push(run, sa == sb); return;
	case OP_NE: push(run, sa != sb); return;
	case OP_GE: push(run, sa >= sb); return;
	case OP_GT: push(run, sa > sb); return;
	case OP_LE: push(run, sa <= sb); return;
	case OP_LT: push(run, sa < sb); return;
	}
	if (b == 0)
		stop(run, INQ_BAD_DATA, "division by zero");
	else if (op == OP_MOD)
		push(run, a % b);
	else if (sb == -1) /* INT64_MIN / -1 overflows */
		push(run, 0 - a);
	else
		push(run, (uint64_t)(sa / sb));
}

static void rotate(struct evaluation *run)
{
	uint64_t top = pop(run), second = pop(run), third = pop(run);

	push(run, top);
	push(run, third);
	push(run, second);
}

static void swap(struct evaluation *run)
{
	uint64_t top = pop(run), second = pop(run);

	push(run, top);
	push(run, second);
}

static bool is_binary(uint8_t op)
{
	switch (op) {
	case OP_AND: case OP_DIV: case OP_MINUS: case OP_MOD: case OP_MUL: case OP_OR: case OP_PLUS:
	case OP_SHL: case OP_SHR: case OP_SHRA: case OP_XOR: case OP_EQ: case OP_GE: case OP_GT:
	case OP_LE: case OP_LT: case OP_NE:
		return true;
	default:
		return false;
	}
}

static void operate(struct evaluation *run, uint8_t op)
{
	struct inq_cursor *cursor = &run->cursor;
	uint64_t value;

	switch (op) {
	case OP_NOP: return;
	case OP_ADDR:
		push(run, inq_cursor_word(cursor, run->machine->address_size) + run->machine->bias);
		return;
	case OP_CONST1U: push(run, inq_cursor_u8(cursor)); return;
	case OP_CONST1S: push(run, (uint64_t)(int64_t)(int8_t)inq_cursor_u8(cursor)); return;
	case OP_CONST2U: push(run, inq_cursor_u16(cursor)); return;
	case OP_CONST2S: push(run, (uint64_t)(int64_t)(int16_t)inq_cursor_u16(cursor)); return;
	case OP_CONST4U: push(run, inq_cursor_u32(cursor)); return;
	case OP_CONST4S: push(run, (uint64_t)(int64_t)(int32_t)inq_cursor_u32(cursor)); return;
	case OP_CONST8U:
	case OP_CONST8S: push(run, inq_cursor_u64(cursor)); return;
	case OP_CONSTU: push(run, inq_cursor_uleb(cursor)); return;
	case OP_CONSTS: push(run, (uint64_t)inq_cursor_sleb(cursor)); return;
	case OP_DUP: push(run, peek(run, 0)); return;
	case OP_DROP: pop(run); return;
	case OP_OVER: push(run, peek(run, 1)); return;
	case OP_PICK: push(run, peek(run, inq_cursor_u8(cursor))); return;
	case OP_SWAP: swap(run); return;
	case OP_ROT: rotate(run); return;
	case OP_ABS:
		value = pop(run);
		push(run, as_signed(run, value) < 0 ? 0 - value : value);
		return;
	case OP_NEG: push(run, 0 - pop(run)); return;
	case OP_NOT: push(run, ~pop(run)); return;
	case OP_PLUS_UCONST: push(run, pop(run) + inq_cursor_uleb(cursor)); return;
	case OP_DEREF: dereference(run, run->machine->address_size); return;
	case OP_DEREF_SIZE: dereference(run, inq_cursor_u8(cursor)); return;
	case OP_SKIP: jump(run, (int16_t)inq_cursor_u16(cursor)); return;
	case OP_BRA: {
		int16_t distance = (int16_t)inq_cursor_u16(cursor);

		if (pop(run))
			jump(run, distance);
		return;
	}
	/* libgcc takes a register's value here, where DWARF has a location. */
	case OP_REGX: push(run, read_register(run, inq_cursor_uleb(cursor))); return;
	case OP_BREGX:
		value = inq_cursor_uleb(cursor);
		push(run, read_register(run, value) + (uint64_t)inq_cursor_sleb(cursor));
		return;
	}
	if (is_binary(op))
		binary(run, op);
	else if (op >= OP_LIT0 && op < OP_REG0)
		push(run, op - OP_LIT0);
	else if (op >= OP_REG0 && op < OP_BREG0)
		push(run, read_register(run, op - OP_REG0));
	else if (op >= OP_BREG0 && op < OP_REGX)
		push(run, read_register(run, op - OP_BREG0) + (uint64_t)inq_cursor_sleb(cursor));
	else
		stop(run, INQ_UNSUPPORTED, "an operation that has no place in call frame information");
}

enum inq_status cfi_evaluate(const uint8_t *expression, size_t size, const struct cfi_machine *machine,
			     const uint64_t *initial, uint64_t *budget, uint64_t *ret, uint64_t *ret_bad,
			     struct inq_error *err)
{
	struct evaluation run;

	run.machine = machine;
	run.cursor = inq_cursor_make(expression, size, 0, "expression");
	run.depth = 0;
	run.status = INQ_OK;
	run.bad = 0;
	run.err = err;
	if (initial)
		push(&run, *initial);
	while (run.status == INQ_OK && inq_cursor_left(&run.cursor) > 0) {
		if (*budget == 0) {
			stop(&run, INQ_LIMIT, "too many operations");
			break;
		}
		--*budget;
		operate(&run, inq_cursor_u8(&run.cursor));
	}
	if (run.status == INQ_OK)
		run.status = inq_cursor_status(&run.cursor, err);
	if (run.status == INQ_OK) {
		uint64_t value = pop(&run);

		if (run.status == INQ_OK)
			*ret = value;
	}
	if (run.status == INQ_FAULT && ret_bad)
		*ret_bad = run.bad;
	return run.status;
}
