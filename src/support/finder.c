/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/finder.h"

#include "support/buffer.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Taken by the loader whatever its configuration says (ld.so(8)), and where programs are. */
static const char *const USUAL[] = {
	"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
	"/usr/games", "/bin", "/sbin",
};

/* What lies deeper: plug-ins, programs' own libraries, what was not installed by the system; then people's own. */
static const char *const TREES[] = {"/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local", "/opt", "/srv"};
static const char *const HOMES[] = {"/root", "/home"};

/* Folders, each once. */
struct folders {
	struct inq_buffer names; /* char *[]: owned */
};

struct inq_finder {
	char *root;
	bool has_usual, has_deep;
	struct folders usual, deep;
	unsigned configs; /* files read so far */
};

static size_t count(const struct folders *folders)
{
	return folders->names.size / sizeof(char *);
}

static const char *name_at(const struct folders *folders, size_t index)
{
	return ((char *const *)folders->names.data)[index];
}

/* A few dozen: looking at all of them is quick. */
static bool has(const struct folders *folders, const char *path)
{
	for (size_t i = 0; i < count(folders); i++)
		if (strcmp(name_at(folders, i), path) == 0)
			return true;
	return false;
}

/* Takes the string. */
static void add(struct folders *folders, char *path)
{
	if (!path)
		return;
	inq_buffer_append(&folders->names, &path, sizeof(path));
	if (!inq_buffer_ok(&folders->names))
		free(path);
}

static void done(struct folders *folders)
{
	for (size_t i = 0; i < count(folders); i++)
		free(((char **)folders->names.data)[i]);
	inq_buffer_done(&folders->names);
}

/* --- where files usually are ------------------------------------------------------------------------- */

/* Links resolved: /lib is /usr/lib on most systems. Folders that are not there are no folders. */
static void add_usual(struct inq_finder *finder, const char *root, const char *path)
{
	char joined[PATH_MAX], *real;

	if (path[0] != '/' || snprintf(joined, sizeof(joined), "%s%s", root, path) >= (int)sizeof(joined))
		return;
	real = realpath(joined, NULL);
	if (real && !has(&finder->usual, real))
		add(&finder->usual, real);
	else
		free(real);
}

static void read_config(struct inq_finder *finder, const char *path);

/* "include PATTERN ...": relative ones are meant from the folder of the file. */
static void include(struct inq_finder *finder, const char *from, char *patterns)
{
	const char *slash = strrchr(from, '/');
	char *rest = NULL;

	for (char *pattern = strtok_r(patterns, " \t", &rest); pattern; pattern = strtok_r(NULL, " \t", &rest)) {
		char joined[PATH_MAX];
		glob_t found;
		int length = pattern[0] == '/' ? snprintf(joined, sizeof(joined), "%s%s", finder->root, pattern)
					       : snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - from), from,
							  pattern);

		if (length >= (int)sizeof(joined) || glob(joined, 0, NULL, &found))
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_config(finder, found.gl_pathv[i]);
		globfree(&found);
	}
}

static void take_line(struct inq_finder *finder, const char *from, char *line)
{
	static const char INCLUDE[] = "include";
	size_t length;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	length = strlen(line);
	while (length && strchr(" \t\r", line[length - 1]))
		line[--length] = '\0';
	if (strncmp(line, INCLUDE, sizeof(INCLUDE) - 1) == 0 && strchr(" \t", line[sizeof(INCLUDE) - 1]))
		include(finder, from, line + sizeof(INCLUDE) - 1);
	else
		add_usual(finder, finder->root, line);
}

static void read_config(struct inq_finder *finder, const char *path)
{
	char *text, *rest = NULL;
	ssize_t size = 0;
	int fd;

	if (finder->configs++ >= INQ_FINDER_CONFIGS)
		return;
	text = malloc(INQ_FINDER_CONFIG + 1);
	fd = text ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd >= 0) {
		size = read(fd, text, INQ_FINDER_CONFIG);
		close(fd);
	}
	if (size > 0) {
		text[size] = '\0';
		for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			take_line(finder, path, line);
	}
	free(text);
}

static void add_path_variable(struct inq_finder *finder)
{
	const char *path = getenv("PATH");
	char *list = path ? strdup(path) : NULL, *rest = NULL;

	for (char *folder = list ? strtok_r(list, ":", &rest) : NULL; folder; folder = strtok_r(NULL, ":", &rest))
		add_usual(finder, "", folder);
	free(list);
}

static void list_usual(struct inq_finder *finder)
{
	char config[PATH_MAX];

	finder->has_usual = true;
	if (snprintf(config, sizeof(config), "%s/etc/ld.so.conf", finder->root) < (int)sizeof(config))
		read_config(finder, config);
	for (size_t i = 0; i < sizeof(USUAL) / sizeof(USUAL[0]); i++)
		add_usual(finder, finder->root, USUAL[i]);
	if (!finder->root[0])
		add_path_variable(finder);
}

/* --- all folders --------------------------------------------------------------------------------------- */

static bool is_folder(int parent, const struct dirent *entry)
{
	struct stat st;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR; /* links are not followed: no folder twice, no end in themselves */
	return fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void add_children(struct inq_finder *finder, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)) && count(&finder->deep) < INQ_FINDER_FOLDERS) {
		char *child;

		if (is_folder(dirfd(folder), entry) && asprintf(&child, "%s/%s", path, entry->d_name) > 0)
			add(&finder->deep, child);
	}
	if (folder)
		closedir(folder);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is below the last `trees` folders of the list, the shallow ones first: each level is behind the one that it
 * was found in. */
static void list_trees(struct inq_finder *finder, size_t trees, uint64_t until)
{
	size_t from = count(&finder->deep) - trees;

	for (unsigned depth = 0; depth < INQ_FINDER_DEPTH; depth++) {
		size_t end = count(&finder->deep);

		for (; from < end && inq_buffer_ok(&finder->deep.names) && now_ms() < until; from++)
			add_children(finder, name_at(&finder->deep, from));
	}
}

static size_t add_trees(struct inq_finder *finder, const char *const *trees, size_t size)
{
	size_t before = count(&finder->deep);

	for (size_t i = 0; i < size; i++) {
		char *tree;

		if (asprintf(&tree, "%s%s", finder->root, trees[i]) > 0)
			add(&finder->deep, tree);
	}
	return count(&finder->deep) - before;
}

/* One's own home first, where another root is not looked at. */
static size_t add_homes(struct inq_finder *finder)
{
	const char *home = finder->root[0] ? NULL : getenv("HOME");
	size_t added = 0;

	if (home && home[0] == '/' && home[1] && strcmp(home, HOMES[0]) != 0) {
		add(&finder->deep, strdup(home));
		added++;
	}
	return added + add_trees(finder, HOMES, sizeof(HOMES) / sizeof(HOMES[0]));
}

/* Homes can lie on other machines, and be large. */
static void list_deep(struct inq_finder *finder)
{
	uint64_t until = now_ms() + INQ_FINDER_MS;

	finder->has_deep = true;
	list_trees(finder, add_trees(finder, TREES, sizeof(TREES) / sizeof(TREES[0])), until);
	list_trees(finder, add_homes(finder), until);
}

/* --- the search ------------------------------------------------------------------------------------------ */

enum inq_status inq_finder_new(const char *root, struct inq_finder **ret, struct inq_error *err)
{
	struct inq_finder *finder = calloc(1, sizeof(*finder));

	if (finder)
		finder->root = strdup(root);
	if (!finder || !finder->root) {
		free(finder);
		return inq_fail(err, INQ_NO_MEMORY, "no memory to look for files");
	}
	*ret = finder;
	return INQ_OK;
}

void inq_finder_free(struct inq_finder *finder)
{
	if (!finder)
		return;
	done(&finder->usual);
	done(&finder->deep);
	free(finder->root);
	free(finder);
}

size_t inq_finder_find(struct inq_finder *finder, const char *name, bool deep, char *to, size_t size)
{
	struct folders *folders = deep ? &finder->deep : &finder->usual;
	size_t used = 0;

	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (deep && !finder->has_deep)
		list_deep(finder);
	if (!deep && !finder->has_usual)
		list_usual(finder);
	for (size_t i = 0; i < count(folders); i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof(path), "%s/%s", name_at(folders, i), name);

		if (length >= (int)sizeof(path) || (size_t)length + 1 > size - used || access(path, F_OK))
			continue;
		memcpy(to + used, path, (size_t)length + 1);
		used += (size_t)length + 1;
	}
	return used;
}
