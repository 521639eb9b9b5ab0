/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Letter i: what pointers in registers and on stacks point at. Every aligned word that is an address of readable
 * memory counts as a pointer; code is left out (it is letter c's, and in the module's file), and so are the stacks,
 * which are there anyway.
 */
#include "config.h"

#include "capture/plan_private.h"

#include "support/cursor.h"

#include <stdlib.h>

struct search {
	struct inq_planner *planner;
	unsigned word;        /* bytes */
	uint64_t low, high;   /* of all readable memory: most words are out of it */
	uint64_t left;        /* bytes that may still be wanted */
	uint64_t last;        /* the 128 bytes that the last pointer led to, for runs of equal ones */
	const struct inq_region *region; /* of the last pointer */
};

static bool holds(const struct inq_region *region, uint64_t address)
{
	return region && address >= region->base && address - region->base < region->size;
}

/* Where there is no list of regions, nothing is known to be code. */
static bool is_data(struct search *search, uint64_t address)
{
	if (!holds(search->region, address))
		search->region = inq_plan_region(search->planner, address);
	if (search->planner->region_count && !search->region)
		return false;
	if (search->region && search->region->protection & INQ_PROT_EXEC)
		return false;
	return inq_plan_readable(search->planner, address);
}

static void follow(struct search *search, uint64_t address)
{
	uint64_t base = address, end;

	if (address < search->low || address >= search->high || address / 128 == search->last)
		return;
	search->last = address / 128;
	if (!search->left || !is_data(search, address))
		return;
	base = address > INQ_PLAN_NEAR_BEFORE ? address - INQ_PLAN_NEAR_BEFORE : 0;
	end = address + INQ_PLAN_NEAR_AFTER;
	if (search->region && base < search->region->base)
		base = search->region->base;
	if (search->region && end > search->region->base + search->region->size)
		end = search->region->base + search->region->size;
	if (end - base > search->left)
		end = base + search->left;
	search->left -= end - base;
	inq_plan_want(search->planner, base, end);
}

static void follow_registers(struct search *search, const struct inq_context *context)
{
	const struct inq_machine_info *machine = inq_machine_info(context->machine);

	for (size_t i = 0; machine && i < machine->register_count; i++) {
		const struct inq_register *reg = &machine->registers[i];
		uint64_t value;

		if (reg->class == INQ_REG_GENERAL && reg->size == machine->pointer_size &&
		    inq_context_get(context, reg, &value))
			follow(search, value);
	}
}

static void follow_stack(struct search *search, const struct inq_plan_stack *stack, uint8_t *buffer)
{
	size_t size = stack->size < INQ_PLAN_NEAR_SCAN ? (size_t)stack->size : INQ_PLAN_NEAR_SCAN, done = 0;
	struct inq_cursor cursor;

	if (inq_target_read(search->planner->target, stack->base, buffer, size, &done, NULL) != INQ_OK)
		return;
	cursor = inq_cursor_make(buffer, done, stack->base, "stack");
	inq_cursor_skip(&cursor, -stack->base & (search->word - 1));
	while (inq_cursor_left(&cursor) >= search->word)
		follow(search, inq_cursor_word(&cursor, search->word));
	if (stack->size > size)
		search->planner->plan->cut_pointers++;
}

static void follow_thread(struct search *search, size_t index, uint8_t *buffer)
{
	struct inq_planner *planner = search->planner;
	struct inq_context context = {0};

	if (inq_target_context(planner->target, index, &context, NULL) == INQ_OK)
		follow_registers(search, &context);
	if (planner->threads[index].crashed &&
	    inq_target_exception_context(planner->target, &context, NULL) == INQ_OK)
		follow_registers(search, &context);
	if (planner->plan->stacks[index].size)
		follow_stack(search, &planner->plan->stacks[index], buffer);
}

void inq_plan_pointers(struct inq_planner *planner)
{
	const struct inq_machine_info *machine = NULL;
	const struct inq_system *system;
	struct search search = {.planner = planner, .word = 8, .left = INQ_PLAN_NEAR_TOTAL, .last = UINT64_MAX};
	uint8_t *buffer = malloc(INQ_PLAN_NEAR_SCAN);

	if (!buffer || !planner->memory_count) {
		free(buffer);
		return;
	}
	if (inq_target_system(planner->target, &system, NULL) == INQ_OK)
		machine = inq_machine_info(system->machine);
	if (machine)
		search.word = machine->pointer_size;
	search.low = planner->memory[0].base;
	search.high = planner->memory[planner->memory_count - 1].base +
		      planner->memory[planner->memory_count - 1].size;
	/* The crashed thread first: where the bound is reached, its pointers are the ones that count. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < planner->thread_count; i++) {
			if (planner->threads[i].crashed == (pass == 0))
				follow_thread(&search, i, buffer);
		}
	}
	free(buffer);
}
