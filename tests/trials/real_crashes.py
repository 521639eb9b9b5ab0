# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials of real crashes: for each row of crashes.py, what each judge says of the core and the dump."""
import functools
import os
import re
import struct
import threading

import compare
import crashes
import elfcore
import inquest
import judges
from trial import REGISTRY, Skip, Trial, collecting, expect, no_differences

SIGNALS = {4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}
KERNEL_SENT = 0x80
# What Breakpad says of a thread whose stack pointer points nowhere, as it does of Breakpad's own dumps.
NO_STACK = re.compile("memory region problem|No memory region|without memory or stack")
once = threading.Lock()


def evidence_of(context, row):
    """The evidence, if the crash happened as the row says."""
    evidence = context.evidence.get(row.name)
    if evidence is None:
        raise Skip(context.no_crashes)
    no_differences([p for p in evidence.problems if not evidence.core])
    return evidence


def dump_of(context, row, *more):
    evidence = evidence_of(context, row)
    lost = context.tree.missing("inquest-core", "inquest-register", *more)
    if lost:
        raise Skip(lost)
    no_differences(evidence.problems)
    expect(evidence.dump, "no dump")
    return evidence


@functools.lru_cache(maxsize=None)
def heard_gdb(core, image, limit):
    return judges.gdb(core, image, limit)


@functools.lru_cache(maxsize=None)
def heard_eu_stack(core, image, limit):
    return judges.eu_stack(core, image, limit)


def both(evidence):
    limit = evidence.row.limit
    return (heard_gdb(evidence.core, evidence.image, limit), heard_eu_stack(evidence.core, evidence.image, limit))


def inline_group(frames):
    """The names at the top of the stack: the innermost function and those it is inlined in."""
    return [compare.plain(f.name) for f in frames if f.pc == frames[0].pc][:8]


def as_in_dump(evidence):
    """{thread id in the core: thread id in our dump}. The core numbers threads in the process's own pid
    namespace, we number them as the host does; a thread is known by its stack and instruction pointers."""
    by_gdb, _ = both(evidence)
    if not evidence.row.own_pids:
        return {tid: tid for tid in by_gdb.threads}
    mark = lambda registers: (registers.get("rsp"), registers.get("rip"))
    known = {mark(registers): tid for tid, registers in heard_lldb(evidence.dump).registers.items()}
    return {tid: known.get(mark(registers), -tid) for tid, registers in by_gdb.registers.items()}


def renamed(testimony, names):
    """The testimony with other thread ids."""
    other = judges.Testimony(testimony.who)
    other.facts = testimony.facts
    for tid in testimony.order:
        other.add(names.get(tid, tid), testimony.threads[tid], testimony.registers[tid])
    return other


def settled(row, testimonies):
    """The stub's dump and the kernel's core are taken one after the other, and in between a process that never
    rests goes on for a moment: of such a row, its other threads count only where they stood still."""
    ours, by_gdb = testimonies[:2]
    if not row.restless:
        return testimonies
    moved = {tid for tid in by_gdb.threads if tid != by_gdb.order[0] and tid in ours.threads
             and any(ours.registers[tid].get(n, v) != v for n, v in by_gdb.registers[tid].items())}
    kept = []
    for testimony in testimonies:
        other = judges.Testimony(testimony.who)
        other.facts = testimony.facts
        for tid in testimony.order:
            if tid not in moved:
                other.add(tid, testimony.threads[tid], testimony.registers[tid])
        kept.append(other)
    return kept


def both_as_in_dump(evidence):
    names = as_in_dump(evidence)
    return tuple(renamed(t, names) for t in both(evidence))


@functools.lru_cache(maxsize=None)
def heard_lldb(dump):
    return judges.lldb(dump, 8)


def is_kernels_core_good(row, context):
    """The ground to stand on: the judges see the crash that the row announces."""
    evidence = evidence_of(context, row)
    by_gdb, _by_elfutils = both(evidence)
    crashed = by_gdb.order[0]
    expect(by_gdb.facts["siginfo"]["signo"] == row.signal, "gdb sees signal %s", by_gdb.facts["siginfo"])
    if row.at:
        wanted = compare.plain(row.at)
        names = inline_group(by_gdb.threads[crashed])
        expect(any(n and wanted in n for n in names), "gdb sees the crash in %s, not in %s", names, row.at)


def frames_of_dump(row, context):
    evidence = dump_of(context, row, "inquest")
    ours = inquest.testimony(context.tree, evidence.dump, row.limit, evidence.images)
    same_as_judges(ours, evidence, both_as_in_dump(evidence))


def frames_of_core(row, context):
    evidence = evidence_of(context, row)
    lost = context.tree.missing("inquest")
    if lost:
        raise Skip(lost)
    ours = inquest.testimony(context.tree, evidence.core, row.limit, evidence.images)
    same_as_judges(ours, evidence, both(evidence))


def same_as_judges(ours, evidence, judged):
    row = evidence.row
    ours, by_gdb, by_elfutils = settled(row, (ours, *judged))
    with collecting() as wrong:
        if ours.facts["crashed"] != by_gdb.order[0]:
            wrong.append("thread %s crashed, gdb says %s" % (ours.facts["crashed"], by_gdb.order[0]))
        if ours.facts["signal"] != row.signal:
            wrong.append("signal %s, not %s" % (ours.facts["signal"], row.signal))
        wrong += compare.registers(ours, by_gdb)
        wrong += compare.all_stacks(ours, (by_gdb, by_elfutils), row.limit)


def lldb_reads_dump(row, context):
    evidence = dump_of(context, row)
    if not judges.lldb_program():
        raise Skip("no lldb here")
    theirs, by_gdb, by_elfutils = settled(row, (heard_lldb(evidence.dump), *both_as_in_dump(evidence)))
    with collecting() as wrong:
        if set(theirs.threads) != set(by_gdb.threads):
            wrong.append("lldb sees threads %s" % sorted(set(theirs.threads) ^ set(by_gdb.threads))[:5])
        if theirs.facts["stopped"] != by_gdb.order[0]:
            wrong.append("lldb says thread %s stopped, not %s" % (theirs.facts["stopped"], by_gdb.order[0]))
        if SIGNALS[row.signal] not in str(theirs.facts["reason"]) and theirs.facts["signal"] != row.signal:
            wrong.append("lldb says '%s'" % theirs.facts["reason"])
        wrong += compare.registers(theirs, by_gdb)
        for tid, frames in theirs.threads.items():
            top = by_gdb.threads.get(tid)
            if top and frames and frames[0].pc != top[0].pc:
                wrong.append("thread %d: lldb's top frame is %#x, not %#x" % (tid, frames[0].pc, top[0].pc))
        crashed = theirs.threads.get(by_gdb.order[0], [])
        wrong += same_top(crashed, [s.threads[by_gdb.order[0]] for s in (by_gdb, by_elfutils)], min(row.lldb_top, row.limit))
        if row.at and crashed and row.lldb_top > 1:
            names = [compare.plain(f.name) for f in crashed if f.pc == crashed[0].pc]
            if not any(n and compare.plain(row.at) in n for n in names):
                wrong.append("lldb sees the crash in %s" % names)


def places(frames, count):
    """The first addresses of a stack, without what is inlined."""
    kept = []
    for frame in frames:
        if not kept or kept[-1] != frame.pc:
            kept.append(frame.pc)
    return kept[:count]


def same_top(frames, judged, count):
    """What lldb finds by unwinding our dump's stack memory, against the judges of the kernel's core."""
    mine = places(frames, count)
    if mine not in [places(j, count) for j in judged]:
        return ["lldb unwinds our dump to %s" % compare.brief(frames, count)]
    return []


def fault_address(core):
    """What si_addr says, for signals that have one; else None."""
    info = elfcore.Core(core).siginfo
    number, _errno, code = struct.unpack_from("<iii", info)
    address, = struct.unpack_from("<Q", info, 16)
    return address if number in (4, 5, 7, 8, 11) and 0 < code < KERNEL_SENT else None


def breakpad_reads_dump(row, context):
    evidence = dump_of(context, row)
    stackwalk, dumper = context.breakpad("minidump_stackwalk"), context.breakpad("minidump_dump")
    core = elfcore.Core(evidence.core)
    walked = judges.breakpad_stackwalk(evidence.dump, stackwalk)
    listed = judges.breakpad_dump(evidence.dump, dumper)
    facts = walked.facts
    with collecting() as wrong:
        wrong += [e for e in facts["errors"] + listed.facts["errors"]
                  if row.limit > 1 or not NO_STACK.search(e)]
        if facts.get("os") != "Linux" or facts.get("cpu") != "amd64":
            wrong.append("system '%s' '%s'" % (facts.get("os"), facts.get("cpu")))
        if not str(facts.get("crash")).startswith(SIGNALS[row.signal]):
            wrong.append("crash reason '%s'" % facts.get("crash"))
        address = fault_address(evidence.core)
        if address is not None and facts.get("address") != address:
            wrong.append("crash address %s, the kernel says %#x" % (facts.get("address"), address))
        tids = listed.facts["tids"]
        names = as_in_dump(evidence)
        expected = [names.get(tid, tid) for tid in core.tids]
        if facts.get("thread") is None or facts["thread"] >= len(tids):
            wrong.append("crashing thread has index %s of %d" % (facts.get("thread"), len(tids)))
        elif tids[facts["thread"]] != expected[0]:
            wrong.append("thread %d crashed, the core says %d" % (tids[facts["thread"]], expected[0]))
        if set(expected) != set(tids):
            wrong.append("threads differ: %s" % sorted(set(expected) ^ set(tids))[:5])
        wrong += same_modules(core, facts["modules"])


def same_modules(core, modules):
    """Every file with mapped code is a module at its base; every module is a mapped file, or the vdso."""
    wrong = []
    executable = {s[3] for s in core.segments if s[0] == elfcore.PT_LOAD and s[1] & 1}
    files = {path: core.base_of(path) for start, _end, _offset, path in core.files if start in executable}
    bases = {m["base"]: m["file"] for m in modules}
    for path, base in files.items():
        if base is not None and base not in bases:
            wrong.append("module '%s' at %#x is missing" % (path, base))
    known = {base for base in files.values()}
    for base, name in bases.items():
        if base not in known and "vdso" not in name and "linux-gate" not in name:
            wrong.append("module '%s' at %#x is no mapped file" % (name, base))
    return wrong


def analysis_of(context, path, more):
    return inquest.answers(context.tree, path, ["!analyze", "q"], more)["!analyze"][0]["analysis"]


def is_explained(row, context):
    """!analyze names the cause and the function to blame: of the core, of the dump, and of the dump without its
    values (mrR), each by itself; and the bucket under which the crash is found again is the same for all."""
    cause, blamed = crashes.CAUSES[row.name]
    evidence = dump_of(context, row, "inquest")
    filtered = evidence.dump + ".rR"
    if not os.path.exists(filtered):
        judges.run([context.tree.debugger, "scrub", *evidence.images, evidence.dump, filtered])
    folders = "%s:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/usr/bin" % os.path.dirname(evidence.image)
    with collecting() as wrong:
        buckets = {}
        for what, path, more in (("core", evidence.core, evidence.images), ("dump", evidence.dump, evidence.images),
                                 ("filtered dump", filtered, ("-i", folders))):
            found = analysis_of(context, path, more)
            coarse = re.sub("-(read|write)$", "-access", cause)
            if found["cause"] != cause and (what == "core" or found["cause"] != coarse):
                wrong.append("%s: '%s', not '%s': %s" % (what, found["cause"], cause, found["explanation"]))
            symbol = (found["blamed"] or {}).get("symbol")
            if blamed and compare.plain(symbol) != blamed:
                wrong.append("%s: blames '%s', not '%s'" % (what, symbol, blamed))
            if found["cause"] == cause:
                buckets[what] = (found["bucket"], found["hash"])
        if len(set(buckets.values())) > 1:
            wrong.append("buckets differ: %s" % buckets)


KINDS = (("judges", is_kernels_core_good), ("dump", frames_of_dump), ("core", frames_of_core),
         ("lldb", lldb_reads_dump), ("breakpad", breakpad_reads_dump))

for _row in crashes.CRASHES:
    for _kind, _check in KINDS:
        if _row.stub and _kind == "core":
            continue    # no different from the same row without the stub
        REGISTRY.append(Trial("crash.%s.%s" % (_row.name, _kind), functools.partial(_check, _row), _row.name))
    if _row.name in crashes.CAUSES:
        REGISTRY.append(Trial("crash.%s.analysis" % _row.name, functools.partial(is_explained, _row), _row.name))
