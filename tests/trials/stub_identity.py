# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose memory the collector looks at: its parent's, by the kernel's word, and only what the kernel lets its user read.
Parents that end, ids that are used again, orphans that go to others, and programs that become others meanwhile.
"""
import os
import re
import signal
import subprocess
import tempfile
import time

import kernel
import lab
from stub_hold import HeldLab, collector_of
from stub_lab import SEGV, StubLab, died
from trial import Skip, collecting, expect, trial

CANARY = b"replacement-secret-5d0c2f"
VICTIMS = b"VICTIMS-SECRET-VICTIMS-SECRET-"
BEFORE_MEMORY = ("start", "arguments", "identity", "user")
LIMIT_MS = 5.0


def launcher(here):
    """Where other users can run it."""
    return os.path.join(here.crashers, "launcher")


def bait(here, word, collector):
    """A process with a record; always at the same addresses, so that each would do in another's place."""
    return ["setarch", "-R", launcher(here), "bait", word, collector, here.folder]


@trial("stub.hold.R1-id-taken-over")
def id_taken_over(context):
    """The parent is killed while its collector is held, and another process of the same user, with a record at the very
    same address, takes over its id: at each point before its memory is open, and behind. No byte of that process."""
    taken = 0
    with HeldLab(context) as here, collecting() as wrong:
        for point in BEFORE_MEMORY + ("opened",):
            here.want(point)
            # Below a shell, so that the id is not kept as that of a session.
            shell = here.start(["/bin/sh", "-c", '"$@"; :', "sh", *bait(here, "first", here.tree.collector)],
                               letters=None, preload=False)
            held = here.held()
            here.forget()
            pid = collector_of(held)
            os.kill(pid, signal.SIGKILL)
            shell.wait(10)
            other = take_over(pid, bait(here, CANARY.decode(), "-"), here)
            taken += other is not None
            os.kill(held, signal.SIGCONT)
            kernel.wait_until(lambda: not here.collectors(), 10)
            shell.stdout.close()
            shell.stderr.close()
            if other:
                other.kill()
                other.wait()
            for path in here.dumps():
                wrong.append("'%s': there is a dump%s" % (point, " of the process that took the id over"
                                                          if lab.contains(path, CANARY) else ""))
                os.unlink(path)
    if not taken:
        raise Skip("no process id could be taken over here")


@trial("stub.security.R1-id-control")
def id_control(context):
    """The process that takes over the id in the trial above is one that a collector of its own takes a dump of."""
    with StubLab(context) as here:
        process = here.start(bait(here, CANARY.decode(), here.tree.collector), letters=None, preload=False)
        try:
            expect(kernel.wait_until(here.dumps, 10), "no dump")
            expect(all(lab.contains(path, CANARY) for path in here.dumps()), "the word is not in the dump")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def take_over(pid, argv, here):
    try:
        process = lab.take_pid(pid, argv, seconds=2, env={}, cwd="/", **lab.as_user(here.user))
    except Skip:
        return None    # the machine took the id for something else
    time.sleep(0.1)    # until it has its record
    return process


@trial("stub.security.R1-orphans-and-heirs")
def orphans(context):
    """Parents that end while their collectors start, so that these belong to another user's process, or did from the
    start (CLONE_PARENT): nothing of that process is dumped, whatever the arguments and the record say."""
    rounds = int(os.environ.get("TRIALS_ROUNDS", "300"))
    with StubLab(context, "mallory") as here:
        done = subprocess.run([launcher(here), "race", here.tree.collector, str(rounds), str(here.users.victim.pw_uid),
                               str(here.user.pw_uid), here.folder], capture_output=True, text=True, check=False,
                              timeout=60 + rounds * 0.2, stdin=subprocess.DEVNULL, cwd="/")
        expect(done.returncode == 0, "status %d: %s", done.returncode, done.stderr[-300:])
        told = dict(zip(done.stdout.split()[::2], done.stdout.split()[1::2]))
        expect(int(told["dumped"]) + int(told["refused"]) == rounds and told["killed"] == told["misused"] == "0",
               "of %d: %s", rounds, done.stdout.strip())
        expect(int(told["refused"]) >= rounds * 3 // 4, "only %s were refused", told["refused"])
        for path in here.dumps():
            expect(not lab.contains(path, VICTIMS), "'%s' has the other user's memory", path)
            expect(".%s." % told["pid"] not in path, "'%s' is of the other user's process", path)


@trial("stub.security.R1-orphans-control")
def orphans_control(context):
    """The secret of the trial above is in a dump that may have it: of that process, taken for its own user."""
    with StubLab(context, "victim") as here:
        me = str(here.user.pw_uid)
        done = subprocess.run([launcher(here), "race", here.tree.collector, "8", me, me, here.folder],
                              capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL, cwd="/")
        expect(done.returncode == 0, "status %d: %s", done.returncode, done.stderr[-300:])
        expect(any(lab.contains(path, VICTIMS) for path in here.dumps()), "of %s dumps none has it: %s",
               len(here.dumps()), done.stdout)


@trial("stub.hold.R10-becomes-a-setuid-program")
def becomes_setuid(context):
    """The process that waits runs a set-user-ID program while its collector is held; what that program reads is in no
    dump, and no dump is made where the collector had yet to decide."""
    secret = ("guarded-%s" % os.urandom(12).hex()).encode()
    with HeldLab(context) as here, tempfile.NamedTemporaryFile() as guarded, collecting() as wrong:
        guarded.write(secret * 20)
        guarded.flush()
        guard = os.path.join(here.crashers, "guard")
        subprocess.run(["install", "-o", "0", "-g", "0", "-m", "4755", launcher(here), guard], check=True)
        for point in BEFORE_MEMORY + ("opened", "stopped", "decided", "created", "worker"):
            here.want(point)
            process = here.start([launcher(here), "becomes", here.tree.collector, here.folder, guard, guarded.name],
                                 letters=None, preload=False)
            held = here.held()
            here.forget()
            os.kill(process.pid, signal.SIGUSR1)
            expect(process.stdout.readline() == b"guarding\n", "'%s': the guard does not run: %s", point, process.poll())
            os.kill(held, signal.SIGCONT)
            kernel.wait_until(lambda: not here.collectors(), 10)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()
            for path in here.dumps():
                if lab.contains(path, secret):
                    wrong.append("'%s': what only root may read is in a dump" % point)
                if point in BEFORE_MEMORY + ("opened",):
                    wrong.append("'%s': there is a dump" % point)
                os.unlink(path)


@trial("stub.security.R10-the-guard-has-its-secret")
def guard_control(context):
    """The control of the trial above: root's own dump of the guard has what it read."""
    secret = ("guarded-%s" % os.urandom(12).hex()).encode()
    with StubLab(context) as here, tempfile.NamedTemporaryFile() as guarded:
        guarded.write(secret)
        guarded.flush()
        process = subprocess.Popen([launcher(here), "guard", guarded.name], stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            path = os.path.join(here.folder, "guard.dmp")
            subprocess.run([context.tree.debugger, "-p", str(process.pid), "-c", ".dump /ma %s; q" % path], check=False,
                           capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
            expect(lab.contains(path, secret), "the secret is not in the guard's memory")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@trial("stub.hold.R71-identity-before-everything")
def identity_first(context):
    """From the start of the collector to a pinned identity: the time does not grow with what the process is made of."""
    loads = (("nothing", [], 0, 0), ("65,000 mappings", [], 0, 65000), ("2,000 threads", [], 2000, 0),
             ("128 KiB of arguments", ["x" * 131000], 0, 0))
    environments = {"2 MiB of environment": {"V%d" % i: "x" * 100000 for i in range(18)}}
    rounds = 100
    with HeldLab(context) as here, collecting() as wrong:
        here.want("identity")
        base = None
        for what, arguments, threads, maps in (*loads, ("2 MiB of environment", [], 0, 0)):
            environment = dict(here.environment(preload=False), **environments.get(what, {}))
            done = subprocess.run([launcher(here), "time", here.tree.collector, str(rounds), str(threads), str(maps),
                                   *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60,
                                  stdin=subprocess.DEVNULL, cwd="/", **lab.as_user(here.user))
            found = re.search(r"threads (\d+) median (\d+) p99 (\d+) used (\d+)", done.stdout)
            expect(found, "%s: %s", what, done.stderr[-200:])
            expect(int(found.group(1)) == threads, "%s: only %s threads could be made", what, found.group(1))
            median, p99, used = (int(found.group(i)) / 1000 for i in (2, 3, 4))
            base = base or p99
            # What it uses itself is the same on a busy machine; the clock counts where nobody else makes it late.
            if used > LIMIT_MS or (base < LIMIT_MS / 2 and p99 > LIMIT_MS):
                wrong.append("%s: median %.1f ms, p99 %.1f ms, %.1f ms of the processor (an empty process: p99 %.1f ms)"
                             % (what, median, p99, used, base))
            if os.environ.get("TRIALS_FIGURES"):
                print("%-24s median %.2f ms, p99 %.2f ms, processor p99 %.2f ms" % (what, median, p99, used))


@trial("stub.hold.R21-nobody-gets-in-meanwhile")
def nobody_gets_in(context):
    """A process that made itself undumpable stays so through a crash that somebody else caused: held with its collector
    at work, no other process of its user gets in. An ordinary one is as open as it was."""
    with HeldLab(context) as here, collecting() as wrong:
        for mode, closed in (("sleep", False), ("sleep-undumpable", True)):
            here.want("opened", "user")
            process = here.crashing(mode)
            process.stdout.readline()
            os.kill(process.pid, signal.SIGSEGV)
            held = here.held()
            worked = here.as_user(lambda p=process.pid: try_ptrace(p))
            here.forget()
            here.go_on()
            time.sleep(0.01)
            here.go_on()
            end = here.finish(process, dumps=0)
            expect(held and end.status == -SEGV, "%s: status %d", mode, end.status)
            if closed and worked:
                wrong.append("another process got in: %s" % worked)
            if not closed and not worked:
                wrong.append("the control did not get in")


def try_ptrace(pid):
    from stub_security import attacks
    return " ".join(sorted(set(attacks(pid)) & {"mem", "ptrace", "pidfd_getfd", "environ"}))


PRCTL = 157


@trial("stub.security.R21-no-prctl-for-strangers")
def no_prctl(context):
    """The one call by which a process opens itself to others, PR_SET_PTRACER, is made for a fault of its own and for
    nobody's signal: under a filter that ends the process for any prctl()."""
    with StubLab(context) as here:
        own = here.crash([here.program(), "seccomp", "kill:%d" % PRCTL], dumps=0)
        expect(own.status == -signal.SIGSYS, "the control, a fault of its own, ends with %d", own.status)
        process = here.start([here.program(), "sleep-seccomp", "kill:%d" % PRCTL])
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSEGV)
        end = here.finish(process, dumps=0)
        # The collector is under the same filter, so that there is no dump.
        died(end, SEGV, "sent by another")
