# SPDX-License-Identifier: GPL-3.0-or-later
"""A process as others see it: /proc, gdb, lsof, ss, taskset, readelf. Of a process that rests."""
import functools
import os
import re
import shutil
import struct
import subprocess

import judges

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = 4096
LIMIT = 1 << 47


class Mapping:
    """A mapping as /proc/PID/smaps has it. `flags` are the two-letter ones of VmFlags."""

    def __init__(self, words):
        start, _dash, end = words[0].partition("-")
        self.start, self.end, self.access, self.offset = int(start, 16), int(end, 16), words[1], int(words[2], 16)
        self.inode, self.name = int(words[4]), " ".join(words[5:])
        self.flags = ()

    @property
    def private_writable(self):
        return "w" in self.access and self.access[3] == "p"

    @property
    def never_read(self):
        """Device memory, and what the program keeps out of cores or from its children."""
        return bool({"io", "pf", "dd", "wf"} & set(self.flags)) or \
            self.name in ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def output(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, errors="surrogateescape", check=False,
                          timeout=60, stdin=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C"))
    return done.stdout


def stat_fields(text):
    """The fields of /proc/PID/stat from the third (state) on, as [3], [4], ... of proc(5)."""
    return dict(enumerate(text.rpartition(") ")[2].split(), 3))


class Truth:
    """Everything is read when asked for and kept; `mem` is /proc/PID/mem."""

    def __init__(self, pid):
        self.pid = pid
        self.root = "/proc/%d/" % pid
        self.mappings = self._mappings()
        self.auxv = self.bytes("auxv")
        self.tids = sorted(int(t) for t in os.listdir(self.root + "task"))
        self.stats = {tid: stat_fields(self.text("task/%d/stat" % tid)) for tid in self.tids}
        self.names = {tid: self.text("task/%d/comm" % tid).rstrip("\n") for tid in self.tids}
        self.affinity = {tid: self._affinity(tid) for tid in self.tids}
        self.fds = {int(n): os.readlink(self.root + "fd/" + n) for n in os.listdir(self.root + "fd")}
        self.fdinfo = {n: self._fdinfo(n) for n in self.fds}
        self.kinds = {n: os.stat(self.root + "fd/%d" % n) for n in self.fds}
        self.limits = self.text("limits")
        self.at_hand = None # [(start, end)] of all memory there is, if the source is a file
        self.kept = None    # by keep_memory()
        self.is_core = False    # what is dumped is the core, with its own gaps
        self.core = None    # elfcore.Core: what its memory was when it died
        self.bytes_before = {name: self.bytes(name) for name in ("cmdline", "environ", "maps", "cgroup")}
        self.namespaces = {name: os.stat(self.root + "ns/" + name).st_ino for name in os.listdir(self.root + "ns")
                           if not name.endswith("_for_children")}
        self.rseq = ()      # addresses of the threads' struct rseq, which the kernel writes to
        self.changing = ()  # [(start, end)] of memory that is not what it was
        self.refresh()

    def refresh(self):
        """What changes although the process rests, since others look at it: counters of its memory."""
        self.status_before = dict(line.split(":\t", 1) for line in self.text("status").splitlines() if ":\t" in line)

    def bytes(self, name):
        with open(self.root + name, "rb") as f:
            return f.read()

    def text(self, name):
        return self.bytes(name).decode("utf-8", "surrogateescape")

    def _mappings(self):
        found = []
        for line in self.text("smaps").splitlines():
            words = line.split()
            if re.match(r"[0-9a-f]+-[0-9a-f]+$", words[0]):
                found.append(Mapping(words))
            elif words[0] == "VmFlags:":
                found[-1].flags = tuple(words[1:])
        return found

    def _affinity(self, tid):
        """taskset's, as a mask of the first 64 processors; None without taskset."""
        found = re.search(r": ([0-9a-f,]+)\s*$", output("taskset", "-p", str(tid))) if shutil.which("taskset") else None
        return int(found.group(1).replace(",", ""), 16) & 0xffffffffffffffff if found else None

    def _fdinfo(self, number):
        lines = self.text("fdinfo/%d" % number).splitlines()
        return {key.strip(): value.strip() for key, _colon, value in (l.partition(":") for l in lines)}

    # --- memory ------------------------------------------------------------------------------

    def readable(self):
        """[(start, end)] of what a full dump must hold; x86 can read what it can write."""
        if self.at_hand is not None:
            return merged(self.at_hand)
        return merged([(m.start, m.end) for m in self.mappings
                       if m.start < LIMIT and m.access[:3] != "---" and not m.never_read])

    def read(self, start, size):
        """Bytes of /proc/PID/mem, or of the core that it left, cut where they cannot be read."""
        if self.core:
            return self.core.read(start, size)
        if self.kept is not None:
            return self._read_kept(start, size)
        with open(self.root + "mem", "rb", buffering=0) as f:
            try:
                return os.pread(f.fileno(), size, start)
            except OSError:
                return b""

    def keep_memory(self):
        """All that can be read, for when the process is gone."""
        kept = []
        for start, end in self.readable():
            for at in range(start, end, 1 << 22):
                data = self.read(at, min(1 << 22, end - at))
                kept.append((at, len(data), None if data.count(0) == len(data) else data))
        self.kept = kept

    def _read_kept(self, start, size):
        found = b""
        for at, length, data in self.kept:
            if at <= start < at + length:
                part = min(size, at + length - start)
                found += bytes(part) if data is None else data[start - at:start - at + part]
                start, size = start + part, size - part
        return found

    def at(self, address):
        for m in self.mappings:
            if m.start <= address < m.end:
                return m
        return None

    # --- identity -----------------------------------------------------------------------------

    @functools.lru_cache(maxsize=None)
    def build_ids(self):
        """{path: build-id} of the files that are mapped executable, by readelf -n."""
        paths = {m.name for m in self.mappings if "x" in m.access and m.name.startswith("/")}
        told = {}
        for path in paths:
            found = re.search(r"Build ID: ([0-9a-f]+)", output("readelf", "-nW", path))
            told[path] = found.group(1) if found else None
        return told

    @functools.lru_cache(maxsize=None)
    def segments(self, flag):
        """[(start, end)] of the PT_LOAD segments with the flag ('W' or 'E') of every mapped file, by readelf -l."""
        found = []
        for path in {m.name for m in self.mappings if "x" in m.access and m.name.startswith("/")}:
            base = min(m.start for m in self.mappings if m.name == path)
            text = output("readelf", "-lW", path)
            bias = base if "DYN (" in text else 0
            for line in re.findall(r"^\s*LOAD .*$", text, re.M):
                part = re.match(r"\s*LOAD\s+\S+\s+(\S+)\s+\S+\s+\S+\s+(\S+)\s+([R ][W ][E ])", line)
                if flag in part.group(3):
                    start = bias + int(part.group(1), 16)
                    found.append((start, start + int(part.group(2), 16)))
        return sorted(found)

    def auxv_value(self, key):
        return dict(struct.iter_unpack("<QQ", self.auxv)).get(key)

    def sockets(self):
        """{fd: (local, remote or None, state)} by ss."""
        found = {}
        for line in output("ss", "-apn").splitlines():
            for fd in re.findall(r'pid=%d,fd=(\d+)' % self.pid, line):
                words = line.split()
                found[int(fd)] = words
        return found

    def open_files(self):
        """{fd: (TYPE, NAME)} by lsof."""
        found, number = {}, None
        for line in output("lsof", "-nP", "-p", str(self.pid), "-F", "ftn").splitlines():
            kind, value = line[0], line[1:]
            if kind == "f":
                number = int(value) if value.isdigit() else None
            elif number is not None:
                found.setdefault(number, {})[kind] = value
        return found

    def gdb_registers(self):
        """{tid: {name: value}}, ymm0 to ymm15 as 32 bytes in hexadecimal digits among them."""
        done = judges.run(["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex",
                           "set auto-load no", "-iex", "set auto-solib-add off", "-p", str(self.pid),
                           "-x", os.path.join(HERE, "judges/in_gdb.py")],
                          env={"TRIALS_FRAMES": "1", "TRIALS_VECTORS": "1"})
        return {t["tid"]: t["registers"] for t in judges.json_line("gdb", done)["threads"]}


def merged(ranges):
    """Sorted, and neighbours joined."""
    out = []
    for start, end in sorted(r for r in ranges if r[0] < r[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def without(ranges, others):
    """What of the ranges is in none of the others."""
    left = []
    others = merged(others)
    for start, end in merged(ranges):
        for a, b in others:
            if b <= start or a >= end:
                continue
            if a > start:
                left.append((start, a))
            start = max(start, b)
            if start >= end:
                break
        if start < end:
            left.append((start, end))
    return left


def within(ranges, others):
    """What of the ranges is in one of the others."""
    return without(ranges, without(ranges, others))
