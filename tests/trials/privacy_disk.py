# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw image of the disk on which dumps lie: what was ever written there, deleted or not, holds no secret.

The spool, or the folder of the dumps, is an ext4 file system of its own in a file. Programs crash there and are dumped
to their ends, or until one of our processes is killed at a random moment, or until the disk is full; then the image is
searched as a whole, journal and free blocks included. $PRIVACY_KILLS says how many are killed on each road.
"""
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import canaries
import kernel
import lab
import privacy_lab
import stub_lab
from security_spool import settings
from trial import Skip, collecting, expect, trial

KILLS = int(os.environ.get("PRIVACY_KILLS", "4"))
AT_ONCE = 20          # crashes while core_pattern is held
IMAGE_MB = 48
LONGEST = 0.012       # seconds, of what a process of ours takes for a small dump
LEAST = 40            # secrets that unfiltered dumps leave on a disk; else nothing was tried
BY_CHANCE = 1e-4
CASES = ("qsort", "signal-stack", "thread", "varargs", "coroutine")


class Disk:
    """A file system in a file, mounted in `with`; holds() says what is on it, afterwards."""

    def __init__(self, context, place, name="disk"):
        self.image, self.place = os.path.join(context.folder, name), place
        self.lists = []

    def __enter__(self):
        with open(self.image, "wb") as f:
            f.truncate(IMAGE_MB << 20)
        os.makedirs(self.place, exist_ok=True)
        for command in (["mkfs.ext4", "-q", "-F", self.image], ["mount", "-o", "loop", self.image, self.place]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Skip("%s: %s" % (command[0], done.stderr.strip()))
        os.chmod(self.place, 0o711)
        return self

    def __exit__(self, *what):
        kernel.wait_until(lambda: subprocess.run(["umount", self.place], capture_output=True,
                                                 check=False).returncode == 0, 10, 0.2)

    def new_list(self):
        """For the secrets of one process; on another disk."""
        self.lists.append("%s.%d" % (self.image, len(self.lists)))
        return self.lists[-1]

    def fill(self, left):
        """All but some bytes."""
        free = os.statvfs(self.place)
        with open(os.path.join(self.place, "filler"), "wb") as f:
            size = free.f_bfree * free.f_bsize - left
            with contextlib.suppress(OSError):
                while size > 0:
                    size -= os.write(f.fileno(), bytes(min(size, 1 << 20)))

    def holds(self, tally=None):
        every = self.image + ".all"
        with open(every, "wb") as to:
            for path in self.lists:
                if os.path.exists(path):
                    with open(path, "rb") as f:
                        shutil.copyfileobj(f, to)
        found = canaries.scan(self.image, every, (), tally)
        for path in [every, self.image, *self.lists]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        return found


def kill_one(programs):
    """SIGKILL to one of the processes that run a program of these, after a while; False: there was none."""
    def ours():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink("/proc/%s/exe" % pid) in programs:
                    found.append(int(pid))
        return found
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if ours():
            time.sleep(random.uniform(0, LONGEST))
            for pid in random.sample(left := ours(), min(1, len(left))):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                return True
    return False


def judge(disk, what, wrong, tally):
    found = disk.holds(tally)
    if found:
        wrong.append("%s: %s" % (what, canaries.describe(found)))


def report(name, tally, killed, wrong):
    path = os.environ.get("PRIVACY_REPORT")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write("disk, %s: %d killed; %s; %d wrong\n" % (name, killed, tally, len(wrong)))
    if tally.p() < BY_CHANCE:
        wrong.append("parts of secrets: " + str(tally))


# --- roads to a disk: each crashes, or cleans, once ------------------------------------------------------------------


@contextlib.contextmanager
def kernel_road(context):
    """The spool is the disk."""
    with lab.Lab(context) as here:
        def crash(disk, case, letters, killing):
            with settings(here, "dump = %s\n" % letters):
                target = here.start([here.program("secretful"), case, disk.new_list()])
                killed = killing and kill_one({here.tree.core})
                target.wait(20)
                here.until_quiet(30)
                return killed
        yield here.tree.spool, crash


@contextlib.contextmanager
def stub_road(context):
    """The spool is the disk; collector, keeper and worker."""
    with stub_lab.StubLab(context, user=None) as here:
        def crash(disk, case, letters, killing):
            target = here.start([here.program("secretful"), case, disk.new_list()], letters=letters, spool=True)
            killed = killing and kill_one({here.tree.collector})
            target.communicate(timeout=20)
            kernel.wait_until(lambda: not here.collectors(), 30)
            return killed
        yield here.tree.spool, crash


@contextlib.contextmanager
def scrub_road(context):
    """An unfiltered dump that is elsewhere is cleaned, to the disk."""
    road = privacy_lab.Stub(context)
    with contextlib.closing(road):
        wholes = {}

        def scrub(disk, case, letters, killing):
            if case not in wholes:
                wholes[case] = road.crash(case, "m")
            whole, secrets = wholes[case]
            shutil.copy(secrets, disk.new_list())
            to = os.path.join(disk.place, "%d.dmp" % len(disk.lists))
            if letters == "m":
                shutil.copy(whole, to)
                return False
            process = subprocess.Popen([context.tree.debugger, "scrub", whole, to], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if killing:
                time.sleep(random.uniform(0, 20 * LONGEST))
                process.kill()
            process.wait(60)
            return killing
        yield os.path.join(context.folder, "scrubbed"), scrub


def after_success(place, crash, context, wrong, tally):
    with Disk(context, place) as disk:
        for case in random.sample(CASES, 2):
            crash(disk, case, "mrR", False)
        expect([n for _d, _f, names in os.walk(place) for n in names if n.endswith(".dmp")], "no dump on the disk")
    judge(disk, "after success", wrong, tally)


def after_kills(road, context, wrong, tally):
    killed = 0
    for _batch in range(0, KILLS, AT_ONCE):
        with road(context) as (place, crash), Disk(context, place) as disk:
            for _run in range(min(AT_ONCE, KILLS)):
                killed += bool(crash(disk, random.choice(CASES), "mrR", True))
        judge(disk, "after SIGKILL", wrong, tally)
    return killed


def when_full(place, crash, context, wrong, tally):
    for left in (0, random.randrange(4096, 200000)):
        with Disk(context, place) as disk:
            disk.fill(left)
            crash(disk, random.choice(CASES), "mrR", False)
        judge(disk, "%d bytes left" % left, wrong, tally)


def hold(context, road):
    tally = canaries.Tally()
    with collecting() as wrong:
        with road(context) as (place, crash):
            with Disk(context, place) as disk:
                crash(disk, CASES[0], "m", False)
            expect(len(disk.holds()) >= LEAST, "an unfiltered dump leaves no secrets on the disk: nothing is tried")
            after_success(place, crash, context, wrong, tally)
            when_full(place, crash, context, wrong, tally)
        killed = after_kills(road, context, wrong, tally)
        expect(killed * 4 >= KILLS, "only %d of %d were there to be killed", killed, KILLS)
        report(road.__name__, tally, killed, wrong)


@trial("privacy.disk.R46-R47-kernel")
def disk_of_kernel(context):
    hold(context, kernel_road)


@trial("privacy.disk.R46-R47-stub")
def disk_of_stub(context):
    hold(context, stub_road)


@trial("privacy.disk.R46-R47-scrub")
def disk_of_scrub(context):
    hold(context, scrub_road)
