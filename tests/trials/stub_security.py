# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what with the collector: R numbers are those of the requirements that the trials stand for."""
import ctypes
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import kernel
import lab
from stub_lab import SEGV, StubLab, died, is_dump
from trial import collecting, expect, trial

CANARY = b"replacement-secret-5d0c2f"


@trial("stub.security.R1-target-is-the-parent")
def target_is_the_parent(context):
    """Whatever -p says: the collector looks at the process that started it, and at no other."""
    with StubLab(context) as here:
        other = subprocess.Popen(["sleep", "30"], env={"SECRET": CANARY.decode()})
        try:
            for pid in (other.pid, 1, os.getpid()):
                done = subprocess.run([here.tree.collector, "-p", str(pid), "-j", "7fff0000", "--directory=" + here.folder],
                                      capture_output=True, check=False, timeout=20, **lab.as_user(here.user))
                expect(done.returncode == 1, "-p %d: status %d: %s", pid, done.returncode, done.stderr)
        finally:
            other.kill()
            other.wait()
        expect(not here.dumps(), "there are dumps: %s", here.dumps())


@trial("stub.security.R10-setuid-programs")
def setuid_programs(context):
    """A program with raised privilege ignores the stub; one that shed it is not its user's alone."""
    with StubLab(context) as here, collecting() as wrong:
        before = here.tree.everything_in_spool()
        for name, mode, how in (("stub-suid", 0o4755, "null-read"), ("stub-suid-drop", 0o4755, "drop")):
            path = os.path.join(here.crashers, name)
            shutil.copy(here.program("crashme"), path)
            os.chown(path, 0, 0)
            os.chmod(path, mode)
            end = here.crash([path, how], dumps=0)
            if end.status != -SEGV or end.dumps:
                wrong.append("%s: status %d, dumps %s" % (name, end.status, end.dumps))
        # With the stub linked in: asked for by the environment, and by the program itself, which is told no.
        linked = os.path.join(here.crashers, "stub-suid-linked")
        shutil.copy(here.program("stubbed-static"), linked)
        os.chown(linked, 0, 0)
        os.chmod(linked, 0o4755)
        for mode, letters, status in (("plain", "m", -SEGV), ("before-resets", None, 3)):
            end = here.crash([linked, mode], dumps=0, letters=letters, preload=False)
            if end.status != status or end.dumps:
                wrong.append("set-user-ID, linked, %s: status %d, dumps %s: %s" % (mode, end.status, end.dumps, end.said))
        end = here.crash([here.program("crashme"), "undumpable"], dumps=0)
        if end.status != -SEGV or end.dumps:
            wrong.append("undumpable: status %d, dumps %s" % (end.status, end.dumps))
        if here.tree.everything_in_spool() != before:
            wrong.append("something came into the spool")


@trial("stub.security.R10-owner")
def owner(context):
    """An ordinary user's dump is that user's, in the spool and in a folder of the user's own."""
    with StubLab(context) as here:
        end = here.crash([here.program(), "plain"])
        lab.expect_users(end.dump, here.user, "own folder")
        before = here.tree.dumps()
        end = here.crash([here.program(), "plain"], dumps=0, environment=here.environment(spool=True))
        died(end, SEGV, "spool")
        dump = here.tree.new_dump(before, 5)
        try:
            lab.expect_users(dump, here.user, "spool")
        finally:
            if dump:
                os.unlink(dump)


@trial("stub.security.R70-foreign-directory")
def foreign_directory(context):
    """INQUEST_DIR must be the user's own, and writable by nobody else."""
    with StubLab(context) as here, collecting() as wrong:
        places = {"root's": (0, 0, 0o755), "everybody's": (0, 0, 0o1777),
                  "mallory's": (here.users.mallory.pw_uid, here.users.mallory.pw_gid, 0o777),
                  "the user's, writable by others": (here.user.pw_uid, here.user.pw_gid, 0o777)}
        for what, (uid, gid, mode) in places.items():
            path = os.path.join(context.folder, "foreign")
            os.mkdir(path)
            os.chown(path, uid, gid)
            os.chmod(path, mode)
            end = here.crash([here.program(), "plain"], dumps=0,
                             environment=dict(here.environment(), INQUEST_DIR=path))
            if end.status != -SEGV or os.listdir(path):
                wrong.append("%s: status %d, %s" % (what, end.status, os.listdir(path)))
            shutil.rmtree(path)
        link = os.path.join(context.folder, "link")
        os.symlink(here.folder, link)
        end = here.crash([here.program(), "plain"], dumps=0, environment=dict(here.environment(), INQUEST_DIR=link))
        os.unlink(link)
        if end.dumps:
            wrong.append("a symbolic link was followed")


@trial("stub.security.R11-hostile-records")
def hostile_records(context):
    """A process that calls the collector itself, with records of its own making, learns nothing and breaks nothing."""
    program = os.path.join(context.folder, "hostile.py")
    with open(program, "w", encoding="ascii") as f:
        f.write(HOSTILE)
    with StubLab(context) as here:
        shutil.copy(program, os.path.join(here.crashers, "hostile.py"))
        process = here.start(["/usr/bin/python3", os.path.join(here.crashers, "hostile.py"), here.tree.collector,
                              here.folder], letters=None, preload=False)
        end = here.finish(process, 90, dumps=0)
        expect(end.status == 0, "status %d: %s", end.status, end.said[-400:])
        for path in end.dumps:
            expect(is_dump(path), "'%s' is no minidump", path)


HOSTILE = r'''
import ctypes, os, random, struct, subprocess, sys, time
collector, folder = sys.argv[1:]
random.seed(4711)
place = ctypes.create_string_buffer(8192)
address = ctypes.addressof(place)
good = lambda **k: struct.pack("<IIIIQQQIIIIIiIiQQII", k.get("size", 40), k.get("arch", 9), k.get("tid", os.getpid()),
    0, 0x1000, k.get("info", address + 1024), k.get("context", address + 2048), 0x31525351, 1, k.get("rsize", 104),
    k.get("reason", 1), os.getpid(), 11, 0, k.get("snapshot", 0), k.get("annotations", address), k.get("unloaded", address),
    k.get("count", 0), 0)
high = 2**64 - 8
records = [b"\xff" * 104, b"\0" * 104, good(size=2**32 - 1), good(arch=0xffff), good(tid=1), good(tid=0),
    good(tid=2**32 - 1), good(info=high), good(context=high), good(info=0), good(annotations=high), good(unloaded=high,
    count=2**32 - 1), good(annotations=address - 1), good(rsize=0), good(reason=2**32 - 1), good(snapshot=1),
    good(snapshot=-2**31), good(context=address), good(info=address)]
records += [random.randbytes(104) for _ in range(20)]
records += [good()[:i] + bytes([random.randrange(256)]) + good()[i + 1:] for i in random.sample(range(104), 40)]
for i, record in enumerate(records):
    ctypes.memmove(address, record, len(record))
    start = time.monotonic()
    argv = [collector, "-p", str(os.getpid()), "-j", "%x" % address, "--directory=" + folder,
            "--dump=" + ("m,snapshot" if i in (7, 14) else "mu")]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)
    if done.returncode < 0:
        sys.exit("record %d: the collector died of signal %d: %s" % (i, -done.returncode, record.hex()))
    if time.monotonic() - start > 6:
        sys.exit("record %d: took %.1f s" % (i, time.monotonic() - start))
for wild in ("1", "ffffffffffffffff", "7fffffffffff", "ffff800000000000", "%x" % (2**64 - 40)):
    done = subprocess.run([collector, "-p", str(os.getpid()), "-j", wild, "--directory=" + folder],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)
    if done.returncode != 1:
        sys.exit("record at %s: status %d" % (wild, done.returncode))
'''


@trial("stub.security.R12-hostile-environment")
def hostile_environment(context):
    """Nothing of it reaches what runs with privilege."""
    with StubLab(context) as here:
        hostile = {name: "/proc/self/fd/0" for name in
                   "LD_LIBRARY_PATH LD_AUDIT GCONV_PATH LOCPATH TMPDIR HOME IFS PATH MALLOC_TRACE NLSPATH".split()}
        hostile.update(DEBUGINFOD_URLS="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1", GLIBC_TUNABLES="x=y",
                       LC_ALL="../../tmp", MALLOC_PERTURB_="7", SECRET="s" * 100000)
        hostile.update({"V%d" % i: "x" * 100 for i in range(200)})
        end = here.crash([here.program(), "plain"], environment={**hostile, **here.environment()})
        died(end, SEGV, "hostile environment")
        expect(end.dumps, "no dump: %s", end.said)


@trial("stub.security.R13-closed-descriptors")
def closed_descriptors(context):
    with StubLab(context) as here, collecting() as wrong:
        for closed in ("0", "1", "2", "01", "02", "12", "012", "3"):
            end = here.crash([here.program(), "close", closed])
            if end.status != -SEGV or len(end.dumps) != 1 or not is_dump(end.dump):
                wrong.append("closed %s: status %d, dumps %s: %s" % (closed, end.status, end.dumps, end.said))
            for path in end.dumps:
                if b"inquest-collect:" in open(path, "rb").read():
                    wrong.append("closed %s: words of the log are in the dump" % closed)
                os.unlink(path)
        end = here.crash([here.program("stubbed-static"), "plain"], dumps=0, environment=here.environment(preload=False),
                         before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)))
        if end.status != -SEGV:
            wrong.append("RLIMIT_NOFILE 3: status %d" % end.status)


@trial("stub.security.R14-hostile-inheritance")
def hostile_inheritance(context):
    """Masks, dispositions, timers, priorities and the directory of the dying process are not the collector's."""
    def block_all():
        signal.pthread_sigmask(signal.SIG_SETMASK, set(range(1, 65)) - {9, 19, 11})

    def ignore_all():
        for number in range(1, 32):
            if number not in (9, 19, 11):
                signal.signal(number, signal.SIG_IGN)

    rows = {"blocked signals": block_all, "ignored signals": ignore_all, "umask": lambda: os.umask(0),
            "umask 777": lambda: os.umask(0o777), "nice": lambda: os.nice(19),
            "idle": lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
            "a directory that is gone": lambda: os.chdir("/proc/self/task")}
    with StubLab(context) as here, collecting() as wrong:
        for what, prepare in rows.items():
            end = here.crash([here.program(), "plain"], before=prepare)
            if end.status != -SEGV or not end.dumps or lab.own(end.dump)[2] != 0o600:
                wrong.append("%s: status %d, dumps %s: %s" % (what, end.status, end.dumps, end.said))


def attacks(pid):
    """What another process of the user may try; {name: worked}"""
    libc = ctypes.CDLL(None, use_errno=True)
    found = {}
    for name in ("mem", "environ", "auxv", "maps", "fd", "exe", "io"):
        try:
            if name == "fd":
                os.listdir("/proc/%d/fd" % pid)
            elif name == "exe":
                os.readlink("/proc/%d/exe" % pid)
            else:
                with open("/proc/%d/%s" % (pid, name), "rb") as f:
                    if name != "mem" and not f.read(1):
                        continue    # it is about to end, and has nothing any more
            found[name] = True
        except OSError:
            found[name] = False
    found["ptrace"] = libc.ptrace(0x4206, pid, None, None) == 0
    fd = libc.syscall(434, pid, 0)
    found["pidfd_getfd"] = fd >= 0 and libc.syscall(438, fd, 1, 0) >= 0
    return sorted(name for name, worked in found.items() if worked)


@trial("stub.security.R16-opaque")
def opaque(context):
    """Neither the collector, the keeper nor the worker lets its user look inside; nor does the keeper take signals."""
    with StubLab(context) as here, collecting() as wrong:
        seen = 0
        for _ in range(25):
            process = here.start([here.program(), "threads", "200"], environment=here.environment(spool=True))
            until = time.monotonic() + 3
            while process.poll() is None and time.monotonic() < until:
                for pid in here.collectors():
                    reading, writing = os.pipe()
                    child = os.fork()
                    if not child:
                        os.setgroups([])
                        os.setgid(here.user.pw_gid)
                        os.setuid(here.user.pw_uid)
                        os.write(writing, " ".join(attacks(pid)).encode())
                        os._exit(0)
                    os.close(writing)
                    worked = os.read(reading, 1000).decode()
                    os.close(reading)
                    os.waitpid(child, 0)
                    seen += 1
                    if worked:
                        wrong.append(worked)
            here.finish(process, dumps=0)
        expect(seen > 20, "only %d looks at collectors", seen)
    for path in context.tree.dumps():
        os.unlink(path)


@trial("stub.security.R17-no-privilege-gained")
def degraded(context):
    """Without the privilege of its file the collector does what its user may do."""
    with StubLab(context) as here, collecting() as wrong:
        mount = os.path.join(context.folder, "nosuid")
        rows = {"no_new_privs": ["setpriv", "--no-new-privs"], "bounding set": ["setpriv", "--bounding-set=-all"],
                "user namespace": ["unshare", "-Ur"], "strace -f": ["strace", "-f", "-qq", "-o", "/dev/null"]}
        for what, prefix in rows.items():
            if not shutil.which(prefix[0]):
                continue
            options = {"user": False} if what == "bounding set" else {}
            prefix = prefix if what != "bounding set" else prefix + ["--reuid=%d" % here.user.pw_uid,
                                                                     "--regid=%d" % here.user.pw_gid, "--clear-groups"]
            end = here.crash(prefix + [here.program(), "plain"], **options)
            if not end.dumps or not is_dump(end.dump):
                wrong.append("%s: status %d, no dump: %s" % (what, end.status, end.said.strip()[:150]))
            for path in end.dumps:
                os.unlink(path)
        os.makedirs(mount, exist_ok=True)
        handlers = os.path.dirname(here.tree.collector)
        bound = subprocess.run(["mount", "--bind", "-o", "nosuid", handlers, handlers], capture_output=True, check=False)
        if bound.returncode == 0:
            try:
                subprocess.run(["mount", "-o", "remount,bind,nosuid", handlers], capture_output=True, check=False)
                end = here.crash([here.program(), "plain"])
                if end.status != -SEGV or not end.dumps:
                    wrong.append("nosuid: status %d, no dump: %s" % (end.status, end.said.strip()[:150]))
            finally:
                subprocess.run(["umount", handlers], capture_output=True, check=False)


@trial("stub.security.R19-ids-of-the-worker")
def ids(context):
    """What looks at the process is its user in all four ids; what holds the spool is root's in all four."""
    with StubLab(context) as here, collecting() as wrong:
        seen = set()
        for _ in range(10):
            process = here.start([here.program(), "threads", "300"], environment=here.environment(spool=True))
            while process.poll() is None:
                for pid in here.collectors():
                    try:
                        uids = lab.status_field(pid, "Uid")
                        mask = lab.status_field(pid, "CapEff")
                    except OSError:
                        continue
                    seen.add((tuple(uids), mask[0]))
            here.finish(process, dumps=0)
        user = str(here.user.pw_uid)
        plain = {uids for uids, caps in seen if set(uids) == {user} and int(caps, 16) == 0}
        if not plain:
            wrong.append("nothing ran as the user without capabilities: %s" % seen)
        for uids, caps in seen:
            mixed = len(set(uids)) > 1 and uids != (user, "0", "0", "0")
            if mixed:
                wrong.append("a process had the ids %s" % (uids,))
            if set(uids) == {user} and int(caps, 16):
                wrong.append("the user's process has capabilities %s" % caps)
    for path in context.tree.dumps():
        os.unlink(path)


@trial("stub.security.R21-no-permission-for-strangers")
def no_permission(context):
    """A signal that somebody sent opens the process to nobody: it stays as dumpable as it was."""
    with StubLab(context) as here:
        process = here.start([here.program(), "sleep"])
        process.stdout.readline()
        owner_before = os.stat("/proc/%d/status" % process.pid).st_uid
        os.kill(process.pid, signal.SIGSEGV)
        end = here.finish(process)
        died(end, SEGV, "sent")
        expect(owner_before == here.user.pw_uid, "the process was not its user's")


@trial("stub.security.R15-killed-at-random-in-the-spool")
def killed_in_spool(context):
    """The user ends its collectors at random: nothing half-written is seen, the next crash is dumped."""
    with StubLab(context) as here:
        for _ in range(30):
            process = here.start([here.program(), "plain"], environment=here.environment(spool=True))
            found = kernel.wait_until(here.collectors, 2, 0.0002)
            time.sleep(random.random() * 0.01)
            for pid in found or []:
                child = os.fork()
                if not child:
                    os.setgid(here.user.pw_gid)
                    os.setuid(here.user.pw_uid)
                    try:
                        os.kill(pid, signal.SIGKILL)
                    finally:
                        os._exit(0)
                os.waitpid(child, 0)
            end = here.finish(process, dumps=0)
            died(end, SEGV, "killed")
        for path in context.tree.everything_in_spool():
            expect(not path.endswith(".dmp") or is_dump(path), "'%s' is no minidump", path)
        before = context.tree.dumps()
        here.crash([here.program(), "plain"], environment=here.environment(spool=True), dumps=0)
        expect(context.tree.new_dump(before, 5), "the next crash has no dump")
    for path in context.tree.dumps():
        os.unlink(path)
