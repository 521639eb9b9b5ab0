/* SPDX-License-Identifier: MIT */
/*
 * Dying as the process would have: same signal, same siginfo, same registers in the kernel's core.
 *
 * The signal is queued to this thread while it is blocked (we are in its handler), with default disposition
 * and the siginfo that the kernel gave us; a process may queue any si_code to itself (kernel/signal.c,
 * do_rt_tgsigqueueinfo). Returning from the handler puts back the program's registers and mask, and the
 * signal is delivered there and then, before another instruction of the program runs.
 */
#include "handler/stub.h"

#include <errno.h>

static long reset(int signal)
{
	struct stub_sigaction action = {0};

	return raw4(SYS_rt_sigaction, signal, &action, 0, 8);
}

void stub_die(int signal, siginfo_t *info, ucontext_t *context)
{
	long pid = raw0(SYS_getpid), tid = raw0(SYS_gettid);

	if (reset(signal) == 0 && raw4(SYS_rt_tgsigqueueinfo, pid, tid, signal, info) == 0)
		return;
	/* A filter forbids it. A fault comes again by itself when its instruction is run again; blocked, the kernel
	 * forces it on us with its default (kernel/signal.c, force_sig_info_to_task). No call is needed... */
	if (info->si_code > 0 && signal != SIGTRAP && signal != SIGSYS) {
		*(uint64_t *)&context->uc_sigmask |= 1ull << (signal - 1);
		return;
	}
	if (raw3(SYS_tgkill, pid, tid, signal) == 0)
		return;
	/* ...and where nothing else is allowed, an illegal instruction still ends us, blocked as it is. */
	__builtin_trap();
}
