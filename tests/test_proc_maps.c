/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/proc_maps.h"
#include "support/buffer.h"
#include "target/target.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static struct inq_maps parse(const char *text)
{
	struct inq_maps maps = {0};

	cr_assert_eq(inq_maps_parse(text, strlen(text), &maps, NULL), INQ_OK);
	return maps;
}

Test(maps, gives_each_field)
{
	struct inq_maps maps =
		parse("55e4a0000000-55e4a0002000 r-xp 00003000 fd:01 1311 /usr/bin/with  blanks\n"
		      "7f0000000000-7f0000001000 rw-s 00000000 00:05 42                         "
		      "/memfd:a (deleted)\n"
		      "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          "
		      "[stack]\n");

	cr_assert_eq(maps.count, 3);
	cr_assert_eq(maps.bad_lines, 0);
	cr_assert_eq(maps.regions[0].base, 0x55e4a0000000);
	cr_assert_eq(maps.regions[0].size, 0x2000);
	cr_assert_eq(maps.regions[0].protection, INQ_PROT_READ | INQ_PROT_EXEC);
	cr_assert_eq(maps.regions[0].file_offset, 0x3000);
	cr_assert_eq(maps.regions[0].device_major, 0xfd);
	cr_assert_eq(maps.regions[0].device_minor, 1);
	cr_assert_eq(maps.regions[0].inode, 1311);
	cr_assert_str_eq(maps.regions[0].name, "/usr/bin/with  blanks");
	cr_assert_str_eq(maps.regions[1].name, "/memfd:a");
	cr_assert_eq(maps.regions[1].flags, INQ_REGION_SHARED | INQ_REGION_DELETED);
	cr_assert_str_eq(maps.regions[2].name, "[stack]");
	cr_assert(maps.regions[2].flags & INQ_REGION_STACK);
	inq_maps_done(&maps);
}

Test(maps, turns_the_kernels_newline_back)
{
	struct inq_maps maps =
		parse("00400000-00401000 r--p 00000000 08:02 1 /tmp/a\\012b\\011c\n");

	cr_assert_eq(maps.count, 1);
	cr_assert_str_eq(maps.regions[0].name, "/tmp/a\nb\\011c");
	inq_maps_done(&maps);
}

Test(maps, calls_a_file_deleted_only_at_its_end)
{
	struct inq_maps maps =
		parse("00400000-00401000 r--p 00000000 08:02 1 /a (deleted)/b\n"
		      "00401000-00402000 r--p 00000000 08:02 1 /a (deleted) (deleted)\n"
		      "00402000-00403000 r--p 00000000 08:02 1  (deleted)\n");

	cr_assert_eq(maps.count, 3);
	cr_assert_str_eq(maps.regions[0].name, "/a (deleted)/b");
	cr_assert_not(maps.regions[0].flags & INQ_REGION_DELETED);
	cr_assert_str_eq(maps.regions[1].name, "/a (deleted)");
	cr_assert(maps.regions[1].flags & INQ_REGION_DELETED);
	inq_maps_done(&maps);
}

Test(maps, takes_the_flags_of_smaps)
{
	struct inq_maps maps = parse("00400000-00401000 rw-p 00000000 00:00 0 \n"
				     "Size:                  4 kB\n"
				     "VmFlags: rd wr mr mw me ac sd \n"
				     "00402000-00403000 rw-p 00000000 00:00 0 \n"
				     "VmFlags: rd wr mr mw me dd sd \n"
				     "00404000-00405000 rw-s 00000000 00:05 9 /dev/mem\n"
				     "VmFlags: rd wr io pf \n");

	cr_assert_eq(maps.count, 3);
	cr_assert_eq(maps.bad_lines, 0);
	cr_assert_not(maps.regions[0].flags & INQ_REGION_NO_DUMP);
	cr_assert(maps.regions[1].flags & INQ_REGION_NO_DUMP);
	cr_assert(maps.regions[2].flags & INQ_REGION_NO_DUMP);
	inq_maps_done(&maps);
}

Test(maps, leaves_out_what_makes_no_sense_and_counts_it)
{
	static const char *const bad[] = {
		"nonsense that is long enough to be a line of maps",
		"00400000-00400000 r-xp 00000000 08:02 1 /empty-region",
		"00500000-00400000 r-xp 00000000 08:02 1 /backwards",
		"00400000-00401000 r-xq 00000000 08:02 1 /strange-permission",
		"00400000-00401000 r-x 000000000 08:02 1 /three-permissions",
		"0040000000400000004000000-00401000 r-xp 00000000 08:02 1 /too-many-digits",
		"00400000-00401000 r-xp 00000000 08:02 99999999999999999999999 /inode",
		"00400000-00401000 r-xp 00000000 100000000:02 1 /device",
		"00400000-00401000 r-xp 00000000 08:02 1/no-blank-before-the-name",
		"00400000-00401000  r-xp 00000000 08:02 1 /two-blanks",
		"g0400000-00401000 r-xp 00000000 08:02 1 /not-hexadecimal",
		"1-2 r-xp 0 8:2 1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[512];
		struct inq_maps maps;

		snprintf(text, sizeof(text),
			 "00100000-00101000 r--p 00000000 08:02 1 /before\n%s\n"
			 "7f0000000000-7f0000001000 r--p 00000000 08:02 1 /behind\n",
			 bad[i]);
		maps = parse(text);
		cr_assert_eq(maps.count, 2, "%s", bad[i]);
		cr_assert_eq(maps.bad_lines, 1, "%s", bad[i]);
		cr_assert_eq(maps.first_bad, 2, "%s", bad[i]);
		cr_assert_str_eq(maps.regions[1].name, "/behind");
		inq_maps_done(&maps);
	}
}

Test(maps, leaves_out_what_lies_below_or_over_the_line_before)
{
	struct inq_maps maps = parse("00400000-00402000 r--p 00000000 08:02 1 /first\n"
				     "00401000-00403000 r--p 00000000 08:02 1 /overlaps\n"
				     "00300000-00301000 r--p 00000000 08:02 1 /below\n"
				     "00400000-00402000 r--p 00000000 08:02 1 /again\n"
				     "00402000-00403000 r--p 00000000 08:02 1 /follows\n");

	cr_assert_eq(maps.count, 2);
	cr_assert_eq(maps.bad_lines, 3);
	cr_assert_str_eq(maps.regions[1].name, "/follows");
	inq_maps_done(&maps);
}

Test(maps, survives_being_cut_at_every_byte)
{
	static const char text[] =
		"00400000-00401000 r-xp 00000000 08:02 1311 /usr/bin/a (deleted)\n"
		"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 [heap]\n";

	for (size_t size = 0; size < sizeof(text); size++) {
		char *copy = malloc(size + 1); /* so that a sanitizer sees a read past it */
		struct inq_maps maps;

		memcpy(copy, text, size);
		copy = realloc(copy, size ? size : 1);
		cr_assert_eq(inq_maps_parse(copy, size, &maps, NULL), INQ_OK);
		cr_assert_leq(maps.count, 2);
		free(copy);
		inq_maps_done(&maps);
	}
}

Test(maps, takes_nothing_for_no_regions)
{
	struct inq_maps maps = parse("");

	cr_assert_eq(maps.count, 0);
	inq_maps_done(&maps);
	inq_maps_done(&maps);
	inq_maps_done(NULL);
}

Test(maps, reads_this_process_as_the_kernel_wrote_it)
{
	static char text[1 << 20];
	FILE *file = fopen("/proc/self/maps", "re");
	size_t size = fread(text, 1, sizeof(text), file), lines = 0;
	struct inq_maps maps;
	const struct inq_region *region;

	fclose(file);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	cr_assert_eq(inq_maps_parse(text, size, &maps, NULL), INQ_OK);
	cr_assert_eq(maps.count, lines);
	cr_assert_eq(maps.bad_lines, 0);
	region = inq_region_at(maps.regions, maps.count, (uint64_t)(uintptr_t)&lines);
	cr_assert_not_null(region);
	cr_assert_eq(region->protection, INQ_PROT_READ | INQ_PROT_WRITE);
	region = inq_region_at(maps.regions, maps.count, (uint64_t)(uintptr_t)inq_maps_parse);
	cr_assert_not_null(region);
	cr_assert(region->protection & INQ_PROT_EXEC);
	cr_assert_null(inq_region_at(maps.regions, maps.count, 0x10));
	inq_maps_done(&maps);
}

Test(maps, parses_65000_lines_in_a_blink)
{
	struct inq_buffer text = {0};
	struct inq_maps maps;
	struct timespec before, after;

	for (unsigned i = 0; i < 65000; i++)
		inq_buffer_printf(&text,
				  "%012llx-%012llx rw-p 00000000 00:00 0 /some/where/lib%u.so\n",
				  0x7f0000000000ull + i * 0x2000ull,
				  0x7f0000001000ull + i * 0x2000ull, i / 4);
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert_eq(inq_maps_parse((const char *)text.data, text.size, &maps, NULL), INQ_OK);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert_eq(maps.count, 65000);
	cr_assert_lt((after.tv_sec - before.tv_sec) * 1000 +
			     (after.tv_nsec - before.tv_nsec) / 1000000,
		     500);
	inq_maps_done(&maps);
	inq_buffer_done(&text);
}

Test(maps, refuses_more_lines_than_any_process_has)
{
	static const char line[] = "00400000-00401000 r-xp 00000000 08:02 1\n";
	size_t lines = INQ_MAPS_MAX + 1, each = sizeof(line) - 1;
	char *text = malloc(lines * each);
	struct inq_maps maps = {.count = 4711};
	struct inq_error err = {0};

	for (size_t i = 0; i < lines; i++)
		memcpy(text + i * each, line, each);
	cr_assert_eq(inq_maps_parse(text, lines * each, &maps, &err), INQ_LIMIT);
	cr_assert_not_null(strstr(err.text, "1048577 lines, at most 1048576"), "%s", err.text);
	cr_assert_eq(maps.count, 4711);
	free(text);
}
