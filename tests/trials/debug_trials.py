# SPDX-License-Identifier: GPL-3.0-or-later
"""Just in time: a program crashes and a person at its terminal lands in it, before it is gone. Also by hand, as
AeDebug's -p %ld -e %ld -j 0x%p does, and where there is nobody to ask."""
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import time

import kernel
import lab
from stub_lab import SEGV, StubLab, died, is_dump, signalled
from trial import Failure, Skip, expect, trial

PROMPT = re.compile(rb"0:\d{3}> $")
AVX = "1" * 32 + "2" * 32


class Terminal:
    """A program at a terminal of its own, as a user, and what is typed and seen there."""

    def __init__(self, user, argv, environment, background=False):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os.chdir("/")
                if background and os.fork():
                    # The terminal's foreground stays ours; what crashes is in a group of its own.
                    os.wait()
                    os._exit(0)
                if background:
                    os.setpgid(0, 0)
                os.execve(argv[0], argv, environment)
            finally:
                os._exit(126)
        self.seen = b""
        self.gone = False

    def read(self, until, seconds=20):
        """What appears until the pattern ends it; the terminal's end counts only for None."""
        end, start = time.monotonic() + seconds, len(self.seen)
        while not (until and until.search(self.seen[start:])):
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            try:
                piece = os.read(self.fd, 65536) if ready else b""
            except OSError:
                piece = b""    # nobody has the other end any more
            if not piece:
                if until or ready == []:
                    raise Failure("not seen at the terminal: %s, but: %s" %
                                  (until and until.pattern, self.text()[-600:]))
                break
            self.seen += piece.replace(b"\r\n", b"\n")
        return self.seen[start:].decode(errors="replace")

    def text(self):
        return self.seen.decode(errors="replace")

    def ask(self, line):
        os.write(self.fd, line.encode() + b"\n")
        return self.read(PROMPT)

    def wait(self, seconds=10):
        """Its wait status, as subprocess tells it."""
        def end():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (os.waitstatus_to_exitcode(status),) if pid else None
        ended = kernel.wait_until(end, seconds)
        expect(ended, "it still ran after %s s; seen: %s", seconds, self.text()[-400:])
        self.gone = True
        return ended[0]

    def hang_up(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def close(self):
        """Nothing of it stays, whatever happened."""
        self.hang_up()
        if not self.gone:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.gone = True


def environment_of(here):
    return dict(here.environment("debug"), TERM="dumb")


@trial("debug.terminal.looks-dumps-and-lets-die")
def looks(context):
    """The prompt at the exception's context; everything can be looked at; any dump written; q is its death."""
    with StubLab(context) as here:
        path = os.path.join(here.folder, "by-hand.dmp")
        terminal = Terminal(here.user, [here.program("crashme"), "null-read"], environment_of(here))
        try:
            first = terminal.read(PROMPT)
            expect("Signal SIGSEGV (SEGV_MAPERR: address not mapped to object) at 0x0" in first, "it said: %s", first)
            expect("crashme!read_null+" in first, "not at the exception's context: %s", first[-400:])
            told = terminal.ask(".lastevent")
            expect("Last event: " in told and "SIGSEGV" in told, ".lastevent: %s", told)
            told = terminal.ask("k 3")
            expect(re.search(r"^00 .*crashme!read_null\+", told, re.M) and "read_null_below" in told, "k: %s", told)
            rip = re.search(r"rip=([0-9a-f]{16})", terminal.ask("r")).group(1)
            told = terminal.ask(".dump /ma %s" % path)
            expect("Dump successfully written" in told, ".dump: %s", told)
            expect("is there already; /o overwrites it" in terminal.ask(".dump /m %s" % path), "no refusal")
            # It waits meanwhile: its state and its signal are what they were.
            expect(os.waitpid(terminal.pid, os.WNOHANG)[0] == 0, "it was gone before q")
            os.write(terminal.fd, b"q\n")
            status = terminal.wait()
        finally:
            terminal.close()
        expect(status == -SEGV, "status %d, not its own signal", status)
        expect(is_dump(path) and os.stat(path).st_uid == here.user.pw_uid, "the dump is not the user's")
        told = signalled(here, path, ".ecxr; k 3")
        expect("rip=" + rip in told and "crashme!read_null+" in told, "the dump tells of another place: %s", told)
        expect(here.dumps() == {path}, "dumps that nobody asked for: %s", here.dumps())


@trial("debug.terminal.interrupt-and-hangup")
def hangup(context):
    """Ctrl-C is the debugger's and not the program's; a terminal that goes away ends both."""
    with StubLab(context) as here:
        terminal = Terminal(here.user, [here.program("crashme"), "null-read"], environment_of(here))
        try:
            terminal.read(PROMPT)
            time.sleep(0.3)    # it reads by now
            os.write(terminal.fd, b"\x03")
            time.sleep(0.3)    # the kernel sends it to the foreground's group
            # Whether it said its prompt again or not: it still answers.
            os.write(terminal.fd, b"\nk 1\n")
            terminal.read(re.compile(rb"Call Site.*read_null.*0:\d{3}> $", re.S))
            expect(os.waitpid(terminal.pid, os.WNOHANG)[0] == 0, "the program died of Ctrl-C")
            terminal.hang_up()
            status = terminal.wait(15)
        finally:
            terminal.close()
        # The terminal's end is SIGHUP's to who leads its session: the program itself, here.
        expect(status in (-SEGV, -signal.SIGHUP), "status %d", status)


@trial("debug.terminal.nobody-there")
def nobody(context):
    """Without a terminal, and in the background of one: a dump, in time, and nobody is asked."""
    with StubLab(context) as here:
        end = here.crash([here.program("crashme"), "null-read"], letters="debug")
        died(end, SEGV, "without a terminal")
        expect(len(end.dumps) == 1 and is_dump(end.dump), "dumps: %s; %s", end.dumps, end.said)
        expect("SIGSEGV" in signalled(here, end.dump), "the dump tells of no crash")
        before = here.dumps()
        start = time.monotonic()
        terminal = Terminal(here.user, [here.program("crashme"), "null-read"], environment_of(here), background=True)
        try:
            expect(kernel.wait_until(lambda: here.dumps() - before, 10), "in the background: no dump; seen: %s",
                   terminal.text())
            expect(terminal.wait() == 0 and time.monotonic() - start < 10, "in the background: it hung")
        finally:
            terminal.close()


def by_hand(here, commands, letters=None):
    """A program of somebody else's, that starts the debugger with a bare JIT_DEBUG_INFO and an event."""
    command = "exec '%s' -p %%p -j %%j -e %%e -c '%s; q'" % (here.tree.debugger, commands)
    return here.crash([here.program("aedebug"), command], letters=letters, preload=False, dumps=0, seconds=30)


@trial("debug.by-hand.record-and-event")
def record_and_event(context):
    """inquest -p PID -j RECORD -e FD on a record that is not the stub's: its exception, its registers, and the end."""
    with StubLab(context) as here:
        path = os.path.join(here.folder, "aedebug.dmp")
        start = time.monotonic()
        end = by_hand(here, ".lastevent; k 2; rY; .dump /mya %s" % path)
        expect(end.status == -SEGV, "status %d: %s", end.status, end.said)
        expect(time.monotonic() - start < 25, "the event was not signalled: it waited for its own deadline")
        for words in ("Last event: ", "SIGSEGV", "aedebug!fault_here+", "Dump successfully written"):
            expect(words in end.output, "'%s' is not in: %s", words, end.output[-600:])
        told = signalled(here, path, ".ecxr; k 2; rY")
        expect("aedebug!fault_here+" in told, "the dump is of another place: %s", told[-400:])
        if " avx " in open("/proc/cpuinfo", encoding="ascii", errors="replace").read():
            # Only the signal frame has the upper halves: the handler may have used them since.
            for what, text in (("the process", end.output), ("the dump", told)):
                expect("ymm5 =" + AVX in text, "%s: %s", what, re.findall(r"ymm5 =\w+", text))


@trial("debug.by-hand.exceptions-of-options")
def of_options(context):
    """/j, /xp, /xc and /xr, alone and together, give a dump or a core the exception of a process that tells of none."""
    rows = (("j.dmp", "/m /j %j", "SIGSEGV", "fault_here"), ("p.dmp", "/m /xp %j+18", "SIGSEGV", "fault_here"),
            ("xcr.dmp", "/m /xc poi(%j+20) /xr poi(%j+18)", "SIGSEGV", "fault_here"),
            ("xc.dmp", "/m /xc poi(%j+20)", "SIGTRAP (TRAP_BRKPT", "fault_here"),
            ("xr.dmp", "/m /xr poi(%j+18)", "SIGSEGV", "poll"), ("j.core", "/f /j %j", "SIGSEGV", "fault_here"),
            ("jr.dmp", "/mr /j %j", "SIGSEGV", "fault_here"))
    refused = (("/m /j poi(%j+18)", "size is 11, a JIT_DEBUG_INFO has 40 bytes"),
               ("/m /xc poi(%j+18)", "not a ucontext_t (its cs is 0x0, not 0x33)"),
               ("/m /xc poi(%j+20) /xt 7fffffff", "there is no thread 0x7fffffff"),
               ("/m /j %j /xc poi(%j+20)", "/j and /xc contradict each other"),
               ("/m /xr 10", "siginfo: 0x10: not mapped"), ("/m /xp 10", "/xp: 0x10: not mapped"))
    with StubLab(context) as here:
        look = "'%s' -p %%p --no-snapshot -c '" % here.tree.debugger
        commands = [".dump %s %s" % (options, os.path.join(here.folder, name)) for name, options, *_rest in rows]
        commands += [".dump %s %s" % (options, os.path.join(here.folder, "no.dmp")) for options, _words in refused]
        let_go = "'; exec '%s' -p %%p -j %%j -e %%e -c q >/dev/null" % here.tree.debugger
        end = here.crash([here.program("aedebug"), "exec 2>&1; " + look + "; ".join(commands) + let_go],
                         letters=None, preload=False, dumps=0, seconds=30)
        expect(end.status == -SEGV, "status %d: %s", end.status, end.said)
        for options, words in refused:
            expect(words in end.output, "%s: '%s' is not in: %s", options, words, end.output[-1500:])
        expect(not os.path.exists(os.path.join(here.folder, "no.dmp")), "a refused dump is there")
        for name, options, event, frame in rows:
            told = signalled(here, os.path.join(here.folder, name), ".lastevent; .ecxr; k 1")
            expect("Signal " + event in told and re.search(r"^00 .*!_*%s\+" % frame, told, re.M), "%s: %s", options,
                   told[-500:])
        os.unlink(os.path.join(here.folder, "j.core"))


@trial("debug.by-hand.refusals")
def refusals(context):
    """Addresses that are no record, and descriptors that are no event: said, and nobody is left waiting."""
    with StubLab(context) as here:
        sleeper = subprocess.Popen(["/bin/sleep", "60"], **lab.as_user(here.user))
        try:
            time.sleep(0.1)
            for options, code, words in (
                    (["-j", "10"], 0, "record at 0x10"),
                    (["-j", "zz"], 2, "-j: no address: 'zz'"),
                    (["-e", "3"], 2, "-e goes with -j"),
                    (["-j", "10", "-e", "x"], 2, "-e: no descriptor: 'x'")):
                done = subprocess.run([here.tree.debugger, "-p", str(sleeper.pid), *options, "-c", "k 1; q"],
                                      capture_output=True, text=True, timeout=20, check=False,
                                      stdin=subprocess.DEVNULL, cwd="/", **lab.as_user(here.user))
                said = done.stdout + done.stderr
                expect(done.returncode in (code, 1 if code == 0 else code) and words in said, "%s: %d: %s", options,
                       done.returncode, said[-300:])
                expect(sleeper.poll() is None, "%s ended the process", options)
        finally:
            sleeper.kill()
            sleeper.wait()


@trial("debug.letters.extended-registers")
def extended(context):
    """INQUEST=my: what only the signal frame of the crashed thread has, through the collector into the dump."""
    if " avx " not in open("/proc/cpuinfo", encoding="ascii", errors="replace").read():
        return
    with StubLab(context) as here:
        for letters in ("my", "my,snapshot", "may"):
            end = here.crash([here.program("aedebug")], letters=letters)
            died(end, SEGV, letters)
            expect(end.dump, "%s: no dump: %s", letters, end.said)
            told = signalled(here, end.dump, ".ecxr; rY")
            expect("ymm5 =" + AVX in told, "%s: %s", letters, re.findall(r"ymm5 =\w+", told) or told[-300:])


ENDS = """
import ctypes, os, socket, time
a, b = socket.socketpair()
r, w = os.pipe()
child = os.fork()
if not child:
    a.close(); os.close(r); os.close(1); os.close(2); time.sleep(30); os._exit(0)
b.close(); os.close(w)
print(child, flush=True)
ctypes.string_at(0)
"""


@trial("debug.letters.other-ends")
def other_ends(context):
    """Who has the other end of a dying process's pipe and socket, in a dump by the collector: by name and descriptor."""
    with StubLab(context) as here:
        for letters in ("mh", "mah", "mh,no-snapshot"):
            end = here.crash(["/usr/bin/python3", "-c", ENDS], letters=letters)
            child = int(end.output)
            try:
                died(end, SEGV, letters)
                expect(end.dump, "%s: no dump: %s", letters, end.said)
                told = signalled(here, end.dump, "!handle -a f")
                for words in (r"peer: process %d \(python3\), descriptor \d+$" % child,
                              r"shared with: process %d \(python3\), descriptor \d+ \(write end\)$" % child):
                    expect(re.search(words, told, re.M), "%s: '%s' is not in: %s", letters, words,
                           re.findall(r".*(?:peer|shared).*", told))
                expect("process 1 " not in told, "%s: processes of others are named: %s", letters, told[-300:])
            finally:
                os.kill(child, signal.SIGKILL)
            os.unlink(end.dump)


@trial("debug.letters.untouched-memory")
def untouched(context):
    """A gibibyte of which one page was touched costs one page, on the collector's road as well: pagemap tells."""
    with StubLab(context) as here:
        for letters in ("mf", "mw", "ma,no-snapshot"):
            start = time.monotonic()
            end = here.crash([here.program("aedebug")], letters=letters, seconds=20)
            died(end, SEGV, letters, 20)
            expect(end.dump, "%s: no dump: %s", letters, end.said)
            state = os.stat(end.dump)
            expect(state.st_size > 1 << 30, "%s: %d bytes, less than the memory", letters, state.st_size)
            expect(state.st_blocks * 512 < 32 << 20, "%s: takes %d MiB of the disk", letters, state.st_blocks >> 11)
            expect(time.monotonic() - start < 10, "%s: took %.1f s", letters, time.monotonic() - start)
            told = signalled(here, end.dump, ".ecxr; da @r12+3ffff000 L8; dq @r12 L1; dq @r12+20000000 L1")
            expect("the end." in told, "%s: the touched page: %s", letters, told[-300:])
            expect(told.count("00000000`00000000") >= 2, "%s: untouched pages: %s", letters, told[-300:])
            os.unlink(end.dump)


@trial("debug.letters.vectors-as-gdb-reads-them")
def vectors(context):
    """ymm, zmm and masks in /my, and in the core of /fy, where gdb is the judge."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        flags = f.read()
    gdb = shutil.which("gdb")
    if " avx " not in flags or not gdb:
        raise Skip("no AVX, or no gdb, here")
    rows = [("ymm5", AVX, "p/x $ymm5.v4_int64", "{0x2222222222222222, 0x2222222222222222, 0x1111111111111111, "
                                                "0x1111111111111111}")]
    if " avx512f " in flags:
        rows += [("zmm17", "00005a5a" * 16, "p/x $zmm17.v16_int32", "{0x5a5a <repeats 16 times>}"),
                 ("k3", "0000000000005a5a", "p/x $k3", "0x5a5a")]
    with StubLab(context) as here:
        dump, core = (os.path.join(here.folder, name) for name in ("v.dmp", "v.core"))
        end = by_hand(here, ".dump /my %s; .dump /fy %s" % (dump, core))
        expect(end.status == -SEGV and os.path.exists(core), "status %d: %s", end.status, end.output[-300:] + end.said)
        ours = [signalled(here, path, ".ecxr; " + "; ".join("r " + row[0] for row in rows)) for path in (dump, core)]
        for name, value, *_rest in rows:
            for path, told in zip((dump, core), ours):
                expect(re.search(r"^%s *=%s$" % (name, value), told, re.M), "%s of %s: %s", name, path, told[-300:])
        told = subprocess.run([gdb, "-nx", "-batch", *(word for row in rows for word in ("-ex", row[2])), "-c", core],
                              capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, DEBUGINFOD_URLS="")).stdout
        for name, _value, _command, wanted in rows:
            expect(wanted in told, "gdb has another %s: %s", name, told[-400:])
        os.unlink(core)


RECORD_COMMANDS = ".jdinfo {record}; .exr {info}; .cxr {context}; k 1"


@trial("debug.records.in-dump-core-and-process")
def records(context):
    """.jdinfo, .exr and .cxr read the record wherever its memory is: in the process, a dump and a core of it."""
    with StubLab(context) as here:
        folder = here.folder
        end = by_hand(here, ".dump /mf %s/full.dmp; .dump /f %s/full.core; .echo RECORD %%j; .jdinfo %%j" %
                      (folder, folder))
        record = re.search(r"^RECORD ([0-9a-f]+)", end.output, re.M).group(1)
        live = end.output[end.output.index("RECORD"):]
        places = {"record": record}
        for name, words in (("info", "Exception record at "), ("context", "Context record at ")):
            found = re.search(words + r"([0-9a-f`]+)", live)
            expect(found, "no '%s' in: %s", words, live)
            places[name] = found.group(1).replace("`", "")
        answers = {}
        for name in ("full.dmp", "full.core"):
            told = signalled(here, os.path.join(folder, name), ".echo BEGIN; " + RECORD_COMMANDS.format(**places))
            answers[name] = told[told.index("BEGIN"):]
            for words in ("signal 11, code 1, address 00000000`00000000", "ExceptionCode: 0000000b (SIGSEGV",
                          "aedebug!fault_here+"):
                expect(words in answers[name], "%s: '%s' is not in: %s", name, words, answers[name])
        expect(answers["full.dmp"] == answers["full.core"], "dump and core differ: %s", answers)
        rip = re.search(r"rip=[0-9a-f]{16}", live).group(0)
        expect(rip in answers["full.dmp"], "%s of the process is not in the dump's answer", rip)
        os.unlink(os.path.join(folder, "full.core"))
