# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of running processes when something is in the way: the disk, the memory, the process itself.

Each ends in time, in words, without a file under the final name where it failed, and with the process as it was: its
threads, their signal masks, pending signals and stop state, its mappings and its children.
"""
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time

from trial import Failure, Skip, collecting, expect, trial

DEADLINE = 20    # seconds; a busy machine included
KEPT = ("State", "TracerPid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp", "Threads")
FULL = ("/mf", "/ma", "/f", "/mf --compress", "/f --compress")


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class Stubborn:
    def __init__(self, context, word, *more, **options):
        lost = context.tree.missing("inquest")
        if lost:
            raise Skip(lost)
        program = os.path.join(context.shared_folder(), "crashers/stubborn")
        self.process = subprocess.Popen([program, word, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, **options)
        line = self.process.stdout.readline().split()
        if not line or line[0] != "ready":
            words = self.process.stderr.read().strip()
            self.end()
            raise Skip(words or "stubborn %s did not start" % word)
        # In a PID namespace it knows its number there; ours is that of the last of its line.
        self.pid = int(line[1]) if word not in ("init", "inner") else self.last_child(self.process.pid)
        self.address = line[2] if len(line) > 2 else None

    @staticmethod
    def last_child(pid):
        while True:
            children = read("/proc/%d/task/%d/children" % (pid, pid)).split()
            if not children:
                return pid
            pid = int(children[0])

    def state(self):
        """What a dump must leave as it was."""
        seen = {}
        for tid in sorted(os.listdir("/proc/%d/task" % self.pid)):
            status = read("/proc/%d/task/%s/status" % (self.pid, tid))
            seen[tid] = [line for line in status.splitlines() if line.split(":")[0] in KEPT]
            seen[tid].append("children " + read("/proc/%d/task/%s/children" % (self.pid, tid)))
        seen["maps"] = read("/proc/%d/maps" % self.pid)
        return seen

    def rest(self):
        """Its state when all threads wait, or have ended, or are stopped."""
        until = time.monotonic() + 3
        while "State:\tR" in str(self.state()).replace("\\t", "\t") and time.monotonic() < until:
            time.sleep(0.02)
        return self.state()

    def end(self):
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def stubborn(context, word, *more, unchanged=True, **options):
    """Gives the process; checks afterwards that it is what it was."""
    target = Stubborn(context, word, *more, **options)
    try:
        before = target.rest() if unchanged else None
        yield target
        if not unchanged:
            return
        until = time.monotonic() + 3
        while target.state() != before and time.monotonic() < until:
            time.sleep(0.02)    # a thread that was stopped runs for a moment, to wait again
        after = target.state()
        for key, was in before.items():
            expect(after.get(key) == was, "%s: %s, was %s", key, after.get(key), was)
        expect(len(after) == len(before), "more threads than before: %s", sorted(after))
    finally:
        target.end()


def folder_of(context, name):
    path = os.path.join(context.folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


def dump(context, target, letters, path, *more, **options):
    """(exit status, all that it said)"""
    start = time.monotonic()
    done = subprocess.run([context.tree.debugger, "-p", str(target.pid), *more, "-c", ".dump %s %s" % (letters, path)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE, check=False, **options)
    done.seconds = time.monotonic() - start
    return done.returncode, done.stdout


def look(context, path, commands="vertarget; k; q"):
    done = subprocess.run([context.tree.debugger, "-z", path, "-c", commands], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE, check=False)
    expect(done.returncode == 0, "'%s' does not open: %s", path, done.stdout[-200:])
    return done.stdout


def fails(context, target, letters, folder, words, *more, **options):
    """A refusal in words, and nothing under any name."""
    status, said = dump(context, target, letters, os.path.join(folder, "x.dmp"), *more, **options)
    expect(status == 1, "%s: exit status %d: %s", letters, status, said[-300:])
    expect(words in said, "%s: not in its words: '%s': %s", letters, words, said[-300:])
    left = os.listdir(folder)
    expect(not left, "%s: left behind: %s", letters, left)


def works(context, target, letters, folder, *more):
    path = os.path.join(folder, "x.dmp")
    status, said = dump(context, target, letters, path, *more)
    expect(status == 0, "%s: exit status %d: %s", letters, status, said[-300:])
    shown = look(context, path)
    os.unlink(path)
    return shown


@contextlib.contextmanager
def mounted(context, *arguments):
    folder = folder_of(context, "small")
    done = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip("mount: " + done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


# --- the disk ------------------------------------------------------------------------------------------


@trial("fault-disk-full")
def disk_full(context):
    with mounted(context, "-t", "tmpfs", "-o", "size=2m", "none") as small, stubborn(context, "plain") as target:
        with collecting() as wrong:
            for letters in FULL:
                # Compressed, its 16 MiB are less than the disk has.
                if "--compress" in letters:
                    continue
                try:
                    fails(context, target, letters, small, "No space left on device")
                except Failure as reason:
                    wrong.append(str(reason))
    with mounted(context, "-t", "tmpfs", "-o", "size=64k", "none") as small, stubborn(context, "plain") as target:
        fails(context, target, "/mf --compress", small, "No space left on device")
        fails(context, target, "/f --compress", small, "No space left on device")


@trial("fault-file-limit")
def file_limit(context):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    folder = folder_of(context, "limited")
    with stubborn(context, "plain") as target:
        for letters in ("/mf", "/f"):
            fails(context, target, letters, folder, "File too large", preexec_fn=limited)
            fails(context, target, letters, folder, "File too large", "--no-sandbox", preexec_fn=limited)


@trial("fault-quota")
def quota(context):
    """A real one, of a user, on an ext4 of its own."""
    image = os.path.join(context.folder, "quota.img")
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    if not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", "-O", "quota", image], check=False,
                                                       capture_output=True).returncode:
        raise Skip("no mkfs.ext4 with quota")
    user = context.users().victim
    # Without CONFIG_QFMT_V2 the kernel mounts none.
    with mounted(context, "-o", "loop,usrquota", image) as folder:
        set_quota(folder, user.pw_uid, 4 << 10)
        own = os.path.join(folder, "own")
        os.mkdir(own, 0o700)
        os.chown(own, user.pw_uid, user.pw_gid)
        ids = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with stubborn(context, "plain", **ids) as target:
            for letters in ("/mf", "/f"):
                fails(context, target, letters, own, "Disk quota exceeded", **ids)
            expect(works_as(context, target, "/m", own, ids), "no small dump within the quota")
    os.unlink(image)


def works_as(context, target, letters, folder, ids):
    path = os.path.join(folder, "small.dmp")
    status, _said = dump(context, target, letters, path, **ids)
    return status == 0 and os.path.exists(path)


def set_quota(folder, uid, blocks):
    """quotactl_fd(2) (Linux 5.14): no tools are needed."""
    import ctypes
    import struct
    # struct if_dqblk: hard and soft limit of 1 KiB blocks, space, the same of inodes, two times, QIF_BLIMITS
    limits = struct.pack("<8QI4x", blocks, blocks, 0, 0, 0, 0, 0, 0, 1)
    fd = os.open(folder, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        q_setquota_user = 0x800008 << 8
        if libc.syscall(443, fd, ctypes.c_uint(q_setquota_user), ctypes.c_uint(uid), ctypes.c_char_p(limits)):
            raise Skip("quotactl_fd: %s" % os.strerror(ctypes.get_errno()))
    finally:
        os.close(fd)


@trial("fault-read-only")
def read_only(context):
    with mounted(context, "-t", "tmpfs", "-o", "ro", "none") as folder, stubborn(context, "plain") as target:
        for letters in FULL:
            fails(context, target, letters, folder, "Read-only file system")


# --- memory --------------------------------------------------------------------------------------------


@trial("fault-unreadable-page")
def unreadable_page(context):
    folder = folder_of(context, "torn")
    for more in ([], ["--no-snapshot"]):
        with stubborn(context, "torn") as target:
            fails(context, target, "/ma", folder, "memory cannot be read, and 'a' asks for all of it", *more)
            shown = works(context, target, "/mA", folder, *more)
            expect("4096 bytes of memory could not be read" in shown, "/mA: not counted: %s", shown[:800])


@trial("fault-userfaultfd")
def userfaultfd(context):
    """Nobody answers for 16 pages; a fork would wait, too."""
    folder = folder_of(context, "fault")
    for word in ("fault", "fork-event"):
        with stubborn(context, word) as target:
            start = time.monotonic()
            for more in ([], ["--no-snapshot"]):
                fails(context, target, "/ma", folder, "memory cannot be read", *more)
                shown = works(context, target, "/mA", folder, *more)
            expect("userfaultfd" in works(context, target, "/m", folder), "it does not say why there is no copy")
            expect(time.monotonic() - start < DEADLINE, "it took %.1f s", time.monotonic() - start)
            expect("could not be read" in shown, "/mA: not said: %s", shown[:800])


@trial("fault-fuse")
def fuse(context):
    """A mapped file whose file system never answers."""
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    folder, mount = folder_of(context, "fuse"), folder_of(context, "fuse-mount")
    with stubborn(context, "fuse", mount) as target:
        for more in ([], ["--no-snapshot"]):
            fails(context, target, "/ma", folder, "memory cannot be read", *more)
            for letters in ("/m", "/mfFhut", "/mA"):
                shown = works(context, target, letters, folder, *more)
            expect("FUSE" in shown, "it does not say what is missing: %s", shown[:800])


@trial("fault-changing-mappings")
def changing_mappings(context):
    folder = folder_of(context, "churn")
    with stubborn(context, "churn", unchanged=False) as target:
        for letters in ("/ma", "/mfiu", "/f"):
            for more in ([], ["--no-snapshot"]):
                works(context, target, letters, folder, *more)
        expect("State:\tZ" not in read("/proc/%d/status" % target.pid), "it died")


LARGE = 6 << 30


def at_both_ends(said, first, words):
    """Each word is its address, however a debugger writes it."""
    for address in (first, first + 8, first + LARGE - 8):
        found = "%016x" % address in said.replace("`", "") or "0x%x" % address in said.split(":", 1)[-1]
        expect(found, "%s: no 0x%x: %s", words, address, said[-400:])


@trial("large-dump")
def large_dump(context):
    """6 GiB, mostly untouched: as small on the disk, and right at both ends, for whoever reads it."""
    folder = folder_of(context, "large")
    with stubborn(context, "large") as target:
        first = int(target.address, 16)
        ends = (first, first + LARGE - 16)
        for letters in ("/mf", "/f", "/mf --compress"):
            path = os.path.join(folder, "x.dmp")
            status, said = dump(context, target, letters, path)
            expect(status == 0, "%s: exit status %d: %s", letters, status, said[-300:])
            size, used = os.stat(path).st_size, os.stat(path).st_blocks * 512
            expect("--compress" in letters or size > LARGE, "%s: %d bytes", letters, size)
            expect(used < 16 << 20, "%s: %d bytes on the disk", letters, used)
            at_both_ends(look(context, path, "; ".join("dq %x L2" % a for a in ends) + "; q"), first, "inquest " + letters)
            if "--compress" not in letters and shutil.which("lldb-19"):
                reads = [word for a in ends for word in ("-o", "memory read -f x -s 8 -c 2 0x%x" % a)]
                done = subprocess.run(["lldb-19", "--no-lldbinit", "--batch", "-c", path, *reads], capture_output=True,
                                      text=True, timeout=3 * DEADLINE, check=False, stdin=subprocess.DEVNULL)
                at_both_ends(done.stdout, first, "lldb " + letters)
            os.unlink(path)


# --- the process ---------------------------------------------------------------------------------------


def alive(program):
    """Processes that run it, in any form."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink("/proc/%s/exe" % pid) == program:
                found.append(int(pid))
    return found


@trial("fault-dies-meanwhile")
def dies_meanwhile(context):
    """SIGKILL at random moments: a whole dump or none, and nothing stays behind."""
    folder = folder_of(context, "dies")
    program = os.path.join(context.shared_folder(), "crashers/stubborn")
    dice = random.Random(4)
    written = 0
    for i in range(24):
        target = Stubborn(context, "plain")
        path = os.path.join(folder, "x.dmp")
        letters = ("/mf", "/f", "/mf --compress", "/m")[i % 4]
        more = ["--no-snapshot"] if i % 3 == 0 else []
        process = subprocess.Popen([context.tree.debugger, "-p", str(target.pid), *more, "-c",
                                    ".dump %s %s" % (letters, path)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(dice.random() * 0.06)
        os.kill(target.pid, signal.SIGKILL)
        target.process.wait(DEADLINE)    # its parent learns of it though it is traced
        said, _ = process.communicate(timeout=DEADLINE)
        target.end()
        expect(process.returncode in (0, 1), "status %d: %s", process.returncode, said[-300:])
        expect(os.path.exists(path) == (process.returncode == 0), "status %d, and the file is %s: %s",
               process.returncode, "there" if os.path.exists(path) else "not there", said[-300:])
        if process.returncode == 0:
            written += 1
            look(context, path)
            os.unlink(path)
        expect(not os.listdir(folder), "left behind: %s", os.listdir(folder))
        expect(not alive(program), "still there: %s", alive(program))
    expect(written, "not one dump was written")


@trial("fault-leader-gone")
def leader_gone(context):
    folder = folder_of(context, "leader")
    with stubborn(context, "leaderless") as target:
        for letters in ("/ma", "/f"):
            for more in ([], ["--no-snapshot"]):
                shown = works(context, target, letters, folder, *more)
                expect("pause" in shown, "no stack of the thread that lives: %s", shown[-400:])


@trial("fault-signals-and-stops")
def signals_and_stops(context):
    """Blocked and pending signals, and a process that a signal has stopped."""
    folder = folder_of(context, "signals")
    with stubborn(context, "blocked") as target:
        for more in ([], ["--no-snapshot"]):
            works(context, target, "/mf", folder, *more)
    target = Stubborn(context, "blocked")
    try:
        os.kill(target.pid, signal.SIGSTOP)
        time.sleep(0.1)
        before = target.state()
        for more in ([], ["--no-snapshot"]):
            works(context, target, "/mf", folder, *more)
        expect(target.state() == before, "%s, was %s", target.state(), before)
    finally:
        target.end()


# word, what the dump says of having made no copy (None: it made one)
NO_COPY = (("plain", None), ("no-new", None), ("inner", None), ("filtered", "its system call filter"),
           ("init", "the first of its PID namespace"), ("reaper", "adopts orphans"))


@trial("fault-no-copy")
def no_copy(context):
    """Where a copy cannot be made without a trace, none is, and the dump says why."""
    folder = folder_of(context, "copy")
    with collecting() as wrong:
        for word, reason in NO_COPY:
            try:
                with stubborn(context, word, unchanged=word != "reaper") as target:
                    shown = works(context, target, "/mf", folder)
                    expect((reason or "no copy of") in shown if reason else "no copy of" not in shown,
                           "the dump says: %s", shown[:900])
                    if word == "reaper":
                        os.kill(target.pid, signal.SIGTERM)
                        said = target.process.stdout.readline()
                        expect(said == "0 children\n", "it saw %s", said.strip())
            except Failure as failure:
                wrong.append("%s: %s" % (word, failure))
