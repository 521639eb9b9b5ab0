/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions of the command table's rows, by the file that they are in. */
#ifndef INQ_DEBUGGER_COMMANDS_H
#define INQ_DEBUGGER_COMMANDS_H

#include "debugger/command.h"

#define COMMAND_FUNCTION(name)                                                                     \
	enum inq_status name(struct debugger *debugger, const struct invocation *call,             \
			     struct inq_error *err)

/* cmd_analyze.c */
COMMAND_FUNCTION(command_analyze);
/* cmd_context.c */
COMMAND_FUNCTION(command_ecxr);
COMMAND_FUNCTION(command_cxr);
COMMAND_FUNCTION(command_exr);
COMMAND_FUNCTION(command_lastevent);
/* cmd_registers.c */
COMMAND_FUNCTION(command_r);
/* cmd_stack.c */
COMMAND_FUNCTION(command_k);
COMMAND_FUNCTION(command_frame);
/* cmd_threads.c */
COMMAND_FUNCTION(command_threads);
/* cmd_modules.c */
COMMAND_FUNCTION(command_lm);
COMMAND_FUNCTION(command_reload);
COMMAND_FUNCTION(command_sympath);
/* cmd_symbols.c */
COMMAND_FUNCTION(command_x);
COMMAND_FUNCTION(command_ln);
/* cmd_code.c */
COMMAND_FUNCTION(command_u);
/* cmd_memory.c */
COMMAND_FUNCTION(command_d);
/* cmd_address.c */
COMMAND_FUNCTION(command_address);
/* cmd_blocks.c */
COMMAND_FUNCTION(command_peb);
COMMAND_FUNCTION(command_teb);
/* cmd_streams.c */
COMMAND_FUNCTION(command_handle);
COMMAND_FUNCTION(command_runaway);
COMMAND_FUNCTION(command_ttime);
COMMAND_FUNCTION(command_dumpdebug);
COMMAND_FUNCTION(command_jdinfo);
/* cmd_dump.c */
COMMAND_FUNCTION(command_dump);
COMMAND_FUNCTION(command_detach);
/* cmd_target.c */
COMMAND_FUNCTION(command_vertarget);
COMMAND_FUNCTION(command_process);
COMMAND_FUNCTION(command_opendump);
/* cmd_annotations.c */
COMMAND_FUNCTION(command_annotations);
/* cmd_facts.c */
COMMAND_FUNCTION(command_token);
COMMAND_FUNCTION(command_vm);
COMMAND_FUNCTION(command_kernel);
/* cmd_evaluate.c */
COMMAND_FUNCTION(command_evaluate);
COMMAND_FUNCTION(command_formats);
/* cmd_session.c */
COMMAND_FUNCTION(command_echo);
COMMAND_FUNCTION(command_time);
COMMAND_FUNCTION(command_help);
COMMAND_FUNCTION(command_lines);
COMMAND_FUNCTION(command_quit);

/* A stack of one thread with the given k command's columns (for ~*k). */
enum inq_status show_stack(struct debugger *debugger, const char *style, long thread, size_t limit,
			   struct inq_error *err);

#endif
