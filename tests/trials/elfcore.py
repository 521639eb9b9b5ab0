# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of an ELF core as the trials need, read without any of the code under test."""
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_FILE, NT_SIGINFO = 1, 0x46494c45, 0x53494749


class Core:
    """files: [(start, end, file offset, path)]; tids in the core's order, the crashing one first."""

    def __init__(self, path):
        self.path = path
        self.files = []
        self.tids = []
        self.siginfo = b""
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
            body = data[start:start + size]
            at = start + (size + 3 & ~3)
            if kind == NT_PRSTATUS:
                self.tids.append(struct.unpack_from("<i", body, 32)[0])
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

    def file_at(self, address):
        for start, end, _offset, path in self.files:
            if start <= address < end:
                return path
        return None

    def base_of(self, path):
        """Where the file's first byte is mapped, or None."""
        starts = [s for s, _e, offset, p in self.files if p == path and offset == 0]
        return min(starts) if starts else None
