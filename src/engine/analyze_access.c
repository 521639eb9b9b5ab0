/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which memory it died of, and what the instruction wanted of it. */
#include "engine/analyze_private.h"

#include <signal.h>
#include <string.h>

static uint8_t class_of(const struct facts *facts, const struct inq_register *reg)
{
	uint64_t value;

	if (facts->filtered && reg->dwarf >= 0 && reg->dwarf < INQ_CLASSES &&
	    facts->classes[reg->dwarf] != INQ_VALUE_SHOWN)
		return facts->classes[reg->dwarf];
	if (!inq_context_get(&facts->context, reg, &value))
		return INQ_VALUE_UNKNOWN;
	return (uint8_t)inq_value_class(value, facts_region(facts, value), false);
}

/* Is this the operand that faulted at the address? With an address that nobody told, the first
 * whose own cannot be one. */
static bool operand_faulted(const struct facts *facts, const struct inq_memory_operand *operand)
{
	const struct inq_analysis *found = facts->found;
	uint64_t address;

	if (facts->filtered || !inq_memory_operand_address(operand, &facts->context, &address))
		return false;
	return found->has_address
		       ? found->address - address < (operand->bytes ? operand->bytes : 1)
		       : inq_value_class(address, NULL, false) == INQ_VALUE_NON_CANONICAL ||
				 inq_value_class(address, NULL, false) == INQ_VALUE_FREED;
}

static void choose_operand(struct facts *facts)
{
	struct inq_memory_operand operands[INQ_OPERANDS_MAX];
	struct inq_analysis *found = facts->found;
	size_t count =
		inq_instruction_operands(&found->instruction, facts->context.machine, operands);
	size_t chosen = 0;

	while (chosen < count && !operand_faulted(facts, &operands[chosen]))
		chosen++;
	/* What cannot be computed can only be meant where there is no other; a string instruction
	 * goes on from page to page. */
	if (chosen == count)
		chosen = 0;
	if (!count || (count > 1 && !operand_faulted(facts, &operands[chosen])))
		return;
	found->has_operand = true;
	found->operand = operands[chosen];
	found->access = operands[chosen].written ? INQ_ACCESS_WRITE : INQ_ACCESS_READ;
	if (found->operand.base)
		found->base_class = class_of(facts, found->operand.base);
}

/* push, call and enter write to the stack; pop, ret and leave read it. */
static void choose_stack_access(struct facts *facts)
{
	static const struct {
		const char *word;
		enum inq_access access;
	} words[] = {
		{"push", INQ_ACCESS_WRITE}, {"call", INQ_ACCESS_WRITE}, {"enter", INQ_ACCESS_WRITE},
		{"pop", INQ_ACCESS_READ},   {"ret", INQ_ACCESS_READ},	{"leave", INQ_ACCESS_READ},
	};
	struct inq_analysis *found = facts->found;

	if (!found->has_address || found->address - facts->sp + 64 > 128)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(found->instruction.text, words[i].word, strlen(words[i].word)) == 0)
			found->access = words[i].access;
	}
}

/* Windows says it itself; here the instruction does. */
void analyze_access(struct facts *facts, const struct inq_exception *exception)
{
	static const enum inq_access of_windows[] = {
		[0] = INQ_ACCESS_READ, [1] = INQ_ACCESS_WRITE, [8] = INQ_ACCESS_EXECUTE};
	struct inq_analysis *found = facts->found;
	uint8_t bytes[INQ_INSTRUCTION_MAX];

	found->has_address = found->event.has_address &&
			     (!facts->filtered || facts->fault_class == INQ_VALUE_SHOWN);
	found->address = found->event.address;
	if (facts_signal(facts, ACCESS_VIOLATION) && exception->parameter_count >= 2) {
		found->has_address = true;
		found->address = exception->parameters[1];
	}
	if (!facts->has_context)
		return;
	found->has_instruction =
		inq_session_instruction(facts->session, facts->pc, &found->instruction, bytes,
					NULL) == INQ_OK;
	if (!facts_fault(facts))
		return;
	if (found->has_address && found->address == facts->pc)
		found->access = INQ_ACCESS_EXECUTE;
	else if (found->has_instruction) {
		choose_operand(facts);
		if (!found->has_operand || found->access == INQ_ACCESS_NONE)
			choose_stack_access(facts);
	}
	if (facts_signal(facts, ACCESS_VIOLATION) && exception->parameter_count >= 2 &&
	    exception->parameters[0] < sizeof(of_windows) / sizeof(of_windows[0]))
		found->access = of_windows[exception->parameters[0]];
	if (found->has_address)
		found->region = facts_region(facts, found->address);
}
