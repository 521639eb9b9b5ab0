/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/repl.h"

#include <histedit.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HISTORY_LINES = 1000,
	HISTORY_FILE_MAX = 1 << 20, /* bytes; a longer file is begun anew */
	PROMPT_MAX = 32,
};

struct repl {
	EditLine *editor;
	History *history;
	int history_fd; /* lines are appended; -1: not kept */
	char prompt[PROMPT_MAX];
	struct debugger *debugger;
};

/* --- history ---------------------------------------------------------------------- */

/* $XDG_STATE_HOME/inquest/history, by default below ~/.local/state; its folders are made. */
static int open_history(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	int length, fd;
	struct stat st;

	if (state && *state == '/')
		length = snprintf(path, sizeof(path), "%s/inquest/history", state);
	else if (home && *home == '/')
		length = snprintf(path, sizeof(path), "%s/.local/state/inquest/history", home);
	else
		return -1;
	if (length >= (int)sizeof(path))
		return -1;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	fd = open(path,
		  O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		  0600);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	if (fd >= 0 && st.st_size > HISTORY_FILE_MAX && ftruncate(fd, 0) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void load_history(struct repl *repl)
{
	int copy = repl->history_fd >= 0 ? dup(repl->history_fd) : -1;
	FILE *file = copy >= 0 ? fdopen(copy, "r") : NULL;
	char *line = NULL;
	size_t capacity = 0;
	HistEvent event;

	if (!file) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while (getline(&line, &capacity, file) > 0)
		history(repl->history, &event, H_ENTER, line);
	free(line);
	fclose(file);
}

static void remember(struct repl *repl, const char *line)
{
	HistEvent event;

	if (line[0] == '\n' || line[0] == ' ')
		return;
	history(repl->history, &event, H_ENTER, line);
	if (repl->history_fd >= 0 && write(repl->history_fd, line, strlen(line)) < 0) {
		close(repl->history_fd);
		repl->history_fd = -1;
	}
}

/* --- the line --------------------------------------------------------------------- */

static char *prompt(EditLine *editor)
{
	struct repl *repl;

	el_get(editor, EL_CLIENTDATA, &repl);
	return repl->prompt;
}

/* Does the command's list of names hold one that begins so? Its rest goes to the line if it is the
 * only one. */
static size_t matching_names(const char *start, size_t length, const char **ret_name,
			     size_t *ret_length)
{
	size_t found = 0;

	for (size_t i = 0; i < command_count; i++) {
		for (const char *at = commands[i].names; *at;) {
			size_t size = strcspn(at, " ");

			if (size >= length && strncmp(at, start, length) == 0) {
				*ret_name = at;
				*ret_length = size;
				found++;
			}
			at += size + (at[size] == ' ');
		}
	}
	return found;
}

/* Tab: the name of a command at the line's start or behind a ';'. */
static unsigned char complete(EditLine *editor, int character)
{
	const LineInfo *line = el_line(editor);
	const char *start = line->cursor, *name = NULL;
	size_t length = 0;
	char rest[COMMAND_NAME];

	(void)character;
	while (start > line->buffer && start[-1] != ';')
		start--;
	while (start < line->cursor && *start == ' ')
		start++;
	if (start == line->cursor ||
	    matching_names(start, (size_t)(line->cursor - start), &name, &length) != 1)
		return CC_REFRESH_BEEP;
	snprintf(rest, sizeof(rest), "%.*s ", (int)(length - (size_t)(line->cursor - start)),
		 name + (line->cursor - start));
	return el_insertstr(editor, rest) < 0 ? CC_ERROR : CC_REFRESH;
}

struct repl *repl_new(struct debugger *debugger, int *ret_history)
{
	struct repl *repl;
	HistEvent event;

	*ret_history = -1;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return NULL;
	repl = calloc(1, sizeof(*repl));
	if (!repl)
		return NULL;
	repl->debugger = debugger;
	repl->history = history_init();
	repl->history_fd = open_history();
	repl->editor = el_init("inquest", stdin, stdout, stderr);
	if (!repl->history || !repl->editor) {
		repl_free(repl);
		return NULL;
	}
	history(repl->history, &event, H_SETSIZE, HISTORY_LINES);
	history(repl->history, &event, H_SETUNIQUE, 1);
	load_history(repl);
	el_set(repl->editor, EL_CLIENTDATA, repl);
	el_set(repl->editor, EL_PROMPT, prompt);
	el_set(repl->editor, EL_EDITOR, "emacs");
	el_set(repl->editor, EL_HIST, history, repl->history);
	el_set(repl->editor, EL_ADDFN, "complete", "complete a command's name", complete);
	el_set(repl->editor, EL_BIND, "^I", "complete", NULL);
	el_set(repl->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
	*ret_history = repl->history_fd;
	return repl;
}

void repl_free(struct repl *repl)
{
	if (!repl)
		return;
	if (repl->editor)
		el_end(repl->editor);
	if (repl->history)
		history_end(repl->history);
	if (repl->history_fd >= 0)
		close(repl->history_fd);
	free(repl);
}

static enum inq_status run_terminal(struct repl *repl)
{
	struct debugger *debugger = repl->debugger;
	int count;

	while (!debugger->quit && !debugger->out.failed) {
		const char *line;

		if (debugger->session && inq_session_thread(debugger->session) >= 0)
			snprintf(repl->prompt, sizeof(repl->prompt), "0:%03ld> ",
				 inq_session_thread(debugger->session));
		else
			snprintf(repl->prompt, sizeof(repl->prompt), "inquest> ");
		errno = 0;
		line = el_gets(repl->editor, &count);
		if (!line && errno == EINTR) {
			/* Ctrl-C at the prompt: the line is dropped. */
			*debugger->out.interrupted = 0;
			el_set(repl->editor, EL_UNBUFFERED, 0);
			continue;
		}
		if (!line)
			break;
		*debugger->out.interrupted = 0;
		remember(repl, line);
		debugger_run(debugger, line);
	}
	/* At a terminal a person has seen what failed; the session itself did what it was there
	 * for. */
	return INQ_OK;
}

static enum inq_status run_lines(struct debugger *debugger)
{
	enum inq_status worst = INQ_OK;
	char *line = NULL;
	size_t capacity = 0;

	while (!debugger->quit && !out_stop(&debugger->out) &&
	       getline(&line, &capacity, stdin) > 0) {
		enum inq_status status = debugger_run(debugger, line);

		if (status != INQ_OK)
			worst = status;
	}
	free(line);
	return worst;
}

enum inq_status repl_run(struct repl *repl, struct debugger *debugger)
{
	return repl ? run_terminal(repl) : run_lines(debugger);
}
