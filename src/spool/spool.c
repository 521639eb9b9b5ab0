/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/spool.h"
#include "spool/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
	OLDEST = 64,                /* candidates for eviction that one scan remembers */
	EVICT_ROUNDS = 16,          /* scans for one dump */
	STALE_TEMPORARY = 2 * 3600, /* seconds; above the longest write deadline */
	MAX_SERIALS = 100,
};

/* --- opening -------------------------------------------------------------------------------------- */

enum inq_status inq_spool_open(const char *path, struct inq_spool *ret, struct inq_error *err)
{
	enum inq_status status;
	int fd = inq_spool_walk(path, O_RDONLY, false, &status, err);

	if (fd >= 0)
		ret->fd = fd;
	return fd >= 0 ? INQ_OK : inq_prepend(err, status, "spool");
}

enum inq_status inq_spool_prepare(const char *path, struct inq_spool *ret, struct inq_error *err)
{
	enum inq_status status;
	int fd = inq_spool_walk(path, O_RDONLY, true, &status, err);

	if (fd < 0)
		return inq_prepend(err, status, "spool");
	if (fchmod(fd, 0711)) {
		status = inq_fail_os(err, "spool: '%s'", path);
		close(fd);
		return status;
	}
	ret->fd = fd;
	inq_spool_refill(ret);
	return INQ_OK;
}

void inq_spool_close(struct inq_spool *spool)
{
	if (spool && spool->fd >= 0)
		close(spool->fd);
	if (spool)
		spool->fd = -1;
}

/* --- an account's directory ----------------------------------------------------------------------- */

/* The form of the system.posix_acl_access attribute: linux/posix_acl_xattr.h, little-endian. */
struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

struct acl {
	uint32_t version;
	struct acl_entry entries[5];
};
_Static_assert(sizeof(struct acl) == 44, "what the kernel expects");

/* Let the user list and enter; only root writes. Where there are no ACLs, whoever knows a name may enter: the
 * files belong to the user and are 0600. */
static int grant(int fd, uint32_t uid)
{
	const struct acl acl = {
		.version = 2,
		.entries = {
			{0x01, 7, UINT32_MAX}, /* owner */
			{0x02, 5, uid},
			{0x04, 0, UINT32_MAX}, /* group */
			{0x10, 5, UINT32_MAX}, /* mask */
			{0x20, 0, UINT32_MAX}, /* others */
		},
	};

	if (!fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0))
		return 0;
	return errno == EOPNOTSUPP ? fchmod(fd, 0711) : -1;
}

/* Also mends a directory whose maker died between mkdir and grant. */
static enum inq_status set_rights(int fd, const struct inq_spool_account *account, const char *name,
				  struct inq_error *err)
{
	bool closed = account->root_only || !account->uid;
	struct stat st;

	if (fstat(fd, &st))
		return inq_fail_os(err, "spool: '%s'", name);
	if (closed ? (st.st_mode & 07777) == 0700 : (st.st_mode & 0111) == 0110 || (st.st_mode & 0111) == 0111)
		return INQ_OK;
	if (closed ? fchmod(fd, 0700) : grant(fd, account->uid))
		return inq_fail_os(err, "spool: '%s': could not set who may read", name);
	return INQ_OK;
}

static enum inq_status open_account(const struct inq_spool *spool, const struct inq_spool_account *account,
				    int *ret_fd, struct inq_error *err)
{
	char name[INQ_SPOOL_DIRECTORY];
	enum inq_status status;
	int fd;

	inq_spool_account_name(account, name);
	fd = openat(spool->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(spool->fd, name, 0700) && errno != EEXIST)
			return inq_fail_os(err, "spool: '%s'", name);
		fsync(spool->fd);
		fd = openat(spool->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return inq_fail_os(err, "spool: '%s'", name);
	status = inq_spool_check_directory(fd, name, err);
	if (status == INQ_OK)
		status = set_rights(fd, account, name, err);
	if (status != INQ_OK)
		close(fd);
	else
		*ret_fd = fd;
	return status;
}

/* --- limits --------------------------------------------------------------------------------------- */

/* What a scan of an account found. */
struct usage {
	uint64_t count, bytes;
	struct inq_spool_name oldest[OLDEST]; /* sorted, oldest first */
	uint64_t oldest_bytes[OLDEST];
	size_t oldest_count;
};

static void remember(struct usage *usage, const struct inq_spool_name *name, uint64_t bytes)
{
	size_t at = usage->oldest_count;

	while (at && inq_spool_name_compare(name, &usage->oldest[at - 1]) < 0)
		at--;
	if (at == OLDEST)
		return;
	if (usage->oldest_count < OLDEST)
		usage->oldest_count++;
	for (size_t i = usage->oldest_count - 1; i > at; i--) {
		usage->oldest[i] = usage->oldest[i - 1];
		usage->oldest_bytes[i] = usage->oldest_bytes[i - 1];
	}
	usage->oldest[at] = *name;
	usage->oldest_bytes[at] = bytes;
}

static bool is_temporary(const char *name)
{
	size_t prefix = sizeof(INQ_SPOOL_TEMPORARY) - 1;

	return !strncmp(name, INQ_SPOOL_TEMPORARY, prefix) && strlen(name) == prefix + 32 &&
	       strspn(name + prefix, "0123456789abcdef") == 32;
}

/* Blocks, not size: the user may have made the file sparse or long. Only names that we wrote count, and only
 * such ones are ever removed. */
static void count_entry(int directory, const char *name, struct usage *usage)
{
	struct inq_spool_name parsed;
	struct stat st;

	if (name[0] == '.' ? !is_temporary(name) : !inq_spool_name_parse(name, &parsed))
		return;
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return;
	if (name[0] == '.') {
		if (st.st_mtime + STALE_TEMPORARY < time(NULL))
			unlinkat(directory, name, 0);
		return;
	}
	usage->count++;
	usage->bytes += (uint64_t)st.st_blocks * 512;
	remember(usage, &parsed, (uint64_t)st.st_blocks * 512);
}

static void scan(int directory, struct usage *usage)
{
	_Alignas(struct dirent64) char buffer[16384];
	size_t seen = 0;
	ssize_t size;

	memset(usage, 0, sizeof(*usage));
	if (lseek(directory, 0, SEEK_SET))
		return;
	while (seen < INQ_SPOOL_SCAN && (size = getdents64(directory, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < size; seen++) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			count_entry(directory, entry->d_name, usage);
			at += entry->d_reclen;
		}
	}
}

/* Does the file system keep enough free when `freed` bytes are given back and `expected` bytes more are written? */
static bool leaves_free(int directory, const struct inq_config *config, uint64_t freed, uint64_t expected)
{
	uint64_t total, available, keep, wanted;
	struct statvfs st;

	if (fstatvfs(directory, &st))
		return false;
	total = (uint64_t)st.f_blocks * st.f_frsize;
	available = (uint64_t)st.f_bavail * st.f_frsize + freed;
	keep = total / 100 * config->keep_free_percent;
	if (keep > config->keep_free)
		keep = config->keep_free;
	return !__builtin_add_overflow(keep, expected, &wanted) && available >= wanted;
}

static bool fits(int directory, const struct usage *usage, const struct inq_config *config, uint64_t written,
		 uint64_t expected)
{
	return usage->count < config->max_count && expected <= config->max_bytes &&
	       usage->bytes <= config->max_bytes - expected && leaves_free(directory, config, written, expected);
}

/* Of the `expected` bytes `written` ones are on the disk already. */
static enum inq_status make_room(int directory, const struct inq_config *config, uint64_t written, uint64_t expected,
				 struct inq_error *err)
{
	if (!config->max_count || expected > config->max_dump || expected > config->max_bytes)
		return inq_fail(err, INQ_LIMIT, "spool: %llu bytes are more than the limits allow",
				(unsigned long long)expected);
	for (unsigned round = 0; round < EVICT_ROUNDS; round++) {
		struct usage usage;
		size_t i;

		scan(directory, &usage);
		/* Where all of them would not be enough, none is removed. */
		if (!leaves_free(directory, config, usage.bytes + written, expected))
			break;
		for (i = 0; !fits(directory, &usage, config, written, expected) && i < usage.oldest_count; i++) {
			char name[INQ_SPOOL_NAME];

			inq_spool_name_format(&usage.oldest[i], name);
			unlinkat(directory, name, 0);
			usage.count--;
			usage.bytes -= usage.oldest_bytes[i];
		}
		if (fits(directory, &usage, config, written, expected))
			return INQ_OK;
		if (!i)
			break;
	}
	return inq_fail(err, INQ_LIMIT, "spool: no room for %llu bytes, even without this user's older dumps",
			(unsigned long long)expected);
}

/* --- a new dump ----------------------------------------------------------------------------------- */

static int create_named(struct inq_spool_file *file)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];
	char *to = file->temporary + sizeof(INQ_SPOOL_TEMPORARY) - 1;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -1;
	memcpy(file->temporary, INQ_SPOOL_TEMPORARY, sizeof(INQ_SPOOL_TEMPORARY));
	for (size_t i = 0; i < sizeof(random); i++) {
		*to++ = digits[random[i] >> 4];
		*to++ = digits[random[i] & 15];
	}
	*to = '\0';
	return openat(file->directory, file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static enum inq_status create_file(struct inq_spool_file *file, struct inq_error *err)
{
	file->fd = openat(file->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* EISDIR: a kernel or file system that takes O_TMPFILE for O_DIRECTORY. */
	if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		file->fd = create_named(file);
	if (file->fd < 0)
		return inq_fail_os(err, "spool: could not make a file");
	return fchmod(file->fd, 0600) ? inq_fail_os(err, "spool: could not set the mode") : INQ_OK;
}

enum inq_status inq_spool_create(const struct inq_spool *spool, const struct inq_spool_account *account,
				 struct inq_spool_file *ret, struct inq_error *err)
{
	struct inq_spool_file file = {.fd = -1, .directory = -1};
	enum inq_status status = open_account(spool, account, &file.directory, err);

	if (status == INQ_OK)
		status = create_file(&file, err);
	if (status != INQ_OK) {
		inq_spool_abandon(&file);
		return status;
	}
	*ret = file;
	return INQ_OK;
}

enum inq_status inq_spool_reserve(const struct inq_spool_file *file, const struct inq_config *config,
				  uint64_t expected, struct inq_error *err)
{
	enum inq_status status = make_room(file->directory, config, 0, expected, err);

	if (status != INQ_OK)
		return status;
	/* The size stays as it is, so that a reserve that was not used is not part of the dump. */
	if (expected && fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)expected) && errno != EOPNOTSUPP &&
	    errno != ENOSYS)
		return inq_fail_os(err, "spool: could not reserve %llu bytes", (unsigned long long)expected);
	return INQ_OK;
}

enum inq_status inq_spool_settle(const struct inq_spool_file *file, const struct inq_config *config,
				 struct inq_error *err)
{
	uint64_t written;
	struct stat st;

	if (fstat(file->fd, &st))
		return inq_fail_os(err, "spool: could not look at the dump");
	if ((uint64_t)st.st_size > config->max_dump)
		return inq_fail(err, INQ_LIMIT, "spool: the dump has %llu bytes, at most %llu",
				(unsigned long long)st.st_size, (unsigned long long)config->max_dump);
	written = (uint64_t)st.st_blocks * 512;
	return make_room(file->directory, config, written, written, err);
}

void inq_spool_abandon(struct inq_spool_file *file)
{
	if (file->temporary[0] && file->directory >= 0)
		unlinkat(file->directory, file->temporary, 0);
	if (file->fd >= 0)
		close(file->fd);
	if (file->directory >= 0)
		close(file->directory);
	*file = (struct inq_spool_file){.fd = -1, .directory = -1};
}

/* Owner and contents reach the disk before the name does. */
static enum inq_status finish(int fd, const struct inq_spool_account *account, struct inq_error *err)
{
	uid_t uid = account->root_only ? 0 : account->uid;
	gid_t gid = account->root_only ? 0 : account->gid;
	struct stat st;

	if (fstat(fd, &st) || ftruncate(fd, st.st_size))
		return inq_fail_os(err, "spool: could not give back what was reserved");
	if (fchown(fd, uid, gid) || fchmod(fd, 0600))
		return inq_fail_os(err, "spool: could not set the owner");
	if (fsync(fd))
		return inq_fail_os(err, "spool: could not sync");
	return INQ_OK;
}

static int link_file(const struct inq_spool_file *file, const char *name)
{
	if (file->temporary[0])
		return renameat2(file->directory, file->temporary, file->directory, name, RENAME_NOREPLACE);
	return linkat(file->fd, "", file->directory, name, AT_EMPTY_PATH);
}

/* Give the next free name by `give`, which fails with EEXIST where a name is taken. */
static enum inq_status name_it(const struct inq_spool_file *file, const struct inq_spool_name *wanted,
			       int (*give)(const struct inq_spool_file *file, const char *name),
			       char ret_name[INQ_SPOOL_NAME], struct inq_error *err)
{
	struct inq_spool_name name = *wanted;
	char text[INQ_SPOOL_NAME];

	for (name.serial = 0; name.serial < MAX_SERIALS; name.serial++) {
		inq_spool_name_format(&name, text);
		if (!give(file, text)) {
			memcpy(ret_name, text, sizeof(text));
			return INQ_OK;
		}
		if (errno != EEXIST)
			return inq_fail_os(err, "spool: could not name the dump");
	}
	return inq_fail(err, INQ_LIMIT, "spool: '%s' and all its serials are taken", text);
}

enum inq_status inq_spool_publish(struct inq_spool_file *file, const struct inq_spool_account *account,
				  const struct inq_spool_name *name, char ret_name[INQ_SPOOL_NAME],
				  struct inq_error *err)
{
	enum inq_status status = finish(file->fd, account, err);

	if (status == INQ_OK)
		status = name_it(file, name, link_file, ret_name, err);
	if (status == INQ_OK) {
		file->temporary[0] = '\0';
		fsync(file->directory);
	}
	inq_spool_abandon(file);
	return status;
}

/* --- the reserve ---------------------------------------------------------------------------------- */

void inq_spool_refill(const struct inq_spool *spool)
{
	int fd = openat(spool->fd, INQ_SPOOL_RESERVE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, INQ_SPOOL_RESERVE))
		unlinkat(spool->fd, INQ_SPOOL_RESERVE_NAME, 0);
	close(fd);
}

/* `file.fd` is the spool's root here, `file.directory` the account's. */
static int rename_reserve(const struct inq_spool_file *file, const char *name)
{
	return renameat2(file->fd, INQ_SPOOL_RESERVE_NAME, file->directory, name, RENAME_NOREPLACE);
}

/* Nobody else may be writing its last word over the same file: they hold a lock on it, and when they are done it
 * is no longer what the name leads to. */
static int claim_reserve(const struct inq_spool *spool)
{
	int fd = openat(spool->fd, INQ_SPOOL_RESERVE_NAME, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat mine, named;

	if (fd < 0)
		return -1;
	/* The lock is on a root-only file and is gone with its holder. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (!fcntl(fd, F_OFD_SETLK, &lock) && !fstat(fd, &mine) && S_ISREG(mine.st_mode) && mine.st_nlink == 1 &&
	    mine.st_uid == 0 && !fstatat(spool->fd, INQ_SPOOL_RESERVE_NAME, &named, AT_SYMLINK_NOFOLLOW) &&
	    named.st_ino == mine.st_ino && named.st_dev == mine.st_dev)
		return fd;
	close(fd);
	return -1;
}

enum inq_status inq_spool_last_word(const struct inq_spool *spool, const struct inq_spool_account *account,
				    const void *bytes, size_t size, const struct inq_spool_name *name,
				    char ret_name[INQ_SPOOL_NAME], struct inq_error *err)
{
	struct inq_spool_file place = {.fd = spool->fd, .directory = -1};
	enum inq_status status;
	int fd;

	if (size > INQ_SPOOL_RESERVE)
		return inq_fail(err, INQ_LIMIT, "spool: a last word of %zu bytes, at most %d", size,
				INQ_SPOOL_RESERVE);
	status = open_account(spool, account, &place.directory, err);
	if (status != INQ_OK)
		return status;
	fd = claim_reserve(spool);
	if (fd < 0) {
		close(place.directory);
		return inq_fail(err, INQ_ABSENT, "spool: the reserve is used up");
	}
	if (pwrite(fd, bytes, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size))
		status = inq_fail_os(err, "spool: could not write over the reserve");
	if (status == INQ_OK)
		status = finish(fd, account, err);
	if (status == INQ_OK)
		status = name_it(&place, name, rename_reserve, ret_name, err);
	if (status == INQ_OK)
		fsync(place.directory);
	close(fd);
	close(place.directory);
	return status;
}
