# SPDX-License-Identifier: GPL-3.0-or-later
"""Names are the crashed process's to choose: in file names, listings and terminals they must do no harm."""
import os
import re
import signal
import subprocess

import lab
from security_spool import FINAL_NAME, KEPT_BY_US
from trial import Skip, collecting, expect, trial

# C0 but tab and newline, DEL, C1, and what turns or hides text
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMMANDS = ".lastevent; .exr -1; .ecxr; r; kv; ~; ~*k; lm; lmv; |; vertarget; !address; q"


def harmful_in(output):
    text = output.decode("utf-8", "surrogateescape")
    found = HARMFUL.search(text)
    if not found and re.search("[\udc80-\udcff]", text):
        return "bytes that are not UTF-8"
    return repr(text[max(0, found.start() - 20):found.end() + 20]) if found else None


def shown_safely(here, dump, wrong, what):
    for words in (["list"], ["-z", dump, "-c", COMMANDS]):
        done = subprocess.run([here.tree.debugger, *words], capture_output=True, timeout=30, check=False)
        for stream in (done.stdout, done.stderr):
            harm = harmful_in(stream)
            if harm:
                wrong.append("%s: `inquest %s` prints %s" % (what, words[0], harm))
        if words[0] == "-z" and done.returncode != 0:
            wrong.append("%s: inquest ends with %d: %s" % (what, done.returncode, done.stderr[-200:]))


@trial("security.names.R24-R68-escapes-everywhere")
def escapes_everywhere(context):
    """argv[0], arguments, thread name, file name, module name, mapping name and environment full of escapes."""
    with lab.Lab(context) as here, collecting() as wrong:
        if not here.tree.debugger:
            raise Skip("inquest is not installed")
        evil = "\033]0;own\a\u202e\x9b31m\n%n$(id)`id`"
        file_name = os.path.join(here.crashers, "e\033[2J\n\u202e%n$(id)")
        here.special(os.path.basename(file_name))
        status, dump = here.crash([evil, "escapes", evil], here.users.victim, executable=file_name,
                                  env={"EVIL": evil, evil.replace("=", ""): "x"})
        expect(status == -signal.SIGSEGV, "it died with %s", status)
        expect(dump, "no dump")
        expect(FINAL_NAME.fullmatch(os.path.basename(dump)), "the dump is called %r", os.path.basename(dump))
        shown_safely(here, dump, wrong, "escapes")


@trial("security.names.R22-process-names")
def process_names(context):
    """Names that look like options, paths or commands become harmless file names of the dump."""
    with lab.Lab(context) as here, collecting() as wrong:
        for name in ("--owner=1000", "-F9", " x", "%P", "$(id)", "a\nb", "..", "../../etc/x", ".", "A" * 15):
            script = "import ctypes; ctypes.CDLL(None).prctl(15, %r, 0, 0, 0); ctypes.string_at(0)" % os.fsencode(name)
            _status, dump = here.crash(["/usr/bin/python3", "-c", script], here.users.victim)
            if not dump:
                wrong.append("%r: no dump" % name)
            elif not FINAL_NAME.fullmatch(os.path.basename(dump)):
                wrong.append("%r: the dump is called %r" % (name, os.path.basename(dump)))
            elif os.path.dirname(os.path.dirname(dump)) != here.tree.spool:
                wrong.append("%r: the dump is in '%s'" % (name, os.path.dirname(dump)))


@trial("security.names.R22-host-names")
def host_names(context):
    with lab.Lab(context) as here, collecting() as wrong:
        for name in ("-rf", "..", "A" * 64, "a b"):
            script = "import socket, sys, ctypes; socket.sethostname(sys.argv[1]); ctypes.string_at(0)"
            status, dump = here.crash(["unshare", "-Uru", "/usr/bin/python3", "-c", script, name], here.users.victim)
            if status != -signal.SIGSEGV:
                raise Skip("users may not make namespaces here")
            if not dump or lab.own(dump) != (0, 0, 0o600):
                wrong.append("%r: %s" % (name, dump and lab.own(dump)))


@trial("security.names.R22-closed-descriptors")
def closed_descriptors(context):
    """The kernel starts the helper with 1 and 2 closed; whatever else is closed, it ends by itself."""
    with lab.Lab(context) as here, collecting() as wrong:
        for closed in ("<&-", "<&- >&-", "<&- >&- 2>&-", ">&-", ">&- 2>&-", "2>&-", "<&- 2>&-"):
            before = here.tree.everything_in_spool()
            done = subprocess.run(["/bin/sh", "-c", "exec %s P=1 d=1 %s" % (here.tree.core, closed)],
                                  stdin=subprocess.DEVNULL, timeout=30, check=False, env={})
            if done.returncode < 0:
                wrong.append("with %s it died of signal %d" % (closed, -done.returncode))
            for path in here.tree.everything_in_spool() - before:
                if os.path.basename(path) in KEPT_BY_US:
                    continue
                with open(path, "rb") as f:
                    if f.read(4) != b"MDMP":
                        wrong.append("with %s there is a file that is no dump" % closed)
