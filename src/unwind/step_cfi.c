/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The caller by call frame information: a row applied to a frame's registers. */
#include "unwind/walk.h"

static bool read_for_expression(void *user, uint64_t address, void *to, size_t size)
{
	struct walk *walk = user;

	if (!memory_read(&walk->unwinder->memory, NULL, address, to, size))
		return false;
	walk_tell_slot(walk, address, (unsigned)size, -1);
	return true;
}

static enum step from_status(struct walk *walk, enum inq_status status, uint64_t bad)
{
	if (status == INQ_OK)
		return STEP_OK;
	if (status != INQ_FAULT)
		return STEP_NONE;
	walk->missing = bad;
	return STEP_NO_MEMORY;
}

static enum step evaluate(struct walk *walk, const struct inq_frame *frame, const struct cfi_rule *rule,
			  const uint64_t *initial, uint64_t *ret)
{
	const struct table *table = walk->unwinder->recent; /* table_row() left it at the row's */
	uint64_t used = 0;
	struct cfi_machine machine = {
		.registers = &frame->registers,
		.address_size = walk->arch->pointer,
		.bias = table && table->module.image && !inq_image_is_memory(table->module.image)
				? table->module.bias : 0,
		.read = read_for_expression,
		.used = &used,
		.user = walk,
	};
	uint64_t allowed = walk->budget < EXPRESSION_BUDGET ? walk->budget : EXPRESSION_BUDGET, left = allowed;
	uint64_t bad = 0;
	enum inq_status status = cfi_evaluate(rule->expression, rule->size, &machine, initial, &left, ret, &bad, NULL);

	walk->budget -= allowed - left;
	for (int i = 0; used >> i && i < INQ_UNWIND_REGISTERS; i++)
		if (used >> i & 1)
			walk_tell_use(walk, i);
	return from_status(walk, status, bad);
}

static enum step find_cfa(struct walk *walk, const struct cfi_row *row, const struct inq_frame *frame,
			  uint64_t *ret)
{
	if (row->cfa.kind == CFI_EXPRESSION)
		return evaluate(walk, frame, &row->cfa, NULL, ret);
	if (row->cfa.kind != CFI_REGISTER || row->cfa.reg >= INQ_UNWIND_REGISTERS ||
	    !walk_known(frame, (int)row->cfa.reg))
		return STEP_NONE;
	walk_tell_use(walk, (int)row->cfa.reg);
	*ret = frame->registers.value[row->cfa.reg] + (uint64_t)row->cfa_offset;
	if (walk->arch->pointer == 4)
		*ret = (uint32_t)*ret;
	return STEP_OK;
}

/* One register of the caller into column `to`. STEP_NONE: it is not known there. */
static enum step apply(struct walk *walk, const struct cfi_rule *rule, unsigned column, int to,
		       const struct inq_frame *frame, struct inq_frame *next, uint64_t *ret_slot)
{
	uint64_t address = frame->cfa + (uint64_t)rule->offset, value = 0;
	enum step step;

	switch (rule->kind) {
	case CFI_UNSPECIFIED:
		if (!(walk->arch->preserved >> column & 1) && (int)column != walk->arch->link)
			return STEP_NONE;
		__attribute__((fallthrough));
	case CFI_SAME:
		if (!walk_known(frame, (int)column))
			return STEP_NONE;
		if ((int)column != to)
			walk_tell_use(walk, (int)column);
		walk_set(next, to, frame->registers.value[column]);
		return STEP_OK;
	case CFI_REGISTER:
		if (rule->reg >= INQ_UNWIND_REGISTERS || !walk_known(frame, (int)rule->reg))
			return STEP_NONE;
		walk_tell_use(walk, (int)rule->reg);
		walk_tell_slot(walk, 0, 0, to);
		walk_set(next, to, frame->registers.value[rule->reg]);
		return STEP_OK;
	case CFI_VAL_OFFSET:
		walk_tell_slot(walk, 0, 0, to);
		walk_set(next, to, address);
		return STEP_OK;
	case CFI_VAL_EXPRESSION:
		step = evaluate(walk, frame, rule, &frame->cfa, &value);
		if (step == STEP_OK) {
			walk_tell_slot(walk, 0, 0, to);
			walk_set(next, to, value);
		}
		return step;
	case CFI_EXPRESSION:
		step = evaluate(walk, frame, rule, &frame->cfa, &address);
		if (step != STEP_OK)
			return step;
		break;
	case CFI_OFFSET:
		break;
	default:
		return STEP_NONE;
	}
	if (!walk_load(walk, address, to, next)) {
		walk->missing = address;
		return STEP_NO_MEMORY;
	}
	*ret_slot = address;
	return STEP_OK;
}

enum step step_cfi(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next)
{
	const struct arch *arch = walk->arch;
	const struct cfi_row *row = NULL;
	uint64_t end = 0, ignored = 0, cfa = 0, column;
	enum step step;

	if (!arch->has_cfi ||
	    table_row(walk->unwinder, arch, frame->lookup_pc, &walk->budget, &row, &end) != INQ_OK)
		return STEP_NONE;
	/* A return address at the very end of a function follows a call that does not return, or is no return address
	 * but the trampoline that a handler returns to and that CFI knows under its own first byte. */
	if (!row->signal && !interrupted && end == frame->pc) {
		if (step_signal(walk, frame, next) == STEP_OK)
			return STEP_OK;
		const struct cfi_row *own = NULL;

		if (table_row(walk->unwinder, arch, frame->pc, &walk->budget, &own, &ignored) == INQ_OK &&
		    own->signal)
			row = own;
		else if (table_row(walk->unwinder, arch, frame->lookup_pc, &walk->budget, &row, &end) != INQ_OK)
			return STEP_NONE;
	}
	step = find_cfa(walk, row, frame, &cfa);
	if (step != STEP_OK)
		return step;
	column = row->return_column;
	if (column >= INQ_UNWIND_REGISTERS)
		return STEP_NONE;
	if (row->rules[column].kind == CFI_UNDEFINED)
		return STEP_END;
	frame->cfa = cfa;
	if (row->signal) {
		frame->signal = true;
		frame->lookup_pc = frame->pc;
	}
	step = apply(walk, &row->rules[column], (unsigned)column, arch->pc, frame, next, &frame->return_slot);
	if (step != STEP_OK)
		return step;
	for (unsigned i = 0; i < arch->columns; i++)
		if ((int)i != arch->pc && (int)i != arch->sp)
			apply(walk, &row->rules[i], i, (int)i, frame, next, &ignored);
	if (row->rules[arch->sp].kind == CFI_UNSPECIFIED ||
	    apply(walk, &row->rules[arch->sp], (unsigned)arch->sp, arch->sp, frame, next, &ignored) != STEP_OK) {
		walk_tell_slot(walk, 0, 0, arch->sp);
		walk_set(next, arch->sp, cfa);
	}
	/* The interrupted pc of a signal frame is no return address: it has no bits that are no part of it. */
	if (!row->signal)
		walk_set(next, arch->pc, walk_strip(walk, next->registers.value[arch->pc]));
	next->trust = row->signal ? INQ_TRUST_SIGNAL : INQ_TRUST_CFI;
	return STEP_OK;
}
