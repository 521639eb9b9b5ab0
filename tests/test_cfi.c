/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind/cfi.h"

#include <criterion/criterion.h>
#include <string.h>

/* --- a small writer of CFI ------------------------------------------------------------------------------------ */

struct bytes {
	uint8_t data[4096];
	size_t size;
};

static void put(struct bytes *to, const void *bytes, size_t size)
{
	cr_assert_leq(to->size + size, sizeof(to->data));
	memcpy(to->data + to->size, bytes, size);
	to->size += size;
}

#define PUT(to, ...) put(to, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put32(struct bytes *to, uint32_t value)
{
	put(to, &value, sizeof(value));
}

static void put64(struct bytes *to, uint64_t value)
{
	put(to, &value, sizeof(value));
}

/* One entry: the length is known when its contents are. */
static void put_entry(struct bytes *to, bool dwarf64, bool wide_id, uint64_t id, const struct bytes *contents)
{
	uint64_t length = contents->size + (wide_id ? 8 : 4);

	if (dwarf64) {
		put32(to, UINT32_MAX);
		put64(to, length);
	} else {
		put32(to, (uint32_t)length);
	}
	if (wide_id)
		put64(to, id);
	else
		put32(to, (uint32_t)id);
	put(to, contents->data, contents->size);
}

enum { SECTION = 0x10000, CODE = 0x4000, CODE_SIZE = 0x1000 };

static struct cfi_section section_of(const struct bytes *bytes, bool debug_frame)
{
	return (struct cfi_section){.data = bytes->data, .size = bytes->size, .vaddr = debug_frame ? 0 : SECTION,
				    .debug_frame = debug_frame, .address_size = 8};
}

/* CIE "zR" with absolute addresses: code 1, data -8, column 16, CFA = r7 + 8, ra at CFA - 8; one FDE. */
static struct cfi_section simple(struct bytes *to, const void *program, size_t size)
{
	struct bytes cie = {0}, fde = {0};

	PUT(&cie, 1, 'z', 'R', 0, 1, 0x78, 16, 1, CFI_PE_ABSPTR, 0x0c, 7, 8, 0x90, 1);
	to->size = 0;
	put_entry(to, false, false, 0, &cie);
	put64(&fde, CODE);
	put64(&fde, CODE_SIZE);
	PUT(&fde, 0);
	put(&fde, program, size);
	put_entry(to, false, false, to->size + 4, &fde);
	return section_of(to, false);
}

struct parsed {
	struct cfi_section section;
	struct cfi_cie cie;
	struct cfi_fde fde;
};

/* The first CIE and the entry after it. */
static struct parsed parse(struct cfi_section section)
{
	struct parsed ret = {.section = section};
	struct cfi_entry entry;
	struct inq_error err = {0};

	cr_assert_eq(cfi_read_entry(&section, section.vaddr, &entry, &err), INQ_OK, "%s", err.text);
	cr_assert(entry.is_cie);
	cr_assert_eq(cfi_parse_cie(&section, &entry, &ret.cie, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(cfi_read_entry(&section, entry.next, &entry, &err), INQ_OK, "%s", err.text);
	cr_assert_not(entry.is_cie);
	cr_assert_eq(entry.cie, section.vaddr);
	cr_assert_eq(cfi_parse_fde(&section, &entry, &ret.cie, &ret.fde, &err), INQ_OK, "%s", err.text);
	return ret;
}

static enum inq_status run(const void *program, size_t size, uint64_t address, bool aarch64, struct cfi_row *ret,
			   struct inq_error *err)
{
	static struct bytes bytes; /* rows point into it */
	struct parsed parsed = parse(simple(&bytes, program, size));
	uint64_t budget = 10000;

	return cfi_run(&parsed.section, &parsed.cie, &parsed.fde, address, aarch64, &budget, ret, err);
}

#define RUN(row, address, ...) \
	run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), address, false, row, &err)

/* --- pointers --------------------------------------------------------------------------------------------------- */

Test(cfi_pointer, reads_every_encoding)
{
	static const uint8_t DATA[16] = {0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	static const struct {
		uint8_t encoding;
		uint64_t expected;
		unsigned size;
	} CASES[] = {
		{CFI_PE_ABSPTR, 0xfffffffffffffff0, 8},
		{CFI_PE_UDATA2, 0xfff0, 2},
		{CFI_PE_UDATA4, 0xfffffff0, 4},
		{CFI_PE_UDATA8, 0xfffffffffffffff0, 8},
		{CFI_PE_SDATA2, (uint64_t)-16, 2},
		{CFI_PE_SDATA4, (uint64_t)-16, 4},
		{CFI_PE_SDATA8, (uint64_t)-16, 8},
		{CFI_PE_SIGNED, (uint64_t)-16, 8},
		{CFI_PE_PCREL | CFI_PE_SDATA4, 0x1000 - 16, 4},
		{CFI_PE_TEXTREL | CFI_PE_SDATA4, 0x2000 - 16, 4},
		{CFI_PE_DATAREL | CFI_PE_SDATA4, 0x3000 - 16, 4},
		{CFI_PE_FUNCREL | CFI_PE_SDATA2, 0x4000 - 16, 2},
		{CFI_PE_ALIGNED, 0xfffffffffffffff0, 8},
		{CFI_PE_ULEB128, 0x7ffffffffffffff0 | 1ull << 63, 9},
		{CFI_PE_OMIT, 0, 0},
	};
	struct cfi_bases bases = {0x2000, 0x3000, 0x4000, 8};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct inq_cursor cursor = inq_cursor_make(DATA, sizeof(DATA), 0x1000, "test");
		uint64_t value = 1;

		if (CASES[i].encoding == CFI_PE_ULEB128)
			continue; /* below */
		cr_assert(cfi_read_pointer(&cursor, CASES[i].encoding, &bases, &value), "case %zu", i);
		cr_expect_eq(value, CASES[i].expected, "case %zu: 0x%lx", i, (unsigned long)value);
		cr_expect_eq(cursor.at, CASES[i].size, "case %zu: %zu bytes", i, cursor.at);
		if (CASES[i].encoding != CFI_PE_ALIGNED)
			cr_expect_eq(cfi_pointer_size(CASES[i].encoding, 8), CASES[i].size, "case %zu", i);
	}

	static const uint8_t LEB[] = {0xe5, 0x8e, 0x26, 0x7f};
	struct inq_cursor cursor = inq_cursor_make(LEB, sizeof(LEB), 0, "test");
	uint64_t value;

	cr_assert(cfi_read_pointer(&cursor, CFI_PE_ULEB128, &bases, &value));
	cr_expect_eq(value, 624485);
	cr_assert(cfi_read_pointer(&cursor, CFI_PE_SLEB128, &bases, &value));
	cr_expect_eq(value, (uint64_t)-1);
}

Test(cfi_pointer, pads_an_aligned_one_by_its_address)
{
	static const uint8_t DATA[16] = {1, 2, 3, 0x44, 0, 0, 0, 0, 0, 0, 0};
	struct inq_cursor cursor = inq_cursor_make(DATA, sizeof(DATA), 0x1005, "test");
	uint64_t value;

	cr_assert(cfi_read_pointer(&cursor, CFI_PE_ALIGNED, &(struct cfi_bases){.address_size = 8}, &value));
	cr_expect_eq(value, 0x44);
}

Test(cfi_pointer, refuses_what_is_no_encoding_or_is_cut)
{
	static const uint8_t DATA[3] = {0};
	static const uint8_t NONE[] = {0x05, 0x06, 0x07, 0x0d, 0x0e, 0x0f, 0x60, 0x70};
	struct cfi_bases bases = {.address_size = 8};
	uint64_t value = 77;

	for (size_t i = 0; i < sizeof(NONE); i++) {
		struct inq_cursor cursor = inq_cursor_make(DATA, sizeof(DATA), 0, "test");

		cr_expect_not(cfi_read_pointer(&cursor, NONE[i], &bases, &value), "0x%02x", NONE[i]);
		cr_expect_eq(value, 0);
	}
	struct inq_cursor cursor = inq_cursor_make(DATA, sizeof(DATA), 0, "test");

	cr_expect_not(cfi_read_pointer(&cursor, CFI_PE_UDATA4, &bases, &value));
}

/* --- CIE and FDE ----------------------------------------------------------------------------------------------- */

Test(cfi_parse, takes_every_letter_of_an_augmentation)
{
	struct bytes section = {0}, cie = {0}, fde = {0};
	struct parsed parsed;

	/* z P(udata4) L R S B; 1 + 4 + 1 + 1 = 7 bytes of data */
	PUT(&cie, 1, 'z', 'P', 'L', 'R', 'S', 'B', 0, 4, 0x7c, 30, 7, CFI_PE_UDATA4, 1, 2, 3, 4, 0x1b, 0x1b, 0);
	put_entry(&section, false, false, 0, &cie);
	size_t at = section.size;

	put32(&fde, (uint32_t)(CODE - (SECTION + at + 8)));
	put32(&fde, 0x80);
	PUT(&fde, 4, 0, 0, 0, 0, 0x41);
	put_entry(&section, false, false, at + 4, &fde);
	parsed = parse(section_of(&section, false));
	cr_expect_eq(parsed.cie.code_align, 4);
	cr_expect_eq(parsed.cie.data_align, -4);
	cr_expect_eq(parsed.cie.return_column, 30);
	cr_expect_eq(parsed.cie.fde_encoding, 0x1b);
	cr_expect_eq(parsed.cie.lsda_encoding, 0x1b);
	cr_expect(parsed.cie.signal);
	cr_expect(parsed.cie.pauth_b_key);
	cr_expect_eq(parsed.fde.start, CODE);
	cr_expect_eq(parsed.fde.size, 0x80);
	cr_expect_eq(parsed.fde.program_size, 1);
	cr_expect_eq(parsed.fde.program[0], 0x41);
}

Test(cfi_parse, takes_gcc_2s_eh)
{
	struct bytes section = {0}, cie = {0}, fde = {0};

	PUT(&cie, 1, 'e', 'h', 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0x78, 16);
	put_entry(&section, false, false, 0, &cie);
	put64(&fde, CODE);
	put64(&fde, 16);
	put_entry(&section, false, false, section.size + 4, &fde);
	cr_expect_eq(parse(section_of(&section, false)).cie.data_align, -8);
}

Test(cfi_parse, takes_debug_frame_of_versions_1_3_4_in_both_widths)
{
	static const uint8_t VERSIONS[] = {1, 3, 4};

	for (size_t i = 0; i < sizeof(VERSIONS); i++)
		for (int wide = 0; wide < 2; wide++) {
			struct bytes section = {0}, cie = {0}, fde = {0};
			struct parsed parsed;

			PUT(&cie, VERSIONS[i], 0);
			if (VERSIONS[i] == 4)
				PUT(&cie, 8, 0);
			PUT(&cie, 1, 0x78, 16, 0x0c, 7, 8);
			put_entry(&section, wide, wide, wide ? UINT64_MAX : UINT32_MAX, &cie);
			put64(&fde, CODE);
			put64(&fde, CODE_SIZE);
			put_entry(&section, wide, wide, 0, &fde);
			parsed = parse(section_of(&section, true));
			cr_expect_eq(parsed.cie.version, VERSIONS[i]);
			cr_expect_eq(parsed.cie.return_column, 16);
			cr_expect_eq(parsed.fde.start, CODE);
		}
}

Test(cfi_parse, refuses_versions_and_augmentations_that_nobody_knows)
{
	static const struct {
		uint8_t bytes[8];
		const char *words;
	} CASES[] = {
		{{2, 0, 1, 0x78, 16}, "version 2"},
		{{1, 'q', 0, 1, 0x78, 16}, "unknown augmentation"},
		{{4, 0, 3, 0, 1, 0x78, 16}, "addresses of 3+0 bytes"},
		{{4, 0, 8, 2, 1, 0x78, 16}, "addresses of 8+2 bytes"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct bytes section = {0}, cie = {0};
		struct cfi_section from;
		struct cfi_entry entry;
		struct cfi_cie parsed = {.version = 99};
		struct inq_error err = {0};

		put(&cie, CASES[i].bytes, sizeof(CASES[i].bytes));
		put_entry(&section, false, false, 0, &cie);
		from = section_of(&section, false);
		cr_assert_eq(cfi_read_entry(&from, SECTION, &entry, &err), INQ_OK);
		cr_expect_eq(cfi_parse_cie(&from, &entry, &parsed, &err), INQ_UNSUPPORTED);
		cr_expect(strstr(err.text, CASES[i].words), "%s", err.text);
		cr_expect_eq(parsed.version, 99);
	}
}

Test(cfi_parse, refuses_an_entry_cut_at_any_byte)
{
	struct bytes bytes;
	struct cfi_section section = simple(&bytes, "\x41", 1);
	struct cfi_entry entry, cie_entry;
	struct cfi_cie cie;

	cr_assert_eq(cfi_read_entry(&section, SECTION, &cie_entry, NULL), INQ_OK);
	cr_assert_eq(cfi_parse_cie(&section, &cie_entry, &cie, NULL), INQ_OK);
	for (size_t cut = (size_t)(cie_entry.next - SECTION); cut < bytes.size; cut++) {
		section.size = cut;
		cr_expect_eq(cfi_read_entry(&section, cie_entry.next, &entry, NULL), INQ_BAD_DATA, "%zu", cut);
	}
	/* With a length that agrees with the cut the entry is read, and its contents end early. */
	section.size = bytes.size;
	for (uint32_t length = 4; length < 4 + 9; length++) {
		memcpy(bytes.data, &length, sizeof(length));
		cr_assert_eq(cfi_read_entry(&section, SECTION, &entry, NULL), INQ_OK);
		cr_expect_eq(cfi_parse_cie(&section, &entry, &cie, NULL), INQ_BAD_DATA, "%u", length);
	}
}

Test(cfi_parse, refuses_a_length_that_runs_past_the_section)
{
	struct bytes bytes;
	struct cfi_section section = simple(&bytes, "", 0);
	struct cfi_entry entry;
	struct inq_error err = {0};

	memset(bytes.data, 0xf0, 4);
	bytes.data[3] = 0x7f;
	cr_expect_eq(cfi_read_entry(&section, SECTION, &entry, &err), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "runs past the section"), "%s", err.text);
	cr_expect_eq(cfi_read_entry(&section, SECTION - 1, &entry, &err), INQ_BAD_DATA);
	cr_expect_eq(cfi_read_entry(&section, UINT64_MAX, &entry, &err), INQ_BAD_DATA);
}

/* --- programs -------------------------------------------------------------------------------------------------- */

Test(cfi_run, applies_every_instruction)
{
	static const struct {
		uint8_t program[16];
		uint8_t size;
		int column;        /* -1: the CFA */
		uint8_t kind;
		int64_t value;     /* offset, register, or the CFA's offset */
		uint64_t cfa_register;
	} CASES[] = {
		{{0x86, 2}, 2, 6, CFI_OFFSET, -16, 0},
		{{0x05, 3, 4}, 3, 3, CFI_OFFSET, -32, 0},
		{{0x11, 3, 0x7f}, 3, 3, CFI_OFFSET, 8, 0},
		{{0x2f, 3, 4}, 3, 3, CFI_OFFSET, 32, 0},
		{{0x14, 3, 4}, 3, 3, CFI_VAL_OFFSET, -32, 0},
		{{0x15, 3, 0x7e}, 3, 3, CFI_VAL_OFFSET, 16, 0},
		{{0x07, 3}, 2, 3, CFI_UNDEFINED, 0, 0},
		{{0x08, 3}, 2, 3, CFI_SAME, 0, 0},
		{{0x09, 3, 12}, 3, 3, CFI_REGISTER, 12, 0},
		{{0x07, 16, 0xd0}, 3, 16, CFI_OFFSET, -8, 0},       /* restore: as the CIE said */
		{{0x07, 16, 0x06, 16}, 4, 16, CFI_OFFSET, -8, 0},
		{{0x86, 2, 0xc6}, 3, 6, CFI_UNSPECIFIED, 0, 0},
		{{0x0c, 6, 16}, 3, -1, CFI_REGISTER, 16, 6},
		{{0x12, 6, 0x7e}, 3, -1, CFI_REGISTER, 16, 6},
		{{0x0d, 6}, 2, -1, CFI_REGISTER, 8, 6},
		{{0x0e, 0x80, 1}, 3, -1, CFI_REGISTER, 128, 7},
		{{0x13, 0x7d}, 2, -1, CFI_REGISTER, 24, 7},
		{{0x0a, 0x0e, 32, 0x0b}, 4, -1, CFI_REGISTER, 8, 7},
		{{0x0a, 0x86, 2, 0x0b}, 4, 6, CFI_UNSPECIFIED, 0, 0},
		{{0x00, 0x00, 0x2e, 16, 0x0e, 16}, 6, -1, CFI_REGISTER, 16, 7},
		{{0x8f, 1, 0xbf, 1}, 4, 15, CFI_OFFSET, -8, 0},     /* a column that is not tracked changes nothing */
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct cfi_row row;
		struct inq_error err = {0};

		cr_assert_eq(run(CASES[i].program, CASES[i].size, CODE, false, &row, &err), INQ_OK, "case %zu: %s", i,
			     err.text);
		if (CASES[i].column < 0) {
			cr_expect_eq(row.cfa.kind, CASES[i].kind, "case %zu", i);
			cr_expect_eq(row.cfa.reg, CASES[i].cfa_register, "case %zu", i);
			cr_expect_eq(row.cfa_offset, CASES[i].value, "case %zu: %ld", i, (long)row.cfa_offset);
		} else {
			cr_expect_eq(row.rules[CASES[i].column].kind, CASES[i].kind, "case %zu", i);
			cr_expect_eq(row.rules[CASES[i].column].offset, CASES[i].value, "case %zu", i);
		}
	}
}

Test(cfi_run, stops_at_the_address_by_every_way_to_advance)
{
	static const struct {
		uint8_t program[16];
		uint8_t size;
		uint64_t until; /* CFA offset 8 below, 64 from there */
	} CASES[] = {
		{{0x44, 0x0e, 64}, 3, CODE + 4},
		{{0x02, 0x50, 0x0e, 64}, 4, CODE + 0x50},
		{{0x03, 0x00, 0x02, 0x0e, 64}, 5, CODE + 0x200},
		{{0x04, 0x00, 0x03, 0, 0, 0x0e, 64}, 7, CODE + 0x300},
		{{0x1d, 0x00, 0x04, 0, 0, 0, 0, 0, 0, 0x0e, 64}, 11, CODE + 0x400},
		{{0x01, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0x0e, 64}, 11, CODE + 0x500},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct cfi_row row;

		cr_assert_eq(run(CASES[i].program, CASES[i].size, CASES[i].until - 1, false, &row, NULL), INQ_OK);
		cr_expect_eq(row.cfa_offset, 8, "case %zu", i);
		cr_assert_eq(run(CASES[i].program, CASES[i].size, CASES[i].until, false, &row, NULL), INQ_OK);
		cr_expect_eq(row.cfa_offset, 64, "case %zu", i);
	}
}

Test(cfi_run, keeps_expressions_where_they_are)
{
	struct cfi_row row;
	struct inq_error err = {0};

	cr_assert_eq(RUN(&row, CODE, 0x0f, 2, 0x77, 8, 0x10, 3, 1, 0x96, 0x16, 6, 2, 0x31, 0x96), INQ_OK, "%s", err.text);
	cr_expect_eq(row.cfa.kind, CFI_EXPRESSION);
	cr_expect_eq(row.cfa.size, 2);
	cr_expect_eq(row.cfa.expression[0], 0x77);
	cr_expect_eq(row.rules[3].kind, CFI_EXPRESSION);
	cr_expect_eq(row.rules[6].kind, CFI_VAL_EXPRESSION);
	cr_expect_eq(row.rules[6].expression[0], 0x31);
}

Test(cfi_run, flips_the_return_address_state_on_aarch64_only)
{
	struct cfi_row row = {.cfa_offset = 4711};
	struct inq_error err = {0};

	cr_assert_eq(run("\x2d", 1, CODE, true, &row, &err), INQ_OK);
	cr_expect(row.return_signed);
	cr_assert_eq(run("\x2d\x2d", 2, CODE, true, &row, &err), INQ_OK);
	cr_expect_not(row.return_signed);
	row.cfa_offset = 4711;
	cr_expect_eq(run("\x2d", 1, CODE, false, &row, &err), INQ_UNSUPPORTED);
	cr_expect(strstr(err.text, "call frame instruction 0x2d"), "%s", err.text);
	cr_expect_eq(row.cfa_offset, 4711);
}

Test(cfi_run, refuses_every_opcode_that_is_none)
{
	static const uint8_t KNOWN[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
					0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x1d, 0x2e, 0x2f};

	for (unsigned opcode = 0; opcode < 0x40; opcode++) {
		uint8_t program[16] = {(uint8_t)opcode};
		struct cfi_row row;

		if (memchr(KNOWN, (int)opcode, sizeof(KNOWN)))
			continue;
		cr_expect_eq(run(program, sizeof(program), CODE, false, &row, NULL), INQ_UNSUPPORTED, "0x%02x", opcode);
	}
}

Test(cfi_run, refuses_a_state_that_was_never_remembered)
{
	struct cfi_row row;
	struct inq_error err = {0};

	cr_expect_eq(RUN(&row, CODE, 0x0b), INQ_BAD_DATA);
	cr_expect(strstr(err.text, "never remembered"), "%s", err.text);
}

Test(cfi_run, bounds_remembered_states)
{
	uint8_t program[CFI_MAX_STATES + 1];
	struct cfi_row row;

	memset(program, 0x0a, sizeof(program));
	cr_expect_eq(run(program, CFI_MAX_STATES, CODE, false, &row, NULL), INQ_OK);
	cr_expect_eq(run(program, CFI_MAX_STATES + 1, CODE, false, &row, NULL), INQ_LIMIT);
}

Test(cfi_run, spends_no_more_than_its_budget)
{
	struct bytes bytes;
	uint8_t program[256] = {0};
	struct parsed parsed = parse(simple(&bytes, program, sizeof(program)));
	struct cfi_row row;
	struct inq_error err = {0};
	uint64_t budget = 100;

	cr_expect_eq(cfi_run(&parsed.section, &parsed.cie, &parsed.fde, CODE, false, &budget, &row, &err), INQ_LIMIT);
	cr_expect(strstr(err.text, "too long"), "%s", err.text);
	cr_expect_eq(budget, 0);
	budget = 300;
	cr_expect_eq(cfi_run(&parsed.section, &parsed.cie, &parsed.fde, CODE, false, &budget, &row, &err), INQ_OK);
	cr_expect_eq(budget, 300 - 256 - 2);
}

Test(cfi_run, refuses_operands_that_run_past_the_entry)
{
	static const struct {
		uint8_t program[4];
		uint8_t size;
	} CASES[] = {
		{{0x02}, 1}, {{0x03, 1}, 2}, {{0x04, 1, 2}, 3}, {{0x05, 1}, 2}, {{0x0c, 7}, 2}, {{0x0f, 5, 0x96}, 3},
		{{0x10, 3, 9, 0}, 4}, {{0x01, 1}, 2}, {{0x86}, 1}, {{0x86, 0x80}, 2},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct cfi_row row;

		cr_expect_eq(run(CASES[i].program, CASES[i].size, UINT64_MAX, false, &row, NULL), INQ_BAD_DATA,
			     "case %zu", i);
	}
}

/* --- expressions ------------------------------------------------------------------------------------------------ */

static bool read_memory(void *user, uint64_t address, void *to, size_t size)
{
	static const uint8_t MEMORY[16] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xff};

	(void)user;
	if (address < 0x1000 || address - 0x1000 > sizeof(MEMORY) || sizeof(MEMORY) - (address - 0x1000) < size)
		return false;
	memcpy(to, MEMORY + (address - 0x1000), size);
	return true;
}

static enum inq_status evaluate(const void *expression, size_t size, uint8_t address_size, const uint64_t *initial,
				uint64_t *ret, uint64_t *ret_bad, struct inq_error *err)
{
	struct inq_frame_registers registers = {.value = {[6] = 0x1000, [7] = 0x2000, [16] = 0x40000b},
						.valid = 1ull << 6 | 1ull << 7 | 1ull << 16};
	struct cfi_machine machine = {.registers = &registers, .address_size = address_size, .bias = 0x100000,
				      .read = read_memory};
	uint64_t budget = 200;

	return cfi_evaluate(expression, size, &machine, initial, &budget, ret, ret_bad, err);
}

Test(expression, evaluates_every_operation)
{
	static const struct {
		uint8_t code[20];
		uint8_t size;
		uint64_t expected;
	} CASES[] = {
		{{0x03, 0x10, 0x20, 0, 0, 0, 0, 0, 0}, 9, 0x102010},
		{{0x76, 0, 0x06}, 3, 0x1122334455667788},
		{{0x76, 0, 0x94, 2}, 4, 0x7788},
		{{0x08, 0xff}, 2, 255}, {{0x09, 0xff}, 2, UINT64_MAX},
		{{0x0a, 0xff, 0xff}, 3, 0xffff}, {{0x0b, 0xff, 0xff}, 3, UINT64_MAX},
		{{0x0c, 0xff, 0xff, 0xff, 0xff}, 5, 0xffffffff}, {{0x0d, 0xff, 0xff, 0xff, 0xff}, 5, UINT64_MAX},
		{{0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80}, 9, 0x8000000000000001},
		{{0x0f, 1, 0, 0, 0, 0, 0, 0, 0x80}, 9, 0x8000000000000001},
		{{0x10, 0xe5, 0x8e, 0x26}, 4, 624485}, {{0x11, 0x7f}, 2, UINT64_MAX},
		{{0x35, 0x12, 0x22}, 3, 10},                     /* dup plus */
		{{0x35, 0x36, 0x13}, 3, 5},                      /* drop */
		{{0x35, 0x36, 0x14}, 3, 5},                      /* over */
		{{0x35, 0x36, 0x37, 0x15, 2}, 5, 5},             /* pick */
		{{0x35, 0x36, 0x16, 0x1c}, 4, 1},                /* 5 6 swap minus: 6 - 5 */
		{{0x31, 0x32, 0x33, 0x17, 0x1c, 0x1c}, 6, 4},    /* 1 2 3 rot: 3 1 2; 3 - (1 - 2) */
		{{0x09, 0xfb, 0x19}, 3, 5},                      /* abs */
		{{0x3c, 0x3a, 0x1a}, 3, 8},                      /* and */
		{{0x09, 0xf8, 0x32, 0x1b}, 4, (uint64_t)-4},     /* div, signed */
		{{0x09, 0xf8, 0x09, 0xff, 0x1b}, 5, 8},          /* -8 / -1 */
		{{0x37, 0x33, 0x1d}, 3, 1},                      /* mod */
		{{0x37, 0x33, 0x1e}, 3, 21},                     /* mul */
		{{0x35, 0x1f}, 2, (uint64_t)-5}, {{0x30, 0x20}, 2, UINT64_MAX},
		{{0x34, 0x33, 0x21}, 3, 7},                      /* or */
		{{0x35, 0x23, 0x80, 0x01}, 4, 133},              /* plus_uconst */
		{{0x31, 0x34, 0x24}, 3, 16}, {{0x31, 0x08, 64, 0x24}, 4, 0},
		{{0x09, 0xff, 0x08, 60, 0x25}, 5, 15}, {{0x31, 0x08, 64, 0x25}, 4, 0},
		{{0x09, 0xf0, 0x34, 0x26}, 4, UINT64_MAX}, {{0x09, 0xf0, 0x08, 200, 0x26}, 5, UINT64_MAX},
		{{0x36, 0x33, 0x27}, 3, 5},                      /* xor */
		{{0x31, 0x28, 1, 0, 0x96, 0x35}, 6, 5},          /* bra, taken over nop */
		{{0x30, 0x28, 1, 0, 0x35, 0x36}, 6, 6},          /* bra, not taken */
		{{0x2f, 1, 0, 0x35, 0x36}, 5, 6},                /* skip */
		{{0x35, 0x35, 0x29}, 3, 1}, {{0x35, 0x36, 0x29}, 3, 0}, /* eq */
		{{0x09, 0xff, 0x30, 0x2a}, 4, 0}, {{0x09, 0xff, 0x30, 0x2b}, 4, 0}, /* ge gt: signed */
		{{0x09, 0xff, 0x30, 0x2c}, 4, 1}, {{0x09, 0xff, 0x30, 0x2d}, 4, 1}, /* le lt */
		{{0x35, 0x36, 0x2e}, 3, 1},                      /* ne */
		{{0x30}, 1, 0}, {{0x4f}, 1, 31},
		{{0x57}, 1, 0x2000}, {{0x90, 7}, 2, 0x2000},     /* reg7, regx: libgcc's reading */
		{{0x77, 0x78}, 2, 0x1ff8}, {{0x92, 7, 8}, 3, 0x2008},
		/* The linkage table's: rsp + 8 + ((rip & 15) >= 11) * 8, at byte 11 of an entry. */
		{{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}, 11, 0x2010},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct inq_error err = {0};
		uint64_t value = 1;

		cr_expect_eq(evaluate(CASES[i].code, CASES[i].size, 8, NULL, &value, NULL, &err), INQ_OK, "case %zu: %s", i,
			     err.text);
		cr_expect_eq(value, CASES[i].expected, "case %zu: 0x%lx", i, (unsigned long)value);
	}
}

Test(expression, begins_with_the_cfa_where_a_rule_has_one)
{
	uint64_t cfa = 0x5000, value;

	cr_assert_eq(evaluate("\x23\x08", 2, 8, &cfa, &value, NULL, NULL), INQ_OK);
	cr_expect_eq(value, 0x5008);
	cr_assert_eq(evaluate("", 0, 8, &cfa, &value, NULL, NULL), INQ_OK);
	cr_expect_eq(value, 0x5000);
}

Test(expression, is_as_narrow_as_addresses)
{
	uint64_t value;

	cr_assert_eq(evaluate("\x0c\xff\xff\xff\xff\x31\x22", 7, 4, NULL, &value, NULL, NULL), INQ_OK);
	cr_expect_eq(value, 0);
	cr_assert_eq(evaluate("\x76\x00\x06", 3, 4, NULL, &value, NULL, NULL), INQ_OK);
	cr_expect_eq(value, 0x55667788);
	cr_assert_eq(evaluate("\x0c\xff\xff\xff\xff\x30\x2d", 7, 4, NULL, &value, NULL, NULL), INQ_OK);
	cr_expect_eq(value, 1, "-1 < 0");
}

Test(expression, refuses_what_cannot_be_evaluated)
{
	static const struct {
		uint8_t code[10];
		uint8_t size;
		enum inq_status status;
		const char *words;
	} CASES[] = {
		{{0}, 0, INQ_BAD_DATA, "nothing on the stack"},
		{{0x22}, 1, INQ_BAD_DATA, "nothing on the stack"},
		{{0x31, 0x15, 1}, 3, INQ_BAD_DATA, "nothing on the stack"},
		{{0x31, 0x30, 0x1b}, 3, INQ_BAD_DATA, "division by zero"},
		{{0x31, 0x30, 0x1d}, 3, INQ_BAD_DATA, "division by zero"},
		{{0x31, 0x06}, 2, INQ_FAULT, "memory is not there"},
		{{0x76, 0, 0x94, 9}, 4, INQ_BAD_DATA, "no size"},
		{{0x76, 0, 0x94, 0}, 4, INQ_BAD_DATA, "no size"},
		{{0x50}, 1, INQ_ABSENT, "register is not known"},
		{{0x92, 0xff, 0x01, 0}, 4, INQ_ABSENT, "register is not known"},
		{{0x2f, 0xfd, 0xff}, 3, INQ_LIMIT, "too many operations"}, /* a loop */
		{{0x31, 0x2f, 0xfc, 0xff}, 4, INQ_LIMIT, "too many values"},
		{{0x2f, 0x00, 0x80}, 3, INQ_BAD_DATA, "jump out of it"},
		{{0x2f, 0xff, 0x7f}, 3, INQ_BAD_DATA, "ends early"},
		{{0x0e, 1, 2}, 3, INQ_BAD_DATA, "ends early"},
		{{0x9c}, 1, INQ_UNSUPPORTED, "no place"}, /* call_frame_cfa */
		{{0x91, 0}, 2, INQ_UNSUPPORTED, "no place"}, /* fbreg */
		{{0xe0}, 1, INQ_UNSUPPORTED, "no place"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct inq_error err = {0};
		uint64_t value = 4711, bad = 0;

		cr_expect_eq(evaluate(CASES[i].code, CASES[i].size, 8, NULL, &value, &bad, &err), CASES[i].status,
			     "case %zu: %s", i, err.text);
		cr_expect(strstr(err.text, CASES[i].words), "case %zu: %s", i, err.text);
		cr_expect_eq(value, 4711, "case %zu", i);
		if (CASES[i].status == INQ_FAULT)
			cr_expect_eq(bad, 1);
	}
}
