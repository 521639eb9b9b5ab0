/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Epilogues of PE functions: by their code, which the ABI keeps to one form, or by a version 2 unwind info. */
#include "unwind/pe.h"

#include <string.h>

enum { REX_W = 0x48, REX_B = 1 };

/* Code while it is read. */
struct code {
	const uint8_t *bytes;
	size_t size, at;
};

/* 0 behind the end: no instruction that is looked for has one there that take() would not miss. */
static uint8_t peek(const struct code *code, size_t ahead)
{
	return code->at + ahead < code->size ? code->bytes[code->at + ahead] : 0;
}

static int32_t number(const struct code *code, size_t ahead, unsigned size)
{
	uint32_t value = 0;

	if (size == 1)
		return (int8_t)peek(code, ahead);
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)peek(code, ahead + i) << (8 * i);
	return (int32_t)value;
}

/* One instruction, if all of it is there. */
static bool take(struct code *code, size_t size, struct pe_epilogue *to, struct pe_epilogue_step step)
{
	if (code->size - code->at < size || to->count == PE_EPILOGUE_STEPS)
		return false;
	code->at += size;
	to->steps[to->count++] = step;
	return true;
}

/* add rsp, imm8 / imm32: 48 83 c4 ib, 48 81 c4 id. */
static bool read_add(struct code *code, struct pe_epilogue *ret)
{
	unsigned size = peek(code, 1) == 0x83 ? 1 : 4;

	if (peek(code, 0) != REX_W || (peek(code, 1) != 0x83 && peek(code, 1) != 0x81) || peek(code, 2) != 0xc4)
		return false;
	return take(code, 3 + size, ret, (struct pe_epilogue_step){PE_ADD, 0, number(code, 3, size)});
}

/* lea rsp, [frame register + disp8 / disp32]: 48 or 49, 8d, mod 1 or 2 with rsp; r12 as a base has an SIB. */
static bool read_lea(struct code *code, uint8_t frame_register, struct pe_epilogue *ret)
{
	uint8_t rex = peek(code, 0), modrm = peek(code, 2), mod = modrm >> 6;
	bool has_sib = (modrm & 7) == 4;
	unsigned size = mod == 1 ? 1 : 4, head = 3 + has_sib;

	if (!frame_register || (rex & ~REX_B) != REX_W || peek(code, 1) != 0x8d || (mod != 1 && mod != 2) ||
	    (modrm >> 3 & 7) != PE_RSP || ((modrm & 7) | (rex & REX_B) << 3) != frame_register ||
	    (has_sib && peek(code, 3) != 0x24))
		return false;
	return take(code, head + size, ret,
		    (struct pe_epilogue_step){PE_LEA, frame_register, number(code, head, size)});
}

/* pop r64: 58 + reg, with 41 before it for r8 to r15. */
static bool read_pop(struct code *code, struct pe_epilogue *ret)
{
	bool high = peek(code, 0) == 0x41;
	uint8_t op = peek(code, high), reg = (uint8_t)((op & 7) | high << 3);

	return (op & 0xf8) == 0x58 && take(code, 1u + high, ret, (struct pe_epilogue_step){PE_POP, reg, 0});
}

/* Bytes of the instruction that leaves a function, 0: none. ret, ret iw, rep ret, bnd ret; jmp rel8 and rel32;
 * jmp [rip + x]; rex.w jmp reg or [reg], the form of a tail call through a pointer. */
static size_t leave_size(const struct code *code)
{
	uint8_t first = peek(code, 0), second = peek(code, 1);

	switch (first) {
	case 0xc3:
		return 1;
	case 0xc2:
		return 3;
	case 0xeb:
		return 2;
	case 0xe9:
		return 5;
	case 0xf3:
	case 0xf2:
		return second == 0xc3 ? 2 : 0;
	case 0xff:
		return second == 0x25 ? 6 : 0;
	default:
		return (first & 0xf8) == REX_W && second == 0xff && (peek(code, 2) >> 3 & 7) == 4 ? 3 : 0;
	}
}

static bool read_leave(struct code *code, uint32_t rva, struct pe_epilogue *ret)
{
	uint8_t first = peek(code, 0);
	unsigned distance = first == 0xeb ? 1 : 4;
	size_t size = leave_size(code);

	ret->jumps = first == 0xeb || first == 0xe9;
	ret->target = rva + (uint32_t)(code->at + size) + (uint32_t)number(code, 1, distance);
	return size && take(code, size, ret, (struct pe_epilogue_step){PE_LEAVE, 0, 0});
}

bool pe_read_epilogue(const uint8_t *bytes, size_t size, uint32_t rva, uint8_t frame_register,
		      struct pe_epilogue *ret)
{
	struct code code = {bytes, size < PE_EPILOGUE_MAX ? size : PE_EPILOGUE_MAX, 0};

	ret->count = 0;
	if (!read_add(&code, ret))
		read_lea(&code, frame_register, ret);
	while (read_pop(&code, ret))
		;
	return read_leave(&code, rva, ret);
}

static void mirror(struct pe_epilogue *to, enum pe_epilogue_kind kind, uint8_t reg, int32_t amount)
{
	if (to->count < PE_EPILOGUE_STEPS)
		to->steps[to->count++] = (struct pe_epilogue_step){kind, reg, amount};
}

void pe_mirror_epilogue(const struct pe_info *info, uint32_t into, struct pe_epilogue *ret)
{
	uint32_t at = 0;

	ret->count = 0;
	ret->jumps = false;
	for (unsigned i = 0; i < info->count; i++) {
		const struct pe_code *code = &info->codes[i];

		/* A pop of one byte, r8 and above two; what was allocated with 8 bytes between pushes is popped, too. */
		if (code->operation == PE_PUSH || (at && code->operation == PE_ALLOCATE && code->amount == 8)) {
			if (at >= into)
				mirror(ret, code->operation == PE_PUSH ? PE_POP : PE_ADD, code->reg, 8);
			at += code->operation == PE_PUSH && code->reg >= 8 ? 2 : 1;
		}
	}
	if (ret->count == PE_EPILOGUE_STEPS)
		ret->count--;
	mirror(ret, PE_LEAVE, 0, 0);
}
