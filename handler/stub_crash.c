/* SPDX-License-Identifier: MIT */
/*
 * The moment of the crash: who deals with it, what is written down, how the process goes on to die.
 *
 * Runs in a process that may be ruined: no C library, no thread-local storage, no lock but one word.
 */
#include "handler/stub.h"
#include "handler/inquest-stub.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#define KERNEL_SA_RESTORER 0x04000000ul
#define SIGSET_BYTES 8
#define BIT(signal) (1ull << ((signal) - 1))

enum {
	RETURNS_MAX = 100000, /* a handler that neither mends nor ends a fault would come back for ever */
	TRAPPED_CALL = 1,     /* SYS_SECCOMP of siginfo_t */
};

STUB_HIDDEN struct stub_state stub;

STUB_HIDDEN const uint8_t stub_signals[STUB_SIGNALS] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS,
};

static void crash(int signal, siginfo_t *info, void *context) __attribute__((used));

/* One register of the frame that the kernel laid out: DWARF's number, and where it lies from the stack pointer
 * behind the handler's return: 40 bytes to gregs, 8 each (ucontext_t). */
#define SAVED(dwarf, greg) \
	"	.cfi_escape 0x10, " #dwarf ", 3, 0x77, ((40 + 8 * " #greg ") & 127) | 128, (40 + 8 * " #greg ") >> 7\n"

/* EFLAGS.AC stays as the program had it, and an unaligned access of ours would fault again (DF the kernel clears
 * itself); hence the first instructions.
 *
 * __restore_rt is the name by which debuggers know this piece of code, and its CFI leads those that go by CFI
 * through the frame, as in glibc: threads that wait here are seen with what they did before. */
__asm__(".text\n"
	".globl stub_enter\n"
	".hidden stub_enter\n"
	".type stub_enter, @function\n"
	"stub_enter:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	pushfq\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	andq $~0x40000, (%rsp)\n"
	"	popfq\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	jmp crash\n"
	"	.cfi_endproc\n"
	".size stub_enter, .-stub_enter\n"
	"	.cfi_startproc\n"
	"	.cfi_signal_frame\n"
	"	.cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06\n" /* CFA: the saved rsp */
	SAVED(8, 0) SAVED(9, 1) SAVED(10, 2) SAVED(11, 3) SAVED(12, 4) SAVED(13, 5) SAVED(14, 6) SAVED(15, 7)
	SAVED(5, 8) SAVED(4, 9) SAVED(6, 10) SAVED(3, 11) SAVED(1, 12) SAVED(0, 13) SAVED(2, 14) SAVED(7, 15)
	SAVED(16, 16)
	"	nop\n" /* unwinders look a byte before a return address */
	".globl __restore_rt\n"
	".hidden __restore_rt\n"
	".type __restore_rt, @function\n"
	"__restore_rt:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	"	.cfi_endproc\n"
	".size __restore_rt, .-__restore_rt\n"
	".globl stub_call\n"
	".hidden stub_call\n"
	".globl stub_call_end\n"
	".hidden stub_call_end\n"
	".type stub_call, @function\n"
	"stub_call:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	syscall\n"
	"stub_call_end:\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size stub_call, .-stub_call\n");

static int index_of(int signal)
{
	for (int i = 0; i < STUB_SIGNALS; i++) {
		if (stub_signals[i] == signal)
			return i;
	}
	return -1;
}

static long arm(unsigned index, struct stub_sigaction *ret_earlier)
{
	struct stub_sigaction action = {
		.handler = stub_enter,
		.flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER,
		.restorer = stub_restore,
		/* Not SIGSYS: blocked, a call of ours that a filter answers by a trap would end us by it. */
		.mask = ~BIT(SIGSYS),
	};

	if (stub_signals[index] == SIGSYS)
		action.flags |= SA_NODEFER;
	return raw4(SYS_rt_sigaction, stub_signals[index], &action, ret_earlier, SIGSET_BYTES);
}

long stub_arm(unsigned index)
{
	return arm(index, &stub.earlier[index]);
}

void stub_disarm(unsigned index)
{
	struct stub_sigaction now;

	/* Only what is still ours: the program may have put its own handler there since. */
	if (raw4(SYS_rt_sigaction, stub_signals[index], 0, &now, SIGSET_BYTES) == 0 && now.handler == stub_enter)
		raw4(SYS_rt_sigaction, stub_signals[index], &stub.earlier[index], 0, SIGSET_BYTES);
}

enum verdict {
	CRASH,
	NO_CRASH,
	ABORTING, /* abort() is about to end the process without asking anybody again: dump, and let it */
};

/* With the mask that the kernel would have given it, and once only if it asked for that. */
static void call_earlier(struct stub_sigaction *earlier, int signal, siginfo_t *info, ucontext_t *context)
{
	struct stub_sigaction action = *earlier;
	uint64_t mask = *(uint64_t *)&context->uc_sigmask | action.mask, ours;

	if (!(action.flags & SA_NODEFER))
		mask |= BIT(signal);
	if (action.flags & SA_RESETHAND)
		earlier->handler = (void *)SIG_DFL;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &ours, SIGSET_BYTES);
	if (action.flags & SA_SIGINFO)
		action.handler(signal, info, context);
	else
		((void (*)(int))(void *)action.handler)(signal);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &ours, 0, SIGSET_BYTES);
}

static bool still_ours(int signal)
{
	struct stub_sigaction now;

	return raw4(SYS_rt_sigaction, signal, 0, &now, SIGSET_BYTES) != 0 || now.handler == stub_enter;
}

/* The handler came back to the very instruction: it may have mended what was wrong (a page made writable, a stack
 * grown), so that is run again. Not for ever: with the same registers time after time nothing gets on. */
static enum verdict came_back(const ucontext_t *context)
{
	uint64_t sum = 0;

	for (int i = REG_R8; i <= REG_RIP; i++)
		sum = sum * 31 + (uint64_t)context->uc_mcontext.gregs[i];
	if (stub.returned_to != sum) {
		stub.returned_to = sum;
		stub.returns = 0;
	}
	return ++stub.returns > RETURNS_MAX ? CRASH : NO_CRASH;
}

/* Runtimes use these signals for ordinary work (a null check in Java, a growing stack in Go, a collector's write
 * barrier). A handler that was there before us goes first, and what it does is its program's will. */
static enum verdict ask_earlier(int signal, siginfo_t *info, ucontext_t *context)
{
	struct stub_sigaction *earlier = &stub.earlier[index_of(signal)];
	greg_t ip = context->uc_mcontext.gregs[REG_RIP];
	greg_t sp = context->uc_mcontext.gregs[REG_RSP];
	bool fault = info->si_code > 0;

	if (earlier->handler == (void *)SIG_DFL)
		return CRASH;
	if (earlier->handler == (void *)SIG_IGN)
		return fault ? CRASH : NO_CRASH; /* a fault cannot be ignored */
	call_earlier(earlier, signal, info, context);
	if (context->uc_mcontext.gregs[REG_RIP] != ip || context->uc_mcontext.gregs[REG_RSP] != sp)
		return NO_CRASH;
	/* The usual end of a crash reporter: default again, and back. */
	if (!still_ours(signal))
		return CRASH;
	if (signal == SIGABRT && info->si_code == SI_TKILL && info->si_pid == (pid_t)raw0(SYS_getpid))
		return ABORTING;
	return fault ? came_back(context) : NO_CRASH;
}

/* A filter answered a call of the stub's own by a trap: as if it had said that there is no such call. */
static bool own_call(int signal, const siginfo_t *info, ucontext_t *context)
{
	if (signal != SIGSYS || info->si_code != TRAPPED_CALL ||
	    (info->si_call_addr != stub_call_end && info->si_call_addr != stub_clone_end))
		return false;
	context->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
	return true;
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
	record->tls = 0;
	raw2(SYS_arch_prctl, ARCH_GET_FS, &record->tls);
	__atomic_store_n(&record->command, INQ_COMMAND_WAIT, __ATOMIC_RELEASE);
}

/* The program put our handler back by signal(), which forgets SA_SIGINFO: then the kernel wrote no siginfo. As it was,
 * and once more: a fault comes again by itself, what abort() raised is raised again. */
static bool lost_siginfo(int signal)
{
	struct stub_sigaction now;

	if (raw4(SYS_rt_sigaction, signal, 0, &now, SIGSET_BYTES) != 0 || now.handler != stub_enter ||
	    now.flags & SA_SIGINFO)
		return false;
	if (arm((unsigned)index_of(signal), 0) == 0 && signal == SIGABRT)
		raw3(SYS_tgkill, raw0(SYS_getpid), raw0(SYS_gettid), signal);
	return true;
}

static void crash(int signal, siginfo_t *info, void *context)
{
	enum verdict verdict;
	uint32_t tid;

	if (lost_siginfo(signal) || own_call(signal, info, context))
		return;
	verdict = ask_earlier(signal, info, context);
	if (verdict == NO_CRASH)
		return;
	tid = (uint32_t)raw0(SYS_gettid);
	/* Who takes dumps without a crash one after the other would have the next turn every time. */
	stub.crashing = 1;
	if (claim(tid)) {
		fill_record(tid, signal, info, context,
			    verdict == ABORTING ? INQ_REASON_ON_DEMAND : INQ_REASON_CRASH);
		(void)stub_collect(tid);
		/* A vfork child shares this block with its parent, which lives on and may crash later. */
		if (verdict == ABORTING || stub.installed != stub.record.pid) {
			stub.crashing = 0;
			release();
		}
	}
	if (verdict != ABORTING)
		stub_die(signal, info, context);
}

/* Registers here and now, in the form that a signal would give them. Part of its caller's frame, which must still
 * be there when the stack is looked at. */
__attribute__((always_inline)) static inline void own_context(ucontext_t *context, void *fpstate)
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
	uint64_t all = ~BIT(SIGSYS), before;
	ucontext_t context;
	siginfo_t info;
	uint32_t owner = 0;
	int result;

	if (!stub.installed)
		return -ENOENT;
	if (stub.crashing ||
	    !__atomic_compare_exchange_n(&stub.owner, &owner, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return -EBUSY;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGSET_BYTES);
	raw_zero(&context, sizeof(context));
	raw_zero(&info, sizeof(info));
	own_context(&context, fpstate);
	fill_record(tid, 0, &info, &context, INQ_REASON_ON_DEMAND);
	result = stub_collect(tid);
	release();
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SIGSET_BYTES);
	return result;
}
