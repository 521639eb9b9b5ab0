/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of a name, in a root that the test makes. */
#include "config.h"

#include "support/finder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 8192 };

static char root[] = "/tmp/inq-finder.XXXXXX";
static char found[SIZE];
static size_t used;
static struct inq_finder *finder;
static struct inq_error err;

static void setup(void)
{
	char real[PATH_MAX];

	cr_assert_not_null(mkdtemp(root));
	cr_assert_not_null(realpath(root, real));
	cr_assert_str_eq(real, root);
	cr_assert_eq(inq_finder_new(root, &finder, &err), INQ_OK);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static void cleanup(void)
{
	inq_finder_free(finder);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(finder, .init = setup, .fini = cleanup);

/* A file with its folders, and what is in it. */
static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "we");
	cr_assert_not_null(file, "%s", full);
	fputs(text, file);
	fclose(file);
}

static void find(const char *name, bool deep)
{
	used = inq_finder_find(finder, name, deep, found, sizeof(found));
}

/* The paths in their order, without the root. */
static void expect(const char *const *paths)
{
	size_t at = 0;

	for (; *paths; paths++) {
		cr_assert_lt(at, used, "%s was not found", *paths);
		cr_expect_str_eq(found + at + strlen(root), *paths);
		at += strlen(found + at) + 1;
	}
	cr_expect_eq(at, used, "%s was found", found + (at < used ? at : 0));
}

#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

Test(finder, looks_into_the_loaders_folders_first)
{
	put("/etc/ld.so.conf", "# the system's\ninclude ld.so.conf.d/*.conf\n/opt/last/lib # ours\n");
	put("/etc/ld.so.conf.d/b.conf", "\t/opt/b/lib  \n");
	put("/etc/ld.so.conf.d/a.conf", "/opt/a/lib\nrelative/lib\n/not/there\n");
	put("/etc/ld.so.conf.d/c.other", "/opt/c/lib\n");
	for (size_t i = 0; i < 5; i++)
		put((const char *const[]){"/opt/a/lib/libx.so.1", "/opt/b/lib/libx.so.1", "/opt/c/lib/libx.so.1",
					  "/opt/last/lib/libx.so.1", "/usr/lib/libx.so.1"}[i], "");
	find("libx.so.1", false);
	EXPECT("/opt/a/lib/libx.so.1", "/opt/b/lib/libx.so.1", "/opt/last/lib/libx.so.1", "/usr/lib/libx.so.1");
}

Test(finder, takes_folders_that_are_the_same_once)
{
	char link[PATH_MAX];

	put("/usr/lib/libx.so.1", "");
	snprintf(link, sizeof(link), "%s/lib", root);
	cr_assert_eq(symlink("usr/lib", link), 0);
	find("libx.so.1", false);
	EXPECT("/usr/lib/libx.so.1");
}

Test(finder, looks_everywhere_only_when_asked_to)
{
	put("/opt/product/9/bin/server", "");
	put("/usr/lib/postgresql/15/bin/server", "");
	put("/home/someone/src/build/server", "");
	put("/var/tmp/server", "");
	find("server", false);
	cr_expect_eq(used, 0);
	find("server", true);
	EXPECT("/usr/lib/postgresql/15/bin/server", "/opt/product/9/bin/server", "/home/someone/src/build/server");
}

Test(finder, does_not_follow_links_to_folders)
{
	char link[PATH_MAX];

	put("/opt/a/one", "");
	snprintf(link, sizeof(link), "%s/opt/a/loop", root);
	cr_assert_eq(symlink("..", link), 0);
	find("one", true);
	EXPECT("/opt/a/one");
}

Test(finder, ends_at_a_configuration_that_includes_itself)
{
	put("/etc/ld.so.conf", "include /etc/ld.so.conf\n/opt/a/lib\n");
	put("/opt/a/lib/one", "");
	find("one", false);
	EXPECT("/opt/a/lib/one");
}

Test(finder, refuses_names_that_lead_elsewhere)
{
	static const char *const NAMES[] = {"", ".", "..", "../etc/passwd", "/etc/passwd", "a/b"};

	put("/usr/lib/a/b", "");
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		find(NAMES[i], false);
		cr_expect_eq(used, 0, "'%s'", NAMES[i]);
		find(NAMES[i], true);
		cr_expect_eq(used, 0, "'%s'", NAMES[i]);
	}
}

Test(finder, gives_whole_paths_only)
{
	put("/usr/lib/one", "");
	put("/usr/bin/one", "");
	find("one", false);
	cr_assert_gt(used, 0);
	size_t first = strlen(found) + 1;

	memset(found, 'x', sizeof(found));
	used = inq_finder_find(finder, "one", false, found, first + 3);
	cr_expect_eq(used, first);
	cr_expect_eq(found[first], 'x');
	used = inq_finder_find(finder, "one", false, found, 3);
	cr_expect_eq(used, 0);
}
