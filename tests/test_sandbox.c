/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The confined process: what it may not do, and that what it asks for is looked at first. */
#include "debugger/broker.h"
#include "debugger/sandbox.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs in a confined child; true is exit status 0, false 1, a refusal to confine 2. */
static int confined(bool (*body)(int socket), int socket)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int keep[] = {socket};

		if (sandbox_enter(keep, socket >= 0, NULL) != INQ_OK)
			_exit(2);
		_exit(body(socket) ? 0 : 1);
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static bool denied(long result)
{
	return result == -1 && (errno == EPERM || errno == EACCES);
}

static bool cannot_open(int socket)
{
	(void)socket;
	return denied(open("/etc/passwd", O_RDONLY)) &&
	       denied(open("/tmp/inquest-test", O_WRONLY | O_CREAT, 0600)) &&
	       denied(syscall(SYS_open, "/etc/passwd", O_RDONLY)) &&
	       denied(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
}

static bool cannot_connect(int socket_fd)
{
	(void)socket_fd;
	return denied(socket(AF_INET, SOCK_STREAM, 0)) && denied(socket(AF_UNIX, SOCK_STREAM, 0));
}

static bool cannot_execute(int socket)
{
	char name[] = "true", *const arguments[] = {name, NULL};

	(void)socket;
	return denied(execve("/bin/true", arguments, NULL)) && denied(syscall(SYS_fork)) &&
	       denied(fork());
}

static bool cannot_touch_others(int socket)
{
	(void)socket;
	return denied(kill(getppid(), SIGTERM)) && denied(kill(getppid(), 0)) &&
	       denied(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) &&
	       denied(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static bool cannot_make_code(int socket)
{
	void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)socket;
	return place != MAP_FAILED && denied(mprotect(place, 4096, PROT_READ | PROT_EXEC)) &&
	       mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED;
}

static bool cannot_raise_its_limits(int socket)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	(void)socket;
	return denied(setrlimit(RLIMIT_DATA, &limit)) && getrlimit(RLIMIT_DATA, &limit) == 0;
}

static bool can_compute(int socket)
{
	char *bytes = malloc(1 << 20);

	(void)socket;
	if (!bytes)
		return false;
	memset(bytes, 1, 1 << 20);
	free(bytes);
	return getpid() > 0;
}

Test(sandbox, opens_no_file)
{
	cr_expect_eq(confined(cannot_open, -1), 0);
}
Test(sandbox, makes_no_socket)
{
	cr_expect_eq(confined(cannot_connect, -1), 0);
}
Test(sandbox, starts_no_process)
{
	cr_expect_eq(confined(cannot_execute, -1), 0);
}
Test(sandbox, touches_no_other_process)
{
	cr_expect_eq(confined(cannot_touch_others, -1), 0);
}
Test(sandbox, makes_no_code)
{
	cr_expect_eq(confined(cannot_make_code, -1), 0);
}
Test(sandbox, does_not_raise_its_limits)
{
	cr_expect_eq(confined(cannot_raise_its_limits, -1), 0);
}
Test(sandbox, computes_and_allocates)
{
	cr_expect_eq(confined(can_compute, -1), 0);
}

#if !defined(__SANITIZE_ADDRESS__)
static bool cannot_eat_memory(int socket)
{
	size_t size = (size_t)SANDBOX_DATA + (16 << 20);
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)socket;
	return bytes == MAP_FAILED && errno == ENOMEM;
}

Test(sandbox, eats_no_more_memory_than_its_limit)
{
	cr_expect_eq(confined(cannot_eat_memory, -1), 0);
}
#endif

Test(sandbox, inherits_no_descriptor)
{
	int fd = open("/dev/null", O_RDONLY), status;
	pid_t pid = fork();

	if (pid == 0) {
		char byte;

		if (sandbox_enter(NULL, 0, NULL) != INQ_OK)
			_exit(2);
		_exit(read(fd, &byte, 1) == -1 && errno == EBADF ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	close(fd);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- the broker ------------------------------------------------------------------- */

static const char *wanted_path;
static enum inq_status wanted_status;

static bool asks(int socket)
{
	struct broker broker = {.socket = socket};
	struct inq_opener opener = broker_opener(&broker);
	enum inq_status status = INQ_OK;
	struct inq_error err = {0};
	char head[4];
	int fd = inq_open(&opener, wanted_path, &status, &err);

	if (wanted_status != INQ_OK)
		return fd < 0 && status == wanted_status && err.text[0];
	return fd >= 0 && pread(fd, head, 4, 0) == 4;
}

static int ask(const char *path, enum inq_status expected)
{
	int pair[2], status;
	pid_t broker;

	wanted_path = path;
	wanted_status = expected;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	broker = fork();
	if (broker == 0) {
		close(pair[1]);
		broker_serve(pair[0], 0, NULL);
		_exit(0);
	}
	close(pair[0]);
	status = confined(asks, pair[1]);
	close(pair[1]);
	waitpid(broker, NULL, 0);
	return status;
}

Test(broker, hands_out_what_debuggers_read)
{
	cr_expect_eq(ask("/proc/../bin/sh", INQ_UNSUPPORTED), 0, "a path below /proc");
	cr_expect_eq(ask("/bin/sh", INQ_OK), 0);
}

Test(broker, refuses_everything_else)
{
	char path[] = "/tmp/inquest-broker-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_expect_eq(ask(path, INQ_UNSUPPORTED), 0, "an empty file");
	cr_assert_eq(write(fd, "text\n", 5), 5);
	cr_expect_eq(ask(path, INQ_UNSUPPORTED), 0, "a text file");
	cr_expect_eq(ask("/etc/passwd", INQ_UNSUPPORTED), 0);
	cr_expect_eq(ask("/dev/zero", INQ_UNSUPPORTED), 0);
	cr_expect_eq(ask("/proc/self/mem", INQ_UNSUPPORTED), 0);
	cr_expect_eq(ask("/", INQ_UNSUPPORTED), 0);
	cr_expect_eq(ask("/nowhere/at/all", INQ_ABSENT), 0);
	close(fd);
	unlink(path);
}

Test(broker, knows_files_by_their_first_bytes)
{
	static const char *const known[] = {"\177ELF",		"MDMP",	     "PMDM",
					    "\x28\xb5\x2f\xfd", "!<arch>\n", "\x5e\x2a\x4d\x18"};
	static const char *const unknown[] = {"root:x:0", "\177ELG",   "MDM",
					      "",	  "!<thin>\n", "-----BEG"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		cr_expect(broker_knows((const unsigned char *)known[i], strlen(known[i])), "%zu",
			  i);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		cr_expect_not(broker_knows((const unsigned char *)unknown[i], strlen(unknown[i])),
			      "%zu", i);
}
