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

#include "debugger/dump_all.h"
#include "debugger/dumps.h"
#include "debugger/place.h"
#include "support/opener.h"

#include <sys/types.h>

struct inq_live;

/* The worker's end. */
struct broker {
	int socket;            /* -1: there is no broker, and this process opens by itself */
	struct inq_live *live; /* the process that is looked at, or NULL; used without a broker only */
	struct place places[PLACE_SLOTS]; /* the dumps that are being written; used without a broker only */
};

/* Opens what the path names; for inq_session_options. `broker` is borrowed. */
struct inq_opener broker_opener(struct broker *broker);

/* dumps_open(), there or here. */
int broker_open_dump(struct broker *broker, const char *name, char ret_path[DUMP_PATH],
		     enum inq_status *ret_status, struct inq_error *err);

/* place_open(), place_publish(), there or here; one dump at a time, and its companion. The descriptor
 * is the caller's. */
int broker_create(struct broker *broker, enum place_slot slot, const char *path, bool overwrite,
		  enum inq_status *ret_status, struct inq_error *err);
enum inq_status broker_publish(struct broker *broker, enum place_slot slot, enum place_form form,
			       struct inq_error *err);
/* place_drop(), of both. */
void broker_discard(struct broker *broker);

/* Into the dump's CAB: an image or debug file by its path (ret_name: what it is called there), and a
 * line of text. */
enum inq_status broker_pack(struct broker *broker, const char *path, char ret_name[CABINET_NAME],
			    struct inq_error *err);
enum inq_status broker_note(struct broker *broker, const char *line, struct inq_error *err);

/* dump_all(), there or here. INQ_USAGE: a dump or a process is or was open: what came out of one must not be able to
 * have others' memory written and opened. */
enum inq_status broker_dump_all(struct broker *broker, const char *arguments, struct dump_all *ret,
				struct inq_error *err);

/* Let the live process go on. INQ_ABSENT: there is none. */
enum inq_status broker_detach(struct broker *broker, struct inq_error *err);

/* Serve one worker until it closes its end. Its memory limit grows with each file that it is given
 * (where `worker` is not 0). `live` may be NULL, and is let go on request only. */
void broker_serve(int socket, pid_t worker, struct inq_live *live);

/* Is this a file that a debugger reads? By its first bytes. */
enum { BROKER_MAGIC = 16 };
bool broker_knows(const unsigned char *head, size_t size);

#endif
