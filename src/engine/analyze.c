/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/analyze.h"

#include "engine/blame.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NEAR_NULL = 0x10000,	  /* nothing is mapped below it (vm.mmap_min_addr) */
	NEAR_STACK = 0x10000,	  /* bytes off the stack pointer that a full stack faults at */
	SI_KERNEL_CODE = 0x80,	  /* of a general protection fault: no address is told */
	ACCESS_VIOLATION = 0xc0000005u, /* Windows: parameters are the access and the address */
	FAIL_FAST = 0xc0000409u,
	MESSAGE_MAX = 1024,
	SIGINFO_SYSCALL = 24,	  /* si_syscall in a 64-bit process's siginfo_t */
};

/* What the rules look at, beside what they have found so far. */
struct facts {
	struct inq_session *session;
	struct inq_analysis *found;
	struct inq_context context;
	bool has_context;
	bool filtered; /* registers are gone but for their classes */
	uint8_t classes[INQ_CLASSES], fault_class;
	uint64_t sp, pc;
	const struct inq_region *regions;
	size_t region_count;
};

static void explain(struct facts *facts, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void explain(struct facts *facts, const char *format, ...)
{
	char *to = facts->found->explanation;
	size_t used = strlen(to);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(to + used, INQ_EXPLANATION - used, format, arguments);
	va_end(arguments);
}

static const struct inq_region *region_at(const struct facts *facts, uint64_t address)
{
	return inq_region_at(facts->regions, facts->region_count, address);
}

static bool is_signal(const struct facts *facts, uint32_t signal)
{
	return facts->found->event.is_exception && facts->found->event.code == signal;
}

/* Did it die of an access to memory? */
static bool is_fault(const struct facts *facts)
{
	return is_signal(facts, SIGSEGV) || is_signal(facts, SIGBUS) ||
	       is_signal(facts, ACCESS_VIOLATION);
}

/* --- the access ------------------------------------------------------------------- */

static uint8_t class_of(const struct facts *facts, const struct inq_register *reg)
{
	uint64_t value;

	if (facts->filtered && reg->dwarf >= 0 && reg->dwarf < INQ_CLASSES &&
	    facts->classes[reg->dwarf] != INQ_VALUE_SHOWN)
		return facts->classes[reg->dwarf];
	if (!inq_context_get(&facts->context, reg, &value))
		return INQ_VALUE_UNKNOWN;
	return (uint8_t)inq_value_class(value, region_at(facts, value), false);
}

/* Is this the operand that faulted at the address? With an address that nobody told, the first whose own
 * cannot be one. */
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
	size_t count = inq_instruction_operands(&found->instruction, facts->context.machine,
						operands);
	size_t chosen = 0;

	while (chosen < count && !operand_faulted(facts, &operands[chosen]))
		chosen++;
	/* What cannot be computed can only be meant where there is no other; a string instruction goes on
	 * from page to page. */
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
static void find_access(struct facts *facts, const struct inq_exception *exception)
{
	static const enum inq_access of_windows[] = {
		[0] = INQ_ACCESS_READ, [1] = INQ_ACCESS_WRITE, [8] = INQ_ACCESS_EXECUTE};
	struct inq_analysis *found = facts->found;
	uint8_t bytes[INQ_INSTRUCTION_MAX];

	found->has_address = found->event.has_address &&
			     (!facts->filtered || facts->fault_class == INQ_VALUE_SHOWN);
	found->address = found->event.address;
	if (is_signal(facts, ACCESS_VIOLATION) && exception->parameter_count >= 2) {
		found->has_address = true;
		found->address = exception->parameters[1];
	}
	if (!facts->has_context)
		return;
	found->has_instruction = inq_session_instruction(facts->session, facts->pc,
							 &found->instruction, bytes,
							 NULL) == INQ_OK;
	if (!is_fault(facts))
		return;
	if (found->has_address && found->address == facts->pc)
		found->access = INQ_ACCESS_EXECUTE;
	else if (found->has_instruction) {
		choose_operand(facts);
		if (!found->has_operand || found->access == INQ_ACCESS_NONE)
			choose_stack_access(facts);
	}
	if (is_signal(facts, ACCESS_VIOLATION) && exception->parameter_count >= 2 &&
	    exception->parameters[0] < sizeof(of_windows) / sizeof(of_windows[0]))
		found->access = of_windows[exception->parameters[0]];
	if (found->has_address)
		found->region = region_at(facts, found->address);
}

const char *inq_access_name(enum inq_access access)
{
	static const char *const names[] = {
		[INQ_ACCESS_NONE] = "", [INQ_ACCESS_READ] = "read", [INQ_ACCESS_WRITE] = "write",
		[INQ_ACCESS_EXECUTE] = "execute"};

	return names[access];
}

/* --- words about it --------------------------------------------------------------- */

static const char *done_to(const struct inq_analysis *found)
{
	static const char *const words[] = {
		[INQ_ACCESS_NONE] = "accessed", [INQ_ACCESS_READ] = "read",
		[INQ_ACCESS_WRITE] = "written", [INQ_ACCESS_EXECUTE] = "executed"};

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

	if (!is_signal(facts, SIGABRT) || !row)
		return false;
	facts->found->cause = row->cause;
	explain(facts, "%s", row->reason);
	return true;
}

static bool sent(struct facts *facts)
{
	const struct inq_event *event = &facts->found->event;

	if (!event->has_sender)
		return false;
	if (event->sender_pid == event->pid)
		explain(facts, "The process sent the signal to itself.");
	else
		explain(facts, "Process %u of user %u sent the signal.", event->sender_pid,
			event->sender_uid);
	return true;
}

/* Does memory that can be written begin within some pages above the address, as a stack does above the place
 * where it is full? Where the address space is not told, it is taken to. */
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
	const struct inq_region *region = region_at(facts, facts->sp);

	if (!facts->has_context || !facts->region_count || !is_fault(facts) || region ||
	    found->has_operand || found->access == INQ_ACCESS_EXECUTE ||
	    ends_a_stack(facts, facts->sp))
		return false;
	explain(facts, "The stack pointer, 0x%llx, points at no stack.",
		(unsigned long long)facts->sp);
	return true;
}

/* Where the stack ends: below the writable memory that the stack pointer, or the frame beneath it, is in. */
static bool stack_overflow(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;
	uint64_t away = found->address - facts->sp + NEAR_STACK;

	if (is_signal(facts, 0xc00000fdu)) {
		explain(facts, "The stack is full.");
	} else {
		if (!found->has_address || found->address < NEAR_NULL ||
		    away > 2ull * NEAR_STACK || found->access == INQ_ACCESS_EXECUTE ||
		    (found->region && found->region->protection & INQ_PROT_WRITE) ||
		    !ends_a_stack(facts, found->address))
			return false;
		explain(facts, "The stack is full: 0x%llx, near the stack pointer, is below its end.",
			(unsigned long long)found->address);
	}
	if (found->recursion == 1)
		explain(facts, " One function calls itself again and again.");
	else if (found->recursion)
		explain(facts, " The same %zu functions call each other again and again.",
			found->recursion);
	else
		explain(facts, " It does not repeat itself: large local variables, or too small a stack.");
	return true;
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

	if (found->access == INQ_ACCESS_EXECUTE && !found->region && facts->region_count) {
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
		!region				      ? ""
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
		explain(facts, "A null pointer was %s through, at offset 0x%llx.",
			done_to(found), (unsigned long long)found->address);
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
	if (!is_fault(facts))
		return false;
	explain(facts, "A pointer was %s that can be no address (not canonical): overwritten or never set.",
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

	if (!found->region || !(found->region->protection & INQ_PROT_READ) ||
	    found->region->protection & INQ_PROT_WRITE || found->access == INQ_ACCESS_READ)
		return false;
	explain(facts, "Memory that may only be read was written, at 0x%llx.",
		(unsigned long long)found->address);
	explain_region(facts);
	return true;
}

static bool no_access(struct facts *facts)
{
	const struct inq_analysis *found = facts->found;

	if (!found->region || found->region->protection)
		return false;
	explain(facts, "0x%llx was %s, which lies in memory without any access: a guard, or reserved.",
		(unsigned long long)found->address, done_to(found));
	explain_base(facts);
	return true;
}

static bool bad_pointer(struct facts *facts)
{
	struct inq_analysis *found = facts->found;

	if (!is_fault(facts))
		return false;
	found->cause = found->access == INQ_ACCESS_WRITE  ? "invalid-pointer-write"
		       : found->access == INQ_ACCESS_READ ? "invalid-pointer-read"
							  : "invalid-pointer-access";
	if (found->has_address && !found->region && facts->region_count)
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
	    !is_signal(facts, 0xc0000094u))
		return false;
	explain(facts, "An integer was divided by zero, or the quotient did not fit.");
	return true;
}

static bool compiler_trap(struct facts *facts)
{
	if (!is_signal(facts, SIGILL) || strncmp(facts->found->instruction.text, "ud", 2) != 0)
		return false;
	explain(facts, "The program reached an instruction that exists to trap: __builtin_trap(), or code that "
		       "its compiler took for unreachable.");
	return true;
}

static bool bad_system_call(struct facts *facts)
{
	const struct inq_exception *exception;
	int32_t number;

	if (!is_signal(facts, SIGSYS))
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

/* The first row that applies is the cause, unless it chose a finer word itself. Its signal: 0 any. */
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

static void find_cause(struct facts *facts)
{
	struct inq_analysis *found = facts->found;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].signal && !is_signal(facts, rules[i].signal))
			continue;
		if (!rules[i].applies(facts))
			continue;
		if (!found->cause)
			found->cause = rules[i].cause;
		return;
	}
}

/* --- the whole -------------------------------------------------------------------- */

/* glibc keeps what it or assert() printed before abort(): __abort_msg points at a size and the text. */
static char *abort_message(struct inq_session *session)
{
	struct inq_error ignored = {0};
	char text[MESSAGE_MAX];
	uint64_t at;
	size_t size;

	if (inq_session_evaluate(session, "poi(libc.so.6!__abort_msg)", NULL, &at, &ignored) !=
		    INQ_OK ||
	    !at || inq_session_read(session, at + 4, text, sizeof(text), &size, NULL, NULL) != INQ_OK)
		return NULL;
	size = strnlen(text, size);
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	return size ? strndup(text, size) : NULL;
}

static void ask_session(struct facts *facts)
{
	struct inq_session *session = facts->session;
	long thread = inq_session_thread(session);

	facts->has_context = inq_session_context(session, &facts->context, NULL) == INQ_OK;
	if (facts->has_context) {
		facts->pc = inq_context_pc(&facts->context);
		facts->sp = inq_context_sp(&facts->context);
	}
	facts->filtered = thread >= 0 &&
			  inq_target_classes(inq_session_target(session), (size_t)thread,
					     facts->classes, &facts->fault_class, NULL) == INQ_OK;
	facts->regions = inq_session_regions(session, &facts->region_count);
}

enum inq_status inq_session_analyze(struct inq_session *session, struct inq_analysis *ret,
				    struct inq_error *err)
{
	static const struct inq_exception none;
	struct facts facts = {.session = session, .found = ret};
	const struct inq_exception *exception = &none;
	enum inq_status status;

	memset(ret, 0, sizeof(*ret));
	status = inq_session_event(session, &ret->event, err);
	if (status != INQ_OK)
		return status;
	if (ret->event.is_exception) {
		status = inq_session_use_exception(session, err);
		if (status == INQ_OK)
			status = inq_target_exception(inq_session_target(session), &exception, err);
		if (status != INQ_OK)
			return status;
	}
	ask_session(&facts);
	if (inq_session_stack(session, INQ_NO_THREAD, INQ_ANALYZED_LINES, &ret->stack, err) ==
	    INQ_NO_MEMORY)
		return INQ_NO_MEMORY;
	ret->recursion = inq_blame_recursion(&ret->stack);
	ret->blamed = inq_blame_line(&ret->stack);
	find_access(&facts, exception);
	find_cause(&facts);
	if (is_signal(&facts, SIGABRT))
		ret->message = abort_message(session);
	inq_blame_bucket(ret);
	return INQ_OK;
}

void inq_analysis_done(struct inq_analysis *analysis)
{
	inq_stack_done(&analysis->stack);
	free(analysis->message);
	memset(analysis, 0, sizeof(*analysis));
}
