/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "handler/confine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDS_ROOT()                                                 \
	do {                                                         \
		if (geteuid())                                       \
			cr_skip_test("needs root to give it up"); \
	} while (0)

/* A process that AddressSanitizer watches needs terabytes of address space and system calls of its own: under
 * the limits and the filter it dies of the sanitizer, which proves nothing. */
#ifdef __SANITIZE_ADDRESS__
#define NEEDS_PLAIN_BUILD() cr_skip_test("needs a build without AddressSanitizer")
#else
#define NEEDS_PLAIN_BUILD() ((void)0)
#endif

static struct inq_confinement confinement(const int *keep, size_t count, pid_t parent)
{
	return (struct inq_confinement){
		.uid = 65534, .gid = 65534, .keep = keep, .keep_count = count,
		.max_file = 1 << 20, .max_memory = 256 << 20, .max_seconds = 10, .parent = parent,
	};
}

/* Run `act` confined in a child, with a pipe as the only way out; returns the wait status. */
static int confined(int (*act)(int out), char *told, size_t size)
{
	int out[2], status = -1;
	pid_t parent = getpid(), child;
	ssize_t got;

	NEEDS_PLAIN_BUILD();
	cr_assert(!pipe(out));
	child = fork();
	if (!child) {
		const int keep[] = {out[1]};
		struct inq_confinement how = confinement(keep, 1, parent);
		struct inq_error err = {0};

		if (inq_confine(&how, &err) != INQ_OK) {
			dprintf(out[1], "%s", err.text);
			_exit(99);
		}
		_exit(act(out[1]));
	}
	close(out[1]);
	got = read(out[0], told, size - 1);
	told[got < 0 ? 0 : got] = '\0';
	close(out[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static int say_hello(int out)
{
	void *memory = malloc(1 << 20);

	memset(memory, 1, 1 << 20);
	free(memory);
	return write(out, "hello", 5) != 5;
}

Test(confinement, leaves_memory_and_what_is_open)
{
	char told[600];
	int status;

	NEEDS_ROOT();
	status = confined(say_hello, told, sizeof(told));
	cr_assert(WIFEXITED(status), "signal %d: %s", WTERMSIG(status), told);
	cr_assert_eq(WEXITSTATUS(status), 0);
	cr_assert_str_eq(told, "hello");
}

static int try_open(int out) { (void)out; return open("/etc/passwd", O_RDONLY) >= 0; }
static int try_openat2(int out) { (void)out; return (int)syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0); }
static int try_socket(int out) { (void)out; return socket(AF_INET, SOCK_STREAM, 0) >= 0; }
static int try_execve(int out) { char *none[] = {NULL}; (void)out; return execve("/bin/true", none, none); }
static int try_fork(int out) { (void)out; return fork() >= 0; }
static int try_ptrace(int out) { (void)out; return (int)ptrace(PTRACE_TRACEME, 0, 0, 0); }
static int try_kill(int out) { (void)out; return kill(getppid(), 0); }
static int try_setuid(int out) { (void)out; return setuid(0); }
static int try_connect(int out) { return connect(out, NULL, 0); }
static int try_vm_read(int out) { (void)out; return (int)syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0); }
static int try_exec_memory(int out)
{
	(void)out;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}
static int try_make_exec(int out)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)out;
	return mprotect(memory, 4096, PROT_READ | PROT_EXEC);
}
static int try_stat(int out) { struct stat st; (void)out; return stat("/etc/shadow", &st); }
static int try_ioctl(int out) { return (int)syscall(SYS_ioctl, out, 0, 0); }
static int try_prctl(int out) { (void)out; return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }
static int try_i386(int out)
{
	long result = 20; /* getpid of the 32-bit table, which is writev of the 64-bit one */

	(void)out;
	__asm__ volatile("int $0x80" : "+a"(result)::"memory");
	return (int)result;
}

Test(confinement, kills_on_every_forbidden_call)
{
	static const struct {
		const char *name;
		int (*act)(int out);
	} rows[] = {
		{"open", try_open}, {"openat2", try_openat2}, {"socket", try_socket}, {"execve", try_execve},
		{"fork", try_fork}, {"ptrace", try_ptrace}, {"kill", try_kill}, {"setuid", try_setuid},
		{"connect", try_connect}, {"process_vm_readv", try_vm_read}, {"mmap PROT_EXEC", try_exec_memory},
		{"mprotect PROT_EXEC", try_make_exec}, {"stat", try_stat}, {"ioctl", try_ioctl}, {"prctl", try_prctl},
		{"int 0x80", try_i386},
	};

	NEEDS_ROOT();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char told[600];
		int status = confined(rows[i].act, told, sizeof(told));

		cr_expect(WIFSIGNALED(status), "%s: not killed, status %#x %s", rows[i].name, status, told);
		cr_expect_eq(WTERMSIG(status), SIGSYS, "%s: signal %d", rows[i].name, WTERMSIG(status));
	}
}

/* What the kernel says of the confined process, read from outside while it waits. */
static char *status_of(pid_t pid)
{
	static char text[8192];
	char path[64];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	size = read(fd, text, sizeof(text) - 1);
	text[size < 0 ? 0 : size] = '\0';
	close(fd);
	return text;
}

Test(confinement, is_what_the_kernel_shows_of_it)
{
	static const char *const lines[] = {
		"\nUid:\t65534\t65534\t65534\t65534\n", "\nGid:\t65534\t65534\t65534\t65534\n", "\nGroups:\t \n",
		"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n", "\nCapEff:\t0000000000000000\n",
		"\nCapBnd:\t0000000000000000\n", "\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n",
		"\nSeccomp:\t2\n",
	};
	int to[2], from[2];
	pid_t parent = getpid(), child;
	char byte, *text, path[64];
	int count = 0;

	NEEDS_ROOT();
	NEEDS_PLAIN_BUILD();
	cr_assert(!pipe(to) && !pipe(from));
	child = fork();
	if (!child) {
		const int keep[] = {from[1], to[0]};
		struct inq_confinement how = confinement(keep, 2, parent);

		if (inq_confine(&how, NULL) != INQ_OK)
			_exit(99);
		_exit(write(from[1], "x", 1) != 1 || read(to[0], &byte, 1) != 1);
	}
	cr_assert_eq(read(from[0], &byte, 1), 1);
	text = status_of(child);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect(strstr(text, lines[i]), "no '%s' in %s", lines[i] + 1, text);
	for (int fd = 0; fd < 256; fd++) {
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", child, fd);
		count += !lstat(path, &st);
	}
	cr_expect_eq(count, 2, "%d descriptors are open", count);
	cr_assert_eq(write(to[1], "x", 1), 1);
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

static void *fork_when_told(void *user)
{
	char byte;

	/* read() is allowed; the answer to the first one says that the thread runs. */
	while (read(((int *)user)[0], &byte, 1) == 1 && byte != 'g')
		(void)!write(((int *)user)[1], "r", 1);
	fork();
	return NULL;
}

static void start_thread(void *user)
{
	pthread_t thread;
	char byte;

	if (pthread_create(&thread, NULL, fork_when_told, (int *)user + 2) || write(((int *)user)[1], "?", 1) != 1 ||
	    read(((int *)user)[4], &byte, 1) != 1)
		_exit(97);
}

Test(confinement, holds_the_threads_that_were_started_on_its_way)
{
	pid_t child;
	int status;

	NEEDS_ROOT();
	NEEDS_PLAIN_BUILD();
	child = fork();
	if (!child) {
		int to[2], from[2], ends[5];
		struct inq_confinement how;

		alarm(20);
		if (pipe(to) || pipe(from))
			_exit(98);
		memcpy(ends, (int[]){to[0], to[1], to[0], from[1], from[0]}, sizeof(ends));
		how = confinement(ends, 5, getppid());
		how.start = start_thread;
		how.user = ends;
		if (inq_confine(&how, NULL) != INQ_OK || write(to[1], "g", 1) != 1)
			_exit(96);
		for (;;)
			(void)!read(from[0], &status, 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status), "status 0x%x", status);
	cr_expect_eq(WTERMSIG(status), SIGSYS);
}

Test(confinement, is_refused_to_root)
{
	struct inq_confinement how = confinement(NULL, 0, getppid());
	struct inq_error err = {0};

	how.uid = 0;
	cr_expect_eq(inq_confine(&how, &err), INQ_USAGE);
	how.uid = 65534;
	how.gid = 0;
	cr_expect_eq(inq_confine(&how, &err), INQ_USAGE);
	cr_expect(strstr(err.text, "not to user 65534, group 0"), "%s", err.text);
}

Test(confinement, fails_when_its_parent_is_not_there)
{
	pid_t child;
	int status;

	NEEDS_ROOT();
	child = fork();
	if (!child) {
		struct inq_confinement how = confinement(NULL, 0, 1 << 29);

		_exit(inq_confine(&how, NULL) == INQ_DENIED ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

Test(confinement, fails_without_the_right_to_drop)
{
	pid_t child;
	int status;

	NEEDS_ROOT();
	child = fork();
	if (!child) {
		struct inq_confinement how = confinement(NULL, 0, getppid());

		if (setresuid(1234, 1234, 1234))
			_exit(98);
		_exit(inq_confine(&how, NULL) == INQ_DENIED ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}
