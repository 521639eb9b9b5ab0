/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/waiting.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_US = 20 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Writing to a descriptor that the crashed program chose: only if the kernel says that it is an event. */
static bool is_event(int fd)
{
	static const char kind[] = "anon_inode:[eventfd]";
	char path[40], link[sizeof(kind)];

	if (fd <= 2)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link)) == (ssize_t)sizeof(kind) - 1 &&
	       memcmp(link, kind, sizeof(kind) - 1) == 0;
}

static bool peek(const struct inq_waiting *waiting, size_t offset, void *to, size_t size)
{
	return pread(waiting->memory, to, size, (off_t)(waiting->record + offset)) == (ssize_t)size;
}

static bool say(const struct inq_waiting *waiting, enum inq_record_command command)
{
	const uint32_t word = command;
	const uint64_t one = 1;

	if (waiting->is_stub && pwrite(waiting->memory, &word, sizeof(word),
				       (off_t)(waiting->record + offsetof(struct inq_record, command))) !=
					sizeof(word))
		return false;
	return waiting->event < 0 || write(waiting->event, &one, sizeof(one)) == sizeof(one);
}

enum inq_status inq_waiting_open(int memory, uint64_t record, int event, struct inq_waiting *ret,
				 struct inq_error *err)
{
	struct inq_waiting waiting = {memory, record, is_event(event) ? event : -1, false, 0, 0, 0, 0, false};
	struct inq_record found;

	if (!peek(&waiting, 0, &found.jit, sizeof(found.jit)))
		return inq_fail(err, INQ_FAULT, "record at 0x%llx: not readable", (unsigned long long)record);
	if (found.jit.size != sizeof(found.jit))
		return inq_fail(err, INQ_BAD_DATA, "record at 0x%llx: size is %u, a JIT_DEBUG_INFO has %zu bytes",
				(unsigned long long)record, found.jit.size, sizeof(found.jit));
	waiting.tid = found.jit.thread_id;
	if (peek(&waiting, 0, &found, sizeof(found)) && found.magic == INQ_RECORD_MAGIC &&
	    INQ_RECORD_KNOWN(found.version) && found.size == sizeof(found)) {
		waiting.is_stub = true;
		waiting.version = found.version;
		waiting.reason = found.reason;
		waiting.tls = found.tls;
	}
	*ret = waiting;
	return INQ_OK;
}

bool inq_waiting_dismiss(struct inq_waiting *waiting, int status)
{
	const uint32_t word = (uint32_t)status;

	if (waiting->told)
		return true;
	waiting->told = true;
	if (waiting->is_stub)
		(void)!pwrite(waiting->memory, &word, sizeof(word),
			      (off_t)(waiting->record + offsetof(struct inq_record, status)));
	return say(waiting, waiting->reason == INQ_REASON_ON_DEMAND ? INQ_COMMAND_RESUME : INQ_COMMAND_DIE);
}

pid_t inq_waiting_snapshot(struct inq_waiting *waiting, enum inq_record_command how, unsigned deadline_ms,
			   struct inq_error *err)
{
	uint64_t end = now_ms() + deadline_ms;
	int32_t child = 0;

	if (!waiting->is_stub || !say(waiting, how)) {
		inq_fail(err, INQ_UNSUPPORTED, "snapshot: this record is not the stub's");
		return 0;
	}
	while (now_ms() < end) {
		if (!peek(waiting, offsetof(struct inq_record, snapshot), &child, sizeof(child)))
			break;
		if (child > 0)
			return child;
		if (child < 0) {
			inq_fail(err, INQ_OS, "snapshot: the process could not be copied: %s", strerror(-child));
			return 0;
		}
		usleep(SLICE_US);
	}
	inq_fail(err, INQ_OS, "snapshot: the process did not answer");
	return 0;
}
