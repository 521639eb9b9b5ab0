#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of secretful's secrets are in a file, and whether that is more than chance.

usage (in the build folder): canaries.py FILE LIST [CONTROL...]. Prints the survivors; exit status 1 if there are any.

Four bytes in a row betray a secret, in any form that canaryscan knows. Files are full of bytes, so four of them are
there by chance once in a while; six are not (a window of six in a dump of 300 KB: 1 in 50,000 runs). Six or more in
a row, a word that looks like an address, and a secret at the very address where it was planted are survivors, each of
them. What is shorter is counted, beside how often decoys of the same kinds were found in the same files: if both come
by chance alone, one in nine of all finds is a secret's (canaryscan has eight lists of decoys). `Tally.p()` says how
likely it is then that so many of them are, by the binomial distribution.
"""
import collections
import math
import os
import struct
import subprocess
import sys

import minidump

SCANNER = "tests/trials/canaryscan"    # in the build folder; run sets it
DECOYS = 8
SURE = 6              # bytes in a row that are there by no chance
Secret = collections.namedtuple("Secret", "kind bytes address where")
Find = collections.namedtuple("Find", "where length place form bytes")

# ContextFlags, cs, ss, flags, rsp, rip: what else may be there are the general registers, if frames need them.
AMD64_SHOWN = ((0x30, 4), (0x38, 2), (0x42, 2), (0x44, 4), (0x98, 8), (0xf8, 8))


def read_list(path):
    secrets = []
    with open(path, encoding="ascii") as f:
        for line in f:
            if not line.startswith("#"):
                kind, data, address, where = line.rstrip("\n").split(" ", 3)
                secrets.append(Secret(kind, bytes.fromhex(data), int(address, 16), where))
    return secrets


class Tally:
    """Short finds of many files: how many secrets, how many decoys."""

    def __init__(self):
        self.files = self.secrets = self.decoys = self.windows = self.bytes = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def p(self):
        """How likely so many or more of the secrets are by chance; 1: as likely as can be."""
        total, share = self.secrets + self.decoys, 1 / (DECOYS + 1)
        ways = lambda k: math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        return min(1.0, sum(math.exp(ways(k) + k * math.log(share) + (total - k) * math.log(1 - share))
                            for k in range(self.secrets, total + 1))) if self.secrets else 1.0

    def __str__(self):
        return ("%d files, %.1f MB, %.2e windows of 4 bytes in each: %d short finds, %.1f by chance (p %.2g)"
                % (self.files, self.bytes / 1e6, self.windows / max(self.files, 1), self.secrets,
                   self.decoys / DECOYS, self.p()))


def scan(path, list_path, controls=(), tally=None):
    """[Find] of those that are no chance; the others are counted in the tally."""
    done = subprocess.run([SCANNER, list_path, path, *controls], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError("canaryscan: " + done.stderr)
    secrets, found, here = read_list(list_path), [], Tally()
    here.files, here.bytes = 1, os.path.getsize(path)
    with open(path, "rb") as f:
        for line in done.stdout.splitlines():
            words = line.split(" ", 4)
            if words[0] == "windows":
                here.windows = int(words[1])
                here.decoys = sum(map(int, line.split()[6:]))
                continue
            number, length, place = map(int, words[1:4])
            if length < SURE:
                here.secrets += 1
                continue
            f.seek(place)
            found.append(Find(secrets[number].where, length, place, words[4], f.read(length)))
    if tally is not None:
        tally.add(here)
    return found


class Dump(minidump.Dump):
    def __init__(self, path):
        super().__init__(path)
        self._memory = super().memory()

    def memory(self):
        return self._memory

    def contexts(self):
        """Bytes, of all threads and of the exception."""
        found = [thread.context for thread in self.threads()]
        exception = self.stream(minidump.EXCEPTION)
        if exception:
            size, rva = struct.unpack_from("<II", exception, 160)
            found.append(self.at(rva, size))
        return found


def in_place(dump, list_path):
    """Secrets that are at the address where they were planted, however short they are."""
    return [Find(s.where, len(s.bytes), s.address, "in its place", s.bytes) for s in read_list(list_path)
            if s.address and any(s.bytes) and dump.read(s.address, len(s.bytes)) == s.bytes]


def in_registers(dump):
    """What a filtered context must not have: vectors, and general registers that point at no stack."""
    found = []
    for context in dump.contexts():
        rest = bytearray(context)
        if len(rest) != minidump.CONTEXT_SIZE:
            continue
        for place, size in AMD64_SHOWN:
            rest[place:place + size] = bytes(size)
        for name, (place, form) in minidump.REGISTERS.items():
            value, = struct.unpack_from(form, rest, place)
            rest[place:place + struct.calcsize(form)] = bytes(struct.calcsize(form))
            if value and dump.read(value & ~7, 8) is None:
                found.append(Find("register " + name, 8, place, "a value", struct.pack("<Q", value)))
        if any(rest):
            place = next(i for i, byte in enumerate(rest) if byte)
            found.append(Find("context", 1, place, "not zero", bytes(rest[place:place + 16])))
    return found


def survivors(path, list_path, controls=(), tally=None):
    """All of it, of a filtered dump."""
    dump = Dump(path)
    return scan(path, list_path, controls, tally) + in_place(dump, list_path) + in_registers(dump)


def describe(finds, most=4):
    return ", ".join("%s: %s %s at 0x%x" % (f.where, f.form, f.bytes.hex(), f.place) for f in finds[:most])


def main():
    tally = Tally()
    found = scan(sys.argv[1], sys.argv[2], sys.argv[3:], tally)
    with open(sys.argv[1], "rb") as f:
        if f.read(4) == b"MDMP":
            found += in_place(Dump(sys.argv[1]), sys.argv[2])
    for find in found:
        print("%-32s %s at 0x%x: %s" % (find.where, find.form, find.place, find.bytes.hex()))
    print("%d of %d secrets survive; %s" % (len({f.where + f.bytes.hex() for f in found}),
                                            len(read_list(sys.argv[2])), tally))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
