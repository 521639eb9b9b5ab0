/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plants random secrets everywhere that a process keeps anything, then crashes at depth.
 *
 * usage: secretful CASE FILE. FILE gets a line for each secret: where it was planted, "bytes" (any four bytes of
 * it in a row betray it) or "word" (all eight), and its bytes in hexadecimal. Every run has secrets of its own. The
 * program runs itself again first, so that arguments and environment are secrets too.
 */
#include <alloca.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEEP __attribute__((noinline, noclone))
#define KEEP(p) __asm__ volatile("" ::"r"(p) : "memory")

enum { LONGEST = 64 };

static int list = -1;

static void note(const char *where, const char *kind, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	dprintf(list, "%s %s ", where, kind);
	for (size_t i = 0; i < size; i++)
		dprintf(list, "%02x", byte[i]);
	dprintf(list, "\n");
}

/* No byte is zero or a letter's neighbour by design: what is looked for must not be there by itself. */
static void fill(const char *where, void *to, size_t size)
{
	uint8_t *byte = to;

	if (getrandom(to, size, 0) != (ssize_t)size)
		_exit(3);
	for (size_t i = 0; i < size; i++)
		byte[i] = (uint8_t)(byte[i] % 255 + 1);
	note(where, "bytes", to, size);
}

static void fill_text(const char *where, char *to, size_t size)
{
	/* Capitals, rare ones: dumps are full of hexadecimal numbers and of words in small letters. */
	static const char letters[] = "GHJKLMNPQRTUVWXYZ";
	uint8_t random[LONGEST];

	if (size > LONGEST || getrandom(random, size, 0) != (ssize_t)size)
		_exit(3);
	for (size_t i = 0; i < size; i++)
		to[i] = letters[random[i] % (sizeof(letters) - 1)];
	to[size] = '\0';
	note(where, "bytes", to, size);
}

static uint8_t global[48], in_bss[33];
static __thread uint8_t in_tls[40];

/* --- values in every register, then a fault; no frame, so that the registers are its caller's ---------- */

static uint64_t general[14];
static _Alignas(64) uint8_t vectors[16][32];
static uint8_t x87[8][10];

void load_and_fault(void);
void load_and_fault_bare(void);
#define LOAD \
	"	fninit\n" \
	"	fldt x87+0(%rip)\n	fldt x87+10(%rip)\n	fldt x87+20(%rip)\n	fldt x87+30(%rip)\n" \
	"	vmovdqu vectors+0(%rip), %ymm0\n	vmovdqu vectors+32(%rip), %ymm1\n" \
	"	vmovdqu vectors+64(%rip), %ymm7\n	vmovdqu vectors+96(%rip), %ymm15\n" \
	"	mov general+0(%rip), %rbx\n	mov general+8(%rip), %rcx\n	mov general+16(%rip), %rdx\n" \
	"	mov general+24(%rip), %rsi\n	mov general+32(%rip), %rdi\n	mov general+40(%rip), %r8\n" \
	"	mov general+48(%rip), %r9\n	mov general+56(%rip), %r10\n	mov general+64(%rip), %r11\n" \
	"	mov general+72(%rip), %r12\n	mov general+80(%rip), %r13\n	mov general+88(%rip), %r14\n" \
	"	mov general+96(%rip), %r15\n" \
	"	mov %rbx, -8(%rsp)\n	mov %rcx, -64(%rsp)\n" \
	"	xor %eax, %eax\n	mov 0x18(%rax), %rax\n	ud2\n"
__asm__(".text\n.type load_and_fault, @function\nload_and_fault:\n	.cfi_startproc\n"
	"	push %rbp\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %rbp, 0\n"
	"	mov general+104(%rip), %rbp\n" LOAD
	"	.cfi_endproc\n.size load_and_fault, . - load_and_fault\n"
	".type load_and_fault_bare, @function\nload_and_fault_bare:\n" LOAD
	".size load_and_fault_bare, . - load_and_fault_bare\n");

static void fill_registers(void)
{
	for (unsigned i = 0; i < 14; i++)
		fill("register", &general[i], sizeof(general[i]));
	for (unsigned i = 0; i < 4; i++)
		fill("vector", vectors[i], sizeof(vectors[i]));
	for (unsigned i = 0; i < 4; i++) {
		fill("x87", x87[i], 8);
		x87[i][9] = 0x3f; /* a number, so that loading it traps nowhere */
		x87[i][8] = 0xff;
		x87[i][7] |= 0x80;
	}
}

/* --- stacks -------------------------------------------------------------------------------------------- */

typedef void (*next)(void);

static DEEP void dead(int depth)
{
	uint8_t here[61];

	fill("dead frame", here, sizeof(here));
	KEEP(here);
	if (depth)
		dead(depth - 1);
	KEEP(here);
}

static DEEP int locals(int depth, next then)
{
	uint8_t unaligned[37 + 8];
	uint64_t code = (uint64_t)(uintptr_t)&locals + 3 + ((uint64_t)depth << 4);
	uint64_t stack = (uint64_t)(uintptr_t)unaligned + 24 * (unsigned)depth + 5;
	volatile uint64_t planted[2] = {code, stack};
	char text[24];
	char *room = alloca((size_t)depth * 32 + 64);

	fill("local", unaligned + depth % 8, 37);
	fill_text("local text", text, sizeof(text) - 1);
	fill("alloca", room, 19);
	note("like code", "word", &code, sizeof(code));
	note("like a stack", "word", &stack, sizeof(stack));
	KEEP(text);
	KEEP(room);
	KEEP(planted);
	if (depth)
		locals(depth - 1, then);
	else
		then();
	KEEP(unaligned);
	KEEP(text);
	return (int)planted[0] + room[0];
}

static DEEP void varied(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	KEEP(&args);
	dead(3);
	load_and_fault();
	va_end(args);
}

static DEEP void in_varied(void)
{
	uint64_t secrets[8];

	for (unsigned i = 0; i < 8; i++)
		fill("argument of a variadic", &secrets[i], sizeof(secrets[i]));
	varied("", secrets[0], secrets[1], secrets[2], secrets[3], secrets[4], secrets[5], secrets[6], secrets[7]);
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

static DEEP void through_qsort(next then)
{
	uint8_t items[4][16];

	fill("sorted", items, sizeof(items));
	crashing = then;
	qsort(items, 4, 16, in_qsort);
	KEEP(items);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	KEEP(info);
	KEEP(context);
	dead(2);
	locals(1, load_and_fault);
}

void raise_with_registers(void);
__asm__(".text\n.type raise_with_registers, @function\nraise_with_registers:\n	.cfi_startproc\n"
	"	push %rbx\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %rbx, 0\n"
	"	mov general+0(%rip), %rbx\n	mov general+24(%rip), %r8\n	vmovdqu vectors+0(%rip), %ymm3\n"
	"	ud2\n	pop %rbx\n	.cfi_adjust_cfa_offset -8\n	ret\n	.cfi_endproc\n"
	".size raise_with_registers, . - raise_with_registers\n");

static DEEP void through_signal(int flags)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
	uint8_t here[44];
	stack_t other = {.ss_size = 1 << 16};

	fill("below a signal", here, sizeof(here));
	other.ss_sp = malloc(other.ss_size);
	memset(other.ss_sp, 0, other.ss_size);
	sigaltstack(&other, NULL);
	sigaction(SIGILL, &action, NULL);
	raise_with_registers();
	KEEP(here);
}

static DEEP void jit_page(void)
{
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3}; /* a frame, call *%rdi */

	fill("jit page", page + 64, 64);
	memcpy(page, code, sizeof(code));
	fill("jit page", page + sizeof(code), 40);
	((void (*)(next))(uintptr_t)page)(load_and_fault);
	KEEP(page);
}

/* --- threads and everything else ----------------------------------------------------------------------- */

static void *waits(void *argument)
{
	char name[16];
	uint8_t here[50];

	fill("other thread", here, sizeof(here));
	fill("tls", in_tls, sizeof(in_tls));
	fill_text("thread name", name, sizeof(name) - 1);
	prctl(PR_SET_NAME, name);
	*(volatile int *)argument = 1;
	for (;;)
		pause();
	KEEP(here);
	return NULL;
}

static void plant_mappings(void)
{
	uint8_t *heap = malloc(4096), *hidden;
	char name[48];
	int fd;

	fill("heap", heap, 64);
	fill("heap", heap + 1001, 21);
	fill("global", global, sizeof(global));
	fill("bss", in_bss, sizeof(in_bss));
	fill("tls", in_tls, sizeof(in_tls));
	hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill("dontdump", hidden, 64);
	madvise(hidden, 4096, MADV_DONTDUMP);
	KEEP(hidden);
	fd = (int)syscall(SYS_memfd_secret, 0);
	if (fd >= 0 && !ftruncate(fd, 4096)) {
		hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (hidden != MAP_FAILED)
			fill("secret memory", hidden, 64);
	}
	fill_text("mapping name", name, 20);
	hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, hidden, 4096, name);
	fill_text("memfd name", name, 20);
	fd = memfd_create(name, 0);
	if (fd >= 0 && !ftruncate(fd, 4096))
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	memcpy(name, "/tmp/", 5);
	fill_text("file name", name + 5, 20);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !ftruncate(fd, 4096)) {
		hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		fill("mapped file", hidden, 64);
		unlink(name);
	}
}

static void run_again(char *argv[])
{
	char argument[33], value[33], variable[48];

	fill_text("argument", argument, 32);
	fill_text("environment", value, 32);
	snprintf(variable, sizeof(variable), "SECRET=%s", value);
	putenv(variable);
	fcntl(list, F_SETFD, 0);
	snprintf(value, sizeof(value), "%d", list);
	setenv("SECRETFUL_LIST", value, 1);
	execl("/proc/self/exe", argv[0], argv[1], "-", argument, (char *)NULL);
	_exit(3);
}

static void crash_bare(void)
{
	load_and_fault_bare();
	KEEP(global);
}

static void crash_qsort(void)
{
	through_qsort(load_and_fault);
}

static void crash_signal(void)
{
	through_signal(0);
}

static void crash_other_stack(void)
{
	through_signal(SA_ONSTACK);
}

static const struct {
	const char *name;
	next crash;
} cases[] = {
	{"leaf", load_and_fault}, {"bare", crash_bare},		  {"varargs", in_varied},
	{"qsort", crash_qsort},	  {"signal", crash_signal},	  {"signal-stack", crash_other_stack},
	{"jit", jit_page},	  {"abort", abort},
};

int main(int argc, char *argv[])
{
	const char *inherited = getenv("SECRETFUL_LIST");
	volatile int ready = 0;
	pthread_t thread;
	next crash = NULL;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc > 2 && !strcmp(argv[1], cases[i].name))
			crash = cases[i].crash;
	}
	if (!crash) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return 2;
	}
	if (!inherited) {
		list = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		run_again(argv);
	}
	list = atoi(inherited);
	plant_mappings();
	fill_registers();
	if (pthread_create(&thread, NULL, waits, (void *)&ready))
		return 3;
	while (!ready)
		usleep(1000);
	dead(20);
	locals(4, crash);
	return 4;
}
