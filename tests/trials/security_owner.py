# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets to read a dump: the crashed process's user if every fact says so, else root alone.

R numbers are those of the requirements that the trials stand for.
"""
import os
import signal
import subprocess
import time

import kernel
import lab
from trial import Failure, Skip, collecting, expect, trial

CANARY = b"replacement-secret-5d0c2f"


@trial("security.owner.ordinary-user")
def ordinary_user(context):
    with lab.Lab(context) as here:
        status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        expect(status == -signal.SIGSEGV, "it died with %d", status)
        lab.expect_users(dump, here.users.victim, "an ordinary program")
        reading = subprocess.run(["cat", dump], capture_output=True, check=False,
                                 **lab.as_user(here.users.victim))
        expect(reading.returncode == 0, "the user cannot read the own dump: %s", reading.stderr)
        prying = subprocess.run(["cat", dump], capture_output=True, check=False, **lab.as_user(here.users.mallory))
        expect(prying.returncode != 0, "another user can read the dump")


@trial("security.owner.R4-root-only-matrix")
def root_only_matrix(context):
    with lab.Lab(context) as here, collecting() as wrong:
        victim = here.users.victim
        shadow = (0, 42)
        rows = [
            ("setuid, keeps it", [here.special("suid-keep", (0, 0), 0o4755), "null-read"]),
            ("setuid, drops it", [here.special("suid-drop", (0, 0), 0o4755), "drop"]),
            ("setuid, keeps it saved", [here.special("suid-saved", (0, 0), 0o4755), "keep-saved"]),
            ("setgid", [here.special("sgid", shadow, 0o2755), "null-read"]),
            ("setgid, drops it", [here.special("sgid-drop", shadow, 0o2755), "drop"]),
            ("executable that cannot be read", [here.special("exec-only", (0, 0), 0o711), "null-read"]),
        ]
        capable = here.special("file-caps")
        if subprocess.run(["setcap", "cap_net_raw+ep", capable], capture_output=True, check=False).returncode == 0:
            rows.append(("file capabilities", [capable, "null-read"]))
        for what, argv in rows:
            _status, dump = here.crash(argv, victim)
            check_root_only(wrong, dump, what)


def check_root_only(wrong, dump, what):
    try:
        lab.expect_root_only(dump, what)
    except Failure as reason:
        wrong.append(str(reason))


@trial("security.owner.R4-daemon-that-became-a-user")
def dropped_daemon(context):
    """A root process that gave up its ids without exec may still hold secrets of root's."""
    with lab.Lab(context) as here:
        victim = here.users.victim
        script = ("import os, time; os.setgroups([]); os.setresgid(%d, %d, %d); os.setresuid(%d, %d, %d);"
                  "print('ready', flush=True); time.sleep(60)" % ((victim.pw_gid,) * 3 + (victim.pw_uid,) * 3))
        before = here.tree.dumps()
        process = here.start(["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        killer = subprocess.run(["/bin/kill", "-SEGV", str(process.pid)], check=False, **lab.as_user(victim))
        expect(killer.returncode == 0, "the user could not signal the daemon")
        process.wait(20)
        process.stdout.close()
        lab.expect_root_only(here.tree.new_dump(before, 10), "a daemon that became the user")


@trial("security.owner.R4-undumpable-is-not-dumped")
def undumpable(context):
    with lab.Lab(context) as here:
        _status, dump = here.crash([here.program("crashme"), "undumpable"], here.users.victim, dump_expected=False)
        expect(dump is None, "PR_SET_DUMPABLE 0 gave a dump all the same")


@trial("security.owner.R4-suid-dumpable-0")
def suid_dumpable_0(context):
    with lab.Lab(context, suid_dumpable=0) as here:
        path = here.special("suid-zero", (0, 0), 0o4755)
        _status, dump = here.crash([path, "null-read"], here.users.victim, dump_expected=False)
        expect(dump is None, "suid_dumpable 0, and there is a dump")


@trial("security.owner.R9-suid-dumpable-1")
def suid_dumpable_1(context):
    """The administrator's `insecure` setting makes %d say 1; the ids and AT_SECURE must still say no."""
    with lab.Lab(context, suid_dumpable=1) as here, collecting() as wrong:
        for what, name, mode, how in (("setuid", "suid-one", 0o4755, "null-read"),
                                      ("setuid, dropped", "suid-one-drop", 0o4755, "drop")):
            path = here.special(name, (0, 0), mode)
            _status, dump = here.crash([path, how], here.users.victim)
            check_root_only(wrong, dump, what)


@trial("security.owner.R6-one-thread-with-other-ids")
def mixed_ids(context):
    with lab.Lab(context) as here:
        _status, dump = here.crash([here.program("crashme"), "mixed-ids"])
        lab.expect_root_only(dump, "a process whose threads have unlike ids")


@trial("security.owner.R6-user-namespace")
def user_namespace(context):
    """Root of a user namespace of the user's own making is nobody outside of it."""
    with lab.Lab(context) as here:
        argv = ["unshare", "-Ur", "sh", "-c", here.program("crashme") + " null-read; exit 7"]
        status, dump = here.crash(argv, here.users.victim)
        if status != 7:
            raise Skip("users may not make user namespaces here")
        lab.expect_root_only(dump, "a process in a user namespace")


@trial("security.owner.R5-malformed-arguments")
def malformed_arguments(context):
    """Called as the kernel would, with one argument spoilt: never a dump that the user may read."""
    with lab.Lab(context) as here, collecting() as wrong:
        victim = here.users.victim
        for spoilt in ("F=", "F=abc", "F=3abc", "F=-1", "F=99999999999999999999", "d=", "d=x", "d=1 ", "d=+1",
                       "u=", "u=-1", "P=", "P=1abc", None):
            alive = here.start([here.program("crashme"), "wait"], victim)
            pidfd = os.pidfd_open(alive.pid)
            arguments = ["P=%d" % alive.pid, "I=%d" % alive.pid, "u=%d" % victim.pw_uid, "g=%d" % victim.pw_gid,
                         "d=1", "s=11", "t=1700000000", "c=18446744073709551615", "F=%d" % pidfd]
            if spoilt is None:
                arguments = []
            else:
                arguments = [spoilt if a[:2] == spoilt[:2] else a for a in arguments]
            before = here.tree.dumps()
            with open("/dev/null", "rb") as nothing:
                done = subprocess.run([here.tree.core, *arguments], stdin=nothing, capture_output=True, env={},
                                      pass_fds=[pidfd], timeout=30, check=False)
            os.close(pidfd)
            alive.kill()
            alive.wait()
            for dump in here.tree.dumps() - before:
                if lab.own(dump) != (0, 0, 0o600):
                    wrong.append("%s: %s is %d:%d %o" % ((spoilt, os.path.basename(dump)) + lab.own(dump)))
            if done.returncode < 0:
                wrong.append("%s: inquest-core died of signal %d" % (spoilt, -done.returncode))


def swap_at(context, point):
    """Hold inquest-core at a point, let the setuid process be killed and its number be taken over by another
    user's process, and go on."""
    if not context.hooked:
        raise Skip("needs --hooks-prefix, a tree built with --enable-test-hooks")
    with lab.Lab(context, context.hooked) as here:
        path = here.special("suid-swap", (0, 0), 0o4755)
        before = here.tree.dumps()
        with here.hold(point):
            target = here.start([path, "null-read"], here.users.victim)
            here.held(point)
            os.kill(target.pid, signal.SIGKILL)
            # Before the release of the pipe the kernel waits for the helper, but SIGKILL ends that wait.
            try:
                target.wait(5)
            except subprocess.TimeoutExpired:
                here.go_on(point)
                target.wait(20)
                raise Skip("the kernel keeps the process until the helper lets go") from None
            taken = lab.take_pid(target.pid, [here.program("crashme"), "wait"],
                                 env={"SECRET": CANARY.decode()}, **lab.as_user(here.users.mallory))
            try:
                time.sleep(0.05)
                here.go_on(point)
                here.until_quiet(30)
            finally:
                if taken:
                    taken.kill()
                    taken.wait()
        kept = [path for path in here.tree.dumps() - before if ".%d." % target.pid in path]
        expect(len(kept) == 1, "%d dumps of one crash", len(kept))
        for dump in kept:
            expect(not lab.contains(dump, CANARY), "the dump holds the replacement's environment")
            lab.expect_root_only(dump, "held at '%s'" % point)


for _point in ("start", "arguments", "identity", "read", "verified", "decided", "worker", "confined",
               "gathered"):
    def _hold_at(context, point=_point):
        swap_at(context, point)
    trial("security.owner.R2-pid-taken-over-at-" + _point)(_hold_at)


@trial("security.owner.R3-killed-at-the-first-byte")
def kill_and_keep(context):
    """unix_chkpwd reads the shadow file setgid; killed while the kernel writes its core, nothing of it may
    become the user's."""
    program = "/usr/sbin/unix_chkpwd"
    if not os.access(program, os.X_OK):
        program = "/sbin/unix_chkpwd"
    if not os.access(program, os.X_OK):
        raise Skip("no unix_chkpwd here")
    with lab.Lab(context, pipe_limit=16) as here:
        before = here.tree.dumps()
        victim = here.users.victim
        for i in range(40):
            process = subprocess.Popen(["x" * 100000, victim.pw_name, "nullok"], executable=program,
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, **lab.as_user(victim))
            time.sleep(0.001 + i * 0.0001)
            os.kill(process.pid, signal.SIGSEGV)
            time.sleep(0.0005 + (i % 8) * 0.0005)
            process.kill()
            process.stdin.close()
            process.wait(20)
        here.until_quiet(30)
        for dump in here.tree.dumps() - before:
            lab.expect_root_only(dump, "unix_chkpwd, killed")


@trial("security.owner.R7-decision-does-not-move")
def decision_does_not_move(context):
    """An entry that was given to somebody else by hand is no longer what was decided: it is not shown."""
    with lab.Lab(context) as here:
        if not here.tree.debugger:
            raise Skip("inquest is not installed")
        _status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        lab.expect_users(dump, here.users.victim, "an ordinary program")
        os.chown(dump, here.users.mallory.pw_uid, here.users.mallory.pw_gid)
        listed = subprocess.run([here.tree.debugger, "list"], capture_output=True, text=True, timeout=20,
                                check=False, **lab.as_user(here.users.mallory))
        expect(os.path.basename(dump).rsplit(".", 2)[0] not in listed.stdout,
               "mallory is shown a dump that was the victim's")
        by_root = subprocess.run([here.tree.debugger, "list"], capture_output=True, text=True, timeout=20, check=False)
        expect(os.path.basename(dump) not in by_root.stdout.split(), "root is shown it as if nothing had happened")


@trial("security.owner.R8-hostile-proc-text")
def hostile_proc_text(context):
    """Names and sizes that break parsers of /proc leave the owner and the facts as they are."""
    with lab.Lab(context) as here, collecting() as wrong:
        victim = here.users.victim
        named = "import ctypes; ctypes.CDLL(None).prctl(15, %r, 0, 0, 0); ctypes.string_at(0)"
        cases = [(name, ["/usr/bin/python3", "-c", named % raw], {}) for name, raw in (
            ("parenthesis", b"a) R 1 (x"), ("uid line", b"\nUid:\t0\t0\t0"), ("not UTF-8", b"\xff\xfe\x80\xc0 12345"),
            ("option", b"--owner=0"), ("format", b"%n%s%P"))]
        crashme = here.program("crashme")
        cases.append(("100 KiB of arguments", [crashme, "null-read", "y" * 100000], {}))
        cases.append(("1 MiB of environment", [crashme, "null-read"],
                      {"env": {"V%d" % i: "z" * 100000 for i in range(10)}}))
        cases.append(("60,000 mappings", [crashme, "many-maps"], {}))
        for what, argv, more in cases:
            status, dump = here.crash(argv, victim, **more)
            if status != -signal.SIGSEGV:
                wrong.append("%s: died with %s" % (what, status))
            try:
                lab.expect_users(dump, victim, what)
            except Failure as reason:
                wrong.append(str(reason))


@trial("security.owner.restored-settings")
def settings_are_back(_context):
    """The trials themselves leave the machine as they found it."""
    expect("inquest-trials" not in kernel.get(kernel.PATTERN), "core_pattern is %s", kernel.get(kernel.PATTERN))
