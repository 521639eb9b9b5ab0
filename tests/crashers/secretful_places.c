/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets in all that a process has beside stacks and registers: memory, names, descriptors, annotations. */
#include "secretful.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { PAGE = 4096 };

static uint8_t global[48] = {1}, in_bss[33], ends_globals[99] = {1};
static uint8_t hidden_data[3 * PAGE] = {1};
static __thread uint8_t in_tls[40];

/* --- memory ----------------------------------------------------------------------------------------------- */

static uint8_t *map(int flags, int fd)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (page == MAP_FAILED)
		_exit(3);
	return page;
}

static void plant_advised(const char *where, int advice)
{
	uint8_t *page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

	fill(where, page + 17, 64);
	madvise(page, PAGE, advice);
	KEEP(page);
}

/* A page of something that is dumped otherwise: the data of a module, a stack. */
static void plant_hidden_page(const char *where, uint8_t *room)
{
	uint8_t *page = (uint8_t *)(((uintptr_t)room + PAGE - 1) & ~(uintptr_t)(PAGE - 1));

	fill(where, page + 17, 64);
	madvise(page, PAGE, MADV_DONTDUMP);
	KEEP(page);
}

static void plant_secret_memory(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	uint8_t *page;

	if (fd < 0 || ftruncate(fd, PAGE))
		return;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		fill("secret memory", page, 64);
}

static void plant_memory(void)
{
	uint8_t *heap = malloc(PAGE), *page;

	fill("heap", heap, 64);
	fill("heap", heap + 1001, 21);
	fill_some("heap", heap + 2000);
	fill("global", global, sizeof(global));
	fill("global", ends_globals, sizeof(ends_globals));
	fill("bss", in_bss, sizeof(in_bss));
	fill("tls", in_tls, sizeof(in_tls));
	plant_advised("dontdump", MADV_DONTDUMP);
	plant_hidden_page("dontdump, in data", hidden_data);
	plant_advised("wipeonfork", MADV_WIPEONFORK);
	plant_secret_memory();
	page = map(MAP_SHARED | MAP_ANONYMOUS, -1);
	fill("shared memory", page, 64);
	page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill("read-only memory", page, 64);
	mprotect(page, PAGE, PROT_READ);
	page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill("executable memory", page, 64);
	mprotect(page, PAGE, PROT_READ | PROT_EXEC);
	page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill("memory without access", page, 64);
	mprotect(page, PAGE, PROT_NONE);
}

/* --- names ------------------------------------------------------------------------------------------------ */

static void name_mappings(void)
{
	uint8_t *page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char name[48];
	int fd;

	fill_text("mapping name", name, 20);
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, PAGE, name))
		dprintf(list, "# this kernel names no mappings (CONFIG_ANON_VMA_NAME)\n");
	fill_text("memfd name", name, 20);
	fd = memfd_create(name, 0);
	if (fd < 0 || ftruncate(fd, PAGE) || mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		dprintf(list, "# no memfd\n");
}

/* One that is gone when it is asked for, one that is there until the end, and the folder that all work in. */
static void name_files(void)
{
	char name[48] = "/tmp/", folder[48] = "/tmp/";
	uint8_t *page;
	int fd;

	fill_text("file name", name + 5, 20);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, PAGE))
		_exit(3);
	page = map(MAP_SHARED, fd);
	fill("mapped file", page, 64);
	unlink(name);
	fill_text("name of a folder", folder + 5, 20);
	if (!mkdir(folder, 0700) && !chdir(folder))
		rmdir(folder);
}

static void open_descriptors(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char contents[40];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pipes[2];

	fill_text("name of a socket", address.sun_path + 1, 30);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family) + 31) || listen(fd, 1))
		dprintf(list, "# no socket\n");
	fill_text("in a pipe", contents, 39);
	if (pipe(pipes) || write(pipes[1], contents, 39) != 39)
		dprintf(list, "# no pipe\n");
}

/* As a program with the stub would; without it there are none. */
static void annotate(void)
{
	int (*set)(const char *, const char *, unsigned) = dlsym(RTLD_DEFAULT, "inquest_annotate");
	char value[LONGEST + 1], key[24];

	fill_text("annotation", value, LONGEST);
	fill_text("annotation's key", key, 20);
	if (set && (set("note", value, 0) || set(key, "value", 0)))
		dprintf(list, "# no annotation\n");
}

void plant_places(void)
{
	plant_memory();
	name_mappings();
	name_files();
	open_descriptors();
	annotate();
}

/* --- threads ---------------------------------------------------------------------------------------------- */

static volatile int ready;

static DEEP void rests(int depth)
{
	char some[96];

	fill_some("other thread", some);
	KEEP(some);
	if (depth) {
		rests(depth - 1);
	} else {
		ready++;
		load_and_wait();
	}
	KEEP(some);
}

static void *waits(void *argument)
{
	uint8_t hidden_stack[3 * PAGE];
	char name[16];

	if (argument)
		plant_hidden_page("dontdump, on a stack", hidden_stack);
	KEEP(hidden_stack);
	fill("tls of a thread", in_tls, sizeof(in_tls));
	fill_text("thread name", name, sizeof(name) - 1);
	prctl(PR_SET_NAME, name);
	rests(3);
	return argument;
}

void start_threads(void)
{
	pthread_t thread;

	/* A page that cannot be had parts a stack, and its frames: of one of them. */
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&thread, NULL, waits, i ? &thread : NULL))
			_exit(3);
		while (ready == i)
			usleep(500);
	}
}
