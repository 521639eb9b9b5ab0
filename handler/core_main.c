/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inquest-core: what the kernel runs when a process dies. See inquest-core(8).
 *
 * Two processes. The parent, root, shows who crashed, decides who may read the dump, and owns the spool; it takes
 * nothing apart. The child reads the process and, confined, writes the dump (worker.h). Both hold the core's pipe
 * while they read /proc, and the dying process is let go when both have closed it. Whatever becomes of the child,
 * the parent writes what the kernel said.
 */
#include <config.h>

#include "handler/acquire.h"
#include "handler/authority.h"
#include "handler/core_args.h"
#include "handler/hold.h"
#include "handler/inherited.h"
#include "handler/log.h"
#include "handler/minimal.h"
#include "handler/stand_back.h"
#include "handler/worker.h"
#include "spool/config.h"
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CORE_PIPE = STDIN_FILENO,
	PIDFD = 3,                   /* what the kernel gave us for %F */
	EXPECTED_BASE = 128 << 10,   /* bytes reserved for a dump... */
	EXPECTED_THREAD = 8 << 10,   /* ...and for each of its threads */
	URGENT = -10,                /* niceness while the process is held... */
	MODEST = 5,                  /* ...and afterwards */
	LAST_RESORT = 30,            /* seconds behind the deadlines: then SIGALRM ends us */
};

static const uint64_t SECOND = 1000000000;

struct core {
	struct inq_core_args args;
	struct inq_config config;
	struct inq_identity identity;
	struct inq_authority authority;
	struct inq_spool_account account;
	struct inq_spool spool;
	struct inq_spool_file file;
	uint64_t start_ns;
	uint64_t threads;
	int channel;
	pid_t worker;
	char why[INQ_ERROR_TEXT]; /* why there is no full dump */
	uint32_t lost_threads;   /* that a filter changed the frames of */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* --- the child ------------------------------------------------------------------------------------ */

static int start_worker(struct core *core, const char *remark)
{
	int channel[2];
	struct inq_worker_job job = {
		.args = &core->args,
		.config = &core->config,
		.identity = &core->identity,
		.remark = remark,
		.held_since_ns = core->start_ns,
		.core = CORE_PIPE,
		.parent = getpid(),
	};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return -1;
	core->worker = fork();
	if (!core->worker) {
		close(channel[0]);
		job.channel = channel[1];
		inq_worker_run(&job);
	}
	close(channel[1]);
	core->channel = channel[0];
	return core->worker < 0 ? -1 : 0;
}

static void end_worker(struct core *core)
{
	if (core->worker <= 0)
		return;
	kill(core->worker, SIGKILL);
	while (waitpid(core->worker, NULL, 0) < 0 && errno == EINTR)
		;
	core->worker = 0;
}

/* How the child ended, in words, when it said nothing itself. */
static void say_end(struct core *core)
{
	int status;

	while (waitpid(core->worker, &status, 0) < 0) {
		if (errno != EINTR)
			return;
	}
	core->worker = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(core->why, sizeof(core->why), "the worker was killed: a system call that it may not make");
	else if (WIFSIGNALED(status))
		snprintf(core->why, sizeof(core->why), "the worker was killed by signal %d", WTERMSIG(status));
	else
		snprintf(core->why, sizeof(core->why), "the worker ended early, status %d", WEXITSTATUS(status));
}

static uint64_t write_until(const struct core *core)
{
	return core->start_ns + (core->config.hold_deadline + core->config.write_deadline) * SECOND;
}

/* Wait for a word of the child until a time (CLOCK_MONOTONIC, ns). False: it will not come, `why` says why. */
static bool hear(struct core *core, enum inq_worker_word wanted, uint64_t until, uint64_t *ret_value)
{
	struct inq_worker_message message;
	struct pollfd wait = {.fd = core->channel, .events = POLLIN};
	uint64_t now = now_ns();
	ssize_t size;
	int ready;

	do {
		now = now_ns();
		ready = poll(&wait, 1, now < until ? (int)((until - now) / 1000000 + 1) : 0);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0) {
		end_worker(core);
		snprintf(core->why, sizeof(core->why), "the worker was not done at the deadline");
		return false;
	}
	size = recv(core->channel, &message, sizeof(message), MSG_DONTWAIT);
	if (size != sizeof(message)) {
		say_end(core);
		return false;
	}
	if (message.word == wanted) {
		*ret_value = message.value;
		core->lost_threads = wanted == INQ_WORKER_DONE ? message.status : 0;
		return true;
	}
	/* Once: as if it were released already, and wrote. */
	if (message.word == INQ_WORKER_LONG && wanted == INQ_WORKER_RELEASED && until < write_until(core))
		return hear(core, wanted, write_until(core), ret_value);
	message.words[sizeof(message.words) - 1] = '\0';
	end_worker(core);
	snprintf(core->why, sizeof(core->why), "%s",
		 message.word == INQ_WORKER_FAILED ? message.words : "the worker spoke out of turn");
	return false;
}

/* --- the decision --------------------------------------------------------------------------------- */

/* After the last read of /proc, once. */
static void decide(struct core *core, struct inq_authority_facts *facts)
{
	facts->still = inq_identity_still(&core->identity);
	INQ_HOLD(verified);
	core->authority = inq_authority_decide(facts);
	core->account = (struct inq_spool_account){
		.uid = core->args.complete ? (uint32_t)core->args.uid : 0,
		.gid = core->args.complete ? (uint32_t)core->args.gid : 0,
		.root_only = core->authority.root_only,
	};
	INQ_HOLD(decided);
}

static void name_dump(const struct core *core, struct inq_spool_name *ret)
{
	*ret = (struct inq_spool_name){
		.pid = (uint32_t)core->args.pid,
		.time = core->args.time ? (int64_t)core->args.time : (int64_t)time(NULL),
	};
	inq_identity_program(&core->identity, ret->program);
}

/* --- writing -------------------------------------------------------------------------------------- */

static uint64_t expected_size(const struct core *core)
{
	uint64_t size = EXPECTED_BASE + core->threads * EXPECTED_THREAD;

	return size < core->config.max_dump ? size : core->config.max_dump;
}

static bool failed(struct core *core, const struct inq_error *err)
{
	snprintf(core->why, sizeof(core->why), "%s", err->text);
	return false;
}

/* Urgent as long as somebody is held, and modest afterwards: the worker may not change that itself. */
static void be_urgent(pid_t worker, bool urgent)
{
	setpriority(PRIO_PROCESS, 0, urgent ? URGENT : MODEST);
	if (worker > 0)
		setpriority(PRIO_PROCESS, (id_t)worker, urgent ? URGENT : MODEST);
}

/* From the decision to a written file; false and `why` otherwise. Room is made when nobody waits any more, and the
 * worker writes when there is room. */
static bool write_dump(struct core *core)
{
	uint64_t hold = core->start_ns + core->config.hold_deadline * SECOND;
	struct inq_error err;
	uint64_t ignored;

	if (inq_spool_open(core->config.spool, &core->spool, &err) != INQ_OK ||
	    inq_spool_create(&core->spool, &core->account, &core->file, &err) != INQ_OK)
		return failed(core, &err);
	INQ_HOLD(created);
	/* A worker that has ended already left its words behind: hear() finds them. */
	inq_worker_give(core->channel, core->file.fd);
	if (!hear(core, INQ_WORKER_RELEASED, hold, &ignored))
		return false;
	be_urgent(core->worker, false);
	if (inq_spool_reserve(&core->file, &core->config, expected_size(core), &err) != INQ_OK)
		return failed(core, &err);
	inq_worker_go(core->channel);
	return hear(core, INQ_WORKER_DONE, write_until(core), &ignored);
}

static bool publish(struct core *core, const struct inq_spool_name *name)
{
	char given[INQ_SPOOL_NAME];
	struct inq_error err;

	INQ_HOLD(written);
	if (inq_spool_publish(&core->file, &core->account, name, given, &err) != INQ_OK) {
		snprintf(core->why, sizeof(core->why), "%s", err.text);
		return false;
	}
	INQ_HOLD(published);
	inq_spool_refill(&core->spool);
	return true;
}

/* What the kernel said, in the dump's own place, or over the reserve where that has no space. The count of dumps
 * is kept to, but no full dump is given up for the space of a minimal one. */
static bool write_last_word(struct core *core, const struct inq_spool_name *name)
{
	struct inq_config only_count = core->config;
	struct inq_minimal minimal;
	char given[INQ_SPOOL_NAME];
	struct inq_error err;

	only_count.keep_free = 0;
	if (core->spool.fd < 0 || !core->config.max_count ||
	    inq_minimal_make(&core->args, core->why, &minimal, &err) != INQ_OK)
		return false;
	if (core->file.fd < 0)
		inq_spool_create(&core->spool, &core->account, &core->file, &err);
	if (core->file.fd >= 0 && !ftruncate(core->file.fd, 0) &&
	    inq_spool_reserve(&core->file, &only_count, 0, &err) == INQ_OK &&
	    pwrite(core->file.fd, minimal.bytes, minimal.size, 0) == (ssize_t)minimal.size &&
	    inq_spool_publish(&core->file, &core->account, name, given, &err) == INQ_OK)
		return true;
	inq_spool_abandon(&core->file);
	return inq_spool_last_word(&core->spool, &core->account, minimal.bytes, minimal.size, name, given, &err) ==
	       INQ_OK;
}

/* --- the road ------------------------------------------------------------------------------------- */

static int collect(struct core *core, const char *remark)
{
	struct inq_authority_facts facts = {
		.arguments = core->args.complete,
		.identity = core->identity.shown,
		.dumpable = core->args.dumpable,
		.uid = (uint32_t)core->args.uid,
		.gid = (uint32_t)core->args.gid,
	};
	uint64_t hold = core->start_ns + core->config.hold_deadline * SECOND;
	struct inq_spool_name name;
	bool acquired, written;

	if (start_worker(core, remark))
		snprintf(core->why, sizeof(core->why), "no worker could be started");
	inq_identity_facts(&core->identity, &facts);
	name_dump(core, &name);
	INQ_HOLD(read);
	acquired = core->worker > 0 && hear(core, INQ_WORKER_ACQUIRED, hold, &core->threads);
	decide(core, &facts);
	/* The child has its own end; from here on it alone decides how long the process is held. */
	close(CORE_PIPE);
	written = acquired && write_dump(core);
	if (written)
		written = publish(core, &name);
	if (written && core->lost_threads)
		inq_log(core->spool.fd, core->args.pid,
			"the filter changed the frames of %u threads; the dump names them", core->lost_threads);
	if (!written) {
		end_worker(core);
		be_urgent(0, false);
		if (core->spool.fd < 0)
			inq_spool_open(core->config.spool, &core->spool, NULL);
		written = write_last_word(core, &name);
		inq_log(core->spool.fd, core->args.pid, "%s: %s",
			written ? "only a minimal dump was written" : "no dump was written", core->why);
	}
	end_worker(core);
	return !written;
}

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static int misused(int argc)
{
	if (argc < 2) {
		say("inquest-core: run by the kernel when a process crashes; see inquest-register(8)\n");
		return 2;
	}
	if (geteuid()) {
		say("inquest-core: must be run by the kernel, as root\n");
		return 1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct core core = {.start_ns = now_ns(), .spool.fd = -1, .file = {.fd = -1, .directory = -1}, .channel = -1};
	struct inq_error err;
	const char *remark = NULL;
	int status;

	if (inq_inherited_stdio())
		return 1;
	status = misused(argc);
	if (status)
		return status;
	inq_inherited_close(PIDFD);
	inq_inherited_reset(false);
	setpriority(PRIO_PROCESS, 0, URGENT);
	inq_hold_init();
	INQ_HOLD(start);
	inq_core_args_parse(argc, argv, &core.args);
	INQ_HOLD(arguments);
	if (inq_config_load(INQ_CONFIG_FILE, &core.config, &err) != INQ_OK) {
		remark = "the settings could not be trusted; the strictest were used";
		inq_log(-1, core.args.pid, "%s", err.text);
	}
	alarm((unsigned)(core.config.hold_deadline + core.config.write_deadline) + LAST_RESORT);
	if (core.config.honour_core_limit && !core.args.core_limit && core.args.known & INQ_CORE_ARG_BIT(9))
		return 0;
	inq_identity_open(&core.args, &core.identity);
	INQ_HOLD(identity);
	if (inq_stand_back(core.identity.proc, (uint32_t)core.args.tid))
		return 0;
	return collect(&core, remark);
}
