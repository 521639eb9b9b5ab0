/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The caller by the frame pointer, and by what the code at the instruction pointer says of a fresh call. */
#include "unwind/walk.h"

/* A return address, if its place makes one believable: in code, and behind a call as far as one can read. */
static bool believable(struct walk *walk, uint64_t raw, uint64_t *ret)
{
	struct arch_call call;
	uint64_t address = walk_strip(walk, raw);

	if (!walk_is_code(walk, address & ~(uint64_t)walk->arch->thumb) ||
	    !walk_believes(walk, walk_call_before(walk, address, &call)))
		return false;
	*ret = address;
	return true;
}

static bool load_return(struct walk *walk, uint64_t slot, struct inq_frame *next)
{
	uint64_t raw, address;

	if (!walk_read_word(walk, slot, &raw) || !believable(walk, raw, &address) ||
	    !walk_load(walk, slot, walk->arch->pc, next))
		return false;
	walk_set(next, walk->arch->pc, address);
	return true;
}

/* The call that led here has only just happened: nothing but the return address was pushed, or it is in the link
 * register. True of a call through a bad pointer, of a function's first instruction and of a leaf's. */
static enum step just_called(struct walk *walk, struct inq_frame *frame, uint64_t slot, struct inq_frame *next)
{
	const struct arch *arch = walk->arch;

	walk_keep_preserved(walk, frame, next);
	if (!load_return(walk, slot, next)) {
		*next = (struct inq_frame){0};
		return STEP_NONE;
	}
	frame->return_slot = slot;
	frame->cfa = slot + arch->pointer;
	walk_set(next, arch->sp, frame->cfa);
	next->trust = INQ_TRUST_CALL;
	return STEP_OK;
}

/* The link register of an innermost frame. Stale once the function has called something: then it points back
 * into the function itself, a little before pc. */
static enum step by_link(struct walk *walk, struct inq_frame *frame, bool bad_pc, struct inq_frame *next)
{
	enum { NEAR = 4096 };
	const struct arch *arch = walk->arch;
	uint64_t link, address;

	if (!walk_known(frame, arch->link))
		return STEP_NONE;
	link = frame->registers.value[arch->link];
	if (!believable(walk, link, &address) ||
	    (!bad_pc && address <= frame->pc && frame->pc - address < NEAR))
		return STEP_NONE;
	walk_keep_preserved(walk, frame, next);
	walk_tell_use(walk, arch->link);
	walk_set(next, arch->pc, address);
	next->trust = INQ_TRUST_CALL;
	return STEP_OK;
}

enum step step_call(struct walk *walk, struct inq_frame *frame, struct inq_frame *next)
{
	enum { BEFORE = 8 };
	const struct arch *arch = walk->arch;
	uint8_t code[ARCH_MAX_CODE];
	bool bad_pc = !walk_is_code(walk, frame->pc & ~(uint64_t)arch->thumb);
	size_t before = BEFORE, size = sizeof(code) - BEFORE;
	int offset;

	if (arch->link >= 0)
		return by_link(walk, frame, bad_pc, next);
	if (!walk_known(frame, arch->sp))
		return STEP_NONE;
	if (bad_pc)
		return just_called(walk, frame, frame->sp, next);
	if (!arch->return_offset)
		return STEP_NONE;
	if (!walk_read_code(walk, frame->pc - before, code, before + size)) {
		before = 0;
		if (!walk_read_code(walk, frame->pc, code, size))
			return STEP_NONE;
	}
	offset = arch->return_offset(code + before, size, before);
	return offset < 0 ? STEP_NONE : just_called(walk, frame, frame->sp + (uint64_t)offset, next);
}

/* Where a frame record may be from the frame pointer: both words above it (x86, ARM64, clang's ARM), or, for
 * GCC's ARM code, the link register at it and the frame pointer below. */
struct record {
	int8_t fp, link; /* words from the frame pointer */
};
static const struct record RECORDS[] = {{0, 1}, {-1, 0}};

static bool plausible(struct walk *walk, const struct inq_frame *frame, uint64_t fp)
{
	unsigned pointer = walk->arch->pointer;

	if (fp == 0 || fp & (pointer - 1) || fp < frame->sp)
		return false;
	walk_find_stack(walk, frame->sp);
	if (walk->stack_low < walk->stack_high)
		return fp >= walk->stack_low && fp < walk->stack_high && walk->stack_high - fp >= 2 * pointer;
	return fp - frame->sp <= FP_MAX_FRAME;
}

static enum step by_record(struct walk *walk, struct inq_frame *frame, uint64_t fp, const struct record *record,
			   struct inq_frame *next)
{
	const struct arch *arch = walk->arch;
	uint64_t link = fp + (uint64_t)(int64_t)(record->link * arch->pointer);
	uint64_t saved = fp + (uint64_t)(int64_t)(record->fp * arch->pointer);
	uint64_t raw, outer;

	if (!walk_read_word(walk, link, &raw) || !walk_read_word(walk, saved, &outer))
		return STEP_NONE;
	if (raw == 0 && outer == 0)
		return STEP_END;
	if (!load_return(walk, link, next) || !walk_load(walk, saved, arch->fp, next))
		return STEP_NONE;
	walk_tell_use(walk, arch->fp);
	frame->return_slot = link;
	frame->cfa = fp + 2u * arch->pointer;
	walk_set(next, arch->sp, link + arch->pointer);
	next->trust = INQ_TRUST_FP;
	return STEP_OK;
}

enum step step_frame_pointer(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next)
{
	const struct arch *arch = walk->arch;
	unsigned records = arch->machine == INQ_MACHINE_ARM ? 2 : 1;
	struct inq_frame better = {0};
	uint64_t fp;

	(void)interrupted;
	if (!walk_known(frame, arch->fp) || !walk_known(frame, arch->sp))
		return STEP_NONE;
	fp = frame->registers.value[arch->fp];
	if (!plausible(walk, frame, fp))
		return STEP_NONE;
	/* A function that leaves the frame pointer alone still has its caller's there: following it would lose the
	 * caller. The call's own target tells, if it was a direct one. */
	if (step_scan_confirmed(walk, frame, fp, &better) == STEP_OK) {
		*next = better;
		return STEP_OK;
	}
	for (unsigned i = 0; i < records; i++) {
		enum step step = by_record(walk, frame, fp, &RECORDS[i], next);

		if (step != STEP_NONE)
			return step;
		*next = (struct inq_frame){0};
	}
	return STEP_NONE;
}
