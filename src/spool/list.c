/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/rules.h"
#include "spool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- growing -------------------------------------------------------------------------------------- */

/* Room for one more element in an array that doubles at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	size_t room = count ? 2 * count : 16;

	if (count >= 16 && (count & (count - 1)))
		return array;
	if (count && count < 16)
		return array;
	return reallocarray(array, room, size);
}

static char *join(const char *directory, const char *account, const char *file)
{
	char *path;

	if (asprintf(&path, "%s%s%s%s%s", directory, directory[strlen(directory) - 1] == '/' ? "" : "/", account,
		     *account ? "/" : "", file) < 0)
		return NULL;
	return path;
}

static bool add_skipped(struct inq_spool_list *list, char *path, const char *reason)
{
	struct inq_spool_skipped *grown = path ? grow(list->skipped, list->skipped_count, sizeof(*grown)) : NULL;

	if (!grown) {
		free(path);
		return false;
	}
	list->skipped = grown;
	list->skipped[list->skipped_count++] = (struct inq_spool_skipped){path, reason};
	return true;
}

static bool add_entry(struct inq_spool_list *list, char *path, const struct inq_spool_account *account,
		      const struct inq_spool_name *name, const struct stat *st)
{
	struct inq_spool_entry *grown = path ? grow(list->entries, list->count, sizeof(*grown)) : NULL;

	if (!grown) {
		free(path);
		return false;
	}
	list->entries = grown;
	list->entries[list->count++] = (struct inq_spool_entry){
		.path = path,
		.file = strrchr(path, '/') + 1,
		.name = *name,
		.uid = account->uid,
		.root_only = account->root_only,
		.size = (uint64_t)st->st_size,
	};
	return true;
}

/* --- reading directories -------------------------------------------------------------------------- */

struct place {
	const char *spool;                /* its path */
	const char *name;                 /* of the account's directory */
	struct inq_spool_account account;
	int fd;
};

static bool look_at(struct inq_spool_list *list, const struct place *place, const char *file)
{
	char *path = join(place->spool, place->name, file);
	struct inq_spool_name name;
	const char *reason;
	struct stat st;

	if (!path)
		return false;
	if (!inq_spool_name_parse(file, &name))
		return add_skipped(list, path, "not a dump's name");
	if (fstatat(place->fd, file, &st, AT_SYMLINK_NOFOLLOW))
		return add_skipped(list, path, "vanished");
	reason = inq_spool_refuse(&st, &place->account);
	return reason ? add_skipped(list, path, reason) : add_entry(list, path, &place->account, &name, &st);
}

/* Call `each` for the names in a directory; takes over the descriptor. */
static enum inq_status for_each(int fd, bool (*each)(void *user, const char *name), void *user,
				struct inq_error *err)
{
	DIR *directory = fdopendir(fd);
	enum inq_status status = INQ_OK;
	size_t seen = 0;
	struct dirent *entry;

	if (!directory) {
		status = inq_fail_os(err, "spool");
		close(fd);
		return status;
	}
	while (status == INQ_OK && seen++ < INQ_SPOOL_SCAN && (entry = readdir(directory))) {
		/* ".", "..", what is being written, and the reserve. */
		if (entry->d_name[0] != '.' && !each(user, entry->d_name))
			status = inq_fail(err, INQ_NO_MEMORY, "spool: no memory for the list");
	}
	closedir(directory);
	return status;
}

struct visit {
	struct inq_spool_list *list;
	struct place place;
	int root;
	enum inq_status status;
	struct inq_error *err;
};

static bool visit_file(void *user, const char *name)
{
	struct visit *visit = user;

	return look_at(visit->list, &visit->place, name);
}

/* One account. INQ_ABSENT: it has none. */
static enum inq_status list_account(struct visit *visit, const char *name)
{
	enum inq_status status;
	int fd = openat(visit->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return inq_fail(visit->err, INQ_ABSENT, "spool: no account '%s'", name);
	if (fd < 0)
		return inq_fail_os(visit->err, "spool: '%s'", name);
	status = inq_spool_check_directory(fd, name, visit->err);
	if (status != INQ_OK) {
		close(fd);
		return status;
	}
	visit->place.name = name;
	visit->place.fd = fd;
	return for_each(fd, visit_file, visit, visit->err);
}

static bool visit_account(void *user, const char *name)
{
	struct visit *visit = user;
	enum inq_status status;

	if (!inq_spool_account_parse(name, &visit->place.account))
		return add_skipped(visit->list, join(visit->place.spool, "", name), "not an account");
	status = list_account(visit, name);
	if (status == INQ_NO_MEMORY)
		return false;
	/* An account that is not safe is no reason to hide the others. */
	if (status == INQ_OK || status == INQ_ABSENT)
		return true;
	return add_skipped(visit->list, join(visit->place.spool, "", name), "not safe to read");
}

static int newest_first(const void *a, const void *b)
{
	const struct inq_spool_entry *left = a, *right = b;

	return inq_spool_name_compare(&right->name, &left->name);
}

static enum inq_status list_for(struct visit *visit, uint32_t viewer)
{
	char name[INQ_SPOOL_DIRECTORY];
	enum inq_status status;
	int fd;

	if (!viewer) {
		fd = openat(visit->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return inq_fail_os(visit->err, "spool: '%s'", visit->place.spool);
		return for_each(fd, visit_account, visit, visit->err);
	}
	visit->place.account = (struct inq_spool_account){.uid = viewer};
	inq_spool_account_name(&visit->place.account, name);
	status = list_account(visit, name);
	return status == INQ_ABSENT ? INQ_OK : status;
}

enum inq_status inq_spool_list(const char *path, uint32_t viewer, struct inq_spool_list **ret,
			       struct inq_error *err)
{
	struct inq_spool_list *list;
	enum inq_status status;
	struct visit visit = {.err = err, .place.spool = path};

	visit.root = inq_spool_walk(path, O_PATH, false, &status, err);
	if (visit.root < 0)
		return inq_prepend(err, status, "spool");
	visit.list = list = calloc(1, sizeof(*list));
	status = list ? list_for(&visit, viewer) : inq_fail(err, INQ_NO_MEMORY, "spool: no memory");
	close(visit.root);
	if (status != INQ_OK) {
		inq_spool_list_free(list);
		return status;
	}
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), newest_first);
	*ret = list;
	return INQ_OK;
}

void inq_spool_list_free(struct inq_spool_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].path);
	for (size_t i = 0; i < list->skipped_count; i++)
		free(list->skipped[i].path);
	free(list->entries);
	free(list->skipped);
	free(list);
}

/* --- choosing ------------------------------------------------------------------------------------- */

const struct inq_spool_entry *inq_spool_find(const struct inq_spool_list *list, const char *wanted,
					     struct inq_error *err)
{
	const struct inq_spool_entry *found = NULL;
	size_t length = strlen(wanted);

	if (!list->count) {
		inq_fail(err, INQ_ABSENT, "there are no dumps");
		return NULL;
	}
	if (!strcmp(wanted, "last"))
		return &list->entries[0];
	for (size_t i = 0; i < list->count; i++) {
		const struct inq_spool_entry *entry = &list->entries[i];

		if (!strcmp(entry->name.program, wanted) || !strcmp(entry->file, wanted))
			return entry;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct inq_spool_entry *entry = &list->entries[i];

		if (!length || strncmp(entry->file, wanted, length))
			continue;
		if (found) {
			inq_fail(err, INQ_USAGE, "'%s' is ambiguous: '%s', '%s'", wanted, found->file,
				 entry->file);
			return NULL;
		}
		found = entry;
	}
	if (!found)
		inq_fail(err, INQ_ABSENT, "no dump begins with '%s'", wanted);
	return found;
}

int inq_spool_entry_open(const struct inq_spool_entry *entry, struct inq_error *err)
{
	const struct inq_spool_account account = {.uid = entry->uid, .root_only = entry->root_only};
	int fd = open(entry->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *reason;
	struct stat st;

	if (fd < 0) {
		inq_fail_os(err, "'%s'", entry->file);
		return -1;
	}
	reason = fstat(fd, &st) ? "cannot be looked at" : inq_spool_refuse(&st, &account);
	if (!reason)
		return fd;
	inq_fail(err, INQ_UNSUPPORTED, "'%s': %s", entry->file, reason);
	close(fd);
	return -1;
}
