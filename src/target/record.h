/* SPDX-License-Identifier: MIT */
/**
 * What the stub tells the collector, in the dying process's own memory: one header, compiled on both sides.
 *
 * It begins with Windows' JIT_DEBUG_INFO (minwinbase.h), whose address is what -j carries, as AeDebug's %p
 * does; what Linux adds lies behind it and is versioned. The collector reads it from a process that may be
 * hostile: sizes are constants of this header, addresses are only ever addresses in that process, counts are
 * capped here.
 */
#ifndef INQ_TARGET_RECORD_H
#define INQ_TARGET_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define INQ_RECORD_MAGIC 0x31525351u /* "QSR1" */
#define INQ_RECORD_VERSION 2u
#define INQ_RECORD_VERSION_OLDEST 1u /* of the same layout, but knows no INQ_COMMAND_HOLD */
#define INQ_RECORD_KNOWN(version) ((version) >= INQ_RECORD_VERSION_OLDEST && (version) <= INQ_RECORD_VERSION)

/* A note of the stub's image says where the record is: 4 bytes, the distance from themselves to it. */
#define INQ_RECORD_NOTE_OWNER "inquest"
#define INQ_RECORD_NOTE 1u

enum {
	INQ_RECORD_UNLOADED = 64,       /* modules that the ring remembers, as ntdll's */
	INQ_RECORD_MODULE_NAME = 96,
	INQ_RECORD_BUILD_ID = 20,
	INQ_RECORD_ANNOTATIONS = 64,
	INQ_RECORD_KEY = 32,
	INQ_RECORD_VALUE = 224,
	INQ_RECORD_SAFE = 1,            /* flag of an annotation: holds no secret */
};

/* minwinbase.h, JIT_DEBUG_INFO: 40 bytes. */
struct inq_jit_debug_info {
	uint32_t size;               /* 40 */
	uint32_t architecture;       /* PROCESSOR_ARCHITECTURE_AMD64 = 9 */
	uint32_t thread_id;
	uint32_t reserved;           /* 0 */
	uint64_t exception_address;  /* the instruction pointer at the exception, as on Windows */
	uint64_t exception_record;   /* address of the siginfo_t that the kernel gave the handler */
	uint64_t context_record;     /* address of the ucontext_t that the kernel gave the handler */
};
_Static_assert(sizeof(struct inq_jit_debug_info) == 40, "JIT_DEBUG_INFO");
_Static_assert(offsetof(struct inq_jit_debug_info, exception_address) == 16, "JIT_DEBUG_INFO");

struct inq_record_unloaded {
	uint64_t base, size;
	uint32_t build_id_size;
	uint8_t build_id[INQ_RECORD_BUILD_ID];
	char name[INQ_RECORD_MODULE_NAME];
};
_Static_assert(sizeof(struct inq_record_unloaded) == 136, "unloaded module");

struct inq_record_annotation {
	uint32_t sequence;           /* odd while it is being written */
	uint32_t flags;              /* INQUEST_SAFE */
	char key[INQ_RECORD_KEY];    /* "" free */
	char value[INQ_RECORD_VALUE];
};
_Static_assert(sizeof(struct inq_record_annotation) == 264, "annotation");

/* What the collector asks of the waiting thread, written into `command` before the event is signalled. */
enum inq_record_command {
	INQ_COMMAND_WAIT = 0,        /* nothing yet */
	INQ_COMMAND_DIE = 1,         /* the dump is taken, or can't be: go */
	INQ_COMMAND_SNAPSHOT = 2,    /* make the copy-on-write child, write its pid into `snapshot`, go on waiting */
	INQ_COMMAND_RESUME = 3,      /* a dump without a crash is taken */
	INQ_COMMAND_HOLD = 4,        /* close all descriptors but the event; then as SNAPSHOT, but the child shares the
	                              * memory (version 2) */
	INQ_COMMAND_END = 5,         /* to the child: its memory is not needed any more (version 2) */
};

enum inq_record_reason {
	INQ_REASON_CRASH = 0,
	INQ_REASON_ON_DEMAND = 1,
};

struct inq_record {
	struct inq_jit_debug_info jit;
	uint32_t magic, version;
	uint32_t size;               /* of this structure */
	uint32_t reason;             /* enum inq_record_reason */
	uint32_t pid;
	int32_t signal;
	uint32_t command;            /* enum inq_record_command */
	int32_t snapshot;            /* pid of the child that has the memory, or a negated errno; 0 not yet */
	uint64_t annotations;        /* address of struct inq_record_annotation[INQ_RECORD_ANNOTATIONS] */
	uint64_t unloaded;           /* address of struct inq_record_unloaded[INQ_RECORD_UNLOADED] */
	uint32_t unloaded_count;     /* ever pushed; the ring holds the last INQ_RECORD_UNLOADED */
	uint32_t status;             /* the collector's: 0, or an errno */
	uint64_t tls;                /* thread pointer (fs base) of the thread, which nobody stops to ask */
};
_Static_assert(sizeof(struct inq_record) == 40 + 32 + 16 + 8 + 8, "record");
_Static_assert(offsetof(struct inq_record, command) == 64, "record");

#endif
