/* SPDX-License-Identifier: GPL-3.0-or-later */
/** What Microsoft's lists have no field for, in lines of our own stream (minidump/inquest.h:
 * InquestDetails). */
#ifndef INQ_TARGET_MINIDUMP_DETAILS_H
#define INQ_TARGET_MINIDUMP_DETAILS_H

#include "minidump/reader.h"
#include "target/target.h"

/* Set `processors` of the threads that the stream names. */
void inq_minidump_details_threads(struct inq_dump *dump, struct inq_thread *threads, size_t count);

/* Set the build-ids of the unloaded modules that it names. */
void inq_minidump_details_modules(struct inq_dump *dump, struct inq_module *modules, size_t count);

#endif
