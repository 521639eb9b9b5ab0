/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/dump.h"

#include <string.h>

enum { ANY_ARCH = 0x10000 }; /* no architecture has this number: they have 16 bits */

/*
 * How contexts look. Rows are tried in order: Windows' ARM flags may contain the bit that is
 * Breakpad's ARM, and the high bits of ARM64's the one of its old form.
 *
 * LLDB leaves out what follows the vector registers, old writers for x86 the FXSAVE part: a
 * context may be as short as the part that no writer leaves out.
 *
 * architectures (again the first where there are fewer), the processor's bit, where the flags
 * are, bytes, bytes at least, layout, kind
 */
// clang-format off
static const struct form {
	uint32_t architectures[3];
	uint32_t processor;
	uint16_t flags_at;
	uint16_t size;
	uint16_t minimum;
	const char *layout;
	enum inq_dump_context_kind kind;
} forms[] = {
	{{MD_ARCH_AMD64, MD_ARCH_AMD64, MD_ARCH_AMD64}, MD_CONTEXT_AMD64, 48,
	 sizeof(struct md_context_amd64), offsetof(struct md_context_amd64, fxsave),
	 inq_layout_context_amd64, INQ_CONTEXT_AMD64},
	{{MD_ARCH_X86, MD_ARCH_X86_WIN64, MD_ARCH_X86_ON_ARM64}, MD_CONTEXT_X86, 0,
	 sizeof(struct md_context_x86), 204, inq_layout_context_x86, INQ_CONTEXT_X86},
	{{MD_ARCH_ARM64, MD_ARCH_ARM64_OLD, MD_ARCH_ARM64}, MD_CONTEXT_ARM64, 0,
	 sizeof(struct md_context_arm64), sizeof(struct md_context_arm64),
	 inq_layout_context_arm64, INQ_CONTEXT_ARM64},
	{{MD_ARCH_ARM64, MD_ARCH_ARM64_OLD, MD_ARCH_ARM64}, MD_CONTEXT_ARM64_OLD, 0,
	 sizeof(struct md_context_arm64_old), sizeof(struct md_context_arm64_old),
	 inq_layout_context_arm64_old, INQ_CONTEXT_ARM64},
	{{MD_ARCH_ARM, MD_ARCH_ARM32_ON_WIN64, MD_ARCH_ARM}, MD_CONTEXT_ARM_WINDOWS, 0,
	 sizeof(struct md_context_arm_windows), sizeof(struct md_context_arm_windows),
	 inq_layout_context_arm_windows, INQ_CONTEXT_ARM},
	{{MD_ARCH_ARM, MD_ARCH_ARM32_ON_WIN64, MD_ARCH_ARM}, MD_CONTEXT_ARM, 0,
	 sizeof(struct md_context_arm), sizeof(struct md_context_arm),
	 inq_layout_context_arm, INQ_CONTEXT_ARM},
};
// clang-format on

static bool is_of(const struct form *form, uint32_t architecture)
{
	return architecture == ANY_ARCH || architecture == form->architectures[0] ||
	       architecture == form->architectures[1] || architecture == form->architectures[2];
}

/* The flags of a context, if it had this form. Breakpad's old ARM64 has 64 bits of them;
 * big-endian, the low half is the second. */
static enum inq_status flags_of(struct inq_dump *dump, struct inq_dump_place place,
				const struct form *form, uint32_t *ret, struct inq_error *err)
{
	uint64_t at = place.offset + form->flags_at;

	if (form->processor == MD_CONTEXT_ARM64_OLD && dump->header.swapped)
		at += 4;
	return inq_dump_load(dump, at, ret, sizeof(*ret), inq_layout_words, err);
}

/* Nobody said which processor it is: then the bits must be these alone. */
static bool flags_match(const struct form *form, uint32_t flags, uint32_t architecture)
{
	if (architecture == ANY_ARCH)
		return (flags & 0xffff0000u) == form->processor;
	return (flags & form->processor) != 0;
}

static enum inq_status choose(struct inq_dump *dump, struct inq_dump_place place,
			      uint32_t architecture, const struct form **ret, struct inq_error *err)
{
	const struct form *closest = NULL;
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		enum inq_status status;

		if (!is_of(&forms[i], architecture))
			continue;
		if (!closest || forms[i].minimum < closest->minimum)
			closest = &forms[i];
		if (place.size < forms[i].minimum)
			continue;
		status = flags_of(dump, place, &forms[i], &flags, err);
		if (status != INQ_OK)
			return status;
		if (flags_match(&forms[i], flags, architecture)) {
			*ret = &forms[i];
			return INQ_OK;
		}
	}
	if (!closest)
		return inq_fail(err, INQ_UNSUPPORTED, "contexts of %s (%u)",
				inq_md_architecture_name(architecture), architecture);
	if (place.size < closest->minimum)
		return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes, at least 0x%x wanted",
				(unsigned long long)place.size, closest->minimum);
	return inq_fail(err, INQ_BAD_DATA,
			"its flags 0x%08x are of no processor that the dump is of", flags);
}

/* A context that ends early: what is not there is zero, and no flag says that it is valid. */
static enum inq_status load_short(struct inq_dump *dump, struct inq_dump_place place,
				  const struct form *form, void *to, struct inq_error *err)
{
	size_t floats_end = offsetof(struct md_context_amd64, fxsave.reserved4);
	uint32_t flags;
	enum inq_status status;

	memset(to, 0, form->size);
	if (dump->header.swapped)
		return inq_fail(err, INQ_BAD_DATA, "0x%llx bytes, at least 0x%x wanted",
				(unsigned long long)place.size, form->size);
	status = inq_dump_read(dump, place.offset, to, (size_t)place.size, err);
	if (status != INQ_OK)
		return status;
	memcpy(&flags, (char *)to + form->flags_at, sizeof(flags));
	flags &= ~(MD_CONTEXT_X86_XSTATE | MD_CONTEXT_X86_EXTENDED_REGISTERS);
	if (form->kind == INQ_CONTEXT_AMD64 && place.size < floats_end)
		flags &= ~MD_CONTEXT_X86_FLOATING_POINT;
	memcpy((char *)to + form->flags_at, &flags, sizeof(flags));
	return INQ_OK;
}

static void from_old_arm64(struct md_context_arm64 *to, const struct md_context_arm64_old *from)
{
	*to = (struct md_context_arm64){
		.context_flags = MD_CONTEXT_ARM64 | MD_CONTEXT_ARM64_CONTROL |
				 ((uint32_t)from->context_flags &
				  (MD_CONTEXT_ARM64_INTEGER | MD_CONTEXT_ARM64_FLOATING_POINT)),
		.cpsr = from->cpsr,
		.sp = from->sp,
		.pc = from->pc,
		.fpcr = from->fpcr,
		.fpsr = from->fpsr,
	};
	memcpy(to->x, from->x, sizeof(to->x));
	memcpy(to->v, from->v, sizeof(to->v));
}

static void from_windows_arm(struct md_context_arm *to, const struct md_context_arm_windows *from)
{
	*to = (struct md_context_arm){
		.context_flags = MD_CONTEXT_ARM_FULL,
		.cpsr = from->cpsr,
		.fpscr = from->fpscr,
	};
	memcpy(to->r, from->r, sizeof(to->r));
	memcpy(to->d, from->d, sizeof(to->d));
}

enum inq_status inq_dump_context(struct inq_dump *dump, struct inq_dump_place place,
				 struct inq_dump_context *ret, struct inq_error *err)
{
	union {
		struct md_context_x86 x86;
		struct md_context_amd64 amd64;
		struct md_context_arm arm;
		struct md_context_arm_windows arm_windows;
		struct md_context_arm64 arm64;
		struct md_context_arm64_old arm64_old;
	} raw;
	const struct inq_dump_system *system;
	const struct form *form = NULL;
	enum inq_status status;
	uint32_t architecture = ANY_ARCH;

	if (place.size == 0)
		return inq_fail(err, INQ_ABSENT, "'%s': no context", inq_file_name(dump->file));
	if (inq_dump_system(dump, &system, NULL) == INQ_OK)
		architecture = system->raw.architecture;
	status = choose(dump, place, architecture, &form, err);
	if (status == INQ_OK && place.size < form->size)
		status = load_short(dump, place, form, &raw, err);
	else if (status == INQ_OK)
		status = inq_dump_load(dump, place.offset, &raw, form->size, form->layout, err);
	if (status != INQ_OK)
		return inq_prepend(err, status, "'%s': context at 0x%llx",
				   inq_file_name(dump->file), (unsigned long long)place.offset);
	memset(ret, 0, sizeof(*ret));
	ret->kind = form->kind;
	if (place.size > form->size)
		ret->extended = (struct inq_dump_place){place.offset + form->size,
							place.size - form->size};
	if (form->processor == MD_CONTEXT_ARM64_OLD)
		from_old_arm64(&ret->arm64, &raw.arm64_old);
	else if (form->processor == MD_CONTEXT_ARM_WINDOWS)
		from_windows_arm(&ret->arm, &raw.arm_windows);
	else
		memcpy(&ret->x86, &raw, form->size);
	return INQ_OK;
}
