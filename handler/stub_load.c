/* SPDX-License-Identifier: MIT */
/*
 * Ordinary times: the environment is looked at once, at load; handlers and stacks are put in place;
 * annotations are kept.
 */
#include "handler/stub.h"
#include "handler/inquest-stub.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

enum {
	AUXV_MAX = 64,
	STUB_STACK = 64 << 10, /* a handler that was there before us runs on it too; untouched pages cost nothing */
};

extern char **environ __attribute__((weak));

/* The letters of .dump /m, and which cannot stand beside which. The collector's parser has the last word; this one
 * tells mistakes at start, where somebody sees them. tests/test_stub_letters.c holds the two against each other. */
static const char letters[] = "aAcdfFhikprRtuwy";
static const struct {
	char letter, not_with[12];
} conflicts[] = {{'a', "A"}, {'r', "aAcdfikpw"}};
static const char *const options[] = {"snapshot", "no-snapshot"};

static bool is_among(char letter, const char *list)
{
	while (*list && *list != letter)
		list++;
	return *list != '\0';
}

static bool contradict(const char *value, size_t length)
{
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		bool has = false, has_other = false;

		for (size_t n = 0; n < length; n++) {
			has |= value[n] == conflicts[i].letter;
			has_other |= is_among(value[n], conflicts[i].not_with);
		}
		if (has && has_other)
			return true;
	}
	return false;
}

/* "m", letters, then one option behind a comma; or "debug". */
static bool is_dump_value(const char *value)
{
	size_t length = raw_length(value);
	const char *first;

	if (length >= STUB_DUMP_MAX)
		return false;
	if (raw_equal(value, "debug"))
		return true;
	if (*value++ != 'm')
		return false;
	for (first = value; *value && *value != ','; value++) {
		if (!is_among(*value, letters))
			return false;
	}
	if (contradict(first, (size_t)(value - first)))
		return false;
	for (size_t i = 0; *value == ',' && i < sizeof(options) / sizeof(options[0]); i++) {
		if (raw_equal(value + 1, options[i]))
			return true;
	}
	return *value == '\0';
}

/* The auxiliary vector from the kernel, which a program cannot have changed; false: unknown. */
static bool auxiliary(Elf64_auxv_t *vector, size_t size)
{
	long done = raw6(SYS_prctl, PR_GET_AUXV, (long)vector, (long)size, 0, 0, 0);
	long fd;

	if (!raw_failed(done)) /* Linux 6.4 */
		return true;
	fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0);
	if (raw_failed(fd))
		return false;
	done = raw3(SYS_read, fd, vector, size);
	raw1(SYS_close, fd);
	return done > 0;
}

/* Raised privilege, or no way to tell: then the environment is somebody else's and nothing is done. */
static bool look_at_auxv(void)
{
	Elf64_auxv_t vector[AUXV_MAX];
	bool secure = true;
	size_t frame = 0;

	raw_zero(vector, sizeof(vector));
	if (!auxiliary(vector, sizeof(vector) - sizeof(vector[0])))
		return true;
	for (size_t i = 0; vector[i].a_type != AT_NULL; i++) {
		if (vector[i].a_type == AT_SECURE)
			secure = vector[i].a_un.a_val != 0;
		if (vector[i].a_type == 51 /* AT_MINSIGSTKSZ: grows with the vector registers */)
			frame = vector[i].a_un.a_val;
	}
	stub.stack_size = (STUB_STACK + frame + 4095) & ~4095ul;
	return secure;
}

/* For those who look at the process while it lives, or when the kernel has its core: annotations, and what was unloaded,
 * are found by the note. */
static __attribute__((noinline)) void tell_where(void)
{
	/* struct stub_state begins with the record */
	__asm__ volatile(".pushsection .note.inquest, \"a\", @note\n\t"
			 ".balign 4\n\t"
			 ".long %c0, 4, %c1\n\t"
			 ".asciz \"" INQ_RECORD_NOTE_OWNER "\"\n\t"
			 ".long stub - .\n\t"
			 ".popsection"
			 :
			 : "i"(sizeof(INQ_RECORD_NOTE_OWNER)), "i"(INQ_RECORD_NOTE));
	stub.record.version = INQ_RECORD_VERSION;
	stub.record.size = sizeof(stub.record);
	stub.record.annotations = (uint64_t)stub.annotations;
	stub.record.unloaded = (uint64_t)stub.unloaded;
	stub.record.magic = INQ_RECORD_MAGIC;
}
_Static_assert(offsetof(struct stub_state, record) == 0, "the note leads to the record");

static int install(const char *dump, const char *directory, unsigned deadline_ms)
{
	if (stub.installed)
		return -EALREADY;
	if (look_at_auxv())
		return -EPERM;
	if (!dump || raw_equal(dump, ""))
		dump = "m";
	if (!is_dump_value(dump) || deadline_ms > STUB_DEADLINE_MAX_MS)
		return -EINVAL;
	if (directory && (directory[0] != '/' || raw_length(directory) >= STUB_DIRECTORY_MAX))
		return -EINVAL;
	raw_copy_text(stub.dump, sizeof(stub.dump), dump);
	raw_copy_text(stub.directory, sizeof(stub.directory), directory ? directory : "");
	stub.deadline_ms = deadline_ms ? deadline_ms : STUB_DEADLINE_MS;
	if (raw_failed(stub_thread_stack()))
		return -ENOMEM;
	tell_where();
	stub.installed = (uint32_t)raw0(SYS_getpid);
	for (unsigned i = 0; i < STUB_SIGNALS; i++)
		stub_arm(i);
	return 0;
}

STUB_PUBLIC int inquest_install(const struct inquest_options *wanted)
{
	if (!wanted)
		return install(NULL, NULL, 0);
	if (wanted->version != INQUEST_STUB_VERSION)
		return -EINVAL;
	return install(wanted->dump, wanted->directory, wanted->deadline_ms);
}

static int uninstall(void)
{
	if (!stub.installed)
		return -ENOENT;
	for (unsigned i = 0; i < STUB_SIGNALS; i++)
		stub_disarm(i);
	stub.installed = 0;
	return 0;
}

STUB_PUBLIC int inquest_uninstall(void)
{
	return uninstall();
}

/* --- annotations --------------------------------------------------------------------------------- */

static bool is_key(const char *key)
{
	size_t length = 0;

	for (; key[length]; length++) {
		char c = key[length];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' &&
		    c != '-' && c != '.')
			return false;
	}
	return length > 0 && length < INQ_RECORD_KEY;
}

static struct inq_record_annotation *find(const char *key)
{
	for (size_t i = 0; i < INQ_RECORD_ANNOTATIONS; i++) {
		if (raw_equal(stub.annotations[i].key, key))
			return &stub.annotations[i];
	}
	return NULL;
}

/* The sequence is odd while the words change: a reader in another process skips such an entry. */
static void write_annotation(struct inq_record_annotation *place, const char *key, const char *value,
			     unsigned flags)
{
	__atomic_add_fetch(&place->sequence, 1, __ATOMIC_ACQ_REL);
	raw_zero(place->value, sizeof(place->value));
	raw_copy_text(place->value, sizeof(place->value), value);
	raw_copy_text(place->key, sizeof(place->key), key);
	place->flags = flags;
	__atomic_add_fetch(&place->sequence, 1, __ATOMIC_ACQ_REL);
}

STUB_PUBLIC int inquest_annotate(const char *key, const char *value, unsigned flags)
{
	struct inq_record_annotation *place;
	uint64_t all = ~0ull, before;
	int result = 0;

	if (!key || !is_key(key) || (value && raw_length(value) >= INQ_RECORD_VALUE) ||
	    (flags & ~INQUEST_SAFE))
		return -EINVAL;
	/* With signals blocked, a handler on this thread that annotates too cannot find the lock taken. */
	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
	while (__atomic_exchange_n(&stub.annotation_lock, 1, __ATOMIC_ACQUIRE))
		raw0(SYS_sched_yield);
	place = find(key);
	if (value) {
		place = place ? place : find("");
		if (place)
			write_annotation(place, key, value, flags);
		else
			result = -ENOSPC;
	} else if (place) {
		write_annotation(place, "", "", 0);
	} else {
		result = -ENOENT;
	}
	__atomic_store_n(&stub.annotation_lock, 0, __ATOMIC_RELEASE);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
	return result;
}

/* --- at load --------------------------------------------------------------------------------------- */

static const char *value_of(char **environment, const char *name)
{
	size_t length = raw_length(name);

	for (; environment && *environment; environment++) {
		size_t i = 0;

		while (i < length && (*environment)[i] == name[i])
			i++;
		if (i == length && (*environment)[i] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

static void complain(const char *name, const char *advice)
{
	raw3(SYS_write, 2, "inquest: ", 9);
	raw3(SYS_write, 2, name, raw_length(name));
	raw3(SYS_write, 2, advice, raw_length(advice));
}

/* glibc hands a constructor the arguments of main; `environ` is there under any C library, but maybe not yet. */
__attribute__((constructor)) static void at_load(int argc, char **argv, char **envp)
{
	char **environment = &environ && environ ? environ : envp;
	const char *dump = value_of(environment, "INQUEST");
	const char *directory;

	(void)argc;
	(void)argv;
	if (!dump || raw_equal(dump, "") || raw_equal(dump, "0"))
		return;
	directory = value_of(environment, "INQUEST_DIR");
	if (directory && !directory[0])
		directory = NULL;
	switch (install(dump, directory, 0)) {
	case -EINVAL:
		if (is_dump_value(dump))
			complain("INQUEST_DIR", ": not an absolute path; no dumps will be taken\n");
		else
			complain("INQUEST", ": not the letters of a dump (as in INQUEST=mrR, see "
					    "inquest-dump(5)); no dumps will be taken\n");
		break;
	case -ENOMEM:
		complain("INQUEST", ": no memory for the alternate stack; no dumps will be taken\n");
		break;
	default:
		break;
	}
}

#ifdef INQ_STUB_WRAP
/* As part of a plugin that is unloaded, the handlers must not stay behind. The library itself is never unloaded
 * (-z nodelete), and a program that dies while it exits is to be seen. */
__attribute__((destructor(101))) static void at_unload(void)
{
	uninstall();
}
#endif
