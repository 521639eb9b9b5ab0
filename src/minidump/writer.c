/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/writer.h"

#include "support/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "structures are written as they lie in memory");

enum { PAGE = 4096, MEMORY_ALIGN = 16, STREAM_ALIGN = 8, STRING_ALIGN = 4, MAX_ALIGN = 64 };

enum kind {
	BYTES,    /* of the writer */
	BORROWED, /* memory of the caller */
	SOURCE,   /* memory that comes while it is written */
};

struct piece {
	enum kind kind;
	bool at_end; /* Memory64List's: back to back, last in the file */
	bool memory; /* of the target, at `address` */
	bool late;   /* produced when everything else is written */
	unsigned align;
	uint64_t address;
	uint64_t size;
	uint64_t offset; /* in the file; set by plan */
	uint8_t *bytes;  /* owned if BYTES */
	inq_memory_source source;
	inq_extent_source extents;
	void *context;
};

struct pointer {
	inq_piece from, to;
	size_t offset;
	enum inq_point how;
};

struct stream {
	uint32_t type;
	inq_piece piece;
};

struct inq_writer {
	struct md_header header;
	struct inq_buffer pieces;   /* struct piece[] */
	struct inq_buffer pointers; /* struct pointer[] */
	struct inq_buffer streams;  /* struct stream[] */
	struct inq_buffer listed;   /* inq_piece[] of MemoryList */
	struct inq_buffer listed64; /* inq_piece[] of Memory64List */
	inq_piece *strings;         /* hash table of string pieces, INQ_NO_PIECE where empty */
	size_t string_slots, string_count;
	uint64_t size; /* of the file */
	uint64_t missing;
	struct inq_error error; /* the first failure */
	bool failed;
	bool planned;
	/* what is on its way to the sink */
	uint8_t *chunk;
	size_t filled;
	uint64_t at; /* where chunk[0] goes */
	uint64_t end; /* of what was written so far, not handed over */
	inq_extent_source extents;
};

#define ARRAY(buffer, type) ((type *)(void *)(buffer).data)
#define COUNT(buffer, type) ((buffer).size / sizeof(type))

#define FAIL(writer, status, ...)                                                                  \
	do {                                                                                       \
		if (!(writer)->failed)                                                             \
			inq_fail(&(writer)->error, status, __VA_ARGS__);                           \
		(writer)->failed = true;                                                           \
	} while (0)

enum inq_status inq_writer_new(struct inq_writer **ret, struct inq_error *err)
{
	struct inq_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return inq_fail(err, INQ_NO_MEMORY, "minidump: no memory");
	writer->header.version = MD_VERSION;
	*ret = writer;
	return INQ_OK;
}

void inq_writer_free(struct inq_writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < COUNT(writer->pieces, struct piece); i++) {
		if (ARRAY(writer->pieces, struct piece)[i].kind == BYTES)
			free(ARRAY(writer->pieces, struct piece)[i].bytes);
	}
	inq_buffer_done(&writer->pieces);
	inq_buffer_done(&writer->pointers);
	inq_buffer_done(&writer->streams);
	inq_buffer_done(&writer->listed);
	inq_buffer_done(&writer->listed64);
	free(writer->strings);
	free(writer->chunk);
	free(writer);
}

void inq_writer_set_time(struct inq_writer *writer, uint32_t time)
{
	writer->header.time = time;
}

void inq_writer_set_flags(struct inq_writer *writer, uint64_t flags)
{
	writer->header.flags = flags;
}

/* --- pieces -------------------------------------------------------------------------- */

static struct piece *piece_at(const struct inq_writer *writer, inq_piece piece)
{
	return &ARRAY(writer->pieces, struct piece)[piece];
}

static bool append(struct inq_writer *writer, struct inq_buffer *array, const void *item,
		   size_t size)
{
	if (writer->planned)
		FAIL(writer, INQ_USAGE, "minidump: something was added after the plan");
	if (writer->failed)
		return false;
	inq_buffer_append(array, item, size);
	if (!inq_buffer_ok(array))
		FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
	return !writer->failed;
}

static inq_piece add_piece(struct inq_writer *writer, const struct piece *piece)
{
	size_t count = COUNT(writer->pieces, struct piece);

	if (count >= INQ_NO_PIECE)
		FAIL(writer, INQ_LIMIT, "minidump: more than %u pieces", INQ_NO_PIECE);
	return append(writer, &writer->pieces, piece, sizeof(*piece)) ? (inq_piece)count
								      : INQ_NO_PIECE;
}

inq_piece inq_writer_add(struct inq_writer *writer, struct inq_buffer *bytes, unsigned align)
{
	struct piece piece = {
		.kind = BYTES, .align = align, .size = bytes->size, .bytes = bytes->data};
	inq_piece added = INQ_NO_PIECE;

	if (!inq_buffer_ok(bytes))
		FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
	if (align == 0 || align > MAX_ALIGN || (align & (align - 1)))
		FAIL(writer, INQ_USAGE, "minidump: %u is no alignment", align);
	if (!writer->failed)
		added = add_piece(writer, &piece);
	if (added != INQ_NO_PIECE)
		bytes->data = NULL;
	inq_buffer_done(bytes);
	return added;
}

inq_piece inq_writer_add_copy(struct inq_writer *writer, const void *bytes, size_t size,
			      unsigned align)
{
	struct inq_buffer copy = {0};

	inq_buffer_append(&copy, bytes, size);
	return inq_writer_add(writer, &copy, align);
}

/* FNV-1a: short texts, and nobody gains by making them collide but the crashed program in its own
 * dump. */
static size_t hash(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		value = (value ^ bytes[i]) * 0x100000001b3ull;
	return (size_t)(value ^ value >> 32);
}

/* The slot of an equal string, or the empty one where it belongs. */
static inq_piece *string_slot(struct inq_writer *writer, const uint8_t *bytes, size_t size)
{
	size_t at = hash(bytes, size);

	for (;; at++) {
		inq_piece *slot = &writer->strings[at & (writer->string_slots - 1)];

		if (*slot == INQ_NO_PIECE)
			return slot;
		if (piece_at(writer, *slot)->size == size &&
		    memcmp(piece_at(writer, *slot)->bytes, bytes, size) == 0)
			return slot;
	}
}

/* Keep a third of the table empty. */
static bool grow_strings(struct inq_writer *writer)
{
	size_t old_slots = writer->string_slots;
	inq_piece *old = writer->strings;

	if (writer->string_count * 3 < old_slots * 2)
		return true;
	writer->string_slots = old_slots ? old_slots * 2 : 64;
	writer->strings = malloc(writer->string_slots * sizeof(*writer->strings));
	if (!writer->strings) {
		writer->strings = old;
		writer->string_slots = old_slots;
		FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
		return false;
	}
	memset(writer->strings, 0xff, writer->string_slots * sizeof(*writer->strings));
	for (size_t i = 0; i < old_slots; i++) {
		if (old[i] != INQ_NO_PIECE)
			*string_slot(writer, piece_at(writer, old[i])->bytes,
				     piece_at(writer, old[i])->size) = old[i];
	}
	free(old);
	return true;
}

/* Take a finished string; give back an equal one that is there already. */
static inq_piece add_string(struct inq_writer *writer, struct inq_buffer *bytes)
{
	inq_piece *slot;

	if (!inq_buffer_ok(bytes))
		FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
	if (writer->failed || !grow_strings(writer)) {
		inq_buffer_done(bytes);
		return INQ_NO_PIECE;
	}
	slot = string_slot(writer, bytes->data, bytes->size);
	if (*slot != INQ_NO_PIECE) {
		inq_buffer_done(bytes);
		return *slot;
	}
	*slot = inq_writer_add(writer, bytes, STRING_ALIGN);
	writer->string_count += *slot != INQ_NO_PIECE;
	return *slot;
}

inq_piece inq_writer_add_string(struct inq_writer *writer, const char *text)
{
	struct inq_buffer bytes = {0};
	struct md_string head = {0};

	inq_buffer_append(&bytes, &head, sizeof(head));
	inq_text_to_utf16(&bytes, text, strlen(text));
	head.size = (uint32_t)(bytes.size - sizeof(head));
	inq_buffer_extend(&bytes, sizeof(uint16_t));
	if (inq_buffer_ok(&bytes))
		memcpy(bytes.data, &head, sizeof(head));
	return add_string(writer, &bytes);
}

inq_piece inq_writer_add_utf8(struct inq_writer *writer, const char *text)
{
	struct inq_buffer bytes = {0};
	struct md_string head = {.size = (uint32_t)strlen(text)};

	inq_buffer_append(&bytes, &head, sizeof(head));
	inq_buffer_append(&bytes, text, head.size + 1);
	return add_string(writer, &bytes);
}

static size_t point_size(enum inq_point how)
{
	static const size_t sizes[] = {
		[INQ_POINT_RVA] = sizeof(uint32_t),
		[INQ_POINT_RVA64] = sizeof(uint64_t),
		[INQ_POINT_LOCATION] = sizeof(struct md_location),
		[INQ_POINT_MEMORY] = sizeof(struct md_memory),
	};

	return sizes[how];
}

void inq_writer_point(struct inq_writer *writer, inq_piece from, size_t offset, enum inq_point how,
		      inq_piece to)
{
	struct pointer pointer = {from, to, offset, how};
	const struct piece *piece;

	if (writer->failed || from == INQ_NO_PIECE || to == INQ_NO_PIECE)
		return;
	piece = piece_at(writer, from);
	if (piece->kind != BYTES || piece->memory || offset > piece->size ||
	    point_size(how) > piece->size - offset) {
		FAIL(writer, INQ_USAGE, "minidump: a field at 0x%zx of a piece of 0x%llx bytes",
		     offset, (unsigned long long)piece->size);
		return;
	}
	append(writer, &writer->pointers, &pointer, sizeof(pointer));
}

void inq_writer_stream(struct inq_writer *writer, uint32_t type, inq_piece piece)
{
	struct stream stream = {type, piece};

	if (piece != INQ_NO_PIECE)
		append(writer, &writer->streams, &stream, sizeof(stream));
}

void inq_writer_stream_copy(struct inq_writer *writer, uint32_t type, const void *bytes,
			    size_t size)
{
	inq_writer_stream(writer, type, inq_writer_add_copy(writer, bytes, size, STREAM_ALIGN));
}

/* --- memory -------------------------------------------------------------------------- */

static inq_piece add_memory(struct inq_writer *writer, enum inq_memory_list list,
			    struct piece *piece)
{
	inq_piece added;

	piece->memory = true;
	piece->align = list == INQ_MEMORY_LISTED64 ? 1 : MEMORY_ALIGN;
	piece->at_end = list == INQ_MEMORY_LISTED64;
	piece->late = list == INQ_MEMORY_UNLISTED && piece->kind == SOURCE;
	if (piece->size == 0) {
		if (piece->kind == BYTES)
			free(piece->bytes);
		return INQ_NO_PIECE;
	}
	added = add_piece(writer, piece);
	if (added == INQ_NO_PIECE) {
		if (piece->kind == BYTES)
			free(piece->bytes);
	} else if (list == INQ_MEMORY_LISTED) {
		append(writer, &writer->listed, &added, sizeof(added));
	} else if (list == INQ_MEMORY_LISTED64) {
		append(writer, &writer->listed64, &added, sizeof(added));
	}
	return added;
}

inq_piece inq_writer_add_memory(struct inq_writer *writer, enum inq_memory_list list,
				uint64_t address, uint64_t size, inq_memory_source source,
				void *context)
{
	struct piece piece = {.kind = SOURCE,
			      .address = address,
			      .size = size,
			      .source = source,
			      .extents = list == INQ_MEMORY_UNLISTED ? NULL : writer->extents,
			      .context = context};

	return add_memory(writer, list, &piece);
}

inq_piece inq_writer_add_memory_bytes(struct inq_writer *writer, enum inq_memory_list list,
				      uint64_t address, const void *bytes, size_t size)
{
	struct piece piece = {.kind = BORROWED, .address = address, .size = size};

	/* Never written through: the writer patches pieces of BYTES only. */
	memcpy(&piece.bytes, &bytes, sizeof(bytes));
	return add_memory(writer, list, &piece);
}

inq_piece inq_writer_add_memory_copy(struct inq_writer *writer, enum inq_memory_list list,
				     uint64_t address, const void *bytes, size_t size)
{
	struct piece piece = {
		.kind = BYTES, .address = address, .size = size, .bytes = malloc(size + 1)};

	if (!piece.bytes) {
		FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
		return INQ_NO_PIECE;
	}
	memcpy(piece.bytes, bytes, size);
	return add_memory(writer, list, &piece);
}

void inq_writer_set_extents(struct inq_writer *writer, inq_extent_source extents)
{
	writer->extents = extents;
}

void inq_writer_list_memory(struct inq_writer *writer, inq_piece memory)
{
	if (memory != INQ_NO_PIECE)
		append(writer, &writer->listed, &memory, sizeof(memory));
}

/* --- plan ---------------------------------------------------------------------------- */

static void make_memory_list(struct inq_writer *writer)
{
	size_t count = COUNT(writer->listed, inq_piece);
	struct md_list head = {.count = (uint32_t)count};
	struct inq_buffer bytes = {0};
	inq_piece list;

	/* Also where it is empty, since the other list has it all: Breakpad's tools call a dump
	 * without a MemoryList an error. */
	inq_buffer_append(&bytes, &head, sizeof(head));
	inq_buffer_extend(&bytes, count * sizeof(struct md_memory));
	list = inq_writer_add(writer, &bytes, STREAM_ALIGN);
	for (size_t i = 0; i < count; i++)
		inq_writer_point(writer, list, sizeof(head) + i * sizeof(struct md_memory),
				 INQ_POINT_MEMORY, ARRAY(writer->listed, inq_piece)[i]);
	inq_writer_stream(writer, MD_STREAM_MEMORY_LIST, list);
}

/* Returns the list, whose base_rva is known only later. */
static inq_piece make_memory64_list(struct inq_writer *writer)
{
	size_t count = COUNT(writer->listed64, inq_piece);
	struct md_memory64_list head = {.count = count};
	struct inq_buffer bytes = {0};
	inq_piece list;

	if (count == 0 || writer->failed)
		return INQ_NO_PIECE;
	inq_buffer_append(&bytes, &head, sizeof(head));
	for (size_t i = 0; i < count; i++) {
		const struct piece *piece = piece_at(writer, ARRAY(writer->listed64, inq_piece)[i]);
		struct md_memory64 entry = {.address = piece->address, .size = piece->size};

		inq_buffer_append(&bytes, &entry, sizeof(entry));
	}
	list = inq_writer_add(writer, &bytes, STREAM_ALIGN);
	inq_writer_stream(writer, MD_STREAM_MEMORY64_LIST, list);
	return list;
}

/* In which pass of placing a piece gets its place: structures, then memory, then the memory of
 * Memory64List. */
static unsigned pass_of(const struct piece *piece)
{
	return piece->at_end ? 2 : piece->memory ? 1 : 0;
}

static void place_pass(struct inq_writer *writer, unsigned pass)
{
	for (size_t i = 0; i < COUNT(writer->pieces, struct piece); i++) {
		struct piece *piece = piece_at(writer, (inq_piece)i);

		if (pass_of(piece) != pass)
			continue;
		piece->offset = (writer->size + piece->align - 1) & ~(uint64_t)(piece->align - 1);
		if (__builtin_add_overflow(piece->offset, piece->size, &writer->size) ||
		    writer->size > INT64_MAX) {
			FAIL(writer, INQ_LIMIT, "minidump: larger than a file can be");
			return;
		}
	}
}

static void place(struct inq_writer *writer, inq_piece list64)
{
	size_t streams = COUNT(writer->streams, struct stream);
	struct md_memory64_list head;

	writer->header.stream_count = (uint32_t)streams;
	writer->header.directory_rva = sizeof(struct md_header);
	writer->size = sizeof(struct md_header) + streams * sizeof(struct md_directory);
	for (unsigned pass = 0; pass < 3 && !writer->failed; pass++) {
		if (pass == 2 && COUNT(writer->listed64, inq_piece))
			/* Whole pages of memory are whole blocks of the file: holes are possible. */
			writer->size = (writer->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
		place_pass(writer, pass);
	}
	if (list64 == INQ_NO_PIECE || writer->failed)
		return;
	memcpy(&head, piece_at(writer, list64)->bytes, sizeof(head));
	head.base_rva = piece_at(writer, ARRAY(writer->listed64, inq_piece)[0])->offset;
	memcpy(piece_at(writer, list64)->bytes, &head, sizeof(head));
}

static void resolve(struct inq_writer *writer, const struct pointer *pointer)
{
	const struct piece *to = piece_at(writer, pointer->to);
	uint8_t *field = piece_at(writer, pointer->from)->bytes + pointer->offset;
	struct md_memory memory = {.address = to->address,
				   .location = {(uint32_t)to->size, (uint32_t)to->offset}};

	if (pointer->how == INQ_POINT_RVA64) {
		memcpy(field, &to->offset, sizeof(to->offset));
		return;
	}
	if (to->offset > UINT32_MAX || (pointer->how != INQ_POINT_RVA && to->size > UINT32_MAX)) {
		FAIL(writer, INQ_LIMIT,
		     "minidump: 0x%llx bytes at 0x%llx of the file, but 32 bits must point at them",
		     (unsigned long long)to->size, (unsigned long long)to->offset);
	} else if (pointer->how == INQ_POINT_RVA) {
		memcpy(field, &memory.location.rva, sizeof(memory.location.rva));
	} else if (pointer->how == INQ_POINT_LOCATION) {
		memcpy(field, &memory.location, sizeof(memory.location));
	} else {
		memcpy(field, &memory, sizeof(memory));
	}
}

/* A stream lies where 32 bits can point at, and so do the bytes of it. */
static void check_streams(struct inq_writer *writer)
{
	for (size_t i = 0; i < COUNT(writer->streams, struct stream); i++) {
		const struct stream *stream = &ARRAY(writer->streams, struct stream)[i];
		const struct piece *piece = piece_at(writer, stream->piece);

		if (piece->offset > UINT32_MAX || piece->size > UINT32_MAX)
			FAIL(writer, INQ_LIMIT, "minidump: %s stream of 0x%llx bytes at 0x%llx",
			     inq_md_stream_name(stream->type), (unsigned long long)piece->size,
			     (unsigned long long)piece->offset);
	}
}

enum inq_status inq_writer_plan(struct inq_writer *writer, uint64_t *ret_size,
				struct inq_error *err)
{
	if (!writer->planned && !writer->failed) {
		make_memory_list(writer);
		place(writer, make_memory64_list(writer));
		for (size_t i = 0; i < COUNT(writer->pointers, struct pointer) && !writer->failed;
		     i++)
			resolve(writer, &ARRAY(writer->pointers, struct pointer)[i]);
		if (!writer->failed)
			check_streams(writer);
		writer->chunk = malloc(INQ_WRITER_CHUNK);
		if (!writer->chunk)
			FAIL(writer, INQ_NO_MEMORY, "minidump: no memory");
		writer->planned = true;
	}
	if (writer->failed) {
		if (err)
			*err = writer->error;
		return writer->error.status;
	}
	if (ret_size)
		*ret_size = writer->size;
	return INQ_OK;
}

/* --- write --------------------------------------------------------------------------- */

/* What a sparse sink needs not be told is left out. */
static enum inq_status write_chunk(struct inq_writer *writer, struct inq_sink *sink, struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	size_t from = 0;

	while (from < writer->filled && status == INQ_OK) {
		bool zero = false;
		size_t left = writer->filled - from;
		size_t size = sink->sparse ? inq_sink_run(writer->chunk + from, left, writer->at + from, &zero) : left;

		if (!zero) {
			status = sink->write(sink, writer->at + from, writer->chunk + from, size, err);
			writer->end = writer->at + from + size;
		}
		from += size;
	}
	return status;
}

static enum inq_status flush(struct inq_writer *writer, struct inq_sink *sink,
			     struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	if (writer->filled)
		status = sink->hand ? sink->hand(sink, writer->at, writer->filled, &writer->chunk, err)
				    : write_chunk(writer, sink, err);
	writer->at += writer->filled;
	writer->filled = 0;
	return status;
}

static enum inq_status put(struct inq_writer *writer, struct inq_sink *sink, const void *bytes,
			   uint64_t size, struct inq_error *err)
{
	while (size) {
		size_t room = INQ_WRITER_CHUNK - writer->filled;
		size_t part = size < room ? (size_t)size : room;
		enum inq_status status;

		if (bytes) {
			memcpy(writer->chunk + writer->filled, bytes, part);
			bytes = (const uint8_t *)bytes + part;
		} else {
			memset(writer->chunk + writer->filled, 0, part);
		}
		writer->filled += part;
		size -= part;
		if (writer->filled < INQ_WRITER_CHUNK)
			continue;
		status = flush(writer, sink, err);
		if (status != INQ_OK)
			return status;
	}
	return INQ_OK;
}

/* Fill `size` bytes of the chunk. Where the source has a hole, go on behind the page that it lies
 * in. */
static void pull(struct inq_writer *writer, const struct piece *piece, uint64_t offset, uint8_t *to,
		 size_t size)
{
	while (size) {
		uint64_t address = piece->address + offset;
		size_t got = piece->source(piece->context, address, offset, to, size);
		size_t hole;

		if (got >= size)
			return;
		address += got;
		hole = PAGE - (size_t)(address % PAGE);
		if (hole > size - got)
			hole = size - got;
		memset(to + got, 0, hole);
		writer->missing += hole;
		offset += got + hole;
		to += got + hole;
		size -= got + hole;
	}
}

/* Zeroes that need not even be looked at. */
static enum inq_status put_zeroes(struct inq_writer *writer, struct inq_sink *sink, uint64_t size,
				  struct inq_error *err)
{
	enum inq_status status;

	if (!sink->sparse || size < PAGE)
		return put(writer, sink, NULL, size, err);
	status = flush(writer, sink, err);
	writer->at += size;
	return status;
}

static enum inq_status put_source(struct inq_writer *writer, struct inq_sink *sink,
				  const struct piece *piece, struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	uint64_t offset = 0, alike = 0;

	while (status == INQ_OK && offset < piece->size) {
		size_t room = INQ_WRITER_CHUNK - writer->filled, part;
		bool zero = false;

		if (!alike)
			alike = piece->extents ? piece->extents(piece->context,
								piece->address + offset,
								piece->size - offset, &zero)
					       : piece->size - offset;
		if (zero) {
			status = put_zeroes(writer, sink, alike, err);
			offset += alike;
			alike = 0;
			continue;
		}
		part = alike < room ? (size_t)alike : room;
		alike -= part;
		pull(writer, piece, offset, writer->chunk + writer->filled, part);
		writer->filled += part;
		offset += part;
		if (writer->filled == INQ_WRITER_CHUNK)
			status = flush(writer, sink, err);
	}
	return status;
}

/* What is written when all else is: a place for it, where the sink must know. */
static enum inq_status put_room(struct inq_writer *writer, struct inq_sink *sink, uint64_t size,
				struct inq_error *err)
{
	enum inq_status status;

	if (!sink->reserve)
		return put(writer, sink, NULL, size, err);
	status = flush(writer, sink, err);
	if (status == INQ_OK)
		status = sink->reserve(sink, writer->at, (size_t)size, err);
	writer->at += size;
	return status;
}

static enum inq_status put_piece(struct inq_writer *writer, struct inq_sink *sink,
				 const struct piece *piece, struct inq_error *err)
{
	uint64_t gap = piece->offset - (writer->at + writer->filled);
	enum inq_status status = put(writer, sink, NULL, gap, err);

	if (status != INQ_OK)
		return status;
	if (piece->late)
		return put_room(writer, sink, piece->size, err);
	if (piece->kind == SOURCE)
		return put_source(writer, sink, piece, err);
	return put(writer, sink, piece->bytes, piece->size, err);
}

static enum inq_status put_directory(struct inq_writer *writer, struct inq_sink *sink,
				     struct inq_error *err)
{
	/* The signature comes last. */
	const uint8_t *rest = (const uint8_t *)&writer->header + sizeof(writer->header.signature);
	enum inq_status status = put_room(writer, sink, sizeof(writer->header.signature), err);

	if (status == INQ_OK)
		status = put(writer, sink, rest, sizeof(writer->header) - sizeof(writer->header.signature), err);
	for (size_t i = 0; i < COUNT(writer->streams, struct stream) && status == INQ_OK; i++) {
		const struct stream *stream = &ARRAY(writer->streams, struct stream)[i];
		const struct piece *piece = piece_at(writer, stream->piece);
		struct md_directory entry = {
			.type = stream->type,
			.location = {(uint32_t)piece->size, (uint32_t)piece->offset},
		};

		status = put(writer, sink, &entry, sizeof(entry), err);
	}
	return status;
}

/* What tells how the rest went: into the place that was left for it. */
static enum inq_status put_late(struct inq_writer *writer, struct inq_sink *sink, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	for (size_t i = 0; i < COUNT(writer->pieces, struct piece); i++) {
		const struct piece *piece = piece_at(writer, (inq_piece)i);

		for (uint64_t offset = 0; piece->late && offset < piece->size && status == INQ_OK;) {
			size_t part = piece->size - offset < INQ_WRITER_CHUNK ? (size_t)(piece->size - offset)
									      : (size_t)INQ_WRITER_CHUNK;

			pull(writer, piece, offset, writer->chunk, part);
			status = sink->write(sink, piece->offset + offset, writer->chunk, part, err);
			offset += part;
		}
	}
	return status;
}

static enum inq_status write_all(struct inq_writer *writer, struct inq_sink *sink, struct inq_error *err)
{
	const uint32_t signature = MD_SIGNATURE;
	enum inq_status status = put_directory(writer, sink, err);

	for (unsigned pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < COUNT(writer->pieces, struct piece) && status == INQ_OK;
		     i++) {
			const struct piece *piece = piece_at(writer, (inq_piece)i);

			if (pass_of(piece) == pass)
				status = put_piece(writer, sink, piece, err);
		}
	}
	if (status == INQ_OK)
		status = flush(writer, sink, err);
	if (status == INQ_OK)
		status = put_late(writer, sink, err);
	if (status == INQ_OK && writer->at < writer->size)
		status = inq_fail(err, INQ_USAGE, "minidump: shorter than planned");
	/* A file that ends with a hole still has its size. */
	if (status == INQ_OK && sink->set_size)
		status = sink->set_size(sink, writer->size, err);
	else if (status == INQ_OK && writer->end < writer->size)
		status = sink->write(sink, writer->size - 1, "", 1, err);
	if (status == INQ_OK)
		status = sink->write(sink, 0, &signature, sizeof(signature), err);
	return status;
}

enum inq_status inq_writer_write(struct inq_writer *writer, struct inq_sink *sink,
				 struct inq_error *err)
{
	uint8_t *own = writer->chunk;
	enum inq_status status = INQ_OK;

	if (!writer->planned || writer->failed)
		return inq_fail(err, INQ_USAGE, "minidump: written without a plan");
	writer->at = 0;
	writer->end = 0;
	writer->filled = 0;
	writer->missing = 0;
	if (sink->hand) {
		writer->chunk = NULL;
		status = sink->hand(sink, 0, 0, &writer->chunk, err);
	}
	if (status == INQ_OK)
		status = write_all(writer, sink, err);
	writer->chunk = own;
	return status;
}

uint64_t inq_writer_missing(const struct inq_writer *writer)
{
	return writer->missing;
}
