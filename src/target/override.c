/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/override.h"

#include <stdlib.h>
#include <string.h>

struct override {
	struct inq_target target;
	struct inq_target_ops ops;
	struct inq_target *inner;
	struct inq_override what;
	size_t index;               /* of the exception's thread */
	struct inq_thread *threads; /* NULL until asked for */
	size_t thread_count;
};

static struct override *self(struct inq_target *target)
{
	return (struct override *)target; /* `target` is its first member */
}

/* --- what is passed on: facts by themselves, and lists ------------------------------------------------------- */

#define PASS_FACT(name, type)                                                                                        \
	static enum inq_status pass_##name(struct inq_target *target, const struct type **ret,                       \
					   struct inq_error *err)                                                    \
	{                                                                                                            \
		return inq_target_##name(self(target)->inner, ret, err);                                             \
	}
#define PASS_LIST(name, type)                                                                                        \
	static enum inq_status pass_##name(struct inq_target *target, const struct type **ret, size_t *ret_count,    \
					   struct inq_error *err)                                                    \
	{                                                                                                            \
		return inq_target_##name(self(target)->inner, ret, ret_count, err);                                  \
	}

PASS_FACT(system, inq_system)
PASS_FACT(process, inq_process)
PASS_FACT(link_map, inq_link_map)
PASS_FACT(token, inq_token)
PASS_FACT(counters, inq_counters)
PASS_LIST(modules, inq_module)
PASS_LIST(regions, inq_region)
PASS_LIST(memory, inq_range)
PASS_LIST(unloaded, inq_module)
PASS_LIST(annotations, inq_annotation)
PASS_LIST(handles, inq_handle)

static enum inq_status pass_context(struct inq_target *target, size_t index, struct inq_context *ret,
				    struct inq_error *err)
{
	return inq_target_context(self(target)->inner, index, ret, err);
}

static enum inq_status pass_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				   struct inq_error *err)
{
	return inq_target_xstate(self(target)->inner, index, ret, err);
}

static enum inq_status pass_read(struct inq_target *target, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	return inq_target_read(self(target)->inner, address, to, size, ret_done, err);
}

static enum inq_status pass_text(struct inq_target *target, enum inq_text_kind kind, const char **ret,
				 size_t *ret_size, struct inq_error *err)
{
	return inq_target_text(self(target)->inner, kind, ret, ret_size, err);
}

static uint64_t pass_extent(struct inq_target *target, uint64_t address, uint64_t size, bool *ret_zero)
{
	return inq_target_extent(self(target)->inner, address, size, ret_zero);
}

static enum inq_status pass_warning(struct inq_target *target, size_t index, const char **ret)
{
	return inq_target_warning(self(target)->inner, index, ret);
}

/* --- what is not ------------------------------------------------------------------------------------------------ */

static enum inq_status threads(struct inq_target *target, const struct inq_thread **ret, size_t *ret_count,
			       struct inq_error *err)
{
	(void)err;
	*ret = self(target)->threads;
	*ret_count = self(target)->thread_count;
	return INQ_OK;
}

static enum inq_status exception(struct inq_target *target, const struct inq_exception **ret, struct inq_error *err)
{
	(void)err;
	*ret = &self(target)->what.exception;
	return INQ_OK;
}

static enum inq_status exception_context(struct inq_target *target, struct inq_context *ret, struct inq_error *err)
{
	struct override *override = self(target);

	if (!override->what.has_context)
		return inq_target_context(override->inner, override->index, ret, err);
	*ret = override->what.context;
	return INQ_OK;
}

static void free_override(struct inq_target *target)
{
	free(self(target)->threads);
	free(self(target));
}

static const struct inq_target_ops override_ops = {
	.system = pass_system,
	.process = pass_process,
	.threads = threads,
	.context = pass_context,
	.modules = pass_modules,
	.regions = pass_regions,
	.memory = pass_memory,
	.read = pass_read,
	.exception = exception,
	.exception_context = exception_context,
	.text = pass_text,
	.link_map = pass_link_map,
	.unloaded = pass_unloaded,
	.annotations = pass_annotations,
	.handles = pass_handles,
	.token = pass_token,
	.counters = pass_counters,
	.xstate = pass_xstate,
	.extent = pass_extent,
	.warning = pass_warning,
	.free = free_override,
};

static enum inq_status take_threads(struct override *override, struct inq_error *err)
{
	const struct inq_thread *found;
	enum inq_status status = inq_target_threads(override->inner, &found, &override->thread_count, err);
	bool known = false;

	if (status != INQ_OK)
		return status;
	override->threads = calloc(override->thread_count + 1, sizeof(*found));
	if (!override->threads)
		return inq_fail(err, INQ_NO_MEMORY, "no memory for %zu threads", override->thread_count);
	memcpy(override->threads, found, override->thread_count * sizeof(*found));
	for (size_t i = 0; i < override->thread_count; i++) {
		struct inq_thread *thread = &override->threads[i];

		thread->crashed = thread->tid == override->what.exception.tid;
		if (thread->crashed) {
			override->index = i;
			known = true;
		}
	}
	return known ? INQ_OK
		     : inq_fail(err, INQ_USAGE, "there is no thread 0x%x", override->what.exception.tid);
}

enum inq_status inq_target_override(struct inq_target *inner, const struct inq_override *what, struct inq_target **ret,
				    struct inq_error *err)
{
	struct override *override = calloc(1, sizeof(*override));
	enum inq_status status;

	if (!override)
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	override->ops = override_ops;
	override->ops.kind = inner->ops->kind;
	override->target = (struct inq_target){.ops = &override->ops, .name = inner->name};
	override->inner = inner;
	override->what = *what;
	status = take_threads(override, err);
	if (status != INQ_OK) {
		free_override(&override->target);
		return status;
	}
	*ret = &override->target;
	return INQ_OK;
}
