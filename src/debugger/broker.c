/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/broker.h"

#include "debugger/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum request_kind { REQUEST_PATH = 1, REQUEST_DUMP };

/* Both go over a SOCK_SEQPACKET socket between two processes of the same program. */
struct request {
	uint32_t kind;
	char path[DUMP_PATH]; /* NUL-terminated */
};

struct answer {
	uint32_t status;
	int32_t os_errno;
	char text[INQ_ERROR_TEXT];
	char path[DUMP_PATH];
};

/* --- messages --------------------------------------------------------------------- */

static bool send_message(int socket, const void *bytes, size_t size, int fd)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)size;
}

/* False at the other's end, or if it was not exactly such a message. */
static bool receive_message(int socket, void *bytes, size_t size, int *ret_fd)
{
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header;
	ssize_t got;

	*ret_fd = -1;
	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	return got == (ssize_t)size;
}

/* --- the worker's end ------------------------------------------------------------- */

static int ask(struct broker *broker, enum request_kind kind, const char *path, char *ret_path,
	       enum inq_status *ret_status, struct inq_error *err)
{
	struct request request = {.kind = kind};
	struct answer answer;
	int fd;

	if (strlen(path) >= sizeof(request.path)) {
		*ret_status = inq_fail(err, INQ_LIMIT, "a path of %zu bytes", strlen(path));
		return -1;
	}
	memcpy(request.path, path, strlen(path));
	if (!send_message(broker->socket, &request, sizeof(request), -1) ||
	    !receive_message(broker->socket, &answer, sizeof(answer), &fd)) {
		*ret_status =
			inq_fail(err, INQ_OS, "'%s': the process that opens files is gone", path);
		return -1;
	}
	*ret_status = answer.status;
	answer.text[sizeof(answer.text) - 1] = '\0';
	answer.path[sizeof(answer.path) - 1] = '\0';
	if (fd < 0) {
		if (*ret_status == INQ_OK)
			*ret_status = INQ_OS;
		inq_fail(err, *ret_status, "%s", answer.text);
		if (err)
			err->os_errno = answer.os_errno;
	} else if (ret_path) {
		memcpy(ret_path, answer.path, DUMP_PATH);
	}
	return fd;
}

static int open_by_broker(void *user, const char *path, enum inq_status *ret_status,
			  struct inq_error *err)
{
	return ask(user, REQUEST_PATH, path, NULL, ret_status, err);
}

struct inq_opener broker_opener(struct broker *broker)
{
	if (broker->socket < 0)
		return inq_opener_direct();
	return (struct inq_opener){.open = open_by_broker, .user = broker};
}

int broker_open_dump(struct broker *broker, const char *name, char ret_path[DUMP_PATH],
		     enum inq_status *ret_status, struct inq_error *err)
{
	if (broker->socket < 0)
		return dumps_open(name, ret_path, ret_status, err);
	return ask(broker, REQUEST_DUMP, name, ret_path, ret_status, err);
}

/* --- the broker's end ------------------------------------------------------------- */

/* first bytes, what they are */
static const struct {
	const char *bytes;
	size_t size;
} magics[] = {
	{"\177ELF", 4}, /* core, image, debug file, .dwo, .dwp */
	{"MDMP", 4},
	{"PMDM", 4},		 /* minidump of either byte order */
	{"\x28\xb5\x2f\xfd", 4}, /* zstd frame */
	{"!<arch>\n", 8},	 /* archive */
};

bool broker_knows(const unsigned char *head, size_t size)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (size >= magics[i].size && memcmp(head, magics[i].bytes, magics[i].size) == 0)
			return true;
	}
	/* zstd's skippable frames: 0x184d2a50 to 0x184d2a5f, little-endian */
	return size >= 4 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0;
}

static int check_magic(int fd, const char *path, enum inq_status *ret_status, struct inq_error *err)
{
	unsigned char head[BROKER_MAGIC];
	ssize_t size = pread(fd, head, sizeof(head), 0);

	if (size > 0 && broker_knows(head, (size_t)size))
		return fd;
	close(fd);
	*ret_status = inq_fail(
		err, INQ_UNSUPPORTED,
		"'%s': not opened: neither a minidump, an ELF file, an archive nor zstd", path);
	return -1;
}

/* prlimit(2) asks for the worker's ids as our real ones, or for CAP_SYS_RESOURCE, which root in a
 * container often lacks: then our real ids are nobody's for the length of the call. */
static bool worker_limit(pid_t worker, const struct rlimit *wanted, struct rlimit *ret)
{
	bool done = prlimit(worker, RLIMIT_DATA, wanted, ret) == 0;
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (done || errno != EPERM || geteuid() != 0)
		return done;
	if (setresgid(SANDBOX_NOBODY, -1, -1) == 0 && setresuid(SANDBOX_NOBODY, -1, -1) == 0)
		done = prlimit(worker, RLIMIT_DATA, wanted, ret) == 0;
	return setresuid(uid, -1, -1) == 0 && setresgid(gid, -1, -1) == 0 && done;
}

/* What may be parsed sets what may be used: three times the file. */
static void raise_limit(pid_t worker, int fd)
{
	struct rlimit limit;
	struct stat st;

	if (!worker || fstat(fd, &st) < 0 || !worker_limit(worker, NULL, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	limit.rlim_cur += 3 * (rlim_t)st.st_size;
	worker_limit(worker, &limit, NULL);
}

static int serve_one(const struct request *request, struct answer *answer)
{
	struct inq_error err = {0};
	enum inq_status status = INQ_USAGE;
	int fd = -1;

	if (request->kind == REQUEST_PATH)
		fd = inq_open(NULL, request->path, &status, &err);
	else if (request->kind == REQUEST_DUMP)
		fd = dumps_open(request->path, answer->path, &status, &err);
	if (fd >= 0)
		fd = check_magic(fd, request->kind == REQUEST_DUMP ? answer->path : request->path,
				 &status, &err);
	answer->status = status;
	answer->os_errno = err.os_errno;
	memcpy(answer->text, err.text, sizeof(answer->text));
	return fd;
}

void broker_serve(int socket, pid_t worker)
{
	struct request request;
	int stray;

	while (receive_message(socket, &request, sizeof(request), &stray)) {
		struct answer answer = {0};
		int fd;

		if (stray >= 0)
			close(stray);
		request.path[sizeof(request.path) - 1] = '\0';
		fd = serve_one(&request, &answer);
		if (fd >= 0)
			raise_limit(worker, fd);
		if (!send_message(socket, &answer, sizeof(answer), fd))
			break;
		if (fd >= 0)
			close(fd);
	}
}
