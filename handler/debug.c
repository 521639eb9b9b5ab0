/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/debug.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ENVIRONMENT = 65536, TERM_MAX = 48 };

static const char DEBUGGER[] = INQ_BINDIR "/inquest";

/* The terminal, if we are in its foreground: one in the background would be stopped by its first read. */
static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && tcgetpgrp(fd) != getpgrp()) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A process group of our own in the foreground: Ctrl-C is meant for the debugger, and would else wait for the crashed
 * process and be what it dies of. The debugger gives the terminal back (main.c). */
static void take_terminal(int terminal)
{
	sigset_t output;

	sigemptyset(&output);
	sigaddset(&output, SIGTTOU);
	sigprocmask(SIG_BLOCK, &output, NULL);
	if (setpgid(0, 0) == 0)
		tcsetpgrp(terminal, getpid());
	sigprocmask(SIG_UNBLOCK, &output, NULL);
}

static bool is_word(const char *text)
{
	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && !strchr("-+._", *text))
			return false;
	}
	return true;
}

/* "TERM=xterm" of the process's environment, else "TERM=dumb". */
static void find_term(int files, char to[TERM_MAX])
{
	char *text = malloc(ENVIRONMENT);
	int fd = openat(files, "environ", O_RDONLY | O_CLOEXEC);
	ssize_t size = text && fd >= 0 ? read(fd, text, ENVIRONMENT - 1) : -1;

	if (fd >= 0)
		close(fd);
	snprintf(to, TERM_MAX, "TERM=dumb");
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(text + at) + 1) {
		text[size] = '\0';
		if (strncmp(text + at, "TERM=", 5) == 0 && strlen(text + at) < TERM_MAX && is_word(text + at + 5)) {
			memcpy(to, text + at, strlen(text + at) + 1);
			break;
		}
	}
	free(text);
}

void inq_debug_start(int files, uint32_t pid, uint64_t record, int event)
{
	char term[TERM_MAX], pid_text[16], record_text[20], event_text[16];
	char *arguments[] = {(char[]){"inquest"}, (char[]){"-p"}, pid_text, (char[]){"-j"}, record_text,
			     event >= 0 ? (char[]){"-e"} : NULL, event_text, NULL};
	char *environment[] = {term, NULL};
	int saved[3], terminal = open_terminal();
	unsigned rest;

	if (terminal < 0)
		return;
	snprintf(pid_text, sizeof(pid_text), "%u", pid);
	snprintf(record_text, sizeof(record_text), "%llx", (unsigned long long)record);
	snprintf(event_text, sizeof(event_text), "%d", event);
	find_term(files, term);
	for (int fd = 0; fd <= 2; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		dup2(terminal, fd);
	}
	take_terminal(terminal);
	/* The deadline is of dumps; a person takes the time that it takes. */
	rest = alarm(0);
	if (event >= 0)
		fcntl(event, F_SETFD, 0);
	execve(DEBUGGER, arguments, environment);
	tcsetpgrp(terminal, getpgid((pid_t)pid));
	alarm(rest);
	for (int fd = 0; fd <= 2; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	close(terminal);
}
