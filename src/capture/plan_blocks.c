/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Letter p: what Linux has instead of a PEB and of TEBs. The process block: arguments, environment and auxiliary
 * vector at the outer end of the main stack, r_debug and the loader's list with the names in it. The thread blocks:
 * struct pthread at the thread pointer, the static TLS below it, and the vector that leads to the other TLS blocks.
 */
#include "config.h"

#include "capture/plan_private.h"

#include "target/auxv.h"
#include "target/link_map.h"

#include <elf.h>
#include <string.h>

enum { LINK_NAME = 4096 };

struct auxv {
	const char *data;
	size_t size;
	unsigned word; /* bytes */
};

static uint64_t auxv_value(const struct auxv *auxv, uint64_t type)
{
	uint64_t value = 0;

	if (!auxv->data || !inq_auxv_find(auxv->data, auxv->size, auxv->word, type, &value))
		return 0;
	return value;
}

static size_t count_strings(struct inq_planner *planner, enum inq_text_kind kind)
{
	const char *text;
	size_t size, count = 0;

	if (inq_target_text(planner->target, kind, &text, &size, NULL) != INQ_OK)
		return 0;
	for (size_t i = 0; i < size; i++)
		count += text[i] == '\0';
	return count;
}

/*
 * The kernel lays down, from the outer end inwards: the program's name, environment, arguments, random bytes, then
 * aligned auxv, envp, argv, argc (create_elf_tables() in fs/binfmt_elf.c). AT_RANDOM points between the texts and
 * the tables; how long the tables are, their own counts say.
 */
static void want_arguments(struct inq_planner *planner, const struct auxv *auxv)
{
	uint64_t random = auxv_value(auxv, AT_RANDOM), start, end;
	const struct inq_region *region = random ? inq_plan_region(planner, random) : NULL;
	uint64_t tables = auxv->size + auxv->word * (uint64_t)(count_strings(planner, INQ_TEXT_CMDLINE) +
							       count_strings(planner, INQ_TEXT_ENVIRON) + 3) +
			  256;

	if (!region || !(region->protection & INQ_PROT_READ))
		return;
	start = random - region->base > tables ? random - tables : region->base;
	end = region->base + region->size;
	if (end - start > INQ_PLAN_ARGUMENTS)
		end = start + INQ_PLAN_ARGUMENTS;
	inq_plan_want(planner, start & ~15ull, end);
}

static void want_links(struct inq_planner *planner, const struct auxv *auxv)
{
	struct inq_link_list list = {0};

	if (inq_link_list_walk(planner->target, auxv_value(auxv, AT_PHDR), auxv_value(auxv, AT_PHNUM), auxv->word,
			       &list, NULL) != INQ_OK)
		return;
	inq_plan_want(planner, list.map.place, list.map.place + 10 * auxv->word);
	for (size_t i = 0; i < list.map.count; i++) {
		const struct inq_link *link = &list.links[i];

		inq_plan_want(planner, link->place, link->place + INQ_PLAN_LINK);
		if (link->name_address)
			inq_plan_want(planner, link->name_address,
				      link->name_address + strnlen(link->name, LINK_NAME) + 1);
		if (link->dynamic)
			inq_plan_want(planner, link->dynamic, link->dynamic + 64 * 2 * auxv->word);
	}
	inq_link_list_done(&list);
}

static void add_tls(struct inq_planner *planner, uint32_t type, uint32_t flags, uint64_t address, uint64_t size,
		    uint64_t align, void *user)
{
	uint64_t *total = user;

	(void)planner;
	(void)flags;
	(void)address;
	if (type == PT_TLS && size < INQ_PLAN_TLS && align < INQ_PLAN_TLS)
		*total += size + align;
}

/* At least as much as the static TLS can be: what every module's template and its alignment take. */
static uint64_t tls_size(struct inq_planner *planner)
{
	const struct inq_module *modules;
	uint64_t total = 0;
	size_t count;

	if (inq_target_modules(planner->target, &modules, &count, NULL) != INQ_OK)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (!modules[i].unloaded)
			inq_plan_each_phdr(planner, &modules[i], add_tls, &total);
	}
	return total < INQ_PLAN_TLS ? total : (uint64_t)INQ_PLAN_TLS;
}

/* glibc's dtv: entries of two words, the first behind the one that counts them, at dtv[-1]. */
static void want_dtv(struct inq_planner *planner, uint64_t tls, unsigned word)
{
	uint64_t dtv, count;

	if (inq_target_read_pointer(planner->target, tls + word, &dtv, NULL) != INQ_OK || dtv < 2 * word ||
	    inq_target_read_pointer(planner->target, dtv - 2 * word, &count, NULL) != INQ_OK)
		return;
	if (count > INQ_PLAN_DTV)
		count = INQ_PLAN_DTV;
	inq_plan_want(planner, dtv - 2 * word, dtv + (count + 1) * 2 * word);
}

/* On x86 the static TLS lies below the thread pointer; on ARM it begins two words above, within the block. */
static void want_thread_blocks(struct inq_planner *planner, unsigned word)
{
	uint64_t size = tls_size(planner);

	for (size_t i = 0; i < planner->thread_count; i++) {
		uint64_t tls = planner->threads[i].tls;
		const struct inq_region *region = tls ? inq_plan_region(planner, tls) : NULL;
		uint64_t start, end = tls + INQ_PLAN_THREAD_BLOCK;

		if (!tls || end < tls)
			continue;
		start = tls > size ? tls - size : 0;
		if (region) {
			if (start < region->base)
				start = region->base;
			if (end > region->base + region->size)
				end = region->base + region->size;
		}
		inq_plan_want(planner, start & ~15ull, end);
		want_dtv(planner, tls, word);
	}
}

void inq_plan_blocks(struct inq_planner *planner)
{
	const struct inq_machine_info *machine = NULL;
	const struct inq_system *system;
	struct auxv auxv = {.word = 8};

	if (inq_target_system(planner->target, &system, NULL) == INQ_OK)
		machine = inq_machine_info(system->machine);
	if (machine)
		auxv.word = machine->pointer_size;
	if (inq_target_text(planner->target, INQ_TEXT_AUXV, &auxv.data, &auxv.size, NULL) == INQ_OK) {
		want_arguments(planner, &auxv);
		want_links(planner, &auxv);
	}
	want_thread_blocks(planner, auxv.word);
}
