# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix: every letter of .dump, alone and combined, of every kind of target, against independent sources.

One process serves for many letters: it rests, so that what others read of it before is what a dump must hold.
$MATRIX=full tries every combination on every road; else the slow roads (one crash a dump) try some.
"""
import contextlib
import json
import os
import subprocess

import crashes
import judges
import matrix_checks as checks
import matrix_table as table
import minidump
import process_truth
from trial import Skip, collecting, expect, trial

FULL = os.environ.get("MATRIX") == "full"


class Victim:
    """plenty, resting."""

    def __init__(self, context, *words, stub=False, letters="m", **options):
        lost = context.tree.missing("inquest") or stub and not context.tree.stub and "no stub"
        if lost:
            raise Skip(lost)
        environment = dict(os.environ, **options.pop("env", {}))
        if stub:
            environment.update(LD_PRELOAD=context.tree.stub)
        if letters:
            environment.update(INQUEST=letters)
        self.process = subprocess.Popen([os.path.join(context.shared_folder(), "crashers/plenty"), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=environment, preexec_fn=crashes.allow_cores, cwd="/", **options)
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        expect(line, "plenty did not start")
        self.facts = json.loads(line)

    def truth(self):
        truth = process_truth.Truth(self.pid)
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
    expect(done.returncode == status, "inquest %s: status %d: %s", " ".join(words), done.returncode,
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
        wrong = table.directory(dump, run, lacks, dead) + checks.contents(dump, truth, run)
        return wrong + (checks.registers(dump, truth, run, by_gdb) if by_gdb else [])


def seen_by_gdb(process, truth):
    by_gdb = truth.gdb_registers()
    truth.rseq = [values["fs_base"] + process.facts["rseq"] for values in by_gdb.values()]
    return by_gdb


@trial("matrix.live")
def live(context):
    folder = folder_of(context, "live")
    with victim(context, stub=True) as process, collecting() as wrong:
        truth = process.truth()
        by_gdb = seen_by_gdb(process, truth)
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
            by_gdb = seen_by_gdb(process, truth)
            for run in ("m", "mA", "mrR", "mwp"):
                path = os.path.join(folder, run + ".dmp")
                truth.refresh()
                inquest(context, "-p", str(process.pid), *more, "-c", ".dump /o /%s %s; q" % (run, path))
                wrong += check(path, run, truth, by_gdb)
