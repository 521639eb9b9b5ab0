/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Call instructions of ARM64 (Arm ARM, C6.2: BL, BLR, BLRA) and ARM (F5.1: BL, BLX; Thumb's too). */
#include "unwind/arch.h"

static uint32_t word_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* The low `bits` as a signed number. */
static int64_t sign_extend(uint32_t value, unsigned bits)
{
	return (int64_t)((uint64_t)value << (64 - bits)) >> (64 - bits);
}

bool arch_arm64_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret)
{
	uint32_t word;

	*ret = (struct arch_call){0};
	if (size < 4)
		return false;
	word = word_at(end - 4);
	if ((word & 0xfc000000) == 0x94000000) { /* bl */
		ret->direct = true;
		ret->target = return_address - 4 + (uint64_t)(sign_extend(word, 26) * 4);
		return true;
	}
	/* blr; blraaz, blrabz, blraa, blrab */
	return (word & 0xfffffc1f) == 0xd63f0000 || (word & 0xfefff800) == 0xd63f0800;
}

bool arch_arm_is_call(const uint8_t *end, size_t size, uint64_t return_address, struct arch_call *ret)
{
	bool thumb = return_address & 1;
	uint32_t word;

	*ret = (struct arch_call){0};
	if (thumb) {
		if (size >= 2 && (end[-1] == 0x47 && (end[-2] & 0x87) == 0x80)) /* blx register */
			return true;
		return size >= 4 && (end[-3] & 0xf8) == 0xf0 && (end[-1] & 0xc0) == 0xc0; /* bl, blx */
	}
	if (size < 4)
		return false;
	word = word_at(end - 4);
	if ((word & 0x0f000000) == 0x0b000000 && (word & 0xf0000000) != 0xf0000000) { /* bl */
		ret->direct = true;
		ret->target = (uint32_t)(return_address + 4 + (uint64_t)(sign_extend(word, 24) * 4));
		return true;
	}
	return (word & 0xfe000000) == 0xfa000000 || (word & 0x0ffffff0) == 0x012fff30; /* blx */
}
