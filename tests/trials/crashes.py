# SPDX-License-Identifier: GPL-3.0-or-later
"""The crashes that the judges look at, as a table, and how one is made to happen.

Each row's process dies once. The kernel hands its core to coretee, which keeps it and passes it on to
inquest-core: so the kernel's core and our dump show the same process at the same moment.
"""
import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import typing

import elfcore
import kernel


@dataclasses.dataclass(frozen=True)
class Row:
    """
    name     of the trial
    argv     {c} is the folder with a copy of the crashers
    signal   that it dies of
    at       what must be among the functions of the crashing frame or those it is inlined in; '' says nothing
             (the judges still compare), None says that there is no function there
    image    the file that the judges are told is the program; default argv[0]
    limit    how many frames of each thread are compared; 1 where there is no stack to speak of
    lldb_top how many frames lldb must find in our dump; 1 where lldb has no image to unwind by
    prepare  called with the folder before
    options  more for subprocess.Popen
    skip     called for a reason to skip, None to run
    """
    name: str
    argv: typing.Sequence[str]
    signal: int
    at: typing.Optional[str] = ""
    image: typing.Optional[str] = None
    limit: int = 300
    lldb_top: int = 3
    prepare: typing.Optional[typing.Callable] = None
    options: typing.Mapping = dataclasses.field(default_factory=dict)
    suid_dumpable: int = 2
    skip: typing.Callable = lambda: None
    images: typing.Sequence[str] = ()    # more words for inquest: where the judges' image lies
    own_pids: bool = False   # it runs in a pid namespace of its own
    stub: bool = False       # with the stub preloaded; its dump, not inquest-core's, is compared with the core
    restless: bool = False   # its other threads never stand still
    wrapped: bool = False    # argv starts the crasher as a child, and says nothing by its own status


def missing(program):
    return lambda: None if shutil.which(program) else "no '%s' here" % program


def copy_aside(name, mode=0o755):
    """The crasher changes its executable: give it one of its own."""
    def prepare(folder):
        path = os.path.join(folder, name)
        shutil.copy(os.path.join(folder, "crashme"), path)
        os.chmod(path, mode)
    return prepare


def copy_and_keep(folder):
    """For the program that deletes itself: the judges are told where its image is, and so are we."""
    os.makedirs(os.path.join(folder, "images"), exist_ok=True)
    for path in ("deleted-me", "images/deleted-me"):
        copy_aside(path)(folder)


SEGV, BUS, FPE, ILL, ABRT, TRAP = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL,
                                   signal.SIGABRT, signal.SIGTRAP)
NODE_BUSY = ("function inner() { process.kill(process.pid, 'SIGSEGV'); for (;;); }"
             "function outer() { inner(); } outer();")

CRASHES = [
    # programs that nobody here wrote
    Row("python3", ["/usr/bin/python3", "-c", "import ctypes; ctypes.string_at(0)"], SEGV, "strlen"),
    Row("python3-thread", ["/usr/bin/python3", "-c", "import ctypes, threading\n"
                           "t = threading.Thread(target=lambda: ctypes.string_at(8)); t.start(); t.join()"],
        SEGV, "strlen"),
    Row("node-abort", ["node", "-e", "process.abort()"], ABRT, skip=missing("node")),
    Row("node-signal", ["node", "-e", NODE_BUSY], SEGV, skip=missing("node")),
    Row("sleep", ["/bin/sh", "-c", "/bin/sleep 60 & sleep 0.2; kill -SEGV $!; wait $!; exit 0"], SEGV,
        "nanosleep", image="/bin/sleep", wrapped=True),

    # one fault each
    Row("null-read", ["{c}/crashme", "null-read"], SEGV, "read_null"),
    Row("null-write", ["{c}/crashme", "null-write"], SEGV, "store_through"),
    Row("write-text", ["{c}/crashme", "write-text"], SEGV, "store_through"),
    Row("inline", ["{c}/crashme", "inline"], SEGV, "innermost_inline"),
    Row("fpe", ["{c}/crashme", "fpe"], FPE, "divide"),
    Row("ill", ["{c}/crashme", "ill"], ILL, "undefined_instruction"),
    Row("trap", ["{c}/crashme", "trap"], TRAP, "mode_trap"),
    Row("bus", ["{c}/crashme", "bus"], BUS, "read_mapped"),
    Row("call-null", ["{c}/crashme", "call-null"], SEGV, None),
    Row("jump-wild", ["{c}/crashme", "jump-wild"], SEGV, "mode_jump_wild"),
    Row("read-wild", ["{c}/crashme", "read-wild"], SEGV, "store_through"),
    Row("abort", ["{c}/crashme", "abort"], ABRT, "__pthread_kill_implementation"),
    Row("assert", ["{c}/crashme", "assert"], ABRT, "__pthread_kill_implementation"),
    Row("double-free", ["{c}/crashme", "double-free"], ABRT, "__pthread_kill_implementation"),
    Row("heap-smash", ["{c}/crashme", "heap-smash"], ABRT, "__pthread_kill_implementation"),
    Row("raise", ["{c}/crashme", "raise"], SEGV, "__pthread_kill_implementation"),
    Row("vdso", ["{c}/crashme", "vdso"], SEGV, "", lldb_top=1),

    # stacks
    Row("overflow", ["{c}/crashme", "overflow"], SEGV, "overflow", limit=200),
    Row("overflow-thread", ["{c}/crashme", "overflow-thread"], SEGV, "overflow", limit=200),
    Row("in-handler", ["{c}/crashme", "in-handler"], SEGV, "read_null"),
    Row("in-handler-alt", ["{c}/crashme", "in-handler-alt"], SEGV, "read_null"),
    Row("handler-of-fault", ["{c}/crashme", "handler-of-fault"], SEGV, "read_null"),
    Row("in-qsort", ["{c}/crashme", "in-qsort"], SEGV, "read_null"),
    Row("rsp-null", ["{c}/crashme", "rsp-null"], SEGV, "mode_rsp_null", limit=1),
    Row("rsp-wild", ["{c}/crashme", "rsp-wild"], BUS, "mode_rsp_wild", limit=1),
    Row("jit", ["{c}/crashme", "jit"], SEGV, None),

    # how it was built
    Row("o2", ["{c}/crashme-o2", "null-read"], SEGV, "read_null"),
    Row("o2-qsort", ["{c}/crashme-o2", "in-qsort"], SEGV, "read_null"),
    Row("o2-threads", ["{c}/crashme-o2", "threads"], SEGV, "read_null"),
    Row("static", ["{c}/crashme-static", "threads"], SEGV, "read_null"),
    Row("static-abort", ["{c}/crashme-static", "double-free"], ABRT, ""),
    Row("static-handler", ["{c}/crashme-static", "in-handler"], SEGV, "read_null"),
    Row("static-pie", ["{c}/crashme-static-pie", "threads"], SEGV, "read_null"),
    Row("nopie", ["{c}/crashme-nopie", "threads"], SEGV, "read_null"),
    Row("nopie-qsort", ["{c}/crashme-nopie", "in-qsort"], SEGV, "read_null"),
    Row("stripped", ["{c}/crashme-stripped", "threads"], SEGV, "read_null"),
    Row("nodebug", ["{c}/crashme-nodebug", "null-read"], SEGV, ""),
    Row("dlopen", ["{c}/crashme", "dlopen"], SEGV, "plugin_inner"),
    Row("deleted", ["{c}/deleted-me", "deleted"], SEGV, "read_null", image="{c}/crashme",
        lldb_top=1, prepare=copy_and_keep, images=("-i", "{c}/images:/")),

    # C++
    Row("cxx-uncaught", ["{c}/crashme_cxx", "uncaught"], ABRT, ""),
    Row("cxx-pure-virtual", ["{c}/crashme_cxx", "pure-virtual"], ABRT, ""),
    Row("cxx-in-destructor", ["{c}/crashme_cxx", "in-destructor"], SEGV, "~fragile"),
    Row("cxx-in-catch", ["{c}/crashme_cxx", "in-catch"], SEGV, "in_catch"),
    Row("cxx-in-lambda", ["{c}/crashme_cxx", "in-lambda"], SEGV, ""),

    # threads and identity
    Row("threads", ["{c}/crashme", "threads"], SEGV, "read_null"),
    Row("leader-exited", ["{c}/crashme", "leader-exited"], SEGV, "read_null"),
    Row("many-threads", ["{c}/crashme", "many-threads"], SEGV, "read_null"),
    Row("two-crash", ["{c}/crashme", "two-crash"], SEGV, "read_null"),
    Row("many-maps", ["{c}/crashme", "many-maps"], SEGV, "read_null"),
    Row("escapes", ["{c}/crashme", "escapes"], SEGV, "read_null"),
    Row("namespaces", ["unshare", "-pmf", "--mount-proc", "sh", "-c", "{c}/crashme threads; exit 0"], SEGV,
        "read_null", image="{c}/crashme", wrapped=True, own_pids=True),
    Row("setuid", ["{c}/setuid-me", "null-read"], SEGV, "read_null", image="{c}/setuid-me",
        prepare=copy_aside("setuid-me", 0o4755), options={"user": 65534, "group": 65534}),
]

# What !analyze must say of them: the cause, and the function to blame. Where a dump without the code cannot tell
# reading from writing, of the dumps "-access" is right as well.
CAUSES = {
    "python3": ("null-pointer-read", None),
    "null-read": ("null-pointer-read", "read_null"),
    "null-write": ("null-pointer-write", "store_through"),
    "write-text": ("write-to-read-only", "store_through"),
    "inline": ("null-pointer-write", "innermost_inline"),
    "fpe": ("divide-by-zero", "divide"),
    "ill": ("compiler-trap", "undefined_instruction"),
    "trap": ("breakpoint", "mode_trap"),
    "bus": ("truncated-mapping", "read_mapped"),
    "call-null": ("null-pointer-call", "mode_call_null"),
    "jump-wild": ("bad-jump", "mode_jump_wild"),
    "read-wild": ("non-canonical-pointer", "store_through"),
    "abort": ("abort", "mode_abort"),
    "assert": ("assertion-failed", "mode_assert"),
    "double-free": ("heap-corruption", "mode_double_free"),
    "heap-smash": ("heap-corruption", "mode_heap_smash"),
    "raise": ("signal-sent", "mode_raise"),
    "vdso": ("null-pointer-write", "mode_vdso"),
    "overflow": ("stack-overflow", "overflow"),
    "overflow-thread": ("stack-overflow", "overflow"),
    "in-handler": ("null-pointer-read", "read_null"),
    "in-qsort": ("null-pointer-read", "read_null"),
    "rsp-null": ("bad-stack-pointer", None),
    "jit": ("null-pointer-read", "mode_jit"),
    "dlopen": ("null-pointer-write", "plugin_inner"),
    "cxx-uncaught": ("uncaught-exception", None),
    "cxx-pure-virtual": ("pure-virtual-call", None),
    "cxx-in-destructor": ("null-pointer-write", None),
}

# The same processes as above, with the stub in them: it takes the dump, then the kernel takes the core.
STUBBED = ("python3 python3-thread node-abort null-write fpe ill trap bus call-null jump-wild abort double-free "
           "raise overflow overflow-thread in-handler in-qsort rsp-null rsp-wild o2-qsort o2-threads nopie threads "
           "leader-exited two-crash dlopen cxx-uncaught").split()
CRASHES += [dataclasses.replace(row, name="stub-" + row.name, stub=True, restless=row.name.startswith("node"))
            for row in CRASHES if row.name in STUBBED]


@dataclasses.dataclass
class Evidence:
    row: Row
    core: str = ""
    dump: str = ""
    image: str = ""
    images: typing.Sequence[str] = ()
    problems: typing.List[str] = dataclasses.field(default_factory=list)
    helper_status: typing.Optional[int] = None
    peak_kib: int = 0


class Scene:
    """A folder where crashes happen: the tee, a copy of the crashers, the cores and dumps that came of it."""

    def __init__(self, folder, crashers, coretee, tree):
        self.folder, self.tree = folder, tree
        self.crashers = os.path.join(folder, "crashers")
        shutil.copytree(crashers, self.crashers, ignore=lambda _d, names: [n for n in names if n.startswith(".")])
        os.chmod(folder, 0o755)
        shutil.copy(coretee, os.path.join(folder, "tee"))
        self.ours = tree.pattern() if tree and tree.core and tree.register else None
        helper = "/bin/true"
        arguments = ""
        if self.ours:
            helper, _space, arguments = self.ours.lstrip("|").partition(" ")
        self.helper = helper
        self._use_helper(helper)
        self.pattern = "|%s/tee %%P %s" % (folder, arguments)
        if len(self.pattern) > 127:
            raise RuntimeError("'%s': too long a folder for core_pattern" % folder)

    def expand(self, text):
        return text.replace("{c}", self.crashers)

    def _with_stub(self):
        """The tree's stub, if it is installed; without it no dump appears, and the trials say so."""
        return {"env": dict(os.environ, INQUEST="m", LD_PRELOAD=self.tree.stub)} if self.tree.stub else {}

    def _use_helper(self, path):
        """What the tee passes the core on to."""
        link = os.path.join(self.folder, "helper")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(path, link)

    def _statuses(self):
        return {n for n in os.listdir(self.folder) if n.startswith("status.") and not n.endswith(".part")}

    def crash(self, row):
        """Let it happen; core_pattern is ours already."""
        evidence = Evidence(row)
        if row.prepare:
            row.prepare(self.crashers)
        argv = [self.expand(a) for a in row.argv]
        evidence.image = self.expand(row.image or shutil.which(argv[0]) or argv[0])
        evidence.images = [self.expand(word) for word in row.images]
        statuses = self._statuses()
        dumps = self.tree.dumps() if self.ours else set()
        self._use_helper("/bin/true" if row.stub else self.helper)
        kernel.put(kernel.SUID_DUMPABLE, row.suid_dumpable)
        process = subprocess.Popen(argv, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=allow_cores, **(self._with_stub() if row.stub else row.options))
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            evidence.problems.append("it did not die in 60 s")
            return evidence
        if not row.wrapped and status != -row.signal:
            evidence.problems.append("died with status %d, not of signal %d" % (status, row.signal))
        # Something else on this machine may crash meanwhile: a process that we started is known by its number.
        own = set() if row.wrapped or row.own_pids else {"status.%d" % process.pid}
        new = kernel.wait_until(lambda: (self._statuses() - statuses) & (own or self._statuses()), 30)
        if not new:
            evidence.problems.append("the kernel sent no core")
            return evidence
        pid = new.pop().split(".")[1]
        evidence.core = os.path.join(self.folder, "%s.core" % row.name)
        os.rename(os.path.join(self.folder, "core." + pid), evidence.core)
        with open(os.path.join(self.folder, "status." + pid), encoding="ascii") as f:
            evidence.helper_status, evidence.peak_kib = map(int, f.read().split())
        if self.ours:
            self._take_dump(evidence, dumps, "" if row.wrapped or row.own_pids else ".%d." % process.pid)
        return evidence

    def _take_dump(self, evidence, before, mark):
        if evidence.helper_status != 0:
            evidence.problems.append("inquest-core ended with wait status %d" % evidence.helper_status)
        dump = self.tree.new_dump(before, 10, mark)
        if not dump:
            evidence.problems.append("no dump appeared in '%s'" % self.tree.spool)
            return
        evidence.dump = os.path.join(self.folder, evidence.row.name + ".dmp")
        shutil.copy(dump, evidence.dump)
        os.unlink(dump)

    def crash_all(self, rows):
        """{name: Evidence}; core_pattern is the tee's for as short as it can be."""
        with kernel.crash_settings(pattern=self.pattern, pipe_limit=16, suid_dumpable=2):
            return {row.name: self.crash(row) for row in rows}


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def siginfo_of(core):
    return elfcore.Core(core).siginfo
