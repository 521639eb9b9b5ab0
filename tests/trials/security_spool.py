# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of dumps: who may write there, what is believed of what lies there, and what a full disk does."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import kernel
import lab
from trial import Failure, Skip, collecting, expect, trial

FINAL_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}\.\d+\.\d{8}T\d{6}Z(-\d{1,2})?\.dmp")
# Root's own: space for a last word, how many dumps a user is having written, and when a loss was last logged.
KEPT_BY_US = {".reserve", ".places", ".logged"}


def strangers(paths):
    """What is neither a finished dump nor root's own."""
    names = [os.path.basename(path) for path in paths]
    return [n for n in names if not FINAL_NAME.fullmatch(n) and n not in KEPT_BY_US]


@contextlib.contextmanager
def changed(path, mode=None, owner=None):
    before = os.stat(path)
    try:
        if owner:
            os.chown(path, *owner)
        if mode is not None:
            os.chmod(path, mode)
        yield
    finally:
        os.chown(path, before.st_uid, before.st_gid)
        os.chmod(path, before.st_mode & 0o7777)


def refuses(here, what, wrong):
    status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim, dump_expected=False)
    if status != -signal.SIGSEGV:
        wrong.append("%s: it died with %s" % (what, status))
    if dump:
        wrong.append("%s: a dump was written all the same" % what)


@trial("security.spool.R34-unsafe-levels-are-refused")
def unsafe_levels(context):
    """Writable by others, owned by somebody, a symbolic link: at each level that is ours."""
    with lab.Lab(context) as here, collecting() as wrong:
        mallory = (here.users.mallory.pw_uid, here.users.mallory.pw_gid)
        levels = [here.tree.spool, os.path.dirname(here.tree.spool)]
        for level in levels:
            with changed(level, mode=0o1777):
                refuses(here, "'%s' writable by all" % level, wrong)
            with changed(level, owner=mallory):
                refuses(here, "'%s' owned by mallory" % level, wrong)
            os.rename(level, level + ".moved")
            os.symlink(level + ".moved", level)
            try:
                refuses(here, "'%s' a symbolic link" % level, wrong)
            finally:
                os.unlink(level)
                os.rename(level + ".moved", level)
        status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        if not dump:
            wrong.append("and after it was mended there is no dump (status %s)" % status)


@trial("security.spool.account-folder-is-roots")
def account_folder(context):
    """The user reads the own dumps, and can neither add, rename nor remove one."""
    with lab.Lab(context) as here, collecting() as wrong:
        _status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        lab.expect_users(dump, here.users.victim, "an ordinary program")
        folder = os.path.dirname(dump)
        for what, command in (("add a file", "touch %s/x" % folder), ("remove a dump", "rm -f %s" % dump),
                              ("rename a dump", "mv %s %s/y.dmp" % (dump, folder)),
                              ("link into it", "ln %s %s/z.dmp" % (dump, folder))):
            done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False,
                                  **lab.as_user(here.users.victim))
            if done.returncode == 0:
                wrong.append("the user can " + what)
        listing = subprocess.run(["ls", folder], capture_output=True, check=False, **lab.as_user(here.users.mallory))
        if listing.returncode == 0 and listing.stdout:
            wrong.append("mallory can list the victim's folder")
        accounts = subprocess.run(["ls", here.tree.spool], capture_output=True, check=False,
                                  **lab.as_user(here.users.mallory))
        if accounts.returncode == 0 and accounts.stdout:
            wrong.append("mallory can list who has crashed")


class Watch:
    """inotify on a folder and the folders in it: which names appear."""
    CREATE, MOVED_TO, ISDIR = 0x100, 0x80, 0x40000000

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(0x800)
        for path in [folder, *(e.path for e in os.scandir(folder) if e.is_dir())]:
            self.libc.inotify_add_watch(self.fd, os.fsencode(path), self.CREATE | self.MOVED_TO)

    def names(self):
        seen = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, at = os.read(self.fd, 65536), 0
                while at < len(data):
                    _wd, mask, _cookie, size = struct.unpack_from("iIII", data, at)
                    if not mask & self.ISDIR:
                        seen.append(data[at + 16:at + 16 + size].rstrip(b"\0").decode("utf-8", "replace"))
                    at += 16 + size
        os.close(self.fd)
        return seen


@trial("security.spool.R35-only-final-names-appear")
def only_final_names(context):
    with lab.Lab(context) as here:
        here.crash([here.program("crashme"), "null-read"], here.users.victim)
        watch = Watch(here.tree.spool)
        for mode in ("null-read", "threads", "abort", "escapes"):
            here.crash([here.program("crashme"), mode], here.users.victim)
        names = watch.names()
        expect(len([n for n in names if n.endswith(".dmp")]) >= 4, "only %s were seen to appear", names)
        strange = strangers(names)
        expect(not strange, "names that are no dump's: %s", strange)


@trial("security.spool.R37-planted-entries-are-not-believed")
def planted_entries(context):
    """Links, pipes, devices and folders with a dump's name: listed never, opened never, waited for never."""
    with lab.Lab(context) as here, collecting() as wrong:
        if not here.tree.debugger:
            raise Skip("inquest is not installed")
        _status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        folder, name = os.path.split(dump)
        plant = lambda n: os.path.join(folder, "zz.%d.20990101T00000%dZ.dmp" % (4000 + n, n))
        try:
            os.symlink("/etc/shadow", plant(1))
            os.mkfifo(plant(2))
            os.mkdir(plant(3))
            os.mknod(plant(4), 0o600 | 0o020000, os.makedev(1, 5))
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(plant(5))
            with open(plant(6), "wb") as f:
                f.truncate(2 ** 43)
            with open(plant(7), "wb"):
                pass
            os.link("/etc/shadow", plant(8))
            for words in (["list"], ["-z", "last", "-c", "q"], ["-z", name.rsplit(".", 2)[0] + ".", "-c", "q"]):
                done = subprocess.run([here.tree.debugger, *words], capture_output=True, text=True,
                                      errors="replace", timeout=5, check=False)
                if words == ["list"] and name.split(".")[1] not in done.stdout:
                    wrong.append("the true dump is not listed: %s" % done.stdout[:200])
                if words == ["list"]:
                    wrong += ["listed: " + line[:80] for line in done.stdout.splitlines() if "2099" in line]
                if words[0] == "-z" and done.returncode != 0:
                    wrong.append("%s: status %d: %s" % (words, done.returncode, done.stderr[:200]))
                if "root:" in done.stdout:
                    wrong.append("%s shows /etc/shadow" % words)
        finally:
            for n in range(1, 9):
                path = plant(n)
                if os.path.isdir(path):
                    os.rmdir(path)
                elif os.path.lexists(path):
                    os.unlink(path)


@contextlib.contextmanager
def small_spool(here, options):
    """The spool on a file system of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", here.tree.spool], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", here.tree.spool], check=False)


@trial("security.spool.R44-full-disk")
def full_disk(context):
    """No space, no inodes, read-only: the process dies as it would have, nothing half is left, and the space
    that was reserved for it holds a last word where there was any."""
    with lab.Lab(context) as here, collecting() as wrong:
        for what, options in (("no space to speak of", "size=8k,mode=0711"), ("little space", "size=64k,mode=0711"),
                              ("no inodes", "size=8m,nr_inodes=2,mode=0711"),
                              ("read-only", "size=8m,ro,mode=0711")):
            with small_spool(here, options):
                for _ in range(2):
                    status, _dump = here.crash([here.program("crashme"), "threads"], here.users.victim,
                                               dump_expected=False)
                    if status != -signal.SIGSEGV:
                        wrong.append("%s: it died with %s" % (what, status))
                wrong += ["%s: left '%s'" % (what, n) for n in strangers(here.tree.everything_in_spool())]
        with small_spool(here, "size=2m,mode=0711"):
            here.crash([here.program("crashme"), "null-read"], here.users.victim)
            filler = os.open(os.path.join(here.tree.spool, "filler"), os.O_WRONLY | os.O_CREAT, 0o600)
            with contextlib.suppress(OSError):
                while os.write(filler, b"x" * 4096):
                    pass
            os.close(filler)
            before = here.tree.dumps()
            status, dump = here.crash([here.program("crashme"), "threads"], here.users.victim, dump_expected=False)
            if status != -signal.SIGSEGV:
                wrong.append("filled up: it died with %s" % status)
            if not here.tree.dumps() - before or (dump and os.path.getsize(dump) < 1024):
                wrong.append("filled up: no last word of at least 1 KiB")
            os.unlink(os.path.join(here.tree.spool, "filler"))
        _status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        if not dump:
            wrong.append("and afterwards there is no dump")


@trial("security.spool.crash-loop-fills-no-disk")
def crash_loop(context):
    """Limits of one user: the own oldest go, another user's stay."""
    with lab.Lab(context) as here:
        _status, others = here.crash([here.program("crashme"), "null-read"], here.users.mallory)
        with settings(here, "max-count = 3\n"):
            for _ in range(6):
                here.crash([here.program("crashme"), "null-read"], here.users.victim)
            here.until_quiet(10)
        own = [p for p in here.tree.dumps() if os.stat(p).st_uid == here.users.victim.pw_uid]
        expect(len(own) == 3, "%d dumps of one user, where 3 are allowed", len(own))
        expect(others and os.path.exists(others), "another user's dump is gone")


@contextlib.contextmanager
def settings(here, text):
    """Other settings for a while."""
    path, saved = here.tree.config, None
    if os.path.exists(path):
        saved = path + ".saved"
        shutil.copy2(path, saved)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o644)
    try:
        yield
    finally:
        os.unlink(path)
        if saved:
            os.rename(saved, path)


@trial("security.spool.R63-storm-of-crashes")
def storm(context):
    """Thirty programs at once, more than core_pipe_limit: all die, none hangs, no torn dump, nothing left over."""
    with lab.Lab(context, pipe_limit=8) as here, collecting() as wrong:
        before = here.tree.dumps()
        crowd = [here.start([here.program("crashme"), "threads"], here.users.victim) for _ in range(30)]
        for process in crowd:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                wrong.append("one did not die in 30 s")
                process.kill()
                process.wait()
        here.until_quiet(30)
        new = here.tree.dumps() - before
        if len(new) < 8:
            wrong.append("only %d dumps of 30" % len(new))
        for dump in new:
            with open(dump, "rb") as f:
                if f.read(4) != b"MDMP":
                    wrong.append("'%s' is torn" % os.path.basename(dump))
        strange = strangers(here.tree.everything_in_spool())
        if strange:
            wrong.append("left behind: %s" % strange[:4])


@trial("security.spool.R49-what-must-not-be-dumped")
def must_not_be_dumped(context):
    """Pages marked against dumping, wiped on fork, without access or secret: in no dump, pointed at or not."""
    names = ("DONTDUMP", "WIPEONFORK", "NONE", "MEMFD")
    with lab.Lab(context) as here, collecting() as wrong:
        for letters in ("m", "mi", "mw", "mf"):
            canaries = {n: os.urandom(16) for n in names}
            plain = os.urandom(16)
            environment = {"CANARY_" + n: c.hex() for n, c in {**canaries, "PLAIN": plain}.items()}
            with settings(here, "dump = %s\n" % letters):
                _status, dump = here.crash([here.program("crashme"), "secrets"], here.users.victim, env=environment)
            if not dump:
                wrong.append("/%s: no dump" % letters)
                continue
            for name, canary in canaries.items():
                if lab.contains(dump, canary):
                    wrong.append("/%s holds the page of %s" % (letters, name))
            if letters in ("mw", "mf") and not lab.contains(dump, plain):
                wrong.append("/%s lacks the ordinary page, so the others prove nothing" % letters)


@trial("security.spool.core-limit-zero")
def core_limit_zero(context):
    """A user who asked for no cores gets none, if the settings say that this counts."""
    with lab.Lab(context) as here, settings(here, "honour-core-limit = yes\n"):
        argv = ["/bin/sh", "-c", "ulimit -c 0; %s null-read; exit 7" % here.program("crashme")]
        _status, dump = here.crash(argv, here.users.victim, dump_expected=False)
        if dump:
            raise Failure("RLIMIT_CORE is 0, and there is a dump")
