/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signal frames by the code of the trampoline, for C libraries and kernels that give it no CFI. */
#include "unwind/walk.h"

#include <string.h>

static const struct arch_trampoline *find_trampoline(struct walk *walk, uint64_t pc)
{
	uint8_t code[ARCH_MAX_TRAMPOLINE];

	for (unsigned i = 0; i < walk->arch->trampoline_count; i++) {
		const struct arch_trampoline *trampoline = &walk->arch->trampolines[i];

		if (walk_read_code(walk, pc, code, trampoline->size) &&
		    !memcmp(code, trampoline->bytes, trampoline->size))
			return trampoline;
	}
	return NULL;
}

enum step step_signal(struct walk *walk, struct inq_frame *frame, struct inq_frame *next)
{
	const struct arch *arch = walk->arch;
	uint64_t pc = frame->pc & ~(uint64_t)arch->thumb, registers;
	const struct arch_trampoline *trampoline;

	if (!walk_known(frame, arch->sp) || !(trampoline = find_trampoline(walk, pc)))
		return STEP_NONE;
	registers = frame->sp;
	if (trampoline->pointer && !walk_read_word(walk, frame->sp + trampoline->pointer, &registers)) {
		walk->missing = frame->sp + trampoline->pointer;
		return STEP_NO_MEMORY;
	}
	if (trampoline->pointer)
		walk_tell_slot(walk, frame->sp + trampoline->pointer, arch->pointer, -1);
	registers += trampoline->offset;
	for (unsigned i = 0; i < arch->saved_count; i++) {
		uint64_t address = registers + (uint64_t)arch->saved[i].word * arch->pointer;

		if (!walk_load(walk, address, arch->saved[i].dwarf, next)) {
			walk->missing = address;
			return STEP_NO_MEMORY;
		}
		if (arch->saved[i].dwarf == arch->pc)
			frame->return_slot = address;
	}
	frame->signal = true;
	frame->lookup_pc = frame->pc;
	frame->cfa = next->registers.value[arch->sp];
	next->trust = INQ_TRUST_SIGNAL;
	return STEP_OK;
}
