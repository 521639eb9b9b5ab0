# SPDX-License-Identifier: GPL-3.0-or-later
"""What the privileged helper can still do once it looks at what a crashed process wrote: next to nothing."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile

import kernel
import lab
from trial import Skip, collecting, expect, trial


def hooked_lab(context):
    if not context.hooked:
        raise Skip("needs --hooks-prefix, a tree built with --enable-test-hooks")
    return lab.Lab(context, context.hooked)


@contextlib.contextmanager
def held_at(here, point, mode="threads"):
    """A victim's crash with a process of ours stopped at the point; gives its pid."""
    with here.hold(point):
        target = here.start([here.program("crashme"), mode], here.users.victim)
        try:
            yield here.held(point)
        finally:
            here.go_on(point)
            with contextlib.suppress(subprocess.TimeoutExpired):
                target.wait(20)
            if target.returncode is None:
                target.kill()
                target.wait()


@trial("security.confinement.R19-worker-is-nobody")
def worker_is_nobody(context):
    """Before it interprets a byte: no root id in any of the four places, no groups, no capabilities, no way to
    get them back, a system call filter."""
    with hooked_lab(context) as here, held_at(here, "confined") as pid, collecting() as wrong:
        for field in ("Uid", "Gid"):
            ids = lab.status_field(pid, field)
            if len(set(ids)) != 1 or ids[0] == "0":
                wrong.append("%s: %s" % (field, ids))
        groups = lab.status_field(pid, "Groups")
        if groups:
            wrong.append("Groups: %s" % groups)
        for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            if int(lab.status_field(pid, field)[0], 16):
                wrong.append("%s: %s" % (field, lab.status_field(pid, field)[0]))
        if lab.status_field(pid, "NoNewPrivs") != ["1"]:
            wrong.append("NoNewPrivs: %s" % lab.status_field(pid, "NoNewPrivs"))
        if lab.status_field(pid, "Seccomp") != ["2"]:
            wrong.append("Seccomp: %s" % lab.status_field(pid, "Seccomp"))


@trial("security.confinement.opaque-to-users")
def opaque_to_users(context):
    """Neither the crashed program's user nor another looks into the helper or its worker."""
    with hooked_lab(context) as here, collecting() as wrong:
        for point in ("identity", "confined", "gathered"):
            with held_at(here, point) as pid:
                for user in (here.users.victim, here.users.mallory):
                    for name in ("mem", "maps", "environ", "fd"):
                        reading = subprocess.run(["/bin/sh", "-c", "cat /proc/%d/%s || ls /proc/%d/%s/"
                                                  % (pid, name, pid, name)],
                                                 capture_output=True, check=False, timeout=10, **lab.as_user(user))
                        if reading.returncode == 0 and reading.stdout:
                            wrong.append("held at '%s', %s reads /proc/PID/%s" % (point, user.pw_name, name))


@trial("security.confinement.descriptors")
def descriptors(context):
    """The confined worker holds no directory, no socket and nothing of the host's that can be written but its
    own dump."""
    with hooked_lab(context) as here, held_at(here, "confined") as pid, collecting() as wrong:
        for fd in os.listdir("/proc/%d/fd" % pid):
            name = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            if name.startswith("socket:"):
                continue    # a pair with its parent; connecting elsewhere is what the filter refuses
            with open("/proc/%d/fdinfo/%s" % (pid, fd), encoding="ascii", errors="replace") as f:
                writable = int(re.search(r"flags:\s*(\d+)", f.read()).group(1), 8) & 3 != os.O_RDONLY
            if os.path.isdir(name) and not name.startswith(lab.HOOKS):
                wrong.append("fd %s is the folder '%s'" % (fd, name))
            elif writable and name.startswith("/") and not name.startswith(("/dev/null", "/proc/", here.tree.spool)):
                wrong.append("fd %s can write '%s'" % (fd, name))


# --- a system call made in the worker's name ------------------------------------------------------------

PTRACE_PEEKTEXT, PTRACE_CONT, PTRACE_SINGLESTEP = 1, 7, 9
PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 12, 13, 17, 0x4206, 0x4207
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
             "fs_base gs_base ds es fs gs").split()


class UserRegs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def ptrace(request, pid, address=None, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, pid, address, data) == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), "ptrace %d: %s" % (request, os.strerror(ctypes.get_errno())))


def syscall_instruction(pid):
    """The address of a `syscall` in the process's own code."""
    with open("/proc/%d/maps" % pid, encoding="utf-8", errors="replace") as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-x", line)
            if found and "[v" not in line:
                start, end = int(found.group(1), 16), int(found.group(2), 16)
                memory.seek(start)
                at = memory.read(end - start).find(b"\x0f\x05")
                if at >= 0:
                    return start + at
    raise Skip("no syscall instruction in the worker")


def call_in(pid, number, arguments):
    """Make the stopped process do one system call: its result, or None if it died of it."""
    ptrace(PTRACE_SEIZE, pid)
    ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, os.WUNTRACED | 0x40000000)
    regs = UserRegs()
    ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(regs))
    regs.rip, regs.rax, regs.orig_rax = syscall_instruction(pid), number, 2 ** 64 - 1
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
        setattr(regs, name, value)
    ptrace(PTRACE_SETREGS, pid, None, ctypes.byref(regs))
    os.kill(pid, signal.SIGCONT)
    for _ in range(20):
        ptrace(PTRACE_SINGLESTEP, pid)
        _pid, status = os.waitpid(pid, 0x40000000)
        if os.WIFSIGNALED(status) or os.WIFEXITED(status):
            return None
        after = UserRegs()
        ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(after))
        if os.WSTOPSIG(status) == signal.SIGSYS:
            ptrace(PTRACE_CONT, pid, None, signal.SIGSYS)
            os.waitpid(pid, 0x40000000)
            return None
        if after.rip != regs.rip:
            value = after.rax
            ptrace(PTRACE_DETACH, pid)
            return value - 2 ** 64 if value >= 2 ** 63 else value
    ptrace(PTRACE_DETACH, pid)
    raise Skip("the system call could not be stepped")


# name, number, arguments
FORBIDDEN = (("open", 2, (0, 0, 0)), ("openat", 257, (0, 0, 0)), ("socket", 41, (1, 1, 0)), ("connect", 42, (0, 0, 0)),
             ("execve", 59, (0, 0, 0)), ("ptrace", 101, (0, 0, 0)), ("fork", 57, ()), ("clone", 56, (17, 0, 0)),
             ("clone3", 435, (0, 0)), ("setuid", 105, (0,)), ("process_vm_readv", 310, (1, 0, 0, 0, 0, 0)),
             ("mprotect to executable", 10, (0x10000, 4096, 5)),
             ("mmap executable", 9, (0, 4096, 5, 0x22, 2 ** 64 - 1, 0)))


# The control: a call that both filters let through, which shows that calls made this way arrive.
ALLOWED, ALLOWED_GIVES = ("read", 0, (2 ** 64 - 1, 0, 0)), -9


@trial("security.confinement.R20-forbidden-system-calls")
def forbidden_system_calls(context):
    """Each of them, tried in the confined worker's own name: it dies of it or is refused, the process that
    crashed still dies, something is kept, and the next crash is dumped as ever."""
    with hooked_lab(context) as here, collecting() as wrong:
        with held_at(here, "confined") as pid:
            result = call_in(pid, *ALLOWED[1:])
            expect(result == ALLOWED_GIVES, "the control gives %s", result)
        here.until_quiet(30)
        for name, number, arguments in FORBIDDEN:
            before = here.tree.dumps()
            with held_at(here, "confined") as pid:
                result = call_in(pid, number, arguments)
            here.until_quiet(30)
            if result is not None and result >= 0:
                wrong.append("%s: allowed (%d)" % (name, result))
            elif result is not None and result != -1 and result != -38:
                wrong.append("%s: reached the kernel (%s)" % (name, os.strerror(-result)))
            if result is None and not here.tree.dumps() - before:
                wrong.append("%s: the worker was killed, and nothing was kept" % name)
        status, dump = here.crash([here.program("crashme"), "null-read"], here.users.victim)
        if status != -signal.SIGSEGV or not dump:
            wrong.append("the next crash: status %s, dump %s" % (status, dump))


# --- what is opened ---------------------------------------------------------------------------------------

def opened_by_helper(here, crash):
    """Paths and other attempts of inquest-core and its worker, by strace, from its first hold point on."""
    if not shutil.which("strace"):
        raise Skip("no strace here")
    with tempfile.NamedTemporaryFile() as log, here.hold("start"):
        target = crash()
        pid = here.held("start")
        tracer = subprocess.Popen(["strace", "-f", "-y", "-o", log.name, "-p", str(pid)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tracer.stderr.readline()
        here.go_on("start")
        target.wait(30)
        here.until_quiet(30)
        tracer.wait(10)
        tracer.stderr.close()
        with open(log.name, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()


@trial("security.confinement.R28-nothing-of-the-container-is-touched")
def nothing_of_the_container(context):
    """A container of the user's own, with an evil /etc and /usr: no path of it is opened, nothing is executed,
    traced, or connected to."""
    with hooked_lab(context) as here, collecting() as wrong:
        evil = os.path.join(context.shared_folder(), "evil")
        os.makedirs(evil, exist_ok=True)
        with open(os.path.join(evil, "inquest.conf"), "w", encoding="ascii") as f:
            f.write("spool = /tmp\ndump = a\n")
        os.chmod(evil, 0o755)
        script = "mount --bind %s /etc; mount --bind %s /usr/lib; %s null-read; exit 7" % (
            evil, evil, here.program("crashme-static"))
        lines = opened_by_helper(here, lambda: here.start(
            ["unshare", "-Urpmf", "/bin/sh", "-c", script], here.users.victim))
        allowed = ("/proc", "/dev/null", here.tree.spool, os.path.dirname(here.tree.config), lab.HOOKS,
                   os.path.dirname(here.tree.spool), "/sys/devices/system/cpu", "/etc/os-release",
                   "/usr/lib/os-release", "/etc/lsb-release")
        spool_levels = parents(here.tree.spool)
        for line in lines:
            found = re.search(r"open(?:at2?)?\((?:AT_FDCWD<[^>]*>|AT_FDCWD|\d+<([^>]*)>), \"([^\"]*)\"", line)
            if found:
                folder, name = found.group(1) or "", found.group(2)
                path = name if name.startswith("/") else os.path.join(folder, name)
                if not path.startswith(allowed) and os.path.normpath(path) not in spool_levels:
                    wrong.append("opens '%s'" % path)
            if re.search(r"^\d+ +(execve|ptrace|connect|setns|chroot|pivot_root|unshare)\(", line):
                wrong.append(line[:120])


def parents(path):
    levels = {"/"}
    while path != "/":
        levels.add(path)
        path = os.path.dirname(path)
    return levels


REPLACED = """
import ctypes, os, sys
path, what = sys.argv[1:]
ctypes.CDLL(path)
os.unlink(path)
if what == "fifo":
    os.mkfifo(path)
elif what == "symlink":
    os.symlink("/etc/shadow", path)
elif what == "sparse":
    with open(path, "wb") as f:
        f.truncate(10 << 40)
ctypes.string_at(0)
"""


@trial("security.confinement.R29-mapped-files-are-not-opened")
def mapped_files_not_opened(context):
    """A mapped library's name is a FIFO, a link to /etc/shadow or ten terabytes of nothing by the time of the
    crash: the helper does not open it, and the debugger neither blocks on it nor believes it."""
    with hooked_lab(context) as here, collecting() as wrong:
        folder = os.path.join(context.shared_folder(), "victims")
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, here.users.victim.pw_uid, here.users.victim.pw_gid)
        for what in ("fifo", "symlink", "sparse"):
            path = os.path.join(folder, "%s.so" % what)
            shutil.copy(here.program("plugin.so"), path)
            os.chmod(path, 0o755)
            before = here.tree.dumps()
            lines = opened_by_helper(here, lambda p=path, w=what: here.start(
                ["/usr/bin/python3", "-c", REPLACED, p, w], here.users.victim))
            wrong += ["%s: %s" % (what, line[:120]) for line in lines
                      if "open" in line and '"%s"' % path in line]
            dump = here.tree.new_dump(before, 10)
            if not dump:
                wrong.append("%s: no dump" % what)
                continue
            if lab.contains(dump, b"root:"):
                wrong.append("%s: /etc/shadow is in the dump" % what)
            if context.tree.debugger:
                shown = subprocess.run([context.tree.debugger, "-z", dump, "-c", ".ecxr; k; lmv; q"],
                                       capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
                if shown.returncode != 0 or b"root:" in shown.stdout:
                    wrong.append("%s: inquest ends with %d" % (what, shown.returncode))


@trial("security.confinement.R35-dumps-are-born-without-a-name")
def born_without_a_name(context):
    with hooked_lab(context) as here, collecting() as wrong:
        lines = opened_by_helper(here, lambda: here.start([here.program("crashme"), "null-read"],
                                                          here.users.victim))
        text = "\n".join(lines)
        unnamed = "O_TMPFILE" in text
        exclusive = re.search(r"openat\([^)]*O_CREAT\|O_EXCL|O_EXCL[^)]*O_CREAT", text)
        if not unnamed and not exclusive:
            wrong.append("neither O_TMPFILE nor O_CREAT|O_EXCL")
        named = text.find(" linkat(") if unnamed else text.find(" renameat2(")
        synced = text.find(" fsync(")
        if not 0 < synced < named:
            wrong.append("not synced before it gets its name")
        for line in lines:
            if re.search(r"openat\([^,]*%s[^,]*, \"[^\"]*\.dmp\"" % re.escape(here.tree.spool), line):
                wrong.append("opened by name: " + line[:160])


@trial("security.confinement.stopped-helper-harms-nobody-else")
def stopped_helper(context):
    """A helper that hangs holds up its own process only."""
    with hooked_lab(context) as here, held_at(here, "gathered"):
        for name in os.listdir(lab.HOOKS):
            os.unlink(os.path.join(lab.HOOKS, name))
        status, dump = here.crash([here.program("crashme"), "null-read"], here.users.mallory, seconds=5)
        expect(status == -signal.SIGSEGV, "the other process died with %s", status)
        lab.expect_users(dump, here.users.mallory, "another user's crash meanwhile")


@trial("security.confinement.released-at-the-deadline")
def released_at_deadline(context):
    """Whatever the helper hangs in, the process is let go; the default deadline is read from the settings."""
    with hooked_lab(context) as here, here.hold("identity"):
        target = here.start([here.program("crashme"), "null-read"], here.users.victim)
        pid = here.held("identity")
        os.kill(pid, signal.SIGKILL)
        expect(kernel.wait_until(lambda: target.poll() is not None, 10),
               "the helper is gone, and the process is not")
        expect(target.returncode == -signal.SIGSEGV, "it died with %s", target.returncode)
