/* SPDX-License-Identifier: GPL-3.0-or-later */
/* r, and registers for those who show them */
#include "debugger/commands.h"
#include "debugger/show.h"
#include "debugger/vectors.h"
#include "target/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the order in which WinDbg shows them ----------------------------------------- */

/* machine, registers of the block, how many to a line, flags register, segment registers of the
 * last line */
static const struct layout {
	enum inq_machine machine;
	const char *general;
	unsigned columns;
	const char *flags;
	const char *segments;
} layouts[] = {
	{INQ_MACHINE_AMD64, "rax rbx rcx rdx rsi rdi rip rsp rbp r8 r9 r10 r11 r12 r13 r14 r15", 3,
	 "efl", "cs ss ds es fs gs"},
	{INQ_MACHINE_X86, "eax ebx ecx edx esi edi eip esp ebp", 6, "efl", "cs ss ds es fs gs"},
	{INQ_MACHINE_ARM64,
	 "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 "
	 "x24 x25 x26 x27 "
	 "x28 fp lr sp pc cpsr",
	 4, NULL, ""},
	{INQ_MACHINE_ARM, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc cpsr", 6, NULL, ""},
};

/* bit of the flags register, word when set, word when clear; in WinDbg's order */
static const struct {
	unsigned bit;
	const char *set, *clear;
} flag_words[] = {
	{11, "ov", "nv"}, {10, "dn", "up"}, {9, "ei", "di"}, {7, "ng", "pl"},
	{6, "zr", "nz"},  {4, "ac", "na"},  {2, "pe", "po"}, {0, "cy", "nc"},
};

static const struct layout *layout_of(enum inq_machine machine)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].machine == machine)
			return &layouts[i];
	}
	return NULL;
}

/* The next blank-separated word; false at the end. */
static bool next_name(const char **at, char name[16])
{
	return take_word(at, name, 16);
}

static void show_one(struct out *out, const struct inq_context *context, const char *name,
		     int width, unsigned digits)
{
	const struct inq_register *reg = inq_register_find(context->machine, name, NULL, NULL);
	uint64_t value;

	if (reg && inq_context_get(context, reg, &value))
		out_print(out, "%*s=%0*llx", width, name, (int)digits, (unsigned long long)value);
	else
		out_print(out, "%*s=%.*s", width, name, (int)digits, "????????????????");
}

static void show_flags(struct out *out, uint64_t flags)
{
	out_print(out, "iopl=%u        ", (unsigned)(flags >> 12 & 3));
	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++)
		out_print(out, " %s",
			  flags >> flag_words[i].bit & 1 ? flag_words[i].set : flag_words[i].clear);
	out_print(out, "\n");
}

static void show_flag_lines(struct out *out, const struct inq_context *context,
			    const struct layout *layout)
{
	const struct inq_register *reg =
		inq_register_find(context->machine, layout->flags, NULL, NULL);
	const char *at = layout->segments;
	char name[16];
	uint64_t flags;

	if (!reg || !inq_context_get(context, reg, &flags))
		return;
	show_flags(out, flags);
	while (next_name(&at, name)) {
		show_one(out, context, name, 2, 4);
		out_print(out, "  ");
	}
	out_print(out, "           ");
	show_one(out, context, layout->flags, 3, 8);
	out_print(out, "\n");
}

static json_t *json_registers(const struct inq_context *context)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);
	json_t *object = json_object();

	for (size_t i = 0; info && i < info->register_count; i++) {
		const struct inq_register *reg = &info->registers[i];
		uint64_t value;

		if (reg->class <= INQ_REG_SEGMENT && inq_context_get(context, reg, &value))
			json_object_set_new(object, reg->name, json_address(value));
	}
	return object;
}

void show_registers(struct debugger *debugger, const struct inq_context *context)
{
	const struct layout *layout = layout_of(context->machine);
	struct out *out = &debugger->out;
	unsigned digits = inq_session_pointer_size(debugger->session) * 2, column = 0;
	const char *at;
	char name[16];

	if (out->json) {
		json_object_set_new(out->json, "registers", json_registers(context));
		return;
	}
	if (!layout) {
		out_print(out, "registers of an unknown machine\n");
		return;
	}
	for (at = layout->general; next_name(&at, name);) {
		show_one(out, context, name, 3, digits);
		out_print(out, "%s", "");
		if (++column % layout->columns == 0 || !*at)
			out_print(out, "\n");
		else
			out_print(out, " ");
	}
	if (layout->flags)
		show_flag_lines(out, context, layout);
	show_instruction(debugger, inq_context_pc(context));
}

/* --- r ---------------------------------------------------------------------------- */

/* A wide register as bytes, highest first, as WinDbg shows vectors as one number. */
static void show_wide(struct out *out, const struct inq_context *context,
		      const struct inq_register *reg)
{
	unsigned size = reg->class == INQ_REG_FLOAT ? 10 : reg->size;

	out_print(out, "%s=", reg->name);
	for (unsigned i = size; i-- > 0;)
		out_print(out, "%02x", context->raw[reg->offset + i]);
	out_print(out, "\n");
}

static void show_class(struct debugger *debugger, const struct inq_context *context, unsigned class)
{
	const struct inq_machine_info *info = inq_machine_info(context->machine);

	for (size_t i = 0; info && i < info->register_count; i++) {
		const struct inq_register *reg = &info->registers[i];
		uint64_t value;

		if (reg->class != class)
			continue;
		if (reg->size > 8)
			show_wide(&debugger->out, context, reg);
		else if (inq_context_get(context, reg, &value))
			out_print(&debugger->out, "%s=%0*llx\n", reg->name, reg->size * 2,
				  (unsigned long long)value);
	}
}

/* letters of "rm"-like choices: r f, r F, r X */
static const struct {
	const char *letter;
	unsigned class;
} classes[] = {
	{"f", INQ_REG_FLOAT}, {"F", INQ_REG_FLOAT}, {"X", INQ_REG_VECTOR}, {"d", INQ_REG_DEBUG}};

static enum inq_status show_named(struct debugger *debugger, const struct inq_context *context,
				  const char *name, struct inq_error *err)
{
	unsigned shift, size;
	const struct inq_register *reg = inq_register_find(context->machine, name, &shift, &size);
	enum inq_status status;
	uint64_t value;

	if (reg && reg->size > 8) {
		show_wide(&debugger->out, context, reg);
		return INQ_OK;
	}
	if (!reg && name[0] != '$')
		return inq_fail(err, INQ_USAGE, "'%s' is not a register of %s", name,
				inq_machine_info(context->machine)
					? inq_machine_info(context->machine)->name
					: "this machine");
	status = inq_session_evaluate(debugger->session, name, NULL, &value, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_t *registers = json_object_get(debugger->out.json, "registers");

		if (!registers) {
			registers = json_object();
			json_object_set_new(debugger->out.json, "registers", registers);
		}
		json_object_set_new(registers, name, json_address(value));
		return INQ_OK;
	}
	out_print(&debugger->out, "%s=%0*llx\n", name, reg ? (int)size * 2 : 16,
		  (unsigned long long)value);
	return INQ_OK;
}

/* $t0 to $t19 = expression; all else in a dump is as it was. */
static enum inq_status assign(struct debugger *debugger, const char *name, const char *at,
			      struct inq_error *err)
{
	char *end;
	unsigned long index = strtoul(name + (strncmp(name, "$t", 2) == 0 ? 2 : 0), &end, 10);
	uint64_t value;
	enum inq_status status;

	if (strncmp(name, "$t", 2) != 0 || *end || !isdigit((unsigned char)name[2]) ||
	    index >= INQ_USER_REGISTERS)
		return inq_fail(err, INQ_UNSUPPORTED,
				"'%s' of a dump cannot be changed; $t0 to $t19 can", name);
	at = skip_spaces(at + 1);
	status = inq_session_evaluate(debugger->session, at, NULL, &value, err);
	if (status == INQ_OK)
		inq_session_set_user_register(debugger->session, (unsigned)index, value);
	return status;
}

static enum inq_status one_argument(struct debugger *debugger, const struct inq_context *context,
				    const char **at, struct inq_error *err)
{
	enum inq_status status;
	char name[32];
	size_t length;

	if (**at == '@')
		(*at)++;
	length = strcspn(*at, " \t,=");
	if (!length || length >= sizeof(name))
		return inq_fail(err, INQ_USAGE, "'%s': not a register", *at);
	memcpy(name, *at, length);
	name[length] = '\0';
	*at = skip_spaces(*at + length);
	if (**at == '=') {
		status = assign(debugger, name, *at, err);
		*at += strlen(*at);
		return status;
	}
	if (**at == ',')
		*at = skip_spaces(*at + 1);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strcmp(name, classes[i].letter) == 0) {
			show_class(debugger, context, classes[i].class);
			return INQ_OK;
		}
	}
	if (vectors_show(debugger, name, &status, err))
		return status;
	return show_named(debugger, context, name, err);
}

/* What a filter set to zero, in words: "emptied: rax=null rbx=heap". */
static void show_emptied(struct debugger *debugger, enum inq_machine machine)
{
	struct inq_session *session = debugger->session;
	struct out *out = &debugger->out;
	json_t *object = debugger->json ? json_object() : NULL;
	uint8_t of[INQ_CLASSES], fault;
	long thread = inq_session_thread(session);

	if (thread < 0 || inq_session_frame(session) ||
	    inq_target_classes(inq_session_target(session), (size_t)thread, of, &fault, NULL) != INQ_OK) {
		json_decref(object);
		return;
	}
	out_print(out, "emptied by the filter:");
	for (int i = 0; i < INQ_CLASSES; i++) {
		const struct inq_register *reg = inq_register_from_dwarf(machine, i);
		const char *word = reg ? inq_value_word(of[i]) : NULL;

		if (!word)
			continue;
		out_print(out, " %s=%s", reg->name, word);
		if (object)
			json_object_set_new(object, reg->name, json_text(word));
	}
	if (inq_value_word(fault))
		out_print(out, " fault=%s", inq_value_word(fault));
	out_print(out, "\n");
	if (object)
		json_object_set_new(out->json, "emptied", object);
}

enum inq_status command_r(struct debugger *debugger, const struct invocation *call,
			  struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status = inq_session_frame_context(debugger->session, &context, err);
	const char *at = call->args;

	if (status != INQ_OK)
		return status;
	if (call->name[1] && *at)
		return inq_fail(err, INQ_USAGE, "'%s': not understood", at);
	if (call->name[1])
		at = call->name + 1;
	if (!*at) {
		show_registers(debugger, &context);
		show_emptied(debugger, context.machine);
	}
	while (status == INQ_OK && *at)
		status = one_argument(debugger, &context, &at, err);
	return status;
}
