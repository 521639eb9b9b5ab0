/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The minidump format: every structure as it lies in the file, and its limits.
 *
 * Sources: minidumpapiset.h and winnt.h (Microsoft), minidump_format.h (Breakpad),
 * minidump_extensions.h (Crashpad), MinidumpConstants.def (LLVM). Files are little-endian unless
 * their signature is swapped. An RVA is an offset from the start of the file. Structures are
 * packed; padding that the format has is a named field. What the processor decides lies in
 * context.h.
 *
 * Definitions only; usable anywhere.
 */
#ifndef INQ_MINIDUMP_FORMAT_H
#define INQ_MINIDUMP_FORMAT_H

#include "minidump/context.h"

#include <stddef.h>
#include <stdint.h>

/* --- limits: what a reader accepts, at least what our writer can write --------------- */

enum {
	MD_MAX_STREAMS = 4096,
	MD_MAX_THREADS = 1 << 20,        /* Linux' threads-max was 192 Ki where we looked */
	MD_MAX_MODULES = 1 << 18,        /* one a mapping at most: vm.max_map_count, 65530 */
	MD_MAX_MEMORY_RANGES = 1 << 23,
	MD_MAX_MEMORY_INFOS = 1 << 22,
	MD_MAX_HANDLES = 1 << 21,        /* fs.nr_open is 1 Mi by default */
	MD_MAX_UNLOADED_MODULES = 1 << 16,
	MD_MAX_ANNOTATIONS = 1 << 16,    /* Crashpad's, of the whole dump */
	MD_MAX_DSOS = 1 << 16,
	MD_MAX_OBJECT_INFOS = 64,        /* chained at one handle */
	MD_MAX_STRING = 1 << 20,         /* bytes of one string; Linux' PATH_MAX is 4096 */
	MD_MAX_CODEVIEW = 1 << 16,       /* bytes of one CodeView record */
	MD_MAX_RAW_STREAM = 1 << 28,     /* bytes of one stream handed over as raw bytes */
};

/* --- header and directory ------------------------------------------------------------ */

#define MD_SIGNATURE 0x504d444du /* "MDMP" */
#define MD_VERSION 0xa793u       /* low 16 bits; the high ones are the writer's own */

/* Where something lies. */
struct MD_PACKED md_location {
	uint32_t size; /* bytes */
	uint32_t rva;
};
MD_ASSERT_SIZE(md_location, 8);

struct MD_PACKED md_location64 {
	uint64_t size; /* bytes */
	uint64_t rva;
};
MD_ASSERT_SIZE(md_location64, 16);

/* MINIDUMP_HEADER, at offset 0. */
struct MD_PACKED md_header {
	uint32_t signature;     /* MD_SIGNATURE */
	uint32_t version;       /* MD_VERSION in the low half */
	uint32_t stream_count;  /* entries of the directory */
	uint32_t directory_rva; /* struct md_directory[stream_count] */
	uint32_t checksum;      /* 0 everywhere */
	uint32_t time;          /* seconds since 1970 */
	uint64_t flags;         /* enum md_type */
};
MD_ASSERT_SIZE(md_header, 32);
MD_ASSERT_AT(md_header, directory_rva, 12);
MD_ASSERT_AT(md_header, flags, 24);

/* MINIDUMP_DIRECTORY. */
struct MD_PACKED md_directory {
	uint32_t type; /* enum md_stream_type */
	struct md_location location;
};
MD_ASSERT_SIZE(md_directory, 12);

/* MINIDUMP_TYPE: what the dump was asked to hold. */
enum md_type {
	MD_WITH_DATA_SEGS = 0x00000001,
	MD_WITH_FULL_MEMORY = 0x00000002,
	MD_WITH_HANDLE_DATA = 0x00000004,
	MD_FILTER_MEMORY = 0x00000008,
	MD_SCAN_MEMORY = 0x00000010,
	MD_WITH_UNLOADED_MODULES = 0x00000020,
	MD_WITH_INDIRECTLY_REFERENCED_MEMORY = 0x00000040,
	MD_FILTER_MODULE_PATHS = 0x00000080,
	MD_WITH_PROCESS_THREAD_DATA = 0x00000100,
	MD_WITH_PRIVATE_READ_WRITE_MEMORY = 0x00000200,
	MD_WITHOUT_OPTIONAL_DATA = 0x00000400,
	MD_WITH_FULL_MEMORY_INFO = 0x00000800,
	MD_WITH_THREAD_INFO = 0x00001000,
	MD_WITH_CODE_SEGS = 0x00002000,
	MD_WITHOUT_AUXILIARY_STATE = 0x00004000,
	MD_WITH_FULL_AUXILIARY_STATE = 0x00008000,
	MD_WITH_PRIVATE_WRITE_COPY_MEMORY = 0x00010000,
	MD_IGNORE_INACCESSIBLE_MEMORY = 0x00020000,
	MD_WITH_TOKEN_INFORMATION = 0x00040000,
	MD_WITH_MODULE_HEADERS = 0x00080000,
	MD_FILTER_TRIAGE = 0x00100000,
	MD_WITH_AVX_XSTATE_CONTEXT = 0x00200000,
	MD_WITH_IPT_TRACE = 0x00400000,
	MD_SCAN_INACCESSIBLE_PARTIAL_PAGES = 0x00800000,
	MD_FILTER_WRITE_COMBINED_MEMORY = 0x01000000,
};

/* MINIDUMP_STREAM_TYPE and the extensions. Names for showing: inq_md_stream_name(). */
enum md_stream_type {
	MD_STREAM_UNUSED = 0,
	MD_STREAM_RESERVED_0 = 1,
	MD_STREAM_RESERVED_1 = 2,
	MD_STREAM_THREAD_LIST = 3,
	MD_STREAM_MODULE_LIST = 4,
	MD_STREAM_MEMORY_LIST = 5,
	MD_STREAM_EXCEPTION = 6,
	MD_STREAM_SYSTEM_INFO = 7,
	MD_STREAM_THREAD_EX_LIST = 8,
	MD_STREAM_MEMORY64_LIST = 9,
	MD_STREAM_COMMENT_A = 10,
	MD_STREAM_COMMENT_W = 11,
	MD_STREAM_HANDLE_DATA = 12,
	MD_STREAM_FUNCTION_TABLE = 13,
	MD_STREAM_UNLOADED_MODULE_LIST = 14,
	MD_STREAM_MISC_INFO = 15,
	MD_STREAM_MEMORY_INFO_LIST = 16,
	MD_STREAM_THREAD_INFO_LIST = 17,
	MD_STREAM_HANDLE_OPERATION_LIST = 18,
	MD_STREAM_TOKEN = 19,
	MD_STREAM_JAVASCRIPT_DATA = 20,
	MD_STREAM_SYSTEM_MEMORY_INFO = 21,
	MD_STREAM_PROCESS_VM_COUNTERS = 22,
	MD_STREAM_IPT_TRACE = 23,
	MD_STREAM_THREAD_NAMES = 24,

	/* Windows CE */
	MD_STREAM_CE_NULL = 0x8000,
	MD_STREAM_CE_SYSTEM_INFO = 0x8001,
	MD_STREAM_CE_EXCEPTION = 0x8002,
	MD_STREAM_CE_MODULE_LIST = 0x8003,
	MD_STREAM_CE_PROCESS_LIST = 0x8004,
	MD_STREAM_CE_THREAD_LIST = 0x8005,
	MD_STREAM_CE_THREAD_CONTEXT_LIST = 0x8006,
	MD_STREAM_CE_THREAD_CALL_STACK_LIST = 0x8007,
	MD_STREAM_CE_MEMORY_VIRTUAL_LIST = 0x8008,
	MD_STREAM_CE_MEMORY_PHYSICAL_LIST = 0x8009,
	MD_STREAM_CE_BUCKET_PARAMETERS = 0x800a,
	MD_STREAM_CE_PROCESS_MODULE_MAP = 0x800b,
	MD_STREAM_CE_DIAGNOSIS_LIST = 0x800c,
	MD_STREAM_LAST_RESERVED = 0xffff,

	/* Breakpad: "Gg"; the last three are only in LLVM's list */
	MD_STREAM_BREAKPAD_INFO = 0x47670001,
	MD_STREAM_ASSERTION_INFO = 0x47670002,
	MD_STREAM_LINUX_CPU_INFO = 0x47670003,    /* text: /proc/cpuinfo */
	MD_STREAM_LINUX_PROC_STATUS = 0x47670004, /* text: /proc/PID/status */
	MD_STREAM_LINUX_LSB_RELEASE = 0x47670005, /* text: /etc/lsb-release */
	MD_STREAM_LINUX_CMD_LINE = 0x47670006,    /* bytes: /proc/PID/cmdline */
	MD_STREAM_LINUX_ENVIRON = 0x47670007,     /* bytes: /proc/PID/environ */
	MD_STREAM_LINUX_AUXV = 0x47670008,        /* words of the target: /proc/PID/auxv */
	MD_STREAM_LINUX_MAPS = 0x47670009,        /* text: /proc/PID/maps */
	MD_STREAM_LINUX_DSO_DEBUG = 0x4767000a,   /* struct md_dso_debug32 or 64 */
	MD_STREAM_LINUX_PROC_STAT = 0x4767000b,   /* text: /proc/PID/stat */
	MD_STREAM_LINUX_PROC_UPTIME = 0x4767000c, /* text: /proc/uptime */
	MD_STREAM_LINUX_PROC_FD = 0x4767000d,     /* text: /proc/PID/fd */

	/* Crashpad: "CP" */
	MD_STREAM_CRASHPAD_INFO = 0x43500001,

	/* LLDB: "LLDB", empty; says that LLDB wrote the dump */
	MD_STREAM_LLDB_GENERATED = 0x4c4c4442,
};

/* Facebook's, known to LLVM. Too large for an enumerator of ISO C. */
#define MD_STREAM_FACEBOOK_LOGCAT 0xface1ca7u
#define MD_STREAM_FACEBOOK_APP_CUSTOM_DATA 0xfacecafau
#define MD_STREAM_FACEBOOK_BUILD_ID 0xfacecafbu
#define MD_STREAM_FACEBOOK_APP_VERSION_NAME 0xfacecafcu
#define MD_STREAM_FACEBOOK_JAVA_STACK 0xfacecafdu
#define MD_STREAM_FACEBOOK_DALVIK_INFO 0xfacecafeu
#define MD_STREAM_FACEBOOK_UNWIND_SYMBOLS 0xfacecaffu
#define MD_STREAM_FACEBOOK_DUMP_ERROR_LOG 0xfacecb00u
#define MD_STREAM_FACEBOOK_APP_STATE_LOG 0xfaceccccu
#define MD_STREAM_FACEBOOK_ABORT_REASON 0xfacedeadu
#define MD_STREAM_FACEBOOK_THREAD_NAME 0xfacee000u

/* MINIDUMP_STRING: this, then UTF-16 text, then a 16-bit NUL that is not counted. Crashpad's
 * MinidumpUTF8String is the same with UTF-8 and an 8-bit NUL. */
struct MD_PACKED md_string {
	uint32_t size; /* bytes without the terminator */
};
MD_ASSERT_SIZE(md_string, 4);

/* MINIDUMP_MEMORY_DESCRIPTOR. */
struct MD_PACKED md_memory {
	uint64_t address; /* in the target */
	struct md_location location;
};
MD_ASSERT_SIZE(md_memory, 16);

/* The 32-bit count in front of a thread, module or memory list. Some writers pad it to 8 bytes. */
struct MD_PACKED md_list {
	uint32_t count;
};
MD_ASSERT_SIZE(md_list, 4);

/* --- threads ------------------------------------------------------------------------- */

/* MINIDUMP_THREAD; ThreadList is md_list and these. */
struct MD_PACKED md_thread {
	uint32_t id;
	uint32_t suspend_count;
	uint32_t priority_class;
	uint32_t priority;
	uint64_t teb; /* thread environment block; the thread pointer on Linux */
	struct md_memory stack;
	struct md_location context;
};
MD_ASSERT_SIZE(md_thread, 48);
MD_ASSERT_AT(md_thread, teb, 16);
MD_ASSERT_AT(md_thread, context, 40);

/* MINIDUMP_THREAD_EX. */
struct MD_PACKED md_thread_ex {
	struct md_thread thread;
	struct md_memory backing_store; /* Itanium's register stack */
};
MD_ASSERT_SIZE(md_thread_ex, 64);

/* MINIDUMP_THREAD_NAME; ThreadNames is md_list and these. */
struct MD_PACKED md_thread_name {
	uint32_t thread_id;
	uint64_t name_rva; /* struct md_string, UTF-16 */
};
MD_ASSERT_SIZE(md_thread_name, 12);

/* Head of the later lists: the entries follow `header_size` bytes after its start. */
struct MD_PACKED md_thread_info_list {
	uint32_t header_size;
	uint32_t entry_size;
	uint32_t count;
};
MD_ASSERT_SIZE(md_thread_info_list, 12);

/* For md_thread_info.dump_flags. */
enum {
	MD_THREAD_INFO_ERROR_THREAD = 0x01,
	MD_THREAD_INFO_WRITING_THREAD = 0x02,
	MD_THREAD_INFO_EXITED_THREAD = 0x04,
	MD_THREAD_INFO_INVALID_INFO = 0x08,
	MD_THREAD_INFO_INVALID_CONTEXT = 0x10,
	MD_THREAD_INFO_INVALID_TEB = 0x20,
};

/* MINIDUMP_THREAD_INFO. */
struct MD_PACKED md_thread_info {
	uint32_t thread_id;
	uint32_t dump_flags;   /* MD_THREAD_INFO_* */
	uint32_t dump_error;   /* HRESULT */
	uint32_t exit_status;  /* 259 (STILL_ACTIVE) while it runs */
	uint64_t create_time;  /* 100 ns since 1601 */
	uint64_t exit_time;    /* 100 ns since 1601 */
	uint64_t kernel_time;  /* 100 ns */
	uint64_t user_time;    /* 100 ns */
	uint64_t start_address;
	uint64_t affinity;     /* bit mask of processors */
};
MD_ASSERT_SIZE(md_thread_info, 64);
MD_ASSERT_AT(md_thread_info, start_address, 48);

/* --- modules ------------------------------------------------------------------------- */

#define MD_VERSION_INFO_SIGNATURE 0xfeef04bdu

/* VS_FIXEDFILEINFO. */
struct MD_PACKED md_version_info {
	uint32_t signature; /* MD_VERSION_INFO_SIGNATURE, or 0 */
	uint32_t struct_version; /* 0x00010000 */
	uint32_t file_version_high; /* major << 16 | minor */
	uint32_t file_version_low;  /* build << 16 | revision */
	uint32_t product_version_high;
	uint32_t product_version_low;
	uint32_t file_flags_mask;
	uint32_t file_flags; /* VS_FF_* */
	uint32_t file_os;    /* VOS_* */
	uint32_t file_type;  /* VFT_*: 1 application, 2 library */
	uint32_t file_subtype;
	uint32_t file_date_high;
	uint32_t file_date_low;
};
MD_ASSERT_SIZE(md_version_info, 52);

/* MINIDUMP_MODULE; ModuleList is md_list and these. */
struct MD_PACKED md_module {
	uint64_t base;
	uint32_t size;     /* bytes in memory */
	uint32_t checksum; /* 0 if unknown */
	uint32_t time;     /* link time, seconds since 1970 */
	uint32_t name_rva; /* struct md_string, UTF-16 */
	struct md_version_info version;
	struct md_location codeview;
	struct md_location misc; /* struct md_debug_misc; obsolete */
	uint64_t reserved0;
	uint64_t reserved1;
};
MD_ASSERT_SIZE(md_module, 108);
MD_ASSERT_AT(md_module, version, 24);
MD_ASSERT_AT(md_module, codeview, 76);
MD_ASSERT_AT(md_module, reserved0, 92);

/* The first 4 bytes of a CodeView record. */
#define MD_CODEVIEW_PDB70 0x53445352u /* "RSDS" */
#define MD_CODEVIEW_PDB20 0x3031424eu /* "NB10" */
#define MD_CODEVIEW_CV41 0x3930424eu  /* "NB09": the symbols themselves */
#define MD_CODEVIEW_CV50 0x3131424eu  /* "NB11": the symbols themselves */
#define MD_CODEVIEW_ELF 0x4270454cu   /* 'BpEL': the build-id follows, to the end of the record */

/* GUID; the first three are numbers of the file's byte order. */
struct MD_PACKED md_guid {
	uint32_t data1;
	uint16_t data2;
	uint16_t data3;
	uint8_t data4[8];
};
MD_ASSERT_SIZE(md_guid, 16);

struct MD_PACKED md_codeview_pdb70 {
	uint32_t signature; /* MD_CODEVIEW_PDB70 */
	struct md_guid guid;
	uint32_t age;
	/* then the NUL-terminated name of the PDB */
};
MD_ASSERT_SIZE(md_codeview_pdb70, 24);

struct MD_PACKED md_codeview_pdb20 {
	uint32_t signature; /* MD_CODEVIEW_PDB20 */
	uint32_t offset;    /* 0: the information is in another file */
	uint32_t time;      /* seconds since 1970 */
	uint32_t age;
	/* then the NUL-terminated name of the PDB */
};
MD_ASSERT_SIZE(md_codeview_pdb20, 16);

struct MD_PACKED md_codeview_elf {
	uint32_t signature; /* MD_CODEVIEW_ELF */
	/* then the build-id */
};
MD_ASSERT_SIZE(md_codeview_elf, 4);

/* IMAGE_DEBUG_MISC. */
struct MD_PACKED md_debug_misc {
	uint32_t data_type;
	uint32_t size; /* of the whole record */
	uint8_t unicode;
	uint8_t reserved[3];
	/* then the name of the DBG file */
};
MD_ASSERT_SIZE(md_debug_misc, 12);

struct MD_PACKED md_unloaded_module_list {
	uint32_t header_size;
	uint32_t entry_size;
	uint32_t count;
};
MD_ASSERT_SIZE(md_unloaded_module_list, 12);

/* MINIDUMP_UNLOADED_MODULE. */
struct MD_PACKED md_unloaded_module {
	uint64_t base;
	uint32_t size;
	uint32_t checksum;
	uint32_t time;
	uint32_t name_rva; /* struct md_string, UTF-16 */
};
MD_ASSERT_SIZE(md_unloaded_module, 24);

/* --- exception ----------------------------------------------------------------------- */

enum { MD_EXCEPTION_PARAMETERS = 15 };

/* MINIDUMP_EXCEPTION. On Linux (Breakpad): code is the signal, flags si_code, address si_addr. */
struct MD_PACKED md_exception {
	uint32_t code;
	uint32_t flags;
	uint64_t record;  /* address of a nested exception in the target */
	uint64_t address; /* of the fault */
	uint32_t parameter_count;
	uint32_t reserved;
	uint64_t parameters[MD_EXCEPTION_PARAMETERS];
};
MD_ASSERT_SIZE(md_exception, 152);

/* MINIDUMP_EXCEPTION_STREAM. */
struct MD_PACKED md_exception_stream {
	uint32_t thread_id;
	uint32_t reserved;
	struct md_exception exception;
	struct md_location context; /* at the exception, not inside its handler */
};
MD_ASSERT_SIZE(md_exception_stream, 168);
MD_ASSERT_AT(md_exception_stream, context, 160);

/* Exception code of a dump that was asked for, not forced by a crash (Breakpad, Linux). */
#define MD_EXCEPTION_LINUX_DUMP_REQUESTED 0xffffffffu

/* --- system and process -------------------------------------------------------------- */

/* For md_system_info.architecture. 0x8000 and above are Breakpad's. */
enum md_architecture {
	MD_ARCH_X86 = 0,
	MD_ARCH_MIPS = 1,
	MD_ARCH_ALPHA = 2,
	MD_ARCH_PPC = 3,
	MD_ARCH_SHX = 4,
	MD_ARCH_ARM = 5,
	MD_ARCH_IA64 = 6,
	MD_ARCH_ALPHA64 = 7,
	MD_ARCH_MSIL = 8,
	MD_ARCH_AMD64 = 9,
	MD_ARCH_X86_WIN64 = 10,
	MD_ARCH_NEUTRAL = 11,
	MD_ARCH_ARM64 = 12,
	MD_ARCH_ARM32_ON_WIN64 = 13,
	MD_ARCH_X86_ON_ARM64 = 14,
	MD_ARCH_SPARC = 0x8001,
	MD_ARCH_PPC64 = 0x8002,
	MD_ARCH_ARM64_OLD = 0x8003,
	MD_ARCH_MIPS64 = 0x8004,
	MD_ARCH_RISCV = 0x8005,
	MD_ARCH_RISCV64 = 0x8006,
	MD_ARCH_UNKNOWN = 0xffff,
};

/* For md_system_info.platform. 0x8000 and above are Breakpad's. */
enum md_platform {
	MD_PLATFORM_WIN32S = 0,
	MD_PLATFORM_WIN32_WINDOWS = 1, /* 95, 98, Me */
	MD_PLATFORM_WIN32_NT = 2,
	MD_PLATFORM_WIN32_CE = 3,
	MD_PLATFORM_UNIX = 0x8000,
	MD_PLATFORM_MACOS = 0x8101,
	MD_PLATFORM_IOS = 0x8102,
	MD_PLATFORM_LINUX = 0x8201,
	MD_PLATFORM_SOLARIS = 0x8202,
	MD_PLATFORM_ANDROID = 0x8203,
	MD_PLATFORM_PS3 = 0x8204,
	MD_PLATFORM_NACL = 0x8205,
	MD_PLATFORM_FUCHSIA = 0x8206,
};

/* CPU_INFORMATION: 24 bytes, by architecture. */
union md_cpu_info {
	struct MD_PACKED md_cpu_x86 {
		uint32_t vendor[3];    /* CPUID 0: ebx, edx, ecx */
		uint32_t version;      /* CPUID 1: eax */
		uint32_t features;     /* CPUID 1: edx */
		uint32_t amd_features; /* CPUID 0x80000001: edx (Microsoft: ebx) */
	} x86; /* x86; Breakpad and Crashpad fill it for AMD64 too */
	struct MD_PACKED md_cpu_arm {
		uint32_t cpuid;
		uint32_t hwcaps; /* AT_HWCAP; Linux only */
	} arm;
	struct MD_PACKED md_cpu_other {
		uint64_t features[2]; /* bit n: IsProcessorFeaturePresent(n) */
	} other;
	uint8_t bytes[24];
};
_Static_assert(sizeof(union md_cpu_info) == 24, "CPU_INFORMATION has the size of the format");

/* MINIDUMP_SYSTEM_INFO. */
struct MD_PACKED md_system_info {
	uint16_t architecture;  /* enum md_architecture */
	uint16_t level;         /* x86: family; ARM: architecture version */
	uint16_t revision;      /* x86: model << 8 | stepping */
	uint8_t processors;     /* how many, at most 255 */
	uint8_t product_type;   /* VER_NT_*: 1 workstation, 3 server */
	uint32_t major;         /* of the system */
	uint32_t minor;
	uint32_t build;
	uint32_t platform;      /* enum md_platform */
	uint32_t csd_rva;       /* struct md_string: service pack; Linux: `uname -srvmo` */
	uint16_t suite_mask;    /* VER_SUITE_* */
	uint16_t reserved;
	union md_cpu_info cpu;
};
MD_ASSERT_SIZE(md_system_info, 56);
MD_ASSERT_AT(md_system_info, platform, 20);
MD_ASSERT_AT(md_system_info, cpu, 32);

/* SYSTEMTIME. */
struct MD_PACKED md_system_time {
	uint16_t year;
	uint16_t month;
	uint16_t day_of_week;
	uint16_t day;
	uint16_t hour;
	uint16_t minute;
	uint16_t second;
	uint16_t milliseconds;
};
MD_ASSERT_SIZE(md_system_time, 16);

/* TIME_ZONE_INFORMATION. */
struct MD_PACKED md_time_zone {
	int32_t bias;               /* minutes; UTC = local time + bias */
	uint16_t standard_name[32]; /* UTF-16, NUL-terminated */
	struct md_system_time standard_date;
	int32_t standard_bias;      /* minutes */
	uint16_t daylight_name[32]; /* UTF-16, NUL-terminated */
	struct md_system_time daylight_date;
	int32_t daylight_bias;      /* minutes */
};
MD_ASSERT_SIZE(md_time_zone, 172);

/* For md_misc_info.flags: what is valid. */
enum {
	MD_MISC_PROCESS_ID = 0x001,
	MD_MISC_PROCESS_TIMES = 0x002,
	MD_MISC_PROCESSOR_POWER = 0x004,
	MD_MISC_PROCESS_INTEGRITY = 0x010,
	MD_MISC_PROCESS_EXECUTE_FLAGS = 0x020,
	MD_MISC_TIME_ZONE = 0x040,
	MD_MISC_PROTECTED_PROCESS = 0x080,
	MD_MISC_BUILD_STRING = 0x100,
	MD_MISC_PROCESS_COOKIE = 0x200,
};

enum { MD_XSTATE_FEATURES = 64 };

/* XSTATE_CONFIG_FEATURE_MSC_INFO. */
struct MD_PACKED md_xstate {
	uint32_t size;         /* of this structure */
	uint32_t context_size; /* bytes of a context with its XSTATE part */
	uint64_t features;     /* bit n: feature[n] is valid */
	struct MD_PACKED md_xstate_feature {
		uint32_t offset;
		uint32_t size;
	} feature[MD_XSTATE_FEATURES];
};
MD_ASSERT_SIZE(md_xstate, 528);

/* MINIDUMP_MISC_INFO_5; the earlier versions are its beginnings, told apart by their size. */
struct MD_PACKED md_misc_info {
	uint32_t size;  /* of the version that is present */
	uint32_t flags; /* MD_MISC_* */
	uint32_t process_id;
	uint32_t process_create_time; /* seconds since 1970 */
	uint32_t process_user_time;   /* seconds */
	uint32_t process_kernel_time; /* seconds */
	uint32_t processor_max_mhz;   /* from version 2 */
	uint32_t processor_current_mhz;
	uint32_t processor_mhz_limit;
	uint32_t processor_max_idle_state;
	uint32_t processor_current_idle_state;
	uint32_t process_integrity_level; /* from version 3 */
	uint32_t process_execute_flags;
	uint32_t protected_process;
	uint32_t time_zone_id; /* 0 unknown, 1 standard, 2 daylight */
	struct md_time_zone time_zone;
	uint16_t build_string[260];  /* from version 4; UTF-16, NUL-terminated */
	uint16_t debug_build_string[40];
	struct md_xstate xstate; /* from version 5 */
	uint32_t process_cookie;
};
enum {
	MD_MISC_INFO_SIZE_1 = 24,
	MD_MISC_INFO_SIZE_2 = 44,
	MD_MISC_INFO_SIZE_3 = 232,
	MD_MISC_INFO_SIZE_4 = 832,
	MD_MISC_INFO_SIZE_5 = 1364,
};
MD_ASSERT_SIZE(md_misc_info, MD_MISC_INFO_SIZE_5);
MD_ASSERT_AT(md_misc_info, processor_max_mhz, MD_MISC_INFO_SIZE_1);
MD_ASSERT_AT(md_misc_info, process_integrity_level, MD_MISC_INFO_SIZE_2);
MD_ASSERT_AT(md_misc_info, build_string, MD_MISC_INFO_SIZE_3);
MD_ASSERT_AT(md_misc_info, xstate, MD_MISC_INFO_SIZE_4);

/* --- memory -------------------------------------------------------------------------- */

/* MINIDUMP_MEMORY64_LIST: memory lies back to back from base_rva on, in the entries' order. */
struct MD_PACKED md_memory64_list {
	uint64_t count;
	uint64_t base_rva;
};
MD_ASSERT_SIZE(md_memory64_list, 16);

/* MINIDUMP_MEMORY_DESCRIPTOR64. */
struct MD_PACKED md_memory64 {
	uint64_t address; /* in the target */
	uint64_t size;    /* bytes */
};
MD_ASSERT_SIZE(md_memory64, 16);

struct MD_PACKED md_memory_info_list {
	uint32_t header_size;
	uint32_t entry_size;
	uint64_t count;
};
MD_ASSERT_SIZE(md_memory_info_list, 16);

/* For md_memory_info.state. */
enum {
	MD_MEM_COMMIT = 0x01000,
	MD_MEM_RESERVE = 0x02000,
	MD_MEM_FREE = 0x10000,
};

/* For md_memory_info.type. */
enum {
	MD_MEM_PRIVATE = 0x0020000,
	MD_MEM_MAPPED = 0x0040000,
	MD_MEM_IMAGE = 0x1000000,
};

/* For md_memory_info.protection: one of the first eight, or'ed with the others. */
enum {
	MD_PAGE_NOACCESS = 0x001,
	MD_PAGE_READONLY = 0x002,
	MD_PAGE_READWRITE = 0x004,
	MD_PAGE_WRITECOPY = 0x008,
	MD_PAGE_EXECUTE = 0x010,
	MD_PAGE_EXECUTE_READ = 0x020,
	MD_PAGE_EXECUTE_READWRITE = 0x040,
	MD_PAGE_EXECUTE_WRITECOPY = 0x080,
	MD_PAGE_ACCESS_MASK = 0x0ff,
	MD_PAGE_GUARD = 0x100,
	MD_PAGE_NOCACHE = 0x200,
	MD_PAGE_WRITECOMBINE = 0x400,
	MD_PAGE_TARGETS_INVALID = 0x40000000,
};

/* MINIDUMP_MEMORY_INFO. */
struct MD_PACKED md_memory_info {
	uint64_t base;
	uint64_t allocation_base;
	uint32_t allocation_protection; /* MD_PAGE_* */
	uint32_t reserved1;
	uint64_t size;       /* bytes */
	uint32_t state;      /* MD_MEM_COMMIT ... */
	uint32_t protection; /* MD_PAGE_* */
	uint32_t type;       /* MD_MEM_PRIVATE ... */
	uint32_t reserved2;
};
MD_ASSERT_SIZE(md_memory_info, 48);
MD_ASSERT_AT(md_memory_info, size, 24);

/* --- handles ------------------------------------------------------------------------- */

/* MINIDUMP_HANDLE_DATA_STREAM. */
struct MD_PACKED md_handle_list {
	uint32_t header_size;
	uint32_t entry_size; /* 32 or 40 */
	uint32_t count;
	uint32_t reserved;
};
MD_ASSERT_SIZE(md_handle_list, 16);

/* MINIDUMP_HANDLE_DESCRIPTOR_2; the first version ends before object_info_rva. */
struct MD_PACKED md_handle {
	uint64_t handle;
	uint32_t type_name_rva;   /* struct md_string, UTF-16, or 0 */
	uint32_t object_name_rva; /* struct md_string, UTF-16, or 0 */
	uint32_t attributes;
	uint32_t granted_access;
	uint32_t handle_count;
	uint32_t pointer_count;
	uint32_t object_info_rva; /* struct md_object_info, or 0 */
	uint32_t reserved;
};
enum { MD_HANDLE_SIZE_1 = 32, MD_HANDLE_SIZE_2 = 40 };
MD_ASSERT_SIZE(md_handle, MD_HANDLE_SIZE_2);
MD_ASSERT_AT(md_handle, object_info_rva, MD_HANDLE_SIZE_1);

/* MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE. */
enum md_object_info_type {
	MD_OBJECT_INFO_NONE = 0,
	MD_OBJECT_INFO_THREAD_1 = 1,
	MD_OBJECT_INFO_MUTANT_1 = 2,
	MD_OBJECT_INFO_MUTANT_2 = 3,
	MD_OBJECT_INFO_PROCESS_1 = 4,
	MD_OBJECT_INFO_PROCESS_2 = 5,
	MD_OBJECT_INFO_EVENT_1 = 6,
	MD_OBJECT_INFO_SECTION_1 = 7,
	MD_OBJECT_INFO_SEMAPHORE_1 = 8,
};

/* MINIDUMP_HANDLE_OBJECT_INFORMATION; `size` bytes of it follow. */
struct MD_PACKED md_object_info {
	uint32_t next_rva; /* the next one of the same handle, or 0 */
	uint32_t type;     /* enum md_object_info_type */
	uint32_t size;     /* bytes that follow */
};
MD_ASSERT_SIZE(md_object_info, 12);

/* MINIDUMP_HANDLE_OPERATION_LIST. */
struct MD_PACKED md_handle_operation_list {
	uint32_t header_size;
	uint32_t entry_size;
	uint32_t count;
	uint32_t reserved;
};
MD_ASSERT_SIZE(md_handle_operation_list, 16);

/* AVRF_HANDLE_OPERATION. */
struct MD_PACKED md_handle_operation {
	uint64_t handle;
	uint32_t process_id;
	uint32_t thread_id;
	uint32_t operation; /* 1 open, 2 close, 3 bad reference */
	uint32_t reserved;
	uint32_t depth; /* of the backtrace */
	uint32_t index;
	uint64_t return_addresses[32];
};
MD_ASSERT_SIZE(md_handle_operation, 288);

/* --- further streams ----------------------------------------------------------------- */

#include "minidump/format_breakpad.h"
#include "minidump/format_crashpad.h"
#include "minidump/format_process.h"

/* --- names --------------------------------------------------------------------------- */

/* What a stream, processor or platform is called: "ThreadList", "AMD64", "Linux"; "unknown" for
 * the rest. Constants. */
const char *inq_md_stream_name(uint32_t type);
const char *inq_md_architecture_name(uint32_t architecture);
const char *inq_md_platform_name(uint32_t platform);

#endif
