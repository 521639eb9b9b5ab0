/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/file.h"
#include "support/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024,
	SLOTS = 16, /* of blocks: 1 MiB; of frames: fewer, as they are larger */
	FRAME_CACHE_BYTES = 16 * 1024 * 1024,
};

/* A run of the file's (unpacked) bytes that is in memory. */
struct slot {
	uint64_t start;
	size_t size; /* 0: empty */
	size_t capacity;
	uint8_t *data;
	uint64_t used; /* when, by the clock of the cache */
};

struct inq_file {
	struct inq_raw raw; /* what is stored: a descriptor or bytes in memory */
	char *name;
	uint64_t size;   /* unpacked */
	uint64_t stored; /* bytes, as it was opened */
	uint64_t time;   /* of the last write */
	bool compressed;
	struct inq_frames *frames; /* where the file is compressed and not unpacked */
	struct slot slots[SLOTS];
	struct slot *last; /* the slot of the last read, or NULL */
	unsigned slot_count;
	uint64_t clock;
};

const char *inq_file_name(const struct inq_file *file)
{
	return file->name;
}

uint64_t inq_file_size(const struct inq_file *file)
{
	return file->size;
}

uint64_t inq_file_time(const struct inq_file *file)
{
	return file->time;
}

uint64_t inq_file_stored_size(const struct inq_file *file)
{
	return file->stored;
}

bool inq_file_is_compressed(const struct inq_file *file)
{
	return file->compressed;
}

void inq_file_close(struct inq_file *file)
{
	if (!file)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(file->slots[i].data);
	inq_frames_free(file->frames);
	if (file->raw.fd >= 0)
		close(file->raw.fd);
	free(file->name);
	free(file);
}

/* --- opening ------------------------------------------------------------------------- */

/* Frames are cached whole: as many as fit into the budget, at least two (a walk that alternates).
 */
static unsigned frame_slots(const struct inq_frames *frames)
{
	size_t fit = FRAME_CACHE_BYTES / inq_frames_largest(frames);

	return fit < 2 ? 2 : fit > SLOTS ? SLOTS : (unsigned)fit;
}

static enum inq_status open_compressed(struct inq_file *file, struct inq_error *err)
{
	enum inq_status status = inq_frames_open(&file->raw, &file->frames, err);
	int fd;

	file->compressed = true;
	if (status == INQ_OK) {
		file->size = inq_frames_size(file->frames);
		file->slot_count = frame_slots(file->frames);
		return INQ_OK;
	}
	if (status != INQ_ABSENT)
		return status;
	status = inq_frames_unpack(&file->raw, INQ_FILE_MAX_UNPACKED, &fd, &file->size, err);
	if (status != INQ_OK)
		return status;
	if (file->raw.fd >= 0)
		close(file->raw.fd);
	file->raw = (struct inq_raw){.fd = fd, .size = file->size};
	return INQ_OK;
}

/* Consumes the descriptor of `raw`, also on failure. */
static enum inq_status open_raw(struct inq_raw raw, const char *name, struct inq_file **ret,
				struct inq_error *err)
{
	struct inq_file *file = calloc(1, sizeof(*file));
	enum inq_status status = INQ_OK;

	if (file)
		file->name = strdup(name);
	if (!file || !file->name) {
		if (raw.fd >= 0)
			close(raw.fd);
		free(file);
		return inq_fail(err, INQ_NO_MEMORY, "'%s': no memory", name);
	}
	file->raw = raw;
	file->size = raw.size;
	file->stored = raw.size;
	file->slot_count = SLOTS;
	if (inq_frames_begin(&raw))
		status = open_compressed(file, err);
	if (status != INQ_OK) {
		inq_prepend(err, status, "'%s'", name);
		inq_file_close(file);
		return status;
	}
	*ret = file;
	return INQ_OK;
}

enum inq_status inq_file_open_fd(int fd, const char *name, struct inq_file **ret,
				 struct inq_error *err)
{
	enum inq_status status;
	struct stat stat;

	if (fstat(fd, &stat) != 0) {
		status = inq_fail_os(err, "'%s'", name);
	} else if (!S_ISREG(stat.st_mode)) {
		status = inq_fail(err, INQ_UNSUPPORTED, "'%s': not a regular file", name);
	} else {
		status = open_raw((struct inq_raw){.fd = fd, .size = (uint64_t)stat.st_size}, name,
				  ret, err);
		if (status == INQ_OK)
			(*ret)->time = stat.st_mtime > 0 ? (uint64_t)stat.st_mtime : 0;
		return status;
	}
	if (fd >= 0)
		close(fd);
	return status;
}

enum inq_status inq_file_open(const char *path, struct inq_file **ret, struct inq_error *err)
{
	/* O_NONBLOCK: opening a FIFO or a device must not wait; it has no effect on regular files.
	 */
	int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return inq_file_open_fd(fd, path, ret, err);
	if (errno == ENOENT || errno == ENOTDIR)
		return inq_fail(err, INQ_ABSENT, "'%s': no such file", path);
	return inq_fail_os(err, "'%s'", path);
}

enum inq_status inq_file_open_bytes(const void *bytes, size_t size, const char *name,
				    struct inq_file **ret, struct inq_error *err)
{
	return open_raw((struct inq_raw){.fd = -1, .bytes = bytes, .size = size}, name, ret, err);
}

/* --- reading ------------------------------------------------------------------------- */

static bool holds(const struct slot *slot, uint64_t offset)
{
	return offset >= slot->start && offset - slot->start < slot->size;
}

/* The slot that has waited longest, emptied, with room for `capacity` bytes. */
static struct slot *take_slot(struct inq_file *file, size_t capacity)
{
	struct slot *oldest = &file->slots[0];
	uint8_t *data;

	for (unsigned i = 1; i < file->slot_count; i++) {
		if (file->slots[i].used < oldest->used)
			oldest = &file->slots[i];
	}
	oldest->size = 0;
	if (oldest->capacity < capacity) {
		data = realloc(oldest->data, capacity);
		if (!data)
			return NULL;
		oldest->data = data;
		oldest->capacity = capacity;
	}
	return oldest;
}

static enum inq_status fill(struct inq_file *file, struct slot *slot, uint64_t start, size_t size,
			    size_t frame, struct inq_error *err)
{
	enum inq_status status;

	slot->start = start;
	if (file->frames) {
		status = inq_frames_read(file->frames, &file->raw, frame, slot->data, err);
		slot->size = status == INQ_OK ? size : 0;
		return status;
	}
	return inq_raw_read(&file->raw, start, slot->data, size, &slot->size, err);
}

/* Find or make the slot that holds an offset below the file's size. */
static enum inq_status load(struct inq_file *file, uint64_t offset, struct slot **ret,
			    struct inq_error *err)
{
	uint64_t start = offset - offset % BLOCK;
	size_t size = BLOCK, frame = 0;
	enum inq_status status;
	struct slot *slot;

	for (unsigned i = 0; i < file->slot_count; i++) {
		if (holds(&file->slots[i], offset)) {
			*ret = &file->slots[i];
			return INQ_OK;
		}
	}
	if (file->frames)
		frame = inq_frames_find(file->frames, offset, &start, &size);
	slot = take_slot(file, size);
	if (!slot)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': no memory", file->name);
	status = fill(file, slot, start, size, frame, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "'%s'", file->name);
	*ret = slot;
	return INQ_OK;
}

/* Bytes from one slot; *ret_done 0 where the file has become shorter than it was. */
static enum inq_status read_some(struct inq_file *file, uint64_t offset, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	enum inq_status status;
	struct slot *slot = NULL;

	if (!file->frames && (size >= BLOCK || file->raw.fd < 0))
		return inq_raw_read(&file->raw, offset, to, size, ret_done, err);
	status = load(file, offset, &slot, err);
	if (status != INQ_OK)
		return status;
	slot->used = ++file->clock;
	file->last = slot;
	*ret_done = 0;
	if (holds(slot, offset)) {
		size_t left = slot->size - (size_t)(offset - slot->start);

		*ret_done = size < left ? size : left;
		memcpy(to, slot->data + (offset - slot->start), *ret_done);
	}
	return INQ_OK;
}

enum inq_status inq_file_read(struct inq_file *file, uint64_t offset, void *to, size_t size,
			      size_t *ret_done, struct inq_error *err)
{
	const struct slot *last = file->last;
	size_t done = 0, part;

	/* The fast way of an unwinder's many small reads: inside the slot of the last one. */
	if (last && offset >= last->start && size <= last->size &&
	    offset - last->start <= last->size - size) {
		memcpy(to, last->data + (offset - last->start), size);
		*ret_done = size;
		return INQ_OK;
	}
	if (offset >= file->size)
		size = 0;
	else if (size > file->size - offset)
		size = (size_t)(file->size - offset);
	while (done < size) {
		enum inq_status status = read_some(file, offset + done, (uint8_t *)to + done,
						   size - done, &part, err);

		if (status != INQ_OK && done == 0)
			return status;
		if (status != INQ_OK || part == 0)
			break;
		done += part;
	}
	*ret_done = done;
	return INQ_OK;
}

enum inq_status inq_file_read_all(struct inq_file *file, uint64_t offset, void *to, size_t size,
				  struct inq_error *err)
{
	size_t done = 0;
	enum inq_status status = inq_file_read(file, offset, to, size, &done, err);

	if (status != INQ_OK || done == size)
		return status;
	return inq_fail(
		err, INQ_BAD_DATA, "'%s': ends at 0x%llx, 0x%zx bytes wanted at 0x%llx", file->name,
		(unsigned long long)(offset + done < file->size ? offset + done : file->size), size,
		(unsigned long long)offset);
}
