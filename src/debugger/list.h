/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * inquest list: what is in the spool.
 */
#ifndef INQ_DEBUGGER_LIST_H
#define INQ_DEBUGGER_LIST_H

#include "debugger/command.h"
#include "spool/spool.h"

/**
 * Show each dump: when, who, signal, program, module and offset, size. At a terminal in columns; in
 * a pipe the same fields with tabs between them, sizes in bytes; as JSON one object with "dumps". A
 * dump that cannot be read is shown with its reason and fails nothing.
 */
enum inq_status list_dumps(struct debugger *debugger, const struct inq_spool_list *list,
			   bool aligned);

#endif
