# SPDX-License-Identifier: GPL-3.0-or-later
"""Filtered dumps of large programs that nobody here wrote: every judge walks them as it walks the unfiltered ones.

Each program dies once. The kernel hands its core to coretee, which keeps it, and to inquest-core, which writes /mrR;
the unfiltered dump is made of that core. So both show the same process at the same moment. Nobody is told where
images lie: the filtered dump names them without folders.

$WALK says which programs (names of rows, or "all", which takes some five minutes; python3 alone where it is not set).
"""
import collections
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess

import crashes
import inquest
import judges
import kernel
from crashes import Row, missing
from trial import REGISTRY, Skip, Trial, collecting, expect

WALKED = os.environ.get("WALK", "python3").split()
OURS, THEIRS = 4000, 300     # frames of each thread that are compared
SYMBOLS_OF = 60              # modules at most that symbol files are made of
SYMBOLS_SECONDS = 100        # for one of them; node's take longer than anybody waits
NOBODY = 65534

PYTHON_DEEP = ("import ctypes, json, re, threading, time\n"
               "def wait(n): time.sleep(60) if not n else wait(n - 1)\n"
               "for i in range(3): threading.Thread(target=wait, args=(40 * i,), daemon=True).start()\n"
               "def down(n): return ctypes.string_at(0) if not n else sorted([1], key=lambda _: down(n - 1))\n"
               "time.sleep(0.3); down(60)")
NODE_DEEP = ("const v = []; function down(n) { if (!n) process.abort(); v.push(n); [1].map(() => down(n - 1)); }"
             "down(120);")
CMAKE = """
function(down n)
  if(n GREATER 0)
    math(EXPR m "${n} - 1")
    down(${m})
  else()
    execute_process(COMMAND sleep 20)
  endif()
endfunction()
down(40)
"""
SQL = ("create function down(n int) returns int language plpgsql as 'begin if n = 0 then perform pg_sleep(20); return 0; "
       "end if; return down(n - 1) + 1; end';\nselect down(25);\n")


def postgres():
    for folder in sorted(os.listdir("/usr/lib/postgresql")) if os.path.isdir("/usr/lib/postgresql") else []:
        if os.access("/usr/lib/postgresql/%s/bin/postgres" % folder, os.X_OK):
            return "/usr/lib/postgresql/%s/bin" % folder
    return None


def database(folder):
    """One that the server can be run on without a server: it reads its queries from a file."""
    work = os.path.join(folder, "pg")
    os.mkdir(work)
    with open(os.path.join(work, "queries"), "w", encoding="ascii") as f:
        f.write(SQL.replace(";\nselect", ";\n\nselect").replace("\n\n", "\n"))
    os.chown(work, NOBODY, NOBODY)
    subprocess.run([postgres() + "/initdb", "-D", work + "/data", "-N", "-A", "trust"], check=True, capture_output=True,
                   timeout=120, user=NOBODY, group=NOBODY, extra_groups=[], cwd=work, env={"PATH": "/usr/bin:/bin"})


def script(folder):
    with open(os.path.join(folder, "deep.cmake"), "w", encoding="ascii") as f:
        f.write(CMAKE)


def killed(words, seconds, number=signal.SIGSEGV):
    """A program that would go on, in the place of the shell, is killed by a child of that one."""
    return ["/bin/sh", "-c", "(sleep %s; kill -%d $$) & exec %s" % (seconds, number, words)]


SEGV, ABRT = signal.SIGSEGV, signal.SIGABRT
ROWS = [
    Row("python3", ["/usr/bin/python3", "-c", PYTHON_DEEP], SEGV),
    Row("node-jit", ["node", "-e", crashes.NODE_BUSY], SEGV, skip=missing("node")),
    Row("node-abort", ["node", "-e", NODE_DEEP], ABRT, skip=missing("node")),
    Row("postgresql", killed("setpriv --reuid=65534 --regid=65534 --clear-groups %s/postgres --single -j "
                            "-D {c}/pg/data postgres <{c}/pg/queries" % postgres(), 1.5), SEGV,
        prepare=database, image="/bin/sh", skip=lambda: None if postgres() else "no postgres here"),
    Row("cmake", killed("cmake -P {c}/deep.cmake", 1.5), SEGV, prepare=script, image="/bin/sh",
        skip=missing("cmake")),
    Row("gdb", killed("gdb -nx -q -batch -ex 'python import time; time.sleep(20)'", 2), SEGV, image="/bin/sh",
        skip=missing("gdb")),    # it has a handler, and dies in it
]


@contextlib.contextmanager
def settings(tree, text):
    before = None
    if os.path.exists(tree.config):
        with open(tree.config, "rb") as f:
            before = f.read()
    with open(tree.config, "wb") as f:
        f.write(text)
    try:
        yield
    finally:
        if before is None:
            os.unlink(tree.config)
        else:
            with open(tree.config, "wb") as f:
                f.write(before)


Pair = collections.namedtuple("Pair", "whole filtered")


def pair_of(context, row):
    """The two dumps of one crash, made once for all judges."""
    known = context.__dict__.setdefault("walk_pairs", {})
    if row.name in known:
        return known[row.name]
    reason = row.skip() or context.no_crashes or context.tree.missing("inquest-core", "inquest-register", "inquest")
    if reason:
        raise Skip(reason)
    folder = os.path.join(context.folder, "w-" + row.name)
    os.makedirs(folder, exist_ok=True)
    scene = crashes.Scene(folder, context.crashers, context.coretee, context.tree)
    with settings(context.tree, b"dump = mrR\n"):
        evidence = scene.crash_all([row])[row.name]
    expect(not evidence.problems and evidence.dump, "%s", evidence.problems or "no dump")
    whole = os.path.join(folder, "whole.dmp")
    done = judges.run([context.tree.debugger, "-z", evidence.core, "-c", ".dump /m %s; q" % whole])
    expect(os.path.exists(whole), "no dump of the core: %s", (done.stdout + done.stderr)[-300:])
    os.unlink(evidence.core)
    known[row.name] = Pair(whole, evidence.dump)
    return known[row.name]


def differences(before, after, wrong, most=3):
    """Of {thread: [frame]}."""
    for tid in sorted(set(before) | set(after)):
        one, other = before.get(tid, []), after.get(tid, [])
        if one == other:
            continue
        at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
        wrong.append("thread %d: %d frames, then %d; the first that differs is %d: %s, then %s"
                     % (tid, len(one), len(other), at, one[at:at + 1], other[at:at + 1]))
        if len(wrong) >= most:
            return


def our_frames(context, dump):
    """{thread: [(instruction, stack)]}"""
    command = "~*k 0n%d" % OURS
    told = inquest.answers(context.tree, dump, [command, "q"])[command][0]["threads"]
    return {t["tid"]: [(f["pc"], f["sp"]) for f in t["frames"] if not f["inline"]] for t in told}


def ours(row, context):
    pair = pair_of(context, row)
    before, after = our_frames(context, pair.whole), our_frames(context, pair.filtered)
    expect(max(map(len, before.values())) > 5, "no stack to speak of: %s", {t: len(f) for t, f in before.items()})
    with collecting() as wrong:
        differences(before, after, wrong)


def forgive(before, after, truth):
    """A judge may find more of the truth in a filtered dump than in a whole one, never less: nothing but true frames,
    and at least as many as it had."""
    for thread, frames in after.items():
        true = truth.get(thread, [])
        had = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before.get(thread, []), true)))
        if frames == true[:len(frames)] and len(frames) >= had:
            before[thread] = frames


def each_once(frames):
    """Functions that are inlined share their place with the next frame."""
    return [pc for pc, _group in itertools.groupby(frames)]


def lldb(row, context):
    """It does not look for images by their names: where they lie it is told. Of gdb's whole dump it finds one frame of
    each thread, of the filtered one all."""
    if not judges.lldb_program():
        raise Skip("no lldb")
    pair = pair_of(context, row)
    folders = sorted({os.path.dirname(path) for path in images(context, pair.whole)})
    before, after = ({tid: each_once(hex(f.pc) for f in frames)
                      for tid, frames in judges.lldb(dump, THEIRS, where).threads.items()}
                     for dump, where in ((pair.whole, ()), (pair.filtered, folders)))
    forgive(before, after, {tid: each_once(pc for pc, _sp in frames)
                            for tid, frames in our_frames(context, pair.whole).items()})
    with collecting() as wrong:
        differences(before, after, wrong)


def images(context, dump):
    """Paths of the modules that frames are in."""
    command = "~*k 0n%d" % OURS
    told = inquest.answers(context.tree, dump, [command, "lm", "q"])
    used = {f["module"] for t in told[command][0]["threads"] for f in t["frames"]}
    return [m["path"] for m in told["lm"][0]["modules"] if m["name"] in used and os.path.isfile(m["path"])]


def symbols(context, row, dump):
    """A store of symbol files, by Breakpad's own program; what it takes too long for is left out."""
    store = os.path.join(context.folder, "w-" + row.name, "symbols")
    for path in images(context, dump)[:SYMBOLS_OF]:
        try:
            done = subprocess.run([context.breakpad("dump_syms"), path], capture_output=True, check=False,
                                  timeout=SYMBOLS_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        head = done.stdout.split(b"\n", 1)[0].decode(errors="replace").split(" ", 4)
        if len(head) != 5 or head[0] != "MODULE":
            continue
        name = os.path.basename(path)    # as the dump has it; dump_syms says the soname
        folder = os.path.join(store, name, head[3])
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + ".sym"), "wb") as f:
            f.write(done.stdout)
    return store


def stackwalk(program, dump, store):
    """{position of the thread: [(place of the instruction, whether a module holds it)]}"""
    done = judges.run([program, dump, store])
    expect(done.returncode == 0, "minidump_stackwalk: status %d", done.returncode)
    threads, here = {}, None
    for line in done.stdout.splitlines():
        thread = re.match(r"Thread (\d+)", line)
        if thread:
            here = threads.setdefault(int(thread.group(1)), [])
        elif line.startswith("Loaded modules"):
            here = None
        elif here is not None and re.match(r" *\d+  ", line):
            here.append([None, not re.match(r" *\d+  0x", line)])
        elif here and "rip = " in line and here[-1][0] is None:
            here[-1][0] = int(line.split("rip = ")[1].split()[0], 16)
    return threads


def without_tail(frames):
    """Breakpad does not heed that CFI calls a frame the outermost. It goes on behind _start, by the frame pointer or a
    scan, into the program's arguments, and takes what it finds there for frames in no module: text that the filter
    has emptied."""
    end = len(frames)
    while end and not frames[end - 1][1]:
        end -= 1
    return [hex(pc) for pc, _in_module in frames[:end]]


def breakpad(row, context):
    """Where it has no rule for a frame (the kernel's signal frames among them) it scans the stack, and takes the first
    word that looks like a return address: in a whole stack that is often a stale one. A filtered stack has only those
    of frames, and so it finds more of the truth there; such a walk must be the beginning of ours."""
    pair = pair_of(context, row)
    program = context.breakpad("minidump_stackwalk")
    store = symbols(context, row, pair.whole)
    before, after = ({tid: without_tail(frames) for tid, frames in stackwalk(program, dump, store).items()}
                     for dump in pair)
    shutil.rmtree(store, ignore_errors=True)
    truth = dict(enumerate([pc for pc, _sp in frames] for frames in our_frames(context, pair.whole).values()))
    forgive(before, after, truth)
    with collecting() as wrong:
        differences(before, after, wrong)


for _row in (row for row in ROWS if row.name in WALKED or "all" in WALKED):
    for _name, _judge in (("ours", ours), ("lldb", lldb), ("breakpad", breakpad)):
        REGISTRY.append(Trial("walk.%s.%s" % (_row.name, _name),
                              lambda context, row=_row, judge=_judge: judge(row, context)))
