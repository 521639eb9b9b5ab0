/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include "support/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory -------------------------------------------------------------------------- */

enum { CHUNK = 64 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	size_t filled;
	_Alignas(ALIGN) uint8_t bytes[];
};

static bool take(struct inq_dump *dump, size_t size)
{
	if (size > dump->budget - dump->used) {
		dump->refused = true;
		return false;
	}
	dump->used += size;
	return true;
}

static struct arena_chunk *new_chunk(struct inq_dump *dump, size_t size)
{
	struct arena_chunk *chunk = NULL;

	if (take(dump, sizeof(*chunk) + size)) {
		chunk = calloc(1, sizeof(*chunk) + size);
		if (!chunk)
			dump->used -= sizeof(*chunk) + size;
	}
	if (!chunk)
		return NULL;
	chunk->size = size;
	/* A large one goes behind the first, which may still have room. */
	if (dump->arena && size > CHUNK) {
		chunk->next = dump->arena->next;
		dump->arena->next = chunk;
	} else {
		chunk->next = dump->arena;
		dump->arena = chunk;
	}
	return chunk;
}

void *inq_dump_alloc(struct inq_dump *dump, size_t count, size_t size)
{
	struct arena_chunk *chunk = dump->arena;
	size_t wanted;

	if (__builtin_mul_overflow(count, size, &wanted) || wanted > SIZE_MAX / 2)
		return NULL;
	wanted = (wanted + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!chunk || chunk->size - chunk->filled < wanted)
		chunk = new_chunk(dump, wanted > CHUNK ? wanted : CHUNK);
	if (!chunk)
		return NULL;
	chunk->filled += wanted;
	return chunk->bytes + chunk->filled - wanted;
}

enum inq_status inq_dump_no_room(const struct inq_dump *dump, struct inq_error *err)
{
	if (dump->refused)
		return inq_fail(err, INQ_LIMIT,
				"it needs more than the 0x%llx bytes of memory that a file of this "
				"size may",
				(unsigned long long)dump->budget);
	return inq_fail(err, INQ_NO_MEMORY, "no memory");
}

void *inq_dump_borrow(struct inq_dump *dump, size_t count, size_t size)
{
	size_t wanted;
	void *memory;

	if (__builtin_mul_overflow(count, size, &wanted) || !take(dump, wanted))
		return NULL;
	memory = malloc(wanted + 1);
	if (!memory)
		dump->used -= wanted;
	return memory;
}

void inq_dump_give_back(struct inq_dump *dump, void *memory, size_t count, size_t size)
{
	if (memory)
		dump->used -= count * size;
	free(memory);
}

/* --- strings ------------------------------------------------------------------------- */

static const char *keep(struct inq_dump *dump, const void *bytes, size_t size)
{
	char *text = inq_dump_alloc(dump, size + 1, 1);

	if (text && size)
		memcpy(text, bytes, size);
	return text;
}

static const char *keep_utf16(struct inq_dump *dump, const void *bytes, size_t units, bool swap,
			      size_t *ret_size)
{
	struct inq_buffer text = {0};
	const char *kept = NULL;

	inq_text_from_utf16(&text, bytes, units, swap);
	*ret_size = text.size;
	if (inq_buffer_ok(&text))
		kept = keep(dump, text.data, text.size);
	inq_buffer_done(&text);
	return kept;
}

const char *inq_dump_text(struct inq_dump *dump, const void *utf16, size_t units)
{
	const uint8_t *bytes = utf16;
	size_t length = 0, size;

	while (length < units && (bytes[2 * length] || bytes[2 * length + 1]))
		length++;
	return keep_utf16(dump, utf16, length, false, &size);
}

static enum inq_status read_string(struct inq_dump *dump, uint64_t rva, enum inq_dump_coding coding,
				   const char **ret, size_t *ret_size, struct inq_error *err)
{
	struct md_string head;
	enum inq_status status =
		inq_dump_load(dump, rva, &head, sizeof(head), inq_layout_words, err);

	if (status != INQ_OK)
		return inq_prepend(err, status, "string");
	if (head.size > MD_MAX_STRING || (coding == UTF16 && head.size % 2))
		return inq_fail(err, INQ_BAD_DATA, "string at 0x%llx: 0x%x bytes",
				(unsigned long long)rva, head.size);
	dump->scratch.size = 0;
	if (!inq_buffer_reserve(&dump->scratch, head.size)) {
		dump->scratch.failed = false;
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	}
	status = inq_dump_load(dump, rva + sizeof(head), dump->scratch.data, head.size, "", err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "string");
	*ret_size = head.size;
	if (coding == UTF8)
		*ret = keep(dump, dump->scratch.data, head.size);
	else
		*ret = keep_utf16(dump, dump->scratch.data, head.size / 2, dump->header.swapped,
				  ret_size);
	return *ret ? INQ_OK : inq_dump_no_room(dump, err);
}

enum inq_status inq_dump_string(struct inq_dump *dump, uint64_t rva, enum inq_dump_coding coding,
				const char **ret, size_t *ret_size, struct inq_error *err)
{
	uint64_t key = rva << 1 | (coding == UTF8);
	size_t slot = (size_t)((rva >> 2) % STRING_CACHE), size = 0;
	const char *text = NULL;
	enum inq_status status;

	if (key && dump->strings[slot].key == key) {
		text = dump->strings[slot].text;
		size = dump->strings[slot].size;
	} else {
		status = read_string(dump, rva, coding, &text, &size, err);
		if (status != INQ_OK)
			return status;
		dump->strings[slot].key = key;
		dump->strings[slot].text = text;
		dump->strings[slot].size = size;
	}
	*ret = text;
	if (ret_size)
		*ret_size = size;
	return INQ_OK;
}

enum inq_status inq_dump_name(struct inq_dump *dump, struct inq_dump_stream *stream, uint64_t rva,
			      const char **ret, struct inq_error *err)
{
	struct inq_error inner;
	enum inq_status status;

	*ret = "";
	if (rva == 0)
		return INQ_OK;
	status = inq_dump_string(dump, rva, UTF16, ret, NULL, &inner);
	if (status == INQ_OK)
		return INQ_OK;
	*ret = "";
	if (status != INQ_BAD_DATA) {
		if (err)
			*err = inner;
		return status;
	}
	inq_dump_note(dump, stream, "a name: %s", inner.text);
	return INQ_OK;
}

/* --- streams ------------------------------------------------------------------------- */

struct inq_dump_stream *inq_dump_stream_of(const struct inq_dump *dump, uint32_t type)
{
	for (size_t i = 0; i < dump->stream_count; i++) {
		if (dump->streams[i].type == type)
			return &dump->streams[i];
	}
	return NULL;
}

void inq_dump_note(struct inq_dump *dump, struct inq_dump_stream *stream, const char *format, ...)
{
	char words[INQ_ERROR_TEXT];
	va_list args;

	if (!stream || stream->problem)
		return;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	stream->status = INQ_BAD_DATA;
	stream->problem = keep(dump, words, strlen(words));
	if (!stream->problem)
		stream->problem = "damaged";
}

/* "thread list" of "ThreadList". */
static void spell(char *to, size_t capacity, const char *name)
{
	size_t at = 0;

	for (size_t i = 0; name[i] && at + 2 < capacity; i++) {
		bool upper = name[i] >= 'A' && name[i] <= 'Z';

		if (upper && i > 0)
			to[at++] = ' ';
		to[at++] = (char)(upper ? name[i] + 'a' - 'A' : name[i]);
	}
	to[at] = '\0';
}

static enum inq_status parse_stream(struct inq_dump *dump, uint32_t type, inq_dump_parser parse,
				    const void **ret, struct inq_error *err)
{
	struct inq_dump_stream *stream = inq_dump_stream_of(dump, type);
	const char *file = inq_file_name(dump->file);
	enum inq_status status;
	char noun[64];

	spell(noun, sizeof(noun), inq_md_stream_name(type));
	if (!stream)
		return inq_fail(err, INQ_ABSENT, "'%s': no %s", file, noun);
	if (stream->size > 0 && stream->rva < sizeof(struct md_header))
		status = inq_fail(err, INQ_BAD_DATA, "inside the header");
	else if (stream->size > 0 && stream->present == 0)
		status = inq_fail(err, INQ_BAD_DATA, "beyond the file's end at 0x%llx",
				  (unsigned long long)dump->header.file_size);
	else
		status = parse(dump, stream, ret, err);
	if (status == INQ_OK)
		return INQ_OK;
	if (status == INQ_BAD_DATA)
		inq_dump_note(dump, stream, "%s", err->text);
	return inq_prepend(err, status, "'%s': %s at 0x%x", file, noun, stream->rva);
}

/* Parse for the first time and remember how it went. */
static enum inq_status find_answer(struct inq_dump *dump, struct inq_dump_answer *answer,
				   uint32_t stream_type, inq_dump_parser parse,
				   struct inq_error *err)
{
	struct inq_error inner = {0};
	const void *value = NULL;
	enum inq_status status = stream_type
					 ? parse_stream(dump, stream_type, parse, &value, &inner)
					 : parse(dump, NULL, &value, &inner);

	if (status != INQ_OK && err)
		*err = inner;
	/* What the machine could not do may go better the next time. */
	if (status == INQ_OS || status == INQ_NO_MEMORY)
		return status;
	if (status != INQ_OK)
		answer->words = keep(dump, inner.text, strlen(inner.text));
	answer->status = status;
	answer->value = value;
	answer->known = true;
	return status;
}

enum inq_status inq_dump_answer(struct inq_dump *dump, enum inq_dump_question question,
				uint32_t stream_type, inq_dump_parser parse, const void **ret,
				struct inq_error *err)
{
	struct inq_dump_answer *answer = &dump->answers[question];
	enum inq_status status;

	if (!answer->known) {
		status = find_answer(dump, answer, stream_type, parse, err);
		if (status != INQ_OK)
			return status;
	}
	if (answer->status != INQ_OK)
		return inq_fail(err, answer->status, "%s",
				answer->words ? answer->words : "not readable");
	*ret = answer->value;
	return INQ_OK;
}

/* --- lists --------------------------------------------------------------------------- */

/* `size` bytes at `offset`, of which `present` are in the file, begin with `head` bytes and `count`
 * entries. */
static enum inq_status fit(uint64_t offset, uint64_t size, uint64_t present, uint64_t head,
			   uint64_t count, uint64_t stride, size_t limit, const char *what,
			   struct inq_dump_list *ret, struct inq_error *err)
{
	uint64_t wanted;

	if (__builtin_mul_overflow(count, stride, &wanted) ||
	    __builtin_add_overflow(wanted, head, &wanted) || wanted > size)
		return inq_fail(err, INQ_BAD_DATA,
				"%llu %s of 0x%llx bytes do not fit into 0x%llx bytes",
				(unsigned long long)count, what, (unsigned long long)stride,
				(unsigned long long)size);
	if (count > limit)
		return inq_fail(err, INQ_LIMIT, "%llu %s, at most %zu", (unsigned long long)count,
				what, limit);
	ret->offset = offset + head;
	ret->stride = stride;
	ret->count = (size_t)count;
	ret->lost = 0;
	if (present < wanted) {
		ret->count = present > head ? (size_t)((present - head) / stride) : 0;
		ret->lost = (size_t)count - ret->count;
	}
	return INQ_OK;
}

static void note_lost(struct inq_dump *dump, struct inq_dump_stream *stream,
		      const struct inq_dump_list *list, const char *what)
{
	if (list->lost)
		inq_dump_note(dump, stream, "the file's end at 0x%llx cuts off %zu of %zu %s",
			      (unsigned long long)dump->header.file_size, list->lost,
			      list->count + list->lost, what);
}

/* The count, and whether 4 bytes of padding follow it. */
static enum inq_status plain(struct inq_dump *dump, uint64_t offset, uint64_t size,
			     uint64_t present, size_t entry, size_t limit, const char *what,
			     struct inq_dump_list *ret, struct inq_error *err)
{
	struct md_list head = {0};
	enum inq_status status;
	uint64_t padding;

	if (present < sizeof(head))
		return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes, too short for its count",
				(unsigned long long)present);
	status = inq_dump_load(dump, offset, &head, sizeof(head), inq_layout_words, err);
	if (status != INQ_OK)
		return status;
	padding = size == 2 * sizeof(head) + (uint64_t)head.count * entry ? sizeof(head) : 0;
	return fit(offset, size, present, sizeof(head) + padding, head.count, entry, limit, what,
		   ret, err);
}

enum inq_status inq_dump_plain_list(struct inq_dump *dump, struct inq_dump_stream *stream,
				    size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err)
{
	enum inq_status status = plain(dump, stream->rva, stream->size, stream->present, entry,
				       limit, what, ret, err);

	if (status == INQ_OK)
		note_lost(dump, stream, ret, what);
	return status;
}

enum inq_status inq_dump_inner_list(struct inq_dump *dump, struct md_location location,
				    size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err)
{
	uint64_t left =
		location.rva < dump->header.file_size ? dump->header.file_size - location.rva : 0;

	*ret = (struct inq_dump_list){.stride = entry};
	if (location.size == 0)
		return INQ_OK;
	return plain(dump, location.rva, location.size, left < location.size ? left : location.size,
		     entry, limit, what, ret, err);
}

enum inq_status inq_dump_sized_list(struct inq_dump *dump, struct inq_dump_stream *stream,
				    uint32_t header_size, uint32_t entry_size, uint64_t count,
				    size_t header, size_t entry, size_t limit, const char *what,
				    struct inq_dump_list *ret, struct inq_error *err)
{
	enum inq_status status;

	if (header_size < header)
		return inq_fail(err, INQ_BAD_DATA, "a header of 0x%x bytes, at least 0x%zx",
				header_size, header);
	if (entry_size < entry)
		return inq_fail(err, INQ_BAD_DATA, "entries of 0x%x bytes, at least 0x%zx",
				entry_size, entry);
	status = fit(stream->rva, stream->size, stream->present, header_size, count, entry_size,
		     limit, what, ret, err);
	if (status == INQ_OK)
		note_lost(dump, stream, ret, what);
	return status;
}

/* --- opening ------------------------------------------------------------------------- */

bool inq_dump_is_minidump(const void *bytes, size_t size)
{
	uint32_t signature;

	if (size < sizeof(signature))
		return false;
	memcpy(&signature, bytes, sizeof(signature));
	return signature == MD_SIGNATURE || signature == __builtin_bswap32(MD_SIGNATURE);
}

static enum inq_status read_header(struct inq_dump *dump, struct md_header *ret,
				   struct inq_error *err)
{
	static const char layout[] = "4*6 8";
	struct inq_dump_header *header = &dump->header;
	enum inq_status status = inq_dump_load(dump, 0, ret, sizeof(*ret), layout, err);

	if (status != INQ_OK)
		return status == INQ_BAD_DATA
			       ? inq_fail(err, status, "not a minidump: 0x%llx bytes are no header",
					  (unsigned long long)header->file_size)
			       : status;
	if (!inq_dump_is_minidump(ret, sizeof(*ret)))
		return inq_fail(err, INQ_BAD_DATA, "not a minidump: signature 0x%08x",
				ret->signature);
	header->swapped = ret->signature != MD_SIGNATURE;
	status = inq_dump_load(dump, 0, ret, sizeof(*ret), layout, err);
	if (status != INQ_OK)
		return status;
	if ((ret->version & 0xffff) != MD_VERSION)
		return inq_fail(err, INQ_BAD_DATA, "not a minidump: version 0x%04x",
				ret->version & 0xffff);
	header->version = ret->version;
	header->time = ret->time;
	header->flags = ret->flags;
	if (ret->stream_count > MD_MAX_STREAMS)
		return inq_fail(err, INQ_LIMIT, "%u streams, at most %d", ret->stream_count,
				MD_MAX_STREAMS);
	if (ret->stream_count && ret->directory_rva < sizeof(*ret))
		return inq_fail(err, INQ_BAD_DATA, "directory at 0x%x, inside the header",
				ret->directory_rva);
	if (ret->stream_count &&
	    ret->directory_rva + sizeof(struct md_directory) > header->file_size)
		return inq_fail(err, INQ_BAD_DATA,
				"directory at 0x%x, beyond the file's end at 0x%llx",
				ret->directory_rva, (unsigned long long)header->file_size);
	return INQ_OK;
}

static void add_stream(struct inq_dump *dump, const struct md_directory *entry)
{
	struct inq_dump_stream *stream = &dump->streams[dump->stream_count];
	uint64_t left = entry->location.rva < dump->header.file_size
				? dump->header.file_size - entry->location.rva
				: 0;

	if (entry->type == MD_STREAM_UNUSED)
		return;
	*stream = (struct inq_dump_stream){
		.type = entry->type,
		.rva = entry->location.rva,
		.size = entry->location.size,
		.present = left < entry->location.size ? (uint32_t)left : entry->location.size,
		.duplicate = inq_dump_stream_of(dump, entry->type) != NULL,
		.name = inq_md_stream_name(entry->type),
	};
	dump->stream_count++;
	if (stream->present < stream->size) {
		dump->header.truncated = true;
		inq_dump_note(dump, stream, "0x%x of 0x%x bytes are in the file", stream->present,
			      stream->size);
	} else if (stream->size > 0 && stream->rva < sizeof(struct md_header)) {
		inq_dump_note(dump, stream, "inside the header");
	}
}

static enum inq_status read_directory(struct inq_dump *dump, const struct md_header *header,
				      struct inq_error *err)
{
	uint32_t count = header->stream_count;

	dump->streams = inq_dump_alloc(dump, count + 1, sizeof(*dump->streams));
	dump->raw = inq_dump_alloc(dump, count + 1, sizeof(*dump->raw));
	if (!dump->streams || !dump->raw)
		return inq_dump_no_room(dump, err);
	for (uint32_t i = 0; i < count; i++) {
		struct md_directory entry;
		uint64_t at = header->directory_rva + (uint64_t)i * sizeof(entry);
		enum inq_status status =
			inq_dump_load(dump, at, &entry, sizeof(entry), inq_layout_words, err);

		if (status == INQ_BAD_DATA) {
			dump->header.truncated = true;
			break;
		}
		if (status != INQ_OK)
			return status;
		add_stream(dump, &entry);
	}
	return INQ_OK;
}

enum inq_status inq_dump_open(struct inq_file *file, struct inq_dump **ret, struct inq_error *err)
{
	struct inq_dump *dump = calloc(1, sizeof(*dump));
	struct md_header header;
	enum inq_status status;

	if (!dump)
		return inq_fail(err, INQ_NO_MEMORY, "'%s': no memory", inq_file_name(file));
	dump->file = file;
	dump->header.file_size = inq_file_size(file);
	dump->budget = inq_file_stored_size(file) * 2 + (32u << 20);
	status = read_header(dump, &header, err);
	if (status == INQ_OK)
		status = read_directory(dump, &header, err);
	if (status != INQ_OK) {
		inq_dump_close(dump);
		return inq_prepend(err, status, "'%s'", inq_file_name(file));
	}
	*ret = dump;
	return INQ_OK;
}

void inq_dump_close(struct inq_dump *dump)
{
	struct arena_chunk *next;

	if (!dump)
		return;
	for (struct arena_chunk *chunk = dump->arena; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	inq_buffer_done(&dump->scratch);
	free(dump);
}

const struct inq_dump_header *inq_dump_header(const struct inq_dump *dump)
{
	return &dump->header;
}

const struct inq_dump_stream *inq_dump_streams(const struct inq_dump *dump, size_t *ret_count)
{
	*ret_count = dump->stream_count;
	return dump->streams;
}

const struct inq_dump_stream *inq_dump_find_stream(const struct inq_dump *dump, uint32_t type)
{
	return inq_dump_stream_of(dump, type);
}

/* --- raw bytes ----------------------------------------------------------------------- */

enum inq_status inq_dump_read(struct inq_dump *dump, uint64_t offset, void *to, size_t size,
			      struct inq_error *err)
{
	return inq_file_read_all(dump->file, offset, to, size, err);
}

static enum inq_status copy_stream(struct inq_dump *dump, const struct inq_dump_stream *stream,
				   const struct inq_dump_bytes **ret, struct inq_error *err)
{
	struct inq_dump_bytes *bytes = inq_dump_alloc(dump, 1, sizeof(*bytes));
	uint8_t *data;
	enum inq_status status;

	if (stream->present > MD_MAX_RAW_STREAM)
		return inq_fail(err, INQ_LIMIT, "0x%x bytes, at most 0x%x", stream->present,
				MD_MAX_RAW_STREAM);
	data = inq_dump_alloc(dump, (size_t)stream->present + 1, 1);
	if (!bytes || !data)
		return inq_dump_no_room(dump, err);
	status = inq_dump_load(dump, stream->rva, data, stream->present, "", err);
	if (status != INQ_OK)
		return status;
	*bytes = (struct inq_dump_bytes){data, stream->present, stream->size - stream->present};
	*ret = bytes;
	return INQ_OK;
}

enum inq_status inq_dump_stream_bytes(struct inq_dump *dump, uint32_t type,
				      struct inq_dump_bytes *ret, struct inq_error *err)
{
	const struct inq_dump_stream *stream = inq_dump_stream_of(dump, type);
	const char *file = inq_file_name(dump->file);
	const struct inq_dump_bytes **raw;
	enum inq_status status = INQ_OK;
	char noun[64];

	spell(noun, sizeof(noun), inq_md_stream_name(type));
	if (!stream)
		return inq_fail(err, INQ_ABSENT, "'%s': no %s stream (0x%x)", file, noun, type);
	raw = &dump->raw[stream - dump->streams];
	if (stream->size > 0 && stream->rva < sizeof(struct md_header))
		status = inq_fail(err, INQ_BAD_DATA, "inside the header");
	else if (stream->size > 0 && stream->present == 0)
		status = inq_fail(err, INQ_BAD_DATA, "beyond the file's end at 0x%llx",
				  (unsigned long long)dump->header.file_size);
	else if (!*raw)
		status = copy_stream(dump, stream, raw, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "'%s': %s stream (0x%x) at 0x%x", file, noun, type,
				   stream->rva);
	*ret = **raw;
	return INQ_OK;
}
