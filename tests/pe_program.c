/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pe_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Headers, then each section where it belongs. The program needs no relocation: it refers to itself by rip. */
static uint8_t *lay_out(const uint8_t *file, size_t size, uint32_t *ret_size)
{
	const uint8_t *header = file + word(file + 0x3c);
	unsigned sections = header[6] | header[7] << 8;
	const uint8_t *section = header + 24 + (header[20] | header[21] << 8);
	uint32_t image = word(header + 24 + 56), headers = word(header + 24 + 60);
	uint8_t *base = mmap(NULL, image, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED || headers > size)
		return NULL;
	memcpy(base, file, headers);
	for (unsigned i = 0; i < sections; i++, section += 40) {
		uint32_t raw = word(section + 16), at = word(section + 20);

		if (at + raw > size)
			return NULL;
		memcpy(base + word(section + 12), file + at, raw);
	}
	*ret_size = image;
	return base;
}

static uint8_t *load(const char *path, uint32_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *file, *base = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0) {
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file != MAP_FAILED) {
			base = lay_out(file, (size_t)st.st_size, ret_size);
			munmap(file, (size_t)st.st_size);
		}
	}
	close(fd);
	return base;
}

static _Noreturn void run(const struct pe_program *program)
{
#ifdef __x86_64__
	int (__attribute__((ms_abi)) *entry)(void);
	const uint8_t *at = program->base + word(program->base + word(program->base + 0x3c) + 24 + 16);

	memcpy(&entry, &at, sizeof(entry));
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(2);
	raise(SIGSTOP);
	entry();
#endif
	_exit(0);
}

static bool is_inside(const struct pe_program *program)
{
	return program->registers.rip - (uint64_t)program->base < program->size;
}

static bool single_step(struct pe_program *program)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, program->child, NULL, NULL) ||
	    waitpid(program->child, &status, 0) != program->child || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTRAP)
		return false;
	return ptrace(PTRACE_GETREGS, program->child, NULL, &program->registers) == 0;
}

void pe_program_kept(const struct user_regs_struct *registers, uint64_t ret[PE_KEPT])
{
	const uint64_t kept[PE_KEPT] = {registers->rbx, registers->rbp, registers->rsi, registers->rdi,
					registers->r12, registers->r13, registers->r14, registers->r15};

	memcpy(ret, kept, sizeof(kept));
}

static void push_caller(struct pe_program *program, const struct user_regs_struct *before)
{
	struct pe_caller *caller = &program->callers[program->depth++];

	caller->sp = program->registers.rsp + 8;
	if (pread(program->memory, &caller->pc, sizeof(caller->pc), (off_t)program->registers.rsp) != 8)
		caller->pc = 0;
	pe_program_kept(before, caller->kept);
}

bool pe_program_start(struct pe_program *program, const char *path, const char **why)
{
	struct user_regs_struct before;
	char name[64];
	int status;

	memset(program, 0, sizeof(*program));
	program->memory = -1;
	*why = "the program could not be read";
	program->base = load(path, &program->size);
	if (!program->base)
		return false;
	*why = "nothing may be traced here";
	program->child = fork();
	if (program->child == 0)
		run(program);
	if (program->child < 0 || waitpid(program->child, &status, 0) != program->child || !WIFSTOPPED(status))
		return false;
	snprintf(name, sizeof(name), "/proc/%d/mem", (int)program->child);
	program->memory = open(name, O_RDONLY | O_CLOEXEC);
	if (program->memory < 0)
		return false;
	do {
		before = program->registers;
		if (!single_step(program))
			return false;
	} while (!is_inside(program));
	push_caller(program, &before);
	return true;
}

/* call rel32, and call r/m with or without a REX prefix. */
static bool is_call(const uint8_t *code)
{
	if ((*code & 0xf0) == 0x40)
		code++;
	return *code == 0xe8 || (*code == 0xff && (code[1] >> 3 & 7) == 2);
}

bool pe_program_step(struct pe_program *program)
{
	struct user_regs_struct before = program->registers;
	const uint8_t *code = program->base + (before.rip - (uint64_t)program->base);
	bool calls = is_call(code), returns = *code == 0xc3 || *code == 0xc2 || (*code == 0xf3 && code[1] == 0xc3);

	if (!single_step(program) || !is_inside(program))
		return false;
	program->steps++;
	if (calls && program->depth < PE_DEPTH)
		push_caller(program, &before);
	else if (returns && program->depth)
		program->depth--;
	return true;
}

void pe_program_end(struct pe_program *program)
{
	if (program->memory >= 0)
		close(program->memory);
	if (program->child > 0) {
		kill(program->child, SIGKILL);
		waitpid(program->child, NULL, 0);
	}
	if (program->base)
		munmap(program->base, program->size);
}
