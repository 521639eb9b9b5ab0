/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Two processes: one that parses and may open nothing, and one that opens and parses nothing.
 *
 * Everything that interprets a dump, an ELF file or debug information runs in the worker, which
 * confines itself (sandbox.h) before it has seen a byte of them. What it needs from the file system
 * it asks for by path over a socket; the broker opens it by the rules of inq_opener_direct(), looks
 * at the first bytes only and hands out a descriptor if they are those of an ELF file, a minidump,
 * an archive or zstd. A worker that a hostile file took over gets no /etc/passwd: the broker
 * refuses it as it would refuse a typing mistake.
 */
#ifndef INQ_DEBUGGER_BROKER_H
#define INQ_DEBUGGER_BROKER_H

#include "debugger/dumps.h"
#include "support/opener.h"

#include <sys/types.h>

/* The worker's end. */
struct broker {
	int socket; /* -1: there is no broker, and this process opens by itself */
};

/* Opens what the path names; for inq_session_options. `broker` is borrowed. */
struct inq_opener broker_opener(struct broker *broker);

/* dumps_open(), there or here. */
int broker_open_dump(struct broker *broker, const char *name, char ret_path[DUMP_PATH],
		     enum inq_status *ret_status, struct inq_error *err);

/* Serve one worker until it closes its end. Its memory limit grows with each file that it is given
 * (where `worker` is not 0). */
void broker_serve(int socket, pid_t worker);

/* Is this a file that a debugger reads? By its first bytes. */
enum { BROKER_MAGIC = 16 };
bool broker_knows(const unsigned char *head, size_t size);

#endif
