/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ring of slots, each a chunk and the frame that becomes of it. The caller fills the one at `given`, threads pack
 * those from `taken` on, and whoever finishes the one at `written` writes it and those behind it that are ready.
 */
#include "config.h"

#include "support/frames_writer.h"

#include "support/buffer.h"
#include "support/frames_by_hand.h"

#include <zstd.h>

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LEVEL = 1,
	SLOTS = 2 * INQ_FRAMES_THREADS, /* so many that a thread that is held up does not hold up the others */
	SEEKABLE_FRAME = 0x184D2A5E,
	SEEKABLE_FOOTER = 9,
};
#define SEEKABLE_MAGIC 0x8F92EAB1u
#define FRAMES_MAX 0x8000000u /* contrib/seekable_format's ZSTD_SEEKABLE_MAXFRAMES */

/* One frame's two lengths, as the table has them. */
struct entry {
	uint32_t stored, unpacked;
};

struct slot {
	uint8_t *chunk, *frame;
	size_t size, stored;
	uint64_t gap; /* zeroes before it that nobody gave */
	bool ready;
};

/* Bytes that are stored as they are. */
struct place {
	uint64_t offset, stored_at;
	size_t size;
};

struct inq_frames_writer {
	struct inq_sink sink, file;
	size_t room; /* of a frame */
	struct slot slots[SLOTS];
	ZSTD_CCtx *own; /* the caller's; and where there is no thread */
	pthread_t threads[INQ_FRAMES_THREADS];
	unsigned thread_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t given, taken, written; /* slots, ever */
	bool writing, closing;
	uint64_t end;            /* unpacked bytes given */
	uint64_t stored;         /* bytes of the file */
	struct inq_buffer table; /* struct entry[] */
	struct inq_buffer places; /* struct place[], ascending */
	struct inq_error error;  /* the first failure: nothing is written after it */
};

static struct slot *slot_of(struct inq_frames_writer *writer, uint64_t number)
{
	return &writer->slots[number % SLOTS];
}

static enum inq_status failure(const struct inq_frames_writer *writer, struct inq_error *err)
{
	if (writer->error.status && err)
		*err = writer->error;
	return writer->error.status;
}

/* --- frames in the file ------------------------------------------------------------------------------------- */

/* By one thread at a time. */
static enum inq_status append(struct inq_frames_writer *writer, const uint8_t *frame, size_t stored, size_t unpacked,
			      struct inq_error *err)
{
	const struct entry entry = {htole32((uint32_t)stored), htole32((uint32_t)unpacked)};
	enum inq_status status;

	if (writer->table.size / sizeof(entry) >= FRAMES_MAX)
		return inq_fail(err, INQ_LIMIT, "more than %u frames", FRAMES_MAX);
	status = writer->file.write(&writer->file, writer->stored, frame, stored, err);
	if (status != INQ_OK)
		return status;
	inq_buffer_append(&writer->table, &entry, sizeof(entry));
	writer->stored += stored;
	return inq_buffer_ok(&writer->table) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "no memory for the seek table");
}

static enum inq_status append_zeroes(struct inq_frames_writer *writer, uint64_t size, struct inq_error *err)
{
	uint8_t frame[INQ_BY_HAND_ZEROES];
	enum inq_status status = INQ_OK;

	while (size && status == INQ_OK) {
		size_t part = size < INQ_BY_HAND_MAX ? (size_t)size : INQ_BY_HAND_MAX;

		status = append(writer, frame, inq_by_hand_zeroes(frame, part), part, err);
		size -= part;
	}
	return status;
}

/* --- packing ------------------------------------------------------------------------------------------------ */

static enum inq_status pack(struct inq_frames_writer *writer, ZSTD_CCtx *context, struct slot *slot,
			    struct inq_error *err)
{
	if (inq_sink_is_zero(slot->chunk, slot->size)) {
		slot->stored = inq_by_hand_zeroes(slot->frame, slot->size);
		return INQ_OK;
	}
	slot->stored = context ? ZSTD_compressCCtx(context, slot->frame, writer->room, slot->chunk, slot->size, LEVEL)
			       : (size_t)-1;
	return context && !ZSTD_isError(slot->stored) ? INQ_OK : inq_fail(err, INQ_NO_MEMORY, "zstd: no memory");
}

/* Locked, but for the writing itself. */
static void write_ready(struct inq_frames_writer *writer)
{
	if (writer->writing)
		return;
	writer->writing = true;
	while (writer->written < writer->taken && slot_of(writer, writer->written)->ready) {
		struct slot *slot = slot_of(writer, writer->written);
		struct inq_error error = {0};

		if (!writer->error.status) {
			pthread_mutex_unlock(&writer->lock);
			if (append_zeroes(writer, slot->gap, &error) == INQ_OK)
				append(writer, slot->frame, slot->stored, slot->size, &error);
			pthread_mutex_lock(&writer->lock);
		}
		if (error.status && !writer->error.status)
			writer->error = error;
		slot->ready = false;
		writer->written++;
		pthread_cond_broadcast(&writer->changed);
	}
	writer->writing = false;
}

/* Locked, but for the packing: the next slot that was given. */
static void pack_next(struct inq_frames_writer *writer, ZSTD_CCtx *context)
{
	struct slot *slot = slot_of(writer, writer->taken++);
	struct inq_error error = {0};

	if (!writer->error.status) {
		pthread_mutex_unlock(&writer->lock);
		pack(writer, context, slot, &error);
		pthread_mutex_lock(&writer->lock);
	}
	if (error.status && !writer->error.status)
		writer->error = error;
	slot->ready = true;
	write_ready(writer);
}

static void *work(void *user)
{
	struct inq_frames_writer *writer = user;
	ZSTD_CCtx *context = ZSTD_createCCtx();

	pthread_mutex_lock(&writer->lock);
	for (;;) {
		while (writer->taken == writer->given && !writer->closing)
			pthread_cond_wait(&writer->changed, &writer->lock);
		if (writer->taken == writer->given)
			break;
		pack_next(writer, context);
	}
	pthread_mutex_unlock(&writer->lock);
	ZSTD_freeCCtx(context);
	return NULL;
}

/* Locked. Until all that was given is in the file. */
static void drain(struct inq_frames_writer *writer)
{
	while (writer->written < writer->given)
		pthread_cond_wait(&writer->changed, &writer->lock);
}

/* --- the sink ----------------------------------------------------------------------------------------------- */

static enum inq_status hand(struct inq_sink *sink, uint64_t offset, size_t size, uint8_t **chunk, struct inq_error *err)
{
	struct inq_frames_writer *writer = sink->context;
	struct slot *slot;
	enum inq_status status;

	pthread_mutex_lock(&writer->lock);
	if (*chunk && size) {
		slot = slot_of(writer, writer->given);
		slot->size = size;
		slot->gap = offset - writer->end;
		writer->end = offset + size;
		writer->given++;
		pthread_cond_broadcast(&writer->changed);
		if (!writer->thread_count)
			pack_next(writer, writer->own);
		while (writer->given - writer->written == SLOTS)
			pthread_cond_wait(&writer->changed, &writer->lock);
	}
	*chunk = slot_of(writer, writer->given)->chunk;
	status = failure(writer, err);
	pthread_mutex_unlock(&writer->lock);
	return status;
}

/* Locked and drained, so that the caller alone has all of it: the zeroes before an offset. */
static enum inq_status reach(struct inq_frames_writer *writer, uint64_t offset, struct inq_error *err)
{
	enum inq_status status = append_zeroes(writer, offset - writer->end, err);

	writer->end = offset;
	return status;
}

static enum inq_status reserve_now(struct inq_frames_writer *writer, uint64_t offset, size_t size,
				   struct inq_error *err)
{
	enum inq_status status = reach(writer, offset, err);
	uint8_t frame[INQ_BY_HAND_STORED];

	while (size && status == INQ_OK) {
		size_t part = size < INQ_BY_HAND_BYTES ? size : INQ_BY_HAND_BYTES, head;
		struct place place;

		memset(frame, 0, sizeof(frame));
		head = inq_by_hand_stored(frame, part);
		place = (struct place){.offset = writer->end, .stored_at = writer->stored + head, .size = part};
		inq_buffer_append(&writer->places, &place, sizeof(place));
		status = append(writer, frame, head + part, part, err);
		writer->end += part;
		size -= part;
	}
	return status == INQ_OK && !inq_buffer_ok(&writer->places) ? inq_fail(err, INQ_NO_MEMORY, "no memory") : status;
}

/* In frames of their own. */
static enum inq_status append_bytes(struct inq_frames_writer *writer, uint64_t offset, const uint8_t *bytes, size_t size,
				    struct inq_error *err)
{
	/* The chunk is the caller's, the frame beside it is not. */
	const struct slot *own = slot_of(writer, writer->given);
	enum inq_status status = reach(writer, offset, err);

	while (size && status == INQ_OK) {
		size_t part = size < INQ_FRAME_SIZE ? size : INQ_FRAME_SIZE;
		struct slot slot = {.frame = own->frame, .size = part};

		memcpy(&slot.chunk, &bytes, sizeof(bytes)); /* only read */
		status = pack(writer, writer->own, &slot, err);
		if (status == INQ_OK)
			status = append(writer, slot.frame, slot.stored, part, err);
		writer->end += part;
		bytes += part;
		size -= part;
	}
	return status;
}

static enum inq_status change(struct inq_frames_writer *writer, uint64_t offset, const uint8_t *bytes, size_t size,
			      struct inq_error *err)
{
	const struct place *places = (const void *)writer->places.data;
	enum inq_status status = INQ_OK;

	for (size_t i = 0; size && status == INQ_OK && i < writer->places.size / sizeof(*places); i++) {
		size_t from, part;

		if (offset < places[i].offset || offset - places[i].offset >= places[i].size)
			continue;
		from = (size_t)(offset - places[i].offset);
		part = places[i].size - from < size ? places[i].size - from : size;
		status = writer->file.write(&writer->file, places[i].stored_at + from, bytes, part, err);
		offset += part;
		bytes += part;
		size -= part;
	}
	if (size && status == INQ_OK)
		return inq_fail(err, INQ_USAGE, "0x%llx: written late, and no place was kept for it",
				(unsigned long long)offset);
	return status;
}

static enum inq_status write_or_reserve(struct inq_sink *sink, uint64_t offset, const void *bytes, size_t size,
					struct inq_error *err)
{
	struct inq_frames_writer *writer = sink->context;
	enum inq_status status;

	pthread_mutex_lock(&writer->lock);
	drain(writer);
	if (writer->error.status)
		;
	else if (bytes && offset < writer->end)
		change(writer, offset, bytes, size, &writer->error);
	else if (bytes)
		append_bytes(writer, offset, bytes, size, &writer->error);
	else
		reserve_now(writer, offset, size, &writer->error);
	status = failure(writer, err);
	pthread_mutex_unlock(&writer->lock);
	return status;
}

static enum inq_status reserve(struct inq_sink *sink, uint64_t offset, size_t size, struct inq_error *err)
{
	return write_or_reserve(sink, offset, NULL, size, err);
}

static enum inq_status set_size(struct inq_sink *sink, uint64_t size, struct inq_error *err)
{
	struct inq_frames_writer *writer = sink->context;
	enum inq_status status;

	pthread_mutex_lock(&writer->lock);
	drain(writer);
	if (!writer->error.status)
		reach(writer, size, &writer->error);
	status = failure(writer, err);
	pthread_mutex_unlock(&writer->lock);
	return status;
}

/* --- its life ----------------------------------------------------------------------------------------------- */

static unsigned wanted_threads(unsigned threads)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (!threads)
		threads = processors > 0 ? (unsigned)processors : 1;
	return threads < INQ_FRAMES_THREADS ? threads : INQ_FRAMES_THREADS;
}

static void start(struct inq_frames_writer *writer, unsigned wanted)
{
	sigset_t all, ours;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &ours);
	while (writer->thread_count < wanted &&
	       pthread_create(&writer->threads[writer->thread_count], NULL, work, writer) == 0)
		writer->thread_count++;
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
}

static bool make_slots(struct inq_frames_writer *writer)
{
	writer->room = ZSTD_compressBound(INQ_FRAME_SIZE);
	for (size_t i = 0; i < SLOTS; i++) {
		writer->slots[i].chunk = aligned_alloc(INQ_SINK_PAGE, INQ_SINK_CHUNK);
		writer->slots[i].frame = malloc(writer->room);
		if (!writer->slots[i].chunk || !writer->slots[i].frame)
			return false;
	}
	writer->own = ZSTD_createCCtx();
	return writer->own;
}

enum inq_status inq_frames_writer_new(int fd, unsigned threads, struct inq_frames_writer **ret, struct inq_error *err)
{
	struct inq_frames_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return inq_fail(err, INQ_NO_MEMORY, "compressing: no memory");
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	if (!make_slots(writer)) {
		inq_frames_writer_free(writer);
		return inq_fail(err, INQ_NO_MEMORY, "compressing: no memory");
	}
	inq_sink_fd(&writer->file, fd);
	writer->sink = (struct inq_sink){.write = write_or_reserve, .hand = hand, .reserve = reserve,
					 .set_size = set_size, .fd = fd, .context = writer, .sparse = true};
	start(writer, wanted_threads(threads));
	*ret = writer;
	return INQ_OK;
}

void inq_frames_writer_free(struct inq_frames_writer *writer)
{
	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	while (writer->thread_count)
		pthread_join(writer->threads[--writer->thread_count], NULL);
	for (size_t i = 0; i < SLOTS; i++) {
		free(writer->slots[i].chunk);
		free(writer->slots[i].frame);
	}
	ZSTD_freeCCtx(writer->own);
	inq_buffer_done(&writer->table);
	inq_buffer_done(&writer->places);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

struct inq_sink *inq_frames_writer_sink(struct inq_frames_writer *writer)
{
	return &writer->sink;
}

static void put32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

/* The skippable frame: header, an entry of 8 bytes for each frame, footer. */
static enum inq_status write_table(struct inq_frames_writer *writer, struct inq_error *err)
{
	uint8_t header[8], footer[SEEKABLE_FOOTER];
	size_t size = writer->table.size;
	enum inq_status status;

	put32(header, SEEKABLE_FRAME);
	put32(header + 4, (uint32_t)(size + SEEKABLE_FOOTER));
	put32(footer, (uint32_t)(size / sizeof(struct entry)));
	footer[4] = 0; /* descriptor: no checksums beside those that frames may have */
	put32(footer + 5, SEEKABLE_MAGIC);
	status = writer->file.write(&writer->file, writer->stored, header, sizeof(header), err);
	if (status == INQ_OK)
		status = writer->file.write(&writer->file, writer->stored + sizeof(header), writer->table.data, size, err);
	if (status == INQ_OK)
		status = writer->file.write(&writer->file, writer->stored + sizeof(header) + size, footer, sizeof(footer),
					    err);
	return status;
}

enum inq_status inq_frames_writer_finish(struct inq_frames_writer *writer, struct inq_error *err)
{
	enum inq_status status;

	pthread_mutex_lock(&writer->lock);
	drain(writer);
	if (!writer->error.status)
		write_table(writer, &writer->error);
	status = failure(writer, err);
	pthread_mutex_unlock(&writer->lock);
	return status == INQ_OK ? INQ_OK : inq_prepend(err, status, "compressing");
}
