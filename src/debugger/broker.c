/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/broker.h"

#include "debugger/sandbox.h"
#include "support/finder.h"
#include "target/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum request_kind {
	REQUEST_PATH = 1, /* a file to read */
	REQUEST_DUMP,     /* a dump to read, by path or by its name in the spool */
	REQUEST_CREATE,   /* a dump to write; argument: overwrite */
	REQUEST_PUBLISH,  /* it is complete; argument: enum place_form */
	REQUEST_DISCARD,
	REQUEST_PACK,     /* a file that goes into the dump's CAB */
	REQUEST_NOTE,     /* a line of the text in the CAB; the path holds it */
	REQUEST_DETACH,
	REQUEST_ALL,      /* dumps of all processes; the path holds the arguments */
	REQUEST_FIND,     /* where files of a name lie; argument: deep */
};

/* Both go over a SOCK_SEQPACKET socket between two processes of the same program. */
struct request {
	uint32_t kind, argument;
	uint32_t slot;        /* enum place_slot, of CREATE and PUBLISH */
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

/* --- what is handed out ----------------------------------------------------------- */

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
	{"MZ", 2},		 /* Windows' images */
	{"MSCF", 4},		 /* CAB */
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

static bool is_cabinet(int fd)
{
	unsigned char head[4];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && cabinet_begins(head, sizeof(head));
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
		"'%s': not opened: neither a minidump, an ELF file, an archive, a CAB nor zstd", path);
	return -1;
}

/* --- the worker's end ------------------------------------------------------------- */

static int ask(struct broker *broker, struct request request, const char *path, char *ret_path,
	       enum inq_status *ret_status, struct inq_error *err)
{
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
	if (*ret_status != INQ_OK) {
		inq_fail(err, *ret_status, "%s", answer.text);
		if (err)
			err->os_errno = answer.os_errno;
	} else if (ret_path) {
		memcpy(ret_path, answer.path, DUMP_PATH);
	}
	return fd;
}

/* Of the requests that are answered by a descriptor. */
static int ask_fd(struct broker *broker, struct request request, const char *path, char *ret_path,
		  enum inq_status *ret_status, struct inq_error *err)
{
	int fd = ask(broker, request, path, ret_path, ret_status, err);

	if (fd < 0 && *ret_status == INQ_OK)
		*ret_status = inq_fail(err, INQ_OS, "'%s': no descriptor came", path);
	return fd;
}

static int open_by_broker(void *user, const char *path, enum inq_status *ret_status,
			  struct inq_error *err)
{
	return ask_fd(user, (struct request){.kind = REQUEST_PATH}, path, NULL, ret_status, err);
}

/* Names of what is there and no more: opening one is a request of its own. */
static size_t find_by_broker(void *user, const char *name, bool deep, char *to, size_t size)
{
	const struct request request = {.kind = REQUEST_FIND, .argument = deep};
	char paths[DUMP_PATH] = "";
	enum inq_status status;
	size_t used = 0;
	int fd = ask(user, request, name, paths, &status, NULL);

	if (fd >= 0)
		close(fd);
	if (status != INQ_OK)
		return 0;
	while (used < sizeof(paths) && paths[used])
		used += strnlen(paths + used, sizeof(paths) - used) + 1;
	if (used > size || used > sizeof(paths))
		return 0;
	memcpy(to, paths, used);
	return used;
}

struct inq_opener broker_opener(struct broker *broker)
{
	if (broker->socket < 0)
		return inq_opener_direct();
	return (struct inq_opener){.open = open_by_broker, .find = find_by_broker, .user = broker};
}

int broker_open_dump(struct broker *broker, const char *name, char ret_path[DUMP_PATH],
		     enum inq_status *ret_status, struct inq_error *err)
{
	if (broker->socket < 0)
		return dumps_open(name, ret_path, ret_status, err);
	return ask_fd(broker, (struct request){.kind = REQUEST_DUMP}, name, ret_path, ret_status, err);
}

/* Of the requests that are answered by words. */
static enum inq_status ask_words(struct broker *broker, struct request request, const char *path, char *ret_path,
				 struct inq_error *err)
{
	enum inq_status status;
	int fd = ask(broker, request, path, ret_path, &status, err);

	if (fd >= 0)
		close(fd);
	return status;
}

static int create(struct place *place, const char *path, bool overwrite, enum inq_status *ret_status,
		  struct inq_error *err)
{
	int fd;

	place_drop(place);
	*ret_status = place_open(path, overwrite, place, err);
	if (*ret_status != INQ_OK)
		return -1;
	fd = dup(place->file);
	if (fd < 0)
		*ret_status = inq_fail_os(err, "'%s'", path);
	return fd;
}

int broker_create(struct broker *broker, enum place_slot slot, const char *path, bool overwrite,
		  enum inq_status *ret_status, struct inq_error *err)
{
	const struct request request = {.kind = REQUEST_CREATE, .argument = overwrite, .slot = slot};

	return broker->socket < 0 ? create(&broker->places[slot], path, overwrite, ret_status, err)
				  : ask_fd(broker, request, path, NULL, ret_status, err);
}

enum inq_status broker_publish(struct broker *broker, enum place_slot slot, enum place_form form,
			       struct inq_error *err)
{
	const struct request request = {.kind = REQUEST_PUBLISH, .argument = form, .slot = slot};

	return broker->socket < 0 ? place_publish(&broker->places[slot], form, err)
				  : ask_words(broker, request, "", NULL, err);
}

static void drop_all(struct place places[PLACE_SLOTS])
{
	for (int slot = 0; slot < PLACE_SLOTS; slot++)
		place_drop(&places[slot]);
}

void broker_discard(struct broker *broker)
{
	if (broker->socket < 0)
		drop_all(broker->places);
	else
		ask_words(broker, (struct request){.kind = REQUEST_DISCARD}, "", NULL, NULL);
}

/* Opened as everything is, and no worse: what is packed is what a debugger reads. */
static enum inq_status pack(struct place *place, const char *path, char name[CABINET_NAME], struct inq_error *err)
{
	enum inq_status status;
	int fd = inq_open(NULL, path, &status, err);

	if (fd >= 0)
		fd = check_magic(fd, path, &status, err);
	return fd < 0 ? status : place_add(place, fd, path, name, err);
}

enum inq_status broker_pack(struct broker *broker, const char *path, char ret_name[CABINET_NAME],
			    struct inq_error *err)
{
	char name[DUMP_PATH] = "";
	enum inq_status status;

	if (broker->socket < 0)
		return pack(&broker->places[PLACE_DUMP], path, ret_name, err);
	status = ask_words(broker, (struct request){.kind = REQUEST_PACK}, path, name, err);
	if (status == INQ_OK)
		snprintf(ret_name, CABINET_NAME, "%.*s", CABINET_NAME - 1, name);
	return status;
}

enum inq_status broker_note(struct broker *broker, const char *line, struct inq_error *err)
{
	return broker->socket < 0 ? place_note(&broker->places[PLACE_DUMP], line, err)
				  : ask_words(broker, (struct request){.kind = REQUEST_NOTE}, line, NULL, err);
}

enum inq_status broker_dump_all(struct broker *broker, const char *arguments, struct dump_all *ret,
				struct inq_error *err)
{
	char counts[DUMP_PATH] = "";
	enum inq_status status;

	if (broker->socket < 0)
		return dump_all(arguments, ret, err);
	status = ask_words(broker, (struct request){.kind = REQUEST_ALL}, arguments, counts, err);
	if (status == INQ_OK && sscanf(counts, "%zu %zu", &ret->written, &ret->refused) != 2)
		status = inq_fail(err, INQ_BAD_DATA, "/a: no answer");
	return status;
}

static enum inq_status detach(struct inq_live *live, struct inq_error *err)
{
	if (!live)
		return inq_fail(err, INQ_ABSENT, "no process is being looked at");
	inq_live_resume(live);
	return INQ_OK;
}

enum inq_status broker_detach(struct broker *broker, struct inq_error *err)
{
	return broker->socket < 0 ? detach(broker->live, err)
				  : ask_words(broker, (struct request){.kind = REQUEST_DETACH}, "", NULL, err);
}

/* --- the broker's end ------------------------------------------------------------- */

/* prlimit(2) asks for the worker's ids as our real ones, or for CAP_SYS_RESOURCE, which root in a
 * container often lacks: then our real ids are nobody's for the length of the call. */
static bool worker_limit(pid_t worker, int resource, const struct rlimit *wanted,
			 struct rlimit *ret)
{
	bool done = prlimit(worker, resource, wanted, ret) == 0;
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (done || errno != EPERM || geteuid() != 0)
		return done;
	if (setresgid(SANDBOX_NOBODY, -1, -1) == 0 && setresuid(SANDBOX_NOBODY, -1, -1) == 0)
		done = prlimit(worker, resource, wanted, ret) == 0;
	return setresuid(uid, -1, -1) == 0 && setresgid(gid, -1, -1) == 0 && done;
}

/* What may be parsed sets what may be used: three times the file. */
static void raise_limit(pid_t worker, int fd)
{
	struct rlimit limit;
	struct stat st;

	if (!worker || fstat(fd, &st) < 0 || !worker_limit(worker, RLIMIT_DATA, NULL, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	limit.rlim_cur += 3 * (rlim_t)st.st_size;
	worker_limit(worker, RLIMIT_DATA, &limit, NULL);
}

/* A dump that it writes is as large as what it is a dump of; one that it unpacks, as large as a CAB can hold. */
static void lift_file_limit(pid_t worker)
{
	struct rlimit limit;

	if (!worker || !worker_limit(worker, RLIMIT_FSIZE, NULL, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	worker_limit(worker, RLIMIT_FSIZE, &limit, NULL);
}

struct service {
	pid_t worker;
	struct inq_live *live;
	bool has_read; /* something was opened for the worker, which may be in its hands since */
	struct place places[PLACE_SLOTS];
	struct inq_finder *finder; /* made when first asked */
};

/* A descriptor to read from; -1: see the status. */
static int serve_read(const struct request *request, struct service *service, char *path,
		      enum inq_status *ret_status, struct inq_error *err)
{
	bool by_path = request->kind == REQUEST_PATH;
	int fd = by_path ? inq_open(NULL, request->path, ret_status, err)
			 : dumps_open(request->path, path, ret_status, err);

	if (fd >= 0)
		fd = check_magic(fd, by_path ? request->path : path, ret_status, err);
	if (fd >= 0) {
		raise_limit(service->worker, fd);
		if (is_cabinet(fd))
			lift_file_limit(service->worker);
		service->has_read = true;
	}
	return fd;
}

static enum inq_status serve_all(const struct request *request, const struct service *service, char path[DUMP_PATH],
				 struct inq_error *err)
{
	struct dump_all all = {0};
	enum inq_status status;

	if (service->live || service->has_read)
		return inq_fail(err, INQ_USAGE, "/a dumps all processes: start inquest without -z and -p for it");
	status = dump_all(request->path, &all, err);
	snprintf(path, DUMP_PATH, "%zu %zu", all.written, all.refused);
	return status;
}

static int serve_write(const struct request *request, struct service *service, char path[DUMP_PATH],
		       enum inq_status *ret_status, struct inq_error *err)
{
	struct place *place = &service->places[request->slot % PLACE_SLOTS];
	int fd = -1;

	switch (request->kind) {
	case REQUEST_CREATE:
		fd = create(place, request->path, request->argument, ret_status, err);
		lift_file_limit(service->worker);
		break;
	case REQUEST_PUBLISH:
		*ret_status = place_publish(place, request->argument, err);
		break;
	case REQUEST_DISCARD:
		drop_all(service->places);
		*ret_status = INQ_OK;
		break;
	case REQUEST_PACK:
		*ret_status = pack(place, request->path, path, err);
		break;
	case REQUEST_NOTE:
		*ret_status = place_note(place, request->path, err);
		break;
	case REQUEST_DETACH:
		*ret_status = detach(service->live, err);
		break;
	default:
		*ret_status = inq_fail(err, INQ_USAGE, "no such request");
		break;
	}
	return fd;
}

/* The answer's path holds the paths, one behind the other; the last byte stays 0. */
static enum inq_status serve_find(const struct request *request, struct service *service, char path[DUMP_PATH],
				  struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	if (!service->finder)
		status = inq_finder_new("", &service->finder, err);
	if (status == INQ_OK && !inq_finder_find(service->finder, request->path, request->argument, path, DUMP_PATH - 1))
		status = inq_fail(err, INQ_ABSENT, "'%s': no file of that name", request->path);
	return status;
}

static int serve_one(const struct request *request, struct service *service, struct answer *answer)
{
	bool reads = request->kind == REQUEST_PATH || request->kind == REQUEST_DUMP;
	enum inq_status status = INQ_USAGE;
	struct inq_error err = {0};
	int fd = -1;

	if (reads)
		fd = serve_read(request, service, answer->path, &status, &err);
	else if (request->kind == REQUEST_FIND)
		status = serve_find(request, service, answer->path, &err);
	else if (request->kind == REQUEST_ALL)
		status = serve_all(request, service, answer->path, &err);
	else
		fd = serve_write(request, service, answer->path, &status, &err);

	answer->status = status;
	answer->os_errno = err.os_errno;
	memcpy(answer->text, err.text, sizeof(answer->text));
	return fd;
}

void broker_serve(int socket, pid_t worker, struct inq_live *live)
{
	struct service service = {.worker = worker, .live = live};
	struct request request;
	int stray;

	while (receive_message(socket, &request, sizeof(request), &stray)) {
		struct answer answer = {0};
		bool sent;
		int fd;

		if (stray >= 0)
			close(stray);
		request.path[sizeof(request.path) - 1] = '\0';
		fd = serve_one(&request, &service, &answer);
		sent = send_message(socket, &answer, sizeof(answer), fd);
		if (fd >= 0)
			close(fd);
		if (!sent)
			break;
	}
	inq_finder_free(service.finder);
	drop_all(service.places);
}
