// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where and in what state a program may crash: addresses, stacks, the insides of the C library,
 * signal masks.
 */
#include "stubbed.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static uintptr_t address(void)
{
	return (uintptr_t)strtoull(argument, NULL, 16);
}

/* --- addresses ----------------------------------------------------------------------------- */

static void mode_read(void)
{
	after += *(volatile int *)address();
}

static void mode_jump(void)
{
	((void (*)(void))address())();
	after++;
}

/* Between two mappings, and in a page that nobody may touch. */
static void mode_guard(void)
{
	char *page = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(page + 4096, 4096, PROT_NONE);
	after += page[4096];
}

static void mode_between(void)
{
	char *page = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	after += page[4096];
}

/* --- stacks -------------------------------------------------------------------------------- */

static void mode_stack_odd(void)
{
	__asm__ volatile("sub $3, %%rsp\n movl $0, 0" ::: "memory");
}

static void mode_stack_in_heap(void)
{
	char *heap = malloc(65536);

	__asm__ volatile("mov %0, %%rsp\n movl $0, 0" ::"r"(heap + 32768) : "memory");
}

/* Nothing to catch it on: the kernel forces the signal's default. */
static void mode_no_altstack(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	sigaltstack(&none, NULL);
	after += overflow(0);
}

static void overflow_here(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	after += overflow(0);
}

/* A handler that was there before the stub's runs on the stub's stack, and uses it up. */
static void mode_altstack_overflow(void)
{
	handle(SIGSEGV, overflow_here, 0);
	install_ours();
	crash();
}

static void crash_again(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	crash();
}

/* It may be entered again while it runs, and never comes back. */
static void mode_before_nodefer(void)
{
	handle(SIGSEGV, crash_again, (int)SA_NODEFER);
	install_ours();
	crash();
}

static ucontext_t back;

static void coroutine(void)
{
	after += overflow(0);
}

/* A stack that is no thread's, with a guard page of its own. */
static void mode_coroutine(void)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ucontext_t other;

	mprotect(stack, 4096, PROT_NONE);
	getcontext(&other);
	other.uc_stack = (stack_t){.ss_sp = stack, .ss_size = 65536};
	other.uc_link = &back;
	makecontext(&other, coroutine, 0);
	swapcontext(&back, &other);
}

static void *overflow_thread(void *unused)
{
	after += overflow(0);
	return unused;
}

/* A thread's stack without a guard: what lies below it is ruined first. */
static void mode_no_guard(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setguardsize(&attributes, 0);
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_create(&thread, &attributes, overflow_thread, NULL);
	pthread_join(thread, NULL);
}

/* --- inside the C library and the loader --------------------------------------------------- */

static int crash_in_walk(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info, (void)size, (void)unused;
	crash();
	return 0;
}

/* With the loader's lock held. */
static void mode_in_loader(void)
{
	dl_iterate_phdr(crash_in_walk, NULL);
}

/* dlopen of a library whose constructor crashes, or whose relocation does (IFUNC). */
static void mode_load(void)
{
#ifndef STATIC
	if (!dlopen(argument, RTLD_NOW))
		fail(dlerror());
#endif
}

static void mode_in_fork_handler(void)
{
	pthread_atfork(crash, NULL, NULL);
	after += fork() != 0;
}

static void crash_with(void *unused)
{
	(void)unused;
	crash();
}

static void *leave_value(void *unused)
{
	pthread_key_t key;

	pthread_key_create(&key, crash_with);
	pthread_setspecific(key, &key);
	return unused;
}

static void mode_in_thread_exit(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, leave_value, NULL);
	pthread_join(thread, NULL);
}

#ifndef STATIC
/* Before any constructor: the stub in a preloaded library is not awake yet. */
static void before_constructors(int argc, char **argv, char **environment)
{
	(void)environment;
	if (argc > 1 && strcmp(argv[1], "early") == 0)
		crash();
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const early)(int, char **, char **) = before_constructors;
#endif

/* --- signals and registers ----------------------------------------------------------------- */

static void mode_blocked(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	crash();
}

static void mode_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	crash();
}

static void tick(int signal)
{
	(void)signal;
	after++;
}

/* A profiler's signals, as fast as they come, at every thread. */
static void mode_profiled(void)
{
	struct itimerval fast = {{0, 50}, {0, 50}};
	struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &fast, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	while (after < 200)
		;
	crash();
}

/* Every exception of both floating-point units unmasked, with one pending in the older. */
static void mode_floating_point(void)
{
	unsigned mxcsr = 0;
	unsigned short control = 0x0300;

	__asm__ volatile("ldmxcsr %0\n fld1\n fldz\n fdivrp\n fldcw %1\n movl $0, 0" ::"m"(mxcsr),
			 "m"(control)
			 : "memory");
}

/* A filter answers a call of the program by a trap. */
static void mode_trapped_call(void)
{
	filter_calls("trap:111");
	after += (int)syscall(SYS_getpgrp);
}

static void mode_queue_itself(void)
{
	const union sigval value = {.sival_int = 0x4711};

	sigqueue(getpid(), SIGBUS, value);
	pause();
}

const struct mode ruin_modes[] = {
	{"read", mode_read},
	{"jump", mode_jump},
	{"guard", mode_guard},
	{"between", mode_between},
	{"stack-odd", mode_stack_odd},
	{"stack-in-heap", mode_stack_in_heap},
	{"no-altstack", mode_no_altstack},
	{"altstack-overflow", mode_altstack_overflow},
	{"before-nodefer", mode_before_nodefer},
	{"coroutine", mode_coroutine},
	{"no-guard", mode_no_guard},
	{"in-loader", mode_in_loader},
	{"load", mode_load},
	{"in-fork-handler", mode_in_fork_handler},
	{"in-thread-exit", mode_in_thread_exit},
	{"blocked", mode_blocked},
	{"ignored", mode_ignored},
	{"profiled", mode_profiled},
	{"floating-point", mode_floating_point},
	{"trapped-call", mode_trapped_call},
	{"queue-itself", mode_queue_itself},
	{NULL, NULL},
};
