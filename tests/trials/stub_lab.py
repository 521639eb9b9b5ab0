# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs with the stub in them: how they are started, what must be true after each crash."""
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import time
import typing

import crashes
import kernel
import lab
from trial import Failure, Skip, expect

DEADLINE = 8      # seconds: the stub's own deadline and some patience with a busy machine


@dataclasses.dataclass
class End:
    status: int                     # as subprocess tells it: negated signal
    seconds: float
    dumps: typing.List[str]         # new ones, of this crash alone
    output: str
    said: str                       # standard error

    @property
    def dump(self):
        return self.dumps[0] if self.dumps else None


class StubLab:
    """One folder for the dumps of the user's own. The kernel looks at no crash meanwhile (core_pattern `core`, limit
    0), so that every dump is the collector's."""

    def __init__(self, context, user="victim", where=None):
        self.context, self.tree = context, where or context.tree
        if os.geteuid() != 0:
            raise Skip("needs root, to become other users")
        lost = self.tree.missing("inquest-collect") or (not self.tree.stub and "no stub in '%s'" % self.tree.prefix)
        if lost:
            raise Skip(lost)
        self.users = context.users()
        self.user = getattr(self.users, user) if user else None
        self.crashers = os.path.join(context.shared_folder(), "crashers")
        self.folder = os.path.join(context.folder, "stub-dumps")

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        return self

    def __exit__(self, *what):
        try:
            if what[0] is None:
                self.nothing_left()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name="stubbed"):
        return os.path.join(self.crashers, name)

    def environment(self, letters="m", preload=True, spool=False, **more):
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/", "LC_ALL": "C.UTF-8"}
        if letters:
            environment["INQUEST"] = letters
        if not spool:
            environment["INQUEST_DIR"] = self.folder
        if preload:
            environment["LD_PRELOAD"] = self.tree.stub
        environment.update(more)
        return environment

    def start(self, argv, letters="m", preload=True, spool=False, environment=None, user=True, **options):
        if user and self.user:
            options.update(lab.as_user(self.user))
        before = options.pop("before", None)

        def prepare():
            crashes.resource.setrlimit(crashes.resource.RLIMIT_CORE, (1, 1))
            if before:
                before()
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
                                env=environment or self.environment(letters, preload, spool),
                                preexec_fn=prepare, **options)

    def dumps(self):
        return {os.path.join(self.folder, n) for n in os.listdir(self.folder) if n.endswith(".dmp")}

    def finish(self, process, seconds=DEADLINE, dumps=1, before=None, since=None):
        """Wait for its end, then for its dumps; `dumps` None: whatever comes until the collectors are gone."""
        before = before or set()
        start = since or time.monotonic()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failure("it did not die in %s s" % seconds) from None
        took = time.monotonic() - start
        kernel.wait_until(lambda: not self.collectors(), 10)
        if dumps:
            kernel.wait_until(lambda: len(self.dumps() - before) >= dumps, 3)
        output = process.stdout.read().decode(errors="replace") if process.stdout else ""
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        return End(status, took, sorted(self.dumps() - before), output, said)

    def crash(self, argv, seconds=DEADLINE, dumps=1, **options):
        before = self.dumps()
        return self.finish(self.start(argv, **options), seconds, dumps, before)

    def collectors(self):
        """The processes of ours that run, zombies of the dead left out."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % pid).split(" (deleted)")[0] == self.tree.collector:
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def of_user(self):
        """What still runs, or waits to be reaped, of the user. A zombie that init was left with is its to reap, and
        some take their time."""
        left = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat("/proc/" + pid).st_uid == self.user.pw_uid:
                    with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as f:
                        name, _, rest = f.read().partition(" (")[2].rpartition(") ")
                    if not rest.startswith("Z 1 "):
                        left.append((int(pid), name, rest[:1]))
            except OSError:
                continue
        return left

    def nothing_left(self):
        expect(kernel.wait_until(lambda: not self.collectors(), 10), "collectors still run: %s", self.collectors())
        if self.user:
            expect(kernel.wait_until(lambda: not self.of_user(), 5), "left behind: %s", self.of_user())
        hidden = [n for n in os.listdir(self.folder) if not n.endswith(".dmp")]
        expect(not hidden, "half-written files: %s", hidden)


def is_dump(path):
    with open(path, "rb") as f:
        return f.read(4) == b"MDMP"


def died(end, number, what="", within=DEADLINE):
    """The promise that holds whatever else fails: its own signal, in time."""
    expect(end.status == -number, "%s: status %d, not signal %d; it said: %s", what, end.status, number,
           end.said.strip()[:200])
    expect(end.seconds < within, "%s: took %.1f s", what, end.seconds)


def signalled(here, path, commands=".ecxr; .exr -1; k"):
    done = subprocess.run([here.context.tree.debugger, "-z", path, "-c", commands + "; q"], capture_output=True, text=True,
                          errors="replace", timeout=30, check=False, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, DEBUGINFOD_URLS="", LC_ALL="C.UTF-8"))
    expect(done.returncode == 0, "inquest -z: %s", (done.stdout + done.stderr)[-200:])
    return done.stdout


def frame_names(text):
    return re.findall(r"!([A-Za-z_][\w:~]*)", text)


SEGV, ABRT, ILL, SYS = signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGSYS
