#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that lie, one lie each, and what inquest -z must say to it: a table of how the file is made, the exit status
and words. Each has two seconds of processor time. TAP; with a folder as argument the files are left there.
"""
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile

INQUEST = os.environ.get("INQUEST_PROGRAM", "./inquest")
COMMANDS = ".lastevent; .ecxr; r; k; ~; lm; vertarget; .time"
THREADS, MODULES, MEMORY, EXCEPTION, SYSTEM, MEMORY64, COMMENT, HANDLES, MISC, MEMORY_INFO, NAMES = (
    3, 4, 5, 6, 7, 9, 11, 12, 15, 16, 24)
MAPS = 0x47670009
STACK, TOP, CODE = 0x7ffd00000000, 0x7ffd00001000, 0x400000
TID = 77

# --- a minidump that is right ---------------------------------------------------------------------------


class Dump:
    """One thread with a stack, a module, an exception. Streams and blobs are laid out in order; `at` remembers where
    each begins, so that a row can change a field of it."""
    ENTRIES = 12

    def __init__(self):
        self.bytes = bytearray(32 + 12 * self.ENTRIES)
        self.at, self.used = {}, 0
        context = bytearray(1232)
        struct.pack_into("<I", context, 0x30, 0x10000f)
        struct.pack_into("<Q", context, 0x98, STACK + 64)
        struct.pack_into("<Q", context, 0xf8, CODE + 16)
        self.blob("context", context)
        self.blob("stack", struct.pack("<Q", CODE + 32) * 512)
        self.blob("name", struct.pack("<I", 14) + "/bin/xy".encode("utf-16-le") + b"\0\0")
        self.blob("record", b"BpEL" + b"\x11" * 20)
        self.stream(SYSTEM, struct.pack("<HHHBBIIIIIHH24s", 9, 6, 1, 2, 0, 6, 0, 0, 0x8201, 0, 0, 0, b""))
        self.stream(THREADS, struct.pack("<I", 1) + struct.pack("<IIIIQQIIII", TID, 0, 0, 0, 0, STACK, 4096,
                                                                self.at["stack"], 1232, self.at["context"]))
        self.stream(MODULES, struct.pack("<IQIIII52sIIIIQQ", 1, CODE, 4096, 0, 0, self.at["name"], b"", 24,
                                         self.at["record"], 0, 0, 0, 0))
        self.stream(MEMORY, struct.pack("<I", 1) + struct.pack("<QII", STACK, 4096, self.at["stack"]))
        self.stream(EXCEPTION, struct.pack("<IIIIQQII120sII", TID, 0, 11, 1, 0, 0xdead, 0, 0, b"", 1232,
                                           self.at["context"]))

    def blob(self, name, data):
        self.bytes += b"\0" * (-len(self.bytes) % 8)
        self.at[name] = len(self.bytes)
        self.bytes += data

    def stream(self, kind, data, size=None):
        self.blob(kind, data)
        size = len(data) if size is None else size
        struct.pack_into("<III", self.bytes, 32 + 12 * self.used, kind, size, self.at[kind])
        self.used += 1
        return self

    def put(self, where, offset, value, form="<I"):
        """Change a field: of a stream, a blob, "header", or the directory's entry ("entry", kind)."""
        base = 0 if where == "header" else self.at[where]
        if base + offset + struct.calcsize(form) > len(self.bytes):
            raise ValueError(where)
        struct.pack_into(form, self.bytes, base + offset, value)
        return self

    def entry(self, kind, size=None, rva=None):
        for i in range(self.used):
            place = 32 + 12 * i
            if struct.unpack_from("<I", self.bytes, place)[0] == kind:
                if size is not None:
                    struct.pack_into("<I", self.bytes, place + 4, size)
                if rva is not None:
                    struct.pack_into("<I", self.bytes, place + 8, rva)
        return self

    def done(self, count=None, directory=32, signature=b"MDMP", version=0xa793):
        if not self.bytes[:4].strip(b"\0"):
            self.bytes[:32] = struct.pack("<4sIIIIIQ", signature, version, self.ENTRIES if count is None else count,
                                          directory, 0, 1700000000, 0)
        return bytes(self.bytes)


# --- an ELF core that is right ---------------------------------------------------------------------------


def note(kind, data, name=b"CORE\0"):
    return struct.pack("<III", len(name), len(data), kind) + name.ljust(8, b"\0") + data + b"\0" * (-len(data) % 4)


def core(notes=None, phnum=2, phoff=64, phentsize=56, machine=62, kind=4, load=None, cut=None):
    """load: fields of the one PT_LOAD, by name, that are other than they should be."""
    status = bytearray(336)
    struct.pack_into("<I", status, 0, 11)
    struct.pack_into("<H", status, 12, 11)
    struct.pack_into("<I", status, 32, TID)
    struct.pack_into("<Q", status, 112 + 8 * 16, CODE + 16)
    struct.pack_into("<Q", status, 112 + 8 * 19, STACK + 64)
    notes = note(1, bytes(status)) if notes is None else notes
    body = 64 + 56 * 2
    fields = dict({"offset": body + len(notes), "vaddr": STACK, "filesz": 4096, "memsz": 4096}, **(load or {}))
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", kind, machine, 1, 0, phoff, 0, 0, 64, phentsize, phnum,
                         0, 0, 0)
    headers = struct.pack("<IIQQQQQQ", 4, 4, body, 0, 0, len(notes), 0, 4)
    headers += struct.pack("<IIQQQQQQ", 1, 6, fields["offset"], fields["vaddr"], 0, fields["filesz"], fields["memsz"],
                           4096)
    data = header + headers + notes + struct.pack("<Q", CODE + 32) * 512
    return data[:cut]


def status_note(size=336):
    """NT_PRSTATUS of the thread, with SIGSEGV as its signal."""
    data = bytearray(336)
    struct.pack_into("<H", data, 12, 11)
    struct.pack_into("<I", data, 32, TID)
    return note(1, bytes(data[:size]))


def files_note(count, page, entries=(), names=b""):
    packed = b"".join(struct.pack("<QQQ", *entry) for entry in entries)
    return note(0x46494c45, struct.pack("<QQ", count, page) + packed + names)


HUGE, HALF = 0xffffffff, 0x80000000

# name, bytes, exit status, what must be among the words
ROWS = (
    ("dump-that-is-right", Dump().done(), 0, "SEGV_MAPERR.* at 0xdead"),
    # What is no dump at all.
    ("nothing", b"", 1, "neither a minidump"),
    ("a-word", b"hello\n", 1, "neither a minidump"),
    ("half-a-signature", b"MD", 1, "neither a minidump"),
    ("signature-alone", b"MDMP", 1, "0x4 bytes are no header"),
    ("big-endian-signature-alone", b"PMDM" + b"\0" * 60, 1, "version 0x0000"),
    ("another-version", Dump().done(version=0x1234), 1, "version 0x1234"),
    ("zeroes", b"\0" * 65536, 1, "neither a minidump"),
    ("zstd-of-nothing", b"\x28\xb5\x2f\xfd", 1, "an empty file"),
    ("zstd-of-garbage", b"\x28\xb5\x2f\xfd" + b"\xff" * 64, 1, "compressed data"),
    ("cab-of-nothing", b"MSCF" + b"\0" * 60, 1, "CAB"),
    # The header and the directory.
    ("four-billion-streams", Dump().done(count=HUGE), 1, "4294967295 streams, at most"),
    ("streams-beyond-the-file", Dump().done(count=4096), 0, "0[.]4d"),
    ("directory-in-the-header", Dump().done(directory=8), 1, "inside the header"),
    ("directory-behind-the-file", Dump().done(directory=0xfffffff0), 1, "beyond the file's end"),
    ("directory-is-its-own-stream", Dump().entry(THREADS, 12 * 12, 32).done(), 0, "7 threads of 0x30 bytes do not fit"),
    ("all-streams-are-one", Dump().entry(THREADS, 80, 32).entry(MODULES, 80, 32).entry(MEMORY, 80, 32)
     .entry(EXCEPTION, 80, 32).done(), 1, "7 modules of 0x6c bytes do not fit"),
    ("stream-in-the-header", Dump().entry(MODULES, 112, 0).done(), 0, "0[.]4d"),
    ("stream-behind-the-file", Dump().entry(THREADS, 52, 0xfffffff0).done(), 0, "0[.]4d"),
    ("stream-of-four-gigabytes", Dump().entry(THREADS, HUGE).done(), 0, "0[.]4d"),
    ("stream-of-no-bytes", Dump().entry(THREADS, 0).done(), 0, "too short for its count"),
    # Threads.
    ("four-billion-threads", Dump().put(THREADS, 0, HUGE).done(), 0, "threads of 0x30 bytes do not fit"),
    ("threads-whose-size-wraps", Dump().put(THREADS, 0, 0x05555556).done(), 0, "threads of 0x30 bytes do not fit"),
    ("more-threads-than-there-are", Dump().put(THREADS, 0, 2).done(), 0, "threads of 0x30 bytes do not fit"),
    ("context-behind-the-file", Dump().put(THREADS, 4 + 44, 0xfffffff0)
     .put(EXCEPTION, 164, 0xfffffff0).done(), 1, "0x4 bytes wanted at 0x100000020"),
    ("context-of-one-byte", Dump().put(THREADS, 4 + 40, 1)
     .put(EXCEPTION, 160, 1).done(), 1, "0x1 bytes, at least 0x100 wanted"),
    ("context-in-the-header", Dump().put(THREADS, 4 + 44, 0)
     .put(EXCEPTION, 164, 0).done(), 1, "of no processor that the dump is of"),
    ("context-of-no-kind", Dump().put("context", 0x30, 0).done(), 1, "of no processor that the dump is of"),
    ("stack-behind-the-file", Dump().put(THREADS, 4 + 36, HUGE)
     .put(MEMORY, 16, HUGE).done(), 0, "8192 bytes, are missing or damaged"),
    ("stack-of-four-gigabytes", Dump().put(THREADS, 4 + 32, HUGE)
     .put(MEMORY, 12, HUGE).done(), 0, "are missing or damaged"),
    ("stack-around-the-end-of-memory", Dump().put(THREADS, 4 + 24, 2 ** 64 - 16, "<Q")
     .put(MEMORY, 4, 2 ** 64 - 16, "<Q")
     .done(), 0, "are missing or damaged"),
    ("stack-pointer-nowhere", Dump().put("context", 0x98, 2 ** 64 - 1, "<Q").done(), 0, "0[.]4d"),
    ("instruction-pointer-nowhere", Dump().put("context", 0xf8, 2 ** 63, "<Q").done(), 0, "0[.]4d"),
    # Modules and their names.
    ("four-billion-modules", Dump().put(MODULES, 0, HUGE).done(), 0, "modules of 0x6c bytes do not fit"),
    ("name-behind-the-file", Dump().put(MODULES, 4 + 20, 0xfffffff0).done(), 0, "0[.]4d"),
    ("name-of-four-gigabytes", Dump().put("name", 0, 0xfffffffe).done(), 0, "0[.]4d"),
    ("name-of-an-odd-size", Dump().put("name", 0, 13).done(), 0, "0[.]4d"),
    ("name-in-the-header", Dump().put(MODULES, 4 + 20, 0).done(), 0, "0[.]4d"),
    ("module-around-the-end-of-memory", Dump().put(MODULES, 4, 2 ** 64 - 8, "<Q").done(), 0, "0[.]4d"),
    ("build-id-of-four-gigabytes", Dump().put(MODULES, 4 + 76, HUGE).done(), 0, "0[.]4d"),
    # Memory.
    ("four-billion-pieces-of-memory", Dump().put(MEMORY, 0, HUGE).done(), 0, "memory ranges of 0x10 bytes do not fit"),
    ("memory64-more-than-the-file", Dump().stream(MEMORY64, struct.pack("<QQQQ", 1, 64, 0x1000, 2 ** 40))
     .done(), 0, "are missing or damaged"),
    ("memory64-that-wraps", Dump().stream(MEMORY64,
     struct.pack("<QQQQQQ", 2, 64, 0x1000, 2 ** 64 - 32, 0x2000, 64)).done(), 0, "are missing or damaged"),
    ("memory64-of-many", Dump().stream(MEMORY64, struct.pack("<QQ", 2 ** 60, 64)).done(), 0, "do not fit"),
    ("regions-of-no-size", Dump().stream(MEMORY_INFO, struct.pack("<IIQ", 16, 0, 2 ** 60)).done(), 0, "0[.]4d"),
    ("regions-of-a-mad-header", Dump().stream(MEMORY_INFO, struct.pack("<IIQ", HUGE, 48, 1))
     .done(), 0, "1 regions of 0x30 bytes do not fit"),
    # Exception, system, handles, texts.
    ("exception-of-nobody", Dump().put(EXCEPTION, 0, 4711).done(), 0, "0[.]1267"),
    ("exception-of-two-bytes", Dump().entry(EXCEPTION, 2).done(), 1, "0x2 bytes, at least 0xa8 wanted"),
    ("processor-of-nobody", Dump().put(SYSTEM, 0, 0x7777, "<H").done(), 1, "contexts of unknown"),
    ("no-system", Dump().entry(SYSTEM, 0).done(), 0, "0[.]4d"),
    ("handles-that-wrap", Dump().stream(HANDLES, struct.pack("<IIII", 16, 0xfffffff0, HUGE, 0))
     .done(), 0, "handles of 0xfffffff0 bytes do not fit"),
    ("misc-of-one-byte", Dump().stream(MISC, b"\1").done(), 0, "0[.]4d"),
    ("names-behind-the-file", Dump().stream(NAMES, struct.pack("<IIQ", 1, TID, 2 ** 63)).done(), 0, "0[.]4d"),
    ("maps-of-garbage", Dump().stream(MAPS, b"ffffffffffffffff-0 rwxp\n" * 400 + b"\xff" * 999).done(), 0, "0[.]4d"),
    ("comment-that-steers-terminals",
     Dump().stream(COMMENT, "\x1b]0;owned\x07\x1b[2J\u202e".encode("utf-16-le")).done(), 0, "0[.]4d"),
    ("name-that-steers-terminals", Dump().put("name", 4, 0x005b001b).done(), 0, "0[.]4d"),
    # ELF cores.
    ("elf-of-nothing", b"\x7fELF", 1, "ELF"),
    ("elf-of-no-class", b"\x7fELF" + b"\0" * 60, 1, "class 0"),
    ("core-that-is-right", core(), 0, "0[.]4d"),
    ("core-of-no-segments", core(phnum=0), 1, "without a thread"),
    ("core-of-65535-segments", core(phnum=0xffff), 1, "without a thread"),
    ("core-headers-behind-the-file", core(phoff=2 ** 63), 1, "without a thread"),
    ("core-headers-of-no-size", core(phentsize=0), 1, "program headers of 0 bytes each"),
    ("core-note-of-four-gigabytes", core(notes=struct.pack("<III", 5, HUGE, 1) + b"CORE\0\0\0\0"), 1, "no threads"),
    ("core-name-of-four-gigabytes", core(notes=struct.pack("<III", HUGE, 4, 1) + b"CORE\0\0\0\0"), 1, "no threads"),
    ("core-short-status", core(notes=status_note(size=8)), 1, "registers of 0 bytes"),
    ("core-files-that-wrap", core(notes=status_note() + files_note(2 ** 61, 4096)), 0, "0[.]4d"),
    ("core-files-without-names", core(notes=status_note()
     + files_note(1, 4096, [(CODE, CODE + 4096, 0)])), 0, "0[.]4d"),
    ("core-files-backwards", core(notes=status_note() +
                                  files_note(1, 2 ** 63, [(CODE + 4096, CODE, 2 ** 63)], b"/bin/x\0")), 0, "0[.]4d"),
    ("core-memory-behind-the-file", core(load={"offset": 2 ** 62}), 0, "0[.]4d"),
    ("core-memory-that-wraps", core(load={"vaddr": 2 ** 64 - 4096, "memsz": 2 ** 40, "filesz": 2 ** 40}), 0, "0[.]4d"),
    ("core-of-a-strange-machine", core(machine=9999), 1, "machine 9999 that is not known"),
    ("a-program", core(kind=3), 1, "not a core, but a program"),
    ("core-cut-in-its-notes", core(cut=64 + 112 + 40), 1, "no threads"),
)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))


def run(path, data):
    commands = COMMANDS + ("; .dumpdebug; q" if data.startswith(b"MDMP") else "; q")
    done = subprocess.run([INQUEST, "-z", path, "-c", commands], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False, preexec_fn=limits,
                          env=dict(os.environ, LC_ALL="C.UTF-8", DEBUGINFOD_URLS="", ASAN_OPTIONS="detect_leaks=0"))
    return done.returncode, done.stdout.decode("utf-8", "replace")


def judge(row, folder):
    """None, or what is wrong."""
    name, data, status, words = row
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    found, text = run(path, data)
    if found != status:
        return "status %d, not %d: %s" % (found, status, text[-200:])
    if not re.search(words, text, re.I):
        return "'%s' is not among its words: %s" % (words, text[-300:])
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e]", text):
        return "raw control characters: %r" % text[-200:]
    return None


def main():
    if not os.access(INQUEST, os.X_OK):
        print("1..0 # SKIP %s is not built" % INQUEST)
        return 77
    failed = 0
    print("1..%d" % len(ROWS))
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[1] if len(sys.argv) > 1 else temporary
        os.makedirs(folder, exist_ok=True)
        for number, row in enumerate(ROWS, 1):
            wrong = judge(row, folder)
            failed += wrong is not None
            print("%sok %d - %s" % ("not " if wrong else "", number, row[0].replace("-", " ")))
            if wrong:
                print("# " + wrong.replace("\n", "\n# "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
