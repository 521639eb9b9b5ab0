/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes a dump of a process, a core or a dump: `dump_process PID|FILE LETTERS DUMP`. For tests that let other tools
 * open what was written. Prints what came of it.
 */
#include "config.h"

#include "capture/capture.h"
#include "privacy/veil.h"
#include "target/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static enum inq_status open_target(const char *what, uint32_t wants, struct inq_live **live, struct inq_target **ret,
				   struct inq_error *err)
{
	const struct inq_live_options options = {.wants = wants};
	enum inq_status status;

	if (strspn(what, "0123456789") != strlen(what))
		return inq_target_open_file(what, ret, err);
	status = inq_live_open((uint32_t)strtoul(what, NULL, 10), &options, live, err);
	if (status != INQ_OK)
		return status;
	return inq_target_open_live(inq_live_source(*live), ret, err);
}

int main(int argc, char *argv[])
{
	struct inq_dump_options options;
	struct inq_veil_policy policy;
	struct inq_capture_report report = {0};
	struct inq_target *target = NULL;
	struct inq_live *live = NULL;
	struct inq_veil *veil = NULL;
	struct inq_error err = {0};
	struct rusage usage;
	enum inq_status status;
	int fd;

	if (argc != 4)
		return 2;
	fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	status = fd < 0 ? inq_fail_os(&err, "'%s'", argv[3]) : inq_dump_options_parse(argv[2], &options, &err);
	if (status == INQ_OK)
		status = open_target(argv[1], inq_dump_options_wants(&options), &live, &target, &err);
	if (status == INQ_OK) {
		policy = inq_dump_options_policy(&options);
		status = inq_veil_new(target, &policy, &veil, &err);
	}
	if (status == INQ_OK)
		status = inq_capture(veil, &options, fd, NULL, &report, &err);
	if (status != INQ_OK)
		fprintf(stderr, "%s\n", err.text);
	inq_veil_free(veil);
	inq_target_free(target);
	inq_live_free(live);
	getrusage(RUSAGE_SELF, &usage);
	printf("file %llu memory %llu ranges %zu threads %zu modules %zu streams %u failed %u peak %ld KiB\n",
	       (unsigned long long)report.file_size, (unsigned long long)report.memory_bytes, report.memory_ranges,
	       report.threads, report.modules, report.streams, report.failed_streams, usage.ru_maxrss);
	return status != INQ_OK;
}
