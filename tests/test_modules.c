/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* dl_iterate_phdr() */
#include "target/auxv.h"
#include "target/link_map.h"
#include "target/modules.h"
#include "target/proc_maps.h"
#include "target/target.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

/* --- a target that is this process, or a few made-up bytes
 * ---------------------------------------- */

struct fake {
	struct inq_target target;
	int mem;	      /* /proc/self/mem, or -1 */
	const uint8_t *bytes; /* memory from `base` on, where mem is -1 */
	uint64_t base;
	size_t size;
	size_t reads;
};

static enum inq_status fake_read(struct inq_target *self, uint64_t address, void *to, size_t size,
				 size_t *ret_done, struct inq_error *err)
{
	struct fake *fake = (struct fake *)self;

	fake->reads++;
	if (fake->mem >= 0) {
		ssize_t done = pread(fake->mem, to, size, (off_t)address);

		if (done <= 0)
			return inq_fail(err, INQ_FAULT, "0x%llx: not mapped",
					(unsigned long long)address);
		*ret_done = (size_t)done;
		return INQ_OK;
	}
	if (address - fake->base >= fake->size)
		return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
	*ret_done = fake->size - (address - fake->base) < size
			    ? fake->size - (size_t)(address - fake->base)
			    : size;
	memcpy(to, fake->bytes + (address - fake->base), *ret_done);
	return INQ_OK;
}

static const struct inq_target_ops fake_ops = {.kind = "fake", .read = fake_read};

static struct fake self_target(void)
{
	return (struct fake){.target = {.ops = &fake_ops, .name = "self"},
			     .mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
}

static struct inq_maps self_maps(void)
{
	static char text[1 << 20];
	FILE *file = fopen("/proc/self/maps", "re");
	size_t size = fread(text, 1, sizeof(text), file);
	struct inq_maps maps;

	fclose(file);
	cr_assert_eq(inq_maps_parse(text, size, &maps, NULL), INQ_OK);
	return maps;
}

static struct inq_module_source self_source(struct fake *fake, const struct inq_maps *maps)
{
	return (struct inq_module_source){
		.target = &fake->target,
		.regions = maps->regions,
		.region_count = maps->count,
		.vdso = getauxval(AT_SYSINFO_EHDR),
		.program_headers = getauxval(AT_PHDR),
		.entry = getauxval(AT_ENTRY),
	};
}

/* --- modules of this process, with the loader as the judge
 * ---------------------------------------- */

struct judge {
	const struct inq_module_list *list;
	size_t seen, ids;
};

static int judge_one(struct dl_phdr_info *info, size_t size, void *user)
{
	struct judge *judge = user;
	uint64_t code = 0;
	const struct inq_module *module;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
			code = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	module = inq_module_at(judge->list->modules, judge->list->count, code);
	cr_assert_not_null(module, "%s", info->dlpi_name);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_LOAD) {
			cr_assert_geq(start, module->base, "%s", info->dlpi_name);
			cr_assert_leq(start + header->p_memsz, module->base + module->size, "%s",
				      info->dlpi_name);
		}
		if (header->p_type != PT_NOTE)
			continue;
		for (const uint8_t *at = (const void *)start;
		     at < (const uint8_t *)start + header->p_memsz;) {
			const ElfW(Nhdr) *note = (const void *)at;

			at += sizeof(*note) + ((note->n_namesz + 3) & ~3u);
			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
			    !memcmp(at - 4, "GNU", 4)) {
				cr_assert_eq(module->debug_kind, INQ_DEBUG_BUILD_ID);
				cr_assert_eq(module->id_size, note->n_descsz);
				cr_assert_arr_eq(module->id, at, note->n_descsz);
				judge->ids++;
			}
			at += (note->n_descsz + 3) & ~3u;
		}
	}
	judge->seen++;
	return 0;
}

Test(modules, of_this_process_are_those_of_its_loader)
{
	struct fake fake = self_target();
	struct inq_maps maps = self_maps();
	struct inq_module_source source = self_source(&fake, &maps);
	struct inq_module_list list;
	struct judge judge = {.list = &list};
	size_t mains = 0, vdsos = 0;

	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK);
	dl_iterate_phdr(judge_one, &judge);
	cr_assert_eq(list.count, judge.seen);
	cr_assert_geq(judge.ids, 3);
	for (size_t i = 0; i < list.count; i++) {
		mains += list.modules[i].main;
		vdsos += !strcmp(list.modules[i].path, INQ_VDSO_NAME);
		if (list.modules[i].main)
			cr_assert_eq(inq_module_at(list.modules, list.count,
						   (uint64_t)(uintptr_t)judge_one),
				     &list.modules[i]);
	}
	cr_assert_eq(mains, 1);
	cr_assert_eq(vdsos, 1);
	cr_assert_leq(fake.reads, list.count * INQ_MODULE_READS);
	inq_modules_done(&list);
	inq_modules_done(&list);
	inq_modules_done(NULL);
	inq_maps_done(&maps);
	close(fake.mem);
}

Test(modules, cost_few_reads_and_little_time)
{
	struct fake fake = self_target();
	struct inq_maps maps = self_maps();
	struct inq_module_source source = self_source(&fake, &maps);
	struct inq_module_list list;
	struct timespec before, after;
	size_t count;
	double us;

	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK); /* warm */
	inq_modules_done(&list);
	fake.reads = 0;
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK);
	clock_gettime(CLOCK_MONOTONIC, &after);
	count = list.count;
	us = (double)(after.tv_sec - before.tv_sec) * 1e6 +
	     (double)(after.tv_nsec - before.tv_nsec) / 1e3;
	/* 6 us for each would be 0.3 ms for 50; a loaded machine gets ten times that. */
	cr_assert_lt(us / (double)count, 60.0);
	cr_assert_leq(fake.reads, 2 * count);
	inq_modules_done(&list);
	inq_maps_done(&maps);
	close(fake.mem);
}

Test(modules, without_names_of_mappings_are_found_through_the_loader)
{
	struct fake fake = self_target();
	struct inq_maps maps = self_maps();
	struct inq_module_source source = self_source(&fake, &maps);
	struct inq_link_list links;
	struct inq_module_list list;
	struct judge judge = {.list = &list};

	cr_assert_eq(inq_link_list_walk(&fake.target, getauxval(AT_PHDR), getauxval(AT_PHNUM), 8,
					&links, NULL),
		     INQ_OK);
	for (size_t i = 0; i < maps.count; i++)
		maps.regions[i].name = "";
	source.links = &links.map;
	source.executable = "/the/program";
	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK);
	dl_iterate_phdr(judge_one, &judge);
	cr_assert_eq(list.count, judge.seen);
	cr_assert_str_eq(
		inq_module_at(list.modules, list.count, (uint64_t)(uintptr_t)judge_one)->path,
		"/the/program");
	inq_modules_done(&list);
	inq_link_list_done(&links);
	inq_maps_done(&maps);
	close(fake.mem);
}

/* --- made-up images ------------------------------------------------------------------------------
 */

struct image {
	Elf64_Ehdr header;
	Elf64_Phdr load, note;
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint8_t id[20];
	} build_id;
	uint8_t rest[0x2000];
};

static void make_image(struct image *image)
{
	memset(image, 0, sizeof(*image));
	memcpy(image->header.e_ident, "\177ELF\2\1\1", 7);
	image->header.e_type = ET_DYN;
	image->header.e_phoff = offsetof(struct image, load);
	image->header.e_phentsize = sizeof(Elf64_Phdr);
	image->header.e_phnum = 2;
	image->load = (Elf64_Phdr){.p_type = PT_LOAD, .p_memsz = 0x2800};
	image->note = (Elf64_Phdr){.p_type = PT_NOTE,
				   .p_vaddr = offsetof(struct image, build_id),
				   .p_memsz = sizeof(image->build_id)};
	image->build_id.header = (Elf64_Nhdr){4, 20, NT_GNU_BUILD_ID};
	memcpy(image->build_id.name, "GNU", 4);
	memset(image->build_id.id, 0xab, 20);
}

static const struct inq_region image_regions[] = {
	{.base = 0x10000, .size = 0x1000, .protection = INQ_PROT_READ, .name = "/lib/a.so"},
	{.base = 0x11000,
	 .size = 0x1000,
	 .protection = INQ_PROT_READ | INQ_PROT_EXEC,
	 .file_offset = 0x1000,
	 .name = "/lib/a.so"},
	{.base = 0x12000, .size = 0x1000, .protection = INQ_PROT_READ | INQ_PROT_WRITE, .name = ""},
	{.base = 0x13000, .size = 0x1000, .protection = INQ_PROT_READ, .name = "/usr/share/data"},
};

static struct inq_module_list made(struct image *image, struct fake *ret_fake)
{
	struct fake fake = {.target = {.ops = &fake_ops, .name = "made up"},
			    .mem = -1,
			    .bytes = (const uint8_t *)image,
			    .base = 0x10000,
			    .size = sizeof(*image)};
	struct inq_module_source source = {
		.target = &fake.target, .regions = image_regions, .region_count = 4};
	struct inq_module_list list;

	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK);
	*ret_fake = fake;
	return list;
}

Test(modules, take_one_read_where_the_note_is_in_the_first_page)
{
	struct image image;
	struct inq_module_list list;
	struct fake fake;

	make_image(&image);
	list = made(&image, &fake);
	cr_assert_eq(list.count, 1);
	cr_assert_eq(list.modules[0].base, 0x10000);
	cr_assert_eq(list.modules[0].size, 0x3000, "with .bss, without the data file behind");
	cr_assert_eq(list.modules[0].id_size, 20);
	cr_assert_eq(list.modules[0].id[19], 0xab);
	cr_assert_eq(fake.reads, 1, "the data file is not looked at");
	inq_modules_done(&list);
}

Test(modules, survive_headers_that_lie)
{
	struct image image;
	struct inq_module_list list;
	struct fake fake;

	make_image(&image);
	image.load.p_memsz = UINT64_MAX - 10; /* goes no further than what is mapped */
	list = made(&image, &fake);
	cr_assert_eq(list.modules[0].size, 0x3000);
	inq_modules_done(&list);

	make_image(&image);
	image.header.e_phnum = 0xffff;
	image.header.e_phoff = UINT64_MAX - 3;
	list = made(&image, &fake);
	cr_assert_eq(list.count, 1);
	cr_assert_eq(list.modules[0].id_size, 0);
	cr_assert_eq(list.modules[0].size, 0x2000, "what the mappings say");
	cr_assert_leq(fake.reads, INQ_MODULE_READS);
	inq_modules_done(&list);

	make_image(&image);
	image.build_id.header.n_descsz = UINT32_MAX;
	list = made(&image, &fake);
	cr_assert_eq(list.modules[0].id_size, 0);
	inq_modules_done(&list);

	make_image(&image);
	image.build_id.header.n_namesz = UINT32_MAX;
	list = made(&image, &fake);
	cr_assert_eq(list.modules[0].id_size, 0);
	inq_modules_done(&list);

	make_image(&image);
	image.note.p_vaddr = 0x1f00; /* half of it is there */
	image.note.p_memsz = UINT64_MAX;
	list = made(&image, &fake);
	cr_assert_eq(list.count, 1);
	inq_modules_done(&list);

	make_image(&image);
	image.header.e_ident[EI_DATA] = ELFDATA2MSB;
	list = made(&image, &fake);
	cr_assert_eq(list.count, 0);
	inq_modules_done(&list);
}

Test(modules, whose_header_cannot_be_read_are_listed_without_build_id)
{
	struct image image;
	struct fake fake = {.target = {.ops = &fake_ops, .name = "nothing"}, .mem = -1};
	struct inq_module_source source = {
		.target = &fake.target, .regions = image_regions, .region_count = 4};
	struct inq_module_list list;

	make_image(&image);
	cr_assert_eq(inq_modules_make(&source, &list, NULL), INQ_OK);
	cr_assert_eq(list.count, 1);
	cr_assert_str_eq(list.modules[0].path, "/lib/a.so");
	cr_assert_eq(list.modules[0].debug_kind, INQ_DEBUG_NONE);
	inq_modules_done(&list);
}

/* --- the loader's list ---------------------------------------------------------------------------
 */

static int count_links(struct dl_phdr_info *info, size_t size, void *user)
{
	(void)size;
	(void)info;
	(*(size_t *)user)++;
	return 0;
}

Test(link_map, of_this_process_is_the_loaders)
{
	struct fake fake = self_target();
	struct inq_link_list links;
	size_t count = 0, loaders = 0;

	cr_assert_eq(inq_link_list_walk(&fake.target, getauxval(AT_PHDR), getauxval(AT_PHNUM), 8,
					&links, NULL),
		     INQ_OK);
	dl_iterate_phdr(count_links, &count);
	cr_assert_eq(links.map.count, count);
	cr_assert_eq(links.map.brk, (uint64_t)_r_debug.r_brk);
	cr_assert_eq(links.map.loader_base, (uint64_t)_r_debug.r_ldbase);
	cr_assert_eq(links.map.links[0].dynamic, (uint64_t)(uintptr_t)_DYNAMIC);
	for (size_t i = 0; i < count; i++)
		loaders += strstr(links.map.links[i].name, "ld-linux") != NULL;
	cr_assert_eq(loaders, 1);
	inq_link_list_done(&links);
	inq_link_list_done(&links);
	inq_link_list_done(NULL);
	close(fake.mem);
}

/* A process of four structures at 0x1000. */
struct small {
	Elf64_Phdr headers[2];
	Elf64_Dyn dynamic[2];
	struct r_debug debug;
	struct {
		uint64_t address, name, dynamic, next, before;
	} links[3];
	char name[8];
};
#define SMALL(field) (0x1000 + offsetof(struct small, field))

static void make_small(struct small *small)
{
	memset(small, 0, sizeof(*small));
	small->headers[0] = (Elf64_Phdr){.p_type = PT_PHDR, .p_vaddr = 0x1000};
	small->headers[1] = (Elf64_Phdr){
		.p_type = PT_DYNAMIC, .p_vaddr = SMALL(dynamic), .p_memsz = sizeof(small->dynamic)};
	small->dynamic[0] = (Elf64_Dyn){.d_tag = DT_DEBUG, .d_un.d_val = SMALL(debug)};
	small->debug.r_version = 1;
	small->debug.r_map = (struct link_map *)SMALL(links[0]);
	for (unsigned i = 0; i < 3; i++) {
		small->links[i].address = 0x10000 * (i + 1);
		small->links[i].name = SMALL(name);
		small->links[i].next =
			i < 2 ? 0x1000 + offsetof(struct small, links) + (i + 1) * 40 : 0;
		small->links[i].before =
			i ? 0x1000 + offsetof(struct small, links) + (i - 1) * 40 : 0;
	}
	memcpy(small->name, "/a.so", 6);
}

static enum inq_status walk_small(const struct small *small, uint64_t phnum,
				  struct inq_link_list *ret, struct inq_error *err)
{
	struct fake fake = {.target = {.ops = &fake_ops, .name = "small"},
			    .mem = -1,
			    .bytes = (const uint8_t *)small,
			    .base = 0x1000,
			    .size = sizeof(*small)};

	*err = (struct inq_error){0};
	return inq_link_list_walk(&fake.target, 0x1000, phnum, 8, ret, err);
}

Test(link_map, ends_where_it_would_go_round)
{
	struct small small;
	struct inq_link_list links;
	struct inq_error err;

	make_small(&small);
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_OK);
	cr_assert_eq(links.map.count, 3);
	cr_assert_str_eq(links.map.links[2].name, "/a.so");
	inq_link_list_done(&links);
	for (unsigned to = 0; to < 3; to++) {
		small.links[2].next = 0x1000 + offsetof(struct small, links) + to * 40;
		cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_OK);
		cr_assert_eq(links.map.count, 3, "back to %u", to);
		inq_link_list_done(&links);
	}
	small.links[1].next = 0xdead0000;
	small.links[1].name = 0xdead0000;
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_OK);
	cr_assert_eq(links.map.count, 2);
	cr_assert_str_eq(links.map.links[1].name, "");
	inq_link_list_done(&links);
}

Test(link_map, says_why_there_is_none)
{
	struct small small;
	struct inq_link_list links = {.names = (char *)&small};
	struct inq_error err;

	make_small(&small);
	cr_assert_eq(walk_small(&small, 0, &links, &err), INQ_ABSENT);
	cr_assert_eq(walk_small(&small, 1, &links, &err), INQ_ABSENT);
	cr_assert_str_eq(err.text, "a static program has no loader");
	cr_assert_eq(walk_small(&small, 5000, &links, &err), INQ_BAD_DATA);
	cr_assert_str_eq(err.text, "5000 program headers, at most 1024");
	cr_assert_eq(walk_small(&small, 500, &links, &err), INQ_FAULT);
	small.dynamic[0].d_un.d_val = 0;
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_ABSENT);
	cr_assert_str_eq(err.text, "the loader was not ready (DT_DEBUG is 0)");
	small.dynamic[0].d_un.d_val = 0xdead0000;
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "r_debug: 0xdead0000: not mapped");
	small.dynamic[0].d_tag = DT_NULL;
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_ABSENT);
	small.headers[1].p_vaddr = 0xdead0000;
	cr_assert_eq(walk_small(&small, 2, &links, &err), INQ_FAULT);
	cr_assert_str_eq(err.text, "dynamic section: 0xdead0000: not mapped");
	cr_assert_eq(links.names, (char *)&small, "untouched");
}

Test(auxv, is_searched_to_its_end)
{
	static const uint64_t words[] = {AT_PHDR, 0x40, AT_ENTRY, 0x1234, AT_NULL, 0, AT_PAGESZ, 9};
	static const uint32_t small[] = {AT_PAGESZ, 4096};
	uint64_t value = 7;

	cr_assert(inq_auxv_find(words, sizeof(words), 8, AT_ENTRY, &value));
	cr_assert_eq(value, 0x1234);
	cr_assert_not(inq_auxv_find(words, sizeof(words), 8, AT_PAGESZ, &value), "behind the end");
	cr_assert_not(inq_auxv_find(words, 31, 8, AT_ENTRY, &value), "cut");
	cr_assert_eq(value, 0x1234);
	cr_assert(inq_auxv_find(small, sizeof(small), 4, AT_PAGESZ, &value));
	cr_assert_eq(value, 4096);
	cr_assert_not(inq_auxv_find(NULL, 16, 8, AT_ENTRY, &value));
}
