/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inquest-register: make inquest the one who handles crashes, or not. See inquest-register(8). */
#include <config.h>

#include "capture/options.h"
#include "handler/register_status.h"
#include "handler/registration.h"
#include "spool/config.h"
#include "spool/spool.h"
#include "support/buffer.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_COULD_NOT = 1, EXIT_MISUSED = 2 };

struct arguments {
	const char *dump; /* letters, or NULL */
	bool json;
};

static int complain(const struct inq_error *err)
{
	fprintf(stderr, "inquest-register: %s\n", err->text);
	return err->status == INQ_USAGE ? EXIT_MISUSED : EXIT_COULD_NOT;
}

/* --- commands --------------------------------------------------------------------------------------- */

/* The letters are checked by the room that will write the dumps, then kept in the settings. */
static enum inq_status set_dump(const char *letters, struct inq_error *err)
{
	struct inq_dump_options options;
	enum inq_status status = inq_dump_options_parse(letters, &options, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "--dump=%s", letters);
	return inq_config_set(INQ_CONFIG_FILE, "dump", options.text, err);
}

static int enable(const struct arguments *arguments)
{
	enum inq_pattern_owner replaced = INQ_PATTERN_FILE;
	struct inq_config config;
	struct inq_spool spool;
	struct inq_error err = {0};

	if (arguments->dump && set_dump(arguments->dump, &err) != INQ_OK)
		return complain(&err);
	if (inq_config_load(INQ_CONFIG_FILE, &config, &err) != INQ_OK)
		fprintf(stderr, "inquest-register: warning: %s; dumps are filtered until this is mended\n", err.text);
	if (inq_spool_prepare(config.spool, &spool, &err) != INQ_OK)
		return complain(&err);
	inq_spool_close(&spool);
	if (inq_register_enable(config.pipe_limit, &replaced, &err) != INQ_OK)
		return complain(&err);
	if (replaced == INQ_PATTERN_INQUEST)
		puts("inquest handles crashes, as before");
	else
		printf("inquest handles crashes now, in place of %s\n", inq_pattern_owner_name(replaced));
	return 0;
}

static int disable(const struct arguments *arguments)
{
	enum inq_pattern_owner left = INQ_PATTERN_FILE;
	struct inq_error err = {0};

	(void)arguments;
	if (inq_register_disable(&left, &err) != INQ_OK)
		return complain(&err);
	printf("inquest does not handle crashes any more; in its place: %s\n", inq_pattern_owner_name(left));
	return 0;
}

static int status(const struct arguments *arguments)
{
	struct inq_buffer text = {0};
	struct inq_error err = {0};
	int result = 0;

	if (inq_register_status(arguments->json, &text, &err) != INQ_OK)
		result = complain(&err);
	else if (fputs(inq_buffer_text(&text), stdout) < 0)
		result = EXIT_COULD_NOT;
	inq_buffer_done(&text);
	return result;
}

/* name, function, needs root, takes --dump, takes --json, help */
static const struct command {
	const char *name;
	int (*run)(const struct arguments *arguments);
	bool root, dump, json;
	const char *help;
} commands[] = {
	{"enable", enable, true, true, false, "let inquest handle crashes, now and after every boot"},
	{"disable", disable, true, false, false, "put back what handled them before"},
	{"status", status, false, false, true, "say what happens when a process crashes now"},
};

/* --- arguments -------------------------------------------------------------------------------------- */

static void help(void)
{
	puts("Usage: inquest-register COMMAND [OPTION]\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-16s %s\n", commands[i].name, commands[i].help);
	puts("\n"
	     "  --dump=LETTERS   with enable: what a dump contains, as after .dump / in inquest(1) (m, mrR);\n"
	     "                   kept as 'dump' in " INQ_CONFIG_FILE "\n"
	     "  --json           with status: for programs\n"
	     "  --help, --version\n"
	     "\n"
	     "Exit status: 0 done, 1 could not, 2 misused.");
}

static int misused(const char *what, const char *which)
{
	fprintf(stderr, "inquest-register: %s%s%s%s; see inquest-register --help\n", what, which ? " '" : "",
		which ? which : "", which ? "'" : "");
	return EXIT_MISUSED;
}

static int run(const char *name, const struct arguments *arguments)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, name))
			continue;
		if (arguments->dump && !command->dump)
			return misused("--dump does not go with", name);
		if (arguments->json && !command->json)
			return misused("--json does not go with", name);
		if (command->root && geteuid()) {
			fprintf(stderr, "inquest-register: %s: must be run as root\n", name);
			return EXIT_COULD_NOT;
		}
		return command->run(arguments);
	}
	return misused("no such command:", name);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"dump", required_argument, NULL, 'd'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct arguments arguments = {0};
	int option, result;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			arguments.dump = optarg;
			break;
		case 'j':
			arguments.json = true;
			break;
		case 'h':
			help();
			return 0;
		case 'V':
			puts(PACKAGE_STRING);
			return 0;
		default:
			return EXIT_MISUSED;
		}
	}
	if (optind + 1 != argc)
		return misused(optind == argc ? "a command is missing" : "too many arguments", NULL);
	result = run(argv[optind], &arguments);
	if (fflush(stdout) && !result)
		result = EXIT_COULD_NOT;
	return result;
}
