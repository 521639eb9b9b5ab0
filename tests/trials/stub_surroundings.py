# SPDX-License-Identifier: GPL-3.0-or-later
"""What may surround a process that crashes with the stub in it: parents, supervisors, namespaces, limits of its group,
folders and disks, memory that somebody else must bring. The promise is that of stub_robustness.py.
"""
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import kernel
import lab
from control_group import Group
from stub_lab import SEGV, StubLab, died, is_dump, signalled
from trial import Skip, collecting, expect, trial

PR_SET_CHILD_SUBREAPER = 36


def rounds(usual):
    """Of what depends on chance; $TRIALS_ROUNDS says more."""
    return max(usual, int(os.environ.get("TRIALS_ROUNDS", "0")))


def becoming(user, first):
    """For preexec_fn of a process started as root: first() with root's rights, then only the user's."""
    def prepare():
        first()
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    return prepare


# --- what is told of it ------------------------------------------------------------------------------------

@trial("stub.robust.B2.told-as-it-was")
def non_canonical(context):
    """An address that no address bus has: the kernel sends SI_KERNEL and no address, and that is what is kept."""
    with StubLab(context) as here:
        end = here.crash([here.program("crashme"), "read-wild"])
        died(end, SEGV)
        told = signalled(here, end.dump, ".exr -1")
        expect("ExceptionFlags: 00000080 (SI_KERNEL" in told and "NumberParameters: 0" in told,
               "the code is not the kernel's, or there is an address: %s", told[-300:])


@trial("stub.robust.B14.deleted")
def deleted(context):
    """The file is gone, and another lies in its place: the module is told by what is in memory."""
    with StubLab(context) as here:
        program = os.path.join(here.crashers, "stubbed-deleted")
        shutil.copy(here.program(), program)
        process = here.start([program, "sleep"])
        process.stdout.readline()
        os.unlink(program)
        shutil.copy("/bin/true", program)
        os.kill(process.pid, SEGV)
        end = here.finish(process)
        os.unlink(program)
        died(end, SEGV)
        expect(end.dumps, "no dump: %s", end.said)
        told = signalled(here, end.dump, "lmv")
        build_id = subprocess.run(["readelf", "-n", here.program()], capture_output=True, text=True, check=True)
        build_id = build_id.stdout.partition("Build ID: ")[2].split()[0]
        expect(build_id in told.replace("-", "").lower(), "not its build-id, %s: %s", build_id, told[:600])


@trial("stub.robust.B23.tracer-is-named")
def tracer_is_named(context):
    if not shutil.which("strace"):
        raise Skip("no strace here")
    with StubLab(context) as here:
        process = here.start(["strace", "-f", "-qq", "-o", "/dev/null", "-E", "LD_PRELOAD=" + here.tree.stub,
                              here.program(), "threads", "3"], preload=False)
        end = here.finish(process)
        died(end, SEGV, "traced")
        words = "process %d traces this one" % process.pid
        expect(end.dumps and lab.contains(end.dump, words.encode("utf-16-le")), "the dump does not say '%s'", words)


# --- children -----------------------------------------------------------------------------------------------

def child_dies(name, mode):
    @trial("stub.robust.B21." + name)
    def run(context):
        with StubLab(context) as here:
            end = here.crash([here.program(), mode])
            expect(end.status == 0 and "child 11" in end.output, "the parent saw '%s', ended with %d", end.output,
                   end.status)
            expect(len(end.dumps) == 1, "%d dumps of the child: %s", len(end.dumps), end.said)


child_dies("raw-clone", "raw-clone")
child_dies("posix-spawn", "spawn")


# --- parents and supervisors --------------------------------------------------------------------------------

REAPER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(%d, 1, 0, 0, 0)
pid = os.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
seen = {}
while True:
    try:
        one, status = os.waitpid(-1, 0)
    except ChildProcessError:
        break
    seen[one] = status
print(seen.pop(pid), sorted(seen.values()))
""" % PR_SET_CHILD_SUBREAPER


@trial("stub.robust.B24.parent-reaps-everything")
def parent_reaps(context):
    """A parent that adopts every orphan and waits for whatever comes: it sees the death as ever, and no more than our
    processes' ends besides: zero, or the worker's, whom the collector kills when it is done with it."""
    with StubLab(context) as here:
        def heard(letters):
            end = here.crash(["/usr/bin/python3", "-c", REAPER, here.program(), "plain"], letters=letters)
            return end, *end.output.strip().split(None, 1)
        _end, bare, _none = heard("0")
        end, status, others = heard("m")
        expect(status == bare == "11", "the parent saw '%s', without the stub %s", status, bare)
        expect(set(others.strip("[]").split(", ")) <= {"0", "9", ""}, "it was left with deaths of ours: %s", others)
        expect(end.dumps, "no dump: %s", end.said)


def kill_quietly(kill, *what):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(*what)


@trial("stub.robust.B25.target-killed")
def target_killed(context):
    """SIGKILL at any moment of the dump: it is gone at once, and so are ours."""
    with StubLab(context) as here:
        for _ in range(rounds(20)):
            before = here.dumps()
            process = here.start([here.program(), "many-crash", "8"])
            time.sleep(random.random() * 0.03)
            process.kill()
            end = here.finish(process, before=before, dumps=0)
            expect(end.status in (-SEGV, -signal.SIGKILL), "status %d", end.status)
            expect(not here.collectors(), "a collector lives on")
            expect(all(map(is_dump, end.dumps)), "half a dump")


@trial("stub.robust.B26.group-killed")
def group_killed(context):
    """A supervisor kills the process group: the collector is not of it, and finishes."""
    with StubLab(context) as here:
        lost = 0
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP):
            end_at = time.monotonic() + 5
            before = here.dumps()
            process = here.start([here.program(), "threads", "100"])
            while process.poll() is None and not here.collectors() and time.monotonic() < end_at:
                pass
            time.sleep(0.004)
            kill_quietly(os.killpg, process.pid, number)
            end = here.finish(process, before=before, dumps=0)
            expect(end.status in (-SEGV, -number), "status %d", end.status)
            lost += not end.dumps
        expect(lost < 3, "%d dumps of 4 were lost with the group", lost)


# --- filters that the collector inherits ----------------------------------------------------------------------

# By their numbers: what the collector itself cannot do without, or nearly.
COLLECTORS_CALLS = {"openat": 257, "ptrace": 101, "pread64": 17, "process_vm_readv": 310, "socketpair": 53, "mmap": 9,
                    "prctl": 157, "linkat": 265, "read": 0, "write": 1, "getdents64": 217, "setresuid": 117,
                    "pidfd_open": 434, "wait4": 61, "clone": 56, "seccomp": 317, "fsync": 74}


@trial("stub.robust.B27.filters-the-collector-inherits")
def collectors_filters(context):
    """What the program's filter forbids, the collector may not do either: then there is no dump, and no delay."""
    with StubLab(context) as here, collecting() as wrong:
        for name, number in COLLECTORS_CALLS.items():
            for action in ("38", "1", "kill") if rounds(1) > 1 else ("38", "kill"):
                if action == "kill" and name in ("prctl", "read", "clone"):
                    continue    # the stub's own calls: the filter is the process's death then, by SIGSYS
                end = here.crash([here.program(), "seccomp", "%s:%d" % (action, number)], dumps=0, seconds=12)
                if end.status != -SEGV or end.seconds > 7:
                    wrong.append("%s %s: status %d in %.1f s" % (name, action, end.status, end.seconds))
                elif not all(map(is_dump, end.dumps)):
                    wrong.append("%s %s: half a dump" % (name, action))


# --- roots, folders and disks -----------------------------------------------------------------------------------

@contextlib.contextmanager
def mounted(kind, folder, options=None):
    done = subprocess.run(["mount", "-t", kind, *(["-o", options] if options else []), kind, folder],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip("cannot mount %s here: %s" % (kind, done.stderr.strip()))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


@trial("stub.robust.B28.another-root")
def another_root(context):
    """A root with nothing in it but the program; with the collector; with /proc as well."""
    with StubLab(context) as here, contextlib.ExitStack() as stack:
        root = os.path.join(here.context.folder, "root")
        stack.callback(shutil.rmtree, root, True)
        collector = root + here.tree.collector
        for folder in (root + "/proc", root + "/dumps", os.path.dirname(collector)):
            os.makedirs(folder)
        os.chown(root + "/dumps", here.user.pw_uid, here.user.pw_gid)
        shutil.copy(here.program("stubbed-static"), root + "/stubbed")

        def crash(what):
            end = here.crash(["/stubbed", "plain"], user=False, dumps=0,
                             environment={"INQUEST": "m", "INQUEST_DIR": "/dumps"},
                             before=becoming(here.user, lambda: os.chroot(root)))
            died(end, SEGV, what, 3)
            return os.listdir(root + "/dumps")
        crash("nothing there")
        shutil.copy(here.tree.collector, collector)
        os.chmod(collector, 0o755)
        crash("the collector, no /proc")
        with mounted("proc", root + "/proc"):
            expect(crash("the collector and /proc"), "no dump, though there was all that is needed")


@trial("stub.robust.B38.full-disk")
def full_disk(context):
    """No space, no inodes, a disk that nobody may write to: no dump, no half one, no delay."""
    with StubLab(context) as here:
        folder = os.path.join(here.context.folder, "disk")
        os.makedirs(folder, exist_ok=True)
        for options, filled in (("size=16k", False), ("size=64k", True), ("nr_inodes=1", False), ("ro", False)):
            with mounted("tmpfs", folder, options + ",mode=700,uid=%d,gid=%d" % (here.user.pw_uid, here.user.pw_gid)):
                if filled:
                    with contextlib.suppress(OSError), open(folder + "/filler", "wb") as f:
                        f.write(bytes(1 << 20))
                environment = here.environment()
                environment["INQUEST_DIR"] = folder
                for letters in ("m", "mw"):
                    environment["INQUEST"] = letters
                    died(here.crash([here.program(), "plain"], dumps=0, environment=environment), SEGV, options, 4)
                left = [n for n in os.listdir(folder) if n != "filler"]
                expect(all(is_dump(os.path.join(folder, n)) for n in left), "%s: left %s", options, left)


@trial("stub.robust.B40.folder-that-cannot-be-used")
def bad_folders(context):
    """Missing, somebody else's, writable by all, no folder, a link: said so, not used."""
    with StubLab(context) as here:
        base = os.path.join(here.context.folder, "folders")
        os.makedirs(base, exist_ok=True)
        paths = {name: os.path.join(base, name) for name in ("missing", "roots", "open", "file", "link")}
        for name in ("roots", "open"):
            os.makedirs(paths[name], exist_ok=True)
        os.chown(paths["open"], here.user.pw_uid, here.user.pw_gid)
        os.chmod(paths["open"], 0o777)
        with open(paths["file"], "w", encoding="ascii"):
            pass
        if not os.path.lexists(paths["link"]):
            os.symlink(here.folder, paths["link"])
        for name, path in paths.items():
            environment = here.environment()
            environment["INQUEST_DIR"] = path
            end = here.crash([here.program(), "plain"], dumps=0, environment=environment)
            died(end, SEGV, name, 3)
            expect(path in end.said, "%s: not said what is wrong: %s", name, end.said)
            expect(not here.dumps() and not (os.path.isdir(path) and os.listdir(path)), "%s: used all the same", name)


# --- limits of the process's group ----------------------------------------------------------------------------------

@trial("stub.robust.B29.no-descriptors")
def no_descriptors(context):
    with StubLab(context) as here:
        end = here.crash([here.program("stubbed-static"), "plain"], dumps=0, environment=here.environment(preload=False),
                         before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)))
        died(end, SEGV, "RLIMIT_NOFILE 0", 3)


@trial("stub.robust.B29.no-more-processes-in-the-group")
def no_more_in_group(context):
    with StubLab(context) as here, Group("pids", limit=1) as group:
        end = here.crash([here.program(), "plain"], dumps=0, user=False, before=becoming(here.user, group.enter))
        died(end, SEGV, "pids.max 1", 3)


@trial("stub.robust.B31.memory-of-the-group-is-used-up")
def memory_used_up(context):
    """The kernel must kill somebody: not the process, which dies of its own signal; the dump may be lost."""
    with StubLab(context) as here, Group("memory", limit=24 << 20) as group:
        for mib in (0, 16, 20, 22):
            for letters in ("m", "mw", "mw,no-snapshot"):
                environment = here.environment(letters, TOUCH_MIB=str(mib))
                end = here.crash([here.program("crashme"), "touch"], dumps=0, user=False, environment=environment,
                                 before=becoming(here.user, group.enter), seconds=12)
                died(end, SEGV, "%d of 24 MiB used, %s" % (mib, letters))
                expect(all(map(is_dump, end.dumps)), "half a dump")


@trial("stub.robust.B32.frozen-group")
def frozen_group(context):
    """Frozen in the midst of the dump, process and collector: once thawed, it goes on to its own death."""
    with StubLab(context) as here, Group("freezer") as group:
        for pause in (0.0, 0.001, 0.003, 0.006, 0.010):
            before = here.dumps()
            process = here.start([here.program(), "threads", "200"], user=False,
                                 before=becoming(here.user, group.enter))
            process.stdout.readline()
            time.sleep(pause)
            group.put("state", "frozen")
            time.sleep(0.3)
            group.put("state", "thawed")
            end = here.finish(process, before=before, dumps=0)
            died(end, SEGV, "frozen after %.3f s" % pause)
            expect(end.dumps, "frozen after %.3f s: no dump: %s", pause, end.said)


# --- memory that somebody else must bring ----------------------------------------------------------------------------

def without_answer(name, mode, rows):
    @trial("stub.robust.B33." + name)
    def run(context):
        with StubLab(context, user=None) as here:
            folder = os.path.join(here.context.folder, "mounted")
            os.makedirs(folder, exist_ok=True)
            for letters in rows:
                try:
                    end = here.crash([here.program(), mode, folder], letters=letters, dumps=0, seconds=12)
                finally:
                    subprocess.run(["umount", "-f", "-l", folder], check=False, capture_output=True)
                if end.status == 3:
                    raise Skip(end.said.strip())
                died(end, SEGV, "%s, %s" % (name, letters))
                expect(end.dumps, "%s, %s: no dump: %s", name, letters, end.said)


without_answer("userfault", "userfault", ("m", "mA", "mA,no-snapshot"))
without_answer("file-system-hangs", "file-system-hangs", ("m", "mh", "mA", "mA,no-snapshot"))
without_answer("file-system-inside", "file-system-inside", ("m", "mh", "mA", "mA,no-snapshot"))


# --- the first process; ourselves ---------------------------------------------------------------------------------------

@trial("stub.robust.B35.first-process")
def first_process(context):
    """With the first process of a pid namespace all others die, the collector too: it has the dump finished before."""
    with StubLab(context, user=None) as here:
        for letters in ("m", "mw", "mA,snapshot"):
            end = here.crash(["unshare", "-pf", "--mount-proc", here.program(), "plain"], letters=letters, preload=False,
                             environment=here.environment(letters))
            died(end, SEGV, "process 1, " + letters)
            expect(len(end.dumps) == 1, "process 1, %s: %d dumps: %s", letters, len(end.dumps), end.said)


# --- at random -------------------------------------------------------------------------------------------------------------

@trial("stub.robust.B45.any-of-ours-killed")
def any_killed(context):
    """Collector, keeper and worker, each at any moment, with the spool that they share: the process dies of its own
    signal, nothing half is seen, and the next crash is dumped."""
    with lab.Lab(context) as kernel_lab, StubLab(context) as here:
        kernel.put(kernel.PATTERN, "core")
        for turn in range(rounds(10)):
            before = kernel_lab.tree.everything_in_spool()
            start = time.monotonic()
            process = here.start([here.program(), "many-crash", "4"], spool=True)
            found = []
            while process.poll() is None and len(found) <= turn % 3 and time.monotonic() < start + 3:
                found = here.collectors()
            time.sleep(random.random() * 0.006)
            if found:
                kill_quietly(os.kill, random.choice(found), signal.SIGKILL)
            end = here.finish(process, dumps=0, since=start)
            died(end, SEGV, "one of ours killed")
            new = kernel_lab.tree.everything_in_spool() - before
            expect(all(p.endswith(".dmp") and is_dump(p) for p in new if not os.path.basename(p).startswith(".")),
                   "half a dump: %s", new)
        before = kernel_lab.tree.dumps()
        died(here.crash([here.program(), "plain"], spool=True, dumps=0), SEGV, "the next one")
        expect(kernel_lab.tree.new_dump(before), "the next crash was not dumped")


@trial("stub.robust.B53.storm")
def storm(context):
    """Fifty processes crash at once: each dies in time, each has its dump."""
    with StubLab(context) as here:
        start = time.monotonic()
        processes = [here.start([here.program(), "plain"]) for _ in range(50)]
        statuses = [process.wait(20) for process in processes]
        took = time.monotonic() - start
        expect(set(statuses) == {-SEGV}, "statuses %s", set(statuses))
        expect(took < 15, "it took %.1f s", took)
        kernel.wait_until(lambda: not here.collectors(), 10)
        expect(len(here.dumps()) == 50, "%d dumps of 50", len(here.dumps()))
        for process in processes:
            process.stdout.close()
            process.stderr.close()


# --- with the kernel's handler behind ---------------------------------------------------------------------------------------

@trial("stub.robust.B61.exactly-one-report")
def exactly_one(context):
    """What the stub dumps the kernel's handler leaves alone; what it cannot, the kernel's handler takes."""
    with lab.Lab(context) as here:
        environment = {"INQUEST": "m", "LD_PRELOAD": here.tree.stub or ""}
        for mode in ("plain", "many-crash", "no-altstack", "blocked", "ignored", "early", "malloc-lock"):
            before = here.tree.dumps()
            status, _dump = here.crash([here.program("stubbed"), mode] + (["4"] if mode == "many-crash" else []),
                                       here.users.victim, env=environment)
            expect(status in (-SEGV, -signal.SIGABRT), "%s: status %d", mode, status)
            here.until_quiet(10)
            kernel.wait_until(lambda: False, 0.2)
            new = here.tree.dumps() - before
            expect(len(new) == 1, "%s: %d reports", mode, len(new))


# --- sanitizers ------------------------------------------------------------------------------------------------------------

@trial("stub.robust.B13.sanitized")
def sanitized(context):
    """AddressSanitizer comes before the stub or after it; its report and exit status are the program's own."""
    with StubLab(context) as here:
        program = here.program("stubbed-sanitized")
        if not os.access(program, os.X_OK):
            raise Skip("no AddressSanitizer here")
        options = "verify_asan_link_order=0:"
        for more in ("", "handle_segv=0:handle_abort=0:"):
            bare = here.crash([program, "plain"], preload=False, letters=None, dumps=0,
                              environment={"ASAN_OPTIONS": options + more, "PATH": "/usr/bin:/bin"})
            end = here.crash([program, "plain"], dumps=None, environment=here.environment(ASAN_OPTIONS=options + more))
            expect(("AddressSanitizer" in end.said) == ("AddressSanitizer" in bare.said), "'%s': it said %s", more,
                   end.said[:300])
            expect(end.status == bare.status, "'%s': status %d, without the stub %d", more, end.status, bare.status)
