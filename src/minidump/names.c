/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minidump/format.h"
#include "minidump/inquest.h"

struct name {
	uint32_t value;
	const char *text;
};

static const struct name streams[] = {
	{MD_STREAM_THREAD_LIST, "ThreadList"},
	{MD_STREAM_MODULE_LIST, "ModuleList"},
	{MD_STREAM_MEMORY_LIST, "MemoryList"},
	{MD_STREAM_EXCEPTION, "Exception"},
	{MD_STREAM_SYSTEM_INFO, "SystemInfo"},
	{MD_STREAM_THREAD_EX_LIST, "ThreadExList"},
	{MD_STREAM_MEMORY64_LIST, "Memory64List"},
	{MD_STREAM_COMMENT_A, "CommentA"},
	{MD_STREAM_COMMENT_W, "CommentW"},
	{MD_STREAM_HANDLE_DATA, "HandleData"},
	{MD_STREAM_FUNCTION_TABLE, "FunctionTable"},
	{MD_STREAM_UNLOADED_MODULE_LIST, "UnloadedModuleList"},
	{MD_STREAM_MISC_INFO, "MiscInfo"},
	{MD_STREAM_MEMORY_INFO_LIST, "MemoryInfoList"},
	{MD_STREAM_THREAD_INFO_LIST, "ThreadInfoList"},
	{MD_STREAM_HANDLE_OPERATION_LIST, "HandleOperationList"},
	{MD_STREAM_TOKEN, "Token"},
	{MD_STREAM_JAVASCRIPT_DATA, "JavaScriptData"},
	{MD_STREAM_SYSTEM_MEMORY_INFO, "SystemMemoryInfo"},
	{MD_STREAM_PROCESS_VM_COUNTERS, "ProcessVmCounters"},
	{MD_STREAM_IPT_TRACE, "IptTrace"},
	{MD_STREAM_THREAD_NAMES, "ThreadNames"},
	{MD_STREAM_CE_NULL, "CeNull"},
	{MD_STREAM_CE_SYSTEM_INFO, "CeSystemInfo"},
	{MD_STREAM_CE_EXCEPTION, "CeException"},
	{MD_STREAM_CE_MODULE_LIST, "CeModuleList"},
	{MD_STREAM_CE_PROCESS_LIST, "CeProcessList"},
	{MD_STREAM_CE_THREAD_LIST, "CeThreadList"},
	{MD_STREAM_CE_THREAD_CONTEXT_LIST, "CeThreadContextList"},
	{MD_STREAM_CE_THREAD_CALL_STACK_LIST, "CeThreadCallStackList"},
	{MD_STREAM_CE_MEMORY_VIRTUAL_LIST, "CeMemoryVirtualList"},
	{MD_STREAM_CE_MEMORY_PHYSICAL_LIST, "CeMemoryPhysicalList"},
	{MD_STREAM_CE_BUCKET_PARAMETERS, "CeBucketParameters"},
	{MD_STREAM_CE_PROCESS_MODULE_MAP, "CeProcessModuleMap"},
	{MD_STREAM_CE_DIAGNOSIS_LIST, "CeDiagnosisList"},
	{MD_STREAM_CRASHPAD_INFO, "CrashpadInfo"},
	{MD_STREAM_BREAKPAD_INFO, "BreakpadInfo"},
	{MD_STREAM_ASSERTION_INFO, "AssertionInfo"},
	{MD_STREAM_LINUX_CPU_INFO, "LinuxCpuInfo"},
	{MD_STREAM_LINUX_PROC_STATUS, "LinuxProcStatus"},
	{MD_STREAM_LINUX_LSB_RELEASE, "LinuxLsbRelease"},
	{MD_STREAM_LINUX_CMD_LINE, "LinuxCmdLine"},
	{MD_STREAM_LINUX_ENVIRON, "LinuxEnviron"},
	{MD_STREAM_LINUX_AUXV, "LinuxAuxv"},
	{MD_STREAM_LINUX_MAPS, "LinuxMaps"},
	{MD_STREAM_LINUX_DSO_DEBUG, "LinuxDsoDebug"},
	{MD_STREAM_LINUX_PROC_STAT, "LinuxProcStat"},
	{MD_STREAM_LINUX_PROC_UPTIME, "LinuxProcUptime"},
	{MD_STREAM_LINUX_PROC_FD, "LinuxProcFd"},
	{MD_STREAM_LLDB_GENERATED, "LldbGenerated"},
	{MD_STREAM_INQUEST_INFO, "InquestInfo"},
	{MD_STREAM_INQUEST_CLASSES, "InquestClasses"},
	{MD_STREAM_INQUEST_KERNEL, "InquestKernel"},
	{MD_STREAM_INQUEST_DETAILS, "InquestDetails"},
	{MD_STREAM_FACEBOOK_LOGCAT, "FacebookLogcat"},
	{MD_STREAM_FACEBOOK_APP_CUSTOM_DATA, "FacebookAppCustomData"},
	{MD_STREAM_FACEBOOK_BUILD_ID, "FacebookBuildId"},
	{MD_STREAM_FACEBOOK_APP_VERSION_NAME, "FacebookAppVersionName"},
	{MD_STREAM_FACEBOOK_JAVA_STACK, "FacebookJavaStack"},
	{MD_STREAM_FACEBOOK_DALVIK_INFO, "FacebookDalvikInfo"},
	{MD_STREAM_FACEBOOK_UNWIND_SYMBOLS, "FacebookUnwindSymbols"},
	{MD_STREAM_FACEBOOK_DUMP_ERROR_LOG, "FacebookDumpErrorLog"},
	{MD_STREAM_FACEBOOK_APP_STATE_LOG, "FacebookAppStateLog"},
	{MD_STREAM_FACEBOOK_ABORT_REASON, "FacebookAbortReason"},
	{MD_STREAM_FACEBOOK_THREAD_NAME, "FacebookThreadName"},
};

static const struct name architectures[] = {
	{MD_ARCH_X86, "x86"},
	{MD_ARCH_MIPS, "MIPS"},
	{MD_ARCH_ALPHA, "Alpha"},
	{MD_ARCH_PPC, "PowerPC"},
	{MD_ARCH_SHX, "SuperH"},
	{MD_ARCH_ARM, "ARM"},
	{MD_ARCH_IA64, "Itanium"},
	{MD_ARCH_ALPHA64, "Alpha64"},
	{MD_ARCH_MSIL, "MSIL"},
	{MD_ARCH_AMD64, "AMD64"},
	{MD_ARCH_X86_WIN64, "x86 on Win64"},
	{MD_ARCH_NEUTRAL, "neutral"},
	{MD_ARCH_ARM64, "ARM64"},
	{MD_ARCH_ARM32_ON_WIN64, "ARM on Win64"},
	{MD_ARCH_X86_ON_ARM64, "x86 on ARM64"},
	{MD_ARCH_SPARC, "SPARC"},
	{MD_ARCH_PPC64, "PowerPC64"},
	{MD_ARCH_ARM64_OLD, "ARM64 (old)"},
	{MD_ARCH_MIPS64, "MIPS64"},
	{MD_ARCH_RISCV, "RISC-V"},
	{MD_ARCH_RISCV64, "RISC-V64"},
};

static const struct name platforms[] = {
	{MD_PLATFORM_WIN32S, "Win32s"},
	{MD_PLATFORM_WIN32_WINDOWS, "Windows 9x"},
	{MD_PLATFORM_WIN32_NT, "Windows"},
	{MD_PLATFORM_WIN32_CE, "Windows CE"},
	{MD_PLATFORM_UNIX, "Unix"},
	{MD_PLATFORM_MACOS, "macOS"},
	{MD_PLATFORM_IOS, "iOS"},
	{MD_PLATFORM_LINUX, "Linux"},
	{MD_PLATFORM_SOLARIS, "Solaris"},
	{MD_PLATFORM_ANDROID, "Android"},
	{MD_PLATFORM_PS3, "PS3"},
	{MD_PLATFORM_NACL, "NaCl"},
	{MD_PLATFORM_FUCHSIA, "Fuchsia"},
};

static const char *find(const struct name *names, size_t count, uint32_t value)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].value == value)
			return names[i].text;
	}
	return "unknown";
}

#define FIND(table, value) find(table, sizeof(table) / sizeof((table)[0]), value)

const char *inq_md_stream_name(uint32_t type)
{
	return FIND(streams, type);
}

const char *inq_md_architecture_name(uint32_t architecture)
{
	return FIND(architectures, architecture);
}

const char *inq_md_platform_name(uint32_t platform)
{
	return FIND(platforms, platform);
}
