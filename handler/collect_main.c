/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inquest-collect: what the stub runs when its process crashes. See inquest-collect(8).
 *
 * Three processes at most. This one becomes the crashed process's user, for good, before it looks at anything, so
 * that the kernel itself decides what may be read; it stops the threads and talks to the one that waits. The
 * keeper (keeper.h) stays root and holds the spool. The worker (worker.h) is confined, takes apart what the process
 * left, and writes. A process that is not wholly the user's is not ours to read: it goes on to die, and the
 * kernel's handler takes its dump for root.
 */
#include "config.h"

#include "capture/options.h"
#include "handler/acquire.h"
#include "handler/authority.h"
#include "handler/channel.h"
#include "handler/collect_args.h"
#include "handler/debug.h"
#include "handler/group.h"
#include "handler/hold.h"
#include "handler/inherited.h"
#include "handler/keeper.h"
#include "handler/minimal.h"
#include "handler/room.h"
#include "handler/snapshot.h"
#include "handler/wishes.h"
#include "handler/worker.h"
#include "support/secret.h"
#include "target/stop.h"
#include "target/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STOP_MS = 2000,
	BURY_MS = 500,
	GUARD_MS = 2000, /* more than twice as long as anything goes on unseen */
	BURY_SLICE_MS = 20,
	EXPECTED_BASE = 128 << 10,
	EXPECTED_THREAD = 8 << 10,
	LETTERS_MAX = 32,
	LARGE_PAGES = (256 << 20) / 4096,
	MANY_THREADS = 256,
};

static const uint64_t SECOND = 1000000000;

/* inquest-core looks for a child of the dying process by this name (stand_back.c), and for this one when it is to
 * take the dump itself. */
static const char FAILED_NAME[] = "inquest-failed";

struct collect {
	struct inq_collect_args args;
	char letters[LETTERS_MAX];
	bool want_snapshot, refuse_snapshot, insist_snapshot, write_first, want_debugger, is_root, use_spool;
	struct inq_config config;
	struct inq_identity identity;
	struct inq_core_args facts;      /* as inquest-core would have them from the kernel */
	struct inq_keeper keeper;
	struct inq_waiting waiting;
	struct inq_dump_options options;
	struct inq_gathered gathered;
	struct inq_stopped stopped;
	struct inq_dying_stopped *registers;
	int directory, file;             /* the user's own, where the spool is not used */
	int memory;
	struct inq_snapshot snapshot;
	int channel;
	pid_t worker;
	bool is_long;                    /* it said that it writes before it is done with the process */
	bool dying;                      /* the process was told to; its threads never run again */
	timer_t guard;                   /* of those that are traced while it does */
	uint64_t start_ns;
	struct inq_spool_name name;
	char remark[400];
	char why[INQ_ERROR_TEXT];
	uint32_t lost_threads;      /* that a filter changed the frames of */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void complain(const char *text)
{
	dprintf(STDERR_FILENO, "inquest-collect: %s\n", text);
}

/* One more thing that the dump's comment is to tell. */
__attribute__((format(printf, 2, 3))) static void remark(struct collect *collect, const char *format, ...)
{
	size_t used = strlen(collect->remark);
	va_list arguments;

	if (used)
		used += (size_t)snprintf(collect->remark + used, sizeof(collect->remark) - used, "; ");
	if (used >= sizeof(collect->remark))
		return;
	va_start(arguments, format);
	vsnprintf(collect->remark + used, sizeof(collect->remark) - used, format, arguments);
	va_end(arguments);
}

/* --- who we are ----------------------------------------------------------------------------------- */

/* "ma,snapshot": the letters go on to the worker's parser; what stands behind the comma is ours. Letters that bring
 * memory beyond the stacks are taken from a copy where it cannot be held, so that nobody waits for it. */
static enum inq_status take_letters(struct collect *collect, struct inq_error *err)
{
	const char *text = collect->args.dump, *option = strchr(text, ',');
	size_t length = strcspn(text, ",");
	bool wants = option && strcmp(option, ",snapshot") == 0;

	if (strcmp(text, "debug") == 0) {
		/* Where nobody is there to look, a dump. */
		collect->want_debugger = true;
		text = "m";
		length = 1;
	}
	collect->refuse_snapshot = option && strcmp(option, ",no-snapshot") == 0;
	collect->insist_snapshot = wants;
	if (option && !wants && !collect->refuse_snapshot)
		return inq_fail(err, INQ_USAGE, "--dump: behind the letters comes ',snapshot' or ',no-snapshot', not '%.40s'",
				option);
	if (length >= sizeof(collect->letters))
		return inq_fail(err, INQ_USAGE, "--dump: more than %zu letters", sizeof(collect->letters) - 1);
	memcpy(collect->letters, text, length);
	collect->letters[length] = '\0';
	collect->want_snapshot = wants || strpbrk(collect->letters, "aAfwdi") != NULL;
	return INQ_OK;
}

/* What the program's file brought, by its owner or by capabilities of its own. What the process itself had and handed
 * down (ambient capabilities) stays: without it the kernel would not let us look at such a process. */
static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}, {0}};

	if (!getauxval(AT_SECURE))
		return true;
	if (syscall(SYS_capset, &header, caps) || syscall(SYS_capget, &header, caps))
		return false;
	return !(caps[0].effective | caps[0].permitted | caps[1].effective | caps[1].permitted);
}

/* From here on only the user whose process it is, and no way back. Root's collector stays root: the worker has yet to
 * become somebody else. */
static bool become_user(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return false;
	/* A change of ids is undone by nobody; it also resets what fs/exec.c decided, so once more. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return false;
	if (uid == 0)
		return true;
	return drop_capabilities() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setresuid(0, 0, 0) &&
	       (gid == 0 || setresgid(0, 0, 0));
}

/* Root, and in a user namespace that knows the worker's id: root of one of a user's own making has nobody else to
 * become. */
static bool may_become(uint32_t id)
{
	char map[128];
	unsigned long inside, outside, count;
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, map, sizeof(map) - 1);

	if (fd >= 0)
		close(fd);
	map[size > 0 ? size : 0] = '\0';
	return getuid() == 0 && sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside <= id &&
	       id - inside < count;
}

/* What the kernel would have said in inquest-core's arguments. */
static void take_facts(struct collect *collect)
{
	struct inq_core_args *facts = &collect->facts;

	facts->pid = collect->identity.pid;
	facts->tid = collect->waiting.tid;
	facts->uid = getuid();
	facts->gid = getgid();
	facts->dumpable = 1; /* else its memory would not have been opened for this user */
	facts->time = (uint64_t)time(NULL);
	facts->known = INQ_CORE_ARG_BIT(1) | INQ_CORE_ARG_BIT(2) | INQ_CORE_ARG_BIT(4) | INQ_CORE_ARG_BIT(5) |
		       INQ_CORE_ARG_BIT(6) | INQ_CORE_ARG_BIT(8);
	facts->complete = true;
}

/* The kernel let this user open its memory. Its other threads must be the user's as well, and it must not have been
 * started with privilege. */
static bool is_users_own(struct collect *collect)
{
	struct inq_authority_facts facts = {
		.arguments = true,
		.identity = collect->identity.shown,
		.still = inq_identity_still(&collect->identity),
		.dumpable = 1,
		.uid = getuid(),
		.gid = getgid(),
	};
	struct inq_authority authority;

	inq_identity_facts(&collect->identity, &facts);
	authority = inq_authority_decide(&facts);
	if (authority.root_only)
		snprintf(collect->why, sizeof(collect->why), "process %u: %s", collect->identity.pid,
			 authority.reason);
	return !authority.root_only;
}

/* --- the file ------------------------------------------------------------------------------------- */

/* A directory of the user's own: theirs, and writable by nobody else. */
static int open_directory(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, size, "'%s': %s", path, strerror(errno));
	} else if (st.st_uid != geteuid()) {
		snprintf(why, size, "'%s': not owned by user %u", path, geteuid());
	} else if (st.st_mode & 022) {
		snprintf(why, size, "'%s': writable by others (chmod go-w)", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Without a spool that we may use: /var/tmp/inquest-UID, made on first use. */
static int open_fallback(char *why, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/var/tmp/inquest-%u", geteuid());
	if (mkdir(path, 0700) && errno != EEXIST) {
		snprintf(why, size, "'%s': %s", path, strerror(errno));
		return -1;
	}
	return open_directory(path, why, size);
}

static bool open_file(struct collect *collect)
{
	uint64_t expected = EXPECTED_BASE + collect->stopped.count * EXPECTED_THREAD;
	struct inq_error err;

	if (collect->use_spool) {
		collect->file = inq_keeper_open(&collect->keeper, expected, &err);
		if (collect->file < 0)
			snprintf(collect->why, sizeof(collect->why), "%s", err.text);
		return collect->file >= 0;
	}
	if (collect->args.directory)
		collect->directory = open_directory(collect->args.directory, collect->why, sizeof(collect->why));
	else
		collect->directory = open_fallback(collect->why, sizeof(collect->why));
	if (collect->directory < 0)
		return false;
	collect->file = openat(collect->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (collect->file < 0)
		snprintf(collect->why, sizeof(collect->why), "dump: %s", strerror(errno));
	return collect->file >= 0;
}

static void name_dump(struct collect *collect)
{
	collect->name = (struct inq_spool_name){.pid = collect->identity.pid, .time = (int64_t)collect->facts.time};
	inq_identity_program(&collect->identity, collect->name.program);
}

/* Synced, then named; never over a file that is there. */
static bool publish(struct collect *collect)
{
	struct inq_spool_name *name = &collect->name;
	char text[INQ_SPOOL_NAME], self[40];
	struct inq_error err;

	if (collect->use_spool) {
		if (inq_keeper_publish(&collect->keeper, name, text, &err) == INQ_OK)
			return true;
		snprintf(collect->why, sizeof(collect->why), "%s", err.text);
		return false;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", collect->file);
	if (!fsync(collect->file)) {
		for (name->serial = 0; name->serial < 100; name->serial++) {
			inq_spool_name_format(name, text);
			if (!linkat(AT_FDCWD, self, collect->directory, text, AT_SYMLINK_FOLLOW)) {
				fsync(collect->directory);
				return true;
			}
			if (errno != EEXIST)
				break;
		}
	}
	snprintf(collect->why, sizeof(collect->why), "dump: %s", strerror(errno));
	return false;
}

/* --- the process ---------------------------------------------------------------------------------- */

/* Kept until the process ends. */
static void take_xstate(const struct inq_stopped_thread *thread, struct inq_dying_stopped *to)
{
	uint8_t area[INQ_XSTATE_MAX], *kept;
	size_t size = thread->stopped ? inq_stop_xstate(thread->tid, area, sizeof(area)) : 0;

	kept = size ? malloc(size) : NULL;
	if (!kept)
		return;
	memcpy(kept, area, size);
	to->xstate = kept;
	to->xstate_size = size;
}

static bool stop(struct collect *collect)
{
	int task = openat(collect->identity.proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct inq_error err;
	enum inq_status status;
	uint32_t tracer = 0;

	status = task < 0 ? inq_fail_os(&err, "process %u: its threads", collect->identity.pid)
			  : inq_stop_threads(collect->identity.pid, task, collect->waiting.tid, STOP_MS,
					     &collect->stopped, &err);
	if (task >= 0)
		close(task);
	/* Threads that may not be traced still have memory that may be read. */
	if (status && status != INQ_DENIED) {
		snprintf(collect->why, sizeof(collect->why), "%s", err.text);
		return false;
	}
	collect->registers = calloc(collect->stopped.count, sizeof(*collect->registers));
	if (!collect->registers) {
		snprintf(collect->why, sizeof(collect->why), "no memory for the registers");
		return false;
	}
	for (size_t i = 0; i < collect->stopped.count; i++) {
		const struct inq_stopped_thread *thread = &collect->stopped.threads[i];

		collect->registers[i] = (struct inq_dying_stopped){
			.tid = thread->tid,
			.has_context = thread->has_context || thread->approximate,
			.tls = thread->tls,
			.context = thread->context,
		};
		if (strchr(collect->letters, 'y'))
			take_xstate(thread, &collect->registers[i]);
		if (thread->tracer && !tracer)
			tracer = thread->tracer;
	}
	if (tracer)
		remark(collect, "process %u traces this one: its threads were not stopped", tracer);
	if (collect->stopped.not_stopped)
		remark(collect, "%zu threads could not be stopped in time", collect->stopped.not_stopped);
	INQ_HOLD(stopped);
	return true;
}

/* What must not be dumped is told by smaps, which counts every page of a large process (10 ms a gibibyte). Where its
 * memory cannot be held, a copy takes less, and then nobody waits for the counting. Not with many threads, whose many
 * mappings cost more to copy. */
static bool is_large(const struct collect *collect)
{
	char text[64];
	unsigned long size, resident;
	int fd = openat(collect->identity.files, "statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	return collect->stopped.count < MANY_THREADS && sscanf(text, "%lu %lu", &size, &resident) == 2 &&
	       resident >= LARGE_PAGES;
}

/* A timer that kills us, stopped or not. */
static bool make_guard(struct collect *collect)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

	return timer_create(CLOCK_MONOTONIC, &event, &collect->guard) == 0;
}

/* @ms from now on; 0: not any more. */
static void set_guard(const struct collect *collect, long ms)
{
	const struct itimerspec when = {.it_value = {ms / 1000, ms % 1000 * 1000000}};

	timer_settime(collect->guard, 0, &when, NULL);
}

static void make_snapshot(struct collect *collect)
{
	bool hold = inq_snapshot_may_hold(&collect->identity, &collect->waiting) && make_guard(collect);
	const struct inq_dying_bytes *cgroup = &collect->gathered.source.texts[INQ_DYING_CGROUP];
	struct inq_error err;

	if (!hold && !collect->want_snapshot && !is_large(collect))
		return;
	if (collect->want_snapshot && inq_room_beside(collect->identity.files, cgroup->data, cgroup->size, &err)) {
		remark(collect, "no snapshot: %.200s", err.text);
		return;
	}
	if (hold)
		inq_snapshot_remember(&collect->snapshot, &collect->waiting, &collect->stopped);
	if (inq_snapshot_make(&collect->identity, &collect->waiting, hold,
			      &collect->gathered.source.texts[INQ_DYING_MAPS], &collect->snapshot, &err)) {
		remark(collect, "%.200s", err.text);
		return;
	}
	/* It takes 10 ms, in which nobody on the machine can start a process: only for what goes on for longer. */
	if (collect->want_snapshot && collect->keeper.channel >= 0 && inq_group_is_within(cgroup->data, cgroup->size)) {
		enum inq_status left = inq_keeper_leave(&collect->keeper, collect->snapshot.pid, &err);

		if (left && left != INQ_ABSENT)
			remark(collect, "written within the process's control group: %.200s", err.text);
	}
}

/* --- the worker ----------------------------------------------------------------------------------- */

/* Until the worker has spoken. Threads that somebody else keeps from ending (a kernel's handler that reads the whole
 * core) are seen off meanwhile. */
static bool wait_for_word(struct collect *collect, uint64_t until)
{
	struct pollfd wait = {.fd = collect->channel, .events = POLLIN};

	for (;;) {
		bool buried = !collect->dying || inq_stop_bury(&collect->stopped, 0);
		uint64_t now = now_ns();
		int left = now < until ? (int)((until - now) / 1000000 + 1) : 0;
		int found;

		if (collect->dying)
			set_guard(collect, buried ? 0 : GUARD_MS);
		found = poll(&wait, 1, buried || left < BURY_SLICE_MS ? left : BURY_SLICE_MS);
		if (found || left < BURY_SLICE_MS)
			return found > 0;
	}
}

static uint64_t write_until(const struct collect *collect)
{
	return collect->start_ns + (collect->config.hold_deadline + collect->config.write_deadline) * SECOND;
}

static bool hear(struct collect *collect, enum inq_worker_word wanted, uint64_t until)
{
	struct inq_worker_message message;

	if (!wait_for_word(collect, until)) {
		snprintf(collect->why, sizeof(collect->why), "the worker was not done at the deadline");
		return false;
	}
	if (inq_channel_receive(collect->channel, &message, sizeof(message), NULL)) {
		snprintf(collect->why, sizeof(collect->why), "the worker ended early");
		return false;
	}
	message.words[sizeof(message.words) - 1] = '\0';
	if (message.word == wanted) {
		collect->lost_threads = wanted == INQ_WORKER_DONE ? message.status : 0;
		return true;
	}
	/* Once, also where nobody waits for it: as if it were released already, and wrote. */
	if (message.word == INQ_WORKER_LONG && wanted == INQ_WORKER_RELEASED && !collect->is_long) {
		collect->is_long = true;
		return hear(collect, wanted, write_until(collect));
	}
	snprintf(collect->why, sizeof(collect->why), "%s",
		 message.word == INQ_WORKER_FAILED ? message.words : "the worker spoke out of turn");
	return false;
}

static bool start_worker(struct collect *collect)
{
	uint64_t until = collect->start_ns + collect->config.hold_deadline * SECOND;
	struct inq_worker_job job = {
		.args = &collect->facts,
		.config = &collect->config,
		.identity = &collect->identity,
		.remark = collect->remark[0] ? collect->remark : NULL,
		.gathered = &collect->gathered,
		.held_since_ns = collect->start_ns,
		.core = -1,
		.stopped = collect->registers,
		.stopped_count = collect->stopped.count,
		.record = collect->args.record,
		.event = collect->args.event,
		.letters = collect->letters,
		.memory = collect->snapshot.memory,
		.smaps = collect->snapshot.smaps,
		.pagemap = collect->snapshot.pagemap,
		.own_ids = !collect->is_root,
		.parent = getpid(),
	};
	int channel[2];

	collect->worker = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) ? -1 : fork();
	if (!collect->worker) {
		job.channel = channel[1];
		inq_worker_run(&job);
	}
	if (collect->worker < 0) {
		snprintf(collect->why, sizeof(collect->why), "no worker could be started: %s", strerror(errno));
		return false;
	}
	close(channel[1]);
	collect->channel = channel[0];
	/* All that was read is the worker's now. */
	inq_gathered_done(&collect->gathered);
	if (!hear(collect, INQ_WORKER_ACQUIRED, until))
		return false;
	if (!inq_worker_give(collect->channel, collect->file))
		return true;
	snprintf(collect->why, sizeof(collect->why), "the worker ended early");
	return false;
}

static void end_worker(struct collect *collect)
{
	if (collect->worker <= 0)
		return;
	kill(collect->worker, SIGKILL);
	while (waitpid(collect->worker, NULL, 0) < 0 && errno == EINTR)
		;
	collect->worker = 0;
}

/* --- the road ------------------------------------------------------------------------------------- */

static bool begin(struct collect *collect)
{
	struct inq_error err;

	if (!collect->identity.shown || collect->identity.pid != collect->args.pid) {
		snprintf(collect->why, sizeof(collect->why), "process %u: not the one that started us",
			 collect->args.pid);
		return false;
	}
	collect->memory = openat(collect->identity.files, "mem", O_RDWR | O_CLOEXEC);
	if (collect->memory < 0) {
		snprintf(collect->why, sizeof(collect->why), "process %u: its memory: %s", collect->args.pid,
			 strerror(errno));
		return false;
	}
	if (inq_waiting_open(collect->memory, collect->args.record, collect->args.event, &collect->waiting, &err)) {
		snprintf(collect->why, sizeof(collect->why), "%s", err.text);
		return false;
	}
	take_facts(collect);
	INQ_HOLD(opened);
	return true;
}

/* What cannot fit into the spool is not begun: a smaller dump is better than none. */
static enum inq_status fit_letters(struct collect *collect, struct inq_error *err)
{
	enum inq_status status = inq_dump_options_parse(collect->letters, &collect->options, err);
	char smaller[INQ_WISHES_TEXT];

	if (status || !inq_room_exceeds(collect->identity.files, collect->config.max_dump) ||
	    !inq_wishes_without_memory(&collect->options, smaller))
		return status;
	remark(collect, "all memory is more than a dump may have (max-dump, %llu MiB): left out",
	       (unsigned long long)collect->config.max_dump >> 20);
	snprintf(collect->letters, sizeof(collect->letters), "%.*s", LETTERS_MAX - 1, smaller);
	collect->want_snapshot = false;
	return inq_dump_options_parse(collect->letters, &collect->options, err);
}

/* Everything for which the process has to wait; it may go when this returns. */
static bool gather(struct collect *collect)
{
	uint64_t hold = collect->start_ns + collect->config.hold_deadline * SECOND;
	const struct inq_worker_job job = {.args = &collect->facts, .identity = &collect->identity, .core = -1};
	struct inq_error err;

	/* Stopped first: then the ids that are looked at stay what they are. */
	if (!stop(collect) || !is_users_own(collect))
		return false;
	INQ_HOLD(decided);
	if (!open_file(collect))
		return false;
	INQ_HOLD(created);
	if (fit_letters(collect, &err)) {
		snprintf(collect->why, sizeof(collect->why), "%s", err.text);
		return false;
	}
	inq_worker_acquire(&job, &collect->options, &collect->gathered);
	name_dump(collect);
	collect->write_first = inq_snapshot_would_be_lost(&collect->identity, collect->insist_snapshot);
	if (collect->write_first)
		remark(collect, "written before the process died, which takes all of its PID namespace with it");
	else if (!collect->refuse_snapshot)
		make_snapshot(collect);
	/* With its memory in hand the rest is no matter of theirs. */
	return collect->snapshot.pid || (start_worker(collect) && hear(collect, INQ_WORKER_RELEASED, hold));
}

/* Memory that is held must not change any more: threads stay stopped until they are killed, and are gone, for their
 * process's parent, when their tracer has seen it. Our user may stop us meanwhile: then the guard ends us, and with us
 * the tracing. Without one the threads are let go first. */
static void let_die(struct collect *collect)
{
	bool held = collect->snapshot.pid && collect->snapshot.held;

	if (!held)
		inq_stop_resume(&collect->stopped);
	else
		set_guard(collect, GUARD_MS);
	inq_waiting_dismiss(&collect->waiting, 0);
	INQ_HOLD(dismissed);
	if (!held)
		return;
	collect->dying = true;
	if (inq_stop_bury(&collect->stopped, BURY_MS))
		set_guard(collect, 0);
	/* Not before: the kernel gives the same rank to all who share memory. */
	if (inq_identity_wait(&collect->identity, BURY_MS))
		inq_inherited_offer_memory(collect->snapshot.proc);
	inq_snapshot_restore(&collect->snapshot, &collect->waiting);
}

static bool finish(struct collect *collect)
{
	uint64_t end = collect->start_ns +
		       (collect->config.hold_deadline + collect->config.write_deadline) * SECOND;

	if (!collect->write_first)
		let_die(collect);
	if (collect->snapshot.pid && !(start_worker(collect) && hear(collect, INQ_WORKER_RELEASED, end)))
		return false;
	if (inq_worker_go(collect->channel)) {
		snprintf(collect->why, sizeof(collect->why), "the worker ended early");
		return false;
	}
	if (!hear(collect, INQ_WORKER_DONE, end))
		return false;
	INQ_HOLD(written);
	if (!publish(collect))
		return false;
	INQ_HOLD(published);
	return true;
}

static int run(struct collect *collect)
{
	bool good = begin(collect);

	/* Comes back only if there is no terminal with a person at it, or no debugger. */
	if (good && collect->want_debugger) {
		inq_debug_start(collect->identity.files, collect->args.pid, collect->args.record, collect->args.event);
		setsid();
	}
	good = good && gather(collect) && finish(collect);
	if (!good && !collect->waiting.told) {
		/* Before the process goes on to die: the kernel's handler is to see it. */
		prctl(PR_SET_NAME, FAILED_NAME);
		inq_stop_resume(&collect->stopped);
		if (collect->memory >= 0)
			inq_waiting_dismiss(&collect->waiting, EIO);
	}
	inq_snapshot_end(&collect->snapshot, &collect->waiting);
	end_worker(collect);
	inq_stop_resume(&collect->stopped);
	inq_keeper_stop(&collect->keeper);
	/* The last word where it was not said yet: what follows, follows the end of the namespace. */
	if (collect->memory >= 0)
		inq_waiting_dismiss(&collect->waiting, good ? 0 : EIO);
	if (!good)
		complain(collect->why);
	else if (collect->lost_threads)
		complain("the filter changed the frames of some threads; the dump names them");
	return !good;
}

static const char help[] =
	"usage: inquest-collect -p PID -j RECORD [-e FD] [--dump=LETTERS] [--directory=DIR]\n"
	"\n"
	"Takes a minidump of the process that started it and waits. Run by libinquest-stub; see\n"
	"inquest-collect(8).\n"
	"\n"
	"  -p, --pid=PID        the crashed process; must be the parent\n"
	"  -j, --record=ADDR    its JIT_DEBUG_INFO, hexadecimal\n"
	"  -e, --event=FD       eventfd that is signalled when it may go on\n"
	"      --dump=LETTERS   as in INQUEST: m, mrR, ma,snapshot\n"
	"      --directory=DIR  the user's own, instead of the spool\n";

/* -1, or the status to end with. What is said to the caller holds words of the caller's and goes where the caller
 * wants it: as the caller. */
static int take_arguments(struct collect *collect, int argc, char *argv[])
{
	struct inq_error err;
	enum inq_status status = inq_collect_args_parse(argc, argv, &collect->args, &err);

	if (!status && !collect->args.help && !collect->args.version) {
		status = take_letters(collect, &err);
		if (status == INQ_OK)
			return -1;
	}
	if (!become_user())
		return 1;
	if (!status)
		dprintf(STDOUT_FILENO, "%s", collect->args.help ? help : "inquest-collect " PACKAGE_VERSION "\n");
	else
		complain(err.text);
	return status ? 2 : 0;
}

int main(int argc, char *argv[])
{
	struct collect collect = {
		.keeper = {-1, 0},
		.directory = -1,
		.file = -1,
		.memory = -1,
		.channel = -1,
		.start_ns = now_ns(),
	};
	struct inq_error err;
	bool privileged = geteuid() == 0;
	int status;

	if (inq_inherited_stdio())
		return 1;
	inq_hold_init();
	INQ_HOLD(start);
	status = take_arguments(&collect, argc, argv);
	if (status >= 0)
		return status;
	INQ_HOLD(arguments);
	inq_inherited_close(collect.args.event);
	inq_snapshot_init(&collect.snapshot);
	inq_inherited_offer_memory(AT_FDCWD);
	inq_inherited_reset(collect.want_debugger);
	/* What threads have in registers passes through here. A debugger that is started would inherit the limit. */
	if (!collect.want_debugger)
		inq_secret_lock_all();
	inq_identity_of_parent(&collect.identity);
	INQ_HOLD(identity);
	inq_config_load(INQ_CONFIG_FILE, &collect.config, NULL);
	collect.is_root = may_become((uint32_t)collect.config.worker_uid);
	/* Not for root of a user namespace, to whom no spool belongs. */
	collect.use_spool = privileged && (getuid() != 0 || collect.is_root) && !collect.args.directory;
	if ((collect.use_spool || (privileged && collect.want_snapshot)) &&
	    inq_keeper_start(&collect.config, &collect.keeper, &err)) {
		remark(&collect, "%s", err.text);
		collect.use_spool = false;
	}
	if (!become_user()) {
		complain("privileges could not be given up");
		return 1;
	}
	if (!privileged)
		remark(&collect, "taken without privilege, as user %u may", getuid());
	/* The spool is everybody's and has limits; a folder of the user's own is as large as its file system. */
	if (!collect.use_spool)
		collect.config.max_dump = UINT64_MAX;
	alarm((unsigned)(collect.config.hold_deadline + collect.config.write_deadline) + 30);
	INQ_HOLD(user);
	return run(&collect);
}
