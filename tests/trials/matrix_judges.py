# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the matrix before readers that nobody here wrote; and dumps and cores made of each other, there and
back."""
import json
import os

import elfcore
import judges
import matrix_checks as checks
import matrix_table as table
import matrix_trials as matrix
import minidump
import process_truth
from trial import collecting, expect, trial

# What a judge says that is no fault of the file, and why.
TOLERATED = (
    # minidump_dump looks for every list that it knows; /m promises none of these.
    "GetMemoryInfoList() failed",
    "GetBreakpadInfo() failed", "GetCrashpadInfo() failed", "GetAssertion() failed", "GetException() failed",
    "GetUnloadedModuleList() failed", "GetThreadNameList() failed",
)

MAKERS = {"live": matrix.live, "still": matrix.live_standing_still, "stub": matrix.dying_by_the_stub,
          "core": matrix.core, "dump": matrix.dump, "small": matrix.dump_of_small}


def files(context):
    """Paths of all dumps that the matrix made; makes what is not there yet."""
    found = []
    for name, make in MAKERS.items():
        folder = matrix.folder_of(context, name)
        if not os.listdir(folder):
            make(context)
        found += [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.endswith(".dmp")]
    return found + [dump for _run, _truth, _core, dump in matrix.evidence(context)]


@trial("matrix.judged-by-lldb")
def by_lldb(context):
    """Opens each, has all threads at their places, and reads each stack."""
    if not judges.lldb_program():
        raise matrix.Skip("no lldb here")
    with collecting() as wrong:
        for told in judges.lldb_opens(files(context), context.folder):
            name = "/".join(told["file"].split("/")[-2:])
            if "error" in told:
                wrong.append("%s: %s" % (name, told["error"]))
                continue
            with matrix.opened(told["file"]) as dump:
                ours = {str(t.tid): t for t in dump.threads()}
                if {t: (r["rip"], r["rsp"]) for t, r in told["threads"].items()} != \
                        {t: (o.registers["rip"], o.registers["rsp"]) for t, o in ours.items()}:
                    wrong.append("%s: threads %s" % (name, told["threads"]))
                if told["modules"] < len(dump.modules()):
                    wrong.append("%s: %d modules of %d" % (name, told["modules"], len(dump.modules())))
                for tid, digits in told["stack"].items():
                    there = dump.read(ours[tid].registers["rsp"], 16)
                    if there is None or digits != there.hex():
                        wrong.append("%s: thread %s: lldb reads %s at the stack pointer" % (name, tid, digits))


@trial("matrix.judged-by-breakpad")
def by_breakpad(context):
    stackwalk, show = context.breakpad("minidump_stackwalk"), context.breakpad("minidump_dump")
    with collecting() as wrong:
        for path in files(context):
            name = "/".join(path.split("/")[-2:])
            shown = judges.breakpad_dump(path, show)
            wrong += ["%s: minidump_dump: %s" % (name, e) for e in shown.facts["errors"]
                      if not e.endswith(TOLERATED)]
            walked = judges.breakpad_stackwalk(path, stackwalk)
            wrong += ["%s: minidump_stackwalk: %s" % (name, e) for e in walked.facts["errors"]]
            with matrix.opened(path) as dump:
                if shown.facts["tids"] != [t.tid for t in dump.threads()]:
                    wrong.append("%s: minidump_dump sees threads %s" % (name, shown.facts["tids"]))
                if len(walked.facts["modules"]) != len(dump.modules()):
                    wrong.append("%s: minidump_stackwalk sees %d modules" % (name, len(walked.facts["modules"])))


@trial("matrix.judged-by-inquest")
def by_inquest(context):
    """No word on standard error, all streams of the directory, all threads."""
    with collecting() as wrong:
        for path in files(context):
            name = "/".join(path.split("/")[-2:])
            done = matrix.inquest(context, "--json", "-z", path, "-c", ".dumpdebug; ~; q")
            told = {a["command"]: a for a in map(json.loads, done.stdout.splitlines()) if "command" in a}
            with matrix.opened(path) as dump:
                if done.stderr:
                    wrong.append("%s: %s" % (name, done.stderr.strip()))
                if [t["tid"] for t in told["~"]["threads"]] != [t.tid for t in dump.threads()]:
                    wrong.append("%s: ~ lists %s" % (name, told["~"]["threads"]))
                if [s["type"] for s in told[".dumpdebug"]["streams"]] != list(dump.streams):
                    wrong.append("%s: .dumpdebug lists %s" % (name, told[".dumpdebug"]["streams"]))


# --- there and back ----------------------------------------------------------------------------------


def same_memory(one, other, what):
    """Of two dumps."""
    ranges = [process_truth.merged([(a, a + s) for a, s, _rva in d.memory()]) for d in (one, other)]
    if ranges[0] != ranges[1]:
        return ["%s: memory %s became %s" % (what, checks.hexes(process_truth.without(*ranges)),
                                             checks.hexes(process_truth.without(*reversed(ranges))))]
    return ["%s: memory differs at %#x" % (what, at) for start, end in ranges[0] for at in range(start, end, 1 << 22)
            if one.read(at, min(1 << 22, end - at)) != other.read(at, min(1 << 22, end - at))]


def same_dump(one, other, what):
    """Byte for byte, but for the stream that tells how the file itself came about."""
    with matrix.opened(one) as first, matrix.opened(other) as second:
        wrong = ["%s: stream %#x is lost" % (what, kind) for kind in set(first.streams) - set(second.streams)]
        wrong += ["%s: stream %#x is not what it was" % (what, kind) for kind in first.streams
                  if kind in second.streams and kind not in (minidump.INQUEST_INFO, minidump.MEMORY_LIST,
                                                             minidump.MEMORY64_LIST)
                  and not same_stream(first, second, kind)]
        return wrong + same_memory(first, second, what)


def threads_of(dump):
    """Extended registers by component: a core has them where Intel's processors do, which AMD's do not."""
    xstate = dump.misc()["xstate"]
    return [(t.tid, t.teb, t.stack, t.context[:minidump.CONTEXT_SIZE],
             {bit: t.component(xstate, bit) for bit in xstate}) for t in dump.threads()]


def misc_of(dump):
    return dump.stream(minidump.MISC_INFO)[:832], {bit: size for bit, (_at, size) in dump.misc()["xstate"].items()}


READ = {minidump.THREAD_LIST: threads_of, minidump.MISC_INFO: misc_of,
        minidump.THREAD_NAMES: lambda d: d.thread_names(), minidump.MODULE_LIST: lambda d: d.modules(),
        minidump.UNLOADED: lambda d: d.unloaded(), minidump.EXCEPTION: lambda d: d.exception(),
        minidump.HANDLE_DATA: lambda d: d.handles(), minidump.SYSTEM_INFO: lambda d: d.system(),
        minidump.DSO_DEBUG: lambda d: d.links(), minidump.COMMENT_W: lambda d: d.comment()}


def same_stream(first, second, kind):
    """What points elsewhere in the file is read; all else is bytes."""
    read = READ.get(kind, lambda d: d.stream(kind))
    return read(first) == read(second)


def difference(name, before, after):
    if name == "registers" and set(before) == set(after):
        lost = [(t, n, before[t].get(n), after[t].get(n)) for t in before for n in set(before[t]) | set(after[t])
                if before[t].get(n) != after[t].get(n)]
        return "registers (thread, name, before, after): %s" % lost[:4]
    return "%s %s became %s" % (name, str(before)[:200], str(after)[:200])


def same_core(one, other, what):
    first, second = elfcore.Core(one), elfcore.Core(other)
    wrong = []
    for core in (first, second):
        for registers in core.registers.values():    # a CONTEXT has no place for these
            registers.pop("orig_rax")
            registers.pop("gs_base")
    for name in ("tids", "registers", "siginfo", "auxv", "psinfo"):
        if getattr(first, name) != getattr(second, name):
            wrong.append("%s: %s" % (what, difference(name, getattr(first, name), getattr(second, name))))
    if sorted(first.files) != sorted(second.files):
        wrong.append("%s: mapped files %s are lost" % (what, sorted(set(first.files) - set(second.files))[:3]))
    ranges = [process_truth.merged(c.held()) for c in (first, second)]
    if ranges[0] != ranges[1]:
        wrong.append("%s: memory %s is lost" % (what, checks.hexes(process_truth.without(*ranges))))
    return wrong + ["%s: memory differs at %#x" % (what, at) for start, end in ranges[0]
                    for at in range(start, end, 1 << 22)
                    if first.read(at, min(1 << 22, end - at)) != second.read(at, min(1 << 22, end - at))]


def convert(context, folder, source, command, name):
    path = os.path.join(folder, name)
    matrix.inquest(context, "-z", source, "-c", ".dump %s %s; q" % (command, path))
    return path


def debuggers_open(context, core, registers, wrong, what):
    """gdb and lldb see every thread with its registers."""
    by_gdb = judges.gdb(core, os.path.join(context.shared_folder(), "crashers/plenty"), 1, vectors=True).registers
    for tid, values in registers.items():
        different = [n for n, v in values.items() if n in by_gdb.get(tid, {}) and by_gdb[tid][n] != v]
        if tid not in by_gdb or different:
            wrong.append("%s: thread %d in gdb: %s" % (what, tid, different or "missing"))
    told = judges.lldb_opens([core], context.folder)[0]
    if {int(t): r["rip"] for t, r in told.get("threads", {}).items()} != {t: r["rip"] for t, r in registers.items()}:
        wrong.append("%s: lldb sees %s" % (what, told))


@trial("matrix.round-trip-of-a-dump")
def round_trip_of_dump(context):
    truth, registers, whole = matrix.whole_dump(context)
    folder = matrix.folder_of(context, "round")
    with collecting() as wrong:
        core = convert(context, folder, whole, "/fy", "of-dump.core")
        again = convert(context, folder, core, "/mapyk", "again.dmp")
        wrong += same_dump(whole, again, "dump to core to dump")
        debuggers_open(context, core, registers, wrong, "dump to core")
        for source, name in ((whole, "whole"), (core, "core"), (again, "again")):
            filtered = convert(context, folder, source, "/mrR", name + "-filtered.dmp")
            wrong += matrix.check(filtered, "mrR", truth, registers)


@trial("matrix.round-trip-of-a-core")
def round_trip_of_core(context):
    _run, truth, core, _dump = matrix.evidence(context)[0]
    registers = matrix.told_by_core(truth)
    folder = matrix.folder_of(context, "round")
    truth.is_core, truth.at_hand = True, truth.core.held()
    with collecting() as wrong:
        dump = convert(context, folder, core, "/mapy", "of-core.dmp")
        again = convert(context, folder, dump, "/fy", "again.core")
        wrong += same_core(core, again, "core to dump to core")
        wrong += same_dump(dump, convert(context, folder, again, "/mapy", "of-again.dmp"), "dump to core to dump")
        debuggers_open(context, again, registers, wrong, "core to dump to core")
        for source, name in ((core, "kernel"), (dump, "of-core"), (again, "again")):
            filtered = convert(context, folder, source, "/mrR", name + "-rR.dmp")
            wrong += matrix.check(filtered, "mrR", truth, registers, table.NOT_IN_A_CORE, dead=True)


@trial("matrix.core-of-a-live-process")
def core_of_live(context):
    """.dump /f and /fy of a running process, in gdb and lldb."""
    folder = matrix.folder_of(context, "round")
    with matrix.victim(context, stub=True) as process, collecting() as wrong:
        truth = process.truth()
        registers = truth.gdb_registers()
        for command in ("/f", "/fy"):
            path = os.path.join(folder, "live%s.core" % command[1:])
            matrix.inquest(context, "-p", str(process.pid), "-c", ".dump %s %s; q" % (command, path))
            known = {t: {n: v for n, v in r.items() if command == "/fy" or not n.startswith("ymm")}
                     for t, r in registers.items()}
            debuggers_open(context, path, known, wrong, command)
            core = elfcore.Core(path)
            if (elfcore.NT_X86_XSTATE in core.kinds) != (command == "/fy"):
                wrong.append("%s: kinds of notes %s" % (command, sorted(core.kinds)))
            lost = process_truth.without(truth.readable(), core.held())
            extra = process_truth.without(core.held(), truth.readable())
            if lost or extra:
                wrong.append("%s: memory %s is missing, %s is too much" % (command, checks.hexes(lost),
                                                                          checks.hexes(extra)))
            for start, end in core.held():
                for at in range(start, end, 1 << 22):
                    ours = core.read(at, min(1 << 22, end - at))
                    if ours != truth.read(at, len(ours)):
                        place = next(i for i, (a, b) in enumerate(zip(ours, truth.read(at, len(ours)))) if a != b)
                        truth.rseq = [r["fs_base"] + truth.rseq_offset for r in registers.values()]
                        if not checks.kernels_own(truth, at + place):
                            wrong.append("%s: memory differs at %#x" % (command, at + place))
        expect(process.process.poll() is None, "the process has ended")
