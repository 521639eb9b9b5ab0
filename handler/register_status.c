/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "capture/options.h"
#include "handler/register_status.h"

#include "handler/registration.h"
#include "spool/config.h"
#include "spool/spool.h"
#include "support/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PROBLEMS = 6 };

struct findings {
	struct inq_kernel_settings kernel;
	enum inq_pattern_owner owner;
	struct inq_config config;
	bool pidfd, reboot;
	char problems[MAX_PROBLEMS][INQ_ERROR_TEXT];
	size_t problem_count;
};

static void problem(struct findings *findings, const char *text)
{
	if (findings->problem_count < MAX_PROBLEMS)
		snprintf(findings->problems[findings->problem_count++], INQ_ERROR_TEXT, "%s", text);
}

/* What would go wrong at the next crash. */
static void look_for_problems(struct findings *findings)
{
	char program[INQ_CORE_PATTERN_MAX + 1];
	struct inq_spool spool;
	struct inq_error err;

	inq_pattern_program(findings->kernel.pattern, program);
	if (findings->owner != INQ_PATTERN_INQUEST) {
		if (program[0] && access(program, X_OK))
			problem(findings, "the program that the core pattern names cannot be run: crashes leave nothing");
		return;
	}
	if (inq_helper_check(program, &err) != INQ_OK)
		problem(findings, err.text);
	if (!findings->kernel.pipe_limit)
		problem(findings, "kernel.core_pipe_limit is 0: the kernel does not wait, and dumps will miss memory; "
				  "run inquest-register enable");
	if (!findings->reboot)
		problem(findings, "'" INQ_SYSCTL_FILE "' is not there: the next boot undoes this");
	if (geteuid())
		return;
	if (inq_spool_open(findings->config.spool, &spool, &err) != INQ_OK)
		problem(findings, err.text);
	else
		inq_spool_close(&spool);
}

static enum inq_status find(struct findings *findings, struct inq_error *err)
{
	struct inq_dump_options options;
	struct inq_error config_err;
	enum inq_status status = inq_kernel_settings_read(&findings->kernel, err);

	if (status != INQ_OK)
		return status;
	findings->owner = inq_pattern_owner(findings->kernel.pattern);
	findings->pidfd = inq_kernel_has_coredump_pidfd();
	findings->reboot = inq_register_survives_reboot();
	if (inq_config_load(INQ_CONFIG_FILE, &findings->config, &config_err) != INQ_OK)
		problem(findings, config_err.text);
	/* The room that reads the file knows no letters; who takes the dump refuses what the parser does. */
	if (inq_dump_options_parse(findings->config.dump, &options, &config_err) != INQ_OK) {
		inq_prepend(&config_err, config_err.status, "'%s': dump = %s: no crash leaves a dump", INQ_CONFIG_FILE,
			    findings->config.dump);
		problem(findings, config_err.text);
	}
	look_for_problems(findings);
	return INQ_OK;
}

/* --- words ------------------------------------------------------------------------------------------ */

static void size_words(uint64_t bytes, char to[32])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	while (unit < 4 && bytes >= 1024 && !(bytes % 1024)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(to, 32, "%llu %s", (unsigned long long)bytes, units[unit]);
}

static const char *suid_words(const struct findings *findings)
{
	if (!findings->kernel.suid_dumpable)
		return "leave nothing (fs.suid_dumpable is 0)";
	if (findings->owner == INQ_PATTERN_INQUEST)
		return "are dumped, for root alone (fs.suid_dumpable is not 0)";
	return findings->kernel.suid_dumpable == 1 ? "are dumped for whoever ran them (fs.suid_dumpable is 1, insecure)"
						   : "are dumped for root (fs.suid_dumpable is 2)";
}

static void print_inquest(const struct findings *findings, struct inq_buffer *to)
{
	const struct inq_config *config = &findings->config;
	char bytes[32];

	size_words(config->max_bytes, bytes);
	inq_buffer_printf(to, "  dumps         .dump /%s into %s\n", config->dump[0] ? config->dump : "m", config->spool);
	inq_buffer_printf(to, "  limits        %llu dumps and %s for each user, the oldest goes first\n",
			  (unsigned long long)config->max_count, bytes);
	inq_buffer_printf(to, "  at once       %llu processes; the kernel drops the dumps of more\n",
			  (unsigned long long)findings->kernel.pipe_limit);
	inq_buffer_printf(to, "  identity      %s\n",
			  findings->pidfd ? "shown by the kernel's pidfd (%F)"
					  : "shown by age (this kernel has no %F); of the youngest processes root gets the dump");
	inq_buffer_printf(to, "  ulimit -c 0   %s\n", config->honour_core_limit ? "also means no dump" : "does not matter");
}

static void print_words(const struct findings *findings, struct inq_buffer *to)
{
	const char *name = inq_pattern_owner_name(findings->owner);

	switch (findings->owner) {
	case INQ_PATTERN_NOBODY:
		inq_buffer_puts(to, "Nobody handles crashes: the core pattern is empty, and no core file is written.\n");
		break;
	case INQ_PATTERN_FILE:
		inq_buffer_puts(to, "The kernel writes a core file '");
		inq_text_escape(to, findings->kernel.pattern, strlen(findings->kernel.pattern));
		inq_buffer_puts(to, "' as large as ulimit -c allows; inquest is not registered.\n");
		break;
	default:
		inq_buffer_printf(to, "%s handles crashes%s: '", name,
				  findings->owner == INQ_PATTERN_INQUEST ? "" : "; inquest is not registered");
		inq_text_escape(to, findings->kernel.pattern, strlen(findings->kernel.pattern));
		inq_buffer_puts(to, "'\n");
	}
	if (findings->owner == INQ_PATTERN_INQUEST)
		print_inquest(findings, to);
	inq_buffer_printf(to, "  privileged    setuid and unreadable programs %s\n", suid_words(findings));
	inq_buffer_printf(to, "  reboot        %s\n",
			  findings->reboot ? "inquest is registered again, by " INQ_SYSCTL_FILE
					   : "nothing of inquest's is set");
	for (size_t i = 0; i < findings->problem_count; i++)
		inq_buffer_printf(to, "  problem       %s\n", findings->problems[i]);
}

/* --- JSON ------------------------------------------------------------------------------------------- */

/* A string; bytes that are not printable ASCII as \u00XX, which keeps hostile ones out. */
static void json_string(struct inq_buffer *to, const char *text)
{
	inq_buffer_puts(to, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			inq_buffer_printf(to, "\\%c", c);
		else if (c >= ' ' && c < 0x7f)
			inq_buffer_append(to, text, 1);
		else
			inq_buffer_printf(to, "\\u%04x", c);
	}
	inq_buffer_puts(to, "\"");
}

static void json_field(struct inq_buffer *to, const char *name, const char *value)
{
	inq_buffer_printf(to, "  \"%s\": ", name);
	json_string(to, value);
	inq_buffer_puts(to, ",\n");
}

static void print_json(const struct findings *findings, struct inq_buffer *to)
{
	const struct inq_config *config = &findings->config;
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"core_pipe_limit", findings->kernel.pipe_limit},
		{"suid_dumpable", findings->kernel.suid_dumpable},
		{"max_count", config->max_count},
		{"max_bytes", config->max_bytes},
		{"max_dump", config->max_dump},
	};
	const struct {
		const char *name;
		bool value;
	} switches[] = {
		{"registered", findings->owner == INQ_PATTERN_INQUEST},
		{"pidfd", findings->pidfd},
		{"survives_reboot", findings->reboot},
		{"honour_core_limit", config->honour_core_limit},
	};

	inq_buffer_puts(to, "{\n");
	json_field(to, "handler", inq_pattern_owner_name(findings->owner));
	json_field(to, "core_pattern", findings->kernel.pattern);
	json_field(to, "dump", config->dump);
	json_field(to, "spool", config->spool);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		inq_buffer_printf(to, "  \"%s\": %llu,\n", numbers[i].name, (unsigned long long)numbers[i].value);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		inq_buffer_printf(to, "  \"%s\": %s,\n", switches[i].name, switches[i].value ? "true" : "false");
	inq_buffer_puts(to, "  \"problems\": [");
	for (size_t i = 0; i < findings->problem_count; i++) {
		inq_buffer_puts(to, i ? ", " : "");
		json_string(to, findings->problems[i]);
	}
	inq_buffer_puts(to, "]\n}\n");
}

enum inq_status inq_register_status(bool json, struct inq_buffer *to, struct inq_error *err)
{
	struct findings findings = {0};
	enum inq_status status = find(&findings, err);

	if (status != INQ_OK)
		return status;
	(json ? print_json : print_words)(&findings, to);
	return inq_buffer_ok(to) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "no memory");
}
