# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user can do with the program that is set-user-ID root: what it inherits, its arguments, its place in the
spool, the time it takes. Beside stub_hold.py, which stops it on its way.

R numbers are those of the requirements that the trials stand for.
"""
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import kernel
import lab
from stub_hold import HeldLab, half_done, next_crash
from stub_lab import SEGV, StubLab, is_dump, signalled
from trial import Skip, collecting, expect, trial

PLACES = 32


def in_spool(context):
    """A StubLab that leaves the spool as it found it."""
    @contextlib.contextmanager
    def run():
        with StubLab(context) as here:
            before = here.tree.everything_in_spool()
            try:
                yield here
            finally:
                for path in here.tree.everything_in_spool() - before:
                    if path.endswith(".dmp"):
                        os.unlink(path)
    return run()


def limit(number, value):
    return lambda: resource.setrlimit(number, (value, value))


CAP_SYS_RESOURCE = 24
MAY_RAISE = int(lab.status_field("self", "CapBnd")[0], 16) >> CAP_SYS_RESOURCE & 1


def tight(number, value):
    """The hard limit too, where root may raise it again (not in every container)."""
    def prepare():
        resource.setrlimit(number, (value, value if MAY_RAISE else resource.getrlimit(number)[1]))
    return prepare


def gone_directory():
    path = tempfile.mkdtemp()
    os.chdir(path)
    os.rmdir(path)


def close(*numbers):
    def prepare():
        for number in numbers:
            os.close(number)
    return prepare


# what is left to the collector -> how; each must end in a dump in the spool, the user's, of mode 0600
HOSTILE = {
    "FSIZE 0": tight(resource.RLIMIT_FSIZE, 0), "FSIZE 4096": tight(resource.RLIMIT_FSIZE, 4096),
    "DATA 8 MiB": tight(resource.RLIMIT_DATA, 8 << 20), "CPU 1": tight(resource.RLIMIT_CPU, 1),
    "STACK 64 KiB": tight(resource.RLIMIT_STACK, 64 << 10), "NOFILE 8": tight(resource.RLIMIT_NOFILE, 8),
    "CORE 0": limit(resource.RLIMIT_CORE, 0), "MEMLOCK 0": tight(resource.RLIMIT_MEMLOCK, 0),
    "SIGPENDING 0": tight(resource.RLIMIT_SIGPENDING, 0), "MSGQUEUE 0": tight(resource.RLIMIT_MSGQUEUE, 0),
    "umask 0": lambda: os.umask(0), "umask 777": lambda: os.umask(0o777),
    "a directory that is gone": gone_directory,
    "all signals blocked": lambda: signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals() - {SEGV}),
    "all signals ignored": lambda: [signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 11, 19)],
    "idle": lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)), "nice": lambda: os.nice(19),
    "descriptors closed": close(0, 1, 2),
}


@trial("stub.keeper.R14-hostile-inheritance")
def inheritance(context):
    """Whatever the program leaves behind, its dump comes into the spool, is the user's alone, and its folder root's."""
    with in_spool(context) as here, collecting() as wrong:
        for what, prepare in HOSTILE.items():
            before = here.tree.dumps()
            end = here.crash([here.program(), "plain"], dumps=0, environment=here.environment(spool=True), before=prepare)
            dump = here.tree.new_dump(before, 2)
            if end.status != -SEGV or not dump:
                wrong.append("%s: status %d, dump %s: %s" % (what, end.status, dump, end.said.strip()))
            elif lab.own(dump) != (here.user.pw_uid, here.user.pw_gid, 0o600) or not is_dump(dump):
                wrong.append("%s: '%s' is %d:%d %o" % ((what, dump) + lab.own(dump)))
            folder = os.path.join(here.tree.spool, str(here.user.pw_uid))
            if lab.own(folder)[0] != 0 or lab.own(folder)[2] & 0o027:
                wrong.append("%s: '%s' is %d:%d %o" % ((what, folder) + lab.own(folder)))
            wrong += ["%s: %s" % (what, words) for words in half_done(here)]


# Costs the dump at most: the limits of the user's own processes, which no privilege may lift for him.
@trial("stub.keeper.R14-limits-of-the-user")
def own_limits(context):
    with in_spool(context) as here, collecting() as wrong:
        for what, prepare in (("NPROC 1", limit(resource.RLIMIT_NPROC, 1)), ("NOFILE 3", limit(resource.RLIMIT_NOFILE, 3)),
                              ("AS 1 MiB", limit(resource.RLIMIT_AS, 1 << 20))):
            end = here.crash([here.program("stubbed-static"), "plain"], dumps=0,
                             environment=here.environment(preload=False, spool=True), before=prepare)
            if end.status != -SEGV or end.seconds > 7:
                wrong.append("%s: status %d in %.1f s: %s" % (what, end.status, end.seconds, end.said.strip()))
            wrong += ["%s: %s" % (what, words) for words in half_done(here)]


# A process of the user's that runs the collector by itself; argv[0] of the collector is the user's to choose, too.
CALLER = r'''
import ctypes, os, signal, sys
how, collector = sys.argv[1:3]
libc = ctypes.CDLL(None)
words = {
    "no argv[0]": [], "empty argv[0]": [b""], "long argv[0]": [b"x" * 100000, b"--version"],
    "options for argv[0]": [b"--help", b"-V"], "10,000 words": [b"c"] + [b"-p"] * 10000,
    "%n": [b"c", b"%n%n%n%n%s"], "escapes": [b"c", b"\x1b]0;x\x07\xff\n"], "p0": [b"c", b"-p", b"0", b"-j", b"1"],
    "relative": [b"c", b"-p", b"1", b"-j", b"1", b"--directory=../../etc"],
    "dump": [b"c", b"-p", b"1", b"-j", b"1", b"--dump=" + b"m" * 1000],
}[how]
argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
signal.setitimer(signal.ITIMER_REAL, 0)
libc.execve(collector.encode(), argv, (ctypes.c_char_p * 1)(None))
os._exit(99)
'''


@trial("stub.keeper.R22-odd-arguments")
def odd_arguments(context):
    """A usage error or words, never a signal; and no byte of the words reaches anybody's terminal unasked."""
    rows = {"no argv[0]": 2, "empty argv[0]": 2, "long argv[0]": 0, "options for argv[0]": 0, "10,000 words": 2, "%n": 2,
            "escapes": 2, "p0": 2, "relative": 2, "dump": 2}
    with in_spool(context) as here, collecting() as wrong:
        before = here.tree.everything_in_spool()
        for how, status in rows.items():
            done = subprocess.run(["/usr/bin/python3", "-c", CALLER, how, here.tree.collector], capture_output=True,
                                  check=False, timeout=20, stdin=subprocess.DEVNULL, cwd="/", **lab.as_user(here.user))
            if done.returncode != status:
                wrong.append("%s: status %d: %s" % (how, done.returncode, done.stderr[-100:]))
        if here.tree.everything_in_spool() != before:
            wrong.append("something came into the spool")


TIMED = '''
import os, signal, sys
signal.setitimer(signal.ITIMER_REAL, 0.3)
os.execv(sys.argv[1], sys.argv[1:])
'''


@trial("stub.keeper.R14-timer")
def timer(context):
    """A timer that the caller left running, as an exec does, is none of the collector's: it would be pending."""
    with HeldLab(context) as here:
        for point, pending in (("start", True), ("identity", False)):
            here.want(point)
            process = here.start(["/usr/bin/python3", "-S", "-c", TIMED, here.tree.collector, "-p", "1", "-j", "1"],
                                 letters=None, preload=False)
            pid = here.held()
            here.forget()
            fired = kernel.wait_until(lambda p=pid: int(lab.status_field(p, "ShdPnd")[0], 16), 0.6)
            here.go_on()
            process.wait(5)
            process.stdout.close()
            process.stderr.close()
            expect(bool(fired) == pending, "held at '%s' it has the pending signals %x", point, fired)


@trial("stub.keeper.R42-places")
def places(context):
    """Collectors that their user has stopped: so many, and no more; another user's place is not among them."""
    with HeldLab(context) as here, collecting() as wrong:
        here.want("created")
        stopped = []
        for _ in range(PLACES):
            stopped.append(here.crashing("plain"))
        expect(kernel.wait_until(lambda: len(here.stopped()) >= PLACES, 10), "only %d collectors were stopped",
               len(here.stopped()))
        here.forget()
        before = here.tree.dumps()
        process = here.crashing("plain")
        said = process.communicate(timeout=8)[1].decode(errors="replace")
        if process.returncode != -SEGV or "are being written already" not in said or here.tree.dumps() - before:
            wrong.append("one more: status %d, dumps %s: %s" % (process.returncode, here.tree.dumps() - before, said))
        other = subprocess.Popen([here.program(), "plain"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=here.environment(spool=True), cwd="/",
                                 **lab.as_user(here.users.mallory))
        if other.wait(8) != -SEGV or not here.tree.new_dump(before, 3):
            wrong.append("another user's crash has no dump")
        here.go_on()
        for process in stopped:
            if process.wait(10) != -SEGV:
                wrong.append("one that was stopped ends with %d" % process.returncode)
            process.stdout.close()
            process.stderr.close()
        kernel.wait_until(lambda: not here.collectors(), 10)
        wrong += next_crash(here)


@contextlib.contextmanager
def settings(tree, text):
    """Other settings for a tree, for a while."""
    try:
        with open(tree.config, encoding="utf-8") as f:
            kept = f.read()
    except FileNotFoundError:
        kept = None
    with open(tree.config, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(tree.config, 0o644)
    try:
        yield
    finally:
        if kept is None:
            os.unlink(tree.config)
        else:
            with open(tree.config, "w", encoding="utf-8") as f:
                f.write(kept)


@trial("stub.keeper.R15-nothing-is-held-behind-the-deadline")
def deadline(context):
    """The user stops what works for him and lets nobody end it: behind the deadlines the keeper gives back the file's
    space and ends the others, stopped as they are."""
    with HeldLab(context) as here, settings(here.tree, "hold-deadline = 1\nwrite-deadline = 1\n"), collecting() as wrong:
        # The program is gone, so that no stub is there to end the collector.
        here.want("written")
        process = here.crashing("threads", "20")
        collector = here.held()
        here.forget()
        keeper = [p for p in here.collectors() if p != collector and lab.status_field(p, "Uid") == ["0"] * 4]
        expect(len(keeper) == 1, "keepers: %s", keeper)
        file = [os.stat("/proc/%d/fd/%s" % (keeper[0], fd)) for fd in os.listdir("/proc/%d/fd" % keeper[0])]
        expect(any(f.st_nlink == 0 and f.st_blocks for f in file), "the keeper has no unnamed file with something in it")
        end = here.finish_alone(process, time.monotonic())
        expect(end[0] == -SEGV, "status %s", end[0])
        start = time.monotonic()
        if not kernel.wait_until(lambda: not here.collectors(), 12):
            wrong.append("after 12 s there are still %s" % here.collectors())
        if time.monotonic() - start < 2:
            wrong.append("it ended before the deadline")
        wrong += half_done(here)


@trial("stub.keeper.R42-share-of-the-spool")
def share(context):
    """Many at once, each larger than was reserved for it: what is in the account afterwards keeps to its limits, the
    newest is there, and other users' dumps are untouched."""
    with in_spool(context) as here, collecting() as wrong:
        other = subprocess.run([here.program(), "plain"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
                               stderr=subprocess.DEVNULL, env=here.environment(spool=True), cwd="/",
                               **lab.as_user(here.users.mallory))
        expect(other.returncode == -SEGV, "the other user's crash: %d", other.returncode)
        theirs = kernel.wait_until(here.tree.dumps, 5)
        with settings(here.tree, "max-count = 1000\nmax-bytes = 8M\nmax-dump = 8M\nkeep-free = 0\n"):
            for _ in range(4):
                running = [here.start([here.program(), "threads", "8"],
                                      environment=here.environment("ma,no-snapshot", spool=True)) for _ in range(6)]
                for process in running:
                    here.finish(process, dumps=0)
                used = sum(os.stat(p).st_blocks * 512 for p in here.tree.dumps() - theirs)
                if used > 8 << 20:
                    wrong.append("%d bytes in the account" % used)
            if not here.tree.dumps() - theirs:
                wrong.append("no dump of %d" % 24)
        if theirs - here.tree.dumps():
            wrong.append("the other user's dump is gone")


@trial("stub.keeper.file-capabilities")
def file_capabilities(context):
    """A collector that was given capabilities instead of a set-user-ID bit gives them up before it looks at anything, and
    does what its user may."""
    with HeldLab(context) as here, collecting() as wrong:
        aside = here.tree.collector + ".aside"
        shutil.copy2(here.tree.collector, aside)
        os.chown(aside, 0, 0)
        os.chmod(aside, 0o4755)
        try:
            os.chmod(here.tree.collector, 0o755)
            for caps in ("cap_sys_ptrace,cap_dac_read_search=p", "cap_sys_ptrace,cap_setuid,cap_setgid=ep"):
                if subprocess.run(["setcap", caps, here.tree.collector], capture_output=True, check=False).returncode:
                    raise Skip("setcap does not work here")
                # Without privilege nobody looks at hold points, so that it is caught by its own name.
                process = here.start([here.program(), "threads", "200"])
                looked = 0
                while process.poll() is None:
                    for pid in here.collectors():
                        with contextlib.suppress(OSError, TypeError):
                            if lab.status_field(pid, "NoNewPrivs") == ["1"]:
                                looked += 1
                                has = lab.status_field(pid, "CapPrm")[0]
                                if int(has, 16):
                                    wrong.append("%s: it still has %s" % (caps, has))
                end = here.finish(process)
                if end.status != -SEGV or not end.dumps:
                    wrong.append("%s: status %d, dumps %s: %s" % (caps, end.status, end.dumps, end.said.strip()))
                expect(looked, "%s: nothing was seen", caps)
        finally:
            os.replace(aside, here.tree.collector)


@trial("stub.keeper.R17-says-that-it-had-no-privilege")
def says_degraded(context):
    """In the dump's comment; and a collector that had it does not say so."""
    with StubLab(context) as here:
        end = here.crash([here.program(), "plain"])
        told = signalled(here, end.dump, ".dumpdebug")
        expect("without privilege" not in told, "it had: %s", told[-300:])
        os.unlink(end.dump)
        end = here.crash(["setpriv", "--no-new-privs", here.program(), "plain"])
        told = signalled(here, end.dump, ".dumpdebug")
        expect("without privilege, as user %d may" % here.user.pw_uid in told, "not told: %s", told[-600:])


HOSTILE_NAMES = """LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT GCONV_PATH LOCPATH NLSPATH TMPDIR HOME IFS PATH ENV
MALLOC_TRACE GLIBC_TUNABLES RES_OPTIONS HOSTALIASES LOCALDOMAIN DEBUGINFOD_URLS http_proxy INQUEST INQUEST_DIR TZ TZDIR
LC_ALL LANG TERM TERMINFO SHELL PYTHONPATH ASAN_OPTIONS""".split()


@trial("stub.security.R12-what-is-opened")
def what_is_opened(context):
    """With a hostile environment handed down to it: what the collector, its keeper and its worker open, from their first
    step to their last, is on this list, and they run, connect and make nothing."""
    if not shutil.which("strace"):
        raise Skip("no strace here")
    with HeldLab(context) as here, collecting() as wrong, tempfile.NamedTemporaryFile() as log:
        # All of /proc: with the letters that launcher asks for, what is at the other ends of pipes is looked for there, as
        # the user.
        allowed = re.compile(r"(/proc(/.*)?|/dev/null|/etc/os-release|/usr/lib/os-release|/sys/devices/system/cpu(/.*)?"
                             r"|%s|%s)" % (re.escape(here.tree.config), re.escape(here.folder)))
        environment = {name: here.folder + "/evil" for name in HOSTILE_NAMES if not name.startswith("LD_")}
        environment.update({"V%d" % i: "x" * 100 for i in range(170)}, MALLOC_PERTURB_="7", MALLOC_CHECK_="3")
        here.want("start")
        process = here.start([os.path.join(here.crashers, "launcher"), "bait", "word", here.tree.collector, here.folder],
                             environment=environment)
        pid = here.held()
        here.forget()
        with open("/proc/%d/environ" % pid, "rb") as f:
            expect(b"GCONV_PATH" in f.read(), "the environment was not handed down")
        tracer = subprocess.Popen(["strace", "-f", "-y", "-o", log.name, "-p", str(pid)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tracer.stderr.readline()
        os.kill(pid, signal.SIGCONT)
        kernel.wait_until(lambda: not here.collectors(), 20)
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        tracer.wait(10)
        tracer.stderr.close()
        with open(log.name, encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        opened = [found for found in (re.search(r'open(?:at2?)?\((?:AT_FDCWD<[^>]*>|AT_FDCWD|\d+<([^>]*)>), "([^"]*)"', line)
                                      for line in lines) if found]
        expect(len(opened) > 20 and here.dumps(), "%d were opened, dumps: %s", len(opened), here.dumps())
        for found in opened:
            path = os.path.normpath(os.path.join(found.group(1) or "/", found.group(2)))
            if not allowed.fullmatch(path):
                wrong.append("opens '%s'" % path)
        wrong += [line[:120] for line in lines
                  if re.search(r"^\d+ +(execve|connect|bind|mkdir|mkdirat|symlink|unlink|unlinkat|rename|mount)\(", line)]


def unified():
    """Where control groups of the second version are."""
    for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(os.path.join(place, "cgroup.procs")) and os.access(place, os.W_OK):
            return place
    raise Skip("no control groups of version 2 here")


@contextlib.contextmanager
def group(name):
    """A control group for a while: a function that puts a process into it, and one that freezes it or not."""
    path = os.path.join(unified(), "inquest-trial-%s-%d" % (name, os.getpid()))
    os.mkdir(path)

    def put(file, value):
        with open(os.path.join(path, file), "w", encoding="ascii") as f:
            f.write(str(value))
    try:
        if not os.path.exists(os.path.join(path, "cgroup.freeze")):
            raise Skip("control groups cannot be frozen here")
        yield lambda pid: put("cgroup.procs", pid), lambda frozen: put("cgroup.freeze", int(frozen))
    finally:
        with contextlib.suppress(OSError):
            put("cgroup.freeze", 0)
        kernel.wait_until(lambda: not remove_group(path), 5)


def remove_group(path):
    """False when it is gone."""
    try:
        os.rmdir(path)
    except OSError:
        return os.path.exists(path)
    return False


@trial("stub.hold.R15-frozen-meanwhile")
def frozen(context):
    """The program frozen or stopped while the collector works: that ends all the same, and the program dies once it may
    go on. The collector frozen: the program dies at the stub's deadline."""
    with HeldLab(context) as here, group("program") as (put, freeze), group("collector") as (put_ours, freeze_ours), \
            collecting() as wrong:
        for how in ("frozen", "stopped"):
            here.want("opened")
            process = here.crashing("threads", "3")
            held = here.held()
            here.forget()
            if how == "frozen":
                put(process.pid)
                freeze(True)
            else:
                os.kill(process.pid, signal.SIGSTOP)
            os.kill(held, signal.SIGCONT)
            if not kernel.wait_until(lambda: not [p for p in here.collectors()], 12):
                wrong.append("%s: the collector does not end" % how)
            if process.poll() is not None and how == "frozen":
                wrong.append("frozen: the program is gone")
            freeze(False)
            os.kill(process.pid, signal.SIGCONT)
            end = here.finish_alone(process, time.monotonic())
            if end[0] != -SEGV or end[1] > 7:
                wrong.append("%s: status %s after %.1f s" % (how, *end))
        here.want("stopped")
        process = here.crashing("threads", "3")
        start = time.monotonic()
        put_ours(here.held())
        here.forget()
        freeze_ours(True)
        here.go_on()
        end = here.finish_alone(process, start)
        if end[0] != -SEGV or end[1] > 7:
            wrong.append("the collector frozen: status %s after %.1f s" % end)
        freeze_ours(False)
        wrong += half_done(here)
