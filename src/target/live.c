/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/live.h"

#include "target/copy.h"
#include "target/gather.h"
#include "target/proc_files.h"
#include "target/status_text.h"
#include "target/stop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	STOP_MS = 2000,
	ENDS_MS = 100, /* for other processes' ends of pipes and sockets */
};

struct inq_live {
	uint32_t pid;
	int process, files; /* /proc/PID, and the thread's that still has its memory; may be the same */
	struct inq_gathered gathered;
	struct inq_stopped stopped;
	struct inq_dying_stopped *registers;
	bool has_xstate;
	struct inq_copy copy;
	int memory;         /* read and write, where there is a record */
	uint64_t since_ns, held_us;
	bool has_userfaultfd;
	char remark[256];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- the process ------------------------------------------------------------------------------------------ */

/* "PID (name) STATE ...", see proc(5). A main thread that has ended while others go on is a zombie, and most of what
 * the process's directory shows is gone; the others still show it. */
static bool has_died(const char *stat)
{
	enum { STATE = 3, THREADS = 20 };
	const char *at = strrchr(stat, ')');
	bool ended = at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');

	for (int field = STATE - 1; at && field < THREADS; field++)
		at = strchr(at + 1, ' ');
	return ended && !(at && strtoul(at, NULL, 10) > 1);
}

static enum inq_status open_process(struct inq_live *live, struct inq_error *err)
{
	char path[32], link[8], state[512];
	ssize_t size;

	if (live->pid == (uint32_t)getpid())
		return inq_fail(err, INQ_UNSUPPORTED, "process %u is this debugger", live->pid);
	snprintf(path, sizeof(path), "/proc/%u", live->pid);
	live->process = live->files = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (live->process < 0)
		return errno == ENOENT ? inq_fail(err, INQ_ABSENT, "there is no process %u", live->pid)
				       : inq_fail_os(err, "process %u", live->pid);
	if (readlinkat(live->process, "exe", link, sizeof(link)) >= 0 || errno != ENOENT)
		return INQ_OK;
	size = inq_gather_small(live->process, "stat", state, sizeof(state) - 1);
	state[size > 0 ? size : 0] = '\0';
	if (has_died(state))
		return inq_fail(err, INQ_ABSENT, "process %u has died already", live->pid);
	if (strstr(state, ") Z "))
		return INQ_OK;
	return inq_fail(err, INQ_UNSUPPORTED, "process %u is a thread of the kernel: it has no memory to look at",
			live->pid);
}

static enum inq_status stop(struct inq_live *live, unsigned deadline_ms, struct inq_error *err)
{
	int tasks = inq_gather_open(live->process, "task", O_RDONLY | O_DIRECTORY);
	enum inq_status status;

	live->since_ns = now_ns();
	if (tasks < 0)
		return inq_fail(err, INQ_ABSENT, "process %u: gone", live->pid);
	status = inq_stop_threads(live->pid, tasks, 0, deadline_ms ? deadline_ms : STOP_MS, &live->stopped, err);
	inq_stop_names(&live->stopped, tasks);
	close(tasks);
	if (status != INQ_DENIED)
		return status;
	for (size_t i = 0; i < live->stopped.count; i++) {
		if (live->stopped.threads[i].tracer)
			return inq_fail(err, INQ_DENIED, "process %u is traced by process %u already", live->pid,
					live->stopped.threads[i].tracer);
	}
	return inq_fail(err, INQ_DENIED,
			"process %u may not be traced: it is another user's, holds privileges, or "
			"/proc/sys/kernel/yama/ptrace_scope is above 0",
			live->pid);
}

/* The extended registers, in memory that lives as long as `live`. */
static void take_xstate(struct inq_live *live, const struct inq_stopped_thread *thread, struct inq_dying_stopped *to)
{
	uint8_t area[INQ_XSTATE_MAX];
	size_t size = thread->stopped ? inq_stop_xstate(thread->tid, area, sizeof(area)) : 0;
	uint8_t *kept = size ? malloc(size) : NULL;

	if (!kept)
		return;
	memcpy(kept, area, size);
	to->xstate = kept;
	to->xstate_size = size;
	live->has_xstate = true;
}

/* The list that stopping made, in the two forms that a target takes. */
static enum inq_status take_threads(struct inq_live *live, struct inq_error *err)
{
	struct inq_gathered *gathered = &live->gathered;
	size_t count = live->stopped.count;

	live->registers = calloc(count, sizeof(*live->registers));
	gathered->threads = calloc(count, sizeof(*gathered->threads));
	if (!live->registers || !gathered->threads)
		return inq_fail(err, INQ_NO_MEMORY, "process %u: no memory for %zu threads", live->pid, count);
	for (size_t i = 0; i < count; i++) {
		const struct inq_stopped_thread *thread = &live->stopped.threads[i];

		live->registers[i] = (struct inq_dying_stopped){
			.tid = thread->tid,
			.has_context = thread->has_context || thread->approximate,
			.tls = thread->tls,
			.context = thread->context,
		};
		if (gathered->source.wants & INQ_PROC_XSTATE)
			take_xstate(live, thread, &live->registers[i]);
		gathered->threads[i].tid = thread->tid;
		memcpy(gathered->threads[i].comm, thread->comm, sizeof(thread->comm));
		if (thread->tracer && !live->remark[0])
			snprintf(live->remark, sizeof(live->remark), "process %u traces some threads: they went on",
				 thread->tracer);
	}
	gathered->source.threads = gathered->threads;
	gathered->source.thread_count = count;
	gathered->source.stopped = live->registers;
	gathered->source.stopped_count = count;
	if (live->stopped.not_stopped && !live->remark[0])
		snprintf(live->remark, sizeof(live->remark), "%zu threads did not stop in time and went on",
			 live->stopped.not_stopped);
	return INQ_OK;
}

/* Files of the copy instead of the process's; false if they are not there, and the process must stay. */
static bool use_copy(struct inq_live *live)
{
	struct inq_dying_source *source = &live->gathered.source;
	const struct {
		const char *name;
		int *place;
	} files[] = {{"mem", &source->mem_fd}, {"smaps", &source->smaps_fd}, {"pagemap", &source->pagemap_fd}};
	int opened[3];
	bool good = true;

	for (size_t i = 0; i < 3; i++) {
		char path[48];

		snprintf(path, sizeof(path), "/proc/%d/%s", (int)live->copy.pid, files[i].name);
		opened[i] = open(path, O_RDONLY | O_CLOEXEC);
		good &= opened[i] >= 0;
	}
	/* What the copy cannot show: dying_slow.c. */
	if (good && source->texts[INQ_DYING_MOUNTS].data) {
		source->own_mem_fd = source->mem_fd;
		source->own_pagemap_fd = source->pagemap_fd;
		source->mem_fd = source->pagemap_fd = -1;
	}
	for (size_t i = 0; i < 3; i++) {
		int unused = good ? *files[i].place : opened[i];

		if (unused >= 0)
			close(unused);
		if (good)
			*files[i].place = opened[i];
	}
	return good;
}

/* A fork may wait until whoever holds such a descriptor has read of it (UFFD_FEATURE_EVENT_FORK), and with it the thread
 * that we borrowed. */
static bool has_userfaultfd(int process)
{
	static const char kind[] = "anon_inode:[userfaultfd]";
	int fds = inq_gather_open(process, "fd", O_RDONLY | O_DIRECTORY);
	DIR *list = fds >= 0 ? fdopendir(fds) : NULL;
	const struct dirent *entry;
	char link[sizeof(kind)];
	bool found = false;

	if (!list && fds >= 0)
		close(fds);
	while (list && !found && (entry = readdir(list)))
		found = readlinkat(fds, entry->d_name, link, sizeof(link)) == (ssize_t)sizeof(kind) - 1 &&
			memcmp(link, kind, sizeof(kind) - 1) == 0;
	if (list)
		closedir(list);
	return found;
}

static void make_copy(struct inq_live *live)
{
	const struct inq_gathered *gathered = &live->gathered;
	const struct inq_dying_bytes *maps = &gathered->source.texts[INQ_DYING_MAPS];
	struct inq_error error;

	if (live->has_userfaultfd) {
		snprintf(live->remark, sizeof(live->remark),
			 "the process was not copied: its userfaultfd might hold the copying up");
		return;
	}
	if (inq_copy_make(&live->stopped, gathered->source.mem_fd, gathered->source.texts[INQ_DYING_STATUS].data,
			  gathered->source.texts[INQ_DYING_AUXV].data, gathered->source.texts[INQ_DYING_AUXV].size,
			  &live->copy, &error) != INQ_OK) {
		snprintf(live->remark, sizeof(live->remark), "%.250s", error.text);
		return;
	}
	if (!maps->data || !inq_copy_is_whole(maps->data, maps->size, live->copy.pid)) {
		snprintf(live->remark, sizeof(live->remark),
			 "the process was not copied: it keeps memory from its children (MADV_DONTFORK)");
		inq_copy_end(&live->copy);
	} else if (use_copy(live)) {
		inq_live_resume(live);
	} else {
		inq_copy_end(&live->copy);
	}
}

static enum inq_status gather(struct inq_live *live, const struct inq_live_options *options, struct inq_error *err)
{
	struct inq_dying_source *source = &live->gathered.source;
	struct inq_ends_options ends = {.deadline_ms = ENDS_MS, .skip = {live->pid}};
	enum inq_status status;

	inq_gather_but_threads(live->process, live->files, &live->gathered);
	if (source->mem_fd < 0)
		return inq_fail(err, INQ_DENIED, "process %u: its memory may not be read", live->pid);
	source->pid = live->pid;
	source->dump_time = (uint64_t)time(NULL);
	source->record = options->record;
	source->event = options->event;
	source->living = true;
	inq_gather_wanted(live->process, live->files, options->wants | INQ_PROC_FLAGS, &live->gathered);
	inq_gather_peers(live->process, live->files, &live->gathered);
	if (options->record)
		live->memory = inq_gather_open(live->files, "mem", O_RDWR);
	status = take_threads(live, err);
	if (status == INQ_OK && options->copy)
		make_copy(live);
	ends.skip[1] = live->copy.pid > 0 ? (uint32_t)live->copy.pid : 0;
	/* By now it runs again, where it may. */
	if (status == INQ_OK)
		inq_gather_ends(&ends, &live->gathered);
	return status;
}

/* The first thread that has its memory, where the main thread has ended. */
static void find_files(struct inq_live *live)
{
	char name[32], link[8];

	if (readlinkat(live->process, "exe", link, sizeof(link)) >= 0)
		return;
	for (size_t i = 0; i < live->stopped.count; i++) {
		snprintf(name, sizeof(name), "task/%u", live->stopped.threads[i].tid);
		live->files = inq_gather_open(live->process, name, O_PATH | O_DIRECTORY);
		if (live->files >= 0 && readlinkat(live->files, "exe", link, sizeof(link)) >= 0)
			return;
		if (live->files >= 0)
			close(live->files);
	}
	live->files = live->process;
}

enum inq_status inq_live_open(uint32_t pid, const struct inq_live_options *options, struct inq_live **ret,
			      struct inq_error *err)
{
	static const struct inq_live_options plain = {0};
	struct inq_live *live = calloc(1, sizeof(*live));
	enum inq_status status;

	if (!live)
		return inq_fail(err, INQ_NO_MEMORY, "process %u: no memory", pid);
	*live = (struct inq_live){.pid = pid, .process = -1, .files = -1, .memory = -1};
	options = options ? options : &plain;
	live->gathered.source = (struct inq_dying_source){
		.core_fd = -1, .mem_fd = -1, .smaps_fd = -1, .cpuinfo_fd = -1, .os_release_fd = -1,
		.pagemap_fd = -1};
	status = open_process(live, err);
	if (status == INQ_OK) {
		live->has_userfaultfd = options->copy && has_userfaultfd(live->process);
		status = stop(live, options->deadline_ms, err);
	}
	if (status == INQ_OK) {
		find_files(live);
		status = gather(live, options, err);
	}
	if (status != INQ_OK) {
		inq_live_free(live);
		return status;
	}
	*ret = live;
	return INQ_OK;
}

/* --- what it knows ------------------------------------------------------------------------------------------ */

const struct inq_dying_source *inq_live_source(const struct inq_live *live)
{
	return &live->gathered.source;
}

const char *inq_live_remark(const struct inq_live *live)
{
	return live->remark[0] ? live->remark : NULL;
}

int inq_live_memory(const struct inq_live *live)
{
	return live->memory;
}

bool inq_live_is_copy(const struct inq_live *live)
{
	return live->copy.pid > 0;
}

uint64_t inq_live_held_since(const struct inq_live *live)
{
	return live->since_ns;
}

uint64_t inq_live_held_us(const struct inq_live *live)
{
	return live->held_us;
}

/* --- letting go ---------------------------------------------------------------------------------------------- */

void inq_live_resume(struct inq_live *live)
{
	inq_stop_resume(&live->stopped);
	if (live->since_ns && !live->held_us)
		live->held_us = (now_ns() - live->since_ns) / 1000;
}

void inq_live_forget(struct inq_live *live)
{
	if (!live)
		return;
	if (live->files >= 0 && live->files != live->process)
		close(live->files);
	if (live->process >= 0)
		close(live->process);
	if (live->memory >= 0)
		close(live->memory);
	inq_gathered_done(&live->gathered);
	for (size_t i = 0; live->has_xstate && i < live->stopped.count; i++)
		free((void *)(uintptr_t)live->registers[i].xstate);
	inq_stop_done(&live->stopped);
	free(live->registers);
	free(live);
}

void inq_live_free(struct inq_live *live)
{
	if (!live)
		return;
	inq_live_resume(live);
	inq_copy_end(&live->copy);
	inq_live_forget(live);
}

/* --- the target ---------------------------------------------------------------------------------------------- */

enum inq_status inq_target_open_live(const struct inq_dying_source *source, struct inq_target **ret,
				     struct inq_error *err)
{
	const struct inq_dying_bytes *status = &source->texts[INQ_DYING_STATUS];
	struct inq_dying_source known = *source;

	if (status->data) {
		inq_status_number(status->data, status->size, "Uid", &known.uid);
		inq_status_number(status->data, status->size, "Gid", &known.gid);
	}
	return inq_target_open_dying(&known, ret, err);
}
