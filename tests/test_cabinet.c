/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CABs: what libgcab writes is read back, made-up ones are refused in words, names are safe
 * wherever they are unpacked. */
#include "config.h"

#include "debugger/broker.h"
#include "debugger/cabinet.h"
#include "debugger/package.h"
#include "support/buffer.h"
#include "support/file.h"
#include "support/frames.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { HEADER = 36, FOLDER = 8, ENTRY = 16, BLOCK = 32768 };

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	cr_assert(fd >= 0 && (!size || write(fd, bytes, size) == (ssize_t)size));
	return fd;
}

/* --- a CAB written here, to be damaged ----------------------------------------------------- */

static void put(struct inq_buffer *to, uint32_t value, size_t size)
{
	inq_buffer_append(to, &value, size); /* this machine's order is the CAB's */
}

static uint32_t sum_of(const uint8_t *bytes, size_t size, uint32_t sum)
{
	uint32_t rest = 0;

	for (; size >= 4; size -= 4, bytes += 4)
		sum ^= bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		       (uint32_t)bytes[3] << 24;
	for (; size; size--)
		rest = rest << 8 | *bytes++;
	return sum ^ rest;
}

/* One block of MSZIP whose window is `before`. */
static void put_block(struct inq_buffer *to, const uint8_t *bytes, size_t size,
		      const uint8_t *before, bool packed)
{
	uint8_t out[BLOCK + 1000] = "CK", sizes[4];
	size_t made = size;
	z_stream stream = {0};

	if (packed) {
		cr_assert_eq(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY),
			     Z_OK);
		if (before)
			deflateSetDictionary(&stream, before, BLOCK);
		stream.next_in = (uint8_t *)(uintptr_t)bytes;
		stream.avail_in = (uInt)size;
		stream.next_out = out + 2;
		stream.avail_out = sizeof(out) - 2;
		cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
		made = sizeof(out) - stream.avail_out;
		deflateEnd(&stream);
	} else {
		memcpy(out, bytes, size);
	}
	memcpy(sizes, (uint16_t[]){(uint16_t)made, (uint16_t)size}, 4);
	put(to, sum_of(sizes, 4, sum_of(out, made, 0)), 4);
	inq_buffer_append(to, sizes, 4);
	inq_buffer_append(to, out, made);
}

/* A CAB of "read.me" (5 bytes) and a file of the name; method as in CFFOLDER. */
static struct inq_buffer make_cab(const char *name, const uint8_t *bytes, size_t size,
				  unsigned method)
{
	struct inq_buffer cab = {0}, data = {0};
	size_t names = sizeof("read.me") + strlen(name) + 1,
	       blocks = (size + 5 + BLOCK - 1) / BLOCK;
	uint8_t *all = calloc(1, size + 5);

	memcpy(all, "hello", 5);
	memcpy(all + 5, bytes, size);
	for (size_t at = 0; at < size + 5; at += BLOCK)
		put_block(&data, all + at, size + 5 - at < BLOCK ? size + 5 - at : BLOCK,
			  at ? all + at - BLOCK : NULL, method == 1);
	free(all);
	inq_buffer_append(&cab, "MSCF", 4);
	put(&cab, 0, 4);
	put(&cab, (uint32_t)(HEADER + FOLDER + 2 * ENTRY + names + data.size), 4);
	put(&cab, 0, 4);
	put(&cab, HEADER + FOLDER, 4);
	put(&cab, 0, 4);
	put(&cab, 0x0103, 2);
	put(&cab, 1, 2); /* folders */
	put(&cab, 2, 2); /* files */
	put(&cab, 0, 2);
	put(&cab, 0, 4);
	put(&cab, (uint32_t)(HEADER + FOLDER + 2 * ENTRY + names), 4);
	put(&cab, (uint32_t)blocks, 2);
	put(&cab, method, 2);
	put(&cab, 5, 4);
	put(&cab, 0, 4);
	put(&cab, 0, 4);
	put(&cab, 0, 4);
	inq_buffer_append(&cab, "read.me", 8);
	put(&cab, (uint32_t)size, 4);
	put(&cab, 5, 4);
	put(&cab, 0, 4);
	put(&cab, 0, 4);
	inq_buffer_append(&cab, name, strlen(name) + 1);
	inq_buffer_append(&cab, data.data, data.size);
	inq_buffer_done(&data);
	return cab;
}

static uint8_t *pattern(size_t size)
{
	uint8_t *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * i >> 7 ^ i >> 3);
	memset(bytes + size / 2, 0, size / 4);
	return bytes;
}

static enum inq_status unpack(const struct inq_buffer *cab, size_t size, int to,
			      char name[CABINET_NAME], uint64_t *ret_size, struct inq_error *err)
{
	const struct inq_raw raw = {.fd = -1, .bytes = cab->data, .size = size};

	return cabinet_unpack(&raw, to, name, ret_size, err);
}

static void expect_bytes(int fd, const uint8_t *bytes, size_t size)
{
	uint8_t *back = malloc(size + 1);

	cr_assert_eq(pread(fd, back, size + 1, 0), (ssize_t)size);
	cr_expect_eq(memcmp(back, bytes, size), 0);
	free(back);
}

Test(cabinet, unpacks_packed_and_stored_blocks_over_their_borders)
{
	const size_t size = 3 * BLOCK + 777;
	uint8_t *bytes = pattern(size);

	for (unsigned method = 0; method <= 1; method++) {
		struct inq_buffer cab = make_cab("a.DMP", bytes, size, method);
		char name[CABINET_NAME];
		struct inq_error err;
		uint64_t got = 0;
		int to = file_of("", 0);

		cr_assert_eq(unpack(&cab, cab.size, to, name, &got, &err), INQ_OK, "%s", err.text);
		cr_expect_eq(got, size);
		cr_expect_str_eq(name, "a.DMP");
		expect_bytes(to, bytes, size);
		close(to);
		inq_buffer_done(&cab);
	}
	free(bytes);
}

Test(cabinet, unpacks_a_dump_of_no_bytes_to_none)
{
	for (unsigned method = 0; method <= 1; method++) {
		struct inq_buffer cab = make_cab("a.dmp", (const uint8_t *)"", 0, method);
		char name[CABINET_NAME];
		struct inq_error err = {0};
		uint64_t got = 1;
		int to = file_of("", 0);

		cr_expect_eq(unpack(&cab, cab.size, to, name, &got, &err), INQ_OK, "%s", err.text);
		cr_expect_eq(got, 0);
		cr_expect_eq(lseek(to, 0, SEEK_END), 0);
		close(to);
		inq_buffer_done(&cab);
	}
}

Test(cabinet, refuses_every_shorter_file)
{
	uint8_t *bytes = pattern(2000);
	struct inq_buffer cab = make_cab("a.dmp", bytes, 2000, 1);

	for (size_t size = 0; size < cab.size; size++) {
		char name[CABINET_NAME] = "before";
		struct inq_error err;
		uint64_t got = 42;
		int to = file_of("", 0);

		cr_expect_eq(unpack(&cab, size, to, name, &got, &err), INQ_BAD_DATA, "%zu: %s",
			     size, err.text);
		cr_expect(got == 42 && strcmp(name, "before") == 0, "outputs moved at %zu", size);
		close(to);
	}
	inq_buffer_done(&cab);
	free(bytes);
}

Test(cabinet, refuses_in_words)
{
	/* what is changed: offset, bytes, value */
	static const struct {
		size_t at, bytes;
		uint32_t value;
		enum inq_status status;
		const char *words;
	} rows[] = {
		{0, 1, 'X', INQ_UNSUPPORTED, "no CAB"},
		{HEADER + 6, 2, 3, INQ_UNSUPPORTED, "packed with LZX; cabextract unpacks it"},
		{HEADER + 6, 2, 2, INQ_UNSUPPORTED, "packed with Quantum"},
		{HEADER + 6, 2, 9, INQ_UNSUPPORTED, "packed with an unknown method"},
		{HEADER + FOLDER + ENTRY + 8 + 8, 2, 0xffff, INQ_UNSUPPORTED,
		 "goes on in another CAB"},
		{HEADER + FOLDER + ENTRY + 8 + 8, 2, 7, INQ_BAD_DATA,
		 "the dump is in folder 7 of 1"},
		{HEADER + FOLDER + ENTRY + 8 + ENTRY + 2, 1, 'x', INQ_ABSENT,
		 "none of its 2 files is called like a dump"},
		{HEADER + FOLDER + ENTRY + 8, 4, 0x7fffffff, INQ_BAD_DATA,
		 "its blocks end before the dump does"},
		{HEADER + FOLDER + 2 * ENTRY + 8 + 6, 1, 0x55, INQ_BAD_DATA,
		 "does not have its checksum"},
		{HEADER + FOLDER + 2 * ENTRY + 8 + 6 + 6, 2, 0x9000, INQ_BAD_DATA, "unpacked"},
		{HEADER + FOLDER + 2 * ENTRY + 8 + 6 + 4, 2, 0, INQ_BAD_DATA, "a block of 0 bytes"},
	};
	uint8_t *bytes = pattern(2000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_buffer cab = make_cab("a.dmp", bytes, 2000, 1);
		char name[CABINET_NAME];
		struct inq_error err = {0};
		uint64_t got;
		int to = file_of("", 0);

		memcpy(cab.data + rows[i].at, &rows[i].value, rows[i].bytes);
		cr_expect_eq(unpack(&cab, cab.size, to, name, &got, &err), rows[i].status,
			     "%zu: %s", i, err.text);
		cr_expect(strstr(err.text, rows[i].words), "%zu: '%s' is not in '%s'", i,
			  rows[i].words, err.text);
		close(to);
		inq_buffer_done(&cab);
	}
	free(bytes);
}

/* Without its checksum a damaged block must still not be believed. */
Test(cabinet, refuses_a_damaged_block_that_has_no_checksum)
{
	uint8_t *bytes = pattern(BLOCK * 2);
	struct inq_buffer cab = make_cab("a.dmp", bytes, BLOCK * 2, 1);
	size_t data = HEADER + FOLDER + 2 * ENTRY + 8 + 6;
	char name[CABINET_NAME];
	struct inq_error err = {0};
	uint64_t got;
	int to = file_of("", 0);

	memset(cab.data + data, 0, 4);
	memset(cab.data + data + 40, 0xff, 200);
	cr_expect_eq(unpack(&cab, cab.size, to, name, &got, &err), INQ_BAD_DATA, "%s", err.text);
	cr_expect(strstr(err.text, "damaged"), "%s", err.text);
	close(to);
	inq_buffer_done(&cab);
	free(bytes);
}

/* --- names --------------------------------------------------------------------------------- */

Test(cabinet, names_are_bare_and_safe)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{"/usr/lib/libc.so.6", "libc.so.6"},
		{"libc.so.6", "libc.so.6"},
		{"", "_"},
		{"/tmp/", "_"},
		{"/tmp/..", "_."},
		{"/tmp/-rf", "_rf"},
		{"/tmp/.bashrc", "_bashrc"},
		{"/tmp/a\\b:c*d?e\"f<g>h|i j", "a_b_c_d_e_f_g_h_i_j"},
		{"/tmp/a\x1b[31m\n\x7f", "a_[31m__"},
		{"/tmp/\xc3\xa4.so", "\xc3\xa4.so"},
		{"/tmp/\xc3.so", "_.so"},
		{"/tmp/\xc0\xaf.so", "__.so"},
		{"/tmp/\xed\xa0\x80", "___"},
		{"/tmp/\xf4\x90\x80\x80", "____"},
	};
	char longest[300], name[CABINET_NAME];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cabinet_safe_name(rows[i].path, name);
		cr_expect_str_eq(name, rows[i].name, "'%s' of row %zu", name, i);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cabinet_safe_name(longest, name);
	cr_expect_lt(strlen(name), CABINET_NAME);
}

Test(package, gives_every_file_a_name_of_its_own_and_takes_none_twice)
{
	static const char *const paths[] = {"/a/lib.so", "/b/lib.so", "/c/LIB.so",
					    "/d/inquest.txt"};
	/* "2~LIB.so" is taken where case is not apart. */
	static const char *const names[] = {"lib.so", "2~lib.so", "3~LIB.so", "2~inquest.txt"};
	struct package package = {0};
	char name[CABINET_NAME];
	struct inq_error err;
	int first = file_of("0", 1);

	for (size_t i = 0; i < 4; i++) {
		int fd = i ? file_of("1", 1) : dup(first);

		cr_assert_eq(package_add(&package, fd, paths[i], 0, name, &err), INQ_OK, "%s",
			     err.text);
		cr_expect_str_eq(name, names[i]);
	}
	cr_assert_eq(package_add(&package, first, "/other/name", 0, name, &err), INQ_OK);
	cr_expect_str_eq(name, "lib.so", "the same file is in already");
	cr_expect_eq(package.count, 4);
	package_done(&package);
}

Test(package, leaves_out_what_cannot_be_open_at_once)
{
	const struct rlimit few = {40, 40};
	struct package package = {0};
	char name[CABINET_NAME];
	struct inq_error err;
	enum inq_status status = INQ_OK;
	int fd;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (status == INQ_OK && (fd = memfd_create("image", MFD_CLOEXEC)) >= 0)
		status = package_add(&package, fd, "/lib.so", 0, name, &err);
	cr_expect_eq(status, INQ_LIMIT);
	cr_expect_str_eq(err.text, "no more files may be open (ulimit -n)");
	fd = memfd_create("the CAB itself", MFD_CLOEXEC);
	cr_expect_geq(fd, 0, "nothing is left for the CAB");
	close(fd);
	package_done(&package);
}

Test(package, refuses_what_does_not_fit)
{
	struct package package = {0};
	char name[CABINET_NAME] = "before";
	struct inq_error err;
	int fds[2];

	cr_expect_eq(package_add(&package, file_of("1", 1), "/a", CABINET_MOST - PACKAGE_NOTES,
				 name, &err),
		     INQ_LIMIT);
	cr_expect_str_eq(err.text, "1 bytes more than a CAB holds");
	cr_expect_str_eq(name, "before");
	cr_assert_eq(pipe(fds), 0);
	close(fds[1]);
	cr_expect_eq(package_add(&package, fds[0], "/a", 0, name, &err), INQ_UNSUPPORTED);
	cr_expect_eq(package.count, 0);
	package_done(&package);
}

/* --- written by libgcab -------------------------------------------------------------------- */

static void skip_without_gcab(void)
{
	struct inq_error err;

	if (cabinet_writable(&err) == INQ_OK)
		return;
	cr_expect(strstr(err.text, "/b: built without libgcab"), "%s", err.text);
	cr_expect_eq(err.status, INQ_UNSUPPORTED);
	cr_skip("built without libgcab");
}

Test(cabinet, reads_what_libgcab_wrote)
{
	const size_t size = 5 * BLOCK + 3;
	uint8_t *bytes = pattern(size);
	struct package package = {0};
	int dump = file_of(bytes, size), to = file_of("", 0);
	char name[CABINET_NAME], head[4];
	struct inq_error err;
	struct inq_file *file;

	skip_without_gcab();
	cr_assert_eq(package_note(&package, "a line", &err), INQ_OK);
	cr_assert_eq(package_add(&package, file_of("image", 5), "/lib/x.so", size, name, &err),
		     INQ_OK);
	cr_assert_eq(package_write(&package, dump, "a.core", to, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(pread(to, head, 4, 0), 4);
	cr_expect(cabinet_begins(head, 4));
	cr_expect(broker_knows((const unsigned char *)head, 4));
	cr_assert_eq(cabinet_open(to, "x.cab", &file, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(inq_file_size(file), size);
	cr_expect_str_eq(inq_file_name(file), "x.cab: a.core");
	cr_assert_eq(inq_file_read_all(file, BLOCK - 1, head, 4, &err), INQ_OK);
	cr_expect_eq(memcmp(head, bytes + BLOCK - 1, 4), 0);
	inq_file_close(file);
	package_done(&package);
	close(dump);
	free(bytes);
}

Test(cabinet, refuses_to_write_more_than_a_cab_holds)
{
	int dump = memfd_create("large", MFD_CLOEXEC), to = file_of("", 0);
	struct package package = {0};
	struct inq_error err;
	struct stat st;

	skip_without_gcab();
	cr_assert_eq(ftruncate(dump, (off_t)CABINET_MOST + 1), 0);
	cr_expect_eq(package_write(&package, dump, "a.dmp", to, &err), INQ_LIMIT);
	cr_expect(strstr(err.text, "a CAB holds at most 2147450880; --compress has no such limit"),
		  "%s", err.text);
	cr_expect(fstat(to, &st) == 0 && st.st_size == 0, "and wrote nothing");
	close(dump);
	close(to);
}
