# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a running process stands still while it is dumped, as it sees it itself, beside gcore, procdump and lldb.

As root both sides run with real-time priority, so that the machine's other
work is not measured. The floor is the longest gap of a second in which nobody looks.
"""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# letters, MiB touched, threads beside the first, ms allowed
SIZES = [("/m", 16, 3, 15), ("/m", 16, 999, 100), ("/mf", 1024, 3, 60), ("/f", 1024, 3, 60)]
PEERS = {
    "gcore": lambda pid, out: ["gcore", "-o", out, str(pid)],
    # Debian's, 1.2: it knows no dump at once; more than 1 MB, once
    "procdump": lambda pid, out: ["procdump", "-n", "1", "-s", "1", "-M", "1", "-o", os.path.dirname(out), "-p", str(pid)],
    "lldb-19": lambda pid, out: ["lldb-19", "--batch", "-p", str(pid), "-o",
                                 "process save-core --plugin-name=minidump " + out],
}


def priority(level):
    """Before exec, in the child; without root things are as they are; 0: the usual one."""
    def set_it():
        try:
            if level:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(level))
        except PermissionError:
            pass
    return set_it


class Pausing:
    def __init__(self, build, mib, threads):
        self.process = subprocess.Popen([os.path.join(build, "tests/bench/pausing"), str(mib), str(threads)],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=priority(10))
        self.process.stdout.readline()

    def gap(self):
        """Milliseconds; the longest since the last call."""
        self.process.send_signal(signal.SIGUSR1)
        return int(self.process.stdout.readline()) / 1000

    def end(self):
        self.process.kill()
        self.process.wait()


def measure(pausing, command, rounds, allowed=None):
    gaps, took = [], []
    for _ in range(rounds):
        pausing.gap()
        start = time.monotonic()
        try:
            done = subprocess.run(command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, timeout=120, preexec_fn=priority(20))
        except subprocess.TimeoutExpired:
            return "did not end within 120 s"
        took.append(time.monotonic() - start)
        gaps.append(pausing.gap())
        if done.returncode:
            return "failed: " + done.stderr.strip().splitlines()[-1][:80]
    middle = statistics.median(gaps)
    words = "" if allowed is None else "   within" if middle <= allowed else "   TOO MUCH"
    return "%8.1f ms   (worst %.1f)   %6.2f s%s" % (middle, max(gaps), statistics.median(took), words)


def bench(build, rounds):
    with tempfile.TemporaryDirectory(prefix="inquest-pause-", dir="/var/tmp") as folder:
        out = os.path.join(folder, "dump")
        for letters, mib, threads, allowed in SIZES:
            pausing = Pausing(build, mib, threads)
            pid = pausing.process.pid
            print("\n%s of %d MiB, %d threads: longest gap, median of %d (allowed %d ms); whole command" %
                  (letters, mib, threads + 1, rounds, allowed))
            pausing.gap()
            time.sleep(1)
            print("  %-22s %8.1f ms" % ("nobody", pausing.gap()))
            rows = {"inquest": [], "inquest --no-snapshot": ["--no-snapshot"]}
            for name, extra in rows.items():
                command = [os.path.join(build, "inquest"), "-p", str(pid)] + extra + \
                    ["-c", ".dump %s /o %s" % (letters, out)]
                print("  %-22s %s" % (name, measure(pausing, lambda: command, rounds, allowed if not extra else None)))
            for name, make in PEERS.items():
                if shutil.which(name) and (name != "lldb-19" or letters == "/m"):
                    print("  %-22s %s" % (name, measure(pausing, lambda: make(pid, out), 1)))
                elif letters == "/m" and threads < 10:
                    print("  %-22s not installed" % name)
            sys.stdout.flush()
            pausing.end()
            for left in os.listdir(folder):
                os.unlink(os.path.join(folder, left))
