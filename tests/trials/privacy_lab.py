# SPDX-License-Identifier: GPL-3.0-or-later
"""The roads to a filtered dump: each lets secretful die (or wait) and gives what was written.

A road's take() gives Taken: the filtered dump, an unfiltered one, and the list of the secrets of each. Where both are
of the same process the lists are one; else the unfiltered dump is of an earlier run of the same case, kept.
"""
import collections
import os
import shutil
import subprocess
import tempfile

import crashes
import kernel
import lab
from trial import Failure, Skip, expect

DEADLINE = 10
SYSCALL_PAUSE = "34 "
Taken = collections.namedtuple("Taken", "filtered secrets whole whole_secrets")
# Those that end in the crash itself, and not where `+wait` could wait.
NO_WAIT = {"leaf", "wild", "bare", "tail", "queued", "abort", "uncaught"}


def plain(letters):
    """The same dump, not filtered."""
    return letters.replace("r", "").replace("R", "")


def all_cases(crashers):
    done = subprocess.run([os.path.join(crashers, "secretful")], capture_output=True, text=True, check=True)
    return done.stdout.split()


class Road:
    """Use with `with`, more than once if need be: inside, the machine's settings may be held. Every taking has a folder
    of its own, and forget() removes what is no longer needed; close() removes the rest."""
    name = None
    deadline = DEADLINE

    def __init__(self, context, where=None):
        self.context, self.tree = context, where or context.tree
        self.folder = tempfile.mkdtemp(prefix="privacy.", dir=context.folder)
        os.chmod(self.folder, 0o755)
        self.program = os.path.join(context.crashers, "secretful")
        self.wholes = {}
        if self.tree.missing("inquest"):
            raise Skip(self.tree.missing("inquest"))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        pass

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def cases(self):
        return all_cases(self.context.crashers)

    def place(self):
        return tempfile.mkdtemp(dir=self.folder)

    def forget(self, taken):
        for path in {taken.filtered} | ({taken.whole} if taken.whole_secrets == taken.secrets else set()):
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)

    def take(self, case, letters):
        """Of two crashes, for roads where a process dies only once."""
        whole = self.wholes.get((case, plain(letters)))
        if not whole:
            whole = self.wholes[case, plain(letters)] = self.crash(case, plain(letters))
        return Taken(*self.crash(case, letters), *whole)

    def crash(self, case, letters):
        raise NotImplementedError

    def debugger(self, target, commands):
        done = subprocess.run([self.tree.debugger, *target, "-c", "; ".join(commands)], capture_output=True,
                              text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=120, check=False,
                              env=dict(os.environ, DEBUGINFOD_URLS="", LC_ALL="C.UTF-8"))
        return done.returncode, done.stdout + done.stderr

    def both(self, target, letters, folder, secrets):
        """The filtered dump first: nothing that the other leaves behind helps it."""
        filtered, whole = os.path.join(folder, "filtered.dmp"), os.path.join(folder, "whole.dmp")
        _code, said = self.debugger(target, [".dump /%s %s" % (letters, filtered), ".dump /%s %s" % (plain(letters), whole), "qd"])
        expect(os.path.exists(filtered) and os.path.exists(whole), "%s: no dump: %s", target, said[-300:])
        return Taken(filtered, secrets, whole, secrets)


class Stub(Road):
    name = "stub"

    def __init__(self, context, where=None):
        super().__init__(context, where)
        if not self.tree.stub or not self.tree.collector:
            raise Skip("the stub is not installed")

    def crash(self, case, letters):
        folder = self.place()
        secrets = os.path.join(folder, "secrets")
        environment = dict(os.environ, INQUEST=letters, INQUEST_DIR=folder, LD_PRELOAD=self.tree.stub)
        subprocess.run([self.program, case, secrets], env=environment, stdin=subprocess.DEVNULL, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        dumps = lambda: [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".dmp")]
        found = kernel.wait_until(dumps, self.deadline)
        expect(found, "%s, %s: no dump", case, letters)
        return found[0], secrets


class Kernel(Road):
    """The letters are the settings file's; what it held before is put back."""
    name = "kernel"

    def __init__(self, context, where=None):
        super().__init__(context, where)
        self.lab = lab.Lab(context, where)
        self.saved = None

    def __enter__(self):
        if os.path.exists(self.tree.config):
            with open(self.tree.config, "rb") as f:
                self.saved = f.read()
        self.lab.__enter__()
        return self

    def __exit__(self, *what):
        self.lab.__exit__(*what)
        if self.saved is None:
            if os.path.exists(self.tree.config):
                os.unlink(self.tree.config)
        else:
            self.write(self.saved)

    def write(self, data):
        with open(self.tree.config, "wb") as f:
            f.write(data)

    def crash(self, case, letters, again=2):
        self.write(b"dump = %s\n" % letters.encode())
        secrets = os.path.join(self.place(), "secrets")
        process = self.lab.start([self.lab.program("secretful"), case, secrets])
        process.wait(20)
        # Its own: on a busy machine other programs crash as well.
        dumps = lambda: [d for d in self.tree.dumps() if ".%d." % process.pid in os.path.basename(d)]
        found = kernel.wait_until(dumps, self.deadline)
        if not found and again and kernel.get(kernel.PATTERN) != self.context.pattern_of(self.tree):
            # Somebody else's, who asked for no lock.
            kernel.put(kernel.PATTERN, self.context.pattern_of(self.tree))
            return self.crash(case, letters, again - 1)
        expect(found, "%s, %s: no dump; core_pattern is '%s'", case, letters, kernel.get(kernel.PATTERN))
        return shutil.move(found[0], os.path.dirname(secrets)), secrets


class Core(Road):
    """A plain core of the kernel's, made into a dump."""
    name = "core"

    def __enter__(self):
        if self.context.no_crashes:
            raise Skip(self.context.no_crashes)
        self.settings = kernel.crash_settings(pattern=os.path.join(self.folder, "core.%P"), pipe_limit=0,
                                              suid_dumpable=0)
        self.settings.__enter__()
        return self

    def __exit__(self, *what):
        self.settings.__exit__(*what)

    def take(self, case, letters):
        folder = self.place()
        secrets = os.path.join(folder, "secrets")
        process = subprocess.Popen([self.program, case, secrets], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=crashes.allow_cores)
        process.wait(60)
        core = os.path.join(self.folder, "core.%d" % process.pid)
        expect(os.path.exists(core), "%s: no core", case)
        try:
            return self.both(["-z", core], letters, folder, secrets)
        finally:
            os.unlink(core)


class Live(Road):
    """A process that goes on living."""
    name = "live"

    def cases(self):
        return [case for case in super().cases() if case not in NO_WAIT]

    def take(self, case, letters):
        folder = self.place()
        secrets = os.path.join(folder, "secrets")
        process = subprocess.Popen([self.program, case + "+wait", secrets], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            expect(kernel.wait_until(lambda: self.rests(process.pid), DEADLINE), "%s: it does not wait", case)
            return self.both(["-p", str(process.pid)], letters, folder, secrets)
        finally:
            process.kill()
            process.wait()

    @staticmethod
    def rests(pid):
        """All of its threads pause; the last that started is the main one, or the one it waits for."""
        waiting = 0
        try:
            for tid in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/syscall" % (pid, tid), encoding="ascii") as f:
                    waiting += f.read().startswith(SYSCALL_PAUSE)
        except OSError:
            return False
        return waiting >= 3


class Scrub(Stub):
    """A dump that is already there, cleaned."""
    name = "scrub"

    def take(self, case, letters):
        whole, secrets = self.crash(case, plain(letters))
        clean = whole + ".clean"
        done = subprocess.run([self.tree.debugger, "scrub", "--strict", whole, clean], capture_output=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Failure("%s: inquest scrub: %s" % (case, done.stderr[-200:]))
        return Taken(clean, secrets, whole, secrets)


ROADS = (Stub, Kernel, Live, Core, Scrub)
