/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stacks: the unwinder's frames, with names, lines and the functions that were inlined. */
#include "engine/session_private.h"

#include <stdlib.h>
#include <string.h>

/* --- what the unwinder asks ------------------------------------------------------- */

static enum inq_status module_for_unwinder(void *user, uint64_t address,
					   struct inq_unwind_module *ret)
{
	struct inq_session *session = user;
	const struct inq_module *module;
	struct module_slot *slot = session_slot_at(session, address, &module);

	if (!slot)
		return INQ_ABSENT;
	session_need_image(session, module);
	*ret = (struct inq_unwind_module){
		.image = slot->image,
		.base = module->base,
		.size = module->size,
		.bias = slot->bias,
	};
	return INQ_OK;
}

/* Regions know best; a small dump describes few of them, then the image's segments do. */
static bool is_code(void *user, uint64_t address)
{
	struct inq_session *session = user;
	const struct inq_module *module;
	struct module_slot *slot;
	size_t count;
	const struct inq_region *regions = inq_session_regions(session, &count);
	const struct inq_region *region = inq_region_at(regions, count, address);

	if (region)
		return !(region->flags & INQ_REGION_FREE) && region->protection & INQ_PROT_EXEC;
	slot = session_slot_at(session, address, &module);
	if (!slot)
		return false;
	session_need_image(session, module);
	return !slot->image || inq_image_is_code(slot->image, address - slot->bias);
}

static enum inq_status need_unwinder(struct inq_session *session, struct inq_error *err)
{
	struct inq_unwind_source source = {
		.target = session->target,
		.module = module_for_unwinder,
		.is_code = is_code,
		.user = session,
	};

	return session->unwinder ? INQ_OK : inq_unwinder_new(&source, &session->unwinder, err);
}

void session_forget_stack(struct inq_session *session)
{
	if (session->has_stack)
		inq_stack_done(&session->stack);
	session->has_stack = false;
}

void session_forget_unwinder(struct inq_session *session)
{
	session_forget_stack(session);
	inq_unwinder_free(session->unwinder);
	session->unwinder = NULL;
}

/* --- lines of the stack ----------------------------------------------------------- */

struct lines {
	struct inq_stack *stack;
	size_t capacity, limit;
};

static struct inq_call *add_line(struct lines *lines)
{
	struct inq_stack *stack = lines->stack;
	struct inq_call *calls;

	if (stack->count == lines->limit)
		return NULL;
	if (stack->count == lines->capacity) {
		lines->capacity = lines->capacity ? lines->capacity * 2 : 32;
		calls = realloc(stack->calls, lines->capacity * sizeof(*calls));
		if (!calls)
			return NULL;
		stack->calls = calls;
	}
	return memset(&stack->calls[stack->count++], 0, sizeof(*calls));
}

/* The place in the inlined function: its name, and how far from where its block begins. */
static void enter_inlined(struct inq_call *call, const struct inq_source *source)
{
	call->place.symbol = source->function;
	call->place.linkage = NULL;
	call->place.symbol_size = 0;
	call->place.symbol_address = source->low_pc;
	call->place.offset =
		source->low_pc && source->low_pc <= call->pc ? call->pc - source->low_pc : 0;
}

/* One frame: a line for each function that was inlined at its place, then its own. */
static bool add_frame(struct inq_session *session, struct lines *lines, size_t physical)
{
	const struct inq_frame *frame = &lines->stack->frames.frames[physical];
	struct inq_source sources[INQ_SOURCE_MAX];
	struct inq_place place;
	size_t count = 0;

	inq_session_place(session, frame->lookup_pc, &place);
	/* Offsets are the return address's, as every debugger shows them; only the lookup steps
	 * back. */
	if (place.symbol)
		place.offset = frame->pc - place.symbol_address;
	if (place.module)
		place.module_offset = frame->pc - place.module->base;
	if (!place.module ||
	    inq_session_source(session, frame->lookup_pc, sources, &count, NULL) != INQ_OK)
		count = 0;
	for (size_t i = 0; i < (count ? count : 1); i++) {
		struct inq_call *call = add_line(lines);

		if (!call)
			return false;
		call->physical = physical;
		call->pc = frame->pc;
		call->place = place;
		if (!count)
			break;
		call->file = sources[i].file;
		call->line = sources[i].line;
		call->column = sources[i].column;
		call->inlined = sources[i].inlined && i + 1 < count;
		if (call->inlined)
			enter_inlined(call, &sources[i]);
		else if (!place.symbol && sources[i].function)
			enter_inlined(call, &sources[i]);
	}
	return true;
}

static enum inq_status stack_of_context(struct inq_session *session,
					const struct inq_context *context, size_t limit,
					struct inq_stack *ret, struct inq_error *err)
{
	struct inq_stack stack = {0};
	struct lines lines = {.stack = &stack,
			      .limit = limit && limit < INQ_STACK_LIMIT ? limit : INQ_STACK_LIMIT};
	enum inq_status status = need_unwinder(session, err);

	/* One frame more than lines: the last line's return address is in it. */
	if (status == INQ_OK)
		status =
			inq_unwind(session->unwinder, context, lines.limit + 1, &stack.frames, err);
	if (status != INQ_OK)
		return status;
	for (size_t i = 0; i < stack.frames.count; i++) {
		if (add_frame(session, &lines, i))
			continue;
		if (stack.count == lines.limit) {
			stack.frames.stop = INQ_STOP_LIMIT;
			break;
		}
		inq_stack_done(&stack);
		return inq_fail(err, INQ_NO_MEMORY, "stack: no memory");
	}
	*ret = stack;
	return INQ_OK;
}

enum inq_status inq_session_stack(struct inq_session *session, long thread, size_t limit,
				  struct inq_stack *ret, struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status;

	status = thread < 0 ? inq_session_context(session, &context, err)
			    : inq_target_context(session->target, (size_t)thread, &context, err);
	return status == INQ_OK ? stack_of_context(session, &context, limit, ret, err) : status;
}

void inq_stack_done(struct inq_stack *stack)
{
	if (!stack)
		return;
	inq_frames_done(&stack->frames);
	free(stack->calls);
	memset(stack, 0, sizeof(*stack));
}

/* --- the current frame ------------------------------------------------------------ */

enum inq_status inq_session_current_stack(struct inq_session *session, const struct inq_stack **ret,
					  struct inq_error *err)
{
	if (!session->has_stack) {
		enum inq_status status =
			inq_session_stack(session, INQ_NO_THREAD, 0, &session->stack, err);

		if (status != INQ_OK)
			return status;
		session->has_stack = true;
	}
	*ret = &session->stack;
	return INQ_OK;
}

size_t inq_session_frame(const struct inq_session *session)
{
	return session->frame;
}

enum inq_status inq_session_set_frame(struct inq_session *session, size_t index,
				      struct inq_error *err)
{
	const struct inq_stack *stack;
	enum inq_status status = inq_session_current_stack(session, &stack, err);

	if (status != INQ_OK)
		return status;
	if (index >= stack->count)
		return inq_fail(err, INQ_USAGE, "there is no frame %zx; the stack has %zx", index,
				stack->count);
	session->frame = index;
	return INQ_OK;
}

enum inq_status inq_session_frame_context(struct inq_session *session, struct inq_context *ret,
					  struct inq_error *err)
{
	const struct inq_stack *stack;
	enum inq_status status;
	size_t physical;

	if (session->frame == 0)
		return inq_session_context(session, ret, err);
	status = inq_session_current_stack(session, &stack, err);
	if (status != INQ_OK)
		return status;
	physical = stack->calls[session->frame].physical;
	/* Lines inlined into the innermost frame have its registers, all of them. */
	if (physical == 0)
		return inq_session_context(session, ret, err);
	inq_frame_context(&stack->frames.frames[physical], session->machine, ret);
	return INQ_OK;
}
