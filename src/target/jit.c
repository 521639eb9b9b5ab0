/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/jit.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

enum {
	PROCESSOR_AMD64 = 9,
	SIGINFO_SIZE = 128, /* sizeof(siginfo_t), fixed by the kernel's interface */
	FXSAVE_SIZE = 512,
};

/* The thread must be one that the target has: a record cannot speak for another process' thread. */
static bool has_thread(struct inq_target *target, uint32_t tid)
{
	const struct inq_thread *threads;
	size_t count;

	if (inq_target_threads(target, &threads, &count, NULL))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (threads[i].tid == tid)
			return true;
	}
	return false;
}

static enum inq_status read_info(struct inq_target *target, uint64_t address, struct inq_jit *jit,
				 struct inq_error *err)
{
	enum inq_status status = inq_target_read_all(target, address, &jit->info, sizeof(jit->info), err);

	if (status)
		return status;
	if (jit->info.size != sizeof(jit->info))
		return inq_fail(err, INQ_BAD_DATA, "size is %u, a JIT_DEBUG_INFO has %zu bytes", jit->info.size,
				sizeof(jit->info));
	if (jit->info.architecture != PROCESSOR_AMD64)
		return inq_fail(err, INQ_UNSUPPORTED, "processor architecture %u, only %d (x86-64) is read",
				jit->info.architecture, PROCESSOR_AMD64);
	if (!has_thread(target, jit->info.thread_id))
		return inq_fail(err, INQ_BAD_DATA, "thread %u is not of this process", jit->info.thread_id);
	return INQ_OK;
}

/* What our stub adds; a foreign record has none, and that is no failure. */
static void read_extension(struct inq_target *target, uint64_t address, struct inq_jit *jit)
{
	struct inq_record *record = &jit->record;

	if (inq_target_read_all(target, address, record, sizeof(*record), NULL) == INQ_OK &&
	    record->magic == INQ_RECORD_MAGIC && INQ_RECORD_KNOWN(record->version) &&
	    record->size == sizeof(*record))
		jit->extended = true;
	else
		memset(record, 0, sizeof(*record));
}

/* si_addr where the signal has one (include/uapi/asm-generic/siginfo.h), else where it happened. */
static uint64_t fault_address(const siginfo_t *info, uint64_t ip)
{
	switch (info->si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
	case SIGSYS:
		return info->si_code > 0 ? (uint64_t)info->si_addr : ip;
	default:
		return ip;
	}
}

enum inq_status inq_jit_read_exception(struct inq_target *target, uint64_t address, uint64_t pc,
				       struct inq_exception *ret, struct inq_error *err)
{
	enum inq_status status;
	siginfo_t info;

	_Static_assert(sizeof(info) == SIGINFO_SIZE, "siginfo_t");
	status = inq_target_read_all(target, address, &info, sizeof(info), err);
	if (status)
		return inq_prepend(err, status, "siginfo");
	*ret = (struct inq_exception){
		.code = (uint32_t)info.si_signo,
		.flags = (uint32_t)info.si_code,
		.address = fault_address(&info, pc),
		.has_siginfo = true,
	};
	memcpy(ret->siginfo, &info, sizeof(info));
	return INQ_OK;
}

enum inq_status inq_jit_read_context(struct inq_target *target, uint64_t address, struct inq_context *ret,
				     uint64_t *ret_fp_address, struct inq_error *err)
{
	uint8_t fp[FXSAVE_SIZE];
	bool has_fp;
	enum inq_status status;
	mcontext_t machine;
	uint64_t at = address;
	uint16_t cs;

	if (__builtin_add_overflow(at, offsetof(ucontext_t, uc_mcontext), &at))
		return inq_fail(err, INQ_BAD_DATA, "context record: 0x%llx is no address",
				(unsigned long long)address);
	status = inq_target_read_all(target, at, &machine, sizeof(machine), err);
	if (status)
		return inq_prepend(err, status, "context record");
	/* User mode's code segments: 64-bit, and 32-bit code in a 64-bit process. Anything else is no context. */
	cs = (uint16_t)machine.gregs[REG_CSGSFS];
	if (cs != 0x33 && cs != 0x23)
		return inq_fail(err, INQ_BAD_DATA, "context record: 0x%llx: not a ucontext_t (its cs is 0x%x, not 0x33)",
				(unsigned long long)address, cs);
	if (ret_fp_address)
		*ret_fp_address = (uint64_t)machine.fpregs;
	has_fp = machine.fpregs &&
		 inq_target_read_all(target, (uint64_t)machine.fpregs, fp, sizeof(fp), NULL) == INQ_OK;
	if (!inq_context_from_mcontext(INQ_MACHINE_AMD64, &machine, sizeof(machine), has_fp ? fp : NULL,
				       has_fp ? sizeof(fp) : 0, ret))
		return inq_fail(err, INQ_BAD_DATA, "context record: not an x86-64 mcontext");
	return INQ_OK;
}

enum inq_status inq_jit_read(struct inq_target *target, uint64_t address, struct inq_jit *ret, struct inq_error *err)
{
	struct inq_jit jit = {0};
	enum inq_status status = read_info(target, address, &jit, err);

	if (!status) {
		read_extension(target, address, &jit);
		status = inq_jit_read_exception(target, jit.info.exception_record, jit.info.exception_address,
						&jit.exception, err);
		jit.exception.tid = jit.info.thread_id;
	}
	if (!status)
		status = inq_jit_read_context(target, jit.info.context_record, &jit.context, &jit.fp_address, err);
	if (status)
		return inq_prepend(err, status, "record at 0x%llx", (unsigned long long)address);
	*ret = jit;
	return INQ_OK;
}

/* Element `index` of an array in the target, checked against wrapping around. */
static enum inq_status read_element(struct inq_target *target, uint64_t array, size_t index, void *to, size_t size,
				    struct inq_error *err)
{
	uint64_t at;

	if (__builtin_add_overflow(array, (uint64_t)index * size, &at))
		return inq_fail(err, INQ_BAD_DATA, "array at 0x%llx wraps around", (unsigned long long)array);
	return inq_target_read_all(target, at, to, size, err);
}

enum inq_status inq_jit_annotation(struct inq_target *target, const struct inq_jit *jit, size_t index,
				   struct inq_record_annotation *ret, struct inq_error *err)
{
	struct inq_record_annotation found;
	enum inq_status status;

	if (!jit->extended || index >= INQ_RECORD_ANNOTATIONS)
		return INQ_ABSENT;
	status = read_element(target, jit->record.annotations, index, &found, sizeof(found), err);
	if (status)
		return inq_prepend(err, status, "annotation %zu", index);
	/* Odd: the crash came while it was being written. */
	if (!found.key[0] || found.sequence & 1)
		return INQ_ABSENT;
	found.key[sizeof(found.key) - 1] = '\0';
	found.value[sizeof(found.value) - 1] = '\0';
	*ret = found;
	return INQ_OK;
}

enum inq_status inq_jit_unloaded(struct inq_target *target, const struct inq_jit *jit, size_t index,
				 struct inq_record_unloaded *ret, struct inq_error *err)
{
	uint32_t ever = jit->record.unloaded_count;
	uint32_t kept = ever < INQ_RECORD_UNLOADED ? ever : INQ_RECORD_UNLOADED;
	struct inq_record_unloaded found;
	enum inq_status status;

	if (!jit->extended || index >= kept)
		return INQ_ABSENT;
	status = read_element(target, jit->record.unloaded, (ever - kept + index) % INQ_RECORD_UNLOADED, &found,
			      sizeof(found), err);
	if (status)
		return inq_prepend(err, status, "unloaded module %zu", index);
	found.name[sizeof(found.name) - 1] = '\0';
	if (found.build_id_size > INQ_RECORD_BUILD_ID)
		found.build_id_size = 0;
	*ret = found;
	return INQ_OK;
}
