/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors of a process with both ends: made-up bytes of /proc, and a real process beside ss. */
#include "config.h"

#include "target/gather.h"
#include "target/handles.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- made-up bytes ------------------------------------------------------------------------- */

static struct inq_handle_list make(struct inq_proc_file *files, size_t count)
{
	struct inq_handle_list list;
	struct inq_error err = {0};

	for (size_t i = 0; i < count; i++)
		files[i].size = strlen(files[i].data);
	inq_proc_files_sort(files, count);
	cr_assert_eq(inq_handles_make(&(struct inq_proc_files){files, count}, 0, &list, &err),
		     INQ_OK, "%s", err.text);
	return list;
}

static const struct inq_handle *find(const struct inq_handle_list *list, uint64_t number)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].number == number)
			return &list->items[i];
	}
	cr_assert_fail("no descriptor %llu", (unsigned long long)number);
	return NULL;
}

static void has_line(const struct inq_handle *handle, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "%s\n", line);
	cr_expect(strstr(handle->details, text), "'%s' is not among:\n%s", line, handle->details);
}

/* Only an eventfd can be the event: a process must not hide a file from its dump by naming it. */
Test(handles, leaves_out_the_event_that_is_ours)
{
	struct inq_proc_file files[] = {
		{.name = "fd/3", .data = "anon_inode:[eventfd]"},
		{.name = "fd/4", .data = "anon_inode:[eventfd]"},
		{.name = "fd/5", .data = "/etc/passwd"},
	};
	static const struct {
		uint32_t event;
		size_t count;
	} rows[] = {{0, 3}, {3, 2}, {5, 3}, {77, 3}};

	for (size_t i = 0; i < 3; i++)
		files[i].size = strlen(files[i].data);
	inq_proc_files_sort(files, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_handle_list list;

		cr_assert_eq(inq_handles_make(&(struct inq_proc_files){files, 3}, rows[i].event,
					      &list, NULL),
			     INQ_OK);
		cr_expect_eq(list.count, rows[i].count, "event %u", rows[i].event);
		inq_handles_done(&list);
	}
}

Test(handles, tells_who_else_has_a_pipe)
{
	struct inq_proc_file files[] = {
		{.name = "fd/3", .data = "pipe:[77]"},
		{.name = "fdinfo/3", .data = "pos:\t0\nflags:\t00\n"},
		{.name = "ends",
		 .data = "pipe:[77] 12 5 w a b\npipe:[77] 13 6 r \npipe:[78] 1 1 r no\nsocket:[77] "
			 "1 1 rw no\n"
			 "pipe:[77] 14 7 rw x"},
	};
	struct inq_handle_list list = make(files, 3);
	const struct inq_handle *pipe = find(&list, 3);

	has_line(pipe, "shared with: process 12 (a b), descriptor 5 (write end)");
	has_line(pipe, "shared with: process 13 (), descriptor 6 (read end)");
	has_line(pipe, "shared with: process 14 (x), descriptor 7");
	cr_expect_null(strstr(pipe->details, "(no)"));
	inq_handles_done(&list);
}

Test(handles, tells_a_sockets_peer_and_where_that_is_bound)
{
	struct inq_proc_file files[] = {
		{.name = "fd/3", .data = "socket:[10]"},
		{.name = "fd/4", .data = "socket:[11]"},
		{.name = "fd/5", .data = "socket:[20]"},
		{.name = "fd/6", .data = "socket:[30]"},
		{.name = "peers", .data = "10 11\n11 10\n20 21\n"},
		{.name = "ends", .data = "socket:[21] 99 8 rw server\n"},
		{.name = "net/unix",
		 .data = "Num       RefCount Protocol Flags    Type St Inode Path\n"
			 "0000: 00000003 00000000 00000000 0001 03 20\n"
			 "0000: 00000003 00000000 00000000 0001 03 21 /run/a server\n"},
	};
	struct inq_handle_list list = make(files, 7);

	has_line(find(&list, 3), "peer inode: 11");
	has_line(find(&list, 3), "peer: descriptor 4");
	has_line(find(&list, 4), "peer: descriptor 3");
	has_line(find(&list, 5), "remote: /run/a");
	has_line(find(&list, 5), "peer: process 99 (server), descriptor 8");
	cr_expect_null(strstr(find(&list, 6)->details, "peer"), "%s", find(&list, 6)->details);
	inq_handles_done(&list);
}

Test(handles, takes_no_nonsense_for_an_end)
{
	static const char *const texts[] = {
		"",
		"\n",
		"pipe:[",
		"pipe:[77",
		"pipe:[77]",
		"pipe:[77] ",
		"pipe:[77] x y z",
		"pipe:[99999999999999999999999] 1 1 r x",
		"pipe:[77]1 1 r x\n",
		"socket:[]",
		" \n \n",
		"pipe:[0] 1 1 r x\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct inq_proc_file files[] = {
			{.name = "fd/3", .data = "pipe:[77]"},
			{.name = "fd/4", .data = "socket:[77]"},
			{.name = "ends", .data = texts[i]},
			{.name = "peers", .data = texts[i]},
		};
		struct inq_handle_list list = make(files, 4);

		cr_expect_eq(list.count, 2, "%zu", i);
		cr_expect_null(strstr(list.items[1].details, "peer:"), "%zu: %s", i,
			       list.items[1].details);
		inq_handles_done(&list);
	}
}

/* --- a real process ------------------------------------------------------------------------ */

struct two {
	pid_t first, second;
	volatile int ready;
	int pair[2], pipe[2], to_second, listener, client, server, udp, pidfd, ring, signals,
		second_end;
	char path[64];
};

static _Noreturn void be_second(struct two *two)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int own = socket(AF_UNIX, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(two->pipe[0]);
	close(two->pair[0]);
	close(two->pair[1]);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", two->path);
	if (connect(own, (struct sockaddr *)&address, sizeof(address)))
		_exit(1);
	two->second_end = own;
	__atomic_add_fetch(&two->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void make_inet(struct two *two)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t size = sizeof(address);

	two->listener = socket(AF_INET, SOCK_STREAM, 0);
	two->client = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(two->listener, (struct sockaddr *)&address, size) || listen(two->listener, 1) ||
	    getsockname(two->listener, (struct sockaddr *)&address, &size) ||
	    connect(two->client, (struct sockaddr *)&address, size))
		_exit(1);
	two->server = accept(two->listener, NULL, NULL);
	two->udp = socket(AF_INET6, SOCK_DGRAM, 0);
	if (bind(two->udp, (struct sockaddr *)&address6, sizeof(address6)))
		two->udp = -1;
}

static _Noreturn void be_first(struct two *two)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	char parameters[120] = "";
	sigset_t signals;
	pid_t second;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", two->path);
	if (pipe(two->pipe) || socketpair(AF_UNIX, SOCK_DGRAM, 0, two->pair) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		_exit(1);
	second = fork();
	if (!second)
		be_second(two);
	two->second = second;
	two->to_second = accept(listener, NULL, NULL);
	make_inet(two);
	two->pidfd = (int)syscall(SYS_pidfd_open, two->second, 0);
	two->ring = (int)syscall(SYS_io_uring_setup, 4, parameters);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	two->signals = signalfd(-1, &signals, 0);
	__atomic_add_fetch(&two->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static struct two *start_two(void)
{
	struct two *two =
		mmap(NULL, sizeof(*two), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t first;

	snprintf(two->path, sizeof(two->path), "/tmp/inquest-ends-%d", (int)getpid());
	first = fork();
	if (!first)
		be_first(two);
	two->first = first;
	for (int i = 0; two->ready < 2 && i < 5000; i++)
		usleep(1000);
	cr_assert_eq(two->ready, 2);
	return two;
}

static void end_two(struct two *two)
{
	kill(two->second, SIGKILL);
	kill(two->first, SIGKILL);
	waitpid(two->first, NULL, 0);
	unlink(two->path);
}

static struct inq_handle_list list_of(pid_t pid, const struct inq_ends_options *options,
				      struct inq_gathered *gathered)
{
	struct inq_handle_list list;
	struct inq_error err;
	char path[32];
	int proc;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(proc, 0);
	inq_gather(proc, proc, gathered);
	inq_gather_wanted(proc, proc, INQ_PROC_HANDLES, gathered);
	inq_gather_peers(proc, proc, gathered);
	inq_gather_ends(options, gathered);
	close(proc);
	cr_assert_eq(inq_handles_make(&(struct inq_proc_files){gathered->source.files,
							       gathered->source.file_count},
				      0, &list, &err),
		     INQ_OK, "%s", err.text);
	return list;
}

Test(handles, finds_the_ends_of_a_real_process, .timeout = 60)
{
	struct two *two = start_two();
	const struct inq_ends_options options = {.deadline_ms = 5000};
	struct inq_gathered gathered;
	struct inq_handle_list list = list_of(two->first, &options, &gathered);
	char line[128];

	snprintf(line, sizeof(line), "peer: descriptor %d", two->pair[1]);
	has_line(find(&list, (uint64_t)two->pair[0]), line);
	snprintf(line, sizeof(line), "peer: process %d (test_handles), descriptor %d", two->second,
		 two->second_end);
	has_line(find(&list, (uint64_t)two->to_second), line);
	snprintf(line, sizeof(line),
		 "shared with: process %d (test_handles), descriptor %d (write end)", two->second,
		 two->pipe[1]);
	has_line(find(&list, (uint64_t)two->pipe[0]), line);
	snprintf(line, sizeof(line), "Pid: %d", two->second);
	has_line(find(&list, (uint64_t)two->pidfd), line);
	cr_expect_str_eq(find(&list, (uint64_t)two->pidfd)->type, "Process");
	has_line(find(&list, (uint64_t)two->signals), "sigmask: 0000000000000200");
	if (two->ring >= 0) {
		cr_expect_str_eq(find(&list, (uint64_t)two->ring)->type, "IoRing");
		has_line(find(&list, (uint64_t)two->ring), "SqMask: 0x3");
	}
	inq_handles_done(&list);
	inq_gathered_done(&gathered);
	end_two(two);
}

Test(handles, looks_at_nobody_who_is_to_be_left_out, .timeout = 60)
{
	struct two *two = start_two();
	/* The one process that is asked to be skipped, others' processes, and no time at all. */
	const struct inq_ends_options options[] = {
		{.deadline_ms = 5000, .skip = {0, (uint32_t)two->second}},
		{.deadline_ms = 5000, .one_owner = true, .owner = 4711},
		{0},
	};

	for (size_t i = 0; i < 3; i++) {
		struct inq_gathered gathered;
		struct inq_handle_list list = list_of(two->first, &options[i], &gathered);
		char line[32];

		snprintf(line, sizeof(line), "process %d ", two->second);
		cr_expect_null(strstr(find(&list, (uint64_t)two->pipe[0])->details, line), "%zu",
			       i);
		/* Its own ends cost nothing, and are there all the same. */
		cr_expect(strstr(find(&list, (uint64_t)two->pipe[0])->details, "(write end)"),
			  "%zu", i);
		inq_handles_done(&list);
		inq_gathered_done(&gathered);
	}
	end_two(two);
}

/* --- ss as the judge ----------------------------------------------------------------------- */

static char *run_ss(const char *options)
{
	struct inq_buffer text = {0};
	char bytes[4096];
	ssize_t size;
	int out[2];
	pid_t pid;

	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		execl("/usr/bin/ss", "ss", options, NULL);
		execl("/bin/ss", "ss", options, NULL);
		_exit(127);
	}
	close(out[1]);
	while ((size = read(out[0], bytes, sizeof(bytes))) > 0)
		inq_buffer_append(&text, bytes, (size_t)size);
	close(out[0]);
	waitpid(pid, NULL, 0);
	inq_buffer_append(&text, "", 1);
	return (char *)text.data;
}

/* The line of ss that has this process and descriptor, without columns' blanks; NULL. */
static char *line_of(char *text, pid_t pid, int fd, char to[512])
{
	char word[48];
	char *at, *start;
	size_t size = 0;

	snprintf(word, sizeof(word), "pid=%d,fd=%d)", (int)pid, fd);
	at = strstr(text, word);
	if (!at)
		return NULL;
	for (start = at; start > text && start[-1] != '\n'; start--)
		;
	for (; start < at && size < 511; start++) {
		if (*start != ' ' || (size && to[size - 1] != ' '))
			to[size++] = *start;
	}
	to[size] = '\0';
	return to;
}

static const char *detail(const struct inq_handle *handle, const char *key, char to[128])
{
	const char *at = strstr(handle->details, key);

	cr_assert_not_null(at, "no '%s' among:\n%s", key, handle->details);
	snprintf(to, 128, "%.*s", (int)strcspn(at + strlen(key), "\n"), at + strlen(key));
	return to;
}

Test(handles, agrees_with_ss, .timeout = 60)
{
	struct two *two = start_two();
	const struct inq_ends_options options = {.deadline_ms = 5000};
	const struct {
		int fd;
		const char *state;
		bool has_remote;
	} rows[] = {
		{two->listener, "LISTEN", false},
		{two->client, "ESTAB", true},
		{two->server, "ESTAB", true},
		{two->udp, "UNCONN", false},
	};
	struct inq_gathered gathered;
	struct inq_handle_list list = list_of(two->first, &options, &gathered);
	char *inet = run_ss("-Htuanp"), *local = run_ss("-Hxp"), line[512], text[128], words[160];
	const struct inq_handle *handle;

	if (!*inet) {
		end_two(two);
		cr_skip_test("ss is not installed");
	}
	for (size_t i = 0; i < 4; i++) {
		if (rows[i].fd < 0)
			continue;
		handle = find(&list, (uint64_t)rows[i].fd);
		cr_assert_not_null(line_of(inet, two->first, rows[i].fd, line),
				   "ss has no descriptor %d", rows[i].fd);
		cr_expect(strstr(line, rows[i].state), "%s", line);
		/* "ESTABLISHED", "LISTEN", "UNCONNECTED" begin as ss's words do. */
		cr_expect_eq(strncmp(detail(handle, "state: ", text), rows[i].state,
				     strlen(rows[i].state)),
			     0, "%s", text);
		snprintf(words, sizeof(words), " %s ", detail(handle, "local: ", text));
		cr_expect(strstr(line, words), "'%s' is not in '%s'", words, line);
		if (rows[i].has_remote) {
			snprintf(words, sizeof(words), " %s ", detail(handle, "remote: ", text));
			cr_expect(strstr(line, words), "'%s' is not in '%s'", words, line);
		}
	}
	for (int i = 0; i < 2; i++) {
		int fd = i ? two->to_second : two->pair[0];

		handle = find(&list, (uint64_t)fd);
		cr_assert_not_null(line_of(local, two->first, fd, line));
		/* "... LOCAL INODE * PEER'S users:((" */
		snprintf(words, sizeof(words),
			 " * %s users:", detail(handle, "peer inode: ", text));
		cr_expect(strstr(line, words), "'%s' is not in '%s'", words, line);
		snprintf(words, sizeof(words), " %llu * ", (unsigned long long)handle->inode);
		cr_expect(strstr(line, words), "'%s' is not in '%s'", words, line);
	}
	free(inet);
	free(local);
	inq_handles_done(&list);
	inq_gathered_done(&gathered);
	end_two(two);
}
