# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the programs under test are, and where they put their dumps: an installed tree."""
import os
import subprocess

import kernel


class Tree:
    """`prefix` is what configure was given; sysconfdir and localstatedir are asked for separately since
    /usr/local and /usr do not agree on them."""

    def __init__(self, prefix, localstatedir=None, sysconfdir=None):
        self.prefix = prefix
        self.localstatedir = localstatedir or os.path.join(prefix, "var")
        self.sysconfdir = sysconfdir or os.path.join(prefix, "etc")
        self.spool = os.path.join(self.localstatedir, "lib/inquest/dumps")
        self.config = os.path.join(self.sysconfdir, "inquest.conf")
        self.debugger = self.find("inquest")
        self.register = self.find("inquest-register")
        self.core = self.find("inquest-core")
        self.collector = self.find("inquest-collect")
        self.stub = self.shared_object("libinquest-stub.so")

    def find(self, program):
        for folder in ("bin", "sbin", "libexec/inquest", "libexec"):
            path = os.path.join(self.prefix, folder, program)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        return None

    def shared_object(self, name):
        for folder in ("lib", "lib64", "lib/x86_64-linux-gnu"):
            path = os.path.join(self.prefix, folder, name)
            if os.access(path, os.R_OK):
                return path
        return None

    def missing(self, *programs):
        """None if all are there, else the words for a skip."""
        lost = [p for p in programs if not self.find(p)]
        return "not installed in '%s': %s" % (self.prefix, ", ".join(lost)) if lost else None

    def run_register(self, *arguments, **more):
        return subprocess.run([self.register, *arguments], capture_output=True, text=True,
                              errors="replace", timeout=60, check=False, **more)

    def pattern(self):
        """The core_pattern that `inquest-register enable` sets; leaves the machine as it was."""
        with kernel.crash_settings():
            done = self.run_register("enable")
            try:
                if done.returncode != 0:
                    raise RuntimeError("inquest-register enable: %s" % (done.stderr or done.stdout).strip())
                return kernel.get(kernel.PATTERN)
            finally:
                self.run_register("disable")

    def dumps(self):
        """The finished dumps, as a set of paths: spool/ACCOUNT/NAME.dmp."""
        return {path for path in self.everything_in_spool() if path.endswith(".dmp")}

    def everything_in_spool(self):
        found = []
        for folder, _folders, files in os.walk(self.spool):
            found += [os.path.join(folder, name) for name in files]
        return set(found)

    def new_dump(self, before, seconds=10, mark=""):
        """Wait for one more dump than `before` with the mark (".PID.") in its name; its path, or None."""
        new = kernel.wait_until(lambda: {d for d in self.dumps() - before if mark in os.path.basename(d)}, seconds)
        return sorted(new)[-1] if new else None
