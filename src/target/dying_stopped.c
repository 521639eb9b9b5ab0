/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that waits in the stub's handler instead of the kernel's coredump: its threads were stopped one by
 * one, and what the pipe would have told comes from ptrace and from the record in its own memory.
 */
#include "config.h"

#include "target/dying_private.h"
#include "target/xstate.h"

#include <stdlib.h>
#include <string.h>

static void add_thread(struct inq_dying *dying, const struct inq_dying_stopped *stopped)
{
	struct inq_dying_registers *registers =
		inq_buffer_extend(&dying->core.threads, sizeof(struct inq_dying_registers));

	if (!registers)
		return;
	registers->tid = stopped->tid;
	registers->tls = stopped->tls;
	registers->has_context = stopped->has_context;
	memcpy(registers->raw, stopped->context.raw, sizeof(registers->raw));
	inq_dying_core_keep_xstate(&dying->core, registers, stopped->xstate, stopped->xstate_size);
}

/* The crashed thread's extended registers lie in its signal frame: an XSAVE area whose software bytes, at 464, say
 * how long it is and what is enabled, and which ends with a second mark (struct _fpx_sw_bytes and FP_XSTATE_MAGIC2 in
 * the kernel's sigcontext.h): a frame without either has the FXSAVE image alone. */
static void take_frame_xstate(struct inq_dying *dying, struct inq_dying_registers *registers)
{
	const uint32_t magic = 0x46505853, end_magic = 0x46505845;
	struct {
		uint32_t magic, extended_size;
		uint64_t features;
		uint32_t size, padding;
	} software;
	uint64_t at = dying->jit.fp_address;
	uint32_t end = 0;
	uint8_t *area;

	registers->xstate_size = 0;
	if (!at || !(dying->source.wants & INQ_PROC_XSTATE) ||
	    inq_target_read_all(&dying->target, at + INQ_XSTATE_XCR0, &software, sizeof(software), NULL) != INQ_OK ||
	    software.magic != magic || software.size > INQ_XSTATE_MAX ||
	    software.size < INQ_XSTATE_LEGACY + INQ_XSTATE_HEADER ||
	    inq_target_read_all(&dying->target, at + software.size, &end, sizeof(end), NULL) != INQ_OK ||
	    end != end_magic)
		return;
	area = malloc(software.size);
	if (area && inq_target_read_all(&dying->target, at, area, software.size, NULL) == INQ_OK) {
		memcpy(area + INQ_XSTATE_XCR0, &software.features, sizeof(software.features));
		inq_dying_core_keep_xstate(&dying->core, registers, area, software.size);
	}
	free(area);
}

/* The thread that the record names, if it is one of those that were stopped; 0 if not. */
static uint32_t crashed_thread(struct inq_dying *dying)
{
	const struct inq_dying_source *source = &dying->source;
	struct inq_jit_debug_info info;

	if (!source->record ||
	    inq_target_read_all(&dying->target, source->record, &info, sizeof(info), NULL) != INQ_OK)
		return 0;
	for (size_t i = 0; i < source->stopped_count; i++) {
		if (source->stopped[i].tid == info.thread_id)
			return info.thread_id;
	}
	return 0;
}

enum inq_status inq_dying_stopped_make(struct inq_dying *dying, struct inq_error *err)
{
	const struct inq_dying_source *source = &dying->source;
	const struct inq_machine_info *machine = inq_machine_info(INQ_MACHINE_AMD64);
	uint32_t crashed;

	dying->core.machine = INQ_MACHINE_AMD64;
	dying->core.pointer_size = machine->pointer_size;
	dying->core.context_size = machine->context_size;
	crashed = crashed_thread(dying);
	if (crashed)
		dying->source.tid = crashed;
	/* The crashed one first, as in a core. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < source->stopped_count; i++) {
			if ((source->stopped[i].tid == dying->source.tid) == (pass == 0))
				add_thread(dying, &source->stopped[i]);
		}
	}
	return inq_buffer_ok(&dying->core.threads) ? INQ_OK
						   : inq_fail(err, INQ_NO_MEMORY, "threads: out of memory");
}

void inq_dying_record_read(struct inq_dying *dying)
{
	struct inq_error error;
	struct inq_dying_registers *first;

	if (inq_jit_read(&dying->target, dying->source.record, &dying->jit, &error) != INQ_OK) {
		inq_dying_warn(dying, "the stub's %s", error.text);
		return;
	}
	dying->has_jit = true;
	if (!inq_dying_core_thread_count(&dying->core))
		return;
	/* The thread itself stands in the handler; what it did before is what is wanted. */
	first = (struct inq_dying_registers *)(void *)dying->core.threads.data;
	if (first->tid == dying->jit.exception.tid) {
		first->has_context = true;
		memcpy(first->raw, dying->jit.context.raw, sizeof(first->raw));
		dying->threads[0].has_context = true;
		if (dying->jit.extended)
			first->tls = dying->threads[0].tls = dying->jit.record.tls;
		take_frame_xstate(dying, first);
	}
}

enum inq_status inq_dying_told_make(struct inq_dying *dying, struct inq_error *err)
{
	if (!dying->told_once.done) {
		dying->told_once.done = true;
		dying->told_once.status = dying->has_jit && dying->jit.extended
						  ? INQ_OK
						  : inq_told_find(&dying->target, &dying->jit, NULL);
		if (dying->told_once.status == INQ_OK)
			dying->told_once.status = inq_told_make(&dying->target, &dying->jit, &dying->told, NULL);
	}
	if (dying->told_once.status != INQ_OK)
		return inq_fail(err, dying->told_once.status, "no record of the stub");
	return INQ_OK;
}
