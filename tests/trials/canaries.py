#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of secretful's secrets are in a file: any four bytes in a row, as they are, as UTF-16, or reversed.

usage: canaries.py FILE LIST. Prints where the survivors were planted; exit status 1 if there are any.
"""
import collections
import sys

WINDOW = 4


class Canaries:
    def __init__(self, path):
        self.all = []
        with open(path, encoding="ascii") as f:
            for line in f:
                where, kind, data = line.rsplit(" ", 2)
                self.all.append((where, kind, bytes.fromhex(data)))

    def survivors(self, data, windows=True):
        """[(where, the bytes found, place)] of those that are in the bytes."""
        found = []
        index = collections.defaultdict(set)
        for number, (_where, kind, secret) in enumerate(self.all):
            if kind == "word" or not windows:
                place = data.find(secret)
                if place >= 0:
                    found.append((self.all[number][0], secret, place))
                continue
            for form in (secret, secret[::-1]):
                for at in range(len(form) - WINDOW + 1):
                    index[form[at:at + WINDOW]].add(number)
            wide = secret.decode("latin-1").encode("utf-16-le")
            for at in range(0, len(wide) - 2 * WINDOW + 1, 2):
                place = data.find(wide[at:at + 2 * WINDOW])
                if place >= 0:
                    found.append((self.all[number][0], wide[at:at + 2 * WINDOW], place))
        seen = set()
        for at in range(len(data) - WINDOW + 1):
            for number in index.get(data[at:at + WINDOW], ()):
                if number not in seen:
                    seen.add(number)
                    found.append((self.all[number][0], data[at:at + WINDOW], at))
        return found

    def windows(self):
        return sum(2 * max(0, len(secret) - WINDOW + 1) for _where, kind, secret in self.all if kind == "bytes")

    def by_chance(self, size):
        """How many survivors a file of random bytes of that size would have; dumps are far from random."""
        return self.windows() * size / 256 ** WINDOW


def main():
    canaries = Canaries(sys.argv[2])
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    found = canaries.survivors(data)
    for where, secret, place in found:
        print("%-24s %s at 0x%x" % (where, secret.hex(), place))
    print("%d of %d secrets; %.4f by chance" % (len({(w, s) for w, s, _p in found}), len(canaries.all),
                                               canaries.by_chance(len(data))))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
