# SPDX-License-Identifier: GPL-3.0-or-later
"""Die first, dump after: a service that is back before its dump is finished, supervisors that kill all that is left
behind, limits that leave no room, memory that children do not get."""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import judges
import kernel
import lab
from minidump import Dump
from stub_lab import SEGV, StubLab, died, is_dump
from trial import Skip, expect, trial

MIB = 512
COUNTERS = 2
TURNED = 0x5a5a5a5a
CHUNK = 16 << 20
PTHREAD_TID = 0x2d0    # of glibc's struct pthread


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, words=b"who\n"):
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.sendall(words)
        return s.makefile().read()


def serves(port):
    try:
        return ask(port)
    except OSError:
        return None


def memory_is_right(dump, memory, mib):
    """Every page of the server's memory, and what its threads counted: of one moment."""
    for start in range(0, mib << 20, CHUNK):
        part = dump.read(memory + start, CHUNK)
        expect(part, "memory at +%#x is not all there", start)
        for at in range(0, CHUNK, 4096):
            word, = struct.unpack_from("<Q", part, at)
            expect(word == (start + at) ^ TURNED, "memory at +%#x: %#x", start + at, word)
    for i in range(COUNTERS):
        pair = memory + (mib << 20) + (i << 21)
        first, = struct.unpack("<Q", dump.read(pair, 8))
        last, = struct.unpack("<Q", dump.read(pair + (1 << 20), 8))
        expect(first > 1000 and first - last in (0, 1), "thread %d counted %d and %d: it ran on", i, first, last)


def threads_are_named(dump):
    """Where the C library keeps a thread's id, the kernel puts 0 when it ends: not in the dump."""
    threads = dump.threads()
    expect(len(threads) == 1 + COUNTERS, "%d threads", len(threads))
    for thread in threads:
        word, = struct.unpack("<I", dump.read(thread.teb + PTHREAD_TID, 4))
        expect(word == thread.tid, "thread %d calls itself %d", thread.tid, word)


def lldb_reads(path, address, wanted):
    program = judges.lldb_program()
    if not program:
        return
    done = subprocess.run([program, "--batch", "-c", path, "-o", "x/1gx %#x" % address], capture_output=True, text=True,
                          errors="replace", timeout=60, check=False)
    expect("%016x" % wanted in done.stdout, "lldb at %#x: %s", address, done.stdout[-200:] + done.stderr[-200:])


class Load:
    """Clients that ask one after the other, at once again when they are refused; every answer with its time."""

    def __init__(self, port, clients=4):
        self.port, self.answers, self.over = port, [], False
        self.clients = [threading.Thread(target=self.run) for _ in range(clients)]
        for client in self.clients:
            client.start()

    def run(self):
        while not self.over:
            words = serves(self.port)
            if words:
                self.answers.append((time.monotonic(), words))
            else:
                time.sleep(0.001)

    def end(self):
        self.over = True
        for client in self.clients:
            client.join()
        return sorted(self.answers)


# Starts the first command, and, whenever it dies, the second at once. Says each death as it is seen.
SUPERVISOR = r"""
import os, signal, sys, time
middle = sys.argv.index("--")
first, second = sys.argv[1:middle], sys.argv[middle + 1:]
plain = {k: v for k, v in os.environ.items() if not k.startswith("INQUEST") and k != "LD_PRELOAD"}
pid = os.posix_spawn(first[0], first, dict(plain, **{k: os.environ["STUB_" + k] for k in ("INQUEST", "INQUEST_DIR", "LD_PRELOAD")}))
for _ in range(2):
    _pid, status = os.waitpid(pid, 0)
    pid = os.posix_spawn(second[0], second, plain)
    print(time.monotonic(), status, pid, flush=True)
"""


@trial("stub.snapshot.server-is-back-first")
def server_is_back(context):
    """A server with much memory and threads that never rest crashes under load. Its supervisor hears of it and starts it
    on the same port; clients are answered by the new one while the old one's dump is still being written. Then the dump
    comes: all memory, of one moment."""
    with StubLab(context) as here:
        port = free_port()
        argv = [here.program(), "server"]
        stub = here.environment("ma")
        environment = here.environment(None, preload=False,
                                       **{"STUB_" + k: stub[k] for k in ("INQUEST", "INQUEST_DIR", "LD_PRELOAD")})
        supervisor = here.start(["/usr/bin/python3", "-c", SUPERVISOR, *argv, "%d %d %d" % (port, MIB, COUNTERS), "--",
                                 *argv, "%d 1" % port], environment=environment)
        load = None
        try:
            words = kernel.wait_until(lambda: serves(port), 20)
            expect(words, "the server did not start")
            memory, pid = int(words.split()[3], 16), words.split()[1]
            load = Load(port)
            expect(kernel.wait_until(lambda: len(load.answers) > 100, 10), "no load")
            asked = time.monotonic()
            with contextlib.suppress(OSError):
                ask(port, b"crash\n")
            new = kernel.wait_until(lambda: [a for a in load.answers if a[1].split()[1] != pid], 10, 0.001)
            # At this very moment, with the new server's answer in hand:
            finished, writing = here.dumps(), here.collectors()
            expect(new, "the server is not back on its port")
            expect(not finished and writing, "the dump was finished, or nobody was at it: %s %s", finished, writing)
            died_at, status, _new_pid = supervisor.stdout.readline().split()
            expect(os.WTERMSIG(int(status)) == SEGV, "the supervisor saw status %s", status)
            expect(kernel.wait_until(here.dumps, 60), "no dump")
            dumped = time.monotonic()
            kernel.wait_until(lambda: not here.collectors(), 20)
        finally:
            answers = load.end() if load else []
            os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()
            supervisor.stdout.close()
            supervisor.stderr.close()
        last = [at for at, words in answers if words.split()[1] == pid][-1]
        first = [at for at, words in answers if words.split()[1] != pid][0]
        print("# dead %.1f ms after the request, back %.1f ms after its last answer, dump after %.0f ms" %
              (1e3 * (float(died_at) - asked), 1e3 * (first - last), 1e3 * (dumped - asked)))
        expect(first < dumped, "the dump came before the first answer of the new server")
        path = here.dumps().pop()
        dump = Dump(path)
        expect(dump.misc()["pid"] == int(pid), "a dump of process %d", dump.misc()["pid"])
        memory_is_right(dump, memory, MIB)
        threads_are_named(dump)
        dump.close()
        lldb_reads(path, memory, TURNED)
        lldb_reads(path, memory + (MIB << 20) - 4096, ((MIB << 20) - 4096) ^ TURNED)


def listens_again(port):
    """At once, without a second try."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()


@trial("stub.snapshot.port-is-free-at-once")
def port_is_free(context):
    """No socket outlives the process, be its memory held or, as on kernels before 5.16, copied."""
    with StubLab(context) as here:
        for how, before in (("held", []), ("copied", ["setarch", "--uname-2.6"])):
            if before and not shutil.which(before[0]):
                continue
            port = free_port()
            process = here.start([*before, here.program(), "server", "%d 64 %d" % (port, COUNTERS)], letters="ma")
            words = kernel.wait_until(lambda: serves(port), 20)
            expect(words, "%s: the server did not start", how)
            with contextlib.suppress(OSError):
                ask(port, b"crash\n")
            status = process.wait(10)
            writing = here.collectors()
            listens_again(port)
            expect(status == -SEGV and writing, "%s: status %d, collectors %s", how, status, writing)
            end = here.finish(process, 20)
            expect(end.dump, "%s: no dump: %s", how, end.said)
            dump = Dump(end.dump)
            memory_is_right(dump, int(words.split()[3], 16), 64)
            threads_are_named(dump)
            dump.close()
            os.unlink(end.dump)


# --- a supervisor that kills its group ------------------------------------------------------------------

def unified():
    """Where control groups of version 2 are mounted, with cgroup.kill."""
    with open("/proc/mounts", encoding="utf-8", errors="replace") as f:
        for line in f:
            place, kind = line.split()[1:3]
            if kind == "cgroup2":
                return place
    raise Skip("no control groups of version 2 are mounted")


@contextlib.contextmanager
def group_of(mount):
    path = os.path.join(mount, "inquest-trial-%d" % os.getpid())
    try:
        os.mkdir(path)
    except OSError as e:
        raise Skip("control groups cannot be made here: %s" % e.strerror) from None
    try:
        if not os.path.exists(os.path.join(path, "cgroup.kill")):
            raise Skip("no cgroup.kill (Linux 5.14)")
        yield path
    finally:
        with contextlib.suppress(OSError):
            put(path, "cgroup.kill", "1")
        kernel.wait_until(lambda: removed(path), 10)


def removed(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def put(group, name, text):
    with open(os.path.join(group, name), "w", encoding="ascii") as f:
        f.write(text)


def start_in(here, group, argv, **options):
    """Start a program as the user, in that group, which only root may put it into."""
    def become():
        put(group, "cgroup.procs", str(os.getpid()))
        os.setgroups([])
        os.setgid(here.user.pw_gid)
        os.setuid(here.user.pw_uid)
    return here.start(argv, before=become, user=False, **options)


def crash_and_kill(here, mount, privileged=True):
    """A server's crash, in a group that is killed as soon as the death is seen; (status, dump or None, where its memory
    was)."""
    port = free_port()
    argv = [here.program(), "server", "%d %d %d" % (port, MIB, COUNTERS)]
    with group_of(mount) as group:
        process = start_in(here, group, argv if privileged else ["setpriv", "--no-new-privs", *argv], letters="ma")
        words = kernel.wait_until(lambda: serves(port), 20)
        expect(words, "the server did not start")
        with contextlib.suppress(OSError):
            ask(port, b"crash\n")
        status = process.wait(10)
        put(group, "cgroup.kill", "1")
        expect(kernel.wait_until(lambda: "populated 0" in text(group, "cgroup.events"), 5), "the group is not empty")
        kernel.wait_until(lambda: not here.collectors(), 60)
        process.stdout.close()
        process.stderr.close()
    dumps = here.dumps()
    return status, dumps.pop() if dumps else None, int(words.split()[3], 16)


def text(group, name):
    with open(os.path.join(group, name), encoding="ascii") as f:
        return f.read()


@trial("stub.snapshot.group-is-killed")
def group_is_killed(context):
    """The dump outlives the process's control group; without privilege it cannot, and the process dies all the same."""
    mount = unified()
    with StubLab(context) as here:
        status, path, memory = crash_and_kill(here, mount)
        expect(status == -SEGV, "status %d", status)
        expect(path, "the dump was lost with the group")
        dump = Dump(path)
        memory_is_right(dump, memory, MIB)
        dump.close()
        left = [n for n in os.listdir(os.path.join(mount, "inquest")) if n.isdigit()]
        expect(not left, "groups were left behind: %s", left)
        os.unlink(path)
        if shutil.which("setpriv"):
            status, path, _memory = crash_and_kill(here, mount, privileged=False)
            expect(status == -SEGV, "without privilege: status %d", status)
            expect(not path, "without privilege the dump cannot outlive the group; is this trial blind?")
            for name in os.listdir(here.folder):
                os.unlink(os.path.join(here.folder, name))


@trial("stub.snapshot.frozen-in-its-own-group")
def frozen(context):
    """What keeps the memory is the program's own code: outside of its group it does not run."""
    mount = unified()
    with StubLab(context) as here, group_of(mount) as group:
        port = free_port()
        process = start_in(here, group, [here.program(), "server", "%d %d %d" % (port, MIB, COUNTERS)], letters="ma")
        expect(kernel.wait_until(lambda: serves(port), 20), "the server did not start")
        with contextlib.suppress(OSError):
            ask(port, b"crash\n")
        process.wait(10)
        ours = os.path.join(mount, "inquest")
        held = [os.path.join(ours, n) for n in os.listdir(ours) if n.isdigit()]
        expect(len(held) == 1, "groups of those who keep memory: %s", held)
        expect(text(held[0], "cgroup.freeze").strip() == "1", "it is not frozen")
        expect(len(text(held[0], "cgroup.procs").split()) == 1, "it holds %s", text(held[0], "cgroup.procs").split())
        pid = text(held[0], "cgroup.procs").strip()
        expect(text("/proc/" + pid, "comm").strip() == "inquest-memory", "it is called %s", text("/proc/" + pid, "comm"))
        expect(text("/proc/" + pid, "oom_score_adj").strip() == "1000", "others are killed before it")
        expect(not os.listdir("/proc/%s/fd" % pid), "it has descriptors: %s", os.listdir("/proc/%s/fd" % pid))
        expect(not text(group, "cgroup.procs").split(), "left in the group: %s", text(group, "cgroup.procs").split())
        expect(kernel.wait_until(lambda: not os.path.exists(held[0]), 60), "the group was not removed")
        expect(here.dumps(), "no dump")
        process.stdout.close()
        process.stderr.close()


# --- no room -------------------------------------------------------------------------------------------

def memory_group():
    """(mount, name of the limit's file): of the version that has the controller of memory."""
    with open("/proc/mounts", encoding="utf-8", errors="replace") as f:
        for line in f:
            place, kind, options = line.split()[1:4]
            if kind == "cgroup" and "memory" in options.split(","):
                return place, "memory.limit_in_bytes"
            if kind == "cgroup2" and "memory" in text(place, "cgroup.subtree_control").split():
                return place, "memory.max"
    raise Skip("no controller of memory in control groups here")


@trial("stub.snapshot.no-room-in-the-group")
def no_room(context):
    """Where the group has no room for a successor beside what is kept, the dump is taken first, and says why."""
    mount, limit = memory_group()
    mib = 192
    for room, refused in ((mib * 5 // 4, True), (mib * 4, False)):
        with StubLab(context) as here:
            group = os.path.join(mount, "inquest-trial-%d" % os.getpid())
            try:
                os.mkdir(group)
            except OSError as e:
                raise Skip("control groups cannot be made here: %s" % e.strerror) from None
            try:
                put(group, limit, str(room << 20))
                process = start_in(here, group, [here.program("crashme"), "touch"],
                                   environment=here.environment("ma", TOUCH_MIB=str(mib)))
                end = here.finish(process, 30)
            finally:
                kernel.wait_until(lambda: removed(group), 10)
            died(end, SEGV, "%d MiB in %d" % (mib, room), 30)
            expect(end.dump, "no dump: %s", end.said)
            dump = Dump(end.dump)
            said = dump.comment()
            dump.close()
            expect(("no snapshot: control group '/%s'" % os.path.basename(group) in said) == refused,
                   "%d MiB in a group of %d: %s", mib, room, said)


def threads_of(uid):
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/status" % pid, encoding="utf-8", errors="replace") as f:
            status = f.read()
            if int(re.search(r"^Uid:\t(\d+)", status, re.M)[1]) == uid:
                count += int(re.search(r"^Threads:\t(\d+)", status, re.M)[1])
    return count


def may_raise_limits():
    """CAP_SYS_RESOURCE, which a container's root may lack."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"^CapBnd:\t(\w+)", f.read(), re.M)[1], 16) >> 24 & 1


@trial("stub.snapshot.no-process-left")
def no_process(context):
    """RLIMIT_NPROC leaves one process, which is the collector: nothing can keep the memory. The dump is taken first,
    and says why."""
    def limit():
        most = threads_of(os.getuid()) + 1
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    with StubLab(context) as here:
        end = here.crash([here.program(), "plain"], letters="ma", before=limit)
        died(end, SEGV, "no more processes")
        if not may_raise_limits():    # then the collector cannot have a worker either, and says that
            expect("no worker could be started" in end.said, "no dump, and no word about it: %s", end.said)
            return
        expect(end.dump, "no dump: %s", end.said)
        dump = Dump(end.dump)
        said = dump.comment()
        dump.close()
        expect("could not be copied" in said, "it does not say why: %s", said)


@trial("stub.snapshot.more-than-the-spool-takes")
def more_than_the_spool_takes(context):
    """All memory of a process that is larger than a dump in the spool may be: one without it, which says so."""
    with StubLab(context) as here:
        before = here.tree.dumps()
        process = here.start([here.program("crashme"), "touch"],
                             environment=here.environment("ma", spool=True, TOUCH_MIB="300"))
        end = here.finish(process, 20, dumps=0)
        died(end, SEGV, "300 MiB", 20)
        path = here.tree.new_dump(before)
        expect(path, "no dump: %s", end.said)
        dump = Dump(path)
        expect("max-dump" in dump.comment() and dump.handles(), "it says '%s'", dump.comment())
        expect(os.path.getsize(path) < 4 << 20, "%d bytes", os.path.getsize(path))
        dump.close()
        os.unlink(path)


# --- a container ends with its first process ------------------------------------------------------------

@trial("stub.snapshot.container-ends-with-it")
def container_ends(context):
    """The first process of a PID namespace takes all others with it, the collector too: then the dump is written before.
    So it is where the first process waits for its program only."""
    with StubLab(context) as here:
        user = ["setpriv", "--reuid", str(here.user.pw_uid), "--regid", str(here.user.pw_gid), "--clear-groups"]
        if not shutil.which("setpriv") or not shutil.which("unshare"):
            raise Skip("no setpriv or no unshare here")
        program = [here.program(), "plain"]
        for what, argv, statuses in (("first", program, (-SEGV, 128 + SEGV)),
                                     ("below the first", ["/bin/sh", "-c", "%s %s; exit 7" % tuple(program)], (7,))):
            for letters in ("m", "ma"):
                end = here.crash(["unshare", "-pmf", "--mount-proc", *user, *argv], letters=letters, user=False)
                expect(end.status in statuses, "%s: status %d: %s", what, end.status, end.said)
                expect(end.dump and is_dump(end.dump), "%s, %s: no dump: %s", what, letters, end.said)
                dump = Dump(end.dump)
                expect("PID namespace" in dump.comment(), "%s: %s", what, dump.comment())
                expect(dump.exception()[1] == SEGV, "%s: signal %d", what, dump.exception()[1])
                dump.close()
                os.unlink(end.dump)


# --- what children do not get ----------------------------------------------------------------------------

@trial("stub.snapshot.keeps-what-children-do-not-get")
def keeps_memory(context):
    """MADV_DONTFORK: memory that is held has it; a process that must be copied is not, and says so."""
    with StubLab(context) as here:
        for how, number, remark in (("crash", SEGV, False), ("now", 0, True)):
            end = here.crash([here.program(), "keeps-memory", how], letters="mw,snapshot")
            expect(end.status == -number, "%s: status %d: %s", how, end.status, end.said)
            expect(end.dump and is_dump(end.dump), "%s: no dump: %s", how, end.said)
            memory = int(re.search("memory (0x[0-9a-f]+)", end.output)[1], 16)
            dump = Dump(end.dump)
            for at in (0, 4096, (1 << 20) - 8):
                found = dump.read(memory + at, 8)
                expect(found == struct.pack("<Q", ~at & 2**64 - 1), "%s: memory at +%#x: %s", how, at, found)
            expect(("MADV_DONTFORK" in dump.comment()) == remark, "%s: it says '%s'", how, dump.comment())
            dump.close()
            os.unlink(end.dump)
