/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind_world.h"

#include <stdlib.h>
#include <string.h>

struct world world;

static enum inq_status read_world(struct inq_target *self, uint64_t address, void *to, size_t size,
				  size_t *ret_done, struct inq_error *err)
{
	const struct {
		uint64_t base;
		const uint8_t *data;
		size_t size;
	} RANGES[] = {
		{CODE, world.code, world.code_unreadable ? 0 : CODE_SIZE},
		{STACK, world.stack, STACK_SIZE},
		{OTHER, world.other, STACK_SIZE},
	};

	(void)self;
	for (size_t i = 0; i < sizeof(RANGES) / sizeof(RANGES[0]); i++) {
		if (address < RANGES[i].base || address - RANGES[i].base >= RANGES[i].size)
			continue;
		size_t left = RANGES[i].size - (size_t)(address - RANGES[i].base);

		*ret_done = size < left ? size : left;
		memcpy(to, RANGES[i].data + (address - RANGES[i].base), *ret_done);
		return INQ_OK;
	}
	return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
}

static enum inq_status ranges_of_world(struct inq_target *self, const struct inq_range **ret, size_t *ret_count,
				       struct inq_error *err)
{
	static const struct inq_range RANGES[] = {{CODE, CODE_SIZE}, {OTHER, STACK_SIZE}, {STACK, STACK_SIZE}};

	(void)self;
	(void)err;
	*ret = RANGES;
	*ret_count = 3;
	return INQ_OK;
}

static enum inq_status module_of_world(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	(void)user;
	if (!world.image || address < MODULE || address - MODULE >= ELF_WRITER_SIZE)
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){world.image, MODULE, ELF_WRITER_SIZE, MODULE};
	return INQ_OK;
}

static bool is_code(void *user, uint64_t address)
{
	(void)user;
	return (address >= CODE && address - CODE < CODE_SIZE) ||
	       (world.image && address >= MODULE && address - MODULE < ELF_WRITER_SIZE);
}

static void note_slot(void *user, uint64_t address, unsigned size, int dwarf)
{
	(void)user;
	if (!size)
		return;
	cr_assert_lt(world.slot_count, MAX_SLOTS);
	world.slots[world.slot_count] = address;
	world.slot_columns[world.slot_count++] = dwarf;
}

static void note_use(void *user, int dwarf)
{
	(void)user;
	world.used |= 1ull << dwarf;
}

static void note_step(void *user)
{
	(void)user;
	world.step_count++;
}

void set(int dwarf, uint64_t value)
{
	const struct inq_register *reg = inq_register_from_dwarf(world.context.machine, dwarf);

	cr_assert_not_null(reg, "register %d", dwarf);
	cr_assert(inq_context_set(&world.context, reg, value));
}

void begin(enum inq_machine machine)
{
	static const struct inq_target_ops OPS = {.kind = "world", .read = read_world, .memory = ranges_of_world};

	world.target = (struct inq_target){.ops = &OPS, .name = "world"};
	memset(world.code, 0x90, sizeof(world.code));
	inq_context_init(machine, &world.context);
}

void walk(size_t limit)
{
	struct inq_unwind_source source = {.target = &world.target, .module = module_of_world, .is_code = is_code,
					   .slot = note_slot, .use = note_use, .step = note_step,
					   .call_only = world.call_only};
	struct inq_error err = {0};

	cr_assert_eq(inq_unwinder_new(&source, &world.unwinder, &err), INQ_OK);
	cr_assert_eq(inq_unwind(world.unwinder, &world.context, limit, &world.frames, &err), INQ_OK, "%s", err.text);
	cr_assert_geq(world.frames.count, 1);
}

void world_end(void)
{
	inq_frames_done(&world.frames);
	inq_unwinder_free(world.unwinder);
	inq_image_free(world.image);
}

TestSuite(unwind, .fini = world_end, .timeout = 10);

void store(uint64_t address, uint64_t value, unsigned size)
{
	uint8_t *place = address >= STACK ? world.stack + (address - STACK)
					  : address >= OTHER ? world.other + (address - OTHER)
							     : world.code + (address - CODE);

	memcpy(place, &value, size);
}

void store64(uint64_t address, uint64_t value)
{
	store(address, value, 8);
}

/* A direct call that ends at the address. */
uint64_t call_before(uint64_t return_address, uint64_t target)
{
	uint32_t distance = (uint32_t)(target - return_address);

	store(return_address - 5, 0xe8, 1);
	store(return_address - 4, distance, 4);
	return return_address;
}

/* main called f (with a pointer, so that nothing else confirms it), f called g, which crashed. */
void write_chain(void)
{
	begin(INQ_MACHINE_AMD64);
	store(CODE + 0x100 - 2, 0xd0ff, 2); /* call *%rax */
	store(CODE + 0x200 - 3, 0xd4ff41, 3); /* call *%r12 */
	set(RIP, CODE + 0x300);
	set(RSP, STACK + 0x100);
	set(RBP, STACK + 0x140);
	store64(STACK + 0x140, STACK + 0x180);
	store64(STACK + 0x148, CODE + 0x100);
	store64(STACK + 0x180, STACK + 0x1c0);
	store64(STACK + 0x188, CODE + 0x200);
	store64(STACK + 0x1c0, 0);
	store64(STACK + 0x1c8, 0);
}
