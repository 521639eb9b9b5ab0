# SPDX-License-Identifier: GPL-3.0-or-later
"""A running process that is looked at and let go: nothing of it is different afterwards, and it never notices."""
import contextlib
import json
import os
import signal
import subprocess
import time

import crashes
import kernel
from matrix_trials import inquest
from trial import Skip, collecting, expect, trial

# Of /proc/PID/task/TID/status: what must be as it was.
KEPT = ("State", "TracerPid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Threads", "NoNewPrivs", "Seccomp",
        "Cpus_allowed", "CapEff", "Uid", "FDSize")


class Waiters:
    """waiters, each of its threads in another call."""

    def __init__(self, context, *words):
        lost = context.tree.missing("inquest")
        if lost:
            raise Skip(lost)
        self.process = subprocess.Popen([os.path.join(context.shared_folder(), "crashers/waiters"), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, cwd="/", preexec_fn=crashes.allow_cores, start_new_session=True)
        self.pid = self.process.pid
        expect(self.process.stdout.readline() == "ready\n", "waiters did not start")

    def threads(self):
        return sorted(int(t) for t in os.listdir("/proc/%d/task" % self.pid))

    def status(self):
        """{tid: {field: value}} of what must not change, and the process's children."""
        found = {}
        for tid in self.threads():
            with open("/proc/%d/task/%d/status" % (self.pid, tid), encoding="utf-8") as f:
                fields = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
            found[tid] = {k: fields[k] for k in KEPT}
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid), encoding="ascii") as f:
            found["children"] = f.read()
        return found

    def rests(self, states):
        return kernel.wait_until(lambda: all(s["State"] in states for t, s in self.status().items() if t != "children"),
                                 5)

    def disturbed(self):
        """What returned although nothing happened; at the end of a little while."""
        time.sleep(0.15)
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write("end\n")
            self.process.stdin.flush()
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def waiters(context, *words):
    one = Waiters(context, *words)
    try:
        yield one
    finally:
        one.end()


def differences(before, after, what):
    if set(before) != set(after):
        return ["%s: threads %s" % (what, set(before) ^ set(after))]
    wrong = []
    for tid, fields in before.items():
        if fields != after[tid]:
            changed = fields if tid == "children" else {k: (v, after[tid][k]) for k, v in fields.items()
                                                        if v != after[tid][k]}
            wrong.append("%s: %s: %s" % (what, tid, changed))
    return wrong


def dump_of(context, one, *more, command=".dump /o /m %s"):
    path = os.path.join(context.folder, "live.dmp")
    inquest(context, "-p", str(one.pid), *more, "-c", (command % path if "%s" in command else command) + "; q")


SLEEPING = ("S (sleeping)",)
ROADS = ((), ("--no-snapshot",), ("--snapshot",))


@trial("live.nobody-notices")
def nobody_notices(context):
    """Masks, pending signals, timers, children; and no call of any thread returns, with EINTR or otherwise."""
    with waiters(context) as one, collecting() as wrong:
        one.rests(SLEEPING)
        before = one.status()
        for more in ROADS:
            for command in (".dump /o /m %s", ".dump /o /mAy %s", "~*k; !handle -a; !runaway; r; rY"):
                dump_of(context, one, *more, command=command)
                one.rests(SLEEPING)
                wrong += differences(before, one.status(), "%s %s" % (command, more))
        told = one.disturbed()
        if told:
            wrong.append("disturbed: %s" % told)


@trial("live.a-debugger-that-is-killed")
def killed(context):
    """With the process in its hands: it goes on as it was all the same."""
    with waiters(context) as one, collecting() as wrong:
        one.rests(SLEEPING)
        before = one.status()
        debugger = subprocess.Popen([context.tree.debugger, "-p", str(one.pid), "--no-snapshot"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        debugger.stdout.readline()    # it has it, and waits for commands
        held = one.rests(("t (tracing stop)",))
        os.killpg(debugger.pid, signal.SIGKILL)
        debugger.wait()
        debugger.stdin.close()
        debugger.stdout.close()
        expect(held, "inquest did not stop the process")
        one.rests(SLEEPING)
        wrong += differences(before, one.status(), "killed debugger")
        told = one.disturbed()
        if told:
            wrong.append("disturbed: %s" % told)


@trial("live.stopped-stays-stopped")
def stopped(context):
    with waiters(context) as one, collecting() as wrong:
        os.kill(one.pid, signal.SIGSTOP)
        expect(one.rests(("T (stopped)",)), "SIGSTOP did not stop it")
        before = one.status()
        for more in ROADS:
            dump_of(context, one, *more)
            one.rests(("T (stopped)",))
            wrong += differences(before, one.status(), "stopped %s" % (more,))
        os.kill(one.pid, signal.SIGCONT)
        expect(one.rests(SLEEPING), "it does not go on")
        one.disturbed()    # a stop and SIGCONT end some calls by themselves (signal(7))


@trial("live.traced-by-another")
def traced(context):
    """Refused, in words; the other tracer keeps it."""
    with waiters(context) as one:
        tracer = subprocess.Popen(["strace", "-qq", "-f", "-o", "/dev/null", "-p", str(one.pid)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            by = lambda: {s["TracerPid"] for t, s in one.status().items() if t != "children"}
            expect(kernel.wait_until(lambda: by() == {str(tracer.pid)}, 5), "strace does not trace it")
            done = inquest(context, "-p", str(one.pid), "-c", "r; q", status=1)
            expect("traced by process %d" % tracer.pid in done.stderr, "it says: %s", done.stderr)
            expect(by() == {str(tracer.pid)}, "strace lost threads")
        finally:
            tracer.terminate()
            tracer.wait()
        expect(kernel.wait_until(lambda: by() == {"0"}, 5), "somebody traces it still")


@trial("live.parent-of-vfork")
def vfork_parent(context):
    """It waits where nothing interrupts it: a dump within the deadline, and it still waits."""
    with waiters(context, "vfork") as one:
        state = lambda: one.status()[one.pid]["State"]
        expect(kernel.wait_until(lambda: state().startswith("D"), 5), "the parent of vfork is in %s", state())
        start = time.monotonic()
        path = os.path.join(context.folder, "vfork.dmp")
        done = subprocess.run([context.tree.debugger, "-p", str(one.pid), "-c", ".dump /o /m %s; q" % path],
                              capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
        expect(time.monotonic() - start < 6, "it took %.1f s", time.monotonic() - start)
        expect(done.returncode in (0, 1) and (done.returncode == 0 or done.stderr), "status %d", done.returncode)
        expect(state().startswith("D") and one.status()[one.pid]["TracerPid"] == "0", "afterwards: %s", one.status())
        for child in one.status()["children"].split():
            os.kill(int(child), signal.SIGKILL)
        expect(one.process.wait(5) == 0, "it did not go on")


@trial("live.thousand-threads")
def thousand(context):
    with waiters(context, "1000") as one, collecting() as wrong:
        one.rests(SLEEPING)
        before = one.status()
        for more in ROADS[:2]:
            dump_of(context, one, *more)
            one.rests(SLEEPING)
            wrong += differences(before, one.status(), "1,000 threads %s" % (more,))
        told = one.disturbed()
        if told:
            wrong.append("disturbed: %s" % told)
