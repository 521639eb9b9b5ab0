/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/frames_writer.h"

#include "support/buffer.h"

#include <zstd.h>

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LEVEL = 1,
	SEEKABLE_FRAME = 0x184D2A5E,
	SEEKABLE_FOOTER = 9,
};
#define SEEKABLE_MAGIC 0x8F92EAB1u
#define FRAMES_MAX 0x8000000u /* contrib/seekable_format's ZSTD_SEEKABLE_MAXFRAMES */

/* One frame's two lengths, as the table has them. */
struct entry {
	uint32_t stored, unpacked;
};

struct job {
	int from, to;
	uint64_t size, frames;
	struct entry *entries;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	uint64_t next;      /* frame to be taken */
	uint64_t written;   /* frames in the file: the next one's turn */
	uint64_t offset;    /* where the next one goes */
	int failed;         /* errno of the first failure, -1: of zstd */
};

static bool read_frame(const struct job *job, uint64_t frame, char *to, size_t *ret_size)
{
	uint64_t start = frame * INQ_FRAME_SIZE;
	size_t size = job->size - start < INQ_FRAME_SIZE ? (size_t)(job->size - start) : INQ_FRAME_SIZE;
	size_t at = 0;

	while (at < size) {
		ssize_t done = pread(job->from, to + at, size - at, (off_t)(start + at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			errno = done ? errno : EIO; /* it became shorter */
			return false;
		}
		at += (size_t)done;
	}
	*ret_size = size;
	return true;
}

static bool write_all(int fd, const void *bytes, size_t size, uint64_t offset)
{
	for (size_t at = 0; at < size;) {
		ssize_t done = pwrite(fd, (const char *)bytes + at, size - at, (off_t)(offset + at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			errno = done ? errno : ENOSPC;
			return false;
		}
		at += (size_t)done;
	}
	return true;
}

/* Frames are placed in their order, and written where they were placed, all at once. */
static bool place_frame(struct job *job, uint64_t frame, const void *bytes, size_t stored, size_t unpacked)
{
	uint64_t offset;
	bool good;

	pthread_mutex_lock(&job->lock);
	while (job->written != frame && !job->failed)
		pthread_cond_wait(&job->turn, &job->lock);
	offset = job->offset;
	good = !job->failed;
	if (good) {
		job->offset += stored;
		job->written++;
		job->entries[frame] = (struct entry){htole32((uint32_t)stored), htole32((uint32_t)unpacked)};
	}
	pthread_cond_broadcast(&job->turn);
	pthread_mutex_unlock(&job->lock);
	return good && write_all(job->to, bytes, stored, offset);
}

static bool take_frame(struct job *job, uint64_t *ret)
{
	bool taken;

	pthread_mutex_lock(&job->lock);
	taken = !job->failed && job->next < job->frames;
	if (taken)
		*ret = job->next++;
	pthread_mutex_unlock(&job->lock);
	return taken;
}

static void fail(struct job *job, int why)
{
	pthread_mutex_lock(&job->lock);
	if (!job->failed)
		job->failed = why;
	pthread_cond_broadcast(&job->turn);
	pthread_mutex_unlock(&job->lock);
}

static void *work(void *user)
{
	struct job *job = user;
	size_t room = ZSTD_compressBound(INQ_FRAME_SIZE), size, stored;
	ZSTD_CCtx *context = ZSTD_createCCtx();
	char *from = malloc(INQ_FRAME_SIZE), *to = malloc(room);
	uint64_t frame;

	if (!context || !from || !to)
		fail(job, ENOMEM);
	while (take_frame(job, &frame)) {
		if (!read_frame(job, frame, from, &size)) {
			fail(job, errno);
			break;
		}
		stored = ZSTD_compressCCtx(context, to, room, from, size, LEVEL);
		if (ZSTD_isError(stored)) {
			fail(job, -1);
			break;
		}
		if (!place_frame(job, frame, to, stored, size)) {
			fail(job, errno ? errno : EIO);
			break;
		}
	}
	free(from);
	free(to);
	ZSTD_freeCCtx(context);
	return NULL;
}

static void put32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

/* The skippable frame: header, an entry of 8 bytes for each frame, footer. */
static bool write_table(const struct job *job)
{
	size_t entries = (size_t)job->frames * sizeof(struct entry);
	uint8_t header[8], footer[SEEKABLE_FOOTER];

	put32(header, SEEKABLE_FRAME);
	put32(header + 4, (uint32_t)(entries + SEEKABLE_FOOTER));
	put32(footer, (uint32_t)job->frames);
	footer[4] = 0; /* descriptor: no checksums beside those that frames may have */
	put32(footer + 5, SEEKABLE_MAGIC);
	return write_all(job->to, header, sizeof(header), job->offset) &&
	       write_all(job->to, job->entries, entries, job->offset + sizeof(header)) &&
	       write_all(job->to, footer, sizeof(footer), job->offset + sizeof(header) + entries);
}

/* The calling thread works too, so that it goes on where no other can be started. */
static void work_together(struct job *job, unsigned threads)
{
	pthread_t others[INQ_FRAMES_THREADS];
	unsigned started = 0;

	while (started + 1 < threads && started < INQ_FRAMES_THREADS &&
	       !pthread_create(&others[started], NULL, work, job))
		started++;
	work(job);
	while (started)
		pthread_join(others[--started], NULL);
}

static unsigned thread_count(unsigned wanted, uint64_t frames)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (!wanted)
		wanted = processors > 0 ? (unsigned)processors : 1;
	if (wanted > INQ_FRAMES_THREADS)
		wanted = INQ_FRAMES_THREADS;
	return frames < wanted ? (unsigned)frames : wanted;
}

enum inq_status inq_frames_compress(int from, int to, unsigned threads, struct inq_error *err)
{
	struct job job = {.from = from, .to = to};
	enum inq_status status = INQ_OK;
	struct stat st;

	if (fstat(from, &st) < 0)
		return inq_fail_os(err, "compressing");
	job.size = (uint64_t)st.st_size;
	job.frames = (job.size + INQ_FRAME_SIZE - 1) / INQ_FRAME_SIZE;
	if (job.frames > FRAMES_MAX)
		return inq_fail(err, INQ_LIMIT, "compressing: %llu bytes, more than a seek table holds",
				(unsigned long long)job.size);
	job.entries = calloc(job.frames + 1, sizeof(*job.entries));
	if (!job.entries)
		return inq_fail(err, INQ_NO_MEMORY, "compressing: no memory for the seek table");
	pthread_mutex_init(&job.lock, NULL);
	pthread_cond_init(&job.turn, NULL);
	work_together(&job, thread_count(threads, job.frames));
	if (!job.failed && !write_table(&job))
		job.failed = errno;
	pthread_mutex_destroy(&job.lock);
	pthread_cond_destroy(&job.turn);
	free(job.entries);
	if (job.failed < 0) {
		status = inq_fail(err, INQ_BAD_DATA, "compressing: zstd failed");
	} else if (job.failed) {
		errno = job.failed;
		status = inq_fail_os(err, "compressing");
	}
	return status;
}
