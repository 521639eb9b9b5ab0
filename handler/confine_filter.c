/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints confine_calls.h as BPF instructions, in the form of C initializers; runs while building. */
#include <config.h>

#include "handler/confine_calls.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int allow(scmp_filter_ctx filter, int call, int argument, unsigned long long mask, unsigned long long value)
{
	if (argument < 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP64((unsigned)argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int add_all(scmp_filter_ctx filter)
{
	int failed = 0;

#define ADD_ROW(name, argument, mask, value, why) \
	failed |= allow(filter, SCMP_SYS(name), argument, (unsigned long long)(mask), (unsigned long long)(value));
	INQ_CONFINE_CALLS(ADD_ROW)
#ifdef INQ_TEST_HOOKS
	INQ_CONFINE_TEST_CALLS(ADD_ROW)
#endif
#undef ADD_ROW
	return failed;
}

static int print(int fd)
{
	struct sock_filter instruction;

	if (lseek(fd, 0, SEEK_SET))
		return 1;
	while (read(fd, &instruction, sizeof(instruction)) == sizeof(instruction))
		printf("{0x%02x, %u, %u, 0x%08x},\n", instruction.code, instruction.jt, instruction.jf,
		       instruction.k);
	return fflush(stdout);
}

int main(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	FILE *file = tmpfile();
	int failed = !filter || !file || seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* A tree instead of a list: when the filter is set, the kernel runs it for each of its 450 calls to see which are
	 * always allowed (seccomp_cache_prepare() in kernel/seccomp.c). Since libseccomp 2.5; without it all the same. */
	if (filter)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	failed = failed || add_all(filter) || seccomp_export_bpf(filter, fileno(file)) || print(fileno(file));
	seccomp_release(filter);
	if (file)
		fclose(file);
	return failed != 0;
}
