// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Memory that is more, or other, than a dump's writer would like: what lies behind a page may be
 * far away, gone, or in the hands of somebody who does not answer.
 */
#include "inquest-stub.h"
#include "stubbed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma weak inquest_dump_now

enum { PAGE = 4096 };

static char *anonymous(size_t size, int flags)
{
	char *place = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	if (place == MAP_FAILED)
		fail("mmap");
	return place;
}

/* 128 GiB, of which a few pages were ever touched. */
static void mode_sparse(void)
{
	char *place = anonymous(128ul << 30, 0);

	madvise(place, 128ul << 30, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < 128ul << 30; at += 4ul << 30)
		place[at] = 1;
	crash();
}

/* As many as the kernel lets a process have; the last are the stub's to live with. */
static void mode_all_mappings(void)
{
	char *place = anonymous(70000ul * PAGE, 0);

	for (size_t at = 0; at < 70000ul * PAGE && !mprotect(place + at, PAGE, PROT_READ);
	     at += 2 * PAGE)
		;
	crash();
}

FRAME static void crash_far_down(size_t left)
{
	volatile char room[65536];

	room[0] = (char)left;
	if (left > sizeof(room))
		crash_far_down(left - sizeof(room));
	else
		crash();
	after += room[0];
}

static void *deep_thread(void *unused)
{
	crash_far_down((1ul << 30) - (1ul << 20));
	return unused;
}

/* One stack of 1 GiB, in use to its end. */
static void mode_deep_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1ul << 30);
	if (pthread_create(&thread, &attributes, deep_thread, NULL))
		fail("thread");
	pthread_join(thread, NULL);
}

static void mode_huge_pages(void)
{
	char *place = anonymous(64ul << 20, 0);
	char *huge = mmap(NULL, 2ul << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	madvise(place, 64ul << 20, MADV_HUGEPAGE);
	memset(place, 1, 16ul << 20);
	/* With nothing reserved for them; the pool may be empty. */
	after += huge != MAP_FAILED;
	crash();
}

/* A shared file that is shorter than its mapping: reading the rest is SIGBUS, for others EFAULT or
 * EIO. */
static void mode_truncated_file(void)
{
	int fd = memfd_create("short", 0);
	char *place;

	if (ftruncate(fd, 64 * PAGE))
		fail("memfd");
	place = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(place, 1, 64 * PAGE);
	if (ftruncate(fd, 3 * PAGE + 100))
		fail("memfd");
	crash();
}

/* --- pages that somebody else must bring, and does not ------------------------------------- */

/* userfaultfd(2): whoever touches a page of it waits for a thread that never looks. */
static void mode_userfault(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	char *place = anonymous(1ul << 20, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		fail("userfaultfd");
	place[0] = 1;
	range.range.start = (size_t)place;
	range.range.len = 1ul << 20;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		fail("userfaultfd");
	crash();
}

static void answer(int fd, const struct fuse_in_header *in, int error, const void *body,
		   size_t size)
{
	static char reply[sizeof(struct fuse_out_header) + PAGE];
	struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + size), .error = error, .unique = in->unique};

	memcpy(reply, &out, sizeof(out));
	memcpy(reply + sizeof(out), body, size);
	after += write(fd, reply, out.len) < 0;
}

static struct fuse_attr attributes_of(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = 1ul << 20,
		.nlink = 1,
		.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644,
	};
}

/* One file with one mebibyte, of which only the first page can be read: the rest is asked for in
 * vain. */
static void serve(int fd)
{
	static _Alignas(8) char request[1 << 20], page[PAGE];
	const struct fuse_in_header *in = (const void *)request;

	while (read(fd, request, sizeof(request)) > 0) {
		struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
					     .minor = FUSE_KERNEL_MINOR_VERSION,
					     .max_write = 65536,
					     .flags = FUSE_ASYNC_READ};
		struct fuse_entry_out entry = {
			.nodeid = 2, .attr_valid = 1, .entry_valid = 1, .attr = attributes_of(2)};
		struct fuse_attr_out attr = {.attr_valid = 1, .attr = attributes_of(in->nodeid)};
		struct fuse_open_out opened = {.open_flags = FOPEN_KEEP_CACHE};
		const struct fuse_read_in *wanted = (const void *)(in + 1);

		if (in->opcode == FUSE_INIT)
			answer(fd, in, 0, &init, sizeof(init));
		else if (in->opcode == FUSE_LOOKUP)
			answer(fd, in, 0, &entry, sizeof(entry));
		else if (in->opcode == FUSE_GETATTR)
			answer(fd, in, 0, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			answer(fd, in, 0, &opened, sizeof(opened));
		else if (in->opcode != FUSE_READ)
			answer(fd, in, -ENOSYS, NULL, 0);
		else if (wanted->offset == 0 && wanted->size == PAGE)
			answer(fd, in, 0, page, sizeof(page));
	}
	_exit(0);
}

static void *serve_thread(void *fd)
{
	serve(*(int *)fd);
	return fd;
}

/* FOLDER: a file system is mounted there whose server is `inside` this process or another one, and
 * its file is mapped; one page of it is there. As root. */
static void crash_beside_a_file_system(bool inside)
{
	static int fd;
	char path[256], options[128];
	const char *mapped;
	pthread_t thread;
	int file;

	/* Whoever reads in vain holds this process's mappings, and whatever looks at them: not for
	 * ever. */
	alarm(20);
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 fd);
	if (fd < 0 || mount("stubbed", argument, "fuse.stubbed", MS_NOSUID | MS_NODEV, options))
		fail("fuse");
	if (inside) {
		pthread_create(&thread, NULL, serve_thread, &fd);
	} else if (!fork()) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		alarm(8);
		serve(fd);
	}
	snprintf(path, sizeof(path), "%s/file", argument);
	file = open(path, O_RDONLY);
	posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
	mapped = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, file, 0);
	if (file < 0 || mapped == MAP_FAILED)
		fail("fuse: file");
	madvise((void *)mapped, 1 << 20, MADV_RANDOM);
	after += *(volatile const char *)mapped;
	crash();
}

static void mode_file_system_hangs(void)
{
	crash_beside_a_file_system(false);
}

static void mode_file_system_inside(void)
{
	crash_beside_a_file_system(true);
}

enum { KEPT = 1 << 20 };

/* "crash", or a number of dumps without one: with memory that children do not get. Says where it
 * is; each word is its own distance from there, turned around. */
static void mode_keeps_memory(void)
{
	char *memory = mmap(NULL, KEPT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t at = 0; at < KEPT; at += sizeof(size_t))
		*(size_t *)(void *)(memory + at) = ~at;
	if (madvise(memory, KEPT, MADV_DONTFORK))
		fail("madvise");
	printf("memory %p\n", (void *)memory);
	fflush(stdout);
	if (strcmp(argument, "crash") == 0)
		crash();
	exit(inquest_dump_now() ? 1 : 0);
}

const struct mode memory_modes[] = {
	{"keeps-memory", mode_keeps_memory},
	{"sparse", mode_sparse},
	{"all-mappings", mode_all_mappings},
	{"deep-stack", mode_deep_stack},
	{"huge-pages", mode_huge_pages},
	{"truncated-file", mode_truncated_file},
	{"userfault", mode_userfault},
	{"file-system-hangs", mode_file_system_hangs},
	{"file-system-inside", mode_file_system_inside},
	{NULL, NULL},
};
