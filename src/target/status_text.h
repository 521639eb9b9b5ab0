/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The few facts that are taken out of Linux' text files: "Key:\tvalue" lines of /proc/PID/status,
 * KEY=value lines of os-release and lsb-release, the words of a command line.
 */
#ifndef INQ_TARGET_STATUS_TEXT_H
#define INQ_TARGET_STATUS_TEXT_H

#include "support/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first number of a line "key:\t123 ..."; false if there is none, or it does not fit into 32
 * bits. */
bool inq_status_number(const char *text, size_t size, const char *key, uint32_t *ret);

/* The value of the line that begins with key and ':' or '=', blanks and quotes around it cut off.
 * False if there is none; else `ret` points into the text. */
bool inq_status_value(const char *text, size_t size, const char *key, const char **ret,
		      size_t *ret_size);

/* Arguments, each ended by a NUL, as one line with blanks between. */
void inq_command_line(struct inq_buffer *to, const char *text, size_t size);

/* "Linux 6.1.0-13-amd64 #1 SMP ..." or "6.1.0": the three numbers; false if it does not begin so.
 */
bool inq_kernel_release(const char *text, uint32_t *ret_major, uint32_t *ret_minor,
			uint32_t *ret_build);

#endif
