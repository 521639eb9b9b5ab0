# SPDX-License-Identifier: GPL-3.0-or-later
"""Privacy: of secrets planted everywhere not four bytes in a row are in a filtered dump, and every frame is.

$PRIVACY_RUNS says how often each case is run on each road (2 where nothing else is said; 1,000 by hand).
"""
import os
import re
import subprocess
import tempfile

import inquest
import kernel
import lab
from canaries import Canaries
from trial import Skip, collecting, expect, trial

CASES = ("leaf", "bare", "varargs", "qsort", "signal", "signal-stack", "jit", "abort")
RUNS = int(os.environ.get("PRIVACY_RUNS", "2"))
LIBRARIES = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64"
DEADLINE = 10


def frames(context, dump):
    """{position of the thread: [module and offset in it]}; names of modules without folders."""
    told = inquest.answers(context.tree, dump, ["~*k 0n400", "q"], ["-i", context.crashers + ":" + LIBRARIES])
    threads = told["~*k 0n400"][0]["threads"]
    return [[(os.path.basename(f["module"] or ""), f["symbol"], f["offset"]) for f in t["frames"]]
            for t in threads]


def leaks(dump, secrets, control):
    """Secrets in a dump, without windows that a dump of other secrets has as well: those are chance."""
    with open(dump, "rb") as f:
        data = f.read()
    return [(where, found, place) for where, found, place in Canaries(secrets).survivors(data)
            if not (control and found in control)], data


class StubRoad:
    def __init__(self, context):
        if not context.tree.stub or not context.tree.collector:
            raise Skip("the stub is not installed")
        self.context = context
        self.folder = tempfile.mkdtemp(prefix="privacy.", dir=context.folder)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        pass

    def crash(self, case, letters):
        """(dump, list of secrets)"""
        folder = tempfile.mkdtemp(dir=self.folder)
        secrets = os.path.join(folder, "secrets")
        environment = dict(os.environ, INQUEST=letters, INQUEST_DIR=folder, LD_PRELOAD=self.context.tree.stub)
        subprocess.run([os.path.join(self.context.crashers, "secretful"), case, secrets], env=environment,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60, check=False)
        dumps = lambda: [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".dmp")]
        found = kernel.wait_until(dumps, DEADLINE)
        expect(found, "%s, %s: no dump", case, letters)
        return found[0], secrets


class KernelRoad:
    """The letters are the settings file's; what it held before is put back."""

    def __init__(self, context):
        self.lab = lab.Lab(context)
        self.saved = None

    def __enter__(self):
        if os.path.exists(self.lab.tree.config):
            with open(self.lab.tree.config, "rb") as f:
                self.saved = f.read()
        self.lab.__enter__()
        return self

    def __exit__(self, *what):
        self.lab.__exit__(*what)
        if self.saved is None:
            os.unlink(self.lab.tree.config)
        else:
            self.write(self.saved)

    def write(self, data):
        with open(self.lab.tree.config, "wb") as f:
            f.write(data)

    def crash(self, case, letters):
        self.write(b"dump = %s\n" % letters.encode())
        secrets = os.path.join(tempfile.mkdtemp(dir=self.lab.context.folder), "secrets")
        _status, dump = self.lab.crash([self.lab.program("secretful"), case, secrets])
        expect(dump, "%s, %s: no dump", case, letters)
        return dump, secrets


def thread_frames_agree(context, whole, filtered, case, wrong):
    before, after = frames(context, whole), frames(context, filtered)
    if before != after:
        wrong.append("%s: frames differ: %s, then %s" % (case, [len(t) for t in before], [len(t) for t in after]))


def hold(context, road):
    with road(context) as here, collecting() as wrong:
        control = None
        for case in CASES:
            whole, secrets = here.crash(case, "m")
            found, _data = leaks(whole, secrets, None)
            expect(len(found) > 20, "%s: the plain dump holds only %d secrets: nothing is tried", case, len(found))
            for _run in range(RUNS):
                filtered, secrets = here.crash(case, "mrR")
                found, data = leaks(filtered, secrets, control)
                control = control or data
                if found:
                    wrong.append("%s: %s" % (case, ", ".join("%s (%s at 0x%x)" % (w, b.hex(), p)
                                                             for w, b, p in found[:4])))
                if re.search(rb"/(home|root|tmp|usr|var)/", data):
                    wrong.append("%s: a folder is named" % case)
            thread_frames_agree(context, whole, filtered, case, wrong)


@trial("privacy.scrub.R46-no-secret-and-every-frame")
def scrubbed(context):
    """Dumps that are already there, cleaned by `inquest scrub --strict`."""
    with StubRoad(context) as here, collecting() as wrong:
        for case in CASES:
            whole, secrets = here.crash(case, "m")
            clean = whole + ".clean"
            done = subprocess.run([context.tree.debugger, "scrub", "--strict", whole, clean], capture_output=True,
                                  timeout=60, check=False)
            expect(done.returncode == 0, "%s: %s", case, done.stderr[-200:])
            found, data = leaks(clean, secrets, None)
            if len(found) > 1:    # text of the machine may have four bytes of one by chance
                wrong.append("%s: %s" % (case, found[:4]))
            if re.search(rb"/(home|root|tmp|usr|var)/", data):
                wrong.append("%s: a folder is named" % case)
            thread_frames_agree(context, whole, clean, case, wrong)


@trial("privacy.stub.R46-no-secret-and-every-frame")
def stub_road(context):
    hold(context, StubRoad)


@trial("privacy.kernel.R46-no-secret-and-every-frame")
def kernel_road(context):
    hold(context, KernelRoad)
