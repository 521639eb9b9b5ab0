# SPDX-License-Identifier: GPL-3.0-or-later
"""A handler in the crashing process: the stub beside Breakpad's, small dumps and dumps of all memory; what the stub
costs a start.

All ways take part in each round, one after the other, so that noise hits all alike; the next round begins when nobody
writes any more and the memory that was kept is free again. core_pattern is the floor's for all but the kernel's own
ways, so that what differs is the handler in the process. Where the time goes: README.md.
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import time

import kernel
import judges
from minidump import Dump

FLOOR, BREAKPAD, FULL = "nobody looks (floor)", "Breakpad in-process", "inquest stub, ma"
# What `m` may cost, of Breakpad's in the same process; with 1,000 threads a tenth.
OF_BREAKPAD, OF_BREAKPAD_THREADS = 0.7, 0.1
STARTS = 1000
UNSET_US, SET_US = 100, 1000

# name, MiB touched, threads, rounds
LOADS = (("64 MiB", 64, 0, 15), ("1 GiB", 1024, 0, 9), ("4 GiB", 4096, 0, 7), ("1,000 threads", 0, 1000, 11))
FULL_ROUNDS = 5
MEM_COMMIT, MEM_PRIVATE = 0x1000, 0x20000
SYSTEMD_STAND_IN = "|%s -q -f -o %s"


def keeps_memory(pid):
    with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as f:
        return f.read() == "inquest-memory\n"


def is_busy(where):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) == where.collector or keeps_memory(pid):
                return True
        except OSError:
            continue
    return False


def settle(where, folder, keep=None):
    """Wait until nobody writes any more, and remove what was written."""
    kernel.wait_until(lambda: not is_busy(where), 300)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if path != keep and os.path.isfile(path) and (name.endswith(".dmp") or name.startswith(("plain.", "stand-in", "gcore."))):
            os.unlink(path)


class Way:
    def __init__(self, name, environment=None, pattern="|/bin/false", once=None):
        self.name, self.environment, self.pattern, self.once = name, environment or {}, pattern, once


def preloaded(where, folder, letters):
    return {"LD_PRELOAD": where.stub, "INQUEST_DIR": folder, "INQUEST": letters}


def in_process_ways(options, where, folder, letters):
    ways = [Way(FLOOR)]
    if options.breakpad_client:
        ways.append(Way(BREAKPAD, {"LD_PRELOAD": options.breakpad_client, "BREAKPAD_DIR": folder}))
    return ways + [Way("inquest stub, " + l, preloaded(where, folder, l)) for l in letters]


def in_turn(ways, rounds, once, after):
    """{name: [ms]}"""
    figures = {way.name: [] for way in ways}
    for i in range(rounds):
        for way in ways:
            with kernel.crash_settings(pattern=way.pattern, pipe_limit=16):
                figures[way.name].append((way.once or once)(way))
            after(way, i)
    return figures


def of(figures, name, other):
    """Median of the ratios within a round: what slows the machine for a while, slows both."""
    return statistics.median(a / b for a, b in zip(figures[name], figures[other]))


def show(table, title, figures):
    ways = list(figures)
    head = ["", "median", "least", "most", "runs", "of the floor"]
    if BREAKPAD in figures:
        head.append("of Breakpad")
    rows = []
    for way in ways:
        seen = figures[way]
        row = [way, "%.2f" % statistics.median(seen), "%.2f" % min(seen), "%.2f" % max(seen), len(seen),
               "%.3f" % of(figures, way, FLOOR)]
        if BREAKPAD in figures:
            row.append("%.3f" % of(figures, way, BREAKPAD))
        rows.append(row)
    table(title, head, rows)


def verdict(words, value, allowed):
    print("  %s: %.3f, allowed %.2f: %s" % (words, value, allowed, "within" if value <= allowed else "TOO MUCH"))


def bench_small(options, where, folder, table, once):
    program = os.path.join(options.build, "tests/crashers/crashme")
    ways = in_process_ways(options, where, folder, ("m", "m,no-snapshot", "ma"))
    for name, mib, threads, rounds in LOADS:
        if options.quick and mib > 1024:
            continue
        rounds = options.rounds or (3 if options.quick else rounds)
        figures = in_turn(ways, rounds, lambda way, m=mib, t=threads: once(program, m, t, folder, way.environment),
                          lambda _way, _round: settle(where, folder))
        show(table, "downtime with a handler in the process, %s (ms)" % name, figures)
        if BREAKPAD in figures:
            verdict("m of Breakpad's, pairs", of(figures, "inquest stub, m", BREAKPAD),
                    OF_BREAKPAD_THREADS if threads else OF_BREAKPAD)


# --- all memory ------------------------------------------------------------------------------------------

def gcore_once(program, mib, folder):
    """As a supervisor would: the process stands at its crash, gcore reads it, then it dies."""
    environment = dict(os.environ, TOUCH_MIB=str(mib), TOUCH_THREADS="0", TOUCH_STAY="1")
    process = subprocess.Popen([program, "touch"], stdout=subprocess.PIPE, cwd=folder, env=environment)
    start = int(process.stdout.readline().split()[0])
    done = subprocess.run(["gcore", "-o", os.path.join(folder, "gcore"), str(process.pid)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    process.send_signal(signal.SIGSEGV)
    os.waitpid(process.pid, 0)
    end = time.monotonic_ns()
    process.returncode = 0
    process.stdout.close()
    return (end - start) / 1e6 if done.returncode == 0 else float("nan")


def full_ways(options, where, folder, program, mib, systemd):
    ways = in_process_ways(options, where, folder, ("ma", "ma,no-snapshot"))
    ways.insert(1, Way("plain core file", pattern=os.path.join(folder, "plain.%p")))
    zstd = shutil.which("zstd")
    if systemd:
        ways.insert(2, Way("systemd-coredump", pattern=systemd))
    elif zstd:
        # Its service does not run here: what it does with the core, read from the pipe and compressed on its way to a file.
        ways.insert(2, Way("systemd-coredump's way (zstd)",
                           pattern=SYSTEMD_STAND_IN % (zstd, os.path.join(folder, "stand-in.zst"))))
    if shutil.which("gcore"):
        ways.append(Way("gcore", once=lambda _way: gcore_once(program, mib, folder)))
    return ways


def page_byte(index):
    """What crashme's `touch` puts at the beginning of each page; the rest is zero."""
    return index & 0xff | 1


def find_area(dump, size):
    """Where the memory that was touched begins: the kernel may have made one mapping of it and its neighbours."""
    for base, end, state, _protection, kind in dump.regions():
        if state != MEM_COMMIT or kind != MEM_PRIVATE:
            continue
        for start in range(base, end - size + 1, 4096):
            if all(dump.read(start + (i << 12), 1) == bytes([page_byte(i)]) for i in range(16)):
                return start
    return None


def verify(where, path, mib):
    """Every page of the dump against what was touched, then its ends as other readers see them."""
    size = mib << 20
    dump = Dump(path)
    base = find_area(dump, size)
    if base is None:
        return "the memory is NOT there"
    for start in range(0, size, 16 << 20):
        part = dump.read(base + start, 16 << 20)
        for at in range(0, 16 << 20, 4096):
            if part is None or part[at] != page_byte((start + at) >> 12) or any(part[at + 1:at + 16]):
                return "page at %#x is WRONG" % (base + start + at)
    dump.close()
    said = ["every page of %d MiB is right" % mib]
    for at in (0, size // 2, size - 4096):
        wanted = page_byte(at >> 12)
        done = subprocess.run([where.debugger, "-z", path, "-c", "db %x L1; q" % (base + at)], capture_output=True,
                              text=True, errors="replace", check=False, stdin=subprocess.DEVNULL)
        if not re.search(r"\b%02x\b" % wanted, done.stdout.splitlines()[-1] if done.stdout else ""):
            return "inquest at +%#x: %s" % (at, (done.stdout + done.stderr)[-200:])
        if judges.lldb_program():
            done = subprocess.run([judges.lldb_program(), "--batch", "-c", path, "-o", "x/1bx %#x" % (base + at)],
                                  capture_output=True, text=True, errors="replace", check=False)
            if "0x%02x" % wanted not in done.stdout.splitlines()[-1]:
                return "lldb at +%#x: %s" % (at, done.stdout[-200:])
    said.append("inquest and lldb agree at both ends and in the middle" if judges.lldb_program() else "inquest agrees")
    return "; ".join(said)


def bench_full(options, where, folder, table, once, systemd):
    program = os.path.join(options.build, "tests/crashers/crashme")
    mib = 1024 if options.quick else 4096
    rounds = options.rounds or (2 if options.quick else FULL_ROUNDS)
    ways = full_ways(options, where, folder, program, mib, systemd)
    found = []

    def after(way, i):
        kernel.wait_until(lambda: not is_busy(where), 300)
        if way.name == FULL and i == rounds - 1:
            dumps = [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".dmp")]
            found.append(verify(where, dumps[0], mib) if dumps else "there is NO dump")
        settle(where, folder)
    figures = in_turn(ways, rounds, lambda way: once(program, mib, 0, folder, way.environment), after)
    show(table, "downtime with all memory in the dump, %d MiB of small pages (ms)" % mib, figures)
    print("  the dump: %s" % found[0])
    verdict("ma of the floor, pairs", of(figures, FULL, FLOOR), 1.0)


# --- a start ---------------------------------------------------------------------------------------------

def start_once(environment):
    start = time.monotonic_ns()
    os.waitpid(os.posix_spawn("/bin/true", ["true"], environment), 0)
    return (time.monotonic_ns() - start) / 1e3


def bench_start(options, where, table):
    """What the preloaded stub adds to a start of /bin/true. Another library of the same size beside it: what the loader
    takes for any."""
    ways = {"no stub": {}, "stub, INQUEST unset": {"LD_PRELOAD": where.stub},
            "stub, INQUEST=m": {"LD_PRELOAD": where.stub, "INQUEST": "m"}}
    figures = {name: [] for name in ways}
    for _ in range(STARTS // 4 if options.quick else STARTS):
        for name, environment in ways.items():
            figures[name].append(start_once(environment))
    rows, over = [], {}
    for name, seen in figures.items():
        over[name] = statistics.median(a - b for a, b in zip(seen, figures["no stub"]))
        rows.append((name, "%.0f" % statistics.median(seen), "%.0f" % min(seen), "%+.0f" % over[name],
                     "%+.0f" % (min(seen) - min(figures["no stub"]))))
    table("start of /bin/true (us), %d each" % len(seen), ("", "median", "least", "over no stub (pairs)", "least - least"), rows)
    for name, allowed in (("stub, INQUEST unset", UNSET_US), ("stub, INQUEST=m", SET_US)):
        verdict("%s, us over no stub" % name, over[name], allowed)
