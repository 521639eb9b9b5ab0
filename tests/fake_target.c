/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fake_target.h"

#include "minidump/context.h"

#include <assert.h>
#include <string.h>

static struct fake_target *fake_of(struct inq_target *target)
{
	return (struct fake_target *)target;
}

static enum inq_status fake_threads(struct inq_target *self, const struct inq_thread **ret,
				    size_t *ret_count, struct inq_error *err)
{
	(void)err;
	*ret = fake_of(self)->threads;
	*ret_count = fake_of(self)->thread_count;
	return INQ_OK;
}

static enum inq_status fake_context(struct inq_target *self, size_t index, struct inq_context *ret,
				    struct inq_error *err)
{
	if (!fake_of(self)->threads[index].has_context)
		return inq_fail(err, INQ_ABSENT, "no registers");
	*ret = fake_of(self)->contexts[index];
	return INQ_OK;
}

static enum inq_status fake_regions(struct inq_target *self, const struct inq_region **ret,
				    size_t *ret_count, struct inq_error *err)
{
	(void)err;
	*ret = fake_of(self)->regions;
	*ret_count = fake_of(self)->region_count;
	return INQ_OK;
}

static enum inq_status fake_memory(struct inq_target *self, const struct inq_range **ret,
				   size_t *ret_count, struct inq_error *err)
{
	(void)err;
	*ret = fake_of(self)->memory;
	*ret_count = fake_of(self)->memory_count;
	return INQ_OK;
}

static size_t readable(const struct fake_target *fake, uint64_t address, size_t size)
{
	for (size_t i = 0; i < fake->region_count; i++) {
		const struct inq_region *region = &fake->regions[i];
		uint64_t left = region->base + region->size - address;

		if (address < region->base || address - region->base >= region->size)
			continue;
		if (!region->protection || fake->holes[i])
			return 0;
		return left < size ? (size_t)left : size;
	}
	return 0;
}

static enum inq_status fake_read(struct inq_target *self, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	struct fake_target *fake = fake_of(self);

	fake->reads++;
	*ret_done = fake->gone ? 0 : readable(fake, address, size);
	if (*ret_done == 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: not there", (unsigned long long)address);
	memset(to, 0, *ret_done);
	for (size_t i = 0; i < fake->word_count; i++) {
		uint64_t at = fake->words[i].address;

		if (at >= address && at - address + 8 <= *ret_done)
			memcpy((uint8_t *)to + (at - address), &fake->words[i].value, 8);
	}
	return INQ_OK;
}

static enum inq_status fake_exception(struct inq_target *self, const struct inq_exception **ret,
				      struct inq_error *err)
{
	if (!fake_of(self)->exception.tid)
		return inq_fail(err, INQ_ABSENT, "no signal");
	*ret = &fake_of(self)->exception;
	return INQ_OK;
}

static enum inq_status fake_exception_context(struct inq_target *self, struct inq_context *ret,
					      struct inq_error *err)
{
	if (!fake_of(self)->exception_context.size)
		return inq_fail(err, INQ_ABSENT, "no context");
	*ret = fake_of(self)->exception_context;
	return INQ_OK;
}

static enum inq_status fake_modules(struct inq_target *self, const struct inq_module **ret,
				    size_t *ret_count, struct inq_error *err)
{
	if (fake_of(self)->modules_damaged)
		return inq_fail(err, INQ_BAD_DATA, "the list is torn");
	*ret = fake_of(self)->modules;
	*ret_count = fake_of(self)->module_count;
	return INQ_OK;
}

static enum inq_status fake_process(struct inq_target *self, const struct inq_process **ret,
				    struct inq_error *err)
{
	(void)err;
	*ret = &fake_of(self)->process;
	return INQ_OK;
}

static enum inq_status fake_system(struct inq_target *self, const struct inq_system **ret,
				   struct inq_error *err)
{
	(void)err;
	*ret = &fake_of(self)->system;
	return INQ_OK;
}

static enum inq_status fake_text(struct inq_target *self, enum inq_text_kind kind, const char **ret,
				 size_t *ret_size, struct inq_error *err)
{
	if (!fake_of(self)->texts[kind])
		return inq_fail(err, INQ_ABSENT, "no text");
	*ret = fake_of(self)->texts[kind];
	*ret_size = strlen(*ret);
	return INQ_OK;
}

static enum inq_status fake_warning(struct inq_target *self, size_t index, const char **ret)
{
	if (index || !fake_of(self)->warning)
		return INQ_ABSENT;
	*ret = fake_of(self)->warning;
	return INQ_OK;
}

static const struct inq_target_ops fake_ops = {
	.kind = "fake",
	.system = fake_system,
	.process = fake_process,
	.threads = fake_threads,
	.context = fake_context,
	.modules = fake_modules,
	.regions = fake_regions,
	.memory = fake_memory,
	.read = fake_read,
	.exception = fake_exception,
	.exception_context = fake_exception_context,
	.text = fake_text,
	.warning = fake_warning,
};

void fake_init(struct fake_target *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->target = (struct inq_target){&fake_ops, "a fake"};
	fake->system = (struct inq_system){
		.machine = INQ_MACHINE_AMD64,
		.os = INQ_OS_LINUX,
		.processors = 300,
		.major = 6,
		.minor = 1,
		.version = "Linux 6.1.0 x86_64",
		.distribution = "",
	};
	fake->process = (struct inq_process){
		.pid = 4711, .program = "fake", .executable = "/fake", .arguments = ""};
}

struct inq_region *fake_region(struct fake_target *fake, uint64_t base, uint64_t size,
			       const char *protection, const char *name)
{
	struct inq_region *region = &fake->regions[fake->region_count];

	assert(fake->region_count < FAKE_MAX);
	fake->region_count++;
	*region = (struct inq_region){.base = base, .size = size, .name = name};
	region->protection |= protection[0] == 'r' ? INQ_PROT_READ : 0u;
	region->protection |= protection[1] == 'w' ? INQ_PROT_WRITE : 0u;
	region->protection |= protection[2] == 'x' ? INQ_PROT_EXEC : 0u;
	if (region->protection)
		fake->memory[fake->memory_count++] = (struct inq_range){base, size};
	return region;
}

size_t fake_thread(struct fake_target *fake, uint32_t tid, uint64_t pc, uint64_t sp)
{
	size_t index = fake->thread_count++;
	struct md_context_amd64 registers = {
		.context_flags = MD_CONTEXT_AMD64_FULL, .rip = pc, .rsp = sp};

	assert(index < FAKE_MAX);
	fake->threads[index] =
		(struct inq_thread){.tid = tid, .has_context = true, .crashed = index == 0};
	fake->contexts[index].machine = INQ_MACHINE_AMD64;
	fake->contexts[index].size = sizeof(registers);
	memcpy(fake->contexts[index].raw, &registers, sizeof(registers));
	return index;
}

void fake_poke(struct fake_target *fake, uint64_t address, uint64_t value)
{
	assert(fake->word_count < FAKE_MAX);
	fake->words[fake->word_count++] = (struct fake_word){address, value};
}
