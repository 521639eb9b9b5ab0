/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of causes. */
#include "engine/analyze_private.h"
#include "engine/blame.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NEAR_NULL = 0x10000,  /* nothing is mapped below it (vm.mmap_min_addr) */
	NEAR_STACK = 0x10000, /* bytes off the stack pointer that a full stack faults at */
	FAIL_FAST = 0xc0000409u,
	STACK_OVERFLOW = 0xc00000fdu,
	DIVIDE_BY_ZERO = 0xc0000094u,
	SIGINFO_SYSCALL = 24, /* si_syscall in a 64-bit process's siginfo_t */
};

__attribute__((format(printf, 2, 3))) static void explain(struct facts *facts, const char *format,
							  ...)
{
	char *to = facts->found->explanation;
	size_t used = strlen(to);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(to + used, INQ_EXPLANATION - used, format, arguments);
	va_end(arguments);
}

/* --- words about it --------------------------------------------------------------- */

static const char *done_to(const struct inq_analysis *found)
{
	static const char *const words[] = {[INQ_ACCESS_NONE] = "accessed",
					    [INQ_ACCESS_READ] = "read",
					    [INQ_ACCESS_WRITE] = "written",
					    [INQ_ACCESS_EXECUTE] = "executed"};

	return words[found->access];
}

/* " (rdi is null)", " (rax was freed, in a filtered dump)" */
static void explain_base(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	const char *word = inq_value_word(found->base_class);
	uint64_t value;

	if (!found->has_operand || !found->operand.base || !word)
		return;
	if (!facts->filtered && inq_context_get(&facts->context, found->operand.base, &value) &&
	    value)
		explain(facts, " Its pointer is %s, 0x%llx.", found->operand.base->name,
			(unsigned long long)value);
	else
		explain(facts, " Its pointer is %s (%s).", found->operand.base->name, word);
}

static void explain_region(struct facts *facts)
{
	const struct inq_region *region = facts->found->region;

	if (!region)
		return;
	explain(facts, " It lies in memory that may be %s%s%s%s",
		region->protection & INQ_PROT_READ ? "read" : "",
		region->protection & INQ_PROT_WRITE ? ", written" : "",
		region->protection & INQ_PROT_EXEC ? ", executed" : "",
		region->protection ? "" : "neither read nor written");
	explain(facts, region->name && *region->name ? ": %s." : ".", region->name);
}

/* --- rules ------------------------------------------------------------------------ */

static bool no_exception(struct facts *facts)
{
	if (facts->found->event.is_exception)
		return false;
	explain(facts, "Nothing died: the dump was taken of a running process.");
	return true;
}

static bool aborted(struct facts *facts)
{
	const struct inq_machinery *row = inq_blame_machinery(&facts->found->stack);

	if (!facts_signal(facts, SIGABRT) || !row)
		return false;
	facts->found->cause = row->cause;
	explain(facts, "%s", row->reason);
	return true;
}

static bool sent(struct facts *facts)
{
	const struct inq_event *event = &facts->found->event;

	/* A minidump keeps si_code, and not who it was. */
	if (!event->has_sender && (strncmp(event->code_name, "SI_", 3) != 0 || event->sub_code > 0))
		return false;
	if (!event->has_sender)
		explain(facts, "The signal was %s, by the process itself or by another.",
			event->code_text);
	else if (event->sender_pid == event->pid)
		explain(facts, "The process sent the signal to itself.");
	else
		explain(facts, "Process %u of user %u sent the signal.", event->sender_pid,
			event->sender_uid);
	return true;
}

/* Does memory that can be written begin within some pages above the address, as a stack does above
 * the place where it is full? Where the address space is not told, it is taken to. */
static bool ends_a_stack(const struct facts *facts, uint64_t address)
{
	for (size_t i = 0; i < facts->region_count; i++) {
		const struct inq_region *region = &facts->regions[i];

		if (region->protection & INQ_PROT_WRITE && region->base > address &&
		    region->base - address <= 2 * NEAR_STACK)
			return true;
	}
	return facts->region_count == 0;
}

/* The stack pointer itself is what is wrong. */
static bool bad_stack_pointer(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	const struct inq_region *region = facts_region(facts, facts->sp);

	if (!facts->has_context || !facts->region_count || !facts_fault(facts) || region ||
	    found->has_operand || found->access == INQ_ACCESS_EXECUTE ||
	    ends_a_stack(facts, facts->sp))
		return false;
	explain(facts, "The stack pointer, 0x%llx, points at no stack.",
		(unsigned long long)facts->sp);
	return true;
}

/* Where the stack ends: below the writable memory that the stack pointer, or the frame beneath it,
 * is in. */
static bool stack_overflow(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	uint64_t away = found->address - facts->sp + NEAR_STACK;

	if (facts_signal(facts, STACK_OVERFLOW)) {
		explain(facts, "The stack is full.");
	} else {
		if (!found->has_address || found->address < NEAR_NULL || away > 2ull * NEAR_STACK ||
		    found->access == INQ_ACCESS_EXECUTE ||
		    (found->region && found->region->protection & INQ_PROT_WRITE) ||
		    !ends_a_stack(facts, found->address))
			return false;
		explain(facts,
			"The stack is full: 0x%llx, near the stack pointer, is below its end.",
			(unsigned long long)found->address);
	}
	if (found->recursion == 1)
		explain(facts, " One function calls itself again and again.");
	else if (found->recursion)
		explain(facts, " The same %zu functions call each other again and again.",
			found->recursion);
	else
		explain(facts,
			" It does not repeat itself: large local variables, or too small a stack.");
	return true;
}

/* Does the kernel say that there was nothing at all? A small dump's list of mappings is not the
 * whole. */
static bool is_unmapped(const struct facts *facts)
{
	return strcmp(facts->found->event.code_name, "SEGV_MAPERR") == 0;
}

static bool null_call(struct facts *facts)
{
	if (facts->found->access != INQ_ACCESS_EXECUTE || facts->pc >= NEAR_NULL)
		return false;
	explain(facts, "A null pointer was called as a function.");
	return true;
}

static bool bad_jump(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	const struct inq_instruction *instruction = &found->instruction;

	if (found->access == INQ_ACCESS_EXECUTE && is_unmapped(facts)) {
		explain(facts, "It jumped to 0x%llx, where nothing is mapped.",
			(unsigned long long)facts->pc);
		return true;
	}
	if (!found->has_instruction || found->event.sub_code != SI_KERNEL_CODE ||
	    found->has_operand ||
	    !(instruction->is_call || instruction->is_jump || instruction->is_return))
		return false;
	explain(facts, "It jumped to an address that can be none (not canonical).");
	return true;
}

static bool execute_data(struct facts *facts)
{
	const struct inq_region *region = facts->found->region;

	if (facts->found->access != INQ_ACCESS_EXECUTE)
		return false;
	explain(facts, "It jumped to 0x%llx, which is no code%s.", (unsigned long long)facts->pc,
		!region				   ? ""
		: region->flags & INQ_REGION_STACK ? " but stack"
						   : " but data");
	return true;
}

static bool null_access(struct facts *facts)
{
	struct inq_analysis *found = facts->found;

	if (!found->has_address || found->address >= NEAR_NULL)
		return false;
	if (found->address)
		explain(facts, "A null pointer was %s through, at offset 0x%llx.", done_to(found),
			(unsigned long long)found->address);
	else
		explain(facts, "A null pointer was %s through.", done_to(found));
	if (found->has_operand && found->operand.base)
		explain(facts, " The pointer is %s.", found->operand.base->name);
	found->cause = found->access == INQ_ACCESS_WRITE  ? "null-pointer-write"
		       : found->access == INQ_ACCESS_READ ? "null-pointer-read"
							  : "null-pointer-access";
	return true;
}

static bool use_after_free(struct facts *facts)
{
	if (facts->found->base_class != INQ_VALUE_FREED)
		return false;
	explain(facts, "A pointer was used that holds what allocators fill freed memory with.");
	explain_base(facts);
	return true;
}

static bool non_canonical(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;

	if (found->event.sub_code != SI_KERNEL_CODE && found->base_class != INQ_VALUE_NON_CANONICAL)
		return false;
	if (!facts_fault(facts))
		return false;
	explain(facts,
		"A pointer was %s that can be no address (not canonical): overwritten or never "
		"set.",
		done_to(found));
	explain_base(facts);
	return true;
}

static bool protection_key(struct facts *facts)
{
	if (strcmp(facts->found->event.code_name, "SEGV_PKUERR") != 0)
		return false;
	explain(facts, "A protection key forbids the access.");
	explain_region(facts);
	return true;
}

static bool truncated_mapping(struct facts *facts)
{
	if (strcmp(facts->found->event.code_name, "BUS_ADRERR") != 0)
		return false;
	explain(facts, "A mapped file is shorter than its mapping, or its disk failed.");
	explain_region(facts);
	return true;
}

static bool write_to_read_only(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	const struct inq_region *region = found->region;
	struct inq_place place;

	if (!found->has_address || found->access != INQ_ACCESS_WRITE || is_unmapped(facts))
		return false;
	inq_session_place(facts->session, found->address, &place);
	if (region ? !(region->protection & INQ_PROT_READ) || region->protection & INQ_PROT_WRITE
		   : !place.module)
		return false;
	explain(facts, "Memory that may only be read was written, at 0x%llx.",
		(unsigned long long)found->address);
	if (region)
		explain_region(facts);
	else
		explain(facts, " It lies in %s.", place.module_name);
	return true;
}

static bool no_access(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;

	if (!found->region || found->region->protection)
		return false;
	explain(facts,
		"0x%llx was %s, which lies in memory without any access: a guard, or reserved.",
		(unsigned long long)found->address, done_to(found));
	explain_base(facts);
	return true;
}

static bool bad_pointer(struct facts *facts)
{
	struct inq_analysis *found = facts->found;

	if (!facts_fault(facts))
		return false;
	found->cause = found->access == INQ_ACCESS_WRITE  ? "invalid-pointer-write"
		       : found->access == INQ_ACCESS_READ ? "invalid-pointer-read"
							  : "invalid-pointer-access";
	if (found->has_address && is_unmapped(facts))
		explain(facts, "0x%llx was %s, where nothing is mapped.",
			(unsigned long long)found->address, done_to(found));
	else
		explain(facts, "Memory was %s that may not be: %s.", done_to(found),
			*found->event.code_text ? found->event.code_text : found->event.text);
	explain_base(facts);
	explain_region(facts);
	return true;
}

static bool divide(struct facts *facts)
{
	if (strcmp(facts->found->event.code_name, "FPE_INTDIV") != 0 &&
	    !facts_signal(facts, DIVIDE_BY_ZERO))
		return false;
	explain(facts, "An integer was divided by zero, or the quotient did not fit.");
	return true;
}

static bool compiler_trap(struct facts *facts)
{
	if (!facts_signal(facts, SIGILL) || strncmp(facts->found->instruction.text, "ud", 2) != 0)
		return false;
	explain(facts, "The program reached an instruction that exists to trap: __builtin_trap(), "
		       "or code that "
		       "its compiler took for unreachable.");
	return true;
}

static bool bad_system_call(struct facts *facts)
{
	const struct inq_exception *exception;
	int32_t number;

	if (!facts_signal(facts, SIGSYS))
		return false;
	explain(facts, "A system call was refused by seccomp");
	if (inq_target_exception(inq_session_target(facts->session), &exception, NULL) == INQ_OK &&
	    exception->has_siginfo) {
		memcpy(&number, exception->siginfo + SIGINFO_SYSCALL, sizeof(number));
		explain(facts, ": number %d", number);
	}
	explain(facts, ".");
	return true;
}

/* In words what the event is called. */
static bool by_its_name(struct facts *facts)
{
	const struct inq_event *event = &facts->found->event;

	explain(facts, "It died of %s%s%s%s%s.", *event->name ? event->name : "an exception",
		*event->text ? ": " : "", event->text, *event->code_text ? ", " : "",
		event->code_text);
	return true;
}

/* The first row that applies is the cause, unless it chose a finer word itself. Its signal: 0 any.
 */
static const struct {
	uint32_t signal;
	const char *cause;
	bool (*applies)(struct facts *facts);
} rules[] = {
	{0, "none", no_exception},
	{SIGABRT, "abort", aborted},
	{0, "signal-sent", sent},
	{0, "stack-overflow", stack_overflow},
	{0, "bad-stack-pointer", bad_stack_pointer},
	{0, "null-pointer-call", null_call},
	{0, "bad-jump", bad_jump},
	{0, "execute-data", execute_data},
	{0, "null-pointer-access", null_access},
	{0, "use-after-free", use_after_free},
	{0, "non-canonical-pointer", non_canonical},
	{SIGSEGV, "protection-key", protection_key},
	{SIGBUS, "truncated-mapping", truncated_mapping},
	{0, "write-to-read-only", write_to_read_only},
	{0, "guard-page", no_access},
	{0, "invalid-pointer-access", bad_pointer},
	{0, "divide-by-zero", divide},
	{SIGILL, "compiler-trap", compiler_trap},
	{SIGSYS, "bad-system-call", bad_system_call},
	{SIGILL, "illegal-instruction", by_its_name},
	{SIGFPE, "arithmetic-exception", by_its_name},
	{SIGTRAP, "breakpoint", by_its_name},
	{SIGABRT, "abort", by_its_name},
	{FAIL_FAST, "fail-fast", by_its_name},
	{0, "exception", by_its_name},
};

void analyze_cause(struct facts *facts)
{
	struct inq_analysis *found = facts->found;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].signal && !facts_signal(facts, rules[i].signal))
			continue;
		if (!rules[i].applies(facts))
			continue;
		if (!found->cause)
			found->cause = rules[i].cause;
		return;
	}
}
