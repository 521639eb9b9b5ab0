/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Call frame instructions (DWARF 5, 6.4.2 and 7.24; GNU's and Arm's from their ABI documents). */
#include "unwind/cfi.h"

#include <string.h>

enum {
	CFA_ADVANCE_LOC = 0x40, CFA_OFFSET = 0x80, CFA_RESTORE = 0xc0,

	CFA_NOP = 0x00, CFA_SET_LOC = 0x01, CFA_ADVANCE_LOC1 = 0x02, CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04, CFA_OFFSET_EXTENDED = 0x05, CFA_RESTORE_EXTENDED = 0x06, CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08, CFA_REGISTER = 0x09, CFA_REMEMBER_STATE = 0x0a, CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c, CFA_DEF_CFA_REGISTER = 0x0d, CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f, CFA_EXPRESSION = 0x10, CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12, CFA_DEF_CFA_OFFSET_SF = 0x13, CFA_VAL_OFFSET = 0x14, CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16, CFA_MIPS_ADVANCE_LOC8 = 0x1d, CFA_AARCH64_NEGATE_RA_STATE_WITH_PC = 0x2c,
	CFA_AARCH64_NEGATE_RA_STATE = 0x2d, CFA_GNU_ARGS_SIZE = 0x2e, CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,

	CHEAP = 1, DEAR = 8, /* copying a row costs as much as some 8 small operations */
};

struct run {
	const struct cfi_section *section;
	const struct cfi_cie *cie;
	struct inq_cursor cursor;
	uint64_t function;       /* start of the FDE's code */
	uint64_t location;
	bool aarch64;
	struct cfi_row *row;
	struct cfi_row initial;  /* after the CIE's program, for restore */
	struct cfi_row states[CFI_MAX_STATES];
	unsigned depth;
};

static int64_t factored(const struct run *run, int64_t offset)
{
	return (int64_t)((uint64_t)offset * (uint64_t)run->cie->data_align);
}

static void set_rule(struct run *run, uint64_t column, struct cfi_rule rule)
{
	if (column < INQ_UNWIND_REGISTERS)
		run->row->rules[column] = rule;
}

static void set_offset(struct run *run, uint64_t column, enum cfi_rule_kind kind, int64_t offset)
{
	set_rule(run, column, (struct cfi_rule){.kind = kind, .offset = offset});
}

static void restore(struct run *run, uint64_t column)
{
	if (column < INQ_UNWIND_REGISTERS)
		run->row->rules[column] = run->initial.rules[column];
}

static struct cfi_rule read_expression(struct run *run, enum cfi_rule_kind kind)
{
	uint64_t size = inq_cursor_uleb(&run->cursor);
	struct cfi_rule rule = {.kind = kind};

	if (size > CFI_MAX_EXPRESSION || size > inq_cursor_left(&run->cursor))
		inq_cursor_fail(&run->cursor);
	rule.size = (uint32_t)size;
	rule.expression = inq_cursor_bytes(&run->cursor, (size_t)size);
	return rule;
}

static void set_cfa(struct run *run, uint64_t reg, int64_t offset)
{
	run->row->cfa = (struct cfi_rule){.kind = CFI_REGISTER, .reg = reg};
	run->row->cfa_offset = offset;
}

static uint64_t read_location(struct run *run)
{
	struct cfi_bases bases = {run->section->text_base, run->section->data_base, run->function,
				  run->cie->address_size};
	uint64_t location = run->location;

	if (!cfi_read_pointer(&run->cursor, run->cie->fde_encoding & ~CFI_PE_INDIRECT, &bases, &location))
		inq_cursor_fail(&run->cursor);
	return location;
}

static void advance(struct run *run, uint64_t delta)
{
	uint64_t step;

	/* A location that wraps around would go backwards: nothing after it can apply. */
	if (__builtin_mul_overflow(delta, run->cie->code_align, &step) ||
	    __builtin_add_overflow(run->location, step, &run->location))
		run->location = UINT64_MAX;
}

static enum inq_status remember(struct run *run, struct inq_error *err)
{
	if (run->depth == CFI_MAX_STATES)
		return inq_fail(err, INQ_LIMIT, "CFI remembers more than %d states", CFI_MAX_STATES);
	run->states[run->depth++] = *run->row;
	return INQ_OK;
}

/* The CFA is part of the state since GCC's reading of DWARF 3; args_size is not. */
static enum inq_status restore_state(struct run *run, struct inq_error *err)
{
	uint64_t args_size = run->row->args_size;

	if (run->depth == 0)
		return inq_fail(err, INQ_BAD_DATA, "CFI restores a state that it never remembered");
	*run->row = run->states[--run->depth];
	run->row->args_size = args_size;
	return INQ_OK;
}

/* Opcodes with operands of their own. */
static enum inq_status run_extended(struct run *run, uint8_t opcode, struct inq_error *err)
{
	struct inq_cursor *cursor = &run->cursor;
	uint64_t column;

	switch (opcode) {
	case CFA_NOP:
		return INQ_OK;
	case CFA_SET_LOC:
		run->location = read_location(run);
		return INQ_OK;
	case CFA_ADVANCE_LOC1:
		advance(run, inq_cursor_u8(cursor));
		return INQ_OK;
	case CFA_ADVANCE_LOC2:
		advance(run, inq_cursor_u16(cursor));
		return INQ_OK;
	case CFA_ADVANCE_LOC4:
		advance(run, inq_cursor_u32(cursor));
		return INQ_OK;
	case CFA_MIPS_ADVANCE_LOC8:
		advance(run, inq_cursor_u64(cursor));
		return INQ_OK;
	case CFA_OFFSET_EXTENDED:
		column = inq_cursor_uleb(cursor);
		set_offset(run, column, CFI_OFFSET, factored(run, (int64_t)inq_cursor_uleb(cursor)));
		return INQ_OK;
	case CFA_OFFSET_EXTENDED_SF:
		column = inq_cursor_uleb(cursor);
		set_offset(run, column, CFI_OFFSET, factored(run, inq_cursor_sleb(cursor)));
		return INQ_OK;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		column = inq_cursor_uleb(cursor);
		set_offset(run, column, CFI_OFFSET,
			   factored(run, (int64_t)(0 - inq_cursor_uleb(cursor))));
		return INQ_OK;
	case CFA_VAL_OFFSET:
		column = inq_cursor_uleb(cursor);
		set_offset(run, column, CFI_VAL_OFFSET, factored(run, (int64_t)inq_cursor_uleb(cursor)));
		return INQ_OK;
	case CFA_VAL_OFFSET_SF:
		column = inq_cursor_uleb(cursor);
		set_offset(run, column, CFI_VAL_OFFSET, factored(run, inq_cursor_sleb(cursor)));
		return INQ_OK;
	case CFA_RESTORE_EXTENDED:
		restore(run, inq_cursor_uleb(cursor));
		return INQ_OK;
	case CFA_UNDEFINED:
		set_offset(run, inq_cursor_uleb(cursor), CFI_UNDEFINED, 0);
		return INQ_OK;
	case CFA_SAME_VALUE:
		set_offset(run, inq_cursor_uleb(cursor), CFI_SAME, 0);
		return INQ_OK;
	case CFA_REGISTER:
		column = inq_cursor_uleb(cursor);
		set_rule(run, column, (struct cfi_rule){.kind = CFI_REGISTER, .reg = inq_cursor_uleb(cursor)});
		return INQ_OK;
	case CFA_REMEMBER_STATE:
		return remember(run, err);
	case CFA_RESTORE_STATE:
		return restore_state(run, err);
	case CFA_DEF_CFA:
		column = inq_cursor_uleb(cursor);
		set_cfa(run, column, (int64_t)inq_cursor_uleb(cursor));
		return INQ_OK;
	case CFA_DEF_CFA_SF:
		column = inq_cursor_uleb(cursor);
		set_cfa(run, column, factored(run, inq_cursor_sleb(cursor)));
		return INQ_OK;
	case CFA_DEF_CFA_REGISTER:
		set_cfa(run, inq_cursor_uleb(cursor), run->row->cfa_offset);
		return INQ_OK;
	case CFA_DEF_CFA_OFFSET:
		run->row->cfa_offset = (int64_t)inq_cursor_uleb(cursor);
		return INQ_OK;
	case CFA_DEF_CFA_OFFSET_SF:
		run->row->cfa_offset = factored(run, inq_cursor_sleb(cursor));
		return INQ_OK;
	case CFA_DEF_CFA_EXPRESSION:
		run->row->cfa = read_expression(run, CFI_EXPRESSION);
		return INQ_OK;
	case CFA_EXPRESSION:
		column = inq_cursor_uleb(cursor);
		set_rule(run, column, read_expression(run, CFI_EXPRESSION));
		return INQ_OK;
	case CFA_VAL_EXPRESSION:
		column = inq_cursor_uleb(cursor);
		set_rule(run, column, read_expression(run, CFI_VAL_EXPRESSION));
		return INQ_OK;
	case CFA_GNU_ARGS_SIZE:
		run->row->args_size = inq_cursor_uleb(cursor);
		return INQ_OK;
	case CFA_AARCH64_NEGATE_RA_STATE:
	case CFA_AARCH64_NEGATE_RA_STATE_WITH_PC:
		if (run->aarch64) {
			run->row->return_signed = !run->row->return_signed;
			return INQ_OK;
		}
		break;
	}
	return inq_fail(err, INQ_UNSUPPORTED, "call frame instruction 0x%02x", opcode);
}

/* Run one program; stop before the first row that begins beyond `address`. */
static enum inq_status run_program(struct run *run, const uint8_t *program, size_t size, uint64_t address,
				   uint64_t *budget, struct inq_error *err)
{
	const struct cfi_section *section = run->section;
	uintptr_t into = (uintptr_t)program - (uintptr_t)section->data;

	/* A CIE may come from another copy; only an FDE's set_loc asks where it is. */
	run->cursor = inq_cursor_make(program, size, into <= section->size ? section->vaddr + into : 0,
				      section->debug_frame ? ".debug_frame" : ".eh_frame");
	while (inq_cursor_left(&run->cursor) > 0) {
		uint8_t opcode = inq_cursor_u8(&run->cursor);
		uint64_t cost = opcode == CFA_REMEMBER_STATE || opcode == CFA_RESTORE_STATE ? DEAR : CHEAP;
		enum inq_status status = INQ_OK;

		if (*budget < cost)
			return inq_fail(err, INQ_LIMIT, "call frame program is too long");
		*budget -= cost;
		switch (opcode & 0xc0) {
		case CFA_ADVANCE_LOC:
			advance(run, opcode & 0x3f);
			break;
		case CFA_OFFSET:
			set_offset(run, opcode & 0x3f, CFI_OFFSET,
				   factored(run, (int64_t)inq_cursor_uleb(&run->cursor)));
			break;
		case CFA_RESTORE:
			restore(run, opcode & 0x3f);
			break;
		default:
			status = run_extended(run, opcode, err);
		}
		if (status != INQ_OK)
			return status;
		if (run->cursor.bad || run->location > address)
			break;
	}
	return inq_cursor_status(&run->cursor, err);
}

enum inq_status cfi_run(const struct cfi_section *section, const struct cfi_cie *cie, const struct cfi_fde *fde,
			uint64_t address, bool aarch64, uint64_t *budget, struct cfi_row *ret,
			struct inq_error *err)
{
	struct run run; /* 25 KiB: only what is remembered is ever written */
	struct cfi_row row;
	enum inq_status status;

	memset(&row, 0, sizeof(row));
	row.return_column = cie->return_column;
	row.signal = cie->signal;
	run.section = section;
	run.cie = cie;
	run.function = run.location = fde->start;
	run.aarch64 = aarch64;
	run.row = &row;
	run.depth = 0;
	memset(&run.initial, 0, sizeof(run.initial));
	status = run_program(&run, cie->program, cie->program_size, UINT64_MAX, budget, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "CIE");
	run.initial = row;
	run.location = fde->start;
	run.depth = 0;
	status = run_program(&run, fde->program, fde->program_size, address, budget, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "FDE of 0x%llx", (unsigned long long)fde->start);
	*ret = row;
	return INQ_OK;
}
