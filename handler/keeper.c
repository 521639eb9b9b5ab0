/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/keeper.h"

#include "handler/channel.h"
#include "handler/group.h"
#include "handler/hold.h"
#include "handler/inherited.h"
#include "target/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	GRACE_MS = 5000,     /* behind the collector's own deadlines */
	GROUPS_TEXT = 16384, /* of /proc/PID/cgroup */
};

enum word { OPEN = 1, PUBLISH, LEAVE };

struct request {
	uint32_t word;
	int32_t holder;
	uint64_t expected;
	struct inq_spool_name name;
};

struct reply {
	uint32_t status; /* enum inq_status */
	int32_t os_errno;
	char words[INQ_ERROR_TEXT];
	char name[INQ_SPOOL_NAME];
};

struct kept {
	const struct inq_config *config;
	struct inq_spool_account account;
	struct inq_spool spool;
	struct inq_spool_file file;
	enum inq_status room; /* whether there is room for the file, and why not */
	struct inq_error room_error;
	int channel;
	int place;            /* among the dumps of this user that are being written; -1: none */
	int collector;        /* pidfd of who asks */
	pid_t collector_pid;
	pid_t holder;         /* of the memory, in a group of ours; 0: none */
	struct inq_group groups[INQ_GROUP_KINDS]; /* where it is */
	uint64_t deadline_ms; /* CLOCK_MONOTONIC */
};

/* KILL for the collector alone, at the deadline. */
static const unsigned wanted_capabilities = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_KILL;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Nothing of the user's stays: no terminal whose keys are signals, no descriptor (somebody may wait for a pipe to be
 * closed). */
static int leave_the_user(const struct kept *kept)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return -1;
	inq_inherited_close(kept->channel);
	return 0;
}

/* All ids root's, so that the user cannot signal us; then only what the spool needs. */
static int become_keeper(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {
		{.effective = wanted_capabilities, .permitted = wanted_capabilities},
	};

	if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return -1;
	if (syscall(SYS_capset, &header, caps) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* which a change of ids has undone */
}

static void end_groups(struct kept *kept)
{
	for (int i = 0; i < INQ_GROUP_KINDS; i++) {
		if (kept->holder && kept->groups[i].mount >= 0)
			inq_group_end(&kept->groups[i], kept->holder);
	}
}

/* The collector is a process of the user's, who may have stopped or frozen it and what writes for it. No space is
 * held by that for longer: the file is emptied, and they are ended (the worker dies with the collector). */
static _Noreturn void give_up(struct kept *kept)
{
	end_groups(kept);
	if (kept->file.fd >= 0 && ftruncate(kept->file.fd, 0))
		errno = 0; /* the last thing that could be done about it */
	syscall(SYS_pidfd_send_signal, kept->collector, SIGKILL, NULL, 0);
	inq_spool_abandon(&kept->file);
	_exit(1);
}

static void answer(struct kept *kept, enum inq_status status, const struct inq_error *err, const char *name, int fd)
{
	struct reply reply = {.status = (uint32_t)status};

	if (status) {
		reply.os_errno = err->os_errno;
		memcpy(reply.words, err->text, sizeof(reply.words));
	}
	if (name)
		memcpy(reply.name, name, sizeof(reply.name));
	if (inq_channel_send(kept->channel, &reply, sizeof(reply), fd))
		_exit(1);
}

static void do_open(struct kept *kept, const struct request *request)
{
	struct inq_error err = {0};
	enum inq_status status = INQ_OK;

	inq_spool_abandon(&kept->file);
	if (kept->spool.fd < 0)
		status = inq_spool_open(kept->config->spool, &kept->spool, &err);
	if (!status)
		status = inq_spool_create(&kept->spool, &kept->account, &kept->file, &err);
	if (!status && kept->place < 0)
		status = inq_spool_enter(&kept->file, &kept->place, &err);
	INQ_HOLD(kept);
	answer(kept, status, &err, NULL, status ? -1 : kept->file.fd);
	/* Room is made while the others work: nobody who dies waits for it. */
	if (!status)
		kept->room = inq_spool_reserve(&kept->file, kept->config, request->expected, &kept->room_error);
}

static void do_publish(struct kept *kept, struct request *request)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME] = "";
	char program[sizeof(request->name.program)];
	enum inq_status status = INQ_OK;

	/* The one thing that the other side chooses is reduced again here. */
	memcpy(program, request->name.program, sizeof(program));
	inq_spool_program(program, sizeof(program) - 1, request->name.program);
	request->name.serial = 0;
	if (kept->file.fd < 0)
		status = inq_fail(&err, INQ_USAGE, "keeper: no file is open");
	else if (kept->room)
		status = inq_fail(&err, kept->room, "%s", kept->room_error.text);
	if (!status) {
		inq_spool_alone(kept->place);
		status = inq_spool_settle(&kept->file, kept->config, &err);
	}
	if (!status)
		status = inq_spool_publish(&kept->file, &kept->account, &request->name, name, &err);
	INQ_HOLD(named);
	if (kept->place >= 0)
		close(kept->place);
	kept->place = -1;
	answer(kept, status, &err, name, -1);
	if (!status)
		inq_spool_refill(&kept->spool);
}

/* We are in the process's groups ourselves, and so is who asks. */
static void do_leave(struct kept *kept, const struct request *request)
{
	static const enum inq_group_kind kinds[] = {INQ_GROUP_UNIFIED, INQ_GROUP_SYSTEMD};
	char text[GROUPS_TEXT];
	ssize_t size = inq_gather_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
	struct inq_error err = {0};
	enum inq_status status = INQ_ABSENT;

	if (kept->holder || request->holder <= 0)
		_exit(1);
	kept->holder = request->holder;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct inq_group *group = &kept->groups[kinds[i]];
		struct inq_error why = {0};
		enum inq_status left = inq_group_find(kinds[i], text, size > 0 ? (size_t)size : 0, group, &why);

		if (!left)
			left = inq_group_leave(group, kept->holder, kept->collector_pid, kept->account.uid, &why);
		if (left == INQ_ABSENT)
			continue;
		if (left || status == INQ_ABSENT)
			status = left;
		if (left)
			err = why;
	}
	if (status == INQ_ABSENT)
		inq_fail(&err, INQ_ABSENT, "no control group to leave");
	answer(kept, status, &err, NULL, -1);
}

/* True when there is a request, or nobody to make one. */
static bool is_asked(const struct kept *kept)
{
	struct pollfd wait = {.fd = kept->channel, .events = POLLIN};
	uint64_t now;

	while ((now = now_ms()) < kept->deadline_ms) {
		if (poll(&wait, 1, (int)(kept->deadline_ms - now)) > 0)
			return true;
	}
	return false;
}

static _Noreturn void serve(struct kept *kept)
{
	struct request request;

	for (;;) {
		if (!is_asked(kept))
			give_up(kept);
		if (inq_channel_receive(kept->channel, &request, sizeof(request), NULL))
			break;
		if (request.word == OPEN)
			do_open(kept, &request);
		else if (request.word == PUBLISH)
			do_publish(kept, &request);
		else if (request.word == LEAVE)
			do_leave(kept, &request);
		else
			break;
	}
	end_groups(kept);
	inq_spool_abandon(&kept->file);
	_exit(0);
}

enum inq_status inq_keeper_start(const struct inq_config *config, struct inq_keeper *ret, struct inq_error *err)
{
	struct kept kept = {
		.config = config,
		.account = {.uid = getuid(), .gid = getgid()},
		.spool.fd = -1,
		.file = {.fd = -1, .directory = -1},
		.place = -1,
		.groups = {{.mount = -1}, {.mount = -1}, {.mount = -1}},
		.deadline_ms = now_ms() + (config->hold_deadline + config->write_deadline) * 1000 + GRACE_MS,
	};
	pid_t pid, collector = getpid();
	int channel[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return inq_fail_os(err, "keeper: socket");
	pid = fork();
	if (!pid) {
		close(channel[0]);
		kept.channel = channel[1];
		kept.collector_pid = collector;
		if (leave_the_user(&kept) || become_keeper())
			_exit(1);
		kept.collector = (int)syscall(SYS_pidfd_open, collector, 0);
		if (getppid() != collector)
			_exit(1);
		INQ_HOLD(keeper);
		serve(&kept);
	}
	close(channel[1]);
	if (pid < 0) {
		close(channel[0]);
		return inq_fail_os(err, "keeper: process");
	}
	*ret = (struct inq_keeper){channel[0], pid};
	return INQ_OK;
}

/* Ask and hear; the status is the keeper's. */
static enum inq_status ask(const struct inq_keeper *keeper, const struct request *request, struct reply *reply,
			   int *ret_fd, struct inq_error *err)
{
	if (inq_channel_send(keeper->channel, request, sizeof(*request), -1) ||
	    inq_channel_receive(keeper->channel, reply, sizeof(*reply), ret_fd))
		return inq_fail(err, INQ_OS, "keeper: it is gone");
	reply->words[sizeof(reply->words) - 1] = '\0';
	reply->name[sizeof(reply->name) - 1] = '\0';
	if (reply->status)
		return inq_fail(err, (enum inq_status)reply->status, "%s", reply->words);
	return INQ_OK;
}

int inq_keeper_open(const struct inq_keeper *keeper, uint64_t expected, struct inq_error *err)
{
	const struct request request = {.word = OPEN, .expected = expected};
	struct reply reply;
	int fd = -1;

	if (ask(keeper, &request, &reply, &fd, err))
		return -1;
	if (fd < 0)
		inq_fail(err, INQ_OS, "keeper: no descriptor came");
	return fd;
}

enum inq_status inq_keeper_publish(const struct inq_keeper *keeper, const struct inq_spool_name *name,
				   char ret_name[INQ_SPOOL_NAME], struct inq_error *err)
{
	const struct request request = {.word = PUBLISH, .name = *name};
	struct reply reply;
	enum inq_status status = ask(keeper, &request, &reply, NULL, err);

	if (!status)
		memcpy(ret_name, reply.name, sizeof(reply.name));
	return status;
}

enum inq_status inq_keeper_leave(const struct inq_keeper *keeper, pid_t holder, struct inq_error *err)
{
	const struct request request = {.word = LEAVE, .holder = holder};
	struct reply reply;

	return ask(keeper, &request, &reply, NULL, err);
}

void inq_keeper_stop(struct inq_keeper *keeper)
{
	if (keeper->channel < 0)
		return;
	close(keeper->channel);
	keeper->channel = -1;
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
