/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "program_runner.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char folder[64], program[4096];
struct inq_buffer said, complained;

static void drain(int out, int err)
{
	struct pollfd ends[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
	struct inq_buffer *to[] = {&said, &complained};

	while (ends[0].fd >= 0 || ends[1].fd >= 0) {
		cr_assert_gt(poll(ends, 2, 30000), 0, "no answer in 30 s");
		for (int i = 0; i < 2; i++) {
			char bytes[4096];
			ssize_t size = ends[i].revents ? read(ends[i].fd, bytes, sizeof(bytes)) : 0;

			if (size > 0) {
				inq_buffer_append(to[i], bytes, (size_t)size);
			} else if (ends[i].revents) {
				close(ends[i].fd);
				ends[i].fd = -1;
			}
		}
	}
}

int run_argv(const char *input, const char *const *argv)
{
	int in[2], out[2], err[2], status;
	pid_t pid;

	said.size = complained.size = 0;
	cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
		  pipe2(err, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (chdir(folder) == 0)
			execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(126);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	signal(SIGPIPE, SIG_IGN);
	if (input)
		(void)!write(in[1], input, strlen(input));
	close(in[1]);
	drain(out[0], err[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "died of signal %d: %s", WTERMSIG(status),
		  inq_buffer_text(&complained));
	inq_buffer_append(&said, "", 1);
	inq_buffer_append(&complained, "", 1);
	return WEXITSTATUS(status);
}

void says(const char *part)
{
	cr_expect(strstr(inq_buffer_text(&said), part), "'%s' is not in:\n%s", part, inq_buffer_text(&said));
}

void complains(const char *part)
{
	cr_expect(strstr(inq_buffer_text(&complained), part), "'%s' is not in:\n%s", part,
		  inq_buffer_text(&complained));
}
