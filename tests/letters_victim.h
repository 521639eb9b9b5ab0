/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A process that has something for every letter, and tells where.
 */
#ifndef TESTS_LETTERS_VICTIM_H
#define TESTS_LETTERS_VICTIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { VICTIM_PAGE = 4096, VICTIM_THREADS = 2, VICTIM_SPARSE = 64 << 20 };

struct victim {
	pid_t pid;
	volatile int ready;
	/* memory, in the victim */
	uint64_t heap;       /* private and writable, "heap text" */
	uint64_t data;       /* of a module, "data text" */
	uint64_t code;       /* a function of the C library */
	uint64_t secondary;  /* what only a pointer on the main stack leads to, "secondary text" */
	uint64_t untouched;  /* VICTIM_SPARSE bytes that nobody touched but the last page: "end" */
	uint64_t no_dump;    /* a page of MADV_DONTDUMP, "secret" */
	uint64_t wiped;      /* a page of MADV_WIPEONFORK, "key" */
	uint64_t truncated;  /* a page of a file that is shorter; 0 unless asked for */
	uint64_t thread_pointer;
	/* descriptors */
	int pipe[2], event, epoll, timer, inotify, memory, listener, client, server, file, directory, device, local;
	uint16_t port;
	pid_t spinner;       /* the thread that holds 0x11...11 in the upper half of ymm5; 0 without AVX */
};

/* Starts it; ends with the test. */
struct victim *victim_start(int with_truncated_mapping);
void victim_end(struct victim *victim);

/* In the calling process: memory, descriptors, two threads. What it returns is the only pointer to `secondary`:
 * keep it on the stack. */
char *victim_fill(struct victim *victim, int with_truncated_mapping);

#endif
