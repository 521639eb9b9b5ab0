/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What letters ask for beyond the plain dump, taken apart when it is asked for. */
#include "config.h"

#include "target/dying_facts.h"
#include "target/dying_private.h"

#include "target/thread_start.h"
#include "target/xstate.h"

#include <string.h>

static struct inq_dying *self(struct inq_target *target)
{
	return (struct inq_dying *)target;
}

static struct inq_proc_files files_of(const struct inq_dying *dying)
{
	return (struct inq_proc_files){dying->source.files, dying->source.file_count};
}

/* When the machine started, seconds since 1970; 0 unknown. */
static uint64_t boot_time(const struct inq_dying *dying)
{
	struct inq_stat_facts at_boot = {.valid = true};

	return inq_create_time(&dying->source.texts[INQ_DYING_UPTIME], dying->source.dump_time, &at_boot);
}

void inq_dying_thread_facts(struct inq_dying *dying)
{
	const struct inq_proc_files files = files_of(dying);

	if (dying->source.wants & INQ_PROC_THREADS)
		inq_thread_facts(&files, boot_time(dying), dying->threads, dying->thread_count);
}

void inq_dying_thread_starts(struct inq_dying *dying)
{
	const struct inq_proc_files files = files_of(dying);

	if (dying->source.wants & INQ_PROC_THREADS)
		inq_thread_starts(&dying->target, &files, dying->threads, dying->thread_count);
}

enum inq_status inq_dying_handles(struct inq_target *target, const struct inq_handle **ret, size_t *ret_count,
				  struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	const struct inq_proc_files files = files_of(dying);

	if (!dying->handles_once.done) {
		dying->handles_once.done = true;
		dying->handles_once.status = inq_handles_make(&files, dying->source.event, &dying->handles, NULL);
	}
	if (dying->handles_once.status != INQ_OK)
		return inq_fail(err, dying->handles_once.status, "no list of descriptors");
	*ret = dying->handles.items;
	*ret_count = dying->handles.count;
	return INQ_OK;
}

enum inq_status inq_dying_token(struct inq_target *target, const struct inq_token **ret, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	const struct inq_dying_bytes *status = &dying->source.texts[INQ_DYING_STATUS];
	const struct inq_dying_bytes *cgroup = &dying->source.texts[INQ_DYING_CGROUP];
	const struct inq_proc_files files = files_of(dying);

	if (!dying->token_once.done) {
		dying->token_once.done = true;
		dying->token_once.status = inq_token_make(status->data, status->size, cgroup->data, cgroup->size,
							  &files, &dying->token, NULL);
		if (dying->source.pid)
			dying->token.token.pid = dying->source.pid;
	}
	if (dying->token_once.status != INQ_OK)
		return inq_fail(err, dying->token_once.status, "the ids of the process are not known");
	*ret = &dying->token.token;
	return INQ_OK;
}

enum inq_status inq_dying_counters(struct inq_target *target, const struct inq_counters **ret, struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	const struct inq_dying_bytes *status = &dying->source.texts[INQ_DYING_STATUS];
	const struct inq_dying_bytes *stat = &dying->source.texts[INQ_DYING_STAT];
	const struct inq_proc_files files = files_of(dying);
	const struct inq_proc_file *memory = inq_proc_files_find(&files, "/proc/meminfo");

	if (!dying->counters_once.done)
		inq_counters_make(status->data, status->size, stat->data, stat->size, memory ? memory->data : NULL,
				  memory ? memory->size : 0, &dying->counters);
	dying->counters_once.done = true;
	if (!dying->counters.has_process && !dying->counters.has_machine)
		return inq_fail(err, INQ_ABSENT, "no memory counters are known");
	*ret = &dying->counters;
	return INQ_OK;
}

enum inq_status inq_dying_kernel_text(struct inq_dying *dying, const char **ret, size_t *ret_size)
{
	const struct inq_proc_files files = files_of(dying);

	if (!(dying->source.wants & INQ_PROC_KERNEL))
		return INQ_ABSENT;
	if (!dying->kernel.data)
		inq_kernel_text(&files, &dying->kernel);
	if (!dying->kernel.size)
		return INQ_ABSENT;
	*ret = inq_buffer_text(&dying->kernel);
	*ret_size = dying->kernel.size;
	return INQ_OK;
}

enum inq_status inq_dying_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				 struct inq_error *err)
{
	struct inq_dying *dying = self(target);
	const struct inq_dying_registers *registers;

	if (index >= inq_dying_core_thread_count(&dying->core))
		return inq_fail(err, INQ_ABSENT, "thread %zu has no extended registers", index);
	registers = inq_dying_core_thread(&dying->core, index);
	if (!registers->xstate_size)
		return inq_fail(err, INQ_ABSENT, "thread %zu has no extended registers", index);
	if (!inq_xstate_read((const uint8_t *)dying->core.xstates.data + registers->xstate, registers->xstate_size,
			     ret))
		return inq_fail(err, INQ_BAD_DATA, "thread %zu: its extended registers make no sense", index);
	return INQ_OK;
}

void inq_dying_wanted_done(struct inq_dying *dying)
{
	inq_handles_done(&dying->handles);
	inq_token_done(&dying->token);
	inq_buffer_done(&dying->kernel);
}
