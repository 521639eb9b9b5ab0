/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/group.h"
#include "handler/room.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char meminfo[] = "MemTotal:       24683584 kB\nMemFree:        1000 kB\nMemAvailable:    2097152 kB\n"
			      "SwapFree:         1048576 kB\nCommitLimit:     4194304 kB\nCommitted_AS:    3145728 kB\n";

static const uint64_t MIB = 1 << 20;

Test(room, needs_what_is_no_files_and_what_was_promised)
{
	struct inq_room_need need = inq_room_need_of("1000 600 100 10 0 700 0\n");

	cr_assert_eq(need.resident, 500 * 4096);
	cr_assert_eq(need.committed, 700 * 4096);
}

Test(room, needs_nothing_by_a_text_that_makes_no_sense)
{
	cr_assert_eq(inq_room_need_of("").resident, 0);
	cr_assert_eq(inq_room_need_of("1 x").committed, 0);
	cr_assert_eq(inq_room_need_of("1 2 3 4 5 6 7").resident, 0); /* less than is shared */
}

Test(room, counts_swap_to_what_is_available)
{
	const struct inq_room_need fits = {3072 * MIB, 0}, too_much = {3072 * MIB + 4096, 0};
	struct inq_error err = {0};

	cr_assert_eq(inq_room_on_machine(&fits, meminfo, "0\n", &err), INQ_OK);
	cr_assert_eq(inq_room_on_machine(&too_much, meminfo, "0\n", &err), INQ_LIMIT);
	cr_assert_str_eq(err.text, "memory that is available: 3072 MiB, and another such process takes 3072");
}

Test(room, counts_promises_only_where_they_are_kept)
{
	const struct inq_room_need fits = {0, 1024 * MIB}, too_much = {0, 1025 * MIB};
	struct inq_error err = {0};

	for (const char *mode = "01"; *mode; mode++)
		cr_assert_eq(inq_room_on_machine(&too_much, meminfo, (char[]){*mode, '\n', 0}, &err), INQ_OK);
	cr_assert_eq(inq_room_on_machine(&fits, meminfo, "2\n", &err), INQ_OK);
	cr_assert_eq(inq_room_on_machine(&too_much, meminfo, "2\n", &err), INQ_LIMIT);
	cr_assert_str_eq(err.text, "memory that may be promised (vm.overcommit_memory is 2): 1024 MiB, and another such "
				   "process takes 1025");
}

Test(room, is_there_where_nothing_is_told)
{
	const struct inq_room_need need = {MIB, MIB};

	cr_assert_eq(inq_room_on_machine(&need, "", "", NULL), INQ_OK);
	cr_assert_eq(inq_room_on_machine(&need, "", "2", NULL), INQ_OK);
}

/* --- groups ---------------------------------------------------------------------------------------- */

static const char cgroup[] = "9:name=systemd:/system.slice/a.service\n4:cpu,memory:/one/two\n0::/system.slice/a.service\n";
static const char mounts[] =
	"30 20 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
	"31 30 0:27 / /sys/fs/cgroup/unified rw,relatime shared:2 - cgroup2 cgroup2 rw,nsdelegate\n"
	"32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
	"33 30 0:29 /one /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,cpu\n";

static enum inq_status parse(enum inq_group_kind kind, const char *text, const char *mountinfo, char mount[INQ_GROUP_PATH],
			     char path[INQ_GROUP_PATH])
{
	return inq_group_parse(kind, text, strlen(text), mountinfo, mount, path, NULL);
}

Test(group, is_found_in_each_kind_of_hierarchy)
{
	char mount[INQ_GROUP_PATH], path[INQ_GROUP_PATH];

	cr_assert_eq(parse(INQ_GROUP_UNIFIED, cgroup, mounts, mount, path), INQ_OK);
	cr_assert_str_eq(mount, "/sys/fs/cgroup/unified");
	cr_assert_str_eq(path, "system.slice/a.service");
	cr_assert_eq(parse(INQ_GROUP_SYSTEMD, cgroup, mounts, mount, path), INQ_OK);
	cr_assert_str_eq(mount, "/sys/fs/cgroup/systemd");
	cr_assert_eq(parse(INQ_GROUP_MEMORY, cgroup, mounts, mount, path), INQ_OK);
	cr_assert_str_eq(mount, "/sys/fs/cgroup/memory");
	cr_assert_str_eq(path, "two", "the part that is mounted begins at /one");
}

Test(group, at_the_root_has_no_path)
{
	char mount[INQ_GROUP_PATH], path[INQ_GROUP_PATH];

	cr_assert_eq(parse(INQ_GROUP_UNIFIED, "0::/\n", mounts, mount, path), INQ_OK);
	cr_assert_str_eq(path, "");
}

Test(group, outside_of_what_is_mounted_is_absent)
{
	static const char *const texts[] = {"", "0:", "0::", "0::x\n", "4:memory:/other/two\n", "4:memory:/onetwo\n",
					    "4:memory:/one/../two\n", "4:memor:/one\n", "4:memory,:one\n"};
	char mount[INQ_GROUP_PATH] = "kept", path[INQ_GROUP_PATH] = "kept";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(parse(INQ_GROUP_MEMORY, texts[i], mounts, mount, path), INQ_ABSENT, "%s", texts[i]);
		cr_assert_eq(parse(INQ_GROUP_SYSTEMD, texts[i], mounts, mount, path), INQ_ABSENT, "%s", texts[i]);
	}
	cr_assert_eq(parse(INQ_GROUP_UNIFIED, cgroup, "", mount, path), INQ_ABSENT);
	cr_assert_eq(parse(INQ_GROUP_UNIFIED, cgroup, "no - sense\n - \n", mount, path), INQ_ABSENT);
	cr_assert_str_eq(mount, "kept");
	cr_assert_str_eq(path, "kept");
}

Test(group, with_a_path_that_is_too_long_is_absent)
{
	char text[2 * INQ_GROUP_PATH] = "0::/", mount[INQ_GROUP_PATH], path[INQ_GROUP_PATH];

	memset(text + 4, 'x', sizeof(text) - 6);
	text[sizeof(text) - 2] = '\n';
	cr_assert_eq(parse(INQ_GROUP_UNIFIED, text, mounts, mount, path), INQ_ABSENT);
}

Test(group, is_not_believed_where_an_ordinary_folder_is_mounted)
{
	struct inq_group group;
	struct inq_error err = {0};

	/* No list of mounts but ours is read, and there is no such controller in it. */
	cr_assert_eq(inq_group_find(INQ_GROUP_MEMORY, NULL, 0, &group, &err), INQ_ABSENT);
	cr_assert_eq(group.mount, -1);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

/* A hierarchy of ordinary files: the limits are looked at through the descriptor that the caller found. */
Test(group, has_room_up_to_the_lowest_limit_on_the_way_up)
{
	char root[] = "/tmp/inquest-room-XXXXXX", inner[64];
	struct inq_group group = {.path = "a/b"};
	struct inq_error err = {0};

	cr_assert(mkdtemp(root));
	snprintf(inner, sizeof(inner), "%s/a", root);
	mkdir(inner, 0700);
	write_file(inner, "memory.max", "104857600\n");      /* 100 MiB */
	write_file(inner, "memory.current", "94371840\n");   /* 90 MiB, of which 20 can be dropped */
	write_file(inner, "memory.stat", "anon 1\nactive_file 7\ninactive_file 20971520\n");
	snprintf(inner, sizeof(inner), "%s/a/b", root);
	mkdir(inner, 0700);
	write_file(inner, "memory.max", "max\n");
	write_file(inner, "memory.current", "94371840\n");
	group.mount = open(root, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(inq_group_has_room(INQ_GROUP_UNIFIED, &group, 30 * MIB, &err), INQ_OK);
	cr_assert_eq(inq_group_has_room(INQ_GROUP_UNIFIED, &group, 30 * MIB + 1, &err), INQ_LIMIT);
	cr_assert_str_eq(err.text, "control group '/a' has 30 MiB left of 100");
	cr_assert_eq(inq_group_has_room(INQ_GROUP_MEMORY, &group, ~0ull, &err), INQ_OK, "no such files");
	cr_assert_eq(inq_group_has_room(INQ_GROUP_SYSTEMD, &group, ~0ull, &err), INQ_OK, "no such controller");
	inq_group_done(&group);
	for (const char *const *name = (const char *const[]){"a/b/memory.max", "a/b/memory.current", "a/b", "a/memory.max",
							      "a/memory.current", "a/memory.stat", "a", "", NULL};
	     *name; name++) {
		snprintf(inner, sizeof(inner), "%s/%s", root, *name);
		cr_assert_eq(remove(inner), 0, "%s", inner);
	}
}

/* In a hierarchy of ordinary files too, which keep what was written last. */
static void prepare_groups(const char *root, pid_t holder, char group[64])
{
	char path[64];

	snprintf(path, sizeof(path), "%s/inquest", root);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(group, 64, "%s/inquest/%d", root, (int)holder);
	snprintf(path, sizeof(path), "%s/inquest/collect", root);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_assert_eq(mkdir(group, 0700), 0);
	write_file(path, "cgroup.procs", "");
	write_file(group, "cgroup.procs", "");
	write_file(group, "cgroup.freeze", "0");
}

static long number_in(const char *folder, const char *name)
{
	char path[256], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	cr_assert(file);
	cr_assert(fgets(text, sizeof(text), file) || !text[0]);
	fclose(file);
	return strtol(text, NULL, 10);
}

Test(group, of_the_holder_is_frozen_and_takes_nobody_elses)
{
	char root[] = "/tmp/inquest-leave-XXXXXX", group[64], collect[128];
	struct inq_group found = {.path = "a"};
	struct inq_error err = {0};
	pid_t holder = fork();

	if (!holder) {
		pause();
		_exit(0);
	}
	cr_assert(mkdtemp(root));
	prepare_groups(root, holder, group);
	found.mount = open(root, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(inq_group_leave(&found, holder, getpid(), getuid() + 1, &err), INQ_DENIED);
	cr_assert(strstr(err.text, "is not user"), "%s", err.text);
	cr_assert_eq(number_in(group, "cgroup.procs"), 0, "it was moved all the same");
	cr_assert_eq(number_in(group, "cgroup.freeze"), 0);
	cr_assert_eq(inq_group_leave(&found, holder, getpid(), getuid(), &err), INQ_OK, "%s", err.text);
	cr_assert_eq(number_in(group, "cgroup.procs"), holder);
	cr_assert_eq(number_in(group, "cgroup.freeze"), 1);
	snprintf(collect, sizeof(collect), "%s/inquest/collect", root);
	cr_assert_eq(number_in(collect, "cgroup.procs"), getpid());
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	cr_assert_eq(inq_group_leave(&found, holder, getpid(), getuid(), &err), INQ_DENIED, "it is gone");
	found.path[0] = '\0';
	cr_assert_eq(inq_group_leave(&found, holder, getpid(), getuid(), &err), INQ_ABSENT, "at the root there is none");
	inq_group_done(&found);
	for (const char *const *name = (const char *const[]){"collect/cgroup.procs", "collect", NULL}; *name; name++) {
		snprintf(collect, sizeof(collect), "%s/inquest/%s", root, *name);
		cr_assert_eq(remove(collect), 0);
	}
	for (const char *const *name = (const char *const[]){"/cgroup.procs", "/cgroup.freeze", "", NULL}; *name; name++) {
		snprintf(collect, sizeof(collect), "%s%s", group, *name);
		cr_assert_eq(remove(collect), 0);
	}
	snprintf(collect, sizeof(collect), "%s/inquest", root);
	cr_assert_eq(remove(collect), 0);
	cr_assert_eq(remove(root), 0);
}
