/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Reading a JIT_DEBUG_INFO, and what Linux adds to it, out of a target: `-j ADDR`, `.jdinfo ADDR`.
 *
 * The record lies in the memory of a process that may be hostile: its sizes are constants of
 * target/record.h, its addresses are only ever read through the target, and every text is capped.
 */
#ifndef INQ_TARGET_JIT_H
#define INQ_TARGET_JIT_H

#include "support/error.h"
#include "target/machine.h"
#include "target/record.h"
#include "target/target.h"

struct inq_jit {
	struct inq_jit_debug_info info;
	bool extended;                  /* `record` is there: the stub's own, not a foreign JIT_DEBUG_INFO */
	struct inq_record record;
	struct inq_exception exception; /* made of the siginfo */
	struct inq_context context;     /* made of the ucontext */
	uint64_t fp_address;            /* of its XSAVE or FXSAVE area, 0 none */
};

/**
 * Read and check a record.
 *
 * @address  of the JIT_DEBUG_INFO, in the target
 *
 * INQ_FAULT: it, its siginfo or its ucontext cannot be read. INQ_BAD_DATA: size, processor or thread (it must be
 * one of the target's) are not what they must be; says which. INQ_UNSUPPORTED: of another processor.
 */
enum inq_status inq_jit_read(struct inq_target *target, uint64_t address, struct inq_jit *ret, struct inq_error *err);

/* What it is made of, for those who have the addresses only (/xr, /xc). `pc` is the address of an exception that has
 * none of its own; ret->tid is the caller's to fill in. *ret_fp_address (may be NULL) is where the floating-point
 * state lies. INQ_FAULT, INQ_BAD_DATA as above. */
enum inq_status inq_jit_read_exception(struct inq_target *target, uint64_t address, uint64_t pc,
				       struct inq_exception *ret, struct inq_error *err);
enum inq_status inq_jit_read_context(struct inq_target *target, uint64_t address, struct inq_context *ret,
				     uint64_t *ret_fp_address, struct inq_error *err);

/* One piece each of what it has to tell; INQ_ABSENT past the last or where a slot is free. `index` counts slots:
 * 0 to INQ_RECORD_ANNOTATIONS - 1, 0 to INQ_RECORD_UNLOADED - 1 (oldest first). Texts are NUL-terminated. */
enum inq_status inq_jit_annotation(struct inq_target *target, const struct inq_jit *jit, size_t index,
				   struct inq_record_annotation *ret, struct inq_error *err);
enum inq_status inq_jit_unloaded(struct inq_target *target, const struct inq_jit *jit, size_t index,
				 struct inq_record_unloaded *ret, struct inq_error *err);

#endif
