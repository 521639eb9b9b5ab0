/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/signals.h"

#include <stddef.h>

/* number, name, words, si_addr is meaningful (signal(7), sigaction(2)) */
static const struct inq_signal signals[] = {
	{1, "SIGHUP", "hangup", false},
	{2, "SIGINT", "interrupt", false},
	{3, "SIGQUIT", "quit", false},
	{4, "SIGILL", "illegal instruction", true},
	{5, "SIGTRAP", "trace or breakpoint trap", true},
	{6, "SIGABRT", "aborted", false},
	{7, "SIGBUS", "bus error", true},
	{8, "SIGFPE", "arithmetic exception", true},
	{9, "SIGKILL", "killed", false},
	{10, "SIGUSR1", "user-defined signal 1", false},
	{11, "SIGSEGV", "segmentation fault", true},
	{12, "SIGUSR2", "user-defined signal 2", false},
	{13, "SIGPIPE", "broken pipe", false},
	{14, "SIGALRM", "alarm clock", false},
	{15, "SIGTERM", "terminated", false},
	{16, "SIGSTKFLT", "stack fault", false},
	{17, "SIGCHLD", "child stopped or ended", false},
	{18, "SIGCONT", "continued", false},
	{19, "SIGSTOP", "stopped", false},
	{20, "SIGTSTP", "stopped at the terminal", false},
	{21, "SIGTTIN", "terminal input in the background", false},
	{22, "SIGTTOU", "terminal output in the background", false},
	{23, "SIGURG", "urgent data on a socket", false},
	{24, "SIGXCPU", "CPU time limit exceeded", false},
	{25, "SIGXFSZ", "file size limit exceeded", false},
	{26, "SIGVTALRM", "virtual timer expired", false},
	{27, "SIGPROF", "profiling timer expired", false},
	{28, "SIGWINCH", "window size changed", false},
	{29, "SIGIO", "input or output possible", false},
	{30, "SIGPWR", "power failure", false},
	{31, "SIGSYS", "bad system call", true},
};

/* signal (0: any), si_code, name, words (include/uapi/asm-generic/siginfo.h); by signal and code */
static const struct inq_signal_code codes[] = {
	{4, 1, "ILL_ILLOPC", "illegal opcode"},
	{4, 2, "ILL_ILLOPN", "illegal operand"},
	{4, 3, "ILL_ILLADR", "illegal addressing mode"},
	{4, 4, "ILL_ILLTRP", "illegal trap"},
	{4, 5, "ILL_PRVOPC", "privileged opcode"},
	{4, 6, "ILL_PRVREG", "privileged register"},
	{4, 7, "ILL_COPROC", "coprocessor error"},
	{4, 8, "ILL_BADSTK", "internal stack error"},
	{4, 9, "ILL_BADIADDR", "unimplemented instruction address"},
	{5, 1, "TRAP_BRKPT", "process breakpoint"},
	{5, 2, "TRAP_TRACE", "process trace trap"},
	{5, 3, "TRAP_BRANCH", "process taken branch trap"},
	{5, 4, "TRAP_HWBKPT", "hardware breakpoint or watchpoint"},
	{5, 5, "TRAP_UNK", "undiagnosed trap"},
	{5, 6, "TRAP_PERF", "perf event with sigtrap set"},
	{7, 1, "BUS_ADRALN", "invalid address alignment"},
	{7, 2, "BUS_ADRERR", "nonexistent physical address"},
	{7, 3, "BUS_OBJERR", "object-specific hardware error"},
	{7, 4, "BUS_MCEERR_AR", "hardware memory error consumed, action required"},
	{7, 5, "BUS_MCEERR_AO", "hardware memory error detected, action optional"},
	{8, 1, "FPE_INTDIV", "integer divide by zero"},
	{8, 2, "FPE_INTOVF", "integer overflow"},
	{8, 3, "FPE_FLTDIV", "floating point divide by zero"},
	{8, 4, "FPE_FLTOVF", "floating point overflow"},
	{8, 5, "FPE_FLTUND", "floating point underflow"},
	{8, 6, "FPE_FLTRES", "floating point inexact result"},
	{8, 7, "FPE_FLTINV", "floating point invalid operation"},
	{8, 8, "FPE_FLTSUB", "subscript out of range"},
	{8, 14, "FPE_FLTUNK", "undiagnosed floating point exception"},
	{8, 15, "FPE_CONDTRAP", "trap on condition"},
	{11, 1, "SEGV_MAPERR", "address not mapped to object"},
	{11, 2, "SEGV_ACCERR", "invalid permissions for mapped object"},
	{11, 3, "SEGV_BNDERR", "failed address bound checks"},
	{11, 4, "SEGV_PKUERR", "failed protection key checks"},
	{11, 5, "SEGV_ACCADI", "ADI not enabled for mapped object"},
	{11, 6, "SEGV_ADIDERR", "disrupting memory corruption error"},
	{11, 7, "SEGV_ADIPERR", "precise memory corruption exception"},
	{11, 8, "SEGV_MTEAERR", "asynchronous memory tagging error"},
	{11, 9, "SEGV_MTESERR", "synchronous memory tagging error"},
	{11, 10, "SEGV_CPERR", "control protection fault"},
	{31, 1, "SYS_SECCOMP", "seccomp refused the system call"},
	{31, 2, "SYS_USER_DISPATCH", "system call user dispatch"},
	{0, 0, "SI_USER", "sent by kill()"},
	{0, 0x80, "SI_KERNEL", "sent by the kernel"},
	{0, -1, "SI_QUEUE", "sent by sigqueue()"},
	{0, -2, "SI_TIMER", "sent by timer expiration"},
	{0, -3, "SI_MESGQ", "sent by message queue state change"},
	{0, -4, "SI_ASYNCIO", "sent by asynchronous I/O completion"},
	{0, -5, "SI_SIGIO", "sent by queued SIGIO"},
	{0, -6, "SI_TKILL", "sent by tkill() or tgkill()"},
	{0, -7, "SI_DETHREAD", "sent by execve() killing other threads"},
	{0, -60, "SI_ASYNCNL", "sent by asynchronous name lookup completion"},
};

const struct inq_signal *inq_signal_find(uint32_t number)
{
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i].number == number)
			return &signals[i];
	}
	return NULL;
}

const struct inq_signal_code *inq_signal_code_find(uint32_t signal, int32_t code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].code == code && (codes[i].signal == signal || codes[i].signal == 0))
			return &codes[i];
	}
	return NULL;
}
