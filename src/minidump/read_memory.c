/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <stdlib.h>
#include <string.h>

/* --- collecting ---------------------------------------------------------------------- */

/* A range as a list has it. `last` is inclusive, so that the top of the address space needs no
 * care. */
struct piece {
	uint64_t address;
	uint64_t last;
	uint64_t offset;
	uint32_t order; /* which one counts where they overlap: the lowest */
};

struct collection {
	struct piece *pieces;
	size_t count, capacity;
	size_t lost;
	uint64_t lost_bytes;
};

static void lose(struct collection *collection, uint64_t bytes)
{
	collection->lost++;
	if (__builtin_add_overflow(collection->lost_bytes, bytes, &collection->lost_bytes))
		collection->lost_bytes = UINT64_MAX;
}

static void collect(struct inq_dump *dump, struct collection *collection, uint64_t address,
		    uint64_t size, uint64_t offset)
{
	uint64_t file_size = dump->header.file_size, last;
	uint64_t present = offset < file_size ? file_size - offset : 0;

	if (size == 0)
		return;
	if (__builtin_add_overflow(address, size - 1, &last) || offset < sizeof(struct md_header) ||
	    present == 0) {
		lose(collection, size);
		return;
	}
	if (present < size) {
		lose(collection, size - present);
		last = address + present - 1;
	}
	collection->pieces[collection->count] =
		(struct piece){address, last, offset, (uint32_t)collection->count};
	collection->count++;
}

static enum inq_status room_for(struct inq_dump *dump, struct collection *collection, size_t more,
				struct inq_error *err)
{
	size_t capacity = collection->count + more;
	struct piece *pieces = inq_dump_borrow(dump, capacity, sizeof(*pieces));

	if (!pieces)
		return inq_dump_no_room(dump, err);
	if (collection->count)
		memcpy(pieces, collection->pieces, collection->count * sizeof(*pieces));
	inq_dump_give_back(dump, collection->pieces, collection->capacity, sizeof(*pieces));
	collection->pieces = pieces;
	collection->capacity = capacity;
	return INQ_OK;
}

/* Memory64List: the contents lie back to back, so a lying size moves all that follow; each is
 * bounded by the file. */
static enum inq_status collect_memory64(struct inq_dump *dump, struct inq_dump_stream *stream,
					struct collection *collection, struct inq_error *err)
{
	struct md_memory64_list head;
	struct inq_dump_list list;
	uint64_t offset;
	enum inq_status status = inq_dump_load(dump, stream->rva, &head, sizeof(head),
					       inq_layout_memory64_list, err);

	if (status == INQ_OK)
		status = inq_dump_sized_list(dump, stream, sizeof(head), sizeof(struct md_memory64),
					     head.count, sizeof(head), sizeof(struct md_memory64),
					     MD_MAX_MEMORY_RANGES, "memory ranges", &list, err);
	if (status == INQ_OK)
		status = room_for(dump, collection, list.count, err);
	if (status != INQ_OK)
		return status;
	offset = head.base_rva;
	collection->lost += list.lost;
	for (size_t i = 0; i < list.count; i++) {
		struct md_memory64 raw;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &raw, sizeof(raw),
				       inq_layout_memory64, err);
		if (status != INQ_OK)
			return status;
		collect(dump, collection, raw.address, raw.size, offset);
		if (__builtin_add_overflow(offset, raw.size, &offset))
			offset = UINT64_MAX;
	}
	return INQ_OK;
}

static enum inq_status collect_memory(struct inq_dump *dump, struct inq_dump_stream *stream,
				      struct collection *collection, struct inq_error *err)
{
	struct inq_dump_list list;
	enum inq_status status =
		inq_dump_plain_list(dump, stream, sizeof(struct md_memory), MD_MAX_MEMORY_RANGES,
				    "memory ranges", &list, err);

	if (status == INQ_OK)
		status = room_for(dump, collection, list.count, err);
	if (status != INQ_OK)
		return status;
	collection->lost += list.lost;
	for (size_t i = 0; i < list.count; i++) {
		struct md_memory raw;

		status = inq_dump_load(dump, inq_dump_entry(&list, i), &raw, sizeof(raw),
				       inq_layout_memory, err);
		if (status != INQ_OK)
			return status;
		collect(dump, collection, raw.address, raw.location.size, raw.location.rva);
	}
	return INQ_OK;
}

/* Windows gives a stack of a full dump its size but no place: its bytes are in Memory64List. */
static enum inq_status collect_stacks(struct inq_dump *dump, const struct inq_dump_threads *threads,
				      struct collection *collection, struct inq_error *err)
{
	enum inq_status status = room_for(dump, collection, threads->count, err);

	for (size_t i = 0; i < threads->count && status == INQ_OK; i++) {
		const struct inq_dump_thread *thread = &threads->items[i];

		if (thread->stack.offset)
			collect(dump, collection, thread->stack_address, thread->stack.size,
				thread->stack.offset);
	}
	return status;
}

/* --- overlaps ------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct piece *one = a, *other = b;

	if (one->address != other->address)
		return one->address < other->address ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

/* Those pieces that reach the place of the sweep, the lowest order on top. */
struct heap {
	const struct piece **items;
	size_t count;
};

static void push(struct heap *heap, const struct piece *piece)
{
	size_t at = heap->count++;

	for (; at > 0 && heap->items[(at - 1) / 2]->order > piece->order; at = (at - 1) / 2)
		heap->items[at] = heap->items[(at - 1) / 2];
	heap->items[at] = piece;
}

static void pop(struct heap *heap)
{
	const struct piece *moved = heap->items[--heap->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    heap->items[child + 1]->order < heap->items[child]->order)
			child++;
		if (heap->items[child]->order > moved->order)
			break;
		heap->items[at] = heap->items[child];
		at = child;
	}
	if (heap->count)
		heap->items[at] = moved;
}

struct output {
	struct inq_dump_range *items; /* NULL: only count */
	size_t count;
	const struct piece *of; /* the piece of the last range */
	uint64_t last;          /* the last address of it */
};

static void emit(struct output *output, const struct piece *piece, uint64_t from, uint64_t last)
{
	bool goes_on = output->count && output->of == piece && output->last + 1 == from;

	if (!goes_on && output->items)
		output->items[output->count] = (struct inq_dump_range){
			.address = from,
			.offset = piece->offset + (from - piece->address),
		};
	if (!goes_on)
		output->count++;
	if (output->items)
		output->items[output->count - 1].size =
			last - output->items[output->count - 1].address + 1;
	output->of = piece;
	output->last = last;
}

/* Walk up the address space; at each place the piece of the lowest order counts. */
static void sweep(const struct piece *pieces, size_t count, struct heap *heap,
		  struct output *output)
{
	uint64_t at = 0;
	size_t next = 0;

	heap->count = 0;
	while (next < count || heap->count) {
		const struct piece *top;
		uint64_t last;

		if (heap->count == 0)
			at = pieces[next].address;
		while (next < count && pieces[next].address <= at)
			push(heap, &pieces[next++]);
		top = heap->items[0];
		if (top->last < at) {
			pop(heap);
			continue;
		}
		last = top->last;
		if (next < count && pieces[next].address <= last)
			last = pieces[next].address - 1;
		emit(output, top, at, last);
		if (last == UINT64_MAX)
			return;
		at = last + 1;
	}
}

static enum inq_status resolve(struct inq_dump *dump, struct collection *collection,
			       struct inq_dump_memory *memory, struct inq_error *err)
{
	struct heap heap = {.items = inq_dump_borrow(dump, collection->count, sizeof(*heap.items))};
	struct output output = {0};

	if (!heap.items)
		return inq_dump_no_room(dump, err);
	if (collection->count)
		qsort(collection->pieces, collection->count, sizeof(*collection->pieces), compare);
	sweep(collection->pieces, collection->count, &heap, &output);
	memory->count = output.count;
	output =
		(struct output){.items = inq_dump_alloc(dump, output.count, sizeof(*output.items))};
	if (output.items)
		sweep(collection->pieces, collection->count, &heap, &output);
	inq_dump_give_back(dump, heap.items, collection->count, sizeof(*heap.items));
	if (!output.items)
		return inq_dump_no_room(dump, err);
	memory->items = output.items;
	memory->lost = collection->lost;
	memory->lost_bytes = collection->lost_bytes;
	return INQ_OK;
}

/* --- answers ------------------------------------------------------------------------- */

/* Collect from one list; a damaged one is noted, and the others still count. *any: one of them was
 * read. */
static enum inq_status
collect_list(struct inq_dump *dump, uint32_t type,
	     enum inq_status (*read)(struct inq_dump *, struct inq_dump_stream *,
				     struct collection *, struct inq_error *),
	     struct collection *collection, bool *any, struct inq_error *bad)
{
	struct inq_dump_stream *stream = inq_dump_stream_of(dump, type);
	struct inq_error err = {0};
	enum inq_status status;

	if (!stream)
		return INQ_OK;
	if (stream->rva < sizeof(struct md_header))
		status = inq_fail(&err, INQ_BAD_DATA, "inside the header");
	else
		status = read(dump, stream, collection, &err);
	if (status == INQ_OK) {
		*any = true;
		return INQ_OK;
	}
	if (status == INQ_BAD_DATA)
		inq_dump_note(dump, stream, "%s", err.text);
	inq_prepend(&err, status, "'%s': %s at 0x%x", inq_file_name(dump->file),
		    type == MD_STREAM_MEMORY_LIST ? "memory list" : "memory64 list", stream->rva);
	if (status != INQ_BAD_DATA || bad->status == INQ_OK)
		*bad = err;
	return status == INQ_BAD_DATA ? INQ_OK : status;
}

static enum inq_status gather(struct inq_dump *dump, struct collection *collection,
			      struct inq_error *err)
{
	const struct inq_dump_threads *threads = NULL;
	struct inq_error bad = {0};
	bool any = false;
	enum inq_status status = collect_list(dump, MD_STREAM_MEMORY64_LIST, collect_memory64,
					      collection, &any, &bad);

	if (status == INQ_OK)
		status = collect_list(dump, MD_STREAM_MEMORY_LIST, collect_memory, collection, &any,
				      &bad);
	if (status == INQ_OK && inq_dump_threads(dump, &threads, NULL) == INQ_OK) {
		status = collect_stacks(dump, threads, collection, &bad);
		any = any || collection->count;
	}
	if (status == INQ_OK && any)
		return INQ_OK;
	if (bad.status == INQ_OK)
		return inq_fail(err, INQ_ABSENT, "'%s': no memory list", inq_file_name(dump->file));
	*err = bad;
	return bad.status;
}

static enum inq_status parse_memory(struct inq_dump *dump, struct inq_dump_stream *stream,
				    const void **ret, struct inq_error *err)
{
	struct inq_dump_memory *memory = inq_dump_alloc(dump, 1, sizeof(*memory));
	struct collection collection = {0};
	enum inq_status status;

	(void)stream;
	if (!memory)
		return inq_dump_no_room(dump, err);
	status = gather(dump, &collection, err);
	if (status == INQ_OK) {
		status = resolve(dump, &collection, memory, err);
		if (status != INQ_OK)
			inq_prepend(err, status, "'%s': memory", inq_file_name(dump->file));
	}
	inq_dump_give_back(dump, collection.pieces, collection.capacity,
			   sizeof(*collection.pieces));
	if (status == INQ_OK)
		*ret = memory;
	return status;
}

enum inq_status inq_dump_memory(struct inq_dump *dump, const struct inq_dump_memory **ret,
				struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_MEMORY, 0, parse_memory, (const void **)ret, err);
}

static bool holds(const struct inq_dump_range *range, uint64_t address)
{
	return address >= range->address && address - range->address < range->size;
}

const struct inq_dump_range *inq_dump_find_memory(struct inq_dump *dump, uint64_t address)
{
	const struct inq_dump_memory *memory;
	size_t low = 0, high;

	if (dump->last_range && holds(dump->last_range, address))
		return dump->last_range;
	if (inq_dump_memory(dump, &memory, NULL) != INQ_OK)
		return NULL;
	for (high = memory->count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (memory->items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !holds(&memory->items[low - 1], address))
		return NULL;
	dump->last_range = &memory->items[low - 1];
	return dump->last_range;
}

enum inq_status inq_dump_read_memory(struct inq_dump *dump, uint64_t address, void *to, size_t size,
				     size_t *ret_done, struct inq_error *err)
{
	size_t done = 0, part;

	while (done < size) {
		const struct inq_dump_range *range = inq_dump_find_memory(dump, address + done);
		uint64_t from;
		enum inq_status status;

		if (!range || address + done < address)
			break;
		from = address + done - range->address;
		part = range->size - from < size - done ? (size_t)(range->size - from)
							: size - done;
		status = inq_file_read(dump->file, range->offset + from, (uint8_t *)to + done, part,
				       &part, err);
		if (status != INQ_OK && done == 0)
			return status;
		if (status != INQ_OK || part == 0)
			break;
		done += part;
	}
	if (done == 0 && size > 0)
		return inq_fail(err, INQ_FAULT, "'%s': no memory at 0x%llx",
				inq_file_name(dump->file), (unsigned long long)address);
	*ret_done = done;
	return INQ_OK;
}

/* --- regions ------------------------------------------------------------------------- */

static enum inq_status parse_infos(struct inq_dump *dump, struct inq_dump_stream *stream,
				   const void **ret, struct inq_error *err)
{
	struct inq_dump_memory_infos *infos = inq_dump_alloc(dump, 1, sizeof(*infos));
	struct md_memory_info_list head;
	struct md_memory_info *items;
	struct inq_dump_list list;
	enum inq_status status = inq_dump_load(dump, stream->rva, &head, sizeof(head),
					       inq_layout_memory_info_list, err);

	if (status == INQ_OK)
		status = inq_dump_sized_list(dump, stream, head.header_size, head.entry_size,
					     head.count, sizeof(head), sizeof(*items),
					     MD_MAX_MEMORY_INFOS, "regions", &list, err);
	if (status != INQ_OK)
		return status;
	items = inq_dump_alloc(dump, list.count, sizeof(*items));
	if (!infos || !items)
		return inq_dump_no_room(dump, err);
	for (size_t i = 0; i < list.count; i++) {
		status = inq_dump_load(dump, inq_dump_entry(&list, i), &items[i], sizeof(*items),
				       inq_layout_memory_info, err);
		if (status != INQ_OK)
			return status;
	}
	*infos = (struct inq_dump_memory_infos){list.count, list.lost, items};
	*ret = infos;
	return INQ_OK;
}

enum inq_status inq_dump_memory_infos(struct inq_dump *dump,
				      const struct inq_dump_memory_infos **ret,
				      struct inq_error *err)
{
	return inq_dump_answer(dump, ASK_MEMORY_INFOS, MD_STREAM_MEMORY_INFO_LIST, parse_infos,
			       (const void **)ret, err);
}
