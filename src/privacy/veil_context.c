/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registers: which survive, and what is said instead of the others. */
#include "config.h"

#include "privacy/veil_private.h"

#include <string.h>

/* Beside the instruction and the stack pointer: flags, and the selectors that the kernel sets. */
static const char *const always[] = {"efl", "cpsr", "cs", "ss"};

static bool is_always_kept(const struct inq_register *reg)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (strcmp(reg->name, always[i]) == 0)
			return true;
	}
	return false;
}

static bool is_kept(const struct inq_machine_info *info, const struct inq_register *reg, uint64_t kept)
{
	if (reg->dwarf >= 0 && (reg->dwarf == info->dwarf_pc || reg->dwarf == info->dwarf_sp))
		return true;
	return is_always_kept(reg) || (reg->dwarf >= 0 && reg->dwarf < INQ_UNWIND_REGISTERS &&
				       kept >> reg->dwarf & 1);
}

/* Made anew rather than cleaned, so that no byte without a name is carried along. */
void veil_scrub_context(const struct inq_context *raw, uint64_t kept, struct inq_context *ret)
{
	const struct inq_machine_info *info = inq_machine_info(raw->machine);
	struct inq_context fresh = {0};

	inq_context_init(raw->machine, &fresh);
	fresh.machine = raw->machine;
	fresh.size = raw->size;
	for (size_t i = 0; info && i < info->register_count; i++) {
		const struct inq_register *reg = &info->registers[i];

		if (is_kept(info, reg, kept) && (uint32_t)reg->offset + reg->size <= raw->size)
			memcpy(fresh.raw + reg->offset, raw->raw + reg->offset, reg->size);
	}
	*ret = fresh;
}

/* --- classes -------------------------------------------------------------------------------- */

static bool is_on_a_stack(const struct inq_veil *veil, uint64_t value)
{
	const struct inq_range *stacks = (const struct inq_range *)veil->stacks.data;

	for (size_t i = 0; i < veil->stacks.size / sizeof(*stacks); i++) {
		if (value - stacks[i].base < stacks[i].size)
			return true;
	}
	return false;
}

uint8_t veil_class_of(const struct inq_veil *veil, uint64_t value)
{
	return (uint8_t)inq_value_class(value, veil_region(veil, value), is_on_a_stack(veil, value));
}

void veil_classify_context(const struct inq_veil *veil, const struct inq_context *raw, uint64_t kept,
			   struct inq_veil_classes *ret)
{
	const struct inq_machine_info *info = inq_machine_info(raw->machine);

	for (size_t i = 0; info && i < info->register_count; i++) {
		const struct inq_register *reg = &info->registers[i];
		uint64_t value;

		if (reg->class != INQ_REG_GENERAL || reg->dwarf < 0 || reg->dwarf >= INQ_VEIL_CLASSES)
			continue;
		if (is_kept(info, reg, kept))
			ret->of[reg->dwarf] = INQ_VALUE_SHOWN;
		else if (inq_context_get(raw, reg, &value))
			ret->of[reg->dwarf] = veil_class_of(veil, value);
	}
}
