/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/thread_start.h"

#include "target/auxv.h"
#include "target/status_text.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	DYNAMIC_MAX = 128,   /* entries of a library's dynamic section */
	CHAIN_MAX = 4096,    /* symbols of one hash bucket */
	PTHREAD_MAX = 16384, /* bytes of struct pthread; 2,304 in 2.36 */
	NAME_MAX_SIZE = 64,
};

/* A library's symbol table, as its dynamic section names it: addresses in the process. */
struct table {
	struct inq_target *target;
	uint64_t bias, symbols, strings, hash;
};

/* A field of struct pthread as libthread_db is told of it: bits, elements, byte offset
 * (nptl_db/db_info.c). */
struct field {
	uint32_t bits, count, offset;
};

static bool read(const struct table *table, uint64_t address, void *to, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t done = 0;

		if (inq_target_read_tables(table->target, address + at, (char *)to + at, size - at,
					   &done, NULL) != INQ_OK ||
		    !done)
			return false;
		at += done;
	}
	return true;
}

static bool open_table(struct inq_target *target, const struct inq_link *link, struct table *ret)
{
	struct table table = {.target = target, .bias = link->address};

	for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;

		if (!read(&table, link->dynamic + i * sizeof(entry), &entry, sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			break;
		/* The loader has added the bias where the section may be written. */
		if (entry.d_un.d_ptr < table.bias)
			entry.d_un.d_ptr += table.bias;
		if (entry.d_tag == DT_SYMTAB)
			table.symbols = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_STRTAB)
			table.strings = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_GNU_HASH)
			table.hash = entry.d_un.d_ptr;
	}
	*ret = table;
	return table.symbols && table.strings && table.hash;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (uint8_t)*name;
	return hash;
}

static bool is_called(const struct table *table, const Elf64_Sym *symbol, const char *name)
{
	char found[NAME_MAX_SIZE];
	size_t size = strlen(name) + 1;

	return size <= sizeof(found) && symbol->st_shndx != SHN_UNDEF &&
	       read(table, table->strings + symbol->st_name, found, size) &&
	       memcmp(found, name, size) == 0;
}

/* DT_GNU_HASH: buckets, index of the first symbol in them, words and shift of a filter; filter,
 * buckets, chains. */
static bool find_symbol(const struct table *table, const char *name, uint64_t *ret)
{
	uint32_t head[4], index, chain, hash = hash_of(name);
	uint64_t buckets;

	if (!read(table, table->hash, head, sizeof(head)) || !head[0])
		return false;
	buckets = table->hash + sizeof(head) + 8ull * head[2];
	if (!read(table, buckets + 4ull * (hash % head[0]), &index, sizeof(index)) ||
	    index < head[1])
		return false;
	for (unsigned i = 0; i < CHAIN_MAX; i++, index++) {
		Elf64_Sym symbol;

		if (!read(table, buckets + 4ull * head[0] + 4ull * (index - head[1]), &chain,
			  sizeof(chain)))
			return false;
		if ((chain | 1) == (hash | 1) &&
		    read(table, table->symbols + index * sizeof(symbol), &symbol, sizeof(symbol)) &&
		    is_called(table, &symbol, name)) {
			*ret = table->bias + symbol.st_value;
			return true;
		}
		if (chain & 1)
			break;
	}
	return false;
}

static bool find_field(const struct table *table, const char *name, uint32_t bits,
		       struct field *ret)
{
	uint64_t address;

	return find_symbol(table, name, &address) && read(table, address, ret, sizeof(*ret)) &&
	       ret->bits == bits && ret->offset < PTHREAD_MAX;
}

/* libc.so.6; before 2.34 libpthread.so.0. */
static bool is_library(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0 ||
	       strncmp(name, "libpthread", 10) == 0;
}

static bool find_fields(struct inq_target *target, struct field *ret_start, struct field *ret_tid)
{
	const struct inq_link_map *map;

	if (inq_target_link_map(target, &map, NULL) != INQ_OK)
		return false;
	for (size_t i = 0; i < map->count; i++) {
		struct table table;

		if (map->links[i].name && is_library(map->links[i].name) &&
		    open_table(target, &map->links[i], &table) &&
		    find_field(&table, "_thread_db_pthread_start_routine", 64, ret_start) &&
		    find_field(&table, "_thread_db_pthread_tid", 32, ret_tid))
			return true;
	}
	return false;
}

/* The id as the thread itself knows it may be of an inner namespace: "NSpid:\t4711\t12". */
static bool is_its_id(const struct inq_proc_files *files, uint32_t tid, uint32_t own)
{
	const struct inq_proc_file *status;
	const char *value = NULL;
	size_t size = 0;

	if (tid == own)
		return true;
	status = inq_proc_files_numbered(files, "task", tid, "status");
	if (!status || !inq_status_value(status->data, status->size, "NSpid", &value, &size))
		return false;
	for (size_t at = 0; at < size; at++) {
		uint32_t number = 0;
		bool any = false;

		for (; at < size && value[at] >= '0' && value[at] <= '9'; at++, any = true)
			number = number * 10 + (uint32_t)(value[at] - '0');
		if (any && number == own)
			return true;
	}
	return false;
}

static bool is_code(struct inq_target *target, uint64_t address)
{
	const struct inq_region *regions, *region;
	size_t count;

	if (!address || inq_target_regions(target, &regions, &count, NULL) != INQ_OK)
		return false;
	region = inq_region_at(regions, count, address);
	return region && region->protection & INQ_PROT_EXEC;
}

static uint64_t start_of(struct inq_target *target, const struct inq_proc_files *files,
			 const struct inq_thread *thread, struct field start, struct field tid)
{
	uint64_t address;
	uint32_t own;

	if (!thread->tls ||
	    inq_target_read_all(target, thread->tls + tid.offset, &own, sizeof(own), NULL) !=
		    INQ_OK ||
	    !is_its_id(files, thread->tid, own) ||
	    inq_target_read_all(target, thread->tls + start.offset, &address, sizeof(address),
				NULL) != INQ_OK)
		return 0;
	return is_code(target, address) ? address : 0;
}

static uint64_t entry_of(struct inq_target *target)
{
	const char *auxv;
	uint64_t entry = 0;
	size_t size;

	if (inq_target_text(target, INQ_TEXT_AUXV, &auxv, &size, NULL) != INQ_OK ||
	    !inq_auxv_find(auxv, size, 8, AT_ENTRY, &entry))
		return 0;
	return is_code(target, entry) ? entry : 0;
}

void inq_thread_starts(struct inq_target *target, const struct inq_proc_files *files,
		       struct inq_thread *threads, size_t count)
{
	const struct inq_process *process;
	uint32_t pid = inq_target_process(target, &process, NULL) == INQ_OK ? process->pid : 0;
	struct field start, tid;
	bool known = find_fields(target, &start, &tid);

	for (size_t i = 0; i < count; i++) {
		if (threads[i].tid == pid)
			threads[i].start_address = entry_of(target);
		else if (known)
			threads[i].start_address = start_of(target, files, &threads[i], start, tid);
	}
}
