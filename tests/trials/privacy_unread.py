# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says must not be dumped is in no dump, whatever the letters ask for, on every road."""
import contextlib
import os
import re
import subprocess

import canaries
import kernel
import minidump
import privacy_lab
from trial import collecting, expect, trial

LETTERS = ("m", "mi", "md", "mc", "mw", "mp", "mf", "mA", "mfFhutwpdiAcy", "mrRFhuty")
FEW = ("md", "mw", "mfFhutwpdiAcy")    # where every dump is another crash
NEVER = ("dontdump", "wipeonfork", "secret memory", "memory without access")
CONTROL = "heap"      # what a full dump must hold
# dd MADV_DONTDUMP, wf MADV_WIPEONFORK, io and pf memory of devices, as the vvar pages of the kernel are
MARKS = {"dd", "wf", "io", "pf"}


def lists_of(secrets):
    """(list of those that must be in no dump, list of the control's); two files beside the list."""
    paths = secrets + ".never", secrets + ".control"
    with open(secrets, encoding="ascii") as f, open(paths[0], "w", encoding="ascii") as never, \
            open(paths[1], "w", encoding="ascii") as control:
        for line in f:
            where = line.rstrip("\n").split(" ", 3)[-1]
            if where.startswith(NEVER):
                never.write(line)
            elif where == CONTROL:
                control.write(line)
    return paths


def look_at(dump, secrets, letters, wrong):
    never, control = lists_of(secrets)
    found = canaries.scan(dump, never)
    if found:
        wrong.append("%s: %s" % (letters, canaries.describe(found)))
    if re.search("[fw]", letters) and not canaries.scan(dump, control):
        wrong.append("%s: not even the heap is in it, so the others prove nothing" % letters)


def marked(pid):
    """[(first, end)] of the mappings with a mark."""
    found, runs = [], ()
    with open("/proc/%d/smaps" % pid, encoding="utf-8", errors="replace") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if head:
                runs = tuple(int(end, 16) for end in head.groups())
            elif line.startswith("VmFlags:") and MARKS & set(line.split()[1:]):
                found.append(runs)
    return found


def intersect(dump, runs):
    return ["0x%x" % base for base, size, _rva in dump.memory() for first, end in runs
            if base < end and first < base + size]


@trial("privacy.unread.R49-live")
def live(context):
    """By the mappings' own flags, and by what is there; in an ELF core as well."""
    with contextlib.closing(privacy_lab.Live(context)) as road, collecting() as wrong:
        folder = road.place()
        secrets = os.path.join(folder, "secrets")
        process = subprocess.Popen([road.program, "fault+wait", secrets], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        try:
            expect(kernel.wait_until(lambda: road.rests(process.pid), 10), "it does not wait")
            runs = marked(process.pid)
            expect(len(runs) >= 6, "only %d mappings are marked", len(runs))
            paths = {letters: os.path.join(folder, letters + ".dmp") for letters in LETTERS}
            core = os.path.join(folder, "core")
            commands = [".dump /%s %s" % pair for pair in paths.items()] + [".dump /f " + core, "qd"]
            _code, said = road.debugger(["-p", str(process.pid)], commands)
        finally:
            process.kill()
            process.wait()
        for letters, path in paths.items():
            expect(os.path.exists(path), "%s: no dump: %s", letters, said[-300:])
            look_at(path, secrets, letters, wrong)
            shared = intersect(minidump.Dump(path), runs)
            if shared:
                wrong.append("%s: marked memory at %s" % (letters, shared[:3]))
        look_at(core, secrets, "/f", wrong)


@trial("privacy.unread.R49-stub")
def stub(context):
    """From the process itself, and from a copy of it."""
    with contextlib.closing(privacy_lab.Stub(context)) as road, collecting() as wrong:
        for letters in FEW:
            for copy in (",snapshot", ",no-snapshot") if re.search("[fwA]", letters) else ("",):
                dump, secrets = road.crash("fault", letters + copy)
                look_at(dump, secrets, letters + copy, wrong)
                os.unlink(dump)


@trial("privacy.unread.R49-kernel")
def kernel_road(context):
    with contextlib.closing(privacy_lab.Kernel(context)) as road, road, collecting() as wrong:
        for letters in FEW:
            dump, secrets = road.crash("fault", letters)
            look_at(dump, secrets, letters, wrong)
            os.unlink(dump)
