/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fuzz target of the stub's record (tests/fuzz/fuzz_record.c), over all inputs of one patch: each word of the record,
 * the siginfo, the registers and the head of the XSAVE area, set to each value where checks have their edges. The target
 * ends the process where a dump cannot be written.
 */
#include <criterion/criterion.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { VALUES = 27, LETTERS_U = 1, LETTERS_Y = 2 };

/* Parts as the target numbers them, and how many words of four bytes each has. */
enum { RECORD = 0, SIGINFO = 1, REGISTERS = 2, XSAVE_HEAD = 3, XSAVE_END = 4, ANNOTATIONS = 5, UNLOADED = 6 };

static void each_word(uint8_t letters, uint8_t part, unsigned words)
{
	for (unsigned word = 0; word < words; word++) {
		for (uint8_t value = 0; value < VALUES; value++) {
			const uint8_t input[] = {letters, part, (uint8_t)word, value, 0};

			cr_assert_eq(LLVMFuzzerTestOneInput(input, sizeof(input)), 0);
		}
	}
}

Test(hostile_record, gives_a_dump_whatever_a_field_of_it_is, .timeout = 120)
{
	each_word(LETTERS_U, RECORD, 104 / 4);
	each_word(LETTERS_Y, RECORD, 64 / 4);
}

Test(hostile_record, gives_a_dump_whatever_the_siginfo_says, .timeout = 120)
{
	each_word(LETTERS_U, SIGINFO, 32 / 4);
}

Test(hostile_record, gives_a_dump_whatever_the_registers_are, .timeout = 120)
{
	each_word(LETTERS_Y, REGISTERS, 256 / 4);
}

Test(hostile_record, gives_a_dump_whatever_the_vector_area_claims, .timeout = 120)
{
	each_word(LETTERS_Y, XSAVE_HEAD, 64 / 4);
	each_word(LETTERS_Y, XSAVE_END, 68 / 4);
}

Test(hostile_record, gives_a_dump_whatever_it_lists, .timeout = 120)
{
	each_word(LETTERS_U, ANNOTATIONS, 16);
	each_word(LETTERS_U, UNLOADED, 32);
}

/* Two fields at once, where one is the address that the other bounds. */
Test(hostile_record, gives_a_dump_whatever_two_fields_of_it_are, .timeout = 120)
{
	/* exception record, context record, annotations and unloaded modules with their count, by words */
	static const uint8_t pairs[][2] = {{6, 8}, {18, 20}, {20, 22}, {3, 6}, {2, 8}};

#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("too slow with AddressSanitizer; fuzz_record does it there");
#endif
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		for (uint8_t first = 0; first < VALUES; first++) {
			for (uint8_t second = 0; second < VALUES; second++) {
				const uint8_t input[] = {LETTERS_U, RECORD, pairs[i][0], first, RECORD, pairs[i][1], second, 0};

				cr_assert_eq(LLVMFuzzerTestOneInput(input, sizeof(input)), 0);
			}
		}
	}
}
