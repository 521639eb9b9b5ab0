#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# breakpad-client.sh FOLDER OUT.so: Breakpad's in-process handler as a library to preload, for the benchmark.
#
# FOLDER is where scripts/install-deps.sh --breakpad unpacked npm's `minidump`, whose package has the client's
# sources. The library writes its dump into $BREAKPAD_DIR, filtered by Breakpad's own filter if $BREAKPAD_SANITIZE is set.
set -eu
folder=${1:?FOLDER OUT.so}/node_modules/minidump/deps
out=${2:?FOLDER OUT.so}
source=$folder/breakpad/src
[ -d "$source/client/linux" ] || { echo "breakpad-client: no sources in '$source'" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include/third_party"
ln -s "$(realpath "$folder/third_party/lss")" "$work/include/third_party/lss"
cat >"$work/preload.cc" <<'EOF'
#include <stdlib.h>
#include "client/linux/handler/exception_handler.h"
static google_breakpad::ExceptionHandler *handler;
__attribute__((constructor)) static void install() {
  const char *where = getenv("BREAKPAD_DIR");
  if (!where)
    return;
  google_breakpad::MinidumpDescriptor descriptor(where);
  descriptor.set_sanitize_stacks(getenv("BREAKPAD_SANITIZE") != nullptr);
  handler = new google_breakpad::ExceptionHandler(descriptor, nullptr, nullptr, nullptr, true, -1);
}
EOF
objects=
for file in client/linux/crash_generation/crash_generation_client.cc client/linux/dump_writer_common/thread_info.cc \
	client/linux/dump_writer_common/ucontext_reader.cc client/linux/handler/exception_handler.cc \
	client/linux/handler/minidump_descriptor.cc client/linux/log/log.cc \
	client/linux/microdump_writer/microdump_writer.cc client/linux/minidump_writer/linux_core_dumper.cc \
	client/linux/minidump_writer/linux_dumper.cc client/linux/minidump_writer/linux_ptrace_dumper.cc \
	client/linux/minidump_writer/minidump_writer.cc client/linux/minidump_writer/pe_file.cc \
	client/minidump_file_writer.cc common/convert_UTF.cc common/md5.cc common/string_conversion.cc \
	common/linux/breakpad_getcontext.S common/linux/elf_core_dump.cc common/linux/elfutils.cc \
	common/linux/file_id.cc common/linux/guid_creator.cc common/linux/linux_libc_support.cc \
	common/linux/memory_mapped_file.cc common/linux/safe_readlink.cc; do
	[ -f "$source/$file" ] || continue
	object=$work/$(basename "$file").o
	g++ -std=c++17 -O2 -fPIC -w -I"$source" -I"$work/include" -c "$source/$file" -o "$object"
	objects="$objects $object"
done
# shellcheck disable=SC2086
g++ -std=c++17 -O2 -fPIC -shared -Wl,-z,noexecstack -I"$source" -I"$work/include" "$work/preload.cc" $objects -o "$out"
