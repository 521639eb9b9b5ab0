/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Linux texts behind the veil: one row for each, and what is done with it. */
#include "config.h"

#include "privacy/veil_private.h"

#include "target/auxv.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

typedef enum inq_status (*text_filter)(struct inq_veil *veil, const char *text, size_t size,
				       struct inq_buffer *to);

static enum inq_status all(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	(void)veil;
	inq_buffer_append(to, text, size);
	return INQ_OK;
}

static enum inq_status nothing(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	(void)veil;
	(void)text;
	(void)size;
	(void)to;
	return INQ_ABSENT;
}

/* The program's own text with each path in it cut; NULs part its arguments. */
static enum inq_status bare(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	(void)veil;
	veil_bare_paths(to, text, size);
	return INQ_OK;
}

static enum inq_status program_only(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	const char *program = veil_program_path(veil);

	(void)text;
	(void)size;
	if (!program[0])
		return INQ_ABSENT;
	inq_buffer_append(to, program, strlen(program) + 1);
	return INQ_OK;
}

/* --- status: lines that the kernel fills with numbers and its own words ------------------------ */

static const char *const status_keys[] = {
	"Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "NStgid",
	"NSpid", "NSpgid", "NSsid", "Kthread", "VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS",
	"RssAnon", "RssFile", "RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap",
	"HugetlbPages", "CoreDumping", "THP_enabled", "untag_mask", "Threads", "SigQ", "SigPnd", "ShdPnd",
	"SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
	"Seccomp", "Seccomp_filters", "Speculation_Store_Bypass", "SpeculationIndirectBranch",
	"Cpus_allowed", "Cpus_allowed_list", "Mems_allowed", "Mems_allowed_list",
	"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "x86_Thread_features",
	"x86_Thread_features_locked",
};

static bool is_status_key(const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);

	for (size_t i = 0; colon && i < sizeof(status_keys) / sizeof(status_keys[0]); i++) {
		size_t length = strlen(status_keys[i]);

		if ((size_t)(colon - line) == length && !memcmp(line, status_keys[i], length))
			return true;
	}
	return false;
}

static enum inq_status status_lines(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	const char *end = text + size;

	inq_buffer_printf(to, "Name:\t%.15s\n", veil_base_name(veil_program_path(veil)));
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline ? newline + 1 : end;

		if (is_status_key(text, (size_t)(next - text)))
			inq_buffer_append(to, text, (size_t)(next - text));
		text = next;
	}
	return INQ_OK;
}

/* --- auxv: numbers of the machine and addresses of code, nothing on the stack -------------------- */

static bool is_shown_auxv(uint64_t type)
{
	switch (type) {
	case AT_NULL: case AT_PHDR: case AT_PHENT: case AT_PHNUM: case AT_PAGESZ: case AT_BASE:
	case AT_FLAGS: case AT_ENTRY: case AT_UID: case AT_EUID: case AT_GID: case AT_EGID: case AT_CLKTCK:
	case AT_HWCAP: case AT_HWCAP2: case AT_SECURE: case AT_SYSINFO: case AT_SYSINFO_EHDR:
	case AT_MINSIGSTKSZ:
		return true;
	default: /* AT_RANDOM, AT_EXECFN, AT_PLATFORM, AT_BASE_PLATFORM, and what nobody knows yet */
		return false;
	}
}

static unsigned word_size(struct inq_veil *veil)
{
	const struct inq_system *system;
	const struct inq_machine_info *info = NULL;

	if (inq_target_system(veil->inner, &system, NULL) == INQ_OK)
		info = inq_machine_info(system->machine);
	return info && info->pointer_size == 4 ? 4 : 8;
}

static enum inq_status auxv_pairs(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	unsigned word = word_size(veil);

	for (size_t at = 0; at + 2 * word <= size; at += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, text + at, word);
		memcpy(&value, text + at + word, word);
		if (!is_shown_auxv(type))
			value = 0;
		inq_buffer_append(to, &type, word);
		inq_buffer_append(to, &value, word);
		if (type == AT_NULL)
			break;
	}
	return INQ_OK;
}

/* --- maps: written anew of the regions that are shown ---------------------------------------------- */

static enum inq_status maps_lines(struct inq_veil *veil, const char *text, size_t size, struct inq_buffer *to)
{
	const struct inq_region *regions;
	size_t count;

	(void)text;
	(void)size;
	if (inq_target_regions(&veil->shown, &regions, &count, NULL) != INQ_OK)
		return INQ_ABSENT;
	for (size_t i = 0; i < count; i++) {
		const struct inq_region *region = &regions[i];

		if (region->flags & INQ_REGION_FREE)
			continue;
		inq_buffer_printf(to, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu",
				  (unsigned long long)region->base,
				  (unsigned long long)(region->base + region->size),
				  region->protection & INQ_PROT_READ ? 'r' : '-',
				  region->protection & INQ_PROT_WRITE ? 'w' : '-',
				  region->protection & INQ_PROT_EXEC ? 'x' : '-',
				  region->flags & INQ_REGION_SHARED ? 's' : 'p',
				  (unsigned long long)region->file_offset, region->device_major,
				  region->device_minor, (unsigned long long)region->inode);
		if (region->name && region->name[0])
			inq_buffer_printf(to, " %s%s", region->name,
					  region->flags & INQ_REGION_DELETED ? " (deleted)" : "");
		inq_buffer_puts(to, "\n");
	}
	return INQ_OK;
}

/* --- the table ---------------------------------------------------------------------------------------- */

/*
 * kind      the text
 * filtered  what is done with it under r
 * bared     under R alone
 */
static const struct {
	text_filter filtered, bared;
} filters[INQ_TEXT_COUNT] = {
	[INQ_TEXT_CPUINFO] = {all, all},
	[INQ_TEXT_STATUS] = {status_lines, all},
	[INQ_TEXT_RELEASE] = {all, all},
	[INQ_TEXT_CMDLINE] = {program_only, bare},
	[INQ_TEXT_ENVIRON] = {nothing, bare},
	[INQ_TEXT_AUXV] = {auxv_pairs, all},
	[INQ_TEXT_MAPS] = {maps_lines, maps_lines},
	[INQ_TEXT_LIMITS] = {all, all},
	[INQ_TEXT_COMMENT] = {nothing, bare},
	[INQ_TEXT_KERNEL] = {nothing, bare}, /* arguments of system calls, the kernel's log */
};

enum inq_status veil_text(struct inq_target *target, enum inq_text_kind kind, const char **ret,
			  size_t *ret_size, struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	struct inq_buffer *to = &veil->texts[kind];
	text_filter filter = veil_filters(veil) ? filters[kind].filtered : filters[kind].bared;
	const char *text;
	size_t size;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_text(veil->inner, kind, &text, &size, err);
	if (status != INQ_OK)
		return status;
	if (!filter || filter == nothing)
		return inq_fail(err, INQ_ABSENT, "filtered out");
	if (!to->size && filter(veil, text, size, to) != INQ_OK)
		return inq_fail(err, INQ_ABSENT, "filtered out");
	if (!inq_buffer_ok(to))
		return inq_fail(err, INQ_NO_MEMORY, "out of memory");
	*ret = inq_buffer_text(to);
	*ret_size = to->size;
	return INQ_OK;
}
