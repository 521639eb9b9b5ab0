# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix: every letter of .dump, alone and combined, of every kind of target, against independent sources.

One process serves for many letters: it rests, so that what others read of it before is what a dump must hold.
$MATRIX=full tries every combination on every road; else the slow roads (one crash a dump) try some.
"""
import contextlib
import json
import os
import resource
import shutil
import signal
import struct
import subprocess

import crashes
import elfcore
import judges
import kernel
import matrix_checks as checks
import matrix_table as table
import minidump
import process_truth
from trial import Skip, collecting, expect, trial

FULL = os.environ.get("MATRIX") == "full"


def small_stacks():
    """Threads get stacks of that size, and all memory is compared, again and again."""
    crashes.allow_cores()
    resource.setrlimit(resource.RLIMIT_STACK, (512 << 10, resource.RLIM_INFINITY))


class Victim:
    """plenty, resting."""

    def __init__(self, context, *words, stub=False, letters="m", **options):
        lost = context.tree.missing("inquest") or stub and not context.tree.stub and "no stub"
        if lost:
            raise Skip(lost)
        environment = dict(os.environ, **options.pop("env", {}))
        self.has_stub = stub
        if stub:
            environment.update(LD_PRELOAD=context.tree.stub)
        if letters:
            environment.update(INQUEST=letters)
        self.process = subprocess.Popen([os.path.join(context.shared_folder(), "crashers/plenty"), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=environment, preexec_fn=small_stacks, cwd="/", **options)
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        expect(line, "plenty did not start")
        self.facts = json.loads(line)

    def truth(self):
        truth = process_truth.Truth(self.pid)
        truth.rseq_offset, truth.has_stub = self.facts["rseq"], self.has_stub
        truth.seen_by_lsof, truth.seen_by_ss = truth.open_files(), truth.sockets()
        return truth

    def order(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def victim(context, *words, **options):
    one = Victim(context, *words, **options)
    try:
        yield one
    finally:
        one.end()


def inquest(context, *words, status=0, seconds=60):
    done = subprocess.run([context.tree.debugger, *words], capture_output=True, text=True, errors="replace",
                          timeout=seconds, check=False, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, DEBUGINFOD_URLS="", LC_ALL="C.UTF-8"))
    expect(status is None or done.returncode == status, "inquest %s: status %d: %s", " ".join(words), done.returncode,
           (done.stderr or done.stdout)[-300:])
    return done


def folder_of(context, name):
    path = os.path.join(context.folder, "matrix-" + name)
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def opened(path):
    dump = minidump.Dump(path)
    try:
        yield dump
    finally:
        dump.close()


def check(path, run, truth, by_gdb=None, lacks=(), dead=False):
    """Differences of one dump."""
    with opened(path) as dump:
        truth.rseq = [t.teb + truth.rseq_offset for t in dump.threads()]
        wrong = table.directory(dump, run, lacks, dead) + checks.contents(dump, truth, run)
        return wrong + (checks.registers(dump, truth, run, by_gdb) if by_gdb else [])


# --- dying --------------------------------------------------------------------------------------

# Of one crash each; all of RUNS with $MATRIX=full.
CRASH_RUNS = table.RUNS if FULL else ("m", "ma", "mcdip", "mRtuFhy", "mrRhtu", "mw", "mk")


class Crashes:
    """Crashes of plenty whose core goes to inquest-core and to a file: both show the same moment. The letters are the
    settings file's, which is put back."""

    def __init__(self, context):
        lost = context.no_crashes or context.tree.missing("inquest-core", "inquest-register", "inquest")
        if lost:
            raise Skip(lost)
        self.context, self.config = context, context.tree.config
        folder = os.path.join(context.folder, "matrix-scene")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            context.kept["matrix-scene"] = crashes.Scene(folder, context.crashers, context.coretee, context.tree)
        self.scene = context.kept["matrix-scene"]

    def __enter__(self):
        self.before = None
        if os.path.exists(self.config):
            with open(self.config, "rb") as f:
                self.before = f.read()
        self.settings = kernel.crash_settings(pattern=self.scene.pattern, pipe_limit=16, suid_dumpable=2)
        self.settings.__enter__()
        return self

    def __exit__(self, *what):
        self.settings.__exit__(*what)
        if self.before is None:
            os.unlink(self.config)
        else:
            self.write(self.before)

    def write(self, data):
        with open(self.config, "wb") as f:
            f.write(data)

    def crash(self, run, word="crash", **options):
        """(truth, core, dump) of one that died; files are the caller's to remove."""
        self.write(b"dump = %s\n" % run.encode())
        dumps = self.context.tree.dumps()
        with victim(self.context, letters=None, **options) as process:
            truth = process.truth()
            process.order(word)
            expect(process.process.wait(30) == -signal.SIGSEGV, "plenty did not die of SIGSEGV")
        # Others may crash meanwhile, and go the same road.
        status = os.path.join(self.scene.folder, "status.%d" % truth.pid)
        expect(kernel.wait_until(lambda: os.path.exists(status), 20),
               "/%s: the kernel sent no core (core_pattern is %s)", run, kernel.get(kernel.PATTERN))
        with open(status, encoding="ascii") as f:
            ended = int(f.read().split()[0])
        expect(ended == 0, "inquest-core ended with wait status %d", ended)
        dump = kernel.wait_until(lambda: of_process(self.context.tree.dumps() - dumps, truth.pid), 10)
        expect(dump, "no dump appeared")
        kept = os.path.join(self.scene.folder, "%s.dmp" % run)
        shutil.move(dump, kept)
        core = os.path.join(self.scene.folder, "core.%d" % truth.pid)
        truth.core = elfcore.Core(core)
        return truth, core, kept


def of_process(paths, pid):
    """The dump of that process; others may have ended at the same time, and left what is none of ours."""
    for path in paths:
        with contextlib.suppress(minidump.Wrong, OSError), opened(path) as dump:
            if dump.misc()["pid"] == pid:
                return path
    return None


def told_by_core(truth, code=1):
    """Threads, exception and registers, as the notes have them."""
    truth.tids = sorted(truth.core.tids)
    signo, _errno, si_code = struct.unpack_from("<iii", truth.core.siginfo)
    expect((signo, si_code) == (signal.SIGSEGV, code), "the core says signal %d, code %d", signo, si_code)
    truth.fault = (truth.core.tids[0], signo, si_code, struct.unpack_from("<Q", truth.core.siginfo, 16)[0])
    return truth.core.registers


def evidence(context):
    """[(run, truth, core, dump)] of CRASH_RUNS, made once. Every other crash is a thread's that is not the main one."""
    if "matrix-evidence" not in context.kept:
        made = []
        with Crashes(context) as here:
            for number, run in enumerate(CRASH_RUNS):
                made.append((run, *here.crash(run, "crash-thread" if number % 2 else "crash")))
        context.kept["matrix-evidence"] = made
    return context.kept["matrix-evidence"]


@trial("matrix.dying")
def dying(context):
    """The kernel's road."""
    with collecting() as wrong:
        for run, truth, core, dump in evidence(context):
            wrong += check(dump, run, truth, told_by_core(truth), dead=True)
            if run == "mRtuFhy":    # the notes are what gdb makes of them
                program = os.path.join(context.shared_folder(), "crashers/plenty")
                wrong += check(dump, run, truth, judges.gdb(core, program, 1, vectors=True).registers, dead=True)


# A program asks for no second file, which k is.
STUB_RUNS = tuple(r for r in table.RUNS if "k" not in r) if FULL else ("m", "mapuy", "mrRhtu")


@trial("matrix.dying-by-the-stub")
def dying_by_the_stub(context):
    """What was read of the process before its crash must be in the dump, but for what the handler itself changes."""
    folder = folder_of(context, "stub")
    if not context.tree.stub or not context.tree.collector:
        raise Skip("the stub is not installed")
    with collecting() as wrong:
        for number, run in enumerate(STUB_RUNS):
            before = set(os.listdir(folder))
            with victim(context, stub=True, letters=run, env={"INQUEST_DIR": folder, "LD_BIND_NOW": "1"}) as process:
                truth = process.truth()
                by_gdb = truth.gdb_registers() if number == 1 else {}
                truth.keep_memory()
                truth.refresh()
                truth.status_before.pop("SigBlk")    # the handler's own, while it waits
                process.order("crash")
                expect(process.process.wait(30) == -signal.SIGSEGV, "plenty did not die of SIGSEGV")
            expect(kernel.wait_until(lambda: {n for n in os.listdir(folder) if n.endswith(".dmp")} - before, 20),
                   "/%s: no dump", run)
            path = os.path.join(folder, ({n for n in os.listdir(folder) if n.endswith(".dmp")} - before).pop())
            if "a" in run:
                context.kept["matrix-stub-whole"] = path
            with opened(path) as dump:
                crashed = dump.exception()[0]
                truth.changing = handlers_own(truth, dump, crashed)
            truth.fault = (truth.pid, signal.SIGSEGV, 1, 0x1230)
            by_gdb.pop(crashed, None)
            wrong += check(path, run, truth, by_gdb, dead=True)


def handlers_own(truth, dump, crashed):
    """[(start, end)] of memory that a crash changes while the stub's handler runs."""
    thread = next(t for t in dump.threads() if t.tid == crashed)
    pointer = thread.registers["rsp"]
    stub = [m for m in truth.mappings if "libinquest-stub" in m.name]
    # behind a guard page each: the alternate stacks that the stub makes
    alternate = [(b.start, b.end) for a, b in zip(truth.mappings, truth.mappings[1:])
                 if a.access[:3] == "---" and not b.name and b.end - b.start == 0x11000]
    # and struct pthread says that the thread has left read(2), where it could be cancelled
    return [(pointer - 4096, pointer + 4096), (thread.teb, thread.teb + 0x900),
            (stub[0].start, stub[-1].end + (64 << 10)), *alternate]


# --- files -----------------------------------------------------------------------------------------


@trial("matrix.core")
def core(context):
    folder = folder_of(context, "core")
    _run, truth, path, _dump = evidence(context)[0]
    registers = told_by_core(truth)
    truth.is_core, truth.at_hand = True, truth.core.held()
    with collecting() as wrong:
        for run in table.RUNS:
            dump = os.path.join(folder, run + ".dmp")
            inquest(context, "-z", path, "-c", ".dump /%s %s; q" % (run, dump))
            wrong += check(dump, run, truth, registers, table.NOT_IN_A_CORE, dead=True)


def whole_dump(context):
    """(truth, what gdb said, path) of a dump with all that there is, of a process that has ended since."""
    if "matrix-whole" not in context.kept:
        path = os.path.join(folder_of(context, "dump"), "whole.dmp")
        with victim(context, stub=True) as process:
            truth = process.truth()
            registers = truth.gdb_registers()
            truth.keep_memory()
            truth.refresh()
            inquest(context, "-p", str(process.pid), "-c", ".dump /c \"the whole\" /mapyk %s; q" % path)
        context.kept["matrix-whole"] = truth, registers, path
    return context.kept["matrix-whole"]


@trial("matrix.dump")
def dump(context):
    """Of a dump with everything a smaller one is what the process itself would have given."""
    truth, registers, whole = whole_dump(context)
    with collecting() as wrong:
        for run in table.RUNS:
            path = os.path.join(os.path.dirname(whole), run + ".dmp")
            inquest(context, "-z", whole, "-c", ".dump /%s %s; q" % (run, path))
            wrong += check(path, run, truth, registers)
            with opened(path) as made:
                if ("the whole" in made.comment()) == ("r" in run):
                    wrong.append("/%s: the comment is '%s'" % (run, made.comment()))


@trial("matrix.dump-of-a-small-dump")
def dump_of_small(context):
    """Never larger: what the first one lacks, the second one lacks."""
    truth, registers, whole = whole_dump(context)
    folder = folder_of(context, "small")
    small = os.path.join(folder, "small.dmp")
    inquest(context, "-z", whole, "-c", ".dump /m %s; q" % small)
    with opened(small) as first, collecting() as wrong:
        held = first.memory()
        truth.at_hand = [(a, a + s) for a, s, _rva in held]
        # these say that nothing is known, or what the text of status tells
        lacks = table.promised("mapyk") - set(first.streams) - {minidump.MEMORY64_LIST, minidump.UNLOADED,
                                                                minidump.THREAD_INFO_LIST, minidump.VM_COUNTERS}
        for run in table.RUNS:
            path = os.path.join(folder, run + ".dmp")
            inquest(context, "-z", small, "-c", ".dump /%s %s; q" % (run, path))
            with opened(path) as second:
                wrong += table.directory(second, run, lacks)
                wrong += checks.registers(second, truth, run, {t: {n: v for n, v in r.items() if "ymm" not in n}
                                                               for t, r in registers.items()})
                if second.unloaded() or any(i["flags"] != 8 for i in second.thread_infos().values()):
                    wrong.append("/%s: says what the first dump did not know" % run)
                more = process_truth.without([(a, a + s) for a, s, _rva in second.memory()], truth.at_hand)
                if more:
                    wrong.append("/%s: memory from nowhere: %s" % (run, checks.hexes(more)))
        truth.at_hand = None


@trial("matrix.live")
def live(context):
    folder = folder_of(context, "live")
    with victim(context, stub=True) as process, collecting() as wrong:
        truth = process.truth()
        by_gdb = truth.gdb_registers()
        for run in table.RUNS:
            path = os.path.join(folder, run + ".dmp")
            truth.refresh()
            inquest(context, "-p", str(process.pid), "-c", ".dump /%s %s; q" % (run, path))
            wrong += check(path, run, truth, by_gdb)


@trial("matrix.live-standing-still")
def live_standing_still(context):
    """Without a copy; and of a process of which none is made, since it would lack a page."""
    folder = folder_of(context, "still")
    for words, more in (((), ("--no-snapshot",)), (("orphan",), ())):
        with victim(context, *words) as process, collecting() as wrong:
            truth = process.truth()
            by_gdb = truth.gdb_registers()
            for run in ("m", "mA", "mrR", "mwp"):
                path = os.path.join(folder, run + ".dmp")
                truth.refresh()
                inquest(context, "-p", str(process.pid), *more, "-c", ".dump /o /%s %s; q" % (run, path))
                wrong += check(path, run, truth, by_gdb)


@trial("matrix.unreadable-memory")
def unreadable(context):
    """A page of a mapping behind the end of its file: /ma leaves no file, /mA leaves the page out and says so."""
    folder = folder_of(context, "unreadable")
    with victim(context, "unreadable") as process, collecting() as wrong:
        truth = process.truth()
        lost = process.facts["truncated"]
        path = os.path.join(folder, "strict.dmp")
        done = inquest(context, "-p", str(process.pid), "-c", ".dump /ma %s; q" % path, status=1)
        if "0x%x" % lost not in done.stderr or os.listdir(folder):
            wrong.append("/ma: '%s', files %s" % (done.stderr.strip(), os.listdir(folder)))
        path = os.path.join(folder, "tolerant.dmp")
        inquest(context, "-p", str(process.pid), "-c", ".dump /mA %s; q" % path)
        with opened(path) as dump:
            wrong += table.directory(dump, "mA")
            said = "4096 bytes of memory could not be read, the first at 0x%x" % lost
            if said not in dump.comment():
                wrong.append("/mA: the comment is '%s'" % dump.comment())
            if dump.read(process.facts["heap"], 9) != b"heap text":
                wrong.append("/mA: other memory is not there")
            ranges = [(a, a + s) for a, s, _rva in dump.memory()]
            left_out = process_truth.without(truth.readable(), ranges)
            if left_out and left_out != [(lost, lost + process_truth.PAGE)]:
                wrong.append("/mA: %s is left out" % checks.hexes(left_out))


@trial("matrix.second-file-of-k")
def second_file(context):
    """/mk "file": the kernel's side there, with the threads and nothing else, and not in the dump."""
    folder = folder_of(context, "kernel")
    with victim(context) as process, collecting() as wrong:
        truth = process.truth()
        truth.rseq = ()
        path, kernels = os.path.join(folder, "m.dmp"), os.path.join(folder, "kernel.dmp")
        inquest(context, "-p", str(process.pid), "-c", '.dump /mk "%s" %s; q' % (kernels, path))
        with opened(path) as dump:
            wrong += table.directory(dump, "m")
        with opened(kernels) as dump:
            wrong += checks.kernel_side(dump, truth, "mk")
            if [t.tid for t in dump.threads()] != truth.tids or dump.memory():
                wrong.append("the second file: threads %s, %d ranges of memory" % (
                    [t.tid for t in dump.threads()], len(dump.memory())))


@trial("matrix.stub-in-anothers-core")
def stub_in_core(context):
    """gcore's core of a process with the stub in it: what was unloaded is found by the stub's note."""
    if not shutil.which("gcore"):
        raise Skip("no gcore here")
    folder = folder_of(context, "gcore")
    with victim(context, stub=True) as process, collecting() as wrong:
        truth = process.truth()
        judges.run(["gcore", "-o", os.path.join(folder, "core"), str(process.pid)])
        path = os.path.join(folder, "core.%d" % process.pid)
        expect(os.path.exists(path), "gcore wrote nothing")
        dump = os.path.join(folder, "mu.dmp")
        inquest(context, "-z", path, "-c", ".dump /mu %s; q" % dump)
        with opened(dump) as made:
            wrong += checks.unloaded(made, truth, "mu") + checks.modules(made, truth, "mu")
            wrong += checks.arguments(made, truth, "mu")
        os.unlink(path)
