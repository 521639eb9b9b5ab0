/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "symbols/symbols.h"

#include <bfd.h>
#include <ctype.h>
#include <dis-asm.h>
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine {
	uint16_t elf;
	enum bfd_architecture arch;
	unsigned long mach;
	const char *options;
	bool is_x86;
};

static const struct machine machines[] = {
	{EM_X86_64, bfd_arch_i386, bfd_mach_x86_64, "intel", true},
	{EM_386, bfd_arch_i386, bfd_mach_i386_i386, "intel", true},
	{EM_AARCH64, bfd_arch_aarch64, bfd_mach_aarch64, NULL, false},
	{EM_ARM, bfd_arch_arm, bfd_mach_arm_unknown, NULL, false},
};

struct inq_disassembler {
	const struct machine *machine;
	disassembler_ftype print;
	struct disassemble_info info;
	char raw[256]; /* what libopcodes says */
	size_t size;
	uint64_t target;
	bool has_target;
};

/* --- what libopcodes calls ------------------------------------------------------------------------ */

static void append(struct inq_disassembler *disassembler, const char *format, va_list args)
{
	size_t left = sizeof(disassembler->raw) - disassembler->size;
	int n = vsnprintf(disassembler->raw + disassembler->size, left, format, args);

	if (n > 0)
		disassembler->size += (size_t)n < left ? (size_t)n : left - 1;
}

static int print_text(void *user, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print_text(void *user, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(user, format, args);
	va_end(args);
	return 0;
}

#ifdef HAVE_STYLED_DISASSEMBLY
static int print_styled(void *user, enum disassembler_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int print_styled(void *user, enum disassembler_style style, const char *format, ...)
{
	va_list args;

	(void)style;
	va_start(args, format);
	append(user, format, args);
	va_end(args);
	return 0;
}
#endif

/* As the debugger writes addresses. */
static void print_address(bfd_vma address, struct disassemble_info *info)
{
	struct inq_disassembler *disassembler = info->stream;

	disassembler->target = address;
	disassembler->has_target = true;
	print_text(disassembler, "%08x`%08x", (unsigned)(address >> 32), (unsigned)address);
}

static void ignore_fault(int status, bfd_vma address, struct disassemble_info *info)
{
	(void)status;
	(void)address;
	(void)info;
}

/* --- life ----------------------------------------------------------------------------------------- */

enum inq_status inq_disassembler_new(uint16_t elf_machine, struct inq_disassembler **ret, struct inq_error *err)
{
	const struct machine *machine = NULL;
	struct inq_disassembler *new;
	disassembler_ftype print;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].elf == elf_machine)
			machine = &machines[i];
	}
	print = machine ? disassembler(machine->arch, false, machine->mach, NULL) : NULL;
	if (!print)
		return inq_fail(err, INQ_UNSUPPORTED, "libopcodes here has no disassembler for ELF machine %u",
				elf_machine);
	new = calloc(1, sizeof(*new));
	if (!new)
		return inq_fail(err, INQ_NO_MEMORY, "disassembler");
	new->machine = machine;
	new->print = print;
#ifdef HAVE_STYLED_DISASSEMBLY
	init_disassemble_info(&new->info, new, print_text, print_styled);
#else
	init_disassemble_info(&new->info, new, print_text);
#endif
	new->info.arch = machine->arch;
	new->info.mach = machine->mach;
	new->info.endian = BFD_ENDIAN_LITTLE;
	new->info.display_endian = BFD_ENDIAN_LITTLE;
	new->info.endian_code = BFD_ENDIAN_LITTLE;
	new->info.print_address_func = print_address;
	new->info.memory_error_func = ignore_fault;
	new->info.disassembler_options = machine->options;
	disassemble_init_for_target(&new->info);
	*ret = new;
	return INQ_OK;
}

void inq_disassembler_free(struct inq_disassembler *disassembler)
{
	if (!disassembler)
		return;
	disassemble_free_target(&disassembler->info);
	free(disassembler);
}

/* --- from libopcodes' words to the debugger's ------------------------------------------------------ */

struct text {
	char *to;
	size_t size, capacity;
};

static void put(struct text *text, const char *from, size_t size)
{
	for (size_t i = 0; i < size && text->size + 1 < text->capacity; i++)
		text->to[text->size++] = from[i];
	text->to[text->size] = '\0';
}

/* "0x2f8" becomes "2F8h", "0x8" "8", and what begins with a letter gets a zero. */
static size_t put_number(struct text *text, const char *from)
{
	size_t digits = strspn(from + 2, "0123456789abcdefABCDEF");
	char upper[32];

	if (digits == 0 || digits >= sizeof(upper))
		return 0;
	for (size_t i = 0; i < digits; i++)
		upper[i] = (char)toupper((unsigned char)from[2 + i]);
	if (!isdigit((unsigned char)upper[0]))
		put(text, "0", 1);
	put(text, upper, digits);
	if (digits > 1 || !isdigit((unsigned char)upper[0]))
		put(text, "h", 1);
	return digits + 2;
}

/* "[rip+0x2fe4]        # 00000000`00404028" becomes "[00000000`00404028]". */
static size_t put_relative(struct text *text, const char *from, const char *comment)
{
	size_t inside = strcspn(from, "]");
	const char *address = comment + 1 + strspn(comment + 1, " ");

	if (from[inside] != ']')
		return 0;
	put(text, "[", 1);
	put(text, address, strcspn(address, " "));
	put(text, "]", 1);
	return inside + 1;
}

static void put_operands_x86(struct text *text, const char *from)
{
	const char *comment = strchr(from, '#');
	const char *end = comment ? comment : from + strlen(from);

	while (end > from && end[-1] == ' ')
		end--;
	while (from < end) {
		size_t used = 0;

		if (strncmp(from, "0x", 2) == 0)
			used = put_number(text, from);
		else if (comment && (strncmp(from, "[rip+", 5) == 0 || strncmp(from, "[rip-", 5) == 0))
			used = put_relative(text, from, comment);
		if (!used) {
			char lower = (char)tolower((unsigned char)*from);

			put(text, &lower, 1);
			used = 1;
		}
		from += used;
	}
}

/* Words that come before the mnemonic and belong to it. */
static bool is_prefix(const char *word, size_t length)
{
	static const char *const prefixes[] = {"rep",  "repz",  "repnz",	 "repe",    "repne", "lock", "bnd",
					       "data16", "addr32", "notrack", "xacquire", "xrelease", "cs", "ds",
					       "es",   "ss",	"fs",	 "gs"};

	if (length > 3 && strncmp(word, "rex", 3) == 0)
		return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strlen(prefixes[i]) == length && strncmp(word, prefixes[i], length) == 0)
			return true;
	}
	return false;
}

/* The mnemonic with its prefixes, its length; *ret_core is the last word of it. */
static size_t mnemonic_of(const char *raw, bool is_x86, const char **ret_core, size_t *ret_core_length)
{
	size_t at = 0;

	for (;;) {
		size_t length = strcspn(raw + at, " \t");
		size_t next = at + length + strspn(raw + at + length, " \t");

		*ret_core = raw + at;
		*ret_core_length = length;
		if (!is_x86 || !is_prefix(raw + at, length) || raw[next] == '\0')
			return at + length;
		at = next;
	}
}

static void make_text(const struct inq_disassembler *disassembler, size_t mnemonic, char *to, size_t capacity)
{
	struct text text = {to, 0, capacity};
	const char *operands = disassembler->raw + mnemonic;

	put(&text, disassembler->raw, mnemonic);
	operands += strspn(operands, " \t");
	if (*operands == '\0')
		return;
	do
		put(&text, " ", 1);
	while (text.size < 8);
	if (disassembler->machine->is_x86)
		put_operands_x86(&text, operands);
	else
		put(&text, operands, strlen(operands));
	while (text.size && text.to[text.size - 1] == ' ')
		text.to[--text.size] = '\0';
}

/* --- what an instruction does to the flow --------------------------------------------------------- */

enum { CALL = 1, JUMP = 2, CONDITIONAL = 4, RETURN = 8 };

struct flow {
	const char *mnemonic; /* ends in '*': anything that begins so */
	unsigned what;
};

/* First match; in order of the manuals. */
static const struct flow flows_x86[] = {
	{"call*", CALL}, {"lcall", CALL},  {"jmp*", JUMP},	      {"ljmp", JUMP},
	{"j*", JUMP | CONDITIONAL},	   {"loop*", JUMP | CONDITIONAL}, {"ret*", RETURN},
	{"lret", RETURN}, {"iret*", RETURN}, {"sysret*", RETURN},      {"sysexit*", RETURN},
};
static const struct flow flows_aarch64[] = {
	{"bl", CALL}, {"blr*", CALL}, {"b", JUMP}, {"br*", JUMP}, {"b.*", JUMP | CONDITIONAL},
	{"bc.*", JUMP | CONDITIONAL}, {"cbz", JUMP | CONDITIONAL}, {"cbnz", JUMP | CONDITIONAL},
	{"tbz", JUMP | CONDITIONAL}, {"tbnz", JUMP | CONDITIONAL}, {"ret*", RETURN}, {"eret*", RETURN},
};
static const struct flow flows_arm[] = {
	{"bl", CALL}, {"blx", CALL}, {"b", JUMP}, {"b.n", JUMP}, {"b.w", JUMP}, {"bx", JUMP},
	{"cbz", JUMP | CONDITIONAL}, {"cbnz", JUMP | CONDITIONAL},
	{"beq*", JUMP | CONDITIONAL}, {"bne*", JUMP | CONDITIONAL}, {"bcs*", JUMP | CONDITIONAL},
	{"bcc*", JUMP | CONDITIONAL}, {"bmi*", JUMP | CONDITIONAL}, {"bpl*", JUMP | CONDITIONAL},
	{"bvs*", JUMP | CONDITIONAL}, {"bvc*", JUMP | CONDITIONAL}, {"bhi*", JUMP | CONDITIONAL},
	{"bls*", JUMP | CONDITIONAL}, {"bge*", JUMP | CONDITIONAL}, {"blt*", JUMP | CONDITIONAL},
	{"bgt*", JUMP | CONDITIONAL}, {"ble*", JUMP | CONDITIONAL},
};

static unsigned flow_of(const struct flow *flows, size_t count, const char *word, size_t length)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(flows[i].mnemonic);
		bool open = flows[i].mnemonic[size - 1] == '*';

		if (open ? length >= size - 1 && strncmp(word, flows[i].mnemonic, size - 1) == 0 :
			   length == size && strncmp(word, flows[i].mnemonic, size) == 0)
			return flows[i].what;
	}
	return 0;
}

static unsigned classify(const struct inq_disassembler *disassembler, const char *word, size_t length)
{
	const char *operands = word + length + strspn(word + length, " \t");
	unsigned what;

	switch (disassembler->machine->elf) {
	case EM_AARCH64:
		return flow_of(flows_aarch64, sizeof(flows_aarch64) / sizeof(flows_aarch64[0]), word, length);
	case EM_ARM:
		what = flow_of(flows_arm, sizeof(flows_arm) / sizeof(flows_arm[0]), word, length);
		/* ARM returns by any way to load the program counter. */
		if ((what == JUMP && strncmp(operands, "lr", 2) == 0) ||
		    ((strncmp(word, "pop", 3) == 0 || strncmp(word, "ldm", 3) == 0) && strstr(operands, "pc}")))
			return RETURN;
		return what;
	default:
		return flow_of(flows_x86, sizeof(flows_x86) / sizeof(flows_x86[0]), word, length);
	}
}

/* --- one instruction ------------------------------------------------------------------------------ */

static enum inq_status refuse(uint64_t address, struct inq_instruction *ret, struct inq_error *err)
{
	memset(ret, 0, sizeof(*ret));
	ret->size = 1;
	memcpy(ret->text, "???", 4);
	return inq_fail(err, INQ_BAD_DATA, "no instruction at 0x%llx", (unsigned long long)address);
}

enum inq_status inq_disassemble(struct inq_disassembler *disassembler, uint64_t address, const uint8_t *bytes,
				size_t size, struct inq_instruction *ret, struct inq_error *err)
{
	struct disassemble_info *info = &disassembler->info;
	bool is_thumb = disassembler->machine->elf == EM_ARM && (address & 1);
	const char *core;
	size_t mnemonic, core_length;
	unsigned what;
	int used;

	if (size == 0)
		return refuse(address, ret, err);
	address &= is_thumb ? ~(uint64_t)1 : ~(uint64_t)0;
	info->disassembler_options = is_thumb ? "force-thumb" : disassembler->machine->options;
	info->buffer = (bfd_byte *)(uintptr_t)bytes;
	info->buffer_vma = address;
	info->buffer_length = size;
	disassembler->size = 0;
	disassembler->raw[0] = '\0';
	disassembler->has_target = false;
	used = disassembler->print(address, info);
	if (used <= 0 || (size_t)used > size || strstr(disassembler->raw, "(bad)"))
		return refuse(address, ret, err);
	mnemonic = mnemonic_of(disassembler->raw, disassembler->machine->is_x86, &core, &core_length);
	/* Half an instruction at the end of the bytes is printed as its prefixes. */
	if (disassembler->machine->is_x86 && is_prefix(core, core_length))
		return refuse(address, ret, err);
	memset(ret, 0, sizeof(*ret));
	ret->size = (unsigned)used;
	what = classify(disassembler, core, core_length);
	ret->is_call = what & CALL;
	ret->is_jump = what & JUMP;
	ret->is_conditional = what & CONDITIONAL;
	ret->is_return = what & RETURN;
	ret->target = disassembler->has_target ? disassembler->target : 0;
	make_text(disassembler, mnemonic, ret->text, sizeof(ret->text));
	return INQ_OK;
}
