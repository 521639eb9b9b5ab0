/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/blame.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Functions that a process dies in and that are not why: name (to '*'), what they say of the cause.
 */
static const struct inq_machinery machinery[] = {
	{"__assert_fail*", "assertion-failed", "An assertion of the program failed."},
	{"__assert_perror_fail", "assertion-failed", "An assertion of the program failed."},
	{"__assert", "assertion-failed", "An assertion of the program failed."},
	{"__stack_chk_fail*", "stack-buffer-overrun",
	 "A buffer on the stack was overrun: the function's stack guard had changed."},
	{"__fortify_fail*", "buffer-overrun",
	 "A call of the C library was about to overrun its buffer (_FORTIFY_SOURCE)."},
	{"__chk_fail", "buffer-overrun",
	 "A call of the C library was about to overrun its buffer (_FORTIFY_SOURCE)."},
	{"malloc_printerr", "heap-corruption",
	 "The allocator found its heap damaged: something was freed twice, or written beyond its "
	 "end."},
	{"malloc_printerr_tail", "heap-corruption",
	 "The allocator found its heap damaged: something was freed twice, or written beyond its "
	 "end."},
	{"__libc_message*", "libc-fatal-error", "The C library ended the program."},
	{"__libc_fatal", "libc-fatal-error", "The C library ended the program."},
	{"std::terminate*", "uncaught-exception",
	 "A C++ exception was not caught, or std::terminate() was called."},
	{"__cxxabiv1::__terminate*", "uncaught-exception",
	 "A C++ exception was not caught, or std::terminate() was called."},
	{"__cxa_pure_virtual", "pure-virtual-call", "A pure virtual function was called."},
	{"__cxa_throw", "uncaught-exception", "A C++ exception was not caught."},
	{"__cxa_rethrow", "uncaught-exception", "A C++ exception was not caught."},
	{"__gnu_cxx::__verbose_terminate_handler*", "uncaught-exception",
	 "A C++ exception was not caught, or std::terminate() was called."},
	{"rust_panic*", "panic", "A panic ended the program."},
	{"__rust_start_panic", "panic", "A panic ended the program."},
	{"core::panicking::*", "panic", "A panic ended the program."},
	{"std::panicking::*", "panic", "A panic ended the program."},
	{"__asan_*", "sanitizer-report", "AddressSanitizer found an error and ended the program."},
	{"__asan::*", "sanitizer-report", "AddressSanitizer found an error and ended the program."},
	{"__ubsan_*", "sanitizer-report",
	 "UndefinedBehaviorSanitizer found an error and ended the program."},
	{"__sanitizer::*", NULL, NULL},
	{"abort", "abort", "The program called abort()."},
	{"__GI_abort", "abort", "The program called abort()."},
	{"raise", NULL, NULL},
	{"__GI_raise", NULL, NULL},
	{"gsignal", NULL, NULL},
	{"tgkill", NULL, NULL},
	{"__pthread_kill*", NULL, NULL},
	{"pthread_kill*", NULL, NULL},
	{"_Unwind_*", NULL, NULL},
	{"__kernel_*", NULL, NULL},
	{"__restore_rt", NULL, NULL},
};

/* Libraries whose code is at fault far less often than what calls it. */
static const char *const system_modules[] = {
	"libc.so.*",	  "libc-2.*",	  "libpthread*", "ld-linux*",	"ld-2.*",
	"libstdc++.so.*", "libgcc_s.so*", "libm.so.*",	 "librt.so.*",	"libdl.so.*",
	"libasan.so.*",	  "libubsan.so*", "ld-musl*",	 "libc.musl*",	"libinquest-stub*",
	"linux-vdso*",	  "[vdso]",	  "ntdll*",	 "kernelbase*", "ucrtbase*",
};

/* The pattern is whole, or ends in '*'. */
static bool matches(const char *pattern, const char *text)
{
	size_t length = strcspn(pattern, "*");

	return strncmp(pattern, text, length) == 0 && (pattern[length] || !text[length]);
}

static const struct inq_machinery *machinery_of(const struct inq_call *call)
{
	for (size_t i = 0; call->place.symbol && i < sizeof(machinery) / sizeof(machinery[0]);
	     i++) {
		if (matches(machinery[i].name, call->place.symbol))
			return &machinery[i];
	}
	return NULL;
}

static bool is_system(const struct inq_call *call)
{
	for (size_t i = 0; i < sizeof(system_modules) / sizeof(system_modules[0]); i++) {
		if (matches(system_modules[i], call->place.module_name))
			return true;
	}
	return false;
}

const struct inq_machinery *inq_blame_machinery(const struct inq_stack *stack)
{
	const struct inq_machinery *found = NULL;

	for (size_t i = 0; i < stack->count; i++) {
		const struct inq_machinery *row = machinery_of(&stack->calls[i]);

		if (row && row->cause)
			found = row;
		else if (!row && !is_system(&stack->calls[i]))
			break;
	}
	return found;
}

size_t inq_blame_line(const struct inq_stack *stack)
{
	size_t second = stack->count;

	for (size_t i = 0; i < stack->count; i++) {
		const struct inq_call *call = &stack->calls[i];

		if (!call->place.module || machinery_of(call))
			continue;
		if (!is_system(call))
			return i;
		if (second == stack->count)
			second = i;
	}
	return second;
}

static bool same_function(const struct inq_call *one, const struct inq_call *other)
{
	if (one->place.module != other->place.module)
		return false;
	return one->place.symbol && other->place.symbol
		       ? strcmp(one->place.symbol, other->place.symbol) == 0
		       : one->pc == other->pc;
}

size_t inq_blame_recursion(const struct inq_stack *stack)
{
	enum { PERIOD_MAX = 32, REPEATS = 8, SKIPPED = 4 };

	/* The innermost lines may be a leaf that the recursion called. */
	for (size_t start = 0; start <= SKIPPED; start++) {
		for (size_t period = 1; period <= PERIOD_MAX; period++) {
			size_t end = start + period * REPEATS, i = start;

			if (end + period > stack->count)
				break;
			while (i < end &&
			       same_function(&stack->calls[i], &stack->calls[i + period]))
				i++;
			if (i == end)
				return period;
		}
	}
	return 0;
}

/* --- bucket ----------------------------------------------------------------------- */

/* "app!main", "app+0x1234", "unknown" */
static void name_call(const struct inq_call *call, char *to, size_t capacity)
{
	if (!call->place.module)
		snprintf(to, capacity, "unknown");
	else if (call->place.symbol)
		snprintf(to, capacity, "%s!%s", call->place.module_name, call->place.symbol);
	else
		snprintf(to, capacity, "%s+0x%llx", call->place.module_name,
			 (unsigned long long)call->place.module_offset);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3ull;
	return (hash ^ '\n') * 0x100000001b3ull;
}

void inq_blame_bucket(struct inq_analysis *analysis)
{
	enum { HASHED = 6 };
	const struct inq_stack *stack = &analysis->stack;
	char name[INQ_BUCKET / 2] = "unknown";
	char cause[64];
	size_t i = 0, hashed = 0;

	snprintf(cause, sizeof(cause), "%s", analysis->cause);
	for (char *at = cause; *at; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
	if (analysis->blamed < stack->count)
		name_call(&stack->calls[analysis->blamed], name, sizeof(name));
	snprintf(analysis->bucket, sizeof(analysis->bucket), "%s_%s_%s", cause,
		 *analysis->event.name ? analysis->event.name : "NONE", name);

	analysis->hash = hash_text(0xcbf29ce484222325ull, analysis->bucket);
	/* A recursion is of one name however deep it went, and of whatever leaf it met its end in.
	 */
	for (i = analysis->recursion ? stack->count : analysis->blamed;
	     i < stack->count && hashed < HASHED; i++, hashed++) {
		name_call(&stack->calls[i], name, sizeof(name));
		analysis->hash = hash_text(analysis->hash, name);
	}
}
