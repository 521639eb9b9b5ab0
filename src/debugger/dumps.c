/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/dumps.h"

#include "spool/config.h"
#include "support/opener.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum inq_status dumps_list(struct inq_spool_list **ret, struct inq_error *err)
{
	struct inq_config config;

	/* A file that may not count gives the defaults; where dumps are is no secret and no policy.
	 */
	inq_config_load(INQ_CONFIG_FILE, &config, NULL);
	return inq_spool_list(config.spool, geteuid(), ret, err);
}

static int open_spooled(const char *name, char ret_path[DUMP_PATH], enum inq_status *ret_status,
			struct inq_error *err)
{
	const struct inq_spool_entry *entry;
	struct inq_spool_list *list;
	int fd = -1;

	*ret_status = dumps_list(&list, err);
	if (*ret_status != INQ_OK)
		return -1;
	entry = inq_spool_find(list, name, err);
	if (entry) {
		snprintf(ret_path, DUMP_PATH, "%s", entry->path);
		fd = inq_spool_entry_open(entry, err);
	}
	*ret_status = fd >= 0 ? INQ_OK : err->status;
	inq_spool_list_free(list);
	return fd;
}

int dumps_open(const char *name, char ret_path[DUMP_PATH], enum inq_status *ret_status,
	       struct inq_error *err)
{
	struct inq_error problem = {0};
	struct stat st;
	int fd;

	if (strlen(name) >= DUMP_PATH) {
		*ret_status = inq_fail(err, INQ_LIMIT, "a name of %zu bytes", strlen(name));
		return -1;
	}
	if (strcmp(name, "last") != 0 && (strchr(name, '/') || stat(name, &st) == 0)) {
		snprintf(ret_path, DUMP_PATH, "%s", name);
		return inq_open(NULL, name, ret_status, err);
	}
	fd = open_spooled(name, ret_path, ret_status, &problem);
	if (fd < 0 && strcmp(name, "last") != 0 && *ret_status != INQ_USAGE)
		*ret_status = inq_fail(err, INQ_ABSENT,
				       "'%s': no such file, nor a dump in the spool (%s)", name,
				       problem.text);
	else if (fd < 0 && err)
		*err = problem;
	return fd;
}
