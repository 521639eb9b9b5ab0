# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that nobody here wrote, with the stub preloaded, as an ordinary user; and a service that is back before
its dump is finished."""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import time

import kernel
import lab
from stub_lab import SEGV, StubLab, died, is_dump, signalled
from trial import Skip, expect, trial

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "crashers")


def need(program, *more):
    for folder in more:
        for path in sorted(glob.glob(folder)):
            if os.access(path, os.X_OK):
                return path
    path = shutil.which(program)
    if not path:
        raise Skip("no '%s' here" % program)
    return path


def has_good_dump(here, end, what):
    expect(len(end.dumps) == 1 and is_dump(end.dump), "%s: dumps %s: %s", what, end.dumps, end.said[-300:])
    told = signalled(here, end.dump)
    expect("SIGSEGV" in told or "SIGABRT" in told, "%s: the dump tells of no crash: %s", what, told[-300:])


@trial("stub.programs.python3")
def python3(context):
    with StubLab(context) as here:
        end = here.crash(["/usr/bin/python3", "-c", "import ctypes; ctypes.string_at(0)"])
        died(end, SEGV, "python3")
        has_good_dump(here, end, "python3")


@trial("stub.programs.python3-faulthandler")
def faulthandler(context):
    """Its own handler comes later, prints its traceback, and leads on to ours."""
    with StubLab(context) as here:
        end = here.crash(["/usr/bin/python3", "-X", "faulthandler", "-c", "import ctypes; ctypes.string_at(0)"])
        died(end, SEGV, "python3 -X faulthandler")
        expect("Fatal Python error" in end.said, "faulthandler said nothing: %s", end.said)
        has_good_dump(here, end, "faulthandler")


@trial("stub.programs.bash")
def bash(context):
    """Its children have the stub as well; a child's death is a child's."""
    with StubLab(context) as here:
        end = here.crash(["/bin/bash", "-c", "sleep 30 & kill -SEGV $!; wait $!; echo child $?; kill -SEGV $$; sleep 1"],
                         dumps=2)
        died(end, SEGV, "bash")
        expect("child 139" in end.output, "bash saw '%s'", end.output)
        expect(len(end.dumps) == 2, "dumps: %s; %s", end.dumps, end.said)


@trial("stub.programs.node")
def node(context):
    program = need("node")
    with StubLab(context) as here:
        end = here.crash([program, "-e", "process.abort()"], seconds=20)
        died(end, signal.SIGABRT, "node", 20)
        has_good_dump(here, end, "node")
        # It sets SIGSEGV's disposition back at start, "since the parent may have been evil": the kernel's handler has
        # that one.
        end = here.crash([program, "-e", "process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 9999)"],
                         seconds=20, dumps=0)
        died(end, SEGV, "node", 20)


@trial("stub.programs.redis-server")
def redis(context):
    program = need("redis-server")
    with StubLab(context) as here:
        process = here.start([program, "--port", str(free_port()), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--crash-log-enabled", "no"],
                             stdout=subprocess.DEVNULL)
        time.sleep(0.7)
        expect(process.poll() is None, "redis-server did not start")
        process.send_signal(signal.SIGSEGV)
        end = here.finish(process)
        died(end, SEGV, "redis-server")
        has_good_dump(here, end, "redis-server")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    return []


@trial("stub.programs.nginx")
def nginx(context):
    """A worker dies, the master makes another."""
    program = need("nginx", "/usr/sbin/nginx")
    with StubLab(context) as here:
        work = os.path.join(here.folder, "work")
        os.mkdir(work)
        os.chown(work, here.user.pw_uid, here.user.pw_gid)
        with open(os.path.join(work, "n.conf"), "w", encoding="ascii") as f:
            f.write("worker_processes 1; pid %s/pid; error_log %s/log; env INQUEST; env INQUEST_DIR; events {}\n"
                    "http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
                    "uwsgi_temp_path %s/u; scgi_temp_path %s/s; server { listen unix:%s/socket; } }\n" % ((work,) * 8))
        process = here.start([program, "-c", work + "/n.conf", "-e", work + "/log", "-g", "daemon off;"])
        try:
            workers = kernel.wait_until(lambda: children(process.pid), 5)
            expect(workers, "no worker was started")
            time.sleep(0.2)
            os.kill(workers[0], signal.SIGSEGV)
            expect(kernel.wait_until(lambda: [c for c in children(process.pid) if c != workers[0]], 5),
                   "the master made no new worker")
            expect(kernel.wait_until(here.dumps, 5), "no dump of the worker")
            with open(work + "/log", encoding="utf-8", errors="replace") as f:
                expect("exited on signal 11" in f.read(), "the master saw another end")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            shutil.rmtree(work)
            process.stdout.close()
            process.stderr.close()


@trial("stub.programs.postgresql")
def postgresql(context):
    """A backend dies; the server's own recovery is what it would have been, and it serves again."""
    server = need("postgres", "/usr/lib/postgresql/*/bin/postgres")
    tools = os.path.dirname(server)
    with StubLab(context) as here:
        work = os.path.join(here.folder, "work")
        os.mkdir(work)
        os.chown(work, here.user.pw_uid, here.user.pw_gid)
        plain = here.environment(letters=None, preload=False)
        subprocess.run([tools + "/initdb", "-D", work + "/data", "-N", "-A", "trust", "-U", "me"], env=plain, check=True,
                       capture_output=True, timeout=60, **lab.as_user(here.user))
        process = here.start([server, "-D", work + "/data", "-k", work, "-c", "listen_addresses="],
                             stdout=subprocess.DEVNULL)

        def ask(words):
            done = subprocess.run([tools + "/psql", "-h", work, "-U", "me", "-d", "postgres", "-Atc", words], env=plain,
                                  capture_output=True, text=True, check=False, timeout=20, **lab.as_user(here.user))
            return done.stdout.strip()
        try:
            expect(kernel.wait_until(lambda: ask("select 1") == "1", 15), "the server did not start")
            session = subprocess.Popen([tools + "/psql", "-h", work, "-U", "me", "-d", "postgres", "-Atc",
                                        "select pg_sleep(20)"], env=plain, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, **lab.as_user(here.user))
            pid = kernel.wait_until(lambda: ask("select pid from pg_stat_activity where query like 'select pg_sleep%'"), 10)
            os.kill(int(pid), signal.SIGSEGV)
            session.wait(20)
            expect(kernel.wait_until(lambda: ask("select 2") == "2", 20), "the server does not serve any more")
            expect(process.poll() is None, "the server has ended")
            expect(kernel.wait_until(here.dumps, 5), "no dump of the backend")
            expect(len(here.dumps()) == 1, "dumps: %s", here.dumps())
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
            said = process.stderr.read().decode(errors="replace")
            process.stderr.close()
            shutil.rmtree(work)
        expect("terminated by signal 11" in said, "the server saw another end: %s", said[-300:])


def same_as_without(here, argv, seconds=40, **more):
    """What it does with the stub in it: the output and the status that it has without, and no dump of ordinary work."""
    bare = here.crash(argv, letters=None, preload=False, dumps=0, seconds=seconds,
                      environment=here.environment(None, False, **more))
    end = here.crash(argv, dumps=0, seconds=seconds, environment=here.environment(**more))
    expect((end.status, end.output) == (bare.status, bare.output), "with the stub: %d, %s; without: %d, %s", end.status,
           end.output[-200:], bare.status, bare.output[-200:])
    return end


@trial("stub.programs.java")
def java(context):
    """Null checks and stack overflows are SIGSEGV: they go on as if nothing were there. A fault that Java's runtime makes
    nothing of it hands on to the handler that was there before its own: that dump shows the fault."""
    program = need("java")
    with StubLab(context) as here:
        argv = [program, "-XX:ErrorFile=%s/hs_err" % here.folder, "-Xshare:auto", os.path.join(here.crashers, "Runtime.java")]
        shutil.copy(os.path.join(SOURCES, "Runtime.java"), argv[-1])
        try:
            end = same_as_without(here, argv)
            expect(end.status == 0 and "caught 10000, overflowed 20" in end.output, "java: %d: %s", end.status, end.said)
            expect(not end.dumps, "ordinary work gave dumps: %s", end.dumps)
            end = here.crash([*argv, "crash"], seconds=40)
            died(end, SEGV, "java", 40)
            has_good_dump(here, end, "java")
        finally:
            for path in glob.glob(here.folder + "/hs_err*"):
                os.unlink(path)


@trial("stub.programs.go")
def go(context):
    """Nil pointers are recovered, or are a panic with Go's own report and status, as if nothing were there; GOTRACEBACK=crash
    dies of SIGABRT and leaves a dump. A fault in C code Go hands on to the handler that was there before its own."""
    program = need("go")
    with StubLab(context) as here:
        built = here.crashers + "/runtime-go"
        done = subprocess.run([program, "build", "-o", built, os.path.join(SOURCES, "runtime.go")], capture_output=True,
                              timeout=120, text=True, check=False,
                              env=dict(os.environ, GOCACHE=here.crashers + "/cache", CGO_ENABLED="1"))
        expect(done.returncode == 0, "go build: %s", done.stderr[-300:])
        for words, more, status, dumps in (((), {}, 0, 0), (("panic",), {}, 2, 0),
                                           (("panic",), {"GOTRACEBACK": "crash"}, -signal.SIGABRT, 1)):
            before = here.dumps()
            end = same_as_without(here, [built, *words], **more)
            new = kernel.wait_until(lambda: here.dumps() - before, 3 if dumps else 0)
            expect(end.status == status and "recovered 8000" in end.output and len(new) == dumps,
                   "go %s: status %d, dumps %s: %s", words, end.status, new, end.said[-300:])
        end = here.crash([built, "c"])
        died(end, SEGV, "go, in C")
        has_good_dump(here, end, "go, in C")


@trial("stub.wishes.kernel-helper")
def kernel_helper(context):
    """INQUEST in the environment of a process without the stub: less is given, privacy always, more never."""
    with lab.Lab(context) as here:
        secret = "replacement-secret-5d0c2f"
        for letters, seen in (("m", True), ("mr", False), ("mf", True), ("nonsense", True)):
            _status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim,
                                       env={"INQUEST": letters, "SECRET": secret})
            expect(dump, "INQUEST=%s: no dump", letters)
            expect(os.path.getsize(dump) < 1 << 20, "INQUEST=%s gave all memory", letters)
            expect(lab.contains(dump, secret.encode()) == seen, "INQUEST=%s: the environment %s", letters,
                   "is missing" if seen else "is there")
