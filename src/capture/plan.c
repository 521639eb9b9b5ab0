/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/plan_private.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

static uint64_t end_of(const struct inq_region *region)
{
	return region->base + region->size;
}

void inq_plan_want(struct inq_planner *planner, uint64_t base, uint64_t end)
{
	struct inq_range range = {base, end - base};

	if (end > base)
		inq_buffer_append(planner->wanted, &range, sizeof(range));
}

const struct inq_region *inq_plan_region(const struct inq_planner *planner, uint64_t address)
{
	return inq_region_at(planner->regions, planner->region_count, address);
}

/* Index of the first readable range that ends behind the address. */
static size_t first_readable(const struct inq_planner *planner, uint64_t address)
{
	size_t low = 0, high = planner->memory_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct inq_range *range = &planner->memory[middle];

		if (range->base + range->size - 1 < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool inq_plan_readable(const struct inq_planner *planner, uint64_t address)
{
	size_t at = first_readable(planner, address);

	return at < planner->memory_count && planner->memory[at].base <= address;
}

/* --- stacks ---------------------------------------------------------------------------------- */

static bool can_be_stack(const struct inq_planner *planner, const struct inq_region *region)
{
	const uint32_t both = INQ_PROT_READ | INQ_PROT_WRITE;

	return (region->protection & both) == both && !(region->flags & INQ_REGION_NO_DUMP) &&
	       inq_plan_readable(planner, end_of(region) - 1);
}

/* The first region that begins above the address. */
static const struct inq_region *region_above(const struct inq_planner *planner, uint64_t address)
{
	size_t low = 0, high = planner->region_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (planner->regions[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < planner->region_count ? &planner->regions[low] : NULL;
}

/*
 * The mapping that a stack pointer belongs to, and where the live part begins in it. An overflowed
 * one points into the guard below its stack, or, on the main thread, into the gap that the kernel
 * keeps below it.
 */
static const struct inq_region *stack_region(const struct inq_planner *planner, uint64_t sp,
					     unsigned red_zone, uint64_t *ret_start)
{
	const struct inq_region *region = inq_plan_region(planner, sp);
	uint64_t start = sp > red_zone ? sp - red_zone : 0;

	if (region && can_be_stack(planner, region)) {
		start &= ~7ull;
		*ret_start = start > region->base ? start : region->base;
		return region;
	}
	if (region && region->protection)
		return NULL; /* code or constants: this is no stack pointer */
	for (const struct inq_region *above = region_above(planner, sp); above;
	     above = region_above(planner, above->base)) {
		if (above->base - sp > INQ_PLAN_GUARD_REACH)
			return NULL;
		if (!above->protection)
			continue;
		*ret_start = above->base;
		return can_be_stack(planner, above) && !above->inode ? above : NULL;
	}
	return NULL;
}

/* Where a long stack ends: neighbours of a thread's stack are often part of the same mapping, and
 * its outermost bytes are the thread control block, whose third word points at itself (glibc's
 * tcbhead_t; musl's first). */
static uint64_t stack_end(const struct inq_planner *planner, const struct inq_region *region,
			  uint64_t start, uint64_t tls)
{
	uint64_t end = end_of(region);
	uint64_t words[3], limit;
	size_t done;

	if (end - start <= INQ_PLAN_STACK_PLAIN || tls < start || tls >= end)
		return end;
	if (inq_target_read(planner->target, tls, words, sizeof(words), &done, NULL) != INQ_OK ||
	    done != sizeof(words) || (words[0] != tls && words[2] != tls))
		return end;
	limit = tls + INQ_PLAN_TCB;
	return limit < end ? limit : end;
}

static void want_stack(struct inq_planner *planner, uint64_t sp, uint64_t tls, unsigned red_zone,
		       struct inq_plan_stack *ret)
{
	uint64_t start = 0, end, near = INQ_PLAN_STACK_NEAR, far = INQ_PLAN_STACK_FAR;
	const struct inq_region *region = sp ? stack_region(planner, sp, red_zone, &start) : NULL;

	if (!region) {
		planner->plan->empty_stacks++;
		return;
	}
	end = stack_end(planner, region, start, tls);
	if (planner->stack_bytes >= INQ_PLAN_STACKS_TOTAL) {
		near = INQ_PLAN_STACK_LEAST;
		far = 0;
	}
	*ret = (struct inq_plan_stack){start, end - start};
	if (end - start > near + far) {
		ret->size = near;
		inq_plan_want(planner, end - far, end);
		planner->stack_bytes += far;
		planner->plan->cut_stacks++;
	}
	inq_plan_want(planner, ret->base, ret->base + ret->size);
	planner->stack_bytes += ret->size;
}

/* A stack beside the threads' own ones: the counts of the plan are about threads. */
static void want_extra_stack(struct inq_planner *planner, uint64_t sp, unsigned red_zone)
{
	struct inq_plan_stack ignored = {0};
	size_t empty = planner->plan->empty_stacks, cut = planner->plan->cut_stacks;

	want_stack(planner, sp, 0, red_zone, &ignored);
	planner->plan->empty_stacks = empty;
	planner->plan->cut_stacks = cut;
}

/* --- code ------------------------------------------------------------------------------------ */

/* True if the address lies in executable memory. */
static bool want_code(struct inq_planner *planner, uint64_t pc)
{
	const struct inq_region *region = inq_plan_region(planner, pc);
	uint64_t base, end;

	if (!region || !(region->protection & INQ_PROT_EXEC))
		return false;
	base = pc - region->base > INQ_PLAN_CODE_SPAN ? pc - INQ_PLAN_CODE_SPAN : region->base;
	end = end_of(region) - pc > INQ_PLAN_CODE_SPAN ? pc + INQ_PLAN_CODE_SPAN : end_of(region);
	inq_plan_want(planner, base, end);
	return true;
}

/* Code at the instruction pointer; after a jump to nowhere, at the return address on the stack. */
static void want_code_of(struct inq_planner *planner, uint64_t pc, uint64_t sp)
{
	uint64_t caller;

	if (want_code(planner, pc) || !sp)
		return;
	if (inq_target_read_pointer(planner->target, sp, &caller, NULL) == INQ_OK)
		want_code(planner, caller);
}

/* --- interrupted stacks ---------------------------------------------------------------------- */

/* struct ucontext of the kernel on x86-64, in words: where a signal frame tells of stacks. */
enum {
	UC_LINK = 1,
	UC_STACK_BASE = 2,
	UC_STACK_FLAGS = 3,
	UC_STACK_SIZE = 4,
	UC_RSP = 20, /* uc_mcontext.gregs[REG_RSP] */
	UC_RIP = 21,
	UC_WORDS = 22,
	UC_FLAGS_MAX = 7,
	UC_STACK_SIZE_MAX = 1 << 30, /* bytes; what looks larger is no size */
};

/* A signal frame on an alternate stack describes the very stack that it lies on. */
static bool is_switched_frame(const uint64_t *words, uint64_t address)
{
	uint64_t base = words[UC_STACK_BASE], size = words[UC_STACK_SIZE];

	return words[0] <= UC_FLAGS_MAX && words[UC_LINK] == 0 &&
	       (uint32_t)words[UC_STACK_FLAGS] <= 4 && base && address >= base &&
	       size <= UC_STACK_SIZE_MAX && address - base < size && !(words[UC_RSP] >= base && words[UC_RSP] - base < size);
}

static bool find_switched_frame(struct inq_planner *planner, uint64_t sp, uint64_t *ret_sp,
				uint64_t *ret_pc)
{
	uint64_t *words = malloc(INQ_PLAN_SIGNAL_SCAN);
	size_t done = 0;
	bool found = false;

	if (!words)
		return false;
	sp &= ~7ull;
	inq_target_read(planner->target, sp, words, INQ_PLAN_SIGNAL_SCAN, &done, NULL);
	for (size_t i = 0; !found && i + UC_WORDS <= done / 8; i++) {
		found = is_switched_frame(&words[i], sp + i * 8);
		*ret_sp = words[i + UC_RSP];
		*ret_pc = words[i + UC_RIP];
	}
	free(words);
	return found;
}

/* A handler on an alternate stack: the stack that it interrupted is the interesting one. */
static void want_interrupted(struct inq_planner *planner, const struct inq_context *context,
			     unsigned red_zone)
{
	uint64_t sp = inq_context_sp(context), pc;

	if (context->machine != INQ_MACHINE_AMD64)
		return;
	for (unsigned depth = 0; depth < INQ_PLAN_SIGNAL_DEPTH && sp; depth++) {
		if (!find_switched_frame(planner, sp, &sp, &pc))
			return;
		want_extra_stack(planner, sp, red_zone);
		want_code_of(planner, pc, sp);
	}
}

/* --- sources --------------------------------------------------------------------------------- */

static unsigned red_zone_of(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	return info ? info->red_zone : 0;
}

/* Does a thread stand on another stack than the one that ends in its control block? Threads that crash together do,
 * while they wait in a handler for the first; so does the main thread, whose stack is the kernel's: of it another
 * stack may even be one mapping with its control block. */
static bool is_elsewhere(const struct inq_planner *planner, const struct inq_thread *thread, uint64_t sp)
{
	const struct inq_region *region = inq_plan_region(planner, sp);
	const struct inq_process *process;

	if (!thread->tls || !sp)
		return false;
	return region != inq_plan_region(planner, thread->tls) ||
	       (inq_target_process(planner->target, &process, NULL) == INQ_OK && process->pid == thread->tid &&
		region && !(region->flags & INQ_REGION_STACK));
}

static void source_threads(struct inq_planner *planner)
{
	size_t looked = 0;

	for (size_t i = 0; i < planner->thread_count; i++) {
		const uint64_t tls = planner->threads[i].tls;
		struct inq_context context = {0};
		bool search = planner->threads[i].crashed;
		uint64_t sp;

		if (inq_target_context(planner->target, i, &context, NULL) != INQ_OK) {
			planner->plan->empty_stacks++;
			continue;
		}
		sp = inq_context_sp(&context);
		want_stack(planner, sp, tls, red_zone_of(&context),
			   &planner->plan->stacks[i]);
		want_code_of(planner, inq_context_pc(&context), sp);
		if (!search && looked < INQ_PLAN_SIGNAL_THREADS && is_elsewhere(planner, &planner->threads[i], sp)) {
			looked++;
			search = true;
		}
		if (search)
			want_interrupted(planner, &context, red_zone_of(&context));
	}
}

/* Where the exception's registers differ from its thread's (the thread is in a handler by now). */
static void source_exception(struct inq_planner *planner)
{
	struct inq_context context = {0};

	if (inq_target_exception_context(planner->target, &context, NULL) != INQ_OK)
		return;
	want_extra_stack(planner, inq_context_sp(&context), red_zone_of(&context));
	want_code_of(planner, inq_context_pc(&context), inq_context_sp(&context));
}

/* Behind a filter signal frames cannot be recognized here; whoever filtered has walked them. A stack
 * that threads brought already is merged with itself. */
static void source_walked(struct inq_planner *planner)
{
	for (size_t i = 0; i < planner->walked_count; i++) {
		uint64_t base = planner->walked[i].base & ~7ull, size = planner->walked[i].size;

		inq_plan_want(planner, base,
			      base + (size < INQ_PLAN_STACK_NEAR ? size : INQ_PLAN_STACK_NEAR));
	}
}

/* No file holds the vdso, and stacks that wait in it cannot be unwound without its CFI. */
static void source_vdso(struct inq_planner *planner)
{
	for (size_t i = planner->region_count; i-- > 0;) {
		const struct inq_region *region = &planner->regions[i];

		if (strcmp(region->name, "[vdso]") == 0) {
			inq_plan_want(planner, region->base,
			     region->base + (region->size < INQ_PLAN_VDSO ? region->size
									  : INQ_PLAN_VDSO));
			return;
		}
	}
}

/*
 * letters    any of them asks for it; 0: in every plan
 * far        memory by the region: behind the stacks in the file
 * source     adds what it wants
 *
 * Pointers are followed last: they need the stacks.
 */
static const struct {
	uint32_t letters;
	bool far;
	void (*source)(struct inq_planner *);
} sources[] = {
	{0, false, source_threads},
	{0, false, source_exception},
	{0, false, source_walked},
	{0, false, source_vdso},
	{INQ_DUMP_f, true, inq_plan_full},
	{INQ_DUMP_w, true, inq_plan_private},
	{INQ_DUMP_c | INQ_DUMP_d, true, inq_plan_segments},
	{INQ_DUMP_p, true, inq_plan_blocks},
	{INQ_DUMP_i, true, inq_plan_pointers},
};

/* --- merging --------------------------------------------------------------------------------- */

static int compare_base(const void *a, const void *b)
{
	const struct inq_range *left = a, *right = b;

	return left->base < right->base ? -1 : left->base > right->base;
}

/* Sort and merge in place; returns how many are left. Ranges that only touch stay apart, so that a
 * stack is a range of its own. */
static size_t merge(struct inq_range *ranges, size_t count)
{
	size_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), compare_base);
	for (size_t i = 0; i < count; i++) {
		struct inq_range *last = kept ? &ranges[kept - 1] : NULL;

		if (last && ranges[i].base - last->base < last->size) {
			uint64_t size = ranges[i].base - last->base + ranges[i].size;

			if (size > last->size)
				last->size = size;
		} else {
			ranges[kept++] = ranges[i];
		}
	}
	return kept;
}

/* What of the merged ranges can be read. */
static void clip(struct inq_planner *planner, const struct inq_range *ranges, size_t count,
		 struct inq_buffer *ret)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].base + ranges[i].size;

		for (size_t at = first_readable(planner, ranges[i].base);
		     at < planner->memory_count && planner->memory[at].base < end; at++) {
			const struct inq_range *memory = &planner->memory[at];
			uint64_t memory_end = memory->base + memory->size;
			struct inq_range part = {
				memory->base > ranges[i].base ? memory->base : ranges[i].base, 0};

			part.size = (memory_end < end ? memory_end : end) - part.base;
			inq_buffer_append(ret, &part, sizeof(part));
		}
	}
}

/* Where whole regions come too, the ranges that are cut out of them are whole pages. */
static void round_to_pages(struct inq_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].base + ranges[i].size + (PAGE - 1);

		ranges[i].base &= ~(uint64_t)(PAGE - 1);
		ranges[i].size = (end & ~(uint64_t)(PAGE - 1)) - ranges[i].base;
	}
}

/* What of `far` is not in `near`; both sorted and disjoint. */
static void subtract(const struct inq_range *far, size_t far_count, const struct inq_range *near,
		     size_t near_count, struct inq_buffer *ret)
{
	size_t at = 0;

	for (size_t i = 0; i < far_count; i++) {
		uint64_t base = far[i].base, end = far[i].base + far[i].size;

		while (at < near_count && near[at].base + near[at].size <= base)
			at++;
		for (size_t n = at; n < near_count && near[n].base < end; n++) {
			struct inq_range part = {base, near[n].base - base};

			if (near[n].base > base)
				inq_buffer_append(ret, &part, sizeof(part));
			base = near[n].base + near[n].size;
		}
		if (base < end) {
			struct inq_range part = {base, end - base};

			inq_buffer_append(ret, &part, sizeof(part));
		}
	}
}

static size_t range_count(const struct inq_buffer *buffer)
{
	return buffer->size / sizeof(struct inq_range);
}

static struct inq_range *range_data(const struct inq_buffer *buffer)
{
	return (struct inq_range *)(void *)buffer->data;
}

/* Two sorted lists into the plan's one. */
static bool join(struct inq_plan *plan, const struct inq_buffer *near, const struct inq_buffer *far)
{
	size_t near_count = range_count(near), far_count = range_count(far), n = 0, f = 0;

	plan->ranges = calloc(near_count + far_count + 1, sizeof(*plan->ranges));
	plan->near = calloc(near_count + far_count + 1, 1);
	if (!plan->ranges || !plan->near)
		return false;
	while (n < near_count || f < far_count) {
		bool is_near = f == far_count ||
			       (n < near_count && range_data(near)[n].base < range_data(far)[f].base);

		plan->near[plan->count] = is_near;
		plan->ranges[plan->count] = is_near ? range_data(near)[n++] : range_data(far)[f++];
		plan->bytes += plan->ranges[plan->count++].size;
	}
	return true;
}

static enum inq_status finish(struct inq_planner *planner, struct inq_buffer *near,
			      struct inq_buffer *far, struct inq_error *err)
{
	struct inq_buffer clipped = {0}, rest = {0}, clipped_rest = {0};
	bool good = inq_buffer_ok(near) && inq_buffer_ok(far);

	if (good && near->size && planner->letters & (INQ_DUMP_f | INQ_DUMP_w))
		round_to_pages(range_data(near), range_count(near));
	if (good && near->size)
		near->size = merge(range_data(near), range_count(near)) * sizeof(struct inq_range);
	if (good && far->size) {
		far->size = merge(range_data(far), range_count(far)) * sizeof(struct inq_range);
		subtract(range_data(far), range_count(far), range_data(near), range_count(near), &rest);
	}
	good = good && inq_buffer_ok(&rest);
	if (good) {
		clip(planner, range_data(near), range_count(near), &clipped);
		clip(planner, range_data(&rest), range_count(&rest), &clipped_rest);
	}
	good = good && inq_buffer_ok(&clipped) && inq_buffer_ok(&clipped_rest) &&
	       join(planner->plan, &clipped, &clipped_rest);
	inq_buffer_done(&clipped);
	inq_buffer_done(&rest);
	inq_buffer_done(&clipped_rest);
	if (!good)
		return inq_fail(err, INQ_NO_MEMORY, "memory plan: out of memory");
	planner->plan->wide = planner->letters & (INQ_DUMP_f | INQ_DUMP_w) ||
			      planner->plan->bytes > INQ_PLAN_LIST32;
	return INQ_OK;
}

enum inq_status inq_plan_make(struct inq_target *target, const struct inq_dump_options *options,
			      const struct inq_range *walked, size_t walked_count,
			      struct inq_plan *ret, struct inq_error *err)
{
	struct inq_planner planner = {
		.target = target,
		.plan = ret,
		.letters = options ? options->letters : 0,
		.walked = walked,
		.walked_count = walked_count,
	};
	struct inq_buffer near = {0}, far = {0};
	bool is_without = options && (options->part == INQ_DUMP_KERNEL_ALONE || options->part == INQ_DUMP_FACTS);
	enum inq_status status;

	*ret = (struct inq_plan){0};
	inq_target_regions(target, &planner.regions, &planner.region_count, NULL);
	inq_target_memory(target, &planner.memory, &planner.memory_count, NULL);
	inq_target_threads(target, &planner.threads, &planner.thread_count, NULL);
	ret->stacks = calloc(planner.thread_count + 1, sizeof(*ret->stacks));
	if (!ret->stacks)
		return inq_fail(err, INQ_NO_MEMORY, "memory plan: out of memory");
	ret->stack_count = planner.thread_count;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (is_without || (sources[i].letters && !(sources[i].letters & planner.letters)))
			continue;
		planner.wanted = sources[i].far ? &far : &near;
		sources[i].source(&planner);
	}
	status = finish(&planner, &near, &far, err);
	inq_buffer_done(&near);
	inq_buffer_done(&far);
	if (status != INQ_OK)
		inq_plan_done(ret);
	return status;
}

void inq_plan_done(struct inq_plan *plan)
{
	if (!plan)
		return;
	free(plan->ranges);
	free(plan->near);
	free(plan->stacks);
	*plan = (struct inq_plan){0};
}
