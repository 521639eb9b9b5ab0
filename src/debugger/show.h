/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What several commands show alike: places, instructions, numbers out of arguments, events.
 */
#ifndef INQ_DEBUGGER_SHOW_H
#define INQ_DEBUGGER_SHOW_H

#include "debugger/command.h"

/* "libc.so.6!abort+0x12f", "libc.so.6+0x1234", "0x1234". */
void show_place(struct out *out, const struct inq_place *place, uint64_t address);

/* The same with parameters of C++ functions where the name has them (kp). */
void show_call(struct debugger *debugger, const struct inq_call *call, bool parameters, bool lines);

/* "{module, module_offset, symbol, offset}" into the object. */
void json_place(json_t *object, const struct inq_place *place);

/* "module!name+0x0:" and one disassembled line at the address; what could not be read is said. */
void show_instruction(struct debugger *debugger, uint64_t address);

void show_instruction_line(struct debugger *debugger, uint64_t address,
			   const struct inq_instruction *instruction, const uint8_t *bytes);

/* The registers as `r` shows them, with the instruction. */
void show_registers(struct debugger *debugger, const struct inq_context *context);

/* "(1a2b.1a2c): Signal SIGSEGV (SEGV_MAPERR: address not mapped to object) at 0x10". */
void show_event(struct debugger *debugger, const struct inq_event *event);
json_t *json_event(struct debugger *debugger, const struct inq_event *event);

/* What a person sees after a dump was opened: what died, of what, where, and what to type next. */
void show_opening(struct debugger *debugger, const char *path);

/* "2026-11-21 12:35:43 UTC" */
enum { TIME_TEXT = 32 };
const char *time_text(char to[TIME_TEXT], uint64_t seconds);

/* Shorthands: the session's pointer size in address_text(). */
#define ADDRESS(debugger, address)                                                                 \
	address_text((char[ADDRESS_TEXT]){0}, (address),                                           \
		     inq_session_pointer_size((debugger)->session))

/**
 * One number out of the arguments; *at moves behind it and the blanks that follow.
 *
 * INQ_USAGE, INQ_FAULT, INQ_ABSENT as inq_expression_evaluate().
 */
enum inq_status take_value(struct debugger *debugger, const char **at, uint64_t *ret,
			   struct inq_error *err);

/* INQ_USAGE "'...': not understood" unless nothing is left. */
enum inq_status no_more(const char *at, struct inq_error *err);

/* One word up to a blank, or what stands between quotes; false: nothing left, or it is too long. */
bool take_word(const char **at, char *to, size_t capacity);

const char *skip_spaces(const char *at);

#endif
