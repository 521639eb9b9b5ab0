/* SPDX-License-Identifier: MIT */
/*
 * The moment of the crash: who deals with it, what is written down, how the process goes on to die.
 *
 * Runs in a process that may be ruined: no C library, no thread-local storage, no lock but one word.
 */
#include "handler/stub.h"
#include "handler/inquest-stub.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#define KERNEL_SA_RESTORER 0x04000000ul
#define SIGSET_BYTES 8

STUB_HIDDEN struct stub_state stub;

STUB_HIDDEN const uint8_t stub_signals[STUB_SIGNALS] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS,
};

static void crash(int signal, siginfo_t *info, void *context) __attribute__((used));

/* EFLAGS.AC stays as the program had it, and an unaligned access of ours would fault again (with DF the
 * kernel clears it itself); hence the first instructions. rt_sigreturn needs no stack of ours. */
__asm__(".text\n"
	".globl stub_enter\n"
	".hidden stub_enter\n"
	".type stub_enter, @function\n"
	"stub_enter:\n"
	"	endbr64\n"
	"	pushfq\n"
	"	andq $~0x40000, (%rsp)\n"
	"	popfq\n"
	"	jmp crash\n"
	".size stub_enter, .-stub_enter\n"
	".globl stub_restore\n"
	".hidden stub_restore\n"
	".type stub_restore, @function\n"
	"stub_restore:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	".size stub_restore, .-stub_restore\n");

static int index_of(int signal)
{
	for (int i = 0; i < STUB_SIGNALS; i++) {
		if (stub_signals[i] == signal)
			return i;
	}
	return -1;
}

long stub_arm(unsigned index)
{
	struct stub_sigaction action = {
		.handler = stub_enter,
		.flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER,
		.restorer = stub_restore,
		.mask = ~0ull,
	};

	return raw4(SYS_rt_sigaction, stub_signals[index], &action, &stub.earlier[index], SIGSET_BYTES);
}

void stub_disarm(unsigned index)
{
	struct stub_sigaction now;

	/* Only what is still ours: the program may have put its own handler there since. */
	if (raw4(SYS_rt_sigaction, stub_signals[index], 0, &now, SIGSET_BYTES) == 0 && now.handler == stub_enter)
		raw4(SYS_rt_sigaction, stub_signals[index], &stub.earlier[index], 0, SIGSET_BYTES);
}

/* Runtimes use these signals for ordinary work (a null check in Java, a growing stack in Go). A handler that
 * was there before us goes first; if it moved the program on, there was no crash. */
static bool was_no_crash(int signal, siginfo_t *info, ucontext_t *context)
{
	const struct stub_sigaction *earlier = &stub.earlier[index_of(signal)];
	greg_t ip = context->uc_mcontext.gregs[REG_RIP];
	greg_t sp = context->uc_mcontext.gregs[REG_RSP];

	if (earlier->handler == (void *)SIG_DFL)
		return false;
	if (earlier->handler == (void *)SIG_IGN)
		return info->si_code <= 0; /* sent, and ignored; a fault cannot be */
	if (earlier->flags & SA_SIGINFO)
		earlier->handler(signal, info, context);
	else
		((void (*)(int))(void *)earlier->handler)(signal);
	return context->uc_mcontext.gregs[REG_RIP] != ip || context->uc_mcontext.gregs[REG_RSP] != sp;
}

/* Become the one whose crash is dumped. Others wait here: for the process to end, or, behind a dump that was
 * no crash, for their turn. False: this thread already is the owner, so that the fault is our own. */
static bool claim(uint32_t tid)
{
	struct timespec patience = {.tv_sec = stub.deadline_ms / 1000 + 1};

	for (;;) {
		uint32_t owner = 0;

		if (__atomic_compare_exchange_n(&stub.owner, &owner, tid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
		if (owner == tid)
			return false;
		if (raw4(SYS_futex, &stub.owner, FUTEX_WAIT, owner, &patience) == -ETIMEDOUT)
			return false;
	}
}

static void release(void)
{
	__atomic_store_n(&stub.owner, 0, __ATOMIC_RELEASE);
	raw3(SYS_futex, &stub.owner, FUTEX_WAKE, INT32_MAX);
}

static void fill_record(uint32_t tid, int signal, siginfo_t *info, ucontext_t *context,
			enum inq_record_reason reason)
{
	struct inq_record *record = &stub.record;

	record->jit = (struct inq_jit_debug_info){
		.size = sizeof(record->jit),
		.architecture = 9,
		.thread_id = tid,
		.exception_address = (uint64_t)context->uc_mcontext.gregs[REG_RIP],
		.exception_record = (uint64_t)info,
		.context_record = (uint64_t)context,
	};
	record->magic = INQ_RECORD_MAGIC;
	record->version = INQ_RECORD_VERSION;
	record->size = sizeof(*record);
	record->reason = reason;
	record->pid = (uint32_t)raw0(SYS_getpid);
	record->signal = signal;
	record->snapshot = 0;
	record->status = 0;
	record->annotations = (uint64_t)stub.annotations;
	record->unloaded = (uint64_t)stub.unloaded;
	__atomic_store_n(&record->command, INQ_COMMAND_WAIT, __ATOMIC_RELEASE);
}

static void crash(int signal, siginfo_t *info, void *context)
{
	uint32_t tid = (uint32_t)raw0(SYS_gettid);
	bool shared;

	if (was_no_crash(signal, info, context))
		return;
	if (claim(tid)) {
		fill_record(tid, signal, info, context, INQ_REASON_CRASH);
		(void)stub_collect(tid);
		/* A vfork child shares this block with its parent, which lives on and may crash later. */
		shared = stub.installed != stub.record.pid;
		if (shared)
			release();
	}
	stub_die(signal, info);
}

/* Registers of the caller of inquest_dump_now(), in the form that a signal would give them. */
__attribute__((noinline)) static void own_context(ucontext_t *context, void *fpstate)
{
	greg_t *r = context->uc_mcontext.gregs;

	__asm__ volatile("mov %%rbx, %0\n mov %%rbp, %1\n mov %%r12, %2\n mov %%r13, %3\n"
			 "mov %%r14, %4\n mov %%r15, %5\n mov %%rsp, %6\n lea 0(%%rip), %%rax\n mov %%rax, %7\n"
			 "pushfq\n popq %8\n fxsave (%9)"
			 : "=m"(r[REG_RBX]), "=m"(r[REG_RBP]), "=m"(r[REG_R12]), "=m"(r[REG_R13]),
			   "=m"(r[REG_R14]), "=m"(r[REG_R15]), "=m"(r[REG_RSP]), "=m"(r[REG_RIP]),
			   "=m"(r[REG_EFL])
			 : "r"(fpstate)
			 : "rax", "memory");
	context->uc_mcontext.fpregs = fpstate;
}

/* The public inquest_dump_now(). */
STUB_PUBLIC int inquest_dump_now(void)
{
	_Alignas(16) uint8_t fpstate[512];
	uint32_t tid = (uint32_t)raw0(SYS_gettid);
	uint64_t all = ~0ull, before;
	ucontext_t context;
	siginfo_t info;
	uint32_t owner = 0;
	int result;

	if (!stub.installed)
		return -ENOENT;
	if (!__atomic_compare_exchange_n(&stub.owner, &owner, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return -EBUSY;
	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, SIGSET_BYTES);
	raw_zero(&context, sizeof(context));
	raw_zero(&info, sizeof(info));
	own_context(&context, fpstate);
	fill_record(tid, 0, &info, &context, INQ_REASON_ON_DEMAND);
	result = stub_collect(tid);
	release();
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SIGSET_BYTES);
	return result;
}
