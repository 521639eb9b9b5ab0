/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inquest, the debugger: options, the two processes, and what is said before and after. */
#include "config.h"

#include "capture/options.h"
#include "debugger/broker.h"
#include "debugger/cabinet.h"
#include "debugger/command.h"
#include "debugger/list.h"
#include "debugger/repl.h"
#include "debugger/sandbox.h"
#include "debugger/show.h"
#include "support/file.h"
#include "target/gather.h"
#include "target/live.h"
#include "target/proc_files.h"
#include "target/waiting.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum exit_code { EXIT_DONE = 0, EXIT_COULD_NOT = 1, EXIT_MISUSED = 2 };

struct arguments {
	const char *dump, *commands, *symbol_path, *image_path;
	uint32_t pid;
	uint64_t record;
	int event; /* eventfd of the thread that waits with the record, -1 none */
	bool json, list, sandbox;
	bool snapshot, no_snapshot;
	bool strict;           /* of `inquest scrub` */
	const char *scrubbed;  /* what it writes, NULL: another command */
	char scrub[DUMP_PATH + 64]; /* in the debugger's words */
};

/* Everything that main's process and the worker need; lives in main. */
struct program {
	struct debugger debugger; /* first: the command's open() goes back from it to the program */
	struct broker broker;
	struct arguments arguments;
	struct inq_spool_list *spool; /* of `inquest list` */
	struct inq_live *live;        /* of -p */
	bool forked;                  /* this is the worker: the process is the broker's to let go */
};

static volatile int interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

#if defined(__SANITIZE_ADDRESS__)
/* The leak checker stops all threads from a cloned process, which the confinement forbids. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* --- options ---------------------------------------------------------------------- */

static const char usage_text[] =
	"usage: inquest -z FILE [-c COMMANDS] [-y PATH] [-i PATH] [--json]\n"
	"       inquest -p PID [-c COMMANDS] [--snapshot | --no-snapshot] ...\n"
	"       inquest list [--json]\n"
	"       inquest scrub [--strict] [-i PATH] DUMP NEW\n"
	"\n"
	"Look at a minidump or an ELF core: what died, of what, where.\n"
	"\n"
	"  -z FILE        open FILE; 'last' is the newest dump of the spool, and the beginning of "
	"a name\n"
	"                 there is enough\n"
	"  -p PID         look at a running process; it stands still meanwhile and then goes on.\n"
	"                 With commands and no terminal a copy of it is looked at, and it goes on\n"
	"                 at once\n"
	"  -j RECORD      with -p: the address of its JIT_DEBUG_INFO: looks at that exception; with\n"
	"                 q the process dies of its signal\n"
	"  -e FD          with -j: the event for which the process waits\n"
	"      --snapshot, --no-snapshot  look at a copy, or not\n"
	"  -c COMMANDS    run commands, parted by ';' (at a terminal the prompt follows)\n"
	"  -y PATH        where debug files are, folders with ':' between\n"
	"  -i PATH        where programs and libraries are; what a dump names without a folder is\n"
	"                 looked for on this machine and known by its build-id\n"
	"      --json     one JSON object for each command\n"
	"      --no-sandbox  parse in this process, unconfined\n"
	"      --version  show the version\n"
	"      --help     show this\n"
	"\n"
	"Without -c and without a terminal, commands are read from standard input. Type .help for "
	"them.\n"
	"Exit status: 0 done, 1 could not, 2 misused.\n";

enum {
	OPTION_JSON = 256,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_NO_SANDBOX,
	OPTION_SNAPSHOT,
	OPTION_NO_SNAPSHOT,
	OPTION_STRICT,
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, OPTION_JSON},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{"no-sandbox", no_argument, NULL, OPTION_NO_SANDBOX},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"snapshot", no_argument, NULL, OPTION_SNAPSHOT},
	{"no-snapshot", no_argument, NULL, OPTION_NO_SNAPSHOT},
	{NULL, 0, NULL, 0},
};

static int misused(struct debugger *debugger, const char *what, const char *word)
{
	out_print(&debugger->errors, "inquest: %s", what);
	if (word)
		out_print(&debugger->errors, " '%s'", word);
	out_print(&debugger->errors, "; see inquest --help\n");
	return EXIT_MISUSED;
}

/* `inquest scrub DUMP NEW`: a dump of the dump with nothing in it that could be a secret. */
static int take_scrub(struct program *program, const char *from, const char *to)
{
	struct arguments *arguments = &program->arguments;
	int size = snprintf(arguments->scrub, sizeof(arguments->scrub), ".dump %s/mrR \"%s\"",
			    arguments->strict ? "--strict " : "", to);

	if (size < 0 || (size_t)size >= sizeof(arguments->scrub) || strpbrk(to, "\"\\"))
		return misused(&program->debugger, "not a name that scrub writes to:", to);
	arguments->dump = from;
	arguments->scrubbed = to;
	arguments->commands = arguments->scrub;
	return -1;
}

static bool take_number(const char *text, int base, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, base);
	return isxdigit((unsigned char)*text) && !*end && !errno && *ret && *ret <= most;
}

/* -1: go on; else the exit code. */
static int take_option(struct program *program, int option)
{
	struct arguments *arguments = &program->arguments;
	uint64_t value;

	switch (option) {
	case 'z':
		arguments->dump = optarg;
		return -1;
	case 'p':
		return take_number(optarg, 10, INT32_MAX, &value)
			       ? (arguments->pid = (uint32_t)value, -1)
			       : misused(&program->debugger, "-p: no process id:", optarg);
	case 'j':
		return take_number(optarg, 16, UINT64_MAX, &arguments->record)
			       ? -1
			       : misused(&program->debugger, "-j: no address:", optarg);
	case 'e':
		return take_number(optarg, 10, INT32_MAX, &value)
			       ? (arguments->event = (int)value, -1)
			       : misused(&program->debugger, "-e: no descriptor:", optarg);
	case OPTION_SNAPSHOT:
		arguments->snapshot = true;
		return -1;
	case OPTION_STRICT:
		arguments->strict = true;
		return -1;
	case OPTION_NO_SNAPSHOT:
		arguments->no_snapshot = true;
		return -1;
	case 'c':
		arguments->commands = optarg;
		return -1;
	case 'y':
		arguments->symbol_path = optarg;
		return -1;
	case 'i':
		arguments->image_path = optarg;
		return -1;
	case OPTION_JSON:
		arguments->json = true;
		return -1;
	case OPTION_NO_SANDBOX:
		arguments->sandbox = false;
		return -1;
	case OPTION_VERSION:
		out_print(&program->debugger.out, "inquest %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	case OPTION_HELP:
		for (const char *line = usage_text; *line; line += strcspn(line, "\n") + 1)
			out_print(&program->debugger.out, "%.*s\n", (int)strcspn(line, "\n"), line);
		return EXIT_DONE;
	default:
		return -1;
	}
}

static int take_arguments(struct program *program, int argc, char **argv)
{
	struct arguments *arguments = &program->arguments;

	opterr = 0;
	for (int option;
	     (option = getopt_long(argc, argv, ":z:p:j:e:c:y:i:", long_options, NULL)) != -1;) {
		int code = option == ':'   ? misused(&program->debugger, "a value is missing after",
						     argv[optind - 1])
			   : option == '?' ? misused(&program->debugger, "there is no option",
						     argv[optind - 1])
					   : take_option(program, option);

		if (code >= 0)
			return code;
	}
	if (optind < argc && strcmp(argv[optind], "list") == 0 && !arguments->dump && !arguments->pid) {
		arguments->list = true;
		optind++;
	}
	if (argc - optind == 3 && strcmp(argv[optind], "scrub") == 0 && !arguments->dump && !arguments->pid &&
	    !arguments->commands)
		return take_scrub(program, argv[optind + 1], argv[optind + 2]);
	if (arguments->strict)
		return misused(&program->debugger, "--strict goes with scrub DUMP NEW", NULL);
	if (optind < argc)
		return misused(&program->debugger,
			       "not understood (a dump is opened with -z):", argv[optind]);
	if (arguments->list &&
	    (arguments->commands || arguments->symbol_path || arguments->image_path))
		return misused(&program->debugger, "list takes only --json", NULL);
	if (arguments->dump && arguments->pid)
		return misused(&program->debugger, "-z and -p: one target at a time", NULL);
	if (!arguments->record && arguments->event >= 0)
		return misused(&program->debugger, "-e goes with -j", NULL);
	if (!arguments->pid && (arguments->record || arguments->snapshot || arguments->no_snapshot))
		return misused(&program->debugger, "-j and --snapshot go with -p", NULL);
	if (arguments->snapshot && arguments->no_snapshot)
		return misused(&program->debugger, "--snapshot and --no-snapshot contradict each other", NULL);
	if (!arguments->dump && !arguments->list && !arguments->pid && !arguments->commands &&
	    !isatty(STDIN_FILENO))
		return misused(&program->debugger, "which dump? -z FILE, or -z last", NULL);
	return -1;
}

/* --- the work --------------------------------------------------------------------- */

/* A session of the target in place of the one that is open; on failure that one stays. */
static enum inq_status take_target(struct debugger *debugger, struct inq_target *target,
				   const char *name, struct inq_error *err)
{
	struct inq_session *session;
	enum inq_status status = inq_session_new(target, &debugger->options, &session, err);

	if (status != INQ_OK)
		return status;
	inq_session_free(debugger->session);
	debugger->session = session;
	debugger->next_dump = debugger->next_code = 0;
	if (!debugger->json)
		show_opening(debugger, name);
	return INQ_OK;
}

/* As it is, or out of a CAB. */
static enum inq_status open_packed(int fd, const char *path, struct inq_file **ret, struct inq_error *err)
{
	char head[4];

	if (pread(fd, head, sizeof(head), 0) == sizeof(head) && cabinet_begins(head, sizeof(head)))
		return cabinet_open(fd, path, ret, err);
	return inq_file_open_fd(fd, path, ret, err);
}

static enum inq_status open_dump(struct debugger *debugger, const char *name, struct inq_error *err)
{
	struct program *program = (struct program *)debugger;
	struct inq_target *target;
	struct inq_file *file;
	char path[DUMP_PATH] = "";
	enum inq_status status;
	int fd = broker_open_dump(&program->broker, name, path, &status, err);

	if (fd < 0)
		return status;
	status = open_packed(fd, path, &file, err);
	if (status == INQ_OK)
		status = inq_target_open(file, &target, err);
	if (status == INQ_OK)
		status = take_target(debugger, target, path, err);
	if (status == INQ_OK)
		debugger->live = false;
	return status;
}

static enum inq_status open_live(struct program *program, struct inq_error *err)
{
	struct debugger *debugger = &program->debugger;
	struct inq_target *target;
	enum inq_status status = inq_target_open_live(inq_live_source(program->live), &target, err);

	if (status != INQ_OK)
		return status;
	debugger->live = true;
	debugger->live_remark = inq_live_remark(program->live);
	debugger->held_since_ns = inq_live_held_since(program->live);
	status = take_target(debugger, target, target->name, err);
	/* Just in time: at the exception at once. What a record lacks, warnings have said. */
	if (status == INQ_OK && program->arguments.record)
		debugger_run(debugger, ".ecxr");
	return status;
}

static int exit_code(enum inq_status status)
{
	return status == INQ_OK ? EXIT_DONE : status == INQ_USAGE ? EXIT_MISUSED : EXIT_COULD_NOT;
}

static int say_failure(struct debugger *debugger, const struct inq_error *err)
{
	out_flush(&debugger->out);
	if (debugger->json) {
		json_t *object = json_object();

		json_object_set_new(object, "status", json_text(inq_status_name(err->status)));
		json_object_set_new(object, "error", json_text(err->text));
		out_json_line(&debugger->out, object);
	}
	out_print(&debugger->errors, "inquest: %s\n", err->text);
	return EXIT_COULD_NOT;
}

static int work(struct program *program, struct repl *repl)
{
	struct debugger *debugger = &program->debugger;
	const struct arguments *arguments = &program->arguments;
	enum inq_status status = INQ_OK, more;
	struct inq_error err = {0};

	if (arguments->list)
		return exit_code(list_dumps(debugger, program->spool, isatty(STDOUT_FILENO)));
	if (arguments->dump || program->live) {
		enum inq_status opened = program->live ? open_live(program, &err)
						       : open_dump(debugger, arguments->dump, &err);

		if (opened != INQ_OK)
			return say_failure(debugger, &err);
		out_flush(&debugger->out);
	}
	if (arguments->commands)
		status = debugger_run(debugger, arguments->commands);
	if (!debugger->quit && !arguments->scrubbed && (repl || !arguments->commands)) {
		more = repl_run(repl, debugger);
		if (more != INQ_OK)
			status = more;
	}
	return exit_code(status);
}

static void catch_interrupts(void)
{
	/* Without SA_RESTART: a Ctrl-C at the prompt ends the read. */
	struct sigaction action = {.sa_handler = on_interrupt};

	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The last word to the thread that waits with the record: it goes on to die of its signal. */
static void dismiss(const struct program *program)
{
	struct inq_waiting waiting;

	if (!program->live || !program->arguments.record)
		return;
	/* The collector made us a process group in the foreground of the terminal. */
	if (tcgetpgrp(STDIN_FILENO) == getpgrp()) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpgid((pid_t)program->arguments.pid));
	}
	if (inq_waiting_open(inq_live_memory(program->live), program->arguments.record, program->arguments.event,
			     &waiting, NULL) == INQ_OK)
		inq_waiting_dismiss(&waiting, 0);
}

static void finish(struct program *program)
{
	struct debugger *debugger = &program->debugger;

	inq_session_free(debugger->session);
	if (program->forked) {
		inq_live_forget(program->live);
	} else {
		dismiss(program);
		inq_live_free(program->live);
	}
	free(debugger->symbol_path);
	free(debugger->image_path);
	inq_spool_list_free(program->spool);
	out_done(&debugger->out);
	out_done(&debugger->errors);
}

static int compare_descriptors(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static enum inq_status confine(struct program *program, int socket, int history,
			       struct inq_error *err)
{
	int keep[2 + INQ_SOURCE_DESCRIPTORS];
	size_t count = 0;

	keep[count++] = socket;
	if (history >= 0)
		keep[count++] = history;
	if (program->live)
		count += inq_source_descriptors(inq_live_source(program->live), keep + count);
	qsort(keep, count, sizeof(keep[0]), compare_descriptors);
	return sandbox_enter(keep, count, err);
}

/* The process that parses. `socket` is its way to the broker, -1 unconfined. */
static int worker(struct program *program, int socket)
{
	struct debugger *debugger = &program->debugger;
	struct inq_error err = {0};
	int history, code;
	struct repl *repl = repl_new(debugger, &history);

	if (socket >= 0 && confine(program, socket, history, &err) != INQ_OK) {
		out_print(&debugger->errors, "inquest: %s; --no-sandbox goes on without\n", err.text);
		repl_free(repl);
		return EXIT_COULD_NOT;
	}
	program->broker.socket = socket;
	program->broker.live = program->live;
	debugger->broker = &program->broker;
	debugger->options.opener = broker_opener(&program->broker);
	catch_interrupts();
	code = work(program, repl);
	repl_free(repl);
	return code;
}

/* What became of the worker; one that a file killed is a failure of ours, said as such. */
static int wait_for(struct program *program, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_COULD_NOT;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	out_print(&program->debugger.errors,
		  "inquest: the process that reads the dump died of signal %d%s\n",
		  WTERMSIG(status), WTERMSIG(status) == SIGXCPU ? " (too much CPU time)" : "");
	return EXIT_COULD_NOT;
}

static int run_confined(struct program *program)
{
	int pair[2], code;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0) {
		out_print(&program->debugger.errors, "inquest: %s\n", strerror(errno));
		return EXIT_COULD_NOT;
	}
	if (pid == 0) {
		program->forked = true;
		close(pair[0]);
		return worker(program, pair[1]);
	}
	close(pair[1]);
	/* Ctrl-C is the worker's; this process ends when that one does. */
	signal(SIGINT, SIG_IGN);
	broker_serve(pair[0], pid, program->live);
	close(pair[0]);
	code = wait_for(program, pid);
	return code;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* What commands that nobody waits for will ask of /proc: reading it all would make the process stand still longer. */
static uint32_t wanted_by(const char *line)
{
	enum { of_a_core = INQ_PROC_HANDLES | INQ_PROC_THREADS | INQ_PROC_TOKEN | INQ_PROC_COUNTERS };
	static const struct {
		const char *word;
		uint32_t wants;
	} words[] = {
		{"!handle", INQ_PROC_HANDLES}, {"!runaway", INQ_PROC_THREADS}, {".ttime", INQ_PROC_THREADS},
		{"!token", INQ_PROC_TOKEN},    {"!vm", INQ_PROC_COUNTERS},     {"!kernel", INQ_PROC_KERNEL},
		{"rY", INQ_PROC_XSTATE},       {"rZ", INQ_PROC_XSTATE},        {"mm", INQ_PROC_XSTATE},
		{"r k", INQ_PROC_XSTATE},	       {"/f ", of_a_core},
		{"/fy", of_a_core | INQ_PROC_XSTATE},
	};
	uint32_t wants = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		wants |= strstr(line, words[i].word) ? words[i].wants : 0;
	for (const char *at = line; (at = strstr(at, "/m")); at += 2) {
		struct inq_dump_options options;
		char word[32];

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " \t;"), at);
		if (inq_dump_options_parse(word, &options, NULL) == INQ_OK)
			wants |= inq_dump_options_wants(&options);
	}
	return wants;
}

/* The privileged half of -p, in this process: what comes after inherits what it gathered. Commands that nobody at a
 * terminal waits for get a copy, so that the process stands still for no longer than that takes. */
static enum inq_status stop_process(struct program *program, struct inq_error *err)
{
	const struct arguments *arguments = &program->arguments;
	bool attended = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	const struct inq_live_options options = {
		.copy = arguments->snapshot ||
			(!arguments->no_snapshot && !arguments->record && arguments->commands && !attended),
		.wants = arguments->commands && !attended ? wanted_by(arguments->commands) : UINT32_MAX,
		.record = arguments->record,
		.event = arguments->event > 0 ? (uint32_t)arguments->event : 0,
	};

	return inq_live_open(arguments->pid, &options, &program->live, err);
}

int main(int argc, char **argv)
{
	struct program program = {.broker.socket = -1, .arguments = {.sandbox = true, .event = -1}};
	struct debugger *debugger = &program.debugger;
	struct inq_error err = {0};
	int code;

	setlocale(LC_CTYPE, "");
	out_init(&debugger->out, STDOUT_FILENO);
	out_init(&debugger->errors, STDERR_FILENO);
	debugger->out.interrupted = &interrupted;
	code = take_arguments(&program, argc, argv);
	if (code < 0) {
		debugger->json = program.arguments.json;
		debugger->lines = true;
		debugger->open = open_dump;
		debugger->symbol_path = copy(program.arguments.symbol_path);
		debugger->image_path = copy(program.arguments.image_path);
		debugger->options.symbol_path = debugger->symbol_path;
		debugger->options.image_path = debugger->image_path;
		if (program.arguments.list && dumps_list(&program.spool, &err) != INQ_OK)
			code = say_failure(debugger, &err);
		else if (program.arguments.pid && stop_process(&program, &err) != INQ_OK)
			code = say_failure(debugger, &err);
		else if (program.arguments.sandbox)
			code = run_confined(&program);
		else
			code = worker(&program, -1);
	}
	finish(&program);
	return code;
}
