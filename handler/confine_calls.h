/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What the confined worker may ask of the kernel. Everything else kills it (SIGSYS).
 *
 * The list is turned into BPF by libseccomp while building (confine_filter.c), so that no library and no time is
 * spent on it while a process is held. Conditions are on one argument: mask of it, and what must be there.
 */
#ifndef INQ_HANDLER_CONFINE_CALLS_H
#define INQ_HANDLER_CONFINE_CALLS_H

#include "target/touched.h"

/* name, argument (-1: none), mask, value, who needs it */
#define INQ_CONFINE_CALLS(CALL)                                                                       \
	CALL(read, -1, 0, 0, "the core's notes, smaps, cpuinfo")                                        \
	CALL(pread64, -1, 0, 0, "the memory of the process")                                            \
	CALL(ioctl, 1, 0xffffffff, INQ_TOUCHED_SCAN, "which pages are there")                         \
	CALL(write, -1, 0, 0, "the dump")                                                               \
	CALL(pwrite64, -1, 0, 0, "the dump")                                                            \
	CALL(lseek, -1, 0, 0, "texts are read from their start")                                        \
	CALL(fstat, -1, 0, 0, "")                                                                       \
	CALL(newfstatat, 3, ~0ull, AT_EMPTY_PATH, "fstat() of glibc")                                   \
	CALL(ftruncate, -1, 0, 0, "a dump that failed is emptied")                                      \
	CALL(fcntl, 1, ~0ull, F_DUPFD_CLOEXEC, "a filtered dump is read back")                          \
	CALL(fcntl, 1, ~0ull, F_GETFL, "whether it can be")                                             \
	CALL(close, -1, 0, 0, "lets the process go")                                                    \
	CALL(sendto, -1, 0, 0, "tells the parent")                                                      \
	CALL(recvmsg, -1, 0, 0, "gets the dump's descriptor")                                           \
	CALL(recvfrom, -1, 0, 0, "waits for room")                                                      \
	CALL(clock_gettime, -1, 0, 0, "how long the process was held, where the vdso cannot tell")      \
	CALL(gettimeofday, -1, 0, 0, "")                                                                \
	CALL(time, -1, 0, 0, "")                                                                        \
	CALL(brk, -1, 0, 0, "malloc")                                                                   \
	CALL(mmap, 2, PROT_EXEC, 0, "malloc; nothing executable")                                       \
	CALL(mremap, -1, 0, 0, "malloc")                                                                \
	CALL(munmap, -1, 0, 0, "malloc")                                                                \
	CALL(madvise, -1, 0, 0, "malloc")                                                               \
	CALL(mprotect, 2, PROT_EXEC, 0, "malloc; nothing executable")                                   \
	CALL(mlock2, -1, 0, 0, "what stacks hold is not swapped")                                       \
	CALL(getrandom, -1, 0, 0, "malloc")                                                             \
	CALL(sysinfo, -1, 0, 0, "qsort of glibc asks how much memory there is")                         \
	CALL(futex, -1, 0, 0, "locks of glibc")                                                         \
	CALL(exit_group, -1, 0, 0, "")                                                                  \
	CALL(exit, -1, 0, 0, "")                                                                        \
	CALL(rt_sigreturn, -1, 0, 0, "")                                                                \
	CALL(restart_syscall, -1, 0, 0, "a call that a stop interrupted goes on")

/* Only in builds with test hooks: stopping at INQ_HOLD(). */
#define INQ_CONFINE_TEST_CALLS(CALL)      \
	CALL(getpid, -1, 0, 0, "INQ_HOLD") \
	CALL(kill, 1, ~0ull, SIGSTOP, "INQ_HOLD")

#endif
