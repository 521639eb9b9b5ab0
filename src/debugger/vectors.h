/* SPDX-License-Identifier: GPL-3.0-or-later */
/** The vector registers beyond the FXSAVE image's: ymm, zmm and the masks k, out of a thread's
 * XSAVE area. */
#ifndef INQ_DEBUGGER_VECTORS_H
#define INQ_DEBUGGER_VECTORS_H

#include "debugger/command.h"

/**
 * Show "Y" (all ymm), "Z" (all zmm, and the masks), or one of ymm0 to ymm31, zmm0 to zmm31, k0 to
 * k7, of the current thread.
 *
 * @ret  of what was shown: INQ_ABSENT: not in the dump, or not in the processor that it is of
 *
 * False: the name is none of these.
 */
bool vectors_show(struct debugger *debugger, const char *name, enum inq_status *ret,
		  struct inq_error *err);

#endif
