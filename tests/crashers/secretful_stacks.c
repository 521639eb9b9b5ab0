/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets on stacks of every kind, and the roads that lead to a crash. */
#include "secretful.h"

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { ROOM = 96 };

DEEP void dead(int depth)
{
	uint8_t here[ROOM];

	fill_some("dead frame", here);
	KEEP(here);
	if (depth)
		dead(depth - 1);
	KEEP(here);
}

/* What a program that guesses by value takes for something it needs. */
static DEEP void look_alikes(int depth, volatile uint64_t planted[8])
{
	uint64_t code = (uint64_t)(uintptr_t)&locals + 3 + ((uint64_t)depth << 4);
	uint64_t stack = (uint64_t)(uintptr_t)planted + 24 * (unsigned)depth + 5;
	uint64_t library = (uint64_t)(uintptr_t)&getpid + 0x1001 + random_below(0x8000);

	planted[0] = code;
	planted[1] = stack;
	planted[2] = library;
	planted[3] = 1000 + random_below(9000);          /* a PIN */
	planted[4] = 10000000 + random_below(90000000); /* a date of birth */
	planted[5] = (uint64_t)-2 - random_below(4000);
	note("like code", "word", &code, sizeof(code), NULL);
	note("like a stack", "word", &stack, sizeof(stack), NULL);
	note("like a library's code", "word", &library, sizeof(library), NULL);
	note("a PIN", "here", (const void *)&planted[3], 8, (const void *)&planted[3]);
	note("a date", "here", (const void *)&planted[4], 8, (const void *)&planted[4]);
	note("a small negative", "here", (const void *)&planted[5], 8, (const void *)&planted[5]);
}

/* As a C library keeps what it must come back to: registers, two of them mangled with a secret. */
static sigjmp_buf way_back;

DEEP void locals(int depth, next then)
{
	volatile uint64_t planted[8];
	sigjmp_buf here_too;
	char some[ROOM], text[24];
	uint16_t wide[16];
	uint8_t tiny[3];
	char *room = alloca((size_t)depth * 32 + ROOM + random_below(64));

	look_alikes(depth, planted);
	fill_some("local", some);
	fill_text("local text", text, sizeof(text) - 1);
	fill_wide("local wide text", wide, 15);
	fill("local, tiny", tiny, sizeof(tiny));
	fill_some("alloca", room);
	sigsetjmp(way_back, 1);
	sigsetjmp(here_too, 0);
	KEEP(here_too);
	KEEP(some);
	KEEP(text);
	KEEP(wide);
	KEEP(tiny);
	KEEP(room);
	KEEP(planted);
	if (depth)
		locals(depth - 1, then);
	else
		then();
	KEEP(some);
	KEEP(text);
	KEEP(wide);
	KEEP(tiny);
	KEEP(planted);
	KEEP(room);
}

/* --- calls ------------------------------------------------------------------------------------------------ */

static DEEP void varied(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	KEEP(&args);
	dead(3);
	last();
	va_end(args);
}

DEEP void crash_varargs(void)
{
	union {
		uint64_t number;
		double real;
	} secrets[10];

	for (unsigned i = 0; i < 10; i++)
		fill("argument of a variadic", &secrets[i], sizeof(secrets[i]));
	varied("", secrets[0].number, secrets[1].number, secrets[2].number, secrets[3].number, secrets[4].number,
	       secrets[5].number, secrets[6].number, secrets[7].number, secrets[8].real, secrets[9].real);
	KEEP(secrets);
}

static next crashing;

static int in_qsort(const void *a, const void *b)
{
	KEEP(a);
	KEEP(b);
	locals(2, crashing);
	return 0;
}

DEEP void crash_qsort(void)
{
	uint8_t items[4][16];

	fill("sorted", items, sizeof(items));
	crashing = last;
	qsort(items, 4, 16, in_qsort);
	KEEP(items);
}

static DEEP _Noreturn void never_returns(void)
{
	char some[ROOM];

	fill_some("in a noreturn function", some);
	KEEP(some);
	last();
	KEEP(some);
	__builtin_unreachable();
}

/* The call is the last instruction: the return address lies in whatever follows. */
DEEP void crash_noreturn(void)
{
	char some[ROOM];

	fill_some("before a noreturn function", some);
	KEEP(some);
	never_returns();
}

static void spilled_and_deeper(void)
{
	locals(1, last);
}

static void bare_and_deeper(void)
{
	bare_without_frame(load_and_fault_bare);
}

DEEP void crash_spilled(void)
{
	spilled(spilled_and_deeper);
	KEEP(&crashing);
}

DEEP void crash_bare(void)
{
	bare_with_frame(bare_and_deeper);
	KEEP(&crashing);
}

/* Written over with a secret: what was the frame's, its caller's frame pointer and the return address. */
DEEP void crash_smashed(void)
{
	uint8_t **frame = __builtin_frame_address(0);
	uint64_t secrets[3];

	fill("smashed frame", secrets, sizeof(secrets));
	memcpy((void *)frame, secrets, 16);
	last();
	KEEP(secrets);
}

/* So aligned that its caller's frame is found through a pointer that the frame keeps (a DWARF expression). */
DEEP void crash_aligned(void)
{
	_Alignas(64) char aligned[128];
	char *room = alloca(ROOM + random_below(64));

	fill_some("aligned frame", aligned);
	fill_some("alloca in an aligned frame", room);
	KEEP(aligned);
	KEEP(room);
	locals(1, last);
	KEEP(aligned);
	KEEP(room);
}

/* --- signals ---------------------------------------------------------------------------------------------- */

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	KEEP(info);
	KEEP(context);
	dead(2);
	locals(1, last);
}

static void on_first_of_two(int number, siginfo_t *info, void *context)
{
	char some[ROOM];

	(void)number;
	fill_some("between two signals", some);
	KEEP(some);
	KEEP(info);
	KEEP(context);
	raise(SIGUSR1);
	KEEP(some);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	sigaction(number, &action, NULL);
}

static DEEP void trap_with_locals(void)
{
	char some[ROOM];

	fill_some("below a signal", some);
	KEEP(some);
	load_and_trap();
	KEEP(some);
}

DEEP void crash_signal(void)
{
	handle(SIGILL, on_signal, 0);
	trap_with_locals();
}

static void use_other_stack(void)
{
	stack_t other = {.ss_size = 1 << 17};

	other.ss_sp = malloc(other.ss_size);
	memset(other.ss_sp, 0, other.ss_size);
	fill("unused signal stack", (char *)other.ss_sp + 1000, 64);
	sigaltstack(&other, NULL);
}

DEEP void crash_signal_stack(void)
{
	use_other_stack();
	handle(SIGILL, on_signal, SA_ONSTACK);
	trap_with_locals();
}

DEEP void crash_nested_signals(void)
{
	use_other_stack();
	handle(SIGILL, on_first_of_two, 0);
	handle(SIGUSR1, on_signal, SA_ONSTACK);
	trap_with_locals();
}

/* What a signal brings with it. */
DEEP void crash_queued(void)
{
	union sigval value;
	char some[ROOM];

	fill_some("below a queued signal", some);
	KEEP(some);
	fill("value of a signal", &value, sizeof(value));
	sigqueue(getpid(), SIGABRT, value);
	pause();
	KEEP(some);
}

/* --- code and stacks of other kinds ----------------------------------------------------------------------- */

DEEP void crash_jit(void)
{
	static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3}; /* a frame, call *%rdi */
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fill("jit page", page + 64, 64);
	memcpy(page, code, sizeof(code));
	fill("jit page", page + sizeof(code), 40);
	((void (*)(next))(uintptr_t)page)(last);
	KEEP(page);
}

static ucontext_t out, in;

static void on_own_stack(void)
{
	char some[ROOM];

	fill_some("coroutine", some);
	KEEP(some);
	locals(2, last);
	KEEP(some);
}

/* A stack on the heap, between other things that lie there. */
DEEP void crash_coroutine(void)
{
	size_t size = 1 << 16;
	uint8_t *below = malloc(256), *stack = malloc(size), *above = malloc(256);

	fill("heap below a coroutine", below + 96, 64);
	fill("heap above a coroutine", above + 96, 64);
	memset(stack, 0, size);
	fill("unused stack of a coroutine", stack + 512, 64);
	getcontext(&in);
	in.uc_stack.ss_sp = stack;
	in.uc_stack.ss_size = size;
	in.uc_link = &out;
	makecontext(&in, on_own_stack, 0);
	swapcontext(&out, &in);
	KEEP(below);
	KEEP(above);
}

static void when_leaving(void)
{
	locals(1, last);
}

DEEP void crash_at_exit(void)
{
	atexit(when_leaving);
	exit(0);
}

static void *crash_there(void *nothing)
{
	char some[ROOM];

	fill_some("thread that crashes", some);
	KEEP(some);
	locals(2, last);
	return nothing;
}

static void *crash_later(void *nothing)
{
	usleep(100000);
	return crash_there(nothing);
}

/* The thread that gave the process its id is gone, and with it most of /proc/PID. */
DEEP void crash_leaderless(void)
{
	char some[ROOM];
	pthread_t thread;

	fill_some("stack of a thread that is gone", some);
	KEEP(some);
	pthread_create(&thread, NULL, crash_later, NULL);
	pthread_exit(NULL);
}

DEEP void crash_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, crash_there, NULL);
	pthread_join(thread, NULL);
}
