/* SPDX-License-Identifier: MIT */
/*
 * An alternate stack with a guard page for every thread, so that a stack overflow on any of them is caught.
 *
 * New threads get theirs by standing in front of pthread_create: in the shared library by its name (the real
 * one is the next of that name), in the archive by the linker's --wrap=pthread_create. A key's destructor
 * gives the stack back when the thread ends, however it ends. What is asked of the C library is weak: without
 * it, threads are created all the same.
 */
#include "handler/stub.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

enum { GUARD = 4096 };

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) __attribute__((weak));
int pthread_setspecific(pthread_key_t key, const void *value) __attribute__((weak));

typedef void *start_routine(void *);
typedef int create_function(pthread_t *, const pthread_attr_t *, start_routine *, void *);

#ifdef INQ_STUB_WRAP
create_function __real_pthread_create;
create_function __wrap_pthread_create;
#define STAND_IN __wrap_pthread_create
#define STAND_IN_VISIBILITY STUB_HIDDEN
#else
void *dlsym(void *handle, const char *name) __attribute__((weak));
#define STAND_IN pthread_create
#define STAND_IN_VISIBILITY STUB_PUBLIC
#endif

/* What a new thread needs to know; lies at the lowest end of its alternate stack, above the guard. */
struct beginning {
	start_routine *start;
	void *argument;
};

static pthread_key_t key;
static uint32_t key_state; /* 0 none yet, 1 being made, 2 there, 3 cannot be had */

static size_t mapping_size(void)
{
	return GUARD + stub.stack_size;
}

static void *map_stack(void)
{
	long place = raw6(SYS_mmap, 0, (long)mapping_size(), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (raw_failed(place))
		return NULL;
	if (raw_failed(raw3(SYS_mprotect, place + GUARD, stub.stack_size, PROT_READ | PROT_WRITE))) {
		raw2(SYS_munmap, place, mapping_size());
		return NULL;
	}
	return (void *)place;
}

/* True if the thread has one already (the program's own): then that one is used. */
static bool has_stack(void)
{
	stack_t now;

	return raw2(SYS_sigaltstack, 0, &now) == 0 && !(now.ss_flags & SS_DISABLE);
}

static void use_stack(void *mapping)
{
	stack_t stack = {.ss_sp = (uint8_t *)mapping + GUARD, .ss_size = stub.stack_size};

	raw2(SYS_sigaltstack, &stack, 0);
}

long stub_thread_stack(void)
{
	void *mapping;

	if (has_stack())
		return 0;
	mapping = map_stack();
	if (!mapping)
		return -ENOMEM;
	use_stack(mapping);
	return 0;
}

/* The thread ends: if its alternate stack is still ours, take it away and unmap it. */
static void thread_ends(void *mapping)
{
	stack_t now, none = {.ss_flags = SS_DISABLE};

	if (raw2(SYS_sigaltstack, 0, &now) == 0 && now.ss_sp == (uint8_t *)mapping + GUARD)
		raw2(SYS_sigaltstack, &none, 0);
	raw2(SYS_munmap, mapping, mapping_size());
}

static bool have_key(void)
{
	uint32_t state = 0;

	if (!pthread_key_create || !pthread_setspecific)
		return false;
	if (__atomic_compare_exchange_n(&key_state, &state, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		state = pthread_key_create(&key, thread_ends) == 0 ? 2 : 3;
		__atomic_store_n(&key_state, state, __ATOMIC_RELEASE);
	}
	while ((state = __atomic_load_n(&key_state, __ATOMIC_ACQUIRE)) == 1)
		raw0(SYS_sched_yield);
	return state == 2;
}

static void *begin(void *mapping)
{
	struct beginning *at = (void *)((uint8_t *)mapping + GUARD);
	struct beginning mine = *at;

	if (!has_stack() && pthread_setspecific(key, mapping) == 0)
		use_stack(mapping);
	else
		raw2(SYS_munmap, mapping, mapping_size());
	return mine.start(mine.argument);
}

static create_function *real_create(void)
{
#ifdef INQ_STUB_WRAP
	return __real_pthread_create;
#else
	static create_function *found;

	if (!found && dlsym)
		found = (create_function *)dlsym((void *)-1l /* RTLD_NEXT */, "pthread_create");
	return found;
#endif
}

STAND_IN_VISIBILITY int STAND_IN(pthread_t *restrict ret, const pthread_attr_t *restrict attributes,
				 start_routine *start, void *restrict argument)
{
	create_function *real = real_create();
	struct beginning *at;
	void *mapping;
	int result;

	if (!real)
		return EAGAIN;
	if (!stub.installed || !have_key())
		return real(ret, attributes, start, argument);
	mapping = map_stack();
	if (!mapping)
		return real(ret, attributes, start, argument);
	at = (void *)((uint8_t *)mapping + GUARD);
	at->start = start;
	at->argument = argument;
	result = real(ret, attributes, begin, mapping);
	if (result)
		raw2(SYS_munmap, mapping, mapping_size());
	return result;
}
