/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The veil on hostile stacks, registers, mappings and texts: whatever they are, what is shown of memory is zero or a
 * word that points into code or into the stack itself.
 */
#include "config.h"

#include "minidump/context.h"
#include "privacy/veil.h"
#include "support/cursor.h"
#include "target/target.h"

#include <stdlib.h>
#include <string.h>

enum { STACK = 0x700000, STACK_SIZE = 4096, CODE = 0x400000, CODE_SIZE = 1024 };

struct world {
	struct inq_target target; /* first */
	struct inq_context context;
	struct inq_exception exception;
	uint8_t stack[STACK_SIZE], code[CODE_SIZE];
	const char *text;
	size_t text_size;
};

static const struct inq_thread thread = {.tid = 7, .has_context = true, .crashed = true, .name = "fuzz"};
static const struct inq_range memory[] = {{CODE, CODE_SIZE}, {STACK, STACK_SIZE}};
static const struct inq_region regions[] = {
	{.base = CODE, .size = CODE_SIZE, .protection = INQ_PROT_READ | INQ_PROT_EXEC, .name = ""},
	{.base = STACK, .size = STACK_SIZE, .protection = INQ_PROT_READ | INQ_PROT_WRITE, .name = "[stack]",
	 .flags = INQ_REGION_STACK},
};

static enum inq_status threads(struct inq_target *self, const struct inq_thread **ret, size_t *ret_count,
			       struct inq_error *err)
{
	(void)self;
	(void)err;
	*ret = &thread;
	*ret_count = 1;
	return INQ_OK;
}

static enum inq_status context(struct inq_target *self, size_t index, struct inq_context *ret, struct inq_error *err)
{
	(void)index;
	(void)err;
	*ret = ((struct world *)self)->context;
	return INQ_OK;
}

static enum inq_status exception(struct inq_target *self, const struct inq_exception **ret, struct inq_error *err)
{
	(void)err;
	*ret = &((struct world *)self)->exception;
	return INQ_OK;
}

static enum inq_status ranges(struct inq_target *self, const struct inq_range **ret, size_t *ret_count,
			      struct inq_error *err)
{
	(void)self;
	(void)err;
	*ret = memory;
	*ret_count = 2;
	return INQ_OK;
}

static enum inq_status mappings(struct inq_target *self, const struct inq_region **ret, size_t *ret_count,
				struct inq_error *err)
{
	(void)self;
	(void)err;
	*ret = regions;
	*ret_count = 2;
	return INQ_OK;
}

static enum inq_status read_world(struct inq_target *self, uint64_t address, void *to, size_t size, size_t *ret_done,
				  struct inq_error *err)
{
	struct world *world = (struct world *)self;
	const uint8_t *bytes = NULL;
	size_t left = 0;

	if (address - STACK < STACK_SIZE) {
		bytes = world->stack + (address - STACK);
		left = STACK_SIZE - (size_t)(address - STACK);
	} else if (address - CODE < CODE_SIZE) {
		bytes = world->code + (address - CODE);
		left = CODE_SIZE - (size_t)(address - CODE);
	}
	*ret_done = left < size ? left : size;
	if (!*ret_done)
		return inq_fail(err, INQ_FAULT, "not there");
	memcpy(to, bytes, *ret_done);
	return INQ_OK;
}

static enum inq_status text(struct inq_target *self, enum inq_text_kind kind, const char **ret, size_t *ret_size,
			    struct inq_error *err)
{
	(void)kind;
	(void)err;
	*ret = ((struct world *)self)->text;
	*ret_size = ((struct world *)self)->text_size;
	return INQ_OK;
}

static const struct inq_target_ops ops = {
	.kind = "world", .threads = threads, .context = context, .exception = exception, .memory = ranges,
	.regions = mappings, .read = read_world, .text = text,
};

static void check_memory(struct inq_target *shown)
{
	uint8_t bytes[STACK_SIZE];

	if (inq_target_read_all(shown, CODE, bytes, CODE_SIZE, NULL) != INQ_FAULT)
		abort(); /* of no module: not there */
	if (inq_target_read_all(shown, STACK, bytes, STACK_SIZE, NULL) != INQ_OK)
		abort();
	for (size_t i = 0; i < STACK_SIZE; i++) {
		bool allowed = !bytes[i];

		/* Every byte that is not zero is part of some word that points where it may. */
		for (size_t back = 0; !allowed && back < 8 && back <= i; back++) {
			uint64_t value = 0;

			memcpy(&value, bytes + i - back, STACK_SIZE - (i - back) < 8 ? STACK_SIZE - (i - back) : 8);
			allowed = value - CODE < CODE_SIZE || (value >= STACK - 128 && value <= STACK + STACK_SIZE) ||
				  value == INQ_VEIL_WITHHELD; /* a return address that was written over */
		}
		if (!allowed)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct inq_veil_policy policies[] = {{0}, {INQ_VEIL_STACK_WHOLE, INQ_VEIL_NAMES_BARE}};
	struct world *world = calloc(1, sizeof(*world));
	struct inq_cursor cursor = inq_cursor_make(data, size, 0, "input");
	const struct inq_exception *told;
	struct inq_veil *veil;
	const char *shown;
	size_t shown_size, bad, left;

	if (!world)
		return 0;
	world->target = (struct inq_target){.ops = &ops, .name = "world"};
	inq_context_init(INQ_MACHINE_AMD64, &world->context);
	for (int i = 0; i < 17; i++)
		inq_context_set(&world->context, inq_register_from_dwarf(INQ_MACHINE_AMD64, i),
				inq_cursor_u32(&cursor) | (uint64_t)inq_cursor_u8(&cursor) << 40);
	world->exception = (struct inq_exception){.tid = 7, .code = 11, .address = inq_cursor_u64(&cursor)};
	for (size_t i = 0; i < STACK_SIZE && inq_cursor_left(&cursor); i++)
		world->stack[i] = inq_cursor_u8(&cursor);
	for (size_t i = 0; i < CODE_SIZE && inq_cursor_left(&cursor); i++)
		world->code[i] = inq_cursor_u8(&cursor);
	left = size < 512 ? size : 512;
	world->text = (const char *)data + (size - left);
	world->text_size = left;
	for (int i = 0; i < 2; i++) {
		if (inq_veil_new(&world->target, &policies[i], &veil, NULL) != INQ_OK)
			continue;
		for (int kind = 0; kind < INQ_TEXT_COUNT; kind++)
			inq_target_text(inq_veil_target(veil), (enum inq_text_kind)kind, &shown, &shown_size, NULL);
		inq_target_exception(inq_veil_target(veil), &told, NULL);
		if (inq_veil_verify(veil, NULL, &bad, NULL) == INQ_OK && i == 0)
			check_memory(inq_veil_target(veil));
		inq_veil_free(veil);
	}
	free(world);
	return 0;
}
