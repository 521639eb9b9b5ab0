/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the program and its module of CABs agree on. */
#ifndef INQ_DEBUGGER_CABINET_MODULE_H
#define INQ_DEBUGGER_CABINET_MODULE_H

#include "debugger/cabinet.h"

/* As cabinet_write(); the only name that the module has for others. */
typedef enum inq_status cabinet_write_function(const struct cabinet_entry *entries, size_t count, int to,
					       struct inq_error *err);
#define CABINET_FUNCTION "inquest_cabinet_write"
__attribute__((visibility("default"))) cabinet_write_function inquest_cabinet_write;

#endif
