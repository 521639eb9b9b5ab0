# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of a minidump as the trials need, read without any of the code under test.

From the layouts of minidumpapiset.h and winnt.h, and for the Linux streams Breakpad's minidump_format.h. Strict:
what lies outside of the file, overlaps where it must not, or has a size that its version does not have, is an error.
"""
import mmap
import struct

THREAD_LIST, MODULE_LIST, MEMORY_LIST, EXCEPTION, SYSTEM_INFO = 3, 4, 5, 6, 7
MEMORY64_LIST, COMMENT_A, COMMENT_W, HANDLE_DATA, UNLOADED, MISC_INFO = 9, 10, 11, 12, 14, 15
MEMORY_INFO_LIST, THREAD_INFO_LIST, TOKEN, SYSTEM_MEMORY, VM_COUNTERS, THREAD_NAMES = 16, 17, 19, 21, 22, 24
BREAKPAD = 0x47670000
CPU_INFO, PROC_STATUS, LSB_RELEASE, CMD_LINE, ENVIRON, AUXV, MAPS, DSO_DEBUG = (BREAKPAD + n for n in range(3, 11))
CRASHPAD_INFO = 0x43500001
INQUEST_INFO, INQUEST_CLASSES, INQUEST_KERNEL, INQUEST_DETAILS = 0x496e0001, 0x496e0002, 0x496e0003, 0x496e0004
FILETIME_1970 = 116444736000000000
NO_ACCESS, COMMIT, RESERVE, FREE = 1, 0x1000, 0x2000, 0x10000

# CONTEXT of AMD64 (winnt.h): where each register lies, and its format.
REGISTERS = {"cs": (0x38, "<H"), "ds": (0x3a, "<H"), "es": (0x3c, "<H"), "fs": (0x3e, "<H"), "gs": (0x40, "<H"),
             "ss": (0x42, "<H"), "eflags": (0x44, "<I")}
REGISTERS.update({name: (0x78 + 8 * i, "<Q") for i, name in enumerate(
    "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip".split())})
CONTEXT_SIZE, CONTEXT_FLAGS, CONTEXT_XMM, CONTEXT_FXSAVE = 1232, 0x30, 0x1a0, 0x100
CONTEXT_XSTATE = 0x100040


class Wrong(Exception):
    """The file is no minidump, or not a right one."""


class Thread:
    def __init__(self, dump, fields):
        self.tid, self.suspended, self.priority_class, self.priority, self.teb, self.stack, size, rva, \
            self.context_size, self.context_rva = fields
        self.stack_bytes = dump.at(rva, size)
        self.context = dump.at(self.context_rva, self.context_size)
        if self.context_size and self.context_size < CONTEXT_SIZE:
            raise Wrong("thread %d: a context of %d bytes" % (self.tid, self.context_size))

    @property
    def registers(self):
        return registers_of(self.context)

    def component(self, xstate, bit):
        """Bytes of one component of the XSAVE area, by the places that MiscInfo tells; None without."""
        flags, = struct.unpack_from("<I", self.context, CONTEXT_FLAGS)
        if flags & CONTEXT_XSTATE != CONTEXT_XSTATE or bit not in xstate:
            return None
        offset, size = xstate[bit]
        return self.context[offset:offset + size]

    def xmm(self, number):
        return self.context[CONTEXT_XMM + 16 * number:CONTEXT_XMM + 16 * (number + 1)]


def registers_of(context):
    return {name: struct.unpack_from(form, context, at)[0] for name, (at, form) in REGISTERS.items()}


class Dump:
    """Lists are read when they are asked for; `streams` is {type: (size, rva)} in the directory's order."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        signature, version, count, rva, _sum, self.time, self.flags = struct.unpack_from("<4sIIIIIQ", self.at(0, 32))
        if signature != b"MDMP" or version & 0xffff != 0xa793:
            raise Wrong("'%s' is no minidump" % path)
        self.streams = {}
        for kind, size, at in struct.iter_unpack("<III", self.at(rva, 12 * count)):
            if kind in self.streams:
                raise Wrong("stream %#x is there twice" % kind)
            self.at(at, size)
            self.streams[kind] = (size, at)

    def close(self):
        self.data.close()

    def at(self, rva, size):
        if rva + size > len(self.data):
            raise Wrong("%d bytes at %#x of %d" % (size, rva, len(self.data)))
        return self.data[rva:rva + size]

    def stream(self, kind):
        """Bytes, or None."""
        if kind not in self.streams:
            return None
        size, rva = self.streams[kind]
        return self.at(rva, size)

    def string(self, rva):
        size, = struct.unpack("<I", self.at(rva, 4))
        if self.at(rva + 4 + size, 2) != b"\0\0":
            raise Wrong("the string at %#x has no end" % rva)
        return self.at(rva + 4, size).decode("utf-16-le", "surrogatepass")

    def _list(self, kind, form):
        """32-bit count, then entries (perhaps after 4 bytes of padding)."""
        body = self.stream(kind)
        if body is None:
            return []
        count, = struct.unpack_from("<I", body)
        size = struct.calcsize(form)
        if len(body) not in (4 + count * size, 8 + count * size):
            raise Wrong("stream %d: %d entries in %d bytes" % (kind, count, len(body)))
        return list(struct.iter_unpack(form, body[len(body) - count * size:]))

    def _table(self, kind, head, form):
        """Sizes of the head and of an entry, count, then entries of at least that form."""
        body = self.stream(kind)
        if body is None:
            return []
        first, entry, count = struct.unpack_from(head, body)[:3]
        if entry < struct.calcsize(form) or len(body) != first + count * entry:
            raise Wrong("stream %d: %d entries of %d in %d bytes" % (kind, count, entry, len(body)))
        return [struct.unpack_from(form, body, first + i * entry) for i in range(count)]

    # --- lists ---------------------------------------------------------------------------

    def threads(self):
        return [Thread(self, fields) for fields in self._list(THREAD_LIST, "<IIIIQQIIII")]

    def thread_names(self):
        return {tid: self.string(rva) for tid, rva in self._list(THREAD_NAMES, "<IQ")}

    def modules(self):
        """[(base, size, name, build-id as hexadecimal digits or None)]"""
        found = []
        for fields in self._list(MODULE_LIST, "<QIIII52sIIIIQQ"):
            base, size, _sum, _time, name, _version, cv_size, cv_rva = fields[:8]
            record = self.at(cv_rva, cv_size)
            build_id = record[4:].hex() if record[:4] == b"LEpB" else None
            found.append((base, size, self.string(name), build_id))
        return found

    def unloaded(self):
        return [(base, size, self.string(name)) for base, size, _sum, _time, name
                in self._table(UNLOADED, "<III", "<QIIII")]

    def exception(self):
        """(tid, signal, si_code, address, parameters, registers), or None."""
        body = self.stream(EXCEPTION)
        if body is None:
            return None
        tid, _pad, code, flags, _record, address, count, _pad2 = struct.unpack_from("<IIIIQQII", body)
        parameters = struct.unpack_from("<15Q", body, 40)[:count]
        size, rva = struct.unpack_from("<II", body, 160)
        return tid, code, flags, address, parameters, registers_of(self.at(rva, size)) if size else None

    def memory(self):
        """[(address, size, offset in the file)], sorted: of MemoryList and Memory64List, once each."""
        found = {(address, size, rva) for address, size, rva in self._list(MEMORY_LIST, "<QII")}
        body = self.stream(MEMORY64_LIST)
        if body is not None:
            count, rva = struct.unpack_from("<QQ", body)
            if len(body) != 16 + 16 * count:
                raise Wrong("Memory64List: %d entries in %d bytes" % (count, len(body)))
            for address, size in struct.iter_unpack("<QQ", body[16:]):
                found.add((address, size, rva))
                rva += size
        for _address, size, rva in found:
            if rva + size > len(self.data):
                raise Wrong("memory lies behind the end of the file")
        return sorted(found)

    def regions(self):
        """[(base, end, state, protection, type)]"""
        return [(f[0], f[0] + f[4], f[5], f[6], f[7])
                for f in self._table(MEMORY_INFO_LIST, "<IIQ", "<QQIIQIIII")]

    def thread_infos(self):
        """{tid: dict}; times in 100 ns, creation in 100 ns since 1970."""
        names = ("flags", "error", "exit_status", "create", "exit", "kernel", "user", "start", "affinity")
        infos = {}
        for fields in self._table(THREAD_INFO_LIST, "<III", "<IIIIQQQQQQ"):
            info = dict(zip(names, fields[1:]))
            info["create"] -= FILETIME_1970 if info["create"] else 0
            infos[fields[0]] = info
        return infos

    def handles(self):
        """{number: dict}"""
        found = {}
        for number, kind, name, attributes, access, _hc, _pc, info, _pad in self._table(
                HANDLE_DATA, "<IIII", "<QIIIIIIII"):
            one = {"type": self.string(kind), "name": self.string(name), "attributes": attributes, "access": access}
            while info:
                place = info
                info, what, size = struct.unpack("<III", self.at(info, 12))
                if what == 0x496e0001:
                    at = self.at(place + 12, size)
                    own, flags, position, inode, opened, mount, _r = struct.unpack_from("<IIQQQII", at)
                    one.update(position=position, inode=inode, mount=mount, flags=opened if flags & 1 else None,
                               deleted=bool(flags & 2), details=at[own:].decode("utf-8", "surrogateescape"))
            found[number] = one
        return found

    # --- single records --------------------------------------------------------------------

    def text(self, kind):
        body = self.stream(kind)
        return None if body is None else body.decode("utf-8", "surrogateescape")

    def comment(self):
        body = self.stream(COMMENT_W)
        return "" if body is None else body.decode("utf-16-le").split("\0")[0]

    def system(self):
        body = self.stream(SYSTEM_INFO)
        names = ("architecture", "level", "revision", "processors", "product", "major", "minor", "build", "platform",
                 "version")
        told = dict(zip(names, struct.unpack_from("<HHHBBIIIII", body)))
        told["version"] = self.string(told["version"])
        told["vendor"] = body[32:44].decode("ascii")
        return told

    def misc(self):
        body = self.stream(MISC_INFO)
        size, flags, pid, created, user, kernel, mhz = struct.unpack_from("<7I", body)
        if size != 1364 or len(body) != size:
            raise Wrong("MiscInfo of %d bytes says that it has %d" % (len(body), size))
        build = body[232:752].decode("utf-16-le").split("\0")[0]
        _size, context_size, features = struct.unpack_from("<IIQ", body, 832)
        places = [struct.unpack_from("<II", body, 848 + 8 * i) for i in range(64)]
        return {"flags": flags, "pid": pid, "created": created, "user": user, "kernel": kernel, "mhz": mhz,
                "build": build, "context_size": context_size,
                "xstate": {i: place for i, place in enumerate(places) if features >> i & 1}}

    def token(self):
        """(pid, {key: [values]}) of the lines behind the header."""
        body = self.stream(TOKEN)
        size, count, head, entry = struct.unpack_from("<IIII", body)
        own, pid, _handle = struct.unpack_from("<IIQ", body, head)
        if (size, count, own) != (len(body), 1, len(body) - head):
            raise Wrong("TokenStream: sizes do not add up")
        lines = {}
        for line in body[head + entry:].decode("utf-8", "surrogateescape").splitlines():
            key, _tab, value = line.partition(":\t")
            lines.setdefault(key, []).append(value)
        return pid, lines

    def system_memory(self):
        body = self.stream(SYSTEM_MEMORY)
        if len(body) not in (492, 524):
            raise Wrong("SystemMemoryInfo of %d bytes" % len(body))
        _timer, page, total, _low, _high, _gran, _min, _max, _mask, processors = struct.unpack_from(
            "<IIIIIIQQQI", body, 4)
        available, committed, limit, _peak = struct.unpack_from("<QQQQ", body, 4 + 52 + 60)
        return {"page": page, "total": total, "processors": processors, "available": available,
                "committed": committed, "limit": limit}

    def vm_counters(self):
        body = self.stream(VM_COUNTERS)
        names = ("faults", "peak_rss", "rss", "x1", "x2", "x3", "x4", "swap", "peak_swap", "peak_size", "size",
                 "private", "anonymous", "shared")
        revision, _flags = struct.unpack_from("<HH", body)
        if revision != 2 or len(body) != 152:
            raise Wrong("ProcessVmCounters of version %d in %d bytes" % (revision, len(body)))
        return dict(zip(names, struct.unpack_from("<IQQQQQQQQQQQQQ", body, 4)))

    def links(self):
        """The loader's list: [(address, name, dynamic)]."""
        body = self.stream(DSO_DEBUG)
        _version, rva, count = struct.unpack_from("<III", body)
        return [(address, self.string(name), dynamic) for address, name, _pad, dynamic
                in struct.iter_unpack("<QIIQ", self.at(rva, 24 * count))]

    # --- memory --------------------------------------------------------------------------------

    def holes(self, ranges, memory=None):
        """Parts of the ranges [(start, end)] that the dump does not hold."""
        lost = []
        memory = self.memory() if memory is None else memory
        for start, end in ranges:
            at = start
            for address, size, _rva in memory:
                if address + size <= at:
                    continue
                if address >= end:
                    break
                if address > at:
                    lost.append((at, address))
                at = address + size
            if at < end:
                lost.append((at, end))
        return lost

    def read(self, address, size):
        """Bytes, or None where any is missing."""
        found = b""
        for base, length, rva in self.memory():
            if base <= address < base + length:
                part = self.at(rva + address - base, min(size, base + length - address))
                found += part
                address += len(part)
                size -= len(part)
                if not size:
                    return found
        return None
