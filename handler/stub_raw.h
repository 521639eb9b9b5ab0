/* SPDX-License-Identifier: MIT */
/**
 * System calls without a C library, and the few words of C that the stub needs in its place.
 *
 * No symbol is asked of anybody else. Results are the kernel's: negated errno on failure.
 * x86-64 psABI; async-signal-safe.
 */
#ifndef INQ_HANDLER_STUB_RAW_H
#define INQ_HANDLER_STUB_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* One place for all of them: what a seccomp filter answers by a trap (SECCOMP_RET_TRAP) is then known by where it
 * came from, stub_call_end, and becomes -ENOSYS (stub_crash.c). */
long stub_call(long number, long a, long b, long c, long d, long e, long f) __attribute__((visibility("hidden")));
extern const char stub_call_end[] __attribute__((visibility("hidden")));

/* The same with fewer arguments: what a call does not take is whatever the registers hold, and a third of the stub's
 * code would else be zeroes handed over. */
#define RAW_HIDDEN __asm__("stub_call") __attribute__((visibility("hidden")))
long stub_call4(long number, long a, long b, long c, long d) RAW_HIDDEN;
long stub_call3(long number, long a, long b, long c) RAW_HIDDEN;
long stub_call2(long number, long a, long b) RAW_HIDDEN;
long stub_call1(long number, long a) RAW_HIDDEN;
long stub_call0(long number) RAW_HIDDEN;

#define raw6 stub_call
#define raw4(number, a, b, c, d) stub_call4((number), (long)(a), (long)(b), (long)(c), (long)(d))
#define raw3(number, a, b, c) stub_call3((number), (long)(a), (long)(b), (long)(c))
#define raw2(number, a, b) stub_call2((number), (long)(a), (long)(b))
#define raw1(number, a) stub_call1((number), (long)(a))
#define raw0(number) stub_call0(number)

static inline bool raw_failed(long result)
{
	return (unsigned long)result > -4096ul;
}

static inline size_t raw_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* Copy a text of at most capacity - 1 bytes, NUL included; false and nothing changed if it is longer. */
static inline bool raw_copy_text(char *to, size_t capacity, const char *from)
{
	size_t length = raw_length(from);

	if (length >= capacity)
		return false;
	for (size_t i = 0; i <= length; i++)
		to[i] = from[i];
	return true;
}

static inline bool raw_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline void raw_zero(void *to, size_t size)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
}

static inline void raw_copy(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

#endif
