/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SystemInfo and MiscInfo. */
#include "config.h"

#include "capture/run.h"
#include "support/text.h"
#include "target/xstate.h"

#include <stdlib.h>
#include <string.h>

enum { FXSAVE_IN_CONTEXT = 0x100 };

static uint32_t platform_of(enum inq_os os)
{
	switch (os) {
	case INQ_OS_LINUX:
		return MD_PLATFORM_LINUX;
	case INQ_OS_ANDROID:
		return MD_PLATFORM_ANDROID;
	case INQ_OS_MACOS:
		return MD_PLATFORM_MACOS;
	case INQ_OS_WINDOWS:
		return MD_PLATFORM_WIN32_NT;
	default:
		return MD_PLATFORM_UNIX;
	}
}

INQ_STREAM_WRITER(inq_write_system)
{
	const struct inq_system *system;
	const struct inq_machine_info *machine;
	struct md_system_info info = {0};
	enum inq_status status = inq_target_system(run->target, &system, err);
	inq_piece piece;

	(void)argument;
	if (status != INQ_OK)
		return status;
	machine = inq_machine_info(system->machine);
	info.architecture = machine ? machine->md_processor : (uint16_t)MD_ARCH_UNKNOWN;
	info.level = system->processor_level;
	info.revision = system->processor_revision;
	info.processors = (uint8_t)(system->processors < 255 ? system->processors : 255);
	info.major = system->major;
	info.minor = system->minor;
	info.build = system->build;
	info.platform = platform_of(system->os);
	memcpy(info.cpu.x86.vendor, system->cpu_vendor, sizeof(info.cpu.x86.vendor));
	info.cpu.x86.version = system->cpu_signature;
	info.cpu.x86.features = system->cpu_features;
	piece = inq_writer_add_copy(run->writer, &info, sizeof(info), 8);
	inq_writer_point(run->writer, piece, offsetof(struct md_system_info, csd_rva),
			 INQ_POINT_RVA, inq_writer_add_string(run->writer, system->version));
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}

/* "cpu MHz\t\t: 2899.998" of the first processor; 0 if it is not told. */
static uint32_t cpuinfo_mhz(struct inq_run *run)
{
	static const char key[] = "cpu MHz";
	const char *text, *at;
	size_t size;
	uint32_t mhz = 0;

	if (inq_target_text(run->target, INQ_TEXT_CPUINFO, &text, &size, NULL) != INQ_OK)
		return 0;
	at = memmem(text, size, key, sizeof(key) - 1);
	if (!at)
		return 0;
	for (at += sizeof(key) - 1; at < text + size && strchr("\t :", *at); at++)
		;
	for (; at < text + size && *at >= '0' && *at <= '9' && mhz < 1000000; at++)
		mhz = mhz * 10 + (uint32_t)(*at - '0');
	return mhz;
}

/* Where the features lie in the contexts, from the start of the CONTEXT on. All threads have the same. */
static void put_xstate(struct inq_run *run, struct md_xstate *to)
{
	struct inq_xstate xstate;
	size_t index = 0;

	while (index < run->thread_count && inq_target_xstate(run->target, index, &xstate, NULL) != INQ_OK)
		index++;
	if (index == run->thread_count)
		return;
	to->size = sizeof(*to);
	to->context_size = (uint32_t)(INQ_XSTATE_AREA + xstate.size - INQ_XSTATE_LEGACY);
	to->features = xstate.enabled;
	for (int i = 0; i < INQ_XSTATE_FEATURES; i++) {
		if (!xstate.features[i].size)
			continue;
		to->feature[i].size = xstate.features[i].size;
		to->feature[i].offset = i < 2 ? FXSAVE_IN_CONTEXT + xstate.features[i].offset
					      : INQ_XSTATE_AREA + xstate.features[i].offset - INQ_XSTATE_LEGACY;
	}
}

static void put_build_string(struct inq_run *run, struct md_misc_info *info)
{
	const struct inq_system *system;
	struct inq_buffer text = {0};
	size_t room = sizeof(info->build_string) - sizeof(info->build_string[0]);

	if (inq_target_system(run->target, &system, NULL) != INQ_OK || !system->version[0])
		return;
	inq_text_to_utf16(&text, system->version, strlen(system->version));
	if (inq_buffer_ok(&text)) {
		memcpy(info->build_string, text.data, text.size < room ? text.size : room);
		info->flags |= MD_MISC_BUILD_STRING;
	}
	inq_buffer_done(&text);
}

INQ_STREAM_WRITER(inq_write_misc)
{
	const struct inq_process *process;
	struct md_misc_info info = {.size = MD_MISC_INFO_SIZE_5};
	enum inq_status status = inq_target_process(run->target, &process, err);
	uint32_t mhz;

	(void)argument;
	if (status != INQ_OK)
		return status;
	info.flags = MD_MISC_PROCESS_ID;
	info.process_id = process->pid;
	if (process->create_time) {
		info.flags |= MD_MISC_PROCESS_TIMES;
		info.process_create_time = (uint32_t)process->create_time;
		info.process_user_time = (uint32_t)(process->user_us / 1000000);
		info.process_kernel_time = (uint32_t)(process->kernel_us / 1000000);
	}
	mhz = cpuinfo_mhz(run);
	if (mhz) {
		info.flags |= MD_MISC_PROCESSOR_POWER;
		info.processor_max_mhz = mhz;
		info.processor_current_mhz = mhz;
	}
	put_build_string(run, &info);
	if (run->options->letters & INQ_DUMP_y)
		put_xstate(run, &info.xstate);
	inq_writer_stream_copy(run->writer, type, &info, info.size);
	return INQ_OK;
}
