/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PE images as images: what is read of a real one, and of what is none. */
#include "support/file.h"
#include "symbols/image.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 16 };

static struct inq_error err;
static uint8_t bytes[FILE_MAX];
static size_t size;

static void read_fixture(void)
{
	struct inq_file *file;

	cr_assert_eq(inq_file_open(FIXTURES "/pe-walk.exe", &file, &err), INQ_OK, "%s", err.text);
	size = (size_t)inq_file_size(file);
	cr_assert_leq(size, sizeof(bytes));
	cr_assert_eq(inq_file_read_all(file, 0, bytes, size, &err), INQ_OK, "%s", err.text);
	inq_file_close(file);
}

/* The file's bytes as a process might have them that mapped the file and nothing else. */
static enum inq_status read_bytes(void *user, uint64_t at, void *to, size_t wanted, size_t *ret_done,
				  struct inq_error *error)
{
	(void)user;
	if (at >= size)
		return inq_fail(error, INQ_FAULT, "not mapped");
	*ret_done = wanted < size - at ? wanted : (size_t)(size - at);
	memcpy(to, bytes + at, *ret_done);
	return INQ_OK;
}

static enum inq_status open_bytes(struct inq_image **ret)
{
	return inq_image_open_memory((struct inq_image_reader){read_bytes, NULL}, 0, ret, &err);
}

static struct inq_image *open_fixture(void)
{
	struct inq_image *image = NULL;
	struct inq_file *file;

	cr_assert_eq(inq_file_open(FIXTURES "/pe-walk.exe", &file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_image_open_file(file, &image, &err), INQ_OK, "%s", err.text);
	return image;
}

Test(image_pe, says_what_it_is)
{
	struct inq_image *image = open_fixture();
	const struct inq_image_pe *pe;
	const uint8_t *id;
	size_t id_size;

	cr_assert_eq(inq_image_pe(image, &pe, &err), INQ_OK);
	cr_expect_eq(pe->timestamp, 0x5eed0001);
	cr_expect_eq(inq_image_end(image), pe->size);
	cr_expect_eq(inq_image_start(image), 0);
	cr_expect_eq(inq_image_elf_machine(image), EM_X86_64);
	cr_expect(inq_image_is_64(image));
	cr_expect_eq(inq_image_entry(image), 0x1000);
	cr_expect_gt(pe->functions_size, 20 * 12);
	cr_expect(pe->has_pdb_id);
	cr_expect_eq(pe->pdb_id[16], 1, "the age");
	cr_expect_eq(inq_image_build_id(image, &id, &id_size, &err), INQ_ABSENT);
	inq_image_free(image);
}

Test(image_pe, knows_code_from_data_and_headers)
{
	struct inq_image *image = open_fixture();
	const struct inq_image_pe *pe;
	uint8_t head[2];
	size_t done;

	cr_assert_eq(inq_image_pe(image, &pe, &err), INQ_OK);
	cr_expect(inq_image_is_code(image, 0x1000));
	cr_expect_not(inq_image_is_code(image, 0));
	cr_expect_not(inq_image_is_code(image, pe->functions));
	cr_expect_eq(inq_image_protection(image, 0x1000), PF_R | PF_X);
	cr_assert_eq(inq_image_read(image, 0, head, sizeof(head), &done, &err), INQ_OK);
	cr_expect(!memcmp(head, "MZ", 2));
	cr_expect_eq(inq_image_read(image, pe->size, head, 1, &done, &err), INQ_FAULT);
	inq_image_free(image);
}

Test(image_pe, refuses_what_is_none)
{
	struct inq_image *image = NULL;

	read_fixture();
	memset(bytes + 0x3c, 0xff, 4);
	cr_expect_eq(open_bytes(&image), INQ_UNSUPPORTED);
	cr_expect(strstr(err.text, "a DOS program, not a PE image"), "%s", err.text);
	read_fixture();
	memset(bytes + bytes[0x3c] + 4, 0xee, 2);
	cr_expect_eq(open_bytes(&image), INQ_UNSUPPORTED);
	cr_expect(strstr(err.text, "a PE image for machine 0xeeee"), "%s", err.text);
	read_fixture();
	memset(bytes + bytes[0x3c] + 24, 0, 2);
	cr_expect_eq(open_bytes(&image), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "magic 0x0 is none"), "%s", err.text);
	cr_expect_null(image);
}

/* Cut at every length, and with every byte of the headers changed: an image or a refusal, and reads that end. */
Test(image_pe, survives_damage_anywhere, .timeout = 60)
{
	struct inq_image *image = NULL;
	size_t whole, done;
	uint8_t some[64];

	read_fixture();
	whole = size;
	for (size = 0; size < 0x400; size++) {
		if (open_bytes(&image) == INQ_OK)
			inq_image_free(image);
	}
	size = whole;
	for (size_t at = 0; at < 0x300; at++) {
		uint8_t was = bytes[at];

		for (unsigned value = 0; value < 256; value += 15) {
			bytes[at] = (uint8_t)value;
			if (open_bytes(&image) != INQ_OK)
				continue;
			inq_image_read(image, inq_image_end(image) / 2, some, sizeof(some), &done, NULL);
			inq_image_is_code(image, UINT32_MAX);
			inq_image_free(image);
		}
		bytes[at] = was;
	}
}
