/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/snapshot.h"
#include "target/copy.h"
#include "target/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_MS = 3000,        /* for the child's making, which copies page tables */
	CLOSED_S = 1,            /* for the child's closing of its descriptors */
	CLOSED_SLICE_US = 20,
	END_MS = 200,            /* many times as long as it sleeps between looks */
	STAT_TEXT = 1024,
	PTHREAD_TID = 0x2d0,     /* from the thread pointer: struct pthread's tid, in glibc since 2.4 (x86-64) */
};

/* proc(5), /proc/PID/stat */
enum { STAT_PPID = 4, STAT_SESSION = 6, STAT_STARTSTACK = 28, STAT_START_BRK = 47 };

void inq_snapshot_init(struct inq_snapshot *snapshot)
{
	*snapshot = (struct inq_snapshot){.pidfd = -1, .proc = -1, .smaps = -1, .memory = -1, .pagemap = -1};
}

/* A field behind the name, which may hold anything but is closed by the last ')' of the line; 0 if there is none. */
static unsigned long long stat_field(const char *text, int field)
{
	const char *at = strrchr(text, ')');

	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool read_stat(int directory, const char *name, char to[STAT_TEXT])
{
	ssize_t size = inq_gather_small(directory, name, to, STAT_TEXT - 1);

	to[size > 0 ? size : 0] = '\0';
	return size > 0;
}

/* Whether its parent sits behind vfork() and goes on in the same memory. Where the kernel may not be asked (kcmp(2) is
 * kept from containers), where their stacks and heaps were put tells: each exec draws lots. 0 is told to those who may
 * not look into the parent, and such a one shares no memory with a process that we may look into. */
static bool shares_with_parent(const struct inq_identity *identity)
{
	char text[STAT_TEXT], parents[STAT_TEXT], path[32];
	unsigned parent;
	long result;

	if (!read_stat(identity->proc, "stat", text))
		return true;
	parent = (unsigned)stat_field(text, STAT_PPID);
	if (!parent)
		return false;
	result = syscall(SYS_kcmp, identity->pid, parent, KCMP_VM, 0, 0);
	if (result >= 0)
		return result == 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", parent);
	if (!read_stat(AT_FDCWD, path, parents))
		return true;
	if (!stat_field(parents, STAT_STARTSTACK))
		return false;
	return stat_field(text, STAT_STARTSTACK) == stat_field(parents, STAT_STARTSTACK) &&
	       stat_field(text, STAT_START_BRK) == stat_field(parents, STAT_START_BRK);
}

bool inq_snapshot_would_be_lost(const struct inq_identity *identity, bool insisted)
{
	char text[STAT_TEXT];

	if (identity->pid == 1)
		return true;
	return !insisted && read_stat(identity->proc, "stat", text) && stat_field(text, STAT_PPID) == 1 &&
	       !inq_identity_in_first_namespace();
}

static bool kernel_lets_it_live(void)
{
	struct utsname name;
	unsigned major, minor;

	return !uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 16));
}

bool inq_snapshot_may_hold(const struct inq_identity *identity, const struct inq_waiting *waiting)
{
	return waiting->reason == INQ_REASON_CRASH && waiting->version >= 2 && kernel_lets_it_live() &&
	       !shares_with_parent(identity);
}

/* Its parent is the process, which still waits. A copy has closed its descriptors when it has come to a session of its
 * own. */
static bool is_ready(int proc, uint32_t parent, pid_t child, bool held)
{
	struct timespec now;
	char text[STAT_TEXT];

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (time_t end = now.tv_sec + CLOSED_S; now.tv_sec <= end; clock_gettime(CLOCK_MONOTONIC, &now)) {
		if (!read_stat(proc, "stat", text) || stat_field(text, STAT_PPID) != parent)
			return false;
		if (held || stat_field(text, STAT_SESSION) == (unsigned long long)child)
			return true;
		usleep(CLOSED_SLICE_US);
	}
	return false;
}

static enum inq_status adopt(const struct inq_identity *identity, pid_t child, const struct inq_dying_bytes *maps,
			     struct inq_snapshot *ret, struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	char path[32];
	int proc;

	ret->pid = child;
	ret->pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	snprintf(path, sizeof(path), "/proc/%d", (int)child);
	proc = ret->proc = inq_gather_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (proc < 0 || !is_ready(proc, identity->pid, child, ret->held)) {
		/* Whatever it is, it is not ours to end. */
		ret->pid = 0;
		status = inq_fail(err, INQ_DENIED, "snapshot: process %d is not this process's child", (int)child);
	} else {
		ret->smaps = inq_gather_open(proc, "smaps", O_RDONLY);
	}
	if (!status && !ret->held) {
		ret->memory = inq_gather_open(proc, "mem", O_RDWR);
		ret->pagemap = inq_gather_open(proc, "pagemap", O_RDONLY);
		if (ret->memory < 0)
			status = inq_fail_os(err, "snapshot: the copy's memory");
		else if (!maps->data || !inq_copy_is_whole(maps->data, maps->size, child))
			status = inq_fail(err, INQ_UNSUPPORTED,
					  "no snapshot: the process keeps memory from its children (MADV_DONTFORK)");
	}
	return status;
}

enum inq_status inq_snapshot_make(const struct inq_identity *identity, struct inq_waiting *waiting, bool hold,
				  const struct inq_dying_bytes *maps, struct inq_snapshot *ret, struct inq_error *err)
{
	pid_t child = inq_waiting_snapshot(waiting, hold ? INQ_COMMAND_HOLD : INQ_COMMAND_SNAPSHOT, ANSWER_MS, err);
	enum inq_status status;

	if (!child)
		return INQ_OS;
	ret->held = hold;
	status = adopt(identity, child, maps, ret, err);
	if (status)
		inq_snapshot_end(ret, waiting);
	return status;
}

static struct inq_snapshot_word word_of(const struct inq_waiting *waiting, uint64_t tls)
{
	struct inq_snapshot_word word = {tls + PTHREAD_TID, 0};

	if (!tls || pread(waiting->memory, &word.value, sizeof(word.value), (off_t)word.address) != sizeof(word.value))
		word.address = 0;
	return word;
}

void inq_snapshot_remember(struct inq_snapshot *snapshot, const struct inq_waiting *waiting,
			   const struct inq_stopped *stopped)
{
	snapshot->words = calloc(stopped->count, sizeof(*snapshot->words));
	snapshot->word_count = snapshot->words ? stopped->count : 0;
	for (size_t i = 0; i < snapshot->word_count; i++) {
		const struct inq_stopped_thread *thread = &stopped->threads[i];

		snapshot->words[i] = word_of(waiting, thread->tid == waiting->tid ? waiting->tls : thread->tls);
	}
}

void inq_snapshot_restore(const struct inq_snapshot *snapshot, const struct inq_waiting *waiting)
{
	for (size_t i = 0; i < snapshot->word_count; i++) {
		const struct inq_snapshot_word *word = &snapshot->words[i];
		uint32_t now = word->value;

		/* Only what has become 0: a word of somebody else's is left alone. */
		if (word->address && pread(waiting->memory, &now, sizeof(now), (off_t)word->address) == sizeof(now) &&
		    !now && word->value)
			(void)!pwrite(waiting->memory, &word->value, sizeof(word->value), (off_t)word->address);
	}
}

static void ask_to_end(const struct inq_snapshot *snapshot, const struct inq_waiting *waiting)
{
	const uint32_t word = INQ_COMMAND_END;
	const off_t at = (off_t)(waiting->record + offsetof(struct inq_record, command));
	struct pollfd end = {.fd = snapshot->pidfd, .events = POLLIN};

	if (waiting->version >= 2 &&
	    pwrite(snapshot->held ? waiting->memory : snapshot->memory, &word, sizeof(word), at) == sizeof(word))
		poll(&end, 1, END_MS);
}

void inq_snapshot_end(struct inq_snapshot *snapshot, const struct inq_waiting *waiting)
{
	int descriptors[] = {snapshot->proc, snapshot->smaps, snapshot->memory, snapshot->pagemap, snapshot->pidfd};

	if (snapshot->pid)
		ask_to_end(snapshot, waiting);
	if (snapshot->pid)
		syscall(SYS_pidfd_send_signal, snapshot->pidfd, SIGKILL, NULL, 0);
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	}
	free(snapshot->words);
	inq_snapshot_init(snapshot);
}
