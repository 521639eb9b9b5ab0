/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPARE_DESCRIPTORS = 24 };

static const char NOTES[] = "inquest.txt";

/* Case apart is not apart where most CABs are unpacked. */
static bool is_taken(const struct package *package, const char *name)
{
	for (size_t i = 0; i < package->count; i++) {
		if (strcasecmp(package->entries[i].name, name) == 0)
			return true;
	}
	return strcasecmp(name, NOTES) == 0;
}

static const struct cabinet_entry *same_file(const struct package *package, const struct stat *st)
{
	struct stat other;

	for (size_t i = 0; i < package->count; i++) {
		if (fstat(package->entries[i].fd, &other) == 0 && other.st_ino == st->st_ino &&
		    other.st_dev == st->st_dev)
			return &package->entries[i];
	}
	return NULL;
}

/* "libfoo.so", "2~libfoo.so", ... */
static void choose_name(const struct package *package, const char *path, char to[CABINET_NAME])
{
	char plain[CABINET_NAME];

	cabinet_safe_name(path, plain);
	memcpy(to, plain, CABINET_NAME);
	for (unsigned i = 2; is_taken(package, to); i++)
		snprintf(to, CABINET_NAME, "%u~%.180s", i, plain);
}

static bool reserve(struct package *package)
{
	size_t capacity = package->capacity ? 2 * package->capacity : 32;
	void *grown;

	if (package->count < package->capacity)
		return true;
	grown = reallocarray(package->entries, capacity, sizeof(*package->entries));
	if (!grown)
		return false;
	package->entries = grown;
	package->capacity = capacity;
	return true;
}

/* Every file stays open until the CAB is written, for which some more are needed. */
static bool has_descriptors(int fd)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || (rlim_t)fd + SPARE_DESCRIPTORS < limit.rlim_cur)
		return true;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       (rlim_t)fd + SPARE_DESCRIPTORS < limit.rlim_cur;
}

static enum inq_status check(const struct package *package, int fd, const struct stat *st,
			     uint64_t others, struct inq_error *err)
{
	if (!has_descriptors(fd))
		return inq_fail(err, INQ_LIMIT, "no more files may be open (ulimit -n)");
	if (!S_ISREG(st->st_mode))
		return inq_fail(err, INQ_UNSUPPORTED, "no regular file");
	if (package->count == PACKAGE_FILES)
		return inq_fail(err, INQ_LIMIT, "more than %d files", PACKAGE_FILES);
	if ((uint64_t)st->st_size > CABINET_MOST ||
	    others + package->size + PACKAGE_NOTES + (uint64_t)st->st_size > CABINET_MOST)
		return inq_fail(err, INQ_LIMIT, "%llu bytes more than a CAB holds",
				(unsigned long long)st->st_size);
	return INQ_OK;
}

enum inq_status package_add(struct package *package, int fd, const char *path, uint64_t others,
			    char ret_name[CABINET_NAME], struct inq_error *err)
{
	const struct cabinet_entry *before;
	struct stat st;
	enum inq_status status = fstat(fd, &st) == 0 ? INQ_OK : inq_fail_os(err, "%s", path);
	char *name;

	before = status == INQ_OK ? same_file(package, &st) : NULL;
	if (before) {
		snprintf(ret_name, CABINET_NAME, "%s", before->name);
		close(fd);
		return INQ_OK;
	}
	if (status == INQ_OK)
		status = check(package, fd, &st, others, err);
	if (status != INQ_OK) {
		close(fd);
		return status;
	}
	choose_name(package, path, ret_name);
	name = strdup(ret_name);
	if (!name || !reserve(package)) {
		free(name);
		close(fd);
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	}
	package->entries[package->count++] =
		(struct cabinet_entry){.name = name, .fd = fd, .size = (size_t)st.st_size};
	package->size += (uint64_t)st.st_size;
	return INQ_OK;
}

enum inq_status package_note(struct package *package, const char *line, struct inq_error *err)
{
	if (package->notes.size + strlen(line) + 1 > PACKAGE_NOTES)
		return inq_fail(err, INQ_LIMIT, "%s: more than %d bytes", NOTES, PACKAGE_NOTES);
	inq_buffer_printf(&package->notes, "%s\n", line);
	return inq_buffer_ok(&package->notes) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "no memory");
}

enum inq_status package_write(const struct package *package, int dump, const char *name, int to,
			      struct inq_error *err)
{
	struct cabinet_entry *entries = calloc(package->count + 2, sizeof(*entries));
	enum inq_status status;
	size_t count = 0;
	struct stat st;

	if (!entries)
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	if (fstat(dump, &st) < 0) {
		free(entries);
		return inq_fail_os(err, "%s", name);
	}
	entries[count++] =
		(struct cabinet_entry){.name = name, .fd = dump, .size = (size_t)st.st_size};
	if (package->notes.size)
		entries[count++] = (struct cabinet_entry){.name = NOTES,
							  .fd = -1,
							  .bytes = package->notes.data,
							  .size = package->notes.size};
	if (package->count)
		memcpy(entries + count, package->entries, package->count * sizeof(*entries));
	status = cabinet_write(entries, count + package->count, to, err);
	free(entries);
	return status;
}

void package_done(struct package *package)
{
	for (size_t i = 0; i < package->count; i++) {
		free((void *)(uintptr_t)package->entries[i].name);
		close(package->entries[i].fd);
	}
	free(package->entries);
	inq_buffer_done(&package->notes);
	*package = (struct package){0};
}
