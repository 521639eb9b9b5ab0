# SPDX-License-Identifier: GPL-3.0-or-later
"""What our own processes hold of the crashed one: locked, in no core, opaque; looked at where they are held."""
import ctypes
import errno
import os
import re
import subprocess

import canaries
import kernel
import lab
from privacy_lab import Live
from security_confinement import held_at, hooked_lab
from security_spool import settings
from stub_hold import HeldLab
from trial import Skip, collecting, expect, trial

CAP_SYS_RESOURCE = 24
NO_CORE = 1    # bytes: the limit with which the kernel pipes no core, see core(5)


def mappings(pid):
    """[(first line of smaps, {key: value})]"""
    found = []
    with open("/proc/%d/smaps" % pid, encoding="utf-8", errors="replace") as f:
        for line in f:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                found.append((line.split(), {}))
            else:
                key, _colon, value = line.partition(":")
                found[-1][1][key] = value.split()
    return found


def is_written(fields):
    return fields[1][1] == "w" and fields[1][3] == "p"


def looks_inside(pid, wrong, what):
    """Every private page that could be written is locked, and none of it is swapped."""
    loose = [" ".join(fields[:1] + fields[5:]) for fields, facts in mappings(pid)
             if is_written(fields) and "lo" not in facts["VmFlags"]]
    if loose:
        wrong.append("%s: not locked: %s" % (what, loose[:3]))
    if int(lab.status_field(pid, "VmLck")[0]) == 0 or int(lab.status_field(pid, "VmSwap")[0]):
        wrong.append("%s: VmLck %s, VmSwap %s" % (what, lab.status_field(pid, "VmLck"), lab.status_field(pid, "VmSwap")))


def leaves_no_core(pid, wrong, what):
    # Of a process that is not dumpable /proc belongs to root, whoever it is (proc(5)).
    with open("/proc/%d/limits" % pid, encoding="ascii") as f:
        limit = re.search(r"^Max core file size +(\d+)", f.read(), re.M)
    if not limit or int(limit.group(1)) > NO_CORE:
        wrong.append("%s: its core may be %s bytes" % (what, limit and limit.group(1)))
    uid = lab.status_field(pid, "Uid")[0]
    if uid != "0" and os.stat("/proc/%d/mem" % pid).st_uid != 0:
        wrong.append("%s: it can be dumped" % what)


@trial("privacy.memory.R51-the-worker-is-locked")
def worker_is_locked(context):
    """Before it has read a byte, and when it has read all."""
    with hooked_lab(context) as here, settings(here, "dump = mrR\n"), collecting() as wrong:
        for point in ("worker", "confined", "gathered", "released"):
            with held_at(here, point) as pid:
                looks_inside(pid, wrong, point)
                leaves_no_core(pid, wrong, point)


@trial("privacy.memory.R51-the-collector-is-locked")
def collector_is_locked(context):
    """The same of the collector and its worker, where root may raise limits; no core of any of the three."""
    may_lock = int(lab.status_field("self", "CapBnd")[0], 16) >> CAP_SYS_RESOURCE & 1
    with HeldLab(context) as here, collecting() as wrong:
        for role, point, pid in here.all_points():
            if point in ("start", "arguments"):
                continue
            leaves_no_core(pid, wrong, "%s, %s" % (role, point))
            if may_lock and role != "keeper":
                looks_inside(pid, wrong, "%s, %s" % (role, point))
    if not may_lock:
        raise Skip("no core, but root here may not raise the limit of locked memory (CAP_SYS_RESOURCE)")


# --- swap ---------------------------------------------------------------------------------------------------------

SYS_PROCESS_MADVISE, MADV_PAGEOUT = 440, 21
SWAP_MB = 64


class Swap:
    """A swap file of our own, in use inside `with`; afterwards it can be read."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        with open(self.path, "wb") as f:
            f.write(bytes(SWAP_MB << 20))    # no holes
            os.fsync(f.fileno())
        os.chmod(self.path, 0o600)
        for command in (["mkswap", "-q", self.path], ["swapon", "-p", "100", self.path]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Skip("%s: %s" % (command[0], done.stderr.strip()))
        return self

    def __exit__(self, *what):
        subprocess.run(["swapoff", self.path], check=True)
        # The kernel swaps past the file's cached pages.
        with open(self.path, "rb") as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Run(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def page_out(pid):
    """What memory pressure does in the end, at once: every private mapping to swap, as far as it may go there."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        for fields, _facts in mappings(pid):
            first, last = (int(end, 16) for end in fields[0].split("-"))
            if fields[1][3] == "p" and fields[5:6] not in (["[vvar]"], ["[vsyscall]"], ["[vdso]"]):
                run = Run(first, last - first)
                if libc.syscall(SYS_PROCESS_MADVISE, pidfd, ctypes.byref(run), 1, MADV_PAGEOUT, 0) < 0 and \
                        ctypes.get_errno() in (errno.ENOSYS, errno.EPERM):
                    raise Skip("process_madvise: %s" % os.strerror(ctypes.get_errno()))
    finally:
        os.close(pidfd)


@trial("privacy.memory.R51-nothing-in-swap")
def nothing_in_swap(context):
    """The worker is put out to swap when it has read all, and nothing of what it read is there."""
    with hooked_lab(context) as here, settings(here, "dump = mrR\n"), collecting() as wrong:
        swap, secrets = os.path.join(context.folder, "swap"), os.path.join(context.folder, "swapped")
        program = here.program("secretful")
        with Swap(swap):
            control = here.start([program, "qsort+wait", secrets])
            kernel.wait_until(lambda: Live.rests(control.pid), 10)
            page_out(control.pid)
            control.kill()
            control.wait()
        expect(len(canaries.scan(swap, secrets)) > 20, "of a process that was swapped out nothing is in swap")
        with Swap(swap), here.hold("gathered"):
            target = here.start([program, "qsort", secrets])
            worker = here.held("gathered")
            page_out(worker)
            here.go_on("gathered")
            target.wait(20)
        found = canaries.scan(swap, secrets)
        if found:
            wrong.append("in swap: " + canaries.describe(found))
        os.unlink(swap)
