# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of a trial's own, of either version, for processes that have something taken away from them."""
import contextlib
import os

import kernel
from trial import Skip

ROOT = "/sys/fs/cgroup"
# (controller, what) -> (file of version 1, file of version 2)
FILES = {
    ("memory", "limit"): ("memory.limit_in_bytes", "memory.max"),
    ("pids", "limit"): ("pids.max", "pids.max"),
    ("freezer", "state"): ("freezer.state", "cgroup.freeze"),
}
FROZEN = {"frozen": ("FROZEN", "1"), "thawed": ("THAWED", "0")}


class Group:
    """Use with `with`; what still runs in it at the end is killed."""

    def __init__(self, controller, **values):
        self.controller, self.values = controller, values
        old = os.path.join(ROOT, controller)
        self.version = 0 if os.path.isdir(old) else 1
        self.path = os.path.join(old if self.version == 0 else ROOT, "inquest-trial.%d" % os.getpid())

    def put(self, what, value):
        with open(os.path.join(self.path, FILES[self.controller, what][self.version]), "w", encoding="ascii") as f:
            f.write(str(FROZEN[value][self.version] if value in FROZEN else value))

    def processes(self):
        with open(self.path + "/cgroup.procs", encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    def enter(self):
        """In the child, before exec, as root."""
        with open(self.path + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write("0")

    def __enter__(self):
        try:
            os.mkdir(self.path)
            for what, value in self.values.items():
                self.put(what, value)
        except OSError as e:
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
            raise Skip("no control group of the kind '%s' here: %s" % (self.controller, e.strerror)) from None
        return self

    def __exit__(self, *what):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        kernel.wait_until(lambda: not self.processes(), 5)
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
