/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/link_map.h"

#include "support/cursor.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADERS_MAX = 1024,  /* program headers of the executable */
	DYNAMIC_MAX = 16384, /* bytes of its dynamic section */
};

struct walk {
	struct inq_target *target;
	unsigned word; /* 4 or 8 */
	struct inq_link_list list;
	size_t link_capacity;
	size_t names_size, names_capacity;
};

/* Where the executable's dynamic section lies in memory. */
static enum inq_status find_dynamic(struct walk *walk, uint64_t phdr, uint64_t phnum, uint64_t *ret,
				    uint64_t *ret_size, struct inq_error *err)
{
	size_t entry = walk->word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t bias = 0, dynamic = 0, size = 0;
	bool found = false, have_bias = false;

	if (!phdr || !phnum)
		return inq_fail(err, INQ_ABSENT, "the auxiliary vector names no program headers");
	if (phnum > HEADERS_MAX)
		return inq_fail(err, INQ_BAD_DATA, "%llu program headers, at most %d",
				(unsigned long long)phnum, HEADERS_MAX);
	for (uint64_t i = 0; i < phnum; i++) {
		uint8_t raw[sizeof(Elf64_Phdr)];
		struct inq_cursor cursor = inq_cursor_make(raw, entry, 0, "program header");
		uint32_t type;
		uint64_t offset, vaddr, memory;
		enum inq_status status =
			inq_target_read_all(walk->target, phdr + i * entry, raw, entry, err);

		if (status != INQ_OK)
			return inq_prepend(err, status, "program headers");
		type = inq_cursor_u32(&cursor);
		inq_cursor_seek(&cursor, walk->word == 8 ? 8 : 4);
		offset = inq_cursor_word(&cursor, walk->word);
		vaddr = inq_cursor_word(&cursor, walk->word);
		inq_cursor_seek(&cursor, walk->word == 8 ? 40 : 20);
		memory = inq_cursor_word(&cursor, walk->word);
		if (type == PT_PHDR) {
			bias = phdr - vaddr;
			have_bias = true;
		} else if (type == PT_LOAD && offset == 0 && !have_bias) {
			/* Without PT_PHDR: the headers lie in the file's first page. */
			bias = (phdr & ~(uint64_t)0xfff) - vaddr;
		} else if (type == PT_DYNAMIC) {
			dynamic = vaddr;
			size = memory;
			found = true;
		}
	}
	if (!found)
		return inq_fail(err, INQ_ABSENT, "a static program has no loader");
	*ret = dynamic + bias;
	*ret_size = size;
	return INQ_OK;
}

static enum inq_status find_debug(struct walk *walk, uint64_t dynamic, uint64_t size, uint64_t *ret,
				  struct inq_error *err)
{
	uint8_t raw[DYNAMIC_MAX];
	struct inq_cursor cursor;
	size_t done = 0;
	enum inq_status status;

	if (size > sizeof(raw))
		size = sizeof(raw);
	status = inq_target_read(walk->target, dynamic, raw, (size_t)size, &done, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "dynamic section");
	cursor = inq_cursor_make(raw, done, dynamic, "dynamic section");
	while (inq_cursor_left(&cursor) >= 2 * walk->word) {
		uint64_t tag = inq_cursor_word(&cursor, walk->word);
		uint64_t value = inq_cursor_word(&cursor, walk->word);

		if (tag == DT_NULL)
			break;
		if (tag != DT_DEBUG)
			continue;
		if (!value)
			return inq_fail(err, INQ_ABSENT,
					"the loader was not ready (DT_DEBUG is 0)");
		*ret = value;
		return INQ_OK;
	}
	return inq_fail(err, INQ_ABSENT, "the program has no DT_DEBUG");
}

/* Words that lie one after the other. */
static enum inq_status read_words(struct walk *walk, uint64_t address, uint64_t *ret,
				  unsigned count, struct inq_error *err)
{
	uint8_t raw[8 * 8] = {0};
	struct inq_cursor cursor = inq_cursor_make(raw, sizeof(raw), address, "words");
	enum inq_status status =
		inq_target_read_all(walk->target, address, raw, (size_t)count * walk->word, err);

	for (unsigned i = 0; status == INQ_OK && i < count; i++)
		ret[i] = inq_cursor_word(&cursor, walk->word);
	return status;
}

/* Room for one more link and the name at `address`; the name's offset is kept until all names are
 * there. */
static bool add(struct walk *walk, uint64_t link, const uint64_t words[5])
{
	struct inq_link_list *list = &walk->list;
	char name[INQ_LINK_NAME_MAX] = "";
	size_t size;

	if (words[1])
		(void)inq_target_read_string(walk->target, words[1], name, sizeof(name), NULL);
	size = strlen(name) + 1;
	if (list->map.count == walk->link_capacity) {
		size_t capacity = walk->link_capacity ? 2 * walk->link_capacity : 32;
		void *grown = realloc(list->links, capacity * sizeof(*list->links));

		if (!grown)
			return false;
		list->links = grown;
		walk->link_capacity = capacity;
	}
	if (size > walk->names_capacity - walk->names_size) {
		size_t capacity = 2 * walk->names_capacity + INQ_LINK_NAME_MAX;
		void *grown = realloc(list->names, capacity);

		if (!grown)
			return false;
		list->names = grown;
		walk->names_capacity = capacity;
	}
	memcpy(list->names + walk->names_size, name, size);
	list->links[list->map.count++] = (struct inq_link){
		.address = words[0],
		.place = link,
		.name_address = words[1],
		.dynamic = words[2],
		/* The names may still move: an offset until publish(). */
		.name = (const char *)(uintptr_t)walk->names_size,
	};
	walk->names_size += size;
	return true;
}

static void publish(struct walk *walk)
{
	struct inq_link_list *list = &walk->list;

	for (size_t i = 0; i < list->map.count; i++)
		list->links[i].name = list->names + (uintptr_t)list->links[i].name;
	list->map.links = list->links;
}

/* A link that does not point back at the one before it ends the walk: so no cycle can be entered.
 */
static bool walk_links(struct walk *walk, uint64_t link)
{
	uint64_t before = 0;

	while (link && walk->list.map.count < INQ_LINKS_MAX &&
	       walk->names_size < INQ_LINK_NAMES_MAX) {
		uint64_t words[5]; /* l_addr, l_name, l_ld, l_next, l_prev */

		if (read_words(walk, link, words, 5, NULL) != INQ_OK || words[4] != before)
			break;
		if (!add(walk, link, words))
			return false;
		before = link;
		link = words[3];
	}
	return true;
}

enum inq_status inq_link_list_walk(struct inq_target *target, uint64_t phdr, uint64_t phnum,
				   unsigned pointer_size, struct inq_link_list *ret,
				   struct inq_error *err)
{
	struct walk walk = {.target = target, .word = pointer_size == 4 ? 4 : 8};
	uint64_t dynamic = 0, size = 0, debug = 0;
	uint64_t words[5] = {0}; /* r_version (int), r_map, r_brk, r_state (int), r_ldbase */
	enum inq_status status = find_dynamic(&walk, phdr, phnum, &dynamic, &size, err);

	if (status == INQ_OK)
		status = find_debug(&walk, dynamic, size, &debug, err);
	if (status != INQ_OK)
		return status;
	status = read_words(&walk, debug, words, 5, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "r_debug");
	if ((uint32_t)words[0] == 0)
		return inq_fail(err, INQ_ABSENT, "the loader was not ready (r_version is 0)");
	walk.list.map.version = (uint32_t)words[0];
	walk.list.map.place = debug;
	walk.list.map.brk = words[2];
	walk.list.map.loader_base = words[4];
	walk.list.map.dynamic = dynamic;
	if (!walk_links(&walk, words[1])) {
		inq_link_list_done(&walk.list);
		return inq_fail(err, INQ_NO_MEMORY, "no memory for the loader's list");
	}
	publish(&walk);
	*ret = walk.list;
	return INQ_OK;
}

void inq_link_list_done(struct inq_link_list *list)
{
	if (!list)
		return;
	free(list->links);
	free(list->names);
	memset(list, 0, sizeof(*list));
}
