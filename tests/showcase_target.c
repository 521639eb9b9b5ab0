/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "showcase_target.h"

#include <stdlib.h>
#include <string.h>

static enum inq_status get_system(struct inq_target *self, const struct inq_system **ret, struct inq_error *err)
{
	static const struct inq_system system = {
		.machine = INQ_MACHINE_AMD64,
		.os = INQ_OS_LINUX,
		.processors = 2,
		.cpu_vendor = "GenuineIntel",
		.major = 6,
		.minor = 1,
		.version = "Linux 6.1.0 " HOSTILE_TITLE,
		.distribution = "Debian " HOSTILE_RLO "12",
		.page_size = 4096,
	};

	(void)self, (void)err;
	*ret = &system;
	return INQ_OK;
}

static enum inq_status get_process(struct inq_target *self, const struct inq_process **ret, struct inq_error *err)
{
	static const struct inq_process process = {
		.pid = 0x1a2b,
		.uid = 1000,
		.gid = 1000,
		.program = "app" HOSTILE_TITLE,
		.executable = "/opt/app" HOSTILE_CSI,
		.arguments = "app --x\n0:000> forged " HOSTILE_CLIPBOARD,
		.dump_time = 1795264543, /* 2026-11-21 12:35:43 UTC */
	};

	(void)self, (void)err;
	*ret = &process;
	return INQ_OK;
}

static enum inq_status get_threads(struct inq_target *self, const struct inq_thread **ret, size_t *ret_count,
				   struct inq_error *err)
{
	static const struct inq_thread threads[] = {
		{.tid = 0x1a2b, .has_context = true, .name = "main"},
		{.tid = 0x1a2c, .has_context = true, .crashed = true, .name = "w" HOSTILE_CSI, .tls = 0x7f0000000040},
	};

	(void)self, (void)err;
	*ret = threads;
	*ret_count = 2;
	return INQ_OK;
}

static void put(struct inq_context *context, const char *name, uint64_t value)
{
	inq_context_set(context, inq_register_find(INQ_MACHINE_AMD64, name, NULL, NULL), value);
}

static enum inq_status get_context(struct inq_target *self, size_t index, struct inq_context *ret,
				   struct inq_error *err)
{
	(void)self, (void)err;
	memset(ret, 0, sizeof(*ret));
	ret->machine = INQ_MACHINE_AMD64;
	ret->size = inq_machine_info(INQ_MACHINE_AMD64)->context_size;
	/* ContextFlags, at 0x30 of AMD64's CONTEXT: all parts are there (CONTEXT_ALL). */
	memcpy(ret->raw + 0x30, &(uint32_t){0x10001f}, 4);
	put(ret, "rax", 0x1111222233334444);
	put(ret, "rbx", index);
	put(ret, "rsp", FAKE_MEMORY);
	put(ret, "rip", FAKE_PC);
	put(ret, "efl", 0x10246);
	put(ret, "cs", 0x33);
	put(ret, "ss", 0x2b);
	return INQ_OK;
}

static enum inq_status get_modules(struct inq_target *self, const struct inq_module **ret, size_t *ret_count,
				   struct inq_error *err)
{
	static const struct inq_module modules[] = {
		{.base = 0x400000, .size = 0x2000, .path = "/nowhere/app", .debug_file = "", .main = true,
		 .debug_kind = INQ_DEBUG_BUILD_ID, .id_size = 4, .id = {0xde, 0xad, 0xbe, 0xef}},
		{.base = 0x500000, .size = 0x1000, .path = "/nowhere/lib" HOSTILE_CLIPBOARD ".so",
		 .debug_file = ""},
	};

	(void)self, (void)err;
	*ret = modules;
	*ret_count = 2;
	return INQ_OK;
}

static enum inq_status get_regions(struct inq_target *self, const struct inq_region **ret, size_t *ret_count,
				   struct inq_error *err)
{
	static const struct inq_region regions[] = {
		{.base = 0x400000, .size = 0x2000, .protection = INQ_PROT_READ | INQ_PROT_EXEC,
		 .name = "/nowhere/app"},
		{.base = 0x7ffd00000000, .size = 0x21000, .protection = INQ_PROT_READ | INQ_PROT_WRITE,
		 .flags = INQ_REGION_STACK, .name = "[stack]" HOSTILE_RLO},
	};

	(void)self, (void)err;
	*ret = regions;
	*ret_count = 2;
	return INQ_OK;
}

static const struct inq_range ranges[] = {{FAKE_MEMORY, 256}};

static enum inq_status get_memory(struct inq_target *self, const struct inq_range **ret, size_t *ret_count,
				  struct inq_error *err)
{
	(void)self, (void)err;
	*ret = ranges;
	*ret_count = 1;
	return INQ_OK;
}

static enum inq_status get_bytes(struct inq_target *self, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	uint64_t offset = address - FAKE_MEMORY;

	(void)self;
	*ret_done = 0;
	if (address < FAKE_MEMORY || offset >= 256)
		return inq_fail(err, INQ_FAULT, "0x%llx: not in the dump", (unsigned long long)address);
	*ret_done = size < 256 - offset ? size : 256 - offset;
	for (size_t i = 0; i < *ret_done; i++)
		((uint8_t *)to)[i] = (uint8_t)(offset + i);
	return INQ_OK;
}

static enum inq_status get_exception(struct inq_target *self, const struct inq_exception **ret,
				     struct inq_error *err)
{
	static const struct inq_exception exception = {
		.tid = 0x1a2c, .code = 11, .flags = 1, .address = 0x10, .parameter_count = 0};

	(void)self, (void)err;
	*ret = &exception;
	return INQ_OK;
}

static enum inq_status get_warning(struct inq_target *self, size_t index, const char **ret)
{
	(void)self;
	if (index)
		return INQ_ABSENT;
	*ret = "stream " HOSTILE_CLIPBOARD " is cut off";
	return INQ_OK;
}

static void free_target(struct inq_target *self)
{
	free(self);
}

static const struct inq_target_ops crashed_ops = {
	.kind = "fake",
	.system = get_system,
	.process = get_process,
	.threads = get_threads,
	.context = get_context,
	.modules = get_modules,
	.regions = get_regions,
	.memory = get_memory,
	.read = get_bytes,
	.exception = get_exception,
	.warning = get_warning,
	.free = free_target,
};

static const struct inq_target_ops empty_ops = {.kind = "fake", .system = get_system, .free = free_target};

static struct inq_target *make(const struct inq_target_ops *ops)
{
	struct inq_target *target = calloc(1, sizeof(*target));

	target->ops = ops;
	target->name = "fake" HOSTILE_TITLE ".dmp";
	return target;
}

struct inq_target *showcase_target_new(void)
{
	return make(&crashed_ops);
}

struct inq_target *showcase_target_empty(void)
{
	return make(&empty_ops);
}
