/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Why it died, as far as the dump can tell: !analyze.
 *
 * The cause is one row of a table (a null pointer read, a full stack, a failed assertion, ...),
 * chosen by what the signal, the instruction, its registers, the address space and the stack say. A
 * filtered dump has no values but their classes, which do here as well. The blamed line is the
 * innermost one that is neither machinery of dying (raise, abort, the C++ runtime) nor a system
 * library's, since a strlen() that was given a null pointer is its caller's fault. The bucket and
 * its hash are the same for the same crash of another process: they hold names and module offsets,
 * never addresses or values.
 */
#ifndef INQ_ENGINE_ANALYZE_H
#define INQ_ENGINE_ANALYZE_H

#include "engine/session.h"
#include "target/value.h"

enum inq_access {
	INQ_ACCESS_NONE, /* it was no access to memory, or cannot be told */
	INQ_ACCESS_READ,
	INQ_ACCESS_WRITE,
	INQ_ACCESS_EXECUTE,
};

enum { INQ_EXPLANATION = 768, INQ_BUCKET = 512, INQ_ANALYZED_LINES = 512 };

struct inq_analysis {
	struct inq_event event;
	const char *cause;		   /* "null-pointer-read" */
	char explanation[INQ_EXPLANATION]; /* a sentence or two; raw */

	/* The memory that it died of. */
	enum inq_access access;
	bool has_address;
	uint64_t address;
	const struct inq_region *region; /* that it lies in; NULL none */

	/* The instruction, where its bytes are known. */
	bool has_instruction;
	struct inq_instruction instruction;
	bool has_operand; /* it died of this one */
	struct inq_memory_operand operand;
	uint8_t base_class; /* enum inq_value_class of the operand's base; UNKNOWN without */

	struct inq_stack stack; /* INQ_ANALYZED_LINES at most */
	size_t blamed;		/* line of it; stack.count if there is none */
	size_t recursion;	/* lines after which the stack repeats itself; 0: it does not */

	char *message;		 /* what the program said when it aborted; NULL */
	char bucket[INQ_BUCKET]; /* "NULL_POINTER_READ_SIGSEGV_app!main" */
	uint64_t hash;		 /* FNV-1a of the bucket and the stack's first names */
};

/**
 * Analyze the session's exception, or the current thread if nothing died. The session's current
 * thread and context become the exception's, as .ecxr does.
 *
 * @ret  inq_analysis_done(); its strings belong to the session
 *
 * INQ_ABSENT: neither an exception nor threads. INQ_NO_MEMORY. What cannot be told otherwise is
 * left out.
 */
enum inq_status inq_session_analyze(struct inq_session *session, struct inq_analysis *ret,
				    struct inq_error *err);
void inq_analysis_done(struct inq_analysis *analysis);

const char *inq_access_name(enum inq_access access); /* "read", "write", "execute", "" */

#endif
