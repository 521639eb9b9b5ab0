/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each letter brings, on a process, on a dump of it and on a core, beside independent sources: /proc and the
 * process itself. */
#define _GNU_SOURCE
#include "config.h"

#include "capture/capture.h"
#include "capture/run.h"
#include "letters_victim.h"
#include "minidump/inquest.h"
#include "minidump/reader.h"
#include "privacy/veil.h"
#include "target/live.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALL_WANTS 0xffffffffu

static struct victim *victim;
static struct inq_live *live;
static struct inq_target *process;

static void open_process(int with_truncated)
{
	const struct inq_live_options options = {.wants = ALL_WANTS};
	struct inq_error err = {0};

	victim = victim_start(with_truncated);
	if (inq_live_open((uint32_t)victim->pid, &options, &live, &err) != INQ_OK)
		cr_skip("no process may be traced here: %s", err.text);
	cr_assert_eq(inq_target_open_live(inq_live_source(live), &process, &err), INQ_OK, "%s", err.text);
}

static void start(void)
{
	open_process(0);
}

static void end(void)
{
	inq_target_free(process);
	inq_live_free(live);
	if (victim)
		victim_end(victim);
}

TestSuite(letters, .init = start, .fini = end, .timeout = 120);

/* --- writing and opening -------------------------------------------------------------------------------- */

static enum inq_status write_to(struct inq_target *target, const char *letters, int fd,
				const struct inq_capture_hooks *hooks, struct inq_capture_report *report,
				struct inq_error *err)
{
	struct inq_dump_options options;
	struct inq_veil_policy policy;
	struct inq_veil *veil;
	enum inq_status status;

	cr_assert_eq(inq_dump_options_parse(letters, &options, err), INQ_OK, "%s", err->text);
	policy = inq_dump_options_policy(&options);
	cr_assert_eq(inq_veil_new(target, &policy, &veil, err), INQ_OK, "%s", err->text);
	status = inq_capture(veil, &options, fd, hooks, report, err);
	inq_veil_free(veil);
	return status;
}

struct written {
	int fd;
	char path[64];
	struct inq_file *file;
	struct inq_dump *dump;
	struct inq_target *target;
	struct inq_capture_report report;
};

static struct written write_dump(struct inq_target *from, const char *letters)
{
	struct written written = {.fd = memfd_create("dump", MFD_CLOEXEC)};
	struct inq_error err = {0};

	cr_assert_eq(write_to(from, letters, written.fd, NULL, &written.report, &err), INQ_OK, "%s: %s", letters,
		     err.text);
	snprintf(written.path, sizeof(written.path), "/proc/self/fd/%d", written.fd);
	cr_assert_eq(inq_file_open(written.path, &written.file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_dump_open(written.file, &written.dump, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_target_open_file(written.path, &written.target, &err), INQ_OK, "%s", err.text);
	return written;
}

static void close_dump(struct written *written)
{
	inq_target_free(written->target);
	inq_dump_close(written->dump);
	inq_file_close(written->file);
	close(written->fd);
}

/* --- the matrix ------------------------------------------------------------------------------------------- */

static const char *const combinations[] = {
	"m",	"ma",	"mA",	"mc",	 "md",	  "mf",	   "mF",    "mh",   "mi",   "mk",    "mp",  "mt",
	"mu",	"mw",	"my", "mR", "mhR", "mfFhut", "mfiu", "mfh",   "mwp",   "mdc",  "mhut", "mcdip", "miy", "mAypk",
};
enum { COMBINATIONS = sizeof(combinations) / sizeof(combinations[0]) };

static bool asks(const char *letters, const char *row)
{
	char all[32];

	snprintf(all, sizeof(all), "%s%s", letters + 1, strpbrk(letters, "aA") ? "fFhut" : "");
	return !row[0] || strpbrk(all, row);
}

/* Present because of what happened, not of what was asked for. */
static bool depends(uint32_t type)
{
	return type == MD_STREAM_COMMENT_W || type == MD_STREAM_COMMENT_A || type == MD_STREAM_EXCEPTION ||
	       type == MD_STREAM_INQUEST_DETAILS;
}

/* @has  the letters' streams that this target can give; NULL: all */
static void check_directory(struct inq_target *target, const char *what, const char *has)
{
	size_t rows, count;
	const struct inq_stream_row *table = inq_stream_table(&rows);
	struct written plain = write_dump(target, "m");

	for (size_t n = 0; n < COMBINATIONS; n++) {
		struct written written = write_dump(target, combinations[n]);
		const struct inq_dump_stream *streams = inq_dump_streams(written.dump, &count);
		bool wide = strpbrk(combinations[n], "aAfw") != NULL;

		for (size_t i = 0; i < count; i++)
			cr_assert(streams[i].status == INQ_OK && !streams[i].duplicate, "%s /%s: %s", what,
				  combinations[n], streams[i].name);
		cr_assert_eq(inq_dump_find_stream(written.dump, MD_STREAM_MEMORY64_LIST) != NULL, wide, "%s /%s", what,
			     combinations[n]);
		for (size_t i = 0; i < rows; i++) {
			bool is_there = inq_dump_find_stream(written.dump, table[i].type) != NULL;
			bool wanted = asks(combinations[n], table[i].letters);

			/* The text of status, which is in every dump, has the process's counters too. */
			if (depends(table[i].type) || (has && table[i].type == MD_STREAM_PROCESS_VM_COUNTERS))
				continue;
			if (!table[i].letters[0])
				wanted = inq_dump_find_stream(plain.dump, table[i].type) != NULL;
			else if (has && !strpbrk(has, table[i].letters))
				wanted = false;
			cr_assert_eq(is_there, wanted, "%s /%s: %s is %s", what, combinations[n], table[i].name,
				     is_there ? "there" : "missing");
		}
		close_dump(&written);
	}
	close_dump(&plain);
}

Test(letters, a_process_gives_exactly_the_streams_of_the_table)
{
	check_directory(process, "process", geteuid() == 0 ? NULL : "acdfFhiptuwy");
}

Test(letters, a_dump_gives_what_it_has)
{
	struct written all = write_dump(process, "mAypk"), small;

	check_directory(all.target, "dump", NULL);
	/* Shrinking never invents: what the first dump lacks, the second lacks. */
	small = write_dump(process, "m");
	check_directory(small.target, "small dump", "tu");
	close_dump(&small);
	close_dump(&all);
}

/* --- memory ------------------------------------------------------------------------------------------------- */

static bool has_text(struct inq_target *target, uint64_t address, const char *text)
{
	char found[32];

	return inq_target_read_string(target, address, found, sizeof(found), NULL) == INQ_OK && !strcmp(found, text);
}

static bool has_any(struct inq_target *target, uint64_t address)
{
	char byte;

	return inq_target_read_all(target, address, &byte, 1, NULL) == INQ_OK;
}

Test(letters, each_brings_its_memory_and_not_that_of_the_others)
{
	/* letters, heap, data, code, secondary, untouched */
	static const struct {
		const char *letters;
		bool heap, data, code, secondary, untouched;
	} rows[] = {
		{"m", false, false, false, false, false}, {"mw", true, true, false, true, true},
		{"md", false, true, false, false, false}, {"mc", false, false, true, false, false},
		{"mi", false, false, false, true, false}, {"mf", true, true, true, true, true},
		{"mA", true, true, true, true, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct written written = write_dump(process, rows[i].letters);
		struct inq_target *target = written.target;

		cr_assert_eq(has_text(target, victim->heap, "heap text"), rows[i].heap, "%s", rows[i].letters);
		/* Past what a pointer at its start would bring. */
		if (strcmp(rows[i].letters, "mi") != 0) /* pointers may lead there */
			cr_assert_eq(has_any(target, victim->data + VICTIM_PAGE), rows[i].data, "%s",
				     rows[i].letters);
		cr_assert_eq(has_any(target, victim->code), rows[i].code, "%s", rows[i].letters);
		cr_assert_eq(has_text(target, victim->secondary, "secondary text"), rows[i].secondary, "%s",
			     rows[i].letters);
		cr_assert_eq(has_text(target, victim->untouched + VICTIM_SPARSE - VICTIM_PAGE, "end"),
			     rows[i].untouched, "%s", rows[i].letters);
		cr_assert(!has_any(target, victim->no_dump), "%s", rows[i].letters);
		cr_assert(!has_any(target, victim->wiped), "%s", rows[i].letters);
		close_dump(&written);
	}
}

/* The address space as it is, byte for byte, but for what must not be read. */
Test(letters, a_full_dump_is_the_process)
{
	struct written written = write_dump(process, "mf");
	const struct inq_range *ranges;
	char path[64];
	uint8_t *ours = malloc(1 << 20), *theirs = malloc(1 << 20);
	size_t count;
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/mem", victim->pid);
	memory = open(path, O_RDONLY);
	cr_assert_eq(inq_target_memory(process, &ranges, &count, NULL), INQ_OK);
	for (size_t i = 0; i < count; i++) {
		for (uint64_t at = 0; at < ranges[i].size; at += 1 << 20) {
			size_t size = ranges[i].size - at < 1 << 20 ? (size_t)(ranges[i].size - at) : 1 << 20;

			if (pread(memory, theirs, size, (off_t)(ranges[i].base + at)) != (ssize_t)size)
				continue;
			cr_assert_eq(inq_target_read_all(written.target, ranges[i].base + at, ours, size, NULL), INQ_OK,
				     "0x%llx", (unsigned long long)(ranges[i].base + at));
			cr_assert_eq(memcmp(ours, theirs, size), 0, "0x%llx", (unsigned long long)(ranges[i].base + at));
		}
	}
	close(memory);
	free(ours);
	free(theirs);
	close_dump(&written);
}

Test(letters, untouched_memory_takes_no_room)
{
	struct written written = write_dump(process, "mf");
	struct stat facts;

	cr_assert_eq(fstat(written.fd, &facts), 0);
	cr_assert_geq(facts.st_size, VICTIM_SPARSE);
	/* A sanitizer's run time touches some megabytes of its own. */
	cr_assert_lt(facts.st_blocks * 512, VICTIM_SPARSE, "%lld blocks", (long long)facts.st_blocks);
	close_dump(&written);
}

Test(letters, p_brings_the_thread_blocks_and_the_arguments)
{
	struct written written = write_dump(process, "mp");
	uint64_t self;
	const char *text;
	size_t size;

	/* struct pthread points at itself, third word. */
	cr_assert_eq(inq_target_read_pointer(written.target, victim->thread_pointer + 16, &self, NULL), INQ_OK);
	cr_assert_eq(self, victim->thread_pointer);
	cr_assert_eq(inq_target_text(written.target, INQ_TEXT_AUXV, &text, &size, NULL), INQ_OK);
	for (size_t i = 0; i + 16 <= size; i += 16) {
		uint64_t entry[2];
		char name[256], link[256] = "", path[64];

		memcpy(entry, text + i, sizeof(entry));
		if (entry[0] != 31) /* AT_EXECFN */
			continue;
		cr_assert_eq(inq_target_read_string(written.target, entry[1], name, sizeof(name), NULL), INQ_OK);
		snprintf(path, sizeof(path), "/proc/%d/exe", victim->pid);
		cr_assert_gt(readlink(path, link, sizeof(link) - 1), 0);
		cr_assert_str_eq(strrchr(name, '/') ? strrchr(name, '/') : name, strrchr(link, '/'));
	}
	close_dump(&written);
}

/* --- handles -------------------------------------------------------------------------------------------------- */

static const struct inq_handle *handle(struct inq_target *target, int number)
{
	const struct inq_handle *handles;
	size_t count;

	cr_assert_eq(inq_target_handles(target, &handles, &count, NULL), INQ_OK);
	for (size_t i = 0; i < count; i++) {
		if (handles[i].number == (uint64_t)number)
			return &handles[i];
	}
	cr_assert_fail("descriptor %d is missing", number);
	return NULL;
}

static void expect(struct inq_target *target, int number, enum inq_handle_kind kind, const char *name,
		   const char *details)
{
	const struct inq_handle *found = handle(target, number);

	cr_assert_eq(found->kind, kind, "%d: %s", number, found->type);
	cr_assert(strstr(found->name, name), "%d: '%s' lacks '%s'", number, found->name, name);
	cr_assert(strstr(found->details, details), "%d: '%s' lacks '%s'", number, found->details, details);
}

static void check_handles(struct inq_target *target)
{
	char listen_name[64], client_name[64], shared[64];

	snprintf(listen_name, sizeof(listen_name), "tcp 127.0.0.1:%u LISTEN", victim->port);
	snprintf(client_name, sizeof(client_name), "-> 127.0.0.1:%u ESTABLISHED", victim->port);
	snprintf(shared, sizeof(shared), "end: read\nshared with: %d (write end)", victim->pipe[1]);
	expect(target, victim->pipe[0], INQ_HANDLE_PIPE, "pipe:[", shared);
	expect(target, victim->event, INQ_HANDLE_EVENTFD, "[eventfd]", "eventfd-count: 7");
	snprintf(shared, sizeof(shared), "tfd: %d ", victim->pipe[0]);
	expect(target, victim->epoll, INQ_HANDLE_EPOLL, "[eventpoll]", shared);
	expect(target, victim->timer, INQ_HANDLE_TIMERFD, "[timerfd]", "clockid: 1");
	expect(target, victim->inotify, INQ_HANDLE_INOTIFY, "inotify", "inotify wd:1");
	expect(target, victim->memory, INQ_HANDLE_MEMFD, "/memfd:letters", "size: 0");
	expect(target, victim->listener, INQ_HANDLE_SOCKET, listen_name, "family: inet");
	expect(target, victim->client, INQ_HANDLE_SOCKET, client_name, "state: ESTABLISHED");
	expect(target, victim->server, INQ_HANDLE_SOCKET, "tcp 127.0.0.1", "remote: 127.0.0.1");
	expect(target, victim->local, INQ_HANDLE_SOCKET, "unix dgram", "family: unix");
	expect(target, victim->directory, INQ_HANDLE_DIRECTORY, "/", "");
	expect(target, victim->device, INQ_HANDLE_DEVICE, "/dev/null", "device: 1:3");
	cr_assert_eq(handle(target, victim->device)->flags & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	cr_assert_eq(handle(target, victim->file)->position, 123);
}

/* As many as /proc lists, each where its link leads. */
static void check_against_links(struct inq_target *target)
{
	const struct inq_handle *handles;
	size_t count;

	cr_assert_eq(inq_target_handles(target, &handles, &count, NULL), INQ_OK);
	for (size_t i = 0; i < count; i++) {
		char path[64], link[4096];
		ssize_t size;

		snprintf(path, sizeof(path), "/proc/%d/fd/%llu", victim->pid, (unsigned long long)handles[i].number);
		size = readlink(path, link, sizeof(link) - 1);
		cr_assert_gt(size, 0, "%s", path);
		link[size] = '\0';
		if (handles[i].kind == INQ_HANDLE_FILE || handles[i].kind == INQ_HANDLE_DIRECTORY ||
		    handles[i].kind == INQ_HANDLE_DEVICE)
			cr_assert_eq(strncmp(link, handles[i].name, strlen(handles[i].name)), 0, "%s: %s", link,
				     handles[i].name);
	}
}

Test(letters, h_tells_of_every_descriptor_in_the_process_and_in_the_dump)
{
	struct written written = write_dump(process, "mh"), again;

	check_handles(process);
	check_handles(written.target);
	check_against_links(written.target);
	again = write_dump(written.target, "mh");
	check_handles(again.target);
	close_dump(&again);
	close_dump(&written);
}

/* --- threads, token, counters, registers ----------------------------------------------------------------------- */

Test(letters, t_tells_affinity_and_times)
{
	struct written written = write_dump(process, "mt");
	const struct inq_thread *threads;
	size_t count;
	cpu_set_t set;
	uint64_t mask = 0;
	time_t now = time(NULL);

	cr_assert_eq(sched_getaffinity(victim->pid, sizeof(set), &set), 0);
	for (int i = 0; i < 64; i++)
		mask |= CPU_ISSET(i, &set) ? 1ull << i : 0;
	cr_assert_eq(inq_target_threads(written.target, &threads, &count, NULL), INQ_OK);
	cr_assert_eq(count, 1 + VICTIM_THREADS);
	for (size_t i = 0; i < count; i++) {
		cr_assert(threads[i].has_times);
		cr_assert_eq(threads[i].affinity & mask, mask);
		cr_assert_lt(llabs((long long)threads[i].create_time - (long long)now), 60);
		cr_assert(!threads[i].exited);
	}
	close_dump(&written);
}

Test(letters, the_token_says_who_the_process_is)
{
	struct written written = write_dump(process, "mp");
	const struct inq_token *token;
	struct stat facts;
	char path[64];
	bool found = false;

	cr_assert_eq(inq_target_token(written.target, &token, NULL), INQ_OK);
	cr_assert_eq(token->pid, (uint32_t)victim->pid);
	cr_assert_eq(token->uid[1], geteuid());
	cr_assert_eq(token->gid[3], getegid());
	cr_assert_eq(token->group_count, (size_t)getgroups(0, NULL));
	cr_assert(token->has_capabilities);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", victim->pid);
	cr_assert_eq(stat(path, &facts), 0);
	for (size_t i = 0; i < token->namespace_count; i++)
		found |= !strcmp(token->namespaces[i].name, "net") && token->namespaces[i].inode == facts.st_ino;
	cr_assert(found);
	cr_assert(strchr(token->cgroup, '/'));
	close_dump(&written);
}

Test(letters, the_counters_are_those_of_proc)
{
	struct written written = write_dump(process, "mF");
	const struct inq_counters *counters;
	char line[256];
	unsigned long long total = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemTotal: %llu kB", &total) == 1)
			break;
	}
	if (file)
		fclose(file);
	cr_assert_eq(inq_target_counters(written.target, &counters, NULL), INQ_OK);
	cr_assert(counters->has_machine && counters->has_process);
	cr_assert_eq(counters->machine_total, total * 1024);
	cr_assert_geq(counters->virtual_size, VICTIM_SPARSE);
	cr_assert_geq(counters->virtual_peak, counters->virtual_size);
	close_dump(&written);
}

/* Upper half of ymm5, in the process, in its dump and in the dump of that. */
static void check_ymm5(struct inq_target *target)
{
	const struct inq_thread *threads;
	struct inq_xstate xstate;
	uint64_t upper[2];
	size_t count, index = 0;

	cr_assert_eq(inq_target_threads(target, &threads, &count, NULL), INQ_OK);
	while (index < count && threads[index].tid != (uint32_t)victim->spinner)
		index++;
	cr_assert_lt(index, count);
	cr_assert_eq(inq_target_xstate(target, index, &xstate, NULL), INQ_OK);
	cr_assert(xstate.present & 4);
	cr_assert_eq(xstate.features[2].size, 256);
	memcpy(upper, xstate.bytes + xstate.features[2].offset + 5 * 16, sizeof(upper));
	cr_assert_eq(upper[0], 0x1111111111111111);
	cr_assert_eq(upper[1], 0x1111111111111111);
}

Test(letters, y_brings_the_upper_halves_of_ymm)
{
	struct written written, again;

	if (!victim->spinner)
		cr_skip("no AVX here");
	written = write_dump(process, "my");
	again = write_dump(written.target, "my");
	check_ymm5(process);
	check_ymm5(written.target);
	check_ymm5(again.target);
	close_dump(&again);
	close_dump(&written);
}

/* --- a core ----------------------------------------------------------------------------------------------------- */

Test(letters, a_core_gives_what_it_has)
{
	char directory[] = "/tmp/inquest-letters-XXXXXX", command[256], path[128];
	struct inq_target *core;
	struct inq_error err = {0};
	pid_t child;
	int status = -1;

#ifdef __SANITIZE_ADDRESS__
	cr_skip("gdb would write AddressSanitizer's terabytes of shadow memory into the core");
#endif
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/core.%d", directory, victim->pid);
	snprintf(command, sizeof(command), "%s/core", directory);
	inq_target_free(process);
	process = NULL;
	inq_live_free(live);
	live = NULL;
	child = fork();
	if (!child) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d", victim->pid);
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(127);
		execlp("gcore", "gcore", "-o", command, pid, (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		cr_skip("no gcore here");
	cr_assert_eq(inq_target_open_file(path, &core, &err), INQ_OK, "%s", err.text);
	check_directory(core, "core", "tu");
	if (victim->spinner)
		check_ymm5(core);
	inq_target_free(core);
	unlink(path);
	rmdir(directory);
}

/* --- failures --------------------------------------------------------------------------------------------------- */

TestSuite(letter_faults, .fini = end, .timeout = 60);

Test(letter_faults, a_stops_at_an_unreadable_page_and_A_counts_it)
{
	struct inq_capture_report report = {.file_size = 77};
	struct inq_error err = {0};
	uint32_t signature = 1;
	struct written written;
	const char *comment;
	char words[96];
	int fd = memfd_create("strict", MFD_CLOEXEC);

	open_process(1);
	snprintf(words, sizeof(words), "0x%llx: memory cannot be read", (unsigned long long)victim->truncated);
	cr_assert_eq(write_to(process, "ma", fd, NULL, &report, &err), INQ_FAULT);
	cr_assert(strstr(err.text, words), "%s", err.text);
	cr_assert_eq(report.file_size, 77, "nothing is reported of a failure");
	cr_assert(pread(fd, &signature, sizeof(signature), 0) <= 0 || signature == 0, "half a dump is signed");
	close(fd);
	written = write_dump(process, "mA");
	cr_assert_eq(inq_dump_header(written.dump)->flags & MD_IGNORE_INACCESSIBLE_MEMORY,
		     MD_IGNORE_INACCESSIBLE_MEMORY);
	cr_assert(has_text(written.target, victim->heap, "heap text"));
	cr_assert(written.report.incomplete);
	cr_assert_eq(inq_dump_comment(written.dump, &comment, &err), INQ_OK, "%s", err.text);
	snprintf(words, sizeof(words), "4096 bytes of memory could not be read, the first at 0x%llx",
		 (unsigned long long)victim->truncated);
	cr_assert(strstr(comment, words), "%s", comment);
	close_dump(&written);
}

Test(letter_faults, a_full_disk_is_an_error_with_its_words)
{
	struct inq_error err = {0};
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		cr_skip("no /dev/full here");
	open_process(0);
	cr_assert_eq(write_to(process, "mf", fd, NULL, NULL, &err), INQ_OS);
	cr_assert(strstr(err.text, strerror(ENOSPC)), "%s", err.text);
	close(fd);
}

Test(letter_faults, a_limit_on_the_file_leaves_no_signature)
{
	const struct rlimit limit = {1 << 20, 1 << 20};
	struct inq_error err = {0};
	uint32_t signature = 1;
	int fd = memfd_create("limited", MFD_CLOEXEC);

	open_process(0);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(write_to(process, "mf", fd, NULL, NULL, &err), INQ_OS);
	cr_assert(strstr(err.text, strerror(EFBIG)), "%s", err.text);
	cr_assert_eq(pread(fd, &signature, sizeof(signature), 0), (ssize_t)sizeof(signature));
	cr_assert_eq(signature, 0);
	close(fd);
}

Test(letter_faults, the_process_goes_on_afterwards)
{
	char path[64], text[512];
	ssize_t size;
	int fd;

	open_process(0);
	struct written written = write_dump(process, "ma");

	close_dump(&written);
	inq_target_free(process);
	inq_live_free(live);
	process = NULL;
	live = NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", victim->pid);
	fd = open(path, O_RDONLY);
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	cr_assert_gt(size, 0);
	text[size] = '\0';
	cr_assert(strchr("SR", strrchr(text, ')')[2]), "%s", text);
}

Test(letter_faults, a_comment_of_the_user_comes_first_and_in_both_streams)
{
	const struct inq_capture_hooks hooks = {.comment = "why I look"};
	struct inq_dump_bytes bytes;
	struct inq_file *file;
	struct inq_dump *dump;
	struct inq_error err = {0};
	const char *comment;
	char path[64];
	int fd = memfd_create("comment", MFD_CLOEXEC);

	open_process(0);
	cr_assert_eq(write_to(process, "m", fd, &hooks, NULL, &err), INQ_OK, "%s", err.text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(inq_file_open(path, &file, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_dump_open(file, &dump, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_dump_comment(dump, &comment, &err), INQ_OK);
	cr_assert_eq(strncmp(comment, "why I look", 10), 0, "%s", comment);
	cr_assert_eq(inq_dump_stream_bytes(dump, MD_STREAM_COMMENT_A, &bytes, &err), INQ_OK);
	cr_assert_str_eq((const char *)bytes.data, "why I look");
	inq_dump_close(dump);
	inq_file_close(file);
	close(fd);
}

/* --- the manual ---------------------------------------------------------------------------------------------------- */

/* The page lists the letters of the table, in its order, each with its one line of help first. */
Test(manual, is_the_table)
{
	static char page[64 << 10];
	size_t count;
	const struct inq_dump_option *table = inq_dump_options_table(&count);
	FILE *file = fopen(MAN_PAGE, "r");
	char *at;

	if (!file)
		cr_skip("the manual's source is not here");
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	at = strstr(page, ".\\\" letters begin\n");
	cr_assert_not_null(at);
	at = strchr(at, '\n') + 1;
	for (size_t i = 0; i < count; i++) {
		char head[160];

		cr_assert(table[i].built, "%c", table[i].letter);
		snprintf(head, sizeof(head), ".TP\n.B %c\n%s", table[i].letter, table[i].help);
		cr_assert_eq(strncmp(at, head, strlen(head)), 0, "expected '%s' at '%.40s'", head, at);
		at = strstr(at + strlen(head), i + 1 < count ? "\n.TP\n" : "\n.\\\" letters end");
		cr_assert_not_null(at);
		at++;
	}
	cr_assert_eq(strncmp(at, ".\\\" letters end", 15), 0, "'%.40s'", at);
}
