/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stub's record of a hostile process, all the way into a dump: JIT_DEBUG_INFO, siginfo, ucontext with its XSAVE
 * area, annotations and the ring of unloaded modules, in the memory of a process whose threads were stopped.
 *
 * Every input starts from a record as the stub fills it, since bytes made at random would seldom come past the first
 * check. Input: a byte that chooses the letters, then patches of that memory: a byte that chooses the part, one for the
 * word in it, one that chooses what is written there (one of `values`, or as many bytes of the input as the next one
 * says), and those bytes.
 */
#include "config.h"

#include "capture/capture.h"
#include "capture/options.h"
#include "privacy/veil.h"
#include "target/dying.h"
#include "target/record.h"
#include "target/waiting.h"
#include "target/xstate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { BASE = 0x10000, TIDS = 2, XSAVE = 1088, LITERAL = 128 };

/* What the process has in memory, from BASE on. */
struct memory {
	struct inq_record record;
	siginfo_t info;
	ucontext_t context;
	_Alignas(64) uint8_t xsave[XSAVE + 4];
	struct inq_record_annotation annotations[INQ_RECORD_ANNOTATIONS];
	struct inq_record_unloaded unloaded[INQ_RECORD_UNLOADED];
	uint8_t stack[4096];
};

#define ADDRESS(field) (BASE + offsetof(struct memory, field))

#define STACK "00010000-00030000 rw-p 00000000 00:00 0                          [stack]\n"
#define CODE "00400000-00401000 r-xp 00000000 08:01 4711                       /usr/bin/hostile\n"
static const char maps[] = STACK CODE;
static const char smaps[] = STACK "Rss: 128 kB\nVmFlags: rd wr mr mw me gd ac \n" CODE "Rss: 4 kB\nVmFlags: rd ex mr mw me \n";
static const char *const letters[] = {"m", "mu", "my", "mrR", "mi", "ma", "muyFhtp"};

/* Where checks have their edges. */
static const uint64_t values[] = {
	0, 1, 40, 41, 64, 65, 104, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 7,
	UINT64_MAX - 39, UINT64_MAX - 4096, 0x7fffffffffffull, 0xffff800000000000ull, BASE, BASE - 8, BASE + 0x20000 - 8,
	ADDRESS(record), ADDRESS(info), ADDRESS(context), ADDRESS(xsave), ADDRESS(annotations), ADDRESS(unloaded),
};

static int file_of(const void *bytes, size_t size, off_t at)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, size, at) != (ssize_t)size)
		abort();
	return fd;
}

static void fill_xsave(uint8_t *area)
{
	const uint32_t magic = 0x46505853, end = 0x46505845, extended = XSAVE + 4, whole = XSAVE;
	const uint64_t features = 7;

	memcpy(area + INQ_XSTATE_XCR0, &magic, 4);
	memcpy(area + INQ_XSTATE_XCR0 + 4, &extended, 4);
	memcpy(area + INQ_XSTATE_XCR0 + 8, &features, 8);
	memcpy(area + INQ_XSTATE_XCR0 + 16, &whole, 4);
	memcpy(area + XSAVE, &end, 4);
}

/* As the stub leaves it. */
static void fill(struct memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->record = (struct inq_record){
		.jit = {40, 9, 1, 0, 0x400010, ADDRESS(info), ADDRESS(context)},
		.magic = INQ_RECORD_MAGIC,
		.version = INQ_RECORD_VERSION,
		.size = sizeof(memory->record),
		.pid = 1,
		.signal = SIGSEGV,
		.annotations = ADDRESS(annotations),
		.unloaded = ADDRESS(unloaded),
		.unloaded_count = 70,
		.tls = ADDRESS(stack),
	};
	memory->info.si_signo = SIGSEGV;
	memory->info.si_code = SEGV_MAPERR;
	memory->context.uc_mcontext.gregs[REG_RIP] = 0x400010;
	memory->context.uc_mcontext.gregs[REG_RSP] = ADDRESS(stack) + 256;
	memory->context.uc_mcontext.gregs[REG_CSGSFS] = 0x33;
	memory->context.uc_mcontext.fpregs = (void *)ADDRESS(xsave);
	fill_xsave(memory->xsave);
	for (int i = 0; i < 8; i++) {
		snprintf(memory->annotations[i].key, INQ_RECORD_KEY, "key%d", i);
		snprintf(memory->annotations[i].value, INQ_RECORD_VALUE, "value");
		memory->annotations[i].flags = i & 1;
	}
	for (unsigned i = 0; i < INQ_RECORD_UNLOADED; i++) {
		memory->unloaded[i] = (struct inq_record_unloaded){
			.base = 0x500000 + i * 0x1000ull, .size = 0x1000, .build_id_size = 20, .name = "/lib/gone.so"};
	}
}

/* Where a patch begins: words of four bytes, and where there are more than 256 of them, of eight. */
static size_t place(unsigned part, unsigned word)
{
	static const struct {
		size_t offset, size;
	} parts[] = {
		{offsetof(struct memory, record), sizeof(struct inq_record)},
		{offsetof(struct memory, info), sizeof(siginfo_t)},
		{offsetof(struct memory, context.uc_mcontext), sizeof(mcontext_t)},
		{offsetof(struct memory, xsave) + INQ_XSTATE_XCR0, sizeof(uint64_t[8])},
		{offsetof(struct memory, xsave) + XSAVE - 64, 68},
		{offsetof(struct memory, annotations), sizeof(struct inq_record_annotation[2])},
		{offsetof(struct memory, unloaded), sizeof(struct inq_record_unloaded[8])},
	};

	part %= sizeof(parts) / sizeof(parts[0]);
	word *= parts[part].size > 1024 ? 8 : 4;
	return parts[part].offset + word % parts[part].size;
}

static void patch(struct memory *memory, const uint8_t *bytes, size_t size)
{
	uint8_t *to = (uint8_t *)memory;

	while (size >= 4) {
		size_t at = place(bytes[0], bytes[1]), length = 8;
		unsigned which = bytes[2];
		const uint8_t *from = (const void *)&values[which % (sizeof(values) / sizeof(values[0]))];

		bytes += 3;
		size -= 3;
		if (which >= LITERAL) {
			length = *bytes++;
			size--;
			if (length > size)
				length = size;
			from = bytes;
		}
		if (length > sizeof(*memory) - at)
			length = sizeof(*memory) - at;
		memcpy(to + at, from, length);
		if (which >= LITERAL) {
			bytes += length;
			size -= length;
		}
	}
}

/* Nothing that a process writes may keep its dump from being written. */
static void dump(struct inq_target *target, const struct inq_dump_options *options)
{
	const struct inq_veil_policy policy = inq_dump_options_policy(options);
	struct inq_capture_report report;
	struct inq_error err = {0};
	struct inq_veil *veil;
	int out = memfd_create("dump", MFD_CLOEXEC);

	if (out < 0 || inq_veil_new(target, &policy, &veil, &err) != INQ_OK ||
	    inq_capture(veil, options, out, NULL, &report, &err) != INQ_OK) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	inq_veil_free(veil);
	close(out);
}

/* The collector's own look at it, before the worker's: what it says to the thread that waits must stay within. */
static void talk(int memory)
{
	struct inq_waiting waiting;

	if (inq_waiting_open(memory, BASE, -1, &waiting, NULL) == INQ_OK) {
		(void)inq_waiting_snapshot(&waiting, INQ_COMMAND_SNAPSHOT, 0, NULL);
		(void)inq_waiting_dismiss(&waiting, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct inq_dying_stopped stopped[TIDS] = {{.tid = 1}, {.tid = 2}};
	struct inq_dying_source source = {
		.core_fd = -1, .cpuinfo_fd = -1, .os_release_fd = -1, .pagemap_fd = -1,
		.pid = 1, .tid = 1, .signal = SIGSEGV, .dump_time = 1000000,
		.stopped = stopped, .stopped_count = TIDS, .record = BASE,
	};
	struct inq_dump_options options;
	struct inq_target *target;
	struct inq_error err;
	static struct memory memory;

	if (!size || inq_dump_options_parse(letters[bytes[0] % (sizeof(letters) / sizeof(letters[0]))], &options, &err))
		return 0;
	fill(&memory);
	patch(&memory, bytes + 1, size - 1);
	source.texts[INQ_DYING_MAPS] = (struct inq_dying_bytes){maps, sizeof(maps) - 1, false};
	source.wants = inq_dump_options_wants(&options);
	source.mem_fd = file_of(&memory, sizeof(memory), BASE);
	source.smaps_fd = file_of(smaps, sizeof(smaps) - 1, 0);
	if (ftruncate(source.mem_fd, INT64_MAX) != 0)
		abort();
	talk(source.mem_fd);
	if (inq_target_open_dying(&source, &target, &err) != INQ_OK)
		abort();
	dump(target, &options);
	inq_target_free(target);
	close(source.mem_fd);
	close(source.smaps_fd);
	return 0;
}
