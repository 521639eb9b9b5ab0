/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Somebody else's handler: a bare JIT_DEBUG_INFO, no stub, and a command as AeDebug's registry value has it:
 *
 *   aedebug 'inquest -p %p -j %j -e %e -c "..."'
 *
 * %p is the process id, %j the record's address (hexadecimal), %e the event's descriptor. The process waits for the
 * event, 30 s at most, and dies of its own signal. AVX's upper halves of ymm5 hold 0x11...11 at the fault, each word of
 * AVX-512's zmm17 and the mask k3 0x5a5a, and r12 the address of 1 GiB that nobody touched but for its last page, which begins with "the end.".
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

struct jit_debug_info {
	uint32_t size, architecture, thread_id, reserved;
	uint64_t exception_address, exception_record, context_record;
};

static const char *command;
static struct jit_debug_info record;
static int event;
static int *volatile nowhere;

/* A command line with its three places filled in. */
static void fill(char *to, size_t capacity)
{
	size_t at = 0;

	for (const char *from = command; *from && at + 24 < capacity; from++) {
		if (from[0] == '%' && from[1] && strchr("pje", from[1])) {
			from++;
			at += (size_t)snprintf(to + at, capacity - at, *from == 'j' ? "%llx" : "%lld",
					       *from == 'p'   ? (long long)getpid()
					       : *from == 'j' ? (long long)(uintptr_t)&record
							      : (long long)event);
		} else {
			to[at++] = *from;
		}
	}
	to[at] = '\0';
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	const ucontext_t *registers = context;
	struct pollfd wait = {.fd = event, .events = POLLIN};
	char line[4096];
	pid_t child;

	record = (struct jit_debug_info){
		.size = sizeof(record),
		.architecture = 9,
		.thread_id = (uint32_t)syscall(SYS_gettid),
		.exception_address = (uint64_t)registers->uc_mcontext.gregs[REG_RIP],
		.exception_record = (uint64_t)(uintptr_t)info,
		.context_record = (uint64_t)(uintptr_t)context,
	};
	fill(line, sizeof(line));
	child = fork();
	if (!child) {
		signal(number, SIG_DFL);
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	/* Its child may look at it, where the system would not let it (Yama). */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	poll(&wait, 1, 30000);
	/* The fault happens again, and nobody is there. */
	signal(number, SIG_DFL);
}

enum { SPARSE = 1 << 30, PAGE = 4096 };

__attribute__((noinline)) static void fault_here(void)
{
	char *sparse = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	register char *shown __asm__("r12") = sparse;
	static const uint64_t value[4] = {0x2222222222222222, 0x2222222222222222, 0x1111111111111111,
					  0x1111111111111111};

	madvise(sparse, SPARSE, MADV_NOHUGEPAGE);
	memcpy(sparse + SPARSE - PAGE, "the end.", 8);
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile("kmovw %0, %%k3\n\tvpbroadcastd %0, %%zmm17" : : "r"(0x5a5a));
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vmovdqu (%0), %%ymm5\n\tmovl $1, (%1)"
				 :
				 : "r"(value), "r"(nowhere), "r"(shown)
				 : "memory");
	else
		__asm__ volatile("movl $1, (%0)" : : "r"(nowhere), "r"(shown) : "memory");
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	command = argc > 1 ? argv[1] : "";
	/* Without a command: the stub's business, or nobody's. */
	if (*command) {
		event = eventfd(0, 0);
		sigaction(SIGSEGV, &action, NULL);
	}
	fault_here();
	return 0;
}
