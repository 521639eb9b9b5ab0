/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk: which method for which frame, and when to stop. */
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

/* --- what the methods share --------------------------------------------------------------------------------- */

bool walk_known(const struct inq_frame *frame, int dwarf)
{
	return dwarf >= 0 && dwarf < INQ_UNWIND_REGISTERS && (frame->registers.valid >> dwarf & 1);
}

void walk_set(struct inq_frame *frame, int dwarf, uint64_t value)
{
	if (dwarf < 0 || dwarf >= INQ_UNWIND_REGISTERS)
		return;
	frame->registers.value[dwarf] = value;
	frame->registers.valid |= 1ull << dwarf;
}

bool walk_read_word(struct walk *walk, uint64_t address, uint64_t *ret)
{
	uint64_t value = 0; /* targets are little-endian */

	if (!memory_read(&walk->unwinder->memory, NULL, address, &value, walk->arch->pointer))
		return false;
	*ret = value;
	return true;
}

void walk_tell_slot(const struct walk *walk, uint64_t address, unsigned size, int dwarf)
{
	const struct inq_unwind_source *source = &walk->unwinder->source;

	if (source->slot)
		source->slot(source->user, address, size, dwarf);
}

void walk_tell_use(const struct walk *walk, int dwarf)
{
	const struct inq_unwind_source *source = &walk->unwinder->source;

	if (source->use)
		source->use(source->user, dwarf);
}

bool walk_believes(const struct walk *walk, enum call_evidence evidence)
{
	return evidence == CALL_YES || (evidence == CALL_UNREADABLE && !walk->unwinder->source.call_only);
}

bool walk_load(struct walk *walk, uint64_t address, int dwarf, struct inq_frame *next)
{
	uint64_t value;

	if (!walk_read_word(walk, address, &value))
		return false;
	walk_tell_slot(walk, address, walk->arch->pointer, dwarf);
	walk_set(next, dwarf, value);
	return true;
}

bool walk_is_code(struct walk *walk, uint64_t address)
{
	const struct inq_unwind_source *source = &walk->unwinder->source;
	const struct table *table;

	if (address == 0)
		return false;
	if (source->is_code)
		return source->is_code(source->user, address);
	table = table_at(walk->unwinder, address);
	return table && (!table->module.image ||
			 inq_image_is_code(table->module.image, address - table->module.bias));
}

bool walk_read_code(struct walk *walk, uint64_t address, void *to, size_t size)
{
	const struct table *table;

	if (memory_read(&walk->unwinder->memory, NULL, address, to, size))
		return true;
	table = table_at(walk->unwinder, address);
	return table && table->module.image &&
	       memory_read(&walk->unwinder->memory, table->module.image, address - table->module.bias, to, size);
}

enum call_evidence walk_call_before(struct walk *walk, uint64_t return_address, struct arch_call *ret)
{
	uint64_t address = return_address & ~(uint64_t)walk->arch->thumb;
	uint8_t code[ARCH_MAX_CALL];

	*ret = (struct arch_call){0};
	/* Fewer bytes where a mapping begins just before. */
	for (size_t size = sizeof(code); size >= 4; size /= 2)
		if (address >= size && walk_read_code(walk, address - size, code, size))
			return walk->arch->is_call(code + size, size, return_address, ret) ? CALL_YES : CALL_NO;
	return CALL_UNREADABLE;
}

uint64_t walk_strip(const struct walk *walk, uint64_t return_address)
{
	return return_address & walk->arch->address_mask;
}

void walk_keep_preserved(const struct walk *walk, const struct inq_frame *frame, struct inq_frame *next)
{
	for (int i = 0; i < walk->arch->columns; i++)
		if ((walk->arch->preserved >> i & 1) && walk_known(frame, i))
			walk_set(next, i, frame->registers.value[i]);
}

/* The region, or the run of readable memory, that holds sp. */
void walk_find_stack(struct walk *walk, uint64_t sp)
{
	struct inq_target *target = walk->unwinder->source.target;
	const struct inq_region *regions = NULL, *region;
	const struct inq_range *ranges = NULL;
	size_t count = 0;

	if (sp >= walk->stack_low && sp < walk->stack_high)
		return;
	walk->stack_low = walk->stack_high = 0;
	if (inq_target_regions(target, &regions, &count, NULL) == INQ_OK &&
	    (region = inq_region_at(regions, count, sp)) && !(region->flags & INQ_REGION_FREE)) {
		walk->stack_low = region->base;
		walk->stack_high = region->base + region->size;
		return;
	}
	if (inq_target_memory(target, &ranges, &count, NULL) != INQ_OK)
		return;
	for (size_t low = 0; low < count;) {
		size_t middle = low + (count - low) / 2;

		if (sp < ranges[middle].base) {
			count = middle;
		} else if (sp - ranges[middle].base >= ranges[middle].size) {
			low = middle + 1;
		} else {
			walk->stack_low = ranges[middle].base;
			walk->stack_high = ranges[middle].base + ranges[middle].size;
			return;
		}
	}
}

/* --- one step ------------------------------------------------------------------------------------------------ */

/* Methods, best first, until one gives a caller. Missing memory under CFI is the truth and ends the walk; under a
 * guess it only ends the guess. */
static enum step find_caller(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next)
{
	enum step step = step_cfi(walk, frame, interrupted, next);

	if (step == STEP_NONE) {
		*next = (struct inq_frame){0};
		step = step_pe(walk, frame, interrupted, next);
	}
	if (step == STEP_NONE) {
		*next = (struct inq_frame){0};
		step = step_signal(walk, frame, next);
	}
	if (step != STEP_NONE)
		return step;
	*next = (struct inq_frame){0};
	if (interrupted)
		step = step_call(walk, frame, next);
	if (step == STEP_NONE)
		step = step_frame_pointer(walk, frame, interrupted, next);
	if (step == STEP_NONE)
		step = step_scan(walk, frame, interrupted, next);
	return step;
}

/* Whether the stack pointer may go from the frame to its caller. Leaves (which only machines with a link register
 * have) may share it; a signal frame, or CFI of a function that switches stacks, may lead to any stack that the
 * walk has not been on. */
static bool may_follow(struct walk *walk, const struct inq_frame *frame, bool interrupted,
		       const struct inq_frame *next)
{
	if (next->sp > frame->sp)
		return true;
	if (next->sp == frame->sp && interrupted && walk->arch->link >= 0 && next->pc != frame->pc)
		return true;
	if (!frame->signal && next->trust != INQ_TRUST_CFI)
		return false;
	if (walk->switches == WALK_MAX_SWITCHES || (next->sp >= walk->walked_low && next->sp <= frame->sp))
		return false;
	for (unsigned i = 0; i < walk->switches; i++)
		if (next->sp >= walk->left[i].low && next->sp <= walk->left[i].high)
			return false;
	if (!frame->signal) {
		walk_find_stack(walk, frame->sp);
		if (next->sp >= walk->stack_low && next->sp < walk->stack_high)
			return false;
	}
	walk->left[walk->switches].low = walk->walked_low;
	walk->left[walk->switches++].high = frame->sp;
	walk->walked_low = next->sp;
	return true;
}

/* What the registers say in words. */
static void fill_frame(const struct walk *walk, struct inq_frame *frame, bool is_return)
{
	const struct arch *arch = walk->arch;

	frame->pc = frame->registers.value[arch->pc];
	frame->sp = frame->registers.value[arch->sp];
	frame->fp = walk_known(frame, arch->fp) ? frame->registers.value[arch->fp] : 0;
	frame->lookup_pc = is_return && frame->pc ? frame->pc - 1 : frame->pc;
}

static void first_frame(const struct walk *walk, const struct inq_context *context, struct inq_frame *frame)
{
	*frame = (struct inq_frame){.trust = INQ_TRUST_CONTEXT};
	for (int i = 0; i < walk->arch->columns; i++) {
		const struct inq_register *reg = inq_register_from_dwarf(context->machine, i);
		uint64_t value = 0;

		if (reg && inq_context_get(context, reg, &value))
			walk_set(frame, i, value);
	}
	walk_set(frame, walk->arch->pc, inq_context_pc(context));
	walk_set(frame, walk->arch->sp, inq_context_sp(context));
	fill_frame(walk, frame, false);
}

static struct inq_frame *add_frame(struct inq_frames *frames, size_t *room)
{
	enum { FIRST = 32 };

	if (frames->count == *room) {
		size_t bigger = *room ? *room * 2 : FIRST;
		struct inq_frame *grown = reallocarray(frames->frames, bigger, sizeof(*grown));

		if (!grown)
			return NULL;
		frames->frames = grown;
		*room = bigger;
	}
	return &frames->frames[frames->count++];
}

static void stop(struct inq_frames *frames, enum inq_stop reason, uint64_t at)
{
	frames->stop = reason;
	frames->stopped_at = at;
}

/* One frame further. False: the walk is over and frames->stop says why. */
static bool advance(struct walk *walk, struct inq_frames *frames, bool *interrupted, struct inq_frame *next)
{
	struct inq_frame *frame = &frames->frames[frames->count - 1];
	enum step step;

	*next = (struct inq_frame){0};
	step = find_caller(walk, frame, *interrupted, next);
	if (step == STEP_OK) {
		fill_frame(walk, next, !frame->signal);
		/* A pc of 0 below a signal frame was called through a null pointer. */
		if (next->pc == 0 && !frame->signal) {
			stop(frames, INQ_STOP_END, frame->return_slot);
			return false;
		}
		if (!may_follow(walk, frame, *interrupted, next)) {
			stop(frames, INQ_STOP_CYCLE, next->sp);
			return false;
		}
		*interrupted = frame->signal;
		if (walk->unwinder->source.step)
			walk->unwinder->source.step(walk->unwinder->source.user);
		return true;
	}
	if (step == STEP_END)
		stop(frames, INQ_STOP_END, frame->pc);
	else if (step == STEP_NO_MEMORY)
		stop(frames, INQ_STOP_NO_MEMORY, walk->missing);
	else
		stop(frames, INQ_STOP_LOST, frame->pc);
	return false;
}

enum inq_status inq_unwind(struct inq_unwinder *unwinder, const struct inq_context *context, size_t limit,
			   struct inq_frames *ret, struct inq_error *err)
{
	struct walk walk = {.unwinder = unwinder, .arch = arch_of(context->machine), .budget = WALK_BUDGET};
	struct inq_frames frames = {0};
	struct inq_frame *frame, next;
	bool interrupted = true;
	size_t room = 0;

	if (!walk.arch)
		return inq_fail(err, INQ_UNSUPPORTED, "no unwinder for this processor");
	frame = add_frame(&frames, &room);
	if (!frame)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for frames");
	first_frame(&walk, context, frame);
	walk.walked_low = frame->sp;
	while (advance(&walk, &frames, &interrupted, &next)) {
		/* The last frame's own facts are known now, also where its caller is beyond the limit. */
		if (frames.count >= limit) {
			stop(&frames, INQ_STOP_LIMIT, next.pc);
			break;
		}
		frame = add_frame(&frames, &room);
		if (!frame) {
			inq_frames_done(&frames);
			return inq_fail(err, INQ_NO_MEMORY, "no memory for frames");
		}
		*frame = next;
		walk.budget += WALK_FRAME_BUDGET;
	}
	*ret = frames;
	return INQ_OK;
}

void inq_frames_done(struct inq_frames *frames)
{
	if (!frames)
		return;
	free(frames->frames);
	*frames = (struct inq_frames){0};
}

/* --- the unwinder ---------------------------------------------------------------------------------------------- */

enum inq_status inq_unwinder_new(const struct inq_unwind_source *source, struct inq_unwinder **ret,
				 struct inq_error *err)
{
	struct inq_unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for an unwinder");
	unwinder->source = *source;
	unwinder->memory.target = source->target;
	*ret = unwinder;
	return INQ_OK;
}

void inq_unwinder_look_at(struct inq_unwinder *unwinder, struct inq_target *target)
{
	unwinder->source.target = target;
	memory_forget(&unwinder->memory);
	unwinder->memory.target = target;
}

bool inq_unwinder_read(struct inq_unwinder *unwinder, uint64_t address, void *to, size_t size)
{
	return memory_read(&unwinder->memory, NULL, address, to, size);
}

void inq_unwinder_free(struct inq_unwinder *unwinder)
{
	if (!unwinder)
		return;
	tables_free(unwinder);
	memory_done(&unwinder->memory);
	free(unwinder);
}

const char *inq_trust_name(enum inq_trust trust)
{
	static const char *const NAMES[] = {
		[INQ_TRUST_CONTEXT] = "context", [INQ_TRUST_CFI] = "cfi", [INQ_TRUST_PE] = "pdata",
		[INQ_TRUST_SIGNAL] = "signal",
		[INQ_TRUST_CALL] = "call", [INQ_TRUST_FP] = "fp", [INQ_TRUST_SCAN] = "scan",
	};

	return (size_t)trust < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[trust] : "?";
}

const char *inq_stop_text(enum inq_stop reason)
{
	static const char *const TEXTS[] = {
		[INQ_STOP_END] = "outermost frame",
		[INQ_STOP_LIMIT] = "as many frames as asked for",
		[INQ_STOP_NO_MEMORY] = "stack memory is not there",
		[INQ_STOP_CYCLE] = "the stack pointer did not increase",
		[INQ_STOP_LOST] = "no way to find the caller",
	};

	return (size_t)reason < sizeof(TEXTS) / sizeof(TEXTS[0]) ? TEXTS[reason] : "?";
}

void inq_frame_context(const struct inq_frame *frame, enum inq_machine machine, struct inq_context *ret)
{
	const struct inq_machine_info *info = inq_machine_info(machine);
	const struct arch *arch = arch_of(machine);
	const struct inq_register *reg;

	inq_context_init(machine, ret);
	if (!info || !arch)
		return;
	for (int i = 0; i < arch->columns; i++)
		if (walk_known(frame, i) && (reg = inq_register_from_dwarf(machine, i)))
			inq_context_set(ret, reg, frame->registers.value[i]);
	if ((reg = inq_register_from_dwarf(machine, info->dwarf_pc)))
		inq_context_set(ret, reg, frame->pc);
}
