// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * crashme MODE: die in one well-known way.
 *
 * The trials run each row of the table below under the kernel and compare what debuggers see. So
 * every function on a crashing stack keeps its frame: FRAME stops inlining, and `after++` behind
 * each call stops the compiler from making it a jump. The program is built several times with other
 * flags (Makemodule.am): -O2 without frame pointers, static, static-pie, non-PIE, stripped.
 */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "crashme.h"

volatile int after;
void *volatile nothing;
volatile int zero;

/* --- one thread, one fault ------------------------------------------------------------------ */

FRAME void read_null(void)
{
	after += *(volatile int *)nothing;
}

FRAME void read_null_below(int depth)
{
	if (depth > 0)
		read_null_below(depth - 1);
	else
		read_null();
	after++;
}

static void mode_null_read(void)
{
	read_null_below(3);
	after++;
}

FRAME void store_through(volatile long *where, long what)
{
	*where = what;
	after++;
}

static void mode_null_write(void)
{
	store_through((volatile long *)((char *)nothing + 0x18), 0x1122334455667788);
	after++;
}

static void mode_write_text(void)
{
	store_through((volatile long *)(void *)&read_null, 1);
	after++;
}

static inline __attribute__((always_inline)) void innermost_inline(int *p)
{
	*(volatile int *)p = 1;
}

static inline __attribute__((always_inline)) void middle_inline(int *p)
{
	after++;
	innermost_inline(p);
	after++;
}

FRAME void outer_not_inline(void)
{
	middle_inline(nothing);
	after++;
}

static void mode_inline(void)
{
	outer_not_inline();
	after++;
}

FRAME int divide(int a, int b)
{
	return a / b;
}

static void mode_fpe(void)
{
	after += divide(42, zero);
	after++;
}

FRAME void undefined_instruction(void)
{
	__asm__ volatile("ud2");
	after++;
}

static void mode_ill(void)
{
	undefined_instruction();
	after++;
}

static void mode_trap(void)
{
	__asm__ volatile("int3; nop");
	after++;
}

FRAME int read_mapped(volatile char *map, size_t at)
{
	return map[at];
}

static void mode_bus(void)
{
	int fd = memfd_create("truncated", MFD_CLOEXEC);
	char *map;

	if (fd < 0 || ftruncate(fd, 2 * 4096))
		abort();
	map = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || ftruncate(fd, 4096))
		abort();
	after += read_mapped(map, 4096);
	after++;
}

static void mode_call_null(void)
{
	void (*volatile function)(void) = nothing;

	function();
	after++;
}

static void mode_jump_wild(void)
{
	void (*volatile function)(void) = (void (*)(void))0xdead000000001000;

	function();
	after++;
}

static void mode_read_wild(void)
{
	store_through((volatile long *)0xdead000000001000, 1);
	after++;
}

static void mode_abort(void)
{
	abort();
}

static void mode_assert(void)
{
	assert(zero == 1 && "an assertion that fails on purpose");
}

static void mode_double_free(void)
{
	char *block = malloc(2000); /* above the thread cache: the heap itself finds it */
	char *fence = malloc(2000);
	char *volatile again = block;

	if (!fence)
		abort();
	free(block);
	free(again);
	after++;
}

FRAME void scribble(volatile char *where, size_t n)
{
	for (size_t i = 0; i < n; i++)
		where[i] = 0x41;
	after++;
}

static void mode_heap_smash(void)
{
	/* The size that the heap keeps of the second block is the word after the first. */
	char *volatile first = malloc(2000);
	char *volatile second = malloc(2000);

	scribble(first, 2000 + 24);
	free(second);
	after++;
}

static void mode_raise(void)
{
	raise(SIGSEGV);
	after++;
}

static void mode_vdso(void)
{
	/* The C library hands the pointer to the vdso unread, so the fault is in the kernel's own
	 * image. */
	struct timespec *volatile bad = (struct timespec *)16;

	clock_gettime(CLOCK_MONOTONIC, bad);
	after++;
}

/* --- stacks ----------------------------------------------------------------------------------- */

FRAME int overflow(int depth)
{
	volatile char room[256];

	room[0] = (char)depth;
	if (depth >= 0)
		after += overflow(depth + 1);
	return room[0] + after;
}

static void mode_overflow(void)
{
	after += overflow(0);
}

static void *overflow_thread(void *unused)
{
	(void)unused;
	after += overflow(0);
	return NULL;
}

static void mode_overflow_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, overflow_thread, NULL))
		abort();
	pthread_join(thread, NULL);
}

static void crash_in_handler(int signal)
{
	(void)signal;
	read_null();
	after++;
}

FRAME void interrupted_here(void)
{
	raise(SIGUSR1);
	after++;
}

static void mode_in_handler(void)
{
	struct sigaction action = {.sa_handler = crash_in_handler};

	sigaction(SIGUSR1, &action, NULL);
	interrupted_here();
	after++;
}

static void mode_in_handler_altstack(void)
{
	struct sigaction action = {.sa_handler = crash_in_handler, .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_size = 65536};

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	interrupted_here();
	after++;
}

/* The handler interrupts at an instruction that no call led to, so its frame must not be looked up
 * at pc - 1. */
FRAME void interrupted_by_fault(void)
{
	after += *(volatile int *)nothing;
	after++;
}

static void mode_handler_of_fault(void)
{
	struct sigaction action = {.sa_handler = crash_in_handler,
				   .sa_flags = SA_RESETHAND | SA_NODEFER};

	sigaction(SIGSEGV, &action, NULL);
	interrupted_by_fault();
	after++;
}

static int compare_and_crash(const void *a, const void *b)
{
	if (*(const int *)a == 3 || *(const int *)b == 3)
		read_null();
	after++;
	return *(const int *)a - *(const int *)b;
}

static void mode_in_qsort(void)
{
	int numbers[] = {5, 1, 4, 2, 3, 9, 8};

	qsort(numbers, sizeof(numbers) / sizeof(*numbers), sizeof(*numbers), compare_and_crash);
	after++;
}

static void mode_rsp_null(void)
{
	__asm__ volatile("xor %%esp, %%esp; push %%rax" ::: "memory");
}

static void mode_rsp_wild(void)
{
	__asm__ volatile("movabs $0x123456789abcdef1, %%rsp; push %%rax" ::: "memory");
}

static void mode_jit(void)
{
	/* push rbp; mov rbp, rsp; mov eax, [0]; no CFI, no symbol, no file: the frame pointer is
	 * all there is */
	static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x8b, 0x04, 0x25,
					     0,	   0,	 0,    0,    0x5d, 0xc3};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(page, code, sizeof(code));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	((void (*)(void))page)();
	after++;
}

#ifdef STATIC
static void mode_dlopen(void)
{
	fputs("crashme: this build is static and loads no library\n", stderr);
	exit(3);
}
#else
static void mode_dlopen(void)
{
	/* Beside the program, wherever it was copied to. */
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash;
	void *library;
	void (*plugin_entry)(void);

	if (n <= 0)
		abort();
	path[n] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash + 1, "plugin.so", sizeof("plugin.so"));
	library = dlopen(path, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "crashme: %s\n", dlerror());
		exit(3);
	}
	plugin_entry = (void (*)(void))dlsym(library, "plugin_entry");
	plugin_entry();
	after++;
}
#endif

static void mode_deleted(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		abort();
	path[n] = '\0';
	if (unlink(path))
		abort();
	read_null_below(3);
	after++;
}

/* --- names and secrets ------------------------------------------------------------------------ */

static void mode_escapes(void)
{
	/* A terminal title, a clipboard write, an 8-bit CSI, a right-to-left override and broken
	 * UTF-8. */
	prctl(PR_SET_NAME, "\033]0;own\a\n%n\x9b");
	set_vma_name("\033]52;c;AAAA\a");
	read_null_below(1);
}

/*
 * Each canary lies where no dump may look; the addresses are on the stack and in registers, so that
 * a collector that follows pointers is led to them. The canaries are given in the environment, so
 * that they are in no image: this program turns hex into bytes only in the place where the secret
 * is to lie.
 */
static void plant(char *where, const char *variable)
{
	const char *hex = getenv(variable);

	for (int i = 0; hex && hex[2 * i] && hex[2 * i + 1]; i++) {
		unsigned int byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		where[i] = (char)byte;
	}
}

static char *secret_page(const char *variable, int advice, int protection)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	plant(page + 64, variable);
	if (advice)
		madvise(page, 4096, advice);
	if (protection != (PROT_READ | PROT_WRITE))
		mprotect(page, 4096, protection);
	return page + 64;
}

static char *secret_memfd(const char *variable)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	char *page;

	if (fd < 0 || ftruncate(fd, 4096))
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	plant(page + 64, variable);
	return page + 64;
}

static void mode_secrets(void)
{
	char *volatile pointers[] = {
		secret_page("CANARY_DONTDUMP", MADV_DONTDUMP, PROT_READ | PROT_WRITE),
		secret_page("CANARY_WIPEONFORK", MADV_WIPEONFORK, PROT_READ | PROT_WRITE),
		secret_page("CANARY_NONE", 0, PROT_NONE),
		secret_memfd("CANARY_MEMFD"),
	};
	/* the control: may be dumped */
	char *volatile plain = secret_page("CANARY_PLAIN", 0, PROT_READ | PROT_WRITE);
	register char *a __asm__("r12") = pointers[0];
	register char *b __asm__("r13") = pointers[1];
	register char *c __asm__("r14") = pointers[2];
	register char *d __asm__("r15") = pointers[3];

	__asm__ volatile("push %0; push %1; push %2; push %3; movl (0), %%eax"
			 :
			 : "r"(a), "r"(b), "r"(c), "r"(d), "m"(plain)
			 : "rax", "memory");
}

/* --- the table -------------------------------------------------------------------------------- */

/* clang-format off */
static const struct mode modes[] = {
	{ "null-read",		mode_null_read,		"read address 0 below four frames" },
	{ "null-write",		mode_null_write,	"write address 0x18" },
	{ "write-text",		mode_write_text,	"write the program's own code" },
	{ "inline",		mode_inline,		"write address 0 in an inline function of an inline function" },
	{ "fpe",		mode_fpe,		"divide by zero" },
	{ "ill",		mode_ill,		"ud2" },
	{ "trap",		mode_trap,		"int3" },
	{ "bus",		mode_bus,		"read a mapping behind its file's end" },
	{ "call-null",		mode_call_null,		"call address 0" },
	{ "jump-wild",		mode_jump_wild,		"call a non-canonical address" },
	{ "read-wild",		mode_read_wild,		"write a non-canonical address" },
	{ "abort",		mode_abort,		"abort()" },
	{ "assert",		mode_assert,		"a failed assertion" },
	{ "double-free",	mode_double_free,	"glibc's heap checks find a second free" },
	{ "heap-smash",		mode_heap_smash,	"glibc's heap checks find an overwritten size" },
	{ "raise",		mode_raise,		"raise(SIGSEGV)" },
	{ "vdso",		mode_vdso,		"fault inside the vdso" },
	{ "overflow",		mode_overflow,		"overflow the main stack" },
	{ "overflow-thread",	mode_overflow_thread,	"overflow another thread's stack" },
	{ "in-handler",		mode_in_handler,	"crash in a signal handler" },
	{ "in-handler-alt",	mode_in_handler_altstack, "crash in a signal handler on its own stack" },
	{ "handler-of-fault",	mode_handler_of_fault,	"crash in the handler of a fault" },
	{ "in-qsort",		mode_in_qsort,		"crash in a callback of qsort" },
	{ "rsp-null",		mode_rsp_null,		"stack pointer 0" },
	{ "rsp-wild",		mode_rsp_wild,		"stack pointer odd and non-canonical" },
	{ "jit",		mode_jit,		"crash on an anonymous executable page" },
	{ "dlopen",		mode_dlopen,		"crash in a library that was loaded by hand" },
	{ "deleted",		mode_deleted,		"unlink the own executable, then crash" },
	{ "escapes",		mode_escapes,		"names full of terminal escapes" },
	{ "secrets",		mode_secrets,		"pointers at memory that must not be dumped" },
	THREAD_MODES
	IDENTITY_MODES
	{ NULL, NULL, NULL }
};
/* clang-format on */

int main(int argc, char **argv)
{
	if (argc >= 2)
		for (const struct mode *mode = modes; mode->name; mode++)
			if (!strcmp(argv[1], mode->name)) {
				mode->run();
				fprintf(stderr, "crashme: '%s' returned, it should have died\n",
					argv[1]);
				return 4;
			}
	for (const struct mode *mode = modes; mode->name; mode++)
		printf("%-18s %s\n", mode->name, mode->what);
	return argc >= 2 ? 2 : 0;
}
