# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crashing program may be like, and the stub's promise for each: it dies of its own signal, in time, with
nothing of ours left behind; and where a dump is possible, there is one.

B numbers are those of the robustness cases that the trials stand for.
"""
import os
import random
import resource
import signal
import subprocess
import time

import crashes
import kernel
import lab
from stub_lab import ABRT, ILL, SEGV, SYS, StubLab, died, is_dump, signalled
from trial import Skip, collecting, expect, trial

# mode, argument, letters of INQUEST or None where the program installs the stub itself, signal, dumps (None: as it may
# be), B number. Without a dump, the kernel's handler has the crash.
CASES = (
    ("plain", "", "m", SEGV, 1, "B1"),
    ("trapped-call", "", "m", SYS, 1, "B4"),
    ("queue-itself", "", "m", signal.SIGBUS, 1, "B5"),
    ("small-altstack", "", "m", SEGV, 1, "B6"),
    ("coroutine", "", "m", SEGV, 1, "B6"),
    ("no-guard", "", "m", SEGV, None, "B6"),
    ("no-altstack", "", "m", SEGV, 0, "B6"),
    ("altstack-overflow", "", None, SEGV, 0, "B6"),
    ("jump", "7fffffffeffe", "m", SEGV, 1, "B7"),
    ("jump", "ffffffffffffffff", "m", SEGV, 1, "B7"),
    ("stack-odd", "", "m", SEGV, 1, "B8"),
    ("stack-in-heap", "", "m", SEGV, 1, "B8"),
    ("read", "10", "m", SEGV, 1, "B9"),
    ("read", "7ffffffff000", "m", SEGV, 1, "B9"),
    ("between", "", "m", SEGV, 1, "B9"),
    ("guard", "", "m", SEGV, 1, "B9"),
    ("malloc-lock", "", "m", ABRT, 1, "B10"),
    ("at-exit", "", "m", SEGV, 1, "B10"),
    ("in-loader", "", "m", SEGV, 1, "B10"),
    ("load", "{c}/plugin-constructor.so", "m", SEGV, 1, "B10"),
    ("load", "{c}/plugin-ifunc.so", "m", SEGV, 1, "B10"),
    ("in-fork-handler", "", "m", SEGV, 1, "B10"),
    ("in-thread-exit", "", "m", SEGV, 1, "B10"),
    ("no-thread-pointer", "", "m", SEGV, 1, "B11"),
    ("floating-point", "", "m", SEGV, 1, "B11"),
    ("flags", "", "m", ILL, 1, "B3,B11"),
    ("before-crashes", "", None, SEGV, 0, "B12"),
    ("forgets-siginfo", "", "m", SEGV, 1, "B12"),
    ("profiled", "", "m", SEGV, 1, "B12"),
    ("blocked", "", "m", SEGV, 0, "B12"),
    ("ignored", "", "m", SEGV, 0, "B12"),
    ("mended", "", None, SEGV, 1, "B13"),
    ("before-resets", "", None, SEGV, 1, "B13"),
    ("before-once", "", None, SEGV, 1, "B13"),
    ("before-nodefer", "", None, SEGV, 0, "B13"),
    ("before-aborts", "", None, ABRT, 1, "B13"),
    ("before-spins", "", None, SEGV, 1, "B13"),
    ("after-chains", "", "m", SEGV, 1, "B13"),
    ("memfd", "", "m", SEGV, 1, "B14"),
    ("many-crash", "16", "m", SEGV, 1, "B17"),
    ("churn", "", "m", SEGV, 1, "B18"),
    ("vfork-waiter", "", "m", SEGV, 1, "B18"),
    ("io-uring", "", "m", SEGV, 1, "B18"),
    ("leader-gone", "", "m", SEGV, 1, "B19"),
    ("vfork", "", "m", SEGV, 2, "B20"),
    ("clone-vm", "", "m", SEGV, 2, "B21"),
    ("early", "", "m", SEGV, 0, "B22"),
    ("reaper", "", "m", SEGV, 1, "B24"),
    ("ignores-children", "", "m", SEGV, 1, "B24"),
    ("all-descriptors", "", "m", SEGV, 1, "B29"),
    ("sparse", "", "m", SEGV, 1, "B33"),
    ("sparse", "", "mA", SEGV, 1, "B33"),
    ("all-mappings", "", "m", SEGV, 1, "B33"),
    ("deep-stack", "", "m", SEGV, 1, "B33"),
    ("huge-pages", "", "mw", SEGV, 1, "B33"),
    ("truncated-file", "", "mA", SEGV, 1, "B33"),
    ("sibling-maps", "", "mA", SEGV, 1, "B34"),
    ("dump-and-crash", "30000", "m", SEGV, None, "B37"),
)
# Modes of crashme that die of themselves with the stub preloaded.
OTHERS = (("overflow", SEGV, 1, "B6"), ("overflow-thread", SEGV, 1, "B6"), ("call-null", SEGV, 1, "B7"),
          ("rsp-null", SEGV, 1, "B8"), ("rsp-wild", signal.SIGBUS, 1, "B8"), ("read-wild", SEGV, 1, "B2"),
          ("double-free", ABRT, 1, "B4"), ("trap", signal.SIGTRAP, 1, "B4"), ("fpe", signal.SIGFPE, 1, "B4"),
          ("bus", signal.SIGBUS, 1, "B3"), ("in-handler", SEGV, 1, "B12"), ("many-maps", SEGV, 1, "B33"),
          ("undumpable", SEGV, 0, "B28"))


def hold_case(here, what, argv, letters, number, dumps):
    """It dies of its own signal in time, and leaves that many dumps."""
    end = here.crash(argv, letters=letters, dumps=dumps, seconds=15)
    died(end, number, what, 12)
    expect(dumps is None or len(end.dumps) == dumps, "%s: %d dumps, not %s; it said: %s", what, len(end.dumps), dumps,
           end.said.strip()[:200])
    for path in end.dumps:
        expect(is_dump(path), "%s: '%s' is no minidump", what, path)
        os.unlink(path)


def register_case(name, argv, letters, number, dumps):
    @trial("stub.robust." + name)
    def run(context):
        with StubLab(context) as here:
            words = [here.program(argv[0]), *(word.replace("{c}", here.crashers) for word in argv[1:])]
            if letters:    # without the stub first: that status is what must be seen
                bare = here.crash(words, letters=None, preload=False, dumps=0, seconds=15)
                expect(bare.status == -number, "without the stub it ends with %d: %s", bare.status, bare.said)
            hold_case(here, name, words, letters, number, dumps)


def case_name(row, rows):
    """The mode, with what tells rows of one mode apart."""
    mode, argument, letters, *_ = row
    alike = [r for r in rows if r[0] == mode]
    more = [] if len(alike) == 1 else [argument.rpartition("/")[2] or letters]
    return ".".join([row[-1], "-".join([mode, *more])])


for _row in CASES:
    register_case(case_name(_row, CASES), ["stubbed", _row[0]] + ([_row[1]] if _row[1] else []), *_row[2:5])
for _mode, _number, _dumps, _b in OTHERS:
    register_case("%s.%s" % (_b, _mode), ["crashme", _mode], "m", _number, _dumps)


@trial("stub.robust.B17.two-at-once-many-times")
def two_at_once(context):
    rounds = int(os.environ.get("TRIALS_ROUNDS", "50"))
    with StubLab(context) as here:
        for i in range(rounds):
            hold_case(here, "round %d" % i, [here.program(), "many-crash", "2"], "m", SEGV, 1)


@trial("stub.robust.B21.fork-child")
def fork_child(context):
    with StubLab(context) as here:
        end = here.crash([here.program(), "fork"])
        expect(end.status == 0 and "child 11" in end.output, "the parent saw '%s', ended with %d", end.output, end.status)
        expect(len(end.dumps) == 1, "%d dumps of the child", len(end.dumps))


@trial("stub.robust.B16.ten-thousand-threads")
def ten_thousand_threads(context):
    """As many as this machine lets us have."""
    with StubLab(context) as here:
        before = here.dumps()
        process = here.start([here.program(), "threads", "10000"])
        made = int(process.stdout.readline())
        start = time.monotonic()
        end = here.finish(process, 30, before=before, since=start)
        died(end, SEGV, "%d threads" % made, 30)
        expect(made > 900, "only %d threads could be made", made)
        expect(end.dumps, "no dump of %d threads: %s", made, end.said)
        told = signalled(here, end.dump, "~")
        seen = told.count("Id: ")
        expect(seen == made + 1, "%d threads were made, the dump has %d", made + 1, seen)


def refuse(numbers, action):
    return "%s:%s" % (action, ",".join(map(str, numbers)))


CLONE, EXECVE, PIDFD, PRCTL, FUTEX, POLL, EVENTFD, WAITID, SIGQUEUE, SIGACTION, GETTID, GETPID, CLOCK, TGKILL = (
    56, 59, 434, 157, 202, 7, 290, 247, 297, 13, 186, 39, 228, 234)


@trial("stub.robust.B27.seccomp-refuses")
def seccomp_refuses(context):
    """A filter answers by an errno or a trap; without a call the stub has another way, or dies at once."""
    rows = [(numbers, action) for action in ("38", "1", "trap")
            for numbers in ((CLONE,), (EXECVE,), (EVENTFD,), (PRCTL,), (POLL,), (WAITID,), (SIGQUEUE,), (TGKILL, SIGQUEUE),
                            (CLONE, EXECVE, EVENTFD, FUTEX, POLL, WAITID, CLOCK))]
    # SIGSYS cannot be caught where handlers may not be looked at or set; the fault still ends the process.
    rows += [((SIGACTION, SIGQUEUE), "1"), ((GETTID, GETPID), "38")]
    with StubLab(context) as here, collecting() as wrong:
        for numbers, action in rows:
            what = refuse(numbers, action)
            end = here.crash([here.program(), "seccomp", what], dumps=0, seconds=12)
            if end.status != -SEGV:
                wrong.append("%s: status %d" % (what, end.status))
            elif end.seconds > 7:
                wrong.append("%s: took %.1f s" % (what, end.seconds))
        end = here.crash([here.program(), "seccomp", refuse((EVENTFD,), "38")])
        if not end.dumps:
            wrong.append("no dump without eventfd: %s" % end.said)


@trial("stub.robust.B27.seccomp-kills-the-child")
def seccomp_kills_child(context):
    """execve is the child's call: what a filter does to it for that is not done to the process."""
    with StubLab(context) as here:
        end = here.crash([here.program(), "seccomp", refuse((EXECVE,), "kill")], dumps=0)
        died(end, SEGV, "killed for execve")


@trial("stub.robust.B28.no-collector")
def no_collector(context):
    """Missing, not executable, nothing but text: the process dies at once."""
    with StubLab(context) as here:
        collector = here.tree.collector
        aside = collector + ".aside"
        os.rename(collector, aside)
        try:
            died(here.crash([here.program(), "plain"], dumps=0), SEGV, "missing", 2)
            with open(collector, "w", encoding="ascii") as f:
                f.write("no program\n")
            os.chmod(collector, 0o644)
            died(here.crash([here.program(), "plain"], dumps=0), SEGV, "not executable", 2)
            os.chmod(collector, 0o755)
            died(here.crash([here.program(), "plain"], dumps=0), SEGV, "no program", 2)
        finally:
            os.replace(aside, collector)


@trial("stub.robust.B25.collector-killed")
def collector_killed(context):
    """By the user, at random moments: the process dies of its own signal all the same, and no file is left half."""
    with StubLab(context) as here:
        for _ in range(int(os.environ.get("TRIALS_ROUNDS", "30"))):
            before = here.dumps()
            start = time.monotonic()
            process = here.start([here.program(), "many-crash", "4"])
            end_at = start + 5
            found = []
            while process.poll() is None and time.monotonic() < end_at and not found:
                found = here.collectors()
            time.sleep(random.random() * 0.012)
            for pid in found[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            end = here.finish(process, before=before, dumps=0, since=start)
            died(end, SEGV, "collector killed")
            for path in end.dumps:
                expect(is_dump(path), "'%s' is no minidump", path)


@trial("stub.robust.B25.collector-stopped")
def collector_stopped(context):
    """A stopped collector costs the deadline, no more."""
    with StubLab(context) as here:
        start = time.monotonic()
        process = here.start([here.program(), "threads", "300"])
        found = kernel.wait_until(here.collectors, 5, 0.0005)
        for pid in found:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
        try:
            end_status = process.wait(12)
        finally:
            for pid in here.collectors():
                os.kill(pid, signal.SIGKILL)
        expect(end_status == -SEGV, "status %d", end_status)
        expect(time.monotonic() - start < 9, "took %.1f s", time.monotonic() - start)
        process.stdout.close()
        process.stderr.close()


def traced(context, argv_of):
    with StubLab(context) as here:
        process = here.start([here.program(), "sleep"])
        process.stdout.readline()
        tracer = subprocess.Popen(argv_of(process.pid), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            expect(kernel.wait_until(lambda: lab.status_field(process.pid, "TracerPid") == [str(tracer.pid)], 10),
                   "the tracer did not attach")
            time.sleep(0.1)
            os.kill(process.pid, signal.SIGSEGV)
            end = here.finish(process, 12)
        finally:
            tracer.kill()
            tracer.wait()
        died(end, SEGV, "traced", 10)
        expect(end.dumps, "no dump of a traced process: %s", end.said)


@trial("stub.robust.B23.strace-attached")
def strace_attached(context):
    if not crashes.shutil.which("strace"):
        raise Skip("no strace here")
    traced(context, lambda pid: ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)])


@trial("stub.robust.B23.gdb-attached")
def gdb_attached(context):
    if not crashes.shutil.which("gdb"):
        raise Skip("no gdb here")
    traced(context, lambda pid: ["gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", str(pid),
                                 "-ex", "handle SIGSEGV nostop noprint pass", "-ex", "continue"])


@trial("stub.robust.B5.sent-by-others")
def sent_by_others(context):
    """The sender is kept; and nobody may trace the process on account of a signal that somebody sent."""
    with StubLab(context) as here:
        process = here.start([here.program(), "sleep"])
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSEGV)
        end = here.finish(process)
        died(end, SEGV, "sent by root")
        expect(end.dumps, "no dump: %s", end.said)
        told = signalled(here, end.dump, ".exr -1")
        expect("%016x" % os.getpid() in told, "the sender, process %d, is not told: %s", os.getpid(), told[-400:])


@trial("stub.robust.B32.stopped-process")
def stopped_process(context):
    with StubLab(context) as here:
        process = here.start([here.program(), "sleep"])
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGSEGV)
        time.sleep(0.2)
        expect(process.poll() is None, "it did not stay stopped")
        os.kill(process.pid, signal.SIGCONT)
        end = here.finish(process)
        died(end, SEGV, "stopped, hit, thawed")
        expect(end.dumps, "no dump: %s", end.said)


LIMITS = (("AS", resource.RLIMIT_AS, 64 << 20), ("FSIZE", resource.RLIMIT_FSIZE, 0), ("CPU", resource.RLIMIT_CPU, 2),
          ("STACK", resource.RLIMIT_STACK, 256 << 10), ("DATA", resource.RLIMIT_DATA, 8 << 20),
          ("NOFILE", resource.RLIMIT_NOFILE, 8))
CAP_SYS_RESOURCE = 24


@trial("stub.robust.B30.hostile-limits")
def hostile_limits(context):
    """Limits of the process, soft, are not the collector's; hard ones cost the dump at most."""
    with StubLab(context) as here, collecting() as wrong:
        may_raise = int(lab.status_field("self", "CapEff")[0], 16) >> CAP_SYS_RESOURCE & 1
        for name, number, value in LIMITS:
            hard = resource.getrlimit(number)[1]
            for limit in ((value, hard), (value, value)):
                end = here.crash([here.program(), "plain"], dumps=0, spool=False,
                                 before=lambda n=number, l=limit: resource.setrlimit(n, l))
                if end.status != -SEGV or end.seconds > 7:
                    wrong.append("%s %s: status %d in %.1f s" % (name, limit, end.status, end.seconds))
                elif not end.dumps and (may_raise or limit[1] != value):
                    wrong.append("%s %s: no dump: %s" % (name, limit, end.said.strip()))


@trial("stub.robust.B29.no-more-processes")
def no_more_processes(context):
    with StubLab(context) as here:
        end = here.crash([here.program(), "plain"], dumps=0,
                         before=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
        died(end, SEGV, "RLIMIT_NPROC", 3)


@trial("stub.robust.B37.on-demand")
def on_demand(context):
    """Again and again: nothing grows, nothing is changed, no zombie."""
    rounds = int(os.environ.get("TRIALS_ROUNDS", "100"))
    with StubLab(context) as here:
        end = here.crash([here.program(), "dump-now", str(rounds)], seconds=120, dumps=1)
        expect(end.status == 0, "status %d: %s", end.status, end.said)
        words = dict(zip(end.output.split()[::2], end.output.split()[1::2]))
        expect([words.get(k) for k in ("bad", "fds", "mask", "zombies", "dumpable")] == ["0", "0", "0", "0", "1"],
               "after %d dumps: %s; %s", rounds, end.output.strip(), end.said.strip()[:200])
        expect(int(words["grown"]) < 256, "it grew by %s KiB", words["grown"])


@trial("stub.robust.B10.unloaded-library")
def load_and_unload(context):
    """dlopen and dlclose of the stub: it stays where the signals go."""
    with StubLab(context) as here:
        end = here.crash([here.program(), "load-and-unload", here.tree.stub],
                         environment=here.environment(preload=False))
        died(end, SEGV, "dlclose of the stub")
        expect(end.dumps, "no dump: %s", end.said)


@trial("stub.robust.static")
def static_program(context):
    """The archive, with pthread_create wrapped."""
    with StubLab(context) as here:
        for argv in (["plain"], ["many-crash", "3"], ["small-altstack"], ["threads", "50"], ["annotate"]):
            end = here.crash([here.program("stubbed-static"), *argv], environment=here.environment(preload=False))
            died(end, SEGV, "static %s" % argv)
            expect(len(end.dumps) == 1, "static %s: %d dumps: %s", argv, len(end.dumps), end.said)


@trial("stub.robust.off")
def off(context):
    """Unset, 0, or wrong: nothing is taken; wrong is told once, at start."""
    with StubLab(context) as here:
        for letters in (None, "0", ""):
            end = here.crash([here.program(), "plain"], letters=letters, dumps=0)
            expect(end.status == -SEGV and not end.dumps and not end.said, "'%s': %s", letters, end)
        for letters in ("x", "mq", "m,quick", "mm", "M"):
            end = here.crash([here.program(), "plain"], letters=letters, dumps=0)
            expect(end.status == -SEGV and not end.dumps and "INQUEST" in end.said, "'%s': %s", letters, end)
