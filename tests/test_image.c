/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/file.h"
#include "symbols/image.h"

#include "elf_writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <zlib.h>
#include <zstd.h>

static struct elf_writer elf;

static enum inq_status open_bytes(const void *bytes, size_t size, struct inq_image **ret, struct inq_error *err)
{
	struct inq_file *file;

	cr_assert_eq(inq_file_open_bytes(bytes, size, "test", &file, err), INQ_OK);
	return inq_image_open_file(file, ret, err);
}

static struct inq_image *open_ok(void)
{
	struct inq_image *image = NULL;
	struct inq_error err = {0};

	cr_assert_eq(open_bytes(elf.data, elf.size, &image, &err), INQ_OK, "%s", err.text);
	return image;
}

/* A code segment, a data segment with zero-fill behind it, a build-id note. */
static void write_image(void)
{
	static const uint8_t NOTE[] = {4, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 0xde, 0xad, 0xbe, 0xef, 0x01};

	elf_put(&elf, 0x400, NOTE, sizeof(NOTE));
	elf_put(&elf, 0x1000, "code", 4);
	elf_put(&elf, 0x2000, "data", 4);
	elf_segment(&elf, PT_LOAD, PF_R | PF_X, 0, 0x1800);
	elf_segment(&elf, PT_LOAD, PF_R | PF_W, 0x2000, 4);
	elf.segments[1].p_memsz = 0x100;
	elf_segment(&elf, PT_NOTE, PF_R, 0x400, 24);
}

static void check_image(bool is_64)
{
	struct inq_image *image = open_ok();
	struct inq_error err = {0};
	const uint8_t *id;
	uint8_t bytes[0x20];
	size_t size, done;

	cr_expect_eq(inq_image_is_64(image), is_64);
	cr_expect_not(inq_image_is_memory(image));
	cr_expect_eq(inq_image_elf_machine(image), is_64 ? EM_X86_64 : EM_386);
	cr_expect_eq(inq_image_entry(image), 0x1000);
	cr_expect_eq(inq_image_start(image), 0);
	cr_expect_eq(inq_image_end(image), 0x2100);
	cr_expect(inq_image_is_code(image, 0x17ff));
	cr_expect_not(inq_image_is_code(image, 0x1800));
	cr_expect_not(inq_image_is_code(image, 0x2000));
	cr_expect_eq(inq_image_protection(image, 0x2000), (uint32_t)(PF_R | PF_W));
	cr_assert_eq(inq_image_build_id(image, &id, &size, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(size, 5);
	cr_expect_arr_eq(id, ((uint8_t[]){0xde, 0xad, 0xbe, 0xef, 0x01}), 5);
	/* What is in the file, then what the loader zeroes, then nothing. */
	cr_assert_eq(inq_image_read(image, 0x2000, bytes, sizeof(bytes), &done, &err), INQ_OK);
	cr_expect_eq(done, 4);
	cr_expect_arr_eq(bytes, "data", 4);
	memset(bytes, 0xff, sizeof(bytes));
	cr_assert_eq(inq_image_read(image, 0x20f0, bytes, sizeof(bytes), &done, &err), INQ_OK);
	cr_expect_eq(done, 0x10);
	cr_expect_arr_eq(bytes, ((uint8_t[0x10]){0}), 0x10);
	done = 4711;
	cr_expect_eq(inq_image_read(image, 0x2100, bytes, 1, &done, &err), INQ_FAULT);
	cr_expect_eq(done, 4711);
	inq_image_free(image);
}

Test(image, tells_the_facts_of_a_64_bit_image)
{
	write_image();
	elf_finish(&elf);
	check_image(true);
}

Test(image, tells_the_facts_of_a_32_bit_image)
{
	elf.is_32 = true;
	write_image();
	elf_finish(&elf);
	check_image(false);
}

Test(image, refuses_what_is_no_image_that_we_know)
{
	static const struct {
		uint8_t offset, value;
		enum inq_status status;
		const char *words;
	} CASES[] = {
		{0, 0x7e, INQ_UNSUPPORTED, "not an ELF image"},
		{EI_DATA, ELFDATA2MSB, INQ_UNSUPPORTED, "big-endian"},
		{EI_DATA, 9, INQ_BAD_DATA, "byte order 9"},
		{EI_CLASS, 7, INQ_BAD_DATA, "class 7"},
		{18, EM_SPARC, INQ_UNSUPPORTED, "machine 2"},
		{54, 3, INQ_BAD_DATA, "program headers of 3 bytes"},
		{57, 0x7f, INQ_BAD_DATA, "run past the file"}, /* 0x7f03 program headers */
		{38, 0x7f, INQ_BAD_DATA, "run past the file"}, /* e_phoff */
	};

	write_image();
	elf_finish(&elf);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct inq_image *image = NULL;
		struct inq_error err = {0};
		uint8_t saved = elf.data[CASES[i].offset];

		elf.data[CASES[i].offset] = CASES[i].value;
		cr_expect_eq(open_bytes(elf.data, elf.size, &image, &err), CASES[i].status, "case %zu", i);
		cr_expect(strstr(err.text, CASES[i].words), "case %zu: %s", i, err.text);
		cr_expect(strstr(err.text, "test"), "names the file: %s", err.text);
		cr_expect_null(image);
		elf.data[CASES[i].offset] = saved;
	}
}

Test(image, refuses_a_file_cut_in_its_headers)
{
	write_image();
	elf_finish(&elf);
	for (size_t size = 0; size < sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr); size++) {
		struct inq_image *image = NULL;
		enum inq_status status = open_bytes(elf.data, size, &image, NULL);

		cr_expect(status == INQ_BAD_DATA || (size < EI_NIDENT && status == INQ_UNSUPPORTED), "%zu: %s", size,
			  inq_status_name(status));
		cr_expect_null(image);
	}
}

Test(image, refuses_a_segment_that_wraps_around)
{
	struct inq_image *image = NULL;
	struct inq_error err = {0};

	write_image();
	elf.segments[1].p_vaddr = UINT64_MAX - 4;
	elf_finish(&elf);
	cr_expect_eq(open_bytes(elf.data, elf.size, &image, &err), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "program header 1 wraps around"), "%s", err.text);
}

Test(image, finds_counts_in_section_header_0)
{
	struct inq_image_bytes bytes;
	struct inq_image *image;
	Elf64_Ehdr header;

	write_image();
	elf_section(&elf, ".some", SHT_PROGBITS, 0, 0x1000, 4);
	elf.sections[0].sh_size = 3;
	elf.sections[0].sh_link = 2;
	elf.sections[0].sh_info = 3;
	elf_finish(&elf);
	memcpy(&header, elf.data, sizeof(header));
	header.e_phnum = PN_XNUM;
	header.e_shnum = 0;
	header.e_shstrndx = SHN_XINDEX;
	memcpy(elf.data, &header, sizeof(header));
	image = open_ok();
	cr_expect_eq(inq_image_end(image), 0x2100);
	cr_assert_eq(inq_image_section(image, ".some", &bytes, NULL), INQ_OK);
	cr_expect_arr_eq(bytes.data, "code", 4);
	inq_image_free(image);
}

Test(image, lies_about_sections_do_no_harm)
{
	struct inq_image_bytes bytes = {.size = 4711};
	struct inq_image *image;
	struct inq_error err = {0};

	write_image();
	elf_section(&elf, ".past", SHT_PROGBITS, 0, 0x1000, 1ull << 40);
	elf_section(&elf, ".nobits", SHT_NOBITS, 0, 0x1000, 4);
	elf_finish(&elf);
	image = open_ok();
	cr_expect_eq(inq_image_section(image, ".past", &bytes, &err), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "section .past: 0x10000000000 bytes"), "%s", err.text);
	cr_expect_eq(inq_image_section(image, ".nobits", &bytes, &err), INQ_ABSENT);
	cr_expect_eq(inq_image_section(image, ".none", &bytes, &err), INQ_ABSENT);
	cr_expect_eq(bytes.size, 4711);
	inq_image_free(image);
}

/* Found by fuzzing: a segment of a gigabyte costs a file nothing. */
Test(image, copies_no_table_out_of_zero_fill)
{
	struct inq_image_bytes bytes = {.size = 4711};
	struct inq_image *image;
	struct inq_error err = {0};

	write_image();
	elf.segments[1].p_memsz = 1ull << 40;
	elf_segment(&elf, PT_GNU_EH_FRAME, PF_R, 0x2000, 1ull << 29);
	elf_finish(&elf);
	image = open_ok();
	cr_assert_eq(inq_image_eh_frame_hdr(image, &bytes, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(bytes.size, 4, "as much as the file has");
	inq_image_free(image);

	elf.segments[3].p_vaddr += 0x10;
	elf_finish(&elf);
	image = open_ok();
	bytes.size = 4711;
	cr_expect_eq(inq_image_eh_frame_hdr(image, &bytes, &err), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "empty"), "%s", err.text);
	cr_expect_eq(bytes.size, 4711);
	inq_image_free(image);
}

/* --- compressed sections ----------------------------------------------------------------------------------------- */

static const char TEXT[] = "sections that compress well compress well compress well compress well";

static uint64_t pack(uint64_t at, uint32_t method, uint64_t claimed)
{
	Elf64_Chdr header = {.ch_type = method, .ch_size = claimed, .ch_addralign = 1};
	uint8_t packed[1024];
	uLongf size = sizeof(packed);

	if (method == 2)
		size = ZSTD_compress(packed, sizeof(packed), TEXT, sizeof(TEXT), 1);
	else
		cr_assert_eq(compress(packed, &size, (const Bytef *)TEXT, sizeof(TEXT)), Z_OK);
	elf_put(&elf, at, &header, sizeof(header));
	elf_put(&elf, at + sizeof(header), packed, size);
	return sizeof(header) + size;
}

Test(image, unpacks_zlib_zstd_and_gnus_older_form)
{
	static const char *const NAMES[] = {".debug_a", ".debug_b", ".debug_c"};
	uint8_t gnu[1024] = {'Z', 'L', 'I', 'B', 0, 0, 0, 0, 0, 0, 0, sizeof(TEXT)};
	uLongf size = sizeof(gnu) - 12;
	struct inq_image *image;

	write_image();
	elf_section(&elf, ".debug_a", SHT_PROGBITS, SHF_COMPRESSED, 0x3000, pack(0x3000, 1, sizeof(TEXT)));
	elf_section(&elf, ".debug_b", SHT_PROGBITS, SHF_COMPRESSED, 0x4000, pack(0x4000, 2, sizeof(TEXT)));
	cr_assert_eq(compress(gnu + 12, &size, (const Bytef *)TEXT, sizeof(TEXT)), Z_OK);
	elf_put(&elf, 0x5000, gnu, size + 12);
	elf_section(&elf, ".zdebug_c", SHT_PROGBITS, 0, 0x5000, size + 12);
	elf_finish(&elf);
	image = open_ok();
	for (size_t i = 0; i < 3; i++) {
		struct inq_image_bytes bytes, again;
		struct inq_error err = {0};

		cr_assert_eq(inq_image_section(image, NAMES[i], &bytes, &err), INQ_OK, "%s: %s", NAMES[i], err.text);
		cr_expect_eq(bytes.size, sizeof(TEXT));
		cr_expect_arr_eq(bytes.data, TEXT, sizeof(TEXT));
		cr_assert_eq(inq_image_section(image, NAMES[i], &again, &err), INQ_OK);
		cr_expect_eq(again.data, bytes.data, "made once");
	}
	inq_image_free(image);
}

Test(image, refuses_compression_bombs_and_damage)
{
	static const struct {
		const char *name;
		uint32_t method;
		uint64_t claimed;
		enum inq_status status;
		const char *words;
	} CASES[] = {
		{".debug_a", 1, 1ull << 40, INQ_LIMIT, "unpacks to 0x10000000000 bytes"},
		{".debug_b", 2, 65ull << 20, INQ_LIMIT, "at most"},
		{".debug_c", 1, sizeof(TEXT) - 1, INQ_BAD_DATA, "does not unpack"},
		{".debug_d", 2, sizeof(TEXT) + 1, INQ_BAD_DATA, "does not unpack"},
		{".debug_e", 1, 0, INQ_BAD_DATA, "does not unpack"},
		{".debug_f", 77, sizeof(TEXT), INQ_UNSUPPORTED, "compression method 77"},
	};
	struct inq_image *image;

	write_image();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		uint64_t at = 0x3000 + 0x400 * i;

		elf_section(&elf, CASES[i].name, SHT_PROGBITS, SHF_COMPRESSED, at,
			    pack(at, CASES[i].method, CASES[i].claimed));
	}
	elf_finish(&elf);
	image = open_ok();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct inq_image_bytes bytes = {.size = 4711};
		struct inq_error err = {0};

		cr_expect_eq(inq_image_section(image, CASES[i].name, &bytes, &err), CASES[i].status, "%s", err.text);
		cr_expect(strstr(err.text, CASES[i].words), "%s", err.text);
		cr_expect_eq(bytes.size, 4711);
	}
	inq_image_free(image);
}

/* --- images in memory ----------------------------------------------------------------------------------------------- */

static enum inq_status read_self(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				 struct inq_error *err)
{
	(void)user;
	(void)err;
	memcpy(to, (const void *)(uintptr_t)at, size);
	*ret_done = size;
	return INQ_OK;
}

Test(image, reads_the_kernels_vdso_where_it_is)
{
	uint64_t base = getauxval(AT_SYSINFO_EHDR);
	struct inq_image_bytes bytes;
	struct inq_error err = {0};
	struct inq_image *image;
	const char *soname;
	const uint8_t *id;
	size_t size;

	if (!base)
		cr_skip_test("this kernel gives no vdso");
	cr_assert_eq(inq_image_open_memory((struct inq_image_reader){read_self, NULL}, base, &image, &err), INQ_OK,
		     "%s", err.text);
	cr_expect(inq_image_is_memory(image));
	cr_assert_eq(inq_image_soname(image, &soname, &err), INQ_OK, "%s", err.text);
	cr_expect_str_eq(soname, "linux-vdso.so.1");
	cr_assert_eq(inq_image_build_id(image, &id, &size, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(size, 20);
	cr_assert_eq(inq_image_eh_frame_hdr(image, &bytes, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(bytes.data[0], 1);
	cr_assert_eq(inq_image_eh_frame(image, &bytes, &err), INQ_OK, "%s", err.text);
	cr_expect_eq(inq_image_section(image, ".text", &bytes, &err), INQ_ABSENT);
	inq_image_free(image);
}

static enum inq_status read_nothing(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				    struct inq_error *err)
{
	(void)user;
	(void)to;
	(void)size;
	(void)ret_done;
	return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)at);
}

Test(image, says_where_memory_is_missing)
{
	struct inq_error err = {0};
	struct inq_image *image = NULL;

	cr_expect_eq(inq_image_open_memory((struct inq_image_reader){read_nothing, NULL}, 0x7000, &image, &err),
		     INQ_FAULT);
	cr_expect_str_eq(err.text, "image at 0x7000: 0x7000: not mapped");
	cr_expect_null(image);
}

Test(image, reads_this_program)
{
	struct inq_image_bytes bytes;
	struct inq_error err = {0};
	struct inq_image *image;
	struct inq_file *file;

	cr_assert_eq(inq_file_open("/proc/self/exe", &file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_image_open_file(file, &image, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_image_eh_frame(image, &bytes, &err), INQ_OK, "%s", err.text);
	cr_expect_gt(bytes.size, 100);
	cr_assert_eq(inq_image_section(image, ".dynsym", &bytes, &err), INQ_OK, "%s", err.text);
	inq_image_free(image);
	inq_image_free(NULL);
}
