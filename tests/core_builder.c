/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core_builder.h"

#include <assert.h>
#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

void core_segment(struct core_builder *core, uint64_t base, uint64_t size, uint64_t file_size,
		  uint32_t flags)
{
	Elf64_Phdr phdr = {
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_vaddr = base,
		.p_memsz = size,
		.p_filesz = file_size,
		.p_align = 4096,
	};

	inq_buffer_append(&core->segments, &phdr, sizeof(phdr));
	core->segment_count++;
}

void core_note(struct core_builder *core, uint32_t type, const void *bytes, size_t size)
{
	static const char name[8] = "CORE";
	Elf64_Nhdr head = {5, (uint32_t)size, type};

	inq_buffer_append(&core->notes, &head, sizeof(head));
	inq_buffer_append(&core->notes, name, sizeof(name));
	inq_buffer_append(&core->notes, bytes, size);
	inq_buffer_extend(&core->notes, -size & 3);
}

void core_thread(struct core_builder *core, uint32_t tid, uint64_t pc, uint64_t sp,
		 uint64_t fs_base)
{
	struct elf_prstatus status = {.pr_pid = (pid_t)tid, .pr_cursig = SIGSEGV};
	struct user_regs_struct registers = {
		.rip = pc, .rsp = sp, .fs_base = fs_base, .rbx = 0xb0b};
	uint8_t fp[512] = {0}, xstate[2696] = {0};

	memcpy(&status.pr_reg, &registers, sizeof(registers));
	core_note(core, NT_PRSTATUS, &status, sizeof(status));
	core_note(core, NT_PRFPREG, fp, sizeof(fp));
	core_note(core, NT_X86_XSTATE, xstate, sizeof(xstate));
	core->thread_count++;
}

void core_siginfo(struct core_builder *core, int signal, int code, uint64_t address)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = signal;
	info.si_code = code;
	memcpy((uint8_t *)&info + 16, &address, sizeof(address));
	core_note(core, NT_SIGINFO, &info, sizeof(info));
}

void core_finish(struct core_builder *core, struct inq_buffer *ret)
{
	uint32_t count = core->segment_count + 1;
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(count < PN_XNUM ? count : PN_XNUM),
	};
	Elf64_Phdr notes = {
		.p_type = PT_NOTE,
		.p_offset = sizeof(header) + count * sizeof(Elf64_Phdr),
		.p_filesz = core->notes.size,
	};

	inq_buffer_append(ret, &header, sizeof(header));
	inq_buffer_append(ret, &notes, sizeof(notes));
	inq_buffer_append(ret, core->segments.data, core->segments.size);
	inq_buffer_append(ret, core->notes.data, core->notes.size);
	assert(inq_buffer_ok(ret));
	inq_buffer_done(&core->segments);
	inq_buffer_done(&core->notes);
}

int core_file(const struct inq_buffer *bytes, size_t size)
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	assert(fd >= 0);
	for (size_t at = 0; at < size;) {
		ssize_t put = write(fd, bytes->data + at, size - at);

		assert(put > 0);
		at += (size_t)put;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}
