/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/place.h"

#include "support/frames_writer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0600, ATTEMPTS = 100 };

/* A file without a name; where the file system cannot, one with a hidden name. */
static int open_nameless(int directory, const char *name, char hidden[NAME_MAX + 1])
{
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);

	hidden[0] = '\0';
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
		return fd;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		snprintf(hidden, NAME_MAX + 1, ".%.200s.%d.%u", name, (int)getpid(), i);
		fd = openat(directory, hidden, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, MODE);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	if (fd < 0)
		hidden[0] = '\0';
	return fd;
}

static enum inq_status check_name(const struct place *place, struct inq_error *err)
{
	struct stat st;

	if (fstatat(place->directory, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return INQ_OK;
	if (!S_ISREG(st.st_mode))
		return inq_fail(err, INQ_UNSUPPORTED, "'%s': there is something else of that name, and no file",
				place->path);
	if (!place->overwrite)
		return inq_fail(err, INQ_USAGE, "'%s' is there already; /o overwrites it", place->path);
	return INQ_OK;
}

static enum inq_status split(struct place *place, struct inq_error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(place->path, '/');
	const char *name = slash ? slash + 1 : place->path;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return inq_fail(err, INQ_USAGE, "'%s': names no file", place->path);
	if (strlen(name) > NAME_MAX)
		return inq_fail(err, INQ_LIMIT, "'%s': a name of %zu bytes, at most %d", place->path, strlen(name),
				NAME_MAX);
	memcpy(place->name, name, strlen(name) + 1);
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - place->path) : 1, slash ? place->path : ".");
	place->directory = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->directory >= 0)
		return INQ_OK;
	return errno == ENOENT ? inq_fail(err, INQ_ABSENT, "'%s': no such folder", folder)
			       : inq_fail_os(err, "'%s'", folder);
}

enum inq_status place_open(const char *path, bool overwrite, struct place *ret, struct inq_error *err)
{
	struct place place = {.overwrite = overwrite, .directory = -1, .file = -1};
	enum inq_status status;

	if (strlen(path) >= sizeof(place.path))
		return inq_fail(err, INQ_LIMIT, "a path of %zu bytes", strlen(path));
	memcpy(place.path, path, strlen(path) + 1);
	status = split(&place, err);
	if (status == INQ_OK)
		status = check_name(&place, err);
	if (status == INQ_OK) {
		place.file = open_nameless(place.directory, place.name, place.hidden);
		if (place.file < 0)
			status = inq_fail_os(err, "'%s'", path);
	}
	place.open = place.directory >= 0;
	if (status != INQ_OK) {
		place_drop(&place);
		return status;
	}
	*ret = place;
	return INQ_OK;
}

/* --- the finished file ------------------------------------------------------------------------------------- */

/* A compressed one begins with a frame that holds its first bytes as they are. */
static bool is_dump(int fd, enum place_form form)
{
	static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned char bytes[INQ_FRAMES_HEAD + 18], *head = bytes;

	if (pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		return false;
	if (form & PLACE_COMPRESSED) {
		if (memcmp(bytes, zstd, sizeof(zstd)) != 0)
			return false;
		head += INQ_FRAMES_HEAD;
	}
	/* e_type of a core, in the byte order that the file says it has */
	if (memcmp(head, ELFMAG, SELFMAG) == 0)
		return head[head[EI_DATA] == ELFDATA2MSB ? 17 : 16] == ET_CORE;
	return memcmp(head, "MDMP", 4) == 0;
}

/* What the dump is called in the CAB: "x.cab" holds "x.dmp", or "x.core". */
static void name_inside(const struct place *place, char to[CABINET_NAME])
{
	char stem[NAME_MAX + 1], magic[4] = "", *dot;
	bool is_core = pread(place->file, magic, sizeof(magic), 0) == sizeof(magic) && magic[0] == ELFMAG0;

	memcpy(stem, place->name, sizeof(stem));
	dot = strrchr(stem, '.');
	if (dot && dot != stem)
		*dot = '\0';
	/* A name in the CAB is shorter than one of a file may be; the ending must be in it. */
	stem[CABINET_NAME - 16] = '\0';
	cabinet_safe_name(stem, to);
	snprintf(to + strlen(to), CABINET_NAME - strlen(to), "%s", is_core ? ".core" : ".dmp");
}

/* Another nameless file in its place, with it inside. */
static enum inq_status package(struct place *place, struct inq_error *err)
{
	char hidden[NAME_MAX + 1], inside[CABINET_NAME];
	enum inq_status status;
	int made;

	made = open_nameless(place->directory, place->name, hidden);
	if (made < 0)
		return inq_fail_os(err, "'%s'", place->path);
	name_inside(place, inside);
	status = package_write(&place->package, place->file, inside, made, err);
	if (status == INQ_OK) {
		close(place->file);
		if (place->hidden[0])
			unlinkat(place->directory, place->hidden, 0);
		place->file = made;
		memcpy(place->hidden, hidden, sizeof(hidden));
		return INQ_OK;
	}
	close(made);
	if (hidden[0])
		unlinkat(place->directory, hidden, 0);
	return inq_prepend(err, status, "'%s'", place->path);
}

enum inq_status place_add(struct place *place, int fd, const char *path, char ret_name[CABINET_NAME],
			  struct inq_error *err)
{
	struct stat st;

	if (place->open && fstat(place->file, &st) == 0)
		return package_add(&place->package, fd, path, (uint64_t)st.st_size, ret_name, err);
	close(fd);
	return inq_fail(err, INQ_USAGE, "no dump is being written");
}

enum inq_status place_note(struct place *place, const char *line, struct inq_error *err)
{
	return place->open ? package_note(&place->package, line, err)
			   : inq_fail(err, INQ_USAGE, "no dump is being written");
}

static int link_as(const struct place *place, const char *name)
{
	char self[40];

	if (place->hidden[0])
		return linkat(place->directory, place->hidden, place->directory, name, 0);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place->file);
	return linkat(AT_FDCWD, self, place->directory, name, AT_SYMLINK_FOLLOW);
}

/* Over a file that is there only at once: linked beside it, then renamed onto it. */
static enum inq_status give_name(struct place *place, struct inq_error *err)
{
	char beside[NAME_MAX + 1];

	if (link_as(place, place->name) == 0)
		return INQ_OK;
	if (errno != EEXIST || !place->overwrite)
		return errno == EEXIST ? inq_fail(err, INQ_USAGE, "'%s' is there already; /o overwrites it", place->path)
				       : inq_fail_os(err, "'%s'", place->path);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		snprintf(beside, sizeof(beside), ".%.200s.%d.new%u", place->name, (int)getpid(), i);
		if (link_as(place, beside) == 0) {
			if (renameat(place->directory, beside, place->directory, place->name) == 0)
				return INQ_OK;
			inq_fail_os(err, "'%s'", place->path);
			unlinkat(place->directory, beside, 0);
			return err ? err->status : INQ_OS;
		}
		if (errno != EEXIST)
			break;
	}
	return inq_fail_os(err, "'%s'", place->path);
}

enum inq_status place_publish(struct place *place, enum place_form form, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	if (!place->open)
		return inq_fail(err, INQ_USAGE, "no dump is being written");
	if (!is_dump(place->file, form))
		status = inq_fail(err, INQ_BAD_DATA, "'%s': what was written is no dump", place->path);
	if (status == INQ_OK && form & PLACE_CABINET)
		status = package(place, err);
	if (status == INQ_OK)
		status = give_name(place, err);
	place_drop(place);
	return status;
}

void place_drop(struct place *place)
{
	if (!place->open)
		return;
	if (place->hidden[0])
		unlinkat(place->directory, place->hidden, 0);
	if (place->file >= 0)
		close(place->file);
	if (place->directory >= 0)
		close(place->directory);
	package_done(&place->package);
	*place = (struct place){.directory = -1, .file = -1};
}
