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

#define raw6 stub_call
#define raw4(number, a, b, c, d) raw6((number), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define raw3(number, a, b, c) raw4((number), (a), (b), (c), 0)
#define raw2(number, a, b) raw4((number), (a), (b), 0, 0)
#define raw1(number, a) raw4((number), (a), 0, 0, 0)
#define raw0(number) raw4((number), 0, 0, 0, 0)

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
