/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Which pages of a process are there: by PAGEMAP_SCAN (Linux 6.7), which gives runs and passes over what was never
 * touched at once, or by the words of /proc/PID/pagemap, one for each page.
 *
 * Calls pread and ioctl(PAGEMAP_SCAN) on the descriptor; where the ioctl fails, whyever, the words are read. About
 * 150 KiB. Not async-signal-safe.
 */
#ifndef INQ_TARGET_TOUCHED_H
#define INQ_TARGET_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>

#define INQ_TOUCHED_SCAN 0xc0606610u /* _IOWR('f', 16, struct pm_scan_arg), which older headers have not */

struct inq_touched;

/* NULL without memory. The descriptor of a pagemap is borrowed; of a process that does not change meanwhile, or
 * inq_touched_forget(). */
struct inq_touched *inq_touched_new(int fd);
void inq_touched_free(struct inq_touched *touched); /* accepts NULL */

/* The process has changed: ask the kernel again. */
void inq_touched_forget(struct inq_touched *touched);

/* How many of `size` bytes from the address on are alike: in memory or swapped out (*ret_there), or neither, or the
 * page of zeroes, where that can be told. At least 1; 0: it cannot be known. Best asked in ascending order. */
uint64_t inq_touched_run(struct inq_touched *touched, uint64_t address, uint64_t size, bool *ret_there);

#endif
