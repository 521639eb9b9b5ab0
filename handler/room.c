/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "handler/room.h"
#include "handler/group.h"
#include "target/gather.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, TEXT = 8192, NEVER_OVERCOMMIT = 2 };

struct inq_room_need inq_room_need_of(const char *statm)
{
	unsigned long long resident, shared, data;

	/* proc(5): size resident shared text lib data dt, in pages */
	if (sscanf(statm, "%*u %llu %llu %*u %*u %llu", &resident, &shared, &data) != 3)
		return (struct inq_room_need){0};
	return (struct inq_room_need){(resident > shared ? resident - shared : 0) * PAGE, data * PAGE};
}

/* "Name:  12345 kB", in bytes; 0 if it is not told. */
static uint64_t told(const char *meminfo, const char *name)
{
	const char *at = strstr(meminfo, name);

	return at ? strtoull(at + strlen(name), NULL, 10) << 10 : 0;
}

static enum inq_status refuse(const char *what, uint64_t left, uint64_t need, struct inq_error *err)
{
	return inq_fail(err, INQ_LIMIT, "%s: %llu MiB, and another such process takes %llu", what,
			(unsigned long long)left >> 20, (unsigned long long)need >> 20);
}

enum inq_status inq_room_on_machine(const struct inq_room_need *need, const char *meminfo, const char *overcommit,
				    struct inq_error *err)
{
	uint64_t available = told(meminfo, "MemAvailable:") + told(meminfo, "SwapFree:");
	uint64_t limit = told(meminfo, "CommitLimit:"), promised = told(meminfo, "Committed_AS:");

	if (available && available < need->resident)
		return refuse("memory that is available", available, need->resident, err);
	if (strtol(overcommit, NULL, 10) == NEVER_OVERCOMMIT && limit &&
	    (promised > limit || limit - promised < need->committed))
		return refuse("memory that may be promised (vm.overcommit_memory is 2)",
			      limit > promised ? limit - promised : 0, need->committed, err);
	return INQ_OK;
}

static void read_text(int directory, const char *name, char to[TEXT])
{
	ssize_t size = inq_gather_small(directory, name, to, TEXT - 1);

	to[size > 0 ? size : 0] = '\0';
}

bool inq_room_exceeds(int files, uint64_t bytes)
{
	char statm[TEXT];

	read_text(files, "statm", statm);
	return inq_room_need_of(statm).resident > bytes;
}

enum inq_status inq_room_beside(int files, const char *cgroup, size_t cgroup_size, struct inq_error *err)
{
	static const enum inq_group_kind kinds[] = {INQ_GROUP_UNIFIED, INQ_GROUP_MEMORY};
	char statm[TEXT], meminfo[TEXT], overcommit[TEXT];
	struct inq_room_need need;
	enum inq_status status;

	read_text(files, "statm", statm);
	read_text(AT_FDCWD, "/proc/meminfo", meminfo);
	read_text(AT_FDCWD, "/proc/sys/vm/overcommit_memory", overcommit);
	need = inq_room_need_of(statm);
	status = inq_room_on_machine(&need, meminfo, overcommit, err);
	for (size_t i = 0; !status && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct inq_group group;

		if (inq_group_find(kinds[i], cgroup, cgroup_size, &group, NULL))
			continue;
		status = inq_group_has_room(kinds[i], &group, need.resident, err);
		inq_group_done(&group);
	}
	return status;
}
