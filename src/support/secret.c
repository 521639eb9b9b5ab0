/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "support/secret.h"

#include <sys/mman.h>
#include <sys/resource.h>

void *inq_secret_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, size, MADV_DONTDUMP);
	madvise(memory, size, MADV_WIPEONFORK); /* Linux 4.14 */
	mlock2(memory, size, MLOCK_ONFAULT);
	return memory;
}

void inq_secret_free(void *memory, size_t size)
{
	/* The kernel clears pages before anybody gets them again; to do it here would touch those that never were. */
	if (memory)
		munmap(memory, size);
}

bool inq_secret_lock_all(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit limit;

	/* A limit below what is needed later would make allocations fail instead. */
	if (setrlimit(RLIMIT_MEMLOCK, &all) &&
	    (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur != RLIM_INFINITY))
		return false;
	return !mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}
