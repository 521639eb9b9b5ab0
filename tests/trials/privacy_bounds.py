# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to logs, and how much a process can make us take."""
import os
import signal
import time

import canaries
import lab
from security_spool import changed, settings
from trial import Skip, collecting, expect, trial

CRASHES = int(os.environ.get("PRIVACY_LOGS", "6"))
LINES_OF_ONE = 2        # at most, of one crash
OURS = b"inquest"
HUGE_GB = 64
MOST_BYTES, MOST_SECONDS = 4 << 20, 20

HUGE = """
import ctypes, mmap, sys
with open("/proc/self/coredump_filter", "w") as f: f.write("0x1ff")
ROOM, NORESERVE = %d << 30, 0x4000
kept = [mmap.mmap(-1, ROOM, flags | NORESERVE, mmap.PROT_READ | mmap.PROT_WRITE)
        for flags in (mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)]
for room in kept: room[ROOM // 2] = 1
ctypes.string_at(0)
""" % HUGE_GB


class KernelLog:
    """The lines of ours since it was made."""

    def __init__(self):
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as e:
            raise Skip("the kernel's log cannot be read: %s" % e.strerror) from None

    def lines(self):
        found = []
        while True:
            try:
                line = os.read(self.fd, 8192)
            except BlockingIOError:
                return found
            except BrokenPipeError:    # lines were overwritten before they were read
                continue
            if OURS in line:
                found.append(line)

    def close(self):
        os.close(self.fd)


@trial("privacy.logs.R56-no-secret-and-few-lines")
def logs(context):
    """Crashes whose dumps fail, each for a reason that is logged; the log holds nothing of the processes."""
    with lab.Lab(context) as here, collecting() as wrong:
        log, lists = KernelLog(), []
        start = time.monotonic()
        with changed(here.tree.spool, mode=0o1777):
            for number in range(CRASHES):
                lists.append(os.path.join(context.folder, "logged.%d" % number))
                here.crash([here.program("secretful"), "fault", lists[-1]], dump_expected=False)
        lines = log.lines()
        log.close()
        expect(lines, "nothing was logged: nothing is tried")
        # At most one line a second, whatever crashes.
        if len(lines) > min(LINES_OF_ONE * CRASHES, time.monotonic() - start + 2):
            wrong.append("%d lines of %d crashes" % (len(lines), CRASHES))
        text = os.path.join(context.folder, "log")
        with open(text, "wb") as f:
            f.write(b"".join(lines))
        for path in lists:
            found = canaries.scan(text, path)
            if found:
                wrong.append(canaries.describe(found))
            os.unlink(path)


@trial("privacy.bounds.R52-huge-mappings")
def huge_mappings(context):
    """What a process tells the kernel to put into cores is nothing to us, and what it never touched takes no time."""
    with lab.Lab(context) as here, collecting() as wrong:
        for letters in ("m", "mrR", "mw"):
            with settings(here, "dump = %s\n" % letters):
                start = time.monotonic()
                status, dump = here.crash(["/usr/bin/python3", "-c", HUGE], seconds=3 * MOST_SECONDS)
                took = time.monotonic() - start
            if status != -signal.SIGSEGV:
                wrong.append("%s: it died with %s" % (letters, status))
            elif took > MOST_SECONDS:
                wrong.append("%s: %.1f s" % (letters, took))
            # Of private memory that was asked for, what was never touched is a hole.
            elif not dump or os.stat(dump).st_blocks * 512 > (MOST_BYTES if letters != "mw" else 16 * MOST_BYTES):
                wrong.append("%s: %s" % (letters, dump and "%d bytes on the disk" % (os.stat(dump).st_blocks * 512)))
