# SPDX-License-Identifier: GPL-3.0-or-later
"""inquest-collect, its keeper and its worker, stopped at each of their hold points: what they are there, what the user
can do to them there, and what becomes of the process, the spool and everybody else.

Needs a build with test hooks. R numbers are those of the requirements that the trials stand for.
"""
import contextlib
import os
import re
import resource
import signal
import subprocess
import time

import kernel
import lab
from security_confinement import ALLOWED, ALLOWED_GIVES, FORBIDDEN, call_in
from security_spool import KEPT_BY_US
from stub_lab import SEGV, StubLab, is_dump
from stub_security import attacks
from trial import Skip, collecting, expect, trial

# In the order in which each comes to them.
COLLECTOR = ("start", "arguments", "identity", "user", "opened", "stopped", "decided", "created", "dismissed", "written",
             "published")
KEEPER = ("keeper", "kept", "named")
WORKER = ("worker", "confined", "gathered", "released")
POINTS = COLLECTOR + KEEPER + WORKER
PRIVILEGED = ("start", "arguments", "identity")
CHOWN, DAC_OVERRIDE, FOWNER, KILL = 1 << 0, 1 << 1, 1 << 3, 1 << 5
KEEPER_CAPABILITIES = CHOWN | DAC_OVERRIDE | FOWNER | KILL


class HeldLab(StubLab):
    """A StubLab with the hooked tree, dumps in its spool. The points are the machine's: others wait."""

    def __init__(self, context, user="victim"):
        if not context.hooked:
            raise Skip("needs --hooks-prefix, a tree built with --enable-test-hooks")
        super().__init__(context, user, context.hooked)
        self._exits = contextlib.ExitStack()

    def __enter__(self):
        self._exits.enter_context(kernel.machine_lock())
        return super().__enter__()

    def __exit__(self, *what):
        try:
            self.forget()
            self.go_on()
            super().__exit__(*what)
        finally:
            for path in self.tree.dumps():
                os.unlink(path)
            self._exits.close()

    def want(self, *points):
        """Programs that start from now on stop there."""
        os.makedirs(lab.HOOKS, mode=0o700, exist_ok=True)
        os.chmod(lab.HOOKS, 0o700)
        for point in points:
            with open(os.path.join(lab.HOOKS, "hold." + point), "w", encoding="ascii"):
                pass

    def forget(self):
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(lab.HOOKS):
                os.unlink(os.path.join(lab.HOOKS, name))

    def crashing(self, *argv, **options):
        return self.start([self.program(), *(argv or ("plain",))], environment=self.environment(spool=True), **options)

    def stopped(self):
        return [pid for pid in self.collectors() if state(pid) == "T"]

    def held(self, seconds=4, but=()):
        """One that stopped, and is none of `but`."""
        found = kernel.wait_until(lambda: [p for p in self.stopped() if p not in but], seconds, 0.002)
        expect(found, "nothing stopped")
        return found[0]

    def go_on(self):
        for pid in self.stopped():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def as_user(self, function, *arguments):
        """What the function gives (a text), called in a process of the user's."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            text = "it broke"
            try:
                os.setgroups([])
                os.setgid(self.user.pw_gid)
                os.setuid(self.user.pw_uid)
                text = function(*arguments)
            finally:
                os.write(writing, text.encode())
                os._exit(0)
        os.close(writing)
        told = os.read(reading, 4096).decode()
        os.close(reading)
        os.waitpid(child, 0)
        return told

    def kill_as_user(self, pid, number):
        def send():
            try:
                os.kill(pid, number)
            except OSError as e:
                return e.strerror
            return ""
        return self.as_user(send)

    def finish_alone(self, process, since):
        """Status and seconds of one of several."""
        try:
            status = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            status = "none"
        process.stdout.close()
        process.stderr.close()
        return status, time.monotonic() - since

    def all_points(self, **options):
        """One crash, all points: gives (role, point, pid) of each as it stops there; goes on afterwards."""
        self.want(*POINTS)
        process = self.crashing("threads", "3", **options)
        roles, left = {}, {"collector": list(COLLECTOR), "keeper": list(KEEPER), "worker": list(WORKER)}
        end = time.monotonic() + 30
        try:
            while any(left.values()):
                expect(time.monotonic() < end, "these points were not reached: %s", left)
                pid = self.held()
                if pid not in roles:
                    roles[pid] = ("collector", "keeper", "worker")[len(roles)]
                role = roles[pid]
                expect(left[role], "the %s stopped once more than there are points", role)
                yield role, left[role].pop(0), pid
                os.kill(pid, signal.SIGCONT)
        finally:
            self.forget()
            kernel.wait_until(lambda: self.go_on() or process.poll() is not None, 10)
            process.stdout.close()
            process.stderr.close()
        expect(process.wait(5) == -SEGV, "it ended with %s", process.returncode)


def state(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(") ")[2][0]
    except OSError:
        return ""


@trial("stub.hold.all-points-are-known")
def all_points_known(context):
    """The points of these trials are those of the programs."""
    header = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../handler/hold.h")
    with open(header, encoding="ascii") as f:
        rows = re.findall(r'POINT\((\w+), "([^"]*)"', f.read())
    wanted = {name for name, who in rows if set(who.split(", ")) & {"collect", "keeper", "worker"}}
    expect(wanted == set(POINTS), "hold.h and the trials differ in %s", sorted(wanted ^ set(POINTS)))


def wrong_privilege(here, role, point, pid):
    """What differs from the table of who is what, where; a list of words."""
    user, group = str(here.user.pw_uid), str(here.user.pw_gid)
    full = int(lab.status_field("self", "CapBnd")[0], 16)
    if role == "keeper":
        uids, gids, caps, bound = "0000", "0000", KEEPER_CAPABILITIES, ["1"]
    elif point in PRIVILEGED:
        uids, gids, caps, bound = "u000", "gggg", full, ["0"]
    else:
        uids, gids, caps, bound = "uuuu", "gggg", 0, ["1"]
    ids = {"u": user, "g": group, "0": "0"}
    expected = {"Uid": [ids[c] for c in uids], "Gid": [ids[c] for c in gids], "NoNewPrivs": bound,
                "Groups": [], "CapInh": ["%016x" % 0], "CapAmb": ["%016x" % 0],
                "Seccomp": ["2" if role == "worker" and point != "worker" else "0"]}
    found = {name: lab.status_field(pid, name) for name in expected}
    wrong = ["%s is %s, not %s" % (name, found[name], value) for name, value in expected.items()
             if found[name] != value]
    for name in ("CapPrm", "CapEff"):
        has = int(lab.status_field(pid, name)[0], 16)
        if has != caps:
            wrong.append("%s is %x, not %x" % (name, has, caps))
    return wrong


@trial("stub.hold.R18-R19-privilege-at-each-point")
def privilege(context):
    """Ids, groups, capabilities, no_new_privs and filter of each process at each point, beside a table."""
    with HeldLab(context) as here, collecting() as wrong:
        for role, point, pid in here.all_points():
            wrong += ["%s at '%s': %s" % (role, point, words) for words in wrong_privilege(here, role, point, pid)]


# role -> what its descriptors may lead to; a folder of the spool is root's to change, and the keeper's alone.
NULL, SOCKET, PIDFD, EVENT = r"/dev/null", r"socket:.*", r"anon_inode:\[pidfd\]|pidfd:.*", r"anon_inode:\[eventfd\]"
INHERITED = r"pipe:.*"           # the user's own standard output and error
TARGET = r"/proc/\d+(/.*)?"
DUMP = r"%s/\d+/(#\d+|\.new-[0-9a-f]+)( \(deleted\))?|%s/\d+/[\w+-]+\.\d+\.\w+\.dmp"
EVERYBODYS = (r"/proc/cpuinfo", r"/(etc|usr/lib)/os-release")  # what the worker is to read; anybody may
MAY_HOLD = {
    "collector": (NULL, SOCKET, PIDFD, EVENT, INHERITED, TARGET, DUMP, r"/run/inquest-test", *EVERYBODYS),
    "keeper": (NULL, SOCKET, PIDFD, DUMP, r"%s", r"%s/\d+", r"%s/\d+/\.places"),
    "worker": (NULL, SOCKET, PIDFD, EVENT, INHERITED, TARGET, DUMP, *EVERYBODYS),
}
CONFINED = (NULL, SOCKET, INHERITED, DUMP, r"/proc/\d+/(mem|smaps|pagemap)", *EVERYBODYS)


def wrong_descriptors(here, role, point, pid):
    spool = re.escape(here.tree.spool)
    allowed = CONFINED if role == "worker" and point != "worker" else MAY_HOLD[role]
    allowed = [re.compile(pattern.replace("%s", spool)) for pattern in allowed]
    for fd in os.listdir("/proc/%d/fd" % pid):
        name = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        if not any(pattern.fullmatch(name) for pattern in allowed):
            yield "descriptor %s is '%s'" % (fd, name)


@trial("stub.hold.R13-descriptors-at-each-point")
def descriptors(context):
    """Each process holds what its table says and nothing else, though the program has descriptors to hand down."""
    with open(__file__, "rb") as leaked, HeldLab(context) as here, collecting() as wrong:
        for role, point, pid in here.all_points(pass_fds=[leaked.fileno()]):
            if role == "collector" and point == "start":
                expect(leaked.name in (os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)),
                       "the program's descriptor was not handed down")
            if point in ("start", "arguments"):
                continue    # what was handed down is closed next
            wrong += ["%s at '%s': %s" % (role, point, words) for words in wrong_descriptors(here, role, point, pid)]


def meddle(pid):
    """What the user may try on a process of root's; names of what worked."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    worked = []
    tries = {"SIG%d" % number: lambda n=number: os.kill(pid, n)
             for number in (0, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL, signal.SIGALRM, signal.SIGHUP)}
    tries["prlimit"] = lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    tries["nice"] = lambda: os.setpriority(os.PRIO_PROCESS, pid, 19)
    tries["affinity"] = lambda: os.sched_setaffinity(pid, {0})
    tries["idle"] = lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    tries["oom"] = lambda: open("/proc/%d/oom_score_adj" % pid, "w", encoding="ascii").write("1000")
    tries["process group"] = lambda: os.setpgid(pid, 0)
    for name, attempt in tries.items():
        with contextlib.suppress(OSError):
            attempt()
            worked.append(name)
    for name, number, arguments in (("ioprio", 251, (1, pid, 3 << 13)), ("migrate_pages", 256, (pid, 0, 0, 0))):
        if libc.syscall(number, *arguments) >= 0:
            worked.append(name)
    return " ".join(worked)


@trial("stub.hold.R16-opaque-at-each-point")
def opaque(context):
    """The user who started it looks into none of them anywhere, and can do nothing at all to the keeper."""
    with HeldLab(context) as here, collecting() as wrong:
        control = subprocess.Popen(["sleep", "20"], stdin=subprocess.DEVNULL, **lab.as_user(here.user))
        try:
            time.sleep(0.05)
            seen = here.as_user(lambda: " ".join(attacks(control.pid)))
            expect("mem" in seen and "ptrace" in seen, "the control, a process of the user's own, gives '%s'", seen)
        finally:
            control.kill()
            control.wait()
        for role, point, pid in here.all_points():
            worked = here.as_user(lambda p=pid: " ".join(attacks(p)))
            if role == "keeper":
                worked += here.as_user(meddle, pid)
            if worked:
                wrong.append("%s at '%s': %s" % (role, point, worked))


@trial("stub.hold.R18-no-way-back")
def no_way_back(context):
    """What was given up at 'user' cannot be had again: tried in the collector's own name."""
    nobody_is = -1    # EPERM
    rows = (("setuid", 105, (0,), nobody_is), ("setresuid", 117, (0, 0, 0), nobody_is),
            ("setgid", 106, (0,), nobody_is), ("setgroups", 116, (0, 0), nobody_is),
            ("ambient capability", 157, (47, 2, 19, 0, 0), nobody_is), ("undo no_new_privs", 157, (38, 0, 0, 0, 0), -22),
            ("chroot", 161, (0,), -14), ("ptrace of init", 101, (0x4206, 1, 0, 0), nobody_is))
    with HeldLab(context) as here, collecting() as wrong:
        for name, number, arguments, gives in rows:
            here.want("user")
            process = here.crashing()
            result = call_in(here.held(), number, arguments)
            here.forget()
            here.go_on()
            here.finish(process, dumps=0)
            if result != gives and result != nobody_is:
                wrong.append("%s gives %s, not %s" % (name, result, gives))


@trial("stub.hold.R20-forbidden-system-calls")
def forbidden(context):
    """Each of them, in the name of the collector's confined worker: it dies of it or is refused, the program dies as
    ever, nothing half-done is left, and the next crash is dumped."""
    with HeldLab(context) as here, collecting() as wrong:
        for name, number, arguments in (ALLOWED, *FORBIDDEN):
            here.want("confined")
            process = here.crashing()
            result = call_in(here.held(), number, arguments)
            here.forget()
            here.go_on()
            end = here.finish(process, dumps=0)
            if (name, number, arguments) == ALLOWED:
                expect(result == ALLOWED_GIVES, "the control gives %s", result)
            elif result not in (None, -1, -38):
                wrong.append("%s gives %s" % (name, result))
            if end.status != -SEGV:
                wrong.append("%s: the program ends with %d" % (name, end.status))
            wrong += ["%s: %s" % (name, words) for words in half_done(here)]
        wrong += next_crash(here)


def half_done(here):
    """What a dump that failed may not leave in the spool."""
    for path in here.tree.everything_in_spool():
        name = os.path.basename(path)
        if name not in KEPT_BY_US and not (name.endswith(".dmp") and is_dump(path)):
            yield "'%s' is in the spool" % path
        if name.endswith(".dmp") and os.path.getsize(path) < 4096:
            yield "'%s' has %d bytes" % (path, os.path.getsize(path))


def next_crash(here):
    before = here.tree.dumps()
    end = here.finish(here.crashing(), dumps=0)
    if end.status != -SEGV or not here.tree.new_dump(before, 5):
        yield "the next crash: status %d, no dump: %s" % (end.status, end.said)


@trial("stub.hold.R15-killed-at-each-point")
def killed(context):
    """By the user whose they are. The keeper cannot be: the collector that it works for is."""
    with HeldLab(context) as here, collecting() as wrong:
        for point in POINTS:
            here.want(point)
            start = time.monotonic()
            process = here.crashing("threads", "3")
            held = here.held()
            target = collector_of(held) if point in KEEPER else held
            refused = here.kill_as_user(target, signal.SIGKILL)
            if refused:
                wrong.append("'%s': %s" % (point, refused))
            here.forget()
            here.go_on()
            end = here.finish(process, dumps=0, since=start)
            if end.status != -SEGV or end.seconds > 2:
                wrong.append("'%s': status %d in %.1f s" % (point, end.status, end.seconds))
            if not kernel.wait_until(lambda: not here.collectors(), 3):
                wrong.append("'%s': still there: %s" % (point, here.collectors()))
            wrong += ["'%s': %s" % (point, words) for words in half_done(here)]
        wrong += next_crash(here)


def collector_of(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
        return int(f.read().rpartition(") ")[2].split()[1])


@trial("stub.hold.R15-stopped-at-each-point")
def stopped(context):
    """Side by side, one at each point: each program dies at the stub's deadline, another user's crash meanwhile is dumped
    as ever, and nothing is left."""
    with HeldLab(context) as here, collecting() as wrong:
        processes, seen = {}, []
        for point in POINTS:
            here.want(point)
            processes[point] = (here.crashing("threads", "3"), time.monotonic())
            seen.append(here.held(but=seen))
            here.forget()
        before, start = here.tree.dumps(), time.monotonic()
        other = subprocess.Popen([here.program(), "plain"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=here.environment(spool=True), cwd="/",
                                 **lab.as_user(here.users.mallory))
        if other.wait(8) != -SEGV or not here.tree.new_dump(before, 5 - (time.monotonic() - start)):
            wrong.append("another user's crash: status %s, no dump in %.1f s"
                         % (other.returncode, time.monotonic() - start))
        for point, (process, since) in processes.items():
            end = here.finish_alone(process, since)
            if end[0] != -SEGV or end[1] > 7:
                wrong.append("'%s': status %s after %.1f s" % (point, *end))
        # What root's hook stopped nobody else could have: they go on, and find their collectors gone.
        here.go_on()
        if not kernel.wait_until(lambda: not here.collectors(), 5):
            wrong.append("still there: %s" % here.collectors())
        wrong += half_done(here)
