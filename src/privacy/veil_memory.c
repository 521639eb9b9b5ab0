/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory behind the veil: zeroes, the kept words, and code that is as its file has it. What is
 * hidden is not even read.
 */
#include "config.h"

#include "privacy/veil_private.h"

#include <stdlib.h>
#include <string.h>

static int compare_words(const void *a, const void *b)
{
	const struct kept_word *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	return (left->size < right->size) - (left->size > right->size); /* longer ones first */
}

void veil_sort_words(struct inq_veil *veil)
{
	struct kept_word *words = (struct kept_word *)veil->words.data;
	size_t count = veil->words.size / sizeof(*words), kept = 0;

	if (!count)
		return;
	qsort(words, count, sizeof(*words), compare_words);
	for (size_t i = 1; i < count; i++) {
		if (words[i].address != words[kept].address)
			words[++kept] = words[i];
	}
	veil->words.size = (kept + 1) * sizeof(*words);
}

/* Zeroes, and of each kept word what lies in [address, address + size). */
static void put_words(const struct inq_veil *veil, uint64_t address, uint8_t *to, size_t size)
{
	const struct kept_word *words = (const struct kept_word *)veil->words.data;
	size_t low = 0, count = veil->words.size / sizeof(*words), high = count;
	uint64_t from = address < sizeof(uint64_t) ? 0 : address - (sizeof(uint64_t) - 1);

	memset(to, 0, size);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (words[middle].address < from)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < count && words[i].address <= address + (size - 1); i++) {
		for (uint32_t byte = 0; byte < words[i].size; byte++) {
			uint64_t at = words[i].address + byte - address; /* wraps where it is below */

			if (at < size)
				to[at] = (uint8_t)(words[i].value >> (8 * byte));
		}
	}
}

bool veil_may_hold_code(const struct inq_veil *veil, const struct inq_region *region)
{
	if (!region || !(region->protection & INQ_PROT_EXEC) || region->protection & INQ_PROT_WRITE ||
	    region->flags & INQ_REGION_SHARED)
		return false;
	if (!region->inode && strcmp(region->name, "[vdso]") != 0)
		return false;
	return inq_module_at(veil->modules, veil->module_count, region->base) != NULL;
}

/* Whether the page that holds the address is a module's code as its file has it. Where that cannot
 * be told, it is not. */
static bool shows_code(struct inq_veil *veil, uint64_t address)
{
	uint64_t page = address & ~(uint64_t)(PAGE - 1);

	if (!veil->code.known || veil->code.page != page) {
		veil->code.page = page;
		veil->code.known = true;
		veil->code.shown = veil_may_hold_code(veil, veil_region(veil, address)) &&
				   inq_target_unmodified(veil->inner, page, PAGE, NULL) == INQ_OK;
	}
	return veil->code.shown;
}

/* Mappings and modules both begin with their place; the lists are sorted by it. */
static uint64_t next_base(const void *list, size_t count, size_t stride, uint64_t address)
{
	size_t low = 0, high = count;
	uint64_t base;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		memcpy(&base, (const char *)list + middle * stride, sizeof(base));
		if (base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count)
		return UINT64_MAX;
	memcpy(&base, (const char *)list + low * stride, sizeof(base));
	return base;
}

/*
 * Code that is hidden is not there at all: zeroes would be taken for it, where debuggers have the file. Where no
 * mapping is known (a plain dump of Windows' has none, others few), a module is taken for code from end to end.
 */
uint64_t veil_alike(const struct inq_veil *veil, uint64_t address, uint64_t size, bool *ret_absent)
{
	const struct inq_region *region = inq_region_at(veil->regions, veil->region_count, address);
	const struct inq_module *module;
	uint64_t end;

	if (region) {
		*ret_absent = region->protection & INQ_PROT_EXEC &&
			      (!veil_may_hold_code(veil, region) || !veil->inner->ops->unmodified);
		end = region->base + region->size;
	} else {
		module = inq_module_at(veil->modules, veil->module_count, address);
		*ret_absent = module != NULL;
		end = module ? module->base + module->size
			     : next_base(veil->modules, veil->module_count, sizeof(*veil->modules), address);
		if (veil->region_count) {
			uint64_t next = next_base(veil->regions, veil->region_count, sizeof(*veil->regions), address);

			end = next < end ? next : end;
		}
	}
	return end - address < size ? end - address : size;
}

enum inq_status veil_read(struct inq_target *target, uint64_t address, void *to, size_t size,
			  size_t *ret_done, struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	enum inq_status status = inq_veil_prepare(veil, err);
	const struct inq_region *region;
	size_t there, left;
	bool absent = false;

	*ret_done = 0;
	if (status != INQ_OK)
		return status;
	if (!veil_filters(veil))
		return inq_target_read(veil->inner, address, to, size, ret_done, err);
	there = inq_ranges_hold(veil->memory, veil->memory_count, address, size);
	if (there)
		there = (size_t)veil_alike(veil, address, there, &absent);
	if (!there || absent)
		return inq_fail(err, INQ_FAULT, "0x%llx: not there", (unsigned long long)address);
	region = veil_region(veil, address);
	if (veil_may_hold_code(veil, region)) {
		left = PAGE - (size_t)(address % PAGE);
		if (there > left)
			there = left;
		if (shows_code(veil, address))
			return inq_target_read(veil->inner, address, to, there, ret_done, err);
	}
	put_words(veil, address, to, there);
	*ret_done = there;
	return INQ_OK;
}
