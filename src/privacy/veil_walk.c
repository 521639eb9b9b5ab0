/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first walk: which words of memory and which registers frames were found by. */
#include "config.h"

#include "privacy/veil_private.h"

#include "symbols/image.h"

#include <stdlib.h>
#include <string.h>

enum {
	FROM_CONTEXT = 1,  /* in place of a slot's address: no slot lies there */
	STACKS_MAX = 32,   /* stacks that one walk goes over; the unwinder enters 16 */
	RED_ZONE = 128,    /* bytes below a stack pointer that frames may lie in (psABI, x86-64) */
};

#define ARM64_ADDRESS 0x0000ffffffffffffull /* the bits above can be a pointer's signature */

/* A stack that frames of one walk lie on: from its innermost frame to the mapping's end. */
struct own_stack {
	uint64_t low, high;
};

/* One walk while it runs. The second walk has none: nothing is learned from it. */
struct trace {
	struct inq_veil *veil;
	int sp;
	uint64_t now[INQ_UNWIND_REGISTERS];  /* where each register's value of the frame came from; 0 nowhere */
	uint64_t next[INQ_UNWIND_REGISTERS]; /* the same of its caller, as far as told */
	uint64_t told;                       /* bits of `next` */
	uint64_t used;                       /* registers of the context that decided */
	struct inq_buffer needed;            /* struct kept_word[], values not read yet */
	struct own_stack stacks[STACKS_MAX];
	unsigned stack_count;
};

/* --- what the unwinder asks and tells --------------------------------------------------------- */

const struct inq_region *veil_region(const struct inq_veil *veil, uint64_t address)
{
	const struct inq_region *region =
		inq_region_at(veil->regions, veil->region_count, address);

	return region && !(region->flags & INQ_REGION_FREE) ? region : NULL;
}

static enum inq_status read_inner(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				  struct inq_error *err)
{
	return inq_target_read_tables(user, at, to, size, ret_done, err);
}

static void open_image(struct inq_veil *veil, const struct inq_module *module, struct image_slot *slot)
{
	const struct inq_image_reader reader = {read_inner, veil->inner};

	slot->tried = true;
	if (veil->images.find &&
	    veil->images.find(veil->images.user, module, &slot->image, &slot->bias) == INQ_OK)
		return;
	slot->image = NULL;
	if (inq_image_open_memory(reader, module->base, &slot->image, NULL) != INQ_OK)
		return;
	slot->owned = true;
	slot->bias = module->base - inq_image_start(slot->image);
}

static enum inq_status module_at(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	struct inq_veil *veil = user;
	const struct inq_module *module =
		inq_module_at(veil->modules, veil->module_count, address);
	struct image_slot *slot;

	if (!module)
		return INQ_ABSENT;
	slot = &veil->slots[module - veil->modules];
	if (!slot->tried)
		open_image(veil, module, slot);
	*ret = (struct inq_unwind_module){slot->image, module->base, module->size, slot->bias};
	return INQ_OK;
}

/* Mappings know; where none is told (a small dump describes few of them), modules are all there is. */
bool veil_is_code(const struct inq_veil *veil, uint64_t address)
{
	const struct inq_region *region =
		inq_region_at(veil->regions, veil->region_count, address);
	const struct inq_module *module;

	if (region)
		return !(region->flags & INQ_REGION_FREE) && region->protection & INQ_PROT_EXEC;
	module = inq_module_at(veil->modules, veil->module_count, address);
	if (!module || !veil->slots)
		return false;
	const struct image_slot *slot = &veil->slots[module - veil->modules];

	return slot->image && inq_image_is_code(slot->image, address - slot->bias);
}

static bool is_code(void *user, uint64_t address)
{
	struct inq_veil *veil = user;
	struct inq_unwind_module module;

	if (!inq_region_at(veil->regions, veil->region_count, address))
		module_at(user, address, &module); /* opens its image */
	return veil_is_code(veil, address);
}

static void need(struct trace *trace, uint64_t address, unsigned size)
{
	const struct kept_word word = {.address = address, .size = size};

	inq_buffer_append(&trace->needed, &word, sizeof(word));
}

static void on_slot(void *user, uint64_t address, unsigned size, int dwarf)
{
	struct trace *trace = ((struct inq_veil *)user)->trace;

	if (!trace || size > sizeof(uint64_t))
		return;
	if (dwarf < 0 || dwarf >= INQ_UNWIND_REGISTERS) {
		need(trace, address, size);
		return;
	}
	trace->next[dwarf] = size ? address : 0;
	trace->told |= 1ull << dwarf;
	if (size && dwarf == trace->sp)
		need(trace, address, size);
}

static void on_use(void *user, int dwarf)
{
	struct trace *trace = ((struct inq_veil *)user)->trace;

	if (!trace || dwarf < 0 || dwarf >= INQ_UNWIND_REGISTERS)
		return;
	if (trace->now[dwarf] == FROM_CONTEXT)
		trace->used |= 1ull << dwarf;
	else if (trace->now[dwarf])
		need(trace, trace->now[dwarf], 0);
}

static void on_step(void *user)
{
	struct trace *trace = ((struct inq_veil *)user)->trace;

	if (!trace)
		return;
	for (int i = 0; trace->told >> i && i < INQ_UNWIND_REGISTERS; i++) {
		if (trace->told >> i & 1)
			trace->now[i] = trace->next[i];
	}
	trace->told = 0;
}

/* --- what of it survives ------------------------------------------------------------------------ */

static uint64_t mapping_end(const struct inq_veil *veil, uint64_t address)
{
	const struct inq_region *region = veil_region(veil, address);

	if (region)
		return region->base + region->size;
	for (size_t i = 0; i < veil->memory_count; i++) {
		if (address - veil->memory[i].base < veil->memory[i].size)
			return veil->memory[i].base + veil->memory[i].size;
	}
	return 0;
}

static void add_stack(struct trace *trace, uint64_t sp)
{
	uint64_t end;

	for (unsigned i = 0; i < trace->stack_count; i++) {
		struct own_stack *stack = &trace->stacks[i];

		if (sp >= stack->low && sp <= stack->high)
			return;
		if (sp < stack->low && mapping_end(trace->veil, sp) == stack->high) {
			stack->low = sp;
			return;
		}
	}
	end = mapping_end(trace->veil, sp);
	if (end && trace->stack_count < STACKS_MAX)
		trace->stacks[trace->stack_count++] = (struct own_stack){sp, end};
}

static bool is_own_stack(const struct trace *trace, uint64_t value)
{
	for (unsigned i = 0; i < trace->stack_count; i++) {
		const struct own_stack *stack = &trace->stacks[i];

		if (value >= stack->low - (stack->low < RED_ZONE ? stack->low : RED_ZONE) &&
		    value <= stack->high)
			return true;
	}
	return false;
}

static bool is_frame_sp(const struct inq_frames *frames, uint64_t value)
{
	for (size_t i = 0; i < frames->count; i++) {
		if (frames->frames[i].sp == value && i && frames->frames[i - 1].signal)
			return true;
	}
	return false;
}

static void keep_word(struct trace *trace, uint64_t address, unsigned size, uint64_t value)
{
	const struct kept_word word = {address, value, size};

	inq_buffer_append(&trace->veil->words, &word, sizeof(word));
}

static unsigned pointer_size(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	return info ? info->pointer_size : sizeof(uint64_t);
}

static bool points_into_code(const struct inq_veil *veil, const struct inq_context *context, uint64_t value)
{
	if (context->machine == INQ_MACHINE_ARM64)
		value &= ARM64_ADDRESS;
	if (context->machine == INQ_MACHINE_ARM)
		value &= ~1ull;
	return veil_is_code(veil, value);
}

/* Return addresses that point into code; of a signal frame the interrupted instruction pointer,
 * which is kept wherever it points, as a context's is. One that was written over says only that it
 * was: a zero would tell unwinders that the stack ends there. */
static void keep_return_addresses(struct trace *trace, const struct inq_context *context,
				  const struct inq_frames *frames)
{
	unsigned size = pointer_size(context);

	for (size_t i = 0; i < frames->count; i++) {
		const struct inq_frame *frame = &frames->frames[i];
		uint64_t value = 0;

		if (!frame->return_slot ||
		    !inq_unwinder_read(trace->veil->unwinder, frame->return_slot, &value, size))
			continue;
		if (frame->signal || points_into_code(trace->veil, context, value))
			keep_word(trace, frame->return_slot, size, value);
		else if (value)
			keep_word(trace, frame->return_slot, size, INQ_VEIL_WITHHELD);
	}
}

static void keep_needed(struct trace *trace, const struct inq_context *context, const struct inq_frames *frames)
{
	const struct kept_word *needed = (const struct kept_word *)trace->needed.data;

	for (size_t i = 0; i < trace->needed.size / sizeof(*needed); i++) {
		unsigned size = needed[i].size ? needed[i].size : pointer_size(context);
		uint64_t value = 0;

		if (inq_unwinder_read(trace->veil->unwinder, needed[i].address, &value, size) &&
		    (is_own_stack(trace, value) || is_frame_sp(frames, value)))
			keep_word(trace, needed[i].address, size, value);
	}
}

static uint64_t keep_registers(const struct trace *trace, const struct inq_context *context)
{
	uint64_t kept = 0, value;

	for (int i = 0; i < INQ_UNWIND_REGISTERS; i++) {
		const struct inq_register *reg = inq_register_from_dwarf(context->machine, i);

		if (trace->used >> i & 1 && reg && inq_context_get(context, reg, &value) &&
		    (is_own_stack(trace, value) || points_into_code(trace->veil, context, value)))
			kept |= 1ull << i;
	}
	return kept;
}

static enum inq_status keep_proof(struct trace *trace, const struct inq_context *context,
				  struct walked *walked, const struct inq_frames *frames, struct inq_error *err)
{
	walked->frames = calloc(frames->count, sizeof(*walked->frames));
	if (!walked->frames)
		return inq_fail(err, INQ_NO_MEMORY, "veil: out of memory");
	walked->frame_count = frames->count;
	walked->stop = frames->stop;
	for (size_t i = 0; i < frames->count; i++) {
		const struct inq_frame *frame = &frames->frames[i];

		walked->frames[i] = (struct proof){
			.pc = frame->pc,
			.cfa = frame->cfa,
			.sp = frame->sp,
			.withheld = i && !frames->frames[i - 1].signal &&
				    !points_into_code(trace->veil, context, frame->pc),
		};
	}
	return INQ_OK;
}

static void keep_stacks(struct trace *trace)
{
	for (unsigned i = 0; i < trace->stack_count; i++) {
		const struct own_stack *stack = &trace->stacks[i];
		struct inq_range range = {stack->low, stack->high - stack->low};

		inq_buffer_append(&trace->veil->stacks, &range, sizeof(range));
	}
}

/* A walk that ended without reaching the end of the stack. */
static void note_loss(struct inq_veil *veil, const struct walked *walked, const struct inq_frames *frames)
{
	size_t guessed = 0;

	for (size_t i = 0; i < frames->count; i++)
		guessed += frames->frames[i].trust == INQ_TRUST_SCAN;
	if (frames->stop != INQ_STOP_END)
		veil_note(veil, "thread %u: behind frame %zu no caller could be shown to be one: %s",
			  walked->tid, frames->count - 1, inq_stop_text(frames->stop));
	if (guessed)
		veil_note(veil, "thread %u: %zu frames were found by looking for calls", walked->tid,
			  guessed);
}

static enum inq_status walk(struct inq_veil *veil, struct trace *trace, const struct inq_context *context,
			    struct walked *walked, struct inq_error *err)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);
	struct inq_frames frames = {0};
	enum inq_status status;

	for (int i = 0; i < INQ_UNWIND_REGISTERS; i++)
		trace->now[i] = FROM_CONTEXT;
	trace->sp = info ? info->dwarf_sp : -1;
	trace->told = trace->used = 0;
	trace->stack_count = 0;
	trace->needed.size = 0;
	status = inq_unwind(veil->unwinder, context, INQ_VEIL_FRAMES, &frames, err);
	if (status == INQ_UNSUPPORTED) {
		veil_note(veil, "thread %u: its processor's stacks are not walked, nothing of them is shown",
			  walked->tid);
		return INQ_OK;
	}
	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < frames.count; i++)
		add_stack(trace, frames.frames[i].sp);
	keep_return_addresses(trace, context, &frames);
	keep_needed(trace, context, &frames);
	walked->kept_registers = keep_registers(trace, context);
	keep_stacks(trace);
	note_loss(veil, walked, &frames);
	status = keep_proof(trace, context, walked, &frames, err);
	inq_frames_done(&frames);
	return status;
}

/* --- all of them -------------------------------------------------------------------------------- */

enum inq_status veil_raw_context(struct inq_veil *veil, size_t index, struct inq_context *ret)
{
	const struct inq_thread *threads;
	size_t count = 0;

	if (inq_target_threads(veil->inner, &threads, &count, NULL) != INQ_OK)
		count = 0;
	return index < count ? inq_target_context(veil->inner, index, ret, NULL)
			     : inq_target_exception_context(veil->inner, ret, NULL);
}

/* The exception's context is most often its thread's. */
static bool is_known(struct inq_veil *veil, size_t index, const struct inq_context *context)
{
	struct inq_context other = {0};

	if (index + 1 < veil->walked_count)
		return false;
	for (size_t i = 0; i < index; i++) {
		if (veil->walked[i].tid != veil->walked[index].tid ||
		    veil_raw_context(veil, i, &other) != INQ_OK || other.size != context->size ||
		    memcmp(other.raw, context->raw, other.size))
			continue;
		veil->walked[index].kept_registers = veil->walked[i].kept_registers;
		veil->classes[index] = veil->classes[i];
		return true;
	}
	return false;
}

static enum inq_status walk_one(struct inq_veil *veil, struct trace *trace, size_t index, struct inq_error *err)
{
	struct walked *walked = &veil->walked[index];
	struct inq_context context = {0};
	enum inq_status status;

	veil->classes[index].tid = walked->tid;
	if (veil_raw_context(veil, index, &context) != INQ_OK)
		return INQ_OK;
	walked->has_context = true;
	if (is_known(veil, index, &context))
		return INQ_OK;
	status = walk(veil, trace, &context, walked, err);
	if (status == INQ_OK)
		veil_classify_context(veil, &context, walked->kept_registers, &veil->classes[index]);
	return status;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct inq_range *left = a, *right = b;

	return left->base < right->base ? -1 : left->base > right->base;
}

static void merge_stacks(struct inq_veil *veil)
{
	struct inq_range *ranges = (struct inq_range *)veil->stacks.data;
	size_t count = veil->stacks.size / sizeof(*ranges), kept = 0;

	if (!count)
		return;
	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 1; i < count; i++) {
		struct inq_range *last = &ranges[kept];
		uint64_t end = ranges[i].base + ranges[i].size;

		if (ranges[i].base > last->base + last->size)
			ranges[++kept] = ranges[i];
		else if (end > last->base + last->size)
			last->size = end - last->base;
	}
	veil->stacks.size = (kept + 1) * sizeof(*ranges);
}

static enum inq_status allocate(struct inq_veil *veil, struct inq_error *err)
{
	const struct inq_exception *exception;
	const struct inq_thread *threads = NULL;
	struct inq_context context;
	size_t count = 0;

	if (inq_target_threads(veil->inner, &threads, &count, NULL) != INQ_OK)
		count = 0;
	veil->walked_count = count;
	if (inq_target_exception_context(veil->inner, &context, NULL) == INQ_OK)
		veil->walked_count++;
	veil->walked = calloc(veil->walked_count + 1, sizeof(*veil->walked));
	veil->classes = calloc(veil->walked_count + 1, sizeof(*veil->classes));
	veil->slots = calloc(veil->module_count + 1, sizeof(*veil->slots));
	if (!veil->walked || !veil->classes || !veil->slots)
		return inq_fail(err, INQ_NO_MEMORY, "veil: out of memory");
	for (size_t i = 0; i < count; i++)
		veil->walked[i].tid = threads[i].tid;
	if (veil->walked_count > count &&
	    inq_target_exception(veil->inner, &exception, NULL) == INQ_OK)
		veil->walked[count].tid = exception->tid;
	return INQ_OK;
}

enum inq_status veil_walk_all(struct inq_veil *veil, struct inq_error *err)
{
	struct trace trace = {.veil = veil};
	const struct inq_unwind_source source = {
		.target = veil->inner,
		.module = module_at,
		.is_code = is_code,
		.slot = on_slot,
		.use = on_use,
		.step = on_step,
		.call_only = true,
		.user = veil,
	};
	enum inq_status status = allocate(veil, err);

	if (status == INQ_OK)
		status = inq_unwinder_new(&source, &veil->unwinder, err);
	veil->trace = &trace;
	for (size_t i = 0; status == INQ_OK && i < veil->walked_count; i++)
		status = walk_one(veil, &trace, i, err);
	veil->trace = NULL;
	if (status == INQ_OK && (!inq_buffer_ok(&trace.needed) || !inq_buffer_ok(&veil->words) ||
				 !inq_buffer_ok(&veil->stacks)))
		status = inq_fail(err, INQ_NO_MEMORY, "veil: out of memory");
	inq_buffer_done(&trace.needed);
	veil_sort_words(veil);
	merge_stacks(veil);
	return status;
}
