/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/behind.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { STACK = 64 << 10 }; /* an error's words, and what pwrite needs */

struct chunk {
	uint8_t *bytes;
	uint64_t offset;
	size_t size;
};

struct inq_behind {
	struct inq_sink sink, file;
	pthread_t thread;
	bool has_thread, running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct chunk chunks[INQ_BEHIND_CHUNKS]; /* a ring; the caller's is the one behind those that wait */
	size_t first, waiting;
	bool closing;
	uint64_t end;           /* of what is in the file: the writing thread's, the caller's when nothing waits */
	struct inq_error error; /* the first failure: nothing is written after it */
};

static enum inq_status store(struct inq_behind *behind, uint64_t offset, const void *bytes, size_t size,
			     struct inq_error *err)
{
	if (offset + size > behind->end)
		behind->end = offset + size;
	return behind->file.write(&behind->file, offset, bytes, size, err);
}

static enum inq_status write_pages(struct inq_behind *behind, const struct chunk *chunk, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	for (size_t at = 0, size; status == INQ_OK && at < chunk->size; at += size) {
		bool zero = false;

		size = inq_sink_run(chunk->bytes + at, chunk->size - at, chunk->offset + at, &zero);
		if (!zero)
			status = store(behind, chunk->offset + at, chunk->bytes + at, size, err);
	}
	return status;
}

static void *work(void *user)
{
	struct inq_behind *behind = user;

	pthread_mutex_lock(&behind->lock);
	behind->running = true;
	pthread_cond_broadcast(&behind->changed);
	for (;;) {
		const struct chunk *chunk = &behind->chunks[behind->first];
		struct inq_error error = {0};

		while (!behind->waiting && !behind->closing)
			pthread_cond_wait(&behind->changed, &behind->lock);
		if (!behind->waiting)
			break;
		if (!behind->error.status) {
			pthread_mutex_unlock(&behind->lock);
			write_pages(behind, chunk, &error);
			pthread_mutex_lock(&behind->lock);
		}
		if (error.status)
			behind->error = error;
		behind->first = (behind->first + 1) % INQ_BEHIND_CHUNKS;
		behind->waiting--;
		pthread_cond_broadcast(&behind->changed);
	}
	pthread_mutex_unlock(&behind->lock);
	return NULL;
}

/* No signal of the caller's is handled in it. What glibc asks for at a thread's start is done on return: a filter of
 * system calls that is put over it then need not know of it. */
static bool start(struct inq_behind *behind)
{
	pthread_attr_t attributes;
	sigset_t all, ours;
	bool started;

	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_setstacksize(&attributes, STACK > PTHREAD_STACK_MIN ? STACK : (size_t)PTHREAD_STACK_MIN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &ours);
	started = pthread_create(&behind->thread, &attributes, work, behind) == 0;
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	pthread_attr_destroy(&attributes);
	pthread_mutex_lock(&behind->lock);
	while (started && !behind->running)
		pthread_cond_wait(&behind->changed, &behind->lock);
	pthread_mutex_unlock(&behind->lock);
	return started;
}

static enum inq_status failure(const struct inq_behind *behind, struct inq_error *err)
{
	if (behind->error.status && err)
		*err = behind->error;
	return behind->error.status;
}

enum inq_status inq_behind_finish(struct inq_behind *behind, struct inq_error *err)
{
	enum inq_status status;

	pthread_mutex_lock(&behind->lock);
	while (behind->waiting)
		pthread_cond_wait(&behind->changed, &behind->lock);
	status = failure(behind, err);
	pthread_mutex_unlock(&behind->lock);
	return status;
}

static enum inq_status write_now(struct inq_sink *sink, uint64_t offset, const void *bytes, size_t size,
				 struct inq_error *err)
{
	struct inq_behind *behind = sink->context;
	enum inq_status status = inq_behind_finish(behind, err);

	return status == INQ_OK ? store(behind, offset, bytes, size, err) : status;
}

/* A file that ends with a hole still has its size. */
static enum inq_status set_size(struct inq_sink *sink, uint64_t size, struct inq_error *err)
{
	struct inq_behind *behind = sink->context;
	enum inq_status status = inq_behind_finish(behind, err);

	return status == INQ_OK && behind->end < size ? store(behind, size - 1, "", 1, err) : status;
}

/* To the thread; waits until a chunk is free for the caller. */
static enum inq_status pass_on(struct inq_behind *behind, struct inq_error *err)
{
	enum inq_status status;

	pthread_mutex_lock(&behind->lock);
	behind->waiting++;
	pthread_cond_broadcast(&behind->changed);
	while (behind->waiting == INQ_BEHIND_CHUNKS)
		pthread_cond_wait(&behind->changed, &behind->lock);
	status = failure(behind, err);
	pthread_mutex_unlock(&behind->lock);
	return status;
}

static size_t own_chunk(const struct inq_behind *behind)
{
	return (behind->first + behind->waiting) % INQ_BEHIND_CHUNKS;
}

static enum inq_status hand(struct inq_sink *sink, uint64_t offset, size_t size, uint8_t **chunk,
			    struct inq_error *err)
{
	struct inq_behind *behind = sink->context;
	enum inq_status status = INQ_OK;
	struct chunk *own;

	pthread_mutex_lock(&behind->lock);
	own = &behind->chunks[own_chunk(behind)];
	pthread_mutex_unlock(&behind->lock);
	own->offset = offset;
	own->size = *chunk ? size : 0;
	if (own->size && behind->has_thread) {
		status = pass_on(behind, err);
	} else if (own->size) {
		if (!behind->error.status)
			write_pages(behind, own, &behind->error);
		status = failure(behind, err);
	}
	pthread_mutex_lock(&behind->lock);
	*chunk = behind->chunks[own_chunk(behind)].bytes;
	pthread_mutex_unlock(&behind->lock);
	return status;
}

enum inq_status inq_behind_new(int fd, bool thread, struct inq_behind **ret, struct inq_error *err)
{
	struct inq_behind *behind = calloc(1, sizeof(*behind));
	uint8_t *bytes = behind ? aligned_alloc(INQ_SINK_PAGE, INQ_BEHIND_CHUNKS * (size_t)INQ_SINK_CHUNK) : NULL;

	if (!bytes) {
		free(behind);
		return inq_fail(err, INQ_NO_MEMORY, "writing: no memory");
	}
	for (size_t i = 0; i < INQ_BEHIND_CHUNKS; i++)
		behind->chunks[i].bytes = bytes + i * INQ_SINK_CHUNK;
	inq_sink_fd(&behind->file, fd);
	behind->sink = (struct inq_sink){.write = write_now, .hand = hand, .set_size = set_size, .fd = fd,
					 .context = behind, .sparse = true};
	pthread_mutex_init(&behind->lock, NULL);
	pthread_cond_init(&behind->changed, NULL);
	behind->has_thread = thread && start(behind);
	*ret = behind;
	return INQ_OK;
}

void inq_behind_use(struct inq_behind *behind, int fd)
{
	inq_sink_fd(&behind->file, fd);
	behind->sink.fd = fd;
}

void inq_behind_free(struct inq_behind *behind)
{
	if (!behind)
		return;
	pthread_mutex_lock(&behind->lock);
	behind->closing = true;
	pthread_cond_broadcast(&behind->changed);
	pthread_mutex_unlock(&behind->lock);
	if (behind->has_thread)
		pthread_join(behind->thread, NULL);
	pthread_cond_destroy(&behind->changed);
	pthread_mutex_destroy(&behind->lock);
	free(behind->chunks[0].bytes);
	free(behind);
}

struct inq_sink *inq_behind_sink(struct inq_behind *behind)
{
	return &behind->sink;
}
