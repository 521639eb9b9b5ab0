/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of real code: a child notes its return addresses, parks, and is unwound from outside. */
#include "config.h"

#include "support/file.h"
#include "symbols/image.h"
#include "target/target.h"
#include "unwind/unwind.h"

#include <alloca.h>
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_EXPECTED = 256, MAX_MODULES = 64 };

/* What the child tells, in shared memory. */
struct notes {
	volatile int parked;
	volatile unsigned count;
	void *volatile expected[MAX_EXPECTED]; /* return addresses, outermost first */
};

static struct notes *notes;

#define NOTE() (notes->expected[notes->count++] = __builtin_return_address(0))
#define DEEP __attribute__((noinline, noclone))
/* Keeps a call from becoming a jump. */
#define KEEP() __asm__ volatile("" ::: "memory")

/* --- the child ----------------------------------------------------------------------------------------------------- */

static DEEP void park(void)
{
	NOTE();
	notes->parked = 1;
	for (;;) {
		long result;

		__asm__ volatile("syscall" : "=a"(result) : "a"(34L /* pause */) : "rcx", "r11", "memory");
	}
}

static DEEP int with_alloca(int n, void (*next)(void))
{
	char *room = alloca((size_t)n * 100 + 1);

	NOTE();
	room[0] = (char)n;
	__asm__ volatile("" ::"r"(room) : "memory");
	next();
	KEEP();
	return room[0];
}

__attribute__((optimize("omit-frame-pointer"))) static DEEP int without_frame_pointer(int n, void (*next)(void))
{
	volatile int here[20] = {n};

	NOTE();
	if (n > 0)
		here[1] = without_frame_pointer(n - 1, next);
	else
		with_alloca(7, next);
	KEEP();
	return here[0] + here[1];
}

/* Code without CFI: it leaves rbp alone, or keeps a frame. */
void bare(void (*next)(void));
void bare_framed(void (*next)(void));
__asm__(".text\n.type bare, @function\nbare:\n"
	"	sub $40, %rsp\n	call *%rdi\n	add $40, %rsp\n	ret\n.size bare, . - bare\n"
	".type bare_framed, @function\nbare_framed:\n"
	"	push %rbp\n	mov %rsp, %rbp\n	sub $64, %rsp\n	call *%rdi\n	leave\n	ret\n"
	".size bare_framed, . - bare_framed\n");

static DEEP void through_bare(void)
{
	NOTE();
	bare(park);
	KEEP();
}

static DEEP void through_bare_framed(void)
{
	NOTE();
	bare_framed(park);
	KEEP();
}

static void on_signal(int number)
{
	NOTE();
	without_frame_pointer(number & 1, park);
	KEEP();
}

static DEEP void through_signal(bool other_stack)
{
	static char stack[1 << 16];
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = other_stack ? SA_ONSTACK : 0};

	NOTE();
	if (other_stack)
		sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	KEEP();
}

static void same_stack(void)
{
	through_signal(false);
	KEEP();
}

static void other_stack(void)
{
	through_signal(true);
	KEEP();
}

static int compare(const void *a, const void *b)
{
	(void)b;
	NOTE();
	if (*(const int *)a)
		park();
	KEEP();
	return 0;
}

static DEEP void through_qsort(void)
{
	int numbers[] = {1, 2};

	NOTE();
	qsort(numbers, 2, sizeof(numbers[0]), compare);
	KEEP();
}

/* --- the target ---------------------------------------------------------------------------------------------------- */

struct live {
	struct inq_target target;
	pid_t pid;
	struct inq_module modules[MAX_MODULES];
	struct inq_image *images[MAX_MODULES];
	size_t count;
};

static enum inq_status read_live(struct inq_target *self, uint64_t address, void *to, size_t size, size_t *ret_done,
				 struct inq_error *err)
{
	struct live *live = (struct live *)self;
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size};
	ssize_t done = process_vm_readv(live->pid, &local, 1, &remote, 1, 0);

	if (done <= 0)
		return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
	*ret_done = (size_t)done;
	return INQ_OK;
}

static enum inq_status read_image(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				  struct inq_error *err)
{
	return read_live(user, at, to, size, ret_done, err);
}

static struct inq_image *open_image(struct live *live, const char *path, uint64_t base)
{
	struct inq_image *image = NULL;
	struct inq_file *file;

	if (path[0] == '[')
		inq_image_open_memory((struct inq_image_reader){read_image, live}, base, &image, NULL);
	else if (inq_file_open(path, &file, NULL) == INQ_OK)
		inq_image_open_file(file, &image, NULL);
	return image;
}

static void find_modules(struct live *live)
{
	char name[64], line[4096], path[4096], last[4096] = "";
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)live->pid);
	maps = fopen(name, "re");
	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095s", &start, &end, path) != 3 ||
		    (path[0] != '/' && strcmp(path, "[vdso]")))
			continue;
		if (strcmp(path, last)) {
			cr_assert_lt(live->count, MAX_MODULES);
			live->images[live->count] = open_image(live, path, start);
			live->modules[live->count++].base = start;
			snprintf(last, sizeof(last), "%s", path);
		}
		live->modules[live->count - 1].size = end - live->modules[live->count - 1].base;
	}
	fclose(maps);
}

static enum inq_status module_at(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	struct live *live = user;
	const struct inq_module *module = inq_module_at(live->modules, live->count, address);
	struct inq_image *image;

	if (!module || !(image = live->images[module - live->modules]))
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){image, module->base, module->size, module->base - inq_image_start(image)};
	return INQ_OK;
}

/* --- the walk ------------------------------------------------------------------------------------------------------- */

static pid_t start(void (*scenario)(void))
{
	pid_t pid;

	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(notes, MAP_FAILED);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		scenario();
		_exit(1);
	}
	for (int i = 0; i < 5000 && !notes->parked; i++)
		usleep(1000);
	cr_assert(notes->parked);
	return pid;
}

static void get_context(pid_t pid, struct inq_context *ret)
{
	struct user_regs_struct registers;
	struct iovec vector = {&registers, sizeof(registers)};
	uint64_t tls;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0)) {
		int error = errno;

		kill(pid, SIGKILL);
		cr_skip_test("no ptrace here: %s", strerror(error));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector), 0);
	cr_assert(inq_context_from_prstatus(INQ_MACHINE_AMD64, &registers, sizeof(registers), NULL, 0, ret, &tls));
}

/* The noted return addresses appear in order, innermost first, and with nothing between them but `between` frames
 * that cannot take notes (SIZE_MAX: the C library's, any number); guesses are as many as `guessed`. */
static void check(const struct inq_frames *frames, size_t between, size_t guessed)
{
	unsigned left = notes->count;
	size_t skipped = 0, guesses = 0, i;

	for (i = 1; i < frames->count && left; i++) {
		if (frames->frames[i].pc == (uint64_t)(uintptr_t)notes->expected[left - 1])
			left--;
		else
			skipped++;
	}
	for (size_t k = 0; k < frames->count; k++)
		guesses += frames->frames[k].trust > INQ_TRUST_SIGNAL;
	cr_expect_eq(left, 0, "%u of %u frames were missed", left, notes->count);
	if (between != SIZE_MAX)
		cr_expect_eq(skipped, between, "%zu frames in between", skipped);
	cr_expect_eq(guesses, guessed, "%zu frames by guess", guesses);
	cr_expect_eq(frames->stop, INQ_STOP_END, "%s", inq_stop_text(frames->stop));
}

static void unwind(void (*scenario)(void), size_t between, size_t guessed)
{
	static const struct inq_target_ops OPS = {.kind = "child", .read = read_live};
	struct live live = {.target = {.ops = &OPS, .name = "child"}, .pid = start(scenario)};
	struct inq_unwind_source source = {.target = &live.target, .module = module_at, .user = &live};
	struct inq_unwinder *unwinder;
	struct inq_context context;
	struct inq_frames frames;
	struct inq_error err = {0};

	get_context(live.pid, &context);
	find_modules(&live);
	cr_assert_eq(inq_unwinder_new(&source, &unwinder, &err), INQ_OK);
	cr_assert_eq(inq_unwind(unwinder, &context, 1000, &frames, &err), INQ_OK, "%s", err.text);
	kill(live.pid, SIGKILL);
	waitpid(live.pid, NULL, 0);
	check(&frames, between, guessed);
	inq_frames_done(&frames);
	inq_unwinder_free(unwinder);
	for (size_t i = 0; i < live.count; i++)
		inq_image_free(live.images[i]);
	munmap(notes, sizeof(*notes));
}

TestSuite(unwind_live, .timeout = 30);

static void deep(void)
{
	without_frame_pointer(100, park);
	KEEP();
}

Test(unwind_live, optimized_code_with_alloca_is_unwound_exactly)
{
	unwind(deep, 0, 0);
}

Test(unwind_live, code_without_cfi_and_frame_pointer_is_found_by_its_call)
{
	/* through_bare, bare (cannot take notes; its own return address is park's): bare's caller is the guess */
	unwind(through_bare, 1, 1);
}

Test(unwind_live, code_without_cfi_is_followed_by_its_frame_pointer)
{
	unwind(through_bare_framed, 1, 1);
}

Test(unwind_live, a_handler_on_the_same_stack_leads_to_what_it_interrupted)
{
	unwind(same_stack, SIZE_MAX, 0);
}

Test(unwind_live, a_handler_on_another_stack_leads_back)
{
	unwind(other_stack, SIZE_MAX, 0);
}

Test(unwind_live, a_callback_of_the_c_library_leads_through_it)
{
	unwind(through_qsort, SIZE_MAX, 0);
}
