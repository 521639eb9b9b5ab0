/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The caller by looking for a return address on the stack: a word that points behind a call. */
#include "unwind/walk.h"

struct candidate {
	uint64_t slot, address;
	bool confirmed; /* the call went to the function that the frame is in */
};

/* The call went to at most SCAN_CONFIRM_DISTANCE below the frame's pc, to code that has no CFI as pc has none. */
static bool confirms(struct walk *walk, const struct inq_frame *frame, const struct arch_call *call)
{
	const struct cfi_row *row;
	uint64_t end;

	return call->direct && call->target <= frame->pc && frame->pc - call->target <= SCAN_CONFIRM_DISTANCE &&
	       table_row(walk->unwinder, walk->arch, call->target, &walk->budget, &row, &end) != INQ_OK;
}

static bool is_candidate(struct walk *walk, const struct inq_frame *frame, uint64_t slot, uint64_t raw,
			 struct candidate *ret)
{
	uint64_t address = walk_strip(walk, raw);
	struct arch_call call;

	if (!walk_is_code(walk, address & ~(uint64_t)walk->arch->thumb) || walk->budget < WALK_CANDIDATE_COST)
		return false;
	walk->budget -= WALK_CANDIDATE_COST;
	switch (walk_call_before(walk, address, &call)) {
	case CALL_NO:
		return false;
	case CALL_UNREADABLE:
		if (!walk_believes(walk, CALL_UNREADABLE))
			return false;
		*ret = (struct candidate){.slot = slot, .address = address};
		return true;
	case CALL_YES:
		break;
	}
	/* A direct call to what is no code is data that looks like one. */
	if (call.direct && !walk_is_code(walk, call.target))
		return false;
	*ret = (struct candidate){.slot = slot, .address = address, .confirmed = confirms(walk, frame, &call)};
	return true;
}

/* The first candidate of at most `words` from sp, below `limit`. False: none; walk->missing tells where memory
 * ended, 0 if it did not. */
static bool find(struct walk *walk, const struct inq_frame *frame, unsigned words, uint64_t limit,
		 bool confirmed_only, struct candidate *ret)
{
	unsigned pointer = walk->arch->pointer;
	uint64_t slot = (frame->sp + pointer - 1) & ~(uint64_t)(pointer - 1);

	for (unsigned i = 0; i < words && slot < limit; i++, slot += pointer) {
		uint64_t raw;

		if (walk->budget == 0)
			return false;
		walk->budget--;
		if (!walk_read_word(walk, slot, &raw)) {
			walk->missing = slot;
			return false;
		}
		if (raw && is_candidate(walk, frame, slot, raw, ret) && (!confirmed_only || ret->confirmed))
			return true;
	}
	return false;
}

/* The caller's frame pointer: what the frame saved just below the return address, if that points further up; else
 * what it is now, if it does (then nobody has touched it). */
static void guess_frame_pointer(struct walk *walk, const struct inq_frame *frame, const struct candidate *found,
				struct inq_frame *next)
{
	const struct arch *arch = walk->arch;
	uint64_t saved_at = found->slot - arch->pointer, saved;

	if (saved_at >= frame->sp && walk_read_word(walk, saved_at, &saved) && saved > found->slot &&
	    saved - found->slot < FP_MAX_FRAME && !(saved & (arch->pointer - 1)) &&
	    walk_load(walk, saved_at, arch->fp, next))
		return;
	if (walk_known(frame, arch->fp) && frame->registers.value[arch->fp] > found->slot)
		walk_set(next, arch->fp, frame->registers.value[arch->fp]);
}

static enum step take(struct walk *walk, struct inq_frame *frame, const struct candidate *found,
		      struct inq_frame *next)
{
	const struct arch *arch = walk->arch;

	if (!walk_load(walk, found->slot, arch->pc, next))
		return STEP_NONE;
	walk_set(next, arch->pc, found->address);
	walk_set(next, arch->sp, found->slot + arch->pointer);
	guess_frame_pointer(walk, frame, found, next);
	frame->return_slot = found->slot;
	next->trust = INQ_TRUST_SCAN;
	return STEP_OK;
}

enum step step_scan_confirmed(struct walk *walk, struct inq_frame *frame, uint64_t limit, struct inq_frame *next)
{
	struct candidate found;

	if (!find(walk, frame, SCAN_WORDS, limit, true, &found))
		return STEP_NONE;
	return take(walk, frame, &found, next);
}

enum step step_scan(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next)
{
	unsigned words = interrupted ? SCAN_FIRST_WORDS : SCAN_WORDS;
	struct candidate found;

	if (!walk_known(frame, walk->arch->sp))
		return STEP_NONE;
	if (find(walk, frame, SCAN_WORDS, UINT64_MAX, true, &found))
		return take(walk, frame, &found, next);
	walk->missing = 0;
	if (find(walk, frame, words, UINT64_MAX, false, &found))
		return take(walk, frame, &found, next);
	return walk->missing ? STEP_NO_MEMORY : STEP_NONE;
}
