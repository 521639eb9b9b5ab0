/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * .gnu_debugdata: the symbol table that Fedora leaves in stripped programs, an ELF file packed with xz.
 */
#ifndef INQ_SYMBOLS_MINIDEBUG_H
#define INQ_SYMBOLS_MINIDEBUG_H

#include "symbols/object.h"

#define INQ_MINIDEBUG_MAX (64ull << 20) /* bytes when unpacked */

/* A new object, owned by the caller. INQ_ABSENT: no such section. INQ_UNSUPPORTED: built without liblzma.
 * INQ_BAD_DATA, INQ_LIMIT, INQ_NO_MEMORY. */
enum inq_status inq_minidebug_open(struct inq_object *image, struct inq_object **ret, struct inq_error *err);

#endif
