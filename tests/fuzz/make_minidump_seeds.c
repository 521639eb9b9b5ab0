/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Usage: make_minidump_seeds FOLDER: write one small dump a processor, system and byte order, and
 * one of every list. */
#include "dump_builder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int save(const char *folder, const char *name, struct builder *builder)
{
	char path[4096];
	int fd, saved;

	snprintf(path, sizeof(path), "%s/%s.dmp", folder, name);
	for (char *at = path + strlen(folder); *at; at++) {
		if (*at == ' ')
			*at = '-';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	saved = fd >= 0 &&
		write(fd, builder->bytes.data, builder->bytes.size) == (ssize_t)builder->bytes.size;
	if (fd >= 0)
		close(fd);
	if (!saved)
		perror(path);
	builder_done(builder);
	return saved ? 0 : 1;
}

static void put_sized(struct builder *builder, uint32_t type, uint32_t header, uint32_t entry)
{
	begin_stream(builder, type);
	put32(builder, header);
	put32(builder, entry);
	put32(builder, 2);
	put_zeroes(builder, header - 12);
	put_zeroes(builder, 2 * entry);
	end_stream(builder);
}

/* The lists that build_whole() doesn't have. */
static void build_lists(struct builder *builder)
{
	uint32_t text, pairs, module, modules;

	builder_init(builder, false, 14);
	text = put_utf8(builder, "key");
	pairs = builder_at(builder);
	put32(builder, 1);
	put32(builder, text);
	put32(builder, text);
	module = builder_at(builder);
	put32(builder, 1);
	put_location(builder, 0, 0);
	put_location(builder, 12, pairs);
	put_location(builder, 0, 0);
	modules = builder_at(builder);
	put32(builder, 1);
	put32(builder, 0);
	put_location(builder, 28, module);
	put_sized(builder, MD_STREAM_HANDLE_DATA, 16, 40);
	put_sized(builder, MD_STREAM_THREAD_INFO_LIST, 12, 64);
	put_sized(builder, MD_STREAM_UNLOADED_MODULE_LIST, 12, 24);
	put_sized(builder, MD_STREAM_MEMORY_INFO_LIST, 16, 48);
	begin_stream(builder, MD_STREAM_MEMORY64_LIST);
	put64(builder, 2);
	put64(builder, 0x40);
	put64(builder, 0x1000);
	put64(builder, 0x20);
	put64(builder, 0x1010);
	put64(builder, 0x20);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_CRASHPAD_INFO);
	put32(builder, 1);
	put_zeroes(builder, 32);
	put_location(builder, 12, pairs);
	put_location(builder, 16, modules);
	put_zeroes(builder, 12);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_LINUX_DSO_DEBUG);
	put32(builder, 1);
	put32(builder, modules);
	put32(builder, 1);
	put_zeroes(builder, 44);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_MISC_INFO);
	put32(builder, MD_MISC_INFO_SIZE_5);
	put32(builder, 0x3f7);
	put_zeroes(builder, MD_MISC_INFO_SIZE_5 - 8);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_THREAD_EX_LIST);
	put32(builder, 1);
	put_zeroes(builder, 64);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_BREAKPAD_INFO);
	put_zeroes(builder, 12);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_ASSERTION_INFO);
	put_zeroes(builder, 776);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_COMMENT_A);
	put_bytes(builder, "comment", 8);
	end_stream(builder);
	begin_stream(builder, MD_STREAM_COMMENT_W);
	put16(builder, 'c');
	put16(builder, 0);
	end_stream(builder);
	builder_finish(builder);
}

int main(int argc, char **argv)
{
	struct builder builder;
	char name[64];
	int failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: make_minidump_seeds FOLDER\n");
		return 2;
	}
	for (int big = 0; big < 2; big++) {
		for (int flavour = 0; flavour < FLAVOURS; flavour++) {
			build_whole(&builder, (enum flavour)flavour, big);
			snprintf(name, sizeof(name), "%s%s", flavour_facts[flavour].name,
				 big ? " big" : "");
			failed |= save(argv[1], name, &builder);
		}
	}
	build_lists(&builder);
	failed |= save(argv[1], "lists", &builder);
	return failed;
}
