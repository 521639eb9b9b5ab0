# SPDX-License-Identifier: GPL-3.0-or-later
"""inquest on files that lie, are damaged, or name what must not be opened."""
import os
import random
import re
import resource
import shutil
import struct
import subprocess
import sys

import kernel
import lab
from security_confinement import ALLOWED, ALLOWED_GIVES, FORBIDDEN, call_in
from trial import Failure, Skip, collecting, expect, trial

COMMANDS = ".lastevent; .ecxr; r; k 50; ~*k 10; lm; u @rip L4; dd @rsp L8; !address @rip; vertarget; q"
ALLOWED_EXTRA = 64 << 20
# A finding of a sanitizer ends the program with a status that is none of ours (with --debugger only). Leaks
# are the unit tests' to find: looking for them needs ptrace, which the confined parser may not use.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
os.environ.update(SANITIZERS)


def some_dump(context):
    """A real dump and a real core of the four-thread program, made once."""
    if "debugger-input" not in context.kept:
        lost = context.tree.missing("inquest")
        if lost:
            raise Skip(lost)
        with lab.Lab(context) as here:
            _status, dump = here.crash([here.program("crashme"), "threads"], here.users.victim)
            expect(dump, "no dump")
            kept = os.path.join(context.folder, "input.dmp")
            shutil.copy(dump, kept)
        context.kept["debugger-input"] = kept
    return context.kept["debugger-input"]


def some_core(context):
    """A plain core file of the kernel's, of the program with one thread."""
    if "input-core" not in context.kept:
        lost = context.tree.missing("inquest")
        if lost:
            raise Skip(lost)
        kept = os.path.join(context.folder, "input.core")
        with lab.Lab(context) as here:
            kernel.put(kernel.USES_PID, 0)
            kernel.put(kernel.PATTERN, kept)
            here.crash([here.program("crashme"), "null-read"], dump_expected=False)
        expect(os.path.exists(kept), "the kernel wrote no core")
        context.kept["input-core"] = kept
    return context.kept["input-core"]


def inquest(context, path, commands=COMMANDS, seconds=10, **more):
    return subprocess.run([context.tree.debugger, "-z", path, "-c", commands], capture_output=True, timeout=seconds,
                          check=False, stdin=subprocess.DEVNULL, **more)


def survives(context, path, what, wrong, seconds=20):
    """Exits by itself, in time, with words where it fails, and without more memory than promised."""
    def limit():
        if context.options.debugger:
            return    # AddressSanitizer reserves more than that for its shadow
        # Address space is more than memory; memory-is-bounded measures the promise itself.
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    process = subprocess.Popen([context.tree.debugger, "-z", path, "-c", COMMANDS], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        wrong.append("%s: no end within %d s" % (what, seconds))
        return
    if process.returncode < 0:
        wrong.append("%s: died of signal %d" % (what, -process.returncode))
    elif process.returncode not in (0, 1):
        wrong.append("%s: status %d: %s" % (what, process.returncode, err[:600].decode("utf-8", "replace")))
    elif process.returncode == 1 and not err.strip() and not out.strip():
        wrong.append("%s: fails without a word" % what)


@trial("input.truncated-at-every-byte-of-the-headers")
def truncated(context):
    original = some_dump(context)
    with open(original, "rb") as f:
        data = f.read()
    streams, directory = struct.unpack_from("<II", data, 8)
    path = os.path.join(context.folder, "cut.dmp")
    ends = list(range(0, 33)) + list(range(directory, min(directory + 12 * streams + 2, len(data))))
    ends += random.Random(1).sample(range(33, len(data)), 60)
    with collecting() as wrong:
        for end in ends:
            with open(path, "wb") as f:
                f.write(data[:end])
            survives(context, path, "cut at %d of %d" % (end, len(data)), wrong)


@trial("input.flipped-bits")
def flipped(context):
    original = some_dump(context)
    with open(original, "rb") as f:
        data = f.read()
    path = os.path.join(context.folder, "flipped.dmp")
    luck = random.Random(2)
    with collecting() as wrong:
        for round_number in range(150):
            bad = bytearray(data)
            for _ in range(luck.choice((1, 1, 4, 64))):
                at = luck.randrange(luck.choice((256, 4096, len(bad))))
                bad[at] ^= 1 << luck.randrange(8)
            with open(path, "wb") as f:
                f.write(bad)
            survives(context, path, "flips, round %d" % round_number, wrong)


@trial("input.lying-counts-and-offsets")
def lying(context):
    """Each 32-bit word of the header, the directory and each stream's beginning, as 0, as all ones, as the
    file's size, as itself plus one."""
    original = some_dump(context)
    with open(original, "rb") as f:
        data = f.read()
    streams, directory = struct.unpack_from("<II", data, 8)
    places = [8, 12] + [directory + 4 * i for i in range(3 * streams)]
    for i in range(streams):
        _kind, size, rva = struct.unpack_from("<III", data, directory + 12 * i)
        places += [rva + 4 * j for j in range(min(2, size // 4))]
    path = os.path.join(context.folder, "lying.dmp")
    with collecting() as wrong:
        for place in places:
            if place + 4 > len(data):
                continue
            true, = struct.unpack_from("<I", data, place)
            for lie in (0xffffffff, len(data), (true + 1) & 0xffffffff):
                bad = bytearray(data)
                struct.pack_into("<I", bad, place, lie)
                with open(path, "wb") as f:
                    f.write(bad)
                survives(context, path, "%#x at %#x" % (lie, place), wrong)


@trial("input.core-truncated")
def core_truncated(context):
    """At every byte of the ELF header, around each program header, in the notes and in memory."""
    with open(some_core(context), "rb") as f:
        data = f.read()
    count, = struct.unpack_from("<H", data, 56)
    table, = struct.unpack_from("<Q", data, 32)
    ends = list(range(65)) + [table + 56 * i + d for i in range(count) for d in (-1, 0, 1, 30)]
    ends += random.Random(3).sample(range(table + 56 * count, min(len(data), 16384)), 60)
    path = os.path.join(context.folder, "cut.core")
    with collecting() as wrong:
        for end in ends:
            with open(path, "wb") as f:
                f.write(data[:end])
            survives(context, path, "cut at %d of %d" % (end, len(data)), wrong)


@trial("input.core-flipped-bits")
def core_flipped(context):
    with open(some_core(context), "rb") as f:
        data = f.read()
    path = os.path.join(context.folder, "flipped.core")
    luck = random.Random(4)
    with collecting() as wrong:
        for round_number in range(120):
            bad = bytearray(data)
            for _ in range(luck.choice((1, 1, 4, 64))):
                at = luck.randrange(luck.choice((64, 2048, 8192, len(bad))))
                bad[at] ^= 1 << luck.randrange(8)
            with open(path, "wb") as f:
                f.write(bad)
            survives(context, path, "flips, round %d" % round_number, wrong)


@trial("input.core-lying-headers")
def core_lying(context):
    """Each 64-bit word of the ELF header and the program headers, as all ones, as 0, as the file's size."""
    with open(some_core(context), "rb") as f:
        data = f.read()
    count, = struct.unpack_from("<H", data, 56)
    table, = struct.unpack_from("<Q", data, 32)
    places = list(range(16, 64, 8)) + [table + 8 * i for i in range(7 * min(count, 6))]
    path = os.path.join(context.folder, "lying.core")
    with collecting() as wrong:
        for place in places:
            for lie in (0, 2 ** 64 - 1, len(data), 2 ** 63, 0xffff):
                bad = bytearray(data)
                struct.pack_into("<Q", bad, place, lie)
                with open(path, "wb") as f:
                    f.write(bad)
                survives(context, path, "%#x at %#x" % (lie, place), wrong)


@trial("input.not-a-dump")
def not_a_dump(context):
    """Whatever else one may name: a clear refusal, at once."""
    some_dump(context)
    empty = os.path.join(context.folder, "empty")
    with open(empty, "wb"):
        pass
    fifo = os.path.join(context.folder, "fifo")
    os.mkfifo(fifo)
    with collecting() as wrong:
        for path in (empty, fifo, "/dev/zero", "/dev/null", context.folder, "/no/such/file", "/bin/sh",
                     "/etc/passwd", "/proc/self/mem"):
            try:
                done = inquest(context, path, seconds=3)
            except subprocess.TimeoutExpired:
                wrong.append("'%s': no end" % path)
                continue
            words = done.stderr.decode("utf-8", "replace")
            if done.returncode != 1:
                wrong.append("'%s': status %d" % (path, done.returncode))
            elif os.path.basename(path) not in words:
                wrong.append("'%s': the error does not name it: %s" % (path, words[:150]))


@trial("input.exit-statuses")
def exit_statuses(context):
    dump = some_dump(context)
    with collecting() as wrong:
        for words, status in ((["-z", dump, "-c", "q"], 0), (["-z", "/no/such", "-c", "q"], 1),
                              (["--no-such-option"], 2)):
            done = subprocess.run([context.tree.debugger, *words], capture_output=True, timeout=10, check=False,
                                  stdin=subprocess.DEVNULL)
            if done.returncode != status:
                wrong.append("%s: status %d, not %d" % (words, done.returncode, status))


# Its flags are in memory, where no filter can look: it is refused as a kernel without it would, so that the C library
# makes threads by clone(), whose flags the filter sees.
CLONE3_IS_UNKNOWN = ("clone3", -38)


@trial("input.R62-the-parser-is-confined")
def parser_is_confined(context):
    """The process that interprets the file: nobody, filtered, and each forbidden system call tried in its name."""
    dump = some_dump(context)
    if context.options.debugger:
        raise Skip("sanitizers need system calls that the filter refuses")
    with collecting() as wrong:
        for name, number, arguments in (ALLOWED, *FORBIDDEN, ("kill", 62, (os.getpid(), 0)), ("unlink", 87, (0,))):
            with subprocess.Popen([context.tree.debugger, "-z", dump], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                parser = kernel.wait_until(lambda: confined_of(process.pid), 10)
                if not parser:
                    process.kill()
                    raise Failure("no process of it is confined")
                result = call_in(parser, number, arguments)
                if name == ALLOWED[0]:
                    expect(result == ALLOWED_GIVES, "the control gives %s", result)
                elif result is not None and result not in (-1, -13) and (name, result) != CLONE3_IS_UNKNOWN:
                    wrong.append("%s gives %d" % (name, result))
                if os.geteuid() == 0 and "0" in ids_of(parser):
                    wrong.append("the parser is root")
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    wrong.append("%s: it does not end" % name)


def ids_of(pid):
    """Its user ids; none if the filter has killed it meanwhile."""
    try:
        return lab.status_field(pid, "Uid") or []
    except OSError:
        return []


def confined_of(pid):
    """The process, or child of it, that is under a system call filter and waits for input."""
    for candidate in [pid, *children(pid)]:
        try:
            if lab.status_field(candidate, "Seccomp") == ["2"] and lab.status_field(candidate, "State")[0] == "S":
                return candidate
        except (OSError, TypeError):
            continue
    return None


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def with_names(data, replace):
    """The dump with UTF-16 strings exchanged for others of the same length."""
    for old, new in replace:
        old16, new16 = old.encode("utf-16-le"), new.encode("utf-16-le")
        expect(len(old16) == len(new16) and old16 in data, "'%s' is not in the dump", old)
        data = data.replace(old16, new16)
    return data


@trial("input.R66-paths-in-a-dump-are-not-followed")
def paths_not_followed(context):
    """Module names that point at devices, pipes and other people's files: not opened as such, and no hang."""
    if not shutil.which("strace"):
        raise Skip("no strace here")
    dump = some_dump(context)
    with open(dump, "rb") as f:
        data = f.read()
    text = data.decode("utf-16-le", "ignore")
    libc = re.search(r"/[\x20-\x7e]*/libc\.so\.6", text)
    if not libc:
        text = data[1:].decode("utf-16-le", "ignore")
        libc = re.search(r"/[\x20-\x7e]*/libc\.so\.6", text)
    expect(libc, "the dump names no libc.so.6")
    name = libc.group(0)
    fifo = os.path.join(context.folder, "p")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    evil = os.path.join(context.folder, "evil-names.dmp")
    log = os.path.join(context.folder, "strace.log")
    with collecting() as wrong:
        for target in ("/dev/zero", "/proc/self/mem", "/etc/shadow", "/../etc/shadow", fifo):
            padded = pad_path(target, len(name))
            if padded is None:
                continue
            with open(evil, "wb") as f:
                f.write(with_names(data, [(name, padded)]))
            try:
                done = subprocess.run(["strace", "-f", "-e", "trace=openat,open,openat2,execve,connect", "-o", log,
                                       context.tree.debugger, "-z", evil, "-c", COMMANDS],
                                      capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                wrong.append("'%s' as a module: no end" % target)
                continue
            if done.returncode not in (0, 1):
                wrong.append("'%s' as a module: status %d" % (target, done.returncode))
            if b"root:" in done.stdout:
                wrong.append("'%s' as a module: its content is shown" % target)
            with open(log, encoding="utf-8", errors="replace") as f:
                calls = f.read()
            if calls.count("execve(") > 1 or "connect(" in calls:
                wrong.append("'%s' as a module: something was executed or connected to" % target)
            # Opening is no harm as long as nothing but a regular file is read and nothing can block; a FIFO
            # opened without O_NONBLOCK would have hung above.
            for line in calls.splitlines():
                if '"%s"' % padded in line and "O_NONBLOCK" not in line and "O_PATH" not in line \
                        and "ENOENT" not in line:
                    wrong.append("'%s' as a module: %s" % (target, line[:140]))


def pad_path(path, length):
    """The same path, with as many slashes as it takes."""
    if len(path) > length:
        return None
    head, tail = os.path.split(path)
    return head + "/" * (length - len(head) - len(tail)) + tail


@trial("input.R67-nothing-is-run-from-where-one-stands")
def nothing_is_run(context):
    """Start-up files, scripts and environment hooks in the folder of the dump do nothing."""
    dump = some_dump(context)
    folder = os.path.join(context.folder, "planted")
    os.makedirs(folder, exist_ok=True)
    marker = os.path.join(folder, "marker")
    for name in (".gdbinit", ".lldbinit", ".inquestrc", "inquest.ini", ".inquest", ".editrc", "crashme-gdb.py",
                 "libc.so.6-gdb.py"):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write("!touch %s\nshell touch %s\n.shell touch %s\n" % ((marker,) * 3))
    shutil.copy(dump, os.path.join(folder, "input.dmp"))
    environment = dict(os.environ, PAGER="touch " + marker, LESSOPEN="|touch " + marker, HOME=folder,
                       DEBUGINFOD_URLS="http://127.0.0.1:1/")
    done = inquest(context, "input.dmp", COMMANDS, cwd=folder, env=environment)
    expect(done.returncode == 0, "status %d: %s", done.returncode, done.stderr[-200:])
    expect(not os.path.exists(marker), "something was run")


# In a process of its own: at exec a program is charged with what the one that spawned it had in use.
PEAK = """
import os, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, close_fds=False)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@trial("input.memory-is-bounded")
def memory_is_bounded(context):
    """At most three times the file plus 64 MiB, also where each stack is shown with names and lines."""
    files = (some_dump(context), some_core(context))
    if context.options.debugger:
        raise Skip("a debugger built with sanitizers uses more")
    with collecting() as wrong:
        for path in files:
            told = subprocess.run([sys.executable, "-S", "-c", PEAK, context.tree.debugger, "-z", path, "-c", COMMANDS],
                                  capture_output=True, text=True, timeout=60, check=True)
            status, peak = map(int, told.stdout.split())
            allowed = 3 * os.path.getsize(path) + ALLOWED_EXTRA
            if status or peak * 1024 > allowed:
                wrong.append("%s: status %d, %d KiB used, %d KiB allowed"
                             % (os.path.basename(path), status, peak, allowed // 1024))
