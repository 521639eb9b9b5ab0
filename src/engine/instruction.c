/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One instruction of the process, and what memory it touches. */
#include "config.h"

#include "engine/session_private.h"

#include <stdlib.h>
#include <string.h>

enum inq_status inq_session_instruction(struct inq_session *session, uint64_t address,
					struct inq_instruction *ret,
					uint8_t ret_bytes[INQ_INSTRUCTION_MAX],
					struct inq_error *err)
{
	enum inq_status status = INQ_OK;
	size_t size = 0;

	while (size < INQ_INSTRUCTION_MAX) {
		size_t now;

		status = inq_session_read(session, address + size, ret_bytes + size,
					  INQ_INSTRUCTION_MAX - size, &now, NULL, err);
		if (status != INQ_OK)
			break;
		size += now;
	}
	if (!size)
		return status;
	if (!session->info)
		return inq_fail(err, INQ_UNSUPPORTED, "no disassembler for this machine");
	if (!session->disassembler) {
		status = inq_disassembler_new(session->info->elf_machine, &session->disassembler,
					      err);
		if (status != INQ_OK)
			return status;
	}
	status = inq_disassemble(session->disassembler, address, ret_bytes, size, ret, err);
	if (status == INQ_BAD_DATA) {
		*ret = (struct inq_instruction){.size = 1, .text = "???"};
		return INQ_OK;
	}
	return status;
}

/* --- operands of x86 instructions, in the disassembler's words ---------------------- */

/* What does not write to its first operand though memory stands there. */
static const char *const readers[] = {
	"bt",	 "call", "cmp",	 "div",	 "fadd",   "fcom",    "fdiv",	"fild",	   "fld",
	"fmul",	 "fsub", "idiv", "imul", "jmp",	   "ldmxcsr", "lgdt",	"mul",	   "prefetch",
	"ptest", "push", "scas", "test", "ucomis", "comis",   "vptest", "vucomis", "vcomis",
};

static bool begins_with_any(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

/* What begins like one of these and writes all the same. */
static const char *const writers[] = {"btc", "btr", "bts", "cmpxchg"};

static bool writes_first(const char *mnemonic)
{
	return begins_with_any(mnemonic, writers, sizeof(writers) / sizeof(writers[0])) ||
	       !begins_with_any(mnemonic, readers, sizeof(readers) / sizeof(readers[0]));
}

/* Prefixes that stand before the mnemonic. */
static const char *skip_prefixes(const char *text)
{
	static const char *const prefixes[] = {"rep ",	"repe ", "repne ",   "repz ",  "repnz ",
					       "lock ", "bnd ",	 "notrack ", "data16 "};

	while (begins_with_any(text, prefixes, sizeof(prefixes) / sizeof(prefixes[0]))) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return text;
}

static const struct {
	const char *word;
	unsigned bytes;
} widths[] = {
	{"zmmword", 64}, {"ymmword", 32}, {"xmmword", 16}, {"oword", 16}, {"tbyte", 10},
	{"fword", 6},	 {"qword", 8},	  {"dword", 4},	   {"word", 2},	  {"byte", 1},
};

static unsigned width_before(const char *operand, const char *bracket)
{
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		size_t length = strlen(widths[i].word);

		if ((size_t)(bracket - operand) > length &&
		    strncmp(operand, widths[i].word, length) == 0)
			return widths[i].bytes;
	}
	return 0;
}

/* A register, a register times 1, 2, 4 or 8, or a hexadecimal number ("2F8h", "0FFFFh"). */
static bool take_term(struct inq_memory_operand *operand, enum inq_machine machine,
		      const char *term, size_t length, bool negative)
{
	char text[32];
	char *end;
	uint64_t number;
	const struct inq_register *reg;
	unsigned shift, size;

	if (!length || length >= sizeof(text))
		return false;
	memcpy(text, term, length);
	text[length] = '\0';
	end = strchr(text, '*');
	if (end)
		*end = '\0';
	reg = inq_register_find(machine, text, &shift, &size);
	if (reg && !shift) {
		if (end || operand->base) {
			operand->index = reg;
			operand->scale = end ? (unsigned)strtoul(end + 1, NULL, 10) : 1;
		} else {
			operand->base = reg;
		}
		return !negative;
	}
	number = strtoull(text, &end, 16);
	if (end == text || (*end && *end != 'h'))
		return false;
	operand->displacement += negative ? -(int64_t)number : (int64_t)number;
	return true;
}

/* What stands between the brackets. False: nothing that we understand. */
static bool parse_address(struct inq_memory_operand *operand, enum inq_machine machine,
			  const char *at)
{
	bool negative = false;

	while (*at && *at != ']') {
		size_t length = strcspn(at, "+-]");

		if (!take_term(operand, machine, at, length, negative))
			return false;
		at += length;
		negative = *at == '-';
		at += *at == '-' || *at == '+';
	}
	return *at == ']';
}

/* "dword ptr ds:1F0h" */
static bool parse_absolute(struct inq_memory_operand *operand, const char *at, size_t length)
{
	const char *colon = memchr(at, ':', length);
	char *end;

	if (!colon || colon < at + 2 || !memmem(at, length, " ptr ", 5))
		return false;
	*operand = (struct inq_memory_operand){
		.bytes = width_before(at, colon),
		.segment = colon[-2] == 'f' || colon[-2] == 'g',
		.displacement = (int64_t)strtoull(colon + 1, &end, 16),
	};
	return end > colon + 1;
}

/* One operand's text, up to a comma. A segment that is not flat (fs, gs) is the caller's to
 * mistrust. */
static bool parse_operand(struct inq_memory_operand *operand, enum inq_machine machine,
			  const char *at, size_t length)
{
	const char *bracket = memchr(at, '[', length);

	if (!bracket)
		return parse_absolute(operand, at, length);
	*operand = (struct inq_memory_operand){.bytes = width_before(at, bracket)};
	operand->segment = bracket > at + 2 && bracket[-1] == ':' &&
			   (bracket[-3] == 'f' || bracket[-3] == 'g');
	return parse_address(operand, machine, bracket + 1);
}

size_t inq_instruction_operands(const struct inq_instruction *instruction, enum inq_machine machine,
				struct inq_memory_operand ret[INQ_OPERANDS_MAX])
{
	const char *mnemonic = skip_prefixes(instruction->text);
	const char *at = mnemonic + strcspn(mnemonic, " ");
	size_t count = 0;

	if ((machine != INQ_MACHINE_AMD64 && machine != INQ_MACHINE_X86) ||
	    strncmp(mnemonic, "lea ", 4) == 0 || strncmp(mnemonic, "nop", 3) == 0)
		return 0;
	at += strspn(at, " ");
	for (unsigned index = 0; *at && count < INQ_OPERANDS_MAX; index++) {
		size_t length = strcspn(at, ",");

		if (parse_operand(&ret[count], machine, at, length)) {
			ret[count].written = index == 0 && writes_first(mnemonic);
			count++;
		}
		at += length;
		at += *at == ',';
	}
	return count;
}

bool inq_memory_operand_address(const struct inq_memory_operand *operand,
				const struct inq_context *context, uint64_t *ret)
{
	uint64_t address = (uint64_t)operand->displacement, value;

	if (operand->segment)
		return false;
	if (operand->base) {
		if (!inq_context_get(context, operand->base, &value))
			return false;
		address += value;
	}
	if (operand->index) {
		if (!inq_context_get(context, operand->index, &value))
			return false;
		address += value * operand->scale;
	}
	*ret = address;
	return true;
}
