# SPDX-License-Identifier: GPL-3.0-or-later
"""Real users, real crashes with inquest-core itself in core_pattern, and processes held at a point."""
import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import crashes
import kernel
from trial import Failure, Skip, expect

HOOKS = "/run/inquest-test"
# Runs that share a machine have users of their own: $TRIALS_USERS is put in the place of `inq`.
NAMES = tuple(os.environ.get("TRIALS_USERS", "inq") + name for name in ("-victim", "-mallory"))


class Users:
    """victim and mallory: ordinary users, made for the run and removed with all their processes."""

    def __init__(self):
        for name in NAMES:
            if subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name],
                              capture_output=True, check=False).returncode not in (0, 9):
                raise Skip("useradd does not work here")
        self.victim, self.mallory = (pwd.getpwnam(name) for name in NAMES)

    def remove(self):
        for name in NAMES:
            subprocess.run(["userdel", name], capture_output=True, check=False)


def as_user(entry):
    """Options for subprocess: become that user with nobody else's groups."""
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Lab:
    """Crashes for one trial. Use with `with`: it holds the machine's settings, and empties the spool of what
    the trial's crashes left."""

    def __init__(self, context, where=None, suid_dumpable=2, pipe_limit=16):
        self.context = context
        self.tree = where or context.tree
        self.suid_dumpable, self.pipe_limit = suid_dumpable, pipe_limit
        self.crashers = os.path.join(context.shared_folder(), "crashers")
        lost = self.tree.missing("inquest-core", "inquest-register")
        if context.no_crashes or lost:
            raise Skip(context.no_crashes or lost)
        self.users = context.users()
        self._settings = None

    def __enter__(self):
        self._settings = kernel.crash_settings(pattern=self.context.pattern_of(self.tree),
                                               pipe_limit=self.pipe_limit, suid_dumpable=self.suid_dumpable)
        self._settings.__enter__()
        self._before = self.tree.everything_in_spool()
        return self

    def __exit__(self, *what):
        try:
            with contextlib.suppress(Failure):
                self.until_quiet(20)
            for path in self.tree.everything_in_spool() - self._before:
                if not os.path.basename(path).startswith("."):
                    os.unlink(path)
        finally:
            self._settings.__exit__(*what)

    def program(self, name):
        return os.path.join(self.crashers, name)

    def special(self, name, owner=None, mode=None, like="crashme"):
        """A copy of a crasher with an owner and a mode of its own."""
        path = os.path.join(self.crashers, name)
        if os.path.lexists(path):
            os.unlink(path)
        shutil.copy(self.program(like), path)
        if owner:
            os.chown(path, *owner)
        os.chmod(path, 0o755 if mode is None else mode)
        return path

    def start(self, argv, user=None, **options):
        options.setdefault("cwd", "/")
        options.setdefault("stdout", subprocess.DEVNULL)
        if user:
            options.update(as_user(user))
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True, preexec_fn=crashes.allow_cores, **options)

    def crash(self, argv, user=None, seconds=20, dump_expected=True, **options):
        """Run to its death; (wait status as subprocess tells it, path of the new dump or None)."""
        before = self.tree.dumps()
        process = self.start(argv, user, **options)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure("'%s' did not die in %d s" % (" ".join(argv)[:80], seconds)) from None
        if dump_expected:
            dump = self.tree.new_dump(before, 10)
        else:
            self.until_quiet(10)
            dump = max(self.tree.dumps() - before, default=None)
        return status, dump

    def helpers(self):
        """{pid: state letter} of the inquest-core processes of this tree."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % pid).split(" (deleted)")[0] != self.tree.core:
                    continue
                with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as f:
                    found[int(pid)] = f.read().rpartition(") ")[2][0]
            except OSError:
                continue
        return found

    def until_quiet(self, seconds):
        running = lambda: [p for p, state in self.helpers().items() if state != "Z"]
        expect(kernel.wait_until(lambda: not running(), seconds), "inquest-core still runs after %s s: %s",
               seconds, running())

    @contextlib.contextmanager
    def hold(self, point):
        """While inside, processes of a hooked build stop at the point."""
        os.makedirs(HOOKS, mode=0o700, exist_ok=True)
        os.chmod(HOOKS, 0o700)
        path = os.path.join(HOOKS, "hold." + point)
        with open(path, "w", encoding="ascii"):
            pass
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            self.release()

    def held(self, point, seconds=5):
        """The pid of the process that stopped at the point."""
        stopped = kernel.wait_until(lambda: [p for p, s in self.helpers().items() if s in "Tt"], seconds)
        expect(stopped, "nothing stopped at the hold point '%s'", point)
        return stopped[0]

    def release(self):
        for pid, state in self.helpers().items():
            if state in "Tt":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def go_on(self, point):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(HOOKS, "hold." + point))
        self.release()


def own(path):
    """user id, group id and mode, as the requirements write them"""
    state = os.stat(path, follow_symlinks=False)
    return state.st_uid, state.st_gid, state.st_mode & 0o7777


def expect_root_only(dump, what):
    expect(dump, "%s: no dump", what)
    expect(own(dump) == (0, 0, 0o600), "%s: the dump is %d:%d %o, must be root's alone", what, *own(dump))


def expect_users(dump, user, what):
    expect(dump, "%s: no dump", what)
    uid, _gid, mode = own(dump)
    expect(uid == user.pw_uid and mode == 0o600, "%s: the dump is %d %o, must be the user's", what, uid, mode)


def contains(path, needle):
    with open(path, "rb") as f:
        return needle in f.read()


def status_field(pid, field, tid=None):
    path = "/proc/self/status" if pid == "self" else "/proc/%d/task/%d/status" % (pid, tid or pid)
    with open(path, encoding="utf-8", errors="replace") as f:
        found = re.search(r"^%s:[ \t]*(.*)$" % field, f.read(), re.M)
    return found.group(1).split() if found else None


def take_pid(pid, argv, seconds=4, **options):
    """Start argv with exactly this process id, after its former owner is gone. On a busy machine others get
    it first, again and again; each time it is tried once more when they have ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.path.exists("/proc/%d" % pid):
            time.sleep(0.002)
            continue
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
                f.write(str(pid - 1))
        except OSError:
            raise Skip("process ids cannot be chosen here (CONFIG_CHECKPOINT_RESTORE)") from None
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True, **options)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    raise Skip("the machine is too busy to take over process id %d" % pid)
