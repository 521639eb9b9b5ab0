/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "handler/worker.h"

#include "capture/capture.h"
#include "capture/options.h"
#include "handler/channel.h"
#include "handler/confine.h"
#include "handler/hold.h"
#include "handler/wishes.h"
#include "privacy/veil.h"
#include "support/secret.h"
#include "support/behind.h"
#include "target/dying.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ENDS_MS = 20, /* for other processes' ends of pipes and sockets: one process waits meanwhile */
	REMARK = 512, /* bytes of what is said beside the dump */
	MEMORY_BASE = 256 << 20, /* bytes of address space; the plan of a dump of 200,000 threads fits */
};

/* --- the channel ---------------------------------------------------------------------------------- */

static void tell_more(const struct inq_worker_job *job, enum inq_worker_word word, uint64_t value, uint32_t status)
{
	const struct inq_worker_message message = {.word = word, .value = value, .status = status};

	/* A parent that is gone takes this process with it. */
	if (send(job->channel, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		_exit(1);
}

static void tell(const struct inq_worker_job *job, enum inq_worker_word word, uint64_t value)
{
	tell_more(job, word, value, 0);
}

static _Noreturn void fail(const struct inq_worker_job *job, const struct inq_error *err)
{
	struct inq_worker_message message = {.word = INQ_WORKER_FAILED, .status = err->status};

	memcpy(message.words, err->text, sizeof(message.words) - 1);
	send(job->channel, &message, sizeof(message), MSG_NOSIGNAL);
	_exit(1);
}

int inq_worker_give(int channel, int fd)
{
	const char byte = 0;

	return inq_channel_send(channel, &byte, sizeof(byte), fd);
}

int inq_worker_go(int channel)
{
	return send(channel, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Until the parent has made room. */
static void wait_to_write(const struct inq_worker_job *job)
{
	char byte;
	ssize_t size;

	do
		size = recv(job->channel, &byte, 1, 0);
	while (size < 0 && errno == EINTR);
	if (size != 1)
		_exit(1);
}

/* Waits for the parent's decision; no descriptor means that there is no place for a dump. */
static int take_file(const struct inq_worker_job *job)
{
	char byte;
	int fd;

	if (inq_channel_receive(job->channel, &byte, sizeof(byte), &fd) || fd < 0)
		_exit(1);
	return fd;
}

/* --- the work ------------------------------------------------------------------------------------- */

struct writing {
	bool bulk; /* so much that a thread of its own is worth its start */
	struct inq_behind *behind;
};

static void start_writing(void *user)
{
	struct writing *writing = user;

	/* Without memory for it the capture says so. */
	inq_behind_new(-1, writing->bulk, &writing->behind, NULL);
}

static void confine(const struct inq_worker_job *job, const struct inq_dying_source *source, struct writing *writing)
{
	const int keep[] = {
		/* 1 and 2 are /dev/null, and stay so that the dump never becomes anybody's standard output. */
		job->core, 1, 2, job->channel, source->mem_fd, source->smaps_fd, source->cpuinfo_fd,
		source->os_release_fd, source->pagemap_fd,
	};
	const struct inq_confinement confinement = {
		.uid = job->own_ids ? getuid() : (uid_t)job->config->worker_uid,
		.gid = job->own_ids ? getgid() : (gid_t)job->config->worker_gid,
		.own_ids = job->own_ids,
		.keep = keep,
		.keep_count = sizeof(keep) / sizeof(keep[0]),
		.max_file = job->config->max_dump,
		.max_memory = MEMORY_BASE + 2 * (uint64_t)source->texts[INQ_DYING_MAPS].size * 8 +
			      source->thread_count * 8192,
		.max_seconds = job->config->write_deadline,
		.parent = job->parent,
		.start = start_writing,
		.user = writing,
	};
	struct inq_error err;

	if (inq_confine(&confinement, &err) != INQ_OK)
		fail(job, &err);
}

struct release {
	const struct inq_worker_job *job;
	struct inq_target *target;
};

static void let_go(void *user)
{
	const struct release *release = user;

	INQ_HOLD(gathered);
	inq_target_dying_release(release->target);
	if (release->job->core >= 0)
		close(release->job->core);
	tell(release->job, INQ_WORKER_RELEASED, 0);
	INQ_HOLD(released);
	wait_to_write(release->job);
}

static enum inq_status dump(const struct inq_worker_job *job, const struct inq_dump_options *options,
			    const struct inq_dying_source *source, struct inq_behind *behind, int *ret_file,
			    struct inq_capture_report *report, struct inq_error *err)
{
	struct release release = {.job = job};
	const struct inq_capture_hooks hooks = {
		.released = let_go,
		.user = &release,
		.held_since_ns = job->held_since_ns,
		.remark = job->remark,
		.strict = job->config->strict,
		.behind = behind,
	};
	struct inq_veil_policy policy;
	struct inq_veil *veil;
	enum inq_status status = inq_target_open_dying(source, &release.target, err);

	if (status != INQ_OK)
		return status;
	policy = inq_dump_options_policy(options);
	status = inq_veil_new(release.target, &policy, &veil, err);
	if (status != INQ_OK)
		return status;
	*ret_file = take_file(job);
	return inq_capture(veil, options, *ret_file, &hooks, report, err);
}

/* No pipe: what it would have told, the collector has gathered. */
static void use_stopped(const struct inq_worker_job *job, struct inq_dying_source *source)
{
	source->stopped = job->stopped;
	source->stopped_count = job->stopped_count;
	source->record = job->record;
	source->event = job->event > 0 ? (uint32_t)job->event : 0;
	if (job->memory >= 0) {
		source->mem_fd = job->memory;
		source->pagemap_fd = job->pagemap;
	}
	if (job->smaps >= 0)
		source->smaps_fd = job->smaps;
}

/* A process that had no stub may have wished for something all the same. What it wishes for is within what was
 * gathered; its environment is looked at only now. */
static enum inq_status heed_wishes(const struct inq_worker_job *job, const struct inq_dying_source *source,
				   struct inq_dump_options *options, struct inq_error *err)
{
	const struct inq_dying_bytes *environment = &source->texts[INQ_DYING_ENVIRON];
	char letters[INQ_WISHES_TEXT];

	if (job->letters)
		return INQ_OK;
	inq_wishes(options->text, environment->data, environment->size, letters);
	return inq_dump_options_parse(letters, options, err);
}

void inq_worker_acquire(const struct inq_worker_job *job, const struct inq_dump_options *options,
			struct inq_gathered *ret)
{
	const struct inq_identity *identity = job->identity;

	inq_acquire(identity, job->args, job->core, ret);
	if (!options)
		return;
	inq_gather_wanted(identity->proc, identity->files, inq_dump_options_wants(options), ret);
	inq_gather_peers(identity->proc, identity->files, ret);
}

/* What the program asks for must be what it gets. The settings speak for everybody: where they contradict themselves,
 * as those that could not be read do when a filter is put over them, there is a filtered dump, which says so. */
static enum inq_status choose_letters(struct inq_worker_job *job, struct inq_dump_options *options,
				      char remark[REMARK], struct inq_error *err)
{
	char dropped[INQ_DUMP_TEXT] = "";
	enum inq_status status = job->letters ? inq_dump_options_parse(job->letters, options, err)
					      : inq_dump_options_settle(job->config->dump, options, dropped, err);

	if (status == INQ_OK && dropped[0]) {
		/* Not in quotes, which a filter empties. */
		snprintf(remark, REMARK, "%s%sthe settings ask for %s beside a filter, which cannot filter that: left out",
			 job->remark ? job->remark : "", job->remark ? "\n" : "", dropped);
		job->remark = remark;
	}
	return status;
}

_Noreturn void inq_worker_run(const struct inq_worker_job *given)
{
	struct inq_worker_job own = *given, *job = &own;
	char remark[REMARK];
	/* The dump is its user's; this may be root. */
	const struct inq_ends_options ends = {
		.deadline_ms = ENDS_MS,
		.skip = {job->identity->pid},
		.one_owner = true,
		.owner = (uid_t)job->args->uid,
	};
	struct inq_gathered acquired;
	struct inq_error err = {0};
	struct inq_capture_report report = {0};
	struct stat st = {0};
	struct inq_dump_options options = {0};
	struct writing writing = {0};
	enum inq_status status;
	int file = -1;

	/* Before the first byte of the process is here. */
	inq_secret_lock_all();
	INQ_HOLD(worker);
	status = choose_letters(job, &options, remark, &err);
	if (job->gathered)
		acquired = *job->gathered;
	else
		inq_worker_acquire(job, status == INQ_OK ? &options : NULL, &acquired);
	if (job->core < 0)
		use_stopped(job, &acquired.source);
	tell(job, INQ_WORKER_ACQUIRED, acquired.source.thread_count);
	/* Others' descriptors: where there is a copy, the process is let go meanwhile. */
	inq_gather_ends(&ends, &acquired);
	writing.bulk = options.letters & (INQ_DUMP_f | INQ_DUMP_w);
	confine(job, &acquired.source, &writing);
	INQ_HOLD(confined);
	if (status == INQ_OK && !writing.behind)
		status = inq_fail(&err, INQ_NO_MEMORY, "no memory to write a dump with");
	if (status == INQ_OK)
		status = heed_wishes(job, &acquired.source, &options, &err);
	if (status == INQ_OK && options.letters & (INQ_DUMP_f | INQ_DUMP_w))
		tell(job, INQ_WORKER_LONG, 0);
	if (status != INQ_OK || dump(job, &options, &acquired.source, writing.behind, &file, &report, &err) != INQ_OK)
		fail(job, &err);
	if (fstat(file, &st))
		_exit(1);
	tell_more(job, INQ_WORKER_DONE, (uint64_t)st.st_size, (uint32_t)report.lost_threads);
	/* Nothing is freed: the end of the process does it at once. */
	_exit(0);
}
