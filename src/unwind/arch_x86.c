/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instruction patterns of x86 and x86-64 (Intel SDM volume 2, CALL; 2.1, ModR/M and SIB). */
#include "unwind/arch.h"

#include <string.h>

/* Bytes of ModR/M, SIB and displacement together, or 0 if `modrm` is not CALL r/m (ff /2). */
static size_t operand_size(const uint8_t *modrm, size_t size)
{
	unsigned mod, rm;
	size_t bytes = 1;

	if (size == 0 || (modrm[0] >> 3 & 7) != 2)
		return 0;
	mod = modrm[0] >> 6;
	rm = modrm[0] & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (size < 2)
			return 0;
		bytes++;
		if (mod == 0 && (modrm[1] & 7) == 5)
			bytes += 4;
	} else if (mod == 0 && rm == 5) {
		bytes += 4;
	}
	return bytes + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

bool arch_x86_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret)
{
	*ret = (struct arch_call){0};
	if (size >= 5 && end[-5] == 0xe8) {
		int32_t distance;

		memcpy(&distance, end - 4, sizeof(distance));
		ret->direct = true;
		ret->target = return_address + (uint64_t)(int64_t)distance;
		return true;
	}
	for (size_t length = 2; length <= 7 && length <= size; length++)
		if (end[-(ptrdiff_t)length] == 0xff &&
		    operand_size(end - length + 1, length - 1) == length - 1)
			return true;
	return false;
}

static bool starts_with(const uint8_t *code, size_t size, const void *bytes, size_t count)
{
	return size >= count && !memcmp(code, bytes, count);
}

/* Where the return address is, from what the next instruction is about to do; a function without CFI is
 * hand-written or from a compiler that keeps frame pointers, so only its entry, its exit and procedure
 * linkage table entries need the code's word. */
static int return_offset(const uint8_t *code, size_t size, size_t before, unsigned pointer, const uint8_t *endbr)
{
	static const uint8_t MOV_FP[] = {0x89, 0xe5}, MOV_FP2[] = {0x8b, 0xec}; /* mov %sp,%bp */
	static const uint8_t BND_JMP[] = {0xf2, 0xff, 0x25}, JMP[] = {0xff, 0x25}, PUSH_GOT[] = {0xff, 0x35};
	const uint8_t *instruction = code;
	size_t left = size, rex = pointer == 8;

	if (starts_with(instruction, left, endbr, 4)) {
		instruction += 4;
		left -= 4;
	}
	if (left == 0)
		return -1;
	/* ret, rep ret, ret $n; push %bp at the entry; jmp *GOT of a linkage table */
	if (instruction[0] == 0xc3 || instruction[0] == 0xc2 ||
	    (left >= 2 && (instruction[0] == 0xf3 || instruction[0] == 0xf2) && instruction[1] == 0xc3))
		return 0;
	if (instruction[0] == 0x55 && left > 1 + rex + 2 &&
	    (!memcmp(instruction + 1 + rex, MOV_FP, 2) || !memcmp(instruction + 1 + rex, MOV_FP2, 2)))
		return 0;
	/* Lazy binding's last step, after both pushes; else the entry of a linkage table. */
	if (starts_with(instruction, left, JMP, 2) && before >= 6 && !memcmp(code - 6, PUSH_GOT, 2))
		return (int)(2 * pointer);
	if (starts_with(instruction, left, JMP, 2) || starts_with(instruction, left, BND_JMP, 3))
		return 0;
	if (instruction[0] == 0x68 && left >= 6 && (instruction[5] == 0xe9 || instruction[5] == 0xf2))
		return 0;
	if (starts_with(instruction, left, PUSH_GOT, 2) && left >= 8 && instruction[6] == 0xff && instruction[7] == 0x25)
		return (int)pointer;
	/* after push %bp, before mov %sp,%bp */
	if (before >= 1 && code[-1] == 0x55 && size >= rex + 2 &&
	    (!memcmp(code + rex, MOV_FP, 2) || !memcmp(code + rex, MOV_FP2, 2)))
		return (int)pointer;
	/* pop %bp; ret */
	if (left >= 2 && instruction[0] == 0x5d && instruction[1] == 0xc3)
		return (int)pointer;
	if (before >= 5 && code[-5] == 0x68 && instruction[0] == 0xe9) /* between push and jmp of a linkage table */
		return (int)pointer;
	return -1;
}

int arch_amd64_return_offset(const uint8_t *code, size_t size, size_t before)
{
	static const uint8_t ENDBR64[] = {0xf3, 0x0f, 0x1e, 0xfa};

	return return_offset(code, size, before, 8, ENDBR64);
}

int arch_x86_return_offset(const uint8_t *code, size_t size, size_t before)
{
	static const uint8_t ENDBR32[] = {0xf3, 0x0f, 0x1e, 0xfb};

	return return_offset(code, size, before, 4, ENDBR32);
}
