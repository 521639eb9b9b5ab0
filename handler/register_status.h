/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What happens when a process crashes now, in words or as JSON.
 */
#ifndef INQ_HANDLER_REGISTER_STATUS_H
#define INQ_HANDLER_REGISTER_STATUS_H

#include "support/buffer.h"
#include "support/error.h"

#include <stdbool.h>

/* Append it to `to`. INQ_OS, INQ_DENIED: the kernel's settings cannot be read. */
enum inq_status inq_register_status(bool json, struct inq_buffer *to, struct inq_error *err);

#endif
