/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/machine.h"
#include "target/machine_tables.h"

#include <elf.h>
#include <strings.h>

static const struct inq_machine_table *const tables[] = {
	[INQ_MACHINE_X86] = &inq_machine_x86,
	[INQ_MACHINE_AMD64] = &inq_machine_amd64,
	[INQ_MACHINE_ARM] = &inq_machine_arm,
	[INQ_MACHINE_ARM64] = &inq_machine_arm64,
};
enum { TABLES = sizeof(tables) / sizeof(*tables) };

static const struct inq_machine_table *table_of(enum inq_machine machine)
{
	return (unsigned)machine < TABLES ? tables[machine] : NULL;
}

const struct inq_machine_info *inq_machine_info(enum inq_machine machine)
{
	const struct inq_machine_table *table = table_of(machine);

	return table ? &table->info : NULL;
}

enum inq_machine inq_machine_from_elf(uint16_t em, bool is_64)
{
	for (unsigned i = 0; i < TABLES; i++)
		if (tables[i] && tables[i]->info.elf_machine == em &&
		    (tables[i]->info.pointer_size == 8) == is_64)
			return (enum inq_machine)i;
	return INQ_MACHINE_UNKNOWN;
}

enum inq_machine inq_machine_from_minidump(uint16_t processor_architecture)
{
	enum { ARM64_BREAKPAD = 0x8003 }; /* before Microsoft gave ARM64 the number 12 */

	if (processor_architecture == ARM64_BREAKPAD)
		return INQ_MACHINE_ARM64;
	for (unsigned i = 0; i < TABLES; i++)
		if (tables[i] && tables[i]->info.md_processor == processor_architecture)
			return (enum inq_machine)i;
	return INQ_MACHINE_UNKNOWN;
}

static const struct inq_register *find_exact(const struct inq_machine_info *info, const char *name)
{
	for (size_t i = 0; i < info->register_count; i++)
		if (!strcasecmp(info->registers[i].name, name))
			return &info->registers[i];
	return NULL;
}

const struct inq_register *inq_register_from_dwarf(enum inq_machine machine, int dwarf)
{
	const struct inq_machine_info *info = inq_machine_info(machine);

	if (!info || dwarf < 0)
		return NULL;
	for (size_t i = 0; i < info->register_count; i++)
		if (info->registers[i].dwarf == dwarf)
			return &info->registers[i];
	return NULL;
}

static const struct inq_register *found(const struct inq_register *reg, unsigned shift,
					unsigned size, unsigned *ret_shift, unsigned *ret_size)
{
	if (!reg)
		return NULL;
	if (ret_shift)
		*ret_shift = shift;
	if (ret_size)
		*ret_size = size ? size : reg->size;
	return reg;
}

const struct inq_register *inq_register_find(enum inq_machine machine, const char *name,
					     unsigned *ret_shift, unsigned *ret_size)
{
	const struct inq_machine_table *table = table_of(machine);
	const struct inq_register *reg;

	if (!table)
		return NULL;
	if (!strcasecmp(name, "$ip"))
		return found(inq_register_from_dwarf(machine, table->info.dwarf_pc), 0, 0,
			     ret_shift, ret_size);
	if (!strcasecmp(name, "$csp"))
		return found(inq_register_from_dwarf(machine, table->info.dwarf_sp), 0, 0,
			     ret_shift, ret_size);
	reg = find_exact(&table->info, name);
	if (reg)
		return found(reg, 0, 0, ret_shift, ret_size);
	for (size_t i = 0; i < table->alias_count; i++)
		if (!strcasecmp(table->aliases[i].name, name))
			return found(find_exact(&table->info, table->aliases[i].of),
				     table->aliases[i].shift, table->aliases[i].size, ret_shift,
				     ret_size);
	return NULL;
}

/* Whether the context has the register: its bytes are there and its flags say that they mean
 * something. */
static const struct inq_machine_table *table_with(const struct inq_context *context,
						  const struct inq_register *reg)
{
	const struct inq_machine_table *table = table_of(context->machine);

	if (!table || !reg || reg->size > sizeof(uint64_t))
		return NULL;
	if (context->size > sizeof(context->raw) || (size_t)reg->offset + reg->size > context->size)
		return NULL;
	return table;
}

bool inq_context_get(const struct inq_context *context, const struct inq_register *reg,
		     uint64_t *ret)
{
	const struct inq_machine_table *table = table_with(context, reg);
	uint32_t flags;

	*ret = 0;
	if (!table)
		return false;
	flags = inq_get32(context->raw, table->flags_offset);
	if (!(flags & table->class_flags[reg->class]))
		return false;
	memcpy(ret, context->raw + reg->offset, reg->size);
	return true;
}

void inq_context_init(enum inq_machine machine, struct inq_context *ret)
{
	const struct inq_machine_table *table = table_of(machine);

	*ret = (struct inq_context){.machine = table ? machine : INQ_MACHINE_UNKNOWN};
	if (!table)
		return;
	ret->size = table->info.context_size;
	inq_put32(ret->raw, table->flags_offset,
		  table->machine_flag | table->class_flags[INQ_REG_GENERAL]);
}

bool inq_context_set(struct inq_context *context, const struct inq_register *reg, uint64_t value)
{
	if (!table_with(context, reg))
		return false;
	memcpy(context->raw + reg->offset, &value, reg->size);
	return true;
}

static uint64_t by_dwarf(const struct inq_context *context, int16_t dwarf)
{
	uint64_t value = 0;

	inq_context_get(context, inq_register_from_dwarf(context->machine, dwarf), &value);
	return value;
}

uint64_t inq_context_pc(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	return info ? by_dwarf(context, info->dwarf_pc) : 0;
}

uint64_t inq_context_sp(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	return info ? by_dwarf(context, info->dwarf_sp) : 0;
}

uint64_t inq_context_fp(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	return info ? by_dwarf(context, info->dwarf_fp) : 0;
}

/* A zeroed context of the machine in *ret. */
static void start(enum inq_machine machine, const struct inq_machine_table *table,
		  struct inq_context *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->machine = machine;
	ret->size = table->info.context_size;
}

bool inq_context_from_prstatus(enum inq_machine machine, const void *regs, size_t regs_size,
			       const void *fp, size_t fp_size, struct inq_context *ret,
			       uint64_t *ret_tls)
{
	const struct inq_machine_table *table = table_of(machine);
	struct inq_context made;
	uint64_t tls = 0;

	if (!table || !regs)
		return false;
	start(machine, table, &made);
	if (!table->from_prstatus(regs, regs_size, fp, fp ? fp_size : 0, &made, &tls))
		return false;
	*ret = made;
	if (ret_tls)
		*ret_tls = tls;
	return true;
}

bool inq_context_from_mcontext(enum inq_machine machine, const void *mcontext, size_t size,
			       const void *fp, size_t fp_size, struct inq_context *ret)
{
	const struct inq_machine_table *table = table_of(machine);
	struct inq_context made;

	if (!table || !table->from_mcontext || !mcontext)
		return false;
	start(machine, table, &made);
	if (!table->from_mcontext(mcontext, size, fp, fp ? fp_size : 0, &made))
		return false;
	*ret = made;
	return true;
}
