/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "spool/spool.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- names ---------------------------------------------------------------------------------------- */

Test(names, keep_only_plain_characters_of_a_program)
{
	static const struct {
		const char *raw, *program;
	} rows[] = {
		{"python3.11", "python3_11"},   {"../../etc/shadow", "______etc_shadow"},
		{"a b\n%n\033[2J", "a_b__n__2J"}, {"", "unknown"},
		{"--owner=0", "_-owner_0"},      {"\xff\xfe", "__"},
		{"g++", "g++"},                  {".", "_"},
		{"abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345"},
	};
	char program[INQ_SPOOL_PROGRAM + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		inq_spool_program(rows[i].raw, strlen(rows[i].raw), program);
		cr_expect_str_eq(program, rows[i].program);
	}
	inq_spool_program("abc", 2, program);
	cr_expect_str_eq(program, "ab", "stops at the size");
}

Test(names, come_back_as_they_were_written)
{
	static const struct inq_spool_name rows[] = {
		{"python3_11", 4711, 1795264543, 0}, {"a", 1, 0, 99}, {"g++", UINT32_MAX, 253402300799, 1},
		{"abcdefghijklmnopqrstuvwxyz012345", 0, 951782400, 10},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_spool_name again = {0};
		char text[INQ_SPOOL_NAME];

		inq_spool_name_format(&rows[i], text);
		cr_expect(inq_spool_name_parse(text, &again), "%s", text);
		cr_expect(!memcmp(&again, &rows[i], sizeof(again)), "%s", text);
	}
	char text[INQ_SPOOL_NAME];
	inq_spool_name_format(&rows[0], text);
	cr_expect_str_eq(text, "python3_11.4711.20261121T123543Z.dmp");
}

/* Our calendar against the C library's, at every day of 600 years and the seconds around midnight. */
Test(names, have_the_date_of_the_calendar)
{
	for (int64_t time = 0; time < 600ll * 366 * 86400; time += 86399) {
		struct inq_spool_name name = {.program = "p", .pid = 1, .time = time}, again;
		char text[INQ_SPOOL_NAME], wanted[INQ_SPOOL_NAME];
		time_t seconds = time;
		struct tm tm;

		inq_spool_name_format(&name, text);
		strftime(wanted, sizeof(wanted), "p.1.%Y%m%dT%H%M%SZ.dmp", gmtime_r(&seconds, &tm));
		cr_assert_str_eq(text, wanted);
		cr_assert(inq_spool_name_parse(text, &again) && again.time == time, "%s", text);
	}
}

Test(names, are_refused_when_we_would_not_have_written_them)
{
	static const char *const rows[] = {
		"", ".", "..", ".dmp", "a", "a.1", "a.1.20261121T123543Z", "a.1.20261121T123543Z.dmp2",
		"a.1.20261121T123543Z.dmp\n", "a.01.20261121T123543Z.dmp", "a.-1.20261121T123543Z.dmp",
		"a.4294967296.20261121T123543Z.dmp", "a.1.20261321T123543Z.dmp", "a.1.20260231T123543Z.dmp",
		"a.1.20261121T243543Z.dmp", "a.1.20261121T123543Z-0.dmp", "a.1.20261121T123543Z-100.dmp",
		"a.1.20261121T123543Z-01.dmp", "-a.1.20261121T123543Z.dmp", "a/b.1.20261121T123543Z.dmp",
		"a b.1.20261121T123543Z.dmp", "a.1.19691121T123543Z.dmp",
		"abcdefghijklmnopqrstuvwxyz0123456.1.20261121T123543Z.dmp",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_spool_name name = {.pid = 77};

		cr_expect(!inq_spool_name_parse(rows[i], &name), "%s", rows[i]);
		cr_expect_eq(name.pid, 77, "%s moved the output", rows[i]);
	}
}

/* --- a spool of our own --------------------------------------------------------------------------- */

static char base[] = "/var/lib/inq-spool-test.XXXXXX";
static char path[64];
static struct inq_config config;
static struct inq_spool spool = {-1};
static const struct inq_spool_account user = {.uid = 1234, .gid = 1235};
static const struct inq_spool_account user_root = {.uid = 1234, .gid = 1235, .root_only = true};

static void remove_all(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0)) {
			char below[512];

			snprintf(below, sizeof(below), "%s/%s", directory, entry->d_name);
			remove_all(below);
		}
	}
	if (dir)
		closedir(dir);
	rmdir(directory);
}

static void setup(void)
{
	if (geteuid())
		return;
	cr_assert(mkdtemp(base));
	cr_assert(!chmod(base, 0755));
	snprintf(path, sizeof(path), "%s/dumps", base);
	inq_config_defaults(&config);
	config.keep_free = 0;
	cr_assert_eq(inq_spool_prepare(path, &spool, NULL), INQ_OK);
}

static void teardown(void)
{
	if (geteuid())
		return;
	inq_spool_close(&spool);
	umount2(path, MNT_DETACH);
	remove_all(base);
}

TestSuite(spool, .init = setup, .fini = teardown, .timeout = 60);

#define NEEDS_ROOT()                                                       \
	do {                                                               \
		if (geteuid())                                             \
			cr_skip_test("needs root: the spool must be root's"); \
	} while (0)

static enum inq_status store(const struct inq_spool_account *account, const char *program, int64_t time,
			     size_t size, char name[INQ_SPOOL_NAME], struct inq_error *err)
{
	struct inq_spool_name wanted = {.pid = 42, .time = time};
	struct inq_spool_file file;
	char *bytes = calloc(1, size);
	enum inq_status status;

	inq_spool_program(program, strlen(program), wanted.program);
	status = inq_spool_create(&spool, account, &file, err);
	if (status == INQ_OK) {
		status = inq_spool_reserve(&file, &config, size, err);
		if (status == INQ_OK) {
			cr_assert_eq(write(file.fd, bytes, size), (ssize_t)size);
			status = inq_spool_publish(&file, account, &wanted, name, err);
		}
		inq_spool_abandon(&file);
	}
	free(bytes);
	return status;
}

static size_t entries_of(const char *account)
{
	char directory[128];
	size_t count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%s/%s", path, account);
	dir = opendir(directory);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static struct stat stat_of(const char *account, const char *name)
{
	struct stat st = {0};
	char file[256];

	snprintf(file, sizeof(file), "%s/%s/%s", path, account, name);
	cr_assert(!lstat(file, &st), "%s", file);
	return st;
}

Test(spool, gives_a_users_dump_to_the_user)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];
	struct stat st;

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "prog", 1000, 5000, name, &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(name, "prog.42.19700101T001640Z.dmp");
	st = stat_of("1234", name);
	cr_expect_eq(st.st_uid, 1234);
	cr_expect_eq(st.st_gid, 1235);
	cr_expect_eq(st.st_mode, S_IFREG | 0600);
	cr_expect_eq(st.st_size, 5000);
	cr_expect_eq(st.st_nlink, 1);
	st = stat_of("1234", ".");
	cr_expect_eq(st.st_uid, 0);
	cr_expect_eq(st.st_mode & 0027, 0, "group cannot write, others nothing: %o", st.st_mode);
}

Test(spool, keeps_what_only_root_may_read_apart)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];
	struct stat st;

	NEEDS_ROOT();
	cr_assert_eq(store(&user_root, "suid", 1000, 100, name, &err), INQ_OK, "%s", err.text);
	st = stat_of("1234-root", name);
	cr_expect_eq(st.st_uid, 0);
	cr_expect_eq(st.st_gid, 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_expect_eq(stat_of("1234-root", ".").st_mode & 07777, 0700);
}

Test(spool, gives_back_what_was_reserved_and_not_written)
{
	struct inq_spool_name wanted = {.program = "p", .pid = 1, .time = 5};
	struct inq_spool_file file;
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(inq_spool_create(&spool, &user, &file, NULL), INQ_OK);
	cr_assert_eq(inq_spool_reserve(&file, &config, 8 << 20, NULL), INQ_OK);
	cr_assert_eq(write(file.fd, "x", 1), 1);
	cr_assert_eq(inq_spool_publish(&file, &user, &wanted, name, NULL), INQ_OK);
	cr_assert_leq(stat_of("1234", name).st_blocks, 16);
}

Test(spool, never_reuses_a_name)
{
	char first[INQ_SPOOL_NAME], second[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "prog", 1000, 10, first, NULL), INQ_OK);
	cr_assert_eq(store(&user, "prog", 1000, 20, second, NULL), INQ_OK);
	cr_assert_str_eq(second, "prog.42.19700101T001640Z-1.dmp");
	cr_assert_eq(stat_of("1234", first).st_size, 10);
}

Test(spool, leaves_nothing_of_an_abandoned_dump)
{
	struct inq_spool_file file;

	NEEDS_ROOT();
	cr_assert_eq(inq_spool_create(&spool, &user, &file, NULL), INQ_OK);
	cr_assert_eq(inq_spool_reserve(&file, &config, 4096, NULL), INQ_OK);
	inq_spool_abandon(&file);
	cr_assert_eq(file.fd, -1);
	inq_spool_abandon(&file);
	cr_assert_eq(entries_of("1234"), 0);
}

Test(spool, removes_the_oldest_of_the_same_user_first)
{
	char name[INQ_SPOOL_NAME], other[INQ_SPOOL_NAME], last[INQ_SPOOL_NAME];
	const struct inq_spool_account victim = {.uid = 4321, .gid = 4321};
	struct inq_spool_list *list;

	NEEDS_ROOT();
	config.max_count = 5;
	cr_assert_eq(store(&victim, "victim", 1, 10, other, NULL), INQ_OK);
	cr_assert_eq(store(&user_root, "suid", 1, 10, other, NULL), INQ_OK);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(store(&user, "loop", 1000 + i, 10, name, NULL), INQ_OK);
	cr_assert_eq(entries_of("1234"), 5);
	cr_assert_eq(entries_of("4321"), 1);
	cr_assert_eq(entries_of("1234-root"), 1);
	cr_assert_eq(inq_spool_list(path, 1234, &list, NULL), INQ_OK);
	snprintf(last, sizeof(last), "%s", list->entries[4].file);
	cr_assert_str_eq(last, "loop.42.19700101T001955Z.dmp", "the five newest are left");
	inq_spool_list_free(list);
}

Test(spool, counts_the_bytes_that_a_user_takes)
{
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	config.max_bytes = 100 << 10;
	for (int i = 0; i < 10; i++)
		cr_assert_eq(store(&user, "big", 1000 + i, 40 << 10, name, NULL), INQ_OK);
	cr_assert_eq(entries_of("1234"), 2);
}

Test(spool, refuses_what_no_eviction_makes_room_for)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "kept", 1000, 10, name, NULL), INQ_OK);
	config.max_dump = 1 << 20;
	cr_assert_eq(store(&user, "big", 1000, (1 << 20) + 1, name, &err), INQ_LIMIT);
	config.max_count = 0;
	cr_assert_eq(store(&user, "none", 1000, 1, name, &err), INQ_LIMIT);
	cr_assert_eq(entries_of("1234"), 1, "a refusal removes nothing");
}

/* A dump that became larger than was reserved for it, as most do. */
static enum inq_status store_grown(int64_t time, size_t size, struct inq_error *err)
{
	const struct inq_spool_name wanted = {.program = "grown", .pid = 42, .time = time};
	char name[INQ_SPOOL_NAME], *bytes = calloc(1, size);
	struct inq_spool_file file;
	enum inq_status status;

	cr_assert_eq(inq_spool_create(&spool, &user, &file, err), INQ_OK);
	cr_assert_eq(inq_spool_reserve(&file, &config, 10, err), INQ_OK);
	cr_assert_eq(write(file.fd, bytes, size), (ssize_t)size);
	status = inq_spool_settle(&file, &config, err);
	if (!status)
		status = inq_spool_publish(&file, &user, &wanted, name, err);
	inq_spool_abandon(&file);
	free(bytes);
	return status;
}

Test(spool, counts_what_a_dump_grew_to_before_it_gets_a_name)
{
	struct inq_error err = {0};

	NEEDS_ROOT();
	config.max_bytes = 100 << 10;
	config.max_dump = 60 << 10;
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(store_grown(1000 + i, 40 << 10, &err), INQ_OK, "%s", err.text);
		cr_assert_leq(entries_of("1234"), 2, "more than the user's share");
	}
	cr_assert_eq(store_grown(2000, 70 << 10, &err), INQ_LIMIT);
	cr_assert_str_eq(err.text, "spool: the dump has 71680 bytes, at most 61440");
	cr_assert_eq(entries_of("1234"), 2, "a refusal removes nothing");
}

Test(spool, has_so_many_places_for_each_user_and_no_more)
{
	const struct inq_spool_account victim = {.uid = 4321, .gid = 4321};
	struct inq_spool_file file, other;
	int places[INQ_SPOOL_PLACES], one_more = -1;
	struct inq_error err = {0};

	NEEDS_ROOT();
	cr_assert_eq(inq_spool_create(&spool, &user, &file, NULL), INQ_OK);
	cr_assert_eq(inq_spool_create(&spool, &victim, &other, NULL), INQ_OK);
	for (int i = 0; i < INQ_SPOOL_PLACES; i++)
		cr_assert_eq(inq_spool_enter(&file, &places[i], &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_spool_enter(&file, &one_more, &err), INQ_LIMIT);
	cr_assert_str_eq(err.text, "spool: 32 dumps of this user are being written already");
	cr_assert_eq(one_more, -1);
	cr_assert_eq(inq_spool_enter(&other, &one_more, &err), INQ_OK, "another user is kept out");
	close(one_more);
	close(places[7]);
	cr_assert_eq(inq_spool_enter(&file, &places[7], &err), INQ_OK, "a place that was left is not free");
	cr_assert_eq(stat_of("1234", ".places").st_mode & 07777, 0600);
	cr_assert_eq(stat_of("1234", ".places").st_uid, 0);
	for (int i = 0; i < INQ_SPOOL_PLACES; i++)
		close(places[i]);
	inq_spool_abandon(&file);
	inq_spool_abandon(&other);
}

Test(spool, removes_only_names_that_it_wrote)
{
	char file[256], name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "a", 1, 10, name, NULL), INQ_OK);
	snprintf(file, sizeof(file), "%s/1234/%s", path, "notes.txt");
	close(open(file, O_CREAT | O_WRONLY, 0600));
	snprintf(file, sizeof(file), "%s/1234/%s", path, "b.1.19700101T000000Z.dmp");
	cr_assert(!mkdir(file, 0700));
	snprintf(file, sizeof(file), "%s/1234/%s", path, "c.1.19700101T000000Z.dmp");
	cr_assert(!symlink("/etc/passwd", file));
	config.max_count = 1;
	for (int i = 0; i < 5; i++)
		cr_assert_eq(store(&user, "a", 10 + i, 10, name, NULL), INQ_OK);
	cr_assert_eq(entries_of("1234"), 4, "one dump, and three that are not ours");
}

Test(spool, refuses_a_directory_that_others_may_change_at_each_level)
{
	struct inq_spool again = {.fd = -1};
	struct inq_error err = {0};
	char link[80];

	NEEDS_ROOT();
	const char *const levels[] = {base, path};
	for (size_t i = 0; i < 2; i++) {
		cr_assert(!chmod(levels[i], 01777));
		cr_expect_eq(inq_spool_open(path, &again, &err), INQ_DENIED);
		cr_expect(strstr(err.text, "writable by others"), "%s", err.text);
		cr_assert(!chmod(levels[i], 0775));
		cr_expect_eq(inq_spool_open(path, &again, &err), INQ_DENIED);
		cr_assert(!chmod(levels[i], 0755));
		cr_assert(!chown(levels[i], 1234, 0));
		cr_expect_eq(inq_spool_open(path, &again, &err), INQ_DENIED);
		cr_expect(strstr(err.text, "belongs to user 1234"), "%s", err.text);
		cr_assert(!chown(levels[i], 0, 0));
	}
	snprintf(link, sizeof(link), "%s/link", base);
	cr_assert(!symlink(path, link));
	cr_expect_eq(inq_spool_open(link, &again, &err), INQ_UNSUPPORTED, "%s", err.text);
	cr_expect_eq(inq_spool_open("/nonexistent/dumps", &again, &err), INQ_ABSENT);
	cr_expect_eq(again.fd, -1);
	cr_expect_eq(inq_spool_open(path, &again, &err), INQ_OK);
	inq_spool_close(&again);
}

Test(spool, refuses_an_account_that_is_not_safe)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME], directory[128];

	NEEDS_ROOT();
	snprintf(directory, sizeof(directory), "%s/1234", path);
	cr_assert(!mkdir(directory, 0777) && !chmod(directory, 0777));
	cr_assert_eq(store(&user, "a", 1, 10, name, &err), INQ_DENIED);
	cr_assert(!rmdir(directory) && !symlink("/etc", directory));
	cr_assert_neq(store(&user, "a", 1, 10, name, &err), INQ_OK);
}

/* --- a full disk ---------------------------------------------------------------------------------- */

static void on_tmpfs(const char *options)
{
	inq_spool_close(&spool);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options))
		cr_skip_test("cannot mount a tmpfs here");
	cr_assert_eq(inq_spool_prepare(path, &spool, NULL), INQ_OK);
}

Test(spool, keeps_the_last_word_on_a_full_disk)
{
	static const char word[2000] = "MDMP";
	struct inq_spool_name wanted = {.program = "p", .pid = 1, .time = 5};
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME] = "";

	NEEDS_ROOT();
	on_tmpfs("size=128k,mode=711");
	cr_assert_eq(store(&user, "big", 1, 1 << 20, name, &err), INQ_LIMIT, "%s", err.text);
	/* One block is left to be filled by someone else. */
	char filler[128];
	static char zero[1 << 17];
	snprintf(filler, sizeof(filler), "%s/filler", path);
	int fd = open(filler, O_CREAT | O_WRONLY, 0600);
	cr_assert_gt(write(fd, zero, sizeof(zero)), 0);
	close(fd);
	cr_assert_neq(store(&user, "big", 1, 8192, name, &err), INQ_OK);
	cr_assert_eq(entries_of("1234"), 0);
	cr_assert_eq(inq_spool_last_word(&spool, &user, word, sizeof(word), &wanted, name, &err), INQ_OK, "%s",
		     err.text);
	cr_assert_eq(stat_of("1234", name).st_size, 2000);
	cr_assert_eq(stat_of("1234", name).st_uid, 1234);
	cr_assert_eq(inq_spool_last_word(&spool, &user, word, sizeof(word), &wanted, name, &err), INQ_ABSENT);
	cr_assert(!unlink(filler));
	inq_spool_refill(&spool);
	cr_assert_eq(inq_spool_last_word(&spool, &user, word, sizeof(word), &wanted, name, &err), INQ_OK);
	cr_assert_eq(entries_of("1234"), 2);
}

Test(spool, keeps_the_last_word_without_inodes)
{
	static const char word[1024] = "MDMP";
	struct inq_spool_name wanted = {.program = "p", .pid = 1, .time = 5};
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME], first[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	on_tmpfs("size=1m,nr_inodes=4,mode=711"); /* the root, the reserve, the account, one dump */
	cr_assert_eq(store(&user, "a", 1, 10, first, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(store(&user, "a", 2, 10, name, &err), INQ_OS);
	cr_assert_eq(inq_spool_last_word(&spool, &user, word, sizeof(word), &wanted, name, &err), INQ_OK, "%s",
		     err.text);
	cr_assert_eq(entries_of("1234"), 2);
}

Test(spool, says_that_it_is_read_only)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	on_tmpfs("size=1m,mode=711");
	cr_assert_eq(store(&user, "a", 1, 10, name, &err), INQ_OK);
	cr_assert(!mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	cr_assert_eq(store(&user, "a", 2, 10, name, &err), INQ_OS);
	cr_assert_eq(err.os_errno, 30, "%s", err.text);
}

Test(spool, keeps_the_space_free_that_it_was_told_to)
{
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	on_tmpfs("size=1m,mode=711");
	config.keep_free = 1 << 30;
	config.keep_free_percent = 50;
	for (int i = 0; i < 20; i++)
		cr_assert_eq(store(&user, "a", 1 + i, 100 << 10, name, &err), INQ_OK, "%s", err.text);
	cr_assert_leq(entries_of("1234"), 5);
	size_t before = entries_of("1234");
	cr_assert_eq(store(&user, "a", 50, 600 << 10, name, &err), INQ_LIMIT);
	cr_assert_eq(entries_of("1234"), before, "what cannot help is not removed");
}

/* --- listing -------------------------------------------------------------------------------------- */

Test(listing, is_empty_without_an_account, .init = setup, .fini = teardown)
{
	struct inq_spool_list *list = NULL;
	struct inq_error err = {0};

	NEEDS_ROOT();
	cr_assert_eq(inq_spool_list(path, 1234, &list, NULL), INQ_OK);
	cr_assert_eq(list->count, 0);
	cr_assert_null(inq_spool_find(list, "last", &err));
	cr_assert_eq(err.status, INQ_ABSENT);
	inq_spool_list_free(list);
	cr_assert_eq(inq_spool_list("/nonexistent/x", 0, &list, &err), INQ_ABSENT);
}

static void plant(const char *name, mode_t type)
{
	char file[256], target[256];

	snprintf(file, sizeof(file), "%s/1234/%s", path, name);
	snprintf(target, sizeof(target), "%s/1234/keep.42.19700101T000001Z.dmp", path);
	if (type == S_IFLNK)
		cr_assert(!symlink("/etc/passwd", file));
	else if (type == S_IFDIR)
		cr_assert(!mkdir(file, 0700));
	else if (type == S_IFREG)
		cr_assert(!link(target, file));
	else
		cr_assert(!mknod(file, type | 0600, type == S_IFCHR ? 0x105 : 0));
}

Test(listing, skips_whatever_is_not_a_dump_and_says_why, .init = setup, .fini = teardown, .timeout = 10)
{
	static const struct {
		const char *name;
		mode_t type;
		const char *reason;
	} rows[] = {
		{"a.1.19700101T000000Z.dmp", S_IFLNK, "a symbolic link"},
		{"b.1.19700101T000000Z.dmp", S_IFIFO, "not a regular file"},
		{"c.1.19700101T000000Z.dmp", S_IFSOCK, "not a regular file"},
		{"d.1.19700101T000000Z.dmp", S_IFDIR, "not a regular file"},
		{"e.1.19700101T000000Z.dmp", S_IFCHR, "not a regular file"},
		{"other.txt", S_IFIFO, "not a dump's name"},
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct inq_spool_list *list;
	char name[INQ_SPOOL_NAME], file[256];
	size_t found = 0;

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "keep", 1, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&user, "foreign", 2, 10, name, NULL), INQ_OK);
	snprintf(file, sizeof(file), "%s/1234/%s", path, name);
	cr_assert(!chown(file, 0, 0));
	cr_assert_eq(store(&user, "empty", 3, 10, name, NULL), INQ_OK);
	snprintf(file, sizeof(file), "%s/1234/%s", path, name);
	cr_assert(!truncate(file, 0));
	for (size_t i = 0; i < ROWS; i++)
		plant(rows[i].name, rows[i].type);
	cr_assert_eq(inq_spool_list(path, 1234, &list, NULL), INQ_OK);
	cr_assert_eq(list->count, 1);
	cr_assert_str_eq(list->entries[0].file, "keep.42.19700101T000001Z.dmp");
	cr_assert_eq(list->skipped_count, ROWS + 2);
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t j = 0; j < list->skipped_count; j++)
			found += !strcmp(strrchr(list->skipped[j].path, '/') + 1, rows[i].name) &&
				 !strcmp(list->skipped[j].reason, rows[i].reason);
	}
	cr_assert_eq(found, ROWS);
	inq_spool_list_free(list);
}

Test(listing, refuses_a_dump_with_a_second_name, .init = setup, .fini = teardown)
{
	struct inq_spool_list *list;
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "keep", 1, 10, name, NULL), INQ_OK);
	plant("hard.1.19700101T000000Z.dmp", S_IFREG);
	cr_assert_eq(inq_spool_list(path, 1234, &list, NULL), INQ_OK);
	cr_assert_eq(list->count, 0);
	cr_assert_eq(list->skipped_count, 2);
	cr_assert_str_eq(list->skipped[0].reason, "has other names");
	inq_spool_list_free(list);
}

Test(listing, checks_again_when_it_opens, .init = setup, .fini = teardown)
{
	struct inq_spool_list *list;
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];
	int fd;

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "keep", 1, 10, name, NULL), INQ_OK);
	cr_assert_eq(inq_spool_list(path, 0, &list, NULL), INQ_OK);
	fd = inq_spool_entry_open(&list->entries[0], &err);
	cr_assert_geq(fd, 0, "%s", err.text);
	close(fd);
	cr_assert(!chown(list->entries[0].path, 77, 0));
	cr_assert_eq(inq_spool_entry_open(&list->entries[0], &err), -1);
	cr_assert(strstr(err.text, "owned by someone else"), "%s", err.text);
	cr_assert(!unlink(list->entries[0].path) && !mkfifo(list->entries[0].path, 0600));
	cr_assert_eq(inq_spool_entry_open(&list->entries[0], &err), -1);
	inq_spool_list_free(list);
}

Test(listing, finds_the_last_one_and_a_prefix, .init = setup, .fini = teardown)
{
	struct inq_spool_list *list;
	struct inq_error err = {0};
	char name[INQ_SPOOL_NAME];

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "alpha", 10, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&user, "alpha", 30, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&user, "beta", 20, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&user_root, "suid", 40, 10, name, NULL), INQ_OK);
	cr_assert_eq(inq_spool_list(path, 0, &list, NULL), INQ_OK);
	cr_assert_eq(list->count, 4);
	cr_assert_str_eq(inq_spool_find(list, "last", &err)->name.program, "suid");
	cr_assert(list->entries[0].root_only);
	cr_assert_eq(inq_spool_find(list, "alpha", &err)->name.time, 30, "the newest of that program");
	cr_assert_str_eq(inq_spool_find(list, "b", &err)->name.program, "beta");
	cr_assert_null(inq_spool_find(list, "alp", &err));
	cr_assert_eq(err.status, INQ_USAGE);
	cr_assert_null(inq_spool_find(list, "gamma", &err));
	cr_assert_eq(err.status, INQ_ABSENT);
	cr_assert_null(inq_spool_find(list, "", &err));
	inq_spool_list_free(list);
	cr_assert_eq(inq_spool_list(path, 1234, &list, NULL), INQ_OK);
	cr_assert_eq(list->count, 3, "not what only root may read");
	inq_spool_list_free(list);
}

/* As the user: list the own account, read the own dump, change nothing, see nobody else's. */
static int as_user(void)
{
	struct inq_spool_list *list;
	char other[128];
	int failed = 0, fd;

	if (setgid(1235) || setuid(1234))
		return 100;
	failed |= inq_spool_list(path, 1234, &list, NULL) != INQ_OK || list->count != 1;
	if (failed)
		return 101;
	fd = inq_spool_entry_open(&list->entries[0], NULL);
	failed |= (fd < 0) << 1;
	failed |= (unlink(list->entries[0].path) == 0) << 2;
	snprintf(other, sizeof(other), "%s/1234/x", path);
	failed |= (open(other, O_CREAT | O_WRONLY, 0600) >= 0) << 3;
	failed |= (opendir(path) != NULL) << 4;
	snprintf(other, sizeof(other), "%s/4321", path);
	failed |= (opendir(other) != NULL) << 5;
	return failed;
}

Test(listing, shows_a_user_only_what_is_the_users, .init = setup, .fini = teardown)
{
	const struct inq_spool_account victim = {.uid = 4321, .gid = 4321};
	char name[INQ_SPOOL_NAME];
	int status;
	pid_t pid;

	NEEDS_ROOT();
	cr_assert_eq(store(&user, "mine", 1, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&victim, "theirs", 1, 10, name, NULL), INQ_OK);
	cr_assert_eq(store(&user_root, "suid", 1, 10, name, NULL), INQ_OK);
	pid = fork();
	if (!pid)
		_exit(as_user());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0, "bits %#x", WEXITSTATUS(status));
}
