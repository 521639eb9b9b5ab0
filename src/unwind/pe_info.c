/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind/pe.h"

#include "support/cursor.h"

#include <string.h>

/* UNWIND_INFO's flags, and UNWIND_CODE's operations. */
enum { FLAG_CHAINED = 4, FLAGS_SHIFT = 3, VERSION_MASK = 7 };

enum {
	OP_PUSH_NONVOL,
	OP_ALLOC_LARGE,
	OP_ALLOC_SMALL,
	OP_SET_FPREG,
	OP_SAVE_NONVOL,
	OP_SAVE_NONVOL_FAR,
	OP_EPILOG,        /* version 1: a saved vector register of 8 bytes */
	OP_SPARE,         /* the same, far */
	OP_SAVE_XMM128,
	OP_SAVE_XMM128_FAR,
	OP_PUSH_MACHFRAME,
	OPERATIONS,
};

/* What follows an UNWIND_CODE in slots of its size, and what it means for us. */
static const struct operation {
	uint8_t slots;  /* after the code itself; ALLOC_LARGE has another if its info is 1 */
	bool kept;
	uint8_t means;  /* enum pe_operation */
	uint8_t scale;  /* of what the first slot holds, bytes */
} OPERATION[OPERATIONS] = {
	[OP_PUSH_NONVOL]     = {0, true,  PE_PUSH,          0},
	[OP_ALLOC_LARGE]     = {1, true,  PE_ALLOCATE,      8},
	[OP_ALLOC_SMALL]     = {0, true,  PE_ALLOCATE,      0},
	[OP_SET_FPREG]       = {0, true,  PE_SET_FRAME,     0},
	[OP_SAVE_NONVOL]     = {1, true,  PE_SAVE,          8},
	[OP_SAVE_NONVOL_FAR] = {2, true,  PE_SAVE,          1},
	[OP_EPILOG]          = {1, false, 0,                0},
	[OP_SPARE]           = {2, false, 0,                0},
	[OP_SAVE_XMM128]     = {1, false, 0,                0},
	[OP_SAVE_XMM128_FAR] = {2, false, 0,                0},
	[OP_PUSH_MACHFRAME]  = {0, true,  PE_MACHINE_FRAME, 0},
};

struct pe_function pe_parse_function(const uint8_t bytes[PE_FUNCTION_SIZE])
{
	struct inq_cursor cursor = inq_cursor_make(bytes, PE_FUNCTION_SIZE, 0, "runtime function");
	struct pe_function function;

	function.begin = inq_cursor_u32(&cursor);
	function.end = inq_cursor_u32(&cursor);
	function.info = inq_cursor_u32(&cursor);
	return function;
}

static uint32_t amount_of(unsigned op, unsigned info, unsigned slots, struct inq_cursor *operands)
{
	switch (op) {
	case OP_ALLOC_SMALL:
		return 8 * info + 8;
	case OP_PUSH_MACHFRAME:
		return info ? 8 : 0;
	default:
		return slots == 2 ? inq_cursor_u32(operands)
				  : slots == 1 ? (uint32_t)OPERATION[op].scale * inq_cursor_u16(operands) : 0;
	}
}

/* Version 2 has its epilogues before everything else: size and flags first, then one code for each place; 0 fills up
 * to an even number. */
static unsigned read_epilogues(struct inq_cursor *cursor, unsigned slots, struct pe_info *ret)
{
	unsigned used = 0;

	while (used < slots) {
		size_t at = cursor->at;
		unsigned low = inq_cursor_u8(cursor), operation = inq_cursor_u8(cursor);
		unsigned before = low | (operation >> 4) << 8;

		if ((operation & 15) != OP_EPILOG) {
			inq_cursor_seek(cursor, at);
			break;
		}
		if (used++ == 0) {
			ret->epilogue_size = (uint8_t)low;
			before = operation >> 4 & 1 ? low : 0;
		}
		if (before)
			ret->epilogues[ret->epilogue_count++] = (uint16_t)before;
	}
	return used;
}

static enum inq_status read_code(struct inq_cursor *cursor, unsigned left, struct pe_info *ret, unsigned *ret_used,
				 struct inq_error *err)
{
	uint8_t after = inq_cursor_u8(cursor), operation = inq_cursor_u8(cursor);
	unsigned op = operation & 15, info = operation >> 4, slots;
	struct inq_cursor operands = *cursor;

	if (op >= OPERATIONS || (op == OP_ALLOC_LARGE && info > 1))
		return inq_fail(err, INQ_UNSUPPORTED, "unwind code 0x%02x", operation);
	slots = OPERATION[op].slots + (op == OP_ALLOC_LARGE ? info : 0);
	*ret_used = 1 + slots;
	if (*ret_used > left)
		return inq_fail(err, INQ_BAD_DATA, "unwind code 0x%02x runs past the others", operation);
	if (OPERATION[op].kept)
		ret->codes[ret->count++] = (struct pe_code){
			.after = after,
			.operation = OPERATION[op].means,
			.reg = (uint8_t)info,
			.amount = amount_of(op, info, slots, &operands),
		};
	inq_cursor_skip(cursor, 2 * slots);
	return INQ_OK;
}

size_t pe_info_size(const uint8_t head[PE_INFO_HEAD])
{
	size_t slots = head[2];

	return head[0] >> FLAGS_SHIFT & FLAG_CHAINED ? PE_INFO_HEAD + 2 * (slots + (slots & 1)) + PE_FUNCTION_SIZE
						     : PE_INFO_HEAD + 2 * slots;
}

enum inq_status pe_parse_info(const uint8_t *bytes, size_t size, struct pe_info *ret, struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(bytes, size, 0, "unwind info");
	unsigned head = inq_cursor_u8(&cursor), slots, used = 0, frame;

	ret->version = head & VERSION_MASK;
	ret->prologue = inq_cursor_u8(&cursor);
	slots = inq_cursor_u8(&cursor);
	frame = inq_cursor_u8(&cursor);
	ret->frame_register = frame & 15;
	ret->frame_offset = 16 * (frame >> 4);
	ret->count = ret->epilogue_count = 0;
	ret->epilogue_size = 0;
	ret->chained = head >> FLAGS_SHIFT & FLAG_CHAINED;
	if (ret->version != 1 && ret->version != 2)
		return inq_fail(err, INQ_UNSUPPORTED, "unwind info of version %u", ret->version);
	if (inq_cursor_left(&cursor) < 2 * slots)
		inq_cursor_fail(&cursor);
	for (unsigned at = ret->version == 2 ? read_epilogues(&cursor, slots, ret) : 0; at < slots && !cursor.bad;
	     at += used) {
		enum inq_status status = read_code(&cursor, slots - at, ret, &used, err);

		if (status != INQ_OK)
			return status;
	}
	if (ret->chained) {
		const uint8_t *chain;

		inq_cursor_skip(&cursor, slots & 1 ? 2 : 0);
		chain = inq_cursor_bytes(&cursor, PE_FUNCTION_SIZE);
		if (chain)
			ret->chain = pe_parse_function(chain);
	}
	return inq_cursor_status(&cursor, err);
}
