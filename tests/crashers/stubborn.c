/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that is hard to dump, and rests. Prints "ready PID [ADDRESS]" when it is so; the address is of memory that
 * cannot be had. Usage: stubborn WORD [FOLDER]
 *
 *     plain      16 MiB with something in every page
 *     large      6 GiB, of which two pages have something: each word of the first and of the last is its address
 *     torn       a page of a mapping lies behind the end of its file
 *     fault      16 pages that a userfaultfd is responsible for, whom nobody asks
 *     fork-event the same, and a fork waits until its event is read
 *     fuse       a file of a file system whose server reads nothing; FOLDER is where it is mounted
 *     churn      two threads map, write and unmap all the time
 *     leaderless the main thread has ended
 *     reaper     adopts orphans, and says at the end (SIGTERM) whether it saw a child or a SIGCHLD
 *     filtered   a system call filter that kills for clone(), fork(), ptrace()
 *     no-new     no_new_privs
 *     init       the first of a PID namespace; it prints the id that it has there
 *     inner      the second of a PID namespace
 *     blocked    SIGUSR1 is pending and blocked, SIGUSR2 too in a thread
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MANY = 4096, SOME = 16 };

static const char *folder;
static volatile sig_atomic_t children;

static void fail(const char *what)
{
	fprintf(stderr, "stubborn: %s: %s\n", what, strerror(errno));
	exit(77);
}

static char *anonymous(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

static void *make_plain(void)
{
	char *memory = anonymous(MANY);

	for (size_t i = 0; i < MANY; i++)
		memset(memory + i * PAGE, (int)(i % 251 + 1), PAGE);
	return NULL;
}

static void *make_large(void)
{
	const size_t pages = 6ul << 18;
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < PAGE / sizeof(uintptr_t); i++) {
		uintptr_t *first = (void *)memory, *last = (void *)(memory + (pages - 1) * PAGE);

		first[i] = (uintptr_t)&first[i];
		last[i] = (uintptr_t)&last[i];
	}
	return memory;
}

static void *make_torn(void)
{
	int fd = memfd_create("torn", MFD_CLOEXEC);
	char *memory;

	if (fd < 0 || ftruncate(fd, 3 * PAGE))
		fail("memfd_create");
	memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		fail("mmap");
	memset(memory, 't', 3 * PAGE);
	if (ftruncate(fd, 2 * PAGE))
		fail("ftruncate");
	return memory + 2 * PAGE;
}

static void *watched(uint64_t features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING, .range.len = SOME * PAGE};
	char *memory = anonymous(SOME);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	range.range.start = (uintptr_t)memory;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		fail("userfaultfd");
	return memory;
}

static void *make_fault(void)
{
	return watched(0);
}

static void *make_fork_event(void)
{
	return watched(UFFD_FEATURE_EVENT_FORK);
}

/* --- a file system -------------------------------------------------------------------------------- */

static void answer(int fd, uint64_t unique, int error, const void *body, size_t size)
{
	char out[sizeof(struct fuse_out_header) + 256];
	struct fuse_out_header head = {.len = (uint32_t)(sizeof(head) + size), .error = error, .unique = unique};

	memcpy(out, &head, sizeof(head));
	if (size)
		memcpy(out + sizeof(head), body, size);
	(void)!write(fd, out, sizeof(head) + size);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == 1 ? 0 : SOME * PAGE,
		.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = 1,
		.blksize = PAGE,
	};
}

/* One folder, one file; its bytes never come. */
static void serve(int fd)
{
	static char in[1 << 17];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fd, in, sizeof(in)) > 0) {
		const struct fuse_in_header *head = (const void *)in;
		struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attributes(head->nodeid)};
		struct fuse_entry_out entry = {.nodeid = 2, .attr_valid = 3600, .entry_valid = 3600, .attr = attributes(2)};
		struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = PAGE, .max_readahead = PAGE};
		struct fuse_open_out opened = {.open_flags = FOPEN_KEEP_CACHE};

		switch (head->opcode) {
		case FUSE_INIT: answer(fd, head->unique, 0, &init, sizeof(init)); break;
		case FUSE_GETATTR: answer(fd, head->unique, 0, &attr, sizeof(attr)); break;
		case FUSE_LOOKUP: answer(fd, head->unique, 0, &entry, sizeof(entry)); break;
		case FUSE_OPEN: answer(fd, head->unique, 0, &opened, sizeof(opened)); break;
		case FUSE_READ: break;
		case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
		default: answer(fd, head->unique, -ENOSYS, NULL, 0); break;
		}
	}
	_exit(0);
}

static void *make_fuse(void)
{
	char options[96], path[4096];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), file;
	void *memory;

	if (fd < 0 || !folder || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("stubborn", folder, "fuse", MS_NOSUID | MS_NODEV, options))
		fail("mount");
	if (!fork())
		serve(fd);
	close(fd);
	snprintf(path, sizeof(path), "%s/file", folder);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		fail(path);
	memory = mmap(NULL, SOME * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

/* --- threads -------------------------------------------------------------------------------------- */

static void *churn(void *unused)
{
	for (size_t round = 0;; round++) {
		size_t size = (round % 64 + 1) * PAGE;
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			continue;
		memset(memory, 'c', size);
		munmap(memory, size);
	}
	return unused;
}

static void start(void *(*what)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, what, NULL))
		fail("pthread_create");
}

static void *make_churn(void)
{
	start(churn);
	start(churn);
	return NULL;
}

static void *rest(void *unused)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
	return unused;
}

static void *make_leaderless(void)
{
	start(rest);
	pthread_exit(NULL);
}

/* --- who it is ------------------------------------------------------------------------------------ */

static void note_child(int number)
{
	(void)number;
	children++;
}

static void tell(int number)
{
	int status;

	(void)number;
	if (waitpid(-1, &status, WNOHANG | __WALL) >= 0 || errno != ECHILD)
		children++;
	printf("%d children\n", (int)children);
	fflush(stdout);
	_exit(0);
}

static void *make_reaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, note_child);
	signal(SIGTERM, tell);
	return NULL;
}

static void *make_filtered(void)
{
#define KILLS(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* nr */
		KILLS(SYS_clone), KILLS(SYS_fork), KILLS(SYS_ptrace), KILLS(SYS_close_range), KILLS(SYS_wait4),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("seccomp");
	return NULL;
}

static void *make_no_new(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("no_new_privs");
	return NULL;
}

/* In a new PID namespace; the parent waits outside and says nothing. */
static void descend(void)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("fork");
	if (child) {
		waitpid(child, &status, 0);
		_exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void *make_init(void)
{
	if (unshare(CLONE_NEWPID))
		fail("PID namespace");
	descend();
	return NULL;
}

static void *make_inner(void)
{
	make_init();
	descend();
	return NULL;
}

static void *with_pending(void *unused)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(pthread_self(), SIGUSR2);
	for (;;)
		pause();
	return unused;
}

static void *make_blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	start(with_pending);
	usleep(100000);
	return NULL;
}

static const struct {
	const char *word;
	void *(*make)(void);
} makers[] = {
	{"plain", make_plain}, {"large", make_large}, {"torn", make_torn}, {"fault", make_fault}, {"fork-event", make_fork_event},
	{"fuse", make_fuse}, {"churn", make_churn}, {"leaderless", make_leaderless}, {"reaper", make_reaper},
	{"filtered", make_filtered}, {"no-new", make_no_new}, {"init", make_init}, {"inner", make_inner},
	{"blocked", make_blocked},
};

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	folder = argc > 2 ? argv[2] : NULL;
	for (size_t i = 0; argc > 1 && i < sizeof(makers) / sizeof(makers[0]); i++) {
		void *address;

		if (strcmp(argv[1], makers[i].word) != 0)
			continue;
		address = makers[i].make();
		printf("ready %d %p\n", (int)getpid(), address);
		fflush(stdout);
		for (;;)
			pause();
	}
	fprintf(stderr, "stubborn: no such word\n");
	return 2;
}
