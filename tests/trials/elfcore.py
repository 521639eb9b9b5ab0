# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of an ELF core as the trials need, read without any of the code under test."""
import os
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE, NT_SIGINFO, NT_X86_XSTATE = 1, 3, 6, 0x46494c45, 0x53494749, 0x202
# struct user_regs_struct of x86-64, behind 112 bytes of struct elf_prstatus
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
             "fs_base gs_base ds es fs gs").split()
XMM, UPPER = 160, 576    # in an XSAVE area of the standard form: xmm0, and the upper half of ymm0


class Core:
    """files: [(start, end, file offset, path)]; tids in the core's order, the crashing one first; registers as gdb
    names them, {tid: {name: value}}, with ymm0 to ymm15 as hexadecimal digits where the core has them."""

    def __init__(self, path):
        self.path = path
        self.files = []
        self.tids = []
        self.registers, self.times = {}, {}
        self.kinds = set()
        self.siginfo = self.auxv = b""
        self.psinfo = None
        with open(path, "rb") as f:
            header = f.read(64)
            if header[:4] != b"\x7fELF":
                raise ValueError("'%s' is not ELF" % path)
            phoff, = struct.unpack_from("<Q", header, 32)
            shoff, = struct.unpack_from("<Q", header, 40)
            count, = struct.unpack_from("<H", header, 56)
            if count == 0xffff:
                f.seek(shoff)
                count, = struct.unpack_from("<I", f.read(64), 44)
            f.seek(phoff)
            table = f.read(56 * count)
            self.segments = [struct.unpack_from("<IIQQQQQQ", table, 56 * i) for i in range(count)]
            for kind, _flags, offset, _va, _pa, size, _mem, _align in self.segments:
                if kind == PT_NOTE:
                    f.seek(offset)
                    self._notes(f.read(size))

    def _notes(self, data):
        at = 0
        while at + 12 <= len(data):
            name, size, kind = struct.unpack_from("<III", data, at)
            start = at + 12 + (name + 3 & ~3)
            owner = data[at + 12:at + 12 + name]
            body = data[start:start + size]
            at = start + (size + 3 & ~3)
            if owner not in (b"CORE\0", b"LINUX\0"):
                continue
            self.kinds.add(kind)
            if kind == NT_PRSTATUS:
                tid = struct.unpack_from("<i", body, 32)[0]
                self.tids.append(tid)
                self.times[tid] = struct.unpack_from("<4q", body, 48)    # user, kernel: seconds, microseconds
                self.registers[tid] = dict(zip(REGISTERS, struct.unpack_from("<27Q", body, 112)))
            elif kind == NT_X86_XSTATE:
                for n in range(16):
                    low, high = (body[at + 16 * n:at + 16 * n + 16] for at in (XMM, UPPER))
                    self.registers[self.tids[-1]]["ymm%d" % n] = (low + (high or bytes(16))).hex()
            elif kind == NT_PRPSINFO:    # ids, name and arguments, behind the state and flags
                self.psinfo = struct.unpack_from("<IIii", body, 16) + (body[40:56], body[56:136].rstrip(b"\0 "))
            elif kind == NT_AUXV:
                self.auxv = body
            elif kind == NT_SIGINFO:
                self.siginfo = body
            elif kind == NT_FILE:
                self._files(body)

    def _files(self, body):
        count, page = struct.unpack_from("<QQ", body, 0)
        names = body[16 + 24 * count:].split(b"\0")
        for i in range(count):
            start, end, offset = struct.unpack_from("<QQQ", body, 16 + 24 * i)
            self.files.append((start, end, offset * page, names[i].decode("utf-8", "surrogateescape")))

    def held(self):
        """[(start, end)] of the memory that is in the file."""
        return [(s[3], s[3] + s[5]) for s in self.segments if s[0] == PT_LOAD and s[5]]

    def read(self, address, size):
        """Bytes of memory, cut where none is mapped. What the kernel left out of the core is as the file has it, or
        zero: nobody changed it. Where the file is gone it is unknown: cut."""
        found = b""
        for kind, _flags, offset, start, _pa, kept, length, _align in self.segments:
            if kind != PT_LOAD or not start <= address < start + length:
                continue
            most = min(size, start + length - address)
            part = b""
            if address < start + kept:
                part = self._slice(self.path, offset + address - start, min(most, start + kept - address))
            if len(part) < most:
                part += self._left_out(address + len(part), most - len(part))
            found += part
            address, size = address + len(part), size - len(part)
            if not size or len(part) < most:
                break
        return found

    def _left_out(self, address, size):
        for start, end, offset, path in self.files:
            if start <= address < end:
                return self._slice(path, offset + address - start, size).ljust(size, b"\0")
        return bytes(size)

    def _slice(self, path, offset, size):
        try:
            with open(path, "rb") as f:
                return os.pread(f.fileno(), size, offset)
        except OSError:
            return b""

    def file_at(self, address):
        for start, end, _offset, path in self.files:
            if start <= address < end:
                return path
        return None

    def base_of(self, path):
        """Where the file's first byte is mapped, or None."""
        starts = [s for s, _e, offset, p in self.files if p == path and offset == 0]
        return min(starts) if starts else None
