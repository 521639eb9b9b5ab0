/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What we look at: a dying process, an ELF core, a minidump, a live process, or a veil over one of these.
 *
 * A target answers what a debugger and a dump writer want to know, in one vocabulary; who asks never learns
 * where the answer comes from. Facts that a target does not have are INQ_ABSENT (that is normal: a core has
 * no handles), facts that are damaged are INQ_BAD_DATA and the others stay usable.
 *
 * Arrays and strings belong to the target and live until inq_target_free(). They are made when first asked
 * for. One thread at a time; not async-signal-safe.
 */
#ifndef INQ_TARGET_TARGET_H
#define INQ_TARGET_TARGET_H

#include "support/error.h"
#include "target/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inq_file;
struct inq_target;

enum inq_os {
	INQ_OS_UNKNOWN = 0,
	INQ_OS_LINUX,
	INQ_OS_ANDROID,
	INQ_OS_WINDOWS,
	INQ_OS_MACOS,
	INQ_OS_OTHER,
};

/* The machine and its system. Unknown numbers are 0, unknown strings "". */
struct inq_system {
	enum inq_machine machine;
	enum inq_os os;
	uint16_t processor_level;    /* x86: family */
	uint16_t processor_revision; /* x86: model << 8 | stepping */
	uint32_t processors;
	char cpu_vendor[13];         /* "GenuineIntel" */
	uint32_t cpu_signature;      /* CPUID 1 eax */
	uint32_t cpu_features;       /* CPUID 1 edx */
	uint32_t major, minor, build; /* of the system: the kernel's release on Linux */
	const char *version;         /* free text: uname -srvm, a service pack */
	const char *distribution;    /* os-release's PRETTY_NAME */
	uint32_t page_size;          /* bytes, 0 unknown */
};

struct inq_process {
	uint32_t pid, ppid;          /* 0 unknown */
	uint32_t uid, gid;           /* real; UINT32_MAX unknown */
	const char *program;         /* short name (comm) */
	const char *executable;      /* path; "" unknown */
	const char *arguments;       /* readable command line, blanks between; "" unknown */
	uint64_t create_time;        /* seconds since 1970, 0 unknown */
	uint64_t user_us, kernel_us; /* CPU time, microseconds */
	uint64_t dump_time;          /* seconds since 1970 when the dump was taken, 0 for a live one */
	uint64_t held_us;            /* how long the collector held the process, 0 unknown */
};

enum { INQ_THREAD_NAME = 64, INQ_CLASSES = 40 };

struct inq_thread {
	uint32_t tid;
	bool has_context;
	bool crashed;                /* the thread of the exception */
	char name[INQ_THREAD_NAME];  /* raw bytes as the program set them, NUL-terminated; "" unknown */
	uint64_t tls;                /* thread pointer (fs_base), Windows' TEB; 0 unknown */
	uint64_t stack_base;         /* lowest address of the stack memory at hand, 0 unknown */
	uint64_t stack_size;         /* bytes */
	uint32_t suspend_count, priority_class, priority;
	uint64_t create_time;        /* as process; 0 unknown */
	uint64_t user_us, kernel_us;
	uint64_t start_address;      /* 0 unknown */
	uint64_t affinity;           /* mask of processors 0 to 63; 0 unknown, or none of these */
	const char *processors;      /* all that it may run on, "0-3,64-127", where some are beyond 63; else NULL */
	size_t processors_size;      /* bytes; no NUL behind them */
	bool has_times;              /* create_time, user_us and kernel_us are known */
	bool exited;                 /* listed, but already dead */
	bool has_exit_status;
	uint32_t exit_status;        /* as wait(2) gives it */
};

enum { INQ_BUILD_ID_MAX = 64 };

enum inq_debug_kind {
	INQ_DEBUG_NONE = 0,
	INQ_DEBUG_BUILD_ID, /* ELF note; id is the note's bytes */
	INQ_DEBUG_PDB70,    /* RSDS; id is GUID (16, as stored) and age (4) */
	INQ_DEBUG_PDB20,
	INQ_DEBUG_UUID,     /* Mach-O */
};

struct inq_module {
	uint64_t base;               /* first mapped address: where the ELF header is */
	uint64_t size;               /* bytes to the end of the last mapping */
	const char *path;            /* as the kernel or the writer named it; raw bytes */
	const char *debug_file;      /* the debug record's file name (PDB), else "" */
	enum inq_debug_kind debug_kind;
	uint8_t id_size;
	uint8_t id[INQ_BUILD_ID_MAX];
	uint32_t checksum, timestamp;
	uint64_t file_version, product_version; /* VS_FIXEDFILEINFO, 4 x 16 bits; 0 unknown */
	bool main;                   /* the executable */
	bool deleted;                /* the file was gone or replaced */
	bool unloaded;               /* from the list of unloaded ones */
};

enum inq_protection { INQ_PROT_READ = 1, INQ_PROT_WRITE = 2, INQ_PROT_EXEC = 4 };

enum inq_region_flag {
	INQ_REGION_SHARED = 1,
	INQ_REGION_FREE = 2,         /* a gap (MemoryInfo) */
	INQ_REGION_RESERVED = 4,     /* mapped without any access */
	INQ_REGION_GUARD = 8,
	INQ_REGION_NO_DUMP = 16,     /* the kernel says: do not read (VM_DONTDUMP, VM_IO, ...) */
	INQ_REGION_IMAGE = 32,       /* part of a module */
	INQ_REGION_STACK = 64,
	INQ_REGION_HEAP = 128,
	INQ_REGION_ANONYMOUS = 256,
	INQ_REGION_MAY_HANG = 1024,  /* a file whose file system is a program, which may not answer */
	INQ_REGION_DELETED = 512,    /* the file was gone or replaced; name is without " (deleted)" */
};

struct inq_region {
	uint64_t base, size;
	uint32_t protection;         /* enum inq_protection */
	uint32_t flags;              /* enum inq_region_flag */
	uint64_t file_offset;        /* bytes */
	uint64_t inode;
	uint32_t device_major, device_minor;
	const char *name;            /* path, "[stack]", "" */
};

/* A run of memory that can be read; lists of them are sorted by base and do not overlap. */
struct inq_range {
	uint64_t base, size;
};

enum { INQ_EXCEPTION_PARAMETERS = 15 };

struct inq_exception {
	uint32_t tid;
	uint32_t code;               /* Linux: the signal; Windows: NTSTATUS; macOS: EXC_* */
	uint32_t flags;              /* Linux: si_code as 32 bits */
	uint64_t address;            /* si_addr where the signal has one, else the instruction pointer */
	uint64_t record;             /* nested record, 0 none */
	uint32_t parameter_count;
	uint64_t parameters[INQ_EXCEPTION_PARAMETERS];
	bool has_siginfo;            /* siginfo holds the kernel's own */
	uint8_t siginfo[128];
};

/* What a file descriptor leads to. The words of inq_handle_kind_name() are what a dump has as the type. */
enum inq_handle_kind {
	INQ_HANDLE_OTHER = 0,
	INQ_HANDLE_FILE,
	INQ_HANDLE_DIRECTORY,
	INQ_HANDLE_DEVICE,
	INQ_HANDLE_SOCKET,
	INQ_HANDLE_PIPE,
	INQ_HANDLE_EVENTFD,
	INQ_HANDLE_EPOLL,
	INQ_HANDLE_TIMERFD,
	INQ_HANDLE_SIGNALFD,
	INQ_HANDLE_INOTIFY,
	INQ_HANDLE_FANOTIFY,
	INQ_HANDLE_MEMFD,
	INQ_HANDLE_PIDFD,
	INQ_HANDLE_IO_URING,
	INQ_HANDLE_USERFAULTFD,
	INQ_HANDLE_BPF,
	INQ_HANDLE_PERF,
	INQ_HANDLE_NAMESPACE,
	INQ_HANDLE_KINDS,
};

enum { INQ_HANDLE_NO_FLAGS = -1 };

/* A file descriptor. Texts are raw bytes of the process's making: escape before showing. */
struct inq_handle {
	uint64_t number;
	enum inq_handle_kind kind;
	const char *type;     /* of the kind, or what an unknown one calls itself; never NULL */
	const char *name;     /* path; "tcp 10.0.0.1:80 -> 10.0.0.2:4711 established"; where the link leads */
	int64_t flags;        /* O_* of open(2) as Linux has them, O_CLOEXEC among them; -1 unknown */
	uint64_t position;    /* bytes, where it has one */
	uint64_t inode;       /* 0 unknown */
	uint32_t mount;       /* mount id, 0 unknown */
	bool deleted;         /* the file was gone */
	const char *details;  /* lines "key: value", what is particular to the kind; "" if nothing */
};

/* Who the process is to the kernel. Unknown numbers are UINT32_MAX, unknown texts "". */
enum { INQ_TOKEN_NAMESPACES = 16 };
struct inq_token {
	uint32_t pid;
	uint32_t uid[4], gid[4];     /* real, effective, saved, of the file system */
	const uint32_t *groups;
	size_t group_count;
	bool has_capabilities;
	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	uint32_t no_new_privs, seccomp; /* 0 or 1; 0 off, 1 strict, 2 filter */
	uint32_t seccomp_filters;
	struct inq_token_namespace {
		char name[24];       /* "mnt", "net", ... */
		uint64_t inode;
	} namespaces[INQ_TOKEN_NAMESPACES];
	size_t namespace_count;
	const char *cgroup;          /* lines as in /proc/PID/cgroup */
	const char *label;           /* of the security module (AppArmor, SELinux, Smack) */
};

/* Memory of the process and of the machine. Bytes; UINT64_MAX unknown. */
struct inq_counters {
	bool has_process, has_machine; /* any of the fields is known */
	uint64_t virtual_size, virtual_peak, resident, resident_peak;
	uint64_t resident_anonymous, resident_file, resident_shared;
	uint64_t data, stack, page_tables, swapped, locked, pinned;
	uint64_t minor_faults, major_faults; /* numbers, not bytes */
	uint64_t machine_total, machine_free, machine_available, machine_cached, machine_buffers;
	uint64_t machine_swap_total, machine_swap_free, machine_committed, machine_commit_limit;
};

/* A thread's XSAVE area in its standard form (Intel SDM volume 1, 13.4), as NT_X86_XSTATE has it: FXSAVE image,
 * header of 64 bytes, components at the offsets of `features`. Borrowed like everything else. */
enum { INQ_XSTATE_FEATURES = 64, INQ_XSTATE_MAX = 16384 };
struct inq_xstate {
	const uint8_t *bytes;
	size_t size;                 /* at least 576 */
	uint64_t enabled;            /* XCR0: what the system saves */
	uint64_t present;            /* XSTATE_BV: what is not in its initial state */
	struct inq_xstate_feature {
		uint32_t offset, size; /* in `bytes`; 0 and 0: not enabled */
	} features[INQ_XSTATE_FEATURES];
};

/* Linux text files that a target can carry along, raw. */
enum inq_text_kind {
	INQ_TEXT_CPUINFO,
	INQ_TEXT_STATUS,
	INQ_TEXT_RELEASE, /* os-release in lsb-release's words */
	INQ_TEXT_CMDLINE, /* NUL between arguments */
	INQ_TEXT_ENVIRON,
	INQ_TEXT_AUXV,    /* binary, pairs of words */
	INQ_TEXT_MAPS,
	INQ_TEXT_LIMITS,
	INQ_TEXT_COMMENT, /* what the writer of the dump said, UTF-8 */
	INQ_TEXT_KERNEL,  /* the kernel's side of the threads (letter k), in sections "[task/4711/stack]" */
	INQ_TEXT_COUNT,
};

/* The loader's list of modules as the process had it (r_debug), for the DSO debug stream. */
struct inq_link {
	uint64_t address;            /* l_addr */
	uint64_t place;              /* of the struct link_map itself; 0 unknown */
	uint64_t name_address;
	uint64_t dynamic;            /* l_ld */
	const char *name;
};

struct inq_link_map {
	uint32_t version;            /* r_version */
	uint64_t place;              /* of the struct r_debug; 0 unknown */
	uint64_t brk, loader_base, dynamic; /* r_brk, r_ldbase, the program's _DYNAMIC */
	const struct inq_link *links;
	size_t count;
};

/* What the program itself wished to say (inquest_annotate(), Crashpad's simple annotations). */
struct inq_annotation {
	const char *key, *value;     /* raw bytes */
	bool safe;                   /* said to hold no secret */
};

/**
 * The operations of one kind of target. NULL means INQ_ABSENT. `self` is the target's own structure, which
 * begins with a struct inq_target. Arrays as said above.
 */
struct inq_target_ops {
	const char *kind; /* "ELF core", "minidump", "dying process" */
	enum inq_status (*system)(struct inq_target *self, const struct inq_system **ret, struct inq_error *err);
	enum inq_status (*process)(struct inq_target *self, const struct inq_process **ret, struct inq_error *err);
	enum inq_status (*threads)(struct inq_target *self, const struct inq_thread **ret, size_t *ret_count,
				   struct inq_error *err);
	/* Registers of threads[index]. */
	enum inq_status (*context)(struct inq_target *self, size_t index, struct inq_context *ret,
				   struct inq_error *err);
	enum inq_status (*modules)(struct inq_target *self, const struct inq_module **ret, size_t *ret_count,
				   struct inq_error *err);
	enum inq_status (*regions)(struct inq_target *self, const struct inq_region **ret, size_t *ret_count,
				   struct inq_error *err);
	/* What read() can read. */
	enum inq_status (*memory)(struct inq_target *self, const struct inq_range **ret, size_t *ret_count,
				  struct inq_error *err);
	/* At least one byte and INQ_OK, or INQ_FAULT with *ret_done 0. */
	enum inq_status (*read)(struct inq_target *self, uint64_t address, void *to, size_t size,
				size_t *ret_done, struct inq_error *err);
	/* The same for the constants of a mapped program or library, also where it cannot be told that the kernel
	 * would put them into a core: for unwind tables, never for a dump. NULL: as read. */
	enum inq_status (*read_tables)(struct inq_target *self, uint64_t address, void *to, size_t size,
				       size_t *ret_done, struct inq_error *err);
	/* Whether [address, address + size) is as the mapped file, or the kernel, has it: INQ_OK; INQ_BAD_DATA: the
	 * program changed it. NULL: it cannot be told. */
	enum inq_status (*unmodified)(struct inq_target *self, uint64_t address, uint64_t size,
				      struct inq_error *err);
	enum inq_status (*exception)(struct inq_target *self, const struct inq_exception **ret,
				     struct inq_error *err);
	/* The context of the exception where it differs from its thread's (a record's, a dump's). */
	enum inq_status (*exception_context)(struct inq_target *self, struct inq_context *ret,
					     struct inq_error *err);
	enum inq_status (*text)(struct inq_target *self, enum inq_text_kind kind, const char **ret,
				size_t *ret_size, struct inq_error *err);
	enum inq_status (*link_map)(struct inq_target *self, const struct inq_link_map **ret,
				    struct inq_error *err);
	/* What was unloaded before, oldest first; `unloaded` is set in each. */
	enum inq_status (*unloaded)(struct inq_target *self, const struct inq_module **ret, size_t *ret_count,
				    struct inq_error *err);
	enum inq_status (*annotations)(struct inq_target *self, const struct inq_annotation **ret,
				       size_t *ret_count, struct inq_error *err);
	/* File descriptors, by number. INQ_ABSENT: not acquired. */
	enum inq_status (*handles)(struct inq_target *self, const struct inq_handle **ret, size_t *ret_count,
				   struct inq_error *err);
	enum inq_status (*token)(struct inq_target *self, const struct inq_token **ret, struct inq_error *err);
	/* What registers of a filtered dump held (minidump/inquest.h's md_inquest_class), by DWARF number: of the
	 * threads[index], and of the fault address. */
	enum inq_status (*classes)(struct inq_target *self, size_t index, uint8_t ret[INQ_CLASSES],
				   uint8_t *ret_fault, struct inq_error *err);
	enum inq_status (*counters)(struct inq_target *self, const struct inq_counters **ret,
				    struct inq_error *err);
	/* Extended registers of threads[index]. INQ_ABSENT: none, or not acquired. */
	enum inq_status (*xstate)(struct inq_target *self, size_t index, struct inq_xstate *ret,
				  struct inq_error *err);
	/* How many of `size` bytes from the address on are alike: memory that nobody ever touched and that
	 * therefore reads as zeroes (*ret_zero), or memory to be read. At least one byte. */
	uint64_t (*extent)(struct inq_target *self, uint64_t address, uint64_t size, bool *ret_zero);
	/* What is damaged or missing, in words, for the person who opens it; INQ_ABSENT past the last. */
	enum inq_status (*warning)(struct inq_target *self, size_t index, const char **ret);
	void (*free)(struct inq_target *self);
};

struct inq_target {
	const struct inq_target_ops *ops;
	const char *name; /* the file, or "process 4711"; owned by the kind */
};

/* The same with the NULL check; outputs are untouched on failure. */
enum inq_status inq_target_system(struct inq_target *target, const struct inq_system **ret, struct inq_error *err);
enum inq_status inq_target_process(struct inq_target *target, const struct inq_process **ret,
				   struct inq_error *err);
enum inq_status inq_target_threads(struct inq_target *target, const struct inq_thread **ret, size_t *ret_count,
				   struct inq_error *err);
enum inq_status inq_target_context(struct inq_target *target, size_t index, struct inq_context *ret,
				   struct inq_error *err);
enum inq_status inq_target_modules(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				   struct inq_error *err);
enum inq_status inq_target_regions(struct inq_target *target, const struct inq_region **ret, size_t *ret_count,
				   struct inq_error *err);
enum inq_status inq_target_memory(struct inq_target *target, const struct inq_range **ret, size_t *ret_count,
				  struct inq_error *err);
enum inq_status inq_target_exception(struct inq_target *target, const struct inq_exception **ret,
				     struct inq_error *err);
enum inq_status inq_target_exception_context(struct inq_target *target, struct inq_context *ret,
					     struct inq_error *err);
enum inq_status inq_target_text(struct inq_target *target, enum inq_text_kind kind, const char **ret,
				size_t *ret_size, struct inq_error *err);
enum inq_status inq_target_link_map(struct inq_target *target, const struct inq_link_map **ret,
				    struct inq_error *err);
enum inq_status inq_target_unloaded(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				    struct inq_error *err);
enum inq_status inq_target_annotations(struct inq_target *target, const struct inq_annotation **ret,
				       size_t *ret_count, struct inq_error *err);
enum inq_status inq_target_handles(struct inq_target *target, const struct inq_handle **ret, size_t *ret_count,
				   struct inq_error *err);
enum inq_status inq_target_token(struct inq_target *target, const struct inq_token **ret, struct inq_error *err);
enum inq_status inq_target_classes(struct inq_target *target, size_t index, uint8_t ret[INQ_CLASSES],
				   uint8_t *ret_fault, struct inq_error *err);
enum inq_status inq_target_counters(struct inq_target *target, const struct inq_counters **ret,
				    struct inq_error *err);
enum inq_status inq_target_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				  struct inq_error *err);
/* Without the operation all of it is to be read. */
uint64_t inq_target_extent(struct inq_target *target, uint64_t address, uint64_t size, bool *ret_zero);
enum inq_status inq_target_warning(struct inq_target *target, size_t index, const char **ret);
void inq_target_free(struct inq_target *target); /* accepts NULL */

/* Read what is there: up to `size` bytes, fewer if memory ends before (then at least one, and INQ_OK).
 * INQ_FAULT "0x...: not in the dump" or "...: not mapped". */
enum inq_status inq_target_read(struct inq_target *target, uint64_t address, void *to, size_t size,
				size_t *ret_done, struct inq_error *err);
enum inq_status inq_target_read_tables(struct inq_target *target, uint64_t address, void *to, size_t size,
				       size_t *ret_done, struct inq_error *err);
/* INQ_ABSENT: it cannot be told. */
enum inq_status inq_target_unmodified(struct inq_target *target, uint64_t address, uint64_t size,
				      struct inq_error *err);
/* All of it or INQ_FAULT naming the first byte that is missing. */
enum inq_status inq_target_read_all(struct inq_target *target, uint64_t address, void *to, size_t size,
				    struct inq_error *err);
/* A pointer of the target's size. */
enum inq_status inq_target_read_pointer(struct inq_target *target, uint64_t address, uint64_t *ret,
					struct inq_error *err);
/* A NUL-terminated string cut at capacity - 1; INQ_FAULT if its first byte is missing. */
enum inq_status inq_target_read_string(struct inq_target *target, uint64_t address, char *to, size_t capacity,
				       struct inq_error *err);

/* "File", "Socket": the type that a dump has for a kind; and back, INQ_HANDLE_OTHER for what is not known. */
const char *inq_handle_kind_name(enum inq_handle_kind kind);
enum inq_handle_kind inq_handle_kind_of(const char *type);

/* The element that holds the address, or NULL. Arrays sorted by base (all targets give them so). */
const struct inq_module *inq_module_at(const struct inq_module *modules, size_t count, uint64_t address);
const struct inq_region *inq_region_at(const struct inq_region *regions, size_t count, uint64_t address);

/* How many of `size` bytes from the address on lie in one of the ranges; 0: the first does not. Sorted, disjoint. */
size_t inq_ranges_hold(const struct inq_range *ranges, size_t count, uint64_t address, size_t size);

/**
 * Open a file by its content: minidump or ELF core, plain or zstd-compressed.
 *
 * @path  the file
 * @ret   new target, owned by the caller: inq_target_free()
 *
 * INQ_UNSUPPORTED: neither (says what it is: an ELF executable, a kernel dump, text...). INQ_ABSENT: no
 * such file. INQ_BAD_DATA: damaged beyond a partial view.
 */
enum inq_status inq_target_open_file(const char *path, struct inq_target **ret, struct inq_error *err);

/* The same over an open file, taken over also on failure: a confined debugger may not open paths itself. */
enum inq_status inq_target_open(struct inq_file *file, struct inq_target **ret, struct inq_error *err);

/* The kinds, over an open file that the target takes over (also on failure). */
enum inq_status inq_target_open_core(struct inq_file *file, struct inq_target **ret, struct inq_error *err);
enum inq_status inq_target_open_minidump(struct inq_file *file, struct inq_target **ret, struct inq_error *err);

#endif
