/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/target.h"

#include <string.h>

/* What a kind does not have is absent, in the same words for all. */
#define FORWARD(target, op, what, err, ...)                                                        \
	((target)->ops->op                                                                         \
		 ? (target)->ops->op(__VA_ARGS__, err)                                             \
		 : inq_fail(err, INQ_ABSENT, "a %s has no %s", (target)->ops->kind, what))

enum inq_status inq_target_system(struct inq_target *target, const struct inq_system **ret,
				  struct inq_error *err)
{
	return FORWARD(target, system, "system information", err, target, ret);
}

enum inq_status inq_target_process(struct inq_target *target, const struct inq_process **ret,
				   struct inq_error *err)
{
	return FORWARD(target, process, "process information", err, target, ret);
}

enum inq_status inq_target_threads(struct inq_target *target, const struct inq_thread **ret,
				   size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, threads, "threads", err, target, ret, ret_count);
}

enum inq_status inq_target_context(struct inq_target *target, size_t index, struct inq_context *ret,
				   struct inq_error *err)
{
	return FORWARD(target, context, "registers", err, target, index, ret);
}

enum inq_status inq_target_modules(struct inq_target *target, const struct inq_module **ret,
				   size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, modules, "modules", err, target, ret, ret_count);
}

enum inq_status inq_target_regions(struct inq_target *target, const struct inq_region **ret,
				   size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, regions, "memory regions", err, target, ret, ret_count);
}

enum inq_status inq_target_memory(struct inq_target *target, const struct inq_range **ret,
				  size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, memory, "memory", err, target, ret, ret_count);
}

enum inq_status inq_target_read_tables(struct inq_target *target, uint64_t address, void *to, size_t size,
				       size_t *ret_done, struct inq_error *err)
{
	if (!target->ops->read_tables)
		return inq_target_read(target, address, to, size, ret_done, err);
	return target->ops->read_tables(target, address, to, size, ret_done, err);
}

enum inq_status inq_target_unmodified(struct inq_target *target, uint64_t address, uint64_t size,
				      struct inq_error *err)
{
	return FORWARD(target, unmodified, "list of changed pages", err, target, address, size);
}

enum inq_status inq_target_exception(struct inq_target *target, const struct inq_exception **ret,
				     struct inq_error *err)
{
	return FORWARD(target, exception, "exception", err, target, ret);
}

enum inq_status inq_target_exception_context(struct inq_target *target, struct inq_context *ret,
					     struct inq_error *err)
{
	return FORWARD(target, exception_context, "context of the exception", err, target, ret);
}

enum inq_status inq_target_text(struct inq_target *target, enum inq_text_kind kind,
				const char **ret, size_t *ret_size, struct inq_error *err)
{
	return FORWARD(target, text, "text files", err, target, kind, ret, ret_size);
}

enum inq_status inq_target_link_map(struct inq_target *target, const struct inq_link_map **ret,
				    struct inq_error *err)
{
	return FORWARD(target, link_map, "list of the loader", err, target, ret);
}

enum inq_status inq_target_unloaded(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				    struct inq_error *err)
{
	return FORWARD(target, unloaded, "unloaded modules", err, target, ret, ret_count);
}

enum inq_status inq_target_annotations(struct inq_target *target, const struct inq_annotation **ret,
				       size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, annotations, "annotations", err, target, ret, ret_count);
}

enum inq_status inq_target_handles(struct inq_target *target, const struct inq_handle **ret,
				   size_t *ret_count, struct inq_error *err)
{
	return FORWARD(target, handles, "handles", err, target, ret, ret_count);
}

enum inq_status inq_target_token(struct inq_target *target, const struct inq_token **ret,
				 struct inq_error *err)
{
	return FORWARD(target, token, "token", err, target, ret);
}

enum inq_status inq_target_classes(struct inq_target *target, size_t index, uint8_t ret[INQ_CLASSES],
				   uint8_t *ret_fault, struct inq_error *err)
{
	return FORWARD(target, classes, "classes of registers", err, target, index, ret, ret_fault);
}

enum inq_status inq_target_counters(struct inq_target *target, const struct inq_counters **ret,
				    struct inq_error *err)
{
	return FORWARD(target, counters, "memory counters", err, target, ret);
}

enum inq_status inq_target_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				  struct inq_error *err)
{
	return FORWARD(target, xstate, "extended registers", err, target, index, ret);
}

uint64_t inq_target_extent(struct inq_target *target, uint64_t address, uint64_t size,
			   bool *ret_zero)
{
	*ret_zero = false;
	return target->ops->extent ? target->ops->extent(target, address, size, ret_zero) : size;
}

/* In the words of Windows' handle types where there is one. */
static const char *const handle_kinds[INQ_HANDLE_KINDS] = {
	[INQ_HANDLE_OTHER] = "Other",
	[INQ_HANDLE_FILE] = "File",
	[INQ_HANDLE_DIRECTORY] = "Directory",
	[INQ_HANDLE_DEVICE] = "Device",
	[INQ_HANDLE_SOCKET] = "Socket",
	[INQ_HANDLE_PIPE] = "Pipe",
	[INQ_HANDLE_EVENTFD] = "Event",
	[INQ_HANDLE_EPOLL] = "Epoll",
	[INQ_HANDLE_TIMERFD] = "Timer",
	[INQ_HANDLE_SIGNALFD] = "Signal",
	[INQ_HANDLE_INOTIFY] = "Inotify",
	[INQ_HANDLE_FANOTIFY] = "Fanotify",
	[INQ_HANDLE_MEMFD] = "Memory",
	[INQ_HANDLE_PIDFD] = "Process",
	[INQ_HANDLE_IO_URING] = "IoRing",
	[INQ_HANDLE_USERFAULTFD] = "Userfault",
	[INQ_HANDLE_BPF] = "Bpf",
	[INQ_HANDLE_PERF] = "Perf",
	[INQ_HANDLE_NAMESPACE] = "Namespace",
};

const char *inq_handle_kind_name(enum inq_handle_kind kind)
{
	return handle_kinds[(unsigned)kind < INQ_HANDLE_KINDS ? kind : INQ_HANDLE_OTHER];
}

enum inq_handle_kind inq_handle_kind_of(const char *type)
{
	for (unsigned i = 0; i < INQ_HANDLE_KINDS; i++) {
		if (strcmp(handle_kinds[i], type) == 0)
			return (enum inq_handle_kind)i;
	}
	return INQ_HANDLE_OTHER;
}

enum inq_status inq_target_warning(struct inq_target *target, size_t index, const char **ret)
{
	return target->ops->warning ? target->ops->warning(target, index, ret) : INQ_ABSENT;
}

void inq_target_free(struct inq_target *target)
{
	if (target && target->ops->free)
		target->ops->free(target);
}

/* --- memory --------------------------------------------------------------------------------------
 */

enum inq_status inq_target_read(struct inq_target *target, uint64_t address, void *to, size_t size,
				size_t *ret_done, struct inq_error *err)
{
	size_t done = 0;
	enum inq_status status;

	if (size == 0) {
		*ret_done = 0;
		return INQ_OK;
	}
	if (!target->ops->read)
		return inq_fail(err, INQ_FAULT, "0x%llx: a %s has no memory",
				(unsigned long long)address, target->ops->kind);
	/* An address space ends at its last byte; what would wrap around is not there. */
	if (size - 1 > UINT64_MAX - address)
		size = (size_t)(UINT64_MAX - address) + 1;
	status = target->ops->read(target, address, to, size, &done, err);
	if (status == INQ_OK)
		*ret_done = done;
	return status;
}

enum inq_status inq_target_read_all(struct inq_target *target, uint64_t address, void *to,
				    size_t size, struct inq_error *err)
{
	size_t have = 0;

	while (have < size) {
		size_t done = 0;
		enum inq_status status;

		if (have && address + have < address)
			return inq_fail(err, INQ_FAULT, "0x%llx: runs past the address space",
					(unsigned long long)address);
		status = inq_target_read(target, address + have, (char *)to + have, size - have,
					 &done, err);
		if (status != INQ_OK)
			return status;
		have += done;
	}
	return INQ_OK;
}

enum inq_status inq_target_read_pointer(struct inq_target *target, uint64_t address, uint64_t *ret,
					struct inq_error *err)
{
	const struct inq_system *system;
	const struct inq_machine_info *info;
	uint64_t value = 0;
	enum inq_status status = inq_target_system(target, &system, err);

	if (status != INQ_OK)
		return status;
	info = inq_machine_info(system->machine);
	status = inq_target_read_all(target, address, &value,
				     info ? info->pointer_size : sizeof(value), err);
	if (status == INQ_OK)
		*ret = value;
	return status;
}

enum inq_status inq_target_read_string(struct inq_target *target, uint64_t address, char *to,
				       size_t capacity, struct inq_error *err)
{
	enum { STEP = 64 };
	size_t have = 0;

	if (capacity == 0)
		return inq_fail(err, INQ_USAGE, "no room for a string");
	while (have < capacity - 1) {
		size_t want = capacity - 1 - have < STEP ? capacity - 1 - have : STEP;
		size_t done = 0;
		enum inq_status status;

		if (have && address + have < address)
			break;
		status = inq_target_read(target, address + have, to + have, want, &done,
					 have ? NULL : err);
		if (status != INQ_OK) {
			if (!have)
				return status;
			break;
		}
		if (memchr(to + have, '\0', done))
			return INQ_OK;
		have += done;
	}
	to[have] = '\0';
	return INQ_OK;
}

/* --- lookup --------------------------------------------------------------------------------------
 */

/* Index of the last of `count` elements whose base is at most `address`, plus one; 0 if there is
 * none. The base is the first member of all three structures. */
static size_t last_at_or_below(const void *elements, size_t count, size_t stride, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t base;

		memcpy(&base, (const char *)elements + middle * stride, sizeof(base));
		if (base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

_Static_assert(offsetof(struct inq_module, base) == 0, "last_at_or_below()");
_Static_assert(offsetof(struct inq_region, base) == 0, "last_at_or_below()");
_Static_assert(offsetof(struct inq_range, base) == 0, "last_at_or_below()");

size_t inq_ranges_hold(const struct inq_range *ranges, size_t count, uint64_t address, size_t size)
{
	size_t next = last_at_or_below(ranges, count, sizeof(*ranges), address);
	uint64_t left;

	if (!next || address - ranges[next - 1].base >= ranges[next - 1].size)
		return 0;
	left = ranges[next - 1].size - (address - ranges[next - 1].base);
	return left < size ? (size_t)left : size;
}

const struct inq_module *inq_module_at(const struct inq_module *modules, size_t count,
				       uint64_t address)
{
	size_t at = last_at_or_below(modules, count, sizeof(*modules), address);

	/* Unloaded modules may lie where others are now: step over those that don't hold the
	 * address. */
	for (unsigned back = 0; at > 0 && back < 16; at--, back++) {
		const struct inq_module *module = &modules[at - 1];

		if (!module->unloaded)
			return address - module->base < module->size ? module : NULL;
	}
	return NULL;
}

const struct inq_region *inq_region_at(const struct inq_region *regions, size_t count,
				       uint64_t address)
{
	size_t at = last_at_or_below(regions, count, sizeof(*regions), address);

	return at && address - regions[at - 1].base < regions[at - 1].size ? &regions[at - 1]
									   : NULL;
}
