/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller by a PE image's unwind data (x86-64). What RtlVirtualUnwind does: a function without an entry is a leaf;
 * in an epilogue its rest is carried out; else what the prologue did so far is undone, through all chained infos.
 */
#include "unwind/walk.h"

#include "unwind/pe.h"

enum { REGISTERS = 16, MACHINE_RSP = 24 }; /* MACHINE_RSP: from a machine frame's rip, bytes */

/* DWARF's numbers for Windows'. */
static const int8_t DWARF[REGISTERS] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

/* A call leaves them alone, beside what arch.c says of Linux: rdi, rsi. */
enum { DWARF_RSI = 4, DWARF_RDI = 5 };

/* One step while it is made. */
struct undo {
	struct walk *walk;
	struct inq_frame *frame, *next;
	struct inq_image *image;
	const struct inq_image_pe *pe;
	uint32_t rva;        /* of the code that is looked up */
	uint64_t sp;
	bool machine_frame;  /* rip and rsp were pushed by the processor */
	struct pe_info info;
};

/* --- which function ------------------------------------------------------------------------------------- */

static bool read_image(struct undo *undo, uint32_t rva, void *to, size_t size)
{
	return memory_read(&undo->walk->unwinder->memory, undo->image, rva, to, size);
}

static bool read_function(struct undo *undo, uint32_t rva, struct pe_function *ret)
{
	uint8_t raw[PE_FUNCTION_SIZE];

	if (!read_image(undo, rva, raw, sizeof(raw)))
		return false;
	*ret = pe_parse_function(raw);
	return true;
}

/* The table is sorted by what begins first. False: none holds the address, or the table cannot be read, which
 * *ret_unread says. */
static bool find_function(struct undo *undo, uint32_t rva, struct pe_function *ret, bool *ret_unread)
{
	uint32_t low = 0, high = undo->pe->functions_size / PE_FUNCTION_SIZE;

	*ret_unread = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (!read_function(undo, undo->pe->functions + middle * PE_FUNCTION_SIZE, ret)) {
			*ret_unread = true;
			return false;
		}
		if (rva < ret->begin)
			high = middle;
		else if (rva >= ret->end)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* Into undo->info. No byte more than it has: a section may end with it. */
static bool read_info(struct undo *undo, struct pe_function *function)
{
	uint8_t raw[PE_INFO_MAX];
	size_t size;

	if (undo->walk->budget < WALK_ROW_COST)
		return false;
	undo->walk->budget -= WALK_ROW_COST;
	if (function->info & 1 && !read_function(undo, function->info & ~1u, function))
		return false;
	if (!read_image(undo, function->info, raw, PE_INFO_HEAD))
		return false;
	size = pe_info_size(raw);
	return read_image(undo, function->info, raw, size) && pe_parse_info(raw, size, &undo->info, NULL) == INQ_OK;
}

/* The function of which one is a part. Leaves undo->info changed. */
static bool primary_of(struct undo *undo, struct pe_function *function)
{
	for (unsigned i = 0; i < PE_CHAIN_MAX; i++) {
		if (!read_info(undo, function))
			return false;
		if (!undo->info.chained)
			return true;
		*function = undo->info.chain;
	}
	return false;
}

/* --- what is undone -------------------------------------------------------------------------------------- */

static bool load(struct undo *undo, uint64_t address, int dwarf)
{
	if (walk_load(undo->walk, address, dwarf, undo->next))
		return true;
	undo->walk->missing = address;
	return false;
}

static bool pop(struct undo *undo, uint8_t reg)
{
	if (!load(undo, undo->sp, DWARF[reg & 15]))
		return false;
	undo->sp += undo->walk->arch->pointer;
	return true;
}

/* The frame register's value as it is by now: what was undone may have restored it. */
static bool frame_register(struct undo *undo, uint8_t reg, uint64_t *ret)
{
	int dwarf = DWARF[reg & 15];

	if (!walk_known(undo->frame, dwarf))
		return false;
	walk_tell_use(undo->walk, dwarf);
	*ret = undo->frame->registers.value[dwarf];
	return true;
}

static bool undo_epilogue(struct undo *undo, const struct pe_epilogue *epilogue)
{
	for (unsigned i = 0; i < epilogue->count; i++) {
		const struct pe_epilogue_step *step = &epilogue->steps[i];

		switch (step->kind) {
		case PE_LEA:
			if (!frame_register(undo, step->reg, &undo->sp))
				return false;
			undo->sp += (uint64_t)(int64_t)step->amount;
			break;
		case PE_ADD:
			undo->sp += (uint64_t)(int64_t)step->amount;
			break;
		case PE_POP:
			if (!pop(undo, step->reg))
				return false;
			break;
		case PE_LEAVE:
			break;
		}
	}
	return true;
}

static bool undo_machine_frame(struct undo *undo, uint32_t error_code)
{
	const struct arch *arch = undo->walk->arch;
	uint64_t at = undo->sp + error_code;

	if (!load(undo, at, arch->pc) || !load(undo, at + MACHINE_RSP, arch->sp))
		return false;
	undo->frame->return_slot = at;
	undo->sp = undo->next->registers.value[arch->sp];
	undo->machine_frame = true;
	return true;
}

/* What saved registers are counted from: rsp after the prologue, or the frame register where it is set. */
static bool frame_base(struct undo *undo, uint32_t into, uint64_t *ret)
{
	const struct pe_info *info = &undo->info;
	bool is_set = into >= info->prologue;

	*ret = undo->sp;
	if (!info->frame_register)
		return true;
	for (unsigned i = 0; i < info->count && !is_set; i++)
		is_set = info->codes[i].operation == PE_SET_FRAME && info->codes[i].after <= into;
	if (!is_set)
		return true;
	if (!frame_register(undo, info->frame_register, ret))
		return false;
	*ret -= info->frame_offset;
	return true;
}

/* One info's codes, as far as `into` bytes of its function have run. */
static bool undo_prologue(struct undo *undo, uint32_t into)
{
	uint64_t base;

	if (!frame_base(undo, into, &base))
		return false;
	for (unsigned i = 0; i < undo->info.count && !undo->machine_frame; i++) {
		const struct pe_code *code = &undo->info.codes[i];
		bool good = true;

		if (code->after > into)
			continue;
		switch ((enum pe_operation)code->operation) {
		case PE_PUSH:
			good = pop(undo, code->reg);
			break;
		case PE_ALLOCATE:
			undo->sp += code->amount;
			break;
		case PE_SET_FRAME:
			undo->sp = base;
			break;
		case PE_SAVE:
			good = load(undo, base + code->amount, DWARF[code->reg & 15]);
			break;
		case PE_MACHINE_FRAME:
			good = undo_machine_frame(undo, code->amount);
			break;
		}
		if (!good)
			return false;
	}
	return true;
}

/* --- where in the function -------------------------------------------------------------------------------- */

/* A jump that stays in the function is no epilogue, one to its start is (it calls itself anew). */
static bool leaves(struct undo *undo, const struct pe_function *function, const struct pe_epilogue *epilogue)
{
	struct pe_function here = *function, there;
	struct pe_info kept = undo->info;
	bool unread, same;

	if (!epilogue->jumps)
		return true;
	if (epilogue->target >= function->begin && epilogue->target < function->end)
		return epilogue->target == function->begin && !undo->info.chained;
	if (!find_function(undo, epilogue->target, &there, &unread))
		return !unread;
	same = primary_of(undo, &here) && primary_of(undo, &there) && here.begin == there.begin;
	undo->info = kept;
	return !same || epilogue->target == here.begin;
}

/* Fewer bytes where the image's code ends. */
static bool epilogue_by_code(struct undo *undo, const struct pe_function *function, struct pe_epilogue *ret)
{
	uint8_t code[PE_EPILOGUE_MAX];

	for (size_t size = sizeof(code); size; size /= 2)
		if (walk_read_code(undo->walk, undo->frame->pc, code, size))
			return pe_read_epilogue(code, size, undo->rva, undo->info.frame_register, ret) &&
			       leaves(undo, function, ret);
	return false;
}

static bool epilogue_by_info(const struct undo *undo, const struct pe_function *function, struct pe_epilogue *ret)
{
	const struct pe_info *info = &undo->info;

	for (unsigned i = 0; i < info->epilogue_count; i++) {
		uint32_t start = function->end - info->epilogues[i];

		if (undo->rva - start < info->epilogue_size) {
			pe_mirror_epilogue(info, undo->rva - start, ret);
			return true;
		}
	}
	return false;
}

/* Only where an instruction is about to be executed: behind a call an epilogue does what undoing the prologue does. */
static bool in_epilogue(struct undo *undo, const struct pe_function *function, struct pe_epilogue *ret)
{
	if (undo->rva - function->begin < undo->info.prologue)
		return false;
	return undo->info.version == 1 ? epilogue_by_code(undo, function, ret)
				       : epilogue_by_info(undo, function, ret);
}

/* --- the step ---------------------------------------------------------------------------------------------- */

static bool undo_function(struct undo *undo, struct pe_function function, bool interrupted)
{
	struct pe_epilogue epilogue;
	uint32_t into = undo->rva - function.begin;

	if (!read_info(undo, &function))
		return false;
	if (interrupted && in_epilogue(undo, &function, &epilogue))
		return undo_epilogue(undo, &epilogue);
	for (unsigned i = 0; i < PE_CHAIN_MAX; i++) {
		if (!undo_prologue(undo, into))
			return false;
		if (!undo->info.chained || undo->machine_frame)
			return true;
		function = undo->info.chain;
		into = UINT32_MAX; /* its prologue has run long ago */
		if (!read_info(undo, &function))
			return false;
	}
	return false;
}

/* Registers that nothing restored are the caller's own. */
static void keep_preserved(const struct undo *undo)
{
	walk_keep_preserved(undo->walk, undo->frame, undo->next);
	for (int i = DWARF_RSI; i <= DWARF_RDI; i++)
		if (walk_known(undo->frame, i))
			walk_set(undo->next, i, undo->frame->registers.value[i]);
}

static enum step finish(struct undo *undo)
{
	const struct arch *arch = undo->walk->arch;
	struct inq_frame *frame = undo->frame;

	if (undo->machine_frame) {
		frame->signal = true;
		frame->lookup_pc = frame->pc;
		frame->cfa = undo->sp;
		undo->next->trust = INQ_TRUST_SIGNAL;
		return STEP_OK;
	}
	if (!load(undo, undo->sp, arch->pc))
		return STEP_NO_MEMORY;
	frame->return_slot = undo->sp;
	frame->cfa = undo->sp + arch->pointer;
	walk_tell_slot(undo->walk, 0, 0, arch->sp);
	walk_set(undo->next, arch->sp, frame->cfa);
	undo->next->trust = INQ_TRUST_PE;
	return STEP_OK;
}

enum step step_pe(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next)
{
	const struct table *table = table_at(walk->unwinder, frame->lookup_pc);
	struct undo undo = {.walk = walk, .frame = frame, .next = next, .sp = frame->sp};
	struct pe_function function;
	bool unread;

	if (walk->arch->machine != INQ_MACHINE_AMD64 || !table || !table->module.image ||
	    inq_image_pe(table->module.image, &undo.pe, NULL) != INQ_OK ||
	    inq_image_elf_machine(table->module.image) != walk->arch->elf_machine ||
	    !walk_known(frame, walk->arch->sp))
		return STEP_NONE;
	undo.image = table->module.image;
	undo.rva = (uint32_t)(frame->lookup_pc - table->module.bias);
	if (!inq_image_is_code(undo.image, undo.rva))
		return STEP_NONE;
	keep_preserved(&undo);
	walk_tell_use(walk, walk->arch->sp);
	walk->missing = 0;
	if (!find_function(&undo, undo.rva, &function, &unread))
		return unread || !interrupted ? STEP_NONE : finish(&undo); /* a leaf: it has called nobody */
	if (!undo_function(&undo, function, interrupted))
		return walk->missing ? STEP_NO_MEMORY : STEP_NONE;
	return finish(&undo);
}
