/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel itself says of secret memory. */
#include "config.h"

#include "support/secret.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 64 << 10 };

/* Of the mapping that holds the address: its VmFlags (smaps), or the number behind another key. */
static void find_line(const void *address, const char *key, char *to, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;

	cr_assert_not_null(file);
	to[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		unsigned long base, end;

		if (sscanf(line, "%lx-%lx ", &base, &end) == 2)
			inside = (uintptr_t)address >= base && (uintptr_t)address < end;
		else if (inside && !strncmp(line, key, strlen(key)))
			snprintf(to, size, "%s", line + strlen(key));
	}
	fclose(file);
}

static bool has_flag(const void *address, const char *flag)
{
	char flags[512], wanted[8];

	find_line(address, "VmFlags:", flags, sizeof(flags));
	snprintf(wanted, sizeof(wanted), " %s ", flag);
	return strstr(flags, wanted) != NULL;
}

/* Sanitizers make mlock() do nothing, and lock nothing themselves. */
static bool locks_are_real(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return false;
#else
	return true;
#endif
}

Test(secret, is_locked_and_left_out_of_cores_and_children)
{
	uint8_t *memory = inq_secret_alloc(SIZE);

	cr_assert_not_null(memory);
	cr_expect_eq(memory[SIZE - 1], 0);
	memset(memory, 7, SIZE);
	cr_expect(has_flag(memory, "dd"), "in cores");
	cr_expect(has_flag(memory, "wf"), "in children");
	cr_expect(!locks_are_real() || has_flag(memory, "lo"), "may be swapped");
	inq_secret_free(memory, SIZE);
	inq_secret_free(NULL, SIZE);
}

Test(secret, is_not_there_for_a_child)
{
	uint8_t *memory = inq_secret_alloc(SIZE);
	int status;
	pid_t child;

	cr_assert_not_null(memory);
	memset(memory, 7, SIZE);
	child = fork();
	if (!child)
		_exit(memory[0] || memory[SIZE - 1]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	inq_secret_free(memory, SIZE);
}

/* In a child: what it locks and gives up is its own. */
static void become_limited(rlim_t limit)
{
	const struct rlimit locks = {limit, limit};

	if (setrlimit(RLIMIT_MEMLOCK, &locks) || (geteuid() == 0 && setuid(65534)))
		_exit(70);
}

static int in_child(int (*test)(void))
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(test());
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int alloc_beyond_limit(void)
{
	uint8_t *memory;

	become_limited(4096);
	memory = inq_secret_alloc(SIZE);
	if (!memory)
		return 1;
	memset(memory, 7, SIZE);
	return has_flag(memory, "lo") ? 2 : has_flag(memory, "dd") ? 0 : 3;
}

Test(secret, is_given_also_where_no_more_may_be_locked)
{
	cr_expect_eq(in_child(alloc_beyond_limit), 0);
}

static int lock_limited(void)
{
	become_limited(1 << 20);
	if (inq_secret_lock_all())
		return 1;
	/* Nor does anything fail for it later. */
	return malloc(16 << 20) ? 0 : 2;
}

Test(secret, locks_not_all_where_later_allocations_would_fail)
{
	cr_expect_eq(in_child(lock_limited), 0);
}

static int lock_all(void)
{
	uint8_t *later;

	/* Root without CAP_SYS_RESOURCE, as in containers, may not raise the limit either. */
	if (!inq_secret_lock_all())
		return 77;
	later = malloc(16 << 20);
	if (!later)
		return 2;
	memset(later, 7, 16 << 20);
	return has_flag(later, "lo") ? 0 : 3;
}

Test(secret, locks_what_comes_later_as_well)
{
	int status = locks_are_real() ? in_child(lock_all) : 77;

	if (status == 77)
		cr_skip("needs the right to raise RLIMIT_MEMLOCK (CAP_SYS_RESOURCE)");
	cr_expect_eq(status, 0, "%d", status);
}
